"""What a solver proposes, and what a certified step looks like."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ._kernels import glue as kernels
from .measure import Floats, Grid, Ints, Measure, PointCloud, Stops, space_from_dict
from .problem import StepProblem


class Status(enum.Enum):
    """How a result stands; the values are sentences for the user."""

    OPTIMAL = "optimal: gap and marginal error are within rtol"
    GAP = "not proven optimal: the gap between value and lower bound exceeds rtol"
    INFEASIBLE = "not a plan: its marginals differ from the measures by more than rtol"
    ITERATION_LIMIT = "stopped at its iteration limit before the gap closed; raise max_iter"
    NOT_FINITE = "the numbers overflowed: a potential or the value is not finite; rescale the lengths"

    @property
    def ok(self) -> bool:
        """Whether the result is certified."""
        return self is Status.OPTIMAL


class Start(NamedTuple):
    """Where a solver may start: a potential on the target support, and a plan of the problem's masses, or none."""

    psi: Floats
    i: Ints
    j: Ints
    mass: Floats


@dataclass(frozen=True)
class Proposal:
    """An uncertified answer: atoms on support indices, a potential on the target support.

    `stop` counts the problem's distinct stops (coordinates on FREE); None asks for the best ones. `sharp`: the
    potential comes from a basis, good to rounding on every arc, so that ties can be read off it.
    """

    i: Ints
    j: Ints
    mass: Floats
    psi: Floats
    stop: Any = None
    hit_limit: bool = False
    sharp: bool = False
    stats: dict[str, Any] = field(default_factory=dict)


def glue(i: Ints, z_in: Ints, f_in: Floats, z_out: Ints, j: Ints, f_out: Floats) -> tuple[Ints, Ints, Ints, Floats]:
    """Join a plan into stops with a plan out of them: (source, stop, target, mass) per atom."""
    into, out = np.lexsort((i, z_in)), np.lexsort((j, z_out))
    into, out = into[f_in[into] > 0], out[f_out[out] > 0]
    room = len(into) + len(out)
    source, stop, target = np.empty((3, room), dtype=np.int64)
    mass = np.empty(room)
    n = kernels.glue(z_in[into], i[into], f_in[into], z_out[out], j[out], f_out[out], source, stop, target, mass)
    return source[:n], stop[:n], target[:n], mass[:n]


class Potentials(NamedTuple):
    """Dual potentials on the supports, phi + psi <= c everywhere, and the indices they belong to."""

    phi: Floats
    psi: Floats
    source_index: Ints
    target_index: Ints


