"""Single Path One-Shot: the official answers, the counter, the rule of recalibration, and what is refused."""

import copy
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import parity
import pytest
import reduced
import torch
from torch import Tensor, nn

from collm_nas_evaluator import imagenet
from collm_nas_evaluator.backends.supernet import read_architecture
from collm_nas_evaluator.errors import ArchitectureRejected, CheckpointMissing, CheckpointUnusable
from collm_nas_evaluator.families import spos
from collm_nas_evaluator.space import Space

PAPER = {"op": [0, 0, 3, 3, 3, 2, 1, 3, 3, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3]}
"""SPOS of the CoLLM-NAS paper, Table 8."""
AUTHORS = {"op": [2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3]}
"""What the authors of SPOS found."""
MIXED = {"op": [3, 2, 1, 0] * 5}
OTHER = {"op": [1, 0, 3, 2] * 5}
PIXELS = 64


def weights(seed: int = 0) -> dict[str, Tensor]:
    return reduced.random_weights(spos.layout(reduced.SPOS_WIDTHS, reduced.CLASSES), seed)


def official_box(content: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """As the published file: saved from a parallel wrapper, each batch norm with a counter."""
    counters = {
        name.replace("running_var", "num_batches_tracked"): torch.tensor(150_000)
        for name in content
        if name.endswith("running_var")
    }
    return {"state_dict": {f"module.{name}": each for name, each in {**content, **counters}.items()}}


def pictures(count: int, seed: int = 0) -> Tensor:
    """Inputs from 0 to 255, with other offsets a channel."""
    offsets = torch.tensor([90.0, 120.0, 150.0])[:, None, None]
    return (reduced.pictures(PIXELS, count, seed) * 40 + offsets).clamp(0, 255).round()


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> spos.Spos:
    path = tmp_path_factory.mktemp("spos") / "reduced"
    return spos.load(reduced.save(path, official_box(weights())), calibration_images=50, pixels=PIXELS)


def unfolded(supernet: spos.Spos, architecture: dict[str, Any]) -> spos.Network:
    values = read_architecture(supernet.full_space, architecture)
    network = supernet.network(values)
    network.load_state_dict({name: each.clone() for name, each in supernet.activated(values).items()}, assign=True)
    return network.requires_grad_(False).eval()


@pytest.mark.parametrize("case", [0, 2])
def test_the_official_answers(case: int, tmp_path: Path) -> None:
    kit = parity.kit()
    kit.write_checkpoint("spos", tmp_path / "checkpoint-150000.pth.tar")
    supernet = spos.load(tmp_path / "checkpoint-150000.pth.tar")
    expected = kit.expected("spos")
    given = expected["archs"][case]
    architecture = {"op": given["arch"]}
    images = torch.from_numpy(kit.images("spos", case))
    batches = parity.tensors(kit.calibration("spos", case))
    plain, recalibrated = supernet.subnet(architecture)(images), supernet.subnet(architecture, batches)(images)
    assert parity.distance(f"spos {case} logits", plain, expected[f"logits_{case}"]) < parity.CLOSE
    assert parity.distance(f"spos {case} recalibrated", recalibrated, expected[f"recal_logits_{case}"]) < parity.CLOSE
    cost = supernet.cost(architecture)
    assert cost["flops_m"] * 1e6 == pytest.approx(given["cost"]["macs"], rel=1e-12)
    assert cost["params_m"] * 1e6 == pytest.approx(given["cost"]["params"], rel=1e-12)
    assert (supernet.widths, supernet.classes) == (spos.OFFICIAL, 1000)


@pytest.mark.parametrize(
    ("architecture", "flops", "params"),
    [
        (PAPER, 324_957_120, 3_747_728),
        (AUTHORS, 322_918_720, 3_558_464),
        ({"op": [0] * 20}, 295_842_496, None),
        ({"op": [1] * 20}, 313_654_976, None),
        ({"op": [2] * 20}, 340_373_696, None),
        ({"op": [3] * 20}, 358_825_920, None),
        ({"op": [3 if place in (0, 4, 8, 16) else 0 for place in range(20)]}, 270_360_000, None),
        ({"op": [2 if place in (0, 4, 8, 16) else 3 for place in range(20)]}, 398_610_000, None),
    ],
)
def test_the_published_costs(architecture: dict[str, Any], flops: int, params: int | None) -> None:
    values = read_architecture(Space(spos.DIMENSIONS), architecture)
    cost = spos.Counts(spos.OFFICIAL, 1000).cost(values)
    assert cost["flops_m"] == pytest.approx(flops / 1e6, abs=0.005 if flops % 10_000 == 0 else 1e-9)
    assert params is None or cost["params_m"] * 1e6 == pytest.approx(params, rel=1e-12)


def test_all_that_costs_least_and_most() -> None:
    counts = spos.Counts(spos.OFFICIAL, 1000)

    def flops(operations: list[int]) -> float:
        return counts.cost({"op": [float(each) for each in operations]})["flops_m"]

    source = random.Random(0)
    found = [flops([source.randrange(4) for _ in range(20)]) for _ in range(2000)]
    assert all(270.355 < each < 398.615 for each in found)
    assert 0.55 < sum(each <= 330 for each in found) / len(found) < 0.63


@pytest.mark.parametrize("architecture", [PAPER, MIXED, *({"op": [each] * 20} for each in range(4))])
def test_multiply_adds_and_parameters_are_those_of_the_network(
    supernet: spos.Spos, architecture: dict[str, Any]
) -> None:
    counted = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        assert isinstance(module, nn.Conv2d | nn.Linear)
        assert module.bias is None
        counted += output.numel() * module.weight.shape[1:].numel()

    network = unfolded(supernet, architecture)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network(pictures(1))
    cost = supernet.cost(architecture)
    assert cost["flops_m"] * 1e6 == pytest.approx(counted, rel=1e-12)
    values = read_architecture(supernet.full_space, architecture)
    alone = spos.Network(supernet.widths, values, supernet.classes, affine=True)
    assert cost["params_m"] * 1e6 == pytest.approx(sum(each.numel() for each in alone.parameters()), rel=1e-12)


def test_a_block_is_what_the_official_file_says(supernet: spos.Spos) -> None:
    """Operations 3 and 1 written out from the official names: even channels pass, odd ones are worked on."""
    own = supernet.weights

    def conv_norm(x: Tensor, name: str, at: int, *, stride: int = 1) -> Tensor:
        weight = own[f"features.{name}.{at}.weight"]
        groups = 1 if weight.shape[-1] == 1 else weight.shape[0]
        x = torch.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=groups)
        mean, variance = (own[f"features.{name}.{at + 1}.running_{each}"] for each in ("mean", "var"))
        return (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()

    def strided(x: Tensor) -> Tensor:
        half = conv_norm(conv_norm(x, "0.3.branch_proj", 0, stride=2), "0.3.branch_proj", 2).relu()
        y, name = x, "0.3.branch_main"
        for depthwise, pointwise in ((0, 2), (5, 7), (10, 12)):
            y = conv_norm(conv_norm(y, name, depthwise, stride=1 if depthwise else 2), name, pointwise).relu()
        return torch.cat((half, y), 1)

    def other(x: Tensor) -> Tensor:
        y, name = conv_norm(x[:, [1, 3, 5, 7, 9, 11, 13, 15]], "1.1.branch_main", 0).relu(), "1.1.branch_main"
        return torch.cat((x[:, [0, 2, 4, 6, 8, 10, 12, 14]], conv_norm(conv_norm(y, name, 3), name, 5).relu()), 1)

    network = unfolded(supernet, {"op": [3, 1, *[0] * 18]})
    x = torch.randn(2, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.blocks[:2](x), other(strided(x)), rtol=1e-4, atol=1e-5)


def test_recalibration_is_the_official_rule(supernet: spos.Spos) -> None:
    """The official rule written out: from 0 and 1, a tenth of each batch's mean and unbiased variance is mixed in."""
    batches = [pictures(count, seed) * (1 - 0.2 * seed) for seed, count in enumerate((6, 6, 4))]
    network = unfolded(supernet, MIXED)
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    kept = {norm: (torch.zeros(norm.num_features), torch.ones(norm.num_features)) for norm in norms}

    def normalise(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        x = inputs[0]
        values = x.shape[0] * x.shape[2] * x.shape[3]
        mean = x.mean((0, 2, 3))
        squares = ((x - mean[:, None, None]) ** 2).sum((0, 2, 3))
        before, spread = kept[norm]
        kept[norm] = (0.9 * before + 0.1 * mean, 0.9 * spread + 0.1 * squares / (values - 1))
        return (x - mean[:, None, None]) / (squares / values + 1e-5).sqrt()[:, None, None]

    hooks = [norm.register_forward_hook(normalise) for norm in norms]
    for batch in batches:
        network(batch)
    for hook in hooks:
        hook.remove()
    for norm, (mean, variance) in kept.items():
        norm.running_mean, norm.running_var = mean, variance
    expected, images = network(pictures(8, 9)), pictures(8, 9)

    def distance(batches: list[Tensor] | None) -> float:
        return float((supernet.subnet(MIXED, batches)(images) - expected).abs().max() / expected.std())

    assert distance(batches) < parity.CLOSE
    assert distance(None) > 10 * parity.CLOSE
    assert distance(batches[::-1]) > 10 * parity.CLOSE


def test_a_folded_network_answers_as_the_unfolded_one(supernet: spos.Spos) -> None:
    for architecture in (PAPER, MIXED):
        folded, images = supernet.subnet(architecture), pictures(4)
        assert not any(isinstance(each, nn.BatchNorm2d) for each in folded.modules())
        assert not folded.training
        expected = unfolded(supernet, architecture)(images)
        torch.testing.assert_close(folded(images), expected, rtol=1e-3, atol=1e-4 * float(expected.std()))


def test_a_then_b_then_a_gives_the_first_answer_again(supernet: spos.Spos) -> None:
    before = copy.deepcopy(supernet.weights)
    images = pictures(4)

    def answer(architecture: dict[str, Any], *, is_recalibrated: bool) -> Tensor:
        batches = [pictures(8, seed) for seed in (1, 2)] if is_recalibrated else None
        logits: Tensor = supernet.subnet(architecture, batches)(images)
        return logits

    first = [answer(MIXED, is_recalibrated=each) for each in (True, False)]
    answer(OTHER, is_recalibrated=True)
    answer({"op": [3, 2, 1, 0, *[1] * 16]}, is_recalibrated=True)  # shares blocks with the first one
    assert torch.equal(answer(MIXED, is_recalibrated=True), first[0])
    assert torch.equal(answer(MIXED, is_recalibrated=False), first[1])
    assert all(torch.equal(before[name], each) for name, each in supernet.weights.items())


def test_every_block_counts(supernet: spos.Spos) -> None:
    images, first = pictures(2), supernet.subnet(MIXED)(pictures(2))
    for place in (0, 1, 4, 15, 19):
        changed = {"op": [(each + (at == place)) % 4 for at, each in enumerate(MIXED["op"])]}
        assert not torch.allclose(supernet.subnet(changed)(images), first)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("is_bare", [True, False])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_every_container_and_serialization(
    supernet: spos.Spos, tmp_path: Path, is_zip: bool, is_bare: bool, is_wrapped: bool
) -> None:
    content = official_box(weights())["state_dict"]
    if not is_wrapped:
        content = {name.removeprefix("module."): each for name, each in content.items()}
    loaded = spos.load(reduced.save(tmp_path / "other", content if is_bare else {"state_dict": content}, is_zip=is_zip))
    assert all(torch.equal(each, supernet.weights[name]) for name, each in loaded.weights.items())
    assert (loaded.widths, loaded.classes, loaded.pixels) == (reduced.SPOS_WIDTHS, reduced.CLASSES, 224)
    assert loaded.calibration_images == 25_600


def test_the_layout_has_as_many_values_as_the_official_file() -> None:
    shapes = spos.layout(spos.OFFICIAL, 1000)
    norms = [shape for name, shape in shapes.items() if name.endswith("running_var")]
    assert len(shapes) + len(norms) == 1337
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) + len(norms) == 8_489_982


def _without(name: str) -> dict[str, Tensor]:
    return {each: tensor for each, tensor in weights().items() if each != name}


def _with(name: str, tensor: Tensor) -> dict[str, Tensor]:
    return {**weights(), name: tensor}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (_without("features.5.3.branch_main.12.weight"), r'"features\.5\.3\.branch_main\.12\.weight" is missing'),
        (_without("classifier.0.weight"), '"classifier.0.weight" is not among its'),
        (_without("first_conv.0.weight"), '"first_conv.0.weight" is not among its'),
        (
            _with("features.0.2.branch_main.3.weight", torch.zeros(8, 1, 5, 5)),
            r'"features\.0\.2\.branch_main\.3\.weight" is \[8, 1, 5, 5\] of float32; a ShuffleNetV2 supernet of widths '
            r"8, 16, 24, 32, 48, 64 with 5 classes has floats of shape \[8, 1, 7, 7\]",
        ),
        (_with("first_conv.1.running_var", torch.zeros(8, dtype=torch.int64)), "of int64"),
        (
            _with("first_conv.1.weight", torch.zeros(8)),
            '"first_conv.1.weight" is not a tensor of a ShuffleNetV2 supernet',
        ),
        (
            _with("features.8.0.branch_proj.0.weight", torch.zeros(25, 1, 3, 3)),
            "has widths 8, 16, 25, 32, 48, 64; those of the stages have to be even and to grow",
        ),
        (_with("conv_last.0.weight", torch.tensor(1.0)), "those of the stages have to be even and to grow"),
        ({"cls_token": torch.zeros(1, 1, 64)}, 'among its 1 tensors, the first being "cls_token"'),
        ({}, "neither a dictionary of tensors nor one under"),
    ],
)
def test_another_file_is_refused_with_the_first_difference(
    content: Mapping[str, Tensor], what: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointUnusable, match=what):
        spos.load(reduced.save(tmp_path / "other", official_box(content)))


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    where = spos.MEMBERS["spos"].where_from
    with pytest.raises(CheckpointMissing, match=r"is not there; download Supernet/checkpoint-150000\.pth\.tar .*1drv"):
        spos.load(tmp_path / "nothing", where_from=where)
    (tmp_path / "foreign").write_bytes(b"<html>sign in</html>")
    with pytest.raises(CheckpointUnusable, match=str(tmp_path / "foreign")):
        spos.load(tmp_path / "foreign")


