"""Serves the NAS-Bench-201 space from a table of all its cells.

Owns what a search learns about the space. Knows no file format: it is given columns of numbers.
"""

import hashlib
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator.backends.base import ArchitectureCost, Measurement, Outcome, Progress
from collm_nas_evaluator.cell import EDGES, OPERATIONS, TEMPLATE, Network, function_of, number_of
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.space import Architecture, Cost, Metric, Space, Split

_SUMMARY = (
    "An architecture is one cell: a directed acyclic graph of 4 nodes with one operation on each of its 6 edges. "
    "Node 0 is the cell's input and node 3 its output. The same cell is stacked many times, in three stages of "
    "growing width, to make an image classifier."
)

_MEANING = (
    "The operation on each edge of the cell. Every pair of nodes i < j has one edge from i to j, which applies its "
    "operation to the feature map of node i; node j is the sum of what its incoming edges deliver. So node 1 has one "
    "incoming edge, node 2 has two, and node 3, the output, has three: straight from the input, from node 1 and from "
    "node 2. Choices: none delivers nothing, as if the edge were absent (a node with only such edges is empty, and "
    "what starts there delivers nothing either; if nothing reaches node 3 the network cannot learn); skip_connect "
    "passes the feature map on unchanged; nor_conv_1x1 is ReLU, 1x1 convolution and batch normalisation, mixing the "
    "channels at each pixel; nor_conv_3x3 is the same with a 3x3 convolution, mixing neighbouring pixels too; "
    "avg_pool_3x3 averages over 3x3 pixels. Every operation keeps the size and the width of the feature map, so any "
    "combination is allowed. Cost: an edge with nor_conv_3x3 is by far the most expensive, about nine times one with "
    "nor_conv_1x1; avg_pool_3x3, skip_connect and none add no multiply-adds and no parameters. Only how many edges "
    "hold which convolution matters for these, not which edges, and a convolution that leads nowhere is counted "
    "all the same."
)

_DIMENSION = Dimension(
    name="op",
    meaning=_MEANING,
    choices=OPERATIONS,
    groups=tuple(Group(f"node {node}", node) for node in (1, 2, 3)),
    slot_names=tuple(f"into node {into} from node {source}" for into, source in EDGES),
)
_ACCURACY = Metric("accuracy", "percent", "Share of images that the trained network classifies correctly.")
_FLOPS = Cost("flops_m", "million multiply-adds", "Multiply-adds of the whole network for one image.")
_PARAMS = Cost("params_m", "million parameters", "Trainable parameters of the whole network.")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a space is served from: for each split and each device the value of every cell, shape [15625].

    `accuracies` are percentages by split, `latencies` milliseconds by device name. `standard_errors` are of the
    accuracies of a split, NaN for a cell where they are not known.
    """

    network: Network
    accuracies: Mapping[str, NDArray[np.float64]]
    provenance: str
    latencies: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    standard_errors: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def hash(self) -> str:
        """Identifies all the numbers (SHA-256, hexadecimal)."""
        content = hashlib.sha256(repr(self.network).encode())
        for name, column in [*self.accuracies.items(), *self.latencies.items()]:
            content.update(name.encode() + column.astype("<f8").tobytes())
        for name, column in self.standard_errors.items():
            content.update(f"standard error {name}".encode() + column.astype("<f8").tobytes())
        return content.hexdigest()


class NasBench201:
    """A Backend over one table. `split_meanings` says which data each split of the numbers is."""

    def __init__(self, space_id: str, title: str, numbers: Numbers, split_meanings: Mapping[str, str]) -> None:
        self._network = numbers.network
        self._accuracies, self._standard_errors = numbers.accuracies, numbers.standard_errors
        self._latencies = {_latency(device): column for device, column in numbers.latencies.items()}
        self._space = Space(
            id=space_id,
            title=title,
            summary=_SUMMARY,
            dimensions=(_DIMENSION,),
            template=TEMPLATE,
            metrics=(_ACCURACY,),
            costs=(
                _FLOPS,
                _PARAMS,
                *(
                    Cost(_latency(device), "milliseconds", f"Time of one forward pass on the device {device}.")
                    for device in numbers.latencies
                ),
            ),
            splits=tuple(Split(split, split_meanings[split]) for split in self._accuracies),
            parallelism=64,
            max_batch=20_000,
            provenance=numbers.provenance,
            data_hash=numbers.hash(),
        )

    def describe(self) -> Space:
        return self._space

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        cell = _cell(architecture)
        costs = {"flops_m": self._network.flops_m(cell), "params_m": self._network.params_m(cell)}
        number = number_of(cell)
        costs.update((name, float(column[number])) for name, column in self._latencies.items())
        return ArchitectureCost(costs, function_of(cell))

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        accuracies, errors = self._accuracies[split], self._standard_errors.get(split)
        for index, architecture in enumerate(architectures):
            if stop.is_set():
                return
            number = number_of(_cell(architecture))
            error = math.nan if errors is None else float(errors[number])
            known = {} if math.isnan(error) else {"accuracy": error}
            yield Outcome(index, Measurement({"accuracy": float(accuracies[number])}, 0.0, known))


def _latency(device: str) -> str:
    return f"latency_ms_{device}"


def _cell(architecture: Architecture) -> list[int]:
    return [choice for choice in architecture.choices[0] if choice is not None]
