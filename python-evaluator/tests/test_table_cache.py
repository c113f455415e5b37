"""The cache of parsed tables: used when it is whole and of the same file, made again otherwise, never trusted."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collm_nas_evaluator.cell import CELLS
from collm_nas_evaluator.tables.table import Columns, Table, load

NAMES = ("first", "second")


class Parser:
    """Counts how often it was needed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, source: bytes) -> Columns:
        self.calls += 1
        return {name: np.arange(CELLS) + float(len(source) + place) for place, name in enumerate(NAMES)}


def load_with(parser: Parser, folder: Path, source: bytes = b"source") -> Table:
    return load(source, "a file", NAMES, folder, parser)


def test_the_second_start_does_not_parse(tmp_path: Path) -> None:
    parser = Parser()
    first, second = (load_with(parser, tmp_path / "new") for _ in range(2))
    assert parser.calls == 1
    assert all(np.array_equal(first.columns[name], second.columns[name]) for name in NAMES)
    assert first.provenance == second.provenance
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npz"]


def test_a_changed_source_is_parsed_again(tmp_path: Path) -> None:
    parser = Parser()
    load_with(parser, tmp_path)
    changed = load_with(parser, tmp_path, b"another source")
    assert parser.calls == 2
    assert changed.columns["first"][0] == len(b"another source")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_a_pickle(path: Path) -> None:
    np.savez(path, source=np.array([object()]), allow_pickle=True)


def replace_by_one_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(CELLS))


def write_of(**changes: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with np.load(path) as archive:
            content: dict[str, Any] = {**archive, **changes}
        np.savez(path, **{name: value for name, value in content.items() if value is not None})

    return write


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        empty,
        flip,
        replace_by_a_pickle,
        replace_by_one_array,
        write_of(source="0" * 64),
        write_of(first=None),
        write_of(first=np.zeros(3)),
        write_of(first=np.full(CELLS, np.nan)),
        write_of(first=np.zeros(CELLS, dtype=np.int64)),
        write_of(first=np.full(CELLS, "text")),
    ],
)
def test_a_damaged_cache_is_made_again(damage: Callable[[Path], None], tmp_path: Path) -> None:
    parser = Parser()
    whole = load_with(parser, tmp_path)
    (path,) = tmp_path.iterdir()
    damage(path)
    again = load_with(parser, tmp_path)
    assert parser.calls == 2
    assert np.array_equal(again.columns["first"], whole.columns["first"])
    load_with(parser, tmp_path)
    assert parser.calls == 2


def test_a_folder_that_cannot_be_made_costs_only_the_parsing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        table = load_with(Parser(), tmp_path / "file" / "cache")
    assert table.columns["first"][0] == 6
    assert "could not be cached" in caplog.text


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    load_with(Parser(), tmp_path)
    assert list(tmp_path.iterdir()) == []
