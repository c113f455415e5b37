"""`supernets.py PART…` measures the supernets, in comparison with the official code where there is one.

Each row is printed as a JSON line with `what`, `measured` and `aim`; progress goes to standard error. It only measures:
no time makes it fail. bench.mjs runs it and shows the rows.

A ratio is the median of five pairs. In each pair this process runs our side and the official side one after the other,
so that other work on the machine affects both sides equally.
"""

import dataclasses
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import official
from collm_nas_evaluator.backends.base import Measurement, Outcome
from collm_nas_evaluator.backends.supernet import (
    Calibration,
    ImageSplits,
    Served,
    Supernet,
    SupernetBackend,
    Values,
    extracted,
)
from collm_nas_evaluator.crops import Crops
from collm_nas_evaluator.families import autoformer, ofa, spos
from collm_nas_evaluator.imagenet import ImageSet, ofa_validation, subset
from collm_nas_evaluator.scoring import Device, Hits
from collm_nas_evaluator.space import Architecture, Space

PAIRS = 5
PIXELS, BATCH, CALIBRATION, VALIDATION = 192, 32, 200, 2000
FOLDERS = 10
"""The number of class folders of the made-up images. The networks still have a thousand classes."""
WIDTH, CLASSES = 1.2, 1000
CANDIDATE = {"r": [PIXELS], "d": [3, 2, 4, 3, 3], "ks": [3, 5, 7, 5] * 5, "e": [4, 3, 6, 4] * 5}
LARGEST = {"r": [224], "d": [4] * 5, "ks": [7] * 20, "e": [6] * 20}
SMALLEST = {"r": [160], "d": [2] * 5, "ks": [3] * 20, "e": [3] * 20}
AUTOFORMER_T = {
    "depth": [13],
    "dim": [192],
    "mlp": [*[3.5] * 9, 4.0, 3.5, 4.0, 3.5],
    "heads": [*[3] * 10, 4, 3, 4],
}

Seconds = dict[str, float]
"""The seconds of each part of one side of a pair."""


def ofa_part(folder: Path) -> None:
    path = write(folder / "ofa_mbv3_d234_e346_k357_w1.2", "state_dict", ofa.layout(WIDTH, CLASSES))
    timed = _Timed(ofa.load(path))
    try:
        theirs = official.once_for_all(torch.load(path)["state_dict"], CLASSES, WIDTH)
    except ImportError as error:
        row("OFA candidate, to official", f"skipped: {error}", "")
        return
    folders = write_images(folder, {"train": 2 * CALIBRATION, "val": VALIDATION})
    calibration, validation = _from_files(timed, theirs, folders, folder / "cache")
    _from_tensors(timed, theirs, calibration, validation)


def _from_files(timed: "_Timed", theirs: Any, folders: Mapping[str, Path], cache: Path) -> tuple[Tensor, Tensor]:
    """Compares evaluations of a folder of images. Returns the network inputs for calibration and for scoring."""
    images = {name: ImageSet.open(path, FOLDERS) for name, path in folders.items()}
    served = Served("ofa-w1.2", "Made up", ofa.dimensions_with((PIXELS,)))
    image_splits = ImageSplits({"search": (images["val"], "All images.")}, images["train"], cache)
    backend = SupernetBackend(served, cast(Supernet, timed), image_splits, Device())
    architecture = backend.describe().parse(CANDIDATE)
    assert isinstance(architecture, Architecture)
    validation, calibration = backend.crops()
    begin = time.perf_counter()
    for crops in (calibration, validation):
        crops.cache(lambda done, of: say(f"caching crops: {done} of {of}"))
    cached = time.perf_counter() - begin
    loader = official.validation_loader(folders["val"], PIXELS, BATCH)

    def ours() -> Seconds:
        *_, outcome = backend.evaluate([architecture], "search", threading.Event())
        assert isinstance(outcome, Outcome)
        assert isinstance(outcome.result, Measurement)
        return timed.seconds | {"scoring": outcome.result.seconds - sum(timed.seconds.values())}

    what = f"OFA candidate, {CALIBRATION} images to calibrate and {VALIDATION:,} to score"
    pair(
        f"{what}, from cached crops, to official from files",
        ours,
        lambda: _officially(theirs, official.calibration_loader(folders["train"], PIXELS, CALIBRATION, BATCH), loader),
        "0.45, accept 0.55",
    )
    row("  the cache of crops, built once for all candidates", f"{cached:.1f} s", "")
    inputs = [
        torch.cat([crops.recipe.prepare(batch).contiguous() for batch in crops.batches(BATCH)])
        for crops in (calibration, validation)
    ]
    return inputs[0], inputs[1]


