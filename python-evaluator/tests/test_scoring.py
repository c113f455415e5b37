"""Scoring: an answer is right when it is the first one, and in the top five when it is among the first five."""

from pathlib import Path
from threading import Event

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from collm_nas_evaluator.crops import Crops
from collm_nas_evaluator.imagenet import ImageSet, Pixels, Recipe
from collm_nas_evaluator.scoring import Device, Hits

CLASSES = 8


class Ranked(nn.Module):
    """Gives the class of an image the rank among its answers that the image names: its pixels are class * 8 + rank."""

    def forward(self, batch: Tensor) -> Tensor:
        pixels = batch[:, 0, 0, 0].long()[:, None]
        from_own = (torch.arange(CLASSES)[None] - pixels // CLASSES) % CLASSES
        return -((from_own + pixels % CLASSES) % CLASSES).float()


def test_the_first_answer_and_the_first_five_are_counted_for_each_image(tmp_path: Path) -> None:
    ranks = [(label + 3 * number) % CLASSES for label in range(CLASSES) for number in range(3)]
    for place, rank in enumerate(ranks):
        folder = tmp_path / "images" / f"{place // 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (place // 3 * CLASSES + rank,) * 3).save(folder / f"{place % 3}.png")

    def crop(image: Image.Image, place: int) -> Pixels:
        return np.array(image, np.uint8)

    recipe = Recipe("as it is", 4, crop, lambda batch: batch.permute(0, 3, 1, 2).float())
    crops = Crops(ImageSet.open(tmp_path / "images", CLASSES), recipe, tmp_path / "cache", 2)
    *_, hits = Device("cpu").score(Ranked(), crops, Event())
    assert isinstance(hits, Hits)
    assert hits.first.tolist() == [rank == 0 for rank in ranks]
    assert hits.among_five.tolist() == [rank < 5 for rank in ranks]
