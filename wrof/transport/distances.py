"""Distances between measures, and the objective of a step at any measure.

d_p(mu, nu)^p = min over couplings of sum mass |x - y|^p. The distance is rooted for p >= 1; below it is the
power itself that is a metric, and nothing is rooted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import ties
from .certify import tidy
from .cost import LinePower, power_cost, scanned_power
from .errors import SolverError
from .measure import Measure, measures, positive_number, same_size
from .problem import StepProblem, cost_across, matched
from .result import Proposal
from .solvers import multiscale
from .solvers.monotone import staircase, staircase_potentials
from .solvers.simplex import network_simplex

MANY = 2e5  # pairs from which no matrix is made


def distance_power(mu: Any, nu: Any, p: float, *, rtol: float = 1e-9, **where: Any) -> float:
    """d_p(mu, nu)^p = min over couplings of sum mass |x - y|^p, without a root.

    Parameters
    ----------
    mu, nu : Measure, or weights with grid=, points= or source_points=/target_points=; equal mass.
    p : float > 0, exponent of the distance.
    rtol : gap allowed, relative to max(value, mass * greatest cost on the plan).

    Returns
    -------
    float, in length unit ** p times mass; certified by potentials over all pairs.

    Raises
    ------
    WrofError
        For bad input.
    SolverError
        If the certificate is missed.
    """
    source, target = measures(mu, nu, ("p", "rtol"), **where)
    return _power(source, target, positive_number(p, "p"), positive_number(rtol, "rtol"))


def _power(source: Measure, target: Measure, p: float, rtol: float) -> float:
    x, y = source.support, target.support
    reach = cost_across(source.points[x], target.points[y], p, f"p = {p:g}")
    a, b = source.weights[x], matched(target.weights[y], target.mass, source.mass)
    cost = power_cost(source.space, x, target.space, y, p)
    if isinstance(cost, LinePower):
        i, j, mass = staircase(cost.x[:, 0], a, cost.y[:, 0], b)
        psi = staircase_potentials(i, j, cost.pairs(i, j), len(a), len(b))[1]
        answer = Proposal(i, j, mass, psi)
    elif float(len(a)) * len(b) >= MANY and (scanned := scanned_power(cost)) is not None:
        cost = scanned
        answer = multiscale.transport(cost, a, b)
    else:
        i, j, mass, psi, _ = network_simplex(cost, a, b)
        answer = ties.sharpen(ties.Pairs(cost, a, b), Proposal(i, j, mass, psi), reach)
    answer = tidy(a, answer)
    each, phi = cost.pairs(answer.i, answer.j), cost.c_transform(answer.psi)
    value, bound = float(each @ answer.mass), float(phi @ a + answer.psi @ b)
    rounding = 16 * np.finfo(float).eps * float(np.abs(phi) @ a + np.abs(answer.psi) @ b)
    scale = max(value, source.mass * float(np.max(each[answer.mass > 0], initial=0.0)))
    rows, columns = np.bincount(answer.i, answer.mass, len(a)), np.bincount(answer.j, answer.mass, len(b))
    error = np.abs(rows - a).sum() + np.abs(columns - target.weights[y]).sum()
    # marginals that are off by rounding, as in `certify.grade`
    off = float(np.abs(rows - a).sum() + np.abs(columns - b).sum())
    rounding += off * float(np.max(np.abs(answer.psi), initial=np.max(np.abs(phi))))
    if not (abs(value - bound) <= rtol * scale + rounding and error <= rtol * source.mass):
        raise SolverError(
            f"the distance is not certified: value {value:.12g}, lower bound {bound:.12g}, marginal error {error:.1e}."
        )
    return value


def distance(mu: Any, nu: Any, p: float = 1.0, *, rtol: float = 1e-9, **where: Any) -> float:
    """d_p(mu, nu): `distance_power` rooted for p >= 1, as it is for p < 1.

    Parameters
    ----------
    mu, nu, rtol, where : as in `distance_power`.
    p : float > 0.

    Returns
    -------
    float. For p >= 1 and unit mass a length; for p < 1 a length ** p.

    Raises
    ------
    WrofError, SolverError
        As in `distance_power`.

    Examples
    --------
    >>> import wrof
    >>> wrof.distance([1.0, 0.0], [0.0, 1.0], p=2, points=[[0.0, 0.0], [3.0, 4.0]])
    5.0
    """
    power = distance_power(mu, nu, p, rtol=rtol, **where)
    return float(power ** (1 / p)) if p >= 1 else power


def objective(
    rho: Any,
    mu: Any,
    nu: Any,
    tau: float,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    rtol: float = 1e-9,
    **where: Any,
) -> float:
    """J(rho) = K(mu, rho) / (2 tau) + F(rho, nu), two transport problems solved afresh.

    Parameters
    ----------
    rho : Measure anywhere, or weights on the shared grid= or points=.
    mu, nu, tau, alpha, p : as in `step`. rtol : as in `distance_power`.

    Returns
    -------
    float

    Raises
    ------
    WrofError, SolverError
        As in `distance_power`.
    """
    known = ("tau", "alpha", "p", "rtol")
    source, target = measures(mu, nu, known, **where)
    middle = rho
    if not isinstance(rho, Measure):
        shared = {key: value for key, value in where.items() if key in ("grid", "points", "normalize")}
        middle = measures(rho, rho, known, ("rho", "rho"), **shared)[0]
    problem = StepProblem.build(source, target, tau, alpha=alpha, p=p, stops=middle.space)
    same_size(source, middle, ("source", "rho"))
    return _power(source, middle, problem.p, rtol) / (2 * problem.tau) + _power(middle, target, problem.alpha, rtol)
