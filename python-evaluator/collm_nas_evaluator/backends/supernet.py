"""Defines a supernet, and the backend that serves a supernet of any family.

Owns the description of the served space, and how a subnet is calibrated and scored on images. Knows no family, no
store and no transport.
"""

import hashlib
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from collm_nas_evaluator import processors
from collm_nas_evaluator.backends.base import ArchitectureCost
from collm_nas_evaluator.backends.network import NetworkBackend, Scores, Step, scores_of, told
from collm_nas_evaluator.checkpoints import Checkpoint
from collm_nas_evaluator.crops import Crops
from collm_nas_evaluator.dimension import Dimension
from collm_nas_evaluator.errors import ArchitectureRejected
from collm_nas_evaluator.imagenet import ImageSet, Recipe, subset
from collm_nas_evaluator.scoring import Device, Hits
from collm_nas_evaluator.space import Architecture, Cost, Metric, Space, Split
from collm_nas_evaluator.store import Store

Values = Mapping[str, Sequence[float | None]]
"""An architecture in numbers: for each dimension the value of each slot, None where the slot is inactive."""

RESOLUTION = "r"
"""The name of the dimension that decides how images are prepared. A space may have none."""

METRICS = (
    Metric("accuracy", "percent", "Share of images whose class is the network's first answer."),
    Metric("top5", "percent", "Share of images whose class is among the network's first five answers."),
    Metric("images", "images", "How many images were classified."),
)


@dataclass(frozen=True, slots=True)
class CheckpointSpec:
    """A published supernet of a family: the sizes that its file must have, and where to get the file."""

    title: str
    size: Mapping[str, float]
    where_from: str
    resolutions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """Which training images set the batch-norm statistics of a candidate, and how many pass at a time."""

    recipe: Recipe
    images: int
    batch: int


class Supernet(Protocol):
    """A family's supernet on its device: how a subnet is extracted, what it costs, and how images reach it."""

    checkpoint: Checkpoint
    classes: int
    summary: str
    source: str
    """Where the choices of the search come from; empty when that needs no words."""
    needs_training_images: bool

    @property
    def size(self) -> Mapping[str, float]:
        """The sizes that differ among the members of its family, such as the width."""
        ...

    @property
    def costs(self) -> tuple[Cost, ...]:
        """The costs of the family, the main one first."""
        ...

    def extraction(
        self, values: Values, calibration: Iterable[Tensor] | None = None
    ) -> Generator[int, None, nn.Module]:
        """Returns a static network in evaluation mode, [N, 3, r, r] to [N, classes].

        Yields after each calibration batch how many images have passed.
        """
        ...

    def cost_of(self, values: Values) -> dict[str, float]:
        """A value for each of `costs`."""
        ...

    def validation(self, values: Values) -> Recipe:
        """How an image is prepared for an architecture."""
        ...

    def calibration(self, values: Values) -> Calibration | None:
        """Which images set an architecture's statistics; None for a network without batch norm."""
        ...


class ForNotebooks(ABC):
    """The two calls of a notebook. They take an architecture in any raw form of proto/README.md.

    Everything else takes an architecture in numbers that is known to be legal.
    """

    full_space: Space
    """Every architecture that the weights contain. A search may have fewer to choose from."""

    @abstractmethod
    def extraction(
        self, values: Values, calibration: Iterable[Tensor] | None = None
    ) -> Generator[int, None, nn.Module]:
        """As of a Supernet."""

    @abstractmethod
    def cost_of(self, values: Values) -> dict[str, float]:
        """As of a Supernet."""

    def subnet(self, architecture: Mapping[str, Any], calibration: Iterable[Tensor] | None = None) -> nn.Module:
        """The subnet as a network of its own in evaluation mode, [N, 3, r, r] to [N, classes] logits.

        Its batch-norm statistics are those of the file, or those of the `calibration` batches by the official rule.
        Batches are [N, 3, r, r]: augmented training images at the architecture's resolution. Raises
        ArchitectureRejected with every reason.
        """
        return extracted(self.extraction(read_architecture(self.full_space, architecture), calibration))

    def cost(self, architecture: Mapping[str, Any]) -> dict[str, float]:
        """A value for each of the family's costs, in millions. Raises ArchitectureRejected."""
        return self.cost_of(read_architecture(self.full_space, architecture))


@dataclass(frozen=True, slots=True)
class ImageSplits:
    """The images by split ("search", "test"), those to calibrate with, and where their crops are cached."""

    splits: Mapping[str, tuple[ImageSet, str]]
    """With each set its meaning in words."""
    training: ImageSet | None
    cache_dir: Path


@dataclass(frozen=True, slots=True)
class Served:
    """The description of a supernet for a search: its id, a title for people, the choices, and their source."""

    id: str
    title: str
    dimensions: tuple[Dimension, ...]
    source: str = ""
    max_batch: int = 20_000


