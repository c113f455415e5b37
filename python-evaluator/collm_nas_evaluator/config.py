"""The configuration file: which spaces to serve, from where.

Owns the keys and their meaning, and is their only reader. Knows no table and no server.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from collm_nas_evaluator import files
from collm_nas_evaluator.class_names import ORDERS, Order
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.tables.accuracy import UNITS, Unit

_LARGEST = 1 << 20
"""Bytes of a configuration."""
SUPERNETS = ("ofa-w1.0", "ofa-w1.2", "ofa-digits", "spos", "autoformer-tiny", "autoformer-small", "autoformer-base")
KEYS = (
    "nasbench201.csv",
    "nasbench201.table",
    "nasbench201.latency_csv",
    "nasbench201.accuracy_unit",
    "analognas",
    *(f"checkpoints.{space_id}" for space_id in SUPERNETS),
    "imagenet.val",
    "imagenet.train",
    "imagenet.search",
    "imagenet.held_out",
    "imagenet.class_order",
    "spos.calibration_images",
    "autoformer.choices",
    "device",
    "precision",
    "cache_dir",
)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where images are: those a winner is tested on, those to calibrate with, and those to search with.

    The search sees `search`, or `held_out` images of `train`, or, when neither is given, the same ones as the test.
    `class_order` numbers the classes where their names have two orders.
    """

    val: Path | None = None
    train: Path | None = None
    search: Path | None = None
    held_out: int = 0
    class_order: Order | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """What to serve: a CSV of the whole benchmark (and its unit) or its packed table, a CSV of latencies, the installed
    analog-nasbench package, and supernets by space id, with the images to score them on and the device that does it.
    """

    cache_dir: Path
    nasbench201_csv: Path | None = None
    nasbench201_table: Path | None = None
    nasbench201_latency_csv: Path | None = None
    nasbench201_accuracy_unit: Unit = "percent"
    analognas: bool = True
    checkpoints: Mapping[str, Path] = field(default_factory=dict)
    images: Folders = Folders()
    spos_calibration_images: int = 25_600
    autoformer_choices: str = "released"
    device: str = "auto"
    precision: str | None = None


def default() -> Configuration:
    """What is served without a configuration file: the installed package's spaces."""
    return Configuration(cache_dir=platformdirs.user_cache_path("collm-nas"))


