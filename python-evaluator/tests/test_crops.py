"""The cache of crops: the same bytes as without it, whole or not at all, through kills, full disks and company."""

import io
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from client import PACKAGE_ROOT, PATIENCE_SECONDS
from PIL import Image

from collm_nas_evaluator.crops import Crops, cache_all
from collm_nas_evaluator.errors import ImagesUnusable, UsageError
from collm_nas_evaluator.imagenet import ImageSet, Pixels, Recipe, ofa_training, ofa_validation

COUNT = 700
"""Three chunks, the last not full."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two class folders of small photographs."""
    root = tmp_path_factory.mktemp("images")
    source = np.random.RandomState(0)
    for label in range(2):
        (root / f"c{label}").mkdir()
    for number in range(COUNT):
        pixels = source.randint(0, 256, (10, 14, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"c{number % 2}" / f"{number:04}.png")
    return root


@pytest.fixture
def images(folder: Path) -> ImageSet:
    return ImageSet.open(folder, 2)


@pytest.fixture
def make(images: ImageSet, tmp_path: Path) -> Callable[..., Crops]:
    def made(recipe: Recipe | None = None, of: ImageSet = images, threads: int = 2) -> Crops:
        return Crops(of, recipe or ofa_validation(8), tmp_path / "cache", threads)

    return made


def counting(recipe: Recipe, seconds: float = 0.0) -> tuple[Recipe, list[int]]:
    """The recipe, taking so long more for each image, and the places it cropped."""
    places: list[int] = []

    def crop(image: Image.Image, place: int) -> Pixels:
        places.append(place)
        time.sleep(seconds)
        return recipe.crop(image, place)

    return Recipe(recipe.name, recipe.pixels, crop, recipe.prepare), places


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


def uncached(crops: Crops) -> torch.Tensor:
    return torch.from_numpy(np.stack([crops.recipe.crop(crops.images.read(at), at) for at in range(len(crops))]))


def all_of(crops: Crops, size: int = 64, start: int = 0) -> torch.Tensor:
    return torch.cat(list(crops.batches(size, start)))


def test_a_cache_holds_the_crops_to_the_bit(make: Callable[..., Crops]) -> None:
    recipe, places = counting(ofa_training(8))
    crops = make(recipe)
    decoded = all_of(crops)
    assert decoded.dtype == torch.uint8
    assert decoded.shape == (COUNT, 8, 8, 3)
    np.testing.assert_array_equal(decoded[123], recipe.crop(crops.images.read(123), 123))
    assert not crops.is_cached
    crops.cache(quiet)
    assert crops.is_cached
    places.clear()
    assert torch.equal(all_of(crops, 100), decoded)
    assert not places
    assert crops.bytes == crops.folder.joinpath("pixels.u8").stat().st_size == COUNT * 8 * 8 * 3


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(("size", "start"), [(1, 690), (64, 0), (64, 37), (1000, 0), (COUNT, 0), (256, COUNT)])
def test_batches_come_in_order_from_anywhere(make: Callable[..., Crops], cached: bool, size: int, start: int) -> None:
    crops = make(threads=3)
    if cached:
        crops.cache(quiet)
    batches = list(crops.batches(size, start))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    expected = [crops.recipe.crop(crops.images.read(place), place) for place in range(start, COUNT)]
    np.testing.assert_array_equal(torch.cat(batches) if batches else [], expected)


def test_labels_are_those_of_the_images(make: Callable[..., Crops]) -> None:
    crops = make()
    assert crops.labels.tolist() == [0] * (COUNT // 2) + [1] * (COUNT // 2)
    assert len(crops) == COUNT


def test_little_is_decoded_ahead_and_nothing_after_the_reader_leaves(make: Callable[..., Crops]) -> None:
    recipe, places = counting(ofa_validation(8), seconds=0.01)
    batches = make(recipe).batches(32)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    left = len(places)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("crops")]
    time.sleep(0.1)
    assert len(places) == left <= 3 * 32


def test_a_reader_that_waits_has_two_batches_made_ahead(make: Callable[..., Crops]) -> None:
    recipe, places = counting(ofa_validation(8))
    batches = make(recipe).batches(32)
    next(batches)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(places) < 3 * 32 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert sorted(places) == list(range(3 * 32))
    batches.close()  # type: ignore[attr-defined]


def test_other_images_labels_and_recipes_have_caches_of_their_own(make: Callable[..., Crops], images: ImageSet) -> None:
    crops = make()
    crops.cache(quiet)
    others = [make(ofa_training(8)), make(ofa_validation(9)), make(of=images.select(range(COUNT)[::-1]))]
    assert not any(other.is_cached for other in others)
    assert len({each.folder for each in [crops, *others]}) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text(""),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "manifest.json").write_text("[" * 100_000),
        lambda folder: rewrite(folder, images=COUNT - 1),
        lambda folder: rewrite(folder, recipe="other"),
        lambda folder: rewrite(folder, labels_sha256="0" * 64),
        lambda folder: os.truncate(folder / "pixels.u8", 1000),
        lambda folder: (folder / "pixels.u8").unlink(),
    ],
)
def test_a_damaged_cache_is_built_again(make: Callable[..., Crops], damage: Callable[[Path], None]) -> None:
    crops = make()
    expected = all_of(crops)
    crops.cache(quiet)
    damage(crops.folder)
    assert not crops.is_cached
    assert torch.equal(all_of(crops), expected)
    crops.cache(quiet)
    assert crops.is_cached
    assert torch.equal(all_of(crops), expected)


