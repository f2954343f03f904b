"""What the search for critical step sizes found: the phases, and how to store and read them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..measure import Floats, Grid, Measure, PointCloud, positive_number, space_from_dict

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
        """Phase at tau, the best known where a budget stopped the search; at a critical tau the lower, lazy one."""
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
        found = self.critical_taus
        ends = f" from tau = {found[0]:.6g} to {found[-1]:.6g}" if len(found) else ""
        return f"Phases({len(self)} phases, {len(found)} critical tau{ends}{state})"
