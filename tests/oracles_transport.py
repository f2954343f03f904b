"""Transport, maps, rays and explicit steps by programs and formulas that share nothing with the package.

Conventions as in `oracles`: x (n, d), a (n,) source points and masses; y (m, d), b (m,) target; costs are |x-y|^p, not
rooted. Potentials satisfy phi(x) + psi(y) <= |x-y|^p.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import ot
from oracles import TIGHT, free_move
from scipy import sparse
from scipy.linalg import sqrtm
from scipy.optimize import linprog
from scipy.spatial.distance import cdist


def rows(points: Any) -> np.ndarray:
    """(k, d) floats; (k,) is read as k points on a line."""
    points = np.asarray(points, dtype=float)
    return points[:, None] if points.ndim == 1 else points


def powers(x: Any, y: Any, p: float = 1.0) -> np.ndarray:
    """(n, m) costs |x-y|^p."""
    return cdist(rows(x), rows(y)) ** p


# ---- transport ------------------------------------------------------------------------------------------------------


def network(cost: Any, a: Any, b: Any) -> tuple[float, np.ndarray]:
    """Least value and an optimal plan (n, m), by POT, believed only with feasible potentials."""
    cost, a, b = (np.asarray(part, dtype=float) for part in (cost, a, b))
    i, j = np.flatnonzero(a > 0), np.flatnonzero(b > 0)  # potentials of nodes without mass come back 0
    mass, unit = float(a.sum()), max(float(cost[np.ix_(i, j)].max()), 1e-300)  # POT's tolerances are absolute
    short = np.ascontiguousarray(cost[np.ix_(i, j)] / unit)
    plan, log = ot.emd(a[i] / mass, b[j] / b.sum(), short, numItermax=100_000_000, log=True)
    value = float((plan * short).sum())
    slack = (short - log["u"][:, None] - log["v"]).min()
    assert log["result_code"] == 1 and slack >= -1e-9, f"result {log['result_code']}, slack {slack:.3g}"
    assert abs(log["u"] @ a[i] + log["v"] @ b[j] * (mass / b.sum()) - value * mass) <= 1e-9 * mass
    whole = np.zeros(cost.shape)
    whole[np.ix_(i, j)] = plan * mass
    return value * unit * mass, whole


def power_distance(x: Any, a: Any, y: Any, b: Any, p: float = 1.0) -> float:
    """Least sum of mass |x-y|^p."""
    return network(powers(x, y, p), a, b)[0]


def line_atoms(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the monotone coupling (i, j, mass) of points in ascending order; slivers of rounding left out."""
    start, end = np.cumsum(a) / np.sum(a), np.cumsum(b) / np.sum(b)
    levels = np.unique(np.concatenate([[0.0], start, end]))
    mass, middle = np.diff(levels), (levels[1:] + levels[:-1]) / 2
    keep = mass > 1e-13
    i, j = np.searchsorted(start, middle[keep]), np.searchsorted(end, middle[keep])
    return i, j, mass[keep] * np.sum(a)


def quantile_gap(x: Any, a: Any, y: Any, b: Any) -> float:
    """Greatest difference of two quantile functions (d_infinity on a line), up to slivers of mass 1e-13."""
    x, y = rows(x)[:, 0], rows(y)[:, 0]
    s, t = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    i, j, _ = line_atoms(np.asarray(a)[s], np.asarray(b)[t])
    return float(np.abs(x[s][i] - y[t][j]).max())


def cdf_distance(x: Any, a: Any, y: Any, b: Any) -> float:
    """d_1 on a line: the integral of |F - G| over all intervals between points."""
    x, y = rows(x)[:, 0], rows(y)[:, 0]
    places = np.unique(np.concatenate([x, y]))
    gap = [a[x <= z].sum() - b[y <= z].sum() for z in places[:-1]]
    return float(np.abs(gap) @ np.diff(places))


def lipschitz_dual(points: Any, signed: Any) -> float:
    """Greatest sum u * signed over u with u(x) - u(y) <= |x-y| for all pairs of points; u(points[0]) = 0."""
    points = rows(points)
    i, j = np.nonzero(~np.eye(len(points), dtype=bool))
    if len(points) == 1:
        return 0.0
    k = np.arange(len(i))
    ones = np.ones(len(i))
    matrix = sparse.csr_matrix(
        (np.concatenate([ones, -ones]), (np.concatenate([k, k]), np.concatenate([i, j]))), shape=(len(i), len(points))
    )
    bounds = [(0.0, 0.0)] + [(None, None)] * (len(points) - 1)
    answer = linprog(-np.asarray(signed), A_ub=matrix, b_ub=powers(points, points)[i, j], bounds=bounds, options=TIGHT)
    assert answer.status == 0, answer.message
    return -float(answer.fun)


