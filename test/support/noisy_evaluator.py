"""The real server of the Python evaluator with one space of 64 architectures, each scored on 400 images: every score has a
standard error, and most architectures differ by less.

Prints where it listens, and serves until it is killed. Takes no arguments; those that are given are not read.
"""

import json
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "python-evaluator"))

from collm_nas_evaluator import server
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import ArchitectureCost, Measurement, Outcome
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.space import Architecture, Cost, Metric, Space, Split

IMAGES = 400


class Noisy:
    """Three layers of 1 to 4 units. A unit more is worth three of the 400 images."""

    _space = Space(
        (Dimension("units", ("1", "2", "3", "4"), (Group("", 3),), numeric=True),),
        id="noisy",
        title="Three layers, 400 images",
        metrics=(
            Metric("accuracy", "percent", "Correct answers."),
            Metric("images", "images", "How many were scored."),
        ),
        costs=(Cost("units", "", "Of all layers."),),
        splits=(Split("search", "400 images.", "one"), Split("test", "400 others.", "two")),
        max_batch=20,
    )

    def describe(self) -> Space:
        return self._space

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        return ArchitectureCost({"units": sum(_units(architecture))})

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome]:
        for index, architecture in enumerate(architectures):
            first, second, third = _units(architecture)
            hits = 300 + 3 * (first + second + third) + (first * 5 + second * 3 + third) % 4 - 5 * (split == "test")
            share = hits / IMAGES
            error = 100 * math.sqrt(share * (1 - share) / IMAGES)
            metrics = {"accuracy": 100 * share, "images": float(IMAGES)}
            yield Outcome(index, Measurement(metrics, 0.0, {"accuracy": error}))


def _units(architecture: Architecture) -> list[int]:
    return [int(choice) for choice in json.loads(architecture.text)["units"]]


running = server.start([Noisy()], Address("127.0.0.1", 0))
print(json.dumps({"listening": running.address}), flush=True)
threading.Event().wait()
