"""Serves a bank: a space in which every member was measured, as a table.

Owns how an architecture finds its numbers. Knows no file format and no network.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence

from collm_nas_evaluator.backends.base import ArchitectureCost, Measurement, Outcome, Progress
from collm_nas_evaluator.space import Architecture, Space
from collm_nas_evaluator.tables.bank_table import Bank, Column


class BankBackend:
    """A Backend over one bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def describe(self) -> Space:
        return self._bank.space

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        return ArchitectureCost(_at(self._bank.costs, self._number(architecture)))

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        measured = self._bank.splits[split]
        for index, architecture in enumerate(architectures):
            if stop.is_set():
                return
            number = self._number(architecture)
            yield Outcome(index, Measurement(_at(measured.metrics, number), 0.0, _at(measured.standard_errors, number)))

    def _number(self, architecture: Architecture) -> int:
        """The place of a member among all, of which the last slot changes first."""
        number = 0
        for dimension, chosen in zip(self._bank.space.dimensions, architecture.choices, strict=True):
            for choice in chosen:
                number = number * len(dimension.choices) + (choice or 0)
        return number


def _at(columns: Mapping[str, Column], number: int) -> dict[str, float]:
    return {name: float(column[number]) for name, column in columns.items()}
