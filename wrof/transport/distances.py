"""Distances between measures, and the objective of a step at any measure.

d_p(mu, nu)^p = min over couplings of sum mass |x - y|^p. The distance is rooted for p >= 1; below it is the
power itself that is a metric, and nothing is rooted.
"""

from __future__ import annotations

from typing import Any

from ..measure import Measure, measures, positive_number, same_size
from ..problem import StepProblem
from .solve import solve


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
    return solve(source, target, positive_number(p, "p"), positive_number(rtol, "rtol")).value


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
    movement = solve(source, middle, problem.p, rtol).value
    return movement / (2 * problem.tau) + solve(middle, target, problem.alpha, rtol).value
