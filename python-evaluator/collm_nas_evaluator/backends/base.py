"""Defines a backend: the three methods of every served space, and the values they return.

Owns the vocabulary between a backend and its server. Knows no space, no network and no transport.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator.space import Architecture, Space
from collm_nas_evaluator.store import Record


class FailureKind(Enum):
    """Why an architecture has no number; the names are those of the contract."""

    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    NOT_FINITE = "NOT_FINITE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    CRASHED = "CRASHED"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A finite value for every metric of the space, and how long it took in seconds (0 for a looked-up value).

    `standard_errors` are by metric, in its unit, finite and not negative: how far the value may lie from that of an
    endless test. A metric whose noise is not known has none. `stored` says that the numbers are those of an earlier
    evaluation, and nothing was evaluated now; a table's are not.
    """

    metrics: Mapping[str, float]
    seconds: float
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """What stopped an evaluation, with a sentence about it."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for the architecture at `index` of the batch."""

    index: int
    result: Measurement | Failure


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the evaluation of the architecture at `index` of the batch is: a fraction from 0 to 1, and a note."""

    index: int
    fraction: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class ArchitectureCost:
    """A value for every cost of the space. Architectures with equal, non-empty keys compute the same function."""

    costs: Mapping[str, float]
    equivalence_key: str = ""


class Backend(Protocol):
    """One space and what can be asked about its architectures. Its members may be called from several threads."""

    def describe(self) -> Space:
        """The complete description; the same object every time."""
        ...

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        """What is known without evaluating. Needs no data and no accelerator."""
        ...

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        """Yields one outcome for each architecture, in any order, and progress as it likes.

        `split` is a split of the description. A problem with one architecture is its outcome. An exception is the
        failure of the architecture of the latest progress, and the caller asks for the others again. UsageError,
        OSError and DeviceLost mean that nothing can be evaluated now; they end the call. A long evaluation checks
        `stop` regularly, and returns soon after it is set. A caller may take an outcome late, so no lock that others
        need may be held while one is yielded. Progress is always taken at once.
        """
        ...


@runtime_checkable
class KeepsRecords(Backend, Protocol):
    """A Backend that knows of a finished evaluation which images were right."""

    def record(self, architecture: Architecture, split: str) -> Record | None:
        """The finished evaluation that is kept, or None."""
        ...

    def groups(self, split: str) -> NDArray[np.int64] | None:
        """The number of the group of each image of a split, where some go together."""
        ...


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A space that is configured but cannot be served now: its id, its title, and why with the next step."""

    id: str
    title: str
    reason: str
