"""The line: Monge c-transforms, the monotone coupling, and best stops by convexity.

Coordinates are counted in `unit`s of length: on a grid they are whole numbers, so that distances, and
with them ties, do not depend on how the coordinates were rounded. Valid for p >= 1 and alpha >= 1 only:
then |x - y|^q and the joint costs are Monge on sorted points.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .powers import power
from .radial import radial
from .types import Floats, Ints


@njit(cache=True, inline="always")
def _cost(r: float, a: float, p: float, alpha: float) -> float:
    """Return the joint cost with free stops, or the plain power a r^p where alpha = 0."""
    if alpha == 0.0:
        return a * power(r, p)
    return radial(r, a, p, alpha, False, 0.0)[0]


@njit(cache=True, nogil=True)
def pair_powers(x: Floats, y: Floats, i: Ints, j: Ints, unit: float, a: float, q: float, out: Floats) -> None:
    """Fill out[k] = a |x - y|^q of the pairs (i_k, j_k), without temporaries: lines have tens of millions of them."""
    for k in range(len(i)):
        out[k] = a * power(unit * abs(x[i[k]] - y[j[k]]), q)


@njit(cache=True)
def monge_transform(
    x: Floats, y: Floats, unit: float, psi: Floats, a: float, p: float, alpha: float, out: Floats
) -> None:
    """Fill out[i] = min_j cost(|x_i - y_j|) - psi_j for sorted x, y and a convex cost: O((n+m) log n).

    The least minimiser moves right with i, so rows are done coarse to fine, each between the
    minimisers of its finished neighbours.
    """
    n, m = len(x), len(y)
    arg = np.empty(n, np.int64)
    stride = 1
    while stride < n:
        stride *= 2
    while stride >= 1:
        for i in range(stride - 1, n, 2 * stride):
            lo = arg[i - stride] if i >= stride else 0
            hi = arg[i + stride] if i + stride < n else m - 1
            best = np.inf
            where = lo
            for j in range(lo, hi + 1):
                v = _cost(unit * abs(x[i] - y[j]), a, p, alpha) - psi[j]
                if v < best:
                    best = v
                    where = j
            out[i] = best
            arg[i] = where
        stride //= 2


@njit(cache=True)
def northwest(a: Floats, b: Floats, i: Ints, j: Ints, mass: Floats) -> None:
    """Fill the n+m-1 cells of the monotone coupling (a staircase: a spanning tree of the marginals)."""
    n, m = len(a), len(b)
    ia = 0
    ib = 0
    left, need = a[0], b[0]
    for k in range(n + m - 1):
        i[k] = ia
        j[k] = ib
        if (left <= need and ia < n - 1) or ib == m - 1:
            mass[k] = left
            need -= left
            ia += 1
            left = a[min(ia, n - 1)]
        else:
            mass[k] = need
            left -= need
            ib += 1
            need = b[min(ib, m - 1)]
        if mass[k] < 0.0:
            mass[k] = 0.0


@njit(cache=True)
def staircase_potential(i: Ints, j: Ints, cost: Floats, phi: Floats, psi: Floats) -> None:
    """Fill potentials with phi_i + psi_j = cost on every cell; feasible when the cost is Monge."""
    phi[i[0]] = 0.0
    psi[j[0]] = cost[0]
    for k in range(1, len(i)):
        if i[k] == i[k - 1]:
            psi[j[k]] = cost[k] - phi[i[k]]
        else:
            phi[i[k]] = cost[k] - psi[j[k]]


@njit(cache=True, inline="always")
def _value(x: float, y: float, z: float, unit: float, a: float, p: float, alpha: float) -> float:
    return a * power(unit * abs(x - z), p) + power(unit * abs(z - y), alpha)


@njit(cache=True)
def _nearest(stops: Floats, lo: int, hi: int, x: float) -> int:
    """Index in [lo, hi] of the stop nearest to x, the left one if two are."""
    k: int = np.searchsorted(stops, x)  # type: ignore[assignment]
    if k <= lo:
        return lo
    if k > hi:
        return hi
    return k if stops[k] - x < x - stops[k - 1] else k - 1


@njit(cache=True, nogil=True)
def line_stops(
    x: Floats,
    y: Floats,
    stops: Floats,
    unit: float,
    a: float,
    p: float,
    alpha: float,
    farthest: bool,
    tie: float,
    cost: Floats,
    stop: Ints,
) -> None:
    """Fill cost[i] and the tied stop nearest to x_i (farthest), for pairs (x_i, y_i) on a line.

    The sum is convex in z, so the best stop is beside the continuous minimiser, and the stops
    within cost <= best (1 + tie) are an interval, found by bisection on either side.
    """
    last = len(stops) - 1
    for i in range(len(x)):
        s = radial(unit * abs(y[i] - x[i]), a, p, alpha, False, tie)[1] / unit
        t = x[i] + s if y[i] >= x[i] else x[i] - s
        right = min(np.searchsorted(stops, t), last)
        left = max(right - 1, 0)
        vl = _value(x[i], y[i], stops[left], unit, a, p, alpha)
        vr = _value(x[i], y[i], stops[right], unit, a, p, alpha)
        k = left if vl < vr else right
        best = min(vl, vr)
        bar = best * (1.0 + tie)
        lo, hi = k, k
        if k > 0 and _value(x[i], y[i], stops[k - 1], unit, a, p, alpha) <= bar:
            far = -1  # last stop to the left known to be worse
            lo = k - 1
            while lo - far > 1:
                mid = (lo + far) // 2
                if _value(x[i], y[i], stops[mid], unit, a, p, alpha) <= bar:
                    lo = mid
                else:
                    far = mid
        if k < last and _value(x[i], y[i], stops[k + 1], unit, a, p, alpha) <= bar:
            far = last + 1
            hi = k + 1
            while far - hi > 1:
                mid = (hi + far) // 2
                if _value(x[i], y[i], stops[mid], unit, a, p, alpha) <= bar:
                    hi = mid
                else:
                    far = mid
        cost[i] = best
        if lo == hi:
            stop[i] = lo
        elif farthest:
            stop[i] = lo if abs(stops[lo] - x[i]) >= abs(stops[hi] - x[i]) else hi
        else:
            stop[i] = _nearest(stops, lo, hi, x[i])
