"""Finds the images of a set and the class of each: in class folders, the official flat folder, or the archives.

Owns the layouts and what each must contain. Knows no pixel and opens no image; class_names decides the order of names.
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

from collm_nas_evaluator import class_names, files, image_groups
from collm_nas_evaluator.class_names import Classes, Order
from collm_nas_evaluator.errors import ImagesUnusable

SUFFIXES = (".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")
"""How the names of image files end, as in torchvision.datasets.ImageFolder. The content is not checked."""
VALIDATION_ARCHIVE = "ILSVRC2012_img_val.tar"
TRAINING_ARCHIVE = "ILSVRC2012_img_train.tar"
_LARGEST = 1 << 30
"""Bytes of one image file."""
_LARGEST_OF_KIT = 64 << 20
"""Bytes of one file of the development kit, unpacked; the official ones have less than 3 million."""
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"

_LEFTOVER_FILES = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r")
_LEFTOVER_FOLDERS = ("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found")
_LEFTOVER_ENDINGS = (":zone.identifier", ":encryptable")
"""Files that file managers and network drives leave in folders, in lower case; hidden names are skipped too."""
_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_NOT_A_DEVKIT = (OSError, EOFError, KeyError, IndexError, ValueError, TypeError, NotImplementedError, zlib.error)


@dataclass(frozen=True, slots=True)
class Listing:
    """Images by name below `root`, in order, the index of each one's class, [images], and the classes by index.

    In an archive, which `root` is, `spans` has the offset and the bytes of each image's content, [images, 2].
    `groups` says of each image with which others it goes together, where the set declares it: see image_groups.
    """

    root: Path
    names: Sequence[str]
    labels: NDArray[np.int64]
    classes: Classes
    spans: NDArray[np.int64] | None = None
    groups: Sequence[str] | None = None

    def size_of(self, place: int) -> int:
        """The bytes of an image file. Raises OSError."""
        return (self.root / self.names[place]).stat().st_size if self.spans is None else int(self.spans[place, 1])

    def bytes_of(self, place: int) -> bytes:
        """The content of an image file. Raises OSError."""
        if self.spans is None:
            return files.contents(self.root / self.names[place], _LARGEST)
        offset, size = map(int, self.spans[place])
        with files.opened(self.root) as archive:
            return os.pread(archive.fileno(), size, offset)

    def select(self, places: NDArray[np.int64]) -> "Listing":
        """The images at these places, in this order."""
        spans = None if self.spans is None else self.spans[places]
        names = [self.names[place] for place in places]
        groups = None if self.groups is None else [self.groups[place] for place in places]
        return Listing(self.root, names, self.labels[places], self.classes, spans, groups)


def find(path: Path, classes: int, order: Order | None = None, like: Classes | None = None) -> Listing:
    """Lists the images of a folder in any of the layouts, or of an archive.

    The classes must be those of `like`, and get its indices. Without `like`, `class_names.ordered` numbers them.
    Raises ImagesUnusable.
    """
    wanted = _Wanted(classes, order, like)
    try:
        if path.name in (VALIDATION_ARCHIVE, TRAINING_ARCHIVE) and path.is_file():
            return _archive(path, wanted)
        with os.scandir(path) as entries:
            visible = sorted((entry for entry in entries if not is_leftover(entry.name)), key=lambda each: each.name)
        return _folder(path, visible, wanted)
    except OSError as error:
        where = Path(error.filename or path)
        raise ImagesUnusable(where, _broken_link(where) or f"cannot be read: {error.strerror}") from error


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name does not belong to the set: hidden, or left there by a file manager."""
    low = name.lower()
    return low.startswith(".") or low in _LEFTOVER_FILES + _LEFTOVER_FOLDERS or low.endswith(_LEFTOVER_ENDINGS)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the classes of a set must be: how many, in which order, and, if given, those of another set."""

    count: int
    order: Order | None
    like: Classes | None

    def classes(self, root: Path, what: str, names: Sequence[str]) -> Classes:
        """The classes of these names. `what` is what each is, such as "class folder". Raises ImagesUnusable."""
        is_above = set(names) <= {"train", "val", "test"}
        if self.like is not None and not is_above and (difference := class_names.difference(names, self.like)):
            raise ImagesUnusable(root, difference)
        if len(names) != self.count:
            counted = f"{_counted(what, sorted(names))}; the checkpoint has {self.count} classes"
            raise ImagesUnusable(root, f"{counted}; name the one that is meant" if is_above else counted)
        return self.like or class_names.ordered(root, names, self.order)


def _folder(folder: Path, entries: list[os.DirEntry[str]], wanted: _Wanted) -> Listing:
    archives = [entry.name for entry in entries if entry.name in (VALIDATION_ARCHIVE, TRAINING_ARCHIVE)]
    if len(archives) == 2:
        raise ImagesUnusable(folder, f"holds {' and '.join(archives)}; name one of them in place of their folder")
    if archives:
        image_groups.refuse(folder)
        return _archive(folder / archives[0], wanted)
    for entry in entries:
        if broken := _broken_link(Path(entry.path)):
            raise ImagesUnusable(folder / entry.name, broken)
    folders = [entry.name for entry in entries if entry.is_dir()]
    images = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES)]
    if images and not folders and any(map(_VALIDATION_NAME.fullmatch, images)):
        image_groups.refuse(folder)
        return Listing(folder, *_official_validation(folder, images, wanted))
    if images:
        raise ImagesUnusable(folder, f"{images[0]} lies in no class folder; {_LAYOUTS}")
    if not folders:
        raise ImagesUnusable(folder, f"holds no images; {_LAYOUTS}")
    has_groups = any(entry.name == image_groups.FILE and not entry.is_dir() for entry in entries)
    return _class_folders(folder, folders, wanted, has_groups=has_groups)


_LAYOUTS = (
    f"expected are one folder a class, {VALIDATION_ARCHIVE} or {TRAINING_ARCHIVE}, or all of the official "
    "ILSVRC2012_val_00000001.JPEG and so on"
)


def _class_folders(folder: Path, names: list[str], wanted: _Wanted, *, has_groups: bool) -> Listing:
    try:
        classes = wanted.classes(folder, "class folder", names)
    except ImagesUnusable as error:
        empty = next((name for name in names if len(names) > wanted.count and not _has_images(folder / name)), None)
        if empty is None:
            raise
        raise ImagesUnusable(folder, f"{error.what}; {empty} holds no images: remove it") from None
    images: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes.names):
        found = _images_of(folder / name)
        images += [f"{name}/{image}" for image in found]
        labels += [label] * len(found)
    groups = image_groups.read(folder, images) if has_groups else None
    return Listing(folder, images, np.array(labels, np.int64), classes, groups=groups)


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(SUFFIXES) and not is_leftover(entry.name) for entry in entries)


def _images_of(folder: Path) -> list[str]:
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_leftover(entry.name):
                continue
            if not entry.name.lower().endswith(SUFFIXES) or not entry.is_file():
                what = "is a folder inside a class folder" if entry.is_dir() else "is not an image"
                what = _broken_link(Path(entry.path)) or f"{what}, where only images may lie ({', '.join(SUFFIXES)})"
                raise ImagesUnusable(folder / entry.name, what)
            names.append(entry.name)
    if not names:
        raise ImagesUnusable(folder, "is an empty class folder; every class needs images")
    return sorted(names)


def _broken_link(path: Path) -> str:
    """A sentence about a link whose target does not exist; empty when there is no such link."""
    if not path.is_symlink() or path.exists():
        return ""
    return f"is a broken link, to {path.readlink()}, which is not there; repair it or remove it"


def _archive(archive: Path, wanted: _Wanted) -> Listing:
    with files.opened(archive) as file:
        members = list(_members(archive, file, 0, archive.stat().st_size))
        if archive.name == TRAINING_ARCHIVE:
            return _training(archive, file, members, wanted)
    members.sort()
    names, labels, classes = _official_validation(archive, [name for name, _, _ in members], wanted)
    return Listing(archive, names, labels, classes, _spans(members))


def _training(archive: Path, file: BinaryIO, inner: list["ArchiveFile"], wanted: _Wanted) -> Listing:
    places = {name.removesuffix(".tar"): (name, offset, size) for name, offset, size in inner}
    if len(places) != len(inner):
        raise ImagesUnusable(archive, "holds a class twice; download it again")
    classes = wanted.classes(archive, "class archive", list(places))
    found: list[ArchiveFile] = []
    labels: list[int] = []
    for label, name in enumerate(classes.names):
        tar, offset, size = places[name]
        images = sorted(_members(archive, file, offset, offset + size))
        if not images:
            raise ImagesUnusable(archive / tar, "is empty; every class needs images")
        for image, _, _ in images:
            if not image.lower().endswith(SUFFIXES):
                raise ImagesUnusable(archive / tar / image, f"is not an image ({', '.join(SUFFIXES)})")
        found += [(f"{name}/{image}", start, length) for image, start, length in images]
        labels += [label] * len(images)
    return Listing(archive, [name for name, _, _ in found], np.array(labels, np.int64), classes, _spans(found))


ArchiveFile = tuple[str, int, int]
"""Name, offset in the outermost archive, and bytes of a file in an archive."""


def _members(archive: Path, file: BinaryIO, start: int, end: int) -> Iterator[ArchiveFile]:
    """The files of the archive that lies in `file` from `start` to `end`."""
    damaged = "is cut or damaged; download it again"
    try:
        file.seek(start)
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # tarfile keeps them all
                if member.offset_data + member.size > end:
                    raise ImagesUnusable(archive, f"{damaged} ({member.name} goes beyond its end)")
                if member.isfile() and not any(map(is_leftover, member.name.removeprefix("./").split("/"))):
                    yield member.name.removeprefix("./"), member.offset_data, member.size
            last = tar.offset
    except tarfile.TarError as error:
        raise ImagesUnusable(archive, f"{damaged} ({error})") from error
    file.seek(last)
    if any(file.read(min(tarfile.BLOCKSIZE, end - last))):  # tarfile takes a damaged header for the end
        raise ImagesUnusable(archive, f"{damaged} (at byte {last})")


def _spans(members: Sequence[ArchiveFile]) -> NDArray[np.int64]:
    return np.array([member[1:] for member in members], np.int64).reshape(-1, 2)


def _official_validation(
    root: Path, names: Sequence[str], wanted: _Wanted
) -> tuple[Sequence[str], NDArray[np.int64], Classes]:
    """The labels of the official validation images by the number in their names, all of which must be there."""
    labels, classes = _ground_truth(root, wanted)
    expected = (f"ILSVRC2012_val_{number:08}.JPEG" for number in range(1, len(labels) + 1))
    for name, official in itertools.zip_longest(names, expected):
        if name != official:
            missing = official is not None and (name is None or name > official)
            what = f"{official} is missing" if missing else f"{name} is not one of them"
            raise ImagesUnusable(root, f"{what}; the development kit has the labels of {len(labels)} images")
    return names, labels, classes


def _ground_truth(root: Path, wanted: _Wanted) -> tuple[NDArray[np.int64], Classes]:
    """The index of the class of each official validation image, in the order of their numbers, and the WordNet ids.

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
            leaves = sorted(_leaves(_text(tar, "meta.mat")))
        if len(leaves) != wanted.count:
            raise ImagesUnusable(kit, f"has {len(leaves)} classes; the checkpoint has {wanted.count}")
        ids = [name for name, _ in leaves]
        if wanted.like is not None and (difference := class_names.difference(ids, wanted.like)):
            raise ImagesUnusable(kit, difference)
        classes = wanted.like or Classes(tuple(ids))
        index = {number: classes.names.index(name) for name, number in leaves}
        return np.array([index[int(number)] for number in numbers], np.int64), classes
    except (tarfile.TarError, *_NOT_A_DEVKIT) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise ImagesUnusable(kit, f"is not the development kit, or a cut one; download it again ({what})") from error


def _text(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(f"{DEVKIT.partition('.')[0]}/data/{name}")
    if member is None:
        raise KeyError(name)
    content = member.read(_LARGEST_OF_KIT + 1)
    if len(content) > _LARGEST_OF_KIT:
        raise ValueError(f"{name} has more than {_LARGEST_OF_KIT:,} bytes")
    return content


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
