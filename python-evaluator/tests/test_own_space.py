"""Spaces as users describe them: what architectures look like, and what is refused with which words."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

import collm_nas as nas

PLAIN = nas.Space(
    kernel=nas.slots([1, 3, 5], 3, meaning="side of each layer's square kernel"),
    width=nas.choice([16, 24, 32], meaning="channels of every layer"),
)
DEEP = nas.Space(
    depth=nas.slots([1, 2], 2),
    k=nas.slots([3, 5, 7], groups={"stage 1": 2, "stage 2": 2}, active="depth"),
    act=nas.choice(["relu", "gelu"]),
    se=nas.choice([True, False]),
    rate=nas.choice([1e-05, 0.5, 1.0]),
)


def test_an_architecture_holds_choices_with_their_types() -> None:
    assert PLAIN.read({"kernel": (3, 1, 5), "width": "24"}) == {"kernel": [3, 1, 5], "width": 24}
    read = DEEP.read({"depth": [1, 2], "k": [[7], [3, 5]], "act": "gelu", "se": True, "rate": 0.00001})
    assert read == {"depth": [1, 2], "k": [7, None, 3, 5], "act": "gelu", "se": True, "rate": 1e-05}
    assert read["se"] is True
    assert isinstance(read["rate"], float)


def test_one_slot_of_slots_is_a_list_and_a_choice_is_not() -> None:
    space = nas.Space(many=nas.slots([1, 2], 1), one=nas.choice([1, 2]))
    assert space.read({"many": 1, "one": [2]}) == {"many": [1], "one": 2}


def test_text_and_samples_come_back_as_they_were() -> None:
    for seed in range(50):
        for space in (PLAIN, DEEP):
            drawn = space.sample(random.Random(seed))
            assert space.read(space.text(drawn)) == drawn


def test_a_template_is_the_text_of_an_architecture() -> None:
    space = nas.Space(op=nas.slots(["none", "conv"], 2), template="|{op[0]}~0|{op[1]}~1|")
    assert space.text({"op": ["conv", "none"]}) == "|conv~0|none~1|"
    assert space.read("|conv~0|none~1|") == {"op": ["conv", "none"]}


def test_every_part_of_the_contract_can_be_said() -> None:
    described = nas.Space(
        {"name": nas.slots(["a", "b"], 2, names=["first", "second"], meaning="letters")},
        name="letters",
        summary="Two letters.",
    ).described
    (dimension,) = described.dimensions
    assert (described.id, described.summary, dimension.meaning) == ("letters", "Two letters.", "letters")
    assert dimension.slot_names == ("first", "second")
    assert DEEP.size == sum(3 ** (first + second) for first in (1, 2) for second in (1, 2)) * 2 * 2 * 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nas.Space, "no dimension"),
        (lambda: nas.Space(k=nas.choice([1, 1])), '"k": a choice is listed twice'),
        (lambda: nas.Space(k=nas.choice([1, 1.0])), '"k": a choice is listed twice'),
        (lambda: nas.Space({"a b": nas.choice([1])}), '"a b": the name must be letters'),
        (lambda: nas.Space(k=nas.slots([1], 2, active="x")), 'active of dimension "k" names "x"'),
        (lambda: nas.Space(d=nas.choice(["1"]), k=nas.slots([1], 2, active="d")), '"k": active_count names no numeric'),
        (lambda: nas.Space(d=nas.choice([3]), k=nas.slots([1], 2, active="d")), "counts other than 0 to the size"),
        (lambda: nas.Space(k=nas.choice([1, "a"])), 'dimension "k" mixes numbers'),
        (lambda: nas.Space(k=[1, 2]), "nas.slots"),  # type: ignore[arg-type]
        (lambda: nas.Space({"k": nas.choice([1])}, k=nas.choice([2])), '"k" is given twice'),
        (lambda: nas.Space(k=nas.choice([1]), template="{k[1]}"), "template must name every slot"),
        (lambda: nas.Space(k=nas.choice([1]), name=""), "the name is ''"),
        (lambda: nas.choice([]), "at least one entry"),
        (lambda: nas.choice("abc"), "at least one entry"),
        (lambda: nas.choice([float("nan")]), "must be finite"),
        (lambda: nas.choice([[1]]), "a choice is"),  # type: ignore[list-item]
        (lambda: nas.slots([1, 2]), "either a length or groups"),
        (lambda: nas.slots([1], 2, groups={"a": 2}), "either a length or groups"),
        (lambda: nas.slots([1], 0), "length is 0"),
        (lambda: nas.slots([1], True), "length is True"),
        (lambda: nas.slots([1], groups={}), "groups is empty"),
        (lambda: nas.slots([1], groups={"a": 0}), "group 'a' is 0"),
        (lambda: PLAIN.read({"kernel": [1, 2, 3], "width": 8}), '"kernel[1]" is 2; choices are 1, 3, 5; "width'),
        (lambda: PLAIN.text({"kernel": [1, 1, 1]}), '"width" is missing'),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        make()
    assert isinstance(caught.value, nas.UsageError)
    assert words in str(caught.value)


def test_importing_loads_neither_grpc_nor_numpy_nor_torch() -> None:
    heavy = "{'grpc', 'numpy', 'torch', 'pandas', 'loky', 'collm_nas.searching'} & set(sys.modules)"
    program = f"import sys, collm_nas; collm_nas.Space(k=collm_nas.choice([1])); print({heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_module_hides_a_public_name() -> None:
    modules = {path.stem for path in Path(nas.__file__).parent.glob("*.py")}
    assert not modules & set(nas.__all__)


def test_every_public_name_is_there() -> None:
    for name in nas.__all__:
        assert getattr(nas, name) is not None
    assert set(nas.__all__) <= set(dir(nas))
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        nas.serach  # noqa: B018
