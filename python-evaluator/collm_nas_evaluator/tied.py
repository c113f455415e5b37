"""A tied part of a space: fewer choices, and one choice for several slots at once, so that all of it can be measured.

Owns the file that defines such a part, the space that a search sees of it, and which full architecture each member is.
Knows no network, no number and no transport.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import yaml

from collm_nas_evaluator import files
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.space import Architecture, Space

MOST_MEMBERS = 100_000
_LARGEST = 1 << 20
"""The most bytes of a definition."""
_KEYS = ("space", "id", "title", "summary", "dimensions")
_DIMENSION_KEYS = ("choices", "slots", "meaning")
_SUMMARY = "In this space some of these choices are tied: one choice is used in several places at once."


@dataclass(frozen=True, slots=True)
class TiedDimension:
    """A dimension with the choices that stay, and for each of its slots the slots of the whole space that it sets."""

    name: str
    choices: tuple[int, ...]
    """Which choices of the whole space's dimension, by their place there."""
    slots: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of `whole`, and the description of it as a space of its own, without numbers."""

    whole: Space
    space: Space
    dimensions: tuple[TiedDimension, ...]
    definition: Mapping[str, Any]
    """What the file says."""

    def members(self) -> Iterator[tuple[Architecture, Architecture]]:
        """Each member as an architecture of `space` and as one of `whole`, in the order of the choices.

        The last slot changes first.
        """
        for architecture in members(self.space):
            yield architecture, self._full(architecture)

    def _full(self, architecture: Architecture) -> Architecture:
        """The architecture of the whole space that a member is."""
        raw: dict[str, list[str]] = {}
        chosen = zip(self.dimensions, self.whole.dimensions, architecture.choices, strict=True)
        for tied, dimension, choices in chosen:
            tokens = [""] * dimension.length
            for choice, places in zip(choices, tied.slots, strict=True):
                assert choice is not None  # noqa: S101 - no slot of a part depends on another one
                for place in places:
                    tokens[place] = dimension.choices[tied.choices[choice]]
            raw[dimension.name] = tokens
        parsed = self.whole.parse(raw)  # entries of inactive slots are not looked at
        assert isinstance(parsed, Architecture)  # noqa: S101 - all tokens are choices
        return parsed


def members(space: Space) -> Iterator[Architecture]:
    """Every architecture of a space in which no slot depends on another one; the last slot changes first."""
    for tokens in product(*(each.choices for each in space.dimensions for _ in range(each.length))):
        left = iter(tokens)
        parsed = space.parse({each.name: list(islice(left, each.length)) for each in space.dimensions})
        assert isinstance(parsed, Architecture)  # noqa: S101 - all tokens are choices
        yield parsed


def definition(path: Path) -> dict[str, Any]:
    """What a file defines, before it is compared with the whole space. Raises UsageError."""
    try:
        read = yaml.safe_load(files.contents(path, _LARGEST).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"the definition {path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the definition {path} is no YAML text") from error
    except yaml.YAMLError as error:
        raise UsageError(f"the definition {path} is not YAML: {' '.join(str(error).split())}") from error
    return _mapping(path, read, "the file", _KEYS, needed=("space", "id", "dimensions"))


def part_of(whole: Space, defined: Mapping[str, Any], path: Path) -> Part:
    """The part of `whole` that a file defines; `path` is named in errors.

    Raises UsageError for an unknown key, choice or slot, for a slot that is set twice or not at all, for two members
    that are the same architecture, and for a part with one member or more than MOST_MEMBERS.
    """
    texts = {key: _text(path, key, defined.get(key, "")) for key in ("id", "title", "summary")}
    if texts["id"] in ("", whole.id):
        raise UsageError(f"{path}, id: must be a name of its own, other than {whole.id}")
    given = _mapping(path, defined["dimensions"], "dimensions", [each.name for each in whole.dimensions])
    pairs = [_dimension(path, dimension, given.get(dimension.name, {})) for dimension in whole.dimensions]
    space = Space(
        id=texts["id"],
        title=texts["title"] or f"{whole.title}: a part of it in which everything was measured",
        summary=f"{whole.summary} {texts['summary'] or _SUMMARY}",
        dimensions=tuple(dimension for _, dimension in pairs),
        metrics=whole.metrics,
        costs=whole.costs,
        splits=whole.splits,
    )
    if not 1 < space.size <= MOST_MEMBERS:
        raise UsageError(f"{path}: it has {space.size:,} members; a bank has 2 to {MOST_MEMBERS:,}")
    part = Part(whole, space, tuple(tied for tied, _ in pairs), defined)
    _check_distinct(part, path)
    return part


def _check_distinct(part: Part, path: Path) -> None:
    seen: dict[str, str] = {}
    for member, full in part.members():
        other = seen.setdefault(full.text, member.text)
        if other != member.text:
            what = f"{other} and {member.text} are the same architecture"
            raise UsageError(f"{path}: {what}; tie slots so that each choice sets one that is always part of it")


def _dimension(path: Path, dimension: Dimension, given: object) -> tuple[TiedDimension, Dimension]:
    """Which slots and choices of a dimension are tied, and the dimension that a search sees."""
    place = f"dimensions.{dimension.name}"
    read = _mapping(path, given, place, _DIMENSION_KEYS)
    choices = _choices(path, f"{place}.choices", dimension, read.get("choices"))
    names, slots = _slots(path, f"{place}.slots", dimension, read.get("slots"))
    tied = any(len(each) > 1 for each in slots)
    sets = "; ".join(f'"{name}" sets {_listed(dimension, each)}' for name, each in zip(names, slots, strict=True))
    meaning = _text(path, f"{place}.meaning", read.get("meaning", ""))
    if not meaning:
        meaning = f"{dimension.meaning} In this space these are tied: {sets}." if tied else dimension.meaning
    seen = replace(
        dimension,
        choices=tuple(dimension.choices[each] for each in choices),
        groups=(Group(dimension.groups[0].name if len(slots) == 1 else "network", len(slots)),),
        active_count="",
        meaning=meaning.strip(),
        slot_names=names if len(slots) > 1 else (),
    )
    return TiedDimension(dimension.name, choices, slots), seen


def _choices(path: Path, place: str, dimension: Dimension, given: object) -> tuple[int, ...]:
    if given is None:
        return tuple(range(len(dimension.choices)))
    if not isinstance(given, list) or not given:
        raise UsageError(f"{path}, {place}: must be a list of some of {', '.join(dimension.choices)}")
    known = {token: at for at, token in enumerate(dimension.choices)}
    wrong = [each for each in given if isinstance(each, bool) or str(each) not in known]
    if wrong:
        raise UsageError(f"{path}, {place}: {wrong[0]!s:.60} is not one of {', '.join(dimension.choices)}")
    return tuple(sorted({known[str(each)] for each in given}))


def _slots(
    path: Path, place: str, dimension: Dimension, given: object
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """The name of each slot of the part, and which slots it sets."""
    named = _named_slots(dimension)
    if given is None:
        names = dimension.slot_names or tuple(f"{dimension.name}[{at}]" for at in range(dimension.length))
        return names, tuple((at,) for at in range(dimension.length))
    read = _mapping(path, given, place, None)
    slots: list[tuple[int, ...]] = []
    set_by: dict[int, str] = {}
    for name, wanted in read.items():
        wanted_names = wanted if isinstance(wanted, list) else [wanted]
        unknown = [each for each in wanted_names if str(each) not in named]
        if unknown or not wanted_names:
            what = f"{unknown[0]!s:.60} is no slot and no group" if unknown else "no slot is named"
            raise UsageError(f"{path}, {place}.{name}: {what} of {dimension.name}; they are {', '.join(named)}")
        these = sorted({at for each in wanted_names for at in named[str(each)]})
        for at in these:
            if at in set_by:
                what = f"{dimension.name}[{at}] is set by {set_by[at]} too"
                raise UsageError(f"{path}, {place}.{name}: {what}; name it once")
            set_by[at] = name
        slots.append(tuple(these))
    missing = [at for at in range(dimension.length) if at not in set_by]
    if missing:
        raise UsageError(f"{path}, {place}: nothing sets {_listed(dimension, missing)}; add it to one of them")
    return tuple(map(str, read)), tuple(slots)


def _named_slots(dimension: Dimension) -> dict[str, list[int]]:
    """The slots by the names that a definition may use: of a group, of a slot, and NAME[0]."""
    named: dict[str, list[int]] = {}
    start = 0
    for group in dimension.groups:
        named[group.name] = list(range(start, start + group.size))
        start += group.size
    for at, name in enumerate(dimension.slot_names):
        named.setdefault(name, [at])
    for at in range(dimension.length):
        named.setdefault(f"{dimension.name}[{at}]", [at])
    return named


def _listed(dimension: Dimension, places: Sequence[int]) -> str:
    """Slots in words: whole groups by their name, others by their own."""
    words: list[str] = []
    left = set(places)
    start = 0
    for group in dimension.groups:
        inside = range(start, start + group.size)
        start += group.size
        if len(dimension.groups) > 1 and left.issuperset(inside):
            words.append(group.name)
        else:
            names = dimension.slot_names
            words += [names[at] if names else f"{dimension.name}[{at}]" for at in inside if at in left]
    return ", ".join(words)


def _mapping(
    path: Path, given: object, place: str, known: Sequence[str] | None, needed: Sequence[str] = ()
) -> dict[str, Any]:
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise UsageError(f"{path}, {place}: must be a mapping of names to values")
    unknown = [key for key in given if known is not None and key not in known]
    missing = [key for key in needed if key not in given]
    if unknown:
        raise UsageError(f'{path}, {place}: unknown key "{unknown[0]}"; the keys are {", ".join(known or ())}')
    if missing:
        raise UsageError(f"{path}, {place}: {missing[0]} is missing")
    return given


def _text(path: Path, place: str, given: object) -> str:
    if not isinstance(given, str):
        raise UsageError(f"{path}, {place}: must be a text")
    return " ".join(given.split())
