"""Which supernets a configuration serves: the file, the images and the device behind each.

Owns the choice of family and the sentences about what is missing. Knows no network and no transport. Loading this
module loads PyTorch.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from collm_nas_evaluator import scoring
from collm_nas_evaluator.backends import autoformer, ofa, spos
from collm_nas_evaluator.backends.base import Unavailable
from collm_nas_evaluator.backends.supernet import CheckpointSpec, ImageSplits, Served, Supernet, SupernetBackend
from collm_nas_evaluator.config import Configuration
from collm_nas_evaluator.errors import CheckpointMissing, CheckpointUnusable, ImagesUnusable
from collm_nas_evaluator.imagenet import ImageSet, held_out
from collm_nas_evaluator.scoring import Device
from collm_nas_evaluator.store import Store

MEMBERS: Mapping[str, CheckpointSpec] = {**ofa.MEMBERS, **spos.MEMBERS, **autoformer.MEMBERS}


def load(configuration: Configuration) -> list[SupernetBackend | Unavailable]:
    """Every supernet of the configuration on its device, or the reason why it cannot be served.

    A file that is no checkpoint, or holds something else, costs its own space alone. Raises UsageError when the device
    is not there.
    """
    name = scoring.choose(configuration.device)
    device = Device(name, configuration.precision or "fp32")
    store = Store(configuration.cache_dir / "evaluations.sqlite")
    images = cache(ImageSet.open)
    spaces: list[SupernetBackend | Unavailable] = []
    for space_id, path in configuration.checkpoints.items():
        member = MEMBERS[space_id]
        try:
            supernet, served = _open(space_id, path, configuration, device)
            image_splits = _image_splits(configuration, supernet, images)
        except (CheckpointMissing, CheckpointUnusable, ImagesUnusable) as error:
            spaces.append(Unavailable(space_id, member.title, str(error)))
        except (RuntimeError, MemoryError) as error:
            if not scoring.is_out_of_memory(error):
                raise
            what = f"{path}: its weights do not fit into the memory of {device.torch}; free some, or write device: cpu"
            spaces.append(Unavailable(space_id, member.title, what))
        else:
            spaces.append(
                SupernetBackend(served, supernet, image_splits, _fitting(device, space_id, configuration), store)
            )
    return spaces


def _open(space_id: str, path: Path, configuration: Configuration, device: Device) -> tuple[Supernet, Served]:
    member = MEMBERS[space_id]
    supernet: ofa.Ofa | spos.Spos | autoformer.AutoFormer
    if space_id in ofa.MEMBERS:
        supernet = ofa.load(path, device.torch, member.where_from)
        dimensions, source = ofa.dimensions(member.resolutions), ofa.SOURCE
    elif space_id in spos.MEMBERS:
        supernet = spos.load(path, device.torch, member.where_from, configuration.spos_calibration_images)
        dimensions, source = spos.dimensions(), ""
    else:
        supernet = autoformer.load(path, device.torch, member.where_from)
        choices = autoformer.CHOICES[space_id][configuration.autoformer_choices]
        dimensions, source = choices.dimensions(), choices.source
    _check_member(space_id, path, supernet.size)
    return supernet, Served(space_id, member.title, dimensions, source)


def _check_member(space_id: str, path: Path, size: Mapping[str, float]) -> None:
    """Raises CheckpointUnusable for the file of another member, naming the key that would take it."""
    wanted = MEMBERS[space_id].size
    for what, number in wanted.items():
        if size[what] != number:
            others = (
                other
                for other, member in MEMBERS.items()
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


def _fitting(device: Device, space_id: str, configuration: Configuration) -> Device:
    """The device in the family's own precision, unless the configuration names one."""
    is_half = space_id in autoformer.MEMBERS and device.torch.type == "cuda"
    return dataclasses.replace(device, precision=configuration.precision or ("fp16" if is_half else "fp32"))
