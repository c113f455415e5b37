"""Evaluates a candidate as the authors of a supernet do: the official side of each pair.

Calls once-for-all through its package. For AutoFormer it has the official forward pass written out. It measures no
time.
"""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import DataLoader, SubsetRandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

Raw = Mapping[str, Any]
Batches = Iterable[tuple[Tensor, Tensor]]
"""Images with their labels."""

_NORMALISED = (
    transforms.ToTensor(),
    transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
)


def once_for_all(weights: Mapping[str, Tensor], classes: int, width: float) -> Any:
    """The official supernet. Raises ImportError where the package is not installed."""
    from ofa.imagenet_classification.elastic_nn.networks import OFAMobileNetV3  # noqa: PLC0415

    supernet = OFAMobileNetV3(
        n_classes=classes,
        width_mult=width,
        ks_list=[3, 5, 7],
        expand_ratio_list=[3, 4, 6],
        depth_list=[2, 3, 4],
    )
    supernet.load_state_dict(weights)
    return supernet


def extract(supernet: Any, architecture: Raw) -> nn.Module:
    """The subnet, as `evaluate_ofa_subnet` of ofa/tutorial/imagenet_eval_helper.py gets it."""
    supernet.set_active_subnet(ks=architecture["ks"], d=architecture["d"], e=architecture["e"])
    subnet: nn.Module = supernet.get_active_subnet(preserve_weight=True)
    return subnet


def calibrate(subnet: nn.Module, batches: Batches) -> None:
    from ofa.imagenet_classification.elastic_nn.utils import set_running_statistics  # noqa: PLC0415

    set_running_statistics(subnet, batches)


def calibration_loader(folder: Path, pixels: int, images: int, batch: int) -> Batches:
    """As in `calib_bn` of ofa/tutorial/imagenet_eval_helper.py: lists the folder again and draws again."""
    augmented = transforms.Compose(
        [
            transforms.RandomResizedCrop(pixels),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=32.0 / 255.0, saturation=0.5),
            *_NORMALISED,
        ]
    )
    dataset = ImageFolder(str(folder), augmented)
    drawn = torch.randint(len(dataset), (images,)).tolist()
    return DataLoader(dataset, batch, sampler=SubsetRandomSampler(drawn), num_workers=_workers())


def validation_loader(folder: Path, pixels: int, batch: int) -> Batches:
    """As in the tutorial. It is made once, and its workers start again for every candidate."""
    resized = [transforms.Resize(math.ceil(pixels / 0.875)), transforms.CenterCrop(pixels)]
    dataset = ImageFolder(str(folder), transforms.Compose([*resized, *_NORMALISED]))
    return DataLoader(dataset, batch, shuffle=True, num_workers=_workers())


@torch.no_grad()
def validate(subnet: nn.Module, batches: Batches) -> float:
    """The accuracy in percent, as `validate` of ofa/tutorial/imagenet_eval_helper.py counts it."""
    from ofa.utils import AverageMeter, accuracy  # noqa: PLC0415

    criterion = nn.CrossEntropyLoss()
    losses, top1, top5 = AverageMeter(), AverageMeter(), AverageMeter()
    subnet.eval()
    for images, labels in batches:
        output = subnet(images)
        loss = criterion(output, labels)
        among_first, among_five = accuracy(output, labels, topk=(1, 5))
        losses.update(loss.item(), images.size(0))
        top1.update(among_first[0].item(), images.size(0))
        top5.update(among_five[0].item(), images.size(0))
    percent: float = top1.avg
    return percent


def _workers() -> int:
    return os.cpu_count() or 1