@dataclass(frozen=True)
class Plan:
    """A sparse plan: `mass` goes from `source` to `stop`, bound for `target`.

    Attributes
    ----------
    source, target : (k,) C-order indices into mu.points and nu.points.
    stop : (k,) C-order indices into the stops; on FREE their (k, d) coordinates.
    mass : (k,) float > 0.
    """

    source: Ints
    target: Ints
    stop: Any
    mass: Floats
    mu: Measure
    nu: Measure
    stops: Stops

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of points of mu and nu."""
        return (len(self.mu.weights), len(self.nu.weights))

    def toarray(self) -> Floats:
        """(n, m) matrix of the coupling between mu and nu."""
        out = np.zeros(self.shape)
        np.add.at(out, (self.source, self.target), self.mass)
        return out

    def stop_points(self) -> Floats:
        """(k, d) coordinates where the atoms stop."""
        return self.stops.points[self.stop] if isinstance(self.stops, Grid | PointCloud) else np.asarray(self.stop)

    def displacement(self) -> Floats:
        """(k, d) way from source to stop, z - x."""
        return self.stop_points() - self.mu.points[self.source]


@dataclass(frozen=True)
class StepResult:
    """A step with its certificate.

    Attributes
    ----------
    rho : Measure on the stops; on FREE on a PointCloud of at most n + m - 1 atoms.
    value, dual, gap : J of the plan, a lower bound over all plans, and value - dual.
    infeasibility : L1 error of both marginals over the mass.
    status : Status, a sentence. solver : which one answered. stats : what only it can tell.
    movement, discrepancy : K(mu, rho) and F(rho, nu); value = movement / (2 tau) + discrepancy.
    plan : Plan. potentials : Potentials on the supports, with the indices of their points.
    select : which minimiser was asked for.
    problem : the StepProblem that was solved.
    """

    problem: StepProblem
    rho: Measure
    value: float
    dual: float
    infeasibility: float
    scale: float
    status: Status
    solver: str
    select: str
    movement: float
    discrepancy: float
    plan: Plan
    potentials: Potentials
    stats: dict[str, Any] = field(default_factory=dict)
    reporter: ClassVar[Callable[[StepResult], Any]]  # `step` hands it over when it is loaded: it stands to the right

    @property
    def gap(self) -> float:
        """value - dual: how far from optimal the plan can be, in the unit of J."""
        return self.value - self.dual

    @property
    def tau(self) -> float:
        """Step size of the problem."""
        return self.problem.tau

    @property
    def moved(self) -> float:
        """Mass whose stop differs from where it came from."""
        return self._beyond(self.plan.displacement())

    @property
    def still(self) -> bool:
        """Whether nothing moves, K = 0 up to rounding. For the lazy step this proves that mu stays for ever."""
        return self.status.ok and self.moved <= STRAY * self.problem.source.mass

    @property
    def arrived(self) -> bool:
        """Whether rho is the target, F(rho, nu) = 0 up to rounding."""
        rest = self.plan.nu.points[self.plan.target] - self.plan.stop_points()
        return self.status.ok and self._beyond(rest) <= STRAY * self.problem.source.mass

    @cached_property
    def ties(self) -> Any:
        """The TieReport: which minimisers there are besides this one. Finite stops only; computed when asked for."""
        return type(self).reporter(self)

    @property
    def unique(self) -> bool:
        """Whether rho is the only minimiser, up to 1e-12 of the mass."""
        return bool(self.ties.unique)

    @property
    def movement_range(self) -> tuple[float, float]:
        """(K_min, K_max) over all minimisers, the superdifferential of V(s) = min J at s = 1 / 2 tau."""
        low, high = self.ties.movement_range
        return low, high

    @property
    def tie_margin(self) -> float:
        """|tau - tau_c| / tau to the nearest breakpoint tau_c of V, alpha held; 0 at one, inf if there is none."""
        return float(self.ties.tie_margin)

    def rho_range(self, jobs: int = 1) -> tuple[Floats, Floats]:
        """Least and greatest mass a minimiser may have at every stop; see `TieReport.rho_range`."""
        low, high = self.ties.rho_range(jobs)
        return low, high

    def _beyond(self, way: Floats) -> float:
        """Mass of the plan's atoms whose way is longer than rounding makes it."""
        ends = np.concatenate([self.plan.mu.points[self.problem.x], self.plan.nu.points[self.problem.y]])
        return float(self.plan.mass[np.any(np.abs(way) > STRAY * np.max(np.ptp(ends, axis=0)), axis=1)].sum())

    def __repr__(self) -> str:
        return (
            f"StepResult(value={self.value:.12g}, gap={self.gap:.1e}, movement={self.movement:.6g}, "
            f"discrepancy={self.discrepancy:.6g}, solver={self.solver!r}, select={self.select!r}, {self.status.name})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values and arrays that `from_dict` reads; `wrof.save` stores them."""
        problem = self.problem
        return {
            "source": {"space": problem.source.space.to_dict(), "weights": problem.source.weights},
            "target": {"space": problem.target.space.to_dict(), "weights": problem.target.weights},
            "stops": problem.stops.to_dict(),
            **self.body(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> StepResult:
        """Inverse of `to_dict`."""
        source, target = (Measure(space_from_dict(data[k]["space"]), data[k]["weights"]) for k in ("source", "target"))
        return cls.from_body(data, source, target, space_from_dict(data["stops"]))

    def body(self) -> dict[str, Any]:
        """Everything but source, target and stops, which a flow's steps share."""
        kept = {name: getattr(self, name) for name in _PLAIN}
        return {
            **kept,
            **{name: getattr(self.problem, name) for name in ("tau", "alpha", "p")},
            "status": self.status.name,
            "rho": {"weights": self.rho.weights, **({} if self.problem.stop_count else self.rho.space.to_dict())},
            "plan": {name: getattr(self.plan, name) for name in ("source", "target", "stop", "mass")},
            "potentials": self.potentials._asdict(),
        }

    @classmethod
    def from_body(cls, data: dict[str, Any], source: Measure, target: Measure, stops: Stops) -> StepResult:
        """Inverse of `body`."""
        problem = StepProblem(source, target, data["tau"], data["alpha"], data["p"], stops)
        rest = space_from_dict(data["rho"]) if "points" in data["rho"] else stops
        return cls(
            problem=problem,
            rho=Measure(rest, data["rho"]["weights"]),
            status=Status[data["status"]],
            plan=Plan(**data["plan"], mu=source, nu=target, stops=stops),
            potentials=Potentials(**data["potentials"]),
            **{name: data[name] for name in _PLAIN},
        )


_PLAIN = ("value", "dual", "infeasibility", "scale", "solver", "select", "movement", "discrepancy", "stats")
STRAY = 1e-12  # masses and ways that rounding may leave, relative to the mass and to the extent of the supports
