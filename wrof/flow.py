"""Iterating the step: the minimizing movement rho_0 = mu, rho_{k+1} in argmin K(rho_k, .) / 2 tau + F(., nu)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import ties
from .errors import WrofError
from .measure import Floats, Grid, Measure, PointCloud, Stops, measures, positive_number, space_from_dict
from .problem import StepProblem, resolve_stops
from .result import StepResult
from .solvers import choose, follows
from .step import check_options, solve, warn_if_frozen
from .transport import distance_power

OPTIONS = ("alpha", "p", "stops", "solver", "select", "rtol", "init", "callback", "max_iter")
_Rule: TypeAlias = Callable[[int, Measure, Measure], float]
_Named: TypeAlias = dict[str, Any]
ENERGIES = ("tau", "value", "dual", "gap", "movement", "discrepancy", "moved")


@dataclass(frozen=True)
class FractionOfD1:
    """Step rule tau_k = theta * d_1(rho_k, nu) / mass."""

    theta: float

    def tau(self, rho: Measure, nu: Measure) -> float:
        """Step size at rho; raises nothing at rho = nu, where any step does (returns theta)."""
        d1 = distance_power(rho, nu, 1.0)
        return self.theta * d1 / nu.mass if d1 > 0 else self.theta


def fraction_of_d1(theta: float) -> FractionOfD1:
    """Step rule for `flow`: tau_k = theta * d_1(rho_k, nu) / mass, as trust-the-critics users think of steps.

    Parameters
    ----------
    theta : float > 0, the fraction.

    Notes
    -----
    Milne, Bilocq & Nachman, Trust the Critics, 2021. On a lattice of spacing h it stops moving once
    theta * d_1 <= h / 2.
    """
    return FractionOfD1(positive_number(theta, "theta"))


class FlowState(NamedTuple):
    """One step of a flow as the generator and the callback see it: the k-th, k = 1, 2, ..."""

    k: int
    rho: Measure
    result: StepResult


@dataclass(frozen=True)
class Flow:
    """A finished flow.

    Attributes
    ----------
    measures : measures[0] = mu, measures[k] after step k. results : one StepResult per step.
    stopped : "fixed point", "target" or "max steps". stops : where mass may rest. settings : how it was asked for.
    """

    measures: list[Measure]
    results: list[StepResult]
    target: Measure
    stopped: str
    stops: Stops
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def rho(self) -> Measure:
        """The last measure."""
        return self.measures[-1]

    @property
    def energies(self) -> dict[str, Floats]:
        """Per step: tau, value (J), dual, gap, movement (K), discrepancy (F), moved (mass that moves)."""
        return {name: np.array([getattr(r, name) for r in self.results]) for name in ENERGIES}

    @property
    def settled_at(self) -> int | None:
        """First k from which rho stays (0: frozen, or mu = nu); None while running."""
        if self.regime == "running":
            return None
        moving = [k for k, r in enumerate(self.results, 1) if not r.still]
        return max(moving, default=0)

    @property
    def regime(self) -> str:
        """Return "target" (nu reached), "frozen" (mu is a fixed point), "steady" (another one is) or "running"."""
        if self.results and self.results[-1].arrived:
            return "target"
        if self.stopped == "max steps":
            return "running"
        return "frozen" if all(r.still for r in self.results) else "steady"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays to store and to draw from.

        source (n,), source_points (n, d), target (m,), target_points (m, d); the energies, (steps,) each; for
        finite stops points (k, d) and rho (steps, k), and shape if they are a grid; on FREE rho_points and
        rho_weights of all steps one after the other, cut at rho_start (steps + 1,).
        """
        source, target = self.measures[0], self.target
        out: dict[str, np.ndarray] = {
            "source": source.weights,
            "source_points": source.points,
            "target": target.weights,
            "target_points": target.points,
            **self.energies,
        }
        later = self.measures[1:]
        if isinstance(self.stops, Grid | PointCloud):
            out["points"] = self.stops.points
            out["rho"] = np.array([m.weights for m in later]).reshape(len(later), self.stops.size)
            if isinstance(self.stops, Grid):
                out["shape"] = np.array(self.stops.shape)
        else:
            out["rho_points"] = np.concatenate([np.empty((0, source.space.dim)), *(m.points for m in later)])
            out["rho_weights"] = np.concatenate([np.empty(0), *(m.weights for m in later)])
            out["rho_start"] = np.cumsum([0, *(len(m.weights) for m in later)])
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values and arrays that `from_dict` reads; `wrof.save` stores them."""
        source, target = self.measures[0], self.target
        return {
            "source": {"space": source.space.to_dict(), "weights": source.weights},
            "target": {"space": target.space.to_dict(), "weights": target.weights},
            "stops": self.stops.to_dict(),
            "steps": [r.body() for r in self.results],
            "stopped": self.stopped,
            "settings": self.settings,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Flow:
        """Inverse of `to_dict`."""
        rho, target = (Measure(space_from_dict(data[k]["space"]), data[k]["weights"]) for k in ("source", "target"))
        stops = space_from_dict(data["stops"])
        walk, results = [rho], []
        for body in data["steps"]:
            results.append(StepResult.from_body(body, walk[-1], target, stops))
            walk.append(results[-1].rho)
        return cls(walk, results, target, data["stopped"], stops, data["settings"])

    def __repr__(self) -> str:
        return (
            f"Flow({len(self.results)} steps, stopped={self.stopped!r}, regime={self.regime!r}, "
            f"settled_at={self.settled_at})"
        )


def iter_flow(
    mu: Any,
    nu: Any,
    tau: Any,
    steps: int | None = None,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    select: str = "lazy",
    rtol: float = 1e-9,
    max_iter: int | None = None,
    **where: Any,
) -> Iterator[FlowState]:
    """Yield the steps of `flow` one by one; `steps=None` goes on until it settles.

    Parameters, errors: as in `flow`.
    """
    source, target = measures(mu, nu, ("tau", "steps", *OPTIONS), **where)
    options = {"solver": solver, "select": select, "rtol": rtol, "max_iter": max_iter}
    return _begin(source, target, tau, steps, stops, {"alpha": alpha, "p": p}, options)[1]


def _begin(
    source: Measure,
    target: Measure,
    tau: Any,
    steps: Any,
    stops: Any,
    exponents: _Named,
    options: _Named,
    init: StepResult | None = None,
    level: int = 4,
) -> tuple[Stops, Iterator[FlowState]]:
    """Check everything, even if no step is wanted; return the stops and the steps to come."""
    count = None if steps is None else whole_steps(steps)
    space, rule = resolve_stops(source, target, stops), step_sizes(tau, count)
    check_options(options["select"], options["rtol"], options["max_iter"])
    known = steps != 0 and not isinstance(tau, FractionOfD1)
    problem = StepProblem.build(source, target, rule(0, source, target) if known else 1.0, stops=space, **exponents)
    ties.check(problem, options["select"])
    choose(problem, options["solver"])
    if known:
        warn_if_frozen(problem, level)
    return space, _walk(source, target, rule, count, _autonomous(tau), space, exponents, options, init)


def _walk(
    rho: Measure,
    target: Measure,
    rule: _Rule,
    steps: int | None,
    autonomous: bool,
    space: Stops,
    exponents: _Named,
    options: _Named,
    init: StepResult | None,
) -> Iterator[FlowState]:
    k = 0
    while steps is None or k < steps:
        problem = StepProblem.build(rho, target, rule(k, rho, target), stops=space, **exponents)
        result = solve(problem, init=init, **options)
        rho, k, init = result.rho, k + 1, result if follows(result) else None
        yield FlowState(k, rho, result)
        if autonomous and (result.still or result.arrived):
            return


def flow(
    mu: Any,
    nu: Any,
    tau: Any,
    steps: int,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    select: str = "lazy",
    rtol: float = 1e-9,
    max_iter: int | None = None,
    init: StepResult | None = None,
    callback: Callable[[FlowState], object] | None = None,
    **where: Any,
) -> Flow:
    """Iterate `step` from mu towards nu, at most `steps` times.

    For a constant tau, or `fraction_of_d1`, it stops early when the selected step moves nothing (K = 0 up to
    rounding; under "lazy" that certifies J(step) = F(rho_k, nu), so rho_k is a steady state for ever) or when nu is
    reached.

    Parameters
    ----------
    mu, nu, alpha, p, stops, solver, select, rtol, max_iter : as in `step`; stops are fixed once for the flow.
    tau : float > 0, a sequence of them (one per step), or `fraction_of_d1(theta)`.
    steps : int >= 0, most steps to take.
    init : an earlier result towards the same target that the first step may start from, as in `step`. The others start
        from the step before.
    callback : called after every step with a `FlowState` (k, rho, result).

    Returns
    -------
    Flow

    Raises
    ------
    WrofError, SolverError
        As in `step`.

    Examples
    --------
    >>> import wrof
    >>> wrof.flow(tau=0.6, steps=9, **wrof.toys.three_point(1.0, 1.0)).settled_at
    2
    """
    source, target = measures(mu, nu, ("tau", "steps", *OPTIONS), **where)
    exponents: _Named = {"alpha": alpha, "p": p}
    options: _Named = {"solver": solver, "select": select, "rtol": rtol, "max_iter": max_iter}
    whole_steps(steps)  # only the generator may go on until it settles
    if callback is not None and not callable(callback):
        raise WrofError(f"callback must be a function of one FlowState, got {callback!r}.")
    space, states = _begin(source, target, tau, steps, stops, exponents, options, init)
    results = []
    for state in states:
        results.append(state.result)
        if callback is not None:
            callback(state)
    stopped = "max steps"
    if results and _autonomous(tau):
        last = results[-1]
        stopped = "target" if last.arrived else "fixed point" if last.still else stopped
    return Flow([source, *(r.rho for r in results)], results, target, stopped, space, {**exponents, **options})


def _autonomous(tau: Any) -> bool:
    """Whether the step size depends on rho alone, so that a step that moves nothing is the last."""
    return isinstance(tau, FractionOfD1) or np.ndim(tau) == 0


def whole_steps(steps: Any, name: str = "steps", least: int = 0) -> int:
    """Return a number of steps that is whole and not too small, or raise."""
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < least:
        raise WrofError(f"{name} must be a whole number >= {least}, got {steps!r}.")
    return int(steps)


def step_sizes(tau: Any, steps: int | None) -> _Rule:
    """Return the rule (k, rho, nu) -> tau of the k-th step."""
    if isinstance(tau, FractionOfD1):
        return lambda k, rho, nu: tau.tau(rho, nu)
    if _autonomous(tau):
        size = positive_number(tau, "tau")
        return lambda k, rho, nu: size
    sizes: Sequence[float] = [positive_number(t, f"tau[{k}]") for k, t in enumerate(tau)]
    if steps is None or len(sizes) < steps:
        raise WrofError(f"tau has {len(sizes)} entries for {steps or 'endless'} steps; give one per step.")
    return lambda k, rho, nu: sizes[k]
