"""The example of the page on Python, run as it is."""

import re
from pathlib import Path

import pytest

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
    assert cost == "{'macs_m': 0.526192, 'params_m': 0.204842}"
    assert shape == "torch.Size([2, 10])"
