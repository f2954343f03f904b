"""Closed forms that toys are checked against.

[D] is in the docstring of `wrof.toys`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import WrofError
from ..measure import Floats, Grid, Measure, measures, positive_number
from .checks import count, distance

TIE_RTOL = 1e-12  # two costs are a tie up to this relative difference


class TwoPoint(NamedTuple):
    """Minimisers of the two-point toy: the masses left at 0 fill the interval `rho0` = (lo, hi); `value` is J."""

    rho0: tuple[float, float]
    value: float


def two_point_exact(r: float, tau: float, alpha: float | str = 1.0, p: float = 2.0) -> TwoPoint:
    """Solve the two-point toy: J(rho0) = (1 - rho0) r^p/2tau + rho0 r^alpha is least at an end [D].

    Parameters
    ----------
    r : distance >= 0. At r = 0 both points are one stop: J = 0 and every split of the mass is optimal, (0, 1).
    tau : step size > 0.
    alpha, p : exponents > 0; alpha may be "1+tau".

    Returns
    -------
    TwoPoint : (0, 0) if all mass moves, r^p/2tau < r^alpha; (1, 1) if none does; (0, 1) if the two agree to 1e-12.
    """
    r, tau, p = distance(r), positive_number(tau, "tau"), positive_number(p, "p")
    power = 1 + tau if _is_one_plus_tau(alpha) else positive_number(alpha, "alpha")
    if r == 0:
        return TwoPoint((0.0, 1.0), 0.0)
    with np.errstate(over="ignore"):
        move, stay = float(np.float64(r) ** p / tau / 2), float(np.float64(r) ** power)
    excess = (p - power) * np.log(r) - np.log(2.0) - np.log(tau)  # log(move / stay), safe from overflow
    if abs(excess) <= TIE_RTOL:
        return TwoPoint((0.0, 1.0), stay)
    return TwoPoint((0.0, 0.0), move) if excess < 0 else TwoPoint((1.0, 1.0), stay)


def two_point_thresholds(r: float, alpha: float | str = 1.0, p: float = 2.0) -> Floats:
    """Return all tau, ascending, at which the two-point toy is tied: r^p/2tau = r^alpha.

    Fixed alpha: r^(p-alpha)/2; mass moves above it. "1+tau": tau e^(tau L) = r^(p-1)/2 with L = log r, hence
    tau = W(L r^(p-1)/2)/L. For r > 1 one root; r = 1: 1/2; r < 1: both real branches of W, mass moves only between
    them (two roots for p = 2), one root where they meet and none beyond, when mass moves for no tau.

    Parameters
    ----------
    r : distance > 0. alpha, p : exponents > 0; alpha may be "1+tau".
    """
    from scipy.special import lambertw

    r, p = positive_number(r, "r"), positive_number(p, "p")
    L, one = float(np.log(r)), _is_one_plus_tau(alpha)
    with np.errstate(all="ignore"):
        if not one or L == 0:
            power = p if one else positive_number(alpha, "alpha")
            roots = np.array([np.exp((p - power) * L) / 2])
        else:
            argument = L * np.exp((p - 1) * L) / 2
            if abs(1 + np.e * argument) <= TIE_RTOL:
                return np.array([-1 / L])  # the branches meet: W = -1
            if 1 + np.e * argument < 0:
                return np.empty(0)
            roots = np.real([lambertw(argument, branch) for branch in ((0,) if L > 0 else (0, -1))]) / L
    if not (np.isfinite(roots).all() and roots.min() > 0):
        raise WrofError(f"r = {r:g} with p = {p:g} puts a threshold beyond floating point; use r nearer to 1.")
    return np.sort(roots)


def three_point_exact(a: float, b: float, tau: float, steps: int) -> Floats:
    """Return the positions (steps+1,) of the mass in the three-point toy, start included.

    From 0 the mass stays if 2 tau <= a, goes to a if a < 2 tau <= 2a+b, and to a+b beyond. From a it goes on iff
    b < 2 tau. `a`, `b`, `tau` are lengths > 0.
    """
    a, b, reach = positive_number(a, "a"), positive_number(b, "b"), 2 * positive_number(tau, "tau")
    place = [0.0]
    for _ in range(count(steps, "steps", least=0)):
        if place[-1] == 0.0:
            place.append(a + b if _below(2 * a + b, reach) else a if _below(a, reach) else 0.0)
        else:
            place.append(a + b if _below(b, reach) else place[-1])
    return np.array(place)


def line_quantile_flow(mu: Measure, nu: Measure, tau: float, steps: int) -> Floats:
    """Return the weights (steps+1, K) of rho_0 = mu, rho_1, ... on a uniform line.

    Every atom of the monotone plan moves m cells a step, m the integer nearest to tau/h (the lower at a half), until it
    arrives: Q_k = max(Q_mu - kmh, min(Q_nu, Q_mu + kmh)) in quantiles, that is, in distribution functions,
    F_k(x) = min(F_mu(x + kmh), max(F_nu(x), F_mu(x - kmh))). `mu`, `nu` share a 1-D Grid; `tau` is a length > 0.
    """
    mu, nu = measures(mu, nu)
    if not isinstance(mu.space, Grid) or mu.space != nu.space or mu.space.dim != 1 or mu.space.size < 2:
        raise WrofError("the quantile law needs source and target on the same 1-D Grid of two points or more.")
    K, cells = mu.space.size, positive_number(tau, "tau") / mu.space.h - 0.5
    m = int(np.ceil(min(cells - TIE_RTOL * (cells + 1), K)))  # the number of integers j >= 0 with j + 1/2 < tau/h
    start, end = np.cumsum(mu.weights), np.cumsum(nu.weights)
    shift = np.minimum(m * np.arange(count(steps, "steps", least=0) + 1), K)[:, None]
    later = start[np.minimum(np.arange(K) + shift, K - 1)]
    earlier = np.concatenate([[0.0], start])[np.maximum(np.arange(1, K + 1) - shift, 0)]
    weights: Floats = np.diff(np.minimum(later, np.maximum(end, earlier)), axis=1, prepend=0.0)
    return weights


def _is_one_plus_tau(alpha: float | str) -> bool:
    if isinstance(alpha, str) and alpha != "1+tau":
        raise WrofError(f"alpha must be a number > 0 or '1+tau', got '{alpha}'.")
    return alpha == "1+tau"


def _below(small: float, large: float) -> bool:
    return large - small > TIE_RTOL * large
