"""Holds what a check found: one finding for each thing, and whether the space can tell searchers apart.

Owns their form for people, in lines of at most 80 columns, and for JSON. Knows no check.
"""

import textwrap
from dataclasses import dataclass
from typing import Any, Literal

from collm_nas_evaluator.telling import Telling

Verdict = Literal["ok", "note", "falls short"]

_COLUMNS = 80
_INDENT = " " * 13


@dataclass(frozen=True)
class Finding:
    """What was found about one thing, in one sentence or a few."""

    name: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return _wrapped(f"{self.verdict:11}  {self.name}: {self.text}", _INDENT)


@dataclass(frozen=True)
class Findings:
    """Everything that was found, in order. `telling` is None where the scores do not allow it; `closing` ends the text.

    `usable` is false when the scores cannot be trusted or there are none, `tells` when the space cannot tell searchers
    apart.
    """

    findings: tuple[Finding, ...]
    closing: str
    usable: bool
    telling: Telling | None = None

    @property
    def tells(self) -> bool:
        return self.usable and self.telling is not None and self.telling.tells

    def __getitem__(self, name: str) -> Finding:
        return next(each for each in self.findings if each.name == name)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.findings), _wrapped(self.closing, "")])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [{"name": each.name, "verdict": each.verdict, "text": each.text} for each in self.findings]
        return {
            "usable": self.usable,
            "tells": self.tells,
            "closing": self.closing,
            "findings": rows,
            "numbers": None if self.telling is None else self.telling.to_dict(),
        }


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, _COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
