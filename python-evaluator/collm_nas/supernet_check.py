"""Says whether a supernet of a user can be searched: one finding for each thing that a search relies on.

It scores subnets as a search does, through the same backend. It keeps nothing and changes nothing. What random subnets
score says, as for any space, whether searchers can be told apart.
"""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from collm_nas import subnets
from collm_nas.errors import UsageError
from collm_nas.supernet import Options, Supernet, backend_of, load
from collm_nas_evaluator import allocation, batchnorm, space_check, telling, telling_words
from collm_nas_evaluator.backends.network import Scores, Unfit
from collm_nas_evaluator.findings import Finding, Findings
from collm_nas_evaluator.scoring import NotFinite, OutOfMemory
from collm_nas_evaluator.space import Architecture
from collm_nas_evaluator.space_check import Wanted

CLOSE = 0.02
"""By how much a cost may differ from what is counted."""
_MEANING_OF = {"flops_m": "flops_m", "macs_m": "flops_m", "params_m": "params_m"}
_SEARCH, _TEST = space_check.SEARCH, space_check.TEST


@dataclass(frozen=True)
class Checked:
    """What to check. `spec` and `folder` say how another process makes the same supernet; without them it is sent."""

    supernet: Supernet
    options: Options
    wanted: Wanted
    spec: str = ""
    folder: Path = field(default_factory=Path.cwd)


@dataclass(frozen=True)
class _Scored:
    """What scoring a subnet gave on one split, the value of the objective, and the seconds that it took."""

    scores: Scores
    value: float
    seconds: float


_OfSplits = Mapping[str, _Scored]
"""By split."""


def check(checked: Checked, on_progress: Callable[[float], None] = lambda _: None) -> Findings:
    """Raises UsageError for what is refused before any subnet can be scored."""
    space_check.require(checked.supernet.space.described, checked.wanted)
    checking = _Check(checked, on_progress)
    found = list(checking.findings())
    # It takes seconds to start another process, so it is for a supernet that is usable but for this.
    if checking.telling is not None and _is_usable(found, checking.telling):
        found.append(checking.two_processes())
    usable = _is_usable(found, checking.telling)
    closing = "It can be searched." if usable else "It cannot be searched like this."
    if usable and checking.telling is not None:
        closing += f" {telling_words.closing(checking.telling)}"
    rows = found if checking.telling is None else [*found, *telling_words.findings(checking.telling)]
    return Findings(tuple(rows), closing, usable, checking.telling)


# --- internal ---


def _is_usable(found: Sequence[Finding], told: telling.Telling | None) -> bool:
    falls_short = any(each.verdict == "falls short" for each in found)
    return not falls_short and (told is None or told.shows_differences)