def _from_tensors(timed: "_Timed", theirs: Any, calibration: Tensor, validation: Tensor) -> None:
    """Compares evaluations of the same network inputs in memory, and their answers."""
    labels = torch.zeros(len(validation), dtype=torch.int64)
    calibrating, scoring = (
        list(zip(inputs.split(BATCH), labels.split(BATCH), strict=False)) for inputs in (calibration, validation)
    )
    kept = _Kept(validation)

    def ours() -> Seconds:
        network = timed.subnet(CANDIDATE, calibration.split(BATCH))
        seconds = dict(timed.seconds)
        with timing(seconds, "scoring"):
            *_, hits = Device().score(network, cast(Crops, kept), threading.Event())
        assert isinstance(hits, Hits)
        return seconds

    pair(
        "the same from network inputs in memory on both sides",
        ours,
        lambda: _officially(theirs, calibrating, scoring),
        "0.55, accept 0.7",
    )
    networks = timed.subnet(CANDIDATE, calibration.split(BATCH)), official.extract(theirs, CANDIDATE)
    official.calibrate(networks[1], calibrating)
    with torch.inference_mode():
        answers, wanted = (torch.cat([network.eval()(batch).argmax(1) for batch, _ in scoring]) for network in networks)
    row(
        "  first answers that are the official ones",
        f"{int((answers == wanted).sum()):,} of {len(wanted):,} ({len(wanted.unique())} classes)",
        "all but ties",
    )


def _officially(theirs: Any, calibrating: official.Batches, scoring: official.Batches) -> Seconds:
    seconds: Seconds = {}
    with timing(seconds, "extraction"):
        subnet = official.extract(theirs, CANDIDATE)
    with timing(seconds, "calibration"):
        official.calibrate(subnet, calibrating)
    with timing(seconds, "scoring"):
        official.validate(subnet, scoring)
    return seconds


class _Timed:
    """A supernet that measures its last extraction and calibration, and calibrates with fewer images."""

    def __init__(self, supernet: ofa.Ofa) -> None:
        self._supernet = supernet
        self.seconds: Seconds = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._supernet, name)

    def calibration(self, values: Values) -> Calibration:
        return dataclasses.replace(self._supernet.calibration(values), images=CALIBRATION, batch=BATCH)

    def subnet(self, architecture: Mapping[str, Any], calibration: Iterable[Tensor] | None = None) -> nn.Module:
        return extracted(self.extraction(architecture, calibration))

    def extraction(
        self, architecture: Mapping[str, Any], calibration: Iterable[Tensor] | None = None
    ) -> Generator[int, None, nn.Module]:
        self.seconds = {}
        at = [time.perf_counter()]

        def watched() -> Iterator[Tensor]:
            at.append(time.perf_counter())
            yield from calibration or ()
            at.append(time.perf_counter())

        network = yield from self._supernet.extraction(architecture, watched())
        at.append(time.perf_counter())
        self.seconds = {"extraction": at[1] - at[0] + at[3] - at[2], "calibration": at[2] - at[1]}
        return network


@dataclasses.dataclass
class _Kept:
    """Network inputs in memory, used in place of crops. It is its own recipe."""

    inputs: Tensor
    name = "kept"

    def __post_init__(self) -> None:
        self.recipe, self.labels = self, np.zeros(len(self.inputs), np.int64)

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self, size: int, start: int = 0) -> Iterator[Tensor]:
        return iter(self.inputs[start:].split(size))

    def prepare(self, batch: Tensor) -> Tensor:
        return batch


