"""Calls a user's score function for the evaluator: in the caller's own thread, or in worker processes.

The evaluator's threads hand over jobs and get answers. Nothing here knows a space or a transport.
"""

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from collm_nas import answers
from collm_nas.answers import Answer, Wanted
from collm_nas.errors import UsageError
from collm_nas_evaluator.backends.base import Failure, FailureKind

Scores = Mapping[str, Callable[[Any], Any]]
"""The function of each split: "search", and perhaps "test"."""


@dataclass(frozen=True)
class Job:
    """One architecture to score on a split. `answer` and `tell` may be called from any thread."""

    split: str
    architecture: dict[str, Any]
    answer: Callable[[Answer], None]
    tell: Callable[[float, str], None]
    is_dropped: Callable[[], bool]
    """Whether nobody waits for the answer any more."""


class Calls(Protocol):
    """How jobs are done."""

    parallelism: int
    """How many jobs are done at the same time."""

    def submit(self, job: Job) -> None:
        """Takes a job from any thread, and returns at once."""
        ...

    def work(self) -> None:
        """Runs in the caller's thread until `finish` is called. Raises KeyboardInterrupt when it is interrupted."""
        ...

    def finish(self) -> None:
        """Ends `work`, from any thread."""
        ...

    def close(self) -> None:
        """Ends everything at once, and drops what is open."""
        ...


class Here:
    """Calls functions in the thread that calls `work`, one at a time, so that an interruption ends the call itself."""

    parallelism = 1

    def __init__(self, scores: Scores, wanted: Wanted) -> None:
        self._scores, self._wanted = scores, wanted
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()

    def submit(self, job: Job) -> None:
        self._jobs.put(job)

    def work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.is_dropped():
                job.answer(answers.ask(self._scores[job.split], job.architecture, self._wanted, job.tell))

    def finish(self) -> None:
        self._jobs.put(None)

    def close(self) -> None:
        self.finish()


class Workers:
    """Calls functions in processes, one job a process. When a process dies, only its own job has failed.

    One pipe a process carries jobs, progress and answers, so that it is always known which job a process died of; a
    shared pool of executors does not tell. Functions travel by cloudpickle, also lambdas and those of a notebook.
    Raises UsageError when a function cannot travel.
    """

    def __init__(self, count: int, scores: Scores, wanted: Wanted) -> None:
        import loky  # noqa: F401, PLC0415 - missing, it is missed here and not in a thread

        self.parallelism = count
        self._program = _travelling(scores, wanted)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._finished = threading.Semaphore(0)
        self._closed = False
        self._processes: list[_Process | None] = [None] * count
        self._threads = [
            threading.Thread(target=self._serve, args=(place,), name=f"worker {place + 1}", daemon=True)
            for place in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        self._jobs.put(job)

    def work(self) -> None:
        self._finished.acquire()

    def finish(self) -> None:
        self._finished.release()

    def close(self) -> None:
        self._closed = True
        self.finish()
        for process in self._processes:
            if process is not None:
                process.kill()
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(5)

    def _serve(self, place: int) -> None:
        process: _Process | None = None
        while (job := self._jobs.get()) is not None and not self._closed:
            if job.is_dropped():
                continue
            if process is None:
                try:
                    process = self._processes[place] = _Process(self._program)
                except OSError as error:
                    job.answer(Answer(Failure(FailureKind.CRASHED, f"no worker process can be started: {error}")))
                    continue
                if self._closed:
                    process.kill()
                    return
            answer = process.do(job)
            if answer is None:
                if self._closed:
                    return
                how = process.how_it_died()
                process.kill()
                process = self._processes[place] = None
                answer = Answer(Failure(FailureKind.CRASHED, how), f"{how}, with {job.architecture}")
            job.answer(answer)
        if process is not None:
            process.kill()


# --- internal ---


class _Process:
    """A worker process, used by one thread."""

    def __init__(self, program: bytes) -> None:
        from loky.backend import get_context  # noqa: PLC0415 - only searches with workers need it

        # Unlike "spawn" it does not run the user's script again, and unlike "fork" it copies no thread's locks.
        context = get_context("loky")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, program, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()

    def do(self, job: Job) -> Answer | None:
        """The answer of a job; None when the process has died."""
        try:
            self._connection.send((job.split, job.architecture))
            while isinstance(said := self._connection.recv(), tuple):
                job.tell(*said)
        except (EOFError, OSError):
            return None
        answer: Answer = said
        return answer

    def how_it_died(self) -> str:
        """In words, once it has."""
        self._process.join(5)
        code = self._process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                killer = signal.Signals(-code)
                memory = "; perhaps the memory ran out" if killer == signal.SIGKILL else ""
                return f"the worker process was killed by {killer.name}{memory}"
        return f"the worker process ended with exit code {code}"

    def kill(self) -> None:
        """Ends it, and all that it started."""
        pid: int | None = self._process.pid
        if pid is not None:
            for end in (os.killpg, os.kill):  # the group is there only once the process has begun its own
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(pid, signal.SIGKILL)
        self._process.join(5)
        self._connection.close()


def _run(connection: Connection, program: bytes, parent: int) -> None:
    """The program of a worker process."""
    import cloudpickle  # noqa: PLC0415

    os.setsid()  # a group of its own: Ctrl-C does not reach it, and all that it starts ends with it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    scores, wanted = cloudpickle.loads(program)

    def tell(fraction: float, note: str) -> None:
        connection.send((fraction, note))

    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            split, architecture = connection.recv()
            connection.send(answers.ask(scores[split], architecture, wanted, tell))


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent has ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def _travelling(scores: Scores, wanted: Wanted) -> bytes:
    import cloudpickle  # noqa: PLC0415

    for split, score in scores.items():
        for name, value in _used_by(score).items():
            if getattr(value, "is_cuda", False) is True:
                raise UsageError(
                    f'{_name(score)} cannot travel to a worker process: it uses "{name}", a tensor on a GPU; make it '
                    "inside the function, or use workers=1"
                )
        try:
            cloudpickle.dumps(score)
        except Exception as error:
            raise UsageError(_cannot_travel(split, score, error)) from error
    program: bytes = cloudpickle.dumps((dict(scores), wanted))
    return program


def _cannot_travel(split: str, score: Callable[[Any], Any], error: Exception) -> str:
    import cloudpickle  # noqa: PLC0415

    del split
    advice = "make it inside the function, or use workers=1"
    for name, value in _used_by(score).items():
        try:
            cloudpickle.dumps(value)
        except Exception:  # noqa: BLE001 - whatever a value raises, it cannot travel
            kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
            return (
                f'{_name(score)} cannot travel to a worker process: it uses "{name}" ({kind}), which cannot; {advice}'
            )
    return f"{_name(score)} cannot travel to a worker process ({' '.join(str(error).split())}); {advice}"


def _used_by(score: Callable[[Any], Any]) -> dict[str, Any]:
    """What a function takes from around it, by name."""
    import inspect  # noqa: PLC0415

    function = inspect.unwrap(score)
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function):
        return dict(vars(score)) if hasattr(score, "__dict__") else {}
    try:
        used = inspect.getclosurevars(function)
    except ValueError:  # a cell that has no value yet
        return {}
    return {**used.globals, **used.nonlocals}


def _name(score: Callable[[Any], Any]) -> str:
    return f"the function {getattr(score, '__qualname__', type(score).__name__)}"
