"""The registry of supernet families: every module in this folder is one.

Owns how families are found and which names each exports. A new family is a new file here and nothing else. Knows no
family by name, and loads them only when asked, because each loads PyTorch.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from collm_nas_evaluator.errors import PackageMissing
from collm_nas_evaluator.keys import Key

if TYPE_CHECKING:
    from pathlib import Path

    from collm_nas_evaluator.backends.supernet import CheckpointSpec, Supernet
    from collm_nas_evaluator.config import Configuration
    from collm_nas_evaluator.dimension import Dimension


class Family(Protocol):
    """What the module of a family exports."""

    TITLE: str
    """The name of the family for people."""

    MARK: str
    """How the name of some tensor begins in every file of the family, and in no file of another family."""

    CUDA_PRECISION: str
    """The precision that its networks have on a GPU when the configuration names none."""

    MEMBERS: Mapping[str, "CheckpointSpec"]
    """The published supernets by space id; `checkpoints.<space id>` of evaluator.yaml names the file of each."""

    KEYS: tuple[Key[Any], ...]
    """The family's own keys of evaluator.yaml; each begins with the name of the module and a dot."""

    def open(self, member: str, path: "Path", device: Any, configuration: "Configuration") -> "Supernet":
        """Reads the file of a member onto a device of PyTorch. Raises CheckpointMissing and CheckpointUnusable."""
        ...

    def dimensions(self, member: str, configuration: "Configuration") -> "tuple[Dimension, ...]":
        """What a search of this member can choose."""
        ...


def names() -> list[str]:
    """The names of the families in alphabetical order. Loads none of them."""
    return sorted(each.name for each in pkgutil.iter_modules(__path__))


@cache
def named(name: str) -> Family:
    """A family by its name. Raises PackageMissing when PyTorch, or another package that it needs, is not installed."""
    try:
        return cast(Family, importlib.import_module(f"{__name__}.{name}"))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == __name__.partition(".")[0]:
            raise
        raise PackageMissing(error.name) from error


def every() -> list[Family]:
    """All families. Raises PackageMissing."""
    return [named(name) for name in names()]


def of_member(space_id: str) -> Family:
    """The family of a published supernet. Raises KeyError for another id, and PackageMissing."""
    for family in every():
        if space_id in family.MEMBERS:
            return family
    raise KeyError(space_id)


def members() -> dict[str, "CheckpointSpec"]:
    """The published supernets of all families by space id. Raises PackageMissing."""
    return {space_id: spec for family in every() for space_id, spec in family.MEMBERS.items()}
