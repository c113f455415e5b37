"""The real Python evaluator, made slow: each evaluation takes SLOW_SECONDS longer, and is announced in the middle.

Started like the real one, also with `-m collm_nas_evaluator` before the command. Knows no table: it only waits.
"""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "python-evaluator"))

from collm_nas_evaluator.__main__ import main
from collm_nas_evaluator.backends.base import Outcome, Progress
from collm_nas_evaluator.backends.nasbench201 import NasBench201
from collm_nas_evaluator.space import Architecture

_seconds = float(os.environ["SLOW_SECONDS"])
_at_once = NasBench201.evaluate


def _slowly(
    self: NasBench201, architectures: Sequence[Architecture], split: str, stop: threading.Event
) -> Iterator[Outcome | Progress]:
    for answer in _at_once(self, architectures, split, stop):
        if stop.wait(_seconds / 2):
            return
        yield Progress(answer.index, 0.5, "half of it")
        if stop.wait(_seconds / 2):
            return
        yield answer


NasBench201.evaluate = _slowly  # type: ignore[method-assign]
arguments = sys.argv[1:]
sys.exit(main(arguments[2:] if arguments[:1] == ["-m"] else arguments))
