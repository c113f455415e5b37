"""The one spelling: properties that hold for every space, and what a description may not say."""

import json
import random
import subprocess
import sys
from typing import Any

import pytest
from client import PACKAGE_ROOT
from hypothesis import given
from hypothesis import strategies as st

from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.space import LONGEST_RAW_TEXT, Architecture, Metric, Space, Split

CELL = Space((Dimension("op", ("none", "skip"), (Group("a", 1), Group("b", 2))),), "|{op[0]}|+|{op[1]}|{op[2]}|")
STAGES = Space(
    (
        Dimension("r", ("176", "192"), (Group("", 1),), numeric=True),
        Dimension("e", ("3", "4.0"), (Group("1", 3), Group("2", 3)), numeric=True, active_count="d"),
        Dimension("d", ("2", "3"), (Group("", 2),), numeric=True),
        Dimension("kind", ('quo"te', "é"), (Group("", 2),)),
    )
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    tokens = st.lists(st.sampled_from(["a", "b c", '"', "|", "null", "é", "\\"]), min_size=1, max_size=4, unique=True)
    numbers = st.lists(st.sampled_from(["0", "1", "2.50", "-3", "4e2", "0.5"]), min_size=1, max_size=4, unique=True)
    counts = st.lists(st.integers(0, min(sizes)).map(str), min_size=1, max_size=3, unique=True)
    groups = tuple(Group(str(size), size) for size in sizes)
    free = Dimension("free", tuple(draw(tokens)), groups)
    counted = Dimension("counted", tuple(draw(numbers)), groups, numeric=True, active_count="count")
    count = Dimension("count", tuple(draw(counts)), (Group("", len(sizes)),), numeric=True)
    return Space(tuple(draw(st.permutations([free, counted, count]))))


@given(spaces(), st.integers())
def test_what_is_printed_reads_as_the_same(space: Space, seed: int) -> None:
    sampled = space.sample(random.Random(seed))
    plain = space.to_object(sampled)
    assert space.parse(sampled.text) == sampled
    assert space.parse(plain) == sampled
    assert space.parse(json.dumps(dict(reversed(plain.items())))) == sampled


@given(spaces(), st.integers())
def test_groups_of_only_active_slots_read_as_the_same(space: Space, seed: int) -> None:
    sampled = space.sample(random.Random(seed))
    grouped: dict[str, Any] = {}
    for dimension in space.dimensions:
        tokens = iter(space.to_object(sampled)[dimension.name])
        inner = [[next(tokens) for _ in range(group.size)] for group in dimension.groups]
        grouped[dimension.name] = [[token for token in each if token is not None] for each in inner]
    assert space.parse(grouped) == sampled


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["none", "skip", "2", "3", 176]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["op", "r", "e", "d", "kind", "x"]), inner),
    max_leaves=20,
)


@given(st.sampled_from([CELL, STAGES]), JSON)
def test_any_value_is_read_or_rejected_with_reasons(space: Space, raw: object) -> None:
    for form in (raw, json.dumps(raw)):
        parsed = space.parse(form)
        if isinstance(parsed, Architecture):
            assert space.parse(parsed.text) == parsed
        else:
            assert parsed
            assert all(reason.sentence for reason in parsed)


