"""A small supernet for tests: convolutions of kernel 3 or 5 in several widths, with batch norm.

Its weights are shared by slicing: a subnet has the leading channels, and the middle of the kernels.
"""

import random
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import collm_nas as nas

WIDTHS, KERNELS, LAYERS = (4, 8, 12), (3, 5), 2
CLASSES, SIDE = 6, 12


def space() -> nas.Space:
    return nas.Space(
        kernel=nas.slots(KERNELS, LAYERS, meaning="side of each layer's square kernel"),
        width=nas.slots(WIDTHS, LAYERS, meaning="channels of each layer"),
        name="slimmable",
    )


class Shared(nn.Module):
    """All weights: each layer as wide and with kernels as large as any subnet has."""

    def __init__(self, classes: int = CLASSES, inputs: int = 3) -> None:
        super().__init__()
        widest = max(WIDTHS)
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs if layer == 0 else widest, widest, max(KERNELS), bias=False) for layer in range(LAYERS)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(widest) for _ in range(LAYERS))
        self.head = nn.Linear(widest, classes)


class Subnet(nn.Module):
    """A network whose parameters are parts of the shared ones."""

    def __init__(self, shared: Shared, kernels: list[int], widths: list[int]) -> None:
        super().__init__()
        self.kernels = kernels
        inputs = shared.convs[0].weight.shape[1]  # type: ignore[index]
        self.weights = nn.ParameterList()
        self.norms = nn.ModuleList()
        for conv, norm, kernel, width in zip(shared.convs, shared.norms, kernels, widths, strict=True):
            cut = (max(KERNELS) - kernel) // 2
            middle = slice(cut, cut + kernel)
            self.weights.append(nn.Parameter(conv.weight[:width, :inputs, middle, middle]))  # type: ignore[index]
            own = nn.BatchNorm2d(width)
            for name in ("weight", "bias"):
                setattr(own, name, nn.Parameter(getattr(norm, name)[:width]))
            for name in ("running_mean", "running_var"):
                setattr(own, name, getattr(norm, name)[:width])
            self.norms.append(own)
            inputs = width
        self.head = nn.Linear(1, 1)
        self.head.weight = nn.Parameter(shared.head.weight[:, :inputs])
        self.head.bias = shared.head.bias

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for weight, norm, kernel in zip(self.weights, self.norms, self.kernels, strict=True):
            x = F.relu(norm(F.conv2d(x, weight, stride=2, padding=kernel // 2)))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class Slimmable(nas.Supernet):
    """The supernet, with weights that are always the same."""

    def __init__(self) -> None:
        self.net = Shared()
        self.net.load_state_dict(trained())
        self.space = space()

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        return Subnet(self.net, arch["kernel"], arch["width"])


@cache
def trained(steps: int = 60) -> dict[str, Tensor]:
    """The weights after a short training: in each step some subnet changes the parts that it has."""
    source = random.Random(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shared = Shared()
    images, labels = (torch.cat(each) for each in zip(*batches(180, seed=7), strict=True))
    for step in range(steps):
        arch = space().sample(source)
        with torch.no_grad():
            subnet = Subnet(shared, arch["kernel"], arch["width"])
        optimizer = torch.optim.SGD(subnet.parameters(), lr=0.5 * (1 - step / steps))
        loss = F.cross_entropy(subnet.train()(images), labels)
        torch.autograd.backward(loss)
        optimizer.step()
    return shared.state_dict()


def batches(count: int = 240, size: int = 40, seed: int = 0, classes: int = CLASSES) -> list[tuple[Tensor, Tensor]]:
    """Noisy pictures of a pattern for each class, with the number of the class."""
    patterns = torch.randn(classes, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(100 + seed))
    labels = torch.arange(count) % classes
    images = 0.5 * patterns[labels] + noise
    return list(zip(torch.split(images, size), torch.split(labels, size), strict=True))
