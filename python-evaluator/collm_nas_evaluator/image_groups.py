"""Reads which images of a set go together, such as the crops of one scan: the file groups.csv beside the class folders.

Owns the form of the file, and that it has each image of the set once. Knows no image and no class; what groups are
for is said in standard_errors.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from collm_nas_evaluator import csv_file, files
from collm_nas_evaluator.errors import ImagesUnusable

FILE = "groups.csv"
HEADER = ("image", "group")
_LARGEST = 256 << 20
"""Bytes of the file; 1.3 million images of ImageNet need 60 million."""
_MISMATCH = "the groups do not match the images"
_FORM = "each image needs one row, CLASS/FILE,GROUP; correct it, or remove it if every image is by itself"


def read(folder: Path, names: Sequence[str]) -> list[str]:
    """The group of each of the images, in their order; a name is CLASS/FILE. Raises ImagesUnusable."""
    path = folder / FILE
    places = {name: place for place, name in enumerate(names)}
    groups: list[str] = [""] * len(names)
    line_of: dict[str, int] = {}
    try:
        for line, (image, group) in csv_file.rows(_bytes(path), HEADER):
            place = places.get(image)
            if place is None:
                what = f"there is no image {_shown(image)}, so {_MISMATCH}; {_FORM}"
                raise csv_file.RowRefused(f"line {line}", what)
            if line_of.setdefault(image, line) != line:
                what = f"{_shown(image)} is there before, on line {line_of[image]}; {_FORM}"
                raise csv_file.RowRefused(f"line {line}", what)
            if not group or group != group.strip():
                what = f"{_shown(group)} is no group: write any text without spaces around it"
                raise csv_file.RowRefused(f"line {line}", what)
            groups[place] = group
    except csv_file.RowRefused as error:
        raise ImagesUnusable(f"{path}, {error.place}", error.what) from error
    missing = [name for name in names if name not in line_of]
    if missing:
        what = f"no row for {len(missing):,} of the {len(names):,} images, the first one {_shown(missing[0])}"
        raise ImagesUnusable(path, f"{what}, so {_MISMATCH}; {_FORM}")
    return groups


def refuse(folder: Path) -> None:
    """Raises ImagesUnusable for groups beside images of a layout that has none."""
    if (folder / FILE).exists():
        raise ImagesUnusable(folder / FILE, "groups are read for class folders only; unpack the images, or remove it")


def _bytes(path: Path) -> bytes:
    try:
        return files.contents(path, _LARGEST)
    except OSError as error:
        raise ImagesUnusable(path, f"cannot be read: {error.strerror}; {_FORM}") from error


def _shown(name: str) -> str:
    text = os.fsencode(name).decode(errors="backslashreplace")
    return ascii(text) if len(text) <= 120 else f"{text[:117]!a}..."
