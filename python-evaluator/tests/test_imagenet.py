"""Photographs: the official recipes bit by bit, every layout of the files, odd images, and the fixed slices."""

import contextlib
import hashlib
import io
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import parity
import PIL
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms import InterpolationMode

from collm_nas_evaluator import imagenet, imagenet_files
from collm_nas_evaluator.errors import ImagesUnusable
from collm_nas_evaluator.imagenet import ImageSet, Recipe, held_out, subset

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = [(500, 375), (333, 500), (407, 231), (64, 64), (90, 41), (800, 1201)]
"""Width and height of made-up photographs: both orientations, square, smaller than the crop."""
DEVKIT = "ILSVRC2012_devkit_t12"


def photograph(seed: int, size: tuple[int, int] = (48, 36)) -> Image.Image:
    """Waves, noise and a colour, of a width and a height."""
    source = np.random.RandomState(seed)
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    waves = np.stack([120 + 80 * np.sin(x / (5.0 + channel) + y / 9.0 + seed) for channel in range(3)], -1)
    noisy = waves + source.normal(0, 20, waves.shape) + source.uniform(-40, 40, 3)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def class_folders(root: Path, counts: Sequence[int] = (3, 2, 4)) -> Path:
    """Class folders n00000000, n00000001, … with so many images each."""
    for label, count in enumerate(counts):
        (root / f"n{label:08}").mkdir(parents=True)
        for number in range(count):
            (root / f"n{label:08}" / f"{number}.JPEG").write_bytes(encoded(photograph(100 * label + number)))
    return root


def one_image(folder: Path, content: bytes, name: str = "image.JPEG") -> ImageSet:
    (folder / "only").mkdir()
    (folder / "only" / name).write_bytes(content)
    return ImageSet.open(folder, 1)


def as_input(recipe: Recipe, image: Image.Image, place: int = 0) -> torch.Tensor:
    return recipe.prepare(torch.from_numpy(recipe.crop(image, place))[None])[0]


def official(size: int, pixels: int, mode: InterpolationMode) -> Callable[[Image.Image], torch.Tensor]:
    steps = [transforms.Resize(size, mode), transforms.CenterCrop(pixels), transforms.ToTensor()]
    composed: Callable[[Image.Image], torch.Tensor] = transforms.Compose(
        [*steps, transforms.Normalize(MEAN, DEVIATION)]
    )
    return composed


