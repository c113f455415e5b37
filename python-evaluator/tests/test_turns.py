"""Turns: one thread does all work, callers alternate, exceptions travel, and nobody waits for who does not read."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event, Thread

import pytest
from client import PACKAGE_ROOT, PATIENCE_SECONDS
from waiting import wait_until

from collm_nas_evaluator import turns
from collm_nas_evaluator.turns import Turns


@pytest.fixture
def one() -> Iterator[Turns]:
    made = Turns("device test")
    yield made
    made.close()


class Gate:
    """Work that stays in its first value until it is opened."""

    def __init__(self) -> None:
        self.reached, self.open = Event(), Event()
        self.values = 0

    def __iter__(self) -> Iterator[int]:
        self.reached.set()
        assert self.open.wait(PATIENCE_SECONDS)
        while True:
            self.values += 1
            yield self.values


def in_threads(*work: Callable[[], object]) -> list[Thread]:
    threads = [Thread(target=each) for each in work]
    for each in threads:
        each.start()
    return threads


def joined(threads: list[Thread]) -> None:
    for each in threads:
        each.join(PATIENCE_SECONDS)
        assert not each.is_alive()


def test_callers_alternate_in_one_thread(one: Turns) -> None:
    gate, order, where, left = Gate(), list[str](), set[int](), dict.fromkeys("abc", 4)

    def piece(name: str) -> Iterator[str]:
        where.add(threading.get_ident())
        order.append(name)
        left[name] -= 1
        # As long as a real evaluation: all others ask for their next one meanwhile.
        wait_until(lambda: len(one._waiting) == sum(left[other] > 0 for other in left if other != name))
        yield name

    def caller(name: str) -> None:
        while left[name]:
            assert [each for each in one.steps(lambda: piece(name), Event()) if each] == [name]

    stop = Event()
    [first] = in_threads(lambda: list(one.steps(lambda: iter(gate), stop)))
    assert gate.reached.wait(PATIENCE_SECONDS)
    callers = in_threads(*(partial(caller, name) for name in left))
    wait_until(lambda: len(one._waiting) == 3)
    gate.open.set()
    stop.set()
    joined([first, *callers])
    assert len(where) == 1
    assert where.isdisjoint(each.ident for each in (first, *callers))
    assert all(set(order[at : at + 3]) == set("abc") for at in range(0, 12, 3))


def test_an_exception_reaches_the_one_who_asked_and_nobody_else(one: Turns) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("made up")

    steps = one.steps(broken, Event())
    assert next(steps) == 1
    with pytest.raises(LookupError, match="made up"):
        next(steps)
    assert list(one.steps(lambda: iter([2, 3]), Event())) == [2, 3]
    with pytest.raises(ZeroDivisionError):
        one.call(lambda: 1 // 0)
    assert one.call(lambda: one.call(lambda: 4)) == 4


@pytest.mark.parametrize("leave", ["stop", "close", "forget"])
def test_work_ends_when_its_caller_leaves(one: Turns, leave: str) -> None:
    gate, stop = Gate(), Event()
    gate.open.set()
    steps = one.steps(lambda: iter(gate), stop)
    assert next(steps) == 1
    if leave == "stop":
        stop.set()
        assert list(steps) == []
    elif leave == "close":
        steps.close()  # type: ignore[attr-defined]
    del steps
    assert list(one.steps(lambda: iter("next"), Event())) == list("next")
    done = gate.values
    assert one.call(lambda: gate.values) == done


def test_work_whose_caller_left_before_its_turn_is_never_begun(one: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.01)
    gate, left, stop, begun = Gate(), Event(), Event(), list[str]()
    [first] = in_threads(lambda: list(one.steps(lambda: iter(gate), left)))
    assert gate.reached.wait(PATIENCE_SECONDS)
    waiting = one.steps(lambda: map(begun.append, ["never"]), stop)
    assert [next(waiting), next(waiting)] == [None, None]
    stop.set()
    assert list(waiting) == []
    left.set()
    gate.open.set()
    joined([first])
    assert list(one.steps(lambda: iter("x"), Event())) == ["x"]
    assert begun == []


def test_a_caller_that_does_not_read_delays_nobody(one: Turns) -> None:
    unread = one.steps(lambda: iter(range(1000)), Event())
    assert next(unread) == 0
    assert list(one.steps(lambda: iter("x"), Event())) == ["x"]
    assert list(unread) == list(range(1, 1000))


def test_a_call_goes_before_waiting_work(one: Turns) -> None:
    gate, stop, order = Gate(), Event(), list[str]()
    [first] = in_threads(lambda: list(one.steps(lambda: iter(gate), stop)))
    assert gate.reached.wait(PATIENCE_SECONDS)
    evaluation = in_threads(lambda: list(one.steps(lambda: map(order.append, ["evaluation"]), Event())))
    wait_until(lambda: len(one._waiting) == 1)
    call = in_threads(lambda: one.call(lambda: order.append("call")))
    wait_until(lambda: len(one._waiting) == 2)
    stop.set()
    gate.open.set()
    joined([first, *evaluation, *call])
    assert order == ["call", "evaluation"]


def test_closing_drops_what_waits_and_takes_no_more(one: Turns) -> None:
    gate = Gate()
    running = in_threads(lambda: list(one.steps(lambda: iter(gate), Event())))
    assert gate.reached.wait(PATIENCE_SECONDS)
    waiting = in_threads(lambda: list(one.steps(lambda: iter("x"), Event())))
    wait_until(lambda: len(one._waiting) == 1)
    gate.open.set()
    one.close()
    joined([*running, *waiting])
    assert one._thread is not None
    assert not one._thread.is_alive()
    assert list(one.steps(lambda: iter("x"), Event())) == []
    with pytest.raises(RuntimeError, match="no more work"):
        one.call(lambda: 1)


def test_a_device_has_one_thread_in_a_process_and_a_forked_one_has_its_own() -> None:
    assert turns.of("made up") is turns.of("made up")
    assert turns.of("made up").call(os.getpid) == os.getpid()
    code = """
import os
from threading import Event
from collm_nas_evaluator import turns
assert list(turns.of("x").steps(lambda: iter("ab"), Event())) == ["a", "b"]
child = os.fork()
assert turns.of("x").call(os.getpid) == os.getpid()
if child:
    assert os.waitpid(child, 0)[1] == 0
    def forever():
        while True:
            yield 1
    steps = turns.of("x").steps(forever, Event())
    assert next(steps) == 1
    print("ended")
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, check=False, cwd=PACKAGE_ROOT, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ended\n", "")
