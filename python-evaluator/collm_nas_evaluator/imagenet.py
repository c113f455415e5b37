"""Reads images with labels, and prepares them as each family of networks needs them.

Owns the five official recipes that make an input from a photograph, the decoding of an image file, and the fixed
slices of a set. Knows no network, no cache and no layout of folders and archives.
"""

import hashlib
import io
import math
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, features
from torch import Tensor
from torchvision.transforms import ColorJitter, InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as F  # noqa: N812 - torchvision's own name for it

from collm_nas_evaluator import imagenet_files
from collm_nas_evaluator.class_names import Classes, Order
from collm_nas_evaluator.errors import ImagesUnusable

Pixels = NDArray[np.uint8]
Photograph = Image.Image
Colours = list[tuple[Callable[[Photograph, float], Photograph], float]]

HELD_OUT_SEED = 2147483647
"""The seed with which once-for-all draws its held-out training images."""
SUBSET_SEED = 937162211
"""The seed with which once-for-all draws its calibration images."""

_VERSIONS = {"Pillow": PIL.__version__, "OpenCV": cv2.__version__, "torchvision": torchvision.__version__}
LIBRARIES = (
    *(f"{library} {'.'.join(version.split('.')[:2])}" for library, version in _VERSIONS.items()),
    f"libjpeg {features.version('libjpeg_turbo') or features.version('jpg')}",
)
"""The libraries whose versions may change a pixel."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_AREAS, _SIDES = [0.08, 1.0], [3 / 4, 4 / 3]
_FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
_NOT_DECODABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for files that are cut, damaged or hostile."""
_QUIET = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
_GLOBAL_GENERATOR = threading.Lock()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a decoded photograph becomes the input of a network.

    `crop` makes uint8 [pixels, pixels, 3] of an RGB photograph and its place in its set. In a random recipe the place
    is the seed. `prepare` makes float32 [N, 3, pixels, pixels] in channels-last memory of a batch of crops, uint8
    [N, pixels, pixels, 3] on any device. `name` names everything that a pixel depends on, except library versions.
    """

    name: str
    pixels: int
    crop: Callable[[Photograph, int], Pixels]
    prepare: Callable[[Tensor], Tensor]

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of the name and of the libraries that make its pixels."""
        return hashlib.sha256("\n".join([self.name, *LIBRARIES]).encode()).hexdigest()


def ofa_validation(pixels: int) -> Recipe:
    """Once-for-all: short side to ceil(pixels / 0.875), bilinear with Pillow; centre crop; normalised.

    Source: ofa/imagenet_classification/data_providers/imagenet.py of mit-han-lab/once-for-all.
    """
    crop = partial(_pillow_centre, InterpolationMode.BILINEAR, math.ceil(pixels / 0.875), pixels)
    return Recipe(f"ofa validation {pixels}", pixels, crop, _normalised)


def ofa_training(pixels: int) -> Recipe:
    """Once-for-all's training crops: a random part, flip, brightness by 32/255 and saturation by 0.5.

    Source: ofa/imagenet_classification/data_providers/imagenet.py of mit-han-lab/once-for-all.
    """
    jitter = ColorJitter(brightness=32.0 / 255.0, saturation=0.5)

    def crop(image: Photograph, place: int) -> Pixels:
        with _drawn_from(place):
            box, flip, colours = _random_box(image), _random_flip(), _random_colours(jitter)
        image = _flipped(F.resized_crop(image, *box, [pixels, pixels]), flip)
        return np.array(_coloured(image, colours), np.uint8)

    return Recipe(f"ofa training {pixels}", pixels, crop, _normalised)


def spos_validation(pixels: int = 224) -> Recipe:
    """SPOS: short side to 256 of 224 with OpenCV (no antialiasing), centre crop; BGR from 0 to 255, not normalised.

    Source: the Search folder of megvii-model/SinglePathOneShot.
    """
    short = _short_side(pixels)

    def crop(image: Photograph, place: int) -> Pixels:
        del place
        width, height = image.size
        if height < width:
            size = (int(short / height * width + 0.5), short)
        else:
            size = (short, int(short / width * height + 0.5))
        resized = cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_LINEAR)
        top, left = (round((side - pixels) / 2.0) for side in resized.shape[:2])
        return np.array(resized[top : top + pixels, left : left + pixels, ::-1], np.uint8)

    return Recipe(f"spos validation {pixels}", pixels, crop, _as_floats)


