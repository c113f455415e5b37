"""AutoFormer: vision transformers with elastic depth, width, heads and MLP ratio (Chen et al., ICCV 2021).

Owns the space, the layout of the official file, the extraction of a subnet and what one costs. Knows no image file and
no transport. The official code is AutoFormer in microsoft/Cream (model/supernet_transformer.py, model/module).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from math import isqrt
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from collm_nas_evaluator import checkpoints, imagenet, keys
from collm_nas_evaluator.backends.supernet import CheckpointSpec, ForNotebooks, Values
from collm_nas_evaluator.checkpoints import Shape
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.errors import CheckpointUnusable
from collm_nas_evaluator.keys import Key
from collm_nas_evaluator.space import Cost, Space

PATCH = 16
"""Side of a patch in pixels."""
HEAD = 64
"""Width of every head, however many there are."""
_FARTHEST = 14
_DISTANCES = 2 * _FARTHEST + 2
"""Rows of a relative-position table: one for the class token, then one for each distance in both directions."""
_TABLES = tuple(f"rel_pos_embed_{side}.embeddings_table_{axis}" for side in "kv" for axis in "vh")
_EPSILON = 1e-5
_LARGEST_GRID, _DEEPEST = 32, 48
"""The largest values that a file may ask for. Tables grow faster than the file with each. Officially 14 and 16."""
_DIM_STEP, _RATIO_STEP = 8, 0.5

_DOWNLOAD = (
    "download {file} (about {megabytes} MB or, with the state of the training, three times that) from "
    "https://github.com/silent-chen/AutoFormer-model-zoo/releases/download/v1.0/ and put it there, or correct "
    "checkpoints.{id}"
)

MEMBERS: Mapping[str, CheckpointSpec] = {
    "autoformer-tiny": CheckpointSpec(
        title="AutoFormer-T, vision transformer supernet",
        resolutions=(224,),
        size={"dim": 256, "heads": 4, "depth": 14},
        where_from=_DOWNLOAD.format(file="supernet-tiny.pth", megabytes=47, id="autoformer-tiny"),
    ),
    "autoformer-small": CheckpointSpec(
        title="AutoFormer-S, vision transformer supernet",
        resolutions=(224,),
        size={"dim": 448, "heads": 7, "depth": 14},
        where_from=_DOWNLOAD.format(file="supernet-small.pth", megabytes=139, id="autoformer-small"),
    ),
    "autoformer-base": CheckpointSpec(
        title="AutoFormer-B, vision transformer supernet",
        resolutions=(224,),
        size={"dim": 640, "heads": 10, "depth": 16},
        where_from=_DOWNLOAD.format(file="supernet-base.pth", megabytes=321, id="autoformer-base"),
    ),
}

SUMMARY = (
    "An architecture is a vision transformer that classifies images: an embedding of 16x16-pixel patches with a class "
    "token and positions, a sequence of layers of self-attention with relative positions and an MLP, each with a "
    "residual, and a linear head on the average of the patch tokens. The number of layers, their one common width, and "
    "the heads and the MLP ratio of each layer are chosen."
)
_DEPTH = (
    "How many layers the transformer uses: the first ones, in order. Each layer adds its cost and its parameters, and "
    "refines what the earlier ones computed."
)
_DIM = (
    "Width of every token, the same in all layers. The parameters and the cost of attention, of the patch embedding "
    "and of the head grow about in proportion to it, and those of the MLPs with its square: it acts on the whole "
    "network."
)
_RATIO = (
    "By how much the MLP of each layer widens its input between its two linear maps. Its parameters and cost grow in "
    "proportion. Slots beyond the depth are not part of the network."
)
_HEADS = (
    "How many attention heads each layer has, every one of the same width whatever the width of the tokens. A head "
    "adds one more way in which tokens look at each other; the parameters and the cost of attention grow about in "
    "proportion to their number. Slots beyond the depth are not part of the network."
)

PARAMS = Cost("params_m", "million parameters", "Trainable parameters of the whole network.")
FLOPS = Cost(
    "flops_m",
    "million multiply-adds",
    "Multiply-adds for one image by the counter of the supernet's authors, which charges less for relative positions "
    "than they take: the number that published results are given in.",
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a search may choose from, and a sentence about where that comes from."""

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    ratios: tuple[float, ...]
    heads: tuple[int, ...]
    source: str = ""

    def dimensions(self, layers: int = 0) -> tuple[Dimension, ...]:
        """The four dimensions of the space, with a slot for each of the supernet's `layers`.

        By default these are as many as the deepest choice uses.
        """
        layers = layers or max(self.depths)
        one, stack = (Group("network", 1),), (Group("layers", layers),)
        names = tuple(f"layer {layer}" for layer in range(1, 1 + layers))

        def by_layer(name: str, choices: Iterable[float], meaning: str) -> Dimension:
            return Dimension(name, _tokens(choices), stack, True, "depth", meaning, names)

        return (
            Dimension("depth", _tokens(self.depths), one, numeric=True, meaning=_DEPTH),
            Dimension("dim", _tokens(self.dims), one, numeric=True, meaning=_DIM),
            by_layer("mlp", self.ratios, _RATIO),
            by_layer("heads", self.heads, _HEADS),
        )


