"""Single Path One-Shot: the supernet of ShuffleNetV2 choice blocks (Guo et al., ECCV 2020).

Owns the space, the layout of the official file, the extraction of a subnet and what one costs. Knows no image file and
no transport. The official code is megvii-model/SinglePathOneShot (src/Search, src/Evaluation).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from collm_nas_evaluator import batchnorm, checkpoints, imagenet, keys
from collm_nas_evaluator.backends.supernet import Calibration, CheckpointSpec, ForNotebooks, Values
from collm_nas_evaluator.batchnorm import ConvNorm
from collm_nas_evaluator.checkpoints import Shape
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.errors import CheckpointUnusable
from collm_nas_evaluator.keys import Key
from collm_nas_evaluator.space import Cost, Space

DEPTHS = (4, 4, 8, 4)
"""Blocks of each stage."""
OPERATIONS = range(4)
_KERNELS = (3, 5, 7)
"""The depthwise kernel of operations 0 to 2; operation 3 has three of side 3."""
_XCEPTION = 3
_STAGES = tuple(stage for stage, depth in enumerate(DEPTHS) for _ in range(depth))
"""The stage of each block."""
PLACES = range(len(_STAGES))
_STRIDED = tuple(sum(DEPTHS[:stage]) for stage in range(len(DEPTHS)))
"""The blocks that halve the feature map, the first of each stage."""

MEMBERS: Mapping[str, CheckpointSpec] = {
    "spos": CheckpointSpec(
        title="Single Path One-Shot supernet of ShuffleNetV2 blocks",
        size={},
        where_from=(
            "download Supernet/checkpoint-150000.pth.tar (about 34.4 MB) from"
            " https://1drv.ms/u/s!Am_mmG2-KsrnajesvSdfsq_cN48?e=aHVppN and put it there, or correct checkpoints.spos"
        ),
    ),
}

SUMMARY = (
    "An architecture is a convolutional image classifier of channel-split blocks: a stem, four stages of 4, 4, 8 and 4 "
    "blocks, and a head. The widths and the input resolution are fixed; what each of the twenty blocks computes is "
    "chosen. The first block of a stage halves the size of the feature map and widens it; in the others half of the "
    "channels pass unchanged and the other half go through the block."
)
# It is true for a supernet of any widths: tests hold it against the counts below.
_MEANING = (
    "What each block computes. Choices 0, 1 and 2 are a pointwise convolution, a depthwise one and a second pointwise "
    "one; the side of the depthwise kernel is 3 for choice 0, 5 for choice 1 and 7 for choice 2. Choice 3 is deeper: "
    "three pairs of a depthwise convolution of side 3 and a pointwise one. A larger kernel sees more context; the "
    "deeper block sees as much as the largest kernel, with more layers between. From choice 0 to 2 computation and "
    "parameters grow with the square of the kernel's side, which is little in a wide stage and much in a narrow one. "
    "Choice 3 has more of both than choice 0, and in a wide stage more than choice 2; but in the first block of a "
    "stage it halves the map before everything else, and computes about as much as choice 0, or less. The other blocks "
    "of one stage all cost the same."
)

FLOPS = Cost(
    "flops_m",
    "million multiply-adds",
    "Multiply-adds of all convolutions and the head for one image, batch norm and pooling left out.",
)
PARAMS = Cost(
    "params_m",
    "million parameters",
    "Trainable parameters of the network on its own, with a scale and a shift for each channel of each batch norm.",
)

CALIBRATION_IMAGES = 25_600
_CALIBRATION_BATCH = 128
PIXELS = 224

TITLE, MARK, CUDA_PRECISION = "SPOS", "features.", "fp32"
_CALIBRATION_KEY = Key(
    "spos.calibration_images",
    keys.COUNT,
    CALIBRATION_IMAGES,
    "How many training images set the batch-norm statistics of each candidate. The default is the official number.",
)
KEYS: tuple[Key[Any], ...] = (_CALIBRATION_KEY,)


class Widths(NamedTuple):
    """Channels of the stem, of the four stages and before the head."""

    stem: int
    stages: tuple[int, ...]
    last: int


OFFICIAL = Widths(16, (64, 160, 320, 640), 1024)


class _Layer(NamedTuple):
    """A convolution without bias and its batch norm: pointwise and with a ReLU for kernel 1, else depthwise."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1

    @property
    def weights(self) -> int:
        return self.outputs * (self.inputs if self.kernel == 1 else self.kernel**2)

    @property
    def shape(self) -> Shape:
        return self.outputs, self.inputs if self.kernel == 1 else 1, self.kernel, self.kernel


