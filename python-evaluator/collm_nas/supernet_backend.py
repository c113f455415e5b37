"""Serves a supernet of a user: each subnet is extracted, calibrated and scored, and its costs are counted.

What is wrong with the supernet as a whole is refused when the backend is made. A subnet that fails is the failure of
that one architecture.
"""

import hashlib
import inspect
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from collm_nas import labelled, subnets
from collm_nas.answers import Unusable, Wanted, in_short, read
from collm_nas.errors import UsageError
from collm_nas.function import Cost, FunctionBackend, Metric, Objective, objective_of
from collm_nas.labelled import Data
from collm_nas.space import Architecture
from collm_nas.subnets import Defect, Weights
from collm_nas.supernet import InTheServer, Options, Supernet
from collm_nas_evaluator import batchnorm, processors, scoring
from collm_nas_evaluator import space as described
from collm_nas_evaluator.backends.base import ArchitectureCost, FailureKind
from collm_nas_evaluator.backends.network import NetworkBackend, Scores, Step, Unfit, scores_of
from collm_nas_evaluator.scoring import Device, Hits, Inputs, NotFinite, Stopped
from collm_nas_evaluator.store import Store

EXAMPLES = 8
"""How many inputs the passes before a search have."""
_PROBED = 2
_MOST_COSTS = 100_000
_COUNTED = {
    "flops_m": ("million multiply-adds", "Multiply-adds of convolutions, linear layers and attention for one input."),
    "params_m": ("million parameters", "Parameters that the network uses."),
}


