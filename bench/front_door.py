"""`front_door.py` measures the way in from Python: how soon a search begins, what it adds, how much memory it takes.

Each row is printed as a JSON line with `what`, `measured` and `aim`; progress goes to standard error. It only measures:
no time makes it fail. bench.mjs runs it and shows the rows.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import collm_nas as nas

REPEATS = 5
EVALUATIONS = 100_000
SPACE = nas.Space(kernel=nas.slots([1, 3, 5, 7], 12), width=nas.choice([16, 24, 32]), name="bench")


def score(arch: nas.Architecture) -> float:
    return float(sum(arch["kernel"]) + arch["width"])


def slow(arch: nas.Architecture) -> float:
    time.sleep(1.0)
    return score(arch)


def searched(**more: Any) -> nas.Result:
    return nas.search(SPACE, **{"score": score, "searcher": "random", "show_progress": False, **more})


def row(what: str, measured: str, aim: str) -> None:
    sys.stdout.write(json.dumps({"what": what, "measured": measured, "aim": aim}) + "\n")
    sys.stdout.flush()


def imported() -> float:
    """Seconds that a new Python takes longer when it imports the package."""

    def of(program: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        return time.perf_counter() - begin

    return statistics.median(of("import collm_nas; collm_nas.Space") - of("pass") for _ in range(REPEATS))


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main(folder: Path) -> None:
    row("import collm_nas, above a bare Python", f"{imported() * 1000:.0f} ms", "under 300 ms")
    firsts, wholes = [], []
    for number in range(REPEATS):
        asked: list[float] = []

        def first(arch: nas.Architecture, asked: list[float] = asked) -> float:
            asked.append(time.perf_counter())
            return score(arch)

        begin = time.perf_counter()
        searched(score=first, budget=100, out=folder / f"short-{number}", searcher="rules")
        wholes.append(time.perf_counter() - begin)
        firsts.append(asked[0] - begin)
    row("from the call of search to the first score, median of 5", f"{statistics.median(firsts):.2f} s", "under 1.5 s")
    row("a search of 100 instant scores, median of 5", f"{statistics.median(wholes):.2f} s", "under 4 s")
    begin = time.perf_counter()
    searched(score=slow, budget=40, workers=2, out=folder / "slow")
    share = 40 / 2 / (time.perf_counter() - begin)
    row("40 scores of 1 s with workers=2: share of the time that is spent in them", f"{share:.2f}", "at least 0.9")
    before = resident_mb()
    begin = time.perf_counter()
    result = searched(budget=EVALUATIONS, out=folder / "long")
    seconds = time.perf_counter() - begin
    grown = resident_mb() - before
    row(f"{result.spend['evaluations']:,} instant scores", f"{seconds:.0f} s", "")
    row("resident memory that this adds on the Python side", f"{grown:.1f} MB", "at most 50 MB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
