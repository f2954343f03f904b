"""The verb: build the problem, choose a solver, select among minimisers, certify."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from . import ties
from .certify import grade, price, tidy, with_stops
from .chords import Line, Touch
from .errors import SolverError, WrofError, WrofWarning, unknown
from .measure import Grid, Measure, PointCloud, measures, positive_number
from .minimisers import TieReport, as_proposal
from .problem import StepProblem
from .result import Start, Status, StepResult
from .solvers import SOLVERS, choose
from .solvers.base import Solver

ROUGH = 1e-6  # rtol beyond which a vertex need not be a minimiser
SLOW = 5e11  # terms of a min-plus product that take a minute
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
        relative to the mass. Beyond 1e-6 with select="vertex", multiscale stops once it has proven a gap of nine tenths
        of it, relative to J, which is faster; all other selections are among minimisers and need one.
    init : an earlier result towards the same target, of the same source (another tau) or of the step before:
        multiscale starts from its plan if that is near, simplex from its potential. J, K and F do not depend on it; rho
        may, unless select="min_norm".
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
    warn_if_slow(problem)
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
    if throw:
        _demand(result, rtol)
    return result


def _demand(result: StepResult, rtol: float) -> None:
    """Raise unless the result is certified."""
    if not result.status.ok:
        raise SolverError(
            f"{result.status.value} (solver {result.solver}: value {result.value:.12g}, "
            f"lower bound {result.dual:.12g}, marginal error {result.infeasibility:.1e}, rtol {rtol:g}); "
            "throw=False returns it as it is.",
            result,
        )


def reselect(result: StepResult, select: str, rtol: float = 1e-9) -> StepResult:
    """Another minimiser of a step that has been solved: certified anew, not solved anew."""
    if result.select == select:
        return result
    problem, name = result.problem, result.solver
    ties.check(problem, select)
    if name not in SOLVERS or select in SOLVERS[name].selects:
        return solve(problem, solver=name if name in SOLVERS else "auto", select=select, rtol=rtol)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        proposal, dual = ties.select(problem, as_proposal(result), select)
        again = grade(problem, tidy(problem.a, proposal), dual, rtol, name, select)
    _demand(again, rtol)
    return again


def touch(result: StepResult) -> Touch:
    """V at the step's s = 1 / 2 tau, with its lazy and its eager line, K s + F."""
    lazy, eager = (reselect(result, select) for select in ("lazy", "eager"))
    scale = max(lazy.scale, eager.scale)
    noise = max(abs(lazy.gap), abs(eager.gap)) + 16 * float(np.finfo(float).eps) * scale
    lines = (Line(each.movement, each.discrepancy, each) for each in (lazy, eager))
    return Touch(1 / (2 * result.tau), min(lazy.value, eager.value), noise, scale, *lines)


def tie_report(result: StepResult) -> TieReport:
    """Report the ties of a step: whether rho is the only minimiser, the range of K, the next critical tau.

    Parameters
    ----------
    result : StepResult, certified, over finitely many stops.

    Returns
    -------
    TieReport, which computes each answer when it is asked for.

    Raises
    ------
    WrofError
        If the stops are FREE, the arcs too many, or the result is not certified.
    """
    if not isinstance(result, StepResult):
        raise WrofError(f"result must be a StepResult, got {type(result).__name__}.")
    ties.check_size(result.problem, "the tie report", "compare a lazy and an eager step")
    if not result.status.ok:
        raise WrofError(f"the tie report needs a certified result, this one is {result.status.value}.")
    return TieReport(result, partial(_lines, result))


StepResult.reporter = staticmethod(tie_report)


def _lines(result: StepResult, s: float) -> Touch:
    """V at another s, all else as in the result."""
    if s == 1 / (2 * result.tau):
        return touch(result)
    solver = result.solver if result.solver in SOLVERS else "auto"
    return touch(solve(replace(result.problem, tau=1 / (2 * s)), solver=solver))


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
    slack = min(rtol, 1.0) if select == "vertex" and rtol > ROUGH else 0.0
    raw = chosen.propose(problem, farthest=farthest, start=_start(problem, init), max_iter=max_iter, slack=slack)
    proposal = with_stops(problem, raw, farthest)
    done = select in chosen.selects
    if done or proposal.hit_limit:
        result = grade(problem, tidy(problem.a, proposal), price(problem, proposal.psi), rtol, name, select)
        # a solver stopped at an optimal plan has still to select; one whose potential is too rough, to sharpen it
        done = result.status is not Status.GAP if done else not result.status.ok
    if not done:
        proposal, dual = ties.select(problem, proposal, select)
        result = grade(problem, tidy(problem.a, proposal), dual, rtol, name, select)
    if result.status is Status.GAP:  # where J is next to nothing, a potential of sums and differences may be too rough
        zero = price(problem, np.zeros(len(problem.b)))
        if zero.value > result.dual:
            result = grade(problem, tidy(problem.a, proposal), zero, rtol, name, select)
    return result


def check_options(select: str, rtol: float, max_iter: int | None) -> None:
    """Refuse unknown selections and senseless numbers before anything is computed."""
    if not isinstance(select, str) or select not in ties.SELECTIONS:
        raise unknown("select", select, ties.SELECTIONS)
    positive_number(rtol, "rtol")
    if max_iter is not None and not (isinstance(max_iter, int | np.integer) and max_iter >= 1):
        raise WrofError(f"max_iter must be a whole number >= 1, got {max_iter!r}.")


def warn_if_slow(problem: StepProblem, stacklevel: int = 3) -> None:
    """Warn where finite stops in a cloud make the joint cost a product that takes minutes."""
    if isinstance(problem.stops, PointCloud) and not problem.convex_line:
        terms = float(len(problem.a)) * len(problem.b) * problem.stop_count
        if terms > SLOW:
            warnings.warn(
                f"the joint cost over {problem.stop_count} stops in a cloud is a product of {terms:.1e} terms, minutes "
                "from 1e12 on; pass stops=wrof.FREE, which needs none, or fewer stops.",
                WrofWarning,
                stacklevel=stacklevel,
            )


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


def _start(problem: StepProblem, init: StepResult | None) -> Start | None:
    """Potential of an earlier result, and its plan if that has the problem's marginals: the same source, or its rho."""
    if init is None:
        return None
    if not isinstance(init, StepResult):
        raise WrofError(f"init must be a StepResult, got {type(init).__name__}.")
    if not np.array_equal(init.potentials.target_index, problem.y):
        raise WrofError("init belongs to another target; start from a result towards the same measure.")
    plan, psi = init.plan, init.potentials.psi
    if _same(init.problem.source, problem.source):
        at = plan.source
    elif _same(init.rho, problem.source):
        free = problem.stop_points is None
        at = np.unique(plan.stop, axis=0, return_inverse=True)[1].ravel() if free else plan.stop
    else:
        none = np.empty(0, dtype=np.int64)
        return Start(psi, none, none, np.empty(0))
    pairs = np.searchsorted(problem.x, at) * len(problem.y) + np.searchsorted(problem.y, plan.target)
    every, which = np.unique(pairs, return_inverse=True)
    i, j = np.divmod(every, len(problem.y))
    return Start(psi, i, j, np.bincount(which.ravel(), plan.mass, len(every)).astype(np.float64))


def _same(one: Measure, other: Measure) -> bool:
    return one.space == other.space and np.array_equal(one.weights, other.weights)
