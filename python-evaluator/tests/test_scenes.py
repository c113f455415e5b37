"""The example that trains a supernet of scenes with digits: its images, its training, and the checkpoint it made."""

import csv
import hashlib
import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from collm_nas_evaluator.families import ofa
from collm_nas_evaluator.imagenet import ImageSet, Recipe

EXAMPLES = Path(__file__).parents[2] / "examples"
CHECKPOINT = EXAMPLES / "scenes" / "ofa_scenes.pth"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_scenes_supernet", EXAMPLES / "train_scenes_supernet.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.VARIANTS.update(search=2, test=1)
    return module


@pytest.fixture(scope="module")
def folder(example: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images, with fewer scenes of each scan."""
    folder = tmp_path_factory.mktemp("images")
    example.write_images(folder)
    return folder


def test_every_machine_makes_the_same_pixels(example: ModuleType) -> None:
    made = [
        example.scene(number, example.numbers("search"), level, np.random.RandomState(number))
        for level in example.LEVELS
        for number in example.numbers("search")[:3]
    ]
    assert {(image.shape, image.dtype.name) for image in made} == {((64, 64), "uint8")}
    assert (
        hashlib.sha256(np.stack(made).tobytes()).hexdigest()
        == "734142c0dbf1f526df64a57c26a3a57e72f590929d879ae86b4a06f9ed0219d7"
    )


def test_no_scan_is_in_two_folders(example: ModuleType) -> None:
    numbers = [number for name in example.SCANS for number in example.numbers(name)]
    assert sorted(numbers) == list(range(5000))
    assert Counter(example.digits("search", 4).tolist()) == dict.fromkeys(range(10), 600)


def test_the_images_are_class_folders_in_groups(example: ModuleType, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["search", "test", "train"]
    written = ImageSet.open(folder / "search", 10)
    assert len(written) == 2 * 1500
    made = example.scenes("search", 2, example.LEVELS[-1], np.random.RandomState(2))
    for place in (0, 1, 2999):
        file = Path(written.path(place)).relative_to(folder / "search")
        number, variant = map(int, file.stem.split("-"))
        at = 2 * example.numbers("search").index(number) + variant
        assert written.labels[place] == example.digits("search", 2)[at] == int(file.parts[0])
        assert (np.asarray(written.read(place)) == made[at, :, :, None]).all()
    with (folder / "search" / "groups.csv").open() as groups:
        rows = {row["image"]: row["group"] for row in csv.DictReader(groups)}
    assert len(rows) == 3000
    assert set(Counter(rows.values()).values()) == {2}
    assert all(int(image.split("/")[1].split("-")[0]) == int(group) for image, group in rows.items())


def test_training_lowers_the_loss_and_makes_an_official_file(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "RESOLUTIONS", example.RESOLUTIONS[:1])
    monkeypatch.setattr(example, "SCANS", {**example.SCANS, "train": 10})
    example.numbers.cache_clear()
    torch.manual_seed(0)
    path = tmp_path / "new.pth"
    example.save(path, example.random_weights(), 0)
    supernet = ofa.load(path)
    training = example.Training(supernet, [example.Phase(6, ()), example.Phase(2, ("ks", "d", "e"))])
    ((images, labels),) = example.batches(1)
    losses = [training.step(step, images, labels) for step in range(8)]
    assert losses[5] < losses[0] - 0.1
    example.save(path, list(supernet.weights.values()), 8)
    example.numbers.cache_clear()
    state = torch.load(path, weights_only=True)["state_dict"]
    assert [name for name in state if not name.endswith("num_batches_tracked")] == list(ofa.layout(0.25, 10))
    assert sum(name.endswith("num_batches_tracked") for name in state) == 64
    assert all(weight.isfinite().all() for weight in ofa.load(path).weights.values())


def test_the_committed_checkpoint_tells_a_large_subnet_from_a_small_one(example: ModuleType, folder: Path) -> None:
    assert CHECKPOINT.stat().st_size <= 4_000_000
    supernet = ofa.load(CHECKPOINT)
    assert supernet.size == ofa.MEMBERS["ofa-scenes"].size
    resolution = example.RESOLUTIONS[-1]
    calibration = supernet.calibration({"r": [resolution]})

    def inputs(name: str, recipe: Recipe, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = ImageSet.open(folder / name, 10).select(range(0, len(ImageSet.open(folder / name, 10)), step))
        pixels = np.stack([recipe.crop(images.read(place), place) for place in range(len(images))])
        return recipe.prepare(torch.from_numpy(pixels)), torch.from_numpy(images.labels)

    training, _ = inputs("train", calibration.recipe, 2)
    images, labels = inputs("test", supernet.validation({"r": [resolution]}), 3)

    def accuracy(depth: int, kernel: int, expansion: int) -> float:
        chosen = {"r": resolution, "d": [depth] * 5, "ks": [kernel] * 20, "e": [expansion] * 20}
        with torch.inference_mode():
            logits = supernet.subnet(
                chosen, [training[at : at + calibration.batch] for at in range(0, len(training), calibration.batch)]
            )(images)
        return 100 * float((logits.argmax(1) == labels).float().mean())

    assert accuracy(4, 7, 6) > 60
    assert accuracy(4, 7, 6) > accuracy(2, 3, 3) + 10
