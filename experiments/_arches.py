"""Arches of mass, cosines, on a line and on a square, in cells of any width; how far apart quantiles are."""

from __future__ import annotations

from typing import Any

import numpy as np

import wrof

SOURCES, TARGET, WIDTH = (0.2, 0.4), 0.75, 0.1  # centres and half width of the arches on the line
SQUARE = {"mu": ((0.25, 0.3), (0.15, 0.15)), "nu": ((0.75, 0.55), (0.1, 0.2))}  # centres and half widths
CRUMB = 1e-9  # quantiles are compared up to this mass at either end of every atom: sums are only so exact
TIE = 1e-9  # 1/h is a whole number up to this


# ---- measures ----


def arch_cdf(x: Any, center: float, width: float) -> Any:
    """Mass of an arch up to x; its density is π/4w cos(π(x − c)/2w)."""
    return (1 + np.sin(np.pi / 2 * np.clip((x - center) / width, -1, 1))) / 2


def arch_quantile(u: Any, center: float, width: float) -> Any:
    """Inverse of `arch_cdf`."""
    return center + width * 2 / np.pi * np.arcsin(np.clip(2 * u - 1, -1, 1))


def cell_masses(n: int, h: float, centers: Any, width: float) -> np.ndarray:
    """Masses of the cells around 0, h, ..., (n − 1)h; of several arches equal shares."""
    edges = (np.arange(n + 1) - 0.5) * h
    masses = np.mean([np.diff(arch_cdf(edges, center, width)) for center in centers], axis=0)
    return np.asarray(np.maximum(masses, 0.0))


def on_line(h: float) -> tuple[wrof.Measure, wrof.Measure]:
    """Source and target on a line of spacing h that covers [0, 1]."""
    n = int(np.ceil(1 / h - TIE)) + 1
    grid = wrof.Grid(n, bounds=(0.0, (n - 1) * h))
    return grid.measure(cell_masses(n, h, SOURCES, WIDTH)), grid.measure(cell_masses(n, h, (TARGET,), WIDTH))


def on_square(h: float) -> list[wrof.Measure]:
    """Source and target on a square of spacing h that covers [0, 1]²."""
    n = int(np.ceil(1 / h - TIE)) + 1
    grid = wrof.Grid((n, n), bounds=(0.0, (n - 1) * h))
    sides = [[cell_masses(n, h, (c,), w) for c, w in zip(*arch, strict=True)] for arch in SQUARE.values()]
    return [grid.measure(np.outer(*pair)) for pair in sides]


# ---- quantiles ----


def continuum_cdf(x: Any, reach: float) -> Any:
    """Mass up to x of the continuum, where everything has moved by `reach` at most."""
    low, high = (np.mean([arch_cdf(x + way, c, WIDTH) for c in SOURCES], axis=0) for way in (-reach, reach))
    return np.clip(arch_cdf(x, TARGET, WIDTH), low, high)


def levels(weights: np.ndarray) -> np.ndarray:
    """Distribution function at every atom, of mass 1."""
    ends = np.cumsum(weights)
    return np.asarray(ends / ends[-1])


def couple(a: wrof.Measure, b: wrof.Measure) -> tuple[np.ndarray, np.ndarray]:
    """Positions of mates in the monotone coupling of measures on a line, without crumbs."""
    sides = []
    for measure in (a, b):
        x, order = measure.points[:, 0], np.argsort(measure.points[:, 0], kind="stable")
        order = order[measure.weights[order] > 0]
        sides.append((x[order], levels(measure.weights[order])))
    cuts = np.unique(np.concatenate([[0.0], *(ends for _, ends in sides)]))
    middle = ((cuts[1:] + cuts[:-1]) / 2)[np.diff(cuts) > CRUMB]
    first, second = (x[np.minimum(np.searchsorted(ends, middle), len(x) - 1)] for x, ends in sides)
    return first, second


def from_continuum(rho: wrof.Measure, reach: float) -> float:
    """W∞ of a measure on the line from the continuum, where everything has moved by `reach` at most."""
    ends = levels(rho.weights)
    low, high = np.append(0.0, ends[:-1]) + CRUMB / 2, ends - CRUMB / 2
    real = low < high
    u, x = np.concatenate([low[real], high[real]]), np.tile(rho.points[real, 0], 2)
    start = np.where(u < 0.5, arch_quantile(2 * u, SOURCES[0], WIDTH), arch_quantile(2 * u - 1, SOURCES[1], WIDTH))
    there = np.clip(arch_quantile(u, TARGET, WIDTH), start - reach, start + reach)
    return float(np.abs(x - there).max())
