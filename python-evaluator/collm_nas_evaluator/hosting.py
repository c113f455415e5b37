"""Opens the supernets of a configuration: the file, the images and the device of each.

Owns the way from a configuration to a served supernet, and the sentences about what is missing. Knows no family by
name, no network and no transport. Loading this module loads PyTorch.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from collm_nas_evaluator import families, processors, scoring
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.backends.supernet import CheckpointSpec, ImageSplits, Served, Supernet, SupernetBackend
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.errors import CheckpointMissing, CheckpointUnusable, ImagesUnusable
from collm_nas_evaluator.families import Family
from collm_nas_evaluator.imagenet import ImageSet, held_out
from collm_nas_evaluator.scoring import Device
from collm_nas_evaluator.store import Store


def load(configuration: Configuration) -> list[SupernetBackend | Unavailable]:
    """Every supernet of the configuration on its device, or the reason why it cannot be served.

    A file that is not a checkpoint, or has other weights, makes only its own space unavailable. Raises UsageError when
    the device is not there.
    """
    name = scoring.choose(configuration.device)
    device = Device(name, configuration.precision or "fp32", processors.threads(configuration.threads))
    store = Store(configuration.cache_dir / "evaluations.sqlite")
    images = cache(ImageSet.open)
    spaces: list[SupernetBackend | Unavailable] = []
    for space_id, path in configuration.checkpoints.items():
        family = families.of_member(space_id)
        title = family.MEMBERS[space_id].title
        try:
            supernet = family.open(space_id, path, device.torch, configuration)
            _check_member(space_id, path, supernet.size, family.MEMBERS)
            image_splits = _image_splits(configuration, supernet, images)
        except (CheckpointMissing, CheckpointUnusable, ImagesUnusable) as error:
            spaces.append(Unavailable(space_id, title, str(error)))
        except (RuntimeError, MemoryError) as error:
            if not scoring.is_out_of_memory(error):
                raise
            what = f"{path}: its weights do not fit into the memory of {device.torch}; free some, or write device: cpu"
            spaces.append(Unavailable(space_id, title, what))
        else:
            served = Served(space_id, title, family.dimensions(space_id, configuration), supernet.source)
            fitting = dataclasses.replace(device, precision=_precision(device, configuration, family))
            spaces.append(SupernetBackend(served, supernet, image_splits, fitting, store))
    return spaces


def _precision(device: Device, configuration: Configuration, family: Family) -> str:
    """The precision that the configuration names, or the family's own."""
    return configuration.precision or (family.CUDA_PRECISION if device.torch.type == "cuda" else "fp32")


def _check_member(space_id: str, path: Path, size: Mapping[str, float], members: Mapping[str, CheckpointSpec]) -> None:
    """Raises CheckpointUnusable for the file of another member of the family, naming the key that would take it."""
    wanted = members[space_id].size
    for what, number in wanted.items():
        if size[what] != number:
            others = (
                other
                for other, member in members.items()
                if member.size.keys() == wanted.keys() and all(size[key] == each for key, each in member.size.items())
            )
            other = next(others, None)
            advice = f"; checkpoints.{other} takes it" if other else ""
            raise CheckpointUnusable(path, f"has {what} {size[what]:g}, and {space_id} needs {what} {number:g}{advice}")


def _image_splits(configuration: Configuration, supernet: Supernet, images: Callable[..., ImageSet]) -> ImageSplits:
    """The images of every split, which have the same classes. Raises ImagesUnusable, which names the key."""
    folders = configuration.images
    if folders.val is None:
        raise ImagesUnusable("imagenet.val", "not set; it names the folder of the images to score with")

    def opened(key: str, folder: Path, like: ImageSet | None = None) -> ImageSet:
        try:
            return images(folder, supernet.classes, folders.class_order, like)
        except ImagesUnusable as error:
            raise ImagesUnusable(f"imagenet.{key}", str(error)) from error

    val = opened("val", folders.val)
    splits = {"test": (val, "All images of the validation set.")}
    splits["search"] = splits["test"]
    training = None
    if folders.train is not None:
        training = opened("train", folders.train, val)
        if folders.held_out:
            training, slice_ = held_out(training, folders.held_out)
            splits["search"] = (slice_, "Training images held out from calibration, to search with.")
    elif supernet.needs_training_images:
        what = "not set; it names the folder of the training images that set the batch-norm statistics"
        raise ImagesUnusable("imagenet.train", what)
    if folders.search is not None:
        splits["search"] = (opened("search", folders.search, val), "Images set aside to search with.")
    return ImageSplits({name: splits[name] for name in ("search", "test")}, training, configuration.cache_dir)
