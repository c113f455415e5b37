"""A serving process keeps its memory and waits without spinning in every thread, unless its environment differs."""

import ctypes
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from client import PACKAGE_ROOT, PATIENCE_SECONDS

from collm_nas_evaluator import allocation

MEASURE = """
import json, os, resource, sys, threading
from collm_nas_evaluator.__main__ import main

code = main([sys.argv[1], "--config", "nowhere.yaml"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    for _ in range(2):
        bytearray(48 << 20)  # more than is ever kept by itself
        [bytearray(20 << 20) for _ in range(4)]  # more than the memory of a thread keeps

for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
torch = "torch" in sys.modules
print(json.dumps({"code": code, "faults": faults, "waiting": os.environ.get("OMP_WAIT_POLICY"), "torch": torch}))
"""
VARIABLES = ["MALLOC_ARENA_MAX", "MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"]
OURS = {*VARIABLES, "OMP_WAIT_POLICY", "GLIBC_TUNABLES"}


def measured(command: str, **environment: str) -> dict[str, Any]:
    """What became of large blocks that threads of a process take and free in turn, once it has begun a command."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, command],
        capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS, cwd=PACKAGE_ROOT, env=kept | environment,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(ran.stdout)
    assert answer["code"] == 2
    return answer


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_a_serving_process_gets_its_pages_once_unless_the_environment_says_otherwise() -> None:
    serving, other = measured("serve"), measured("spaces")
    configured = measured("serve", MALLOC_MMAP_MAX_="65536", MALLOC_TRIM_THRESHOLD_="131072", OMP_WAIT_POLICY="active")
    assert serving["faults"] < min(other["faults"], configured["faults"]) / 3
    assert (serving["waiting"], other["waiting"], configured["waiting"]) == ("passive", None, "active")
    assert not serving["torch"]


@pytest.mark.parametrize(
    ("environment", "left"),
    [
        ({}, VARIABLES),
        ({"MALLOC_ARENA_MAX": "4"}, VARIABLES[1:]),
        ({"MALLOC_TRIM_THRESHOLD_": ""}, VARIABLES[:2]),
        ({"GLIBC_TUNABLES": "glibc.malloc.arena_max=2:glibc.malloc.mmap_max=9"}, VARIABLES[2:]),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}, VARIABLES),
    ],
)
def test_a_setting_of_the_environment_is_kept(environment: dict[str, str], left: list[str]) -> None:
    assert [each.variable for each in allocation.unset(environment)] == left


def test_elsewhere_than_on_glibc_only_the_waiting_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())  # of macOS or musl, which have no mallopt
    monkeypatch.setenv("OMP_WAIT_POLICY", "")
    assert allocation.settle() == []
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert allocation.settle() == ["OMP_WAIT_POLICY"]
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
