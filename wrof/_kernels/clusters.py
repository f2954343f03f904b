"""Scans of all pairs of two clouds for the free joint cost, in blocks: those that provably hold nothing are left out.

As `wrof._kernels.blocks` does on grids. Points come in an order in which those of a block lie together. The cost rises
with the distance, and that between two blocks is at least that of their centres less both radii; and for directions in
the plane c >= slope r - drop gives the bound along the ray from one block to the other.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit

from .radial import of_square, radial
from .types import Floats, Ints

Blocks: TypeAlias = tuple[Floats, Floats, Floats, Floats]  # centre (B, d), radius (B,), least (B,), tilted (B, K)


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
def _near(one: Floats, size: float, other: Floats, other_size: float, a: float, p: float, alpha: float) -> float:
    """Least cost between two balls."""
    square = 0.0
    for k in range(len(one)):
        square += (one[k] - other[k]) ** 2
    near = max(0.0, np.sqrt(square) * (1 - 1e-12) - (size + other_size) * (1 + 1e-12))
    return of_square(near * near, a, p, alpha) * (1 - 1e-12)


@njit(cache=True, nogil=True, inline="always")
def _open(
    one: Floats,
    size: float,
    others: Blocks,
    q: int,
    a: float,
    p: float,
    alpha: float,
    drop: float,
    most: float,
    tilt: Floats,
) -> bool:
    """Whether a block, a ball about `one`, and the q-th of others may hold a pair below its `most`."""
    centre, radius, least, tilted = others
    if _near(one, size, centre[q], radius[q], a, p, alpha) + least[q] > most:
        return False
    if len(tilt) == 0:
        return True
    turn = np.arctan2(one[1] - centre[q, 1], one[0] - centre[q, 0]) / (2 * np.pi) * len(tilt)
    k = int(np.round(turn)) % len(tilt)
    return bool(tilted[q, k] - drop <= tilt[k])


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


@njit(cache=True, nogil=True, inline="always")
def _promising(
    one: Floats, size: float, fan: int, coarse: Blocks, fine: Blocks, a: float, p: float, alpha: float
) -> int:
    """Block of least c + rest between the centres; a group of blocks is looked into if it may hold it."""
    best, first = np.inf, 0
    for g in range(len(coarse[2])):
        if _near(one, size, coarse[0][g], coarse[1][g], a, p, alpha) + coarse[2][g] >= best:
            continue
        for q in range(g * fan, min(len(fine[2]), (g + 1) * fan)):
            square = 0.0
            for k in range(len(one)):
                square += (one[k] - fine[0][q, k]) ** 2
            v = of_square(square, a, p, alpha) + fine[2][q]
            if v < best:
                best, first = v, q
    return first


@njit(cache=True, nogil=True)
def cluster_least(
    lo: int,
    hi: int,
    side: int,
    fan: int,
    x: Floats,
    y: Floats,
    own: tuple[Floats, Floats],
    coarse: Blocks,
    fine: Blocks,
    a: float,
    p: float,
    alpha: float,
    slope: float,
    drop: float,
    turns: Floats,
    rest: Floats,
    out: Floats,
) -> None:
    """out[i] = min over j of c_ij + rest_j for the blocks lo..hi-1 of the sources; x, y are (d, n), (d, m) in order.

    `own`: centre and radius of the blocks of the sources; `fine`: centre, radius, least and tilted of those of the
    targets, and `coarse` of every `fan` of them.
    """
    n, m = x.shape[1], y.shape[1]
    tilt = np.empty(len(turns))
    for b in range(lo, hi):
        one, size = own[0][b], own[1][b]
        start, stop = b * side, min(n, (b + 1) * side)
        q = _promising(one, size, fan, coarse, fine, a, p, alpha)
        _scan(start, stop, q * side, min(m, (q + 1) * side), x, y, a, p, alpha, rest, out)
        most = _tilts(start, stop, x, out, slope, turns, tilt)
        for g in range(len(coarse[2])):
            if not _open(one, size, coarse, g, a, p, alpha, drop, most, tilt):
                continue
            for q in range(g * fan, min(len(fine[2]), (g + 1) * fan)):
                if _open(one, size, fine, q, a, p, alpha, drop, most, tilt):
                    _scan(start, stop, q * side, min(m, (q + 1) * side), x, y, a, p, alpha, rest, out)


@njit(cache=True, nogil=True)
def cluster_below(
    lo: int,
    hi: int,
    side: int,
    fan: int,
    x: Floats,
    y: Floats,
    own: tuple[Floats, Floats],
    coarse: Blocks,
    fine: Blocks,
    a: float,
    p: float,
    alpha: float,
    slope: float,
    drop: float,
    turns: Floats,
    rest: Floats,
    bar: Floats,
    i_found: Ints,
    j_found: Ints,
) -> int:
    """Pairs with c_ij + rest_j <= bar_i for the blocks lo..hi-1; returns how many, also beyond the room for them."""
    n, m = x.shape[1], y.shape[1]
    tilt = np.empty(len(turns))
    count = 0
    for b in range(lo, hi):
        one, size = own[0][b], own[1][b]
        start, stop = b * side, min(n, (b + 1) * side)
        most = _tilts(start, stop, x, bar, slope, turns, tilt)
        if most == -np.inf:
            continue
        for g in range(len(coarse[2])):
            if not _open(one, size, coarse, g, a, p, alpha, drop, most, tilt):
                continue
            for q in range(g * fan, min(len(fine[2]), (g + 1) * fan)):
                if not _open(one, size, fine, q, a, p, alpha, drop, most, tilt):
                    continue
                for i in range(start, stop):
                    if bar[i] == -np.inf:
                        continue
                    for j in range(q * side, min(m, (q + 1) * side)):
                        square = 0.0
                        for k in range(len(x)):
                            square += (x[k, i] - y[k, j]) ** 2
                        if of_square(square, a, p, alpha) + rest[j] <= bar[i]:
                            if count < len(i_found):
                                i_found[count], j_found[count] = i, j
                            count += 1
    return count
