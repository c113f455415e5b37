"""Trains one ShuffleNetV2 architecture from scratch, as the authors of SPOS retrain the winner of their search.

Owns the recipe, the checkpoint that an interrupted training continues from, and the final file. Knows no flag, no
search and no supernet. The official code is src/Evaluation of megvii-model/SinglePathOneShot. The recipe differs from
it in three ways: every batch is full and may contain the end of one epoch and the start of the next; all images are
validated; an interrupted training continues with the momentum of the optimizer.

The cost on ImageNet is an estimate; nothing of it was measured. 300,000 batches of 1,024 are 307 million images. Each
takes about three times the multiply-adds of the network: for 325 million, 3.0e17 in all. We assume 2,500 images a
second on one A100, which needs about 25 cores for decoding (100 images a second each). Then a training takes 34 hours,
or 1.4 GPU days. With eight such cores it takes four and a half days.
"""

import dataclasses
import json
import math
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from collm_nas_evaluator import files, saved_tensors, scoring, terminal
from collm_nas_evaluator.backends.supernet import Values, values_of
from collm_nas_evaluator.class_names import Order
from collm_nas_evaluator.errors import ArchitectureRejected, ImagesUnusable, UsageError
from collm_nas_evaluator.families import spos
from collm_nas_evaluator.imagenet import ImageSet, Recipe, spos_training, spos_validation
from collm_nas_evaluator.saved_tensors import FileRefused
from collm_nas_evaluator.space import Architecture, Space

