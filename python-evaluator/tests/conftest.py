"""What the tests share: the published tables where they lie, a whole table of made-up numbers, and a running server."""

import importlib.util
import os
import random
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest
from client import Client
from hypothesis import settings

from collm_nas_evaluator import server
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.cell import CELLS, OPERATIONS, Network
from collm_nas_evaluator.streams import Admission
from collm_nas_evaluator.tables.csv_table import ACCURACIES, DEVICES

# Before PyTorch is loaded: each of the two processes of a run computes with one thread, as small networks are slowest
# when threads wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

HAS_TORCH = importlib.util.find_spec("torch") is not None
WITH_TORCH = {"torch", "torchvision", "cv2", "PIL", "scipy", "sklearn", "nats_bench", "nas_201_api"}
"""The packages that the light suite goes without."""

PUBLISHED = Path(__file__).parents[3] / "shared" / "nasbench201"

LEFT_BEHIND = Path.cwd() / "runs"
"""Where a search writes when nothing says where."""

settings.register_profile("suite", database=None, deadline=None)
settings.register_profile("long", database=None, deadline=None, max_examples=5000)

Rows = list[list[str]]


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if _is_long(config) else "suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long suite runs every property test again, with many more examples."""
    for item in items:
        if _is_long(config) and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("long")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Where PyTorch is not installed, the files that need it, or what comes with it, are skipped."""
    report = yield
    missing = re.search(r"^E\s+ModuleNotFoundError: No module named '(\w+)", str(report.longrepr), re.MULTILINE)
    if report.failed and not HAS_TORCH and missing and missing[1] in WITH_TORCH:
        report.outcome = "skipped"
        report.longrepr = (report.nodeid, 0, f"Skipped: {missing[1]} is not installed")
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not HAS_TORCH and item.get_closest_marker("torch"):
        pytest.skip("PyTorch is not installed")


def _is_long(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "long")


@pytest.fixture(autouse=True)
def _tidy() -> Iterator[None]:
    """A test leaves no run in the working folder: its searches name a folder under `tmp_path` as `out`."""
    before = set(LEFT_BEHIND.glob("*"))
    yield
    assert set(LEFT_BEHIND.glob("*")) <= before, f"a test searched without out=; remove {LEFT_BEHIND}"


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of the published tables. They are not part of the project."""
    if not PUBLISHED.is_dir():
        pytest.skip(f"the published tables are not in {PUBLISHED}")
    return PUBLISHED


@pytest.fixture(scope="session")
def _whole_table() -> Rows:
    source = random.Random(201)
    header = ["index", "arch", *ACCURACIES, "flops_m_32", "flops_m_16", "params_m"]
    indices = source.sample(range(CELLS), CELLS)
    rows = []
    for index, choices in zip(indices, product(range(5), repeat=6), strict=True):
        tokens = [OPERATIONS[choice] for choice in choices]
        arch = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*tokens)
        accuracies = [f"{source.uniform(10, 95):.4f}" for _ in ACCURACIES]
        counted = [
            Network(32, 10).flops_m(choices),
            Network(16, 120).flops_m(choices),
            Network(32, 10).params_m(choices),
        ]
        rows.append([str(index), arch, *accuracies, *map(str, counted)])
    return [header, *rows]


@pytest.fixture
def table_rows(_whole_table: Rows) -> Rows:
    """A complete table of made-up accuracies as rows of text, the header first; a test may change it."""
    return [list(row) for row in _whole_table]


@pytest.fixture
def latency_rows() -> Rows:
    """Made-up latencies of every cell as rows of text, the header first."""
    return [["index", *DEVICES], *([str(index), *(str(index + at + 1) for at in range(7))] for index in range(CELLS))]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Rows], Path]:
    """Writes rows as a CSV file."""

    def write_rows(name: str, rows: Rows) -> Path:
        path = tmp_path / name
        path.write_text("".join(",".join(row) + "\n" for row in rows))
        return path

    return write_rows


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Starts servers on free ports and answers with a client of each; all are stopped after the test."""
    started: list[tuple[server.RunningServer, Client]] = []

    def start(
        entries: Sequence[server.Entry], heartbeat_seconds: float = 10.0, admission: Admission | None = None
    ) -> Client:
        running = server.start(entries, Address("127.0.0.1", 0), heartbeat_seconds, admission)
        client = Client(running.address)
        started.append((running, client))
        return client

    yield start
    for running, client in started:
        client.close()
        running.stop()