@pytest.mark.parametrize(
    ("architecture", "reasons"),
    [
        ({"op": [0] * 19}, ['"op" needs 20 entries (or 4 lists, one a group), got 19']),
        ({"op": [4, "x", *[0] * 17, -1]}, ['"op[0]" is 4', '"op[1]" is "x"', '"op[19]" is -1']),
        ({"op": [True, 0.5, *[0] * 18], "r": [224]}, ['"op[0]" is true', '"op[1]" is 0.5', '"r" is no dimension']),
        ({"op": [[0] * 4, [0] * 4, [0] * 4, [0] * 4]}, ['"op[2]" needs 8 entries']),
        ({}, ['"op" is missing']),
    ],
)
def test_an_illegal_architecture_is_refused_with_every_reason(
    supernet: spos.Spos, architecture: dict[str, Any], reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supernet, "weights", {})  # the network could not be used before
    for ask in (supernet.subnet, supernet.cost):
        with pytest.raises(ArchitectureRejected) as caught:
            ask(architecture)
        assert all(reason in str(caught.value) for reason in reasons)


def test_stages_may_be_given_as_lists(supernet: spos.Spos) -> None:
    flat = PAPER["op"]
    grouped = {"op": [flat[:4], [str(each) for each in flat[4:8]], flat[8:16], flat[16:]]}
    assert supernet.cost(grouped) == supernet.cost(PAPER)


def test_what_a_search_is_shown(supernet: spos.Spos) -> None:
    (dimension,) = spos.DIMENSIONS
    assert (dimension.name, dimension.choices, dimension.numeric) == ("op", ("0", "1", "2", "3"), True)
    assert [group.size for group in dimension.groups] == [4, 4, 8, 4]
    assert (dimension.slot_names[0], dimension.slot_names[15]) == ("stage 1, block 1", "stage 3, block 8")
    assert Space(spos.DIMENSIONS).size == 4**20
    reported = spos.SUMMARY + dimension.meaning + "".join(each.meaning for each in supernet.costs)
    assert not any(word in reported.lower() for word in ("imagenet", "spos", "single path", "shuffle", "xception"))


def test_how_images_reach_a_network(supernet: spos.Spos) -> None:
    values = read_architecture(supernet.full_space, PAPER)
    assert supernet.validation(values).hash == imagenet.spos_validation(PIXELS).hash
    calibration = supernet.calibration(values)
    assert (calibration.recipe.hash, calibration.batch) == (imagenet.spos_training(PIXELS).hash, 128)
    assert calibration.images == 50