class SupernetBackend(NetworkBackend):
    """A Backend over one supernet of a family.

    The same calibration images serve every candidate, so that its number does not depend on earlier candidates. The
    network of the latest one is kept: its next split needs no calibration.
    """

    def __init__(
        self, served: Served, supernet: Supernet, image_splits: ImageSplits, device: Device, store: Store | None = None
    ) -> None:
        super().__init__(device, store)
        self._supernet, self._image_splits = supernet, image_splits
        self._latest: tuple[str, nn.Module] | None = None
        values = {each.name: [each.values[0]] for each in served.dimensions if each.name == RESOLUTION}
        calibration, validation = supernet.calibration(values), supernet.validation(values)
        self._pool = None
        if calibration is not None:
            assert image_splits.training is not None  # noqa: S101 - a supernet with batch norm is served with them
            self._pool = subset(image_splits.training, calibration.images)
        sets = [images for images, _ in image_splits.splits.values()]
        remarks = sorted({each.classes.remark for each in sets if each.classes.remark})
        fingerprint = {
            "checkpoint": supernet.checkpoint.sha256,
            "images": {name: images.hash for name, (images, _) in image_splits.splits.items()},
            "validation": validation.hash,
            "calibration": calibration and self._pool and [calibration.recipe.hash, calibration.batch, self._pool.hash],
            "precision": device.precision,
        }
        self._space = Space(
            id=served.id,
            title=served.title,
            summary=supernet.summary,
            dimensions=served.dimensions,
            metrics=METRICS,
            costs=supernet.costs,
            splits=tuple(
                Split(name, meaning, data=images.hash) for name, (images, meaning) in image_splits.splits.items()
            ),
            parallelism=1,
            max_batch=served.max_batch,
            provenance="; ".join(
                [
                    f"{supernet.checkpoint.path.name}, SHA-256 {supernet.checkpoint.sha256}",
                    *([served.source] if served.source else []),
                    validation.name,
                    *([f"{len(self._pool)} images, {calibration.recipe.name}"] if calibration and self._pool else []),
                    *remarks,
                    str(device),
                ]
            ),
            data_hash=hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest(),
        )

    def describe(self) -> Space:
        return self._space

    def groups(self, split: str) -> NDArray[np.int64] | None:
        return self._image_splits.splits[split][0].groups

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        return ArchitectureCost(self._supernet.cost_of(values_of(self._space, architecture)))

    @property
    def checkpoint(self) -> Checkpoint:
        """The file of the weights."""
        return self._supernet.checkpoint

    def crops(self) -> list[Crops]:
        """All prepared images that evaluations of this space's architectures look at, calibration last."""
        sets = {images.hash: images for images, _ in self._image_splits.splits.values()}
        validated, calibrated = [], []
        for resolution in next((each.values for each in self._space.dimensions if each.name == RESOLUTION), (0.0,)):
            values = {RESOLUTION: [resolution]}
            validated += [self._crops(images, self._supernet.validation(values)) for images in sets.values()]
            calibration = self._supernet.calibration(values)
            if calibration is not None and self._pool is not None:
                calibrated.append(self._crops(self._pool, calibration.recipe))
        return validated + calibrated

    def _crops(self, images: ImageSet, recipe: Recipe) -> Crops:
        return Crops(images, recipe, self._image_splits.cache_dir, self._device.threads or processors.usable())

    def _scored(self, architecture: Architecture, split: str, stop: threading.Event) -> Iterator[Step | Scores]:
        images, _ = self._image_splits.splits[split]
        values = values_of(self._space, architecture)
        known = self._latest
        calibrated = 0 if self._pool is None or (known and known[0] == architecture.text) else len(self._pool)
        whole = calibrated + len(images)
        crops = self._crops(images, self._supernet.validation(values))
        note = "scoring" if crops.is_cached else "scoring, and decoding images: run cache-images once"
        if known and known[0] == architecture.text:
            network = known[1]
        else:
            self._latest = None  # only one is in memory
            yield 0.0, "calibrating" if calibrated else "extracting"
            extraction = self._supernet.extraction(values, self._calibration_batches(values, stop))
            network = yield from told(extraction, whole)
        for answer in self._device.score(network, crops, stop):
            if isinstance(answer, Hits):
                self._latest = architecture.text, network
                yield scores_of(answer, images.groups, [each.name for each in METRICS])
            else:
                yield (calibrated + answer * len(images)) / whole, note

    def _calibration_batches(self, values: Values, stop: threading.Event) -> Iterator[Tensor] | None:
        calibration = self._supernet.calibration(values)
        if calibration is None or self._pool is None:
            return None
        crops = self._crops(self._pool, calibration.recipe)
        return self._device.batches(crops, calibration.batch, stop)


def extracted(extraction: Generator[int, None, nn.Module]) -> nn.Module:
    """The network that an extraction returns."""
    while True:
        try:
            next(extraction)
        except StopIteration as end:
            network: nn.Module = end.value
            return network


def values_of(space: Space, architecture: Architecture) -> dict[str, list[float | None]]:
    """The architecture in numbers. Every dimension of a supernet is numeric."""
    return {
        dimension.name: [None if choice is None else dimension.values[choice] for choice in chosen]
        for dimension, chosen in zip(space.dimensions, architecture.choices, strict=True)
    }


def read_architecture(full_space: Space, raw: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Reads a raw architecture in any form of proto/README.md. Raises ArchitectureRejected with every reason."""
    parsed = full_space.parse(raw)
    if not isinstance(parsed, Architecture):
        raise ArchitectureRejected("; ".join(reason.sentence for reason in parsed))
    return values_of(full_space, parsed)
