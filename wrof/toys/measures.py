"""The measures toys are made of, one at a time, each of total mass 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import WrofError
from ..measure import Floats, Grid, Measure, PointCloud, Space, positive_number
from .checks import count, generator


def dirac(space: Space, index: int) -> Measure:
    """Return unit mass at point `index` (C order) of a Grid or PointCloud."""
    if count(index, "index", least=0) >= space.size:
        raise WrofError(f"index must be below the {space.size} points of {space!r}, got {index}.")
    return space.measure(np.arange(space.size) == index)


def uniform(K: int | Sequence[int] = 128) -> Measure:
    """Return equal masses on Grid(K), K points or a grid shape; longest side [0, 1]."""
    grid = Grid(K)
    return grid.measure(np.full(grid.size, 1.0), normalize=True)


def random_weights(K: int | Sequence[int] = 128, seed: int = 0) -> Measure:
    """Return masses on Grid(K) drawn uniformly from [0, 1), then normalised."""
    grid = Grid(K)
    return grid.measure(generator(seed).random(grid.size), normalize=True)


def ramp(K: int = 128, increasing: bool = False, zero_end: bool = True) -> Measure:
    """Return a linear ramp on K points of [0, 1], decreasing unless asked: masses in proportion to K-1, ..., 1, 0.

    `zero_end=False`: to K, ..., 2, 1, which is what the bars of the published pictures [D] show.
    """
    weights = np.arange(count(K, "K"), 0.0, -1.0) - (zero_end and K > 1)
    return Grid(K).measure(weights[::-1] if increasing else weights, normalize=True)


def cosine_bumps(K: int, centers: Sequence[float], width: float) -> Measure:
    """Return a sum of equal bumps 1 + cos(pi |x-c|/width), |x-c| < width, on K points of [0, 1]; zero elsewhere."""
    grid, width = Grid(count(K, "K")), positive_number(width, "width")
    far = np.abs(grid.points - np.asarray(centers, dtype=float)) / width
    return Measure(grid, np.where(far < 1, 1 + np.cos(np.pi * far), 0.0).sum(axis=1), normalize=True, name="bumps")


def gaussian(grid: Grid, center: Sequence[float] | Floats, width: float) -> Measure:
    """Return masses proportional to exp(-|x-center|^2 / 2 width^2) on a grid of any dimension; center (d,)."""
    width, middle = positive_number(width, "width"), np.asarray(center, dtype=float)
    if middle.shape != (grid.dim,) or not np.isfinite(middle).all():
        raise WrofError(f"center of a Gaussian needs {grid.dim} finite coordinates, got {center!r}.")
    exponent = np.sum((grid.points - middle) ** 2, axis=1) / (2 * width**2)
    return grid.measure(np.exp(exponent.min() - exponent), normalize=True)  # the shift keeps far centers from underflow


def equal_masses(points: Any) -> Measure:
    """Return mass 1/n at each row of an (n, d) array."""
    space = PointCloud(points)
    return space.measure(np.full(space.size, 1 / space.size))
