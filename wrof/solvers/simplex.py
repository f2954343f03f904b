"""POT's network simplex (Bonneel et al. 2011) on the dense joint cost."""

from __future__ import annotations

import os
import warnings

import numpy as np

from ..cost import CloudJoint, Cost, FreeJoint, LatticeJoint
from ..errors import WrofError
from ..measure import Floats, Grid, Ints
from ..problem import StepProblem
from ..result import Proposal, Start

MAX_ITER = 100_000_000  # POT's default of 1e5 returns non-optimal plans with a mere warning
SOLVE_BYTES = 41  # measured peak of POT 0.9.7 per pair, the cost matrix and its copies of the plan included


def free_bytes() -> float:
    """Memory that is free now, in bytes; infinite where the system does not tell."""
    try:
        with open("/proc/meminfo") as lines:
            for text in lines:
                if text.startswith("MemAvailable:"):
                    return 1024.0 * int(text.split()[1])
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return float("inf")


def too_large(n: int, m: int, label: str, cure: str, extra: float = 0.0) -> str | None:
    """Say that a dense n x m transport problem does not fit into the memory that is free."""
    matrix, solve, free = 8.0 * n * m + extra, float(SOLVE_BYTES) * n * m + extra, free_bytes()
    if solve <= free:
        return None
    return (
        f"{label}: a dense joint cost needs {matrix / 1e9:.2g} GB and the solve about {solve / 1e9:.2g} GB; "
        f"{free / 1e9:.2g} GB are free. Use {cure}."
    )


def network_simplex(
    cost: Cost, a: Floats, b: Floats, start: tuple[Floats, Floats] | None = None, max_iter: int | None = None
) -> tuple[Ints, Ints, Floats, Floats, bool]:
    """Solve the dense transport problem by POT: (i, j, mass, psi, whether the iteration limit was hit).

    All weights must be > 0: POT's potentials of massless points mean nothing.
    """
    import ot  # imported late: it is slow to load

    matrix = cost.dense()
    if not np.isfinite(matrix).all():
        raise WrofError("the joint cost overflows; rescale the lengths or take a larger tau.")
    greatest = float(matrix.max())
    # POT has absolute tolerances: bring masses and costs near 1, by powers of two, which cost no digit
    unit, price = 2.0 ** np.round(np.log2(a.sum())), 2.0 ** np.round(np.log2(greatest)) if greatest > 0 else 1.0
    matrix /= price
    if start is not None:
        start = (start[0] / price, start[1] / price)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its verdict is read from result_code, and proven by the caller
        plan, log = ot.emd(
            a / unit,
            b / unit,
            matrix,
            numItermax=max_iter or MAX_ITER,
            log=True,
            center_dual=False,
            check_marginals=False,
            potentials_init=start,
        )
    if log["result_code"] not in (1, 3):  # optimal, iteration limit
        raise WrofError(f"POT's network simplex failed: {log['warning']}.")
    i, j = np.nonzero(plan)
    return i, j, plan[i, j] * unit, np.asarray(log["v"]) * price, log["result_code"] == 3


class Simplex:
    """Any problem whose dense joint cost fits into memory."""

    selects: tuple[str, ...] = ("vertex",)
    follows = False

    def refuses(self, problem: StepProblem) -> str | None:
        """Too large for a dense matrix."""
        n, m = len(problem.a), len(problem.b)
        stops = problem.stops
        label = f"{n} x {m} pairs"
        if isinstance(stops, Grid):
            label = "x".join(map(str, stops.shape)) + (f" = {stops.size}" if stops.dim > 1 else "") + " stops"
        extra = 8.0 * problem.cost.disc.shape[0] * m if isinstance(problem.cost, CloudJoint) else 0.0
        matrixless = isinstance(problem.cost, FreeJoint | LatticeJoint)
        cure = "solver='multiscale', which needs none" if matrixless else "a coarser grid or another solver"
        return too_large(n, m, label, cure, extra)

    def propose(
        self, problem: StepProblem, *, farthest: bool, start: Start | None, max_iter: int | None, slack: float = 0.0
    ) -> Proposal:
        """Return the vertex that the network simplex ends in."""
        potentials = None if start is None else (problem.cost.c_transform(start.psi), start.psi)
        i, j, mass, potential, hit_limit = network_simplex(problem.cost, problem.a, problem.b, potentials, max_iter)
        return Proposal(i, j, mass, potential, hit_limit=hit_limit)