_RELEASED = "choices: {file} of the authors' code, which the weights were trained with"
_PAPER = "choices: the CoLLM-NAS paper, appendix A"

CHOICES: Mapping[str, Mapping[str, Choices]] = {
    "autoformer-tiny": {
        "released": Choices(
            (12, 13, 14), (192, 216, 240), (3.5, 4), (3, 4), _RELEASED.format(file="supernet/supernet-T.yaml")
        ),
        "paper": Choices(
            (12, 13, 14),
            (192, 216, 240),
            (3, 3.5, 4),
            (3, 4),
            f"{_PAPER} (MLP ratio 3 is not in the authors' supernet-T.yaml)",
        ),
    },
    "autoformer-small": {
        "released": Choices(
            (12, 13, 14), (320, 384, 448), (3, 3.5, 4), (5, 6, 7), _RELEASED.format(file="supernet/supernet-S.yaml")
        ),
        "paper": Choices(
            (12, 13, 14),
            (320, 384, 448),
            (3, 3.5, 4),
            (5, 6, 7),
            f"{_PAPER} (the same as in the authors' supernet-S.yaml)",
        ),
    },
    "autoformer-base": {
        "released": Choices(
            (14, 15, 16), (528, 576, 624), (3, 3.5, 4), (9, 10), _RELEASED.format(file="supernet/supernet-B.yaml")
        ),
        "paper": Choices(
            (14, 15, 16),
            (528, 576, 624),
            (3, 3.5, 4),
            (8, 9, 10),
            f"{_PAPER} (8 heads are not in the authors' supernet-B.yaml)",
        ),
    },
}
"""For each member what may be searched: "released" with its weights, and as the "paper" states it."""


TITLE, MARK, CUDA_PRECISION = "AutoFormer", "cls_token", "fp16"
_CHOICES_KEY = Key(
    "autoformer.choices",
    keys.one_of("released", "paper"),
    "released",
    "What a search can choose: the choices that the weights were trained with, or those of the CoLLM-NAS paper.",
)
KEYS: tuple[Key[Any], ...] = (_CHOICES_KEY,)


def open(member: str, path: Path, device: torch.device, configuration: Configuration) -> "AutoFormer":  # noqa: A001
    """The supernet of a member, as every family opens one."""
    supernet = load(path, device, MEMBERS[member].where_from)
    supernet.source = _choices(member, configuration).source
    return supernet


def dimensions(member: str, configuration: Configuration) -> tuple[Dimension, ...]:
    """What a search of a member can choose."""
    return _choices(member, configuration).dimensions()


