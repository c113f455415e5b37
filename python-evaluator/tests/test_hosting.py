"""From a configuration to served supernets: the member, the images and the device, or what is missing."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import reduced
import torch
from PIL import Image
from torch import Tensor

from collm_nas_evaluator import catalogue
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.backends.supernet import SupernetBackend
from collm_nas_evaluator.config import Configuration, Folders
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.families import autoformer, ofa, spos


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder of a thousand classes with two images each."""
    root = tmp_path_factory.mktemp("thousand")
    first = root / "image.png"
    Image.new("RGB", (40, 40), (90, 120, 150)).save(first)
    for label in range(1000):
        folder = root / "val" / f"n{label:08}"
        folder.mkdir(parents=True)
        (folder / "0.png").hardlink_to(first)
        (folder / "1.png").hardlink_to(first)
    return root / "val"


def zeros(layout: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    return {name: torch.zeros(shape) for name, shape in layout.items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of the official size for each published supernet of ImageNet but AutoFormer's larger ones."""
    root = tmp_path_factory.mktemp("files")
    boxes = {
        "ofa-w1.0": {"state_dict": zeros(ofa.layout(1.0, 1000))},
        "ofa-w1.2": {"state_dict": zeros(ofa.layout(1.2, 1000))},
        "spos": {
            "state_dict": {f"module.{name}": each for name, each in zeros(spos.layout(spos.OFFICIAL, 1000)).items()}
        },
        "autoformer-tiny": {"model": zeros(autoformer.layout(autoformer.Sizes(256, 4, 14)))},
    }
    return {name: reduced.save(root / name, box) for name, box in boxes.items()}


@pytest.fixture
def settings(files: dict[str, Path], thousand: Path, tmp_path: Path) -> Configuration:
    folders = Folders(val=thousand, train=thousand)
    return Configuration(tmp_path / "cache", analognas=False, checkpoints=files, images=folders, device="cpu")


def only(settings: Configuration, space_id: str) -> Configuration:
    return replace(settings, checkpoints={space_id: settings.checkpoints[space_id]})


def hosted(settings: Configuration) -> SupernetBackend:
    (backend,) = catalogue.load(settings)
    assert isinstance(backend, SupernetBackend)
    return backend


def reason(settings: Configuration) -> str:
    (entry,) = catalogue.load(settings)
    assert isinstance(entry, Unavailable)
    return entry.reason


def test_the_published_supernets(settings: Configuration) -> None:
    spaces = {}
    for entry in catalogue.load(settings):
        assert isinstance(entry, SupernetBackend)
        spaces[entry.describe().id] = entry.describe()
    assert list(spaces) == list(settings.checkpoints)
    assert [each.choices for each in spaces["ofa-w1.2"].dimensions] == [
        ("160", "176", "192", "208", "224"),
        ("2", "3", "4"),
        ("3", "5", "7"),
        ("3", "4", "6"),
    ]
    assert [cost.name for cost in spaces["ofa-w1.2"].costs] == ["flops_m", "macs_m", "params_m"]
    assert [cost.name for cost in spaces["spos"].costs] == ["flops_m", "params_m"]
    assert [cost.name for cost in spaces["autoformer-tiny"].costs] == ["params_m", "flops_m"]
    assert spaces["spos"].size == 4**20
    for space in spaces.values():
        meanings = [each.meaning for each in space.dimensions] + [each.meaning for each in space.metrics]
        said = " ".join([space.summary, *meanings, *(each.meaning for each in space.splits)])
        assert "mage" in said
        assert "ImageNet" not in said
        assert "Once" not in said


@pytest.mark.parametrize(("choices", "ratios"), [("released", ("3.5", "4")), ("paper", ("3", "3.5", "4"))])
def test_the_choices_of_autoformer_are_a_matter_of_configuration(
    settings: Configuration, choices: str, ratios: tuple[str, ...]
) -> None:
    space = hosted(replace(only(settings, "autoformer-tiny"), family_values={"autoformer.choices": choices})).describe()
    offered = {each.name: [float(token) for token in each.choices] for each in space.dimensions}
    assert offered["mlp"] == [float(each) for each in ratios]
    assert "choices: " in space.provenance


def test_the_file_of_another_member_is_named(settings: Configuration, files: dict[str, Path]) -> None:
    wrong = replace(settings, checkpoints={"ofa-w1.0": files["ofa-w1.2"]})
    assert "has width 1.2, and ofa-w1.0 needs width 1; checkpoints.ofa-w1.2 takes it" in reason(wrong)
    foreign = reason(replace(settings, checkpoints={"ofa-w1.0": files["spos"]}))
    assert re.search(r"the first being .* looks like a supernet of SPOS", foreign)


def test_a_missing_file_makes_one_space_unavailable(settings: Configuration, tmp_path: Path) -> None:
    checkpoints = {"spos": tmp_path / "nothing.tar", "autoformer-tiny": settings.checkpoints["autoformer-tiny"]}
    missing, present = catalogue.load(replace(settings, checkpoints=checkpoints))
    assert isinstance(missing, Unavailable)
    assert "nothing.tar is not there; download " in missing.reason
    assert "checkpoints.spos" in missing.reason
    assert isinstance(present, SupernetBackend)


def test_a_file_that_is_no_checkpoint_makes_its_own_space_unavailable(
    settings: Configuration, files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "page").write_bytes(b"<html>sign in</html>")
    os.mkfifo(tmp_path / "pipe")
    diverged = zeros(ofa.layout(1.2, 1000))
    diverged["blocks.3.conv.depth_conv.bn.bn.running_var"][7] = float("nan")
    wrong = {
        "ofa-w1.0": tmp_path / "page",
        "ofa-w1.2": reduced.save(tmp_path / "diverged", {"state_dict": diverged}),
        "spos": files["ofa-w1.0"],
        "autoformer-small": tmp_path / "pipe",
        "autoformer-tiny": files["autoformer-tiny"],
    }
    *unavailable, served = catalogue.load(replace(settings, checkpoints=wrong))
    assert isinstance(served, SupernetBackend)
    says = [
        "is a web page",
        'running_var" holds nan at [7]',
        "looks like a supernet of Once",
        "it is a pipe, and no file",
    ]
    for entry, what in zip(unavailable, says, strict=True):
        assert isinstance(entry, Unavailable)
        assert str(wrong[entry.id]) in entry.reason
        assert what in entry.reason


def test_images_are_needed(settings: Configuration, thousand: Path, tmp_path: Path) -> None:
    no_images = replace(only(settings, "spos"), images=Folders())
    assert reason(no_images).startswith("imagenet.val: not set; it names the folder")
    no_training = replace(no_images, images=Folders(val=thousand))
    assert reason(no_training).startswith("imagenet.train: not set; it names the folder of the training images")
    hosted(replace(only(settings, "autoformer-tiny"), images=Folders(val=thousand)))
    nowhere = replace(no_images, images=Folders(val=tmp_path / "nowhere", train=thousand))
    assert reason(nowhere).startswith(f"imagenet.val: {tmp_path / 'nowhere'}")
    (thousand / "n99999999").mkdir()
    try:
        assert "1001" in reason(only(settings, "spos"))
    finally:
        (thousand / "n99999999").rmdir()


def test_search_and_test_see_the_same_images_unless_configured_otherwise(
    settings: Configuration, thousand: Path
) -> None:
    same = {each.name: each.data for each in hosted(only(settings, "spos")).describe().splits}
    assert same["search"] == same["test"]
    held = replace(only(settings, "spos"), images=Folders(val=thousand, train=thousand, held_out=1000))
    backend = hosted(held)
    other = {each.name: each.data for each in backend.describe().splits}
    assert other["test"] == same["test"]
    assert other["search"] != other["test"]
    searched, _, calibrating = (each.images for each in backend.crops())
    assert len(searched) == 1000
    paths = {searched.path(place) for place in range(1000)}
    assert paths.isdisjoint(calibrating.path(place) for place in range(len(calibrating)))


def linked(root: Path, names: Iterable[str], images: Path) -> Path:
    """A folder whose class folders of these names are links to others."""
    root.mkdir()
    for name, real in zip(names, sorted(images.iterdir()), strict=True):
        (root / name).symlink_to(real)
    return root


@pytest.mark.parametrize("key", ["train", "search"])
def test_the_classes_of_all_images_are_the_same(
    settings: Configuration, thousand: Path, tmp_path: Path, key: str
) -> None:
    names = sorted(each.name for each in thousand.iterdir())
    other = linked(tmp_path / "other", [*names[:500], "N00000500", *names[501:]], thousand)
    folders = Folders(thousand, other) if key == "train" else Folders(thousand, thousand, other)
    said = reason(replace(only(settings, "spos"), images=folders))
    assert said.startswith(f'imagenet.{key}: {other}: its class "N00000500" and "n00000500" of the other images differ')


def test_the_order_of_the_classes_is_said_and_in_the_digest(
    settings: Configuration, thousand: Path, tmp_path: Path
) -> None:
    images = linked(tmp_path / "counted", map(str, range(1, 1001)), thousand)
    spaces = {}
    for order in (None, "numeric", "text"):
        folders = Folders(val=images, train=images, search=images, class_order=order)
        spaces[order] = hosted(replace(only(settings, "autoformer-tiny"), images=folders)).describe()
    assert '; classes in numeric order, "1" to "1000"; ' in spaces[None].provenance
    assert '; classes in text order, "1" to "999"; ' in spaces["text"].provenance
    assert spaces[None].digest == spaces["numeric"].digest != spaces["text"].digest
    (images / "1000").rename(images / "1001")
    folders = Folders(val=images)
    said = reason(replace(only(settings, "autoformer-tiny"), images=folders))
    assert 'class 1 is "10" by text and "2" by number; set imagenet.class_order' in said


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"device": "cuda"}, "PyTorch finds no CUDA device here; write device: cpu, or auto"),
        ({"device": "tpu9000"}, "device tpu9000 is not one that PyTorch knows"),
        ({"precision": "fp16"}, "precision fp16 needs a CUDA device, and this is cpu"),
    ],
)
def test_a_device_that_is_not_there(settings: Configuration, change: dict[str, str], what: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(UsageError, match=what):
        catalogue.load(replace(settings, **change))  # type: ignore[arg-type]
