"""The line: for p >= 1 and alpha >= 1 the monotone coupling is optimal, whatever the stops.

The joint cost is a min-plus product of Monge matrices, hence Monge (Hoffman 1963): the north-west corner
rule on sorted points is optimal and its staircase carries feasible potentials. O(n) after sorting.
"""

from __future__ import annotations

import numpy as np

from .._kernels import line
from ..measure import Floats, Ints
from ..problem import StepProblem
from ..result import Proposal, Start


def staircase(x: Floats, a: Floats, y: Floats, b: Floats) -> tuple[Ints, Ints, Floats]:
    """Return the n + m - 1 cells (i, j, mass) of the monotone coupling, zero masses included, in order."""
    sx, sy = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    cells = len(a) + len(b) - 1
    i, j, mass = np.empty(cells, np.int64), np.empty(cells, np.int64), np.empty(cells)
    line.northwest(a[sx], b[sy], i, j, mass)
    return sx[i], sy[j], mass


def staircase_potentials(i: Ints, j: Ints, cost: Floats, n: int, m: int) -> tuple[Floats, Floats]:
    """Potentials with phi_i + psi_j = cost along a staircase; feasible if the cost is Monge."""
    phi, psi = np.empty(n), np.empty(m)
    line.staircase_potential(i, j, cost, phi, psi)
    return phi, psi


class Monotone:
    """Any stops on a line, p >= 1 and alpha >= 1; its plan is already lazy or eager."""

    selects: tuple[str, ...] = ("lazy", "eager", "vertex")
    follows = False

    def refuses(self, problem: StepProblem) -> str | None:
        """Not on a line, or an exponent below 1: the monotone coupling is then not optimal."""
        if problem.source.space.dim != 1:
            return (
                f"'monotone' needs points on a line, these are in dimension {problem.source.space.dim}; use 'simplex'."
            )
        if not problem.convex_line:
            given = f"p = {problem.p:g}, alpha = {problem.alpha:g}"
            return f"'monotone' needs p >= 1 and alpha >= 1, got {given}; use 'simplex'."
        return None

    def propose(
        self, problem: StepProblem, *, farthest: bool, start: Start | None, max_iter: int | None, slack: float = 0.0
    ) -> Proposal:
        """Return the staircase, its stops and its potential."""
        x, y = problem.source.points[problem.x, 0], problem.target.points[problem.y, 0]
        i, j, mass = staircase(x, problem.a, y, problem.b)
        cost, stop = problem.cost.stops(i, j, farthest)
        potential = staircase_potentials(i, j, cost, len(x), len(y))[1]
        return Proposal(i, j, mass, potential, stop)