class _Check:
    def __init__(self, checked: Checked, on_progress: Callable[[float], None]) -> None:
        self._checked, self._on_progress = checked, on_progress
        self.telling: telling.Telling | None = None
        self._options = replace(checked.options.with_those_of(checked.supernet), store=False)
        try:
            self._backend = backend_of(checked.supernet, self._options)
            self._defect: subnets.Defect | None = None
        except subnets.Defect as error:
            self._defect = error
            return
        self._splits = (_SEARCH,) if space_check.why_no_test(self._backend.describe()) else (_SEARCH, _TEST)
        self._done = 0
        self._whole = checked.wanted.samples * len(self._splits) + 4

    def value(self, text: str) -> float:
        if self._defect is not None:
            raise self._defect
        return self._score(self._parsed(text)).value

    def findings(self) -> Iterator[Finding]:
        if self._defect is not None:
            yield Finding(self._defect.about, "falls short", str(self._defect))
            return
        self._objective = self._backend.describe().metrics[0]
        sample = self._backend.sample(self._checked.wanted.samples, self._checked.wanted.seed)
        usable, builds = self._built(sample)
        yield builds
        if not usable:
            return
        first, second = usable[0], usable[min(1, len(usable) - 1)]
        scored = self._all_scored(usable)
        if isinstance(scored, Finding):
            yield scored
            return
        self._first = first, scored[0][_SEARCH]
        yield self._a_b_a(first, second, scored[0][_SEARCH])
        yield self._weights(usable)
        costs = self._given_costs(usable)
        yield costs if isinstance(costs, Finding) else self._costs(usable, costs)
        yield self._batch_norm(first, scored[0][_SEARCH])
        if len(scored) > 1:
            self.telling = telling.telling(self._sample(usable, scored, [] if isinstance(costs, Finding) else costs))
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

    def _all_scored(self, usable: Sequence[Architecture]) -> "list[_OfSplits] | Finding":
        scored: list[_OfSplits] = []
        for each in usable:
            try:
                scored.append({split: self._score(each, split) for split in self._splits})
            except (Unfit, NotFinite, OutOfMemory) as error:
                return Finding("scores", "falls short", f"{each.text} has no score: {error}")
            except subnets.Defect as error:
                return Finding(error.about, "falls short", str(error))
        return scored

    def _sample(
        self, usable: Sequence[Architecture], scored: Sequence[_OfSplits], costs: Sequence[Mapping[str, float]]
    ) -> telling.Sample:
        space = self._backend.describe()
        splits = {split: self._split(split, [each[split] for each in scored]) for split in self._splits}
        return telling.Sample(
            search=splits[_SEARCH],
            test=splits.get(_TEST),
            why_no_test=space_check.why_no_test(space),
            choices=space_check.choices_of(usable),
            slots=space_check.slots_of(space),
            costs={name: np.array([each[name] for each in costs]) for name in costs[0]} if costs else {},
            seconds=np.array([each[_SEARCH].seconds for each in scored[1:]]),
            size=space.size,
            budget=self._checked.wanted.budget,
            unit=self._objective.unit,
            higher_is_better=self._objective.higher_is_better,
        )

    def _split(self, split: str, scored: Sequence[_Scored]) -> telling.Split:
        hits = [each.scores.correct for each in scored if len(each.scores.correct)]
        return telling.Split(
            np.array([each.value for each in scored]),
            np.array(hits) if hits else None,
            self._backend.groups(split),
            telling.all_known([each.scores.standard_errors.get(self._objective.name) for each in scored]),
        )

    def _a_b_a(self, first: Architecture, second: Architecture, before: _Scored) -> Finding:
        self._score(second)
        after = self._score(first)
        name = "A, B, A"
        if after.value == before.value and np.array_equal(after.scores.correct, before.scores.correct):
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

    def _given_costs(self, usable: Sequence[Architecture]) -> "list[Mapping[str, float]] | Finding":
        try:
            return [self._backend.cost(each).costs for each in usable]
        except UsageError as error:
            return Finding("costs", "falls short", str(error))

    def _costs(self, usable: Sequence[Architecture], given: Sequence[Mapping[str, float]]) -> Finding:
        counted = [self._backend.counted(each) for each in usable]
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
        ranges = " and ".join(
            f"{name} {telling_words.span(min(found), max(found))}"
            for name, found in (("flops_m", flops), ("params_m", params))
        )
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

    def _unchanged(self) -> Finding:
        name = self._backend.weights.changed()
        if name:
            return Finding("supernet unchanged", "falls short", f"{name} has other values than before")
        return Finding("supernet unchanged", "ok", "every weight and statistic is as it was")

    # --- scoring ---

    def _score(self, architecture: Architecture, split: str = _SEARCH, *, is_calibrated: bool = True) -> _Scored:
        begin = time.perf_counter()
        network = self._backend.network(architecture)
        scores, stop = None, threading.Event()
        scoring = partial(self._backend.scores, network, split, stop, is_calibrated=is_calibrated)
        for each in self._backend.on_device(scoring, stop):
            if isinstance(each, Scores):
                scores = each
        assert scores is not None  # noqa: S101 - the last one
        self._backend.require_unchanged()
        self._step()
        value = scores.metrics[self._backend.describe().metrics[0].name]
        return _Scored(scores, value, time.perf_counter() - begin)

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
    checked = Checked(supernet or load(spec, Path(folder)), options, Wanted(1, 0, 1), spec, Path(folder))
    sys.stdout.write(f"{_Check(checked, lambda _: None).value(text)!r}\n")


class _CannotTravel(Exception):
    pass


def _size(count: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"
