"""The official record of one cell: what it has to hold, and the accuracies in it.

Owns the layout that the published API packages call ArchResults and ResultsCount, and which of their numbers are the
columns of a table. Knows no file and no pickle's grammar.
Source: `nas_201_api` 2.1 and `nats_bench` 1.8, whose `get_more_info(…, is_random=False)` answers the same means.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from collm_nas_evaluator import standard_errors
from collm_nas_evaluator.cell import CELLS
from collm_nas_evaluator.tables.csv_table import ACCURACIES
from collm_nas_evaluator.tables.pickle_stream import Record, shown

_SOURCES: Mapping[str, tuple[str, str]] = {
    "c10_valid": ("cifar10-valid", "x-valid"),
    "c10_test": ("cifar10", "ori-test"),
    "c100_valid": ("cifar100", "x-valid"),
    "c100_test": ("cifar100", "x-test"),
    "in16_valid": ("ImageNet16-120", "x-valid"),
    "in16_test": ("ImageNet16-120", "x-test"),
}
"""The training and the set of images of each column."""
_TRAININGS = (("12", "200"), ("less", "full"))
"""How NATS-Bench and NAS-Bench-201 call the trainings of 12 and of 200 epochs."""
_MOST_SEEDS = 16
"""How often a cell may have been trained on one data set; officially 3 times at most."""
SOMETIMES = tuple(f"{name}_12" for name in _SOURCES if name != "c10_valid")
"""The columns that NAS-Bench-201 v1.0 does not have: it trained for 12 epochs on half of CIFAR-10 only."""


class RecordRefused(Exception):
    """The record is not what it has to be; the text says which one, and at which place in it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the benchmark's number of it, its text, and its accuracies in the order of ACCURACIES.

    Accuracies are percentages, means over seeds, to 4 decimals, and None where the release has none. Their standard
    errors, None where there was one seed, come from the differences between the seeds. `trained` is how often it was
    trained for 200 epochs, on the data set where this was done the fewest times.
    """

    index: int
    arch: str
    accuracies: tuple[float | None, ...]
    standard_errors: tuple[float | None, ...]
    trained: int


def cell_of(record: Record) -> Cell | None:
    """The cell of a mapping that has both trainings; None for every other mapping. Raises RecordRefused."""
    names = next((names for names in _TRAININGS if names[0] in record and names[1] in record), None)
    if names is None:
        return None
    results = {12: record[names[0]], 200: record[names[1]]}
    index = _result(results[200], "a record").get("arch_index")
    if type(index) is not int or not 0 <= index < CELLS:
        raise RecordRefused(f"a record's arch_index is {shown(index)}, no number from 0 to {CELLS - 1}")
    place = f"cell {index}"
    arch = results[200].get("arch_str")
    other = _result(results[12], place)
    if not isinstance(arch, str) or other.get("arch_str") != arch or other.get("arch_index") != index:
        raise RecordRefused(f"{place}: its trainings of 12 and of 200 epochs are two different cells'")
    accuracies, errors = [], []
    for column in ACCURACIES:
        name, _, epochs = column.rpartition("_")
        values = _values(results[int(epochs)], name, int(epochs), place, optional=column in SOMETIMES)
        accuracies.append(round(sum(values) / len(values), 4) if values else None)
        error = standard_errors.of_mean(values)
        errors.append(None if error is None else round(error, 4))
    seeds = results[200]["dataset_seed"]
    return Cell(index, arch, tuple(accuracies), tuple(errors), min(len(seeds[data]) for data, _ in _SOURCES.values()))


def _values(results: Record, name: str, epochs: int, place: str, *, optional: bool) -> list[float]:
    """The accuracy after the last epoch for every seed of one training; none where it is optional and not there."""
    data, images = _SOURCES[name]
    place = f"{place}, {epochs} epochs, {data}"
    seeds = _result(results.get("dataset_seed"), f"{place}, dataset_seed").get(data)
    if seeds is None and optional:
        return []
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise RecordRefused(f"{place}: its list of seeds is missing or holds something else")
    if len(seeds) > _MOST_SEEDS:
        raise RecordRefused(f"{place}: {len(seeds):,} seeds are more than any cell was trained with")
    if len(set(seeds)) != len(seeds):
        raise RecordRefused(f"{place}: a seed is there twice")
    trainings = _result(results.get("all_results"), f"{place}, all_results")
    values = []
    for seed in seeds:
        training = _result(trainings.get((data, seed)), f"{place}, seed {seed}")
        if training.get("epochs") != epochs:
            raise RecordRefused(f"{place}, seed {seed}: it was trained for {shown(training.get('epochs'))} epochs")
        accuracies = _result(training.get("eval_acc1es"), f"{place}, seed {seed}, eval_acc1es")
        value = accuracies.at(f"{images}@{epochs - 1}")
        if type(value) is not float or not math.isfinite(value) or not 0 <= value <= 100:
            raise RecordRefused(f"{place}, seed {seed}, {images}: {shown(value)} is not an accuracy in percent")
        values.append(value)
    return values


def _result(value: object, place: str) -> Record:
    if not isinstance(value, Record):
        raise RecordRefused(f"{place}: the mapping is missing")
    return value
