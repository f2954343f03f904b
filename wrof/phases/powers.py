"""Alpha = 1 + tau: V is no function of 1 / 2 tau alone, and the regimes need not be monotone in tau.

A hop of length r to its target pays iff r^p < 2 tau r^(1 + tau): for r < 1 only between two thresholds. The two-point
model is in Davies, The WROF Problem and WGANs (slides, Toronto 2023).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ..errors import SolverError, WrofError, WrofWarning
from ..measure import Floats, positive_number
from ..problem import StepProblem, resolve_alpha
from ..result import StepResult
from ..solvers import choose
from ..step import solve

Intervals = list[tuple[float, float]]
SCAN = 128  # step sizes at which the regimes of alpha = 1 + tau are sampled, besides the thresholds of single hops
HOPS = 64  # lengths of hops whose thresholds are among them
FAR = 1e100  # the greatest power of the diameter that is looked at
MOST = 1e4  # the greatest tau that is looked at
POINT = 1e-9  # a regime on a shorter interval, relative to tau, holds at one tau at most, by rounding


def hop_thresholds(r: float, *, p: float = 2.0, alpha: float | str = "1+tau") -> Intervals:
    """Step sizes at which mass hops a distance r to its target at once: r^p / 2 tau < r^alpha.

    For alpha = 1 + tau, with u = tau ln r: u e^u = r^(p-1) ln(r) / 2, so tau = W(r^(p-1) ln(r) / 2) / ln r: one
    threshold for r >= 1; for r < 1 two, both branches of Lambert's W, or none.

    Parameters
    ----------
    r : float > 0, distance. p, alpha : as in `step`.

    Returns
    -------
    list of (lo, hi), the open intervals of tau, at most one; hi may be inf.

    Raises
    ------
    WrofError
        If r, p or alpha is not a number > 0.

    Notes
    -----
    Two-point model: Davies, The WROF Problem and WGANs (slides, Toronto 2023).
    """
    r, p = positive_number(r, "r"), positive_number(p, "p")
    if not isinstance(alpha, str):
        return [(r ** (p - positive_number(alpha, "alpha")) / 2, math.inf)]
    resolve_alpha(alpha, 1.0)
    from scipy.special import lambertw  # late: only here

    log = math.log(r)
    if log == 0:
        return [(0.5, math.inf)]
    right = r ** (p - 1) * log / 2
    if log > 0:
        return [(float(lambertw(right).real / log), math.inf)]
    if right <= -1 / math.e:
        return []
    return [(float(lambertw(right, 0).real / log), float(lambertw(right, -1).real / log))]


def intervals(problem: StepProblem, solver: str, holds: Callable[[StepResult], bool]) -> Intervals:
    """Intervals of tau in which the lazy step with alpha = 1 + tau has a property."""
    choose(problem, solver)

    def at(tau: float) -> bool | None:
        try:
            return holds(solve(replace(problem, tau=tau, alpha=1 + tau), solver=solver))
        except (SolverError, WrofError):  # powers 1 + tau over too many orders of magnitude
            return None

    sampled = [(tau, at(tau)) for tau in _samples(problem)]
    taus, seen = zip(*((tau, held) for tau, held in sampled if held is not None), strict=True)
    lost = [tau for tau, held in sampled if held is None]
    if lost:
        warnings.warn(
            f"{len(lost)} of {len(sampled)} step sizes, from {lost[0]:.3g} to {lost[-1]:.3g}, could not be decided: "
            "the powers 1 + tau span too many orders of magnitude.",
            WrofWarning,
            stacklevel=3,
        )
    found: Intervals = []
    start = 0.0 if seen[0] else None
    for k in range(1, len(taus)):
        if seen[k] == seen[k - 1]:
            continue
        edge = _bisect(at, taus[k - 1], taus[k], seen[k - 1])
        if seen[k]:
            start = edge
        else:
            assert start is not None
            if edge - start > POINT * edge:
                found.append((start, edge))
            start = None
    return found if start is None else [*found, (start, math.inf)]


def _bisect(at: Callable[[float], bool | None], lo: float, hi: float, left: bool) -> float:
    """Where a property changes between lo and hi, to rounding."""
    while True:
        middle = math.sqrt(lo * hi)
        if not lo < middle < hi or hi / lo - 1 < 4e-15:
            return middle
        lo, hi = (middle, hi) if at(middle) == left else (lo, middle)


def _samples(problem: StepProblem) -> list[float]:
    """Step sizes from where nothing can move to where nothing changes any more, dense on all scales.

    For tau <= 1 and lengths up to D a hop of length r gains at most (1 + tau) max(1, D)^tau r, so nothing moves while
    4 tau max(1, D) <= r^(p - 1) for every hop.
    """
    lengths = _hops(problem)
    if not len(lengths):
        return [1.0]
    places = problem.stop_points
    assert places is not None
    ends = np.concatenate([problem.source.points[problem.x], problem.target.points[problem.y], places])
    size = float(np.linalg.norm(np.ptp(ends, axis=0)))
    least = min(1.0, *(float(r) ** (problem.p - 1) / (4 * max(1.0, size)) for r in (lengths.min(), size))) / 2
    most = _latest(problem, lengths, size)
    if most <= 2 * least:
        raise WrofError(f"the lengths, up to {size:.3g}, are too far from 1 for powers 1 + tau; rescale them.")
    single = [tau for r in lengths for hop in hop_thresholds(r, p=problem.p) for tau in hop if least < tau < most]
    marks = np.unique([least, *single, most])
    return [float(tau) for tau in np.unique([*np.geomspace(least, most, SCAN), *np.sqrt(marks[1:] * marks[:-1])])]


def _latest(problem: StepProblem, lengths: Floats, size: float) -> float:
    """Step size beyond which ways < 1 to a target gain less than any hop costs, and those >= 1 more.

    r^(1 + tau) falls for r < 1: no hop pays as soon as 2 tau r^(1 + tau) <= least^p. All within what powers hold.
    """
    places = problem.stop_points
    assert places is not None
    starts = np.concatenate([_few(problem.source.points[problem.x]), _few(places)])
    ways = cdist(starts, _few(problem.target.points[problem.y]))
    longest = float(np.max(ways[ways < 1], initial=0.0))
    tau: float = 2 * max(1.0, size**problem.p)
    while longest and tau < MOST and 4 * tau * longest ** (1 + tau) > float(lengths.min()) ** problem.p:
        tau *= 1.5
    return tau if size <= 1 else min(tau, math.log(FAR) / math.log(size) - 1)


def _hops(problem: StepProblem) -> Floats:
    """Distances between supports and stops: the least, the greatest, and some between."""
    places = problem.stop_points
    assert places is not None
    ends = np.concatenate([problem.source.points[problem.x], problem.target.points[problem.y]])
    near = cKDTree(places).query(ends, k=min(2, len(places)))[0].ravel()
    every = np.unique(np.concatenate([near, cdist(_few(ends), _few(places)).ravel()]))
    every = every[every > 0]
    return every[np.unique(np.linspace(0, len(every) - 1, HOPS).astype(int))] if len(every) else every


def _few(points: Floats) -> Floats:
    """At most 256 of the points, spread over their order."""
    return np.ascontiguousarray(points[np.unique(np.linspace(0, len(points) - 1, 256).astype(int))])
