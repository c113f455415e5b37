"""The reference of evaluator.yaml: every key is in it, and one page of the site is what the command prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from client import PACKAGE_ROOT

from collm_nas_evaluator import config, reference

DOCS = PACKAGE_ROOT.parent / "docs"
PAGE = DOCS / "reference" / "evaluator.md"


@pytest.mark.torch
def test_every_key_has_its_row() -> None:
    rows = [line for line in reference.text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(config.every_key())
    assert all(row.count(" | ") == 3 and row.endswith(" |") for row in rows)
    assert any(row.startswith("| `checkpoints.ofa-w1.2` | a path | none | Once-for-All") for row in rows)
    assert "| `spos.calibration_images` | a whole number, at least 1 | `25600` |" in reference.text()


@pytest.mark.torch
def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference.text(), f"run: {reference.COMMAND}"


def test_the_site_has_the_page_once() -> None:
    generated = [page for page in DOCS.rglob("*.md") if reference.COMMAND in page.read_text()]
    assert generated == [PAGE]
    navigation = (PACKAGE_ROOT.parent / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)
    assert [page for page in pages if "evaluator" in Path(page).name] == [
        "guides/own-evaluator.md",
        PAGE.relative_to(DOCS).as_posix(),
    ]


@pytest.mark.torch
def test_the_command_prints_the_page() -> None:
    command = [sys.executable, "-m", "collm_nas_evaluator", "reference"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE_ROOT)
    assert ran.stdout == reference.text()
    assert Path(PAGE).name in reference.COMMAND