def read(path: Path) -> Configuration:
    """Reads a YAML file; relative paths in it are relative to its folder.

    Raises UsageError, which names the file, the line and the key, for an unknown key (with the nearest known one), a
    key given twice, a value of the wrong type, and a file that cannot be read.
    """
    try:
        root = yaml.compose(files.contents(path, _LARGEST).decode("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"the configuration {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the configuration {path} is no UTF-8 text (byte {error.start})") from error
    except RecursionError as error:
        raise UsageError(f"the configuration {path} is nested too deeply") from error
    except yaml.YAMLError as error:
        raise UsageError(f"the configuration {path} is no YAML: {' '.join(str(error).split())}") from error
    values: dict[str, Any] = {}
    if root is not None and root.tag != "tag:yaml.org,2002:null":
        values = _Reader(path).mapping(root, "")
    tables = [key for key in ("nasbench201.csv", "nasbench201.table") if key in values]
    if len(tables) == 2:
        raise UsageError(f"{path}: nasbench201.csv and nasbench201.table both name the accuracies; leave one out")
    if "nasbench201.latency_csv" in values and not tables:
        what = "nasbench201.latency_csv needs nasbench201.csv or nasbench201.table beside it, which name the cells"
        raise UsageError(f"{path}: {what}")
    if "nasbench201.accuracy_unit" in values and "nasbench201.csv" not in values:
        raise UsageError(f"{path}: nasbench201.accuracy_unit is the unit of nasbench201.csv, which is not set")
    if "imagenet.search" in values and "imagenet.held_out" in values:
        raise UsageError(f"{path}: imagenet.search and imagenet.held_out both say what to search with; leave one out")
    if "imagenet.held_out" in values and "imagenet.train" not in values:
        raise UsageError(f"{path}: imagenet.held_out needs imagenet.train, the images to hold some out of")
    fields = {name: values[key] for key, name in _FIELDS.items() if key in values}
    return Configuration(
        cache_dir=values.get("cache_dir", default().cache_dir),
        checkpoints={each: values[f"checkpoints.{each}"] for each in SUPERNETS if f"checkpoints.{each}" in values},
        images=Folders(**{key.removeprefix("imagenet."): values[key] for key in values if key.startswith("imagenet.")}),
        **fields,
    )


_FIELDS = {
    "nasbench201.csv": "nasbench201_csv",
    "nasbench201.table": "nasbench201_table",
    "nasbench201.latency_csv": "nasbench201_latency_csv",
    "nasbench201.accuracy_unit": "nasbench201_accuracy_unit",
    "analognas": "analognas",
    "spos.calibration_images": "spos_calibration_images",
    "autoformer.choices": "autoformer_choices",
    "device": "device",
    "precision": "precision",
}
"""The field of the configuration that a key of its own fills."""


class _Reader:
    """Turns the nodes of one file into values by dotted key, strictly."""

    def __init__(self, path: Path) -> None:
        self._path = path
        others: Mapping[str, Callable[[yaml.Node, str], Any]] = {
            "nasbench201.accuracy_unit": self._one_of(*UNITS),
            "analognas": self._flag,
            "imagenet.held_out": self._count,
            "imagenet.class_order": self._one_of(*ORDERS),
            "spos.calibration_images": self._count,
            "autoformer.choices": self._one_of("released", "paper"),
            "precision": self._one_of("fp32", "fp16", "bf16"),
            "device": self._text,
        }
        self._leaves = {key: others.get(key, self._file) for key in KEYS}

    def mapping(self, node: yaml.Node, place: str) -> dict[str, Any]:
        """The values below a mapping node, by dotted key; `place` is the mapping's own key with a dot after it."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{place[:-1] or 'the file'} must be a mapping of keys to values")
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = f"{place}{key_node.value}" if isinstance(key_node, yaml.ScalarNode) else ""
            if "." in key.removeprefix(place) and place != "checkpoints.":  # the ids of supernets have dots
                above, _, below = key.removeprefix(place).partition(".")
                raise self._error(
                    key_node, f'unknown key "{key}"; a key "{below}" stands on a line of its own below "{above}:"'
                )
            if key in seen:
                raise self._error(key_node, f"{key} is given twice")
            seen.add(key)
            if key in self._leaves:
                values[key] = self._leaves[key](value_node, key)
            elif any(known.startswith(f"{key}.") for known in KEYS):
                values |= self.mapping(value_node, f"{key}.")
            else:
                raise self._error(key_node, f'unknown key "{key}"{_nearest(key)}')
        return values

    def _flag(self, node: yaml.Node, key: str) -> bool:
        if node.tag != "tag:yaml.org,2002:bool":
            raise self._error(node, f"{key} must be true or false")
        return yaml.SafeLoader.bool_values[str(node.value).lower()]

    def _count(self, node: yaml.Node, key: str) -> int:
        if node.tag != "tag:yaml.org,2002:int" or not str(node.value).isdecimal() or int(node.value) < 1:
            raise self._error(node, f"{key} must be a whole number, at least 1")
        return int(node.value)

    def _one_of(self, *words: str) -> Callable[[yaml.Node, str], str]:
        def read_word(node: yaml.Node, key: str) -> str:
            if node.value not in words:
                raise self._error(node, f"{key} must be one of {', '.join(words)}")
            return str(node.value)

        return read_word

    def _text(self, node: yaml.Node, key: str) -> str:
        if node.tag != "tag:yaml.org,2002:str" or not node.value:
            raise self._error(node, f"{key} must be a word")
        return str(node.value)

    def _file(self, node: yaml.Node, key: str) -> Path:
        if node.tag != "tag:yaml.org,2002:str" or not node.value or "\0" in node.value:
            raise self._error(node, f"{key} must be a path")
        try:
            return self._path.parent / path_of(str(node.value))
        except ValueError as error:
            raise self._error(node, f"{key} {error}") from error

    def _error(self, node: yaml.Node, what: str) -> UsageError:
        return UsageError(f"{self._path}, line {node.start_mark.line + 1}: {what}")


def path_of(text: str) -> Path:
    """`text` as a path, with `~` and `~/…` read as a shell reads them.

    Raises ValueError, in words that follow the name of the path, for the folder of somebody else.
    """
    if text.startswith("~") and text[1:2] not in ("", "/"):
        raise ValueError(
            f"begins with ~, which stands for your own folder only as ~ or ~/…; write the whole path, or ./{text}"
        )
    # A path loses its leading ./, and would be somebody's folder then.
    return Path(text).expanduser() if text.startswith("~") else Path(text)


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0)
    return f'; the nearest known key is "{near[0]}" (all: {", ".join(KEYS)})' if near else ""
