"""Says how much of the variance of a score each slot and each dimension explains, in a linear fit.

Owns the estimate. Knows no network, no backend and no form of output.

The fit has one column for each choice of each slot. An inactive slot is a value of its own. Random architectures have
independent slots, so the effect of a slot by itself estimates its part of the whole fit, and the parts add up. That
also holds for samples that are smaller than the number of columns, where the whole fit cannot be computed. Whether a
slot is active follows from the dimension that counts active slots, so that part is the counting dimension's. A slot's
share is what its choice explains among the architectures that have it.

Each share is adjusted for the number of its choices: what chance explains is taken off, so a slot without effect has
0 on average and may be below 0. Source: Kelley, An unbiased correlation ratio measure, PNAS 21 (1935). What chance
still does to the largest share is estimated from scores in a random order.
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

    `slot_by_chance` is reached by the largest slot in 1 of 20 random orders of the scores, and `dimension_by_chance`
    by the largest dimension.
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
    orders = np.column_stack([scores, *(source.permutation(scores) for _ in range(_ORDERS))])
    shares = np.array([_share(orders, chosen) for chosen in choices.T])
    names = list(dict.fromkeys(dimension for dimension, _ in slots))
    summed = np.array([shares[[each == name for each, _ in slots]].sum(axis=0) for name in names])
    return Explained(
        all=float(shares[:, 0].sum()),
        slots=dict(zip(_names(slots), map(float, shares[:, 0]), strict=True)),
        dimensions={name: float(share) for name, share in zip(names, summed[:, 0], strict=True)},
        slot_by_chance=float(np.quantile(shares[:, 1:].max(axis=0), _LEVEL)),
        dimension_by_chance=float(np.quantile(summed[:, 1:].max(axis=0), _LEVEL)),
    )


def _names(slots: Sequence[tuple[str, int]]) -> list[str]:
    counts = Counter(name for name, _ in slots)
    return [name if counts[name] == 1 else f"{name}[{slot}]" for name, slot in slots]


def _share(scores: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """The adjusted share of one slot for scores [architectures, orders]."""
    whole = np.square(scores - scores.mean(axis=0)).sum(axis=0)
    active = scores[chosen != INACTIVE]
    _, place = np.unique(chosen[chosen != INACTIVE], return_inverse=True)
    is_chosen = np.equal.outer(np.arange(place.max(initial=-1) + 1), place)
    count, kinds = len(active), len(is_chosen)
    if kinds < 2 or count <= kinds:
        return np.zeros(scores.shape[1])
    active = active - active.mean(axis=0)
    between = (np.square(is_chosen @ active) / is_chosen.sum(axis=1)[:, None]).sum(axis=0)
    within = np.square(active).sum(axis=0) - between
    share: NDArray[np.float64] = (between - (kinds - 1) * within / (count - kinds)) / whole
    return share
