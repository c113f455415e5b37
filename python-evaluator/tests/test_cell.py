"""The cell: its costs against the published columns, and which cells are the same."""

import csv
from itertools import product
from pathlib import Path

import pytest

from collm_nas_evaluator import cell
from collm_nas_evaluator.cell import CELLS, EDGES, OPERATIONS, TEMPLATE, Network, function_of, number_of

ALL = list(product(range(len(OPERATIONS)), repeat=len(EDGES)))


def choices_of(text: str) -> list[int]:
    return [OPERATIONS.index(token.split("~")[0]) for token in text.split("|") if "~" in token]


def function_text(*operations: str) -> str:
    return function_of([OPERATIONS.index(operation) for operation in operations])


def test_cells_are_numbered_without_gaps() -> None:
    assert [number_of(choices) for choices in ALL] == list(range(CELLS))


def test_the_template_names_the_edges_in_order() -> None:
    assert [int(part.split("~")[1]) for part in TEMPLATE.split("|") if "~" in part] == [source for _, source in EDGES]


def test_a_cells_text_is_read_back() -> None:
    for choices in ALL[::97]:
        text = TEMPLATE.format(op=[OPERATIONS[choice] for choice in choices])
        assert cell.choices_of(text) == choices_of(text) == list(choices)


@pytest.mark.parametrize("change", ["none~0|", "|none~0|+|none~0|none~1|+|none~0|none~1|no~2|", "", "8:8:8:8:8"])
def test_another_text_is_no_cell(change: str) -> None:
    assert cell.choices_of(change) is None


def test_there_are_4930_functions_and_all_that_deliver_nothing_are_one() -> None:
    functions = [function_of(choices) for choices in ALL]
    assert len(set(functions)) == 4930
    assert functions.count("nothing") == 341
    assert max(map(len, functions)) < 40


def test_equal_functions_are_recognised() -> None:
    straight = function_text("none", "none", "none", "nor_conv_3x3", "none", "none")
    by_a_skip = function_text("nor_conv_3x3", "none", "none", "none", "skip_connect", "none")
    beside_a_dead_end = function_text("none", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "none", "none")
    assert straight == by_a_skip == beside_a_dead_end == "3(x)"
    assert function_text("none", "none", "none", "skip_connect", "nor_conv_3x3", "nor_conv_1x1") == "x"
    assert function_text("skip_connect", "none", "none", "skip_connect", "skip_connect", "none") == "x+x"


def test_costs_equal_the_published_ones_to_the_last_digit(published: Path) -> None:
    rows = list(csv.DictReader((published / "nasbench201.csv").read_text().splitlines()))
    assert len(rows) == CELLS
    small, large, tiny = Network(32, 10), Network(32, 100), Network(16, 120)
    for row in rows:
        choices = choices_of(row["arch"])
        assert small.flops_m(choices) == float(row["flops_m_32"])
        assert tiny.flops_m(choices) == float(row["flops_m_16"])
        assert small.params_m(choices) == float(row["params_m"])
        assert large.flops_m(choices) == round(float(row["flops_m_32"]) + 0.00585, 5)
        assert large.params_m(choices) == round(float(row["params_m"]) + 0.00585, 6)
        assert tiny.params_m(choices) == round(float(row["params_m"]) + 0.00715, 6)
