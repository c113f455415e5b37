"""The table in the package analog-nasbench: read as plain numbers, never run."""

import codecs
import csv
import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from test_cell import choices_of

from collm_nas_evaluator.cell import CELLS, number_of
from collm_nas_evaluator.errors import TableDamaged, TableMissing
from collm_nas_evaluator.tables import analognas

PATH = Path("data.anb")
KEYS = list(itertools.product(range(5), repeat=6))


@pytest.fixture(scope="session")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return analognas.read(tmp_path_factory.mktemp("cache")).columns


def test_the_installed_table_is_whole(columns: Any) -> None:
    assert list(columns) == list(analognas.COLUMNS)
    for column in columns.values():
        assert column.shape == (CELLS,)
        assert column.min() >= 0
        assert column.max() <= 100
    assert round(columns["baseline_accuracy"].max(), 2) == 94.07


def test_the_encoding_agrees_with_the_benchmarks_own_accuracies(columns: Any, published: Path) -> None:
    rows = list(csv.DictReader((published / "nasbench201.csv").read_text().splitlines()))
    own = np.array([float(row["c10_test_200"]) for row in rows])
    ours = columns["baseline_accuracy"][[number_of(choices_of(row["arch"])) for row in rows]]
    assert round(float(np.corrcoef(own, ours)[0, 1]), 4) == 0.9994
    assert round(float(np.abs(own - ours).mean()), 2) == 0.39


def test_the_package_itself_is_not_imported() -> None:
    code = "import sys, pathlib, tempfile; from collm_nas_evaluator.tables import analognas\n"
    code += "analognas.read(pathlib.Path(tempfile.mkdtemp())); assert 'analognasbench' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# ----- pickles that are not the package's -----


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def global_named(module: str, name: str) -> bytes:
    return (
        b"\x80\x04\x8c"
        + bytes([len(module)])
        + module.encode()
        + b"\x8c"
        + bytes([len(name)])
        + name.encode()
        + b"\x93"
    )


RECORD = global_named("analognasbench.data", "Architecture")


@pytest.mark.parametrize(
    "make",
    [
        lambda mark: pickle.dumps(Calls(os.system, f"touch {mark}")),
        lambda mark: pickle.dumps(Calls(eval, f"open({str(mark)!r}, 'w')")),
        lambda mark: pickle.dumps(Calls(exec, f"open({str(mark)!r}, 'w')"), protocol=0),
        lambda mark: pickle.dumps({(0,) * 6: [Calls(Path.touch, Calls(Path, str(mark)))]}),
        lambda mark: pickle.dumps(Calls(getattr, Calls(__import__, "os"), "system")),
        lambda mark: pickle.dumps(Calls(codecs.encode, "touch", "rot13")),
        lambda mark: pickle.dumps(Calls(codecs.lookup, str(mark))),
        lambda mark: f"cos\nsystem\n(S'touch {mark}'\ntR.".encode(),
        lambda mark: f"(S'touch {mark}'\nios\nsystem\n.".encode(),
        lambda mark: f"(cos\nsystem\nS'touch {mark}'\no.".encode(),
        lambda mark: global_named("analognasbench.data", "os.system") + b".",
        lambda mark: global_named("analognasbench.data", "Architecture.__init__.__globals__") + b".",
        lambda mark: global_named("analognasbench", "data") + b".",
        lambda mark: RECORD + b"}\x8c\x06fields}sb.",  # sets an attribute on the stand-in class itself
        lambda mark: RECORD + b"N}\x8c\x06fields}s\x86b.",
        lambda mark: RECORD + b"(\x8c\x01xtR.",  # calls the stand-in with an argument
        lambda mark: b"\x80\x04\x8c\x03pidQ.",
        lambda mark: b"\x80\x04\x82\x01.",
        lambda mark: b"\x80\x04" + b"(" * 1000,
        lambda mark: b"",
        lambda mark: b"PK\x03\x04",
        lambda mark: pickle.dumps([1, 2, 3]),
        lambda mark: pickle.dumps({}),
    ],
)
def test_a_hostile_pickle_is_refused_and_nothing_of_it_runs(make: Callable[[Path], bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(TableDamaged):
        analognas.parse(make(mark), PATH)
    assert not mark.exists()
    assert not hasattr(analognas._Architecture().fields, "x")
    assert analognas._Architecture().fields == {}


def test_the_hostile_pickles_would_run_elsewhere(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Calls(os.system, f"touch {tmp_path / 'mark'}")))
    assert (tmp_path / "mark").exists()


# ----- tables that are not whole -----


class Architecture:
    """Pickles as the package's record of one cell."""


Architecture.__module__ = "analognasbench.data"


@pytest.fixture
def dump(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], bytes]:
    module = ModuleType("analognasbench.data")
    module.Architecture = Architecture  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "analognasbench", ModuleType("analognasbench"))
    monkeypatch.setitem(sys.modules, "analognasbench.data", module)
    return pickle.dumps


def record(key: object, **changes: object) -> Architecture:
    made = Architecture()
    made.__dict__.update({"architecture": key, **dict.fromkeys(analognas.COLUMNS, 50.0), **changes})
    return made


def table() -> dict[object, object]:
    return {key: record(key) for key in KEYS}


def test_a_made_up_table_is_read(dump: Callable[[object], bytes]) -> None:
    records = table()
    records[1, 0, 2, 3, 4, 1] = record((1, 0, 2, 3, 4, 1), ptq_accuracy=12.5)
    columns = analognas.parse(dump(records), PATH)
    text = "|none~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|"
    assert columns["ptq_accuracy"][number_of(choices_of(text))] == 12.5
    assert (columns["ptq_accuracy"] == 50).sum() == CELLS - 1


FIRST = KEYS[0]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({FIRST: None}, "record is missing"),
        ({FIRST: record(KEYS[1])}, "another cell's"),
        ({FIRST: record(FIRST, qat_accuracy=float("nan"))}, "qat_accuracy is nan"),
        ({FIRST: record(FIRST, qat_accuracy=100.5)}, "qat_accuracy is 100.5"),
        ({FIRST: record(FIRST, noisy_accuracy="90")}, "noisy_accuracy is '90'"),
        ({key: record(key, ptq_accuracy=0.5) for key in KEYS}, "column ptq_accuracy: .* seems to be a fraction"),
        ({(0, 0): record((0, 0))}, "does not hold a table of 15625"),
    ],
)
def test_a_damaged_table_is_refused(changes: dict[object, object], what: str, dump: Callable[[object], bytes]) -> None:
    with pytest.raises(TableDamaged, match=what):
        analognas.parse(dump({**table(), **changes}), PATH)


@pytest.mark.parametrize("key", [(0, 0, 0, 0, 0, 5), (0, 0, 0, 0, 0, True), (0, 0), "000000"])
def test_a_key_that_is_no_cell_is_refused(key: object, dump: Callable[[object], bytes]) -> None:
    records = table()
    del records[FIRST]
    with pytest.raises(TableDamaged, match=r"is not a cell|does not hold"):
        analognas.parse(dump({**records, key: record(key)}), PATH)


# ----- a package that is not there -----


def test_a_missing_package_is_reported_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    with pytest.raises(TableMissing, match=r"pip install --no-deps analog-nasbench==0\.1\.3"):
        analognas.read(tmp_path)


def test_another_version_of_the_package_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        version = "0.2.0"

    monkeypatch.setattr(metadata, "distribution", lambda name: Other())
    with pytest.raises(TableMissing, match=r"is 0\.2\.0, not 0\.1\.3"):
        analognas.read(tmp_path)
