"""Counts the processors that this process may use, and chooses how many threads compute a network.

Owns the default number of threads. Knows no network and no library that computes.
"""

import logging
import os
from functools import cache

_logger = logging.getLogger(__name__)
_SET_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What PyTorch takes its number of threads from."""


def usable() -> int:
    """As many as the system has, less those that this process or its container may not use."""
    from loky import cpu_count  # noqa: PLC0415 - tables do without

    count: int = cpu_count()
    return count


@cache
def threads(asked: int | None) -> int | None:
    """How many threads to use: `asked`, or one for each usable processor; None for what the environment says.

    Says once that more than that are no faster.
    """
    if asked is None:
        return None if any(name in os.environ for name in _SET_BY) else usable()
    if asked > usable():
        count = f"{usable()} processor{'s' if usable() > 1 else ''}"
        _logger.warning("threads is %d, and this process may use %s: more threads than that only wait", asked, count)
    return asked
