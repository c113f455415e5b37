"""Waits for what another process or thread brings about."""

import time
from collections.abc import Callable


def wait_until(is_so: Callable[[], bool]) -> None:
    """Returns as soon as it is so; fails after 20 s."""
    for _ in range(1_000):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come about in 20 s")
