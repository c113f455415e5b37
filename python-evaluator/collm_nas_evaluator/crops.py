"""Gives the crops of an image set by one recipe, in order: decodes them, or reads them from a cache on disk.

Owns the files of the cache, the rule for a complete cache, and how many images are decoded in advance. Knows no model
and no layout of images.
"""

import errno
import fcntl
import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Never, TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from collm_nas_evaluator import terminal
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.imagenet import ImageSet, Pixels, Recipe

Progress = Callable[[int, int], None]
"""Called with the number of images that are done, and the number of all images."""

_CHUNK = 256
_PIECE = 16
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ALLOCATION = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_WAIT_SECONDS = 0.5


class Crops:
    """The crops of `images` by `recipe`. The cache lies in `cache_dir`; `threads` decode."""

    def __init__(self, images: ImageSet, recipe: Recipe, cache_dir: Path, threads: int) -> None:
        self.images = images
        self.recipe = recipe
        self._cache_dir = cache_dir
        self._threads = threads

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index of each image's class, [images]."""
        return self.images.labels

    @property
    def kind(self) -> str:
        """Crops of one recipe need equally much memory."""
        return self.recipe.name

    @property
    def pixels(self) -> int:
        """The side of a crop."""
        return self.recipe.pixels

    def prepare(self, batch: Tensor) -> Tensor:
        """Makes the input of a network of a batch of crops."""
        return self.recipe.prepare(batch)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def bytes(self) -> int:
        """The size of the cache on disk, without a few kilobytes."""
        return len(self) * self._image_bytes

    @property
    def folder(self) -> Path:
        """Where the cache is, or would be."""
        return self._cache_dir / "crops" / f"{self.recipe.hash[:16]}-{self.images.hash[:16]}"

    @property
    def is_cached(self) -> bool:
        """Whether there is a complete cache of these crops."""
        try:
            manifest = json.loads((self.folder / "manifest.json").read_bytes())
            return bool(manifest == self._manifest()) and self._pixels.stat().st_size == self.bytes
        except (OSError, ValueError, RecursionError):
            return False

    def batches(self, size: int, start: int = 0) -> Iterator[Tensor]:
        """The crops from `start` on, uint8 [at most `size`, pixels, pixels, 3]; a few batches are made ahead.

        Raises ImagesUnusable for an image that cannot be decoded, UsageError when the cache cannot be read.
        """
        ranges = (range(first, min(first + size, len(self))) for first in range(start, len(self), size))
        if not self.is_cached:
            with closing(self._made(ranges, self._decode)) as made:
                yield from map(torch.from_numpy, made)
            return
        try:
            with (
                self._pixels.open("rb", buffering=0) as file,
                closing(self._made(ranges, _Reader(file, self._image_bytes))) as made,
            ):
                yield from map(torch.from_numpy, made)
        except OSError as error:
            raise UsageError(f"{self._pixels} cannot be read: {error.strerror or error}") from error

    def cache(self, progress: Progress, stop: threading.Event | None = None) -> None:
        """Builds the cache, or its missing part. When `stop` is set it returns early and keeps what is done.

        It waits for another process that does the same work. Raises ImagesUnusable for an image that cannot be decoded,
        UsageError when the disk is full or cannot be written.
        """
        stop = stop or threading.Event()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._alone(progress, stop):
                if not self.is_cached and not stop.is_set():
                    self._build(progress, stop)
        except OSError as error:
            raise UsageError(self._why(error)) from error
        if not stop.is_set():
            progress(len(self), len(self))

    @property
    def _pixels(self) -> Path:
        return self.folder / "pixels.u8"

    @property
    def _image_bytes(self) -> int:
        return self.recipe.pixels**2 * 3

    def _manifest(self) -> dict[str, str | int]:
        return {
            "recipe": self.recipe.name,
            "recipe_sha256": self.recipe.hash,
            "images_sha256": self.images.hash,
            "labels_sha256": hashlib.sha256(self.labels.astype("<i8").tobytes()).hexdigest(),
            "images": len(self),
            "pixels": self.recipe.pixels,
            "bytes": self.bytes,
        }

    def _decode(self, places: range, into: Pixels) -> None:
        for row, place in enumerate(places):
            into[row] = self.recipe.crop(self.images.read(place), place)

    def _made(self, ranges: Iterable[range], fill: Callable[[range, Pixels], None]) -> Generator[Pixels]:
        """An array of crops for each range, in order. The threads fill it in pieces.

        They work at most two ranges in advance, or a few images for each thread if that is more.
        """
        ahead: deque[tuple[Pixels, list[Future[None]]]] = deque()
        side = self.recipe.pixels
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="crops")
        try:
            for places in ranges:
                array = np.empty((len(places), side, side, 3), np.uint8)
                pieces = [slice(first, first + _PIECE) for first in range(0, len(places), _PIECE)]
                ahead.append((array, [pool.submit(fill, places[piece], array[piece]) for piece in pieces]))
                while len(ahead) > max(2, self._threads * _PIECE // len(places)):
                    yield _finished(*ahead.popleft())
            while ahead:
                yield _finished(*ahead.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    @contextmanager
    def _alone(self, progress: Progress, stop: threading.Event) -> Iterator[None]:
        """Within it no other process builds this cache, unless `stop` was set while it waited for that process."""
        with (self.folder / "lock").open("wb") as lock:
            while not stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    progress(self._images_in(_Log(self.folder, self._header).chunks), len(self))
                    stop.wait(_WAIT_SECONDS)
            yield

    @property
    def _header(self) -> str:
        return f"{_CHUNK} images a chunk, {self.recipe.hash} of {self.images.hash}"

    def _build(self, progress: Progress, stop: threading.Event) -> None:
        with os.fdopen(os.open(self._pixels, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0) as file:
            log = _Log(self.folder, self._header)
            if os.fstat(file.fileno()).st_size != self.bytes:
                log.forget()
                _allocate(file, self.bytes)
            log.repair()
            done = set(log.chunks)
            missing = [chunk for chunk in range(-(-len(self) // _CHUNK)) if chunk not in done]
            ranges = (range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(self))) for chunk in missing)
            with closing(self._made(ranges, self._decode)) as made:
                progress(self._images_in(done), len(self))
                for chunk, array in zip(missing, made, strict=True):
                    _write(file, array, chunk * _CHUNK * self._image_bytes)
                    log.append(chunk)
                    done.add(chunk)
                    progress(self._images_in(done), len(self))
                    if stop.is_set():
                        return
        self._seal()

    def _images_in(self, chunks: Iterable[int]) -> int:
        return sum(min(_CHUNK, len(self) - chunk * _CHUNK) for chunk in chunks)

    def _seal(self) -> None:
        """Writes the manifest. With it the cache is complete."""
        unfinished = self.folder / "manifest.json.unfinished"
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(self._manifest(), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / "manifest.json")
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _why(self, error: OSError) -> str:
        if error.errno in _FULL:
            what = f"there is no room for the {self.bytes:,} bytes of its crops ({error.strerror})"
            return f"{self.folder}: {what}; make room or set another cache_dir, and run again: finished crops are kept"
        return f"{self.folder}: the crops cannot be cached: {error.strerror or error}"


def cache_all(crops: Sequence[Crops], out: TextIO) -> None:
    """Builds each cache, and writes to `out` where each is. On a terminal one progress bar shows them all.

    Raises the errors of `cache`.
    """
    missing = sum(len(each) for each in crops if not each.is_cached)
    below = terminal.beneath(out)
    with tqdm(total=missing, unit="image", file=below, disable=not (missing and out.isatty()), leave=False) as bar:
        moved = _Bar(bar)
        for each in crops:
            what = terminal.line(f"{each.recipe.name}, {len(each):,} images")
            if each.is_cached:
                bar.write(f"{what}: already in {terminal.line(each.folder)}", file=below)
                continue
            bar.write(f"{what}: {each.bytes:,} bytes to {terminal.line(each.folder)}", file=below)
            out.flush()
            moved.begin()
            each.cache(moved)
            bar.write(f"{what}: cached", file=below)
    out.flush()


class _Bar:
    """Moves a progress bar; images that were done before the first call do not count towards its speed."""

    def __init__(self, bar: "tqdm[Never]") -> None:
        self._bar = bar
        self._found = 0
        self.begin()

    def begin(self) -> None:
        """Begins the next set."""
        self._before = self._bar.n
        self._started = False

    def __call__(self, done: int, _total: int) -> None:
        if not self._started:
            self._started = True
            self._found += done
            self._bar.initial = self._found
            self._bar.n = self._before + done
        self._bar.update(self._before + done - self._bar.n)


class _Reader:
    """Fills arrays from the pixels' file, without mapping it: mapped pages would count as this process's memory."""

    def __init__(self, file: IO[bytes], image_bytes: int) -> None:
        self._file = file
        self._image_bytes = image_bytes

    def __call__(self, places: range, into: Pixels) -> None:
        rest = into.data.cast("B")
        offset = places.start * self._image_bytes
        while rest:
            got = os.preadv(self._file.fileno(), [rest], offset)
            if not got:
                raise OSError(f"it ends at byte {offset}, before image {places[-1]}; delete it")
            offset += got
            rest = rest[got:]


class _Log:
    """The log of the written chunks: a first line that names the cache, then a line for each chunk."""

    def __init__(self, folder: Path, header: str) -> None:
        self._path = folder / "chunks"
        self._header = header

    @property
    def chunks(self) -> list[int]:
        """The finished chunks; empty when the log is missing or belongs to another cache."""
        header, *lines = self._whole().decode("ascii", "replace").split("\n")
        if header != self._header:
            return []
        return sorted({int(line) for line in lines if line.isdecimal()})

    def forget(self) -> None:
        """Starts the log again."""
        self._path.unlink(missing_ok=True)

    def repair(self) -> None:
        """Removes an unfinished last line, so that the next line does not continue it."""
        whole = self._whole() if self.chunks else f"{self._header}\n".encode()
        self._path.write_bytes(whole)

    def append(self, chunk: int) -> None:
        """Adds a chunk, whose bytes are on disk."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{chunk}\n")

    def _whole(self) -> bytes:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return b""
        return text[: text.rfind(b"\n") + 1]


def _finished(array: Pixels, pieces: list[Future[None]]) -> Pixels:
    for piece in pieces:
        piece.result()
    return array


def _allocate(file: IO[bytes], size: int) -> None:
    """Makes the file `size` bytes long, and reserves them on disk where the system can."""
    before = os.fstat(file.fileno()).st_size
    try:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno not in _NO_ALLOCATION:
            file.truncate(before)  # releases what was reserved before the disk was full
            raise
    file.truncate(size)


def _write(file: IO[bytes], array: Pixels, offset: int) -> None:
    """Writes an array and waits until it is on disk."""
    rest = array.data.cast("B")
    while rest:
        written = os.pwrite(file.fileno(), rest, offset)
        offset += written
        rest = rest[written:]
    os.fsync(file.fileno())
