"""Functions of users are called in the caller's thread or in worker processes, and each job gets its own answer."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import pytest
from waiting import wait_until

from collm_nas.answers import Answer, Wanted
from collm_nas.calls import Calls, Here, Job, Workers
from collm_nas.errors import UsageError
from collm_nas_evaluator.backends.base import Failure, Measurement

ONE = Wanted("accuracy")


class Asked:
    """Jobs for some architectures, and what came of them."""

    def __init__(self, calls: Calls, architectures: list[dict[str, Any]], split: str = "search") -> None:
        self.answers: dict[int, Answer] = {}
        self.told: list[tuple[int, float, str]] = []
        self.threads: set[int] = set()
        self._calls, self._left = calls, len(architectures)
        self._lock = threading.Lock()
        for index, architecture in enumerate(architectures):
            answer, tell = partial(self._take, index), partial(self._tell, index)
            calls.submit(Job(split, architecture, answer, tell, is_dropped=lambda: False))

    def _tell(self, index: int, fraction: float, note: str) -> None:
        self.told.append((index, fraction, note))

    def _take(self, index: int, answer: Answer) -> None:
        with self._lock:
            self.answers[index] = answer
            self.threads.add(threading.get_ident())
            self._left -= 1
            if self._left == 0:
                self._calls.finish()

    def values(self) -> list[float | str]:
        return [
            each.result.metrics["accuracy"] if isinstance(each.result, Measurement) else each.result.message
            for _, each in sorted(self.answers.items())
        ]


Make = Callable[[dict[str, Callable[[Any], Any]]], Calls]


@pytest.fixture(params=["here", "workers"])
def calls_of(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[Calls] = []

    def make(scores: dict[str, Callable[[Any], Any]]) -> Calls:
        made.append(Here(scores, ONE) if request.param == "here" else Workers(2, scores, ONE))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_every_job_gets_the_answer_of_its_architecture_and_split(calls_of: Make) -> None:
    offset = 100  # a function of a notebook uses what is around it
    calls = calls_of({"search": lambda arch: arch["k"] + offset, "test": lambda arch: -arch["k"]})
    asked = Asked(calls, [{"k": number} for number in range(7)])
    calls.work()
    assert asked.values() == [100.0 + number for number in range(7)]
    tested = Asked(calls, [{"k": 3}], "test")
    calls.work()
    assert tested.values() == [-3.0]


def test_an_exception_is_the_failure_of_its_own_job(calls_of: Make) -> None:
    calls = calls_of({"search": lambda arch: 1 / arch["k"]})
    asked = Asked(calls, [{"k": 1}, {"k": 0}, {"k": 2}])
    calls.work()
    first, failed, last = asked.values()
    assert (first, last) == (1.0, 0.5)
    assert str(failed).startswith("ZeroDivisionError: division by zero (raised by <lambda>")


def test_progress_comes_before_the_answer(calls_of: Make) -> None:
    def score(arch: Any) -> Generator[Any, None, Any]:
        yield 0.5, "half"
        return arch["k"]

    calls = calls_of({"search": score})
    asked = Asked(calls, [{"k": 4}])
    calls.work()
    assert asked.told == [(0, 0.5, "half")]
    assert asked.values() == [4.0]


def test_a_job_that_nobody_waits_for_is_not_begun(calls_of: Make) -> None:
    calls = calls_of({"search": lambda arch: arch["k"]})
    looked: list[bool] = []
    begun: list[Answer] = []

    def is_dropped() -> bool:
        looked.append(True)
        return True

    calls.submit(Job("search", {"k": 1}, begun.append, lambda *_: None, is_dropped))
    asked = Asked(calls, [{"k": 2}])
    calls.work()
    assert looked
    assert begun == []
    assert asked.values() == [2.0]


def test_here_is_the_thread_of_the_caller() -> None:
    calls = Here({"search": lambda _: threading.get_ident()}, ONE)
    asked = Asked(calls, [{}])
    calls.work()
    assert asked.values() == [float(threading.get_ident())]


def test_workers_are_processes_that_work_at_the_same_time(tmp_path: Any) -> None:
    def score(arch: Any) -> float:
        (tmp_path / str(arch["k"])).touch()
        while len(list(tmp_path.iterdir())) < 2:  # each waits for the other
            time.sleep(0.01)
        return os.getpid()

    calls = Workers(2, {"search": score}, ONE)
    asked = Asked(calls, [{"k": 0}, {"k": 1}])
    calls.work()
    calls.close()
    assert len({*asked.values(), os.getpid()}) == 3


@pytest.mark.parametrize(
    ("die", "words"),
    [
        (lambda: os._exit(7), "ended with exit code 7"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL; perhaps the memory ran out"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "killed by SIGSEGV"),
    ],
)
def test_a_worker_that_dies_fails_its_own_job_and_no_other(die: Callable[[], None], words: str) -> None:
    calls = Workers(2, {"search": lambda arch: die() if arch["k"] == 2 else arch["k"]}, ONE)
    asked = Asked(calls, [{"k": number} for number in range(6)])
    calls.work()
    calls.close()
    values = asked.values()
    assert words in str(values.pop(2))
    assert values == [0.0, 1.0, 3.0, 4.0, 5.0]
    assert sum(isinstance(each.result, Failure) for each in asked.answers.values()) == 1


def test_close_ends_workers_in_the_middle_of_a_job(tmp_path: Any) -> None:
    def score(_: Any) -> float:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(600)
        return 0.0

    calls = Workers(1, {"search": score}, ONE)
    Asked(calls, [{}])
    pid = _waited_for(tmp_path / "pid")
    calls.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Any) -> None:
    program = textwrap.dedent(f"""
        import os, pathlib, time
        from collm_nas.answers import Wanted
        from collm_nas.calls import Job, Workers
        def score(_):
            pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
            time.sleep(600)
        calls = Workers(1, {{"search": score}}, Wanted("accuracy"))
        calls.submit(Job("search", {{}}, print, print, lambda: False))
        calls.work()
    """)
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        pid = _waited_for(tmp_path / "pid")
        parent.kill()
    wait_until(lambda: not _is_alive(pid))


def test_what_cannot_travel_is_named(tmp_path: Any) -> None:
    log, lock = (tmp_path / "log").open("w"), threading.Lock()

    def score(arch: Any) -> float:
        log.write(str(arch))
        return 1.0

    with pytest.raises(UsageError, match='score cannot travel to a worker process: it uses "log"'):
        Workers(2, {"search": score}, ONE)
    with pytest.raises(UsageError, match=r'it uses "lock" \(_thread.lock\), which cannot; make it inside'):
        Workers(2, {"search": lambda _: float(lock.locked())}, ONE)
    log.close()


def test_a_tensor_on_a_gpu_cannot_travel() -> None:
    class Tensor:
        is_cuda = True

    weights = Tensor()
    with pytest.raises(UsageError, match='it uses "weights", a tensor on a GPU'):
        Workers(2, {"search": lambda _: float(weights.is_cuda)}, ONE)


def _waited_for(path: Any) -> int:
    wait_until(lambda: path.exists() and path.read_text() != "")
    return int(path.read_text())


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
