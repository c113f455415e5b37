"""The check of a served space: one that can tell searchers apart, ones that cannot, tables, supernets and bad input."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collm_nas_evaluator import space_check
from collm_nas_evaluator.__main__ import main
from collm_nas_evaluator.backends.base import (
    ArchitectureCost,
    Failure,
    FailureKind,
    Measurement,
    Outcome,
    Progress,
)
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.findings import Findings
from collm_nas_evaluator.space import Architecture, Cost, Metric, Space, Split
from collm_nas_evaluator.space_check import Wanted

Rows = list[list[str]]
Check = Callable[..., tuple[int, str, str]]


class Weighted:
    """A space of 10 slots with 4 choices. A score is the sum of the choices times the slots' weights, and noise.

    An architecture whose first slot has the choice `failing` raises.
    """

    def __init__(
        self, weight: float, noise: float, failing: Sequence[int] = (), slots: int = 10, test_data: str = "b"
    ) -> None:
        self._weights = np.linspace(weight, weight / 2, slots)
        self._noise, self._failing = noise, failing
        self.asked = 0
        self._space = Space(
            (Dimension("width", ("4", "8", "16", "32"), (Group("all", slots),), numeric=True),),
            id="weighted",
            metrics=(Metric("accuracy", "percent", ""),),
            costs=(Cost("params_m", "million", ""),),
            splits=(Split("search", "", "a"), Split("test", "", test_data)),
        )

    def describe(self) -> Space:
        return self._space

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        return ArchitectureCost({"params_m": float(sum(self._choices(architecture)))})

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        for index, architecture in enumerate(architectures):
            self.asked += 1
            yield Progress(index, 0.5)
            choices = self._choices(architecture)
            if choices[0] in self._failing:
                if split == "test":
                    raise MemoryError("no memory left")
                yield Outcome(index, Failure(FailureKind.NOT_FINITE, "NaN logits"))
                continue
            noise = np.random.default_rng([*choices, len(split)]).normal(scale=self._noise)
            value = 60 + float(self._weights @ choices) + noise
            yield Outcome(index, Measurement({"accuracy": value}, self.asked / 100, {"accuracy": self._noise}))

    @staticmethod
    def _choices(architecture: Architecture) -> list[int]:
        return [choice for choice in architecture.choices[0] if choice is not None]


def check(backend: Any, samples: int = 40, seed: int = 0, budget: int = 100) -> Findings:
    shares: list[float] = []
    findings = space_check.check(backend, Wanted(samples, seed, budget), shares.append)
    assert shares == sorted(shares)
    assert all(len(line) <= 80 for line in str(findings).splitlines())
    json.dumps(findings.to_dict(), allow_nan=False)
    return findings


def test_slots_that_matter_tell_searchers_apart_and_slots_that_do_nothing_do_not() -> None:
    good = check(Weighted(1.5, 0.3))
    assert good.tells, good
    assert good.closing == "It can tell searchers apart with 100 evaluations."
    assert good["evaluations"].text == "40 random architectures of 1,048,576 in weighted, on search and test"
    assert good.telling is not None
    assert good.telling.seconds == 0.41  # of the evaluations numbered 3, 5, … 79: without the first one
    assert good.telling.explained is not None
    assert 0.5 < good.telling.explained.all < 1
    many = check(Weighted(1.5, 0.3), samples=200).telling
    assert many is not None
    assert many.explained is not None
    assert many.explained.all > 0.97
    assert many.explained.slots["width[0]"] > 2 * many.explained.slots["width[9]"]
    idle = check(Weighted(0.0, 0.3))
    assert not idle.tells
    assert "a search can hardly tell them apart" in idle["spread"].text
    assert check(Weighted(1.5, 0.3), seed=1).telling != good.telling
    assert check(Weighted(1.5, 0.3)).to_dict() == good.to_dict()


def test_a_test_split_with_the_images_of_the_search_is_no_test() -> None:
    backend = Weighted(1.5, 0.3, test_data="a")
    same = check(backend)
    text = "the test split has the images of the search"
    assert same["splits"].text.startswith(text)
    assert same.closing == f"It can tell searchers apart with 100 evaluations, as far as known: {text}."
    assert backend.asked == 40


def test_failures_are_counted_and_named() -> None:
    some = check(Weighted(1.5, 0.3, failing=[0]))
    assert some.tells
    text = some["evaluations"].text
    assert some["evaluations"].verdict == "note"
    assert f"{40 - int(text.split()[0])} failed ({40 - int(text.split()[0])} NOT_FINITE), such as {{" in text
    assert text.endswith("}: NaN logits")
    none = check(Weighted(1.5, 0.3, failing=range(4)))
    assert (none.usable, none.tells, none.telling) == (False, False, None)
    assert none["evaluations"].verdict == "falls short"
    assert none.closing == "weighted cannot be checked: fewer than 2 of 40 architectures have a score."


def test_what_says_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="samples is 9; at least 10 can say something"):
        check(Weighted(1, 1), samples=9)
    only = Weighted(1, 1)
    only._space = Space(
        (Dimension("width", ("4",), (Group("all", 3),), numeric=True),), id="only", metrics=only.describe().metrics
    )
    with pytest.raises(UsageError, match="only has one architecture, so there is nothing to compare"):
        check(only)


def test_a_small_space_is_drawn_whole_and_costs_no_more() -> None:
    backend = Weighted(1.5, 0.3, slots=3)
    small = check(backend, samples=200, budget=64)
    assert small["evaluations"].text.startswith("64 random architectures of 64 ")
    assert backend.asked == 2 * 64
    assert "a budget of 64 is for a space of 64 architectures" in small.closing
    assert check(backend, samples=200, budget=20).telling is not None


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command over a configuration in the current folder: its exit code, its output, and its complaint."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, yaml: str = "") -> tuple[int, str, str]:
        (tmp_path / "evaluator.yaml").write_text(f"cache_dir: cache\n{yaml}")
        code = main(["check", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_tables_are_judged_by_what_they_know(run: Check, table_rows: Rows, write: Callable[[str, Rows], Path]) -> None:
    write("table.csv", table_rows)
    yaml = "nasbench201: {csv: table.csv}\nanalognas: false\n"
    code, out, _ = run("--space", "nasbench201-cifar10", "--config", "evaluator.yaml", "--json", yaml=yaml)
    found = json.loads(out)
    assert (code, found["tells"]) == (1, False)
    assert found["numbers"]["noise"] is None
    assert found["numbers"]["seconds"] == 0
    against = [each["about"] for each in found["numbers"]["criteria"] if each["holds"] is False]
    assert set(against) == {
        "splits"
    }  # of made-up numbers, those of the test have nothing to do with those of the search
    code, out, _ = run("--space", "analognas-baseline", "--samples", "200")
    assert code == 0
    closing = " ".join(out.split()[-26:])
    assert closing.endswith("with 100 evaluations, as far as known: the noise is not known; there is no test split.")
    assert "note         noise: not known" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "check needs either MODULE:NAME, a supernet of your own, or --space ID"),
        (["a:B", "--space", "analognas-baseline"], "check needs either MODULE:NAME"),
        (["a:B", "--config", "evaluator.yaml"], "--config belongs to --space"),
        (["--space", "analognas-baseline", "--val", "images"], "--val belongs to MODULE:NAME"),
        (["--space", "nowhere"], "--space nowhere is not one of analognas-baseline, "),
        (["--space", "nasbench201-cifar10", "--config", "evaluator.yaml"], "is unavailable: there is no file"),
        (["--space", "analognas-baseline", "--samples", "9"], "samples is 9; at least 10 can say something"),
        (["--space", "analognas-baseline", "--budget", "0"], "'0' is not a whole number, at least 1"),
    ],
)
def test_a_mistake_is_one_line(run: Check, arguments: list[str], complaint: str) -> None:
    code, out, err = run(*arguments, yaml="nasbench201: {csv: missing.csv}\n")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert complaint in err


@pytest.mark.torch
def test_a_second_check_of_a_supernet_is_served_from_the_store(
    run: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    from PIL import Image  # noqa: PLC0415 - comes with PyTorch

    rows = ["image,group"]
    for number in range(60):
        image = tmp_path / "images" / str(number % 6) / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number // 2).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(image)
        rows.append(f"{number % 6}/{number}.png,source {number // 2}")
    (tmp_path / "images" / "groups.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "stored_supernet.py").write_text(
        "from slimmable import Slimmable, batches\n\n\nclass Mine(Slimmable):\n    input_shape = (3, 12, 12)\n\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.val, self.calibrate, self.test = batches(), batches(120, 40, 1), 'images'\n"
    )
    yaml = "supernet: {class: 'stored_supernet:Mine'}\nanalognas: false\ndevice: cpu\n"
    arguments = ["--space", "slimmable", "--config", "evaluator.yaml", "--samples", "10", "--budget", "10", "--json"]
    first, second = (json.loads(run(*arguments, yaml=yaml)[1]) for _ in range(2))
    assert "from the store" not in first["findings"][0]["text"]
    assert second["findings"][0]["text"].endswith("; 20 of 20 from the store of earlier ones")
    paired = {"is_paired": True, "images": 240, "groups": None}
    assert {name: first["numbers"]["noise"][name] for name in paired} == paired
    assert {name: first["numbers"]["test_noise"][name] for name in paired} == {**paired, "images": 60, "groups": 30}
    assert second["numbers"]["seconds"] > 0
    assert [{**each["numbers"], "seconds": 0} for each in (first, second)] == [{**first["numbers"], "seconds": 0}] * 2
