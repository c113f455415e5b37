"""Searchers compared from Python, and a run drawn: real runs, the real report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import collm_nas as nas
from collm_nas import drawing

SPACE = nas.Space(kernel=nas.slots([1, 3, 5], 4), width=nas.choice([16, 24, 32]), name="kernels")


def score(arch: nas.Architecture) -> float:
    return float(50 + sum(arch["kernel"]) + arch["width"] / 10)


def benched(folder: Path, **more: Any) -> nas.Bench:
    wanted = {"searchers": ["rules", "random"], "seeds": 2, "budget": 4, "out": folder, **more}
    return nas.bench(SPACE, wanted.pop("score", score), **wanted)


def recorded(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "bench.json").read_text())["combinations"]
    return found


def test_searchers_have_the_same_budget_and_seeds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    asked: list[str] = []

    def counted(arch: nas.Architecture) -> float:
        asked.append(SPACE.text(arch))
        if len(asked) == 6:
            raise KeyboardInterrupt
        return score(arch)

    with pytest.raises(KeyboardInterrupt):
        benched(tmp_path / "b", score=counted, seeds=1)
    assert [each["status"] for each in recorded(tmp_path / "b")] == ["done", "pending"]
    bench = benched(tmp_path / "b", score=counted, seeds=1)
    assert len(asked) == 9  # 2 times 4, and the one that was interrupted
    frame = bench.to_dataframe()
    assert frame[["searcher", "seed", "evaluations"]].to_numpy().tolist() == [["rules", 0, 4], ["random", 0, 4]]
    for run, value in zip(bench.runs, frame["value"], strict=True):
        found = nas.open_run(tmp_path / "b" / f"{run.searcher}-{run.seed}")
        assert found.best.value == value
    said = capfd.readouterr().err.splitlines()
    assert said[-1] == f"run 2 of 2: random, seed 0: accuracy {frame['value'][1]:.6g}"
    wider = benched(tmp_path / "b", score=counted, seeds=2, show_progress=False)
    assert capfd.readouterr().err == ""
    assert len(asked) == 9 + 8
    values = wider.to_dataframe()["value"].tolist()
    assert values[:2] == frame["value"].tolist()
    assert {each["status"] for each in recorded(tmp_path / "b")} == {"done"}
    tables = wider.tables()
    (difference,) = tables["controls-search-kernels"].to_dict("records")
    assert (difference["search"], difference["against"], difference["pairs"]) == ("rules", "random", 2)
    assert difference["difference"] == pytest.approx((values[0] - values[1] + values[2] - values[3]) / 2)
    assert "<svg" in wider.report(tmp_path / "bench.html").read_text()


def test_a_bench_of_the_command_line_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text('{"title": "Another"}')
    with pytest.raises(nas.UsageError, match="holds a bench of the command line"):
        benched(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["bench.json"]


def test_a_run_without_a_winner_is_counted_as_one(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    bench = benched(tmp_path / "b", score=lambda _: 1 / 0, seeds=[3], searchers=["random"])
    (row,) = bench.to_dataframe().to_dict("records")
    assert (row["seed"], row["value"], row["failed"]) == (3, None, 4)
    assert bench.runs[0].result.winner is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"searchers": "rules"}, r"searchers is the text 'rules'"),
        ({"seeds": 0}, "at least one"),
        ({"seeds": [1, 1]}, "each once"),
        ({"seed": 1}, "seed= is one run's; a bench takes seeds="),
        ({"searchers": ["rule"]}, "did you mean .rules"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_scored(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    def never(_: Any) -> float:
        raise AssertionError("scored")

    with pytest.raises(nas.UsageError, match=words):
        benched(tmp_path / "b", score=never, **more)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages that an old matplotlib uses
def test_a_run_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("agg")

    def fragile(arch: nas.Architecture) -> float:
        return float("nan") if arch["kernel"][0] == 1 else score(arch)

    objective = nas.Metric("top1", "percent")
    more: dict[str, Any] = {"searcher": "random", "budget": 20, "out": tmp_path / "run", "show_progress": False}
    result = nas.search(SPACE, fragile, objective=objective, **more)
    ax = result.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("evaluations", "top1 (percent)")
    drawn, lines = _drawn(ax)
    evaluated = list(enumerate((each for each in result.candidates() if each.verdict == "accepted"), 1))
    assert drawn["evaluation"] == [(x, each.value) for x, each in evaluated if each.value is not None]
    assert [x for x, _ in drawn["failed"]] == [x for x, each in evaluated if each.failure is not None] != []
    assert lines["best so far"].get_ydata()[-1] == result.best.value
    assert lines["budget"].get_xdata()[0] == 20
    figure: Any = ax.figure
    figure.savefig(tmp_path / "trace.png")
    first = next(each for _, each in evaluated if each.value is not None)
    axes = drawing.trace([first, replace(first, is_over_limit=True)], [1.0], budget=2, objective="x", title="y", ax=ax)
    assert _drawn(axes)[0]["over a limit"] == [(2, first.value)]


def _drawn(ax: Any) -> tuple[dict[str, list[tuple[float, float]]], dict[str, Any]]:
    """The points of each cloud, and the lines, by their labels."""
    clouds = {each.get_label(): [tuple(point) for point in each.get_offsets()] for each in ax.collections}
    return clouds, {each.get_label(): each for each in ax.lines}
