"""Computes standard errors: of a share of right images, of the difference of two shares, and of a mean of trials.

Owns the four formulas. A standard error that the data cannot tell is None, never a guess: of fewer than two images,
groups or trials. Knows no image, no network and no file.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def of_percentage(percent: float, images: int) -> float | None:
    """The binomial standard error of a share of independent images, in percent: 100 sqrt(p (1 - p) / n).

    It is 0 where all images are right, or none is: such a set is too easy or too hard to tell.
    """
    if images < 2:
        return None
    share = percent / 100.0
    return 100.0 * float(np.sqrt(share * (1.0 - share) / images))


def of_hits(hits: NDArray[np.bool_], groups: NDArray[np.int64] | None = None) -> float | None:
    """The standard error of the percentage of hits [images], where images of the same group [images] go together.

    Without groups it is binomial. With groups it is cluster-robust: each group's sum of residuals, hit - mean, counts
    as one observation s, and the result is 100 / n sqrt(G / (G - 1) sum(s^2)) for G groups of any sizes.
    Source: Liang and Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73 (1986), for a
    regression on a constant alone; the factor G / (G - 1) is the usual correction for few groups.
    """
    count = len(hits)
    if groups is None:
        return of_percentage(percentage(hits), count) if count else None
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=hits - hits.mean()) if count else np.zeros(0)
    if len(sums) < 2:
        return None
    return 100.0 / count * float(np.sqrt(len(sums) / (len(sums) - 1) * np.square(sums).sum()))


def of_differences(hits: NDArray[np.bool_], groups: NDArray[np.int64] | None = None) -> NDArray[np.float64] | None:
    """The standard errors of the differences of all pairs, in percent, [networks, networks], from [networks, images].

    The diagonal has those of the networks by themselves. Images of the same group [images] go together: a group's sum
    of residuals counts as one observation s, and the result is 100 / n sqrt(G / (G - 1) sum(s^2)) for n images in G
    groups. Without groups each image is by itself, and the factor, which corrects for few groups, is left out: the
    diagonal is then binomial. On the same images much of the noise cancels out. Source: as of `of_hits`. None for fewer
    than two images or groups.
    """
    images = hits.shape[1]
    if groups is None:
        residuals, factor = hits - hits.mean(axis=1, keepdims=True), 1.0
    else:
        _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        sums = np.array([np.bincount(place, weights=each) for each in hits])
        residuals = sums - hits.mean(axis=1, keepdims=True) * sizes
        factor = len(sizes) / (len(sizes) - 1) if len(sizes) > 1 else 1.0
    if residuals.shape[1] < 2:
        return None
    products = residuals @ residuals.T
    alone = np.diag(products)
    squares = np.add.outer(alone, alone) - 2 * products  # of the difference of two sums of residuals
    np.fill_diagonal(squares, alone)
    errors: NDArray[np.float64] = 100 / images * np.sqrt(factor * np.maximum(squares, 0))
    return errors


def of_mean(values: Sequence[float]) -> float | None:
    """The standard error of the mean of independent trials: their deviation (n - 1) by the root of their number."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def percentage(hits: NDArray[np.bool_]) -> float:
    """The share of hits, in percent."""
    return 100.0 * int(hits.sum()) / len(hits)
