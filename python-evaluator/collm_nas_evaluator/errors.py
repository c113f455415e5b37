"""Errors named by what the caller does next.

Owns what each means. Knows nothing of where they are raised.
"""

import errno
from pathlib import Path


class UsageError(Exception):
    """The command, the configuration or a file it names has to be corrected; the text says what, where and how."""


class TableDamaged(UsageError):
    """A table's file is not what it has to be, at a place in it (such as "line 7, column flops_m_32")."""

    def __init__(self, path: Path, place: str, what: str) -> None:
        super().__init__(f"{path}, {place}: {what}" if place else f"{path}: {what}")


class TableMissing(Exception):
    """A table is not on this machine; the text says where it was expected and how to get it."""


class PackageMissing(UsageError):
    """A Python package that a supernet needs is not installed; the text says which one and how to install it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not installed: run `node scripts/setup.cjs supernet` in a checkout, or install "
            "collm-nas-evaluator[supernets]"
        )


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


def is_out_of_files(error: BaseException) -> bool:
    """Whether this process, or the whole machine, may open no more files: no fault of whatever was to be opened."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def out_of_files(error: OSError) -> str:
    """What could not be done for want of open files, and what to do about it."""
    what = f"cannot open {error.filename}" if error.filename else "cannot go on"
    if error.errno == errno.ENFILE:
        return f"{what}: too many files are open on this machine (ENFILE); close other programs, then start again"
    return f"{what}: too many files are open (EMFILE); raise the limit on open files (ulimit -n 4096), then start again"