Branches = Mapping[str, Sequence[_Layer]]


def open(member: str, path: Path, device: torch.device, configuration: Configuration) -> "Spos":  # noqa: A001
    """The supernet of a member, as every family opens one."""
    images = _CALIBRATION_KEY.of(configuration.family_values)
    return load(path, device, MEMBERS[member].where_from, images)


def dimensions(member: str, configuration: Configuration) -> tuple[Dimension, ...]:
    """What a search of a member can choose."""
    del member, configuration
    return DIMENSIONS


def _dimensions() -> tuple[Dimension, ...]:
    stages = [(f"stage {stage}", depth) for stage, depth in enumerate(DEPTHS, 1)]
    names = tuple(f"{stage}, block {block}" for stage, depth in stages for block in range(1, 1 + depth))
    groups = tuple(Group(stage, depth) for stage, depth in stages)
    return (Dimension("op", tuple(map(str, OPERATIONS)), groups, numeric=True, meaning=_MEANING, slot_names=names),)


DIMENSIONS = _dimensions()
"""The one dimension of the space: the operation of each block."""


def load(
    path: str | Path,
    device: str | torch.device = "cpu",
    where_from: str = "",
    calibration_images: int = CALIBRATION_IMAGES,
    pixels: int = PIXELS,
) -> "Spos":
    """Reads an official checkpoint file onto a device. Widths and classes are inferred, then every shape is checked.

    `calibration_images` set the statistics of a candidate, and `pixels` is the side of its input. Raises
    CheckpointMissing, which says `where_from` to get it, and CheckpointUnusable.
    """
    read = checkpoints.read(Path(path), "state_dict", where_from=where_from)
    return Spos(read, torch.device(device), calibration_images, pixels)


def layout(widths: Widths, classes: int) -> dict[str, Shape]:
    """The official name and shape of every tensor of a supernet but the counters of batches, in the official order."""
    shapes: dict[str, Shape] = {}

    def conv_norm(conv: str, norm: str, shape: Shape) -> None:
        shapes[f"{conv}.weight"] = shape
        shapes.update((f"{norm}.{each}", shape[:1]) for each in _STATISTICS)

    conv_norm("first_conv.0", "first_conv.1", (widths.stem, 3, 3, 3))
    for place in PLACES:
        for operation in OPERATIONS:
            for branch, layers in branches(place, operation, widths).items():
                for at, layer in zip(_positions(layers), layers, strict=True):
                    name = f"features.{place}.{operation}.branch_{branch}"
                    conv_norm(f"{name}.{at}", f"{name}.{at + 1}", layer.shape)
    conv_norm("conv_last.0", "conv_last.1", (widths.last, widths.stages[-1], 1, 1))
    shapes["classifier.0.weight"] = (classes, widths.last)
    return shapes


