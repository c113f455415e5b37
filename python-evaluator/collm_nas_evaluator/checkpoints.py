"""Reads checkpoint files as their authors published them, without running anything, and compares them with a layout.

Owns which of a file's tensors are its weights, under which names people save them, its digest, and the sentence about
the first tensor that differs. `saved_tensors` bounds what may be in a file. Knows no family by name.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from collm_nas_evaluator import families, files, saved_tensors
from collm_nas_evaluator.errors import CheckpointMissing, CheckpointUnusable
from collm_nas_evaluator.saved_tensors import FileRefused, Foreign, Saved, SavedTensor
from collm_nas_evaluator.tables.pickle_stream import NameRefused, Record

Shape = tuple[int, ...]

_CONTAINERS = ("state_dict", "model", "model_state_dict", "network", "net")
"""Under which keys people save the weights; one may be inside another."""
_DEEPEST = 3
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""What DataParallel, torch.compile and others put into the names of the tensors that they wrap, anywhere in them."""
_COUNTERS = {"num_batches_tracked", "total_ops", "total_params", "n_averaged"}
"""How the names of counters end (batch norm, thop, averages of weights). They are not weights and are left out."""
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of a file by name, without the additions of wrappers, and the digest of its bytes (SHA-256)."""

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]

    def shape(self, name: str, axes: int | None = None) -> Shape:
        """The shape of a tensor that differs among the members of a family.

        Raises CheckpointUnusable when it is not there, or has another number of axes.
        """
        found = self.tensors.get(name)
        if found is None:
            raise CheckpointUnusable(self.path, f'"{name}" is not among its {len(self.tensors)} tensors{self._first()}')
        if axes is not None and found.ndim != axes:
            raise CheckpointUnusable(self.path, f'"{name}" is {list(found.shape)}, and has {axes} axes in a supernet')
        return tuple(found.shape)

    def matched(self, layout: Mapping[str, Shape], of_what: str, device: torch.device) -> dict[str, Tensor]:
        """The tensors of `layout` in its order, as float32 on `device`; counters of batches are left out.

        Raises CheckpointUnusable naming the first tensor that is missing, has another shape, has a value that is not a
        finite number, or is not in the layout.
        """
        weights = {}
        for name, shape in layout.items():
            tensor = self.tensors.get(name)
            if tensor is None:
                raise CheckpointUnusable(self.path, f'"{name}" is missing; {of_what} has it with shape {list(shape)}')
            if tuple(tensor.shape) != shape or not tensor.is_floating_point():
                got = f"{list(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"
                raise CheckpointUnusable(self.path, f'"{name}" is {got}; {of_what} has floats of shape {list(shape)}')
            values = tensor.to(torch.float32).contiguous()
            self._check_finite(name, values)
            weights[name] = values.to(device)
        for name in self.tensors:
            if name not in layout and name.rpartition(".")[2] not in _COUNTERS:
                raise CheckpointUnusable(self.path, f'"{name}" is not a tensor of {of_what}')
        return weights

    def _check_finite(self, name: str, values: Tensor) -> None:
        wrong = values.isfinite().logical_not()
        if wrong.any():
            place = wrong.nonzero()[0]
            what = f"{values[tuple(place)].item()} at {place.tolist()}" if values.ndim else str(values.item())
            more = int(wrong.sum()) - 1
            also = f" and {more} more values that are not finite numbers" if more else ""
            raise CheckpointUnusable(
                self.path, f'"{name}" holds {what}{also}; its training failed or the file is damaged: get another'
            )

    def _has(self, mark: str) -> bool:
        return any(name.startswith(mark) for name in self.tensors)

    def _first(self) -> str:
        title = next((each.TITLE for each in families.every() if self._has(each.MARK)), "")
        looks = f"; it looks like a supernet of {title}" if title else ""
        return f', the first being "{next(iter(self.tensors))}"{looks}'


def read(path: Path, container: str, rename: Callable[[str], str] = str, where_from: str = "") -> Checkpoint:
    """Reads a file of torch.save in either of its serializations; nothing in it is run.

    `container` is the usual key of the weights; there may be training state beside it. Other usual keys and a bare
    dictionary of tensors are read too. `rename` changes the name of a tensor to its official one. Raises
    CheckpointMissing (with `where_from`, which says where to get the file), CheckpointUnusable, and MemoryError when
    the weights do not fit.
    """
    try:
        with files.opened(path) as file:
            saved = saved_tensors.look(file)
            weights = _weights(path, saved.root, container, rename)
            tensors = _read(path, weights, saved)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise CheckpointMissing(f"{path} is not there{'; ' if where_from else ''}{where_from}") from error
    except NameRefused as error:
        what = f"holds more than weights, and nothing else is loaded: it asks for {error}"
        raise CheckpointUnusable(path, what) from error
    except FileRefused as error:
        raise CheckpointUnusable(path, str(error)) from error
    except OSError as error:
        raise CheckpointUnusable(path, f"cannot be read: {error.strerror or error}") from error
    except saved_tensors.UNREADABLE as error:
        what = f"is not a PyTorch checkpoint, or a cut one; download it again ({_line(str(error))[:160]})"
        raise CheckpointUnusable(path, what) from error
    return Checkpoint(path, digest, tensors)


def _weights(path: Path, root: object, container: str, rename: Callable[[str], str]) -> dict[str, SavedTensor]:
    """The weights by their final names. Plain values among them are left out."""
    box = root
    for _ in range(_DEEPEST):
        inside = [box.get(key) for key in (container, *_CONTAINERS)] if isinstance(box, Record) else []
        box = next((each for each in inside if isinstance(each, Record)), box)
    found = box.items() if isinstance(box, Record) else ()
    weights: dict[str, SavedTensor] = {}
    for key, value in found:
        if not isinstance(value, (SavedTensor, Foreign)):
            continue
        name = rename(".".join(part for part in str(key).split(".") if part not in _WRAPPERS))
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise CheckpointUnusable(
                path, f"holds a tensor whose name is too long or does not print: {name[:_LONGEST_NAME]!a}"
            )
        if isinstance(value, Foreign):
            raise CheckpointUnusable(path, f'"{name}" is {value.what}, and weights are dense tensors of floats')
        if name in weights:
            raise CheckpointUnusable(path, f'holds "{name}" twice, under two spellings')
        weights[name] = value
    if not weights:
        raise CheckpointUnusable(path, f'holds neither a dictionary of tensors nor one under "{container}"')
    return weights


def _read(path: Path, weights: Mapping[str, SavedTensor], saved: Saved) -> dict[str, Tensor]:
    """The weights as views of the storages that they share in the file, and that no others read."""
    if sum(each.bytes for each in weights.values()) > saved_tensors.EXPANSION * path.stat().st_size:
        raise CheckpointUnusable(
            path, "holds tensors that are views of few numbers, and weights are numbers of their own"
        )
    storages: dict[str, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    for name, each in weights.items():
        storage = each.storage
        if storage.key not in storages:
            memory = _memory(storage.bytes)
            saved.fill(storage, memory.numpy().data)
            storages[storage.key] = memory.view(getattr(torch, storage.kind))
        tensors[name] = storages[storage.key].as_strided(each.shape, each.strides, each.start)
    return tensors


def _memory(size: int) -> Tensor:
    try:
        return torch.empty(size, dtype=torch.uint8)
    except RuntimeError as error:
        raise MemoryError(f"{size:,} bytes cannot be had") from error


def _line(text: str) -> str:
    return " ".join(text.split())
