"""Scans of all pairs of two clouds for the free joint cost, in blocks: those that provably hold nothing are left out.

As `wrof._kernels.blocks` does on grids. Points come in an order in which those of a block lie together. The cost rises
with the distance, and that between two blocks is at least that of their centres less both radii; and for directions in
the plane c >= slope r - drop gives the bound along the ray from one block to the other.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .radial import of_square, radial
from .types import Floats, Ints


@njit(cache=True, nogil=True)
def balls(points: Floats, side: int, centre: Floats, radius: Floats) -> None:
    """Centre (B, d) and radius (B,) of every block of the points (d, n)."""
    d, n = points.shape
    for b in range(len(radius)):
        lo, hi = b * side, min(n, (b + 1) * side)
        for k in range(d):
            centre[b, k] = (points[k, lo:hi].min() + points[k, lo:hi].max()) / 2
        worst = 0.0
        for i in range(lo, hi):
            square = 0.0
            for k in range(d):
                square += (points[k, i] - centre[b, k]) ** 2
            worst = max(worst, square)
        radius[b] = np.sqrt(worst)


@njit(cache=True, nogil=True)
def low(points: Floats, rest: Floats, slope: float, side: int, turns: Floats, least: Floats, tilted: Floats) -> None:
    """Least rest (B,) of every block, and (B, K) least rest - slope e.y over the directions `turns` (K, d)."""
    d, n = points.shape
    least[:], tilted[:] = np.inf, np.inf
    for j in range(n):
        b = j // side
        least[b] = min(least[b], rest[j])
        for k in range(len(turns)):
            w = rest[j]
            for axis in range(d):
                w -= slope * turns[k, axis] * points[axis, j]
            tilted[b, k] = min(tilted[b, k], w)


@njit(cache=True, nogil=True, inline="always")
def _tilts(lo: int, hi: int, points: Floats, most: Floats, slope: float, turns: Floats, tilt: Floats) -> float:
    """Greatest `most` of the points lo..hi-1, and `tilt` (K,): greatest most - slope e.x."""
    greatest = -np.inf
    tilt[:] = -np.inf
    for i in range(lo, hi):
        greatest = max(greatest, most[i])
        for k in range(len(turns)):
            w = most[i]
            for axis in range(len(points)):
                w -= slope * turns[k, axis] * points[axis, i]
            tilt[k] = max(tilt[k], w)
    return greatest


@njit(cache=True, nogil=True, inline="always")
def _open(
    one: Floats,
    size: float,
    other: Floats,
    other_size: float,
    least: float,
    tilted: Floats,
    a: float,
    p: float,
    alpha: float,
    drop: float,
    most: float,
    tilt: Floats,
) -> bool:
    """Whether two blocks, balls about `one` and `other`, may hold a pair below its `most`."""
    square = 0.0
    for k in range(len(one)):
        square += (one[k] - other[k]) ** 2
    near = max(0.0, np.sqrt(square) * (1 - 1e-12) - (size + other_size) * (1 + 1e-12))
    if of_square(near * near, a, p, alpha) * (1 - 1e-12) + least > most:
        return False
    if len(tilt) == 0:
        return True
    turn = np.arctan2(one[1] - other[1], one[0] - other[0]) / (2 * np.pi) * len(tilt)
    k = int(np.round(turn)) % len(tilt)
    return bool(tilted[k] - drop <= tilt[k])


@njit(cache=True, nogil=True, inline="always")
def _scan(
    lo: int,
    hi: int,
    first: int,
    end: int,
    x: Floats,
    y: Floats,
    a: float,
    p: float,
    alpha: float,
    rest: Floats,
    out: Floats,
) -> None:
    """out[i] = min(out[i], c + rest) over the sources lo..hi-1 and the targets first..end-1."""
    square = np.empty(end - first)
    huber = p == 2.0 and alpha == 1.0
    turn, off = 0.5 / a, 0.25 / a
    for i in range(lo, hi):
        best = out[i]
        square[:] = 0.0
        for k in range(len(x)):
            here = x[k, i]
            for j in range(end - first):
                square[j] += (here - y[k, first + j]) ** 2
        if huber:
            for j in range(end - first):
                r = np.sqrt(square[j])
                v = (a * square[j] if r <= turn else r - off) + rest[first + j]
                best = v if v < best else best
        else:
            for j in range(end - first):
                v = radial(np.sqrt(square[j]), a, p, alpha, False, 0.0)[0] + rest[first + j]
                best = v if v < best else best
        out[i] = best


@njit(cache=True, nogil=True)
def cluster_least(
    lo: int,
    hi: int,
    side: int,
    x: Floats,
    y: Floats,
    x_balls: tuple[Floats, Floats],
    y_balls: tuple[Floats, Floats],
    a: float,
    p: float,
    alpha: float,
    slope: float,
    drop: float,
    turns: Floats,
    rest: Floats,
    least: Floats,
    tilted: Floats,
    out: Floats,
) -> None:
    """out[i] = min over j of c_ij + rest_j for the blocks lo..hi-1 of the sources; x, y are (d, n), (d, m) in order."""
    n, m = x.shape[1], y.shape[1]
    (one, size), (other, other_size) = x_balls, y_balls
    tilt = np.empty(len(turns))
    for b in range(lo, hi):
        start, stop = b * side, min(n, (b + 1) * side)
        best, first = np.inf, 0
        for q in range(len(least)):  # the block that promises most, for a first bound
            square = 0.0
            for k in range(len(x)):
                square += (one[b, k] - other[q, k]) ** 2
            v = of_square(square, a, p, alpha) + least[q]
            if v < best:
                best, first = v, q
        _scan(start, stop, first * side, min(m, (first + 1) * side), x, y, a, p, alpha, rest, out)
        most = _tilts(start, stop, x, out, slope, turns, tilt)
        for q in range(len(least)):
            if _open(one[b], size[b], other[q], other_size[q], least[q], tilted[q], a, p, alpha, drop, most, tilt):
                _scan(start, stop, q * side, min(m, (q + 1) * side), x, y, a, p, alpha, rest, out)


@njit(cache=True, nogil=True)
def cluster_below(
    lo: int,
    hi: int,
    side: int,
    x: Floats,
    y: Floats,
    x_balls: tuple[Floats, Floats],
    y_balls: tuple[Floats, Floats],
    a: float,
    p: float,
    alpha: float,
    slope: float,
    drop: float,
    turns: Floats,
    rest: Floats,
    least: Floats,
    tilted: Floats,
    bar: Floats,
    own: Ints,
    found: Ints,
) -> int:
    """Pairs with c_ij + rest_j <= bar_i for the blocks lo..hi-1; returns how many, also beyond the room for them."""
    n, m = x.shape[1], y.shape[1]
    (one, size), (other, other_size) = x_balls, y_balls
    tilt = np.empty(len(turns))
    count = 0
    for b in range(lo, hi):
        start, stop = b * side, min(n, (b + 1) * side)
        most = _tilts(start, stop, x, bar, slope, turns, tilt)
        if most == -np.inf:
            continue
        for q in range(len(least)):
            if not _open(one[b], size[b], other[q], other_size[q], least[q], tilted[q], a, p, alpha, drop, most, tilt):
                continue
            for i in range(start, stop):
                if bar[i] == -np.inf:
                    continue
                for j in range(q * side, min(m, (q + 1) * side)):
                    square = 0.0
                    for k in range(len(x)):
                        square += (x[k, i] - y[k, j]) ** 2
                    if of_square(square, a, p, alpha) + rest[j] <= bar[i]:
                        if count < len(own):
                            own[count], found[count] = i, j
                        count += 1
    return count
