"""Describes one dimension of a space, and reads a raw value of it into its slots.

Owns which forms a value may have and how an entry matches a choice. Gets the counts of active slots from its caller;
knows no other dimension and no text form.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NoReturn

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NUMBER_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""The form of a numeric choice, which is written into JSON as it is."""

Chosen = tuple[int | None, ...]
"""The index of the choice in each slot, None where the slot is inactive."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One reason why something is not an architecture: a code, the place, and a sentence."""

    code: Literal["unreadable", "unknown-dimension", "missing-dimension", "wrong-length", "not-a-choice"]
    place: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive slots that belong together: a stage, a layer, a node."""

    name: str
    size: int


_UNJUDGED = object()


@dataclass(frozen=True)
class Dimension:
    """A list of slots that are filled from the same choices; the fields are those of the contract.

    Raises ValueError when the description contradicts itself.
    """

    name: str
    choices: tuple[str, ...]
    groups: tuple[Group, ...]
    numeric: bool = False
    active_count: str = ""
    meaning: str = ""
    slot_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            self._contradicts("the name must be letters, digits and underscores, and must not begin with a digit")
        if not self.choices or "" in self.choices:
            self._contradicts("there is no choice, or a choice is empty")
        if self.numeric and not all(JSON_NUMBER.fullmatch(token) for token in self.choices):
            self._contradicts("a numeric choice is no decimal number")
        if not all(math.isfinite(value) for value in self.values):
            self._contradicts("a numeric choice is beyond the range of numbers")
        if len(set(self.values if self.numeric else self.choices)) < len(self.choices):
            self._contradicts("a choice is listed twice")
        if not self.groups or any(group.size < 1 for group in self.groups):
            self._contradicts("there is no group, or a group has no slot")
        if self.slot_names and len(self.slot_names) != self.length:
            self._contradicts("slot names and slots differ in number")

    def check_count(self, counting: "Dimension | None") -> None:
        """Raises ValueError unless `counting`, which `active_count` names, can count this dimension's slots."""
        if counting is None or not counting.numeric or counting.active_count:
            self._contradicts("active_count names no numeric dimension whose slots are all active")
        if counting.length != len(self.groups):
            self._contradicts("the active_count dimension needs one slot for each group")
        smallest = min(group.size for group in self.groups)
        if any(value not in range(smallest + 1) for value in counting.values):
            self._contradicts("the active_count dimension counts other than 0 to the size of a group")

    @cached_property
    def length(self) -> int:
        """The number of slots, the inactive ones included."""
        return sum(group.size for group in self.groups)

    @cached_property
    def values(self) -> tuple[float, ...]:
        """The number of each choice; empty when the dimension is not numeric."""
        return tuple(map(float, self.choices)) if self.numeric else ()

    def active(self, counts: Sequence[int] | None) -> list[bool]:
        """Whether each slot is part of the network. `counts` says how many slots of each group are (None: all)."""
        if counts is None:
            return [True] * self.length
        return [
            within < count for group, count in zip(self.groups, counts, strict=True) for within in range(group.size)
        ]

    def read(self, value: object, counts: Sequence[int] | None) -> tuple[Chosen, list[Rejection]]:
        """Reads a raw value. The choices are valid only when there is no rejection."""
        found: list[Rejection] = []
        slots = self._flatten(value, counts, found)
        chosen: list[int | None] = []
        for slot, (entry, is_active) in enumerate(zip(slots, self.active(counts), strict=True)):
            choice = self._choice_of(entry) if is_active else None
            if choice is None and is_active and entry is not _UNJUDGED:
                place = f"{self.name}[{slot}]"
                sentence = f'"{place}" is {_shown(entry)}; choices are {", ".join(self.choices)}'
                found.append(Rejection("not-a-choice", place, sentence))
            chosen.append(choice)
        return tuple(chosen), found

    def _flatten(self, value: object, counts: Sequence[int] | None, found: list[Rejection]) -> Sequence[object]:
        """Makes one flat list of all slots from a raw value; left-out inactive slots become None.

        A list of the wrong length is reported in `found`, and its entries are not checked.
        """
        if not isinstance(value, list | tuple):
            if self.length == 1 and not isinstance(value, Mapping):
                return [value]
            found.append(self._wrong_length("no list", self.length))
            return [_UNJUDGED] * self.length
        if any(isinstance(entry, list | tuple) for entry in value):
            return self._flatten_groups(value, counts, found)
        active_only = len(self.groups) == 1 and counts is not None and len(value) == counts[0]
        if len(value) == self.length or active_only:
            return [*value, *[None] * (self.length - len(value))]
        found.append(self._wrong_length(len(value), self.length))
        return [_UNJUDGED] * self.length

    def _flatten_groups(
        self, value: Sequence[object], counts: Sequence[int] | None, found: list[Rejection]
    ) -> Sequence[object]:
        lists = [entry for entry in value if isinstance(entry, list | tuple)]
        if not len(lists) == len(value) == len(self.groups):
            found.append(self._wrong_length(len(value), len(self.groups)))
            return [_UNJUDGED] * self.length
        flat: list[object] = []
        for index, (group, inner) in enumerate(zip(self.groups, lists, strict=True)):
            expected = group.size if counts is None else counts[index]
            if len(inner) in (group.size, expected):
                flat += [*inner, *[None] * (group.size - len(inner))]
            else:
                found.append(self._wrong_length(len(inner), expected, f"{self.name}[{index}]"))
                flat += [_UNJUDGED] * group.size
        return flat

    def _choice_of(self, entry: object) -> int | None:
        if not self.numeric:
            return self._index.get(entry) if isinstance(entry, str) else None
        if isinstance(entry, str):
            return self._index.get(float(entry)) if NUMBER_TEXT.fullmatch(entry) else None
        if isinstance(entry, bool) or not isinstance(entry, int | float):
            return None
        try:
            return self._index.get(float(entry))
        except OverflowError:
            return None

    @cached_property
    def _index(self) -> dict[str | float, int]:
        keys: tuple[str | float, ...] = self.values if self.numeric else self.choices
        return {key: index for index, key in enumerate(keys)}

    def _wrong_length(self, got: object, expected: int, place: str = "") -> Rejection:
        grouped = f" (or {len(self.groups)} lists, one a group)" if len(self.groups) > 1 and not place else ""
        place = place or self.name
        return Rejection("wrong-length", place, f'"{place}" needs {expected} entries{grouped}, got {got}')

    def _contradicts(self, what: str) -> NoReturn:
        raise ValueError(f'dimension "{self.name}": {what}')


def _shown(entry: object) -> str:
    if isinstance(entry, list | tuple | Mapping):
        return "an object" if isinstance(entry, Mapping) else "a list"
    return json.dumps(entry[:60] if isinstance(entry, str) else entry, default=str)[:60]
