"""POT's sparse solver on a growing list of arcs: what a user gets who prices all pairs and solves anew.

From coarse to fine: points are gathered by fours, the coarse problem is solved, and the fine one starts with the arcs
under the coarse plan's and under those to their neighbours. Then in rounds: POT's sparse `emd` from a cold start (it
takes no basis), all pairs priced by its potential, and the violated arcs let in, until none is.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from scipy.spatial import cKDTree

import wrof
from wrof.problem import StepProblem
from wrof.solvers.simplex import MAX_ITER

Ints = np.ndarray
COARSEST = 200  # points of the coarsest problem, which has all arcs
NEAREST = 9  # coarse targets around each, to which the fine problem starts with arcs
CLOSE = 0.05  # part of the violation up to which arcs of a source are let in
PRICED = 1e-12  # violation that counts as rounding, relative to the greatest cost


def coarse_to_fine(problem: StepProblem) -> tuple[tuple[Ints, Ints, Any], Any, int]:
    """Return the plan (i, j, mass) on the supports, psi, and the rounds on the finest level."""
    n, m = len(problem.a), len(problem.b)
    if max(n, m) <= COARSEST:
        return _solve(problem, np.arange(n * m))
    mu, up = _gathered(problem.source)
    nu, over = _gathered(problem.target)
    stops = None if isinstance(mu.space, wrof.Grid) else wrof.FREE
    coarse = StepProblem.build(mu, nu, problem.tau, alpha=problem.alpha, p=problem.p, stops=stops)
    i, j, _ = coarse_to_fine(coarse)[0]
    points = coarse.target.points[coarse.y]
    near = cKDTree(points).query(points, k=min(NEAREST, len(points)))[1].reshape(len(points), -1)
    i, j = np.divmod(np.unique(np.repeat(i, near.shape[1]) * len(points) + near[j].ravel()), len(points))
    i, j = _children(np.searchsorted(coarse.x, up), i, j)
    j, i = _children(np.searchsorted(coarse.y, over), j, i)
    return _solve(problem, np.sort(i * m + j))


def _gathered(measure: wrof.Measure) -> tuple[wrof.Measure, Ints]:
    """Half as many points per axis of a grid, a quarter of a cloud; and where each point of the support goes."""
    support, mass = measure.support, measure.weights[measure.support]
    if isinstance(measure.space, wrof.Grid):
        shape = tuple(-(-k // 2) for k in measure.space.shape)
        ends = [(0.0, (k - 1) * 2 * h) for k, h in zip(shape, measure.space.spacing, strict=True)]
        up = np.ravel_multi_index([each // 2 for each in np.unravel_index(support, measure.space.shape)], shape)
        return wrof.Grid(shape, bounds=ends).measure(np.bincount(up, mass, np.prod(shape))), up
    points = measure.points[support]
    up = np.empty(len(points), dtype=np.int64)
    for number, members in enumerate(_fours(points, np.arange(len(points)))):
        up[members] = number
    total = np.bincount(up, mass)
    middle = np.stack([np.bincount(up, mass * column) / total for column in points.T], axis=1)
    return wrof.PointCloud(middle).measure(total), up


def _fours(points: Any, members: Ints) -> list[Ints]:
    """Split at the median of the longest axis down to four points or fewer."""
    if len(members) <= 4:
        return [members]
    here = points[members]
    order = np.argsort(here[:, np.argmax(np.ptp(here, axis=0))], kind="stable")
    half = len(order) // 2
    return _fours(points, members[order[:half]]) + _fours(points, members[order[half:]])


def _children(up: Ints, own: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Repeat arcs for every child of their own end."""
    count, child = np.bincount(up), np.argsort(up, kind="stable")
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    times = count[own]
    step = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    return child[np.repeat(first[own], times) + step], np.repeat(other, times)


def _solve(problem: StepProblem, arcs: Ints) -> tuple[tuple[Ints, Ints, Any], Any, int]:
    """Solve on some arcs (flat numbers, rising), price all pairs, let in the violated."""
    import ot

    cost, shape = problem.cost, (len(problem.a), len(problem.b))
    price, rounds = cost.pairs(*np.divmod(arcs, shape[1])), 0
    greatest = float(price.max())
    while True:
        # a missing arc is forbidden, so that no cost may be 0: raised here, undone in the potential
        matrix = scipy.sparse.coo_matrix((price + greatest, np.divmod(arcs, shape[1])), shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the certificate tells
            plan, log = ot.emd(problem.a, problem.b, matrix, numItermax=MAX_ITER, log=True, center_dual=False)
        psi, rounds = log["v"] - greatest, rounds + 1
        new = _violated(cost, log["u"], psi, PRICED * greatest, arcs)
        if not len(new):
            plan = plan.tocoo()
            return (plan.row.astype(np.int64), plan.col.astype(np.int64), plan.data), psi, rounds
        both = np.concatenate([arcs, new])
        order = np.argsort(both, kind="stable")
        arcs = both[order]
        price = np.concatenate([price, cost.pairs(*np.divmod(new, shape[1]))])[order]


def _violated(cost: Any, u: Any, v: Any, tol: float, arcs: Ints) -> Ints:
    """Flat numbers of the arcs, of those that violate u + v <= c, near the most violated one of every source."""
    best = cost.c_transform(v)
    off = u - best
    if not (off > tol).any():
        return arcs[:0]
    i, j = cost.tight(np.where(off > tol, best + CLOSE * off, -np.inf), v, 0.0)
    found = i * cost.shape[1] + j
    place = np.minimum(np.searchsorted(arcs, found), len(arcs) - 1)
    return found[arcs[place] != found]
