"""Opens files of other people: only regular files, and only up to a size.

Owns what is refused: a pipe, a device and a folder, because a reader could wait for ever, and what is often downloaded
by mistake, such as a web page. Knows none of our formats.
"""

import errno
import hashlib
import os
import stat
import zipfile
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO

_LARGEST_PIECE = 4 << 20
"""Bytes that are read from an archive at once; its directory is one piece, of some 100 bytes a member."""

_NO_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_STARTS = (
    (b"version https://git-lfs", "a Git LFS pointer; `git lfs pull` in its repository fetches the file itself"),
    (b"/annex/objects/", "a git-annex pointer; `git annex get` in its repository fetches the file itself"),
    (b"\x1f\x8b", "a compressed file (gzip); unpack it and name what was in it"),
    (b"\x1f\x9d", "a compressed file (compress); unpack it and name what was in it"),
    (b"BZh", "a compressed file (bzip2); unpack it and name what was in it"),
    (b"\xfd7zXZ\0", "a compressed file (xz); unpack it and name what was in it"),
    (b"\x28\xb5\x2f\xfd", "a compressed file (zstd); unpack it and name what was in it"),
    (b"\x04\x22\x4d\x18", "a compressed file (lz4); unpack it and name what was in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it and name what was in it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it and name what was in it"),
    (b"PK\x03\x04", "a ZIP archive; unpack it and name what was in it"),
    (b"PK\x05\x06", "an empty ZIP archive; download the file again"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"GGUF", "a GGUF file"),
    (b"%PDF", "a PDF document; download the file itself"),
    (b"\x89PNG", "a picture; download the file itself"),
    (b"\xff\xd8\xff", "a picture; download the file itself"),
    (b"\x7fELF", "a program"),
)
_TEXTS = (
    (
        (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script", b"<!--"),
        "a web page; the server answered with a page (a sign-in, a warning, an error): download the file itself",
    ),
    ((b'{"', b"{\n", b"{ ", b"[{"), "a text (JSON), perhaps a server's message; download the file itself"),
)
"""How texts begin, in small letters and after spaces."""
_EMPTY = "an empty file; download it again"
_STARTING = 512


def opened(path: Path) -> BufferedReader:
    """Opens a regular file to read it; never waits for one.

    Raises OSError, whose text says what there is instead.
    """
    _check(path, path.stat().st_mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file: BufferedReader = BufferedReader(FileIO(descriptor))
    try:
        _check(path, os.fstat(descriptor).st_mode)
    except OSError:
        file.close()
        raise
    return file


def contents(path: Path, largest: int) -> bytes:
    """All bytes of a regular file of at most `largest` bytes. Raises OSError."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, more than {largest:,}", str(path))
        found = file.read(size + 1) or b""
    if len(found) > size:
        raise OSError(errno.EFBIG, "it grows while it is read", str(path))
    return found


def sha256(path: Path) -> str:
    """The SHA-256 of a regular file (hexadecimal). Raises OSError."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Pieces:
    """An open file that is read at most a few megabytes at a time, whatever its own headers ask for.

    Readers of archives believe the size that an archive gives for its directory of members.
    """

    def __init__(self, file: BinaryIO | BufferedReader) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """Reads as a file does. Raises BadZipFile when a reader asks for more than any part of an archive needs."""
        if size > _LARGEST_PIECE:
            raise zipfile.BadZipFile(f"its directory says that it has {size:,} bytes")
        return self._file.read(_LARGEST_PIECE if size < 0 else size)


def instead(start: bytes) -> str:
    """What an unexpected file is, by the bytes at its start, and the next step if there is one.

    Empty when it is not known. 512 bytes are enough for most files.
    """
    if not start.strip(b"\0"):
        return "zeros from its beginning, not all of it was downloaded; download it again" if start else _EMPTY
    for begin, what in _STARTS:
        if start.startswith(begin):
            return what
    if start[257:262] == b"ustar":
        return "a tar archive; unpack it and name what was in it"
    if start[8:10] in (b'{"', b"{ ", b"{}") and int.from_bytes(start[:8], "little") < 1 << 32:
        return "a safetensors file; load it and write its tensors with torch.save"
    text = start[:_STARTING].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    texts = (what for begins, what in _TEXTS if text.startswith(begins))
    return next(texts, "a text; download the file itself" if _is_text(start[:_STARTING]) else "")


def _is_text(start: bytes) -> bool:
    return all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in start) and 0x7F not in start and start.isascii()


def _check(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        what = _NO_FILES.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"it is {what}, and no file", str(path))
