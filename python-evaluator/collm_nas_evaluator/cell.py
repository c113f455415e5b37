"""The NAS-Bench-201 cell: its operations and edges, what a network of it costs, and which cells are the same.

Owns the numbering of cells and the cost formulas. Knows no accuracy, no file and no transport.
Sources: Dong and Yang, "NAS-Bench-201", ICLR 2020 (the cell and the network around it); the cost formulas are those of
the benchmark's own counter, checked against its published values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""(into node, from node) of each slot, in the order of the usual text."""
TEMPLATE = "|{op[0]}~0|+|{op[1]}~0|{op[2]}~1|+|{op[3]}~0|{op[4]}~1|{op[5]}~2|"
CELLS = len(OPERATIONS) ** len(EDGES)

_NONE, _SKIP, _CONV_1X1, _CONV_3X3, _POOL = range(len(OPERATIONS))
_TEXT = re.compile(re.sub(r"\\\{op\\\[\d\\\]\\\}", r"(\\w+)", re.escape(TEMPLATE)), re.ASCII)
_LETTERS = {_CONV_1X1: "1", _CONV_3X3: "3", _POOL: "p"}


def number_of(choices: Sequence[int]) -> int:
    """The place of a cell, 0 to 15,624: its six operation indices read as digits in base 5."""
    number = 0
    for choice in choices:
        number = number * len(OPERATIONS) + choice
    return number


def choices_of(text: str) -> list[int] | None:
    """The six operation indices of a cell in its usual text; None when the text is not a cell."""
    found = _TEXT.fullmatch(text)
    if found is None or not set(found.groups()) <= set(OPERATIONS):
        return None
    return [OPERATIONS.index(name) for name in found.groups()]


@dataclass(frozen=True, slots=True)
class Network:
    """The network that is stacked from one cell: square inputs of `pixels` pixels a side, `classes` outputs."""

    pixels: int
    classes: int

    def flops_m(self, choices: Sequence[int]) -> float:
        """Multiply-adds of one forward pass, in millions, to 5 decimals.

        Counts convolutions and the head with its bias on every edge, also on an edge that carries nothing; batch norm,
        pooling and skips count as nothing.
        """
        at_32_pixels = 7_782_400 + 3_932_160 * choices.count(_CONV_1X1) + 35_389_440 * choices.count(_CONV_3X3)
        return round((at_32_pixels * self.pixels**2 // 32**2 + 65 * self.classes) / 1e6, 5)

    def params_m(self, choices: Sequence[int]) -> float:
        """Trainable parameters, batch norm and head included, in millions, to 6 decimals."""
        body = 72_656 + 28_000 * choices.count(_CONV_1X1) + 243_040 * choices.count(_CONV_3X3)
        return round((body + 65 * self.classes) / 1e6, 6)


def function_of(choices: Sequence[int]) -> str:
    """The function that a cell computes, as a short expression of its input x; equal texts mean the same function.

    Sums are flattened and sorted, skips are left out, and an operation on nothing gives nothing. So the 15,625 cells
    form 4,930 classes. All cells whose output is nothing share the text "nothing".
    """
    terms: list[list[str]] = [["x"], [], [], []]
    for choice, (into, source) in zip(choices, EDGES, strict=True):
        if choice == _SKIP:
            terms[into] += terms[source]
        elif choice != _NONE and terms[source]:
            terms[into].append(f"{_LETTERS[choice]}({'+'.join(sorted(terms[source]))})")
    return "+".join(sorted(terms[3])) or "nothing"
