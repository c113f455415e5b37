"""Sets the batch-norm statistics of a network from calibration images, and folds batch norm into convolutions.

Owns the two official recalibration rules and the folding. A recalibration is a generator, so that its caller can
report progress. The network is complete when the generator ends. Knows no family and no image file.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

EPSILON = 1e-5


class ConvNorm(nn.Module):
    """A convolution without bias and its batch norm, [N, inputs, H, W] to [N, outputs, ceil(H/stride), …].

    After `fold` the two are one convolution with a bias.
    """

    def __init__(  # noqa: PLR0913 - those of a convolution
        self, inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1, affine: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=EPSILON, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(x))
        return normed

    def fold(self) -> None:
        """Replaces both by the convolution that computes the same in evaluation."""
        norm = self.norm
        if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None:
            weight, bias = fuse_conv_bn_weights(
                self.conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            self.conv.weight, self.conv.bias = weight, bias
            self.norm = nn.Identity()


def fold(network: nn.Module) -> None:
    """Folds every batch norm of `network` into the convolution before it (exact up to rounding)."""
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.fold()


@contextmanager
def folded(network: nn.Module, example: Tensor) -> Iterator[int]:
    """Within it batch norms of a network of anybody are folded into the convolutions before them; yields how many.

    What belongs together is seen in a pass of the example, float32. When the network then answers otherwise, but for
    rounding, or cannot run, nothing is folded. Afterwards all modules and weights are as before.
    """
    undo: list[Callable[[], object]] = []
    try:
        yield _folded(network, example, undo)
    finally:
        _undo(undo)


@torch.no_grad()
def _folded(network: nn.Module, example: Tensor, undo: "list[Callable[[], object]]") -> int:
    pairs, before = _pairs(network, example)
    for conv, norm in pairs:
        _fold_pair(network, conv, norm, undo)
    if pairs and not _is_alike(network, example, before):
        _undo(undo)
        return 0
    return len(pairs)


def _pairs(network: nn.Module, example: Tensor) -> tuple[list[tuple[Any, Any]], object]:
    """Convolutions and the batch norms that take their outputs, each called once; and what the network answers."""
    outputs: list[tuple[Any, Tensor]] = []
    inputs: list[tuple[Any, Tensor]] = []
    hooks = []
    for module in network.modules():
        if module._forward_hooks or module._forward_pre_hooks:
            continue
        if type(module) in _CONVOLUTIONS:
            hooks.append(module.register_forward_hook(lambda conv, _, output: outputs.append((conv, output))))
        elif type(module) in _NORMS and isinstance(module.running_mean, Tensor):
            hooks.append(module.register_forward_hook(lambda norm, given, _: inputs.append((norm, given[0]))))
    try:
        answer = network(example)
    finally:
        for hook in hooks:
            hook.remove()
    made_by = {id(output): conv for conv, output in outputs}
    calls = Counter(module for module, _ in (*outputs, *inputs))
    pairs = [(made_by[id(given)], norm) for norm, given in inputs if id(given) in made_by]
    return [(conv, norm) for conv, norm in pairs if calls[conv] == calls[norm] == 1], answer


def _fold_pair(network: nn.Module, conv: Any, norm: Any, undo: "list[Callable[[], object]]") -> None:
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    undo.append(partial(conv._parameters.update, {name: conv._parameters[name] for name in ("weight", "bias")}))
    conv._parameters.update({"weight": weight, "bias": bias})
    for parent in network.modules():
        for name, child in parent._modules.items():
            if child is norm:
                undo.append(partial(parent._modules.__setitem__, name, norm))
                parent._modules[name] = nn.Identity()


def _is_alike(network: nn.Module, example: Tensor, before: object) -> bool:
    try:
        after = network(example)
    except Exception:  # noqa: BLE001 - whatever a network raises that reads the batch norm without calling it
        return False
    if not isinstance(before, Tensor) or not isinstance(after, Tensor) or before.shape != after.shape:
        return False
    return bool(((after - before).abs() <= 1e-4 * before.abs().max()).all())


def _undo(undo: "list[Callable[[], object]]") -> None:
    while undo:
        undo.pop()()


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def recalibrate_by_average(network: nn.Module, batches: Iterable[Tensor]) -> Iterator[int]:
    """Sets the statistics to averages over the batches, weighted by their sizes: of means, and of biased variances.

    During the pass every layer is normalised by the batch's own statistics. This is `set_running_statistics` of
    ofa/imagenet_classification/elastic_nn/utils.py; no momentum, and the earlier values do not matter. `batches` are
    [N, 3, H, W]. Yields after each how many images have passed. Raises ValueError when there is no batch, or when one
    has a single value a channel.

    Networks of other people are taken too. A batch norm that the network does not use keeps its statistics. One that
    the network reads without calling it gets the averages of unbiased variances, as its inputs are not seen.
    """
    norms = norms_of(network)
    kept = {norm: (norm.running_mean, norm.running_var) for norm in norms}
    sums = {norm: (torch.zeros_like(norm.running_mean), torch.zeros_like(norm.running_var)) for norm in norms}
    weights = dict.fromkeys(norms, 0)
    called = set()

    def add(norm: Any, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        # With momentum 1 the running statistics are this batch's; their variance is the unbiased one.
        batch, values = inputs[0].shape[0], inputs[0].numel() // inputs[0].shape[1]
        called.add(norm)
        weigh(norm, batch, (values - 1) / values)

    def weigh(norm: Any, batch: int, share: float) -> None:
        weights[norm] += batch
        sums[norm][0].add_(norm.running_mean, alpha=batch)
        sums[norm][1].add_(norm.running_var, alpha=batch * share)

    hooks = [norm.register_forward_hook(add) for norm in norms]
    before = 0
    try:
        for images in _pass(network, norms, 1.0, batches):
            for norm in norms:
                if norm not in called and _is_changed(norm):
                    weigh(norm, images - before, 1.0)
                    _forget(norm)
            before = images
            yield images
    finally:
        for hook in hooks:
            hook.remove()
    for norm, (mean, variance) in sums.items():
        if weights[norm]:
            norm.running_mean, norm.running_var = mean / weights[norm], variance / weights[norm]
        else:
            norm.running_mean, norm.running_var = kept[norm]


@torch.no_grad()
def recalibrate_by_momentum(network: nn.Module, batches: Iterable[Tensor], momentum: float = 0.1) -> Iterator[int]:
    """Starts from mean 0 and variance 1 and runs the batches in training mode, so that later ones weigh more.

    This is `get_cand_err` of Search/tester.py in megvii-model/SinglePathOneShot; the variance is the unbiased one.
    `batches` are [N, 3, H, W]. Yields after each how many images have passed. Raises ValueError when there is no batch,
    or when one has a single value a channel.
    """
    norms = norms_of(network)
    kept = {norm: (norm.running_mean, norm.running_var) for norm in norms}
    yield from _pass(network, norms, momentum, batches)
    for norm in norms:
        if not _is_changed(norm):
            norm.running_mean, norm.running_var = kept[norm]


def norms_of(network: nn.Module) -> list[Any]:
    """The batch norms that keep statistics."""
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and isinstance(module.running_mean, Tensor)
    ]


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Within it the statistics and the modes of the modules may be replaced; afterwards they are as before.

    For a network whose modules are those of a supernet.
    """
    modes = [(module, module.training) for module in network.modules()]
    statistics = [(norm, {name: norm._buffers[name] for name in _STATISTICS}) for norm in norms_of(network)]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for norm, buffers in statistics:
            norm._buffers.update(buffers)


_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _is_changed(norm: Any) -> bool:
    """Whether the statistics are no longer those that a pass begins with."""
    return bool((norm.running_mean != 0).any() or (norm.running_var != 1).any())


def _forget(norm: Any) -> None:
    norm.running_mean.zero_()
    norm.running_var.fill_(1)


def _pass(network: nn.Module, norms: list[Any], momentum: float, batches: Iterable[Tensor]) -> Iterator[int]:
    """Runs the batches from mean 0 and variance 1 with the norms alone in training mode; yields how many images."""
    images = 0
    before = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        # New tensors, because the current ones may be slices of the supernet's.
        norm.running_mean, norm.running_var = torch.zeros_like(norm.running_mean), torch.ones_like(norm.running_var)
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked = norm.num_batches_tracked.clone()
        norm.momentum = momentum
        norm.train()
    try:
        for batch in batches:
            network(batch)
            images += batch.shape[0]
            yield images
    finally:
        for norm, (momentum_before, training) in zip(norms, before, strict=True):
            norm.momentum = momentum_before
            norm.train(training)
    if images == 0:
        raise ValueError("recalibration needs a batch of images")
