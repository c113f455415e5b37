"""Serving a supernet: every family end to end, the same number however it is reached, and what goes wrong."""

import contextlib
import dataclasses
import math
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reduced
import torch
from client import PATIENCE_SECONDS, Client, status_of
from PIL import Image
from torch import Tensor, nn

from collm_nas_evaluator.backends.base import Failure, FailureKind, Measurement, Outcome, Progress
from collm_nas_evaluator.backends.supernet import Calibration, ImageSplits, Served, SupernetBackend
from collm_nas_evaluator.contract import evaluator_pb2 as pb
from collm_nas_evaluator.imagenet import ImageSet
from collm_nas_evaluator.scoring import Device
from collm_nas_evaluator.space import Architecture
from collm_nas_evaluator.store import Key, Store

FAMILIES = ("ofa", "spos", "autoformer")
Make = Callable[..., SupernetBackend]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Image folders of five classes that differ in colour, so that answers differ from image to image."""
    root = tmp_path_factory.mktemp("images")
    source = np.random.RandomState(7)
    for name, each_class in (("val", 8), ("train", 10)):
        for label in range(reduced.OFA_CLASSES):
            folder = root / name / f"class{label}"
            folder.mkdir(parents=True)
            for number in range(each_class):
                coarse = source.randint(0, 255, (6, 8, 3)).astype(np.uint8)
                Image.fromarray(coarse).resize((90, 70)).save(folder / f"{number}.jpg", quality=90)
    return {name: root / name for name in ("val", "train")}


@pytest.fixture(scope="module")
def supernets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {family: reduced.load(family, root) for family in FAMILIES}


@pytest.fixture
def make(folders: dict[str, Path], supernets: dict[str, Any], tmp_path: Path) -> Make:
    """Makes a backend of a family over the image folders; `change` replaces its supernet."""

    def backend(
        family: str,
        *,
        store: Store | None = None,
        change: Any = None,
        training: bool = True,
        val: Path = folders["val"],
    ) -> SupernetBackend:
        images = ImageSet.open(val, reduced.OFA_CLASSES)
        train = ImageSet.open(folders["train"], reduced.OFA_CLASSES) if training else None
        splits = {"search": (images, "All images."), "test": (images, "All images.")}
        served = Served(f"{family}-reduced", "A small random one", reduced.dimensions(family), "choices: the suite's")
        image_splits = ImageSplits(splits, train, tmp_path / "cache")
        return SupernetBackend(served, change or supernets[family], image_splits, Device(), store)

    return backend


def architectures(backend: SupernetBackend, count: int) -> list[Architecture]:
    source = random.Random(3)
    return [backend.describe().sample(source) for _ in range(count)]


def measure(backend: SupernetBackend, architecture: Architecture, split: str = "search") -> Measurement | Failure:
    answers = list(backend.evaluate([architecture], split, threading.Event()))
    outcome = answers[-1]
    assert isinstance(outcome, Outcome)
    assert all(isinstance(each, Progress) for each in answers[:-1])
    return outcome.result


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_over_the_contract(family: str, make: Make, serve: Callable[..., Client]) -> None:
    backend = make(family)
    client = serve([backend])
    space = client.describe(f"{family}-reduced")
    assert [metric.name for metric in space.metrics] == ["accuracy", "top5", "images"]
    assert space.provenance.startswith(f"{family}, SHA-256 ")
    assert {split.name for split in space.splits} == {"search", "test"}
    assert space.splits[0].data == space.splits[1].data != ""
    texts = [each.text for each in architectures(backend, 3)]
    costs = client.cost(space.id, space.digest, texts)
    assert [set(each.costs) for each in costs] == [{cost.name for cost in space.costs}] * 3
    assert all(value > 0 for each in costs for value in each.costs.values())
    answers: list[pb.EvaluateResponse] = list(client.evaluate(space.id, space.digest, texts))
    outcomes = [each.outcome for each in answers if each.HasField("outcome")]
    assert [each.architecture for each in outcomes] == texts
    for each in outcomes:
        metrics = each.measurement.metrics
        assert metrics["images"] == 40
        assert 0 <= metrics["accuracy"] <= metrics["top5"] == 100  # five classes
        assert each.measurement.seconds > 0
    assert any(each.progress.note for each in answers if each.HasField("progress"))


@pytest.mark.parametrize("family", FAMILIES)
def test_cached_and_decoded_images_give_the_same_answers(family: str, make: Make, tmp_path: Path) -> None:
    store = Store(tmp_path / "decoded.sqlite")
    backend = make(family, store=store)
    pair = architectures(backend, 2)
    decoded = [measure(backend, each) for each in pair]
    for crops in backend.crops():
        assert not crops.is_cached
        crops.cache(lambda done, total: None)
    cached_store = Store(tmp_path / "cached.sqlite")
    cached = make(family, store=cached_store)
    assert all(crops.is_cached for crops in cached.crops())
    for each, before in zip(pair, decoded, strict=True):
        after = measure(cached, each)
        assert isinstance(before, Measurement)
        assert isinstance(after, Measurement)
        assert after.metrics == before.metrics
        data = backend.describe().splits[0].data
        records = [one.find(Key(backend.describe().digest, data, each.text)) for one in (store, cached_store)]
        assert records[0] is not None
        assert records[1] is not None
        assert np.array_equal(records[0].correct, records[1].correct)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_then_b_then_a(family: str, make: Make) -> None:
    backend = make(family)
    first, second = architectures(backend, 2)
    results = [measure(backend, each) for each in (first, second, first)]
    assert isinstance(results[0], Measurement)
    assert isinstance(results[2], Measurement)
    assert results[0].metrics == results[2].metrics


def test_a_number_is_kept_with_what_each_image_said(make: Make, tmp_path: Path) -> None:
    store = Store(tmp_path / "evaluations.sqlite")
    backend = make("ofa", store=store)
    architecture = architectures(backend, 1)[0]
    first = measure(backend, architecture)
    assert isinstance(first, Measurement)
    assert not first.stored
    space = backend.describe()
    record = store.find(Key(space.digest, space.splits[0].data, architecture.text))
    assert record is not None
    assert record.correct.mean() * 100 == pytest.approx(first.metrics["accuracy"])
    again = make("ofa", store=Store(tmp_path / "evaluations.sqlite"), change=_Broken(reduced.load("ofa", tmp_path)))
    assert measure(again, architecture, "test") == Measurement(first.metrics, 0.0, first.standard_errors, stored=True)


def test_the_noise_of_a_number_is_that_of_its_images(make: Make, tmp_path: Path) -> None:
    backend = make("ofa", store=Store(tmp_path / "evaluations.sqlite"))
    architecture = architectures(backend, 1)[0]
    found = measure(backend, architecture)
    assert isinstance(found, Measurement)
    share = found.metrics["accuracy"] / 100
    assert 0 < share < 1
    assert found.standard_errors == {"accuracy": pytest.approx(100 * (share * (1 - share) / 40) ** 0.5), "top5": 0.0}


def test_images_that_go_together_are_noisier_and_the_store_says_the_same(
    make: Make, folders: dict[str, Path], tmp_path: Path, serve: Callable[..., Client]
) -> None:
    """All 8 images of a class are one group; the first answers of a random network are mostly one class."""
    names = [f"{each.parent.name}/{each.name}" for each in folders["val"].glob("*/*.jpg")]
    val = shutil.copytree(folders["val"], tmp_path / "val")
    (val / "groups.csv").write_text("image,group\n" + "".join(f"{name},{name[:6]}\n" for name in names))
    alone, store = make("ofa"), Store(tmp_path / "evaluations.sqlite")
    together = make("ofa", store=store, val=val)
    space = together.describe()
    assert space.digest != alone.describe().digest
    architecture = architectures(together, 1)[0]
    client = serve([together])
    fresh, stored = (
        list(client.evaluate(space.id, space.digest, [architecture.text]))[-1].outcome.measurement for _ in range(2)
    )
    by_itself = measure(alone, architecture)
    record = store.find(Key(space.digest, space.splits[0].data, architecture.text))
    assert isinstance(by_itself, Measurement)
    assert record is not None
    assert fresh.metrics == stored.metrics == by_itself.metrics
    assert (fresh.seconds > 0, stored.seconds) == (True, 0)
    by_class = record.correct.reshape(5, 8)  # images are in the order of their classes
    expected = 100 / 40 * (5 / 4 * np.square((by_class - by_class.mean()).sum(1)).sum()) ** 0.5
    assert fresh.standard_errors["accuracy"] == pytest.approx(expected)
    assert expected > 1.5 * by_itself.standard_errors["accuracy"]
    assert stored.standard_errors == fresh.standard_errors


def test_a_store_of_an_older_version_is_served_with_the_noise_of_its_images(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "evaluations.sqlite"
    fresh = make("ofa", store=Store(path))
    architecture = architectures(fresh, 1)[0]
    first = measure(fresh, architecture)
    assert isinstance(first, Measurement)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE evaluations DROP COLUMN standard_errors")
    again = make("ofa", store=Store(path), change=_Broken(reduced.load("ofa", tmp_path)))
    assert measure(again, architecture) == Measurement(first.metrics, 0.0, first.standard_errors, stored=True)
    Store(path)  # and a second time, when nothing lacks


class _Changed:
    """A supernet whose networks are changed before they are used."""

    def __init__(self, supernet: Any) -> None:
        self._supernet = supernet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._supernet, name)

    def extraction(self, architecture: Any, calibration: Any = None) -> Generator[int, None, nn.Module]:
        network = yield from self._supernet.extraction(architecture, calibration)
        return self.changed(network)

    def changed(self, network: nn.Module) -> nn.Module:
        raise NotImplementedError


class _Broken(_Changed):
    def changed(self, network: nn.Module) -> nn.Module:
        raise AssertionError("nothing has to be evaluated")


class _Counted(_Changed):
    extractions = 0

    def changed(self, network: nn.Module) -> nn.Module:
        self.extractions += 1
        return network


def test_the_splits_of_one_architecture_share_a_calibration(make: Make, supernets: dict[str, Any]) -> None:
    counted = _Counted(supernets["ofa"])
    backend, fresh = make("ofa", change=counted), make("ofa")
    first, second = architectures(backend, 2)
    asked = [(first, "search"), (first, "test"), (second, "test"), (first, "test")]
    results = [measure(backend, *each) for each in asked]
    assert counted.extractions == 3
    for each, result in zip(asked, results, strict=True):
        alone = measure(fresh, *each)
        assert isinstance(alone, Measurement)
        assert isinstance(result, Measurement)
        assert (result.metrics, result.standard_errors) == (alone.metrics, alone.standard_errors)


class _Gated(_Changed):
    """Its first network stops in its first batch until the gate is open."""

    def __init__(self, supernet: Any) -> None:
        super().__init__(supernet)
        self.reached, self.open = threading.Event(), threading.Event()
        self.batches: list[nn.Module] = []

    def changed(self, network: nn.Module) -> nn.Module:
        def wait(network: nn.Module, _: tuple[Tensor, ...]) -> None:
            self.batches.append(network)
            self.reached.set()
            assert self.open.wait(PATIENCE_SECONDS)

        network.register_forward_pre_hook(wait)
        return network


class _NotANumber(_Changed):
    def changed(self, network: nn.Module) -> nn.Module:
        next(network.parameters()).fill_(math.nan)
        return network


class _Hungry(_Changed):
    """Its networks run out of memory for more than `most` images."""

    most = 0

    def changed(self, network: nn.Module) -> nn.Module:
        def refuse(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if inputs[0].shape[0] > self.most:
                raise torch.OutOfMemoryError("made up")

        network.register_forward_pre_hook(refuse)
        return network


class _InSteps(_Hungry):
    """Calibrates with 20 images at a time, and scores at most 10."""

    most = 10

    def calibration(self, values: Any) -> Calibration | None:
        calibration: Calibration | None = self._supernet.calibration(values)
        return calibration and dataclasses.replace(calibration, batch=20)


def test_not_a_number_is_a_failure(make: Make, supernets: dict[str, Any]) -> None:
    backend = make("ofa", change=_NotANumber(supernets["ofa"]))
    failure = measure(backend, architectures(backend, 1)[0])
    assert failure == Failure(FailureKind.NOT_FINITE, "NaN or infinite logits for 40 of 40 images, first 0")


def test_out_of_memory_means_smaller_batches_and_then_a_failure(make: Make, supernets: dict[str, Any]) -> None:
    whole = make("ofa")
    hungry = _Hungry(supernets["ofa"])
    backend = make("ofa", change=hungry)
    pair = architectures(backend, 2)
    failure = measure(backend, pair[0])
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert failure.message == "one image at a time does not fit into the memory of cpu"
    hungry.most = 3
    for each in pair:
        result, expected = measure(backend, each), measure(whole, each)
        assert isinstance(result, Measurement)
        assert isinstance(expected, Measurement)
        assert result.metrics == expected.metrics


def test_an_evaluation_that_nobody_waits_for_stops(make: Make) -> None:
    backend = make("ofa")
    stop = threading.Event()
    answers = []
    for answer in backend.evaluate(architectures(backend, 3), "search", stop):
        answers.append(answer)
        stop.set()
    assert answers == [Progress(0, 0.0, "calibrating")]
    assert isinstance(measure(backend, architectures(backend, 1)[0]), Measurement)  # the device is free again


@pytest.mark.parametrize("family", FAMILIES)
def test_how_far_an_evaluation_is_only_grows_and_calibration_is_part_of_it(
    family: str, make: Make, supernets: dict[str, Any]
) -> None:
    backend = make(family, change=_InSteps(supernets[family]))
    answers = list(backend.evaluate(architectures(backend, 1), "search", threading.Event()))[:-1]
    reported = [(each.fraction, each.note.partition(",")[0]) for each in answers if isinstance(each, Progress)]
    fractions = [fraction for fraction, _ in reported]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    # 50 images calibrate, 20 at a time, and 40 are scored.
    calibrating = [fraction for fraction, note in reported if note == "calibrating"]
    assert calibrating == ([] if family == "autoformer" else [0, 20 / 90, 40 / 90, 50 / 90])
    assert len(fractions) - len(calibrating) >= 4


def test_a_damaged_image_ends_the_call_with_its_path(
    folders: dict[str, Path], tmp_path: Path, supernets: dict[str, Any], serve: Callable[..., Client]
) -> None:
    damaged = tmp_path / "val"
    for path in folders["val"].rglob("*.jpg"):
        copy = damaged / path.relative_to(folders["val"])
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    broken = damaged / "class3" / "4.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    images = ImageSet.open(damaged, reduced.OFA_CLASSES)
    image_splits = ImageSplits({"search": (images, "")}, images, tmp_path / "cache")
    served = Served("ofa-reduced", "", reduced.dimensions("ofa"))
    backend = SupernetBackend(served, supernets["ofa"], image_splits, Device())
    client, space = serve([backend]), backend.describe()
    call = client.evaluate(space.id, space.digest, [architectures(backend, 1)[0].text])
    status, text = status_of(lambda: list(call))
    assert status == "INTERNAL"
    assert str(broken) in text


class _Lost(_Changed):
    def changed(self, network: nn.Module) -> nn.Module:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_a_lost_device_ends_the_call_instead_of_failing_every_candidate(
    make: Make, supernets: dict[str, Any], serve: Callable[..., Client]
) -> None:
    backend = make("ofa", change=_Lost(supernets["ofa"]))
    client, space = serve([backend]), backend.describe()
    call = client.evaluate(space.id, space.digest, [each.text for each in architectures(backend, 2)])
    status, text = status_of(lambda: list(call))
    assert (status, text[:11]) == ("INTERNAL", "cpu is lost")
    assert "start the evaluator again" in text


class _Stoppable:
    """A backend that remembers the stop of each call."""

    def __init__(self, backend: SupernetBackend) -> None:
        self.describe, self.cost = backend.describe, backend.cost
        self._backend = backend
        self.stops: list[threading.Event] = []

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        self.stops.append(stop)
        return self._backend.evaluate(architectures, split, stop)


def test_a_cancelled_call_frees_the_device(make: Make, supernets: dict[str, Any], serve: Callable[..., Client]) -> None:
    gate = _Gated(supernets["ofa"])
    backend = make("ofa", change=gate)
    stoppable, space = _Stoppable(backend), backend.describe()
    texts = [each.text for each in architectures(backend, 3)]
    call = serve([stoppable]).evaluate(space.id, space.digest, texts)
    assert gate.reached.wait(PATIENCE_SECONDS)
    call.cancel()
    assert stoppable.stops[0].wait(PATIENCE_SECONDS)
    gate.open.set()
    free = backend.evaluate(architectures(backend, 1), "search", threading.Event())
    assert isinstance(list(free)[-1], Outcome)
    assert gate.batches.count(gate.batches[0]) == 1  # the cancelled network saw one batch
    assert len(gate.batches) > 1


def test_the_digest_tells_what_a_number_depends_on(
    make: Make, supernets: dict[str, Any], tmp_path: Path, folders: dict[str, Path]
) -> None:
    digest = make("ofa").describe().digest
    assert make("ofa").describe().digest == digest
    other = reduced.load("ofa", tmp_path, seed=1)
    assert make("ofa", change=other).describe().digest != digest
    images = ImageSet.open(folders["train"], reduced.OFA_CLASSES)
    served = Served("ofa-reduced", "A small random one", reduced.dimensions("ofa"))
    image_splits = ImageSplits({"search": (images, ""), "test": (images, "")}, images, tmp_path)
    assert SupernetBackend(served, supernets["ofa"], image_splits, Device()).describe().digest != digest


def test_a_family_without_batch_norm_needs_no_training_images(make: Make) -> None:
    backend = make("autoformer", training=False)
    assert isinstance(measure(backend, architectures(backend, 1)[0]), Measurement)
