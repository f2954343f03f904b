"""The tie report: whether the minimiser of a step is the only one, and how far the next critical tau is.

Two kinds of ties. *Threshold ties*: tau is a breakpoint of V, K takes every value of an interval. *Plan ties*: K is
fixed, and still rho is not unique. The optimal plans are the flows on a graph of tight arcs, source -> stop -> target,
where every stop is split into an arc of its own, whose flow is rho there. A flow on it can be changed on an arc
exactly if the arc lies on a cycle within a strongly connected part of the residual graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import joblib
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from . import chords, ties
from ._kernels import tree
from .chords import Touch
from .cost import JointCost
from .errors import WrofError
from .face import Face
from .measure import Floats, Grid, Ints, PointCloud
from .result import STRAY, Proposal, StepResult

MAX_WORK = 1e10  # stops times arcs of the secondary problems of `rho_range`: minutes


@dataclass(frozen=True)
class TieReport:
    """Which minimisers a step has besides the one it returned; computed when asked for, on finite stops.

    Attributes
    ----------
    result : the StepResult it is about. lines : gives V and its lines at any s = 1 / 2 tau, by solving.
    """

    result: StepResult
    lines: Callable[[float], Touch] = field(repr=False)

    @cached_property
    def _here(self) -> Touch:
        return self.lines(1 / (2 * self.result.tau))

    @property
    def movement_range(self) -> tuple[float, float]:
        """(K_min, K_max) over all minimisers: the superdifferential of V at s = 1 / 2 tau."""
        return self._here.lazy.slope, self._here.eager.slope

    @cached_property
    def unique(self) -> bool:
        """Whether rho is the only minimiser, up to 1e-12 of the mass."""
        return self.kind == "none"

    @cached_property
    def kind(self) -> str:
        """Return "threshold" (K is an interval), "plan" (K is fixed, rho is not), or "none"."""
        if chords.distinct(self._here.eager, self._here.lazy):
            return "threshold"
        return "plan" if bool(self._graph.loose.any()) else "none"

    @cached_property
    def tie_margin(self) -> float:
        """|tau - tau_c| / tau to the nearest breakpoint tau_c of V, alpha held; 0 at one, inf if there is none."""
        problem = self.result.problem
        cost = problem.cost
        assert isinstance(cost, JointCost)
        stops = np.zeros(cost.disc.shape[0])
        least_k = float(problem.a @ cost.move.c_transform(stops)) * 2 * problem.tau
        least_f = float(problem.b @ cost.disc.c_transform_back(stops))
        return chords.margin(self.lines, self._here, least_k, least_f)

    def rho_range(self, jobs: int = 1) -> tuple[Floats, Floats]:
        """Least and greatest mass that a minimiser may have at every stop, one secondary problem each.

        Parameters
        ----------
        jobs : processes to share the work, -1 for one per core.

        Returns
        -------
        lo, hi : (k,) float, over the stops as the user counts them.

        Raises
        ------
        WrofError
            If there are too many stops times arcs.
        """
        if not isinstance(jobs, int | np.integer) or isinstance(jobs, bool) or (jobs < 1 and jobs != -1):
            raise WrofError(f"jobs must be a whole number >= 1, or -1 for one per core, got {jobs!r}.")
        jobs = joblib.effective_n_jobs(int(jobs))
        problem, graph = self.result.problem, self._graph
        stops = problem.stops
        assert isinstance(stops, Grid | PointCloud) and problem.stop_index is not None
        open_ = np.flatnonzero(graph.loose)
        work = float(len(open_)) * len(graph.tail)
        if work > MAX_WORK:
            raise WrofError(
                f"rho_range would solve {2 * len(open_)} problems of {len(graph.tail)} arcs; `unique` says whether rho "
                "is the only minimiser, select='min_norm' gives one that depends on nothing else."
            )
        parts = np.array_split(open_, max(1, min(jobs, len(open_))))
        found = joblib.Parallel(n_jobs=len(parts))(joblib.delayed(_ranges)(graph, part) for part in parts)
        ends = np.tile(graph.rho, (2, 1))
        ends[:, open_] = np.concatenate(found, axis=1)
        out = np.zeros((2, stops.size))
        out[:, problem.stop_index] = ends
        return out[0], out[1]

    @cached_property
    def _graph(self) -> SplitGraph:
        return SplitGraph.of(self.result)

    def __str__(self) -> str:
        low, high = self.movement_range
        if self.kind == "threshold":
            return (
                f"threshold tie: tau = {self.result.tau:.12g} is critical, K may be anything from {low:.6g} to "
                f"{high:.6g}; a lazy step takes the least, an eager one the greatest"
            )
        near = "no tau is critical" if self.tie_margin == np.inf else f"the next critical tau is {self.tie_margin:.2g}"
        far = near if self.tie_margin == np.inf else f"{near} tau away"
        if self.kind == "plan":
            return f"plan tie: K = {low:.6g} for every minimiser, but rho is not unique; {far}"
        return f"rho is the only minimiser; {far}"


@dataclass(frozen=True)
class SplitGraph:
    """The optimal plans as flows: sources, stops (entered), stops (left), targets, in this order of nodes.

    Attributes
    ----------
    tail, head, flow : of the tight arcs. supply, pi : of the nodes.
    through : (k,) the arc that crosses each distinct stop, -1 where no tight arc leads.
    loose : (k,) bool, stops whose mass differs between minimisers. rho : (k,) mass of this flow.
    """

    tail: Ints
    head: Ints
    flow: Floats
    supply: Floats
    pi: Floats
    through: Ints
    loose: np.ndarray
    rho: Floats

    @classmethod
    def of(cls, result: StepResult) -> SplitGraph:
        """Build it from a certified result."""
        problem = result.problem
        ties.check_size(problem, "the tie report", "compare a lazy and an eager step")
        face = ties.optimal_face(problem, as_proposal(result))
        n, k = len(problem.a), problem.stop_count
        into = face.tail < n
        stop = np.where(into, face.head, face.tail) - n
        rho = np.bincount(stop[into], face.flow[into], k).astype(np.float64)
        reached = np.unique(stop)
        tail = np.concatenate([np.where(into, face.tail, face.tail + k), n + reached])
        head = np.concatenate([np.where(into, face.head, face.head + k), n + k + reached])
        flow = np.concatenate([face.flow, rho[reached]])
        through = np.full(k, -1)
        through[reached] = len(face.tail) + np.arange(len(reached))
        supply = np.concatenate([problem.a, np.zeros(2 * k), -problem.b])
        pi = np.concatenate([face.pi[: n + k], face.pi[n:]])
        free = changeable(tail, head, flow, len(supply), STRAY * problem.source.mass)
        loose = np.zeros(k, dtype=np.bool_)
        loose[reached] = free[len(face.tail) :]
        return cls(tail, head, flow, supply, pi, through, loose, rho)


def turning(result: StepResult, near: float) -> Floats:
    """Step sizes near the step's at which an arc outside its basis turns tight; see `ties.turning`."""
    found = ties.turning(result.problem, as_proposal(result), near)
    return found[np.abs(found / result.tau - 1) <= near]


