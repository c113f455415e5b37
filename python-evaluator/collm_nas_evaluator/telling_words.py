"""Says in words what a sample of a space says about it: a finding for each thing, and one closing sentence.

Owns these words. Decides nothing: the verdict of a finding is that of its criteria. Knows no backend.
"""

import math
from collections.abc import Iterator, Sequence

from collm_nas_evaluator import telling as rule
from collm_nas_evaluator.estimates import TWO_SIDED, Estimate
from collm_nas_evaluator.explained import Explained
from collm_nas_evaluator.findings import Finding, Verdict
from collm_nas_evaluator.telling import CostOrder, Noise, Orders, Spread, Telling

_SLOTS_NAMED = 4
_ADVICE = "a search can hardly tell them apart; score with more inputs, or train the supernet longer"


def findings(telling: Telling) -> list[Finding]:
    """A finding for each thing, in the order to show them."""
    return [*_findings(telling)]


def closing(telling: Telling) -> str:
    """Whether the space can tell searchers apart at the budget, and why not."""
    at = f"with {telling.budget:,} evaluations"
    if telling.tells:
        doubts = "; ".join(each.text for each in telling.unknown)
        return f"It can tell searchers apart {at}{f', as far as known: {doubts}' if doubts else ''}."
    reasons = "; ".join(each.text for each in telling.against)
    more = "" if any(each.is_settled for each in telling.against) else " More --samples can change this."
    return f"It cannot tell searchers apart {at}: {reasons}.{more}"


