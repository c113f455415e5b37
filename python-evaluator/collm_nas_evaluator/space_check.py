"""Checks whether a served space can tell searchers apart: evaluates random architectures of it as a search would.

Owns the drawing of the sample, and what of an evaluation becomes part of it. Knows no statistic and no kind of space.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator import server, telling, telling_words
from collm_nas_evaluator.backends.base import Backend, Failure, KeepsRecords, Measurement, Outcome
from collm_nas_evaluator.errors import DeviceLost, UsageError
from collm_nas_evaluator.explained import INACTIVE
from collm_nas_evaluator.findings import Finding, Findings
from collm_nas_evaluator.space import Architecture, Space
from collm_nas_evaluator.telling import Sample, Split

SEARCH, TEST = "search", "test"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many random architectures to evaluate, by which seed, and the budget that the verdict is for."""

    samples: int
    seed: int
    budget: int


def check(backend: Backend, wanted: Wanted, on_progress: Callable[[float], None] = lambda _: None) -> Findings:
    """Raises UsageError when there is nothing to compare, or when nothing can be evaluated now."""
    space = backend.describe()
    require(space, wanted)
    drawn = space.different(wanted.samples, random.Random(wanted.seed))  # noqa: S311 - no secret
    no_test = why_no_test(space)
    try:
        evaluated = _Evaluated(backend, drawn, [SEARCH] if no_test else [SEARCH, TEST], on_progress)
    except DeviceLost as error:
        raise UsageError(str(error)) from error
    about = _about(space, evaluated)
    if len(evaluated.scored) < 2:
        closing = f"{space.id} cannot be checked: fewer than 2 of {len(drawn)} architectures have a score."
        return Findings((about,), closing, usable=False)
    found = telling.telling(_sample(space, evaluated, wanted.budget, no_test))
    closing = telling_words.closing(found)
    return Findings((about, *telling_words.findings(found)), closing, usable=True, telling=found)


def require(space: Space, wanted: Wanted) -> None:
    """Raises UsageError for a request that no evaluation could answer."""
    if wanted.samples < telling.FEWEST:
        raise UsageError(f"samples is {wanted.samples}; at least {telling.FEWEST} can say something")
    if space.size == 1:
        raise UsageError(f"{space.id} has one architecture, so there is nothing to compare; give it choices")


def choices_of(architectures: Sequence[Architecture]) -> NDArray[np.int64]:
    """The choice of each slot, [architectures, slots]."""
    rows = [
        [INACTIVE if choice is None else choice for chosen in each.choices for choice in chosen]
        for each in architectures
    ]
    return np.array(rows, np.int64)


def slots_of(space: Space) -> list[tuple[str, int]]:
    """A dimension and a number for each slot."""
    return [(each.name, slot) for each in space.dimensions for slot in range(each.length)]


def why_no_test(space: Space) -> str:
    """Why there is no test split to compare with; empty when there is one."""
    data = {each.name: each.data for each in space.splits}
    if TEST not in data:
        return "there is no test split"
    return "the test split has the images of the search" if data[TEST] and data[TEST] == data[SEARCH] else ""


# --- internal ---


@dataclass(frozen=True, slots=True)
class _Part:
    """Says how far all evaluations are when one of them says how far it is."""

    on_progress: Callable[[float], None]
    place: int
    whole: int

    def __call__(self, fraction: float) -> None:
        self.on_progress((self.place + fraction) / self.whole)


class _Evaluated:
    """The measurements of each architecture that has one on every split, and why the others have none."""

    def __init__(
        self,
        backend: Backend,
        architectures: Sequence[Architecture],
        splits: Sequence[str],
        on_progress: Callable[[float], None],
    ) -> None:
        self.backend = backend
        self.splits = splits
        self.asked = len(architectures)
        self.scored: list[Architecture] = []
        self.measured: dict[str, list[Measurement]] = {split: [] for split in splits}
        self.seconds: list[float] = []
        self.kept_seconds: list[float] = []
        self.kept = 0
        self.failures: list[tuple[Architecture, Failure]] = []
        whole = len(architectures) * len(splits)
        for at, architecture in enumerate(architectures):
            found = []
            for place, split in enumerate(splits, at * len(splits)):
                on_progress(place / whole)
                result = self._result(architecture, split, _Part(on_progress, place, whole))
                if isinstance(result, Failure):
                    self.failures.append((architecture, result))
                    break
                found.append(result)
            if len(found) == len(splits):
                self.scored.append(architecture)
                for split, measurement in zip(splits, found, strict=True):
                    self.measured[split].append(measurement)

    def _result(
        self, architecture: Architecture, split: str, on_part: Callable[[float], None]
    ) -> Measurement | Failure:
        kept = self.backend.record(architecture, split) if isinstance(self.backend, KeepsRecords) else None
        if kept is not None:
            self.kept += 1
            self.kept_seconds += [kept.seconds] if split == SEARCH else []
        for answer in server.answers_of(self.backend, [architecture], split, threading.Event()):
            if not isinstance(answer, Outcome):
                on_part(answer.fraction)
                continue
            if isinstance(answer.result, Measurement) and split == SEARCH and kept is None:
                self.seconds.append(answer.result.seconds)
            return answer.result
        raise UsageError(f"the evaluation of {architecture.text} ended without an answer; repair the backend")

    def split(self, name: str, objective: str) -> Split:
        """The part of a sample that one split is."""
        measured = self.measured[name]
        return Split(
            np.array([each.metrics[objective] for each in measured]),
            *self._hits(name),
            standard_errors=telling.all_known([each.standard_errors.get(objective) for each in measured]),
        )

    def _hits(self, split: str) -> tuple[NDArray[np.bool_] | None, NDArray[np.int64] | None]:
        """Which images were right, from the store, and their groups."""
        if not isinstance(self.backend, KeepsRecords):
            return None, None
        records = [self.backend.record(each, split) for each in self.scored]
        hits = [each.correct for each in records if each is not None and len(each.correct)]
        if len(hits) < len(records):
            return None, None
        return np.array(hits), self.backend.groups(split)


def _about(space: Space, evaluated: _Evaluated) -> Finding:
    name = "evaluations"
    splits = " and ".join(evaluated.splits)
    text = f"{len(evaluated.scored):,} random architectures of {_count(space.size)} in {space.id}, on {splits}"
    if evaluated.kept:
        text += f"; {evaluated.kept:,} of {evaluated.asked * len(evaluated.splits):,} from the store of earlier ones"
    if not evaluated.failures:
        return Finding(name, "ok", text)
    kinds = Counter(failure.kind.value for _, failure in evaluated.failures)
    counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    architecture, failure = evaluated.failures[0]
    text += f"; {len(evaluated.failures):,} failed ({counted}), such as {architecture.text}: {failure.message}"
    return Finding(name, "note" if evaluated.scored else "falls short", text)


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"{number:.2g}"


def _sample(space: Space, evaluated: _Evaluated, budget: int, no_test: str) -> Sample:
    objective = space.metrics[0]
    costs = [evaluated.backend.cost(each).costs for each in evaluated.scored]
    return Sample(
        search=evaluated.split(SEARCH, objective.name),
        test=None if no_test else evaluated.split(TEST, objective.name),
        why_no_test=no_test,
        choices=choices_of(evaluated.scored),
        slots=slots_of(space),
        costs={each.name: np.array([cost[each.name] for cost in costs]) for each in space.costs},
        seconds=np.array(evaluated.seconds[1:] or evaluated.kept_seconds),
        size=space.size,
        budget=budget,
        unit=objective.unit,
        higher_is_better=objective.higher_is_better,
    )
