"""The 2 tau-graph: hops that can pay. Mass never leaves a component of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from ..cost import euclid
from ..errors import WrofError
from ..measure import FREE, Floats, Grid, Ints, Measure, PointCloud, measures
from ..problem import StepProblem, resolve_stops

MAX_PAIRS = 4e8  # pairs of stops that are looked at one by one: seconds
BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class HopGraph:
    """Components of the graph whose edges join stops x, z with |x - z|^p < 2 tau |x - z|^alpha.

    Attributes
    ----------
    stops : Grid or PointCloud. tau, alpha, p : the step.
    component : (k,) int, the component of every stop, 0, 1, ...
    edges : (k - count, 2) int, a spanning forest of it.
    source_mass : (count,) mass of mu in each component, which stays there. target_mass : (count,) mass of nu; what nu
        has off the stops is in none.
    """

    stops: Grid | PointCloud
    tau: float
    alpha: float
    p: float
    component: Ints
    edges: Ints
    source_mass: Floats
    target_mass: Floats

    @property
    def count(self) -> int:
        """Number of components."""
        return len(self.source_mass)

    @property
    def locked(self) -> float:
        """Mass that can never arrive: what a component has more of in mu than in nu."""
        return float(np.maximum(self.source_mass - self.target_mass, 0).sum())

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays to store and to draw from."""
        names = ("tau", "alpha", "p", "component", "edges", "source_mass", "target_mass")
        out = {name: np.asarray(getattr(self, name)) for name in names} | {"points": self.stops.points}
        return {**out, "shape": np.array(self.stops.shape)} if isinstance(self.stops, Grid) else out


def hop_graph(
    mu: Any, nu: Any, tau: float, *, alpha: float = 1.0, p: float = 2.0, stops: Any = None, **where: Any
) -> HopGraph:
    """Which stops mass can ever hop between, whatever it is bound for: the 2 tau-graph.

    A hop from a stop x to z costs |x - z|^p / 2 tau and, for alpha <= 1, gains at most |x - z|^alpha (alpha <= 1 makes
    it a metric). So under lazy steps no mass leaves a component of the graph of the hops with
    |x - z|^p < 2 tau |x - z|^alpha; for p = 2, alpha = 1 those shorter than 2 tau. Mass may stay inside a component
    too: the graph says what cannot happen.

    Parameters
    ----------
    mu, nu, tau, p, stops : as in `step`; the stops a Grid or a PointCloud that contains the support of mu.
    alpha : float in (0, 1].

    Returns
    -------
    HopGraph

    Raises
    ------
    WrofError
        For bad input, alpha > 1, FREE stops, mass of mu off the stops, or too many stops (p < alpha, where it is the
        long hops that pay, looks at all pairs).

    Examples
    --------
    >>> import wrof
    >>> wrof.hop_graph(tau=0.6, **wrof.toys.gap(1.0, 2.0)).locked
    0.5
    """
    source, target = measures(mu, nu, ("tau", "alpha", "p", "stops"), **where)
    space = resolve_stops(source, target, stops)
    if space is FREE:
        raise WrofError("the 2 tau-graph joins finitely many stops, these are FREE; give a Grid or a PointCloud.")
    problem = StepProblem.build(source, target, tau, alpha=alpha, p=p, stops=space)
    reason = no_graph(problem)
    if reason is not None:
        raise WrofError(reason)
    return of_problem(problem)


def no_graph(problem: StepProblem) -> str | None:
    """Why the 2 tau-graph says nothing about a problem over finitely many stops; None if it does."""
    if problem.alpha > 1:
        return f"the 2 tau-graph needs alpha <= 1, got {problem.alpha:g}: above, a short hop can gain any amount."
    if (on_stops(problem, problem.source, problem.x) < 0).any():
        return "the 2 tau-graph needs mu on the stops; give stops that contain its support."
    k = problem.stop_count
    local = problem.p > problem.alpha or (problem.p == problem.alpha and isinstance(problem.stops, Grid))
    if not local and float(k) ** 2 > MAX_PAIRS:
        return f"the 2 tau-graph of {k} stops looks at {float(k) ** 2:.1e} pairs where p <= alpha; take fewer stops."
    return None


