"""Scans of all pairs of a plane lattice, in blocks: those that provably hold nothing are left out.

Two blocks X and Y are left out if c(x, y) + rest(y) >= most(x) for all x in X and y in Y, where `most` is known to be
enough: the best found so far, or a bar. Two bounds say so:

- c is at least its value at the least offset between X and Y: table + min rest - max most;
- c(x, y) >= slope |x - y| - drop >= slope e.(x - y) - drop for every unit vector e: with e from Y to X,
  min over y of (rest - slope e.y) - max over x of (most - slope e.x) - drop. Where most and rest fall along e as fast
  as c rises (the transport rays of alpha = 1) this loses next to nothing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .types import Floats, Ints

FIRST = 4  # blocks that are looked at first, for an upper bound


@njit(cache=True, nogil=True)
def low(rest: Floats, spacing: Floats, slope: float, side: int, turns: Floats, least: Floats, tilted: Floats) -> None:
    """Least rest (B0, B1) of every block, and (B0, B1, K) least rest - slope e.y over the directions `turns` (K, 2)."""
    rows, cells = rest.shape
    least[:], tilted[:] = np.inf, np.inf
    for r in range(rows):
        for c in range(cells):
            v = rest[r, c]
            if v == np.inf:
                continue
            b0, b1 = r // side, c // side
            least[b0, b1] = min(least[b0, b1], v)
            for k in range(len(turns)):
                w = v - slope * (turns[k, 0] * r * spacing[0] + turns[k, 1] * c * spacing[1])
                if w < tilted[b0, b1, k]:
                    tilted[b0, b1, k] = w


@njit(cache=True, nogil=True, inline="always")
def _open(
    b0: int,
    b1: int,
    q0: int,
    q1: int,
    side: int,
    table: Floats,
    cells: int,
    least: Floats,
    tilted: Floats,
    which: Ints,
    drop: float,
    most: float,
    tilt: Floats,
) -> bool:
    """Whether the blocks (b0, b1) and (q0, q1) may hold a pair below its `most`."""
    if least[q0, q1] == np.inf:
        return False
    d0, d1 = abs(b0 - q0), abs(b1 - q1)
    o0, o1 = max(0, (d0 - 1) * side + 1), max(0, (d1 - 1) * side + 1)
    if table[o0, cells - 1 + o1] + least[q0, q1] > most:
        return False
    k = which[b0 - q0 + least.shape[0] - 1, b1 - q1 + least.shape[1] - 1]
    return bool(tilted[q0, q1, k] - drop <= tilt[k])


@njit(cache=True, nogil=True, inline="always")
def _tilts(
    b0: int, b1: int, side: int, most: Floats, spacing: Floats, slope: float, turns: Floats, tilt: Floats
) -> float:
    """Greatest `most` of a block, and `tilt` (K,): greatest most - slope e.x."""
    rows, cells = most.shape
    greatest = -np.inf
    tilt[:] = -np.inf
    for r in range(b0 * side, min(rows, (b0 + 1) * side)):
        for c in range(b1 * side, min(cells, (b1 + 1) * side)):
            v = most[r, c]
            if v == -np.inf:
                continue
            greatest = max(greatest, v)
            for k in range(len(turns)):
                w = v - slope * (turns[k, 0] * r * spacing[0] + turns[k, 1] * c * spacing[1])
                if w > tilt[k]:
                    tilt[k] = w
    return greatest


@njit(cache=True, nogil=True, inline="always")
def _scan(b0: int, b1: int, q0: int, q1: int, side: int, table: Floats, rest: Floats, out: Floats) -> None:
    """out = min(out, c + rest) over two blocks."""
    rows, cells = rest.shape
    end = min(cells, (b1 + 1) * side)
    for r in range(b0 * side, min(rows, (b0 + 1) * side)):
        line = out[r]
        for other in range(q0 * side, min(rows, (q0 + 1) * side)):
            costs = table[abs(r - other)]
            for c in range(q1 * side, min(cells, (q1 + 1) * side)):
                add = rest[other, c]
                if add == np.inf:
                    continue
                shift = cells - 1 - c
                for t in range(b1 * side, end):
                    v = costs[t + shift] + add
                    line[t] = v if v < line[t] else line[t]


@njit(cache=True, nogil=True)
def block_least(
    lo: int,
    hi: int,
    side: int,
    table: Floats,
    wanted: Floats,
    spacing: Floats,
    slope: float,
    drop: float,
    turns: Floats,
    which: Ints,
    rest: Floats,
    least: Floats,
    tilted: Floats,
    out: Floats,
) -> None:
    """out[x] = min over y of table + rest, as `lattice_least`, for rows lo..hi-1 of blocks.

    `out` holds upper bounds that are attained, or infinity; `wanted` is -inf at cells that do not matter, else 0.
    """
    rows, cells = rest.shape
    n0, n1 = least.shape
    tilt = np.empty(len(turns))
    value, first = np.empty(FIRST), np.empty((FIRST, 2), np.int64)
    most = np.full((rows, cells), -np.inf) if lo < hi else np.empty((0, 0))
    for b0 in range(lo, hi):
        for b1 in range(n1):
            some = False
            for r in range(b0 * side, min(rows, (b0 + 1) * side)):
                for c in range(b1 * side, min(cells, (b1 + 1) * side)):
                    some = some or wanted[r, c] == 0.0
            if not some:
                continue
            kept = 0  # the blocks that promise most, for a first bound
            for q0 in range(n0):
                for q1 in range(n1):
                    v = table[abs(b0 - q0) * side, cells - 1 + abs(b1 - q1) * side] + least[q0, q1]
                    if v == np.inf or (kept == FIRST and v >= value[FIRST - 1]):
                        continue
                    at = kept if kept < FIRST else FIRST - 1
                    kept = min(kept + 1, FIRST)
                    while at > 0 and value[at - 1] > v:
                        value[at], first[at] = value[at - 1], first[at - 1]
                        at -= 1
                    value[at], first[at, 0], first[at, 1] = v, q0, q1
            for at in range(kept):
                _scan(b0, b1, first[at, 0], first[at, 1], side, table, rest, out)
            for r in range(b0 * side, min(rows, (b0 + 1) * side)):
                for c in range(b1 * side, min(cells, (b1 + 1) * side)):
                    most[r, c] = out[r, c] + wanted[r, c]
            greatest = _tilts(b0, b1, side, most, spacing, slope, turns, tilt)
            for q0 in range(n0):
                for q1 in range(n1):
                    if _open(b0, b1, q0, q1, side, table, cells, least, tilted, which, drop, greatest, tilt):
                        _scan(b0, b1, q0, q1, side, table, rest, out)


@njit(cache=True, nogil=True)
def block_below(
    lo: int,
    hi: int,
    side: int,
    table: Floats,
    bar: Floats,
    spacing: Floats,
    slope: float,
    drop: float,
    turns: Floats,
    which: Ints,
    rest: Floats,
    least: Floats,
    tilted: Floats,
    own: Ints,
    found: Ints,
) -> int:
    """Pairs of flat cells with table + rest <= bar, as `lattice_below`, for rows lo..hi-1 of blocks."""
    rows, cells = rest.shape
    n0, n1 = least.shape
    tilt = np.empty(len(turns))
    count = 0
    for b0 in range(lo, hi):
        for b1 in range(n1):
            greatest = _tilts(b0, b1, side, bar, spacing, slope, turns, tilt)
            if greatest == -np.inf:
                continue
            end = min(cells, (b1 + 1) * side)
            for q0 in range(n0):
                for q1 in range(n1):
                    if not _open(b0, b1, q0, q1, side, table, cells, least, tilted, which, drop, greatest, tilt):
                        continue
                    for r in range(b0 * side, min(rows, (b0 + 1) * side)):
                        for other in range(q0 * side, min(rows, (q0 + 1) * side)):
                            costs = table[abs(r - other)]
                            for c in range(q1 * side, min(cells, (q1 + 1) * side)):
                                add = rest[other, c]
                                if add == np.inf:
                                    continue
                                shift = cells - 1 - c
                                for t in range(b1 * side, end):
                                    if costs[t + shift] + add <= bar[r, t]:
                                        if count < len(own):
                                            own[count], found[count] = r * cells + t, other * cells + c
                                        count += 1
    return count
