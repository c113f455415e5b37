"""The example that trains a supernet of handwritten digits: its images, its training, and the checkpoint it made."""

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from collm_nas_evaluator.families import ofa
from collm_nas_evaluator.imagenet import ImageSet

EXAMPLES = Path(__file__).parents[2] / "examples"
CHECKPOINT = EXAMPLES / "digits" / "ofa_digits.pth"
MIDDLE = {"r": 32, "d": [3] * 5, "ks": [5] * 20, "e": [4] * 20}


@pytest.fixture(scope="module")
def digits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_digits_supernet", EXAMPLES / "train_digits_supernet.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(digits: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images."""
    folder = tmp_path_factory.mktemp("images")
    digits.write_images(folder)
    return folder


def test_every_machine_makes_the_same_pixels(digits: ModuleType) -> None:
    images, labels = digits.variants("train", 1, np.random.RandomState(0))
    assert images.shape == (907, 37, 37)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [90, 92, 89, 93, 91, 92, 91, 91, 88, 90]
    assert (
        hashlib.sha256(images[:20].tobytes()).hexdigest()
        == "d508f346c7b10a8fe38a3f2970322a6aa022aa54f6bbcaef31f4b5d7e6174e08"
    )


def test_no_scan_is_in_two_folders(digits: ModuleType) -> None:
    numbers = [number for scans in digits.scans().values() for number, _ in scans]
    assert sorted(numbers) == list(range(1797))
    search, test = (len(digits.scans()[name]) * digits.VARIANTS[name] for name in ("search", "test"))
    assert min(search, test) >= 5000


def test_the_images_are_class_folders(digits: ModuleType, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["search", "test", "train"]
    count = digits.VARIANTS["test"]
    made, labels = digits.variants("test", count, np.random.RandomState(2))
    written = ImageSet.open(folder / "test", 10)
    assert np.bincount(written.labels).tolist() == np.bincount(labels).tolist()
    name = Path(written.path(0)).relative_to(folder)
    place = digits.scans()["test"].index((int(name.stem[:4]), int(name.parts[1])))
    assert (np.asarray(written.read(0)) == made[count * place, :, :, None]).all()


def test_training_lowers_the_loss_and_makes_an_official_file(digits: ModuleType, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "new.pth"
    digits.save(path, digits.random_weights(), 0)
    supernet = ofa.load(path)
    training = digits.Training(supernet, steps=6)
    ((images, labels),) = digits.batches(1)
    losses = [training.step(images, labels) for _ in range(6)]
    assert losses[-1] < losses[0] - 0.1
    digits.save(path, list(supernet.weights.values()), 6)
    state = torch.load(path, weights_only=True)["state_dict"]
    assert [name for name in state if not name.endswith("num_batches_tracked")] == list(ofa.layout(0.3, 10))
    assert sum(name.endswith("num_batches_tracked") for name in state) == 64
    assert all(weight.isfinite().all() for weight in ofa.load(path).weights.values())


def test_the_committed_checkpoint_knows_digits(digits: ModuleType, folder: Path) -> None:
    assert CHECKPOINT.stat().st_size <= 3_000_000
    supernet = ofa.load(CHECKPOINT)
    assert supernet.size == ofa.MEMBERS["ofa-digits"].size
    calibration = supernet.calibration({"r": [32]})
    training, _ = digits.inputs(folder / "train", calibration.recipe, 800)
    network = supernet.subnet(MIDDLE, training.split(calibration.batch))
    test = digits.inputs(folder / "test", supernet.validation({"r": [32]}), 500)
    assert digits.accuracy(network, *test) > 80
