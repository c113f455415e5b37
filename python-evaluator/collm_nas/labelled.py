"""Reads the data that score and calibrate subnets: a DataLoader or other batches, or a folder of class folders.

It reads everything once, so that what cannot be used is refused before a search begins, and so that the data have an
identity. It loads PyTorch. It knows no network.
"""

import hashlib
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from collm_nas.errors import UsageError
from collm_nas.subnets import digest
from collm_nas_evaluator import processors
from collm_nas_evaluator.scoring import Inputs

if TYPE_CHECKING:
    from collm_nas_evaluator.crops import Crops

MOST_IN_MEMORY = 1 << 30
"""Data of at most so many bytes are kept in memory and read once; larger ones are read again for each subnet."""
SEED = 20_240_607
"""Calibration inputs are drawn from a loader that shuffles with this seed, so that they are always the same."""
_BATCH = 128


@dataclass(frozen=True)
class Data:
    """What scores subnets. `inputs` is None where a metric of the user reads `loader` by itself."""

    hash: str
    """SHA-256 over the inputs and labels; empty when they hold something whose contents cannot be read."""
    loader: Any
    example: Any
    """The first inputs."""
    inputs: Inputs | None = None
    classes: int | None = None
    """How many there are, where that is known."""
    groups: NDArray[np.int64] | None = None
    """The number of the group of each input, where some go together."""


def scored(name: str, given: Any, pixels: int | None, cache: Path, *, is_labelled: bool = True) -> Data:
    """The data of a split. `name` is the argument that a refusal names. Raises UsageError."""
    if isinstance(given, str | os.PathLike):
        crops = _crops(name, Path(given), pixels, cache)
        crops.cache(lambda _done, _all: None)
        mark = hashlib.sha256(f"{crops.images.hash} {crops.recipe.hash}".encode()).hexdigest()
        loader = _Prepared(crops)
        example = next(iter(loader))[0]
        return Data(mark, loader, example, crops, len(crops.images.classes.names), crops.images.groups)
    _require_batches(name, given)
    return _labelled(name, given) if is_labelled else _unlabelled(name, given)


def calibration(name: str, given: Any, count: int, pixels: int | None, cache: Path) -> tuple[list[Tensor], str]:
    """The inputs of the first `count` entries in batches, and their SHA-256. Raises UsageError.

    They stay in memory, as every subnet sees all of them. A loader that shuffles is read with a fixed seed.
    """
    if isinstance(given, str | os.PathLike):
        from collm_nas_evaluator.imagenet import subset  # noqa: PLC0415 - loads image libraries

        crops = _crops(name, Path(given), pixels, cache)
        crops = type(crops)(subset(crops.images, count), crops.recipe, cache, processors.usable())
        given = _Prepared(crops)
    else:
        _require_batches(name, given)
    kept: list[Tensor] = []
    with _seeded(given):
        for batch in given:
            inputs = batch if isinstance(batch, Tensor) else _first(name, batch)
            kept.append(inputs[: count - sum(map(len, kept))])
            if sum(map(len, kept)) >= count:
                break
    if sum(map(len, kept)) == 0:
        raise UsageError(f"{name} is empty; it must give inputs to compute the statistics of batch norm from")
    if len(kept) > 1 and len(kept[-1]) == 1:  # a batch of one may have a single value a channel, which has no variance
        kept[-2:] = [torch.cat(kept[-2:])]
    return kept, _hash(kept)


# --- internal ---


class _Prepared:
    """The batches (inputs, labels) of crops, as a metric of a user gets them."""

    def __init__(self, crops: "Crops") -> None:
        self._crops = crops

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        at = 0
        labels = torch.from_numpy(self._crops.labels)
        for batch in self._crops.batches(_BATCH):
            yield self._crops.prepare(batch), labels[at : at + len(batch)]
            at += len(batch)


class _FromLoader:
    """Inputs that are read from a loader, or kept from its first reading."""

    def __init__(self, name: str, loader: Iterable[Any], labels: NDArray[np.int64], first: Tensor) -> None:
        self._name, self._loader, self._labels = name, loader, labels
        self._kept: list[Tensor] | None = None
        self.kind = f"{name} {tuple(first.shape[1:])}"
        self.pixels = max(1, round((first[0].numel() / 3) ** 0.5)) if first.dim() < 4 else int(first.shape[-1])

    def keep(self, batches: list[Tensor]) -> None:
        self._kept = batches

    @property
    def labels(self) -> NDArray[np.int64]:
        return self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def batches(self, size: int, start: int = 0) -> Iterator[Tensor]:
        at = 0
        for batch in self._kept if self._kept is not None else self._read_again():
            for piece in torch.split(batch, size):
                if at + len(piece) > start:
                    yield piece[max(0, start - at) :]
                at += len(piece)

    def prepare(self, batch: Tensor) -> Tensor:
        return batch

    def _read_again(self) -> Iterator[Tensor]:
        at = 0
        for inputs, labels in map(partial(_pair, self._name), self._loader):
            if not np.array_equal(labels, self._labels[at : at + len(labels)]):
                raise UsageError(f"{self._name} gives its labels in another order than before; {_UNSHUFFLED}")
            at += len(labels)
            yield inputs


_UNSHUFFLED = "make it with shuffle=False and without random augmentation"