def _choices(member: str, configuration: Configuration) -> Choices:
    return CHOICES[member][_CHOICES_KEY.of(configuration.family_values)]


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a supernet of this family: the widest, deepest subnet and its input and output.

    `grid` is the number of patches on a side.
    """

    dim: int
    heads: int
    depth: int
    ratio: float = 4.0
    classes: int = 1000
    grid: int = 14

    @property
    def tokens(self) -> int:
        """The patches and the class token."""
        return self.grid**2 + 1


def load(path: str | Path, device: str | torch.device = "cpu", where_from: str = "") -> "AutoFormer":
    """Reads an official checkpoint file onto a device. All sizes are inferred, then every shape is checked.

    Raises CheckpointMissing, which says `where_from` to get it, and CheckpointUnusable.
    """
    return AutoFormer(checkpoints.read(Path(path), "model", where_from=where_from), torch.device(device))


def layout(sizes: Sizes) -> dict[str, Shape]:
    """The official name and shape of every tensor of a supernet, in the official order."""
    dim, inner, hidden = sizes.dim, HEAD * sizes.heads, round(sizes.dim * sizes.ratio)
    shapes: dict[str, Shape] = {"pos_embed": (1, sizes.tokens, dim), "cls_token": (1, 1, dim)}

    def affine(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]

    affine("patch_embed_super.proj", dim, 3, PATCH, PATCH)
    for layer in range(sizes.depth):
        name = f"blocks.{layer}"
        affine(f"{name}.attn.qkv", 3 * inner, dim)
        shapes.update((f"{name}.attn.{table}", (_DISTANCES, HEAD)) for table in _TABLES)
        affine(f"{name}.attn.proj", dim, inner)
        affine(f"{name}.attn_layer_norm", dim)
        affine(f"{name}.ffn_layer_norm", dim)
        affine(f"{name}.fc1", hidden, dim)
        affine(f"{name}.fc2", dim, hidden)
    affine("norm", dim)
    affine("head", sizes.classes, dim)
    return shapes


class AutoFormer(ForNotebooks):
    """A supernet of this family: `sizes`, `classes`, and every subnet of it.

    An architecture is a mapping such as {"depth": [13], "dim": [192], "mlp": [...13], "heads": [...13]}; the two lists
    may also be as long as the supernet is deep.
    """

    summary = SUMMARY
    source = ""
    costs: tuple[Cost, ...] = (PARAMS, FLOPS)
    needs_training_images = False

    def __init__(self, checkpoint: checkpoints.Checkpoint, device: torch.device) -> None:
        self.checkpoint, self.sizes = checkpoint, _inferred(checkpoint)
        sizes = self.sizes
        self.classes = sizes.classes
        name = (
            f"an AutoFormer supernet of width {sizes.dim} with {sizes.heads} heads, {sizes.depth} layers, MLP ratio "
            f"{sizes.ratio:g}, {sizes.grid}x{sizes.grid} patches and {sizes.classes} classes"
        )
        self.weights = checkpoint.matched(layout(sizes), name, device)
        self.size: Mapping[str, float] = {
            "dim": sizes.dim,
            "heads": sizes.heads,
            "depth": sizes.depth,
            "classes": sizes.classes,
        }
        everything = Choices(
            depths=tuple(range(1, 1 + sizes.depth)),
            dims=tuple(range(_DIM_STEP, 1 + sizes.dim, _DIM_STEP)),
            ratios=tuple(step * _RATIO_STEP for step in range(1, 1 + int(sizes.ratio / _RATIO_STEP))),
            heads=tuple(range(1, 1 + sizes.heads)),
        )
        self.full_space = Space(everything.dimensions(), id="autoformer")
        self.counts = Counts(sizes)
        self._buckets, distances = (each.to(device) for each in _geometry(sizes.grid))
        self._positions = [self._positions_of(layer, distances) for layer in range(sizes.depth)]

    def extraction(
        self, values: Values, calibration: Iterable[Tensor] | None = None
    ) -> Generator[int, None, nn.Module]:
        """As of every supernet, but nothing is yielded: there is no batch norm, so a `calibration` is a ValueError.

        The subnet shares the supernet's memory, apart from the query-key-value weights.
        """
        yield from ()
        if calibration is not None:
            raise ValueError("an AutoFormer has no batch norm to calibrate; leave the calibration out")
        network = self.network(values)
        network.load_state_dict(self.activated(values), assign=True)
        return network.requires_grad_(False).eval()

    def cost_of(self, values: Values) -> dict[str, float]:
        """Millions of parameters (`params_m`) and of multiply-adds by the authors' counter (`flops_m`)."""
        return self.counts.cost(values)

    def validation(self, values: Values) -> imagenet.Recipe:
        """How an image is prepared, the same for every architecture."""
        del values
        return imagenet.autoformer_validation(PATCH * self.sizes.grid)

    def calibration(self, values: Values) -> None:
        """None: there is no batch norm."""
        del values

    def network(self, values: Values) -> nn.Module:
        """The subnet without weights (on the meta device)."""
        with torch.device("meta"):
            return _Network(self.sizes, self._buckets.shape[1], values)

    def activated(self, values: Values) -> dict[str, Tensor]:
        """The state of `network(values)`: leading slices of the supernet's weights."""
        dim = _dim(values)
        state = {
            "cls": self.weights["cls_token"][..., :dim],
            "positions": self.weights["pos_embed"][..., :dim],
            "buckets": self._buckets,
            **self._affine("patches", "patch_embed_super.proj", dim),
        }
        for layer, heads, hidden in _active(values):
            state.update(self._layer(layer, dim, HEAD * heads, hidden))
        return state | self._affine("norm", "norm", dim) | self._affine("head", "head", self.classes, dim)

    def _layer(self, layer: int, dim: int, inner: int, hidden: int) -> dict[str, Tensor]:
        name = f"blocks.{layer}"
        key_positions, value_positions = self._positions[layer]
        qkv = self._affine(f"{name}.qkv", f"{name}.attn.qkv", 3 * inner, dim)
        # The rows of the official weight take turns, query, key, value; its bias has all queries first.
        in_turns = qkv[f"{name}.qkv.weight"].view(inner, 3, dim)
        qkv[f"{name}.qkv.weight"] = in_turns.transpose(0, 1).flatten(0, 1)
        return {
            **self._affine(f"{name}.before_attention", f"{name}.attn_layer_norm", dim),
            **qkv,
            f"{name}.key_positions": key_positions,
            f"{name}.value_positions": value_positions,
            **self._affine(f"{name}.project", f"{name}.attn.proj", dim, inner),
            **self._affine(f"{name}.before_mlp", f"{name}.ffn_layer_norm", dim),
            **self._affine(f"{name}.widen", f"{name}.fc1", hidden, dim),
            **self._affine(f"{name}.narrow", f"{name}.fc2", dim, hidden),
        }

    def _affine(self, to: str, name: str, outputs: int, inputs: int | None = None) -> dict[str, Tensor]:
        weight = self.weights[f"{name}.weight"][:outputs]
        return {
            f"{to}.weight": weight if inputs is None else weight[:, :inputs],
            f"{to}.bias": self.weights[f"{name}.bias"][:outputs],
        }

    def _positions_of(self, layer: int, distances: Tensor) -> tuple[Tensor, Tensor]:
        """The relative-position tensors of a layer for keys and for values, [tokens, buckets, HEAD] each."""
        of_key_rows, of_key_columns, of_value_rows, of_value_columns = (
            self.weights[f"blocks.{layer}.attn.{table}"] for table in _TABLES
        )
        return (
            torch.cat([of_key_rows, of_key_columns])[distances],
            torch.cat([of_value_rows, of_value_columns])[distances],
        )


