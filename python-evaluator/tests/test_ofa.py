"""Once-for-All: the official answers, the counters, the rule of recalibration, and what is refused."""

import copy
import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import parity
import pytest
import reduced
import torch
from torch import Tensor, nn

from collm_nas_evaluator.backends.supernet import read_architecture
from collm_nas_evaluator.errors import ArchitectureRejected, CheckpointMissing, CheckpointUnusable
from collm_nas_evaluator.families import ofa

T = {
    "r": [176],
    "d": [2, 3, 2, 3, 4],
    "ks": [3, 3, 5, 3, 5, 3, 3, 5, 7, 7, 7, 7, 7, 5, 3, 7, 3, 3, 3, 7],
    "e": [3, 3, 4, 4, 4, 4, 4, 3, 4, 4, 4, 6, 4, 4, 4, 4, 6, 6, 4, 3],
}
AT_320 = {"r": [208], "d": [3, 3, 4, 3, 3], "ks": [5] * 14 + [3, 7, 3, 3, 3, 3], "e": [3] * 8 + [4] * 8 + [6, 6, 6, 3]}


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> ofa.Ofa:
    path = tmp_path_factory.mktemp("ofa") / "reduced"
    return ofa.load(reduced.save(path, {"state_dict": reduced.ofa_weights()}))


@pytest.mark.parametrize("case", [0, 2])
def test_the_official_answers(case: int, tmp_path: Path) -> None:
    kit = parity.kit()
    path = tmp_path / "ofa_mbv3_d234_e346_k357_w1.2"
    kit.write_checkpoint("ofa-w1.2", path)
    supernet = ofa.load(path)
    expected = kit.expected("ofa-w1.2")
    given = expected["archs"][case]
    images = torch.from_numpy(kit.images("ofa-w1.2", case))
    batches = parity.tensors(kit.calibration("ofa-w1.2", case))
    plain, recalibrated = supernet.subnet(given["arch"])(images), supernet.subnet(given["arch"], batches)(images)
    assert parity.distance(f"ofa {case} logits", plain, expected[f"logits_{case}"]) < parity.CLOSE
    assert parity.distance(f"ofa {case} recalibrated", recalibrated, expected[f"recal_logits_{case}"]) < parity.CLOSE
    cost = supernet.cost(given["arch"])
    assert cost["macs_m"] * 1e6 == given["cost"]["macs"]
    assert cost["params_m"] * 1e6 == given["cost"]["params"]


@pytest.mark.parametrize(
    ("architecture", "printed", "wide", "narrow"),
    [
        (T, 200, (199.72, 214.53, 7.340), (142.59, 141.66, 5.306)),
        (AT_320, 320, (319.55, 337.76, 7.575), (229.30, 223.06, 5.466)),
    ],
)
def test_the_published_costs(
    architecture: dict[str, Any], printed: int, wide: tuple[float, ...], narrow: tuple[float, ...]
) -> None:
    values = read_architecture(ofa.full_space(), architecture)
    for width, figures in ((1.2, wide), (1.0, narrow)):
        cost = ofa.Counts(width, 1000).cost(values)
        assert (round(cost["flops_m"], 2), round(cost["macs_m"], 2), round(cost["params_m"], 3)) == figures
    assert round(ofa.Counts(1.2, 1000).cost(values)["flops_m"]) == printed


@pytest.mark.parametrize(
    ("resolution", "least", "most"), [(160, 98, 423), (176, 116, 502), (208, 161, 700), (224, 188, 822)]
)
def test_the_range_of_costs(resolution: int, least: int, most: int) -> None:
    counts, space = ofa.Counts(1.2, 1000), ofa.full_space()
    ends = ({**reduced.SMALLEST, "r": [resolution]}, {**reduced.LARGEST, "r": [resolution]})
    found = [round(counts.cost(read_architecture(space, each))["flops_m"]) for each in ends]
    assert found == [least, most]


@pytest.mark.parametrize("architecture", [reduced.SMALLEST, reduced.MIXED, reduced.LARGEST])
def test_multiply_adds_and_parameters_are_those_of_the_network(supernet: ofa.Ofa, architecture: dict[str, Any]) -> None:
    values = read_architecture(supernet.full_space, architecture)
    network = supernet.network(values)
    network.load_state_dict(supernet.activated(values), assign=True)
    counted = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        weights = module.weight.shape[1:].numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0
        counted += output.numel() * weights

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network.eval()(reduced.pictures(architecture["r"][0], 1))
    cost = supernet.cost(architecture)
    assert cost["macs_m"] * 1e6 == pytest.approx(counted, rel=1e-12)
    assert cost["params_m"] * 1e6 == pytest.approx(sum(each.numel() for each in network.parameters()), rel=1e-12)
    assert "flops_m" not in cost


