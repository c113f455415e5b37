"""Takes a subnet out of a supernet of a user, and finds what makes its numbers wrong: fresh weights, changed weights,
modules that are random in evaluation.

It loads PyTorch. It knows no data, no store and no search.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from collm_nas.answers import in_short
from collm_nas.errors import UsageError
from collm_nas_evaluator.backends.network import Unfit
from collm_nas_evaluator.scoring import is_out_of_memory


class Defect(UsageError):
    """A supernet cannot be searched as it is. `about` is the name of what it lacks, as `check` has it."""

    def __init__(self, about: str, text: str) -> None:
        super().__init__(text)
        self.about = about


class Weights:
    """The tensors of a supernet, by the names of the places where they were found."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)
        self._storages = {_storage(each) for each in self.tensors.values()}
        self._digests = {name: digest(each) for name, each in self.tensors.items()}
        self._by_axes: dict[int, list[Tensor]] = {}
        for each in self.tensors.values():
            self._by_axes.setdefault(each.dim(), []).append(each)

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) over the names and contents as they were in the beginning."""
        return hashlib.sha256(repr(sorted(self._digests.items())).encode()).hexdigest()

    @property
    def bytes(self) -> int:
        return sum({_storage(each): each.untyped_storage().nbytes() for each in self.tensors.values()}.values())

    def changed(self) -> str:
        """The name of a tensor that has other contents than in the beginning; empty when all are as they were."""
        return next((name for name, each in self.tensors.items() if digest(each) != self._digests[name]), "")

    def shares(self, tensor: Tensor) -> bool:
        """Whether a tensor uses the memory of the supernet."""
        return _storage(tensor) in self._storages

    def holds(self, tensor: Tensor) -> bool:
        """Whether a tensor is a copy of leading channels of one of the supernet, perhaps of the middle of its kernels.

        Tensors with the same number everywhere do not count: fresh ones are such, too.
        """
        if tensor.numel() == 0 or bool((tensor == tensor.flatten()[0]).all()):
            return False
        return any(_is_part(tensor, whole) for whole in self._by_axes.get(tensor.dim(), ()))

    def inherited(self, network: nn.Module) -> tuple[float, float]:
        """Which share of a network's parameters is in the supernet's memory, and which share is a copy of it."""
        every = {id(each): each for each in network.parameters()}.values()
        count = sum(each.numel() for each in every)
        shared = sum(each.numel() for each in every if self.shares(each))
        copied = sum(each.numel() for each in every if not self.shares(each) and self.holds(each.detach()))
        return (shared / count, copied / count) if count else (0.0, 0.0)

    def inherits(self, network: nn.Module) -> bool:
        """Whether any parameter of a network is the supernet's, in its memory or by its values."""
        return any(map(self.shares, network.parameters())) or any(
            self.holds(each.detach()) for each in network.parameters()
        )

    def new_bytes(self, network: nn.Module) -> int:
        """The memory that a network takes besides the supernet's."""
        new = (each for each in (*network.parameters(), *network.buffers()) if not self.shares(each))
        return sum({_storage(each): each.untyped_storage().nbytes() for each in new}.values())


def tensors_of(owner: object) -> dict[str, Tensor]:
    """Every tensor in the attributes of an object: of modules, and of tensors alone or in lists and dictionaries."""
    return dict(_tensors(vars(owner) if not isinstance(owner, nn.Module) else owner, "", 0))


def modules_of(owner: object) -> list[nn.Module]:
    """The modules among the attributes of an object, or the object itself when it is one."""
    if isinstance(owner, nn.Module):
        return [owner]
    found: list[nn.Module] = []
    for each in vars(owner).values():
        inside = each.values() if isinstance(each, Mapping) else each if isinstance(each, list | tuple) else [each]
        found += [entry for entry in inside if isinstance(entry, nn.Module)]
    return found


