"""Estimates numbers of a population from a random sample of it, each with a 95 % interval.

Owns the formulas of the intervals. Knows no architecture, no score and no image.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TWO_SIDED = 1.96
"""How many standard errors a 95 % interval reaches to each side."""
FEWEST_FOR_RANKS = 5
"""Of fewer values the interval of a rank correlation is everything."""
_RESAMPLES = 1000
_LEVELS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of the population as the sample has it, and its 95 % interval."""

    value: float
    low: float
    high: float

    def __truediv__(self, by: float) -> "Estimate":
        return Estimate(self.value / by, self.low / by, self.high / by)


def resampled(values: Numbers, statistic: Callable[[Numbers], float]) -> Estimate:
    """The statistic of the sample; its interval is between percentiles of the bootstrap, with a fixed seed.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    source = np.random.default_rng(0)
    count = len(values)
    found = [statistic(values[source.integers(0, count, count)]) for _ in range(_RESAMPLES)]
    low, high = np.quantile(found, _LEVELS)
    return Estimate(statistic(values), float(low), float(high))


def rank_correlation(one: Numbers, other: Numbers) -> Estimate | None:
    """Spearman's rank correlation; None for too few values, or where all values are equal.

    The interval is Fisher's with the variance (1 + r^2 / 2) / (n - 3). Source: Bonett and Wright, Sample size
    requirements for estimating Pearson, Kendall and Spearman correlations, Psychometrika 65 (2000).
    """
    count = len(one)
    if count < FEWEST_FOR_RANKS or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    value = float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])
    middle = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    reach = TWO_SIDED * math.sqrt((1 + value**2 / 2) / (count - 3))
    return Estimate(value, math.tanh(middle - reach), math.tanh(middle + reach))


def deviation(values: Numbers) -> float:
    """The standard deviation, with n - 1."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def upper_deviation(values: Numbers) -> float:
    """How far the better half lies above the median, as a root of the mean square.

    Of a normal distribution it is the standard deviation. A long tail of bad values does not change it.
    """
    above = values - np.median(values)
    better = above[above > 0]
    return float(np.sqrt(np.square(better).mean())) if len(better) else 0.0


def skewness(values: Numbers) -> float:
    """The third standardised moment: negative where values crowd at the top, with a tail of low ones."""
    centred = values - values.mean()
    second = float(np.square(centred).mean())
    return float((centred**3).mean()) / second**1.5 if second > 0 else 0.0


def middle_range(values: Numbers) -> float:
    """The distance from the 5 % to the 95 % quantile."""
    low, high = np.quantile(values, (0.05, 0.95))
    return float(high - low)


def expected_best(count: float) -> float:
    """The expected largest of `count` draws from a standard normal distribution.

    Source: Blom, Statistical Estimates and Transformed Beta-Variables (1958): the quantile at (n - 3/8) / (n + 1/4).
    """
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25))


def _ranks(values: Numbers) -> Numbers:
    """The rank of each value from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Numbers = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks
