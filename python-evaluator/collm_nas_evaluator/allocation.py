"""Sets how this process gets memory and how its threads wait, before PyTorch is loaded.

Owns three settings of glibc and one of OpenMP. What the environment sets has priority. Without glibc there is only the
one of OpenMP. Knows no tensor.
"""

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Setting:
    variable: str
    tunable: str
    number: int
    """Of mallopt, as malloc.h has it."""
    value: int


_SETTINGS = (
    # Each call is evaluated in its own thread. The next thread must be able to use the memory that it has freed.
    _Setting("MALLOC_ARENA_MAX", "glibc.malloc.arena_max", -8, 1),
    # Freed memory stays with the process. Otherwise every layer's output is returned and requested again, page by page:
    # half of the time of a calibration. In return the peak is about 1.4 times as high.
    _Setting("MALLOC_MMAP_MAX_", "glibc.malloc.mmap_max", -4, 0),
    _Setting("MALLOC_TRIM_THRESHOLD_", "glibc.malloc.trim_threshold", -1, -1),
)
WAITING = {"OMP_WAIT_POLICY": "passive"}
"""Threads that wait for work by spinning take the processors from those that do it."""


def settle_waiting() -> None:
    """Sets how threads wait, here and in processes that this one starts, unless the environment does.

    It has an effect on this process if PyTorch is not loaded yet.
    """
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)


def settle_memory() -> list[str]:
    """Sets what the environment does not; returns the names of what was set. No thread may have been started yet."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return []
    return [each.variable for each in unset(os.environ) if mallopt(each.number, each.value) == 1]


def unset(environment: Mapping[str, str]) -> list[_Setting]:
    """The settings of glibc about which an environment says nothing."""
    tuned = {each.partition("=")[0] for each in environment.get("GLIBC_TUNABLES", "").split(":")}
    return [each for each in _SETTINGS if each.variable not in environment and each.tunable not in tuned]