@pytest.mark.parametrize("which", range(4))
def test_the_official_pixels(which: int) -> None:
    kit = parity.kit()
    expected = np.load(parity.KIT.parent / "preprocess.expected.npz")
    image = Image.fromarray(kit.raw_image(which))
    recipes = {f"ofa_{pixels}": imagenet.ofa_validation(pixels) for pixels in (160, 176, 192, 208, 224)}
    recipes |= {"spos": imagenet.spos_validation(), "autoformer": imagenet.autoformer_validation()}
    for name, recipe in recipes.items():
        got = as_input(recipe, image).numpy()
        np.testing.assert_array_equal(got[:, 3::13, 5::13], expected[f"{name}_{which}"], err_msg=name)
        whole = [got.astype(np.float64).mean(), got.astype(np.float64).std()]
        np.testing.assert_allclose(whole, expected[f"{name}_{which}_mean_std"], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("size", SIZES)
def test_pillow_recipes_are_torchvision_s_to_the_bit(size: tuple[int, int]) -> None:
    image = photograph(1, size)
    for pixels, short in ((160, 183), (176, 202), (192, 220), (208, 238), (224, 256)):
        expected = official(short, pixels, InterpolationMode.BILINEAR)(image)
        assert torch.equal(as_input(imagenet.ofa_validation(pixels), image), expected)
    assert torch.equal(
        as_input(imagenet.autoformer_validation(), image), official(256, 224, InterpolationMode.BICUBIC)(image)
    )
    assert torch.equal(
        as_input(imagenet.autoformer_validation(32), image), official(37, 32, InterpolationMode.BICUBIC)(image)
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("pixels", "short"), [(224, 256), (32, 37)])
def test_spos_is_opencv_s_to_the_bit(size: tuple[int, int], pixels: int, short: int) -> None:
    image = photograph(2, size)
    width, height = size
    scaled = (
        (int(short / height * width + 0.5), short) if height < width else (short, int(short / width * height + 0.5))
    )
    resized = cv2.resize(np.asarray(image)[:, :, ::-1].copy(), scaled, interpolation=cv2.INTER_LINEAR)
    cropped = np.asarray(transforms.CenterCrop(pixels)(Image.fromarray(resized)))
    expected = torch.from_numpy(cropped.transpose(2, 0, 1).astype(np.float32))
    assert torch.equal(as_input(imagenet.spos_validation(pixels), image), expected)


def seed_of(place: int) -> int:
    return zlib.crc32(str(place).encode())


@pytest.mark.parametrize("place", [0, 1, 2, 3, 77, 25599])
def test_training_crops_are_torchvision_s_from_the_place_s_seed(place: int) -> None:
    image = photograph(place, SIZES[place % len(SIZES)])
    flip, to_tensor = transforms.RandomHorizontalFlip(), transforms.ToTensor()
    jitter = transforms.ColorJitter(brightness=32.0 / 255.0, saturation=0.5)
    ofa = transforms.Compose(
        [transforms.RandomResizedCrop(96), flip, jitter, to_tensor, transforms.Normalize(MEAN, DEVIATION)]
    )
    spos = transforms.Compose([transforms.RandomResizedCrop(96), transforms.ColorJitter(0.4, 0.4, 0.4), flip])
    torch.manual_seed(seed_of(place))
    assert torch.equal(as_input(imagenet.ofa_training(96), image, place), ofa(image))
    torch.manual_seed(seed_of(place))
    in_bgr = np.asarray(spos(image))[:, :, ::-1].transpose(2, 0, 1).astype(np.float32)
    assert torch.equal(as_input(imagenet.spos_training(96), image, place), torch.from_numpy(in_bgr))


@pytest.mark.parametrize("recipe", [imagenet.ofa_training(64), imagenet.spos_training(64)], ids=lambda it: str(it.name))
def test_training_crops_depend_on_nothing_but_the_place(recipe: Recipe) -> None:
    image = photograph(3, (120, 90))
    before = torch.get_rng_state()
    one_by_one = [recipe.crop(image, place) for place in range(60)]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(lambda place: recipe.crop(image, place), reversed(range(60))))[::-1]
    np.testing.assert_array_equal(one_by_one, at_once)
    assert torch.equal(torch.get_rng_state(), before)
    assert len({crop.tobytes() for crop in one_by_one}) == 60


@pytest.mark.parametrize("make", [imagenet.ofa_validation, imagenet.spos_validation])
def test_a_prepared_batch_is_channels_last(make: Callable[[int], Recipe]) -> None:
    recipe = make(32)
    batch = recipe.prepare(torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8))
    assert batch.shape == (5, 3, 32, 32)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_recipes_have_hashes_of_their_own() -> None:
    makers = (imagenet.ofa_validation, imagenet.ofa_training, imagenet.spos_validation, imagenet.spos_training)
    recipes = [make(pixels) for make in (*makers, imagenet.autoformer_validation) for pixels in (32, 224)]
    assert len({recipe.hash for recipe in recipes}) == len(recipes)
    assert imagenet.spos_validation().hash == imagenet.spos_validation(224).hash


def test_a_hash_depends_on_the_libraries_that_make_pixels() -> None:
    libraries = [imagenet.LIBRARIES[at].rpartition(" ") for at in range(4)]
    assert [name for name, _, _ in libraries] == ["Pillow", "OpenCV", "torchvision", "libjpeg"]
    assert [PIL.__version__.startswith(f"{libraries[0][2]}."), libraries[1][2].count(".")] == [True, 1]
    of = "\n".join(["ofa validation 32", *imagenet.LIBRARIES]).encode()
    assert imagenet.ofa_validation(32).hash == hashlib.sha256(of).hexdigest()