CHECKPOINT, RETRAINED, RESULT = "checkpoint.pth.tar", "retrained.pth.tar", "result.json"
"""The files of a training, in its folder."""
PRECISIONS = ("fp32", "bf16")
_SHOWN_EVERY = 20
_VALIDATED_AT_ONCE = 200
_TOP = 5
_NOT_LOADABLE = (pickle.UnpicklingError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""What else torch.load raises for files that are cut or not its own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is trained, on which images and how; the defaults are the official recipe for ImageNet.

    `architecture` is a text such as '{"op":[...20 of 0 to 3]}'. `folder` receives the files; an interrupted training
    continues from the checkpoint there. `statistics_iterations` batches set the batch-norm statistics after the
    training (None: one pass over the images). `class_order` numbers the classes where their names have two orders.
    `workers` processes decode the images (0: this one).
    """

    architecture: str
    train: Path
    val: Path
    folder: Path
    classes: int = 1000
    class_order: Order | None = None
    iterations: int = 300_000
    batch: int = 1024
    learning_rate: float = 0.5
    momentum: float = 0.9
    weight_decay: float = 4e-5
    label_smoothing: float = 0.1
    dropout: float = 0.1
    statistics_iterations: int | None = None
    pixels: int = spos.PIXELS
    widths: spos.Widths = spos.OFFICIAL
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"
    workers: int = 8
    checkpoint_every: int = 1000
    validate_every: int = 10_000

    def __post_init__(self) -> None:
        """Raises UsageError for a number with which no training is possible."""
        least = {"classes": 2, "iterations": 1, "batch": 2, "pixels": 1, "checkpoint_every": 1, "validate_every": 1}
        least |= {"workers": 0, "seed": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise UsageError(f"{name} is {getattr(self, name)}; it has to be at least {bound}")
        if self.statistics_iterations is not None and self.statistics_iterations < 0:
            raise UsageError(f"statistics_iterations is {self.statistics_iterations}; it has to be at least 0")
        for name in ("learning_rate", "momentum", "weight_decay", "label_smoothing", "dropout"):
            number, most = getattr(self, name), 1.0 if name in ("label_smoothing", "dropout") else math.inf
            if not 0 <= number < most:
                raise UsageError(
                    f"{name} is {number}; it has to be at least 0{' and less than 1' if most == 1 else ''}"
                )
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision is {self.precision}; choices are {', '.join(PRECISIONS)}")


@dataclass(frozen=True, slots=True)
class Retrained:
    """The result of a training: the file of the weights, and the percentages of correct validation images."""

    path: Path
    top1: float
    top5: float


def run(settings: Settings, out: TextIO) -> Retrained:
    """Trains, or continues a training that was interrupted, and writes progress to `out`.

    Random numbers depend only on the seed, the iteration and the image, so that on a CPU an interrupted training ends
    with the same bits as an uninterrupted one. Raises ArchitectureRejected with every reason before anything is
    read, ImagesUnusable, and UsageError.
    """
    full_space = Space(spos.DIMENSIONS, id="spos")
    architecture = full_space.parse(settings.architecture)
    if not isinstance(architecture, Architecture):
        raise ArchitectureRejected("; ".join(reason.sentence for reason in architecture))
    settings = dataclasses.replace(settings, architecture=architecture.text)
    values = values_of(full_space, architecture)
    device = torch.device(scoring.choose(settings.device))
    if settings.precision != "fp32" and device.type != "cuda":
        raise UsageError(f"precision {settings.precision} needs a CUDA device, and this is {device}; leave it out")
    train = ImageSet.open(settings.train, settings.classes, settings.class_order)
    images = train, ImageSet.open(settings.val, settings.classes, settings.class_order, like=train)
    if train.classes.remark:
        terminal.say(out, train.classes.remark)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            return _Training(settings, values, images, device, out).run()
        except (RuntimeError, MemoryError) as error:
            if not scoring.is_out_of_memory(error):
                raise
            raise UsageError(f"batches of {settings.batch} images do not fit into the memory of {device}") from error


class _Training:
    def __init__(
        self, settings: Settings, values: Values, images: tuple[ImageSet, ImageSet], device: torch.device, out: TextIO
    ) -> None:
        (train, self._val), self._train = images, images[0]
        self._settings, self._device, self._out = settings, device, out
        passes = settings.statistics_iterations
        self._last = settings.iterations + (max(1, len(train) // settings.batch) if passes is None else passes)
        self._costs = spos.Counts(settings.widths, settings.classes, settings.pixels).cost(values)
        self._network = _initialised(settings, values).to(device).to(memory_format=torch.channels_last)
        self._norms = [each for each in self._network.modules() if isinstance(each, nn.BatchNorm2d)]
        self._optimizer = _optimizer(self._network, settings)
        self._fingerprint = _fingerprint(settings, train)
        self._done = 0

    def run(self) -> Retrained:
        settings = self._settings
        self._resume()
        batches = Batches(len(self._train), settings, self._done, self._last)
        loader = _loader(self._train, spos_training(settings.pixels), batches, settings.workers, self._device)
        shown = _Shown(self._device, settings.batch)
        drawn = terminal.beneath(self._out)
        with tqdm(total=self._last, initial=self._done, file=drawn, unit="batch", dynamic_ncols=True) as bar:
            for pixels, labels in _loaded(loader):
                loss, hits = self._step(pixels, labels)
                bar.update()
                shown.add(loss, hits)
                is_kept = self._done % settings.checkpoint_every == 0 or self._done == self._last
                if self._done % _SHOWN_EVERY == 0 or is_kept:
                    if not shown.is_finite:
                        raise UsageError(f"the loss is not a number at iteration {self._done}; lower the learning rate")
                    bar.set_postfix_str(shown.line(bar.format_dict["elapsed"], self._done - bar.initial), refresh=False)
                if is_kept:
                    self._keep()
                if self._done % settings.validate_every == 0 and self._done < self._last:
                    bar.write(self._line(*self._validate()), file=drawn)
        return self._finish()

    def _step(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One iteration; returns the mean loss and how many images were right, both still on the device."""
        settings, network = self._settings, self._network
        self._done += 1
        torch.manual_seed((settings.seed << 32) + self._done)
        inputs = spos_training(settings.pixels).prepare(pixels.to(self._device, non_blocking=True))
        labels = labels.to(self._device, non_blocking=True)
        is_training = self._done <= settings.iterations
        for norm in self._norms:
            # After the training every batch weighs the same.
            norm.momentum = 0.1 if is_training else 1 / (self._done - settings.iterations)
        network.train()
        with torch.set_grad_enabled(is_training):
            with torch.autocast(self._device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                logits = network(inputs)
            logits = logits.float()
            loss = F.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing)
        if is_training:
            for group in self._optimizer.param_groups:
                group["lr"] = settings.learning_rate * (1 - self._done / settings.iterations)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Percentages of validation images that are right at once, and among the first five answers."""
        recipe, count = spos_validation(self._settings.pixels), len(self._val)
        batches = [
            [(place, place) for place in range(start, min(start + _VALIDATED_AT_ONCE, count))]
            for start in range(0, count, _VALIDATED_AT_ONCE)
        ]
        hits = torch.zeros(2, dtype=torch.int64, device=self._device)
        self._network.eval()
        for pixels, labels in _loaded(_loader(self._val, recipe, batches, self._settings.workers, self._device)):
            logits = self._network(recipe.prepare(pixels.to(self._device)))
            best = logits.topk(min(_TOP, logits.shape[1])).indices == labels.to(self._device)[:, None]
            hits += torch.stack([best[:, 0].sum(), best.sum()])
        top1, top5 = (100.0 * each / count for each in hits.tolist())
        return top1, top5

    def _finish(self) -> Retrained:
        settings = self._settings
        top1, top5 = self._validate()
        path = settings.folder / RETRAINED
        state = {f"module.{name}": each.cpu() for name, each in self._network.official_state().items()}
        _write(path, lambda file: save(state, file))
        result = {"top1": top1, "top5": top5, "images": len(self._val), **self._costs, **self._fingerprint}
        text = json.dumps(result, indent=1) + "\n"
        _write(settings.folder / RESULT, lambda file: file.write(text.encode()))
        terminal.say(self._out, f"{self._line(top1, top5)}; {path}")
        self._out.flush()
        return Retrained(path, top1, top5)

    def _line(self, top1: float, top5: float) -> str:
        return f"iteration {self._done}: validation top-1 {top1:.2f}, top-5 {top5:.2f} of {len(self._val)} images"

    def _keep(self) -> None:
        box = {
            "iteration": self._done,
            "fingerprint": self._fingerprint,
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        _write(self._settings.folder / CHECKPOINT, lambda file: save(box, file))

    def _resume(self) -> None:
        path = self._settings.folder / CHECKPOINT
        try:
            with files.opened(path) as file:
                saved_tensors.look(file)
                file.seek(0)
                box = torch.load(file, map_location=self._device, weights_only=True)
        except FileNotFoundError:
            return
        except (FileRefused, *saved_tensors.UNREADABLE, *_NOT_LOADABLE) as error:
            why = " ".join(str(error).split())[:160]
            raise UsageError(
                f"{path} is not a checkpoint that training can continue from; move it away ({why})"
            ) from error
        fingerprint = box.get("fingerprint") if isinstance(box, dict) else None
        if not isinstance(fingerprint, dict):
            raise UsageError(f"{path} is not a checkpoint of this command; move it away")
        others = [
            f"{name} {fingerprint.get(name)}, not {here}"
            for name, here in self._fingerprint.items()
            if fingerprint.get(name) != here
        ]
        if others:
            raise UsageError(f"{path} is of another training ({'; '.join(others)}); give this one a folder of its own")
        self._network.load_state_dict(box["network"])
        self._optimizer.load_state_dict(box["optimizer"])
        self._done = box["iteration"]


class _Shown:
    """Loss and share of right answers since they were last shown, summed on the device without waiting for it."""

    def __init__(self, device: torch.device, batch: int) -> None:
        self._sums, self._batch, self._count = torch.zeros(2, device=device), batch, 0

    def add(self, loss: Tensor, hits: Tensor) -> None:
        self._sums += torch.stack([loss, hits.to(loss.dtype)])
        self._count += 1

    @property
    def is_finite(self) -> bool:
        return bool(self._sums.isfinite().all())

    def line(self, seconds: float, batches: float) -> str:
        loss, hits = self._sums.tolist()
        count, speed = max(1, self._count), self._batch * batches / max(seconds, 1e-9)
        self._sums.zero_()
        self._count = 0
        return f"loss {loss / count:.3f}, top-1 {100 * hits / count / self._batch:.1f}, {speed:.0f} images/s"


class _Pixels(Dataset[tuple[NDArray[np.uint8], int] | str]):
    """The crop and the label of (an image's place, what its randomness is drawn from), or why it cannot be read.

    The reason is a text, because an error would lose it on its way out of a worker process.
    """

    def __init__(self, images: ImageSet, recipe: Recipe) -> None:
        self._images, self._recipe = images, recipe

    def __getitem__(self, at: tuple[int, int]) -> tuple[NDArray[np.uint8], int] | str:
        place, draw = at
        try:
            return self._recipe.crop(self._images.read(place), draw), int(self._images.labels[place])
        except ImagesUnusable as error:
            return str(error)


def _loader(
    images: ImageSet, recipe: Recipe, batches: Iterable[list[tuple[int, int]]], workers: int, device: torch.device
) -> DataLoader[tuple[NDArray[np.uint8], int] | str]:
    return DataLoader(
        _Pixels(images, recipe),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_stacked,
        pin_memory=device.type == "cuda",
        multiprocessing_context="fork" if workers else None,
    )


def _stacked(items: Sequence[tuple[NDArray[np.uint8], int] | str]) -> tuple[Tensor, Tensor] | str:
    """Crops uint8 [N, pixels, pixels, 3] and labels [N], or the first reason why there are none."""
    crops, labels = [], []
    for item in items:
        if isinstance(item, str):
            return item
        crops.append(item[0])
        labels.append(item[1])
    return torch.from_numpy(np.stack(crops)), torch.tensor(labels)


def _loaded(loader: DataLoader[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in loader:
        if isinstance(batch, str):
            raise UsageError(batch)
        yield batch


class Batches:
    """For each iteration after `done` the images of its batch: their places, and what each crop is drawn from.

    Epochs follow each other without a gap, each in an order of its own.
    """

    def __init__(self, images: int, settings: Settings, done: int, last: int) -> None:
        self._images, self._settings, self._done, self._last = images, settings, done, last

    def __len__(self) -> int:
        return self._last - self._done

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        size = self._settings.batch
        epoch, order = -1, np.empty(0, np.int64)
        for iteration in range(self._done, self._last):
            batch = []
            for at in range(iteration * size, (iteration + 1) * size):
                if at // self._images != epoch:
                    epoch = at // self._images
                    order = np.random.RandomState([self._settings.seed % 2**32, epoch]).permutation(self._images)
                place = int(order[at % self._images])
                batch.append((place, place + epoch * self._images))
            yield batch


def _initialised(settings: Settings, values: Values) -> spos.Network:
    """The network with the official first weights."""
    torch.manual_seed(settings.seed << 32)
    network = spos.Network(settings.widths, values, settings.classes, affine=True, dropout=settings.dropout)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.01 if name.startswith("stem") else 1 / module.weight.shape[1])
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, 0.0001)
    return network


def _optimizer(network: nn.Module, settings: Settings) -> torch.optim.SGD:
    """Officially the weights of convolutions and of the head decay, and those of batch norm do not."""
    decaying = [each for each in network.parameters() if each.ndim > 1]
    others = [each for each in network.parameters() if each.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decaying}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(
        groups, lr=settings.learning_rate, momentum=settings.momentum, weight_decay=settings.weight_decay
    )


def _fingerprint(settings: Settings, train: ImageSet) -> Mapping[str, Any]:
    """What the weights depend on, as plain data: the settings that change them, and the images with their labels."""
    free = ("class_order", "train", "val", "folder", "device", "workers", "checkpoint_every", "validate_every")
    fields = {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings) if each.name not in free}
    widths = settings.widths
    return fields | {"widths": [widths.stem, *widths.stages, widths.last], "training images": train.hash}


def save(value: object, file: IO[bytes]) -> None:
    """Saves as torch.save does.

    PyTorch reports an interruption while it writes as an error of its own (RuntimeError). Here it stays one.

    Raises:
        KeyboardInterrupt: The process was asked to stop; the file is not whole.
    """
    try:
        torch.save(value, file)
    except RuntimeError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


def _write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replaces a file as a whole: after a crash it is the old one or the new one."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
