"""Standard errors: by hand, against the spread of repeated draws, and none where the data cannot tell."""

import math

import numpy as np
import pytest
from scipy import stats

from collm_nas_evaluator import standard_errors


def test_of_a_percentage_by_hand() -> None:
    assert standard_errors.of_percentage(80.0, 400) == pytest.approx(2.0)
    hits = np.array([True] * 320 + [False] * 80)
    assert standard_errors.of_hits(hits) == standard_errors.of_percentage(80.0, 400)


def test_of_groups_by_hand() -> None:
    """Half of six images is right. The residuals add up to 1/2, 1/2 and -1 in the groups, whose squares to 3/2."""
    hits = np.array([True, True, False, False, True, False])
    groups = np.array([7, 7, 7, 1, 2, 1])
    assert standard_errors.of_hits(hits, groups) == pytest.approx(100 / 6 * math.sqrt(3 / 2 * 3 / 2))


def test_images_by_themselves_are_binomial_and_copies_count_once() -> None:
    hits = np.random.RandomState(0).uniform(size=300) < 0.7
    alone = standard_errors.of_hits(hits, np.arange(300))
    binomial = standard_errors.of_hits(hits)
    assert binomial is not None
    assert alone == pytest.approx(binomial * math.sqrt(300 / 299))
    assert standard_errors.of_hits(np.repeat(hits, 12), np.repeat(np.arange(300), 12)) == pytest.approx(alone)


def test_it_is_the_spread_of_repeated_draws() -> None:
    """Groups of 1 to 20 images, whose images are right together or wrong together more often than not."""
    source = np.random.RandomState(1)
    means, clustered, binomial = [], [], []
    for _ in range(2_000):
        sizes = source.randint(1, 21, 150)
        groups = np.repeat(np.arange(150), sizes)
        hits = source.uniform(size=len(groups)) < source.beta(2, 1, 150)[groups]
        means.append(standard_errors.percentage(hits))
        clustered.append(standard_errors.of_hits(hits, groups) or math.nan)
        binomial.append(standard_errors.of_hits(hits) or math.nan)
    spread = np.std(means)
    assert np.sqrt(np.mean(np.square(clustered))) == pytest.approx(spread, rel=0.05)
    assert np.sqrt(np.mean(np.square(binomial))) < 0.6 * spread
    within = np.abs(np.array(means) - 100 * 2 / 3) < 1.96 * np.array(clustered)
    assert within.mean() == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    "found",
    [
        standard_errors.of_percentage(100.0, 1),
        standard_errors.of_hits(np.zeros(0, np.bool_)),
        standard_errors.of_hits(np.zeros(0, np.bool_), np.zeros(0, np.int64)),
        standard_errors.of_hits(np.array([True])),
        standard_errors.of_hits(np.array([True, False]), np.array([3, 3])),
        standard_errors.of_mean([90.0]),
    ],
)
def test_what_the_data_cannot_tell_is_none(found: float | None) -> None:
    assert found is None


def test_of_the_mean_of_trials() -> None:
    trials = [91.2, 90.7, 91.6]
    assert standard_errors.of_mean(trials) == pytest.approx(stats.sem(trials))