class Counts:
    """What subnets of a supernet cost, by closed forms."""

    def __init__(self, sizes: Sizes) -> None:
        self._classes, self._tokens = sizes.classes, sizes.tokens

    def cost(self, values: Values) -> dict[str, float]:
        """`params_m` and `flops_m`, in millions."""
        dim, layers = _dim(values), [(HEAD * heads, hidden) for _, heads, hidden in _active(values)]
        return {"params_m": self._params(dim, layers) / 1e6, "flops_m": self._flops(dim, layers) / 1e6}

    def _params(self, dim: int, layers: list[tuple[int, int]]) -> int:
        ends = (3 * PATCH**2 + 1) * dim + (self._tokens + 1) * dim + 2 * dim + (dim + 1) * self._classes
        tables = len(_TABLES) * _DISTANCES * HEAD
        return ends + sum(
            3 * inner * (dim + 1) + (inner + 1) * dim + tables + 4 * dim + (dim + 1) * hidden + (hidden + 1) * dim
            for inner, hidden in layers
        )

    def _flops(self, dim: int, layers: list[tuple[int, int]]) -> float:
        """`get_complexity` of the official code for as many tokens as there are patches: each level adds one to it."""
        patches, length = self._tokens - 1, self._tokens + 1
        ends = patches * 3 * PATCH**2 * dim + dim + self._tokens * dim / 2 + self._tokens * dim * self._classes
        return ends + sum(
            2 * length * dim  # layer norms
            + 4 * length * inner * dim  # queries, keys, values and their projection
            + 2 * length**2 * inner  # attention
            + 2 * _FARTHEST * length**2
            + length**2 / 2
            + length * inner / 2  # relative positions
            + 2 * length * dim * hidden
            for inner, hidden in layers
        )


