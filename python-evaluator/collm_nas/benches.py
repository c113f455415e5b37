"""Compares searchers on a space and a score: the same seeds, the same budget, one run after the other.

Each run is an ordinary one of `search`, in its own folder. The comparison is that of the report, which reads
in the bench.json beside the runs what belongs together.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collm_nas import control
from collm_nas.errors import NoWinner, UsageError
from collm_nas.function import Score
from collm_nas.result import Result
from collm_nas.searching import search
from collm_nas.space import Space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class BenchRun:
    """One run of a bench. `result.winner` is None where the run ended without a winner."""

    searcher: str
    seed: int
    result: Result


class Bench:
    """The runs of a bench, seed by seed."""

    def __init__(self, folder: Path, runs: Sequence[BenchRun]) -> None:
        self.folder = folder
        self.runs = tuple(runs)

    def to_dataframe(self) -> "pd.DataFrame":
        """One row a run: searcher, seed, best value, and what was spent. Needs pandas."""
        return _pandas().DataFrame.from_records([_row(each) for each in self.runs])

    def tables(self) -> "dict[str, pd.DataFrame]":
        """The data of the report's tables and figures by name, such as "controls-search-own-space". Needs pandas."""
        pd = _pandas()
        with tempfile.TemporaryDirectory(prefix="collm-nas-") as folder:
            control.ask("report", os.fspath(self.folder), "--csv", folder)
            return {file.stem: pd.read_csv(file) for file in sorted(Path(folder).glob("*.csv"))}

    def report(self, page: str | os.PathLike[str]) -> Path:
        """Writes a page of tables and figures over all runs, with the differences paired by seed. Returns its path."""
        control.ask("report", os.fspath(self.folder), "--out", os.fspath(page))
        return Path(page)

    def __repr__(self) -> str:
        searchers = ", ".join(dict.fromkeys(each.searcher for each in self.runs))
        return f"<Bench of {len(self.runs)} runs ({searchers}); {self.folder}>"


def bench(
    space: Space,
    score: Score,
    *,
    out: str | os.PathLike[str],
    searchers: Sequence[str] = ("rules", "random"),
    seeds: int | Sequence[int] = 5,
    budget: int = 100,
    show_progress: bool = True,
    **more: Any,
) -> Bench:
    """Searches with each of `searchers` from each of `seeds` (5 means 0 to 4), with the same `budget`.

    In tables and figures the others are the controls of the first searcher. Differences are between runs with the same
    seed, with their 95 % bootstrap interval; they need five seeds or more.

    Runs are in `out`, and the same call continues a bench that was interrupted. With more seeds or searchers, only
    their runs are made. All further keywords are those of `search`, for every run. A run that ends without a winner
    counts as a run, and stops no other. Raises as `search` does for anything else.
    """
    if isinstance(searchers, str):
        raise UsageError(f"searchers is the text {searchers!r}; give a list: [{searchers!r}]")
    for name in ("searcher", "seed"):
        if name in more:
            raise UsageError(f"{name}= is one run's; a bench takes {name}s=")
    wanted = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    pairs = [(searcher, seed) for seed in wanted for searcher in searchers]
    if not pairs or len(set(pairs)) < len(pairs):
        raise UsageError(f"searchers is {list(searchers)} and seeds is {seeds}; give each once, and at least one")
    record = _Record(Path(out), space.name, pairs, f"nas.bench({list(searchers)}, seeds={seeds}, budget={budget})")
    runs: list[BenchRun] = []
    for searcher, seed in pairs:
        folder = Path(out) / _name_of(searcher, seed)
        try:
            result = search(
                space,
                score,
                **{**more, "searcher": searcher, "seed": seed, "budget": budget},
                out=folder,
                show_progress=False,
            )
        except NoWinner as ended:
            result = ended.result
        runs.append(BenchRun(searcher, seed, result))
        record.write(done=len(runs))
        if show_progress:
            sys.stderr.write(f"run {len(runs)} of {len(pairs)}: {searcher}, seed {seed}: {_said(result)}\n")
            sys.stderr.flush()
    return Bench(Path(out), runs)


# --- internal ---

_TITLE = "A bench of Python"


class _Record:
    """The bench.json of a bench: which runs belong to it. Raises UsageError where another program's is there."""

    def __init__(self, folder: Path, space: str, pairs: Sequence[tuple[str, int]], command: str) -> None:
        self._file = folder / "bench.json"
        if self._file.exists() and _title_of(self._file) != _TITLE:
            raise UsageError(f"{folder} holds a bench of the command line; choose another out")
        self._pairs, self._space = pairs, space
        self._fixed = {"format": 1, "title": _TITLE, "references": [], "command": command, "versions": {}}

    def write(self, done: int) -> None:
        """Says that so many of the runs are done, in their order. A reader never sees half a file."""
        controls = {searcher for searcher, _ in self._pairs} - {self._pairs[0][0]}
        combinations = [
            {
                "label": searcher,
                "isControl": searcher in controls,
                "space": self._space,
                "seed": seed,
                "folder": _name_of(searcher, seed),
                "status": "done" if place < done else "pending",
                "reason": None,
            }
            for place, (searcher, seed) in enumerate(self._pairs)
        ]
        draft = self._file.with_name("bench.json.part")
        draft.write_text(json.dumps({**self._fixed, "combinations": combinations}, indent=1), encoding="utf-8")
        draft.replace(self._file)


def _title_of(file: Path) -> object:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found.get("title") if isinstance(found, Mapping) else None


def _name_of(searcher: str, seed: int) -> str:
    return f"{searcher}-{seed}"


def _said(result: Result) -> str:
    return "no winner" if result.winner is None else f"{result.objective} {result.best.value:.6g}"


def _row(run: BenchRun) -> dict[str, Any]:
    best = run.result.winner
    return {
        "searcher": run.searcher,
        "seed": run.seed,
        "value": None if best is None else best.value,
        "evaluations": run.result.spend["evaluations"],
        "failed": run.result.funnel["failed"],
        "stop_reason": run.result.stop_reason,
        "text": None if best is None else best.text,
        "folder": os.fspath(run.result),
    }


def _pandas() -> Any:
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError('tables of a bench need pandas: pip install "collm-nas[notebook]"') from error
    return pd
