"""Runs a search whose scores come from this process: the composition root of the front door.

It serves the scores on a free port of this machine, starts the control plane, and puts both away at the end, however
it comes. The search itself is the control plane's.
"""

import json
import logging
import os
import queue
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collm_nas import control, function, listening, progress, settings
from collm_nas.calls import Calls
from collm_nas.errors import NoWinner, UsageError
from collm_nas.function import Costs, Metric, Score
from collm_nas.known import Known, path_of
from collm_nas.result import Result
from collm_nas.space import Architecture, Space
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import Backend

SECONDS_TO_ARRIVE = 1.0


def search(
    space: Space,
    score: Score,
    *,
    budget: int = 100,
    limits: Mapping[str, float] | None = None,
    costs: Costs | None = None,
    objective: str | Metric = "accuracy",
    direction: str = "maximize",
    metrics: Sequence[str | Metric] = (),
    test: Score | None = None,
    key: Callable[[Architecture], str] | None = None,
    version: str = "",
    workers: int = 1,
    known: Known | None = None,
    out: str | os.PathLike[str] | None = None,
    show_progress: bool = True,
    **more: Any,
) -> Result:
    """Searches `space` for the architecture with the best score, within `budget` evaluations and the limits.

    `score` gets an architecture such as {"kernel": [3, 1, 5], "width": 24} and returns the objective, or a dictionary
    with the objective and the `metrics`. It may be a generator that yields its progress from 0 to 1 and returns the
    score. Whatever it raises, and NaN, is a failure of that architecture alone; the folder's evaluator.log has the
    traceback. With `workers` it is called in so many processes. `test` scores the winner once, on other data.

    `costs` are functions of an architecture by name, and `limits` the most that each may be. Architectures for which
    `key` gives the same text compute the same function. `version` is any text; change it when the score of an
    architecture changes, so that older runs are not continued with it.

    `known` has results that are there already and cost no budget: the folder of a run, a Result, a file (JSON lines,
    JSON or CSV), pairs of an architecture and its score, or rows as `from_optuna` gives them.

    `out` is the folder of the run. The same call continues a run that was interrupted there, and returns one that has
    ended. Every other keyword is a key of search.yaml: model="…", base_url="…", searcher="…", seed=1.

    Raises UsageError for what has to be corrected, SearchStopped when the search cannot continue now, NoWinner when it
    ends without a winner.
    """
    driver = Driver(
        space,
        settings.configuration(space, {**more, "budget": budget, "limits": limits, "out": out}),
        known=known,
        show_progress=show_progress,
    )
    backend, calls = function.scored(
        space,
        score,
        costs=costs or {},
        objective=function.objective_of(objective, direction, metrics),
        test=test,
        key=key,
        version=version,
        workers=workers,
        on_broken_cost=driver.break_off,
        say=driver.log,
    )
    return driver.run(backend, calls)