class _Network(nn.Module):
    """A static subnet: images [N, 3, r, r] to logits [N, classes]."""

    def __init__(self, sizes: Sizes, buckets: int, values: Values) -> None:
        super().__init__()
        dim = _dim(values)
        self.patches = nn.Conv2d(3, dim, PATCH, PATCH)
        self.cls = nn.Parameter(torch.empty(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, sizes.tokens, dim))
        self.register_buffer("buckets", torch.empty(sizes.tokens, buckets))
        positions = (sizes.tokens, buckets, HEAD)
        self.blocks = nn.ModuleList(_Block(dim, heads, hidden, positions) for _, heads, hidden in _active(values))
        self.norm = nn.LayerNorm(dim, eps=_EPSILON)
        self.head = nn.Linear(dim, sizes.classes)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(images), -1, -1), patches], 1) + self.positions
        for block in self.blocks:
            x = block(x, self.buckets)
        logits: Tensor = self.head(self.norm(x)[:, 1:].mean(1))
        return logits


class _Block(nn.Module):
    """A layer: self-attention with relative positions, then an MLP, each after a layer norm.

    The published form of attention adds to every pair of tokens the vector of their distance, to the key and to the
    value, and so handles a vector for each pair. That vector is the sum of one for the row and one for the column of
    the key. So here each key is followed by a bucket for its row and one for its column (`buckets`, [tokens, buckets]
    of 0 and 1), and each query by its product with every bucket: their product is the same sum. After a value, the
    buckets collect how much of the attention fell into each.
    """

    key_positions: Tensor
    value_positions: Tensor

    def __init__(self, dim: int, heads: int, hidden: int, positions: tuple[int, int, int]) -> None:
        super().__init__()
        self._heads = heads
        self.before_attention = nn.LayerNorm(dim, eps=_EPSILON)
        self.qkv = nn.Linear(dim, 3 * HEAD * heads)
        self.register_buffer("key_positions", torch.empty(positions))
        self.register_buffer("value_positions", torch.empty(positions))
        self.project = nn.Linear(HEAD * heads, dim)
        self.before_mlp = nn.LayerNorm(dim, eps=_EPSILON)
        self.widen = nn.Linear(dim, hidden)
        self.narrow = nn.Linear(hidden, dim)

    def forward(self, x: Tensor, buckets: Tensor) -> Tensor:
        x = x + self._attention(self.before_attention(x), buckets)
        y: Tensor = self.narrow(F.gelu(self.widen(self.before_mlp(x))))
        return x + y

    def _attention(self, x: Tensor, buckets: Tensor) -> Tensor:
        queries, keys, values = self.qkv(x).unflatten(2, (3, self._heads, HEAD)).permute(2, 0, 3, 1, 4)
        buckets = buckets.to(keys.dtype).expand(*keys.shape[:2], -1, -1)
        attended = F.scaled_dot_product_attention(
            torch.cat([queries, torch.einsum("nhtc,tbc->nhtb", queries, self.key_positions)], -1),
            torch.cat([keys, buckets], -1),
            torch.cat([values, buckets], -1),
            scale=HEAD**-0.5,
        )
        contents, shares = attended[..., :HEAD], attended[..., HEAD:]
        contents = contents + torch.einsum("nhtb,tbc->nhtc", shares, self.value_positions)
        projected: Tensor = self.project(contents.transpose(1, 2).flatten(2))
        return projected


