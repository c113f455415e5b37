"""What calls under way may hold: answers that nobody reads, and calls of one machine and of all."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collm_nas_evaluator.backends.base import Measurement, Outcome, Progress
from collm_nas_evaluator.streams import Admission, Answers, Bounds, Ended

LONG = 30.0


def outcome(index: int) -> Outcome:
    return Outcome(index, Measurement({"accuracy": 1.0}, 0.0))


def test_outcomes_are_never_given_far_ahead_of_their_reader() -> None:
    most, count = 4, 60
    answers = Answers(most)
    given_so_far: list[int] = []

    def give() -> None:
        for index in range(count):
            answers.give(outcome(index))
            given_so_far.append(index)
        answers.end()

    giver = threading.Thread(target=give)
    giver.start()
    for index in range(count):
        assert len(given_so_far) <= index + most
        assert answers.take(LONG) == outcome(index)
    assert answers.take(LONG) == Ended()
    giver.join(LONG)
    assert not giver.is_alive()


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 6))
def test_progress_never_waits_and_keeps_its_place_among_outcomes(are_outcomes: list[bool], most: int) -> None:
    answers = Answers(most)
    reported: list[Outcome | Progress] = []
    for place, is_outcome in enumerate(are_outcomes):
        if is_outcome and answers.waiting == most:
            continue  # it would wait
        reported.append(outcome(place) if is_outcome else Progress(place))
        answers.give(reported[-1])
    answers.end("over")
    taken: list[Outcome | Progress] = []
    while isinstance(answer := answers.take(LONG), Outcome | Progress):
        taken.append(answer)
    assert answer == Ended("over")
    assert len(taken) <= most
    assert taken == [each for each in reported if each in taken]
    assert [each for each in reported if isinstance(each, Outcome)] == [
        each for each in taken if isinstance(each, Outcome)
    ]
    if taken and isinstance(taken[-1], Progress):
        assert taken[-1] == reported[-1]


def test_an_end_at_once_releases_a_waiting_giver() -> None:
    answers = Answers(1)
    answers.give(outcome(0))
    giver = threading.Thread(target=answers.give, args=(outcome(1),))
    giver.start()
    answers.end(at_once=True)
    giver.join(LONG)
    assert not giver.is_alive()
    assert answers.take(LONG) == Ended()
    answers.give(outcome(2))
    answers.end("too late")
    assert answers.take(LONG) == Ended()


def test_nothing_comes_from_a_silent_evaluation() -> None:
    assert Answers().take(0.01) is None


def test_calls_of_one_machine_leave_room_for_others() -> None:
    admission = Admission(Bounds(2, 100), Bounds(3, 1000))
    leave = [admission.enter("a", 10), admission.enter("a", 10)]
    refused = admission.enter("a", 10)
    assert refused == (
        "2 calls of a with 20 architectures are under way, of at most 2 calls with 100; "
        "read one to its end, then ask again"
    )
    leave.append(admission.enter("b", 10))
    assert str(admission.enter("c", 1)).startswith("3 calls of all machines with 30 architectures are under way")
    for each in leave:
        assert callable(each)
        each()
    for machine in ("a", "a", "c"):
        assert callable(admission.enter(machine, 50))


@pytest.mark.parametrize(("first", "second", "is_refused"), [(60, 40, False), (60, 41, True), (900, 1, True)])
def test_architectures_count_too_but_a_single_call_always_begins(first: int, second: int, is_refused: bool) -> None:
    admission = Admission(Bounds(9, 100), Bounds(9, 1000))
    leave = admission.enter("a", first)
    assert callable(leave)
    assert isinstance(admission.enter("a", second), str) == is_refused
    leave()
    assert callable(admission.enter("a", second))
