"""A supernet of a user: the class to fill in, and the calls that search it, serve it and check it.

Nothing here loads PyTorch until it is used.
"""

import logging
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collm_nas.answers import in_short
from collm_nas.calls import Job
from collm_nas.errors import UsageError
from collm_nas.function import Costs, Metric
from collm_nas.space import Architecture, Space
from collm_nas_evaluator import allocation, errors
from collm_nas_evaluator.flags import BUDGET, SAMPLES

if TYPE_CHECKING:
    from torch import Tensor, nn

    from collm_nas.known import Known
    from collm_nas.result import Result
    from collm_nas.supernet_backend import OwnSupernetBackend
    from collm_nas_evaluator.config import Configuration, OwnSupernet
    from collm_nas_evaluator.findings import Findings

CALIBRATION_IMAGES = 2_000


class Supernet(ABC):
    """A supernet: its space, and the network of each architecture with the weights that all share.

    Keep the supernet in an attribute (`self.net = …`), so that its weights can be watched. `val`, `calibrate`, `test`,
    `metric` and `costs` may be attributes, too; they apply where a call does not give its own.
    """

    space: Space
    input_shape: tuple[int, ...] | None = None
    """The shape of one input, such as (3, 224, 224). Folders of images need it; batches have theirs."""

    val: Any = None
    calibrate: Any = None
    test: Any = None
    costs: Costs | None = None
    metric: Callable[..., Any] | None = None

    @abstractmethod
    def subnet(self, arch: Architecture) -> "nn.Module":
        """The network of an architecture such as {"kernel": [3, 1, 5], "width": 24}, with weights of the supernet."""

    def weights(self) -> "Mapping[str, Tensor]":
        """Every tensor of the supernet by name: by default those of the modules and tensors among the attributes."""
        from collm_nas.subnets import tensors_of  # noqa: PLC0415

        return tensors_of(self)


@dataclass(frozen=True)
class Options:
    """How a supernet is scored. The arguments of `search_supernet` say what each is."""

    val: Any = None
    calibrate: Any = None
    test: Any = None
    calibration_images: int = CALIBRATION_IMAGES
    momentum: float | None = None
    metric: Callable[..., Any] | None = None
    objective: str | Metric = "accuracy"
    direction: str = "maximize"
    metrics: Sequence[str | Metric] = ()
    costs: Costs | None = None
    device: str | None = None
    precision: str = "fp32"
    threads: int | None = None
    store: str | os.PathLike[str] | bool = True
    version: str = ""
    cache_dir: str | os.PathLike[str] | None = None
    """Where prepared images and the store are; by default the user's cache folder for collm-nas."""

    def with_those_of(self, supernet: Supernet) -> "Options":
        """With the attributes of a supernet where nothing else is given."""
        own = {name: getattr(supernet, name, None) for name in ("val", "calibrate", "test", "metric", "costs")}
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return Options(**{**given, **{name: each for name, each in own.items() if given[name] is None}})


def search_supernet(
    supernet: Supernet,
    *,
    val: Any = None,
    calibrate: Any = None,
    test: Any = None,
    limits: Mapping[str, float] | None = None,
    budget: int = 100,
    calibration_images: int = CALIBRATION_IMAGES,
    momentum: float | None = None,
    metric: "Callable[[nn.Module, Any], Any] | None" = None,
    objective: str | Metric = "accuracy",
    direction: str = "maximize",
    metrics: Sequence[str | Metric] = (),
    costs: Costs | None = None,
    device: str | None = None,
    precision: str = "fp32",
    threads: int | None = None,
    store: str | os.PathLike[str] | bool = True,
    version: str = "",
    known: "Known | None" = None,
    out: str | os.PathLike[str] | None = None,
    show_progress: bool = True,
    **more: Any,
) -> "Result":
    """Searches a supernet for the subnet with the best score, within `budget` evaluations and the limits.

    `val` scores: a DataLoader or a list of batches (inputs, labels) that does not shuffle, or a folder with one folder
    of images for each class. The score is top-1 accuracy in percent, or what `metric(network, val)` returns: a number,
    or a dictionary with the objective and the `metrics`. `test` scores the winner once, on other data.

    The statistics of batch norm are computed again for each subnet from the same first `calibration_images` of
    `calibrate`: as averages over its batches, which is the rule of Once-for-All, or with a `momentum`. The supernet's
    own statistics are left alone. `calibrate=False` keeps the statistics that the subnet has.

    The costs `flops_m` (million multiply-adds) and `params_m` (million parameters) of one input are counted; `costs`
    are functions of an architecture that add to them, or replace them by their names.

    `device` is where networks run (default: where the supernet is), `precision` may be "fp16" or "bf16" on CUDA, and
    `threads` is how many compute a network on a CPU (default: as many as PyTorch has in this process).

    Finished evaluations are kept in a `store` (a file; False for none) under the hash of the weights, the data and the
    class of the supernet. Change `version`, any text, when a score changes for a reason beyond these.

    `known`, `out`, `budget` and all further keywords are those of `search`, and so is what is raised.
    """
    from collm_nas import settings  # noqa: PLC0415
    from collm_nas.searching import Driver  # noqa: PLC0415

    _require_supernet(supernet)
    keywords = {**more, "budget": budget, "limits": limits, "out": out}
    options = Options(
        val=val,
        calibrate=calibrate,
        test=test,
        calibration_images=calibration_images,
        momentum=momentum,
        metric=metric,
        objective=objective,
        direction=direction,
        metrics=metrics,
        costs=costs,
        device=device,
        precision=precision,
        threads=threads,
        store=store,
        version=version,
    )
    configuration = settings.configuration(supernet.space, keywords)
    driver = Driver(supernet.space, configuration, known=known, show_progress=show_progress)
    backend = backend_of(supernet, options, on_broken=driver.break_off, say=driver.log)
    return driver.run(backend, InTheServer())


