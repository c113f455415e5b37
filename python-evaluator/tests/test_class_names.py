"""The order of class names, when it is in doubt, and how two sets' names differ."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collm_nas_evaluator.class_names import Classes, difference, ordered
from collm_nas_evaluator.errors import ImagesUnusable

WHERE = Path("val")
NAMES = st.lists(st.text("01239ab_- .²é", min_size=1, max_size=6), min_size=1, max_size=15, unique=True)


@pytest.mark.parametrize("count", [1, 9, 10, 11, 12, 100, 101, 1000])
@pytest.mark.parametrize("first", [0, 1])
def test_a_count_from_zero_or_one_goes_by_number(first: int, count: int) -> None:
    names = [str(number) for number in range(first, first + count)]
    shuffled = random.Random(0).sample(names, count)
    found = ordered(WHERE, shuffled)
    assert list(found.names) == names
    remark = f'classes in numeric order, "{first}" to "{names[-1]}"'
    assert found.remark == (remark if sorted(names) != names else "")


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (["0", "1", "2", "10"], 'class 2 is "10" by text and "2" by number'),
        (["2", *map(str, range(4, 12))], 'class 0 is "10" by text and "2" by number'),
        ([str(number) for number in range(2, 12)], 'class 0 is "10" by text and "2" by number'),
        (["00", *map(str, range(1, 11))], 'class 2 is "10" by text and "2" by number'),
        ([*map(str, range(11)), "background"], 'class 2 is "10" by text and "2" by number'),
        ([f"class{number}" for number in range(12)], 'class 2 is "class10" by text and "class2" by number'),
        (["a", "fold 9", "fold 10 b", "z"], 'class 1 is "fold 10 b" by text and "fold 9" by number'),
        (["1.5", "1.25"], 'class 0 is "1.25" by text and "1.5" by number'),
    ],
)
def test_names_with_two_orders_are_refused_until_one_is_chosen(names: Sequence[str], place: str) -> None:
    with pytest.raises(ImagesUnusable) as error:
        ordered(WHERE, names)
    assert place in str(error.value)
    assert "set imagenet.class_order (--class-order of retrain) to text" in str(error.value)
    assert "\n" not in str(error.value)
    assert list(ordered(WHERE, names, "text").names) == sorted(names)
    assert ordered(WHERE, names, "text").remark.startswith("classes in text order, ")
    assert ordered(WHERE, names, "numeric").names != ordered(WHERE, names, "text").names


@pytest.mark.parametrize(
    "names",
    [
        ["n01440764", "n01443537", "n15075141"],
        [f"{number:03}" for number in range(100)],
        ["cat", "dog", "Dog", "é", "a b", "a1", "a-b", "a.b"],
        ["²", "1", "a²"],
    ],
)
def test_where_both_orders_agree_nothing_is_asked_and_nothing_said(names: Sequence[str]) -> None:
    assert ordered(WHERE, names) == Classes(tuple(sorted(names)))


@given(NAMES)
def test_either_order_is_chosen_or_there_is_but_one(names: list[str]) -> None:
    by_text, by_number = (ordered(WHERE, names, order).names for order in ("text", "numeric"))
    assert sorted(by_text) == sorted(by_number) == sorted(names)
    assert ordered(WHERE, list(reversed(names)), "numeric").names == by_number
    try:
        found = ordered(WHERE, names).names
    except ImagesUnusable:
        assert by_text != by_number
    else:
        assert by_number in (by_text, found)
    numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    assert [int(name) for name in by_number if name.isascii() and name.isdigit()] == numbers


LIKE = Classes(("bird", "cat", "dog", "caf\u00e9"))


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["bird", "cat", "dog"], 'lacks the class "caf\u00e9" of the other images'),
        ([*LIKE.names, "tmp"], 'has a class more than the other images, "tmp"; '),
        (
            ["bird", "cow", "dog", "caf\u00e9"],
            'has the class "cow", which the other images lack, and lacks their "cat"',
        ),
        (["bird", "Cat", "dog", "caf\u00e9"], 'its class "Cat" and "cat" of the other images differ only in capital'),
        (
            ["bird", "cat", "dog", "cafe\u0301"],
            "'cafe\\u0301' and \"caf\u00e9\" of the other images differ only in how",
        ),
        (["0", "1", "2", "3"], 'has the class "0", which the other images lack, and lacks their "bird"'),
    ],
)
def test_the_first_difference_is_named(names: Sequence[str], says: str) -> None:
    assert says in difference(names, LIKE)


@given(NAMES, NAMES)
def test_names_differ_or_are_the_same(names: list[str], other: list[str]) -> None:
    said = difference(names, Classes(tuple(other)))
    assert (said == "") == (sorted(names) == sorted(other))
    assert "\n" not in said
