"""The errors of the front door, each named by what the caller does next."""

from typing import TYPE_CHECKING

from collm_nas_evaluator import errors

if TYPE_CHECKING:
    from collm_nas.result import Result


class CollmError(Exception):
    """Every error that this package raises on purpose. The text says what, where, and the next step."""


class UsageError(CollmError, errors.UsageError, ValueError):
    """Something that was passed has to be corrected."""


class SearchStopped(CollmError):
    """The search cannot continue now. What it found is in its folder; the same call continues it."""


class NoWinner(CollmError):
    """The search has ended, and nothing that it evaluated can win. `result` has what it found."""

    def __init__(self, message: str, result: "Result") -> None:
        super().__init__(message)
        self.result = result


class NodeMissing(CollmError):
    """There is no Node to run the search with; the text says how to install one."""