def of_problem(problem: StepProblem) -> HopGraph:
    """Build the graph of a problem that has one."""
    stops = problem.stops
    assert isinstance(stops, Grid | PointCloud) and problem.stop_index is not None
    count, label, edges = _components(problem)
    masses = []
    for measure, support, mass in ((problem.source, problem.x, problem.a), (problem.target, problem.y, problem.b)):
        at = on_stops(problem, measure, support)
        masses.append(np.bincount(label[at[at >= 0]], mass[at >= 0], count).astype(np.float64))
    every = label[_distinct_of(problem)]
    return HopGraph(
        stops, problem.tau, problem.alpha, problem.p, every, problem.stop_index[edges], masses[0], masses[1]
    )


def on_stops(problem: StepProblem, measure: Measure, support: Ints) -> Ints:
    """Position among the distinct stops of each point of a support; -1 off the stops."""
    if measure.space == problem.stops and isinstance(problem.stops, Grid):
        return support
    places = problem.stop_points
    assert places is not None
    both = np.concatenate([places, measure.points[support]])
    _, which = np.unique(both, axis=0, return_inverse=True)
    which = which.ravel()
    home = np.full(which.max() + 1, -1)
    home[which[: len(places)]] = np.arange(len(places))
    return np.asarray(home[which[len(places) :]])


def _distinct_of(problem: StepProblem) -> Ints:
    """Position of the distinct stop that each stop is."""
    if isinstance(problem.stops, Grid):
        return np.arange(problem.stop_count)
    assert isinstance(problem.stops, PointCloud)
    every = Measure(problem.stops, np.ones(problem.stops.size))
    return on_stops(problem, every, np.arange(problem.stops.size))


def _components(problem: StepProblem) -> tuple[int, Ints, Ints]:
    """Count of components, label of every distinct stop, and a spanning forest."""
    places = problem.stop_points
    assert places is not None
    pairs = _pairs(problem, places)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places))).tocsr()
    count, label = connected_components(graph, directed=False)
    forest = []
    for root in np.unique(label, return_index=True)[1]:
        order, before = breadth_first_order(graph, root, directed=False)
        forest.append(np.stack([before[order[1:]], order[1:]], axis=1))
    return int(count), label.astype(np.int64), np.concatenate(forest).astype(np.int64)


def _pairs(problem: StepProblem, places: Floats) -> Ints:
    """Pairs of stops whose hop can pay, enough of them to connect what is connected."""
    tau, alpha, p = problem.tau, problem.alpha, problem.p
    if isinstance(problem.stops, Grid) and p >= alpha:
        return _grid_pairs(problem.stops, tau, alpha, p)
    if p > alpha:
        from scipy.spatial import cKDTree  # late: only here

        reach = float((2 * tau) ** (1 / (p - alpha)))
        tree = cKDTree(places)
        if tree.count_neighbors(tree, reach) > MAX_PAIRS:
            raise WrofError(
                f"the 2 tau-graph of {len(places)} stops has more than {MAX_PAIRS / 2:.0e} edges; take a smaller tau."
            )
        near = np.asarray(tree.query_pairs(reach * (1 + 1e-12), output_type="ndarray"), dtype=np.int64)
        pays = _pays(euclid(places[near[:, 0]] - places[near[:, 1]]), tau, alpha, p)
        return np.ascontiguousarray(near[pays])
    found = []
    step = max(1, BLOCK // len(places))
    for lo in range(0, len(places), step):
        some = places[lo : lo + step]
        r = np.sqrt(((some[:, None] - places[None]) ** 2).sum(axis=2))
        i, j = np.nonzero((r > 0) & _pays(r, tau, alpha, p))
        found.append(np.stack([i + lo, j], axis=1))
    return np.concatenate(found)


def _pays(r: Floats, tau: float, alpha: float, p: float) -> np.ndarray:
    return np.asarray(r**p < 2 * tau * r**alpha, dtype=np.bool_)


def _grid_pairs(grid: Grid, tau: float, alpha: float, p: float) -> Ints:
    """Neighbours along each axis: where a longer hop pays, so do the shorter ones it can be made of."""
    index = np.arange(grid.size).reshape(grid.shape)
    found = [np.empty((0, 2), dtype=np.int64)]
    for axis, h in enumerate(grid.spacing):
        if grid.shape[axis] > 1 and bool(_pays(np.array(h), tau, alpha, p)):
            lines = np.moveaxis(index, axis, 0)
            found.append(np.stack([lines[:-1].ravel(), lines[1:].ravel()], axis=1))
    return np.concatenate(found)