def spos_training(pixels: int = 224) -> Recipe:
    """SPOS's training crops: a random part, brightness, contrast and saturation by 0.4, flip; BGR from 0 to 255.

    Source: the Search folder of megvii-model/SinglePathOneShot.
    """
    jitter = ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4)

    def crop(image: Photograph, place: int) -> Pixels:
        with _drawn_from(place):
            box, colours, flip = _random_box(image), _random_colours(jitter), _random_flip()
        image = _coloured(F.resized_crop(image, *box, [pixels, pixels]), colours)
        return np.array(np.asarray(_flipped(image, flip))[:, :, ::-1], np.uint8)

    return Recipe(f"spos training {pixels}", pixels, crop, _as_floats)


def autoformer_validation(pixels: int = 224) -> Recipe:
    """AutoFormer: short side to 256 of 224, bicubic with Pillow; centre crop; normalised.

    Source: AutoFormer in microsoft/Cream.
    """
    crop = partial(_pillow_centre, InterpolationMode.BICUBIC, _short_side(pixels), pixels)
    return Recipe(f"autoformer validation {pixels}", pixels, crop, _normalised)


class ImageSet:
    """Images with labels in a fixed order. Files are opened when an image is read, and nothing is unpacked."""

    def __init__(self, listing: imagenet_files.Listing) -> None:
        self._listing = listing

    @classmethod
    def open(cls, folder: Path, classes: int, order: Order | None = None, like: "ImageSet | None" = None) -> "ImageSet":
        """Lists class folders, the official flat validation folder, or an official archive (in `folder`, or named).

        The index of a class is its index in `like`. Without `like` it is its place among the names in `order`; without
        `order`, class_names.ordered decides. Raises ImagesUnusable when there is no such folder, when it has none of
        these layouts, when the order is in doubt, when it does not have `classes` classes, and when its classes are not
        those of `like`.
        """
        return cls(imagenet_files.find(folder, classes, order, None if like is None else like.classes))

    @property
    def classes(self) -> Classes:
        """The names of the classes by index."""
        return self._listing.classes

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index of each image's class, [images]."""
        return self._listing.labels

    @cached_property
    def groups(self) -> NDArray[np.int64] | None:
        """The number of each image's group, [images], counted as they first appear; None when each is by itself."""
        if self._listing.groups is None:
            return None
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(group, len(numbers)) for group in self._listing.groups], np.int64)

    def __len__(self) -> int:
        return len(self._listing.names)

    def path(self, place: int) -> str:
        """The file of an image, for messages; inside an archive, below the archive's own path."""
        return os.fsencode(self._listing.root / self._listing.names[place]).decode(errors="backslashreplace")

    def read(self, place: int) -> Photograph:
        """The image in RGB with 8 bits a channel, in the orientation of its pixels. Raises ImagesUnusable."""
        if _QUIET not in warnings.filters:
            warnings.filterwarnings("ignore", module=_QUIET[3].pattern)  # remarks about metadata, not about pixels
        try:
            with Image.open(io.BytesIO(self._listing.bytes_of(place)), formats=_FORMATS) as image:
                if image.mode.startswith(("I", "F")):
                    raise ImagesUnusable(self.path(place), f"has {_depth(image)}; convert it to 8 bits a channel")
                return image.convert("RGB")
        except _NOT_DECODABLE as error:
            raise ImagesUnusable(self.path(place), _why(error)) from error

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) over the label, the name and the bytes of size of each image, and its group if any.

        Raises ImagesUnusable.
        """
        digest = hashlib.sha256()
        for place, (name, label) in enumerate(zip(self._listing.names, self.labels, strict=True)):
            try:
                size = self._listing.size_of(place)
            except OSError as error:
                raise ImagesUnusable(self.path(place), _why(error)) from error
            digest.update(b"%d %d %s\0" % (label, size, os.fsencode(name)))
        if self.groups is not None:
            digest.update(b"groups\0" + self.groups.astype("<i8").tobytes())
        return digest.hexdigest()

    def select(self, places: Sequence[int] | NDArray[np.int64]) -> "ImageSet":
        """The images at these places, in this order."""
        return ImageSet(self._listing.select(np.asarray(places, np.int64)))


def held_out(images: ImageSet, count: int, seed: int = HELD_OUT_SEED) -> tuple[ImageSet, ImageSet]:
    """Two sets in the order of `images`: the rest, and `count` images with equally many of each class (within one).

    The same set and seed give the same result everywhere. Raises ImagesUnusable when nothing would be left.
    """
    if not 0 < count < len(images):
        raise ImagesUnusable(images.path(0), f"is of a set of {len(images)} images; {count} cannot be held out of it")
    shuffled = np.random.RandomState(seed).permutation(len(images))
    by_class = np.argsort(images.labels[shuffled], kind="stable")
    ordered = images.labels[shuffled][by_class]
    rank = np.empty(len(images), np.int64)  # of each shuffled image within its class
    rank[by_class] = np.arange(len(images)) - np.searchsorted(ordered, ordered)
    by_rank = shuffled[np.argsort(rank, kind="stable")]
    return images.select(np.sort(by_rank[count:])), images.select(np.sort(by_rank[:count]))


def subset(images: ImageSet, count: int, seed: int = SUBSET_SEED) -> ImageSet:
    """`count` images, or all if there are fewer, in random order. The same set and seed always give the same images."""
    return images.select(np.random.RandomState(seed).permutation(len(images))[:count])


def _short_side(pixels: int) -> int:
    return round(256 / 224 * pixels)


def _pillow_centre(mode: InterpolationMode, short: int, pixels: int, image: Photograph, place: int) -> Pixels:
    del place
    return np.array(F.center_crop(F.resize(image, short, mode), pixels), np.uint8)


@contextmanager
def _drawn_from(place: int) -> Iterator[None]:
    """Within it the place is the seed of torch's generator, which torchvision uses. At the end it is restored."""
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(zlib.crc32(b"%d" % place))  # torch.manual_seed would reset CUDA's too
        yield


