"""Says how much of the variance of a score each slot and each dimension explains, in a linear fit.

Owns the estimate. Knows no network, no backend and no form of output.

The fit has a column for each choice of each slot. An inactive slot is a value of its own. Random architectures have
independent slots, so what a slot explains by itself estimates its part of the fit, and the parts add up; that also
holds for samples that are smaller than the number of columns. But in a small sample the slots that matter are a little
like others by chance. So slots are fitted one after the other, the largest first, each to what is left over, as long as
one explains more than chance does. The others are then estimated from what is left over at the end, each by itself.

Whether a slot is active follows from the dimension that counts active slots, so that part is the counting dimension's:
a slot's share is what its choice explains among the architectures that have it.

Each share is adjusted for the number of choices: what chance explains is taken off, so a slot without effect has 0 on
average, and may be below 0. Source: Kelley, An unbiased correlation ratio measure, PNAS 21 (1935). What chance does to
the largest share is estimated from scores in a random order.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INACTIVE = -1
"""The choice of a slot that is no part of the network."""
_ORDERS = 200
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Explained:
    """Shares of the variance, 1 for all of it; slots are named dimension[slot], or by a
    dimension that has only one.

    `slot_by_chance` is reached by the largest slot in 1 of 20 random orders of what is left over, and
    `dimension_by_chance` by the largest dimension.
    """

    all: float
    slots: Mapping[str, float]
    dimensions: Mapping[str, float]
    slot_by_chance: float
    dimension_by_chance: float


def explained(
    scores: NDArray[np.float64], choices: NDArray[np.int64], slots: Sequence[tuple[str, int]]
) -> Explained | None:
    """The shares of `slots`, each a dimension and a number, from choices [architectures, slots]; INACTIVE where it is.

    None where all scores are equal.
    """
    if len(scores) < 2 or np.ptp(scores) == 0:
        return None
    source = np.random.default_rng(0)
    left = scores - scores.mean()
    whole = float(np.square(left).sum())
    fits = [_Fit(each) for each in choices.T]
    shares = np.zeros(len(slots))
    waiting = list(range(len(slots)))
    while waiting:
        orders = np.column_stack([left, *(source.permutation(left) for _ in range(_ORDERS))])
        found = np.array([fits[slot].adjusted(orders) for slot in waiting]) / whole
        shares[waiting] = found[:, 0]
        by_chance = float(np.quantile(found[:, 1:].max(axis=0), _LEVEL))
        if found[:, 0].max() <= by_chance:
            break
        left = fits[waiting.pop(int(found[:, 0].argmax()))].left_over(left)
    names = list(dict.fromkeys(dimension for dimension, _ in slots))
    of_dimensions = np.equal.outer(names, [dimension for dimension, _ in slots])
    summed = of_dimensions[:, waiting] @ found[:, 1:] if waiting else np.zeros((len(names), _ORDERS))
    return Explained(
        all=float(shares.sum()),
        slots=dict(zip(_names(slots), map(float, shares), strict=True)),
        dimensions=dict(zip(names, map(float, of_dimensions @ shares), strict=True)),
        slot_by_chance=by_chance,
        dimension_by_chance=float(np.quantile(summed.max(axis=0), _LEVEL)),
    )


class _Fit:
    """The effects of the choices of one slot, among the architectures that have it."""

    def __init__(self, chosen: NDArray[np.int64]) -> None:
        self._active = chosen != INACTIVE
        kinds, place = np.unique(chosen[self._active], return_inverse=True)
        self._is_chosen = np.equal.outer(np.arange(len(kinds)), place).astype(float)
        self._can_tell = 1 < len(kinds) < len(place)

    def _effects(self, centred: NDArray[np.float64]) -> NDArray[np.float64]:
        effects: NDArray[np.float64] = (self._is_chosen @ centred) / self._is_chosen.sum(axis=1)[:, None]
        return effects

    def adjusted(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The adjusted sum of squares that the slot explains, for scores [architectures, orders]."""
        if not self._can_tell:
            return np.zeros(scores.shape[1])
        active = scores[self._active]
        active = active - active.mean(axis=0)
        between = (np.square(self._effects(active)) * self._is_chosen.sum(axis=1)[:, None]).sum(axis=0)
        kinds, count = self._is_chosen.shape
        within = np.square(active).sum(axis=0) - between
        adjusted: NDArray[np.float64] = between - (kinds - 1) * within / (count - kinds)
        return adjusted

    def left_over(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores [architectures] without the effects."""
        active = scores[self._active]
        left = scores.copy()
        left[self._active] -= self._is_chosen.T @ self._effects((active - active.mean())[:, None])[:, 0]
        return left


def _names(slots: Sequence[tuple[str, int]]) -> list[str]:
    counts = Counter(name for name, _ in slots)
    return [name if counts[name] == 1 else f"{name}[{slot}]" for name, slot in slots]
