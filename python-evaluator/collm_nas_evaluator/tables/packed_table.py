"""The packed table: one small file of all cells' numbers, made once from an official release.

Owns the file's form, which is numpy's .npz without pickles, and that it is written whole or not at all. Knows no
official file and no space.
"""

import lzma
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.format import read_array, read_array_header_1_0, read_magic
from numpy.typing import NDArray

from collm_nas_evaluator import files
from collm_nas_evaluator.cell import CELLS
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.tables import accuracy
from collm_nas_evaluator.tables.csv_table import ACCURACIES
from collm_nas_evaluator.tables.table import Table

FORMAT = 1
"""Increase it when the same file would be read differently: old tables are then refused."""
COMMAND = "collm-nas-evaluator import-nasbench201"
_STANDARD_ERROR = "standard_error_of_{}"
"""The name of the standard errors of a column, where the release has several trials of cells."""
_LARGEST = 1 << 20
"""Bytes of one array in the file, unpacked; a column has 0.1 million."""
_LONGEST_HEADER = 256
"""The most characters in the header of an array. A column has 118."""
_UNREADABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and numpy raise for files that are cut, damaged, encrypted or written to do harm."""


def check_place(path: Path, source: Path, *, force: bool) -> None:
    """Raises UsageError when `path` exists and is not to be replaced (`force`), and when it is the source itself or a
    folder.
    """
    if path.is_dir() or (path.exists() and source.exists() and path.samefile(source)):
        raise UsageError(f"--out {path} is {'a folder' if path.is_dir() else 'what is to be read'}; name another file")
    if path.exists() and not force:
        raise UsageError(f"--out {path} exists; name another file, or say --force to replace it")


@contextmanager
def made_at(path: Path, source: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file to `write` to that becomes `path` when the block ends well, and leaves nothing otherwise.

    Raises UsageError as `check_place` does, and when its folder cannot be written.
    """
    check_place(path, source, force=force)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        try:
            with unfinished.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def write(file: BinaryIO, table: Table) -> None:
    """Writes "index", the accuracies of a table and their standard errors, with its provenance.

    All are numbers and text, nothing is pickled.
    """
    arrays: dict[str, Any] = dict(table.columns)
    arrays |= {_STANDARD_ERROR.format(name): column for name, column in table.standard_errors.items()}
    np.savez(file, format=np.array(FORMAT), provenance=np.array(table.provenance), **arrays)


def read(path: Path) -> Table:
    """Reads "index" and those of ACCURACIES that the release has, each of shape [15625], and their standard errors.

    Raises TableMissing when there is no such file, UsageError when it cannot be read, TableDamaged when it is not
    what `write` wrote.
    """
    try:
        with files.opened(path) as file:
            start = file.read(512)
            if not start.startswith(b"PK") and (what := files.instead(start)):
                raise ValueError(f"it is {what}")
            table = _contents(file)
    except FileNotFoundError:
        raise TableMissing(f"there is no file {path}; make it with {COMMAND}, or correct the configuration") from None
    except _UNREADABLE as error:
        raise TableDamaged(path, "", f"no whole table ({_line(error)}); make it again with {COMMAND}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    _check(path, table)
    return table


def _contents(file: BufferedReader) -> Table:
    """The table in an open file. Raises what _UNREADABLE names."""
    with zipfile.ZipFile(files.Pieces(file)) as archive:
        sizes = [each.file_size for each in archive.infolist()]
        if len(sizes) > 2 * len(ACCURACIES) + 3 or max(sizes, default=0) > _LARGEST:
            raise ValueError("it holds more than a table")
        form = int(_array(archive, "format", np.int64, ()))
        if form != FORMAT:
            raise ValueError(f"its form is {form}, not {FORMAT}")
        provenance = str(_array(archive, "provenance", np.str_, ()))
        there = [name.removesuffix(".npy") for name in archive.namelist()]

        def column(name: str) -> NDArray[np.float64]:
            return _array(archive, name, np.float64, (CELLS,))

        columns = {name: column(name) for name in ("index", *ACCURACIES) if name in there}
        errors = {name: _STANDARD_ERROR.format(name) for name in columns}
        return Table(columns, provenance, {name: column(each) for name, each in errors.items() if each in there})


def _array(archive: zipfile.ZipFile, name: str, kind: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """An array whose header says that it is what it has to be: numpy makes room for what a header asks for."""
    with archive.open(f"{name}.npy") as member:
        if read_magic(member) != (1, 0):
            raise ValueError(f"{name} is of another form")
        found, _, dtype = read_array_header_1_0(member, _LONGEST_HEADER)
    if found != shape or dtype.type is not kind or not dtype.isnative or dtype.itemsize > _LARGEST:
        raise ValueError(f"{name} is of another form")
    with archive.open(f"{name}.npy") as member:
        return read_array(member, allow_pickle=False)


def _check(path: Path, table: Table) -> None:
    columns = table.columns
    for name, errors in table.standard_errors.items():
        if not (np.isnan(errors) | ((errors >= 0) & (errors <= 100))).all():
            what = f"not all are standard errors in percent; make it again with {COMMAND}"
            raise TableDamaged(path, f"column {_STANDARD_ERROR.format(name)}", what)
    for name, column in columns.items():
        if not np.isfinite(column).all():
            raise TableDamaged(path, f"column {name}", f"damaged; make it again with {COMMAND}")
        if name != "index" and not ((column >= 0) & (column <= 100)).all():
            raise TableDamaged(
                path, f"column {name}", f"not all are accuracies in percent; make it again with {COMMAND}"
            )
    for name, _, why in accuracy.fractions(columns):
        raise TableDamaged(path, f"column {name}", f"a value in it {why}; make it again with {COMMAND}")
    if "index" not in columns or not np.array_equal(np.sort(columns["index"]), np.arange(CELLS)):
        raise TableDamaged(path, "column index", f"no number of every cell; make it again with {COMMAND}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
