"""V(s) = min J at s = 1 / 2 tau of a problem, evaluated by certified steps, and the lines it begins and ends with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..chords import SAME, Line, Touch
from ..cost import JointCost
from ..errors import WrofError
from ..measure import FREE, Floats, Grid, Measure, PointCloud, measures
from ..minimisers import turning
from ..problem import StepProblem, resolve_stops
from ..solvers import choose
from ..step import solve, touch
from ..transport import distance_power

OPTIONS = ("alpha", "p", "stops", "solver")
NEAR = 1e-8  # how far from a crossing of lines its arc may turn tight, relative to tau
MOST_ARCS = 1e8  # beyond, the crossing of the lines is left as it is: finding the arc takes as long as a step


def ask(mu: Any, nu: Any, alpha: Any, p: Any, stops: Any, known: tuple[str, ...], **where: Any) -> StepProblem:
    """Build the problem at tau = 1, over finitely many stops."""
    source, target = measures(mu, nu, known, **where)
    space = resolve_stops(source, target, stops)
    if space is FREE:
        raise WrofError("critical tau are found on finitely many stops, these are FREE; give a Grid or a PointCloud.")
    return StepProblem.build(source, target, 1.0, alpha=alpha, p=p, stops=space)


class Curve:
    """V of a problem over finitely many stops, alpha fixed; every s is solved once.

    Attributes
    ----------
    worst_gap : the largest gap, in the unit of J, of all that was solved. count : how many steps that were.
    """

    def __init__(self, problem: StepProblem, solver: str) -> None:
        choose(problem, solver)
        self.problem, self.solver = problem, solver
        self.worst_gap, self.count = 0.0, 0
        self._known: dict[float, Touch] = {}

    def __call__(self, s: float) -> Touch:
        """V at s, its lines owned by their rho."""
        if s not in self._known:
            found = touch(solve(replace(self.problem, tau=1 / (2 * s)), solver=self.solver))
            self.count += 1
            self.worst_gap = max(self.worst_gap, found.noise)
            lazy, eager = (line._replace(owner=line.owner.rho) for line in (found.lazy, found.eager))
            self._known[s] = found._replace(s=s, lazy=lazy, eager=eager)
        return self._known[s]

    def tau_between(self, steep: Line, flat: Line, proven: bool = True) -> float:
        """Step size at which two lines K s + F, s = 1 / 2 tau, cross.

        Differences of K and of F lose digits where little mass changes its way. Where the crossing is proven, an arc of
        the basis there turns tight, and gives tau to rounding, whatever it carries.
        """
        tau = (steep.slope - flat.slope) / (flat.offset - steep.offset) / 2
        pairs = float(self.problem.stop_count) * (len(self.problem.a) + len(self.problem.b))
        if not proven or pairs > MOST_ARCS:
            return tau
        found = turning(solve(replace(self.problem, tau=tau), solver=self.solver), NEAR)
        return tau if not len(found) else float(found[np.argmin(np.abs(found / tau - 1))])

    @property
    def least(self) -> tuple[float, float]:
        """Least K, every x at its nearest stop, and least F, every y served from its nearest stop."""
        problem, cost = self.problem, self.problem.cost
        assert isinstance(cost, JointCost)
        free = np.zeros(problem.stop_count)
        least_k = float(problem.a @ cost.move.c_transform(free)) * 2 * problem.tau
        return least_k, float(problem.b @ cost.disc.c_transform_back(free))

    def last(self) -> Line:
        """Return the line at s -> infinity: K is least, and F least among those."""
        problem = self.problem
        rho = self._settled(problem.source.points[problem.x], problem.a)
        least_k = self.least[0]
        if rho is not None:
            return Line(least_k, distance_power(rho, problem.target, problem.alpha), rho)
        return self._far(lambda at: (at.lazy.slope - least_k) * at.s <= SAME * at.scale, 4.0).lazy

    def first(self) -> Line:
        """Return the line at s -> 0: F is least, and K least among those."""
        problem = self.problem
        rho = self._settled(problem.target.points[problem.y], problem.b)
        least_f = self.least[1]
        if rho is not None:
            return Line(distance_power(problem.source, rho, problem.p), least_f, rho)
        return self._far(lambda at: at.eager.offset - least_f <= SAME * at.scale, 0.25).eager

    def _far(self, done: Any, factor: float) -> Touch:
        """V at the first s of a geometric sequence that lies in the last piece."""
        at = self(1.0)
        while not done(at):
            at = self(at.s * factor)
        return at

    def _settled(self, points: Floats, masses: Floats) -> Measure | None:
        """Return the measure with every atom at its nearest stop; None if two stops are equally near to one."""
        from scipy.spatial import cKDTree  # late: only here

        stops = self.problem.stops
        assert isinstance(stops, Grid | PointCloud) and self.problem.stop_index is not None
        places = self.problem.stop_points
        assert places is not None
        count = min(2, len(places))
        distance, which = cKDTree(places).query(points, k=count)
        distance, which = distance.reshape(-1, count), which.reshape(-1, count)
        if count == 2 and bool(np.any(distance[:, 1] - distance[:, 0] <= SAME * distance[:, 1])):
            return None
        weights = np.bincount(self.problem.stop_index[which[:, 0]], masses, stops.size)
        return Measure.left_behind(stops, weights.astype(np.float64))