def _inferred(checkpoint: checkpoints.Checkpoint) -> Sizes:
    """The sizes that follow from a checkpoint's tensors. Raises CheckpointUnusable when no supernet has them."""
    _, tokens, _ = checkpoint.shape("pos_embed", 3)
    rows, _ = checkpoint.shape("blocks.0.attn.qkv.weight", 2)
    hidden, _ = checkpoint.shape("blocks.0.fc1.weight", 2)
    classes, dim = checkpoint.shape("head.weight", 2)
    depth = next(layer for layer in count() if f"blocks.{layer}.fc1.weight" not in checkpoint.tensors)
    wrong = [
        what
        for what, is_wrong in {
            f'"head.weight" is {dim} wide, no multiple of {_DIM_STEP}': dim % _DIM_STEP or not dim,
            f'"blocks.0.attn.qkv.weight" has {rows} rows, no multiple of {3 * HEAD}': rows % (3 * HEAD) or not rows,
            f'"blocks.0.fc1.weight" has {hidden} rows, fewer than half of {dim}': hidden < dim * _RATIO_STEP,
            f'"pos_embed" is for {tokens} tokens, no square and one': tokens < 2
            or isqrt(tokens - 1) ** 2 + 1 != tokens,
            f'"pos_embed" is for {tokens} tokens, more than those of {_LARGEST_GRID}x{_LARGEST_GRID} patches': tokens
            > _LARGEST_GRID**2 + 1,
            f"there are {depth} layers, more than {_DEEPEST}": depth > _DEEPEST,
        }.items()
        if is_wrong
    ]
    if wrong:
        raise CheckpointUnusable(checkpoint.path, f"{wrong[0]}; no AutoFormer supernet has that")
    return Sizes(dim, rows // (3 * HEAD), depth, hidden / dim, classes, isqrt(tokens - 1))


def _geometry(grid: int) -> tuple[Tensor, Tensor]:
    """The buckets of each key, and the distance of each query from them.

    There is a bucket for each row and each column of patches, and before either one for the class token; more fill up
    to a multiple of 8, which kernels want. First which two buckets each key is in, floats [tokens, buckets]; then for
    each query the row that each bucket has in the two tables, the one of rows above that of columns,
    [tokens, buckets]: distances are key less query, and row 0 is for the class token on either side.
    """
    places = torch.arange(grid**2)
    keys, distances = [], []
    for table, of_patches in enumerate((places // grid, places % grid)):
        keys.append(F.one_hot(F.pad(1 + of_patches, (1, 0)), 1 + grid))
        apart = (torch.arange(grid) - of_patches[:, None]).clamp(-_FARTHEST, _FARTHEST) + _FARTHEST + 1
        distances.append(F.pad(apart, (1, 0, 1, 0)) + table * _DISTANCES)
    filling = (0, -2 * (1 + grid) % 8)
    return F.pad(torch.cat(keys, 1), filling).float(), F.pad(torch.cat(distances, 1), filling)


def _tokens(choices: Iterable[float]) -> tuple[str, ...]:
    return tuple(f"{choice:g}" for choice in choices)


def _dim(values: Values) -> int:
    dim = values["dim"][0]
    assert dim is not None  # noqa: S101 - dim is always active
    return int(dim)


def _active(values: Values) -> Iterator[tuple[int, int, int]]:
    """Number, heads and MLP width of each layer that is part of the network."""
    dim = _dim(values)
    for layer, (ratio, heads) in enumerate(zip(values["mlp"], values["heads"], strict=True)):
        if ratio is not None and heads is not None:
            yield layer, int(heads), int(dim * ratio)
