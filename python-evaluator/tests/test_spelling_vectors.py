"""The shared vectors of proto/vectors/spelling.json: the control plane's own tests read the same file."""

import json
from pathlib import Path
from typing import Any

import pytest

from collm_nas_evaluator.space import Architecture, from_json

VECTORS = json.loads((Path(__file__).parents[2] / "proto" / "vectors" / "spelling.json").read_text())
SPACES = {name: from_json(description) for name, description in VECTORS["spaces"].items()}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['space']} {json.dumps(case['raw'])[:60]}")
def test_a_raw_architecture_is_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    parsed = SPACES[case["space"]].parse(case["raw"])
    if "text" in case:
        assert isinstance(parsed, Architecture), parsed
        assert parsed.text == case["text"]
    else:
        assert not isinstance(parsed, Architecture), parsed
        expected = sorted((each["code"], each["place"]) for each in case["rejections"])
        assert sorted((each.code, each.place) for each in parsed) == expected


@pytest.mark.parametrize("refused", VECTORS["refusedSpaces"], ids=lambda refused: refused["why"])
def test_a_space_is_refused_as_the_vectors_say(refused: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_json(refused)


@pytest.mark.parametrize(
    "case", [case for case in VECTORS["cases"] if "text" in case], ids=lambda case: case["text"][:60]
)
def test_a_canonical_text_reads_as_itself(case: dict[str, Any]) -> None:
    parsed = SPACES[case["space"]].parse(case["text"])
    assert isinstance(parsed, Architecture)
    assert parsed.text == case["text"]
