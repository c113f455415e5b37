"""The notebooks in examples/, run as scripts from another folder: what they print is right."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from client import PACKAGE_ROOT

import collm_nas as nas

EXAMPLES = PACKAGE_ROOT.parent / "examples"


def printed(name: str, folder: Path, *flags: str, **environment: str) -> str:
    """What an example prints on standard output. Its temporary files are in the folder."""
    (folder / "here").mkdir()
    (folder / "temporary").mkdir()
    own = {"TMPDIR": str(folder / "temporary"), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", **environment}
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *flags],
        cwd=folder / "here",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **own},
    )
    assert ran.returncode == 0, ran.stderr
    assert "Warning" not in ran.stderr
    return ran.stdout


def found(pattern: str, text: str) -> list[str]:
    """The groups of a pattern that is in the text once."""
    (match,) = re.finditer(pattern, text)
    return list(match.groups())


@pytest.mark.parametrize("name", ["own_function.py", "digits_supernet.py", "compare_optuna.py"])
def test_an_example_is_a_notebook_that_says_what_to_install(name: str) -> None:
    cells = re.split(r"^# %%", (EXAMPLES / name).read_text(), flags=re.MULTILINE)
    assert len(cells) > 8
    assert cells[0] == ""
    assert re.search(r'^#     pip install "collm-nas\[[a-z,]+\]" scikit-learn$', cells[1], re.MULTILINE)


@pytest.mark.long
def test_a_function_of_ones_own(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    text = printed("own_function.py", tmp_path, "--budget", "12")
    [folder] = found(r"report  (.*)/report\.html", text)
    result = nas.open_run(Path(folder) / "run")
    assert result.best is not None
    assert result.best.test is not None
    wanted = [f"{result.best.value:.2f}", f"{result.best.test['accuracy']:.2f}", f"{result.best.costs['params']:,.0f}"]
    assert found(r"([\d.]+) % on validation, ([\d.]+) % on test, ([\d,]+) parameters", text) == wanted
    assert result.best.value > 90
    assert result.best.test["accuracy"] > 85
    assert 0 < result.best.costs["params"] <= 6_000
    assert [str(len(result.failures)), "12"] == found(r"(\d+) of (\d+) failed", text)
    [first] = found(r"depth activation  step\n *([\d.]+) ", text)
    assert float(first) == pytest.approx(result.best.value)
    assert "again   the same" in text
    assert (Path(folder) / "trace.png").stat().st_size > 10_000
    assert "<svg" in (Path(folder) / "report.html").read_text()


@pytest.mark.torch
@pytest.mark.long
def test_a_supernet_of_digits(tmp_path: Path) -> None:
    text = printed("digits_supernet.py", tmp_path, "--steps", "150", "--budget", "6", XDG_CACHE_HOME=str(tmp_path))
    assert "tell searchers apart" in text
    assert "cannot be searched" not in text
    assert "shared weights: subnets use the supernet's memory" in text
    val, test = map(float, found(r"([\d.]+) % on validation, ([\d.]+) % on test", text))
    assert val > 60
    assert test > 60
    [flops_m] = found(r"([\d.]+) million multiply-adds", text)
    assert float(flops_m) <= 0.1


@pytest.mark.long
def test_our_searchers_beside_optuna(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    optuna = pytest.importorskip("optuna")
    text = printed("compare_optuna.py", tmp_path, "--seeds", "2", "--budget", "8")
    rows = re.findall(r"^  (\w[\w ]*?) +([\d.]+) %   worst ([\d.]+), best ([\d.]+)", text, re.MULTILINE)
    means = {name: float(mean) for name, mean, _, _ in rows}
    assert sorted(means) == ["TPE independent", "TPE multivariate", "random", "rules", "surrogate"]
    assert list(means.values()) == sorted(means.values(), reverse=True)
    [folder] = found(r"report  (.*)/report\.html", text)
    for searcher in ("rules", "random", "surrogate"):
        runs = [nas.open_run(Path(folder) / "bench" / f"{searcher}-{seed}") for seed in (0, 1)]
        assert [run.spend["evaluations"] for run in runs] == [8, 8]
        values = [run.best.value for run in runs if run.best is not None]
        assert means[searcher] == pytest.approx(sum(values) / 2, abs=0.006)
        assert [(low, high) for name, _, low, high in rows if name == searcher] == [
            (f"{min(values):.2f}", f"{max(values):.2f}")
        ]
    differences = re.findall(r"^  (\w+) +([-+][\d.]+)     \[(\S+), (\S+)\]  (.*)$", text, re.MULTILINE)
    assert len(differences) == 6
    for place, (name, mean, low, high, verdict) in enumerate(differences):
        reference = "TPE multivariate" if place < 3 else "TPE independent"
        assert float(mean) == pytest.approx(means[name] - means[reference], abs=0.011)
        shown = "better" if float(low) > 0 else "worse" if float(high) < 0 else "no difference shown"
        assert verdict == shown
    [value, storage] = found(r"study   rules-0 ([\d.]+) in (\S+)", text)
    study = optuna.load_study(study_name="rules-0", storage=storage)
    assert (f"{study.best_value:.2f}", len(study.trials)) == (value, 8)
    [warm] = found(r"another 8 that begin with it: ([\d.]+) %", text)
    assert float(warm) >= float(value)
