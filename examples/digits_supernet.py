# %% [markdown]
# # Search a supernet of your own
#
# A small slimmable network learns handwritten digits: one training for 1,728 subnets that share its weights. Then it is
# checked, and searched for the best subnet within a limit of multiply-adds. It takes about a minute.
#
#     pip install "collm-nas[supernets]" scikit-learn

# %%
import argparse
import random
from itertools import chain, islice, repeat

import collm_nas as nas
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, linear, relu
from torch.utils.data import DataLoader, TensorDataset

options = argparse.ArgumentParser()
options.add_argument("--steps", type=int, default=600, help="how long the supernet is trained")
options.add_argument("--budget", type=int, default=60, help="how many subnets the search scores")
options, _ = options.parse_known_args()  # a notebook has arguments of its own
torch.manual_seed(0)
torch.set_num_threads(1)  # small networks are slowest when threads wait for each other

# %% [markdown]
# ## The data: 1,797 scans in three parts
#
# The search never sees the test part.

# %%
scans = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(load_digits().target)
order = torch.randperm(len(scans))


def loader(numbers, shuffle=False):
    return DataLoader(TensorDataset(scans[numbers], labels[numbers]), batch_size=64, shuffle=shuffle)


train, val, test = loader(order[:900], shuffle=True), loader(order[900:1350]), loader(order[1350:])

# %% [markdown]
# ## The supernet
#
# Each of three layers has up to 32 channels, and kernels of 3 by 3 or 5 by 5. A subnet uses the first channels, and the
# middle of the kernels: `subnet` cuts both out of the shared weights.


# %%
class Layer(nn.Module):
    """A part of a shared convolution and of its batch norm."""

    def __init__(self, shared, inputs, kernel, width):
        super().__init__()
        conv, norm = shared
        cut = (5 - kernel) // 2
        self.weight = nn.Parameter(conv.weight[:width, :inputs, cut : 5 - cut, cut : 5 - cut])
        self.norm = nn.BatchNorm2d(width)
        self.norm.weight, self.norm.bias = nn.Parameter(norm.weight[:width]), nn.Parameter(norm.bias[:width])
        self.stride, self.padding = conv.stride, kernel // 2

    def forward(self, x):
        return relu(self.norm(conv2d(x, self.weight, stride=self.stride, padding=self.padding)))


class Head(nn.Module):
    """The mean of each channel, and the part of the shared classifier that reads these channels."""

    def __init__(self, shared, inputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(shared.weight[:, :inputs]), shared.bias

    def forward(self, x):
        return linear(x.mean((2, 3)), self.weight, self.bias)


class Digits(nas.Supernet):
    space = nas.Space(
        kernel=nas.slots([3, 5], 3, meaning="side of each layer's square kernel"),
        width=nas.slots([4, 8, 12, 16, 24, 32], 3, meaning="channels of each layer"),
    )

    def __init__(self):
        inputs, strides = [1, 32, 32], [1, 2, 2]
        self.convs = nn.ModuleList(nn.Conv2d(n, 32, 5, stride, bias=False) for n, stride in zip(inputs, strides))
        self.norms = nn.ModuleList(nn.BatchNorm2d(32) for _ in range(3))
        self.head = nn.Linear(32, 10)

    def subnet(self, arch):
        layers, inputs = [], 1
        for shared, kernel, width in zip(zip(self.convs, self.norms), arch["kernel"], arch["width"]):
            layers.append(Layer(shared, inputs, kernel, width))
            inputs = width
        return nn.Sequential(*layers, Head(self.head, inputs))


supernet = Digits()
print(supernet.space)

# %% [markdown]
# ## The training
#
# In each step the largest, the smallest and one random subnet learn from the same images. The parts of a parameter are
# the parameter: what a subnet learns is in the shared weights.

# %%
space, source = supernet.space, random.Random(0)
largest, smallest = ({"kernel": [kernel] * 3, "width": [width] * 3} for kernel, width in ((5, 32), (3, 4)))
batches = chain.from_iterable(repeat(train))
for step, (images, digits) in enumerate(islice(batches, options.steps)):
    for arch in (largest, smallest, space.sample(source)):
        with torch.no_grad():
            subnet = supernet.subnet(arch)
        loss = cross_entropy(subnet(images), digits)
        loss.backward()
        with torch.no_grad():
            for part in subnet.parameters():
                part.sub_(0.2 * (1 - step / options.steps) * part.grad)
                part.grad = None
    if (step + 1) % 200 == 0:
        print(f"step {step + 1}: loss {loss:.3f} of a random subnet")

# %% [markdown]
# ## Is it ready for a search?

# %%
print(nas.check_supernet(supernet, val=val, calibrate=train, test=test, budget=options.budget, store=False))

# %% [markdown]
# ## The search
#
# Batch norm is calibrated for each subnet with the training images, and multiply-adds are counted.

# %%
result = nas.search_supernet(
    supernet, val=val, calibrate=train, test=test, limits={"flops_m": 0.1}, budget=options.budget, seed=1
)
print("best ", result.best.architecture)
costs = result.best.costs
print(f"      {result.best.value:.2f} % on validation, {result.best.test['accuracy']:.2f} % on test")
print(f"      {costs['flops_m']:.3f} million multiply-adds, {costs['params_m']:.4f} million parameters")