def branches(place: int, operation: int, widths: Widths) -> Branches:
    """The layers of a block: those of the branch ("main"), and where it halves those of the other half ("proj")."""
    stage, is_strided = _STAGES[place], place in _STRIDED
    width, before = widths.stages[stage], (widths.stem, *widths.stages)[stage]
    inputs, stride = (before, 2) if is_strided else (width // 2, 1)
    middle, outputs = width // 2, width - inputs
    if operation == _XCEPTION:
        kernel = 3
        main = [
            _Layer(inputs, inputs, kernel, stride),
            _Layer(inputs, middle, 1),
            _Layer(middle, middle, kernel),
            _Layer(middle, middle, 1),
            _Layer(middle, middle, kernel),
            _Layer(middle, outputs, 1),
        ]
    else:
        kernel = _KERNELS[operation]
        main = [_Layer(inputs, middle, 1), _Layer(middle, middle, kernel, stride), _Layer(middle, outputs, 1)]
    if not is_strided:
        return {"main": main}
    return {"main": main, "proj": [_Layer(inputs, inputs, kernel, stride), _Layer(inputs, inputs, 1)]}


class Spos(ForNotebooks):
    """A supernet of this family: `widths`, `classes`, and every subnet of it.

    An architecture is a mapping {"op": [...20 of 0 to 3]}. Its network takes images in BGR from 0 to 255.
    """

    summary, source = SUMMARY, ""
    costs = (FLOPS, PARAMS)
    needs_training_images = True

    def __init__(
        self,
        checkpoint: checkpoints.Checkpoint,
        device: torch.device,
        calibration_images: int = CALIBRATION_IMAGES,
        pixels: int = PIXELS,
    ) -> None:
        self.checkpoint, self.calibration_images, self.pixels = checkpoint, calibration_images, pixels
        self.widths, self.classes = _widths(checkpoint)
        name = f"a ShuffleNetV2 supernet of widths {_shown(self.widths)} with {self.classes} classes"
        self.weights = checkpoint.matched(layout(self.widths, self.classes), name, device)
        stages = {f"width of stage {stage}": width for stage, width in enumerate(self.widths.stages, 1)}
        self.size: Mapping[str, float] = {**stages, "classes": self.classes}
        self.full_space = Space(DIMENSIONS, id="spos")
        self.counts = Counts(self.widths, self.classes, pixels)

    def extraction(
        self, values: Values, calibration: Iterable[Tensor] | None = None
    ) -> Generator[int, None, nn.Module]:
        """As of every supernet. The batch norms are folded into the convolutions at the end."""
        network = self.network(values)
        network.load_state_dict(self.activated(values), assign=True)
        network.requires_grad_(False).eval()
        if calibration is not None:
            yield from batchnorm.recalibrate_by_momentum(network, calibration)
        batchnorm.fold(network)
        return network.to(memory_format=torch.channels_last)

    def cost_of(self, values: Values) -> dict[str, float]:
        """Millions of multiply-adds (`flops_m`) and of parameters (`params_m`)."""
        return self.counts.cost(values)

    def validation(self, values: Values) -> imagenet.Recipe:
        """How an image is prepared, the same for every architecture."""
        del values
        return imagenet.spos_validation(self.pixels)

    def calibration(self, values: Values) -> Calibration:
        """Which images set the statistics: augmented training crops, 128 at a time."""
        del values
        return Calibration(imagenet.spos_training(self.pixels), self.calibration_images, _CALIBRATION_BATCH)

    def network(self, values: Values) -> "Network":
        """The subnet without weights (on the meta device)."""
        with torch.device("meta"):
            return Network(self.widths, values, self.classes, affine=False)

    def activated(self, values: Values) -> dict[str, Tensor]:
        """The state of `network(values)` as the supernet's own tensors: blocks are separate, and nothing is sliced."""
        state = {"head.weight": self.weights["classifier.0.weight"]}
        for name, conv, norm in _official(self.widths, values, is_supernet=True):
            state[f"{name}.conv.weight"] = self.weights[f"{conv}.weight"]
            state.update((f"{name}.norm.{each}", self.weights[f"{norm}.{each}"]) for each in _STATISTICS)
        return state


class Counts:
    """What subnets of a supernet of these widths cost for an input of `pixels` a side, by closed forms."""

    def __init__(self, widths: Widths, classes: int, pixels: int = PIXELS) -> None:
        self._widths, self._classes, self._pixels = widths, classes, pixels

    def cost(self, values: Values) -> dict[str, float]:
        """`flops_m` and `params_m`, in millions."""
        macs, params = self._ends()
        for place, operation in _chosen(values):
            block_macs, block_params = self._block(place, operation)
            macs += block_macs
            params += block_params
        return {"flops_m": macs / 1e6, "params_m": params / 1e6}

    @cache  # noqa: B019 - few entries, and a supernet lives as long as its process
    def _ends(self) -> tuple[int, int]:
        """Multiply-adds and parameters of everything but the blocks."""
        stem, last = 27 * self._widths.stem, self._widths.stages[-1] * self._widths.last
        head = self._widths.last * self._classes
        macs = stem * self._area(1) + last * self._area(1 + len(DEPTHS)) + head
        return macs, stem + last + head + 2 * (self._widths.stem + self._widths.last)

    @cache  # noqa: B019
    def _block(self, place: int, operation: int) -> tuple[int, int]:
        macs = params = 0
        for layers in branches(place, operation, self._widths).values():
            times = 2 + _STAGES[place] - (place in _STRIDED)
            for layer in layers:
                times += layer.stride == 2
                macs += layer.weights * self._area(times)
                params += layer.weights + 2 * layer.outputs
        return macs, params

    def _area(self, times: int) -> int:
        """Pixels of a feature map after `times` convolutions of stride 2."""
        return int(-(-self._pixels // (1 << times))) ** 2


class Network(nn.Module):
    """A static subnet: images [N, 3, r, r] (BGR, 0 to 255) to logits [N, classes].

    One to be trained on its own has affine batch norm, and dropout before the head.
    """

    def __init__(self, widths: Widths, values: Values, classes: int, *, affine: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self._widths, self._values = widths, values
        self.stem = ConvNorm(3, widths.stem, 3, stride=2, affine=affine)
        self.blocks = nn.Sequential(
            *(_Block(branches(place, operation, widths), affine) for place, operation in _chosen(values))
        )
        self.last = ConvNorm(widths.stages[-1], widths.last, affine=affine)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths.last, classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.last(self.blocks(F.relu(self.stem(images)))))
        logits: Tensor = self.head(self.dropout(x.mean((2, 3))))
        return logits

    def official_state(self) -> dict[str, Tensor]:
        """The state under the names of the official network of one architecture (src/Evaluation), unless folded."""
        own, state = self.state_dict(), {}
        for name, conv, norm in _official(self._widths, self._values, is_supernet=False):
            state[f"{conv}.weight"] = own[f"{name}.conv.weight"]
            for each in ("weight", "bias", *_STATISTICS, "num_batches_tracked"):
                if f"{name}.norm.{each}" in own:
                    state[f"{norm}.{each}"] = own[f"{name}.norm.{each}"]
        state["classifier.0.weight"] = own["head.weight"]
        return state


class _Block(nn.Module):
    """Half of the channels through `main`; the others through `proj` where the map is halved, else unchanged."""

    def __init__(self, layers: Branches, affine: bool) -> None:
        super().__init__()
        self.main = _Branch(layers["main"], affine)
        self.proj = _Branch(layers["proj"], affine) if "proj" in layers else None

    def forward(self, x: Tensor) -> Tensor:
        if self.proj is not None:
            return torch.cat((self.proj(x), self.main(x)), 1)
        return torch.cat((x[:, ::2], self.main(x[:, 1::2])), 1)


class _Branch(nn.Module):
    def __init__(self, layers: Sequence[_Layer], affine: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for inputs, outputs, kernel, stride in layers:
            groups = 1 if kernel == 1 else inputs
            self.layers.append(ConvNorm(inputs, outputs, kernel, stride=stride, groups=groups, affine=affine))
        self._is_pointwise = [layer.kernel == 1 for layer in layers]

    def forward(self, x: Tensor) -> Tensor:
        for layer, is_pointwise in zip(self.layers, self._is_pointwise, strict=True):
            x = F.relu(layer(x)) if is_pointwise else layer(x)
        return x


_STATISTICS = ("running_mean", "running_var")


def _official(widths: Widths, values: Values, *, is_supernet: bool) -> Iterator[tuple[str, str, str]]:
    """For each ConvNorm of a Network its name, and the official ones of its convolution and its batch norm.

    In the supernet a block's name has the operation after the place.
    """
    yield "stem", "first_conv.0", "first_conv.1"
    for place, operation in _chosen(values):
        block = f"features.{place}.{operation}" if is_supernet else f"features.{place}"
        for branch, layers in branches(place, operation, widths).items():
            for number, at in enumerate(_positions(layers)):
                name = f"{block}.branch_{branch}"
                yield f"blocks.{place}.{branch}.layers.{number}", f"{name}.{at}", f"{name}.{at + 1}"
    yield "last", "conv_last.0", "conv_last.1"


def _positions(layers: Sequence[_Layer]) -> Iterator[int]:
    """The official number of each convolution within its branch, in which batch norms and ReLUs are counted too."""
    at = 0
    for layer in layers:
        yield at
        at += 3 if layer.kernel == 1 else 2


def _chosen(values: Values) -> Iterator[tuple[int, int]]:
    """Number and operation of each block."""
    for place, operation in zip(PLACES, values["op"], strict=True):
        assert operation is not None  # noqa: S101 - every block is active
        yield place, int(operation)


def _widths(checkpoint: checkpoints.Checkpoint) -> tuple[Widths, int]:
    """Widths and classes of a supernet, from the tensors that have them as their first dimension."""

    def outputs(name: str) -> int:
        return (*checkpoint.shape(name), 0)[0]

    stem = outputs("first_conv.0.weight")
    before = [outputs(f"features.{place}.0.branch_proj.0.weight") for place in _STRIDED[1:]]
    last, final = (*checkpoint.shape("conv_last.0.weight"), 0, 0)[:2]
    widths = Widths(stem, (*before, final), last)
    if any(after % 2 or after <= width for width, after in zip((stem, *widths.stages), widths.stages, strict=False)):
        raise CheckpointUnusable(
            checkpoint.path, f"has widths {_shown(widths)}; those of the stages have to be even and to grow"
        )
    return widths, outputs("classifier.0.weight")


def _shown(widths: Widths) -> str:
    return ", ".join(map(str, (widths.stem, *widths.stages, widths.last)))
