"""A supernet of a user as a backend: its numbers, its costs, what it leaves alone, and and what is refused."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reduced
import slimmable
import torch
import torch.nn.functional as F  # noqa: N812
from client import Client, status_of
from PIL import Image
from slimmable import Slimmable, batches
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import collm_nas as nas
from collm_nas import subnets
from collm_nas.errors import UsageError
from collm_nas.labelled import calibration, scored
from collm_nas.supernet import Options, backend_of
from collm_nas.supernet_backend import OwnSupernetBackend
from collm_nas_evaluator import batchnorm, standard_errors
from collm_nas_evaluator.backends.base import Failure, FailureKind, Measurement, Outcome
from collm_nas_evaluator.backends.supernet import extracted, values_of
from collm_nas_evaluator.contract import evaluator_pb2 as pb
from collm_nas_evaluator.space import Architecture, Space

PLAIN = Options(val=batches(), calibrate=batches(120, 40, 1), store=False)
ARCH = {"kernel": [5, 3], "width": [8, 12]}


def measure(backend: OwnSupernetBackend, arch: dict[str, Any] = ARCH, split: str = "search") -> Measurement | Failure:
    parsed = slimmable.space().parsed(arch)
    outcome = list(backend.evaluate([parsed], split, threading.Event()))[-1]
    assert isinstance(outcome, Outcome)
    return outcome.result


def accuracy(network: nn.Module, data: Iterable[tuple[Tensor, Tensor]]) -> float:
    right = [network(images).argmax(1) == labels for images, labels in data]
    return 100 * float(torch.cat(right).double().mean())


class Itself(Slimmable):
    """Gives the supernet itself, set to the architecture, as many published supernets do. Its batch norms are cut."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Settable()
        self.net.load_state_dict(slimmable.trained())

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        self.net.kernels, self.net.widths = arch["kernel"], arch["width"]
        return self.net