# ---- maps -----------------------------------------------------------------------------------------------------------


class Affine(NamedTuple):
    """T(x) = shift + matrix x, optimal for p = 2 between Gaussians, and its potential for the cost |x-y|^2."""

    shift: np.ndarray
    matrix: np.ndarray

    def map(self, x: np.ndarray) -> np.ndarray:
        return self.shift + x @ self.matrix.T

    def potential(self, x: np.ndarray) -> np.ndarray:
        """phi with grad phi = 2 (x - T(x))."""
        return (x**2).sum(axis=1) - 2 * x @ self.shift - np.einsum("ki,ij,kj->k", x, self.matrix, x)


def gaussians(mean: Any, cov: Any, other_mean: Any, other_cov: Any) -> Affine:
    """Return the optimal map between two Gaussians: R^-1 (R S' R)^1/2 R^-1 with R = S^1/2."""
    root = np.real(sqrtm(cov))
    middle = np.real(sqrtm(root @ other_cov @ root))
    inverse = np.linalg.inv(root)
    matrix = inverse @ middle @ inverse
    return Affine(np.asarray(other_mean, dtype=float) - matrix @ np.asarray(mean, dtype=float), matrix)


def power_gradient(v: np.ndarray, p: float) -> np.ndarray:
    """Gradient of |v|^p, row by row; 0 at v = 0."""
    length = np.linalg.norm(v, axis=1, keepdims=True)
    return np.where(length > 0, p * np.where(length > 0, length, 1.0) ** (p - 2) * v, 0.0)


# ---- rays -----------------------------------------------------------------------------------------------------------


class Foot(NamedTuple):
    """Distance of points from the parabola y = x^2, and the abscissa of a nearest point."""

    distance: np.ndarray
    t: np.ndarray


def parabola(points: Any) -> Foot:
    """Roots of 2 t^3 + (1 - 2 y) t - x = 0, the best of them."""
    distance, feet = [], []
    for x, y in rows(points):
        roots = np.roots([2.0, 0.0, 1 - 2 * y, -x])
        real = np.append(np.real(roots[np.abs(np.imag(roots)) < 1e-6]), 0.0)
        for _ in range(3):  # the roots again to the last digit
            slope = 6 * real**2 + 1 - 2 * y
            real = real - np.divide(
                2 * real**3 + (1 - 2 * y) * real - x, slope, out=np.zeros_like(real), where=np.abs(slope) > 1e-6
            )
        far = np.hypot(real - x, real**2 - y)
        distance.append(far.min())
        feet.append(real[far.argmin()])
    return Foot(np.array(distance), np.array(feet))


def _side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
    return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))


def crossings(start: Any, end: Any, tol: float = 1e-9) -> list[tuple[int, int]]:
    """Pairs of segments in the plane whose interiors cross in one point, clear of all ends by `tol` (areas)."""
    start, end = rows(start), rows(end)
    found = []
    for i, j in combinations(range(len(start)), 2):
        one = _side(start[i], end[i], start[j]), _side(start[i], end[i], end[j])
        other = _side(start[j], end[j], start[i]), _side(start[j], end[j], end[i])
        if all(min(s) < -tol and max(s) > tol for s in (one, other)):
            found.append((i, j))
    return found


class Rays(NamedTuple):
    """Ends of the rays, each once."""

    start: np.ndarray
    end: np.ndarray
    of: np.ndarray  # (k,) ray of each arc