def digest(tensor: Tensor) -> str:
    """SHA-256 (hexadecimal) over the kind, the shape and the contents of a tensor."""
    plain = tensor.detach().cpu().contiguous()
    about = hashlib.sha256(f"{plain.dtype} {tuple(plain.shape)} ".encode())
    if plain.numel():
        about.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return about.hexdigest()


def built(subnet: Callable[[Any], Any], architecture: Any, device: torch.device) -> nn.Module:
    """The network of an architecture on a device, in evaluation mode. Raises Unfit with a short traceback, and OOM."""
    try:
        with torch.no_grad():
            network = subnet(architecture)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise Unfit(f"subnet failed: {_short(error)}") from error
    if not isinstance(network, nn.Module):
        what = "None" if network is None else f"a {type(network).__module__}.{type(network).__qualname__}"
        raise Unfit(f"subnet returned {what.replace('builtins.', '')}; it must return a torch.nn.Module")
    return network.eval().to(device)


def passed(network: nn.Module, inputs: Tensor) -> Any:
    """What a network answers. Raises Unfit with a short traceback, and OOM."""
    try:
        with torch.no_grad():
            return network(inputs)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise Unfit(f"the network of subnet failed for inputs {tuple(inputs.shape)}: {_short(error)}") from error


def logits_of(answer: Any, count: int) -> Tensor:
    """The answer of a network, when it is [inputs, classes]. Raises Unfit."""
    if not isinstance(answer, Tensor):
        raise Unfit(f"the network of subnet returns {_kind(answer)}; it must return the logits, one tensor")
    if answer.dim() != 2 or answer.shape[0] != count:
        raise Unfit(
            f"the network of subnet returns a tensor {tuple(answer.shape)} for {count} inputs; it must return logits "
            f"({count}, classes)"
        )
    return answer


def require_same_weights(first: nn.Module, second: nn.Module) -> None:
    """Raises Defect when two networks of one architecture differ, with the name of what differs."""
    before, after = (dict(each.state_dict()) for each in (first, second))
    if before.keys() != after.keys():
        raise Defect("one number", "subnet gives networks of other layers when it is called twice for one architecture")
    for name, tensor in before.items():
        if not _same(tensor, after[name]):
            raise Defect(
                "one number",
                f"subnet gives other weights when it is called twice for one architecture: {name} is random, or is "
                "left from the architecture before; take it from the supernet",
            )


def require_same_answers(network: nn.Module, inputs: Tensor) -> Any:
    """What a network answers. Raises Defect, naming the module, when a second pass gives something else."""
    with _outputs(network) as first:
        answer = passed(network, inputs)
    with _outputs(network) as second:
        again = passed(network, inputs)
    if _same(answer, again):
        return answer
    after = dict(second)
    names = (name for name, output in dict(first).items() if not _same(output, after.get(name)))
    name = next(names, "")
    module = dict(network.named_modules())[name]
    where = f"{name} ({type(module).__name__})" if name else f"the network itself ({type(network).__name__})"
    raise Defect(
        "one number",
        f"the network gives other answers for the same inputs: {where} changes its output between two calls; nothing "
        "in it may be random or keep what it saw, in evaluation mode",
    )


def layout(network: nn.Module, inputs: Tensor) -> torch.memory_format:
    """How a network's images are best laid out in memory: with channels last where it takes them like that.

    Convolutions are up to three times as fast. A network that cuts its tensors by `view` may not take them.
    """
    if inputs.dim() != 4 or not inputs.is_floating_point():
        return torch.contiguous_format
    before = passed(network, inputs)
    try:
        with torch.no_grad():
            after = network(inputs.contiguous(memory_format=torch.channels_last))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return torch.contiguous_format
    is_tensor = isinstance(before, Tensor) and isinstance(after, Tensor) and before.shape == after.shape
    is_alike = is_tensor and bool(((after - before).abs() <= 1e-4 * before.abs().max()).all())
    return torch.channels_last if is_alike else torch.contiguous_format


