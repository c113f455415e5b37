"""Limits the calls that run at the same time, and the answers that wait for each caller.

Owns the bounds for one machine and for all machines. A caller who does not read delays only its own evaluation.
Knows no transport and no space.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from collm_nas_evaluator.backends.base import Outcome, Progress


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most calls that may run at the same time, and the most architectures in all of them."""

    calls: int
    architectures: int


FOR_ONE_MACHINE = Bounds(calls=64, architectures=250_000)
"""For as many searches as one bench runs at the same time. An architecture takes about 0.5 kB while its call runs."""
IN_ALL = Bounds(calls=96, architectures=1_000_000)
MOST_WAITING = 256
"""The most answers of one call that wait to be read."""


@dataclass
class _Load:
    calls: int = 0
    architectures: int = 0

    def is_full(self, bounds: Bounds, more: int) -> bool:
        """Whether one more call is too many. A single call is always allowed, however large it is."""
        return self.calls > 0 and (self.calls >= bounds.calls or self.architectures + more > bounds.architectures)

    def add(self, calls: int, architectures: int) -> None:
        self.calls += calls
        self.architectures += architectures


@dataclass
class Admission:
    """Which calls may begin."""

    for_one_machine: Bounds = FOR_ONE_MACHINE
    in_all: Bounds = IN_ALL
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _all: _Load = field(default_factory=_Load)
    _machines: dict[str, _Load] = field(default_factory=dict)

    def enter(self, machine: str, architectures: int) -> Callable[[], None] | str:
        """Lets a call of a machine begin and returns a function to call at its end, or returns why it may not begin."""
        with self._lock:
            load = self._machines.get(machine, _Load())
            for who, which, bounds in (
                (machine, load, self.for_one_machine),
                ("all machines", self._all, self.in_all),
            ):
                if which.is_full(bounds, architectures):
                    return (
                        f"{which.calls} calls of {who} with {which.architectures} architectures are under way, of at "
                        f"most {bounds.calls} calls with {bounds.architectures}; read one to its end, then ask again"
                    )
            self._machines[machine] = load
            for each in (load, self._all):
                each.add(1, architectures)
        return lambda: self._leave(machine, architectures)

    def _leave(self, machine: str, architectures: int) -> None:
        with self._lock:
            load = self._machines[machine]
            for each in (load, self._all):
                each.add(-1, -architectures)
            if load.calls == 0:
                del self._machines[machine]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of the answers. `reason` says what went wrong; empty when nothing did."""

    reason: str = ""


class Answers:
    """The answers of one evaluation, passed from its thread to its call.

    Giving an outcome waits while too many answers are unread. Giving progress never waits, because an evaluation may do
    it while it uses the device: it replaces unread progress, or is dropped.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[Outcome | Progress] = deque()
        self._end: Ended | None = None
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many answers are unread."""
        return len(self._waiting)

    def give(self, answer: Outcome | Progress) -> None:
        """Adds an answer. After the end it is dropped."""
        with self._changed:
            if isinstance(answer, Progress):
                if len(self._waiting) >= self._most and isinstance(self._waiting[-1], Progress):
                    self._waiting.pop()
                if len(self._waiting) >= self._most:
                    return
            else:
                self._changed.wait_for(lambda: self._end is not None or len(self._waiting) < self._most)
            if self._end is None:
                self._waiting.append(answer)
                self._changed.notify_all()

    def end(self, reason: str = "", *, at_once: bool = False) -> None:
        """Ends the answers: after the waiting ones, or at once when nobody reads them any more."""
        with self._changed:
            self._end = self._end or Ended(reason)
            if at_once:
                self._waiting.clear()
            self._changed.notify_all()

    def take(self, seconds: float) -> Outcome | Progress | Ended | None:
        """The next answer, or the end; None when neither comes within `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._end, seconds)
            if not self._waiting:
                return self._end
            answer = self._waiting.popleft()
            self._changed.notify_all()
            return answer
