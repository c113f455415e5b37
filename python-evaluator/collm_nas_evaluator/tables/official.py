"""The official files of NAS-Bench-201 and NATS-Bench: the folder of records, and the releases in a single file.

Owns which container is which, its digest, and that all cells are there exactly once. Reads cell by cell, so that the
memory it takes does not grow with the file. Knows no record's inside, no space and no table's file.
"""

import bz2
import hashlib
import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collm_nas_evaluator import files
from collm_nas_evaluator.cell import CELLS, choices_of, number_of
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.tables import accuracy
from collm_nas_evaluator.tables.csv_table import ACCURACIES
from collm_nas_evaluator.tables.official_record import SOMETIMES, Cell, RecordRefused, cell_of
from collm_nas_evaluator.tables.pickle_stream import Reader, Record, StreamRefused, shown
from collm_nas_evaluator.tables.table import Columns, Table

Progress = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""

_META = "meta.pickle.pbz2"
_RECORD = "{:06d}.pickle.pbz2"
_LARGEST_RECORD = 8 << 20
"""Bytes of one file of the folder, unpacked; the official ones have 0.3 million, its list of cells 1.4 million."""
_AT_ONCE = 32
"""Files of the folder that are in memory together."""
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The numbers at the start of a file of torch.save, before its files were archives."""
_WANTED = (
    "give the folder NATS-tss-v1_0-3ffb9-simple, NATS-tss-v1_0-3ffb9.pickle.pbz2, NAS-Bench-201-v1_0-e61699.pth or "
    "NAS-Bench-201-v1_1-096897.pth"
)
_RELEASES = {
    "NATS-tss-v1_0": "NATS-Bench topology v1.0",
    "NAS-Bench-201-v1_0": "NAS-Bench-201 v1.0",
    "NAS-Bench-201-v1_1": "NAS-Bench-201 v1.1",
}
_UNREADABLE = (
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What bz2 and zipfile raise for files that are cut, damaged or of a kind they do not read."""


@dataclass(frozen=True, slots=True)
class Release:
    """A whole release: its table, what it calls itself, and how many cells were trained once, twice and so on."""

    table: Table
    name: str
    trained: Mapping[int, int]