def rewrite(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


def test_a_file_that_shrinks_while_it_is_read_is_named(make: Callable[..., Crops]) -> None:
    crops = make()
    crops.cache(quiet)
    batches = crops.batches(1)
    next(batches)
    os.truncate(crops.folder / "pixels.u8", 10_000)
    with pytest.raises(
        UsageError, match=r"pixels\.u8 cannot be read: it ends at byte 1\d{4}, before image \d+; delete it"
    ):
        list(batches)


def test_progress_counts_images_and_a_stop_keeps_what_is_done(make: Callable[..., Crops]) -> None:
    recipe, places = counting(ofa_validation(8))
    crops, stop, reported = make(recipe), threading.Event(), []

    def progress(done: int, total: int) -> None:
        reported.append((done, total))
        if done >= 256:
            stop.set()

    crops.cache(progress, stop)
    assert reported == [(0, COUNT), (256, COUNT)]
    assert not crops.is_cached
    reported.clear()
    places.clear()
    crops.cache(lambda done, total: reported.append((done, total)))
    assert reported[0] == (256, COUNT)
    assert reported[-1] == (COUNT, COUNT)
    assert min(places) == 256
    assert torch.equal(all_of(crops), uncached(crops))


def test_an_image_that_cannot_be_decoded_is_named_and_leaves_no_cache(folder: Path, tmp_path: Path) -> None:
    for label in range(2):
        (tmp_path / "images" / f"c{label}").mkdir(parents=True)
        for number in range(300):
            (tmp_path / "images" / f"c{label}" / f"{number:04}.png").hardlink_to(folder / "c0" / "0000.png")
    damaged = tmp_path / "images" / "c1" / "0150.png"
    damaged.unlink()
    damaged.write_bytes(b"damaged")
    crops = Crops(ImageSet.open(tmp_path / "images", 2), ofa_training(8), tmp_path / "cache", 2)
    with pytest.raises(ImagesUnusable, match=r"c1/0150\.png: is not an image"):
        crops.cache(quiet)
    with pytest.raises(ImagesUnusable, match=r"c1/0150\.png: is not an image"):
        all_of(crops)
    assert not crops.is_cached


BUILD = """
import sys
from pathlib import Path
from collm_nas_evaluator.crops import Crops
from collm_nas_evaluator.imagenet import ImageSet, ofa_validation
recipe = ofa_validation(8)
crops = Crops(ImageSet.open(Path(sys.argv[1]), 2), recipe, Path(sys.argv[2]), 2)
pace = int(sys.argv[3])
def progress(done, total):
    print(done, flush=True)
    if done >= pace:
        sys.stdin.read()
crops.cache(progress)
"""


def build(folder: Path, cache: Path, pace: int) -> "subprocess.Popen[str]":
    """Another process that builds the cache, prints its progress, and halts at `pace` until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder), str(cache), str(pace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PACKAGE_ROOT,
    )


def test_a_killed_build_continues_where_it_was(folder: Path, make: Callable[..., Crops], tmp_path: Path) -> None:
    with build(folder, tmp_path / "cache", pace=512) as killed:
        assert killed.stdout is not None
        assert [killed.stdout.readline() for _ in range(3)] == ["0\n", "256\n", "512\n"]
        killed.kill()
    recipe, places = counting(ofa_validation(8))
    crops = make(recipe)
    assert not crops.is_cached
    with (crops.folder / "chunks").open("a") as log:
        log.write("1")  # a line that was being written; the next must not continue it
    reported: list[int] = []
    crops.cache(lambda done, _: reported.append(done))
    assert reported[0] == 512
    assert min(places) == 512
    assert crops.is_cached
    assert (crops.folder / "chunks").read_text().split("\n")[1:] == ["0", "1", "2", ""]
    assert torch.equal(all_of(crops), uncached(crops))


def test_another_builder_is_waited_for(folder: Path, make: Callable[..., Crops], tmp_path: Path) -> None:
    recipe, places = counting(ofa_validation(8))
    crops, reported = make(recipe), []
    with build(folder, tmp_path / "cache", pace=256) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert [other.stdout.readline() for _ in range(2)] == ["0\n", "256\n"]
        stop = threading.Event()
        crops.cache(lambda done, total: stop.set(), stop)
        assert not crops.is_cached

        def let_it_go_on(done: int, total: int) -> None:
            reported.append(done)
            if other.stdin and not other.stdin.closed:
                other.stdin.close()

        crops.cache(let_it_go_on)
    assert reported[0] == 256
    assert reported[-1] == COUNT
    assert not places
    assert crops.is_cached
    assert torch.equal(all_of(crops), uncached(crops))


def test_a_full_disk_is_one_line_and_no_cache(make: Callable[..., Crops]) -> None:
    recipe, places = counting(ofa_validation(8))
    crops = make(recipe)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UsageError) as error:
            crops.cache(quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value).startswith(f"{crops.folder}: there is no room for the 134,400 bytes of its crops (")
    assert str(error.value).endswith("; make room or set another cache_dir, and run again: finished crops are kept")
    assert "\n" not in str(error.value)
    assert not places  # seen before the work
    assert not crops.is_cached
    crops.cache(quiet)
    assert crops.is_cached


def test_a_disk_that_fills_up_keeps_what_is_done(make: Callable[..., Crops]) -> None:
    recipe, places = counting(ofa_validation(8))
    crops = make(recipe)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    crops.folder.mkdir(parents=True)
    with (crops.folder / "pixels.u8").open("wb") as pixels:
        pixels.truncate(crops.bytes)  # its room not taken, as where a file system cannot do that
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UsageError, match="there is no room"):
            crops.cache(quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    places.clear()
    crops.cache(quiet)
    assert min(places) == 512
    assert torch.equal(all_of(crops), uncached(crops))


def test_a_folder_that_cannot_be_made_is_named(make: Callable[..., Crops], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UsageError, match="the crops cannot be cached: Not a directory"):
        make().cache(quiet)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_say_what_went_where(make: Callable[..., Crops]) -> None:
    crops, out = [make(ofa_training(8)), make()], io.StringIO()
    cache_all(crops, out)
    said = out.getvalue()
    assert said == "".join(
        f"{kind} 8, 700 images: 134,400 bytes to {each.folder}\n{kind} 8, 700 images: cached\n"
        for kind, each in zip(("ofa training", "ofa validation"), crops, strict=True)
    )
    again = io.StringIO()
    cache_all(crops[:1], again)
    assert again.getvalue() == f"ofa training 8, 700 images: already in {crops[0].folder}\n"


def test_a_terminal_gets_a_bar(make: Callable[..., Crops]) -> None:
    out = Terminal()
    make(ofa_training(12)).cache(quiet)
    cache_all([make(), make(ofa_training(12)), make(ofa_training(8))], out)
    # One bar for all that is to do, which does not start again.
    counts = [int(count) for count in re.findall(r"(\d+)/1400 ", out.getvalue())]
    assert counts == sorted(counts)
    assert (counts[0], "/700" in out.getvalue(), len(set(counts)) > 1) == (0, False, True)
    assert re.findall(r"ofa \w+ \d+, 700 images: (cached|already)", out.getvalue()) == ["cached", "already", "cached"]
