"""Says whether a supernet of a user can be searched: one finding for each thing that a search relies on.

It scores subnets as a search does, through the same backend. It keeps nothing and changes nothing.
"""

import itertools
import math
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collm_nas import subnets
from collm_nas.errors import UsageError
from collm_nas.supernet import Options, Supernet, backend_of, load
from collm_nas_evaluator import allocation, batchnorm
from collm_nas_evaluator.backends.network import Scores, Unfit
from collm_nas_evaluator.scoring import NotFinite, OutOfMemory
from collm_nas_evaluator.space import Architecture

Verdict = Literal["ok", "note", "falls short"]

FORECAST = 100
"""The evaluations of the search whose time is forecast."""
CLOSE = 0.02
"""By how much a cost may differ from what is counted."""
FEW_PAIRS = 0.1
"""Of subnets that are all alike, about 5 % of the pairs seem to differ."""
_MEANING_OF = {"flops_m": "flops_m", "macs_m": "flops_m", "params_m": "params_m"}


@dataclass(frozen=True)
class Finding:
    """What was found about one thing, in one line."""

    name: str
    verdict: Verdict
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:11}  {self.name}: {self.text}"


@dataclass(frozen=True)
class Findings:
    """Everything that was found. `usable` is false when anything falls short."""

    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        return all(each.verdict != "falls short" for each in self.findings)

    def __getitem__(self, name: str) -> Finding:
        return next(each for each in self.findings if each.name == name)

    def __str__(self) -> str:
        result = "it can be searched" if self.usable else "it cannot be searched like this"
        return "\n".join([*map(str, self.findings), result])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [{"name": each.name, "verdict": each.verdict, "text": each.text} for each in self.findings]
        return {"usable": self.usable, "findings": rows}


@dataclass(frozen=True)
class Checked:
    """What to check. `spec` and `folder` say how another process makes the same supernet; without them it is sent."""

    supernet: Supernet
    options: Options
    subnets: int = 20
    spec: str = ""
    folder: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True)
class _Scored:
    """The value of the objective for a subnet, for each input whether it was right, and the seconds that it took."""

    value: float
    correct: NDArray[np.bool_]
    seconds: float


def check(checked: Checked, on_progress: Callable[[float], None] = lambda _: None) -> Findings:
    """Raises UsageError for what is refused before any subnet can be scored."""
    if isinstance(checked.subnets, bool) or not isinstance(checked.subnets, int) or checked.subnets < 2:
        raise UsageError(f"subnets is {checked.subnets!r}; it must be a whole number, at least 2")
    checking = _Check(checked, on_progress)
    found = Findings(tuple(checking.findings()))
    # It takes seconds to start another process, so it is for a supernet that is usable but for this.
    return Findings((*found.findings, checking.two_processes())) if found.usable else found


# --- internal ---


