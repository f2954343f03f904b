"""Multiscale transport: a target approached from mu scale by scale, as images are decomposed in (BV, L^2).

nu_0 = nu,   nu_{k+1} = argmin over rho of K(mu, rho) / (2 lam_{k+1}) + F(rho, nu_k),   lam_k = lam 2^-k.

Source: Milne & Nachman, An optimal transport analogue of the Rudin-Osher-Fatemi model and its corresponding multiscale
theory, SIAM J. Math. Anal. 56(1), 2024; after Tadmor, Nezzar & Vese, Multiscale Model. Simul. 2(4), 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .cost import euclid
from .errors import WrofError
from .flow import whole_steps
from .measure import Floats, Measure, Stops, measures, positive_number
from .problem import StepProblem, resolve_stops
from .result import STRAY, StepResult
from .step import check_options, solve, warn_if_frozen
from .transport.solve import solve as solve_transport

OPTIONS = ("lam", "scales", "stops", "alpha", "p", "solver", "select", "rtol")


@dataclass(frozen=True)
class Features:
    """The way x -> z -> y of every atom of a step, split at its stop z.

    Attributes
    ----------
    details : (k, d) z - x, what is small-scale. features : (k, d) y - z, what is left of moves too long for the step.
    mass : (k,). is_feature : (k,) bool, whether anything is left.
    """

    details: Floats
    features: Floats
    mass: Floats
    is_feature: np.ndarray

    def __repr__(self) -> str:
        return f"Features({len(self.mass)} atoms, mass {self.feature_mass:g} of {self.mass.sum():g} with a feature)"

    @property
    def feature_mass(self) -> float:
        """Mass of the atoms that have a feature."""
        return float(self.mass[self.is_feature].sum())


def features(result: StepResult) -> Features:
    """Split the transport from mu to nu that a step computes into large-scale features and small-scale details.

    For p = 2, alpha = 1 and free stops an atom whose mate is at a distance r moves min(tau, r): moves of at most tau
    are details, and longer ones leave a feature of length r - tau.

    Parameters
    ----------
    result : StepResult

    Returns
    -------
    Features

    Notes
    -----
    Milne & Nachman (2024), where d_2 prices the details and d_1 the features.
    """
    if not isinstance(result, StepResult):
        raise WrofError(f"result must be a StepResult, got {type(result).__name__}.")
    plan = result.plan
    x, y, z = plan.mu.points[plan.source], plan.nu.points[plan.target], plan.stop_points()
    extent = float(np.max(np.ptp(np.concatenate([x, y]), axis=0)))
    rest = y - z
    return Features(z - x, rest, plan.mass, np.any(np.abs(rest) > STRAY * extent, axis=1))


@dataclass(frozen=True)
class MultiscaleFlow:
    """The measures nu_0 = nu, nu_1, ... that approach mu, scale by scale.

    Attributes
    ----------
    measures : (scales + 1) Measures nu_k. results : the StepResult that made each from nu_1 on.
    lams : (scales,) lam_1, lam_2, ...: halves of one another. stops : where mass may rest.
    """

    source: Measure
    measures: list[Measure]
    results: list[StepResult]
    lams: Floats
    stops: Stops

    @cached_property
    def distances(self) -> Floats:
        """(scales + 1,) d_1(mu, nu_k), k = 0, 1, ...; for p = 2, alpha = 1 on FREE at most lam_k times the mass."""
        return np.array([solve_transport(self.source, nu, 1.0, 1e-9).value for nu in self.measures])

    @property
    def displacements(self) -> Floats:
        """(scales,) greatest |z - x| of the plan from mu to nu_k, k = 1, 2, ..."""
        return np.array([float(np.max(euclid(r.plan.displacement()))) for r in self.results])

    def features(self) -> list[Features]:
        """Return what each scale adds: `features` of every result."""
        return [features(r) for r in self.results]

    def __repr__(self) -> str:
        return f"MultiscaleFlow({len(self.results)} scales, lam {self.lams[0]:g} to {self.lams[-1]:g})"


def multiscale_flow(
    mu: Any,
    nu: Any,
    lam: float,
    scales: int,
    *,
    stops: Any = None,
    alpha: float | str = 1.0,
    p: float = 2.0,
    solver: str = "auto",
    select: str = "lazy",
    rtol: float = 1e-9,
    **where: Any,
) -> MultiscaleFlow:
    """Decompose the transport from mu to nu scale by scale.

    nu_{k+1} = argmin over rho of K(mu, rho) / (2 lam_{k+1}) + F(rho, nu_k), nu_0 = nu, lam_k = lam 2^-k.

    Parameters
    ----------
    mu, nu : as in `step`.
    lam : float > 0, lam_0; the first step takes half of it. For p = 2, alpha = 1 a length.
    scales : int >= 1, how many steps.
    stops : as in `step`, fixed once; default: the space both measures share, else the union of their supports.
    alpha, p, solver, select, rtol : as in `step`.

    Returns
    -------
    MultiscaleFlow

    Raises
    ------
    WrofError, SolverError
        As in `step`.

    Notes
    -----
    Milne & Nachman (2024). For p = 2, alpha = 1 and k >= 1 no mass is further than lam_k from where it came on free
    stops, nor than 2 lam_k on stops that contain the support of mu.

    Examples
    --------
    >>> import wrof
    >>> two = wrof.toys.two_point(1.0)
    >>> wrof.multiscale_flow(two["mu"], two["nu"], 1.0, 3, stops=wrof.FREE).displacements.tolist()
    [0.5, 0.25, 0.125]
    """
    source, target = measures(mu, nu, OPTIONS, **where)
    largest, count = positive_number(lam, "lam"), whole_steps(scales, "scales", 1)
    if largest * 0.5**count < 1e-300:
        raise WrofError(f"lam = {largest:g} halved {count} times is below 1e-300; take a larger lam or fewer scales.")
    check_options(select, rtol, None)
    space = resolve_stops(source, target, stops)
    lams = np.asarray(largest * 0.5 ** np.arange(1, count + 1), dtype=np.float64)
    results: list[StepResult] = []
    for each in lams:
        towards = results[-1].rho if results else target
        problem = StepProblem.build(source, towards, float(each), alpha=alpha, p=p, stops=space)
        if not results:
            warn_if_frozen(problem)
        results.append(solve(problem, solver=solver, select=select, rtol=rtol))
    return MultiscaleFlow(source, [target, *(r.rho for r in results)], results, lams, space)
