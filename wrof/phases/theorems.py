"""How a lazy flow will end, told from the geometry alone, where a theorem allows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ..cost import joint_cost
from ..errors import WrofError
from ..measure import FREE, Grid, Ints, PointCloud, measures
from ..problem import StepProblem, resolve_stops
from ..solvers.monotone import staircase
from .graph import no_graph, of_problem, on_stops

REGIMES = frozenset({"frozen", "target", "steady"})
MAX_TRIPLES = 500  # points whose triples are looked at: a second
MAX_PAIRS = 2e7  # atoms times stops that a step is looked up for one by one: a second
MATCHED = 1e-9  # masses may differ by so much, so less than it cannot be called locked
SLACK = 1e-12  # a triangle that is flat up to rounding still satisfies its inequality


@dataclass(frozen=True)
class Prediction:
    """What theorems say of the lazy flow with constant tau, run until it settles.

    Attributes
    ----------
    regimes : the regimes that are still possible, of "frozen", "target" and "steady" (those of `Flow.regime`).
    settled_at : the step from which rho stays, if it is known. settled_by : an upper bound of it, if one is known.
    theorems : sentences, the theorems that were used; none if nothing is known.
    """

    regimes: frozenset[str]
    settled_at: int | None
    settled_by: int | None
    theorems: tuple[str, ...]

    @property
    def regime(self) -> str | None:
        """The regime, if only one is possible."""
        return next(iter(self.regimes)) if len(self.regimes) == 1 else None


class _Law(NamedTuple):
    """What one theorem says."""

    sentence: str
    regimes: frozenset[str] = REGIMES
    settled_at: int | None = None
    settled_by: int | None = None


def predict(
    mu: Any, nu: Any, tau: float, *, alpha: float | str = 1.0, p: float = 2.0, stops: Any = None, **where: Any
) -> Prediction:
    """Tell the regime of the lazy flow from the geometry, without solving, and say by which theorem.

    - mu = nu: nothing is left to do.
    - Two points: mass moves iff r^p / 2 tau < r^alpha.
    - nu at one point: F(., nu) is linear, so every atom goes its own way (three points on a line is a case).
    - A line, p >= 1, alpha >= 1: the monotone coupling is optimal and stays, so each of its atoms goes its own way. On
      a uniform grid with p = 2, alpha = 1 by round(tau / h) cells a step, frozen iff tau <= h / 2.
    - |x - z|^p obeys the triangle inequality on supp mu and the stops (always for p <= 1; for p = 2 iff no triple has
      an obtuse angle; looked at up to 500 stops): one step is idempotent, whatever F is.
    - alpha <= 1: no mass leaves a component of the 2 tau-graph, nor crosses a gap wider than its longest useful hop.

    Parameters
    ----------
    mu, nu, tau, alpha, p, stops : as in `step`; finite stops that contain the support of mu.

    Returns
    -------
    Prediction

    Raises
    ------
    WrofError
        For bad input, and stops that are FREE or do not contain the support of mu.

    Examples
    --------
    >>> import wrof
    >>> wrof.predict(tau=0.6, **wrof.toys.three_point(1.0, 1.0)).settled_at
    2
    """
    problem = _ask(mu, nu, tau, alpha, p, stops, **where)
    same = _same(problem)
    every = [same] if same else [_two_points(problem), _own_way(problem), _metric(problem), *_graph(problem)]
    laws = [law for law in every if law is not None]
    regimes = REGIMES.intersection(*(law.regimes for law in laws)) if laws else REGIMES
    exact = [law.settled_at for law in laws if law.settled_at is not None]
    if regimes == {"frozen"}:
        exact.append(0)
    bounds = exact + [law.settled_by for law in laws if law.settled_by is not None]
    return Prediction(regimes, min(exact, default=None), min(bounds, default=None), tuple(law.sentence for law in laws))


def _ask(mu: Any, nu: Any, tau: Any, alpha: Any, p: Any, stops: Any, **where: Any) -> StepProblem:
    source, target = measures(mu, nu, ("tau", "alpha", "p", "stops"), **where)
    space = resolve_stops(source, target, stops)
    if space is FREE:
        raise WrofError("predict needs finitely many stops, these are FREE; give a Grid or a PointCloud.")
    problem = StepProblem.build(source, target, tau, alpha=alpha, p=p, stops=space)
    if (on_stops(problem, source, problem.x) < 0).any():
        raise WrofError("predict needs mu on the stops; give stops that contain its support.")
    return problem


def _same(problem: StepProblem) -> _Law | None:
    """mu = nu."""
    at = on_stops(problem, problem.target, problem.y)
    if (at < 0).any():
        return None
    excess = np.bincount(on_stops(problem, problem.source, problem.x), problem.a, problem.stop_count)
    excess = excess - np.bincount(at, problem.b, problem.stop_count)
    if np.abs(excess).sum() > SLACK * problem.source.mass:
        return None
    return _Law("mu = nu: J(mu) = 0", frozenset({"target"}), 0, 0)


def _two_points(problem: StepProblem) -> _Law | None:
    """Two stops that hold mu and nu: K = |rho - mu| r^p and F = |rho - nu| r^alpha are linear on the way to nu."""
    places = problem.stop_points
    assert places is not None
    if len(places) != 2 or (on_stops(problem, problem.target, problem.y) < 0).any():
        return None
    r = float(np.linalg.norm(places[1] - places[0]))
    moves = r**problem.p < 2 * problem.tau * r**problem.alpha * (1 - SLACK)
    return _Law(
        "two points: mass moves iff r^p / 2 tau < r^alpha, and then all that has to",
        frozenset({"target" if moves else "frozen"}),
        int(moves),
        int(moves),
    )


# ---- atoms that go their own way ----


def _own_way(problem: StepProblem) -> _Law | None:
    """Follow atoms that do not depend on each other until they rest."""
    if len(problem.b) == 1 and (problem.convex_line or float(len(problem.a)) * problem.stop_count <= MAX_PAIRS):
        pairs = np.arange(len(problem.a)), np.zeros(len(problem.a), dtype=np.int64)
        sentence = _dirac_name(problem)
    elif problem.convex_line:
        x, y = problem.source.points[problem.x, 0], problem.target.points[problem.y, 0]
        i, j, mass = staircase(x, problem.a, y, problem.b)
        order = np.argsort(mass)  # rounding leaves slivers, which a flow does not wait for
        heavy = order[np.cumsum(mass[order]) > SLACK * problem.source.mass]
        pairs = i[heavy], j[heavy]
        sentence = "a line, p >= 1, alpha >= 1: each atom of the monotone coupling goes its own way"
        if isinstance(problem.stops, Grid) and problem.p == 2 and problem.alpha == 1:
            sentence = "uniform line, p = 2, alpha = 1: each atom of the monotone coupling walks round(tau / h) cells"
    else:
        return None
    count, moved, arrived = _walk(problem, *pairs)
    regime = "target" if arrived else "steady" if moved else "frozen"
    return _Law(sentence, frozenset({regime}), count, count)


def _dirac_name(problem: StepProblem) -> str:
    places, ends = problem.stop_points, len(problem.a)
    assert places is not None
    if ends == 1 and len(places) == 3 and places.shape[1] == 1:
        return "three points on a line: the atom goes to the middle, to the end, or stays"
    return "nu at one point: F is linear and each atom goes its own way"


def _walk(problem: StepProblem, i: Ints, j: Ints) -> tuple[int, bool, bool]:
    """Count the steps until all atoms rest; tell whether any moved, and whether all are where they are bound for."""
    stops, places = problem.stops, problem.stop_points
    assert isinstance(stops, Grid | PointCloud) and places is not None and problem.stop_index is not None
    here = on_stops(problem, problem.source, problem.x)[i]
    cost = joint_cost(
        stops,
        problem.stop_index,
        problem.target.space,
        problem.y,
        stops,
        places,
        1 / (2 * problem.tau),
        problem.p,
        problem.alpha,
    )
    count = 0
    while True:
        pairs, back = np.unique(np.stack([here, j]), axis=1, return_inverse=True)
        there = np.asarray(cost.stops(pairs[0], pairs[1])[1], dtype=np.int64)[back.ravel()]
        if np.array_equal(there, here):
            break
        here, count = there, count + 1
    bound = problem.target.points[problem.y[j]]
    return count, count > 0, bool(np.array_equal(places[here], bound))


# ---- movement costs that are metrics ----


def _metric(problem: StepProblem) -> _Law | None:
    if problem.p <= 1:
        return _Law("metric movement cost, p <= 1: one step is idempotent", settled_by=1)
    places = problem.stop_points
    assert places is not None
    if len(places) > MAX_TRIPLES:
        return None
    cost = cdist(places, places) ** problem.p
    for z in range(len(places)):
        if (cost > (cost[:, z, None] + cost[z]) * (1 + SLACK)).any():
            return None
    what = "no obtuse triangle among the stops" if problem.p == 2 else "|x - z|^p obeys the triangle inequality"
    return _Law(f"metric movement cost, {what}: one step is idempotent", settled_by=1)


# ---- the 2 tau-graph ----


def _graph(problem: StepProblem) -> list[_Law]:
    """Say what the 2 tau-graph forbids."""
    if no_graph(problem) is not None:
        return []
    graph = of_problem(problem)
    size = np.bincount(graph.component)
    at = graph.component[problem.stop_index][on_stops(problem, problem.source, problem.x)]
    if (size[at] == 1).all():
        return [_Law("2 tau-graph: no hop from the support of mu pays", frozenset({"frozen"}), 0, 0)]
    if not graph.locked > MATCHED * problem.source.mass:
        return []
    said = f"2 tau-graph: of its {graph.count} components some weigh more in mu than in nu, by {graph.locked:.3g}"
    if problem.p > problem.alpha:
        widest = (2 * problem.tau) ** (1 / (problem.p - problem.alpha))
        said += f"; gaps of {widest:.3g} or more between clusters are never crossed"
    return [_Law(said, frozenset({"frozen", "steady"}))]