def _random_box(image: Photograph) -> tuple[int, int, int, int]:
    box: tuple[int, int, int, int] = RandomResizedCrop.get_params(image, _AREAS, _SIDES)
    return box


def _random_flip() -> bool:
    return bool(torch.rand(1) < 0.5)


def _random_colours(jitter: ColorJitter) -> Colours:
    order, *factors = jitter.get_params(jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation)
    return [(adjust[which], factors[which]) for which in order.tolist() if factors[which] is not None]


def _coloured(image: Photograph, colours: Colours) -> Photograph:
    for adjust, factor in colours:
        image = adjust(image, factor)
    return image


def _flipped(image: Photograph, flip: bool) -> Photograph:
    mirrored: Photograph = F.hflip(image) if flip else image
    return mirrored


def _as_floats(batch: Tensor) -> Tensor:
    return batch.permute(0, 3, 1, 2).to(torch.float32)


def _normalised(batch: Tensor) -> Tensor:
    """As ToTensor and Normalize: the same divisions in the same order.

    The divisor is a tensor on the device, because CUDA multiplies by the reciprocal of a plain number.
    """
    whole, mean, deviation = (torch.tensor(each, device=batch.device) for each in (255.0, _MEAN, _DEVIATION))
    return _as_floats(batch).div_(whole).sub_(mean.view(3, 1, 1)).div_(deviation.view(3, 1, 1))


def _depth(image: Photograph) -> str:
    return "16 bits a channel" if image.mode.startswith("I;16") else f"more than 8 bits a channel (mode {image.mode})"


def _why(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"is not an image that can be read ({', '.join(_FORMATS)})"
    if isinstance(error, Image.DecompressionBombError):
        return f"has more pixels than an image may have; make it smaller ({error})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"is a damaged image, or a cut one; fetch it again ({' '.join(str(error).split())[:160]})"
