"""The configuration file: which spaces to serve, and the files they are made of.

Owns the keys that belong to no family, what each means, and the reading of the file. The keys of supernets come from
the registry of families. Knows no table and no server.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import yaml

from collm_nas_evaluator import families, files, keys
from collm_nas_evaluator.class_names import ORDERS, Order
from collm_nas_evaluator.errors import PackageMissing, UsageError
from collm_nas_evaluator.keys import Key
from collm_nas_evaluator.tables.accuracy import UNITS, Unit

_LARGEST = 1 << 20
"""The most bytes that a configuration may have."""
CHECKPOINTS = "checkpoints."
"""How the key of a supernet's file begins; the id of the space follows."""
BANKS = "banks."
"""How the key of a bank's file begins; the id of the space, which may be any, follows."""

CSV: Key[Path | None] = Key(
    "nasbench201.csv",
    keys.PATH,
    None,
    "The accuracies of all NAS-Bench-201 cells as one CSV file. Set this or `nasbench201.table`, not both.",
)
TABLE: Key[Path | None] = Key(
    "nasbench201.table",
    keys.PATH,
    None,
    "The same accuracies as a packed table. `collm-nas-evaluator import-nasbench201` makes it of an official release.",
)
LATENCY_CSV: Key[Path | None] = Key(
    "nasbench201.latency_csv",
    keys.PATH,
    None,
    "The latencies of all cells on several devices. They become costs of the two CIFAR-10 spaces.",
)
ACCURACY_UNIT: Key[Unit] = Key(
    "nasbench201.accuracy_unit", keys.one_of(*UNITS), "percent", "The unit of the accuracies in `nasbench201.csv`."
)
BANK: Key[Path | None] = Key(
    f"{BANKS}<space>",
    keys.PATH,
    None,
    "A table of a small space in which everything was measured, by the id of that space. "
    "`collm-nas-evaluator measure-bank` makes one.",
)
ANALOGNAS = Key("analognas", keys.FLAG, True, "Whether the spaces of the installed package analog-nasbench are served.")
VAL: Key[Path | None] = Key(
    "imagenet.val",
    keys.PATH,
    None,
    "The validation images: one folder for each class, the official flat folder or the official archive.",
    "none; every supernet needs it",
)
TRAIN: Key[Path | None] = Key(
    "imagenet.train",
    keys.PATH,
    None,
    "The training images, which set the batch-norm statistics of a candidate.",
    "none; supernets with batch norm need it",
)
SEARCH: Key[Path | None] = Key(
    "imagenet.search",
    keys.PATH,
    None,
    "Images that the search uses; the test keeps the validation images to itself.",
    "the images of `imagenet.val`",
)
HELD_OUT = Key(
    "imagenet.held_out",
    keys.COUNT,
    0,
    "How many training images to set aside for the search, the same number of each class. Set this or "
    "`imagenet.search`, not both.",
    "none",
)
CLASS_ORDER: Key[Order | None] = Key(
    "imagenet.class_order",
    keys.one_of(*ORDERS),
    None,
    "How class folders are numbered when their names have two orders: 2 before 10, or 10 before 2.",
    "by number when the names are just 0 to N-1 or 1 to N; otherwise the two orders have to agree",
)
OWN: Key[str | None] = Key(
    "supernet.class",
    keys.WORD,
    None,
    "A supernet of your own as MODULE:NAME; modules are looked for in the folder of this file.",
    "none",
)
OWN_VAL: Key[Path | None] = Key(
    "supernet.val", keys.PATH, None, "The images that score its subnets, one folder for each class.", "its own `val`"
)
OWN_CALIBRATE: Key[Path | None] = Key(
    "supernet.calibrate",
    keys.PATH,
    None,
    "The images that set its batch-norm statistics.",
    "its own `calibrate`",
)
OWN_TEST: Key[Path | None] = Key("supernet.test", keys.PATH, None, "The images that test its winner.", "its own `test`")
OWN_IMAGES = Key(
    "supernet.calibration_images", keys.COUNT, 2000, "How many images set the batch-norm statistics of a subnet."
)
DEVICE = Key("device", keys.WORD, "auto", "Where supernets run: `cpu`, `cuda`, `cuda:1`, or `auto`.")
THREADS: Key[int | None] = Key(
    "threads",
    keys.COUNT,
    None,
    "How many threads compute a network on a CPU, and decode images. Small networks may be as fast with 1.",
    "as many as there are processors that this process may use, or what `OMP_NUM_THREADS` says",
)
PRECISION: Key[str | None] = Key(
    "precision",
    keys.one_of("fp32", "fp16", "bf16"),
    None,
    "The precision of supernets. Only a GPU has another one than fp32.",
    "fp32; on a GPU the one of the family",
)
CACHE_DIR: Key[Path | None] = Key(
    "cache_dir",
    keys.PATH,
    None,
    "Where prepared images, parsed tables and finished evaluations are kept.",
    "the user's cache folder for collm-nas",
)
BASE: tuple[Key[Any], ...] = (
    *(CSV, TABLE, LATENCY_CSV, ACCURACY_UNIT),
    BANK,
    *(VAL, TRAIN, SEARCH, HELD_OUT, CLASS_ORDER),
    *(OWN, OWN_VAL, OWN_CALIBRATE, OWN_TEST, OWN_IMAGES),
    *(ANALOGNAS, DEVICE, THREADS, PRECISION, CACHE_DIR),
)
"""The keys that belong to no family."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the images are that test a winner (`val`), calibrate networks (`train`) and drive a search (`search`).

    The search uses `search`, or `held_out` images of `train`, or, when neither is given, the same images as the test.
    `class_order` numbers the classes when their names have two orders.
    """

    val: Path | None = None
    train: Path | None = None
    search: Path | None = None
    held_out: int = 0
    class_order: Order | None = None