def test_class_folders_are_listed_as_torchvision_lists_them(tmp_path: Path) -> None:
    class_folders(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "n00000001" / ".DS_Store").write_bytes(b"x")
    images = ImageSet.open(tmp_path, 3)
    (tmp_path / ".cache").rmdir()  # torchvision would take it for a class
    listed = ImageFolder(tmp_path)
    assert [(images.path(place), images.labels[place]) for place in range(len(images))] == listed.imgs
    assert images.labels.dtype == np.int64
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    for place in range(len(images)):
        assert images.read(place).tobytes() == listed[place][0].tobytes()


def test_the_hash_of_a_set_changes_with_what_is_in_it(tmp_path: Path) -> None:
    one, other = class_folders(tmp_path / "one"), class_folders(tmp_path / "other")
    hashes = [ImageSet.open(one, 3).hash]
    assert ImageSet.open(other, 3).hash == hashes[0]
    with (other / "n00000001" / "0.JPEG").open("ab") as file:
        file.write(b"x")
    hashes.append(ImageSet.open(other, 3).hash)
    (other / "n00000001" / "1.JPEG").rename(other / "n00000001" / "2.JPEG")
    hashes.append(ImageSet.open(other, 3).hash)
    (other / "n00000000" / "2.JPEG").rename(other / "n00000001" / "3.JPEG")
    hashes += [ImageSet.open(other, 3).hash, ImageSet.open(one, 3).select([1, 0]).hash]
    assert len(set(hashes)) == 5


