"""Whether a space can tell searchers apart: statistics against known answers, and the rule criterion by criterion."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from collm_nas_evaluator import estimates, standard_errors, telling_words
from collm_nas_evaluator.explained import INACTIVE, explained
from collm_nas_evaluator.telling import FEWEST, Sample, Split, Telling, telling


def test_the_noise_of_a_difference_is_what_other_images_change_it_by() -> None:
    # Two networks see 60 groups of 1 to 9 like images: whether one is right depends on the group, and on both.
    source = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), source.integers(1, 10, 60))

    def hits() -> NDArray[np.bool_]:
        shared, own = source.normal(size=60), source.normal(size=(2, 60))
        single = source.normal(size=(2, len(groups)))
        return shared[groups] + own[:, groups] + single > np.array([[-1.0], [-0.5]])

    drawn = [hits() for _ in range(1500)]
    alone = np.std([100 * each[0].mean() for each in drawn])
    between = np.std([100 * (each[0].mean() - each[1].mean()) for each in drawn])
    clustered = np.array([standard_errors.of_differences(each, groups) for each in drawn[:300]])
    assert np.median(clustered[:, 0, 0]) == pytest.approx(alone, rel=0.06)
    assert np.median(clustered[:, 0, 1]) == pytest.approx(between, rel=0.06)
    assert np.array_equal(clustered, clustered.transpose(0, 2, 1))
    apart = standard_errors.of_differences(drawn[0])
    assert apart is not None
    share = drawn[0][1].mean()
    assert apart[1, 1] == pytest.approx(100 * np.sqrt(share * (1 - share) / len(groups)))
    assert apart[0, 1] == pytest.approx(100 * np.std(drawn[0][0].astype(float) - drawn[0][1]) / np.sqrt(len(groups)))
    assert apart[0, 1] < 0.7 * between
    assert standard_errors.of_differences(drawn[0], np.zeros(len(groups), np.int64)) is None


def test_estimates_have_the_values_and_intervals_that_are_known() -> None:
    source = np.random.default_rng(1)
    largest = source.normal(size=(20_000, 50)).max(axis=1).mean()
    assert estimates.expected_best(50) == pytest.approx(largest, abs=0.02)
    normal = source.normal(size=2000)
    assert estimates.upper_deviation(normal) == pytest.approx(1, abs=0.06)
    assert estimates.upper_deviation(np.where(normal < -1, -50, normal)) == pytest.approx(1, abs=0.06)
    found = estimates.resampled(normal[:400], estimates.deviation)
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.value / np.sqrt(2 * 400), rel=0.2)
    held = 0
    for _ in range(400):
        one, other = source.normal(size=(2, 40))
        interval = estimates.rank_correlation(one, one + other)
        assert interval is not None
        held += interval.low < 6 / np.pi * np.arcsin(np.sqrt(0.5) / 2) < interval.high
    assert 0.92 < held / 400 < 0.98
    ties = estimates.rank_correlation(np.array([1.0, 1, 2, 3, 3]), np.array([1.0, 2, 2, 5, 4]))
    assert ties is not None
    assert ties.value == pytest.approx(0.8922, abs=1e-4)
    assert estimates.rank_correlation(np.ones(9), normal[:9]) is None


def slotted(count: int, seed: int) -> tuple[NDArray[np.int64], list[tuple[str, int]]]:
    """Choices of depth (2, 3 or 4 of 4 layers), a kernel for each layer, and a resolution."""
    source = np.random.default_rng(seed)
    depth, kernels = source.integers(0, 3, count), source.integers(0, 3, (count, 4))
    kernels[np.arange(4) >= depth[:, None] + 2] = INACTIVE
    slots = [("depth", 0), *(("kernel", layer) for layer in range(4)), ("r", 0)]
    return np.column_stack([depth, kernels, source.integers(0, 4, count)]), slots


def test_the_variance_is_shared_among_the_slots_that_cause_it() -> None:
    choices, slots = slotted(4000, 2)
    deepest = choices[:, 4] != INACTIVE
    noise = np.random.default_rng(3).normal(size=len(choices))
    parts = {
        "depth": 2.0 * choices[:, 0],
        "kernel[1]": np.array([0.0, 5.0, 1.0])[choices[:, 2]],
        "kernel[3]": np.where(deepest, 3.0 * choices[:, 4], 0.0),
    }
    scores = sum(parts.values()) + noise
    found = explained(scores, choices, slots)
    assert found is not None
    assert list(found.slots) == ["depth", "kernel[0]", "kernel[1]", "kernel[2]", "kernel[3]", "r"]
    variance = scores.var()
    assert found.slots["kernel[1]"] == pytest.approx(parts["kernel[1]"].var() / variance, abs=0.03)
    # Of the deepest layer, only what its choice does is its own; that it is there at all is a matter of depth.
    assert found.slots["kernel[3]"] == pytest.approx(deepest.mean() * 6 / variance, abs=0.03)
    assert found.slots["depth"] == pytest.approx((2.0 * choices[:, 0] + 3 * deepest).var() / variance, abs=0.03)
    assert found.all == pytest.approx(1 - 1 / variance, abs=0.03)
    assert found.dimensions["kernel"] == pytest.approx(sum(found.slots[f"kernel[{at}]"] for at in range(4)))
    assert abs(found.slots["r"]) < 0.003
    alone = explained(deepest + 0.1 * noise, choices[:, 4:5], slots[4:5])
    assert alone is not None
    assert abs(alone.slots["kernel"]) < 0.003


def test_few_samples_do_not_explain_chance() -> None:
    found = [explained(np.random.default_rng(seed).normal(size=40), *slotted(40, seed)) for seed in range(60)]
    shares = [each for each in found if each is not None]
    assert np.mean([each.all for each in shares]) == pytest.approx(0, abs=0.06)
    above = [max(each.slots.values()) > each.slot_by_chance for each in shares]
    assert np.mean(above) < 0.15
    assert explained(np.ones(40), *slotted(40, 0)) is None


def sample(**changes: Any) -> Sample:
    """60 architectures with a spread of 3 points, on 2,000 images of each split that make noise of 0.4."""
    source = np.random.default_rng(5)
    quality = np.sort(source.normal(size=60))[source.permutation(60)]
    choices, slots = slotted(60, 5)
    made = Sample(
        search=Split(80 + 3 * quality, standard_errors=np.full(60, 0.3)),
        test=Split(79 + 3 * quality + source.normal(size=60, scale=0.3), standard_errors=np.full(60, 0.3)),
        choices=choices,
        slots=slots,
        size=10**6,
        budget=100,
        costs={"macs_m": 10 + quality + source.normal(size=60), "flat": np.ones(60)},
        seconds=np.array([0.5, 0.4, 9.0]),
    )
    return dataclasses.replace(made, **changes)


def words(found: Telling) -> str:
    closing = telling_words.closing(found)
    assert all(len(line) <= 80 for each in telling_words.findings(found) for line in str(each).splitlines())
    return closing


def test_a_space_with_a_wide_spread_and_splits_that_agree_tells() -> None:
    found = telling(sample())
    assert found.tells, found.against
    assert words(found) == "It can tell searchers apart with 100 evaluations."
    assert found.noise is not None
    assert (found.noise.one, found.noise.difference) == pytest.approx((0.3, 0.3 * np.sqrt(2)))
    assert found.spread.ratio is not None
    assert found.spread.ratio.value == pytest.approx(3 / 0.424, rel=0.15)
    assert found.spread.apart is not None
    assert 0.7 < found.spread.apart < 0.95
    assert found.seconds == 0.5
    macs = found.costs["macs_m"]
    assert [each.within for each in macs.limits] == [0.25, 0.5, 0.75]
    assert macs.limits[0].lost > macs.limits[2].lost >= 0
    assert found.costs["flat"].limits == ()
    named = {each.name: each for each in telling_words.findings(found)}
    assert named["time"].text == "0.5 s an evaluation, about 50 s for 100"
    assert named["cost flat"].verdict == "note"


BASE = sample()


def _as_if(**split: Any) -> Split:
    return dataclasses.replace(BASE.search, **split)


def _shuffled_at_the_top() -> Split:
    order = np.argsort(BASE.search.scores)
    scores = np.sort(BASE.search.scores)
    scores[-15:] = scores[-15:][np.random.default_rng(7).permutation(15)]
    return Split(scores[np.argsort(order)])


AGAINST: list[tuple[dict[str, Any], list[str]]] = [
    ({"search": _as_if(standard_errors=np.full(60, 0.9))}, ["the spread is ", "4 times the evaluations"]),
    # A tail of bad scores makes the spread wide, but does not help at the top.
    (
        {"search": _as_if(scores=np.where(BASE.search.scores < 77, 20.0, 80 + (BASE.search.scores - 80) / 6))},
        ["4 times the evaluations of random search gain"],
    ),
    ({"search": _as_if(scores=np.full(60, 80.0))}, ["all architectures have the same score"]),
    ({"test": Split(BASE.search.scores[::-1])}, ["the rank correlation of search and test is", "in the best quarter"]),
    ({"test": _shuffled_at_the_top()}, ["in the best quarter (0.6 needed)"]),
    ({"size": 100}, ["a budget of 100 is for a space of 100 architectures"]),
    ({"higher_is_better": False, "test": Split(-BASE.search.scores)}, ["search and test is", "in the best quarter"]),
]


@pytest.mark.parametrize(("changes", "reasons"), AGAINST)
def test_each_reason_against_is_said(changes: dict[str, Any], reasons: list[str]) -> None:
    found = telling(sample(**changes))
    assert not found.tells
    closing = words(found)
    assert closing.startswith("It cannot tell searchers apart with ")
    said = closing.partition(": ")[2].split("; ")
    assert len(said) == len(reasons)
    for reason, sentence in zip(reasons, said, strict=True):
        assert reason in sentence


def test_scores_that_crowd_at_the_top_need_a_wider_spread() -> None:
    crowded = telling(sample(search=_as_if(scores=90 - np.exp((80 - BASE.search.scores) / 5))))
    assert (crowded.spread.needed, telling(sample()).spread.needed) == (7, 5)
    low = telling(sample(search=_as_if(scores=np.exp((BASE.search.scores - 80) / 5)), higher_is_better=True))
    assert low.spread.needed == 5
    mirrored = telling(sample(search=_as_if(scores=np.exp((80 - BASE.search.scores) / 5)), higher_is_better=False))
    assert mirrored.spread.needed == 7


def test_what_is_not_known_does_not_speak_against_a_space_but_is_said() -> None:
    found = telling(sample(search=Split(BASE.search.scores), test=None))
    assert found.tells
    text = "It can tell searchers apart with 100 evaluations, as far as known: the noise is not known; there is no test"
    assert words(found) == f"{text} split."
    assert found.spread.ratio is None
    assert not telling(sample(search=_as_if(standard_errors=np.zeros(60)))).against


def test_an_unsettled_reason_asks_for_more_samples() -> None:
    margin = np.full(60, BASE.search.scores.std(ddof=1) / 4.8 / np.sqrt(2))
    found = telling(sample(search=_as_if(standard_errors=margin)))
    assert [each.is_settled for each in found.against if each.about == "spread"] == [False]
    few = 9
    cut = sample(
        search=Split(BASE.search.scores[:few]), test=None, choices=BASE.choices[:few], costs={}, seconds=np.zeros(0)
    )
    assert words(telling(cut)).endswith(f": {few} architectures have a score (at least {FEWEST} needed).")
