"""Describes a search space in Python: named dimensions, each with slots that hold one of a few choices.

A space is data: it knows no score, no limit and no search. Choices keep their Python type: a slot of `[16, 24]` holds
the number 16, and a slot of `["relu", "gelu"]` the text "relu".
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collm_nas.errors import UsageError
from collm_nas_evaluator import dimension as wire
from collm_nas_evaluator import space as described

Choice = str | int | float | bool
"""What a slot may hold."""

Architecture = dict[str, Any]
"""One architecture: for each dimension its choice, or the list of its slots (None where a slot is inactive)."""


@dataclass(frozen=True)
class Slots:
    """One dimension of a space, as `slots` and `choice` make it."""

    choices: tuple[Choice, ...]
    groups: tuple[tuple[str, int], ...]
    active: str = ""
    meaning: str = ""
    slot_names: tuple[str, ...] = ()
    is_single: bool = False
    """Whether an architecture holds the bare choice, and not a list."""

    @property
    def length(self) -> int:
        return sum(size for _, size in self.groups)

    def columns(self, name: str) -> list[str]:
        """The name of each slot as a column, such as "kernel[0]", where the dimension is called `name`."""
        return [name] if self.is_single else [f"{name}[{slot}]" for slot in range(self.length)]


def slots(
    choices: Sequence[Choice],
    length: int | None = None,
    *,
    groups: Mapping[str, int] | None = None,
    active: str = "",
    meaning: str = "",
    names: Sequence[str] = (),
) -> Slots:
    """Several slots that are filled from the same choices.

    `length` is the number of slots; or `groups` names consecutive slots that belong together, such as
    `{"stage 1": 4, "stage 2": 4}`. `active` is the name of a numeric dimension that says how many slots of each group
    are part of the network; it has one slot for each group. `meaning` is shown to language models: what the dimension
    is, what its choices do, how it drives cost. `names` says in a few words what each slot is.

    Raises UsageError for a description that contradicts itself.
    """
    if (length is None) == (groups is None):
        raise UsageError(
            "slots needs either a length or groups: slots([1, 3], 4) or slots([1, 3], groups={'stage 1': 4})"
        )
    named = {"": length} if groups is None else groups
    if not named:
        raise UsageError("slots: groups is empty; name at least one, such as {'stage 1': 4}")
    for name, size in named.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            where = f"group {name!r}" if name else "length"
            raise UsageError(f"slots: {where} is {size!r}; it must be a whole number, at least 1")
    return Slots(
        _checked(choices),
        tuple((str(name), size) for name, size in named.items() if size),
        active,
        meaning,
        tuple(names),
    )


def choice(choices: Sequence[Choice], *, meaning: str = "") -> Slots:
    """One slot. An architecture holds its choice as it is, not in a list."""
    return Slots(_checked(choices), (("", 1),), meaning=meaning, is_single=True)


class Space:
    """A search space: `Space(kernel=slots([1, 3, 5], 3), width=choice([16, 24, 32]))`.

    Names that are taken by the options below, or are built by a program, go into a dictionary:
    `Space({"name": choice([1, 2])})`. `name` is the space's id in records and tables. `summary` is shown to language
    models: what an architecture is; it names no data and no measured number. `template` is a one-line form of an
    architecture with one `{name[slot]}` for every slot; without one it is JSON.

    Raises UsageError, which is a ValueError and names the place, for a description that contradicts itself.
    """

    def __init__(
        self,
        dimensions: Mapping[str, Slots] | None = None,
        /,
        *,
        name: str = "own-space",
        summary: str = "",
        template: str = "",
        **more: Slots,
    ) -> None:
        twice = [key for key in dimensions or () if key in more]
        if twice:
            raise UsageError(f'space: dimension "{twice[0]}" is given twice')
        self.dimensions: dict[str, Slots] = {**(dimensions or {}), **more}
        self.name, self.summary, self.template = name, summary, template
        if not name or not isinstance(name, str):
            raise UsageError(f"space: the name is {name!r}; it must be a text that is not empty")
        if not self.dimensions:
            raise UsageError("space: there is no dimension; write Space(width=nas.choice([16, 24]))")
        for key, each in self.dimensions.items():
            if not isinstance(each, Slots):
                raise UsageError(f'space: dimension "{key}" is {each!r}; make it with nas.slots(…) or nas.choice(…)')
            if each.active and each.active not in self.dimensions:
                raise UsageError(f'space: active of dimension "{key}" names "{each.active}", which is no dimension')
        try:
            self.described = described.Space(
                tuple(_wire(key, each) for key, each in self.dimensions.items()),
                template=template,
                id=name,
                title=summary or name,
                summary=summary or f"An architecture of {name}.",
            )
        except UsageError:
            raise
        except ValueError as error:
            raise UsageError(f"space: {error}") from error
        self._values = {
            key: dict(zip(each.choices, self.dimensions[key].choices, strict=True))
            for key, each in ((each.name, each) for each in self.described.dimensions)
        }

    def __repr__(self) -> str:
        return f"Space({', '.join(self.dimensions)}; {self.described.size:,} architectures)"

    @property
    def size(self) -> int:
        """The number of different architectures."""
        return self.described.size

    @property
    def columns(self) -> dict[str, tuple[Choice, ...]]:
        """The choices of each slot, under its name as a column, such as "kernel[0]"."""
        return {column: each.choices for name, each in self.dimensions.items() for column in each.columns(name)}

    def sample(self, rng: random.Random | None = None) -> Architecture:
        """A random architecture; each dimension's choices are drawn evenly."""
        return self.architecture(self.described.sample(rng or random.Random()))  # noqa: S311 - no secret

    def read(self, raw: Mapping[str, Any] | str) -> Architecture:
        """An architecture of a dictionary or text in any form of the contract. Raises UsageError with every reason."""
        return self.architecture(self.parsed(raw))

    def text(self, architecture: Mapping[str, Any] | str) -> str:
        """The one text that stands for an architecture in records. Raises UsageError with every reason."""
        return self.parsed(architecture).text

    def parsed(self, raw: Mapping[str, Any] | str) -> described.Architecture:
        """As the evaluator holds it. Raises UsageError with every reason."""
        found = self.described.parse(raw if isinstance(raw, str) else self._written(raw))
        if not isinstance(found, described.Architecture):
            raise UsageError("; ".join(each.sentence for each in found))
        return found

    def architecture(self, parsed: described.Architecture) -> Architecture:
        """As user code sees it: choices with their Python types."""
        made: Architecture = {}
        for key, tokens in self.described.to_object(parsed).items():
            values = [None if token is None else self._values[key][token] for token in tokens]
            made[key] = values[0] if self.dimensions[key].is_single else values
        return made

    def _written(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The dictionary with text for every choice that is a truth value, as the contract has no other kind."""

        def written(entry: Any) -> Any:
            if isinstance(entry, list | tuple):
                return [written(each) for each in entry]
            return str(entry) if isinstance(entry, bool) else entry

        return {key: written(value) for key, value in raw.items()}


def columns(architecture: Architecture) -> Iterator[tuple[str, Any]]:
    """Each slot of an architecture with its name as a column, such as "kernel[0]"."""
    for name, value in architecture.items():
        if isinstance(value, list):
            yield from ((f"{name}[{slot}]", entry) for slot, entry in enumerate(value))
        else:
            yield name, value


def require_space(given: object) -> None:
    """Raises UsageError for anything that is no space."""
    if not isinstance(given, Space):
        raise UsageError(f"the space is {given!r}; make one with nas.Space(width=nas.choice([16, 24]))")


# --- internal ---


def _checked(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    if isinstance(choices, str | bytes) or not isinstance(choices, Sequence):
        try:
            choices = tuple(choices) if not isinstance(choices, str | bytes) else ()
        except TypeError:
            choices = ()
    if not choices:
        raise UsageError("the choices of a dimension are a list with at least one entry, such as [1, 3, 5]")
    plain = tuple(each.item() if hasattr(each, "item") and not isinstance(each, Choice) else each for each in choices)
    for each in plain:
        if not isinstance(each, Choice):
            raise UsageError(f"a choice is {each!r}; choices are numbers, texts or truth values")
        if isinstance(each, float) and not math.isfinite(each):
            raise UsageError(f"a choice is {each!r}; a number must be finite")
    return plain


def _wire(name: str, given: Slots) -> wire.Dimension:
    numeric = all(isinstance(each, int | float) and not isinstance(each, bool) for each in given.choices)
    if not numeric and any(isinstance(each, int | float) and not isinstance(each, bool) for each in given.choices):
        raise UsageError(f'space: dimension "{name}" mixes numbers with other choices; write all of them as texts')
    return wire.Dimension(
        name=name,
        choices=tuple(_token(each) for each in given.choices),
        groups=tuple(wire.Group(group, size) for group, size in given.groups),
        numeric=numeric,
        active_count=given.active,
        meaning=given.meaning,
        slot_names=given.slot_names,
    )


def _token(value: Choice) -> str:
    return value if isinstance(value, str) else str(value)
