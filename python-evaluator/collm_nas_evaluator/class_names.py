"""Orders the names of the classes of an image set, and finds how the names of two sets differ.

Owns the order, and the rule when the order is in doubt. A label is the place of a class in the order, so another order
gives other labels.
Knows no file and no image.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from collm_nas_evaluator.errors import ImagesUnusable

Order = Literal["numeric", "text"]
"""By the numbers in the names (2 before 10), or letter by letter (10 before 2)."""
ORDERS: tuple[Order, ...] = get_args(Order)
KEY = "imagenet.class_order"
"""The key of the configuration that sets the order."""
FLAG = "--class-order"
"""The flag of retrain that sets it."""


@dataclass(frozen=True, slots=True)
class Classes:
    """The names of the classes by index, and a remark on the order when another order was possible (else empty)."""

    names: tuple[str, ...]
    remark: str = ""


def ordered(where: Path, names: Sequence[str], order: Order | None = None) -> Classes:
    """The names in the order that is given. Without one: by number where they are just 0 to N-1, or 1 to N.

    Any other names need one order, on which numbers and letters agree. Raises ImagesUnusable where they do not, for
    both are in use: torchvision goes by letters, and people who number folders mean the numbers.
    """
    by_text, by_number = sorted(names), sorted(names, key=_by_number)
    if by_text == by_number:
        return Classes(tuple(by_text))
    if order is None and not _is_count(by_number):
        place = next(place for place in range(len(names)) if by_text[place] != by_number[place])
        raise ImagesUnusable(
            where,
            f"its classes have two orders, and a label is a place in the order: class {place} is "
            f"{_shown(by_text[place])} by text and {_shown(by_number[place])} by number; set {KEY} ({FLAG} of retrain) "
            "to text, which is torchvision's order, or to numeric",
        )
    chosen = by_text if order == "text" else by_number
    first, last = _shown(chosen[0]), _shown(chosen[-1])
    return Classes(tuple(chosen), f"classes in {order or 'numeric'} order, {first} to {last}")


def difference(names: Sequence[str], like: Classes) -> str:
    """The first difference between the names of a set and those of another set; empty when they are the same."""
    missing, other = sorted(set(like.names) - set(names)), sorted(set(names) - set(like.names))
    if not missing and not other:
        return ""
    cure = "; a class has the same name in every set of images: rename it, or remove what is not a class"
    if not missing:
        return f"has a class more than the other images, {_shown(other[0])}{cure}"
    if not other:
        return f"lacks the class {_shown(missing[0])} of the other images; every set of images needs every class"
    for name in other:
        for alike, what in ((str.casefold, "in capital and small letters"), (_composed, "in how letters are encoded")):
            twin = next((each for each in missing if alike(each) == alike(name)), None)
            if twin is not None:
                return f"its class {_shown(name)} and {_shown(twin)} of the other images differ only {what}{cure}"
    return f"has the class {_shown(other[0])}, which the other images lack, and lacks their {_shown(missing[0])}{cure}"


def _by_number(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts as text does, but runs of digits by what they count: 2, 10, a2, a10."""
    key = []
    for run in re.findall(r"[0-9]+|[^0-9]", name):
        significant = run.lstrip("0")
        is_number = "0" <= run[0] <= "9"
        key.append((ord("0"), len(significant), significant) if is_number else (ord(run), 0, ""))
    return [*key, (-1, 0, name)]


def _is_count(names: Sequence[str]) -> bool:
    return any(list(names) == [str(number) for number in range(first, first + len(names))] for first in (0, 1))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _shown(name: str) -> str:
    return ascii(name) if not name.isprintable() or _composed(name) != name else f'"{name}"'