class Settable(slimmable.Shared):
    kernels: tuple[int, ...]
    widths: tuple[int, ...]

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for conv, norm, kernel, width in zip(self.convs, self.norms, self.kernels, self.widths, strict=True):
            cut = (max(slimmable.KERNELS) - kernel) // 2
            middle = slice(cut, cut + kernel)
            weight = conv.weight[:width, : x.shape[1], middle, middle]  # type: ignore[index]
            x = F.conv2d(x, weight, stride=2, padding=kernel // 2)
            mean, variance, scale, shift = (
                getattr(norm, name)[:width] for name in ("running_mean", "running_var", "weight", "bias")
            )
            x = F.relu(F.batch_norm(x, mean, variance, scale, shift, norm.training, float(str(norm.momentum))))
        return F.linear(x.mean((2, 3)), self.head.weight[:, : x.shape[1]], self.head.bias)


@pytest.fixture(scope="module")
def plain() -> OwnSupernetBackend:
    return backend_of(Slimmable(), PLAIN)


def test_it_is_served_over_the_contract(plain: OwnSupernetBackend, serve: Callable[..., Client]) -> None:
    client = serve([plain])
    space = client.describe("slimmable")
    assert [each.name for each in space.metrics] == ["accuracy", "top5", "images"]
    assert [(each.name, each.unit) for each in space.costs] == [
        ("flops_m", "million multiply-adds"),
        ("params_m", "million parameters"),
    ]
    assert [each.name for each in space.splits] == ["search"]
    texts = [each.text for each in plain.sample(4)]
    answers: list[pb.EvaluateResponse] = list(client.evaluate(space.id, space.digest, texts))
    values = [each.outcome.measurement.metrics["accuracy"] for each in answers if each.HasField("outcome")]
    assert len(set(values)) > 1
    assert all(30 < value < 100 for value in values)
    assert {each.progress.note for each in answers if each.HasField("progress")} == {"calibrating", "scoring"}


def test_the_number_is_that_of_the_official_recalibration(plain: OwnSupernetBackend) -> None:
    """The average over all batches, as PyTorch itself computes it where they are one batch."""
    supernet = Slimmable()
    network = supernet.subnet(ARCH).eval()
    for norm in batchnorm.norms_of(network):
        norm.running_mean, norm.running_var = norm.running_mean.clone(), norm.running_var.clone()
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        calibration = torch.cat([images for images, _ in batches(120, 40, 1)])
        network(calibration)
        network.eval()
        expected = accuracy(network, batches())
        untouched = accuracy(Slimmable().subnet(ARCH).eval(), batches())
    found = measure(backend_of(Slimmable(), replace(PLAIN, calibrate=[calibration])))
    assert isinstance(found, Measurement)
    assert found.metrics["accuracy"] == pytest.approx(expected, abs=1)  # one variance is biased, the other is not
    as_it_is = measure(backend_of(Slimmable(), replace(PLAIN, calibrate=False)))
    assert isinstance(as_it_is, Measurement)
    assert as_it_is.metrics["accuracy"] == pytest.approx(untouched)
    assert expected > untouched + 5
    halves = measure(plain)
    assert isinstance(halves, Measurement)
    assert halves.metrics["accuracy"] == pytest.approx(expected, abs=3)


def test_momentum_and_the_number_of_images_are_settings(plain: OwnSupernetBackend) -> None:
    digests = {plain.describe().digest}
    changes: list[dict[str, Any]] = [
        {"momentum": 0.5},
        {"calibration_images": 50},
        {"version": "2"},
        {"val": batches(seed=5)},
    ]
    for change in changes:
        digests.add(backend_of(Slimmable(), replace(PLAIN, **change)).describe().digest)
    assert len(digests) == 5
    assert backend_of(Slimmable(), PLAIN).describe().digest == plain.describe().digest


def test_a_supernet_that_gives_itself_keeps_its_statistics_and_gets_the_same_numbers(
    plain: OwnSupernetBackend,
) -> None:
    supernet = Itself()
    before = {name: each.clone() for name, each in supernet.net.state_dict().items()}
    backend = backend_of(supernet, PLAIN)
    others = [{"kernel": [3, 3], "width": [4, 4]}, {"kernel": [5, 5], "width": [12, 12]}]
    numbers = [measure(backend, arch) for arch in (ARCH, *others, ARCH)]
    assert isinstance(numbers[0], Measurement)
    assert isinstance(numbers[-1], Measurement)
    assert numbers[0].metrics == numbers[-1].metrics
    same = measure(plain)
    assert isinstance(same, Measurement)
    # Its statistics are read without a call of the batch norm, so their variances are the unbiased ones.
    assert numbers[0].metrics["accuracy"] == pytest.approx(same.metrics["accuracy"], abs=1)
    for name, each in supernet.net.state_dict().items():
        assert torch.equal(each, before[name]), name
    # Only the parts that are used are counted.
    for arch in (ARCH, *others):
        parsed = slimmable.space().parsed(arch)
        assert backend.cost(parsed) == plain.cost(parsed)


@pytest.mark.parametrize("family", ["ofa", "spos"])
def test_counting_is_exact_on_official_families(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batchnorm, "fold", lambda _: None)
    supernet = reduced.load(family, tmp_path)
    space = Space(reduced.dimensions(family))
    for architecture in (space.sample(random.Random(seed)) for seed in range(3)):
        values = values_of(space, architecture)
        network = extracted(supernet.extraction(values))
        pixels = supernet.validation(values).pixels
        found = subnets.count(network, torch.zeros(1, 3, pixels, pixels))
        official = supernet.cost_of(values)
        assert found["flops_m"] == pytest.approx(official["macs_m" if family == "ofa" else "flops_m"], rel=1e-12)
        if family == "ofa":  # the batch norms of SPOS have no scales in the supernet, and the winner's formula has
            assert found["params_m"] == pytest.approx(official["params_m"], rel=1e-12)


def test_finished_evaluations_come_from_the_store(tmp_path: Path) -> None:
    class Counting(Slimmable):
        calls = 0

        def subnet(self, arch: dict[str, Any]) -> nn.Module:
            Counting.calls += 1
            return super().subnet(arch)

    options = replace(PLAIN, store=tmp_path / "own.sqlite")
    first = measure(backend_of(Counting(), options))
    again = backend_of(Counting(), options)
    calls = Counting.calls
    second = measure(again)
    assert isinstance(first, Measurement)
    share = first.metrics["accuracy"] / 100
    error = 100 * (share * (1 - share) / first.metrics["images"]) ** 0.5
    assert first.standard_errors == {"accuracy": pytest.approx(error), "top5": 0.0}
    assert second == Measurement(first.metrics, 0.0, first.standard_errors, stored=True)
    assert Counting.calls == calls
    other = Counting()
    with torch.no_grad():
        other.net.head.bias[0] += 1
    changed = backend_of(other, options)
    calls = Counting.calls
    measure(changed)
    assert Counting.calls > calls


def test_a_metric_of_the_user_gets_the_network_and_the_loader(tmp_path: Path) -> None:
    loader = [{"pictures": images, "wanted": labels} for images, labels in batches()]

    def loss(network: nn.Module, data: Any) -> dict[str, Any]:
        assert data is loader
        assert not network.training
        losses = [F.cross_entropy(network(each["pictures"]), each["wanted"]) for each in data]
        each = torch.stack(losses)
        return {"loss": nas.Value(each.mean(), each.std() / len(each) ** 0.5), "batches": len(losses)}

    class Shaped(Slimmable):
        input_shape = (3, slimmable.SIDE, slimmable.SIDE)

    options = replace(PLAIN, val=loader, metric=loss, objective="loss", direction="minimize", metrics=["batches"])
    options = replace(options, store=tmp_path / "own.sqlite")
    backend = backend_of(Shaped(), options)
    space = backend.describe()
    assert [(each.name, each.higher_is_better) for each in space.metrics] == [("loss", False), ("batches", True)]
    found = measure(backend)
    assert isinstance(found, Measurement)
    assert found.metrics["batches"] == len(loader)
    assert 0 < found.metrics["loss"] < 2
    assert 0 < found.standard_errors["loss"] < 1
    assert list(found.standard_errors) == ["loss"]
    assert measure(backend) == Measurement(found.metrics, 0.0, found.standard_errors, stored=True)
    broken = measure(backend_of(Shaped(), replace(options, metric=lambda _network, _data: {"other": 1})))
    assert isinstance(broken, Failure)
    assert "metric returned a dictionary without 'loss'" in broken.message


def test_folders_of_images_score_and_test(tmp_path: Path) -> None:
    source = np.random.RandomState(7)
    for name, each_class in (("val", 4), ("train", 5), ("test", 3)):
        for label in range(slimmable.CLASSES):
            (tmp_path / name / f"class{label}").mkdir(parents=True)
            for number in range(each_class):
                picture = source.randint(0, 255, (20, 16, 3)).astype(np.uint8)
                Image.fromarray(picture).save(tmp_path / name / f"class{label}" / f"{number}.png")

    class Shaped(Slimmable):
        input_shape = (3, slimmable.SIDE, slimmable.SIDE)
        val, calibrate, test = tmp_path / "val", str(tmp_path / "train"), tmp_path / "test"

    rows = [f"class{label}/{number}.png,{label // 2}\n" for label in range(slimmable.CLASSES) for number in range(3)]
    (tmp_path / "test" / "groups.csv").write_text("image,group\n" + "".join(rows))
    backend = backend_of(Shaped(), Options(store=False, cache_dir=tmp_path / "cache"))
    results = [each for split in ("search", "test") if isinstance(each := measure(backend, split=split), Measurement)]
    assert [each.metrics["images"] for each in results] == [24, 18]
    binomial = [
        standard_errors.of_percentage(each.metrics["accuracy"], int(each.metrics["images"])) for each in results
    ]
    assert results[0].standard_errors["accuracy"] == binomial[0]
    assert results[1].standard_errors["accuracy"] not in {binomial[1], 0.0}  # of three groups
    splits = backend.describe().splits
    assert splits[0].data != splits[1].data
    (tmp_path / "empty").mkdir()
    for value, text in (("nowhere", "there is no folder"), ("empty", "has no labels")):
        with pytest.raises(UsageError, match=text):
            backend_of(Shaped(), Options(val=tmp_path / value, store=False, cache_dir=tmp_path))


class Fails(Slimmable):
    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        if arch["width"][0] == 8:
            raise KeyError(f"no layer of {arch['width'][0]} channels")
        return super().subnet(arch)


def test_a_subnet_that_fails_is_the_failure_of_that_architecture_with_its_place(
    serve: Callable[..., Client],
) -> None:
    backend = backend_of(Fails(), PLAIN)
    failed = slimmable.space().parsed(ARCH)
    fine = slimmable.space().parsed({**ARCH, "width": [4, 4]})
    outcomes = [
        each for each in backend.evaluate([failed, fine], "search", threading.Event()) if isinstance(each, Outcome)
    ]
    assert isinstance(outcomes[0].result, Failure)
    assert outcomes[0].result.kind is FailureKind.CRASHED
    assert outcomes[0].result.message.startswith(
        "subnet failed: KeyError: 'no layer of 8 channels' (raised by subnet in "
    )
    assert "subnets.py" not in outcomes[0].result.message
    assert isinstance(outcomes[1].result, Measurement)
    assert backend.cost(failed).costs == {"flops_m": 0, "params_m": 0}


def test_logits_that_are_not_finite_are_a_failure() -> None:
    class Infinite(Slimmable):
        def __init__(self) -> None:
            super().__init__()
            with torch.no_grad():
                self.net.head.bias[2] = float("inf")

    failure = measure(backend_of(Infinite(), PLAIN))
    assert failure == Failure(FailureKind.NOT_FINITE, "NaN or infinite logits for 240 of 240 images, first 0")


class ChangesLater(Slimmable):
    """Writes into the supernet, but not yet when it is tried."""

    calls = 0

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        self.calls += 1
        if self.calls > 6:
            with torch.no_grad():
                self.net.head.bias.add_(1e-3)
        return super().subnet(arch)


def test_a_supernet_that_changes_ends_the_call(serve: Callable[..., Client]) -> None:
    broken: list[UsageError] = []
    backend = backend_of(ChangesLater(), PLAIN, on_broken=broken.append)
    client, space = serve([backend]), backend.describe()
    texts = [each.text for each in backend.sample(6)]
    call = client.evaluate(space.id, space.digest, texts)
    status, text = status_of(lambda: list(call))
    assert status == "INTERNAL"
    assert "the supernet has changed: net.head.bias has other values than before" in text
    assert str(broken[0]) == text


def loader(**options: Any) -> DataLoader[Any]:
    images, labels = (torch.cat(each) for each in zip(*batches(), strict=True))
    return DataLoader(TensorDataset(images, labels), batch_size=40, **options)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"val": None}, "val is missing"),
        ({"val": 3}, "val is a int; give a DataLoader, a list of batches or a folder"),
        ({"val": []}, r"val is empty; it must give batches \(inputs, labels\)"),
        ({"val": [images for images, _ in batches()]}, "val has no labels"),
        ({"val": [(images,) for images, _ in batches()]}, "val has no labels"),
        ({"val": [(images, F.one_hot(labels).float()) for images, labels in batches()]}, "labels are one whole number"),
        ({"val": iter(batches())}, "val can be read only once"),
        ({"val": loader(shuffle=True)}, "val gives other inputs each time it is read; make it with shuffle=False"),
        ({"val": [*batches(), (torch.zeros(2, 3, 9, 9), torch.zeros(2).long())]}, "val gives inputs of two shapes"),
        ({"val": batches(classes=4)}, "subnets give 6 classes, and val has 4 classes"),
        ({"val": [(images, labels + 1) for images, labels in batches()]}, "and val has labels up to 6"),
        ({"test": [(images, labels * 2) for images, labels in batches()]}, "and test has labels up to 10"),
        ({"calibrate": None}, "calibrate is missing: subnets have batch norm"),
        ({"calibrate": []}, "calibrate is empty"),
        ({"calibration_images": 1}, "calibration_images is 1; it must be a whole number, at least 2"),
        ({"momentum": 0.0}, "momentum is 0.0; it must be above 0 and at most 1"),
        ({"metrics": ["top5"]}, "without it they are fixed"),
        ({"metric": "accuracy"}, "metric is 'accuracy'; give a function"),
        ({"device": "cuda:99"}, "device cuda:99"),
        ({"precision": "fp16"}, "precision fp16 needs a CUDA device"),
        ({"threads": 0}, "threads is 0; it must be a whole number, at least 1"),
    ],
)
def test_data_and_options_that_cannot_be_used_are_refused_in_one_line(change: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text) as refused:
        backend_of(Slimmable(), replace(PLAIN, **change))
    assert "\n" not in str(refused.value)


