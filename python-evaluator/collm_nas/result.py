"""What a run found, read from its folder by the control plane.

A Result holds a summary. Candidates, strategies and the trace stay in the folder and are read when they are asked for.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collm_nas import control
from collm_nas.errors import NoWinner, UsageError
from collm_nas.space import Architecture, Space, columns

if TYPE_CHECKING:
    import optuna
    import pandas as pd
    from matplotlib.axes import Axes

MOST_WINNERS = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """One proposed architecture, and what became of it.

    `verdict` says whether it was accepted, or why not. `value` is the objective, None without a result. `architecture`
    and `text` are None where the proposal could not be read. `standard_errors` are of the metrics whose noise is known.
    """

    round: int
    architecture: Architecture | None
    text: str | None
    verdict: str
    value: float | None
    metrics: dict[str, float]
    costs: dict[str, float]
    seconds: float | None
    is_over_limit: bool
    failure: str | None
    standard_errors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Winner:
    """The best architecture within the limits. `test` has its metrics on the test split, where there is one.

    `standard_errors` are of those metrics whose noise is known, `test_standard_errors` of those on the test split.
    """

    architecture: Architecture
    text: str
    value: float
    metrics: dict[str, float]
    costs: dict[str, float]
    test: dict[str, float] | None
    standard_errors: dict[str, float] = field(default_factory=dict)
    test_standard_errors: dict[str, float] = field(default_factory=dict)


class Result:
    """A run: `best`, `winners`, `trace`, `funnel`, `spend`, `strategies`, `failures`, and its folder."""

    def __init__(self, folder: str | os.PathLike[str], summary: dict[str, Any], space: Space | None = None) -> None:
        self.folder = Path(folder)
        self._summary = summary
        self._space = space

    @property
    def best(self) -> Winner:
        """The winner. Raises NoWinner where nothing has a result within the limits."""
        if self.winner is None:
            raise NoWinner(f"nothing has a result within the limits ({self.folder})", self)
        return self.winner

    @cached_property
    def winner(self) -> Winner | None:
        """The same, or None where nothing has a result within the limits."""
        found = self._summary.get("best")
        if found is None:
            return None
        return Winner(
            self._plain(found["architecture"], found["text"]),
            found["text"],
            float(found["metrics"][self.objective]),
            _floats(found["metrics"]),
            _floats(found["costs"]),
            None if found["test"] is None else _floats(found["test"]),
            _floats(found.get("standardErrors") or {}),
            _floats(found.get("testStandardErrors") or {}),
        )

    @cached_property
    def objective(self) -> str:
        """The name of the metric that is searched for."""
        name: str = self._described["metrics"][0]["name"]
        return name

    @property
    def status(self) -> str:
        """ "ended", "interrupted" or "failed"."""
        return str(self._summary["status"])

    @property
    def stop_reason(self) -> str:
        """Why the run ended: "budget", and so on; "stopped" when it can be continued."""
        return str(self._summary["stopReason"])

    @property
    def funnel(self) -> dict[str, int]:
        """How many candidates were proposed, refused for which reason, and evaluated."""
        return dict(self._summary["funnel"])

    @property
    def spend(self) -> dict[str, Any]:
        """Evaluations, calls of models, tokens, money and time."""
        return dict(self._summary["spend"])

    @cached_property
    def trace(self) -> list[dict[str, Any]]:
        """The best value within the limits after each evaluation: {"evaluation", "text", "value"}."""
        found: list[dict[str, Any]] = control.ask("show", str(self.folder))["trace"]
        return found

    @property
    def strategies(self) -> list[str]:
        """What the Navigator wrote, round by round; empty where no model was asked."""
        return [line["text"] for line in self._lines() if line["kind"] == "strategy"]

    @property
    def winners(self) -> list[Winner]:
        """The best ten different architectures within the limits, best first; also those known before the search."""
        within: dict[str, Candidate] = {}
        for each in self._entries("known", "candidate"):
            if each.value is not None and each.text is not None and not each.is_over_limit:
                within.setdefault(each.text, each)
        sign = -1 if self._described["metrics"][0]["higherIsBetter"] else 1
        best = sorted(within.values(), key=lambda each: sign * (each.value or 0.0))[:MOST_WINNERS]
        return [
            self.winner
            if self.winner is not None and each.text == self.winner.text
            else Winner(
                each.architecture or {},
                each.text or "",
                each.value or 0.0,
                each.metrics,
                each.costs,
                None,
                each.standard_errors,
            )
            for each in best
        ]

    @property
    def failures(self) -> list[tuple[Architecture, str]]:
        """Each architecture whose evaluation failed, and why."""
        return [
            (each.architecture, each.failure)
            for each in self.candidates()
            if each.architecture is not None and each.failure is not None
        ]

    def candidates(self) -> Iterator[Candidate]:
        """Every proposed architecture, in order; read from the folder as they are asked for."""
        return self._entries("candidate")

    def to_dataframe(self) -> "pd.DataFrame":
        """One row a candidate: its round, slots, verdict, value, metrics and costs. Needs pandas.

        The standard error of a metric is in a column of its own, such as "accuracy_standard_error".
        """
        try:
            import pandas as pd  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError('to_dataframe needs pandas: pip install "collm-nas[notebook]"') from error
        return pd.DataFrame.from_records([_row(each) for each in self.candidates()])

    def to_optuna(self, storage: "str | optuna.storages.BaseStorage", name: str | None = None) -> "optuna.Study":
        """Writes every evaluation as a trial of a new study, named as the run's folder or `name`, and returns it.

        Parameters are the slots, such as "kernel[0]". Failures are failed trials. Metrics and costs are user
        attributes. Raises UsageError for a study that is there already. Needs Optuna.
        """
        from collm_nas import trials  # noqa: PLC0415

        line = self._line
        return trials.to_optuna(
            storage,
            name or self.folder.resolve().name,
            self.candidates(),
            self._columns if self._space is None else self._space.columns,
            objective=self.objective,
            is_higher_better=self._described["metrics"][0]["higherIsBetter"],
            notes={"searcher": line["searcher"], "seed": line["seed"], "limits": line["limits"]},
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws each evaluation and the best so far within the limits, up to the budget. Needs matplotlib."""
        from collm_nas import drawing  # noqa: PLC0415

        described, line = self._described["metrics"][0], self._line
        return drawing.trace(
            list(self.candidates()),
            best=[None if each["value"] is None else float(each["value"]) for each in self.trace],
            budget=line["budget"],
            objective=self.objective + (f" ({described['unit']})" if described["unit"] else ""),
            title=f"{line['searcher']} on {self._described['id']}",
            ax=ax,
        )

    def report(self, page: str | os.PathLike[str], *others: "Result | str | os.PathLike[str]") -> Path:
        """Writes a page of tables and figures over this run and others, and returns its path."""
        control.ask("report", *(os.fspath(each) for each in (self, *others)), "--out", os.fspath(page))
        return Path(page)

    def replay(self) -> int:
        """Decides every step again from the record, and returns the number of events.

        Raises SearchStopped at the first decision that differs.
        """
        return int(control.ask("replay", str(self.folder))["events"])

    def __repr__(self) -> str:
        best = "no winner" if self.winner is None else f"{self.objective} {self.best.value:.6g} of {self.best.text}"
        return f"<Result of {self._summary['spend']['evaluations']} evaluations: {best}; {self.folder}>"

    def __fspath__(self) -> str:
        """The folder, so that a result can be given where a run's folder can."""
        return os.fspath(self.folder)

    # --- internal ---

    @cached_property
    def _line(self) -> dict[str, Any]:
        """What the record says of the run as a whole."""
        return next(line for line in self._lines() if line["kind"] == "run")

    @cached_property
    def _described(self) -> dict[str, Any]:
        """The description of the space in the record."""
        found: dict[str, Any] = self._line["space"]
        return found

    @property
    def _columns(self) -> dict[str, list[Any]]:
        """The choices of each slot by its name, from the record alone."""
        found: dict[str, list[Any]] = {}
        for each in self._described["dimensions"]:
            length = sum(group["size"] for group in each["groups"])
            choices = [_number(token) if each["numeric"] else token for token in each["choices"]]
            names = [each["name"]] if length == 1 else [f"{each['name']}[{slot}]" for slot in range(length)]
            found.update(dict.fromkeys(names, choices))
        return found

    def _entries(self, *kinds: str) -> Iterator[Candidate]:
        for line in self._lines():
            if line["kind"] not in kinds:
                continue
            raw = line["architecture"]
            yield Candidate(
                line["round"],
                None if raw is None else self._plain(raw, line["text"]),
                line["text"],
                line["verdict"],
                None if line["value"] is None else float(line["value"]),
                _floats(line["metrics"] or {}),
                _floats(line["costs"] or {}),
                line["seconds"],
                line["overLimit"],
                None if line["failure"] is None else f"{line['failure']['kind']}: {line['failure']['message']}",
                _floats(line.get("standard_errors") or {}),
            )

    def _lines(self) -> Iterator[dict[str, Any]]:
        return control.lines("show", str(self.folder), "--lines")

    def _plain(self, tokens: dict[str, list[Any]], text: str) -> Architecture:
        """An architecture as user code sees it. Without its space, a dimension of one slot is a bare choice."""
        if self._space is not None:
            return self._space.read(text)
        numeric = {each["name"]: each["numeric"] for each in self._described["dimensions"]}
        return {
            name: values[0] if len(values) == 1 else values
            for name, slots in tokens.items()
            for values in [[_number(each) if numeric[name] else each for each in slots]]
        }


def open_run(folder: str | os.PathLike[str], space: Space | None = None) -> Result:
    """The run in a folder, whoever made it, also while it runs. With `space`, choices have their types of Python."""
    return Result(folder, control.ask("show", os.fspath(folder)), space)


# --- internal ---


def _floats(numbers: dict[str, float]) -> dict[str, float]:
    """Numbers as they are; JSON does not tell 77.0 from 77."""
    return {name: float(value) for name, value in numbers.items()}


def _number(token: str | float | None) -> int | float | None:
    if token is None:
        return None
    value = float(token)
    return int(value) if value.is_integer() else value


def _row(each: Candidate) -> dict[str, Any]:
    row: dict[str, Any] = {"round": each.round, "verdict": each.verdict, "value": each.value}
    row.update(columns(each.architecture or {}))
    row.update(each.metrics)
    row.update({f"{name}_standard_error": value for name, value in each.standard_errors.items()})
    row.update(each.costs)
    row.update(seconds=each.seconds, over_limit=each.is_over_limit, failure=each.failure, text=each.text)
    return row
