"""The packed table: made of a whole release or not at all, and served as the CSV of the same numbers is."""

import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import releases
from client import PACKAGE_ROOT, PATIENCE_SECONDS

from collm_nas_evaluator import catalogue, config
from collm_nas_evaluator.backends.base import Backend, Unavailable
from collm_nas_evaluator.cell import CELLS
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.space import Architecture
from collm_nas_evaluator.tables import csv_table, official, packed_table
from collm_nas_evaluator.tables.csv_table import ACCURACIES
from collm_nas_evaluator.tables.table import Table

Rows = list[list[str]]
Write = Callable[[str, Rows], Path]
PROGRAM = (
    "import sys; from collm_nas_evaluator import __main__, commands; commands.SECONDS_BETWEEN = 0.2; "
    "sys.exit(__main__.main(sys.argv[1:]))"
)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", PROGRAM, "import-nasbench201", *map(str, arguments)]


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=PATIENCE_SECONDS, cwd=PACKAGE_ROOT, check=False
    )


@dataclass(frozen=True)
class Made:
    """A whole folder with the numbers of the table of made-up rows, and its import."""

    folder: Path
    table: Path
    ran: "subprocess.CompletedProcess[str]"


def cell_of(row: dict[str, str]) -> releases.Cell:
    return releases.cell(int(row["index"]), row["arch"], lambda column, _: float(row[column]))


@pytest.fixture(scope="module")
def made(_whole_table: Rows, tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("release")
    rows = [dict(zip(_whole_table[0], row, strict=True)) for row in _whole_table[1:]]
    archs = [row["arch"] for row in sorted(rows, key=lambda row: int(row["index"]))]
    cells = {int(row["index"]): cell_of(row) for row in rows}
    folder = releases.write_folder(place / "NATS-tss-v1_0-3ffb9-simple", cells, archs)
    return Made(folder, place / "table.npz", run(folder, "--out", place / "table.npz"))


def test_a_whole_folder_becomes_a_small_table(made: Made) -> None:
    assert made.ran.returncode == 0, made.ran.stderr
    name, trained = made.ran.stdout.splitlines()
    assert name.startswith(
        f"{made.table}: NATS-Bench topology v1.0, NATS-tss-v1_0-3ffb9-simple, SHA-256 of meta.pickle.pbz2 "
    )
    assert trained == "15,625 trained 1 x for 200 epochs"
    assert all(line.startswith("import-nasbench201: ") for line in made.ran.stderr.splitlines())
    assert " left\n" in made.ran.stderr
    assert made.table.stat().st_size < 2_000_000
    assert list(made.table.parent.glob("table*")) == [made.table]


def served(configuration: config.Configuration) -> dict[str, Backend]:
    backends = catalogue.load(configuration)
    return {each.describe().id: each for each in backends if not isinstance(each, Unavailable)}


def test_it_is_served_as_the_csv_of_the_same_numbers(
    made: Made, table_rows: Rows, latency_rows: Rows, write: Write, tmp_path: Path
) -> None:
    path, latencies = write("table.csv", table_rows), write("latency.csv", latency_rows)
    ours, theirs = packed_table.read(made.table), csv_table.read(path, tmp_path / "cache")
    assert list(ours.columns) == ["index", *ACCURACIES]
    assert all(np.array_equal(ours.columns[name], column) for name, column in theirs.columns.items())
    usual: dict[str, Any] = {"analognas": False, "cache_dir": tmp_path, "nasbench201_latency_csv": latencies}
    by_table = served(config.Configuration(nasbench201_table=made.table, **usual))
    by_csv = served(config.Configuration(nasbench201_csv=path, **usual))
    assert list(by_table) == list(by_csv)
    assert len(by_table) == 6
    for space_id, backend in by_table.items():
        space, other = backend.describe(), by_csv[space_id].describe()
        assert (space.data_hash, space.splits, space.costs) == (other.data_hash, other.splits, other.costs)
        assert space.provenance.startswith("NATS-Bench topology v1.0, NATS-tss-v1_0-3ffb9-simple, SHA-256 ")


# ----- an import that is not to be, or does not come to its end -----


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path) -> None:
    out = tmp_path / "table.npz"
    out.write_text("mine")
    refused = run(tmp_path, "--out", out)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"collm-nas-evaluator: --out {out} exists; name another file, or say --force to replace it\n"
    )
    failed = run(tmp_path / "nothing", "--out", out, "--force")
    assert failed.returncode == 2
    assert "there is no file or folder " in failed.stderr
    assert out.read_text() == "mine"