def _labelled(name: str, loader: Any) -> Data:
    hashes, labels, size = hashlib.sha256(), [], 0
    kept: list[Tensor] = []
    first: Tensor | None = None
    for inputs, found in map(partial(_pair, name), loader):
        if first is None:
            first = inputs
        elif inputs.shape[1:] != first.shape[1:]:
            shapes = f"{tuple(first.shape[1:])} and {tuple(inputs.shape[1:])}"
            raise UsageError(f"{name} gives inputs of two shapes, {shapes}; all must have one shape")
        hashes.update(f"{digest(inputs)} {digest(torch.from_numpy(found))}\n".encode())
        labels.append(found)
        size += inputs.nbytes
        kept = [*kept, inputs] if size <= MOST_IN_MEMORY else []
    if first is None or not sum(map(len, labels)):
        raise UsageError(f"{name} is empty; it must give batches (inputs, labels)")
    again = _pair(name, next(iter(loader)))[0]
    if not torch.equal(first.nan_to_num(), again.nan_to_num()):
        raise UsageError(f"{name} gives other inputs each time it is read; {_UNSHUFFLED}")
    inputs_of = _FromLoader(name, loader, np.concatenate(labels), first)
    if size <= MOST_IN_MEMORY:
        inputs_of.keep(kept)
    classes = getattr(getattr(loader, "dataset", None), "classes", None)
    known = len(classes) if isinstance(classes, Sequence) and not isinstance(classes, str) else None
    return Data(hashes.hexdigest(), loader, first, inputs_of, known)


def _unlabelled(name: str, loader: Any) -> Data:
    """For a metric that reads the batches by itself: their form is its own affair."""
    batches = iter(loader)
    first = next(batches, None)
    if first is None:
        raise UsageError(f"{name} is empty")
    mark = _hash(first)
    if mark and _hash(next(iter(loader))) != mark:
        raise UsageError(f"{name} gives other inputs each time it is read; {_UNSHUFFLED}")
    marks = [mark, *map(_hash, batches)]
    whole = hashlib.sha256("\n".join(marks).encode()).hexdigest() if all(marks) else ""
    example = first if isinstance(first, Tensor) else first[0] if isinstance(first, list | tuple) and first else None
    return Data(whole, loader, example if isinstance(example, Tensor) else None)


def _pair(name: str, batch: Any) -> tuple[Tensor, NDArray[np.int64]]:
    inputs = _first(name, batch)
    if isinstance(batch, Tensor) or len(batch) < 2:
        raise UsageError(f"{name} has no labels; its batches must be (inputs, labels)")
    labels = torch.as_tensor(batch[1])
    if labels.is_floating_point() or labels.is_complex() or labels.dim() != 1 or len(labels) != len(inputs):
        raise UsageError(
            f"{name} has labels {labels.dtype} {tuple(labels.shape)} for {len(inputs)} inputs; labels are one whole "
            "number for each input, its class, or pass metric= to score in another way"
        )
    return inputs, labels.cpu().numpy().astype(np.int64)


def _first(name: str, batch: Any) -> Tensor:
    if isinstance(batch, Tensor):
        return batch
    if not isinstance(batch, list | tuple) or not batch or not isinstance(batch[0], Tensor):
        raise UsageError(f"{name} gives a {type(batch).__name__}; its batches must be (inputs, labels), two tensors")
    return batch[0]


def _require_batches(name: str, given: Any) -> None:
    if isinstance(given, Tensor) or not hasattr(given, "__iter__"):
        raise UsageError(f"{name} is a {type(given).__name__}; give a DataLoader, a list of batches or a folder")
    if hasattr(given, "__next__"):
        raise UsageError(f"{name} can be read only once; give a DataLoader or a list of batches")


def _crops(name: str, folder: Path, pixels: int | None, cache: Path) -> "Crops":
    from collm_nas_evaluator.crops import Crops  # noqa: PLC0415 - loads image libraries
    from collm_nas_evaluator.imagenet import ImageSet, ofa_validation  # noqa: PLC0415
    from collm_nas_evaluator.imagenet_files import is_leftover  # noqa: PLC0415

    if pixels is None:
        raise UsageError(f"{name} is a folder of images; set input_shape of the supernet, such as (3, 224, 224)")
    if not folder.is_dir():
        raise UsageError(f"{name}: there is no folder {folder}")
    classes = sum(each.is_dir() and not is_leftover(each.name) for each in folder.iterdir())
    if not classes:
        raise UsageError(f"{name}: {folder} has no labels: give a folder with one folder of images for each class")
    return Crops(ImageSet.open(folder, classes), ofa_validation(pixels), cache, processors.usable())


def _hash(given: Any) -> str:
    """SHA-256 over the contents; empty when something in it has contents that cannot be read."""
    parts: list[str] = []

    def walk(each: Any) -> bool:
        if isinstance(each, Tensor):
            parts.append(digest(each))
        elif isinstance(each, np.ndarray) and each.dtype != object:
            parts.append(digest(torch.from_numpy(np.ascontiguousarray(each))))
        elif isinstance(each, dict):
            return all(walk(key) and walk(value) for key, value in each.items())
        elif isinstance(each, list | tuple):
            parts.append(f"{len(each)} of")
            return all(map(walk, each))
        elif isinstance(each, str | int | float | bool | None):
            parts.append(repr(each))
        else:
            return False
        return True

    return hashlib.sha256("\n".join(parts).encode()).hexdigest() if walk(given) else ""


@contextmanager
def _seeded(loader: Any) -> Iterator[None]:
    """Within it everything random begins with the same seed; afterwards it goes on as before."""
    generator = getattr(loader, "generator", None)
    undo: list[Callable[[], Any]] = [partial(random.setstate, random.getstate())]
    undo.append(partial(np.random.set_state, np.random.get_state()))
    if isinstance(generator, torch.Generator):
        undo.append(partial(generator.set_state, generator.get_state()))
        generator.manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        random.seed(SEED)
        np.random.seed(SEED % 2**32)
        try:
            yield
        finally:
            for each in undo:
                each()
