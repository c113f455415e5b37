"""The contract over a real port: what is answered, every status, and that the server continues after each."""

import dataclasses
import json
import logging
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import grpc
import numpy as np
import pytest
from client import PATIENCE_SECONDS, SERVICE, Client, status_of
from grpc_health.v1 import health_pb2, health_pb2_grpc

from collm_nas_evaluator import server
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.backends.base import (
    ArchitectureCost,
    Failure,
    FailureKind,
    Measurement,
    Outcome,
    Progress,
    Unavailable,
)
from collm_nas_evaluator.backends.nasbench201 import NasBench201, Numbers
from collm_nas_evaluator.cell import CELLS, OPERATIONS, Network
from collm_nas_evaluator.contract import evaluator_pb2 as pb
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.space import Architecture, Metric, Space, Split
from collm_nas_evaluator.streams import FOR_ONE_MACHINE, MOST_WAITING, Admission, Bounds

Serve = Callable[..., Client]
TEXTS = ["|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*cell) for cell in product(OPERATIONS, repeat=6)]
ACCURACIES = np.linspace(0, 100, CELLS)


@pytest.fixture
def table() -> NasBench201:
    numbers = Numbers(Network(32, 10), {"search": ACCURACIES, "test": ACCURACIES / 2}, "made up")
    return NasBench201("cells", "cells of today", numbers, {"search": "some", "test": "others"})


@pytest.fixture
def client(serve: Serve, table: NasBench201) -> Client:
    return serve([table, Unavailable("gone", "cells of old", "the file is lost; look for it")])


@pytest.fixture
def digest(table: NasBench201) -> str:
    return table.describe().digest


def until(is_so: Callable[[], bool]) -> None:
    """Waits until something has happened in another thread."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _until_an_outcome(call: Iterator[pb.EvaluateResponse]) -> list[pb.EvaluateResponse]:
    """The next answers up to an outcome, which is the last one."""
    answers = [next(call)]
    while not answers[-1].HasField("outcome"):
        answers.append(next(call))
    return answers


class Scripted:
    """A backend that answers as a function says; its architectures are the numbers 0 to 9."""

    def __init__(self, answer: Callable[[threading.Event], Iterator[Outcome | Progress]]) -> None:
        self._answer = answer
        self.asked: list[list[str]] = []
        """The texts of each call of `evaluate`."""
        self._space = Space(
            (Dimension("n", tuple(map(str, range(10))), (Group("", 1),), numeric=True),),
            id="scripted",
            metrics=(Metric("accuracy", "percent", ""),),
            splits=(Split("search", ""),),
            max_batch=10,
        )

    def describe(self) -> Space:
        return self._space

    def cost(self, architecture: Architecture) -> ArchitectureCost:
        return ArchitectureCost({})

    def evaluate(
        self, architectures: Sequence[Architecture], split: str, stop: threading.Event
    ) -> Iterator[Outcome | Progress]:
        self.asked.append([architecture.text for architecture in architectures])
        return self._answer(stop)

    def evaluate_with(self, client: Client, count: int) -> list[pb.EvaluateResponse]:
        return list(client.evaluate("scripted", self._space.digest, [f'{{"n":[{n}]}}' for n in range(count)]))


# ----- Answers -----


def test_every_space_is_listed_with_its_reason_when_it_is_unavailable(client: Client) -> None:
    answer = client.list_spaces()
    assert [(each.id, each.available, each.unavailable_reason) for each in answer.spaces] == [
        ("cells", True, ""),
        ("gone", False, "the file is lost; look for it"),
    ]
    assert [each.summary for each in answer.spaces] == ["cells of today", "cells of old"]
    assert answer.server_version.startswith("collm-nas-evaluator ")


def test_a_space_is_described_completely(client: Client, table: NasBench201) -> None:
    answer = client.describe("cells")
    (dimension,) = answer.dimensions
    assert (dimension.name, list(dimension.choices), dimension.numeric) == ("op", list(OPERATIONS), False)
    assert [(group.name, group.size) for group in dimension.groups] == [("node 1", 1), ("node 2", 2), ("node 3", 3)]
    assert dimension.slot_names[4] == "into node 3 from node 1"
    assert dimension.active_count == ""
    assert answer.template.startswith("|{op[0]}~0|+|")
    assert [(each.name, each.unit, each.higher_is_better) for each in answer.metrics] == [("accuracy", "percent", True)]
    assert [each.name for each in answer.costs] == ["flops_m", "params_m"]
    assert [each.name for each in answer.splits] == ["search", "test"]
    assert (answer.parallelism, answer.max_batch) == (64, 20_000)
    assert answer.provenance == "made up"
    assert answer.digest == table.describe().digest


def test_what_models_are_shown_names_no_benchmark_and_no_data_set(client: Client) -> None:
    space = client.describe("cells")
    meanings = [
        *(each.meaning for each in space.dimensions),
        *(each.meaning for each in space.metrics),
        *(each.meaning for each in space.costs),
        *(each.meaning for each in space.splits),
    ]
    shown = " ".join([space.summary, *meanings]).lower()
    assert all(meanings)
    for word in ("nas", "bench", "cifar", "imagenet", "201", "nats", "made up"):
        assert word not in shown


def test_costs_come_in_order_with_the_same_key_for_the_same_function(client: Client, digest: str) -> None:
    same = [
        "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
    ]
    answers = client.cost("cells", digest, [*same, TEXTS[0], same[0]])
    assert [each.architecture for each in answers] == [*same, TEXTS[0], same[0]]
    assert dict(answers[0].costs) == {"flops_m": 43.17249, "params_m": 0.316346}
    keys = [each.equivalence_key for each in answers]
    assert keys[0] == keys[1] == keys[3] != keys[2] != ""


@pytest.mark.parametrize(("split", "share"), [("search", 1), ("test", 0.5)])
def test_every_architecture_of_a_batch_is_measured_once(client: Client, digest: str, split: str, share: float) -> None:
    texts = TEXTS[::-5]
    answers = [each.outcome for each in client.evaluate("cells", digest, texts, split)]
    assert sorted(each.index for each in answers) == list(range(len(texts)))
    for each in answers:
        assert each.architecture == texts[each.index]
        assert dict(each.measurement.metrics) == {"accuracy": ACCURACIES[::-5][each.index] * share}


def test_failures_and_progress_are_passed_on(serve: Serve) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Progress(1, 0.5, "half of it")
        for index, kind in enumerate(FailureKind):
            yield Outcome(index, Failure(kind, f"because of {kind.value}"))
        yield Outcome(4, Measurement({"accuracy": 1.5}, 2.5))

    backend = Scripted(answer)
    progress, *outcomes = backend.evaluate_with(serve([backend]), 5)
    assert (progress.progress.index, progress.progress.fraction, progress.progress.note) == (1, 0.5, "half of it")
    failures = [each.outcome.failure for each in outcomes[:4]]
    kinds = [pb.OUT_OF_MEMORY, pb.NOT_FINITE, pb.OUT_OF_RANGE, pb.CRASHED]
    assert [failure.kind for failure in failures] == kinds
    assert failures[0].message == "because of OUT_OF_MEMORY"
    assert outcomes[4].outcome.measurement.seconds == 2.5


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({"accuracy": -0.5}, "the standard error of accuracy is -0.5; it must be finite and not negative"),
        ({"accuracy": float("nan")}, "the standard error of accuracy is nan; it must be finite and not negative"),
        ({"accuracy": float("inf")}, "the standard error of accuracy is inf; it must be finite and not negative"),
        ({"top5": 0.5}, "a standard error is for 'top5', which is not a metric (accuracy)"),
    ],
)
def test_a_standard_error_that_none_can_be_is_a_failure_and_the_others_are_passed_on(
    serve: Serve, errors: dict[str, float], said: str
) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Outcome(0, Measurement({"accuracy": 90.0}, 1.0, {"accuracy": 0.25}))
        yield Outcome(1, Measurement({"accuracy": 91.0}, 1.0, errors))
        yield Outcome(2, Measurement({"accuracy": 92.0}, 0.0, stored=True))

    backend = Scripted(answer)
    known, refused, unknown = (each.outcome for each in backend.evaluate_with(serve([backend]), 3))
    assert dict(known.measurement.standard_errors) == {"accuracy": 0.25}
    assert (refused.failure.kind, refused.failure.message) == (pb.CRASHED, said)
    assert dict(unknown.measurement.standard_errors) == {}
    assert (known.measurement.stored, unknown.measurement.stored) == (False, True)


def test_heartbeats_go_out_while_a_backend_is_silent(serve: Serve) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Progress(0, 0.25, "thinking")
        assert heard[0].wait(PATIENCE_SECONDS)
        yield Outcome(0, Measurement({"accuracy": 1.0}, 0.5))
        assert heard[1].wait(PATIENCE_SECONDS)
        yield Outcome(1, Measurement({"accuracy": 1.0}, 0.3))

    def heartbeats_then_outcome(first: pb.EvaluateResponse, go_on: threading.Event) -> None:
        beats = [next(call) for _ in range(3)]
        go_on.set()
        *later, outcome = _until_an_outcome(call)
        assert all(each.progress == first.progress for each in (*beats, *later))
        outcomes.append(outcome.outcome.index)

    heard = (threading.Event(), threading.Event())
    outcomes: list[int] = []
    backend = Scripted(answer)
    client = serve([backend], heartbeat_seconds=0.1)
    call = client.evaluate("scripted", backend.describe().digest, ['{"n":[0]}', '{"n":[1]}'])
    heartbeats_then_outcome(next(call), heard[0])
    silent = next(call)
    assert silent.progress == pb.Progress(index=1)
    heartbeats_then_outcome(silent, heard[1])
    assert outcomes == [0, 1]


def test_the_images_of_a_split_are_passed_on(serve: Serve) -> None:
    class Described(Scripted):
        def describe(self) -> Space:
            splits = (Split("search", "", "images 1"), Split("test", "", "images 1"), Split("other", ""))
            return dataclasses.replace(self._space, splits=splits)

    answer = serve([Described(lambda stop: iter(()))]).describe("scripted")
    assert [(each.name, each.data) for each in answer.splits] == [
        ("search", "images 1"),
        ("test", "images 1"),
        ("other", ""),
    ]


# ----- Statuses -----


def test_an_unknown_space_is_not_found_and_the_nearest_is_named(client: Client, digest: str) -> None:
    for call in (
        lambda: client.describe("celsl"),
        lambda: client.cost("celsl", digest, TEXTS[:1]),
        lambda: list(client.evaluate("celsl", digest, TEXTS[:1])),
    ):
        assert status_of(call) == ("NOT_FOUND", "no space 'celsl'; the nearest is cells")


def test_an_unavailable_space_is_a_failed_precondition(client: Client) -> None:
    for call in (
        lambda: client.describe("gone"),
        lambda: client.cost("gone", "", ["x"]),
        lambda: list(client.evaluate("gone", "", ["x"])),
    ):
        code, text = status_of(call)
        assert code == "FAILED_PRECONDITION"
        assert "the file is lost" in text


def test_a_long_reason_does_not_break_the_call(serve: Serve) -> None:
    client = serve([Unavailable("gone", "", "a long reason " * 5000)])
    code, text = status_of(lambda: client.describe("gone"))
    assert code == "FAILED_PRECONDITION"
    assert text.endswith("...")


def test_another_digest_is_a_failed_precondition(client: Client) -> None:
    for call in (
        lambda: client.cost("cells", "0", TEXTS[:1]),
        lambda: list(client.evaluate("cells", "", TEXTS[:1])),
    ):
        code, text = status_of(call)
        assert code == "FAILED_PRECONDITION"
        assert "describe it again" in text


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        ([], "0 architectures in one request; send 1 to 20000"),
        (TEXTS[:1] * 20_001, "20001 architectures in one request"),
        ([TEXTS[0], f" {TEXTS[1]}"], "architectures[1], ' |none~0"),
        ([TEXTS[0], '{"op":["none","none","none","none","none","none"]}'], f"is not canonical: write {TEXTS[0]}"),
        ([*TEXTS[:3], TEXTS[0].replace("none~2", "nor_conv_5x5~2")], "architectures[3], "),
        (["|none~0|+|x~0|none~1|+|none~0|none~1|y~2|"], '"op[5]" is "y"'),
        ([""], "architectures[0], '', is illegal: not readable"),
        (["é" * 200_000], "architectures[0]"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} texts",
)
def test_a_bad_batch_is_an_invalid_argument_that_names_the_place(
    client: Client, digest: str, texts: list[str], what: str
) -> None:
    for call in (
        lambda: client.cost("cells", digest, texts),
        lambda: list(client.evaluate("cells", digest, texts)),
    ):
        code, text = status_of(call)
        assert code == "INVALID_ARGUMENT"
        assert what in text


def test_an_unknown_split_is_an_invalid_argument(client: Client, digest: str) -> None:
    code, text = status_of(lambda: list(client.evaluate("cells", digest, TEXTS[:1], "train")))
    assert (code, text) == ("INVALID_ARGUMENT", "split 'train' is not one of search, test")


def test_the_server_continues_after_every_status(client: Client, digest: str) -> None:
    for call in (
        lambda: client.describe("nowhere"),
        lambda: client.describe("gone"),
        lambda: client.cost("cells", "0", TEXTS[:1]),
        lambda: list(client.evaluate("cells", digest, [])),
        lambda: list(client.evaluate("cells", digest, TEXTS[:1], "train")),
    ):
        status_of(call)
        (answer,) = client.evaluate("cells", digest, [TEXTS[7]])
        assert answer.outcome.measurement.metrics["accuracy"] == ACCURACIES[7]


def test_a_backend_that_ends_too_early_ends_its_call_and_no_other(serve: Serve) -> None:
    answers = [1, 2]

    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        for index in range(answers.pop(0)):
            yield Outcome(index, Measurement({"accuracy": 1.0}, 0.0))

    backend = Scripted(answer)
    client = serve([backend])
    code, text = status_of(lambda: backend.evaluate_with(client, 2))
    assert code == "INTERNAL"
    assert "1 left to answer" in text
    assert len(backend.evaluate_with(client, 2)) == 2


def test_a_backend_that_answers_twice_ends_its_call_and_fails_no_architecture(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        for index in (0, 0, 1):
            yield Outcome(index, Measurement({"accuracy": 1.0}, 0.0))

    backend = Scripted(answer)
    client = serve([backend])
    assert status_of(lambda: backend.evaluate_with(client, 2))[0] == "INTERNAL"
    assert '{"n":[0]} was answered twice' in caplog.text
    assert client.list_spaces().spaces


# ----- A backend that raises -----


def test_costs_that_raise_end_their_call_with_the_reason_and_the_next_one_is_answered(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Costly(Scripted):
        def cost(self, architecture: Architecture) -> ArchitectureCost:
            if "7" in architecture.text:
                raise ZeroDivisionError("no layers\nat all")
            return super().cost(architecture)

    client = serve([Costly(lambda stop: iter(()))])
    digest = client.describe("scripted").digest
    answered = status_of(lambda: client.cost("scripted", digest, ['{"n":[1]}', '{"n":[7]}']))
    reason = "ZeroDivisionError: no layers at all"
    assert answered == ("INTERNAL", f"the costs of '{{\"n\":[7]}}' cannot be measured: {reason}")
    assert "Traceback" in caplog.text
    assert len(client.cost("scripted", digest, ['{"n":[1]}'])) == 1


class Raising:
    """The answers of a backend that measures the numbers below 10, and raises `error` at some of them."""

    def __init__(self, at: set[int], error: Exception, *, tells: bool = True) -> None:
        self._at = at
        self._error = error
        self._tells = tells
        self.backend = Scripted(self._answer)

    def _answer(self, stop: threading.Event) -> Iterator[Outcome | Progress]:
        for index, text in enumerate(self.backend.asked[-1]):
            number = json.loads(text)["n"][0]
            if self._tells:
                yield Progress(index, 0.5, "half")
            if number in self._at:
                raise self._error
            yield Outcome(index, Measurement({"accuracy": float(number)}, 0.0))


def outcomes_of(answers: list[pb.EvaluateResponse]) -> dict[int, pb.Outcome]:
    outcomes = [each.outcome for each in answers if each.HasField("outcome")]
    assert len({each.index for each in outcomes}) == len(outcomes)
    return {each.index: each for each in outcomes}


@pytest.mark.parametrize("tells", [True, False])
def test_an_exception_costs_the_one_architecture_it_came_from(
    serve: Serve, caplog: pytest.LogCaptureFixture, tells: bool
) -> None:
    backend = Raising({1, 4}, ArithmeticError("a bug\n  in two lines"), tells=tells).backend
    client = serve([backend])
    outcomes = outcomes_of(backend.evaluate_with(client, 6))
    assert sorted(outcomes) == list(range(6))
    for index, each in outcomes.items():
        assert each.architecture == f'{{"n":[{index}]}}'
        if index in (1, 4):
            assert each.failure.kind == pb.CRASHED
            assert each.failure.message == "ArithmeticError: a bug in two lines"
        else:
            assert dict(each.measurement.metrics) == {"accuracy": float(index)}
    assert [len(asked) for asked in backend.asked] == [6, 4, 1]
    logged = [record for record in caplog.records if record.name == "collm_nas_evaluator.server"]
    assert [record.exc_info is not None for record in logged] == [True, False, True, False]
    assert logged[3].getMessage() == '{"n":[4]} has failed: ArithmeticError: a bug in two lines'
    assert client.list_spaces().spaces


def test_an_exception_belongs_to_the_architecture_of_the_latest_progress(serve: Serve) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        if len(backend.asked) == 1:
            yield Progress(2, 0.1, "starting from the end")
            raise ValueError("no")
        for index in range(2):
            yield Progress(index)
            yield Outcome(index, Measurement({"accuracy": 1.0}, 0.0))

    backend = Scripted(answer)
    answers = backend.evaluate_with(serve([backend]), 3)
    assert backend.asked[1] == ['{"n":[0]}', '{"n":[1]}']
    assert outcomes_of(answers)[2].failure.message == "ValueError: no"
    assert [each.progress.index for each in answers if each.HasField("progress")] == [2, 0, 1]


def test_an_exception_before_the_first_answer_is_one_of_the_first_architecture(serve: Serve) -> None:
    class Refusing(Scripted):
        def evaluate(
            self, architectures: Sequence[Architecture], split: str, stop: threading.Event
        ) -> Iterator[Outcome | Progress]:
            if len(architectures) == 2:
                raise ValueError
            return super().evaluate(architectures, split, stop)

    backend = Refusing(lambda stop: iter([Outcome(0, Measurement({"accuracy": 1.0}, 0.0))]))
    outcomes = outcomes_of(backend.evaluate_with(serve([backend]), 2))
    assert outcomes[0].failure.message == "ValueError:"
    assert outcomes[1].HasField("measurement")


def test_an_exception_after_the_last_answer_costs_nothing(serve: Serve) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Outcome(0, Measurement({"accuracy": 1.0}, 0.0))
        raise ValueError("too late")

    backend = Scripted(answer)
    (only,) = backend.evaluate_with(serve([backend]), 1)
    assert only.outcome.HasField("measurement")


class OutOfMemoryError(RuntimeError):
    """Called like the one of a library that is not imported here."""


class TooBig(OutOfMemoryError):
    """One of its kind."""


@pytest.mark.parametrize("error", [MemoryError(), OutOfMemoryError("2 GiB"), TooBig("3 GiB")])
def test_running_out_of_memory_is_a_failure_of_its_own(serve: Serve, error: Exception) -> None:
    backend = Raising({0}, error).backend
    outcomes = outcomes_of(backend.evaluate_with(serve([backend]), 2))
    assert outcomes[0].failure.kind == pb.OUT_OF_MEMORY
    assert outcomes[0].failure.message.startswith(type(error).__name__)
    assert outcomes[1].HasField("measurement")


def test_an_exception_is_let_go_of_before_the_next_evaluation(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="collm_nas_evaluator.server")  # what is captured is held
    alive: list[bool] = []
    held: list[weakref.ref[Space]] = []

    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        if not held:
            tensor = Space((Dimension("a", ("x",), (Group("", 1),)),))
            held.append(weakref.ref(tensor))
            raise OutOfMemoryError(f"as large as {tensor.size}")
        alive.append(held[0]() is not None)
        yield Outcome(0, Measurement({"accuracy": 1.0}, 0.0))

    backend = Scripted(answer)
    backend.evaluate_with(serve([backend]), 2)
    assert alive == [False]


# ----- Clients that do not read -----


def test_calls_that_nobody_reads_do_not_block_others(serve: Serve, table: NasBench201) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Progress(0)
        stop.wait(PATIENCE_SECONDS)

    backend = Scripted(answer)
    client = serve([backend, table])
    digest = backend.describe().digest
    unread = [client.evaluate("scripted", digest, ['{"n":[0]}', '{"n":[1]}']) for _ in range(FOR_ONE_MACHINE.calls)]
    until(lambda: len(backend.asked) == len(unread))
    assert status_of(lambda: backend.evaluate_with(client, 2))[0] == "RESOURCE_EXHAUSTED"
    assert len(client.list_spaces().spaces) == 2
    assert client.describe("cells").digest == table.describe().digest
    for each in unread:
        each.cancel()
    until(lambda: len(list(client.evaluate("cells", table.describe().digest, TEXTS[:9]))) == 9)


def test_a_backend_waits_for_a_client_that_does_not_read(serve: Serve, table: NasBench201) -> None:
    given: list[int] = []

    class Counted(NasBench201):
        def evaluate(
            self, architectures: Sequence[Architecture], split: str, stop: threading.Event
        ) -> Iterator[Outcome | Progress]:
            for each in super().evaluate(architectures, split, stop):
                given.append(each.index)
                yield each

    numbers = Numbers(Network(32, 10), {"search": ACCURACIES}, "made up")
    client = serve([Counted("counted", "", numbers, {"search": "some"}), table])
    unread = client.evaluate("counted", client.describe("counted").digest, TEXTS)
    until(lambda: len(given) > MOST_WAITING)
    digest = table.describe().digest
    assert len(list(client.evaluate("cells", digest, TEXTS[:500]))) == 500
    assert len(given) < len(TEXTS)
    assert [next(unread).outcome.index for _ in range(500)] == list(range(500))
    unread.cancel()


@pytest.mark.parametrize("bounds", [Bounds(1, 1000), Bounds(9, 4)])
def test_a_call_too_many_is_refused_until_another_ends(serve: Serve, bounds: Bounds) -> None:
    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Progress(0)
        stop.wait(PATIENCE_SECONDS)

    backend = Scripted(answer)
    client = serve([backend], admission=Admission(bounds))
    digest = backend.describe().digest
    texts = ['{"n":[0]}', '{"n":[1]}', '{"n":[2]}']
    first = client.evaluate("scripted", digest, texts)
    next(first)
    for call in (
        lambda: client.cost("scripted", digest, texts),
        lambda: list(client.evaluate("scripted", digest, texts)),
    ):
        code, text = status_of(call)
        assert code == "RESOURCE_EXHAUSTED"
        assert text.startswith("1 calls of 127.0.0.1 with 3 architectures are under way, of at most ")
    first.cancel()

    def is_let_in() -> bool:
        try:
            return len(client.cost("scripted", digest, texts)) == 3
        except grpc.RpcError:
            return False

    until(is_let_in)


@pytest.mark.parametrize(
    ("peer", "machine"),
    [
        ("ipv4:192.0.2.7:40000", "192.0.2.7"),
        ("ipv6:%5B2001:db8::1%5D:40000", "%5B2001:db8::1%5D"),
        ("ipv6:[::1]:40000", "[::1]"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_connections_of_one_machine_are_known_by_its_address(peer: str, machine: str) -> None:
    assert server.machine_of(peer) == machine


# ----- Stopping -----


def test_cancelling_a_call_stops_its_evaluation(serve: Serve) -> None:
    stopped = threading.Event()

    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Outcome(0, Measurement({"accuracy": 1.0}, 0.0))
        if stop.wait(PATIENCE_SECONDS):
            stopped.set()

    backend = Scripted(answer)
    call = serve([backend]).evaluate("scripted", backend.describe().digest, ['{"n":[0]}', '{"n":[1]}'])
    next(call)
    call.cancel()
    assert stopped.wait(PATIENCE_SECONDS)


def test_a_client_that_leaves_a_table_early_stops_it(client: Client, digest: str) -> None:
    for _ in range(3):
        call = client.evaluate("cells", digest, TEXTS)
        next(call)
        call.cancel()
    assert len(list(client.evaluate("cells", digest, TEXTS[:100]))) == 100


def test_stopping_ends_running_calls_as_unavailable_and_waits_little_for_them(table: NasBench201) -> None:
    assert server.STOP_SECONDS < 1
    ended_by_itself = []

    def answer(stop: threading.Event) -> Iterator[Outcome | Progress]:
        yield Progress(0)
        if not stop.wait(PATIENCE_SECONDS):
            ended_by_itself.append(True)

    backend = Scripted(answer)
    running = server.start([backend], Address("127.0.0.1", 0))
    client = Client(running.address)
    call = client.evaluate("scripted", backend.describe().digest, ['{"n":[0]}'])
    next(call)
    running.stop()
    assert not ended_by_itself
    assert status_of(lambda: list(call))[0] == "UNAVAILABLE"
    assert status_of(client.list_spaces)[0] == "UNAVAILABLE"
    client.close()


def test_a_port_that_is_taken_is_an_error_of_use(table: NasBench201) -> None:
    running = server.start([table], Address("127.0.0.1", 0))
    host, port = running.address.split(":")
    with pytest.raises(UsageError, match=f"cannot listen on {running.address}"):
        server.start([table], Address(host, int(port)))
    running.stop()


def test_a_client_may_ping_as_often_as_it_likes(table: NasBench201) -> None:
    running = server.start([table], Address("127.0.0.1", 0))
    host, port = running.address.split(":")
    settings, ping, go_away = 4, 6, 7

    def frame(kind: int, body: bytes = b"") -> bytes:
        return len(body).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 0]) + body

    with (
        socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings))
        for number in range(20):
            connection.sendall(frame(ping, bytes([number] * 8)))
            kind, body = settings, b""
            while kind != ping:
                head = answers.read(9)
                kind, body = head[3], answers.read(int.from_bytes(head[:3], "big"))
                assert kind != go_away, body
            assert body[0] == number
    running.stop()


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_is_answered(client: Client, service: str) -> None:
    request = health_pb2.HealthCheckRequest(service=service)
    answer = health_pb2_grpc.HealthStub(client.channel).Check(request)  # type: ignore[attr-defined]
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
