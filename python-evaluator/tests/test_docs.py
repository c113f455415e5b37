"""The examples of the pages on Python, run as they are."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from client import PACKAGE_ROOT

ROOT = Path(__file__).parents[2]


@pytest.mark.torch
def test_the_example_runs_in_the_root_of_a_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/reference/python.md").read_text()
    [example] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(example, "docs/reference/python.md", "exec"), {})
    cost, shape = capsys.readouterr().out.splitlines()
    assert cost == "{'macs_m': 0.99248, 'params_m': 0.156882}"
    assert shape == "torch.Size([2, 10])"


DATA = """
import torch
from torch.utils.data import DataLoader, TensorDataset

pictures, labels = torch.randn(160, 3, 32, 32), torch.arange(160) % 10
train_loader = DataLoader(TensorDataset(pictures[:80], labels[:80]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(pictures[80:], labels[80:]), batch_size=40)
"""


@pytest.mark.torch
def test_the_supernet_of_the_guide_is_searched(tmp_path: Path) -> None:
    page = (ROOT / "docs/guides/own-supernet.md").read_text()
    for name, text in re.findall(r'^```python title="(.*?)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text)
    (tmp_path / "my_data.py").write_text(DATA)
    prepare = "import torch, my_module; torch.save(my_module.Net().state_dict(), 'mine.pth')"
    (tmp_path / "prepare.py").write_text(prepare)
    for program in ("prepare.py", "search.py"):
        ran = subprocess.run(
            [sys.executable, program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), "XDG_CACHE_HOME": str(tmp_path)},
        )
        assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"\{'op': \[.*\]\} [0-9.]+\n", ran.stdout), ran.stdout


def test_the_scripts_of_the_guide_run_one_after_the_other(tmp_path: Path) -> None:
    page = (ROOT / "docs/guides/python.md").read_text()
    said = {}
    for name, script in re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL):
        if "import optuna" in script and importlib.util.find_spec("optuna") is None:
            continue
        (tmp_path / name).write_text(script)
        done = subprocess.run([sys.executable, name], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout
    assert re.fullmatch(
        r"\{'kernel': \[\d, \d, \d\], 'width': \d\d\} \d\d\.\d+ \{'params_m': 0\.\d+\}\n", said["search.py"]
    )
    assert said["loss.py"].startswith("{'loss': 0.125, 'top5': 90")
    assert said["noise.py"].startswith("92.0 {'accuracy': 0.15")
    assert "40 40" in said["read.py"]
    assert "every decision came out as recorded" in said["read.py"]
    assert "<svg" in (tmp_path / "report.html").read_text()
    if "studies.py" in said:
        known, new, best = re.fullmatch(r"(\d+) known and (\d+) new; best (\d+\.\d+)\n", said["studies.py"]).groups()  # type: ignore[union-attr]
        assert 10 <= int(known) <= 15
        assert new == "10"
        assert 65 < float(best) <= 73
