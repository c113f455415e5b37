"""A tied part of a space: which architecture each member is, and every definition that is refused."""

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from collm_nas_evaluator import tied
from collm_nas_evaluator.dimension import Dimension, Group
from collm_nas_evaluator.errors import UsageError
from collm_nas_evaluator.space import Architecture, Metric, Space, Split
from collm_nas_evaluator.tied import Part

STAGES = ("stage 1", "stage 2", "stage 3")
PATH = Path("part.yaml")
WHOLE = Space(
    (
        Dimension("r", ("32", "48"), (Group("network", 1),), numeric=True, meaning="Side of the image."),
        Dimension("d", ("1", "2"), (Group("stages", 3),), numeric=True, slot_names=STAGES),
        Dimension(
            "ks",
            ("3", "5", "7"),
            tuple(Group(stage, 2) for stage in STAGES),
            numeric=True,
            active_count="d",
            meaning="Side of each kernel.",
            slot_names=tuple(f"{stage}, block {block}" for stage in STAGES for block in (1, 2)),
        ),
    ),
    id="whole",
    title="A supernet",
    summary="A network of three stages.",
    metrics=(Metric("accuracy", "percent", "Share."),),
    splits=(Split("search", "Some images.", data="abc"),),
)
TIES: dict[str, dict[str, Any]] = {
    "d": {"slots": {"early": ["stage 1"], "late": ["stage 2", "stage 3"]}},
    "ks": {"choices": [7, 3], "slots": {"early": "stage 1", "late": ["stage 2", "stage 3"]}},
}
DEFINED = {"space": "whole", "id": "part", "dimensions": TIES}


def part(**changes: Any) -> Part:
    return tied.part_of(WHOLE, DEFINED | changes, PATH)


def test_every_member_is_one_architecture_of_the_whole_space() -> None:
    made = part()
    pairs = list(made.members())
    assert len(pairs) == made.space.size == 2 * 2**2 * 2**2
    assert [member.text for member, _ in pairs[:2]] == [
        '{"r":[32],"d":[1,1],"ks":[3,3]}',
        '{"r":[32],"d":[1,1],"ks":[3,7]}',
    ]
    full = {member.text: whole.text for member, whole in pairs}
    assert full['{"r":[48],"d":[2,1],"ks":[3,7]}'] == '{"r":[48],"d":[2,1,1],"ks":[3,3,7,null,7,null]}'
    assert len(set(full.values())) == len(pairs)
    assert all(isinstance(WHOLE.parse(text), Architecture) for text in full.values())
    assert {made.space.sample(random.Random(seed)).text for seed in range(50)} <= set(full)


def test_a_search_sees_the_ties_in_words() -> None:
    space = part().space
    r, d, ks = space.dimensions
    assert (r, ks.choices, ks.length, ks.slot_names) == (WHOLE.dimensions[0], ("3", "7"), 2, ("early", "late"))
    assert ks.meaning == (
        'Side of each kernel. In this space these are tied: "early" sets stage 1; "late" sets stage 2, stage 3.'
    )
    assert d.meaning == 'In this space these are tied: "early" sets stage 1; "late" sets stage 2, stage 3.'
    assert not any(each.active_count for each in space.dimensions)
    assert space.title == "A supernet: a part of it in which everything was measured"
    assert space.summary.startswith("A network of three stages. In this space some of these choices are tied: ")
    assert (space.metrics, space.splits) == (WHOLE.metrics, WHOLE.splits)
    own = part(title="Mine", summary="All  of it\n", dimensions=TIES | {"r": {"choices": [48], "meaning": "Pixels."}})
    assert (own.space.title, own.space.summary) == ("Mine", "A network of three stages. All of it")
    assert (own.space.dimensions[0].meaning, own.space.size) == ("Pixels.", 16)


def ties(name: str, **changes: Any) -> dict[str, Any]:
    return {"dimensions": TIES | {name: TIES.get(name, {}) | changes}}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"id": "whole"}, "id: must be a name of its own, other than whole"),
        ({"title": 3}, "title: must be a text"),
        ({"dimensions": []}, "dimensions: must be a mapping"),
        ({"dimensions": {"k": {}}}, 'dimensions: unknown key "k"; the keys are r, d, ks'),
        (ties("ks", choice=[3]), 'dimensions.ks: unknown key "choice"; the keys are choices, slots, meaning'),
        (ties("ks", choices=[]), "dimensions.ks.choices: must be a list of some of 3, 5, 7"),
        (ties("ks", choices=[3, 4]), "dimensions.ks.choices: 4 is not one of 3, 5, 7"),
        (ties("ks", choices=[True]), "dimensions.ks.choices: True is not one of 3, 5, 7"),
        (ties("ks", slots={"all": ["stage 4"]}), "dimensions.ks.slots.all: stage 4 is no slot and no group of ks; "),
        (ties("ks", slots={"all": []}), "dimensions.ks.slots.all: no slot is named of ks"),
        (ties("d", slots={"a": list(STAGES), "b": ["d[1]"]}), r"dimensions.d.slots.b: d\[1\] is set by a too; name it"),
        (ties("ks", slots={"a": list(STAGES[:2]), "b": "ks[4]"}), "ks.slots: nothing sets stage 3, block 2; add it"),
        ({"dimensions": {each.name: {"choices": [each.choices[0]]} for each in WHOLE.dimensions}}, "it has 1 members"),
        (
            ties("ks", slots={"first": ["ks[0]", "ks[2]", "ks[4]"], "second": ["ks[1]", "ks[3]", "ks[5]"]}),
            "are the same architecture; tie slots so that each choice sets one that is always part of it",
        ),
    ],
)
def test_a_definition_that_cannot_be_is_refused_with_its_place(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=f"^part.yaml.*{what}"):
        part(**changes)


def test_a_space_of_too_many_members_is_refused() -> None:
    whole = Space((Dimension("op", tuple("abcde"), (Group("all", 12),)),), id="whole")
    with pytest.raises(UsageError, match="it has 244,140,625 members; a bank has 2 to 100,000"):
        tied.part_of(whole, DEFINED | {"dimensions": {}}, PATH)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("space: [", "is not YAML"),
        ("- 1", "the file: must be a mapping"),
        ("{space: a, id: b}", "the file: dimensions is missing"),
        ("{space: a, id: b, dimensions: {}, tie: 1}", 'unknown key "tie"; the keys are space, id, title, summary, dim'),
    ],
)
def test_a_file_that_is_no_definition_is_refused(text: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "part.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=what):
        tied.definition(path)
    path.write_text(yaml.safe_dump(DEFINED))
    assert tied.definition(path) == DEFINED
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        tied.definition(tmp_path / "none.yaml")
