"""Selection among minimisers: the optimal plans form a polytope, and a solver's vertex of it is an accident.

Any one optimal potential describes them all: the optimal plans are the plans on the arcs it leaves tight
(complementary slackness). The arcs go source -> stop -> target (source -> target on FREE), so a secondary
objective on that graph picks among all minimisers at once:

- lazy: least sum mass |x - z|^p, the limit of the steps for tau' below tau;
- eager: greatest, the limit from above;
- min_norm: least sum rho^2, see `wrof.min_norm`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from .certify import Dual, price, with_stops
from .cost import Cost, FreeJoint, JointCost
from .errors import WrofError
from .face import Face
from .measure import Floats, Grid, Ints
from .min_norm import least_norm
from .problem import StepProblem
from .result import Proposal, glue

SELECTIONS = ("lazy", "eager", "min_norm", "vertex")
LOOSE = 1e-8  # slack that a solver's rounding may leave on an optimal arc, relative to the greatest cost in play
MAX_SHARPEN = 10  # rounds; a solver that is right to LOOSE needs one
MAX_PAIRS = 1e10  # arcs between supports and stops that are searched for tight ones: half a minute
PLANE = 100  # times as many on plane grids, where most of them are left out (`wrof.blocks`)


def check(problem: StepProblem, how: str) -> None:
    """Refuse a selection that does not exist for the problem, or would take for ever."""
    if how == "min_norm":
        check_size(problem, "select='min_norm'", "use select='lazy' or select='eager'")


def check_size(problem: StepProblem, what: str, cure: str) -> None:
    """Refuse what looks at every arc into and out of a stop, where there are no stops or too many arcs."""
    if problem.stop_points is None:
        raise WrofError(f"{what} needs finitely many stops, these are FREE; {cure}.")
    pairs = problem.stop_count * (len(problem.a) + len(problem.b))
    stops = problem.stops
    most = MAX_PAIRS * (PLANE if isinstance(stops, Grid) and stops.dim == 2 else 1)
    if pairs > most:
        raise WrofError(f"{what} looks at every arc, here {pairs:.1e} (> {most:.0e}); {cure}.")


def select(problem: StepProblem, proposal: Proposal, how: str) -> tuple[Proposal, Dual]:
    """Replace an optimal proposal by the selected minimiser, and return it with its lower bound.

    Parameters
    ----------
    problem : StepProblem. proposal : optimal up to a solver's rounding, with stops.
    how : "lazy", "eager", "min_norm", or "vertex": only sharpened.
    """
    layers = _layers(problem)
    sharp, dual, tol = _sharpest(problem, layers, proposal)
    if how != "vertex":
        face = layers.face(sharp, dual.psi, tol)
        if how == "min_norm":
            flow = least_norm(face, layers.stop_of(face))
        else:
            sign = 1.0 if how == "lazy" else -1.0
            flow = face.minimise(sign * layers.movement(face, farthest=how == "eager"))
        sharp = layers.read(face, flow, sharp)
    return with_stops(problem, sharp, farthest=how == "eager"), dual


def optimal_face(problem: StepProblem, proposal: Proposal) -> Face:
    """Return the graph of all optimal plans over finitely many stops.

    Its nodes are the sources, the distinct stops, the targets, in this order; its arcs go source -> stop -> target.
    """
    layers = _layers(problem)
    sharp, dual, tol = _sharpest(problem, layers, proposal)
    return layers.face(sharp, dual.psi, tol)


def turning(problem: StepProblem, proposal: Proposal, near: float) -> Floats:
    """Step sizes at which an arc outside an optimal basis turns tight, of the arcs whose slack is within `near`.

    Slack is s r_K + r_F along the cycle the arc closes with the basis, a few arcs: tau = - r_K / 2 r_F is good to
    rounding, whatever mass would go that way.
    """
    cost = problem.cost
    assert isinstance(cost, JointCost)
    layers = _Stops(problem, cost)
    sharp = _sharpest(problem, layers, proposal)[0]
    face = layers.face(sharp, sharp.psi, near * float(np.max(layers.plan_cost(sharp), initial=0.0)))
    primary = layers.primary(face)
    face.minimise(primary, primary=True)
    k = layers.movement(face, farthest=False) * 2 * problem.tau
    f = np.where(face.tail < layers.n, 0.0, primary)
    rest_k, rest_f = (each - np.diff(face.potentials(each)[[face.tail, face.head]], axis=0)[0] for each in (k, f))
    ok = (np.abs(rest_k) > near * np.max(k, initial=0.0)) & (rest_k * rest_f < 0)
    return np.asarray(-rest_k[ok] / (2 * rest_f[ok]), dtype=np.float64)


def _layers(problem: StepProblem) -> _Layers:
    cost = problem.cost
    return Pairs(cost, problem.a, problem.b) if isinstance(cost, FreeJoint) else _Stops(problem, cost)


def _sharpest(problem: StepProblem, layers: _Layers, proposal: Proposal) -> tuple[Proposal, Dual, float]:
    """Sharpen until the gap is rounding; the proposal, its lower bound, and the slack of a tight arc."""
    sharp, mass = proposal, problem.source.mass
    for attempt in range(MAX_SHARPEN + 1):
        dual = price(problem, sharp.psi)
        cost_of = layers.plan_cost(sharp)
        greatest = float(np.max(cost_of, initial=0.0))
        gap = float(cost_of @ sharp.mass) - dual.value
        if (attempt or sharp.sharp) and gap <= 1e-12 * mass * greatest + dual.rounding:
            break
        if attempt < MAX_SHARPEN:  # again with the arcs that the new potential prices out: column generation
            sharp = sharpen(layers, sharp, problem.reach)
    return sharp, dual, 2 * problem.cost.tie * greatest + dual.rounding / mass


def sharpen(layers: _Layers, proposal: Proposal, reach: float) -> Proposal:
    """Solve again on the arcs that are tight up to a solver's rounding: plan and potential of one basis.

    `reach` is the size of the costs that the solver worked with, and rounded by.
    """
    scale = max(reach, float(np.max(layers.plan_cost(proposal), initial=0.0)))
    face = layers.face(proposal, proposal.psi, LOOSE * scale)
    flow = face.minimise(layers.primary(face), primary=True)
    return replace(layers.read(face, flow, proposal), psi=face.pi[layers.targets].copy())


class _Layers(Protocol):
    """How a plan becomes a flow on a graph of tight arcs, and back."""

    targets: slice  # nodes of the targets

    def plan_cost(self, proposal: Proposal) -> Floats:
        """Cost per unit mass of every atom."""

    def face(self, proposal: Proposal, psi: Floats, tol: float) -> Face:
        """Arcs with slack <= tol, and those of the plan."""

    def primary(self, face: Face) -> Floats:
        """Cost of the arcs in J."""

    def movement(self, face: Face, farthest: bool) -> Floats:
        """Cost of the arcs in K / 2 tau."""

    def stop_of(self, face: Face) -> Ints:
        """Stop that an arc leads into, -1 for arcs that leave one."""

    def read(self, face: Face, flow: Floats, proposal: Proposal) -> Proposal:
        """Return the proposal with the plan of a flow."""


class _Stops:
    """Arcs source -> stop -> target over finitely many stops."""

    def __init__(self, problem: StepProblem, cost: JointCost) -> None:
        self.problem, self.cost = problem, cost
        self.n, self.k, self.m = len(problem.a), cost.disc.shape[0], len(problem.b)
        self.targets = slice(self.n + self.k, None)

    def plan_cost(self, proposal: Proposal) -> Floats:
        move, disc = self.cost.legs(proposal.i, proposal.j, proposal.stop)
        return move + disc

    def face(self, proposal: Proposal, psi: Floats, tol: float) -> Face:
        n, k, m = self.n, self.k, self.m
        w, phi = self.cost.c_transforms(psi)
        i, z_in = self.cost.move.tight(phi, -w, tol)
        z_out, j = self.cost.disc.tight(w, psi, tol)
        reached = np.zeros(k, dtype=np.bool_)
        reached[z_in] = True
        z_out, j = z_out[reached[z_out]], j[reached[z_out]]
        into, f_in = _merge(i * k + z_in, proposal.i * k + proposal.stop, proposal.mass)
        out, f_out = _merge(z_out * m + j, proposal.stop * m + proposal.j, proposal.mass)
        tail = np.concatenate([into // k, n + out // m])
        head = np.concatenate([n + into % k, n + k + out % m])
        supply = np.concatenate([self.problem.a, np.zeros(k), -self.problem.b])
        return Face(tail, head, np.concatenate([f_in, f_out]), supply, np.concatenate([-phi, -w, psi]))

    def _ends(self, face: Face) -> tuple[np.ndarray, Ints, Ints]:
        """Which arcs go into stops, and their source and stop."""
        into = face.tail < self.n
        return into, face.tail[into], face.head[into] - self.n

    def primary(self, face: Face) -> Floats:
        into, i, z = self._ends(face)
        z_out, j = face.tail[~into] - self.n, face.head[~into] - self.n - self.k
        return np.concatenate([self.cost.move.pairs(i, z), self.cost.disc.pairs(z_out, j)])

    def movement(self, face: Face, farthest: bool) -> Floats:
        return np.where(face.tail < self.n, self.primary(face), 0.0)

    def stop_of(self, face: Face) -> Ints:
        into, _, z = self._ends(face)
        out = np.full(len(face.tail), -1)
        out[into] = z
        return out

    def read(self, face: Face, flow: Floats, proposal: Proposal) -> Proposal:
        into, i, z = self._ends(face)
        out = ~into
        source, stop, target, mass = glue(
            i, z, flow[into], face.tail[out] - self.n, face.head[out] - self.n - self.k, flow[out]
        )
        return replace(proposal, i=source, j=target, mass=mass, stop=stop)


class Pairs:
    """Arcs source -> target; the stop, if there are any, follows from the pair."""

    def __init__(self, cost: Cost, a: Floats, b: Floats) -> None:
        self.cost, self.a, self.b = cost, a, b
        self.targets = slice(len(a), None)

    def plan_cost(self, proposal: Proposal) -> Floats:
        return self.cost.pairs(proposal.i, proposal.j)

    def face(self, proposal: Proposal, psi: Floats, tol: float) -> Face:
        n, m = self.cost.shape
        phi = self.cost.c_transform(psi)
        i, j = self.cost.tight(phi, psi, tol)
        pair, flow = _merge(i * m + j, proposal.i * m + proposal.j, proposal.mass)
        supply = np.concatenate([self.a, -self.b])
        return Face(pair // m, n + pair % m, flow, supply, np.concatenate([-phi, psi]))

    def primary(self, face: Face) -> Floats:
        return self.cost.pairs(face.tail, face.head - len(self.a))

    def movement(self, face: Face, farthest: bool) -> Floats:
        assert isinstance(self.cost, FreeJoint)
        i, j = face.tail, face.head - len(self.a)
        return self.cost.legs(i, j, self.cost.stops(i, j, farthest)[1])[0]

    def stop_of(self, face: Face) -> Ints:
        raise WrofError("free stops have no index.")

    def read(self, face: Face, flow: Floats, proposal: Proposal) -> Proposal:
        used = flow > 0
        return replace(proposal, i=face.tail[used], j=face.head[used] - len(self.a), mass=flow[used], stop=None)


def _merge(arcs: Ints, plan: Ints, mass: Floats) -> tuple[Ints, Floats]:
    """Arc codes of both lists, each once, with the mass the plan puts on them."""
    every, which = np.unique(np.concatenate([arcs, plan]), return_inverse=True)
    return every, np.asarray(np.bincount(which[len(arcs) :], mass, len(every)), dtype=np.float64)