@pytest.mark.parametrize(
    ("mode", "kind"), [("CMYK", "JPEG"), ("L", "JPEG"), ("L", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("1", "PNG")]
)
def test_other_modes_are_converted(tmp_path: Path, mode: str, kind: str) -> None:
    content = encoded(photograph(5).convert(mode), kind)
    read = one_image(tmp_path, content).read(0)
    assert read.mode == "RGB"
    assert read.tobytes() == Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def test_a_palette_with_transparency_gives_no_warning(tmp_path: Path) -> None:
    palette = photograph(6).convert("P")
    read = one_image(tmp_path, encoded(palette, "PNG", transparency=bytes(range(200)))).read(0)
    assert read.tobytes() == palette.convert("RGB").tobytes()


def test_orientation_and_damaged_metadata_are_left_alone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    turned = encoded(photograph(7), exif=exif.tobytes())
    assert one_image(tmp_path, turned).read(0).size == (48, 36)
    header = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHII", 9, 0x0128, 3, 1, 0xFFFF0000)  # nine promised, one there
    (tmp_path / "only" / "image.JPEG").write_bytes(encoded(photograph(7), exif=header))
    with pytest.warns(UserWarning, match="EXIF"):  # what Pillow alone would say
        Image.open(tmp_path / "only" / "image.JPEG").close()
    assert ImageSet.open(tmp_path, 1).read(0).size == (48, 36)


def test_a_png_named_jpeg_is_read(tmp_path: Path) -> None:
    image = photograph(8)
    assert one_image(tmp_path, encoded(image, "PNG")).read(0).tobytes() == image.tobytes()


def bomb(width: int, height: int) -> bytes:
    """A bitmap whose header promises so many pixels."""
    content = bytearray(encoded(photograph(9), "BMP"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not an image that can be read"),
        (b"not an image", "is not an image that can be read"),
        (encoded(photograph(10))[:-400], "is a damaged image, or a cut one"),
        (encoded(photograph(10))[:300], ""),
        (encoded(photograph(10), "PNG")[:-400], "is a damaged image, or a cut one"),
        (encoded(Image.new("I;16", (8, 8)), "PNG"), "has 16 bits a channel; convert it to 8 bits"),
        (encoded(Image.new("I", (8, 8)), "TIFF"), "more than 8 bits a channel (mode I)"),
        (encoded(Image.new("F", (8, 8)), "TIFF"), "more than 8 bits a channel (mode F)"),
        (bomb(40_000, 40_000), "has more pixels than an image may have"),
        (bomb(10_000, 10_000), "is a damaged image, or a cut one"),
    ],
)
def test_what_cannot_be_decoded_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    images = one_image(tmp_path, content)
    with pytest.raises(ImagesUnusable) as error:
        images.read(0)
    assert str(error.value).startswith(f"{tmp_path}/only/image.JPEG: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    source = np.random.RandomState(11)
    (tmp_path / "only").mkdir()
    path = tmp_path / "only" / "image.png"
    for kind in ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM"):
        whole = encoded(photograph(11), kind)
        for _ in range(60):
            content = bytearray(whole)
            for place in source.randint(0, min(len(content), 200), 4):
                content[place] = source.randint(256)
            path.write_bytes(content)
            with contextlib.suppress(ImagesUnusable):
                assert ImageSet.open(tmp_path, 1).read(0).mode == "RGB"


def test_an_image_that_went_away_is_named(tmp_path: Path) -> None:
    images = one_image(tmp_path, encoded(photograph(12)))
    (tmp_path / "only" / "image.JPEG").unlink()
    for use in (lambda: images.read(0), lambda: images.hash):
        with pytest.raises(ImagesUnusable, match=r"image\.JPEG: cannot be read: No such file or directory"):
            use()


def broken(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        change(class_folders(root / "images"))
        return root / "images"

    return make


def emptied(root: Path) -> None:
    for image in (root / "n00000001").iterdir():
        image.unlink()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: root / "none", "none: cannot be read: No such file or directory"),
        (broken(lambda root: (root / "extra").mkdir()), "; extra holds no images: remove it"),
        (
            broken(lambda root: (root / "n00000001").rename(root / ".n")),
            "holds 2 class folders (n00000000 to n00000002)",
        ),
        (broken(emptied), "n00000001: is an empty class folder"),
        (broken(lambda root: (root / "n00000001" / "a.txt").touch()), "n00000001/a.txt: is not an image"),
        (
            broken(lambda root: (root / "n00000001" / "a.JPEG").symlink_to("gone")),
            "n00000001/a.JPEG: is a broken link, to gone, which is not there; repair it or remove it",
        ),
        (broken(lambda root: (root / "n00000003").symlink_to("away")), "n00000003: is a broken link, to away"),
        (broken(lambda root: (root / "loop").symlink_to("loop")), "loop: is a broken link, to loop"),
        (lambda root: [(root / "link").symlink_to("moved"), root / "link"][1], "link: is a broken link, to moved"),
        (broken(lambda root: (root / "n00000001" / "images").mkdir()), "images: is a folder inside a class folder"),
        (broken(lambda root: (root / "a.JPEG").touch()), "a.JPEG lies in no class folder; expected are"),
        (lambda root: root, "holds no images; expected are one folder a class, ILSVRC2012_img_val.tar"),
    ],
)
def test_what_is_no_set_of_images_is_named(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    with pytest.raises(ImagesUnusable) as error:
        ImageSet.open(make(tmp_path), 3)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


LEFTOVERS = (".DS_Store", "._0.JPEG", ".nomedia", "Thumbs.db", "THUMBS.DB", "ehthumbs.db", "desktop.ini", "Icon\r")
DOWNLOADED = ("0.JPEG:Zone.Identifier", "Thumbs.db:encryptable")


def test_leftovers_of_file_managers_are_not_part_of_a_set(tmp_path: Path) -> None:
    clean, littered = class_folders(tmp_path / "clean"), class_folders(tmp_path / "littered")
    for folder in (littered, littered / "n00000001"):
        for name in (*LEFTOVERS, *DOWNLOADED):
            (folder / name).write_bytes(b"x")
        for name in ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", ".ipynb_checkpoints"):
            (folder / name).mkdir()
            (folder / name / "0.JPEG").write_bytes(b"x")
    assert ImageSet.open(littered, 3).hash == ImageSet.open(clean, 3).hash


def test_leftovers_of_file_managers_are_not_part_of_an_archive(tmp_path: Path) -> None:
    for name, litter in (("clean", []), ("littered", [*LEFTOVERS, "./.DS_Store", "__MACOSX/n10", "./a/@eaDir/n10"])):
        (tmp_path / name).mkdir()
        inner = [(f"{each}.tar", tar([("1.JPEG", b"x"), *((name, b"x") for name in litter)])) for each in WORDNET]
        whole = tar([*((each, b"x") for each in litter), *inner])
        (tmp_path / name / "ILSVRC2012_img_train.tar").write_bytes(whole)
        official = tar([*validation_files(), *((each, b"x") for each in litter)])
        (tmp_path / name / f"{DEVKIT}.tar.gz").write_bytes(devkit())
        (tmp_path / name / "ILSVRC2012_img_val.tar").write_bytes(official)
    for archive in ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"):
        clean, littered = (ImageSet.open(tmp_path / name / archive, 3) for name in ("clean", "littered"))
        assert littered.hash == clean.hash


def numbered(root: Path, names: Iterable[str]) -> Path:
    """A class folder of each name, with one image whose size tells the class."""
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "0.png").write_bytes(b"x" * (1 + sum(name.encode())))
    return root


