"""Where the images of a set lie and which class each is of: class folders, the official flat folder, the archives.

Owns the layouts and what each must hold. Knows no pixel and opens no image.
"""

import io
import itertools
import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator.errors import ImagesUnusable

SUFFIXES = (".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")
"""Endings of the names of image files, whatever they hold: those of torchvision.datasets.ImageFolder."""
VALIDATION_ARCHIVE = "ILSVRC2012_img_val.tar"
TRAINING_ARCHIVE = "ILSVRC2012_img_train.tar"
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"

_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_NOT_A_DEVKIT = (OSError, EOFError, KeyError, IndexError, ValueError, TypeError, NotImplementedError, zlib.error)


@dataclass(frozen=True, slots=True)
class Listing:
    """Images by name below `root`, in order, and the index of each one's class, [images].

    In an archive, which `root` is, `spans` has the offset and the bytes of each image's content, [images, 2].
    """

    root: Path
    names: Sequence[str]
    labels: NDArray[np.int64]
    spans: NDArray[np.int64] | None = None

    def size_of(self, place: int) -> int:
        """The bytes of an image file. Raises OSError."""
        return (self.root / self.names[place]).stat().st_size if self.spans is None else int(self.spans[place, 1])

    def bytes_of(self, place: int) -> bytes:
        """The content of an image file. Raises OSError."""
        if self.spans is None:
            return (self.root / self.names[place]).read_bytes()
        offset, size = map(int, self.spans[place])
        with self.root.open("rb", buffering=0) as archive:
            return os.pread(archive.fileno(), size, offset)

    def select(self, places: NDArray[np.int64]) -> "Listing":
        """The images at these places, in this order."""
        spans = None if self.spans is None else self.spans[places]
        return Listing(self.root, [self.names[place] for place in places], self.labels[places], spans)


def find(path: Path, classes: int) -> Listing:
    """Lists the images of a folder in any of the layouts, or of an archive. Raises ImagesUnusable."""
    try:
        if path.name in (VALIDATION_ARCHIVE, TRAINING_ARCHIVE) and path.is_file():
            return _archive(path, classes)
        with os.scandir(path) as entries:
            visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda each: each.name)
        return _folder(path, visible, classes)
    except OSError as error:
        raise ImagesUnusable(error.filename or path, f"cannot be read: {error.strerror}") from error


def _folder(folder: Path, entries: list[os.DirEntry[str]], classes: int) -> Listing:
    archives = [entry.name for entry in entries if entry.name in (VALIDATION_ARCHIVE, TRAINING_ARCHIVE)]
    if len(archives) == 2:
        raise ImagesUnusable(folder, f"holds {' and '.join(archives)}; name one of them in place of their folder")
    if archives:
        return _archive(folder / archives[0], classes)
    folders = [entry.name for entry in entries if entry.is_dir()]
    images = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES)]
    if images and not folders and any(map(_VALIDATION_NAME.fullmatch, images)):
        return Listing(folder, *_official_validation(folder, images, classes))
    if images:
        raise ImagesUnusable(folder, f"{images[0]} lies in no class folder; {_LAYOUTS}")
    if not folders:
        raise ImagesUnusable(folder, f"holds no images; {_LAYOUTS}")
    return _class_folders(folder, folders, classes)


_LAYOUTS = (
    f"expected are one folder a class, {VALIDATION_ARCHIVE} or {TRAINING_ARCHIVE}, or all of the official "
    "ILSVRC2012_val_00000001.JPEG and so on"
)


def _class_folders(folder: Path, names: list[str], classes: int) -> Listing:
    if len(names) != classes:
        inside = "; name the one that is meant" if set(names) <= {"train", "val", "test"} else ""
        raise ImagesUnusable(folder, f"{_counted('class folder', names)}; the checkpoint has {classes} classes{inside}")
    images: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = _images_of(folder / name)
        images += [f"{name}/{image}" for image in found]
        labels += [label] * len(found)
    return Listing(folder, images, np.array(labels, np.int64))


def _images_of(folder: Path) -> list[str]:
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.name.lower().endswith(SUFFIXES) or not entry.is_file():
                what = "is a folder inside a class folder" if entry.is_dir() else "is no image"
                raise ImagesUnusable(folder / entry.name, f"{what}, where only images may lie ({', '.join(SUFFIXES)})")
            names.append(entry.name)
    if not names:
        raise ImagesUnusable(folder, "is an empty class folder; every class needs images")
    return sorted(names)


def _archive(archive: Path, classes: int) -> Listing:
    with archive.open("rb") as file:
        members = list(_members(archive, file, 0, archive.stat().st_size))
        if archive.name == TRAINING_ARCHIVE:
            return _training(archive, file, members, classes)
    members.sort()
    names, labels = _official_validation(archive, [name for name, _, _ in members], classes)
    return Listing(archive, names, labels, _spans(members))


