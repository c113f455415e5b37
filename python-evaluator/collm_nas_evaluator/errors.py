"""Errors named by what the caller does next.

Owns what each means. Knows nothing of where they are raised.
"""

from pathlib import Path


class UsageError(Exception):
    """The command, the configuration or a file it names has to be corrected; the text says what, where and how."""


class TableDamaged(UsageError):
    """A table's file is not what it has to be, at a place in it (such as "line 7, column flops_m_32")."""

    def __init__(self, path: Path, place: str, what: str) -> None:
        super().__init__(f"{path}, {place}: {what}" if place else f"{path}: {what}")


class TableMissing(Exception):
    """A table is not on this machine; the text says where it was expected and how to get it."""


class CheckpointMissing(Exception):
    """A checkpoint is not on this machine; the text says what to download, from where, and where it was looked for."""


class CheckpointUnusable(UsageError):
    """A file is no checkpoint, is cut, holds more than weights, numbers that are none, or something else's weights."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")


class ArchitectureRejected(UsageError):
    """An architecture that the weights do not hold; the text has every reason."""


class ImagesUnusable(UsageError):
    """A folder, archive or file is no set of images with labels for the classes at hand, or no image that is read."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.what = what


class DeviceLost(Exception):
    """The device answers nothing any more, whatever is evaluated on it; the process has to be started again."""
