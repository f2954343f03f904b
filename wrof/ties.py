"""Selection among minimisers: the optimal plans form a polytope, and a solver's vertex of it is an accident.

Any one optimal potential describes them all: the optimal plans are the plans on the arcs it leaves tight
(complementary slackness). The arcs go source -> stop -> target (source -> target on FREE), so a secondary
objective on that graph picks among all minimisers at once:

- lazy: least sum mass |x - z|^p, the limit of the steps for tau' below tau;
- eager: greatest, the limit from above;
- min_norm: least sum rho^2, by Wolfe's minimum-norm-point algorithm (Math. Program. 11, 1976) with the
  secondary transport problem as its oracle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ._kernels import tree
from .certify import Dual, price, with_stops
from .cost import Cost, FreeJoint, JointCost
from .errors import WrofError
from .measure import Floats, Ints
from .problem import StepProblem
from .result import Proposal, glue

SELECTIONS = ("lazy", "eager", "min_norm", "vertex")
LOOSE = 1e-8  # slack that a solver's rounding may leave on an optimal arc, relative to the greatest cost in play
MAX_PAIRS = 1e10  # arcs between supports and stops that are searched for tight ones: half a minute
MAX_WOLFE = 20_000


class Face:
    """A graph of tight arcs with a feasible flow and a spanning forest."""

    def __init__(self, tail: Ints, head: Ints, flow: Floats, supply: Floats, pi: Floats) -> None:
        n, m = len(supply), len(tail)
        self.tail, self.head, self.flow, self.supply, self.pi = tail, head, flow.copy(), supply, pi.copy()
        basic = np.zeros(m, dtype=np.bool_)
        tree.spanning_forest(tail, head, np.argsort(-flow, kind="stable"), n, basic)
        self.parent, self.parc, self.child, self.after, self.before, self.depth = np.full((6, n), -1, dtype=np.int64)
        self.up = np.zeros(n, dtype=np.bool_)
        links = (self.parent, self.parc, self.up, self.child, self.after, self.before)
        tree.hang(tail, head, basic, *links, self.depth)
        self._basis = (self.flow, *links, self.depth, self.pi)
        tree.cancel(basic, tail, head, np.zeros(m), *self._basis)

    def minimise(self, cost: Floats) -> Floats:
        """Return the least-cost flow, starting from the last one; the basis stays for the next call."""
        links = (self.parent, self.parc, self.up, self.child, self.after)
        span = float(np.max(np.abs(cost), initial=0.0))
        tree.potentials(cost, *links, self.depth, self.pi)
        if span > 0 and len(cost) >= len(self.supply) - np.count_nonzero(self.parent < 0) + 1:
            limit = 1000 * len(cost) + 100_000
            for _ in range(3):  # potentials drift by rounding: recompute, and look again
                pivots = tree.minimise(1e-13 * span, limit, self.tail, self.head, cost, *self._basis)
                if pivots < 0:
                    raise WrofError("the secondary transport problem did not finish; use select='vertex'.")
                tree.potentials(cost, *links, self.depth, self.pi)
                if pivots == 0:
                    break
        tree.tree_flows(self.supply, self.tail, self.head, self.flow, *links)
        return self.flow.copy()


def check(problem: StepProblem, how: str) -> None:
    """Refuse a selection that does not exist for the problem, or would take for ever."""
    if how == "min_norm" and problem.stop_points is None:
        raise WrofError(
            "select='min_norm' needs finitely many stops, these are FREE; use select='lazy' or select='eager'."
        )
    pairs = problem.stop_count * (len(problem.a) + len(problem.b))
    if how == "min_norm" and pairs > MAX_PAIRS:
        raise WrofError(
            f"select='min_norm' looks at every arc, here {pairs:.1e} (> {MAX_PAIRS:.0e}); use select='lazy'."
        )


def select(problem: StepProblem, proposal: Proposal, how: str) -> tuple[Proposal, Dual]:
    """Replace an optimal proposal by the selected minimiser, and return it with its lower bound.

    Parameters
    ----------
    problem : StepProblem. proposal : optimal up to a solver's rounding, with stops.
    how : "lazy", "eager", "min_norm", or "vertex": only sharpened.
    """
    cost = problem.cost
    layers = Pairs(cost, problem.a, problem.b) if isinstance(cost, FreeJoint) else _Stops(problem, cost)
    sharp = sharpen(layers, proposal, problem.reach)
    dual = price(problem, sharp.psi)
    if how != "vertex":
        tol = 2 * cost.tie * float(np.max(layers.plan_cost(sharp), initial=0.0)) + dual.rounding / problem.source.mass
        face = layers.face(sharp, sharp.psi, tol)
        if how == "min_norm":
            flow = least_norm(face, problem.stop_count, layers.stop_of(face))
        else:
            sign = 1.0 if how == "lazy" else -1.0
            flow = face.minimise(sign * layers.movement(face, farthest=how == "eager"))
        sharp = layers.read(face, flow, sharp)
    return with_stops(problem, sharp, farthest=how == "eager"), dual


def sharpen(layers: _Layers, proposal: Proposal, reach: float) -> Proposal:
    """Solve again on the arcs that are tight up to a solver's rounding: plan and potential of one basis.

    `reach` is the size of the costs that the solver worked with, and rounded by.
    """
    scale = max(reach, float(np.max(layers.plan_cost(proposal), initial=0.0)))
    face = layers.face(proposal, proposal.psi, LOOSE * scale)
    flow = face.minimise(layers.primary(face))
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
        w = self.cost.disc.c_transform(psi)
        phi = self.cost.move.c_transform(-w)
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


def least_norm(face: Face, stops: int, stop_of: Ints) -> Floats:
    """Flow on the face whose rho has the least sum of squares (Wolfe 1976).

    rho(z) is the flow into stop z. The point is kept as a convex combination of flows that are affinely
    independent in rho; each major cycle adds the flow that minimises <rho, .>.
    """
    into = stop_of >= 0

    def leave(flow: Floats) -> Floats:
        return np.asarray(np.bincount(stop_of[into], flow[into], stops), dtype=np.float64)

    flows = [face.minimise(np.zeros(len(stop_of)))]
    hull = _Hull(leave(flows[0]))
    weights = np.ones(1)
    for _ in range(MAX_WOLFE):
        rho = weights @ hull.points
        flow = face.minimise(np.where(into, rho[stop_of], 0.0))
        point = leave(flow)
        if rho @ rho - rho @ point <= 1e-15 * (rho @ rho) or not hull.add(point):
            return np.asarray(hull.polish(weights) @ np.array(flows))
        flows.append(flow)
        weights = np.append(weights, 0.0)
        while True:  # minor cycle: nearest point of the affine hull, or the way to it until a weight vanishes
            target = hull.nearest()
            down = target <= SMALL
            if not down.any():
                weights = target
                break
            gap = np.where(down, weights - target, 1.0)
            ratio = np.where(down & (gap > 0), weights / np.where(gap > 0, gap, 1.0), np.inf)
            step = min(1.0, float(ratio.min()))
            weights = np.maximum((1 - step) * weights + step * target, 0.0)
            drop = weights <= SMALL
            if not drop.any():
                drop[int(np.argmin(np.where(down, weights, np.inf)))] = True
            hull.keep(~drop)
            flows = [f for f, gone in zip(flows, drop, strict=True) if not gone]
            weights = weights[~drop] / weights[~drop].sum()
    raise WrofError("min_norm did not finish; use select='lazy'.")


SMALL = 1e-12  # a weight in the hull that counts as zero


class _Hull:
    """Affinely independent points, with a QR factorisation of their differences to the first one."""

    def __init__(self, point: Floats) -> None:
        self.points = point[None]
        self._q, self._r = np.empty((len(point), 0)), np.empty((0, 0))

    def add(self, point: Floats) -> bool:
        """Append a point; False if it lies in the affine hull already, as rounding sees it."""
        way = point - self.points[0]
        rest = way - self._q @ (self._q.T @ way)
        rest -= self._q @ (self._q.T @ rest)
        size = float(np.linalg.norm(rest))
        if size <= SMALL * float(np.linalg.norm(point)):
            return False
        k = self._r.shape[0]
        r = np.zeros((k + 1, k + 1))
        r[:k, :k], r[:k, k], r[k, k] = self._r, self._q.T @ way, size
        self._q, self._r = np.column_stack([self._q, rest / size]), r
        self.points = np.vstack([self.points, point])
        return True

    def keep(self, stay: npt.NDArray[np.bool_]) -> None:
        """Drop the other points."""
        self.points = self.points[stay]
        if stay[0]:
            q, self._r = np.linalg.qr(self._r[:, stay[1:]])
            self._q = self._q @ q
        else:
            self._q, self._r = np.linalg.qr((self.points[1:] - self.points[0]).T)

    def nearest(self) -> Floats:
        """Weights, summing to 1, of the point of least norm in the affine hull."""
        if len(self._r) == 0:
            return np.ones(1)
        rest = np.linalg.solve(self._r, -(self._q.T @ self.points[0]))
        return np.concatenate([[1.0 - rest.sum()], rest])

    def polish(self, weights: Floats) -> Floats:
        """Weights afresh from the points, so that updates of the factors leave no trace."""
        self._q, self._r = np.linalg.qr((self.points[1:] - self.points[0]).T)
        fresh = self.nearest()
        return fresh if np.all(fresh >= 0) else weights
