"""AutoFormer: the official answers, the published form of its attention, the counter, and what is refused."""

import argparse
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import parity
import pytest
import reduced
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from collm_nas_evaluator import imagenet
from collm_nas_evaluator.backends.supernet import Supernet, values_of
from collm_nas_evaluator.errors import ArchitectureRejected, CheckpointMissing, CheckpointUnusable
from collm_nas_evaluator.families import autoformer
from collm_nas_evaluator.families.autoformer import CHOICES, MEMBERS, AutoFormer, Choices, Counts, Sizes, layout
from collm_nas_evaluator.space import Space

CASE = "autoformer-tiny"

Raw = dict[str, Any]

PAPER: Raw = {
    "depth": [13],
    "dim": [192],
    "mlp": [*[3.5] * 9, 4.0, 3.5, 4.0, 3.5],
    "heads": [*[3] * 10, 4, 3, 4],
}
"""AutoFormer-T of the CoLLM-NAS paper, Table 8."""

REDUCED = Sizes(dim=128, heads=2, depth=3, classes=10, grid=4)
SMALL: Raw = {"depth": [2], "dim": [72], "mlp": [3.5, 1], "heads": [1, 2]}
LARGE: Raw = {"depth": [3], "dim": [128], "mlp": [4, 3, 0.5], "heads": [2, 1, 2]}
CHANGED = (
    {**LARGE, "dim": [96]},
    {**LARGE, "mlp": [4, 3, 1]},
    {**LARGE, "heads": [2, 2, 2]},
    {**LARGE, "depth": [2]},
)


def sizes_of(member: str) -> Sizes:
    return Sizes(**{name: int(size) for name, size in MEMBERS[member].size.items()})


def weights_of(sizes: Sizes) -> dict[str, Tensor]:
    return reduced.random_weights(layout(sizes))


def images_of(sizes: Sizes, count: int = 2) -> Tensor:
    return reduced.pictures(autoformer.PATCH * sizes.grid, count)


