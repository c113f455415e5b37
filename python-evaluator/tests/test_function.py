"""Functions as a served space: its description, costs that must be numbers, and answers through a real server."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from client import Client, status_of

from collm_nas import function
from collm_nas.answers import Wanted
from collm_nas.calls import Here
from collm_nas.errors import UsageError
from collm_nas.function import Cost, FunctionBackend, Metric
from collm_nas.space import Space, choice, slots
from collm_nas_evaluator import server
from collm_nas_evaluator.addresses import Address
from collm_nas_evaluator.contract import evaluator_pb2 as pb

SPACE = Space(kernel=slots([1, 3], 2), width=choice([16, 24]), name="kernels")
TEXT = SPACE.text({"kernel": [1, 3], "width": 16})


def backend_of(
    score: Callable[[Any], Any], costs: function.Costs | None = None, **more: Any
) -> tuple[FunctionBackend, Here]:
    calls = Here({"search": score}, Wanted("accuracy"))
    return FunctionBackend(SPACE, function.objective_of("accuracy", "maximize", ()), costs or {}, calls, **more), calls


@contextmanager
def served(backend: FunctionBackend, calls: Here) -> Iterator[Client]:
    """A client of the backend; functions are called in a thread beside."""
    running = server.start([backend], Address("127.0.0.1", 0))
    worker = threading.Thread(target=calls.work)
    worker.start()
    try:
        with closing(Client(running.address)) as asking:
            yield asking
    finally:
        calls.finish()
        worker.join()
        running.stop()


def outcomes(asking: Client, texts: list[str]) -> list[pb.Outcome]:
    call = asking.evaluate("kernels", asking.describe("kernels").digest, texts)
    return sorted((each.outcome for each in call if each.HasField("outcome")), key=lambda each: each.index)


def test_a_score_is_measured_through_the_contract() -> None:
    backend, calls = backend_of(
        lambda arch: arch["width"] + sum(arch["kernel"]), {"params_m": lambda arch: arch["width"]}
    )
    with served(backend, calls) as asking:
        space = asking.describe("kernels")
        assert [each.name for each in space.metrics] == ["accuracy"]
        assert asking.cost("kernels", space.digest, [TEXT])[0].costs == {"params_m": 16.0}
        (outcome,) = outcomes(asking, [TEXT])
        assert outcome.measurement.metrics == {"accuracy": 20.0}


def test_a_failure_is_an_outcome_and_goes_into_the_log() -> None:
    said: list[str] = []
    backend, calls = backend_of(lambda arch: 1 / (arch["width"] - 16), say=said.append)
    other = SPACE.text({"kernel": [1, 3], "width": 24})
    with served(backend, calls) as asking:
        failed, measured = outcomes(asking, [TEXT, other])
    assert failed.failure.message.startswith("ZeroDivisionError: division by zero (raised by <lambda>")
    assert measured.measurement.metrics == {"accuracy": 0.125}
    (log,) = said
    assert "Traceback" in log


def test_metrics_that_nobody_asked_for_are_named_once() -> None:
    said: list[str] = []
    backend, calls = backend_of(lambda _: {"accuracy": 1.0, "loss": 2.0}, say=said.append)
    with served(backend, calls) as asking:
        outcomes(asking, [TEXT, TEXT])
    assert said == ['score also returns "loss"; name it in metrics=["loss"] to have it recorded']


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (lambda _: math.nan, "is nan; it must be a number that is not negative"),
        (lambda _: -1, "is -1; it must be a number that is not negative"),
        (lambda _: "big", "is 'big'; it must be a number"),
        (lambda _: None, "is None; it must be a number"),
        (
            lambda arch: arch["depth"],
            "fails for {'kernel': [1, 3], 'width': 16}: KeyError: 'depth' (raised by <lambda>",
        ),
        (iter([1.0, 2.0]).__next__, "fails for"),
    ],
)
def test_a_cost_that_is_no_number_ends_the_search_with_its_name(cost: Any, words: str) -> None:
    broken: list[UsageError] = []
    backend, _ = backend_of(lambda _: 1.0, {"params_m": cost}, on_broken_cost=broken.append)
    with pytest.raises(UsageError) as caught:
        backend.cost(SPACE.parsed(TEXT))
    assert broken == [caught.value]
    assert words in str(caught.value)
    assert '"params_m"' in str(caught.value)


def test_a_cost_that_varies_is_refused() -> None:
    answers = iter(range(10))
    backend, _ = backend_of(lambda _: 1.0, {"params_m": lambda _: next(answers)})
    with pytest.raises(UsageError, match=r"is 0 and, asked again, 1; it must not vary"):
        backend.cost(SPACE.parsed(TEXT))


def test_a_broken_cost_is_told_to_the_client() -> None:
    backend, calls = backend_of(lambda _: 1.0, {"params_m": lambda _: math.nan})
    with served(backend, calls) as asking:
        digest = asking.describe("kernels").digest
        status, text = status_of(lambda: asking.cost("kernels", digest, [TEXT]))
    assert status == "INTERNAL"
    assert 'cost "params_m"' in text


def test_the_digest_follows_version_costs_and_direction() -> None:
    usual = backend_of(lambda _: 1.0)[0].describe().digest
    assert backend_of(lambda _: 2.0)[0].describe().digest == usual
    assert backend_of(lambda _: 1.0, version="2")[0].describe().digest != usual
    assert backend_of(lambda _: 1.0, {"params_m": Cost(lambda _: 1.0, "million")})[0].describe().digest != usual


def test_units_meanings_and_keys_are_in_the_description() -> None:
    calls = Here({}, Wanted("loss"))
    objective = function.objective_of(Metric("loss", "nats", "Of held-out images."), "minimize", ["top5"])
    cost = Cost(lambda arch: arch["width"], "million", "All layers.")
    backend = FunctionBackend(SPACE, objective, {"params_m": cost}, calls, key=lambda arch: str(sorted(arch["kernel"])))
    described = backend.describe()
    assert [(each.name, each.unit, each.higher_is_better) for each in described.metrics] == [
        ("loss", "nats", False),
        ("top5", "", True),
    ]
    assert (described.costs[0].unit, described.costs[0].meaning) == ("million", "All layers.")
    keys = {backend.cost(SPACE.parsed({"kernel": kernel, "width": 16})).equivalence_key for kernel in ([1, 3], [3, 1])}
    assert keys == {"[1, 3]"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: function.objective_of("accuracy", "up", ()), "direction is 'up'"),
        (lambda: function.objective_of("accuracy", "maximize", "top5"), "give a list of names"),
        (lambda: function.objective_of("accuracy", "maximize", ["accuracy"]), "named twice"),
        (lambda: function.objective_of("top 5", "maximize", ()), "the name of a metric is 'top 5'"),
        (lambda: backend_of(lambda _: 1, {"flops m": lambda _: 1.0}), "the name of a cost is 'flops m'"),
        (lambda: backend_of(lambda _: 1, {"flops_m": 3}), '"flops_m" is 3; give a function'),  # type: ignore[dict-item]
    ],
)
def test_what_is_wrong_is_refused_at_once(make: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert words in str(caught.value)
