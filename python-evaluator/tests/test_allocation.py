"""A serving process keeps its memory, and every process waits without spinning, unless its environment differs."""

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path
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
    assert (serving["waiting"], other["waiting"], configured["waiting"]) == ("passive", "passive", "active")
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


def test_elsewhere_than_on_glibc_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())  # of macOS or musl, which have no mallopt
    assert allocation.settle_memory() == []


PROBE = """
import os, sys
sys.stderr.write(f"waiting: {os.environ.get('OMP_WAIT_POLICY')}")
sys.stderr.flush()
os._exit(0)
"""
FRONT_DOOR = "import collm_nas as nas; nas.check_supernet(object())"
EVALUATOR = ["-m", "collm_nas_evaluator"]
ENTRIES = {
    "serve": [*EVALUATOR, "serve", "--config", "evaluator.yaml"],
    "cache-images": [*EVALUATOR, "cache-images", "--config", "evaluator.yaml"],
    "check": [*EVALUATOR, "check", "nowhere:Mine"],
    "retrain": [*EVALUATOR, "retrain", '{"op":[0]}', "--train=x", "--val=x", "--folder=x"],
    "front door": ["-c", FRONT_DOOR],
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_waiting_is_settled_before_pytorch_is_loaded(entry: str, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(PROBE)  # what is loaded in its place says how it finds the environment
    (tmp_path / "evaluator.yaml").write_text("checkpoints: {spos: nothing}")
    assert said_by(ENTRIES[entry], tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{PACKAGE_ROOT}") == "waiting: passive"


@pytest.mark.torch
@pytest.mark.skipif(sys.platform != "linux", reason="needs GNU's OpenMP, which says how long its threads spin")
def test_the_threads_of_pytorch_do_not_spin(tmp_path: Path) -> None:
    said = said_by(["-c", FRONT_DOOR], tmp_path, PYTHONPATH=str(PACKAGE_ROOT), OMP_DISPLAY_ENV="verbose")
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", said)) == {"0"}


def said_by(arguments: list[str], folder: Path, **environment: str) -> str:
    """What a Python process writes to standard error."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS, cwd=folder, env=kept | environment,
    ).stderr  # fmt: skip
