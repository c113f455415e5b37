"""Trains a Once-for-All supernet of handwritten digits, from the 1,797 scans that scikit-learn includes.

    python examples/train_digits_supernet.py images examples/digits/images
    python examples/train_digits_supernet.py train examples/digits/ofa_digits.pth
    python examples/train_digits_supernet.py check examples/digits/ofa_digits.pth examples/digits/images

The first command writes the images for calibration (train), the search (search) and the test (test). The second makes
the checkpoint that is there, in the official layout. The third scores random subnets as the evaluator does.
"""

import argparse
import math
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from collm_nas_evaluator.backends.supernet import Values, values_of
from collm_nas_evaluator.families import ofa
from collm_nas_evaluator.imagenet import ImageSet, Recipe, ofa_training, subset
from collm_nas_evaluator.space import Space
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import kendalltau, spearmanr
from sklearn.datasets import load_digits
from torch import Tensor
from torch.func import functional_call

WIDTH, CLASSES, PIXELS = 0.3, 10, 32
BATCH, STEPS, NOISE = 64, 900, 25
SIDE = 37
"""The side of an image in pixels. Validation shrinks images to this size, then takes the middle 32 pixels."""
VARIANTS = {"train": 4, "search": 12, "test": 12}
"""How often each scan is in each folder: each time at another place, in another size and with other noise."""
SPACE = Space(ofa.dimensions_with((PIXELS,)), id="ofa-digits")
LARGEST, SMALLEST = (
    values_of(SPACE, SPACE.parse({"r": PIXELS, "d": [depth] * 5, "ks": [kernel] * 20, "e": [expansion] * 20}))
    for depth, kernel, expansion in ((4, 7, 6), (2, 3, 3))
)


# --- images: whole numbers only, so that every machine makes the same pixels ---


@cache
def scans() -> dict[str, list[tuple[int, int]]]:
    """The number and the digit of each scan in each folder: of every digit a half, a quarter and a quarter."""
    digits, random = load_digits().target, np.random.RandomState(1797)
    split: dict[str, list[tuple[int, int]]] = {name: [] for name in VARIANTS}
    for digit in range(CLASSES):
        order = random.permutation(np.flatnonzero(digits == digit)).tolist()
        quarter = len(order) // 4
        parts = {"search": order[:quarter], "test": order[quarter : 2 * quarter], "train": order[2 * quarter :]}
        for name, numbers in parts.items():
            split[name] += [(number, digit) for number in numbers]
    return split


@cache
def _enlargement(size: int) -> NDArray[np.int64]:
    """The matrix [size, 8] that enlarges eight pixels linearly, times 2 * size."""
    matrix = np.zeros((size, 8), np.int64)
    for row in range(size):
        before, part = divmod((2 * row + 1) * 8 - size, 2 * size)
        matrix[row, max(before, 0)] += 2 * size - part
        matrix[row, min(before + 1, 7)] += part
    return matrix


