"""The file of a bank: a small space in which every member was measured, as compressed CSV with a head.

Owns the form of the file, that it is written whole, and the strict reading of it: a file is taken whole or refused with
the line and the next step. Line 1 has the SHA-256 of all that follows, line 2 the description as JSON, line 3 the names
of the columns; then there is one line for each member. Knows no network and no transport.
"""

import csv
import dataclasses
import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator import csv_file, files
from collm_nas_evaluator.dimension import NUMBER_TEXT, Dimension, Group
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.space import Cost, Metric, Space, Split
from collm_nas_evaluator.tied import MOST_MEMBERS, members

FORMAT = 1
"""Increase it when the same file would be read differently: old files are then refused."""
COMMAND = "collm-nas-evaluator measure-bank"

_FIRST = re.compile(r"# collm-nas bank ([0-9]+), SHA-256 of the lines below: ([0-9a-f]{64})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_FILE, _LARGEST = 16 << 20, 64 << 20
"""The most bytes of a file, and of what is in it."""
_MOST_SLOTS = 1000
"""Of one group of slots."""
_PERCENT = "percent"
_AGAIN = f"get the file again, or make it again with {COMMAND}"

Column = NDArray[np.float64]
"""A number for each member, in the order of `tied.members`."""


@dataclass(frozen=True, slots=True)
class Supernet:
    """What was measured: the id and digest of the whole space, the SHA-256 of its checkpoint (empty where the weights
    are in no file), and the line on where its numbers come from.
    """

    space: str
    digest: str
    checkpoint: str
    provenance: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers of one split by metric, and the standard errors of the metrics whose noise is known."""

    metrics: Mapping[str, Column]
    standard_errors: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Bank:
    """A space and the numbers of all its members.

    `architectures` has the text of each in the whole space, and `definition` says how the part was cut out of it.
    `seconds` is how long each took, on all splits together.
    """

    space: Space
    supernet: Supernet
    definition: Mapping[str, Any]
    costs: Mapping[str, Column]
    splits: Mapping[str, Measured]
    seconds: Column
    architectures: Sequence[str]
    sha256: str = ""
    """Of the lines below the first one; empty before it is written."""


def write(file: BinaryIO, bank: Bank) -> None:
    """Writes a bank. The same bank gives the same bytes with the same zlib."""
    below = io.StringIO(newline="")
    below.write(f"# {json.dumps(_head(bank), ensure_ascii=False)}\n")
    rows = csv.writer(below, lineterminator="\n")
    columns = _columns(bank)
    rows.writerow([*_slots(bank.space), *columns, "architecture"])
    values = [column.tolist() for column in columns.values()]
    for at, (member, text) in enumerate(zip(members(bank.space), bank.architectures, strict=True)):
        rows.writerow([*_tokens(bank.space, member.choices), *(repr(column[at]) for column in values), text])
    content = below.getvalue().encode()
    first = f"# collm-nas bank {FORMAT}, SHA-256 of the lines below: {hashlib.sha256(content).hexdigest()}\n"
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(first.encode() + content)


def read(path: Path) -> Bank:
    """Reads a bank.

    Raises TableMissing when there is no such file, UsageError when it cannot be read, TableDamaged when it is not whole
    or not as it was written.
    """
    first, _, below = _text(path).partition("\n")
    found = _FIRST.fullmatch(first)
    if found is None:
        raise TableDamaged(path, "line 1", f"not the first line of a bank; {_AGAIN}")
    if int(found[1]) != FORMAT:
        raise TableDamaged(path, "line 1", f"its form is {found[1]}, and this version reads {FORMAT}; {_AGAIN}")
    bank = _Reader(path, below).bank()
    digest = hashlib.sha256(below.encode()).hexdigest()
    if digest != found[2]:
        what = f"the lines below are not as they were written (their SHA-256 is {digest[:12]}…); {_AGAIN}"
        raise TableDamaged(path, "line 1", what)
    space = dataclasses.replace(
        bank.space,
        provenance=f"{path.name}, SHA-256 {digest}; measured on {bank.supernet.provenance}",
        data_hash=digest,
    )
    return dataclasses.replace(bank, space=space, sha256=digest)


def _head(bank: Bank) -> dict[str, Any]:
    described = dataclasses.asdict(bank.space)
    space = {name: described[name] for name in _SPACE}
    return {
        "space": space,
        "supernet": dataclasses.asdict(bank.supernet),
        "definition": dict(bank.definition),
        "standard_errors": _known(bank),
        "members": len(bank.architectures),
        "seconds": round(math.fsum(bank.seconds.tolist()), 1),
    }


_SPACE = ("id", "title", "summary", "dimensions", "metrics", "costs", "splits")
"""The fields of a space that the head has."""


def _known(bank: Bank) -> list[str]:
    """The metrics whose standard errors are in the file: those known for every split."""
    return [
        metric.name
        for metric in bank.space.metrics
        if all(metric.name in measured.standard_errors for measured in bank.splits.values())
    ]


def _columns(bank: Bank) -> dict[str, Column]:
    columns = {each.name: bank.costs[each.name] for each in bank.space.costs}
    known = _known(bank)
    for split, measured in bank.splits.items():
        for metric in bank.space.metrics:
            columns[f"{split}_{metric.name}"] = measured.metrics[metric.name]
            if metric.name in known:
                columns[f"{split}_{metric.name}_se"] = measured.standard_errors[metric.name]
    columns["seconds"] = bank.seconds
    return columns


def _slots(space: Space) -> list[str]:
    """The names of the slots: NAME, or NAME[0] and so on."""
    return [
        each.name if each.length == 1 else f"{each.name}[{at}]"
        for each in space.dimensions
        for at in range(each.length)
    ]


def _tokens(space: Space, choices: Sequence[Sequence[int | None]]) -> list[str]:
    return [
        each.choices[choice]
        for each, chosen in zip(space.dimensions, choices, strict=True)
        for choice in chosen
        if choice is not None
    ]


def _text(path: Path) -> str:
    try:
        packed = files.contents(path, _LARGEST_FILE)
    except FileNotFoundError:
        what = f"there is no file {path}; make it with {COMMAND}, or correct the configuration"
        raise TableMissing(what) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if not packed.startswith(b"\x1f\x8b"):
        what = files.instead(packed[:512])
        raise TableDamaged(path, "", f"no bank{what and ' but '}{what.partition(';')[0]}; {_AGAIN}")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(packed, _LARGEST)
        if not unpacker.eof and unpacker.unconsumed_tail:
            raise TableDamaged(path, "", f"has more than {_LARGEST:,} bytes, unpacked; {_AGAIN}")
        if not unpacker.eof:
            last = content.count(b"\n") + 1
            raise TableDamaged(path, f"line {last}", f"the file ends here, cut off; {_AGAIN}")
        if unpacker.unused_data:
            raise TableDamaged(path, "", f"{len(unpacker.unused_data):,} bytes follow its end; {_AGAIN}")
        return content.decode("utf-8")
    except zlib.error as error:
        raise TableDamaged(path, "", f"damaged ({error}); {_AGAIN}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableDamaged(path, f"line {line}", f"byte {content[error.start]:#04x} is not UTF-8; {_AGAIN}") from error


class _Reader:
    """Reads the lines below the first one, and refuses at the first that is not as it has to be."""

    def __init__(self, path: Path, below: str) -> None:
        self._path = path
        self._second, _, self._rows = below.partition("\n")

    def bank(self) -> Bank:
        head = self._read_head()
        try:
            space = _space(_object(head["space"]))
            supernet = Supernet(
                **{each.name: _str(head["supernet"][each.name]) for each in dataclasses.fields(Supernet)}
            )
            definition = _object(head["definition"])
            known = [_str(each) for each in _list(head["standard_errors"])]
            count = head["members"]
            if supernet.checkpoint and not _SHA256.fullmatch(supernet.checkpoint):
                raise ValueError("supernet.checkpoint is no SHA-256")
            if not set(known) <= {each.name for each in space.metrics}:
                raise ValueError("standard_errors names what is no metric")
        except KeyError as error:
            self._refuse(2, f"the description has no {error}")
        except (TypeError, ValueError) as error:
            self._refuse(2, f"not the description of a bank ({error})")
        if any(each.active_count for each in space.dimensions) or space.size != count or count > MOST_MEMBERS:
            self._refuse(2, f"the space of the description has {space.size:,} members, not {count!r}")
        return self._filled(Bank(space, supernet, definition, {}, {}, np.zeros(0), ()), known)

    def _filled(self, empty: Bank, known: Sequence[str]) -> Bank:
        """The bank with the numbers of the rows."""
        space = empty.space
        costs = {each.name: np.empty(space.size) for each in space.costs}
        splits = {
            split.name: Measured(
                {each.name: np.empty(space.size) for each in space.metrics},
                {name: np.empty(space.size) for name in known},
            )
            for split in space.splits
        }
        bank = dataclasses.replace(empty, costs=costs, splits=splits, seconds=np.empty(space.size))
        columns = _columns(bank)
        most = {
            f"{split.name}_{metric.name}": 100.0 if metric.unit == _PERCENT else math.inf
            for split in space.splits
            for metric in space.metrics
        }
        slots = _slots(space)
        names = [*slots, *columns, "architecture"]
        rows = self._lines(names)
        architectures: dict[str, int] = {}
        for at, member in enumerate(members(space)):
            line, row = next(rows, (0, []))
            if not row:
                self._refuse(3 + at + 1, f"the file ends here, after {at:,} of {space.size:,} members")
            if row[: len(slots)] != _tokens(space, member.choices):
                self._refuse(line, f"the choices are {','.join(row[: len(slots)])[:200]}, and {member.text} is next")
            for (name, column), text in zip(columns.items(), row[len(slots) : -1], strict=True):
                column[at] = self._number(line, name, text, most.get(name))
            other = architectures.setdefault(row[-1], line)
            if other != line or not row[-1]:
                self._refuse(line, f"its architecture is that of line {other}" if row[-1] else "no architecture")
        for line, _ in rows:
            self._refuse(line, f"more lines than the {space.size:,} members")
        return dataclasses.replace(bank, architectures=tuple(architectures))

    def _number(self, line: int, name: str, text: str, most: float | None) -> float:
        """The number in a field. Of all columns, only a metric that is no percentage may be below zero."""
        value = float(text) if NUMBER_TEXT.fullmatch(text) else math.nan
        if not math.isfinite(value):
            self._refuse(line, f"{name} is {text[:40]!r}, not a finite number")
        if (most != math.inf and value < 0) or value > (math.inf if most is None else most):
            what = "not a percentage" if most == 100.0 else "below 0"
            self._refuse(line, f"{name} is {text[:40]}, {what}")
        return value

    def _lines(self, names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """The rows below the header, each with its line number; the header must be exactly `names`."""
        try:
            yield from csv_file.rows(self._rows.encode(), names, above=2)
        except csv_file.RowRefused as error:
            raise TableDamaged(self._path, error.place, f"{error.what}; {_AGAIN}") from error

    def _read_head(self) -> dict[str, Any]:
        try:
            if not self._second.startswith("# "):
                raise ValueError("it does not begin with #")
            return _object(json.loads(self._second[2:]))
        except (TypeError, ValueError, RecursionError) as error:
            self._refuse(2, f"not the description of a bank ({error})")

    def _refuse(self, line: int, what: str) -> NoReturn:
        raise TableDamaged(self._path, f"line {line}", f"{what}; {_AGAIN}")


def _space(given: Mapping[str, Any]) -> Space:
    """The space of a head. Raises KeyError, TypeError and ValueError."""
    return Space(
        id=_str(given["id"]),
        title=_str(given["title"]),
        summary=_str(given["summary"]),
        dimensions=tuple(
            Dimension(
                name=_str(each["name"]),
                choices=tuple(map(_str, _list(each["choices"]))),
                groups=tuple(Group(_str(group["name"]), _size(group["size"])) for group in _list(each["groups"])),
                numeric=_bool(each["numeric"]),
                active_count=_str(each["active_count"]),
                meaning=_str(each["meaning"]),
                slot_names=tuple(map(_str, _list(each["slot_names"]))),
            )
            for each in map(_object, _list(given["dimensions"]))
        ),
        metrics=tuple(
            Metric(_str(each["name"]), _str(each["unit"]), _str(each["meaning"]), _bool(each["higher_is_better"]))
            for each in map(_object, _list(given["metrics"]))
        ),
        costs=tuple(
            Cost(_str(each["name"]), _str(each["unit"]), _str(each["meaning"]))
            for each in map(_object, _list(given["costs"]))
        ),
        splits=tuple(
            Split(_str(each["name"]), _str(each["meaning"]), _str(each["data"]))
            for each in map(_object, _list(given["splits"]))
        ),
        parallelism=64,
        max_batch=20_000,
    )


def _object(given: object) -> dict[str, Any]:
    return given if isinstance(given, dict) else _wrong(given, "an object")


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else _wrong(given, "a list")


def _str(given: object) -> str:
    return given if isinstance(given, str) else _wrong(given, "a text")


def _bool(given: object) -> bool:
    return given if isinstance(given, bool) else _wrong(given, "true or false")


def _size(given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given <= _MOST_SLOTS:
        return given
    return _wrong(given, f"a number of slots, 1 to {_MOST_SLOTS}")


def _wrong(given: object, wanted: str) -> NoReturn:
    raise TypeError(f"{json.dumps(given)[:60]} is not {wanted}")
