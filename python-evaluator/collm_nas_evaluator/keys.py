"""A key of evaluator.yaml: how its value is read, what it is by default, and a sentence about it.

Owns the forms that a value can have and how each is read. Knows no key by name and no family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import yaml

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """A kind of value.

    `words` follow "must be" in an error. `read` takes the node and the folder of the file. It returns None when the
    node has another form, and raises ValueError with a text of its own when more has to be said.
    """

    words: str
    read: Callable[[yaml.Node, Path], T | None]


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """One key by its dotted name. `default_words` says what applies when a value cannot say it."""

    name: str
    form: Form[Any]
    default: T
    meaning: str
    default_words: str = ""

    def of(self, values: Mapping[str, object]) -> T:
        """The value of this key among the values by name, or its default."""
        return cast(T, values.get(self.name, self.default))

    def read(self, node: yaml.Node, folder: Path) -> T:
        """The value of a node. Raises ValueError with words that follow the name of the key."""
        value = self.form.read(node, folder)
        if value is None:
            raise ValueError(f"must be {self.form.words}")
        return cast(T, value)


def path_of(text: str) -> Path:
    """`text` as a path, with `~` and `~/…` read as a shell reads them.

    Raises ValueError, with words that follow the name of the path, for the home folder of another user.
    """
    if text.startswith("~") and text[1:2] not in ("", "/"):
        raise ValueError(
            f"begins with ~, which means your own home folder only as ~ or ~/…; write the whole path, or ./{text}"
        )
    # A path loses its leading ./, and ./~x would then mean a home folder.
    return Path(text).expanduser() if text.startswith("~") else Path(text)


def one_of(*words: str) -> Form[str]:
    """One of these words."""

    def read(node: yaml.Node, _: Path) -> str | None:
        return str(node.value) if node.value in words else None

    return Form(f"one of {', '.join(words)}", read)


def _text(node: yaml.Node, _: Path) -> str | None:
    return str(node.value) if node.tag == "tag:yaml.org,2002:str" and node.value else None


def _path(node: yaml.Node, folder: Path) -> Path | None:
    text = _text(node, folder)
    return None if text is None or "\0" in text else folder / path_of(text)


def _flag(node: yaml.Node, _: Path) -> bool | None:
    is_flag = node.tag == "tag:yaml.org,2002:bool"
    return yaml.SafeLoader.bool_values[str(node.value).lower()] if is_flag else None


def _count(node: yaml.Node, _: Path) -> int | None:
    is_whole = node.tag == "tag:yaml.org,2002:int" and str(node.value).isdecimal()
    return int(node.value) or None if is_whole else None


PATH: Form[Path] = Form("a path", _path)
FLAG: Form[bool] = Form("true or false", _flag)
COUNT: Form[int] = Form("a whole number, at least 1", _count)
WORD: Form[str] = Form("a word", _text)
