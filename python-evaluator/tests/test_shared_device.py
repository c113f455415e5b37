"""Several clients of one device: the same numbers as alone, all in one thread; and how many threads compute."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import slimmable
import torch
from client import Client, process
from slimmable import Slimmable, batches
from torch import Tensor, nn

from collm_nas.supernet import Options, backend_of
from collm_nas.supernet_backend import OwnSupernetBackend
from collm_nas_evaluator import processors
from collm_nas_evaluator.backends.network import Scores
from collm_nas_evaluator.contract import evaluator_pb2 as pb
from collm_nas_evaluator.scoring import Device

PLAIN = Options(val=batches(), calibrate=batches(120, 40, 1), store=False)


class Watched(Slimmable):
    """Remembers which thread passes inputs through its networks, and with how many threads it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[int, int]] = []

    def subnet(self, arch: dict[str, Any]) -> nn.Module:
        network = super().subnet(arch)
        network.register_forward_pre_hook(self._note)
        return network

    def _note(self, _network: nn.Module, _inputs: tuple[Tensor, ...]) -> None:
        self.passes.append((threading.get_ident(), torch.get_num_threads()))


def metrics_of(client: Client, backend: OwnSupernetBackend, texts: list[str]) -> list[dict[str, float]]:
    space = backend.describe()
    answers: Iterator[pb.EvaluateResponse] = client.evaluate(space.id, space.digest, texts)
    outcomes = [each.outcome for each in answers if each.HasField("outcome")]
    return [dict(each.measurement.metrics) for each in outcomes]


def test_clients_at_the_same_time_get_the_numbers_of_one_and_one_thread_computes_all(
    serve: Callable[..., Client],
) -> None:
    supernet = Watched()
    shared, alone = backend_of(supernet, PLAIN), backend_of(Slimmable(), PLAIN)
    drawn = alone.sample(4)
    expected = []
    for each in drawn:  # in this thread, without turns
        *_, scores = alone.scores(alone.network(each), "search", threading.Event())
        assert isinstance(scores, Scores)
        expected.append(scores.metrics)
    client = serve([shared])
    supernet.passes.clear()
    texts = [each.text for each in drawn]
    with ThreadPoolExecutor(3) as clients:
        answers = list(clients.map(lambda _: metrics_of(client, shared, texts), range(3)))
    assert answers == [expected] * 3
    [(thread, _)] = set(supernet.passes)
    assert [each.name for each in threading.enumerate() if each.ident == thread] == ["device cpu"]


def test_a_network_is_computed_with_as_many_threads_as_asked_for_or_as_the_process_has() -> None:
    here = torch.get_num_threads()
    for threads, expected in ((here + 1, here + 1), (None, here)):
        supernet = Watched()
        backend = backend_of(supernet, replace(PLAIN, val=batches(40), calibrate=False, threads=threads))
        supernet.passes.clear()
        *_, _ = backend.evaluate(backend.sample(1), "search", threading.Event())
        assert {threads for _, threads in supernet.passes} == {expected}
        assert torch.get_num_threads() == here


def test_costs_of_shared_modules_are_counted_between_evaluations() -> None:
    backend = backend_of(Slimmable(), PLAIN)
    backend._shares_modules = True
    where = []

    def counted() -> None:
        where.append(threading.current_thread().name)
        backend.counted(backend.sample(1)[0])

    reached, stop = threading.Event(), threading.Event()

    def busy() -> Iterator[int]:
        reached.set()
        while not stop.is_set():
            yield 1

    evaluating = threading.Thread(target=lambda: list(backend.on_device(busy, stop)))
    evaluating.start()
    assert reached.wait(20)
    counting = threading.Thread(target=counted, name="asks")
    counting.start()
    counting.join(0.3)
    assert counting.is_alive()
    stop.set()
    counting.join(20)
    evaluating.join(20)
    assert not counting.is_alive()
    assert where == ["asks"]


def test_devices_of_one_name_share_their_turns() -> None:
    assert Device("cpu").turns is Device("cpu", threads=3).turns


def test_the_usable_processors_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    processors.threads.cache_clear()
    assert processors.threads(None) == processors.usable() >= 1
    assert processors.usable() <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    processors.threads.cache_clear()
    assert processors.threads(None) is None


def test_more_threads_than_processors_are_accepted_and_said_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        f"import sys\nsys.path.append({str(Path(__file__).parent)!r})\nfrom made import Mine\n"
    )
    (tmp_path / "made.py").write_text(
        "import slimmable\n"
        "class Mine(slimmable.Slimmable):\n"
        "    val, calibrate = slimmable.batches(), slimmable.batches(120, 40, 1)\n"
    )
    config = tmp_path / "evaluator.yaml"
    config.write_text("supernet: {class: 'mine:Mine'}\nthreads: 999\nanalognas: false\ncache_dir: cache\n")
    with process("--config", str(config)) as (server, ready):
        client = Client(ready["listening"])
        space = client.describe("slimmable")
        text = slimmable.space().parsed({"kernel": [5, 3], "width": [8, 12]}).text
        *_, last = client.evaluate(space.id, space.digest, [text])
        assert last.outcome.measurement.metrics["accuracy"] > 0
        client.close()
        server.terminate()
        said = server.stderr.read()
        assert server.wait(20) == 0
    assert len(re.findall(r"threads is 999, and this process may use \d+ processors?: more .* only wait\n", said)) == 1
