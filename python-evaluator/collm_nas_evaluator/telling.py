"""Says whether a space can tell searchers apart, from what random architectures of it scored.

Owns the rule and its thresholds: `tells` is true when no criterion speaks against it. A criterion that cannot be judged
(noise that is not known, no test split) does not. Knows no backend, no network and no form of output: it is given
arrays.

A space tells searchers apart when a better searcher ends with a score that is better by more than noise. So three
things have to hold. The spread of random architectures is several times the noise of a difference of two evaluations,
more where scores crowd at the top. At the budget, a searcher that is worth several times its evaluations gains more
than that noise: for a normal distribution of scores the expected best of n random draws is known, and its scale is
taken from the better half, where a search ends. And search and test split put architectures in the same order, also
among the best quarter, where a search spends its time.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collm_nas_evaluator import estimates, standard_errors
from collm_nas_evaluator.estimates import TWO_SIDED, Estimate, Numbers
from collm_nas_evaluator.explained import Explained, explained

FEWEST = 10
"""Of fewer architectures nothing can be said."""
SPREAD = 5.0
SPREAD_IF_CROWDED = 7.0
"""How many times the noise of a difference the spread has to be, and the same where scores crowd at the top."""
CROWDED = -0.5
"""The skewness from which on they do."""
BETTER = 4
"""The searcher that has to be seen: as good as random search with this many times the evaluations."""
ORDER = 0.95
ORDER_OF_THE_BEST = 0.6
"""The rank correlation of search and test, over all and in the best quarter."""
MOST_OF_A_SLOT = 0.35
LEAST_OF_A_DIMENSION = 0.05
"""Shares of the variance that are remarkable: a slot that decides all, and a dimension that decides nothing."""
NARROW = 5.0
"""A 5 to 95 % range of a percentage, in points, that is remarkably narrow."""
FEW_PAIRS = 0.1
"""Of architectures that are all alike, about 5 % of the pairs seem to differ."""
_QUARTER = 4
_LIMITS = (0.25, 0.5, 0.75)
_MOST_PAIRED = 1000
"""Pairs are made of the first so many architectures."""


@dataclass(frozen=True)
class Split:
    """What random architectures scored on one split, [architectures].

    `hits` [architectures, images] are known where the score is a percentage of hits, and `groups` [images] where images
    go together. `standard_errors` are those that the measurements have, if all have one.
    """

    scores: Numbers
    hits: NDArray[np.bool_] | None = None
    groups: NDArray[np.int64] | None = None
    standard_errors: Numbers | None = None


@dataclass(frozen=True)
class Sample:
    """Random architectures, and what was measured of them.

    `choices` are [architectures, slots], with a dimension and a number for each of `slots`; `costs` are by name,
    [architectures]. `seconds` are those of evaluations on the search split. `size` is the number of architectures in
    the space, `unit` that of the score.
    """

    search: Split
    choices: NDArray[np.int64]
    slots: Sequence[tuple[str, int]]
    size: int
    budget: int
    test: Split | None = None
    why_no_test: str = "there is no test split"
    costs: Mapping[str, Numbers] = field(default_factory=dict)
    seconds: Numbers = field(default_factory=lambda: np.zeros(0))
    unit: str = "percent"
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Noise:
    """The median standard error of one evaluation, and of the difference of two, in the unit of the score.

    `images` are those of an evaluation, `groups` how many groups they are in, both None where unknown. `is_paired` says
    whether the difference is on the same images; otherwise the two are taken for independent.
    """

    one: float
    difference: float
    is_paired: bool
    images: int | None = None
    groups: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """How much the search scores of random architectures differ, in the unit of the score.

    `ratio` is the deviation by the noise of a difference, and `needed` what it has to be. Its interval is that of the
    deviation: the noise is taken as known. `apart` is the share of pairs that differ by more than their noise. Both are
    None where noise is not known, `ratio` also where there is none. `gain` is what a better searcher gains at the
    budget.
    """

    deviation: Estimate
    upper_deviation: Estimate
    range: Estimate
    quantiles: tuple[float, float]
    extremes: tuple[float, float]
    skewness: Estimate
    gain: float
    needed: float
    ratio: Estimate | None
    apart: float | None


@dataclass(frozen=True, slots=True)
class Orders:
    """The rank correlation of search and test; None where there are too few architectures or no differences."""

    all: Estimate | None
    best: Estimate | None
    in_best: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on a cost: the share of architectures within it, the best score within, and what it costs in score."""

    limit: float
    within: float
    best: float
    lost: float