class OwnSupernetBackend(NetworkBackend):
    """A Backend over one supernet of a user. `say` gets what belongs in a log.

    `on_broken` gets the error after which no evaluation can be right.

    Raises UsageError when the data, the options or the supernet cannot be used, with one line about it.
    """

    def __init__(
        self,
        supernet: Supernet,
        options: Options,
        *,
        on_broken: Callable[[UsageError], None] = lambda _: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._supernet, self._front = supernet, supernet.space
        self._on_broken, self._say = on_broken, say
        self._metric, self._momentum = options.metric, options.momentum
        self.weights = Weights(self._on(supernet, options.device))
        place = next(iter(self.weights.tensors.values())).device
        self._cache = Path(options.cache_dir or platformdirs.user_cache_path("collm-nas"))
        super().__init__(Device(str(place), options.precision, _threads(options)), self._opened(options.store))
        self.data = self._read(supernet, options)
        self.example = self._example(supernet)
        self._building = threading.RLock()
        self._counted: dict[str, dict[str, float]] = {}
        self.batches: list[Tensor] | None = None
        calibration = self._calibration(supernet, options)
        probes = self._probed(is_calibration_missing=options.calibrate is None)
        self._shares_modules = len(probes) < _PROBED or subnets.shares_modules(*probes)
        self.classes = None if self._metric else self._require_classes(probes[0])
        objective = self._objective(options)
        self._wanted = Wanted(objective.metrics[0].name, tuple(each.name for each in objective.metrics[1:]))
        costs = {
            name: Cost(self._counting(name), unit, meaning)
            for name, (unit, meaning) in _COUNTED.items()
            if name not in (options.costs or {})
        }
        self._functions = FunctionBackend(
            self._front,
            objective,
            {**costs, **(options.costs or {})},
            InTheServer(),
            splits=tuple(self.data),
            on_broken_cost=on_broken,
            say=say,
        )
        self._described = replace(
            self._functions.describe(),
            splits=tuple(replace(each, data=self.data[each.name].hash) for each in self._functions.describe().splits),
            max_batch=20_000,
            provenance=f"{type(supernet).__qualname__}, weights SHA-256 {self.weights.hash}; {calibration[0]}; "
            f"{self._device}",
            data_hash=self._identity(options, calibration[1], probes),
        )

    def describe(self) -> described.Space:
        return self._described

    def cost(self, architecture: described.Architecture) -> ArchitectureCost:
        return self._functions.cost(architecture)

    def sample(self, count: int, seed: int = 0) -> list[described.Architecture]:
        """Different random architectures, at most `count`; the same every time."""
        return self._front.described.different(count, random.Random(seed))  # noqa: S311 - no secret

    def groups(self, split: str) -> NDArray[np.int64] | None:
        return self.data[split].groups

    def network(self, architecture: described.Architecture) -> nn.Module:
        """The subnet of an architecture in evaluation mode, not calibrated. Raises Unfit."""
        with self._building:
            return subnets.built(self._supernet.subnet, self._front.architecture(architecture), self._device.torch)

    def counted(self, architecture: described.Architecture) -> dict[str, float]:
        """The costs by counting. Raises Unfit."""
        if architecture.text not in self._counted:
            count = partial(self._count, architecture)
            found = self._device.turns.call(count) if self._shares_modules else count()
            if len(self._counted) >= _MOST_COSTS:
                self._counted.clear()
            self._counted[architecture.text] = found
        return self._counted[architecture.text]

    def _count(self, architecture: described.Architecture) -> dict[str, float]:
        with self._building:
            network = self.network(architecture)
            try:
                return subnets.count(network, self.example[:1])
            except Exception as error:
                raise Unfit(f"the network of subnet failed: {in_short(error)}") from error

    def scores(
        self, network: nn.Module, split: str, stop: threading.Event, *, is_calibrated: bool = True
    ) -> Iterator[Step | Scores]:
        """Scores a subnet, and leaves its modules as they were. Raises Unfit, NotFinite, OutOfMemory and Stopped."""
        data = self.data[split]
        batches = self.batches if is_calibrated and batchnorm.norms_of(network) else None
        calibrated = sum(map(len, batches or ()))
        whole = calibrated + (len(data.inputs) if data.inputs is not None else calibrated or 1)
        yield 0.0, "calibrating" if calibrated else "scoring"
        layout = subnets.layout(network, self.example)
        with batchnorm.statistics_kept(network):
            if batches is not None:
                yield from self._calibrated(network, batches, layout, whole, stop)
            if self._metric is not None:
                yield calibrated / whole, "scoring"
                yield self._by_metric(self._metric, network, data)
                return
            assert data.inputs is not None  # noqa: S101 - only a metric does without
            with batchnorm.folded(network, self.example.contiguous(memory_format=layout)):
                for answer in self._device.score(network, _LaidOut(data.inputs, layout), stop):
                    if isinstance(answer, Hits):
                        yield scores_of(answer, data.groups, self._wanted.names)
                    else:
                        yield (calibrated + answer * len(data.inputs)) / whole, "scoring"

    def _scored(
        self, architecture: described.Architecture, split: str, stop: threading.Event
    ) -> Iterator[Step | Scores]:
        try:
            try:
                yield from self.scores(self.network(architecture), split, stop)
            finally:
                self.require_unchanged()
        except Unfit as error:
            self._say(f"{error} for {architecture.text}")
            raise
        except UsageError as error:
            self._on_broken(error)
            raise

    def require_unchanged(self) -> None:
        """Raises UsageError when the supernet's weights are no longer what they were."""
        name = self.weights.changed()
        if name:
            raise Defect(
                "supernet unchanged",
                f"the supernet has changed: {name} has other values than before; subnet, its network or the metric "
                "writes into it, so no later number would be right: give subnets weights that they only read",
            )

    # --- internal ---

    def _opened(self, store: Any) -> Store | None:
        if store is False or store is None:
            return None
        return Store(self._cache / "evaluations.sqlite" if store is True else Path(store))

    def _on(self, supernet: Supernet, device: str | None) -> Mapping[str, Tensor]:
        if device is not None:
            name = scoring.choose(device)
            for module in subnets.modules_of(supernet):
                module.to(name)
        found = supernet.weights()
        if not found:
            raise UsageError(
                f"{type(supernet).__name__} has no weights among its attributes; keep the supernet in one "
                "(self.net = …), or define weights()"
            )
        return found

    def _read(self, supernet: Supernet, options: Options) -> dict[str, Data]:
        if options.val is None:
            raise UsageError("val is missing; it scores subnets: a DataLoader of (inputs, labels), or a folder")
        pixels = None if supernet.input_shape is None else supernet.input_shape[-1]
        given = {"search": ("val", options.val), "test": ("test", options.test)}
        return {
            split: labelled.scored(name, each, pixels, self._cache, is_labelled=self._metric is None)
            for split, (name, each) in given.items()
            if each is not None
        }

    def _example(self, supernet: Supernet) -> Tensor:
        shape, first = supernet.input_shape, self.data["search"].example
        if first is None and shape is not None:
            first = torch.rand(EXAMPLES, *shape, generator=torch.Generator().manual_seed(0))
        if first is None:
            raise UsageError("set input_shape of the supernet, such as (3, 224, 224): val has another form of batches")
        inputs: Tensor = first[:EXAMPLES]
        if shape is not None and tuple(inputs.shape[1:]) != tuple(shape):
            raise UsageError(f"input_shape is {tuple(shape)}, and val gives inputs {tuple(inputs.shape[1:])}")
        return inputs.to(self._device.torch)

    def _calibration(self, supernet: Supernet, options: Options) -> tuple[str, str]:
        """What the statistics are computed from, in words and as a hash; `batches` holds the inputs."""
        if options.calibrate is None or options.calibrate is False:
            return "batch norm as extracted", ""
        images, momentum = options.calibration_images, options.momentum
        if isinstance(images, bool) or not isinstance(images, int) or images < 2:
            raise UsageError(f"calibration_images is {images!r}; it must be a whole number, at least 2")
        if momentum is not None and not 0 < momentum <= 1:
            raise UsageError(f"momentum is {momentum!r}; it must be above 0 and at most 1, or None for averages")
        pixels = None if supernet.input_shape is None else supernet.input_shape[-1]
        self.batches, mark = labelled.calibration("calibrate", options.calibrate, images, pixels, self._cache)
        count = sum(map(len, self.batches))
        return f"batch norm from {count:,} inputs, {'averages' if momentum is None else f'momentum {momentum:g}'}", mark

    def _probed(self, *, is_calibration_missing: bool) -> list[nn.Module]:
        """Tries a few subnets, and refuses what would make every number wrong."""
        probes: list[nn.Module] = []
        unfit: Unfit | None = None
        for architecture in self.sample(2 * _PROBED):
            try:
                probes.append(self._tried(architecture, is_calibration_missing))
            except Unfit as error:
                unfit = unfit or error
            if len(probes) == _PROBED:
                break
        self.require_unchanged()
        if not probes:
            raise Defect("legal samples", f"no subnet can be evaluated: {unfit}") from unfit
        return probes

    def _tried(self, architecture: described.Architecture, is_calibration_missing: bool) -> nn.Module:
        network, again = self.network(architecture), self.network(architecture)
        where = f" (for {architecture.text})"
        if not any(True for _ in network.parameters()):
            raise Defect(
                "shared weights", f"the network of subnet has no parameters{where}; register its weights as parameters"
            )
        if not self.weights.inherits(network):
            raise Defect(
                "shared weights",
                f"subnet gives a network with weights of its own{where}: none of its parameters is in the supernet's "
                "memory or has its values; give it weights of the supernet",
            )
        subnets.require_same_weights(network, again)
        answer = subnets.require_same_answers(network, self.example)
        if self._metric is None:
            subnets.logits_of(answer, len(self.example))
        if batchnorm.norms_of(network) and is_calibration_missing:
            raise Defect(
                "batch norm",
                "calibrate is missing: subnets have batch norm, and its statistics are computed again for each subnet; "
                "give training inputs, or calibrate=False to keep the statistics that the subnet has",
            )
        return network

    def _require_classes(self, network: nn.Module) -> int:
        """The number of classes. Raises UsageError when the labels say another one."""
        classes = int(subnets.logits_of(subnets.passed(network, self.example), len(self.example)).shape[1])
        for split, data in self.data.items():
            assert data.inputs is not None  # noqa: S101
            labels, name = data.inputs.labels, "val" if split == "search" else split
            top = int(labels.max()) + 1
            told_count = data.classes if data.classes is not None else top if len(np.unique(labels)) == top else None
            if int(labels.min()) < 0 or top > classes or (told_count is not None and told_count != classes):
                counted = f"{told_count} classes" if told_count is not None else f"labels up to {top - 1}"
                raise Defect(
                    "classes",
                    f"subnets give {classes} classes, and {name} has {counted}; the labels must be 0 to {classes - 1}, "
                    "or pass metric= to score in another way",
                )
        return classes

    def _objective(self, options: Options) -> Objective:
        if self._metric is not None:
            if not callable(self._metric):
                raise UsageError(f"metric is {self._metric!r}; give a function of a network and the data")
            return objective_of(options.objective, options.direction, options.metrics)
        if options.objective != "accuracy" or options.direction != "maximize" or options.metrics:
            raise UsageError("objective, direction and metrics say what metric= returns; without it they are fixed")
        top5 = Metric("top5", "percent", "Share of inputs whose class is among the first five answers.")
        return Objective(
            (
                Metric("accuracy", "percent", "Share of inputs whose class is the network's first answer."),
                *([top5] if (self.classes or 0) > 5 else []),
                Metric("images", "images", "How many inputs were classified."),
            )
        )

    def _identity(self, options: Options, calibration: str, probes: list[nn.Module]) -> str:
        """SHA-256 over everything that a number depends on, as far as it can be known."""
        parts = {
            "weights": self.weights.hash,
            "subnets": [subnets.fingerprint(each) for each in probes],
            "code": [_source(type(self._supernet)), _source(self._metric)],
            "data": {split: each.hash for split, each in self.data.items()},
            "calibration": [calibration, self._momentum],
            "precision": self._device.precision,
            "version": options.version,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _counting(self, name: str) -> Callable[[Architecture], float]:
        def counted(architecture: Architecture) -> float:
            try:
                return self.counted(self._front.parsed(architecture))[name]
            except Unfit as error:
                # Its evaluation will fail with the same words. A cost has no way to say so.
                self._say(f"{name} is taken as 0: {error} for {architecture}")
                return 0.0

        return counted

    def _calibrated(
        self,
        network: nn.Module,
        batches: list[Tensor],
        layout: torch.memory_format,
        whole: int,
        stop: threading.Event,
    ) -> Iterator[Step]:
        def inputs() -> Iterator[Tensor]:
            for batch in batches:
                if stop.is_set():
                    raise Stopped
                yield batch.to(self._device.torch).contiguous(memory_format=layout)

        try:
            if self._momentum is None:
                passes = batchnorm.recalibrate_by_average(network, inputs())
            else:
                passes = batchnorm.recalibrate_by_momentum(network, inputs(), self._momentum)
            for images in passes:
                yield images / whole, "calibrating"
        except ValueError as error:  # PyTorch's word for a batch with a single value a channel
            raise Unfit(f"calibration failed: {in_short(error)}") from error

    def _by_metric(self, metric: Callable[..., Any], network: nn.Module, data: Data) -> Scores:
        try:
            with torch.no_grad():
                found = read(metric(network, data.loader), self._wanted)
        except Unusable as error:
            text = str(error).replace("score returned", "metric returned")
            raise (NotFinite if error.kind is FailureKind.NOT_FINITE else Unfit)(text) from error
        except Exception as error:
            if scoring.is_out_of_memory(error):
                raise
            raise Unfit(f"metric failed: {in_short(error)}") from error
        return Scores(found.metrics, np.zeros(0, np.bool_), found.standard_errors)


class _LaidOut:
    """Inputs in another layout of memory."""

    def __init__(self, inputs: Inputs, layout: torch.memory_format) -> None:
        self._inputs, self._layout = inputs, layout
        self.labels, self.kind, self.pixels = inputs.labels, inputs.kind, inputs.pixels
        self.batches = inputs.batches

    def __len__(self) -> int:
        return len(self._inputs)

    def prepare(self, batch: Tensor) -> Tensor:
        return self._inputs.prepare(batch).contiguous(memory_format=self._layout)


def _threads(options: Options) -> int | None:
    threads = options.threads
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise UsageError(f"threads is {threads!r}; it must be a whole number, at least 1")
    return None if threads is None else processors.threads(threads)


def _source(given: Any) -> str:
    """The text of a class or a function, where it has one."""
    try:
        return "" if given is None else inspect.getsource(given)
    except (OSError, TypeError):
        return getattr(given, "__qualname__", type(given).__qualname__)
