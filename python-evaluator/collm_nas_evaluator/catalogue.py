"""Lists the spaces that a configuration serves, in the order to show them. Only this module chooses backends.

Owns the ids of the table spaces and which columns each is served from. Knows no file format and no transport.
"""

from collections.abc import Sequence
from pathlib import Path

from collm_nas_evaluator import files
from collm_nas_evaluator.backends.bank import BankBackend
from collm_nas_evaluator.backends.base import Backend, Unavailable
from collm_nas_evaluator.backends.nasbench201 import NasBench201, Numbers
from collm_nas_evaluator.cell import CELLS, Network
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.errors import PackageMissing, TableDamaged, TableMissing, UsageError
from collm_nas_evaluator.tables import analognas, bank_table, csv_table, packed_table
from collm_nas_evaluator.tables.table import Table

_NETWORKS = {"c10": Network(pixels=32, classes=10), "c100": Network(pixels=32, classes=100), "in16": Network(16, 120)}
_DATA_SETS = {"c10": "CIFAR-10", "c100": "CIFAR-100", "in16": "ImageNet16-120"}
_NASBENCH201 = {
    "nasbench201-cifar10": ("c10", 200),
    "nasbench201-cifar100": ("c100", 200),
    "nasbench201-imagenet16-120": ("in16", 200),
    "nasbench201-cifar10-e12": ("c10", 12),
    "nasbench201-cifar100-e12": ("c100", 12),
    "nasbench201-imagenet16-120-e12": ("in16", 12),
}
"""Data set and epochs of training of each search split. The test split is always after 200 epochs."""


def load(configuration: Configuration) -> list[Backend | Unavailable]:
    """Every configured space, read into memory or with the reason why it is not there.

    Raises UsageError when a file that the configuration names is damaged, when a bank has the id of another space, or
    when the configuration names no space at all.
    """
    spaces: list[Backend | Unavailable] = []
    if configuration.own_supernet is not None:
        from collm_nas import supernet  # noqa: PLC0415 - of the front door, which loads PyTorch for it

        spaces.append(supernet.configured(configuration, configuration.own_supernet))
    if configuration.checkpoints:
        spaces += _supernets(configuration)
    spaces += _banks(configuration)
    spaces += _nasbench201(configuration)
    if configuration.analognas:
        spaces += _analognas(configuration.cache_dir)
    if not spaces:
        raise UsageError(
            "the configuration names no space to serve; set checkpoints.<space>, banks.<space>, supernet.class, "
            "nasbench201.csv or nasbench201.table, or keep analognas"
        )
    ids = [each.id if isinstance(each, Unavailable) else each.describe().id for each in spaces]
    twice = [space_id for space_id in configuration.banks if ids.count(space_id) > 1]
    if twice:
        raise UsageError(f"banks.{twice[0]} has the id of another space; measure the bank again with an id of its own")
    return spaces


def _supernets(configuration: Configuration) -> Sequence[Backend | Unavailable]:
    try:
        from collm_nas_evaluator import hosting  # noqa: PLC0415 - PyTorch takes seconds, and tables do without

        return hosting.load(configuration)
    except ModuleNotFoundError as error:
        reason = str(PackageMissing(error.name or "a package"))
    except PackageMissing as error:
        reason = str(error)
    return [Unavailable(space_id, f"a supernet, {space_id}", reason) for space_id in configuration.checkpoints]


def _banks(configuration: Configuration) -> list[Backend | Unavailable]:
    spaces: list[Backend | Unavailable] = []
    for space_id, path in configuration.banks.items():
        try:
            bank = bank_table.read(path)
        except TableMissing as error:
            spaces.append(Unavailable(space_id, f"a bank, {space_id}", str(error)))
            continue
        if bank.space.id != space_id:
            raise TableDamaged(path, "", f"it is the bank {bank.space.id}; write banks.{bank.space.id} in its place")
        other = _other_checkpoint(bank.supernet, configuration)
        spaces.append(Unavailable(space_id, bank.space.title, f"{path} {other}") if other else BankBackend(bank))
    return spaces


