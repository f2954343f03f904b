"""The toys: named problems, `mu`, `nu` and, where a toy needs its own, `stops`.

[D] is in the docstring of `wrof.toys`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..errors import WrofError
from ..measure import Grid, Measure, PointCloud, positive_number
from .checks import count, distance, generator
from .measures import cosine_bumps, dirac, equal_masses, gaussian, ramp, random_weights, uniform
from .pictures import Path, image

Toy: TypeAlias = dict[str, Any]


def two_point(r: float = 1.0) -> Toy:
    """Dirac at 0 to Dirac at r, stops {0, r}, the model that explains steady states [D]; see `two_point_exact`."""
    line = PointCloud([0.0, distance(r)])
    return {"mu": dirac(line, 0), "nu": dirac(line, 1)}


def three_point(a: float = 1.0, b: float = 2.0) -> Toy:
    """Dirac at 0 to Dirac at a+b, stops {0, a, a+b}: the middle stop lets mass go in two hops; `three_point_exact`."""
    a, b = positive_number(a, "a"), positive_number(b, "b")
    line = PointCloud([0.0, a, a + b])
    return {"mu": dirac(line, 0), "nu": dirac(line, 2)}


def gap(a: float = 1.0, b: float = 2.0) -> Toy:
    """Halves at -a and 0 to halves at 0 and b, stops {-a, 0, b}: one gap is crossed, the other is not.

    Each half moves one stop to the right or not at all: the left one iff a < 2 tau, the right one iff b < 2 tau.
    For a < 2 tau <= b all mass piles up at 0, for ever: a steady state that is neither mu nor nu.
    """
    line = PointCloud([-positive_number(a, "a"), 0.0, positive_number(b, "b")])
    return {"mu": line.measure([0.5, 0.5, 0.0]), "nu": line.measure([0.0, 0.5, 0.5])}


def lattice_dirac(n: int = 5, h: float = 1.0) -> Toy:
    """Dirac at 0 to Dirac at n h on the lattice 0, h, ..., n h; critical tau at h/2, 3h/2, ..., (n - 1/2) h."""
    grid = Grid((count(n, "n") + 1,), bounds=(0.0, n * positive_number(h, "h")))
    return {"mu": dirac(grid, 0), "nu": dirac(grid, n)}


def ramp_to_uniform(K: int = 128, zero_end: bool = True) -> Toy:
    """Decreasing `ramp` to uniform on K points of [0, 1]: the first published picture [D] (p = 1, alpha = 1/2)."""
    return {"mu": ramp(K, zero_end=zero_end), "nu": uniform(K)}


def random_to_ramp(K: int = 128, seed: int = 0, increasing: bool = False, zero_end: bool = True) -> Toy:
    """Random masses to a `ramp` on K points of [0, 1]: the second published picture [D] (p = 1, alpha = 1/2)."""
    return {"mu": random_weights(count(K, "K"), seed), "nu": ramp(K, increasing, zero_end)}


def random_to_uniform(K: int = 128, seed: int = 0) -> Toy:
    """Random masses to uniform on K points of [0, 1]: the third published picture [D] (p = 1, alpha = 1/2)."""
    return {"mu": random_weights(count(K, "K"), seed), "nu": uniform(K)}


def bumps(
    K: int = 128, source: tuple[float, ...] = (0.2, 0.4), target: tuple[float, ...] = (0.75,), width: float = 0.1
) -> Toy:
    """Smooth bumps of half-width `width` at the `source` positions to bumps at the `target` positions of [0, 1]."""
    return {"mu": cosine_bumps(K, source, width), "nu": cosine_bumps(K, target, width)}


def gaussians(
    shape: int | tuple[int, ...] = (32, 32),
    source: tuple[float, ...] | None = None,
    target: tuple[float, ...] | None = None,
    width: float = 0.1,
) -> Toy:
    """Gaussian to Gaussian on Grid(shape), any dimension; default centers: 1/4 and 3/4 along every axis."""
    grid = Grid(shape)
    sides = np.array([hi for _, hi in grid.bounds])
    return {
        "mu": gaussian(grid, sides / 4 if source is None else source, width),
        "nu": gaussian(grid, sides * 3 / 4 if target is None else target, width),
    }


def clusters(n: int = 8, k: int = 3, gap: float = 1.0, size: float = 0.5, dim: int = 2, seed: int = 0) -> Toy:
    """Random clusters in a row: inside a cluster mass can move, across a gap it should but may not.

    Parameters
    ----------
    n : source points, and again target points, in each of the k clusters.
    k : cubes [0, size]^dim along the first axis; those of neighbours are `gap` apart.
    gap, size : lengths. No mass leaves a cluster while 2 tau <= gap.
    dim : dimension. seed : of the positions.

    Returns
    -------
    mu, nu : cluster masses k : k-1 : ... : 1 and 1 : 2 : ... : k, equal within a cluster. stops : all 2nk points.
    """
    n, k, dim = count(n, "n"), count(k, "k"), count(dim, "dim")
    gap, size = positive_number(gap, "gap"), positive_number(size, "size")
    points = generator(seed).random((2, k, n, dim)) * size
    points[..., 0] += (gap + size) * np.arange(k)[:, None]
    points = points.reshape(2, k * n, dim)
    masses = np.repeat(np.arange(k, 0, -1.0), n)
    mu, nu = Measure(points[0], masses, normalize=True), Measure(points[1], masses[::-1], normalize=True)
    return {"mu": mu, "nu": nu, "stops": PointCloud(points.reshape(-1, dim))}


def scattered(n: int = 20, m: int = 20, dim: int = 2, seed: int = 0) -> Toy:
    """Random points in [0, 1]^dim, n source and m target, equal masses; stops left to their default, both clouds."""
    dim, rng = count(dim, "dim"), generator(seed)
    return {
        "mu": equal_masses(rng.random((count(n, "n"), dim))),
        "nu": equal_masses(rng.random((count(m, "m"), dim))),
    }


def moons(n: int = 50, noise: float = 0.05, seed: int = 0) -> Toy:
    """Two interlocked half circles, (cos t, sin t) to (1 - cos t, 1/2 - sin t), n points each, Gaussian `noise`."""
    t = np.pi * (np.arange(count(n, "n")) + 0.5) / n
    scatter = distance(noise, "noise") * generator(seed).standard_normal((2, n, 2))
    upper, lower = np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    return {"mu": equal_masses(upper + scatter[0]), "nu": equal_masses(lower + scatter[1])}


def rings(
    n: int = 60, source: tuple[float, float] = (2.0, 3.0), target: tuple[float, float] = (0.0, 1.0), seed: int = 0
) -> Toy:
    """Ring to ring in the plane, n equal-area points each, given as (inner, outer) radius.

    Point k sits at radius^2 = inner^2 + (outer^2 - inner^2)(k + 1/2)/n; its angle is random, but the same in both
    rings. If the rings do not overlap, d_1 is therefore exactly the mean difference of radii (28/15 as n grows, by
    default).
    """
    share, angle = (np.arange(count(n, "n")) + 0.5) / n, 2 * np.pi * generator(seed).random(n)
    pair = []
    for name, ring in (("source", source), ("target", target)):
        if len(ring) != 2 or not 0 <= ring[0] < ring[1] < np.inf:
            raise WrofError(f"{name} must be an inner and an outer radius, 0 <= inner < outer, got {ring!r}.")
        radius = np.sqrt(ring[0] ** 2 + (ring[1] ** 2 - ring[0] ** 2) * share)
        pair.append(equal_masses(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)))
    return {"mu": pair[0], "nu": pair[1]}


def images(source: Path, target: Path, size: int | None = None, normalize: bool = False, invert: bool = False) -> Toy:
    """Picture file to picture file, as in `image`; the target is resized to the shape of the source."""
    mu = image(source, size, normalize, invert)
    rows, columns = mu.array.shape
    return {"mu": mu, "nu": image(target, (rows, columns), normalize, invert)}


_ALL: tuple[Callable[..., Toy], ...] = (
    two_point, three_point, gap, lattice_dirac, ramp_to_uniform, random_to_ramp, random_to_uniform, bumps, gaussians,
    clusters, scattered, moons, rings, images,
)  # fmt: skip
TOYS: dict[str, Callable[..., Toy]] = {toy.__name__: toy for toy in _ALL}
