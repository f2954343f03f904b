"""The primal and the dual as linear programs, as lectures write them: references for small problems."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ..cost import PointPower
from ..errors import SolverError, WrofError
from ..measure import Floats, measures, positive_number
from ..problem import matched

LARGEST = 250_000  # pairs


class TransportLP(NamedTuple):
    """min cost . pi subject to matrix pi = right, pi >= 0.

    `matrix` (n + m, n m) sparse, its rows the sources and then the targets, its columns the pairs in C order; `right`
    (n + m,), `cost` (n m,); the optimal `plan` (n, m), `value`, and the dual phi (n,), psi (m,).
    """

    value: float
    matrix: sparse.csr_array
    right: Floats
    cost: Floats
    plan: Floats
    phi: Floats
    psi: Floats


class KantorovichRubinstein(NamedTuple):
    """sup of sum u (mu - nu) over 1-Lipschitz u: its value, and u (k,) on the `points` (k, d) of both supports."""

    value: float
    u: Floats
    points: Floats


def transport_lp(mu: Any, nu: Any, p: float = 1.0, **where: Any) -> TransportLP:
    """Solve the primal linear program with its constraint matrix by HiGHS: readable, for small problems.

    Parameters
    ----------
    mu, nu, where : as in `plan`; at most 250,000 pairs of points. p : float > 0.

    Returns
    -------
    TransportLP

    Raises
    ------
    WrofError, SolverError
        If the problem is too large for it, or HiGHS gives up.

    Notes
    -----
    Wasserstein GANs, lecture slides: min <c, pi>, A pi = b, pi >= 0, each row of A summing a row or column of pi.
    """
    source, target = measures(mu, nu, ("p",), **where)
    n, m = source.space.size, target.space.size
    _demand_small(n * m, "pairs", "plan")
    rows, columns = sparse.kron(sparse.eye_array(n), np.ones((1, m))), sparse.kron(np.ones((1, n)), sparse.eye_array(m))
    matrix = sparse.csr_array(sparse.vstack([rows, columns]))
    right = np.concatenate([source.weights, matched(target.weights, target.mass, source.mass)])
    cost = PointPower(source.points, target.points, 1.0, positive_number(p, "p")).dense().ravel()
    span, unit = float(np.max(cost)) or 1.0, source.mass / max(n, m)
    found = _highs(cost / span, A_eq=matrix, b_eq=right / unit, bounds=(0, None))
    plan, duals = np.maximum(found.x, 0.0) * unit, found.eqlin.marginals * span
    _demand_proven(float(cost @ plan), float(duals @ right), source.mass * span)
    return TransportLP(float(cost @ plan), matrix, right, cost, plan.reshape(n, m), duals[:n], duals[n:])


def kantorovich_rubinstein(mu: Any, nu: Any, **where: Any) -> KantorovichRubinstein:
    """d_1 as a supremum over 1-Lipschitz functions, solved by HiGHS as its own linear program.

    max sum u (mu - nu) subject to u(x) - u(y) <= |x - y| for all points x, y of the two supports.

    Parameters
    ----------
    mu, nu, where : as in `plan`; supports of at most 500 points together.

    Returns
    -------
    KantorovichRubinstein
        u is 0 at the first point, as it is given up to a constant.

    Raises
    ------
    WrofError, SolverError
        As in `transport_lp`.

    Notes
    -----
    Villani, Topics in Optimal Transportation (2003), theorem 1.14; Leclaire (2024).
    """
    source, target = measures(mu, nu, (), **where)
    x, y = source.points[source.support], target.points[target.support]
    points, which = np.unique(np.concatenate([x, y]), axis=0, return_inverse=True)
    k = len(points)
    _demand_small(k * k, "pairs of points", "potentials")
    a, b = source.weights[source.support], matched(target.weights[target.support], target.mass, source.mass)
    charge = np.bincount(which.ravel(), np.concatenate([a, -b]), k)
    i, j = np.nonzero(~np.eye(k, dtype=np.bool_))
    rows = np.arange(len(i))
    slopes = sparse.csr_array((np.ones(len(i)), (rows, i)), (len(i), k)) - sparse.csr_array(
        (np.ones(len(i)), (rows, j)), (len(i), k)
    )
    distance = PointPower(points, points, 1.0, 1.0).pairs(i, j)
    free = [(0.0, 0.0)] + [(None, None)] * (k - 1)
    if k == 1:
        return KantorovichRubinstein(0.0, np.zeros(1), points)
    span, unit = float(np.max(distance)), source.mass / k
    found = _highs(np.asarray(-charge / unit, dtype=np.float64), A_ub=slopes, b_ub=distance / span, bounds=free)
    u = found.x * span
    _demand_proven(float(-found.ineqlin.marginals @ distance) * unit, float(u @ charge), source.mass * span)
    return KantorovichRubinstein(float(u @ charge), u, points)


def _demand_small(count: int, what: str, instead: str) -> None:
    """Refuse what HiGHS would take for ever over; its tolerances are absolute, so callers bring numbers near 1."""
    if count > LARGEST:
        raise WrofError(
            f"a linear program over {count} {what} is too large (> {LARGEST}); use wrof.transport.{instead}."
        )


def _demand_proven(value: float, bound: float, scale: float) -> None:
    if not abs(value - bound) <= 1e-9 * scale:
        raise SolverError(f"HiGHS did not prove its answer: value {value:.12g}, bound {bound:.12g}.")


def _highs(cost: Floats, **program: Any) -> Any:
    from scipy.optimize import linprog  # imported late: it is slow to load

    exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, method="highs", options=exact, **program)
    if found.status != 0:
        raise SolverError(f"HiGHS did not solve the linear program: {found.message}")
    return found
