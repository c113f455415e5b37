"""Writes text to a terminal safely: nothing in it moves the cursor, hides, changes direction or begins a new line.

Owns which characters are shown as they are, and how the others are written. File names, the contents of checkpoints and
tables, and texts of a configuration come from other people; only this module writes them. Knows no command.
"""

import io
import logging
import re
import sys
import unicodedata
from typing import Any, TextIO

_KEPT = "\n\t"
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are invisible but are not format characters in Unicode."""


def visible(text: str) -> str:
    r"""The text with every control or invisible character written as an escape, such as \x1b or \u202e.

    Line breaks, tabs and spaces of any width stay.
    """
    if text.translate(_WITHOUT_KEPT).isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(each if each in _KEPT or _shows(each) else _spelt(each) for each in text)


def line(text: object) -> str:
    """The same in a single line."""
    return visible(str(text)).replace("\n", "\\n").replace("\t", "\\t")


def say(out: TextIO, text: str) -> None:
    """Writes one line."""
    out.write(f"{line(text)}\n")


class Shown:
    """A text stream that writes visible text to another stream; in everything else it is that stream."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath
        if isinstance(beneath, io.TextIOWrapper):
            beneath.reconfigure(errors="backslashreplace")  # for what the terminal's encoding lacks

    def write(self, text: str) -> int:
        self.beneath.write(visible(text))
        return len(text)

    def writelines(self, texts: "list[str]") -> None:
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


def guard() -> None:
    """From here on standard output and standard error show what is written to them, in tracebacks too."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Shown):
            setattr(sys, name, Shown(stream))


def beneath(out: TextIO) -> TextIO:
    """The stream below, where a progress bar may move the cursor. Only for text of this program."""
    return out.beneath if isinstance(out, Shown) else out


class LineFormatter(logging.Formatter):
    """Formats a message in one line; only a traceback takes more."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return line(super().formatMessage(record))


_WITHOUT_KEPT = {ord(each): None for each in _KEPT}


def _shows(character: str) -> bool:
    is_plain = character.isprintable() or unicodedata.category(character) == "Zs"
    return is_plain and not _INVISIBLE.match(character)


def _spelt(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
