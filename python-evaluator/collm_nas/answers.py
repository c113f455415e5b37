"""Calls a score function once, and reads what it returns: numbers, or the failure of that one architecture.

It runs in the caller's thread or in a worker process, so everything it returns can be pickled.
"""

import inspect
import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from collm_nas_evaluator.backends.base import Failure, FailureKind, Measurement

OUT_OF_MEMORY = {"MemoryError", "OutOfMemoryError"}
"""Names of classes, so that no library has to be imported to recognise them."""
LONGEST_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a score must give: the objective, and further metrics by name."""

    objective: str
    metrics: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.objective, *self.metrics)


@dataclass(frozen=True, slots=True)
class Value:
    """A number of a score with its noise, such as the mean of several trainings.

    `standard_error` is in the unit of the number: how far it may lie from the mean of endless trials. Leave it out
    where it is not known.
    """

    value: Any
    standard_error: Any = None


@dataclass(frozen=True, slots=True)
class Scored:
    """What a score returned: every metric, the standard errors that are known, and names that nobody asked for."""

    metrics: dict[str, float]
    standard_errors: dict[str, float]
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one call; `log` is for the log file, and `extra` names metrics that nobody asked for."""

    result: Measurement | Failure
    log: str = ""
    extra: tuple[str, ...] = ()


class Unusable(Exception):
    """What a score returned is no result; the text says what it must return."""

    def __init__(self, text: str, kind: FailureKind = FailureKind.CRASHED) -> None:
        super().__init__(text)
        self.kind = kind


def ask(
    score: Callable[[Any], Any], architecture: Mapping[str, Any], wanted: Wanted, tell: Callable[[float, str], None]
) -> Answer:
    """Calls `score` and reads its answer. `tell` gets the progress that a generator function yields.

    Only KeyboardInterrupt is raised; everything else that the function raises is a failure.
    """
    begin = time.perf_counter()
    try:
        returned = score(architecture)
        if inspect.isgenerator(returned):
            returned = _told(returned, tell)
        found = read(returned, wanted)
    except KeyboardInterrupt:
        raise
    except Unusable as error:
        return Answer(Failure(error.kind, str(error)), f"{error} for {architecture}")
    except BaseException as error:  # noqa: BLE001 - also sys.exit() must not end the search
        is_memory = any(each.__name__ in OUT_OF_MEMORY for each in type(error).__mro__)
        kind = FailureKind.OUT_OF_MEMORY if is_memory else FailureKind.CRASHED
        whole = "".join(traceback.format_exception(error))
        return Answer(Failure(kind, in_short(error)[:LONGEST_MESSAGE]), f"failed for {architecture}\n{whole}")
    return Answer(
        Measurement(found.metrics, time.perf_counter() - begin, found.standard_errors),
        extra=found.extra,
    )


def read(returned: Any, wanted: Wanted) -> Scored:
    """The metrics in a score's answer. Raises Unusable."""
    if not isinstance(returned, Mapping):
        if wanted.metrics:
            names = ", ".join(map(repr, wanted.names))
            raise Unusable(f"score returned {_shown(returned)}; it must return a dictionary with {names}")
        returned, where = {wanted.objective: returned}, {wanted.objective: ""}
    else:
        where = {name: f" for {name!r}" for name in wanted.names}
    missing = [name for name in wanted.names if name not in returned]
    if missing:
        there = ", ".join(map(repr, returned)) or "nothing"
        raise Unusable(f"score returned a dictionary without {missing[0]!r}; it has {there}")
    metrics, errors = {}, {}
    for name in wanted.names:
        given = returned[name] if isinstance(returned[name], Value) else Value(returned[name])
        metrics[name] = _number(given.value, where[name])
        if given.standard_error is not None:
            errors[name] = _standard_error(given.standard_error, where[name])
    return Scored(metrics, errors, tuple(str(name) for name in returned if name not in metrics))


def in_short(error: BaseException) -> str:
    """An exception in one line: its type, its text, and the places from where it was raised to where it was called."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    places = [
        f"{frame.name} in {frame.filename}, line {frame.lineno}"
        for frame in reversed(traceback.extract_tb(_own(error.__traceback__)))
    ]
    return f"{text} (raised by {'; called by '.join(places[:6])})" if places else text


# --- internal ---


def _told(generator: Any, tell: Callable[[float, str], None]) -> Any:
    while True:
        try:
            told = next(generator)
        except StopIteration as end:
            return end.value
        fraction, note = told if isinstance(told, tuple) and len(told) == 2 else (told, "")
        share = _number(fraction, " as progress")
        if not 0 <= share <= 1:
            raise Unusable(f"score yielded the progress {share:g}; progress is a number from 0 to 1")
        tell(share, str(note))


def _standard_error(value: Any, where: str) -> float:
    place = f" as the standard error{where}"
    try:
        found = _number(value, place)
    except Unusable as error:
        raise Unusable(f"{error}; leave it out where it is not known") from error
    if found < 0:
        raise Unusable(f"score returned {found:g}{place}; a standard error is not negative")
    return found


def _number(value: Any, where: str) -> float:
    """A number, or what gives one by `.item()`: an array or tensor with one entry, on any device."""
    found = value
    if not isinstance(found, int | float) and callable(getattr(found, "item", None)):
        try:
            found = found.item()
        except (RuntimeError, ValueError, TypeError) as error:
            raise Unusable(f"score returned {_shown(value)}{where}, which is not one number ({error})") from error
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Unusable(f"score returned {_shown(value)}{where}; it must return a number or a dictionary of numbers")
    try:
        number = float(found)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unusable(f"score returned {number}{where}", FailureKind.NOT_FINITE)
    return number


def _shown(value: Any) -> str:
    text = "None" if value is None else f"{type(value).__name__} {value!r}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _own(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this module."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace
