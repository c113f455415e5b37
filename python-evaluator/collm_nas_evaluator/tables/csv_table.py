"""The benchmark as CSV: one file of accuracies for every cell, one of latencies.

Owns the columns of both files and the strict reading of them: a file is taken whole or refused with the line and the
column. Knows no space and no transport.
"""

import math
import operator
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator import csv_file, files
from collm_nas_evaluator.cell import CELLS, OPERATIONS, TEMPLATE, Network, number_of
from collm_nas_evaluator.dimension import NUMBER_TEXT, Dimension, Group
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.space import Architecture, Space
from collm_nas_evaluator.tables import accuracy
from collm_nas_evaluator.tables.accuracy import Unit
from collm_nas_evaluator.tables.table import Columns, Table, load

ACCURACIES = tuple(
    f"{data}_{split}_{epochs}"
    for epochs in (200, 12)
    for data in ("c10", "c100", "in16")
    for split in ("valid", "test")
)
"""Percentages by data set, split and epochs of training."""
DEVICES = ("edgegpu", "raspi4", "pixel3", "fpga", "eyeriss", "titan_rtx_256", "1080ti_1")
"""Devices whose milliseconds for one forward pass are known."""

_COUNTED = {
    "flops_m_32": (Network(32, 10).flops_m, 1e-5),
    "flops_m_16": (Network(16, 120).flops_m, 1e-5),
    "params_m": (Network(32, 10).params_m, 1e-6),
}
_LARGEST = 64 << 20
"""Bytes of a file; the published one of accuracies has 3.8 million."""
_SPELLING = Space((Dimension("op", OPERATIONS, (Group("cell", 6),)),), TEMPLATE)


def read(path: Path, cache_folder: Path, unit: Unit = "percent") -> Table:
    """Reads the columns ACCURACIES and "index", the benchmark's own number of each cell, or their cached copy.

    `unit` is that of the accuracies in the file; in the table they are percentages. Raises TableMissing when there is
    no such file, UsageError when it cannot be read, TableDamaged when it is not the whole benchmark or in another unit.
    """
    names = ("index", *ACCURACIES)
    reading, remark = ("", "") if unit == "percent" else (unit, f", accuracies given as {unit}s")
    table = load(_bytes(path), path.name, names, cache_folder, partial(_parse_accuracies, path, unit), reading)
    return Table(table.columns, table.provenance + remark)


def read_latencies(path: Path, cache_folder: Path) -> Table:
    """Reads the columns DEVICES, in the order of the benchmark's own numbers. Raises as `read` does."""
    return load(_bytes(path), path.name, DEVICES, cache_folder, partial(_parse_latencies, path))


def _bytes(path: Path) -> bytes:
    try:
        return files.contents(path, _LARGEST)
    except FileNotFoundError:
        raise TableMissing(f"there is no file {path}; put it there or correct the configuration") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _parse_accuracies(path: Path, unit: Unit, source: bytes) -> Columns:
    header = ("index", "arch", *ACCURACIES, *_COUNTED)
    columns = {name: np.full(CELLS, math.nan) for name in ("index", *ACCURACIES)}
    line_of_index: dict[int, int] = {}
    lines = np.zeros(CELLS, np.int64)
    for line, row in _rows(path, source, header):
        cell = _cell(path, line, row[1])
        number = number_of(cell)
        if not math.isnan(columns["index"][number]):
            raise TableDamaged(path, f"line {line}, column arch", f"the cell {row[1]} was there before")
        columns["index"][number] = _index(path, line, row[0], line_of_index)
        lines[number] = line
        for name, text in zip(header[2:], row[2:], strict=True):
            value = _number(path, line, name, text)
            if name in columns:
                if not 0 <= value <= accuracy.MOST[unit]:
                    cure = "" if value < 0 or unit == "percent" else f"; leave out {accuracy.KEY} if all are in percent"
                    what = f"{text} is not an accuracy from 0 to {accuracy.MOST[unit]} ({unit}){cure}"
                    raise TableDamaged(path, f"line {line}, column {name}", what)
                columns[name][number] = accuracy.in_percent(text, unit)
            else:
                count, tolerance = _COUNTED[name]
                if abs(value - count(cell)) > tolerance:
                    what = f"{text} is not what the cell costs, {count(cell)}"
                    raise TableDamaged(path, f"line {line}, column {name}", what)
    _check_complete(path, line_of_index)
    if unit == "percent":
        _check_percent(path, columns, lines)
    return columns


def _check_percent(path: Path, columns: Columns, lines: NDArray[np.int64]) -> None:
    """Refuses fractions, with the first place of one in the file."""
    found = [(int(lines[where].min()), name, where, why) for name, where, why in accuracy.fractions(columns)]
    if found:
        line, name, where, why = min(found, key=operator.itemgetter(0))  # the first column of that line
        value = columns[name][where & (lines == line)][0]
        cure = f"write all accuracies in percent, or set {accuracy.KEY}: fraction if all are fractions"
        raise TableDamaged(path, f"line {line}, column {name}", f"{value:g} {why}; {cure}")


def _parse_latencies(path: Path, source: bytes) -> Columns:
    columns = {name: np.full(CELLS, math.nan) for name in DEVICES}
    line_of_index: dict[int, int] = {}
    for line, row in _rows(path, source, ("index", *DEVICES)):
        index = _index(path, line, row[0], line_of_index)
        for name, text in zip(DEVICES, row[1:], strict=True):
            value = _number(path, line, name, text)
            if value <= 0:
                raise TableDamaged(path, f"line {line}, column {name}", f"{text} is not a time in milliseconds")
            columns[name][index] = value
    _check_complete(path, line_of_index)
    return columns


def _rows(path: Path, source: bytes, header: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from csv_file.rows(source, header)
    except csv_file.RowRefused as error:
        raise TableDamaged(path, error.place, error.what) from error


def _cell(path: Path, line: int, text: str) -> list[int]:
    parsed = _SPELLING.parse(text)
    if not isinstance(parsed, Architecture) or parsed.text != text:
        what = f"{text[:120]!r} is not a cell" if isinstance(parsed, Architecture) else parsed[0].sentence
        raise TableDamaged(path, f"line {line}, column arch", what)
    return [choice for choice in parsed.choices[0] if choice is not None]


def _index(path: Path, line: int, text: str, line_of_index: dict[int, int]) -> int:
    index = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(CELLS)) else CELLS
    if index >= CELLS:
        raise TableDamaged(path, f"line {line}, column index", f"{text[:40]!r} is not a number from 0 to {CELLS - 1}")
    if line_of_index.setdefault(index, line) != line:
        raise TableDamaged(
            path, f"line {line}, column index", f"{index} is there before, on line {line_of_index[index]}"
        )
    return index


def _number(path: Path, line: int, name: str, text: str) -> float:
    value = float(text) if NUMBER_TEXT.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise TableDamaged(path, f"line {line}, column {name}", f"{text[:40]!r} is not a finite number")
    return value


def _check_complete(path: Path, line_of_index: dict[int, int]) -> None:
    missing = CELLS - len(line_of_index)
    if missing:
        first = next(index for index in range(CELLS) if index not in line_of_index)
        raise TableDamaged(path, "", f"{missing} of {CELLS} cells are missing, the first one with index {first}")
