"""The step as it is stated: a linear program with two plans that share rho, solved by HiGHS.

min sum g1(x, z) |x - z|^p / 2 tau + sum g2(z, y) |z - y|^alpha over g1, g2 >= 0 with marginals mu and nu and
sum_x g1(x, z) = sum_y g2(z, y) at every stop (Davies 2023). (n + m) |stops| unknowns: a reference.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..cost import JointCost
from ..errors import WrofError
from ..problem import StepProblem
from ..result import Proposal, Start, glue
from .monotone import staircase

MAX_UNKNOWNS = 2_000_000


class LP:
    """Any finite stops, small sizes; returns both plans in `stats`."""

    selects: tuple[str, ...] = ("vertex",)
    follows = False

    def refuses(self, problem: StepProblem) -> str | None:
        """Free stops, or more unknowns than HiGHS can be expected to take."""
        if problem.stop_points is None:
            return "'lp' needs finitely many stops, these are FREE; use 'simplex'."
        unknowns = (len(problem.a) + len(problem.b)) * len(problem.stop_points)
        if unknowns > MAX_UNKNOWNS:
            return f"'lp' would have {unknowns} unknowns, more than {MAX_UNKNOWNS}; use 'simplex'."
        return None

    def propose(
        self, problem: StepProblem, *, farthest: bool, start: Start | None, max_iter: int | None, slack: float = 0.0
    ) -> Proposal:
        """Both plans, joined at the stops; masses are scaled to mean 1 for HiGHS's absolute tolerances."""
        from scipy.optimize import linprog

        assert isinstance(problem.cost, JointCost)
        n, m, k = len(problem.a), len(problem.b), problem.cost.disc.shape[0]
        unit = problem.source.mass / max(n, m)
        into = sp.kron(sp.eye_array(n), np.ones((1, k)))
        out = sp.kron(np.ones((1, k)), sp.eye_array(m))
        through = [sp.kron(np.ones((1, n)), sp.eye_array(k)), -sp.kron(sp.eye_array(k), np.ones((1, m)))]
        rows = sp.block_array([[into, None], [None, out], through], format="csr")
        cost = np.concatenate([problem.cost.move.dense().ravel(), problem.cost.disc.dense().ravel()])
        span = float(np.max(cost)) or 1.0
        answer = linprog(
            cost / span,
            A_eq=rows,
            b_eq=np.concatenate([problem.a / unit, problem.b / unit, np.zeros(k)]),
            method="highs",
            options={
                "primal_feasibility_tolerance": 1e-10,
                "dual_feasibility_tolerance": 1e-10,
                **({} if max_iter is None else {"maxiter": max_iter}),
            },
        )
        if answer.status == 1:  # HiGHS gives no plan when it is stopped: any coupling, and a trivial bound
            i, j, mass = staircase(np.arange(float(n)), problem.a, np.arange(float(m)), problem.b)
            return Proposal(i, j, mass, np.zeros(m), hit_limit=True)
        if answer.x is None:
            raise WrofError(f"HiGHS found no plan: {answer.message}")
        g1 = np.maximum(answer.x[: n * k], 0.0).reshape(n, k) * unit
        g2 = np.maximum(answer.x[n * k :], 0.0).reshape(k, m) * unit
        (i, z_in), (z_out, j) = np.nonzero(g1), np.nonzero(g2)
        source, stop, target, mass = glue(i, z_in, g1[i, z_in], z_out, j, g2[z_out, j])
        stats = {"movement_plan": g1, "discrepancy_plan": g2, "n_iter": int(answer.nit)}
        psi_ = np.asarray(answer.eqlin.marginals[n : n + m]) * span
        return Proposal(source, target, mass, psi_, stop, stats=stats)
