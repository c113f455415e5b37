"""The examples of the pages on Python, run as they are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_example_runs_in_the_root_of_a_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/reference/python.md").read_text()
    [example] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(compile(example, "docs/reference/python.md", "exec"), {})
    cost, shape = capsys.readouterr().out.splitlines()
    assert cost == "{'macs_m': 0.526192, 'params_m': 0.204842}"
    assert shape == "torch.Size([2, 10])"


def test_the_scripts_of_the_guide_run_one_after_the_other(tmp_path: Path) -> None:
    page = (ROOT / "docs/guides/python.md").read_text()
    said = {}
    for name, script in re.findall(r'^```python title="([^"]+)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(script)
        done = subprocess.run([sys.executable, name], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout
    assert re.fullmatch(
        r"\{'kernel': \[\d, \d, \d\], 'width': \d\d\} \d\d\.\d+ \{'params_m': 0\.\d+\}\n", said["search.py"]
    )
    assert said["loss.py"].startswith("{'loss': 0.125, 'top5': 90")
    assert "40 40" in said["read.py"]
    assert "every decision came out as recorded" in said["read.py"]
    assert "<svg" in (tmp_path / "report.html").read_text()