def test_a_table_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "table.npz"
    out.write_text("mine")
    with packed_table.made_at(out, tmp_path, force=True) as file:
        packed_table.write(file, table())
        assert out.read_text() == "mine"
    assert packed_table.read(out).provenance == "made up"
    assert list(tmp_path.iterdir()) == [out]


def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_text("text")
    ran = run(tmp_path / "file.pth", "--out", tmp_path / "table.npz")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"collm-nas-evaluator: {tmp_path / 'file.pth'}: no release but a text; ")
    assert ran.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file.pth"]


@pytest.mark.parametrize(
    ("out", "what"),
    [
        (".", "is a folder; name another file"),
        ("file.pth", "is what is to be read; name another file"),
        ("nowhere/table.npz", r"table\.npz cannot be written: No such file or directory"),
    ],
)
def test_a_place_that_cannot_be_written_is_reported_at_once(out: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "file.pth").write_text("text")
    with (
        pytest.raises(UsageError, match=what),
        packed_table.made_at(tmp_path / out, tmp_path / "file.pth", force=True),
    ):
        pytest.fail("the import began")
    assert (tmp_path / "file.pth").read_text() == "text"
    assert [path.name for path in tmp_path.iterdir()] == ["file.pth"]


def test_an_incomplete_folder_is_refused_before_anything_is_read(made: Made, tmp_path: Path) -> None:
    missing = made.folder / "000123.pickle.pbz2"
    moved = missing.rename(tmp_path / missing.name)
    try:
        ran = run(made.folder, "--out", tmp_path / "table.npz")
    finally:
        moved.rename(missing)
    assert ran.returncode == 2
    assert "1 of 15625 records are missing, the first one 000123.pickle.pbz2" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_import_that_is_stopped_leaves_nothing(number: signal.Signals, made: Made, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(made.folder, "--out", tmp_path / "table.npz"), stderr=subprocess.PIPE, text=True, cwd=PACKAGE_ROOT
    ) as importing:
        assert importing.stderr is not None
        first = importing.stderr.readline()
        importing.send_signal(number)
        *_, last = importing.stderr.readlines()
    assert first.startswith("import-nasbench201: ")
    assert importing.returncode == 130
    assert (
        last == "collm-nas-evaluator: stopped; nothing was written; the same command starts again from the beginning\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with (
        pytest.raises(UsageError, match=r"table\.npz cannot be written: No space left on device"),
        packed_table.made_at(tmp_path / "table.npz", tmp_path, force=False) as file,
    ):
        packed_table.write(file, table())
    assert list(tmp_path.iterdir()) == []


# ----- a table that is not what it was -----


def table(**changes: Any) -> Table:
    columns = {"index": np.arange(CELLS)[::-1] + 0.0, **{name: np.full(CELLS, 50.0) for name in ACCURACIES}}
    return Table({name: column for name, column in {**columns, **changes}.items() if column is not None}, "made up")


