"""The contestants of the benchmark of sizes: each takes the arguments of `wrof.step` and answers with a plan.

What is timed is the whole answer: for ours the step with its certificate, for a peer the cost matrix and the solve.
The peers are certified afterwards, by `wrof.certify` of their plan and potential.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from _columns import coarse_to_fine
from _data import Missing, Series

import wrof
from wrof.problem import StepProblem
from wrof.solvers.simplex import MAX_ITER, SOLVE_BYTES, free_bytes

Question = dict[str, Any]
MASSES, COSTS = 2**50, 2**36  # whole numbers LEMON counts in: their product is never formed, sums stay below 2^62


@dataclass
class Answer:
    """A certified result of ours, or a peer's plan on the supports, its potential, and the seconds of its solver."""

    result: wrof.StepResult | None = None
    plan: tuple[Any, Any, Any] | None = None
    psi: Any = None
    solve: float | None = None
    rounds: int | None = None


def built(question: Question) -> StepProblem:
    return StepProblem.build(**{"alpha": 1.0, "p": 2.0, "stops": None, **question})


def ours(question: Question, series: Series, **options: Any) -> Answer:
    return Answer(wrof.step(**question, **{"solver": "multiscale", "select": "vertex", **options}))


def highs(question: Question, series: Series) -> Answer:
    return ours(question, series, solver="lp")


def pot_dense(question: Question, series: Series) -> Answer:
    import ot

    problem = built(question)
    matrix = problem.cost.dense()
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the certificate tells
        plan, log = ot.emd(problem.a, problem.b, matrix, numItermax=MAX_ITER, log=True, center_dual=False)
    solve = time.perf_counter() - start
    i, j = np.nonzero(plan)
    return Answer(plan=(i, j, plan[i, j]), psi=log["v"], solve=solve)


def pot_lazy(question: Question, series: Series) -> Answer:
    """POT's solver that computes Euclidean costs as it goes: 1/2 tau and the like are factors it need not know."""
    import ot

    if series.metric is None:
        raise Missing("a cost that is a power of the distance")
    problem = built(question)
    x, y = problem.source.points[problem.x], problem.target.points[problem.y]
    start = time.perf_counter()
    _, log = ot.lp.emd2_lazy(
        x, y, problem.a, problem.b, metric=series.metric, numItermax=MAX_ITER, log=True, center_dual=False
    )
    solve = time.perf_counter() - start
    plan = log["G"].tocoo()
    return Answer(plan=(plan.row, plan.col, plan.data), psi=log["v"], solve=solve)


def pot_sparse(question: Question, series: Series) -> Answer:
    """POT's sparse solver with column generation, from coarse to fine; see `_columns`."""
    problem = built(question)
    start = time.perf_counter()
    plan, psi, rounds = coarse_to_fine(problem)
    return Answer(plan=plan, psi=psi, solve=time.perf_counter() - start, rounds=rounds)


def lemon(question: Question, series: Series) -> Answer:
    """LEMON's network simplex on whole numbers: masses of 2^-50 of the total, costs of 2^-36 of the greatest."""
    try:
        import pylmcf
    except ImportError:
        raise Missing("pylmcf") from None
    problem = built(question)
    n, m = len(problem.a), len(problem.b)
    matrix = problem.cost.dense().ravel()
    unit = float(matrix.max()) / COSTS
    start = time.perf_counter()
    graph = pylmcf.Graph(n + m, np.repeat(np.arange(n), m), np.tile(np.arange(n, n + m), n))
    graph.set_node_supply(np.concatenate([in_wholes(problem.a), -in_wholes(problem.b)]))
    graph.set_edge_costs(np.rint(matrix / unit).astype(np.int64))
    graph.set_edge_capacities(np.full(n * m, MASSES))
    graph.solve()
    flow, potential = graph.result(), graph.potentials()
    solve = time.perf_counter() - start
    used = np.flatnonzero(flow)
    mass = flow[used] * (float(problem.a.sum()) / MASSES)
    return Answer(plan=(*np.divmod(used, m), mass), psi=potential[n:] * unit, solve=solve)


def in_wholes(masses: np.ndarray) -> np.ndarray:
    """Masses in units of 2^-50 of their total, rounded so that they sum to 2^50."""
    exact = masses / masses.sum() * MASSES
    out = np.floor(exact).astype(np.int64)
    rest = MASSES - int(out.sum())
    out[np.argsort(out - exact)[:rest]] += 1
    return out


def certified(question: Question, answer: Answer) -> wrof.StepResult:
    """Grade a peer's plan and potential; ours come graded."""
    if answer.result is not None:
        return answer.result
    assert answer.plan is not None
    problem = built(question)
    i, j, mass = answer.plan
    shape = (len(problem.source.weights), len(problem.target.weights))
    plan = scipy.sparse.coo_matrix((mass, (problem.x[i], problem.y[j])), shape)
    psi = np.zeros(shape[1])
    psi[problem.y] = answer.psi
    return wrof.certify(plan=plan, potential=psi, **question)


@dataclass(frozen=True)
class Contestant:
    """How it runs, and the bytes per pair it is known to need (0: not a matter of pairs)."""

    run: Callable[[Question, Series], Answer]
    pair_bytes: float = 0.0

    def too_large(self, pairs: float) -> str | None:
        """Why the memory that is free does not do."""
        need, free = self.pair_bytes * pairs, free_bytes()
        return None if need <= free else f"needs about {need / 1e9:.3g} GB"


OURS, LAZY, ROUGH = "ours", "ours, lazy", "ours, rtol = 1e-2"
POT, SPARSE, POT_LAZY, LEMON, HIGHS = "POT dense", "POT sparse re-solved", "POT lazy", "LEMON", "HiGHS three-layer"
CONTESTANTS = {
    OURS: Contestant(ours),
    LAZY: Contestant(lambda question, series: ours(question, series, select="lazy")),
    ROUGH: Contestant(lambda question, series: ours(question, series, rtol=1e-2)),
    POT: Contestant(pot_dense, SOLVE_BYTES),
    SPARSE: Contestant(pot_sparse),
    POT_LAZY: Contestant(pot_lazy),
    LEMON: Contestant(lemon, 165),
    HIGHS: Contestant(highs),
}
