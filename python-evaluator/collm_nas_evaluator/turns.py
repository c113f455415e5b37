"""Does the work of a device in one lasting thread, one piece after the other, in the order in which it was asked for.

Owns the thread of each device, whose turn it is, and the way of answers and exceptions to those who ask. A caller who
does not read delays nobody. Knows no network and no library that computes.
"""

import atexit
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")

WAIT_SECONDS = 1.0
"""How often a caller hears that others are before it, and sees whether its own client has left."""
END_SECONDS = 1.0
"""How long the end of this process waits for work that does not stop."""


class Turns:
    """One lasting thread, and the work that waits for it.

    OpenMP keeps a pool of threads for each thread that computes; a lasting thread has one pool. A caller asks for one
    piece of work at a time, so that callers take turns.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[_Work[Any]] = deque()
        self._now: _Work[Any] | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def steps(self, begin: Callable[[], Iterator[T]], stop: threading.Event) -> Iterator[T | None]:
        """The values of an iterator that the thread runs; None every WAIT_SECONDS until its turn comes.

        Ends early when `stop` is set. The thread leaves the iterator at its next value then, and also when the caller
        leaves this one. Raises what the iterator raises.
        """
        work = self._add(_Work(begin, stop))
        try:
            while not stop.is_set():
                try:
                    answer = work.answers.get(timeout=WAIT_SECONDS)
                except queue.Empty:
                    if not work.has_begun:
                        yield None
                    continue
                if isinstance(answer, _End):
                    answer.reraise()
                    return
                if not stop.is_set():
                    yield answer
        finally:
            work.dropped.set()

    def call(self, function: Callable[[], T]) -> T:
        """What a short function returns, called in the thread before other waiting work. Raises what it raises."""
        if threading.current_thread() is self._thread:
            return function()
        work = self._add(_Work(lambda: iter([function()]), threading.Event()), is_first=True)
        answer = work.answers.get()
        if isinstance(answer, _End):
            answer.reraise()
            raise RuntimeError(f"{self._name} takes no more work, as this process ends")
        return answer

    def close(self) -> None:
        """Drops what waits and ends the thread at the next value of its work; waits at most END_SECONDS for that."""
        with self._changed:
            self._is_closed = True
            for work in (*self._waiting, *([self._now] if self._now else [])):
                work.dropped.set()
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(END_SECONDS)

    # --- internal ---

    def _add(self, work: "_Work[T]", *, is_first: bool = False) -> "_Work[T]":
        with self._changed:
            if self._is_closed:
                work.answers.put(_End())
                return work
            if self._thread is None:
                # It must not keep a process from ending, whatever a network of a user does.
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
                atexit.register(self.close)
            if is_first:
                self._waiting.appendleft(work)
            else:
                self._waiting.append(work)
            self._changed.notify_all()
        return work

    def _work(self) -> None:
        while True:
            with self._changed:
                self._now = None
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                self._now = self._waiting.popleft()
            self._now.run()


def of(device: str) -> Turns:
    """The turns of a device; the same for all who use it in this process."""
    # A forked child has none of its parent's threads.
    return _TURNS.setdefault((os.getpid(), device), Turns(f"device {device}"))


# --- internal ---

_TURNS: dict[tuple[int, str], Turns] = {}


@dataclass
class _End:
    """The end of the values, with the exception that ended them."""

    error: BaseException | None = None

    def reraise(self) -> None:
        """Raises the exception and keeps no reference to it, as its frames hold networks."""
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error


@dataclass
class _Work(Generic[T]):
    begin: Callable[[], Iterator[T]]
    stop: threading.Event
    answers: "queue.SimpleQueue[T | _End]" = field(default_factory=queue.SimpleQueue)
    dropped: threading.Event = field(default_factory=threading.Event)
    """Set when the caller has left, or this process ends."""
    has_begun: bool = False

    def run(self) -> None:
        self.has_begun = True
        end = _End()
        try:
            for value in () if self._is_over() else self.begin():
                if self._is_over():
                    break
                self.answers.put(value)
        except BaseException as error:  # noqa: BLE001 - whoever asked gets it
            end = _End(error)
        self.answers.put(end)

    def _is_over(self) -> bool:
        return self.stop.is_set() or self.dropped.is_set()
