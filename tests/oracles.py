"""Expected answers from programs and formulas that share nothing with the package: nothing here imports it.

Conventions: x (n, d), a (n,) source points and masses; y (m, d), b (m,) target; stops (s, d); J = K/2tau + F with
K = sum mass |x-z|^p and F = sum mass |z-y|^alpha, exponents as numbers (write alpha = 1 + tau yourself).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import brentq, linprog, nnls
from scipy.spatial.distance import cdist

TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
FACE = 1e-9  # reduced costs below this, relative to the greatest cost, count as zero

PUBLISHED = Path(__file__).resolve().parent.parent / "experiments" / "data"


# ---- linear programs ------------------------------------------------------------------------------------------------


class ThreeLayer(NamedTuple):
    """An optimal vertex of the three-layer program."""

    value: float
    rho: np.ndarray  # (s,)
    gamma1: np.ndarray  # (n, s)
    gamma2: np.ndarray  # (s, m)


def _rows(points: Any) -> np.ndarray:
    points = np.asarray(points, dtype=float)
    return points[:, None] if points.ndim == 1 else points


def _power(x: Any, y: Any, q: float) -> np.ndarray:
    return cdist(_rows(x), _rows(y)) ** q


def _solve(cost: np.ndarray, rows: Any, right: np.ndarray) -> Any:
    answer = linprog(cost, A_eq=rows, b_eq=right, method="highs", options=TIGHT)
    assert answer.status == 0, answer.message
    return answer


def _layers(n: int, s: int, m: int) -> tuple[Any, Any]:
    """Constraint matrix of (gamma1, gamma2), and the matrix that takes them to rho."""
    first = sparse.kron(sparse.eye(n), np.ones((1, s)))  # sum over stops = a
    middle1, middle2 = sparse.kron(np.ones((1, n)), sparse.eye(s)), sparse.kron(sparse.eye(s), np.ones((1, m)))
    last = sparse.kron(np.ones((1, s)), sparse.eye(m))  # sum over stops = b
    rows = sparse.bmat([[first, None], [middle1, -middle2], [None, last]], format="csc")
    return rows, sparse.hstack([middle1, sparse.csr_matrix((s, s * m))], format="csr")


def three_layer_lp(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0
) -> ThreeLayer:
    """Solve the step as stated: min sum gamma1 |x-z|^p/2tau + sum gamma2 |z-y|^alpha, both with the margin rho on z."""
    n, s, m = len(_rows(x)), len(_rows(stops)), len(_rows(y))
    cost = np.concatenate([_power(x, stops, p).ravel() / (2 * tau), _power(stops, y, alpha).ravel()])
    rows, to_rho = _layers(n, s, m)
    answer = _solve(cost, rows, np.concatenate([a, np.zeros(s), b]))
    gamma1, gamma2 = answer.x[: n * s].reshape(n, s), answer.x[n * s :].reshape(s, m)
    return ThreeLayer(float(answer.fun), to_rho @ answer.x, gamma1, gamma2)


class _Face(NamedTuple):
    rows: Any  # constraints of the variables that may be positive at an optimum
    right: np.ndarray
    to_rho: Any
    movement: np.ndarray  # their coefficients in K


def _optimal_face(x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float, p: float) -> _Face:
    """All minimisers at once: feasible points that vanish wherever one optimal dual has positive reduced cost."""
    n, s, m = len(_rows(x)), len(_rows(stops)), len(_rows(y))
    lengths = _power(x, stops, p).ravel()
    cost = np.concatenate([lengths / (2 * tau), _power(stops, y, alpha).ravel()])
    rows, to_rho = _layers(n, s, m)
    right = np.concatenate([a, np.zeros(s), b])
    reduced = cost - rows.T @ _solve(cost, rows, right).eqlin.marginals
    keep = np.flatnonzero(reduced <= FACE * cost.max())
    return _Face(rows[:, keep], right, to_rho[:, keep], np.concatenate([lengths, np.zeros(s * m)])[keep])


def movement_range_lp(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0
) -> tuple[float, float]:
    """Return the least and the greatest K over all minimisers of the step."""
    face = _optimal_face(x, a, y, b, stops, tau, alpha, p)
    return (
        float(_solve(face.movement, face.rows, face.right).fun),
        -float(_solve(-face.movement, face.rows, face.right).fun),
    )


def min_norm_qp(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0
) -> np.ndarray:
    """Return the minimiser rho (s,) of the step with the least sum of squares, to 1e-7.

    Fully corrective conditional gradients: the best convex combination (by NNLS) of the vertices found so far, then
    the vertex of the face that is least in the direction of the gradient. |rho - best|^2 is at most the gap at the end.
    """
    face = _optimal_face(x, a, y, b, stops, tau, alpha, p)
    vertices = (face.to_rho @ _solve(face.movement, face.rows, face.right).x)[:, None]
    for _ in range(500):
        share, _ = nnls(np.vstack([vertices, np.ones(vertices.shape[1])]), np.append(np.zeros(len(vertices)), 1.0))
        rho = vertices @ (share / share.sum())
        sharp = 1e4 / rho.max()  # the gradient, scaled up so that the solver's tolerances do not blur it
        vertex = face.to_rho @ _solve(sharp * (face.to_rho.T @ rho), face.rows, face.right).x
        if rho @ (rho - vertex) <= 1e-15 * (rho @ rho):
            return rho
        vertices = np.column_stack([vertices, vertex])
    raise AssertionError("the least-norm oracle did not converge")


def transport_lp(cost: Any, a: Any, b: Any) -> float:
    """Return the optimal value of the transport problem with cost (n, m), source masses a and target masses b."""
    cost = np.asarray(cost, dtype=float)
    n, m = cost.shape
    rows = sparse.vstack([sparse.kron(sparse.eye(n), np.ones((1, m))), sparse.kron(np.ones((1, n)), sparse.eye(m))])
    return float(_solve(cost.ravel(), rows.tocsc(), np.concatenate([a, b])).fun)


def power_transport(x: Any, a: Any, y: Any, b: Any, q: float) -> float:
    """Return the least sum of mass |x-y|^q, without any root."""
    return transport_lp(_power(x, y, q), a, b)


# ---- the joint cost -------------------------------------------------------------------------------------------------


def joint_cost_bruteforce(
    x: Any, y: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0, tie: float = 1e-12
) -> tuple[np.ndarray, list[list[list[int]]]]:
    """Return the joint cost (n, m) and, per pair, all stops within a factor 1 + tie of the least."""
    total = _power(x, stops, p)[:, None, :] / (2 * tau) + _power(y, stops, alpha)[None, :, :]
    cost = total.min(axis=2)
    near = total <= (cost * (1 + tie))[:, :, None]
    return cost, [[np.flatnonzero(pair).tolist() for pair in row] for row in near]


def free_move(r: float, tau: float, alpha: float = 1.0, p: float = 2.0) -> tuple[float, float]:
    """Return (s, cost): how far to move when all of space is a stop, least s^p/2tau + (r-s)^alpha over 0 <= s <= r.

    Both ends, and every root of the derivative between two points of a grid that is fine near the ends; the answer must
    also be as good as every point of the grid.
    """

    def total(s: float) -> float:
        return float(s**p / (2 * tau) + (r - s) ** alpha)

    def slope(s: float) -> float:
        return float(p * s ** (p - 1) / (2 * tau) - alpha * (r - s) ** (alpha - 1))

    near_end = np.geomspace(1e-12, 0.5, 400)
    grid = r * np.unique(np.concatenate([[0.0], near_end, np.linspace(0, 1, 2001), 1 - near_end, [1.0]]))
    with np.errstate(divide="ignore"):  # infinite slopes at the ends, p < 1 or alpha < 1
        slopes = np.array([slope(s) for s in grid])
    rising = np.flatnonzero((slopes[:-1] <= 0) & (slopes[1:] > 0))
    found = [0.0, float(r), *(brentq(slope, grid[k], grid[k + 1], xtol=1e-15, rtol=1e-15) for k in rising)]
    s = min(found, key=total)
    assert total(s) <= min(map(total, grid)) * (1 + 1e-15), "the refinement missed the least value of the grid"
    return s, total(s)


# ---- closed forms ---------------------------------------------------------------------------------------------------


def quantile_flow_line(mu: Any, nu: Any, h: float, tau: float, k: int) -> np.ndarray:
    """Return the weights of rho_k on a uniform line of spacing h; p = 2, alpha = 1, tau/h not a half-integer.

    Q_k = clip(Q_nu, Q_mu - kmh, Q_mu + kmh) with m = round(tau/h), evaluated on every interval between two successive
    breakpoints of the distribution functions.
    """
    mu, nu = np.asarray(mu, dtype=float), np.asarray(nu, dtype=float)
    assert abs(tau / h % 1 - 0.5) > 1e-9, "tau/h is a half-integer: a tie, not covered by this law"
    start, end = np.cumsum(mu), np.cumsum(nu)
    breaks = np.unique(np.concatenate([[0.0], start, end]))
    middles, masses = (breaks[1:] + breaks[:-1]) / 2, np.diff(breaks)
    i = np.minimum(np.searchsorted(start, middles), np.flatnonzero(mu)[-1])
    j = np.minimum(np.searchsorted(end, middles), np.flatnonzero(nu)[-1])
    reach = k * round(tau / h)
    return np.bincount(np.clip(j, i - reach, i + reach), weights=masses, minlength=len(mu))


def two_point(r: float, tau: float, alpha: float = 1.0, p: float = 2.0) -> tuple[float, float, float]:
    """Return (lo, hi, J) of the two-point toy: the optimal masses left at 0 fill [lo, hi]; r > 0."""
    move, stay = r**p / (2 * tau), r**alpha
    if abs(move - stay) <= 1e-12 * stay:
        return 0.0, 1.0, stay
    return (0.0, 0.0, move) if move < stay else (1.0, 1.0, stay)


def lambert_threshold(r: float) -> list[float]:
    """Return all tau > 0 with r^2/2tau = r^(1+tau), ascending, by bisection of log tau + (tau - 1) log r + log 2."""

    def excess(tau: float) -> float:
        return float(np.log(tau) + (tau - 1) * np.log(r) + np.log(2))

    if r >= 1:  # increasing in tau
        return [float(brentq(excess, 1e-12, 2.0, xtol=1e-15, rtol=1e-15))]
    peak = -1 / np.log(r)  # concave in tau, and positive at the peak
    far = 2 * peak
    while excess(far) > 0:
        far *= 2
    return [float(brentq(excess, low, high, xtol=1e-15, rtol=1e-15)) for low, high in ((1e-12, peak), (peak, far))]


# ---- data and checks ------------------------------------------------------------------------------------------------


def read_published(name: str) -> np.ndarray:
    """Return the 128 bar heights read off a published picture, as read."""
    table = np.loadtxt(PUBLISHED / f"{name}.csv", delimiter=",")
    assert table.shape == (128, 2) and np.array_equal(table[:, 0], np.arange(128)), f"{name}.csv is not 128 bars"
    return table[:, 1]


def assert_plan(plan: Any, a: Any, b: Any, rtol: float = 1e-9) -> None:
    """Check a plan, dense (n, m) or sparse (source, target, mass): masses >= 0, margins a, b in L1 to rtol * mass."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if isinstance(plan, tuple):
        source, target, mass = (np.asarray(part) for part in plan)
        assert source.shape == target.shape == mass.shape, "the columns of the plan differ in length"
        assert np.all((source >= 0) & (source < len(a)) & (target >= 0) & (target < len(b))), "index out of range"
        rows, columns = np.bincount(source, mass, len(a)), np.bincount(target, mass, len(b))
    else:
        mass = np.asarray(plan)
        assert mass.shape == (len(a), len(b)), f"plan has shape {mass.shape}, not {(len(a), len(b))}"
        rows, columns = mass.sum(axis=1), mass.sum(axis=0)
    assert np.all(mass >= 0), f"least mass {mass.min()}"
    for name, margin, wanted in (("source", rows, a), ("target", columns, b)):
        error = np.abs(margin - wanted).sum()
        assert error <= rtol * wanted.sum(), f"{name} margin off by {error:.3g}"


def assert_dual_feasible(phi: Any, psi: Any, cost: Any, rtol: float = 1e-9) -> None:
    """Check phi(x) + psi(y) <= cost(x, y) for every pair, up to rtol times the greatest cost."""
    cost = np.asarray(cost, dtype=float)
    phi, psi = np.asarray(phi, dtype=float), np.asarray(psi, dtype=float)
    assert (len(phi), len(psi)) == cost.shape, f"potentials {len(phi)}, {len(psi)} for a cost of shape {cost.shape}"
    slack = cost - phi[:, None] - psi[None, :]
    assert np.all(slack >= -rtol * cost.max()), f"least slack {slack.min():.3g}"
