"""Small random supernets in the official containers, so that every family is tested without a download."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from collm_nas_evaluator.dimension import Dimension
from collm_nas_evaluator.families import autoformer, ofa, spos

CLASSES = 5
OFA_WIDTH, OFA_CLASSES = 0.1, CLASSES
SPOS_WIDTHS = spos.Widths(8, (16, 24, 32, 48), 64)
AUTOFORMER_SIZES = autoformer.Sizes(dim=48, heads=2, depth=3, classes=CLASSES, grid=4)
AUTOFORMER_CHOICES = autoformer.Choices((2, 3), (32, 48), (3, 4), (1, 2))
SMALLEST = {"r": [32], "d": [2] * 5, "ks": [3] * 20, "e": [3] * 20}
LARGEST = {"r": [48], "d": [4] * 5, "ks": [7] * 20, "e": [6] * 20}
MIXED = {"r": [40], "d": [4, 2, 3, 4, 2], "ks": [7, 5, 3, 7, 5] * 4, "e": [6, 3, 4, 3] * 5}


def random_weights(layout: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Values for every tensor of a layout that keep a signal alive from input to output."""
    source = np.random.RandomState(seed)
    weights = {}
    for name, shape in layout.items():
        if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            values = source.uniform(0.5, 1.5, shape)
        elif name.endswith("_matrix"):
            values = np.eye(shape[0]) + 0.1 * source.standard_normal(shape)
        else:
            fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 10
            values = source.standard_normal(shape) * (2.0 / fan_in) ** 0.5
        weights[name] = torch.from_numpy(np.asarray(values, np.float32))
    return weights


def ofa_weights(seed: int = 0) -> dict[str, Tensor]:
    return random_weights(ofa.layout(OFA_WIDTH, OFA_CLASSES), seed)


def save(path: Path, container: object, *, is_zip: bool = True, protocol: int = 2) -> Path:
    """Writes a file as torch.save does, in today's serialization or the one of the published files."""
    torch.save(container, path, pickle_protocol=protocol, _use_new_zipfile_serialization=is_zip)
    return path


def pictures(resolution: int, count: int, seed: int = 0) -> Tensor:
    """Inputs of order one that differ from each other, float32 [count, 3, resolution, resolution]."""
    source = np.random.RandomState(seed)
    coarse = np.kron(source.standard_normal((count, 3, 4, 4)), np.ones((-(-resolution // 4),) * 2))
    noise = source.standard_normal((count, 3, resolution, resolution))
    return torch.from_numpy((coarse[:, :, :resolution, :resolution] + 0.5 * noise).astype(np.float32))


def load(family: str, folder: Path, seed: int = 0) -> ofa.Ofa | spos.Spos | autoformer.AutoFormer:
    """A small supernet of a family, read back from a file in `folder` that is named like the family."""
    path = folder / family
    if family == "ofa":
        return ofa.load(save(path, {"state_dict": ofa_weights(seed)}))
    if family == "spos":
        weights = random_weights(spos.layout(SPOS_WIDTHS, CLASSES), seed)
        box = {"state_dict": {f"module.{name}": each for name, each in weights.items()}}
        return spos.load(save(path, box), calibration_images=50, pixels=64)
    weights = random_weights(autoformer.layout(AUTOFORMER_SIZES), seed)
    return autoformer.load(save(path, {"model": weights, "epoch": 1}))


def dimensions(family: str) -> tuple[Dimension, ...]:
    """What a search may choose in a small supernet."""
    if family == "ofa":
        return ofa.dimensions_with((32, 48))
    return spos.DIMENSIONS if family == "spos" else AUTOFORMER_CHOICES.dimensions()
