"""Runs networks on a device: moves batches there, chooses their size and precision, and counts the right answers.

Owns the batch size, the handling of full memory and the counting. Knows no family, no space and no image file.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from collm_nas_evaluator import turns
from collm_nas_evaluator.errors import UsageError

T = TypeVar("T")

PRECISIONS: Mapping[str, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_BATCH_ON_CUDA = 512
_PIXELS_AT_ONCE, _FEWEST, _MOST = 600_000, 16, 256
"""On a CPU a batch is fastest when its layers fit into the cache. Very small batches spend their time on calls."""
_TOP = 5


class NotFinite(Exception):
    """A network answered NaN or infinity; the text says for which image of the set."""


class OutOfMemory(Exception):
    """Not even one image at a time fits into the device's memory."""


class Inputs(Protocol):
    """Labelled inputs of networks in a fixed order."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The index of each input's class, [inputs]."""
        ...

    @property
    def kind(self) -> str:
        """Inputs of one kind need equally much memory."""
        ...

    @property
    def pixels(self) -> int:
        """The side of an input, or a number that stands for its size in the same way."""
        ...

    def __len__(self) -> int: ...

    def batches(self, size: int, start: int = 0) -> Iterator[Tensor]:
        """The inputs from `start` on as they are kept, at most `size` at a time."""
        ...

    def prepare(self, batch: Tensor) -> Tensor:
        """Makes the input of a network of what `batches` gives, on any device."""
        ...


@dataclass(frozen=True, slots=True)
class Hits:
    """What a network got right: for each image of the set whether its first answer was, and among the first five.

    Both are booleans [images] in the order of the set.
    """

    first: NDArray[np.bool_]
    among_five: NDArray[np.bool_]


@dataclass
class Device:
    """One device. Evaluations use it one at a time, in its own lasting thread (`steps`).

    `threads` is how many a network on a CPU is computed with; None for as many as PyTorch has in this process.
    """

    name: str = "cpu"
    precision: str = "fp32"
    threads: int | None = None
    _batch_sizes: dict[str, int] = field(default_factory=dict)
    _reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="reader"))

    def __post_init__(self) -> None:
        self.torch = torch.device(self.name)
        if self.torch.type != "cuda" and self.precision != "fp32":
            raise UsageError(f"precision {self.precision} needs a CUDA device, and this is {self.name}; leave it out")

    def __str__(self) -> str:
        """The device and its precision, in the words that are shown beside a result."""
        has_tf32 = self.torch.type == "cuda" and self.precision == "fp32" and torch.backends.cudnn.allow_tf32
        return f"{self.precision} on {self.name}{', TF32 in convolutions' if has_tf32 else ''}"

    @property
    def turns(self) -> turns.Turns:
        """The turns of this device, which are those of every other Device of the same name."""
        index = "" if self.torch.type == "cpu" else f":{self.torch.index or 0}"
        return turns.of(f"{self.torch.type}{index}")

    def steps(self, begin: Callable[[], Iterator[T]], stop: threading.Event) -> Iterator[T | None]:
        """The values of an iterator that uses the device, as `Turns.steps` has them."""
        threads = self.threads or torch.get_num_threads()

        def begun() -> Iterator[T]:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            yield from begin()

        return self.turns.steps(begun, stop)

    def batches(self, inputs: Inputs, size: int, stop: threading.Event, start: int = 0) -> Iterator[Tensor]:
        """The inputs from `start` on, as a network takes them, on the device: at most `size` at a time.

        The next batch is read while one is used. Ends early, with Stopped, when `stop` is set.
        """
        kept = inputs.batches(size, start)
        following = self._reader.submit(next, kept, None)
        while (batch := following.result()) is not None:
            if stop.is_set():
                raise Stopped
            following = self._reader.submit(next, kept, None)
            if self.torch.type == "cuda" and batch.device.type == "cpu":
                batch = batch.pin_memory()
            yield inputs.prepare(batch.to(self.torch, non_blocking=True))

    def score(self, network: nn.Module, inputs: Inputs, stop: threading.Event) -> Iterator[float | Hits]:
        """Yields the share of images done after each batch, and at last the hits.

        The batch size is halved until it fits, and kept for the next network with the same kind of inputs.
        Raises OutOfMemory, NotFinite, Stopped.
        """
        count = len(inputs)
        labels = torch.from_numpy(inputs.labels).to(self.torch)
        first, among_five = (torch.zeros(count, dtype=torch.bool, device=self.torch) for _ in range(2))
        finite = torch.ones(count, dtype=torch.bool, device=self.torch)
        done, kind = 0, inputs.kind
        size = self._batch_sizes.get(kind) or self._first_batch(inputs.pixels)
        while done < count:
            try:
                for batch in self.batches(inputs, size, stop, start=done):
                    place = slice(done, done + batch.shape[0])
                    logits = self._forward(network, batch)
                    best = logits.topk(min(_TOP, logits.shape[1])).indices == labels[place, None]
                    first[place], among_five[place] = best[:, 0], best.any(1)
                    finite[place] = logits.isfinite().all(1)
                    if self.torch.type == "cuda":
                        torch.cuda.current_stream(self.torch).synchronize()
                    done = place.stop
                    yield done / count
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise OutOfMemory(f"one image at a time does not fit into the memory of {self.name}") from error
            if done < count:  # outside the handler: its traceback keeps the tensors of the failed pass in memory
                self._free()
                size = max(1, size // 2)
        self._batch_sizes[kind] = size
        if not bool(finite.all()):
            worst = int((~finite).nonzero()[0])
            raise NotFinite(f"NaN or infinite logits for {int((~finite).sum())} of {count} images, first {worst}")
        yield Hits(first.cpu().numpy(), among_five.cpu().numpy())

    def _first_batch(self, pixels: int) -> int:
        if self.torch.type == "cuda":
            return _BATCH_ON_CUDA
        return min(_MOST, max(_FEWEST, _PIXELS_AT_ONCE // pixels**2))

    def _forward(self, network: nn.Module, batch: Tensor) -> Tensor:
        with (
            torch.inference_mode(),
            torch.autocast(self.torch.type, PRECISIONS[self.precision], enabled=self.precision != "fp32"),
        ):
            logits: Tensor = network(batch)
        return logits.float()

    def _free(self) -> None:
        if self.torch.type == "cuda":
            torch.cuda.empty_cache()


class Stopped(Exception):
    """The evaluation was stopped: nobody waits for its result."""


def choose(name: str) -> str:
    """The device that "auto" means. Raises UsageError for one that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"device {name}: PyTorch finds no CUDA device here; write device: cpu, or auto")
    try:
        index = torch.device(name).index
    except RuntimeError as error:
        raise UsageError(f"device {name} is not one that PyTorch knows; write cpu, cuda, cuda:1 or auto") from error
    if index is not None and name.startswith("cuda") and index >= torch.cuda.device_count():
        raise UsageError(f"device {name}: there are {torch.cuda.device_count()}, counted from cuda:0")
    return name


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; on a CPU it is a plain RuntimeError."""
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or "allocate memory" in text
        or "not enough memory" in text
    )
