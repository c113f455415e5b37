"""A search in the kernel of a notebook: its bar, its interruption, and a restart in the middle."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

jupyter = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")

pytestmark = pytest.mark.filterwarnings("default")
"""What Jupyter's own packages warn of is theirs."""

PREPARE = """
import time, collm_nas as nas
space = nas.Space(kernel=nas.slots([1, 3, 5], 3), name="kernels")
asked = []
def score(arch):
    asked.append(arch)
    if len(asked) == {stop}:
        print("waiting", flush=True)
        time.sleep(600)
    return float(sum(arch["kernel"]))
def find():
    result = nas.search(space, score, budget=8, searcher="random", out={out!r})
    print("found", result.spend["evaluations"], len(asked))
    return result
"""


class Notebook:
    """A kernel and its client."""

    def __init__(self) -> None:
        self.manager, self.client = jupyter.start_new_kernel(kernel_name="python3")
        self._asked = ""

    def run(self, cell: str, *, until: str | None = None) -> str:
        """What a cell prints and shows, up to its end, or to `until`."""
        self._asked = self.client.execute(textwrap.dedent(cell))
        return self.rest(until=until)

    def rest(self, *, until: str | None = None) -> str:
        """What the running cell still prints and shows."""
        said = ""
        while until is None or until not in said:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != self._asked:
                continue
            content = message["content"]
            said += str(content.get("text", "")) + "\n".join(content.get("traceback", []))
            said += str(content.get("data", {}).get("text/plain", ""))
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        return said

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    opened = Notebook()
    yield opened
    opened.close()


@pytest.mark.long
def test_a_notebook_shows_a_bar_and_is_interrupted_and_goes_on(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(PREPARE.format(stop=4, out=str(tmp_path / "run")))
    notebook.run("find()", until="waiting")
    notebook.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in notebook.rest()
    said = notebook.run("find()")
    assert "found 8 9" in said  # the one that was interrupted is asked for again
    assert "8/8" in said
    assert "best accuracy 1" in said
    assert "<Result of 8 evaluations" in said


@pytest.mark.long
def test_after_a_restart_the_same_call_goes_on(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(PREPARE.format(stop=4, out=str(tmp_path / "run")))
    notebook.run("find()", until="waiting")
    journal = tmp_path / "run/journal.jsonl"
    wait_until(lambda: journal.read_text().count('"architecture-measured"') == 3)
    notebook.manager.restart_kernel(now=True)
    notebook.client.wait_for_ready(timeout=60)
    wait_until(lambda: not list((tmp_path / "run").glob("*lock*")))
    notebook.run(PREPARE.format(stop=0, out=str(tmp_path / "run")))
    assert "found 8 5" in notebook.run("find()")