def autoformer_part(folder: Path) -> None:
    sizes = autoformer.Sizes(dim=256, heads=4, depth=14)
    path = write(folder / "supernet-tiny.pth", "model", autoformer.layout(sizes))
    ours = autoformer.load(path).subnet(AUTOFORMER_T)
    theirs = official.AutoFormer(torch.load(path)["model"], AUTOFORMER_T, sizes.grid)
    images = torch.randn(32, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, officially = ours(images), theirs(images)
    off = float((logits - officially).abs().max() / officially.std())
    row("AutoFormer-T, furthest logit from the official form, in standard deviations", f"{off:.0e}", "at most 1e-04")

    for batch, passes, aim in ((1, 10, "0.75"), (32, 1, "1.0, no slower")):
        what = f"AutoFormer-T, batch {batch}, to relative positions gathered in every layer and batch"
        of_ours, of_theirs = (partial(_pass, network, images[:batch], passes) for network in (ours, theirs))
        pair(what, of_ours, of_theirs, aim)


def _pass(network: nn.Module, images: Tensor, passes: int) -> Seconds:
    seconds: Seconds = {}
    with torch.inference_mode(), timing(seconds, "a pass"):
        for _ in range(passes):
            network(images)
    return {part: each / passes for part, each in seconds.items()}


def costs_part(folder: Path) -> None:
    tiny = autoformer.Sizes(dim=256, heads=4, depth=14)
    w12 = ofa.load(write(folder / "ofa", "state_dict", ofa.layout(WIDTH, CLASSES)))
    families = {
        "OFA": (w12, ofa.dimensions_with((160, 176, 192, 208, 224)), "under 0.1 ms"),
        "SPOS": (
            spos.load(write(folder / "spos", "state_dict", spos.layout(spos.OFFICIAL, CLASSES))),
            spos.DIMENSIONS,
            "under 0.1 ms",
        ),
        "AutoFormer": (
            autoformer.load(write(folder / "autoformer", "model", autoformer.layout(tiny))),
            autoformer.CHOICES["autoformer-tiny"]["released"].dimensions(),
            "under 0.5 ms",
        ),
    }
    for family, (supernet, dimensions, aim) in families.items():
        say(f"costs of {family}")
        space, source = Space(dimensions, id="bench"), random.Random(0)
        drawn = [_numbers(space, space.sample(source)) for _ in range(2000)]
        rounds = []
        for _ in range(1 + PAIRS):
            begin = time.process_time()
            for architecture in drawn:
                supernet.cost(architecture)
            rounds.append((time.process_time() - begin) / len(drawn))
        row(
            f"{family}, cost of a random architecture, mean of {len(drawn):,}, median of {PAIRS} rounds",
            f"{1e3 * statistics.median(rounds[1:]):.3f} ms",
            aim,
        )
    for name, architecture in (("the largest", LARGEST), ("a middling", CANDIDATE)):
        took = []
        for _ in range(21):
            begin = time.perf_counter()
            w12.subnet(architecture)
            took.append(time.perf_counter() - begin)
        row(f"OFA, extracting {name} subnet, median of 21", f"{1e3 * statistics.median(took):.0f} ms", "under 60 ms")


def _numbers(space: Space, architecture: Architecture) -> dict[str, list[float | None]]:
    """An architecture as the official code writes it: in numbers, and None where nothing is active."""
    return {
        dimension.name: [None if each is None else dimension.values[each] for each in chosen]
        for dimension, chosen in zip(space.dimensions, architecture.choices, strict=True)
    }


def memory_part(folder: Path) -> None:
    write(folder / "ofa", "state_dict", ofa.layout(WIDTH, CLASSES))
    base = autoformer.Sizes(dim=640, heads=10, depth=16)
    write(folder / "autoformer", "model", autoformer.layout(base))
    for family, title in (("ofa", "OFA w1.2"), ("autoformer", "AutoFormer base")):
        grown, peak = _in_a_new_process("load", family, folder)
        file = (folder / family).stat().st_size
        row(
            f"{title}, resident memory that loading takes, by the size of the file",
            f"{megabytes(grown)}, {grown / file:.2f} times its {megabytes(file)}; {megabytes(peak)} on the way",
            "one copy",
        )
    write_images(folder, {"val": 10_000}, different=500)
    for how in ("decoding", "cached"):
        before, after = _in_a_new_process(how, folder)
        row(
            f"resident memory, from scoring 1,000 images to scoring 10,000, {how}",
            f"{(after - before) / 2**20:+.0f} MB on {megabytes(before)}",
            "under 50 MB" if how == "cached" else "",
        )


def _in_a_new_process(*asked: object) -> tuple[int, int]:
    command = [sys.executable, __file__, *map(str, asked)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    first, second = json.loads(printed)
    return first, second


def load_in_this_process(family: str, folder: str) -> None:
    """Loads a supernet and prints by how many bytes this process grew: at the end and at most."""
    path = Path(folder) / family
    before, done, most = resident(), threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    supernet = ofa.load(path) if family == "ofa" else autoformer.load(path)
    after = resident()
    done.set()
    watcher.join()
    print(json.dumps([after - before, max(after, most[0]) - before]))
    del supernet


def score_in_this_process(how: str, folder: str) -> None:
    """Prints the largest size of this process while it scores 1,000 images, and while it scores 10,000."""
    network = ofa.load(Path(folder) / "ofa").subnet(SMALLEST)
    images = ImageSet.open(Path(folder) / "val", FOLDERS)
    device, sizes = Device(), []
    for count in (1_000, 10_000):
        crops = Crops(subset(images, count), ofa_validation(160), Path(folder) / "cache", os.cpu_count() or 1)
        if how == "cached":
            crops.cache(lambda done, of: say(f"caching {done} of {of}"))
        most = 0
        for number, answer in enumerate(device.score(network, crops, threading.Event())):
            if number % 5 == 0 or isinstance(answer, Hits):
                most = max(most, resident())
                if not isinstance(answer, Hits):
                    say(f"{how}, {count:,} images: {answer:.0%}")
        sizes.append(most)
    print(json.dumps(sizes))


def resident() -> int:
    """The bytes of memory that this process has now."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        asked = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], check=True, capture_output=True)
        return int(asked.stdout) * 1024


def pair(what: str, ours: Callable[[], Seconds], theirs: Callable[[], Seconds], aim: str) -> None:
    """Runs both sides in turn. Prints the ratio and the times of the parts of each side."""
    sides = {"ours": ours, "official": theirs}
    taken: dict[str, list[Seconds]] = {side: [] for side in sides}
    worked: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(1 + PAIRS):
        for side in sides if number % 2 else reversed(sides):
            before = _processor_seconds()
            seconds = sides[side]()
            say(f"{f'pair {number}' if number else 'warming up'}, {side}: {_shown(seconds)}")
            if number:  # so that work that is done once, such as choosing kernels, is over
                taken[side].append(seconds)
                worked[side].append(_processor_seconds() - before)
    by_clock = _ratios({side: [sum(each.values()) for each in runs] for side, runs in taken.items()})
    row(
        f"{what}, median of {PAIRS} pairs",
        f"{statistics.median(by_clock):.2f} ({min(by_clock):.2f} to {max(by_clock):.2f})",
        aim,
    )
    for side, runs in taken.items():
        row(f"  {side}", _shown({part: statistics.median(each[part] for each in runs) for part in runs[0]}), "")
    row("  by processor time, which other work disturbs less", f"{statistics.median(_ratios(worked)):.2f}", "")


def _ratios(of: Mapping[str, Sequence[float]]) -> list[float]:
    return [our / their for our, their in zip(of["ours"], of["official"], strict=True)]


def _processor_seconds() -> float:
    """The processor time of this process and of its finished workers so far."""
    return sum(os.times()[:4])


def _shown(seconds: Seconds) -> str:
    return ", ".join(f"{part} {each:.3g} s" for part, each in seconds.items())


@contextmanager
def timing(seconds: Seconds, part: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - begin


def write(path: Path, container: str, layout: Mapping[str, tuple[int, ...]]) -> Path:
    """A checkpoint in the official format with random weights that keep a signal alive."""
    source = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in layout.items():
        if name.endswith("_matrix"):
            weights[name] = torch.eye(shape[0]) + 0.1 * torch.randn(shape, generator=source)
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            weights[name] = 0.5 + torch.rand(shape, generator=source)
        else:
            inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 100
            weights[name] = torch.randn(shape, generator=source) * inputs**-0.5
    torch.save({container: weights}, path)
    return path


def write_images(folder: Path, sets: Mapping[str, int], different: int = 10_000) -> dict[str, Path]:
    """Writes photographs of usual size and detail into class folders. After `different` ones they repeat."""
    source = np.random.RandomState(0)
    for name, count in sets.items():
        for number in range(count):
            path = folder / name / f"class{number % FOLDERS}" / f"{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            if number >= different:
                path.hardlink_to(
                    folder / name / f"class{number % different % FOLDERS}" / f"{number % different:05}.jpg"
                )
                continue
            coarse = Image.fromarray(source.randint(0, 256, (6, 8, 3), np.uint8))
            noise = source.randint(-20, 21, (375, 500, 3), np.int16)
            pixels = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), np.int16) + noise
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
            if number % 200 == 0:
                say(f"making images: {number} of {count}")
    return {name: folder / name for name in sets}


def megabytes(size: float) -> str:
    return f"{size / 2**20:.0f} MB"


def row(what: str, measured: str, aim: str) -> None:
    print(json.dumps({"what": what, "measured": measured, "aim": aim}), flush=True)


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


PARTS = {"ofa": ofa_part, "autoformer": autoformer_part, "costs": costs_part, "memory": memory_part}


def main(asked: Sequence[str]) -> None:
    match asked:
        case ["load", family, folder]:
            load_in_this_process(family, folder)
        case ["decoding" | "cached" as how, folder]:
            score_in_this_process(how, folder)
        case _:
            for name in asked or PARTS:
                with tempfile.TemporaryDirectory(prefix="collm-bench-") as folder:
                    PARTS[name](Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