def test_recalibration_is_the_official_rule(supernet: ofa.Ofa) -> None:
    """The official rule written out: every batch norm uses the batch, and averages of batch statistics are kept."""
    batches = [reduced.pictures(40, count, seed) * (1 + seed) for seed, count in enumerate((6, 6, 4))]
    values = read_architecture(supernet.full_space, reduced.MIXED)
    network = supernet.network(values)
    network.load_state_dict({name: each.clone() for name, each in supernet.activated(values).items()}, assign=True)
    network.eval()
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    kept: dict[nn.Module, list[tuple[int, Tensor, Tensor]]] = {norm: [] for norm in norms}

    def normalise(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        x = inputs[0]
        mean = x.mean((0, 2, 3), keepdim=True)
        variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
        kept[norm].append((x.shape[0], mean.flatten(), variance.flatten()))
        scaled = (x - mean) / (variance + norm.eps).sqrt()
        return scaled * norm.weight[:, None, None] + norm.bias[:, None, None]

    hooks = [norm.register_forward_hook(normalise) for norm in norms]
    with torch.no_grad():
        for batch in batches:
            network(batch)
        for hook in hooks:
            hook.remove()
        for norm, seen in kept.items():
            images = sum(count for count, _, _ in seen)
            norm.running_mean = sum(count * mean for count, mean, _ in seen) / images  # type: ignore[assignment]
            norm.running_var = sum(count * variance for count, _, variance in seen) / images  # type: ignore[assignment]
        pictures = reduced.pictures(40, 8, 9)
        expected = network(pictures)
        torch.testing.assert_close(supernet.subnet(reduced.MIXED, batches)(pictures), expected, rtol=1e-3, atol=1e-4)
        assert not torch.allclose(supernet.subnet(reduced.MIXED)(pictures), expected, rtol=1e-3, atol=1e-4)


def test_a_then_b_then_a_gives_the_first_answer_again(supernet: ofa.Ofa) -> None:
    before = copy.deepcopy(supernet.weights)
    pictures = reduced.pictures(40, 4)

    def answer(architecture: dict[str, Any]) -> Tensor:
        batches = [reduced.pictures(40, 8, seed) for seed in (1, 2)]
        logits: Tensor = supernet.subnet({**architecture, "r": [40]}, batches)(pictures)
        return logits

    first = answer(reduced.LARGEST)
    answer(reduced.SMALLEST)
    assert torch.equal(answer(reduced.LARGEST), first)
    assert all(torch.equal(before[name], each) for name, each in supernet.weights.items())


def test_what_is_beyond_the_depth_of_a_stage_changes_nothing(supernet: ofa.Ofa) -> None:
    other = {**reduced.MIXED, "ks": list(reduced.MIXED["ks"])}
    other["ks"][6] = 3  # stage 2 has two blocks, and this is its third
    pictures = reduced.pictures(40, 2)
    assert torch.equal(supernet.subnet(reduced.MIXED)(pictures), supernet.subnet(other)(pictures))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X", "module.X"),
        (".conv.", ".mobile_inverted_conv."),
        (".bn.bn.", ".bn."),
        (".conv.conv.weight", ".conv.weight"),
        (".linear.weight", ".linear.linear.weight"),
    ],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_every_spelling_and_serialization(supernet: ofa.Ofa, tmp_path: Path, old: str, new: str, is_zip: bool) -> None:
    def spelt(name: str) -> str:
        if old == "X":
            return f"module.{name}"
        if old == ".conv." and name.startswith("blocks."):
            head, _, tail = name.partition(".conv.")
            return f"{head}{new}{tail}"
        return name.replace(old, new)

    weights = {spelt(name): each for name, each in reduced.ofa_weights().items()}
    weights["first_conv.bn.num_batches_tracked" if old != "X" else "module.first_conv.bn.num_batches_tracked"] = (
        torch.tensor(7)
    )
    loaded = ofa.load(reduced.save(tmp_path / "other", {"state_dict": weights, "epoch": 3}, is_zip=is_zip))
    assert all(torch.equal(each, supernet.weights[name]) for name, each in loaded.weights.items())
    assert (loaded.width, loaded.classes) == (reduced.OFA_WIDTH, reduced.OFA_CLASSES)


def _without(name: str) -> dict[str, Tensor]:
    return {each: tensor for each, tensor in reduced.ofa_weights().items() if each != name}


def _with(name: str, tensor: Tensor) -> dict[str, Tensor]:
    return {**reduced.ofa_weights(), name: tensor}


@pytest.mark.parametrize(
    ("weights", "what"),
    [
        (_without("blocks.3.conv.point_linear.bn.bn.bias"), r'"blocks\.3\.conv\.point_linear\.bn\.bias" is missing'),
        (_without("classifier.linear.weight"), '"classifier.linear.weight" is not among its'),
        (_with("first_conv.conv.weight", torch.zeros(8, 3, 5, 5)), r"\[8, 3, 5, 5\] of float32; .* \[8, 3, 3, 3\]"),
        (_with("first_conv.conv.weight", torch.zeros(8, 3, 3, 3, dtype=torch.int8)), "of int8"),
        (_with("blocks.21.conv.x", torch.zeros(1)), '"blocks.21.conv.x" is not a tensor of a MobileNetV3 supernet'),
        (_with("classifier.linear.weight", torch.zeros(5)), r'"classifier.linear.weight" is \[5\], and has 2 axes'),
        ({"cls_token": torch.zeros(1, 1, 64)}, 'among its 1 tensors, the first being "cls_token".*AutoFormer'),
        ({"features.0.0.branch_main.0.weight": torch.zeros(1)}, "SPOS"),
        ({}, "neither a dictionary of tensors nor one under"),
        ({"a": 1}, "neither a dictionary of tensors nor one under"),
    ],
)
def test_another_file_is_refused_with_the_first_difference(
    weights: Mapping[str, object], what: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointUnusable, match=what):
        ofa.load(reduced.save(tmp_path / "other", {"state_dict": weights}))


