"""Keywords of Python become a configuration of the control plane; names are checked, values are passed on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collm_nas import settings
from collm_nas.errors import UsageError
from collm_nas.space import Space, choice

SPACE = Space(k=choice([1, 3]), name="kernels")


def configured(**keywords: Any) -> dict[str, Any]:
    return settings.configuration(SPACE, keywords)


def test_keywords_take_the_names_of_the_file() -> None:
    assert configured(budget=np.int64(60), give_up_after=5, out=Path("runs/first"), rounds=None) == {
        "space": "kernels",
        "budget": 60,
        "giveUpAfter": 5,
        "out": "runs/first",
    }


def test_settings_of_a_model_need_no_dictionary() -> None:
    assert configured(base_url="http://localhost:1/v1", model="m", top_p=0.9, silence_seconds=5)["model"] == {
        "baseUrl": "http://localhost:1/v1",
        "name": "m",
        "topP": 0.9,
    }
    assert configured(model={"name": "m", "max_tokens": 10}, temperature=0)["model"] == {
        "name": "m",
        "maxTokens": 10,
        "temperature": 0,
    }
    assert configured(silence_seconds=5)["evaluator"] == {"silenceSeconds": 5}
    assert configured(seed=3) == {"space": "kernels", "seed": 3}  # of the search, not of the model


def test_names_of_costs_stay_as_they_are() -> None:
    assert configured(limits={"params_m": 0.5}, candidates={"min": 1, "max": 2})["limits"] == {"params_m": 0.5}


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"serach": "rules"}, "no setting serach=; did you mean searcher=?"),
        ({"buget": 3}, "did you mean budget=?"),
        ({"qqqq": 3}, "no setting qqqq=; there are "),
        ({"evaluator": "localhost:1"}, "evaluator= is set by the call itself"),
        ({"seed": object()}, "seed= holds <object"),
        ({"caps": {"usd": 1j}}, "caps= holds 1j"),
    ],
)
def test_what_is_no_setting_is_named_with_the_nearest(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        configured(**keywords)
    assert words in str(caught.value)


def test_a_space_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="make one with"):
        settings.configuration("kernels", {})  # type: ignore[arg-type]
