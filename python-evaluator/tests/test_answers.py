"""What a score may return, and what becomes of everything else."""

import math
import sys
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

import collm_nas as nas
from collm_nas import answers
from collm_nas.answers import Answer, Wanted
from collm_nas_evaluator.backends.base import Failure, FailureKind, Measurement

ONE = Wanted("accuracy")
TWO = Wanted("accuracy", ("top5",))


class OnDevice:
    """As a tensor on a GPU: no float() of its own, but item()."""

    def item(self) -> float:
        return 2.5


def ask(returned: Any, wanted: Wanted = ONE) -> Answer:
    return answers.ask(lambda _: returned, {"k": 1}, wanted, lambda *_: None)


def failure(answer: Answer) -> Failure:
    assert isinstance(answer.result, Failure)
    return answer.result


@pytest.mark.parametrize("value", [2.5, np.float32(2.5), np.array([2.5]), OnDevice(), {"accuracy": OnDevice()}])
def test_a_number_of_any_kind_is_the_objective(value: Any) -> None:
    result = ask(value).result
    assert isinstance(result, Measurement)
    assert result.metrics == {"accuracy": 2.5}
    assert type(result.metrics["accuracy"]) is float


def test_a_dictionary_gives_every_metric_and_what_nobody_asked_for_is_named() -> None:
    answer = ask({"top5": 3, "accuracy": 1, "loss": "low"}, TWO)
    assert isinstance(answer.result, Measurement)
    assert answer.result.metrics == {"accuracy": 1.0, "top5": 3.0}
    assert answer.extra == ("loss",)


@pytest.mark.parametrize(
    ("returned", "wanted", "words"),
    [
        (None, ONE, "score returned None; it must return a number"),
        ("0.5", ONE, "score returned str '0.5'; it must return a number"),
        (True, ONE, "score returned bool True"),
        (1 + 2j, ONE, "score returned complex (1+2j)"),
        (np.array([1.0, 2.0]), ONE, "which is not one number"),
        ([1.0], ONE, "score returned list [1.0]"),
        ({"acc": 1.0}, ONE, "without 'accuracy'; it has 'acc'"),
        ({}, ONE, "without 'accuracy'; it has nothing"),
        ({"accuracy": 1.0}, TWO, "without 'top5'"),
        (1.0, TWO, "must return a dictionary with 'accuracy', 'top5'"),
        ({"accuracy": None}, ONE, "score returned None for 'accuracy'"),
    ],
)
def test_anything_else_is_a_failure_that_says_what_was_wanted(returned: Any, wanted: Wanted, words: str) -> None:
    assert words in failure(ask(returned, wanted)).message


@pytest.mark.parametrize("error", [0.5, np.float32(0.5), np.array([0.5])])
def test_a_value_says_its_standard_error(error: Any) -> None:
    result = ask(nas.Value(OnDevice(), standard_error=error)).result
    assert isinstance(result, Measurement)
    assert (result.metrics, result.standard_errors) == ({"accuracy": 2.5}, {"accuracy": 0.5})
    assert type(result.standard_errors["accuracy"]) is float
    both = ask({"accuracy": 90, "top5": nas.Value(99, error), "loss": nas.Value(1, error)}, TWO)
    assert isinstance(both.result, Measurement)
    assert (both.result.metrics, both.result.standard_errors) == ({"accuracy": 90.0, "top5": 99.0}, {"top5": 0.5})
    assert both.extra == ("loss",)
    unknown = ask(nas.Value(90)).result
    assert isinstance(unknown, Measurement)
    assert unknown.standard_errors == {}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (-0.5, "score returned -0.5 as the standard error for 'accuracy'; a standard error is not negative"),
        (math.nan, "score returned nan as the standard error for 'accuracy'; leave it out where it is not known"),
        (math.inf, "score returned inf as the standard error for 'accuracy'; leave it out where it is not known"),
        ("0.5", "score returned str '0.5' as the standard error for 'accuracy'; it must return a number"),
    ],
)
def test_a_standard_error_that_none_can_be_is_a_failure(error: Any, words: str) -> None:
    found = failure(ask({"accuracy": nas.Value(90, error)}))
    assert words in found.message
    assert found.kind is FailureKind.CRASHED


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), 10**400])
def test_a_number_that_is_not_finite_is_a_failure_of_that_kind(value: Any) -> None:
    assert failure(ask(value)).kind is FailureKind.NOT_FINITE


def test_an_exception_is_a_failure_with_the_way_to_it() -> None:
    def inner() -> None:
        raise ValueError("too\nsmall")

    def score(_: Any) -> float:
        inner()
        return 1.0

    answer = answers.ask(score, {"k": 1}, ONE, lambda *_: None)
    message = failure(answer).message
    assert message.startswith("ValueError: too small (raised by inner in ")
    assert "; called by score in " in message
    assert "/answers.py" not in message
    assert "Traceback" in answer.log
    assert "{'k': 1}" in answer.log


def test_leaving_the_program_is_a_failure_and_an_interruption_is_not() -> None:
    assert failure(answers.ask(lambda _: sys.exit(3), {}, ONE, lambda *_: None)).message.startswith("SystemExit: 3")

    def interrupted(_: Any) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answers.ask(interrupted, {}, ONE, lambda *_: None)


@pytest.mark.parametrize("name", ["MemoryError", "OutOfMemoryError"])
def test_memory_that_ran_out_is_a_failure_of_that_kind(name: str) -> None:
    error = MemoryError() if name == "MemoryError" else type(name, (RuntimeError,), {})("CUDA out of memory")

    def score(_: Any) -> float:
        raise error

    assert failure(answers.ask(score, {}, ONE, lambda *_: None)).kind is FailureKind.OUT_OF_MEMORY


def test_a_generator_tells_its_progress_and_returns_its_score() -> None:
    told: list[tuple[float, str]] = []

    def score(_: Any) -> Generator[Any, None, Any]:
        yield 0.25
        yield 1, "nearly"
        return {"accuracy": 7}

    result = answers.ask(score, {}, ONE, lambda *said: told.append(said)).result
    assert isinstance(result, Measurement)
    assert result.metrics == {"accuracy": 7.0}
    assert told == [(0.25, ""), (1.0, "nearly")]


@pytest.mark.parametrize(("progress", "words"), [(2, "progress 2"), ("half", "as progress"), (-0.1, "progress -0.1")])
def test_progress_that_is_none_is_a_failure(progress: Any, words: str) -> None:
    def score(_: Any) -> Generator[Any, None, Any]:
        yield progress
        return 1.0

    assert words in failure(answers.ask(score, {}, ONE, lambda *_: None)).message


def test_a_generator_without_a_score_is_a_failure() -> None:
    def score(_: Any) -> Generator[float, None, None]:
        yield 0.5

    assert "score returned None" in failure(answers.ask(score, {}, ONE, lambda *_: None)).message
