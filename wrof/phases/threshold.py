"""The two thresholds that every user asks for: below which tau nothing moves, above which tau nu is reached at once.

On finite stops with alpha fixed they are the first and the last corner of V(s) = min J, s = 1 / 2 tau: the ends of
the lines of mu and of nu. Newton's method on V finds each in a few certified steps. It solves the linear program

    s_min = max over rho of (F(mu, nu) - F(rho, nu)) / K(mu, rho),      tau_frozen = 1 / 2 s_min,

whose dual asks for potentials with phi(x) - phi(z) <= s |x - z|^p that are optimal for F(mu, nu): every step brings
a rho (a lower bound) and ends with potentials (an upper bound). For alpha = 1 + tau neither need be an interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..chords import corner, distinct
from ..errors import WrofError
from ..measure import Floats, positive_number
from ..problem import StepProblem, resolve_alpha
from ..result import StepResult
from ..solvers import choose
from ..step import solve
from .curve import OPTIONS, Curve, ask, tau_between

Intervals = list[tuple[float, float]]
SCAN = 128  # step sizes at which the regimes of alpha = 1 + tau are sampled, besides the thresholds of single hops
HOPS = 64  # lengths of hops whose thresholds are among them
FAR = 1e100  # the greatest power of the diameter that is looked at


class Threshold(float):
    """A critical step size, a float, that says what holds at the step size itself.

    Attributes
    ----------
    lazy, eager : whether the regime it bounds holds at it under select="lazy" and under select="eager".
    """

    lazy: bool
    eager: bool

    def __new__(cls, value: float, *, lazy: bool, eager: bool) -> Threshold:
        """Make it from its value."""
        self = super().__new__(cls, value)
        self.lazy, self.eager = lazy, eager
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, bool]]:
        return (float(self),), {"lazy": self.lazy, "eager": self.eager}


def frozen_below(
    mu: Any,
    nu: Any,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    **where: Any,
) -> Threshold | Intervals | None:
    """Greatest tau up to which no mass moves, for ever: the lazy step from mu is mu.

    tau_frozen = 1 / 2 s_min with s_min = max over rho of (F(mu, nu) - F(rho, nu)) / K(mu, rho).

    Parameters
    ----------
    mu, nu, alpha, p, stops, solver : as in `step`; the stops a Grid or a PointCloud.

    Returns
    -------
    Threshold, a float: frozen for tau < it; at it still frozen under "lazy", no longer under "eager". None if nothing
    moves at any tau. 0.0 if mu has mass off the stops, so that something moves at every tau.
    For alpha="1+tau" the list of (lo, hi), the intervals of tau in which nothing moves; see `target_above`.

    Raises
    ------
    WrofError, SolverError
        As in `phases`.

    Examples
    --------
    >>> import wrof
    >>> wrof.frozen_below(**wrof.toys.two_point(3.0))
    1.5
    """
    problem = ask(mu, nu, alpha, p, stops, OPTIONS, **where)
    if isinstance(alpha, str):
        return _intervals(problem, solver, lambda result: result.still)
    curve = Curve(problem, solver)
    if curve.least[0] > 0:
        return Threshold(0.0, lazy=False, eager=False)
    line, far = curve.last(), curve.first()
    if not distinct(far, line):
        return None
    return Threshold(tau_between(corner(curve, line, far, to_right=False), line), lazy=True, eager=False)


def target_above(
    mu: Any,
    nu: Any,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    **where: Any,
) -> Threshold | Intervals | None:
    """Least tau above which the first step is nu.

    The end of the line K(mu, nu) / 2 tau, on which rho = nu minimises J, as V(1 / 2 tau) is concave.

    Parameters
    ----------
    mu, nu, alpha, p, stops, solver : as in `step`; the stops a Grid or a PointCloud.

    Returns
    -------
    Threshold, a float: rho_1 = nu for tau > it; at it so under "eager", not under "lazy". 0.0 if mu = nu. None if nu
    has mass off the stops, which is then never reached.
    For alpha="1+tau" the list of (lo, hi), the intervals of tau in which the lazy rho_1 is nu. They are sampled, at
    some 200 step sizes over all scales and between the thresholds of single hops (`hop_thresholds`), and their ends
    found by bisection to rounding; what lies between two samples and is not seen at either is missed. The last hi is
    inf if the regime lasts up to the largest tau whose powers floating point holds.

    Raises
    ------
    WrofError, SolverError
        As in `phases`.

    Examples
    --------
    >>> import wrof
    >>> wrof.target_above(**wrof.toys.three_point(1.0, 2.0))
    2.0
    """
    problem = ask(mu, nu, alpha, p, stops, OPTIONS, **where)
    if isinstance(alpha, str):
        return _intervals(problem, solver, lambda result: result.arrived)
    curve = Curve(problem, solver)
    if curve.least[1] > 0:
        return None
    line, far = curve.first(), curve.last()
    if not distinct(line, far):
        return Threshold(0.0, lazy=True, eager=True)
    return Threshold(tau_between(line, corner(curve, line, far, to_right=True)), lazy=False, eager=True)


# ---- alpha = 1 + tau ----


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


def _intervals(problem: StepProblem, solver: str, holds: Callable[[StepResult], bool]) -> Intervals:
    """Intervals of tau in which the lazy step with alpha = 1 + tau has a property."""
    choose(problem, solver)

    def at(tau: float) -> bool:
        return holds(solve(replace(problem, tau=tau, alpha=1 + tau), solver=solver))

    taus = _samples(problem)
    seen = [at(tau) for tau in taus]
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
            found.append((start, edge))
            start = None
    return found if start is None else [*found, (start, math.inf)]


def _bisect(at: Callable[[float], bool], lo: float, hi: float, left: bool) -> float:
    """Where a property changes between lo and hi, to rounding."""
    while True:
        middle = math.sqrt(lo * hi)
        if not lo < middle < hi or hi / lo - 1 < 4e-15:
            return middle
        lo, hi = (middle, hi) if at(middle) == left else (lo, middle)


def _samples(problem: StepProblem) -> list[float]:
    """Step sizes from where nothing can move to where powers leave floating point, dense on all scales.

    For tau <= 1 and lengths up to D a hop of length r gains at most (1 + tau) max(1, D)^tau r, so nothing moves while
    4 tau max(1, D) <= r^(p - 1) for every hop.
    """
    lengths = _hops(problem)
    ends = np.concatenate([problem.source.points[problem.x], problem.target.points[problem.y], problem.stop_points])
    size = float(np.linalg.norm(np.ptp(ends, axis=0)))
    if not len(lengths):
        return [1.0]
    least = min(1.0, *(float(r) ** (problem.p - 1) / (4 * max(1.0, size)) for r in (lengths.min(), size))) / 2
    log = abs(math.log(size)) if size > 0 else 1.0
    most = min(1e4, math.log(FAR) / max(log, 1e-9) - 1)
    if most <= 2 * least:
        raise WrofError(f"the lengths, up to {size:.3g}, are too far from 1 for powers 1 + tau; rescale them.")
    single = [tau for r in lengths for hop in hop_thresholds(r, p=problem.p) for tau in hop if least < tau < most]
    marks = np.unique([least, *single, most])
    return [float(tau) for tau in np.unique([*np.geomspace(least, most, SCAN), *np.sqrt(marks[1:] * marks[:-1])])]


def _hops(problem: StepProblem) -> Floats:
    """Distances between supports and stops: the least, the greatest, and some between."""
    places = problem.stop_points
    assert places is not None
    ends = np.concatenate([problem.source.points[problem.x], problem.target.points[problem.y]])
    few = [points[np.unique(np.linspace(0, len(points) - 1, 256).astype(int))] for points in (ends, places)]
    from scipy.spatial import cKDTree  # late: only here
    from scipy.spatial.distance import cdist

    near = cKDTree(places).query(ends, k=min(2, len(places)))[0].ravel()
    every = np.unique(np.concatenate([near, cdist(*few).ravel()]))
    every = every[every > 0]
    return every[np.unique(np.linspace(0, len(every) - 1, HOPS).astype(int))] if len(every) else every
