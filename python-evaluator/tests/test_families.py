"""The registry of families: what each exports, and that a new family is one new file."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import reduced
import torch
from PIL import Image

from collm_nas_evaluator import catalogue, config, families, reference
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.backends.supernet import CheckpointSpec, SupernetBackend
from collm_nas_evaluator.errors import PackageMissing, UsageError
from collm_nas_evaluator.families import Family, autoformer, ofa, spos

KNOWN: tuple[Family, ...] = (autoformer, ofa, spos)
"""The type checker holds each module against what a family exports."""

NEW = """
from typing import Any

from collm_nas_evaluator import keys
from collm_nas_evaluator.backends.supernet import CheckpointSpec
from collm_nas_evaluator.families import ofa
from collm_nas_evaluator.keys import Key

TITLE, MARK, CUDA_PRECISION = "Another family", "another.", "fp32"
MEMBERS = {"another-small": CheckpointSpec("A small one", {"classes": 5}, "make it yourself", (32,))}
SIDE = Key("another.side", keys.COUNT, 32, "The side of the images.")
KEYS: tuple[Key[Any], ...] = (SIDE,)


def open(member, path, device, configuration):
    return ofa.load(path, device, MEMBERS[member].where_from)


def dimensions(member, configuration):
    return ofa.dimensions_with([SIDE.of(configuration.family_values)])
"""


@pytest.fixture
def another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A new file beside the families."""
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "another.py").write_text(NEW)
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path / "families")])
    yield
    sys.modules.pop("collm_nas_evaluator.families.another", None)
    families.named.cache_clear()


def test_every_family_exports_the_same_names() -> None:
    assert families.every() == list(KNOWN)
    ids = [space_id for family in KNOWN for space_id in family.MEMBERS]
    assert len(ids) == len(set(ids)) == len(families.members())
    for name, family in zip(families.names(), KNOWN, strict=True):
        assert all(key.name.startswith(f"{name}.") for key in family.KEYS)
        assert family.CUDA_PRECISION in ("fp32", "fp16", "bf16")
        for space_id, spec in family.MEMBERS.items():
            assert isinstance(spec, CheckpointSpec)
            assert families.of_member(space_id) is family
            assert family.dimensions(space_id, config.default())


@pytest.mark.parametrize("name", ["autoformer", "ofa", "spos"])
def test_a_file_has_the_mark_of_its_own_family_alone(name: str, tmp_path: Path) -> None:
    tensors = reduced.load(name, tmp_path).checkpoint.tensors
    marked = [family for family in KNOWN if any(each.startswith(family.MARK) for each in tensors)]
    assert marked == [families.named(name)]


@pytest.mark.usefixtures("another")
def test_a_new_family_is_one_new_file(tmp_path: Path) -> None:
    reduced.save(tmp_path / "weights", {"state_dict": reduced.ofa_weights()})
    for label in range(reduced.CLASSES):
        (tmp_path / "images" / str(label)).mkdir(parents=True)
        Image.new("RGB", (48, 48), (40 * label, 90, 120)).save(tmp_path / "images" / str(label) / "0.png")
    path = tmp_path / "evaluator.yaml"
    path.write_text(
        "checkpoints: {another-small: weights}\nanother: {side: 48}\nimagenet: {val: images, train: images}\n"
        "analognas: false\ndevice: cpu\ncache_dir: cache\n"
    )
    (backend,) = catalogue.load(config.read(path))
    assert isinstance(backend, SupernetBackend)
    space = backend.describe()
    assert (space.id, space.title) == ("another-small", "A small one")
    assert space.dimensions[0].choices == ("48",)
    assert "| `another.side` | a whole number, at least 1 | `32` | The side of the images. |" in reference.text()
    assert "`checkpoints.another-small`" in reference.text()
    path.write_text("another: {sid: 48}")
    with pytest.raises(UsageError, match=r'unknown key "another.sid"; the nearest known key is "another.side"'):
        config.read(path)


def test_without_pytorch_supernets_are_unavailable_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Family:
        raise PackageMissing("torch")

    monkeypatch.setattr(families, "named", missing)
    path = tmp_path / "evaluator.yaml"
    path.write_text(
        "checkpoints: {spos: file, proxyless: other}\nspos: {calibration_images: 5}\nanalognas: false\ndevice: cpu\n"
    )
    entries = catalogue.load(config.read(path))
    assert [entry.id for entry in entries if isinstance(entry, Unavailable)] == ["spos", "proxyless"]
    assert all(isinstance(each, Unavailable) and "torch is not installed: run" in each.reason for each in entries)
    path.write_text("nasbench: {csv: x}")
    with pytest.raises(UsageError, match='unknown key "nasbench"'):
        config.read(path)


def test_a_configuration_of_tables_loads_no_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "every", None)
    path = tmp_path / "evaluator.yaml"
    path.write_text("nasbench201: {csv: all.csv}\nimagenet: {val: x}\ndevice: cpu\n")
    assert config.read(path).nasbench201_csv == tmp_path / "all.csv"


def test_the_device_of_the_reduced_supernets_is_the_one_asked_for(tmp_path: Path) -> None:
    path = reduced.save(tmp_path / "ofa", {"state_dict": reduced.ofa_weights()})
    supernet = ofa.open("ofa-scenes", path, torch.device("cpu"), config.default())
    assert supernet.weights["classifier.linear.bias"].device.type == "cpu"
