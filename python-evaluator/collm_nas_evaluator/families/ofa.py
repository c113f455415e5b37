"""Once-for-All: the MobileNetV3 supernet with elastic resolution, depth, kernel and expansion (Cai et al., ICLR 2020).

Owns the space, the layout of the official file, the extraction of a subnet and what one costs. Knows no image file and
no transport. The official code is mit-han-lab/once-for-all (ofa/imagenet_classification/elastic_nn,
ofa/tutorial/flops_table.py).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from collm_nas_evaluator import batchnorm, checkpoints, imagenet
from collm_nas_evaluator.backends.supernet import Calibration, CheckpointSpec, ForNotebooks, Values
from collm_nas_evaluator.batchnorm import ConvNorm
from collm_nas_evaluator.checkpoints import Shape
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.keys import Key
from collm_nas_evaluator.space import Cost, Space

STAGES, DEEPEST = 5, 4
PLACES = range(1, 1 + STAGES * DEEPEST)
"""The searched blocks by their number in the official code; block 0 is fixed."""
_STRIDES = (2, 2, 2, 1, 2)
_STAGES_WITH_SQUEEZE = (1, 3, 4)
_STAGES_WITH_HARD_SWISH = (2, 3, 4)
_WIDTHS = (16, 16, 24, 40, 80, 112, 160, 960, 1280)
"""Stem, block 0, the five stages, final expansion and feature mix at width 1."""
_WIDEST = 6

TITLE, MARK, CUDA_PRECISION = "Once-for-All", "blocks.0.conv.", "fp32"
KEYS: tuple[Key[Any], ...] = ()

_DOWNLOAD = (
    "download {file} (about {megabytes} MB) from https://raw.githubusercontent.com/han-cai/files/master/ofa/ofa_nets/"
    " and put it there, or correct checkpoints.{id}"
)

MEMBERS: Mapping[str, CheckpointSpec] = {
    "ofa-w1.0": CheckpointSpec(
        title="Once-for-All MobileNetV3 supernet, width 1.0",
        resolutions=(160, 176, 192, 208, 224),
        size={"width": 1.0},
        where_from=_DOWNLOAD.format(file="ofa_mbv3_d234_e346_k357_w1.0", megabytes=31, id="ofa-w1.0"),
    ),
    "ofa-w1.2": CheckpointSpec(
        title="Once-for-All MobileNetV3 supernet, width 1.2",
        resolutions=(160, 176, 192, 208, 224),
        size={"width": 1.2},
        where_from=_DOWNLOAD.format(file="ofa_mbv3_d234_e346_k357_w1.2", megabytes=43, id="ofa-w1.2"),
    ),
    "ofa-scenes": CheckpointSpec(
        title="Once-for-All MobileNetV3 supernet of scenes with handwritten digits, width 0.25",
        resolutions=(36, 40, 44, 48, 52),
        size={"width": 0.25, "classes": 10},
        where_from="run examples/train_scenes_supernet.py, which makes it",
    ),
}

SUMMARY = (
    "An architecture is a mobile convolutional image classifier: a stem, one fixed block, five stages of two to four "
    "inverted residual blocks, and a head. The input resolution, the depth of each stage, and the kernel and the "
    "expansion ratio of each block are chosen. Stages 2, 4 and 5 have squeeze-and-excitation."
)
# The texts are true for a supernet of any width: tests hold them against the counts below.
_RESOLUTION = (
    "Side of the square input image in pixels. The cost of all but a few small layers grows with its square, and no "
    "parameter depends on it: the same network sees more detail for more computation."
)
_DEPTH = (
    "How many blocks each of the five stages uses: its first ones, in order. The first block of a stage leads to the "
    "stage's width, and in stages 1, 2, 3 and 5 halves the size of the feature map; the later ones add a residual. "
    "Each block more costs more; the early stages work on large maps of few channels, the late ones on small maps of "
    "many."
)
_KERNEL = (
    "Side of the square kernel of each block's depthwise convolution, four blocks a stage. Larger kernels see more "
    "context. The computation and the parameters of this convolution grow with the square of the side; those of the "
    "rest of the block do not depend on it. So a larger kernel costs little where blocks are wide, and much where they "
    "are narrow. Slots beyond a stage's depth are not part of the network."
)
_EXPANSION = (
    "By how much each block widens its input before the depthwise convolution, four blocks a stage. Cost and "
    "parameters of a block grow about in proportion, whatever its width; only those of squeeze-and-excitation grow "
    "faster. Slots beyond a stage's depth are not part of the network."
)

FLOPS = Cost(
    "flops_m",
    "million multiply-adds",
    "Multiply-adds by the layer-wise table of the supernet's authors, which rounds some layers down and counts batch "
    "norm: the number that published results are given in.",
)
MACS = Cost("macs_m", "million multiply-adds", "True multiply-adds of all convolutions and the head for one image.")
PARAMS = Cost("params_m", "million parameters", "Trainable parameters of the whole network, batch norm included.")

_CALIBRATION_IMAGES, _CALIBRATION_BATCH = 2000, 200


SOURCE = "choices: the file's name (d234 e346 k357) and the resolutions of the authors' own search"


def open(member: str, path: Path, device: torch.device, configuration: Configuration) -> "Ofa":  # noqa: A001
    """The supernet of a member, as every family opens one."""
    del configuration
    return load(path, device, MEMBERS[member].where_from)


def dimensions(member: str, configuration: Configuration) -> tuple[Dimension, ...]:
    """What a search of a member can choose."""
    del configuration
    return dimensions_with(MEMBERS[member].resolutions)


def dimensions_with(resolutions: Iterable[int]) -> tuple[Dimension, ...]:
    """The four dimensions of the space, with the resolutions to choose from."""
    stages = [f"stage {stage}" for stage in range(1, 1 + STAGES)]
    blocks = tuple(Group(stage, DEEPEST) for stage in stages)
    names = tuple(f"{stage}, block {block}" for stage in stages for block in range(1, 1 + DEEPEST))
    one, five = (Group("network", 1),), (Group("stages", STAGES),)

    def by_depth(name: str, choices: tuple[str, ...], meaning: str) -> Dimension:
        return Dimension(name, choices, blocks, numeric=True, active_count="d", meaning=meaning, slot_names=names)

    return (
        Dimension("r", tuple(map(str, resolutions)), one, numeric=True, meaning=_RESOLUTION),
        Dimension("d", ("2", "3", "4"), five, numeric=True, meaning=_DEPTH, slot_names=tuple(stages)),
        by_depth("ks", ("3", "5", "7"), _KERNEL),
        by_depth("e", ("3", "4", "6"), _EXPANSION),
    )


def full_space() -> Space:
    """Everything that the weights of a supernet contain. Every resolution that is a multiple of 4 is possible."""
    return Space(dimensions_with(range(16, 257, 4)), id="ofa")


def load(path: str | Path, device: str | torch.device = "cpu", where_from: str = "") -> "Ofa":
    """Reads an official checkpoint file onto a device. Width and classes are inferred, then every shape is checked.

    Raises CheckpointMissing, which says `where_from` to get it, and CheckpointUnusable.
    """
    return Ofa(checkpoints.read(Path(path), "state_dict", _short, where_from), torch.device(device))


def layout(width: float, classes: int) -> dict[str, Shape]:
    """The official name and shape of every tensor of a supernet but the counters of batches, in the official order."""
    stem, first, *stages, final, mix = _widths(width)
    shapes: dict[str, Shape] = {}

    def norm(name: str, channels: int) -> None:
        shapes.update((f"{name}.{each}", (channels,)) for each in ("weight", "bias", "running_mean", "running_var"))

    shapes["first_conv.conv.weight"] = (stem, 3, 3, 3)
    norm("first_conv.bn", stem)
    shapes["blocks.0.conv.depth_conv.conv.weight"] = (stem, 1, 3, 3)
    norm("blocks.0.conv.depth_conv.bn", stem)
    shapes["blocks.0.conv.point_linear.conv.weight"] = (first, stem, 1, 1)
    norm("blocks.0.conv.point_linear.bn", first)
    for place in PLACES:
        name, stage = f"blocks.{place}.conv", (place - 1) // DEEPEST
        inputs, outputs = _ends(place, (first, *stages))
        middle = _divisible(inputs * _WIDEST)
        shapes[f"{name}.inverted_bottleneck.conv.conv.weight"] = (middle, inputs, 1, 1)
        norm(f"{name}.inverted_bottleneck.bn.bn", middle)
        shapes[f"{name}.depth_conv.conv.conv.weight"] = (middle, 1, 7, 7)
        shapes[f"{name}.depth_conv.conv.7to5_matrix"] = (25, 25)
        shapes[f"{name}.depth_conv.conv.5to3_matrix"] = (9, 9)
        norm(f"{name}.depth_conv.bn.bn", middle)
        if stage in _STAGES_WITH_SQUEEZE:
            fewer = _divisible(middle // 4)
            shapes[f"{name}.depth_conv.se.fc.reduce.weight"] = (fewer, middle, 1, 1)
            shapes[f"{name}.depth_conv.se.fc.reduce.bias"] = (fewer,)
            shapes[f"{name}.depth_conv.se.fc.expand.weight"] = (middle, fewer, 1, 1)
            shapes[f"{name}.depth_conv.se.fc.expand.bias"] = (middle,)
        shapes[f"{name}.point_linear.conv.conv.weight"] = (outputs, middle, 1, 1)
        norm(f"{name}.point_linear.bn.bn", outputs)
    shapes["final_expand_layer.conv.weight"] = (final, stages[-1], 1, 1)
    norm("final_expand_layer.bn", final)
    shapes["feature_mix_layer.conv.weight"] = (mix, final, 1, 1)
    shapes["classifier.linear.weight"] = (classes, mix)
    shapes["classifier.linear.bias"] = (classes,)
    return shapes


class Ofa(ForNotebooks):
    """A supernet of this family: `width`, `classes`, and every subnet of it.

    An architecture is a mapping such as {"r": [176], "d": [...5], "ks": [...20], "e": [...20]}.
    """

    summary, source = SUMMARY, SOURCE
    needs_training_images = True

    def __init__(self, checkpoint: checkpoints.Checkpoint, device: torch.device) -> None:
        (self.classes, mix), self.checkpoint = checkpoint.shape("classifier.linear.weight", axes=2), checkpoint
        self.width = round(mix / _WIDTHS[-1], 4)
        shapes = {_short(name): shape for name, shape in layout(self.width, self.classes).items()}
        name = f"a MobileNetV3 supernet of width {self.width} with {self.classes} classes"
        self.weights = checkpoint.matched(shapes, name, device)
        self.size = {"width": self.width, "classes": self.classes}
        self.full_space = full_space()
        self.counts = Counts(self.width, self.classes)
        self.costs = (FLOPS, MACS, PARAMS) if self.counts.table is not None else (MACS, PARAMS)

    def extraction(
        self, values: Values, calibration: Iterable[Tensor] | None = None
    ) -> Generator[int, None, nn.Module]:
        """As of every supernet. The batch norms are folded into the convolutions at the end."""
        network = self.network(values)
        network.load_state_dict(self.activated(values), assign=True)
        network.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        if calibration is not None:
            yield from batchnorm.recalibrate_by_average(network, calibration)
        batchnorm.fold(network)
        return network

    def cost_of(self, values: Values) -> dict[str, float]:
        """Millions of multiply-adds by the table (`flops_m`, official widths only) and true ones (`macs_m`), and of
        parameters (`params_m`).
        """
        return self.counts.cost(values)

    def validation(self, values: Values) -> imagenet.Recipe:
        """How an image is prepared for this architecture."""
        return imagenet.ofa_validation(_resolution(values))

    def calibration(self, values: Values) -> Calibration:
        """Which images set the statistics: 2,000 training crops at the architecture's own resolution, 200 at a time."""
        return Calibration(imagenet.ofa_training(_resolution(values)), _CALIBRATION_IMAGES, _CALIBRATION_BATCH)

    def network(self, values: Values) -> nn.Module:
        """The subnet without weights (on the meta device)."""
        with torch.device("meta"):
            return _Network(_widths(self.width), values, self.classes)

    def activated(self, values: Values) -> dict[str, Tensor]:
        """The state of `network(values)` as slices of the supernet's weights, differentiable in them.

        Channels are the leading ones; a smaller kernel is the centre of the larger one times the block's matrix.
        """
        state = {
            **self._conv_norm("stem", "first_conv"),
            **self._conv_norm("blocks.0.depth", "blocks.0.conv.depth_conv"),
            **self._conv_norm("blocks.0.point", "blocks.0.conv.point_linear"),
        }
        for at, (place, kernel, expansion) in enumerate(_active(values), 1):
            state.update(self._block(f"blocks.{at}", place, kernel, expansion))
        state.update(self._conv_norm("final", "final_expand_layer"))
        state["mix.weight"] = self.weights["feature_mix_layer.conv.weight"]
        state["head.weight"] = self.weights["classifier.linear.weight"]
        state["head.bias"] = self.weights["classifier.linear.bias"]
        return state

    def _block(self, to: str, place: int, kernel: int, expansion: int) -> dict[str, Tensor]:
        name = f"blocks.{place}.conv"
        inputs = self.weights[f"{name}.inverted_bottleneck.conv.weight"].shape[1]
        middle = _divisible(round(inputs * expansion))
        state = {
            **self._conv_norm(f"{to}.widen", f"{name}.inverted_bottleneck", middle),
            **self._conv_norm(f"{to}.depth", f"{name}.depth_conv", middle),
            **self._conv_norm(f"{to}.point", f"{name}.point_linear"),
        }
        state[f"{to}.depth.conv.weight"] = self._kernel(f"{name}.depth_conv.conv", middle, kernel)
        state[f"{to}.point.conv.weight"] = state[f"{to}.point.conv.weight"][:, :middle]
        squeeze = f"{name}.depth_conv.se.fc"
        if f"{squeeze}.reduce.weight" in self.weights:
            fewer = _divisible(middle // 4)
            state[f"{to}.squeeze.reduce.weight"] = self.weights[f"{squeeze}.reduce.weight"][:fewer, :middle]
            state[f"{to}.squeeze.reduce.bias"] = self.weights[f"{squeeze}.reduce.bias"][:fewer]
            state[f"{to}.squeeze.expand.weight"] = self.weights[f"{squeeze}.expand.weight"][:middle, :fewer]
            state[f"{to}.squeeze.expand.bias"] = self.weights[f"{squeeze}.expand.bias"][:middle]
        return state

    def _conv_norm(self, to: str, name: str, outputs: int | None = None) -> dict[str, Tensor]:
        state = {f"{to}.conv.weight": self.weights[f"{name}.conv.weight"][:outputs]}
        for each in ("weight", "bias", "running_mean", "running_var"):
            state[f"{to}.norm.{each}"] = self.weights[f"{name}.bn.{each}"][:outputs]
        return state

    def _kernel(self, name: str, channels: int, kernel: int) -> Tensor:
        weight = self.weights[f"{name}.weight"][:channels]
        for smaller in (5, 3):
            if kernel <= smaller:
                matrix = self.weights[f"{name}.{smaller + 2}to{smaller}_matrix"]
                centre = weight[:, :, 1:-1, 1:-1].reshape(channels, 1, -1)
                weight = F.linear(centre, matrix).view(channels, 1, smaller, smaller)
        return weight


class Counts:
    """What subnets of a supernet of this width cost, by closed forms."""

    def __init__(self, width: float, classes: int) -> None:
        self._widths, self._classes = _widths(width), classes
        self.table = Table(width, classes) if width in (1.0, 1.2) else None

    def cost(self, values: Values) -> dict[str, float]:
        """`flops_m` where there is a table, `macs_m` and `params_m`, in millions."""
        macs, params = self._ends(_resolution(values))
        resolution = _resolution(values)
        for place, kernel, expansion in _active(values):
            block_macs, block_params = self._block(place, kernel, expansion, resolution)
            macs += block_macs
            params += block_params
        cost = {} if self.table is None else {"flops_m": self.table.flops(values) / 1e6}
        return cost | {"macs_m": macs / 1e6, "params_m": params / 1e6}

    @cache  # noqa: B019 - few entries, and a supernet lives as long as its process
    def _ends(self, resolution: int) -> tuple[int, int]:
        """Multiply-adds and parameters of everything but the searched blocks."""
        stem, first, *_, last, final, mix = self._widths
        size = _halved(resolution, 1) ** 2
        out = _halved(resolution, 5) ** 2
        macs = size * (27 * stem + 9 * stem + stem * first) + out * last * final + final * mix + mix * self._classes
        convolutions = 27 * stem + 9 * stem + stem * first + last * final + final * mix
        norms = 2 * (stem + stem + first + final)
        return macs, convolutions + norms + (mix + 1) * self._classes

    @cache  # noqa: B019
    def _block(self, place: int, kernel: int, expansion: int, resolution: int) -> tuple[int, int]:
        inputs, outputs = _ends(place, self._widths[1:7])
        middle = _divisible(inputs * expansion)
        before, after = (_halved(resolution, times) ** 2 for times in _times_halved(place))
        depthwise = middle * kernel * kernel
        macs = before * inputs * middle + after * (depthwise + middle * outputs)
        params = inputs * middle + depthwise + middle * outputs + 2 * (2 * middle + outputs)
        if (place - 1) // DEEPEST in _STAGES_WITH_SQUEEZE:
            fewer = _divisible(middle // 4)
            macs += 2 * middle * fewer
            params += 2 * middle * fewer + middle + fewer
        return macs, params


class Table:
    """The layer-wise table of the official tutorial (ofa/tutorial/flops_table.py with thop 0.1.1).

    It multiplies every channel count by the width without rounding to multiples of 8 (the image's three and the classes
    too), rounds input sizes down, and charges four operations an element for batch norm.
    """

    def __init__(self, width: float, classes: int) -> None:
        self._width, self._classes = width, classes

    def flops(self, values: Values) -> int:
        """Operations of the subnet."""
        resolution = _resolution(values)
        return self._ends(resolution) + sum(
            self._block(place, kernel, expansion, resolution) for place, kernel, expansion in _active(values)
        )

    @cache  # noqa: B019
    def _ends(self, resolution: int) -> int:
        image, stem, first, last, final, mix = map(self._channels, (3, 16, 16, 160, 960, 1280))
        half = resolution // 2
        return (
            _table_conv(image, stem, 3, _halved(resolution, 1))
            + _table_conv(1, stem, 3, half)
            + _table_conv(stem, first, 1, half)
            + _table_conv(last, final, 1, resolution // 32)
            + _table_conv(final, mix, 1, 1)
            + mix * self._channels(self._classes)
        )

    @cache  # noqa: B019
    def _block(self, place: int, kernel: int, expansion: int, resolution: int) -> int:
        inputs, outputs = (self._channels(width) for width in _ends(place, _WIDTHS[1:7]))
        middle = round(inputs * expansion)
        before, after = _times_halved(place)
        size = resolution >> before
        out = _halved(size, after - before)
        flops = _table_conv(inputs, middle, 1, size) + _table_conv(1, middle, kernel, out)
        if (place - 1) // DEEPEST in _STAGES_WITH_SQUEEZE:
            flops += 2 * middle * _divisible(middle // 4)
        return flops + _table_conv(middle, outputs, 1, out)

    def _channels(self, width: int) -> int:
        return round(self._width * width)


class _Network(nn.Module):
    """A static subnet: images [N, 3, r, r] to logits [N, classes]."""

    def __init__(self, widths: tuple[int, ...], values: Values, classes: int) -> None:
        super().__init__()
        stem, first, *_, last, final, mix = widths
        self.stem = ConvNorm(3, stem, 3, stride=2)
        self.blocks = nn.Sequential(_Block(0, stem, stem, first, 3))
        for place, kernel, expansion in _active(values):
            inputs, outputs = _ends(place, widths[1:7])
            self.blocks.append(_Block(place, inputs, _divisible(round(inputs * expansion)), outputs, kernel))
        self.final = ConvNorm(last, final)
        self.mix = nn.Conv2d(final, mix, 1, bias=False)
        self.head = nn.Linear(mix, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.hardswish(self.stem(images), inplace=True)
        x = F.hardswish(self.final(self.blocks(x)), inplace=True)
        logits: Tensor = self.head(F.hardswish(self.mix(x.mean((2, 3), keepdim=True))).flatten(1))
        return logits


class _Block(nn.Module):
    """An inverted residual block; `place` is its number in the supernet, and block 0 does not widen."""

    def __init__(self, place: int, inputs: int, middle: int, outputs: int, kernel: int) -> None:
        super().__init__()
        stage, within = divmod(place - 1, DEEPEST)
        self._is_residual = place == 0 or within > 0
        # In place: on a CPU fresh memory for every layer takes longer than the activation itself.
        self._activation = partial(F.hardswish if stage in _STAGES_WITH_HARD_SWISH else F.relu, inplace=True)
        stride = _STRIDES[stage] if place > 0 and within == 0 else 1
        self.widen = ConvNorm(inputs, middle) if place > 0 else None
        self.depth = ConvNorm(middle, middle, kernel, stride=stride, groups=middle)
        self.squeeze = _Squeeze(middle) if stage in _STAGES_WITH_SQUEEZE else None
        self.point = ConvNorm(middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.widen is None else self._activation(self.widen(x))
        y = self._activation(self.depth(y))
        if self.squeeze is not None:
            y = self.squeeze(y)
        y = self.point(y)
        return y.add_(x) if self._is_residual else y


class _Squeeze(nn.Module):
    """Squeeze-and-excitation: each channel weighed by what all channels are on average."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        fewer = _divisible(channels // 4)
        self.reduce = nn.Conv2d(channels, fewer, 1)
        self.expand = nn.Conv2d(fewer, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * F.hardsigmoid(weights)


def _short(name: str) -> str:
    """The official name of a tensor. The code that made the files and today's code use different names."""
    short = name.replace(".mobile_inverted_conv.", ".conv.").replace(".bn.bn.", ".bn.")
    return short.replace(".conv.conv.weight", ".conv.weight").replace(".linear.linear.", ".linear.")


def _divisible(width: float) -> int:
    """The multiple of 8 nearest to a width, at least 8 and at least 90 % of it."""
    near: int = max(8, int(width + 4) // 8 * 8)
    return near if near >= 0.9 * width else near + 8


def _widths(width: float) -> tuple[int, ...]:
    return tuple(_divisible(each * width) for each in _WIDTHS)


def _ends(place: int, widths: tuple[int, ...]) -> tuple[int, int]:
    """Input and output width of a block, given those of block 0 and of the stages."""
    stage, within = divmod(place - 1, DEEPEST)
    return widths[stage + (within > 0)], widths[stage + 1]


def _times_halved(place: int) -> tuple[int, int]:
    """How often the image has been halved at a block's input and at its output."""
    stage, within = divmod(place - 1, DEEPEST)
    times = [1, 2, 3, 4, 4, 5]
    return times[stage + (within > 0)], times[stage + 1]


def _halved(size: int, times: int) -> int:
    """What `times` convolutions of stride 2 leave of a side."""
    return -(-size // (1 << times))


def _table_conv(inputs: int, outputs: int, kernel: int, size: int) -> int:
    return outputs * size * size * (inputs * kernel * kernel + 4)


def _resolution(values: Values) -> int:
    resolution = values["r"][0]
    assert resolution is not None  # noqa: S101 - r is always active
    return int(resolution)


def _active(values: Values) -> Iterator[tuple[int, int, int]]:
    """Number, kernel and expansion of each searched block that is part of the network."""
    for place, kernel, expansion in zip(PLACES, values["ks"], values["e"], strict=True):
        if kernel is not None and expansion is not None:
            yield place, int(kernel), int(expansion)