class _Bomb:
    """What a hostile file would run when it is read: by a function that nobody has heard of, or by a notorious one."""

    def __init__(self, path: Path, *, is_notorious: bool = False) -> None:
        self.path, self.is_notorious = path, is_notorious

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.path}",)) if self.is_notorious else (Path.touch, (self.path,))


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("is_notorious", [True, False])
@pytest.mark.parametrize("place", ["whole", "key", "weights", "tensor", "beside", "deep"])
def test_nothing_in_a_file_is_run(place: str, is_zip: bool, is_notorious: bool, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    weights: dict[Any, Any] = dict(reduced.ofa_weights())
    bomb = _Bomb(ran, is_notorious=is_notorious)
    containers: dict[str, Any] = {
        "whole": bomb,
        "key": {bomb: weights},
        "weights": {"state_dict": bomb},
        "tensor": {"state_dict": {**weights, "x": bomb}},
        "beside": {"state_dict": weights, "args": bomb},
        "deep": {"state_dict": weights, "args": [{"x": (1, [bomb])}]},
    }
    path = reduced.save(tmp_path / "hostile", containers[place], is_zip=is_zip)
    with pytest.raises(CheckpointUnusable, match="holds more than weights, and nothing else is loaded"):
        ofa.load(path)
    assert not ran.exists()


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.9, 0.999])
def test_a_cut_file_is_refused(share: float, is_zip: bool, tmp_path: Path) -> None:
    path = reduced.save(tmp_path / "cut", {"state_dict": reduced.ofa_weights()}, is_zip=is_zip)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointUnusable, match="is not a PyTorch checkpoint, or a cut one; download it again"):
        ofa.load(path)


@pytest.mark.parametrize(
    "content", [b"\x80\x02]q\x00.", pickle.dumps({"state_dict": [1, 2]}), b"\xff" * 999, b"\x80\x02."]
)
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    says = f"{path}: is (not a PyTorch checkpoint, or a cut one|a pickle, but not one of torch.save)"
    with pytest.raises(CheckpointUnusable, match=says):
        ofa.load(path)


def test_a_missing_file_says_what_to_download(tmp_path: Path) -> None:
    where = ofa.MEMBERS["ofa-w1.2"].where_from
    with pytest.raises(
        CheckpointMissing, match=r"is not there; download ofa_mbv3_d234_e346_k357_w1\.2 .* from https://raw"
    ):
        ofa.load(tmp_path / "nothing", where_from=where)
    with pytest.raises(CheckpointUnusable, match="cannot be read: Is a directory"):
        ofa.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"d": [2, 3, 2, 3]}, ['"d" needs 5 entries']),
        ({"d": [2, 3, 2, 3, 4, 4]}, ['"d" needs 5 entries']),
        ({"ks": [3] * 19}, ['"ks" needs 20 entries']),
        ({"ks": [9] + [3] * 19, "e": [5] + [3] * 19}, ['"ks[0]" is 9', '"e[0]" is 5']),
        ({"r": [333]}, ['"r[0]" is 333']),
        ({"x": [1]}, ['"x" is no dimension']),
    ],
)
def test_an_illegal_architecture_is_refused_with_every_reason(
    supernet: ofa.Ofa, change: dict[str, Any], reasons: list[str]
) -> None:
    for ask in (supernet.subnet, supernet.cost):
        with pytest.raises(ArchitectureRejected) as caught:
            ask({**T, **change})
        assert all(reason in str(caught.value) for reason in reasons)


def test_training_reaches_every_weight(supernet: ofa.Ofa) -> None:
    weights = {name: each.clone().requires_grad_("running" not in name) for name, each in supernet.weights.items()}
    learner = copy.copy(supernet)
    learner.weights = weights
    values = read_architecture(supernet.full_space, {**reduced.LARGEST, "ks": [3] * 20})
    network = learner.network(values)
    torch.func.functional_call(network, learner.activated(values), (reduced.pictures(48, 4),)).square().sum().backward()
    unreached = [name for name, each in weights.items() if each.requires_grad and each.grad is None]
    assert unreached == []


def test_the_file_is_known_by_its_digest(supernet: ofa.Ofa) -> None:
    assert supernet.checkpoint.sha256 == hashlib.sha256(supernet.checkpoint.path.read_bytes()).hexdigest()
