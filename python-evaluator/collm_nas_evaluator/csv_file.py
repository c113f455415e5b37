"""Reads the rows of a CSV file of other people: taken whole, or refused with the line and the column.

Owns the form: UTF-8, one exact header, as many columns in every row. Knows no table and no meaning of a column.
"""

import codecs
import csv
import io
import itertools
import operator
from collections.abc import Iterator, Sequence


class RowRefused(Exception):
    """The file is not CSV of that form. `place` is where (such as "line 7, column 2"), `what` is why."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what


def rows(source: bytes, header: Sequence[str], above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with its line number; the header must be exactly `header`. Raises RowRefused.

    A byte-order mark and blank last lines, as spreadsheets write them, are skipped. `above` is how many lines of the
    file stand before `source`.
    """
    source = source.removeprefix(codecs.BOM_UTF8)
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        line = above + source.count(b"\n", 0, error.start) + 1
        raise RowRefused(f"line {line}", f"byte {source[error.start]:#04x} is not UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        found = next(reader, [])
        if tuple(found) != tuple(header):
            what = f"the columns are {','.join(found)[:300]}, but have to be {','.join(header)}"
            raise RowRefused(f"line {above + 1}, column {_first_difference(found, header)}", what)
        blank = None
        for row in reader:
            if not any(map(str.strip, row)):
                blank = blank or above + reader.line_num
                continue
            if blank is not None:
                raise RowRefused(f"line {blank}", "a blank line, and rows below it; remove it")
            if len(row) != len(header):
                raise RowRefused(f"line {above + reader.line_num}", f"{len(row)} columns instead of {len(header)}")
            yield above + reader.line_num, row
    except csv.Error as error:
        raise RowRefused(f"line {above + reader.line_num}", f"no CSV ({error})") from error


def _first_difference(found: Sequence[str], header: Sequence[str]) -> int:
    """The first column, from 1, at which two header lines differ."""
    same = itertools.takewhile(operator.truth, map(operator.eq, found, header))
    return len(list(same)) + 1
