"""What a supernet is to the evaluator, and the backend that serves one of any family.

Owns the served description, the order of an evaluation and what can go wrong with one. Knows no family and no transport.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from collm_nas_evaluator.checkpoints import Checkpoint
from collm_nas_evaluator.dimension import Dimension
from collm_nas_evaluator.errors import ArchitectureRejected
from collm_nas_evaluator.imagenet import Recipe
from collm_nas_evaluator.space import Architecture, Cost, Space

Values = Mapping[str, list[float | None]]
"""An architecture in numbers: for each dimension what stands in each of its slots, None where it is inactive."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of a family's published supernets: what the file has to hold and where it comes from."""

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


def values_of(space: Space, architecture: Architecture) -> dict[str, list[float | None]]:
    """The architecture in numbers: those of a numeric dimension, else the places of the choices."""
    return {
        dimension.name: [
            None if choice is None else dimension.values[choice] if dimension.numeric else choice for choice in chosen
        ]
        for dimension, chosen in zip(space.dimensions, architecture.choices, strict=True)
    }


def read_architecture(held: Space, raw: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Reads a raw architecture in any form of proto/README.md. Raises ArchitectureRejected with every reason."""
    parsed = held.parse(raw)
    if not isinstance(parsed, Architecture):
        raise ArchitectureRejected("; ".join(reason.sentence for reason in parsed))
    return values_of(held, parsed)


class Supernet(Protocol):
    """A family's supernet: what is searched, how a subnet is extracted, and how images reach it."""

    checkpoint: Checkpoint
    classes: int
    summary: str
    held: Space
    costs: tuple[Cost, ...]
