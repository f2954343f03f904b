"""Explicit steps: trust-the-critics with an exact critic.

rho = (x - tau grad u)_# mu, u an optimal Kantorovich potential for d_1(mu, nu): every atom that moves goes tau along
its transport ray, whether its mate is as far as that or not. The implicit step, with free stops, moves min(tau, r).

Source: Milne, Bilocq & Nachman, Trust the Critics: Generatorless and Multipurpose WGANs with Initial Convergence
Guarantees (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from . import ties
from .certify import DUST
from .coincide import groups, near
from .cost import TIE_CLOUD
from .errors import WrofError
from .flow import step_sizes, whole_steps
from .measure import FREE, Floats, Ints, Measure, PointCloud, measures, positive_number
from .problem import StepProblem
from .result import Proposal
from .solvers.monotone import staircase
from .step import solve as solve_step
from .transport.plans import TransportPlan, of_solved
from .transport.rays import transport_direction
from .transport.solve import Solved, solve

EQUAL = 1e-12  # excess over the least J up to which a step is the implicit one, relative to the mass and the extent


@dataclass(frozen=True)
class ExplicitStep:
    """An explicit step. What takes a solve of its own is computed when asked for.

    Attributes
    ----------
    mu, nu : Measure. tau : float, length that every atom moves.
    plan : TransportPlan for p = 1 that gives the directions; mass that mu and nu share stays in place.
    rho : Measure on a PointCloud. merged : atoms that came to rest where others did, within 1e-12 of the extent.
    shortest_arc : max over the optimal plans for d_1, of the mass not in place, of the least |x - y| over their atoms;
        up to this step size nothing overshoots. Infinite if nothing moves.
    """

    mu: Measure
    nu: Measure
    tau: float
    plan: TransportPlan
    rho: Measure
    merged: int
    shortest_arc: float
    rtol: float = 1e-9

    @property
    def moved(self) -> float:
        """Mass that moves."""
        return float(self.plan.mass[_moving(self.plan)].sum())

    @property
    def d1(self) -> float:
        """d_1(mu, nu), unrooted: in length times mass."""
        return self.plan.value

    @cached_property
    def d1_after(self) -> float:
        """d_1(rho, nu)."""
        return solve(self.rho, self.nu, 1.0, self.rtol).value

    @cached_property
    def movement(self) -> float:
        """K(mu, rho) = d_2^2(mu, rho); at most tau^2 times the mass that moves."""
        return solve(self.mu, self.rho, 2.0, self.rtol).value

    @property
    def value(self) -> float:
        """J(rho) = d_2^2(mu, rho) / (2 tau) + d_1(rho, nu)."""
        return self.movement / (2 * self.tau) + self.d1_after

    @cached_property
    def least(self) -> float:
        """Least J over all measures: the implicit step with p = 2, alpha = 1 and free stops."""
        problem = StepProblem.build(self.mu, self.nu, self.tau, alpha=1.0, p=2.0, stops=FREE)
        return solve_step(problem, rtol=self.rtol).value

    @property
    def excess(self) -> float:
        """J(rho) - min J >= 0, up to rounding."""
        return self.value - self.least

    @property
    def equals_wrof(self) -> bool:
        """Whether the step minimises J, up to 1e-12 of the mass times the extent."""
        extent = float(np.max(np.ptp(_ends(self.mu, self.nu), axis=0)))
        return self.excess <= EQUAL * self.mu.mass * max(self.tau, extent)

    def __repr__(self) -> str:
        return (
            f"ExplicitStep(tau={self.tau:g}, d1={self.d1:.12g}, moved={self.moved:.6g}, "
            f"shortest_arc={self.shortest_arc:.6g})"
        )


def explicit_step(mu: Any, nu: Any, tau: float, *, rtol: float = 1e-9, **where: Any) -> ExplicitStep:
    """One step of trust-the-critics with an exact critic: x -> x - tau grad u(x).

    The direction is taken from an optimal plan for d_1(mu, nu), of several the one whose shortest arc is longest; an
    atom splits as its plan does, and mass that mu and nu share stays. Atoms nearer to their mates than tau overshoot.

    Parameters
    ----------
    mu, nu : as in `step`.
    tau : float > 0, a length.
    rtol : gap allowed in every solve, as in `step`.

    Returns
    -------
    ExplicitStep

    Raises
    ------
    WrofError
        For bad input.
    SolverError
        If a certificate is missed.

    Notes
    -----
    Milne, Bilocq & Nachman, Trust the Critics (2021). While tau is at most the longest shortest arc, d_1 falls by tau
    times the mass that moves, and J(explicit) = min J if mu and nu share no mass. In general J(explicit) >= min J: mass
    in place stays here, while an implicit step may pass it on, as two hops cost less than one of twice the length.

    Examples
    --------
    >>> import wrof
    >>> wrof.explicit_step([1.0, 0.0], [0.0, 1.0], 0.25, points=[[0.0], [1.0]]).rho.points.tolist()
    [[0.25]]
    """
    source, target = measures(mu, nu, ("tau", "rtol"), **where)
    return _step(source, target, positive_number(tau, "tau"), positive_number(rtol, "rtol"))


def _step(mu: Measure, nu: Measure, tau: float, rtol: float) -> ExplicitStep:
    plan, shortest = _plan(mu, nu, rtol)
    moving = _moving(plan)
    places = np.where(moving[:, None], plan.x + tau * transport_direction(plan), plan.x)
    first, which = groups(places, near(np.concatenate([_ends(mu, nu), places])))
    rho = Measure.left_behind(PointCloud(places[first]), np.bincount(which, plan.mass).astype(np.float64))
    return ExplicitStep(mu, nu, tau, plan, rho, len(places) - len(first), shortest, rtol)


def _ends(mu: Measure, nu: Measure) -> Floats:
    return np.concatenate([mu.points[mu.support], nu.points[nu.support]])


def _moving(plan: TransportPlan) -> np.ndarray:
    """(k,) bool: atoms that go further than rounding makes them."""
    return plan.length() > near(_ends(plan.mu, plan.nu))


def _plan(mu: Measure, nu: Measure, rtol: float) -> tuple[TransportPlan, float]:
    """Return the plan of the directions, with the mass that stays, and its shortest arc."""
    i, j, stay = _shared(mu, nu)
    left = [each.weights - np.bincount(at, stay, len(each.weights)) for each, at in ((mu, i), (nu, j))]
    left = [np.where(rest > DUST * each.weights, rest, 0.0) for rest, each in zip(left, (mu, nu), strict=True)]
    if min(float(each.sum()) for each in left) <= EQUAL * mu.mass:  # what rounding leaves of shared mass
        plan = of_solved(mu, nu, 1.0, solve(mu, nu, 1.0, rtol))
        return replace(plan, source=i, target=j, mass=stay), np.inf
    rest = [Measure(each.space, weights) for each, weights in zip((mu, nu), left, strict=True)]
    solved, shortest = _longest_shortest(solve(rest[0], rest[1], 1.0, rtol))
    moving = of_solved(rest[0], rest[1], 1.0, solved)
    source, target = np.concatenate([i, moving.source]), np.concatenate([j, moving.target])
    mass = np.concatenate([stay, moving.mass])
    return TransportPlan(mu, nu, 1.0, source, target, mass, moving.phi, moving.psi), shortest


def _shared(mu: Measure, nu: Measure) -> tuple[Ints, Ints, Floats]:
    """Mass that both measures have in one place: indices into both, and how much.

    Of a place written several times, every point gives in proportion, and all are matched in order.
    """
    x, y = mu.support, nu.support
    which = groups(_ends(mu, nu), near(_ends(mu, nu)))[1]
    own, other = which[: len(x)], which[len(x) :]
    count = int(which.max()) + 1
    a, b = np.bincount(own, mu.weights[x], count), np.bincount(other, nu.weights[y], count)
    gives, takes = b[own] > 0, a[other] > 0
    x, own, y, other = x[gives], own[gives], y[takes], other[takes]
    if not len(x):
        return x, y, np.empty(0)
    # all of it, to the last digit, where the other has as much
    give = np.where(a <= b, 1.0, b / np.where(a > 0, a, 1.0))[own] * mu.weights[x]
    take = np.where(b <= a, 1.0, a / np.where(b > 0, b, 1.0))[other] * nu.weights[y]
    i, j, mass = staircase(own.astype(float), give, other.astype(float), take)
    kept = (own[i] == other[j]) & (mass > 0)  # sums that round spill over into the next place
    return x[i[kept]], y[j[kept]], mass[kept]


def _longest_shortest(solved: Solved) -> tuple[Solved, float]:
    """Of the optimal plans one whose shortest arc is longest: bisection over the lengths of the tight arcs.

    A plan without arcs shorter than some length exists iff the least mass on such arcs, over the optimal face, is 0.
    """
    n, m = solved.cost.shape
    a = np.bincount(solved.i, solved.mass, n).astype(np.float64)
    b = np.bincount(solved.j, solved.mass, m).astype(np.float64)
    pairs = ties.Pairs(solved.cost, a, b)
    proposal = Proposal(solved.i, solved.j, solved.mass, solved.psi)
    greatest = float(np.max(solved.cost.pairs(solved.i, solved.j)))
    rounding = 16 * float(np.finfo(float).eps) * float(np.max(np.abs(solved.psi)) + np.max(np.abs(solved.phi)))
    face = pairs.face(proposal, solved.psi, 2 * TIE_CLOUD * greatest + rounding)
    length = pairs.primary(face)
    lengths = np.unique(length)
    carries = EQUAL * float(a.sum())
    low = int(np.searchsorted(lengths, float(np.min(length[face.flow > carries]))))
    flow, high = face.flow.copy(), len(lengths)
    while high - low > 1:
        middle = (low + high) // 2
        tried = face.minimise((length < lengths[middle]).astype(np.float64))
        if float(tried[length < lengths[middle]].sum()) <= carries:
            low, flow = middle, np.where(length < lengths[middle], 0.0, tried)
        else:
            high = middle
    read = pairs.read(face, flow, proposal)
    return solved._replace(i=read.i, j=read.j, mass=read.mass), float(lengths[low])


@dataclass(frozen=True)
class ExplicitFlow:
    """A flow of explicit steps.

    Attributes
    ----------
    measures : measures[0] = mu, measures[k] after step k. steps : one ExplicitStep each. target : nu.
    stopped : "target" (rho = nu up to rounding) or "max steps".
    """

    measures: list[Measure]
    steps: list[ExplicitStep]
    target: Measure
    stopped: str

    @property
    def rho(self) -> Measure:
        """The last measure."""
        return self.measures[-1]

    @property
    def taus(self) -> Floats:
        """(steps,) step sizes."""
        return np.array([each.tau for each in self.steps])

    @cached_property
    def distances(self) -> Floats:
        """(steps + 1,) d_1(rho_k, nu), from rho_0 = mu on."""
        last = [self.steps[-1].d1_after] if self.steps else [solve(self.rho, self.target, 1.0, 1e-9).value]
        return np.array([each.d1 for each in self.steps] + last)

    def __repr__(self) -> str:
        return f"ExplicitFlow({len(self.steps)} steps, stopped={self.stopped!r})"


def explicit_flow(
    mu: Any,
    nu: Any,
    tau: Any,
    steps: int,
    *,
    rtol: float = 1e-9,
    callback: Callable[[ExplicitStep], object] | None = None,
    **where: Any,
) -> ExplicitFlow:
    """Iterate `explicit_step` from mu towards nu, at most `steps` times; it stops early where rho = nu.

    With a constant tau atoms nearer than that go to and fro in the end, and d_1 stays at the order of tau.

    Parameters
    ----------
    mu, nu, rtol : as in `explicit_step`.
    tau : float > 0, a sequence of them (one per step), or `fraction_of_d1(theta)`.
    steps : int >= 0.
    callback : called with every `ExplicitStep`.

    Returns
    -------
    ExplicitFlow

    Raises
    ------
    WrofError, SolverError
        As in `explicit_step`.
    """
    rho, target = measures(mu, nu, ("tau", "steps", "rtol", "callback"), **where)
    count, allowed = whole_steps(steps), positive_number(rtol, "rtol")
    if callback is not None and not callable(callback):
        raise WrofError(f"callback must be a function of one ExplicitStep, got {callback!r}.")
    rule = step_sizes(tau, count)
    walk, done, stopped = [rho], [], "max steps"
    for k in range(count):
        each = _step(rho, target, rule(k, rho, target), allowed)
        if not each.moved > EQUAL * rho.mass:
            stopped = "target"
            break
        done.append(each)
        rho = each.rho
        walk.append(rho)
        if callback is not None:
            callback(each)
    return ExplicitFlow(walk, done, target, stopped)
