"""Batch norm of networks of anybody: which statistics are set, and what is folded for speed."""

import pytest
import torch
from torch import Tensor, nn

from collm_nas import subnets
from collm_nas_evaluator import batchnorm


class Odd(nn.Module):
    """Convolutions and batch norms that may be folded, and some that only look like it."""

    def __init__(self) -> None:
        super().__init__()
        self.foldable = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.twice, self.after_twice = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.branching, self.beside = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)
        self.branches = False
        for norm in batchnorm.norms_of(self):
            nn.init.uniform_(norm.running_mean, -1, 1)
            nn.init.uniform_(norm.running_var, 0.5, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = self.foldable(images)
        x = self.after_twice(self.twice(self.twice(x)))
        if self.branches:
            x = self.branching(x)
            x = x + self.beside(x)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


@pytest.mark.parametrize(("branches", "count"), [(False, 1), (True, 0)])
def test_batch_norm_is_folded_where_that_changes_nothing(branches: bool, count: int) -> None:
    torch.manual_seed(0)
    network = Odd().eval()
    network.branches = branches
    example = torch.randn(4, 3, 6, 6)
    before = network(example)
    state = {name: each.clone() for name, each in network.state_dict().items()}
    with batchnorm.folded(network, example) as folded:
        assert folded == count
        assert isinstance(network.foldable[1], nn.Identity) == bool(count)
        assert torch.allclose(network(example), before, atol=1e-5)
    assert isinstance(network.foldable[1], nn.BatchNorm2d)
    assert torch.equal(network(example), before)
    assert all(torch.equal(each, state[name]) for name, each in network.state_dict().items())


def test_only_networks_that_take_it_get_channels_last() -> None:
    images = torch.randn(2, 3, 6, 6)
    convolution = nn.Conv2d(3, 4, 3)

    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = convolution

        def forward(self, images: Tensor) -> Tensor:
            flat: Tensor = self.convolution(images).view(len(images), -1)
            return flat

    assert subnets.layout(convolution, images) is torch.channels_last
    assert subnets.layout(Viewing(), images) is torch.contiguous_format
    assert subnets.layout(nn.Linear(6, 2), images[0, 0]) is torch.contiguous_format


@pytest.mark.parametrize("momentum", [None, 0.5])
def test_an_unused_batch_norm_keeps_its_statistics(momentum: float | None) -> None:
    used, unused = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    unused.running_mean = torch.tensor([1.0, 2.0, 3.0])
    network = nn.Sequential(used)
    used.add_module("unused", unused)
    batch = [torch.randn(8, 3, 4, 4) + 5]
    passes = (
        batchnorm.recalibrate_by_average(network, batch)
        if momentum is None
        else batchnorm.recalibrate_by_momentum(network, batch, momentum)
    )
    assert list(passes) == [8]
    assert unused.running_mean.tolist() == [1, 2, 3]
    assert float(torch.as_tensor(used.running_mean).mean()) == pytest.approx(5 * (momentum or 1), abs=0.3)