@torch.inference_mode()
def answer(network: torch.nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = network(images)
    return logits


def furthest(logits: Tensor, wanted: Tensor) -> float:
    """The largest difference, in standard deviations of what is wanted."""
    return float((logits - wanted).abs().max() / wanted.std())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> AutoFormer:
    """A supernet of the official size from a file with all the state of a training."""
    path = tmp_path_factory.mktemp("parity") / "supernet-tiny.pth"
    parity.kit().write_checkpoint(CASE, path)
    return autoformer.load(path)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint file."""

    def save_box(box: object, *, is_zip: bool = True) -> Path:
        return reduced.save(tmp_path / "supernet.pth", box, is_zip=is_zip)

    return save_box


@pytest.fixture
def supernet(save: Callable[..., Path]) -> AutoFormer:
    """A supernet of three layers."""
    return autoformer.load(save({"model": weights_of(REDUCED)}))


# The official answers.


@pytest.mark.parametrize("index", [0, 2], ids=["paper", "mixed"])
def test_the_official_answers(tiny: AutoFormer, index: int) -> None:
    kit = parity.kit()
    expected = kit.expected(CASE)
    given = expected["archs"][index]
    architecture = {name: value if isinstance(value, list) else [value] for name, value in given["arch"].items()}
    logits = answer(tiny.subnet(architecture), torch.from_numpy(kit.images(CASE, index)))
    assert parity.distance(f"{CASE} {given['name']} logits", logits, expected[f"logits_{index}"]) < parity.CLOSE
    assert tiny.cost(architecture) == {
        "params_m": given["cost"]["params"] / 1e6,
        "flops_m": given["cost"]["flops_get_complexity_196"] / 1e6,
    }


def test_the_layout_is_the_official_one() -> None:
    official = [(key, tuple(shape)) for _, key, shape, _ in parity.kit().layout(CASE)]
    assert list(layout(sizes_of(CASE)).items()) == official


# The published form of the network.


def gathered(grid: int, table_rows: Tensor, table_columns: Tensor) -> Tensor:
    """The vector of every pair of tokens, [tokens, tokens, 64], as the official code makes it in every batch."""
    places = torch.arange(grid**2)

    def index(of_patches: Tensor) -> Tensor:
        apart = (of_patches[None, :] - of_patches[:, None]).clamp(-14, 14)
        return F.pad(apart + 15, (1, 0, 1, 0))

    return table_rows[index(places // grid)] + table_columns[index(places % grid)]


def attention(weights: Mapping[str, Tensor], name: str, x: Tensor, heads: int, grid: int) -> Tensor:
    """Attention of a layer as published: positions for each pair of tokens, added to keys and to values."""
    (count, tokens, dim), inner = x.shape, 64 * heads
    weight, bias = weights[f"{name}.qkv.weight"][: 3 * inner, :dim], weights[f"{name}.qkv.bias"]
    q, k, v = (
        F.linear(x, weight[part::3], bias[part * inner : (part + 1) * inner]).view(count, tokens, heads, 64)
        for part in range(3)
    )
    for_keys, for_values = (
        gathered(grid, *(weights[f"{name}.rel_pos_embed_{side}.embeddings_table_{axis}"] for axis in "vh"))
        for side in "kv"
    )
    logits = torch.einsum("nqhc,nkhc->nhqk", q, k) + torch.einsum("nqhc,qkc->nhqk", q, for_keys)
    shares = (logits * 64**-0.5).softmax(-1)
    x = torch.einsum("nhqk,nkhc->nqhc", shares, v) + torch.einsum("nhqk,qkc->nqhc", shares, for_values)
    return F.linear(x.flatten(2), weights[f"{name}.proj.weight"][:dim, :inner], weights[f"{name}.proj.bias"][:dim])


def published(weights: Mapping[str, Tensor], raw: Raw, images: Tensor) -> Tensor:
    """The logits of a subnet, slice by slice from the supernet's weights."""
    dim, grid = raw["dim"][0], images.shape[-1] // 16

    def norm(name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, (dim,), weights[f"{name}.weight"][:dim], weights[f"{name}.bias"][:dim], 1e-5)

    patches = weights["patch_embed_super.proj.weight"][:dim], weights["patch_embed_super.proj.bias"][:dim]
    x = F.conv2d(images, *patches, stride=16).flatten(2).transpose(1, 2)
    x = torch.cat([weights["cls_token"][..., :dim].expand(len(x), -1, -1), x], 1) + weights["pos_embed"][..., :dim]
    for layer in range(raw["depth"][0]):
        name, hidden = f"blocks.{layer}", int(dim * raw["mlp"][layer])
        y = norm(f"{name}.attn_layer_norm", x)
        x = x + attention(weights, f"{name}.attn", y, raw["heads"][layer], grid)
        y = norm(f"{name}.ffn_layer_norm", x)
        y = F.gelu(F.linear(y, weights[f"{name}.fc1.weight"][:hidden, :dim], weights[f"{name}.fc1.bias"][:hidden]))
        x = x + F.linear(y, weights[f"{name}.fc2.weight"][:dim, :hidden], weights[f"{name}.fc2.bias"][:dim])
    return F.linear(norm("norm", x)[:, 1:].mean(1), weights["head.weight"][:, :dim], weights["head.bias"])


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("grid", [1, 4, 17])
def test_a_subnet_computes_the_published_form(save: Callable[..., Path], grid: int, raw: Raw) -> None:
    sizes = Sizes(dim=128, heads=2, depth=3, classes=10, grid=grid)  # 17 is wider than the farthest distance
    weights, images = weights_of(sizes), images_of(sizes)
    logits = answer(autoformer.load(save({"model": weights})).subnet(raw), images)
    wanted = published(weights, raw, images)
    assert furthest(logits, wanted) < 1e-4


@pytest.mark.parametrize("raw", CHANGED, ids=["dim", "mlp", "heads", "depth"])
def test_every_choice_shows_in_the_answer(supernet: AutoFormer, raw: Raw) -> None:
    images = images_of(REDUCED)
    assert not torch.allclose(answer(supernet.subnet(raw), images), answer(supernet.subnet(LARGE), images), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_close(supernet: AutoFormer, dtype: torch.dtype) -> None:
    network, images = supernet.subnet(LARGE), images_of(REDUCED, 8)
    with torch.autocast("cpu", dtype):
        half = answer(network, images)
    full = answer(network, images)
    assert furthest(half, full) < (0.01 if dtype == torch.float16 else 0.1)


# Extraction.


def test_one_subnet_leaves_no_trace_in_the_next(supernet: AutoFormer) -> None:
    before = {name: tensor.clone() for name, tensor in supernet.weights.items()}
    images = images_of(REDUCED)
    first = answer(supernet.subnet(SMALL), images)
    answer(supernet.subnet(LARGE), images)
    assert torch.equal(answer(supernet.subnet(SMALL), images), first)
    assert all(torch.equal(tensor, before[name]) for name, tensor in supernet.weights.items())


def test_subnets_share_the_memory_of_the_supernet(supernet: AutoFormer) -> None:
    one, other = (dict(supernet.subnet(raw).state_dict()) for raw in (SMALL, LARGE))
    own = {name for name in one if one[name].data_ptr() != other[name].data_ptr()}
    assert own == {f"blocks.{layer}.qkv.weight" for layer in range(2)}
    assert one["head.weight"].data_ptr() == supernet.weights["head.weight"].data_ptr()


def test_a_subnet_is_ready_to_be_measured(supernet: AutoFormer) -> None:
    network = supernet.subnet(LARGE)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert answer(network, images_of(REDUCED, 3)).shape == (3, 10)


def test_there_is_nothing_to_calibrate(supernet: AutoFormer) -> None:
    assert supernet.calibration({}) is None  # type: ignore[func-returns-value]
    with pytest.raises(ValueError, match="no batch norm to calibrate"):
        supernet.subnet(LARGE, [images_of(REDUCED)])


def test_images_are_prepared_at_the_size_of_the_positions(supernet: AutoFormer) -> None:
    assert supernet.validation({}).name == imagenet.autoformer_validation(64).name


def test_it_can_be_served(supernet: AutoFormer) -> None:
    served: Supernet = supernet
    assert [cost.name for cost in served.costs] == list(supernet.cost(LARGE))
    assert not served.needs_training_images


# Architectures.


@pytest.mark.parametrize(
    ("raw", "reasons"),
    [
        ({**LARGE, "mlp": [4, 3]}, ['"mlp" needs 3 entries, got 2']),
        ({**LARGE, "heads": [2, 1, 2, 2]}, ['"heads" needs 3 entries, got 4']),
        ({**SMALL, "mlp": [3]}, ['"mlp" needs 3 entries, got 1']),
        (
            {"depth": [3], "dim": [100], "mlp": [4, 4.5, 3.25], "heads": [3, 2, 0]},
            ['"dim[0]" is 100', '"mlp[1]" is 4.5', '"mlp[2]" is 3.25', '"heads[0]" is 3', '"heads[2]" is 0'],
        ),
        ({"depth": [4], "dim": [64], "width": 3}, ['"depth[0]" is 4', '"mlp" is missing', '"width" is no dimension']),
    ],
)
def test_what_the_weights_do_not_hold_is_rejected_before_they_are_touched(
    supernet: AutoFormer, raw: Raw, reasons: list[str]
) -> None:
    supernet.weights.clear()
    for ask in (supernet.subnet, supernet.cost):
        with pytest.raises(ArchitectureRejected) as rejected:
            ask(raw)
        assert all(reason in str(rejected.value) for reason in reasons)


def test_lists_may_hold_the_active_layers_only_or_one_entry_a_layer(supernet: AutoFormer) -> None:
    padded = {**SMALL, "depth": 2, "dim": "72", "mlp": ["3.5", "1.0", None], "heads": [1.0, 2, None]}
    images = images_of(REDUCED)
    assert supernet.cost(padded) == supernet.cost(SMALL)
    assert torch.equal(answer(supernet.subnet(padded), images), answer(supernet.subnet(SMALL), images))


def test_what_is_sampled_from_a_callers_own_choices_is_in_the_weights(supernet: AutoFormer) -> None:
    for choices in (Choices((1, 3), (64, 96), (3, 3.5), (1, 2)), Choices((1, 2), (8, 128), (0.5, 4), (2,))):
        space, source = Space(choices.dimensions(REDUCED.depth)), random.Random(5)
        for _ in range(5):
            architecture = space.sample(source)
            values = values_of(space, architecture)
            assert answer(supernet.subnet(space.to_object(architecture)), images_of(REDUCED)).isfinite().all()
            assert supernet.cost_of(values) == supernet.cost(values)


@pytest.mark.parametrize(
    ("member", "which"), [(member, which) for member in MEMBERS for which in ("released", "paper")]
)
def test_served_choices_are_among_those_that_the_weights_hold(member: str, which: str) -> None:
    choices, size = CHOICES[member][which], MEMBERS[member].size
    depth, dim, mlp, heads = choices.dimensions()
    assert max(depth.values) == mlp.length == heads.length == size["depth"]
    assert max(dim.values) <= size["dim"]
    assert all(value % 8 == 0 for value in dim.values)
    assert max(heads.values) <= size["heads"]
    assert choices.source.startswith("choices: ")
    assert Space(choices.dimensions()).size > 1e8


def test_the_two_sets_of_choices_differ_where_the_paper_departs_from_the_released_configuration() -> None:
    assert {name for name, sets in CHOICES.items() if sets["released"].ratios != sets["paper"].ratios} == {CASE}
    assert {name for name, sets in CHOICES.items() if sets["released"].heads != sets["paper"].heads} == {
        "autoformer-base"
    }
    assert CHOICES[CASE]["paper"].dimensions()[2].choices == ("3", "3.5", "4")


def test_what_models_are_shown_names_no_data_and_no_measurement() -> None:
    reported = [autoformer.SUMMARY, *(cost.meaning for cost in AutoFormer.costs)]
    reported += [dimension.meaning for dimension in CHOICES[CASE]["paper"].dimensions()]
    text = " ".join(reported).lower()
    assert not any(word in text for word in ("imagenet", "autoformer", "accuracy", "top-1", "percent", "%"))


# Costs.


def test_the_papers_subnet_costs_what_the_paper_says() -> None:
    space = Space(CHOICES[CASE]["paper"].dimensions())
    parsed = space.parse(PAPER)
    assert not isinstance(parsed, list)
    cost = Counts(sizes_of(CASE)).cost(values_of(space, parsed))
    assert cost == {"params_m": 5.954248, "flops_m": 1366.089978}
    assert (round(cost["flops_m"]), round(cost["params_m"], 1)) == (1366, 6.0)


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
def test_parameters_are_those_that_a_subnet_is_made_of(supernet: AutoFormer, raw: Raw) -> None:
    tables = 4 * 30 * 64 * raw["depth"][0]
    counted = tables + sum(parameter.numel() for parameter in supernet.subnet(raw).parameters())
    assert supernet.cost(raw)["params_m"] == counted / 1e6


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
def test_multiply_adds_are_those_of_the_official_counter(supernet: AutoFormer, raw: Raw) -> None:
    patches, (depth,), (dim,) = REDUCED.grid**2, raw["depth"], raw["dim"]
    flops = patches * dim * 3 * 16 * 16 + dim  # patch embedding
    flops += dim * (patches + 1) / 2.0  # absolute positions
    length = patches + 2
    for ratio, heads in zip(raw["mlp"][:depth], raw["heads"][:depth], strict=True):
        inner = 64 * heads
        attention_flops = length * inner * 3 * dim  # queries, keys and values
        attention_flops += length * length * inner  # queries with keys
        attention_flops += 14 * length * length + length * length / 2.0  # positions of keys
        attention_flops += length * length * inner  # shares with values
        attention_flops += 14 * length * length + length * inner / 2.0  # positions of values
        attention_flops += length * inner * dim  # projection
        mlp_flops = length * dim * int(dim * ratio) * 2
        flops += length * dim + attention_flops + length * dim + mlp_flops
    flops += (patches + 1) * dim * REDUCED.classes
    assert supernet.cost(raw)["flops_m"] == flops / 1e6


@pytest.mark.parametrize(
    ("member", "smallest", "largest"),
    [("autoformer-tiny", 4.92, 10.52), ("autoformer-small", 13.06, 34.79), ("autoformer-base", 39.79, 76.88)],
)
def test_the_papers_spaces_reach_from_the_known_smallest_to_the_known_largest(
    member: str, smallest: float, largest: float
) -> None:
    choices = CHOICES[member]["paper"]
    counts = Counts(sizes_of(member))
    ends = [
        counts.cost({"depth": [depth], "dim": [dim], "mlp": [ratio] * depth, "heads": [heads] * depth})["params_m"]
        for depth, dim, ratio, heads in (
            (each(choices.depths), each(choices.dims), each(choices.ratios), each(choices.heads)) for each in (min, max)
        )
    ]
    assert [round(end, 2) for end in ends] == [smallest, largest]


# Files.


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("container", ["training", "model", "bare", "parallel"])
def test_every_form_of_file_is_read(save: Callable[..., Path], container: str, is_zip: bool) -> None:
    weights = weights_of(REDUCED)
    box: Any = {
        "training": {
            "model": weights,
            "optimizer": {
                "state": {0: {"step": torch.tensor(3.0)}},
                "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.99)}],
            },
            "lr_scheduler": {"base_values": [0.001], "t_initial": 500},
            "epoch": 499,
            "scaler": {"scale": 65536.0},
            "args": argparse.Namespace(mode="super", opt_betas=None, amp=True, lr=0.001, change_qkv=True),
        },
        "model": {"model": weights},
        "bare": weights,
        "parallel": {"model": {f"module.{name}": tensor for name, tensor in weights.items()}},
    }[container]
    supernet = autoformer.load(save(box, is_zip=is_zip))
    assert supernet.sizes == REDUCED
    assert supernet.size == {"dim": 128, "heads": 2, "depth": 3, "classes": 10}
    assert all(torch.equal(supernet.weights[name], tensor) for name, tensor in weights.items())


class Bomb:
    """Makes a file when it is unpickled without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", ["args", "optimizer", "epoch"])
def test_nothing_in_a_file_is_run(save: Callable[..., Path], tmp_path: Path, place: str, is_zip: bool) -> None:
    bomb = Bomb(tmp_path / "exploded")
    hidden = {"args": argparse.Namespace(lr=bomb), "optimizer": {"state": {0: [bomb]}}, "epoch": bomb}[place]
    path = save({"model": weights_of(REDUCED), place: hidden}, is_zip=is_zip)
    with pytest.raises(CheckpointUnusable, match="holds more than weights"):
        autoformer.load(path)
    assert not bomb.path.exists()


def without(name: str) -> dict[str, Tensor]:
    weights = weights_of(REDUCED)
    del weights[name]
    return weights


def changed(**shapes: tuple[int, ...]) -> dict[str, Tensor]:
    return weights_of(REDUCED) | {name.replace("__", "."): torch.zeros(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (without("pos_embed"), '"pos_embed" is not among its .* the first being "cls_token"'),
        (
            without("blocks.1.attn.rel_pos_embed_k.embeddings_table_h"),
            r'"blocks.1.attn.*table_h" is missing;.*\[30, 64\]',
        ),
        (without("blocks.1.fc1.weight"), '"blocks.1.attn.qkv.weight" is not a tensor of .* 1 layers'),
        (changed(head__bias=(11,)), r'"head.bias" is \[11\] of float32;.*\[10\]'),
        (changed(blocks__2__fc2__weight=(128, 384)), r'"blocks.2.fc2.weight" is \[128, 384\].*\[128, 512\]'),
        (changed(blocks__0__attn__rel_pos_embed_v__embeddings_table_v=(28, 64)), r"table_v\" is \[28, 64\]"),
        (changed(norm_pre__weight=(128,)), '"norm_pre.weight" is not a tensor of an AutoFormer supernet of width 128'),
        (changed(pos_embed=(1, 19, 128)), "for 19 tokens, no square and one; no AutoFormer"),
        (changed(pos_embed=(1, 33 * 33 + 1, 128)), "for 1090 tokens, more than those of 32x32 patches"),
        (changed(**{f"blocks__{layer}__fc1__weight": (1,) for layer in range(1, 49)}), "49 layers, more than 48"),
        (changed(pos_embed=(17, 128)), r'"pos_embed" is \[17, 128\], and has 3 axes in a supernet'),
        (changed(blocks__0__attn__qkv__weight=(380, 128)), '"blocks.0.attn.qkv.weight" has 380 rows'),
        (changed(blocks__0__fc1__weight=(48, 128)), '"blocks.0.fc1.weight" has 48 rows'),
        (changed(head__weight=(10, 100)), '"head.weight" is 100 wide'),
        ({"first_conv.conv.weight": torch.zeros(16, 3, 3, 3)}, 'the first being "first_conv.conv.weight"'),
    ],
)
def test_a_file_of_something_else_is_refused_by_its_first_tensor(
    save: Callable[..., Path], weights: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(CheckpointUnusable, match=message):
        autoformer.load(save({"model": weights}))


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    member = MEMBERS["autoformer-small"]
    with pytest.raises(CheckpointMissing, match=r"supernet-small\.pth \(about 139 MB.*releases/download/v1\.0/"):
        autoformer.load(tmp_path / "none.pth", where_from=member.where_from)


@pytest.mark.parametrize(
    ("member", "parameters"), [(CASE, 11_669_224), ("autoformer-small", 34_790_440), ("autoformer-base", 80_160_360)]
)
def test_the_largest_subnet_of_a_supernet_has_its_parameters(member: str, parameters: int) -> None:
    sizes = sizes_of(member)
    values: dict[str, list[float | None]] = {
        "depth": [sizes.depth],
        "dim": [sizes.dim],
        "mlp": [sizes.ratio] * sizes.depth,
        "heads": [sizes.heads] * sizes.depth,
    }
    assert Counts(sizes).cost(values)["params_m"] * 1e6 == pytest.approx(parameters, abs=0.5)
    assert sum(torch.Size(shape).numel() for shape in layout(sizes).values()) == parameters
