"""Describes a search space as data: reads, writes and samples its architectures.

Owns the forms of a raw architecture and its one canonical text. The rules are in proto/README.md; the search follows
the same rules, and both sides are tested with proto/vectors. Knows no space by name, no network, no data and no
transport.

Run as a module, it reads JSON lines {"space": ..., "raw": ...} and answers each with {"text"} or {"rejections"}.
"""

import dataclasses
import hashlib
import json
import math
import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from collm_nas_evaluator.dimension import Chosen, Dimension, Group, Rejection

LONGEST_RAW_TEXT = 100_000
_WHITE_SPACE = " \t\r\n"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\[([0-9]+)\]\}")


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured quality; the first one of a space is the objective."""

    name: str
    unit: str
    meaning: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Cost:
    """A quantity that is known without evaluating; lower is cheaper."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Split:
    """Data that an evaluation may use: "search" during a search, "test" once, for the winner.

    `data` identifies the images: two splits with the same non-empty text use the same images. It is not part of the
    digest.
    """

    name: str
    meaning: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A legal architecture: its canonical text, and the choices of each dimension in the order of the space."""

    text: str
    choices: tuple[Chosen, ...]


@dataclass(frozen=True)
class Space:
    """A search space; the fields are those of the contract's SpaceDescription.

    `title` is one line for people and may name the data. `summary` is for models and must not name it. `data_hash`
    identifies the numbers of the metrics and costs; it is used in the digest only. Only the dimensions have no default:
    they are enough to read and write architectures.

    Raises ValueError when the description contradicts itself.
    """

    dimensions: tuple[Dimension, ...]
    template: str = ""
    id: str = "unnamed"
    title: str = ""
    summary: str = ""
    metrics: tuple[Metric, ...] = ()
    costs: tuple[Cost, ...] = ()
    splits: tuple[Split, ...] = ()
    parallelism: int = 1
    max_batch: int = 1
    provenance: str = ""
    data_hash: str = ""

    def __post_init__(self) -> None:
        if not self.dimensions:
            raise ValueError("a space needs a dimension")
        if len(self._positions) < len(self.dimensions):
            raise ValueError("a dimension's name is used twice")
        for dimension in self.dimensions:
            if dimension.active_count:
                position = self._positions.get(dimension.active_count)
                dimension.check_count(None if position is None else self.dimensions[position])
        if self.template:
            literals, places = self._cut_template
            slots = {(at, slot) for at, each in enumerate(self.dimensions) for slot in range(each.length)}
            if set(places) != slots or len(places) != len(slots) or "" in literals[1:-1]:
                raise ValueError("the template must name every slot once, with text between them")
            if not self._reads_back():
                raise ValueError(
                    "a text of the template cannot be read back, for a choice holds what follows its place, or the "
                    "text begins with { or white space or ends with white space"
                )

    @cached_property
    def digest(self) -> str:
        """Differs when a text can mean another architecture or a number can be another one (SHA-256, hexadecimal)."""
        meaning = {
            "id": self.id,
            "template": self.template,
            "dimensions": [
                [each.name, each.choices, each.numeric, [group.size for group in each.groups], each.active_count]
                for each in self.dimensions
            ],
            "metrics": [[each.name, each.unit, each.higher_is_better] for each in self.metrics],
            "costs": [[each.name, each.unit] for each in self.costs],
            "splits": [each.name for each in self.splits],
            "data": self.data_hash,
        }
        canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def size(self) -> int:
        """The number of different architectures."""
        size = 1
        for dimension in self.dimensions:
            if dimension.active_count:
                continue
            governed = [other for other in self.dimensions if other.active_count == dimension.name]
            width = math.prod(len(other.choices) for other in governed)
            ways = sum(width ** int(count) for count in dimension.values) if governed else len(dimension.choices)
            size *= ways**dimension.length
        return size

    def parse(self, raw: object) -> Architecture | list[Rejection]:
        """Reads a raw architecture in any of the forms of proto/README.md, or returns every reason why it is not one.

        The reasons are in the order of the dimensions. Those of unknown dimensions come last, sorted by name.
        """
        entries = self._entries(raw)
        if entries is None:
            names = ", ".join(f'"{name}"' for name in self._positions)
            form = f" or text like {self.template}" if self.template else ""
            sentence = f"not readable as an architecture: expected an object with {names}{form}"
            return [Rejection("unreadable", "", sentence)]
        choices: dict[str, Chosen] = {}
        reasons: dict[str, list[Rejection]] = {}
        for dimension in self._reading_order:
            name = dimension.name
            if name not in entries:
                reasons[name] = [Rejection("missing-dimension", name, f'"{name}" is missing')]
            elif not dimension.active_count or dimension.active_count in choices:
                chosen, found = dimension.read(entries[name], self._counts(dimension, choices))
                if found:
                    reasons[name] = found
                else:
                    choices[name] = chosen
        rejections = [reason for name in self._positions for reason in reasons.get(name, ())]
        for key in sorted(str(key) for key in entries if key not in self._positions):
            sentence = f'"{key[:60]}" is no dimension; they are {", ".join(self._positions)}'
            rejections.append(Rejection("unknown-dimension", key, sentence))
        return rejections or self._architecture(choices)

    def sample(self, source: random.Random) -> Architecture:
        """Draws every active slot independently and evenly from its choices."""
        drawn: dict[str, Chosen] = {}
        for dimension in self._reading_order:
            drawn[dimension.name] = tuple(
                source.randrange(len(dimension.choices)) if is_active else None
                for is_active in dimension.active(self._counts(dimension, drawn))
            )
        return self._architecture(drawn)

    def different(self, count: int, source: random.Random) -> list[Architecture]:
        """Draws different architectures, fewer than `count` only where the space has few."""
        drawn: dict[str, Architecture] = {}
        for _ in range(20 * count):
            each = self.sample(source)
            drawn.setdefault(each.text, each)
            if len(drawn) == count:
                break
        return list(drawn.values())

    def to_object(self, architecture: Architecture) -> dict[str, list[str | None]]:
        """The architecture as plain lists of tokens by dimension name, None where a slot is inactive."""
        return {
            dimension.name: [None if choice is None else dimension.choices[choice] for choice in chosen]
            for dimension, chosen in zip(self.dimensions, architecture.choices, strict=True)
        }

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {dimension.name: position for position, dimension in enumerate(self.dimensions)}

    @cached_property
    def _reading_order(self) -> list[Dimension]:
        """The dimensions, with each count dimension before the dimensions whose slots it counts."""
        return sorted(self.dimensions, key=lambda dimension: dimension.active_count != "")

    @cached_property
    def _cut_template(self) -> tuple[list[str], list[tuple[int, int]]]:
        """The template cut at its placeholders: literals[i] comes before places[i], and the last literal at the end."""
        cut = _PLACEHOLDER.split(self.template)
        names, slots = cut[1::3], cut[2::3]
        return cut[0::3], [(self._positions.get(name, -1), int(slot)) for name, slot in zip(names, slots, strict=True)]

    def _reads_back(self) -> bool:
        """Whether every text that the template makes is read back as the same tokens."""
        literals, places = self._cut_template
        for index, (position, _) in enumerate(places):
            dimension = self.dimensions[position]
            after = literals[index + 1]
            is_last = index == len(places) - 1
            for token in (*dimension.choices, "null") if dimension.active_count else dimension.choices:
                if index == 0 and (literals[0] + token)[0] in f"{{{_WHITE_SPACE}":
                    return False
                text = token + after
                if text[-1] in _WHITE_SPACE if is_last else text.find(after) < len(token):
                    return False
        return True

    @cached_property
    def _spelt_choices(self) -> list[tuple[str, ...]]:
        """The text of each choice of each dimension in a canonical text."""
        return [
            each.choices
            if each.numeric or self.template
            else tuple(json.dumps(token, ensure_ascii=False) for token in each.choices)
            for each in self.dimensions
        ]

    def _counts(self, dimension: Dimension, choices: Mapping[str, Chosen]) -> list[int] | None:
        """How many slots of each group are active, or None when all are."""
        if not dimension.active_count:
            return None
        values = self.dimensions[self._positions[dimension.active_count]].values
        return [int(values[choice]) for choice in choices[dimension.active_count] if choice is not None]

    def _architecture(self, choices: Mapping[str, Chosen]) -> Architecture:
        ordered = tuple(choices[name] for name in self._positions)
        return Architecture(self._print(ordered), ordered)

    def _entries(self, raw: object) -> Mapping[Any, object] | None:
        if isinstance(raw, Mapping):
            return raw
        if not isinstance(raw, str) or len(raw) > LONGEST_RAW_TEXT:
            return None
        text = raw.strip(_WHITE_SPACE)
        return _object_from_json(text) if text.startswith("{") else self._object_from_template(text)

    def _object_from_template(self, text: str) -> dict[str, list[str]] | None:
        """Each slot ends where the literal after it first occurs, the last one at the end of the text."""
        literals, places = self._cut_template
        if not places or not text.startswith(literals[0]):
            return None
        slots = [[""] * dimension.length for dimension in self.dimensions]
        at = len(literals[0])
        for literal, (position, slot) in zip(literals[1:], places, strict=True):
            is_last = (position, slot) == places[-1]
            end = len(text) - len(literal) if is_last else text.find(literal, at)
            if end < at or (is_last and not text.endswith(literal)):
                return None
            slots[position][slot] = text[at:end]
            at = end + len(literal)
        return dict(zip(self._positions, slots, strict=True))

    def _print(self, choices: Sequence[Chosen]) -> str:
        tokens = [
            ["null" if choice is None else spelt[choice] for choice in chosen]
            for spelt, chosen in zip(self._spelt_choices, choices, strict=True)
        ]
        if self.template:
            literals, places = self._cut_template
            filled = (
                tokens[position][slot] + text for (position, slot), text in zip(places, literals[1:], strict=True)
            )
            return literals[0] + "".join(filled)
        members = (f'"{name}":[{",".join(each)}]' for name, each in zip(self._positions, tokens, strict=True))
        return "{" + ",".join(members) + "}"


def from_json(description: Mapping[str, Any]) -> Space:
    """The space of a description in JSON. It has dimensions and a template, under the field names of the contract."""
    dimensions = tuple(
        Dimension(
            name=each["name"],
            choices=tuple(each["choices"]),
            groups=tuple(Group(group["name"], int(group["size"])) for group in each["groups"]),
            numeric=each["numeric"],
            active_count=each.get("activeCount", ""),
        )
        for each in description["dimensions"]
    )
    return Space(dimensions, description.get("template", ""))


def _object_from_json(text: str) -> dict[str, object] | None:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        value = json.loads(text, parse_int=float, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _answer(line: str) -> dict[str, Any]:
    question = json.loads(line, parse_int=float)
    parsed = from_json(question["space"]).parse(question["raw"])
    if isinstance(parsed, Architecture):
        return {"text": parsed.text}
    return {"rejections": [dataclasses.asdict(each) for each in parsed]}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(line)) + "\n")
        sys.stdout.flush()
