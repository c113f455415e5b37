"""Checkpoint files as their authors published them: read without running anything, then held against a layout.

Owns what may stand in a file, its digest, and the sentence about the first tensor that differs. Knows no family.
"""

import argparse
import hashlib
import pickle
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from collm_nas_evaluator.errors import CheckpointMissing, CheckpointUnusable

Shape = tuple[int, ...]

_MARKS = {"AutoFormer": "cls_token", "SPOS": "features.", "Once-for-All": "blocks.0.conv."}
"""How the name of some tensor begins in each family, for the sentence about a file of another one."""
_COUNTER = ".num_batches_tracked"
NOT_LOADABLE = (
    RuntimeError,
    OSError,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    struct.error,
)
"""What torch.load raises for files that are cut, foreign or hostile."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file by name, without a leading "module.", and the digest of its bytes (SHA-256)."""

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]

    def shape(self, name: str) -> Shape:
        """The shape of a tensor that tells a member of the family from another.

        Raises CheckpointUnusable when it is not there.
        """
        found = self.tensors.get(name)
        if found is None:
            raise CheckpointUnusable(self.path, f'"{name}" is not among its {len(self.tensors)} tensors{self._first()}')
        return tuple(found.shape)

    def held_against(self, layout: Mapping[str, Shape], of_what: str, device: torch.device) -> dict[str, Tensor]:
        """The tensors of `layout` in its order, as float32 on `device`; counters of batches are left out.

        Raises CheckpointUnusable naming the first tensor that is missing, has another shape or is none of the layout's.
        """
        weights = {}
        for name, shape in layout.items():
            tensor = self.tensors.get(name)
            if tensor is None:
                raise CheckpointUnusable(self.path, f'"{name}" is missing; {of_what} has it with shape {list(shape)}')
            if tuple(tensor.shape) != shape or not tensor.is_floating_point():
                got = f"{list(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
                raise CheckpointUnusable(self.path, f'"{name}" is {got}; {of_what} has floats of shape {list(shape)}')
            weights[name] = tensor.to(device=device, dtype=torch.float32).contiguous()
        for name in self.tensors:
            if name not in layout and not name.endswith(_COUNTER):
                raise CheckpointUnusable(self.path, f'"{name}" is no tensor of {of_what}')
        return weights

    def _first(self) -> str:
        families = [family for family, mark in _MARKS.items() if any(name.startswith(mark) for name in self.tensors)]
        looks = f"; it looks like a supernet of {families[0]}" if families else ""
        return f', the first being "{next(iter(self.tensors))}"{looks}'


def read(path: Path, container: str, rename: Callable[[str], str] = str, where_from: str = "") -> Checkpoint:
    """Reads a file of torch.save in either of its serializations; nothing in it is run.

    `container` is the key of the weights beside which training state may stand; a bare dictionary of tensors is taken
    too. `rename` brings a tensor's name to its one spelling. Raises CheckpointMissing (with `where_from`, which says
    where to get the file) and CheckpointUnusable.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            box = _loaded(path, file)
    except FileNotFoundError as error:
        raise CheckpointMissing(f"{path} is not there{'; ' if where_from else ''}{where_from}") from error
    except OSError as error:
        raise CheckpointUnusable(path, f"cannot be read: {error.strerror or error}") from error
    found = box.get(container, box) if isinstance(box, dict) else box
    if not isinstance(found, dict) or not found or not all(isinstance(each, Tensor) for each in found.values()):
        raise CheckpointUnusable(path, f'holds neither a dictionary of tensors nor one under "{container}"')
    return Checkpoint(path, digest, _named(path, found, rename))


def _loaded(path: Path, file: BinaryIO) -> Any:
    try:
        # Training state may hold the arguments of the training; a Namespace is a record without behaviour.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings(action="ignore"):
            return torch.load(file, map_location="cpu", weights_only=True)
    except NOT_LOADABLE as error:
        raise CheckpointUnusable(path, _why(error)) from error


def _named(path: Path, found: Mapping[object, Tensor], rename: Callable[[str], str]) -> dict[str, Tensor]:
    names = [str(name) for name in found]
    if all(name.startswith("module.") for name in names):
        names = [name.removeprefix("module.") for name in names]
    tensors: dict[str, Tensor] = {}
    for name, tensor in zip(map(rename, names), found.values(), strict=True):
        if name in tensors:
            raise CheckpointUnusable(path, f'holds "{name}" twice, under two spellings')
        tensors[name] = tensor
    return tensors


def _why(error: Exception) -> str:
    text = _line(str(error))
    before, unsupported, what = text.partition("nsupported ")  # torch writes it with either letter
    if (unsupported and not what.startswith("operand")) or "global" in before.lower():
        return f"holds more than weights, and nothing else is loaded (unsupported {(what or before).strip(': ')[:160]})"
    return f"is no PyTorch checkpoint, or a cut one; download it again ({type(error).__name__}: {text[:160]})"


def _line(text: str) -> str:
    return " ".join(text.split())
