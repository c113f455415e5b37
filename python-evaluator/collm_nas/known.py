"""Prepares the results that a search begins with: a path for the control plane, which reads and judges them.

Rows of Python are written as JSON lines. What they mean for a search is not known here.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collm_nas.errors import UsageError
from collm_nas.space import Space


def path_of(known: Any, space: Space, folder: Path) -> str:
    """The absolute path of a run or a file; rows, as `from_optuna` gives them, become a file in `folder`.

    Raises UsageError for a row that has no architecture of the space.
    """
    if isinstance(known, str):
        return os.path.abspath(known)  # noqa: PTH100 - Path.resolve would follow links
    file = folder / "known.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for place, row in enumerate(known, 1):
            if not isinstance(row, Mapping) or "architecture" not in row:
                raise UsageError(
                    f'known, entry {place}: {row!r} is no result; write {{"architecture": …, "accuracy": …}}'
                )
            try:
                text = space.text(row["architecture"])
            except UsageError as error:
                raise UsageError(f"known, entry {place}: {error}") from error
            lines.write(json.dumps({**row, "architecture": text}) + "\n")
    return str(file)