class _Check:
    def __init__(self, checked: Checked, on_progress: Callable[[float], None]) -> None:
        self._checked, self._on_progress = checked, on_progress
        self._options = replace(checked.options.with_those_of(checked.supernet), store=False)
        try:
            self._backend = backend_of(checked.supernet, self._options)
            self._defect: subnets.Defect | None = None
        except subnets.Defect as error:
            self._defect = error
        self._done = 0
        self._whole = checked.subnets + 6

    def value(self, text: str) -> float:
        if self._defect is not None:
            raise self._defect
        return self._score(self._parsed(text)).value

    def findings(self) -> Iterator[Finding]:
        if self._defect is not None:
            yield Finding(self._defect.about, "falls short", str(self._defect))
            return
        self._objective = self._backend.describe().metrics[0]
        sample = self._backend.sample(self._checked.subnets)
        usable, builds = self._built(sample)
        yield builds
        if not usable:
            return
        first, second = usable[0], usable[min(1, len(usable) - 1)]
        scored = self._all_scored(usable)
        if isinstance(scored, Finding):
            yield scored
            return
        self._first = first, scored[first.text]
        yield self._a_b_a(first, second, scored[first.text])
        yield self._weights(usable)
        yield self._costs(usable)
        yield self._batch_norm(first, scored[first.text])
        yield from self._spread([scored[each.text] for each in usable])
        yield self._time([each.seconds for each in scored.values()])
        yield self._unchanged()

    # --- the findings ---

    def _built(self, sample: Sequence[Architecture]) -> tuple[list[Architecture], Finding]:
        usable, failed = [], []
        for each in sample:
            try:
                network = self._backend.network(each)
                answer = subnets.passed(network, self._backend.example)
                classes = self._backend.classes
                if classes is not None:
                    found = subnets.logits_of(answer, len(self._backend.example)).shape[1]
                    if found != classes:
                        raise Unfit(f"it gives {found} classes, and others give {classes}")
                usable.append(each)
            except Unfit as error:
                failed.append(f"{each.text}: {error}")
        if not failed:
            return usable, Finding("legal samples", "ok", f"all {len(sample)} are built")
        text = f"{len(failed)} of {len(sample)} cannot be built, such as {failed[0]}"
        return usable, Finding("legal samples", "falls short", text)

    def _all_scored(self, usable: Sequence[Architecture]) -> "dict[str, _Scored] | Finding":
        scored = {}
        for each in usable:
            try:
                scored[each.text] = self._score(each)
            except (Unfit, NotFinite, OutOfMemory) as error:
                return Finding("scores", "falls short", f"{each.text} has no score: {error}")
            except subnets.Defect as error:
                return Finding(error.about, "falls short", str(error))
        return scored

    def _a_b_a(self, first: Architecture, second: Architecture, before: _Scored) -> Finding:
        self._score(second)
        after = self._score(first)
        name = "A, B, A"
        if after.value == before.value and np.array_equal(after.correct, before.correct):
            return Finding(name, "ok", f"A has the same {self._objective.name} again, {before.value:.6g}")
        what = f"A has {before.value:.6g}, and {after.value:.6g} after B"
        return Finding(name, "falls short", f"{what}: something is left from the subnet before, or is random")

    def two_processes(self) -> Finding:
        """Scores the first subnet again in a new process; after `findings`."""
        name, (first, here) = "two processes", self._first
        try:
            there = self._elsewhere(first.text)
        except _CannotTravel as error:
            return Finding(name, "note", f"not checked, as the supernet or its data cannot be sent there ({error})")
        finally:
            self._step()
        if there == here.value:
            return Finding(name, "ok", f"another process finds the same {self._objective.name}")
        if isinstance(there, str):
            return Finding(name, "falls short", f"another process cannot score it: {there}")
        what = f"{here.value:.6g} here, and {there:.6g} in another process"
        return Finding(name, "falls short", f"{what}: something is random when the supernet or its data are made")

    def _weights(self, usable: Sequence[Architecture]) -> Finding:
        shares = [self._backend.weights.inherited(self._backend.network(each)) for each in usable]
        new = [self._backend.weights.new_bytes(self._backend.network(each)) for each in usable]
        own = min(shared + copied for shared, copied in shares)
        sizes = [
            sum(each.nbytes for each in self._backend.network(architecture).parameters()) for architecture in usable
        ]
        memory = f"{_size(max(new))} more memory for a subnet of {_size(max(sizes))}"
        if own < 0.5:
            text = f"a subnet has only {own:.0%} of its parameters from the supernet; the others are its own"
            return Finding("shared weights", "falls short", text)
        if max(new) < max(sizes) and min(shared for shared, _ in shares) > 0.5:
            return Finding("shared weights", "ok", f"subnets use the supernet's memory: {memory}")
        return Finding("shared weights", "note", f"subnets are copies of the supernet's weights: {memory}")

    def _costs(self, usable: Sequence[Architecture]) -> Finding:
        counted = [self._backend.counted(each) for each in usable]
        try:
            given = [self._backend.cost(each).costs for each in usable]
        except UsageError as error:
            return Finding("costs", "falls short", str(error))
        told, wrong = [], []
        for name in self._options.costs or {}:
            meaning = _MEANING_OF.get(name)
            if meaning is None:
                continue
            ratios = [
                costs[name] / found[meaning] if found[meaning] else math.inf
                for costs, found in zip(given, counted, strict=True)
            ]
            worst = max(ratios, key=lambda ratio: abs(ratio - 1))
            told.append(f"{name} {worst:.4g} times what is counted")
            if abs(worst - 1) > CLOSE:
                wrong.append(name)
        params = {each["params_m"] for each in counted}
        flops = {each["flops_m"] for each in counted}
        if wrong:
            advice = "correct it, or give it another name when it means something else"
            return Finding("costs", "falls short", f"{', '.join(told)}; {advice}")
        ranges = f"flops_m {_range(flops)}, params_m {_range(params)}"
        if flops == {0.0}:
            return Finding("costs", "falls short", "no multiply-adds are counted; give costs= of your own")
        return Finding("costs", "ok", "; ".join([f"counted: {ranges}", *told]))

    def _batch_norm(self, first: Architecture, with_it: _Scored) -> Finding:
        name = "batch norm"
        if not batchnorm.norms_of(self._backend.network(first)):
            return Finding(name, "ok", "there is none that keeps statistics")
        if self._backend.batches is None:
            return Finding(name, "note", "the statistics stay as the subnet has them (calibrate=False)")
        try:
            without = f"{self._score(first, is_calibrated=False).value:.6g}"
        except (NotFinite, Unfit):
            without = "none"
        text = f"{self._objective.name} {with_it.value:.6g} with statistics computed again, {without} without"
        return Finding(name, "ok", text)

    def _spread(self, scored: Sequence[_Scored]) -> Iterator[Finding]:
        values = [each.value for each in scored]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        about = f"{len(values)} random subnets: {min(values):.6g} to {max(values):.6g}, deviation {spread:.3g}"
        count = len(scored[0].correct)
        if not count:
            yield Finding("noise", "note", "unknown, as a metric of your own does not say which inputs were right")
            verdict: Verdict = "ok" if spread else "falls short"
            yield Finding("spread", verdict, about if spread else f"{about}: all are alike, so a search finds nothing")
            return
        middle = statistics.median(values) / 100
        alone = 100 * math.sqrt(max(middle * (1 - middle), 0) / count)
        pairs = [_paired(one, other) for one, other in itertools.combinations(scored, 2)]
        noise = statistics.median(each for _, each in pairs) if pairs else 0.0
        text = (
            f"{count} inputs: {alone:.2g} points for one subnet, {noise:.2g} for the difference of two (one deviation)"
        )
        yield Finding("noise", "ok", text)
        apart = sum(abs(difference) > 2 * each for difference, each in pairs) / max(1, len(pairs))
        text = f"{about}; {apart:.0%} of the pairs differ by more than two deviations of their noise"
        if apart > FEW_PAIRS:
            yield Finding("spread", "ok", text)
        else:
            advice = "a search can hardly tell subnets apart: score with more inputs, or train the supernet longer"
            yield Finding("spread", "falls short", f"{text}: {advice}")

    def _time(self, seconds: Sequence[float]) -> Finding:
        one = statistics.median(seconds)
        return Finding("time", "ok", f"{_duration(one)} for a subnet, about {_duration(FORECAST * one)} for {FORECAST}")

    def _unchanged(self) -> Finding:
        name = self._backend.weights.changed()
        if name:
            return Finding("supernet unchanged", "falls short", f"{name} has other values than before")
        return Finding("supernet unchanged", "ok", "every weight and statistic is as it was")

    # --- scoring ---

    def _score(self, architecture: Architecture, *, is_calibrated: bool = True) -> _Scored:
        begin = time.perf_counter()
        network = self._backend.network(architecture)
        scores, stop = None, threading.Event()
        scoring = partial(self._backend.scores, network, "search", stop, is_calibrated=is_calibrated)
        for each in self._backend.on_device(scoring, stop):
            if isinstance(each, Scores):
                scores = each
        assert scores is not None  # noqa: S101 - the last one
        self._backend.require_unchanged()
        self._step()
        value = scores.metrics[self._backend.describe().metrics[0].name]
        return _Scored(value, scores.correct, time.perf_counter() - begin)

    def _step(self) -> None:
        self._done += 1
        self._on_progress(min(1.0, self._done / self._whole))

    def _parsed(self, text: str) -> Architecture:
        return self._checked.supernet.space.parsed(text)

    def _elsewhere(self, text: str) -> float | str:
        """The value in a new process, or why it has none."""
        import cloudpickle  # noqa: PLC0415

        checked = self._checked
        supernet = None if checked.spec else checked.supernet
        try:
            sent = cloudpickle.dumps((supernet, checked.spec, str(checked.folder), self._options, text))
        except Exception as error:
            raise _CannotTravel(" ".join(f"{type(error).__name__}: {error}".split())[:200]) from error
        path = os.pathsep.join(filter(None, sys.path))
        done = subprocess.run(
            [sys.executable, "-c", "from collm_nas.supernet_check import _answer; _answer()"],
            input=sent,
            capture_output=True,
            check=False,
            env={**allocation.WAITING, **os.environ, "PYTHONPATH": path},
        )
        found = done.stdout.decode(errors="replace").strip().rpartition("\n")[2]
        if done.returncode == 0 and found:
            return float(found)
        lines: list[str] = done.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _answer() -> None:
    """The program of the other process."""
    import cloudpickle  # noqa: PLC0415

    supernet, spec, folder, options, text = cloudpickle.load(sys.stdin.buffer)
    checked = Checked(supernet or load(spec, Path(folder)), options, 2, spec, Path(folder))
    sys.stdout.write(f"{_Check(checked, lambda _: None).value(text)!r}\n")


class _CannotTravel(Exception):
    pass


def _paired(one: _Scored, other: _Scored) -> tuple[float, float]:
    """The difference of two subnets in points, and the deviation of its noise: on the same inputs, many cancel out."""
    differences = one.correct.astype(float) - other.correct.astype(float)
    return 100 * float(differences.mean()), 100 * float(differences.std()) / math.sqrt(len(differences))


def _range(values: "set[float] | Mapping[Any, float]") -> str:
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _size(count: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