@pytest.mark.parametrize("first", [0, 1])
def test_folders_named_by_number_have_their_numbers_as_labels(tmp_path: Path, first: int) -> None:
    names = [str(number) for number in range(first, first + 12)]
    root = numbered(tmp_path / "images", names)
    tars = [(f"{name}.tar", tar([("0.png", (root / name / "0.png").read_bytes())])) for name in names]
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(tar(tars))
    for path in (root, tmp_path / "ILSVRC2012_img_train.tar"):
        images = ImageSet.open(path, 12)
        where = {images.path(place).split("/")[-2]: images.labels[place] for place in range(12)}
        assert [where[name] for name in names] == list(range(12))
        by_text = ImageSet.open(path, 12, "text")
        assert [by_text.path(place).split("/")[-2] for place in range(12)] == sorted(names)
        assert len({ImageSet.open(path, 12, order).hash for order in (None, "numeric", "text")}) == 2


def test_a_set_takes_the_labels_of_the_one_it_is_like(tmp_path: Path) -> None:
    names = [str(number) for number in range(11)]
    like = ImageSet.open(numbered(tmp_path / "one", names), 11, "text")
    assert ImageSet.open(numbered(tmp_path / "other", names), 11, None, like).classes == like.classes
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(tar(validation_files()))
    (tmp_path / f"{DEVKIT}.tar.gz").write_bytes(devkit())
    official = ImageSet.open(tmp_path / "ILSVRC2012_img_val.tar", 3)
    assert official.classes.names == tuple(sorted(WORDNET))
    folders = ImageSet.open(numbered(tmp_path / "folders", WORDNET), 3, None, official)
    assert folders.classes == official.classes
    with pytest.raises(
        ImagesUnusable, match=r"devkit_t12\.tar\.gz: has the class \"n10\", which the other images lack"
    ):
        ImageSet.open(tmp_path / "ILSVRC2012_img_val.tar", 3, None, ImageSet.open(numbered(tmp_path / "x", "abc"), 3))


def test_the_folder_above_train_and_val_is_explained(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    says = r"holds 2 class folders \(train to val\); the checkpoint has 1000 classes; name the one that is meant"
    with pytest.raises(ImagesUnusable, match=says):
        ImageSet.open(tmp_path, 1000)


def tar(files: Iterable[tuple[str, bytes]], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


WORDNET = ["n30", "n10", "n20"]
"""The classes in the order of the kit's numbers 1, 2, 3; number 4 is a parent."""
TRUTH = [3, 1, 2, 2, 1]
LABELS = [1, 2, 0, 0, 2]
"""The places of the classes of TRUTH among the sorted names."""


def devkit(truth: Sequence[int] = TRUTH) -> bytes:
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    rows = [(number + 1, name, "word, other", "gloss", 0) for number, name in enumerate(WORDNET)]
    synsets = np.array([*rows, (4, "n00", "parent", "gloss", 3)], dtype=fields)
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets.reshape(-1, 1)})
    text = "".join(f"{number}\n" for number in truth).encode()
    files = [("meta.mat", meta.getvalue()), ("ILSVRC2012_validation_ground_truth.txt", text)]
    return tar([(f"{DEVKIT}/data/{name}", content) for name, content in files], "w:gz")


def official_name(number: int) -> str:
    return f"ILSVRC2012_val_{number:08}.JPEG"


def validation_files() -> list[tuple[str, bytes]]:
    return [(official_name(number), encoded(photograph(number))) for number in range(1, 6)]


