"""Defines the errors, each named by what the caller does next.

Owns their meaning. Knows no module that raises them.
"""

import errno
import sys
from pathlib import Path

_SET_UP = Path(__file__).parents[2] / "scripts" / "setup.cjs"
"""The set-up of a checkout, where this package runs from one."""


def installing(part: str, checkout: str, otherwise: str) -> str:
    """The command that installs a part ("supernets", "tables") where this package is: in a checkout, beside the npm
    package, or elsewhere.
    """
    if _SET_UP.exists():
        return checkout
    # The stamp that `collm-nas setup` leaves in what it makes.
    is_beside_npm = (Path(sys.prefix) / ".collm-nas-setup").exists()
    return f"npx collm-nas setup --{part}" if is_beside_npm else otherwise


class UsageError(Exception):
    """The command, the configuration or a file it names has to be corrected; the text says what, where and how."""


class TableDamaged(UsageError):
    """The file of a table is wrong at a place in it (such as "line 7, column flops_m_32")."""

    def __init__(self, path: Path, place: str, what: str) -> None:
        super().__init__(f"{path}, {place}: {what}" if place else f"{path}: {what}")


class TableMissing(Exception):
    """A table is not on this machine; the text says where it was expected and how to get it."""


class PackageMissing(UsageError):
    """A Python package that a supernet needs is not installed; the text says which one and how to install it."""

    def __init__(self, name: str) -> None:
        install = installing("supernets", "node scripts/setup.cjs supernet", 'pip install "collm-nas[supernets]"')
        super().__init__(f"{name} is not installed: run `{install}`")


class CheckpointMissing(Exception):
    """A checkpoint is not on this machine; the text says what to download, from where, and where it was looked for."""


class CheckpointUnusable(UsageError):
    """A file is not a checkpoint, is cut off, has more than weights, has NaN or infinity, or has other weights."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")


class ArchitectureRejected(UsageError):
    """The weights do not contain this architecture; the text has every reason."""


class ImagesUnusable(UsageError):
    """A folder or archive is not a set of labelled images for these classes, or a file is not a readable image."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.what = what


class DeviceLost(Exception):
    """The device no longer answers, whatever is evaluated on it; the process has to be started again."""


def is_out_of_files(error: BaseException) -> bool:
    """Whether this process or the whole machine has too many open files, so that the file itself is not at fault."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def out_of_files(error: OSError) -> str:
    """What failed because too many files are open, and what to do about it."""
    what = f"cannot open {error.filename}" if error.filename else "cannot continue"
    if error.errno == errno.ENFILE:
        return f"{what}: too many files are open on this machine (ENFILE); close other programs, then start again"
    return f"{what}: too many files are open (EMFILE); raise the limit on open files (ulimit -n 4096), then start again"