def write_table(path: Path, of: Table) -> Path:
    with path.open("wb") as file:
        packed_table.write(file, of)
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def saved(**content: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(file, **content)

    return save


def encrypt(path: Path) -> None:
    """Says in the file's list of members that they are encrypted."""
    content = bytearray(path.read_bytes())
    for found in re.finditer(b"PK\1\2", bytes(content)):
        content[found.start() + 8] |= 1
    path.write_bytes(content)


def headed(name: str, text: bytes = b"", **changes: Any) -> Callable[[Path], None]:
    """Replaces a member by a header that asks for something else, or by one of this text, and nothing after it."""
    usual = {"descr": "<f8", "fortran_order": False, "shape": (CELLS,) if name == "index" else ()}
    header = text or repr(usual | changes).encode()

    def replace(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        members[f"{name}.npy"] = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
        with zipfile.ZipFile(path, "w") as archive:
            for each, content in members.items():
                archive.writestr(each, content)

    return replace


def written(**changes: Any) -> Callable[[Path], object]:
    return lambda path: write_table(path, table(**changes))


def noisy(value: float) -> Table:
    """A table in which the mean of one column has a standard error for one cell."""
    plain = table()
    return Table(plain.columns, plain.provenance, {"c10_test_200": np.where(np.arange(CELLS) == 7, value, np.nan)})


ONE_IS = [np.where(np.arange(CELLS) == 7, value, 50.0) for value in (np.nan, 100.5, -1)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (cut, "no whole table"),
        (flip, "no whole table .*Bad CRC-32"),
        (lambda path: path.write_bytes(b""), "no whole table .*an empty file"),
        (lambda path: path.write_text("<html>"), "no whole table .*a web page"),
        (saved(a=np.zeros(3)), "no whole table"),
        (saved(format=np.array(2)), "no whole table .*its form is 2, not 1"),
        (saved(format=np.array(1), provenance=np.array("x"), index=np.array([object()])), "no whole table"),
        (saved(format=np.array(1), provenance=np.array("x"), index=np.zeros(2 << 20)), "it holds more than a table"),
        (saved(**{f"a{place}": np.zeros(1) for place in range(40)}), "it holds more than a table"),
        (written(c10_test_200=ONE_IS[0]), "column c10_test_200: damaged"),
        (written(c10_test_200=ONE_IS[1]), "column c10_test_200: not all are accuracies in percent"),
        (written(c10_test_200=ONE_IS[2]), "column c10_test_200: not all are accuracies in percent"),
        (written(c10_test_200=np.full(CELLS, 0.9)), "column c10_test_200: a value in it seems to be a fraction"),
        (written(in16_valid_12=np.r_[0.4, np.full(CELLS - 1, 30.0)]), "column in16_valid_12: .* a fraction among"),
        (written(c10_test_200=np.zeros(3)), "no whole table .*c10_test_200 is of another form"),
        (written(c10_test_200=np.zeros(CELLS, dtype=int)), "no whole table .*c10_test_200 is of another form"),
        (
            lambda path: write_table(path, noisy(-0.1)),
            "column standard_error_of_c10_test_200: not all are standard errors",
        ),
        (lambda path: write_table(path, noisy(np.inf)), "column standard_error_of_c10_test_200: not all are standard"),
        (written(index=np.zeros(CELLS)), "column index: no number of every cell"),
        (written(index=None), "column index: no number of every cell"),
        (saved(format=np.array(np.inf)), "no whole table .*format is of another form"),
        (encrypt, "no whole table .*encrypted"),
        (headed("index", shape=(4_000_000_000,)), "no whole table .*index is of another form"),
        (headed("index", shape=(10**30,)), "no whole table .*index is of another form"),
        (headed("index", descr="<f4"), "no whole table .*index is of another form"),
        (headed("provenance", descr="<U500000000"), "no whole table .*provenance is of another form"),
        (headed("index", b"("), "no whole table"),
        (headed("index", b"-" * 9000 + b"1"), "no whole table"),
    ],
)
def test_a_damaged_table_is_refused_with_what_to_do(
    change: Callable[[Path], object], what: str, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "table.npz", table())
    change(path)
    with pytest.raises(TableDamaged, match=f"{what}.*; make it again with collm-nas-evaluator import-nasbench201") as e:
        packed_table.read(path)
    assert "\n" not in str(e.value)


def test_a_missing_table_makes_its_spaces_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.npz"
    with pytest.raises(TableMissing, match="make it with collm-nas-evaluator import-nasbench201"):
        packed_table.read(path)
    entries = catalogue.load(config.Configuration(nasbench201_table=path, analognas=False, cache_dir=tmp_path))
    assert len(entries) == 6
    assert all(isinstance(entry, Unavailable) and str(path) in entry.reason for entry in entries)
    with pytest.raises(UsageError, match="Is a directory"):
        packed_table.read(tmp_path)


def test_the_standard_error_of_several_trials_is_served_where_it_is_known(tmp_path: Path) -> None:
    found = []
    for name, written_table in (("plain.npz", table()), ("noisy.npz", noisy(0.25))):
        path = write_table(tmp_path / name, written_table)
        configuration = config.Configuration(nasbench201_table=path, analognas=False, cache_dir=tmp_path)
        backend = served(configuration)["nasbench201-cifar10"]
        space = backend.describe()
        cells = [parsed for arch in releases.ARCHS[7:9] if isinstance(parsed := space.parse(arch), Architecture)]
        errors = [
            [each.result.standard_errors for each in backend.evaluate(cells, split, threading.Event())]  # type: ignore[union-attr]
            for split in ("search", "test")
        ]
        found.append((space.digest, errors))
    (plain_digest, plain), (noisy_digest, with_errors) = found
    assert plain == [[{}, {}], [{}, {}]]
    assert with_errors == [[{}, {}], [{"accuracy": 0.25}, {}]]
    assert plain_digest != noisy_digest


def test_what_a_release_does_not_have_is_unavailable(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.npz", table(**dict.fromkeys(ACCURACIES[7:], None)))
    assert official.absent(packed_table.read(path).columns) == list(ACCURACIES[7:])
    entries = catalogue.load(config.Configuration(nasbench201_table=path, analognas=False, cache_dir=tmp_path))
    missing = [entry for entry in entries if isinstance(entry, Unavailable)]
    assert [entry.id for entry in missing] == ["nasbench201-cifar100-e12", "nasbench201-imagenet16-120-e12"]
    assert missing[0].reason == "made up has no c100_valid_12; a later release has"