def training_tar(**more: bytes) -> bytes:
    inner = {f"{name}.tar": tar([(f"{name}_{at}.JPEG", encoded(photograph(at))) for at in (7, 3)]) for name in WORDNET}
    return tar([*inner.items(), *more.items()])


def pixels_of(images: ImageSet) -> list[bytes]:
    return [images.read(place).tobytes() for place in range(len(images))]


@pytest.mark.parametrize("named", ["", "ILSVRC2012_img_val.tar"])
def test_the_validation_archive_is_read_in_place(tmp_path: Path, named: str) -> None:
    (tmp_path / f"{DEVKIT}.tar.gz").write_bytes(devkit())
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(tar(reversed(validation_files())))
    images = ImageSet.open(tmp_path / named, 3)
    assert images.labels.tolist() == LABELS
    assert pixels_of(images) == [Image.open(io.BytesIO(content)).tobytes() for _, content in validation_files()]
    assert images.path(1) == f"{tmp_path}/ILSVRC2012_img_val.tar/{official_name(2)}"
    assert pixels_of(images.select([4, 0])) == [pixels_of(images)[4], pixels_of(images)[0]]
    assert len(images.hash) == 64


@pytest.mark.parametrize("kit_in", ["", "val"])
def test_the_official_flat_folder(tmp_path: Path, kit_in: str) -> None:
    (tmp_path / "val").mkdir()
    (tmp_path / kit_in / f"{DEVKIT}.tar.gz").write_bytes(devkit())
    for name, content in validation_files():
        (tmp_path / "val" / name).write_bytes(content)
    images = ImageSet.open(tmp_path / "val", 3)
    assert images.labels.tolist() == LABELS
    assert pixels_of(images) == [Image.open(io.BytesIO(content)).tobytes() for _, content in validation_files()]


def test_the_training_archive_is_read_in_place(tmp_path: Path) -> None:
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(training_tar())
    images = ImageSet.open(tmp_path, 3)
    assert [images.path(place) for place in range(6)] == [
        f"{tmp_path}/ILSVRC2012_img_train.tar/{name}/{name}_{at}.JPEG" for name in sorted(WORDNET) for at in (3, 7)
    ]
    assert images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert pixels_of(images) == [Image.open(io.BytesIO(encoded(photograph(at)))).tobytes() for at in (3, 7)] * 3