def test_a_training_loader_that_shuffles_calibrates_every_subnet_with_the_same_inputs(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    hashes = []
    own_order = loader(shuffle=True, generator=generator)
    for shuffled in (loader(shuffle=True), loader(shuffle=True), own_order, own_order):
        torch.rand(1)
        torch.rand(1, generator=generator)
        state, own = torch.get_rng_state(), generator.get_state()
        kept, mark = calibration("calibrate", shuffled, 100, None, tmp_path)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(generator.get_state(), own)
        assert sum(map(len, kept)) == 100
        hashes.append(mark)
    assert hashes[0] == hashes[1]
    assert hashes[2] == hashes[3]
    in_order, mark = calibration("calibrate", loader(), 100, None, tmp_path)
    assert mark != hashes[0]
    assert [len(each) for each in in_order] == [40, 40, 20]


def test_data_that_do_not_fit_into_memory_are_read_again_and_must_be_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collm_nas.labelled.MOST_IN_MEMORY", 1000)

    class Turning:
        """Gives other labels from its third reading on."""

        readings = 0

        def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
            self.readings += 1
            for images, labels in batches():
                yield images, labels if self.readings < 4 else labels.flip(0)

    backend = backend_of(Slimmable(), replace(PLAIN, val=Turning()))
    kept = measure(backend_of(Slimmable(), replace(PLAIN, val=batches())))
    first = measure(backend)
    assert isinstance(first, Measurement)
    assert isinstance(kept, Measurement)
    assert first.metrics == kept.metrics
    with pytest.raises(UsageError, match="val gives its labels in another order than before"):
        measure(backend)


def test_costs_of_the_user_replace_or_add(plain: OwnSupernetBackend) -> None:
    costs: nas.function.Costs = {"params_m": lambda arch: 7, "layers": nas.Cost(lambda arch: 2.0, "layers")}
    backend = backend_of(Slimmable(), replace(PLAIN, costs=costs))
    assert {each.name for each in backend.describe().costs} == {"flops_m", "params_m", "layers"}
    parsed: Architecture = slimmable.space().parsed(ARCH)
    counted = plain.cost(parsed).costs
    assert backend.cost(parsed).costs == {"flops_m": counted["flops_m"], "params_m": 7.0, "layers": 2.0}


@pytest.mark.parametrize(("size", "start"), [(7, 0), (7, 33), (100, 41), (40, 239)])
def test_inputs_are_read_from_any_place_in_batches_of_any_size(size: int, start: int, tmp_path: Path) -> None:
    inputs = scored("val", batches(), None, tmp_path).inputs
    assert inputs is not None
    pieces = list(inputs.batches(size, start))
    assert max(map(len, pieces)) <= size
    assert torch.equal(torch.cat(pieces), torch.cat([images for images, _ in batches()])[start:])


def test_batches_that_do_not_fit_into_memory_are_made_smaller() -> None:
    class Hungry(Slimmable):
        """From its third batch on, its networks take at most nine inputs."""

        def subnet(self, arch: dict[str, Any]) -> nn.Module:
            network, seen = super().subnet(arch), []

            def refuse(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
                seen.append(len(inputs[0]))
                if sum(seen) > 120 and seen[-1] > 9:
                    raise torch.OutOfMemoryError("made up")

            network.register_forward_pre_hook(refuse)
            return network

    options = replace(PLAIN, calibrate=False)
    found, expected = (measure(backend_of(kind(), options)) for kind in (Hungry, Slimmable))
    assert isinstance(found, Measurement)
    assert isinstance(expected, Measurement)
    assert found.metrics == expected.metrics
