"""Search among all pairs, or near known ones, for the arcs that a potential prices out.

Costs depend on the offset between two points alone, so that every kernel serves both directions. A `form` says which:
(table, x, y, strides, px, py, a, p, alpha): a table over flat grid offsets |x - y| @ strides, or, if it is empty, the
free joint cost of the distance between the points px and py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .radial import of_square
from .types import Bools, Floats, Ints, Ints32


@njit(cache=True, inline="always")
def _cost(
    table: Floats,
    x: Ints,
    y: Ints,
    strides: Ints,
    px: Floats,
    py: Floats,
    a: float,
    p: float,
    alpha: float,
    i: int,
    j: int,
) -> float:
    """Cost between source i and target j. The form comes in its parts: unpacked once, not for every pair."""
    if len(table):
        o = 0
        for k in range(len(strides)):
            o += abs(x[i, k] - y[j, k]) * strides[k]
        c = float(table[o])
    else:
        square = 0.0
        for k in range(px.shape[1]):
            square += (px[i, k] - py[j, k]) ** 2
        c = of_square(square, a, p, alpha)
    return c


@njit(cache=True)
def pair_costs(form: Any, i: Ints, j: Ints, out: Floats) -> None:
    """Costs of given pairs."""
    table, x, y, strides, px, py, a, p, alpha = form
    for e in range(len(i)):
        out[e] = _cost(table, x, y, strides, px, py, a, p, alpha, i[e], j[e])


@njit(cache=True, nogil=True)
def nearby(
    form: Any,
    flip: bool,
    nodes: Ints,
    image: Ints32,
    images: Ints32,
    near: Ints32,
    other: Floats,
    bar: Floats,
    best: int,
    own: Ints,
    found: Ints,
    cost: Floats,
) -> int:
    """For each of some nodes the `best` least cost + other below its `bar`, among the neighbours of its images.

    flip : the nodes are targets and look for sources. image (n, q) : nodes of the other side, images (n,) : how many.
    near (m, k) : neighbours of each, -1 for none. Returns how many arcs (own, found, cost) there are.
    """
    table, x, y, strides, px, py, a, p, alpha = form
    seen = np.full(len(near), -1, np.int64)
    value, which, price = np.empty(best), np.empty(best, np.int64), np.empty(best)
    count = 0
    for v in nodes:
        kept = 0
        for q in range(images[v]):
            centre = image[v, q]
            for at in range(near.shape[1]):
                w = near[centre, at]
                if w < 0 or seen[w] == v:
                    continue
                seen[w] = v
                i, j = (w, v) if flip else (v, w)
                c = _cost(table, x, y, strides, px, py, a, p, alpha, i, j)
                rest = c + other[w]
                if rest >= bar[v] or (kept == best and rest >= value[best - 1]):
                    continue
                at = kept if kept < best else best - 1
                kept = min(kept + 1, best)
                while at > 0 and value[at - 1] > rest:
                    value[at], which[at], price[at] = value[at - 1], which[at - 1], price[at - 1]
                    at -= 1
                value[at], which[at], price[at] = rest, w, c
        for at in range(kept):
            own[count], found[count], cost[count] = v, which[at], price[at]
            count += 1
    return count


@njit(cache=True, inline="always")
def _row_offset(index: Ints, strides: Ints, reach: Ints, r: int, other: int) -> int:
    """Place in the table of the offset between two rows; -1 if it is out of reach."""
    o = 0
    for k in range(len(strides)):
        step = abs(index[r, k] - index[other, k])
        if step > reach[k]:
            return -1
        o += step * strides[k]
    return o


@njit(cache=True, nogil=True)
def lattice_least(
    lo: int,
    hi: int,
    index: Ints,
    strides: Ints,
    table: Floats,
    wanted: Bools,
    reach: Ints,
    rest: Floats,
    out: Floats,
) -> None:
    """out[r, c] = min over cells (r', c') of table[offset] + rest[r', c'], for the rows lo..hi-1 of a grid.

    A row is a line along the last axis, (rows, d - 1) `index` its place along the others. `table` (offsets, 2 C - 1) is
    mirrored along the last axis, `rest` is infinite where nothing is; rows without a `wanted` cell are left out, and
    offsets of more than (d,) `reach` cells.
    """
    rows, cells = rest.shape
    wide = reach[len(strides)]
    for r in range(lo, hi):
        if not wanted[r]:
            continue
        line = out[r]
        for other in range(rows):
            o = _row_offset(index, strides, reach, r, other)
            if o < 0:
                continue
            costs = table[o]
            for c in range(cells):
                add = rest[other, c]
                if add == np.inf:
                    continue
                shift = cells - 1 - c
                if wide >= cells:  # said apart, or the loop would not be vectorized
                    for t in range(cells):
                        v = costs[t + shift] + add
                        line[t] = v if v < line[t] else line[t]
                else:
                    for t in range(max(0, c - wide), min(cells, c + wide + 1)):
                        v = costs[t + shift] + add
                        line[t] = v if v < line[t] else line[t]


@njit(cache=True, nogil=True)
def lattice_below(
    lo: int,
    hi: int,
    index: Ints,
    strides: Ints,
    table: Floats,
    wanted: Bools,
    reach: Ints,
    rest: Floats,
    bar: Floats,
    own: Ints,
    found: Ints,
) -> int:
    """Pairs of flat cells with table[offset] + rest <= bar, for the rows lo..hi-1 as in `lattice_least`.

    Returns how many there are, also beyond the room of `own` and `found`, which then hold the first of them.
    """
    rows, cells = rest.shape
    wide = reach[len(strides)]
    count = 0
    for r in range(lo, hi):
        if not wanted[r]:
            continue
        line = bar[r]
        for other in range(rows):
            o = _row_offset(index, strides, reach, r, other)
            if o < 0:
                continue
            costs = table[o]
            for c in range(cells):
                add = rest[other, c]
                if add == np.inf:
                    continue
                shift = cells - 1 - c
                if wide >= cells:  # vectorized: most cells have nothing to find
                    hits = 0
                    for t in range(cells):
                        hits += costs[t + shift] + add <= line[t]
                    if hits == 0:
                        continue
                for t in range(max(0, c - wide), min(cells, c + wide + 1)):
                    if costs[t + shift] + add <= line[t]:
                        if count < len(own):
                            own[count], found[count] = r * cells + t, other * cells + c
                        count += 1
    return count