class Driver:
    """One search: the server of a backend, the control plane, and the thread that called."""

    def __init__(
        self,
        space: Space,
        configuration: Mapping[str, Any],
        *,
        known: Known | None = None,
        show_progress: bool = True,
    ) -> None:
        self._space, self._configuration, self._known, self._shows = space, configuration, known, show_progress
        self._objective = ""
        self._bar: progress.Bar = progress.NoBar()
        self._finish: Callable[[], None] = lambda: None
        self._broken: UsageError | None = None
        self._ended: dict[str, Any] | None = None
        self._run: Path | None = None
        self._recorded = 0
        self._log = _Log()

    def log(self, text: str) -> None:
        """Adds to the log of the run."""
        self._log.write(text)

    def break_off(self, error: UsageError) -> None:
        """Ends the search with this error, from any thread."""
        self._broken = self._broken or error
        self._finish()

    def run(self, backend: Backend, calls: Calls) -> Result:
        """Runs the search to its end. Raises as `search` does."""
        try:
            return self._driven(backend, calls)
        finally:
            calls.close()

    # --- internal ---

    def _driven(self, backend: Backend, calls: Calls) -> Result:
        self._finish = calls.finish
        self._objective = backend.describe().metrics[0].name
        in_notebook = progress.is_notebook()
        stderr = None if self._shows and not in_notebook else subprocess.DEVNULL
        command: control.Command | None = None
        with tempfile.TemporaryDirectory(prefix="collm-nas-") as folder:
            file = Path(folder) / "search.yaml"
            evaluator = {**self._configuration.get("evaluator", {}), "program": "nas.search of Python"}
            configuration = {**self._configuration, "evaluator": evaluator}
            if self._known is not None:
                configuration["known"] = path_of(self._known, self._space, self._objective, Path(folder))
            file.write_text(json.dumps(configuration))
            running = listening.start(backend, Address("127.0.0.1", 0))
            try:
                flags = ["--evaluator", running.address, "--exit-with-stdin", "--events"]
                if "out" in self._configuration:
                    flags.append("--continue")
                command = control.Command(
                    ["run", str(file), *flags], stderr=stderr, on_line=lambda line: self._take(line, in_notebook)
                )
                calls.work()
            except KeyboardInterrupt:
                self._let_answers_arrive(backend)
                run = self._run
                where = (
                    ""
                    if run is None
                    else f"; {run} has what was found, and the same call with out={str(run)!r} continues it"
                )
                raise KeyboardInterrupt(f"the search was stopped{where}") from None
            finally:
                if command is not None:
                    command.stop()
                calls.close()  # before the server, whose calls wait for answers
                running.stop()
                self._bar.close()
                self._log.close()
        return self._result()

    def _let_answers_arrive(self, backend: Backend) -> None:
        """Waits a moment for the record of what has been scored, so that it is not scored again."""
        deadline = time.monotonic() + SECONDS_TO_ARRIVE
        while getattr(backend, "answered", 0) > self._recorded and time.monotonic() < deadline:
            time.sleep(0.01)

    def _take(self, line: dict[str, Any], in_notebook: bool) -> None:
        kind = line.get("kind")
        if kind == "begun":
            self._run = Path(line["run"])
            self._log.begin(self._run / "evaluator.log")
            if self._shows and in_notebook:
                self._bar = progress.NotebookBar(line["budget"], self._objective)
                self._bar.update(line["evaluated"], None)
        elif kind == "event" and line["event"]["type"] in ("architecture-measured", "winner-tested"):
            self._recorded += 1
            if "evaluated" in line:
                self._bar.update(line["evaluated"], line["best"])
        elif kind == "ended":
            self._ended = line
        elif kind == "closed":
            self._ended = self._ended or {"exitCode": line["exitCode"], "run": None, "summary": None, "error": None}
            self._finish()

    def _result(self) -> Result:
        if self._broken is not None:
            raise self._broken
        assert self._ended is not None  # noqa: S101 - nothing else finishes the work
        code, run, summary, error = (self._ended[name] for name in ("exitCode", "run", "summary", "error"))
        result = None if summary is None or run is None else Result(run, summary, self._space)
        message = "" if error is None else str(error["message"])
        if code == _NO_WINNER and result is not None:
            raise NoWinner(f"{message} ({result.folder})", result)
        if code != 0 or result is None:
            raise control.error_of(code, message if run is None or run in message else f"{message} (the run: {run})")
        return result


# --- internal ---

_NO_WINNER = 7


class _Log:
    """The log beside a run. What is said before its folder is known waits."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._handler: logging.FileHandler | None = None

    def write(self, text: str) -> None:
        self._waiting.put(text)
        self._flush()

    def begin(self, path: Path) -> None:
        self._handler = logging.FileHandler(path, encoding="utf-8", delay=True)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._flush()

    def close(self) -> None:
        if self._handler is not None:
            self._flush()
            self._handler.close()

    def _flush(self) -> None:
        while self._handler is not None and not self._waiting.empty():
            text = self._waiting.get()
            self._handler.emit(logging.LogRecord("collm_nas", logging.ERROR, "", 0, text, None, None))
