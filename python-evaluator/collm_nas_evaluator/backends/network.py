"""Evaluates networks one after the other on a device: what every backend that runs networks has in common.

Owns the turn on the device, the store of finished evaluations, and which error is the failure of one architecture.
Knows no supernet, no image and no transport.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from collm_nas_evaluator import scoring, standard_errors
from collm_nas_evaluator.backends.base import (
    ArchitectureCost,
    Failure,
    FailureKind,
    Measurement,
    Outcome,
    Progress,
)
from collm_nas_evaluator.errors import DeviceLost
from collm_nas_evaluator.scoring import Device, Hits, NotFinite, OutOfMemory, Stopped
from collm_nas_evaluator.space import Architecture, Space
from collm_nas_evaluator.store import Key, Record, Store

T = TypeVar("T")

Step = tuple[float, str]
"""How far an evaluation is, from 0 to 1, and what it does now."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A value for every metric, and for each image whether it was right [images]; none where that is not known.

    `standard_errors` are of those metrics whose noise is known.
    """

    metrics: Mapping[str, float]
    correct: NDArray[np.bool_]
    standard_errors: Mapping[str, float] = field(default_factory=dict)


class Unfit(Exception):
    """This one architecture cannot be evaluated; the text says why."""


class NetworkBackend(ABC):
    """A Backend that runs networks. One evaluation uses the device at a time; finished ones come from the store."""

    def __init__(self, device: Device, store: Store | None) -> None:
        self._device, self._store = device, store

    @abstractmethod
    def describe(self) -> Space:
        """As of a Backend. The `data` of a split identifies it in the store."""

    @abstractmethod
    def cost(self, architecture: Architecture) -> ArchitectureCost:
        """As of a Backend."""

    @abstractmethod
    def _scored(self, architecture: Architecture, split: str, stop: threading.Event) -> Iterator[Step | Scores]:
        """Evaluates one architecture: yields the steps, and at last the scores.

        Raises Unfit, NotFinite and OutOfMemory for this architecture alone, and Stopped when `stop` is set.
        """

    def record(self, architecture: Architecture, split: str) -> Record | None:
        """As of one that KeepsRecords, with the seconds that the evaluation took."""
        key = self._key(architecture, split)
        return None if self._store is None or key is None else self._store.find(key)

    @abstractmethod
    def groups(self, split: str) -> NDArray[np.int64] | None:
        """As of one that KeepsRecords."""

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        for index, architecture in enumerate(architectures):
            failure: Failure | None = None
            try:
                for answer in self._evaluated(architecture, split, stop):
                    if isinstance(answer, Measurement):
                        yield Outcome(index, answer)
                    else:
                        yield Progress(index, *answer)
            except Stopped:
                return
            except OutOfMemory as error:
                failure = Failure(FailureKind.OUT_OF_MEMORY, str(error))
            except NotFinite as error:
                failure = Failure(FailureKind.NOT_FINITE, str(error))
            except Unfit as error:
                failure = Failure(FailureKind.CRASHED, str(error))
            if failure is not None:  # the exception is let go of before, with the tensors of its frames
                yield Outcome(index, failure)

    def _key(self, architecture: Architecture, split: str) -> Key | None:
        """What an evaluation is stored under; None for a split whose data have no name."""
        space = self.describe()
        data = next(each.data for each in space.splits if each.name == split)
        return Key(space.digest, data, architecture.text) if data else None

    def _evaluated(self, architecture: Architecture, split: str, stop: threading.Event) -> Iterator[Step | Measurement]:
        """Yields the steps, and at last the measurement."""
        known = self.record(architecture, split)
        if known is not None:
            errors = known.standard_errors
            if errors is None:
                errors = _errors_without_groups(self.describe(), known)
            yield Measurement(known.metrics, 0.0, errors, stored=True)
            return
        record = None
        for answer in self.on_device(lambda: self._recorded(architecture, split, stop), stop):
            if isinstance(answer, Record):
                record = answer
            else:
                yield answer or (0.0, "waiting for another evaluation")
        if record is None:
            raise Stopped
        key = self._key(architecture, split)
        if self._store is not None and key is not None:
            self._store.keep(key, record)
        yield Measurement(record.metrics, record.seconds, record.standard_errors or {})

    def on_device(self, begin: Callable[[], Iterator[T]], stop: threading.Event) -> Iterator[T | None]:
        """The values of an iterator that runs networks: in the thread of the device, in its turn (None until then)."""
        return self._device.steps(begin, stop)

    def _recorded(self, architecture: Architecture, split: str, stop: threading.Event) -> Iterator[Step | Record]:
        """Yields the steps, and at last the record; runs in the thread of the device."""
        begin = time.perf_counter()
        try:
            for answer in self._scored(architecture, split, stop):
                if isinstance(answer, Scores):
                    seconds = time.perf_counter() - begin
                    yield Record(answer.metrics, seconds, answer.correct, answer.standard_errors)
                else:
                    yield answer
        except (RuntimeError, MemoryError) as error:
            if scoring.is_out_of_memory(error):
                raise OutOfMemory(f"a calibration batch does not fit into the memory of {self._device.name}") from error
            if "CUDA error" in str(error):
                raise DeviceLost(f"{self._device.name} is lost ({error}); start the evaluator again") from error
            raise


def told(extraction: Generator[int, None, nn.Module], whole: int) -> Generator[Step, None, nn.Module]:
    """Yields the progress of an extraction, where `whole` is the number of all images, and returns its network."""
    while True:
        try:
            images = next(extraction)
        except StopIteration as end:
            network: nn.Module = end.value
            return network
        yield images / whole, "calibrating"


def scores_of(hits: Hits, groups: NDArray[np.int64] | None, names: Sequence[str]) -> Scores:
    """The scores of a classifier: the metrics of these names, which are among accuracy, top5 and images.

    `groups` says which images go together [images], where some do.
    """
    shares = {"accuracy": hits.first, "top5": hits.among_five}
    metrics = {name: standard_errors.percentage(each) for name, each in shares.items()}
    metrics["images"] = float(len(hits.first))
    errors = {name: standard_errors.of_hits(shares[name], groups) for name in names if name in shares}
    return Scores(
        {name: metrics[name] for name in names},
        hits.first,
        {name: each for name, each in errors.items() if each is not None},
    )


def _errors_without_groups(space: Space, record: Record) -> dict[str, float]:
    """The standard errors of a record that an older version kept, when no image set had groups."""
    errors = {
        each.name: standard_errors.of_percentage(record.metrics[each.name], len(record.correct))
        for each in space.metrics
        if each.unit == "percent"
    }
    return {name: each for name, each in errors.items() if each is not None}
