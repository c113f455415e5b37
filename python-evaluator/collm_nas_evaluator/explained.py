"""Says how much of the variance of a score each slot and each dimension explains, in a linear fit.

Owns the estimate. Knows no network, no backend and no form of output.

The fit has a column for each choice of each slot. An inactive slot is a value of its own. Random architectures have
independent slots, so the effect of a slot by itself estimates its part of the fit; that also holds for samples that are
smaller than the number of columns. But in a small sample the slots that matter are a little like others by chance. So
slots are fitted together, the largest first, as long as another one explains more of what is left over than chance
does, and half of the sample's degrees of freedom are left. Each share is estimated from the scores without the effects
of the other fitted slots, those of the slots that are not fitted from what is left over.

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
_SWEEPS = 10


@dataclass(frozen=True, slots=True)
class Explained:
    """Shares of the variance, 1 for all of it: of the whole fit, of each slot and of each dimension.

    Slots are named dimension[slot], or by a dimension that has only one.
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
    centred = scores - scores.mean()
    whole = float(np.square(centred).sum())
    fits = [_Fit(each) for each in choices.T]
    fitted: dict[int, NDArray[np.float64]] = {}
    shares = np.zeros(len(slots))
    while True:
        left = centred - sum(fitted.values())
        free = len(scores) - sum(fits[slot].kinds - 1 for slot in fitted)
        waiting = [slot for slot in range(len(slots)) if slot not in fitted]
        orders = np.column_stack([left, *(source.permutation(left) for _ in range(_ORDERS))])
        found = np.array([fits[slot].adjusted(orders) for slot in waiting]) * len(scores) / free / whole
        by_chance = float(np.quantile(found[:, 1:].max(axis=0), _LEVEL)) if waiting else 0.0
        best = int(found[:, 0].argmax()) if waiting else 0
        if not waiting or found[best, 0] <= by_chance or free - fits[waiting[best]].kinds < len(scores) / 2:
            break
        fitted[waiting[best]] = np.zeros(len(scores))
        for _ in range(_SWEEPS):
            for slot in fitted:
                others = centred - sum(each for other, each in fitted.items() if other != slot)
                shares[slot] = fits[slot].adjusted(others[:, None])[0] / whole
                fitted[slot] = fits[slot].effects(others)
    together = 1 - float(np.square(left).sum()) / (free - 1) * (len(scores) - 1) / whole
    shares[waiting] = found[:, 0] if waiting else []
    names = list(dict.fromkeys(dimension for dimension, _ in slots))
    of_dimensions = np.equal.outer(names, [dimension for dimension, _ in slots])
    summed = of_dimensions[:, waiting] @ found[:, 1:] if waiting else np.zeros((len(names), 1))
    return Explained(
        all=together + float(shares[waiting].sum()),
        slots=dict(zip(_names(slots), map(float, shares), strict=True)),
        dimensions=dict(zip(names, map(float, of_dimensions @ shares), strict=True)),
        slot_by_chance=by_chance,
        dimension_by_chance=float(np.quantile(summed.max(axis=0), _LEVEL)),
    )


class _Fit:
    """The effects of the choices of one slot, among the architectures that have it."""

    def __init__(self, chosen: NDArray[np.int64]) -> None:
        self._active = chosen != INACTIVE
        kinds, place, self._counts = np.unique(chosen[self._active], return_inverse=True, return_counts=True)
        self.kinds = len(kinds)
        self._is_chosen = np.equal.outer(np.arange(self.kinds), place).astype(float)

    def effects(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the slot adds to each of the scores [architectures]."""
        active = scores[self._active]
        effects = np.zeros(len(scores))
        effects[self._active] = self._is_chosen.T @ (self._is_chosen @ (active - active.mean()) / self._counts)
        return effects

    def adjusted(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The adjusted sum of squares that the slot explains, for scores [architectures, orders]."""
        count = int(self._counts.sum())
        if not 1 < self.kinds < count:
            return np.zeros(scores.shape[1])
        active = scores[self._active]
        active = active - active.mean(axis=0)
        between = (np.square(self._is_chosen @ active) / self._counts[:, None]).sum(axis=0)
        within = np.square(active).sum(axis=0) - between
        adjusted: NDArray[np.float64] = between - (self.kinds - 1) * within / (count - self.kinds)
        return adjusted


def _names(slots: Sequence[tuple[str, int]]) -> list[str]:
    counts = Counter(name for name, _ in slots)
    return [name if counts[name] == 1 else f"{name}[{slot}]" for name, slot in slots]