def duration(seconds: float) -> str:
    """A time in words, in the unit that fits."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def span(low: float, high: float) -> str:
    """A range of numbers."""
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


# --- internal ---


def _findings(telling: Telling) -> Iterator[Finding]:
    points = " points" if telling.unit == "percent" else ""
    yield _noise(telling, points)
    yield _spread(telling, telling.spread, points)
    if telling.noise is not None and telling.noise.difference:
        text = _gain(telling, telling.noise, points)
        yield Finding("gain", _verdict(telling, "gain"), text)
    yield _splits(telling, telling.orders)
    if telling.explained is not None:
        yield _slots(telling.explained)
    for name, cost in telling.costs.items():
        yield Finding(f"cost {name}", "ok" if cost.limits else "note", _cost(cost, points))
    yield _time(telling)


def _verdict(telling: Telling, about: str) -> Verdict:
    found = [each.holds for each in telling.criteria if each.about == about]
    return "falls short" if False in found else "note" if None in found else "ok"


def _noise(telling: Telling, points: str) -> Finding:
    noise = telling.noise
    if noise is None:
        text = "not known: there is neither a standard error nor which inputs were right"
        return Finding("noise", "note", text)
    where = "taken as independent"
    if noise.is_paired:
        grouped = "" if noise.groups is None else f" in {noise.groups:,} groups"
        where = f"on the same {noise.images:,} inputs{grouped}"
    text = f"{noise.one:.2g}{points} for one evaluation, {noise.difference:.2g} for the difference of two {where}"
    if telling.test_noise is not None:
        text += f"; on the test split {telling.test_noise.one:.2g} and {telling.test_noise.difference:.2g}"
    return Finding("noise", "ok", f"{text} (one standard error)")


def _spread(telling: Telling, spread: Spread, points: str) -> Finding:
    if not spread.deviation.value:
        return Finding("spread", "falls short", f"all architectures have the same score: {_ADVICE}")
    parts = [f"deviation {_estimate(spread.deviation)}{points}"]
    if spread.ratio is not None:
        crowded = ", as scores crowd at the top" if spread.needed == rule.SPREAD_IF_CROWDED else ""
        parts.append(f"{_estimate(spread.ratio)} times the noise of a difference, {spread.needed:g} needed{crowded}")
    low, high = spread.quantiles
    narrow = telling.unit == "percent" and spread.range.value < rule.NARROW
    parts.append(f"5 to 95 % is {low:.4g} to {high:.4g}{', which is narrow' if narrow else ''}")
    parts.append(f"worst to best {span(*spread.extremes)}")
    parts.append(f"skewness {_estimate(spread.skewness)}")
    if spread.apart is not None:
        parts.append(f"{spread.apart:.0%} of the pairs differ by more than their noise")
    if not telling.shows_differences:
        return Finding("spread", "falls short", f"{'; '.join(parts)}: {_ADVICE}")
    verdict = _verdict(telling, "spread")
    return Finding("spread", "note" if verdict == "ok" and narrow else verdict, "; ".join(parts))


def _gain(telling: Telling, noise: Noise, points: str) -> str:
    return (
        f"a searcher worth {rule.BETTER} times the {telling.budget:,} evaluations of random search ends about "
        f"{telling.spread.gain:.2g}{points} better, {TWO_SIDED * noise.difference:.2g} needed: {TWO_SIDED} times the "
        "noise of a difference"
    )


def _splits(telling: Telling, orders: Orders | None) -> Finding:
    if orders is None:
        why = next(each.text for each in telling.criteria if each.about == "splits")
        return Finding("splits", "note", f"{why}, so nothing says whether a better score is better on other data")
    every = "not known" if orders.all is None else _estimate(orders.all)
    best = "not known" if orders.best is None else _estimate(orders.best)
    text = (
        f"rank correlation of search and test {every} over all, {rule.ORDER:g} needed; {best} among the best "
        f"{orders.in_best}, {rule.ORDER_OF_THE_BEST:g} needed"
    )
    return Finding("splits", _verdict(telling, "splits"), text)


def _slots(explained: Explained) -> Finding:
    ranked = sorted(explained.slots.items(), key=lambda each: -each[1])
    dominant = ranked[0][1] > max(rule.MOST_OF_A_SLOT, explained.slot_by_chance)
    is_seen = explained.dimension_by_chance <= rule.LEAST_OF_A_DIMENSION
    idle = [name for name, share in explained.dimensions.items() if is_seen and share < rule.LEAST_OF_A_DIMENSION]
    parts = [
        f"{_share(explained.all)} of the variance in a linear fit",
        f"by dimension {_shares(list(explained.dimensions.items()))} (to {_share(explained.dimension_by_chance)} by "
        "chance)",
        f"by slot {_shares(ranked[:_SLOTS_NAMED])} (to {_share(explained.slot_by_chance)} by chance)",
    ]
    if dominant:
        parts.append(f"{ranked[0][0]} decides most")
    if idle:
        parts.append(f"{', '.join(idle)} decide{'s' if len(idle) == 1 else ''} next to nothing")
    return Finding("slots", "note" if dominant or idle else "ok", "; ".join(parts))


def _cost(cost: CostOrder, points: str) -> str:
    if not cost.limits:
        return f"{cost.low:.4g} for every architecture, so a limit on it says nothing"
    order = "not known" if cost.with_score is None else _estimate(cost.with_score)
    limits = ", ".join(f"within {each.limit:.4g} ({each.within:.0%}) {each.lost:.2g}{points}" for each in cost.limits)
    return f"{span(cost.low, cost.high)}; rank correlation with the score {order}; the best is worse {limits}"


def _time(telling: Telling) -> Finding:
    if telling.seconds is None:
        return Finding("time", "note", "not measured")
    if not telling.seconds:
        return Finding("time", "ok", "scores are looked up, which takes no time")
    whole = duration(telling.seconds * telling.budget)
    return Finding("time", "ok", f"{duration(telling.seconds)} an evaluation, about {whole} for {telling.budget:,}")


def _shares(shares: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {_share(share)}" for name, share in shares)


def _share(share: float) -> str:
    return f"{min(max(share, 0.0), 1.0):.0%}"


def _estimate(estimate: Estimate) -> str:
    """Three numbers with as many digits as the width of the interval is worth."""
    width = max(abs(estimate.high - estimate.low), abs(estimate.value) / 1000, 1e-12)
    digits = min(max(1 - math.floor(math.log10(width)), 0), 6)
    value, low, high = (f"{each:.{digits}f}" for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"
