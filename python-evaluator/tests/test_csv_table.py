"""The CSV tables: read whole, or refused with the line and the column."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from collm_nas_evaluator.cell import CELLS
from collm_nas_evaluator.errors import TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.tables import accuracy, csv_table
from collm_nas_evaluator.tables.csv_table import ACCURACIES

Rows = list[list[str]]
Write = Callable[[str, Rows], Path]


def test_a_whole_table_is_read_by_cell_whatever_the_order(table_rows: Rows, write: Write, tmp_path: Path) -> None:
    table = csv_table.read(write("table.csv", table_rows), tmp_path / "cache")
    backwards = csv_table.read(write("backwards.csv", [table_rows[0], *reversed(table_rows[1:])]), tmp_path / "cache")
    for name, column in table.columns.items():
        place = table_rows[0].index(name)
        assert column.tolist() == [float(row[place]) for row in table_rows[1:]]
        assert np.array_equal(backwards.columns[name], column)
    assert "table.csv, SHA-256 " in table.provenance


def damage(row: int, column: str, text: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[row][rows[0].index(column)] = text

    return change


def rename(rows: Rows) -> None:
    rows[0][2] = "c10_val_200"


def drop_row(rows: Rows) -> None:
    del rows[100]


def repeat_row(rows: Rows) -> None:
    rows.append(list(rows[4]))


def repeat_index(rows: Rows) -> None:
    rows[50][0] = rows[9][0]


def add_column(rows: Rows) -> None:
    for row in rows:
        row.append("1")


def drop_column(rows: Rows) -> None:
    for row in rows:
        del row[-1]


def shorten_row(rows: Rows) -> None:
    del rows[7][-1]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (drop_row, "1 of 15625 cells are missing"),
        (repeat_row, "line 15627, column arch: .* was there before"),
        (repeat_index, r"line 51, column index: \d+ is there before, on line 10"),
        (rename, "line 1, column 3: .*c10_val_200"),
        (add_column, "line 1, column 18"),
        (drop_column, "line 1, column 17"),
        (shorten_row, "line 8: 16 columns instead of 17"),
        (damage(3, "c10_test_200", "nan"), "line 4, column c10_test_200: 'nan' is not a finite number"),
        (damage(3, "c10_test_200", "1e999"), "line 4, column c10_test_200: '1e999' is not a finite number"),
        (damage(3, "c10_test_200", ""), "line 4, column c10_test_200: '' is not a finite number"),
        (damage(5, "in16_valid_12", "105"), "line 6, column in16_valid_12: 105 is not an accuracy"),
        (damage(5, "in16_valid_12", "-1"), "line 6, column in16_valid_12: -1 is not an accuracy"),
        (
            damage(2, "arch", "|nor_conv_5x5~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
            "line 3, column arch: .*nor_conv_5x5",
        ),
        (
            damage(2, "arch", " |none~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
            "line 3, column arch: .* is not a cell",
        ),
        (damage(2, "arch", "none"), "line 3, column arch: not readable"),
        (damage(2, "index", "15625"), "line 3, column index: '15625' is not a number"),
        (damage(2, "index", "-1"), "line 3, column index: '-1' is not a number"),
        (damage(6, "flops_m_32", "11.5"), "line 7, column flops_m_32: 11.5 is not what the cell costs"),
        (damage(6, "params_m", "1.5"), "line 7, column params_m: 1.5 is not what the cell costs"),
        (damage(6, "c10_valid_12", '"12'), "no CSV"),
    ],
)
def test_a_damaged_table_is_refused_with_its_place(
    change: Callable[[Rows], None], what: str, table_rows: Rows, write: Write, tmp_path: Path
) -> None:
    change(table_rows)
    with pytest.raises(TableDamaged, match=what):
        csv_table.read(write("table.csv", table_rows), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def as_fractions(rows: Rows, columns: Sequence[str] = ACCURACIES, lines: slice = slice(1, None)) -> None:
    """Divides accuracies by 100 as text: 87.6543 becomes 0.876543."""
    places = [rows[0].index(column) for column in columns]
    for row in rows[lines]:
        for place in places:
            row[place] = f"0.{row[place].replace('.', '').rjust(6, '0')}"


@pytest.mark.parametrize(
    ("columns", "lines", "first"),
    [
        (ACCURACIES, slice(1, None), "line 2, column c10_valid_200: "),
        (["in16_test_12"], slice(1, None), "line 2, column in16_test_12: "),
        (["c100_valid_200", "in16_valid_200"], slice(1, None), "line 2, column c100_valid_200: "),
        (ACCURACIES, slice(7000, None), "line 7001, column c10_valid_200: "),
        (ACCURACIES, slice(9, 10), "line 10, column c10_valid_200: "),
        (["c10_test_12"], slice(CELLS, None), f"line {CELLS + 1}, column c10_test_12: "),
    ],
)
def test_fractions_are_not_taken_for_percentages(  # noqa: PLR0917
    columns: list[str], lines: slice, first: str, table_rows: Rows, write: Write, tmp_path: Path
) -> None:
    as_fractions(table_rows, columns, lines)
    with pytest.raises(TableDamaged) as caught:
        csv_table.read(write("table.csv", table_rows), tmp_path / "cache")
    assert f"table.csv, {first}0." in str(caught.value)
    assert "seems to be a fraction" in str(caught.value)
    assert "write all accuracies in percent, or set nasbench201.accuracy_unit: fraction" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_worst_networks_of_the_benchmark_are_not_taken_for_fractions(
    table_rows: Rows, write: Write, tmp_path: Path
) -> None:
    for column in ACCURACIES:
        damage(4, column, {"c10": "9.712", "c100": "0.98", "in16": "0.8333"}[column.partition("_")[0]])(table_rows)
        damage(5, column, "0")(table_rows)
    csv_table.read(write("table.csv", table_rows), tmp_path / "cache")


def test_fractions_are_read_where_they_are_announced(table_rows: Rows, write: Write, tmp_path: Path) -> None:
    percent = csv_table.read(write("percent.csv", table_rows), tmp_path / "cache")
    as_fractions(table_rows)
    path = write("fraction.csv", table_rows)
    for _ in ("parsed", "cached"):
        table = csv_table.read(path, tmp_path / "cache", "fraction")
        assert all(np.array_equal(table.columns[name], column) for name, column in percent.columns.items())
        assert table.provenance.endswith(", accuracies given as fractions")
        with pytest.raises(TableDamaged, match="seems to be a fraction"):
            csv_table.read(path, tmp_path / "cache")
    with pytest.raises(
        TableDamaged, match=r"line 2, column c10_.* from 0 to 1 \(fraction\); leave out nasbench201\.acc"
    ):
        csv_table.read(tmp_path / "percent.csv", tmp_path / "cache", "fraction")


@pytest.mark.parametrize(
    ("text", "percent"),
    [("0.9133", 91.33), ("1E-5", 0.001), ("0e99999999999999999999", 0), ("1e-99999999999999999999", 0)],
)
def test_a_fraction_is_read_however_it_is_written(text: str, percent: float) -> None:
    assert accuracy.in_percent(text, "fraction") == percent


def spreadsheet(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n , ,,\r\n\r\n,,,\r\n")


def test_what_spreadsheets_write_around_a_table_is_skipped(
    table_rows: Rows, latency_rows: Rows, write: Write, tmp_path: Path
) -> None:
    for rows, read in ((table_rows, csv_table.read), (latency_rows, csv_table.read_latencies)):
        path = write("table.csv", rows)
        plain = read(path, tmp_path / "cache").columns
        spreadsheet(path)
        again = read(path, tmp_path / "other").columns
        assert all(np.array_equal(again[name], column) for name, column in plain.items())
        rows.insert(5, [""])
        with pytest.raises(TableDamaged, match="line 6: a blank line, and rows below it"):
            read(write("holes.csv", rows), tmp_path / "cache")


def test_bytes_of_another_encoding_are_refused_with_the_line(table_rows: Rows, write: Write, tmp_path: Path) -> None:
    path = write("table.csv", table_rows)
    lines = path.read_bytes().split(b"\n")
    lines[8] = lines[8].replace(b"|", "ö".encode("latin-1"), 1)
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(TableDamaged, match="line 9: byte 0xf6 is not UTF-8"):
        csv_table.read(path, tmp_path / "cache")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(TableDamaged, match="line 1, column 1"):
        csv_table.read(tmp_path / "empty.csv", tmp_path / "cache")


def test_a_missing_file_and_a_folder_have_different_errors(tmp_path: Path) -> None:
    with pytest.raises(TableMissing, match=r"no file .*nowhere\.csv"):
        csv_table.read(tmp_path / "nowhere.csv", tmp_path / "cache")
    with pytest.raises(UsageError, match="Is a directory"):
        csv_table.read(tmp_path, tmp_path / "cache")


def test_latencies_are_read_by_the_benchmarks_number(latency_rows: Rows, write: Write, tmp_path: Path) -> None:
    shuffled = [latency_rows[0], *reversed(latency_rows[1:])]
    table = csv_table.read_latencies(write("latency.csv", shuffled), tmp_path / "cache")
    assert table.columns["edgegpu"].tolist() == [index + 1 for index in range(CELLS)]
    assert table.columns["1080ti_1"][5] == 12


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (drop_row, "1 of 15625 cells are missing, the first one with index 99"),
        (repeat_row, "line 15627, column index: 3 is there before, on line 5"),
        (damage(3, "fpga", "0"), "line 4, column fpga: 0 is not a time"),
        (damage(3, "fpga", "inf"), "line 4, column fpga: 'inf' is not a finite number"),
        (add_column, "line 1, column 9"),
    ],
)
def test_damaged_latencies_are_refused_with_their_place(
    change: Callable[[Rows], None], what: str, latency_rows: Rows, write: Write, tmp_path: Path
) -> None:
    change(latency_rows)
    with pytest.raises(TableDamaged, match=what):
        csv_table.read_latencies(write("latency.csv", latency_rows), tmp_path / "cache")