def read(path: Path, progress: Progress, indices: Sequence[int] = range(CELLS)) -> Release:
    """Reads a release: the columns "index" and those of ACCURACIES that it has, in percent to 4 decimals.

    `indices` are the benchmark's numbers of the cells that have to be there, each once; the others' values are NaN.
    Raises TableMissing when nothing is at `path`, and TableDamaged when it is not one whole release: of another
    version, cut, incomplete, damaged, or holding anything but texts and numbers.
    """
    if _official_name(path) not in ("", *_RELEASES):
        raise TableDamaged(path, "", f"{_official_name(path)} is not one of the releases that can be read; {_WANTED}")
    try:
        if path.is_dir():
            archs, cells, digest = _from_folder(path, progress, indices)
        else:
            with files.opened(path) as file:
                digest = f"SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
                with _refusing(path):
                    archs, cells = _from_file(path, file, progress)
    except FileNotFoundError:
        raise TableMissing(f"there is no file or folder {path}; {_WANTED}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return _release(path, archs, cells, digest, indices)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turns every error about what a file holds into TableDamaged, which says what to do next."""
    try:
        yield
    except RecordRefused as error:
        raise TableDamaged(path, "", f"{error}; download the release again") from error
    except StreamRefused as error:
        raise TableDamaged(path, "", f"{error}; nothing of it was run or kept: download the release again") from error
    except _UNREADABLE as error:
        raise TableDamaged(path, "", f"cut or damaged ({error}); download the release again") from error


# ----- the folder: a file a cell -----


def _from_folder(folder: Path, progress: Progress, indices: Sequence[int]) -> tuple[list[str], list[Cell], str]:
    found = {path.name for path in folder.iterdir()}
    if _META not in found:
        raise TableDamaged(folder, "", f"{_META} is not in it; {_WANTED}")
    missing = [name for name in map(_RECORD.format, indices) if name not in found]
    if missing:
        what = f"{len(missing)} of {len(indices)} records are missing, the first one {missing[0]}"
        raise TableDamaged(folder, "", f"{what}; unpack the release again")
    meta, digest = _unpacked(folder / _META)
    with _refusing(folder / _META):
        archs = _archs(_only(meta))
    cells = []
    digests = hashlib.sha256()
    for index, (record, record_digest) in zip(indices, _records(folder, indices), strict=True):
        path = folder / _RECORD.format(index)
        with _refusing(path):
            cell = _outcome(_only(record))
            if cell.index != index:
                raise RecordRefused(f"it is the record of cell {cell.index}")
        cells.append(cell)
        digests.update(record_digest)
        progress(len(cells) / len(indices))
    of_records = f"the digests of its {len(indices)} records in their order {digests.hexdigest()}"
    return archs, cells, f"SHA-256 of {_META} {digest.hex()}, of {of_records}"


def _records(folder: Path, indices: Sequence[int]) -> Iterator[tuple[bytes, bytes]]:
    """Every record in the order of cells, unpacked, with its digest; several are unpacked at the same time."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for first in range(0, len(indices), _AT_ONCE):
            some = indices[first : first + _AT_ONCE]
            yield from pool.map(_unpacked, (folder / _RECORD.format(index) for index in some))


def _unpacked(path: Path) -> tuple[bytes, bytes]:
    """The content of a small bz2 file and the digest of the file as it is (SHA-256)."""
    try:
        packed = files.contents(path, _LARGEST_RECORD)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    unpacker = bz2.BZ2Decompressor()
    with _refusing(path):
        content = unpacker.decompress(packed, _LARGEST_RECORD)
        if not unpacker.eof and len(content) >= _LARGEST_RECORD:
            raise StreamRefused(f"it unpacks to more than {_LARGEST_RECORD:,} bytes")
        if not unpacker.eof or unpacker.unused_data:
            raise StreamRefused("it is cut" if not unpacker.eof else "something follows its end")
    return content, hashlib.sha256(packed).digest()


def _only(content: bytes) -> object:
    """The one pickle in `content`."""
    return _last(Reader(io.BytesIO(content).read, cell_of))


# ----- everything in a single file -----


def _from_file(path: Path, file: BinaryIO, progress: Progress) -> tuple[list[str], list[Cell]]:
    file.seek(0)
    start = file.read(512)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)

    def reader(read: Callable[[int], bytes]) -> Reader:
        def read_some(most: int) -> bytes:
            progress(min(1.0, file.tell() / size))
            return read(most)

        return Reader(read_some, cell_of)

    if start.startswith(b"PK"):
        whole = _from_archive(file, reader)
    elif start.startswith(b"BZh"):
        with bz2.BZ2File(file) as unpacked:
            whole = _last(reader(unpacked.read))
    elif start.startswith(b"\x80"):
        whole = _from_old_torch(reader(file.read))
    else:
        packed = start[257:262] == b"ustar" or path.suffix in (".tar", ".gz")
        what = files.instead(start)
        other = f"no release but {what}" if what else "no release"
        raise TableDamaged(path, "", f"unpack it first, and {_WANTED}" if packed else f"{other}; {_WANTED}")
    archs = _archs(whole)
    infos = whole.get("arch2infos") if isinstance(whole, Record) else None
    if not isinstance(infos, Record):
        raise RecordRefused('"arch2infos", the mapping of its records, is missing')
    cells = []
    for index, info in infos.items():
        cells.append(_outcome(info, f"cell {index}"))
        if cells[-1].index != index:
            raise RecordRefused(f"cell {index}: its record is that of cell {cells[-1].index}")
    return archs, cells


def _from_archive(file: BinaryIO, reader: Callable[[Callable[[int], bytes]], Reader]) -> object:
    """What torch.save wrote into an archive, as it does since PyTorch 1.6."""
    with zipfile.ZipFile(files.Pieces(file)) as archive:
        names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
        if len(names) != 1:
            raise StreamRefused("an archive, but not one of torch.save")
        with archive.open(names[0]) as member:
            return _last(reader(member.read))


def _from_old_torch(reader: Reader) -> object:
    """What torch.save wrote before: a number, a version, the machine it was on, the object, the names of weights."""
    if reader.load() != _MAGIC or reader.load() != _PROTOCOL or not isinstance(reader.load(), Record):
        raise StreamRefused("a pickle, but not one of torch.save")
    whole = reader.load()
    if _last(reader) != []:
        raise StreamRefused("it has weights in it")
    return whole


def _last(reader: Reader) -> object:
    """The next pickle of a stream, after which nothing may follow."""
    whole = reader.load()
    if not reader.at_end():
        raise StreamRefused("something follows its end")
    return whole


# ----- what both have -----


def _archs(whole: object) -> list[str]:
    """The texts of all cells in the benchmark's order."""
    archs = whole.get("meta_archs") if isinstance(whole, Record) else None
    if not isinstance(archs, list) or len(archs) != CELLS:
        raise RecordRefused(f'"meta_archs" is not a list of {CELLS} cells')
    for index, arch in enumerate(archs):
        if not isinstance(arch, str) or choices_of(arch) is None:
            raise RecordRefused(f'"meta_archs", number {index}: {shown(arch)} is not a cell of this space')
    if len(set(archs)) != CELLS:
        raise RecordRefused('"meta_archs" names a cell twice')
    return archs


def _outcome(value: object, place: str = "") -> Cell:
    outcome = value.outcome if isinstance(value, Record) else None
    if not isinstance(outcome, Cell):
        raise RecordRefused(f"{place}{': ' if place else ''}it does not hold a training of 12 and one of 200 epochs")
    return outcome


def _release(path: Path, archs: list[str], cells: list[Cell], digest: str, indices: Sequence[int]) -> Release:
    missing = sorted(set(indices) - {cell.index for cell in cells})
    if missing:
        what = f"{len(missing)} of {len(indices)} cells are missing, the first one with index {missing[0]}"
        raise TableDamaged(path, "", f"{what}; download it again")
    numbers = []
    for cell in cells:
        if archs[cell.index] != cell.arch:
            what = f"its record is of {shown(cell.arch)}, not of {archs[cell.index]}; download the release again"
            raise TableDamaged(path, f"cell {cell.index}", what)
        numbers.append(number_of(choices_of(cell.arch) or ()))
    columns: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {"index": np.full(CELLS, math.nan)}
    columns["index"][numbers] = [cell.index for cell in cells]
    for place, name in enumerate(ACCURACIES):
        values = [cell.accuracies[place] for cell in cells]
        without = sum(value is None for value in values)
        if without == len(cells):
            continue
        if without:
            first = min(cell.index for cell in cells if cell.accuracies[place] is None)
            raise TableDamaged(path, f"cell {first}", f"it and {without - 1} others have no {name}; download it again")
        columns[name] = np.full(CELLS, math.nan)
        columns[name][numbers] = values
    errors = {}
    for place, name in enumerate(ACCURACIES):
        found = np.array([cell.standard_errors[place] for cell in cells], np.float64)  # None becomes NaN
        if not np.isnan(found).all():
            errors[name] = np.full(CELLS, math.nan)
            errors[name][numbers] = found
    for column, where, why in accuracy.fractions(columns):
        index = int(columns["index"][where].min())
        value = columns[column][columns["index"] == index][0]
        raise TableDamaged(path, f"cell {index}", f"its {column}, {value:g}, {why}; download the release again")
    name = _name(path, columns)
    provenance = f"{name}, {path.resolve().name}, {digest}"
    return Release(Table(columns, provenance, errors), name, Counter(cell.trained for cell in cells))


def _name(path: Path, columns: Columns) -> str:
    """What the release is: by the name of its file where that is official, else by what it holds."""
    official = _official_name(path)
    if official in _RELEASES:
        return _RELEASES[official]
    if any(column not in columns for column in SOMETIMES):
        return "NAS-Bench-201 v1.0 by its contents"
    return "NATS-Bench topology by its contents" if path.is_dir() else "NAS-Bench-201 or NATS-Bench by its contents"


def _official_name(path: Path) -> str:
    """Which release a file says it is by its name, such as NATS-tss-v1_0; empty when it does not."""
    found = re.match(r"(NATS-[a-z]+|NAS-Bench-\d+)-v\d+_\d+", path.resolve().name)
    return found[0] if found else ""


def absent(columns: Collection[str]) -> list[str]:
    """The accuracies that a release with these columns does not have."""
    return [name for name in ACCURACIES if name not in columns]
