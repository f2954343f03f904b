"""The joint cost as a min-plus product over finitely many stops, on lattices and on clouds."""

from __future__ import annotations

import numpy as np
from numba import njit

from .powers import power
from .types import Bools, Floats, Ints


@njit(cache=True)
def mark_offsets(x: Ints, y: Ints, strides: Ints, need: Bools) -> None:
    """Set need[o] for every offset o = |x_i - y_j| that occurs."""
    d = x.shape[1]
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            o = 0
            for k in range(d):
                o += abs(x[i, k] - y[j, k]) * strides[k]
            need[o] = True


@njit(cache=True, nogil=True)
def offset_table(
    lo: int, hi: int, shape: Ints, strides: Ints, move: Floats, disc: Floats, most: Ints, need: Bools, out: Floats
) -> None:
    """Fill out[o] = min over k in the box [0, o] of move[k] + disc[o - k], for the needed o in lo..hi-1.

    Of the line of the last axis that k is on, the first most[line] cells are worth looking at, and k = o besides.
    `move` rises along it: a line whose first entry exceeds the best is skipped, and left as soon as another does.
    """
    d = len(shape)
    last = shape[d - 1]
    k = np.zeros(d, np.int64)
    for o in range(lo, hi):
        if not need[o]:
            continue
        end = o % last
        best = min(disc[o], move[o])
        k[:] = 0
        base = 0
        while True:
            if move[base] <= best:
                for t in range(min(end + 1, most[base // last])):
                    m = move[base + t]
                    if m > best:
                        break
                    v = m + disc[o - base - t]
                    if v < best:
                        best = v
            axis = d - 2
            while axis >= 0:  # odometer over the leading axes of the box
                if k[axis] < (o // strides[axis]) % shape[axis]:
                    k[axis] += 1
                    base += strides[axis]
                    break
                base -= k[axis] * strides[axis]
                k[axis] = 0
                axis -= 1
            if axis < 0:
                break
        out[o] = best


@njit(cache=True)
def offset_stops(
    shape: Ints,
    strides: Ints,
    move: Floats,
    disc: Floats,
    dist: Floats,
    most: Ints,
    offsets: Ints,
    farthest: bool,
    tie: float,
    stop: Ints,
) -> None:
    """Fill stop[i] with the flat k of the tied stop of offsets[i] nearest to x (farthest).

    Tied: cost <= best (1 + tie). Equally far stops: the first in C order. `most`: as in `offset_table`.
    """
    d = len(shape)
    last = shape[d - 1]
    k = np.zeros(d, np.int64)
    for i in range(len(offsets)):
        o = offsets[i]
        best = np.inf
        for sweep in range(2):
            bar = best * (1.0 + tie)
            chosen = -1
            k[:] = 0
            base = 0
            while True:
                v = move[base] + disc[o - base]
                if sweep == 0:
                    best = min(best, v)
                elif v <= bar:
                    closer = chosen >= 0 and dist[base] < dist[chosen] * (1.0 - tie)
                    further = chosen >= 0 and dist[base] > dist[chosen] * (1.0 + tie)
                    if chosen < 0 or (further if farthest else closer):
                        chosen = base
                axis = d - 1
                if k[axis] + 1 >= most[base // last]:  # done with this line: on to the next
                    base -= k[axis]
                    k[axis] = 0
                    axis -= 1
                while axis >= 0:
                    if k[axis] < (o // strides[axis]) % shape[axis]:
                        k[axis] += 1
                        base += strides[axis]
                        break
                    base -= k[axis] * strides[axis]
                    k[axis] = 0
                    axis -= 1
                if axis < 0:
                    break
            stop[i] = chosen


@njit(cache=True)
def minplus_rows(move: Floats, order: Ints, disc: Floats, out: Floats) -> None:
    """Fill out[i, j] = min_z move[i, z] + disc[z, j], stops taken by rising move (`order`).

    Row i is finished once move[i, z] reaches the greatest value left in it: later stops cannot help.
    """
    for i in range(move.shape[0]):
        out[i, :] = np.inf
        for k in range(move.shape[1]):
            z = order[i, k]
            m = move[i, z]
            if m >= np.max(out[i]):
                break
            for j in range(disc.shape[1]):
                v = m + disc[z, j]
                if v < out[i, j]:
                    out[i, j] = v


@njit(cache=True)
def distance_to(u: Floats, v: Floats) -> float:
    """Euclidean distance of two points."""
    if len(u) == 1:
        return float(abs(u[0] - v[0]))
    s = 0.0
    for k in range(len(u)):
        s += (u[k] - v[k]) ** 2
    return float(np.sqrt(s))


@njit(cache=True)
def pair_stops(
    x: Floats,
    y: Floats,
    stops: Floats,
    a: float,
    p: float,
    alpha: float,
    farthest: bool,
    tie: float,
    cost: Floats,
    stop: Ints,
) -> None:
    """Fill cost[i] and stop[i] of the pair (x_i, y_i): the tied stop nearest to x_i (farthest)."""
    r = np.empty(len(stops))
    v = np.empty(len(stops))
    for i in range(len(x)):
        for z in range(len(stops)):
            r[z] = distance_to(x[i], stops[z])
            v[z] = a * power(r[z], p) + power(distance_to(stops[z], y[i]), alpha)
        best = np.min(v)
        bar = best * (1.0 + tie)
        chosen = -1
        for z in range(len(stops)):
            if v[z] <= bar:
                closer = chosen >= 0 and r[z] < r[chosen] * (1.0 - tie)
                further = chosen >= 0 and r[z] > r[chosen] * (1.0 + tie)
                if chosen < 0 or (further if farthest else closer):
                    chosen = z
        cost[i] = best
        stop[i] = chosen
