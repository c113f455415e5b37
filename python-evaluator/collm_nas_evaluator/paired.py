"""Computes the standard error of the difference of two networks on the same images, for all pairs at once.

Owns that formula. Knows no network and no file.
"""

import numpy as np
from numpy.typing import NDArray


def standard_errors(hits: NDArray[np.bool_], groups: NDArray[np.int64] | None = None) -> NDArray[np.float64] | None:
    """The standard errors of the differences of all pairs, in percent, [networks, networks], from [networks, images].

    The diagonal has those of the networks by themselves. Images of the same group [images] go together: a group's sum
    of residuals counts as one observation s, and the result is 100 / n sqrt(G / (G - 1) sum(s^2)) for n images in G
    groups. Without groups each image is by itself, and the factor, which corrects for few groups, is left out: the
    diagonal is then binomial. On the same images much of the noise cancels out. Source as of the single standard error:
    Liang and Zeger, Biometrika 73 (1986). None for fewer than two images or groups.
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