@dataclass(frozen=True, slots=True)
class OwnSupernet:
    """A supernet of a user, MODULE:NAME, with modules from `folder`; and its images where it does not name them."""

    spec: str
    folder: Path
    val: Path | None = None
    calibrate: Path | None = None
    test: Path | None = None
    calibration_images: int = 2000
    momentum: float | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """What to serve: a CSV file of the whole benchmark (and its unit) or its packed table, a CSV file of latencies, the
    installed package analog-nasbench, banks by space id, and supernets by space id, with the images and the device
    that score them.

    `family_values` has the values of families' own keys by dotted name.
    """

    cache_dir: Path
    nasbench201_csv: Path | None = None
    nasbench201_table: Path | None = None
    nasbench201_latency_csv: Path | None = None
    nasbench201_accuracy_unit: Unit = "percent"
    analognas: bool = True
    banks: Mapping[str, Path] = field(default_factory=dict)
    checkpoints: Mapping[str, Path] = field(default_factory=dict)
    images: Folders = Folders()
    family_values: Mapping[str, object] = field(default_factory=dict)
    own_supernet: OwnSupernet | None = None
    device: str = "auto"
    threads: int | None = None
    precision: str | None = None


def default() -> Configuration:
    """What is served without a configuration file: the spaces of the installed package."""
    return Configuration(cache_dir=platformdirs.user_cache_path("collm-nas"))


def every_key() -> dict[str, Key[Any]]:
    """All keys by name, those of the families too. Raises PackageMissing."""
    files_of = [
        Key(f"{CHECKPOINTS}{space_id}", keys.PATH, None, f"{spec.title}. If the file is missing: {spec.where_from}.")
        for space_id, spec in families.members().items()
    ]
    own = [key for family in families.every() for key in family.KEYS]
    return {key.name: key for key in (*BASE, *files_of, *own)}