def changeable(tail: Ints, head: Ints, flow: Floats, n: int, speck: float) -> np.ndarray:
    """Whether the flow on each arc can be changed, keeping it >= 0 and its divergence.

    Parameters
    ----------
    tail, head : of the arcs. flow : on them; up to `speck` it counts as nothing. n : number of nodes.
    """
    used = flow > speck
    rows, cols = np.concatenate([tail, head[used]]), np.concatenate([head, tail[used]])
    residual = coo_array((np.ones(len(rows)), (rows, cols)), shape=(n, n))
    part = connected_components(residual.tocsr(), directed=True, connection="strong")[1]
    inside = np.flatnonzero(part[tail] == part[head])
    mark = np.zeros(len(inside), dtype=np.bool_)
    tree.on_cycles(tail[inside], head[inside], n, mark)
    out = np.zeros(len(tail), dtype=np.bool_)
    out[inside] = mark
    return out


def as_proposal(result: StepResult) -> Proposal:
    """Return the plan and the potential of a certified result as a solver would propose them."""
    problem, plan = result.problem, result.plan
    i, j = np.searchsorted(problem.x, plan.source), np.searchsorted(problem.y, plan.target)
    stop = plan.stop if problem.stop_index is None else np.searchsorted(problem.stop_index, plan.stop)
    return Proposal(i, j, plan.mass, result.potentials.psi, stop)


def _ranges(graph: SplitGraph, stops: Ints) -> Floats:
    """(2, len(stops)) least and greatest flow through the stops."""
    face = Face(graph.tail, graph.head, graph.flow, graph.supply, graph.pi)
    out = np.empty((2, len(stops)))
    for at, stop in enumerate(stops):
        cost = np.zeros(len(graph.tail))
        arc = graph.through[stop]
        for row, sign in enumerate((1.0, -1.0)):
            cost[arc] = sign
            out[row, at] = face.minimise(cost)[arc]
    return out
