"""Checks the accuracies of a table: they are percentages, and numbers that seem to be fractions are found.

Owns the units that a file may have and the rule that recognises fractions. Knows no file's form and no space.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Unit = Literal["percent", "fraction"]
"""The unit of the accuracies in a file. Served accuracies are always percentages."""
UNITS: tuple[Unit, ...] = get_args(Unit)
MOST: Mapping[Unit, int] = {"percent": 100, "fraction": 1}
"""The highest accuracy in a unit."""
KEY = "nasbench201.accuracy_unit"
"""The key of the configuration that sets the unit of a CSV file."""

_GUESSING = {"c10": 10.0, "c100": 1.0, "in16": 100 / 120}
"""The percentage that guessing reaches, by data set. The lowest accuracy of the benchmark is 97 % of it."""


def in_percent(text: str, unit: Unit) -> float:
    """A number in a unit, in percent: the one nearest to what is written, as if percent were written."""
    value = float(text)
    return float(Decimal(text) * 100) if unit == "fraction" and value else value  # of 0e999… Decimal makes nothing


def fractions(columns: Mapping[str, NDArray[np.float64]]) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    """The columns that seem to have fractions instead of percentages: name, where (shape of the column), and why.

    Either nothing in a column is above 1, or single values are below half of what guessing gets, where that is known.
    Zeros are the same in both units, and NaN is nothing.
    """
    for name, column in columns.items():
        if name == "index":
            continue
        some = column > 0
        if some.any() and not (column > 1).any():
            yield name, some, "seems to be a fraction, because nothing in its column is above 1"
        elif (guessing := _GUESSING.get(name.partition("_")[0])) is not None:
            low = some & (column < guessing / 2)
            if low.any():
                yield name, low, f"seems to be a fraction among percentages, because guessing gets {guessing:.3g} %"
