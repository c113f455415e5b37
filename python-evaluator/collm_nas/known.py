"""Prepares the results that a search begins with: a path for the control plane, which reads and judges them.

Rows of Python are written as JSON lines. What they mean for a search is not decided here.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from collm_nas import settings
from collm_nas.errors import UsageError
from collm_nas.result import Result
from collm_nas.space import Architecture, Space

Row = Mapping[str, Any] | tuple[Architecture, float | Mapping[str, float]]
"""{"architecture": …, "accuracy": …}, or a pair of an architecture and its score."""

Known = str | os.PathLike[str] | Result | Iterable[Row]
"""Results that are there already: a file, the folder of a run, a Result, or rows."""


def path_of(known: Known, space: Space, objective: str, folder: Path) -> str:
    """The absolute path of a run or a file; rows become a file in `folder`.

    Raises UsageError for a row that has no architecture of the space.
    """
    if isinstance(known, Result):
        return str(known.folder.absolute())
    if isinstance(known, str | os.PathLike):
        return str(Path(known).absolute())
    file = folder / "known.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for place, row in enumerate(known, 1):
            try:
                lines.write(json.dumps(_written(row, space, objective)) + "\n")
            except UsageError as error:
                raise UsageError(f"known, entry {place}: {error}") from error
    return str(file)


# --- internal ---


def _written(row: Row, space: Space, objective: str) -> dict[str, Any]:
    if isinstance(row, tuple) and len(row) == 2:
        architecture, score = row
        metrics = score if isinstance(score, Mapping) else {objective: score}
    elif isinstance(row, Mapping) and "architecture" in row:
        architecture = row["architecture"]
        metrics = {name: value for name, value in row.items() if name != "architecture"}
    else:
        raise UsageError(f'{row!r} is no result; write {{"architecture": …, "{objective}": …}}')
    plain: dict[str, Any] = settings.plain(metrics, "known")
    return {**plain, "architecture": space.text(architecture)}