def _other_checkpoint(measured: bank_table.Supernet, configuration: Configuration) -> str:
    """What is wrong when the configuration names another checkpoint than the one that was measured; or nothing."""
    named = configuration.checkpoints.get(measured.space)
    try:
        found = "" if named is None else files.sha256(named)
    except OSError:  # the supernet itself says so
        return ""
    if found in ("", measured.checkpoint):
        return ""
    return (
        f"was measured on another checkpoint (SHA-256 {measured.checkpoint[:12]}…) than checkpoints.{measured.space} "
        f"names ({found[:12]}…); take the checkpoint of the bank, or measure again with {bank_table.COMMAND}"
    )


def _nasbench201(configuration: Configuration) -> list[Backend | Unavailable]:
    try:
        table = _accuracies(configuration)
    except TableMissing as error:
        return [Unavailable(space_id, _nasbench201_title(space_id), str(error)) for space_id in _NASBENCH201]
    if table is None:
        return []
    try:
        latencies = _latencies(configuration)
    except TableMissing as error:
        latencies = error
    spaces: list[Backend | Unavailable] = []
    for space_id, (data, epochs) in _NASBENCH201.items():
        measured = latencies if data == "c10" else None  # latencies are known for this data set only
        absent = [name for name in _columns(data, epochs).values() if name not in table.columns]
        if absent:
            reason = f"{table.provenance} has no {' and no '.join(absent)}; a later release has"
            spaces.append(Unavailable(space_id, _nasbench201_title(space_id), reason))
        elif isinstance(measured, TableMissing):
            spaces.append(Unavailable(space_id, _nasbench201_title(space_id), str(measured)))
        else:
            spaces.append(_nasbench201_space(space_id, data, epochs, table, measured))
    return spaces


def _accuracies(configuration: Configuration) -> Table | None:
    """The accuracies from the packed table or the CSV, whichever is configured."""
    if configuration.nasbench201_table is not None:
        return packed_table.read(configuration.nasbench201_table)
    if configuration.nasbench201_csv is not None:
        return csv_table.read(
            configuration.nasbench201_csv, configuration.cache_dir, configuration.nasbench201_accuracy_unit
        )
    return None


def _columns(data: str, epochs: int) -> dict[str, str]:
    """The column of each split."""
    return {"search": f"{data}_valid_{epochs}", "test": f"{data}_test_200"}


def _latencies(configuration: Configuration) -> Table | TableMissing | None:
    path = configuration.nasbench201_latency_csv
    return None if path is None else csv_table.read_latencies(path, configuration.cache_dir)


def _nasbench201_space(space_id: str, data: str, epochs: int, table: Table, latencies: Table | None) -> NasBench201:
    order = table.columns["index"].astype(int)
    columns = _columns(data, epochs)
    numbers = Numbers(
        network=_NETWORKS[data],
        accuracies={split: table.columns[name] for split, name in columns.items()},
        standard_errors={
            split: table.standard_errors[name] for split, name in columns.items() if name in table.standard_errors
        },
        latencies={} if latencies is None else {name: column[order] for name, column in latencies.columns.items()},
        provenance=table.provenance if latencies is None else f"{table.provenance}; {latencies.provenance}",
    )
    meanings = {
        "search": f"Images held out from a training of {epochs} epochs, to search with.",
        "test": "Other images, held out from a training of 200 epochs, for the winner.",
    }
    return NasBench201(space_id, _nasbench201_title(space_id), numbers, meanings)


def _nasbench201_title(space_id: str) -> str:
    data, epochs = _NASBENCH201[space_id]
    return f"{_DATA_SETS[data]} accuracy of {CELLS:,} cells: validation after {epochs} epochs, test after 200"


def _analognas(cache_dir: Path) -> list[Backend | Unavailable]:
    columns = {f"analognas-{name.removesuffix('_accuracy')}": name for name in analognas.COLUMNS}
    try:
        table = analognas.read(cache_dir)
    except (TableMissing, TableDamaged) as error:
        return [Unavailable(space_id, _analognas_title(name), str(error)) for space_id, name in columns.items()]
    return [
        NasBench201(
            space_id,
            _analognas_title(name),
            Numbers(_NETWORKS["c10"], {"search": table.columns[name]}, f"{table.provenance}, {name}"),
            {"search": "Images held out from training."},
        )
        for space_id, name in columns.items()
    ]


def _analognas_title(column: str) -> str:
    return f"CIFAR-10 accuracy of {CELLS:,} cells: {column} of {analognas.PACKAGE}, one split"
