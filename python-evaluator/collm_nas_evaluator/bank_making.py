"""Measures every member of a part of a space, on several processes that compute with one thread each.

Owns the processes, the order of the members, and the collecting of the numbers. Finished evaluations are in the store
of the evaluator, so a later call continues where an earlier one was stopped or killed. Knows no file format and no
network: each process asks the ordinary backend. PyTorch is loaded in the processes only.
"""

import dataclasses
import math
import multiprocessing
import random
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

import numpy as np

from collm_nas_evaluator import allocation, catalogue
from collm_nas_evaluator.backends.base import Backend, Failure, KeepsRecords, Measurement, Outcome, Unavailable
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.errors import DeviceLost, UsageError
from collm_nas_evaluator.space import Architecture
from collm_nas_evaluator.tables.bank_table import Bank, Column, Measured, Supernet
from collm_nas_evaluator.tied import Part

Numbers = dict[str, Measurement]
"""The measurement of each split. The seconds are those of the evaluation itself, also when it was stored earlier."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """The numbers of the member at a place among all; `is_stored` when it was measured by an earlier call."""

    place: int
    numbers: Numbers
    is_stored: bool


def only(configuration: Configuration, space_id: str) -> Configuration:
    """The configuration of one supernet alone, so that a process loads nothing else."""
    named = {name: path for name, path in configuration.checkpoints.items() if name == space_id}
    return dataclasses.replace(
        configuration,
        checkpoints=named,
        own_supernet=None if named else configuration.own_supernet,
        nasbench201_csv=None,
        nasbench201_table=None,
        nasbench201_latency_csv=None,
        analognas=False,
        banks={},
    )


def opened(configuration: Configuration, space_id: str) -> KeepsRecords:
    """The backend of a supernet. Raises UsageError when the configuration serves none of this id."""
    none = UsageError(f"the configuration serves no supernet {space_id}; set checkpoints.{space_id}")
    if space_id not in configuration.checkpoints and configuration.own_supernet is None:
        raise none
    for entry in catalogue.load(only(configuration, space_id)):
        if isinstance(entry, Unavailable) and entry.id == space_id:
            raise UsageError(f"{space_id} is unavailable: {entry.reason}")
        if isinstance(entry, KeepsRecords) and entry.describe().id == space_id:
            return entry
    raise none


def order(members: int, count: int | None = None) -> list[int]:
    """The places of all members, or of `count`, in the order in which they are measured: always the same draw.

    Cheap and costly members alternate, so that the time left is known early.
    """
    places = list(range(members))
    random.Random(0).shuffle(places)  # noqa: S311 - no secret
    return places[:count]


def measured(configuration: Configuration, part: Part, places: Sequence[int], processes: int) -> Iterator[Finished]:
    """Measures the members at these places and yields each as it is finished.

    The processes end when the iterator is closed, and after their current member when this process is killed. Raises
    UsageError for a member without a number, for images that cannot be read, and when a process ends by itself.
    """
    texts = [full.text for _, full in part.members()]
    spawning = multiprocessing.get_context("spawn")
    left = iter(places)
    at: dict[Any, int] = {}
    started: list[tuple[Any, Any]] = []
    try:
        for _, place in zip(range(processes), left, strict=False):
            ours, theirs = spawning.Pipe()
            process = spawning.Process(target=_work, args=(configuration, part.whole.id, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append((process, ours))
            ours.send(texts[place])
            at[ours] = place
        while at:
            ready: Any
            for ready in connection.wait(list(at)):
                place = at.pop(ready)
                yield _taken(ready, place, texts[place])
                following = next(left, None)
                if following is not None:
                    ready.send(texts[following])
                    at[ready] = following
    finally:
        for process, ours in started:
            ours.close()
            process.terminate()
        for process, _ in started:
            process.join()


def _taken(ready: Any, place: int, text: str) -> Finished:
    try:
        answer = ready.recv()
    except (EOFError, OSError):
        what = f"a process ended while it measured {text}; if memory is short, take fewer --processes"
        raise UsageError(f"{what}. The same command continues from here") from None
    if isinstance(answer, str):
        raise UsageError(answer)
    numbers, is_stored = answer
    return Finished(place, numbers, is_stored)


def _work(configuration: Configuration, space_id: str, asked: Any) -> None:
    """A process: answers the text of an architecture with its numbers, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    allocation.settle_waiting()
    allocation.settle_memory()
    try:
        backend = opened(dataclasses.replace(configuration, threads=1), space_id)
        while True:
            asked.send(_numbers(backend, asked.recv()))
    except (EOFError, ConnectionError):
        pass  # the other end is closed
    except (UsageError, OSError, DeviceLost) as error:
        asked.send(str(error))


def _numbers(backend: KeepsRecords, text: str) -> tuple[Numbers, bool] | str:
    """The numbers of an architecture on every split and whether all were stored, or why it has none."""
    architecture = backend.describe().parse(text)
    assert isinstance(architecture, Architecture)  # noqa: S101 - a member of the part
    numbers: Numbers = {}
    is_stored = True
    for split in backend.describe().splits:
        kept = backend.record(architecture, split.name)
        is_stored = is_stored and kept is not None
        result = _result(backend, architecture, split.name)
        if isinstance(result, Failure):
            return f"{text} has no number on {split.name} ({result.kind.value}: {result.message}); a bank needs all"
        seconds = result.seconds if kept is None else kept.seconds
        numbers[split.name] = dataclasses.replace(result, seconds=seconds)
    return numbers, is_stored


def _result(backend: Backend, architecture: Architecture, split: str) -> Measurement | Failure:
    answers = backend.evaluate([architecture], split, threading.Event())
    return next(each.result for each in answers if isinstance(each, Outcome))


def bank_of(part: Part, backend: Backend, finished: Sequence[Finished], path: Path) -> Bank:
    """The bank of all members' numbers, which were measured on `backend`; `path` is named in errors.

    Raises UsageError when a member is missing.
    """
    ordered = sorted(finished, key=lambda each: each.place)
    if [each.place for each in ordered] != list(range(part.space.size)):
        raise UsageError(f"{path}: {len(ordered):,} of {part.space.size:,} members are measured; a bank needs all")
    whole, checkpoint = part.whole, getattr(backend, "checkpoint", None)  # of a supernet of a family
    full = [architecture for _, architecture in part.members()]
    costs = [backend.cost(architecture).costs for architecture in full]
    return Bank(
        space=part.space,
        supernet=Supernet(whole.id, whole.digest, checkpoint.sha256 if checkpoint else "", whole.provenance),
        definition=part.definition,
        costs={each.name: np.array([cost[each.name] for cost in costs]) for each in whole.costs},
        splits={each.name: _measured([one.numbers[each.name] for one in ordered]) for each in whole.splits},
        seconds=np.array([math.fsum(each.seconds for each in one.numbers.values()) for one in ordered]),
        architectures=[each.text for each in full],
    )


def _measured(numbers: Sequence[Measurement]) -> Measured:
    known = set.intersection(*(set(each.standard_errors) for each in numbers))

    def column(name: str, values: str) -> Column:
        return np.array([getattr(each, values)[name] for each in numbers])

    return Measured(
        {name: column(name, "metrics") for name in numbers[0].metrics},
        {name: column(name, "standard_errors") for name in sorted(known)},
    )
