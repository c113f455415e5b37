"""The pinned requirements: one set of versions, hashed, from nowhere in particular."""

import re
import tomllib

import pytest
from client import PACKAGE_ROOT

REQUIREMENTS = PACKAGE_ROOT / "requirements"


def test_the_package_and_the_light_set_pin_the_same_versions() -> None:
    project = tomllib.loads((PACKAGE_ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == (REQUIREMENTS / "light.in").read_text().split()
    supernets = project["optional-dependencies"]["supernets"]
    assert ["-r light.in", *supernets] == (REQUIREMENTS / "supernets.in").read_text().splitlines()


@pytest.mark.parametrize("name", ["light", "tables", "supernets", "examples", "test", "bench"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    pinned = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert pinned
    assert all(re.match(r"[a-z0-9-]+==[0-9.]+(\.post[0-9]+)?( ; .*)? \\$", line) for line in pinned)
    assert "--hash=sha256:" in lines[1]
    assert not any("://" in line for line in lines)
