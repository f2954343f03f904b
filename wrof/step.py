"""The verb: build the problem, choose a solver, select among minimisers, certify."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import ties
from .certify import grade, price, tidy, with_stops
from .errors import SolverError, WrofError, WrofWarning, unknown
from .measure import Floats, Grid, measures, positive_number
from .problem import StepProblem
from .result import Status, StepResult
from .solvers import choose
from .solvers.base import Solver

OPTIONS = ("alpha", "p", "stops", "solver", "select", "rtol", "init", "max_iter", "throw")


def step(
    mu: Any,
    nu: Any,
    tau: float,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    select: str = "lazy",
    rtol: float = 1e-9,
    init: StepResult | None = None,
    max_iter: int | None = None,
    throw: bool = True,
    **where: Any,
) -> StepResult:
    """One WROF minimizing-movement step from mu towards nu, exact and certified.

    rho in argmin K(mu, rho) / (2 tau) + F(rho, nu), K = min sum mass |x - z|^p (p = 2: d_2^2), F = min sum
    mass |z - y|^alpha (alpha = 1: d_1; alpha = 1 + tau: d_{1+tau}^{1+tau}).

    Parameters
    ----------
    mu, nu : Measure, or weights with grid=Grid, points=(n, d), or source_points= and target_points=.
        Equal mass to 1e-9 relative, or normalize=True to rescale both to 1.
    tau : float > 0; for p = 2, alpha = 1 a length.
    alpha : float > 0, or "1+tau". p : float > 0.
    stops : where mass may rest: a Grid, a PointCloud or (k, d) points, or FREE (all of R^d). Default: the
        space both measures share, else the union of their supports.
    solver : "auto" or a key of `SOLVERS`.
    select : which minimiser, if there are several: "lazy" (least K, the limit tau' -> tau from below),
        "eager" (greatest K), "min_norm" (least sum rho^2; finite stops, masses over less than ten orders of
        magnitude), "vertex" (the solver's own).
    rtol : gap allowed, relative to max(|J|, mass * greatest cost on the plan), and marginal error allowed,
        relative to the mass.
    init : an earlier result towards the same target; its potential starts the simplex solver.
    max_iter : the solver's own iteration limit.
    throw : raise if the certificate is missed (default), or return the result with its status.

    Returns
    -------
    StepResult

    Raises
    ------
    WrofError
        For bad input: what, where, value, cure.
    SolverError
        If the certificate is missed; carries `.result`.

    Notes
    -----
    Davies, The WROF Problem and WGANs (slides, Toronto 2023); Milne & Nachman, An optimal transport analogue of
    the Rudin-Osher-Fatemi model, SIAM J. Math. Anal. 56(1), 2024.

    Examples
    --------
    >>> import wrof
    >>> wrof.step([1.0, 0.0], [0.0, 1.0], tau=0.6, points=[[0.0], [1.0]]).rho.weights.tolist()
    [0.0, 1.0]
    """
    source, target = measures(mu, nu, ("tau", *OPTIONS), **where)
    problem = StepProblem.build(source, target, tau, alpha=alpha, p=p, stops=stops)
    warn_if_frozen(problem)
    return solve(problem, solver=solver, select=select, rtol=rtol, init=init, max_iter=max_iter, throw=throw)


def solve(
    problem: StepProblem,
    *,
    solver: str = "auto",
    select: str = "lazy",
    rtol: float = 1e-9,
    init: StepResult | None = None,
    max_iter: int | None = None,
    throw: bool = True,
) -> StepResult:
    """Solve, select and certify a problem that has been built; see `step`."""
    check_options(select, rtol, max_iter)
    ties.check(problem, select)
    name, chosen = choose(problem, solver)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is graded so
        result = _answer(problem, name, chosen, select, rtol, init, max_iter)
    if throw and not result.status.ok:
        raise SolverError(
            f"{result.status.value} (solver {name}: value {result.value:.12g}, lower bound {result.dual:.12g}, "
            f"marginal error {result.infeasibility:.1e}, rtol {rtol:g}); throw=False returns it as it is.",
            result,
        )
    return result


def _answer(
    problem: StepProblem,
    name: str,
    chosen: Solver,
    select: str,
    rtol: float,
    init: StepResult | None,
    max_iter: int | None,
) -> StepResult:
    """Propose, select, certify."""
    farthest = select == "eager"
    raw = chosen.propose(problem, farthest=farthest, psi=_start(problem, init), max_iter=max_iter)
    proposal = with_stops(problem, raw, farthest)
    done = select in chosen.selects
    if done or proposal.hit_limit:
        result = grade(problem, tidy(problem.a, proposal), price(problem, proposal.psi), rtol, name, select)
        # a solver stopped at an optimal plan has still to select; one whose potential is too rough, to sharpen it
        done = result.status is not Status.GAP if done else not result.status.ok
    if not done:
        proposal, dual = ties.select(problem, proposal, select)
        result = grade(problem, tidy(problem.a, proposal), dual, rtol, name, select)
    return result


def check_options(select: str, rtol: float, max_iter: int | None) -> None:
    """Refuse unknown selections and senseless numbers before anything is computed."""
    if not isinstance(select, str) or select not in ties.SELECTIONS:
        raise unknown("select", select, ties.SELECTIONS)
    positive_number(rtol, "rtol")
    if max_iter is not None and not (isinstance(max_iter, int | np.integer) and max_iter >= 1):
        raise WrofError(f"max_iter must be a whole number >= 1, got {max_iter!r}.")


def warn_if_frozen(problem: StepProblem, stacklevel: int = 3) -> None:
    """Warn where no mass can move on a grid because every hop costs more than it gains.

    For alpha <= 1 a hop by r gains at most r^alpha, so nothing moves while h^(p - alpha) > 2 tau.
    """
    grid, p, alpha = problem.stops, problem.p, problem.alpha
    if not isinstance(grid, Grid) or alpha > 1 or p <= alpha or problem.source.space != grid:
        return
    least = grid.h ** (p - alpha) / 2
    if problem.tau < least:
        rule = "h/2" if p - alpha == 1 else f"h^{p - alpha:g}/2"
        warnings.warn(
            f"tau = {problem.tau:.4g} < {rule} = {least:.4g}: no mass can move on this grid; "
            "the frozen flow is a lattice effect.",
            WrofWarning,
            stacklevel=stacklevel,
        )


def _start(problem: StepProblem, init: StepResult | None) -> Floats | None:
    """Potential of an earlier result on the present target support, if it fits."""
    if init is None:
        return None
    if not isinstance(init, StepResult):
        raise WrofError(f"init must be a StepResult, got {type(init).__name__}.")
    if not np.array_equal(init.potentials.target_index, problem.y):
        raise WrofError("init belongs to another target; start from a result towards the same measure.")
    return init.potentials.psi