@pytest.mark.parametrize(
    "text",
    [
        "x" * (LONGEST_RAW_TEXT + 1),
        '{"op":' + "[" * 40_000 + "]" * 40_000 + "}",
        '{"op":[NaN,Infinity,-Infinity]}',
        '{"op":["none","none","none"]} and more',
        '["none","none","none"]',
        "|none|+|none|none",
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_object_is_unreadable(text: str) -> None:
    parsed = CELL.parse(text)
    assert isinstance(parsed, list)
    assert [(reason.code, reason.place) for reason in parsed] == [("unreadable", "")]


@pytest.mark.parametrize("entry", [True, None, "3 ", "٣", "0x3", "3_0", 10**400, float("nan"), float("inf"), [], {}])
def test_what_means_no_number_is_no_choice(entry: object) -> None:
    space = Space((Dimension("n", ("1", "3", "30"), (Group("", 2),), numeric=True),))
    parsed = space.parse({"n": [3, entry]})
    assert isinstance(parsed, list)
    assert [reason.place for reason in parsed] == (["n"] if entry == [] else ["n[1]"])


def test_huge_numbers_in_text_match_nothing_and_break_nothing() -> None:
    space = Space((Dimension("n", ("1",), (Group("", 2),), numeric=True),))
    parsed = space.parse('{"n":[1e999,' + "1" * 5000 + "]}")
    assert isinstance(parsed, list)
    assert [reason.place for reason in parsed] == ["n[0]", "n[1]"]


def test_reasons_are_in_the_order_of_the_dimensions_and_unknown_names_come_last() -> None:
    parsed = STAGES.parse({"zz": 1, "kind": ["x", "é"], "d": [2, 9], "aa": 1, "e": None})
    assert isinstance(parsed, list)
    assert [(reason.code, reason.place) for reason in parsed] == [
        ("missing-dimension", "r"),
        ("not-a-choice", "d[1]"),
        ("not-a-choice", "kind[0]"),
        ("unknown-dimension", "aa"),
        ("unknown-dimension", "zz"),
    ]


def test_the_size_counts_every_architecture_once() -> None:
    source = random.Random(5)
    texts = {STAGES.sample(source).text for _ in range(25_000)}
    assert STAGES.size == 2 * (2**2 + 2**3) ** 2 * 2**2
    assert len(texts) == STAGES.size


def test_the_digest_changes_with_the_meaning_and_only_with_it() -> None:
    def space(choices: tuple[str, ...] = ("a", "b"), template: str = "", meaning: str = "", data: str = "") -> Space:
        return Space((Dimension("x", choices, (Group("", 1),), meaning=meaning),), template, data_hash=data)

    same = {space().digest, space(meaning="another explanation").digest}
    splits = {Space(space().dimensions, splits=(Split("search", "", data),)).digest for data in ("", "some images")}
    assert len(splits) == 1
    others = {space(("b", "a")).digest, space(template="<{x[0]}>").digest, space(data="1").digest}
    with_metric = Space(space().dimensions, metrics=(Metric("accuracy", "percent", ""),)).digest
    assert len(same) == 1
    assert len(same | others | {with_metric}) == 5


@pytest.mark.parametrize(
    ("dimensions", "template", "what"),
    [
        ([], "", "needs a dimension"),
        ([Dimension("a", ("1",), (Group("", 1),))] * 2, "", "used twice"),
        ([Dimension("a", ("1",), (Group("", 1),), active_count="b")], "", "names no numeric dimension"),
        ([Dimension("a", ("1",), (Group("", 2),))], "{a[0]}", "every slot once"),
        ([Dimension("a", ("1",), (Group("", 2),))], "{a[0]}{a[1]}", "text between"),
        ([Dimension("a", ("1", "1|"), (Group("", 2),))], "<{a[0]}|{a[1]}>", "cannot be read back"),
    ],
)
def test_a_space_that_contradicts_itself_is_refused(dimensions: list[Dimension], template: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Space(tuple(dimensions), template)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"name": "a b"}, "must be letters"),
        ({"choices": ()}, "no choice"),
        ({"choices": ("x",), "numeric": True}, "no decimal number"),
        ({"choices": ("0256",), "numeric": True}, "no decimal number"),
        ({"choices": ("1e999",), "numeric": True}, "beyond the range"),
        ({"choices": ("1", "1.0"), "numeric": True}, "twice"),
        ({"groups": ()}, "no group"),
        ({"groups": (Group("", 0),)}, "a group has no slot"),
        ({"slot_names": ("one", "two")}, "differ in number"),
    ],
)
def test_a_dimension_that_contradicts_itself_is_refused(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Dimension(**{"name": "a", "choices": ("1",), "groups": (Group("", 1),), **fields})


@pytest.mark.parametrize(
    ("counting", "what"),
    [
        (Dimension("n", ("1",), (Group("", 2),), numeric=True), "one slot for each group"),
        (Dimension("n", ("1", "3"), (Group("", 1),), numeric=True), "counts other than"),
        (Dimension("n", ("0.5",), (Group("", 1),), numeric=True), "counts other than"),
    ],
)
def test_a_count_that_cannot_count_is_refused(counting: Dimension, what: str) -> None:
    counted = Dimension("a", ("x",), (Group("", 2),), active_count="n")
    with pytest.raises(ValueError, match=what):
        Space((counted, counting))


def test_as_a_module_it_answers_json_lines() -> None:
    space = {"dimensions": [{"name": "k", "choices": ["3", "5"], "numeric": True, "groups": [{"name": "", "size": 1}]}]}
    questions = [{"space": space, "raw": {"k": 3.0}}, {"space": space, "raw": {"k": 4}}]
    lines = "".join(json.dumps(each) + "\n" for each in questions)
    command = [sys.executable, "-m", "collm_nas_evaluator.space"]
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, cwd=PACKAGE_ROOT)
    read, rejected = map(json.loads, ran.stdout.splitlines())
    assert read == {"text": '{"k":[3]}'}
    assert [(each["code"], each["place"]) for each in rejected["rejections"]] == [("not-a-choice", "k[0]")]
