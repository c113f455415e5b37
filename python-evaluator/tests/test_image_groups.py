"""Groups of images: read strictly, kept by every part of a set, and part of its hash only where there are some."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from collm_nas_evaluator import image_groups
from collm_nas_evaluator.errors import ImagesUnusable
from collm_nas_evaluator.imagenet import ImageSet, held_out, subset

NAMES = ["a/0.png", "a/1.png", "a/2.png", "b/0.png", "b/1.png"]
ROWS = ["a/0.png,scan 1", "a/1.png,scan 2", "a/2.png,scan 1", "b/0.png,scan 3", 'b/1.png,"scan, 2"']


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def grouped(folder: Path, rows: list[str], header: str = "image,group") -> ImageSet:
    (folder / "groups.csv").write_text("".join(f"{row}\n" for row in [header, *rows]))
    return ImageSet.open(folder, 2)


def test_groups_are_read_in_any_order_of_rows(folder: Path) -> None:
    assert ImageSet.open(folder, 2).groups is None
    images = grouped(folder, ROWS)
    assert images.groups is not None
    assert images.groups.tolist() == [0, 1, 0, 2, 3]
    again = grouped(folder, ROWS[::-1], "\ufeffimage,group").groups
    assert again is not None
    assert again.tolist() == [0, 1, 0, 2, 3]


def test_they_are_part_of_the_hash_only_where_there_are_some(folder: Path) -> None:
    without = ImageSet.open(folder, 2).hash
    content = b"".join(b"%d %d %s\0" % (name > "b", len(name), name.encode()) for name in NAMES)
    assert without == hashlib.sha256(content).hexdigest()
    hashes = {without, grouped(folder, ROWS).hash, grouped(folder, ["a/0.png,scan 2", *ROWS[1:]]).hash}
    assert len(hashes) == 3
    assert grouped(folder, [row.replace("scan", "page") for row in ROWS]).hash in hashes  # the same ones go together


def test_every_part_of_a_set_keeps_the_groups_of_its_images(folder: Path) -> None:
    images = grouped(folder, ROWS)
    group_of = dict(zip(NAMES, ["1", "2", "1", "3", "2'"], strict=True))
    chosen = images.select([4, 2, 0])
    assert chosen.groups is not None
    assert chosen.groups.tolist() == [0, 1, 1]
    for part in (subset(images, 4), *held_out(images, 2)):
        names = [os.path.relpath(part.path(place), folder) for place in range(len(part))]
        assert part.groups is not None
        together = part.groups[:, None] == part.groups[None, :]
        assert np.array_equal(together, [[group_of[one] == group_of[other] for other in names] for one in names])


FORM = "each image needs one row, CLASS/FILE,GROUP; correct it, or remove it if every image is by itself"
MISMATCH = f"so the groups do not match the images; {FORM}"


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (ROWS[:3] + ROWS[4:], "image,group", f": no row for 1 of the 5 images, the first one 'b/0.png', {MISMATCH}"),
        ([], "image,group", f": no row for 5 of the 5 images, the first one 'a/0.png', {MISMATCH}"),
        ([*ROWS, "a/3.png,x"], "image,group", f", line 7: there is no image 'a/3.png', {MISMATCH}"),
        ([*ROWS[:2], "./a/2.png,x"], "image,group", f", line 4: there is no image './a/2.png', {MISMATCH}"),
        ([*ROWS, ROWS[1]], "image,group", f", line 7: 'a/1.png' is there before, on line 3; {FORM}"),
        (["a/0.png,", *ROWS[1:]], "image,group", ", line 2: '' is no group: write any text without spaces around it"),
        (
            ["a/0.png,x ", *ROWS[1:]],
            "image,group",
            ", line 2: 'x ' is no group: write any text without spaces around it",
        ),
        (["a/0.png", *ROWS[1:]], "image,group", ", line 2: 1 columns instead of 2"),
        ([*ROWS[:4], 'b/1.png,"x'], "image,group", ", line 6: no CSV (unexpected end of data)"),
        (ROWS, "file,group", ", line 1, column 1: the columns are file,group, but have to be image,group"),
    ],
)
def test_what_does_not_match_the_images_is_named(folder: Path, rows: list[str], header: str, said: str) -> None:
    with pytest.raises(ImagesUnusable) as caught:
        grouped(folder, rows, header)
    assert str(caught.value) == f"{folder / 'groups.csv'}{said}"


def not_utf8(folder: Path) -> None:
    (folder / "groups.csv").write_bytes(b"image,group\na/0.png,1\na/1.png,\xff\n")


def flat(folder: Path) -> None:
    _without_classes(folder, "ILSVRC2012_val_00000001.JPEG")


def archive(folder: Path) -> None:
    _without_classes(folder, "ILSVRC2012_img_val.tar")


def _without_classes(folder: Path, name: str) -> None:
    for each in NAMES:
        (folder / each).unlink()
    (folder / "a").rmdir()
    (folder / "b").rmdir()
    (folder / name).write_bytes(b"")
    (folder / "groups.csv").write_text("image,group\n")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (not_utf8, "groups.csv, line 3: byte 0xff is not UTF-8"),
        (lambda folder: os.mkfifo(folder / "groups.csv"), "groups.csv: cannot be read: it is a pipe"),
        (lambda folder: (folder / "groups.csv").write_bytes(b"x" * 101), "it has 101 bytes, more than 100; each image"),
        (lambda folder: (folder / "groups.csv").symlink_to("nothing"), "groups.csv: is a broken link, to nothing"),
        (flat, "groups.csv: groups are read for class folders only; unpack the images, or remove it"),
        (archive, "groups.csv: groups are read for class folders only; unpack the images, or remove it"),
    ],
)
def test_what_is_no_file_of_groups_is_named(
    folder: Path, make: Callable[[Path], object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_groups, "_LARGEST", 100)
    make(folder)
    with pytest.raises(ImagesUnusable) as caught:
        ImageSet.open(folder, 2)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
