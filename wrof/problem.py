"""The mathematics of one step, free of any algorithm.

rho in argmin K(mu, rho) / 2 tau + F(rho, nu), with K(mu, rho) = min sum mass |x - z|^p over couplings of mu
and rho, F(rho, nu) = min sum mass |z - y|^alpha over couplings of rho and nu (Davies 2023; Milne & Nachman,
SIAM J. Math. Anal. 56(1), 2024). A coupling of mu and nu together with a stop z for every pair describes both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .cost import FreeJoint, JointCost, joint_cost
from .errors import WrofError
from .measure import FREE, Floats, Grid, Ints, Measure, PointCloud, Stops, positive_number


def resolve_alpha(alpha: Any, tau: float) -> float:
    """Return the exponent of the discrepancy: a number > 0, or 1 + tau for "1+tau"."""
    if isinstance(alpha, str):
        if alpha.replace(" ", "") != "1+tau":
            raise WrofError(f"alpha must be a number > 0 or '1+tau', got {alpha!r}.")
        return 1.0 + tau
    return positive_number(alpha, "alpha")


def resolve_stops(mu: Measure, nu: Measure, stops: Any) -> Stops:
    """Return where mass may rest.

    None: the space both measures share, with all its points; otherwise the union of their supports.
    """
    if stops is None:
        if mu.space == nu.space:
            return mu.space
        both = np.concatenate([mu.points[mu.support], nu.points[nu.support]])
        return PointCloud(np.unique(both, axis=0))
    if stops is not FREE and not isinstance(stops, Grid | PointCloud):
        if isinstance(stops, str | Measure):
            raise WrofError(f"stops must be a Grid, a PointCloud, (k, d) points or wrof.FREE, got {stops!r}.")
        stops = PointCloud(stops, name="stops")
    if isinstance(stops, Grid | PointCloud) and stops.dim != mu.space.dim:
        raise WrofError(f"stops live in dimension {stops.dim}, the measures in {mu.space.dim}.")
    return stops  # type: ignore[no-any-return]


def matched(weights: Floats, mass: float, wanted: float) -> Floats:
    """Weights of total `mass` scaled to the `wanted` total, unless the two differ by rounding only."""
    return weights if abs(mass - wanted) <= 1e-13 * wanted else weights * (wanted / mass)


def cost_across(x: Floats, y: Floats, q: float, exponent: str) -> float:
    """D^q for the diagonal D of the box that holds both sets of points; refuse what floating point cannot hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        sides = np.ptp(np.concatenate([x, y]), axis=0)
        longest = float(np.max(sides))
        across = longest * float(np.sqrt(((sides / longest) ** 2).sum())) if longest > 0 else 0.0
        power = float(np.float64(across) ** q)
    if not (across == 0 or 1e-150 < across < 1e150):
        fails = "overflow" if longest > 1 else "underflow"
        raise WrofError(f"lengths up to {longest:.3g} {fails}; rescale the lengths to between 1e-150 and 1e150.")
    if across > 0 and power == 0:
        raise WrofError(f"lengths up to {across:.3g} to the power {exponent} underflow to 0; rescale the lengths.")
    return power


@dataclass(frozen=True)
class StepProblem:
    """One step from `source` towards `target`; alpha is already a number, stops already a space."""

    source: Measure
    target: Measure
    tau: float
    alpha: float
    p: float
    stops: Stops

    @classmethod
    def build(cls, mu: Measure, nu: Measure, tau: Any, *, alpha: Any, p: Any, stops: Any) -> StepProblem:
        """Validate the numbers and resolve alpha and stops."""
        tau = positive_number(tau, "tau")
        if not 1e-300 <= tau <= 1e300:
            size = "small" if tau < 1 else "large"
            raise WrofError(f"tau = {tau:g} is too {size}: it must be between 1e-300 and 1e300.")
        alpha, p = resolve_alpha(alpha, tau), positive_number(p, "p")
        problem = cls(mu, nu, tau, alpha, p, resolve_stops(mu, nu, stops))
        _ = problem.reach  # refuses lengths whose powers are beyond floating point
        return problem

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "cost"}  # rebuilt when asked for

    @property
    def x(self) -> Ints:
        """Indices of the source points that carry mass; `a` their masses."""
        return self.source.support

    @property
    def y(self) -> Ints:
        """Indices of the target points that carry mass; `b` their masses."""
        return self.target.support

    @cached_property
    def a(self) -> Floats:
        """Masses on the source support."""
        return self.source.weights[self.x]

    @cached_property
    def b(self) -> Floats:
        """Masses on the target support, in proportion scaled to the source's total where the two differ.

        They may differ by 1e-9 relative; the difference shows in a result's `infeasibility`.
        """
        return matched(self.target.weights[self.y], self.target.mass, self.source.mass)

    @cached_property
    def stop_index(self) -> Ints | None:
        """Indices of the distinct stops (the first of coinciding points); None for FREE."""
        if isinstance(self.stops, PointCloud):
            points = self.stops.points
            flat = points[:, 0] if points.shape[1] == 1 else points
            return np.sort(np.unique(flat, axis=0, return_index=True)[1]).astype(np.int64)
        return np.arange(self.stops.size) if isinstance(self.stops, Grid) else None

    @cached_property
    def stop_points(self) -> Floats | None:
        """(k, d) the distinct stops; None for FREE."""
        if isinstance(self.stops, Grid):
            return self.stops.points
        return self.stops.points[self.stop_index] if isinstance(self.stops, PointCloud) else None

    @property
    def stop_count(self) -> int:
        """Number of distinct stops; 0 for FREE."""
        return 0 if self.stop_points is None else len(self.stop_points)

    @property
    def convex_line(self) -> bool:
        """On a line with p, alpha >= 1 the joint cost is Monge: the monotone coupling is optimal."""
        return self.source.space.dim == 1 and self.p >= 1 and self.alpha >= 1

    @cached_property
    def reach(self) -> float:
        """Joint cost across the box that holds both supports: the size of the costs a solver meets."""
        x, y = self.source.points[self.x], self.target.points[self.y]
        move, disc = (
            cost_across(x, y, self.p, f"p = {self.p:g}"),
            cost_across(x, y, self.alpha, f"alpha = {self.alpha:g}"),
        )
        return min(move / (2 * self.tau), disc)

    @cached_property
    def cost(self) -> JointCost | FreeJoint:
        """The joint cost between the two supports."""
        return joint_cost(
            self.source.space,
            self.x,
            self.target.space,
            self.y,
            self.stops,
            self.stop_points,
            1 / (2 * self.tau),
            self.p,
            self.alpha,
        )
