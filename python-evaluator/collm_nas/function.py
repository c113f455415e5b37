"""Serves functions of a user as a space of the contract: a score, and costs by name."""

import hashlib
import json
import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from collm_nas.answers import Answer, Wanted, in_short
from collm_nas.calls import Calls, Here, Job, Scores, Workers
from collm_nas.errors import UsageError
from collm_nas.space import Architecture, Space
from collm_nas_evaluator import space as described
from collm_nas_evaluator.backends.base import ArchitectureCost, Outcome, Progress

CHECKED_TWICE = 3
"""For so many architectures each cost is asked for twice, to see whether it gives the same answer."""
MOST_AT_ONCE = 20_000


@dataclass(frozen=True)
class Metric:
    """A quality that a score gives. `unit` may be "percent"; then values must lie between 0 and 100."""

    name: str
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Cost:
    """A quantity that is known without scoring, such as a number of parameters; lower is cheaper."""

    of: Callable[[Architecture], float]
    unit: str = ""
    meaning: str = ""


Score = Callable[[Architecture], Any]
Costs = Mapping[str, Callable[[Architecture], float] | Cost]


@dataclass(frozen=True)
class Objective:
    """What is searched for: the metrics, the first one is the objective, and whether more of it is better."""

    metrics: tuple[Metric, ...]
    is_higher_better: bool = True


def objective_of(objective: str | Metric, direction: str, metrics: Sequence[str | Metric]) -> Objective:
    """Raises UsageError for a direction that is none, and for a metric that is named twice."""
    if direction not in ("maximize", "minimize"):
        raise UsageError(f"direction is {direction!r}; it is 'maximize' or 'minimize'")
    if isinstance(metrics, str):
        raise UsageError(f"metrics is the text {metrics!r}; give a list of names: [{metrics!r}]")
    found = tuple(each if isinstance(each, Metric) else Metric(each) for each in (objective, *metrics))
    names = [each.name for each in found]
    for place, name in enumerate(names):
        _require_name("metric", name)
        if name in names[:place]:
            raise UsageError(f'metrics: "{name}" is named twice; the objective is one of the metrics already')
    return Objective(found, direction == "maximize")


