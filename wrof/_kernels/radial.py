"""The joint cost with free stops: min over s in [0, r] of a s^p + (r - s)^alpha.

The best stop lies on the segment from x to y, s away from x. With a = 1/2 tau.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .powers import power
from .types import Floats

EPS = 2.220446049250313e-16


@njit(cache=True, inline="always")
def _joint(s: float, t: float, a: float, p: float, alpha: float) -> float:
    return a * power(s, p) + power(t, alpha)


@njit(cache=True)
def _rising_root(r: float, a: float, p: float, b: float, q: float) -> float:
    """Root u in (0, r) of a p u^(p-1) = b q (r-u)^(q-1), the first where the left side overtakes.

    For p, q >= 1 the difference rises, so there is one root. Bisection guards Newton steps.
    """
    lo, hi = 0.0, r
    u = 0.5 * r
    for _ in range(200):
        v = r - u
        g = a * p * u ** (p - 1.0) - b * q * v ** (q - 1.0)
        if g > 0.0:
            hi = u
        elif g < 0.0:
            lo = u
        else:
            return u
        slope = a * p * (p - 1.0) * u ** (p - 2.0) + b * q * (q - 1.0) * v ** (q - 2.0)
        step = u - g / slope if slope > 0.0 else lo
        if not (lo < step < hi):
            step = 0.5 * (lo + hi)
        if abs(step - u) <= 2.0 * EPS * u or hi - lo <= 2.0 * EPS * hi:
            return step
        u = step
    return u


@njit(cache=True)
def _root_near_end(r: float, a: float, p: float, b: float, q: float) -> tuple[float, float]:
    """Return the root of `_rising_root` as (u, r - u), each with full relative accuracy."""
    half = 0.5 * r
    if a * p * half ** (p - 1.0) >= b * q * half ** (q - 1.0):
        u = _rising_root(r, a, p, b, q)
        return u, r - u
    v = _rising_root(r, b, q, a, p)  # the same equation counted from the other end
    return r - v, v


@njit(cache=True)
def _first_crossing(r: float, a: float, p: float, b: float, q: float, top: float) -> float:
    """First root u in (0, top) of a p u^(p-1) = b q (r-u)^(q-1), p > 1 > q, by bisection.

    The logarithm of the ratio rises on (0, top), so a sign change brackets it.
    """
    lo, hi = 0.0, top
    for _ in range(1100):
        u = 0.5 * (lo + hi)
        if u <= lo or u >= hi:
            break
        if a * p * u ** (p - 1.0) * (r - u) ** (1.0 - q) < b * q:
            lo = u
        else:
            hi = u
    return 0.5 * (lo + hi)


@njit(cache=True)
def _interior(r: float, a: float, p: float, alpha: float) -> tuple[float, float]:
    """(s, r - s) at the local minimum inside (0, r); s < 0 if there is none."""
    if p > 1.0 and alpha < 1.0:  # falls, rises, falls: local minimum before the hump
        top = r * (p - 1.0) / (p - alpha)
        if a * p * top ** (p - 1.0) * (r - top) ** (1.0 - alpha) <= alpha:
            return -1.0, r
        s = _first_crossing(r, a, p, 1.0, alpha, top)
        return s, r - s
    if p < 1.0 and alpha > 1.0:  # the same with the roles of the two terms exchanged
        top = r * (alpha - 1.0) / (alpha - p)
        if alpha * top ** (alpha - 1.0) * (r - top) ** (1.0 - p) <= a * p:
            return -1.0, r
        t = _first_crossing(r, 1.0, alpha, a, p, top)
        return r - t, t
    if p <= 1.0 and alpha <= 1.0:  # concave: an end is best
        return -1.0, r
    if alpha == 1.0:  # p > 1
        s = (1.0 / (a * p)) ** (1.0 / (p - 1.0)) if p != 2.0 else 0.5 / a
        return (s, r - s) if s < r else (-1.0, r)
    if p == 1.0:  # alpha > 1
        t = (a / alpha) ** (1.0 / (alpha - 1.0))
        return (r - t, t) if t < r else (-1.0, r)
    if p == 2.0 and alpha == 2.0:
        return r / (1.0 + a), r * a / (1.0 + a)
    return _root_near_end(r, a, p, 1.0, alpha)


@njit(cache=True)
def radial(r: float, a: float, p: float, alpha: float, farthest: bool, tie: float) -> tuple[float, float]:
    """(cost, s) of one pair at distance r; ties within `tie` relative go to the least (greatest) s."""
    if r == 0.0:
        return 0.0, 0.0
    s, t = _interior(r, a, p, alpha)
    stay, jump = power(r, alpha), a * power(r, p)
    inside = _joint(s, t, a, p, alpha) if s >= 0.0 else np.inf
    best = min(stay, jump, inside)
    bar = best * (1.0 + tie)
    if farthest:
        if jump <= bar:
            return best, r
        return (best, s) if inside <= bar else (best, 0.0)
    if stay <= bar:
        return best, 0.0
    return (best, s) if inside <= bar else (best, r)


@njit(cache=True, nogil=True, inline="always")
def of_square(square: float, a: float, p: float, alpha: float) -> float:
    """Cost at a squared distance."""
    r = np.sqrt(square)
    if p == 2.0 and alpha == 1.0:  # Huber
        return a * square if 2 * a * r <= 1 else r - 0.25 / a
    return float(radial(r, a, p, alpha, False, 0.0)[0])


@njit(cache=True)
def radial_each(
    r: Floats, a: float, p: float, alpha: float, farthest: bool, tie: float, cost: Floats, s: Floats
) -> None:
    """Fill cost and s for every distance of the flat array r."""
    for k in range(r.size):
        cost[k], s[k] = radial(r[k], a, p, alpha, farthest, tie)
