"""The command that a message names for what is missing fits the way in which the evaluator was installed."""

import sys
from pathlib import Path

import pytest

from collm_nas_evaluator import errors


@pytest.mark.parametrize(
    ("scripts", "stamp", "command"),
    [
        (True, True, "node scripts/setup.cjs supernet"),
        (False, True, "npx collm-nas setup --supernets"),
        (False, False, 'pip install "collm-nas[supernets]"'),
    ],
)
def test_each_installation_has_its_own_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: bool, stamp: bool, command: str
) -> None:
    monkeypatch.setattr(errors, "_SET_UP", Path(__file__) if scripts else tmp_path / "setup.cjs")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if stamp:
        (tmp_path / ".collm-nas-setup").touch()
    assert str(errors.PackageMissing("torch")) == f"torch is not installed: run `{command}`"