def check_supernet(
    supernet: Supernet, *, samples: int = SAMPLES, seed: int = 0, budget: int = BUDGET, **options: Any
) -> "Findings":
    """Whether a supernet can be searched, and whether it can tell searchers apart: one finding for each thing.

    `samples` is how many random subnets are scored, `seed` chooses them, and `budget` is the number of evaluations of
    the searches to tell apart. `options` are those of `search_supernet` about data, metrics, costs and devices. Print
    what it returns; `usable` and `tells` say the results. Raises UsageError for what cannot be read at all.
    """
    _require_torch()
    from collm_nas.supernet_check import Checked, check  # noqa: PLC0415
    from collm_nas_evaluator.space_check import Wanted  # noqa: PLC0415

    _require_supernet(supernet)
    known = [each.name for each in fields(Options)]
    for name in options:
        if name not in known:
            raise UsageError(f"there is no option {name}=; there are {', '.join(known)}")
    for name, number, least in (("samples", samples, 1), ("seed", seed, 0), ("budget", budget, 1)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise UsageError(f"{name} is {number!r}; it must be a whole number, at least {least}")
    with usage_errors():
        return check(Checked(supernet, Options(**options), Wanted(samples, seed, budget)))


def backend_of(
    supernet: Supernet,
    options: Options,
    *,
    on_broken: Callable[[UsageError], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> "OwnSupernetBackend":
    """What a server needs. Raises UsageError for data, options and supernets that cannot be used."""
    _require_torch()
    from collm_nas.supernet_backend import OwnSupernetBackend  # noqa: PLC0415 - loads PyTorch

    _require_supernet(supernet)
    with usage_errors():
        return OwnSupernetBackend(supernet, options.with_those_of(supernet), on_broken=on_broken, say=say)


def options_of(configuration: "Configuration", own: "OwnSupernet") -> Options:
    """The options that a configuration says."""
    from collm_nas_evaluator import processors, scoring  # noqa: PLC0415 - loads PyTorch

    return Options(
        val=own.val,
        calibrate=own.calibrate,
        test=own.test,
        calibration_images=own.calibration_images,
        momentum=own.momentum,
        device=scoring.choose(configuration.device),
        precision=configuration.precision or "fp32",
        threads=processors.threads(configuration.threads),
        cache_dir=configuration.cache_dir,
    )


def configured(configuration: "Configuration", own: "OwnSupernet") -> "OwnSupernetBackend":
    """The supernet that a configuration names. Raises UsageError."""
    _require_torch()
    with usage_errors():
        return backend_of(load(own.spec, own.folder), options_of(configuration, own), say=_logger.error)


def load(spec: str, folder: Path) -> Supernet:
    """The supernet of a text such as my_module:Mine, where modules are also looked for in a folder.

    The name is that of a class, a function that makes a supernet, or a supernet. Raises UsageError.
    """
    import importlib  # noqa: PLC0415

    module_name, _, name = spec.partition(":")
    if not module_name or not name:
        raise UsageError(f"{spec!r} is not MODULE:NAME, such as my_module:Mine")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise UsageError(f"{spec} cannot be imported: {error}") from error
        raise UsageError(f"{spec}: there is no module {module_name} in {folder}") from error
    except Exception as error:
        raise UsageError(f"{spec} cannot be imported: {in_short(error)}") from error
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{spec}: {module.__file__} has no {name}")
        found = getattr(found, part)
    made: Any = found
    if isinstance(found, type) or not isinstance(found, Supernet):
        if not callable(found):
            raise UsageError(f"{spec} is a {type(found).__name__}; name a class, or a function that makes a supernet")
        try:
            made = found()
        except Exception as error:
            raise UsageError(f"{spec} cannot be made: {in_short(error)}") from error
    _require_supernet(made)
    supernet: Supernet = made
    return supernet


class InTheServer:
    """Calls for a backend that evaluates in the threads of its server; the caller's thread only waits."""

    parallelism = 1

    def __init__(self) -> None:
        self._finished = threading.Event()

    def submit(self, job: Job) -> None:
        raise NotImplementedError("a supernet has no jobs for the caller's thread")

    def work(self) -> None:
        self._finished.wait()

    def finish(self) -> None:
        self._finished.set()

    def close(self) -> None:
        self.finish()


@contextmanager
def usage_errors() -> Iterator[None]:
    """Within it what the evaluator refuses is a UsageError of this package."""
    try:
        yield
    except UsageError:
        raise
    except errors.UsageError as error:
        raise UsageError(str(error)) from error


# --- internal ---

_logger = logging.getLogger(__name__)


def _require_torch() -> None:
    if "torch" not in sys.modules:
        allocation.settle_waiting()
    try:
        import torch  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(str(errors.PackageMissing(error.name or "a package"))) from error


def _require_supernet(supernet: object) -> None:
    if isinstance(supernet, type):
        raise UsageError(f"the supernet is the class {supernet.__name__}; give one of it: {supernet.__name__}()")
    if not callable(getattr(supernet, "subnet", None)):
        raise UsageError(
            f"{type(supernet).__name__} is no supernet: make a class of nas.Supernet, with space and subnet"
        )
    space = getattr(supernet, "space", None)
    if not isinstance(space, Space):
        raise UsageError(
            f"{type(supernet).__name__}.space is {space!r}; make one with nas.Space(width=nas.choice([16, 24]))"
        )