class AutoFormer(nn.Module):
    """A subnet of microsoft/Cream (AutoFormer/model), its slices made beforehand as `set_sample_config` makes them.

    Relative positions are two tensors [tokens, tokens, 64], gathered in every layer and batch.
    """

    def __init__(self, weights: Mapping[str, Tensor], architecture: Raw, grid: int) -> None:
        super().__init__()
        (depth,), (self._dim,), self._grid = architecture["depth"], architecture["dim"], grid
        dim = self._dim
        self._ends = {
            "patches": (weights["patch_embed_super.proj.weight"][:dim], weights["patch_embed_super.proj.bias"][:dim]),
            "tokens": (weights["cls_token"][..., :dim], weights["pos_embed"][..., :dim]),
            "norm": (weights["norm.weight"][:dim], weights["norm.bias"][:dim]),
            "head": (weights["head.weight"][:, :dim], weights["head.bias"]),
        }
        self._layers = []
        for layer, heads, ratio in zip(range(depth), architecture["heads"], architecture["mlp"], strict=False):
            of = {name.removeprefix(f"blocks.{layer}."): each for name, each in weights.items()}
            inner, hidden = 64 * heads, int(dim * ratio)
            rows = of["attn.qkv.weight"][:, :dim]
            self._layers.append(
                {
                    "heads": heads,
                    "qkv": (
                        torch.cat([rows[part : 3 * inner : 3] for part in range(3)]),
                        of["attn.qkv.bias"][: 3 * inner],
                    ),
                    "tables": {
                        side: [of[f"attn.rel_pos_embed_{side}.embeddings_table_{axis}"] for axis in "vh"]
                        for side in "kv"
                    },
                    "proj": (of["attn.proj.weight"][:dim, :inner], of["attn.proj.bias"][:dim]),
                    "attn_layer_norm": (of["attn_layer_norm.weight"][:dim], of["attn_layer_norm.bias"][:dim]),
                    "ffn_layer_norm": (of["ffn_layer_norm.weight"][:dim], of["ffn_layer_norm.bias"][:dim]),
                    "fc1": (of["fc1.weight"][:hidden, :dim], of["fc1.bias"][:hidden]),
                    "fc2": (of["fc2.weight"][:dim, :hidden], of["fc2.bias"][:dim]),
                }
            )

    def forward(self, images: Tensor) -> Tensor:
        x = F.conv2d(images, *self._ends["patches"], stride=16).flatten(2).transpose(1, 2)
        cls, positions = self._ends["tokens"]
        x = torch.cat([cls.expand(len(x), -1, -1), x], 1) + positions
        for layer in self._layers:
            x = x + self._attention(layer, self._norm(layer["attn_layer_norm"], x))
            hidden = F.gelu(F.linear(self._norm(layer["ffn_layer_norm"], x), *layer["fc1"]))
            x = x + F.linear(hidden, *layer["fc2"])
        return F.linear(self._norm(self._ends["norm"], x)[:, 1:].mean(1), *self._ends["head"])

    def _norm(self, affine: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
        return F.layer_norm(x, (self._dim,), *affine, 1e-5)

    def _attention(self, layer: Mapping[str, Any], x: Tensor) -> Tensor:
        (images, tokens, _), heads = x.shape, layer["heads"]
        q, k, v = F.linear(x, *layer["qkv"]).reshape(images, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4)
        for_keys = self._gathered(*layer["tables"]["k"])
        logits = q @ k.transpose(-2, -1) * 64**-0.5
        by_token = q.permute(2, 0, 1, 3).reshape(tokens, images * heads, -1) @ for_keys.transpose(2, 1)
        logits = logits + by_token.transpose(1, 0).reshape(images, heads, tokens, tokens) * 64**-0.5
        shares = logits.softmax(-1)
        x = (shares @ v).transpose(1, 2).reshape(images, tokens, -1)
        by_token = shares.permute(2, 0, 1, 3).reshape(tokens, images * heads, -1)
        of_positions = (by_token @ self._gathered(*layer["tables"]["v"])).transpose(1, 0)
        x = x + of_positions.reshape(images, heads, tokens, -1).transpose(2, 1).reshape(images, tokens, -1)
        return F.linear(x, *layer["proj"])

    def _gathered(self, of_rows: Tensor, of_columns: Tensor) -> Tensor:
        places = torch.arange(self._grid**2)
        rows = torch.div(places, self._grid, rounding_mode="trunc")
        columns = places % self._grid
        vertical = (rows[None, :] - rows[:, None]).clamp(-14, 14) + 15
        horizontal = (columns[None, :] - columns[:, None]).clamp(-14, 14) + 15
        return of_rows[F.pad(vertical, (1, 0, 1, 0))] + of_columns[F.pad(horizontal, (1, 0, 1, 0))]