@dataclass(frozen=True, slots=True)
class CostOrder:
    """A cost: its range, its rank correlation with the score (positive: costlier is better), and limits on it."""

    low: float
    high: float
    with_score: Estimate | None
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that has to hold; `about` names the finding. `holds` is None where it cannot be judged.

    `is_settled` is false when the interval of its estimate reaches to the other side of the threshold.
    """

    about: str
    holds: bool | None
    text: str
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything that a sample says about a space, and the verdict with all its criteria."""

    architectures: int
    size: int
    budget: int
    unit: str
    noise: Noise | None
    test_noise: Noise | None
    spread: Spread
    orders: Orders | None
    explained: Explained | None
    costs: Mapping[str, CostOrder]
    seconds: float | None
    criteria: tuple[Criterion, ...]

    @property
    def tells(self) -> bool:
        return not self.against

    @property
    def shows_differences(self) -> bool:
        """Whether a search can find anything: scores differ, and not by noise alone."""
        return self.spread.deviation.value > 0 and (self.spread.apart is None or self.spread.apart > FEW_PAIRS)

    @property
    def against(self) -> tuple[Criterion, ...]:
        return tuple(each for each in self.criteria if each.holds is False)

    @property
    def unknown(self) -> tuple[Criterion, ...]:
        return tuple(each for each in self.criteria if each.holds is None)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every number, None for what is not known."""
        return {"tells": self.tells, **dataclasses.asdict(self)}


def telling(sample: Sample) -> Telling:
    """What the sample says. It has at least two architectures."""
    sign = 1.0 if sample.higher_is_better else -1.0
    scores = sign * sample.search.scores
    noise, pairs = _noise(sample.search)
    spread = _spread(sample, scores, noise, pairs)
    orders = None if sample.test is None else _orders(scores, sign * sample.test.scores)
    return Telling(
        architectures=len(scores),
        size=sample.size,
        budget=sample.budget,
        unit=sample.unit,
        noise=noise,
        test_noise=None if sample.test is None else _noise(sample.test)[0],
        spread=spread,
        orders=orders,
        explained=explained(scores, sample.choices, sample.slots),
        costs={name: _cost_order(cost, scores, sign) for name, cost in sample.costs.items()},
        seconds=float(np.median(sample.seconds)) if len(sample.seconds) else None,
        criteria=tuple(_criteria(sample, noise, spread, orders)),
    )


def all_known(numbers: Sequence[float | None]) -> Numbers | None:
    """The numbers, or None when one is not known."""
    known = [each for each in numbers if each is not None]
    return np.array(known) if len(known) == len(numbers) else None


# --- internal ---


def _criteria(sample: Sample, noise: Noise | None, spread: Spread, orders: Orders | None) -> Iterator[Criterion]:
    """The rule."""
    count = len(sample.search.scores)
    yield Criterion("evaluations", count >= FEWEST, f"{count} architectures have a score (at least {FEWEST} needed)")
    whole = f"a budget of {sample.budget} is for a space of {sample.size} architectures (more than the budget needed)"
    yield Criterion("evaluations", sample.budget < sample.size, whole)
    if not spread.deviation.value:
        yield Criterion("spread", holds=False, text="all architectures have the same score")
    elif noise is None:
        yield Criterion("noise", holds=None, text="the noise is not known")
    elif spread.ratio is not None:
        text = f"the spread is {spread.ratio.value:.3g} times the noise ({spread.needed:g} needed)"
        yield _above("spread", spread.ratio, spread.needed, text)
        seen = TWO_SIDED * noise.difference
        gain = f"{BETTER} times the evaluations of random search gain {spread.gain:.2g} ({seen:.2g} needed)"
        yield Criterion("gain", spread.gain >= seen, gain)
    if orders is None:
        yield Criterion("splits", holds=None, text=sample.why_no_test)
    else:
        yield from _criteria_of_orders(orders)


def _criteria_of_orders(orders: Orders) -> Iterator[Criterion]:
    for where, found, needed in (
        ("", orders.all, ORDER),
        (" in the best quarter", orders.best, ORDER_OF_THE_BEST),
    ):
        if found is None:
            yield Criterion("splits", holds=None, text=f"the rank correlation of search and test{where} is not known")
        else:
            text = f"the rank correlation of search and test is {found.value:.2f}{where} ({needed:g} needed)"
            yield _above("splits", found, needed, text)


def _above(about: str, found: Estimate, threshold: float, text: str) -> Criterion:
    return Criterion(about, found.value >= threshold, text, not found.low < threshold <= found.high)


def _noise(split: Split) -> tuple[Noise | None, NDArray[np.float64] | None]:
    """The noise, and the standard error of the difference of each pair [architectures, architectures]."""
    if split.hits is not None:
        pairs = standard_errors.of_differences(split.hits[:_MOST_PAIRED], split.groups)
        if pairs is None:
            return None, None
        groups = None if split.groups is None else len(np.unique(split.groups))
        images = split.hits.shape[1]
        return Noise(
            float(np.median(np.diag(pairs))), _median_pair(pairs), is_paired=True, images=images, groups=groups
        ), pairs
    if split.standard_errors is None:
        return None, None
    squares = np.square(split.standard_errors[:_MOST_PAIRED])
    pairs = np.sqrt(np.add.outer(squares, squares))
    return Noise(float(np.median(split.standard_errors)), _median_pair(pairs), is_paired=False), pairs


def _median_pair(pairs: NDArray[np.float64]) -> float:
    return float(np.median(pairs[np.triu_indices(len(pairs), 1)]))


def _spread(sample: Sample, scores: Numbers, noise: Noise | None, pairs: NDArray[np.float64] | None) -> Spread:
    deviation = estimates.resampled(scores, estimates.deviation)
    upper = estimates.resampled(scores, estimates.upper_deviation)
    skew = estimates.resampled(scores, estimates.skewness)
    low, high = np.quantile(sample.search.scores, (0.05, 0.95))
    grown = estimates.expected_best(BETTER * sample.budget) - estimates.expected_best(sample.budget)
    apart = None
    if pairs is not None:
        differences = np.abs(np.subtract.outer(scores[:_MOST_PAIRED], scores[:_MOST_PAIRED]))
        every = np.triu_indices(len(pairs), 1)
        apart = float((differences[every] > TWO_SIDED * pairs[every]).mean())
    return Spread(
        deviation=deviation,
        upper_deviation=upper,
        range=estimates.resampled(scores, estimates.middle_range),
        quantiles=(float(low), float(high)),
        extremes=(float(sample.search.scores.min()), float(sample.search.scores.max())),
        skewness=skew,
        gain=upper.value * grown,
        needed=SPREAD_IF_CROWDED if skew.value <= CROWDED else SPREAD,
        ratio=deviation / noise.difference if noise and noise.difference else None,
        apart=apart,
    )


def _orders(search: Numbers, test: Numbers) -> Orders:
    best = np.argsort(-search, kind="stable")[: math.ceil(len(search) / _QUARTER)]
    return Orders(
        estimates.rank_correlation(search, test), estimates.rank_correlation(search[best], test[best]), len(best)
    )


def _cost_order(cost: Numbers, scores: Numbers, sign: float) -> CostOrder:
    limits = []
    for share in _LIMITS if np.ptp(cost) else ():
        limit = float(np.quantile(cost, share, method="inverted_cdf"))
        within = cost <= limit
        best = scores[within].max()
        limits.append(Limit(limit, float(within.mean()), float(sign * best), float(scores.max() - best)))
    return CostOrder(float(cost.min()), float(cost.max()), estimates.rank_correlation(cost, scores), tuple(limits))