def read(path: Path) -> Configuration:
    """Reads a YAML file; relative paths in it are relative to its folder.

    Raises UsageError, which names the file, the line and the key, for an unknown key (with the nearest known key), a
    key given twice, a value of the wrong type, and a file that cannot be read.
    """
    try:
        root = yaml.compose(files.contents(path, _LARGEST).decode("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"the configuration {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the configuration {path} is not UTF-8 text (byte {error.start})") from error
    except RecursionError as error:
        raise UsageError(f"the configuration {path} is nested too deeply") from error
    except yaml.YAMLError as error:
        raise UsageError(f"the configuration {path} is not YAML: {' '.join(str(error).split())}") from error
    values: dict[str, Any] = {}
    if root is not None and root.tag != "tag:yaml.org,2002:null":
        values = _Reader(path).mapping(root, "")
    _check_together(path, values)
    of_no_family = {key.name for key in BASE}
    return Configuration(
        cache_dir=CACHE_DIR.of(values) or default().cache_dir,
        nasbench201_csv=CSV.of(values),
        nasbench201_table=TABLE.of(values),
        nasbench201_latency_csv=LATENCY_CSV.of(values),
        nasbench201_accuracy_unit=ACCURACY_UNIT.of(values),
        analognas=ANALOGNAS.of(values),
        banks=_below(BANKS, values),
        checkpoints=_below(CHECKPOINTS, values),
        images=Folders(
            VAL.of(values), TRAIN.of(values), SEARCH.of(values), HELD_OUT.of(values), CLASS_ORDER.of(values)
        ),
        family_values={
            name: value
            for name, value in values.items()
            if name not in of_no_family and not name.startswith((CHECKPOINTS, BANKS))
        },
        own_supernet=_own_supernet(path, values),
        device=DEVICE.of(values),
        threads=THREADS.of(values),
        precision=PRECISION.of(values),
    )


def _below(start: str, values: Mapping[str, Any]) -> dict[str, Path]:
    """The files by space id whose keys begin with `start`."""
    return {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}


def _own_supernet(path: Path, values: Mapping[str, Any]) -> OwnSupernet | None:
    spec = OWN.of(values)
    if spec is None:
        return None
    val, calibrate, test = (key.of(values) for key in (OWN_VAL, OWN_CALIBRATE, OWN_TEST))
    return OwnSupernet(spec, path.absolute().parent, val, calibrate, test, OWN_IMAGES.of(values))


def _check_together(path: Path, values: Mapping[str, object]) -> None:
    """Raises UsageError for keys that exclude each other and for keys that need another one."""
    for one, other, what in (
        (CSV, TABLE, "both name the accuracies"),
        (SEARCH, HELD_OUT, "both say which images the search uses"),
    ):
        if one.name in values and other.name in values:
            raise UsageError(f"{path}: {one.name} and {other.name} {what}; leave one out")
    if LATENCY_CSV.name in values and not {CSV.name, TABLE.name} & values.keys():
        what = f"{LATENCY_CSV.name} needs {CSV.name} or {TABLE.name} beside it, which name the cells"
        raise UsageError(f"{path}: {what}")
    for key in (OWN_VAL, OWN_CALIBRATE, OWN_TEST, OWN_IMAGES):
        if key.name in values and OWN.name not in values:
            raise UsageError(f"{path}: {key.name} needs {OWN.name} beside it, which names the supernet")
    if ACCURACY_UNIT.name in values and CSV.name not in values:
        raise UsageError(f"{path}: {ACCURACY_UNIT.name} is the unit of {CSV.name}, which is not set")
    if HELD_OUT.name in values and TRAIN.name not in values:
        raise UsageError(f"{path}: {HELD_OUT.name} needs {TRAIN.name}, the images to set some aside from")


class _Reader:
    """Turns the nodes of one file into values by dotted key, strictly.

    The families are loaded only when the file has a key that is not one of BASE. Where PyTorch is not installed, every
    id below `checkpoints` and every key of a family is accepted: the spaces are then unavailable, with the reason.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: Mapping[str, Key[Any]] = {key.name: key for key in BASE}
        self._unchecked: set[str] = set()
        self._has_families = False

    def mapping(self, node: yaml.Node, place: str) -> dict[str, Any]:
        """The values below a mapping node, by dotted key; `place` is the mapping's own key with a dot after it."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, f"{place[:-1] or 'the file'} must be a mapping of keys to values")
        values: dict[str, Any] = {}
        seen: set[str] = set()
        for key_node, value_node in node.value:
            name = f"{place}{key_node.value}" if isinstance(key_node, yaml.ScalarNode) else ""
            if "." in name.removeprefix(place) and place not in (CHECKPOINTS, BANKS):  # ids have dots
                above, _, below = name.removeprefix(place).partition(".")
                raise self._error(
                    key_node, f'unknown key "{name}"; write the key "{below}" on a line of its own below "{above}:"'
                )
            if name in seen:
                raise self._error(key_node, f"{name} is given twice")
            seen.add(name)
            if place == BANKS:
                values[name] = self._value(dataclasses.replace(BANK, name=name), value_node)
                continue
            if name not in self._keys and not self._is_section(name):
                self._load_families()
            if name in self._keys:
                values[name] = self._value(self._keys[name], value_node)
            elif self._is_section(name):
                values |= self.mapping(value_node, f"{name}.")
            elif place == CHECKPOINTS and self._unchecked:
                values[name] = self._value(Key(name, keys.PATH, None, ""), value_node)
            elif place[:-1] not in self._unchecked:
                raise self._error(key_node, f'unknown key "{name}"{_nearest(name, self._keys)}')
        return values

    def _is_section(self, name: str) -> bool:
        return name in self._unchecked or any(known.startswith(f"{name}.") for known in self._keys)

    def _load_families(self) -> None:
        if self._has_families:
            return
        self._has_families = True
        try:
            self._keys = every_key()
        except PackageMissing:
            self._unchecked = {CHECKPOINTS[:-1], *families.names()}

    def _value(self, key: Key[Any], node: yaml.Node) -> Any:
        try:
            return key.read(node, self._path.parent)
        except ValueError as error:
            raise self._error(node, f"{key.name} {error}") from error

    def _error(self, node: yaml.Node, what: str) -> UsageError:
        return UsageError(f"{self._path}, line {node.start_mark.line + 1}: {what}")


def _nearest(name: str, known: Mapping[str, Key[Any]]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f'; the nearest known key is "{near[0]}" (all: {", ".join(known)})' if near else ""