def variant(scan: NDArray[np.int64], random: np.random.RandomState) -> NDArray[np.uint8]:
    """A scan (8 x 8, 0 to 16) somewhere in an image [SIDE, SIDE], among bars and in noise."""
    height, width = random.randint(20, 30, 2)
    ink = _enlargement(height) @ scan @ _enlargement(width).T
    top, left = random.randint(3, SIDE - 2 - height), random.randint(3, SIDE - 2 - width)
    contrast = random.randint(60, 130)
    image = np.full((SIDE, SIDE), 128 - contrast // 2)
    image[top : top + height, left : left + width] += contrast * ink // (16 * 4 * height * width)
    for _ in range(random.randint(4)):
        bar = [random.randint(2, 4), random.randint(8, 20)][:: random.choice([1, -1])]
        down, right = (random.randint(SIDE - length) for length in bar)
        image[down : down + bar[0], right : right + bar[1]] += random.randint(-contrast, contrast + 1) * 2 // 3
    image += random.randint(-NOISE, NOISE + 1, (2, SIDE, SIDE)).sum(0)
    return np.clip(image, 0, 255).astype(np.uint8)


def variants(name: str, count: int, random: np.random.RandomState) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` images of each scan of a folder [N, SIDE, SIDE] and their digits [N], scan by scan."""
    all_scans = load_digits().images.astype(np.int64)
    numbers = [each for each in scans()[name] for _ in range(count)]
    images = np.stack([variant(all_scans[number], random) for number, _ in numbers])
    return images, np.array([digit for _, digit in numbers])


def write_images(folder: Path) -> None:
    """Writes FOLDER/{train,search,test}/DIGIT/SCAN-VARIANT.png, each of the three whole or not at all."""
    for seed, (name, count) in enumerate(VARIANTS.items()):
        images, _ = variants(name, count, np.random.RandomState(seed))
        draft = folder / f"{name}.unfinished"
        for place, image in enumerate(images):
            number, digit = scans()[name][place // count]
            path = draft / str(digit) / f"{number:04}-{place % count:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Uncompressed (noise hardly compresses), so that the bytes do not depend on a library.
            Image.fromarray(image).save(path, compress_level=0)
        shutil.rmtree(folder / name, ignore_errors=True)
        draft.replace(folder / name)
        print(f"{folder / name}: {len(images):,} images", flush=True)


# --- training ---


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
    """Trains a supernet in place by the sandwich rule: at each step the largest subnet, the smallest and two others."""

    def __init__(self, supernet: ofa.Ofa, steps: int) -> None:
        self._supernet, self._random = supernet, Random(0)  # noqa: S311
        weights = {name: weight for name, weight in supernet.weights.items() if ".running_" not in name}
        self._weights = [weight.requires_grad_() for weight in weights.values()]
        self._optimizer = torch.optim.AdamW(self._weights, weight_decay=0.02)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimizer, 0.01, total_steps=steps, pct_start=0.1)
        self._networks = {id(values): supernet.network(values).train() for values in (LARGEST, SMALLEST)}

    def step(self, images: Tensor, labels: Tensor) -> float:
        """One step on [N, 3, PIXELS, PIXELS]; returns the largest subnet's loss before it."""
        self._optimizer.zero_grad()
        losses = []
        for values in (LARGEST, SMALLEST, *(values_of(SPACE, SPACE.sample(self._random)) for _ in range(2))):
            loss = F.cross_entropy(self._forward(values, images), labels, label_smoothing=0.1)
            loss.backward()
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(self._weights, 5.0)
        self._optimizer.step()
        self._schedule.step()
        return losses[0]

    def _forward(self, values: Values, images: Tensor) -> Tensor:
        state = self._supernet.activated(values)
        if values is not LARGEST:  # the statistics in the file are those of the largest subnet
            state = {name: each.clone() if ".running_" in name else each for name, each in state.items()}
        network = self._networks.get(id(values)) or self._supernet.network(values).train()
        return functional_call(network, state, (images,))


def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Training scans in new noise. An eighth are crops as in calibration; the others are not scaled."""
    images, labels = variants("train", 6, np.random.RandomState(1000))
    random, recipe = np.random.RandomState(1000), ofa_training(PIXELS)
    for step in range(steps):
        chosen = random.randint(len(images), size=BATCH)
        top, left = random.randint(SIDE - PIXELS + 1, size=2)
        cut = images[chosen, top : top + PIXELS, left : left + PIXELS, None].repeat(3, axis=3)
        for row in range(BATCH // 8):
            image = Image.fromarray(images[chosen[row]]).convert("RGB")
            cut[row] = recipe.crop(image, step * BATCH + row)
        yield recipe.prepare(torch.from_numpy(cut)), torch.from_numpy(labels[chosen])


def train(path: Path, steps: int) -> None:
    """Trains from scratch and writes the checkpoint."""
    torch.manual_seed(0)
    draft = path.with_name(f"{path.name}.unfinished")
    save(draft, random_weights(), 0)
    supernet = ofa.load(draft)
    training, begin, losses = Training(supernet, steps), time.monotonic(), []
    for step, (images, labels) in enumerate(batches(steps), 1):
        losses.append(training.step(images, labels))
        if step % 20 == 0:
            left = (time.monotonic() - begin) / step * (steps - step)
            print(f"step {step}/{steps}, loss {np.mean(losses[-20:]):.3f}, {left / 60:.1f} min left", flush=True)
    save(draft, list(supernet.weights.values()), steps)
    draft.replace(path)


# --- checking the result with the evaluator's code ---


def inputs(folder: Path, recipe: Recipe, most: int | None = None) -> tuple[Tensor, Tensor]:
    """The images of a folder, or `most` of them, as the evaluator sees them, and their digits."""
    images = ImageSet.open(folder, CLASSES)
    images = images if most is None else subset(images, most)
    pixels = np.stack([recipe.crop(images.read(place), place) for place in range(len(images))])
    return recipe.prepare(torch.from_numpy(pixels)), torch.from_numpy(images.labels)


@torch.inference_mode()
def accuracy(network: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of right answers in percent."""
    right = sum(
        int((network(some).argmax(1) == of).sum())
        for some, of in zip(images.split(200), labels.split(200), strict=True)
    )
    return 100 * right / len(labels)


def check(path: Path, folder: Path, count: int) -> None:
    """Prints the accuracy of random subnets on both splits, and how well the two orders agree."""
    supernet, random = ofa.load(path), Random(0)  # noqa: S311
    calibration = supernet.calibration(LARGEST)
    training, _ = inputs(folder / "train", calibration.recipe, calibration.images)
    splits = {name: inputs(folder / name, supernet.validation(LARGEST)) for name in ("search", "test")}
    some = {"largest": LARGEST, "smallest": SMALLEST}
    some |= {f"random {place}": values_of(SPACE, SPACE.sample(random)) for place in range(count)}
    rows = []
    for name, values in some.items():
        network = supernet.subnet(values, training.split(calibration.batch))
        rows.append([accuracy(network, *split) for split in splits.values()])
        print(f"{name}: search {rows[-1][0]:.2f} %, test {rows[-1][1]:.2f} %", flush=True)
    search, test = np.array(rows[2:]).T
    print(f"{count} random subnets: search {search.min():.2f} to {search.max():.2f} %", end=", ")
    print(f"test {test.min():.2f} to {test.max():.2f} %", end="; ")
    print(f"Spearman {spearmanr(search, test)[0]:.3f}, Kendall {kendalltau(search, test)[0]:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("images", "train", "check"):
        command = commands.add_parser(name)
        if name != "images":
            command.add_argument("checkpoint", type=Path)
        if name != "train":
            command.add_argument("folder", type=Path)
    commands.choices["train"].add_argument("--steps", type=int, default=STEPS)
    commands.choices["check"].add_argument("--subnets", type=int, default=50)
    options = parser.parse_args()
    if options.command == "images":
        write_images(options.folder)
    elif options.command == "train":
        train(options.checkpoint, options.steps)
    else:
        check(options.checkpoint, options.folder, options.subnets)


if __name__ == "__main__":
    main()
