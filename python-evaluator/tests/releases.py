"""Made-up releases of the benchmark in every official container, with as little in a record as is read of it."""

import bz2
import pickle
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import torch

from collm_nas_evaluator.cell import CELLS, OPERATIONS, TEMPLATE

ARCHS = [TEMPLATE.format(op=[OPERATIONS[choice] for choice in choices]) for choices in product(range(5), repeat=6)]
SETS = {
    "c10_valid": ("cifar10-valid", "x-valid"),
    "c10_test": ("cifar10", "ori-test"),
    "c100_valid": ("cifar100", "x-valid"),
    "c100_test": ("cifar100", "x-test"),
    "in16_valid": ("ImageNet16-120", "x-valid"),
    "in16_test": ("ImageNet16-120", "x-test"),
}

Cell = dict[int, Any]
"""A record by epochs of training: 12 and 200."""


def cell(index: int, arch: str, accuracy: Callable[[str, int], float], seeds: Iterable[int] = (777,)) -> Cell:
    """A record whose accuracies are `accuracy(column, seed)`, such as of "c10_valid_200"."""
    record = {}
    for epochs in (12, 200):
        trainings: dict[tuple[str, int], Any] = {}
        for name, (data, images) in SETS.items():
            for seed in seeds:
                training = trainings.setdefault((data, seed), {"epochs": epochs, "eval_acc1es": {}})
                training["eval_acc1es"][f"{images}@{epochs - 1}"] = accuracy(f"{name}_{epochs}", seed)
        record[epochs] = {
            "arch_index": index,
            "arch_str": arch,
            "all_results": trainings,
            "dataset_seed": {data: list(seeds) for data, _ in SETS.values()},
            "clear_net_done": True,
        }
    return record


def whole(
    cells: Mapping[int, Cell], names: tuple[str, str] = ("less", "full"), archs: object = ARCHS
) -> dict[str, Any]:
    """What the single-file releases hold; `names` are those of the trainings of 12 and of 200 epochs."""
    infos = {index: {names[1]: record[200], names[0]: record[12]} for index, record in cells.items()}
    return {"meta_archs": archs, "arch2infos": infos, "evaluated_indexes": sorted(cells)}


def write_pth(path: Path, content: object, *, archive: bool = False) -> Path:
    """A file of torch.save, as it was in 2020 or as the archive that it is now."""
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    return path


def write_pbz2(path: Path, content: object, level: int = 1) -> Path:
    """A packed pickle as NATS-Bench writes them."""
    path.write_bytes(bz2.compress(pickle.dumps(content, protocol=4), level))
    return path


@cache
def _usual_meta() -> bytes:
    return _meta(ARCHS)


def _meta(archs: object) -> bytes:
    meta = {"meta_archs": archs, "total_archs": CELLS, "arch2infos": None, "evaluated_indexes": set()}
    return bz2.compress(pickle.dumps(meta, protocol=4), 1)


def write_folder(folder: Path, cells: Mapping[int, Cell], archs: object = ARCHS) -> Path:
    """The folder of NATS-Bench, a file a cell."""
    folder.mkdir()
    (folder / "meta.pickle.pbz2").write_bytes(_usual_meta() if archs is ARCHS else _meta(archs))
    for index, record in cells.items():
        write_pbz2(folder / f"{index:06d}.pickle.pbz2", {"12": record[12], "200": record[200]})
    return folder
