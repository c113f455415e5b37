"""What is not a regular file is refused at once by every reader, and so is a file without end."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from collm_nas_evaluator import checkpoints, config, files, imagenet_files
from collm_nas_evaluator.tables import csv_table, official, packed_table

READERS: dict[str, Callable[[Path], object]] = {
    "checkpoint": lambda path: checkpoints.read(path, "state_dict"),
    "configuration": config.read,
    "table as CSV": lambda path: csv_table.read(path, path.parent),
    "latencies as CSV": lambda path: csv_table.read_latencies(path, path.parent),
    "packed table": packed_table.read,
    "release": lambda path: official.read(path, lambda share: None),
    "images": lambda path: imagenet_files.find(path.parent / "images", 1).bytes_of(0),
    "archive": lambda path: imagenet_files.find(path.parent / "archive", 1),
}
FOLDERS = ("release", "images", "archive")
"""What may be a folder."""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, for sockets, in which images and an archive are links to "it"."""
    folder = tmp_path_factory.mktemp("it")
    (folder / "images" / "class").mkdir(parents=True)
    (folder / "images" / "class" / "0.png").write_bytes(b"")
    (folder / "archive").mkdir()
    (folder / "archive" / imagenet_files.TRAINING_ARCHIVE).symlink_to(folder / "it")
    return folder


@pytest.mark.parametrize("reader", list(READERS))
@pytest.mark.parametrize(("place", "what"), [(pipe, "a pipe"), (device, "a device"), (unix_socket, "a socket")])
def test_what_is_no_file_is_refused_and_not_waited_for(
    folder: Path, reader: str, place: Callable[[Path], None], what: str
) -> None:
    place(folder / "it")
    listing = imagenet_files.find(folder / "images", 1)
    (folder / "images" / "class" / "0.png").unlink()
    place(folder / "images" / "class" / "0.png")  # it changed after it was listed
    with pytest.raises(Exception, match=f"it is {what}, and no file") as caught:
        listing.bytes_of(0) if reader == "images" else READERS[reader](folder / "it")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("reader", [each for each in READERS if each not in FOLDERS])
def test_a_folder_in_the_place_of_a_file_is_called_one(folder: Path, reader: str) -> None:
    with pytest.raises(Exception, match="Is a directory"):
        READERS[reader](folder)


def test_a_file_of_more_bytes_than_any_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    for reader in ("checkpoint", "configuration", "table as CSV"):
        with pytest.raises(Exception, match=r"1,099,511,627,776 bytes, more than"):
            READERS[reader](path)


def test_contents_are_all_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"\0\n", bytes(range(256)) * 999):
        path.write_bytes(content)
        assert files.contents(path, len(content)) == content
    with pytest.raises(OSError, match="more than 5"):
        files.contents(path, 5)
