"""All critical step sizes of a problem, and the phases between them."""

from __future__ import annotations

import sys
import warnings
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..chords import Corners, search
from ..errors import WrofError, WrofWarning
from ..measure import Floats, Grid, Measure, PointCloud, positive_number, space_from_dict
from ..problem import StepProblem
from .curve import OPTIONS, Curve, ask

KNOWN = (*OPTIONS, "tol", "max_phases", "progress")
RHOS = ("rho", "rho_eager", "rho_lazy")


@dataclass(frozen=True)
class Phase:
    """An interval of step sizes on which the step has one K and one F.

    Attributes
    ----------
    tau : (lo, hi), the closed interval; lo = 0 for the first, hi = inf for the last.
    movement, discrepancy : K(mu, rho) and F(rho, nu).
    rho : a minimiser for every tau of it. rho_eager : the eager one at lo (rho where lo = 0); rho_lazy : the lazy
        one at hi (rho where hi = inf); all of them minimise on the whole interval.
    """

    tau: tuple[float, float]
    movement: float
    discrepancy: float
    rho: Measure
    rho_eager: Measure
    rho_lazy: Measure


@dataclass(frozen=True, eq=False)
class Phases:
    """All phases of a problem in order of rising tau: a sequence of `Phase`.

    Attributes
    ----------
    phases : list of Phase. resolved : (P - 1,) bool, whether the boundary behind each phase is proven; all are
        unless a budget stopped the search.
    source, target, stops, alpha, p : the problem.
    worst_gap : the largest gap and rounding of the steps behind it, in the unit of J. solves : how many steps.
    """

    phases: list[Phase]
    resolved: np.ndarray
    source: Measure
    target: Measure
    stops: Grid | PointCloud
    alpha: float
    p: float
    worst_gap: float
    solves: int
    _ends: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", [phase.tau[1] for phase in self.phases[:-1]])

    def __len__(self) -> int:
        return len(self.phases)

    def __getitem__(self, k: int) -> Phase:
        return self.phases[k]

    def __iter__(self) -> Iterator[Phase]:
        return iter(self.phases)

    @property
    def complete(self) -> bool:
        """Whether every boundary is proven."""
        return bool(np.all(self.resolved))

    @property
    def critical_taus(self) -> Floats:
        """(C,) the proven critical tau, rising."""
        return np.asarray(np.array(self._ends)[self.resolved], dtype=np.float64)

    @property
    def front(self) -> Floats:
        """(P, 2) corners (K, F) of the Pareto front, by rising tau: its lower left convex hull."""
        return np.array([(phase.movement, phase.discrepancy) for phase in self.phases])

    def at(self, tau: float) -> Phase:
        """Phase at tau; at a critical tau the lower one, which is the lazy choice."""
        return self.phases[bisect_left(self._ends, positive_number(tau, "tau"))]

    def value(self, tau: float) -> float:
        """Least J at tau, K / 2 tau + F; an upper bound where a budget stopped the search."""
        phase = self.at(tau)
        return phase.movement / (2 * tau) + phase.discrepancy

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays to store and to draw from.

        tau_lo, tau_hi, movement, discrepancy (P,), rho (P, k), critical (C,), resolved (P - 1,), p, alpha; source
        (n,), source_points, target (m,), target_points, points (k, d), and shape if the stops are a grid.
        """
        out = {
            "tau_lo": np.array([phase.tau[0] for phase in self.phases]),
            "tau_hi": np.array([phase.tau[1] for phase in self.phases]),
            "movement": self.front[:, 0],
            "discrepancy": self.front[:, 1],
            "rho": np.array([phase.rho.weights for phase in self.phases]),
            "critical": self.critical_taus,
            "resolved": self.resolved,
            "p": np.array(self.p),
            "alpha": np.array(self.alpha),
            "source": self.source.weights,
            "source_points": self.source.points,
            "target": self.target.weights,
            "target_points": self.target.points,
            "points": self.stops.points,
        }
        return {**out, "shape": np.array(self.stops.shape)} if isinstance(self.stops, Grid) else out

    def to_dict(self) -> dict[str, Any]:
        """Plain values and arrays that `from_dict` reads; `wrof.save` stores them."""
        spaces = {"source": self.source, "target": self.target}
        return {
            **{name: {"space": m.space.to_dict(), "weights": m.weights} for name, m in spaces.items()},
            "stops": self.stops.to_dict(),
            **{name: getattr(self, name) for name in ("resolved", "alpha", "p", "worst_gap", "solves")},
            "tau": np.array([phase.tau for phase in self.phases]),
            "front": self.front,
            **{name: np.array([getattr(phase, name).weights for phase in self.phases]) for name in RHOS},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Phases:
        """Inverse of `to_dict`."""
        source, target = (Measure(space_from_dict(data[k]["space"]), data[k]["weights"]) for k in ("source", "target"))
        stops = space_from_dict(data["stops"])
        assert isinstance(stops, Grid | PointCloud)
        found = []
        for k, (tau, (movement, discrepancy)) in enumerate(zip(data["tau"], data["front"], strict=True)):
            rhos = {name: Measure.left_behind(stops, data[name][k]) for name in RHOS}
            found.append(Phase((float(tau[0]), float(tau[1])), float(movement), float(discrepancy), **rhos))
        rest = {name: data[name] for name in ("resolved", "alpha", "p", "worst_gap", "solves")}
        return cls(found, source=source, target=target, stops=stops, **rest)

    def __repr__(self) -> str:
        state = "" if self.complete else f", {np.count_nonzero(~self.resolved)} boundaries not searched"
        ends = f" from tau = {self._ends[0]:.6g} to {self._ends[-1]:.6g}" if self._ends else ""
        return f"Phases({len(self)} phases, {len(self.critical_taus)} critical tau{ends}{state})"


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
        For bad input, FREE stops (there V is smooth) and alpha="1+tau" (there V is no function of s alone).
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
    if isinstance(alpha, str):
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
