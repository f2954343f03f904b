"""Problems of the benchmark of the continuum, and the values that closed forms give them."""

from __future__ import annotations

import math

import numpy as np

Floats = np.ndarray


def spread(n: int, dim: int, start: float) -> Floats:
    """Return n points that fill the unit cube evenly, (n, dim), no two alike: multiples of powers of a root modulo 1.

    The root of g^(dim+1) = g + 1; in one dimension the golden ratio. M. Roberts, The unreasonable effectiveness of
    quasirandom sequences (2018).
    """
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / (dim + 1))
    return (start + np.arange(1, n + 1)[:, None] * root ** -np.arange(1.0, dim + 1)) % 1.0


def ball(n: int, dim: int, start: float = 0.0) -> Floats:
    """Return n points of equal area (volume) in the unit disk (ball), (n, dim), in general position."""
    radius = ((np.arange(n) + 0.5) / n) ** (1 / dim)
    where = spread(n, dim - 1, start)
    angle = 2 * np.pi * where[:, 0]
    height = 2 * where[:, 1] - 1 if dim == 3 else np.zeros(n)
    flat = np.sqrt(1 - height**2)
    way = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)[:, :dim]
    return radius[:, None] * way


def dilation(n: int, dim: int) -> tuple[Floats, Floats]:
    """Points in the unit ball, and others in a ball of twice the radius: the optimal map of the continuum is x -> 2x.

    Radial, because |x - y| >= ||x| - |y||, for any convex cost of the distance.
    """
    return ball(n, dim), 2 * ball(n, dim, 0.5) * np.where(np.arange(dim) == 0, -1.0, 1.0)


def dilation_value(dim: int, tau: float) -> float:
    """J of a free step between the two balls, p = 2, alpha = 1, tau <= 1; tau = 0: d_1."""
    return dim / (dim + 1) - tau / 2 + tau ** (dim + 1) / ((dim + 1) * (dim + 2))


def huber(r: Floats, tau: float) -> Floats:
    """Return what one atom costs in a free step: r^2 / 2 tau up to tau, r - tau / 2 beyond."""
    return np.where(r <= tau, r**2 / (2 * tau), r - tau / 2)


def line_value(x: Floats, a: Floats, y: Floats, b: Floats, tau: float) -> float:
    """J of a free step on a line, p = 2, alpha = 1: the integral of `huber` of the difference of the quantiles."""
    ends = []
    for points, masses in ((x, a), (y, b)):
        order = np.argsort(points, kind="stable")
        levels = np.cumsum(masses[order])
        ends.append((points[order], levels / levels[-1]))
    cuts = np.sort(np.concatenate([[0.0], *(levels for _, levels in ends)]))
    middle = (cuts[1:] + cuts[:-1]) / 2
    first, second = (points[np.minimum(np.searchsorted(levels, middle), len(points) - 1)] for points, levels in ends)
    return math.fsum(huber(np.abs(first - second), tau) * np.diff(cuts)) * float(np.sum(a))


def nearest(tau: float, x: Floats, y: Floats) -> Floats:
    """Return argmin over z of |x - z|^2 / 2 tau + |z - y|, row by row: min(tau, |x - y|) on the way from x to y."""
    way = y - x
    length = np.linalg.norm(way, axis=1, keepdims=True)
    return x + np.minimum(tau, length) * np.divide(way, length, out=np.zeros_like(way), where=length > 0)


def scattered(n: int, seed: int) -> dict[str, Floats]:
    """Two clouds of random masses in the plane, uniform and normal, as arguments of `wrof.step`."""
    rng = np.random.default_rng([n, seed])
    a, b = rng.random(n), rng.random(n)
    x, y = rng.random((n, 2)), 0.5 + 0.15 * rng.standard_normal((n, 2))
    return {"mu": a / a.sum(), "nu": b / b.sum(), "source_points": x, "target_points": y}