def rays(points: Any, u: Any, start: Any, end: Any, tol: float = 1e-10) -> Rays:
    """Extend every arc start -> end, along which u falls by its length, to the farthest points where u still does.

    Whatever lies above the start and below the end with slope 1 is on the line of the arc, by the triangle inequality.
    """
    points, start, end, u = rows(points), rows(start), rows(end), np.asarray(u, dtype=float)
    places, first = np.unique(points, axis=0, return_inverse=True)
    ends = []
    for x, y in zip(start, end, strict=True):
        above, below = (cdist(points, z[None])[:, 0] for z in (x, y))
        ux, uy = u[above == 0], u[below == 0]
        fall = ux[:, None] - uy - np.linalg.norm(x - y)
        assert np.abs(fall).min() <= tol, "u does not fall with slope 1 along this arc"
        i, j = np.unravel_index(np.abs(fall).argmin(), fall.shape)
        top = np.where(np.abs(u - ux[i] - above) <= tol, above, -1.0).argmax()
        bottom = np.where(np.abs(uy[j] - u - below) <= tol, below, -1.0).argmax()
        ends.append((first.ravel()[top], first.ravel()[bottom]))
    each, of = np.unique(np.reshape(ends, (-1, 2)).astype(int), axis=0, return_inverse=True)
    return Rays(places[each[:, 0]], places[each[:, 1]], of.ravel())


# ---- explicit steps -------------------------------------------------------------------------------------------------


def apart(x: Any, a: Any, y: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Take the common mass out of both measures; points of each are distinct."""
    a, b = np.array(a, dtype=float), np.array(b, dtype=float)
    for i, j in zip(*np.nonzero(powers(x, y) == 0), strict=True):
        common = min(a[i], b[j])
        a[i] -= common
        b[j] -= common
    return a, b


def longest_shortest_arc(x: Any, a: Any, y: Any, b: Any) -> tuple[float, np.ndarray]:
    """Greatest possible length of the shortest arc over d_1-optimal plans of what is left of the common mass.

    One linear program per threshold: can the least value still be had without the arcs that are shorter? Returns a
    plan (n, m) that shows it; inf if nothing is left.
    """
    a, b = apart(x, a, y, b)
    mass = a.sum()
    if mass == 0:
        return np.inf, np.zeros((len(a), len(b)))
    cost, a, b = powers(x, y), a / mass, b / b.sum()
    unit = float(cost.max())
    cost = cost / unit
    least, best = network(cost, a, b)
    longest = float(cost[best > 1e-13].min())
    for threshold in np.unique(cost[cost > longest]):
        value, plan = without(cost, a, b, cost < threshold)
        if value is None or value > least + 1e-10:
            break
        longest, best = float(threshold), plan
    return longest * unit, best * mass


def without(cost: Any, a: Any, b: Any, forbidden: Any) -> tuple[float | None, np.ndarray]:
    """Least value and plan with some arcs left out, costs and mass about 1; None if there is no plan."""
    n, m = cost.shape
    keep = np.flatnonzero(~forbidden.ravel())
    sums = sparse.vstack([sparse.kron(sparse.eye(n), np.ones((1, m))), sparse.kron(np.ones((1, n)), sparse.eye(m))])
    right = np.concatenate([a, b])
    answer = linprog(cost.ravel()[keep], A_eq=sums.tocsc()[:, keep], b_eq=right, method="highs", options=TIGHT)
    if answer.status != 0:
        return None, np.zeros(cost.shape)
    plan = np.zeros(n * m)
    plan[keep] = answer.x
    return float(answer.fun), plan.reshape(n, m)


def huber(r: Any, tau: float) -> np.ndarray:
    """Joint cost of a free step with p = 2, alpha = 1."""
    r = np.asarray(r, dtype=float)
    return np.where(r <= tau, r**2 / (2 * tau), r - tau / 2)


def least_free(x: Any, a: Any, y: Any, b: Any, tau: float, alpha: float = 1.0, p: float = 2.0) -> float:
    """Least J over all measures: transport with the cost of the best place to stop."""
    far = powers(x, y)
    if p == 2 and alpha == 1:
        return network(huber(far, tau), a, b)[0]
    return network(np.array([[free_move(r, tau, alpha, p)[1] if r > 0 else 0.0 for r in row] for row in far]), a, b)[0]


def free_stops(x: Any, y: Any, tau: float, alpha: float = 1.0, p: float = 2.0) -> np.ndarray:
    """(n m, d) the best place to stop of every pair, all of space being allowed."""
    x, y = rows(x), rows(y)
    places = []
    for start in x:
        for end in y:
            r = float(np.linalg.norm(end - start))
            part = free_move(r, tau, alpha, p)[0] / r if r > 0 else 0.0
            places.append(start + part * (end - start))
    return np.array(places)