def flip_header(content: bytes, name: bytes) -> bytes:
    """The archive with the checksum of one header wrong."""
    at = content.index(name)
    return content[:at] + b"X" + content[at + 1 :]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"ILSVRC2012_img_val.tar": b""}, "ILSVRC2012_img_val.tar: is cut or damaged; download it again"),
        ({"ILSVRC2012_img_val.tar": tar(validation_files())[:3000]}, "img_val.tar: is cut or damaged"),
        (
            {"ILSVRC2012_img_val.tar": flip_header(tar(validation_files()), official_name(3).encode())},
            "is cut or damaged; download it again (at byte",
        ),
        (
            {"ILSVRC2012_img_val.tar": tar(validation_files())},
            "ILSVRC2012_devkit_t12.tar.gz of image-net.org, which is",
        ),
        (
            {"ILSVRC2012_img_val.tar": tar(validation_files()[:2] + validation_files()[3:]), "kit": devkit()},
            "ILSVRC2012_val_00000003.JPEG is missing; the development kit has the labels of 5 images",
        ),
        (
            {"ILSVRC2012_img_val.tar": tar([*validation_files(), ("README", b"x")]), "kit": devkit()},
            "README is not one of them",
        ),
        (
            {"ILSVRC2012_img_val.tar": tar(validation_files()), "kit": devkit()[:-200]},
            "is not the development kit, or a",
        ),
        (
            {"ILSVRC2012_img_val.tar": tar(validation_files()), "kit": tar([], "w:gz")},
            "is not the development kit, or a",
        ),
        (
            {"ILSVRC2012_img_val.tar": tar(validation_files()), "kit": devkit([1, 2, 4, 1, 1])},
            "is not the development kit",
        ),
        ({"ILSVRC2012_img_train.tar": training_tar()[:-11000]}, "img_train.tar: is cut or damaged"),
        ({"ILSVRC2012_img_train.tar": flip_header(training_tar(), b"n10_3")}, "img_train.tar: is cut or damaged"),
        ({"ILSVRC2012_img_train.tar": training_tar(extra=b"")}, "holds 4 class archives (extra to n30)"),
        ({"ILSVRC2012_img_train.tar": training_tar(**{"n10.tar": b""})}, "holds a class twice; download it again"),
        (
            {"ILSVRC2012_img_train.tar": tar([("1.tar", tar([("a.txt", b"x")])), ("2.tar", b""), ("3.tar", b"")])},
            "img_train.tar/1.tar/a.txt: is not an image",
        ),
        ({"ILSVRC2012_img_train.tar": b"", "ILSVRC2012_img_val.tar": b""}, "name one of them in place of their folder"),
    ],
)
def test_what_is_no_official_archive_is_named(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    for name, content in files.items():
        (tmp_path / (f"{DEVKIT}.tar.gz" if name == "kit" else name)).write_bytes(content)
    with pytest.raises(ImagesUnusable) as error:
        ImageSet.open(tmp_path, 3)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_kit_of_other_classes_is_named(tmp_path: Path) -> None:
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(tar(validation_files()))
    (tmp_path / f"{DEVKIT}.tar.gz").write_bytes(devkit())
    with pytest.raises(ImagesUnusable, match="has 3 classes; the checkpoint has 1000"):
        ImageSet.open(tmp_path, 1000)


def test_a_kit_that_unpacks_to_more_than_any_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ILSVRC2012_img_val.tar").write_bytes(tar(validation_files()))
    (tmp_path / f"{DEVKIT}.tar.gz").write_bytes(devkit())
    monkeypatch.setattr(imagenet_files, "_LARGEST_OF_KIT", 9)
    with pytest.raises(ImagesUnusable, match=r"is not the development kit.*truth\.txt has more than 9 bytes"):
        ImageSet.open(tmp_path, 3)


def names(images: ImageSet) -> list[str]:
    return [images.path(place) for place in range(len(images))]


@pytest.fixture
def uneven(tmp_path: Path) -> ImageSet:
    """10, 3, 10 and 10 images of four classes."""
    for label, count in enumerate((10, 3, 10, 10)):
        (tmp_path / f"c{label}").mkdir()
        for number in range(count):
            (tmp_path / f"c{label}" / f"{number}.png").touch()
    return ImageSet.open(tmp_path, 4)


def counts(labels: NDArray[np.int64]) -> list[int]:
    return [int((labels == label).sum()) for label in range(4)]


def test_a_held_out_slice_is_balanced_and_disjoint(uneven: ImageSet) -> None:
    rest, held = held_out(uneven, 12)
    assert counts(held.labels) == [3, 3, 3, 3]
    assert sorted(names(rest) + names(held)) == names(uneven)
    assert (names(rest), names(held)) == (sorted(names(rest)), sorted(names(held)))
    assert sorted(counts(held_out(uneven, 14)[1].labels)) == [3, 3, 4, 4]
    assert names(held_out(uneven, 12, seed=1)[1]) != names(held)


@pytest.mark.parametrize("count", [0, 33, 34])
def test_what_cannot_be_held_out_is_refused(uneven: ImageSet, count: int) -> None:
    with pytest.raises(ImagesUnusable, match=f"of a set of 33 images; {count} cannot be held out"):
        held_out(uneven, count)


def test_a_subset_is_mixed_without_repetition_and_at_most_all(uneven: ImageSet) -> None:
    some = names(subset(uneven, 20))
    assert len(set(some)) == 20
    assert some != sorted(some)
    assert some == names(subset(uneven, 40))[:20]
    assert sorted(names(subset(uneven, 40))) == names(uneven)


def test_slices_are_the_same_everywhere(uneven: ImageSet) -> None:
    inside = [name.partition("/c")[2].removesuffix(".png") for name in names(held_out(uneven, 6)[1])]
    assert inside == ["0/1", "0/6", "1/0", "2/7", "2/9", "3/4"]
    mixed = [name.partition("/c")[2].removesuffix(".png") for name in names(subset(uneven, 6))]
    assert mixed == ["0/3", "3/3", "2/6", "1/0", "2/7", "2/4"]