class FunctionBackend:
    """A Backend whose scores and costs are functions of a user.

    Scores are called through `calls`; costs in the thread that asks, one at a time. `on_broken_cost` gets the error of
    a cost that raises or gives no usable number, as no search can continue then. `say` gets what belongs in a log.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        costs: Costs,
        calls: Calls,
        *,
        splits: Sequence[str] = ("search",),
        key: Callable[[Architecture], str] | None = None,
        version: str = "",
        provenance: str = "a function of Python",
        on_broken_cost: Callable[[UsageError], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._space, self._calls, self._key = space, calls, key
        self._on_broken_cost, self._say = on_broken_cost, say
        self._costs: dict[str, Cost] = {}
        for name, given in costs.items():
            _require_name("cost", name)
            each = given if isinstance(given, Cost) else Cost(given)
            if not callable(each.of):
                raise UsageError(f'costs: "{name}" is {each.of!r}; give a function of an architecture')
            self._costs[name] = each
        self._costing = threading.Lock()
        self._asked = 0
        self._warned: set[str] = set()
        self._counting = threading.Lock()
        self.answered = 0
        """How many scores have been given."""
        self._described = replace(
            space.described,
            metrics=tuple(
                described.Metric(each.name, each.unit, each.meaning, objective.is_higher_better or place > 0)
                for place, each in enumerate(objective.metrics)
            ),
            costs=tuple(described.Cost(name, each.unit, each.meaning) for name, each in self._costs.items()),
            splits=tuple(described.Split(name, _SPLITS[name]) for name in splits),
            parallelism=calls.parallelism,
            max_batch=MOST_AT_ONCE,
            provenance=provenance,
            data_hash=hashlib.sha256(json.dumps(["function", version]).encode()).hexdigest(),
        )

    def describe(self) -> described.Space:
        return self._described

    def cost(self, architecture: described.Architecture) -> ArchitectureCost:
        plain = self._space.architecture(architecture)
        with self._costing:
            self._asked += 1
            costs = {name: self._cost(name, each, plain) for name, each in self._costs.items()}
            key = "" if self._key is None else str(self._key(plain))
        return ArchitectureCost(costs, key)

    def evaluate(
        self, architectures: Sequence[described.Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        answers: queue.SimpleQueue[tuple[int, Answer | tuple[float, str]]] = queue.SimpleQueue()
        for index, architecture in enumerate(architectures):
            self._calls.submit(self._job(index, split, self._space.architecture(architecture), answers, stop))
        open_still = len(architectures)
        while open_still and not stop.is_set():
            try:
                index, said = answers.get(timeout=1.0)
            except queue.Empty:
                continue
            if isinstance(said, Answer):
                open_still -= 1
                self._note(said)
                yield Outcome(index, said.result)
            else:
                yield Progress(index, *said)

    # --- internal ---

    def _job(
        self,
        index: int,
        split: str,
        architecture: Architecture,
        answers: "queue.SimpleQueue[tuple[int, Answer | tuple[float, str]]]",
        stop: threading.Event,
    ) -> Job:
        def answer(given: Answer) -> None:
            with self._counting:
                self.answered += 1
            answers.put((index, given))

        return Job(
            split,
            architecture,
            answer=answer,
            tell=lambda fraction, note: answers.put((index, (fraction, note))),
            is_dropped=stop.is_set,
        )

    def _note(self, answer: Answer) -> None:
        if answer.log:
            self._say(answer.log)
        for name in answer.extra:
            if name not in self._warned:
                self._warned.add(name)
                self._say(f'score also returns "{name}"; name it in metrics=["{name}"] to have it recorded')

    def _cost(self, name: str, cost: Cost, architecture: Architecture) -> float:
        found = self._asked_cost(name, cost, architecture)
        if self._asked <= CHECKED_TWICE:
            again = self._asked_cost(name, cost, architecture)
            if again != found:
                self._break(
                    f'cost "{name}" of {architecture} is {found:g} and, asked again, {again:g}; it must not vary'
                )
        return found

    def _asked_cost(self, name: str, cost: Cost, architecture: Architecture) -> float:
        try:
            value: Any = cost.of(dict(architecture))
            if not isinstance(value, int | float) and callable(getattr(value, "item", None)):
                value = value.item()
        except Exception as error:  # noqa: BLE001 - whatever a function of a user raises
            self._break(f'cost "{name}" fails for {architecture}: {in_short(error)}', error)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._break(f'cost "{name}" of {architecture} is {value!r}; it must be a number')
        if not math.isfinite(value) or value < 0:
            self._break(f'cost "{name}" of {architecture} is {value}; it must be a number that is not negative')
        return float(value)

    def _break(self, text: str, cause: Exception | None = None) -> Any:
        error = UsageError(text)
        error.__cause__ = cause
        self._on_broken_cost(error)
        raise error


def scored(
    space: Space,
    score: Score,
    *,
    costs: Costs,
    objective: Objective,
    test: Score | None,
    key: Callable[[Architecture], str] | None,
    version: str,
    workers: int,
    on_broken_cost: Callable[[UsageError], None],
    say: Callable[[str], None],
) -> tuple[FunctionBackend, Calls]:
    """A backend of functions, and what calls them: this thread, or worker processes.

    Raises UsageError for what is no function, a number of workers that is none, and what cannot travel to workers.
    """
    scores: Scores = {"search": score} if test is None else {"search": score, "test": test}
    for name, given in {**scores, **({} if key is None else {"key": key})}.items():
        if not callable(given):
            raise UsageError(
                f"{'score' if name == 'search' else name} is {given!r}; give a function of an architecture"
            )
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"workers is {workers!r}; it must be a whole number, at least 1")
    wanted = Wanted(objective.metrics[0].name, tuple(each.name for each in objective.metrics[1:]))
    calls: Calls = Here(scores, wanted) if workers == 1 else Workers(workers, scores, wanted)
    try:
        backend = FunctionBackend(
            space,
            objective,
            costs,
            calls,
            splits=tuple(scores),
            key=key,
            version=version,
            on_broken_cost=on_broken_cost,
            say=say,
        )
    except UsageError:
        calls.close()
        raise
    return backend, calls


_SPLITS = {
    "search": "What the search tries to improve.",
    "test": "Asked once, for the winner.",
}


def _require_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise UsageError(f"the name of a {what} is {name!r}; use letters, digits and underscores, such as params_m")