def shares_modules(first: nn.Module, second: nn.Module) -> bool:
    """Whether two networks have modules in common, so that work on one changes the other."""
    return bool({id(each) for each in first.modules()} & {id(each) for each in second.modules()})


def fingerprint(network: nn.Module) -> str:
    """SHA-256 (hexadecimal) over the layers and the weights of a network."""
    state = [(name, digest(each)) for name, each in network.state_dict().items()]
    return hashlib.sha256(f"{network!r}{state}".encode()).hexdigest()


def count(network: nn.Module, example: Tensor) -> dict[str, float]:
    """Multiply-adds (`flops_m`) of one pass of the example, and parameters that the pass uses (`params_m`): millions.

    Multiply-adds are those of convolutions, linear layers, matrix products and attention, by PyTorch's own counter.
    """
    used = _Used(network)
    with torch.no_grad(), FlopCounterMode(display=False) as counter, used:
        network(example)
    return {"flops_m": counter.get_total_flops() / 2e6, "params_m": used.count / 1e6}


# --- internal ---


class _Used(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the entries of parameters that operations read. Of a parameter that is cut, only the part counts."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._own = {_storage(each) for each in network.parameters()}
        self._seen: dict[tuple[int, int], int] = {}

    @property
    def count(self) -> int:
        return sum(self._seen.values())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not func.is_view:
            for each in tree_leaves((args, kwargs)):
                if isinstance(each, Tensor) and _storage(each) in self._own:
                    self._seen[each.data_ptr(), each.numel()] = each.numel()
        return func(*args, **(kwargs or {}))


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _tensors(given: Any, name: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    if isinstance(given, Tensor):
        yield name, given
    elif isinstance(given, nn.Module):
        for key, each in (*given.named_parameters(), *given.named_buffers()):
            yield f"{name}.{key}".lstrip("."), each
    elif depth < 3 and isinstance(given, Mapping | list | tuple):
        entries: Iterable[tuple[Any, Any]] = given.items() if isinstance(given, Mapping) else enumerate(given)
        for key, each in entries:
            yield from _tensors(each, f"{name}.{key}".lstrip("."), depth + 1)


def _is_part(part: Tensor, whole: Tensor) -> bool:
    if any(small > large for small, large in zip(part.shape, whole.shape, strict=True)) or part.dtype != whole.dtype:
        return False
    offsets = [
        (large - small) // 2 if axis > 1 and (large - small) % 2 == 0 else 0
        for axis, (small, large) in enumerate(zip(part.shape, whole.shape, strict=True))
    ]
    for start in (offsets, [0] * part.dim()):
        cut = whole[tuple(slice(at, at + size) for at, size in zip(start, part.shape, strict=True))]
        first = (0,) * part.dim()
        if bool(cut[first] == part[first]) and torch.equal(cut.detach().to(part.device), part):
            return True
    return False


@contextmanager
def _outputs(network: nn.Module) -> Iterator[list[tuple[str, Any]]]:
    """The outputs of the modules, those that end first come first."""
    seen: list[tuple[str, Any]] = []

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, _inputs, output: seen.append((name, _copy(output)))

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            hooks.callback(module.register_forward_hook(keep(name)).remove)
        yield seen


def _copy(output: Any) -> Any:
    return [each.detach().clone() for each in tree_leaves(output) if isinstance(each, Tensor)]


def _same(one: Any, other: Any) -> bool:
    pairs = [[each for each in tree_leaves(given) if isinstance(each, Tensor)] for given in (one, other)]
    return len(pairs[0]) == len(pairs[1]) and all(
        a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(*pairs, strict=True)
    )


def _kind(answer: Any) -> str:
    return "None" if answer is None else f"a {type(answer).__name__}"


def _short(error: BaseException) -> str:
    """The error in one line, with the places in the user's code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return in_short(error.with_traceback(trace))
