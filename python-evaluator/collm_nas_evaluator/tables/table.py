"""Holds a table: columns of numbers over all cells and their origin, with a copy on disk.

Owns the parsed form and the cache of it, keyed and checked by the source file's SHA-256. Knows no source format: it is
given a function that parses.
"""

import hashlib
import logging
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from collm_nas_evaluator.cell import CELLS

FORMAT = 2
"""Increase it when a parser reads the same file differently or refuses it: old caches are then not used."""

Columns = Mapping[str, NDArray[np.float64]]
"""One value for each cell, in the order of `cell.number_of`: shape [15625], finite."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of one file, and a line on which file it was, for the record.

    `standard_errors` has, for columns that are means of several trials, how far each value may lie from the mean of
    endless trials; NaN for a cell whose trials do not tell.
    """

    columns: Columns
    provenance: str
    standard_errors: Columns = field(default_factory=dict)


def load(  # noqa: PLR0913, PLR0917 - what is read, and what is kept of it
    source: bytes,
    origin: str,
    names: Sequence[str],
    folder: Path,
    parse: Callable[[bytes], Columns],
    reading: str = "",
) -> Table:
    """The table in a source: the columns `names` from the cache in `folder`, else by `parse`, then cached.

    `origin` says which file it is, for the record; `reading` is a word for how `parse` reads it, where it may be read
    in several ways. A damaged or foreign cache file is parsed again and replaced; a folder that cannot be written costs
    the parsing at every start and nothing else. Raises what `parse` raises.
    """
    digest = hashlib.sha256(source).hexdigest()
    provenance = f"{origin}, SHA-256 {digest}"
    path = folder / f"table-{FORMAT}-{digest[:20]}{reading and '-'}{reading}.npz"
    cached = _load(path, digest, names)
    if cached is not None:
        return Table(cached, provenance)
    columns = parse(source)
    try:
        _store(path, digest, columns)
    except OSError as error:
        _log.warning("the parsed table could not be cached in %s: %s", folder, error)
    return Table(columns, provenance)


def _load(path: Path, digest: str, names: Sequence[str]) -> Columns | None:
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as archive:
            if str(archive["source"]) != digest:
                raise ValueError("it was made from another file")
            columns = {name: archive[name] for name in names}
    except FileNotFoundError:
        return None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        _log.warning("the cached table %s is made again: %s", path, error)
        return None
    for name, column in columns.items():
        if column.dtype != np.float64 or column.shape != (CELLS,) or not np.isfinite(column).all():
            _log.warning("the cached table %s is made again: column %s is damaged", path, name)
            return None
    return columns


def _store(path: Path, digest: str, columns: Columns) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, source=np.array(digest), **dict(columns))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
