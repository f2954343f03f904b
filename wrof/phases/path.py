"""All critical step sizes of a problem, and the phases between them."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from ..chords import Corners, search
from ..errors import WrofError, WrofWarning
from ..measure import Floats, Grid, PointCloud, positive_number
from ..problem import StepProblem, resolve_alpha
from .curve import OPTIONS, Curve, ask
from .record import Phase, Phases

KNOWN = (*OPTIONS, "tol", "max_phases", "progress")


def phases(
    mu: Any,
    nu: Any,
    *,
    alpha: float = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    tol: float = 1e-12,
    max_phases: int | None = None,
    progress: bool = False,
    **where: Any,
) -> Phases:
    """All phases of the step from mu towards nu: the intervals of tau on which K and F are constant.

    V(s) = min over rho of s K(mu, rho) + F(rho, nu), s = 1 / 2 tau, is concave and piecewise linear: its segments are
    the phases, its corners the critical tau, (K, F) of its segments the corners of the Pareto front. Found by
    recursive chords, one certified step each: about two steps per phase.

    Parameters
    ----------
    mu, nu, p, stops, solver : as in `step`; the stops a Grid or a PointCloud.
    alpha : float > 0.
    tol : a phase whose line lies less than tol * max(J, mass * greatest cost) below the crossing of its neighbours'
        is not told from them.
    max_phases : stop at so many, the coarsest first; a WrofWarning says so. Default: all.
    progress : show a bar on stderr.

    Returns
    -------
    Phases

    Raises
    ------
    WrofError
        For bad input, FREE stops (there V need not be piecewise linear), and alpha="1+tau" (there V is no function of
        s alone).
    SolverError
        If a step misses its certificate.

    Notes
    -----
    Chords: Eisner & Severance, J. ACM 23(4), 1976.

    Examples
    --------
    >>> import wrof
    >>> [phase.movement for phase in wrof.phases(**wrof.toys.two_point(2.0))]
    [0.0, 4.0]
    """
    if isinstance(alpha, str) and resolve_alpha(alpha, 1.0):
        raise WrofError(
            f"phases needs a fixed alpha, got {alpha!r}: with it V is no function of 1 / 2 tau alone; frozen_below and "
            "target_above take it, and sweep samples it."
        )
    problem = ask(mu, nu, alpha, p, stops, KNOWN, **where)
    tol = positive_number(tol, "tol")
    if max_phases is not None and not (isinstance(max_phases, int | np.integer) and max_phases >= 2):
        raise WrofError(f"max_phases must be a whole number >= 2, got {max_phases!r}.")
    curve = Curve(problem, solver)
    with _bar(progress) as bar:

        def told(count: int) -> None:
            bar.set_postfix_str(f"{count} phases", refresh=False)
            bar.update()

        corners = search(curve, curve.first(), curve.last(), tol, max_phases, told)
    found = _lay_out(problem, corners, curve)
    if not found.complete:
        warnings.warn(
            f"stopped at max_phases = {max_phases}: of {len(found) - 1} boundaries {np.count_nonzero(~found.resolved)} "
            "were not searched and may hide more critical tau.",
            WrofWarning,
            stacklevel=2,
        )
    return found


def critical_taus(
    mu: Any,
    nu: Any,
    *,
    alpha: float = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    tol: float = 1e-12,
    max_phases: int | None = None,
    progress: bool = False,
    **where: Any,
) -> Floats:
    """All critical tau of the step from mu towards nu: where the least J changes its slope in 1 / 2 tau.

    Parameters
    ----------
    mu, nu, alpha, p, stops, solver, tol, max_phases, progress : as in `phases`, whose boundaries these are.

    Returns
    -------
    (C,) float, rising; for p = 2, alpha = 1 in the unit of length.

    Raises
    ------
    WrofError, SolverError
        As in `phases`.

    Examples
    --------
    >>> import wrof
    >>> wrof.critical_taus(**wrof.toys.lattice_dirac(3)).tolist()
    [0.5, 1.5, 2.5]
    """
    how: dict[str, Any] = {"solver": solver, "tol": tol, "max_phases": max_phases, "progress": progress}
    return phases(mu, nu, alpha=alpha, p=p, stops=stops, **how, **where).critical_taus


def _lay_out(problem: StepProblem, corners: Corners, curve: Curve) -> Phases:
    """Turn pieces of V, by rising s, into phases by rising tau."""
    assert isinstance(problem.stops, Grid | PointCloud)
    lines = [piece.line for piece in corners.pieces]
    pairs = zip(lines[-2::-1], lines[:0:-1], corners.places[::-1], strict=True)
    ends = [0.0, *(curve.tau_between(steep, flat, place is not None) for steep, flat, place in pairs), np.inf]
    found = []
    for k, piece in enumerate(reversed(corners.pieces)):
        rho = piece.line.owner
        eager, lazy = piece.at_right or rho, piece.at_left or rho
        found.append(Phase((ends[k], ends[k + 1]), piece.line.slope, piece.line.offset, rho, eager, lazy))
    return Phases(
        found,
        np.array([place is not None for place in corners.places[::-1]], dtype=np.bool_),
        problem.source,
        problem.target,
        problem.stops,
        problem.alpha,
        problem.p,
        curve.worst_gap,
        curve.count,
    )


def _bar(progress: bool) -> Any:
    from tqdm import tqdm

    return tqdm(desc="phases", unit="step", file=sys.stderr, leave=False, disable=not progress)