def _training(archive: Path, file: BinaryIO, inner: list["Member"], classes: int) -> Listing:
    inner.sort()
    if len(inner) != classes:
        counted = _counted("class archive", [name for name, _, _ in inner])
        raise ImagesUnusable(archive, f"{counted}; the checkpoint has {classes} classes")
    found: list[Member] = []
    labels: list[int] = []
    for label, (tar, offset, size) in enumerate(inner):
        images = sorted(_members(archive, file, offset, offset + size))
        if not images:
            raise ImagesUnusable(archive / tar, "is empty; every class needs images")
        found += [(f"{tar.removesuffix('.tar')}/{name}", start, length) for name, start, length in images]
        labels += [label] * len(images)
    return Listing(archive, [name for name, _, _ in found], np.array(labels, np.int64), _spans(found))


Member = tuple[str, int, int]
"""Name, offset in the outermost archive, and bytes of a file in an archive."""


def _members(archive: Path, file: BinaryIO, start: int, end: int) -> Iterator[Member]:
    """The files of the archive that lies in `file` from `start` to `end`."""
    damaged = "is cut or damaged; download it again"
    try:
        file.seek(start)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # tarfile keeps them all
                if member.offset_data + member.size > end:
                    raise ImagesUnusable(archive, f"{damaged} ({member.name} goes beyond its end)")
                if member.isfile() and not member.name.rpartition("/")[2].startswith("."):
                    yield member.name.removeprefix("./"), member.offset_data, member.size
            last = tar.offset
    except tarfile.TarError as error:
        raise ImagesUnusable(archive, f"{damaged} ({error})") from error
    file.seek(last)
    if any(file.read(min(tarfile.BLOCKSIZE, end - last))):  # tarfile takes a damaged header for the end
        raise ImagesUnusable(archive, f"{damaged} (at byte {last})")


def _spans(members: Sequence[Member]) -> NDArray[np.int64]:
    return np.array([member[1:] for member in members], np.int64).reshape(-1, 2)


def _official_validation(root: Path, names: Sequence[str], classes: int) -> tuple[Sequence[str], NDArray[np.int64]]:
    """The labels of the official validation images by the number in their names, all of which must be there."""
    labels = _ground_truth(root, classes)
    expected = (f"ILSVRC2012_val_{number:08}.JPEG" for number in range(1, len(labels) + 1))
    for name, official in itertools.zip_longest(names, expected):
        if name != official:
            missing = official is not None and (name is None or name > official)
            what = f"{official} is missing" if missing else f"{name} is none of them"
            raise ImagesUnusable(root, f"{what}; the development kit has the labels of {len(labels)} images")
    return names, labels


def _ground_truth(root: Path, classes: int) -> NDArray[np.int64]:
    """The index of the class of each official validation image, in the order of their numbers.

    The kit numbers the classes otherwise; their index is the place among the sorted WordNet ids of those without
    children, as in torchvision.datasets.ImageNet.
    """
    places = [root.parent / DEVKIT] if root.is_file() else [root / DEVKIT, root.parent / DEVKIT]
    kit = next((place for place in places if place.is_file()), None)
    if kit is None:
        where = " or ".join(str(place) for place in places)
        raise ImagesUnusable(root, f"needs the labels from {DEVKIT} of image-net.org, which is not there: {where}")
    try:
        with tarfile.open(kit, "r:gz") as tar:
            numbers = _text(tar, "ILSVRC2012_validation_ground_truth.txt").split()
            leaves = _leaves(_text(tar, "meta.mat"))
        if len(leaves) != classes:
            raise ImagesUnusable(kit, f"has {len(leaves)} classes; the checkpoint has {classes}")
        index = {number: place for place, (_, number) in enumerate(sorted(leaves))}
        return np.array([index[int(number)] for number in numbers], np.int64)
    except (tarfile.TarError, *_NOT_A_DEVKIT) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise ImagesUnusable(kit, f"is not the development kit, or a cut one; download it again ({what})") from error


def _text(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(f"{DEVKIT.partition('.')[0]}/data/{name}")
    if member is None:
        raise KeyError(name)
    return member.read()


def _leaves(meta: bytes) -> list[tuple[str, int]]:
    """The WordNet id and the kit's number of each class without children."""
    from scipy.io import loadmat  # noqa: PLC0415 - half a second, for this layout alone

    synsets = np.atleast_1d(loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"])
    return [
        (str(synset["WNID"]), int(synset["ILSVRC2012_ID"])) for synset in synsets if int(synset["num_children"]) == 0
    ]


def _counted(what: str, names: Sequence[str]) -> str:
    if not names:
        return f"holds no {what}"
    return f"holds {len(names)} {what}{'s' if len(names) > 1 else ''} ({names[0]} to {names[-1]})"
