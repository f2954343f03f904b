"""Expected answers for phases, thresholds and ties, by linear programs, enumeration and closed forms.

Nothing here imports the package; conventions are those of `oracles`. V(s) = min sK + F at s = 1/2tau; a corner is a
pair (K, F) at which V is attained on a whole interval of s; corners are listed in order of rising tau, K rising.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import Any, NamedTuple

import numpy as np
import oracles
from oracles import _optimal_face, _power, _rows, _solve
from scipy import sparse
from scipy.optimize import brentq, linprog
from scipy.spatial.distance import cdist

SAME = 1e-14  # points nearer than this are one


# ---- thresholds by linear programs -----------------------------------------------------------------------------------


def _carried(points: Any, masses: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points that carry mass, and their masses."""
    points, masses = _rows(points), np.asarray(masses, dtype=float)
    return points[masses > 0], masses[masses > 0]


def _places(points: np.ndarray, stops: np.ndarray) -> np.ndarray | None:
    """Index of a stop at every point; None if some point is off the stops."""
    far = cdist(points, stops)
    return far.argmin(axis=1) if far.min(axis=1).max() <= SAME else None


def _optimal_pairs(cost: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that an optimal vertex of the transport problem joins."""
    n, m = cost.shape
    rows = sparse.vstack([sparse.kron(sparse.eye(n), np.ones((1, m))), sparse.kron(np.ones((1, n)), sparse.eye(m))])
    plan = _solve(cost.ravel(), rows.tocsc(), np.concatenate([a, b])).x.reshape(n, m)
    return np.nonzero(plan > 1e-9 * a.sum())


class _Rows:
    """Rows of a linear program, three entries each at most: sum of coefficient * variable against a right-hand side."""

    def __init__(self) -> None:
        self.entries: list[tuple[np.ndarray, ...]] = []
        self.right: list[np.ndarray] = []
        self.count = 0

    def add(self, right: Any, *terms: tuple[Any, Any]) -> None:
        """Add one row per entry of `right`; a term is (variables, coefficients), both as long or single numbers."""
        right = np.ravel(np.asarray(right, dtype=float))
        row = self.count + np.arange(len(right))
        for variable, coefficient in terms:
            self.entries.append((row, np.broadcast_to(variable, row.shape), np.broadcast_to(coefficient, row.shape)))
        self.right.append(right)
        self.count += len(right)

    def matrix(self, width: int) -> tuple[Any, np.ndarray]:
        row, column, value = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        return sparse.csr_matrix((value, (row, column)), shape=(self.count, width)), np.concatenate(self.right)


def _least_last(below: _Rows, equal: _Rows, width: int) -> float:
    """Least value of the last variable, >= 0, the others free."""
    cost = np.eye(width)[-1]
    upper, at_most = below.matrix(width)
    exact, right = equal.matrix(width)
    bounds = [(None, None)] * (width - 1) + [(0.0, None)]
    answer = linprog(cost, upper, at_most, exact, right, bounds, method="highs", options=oracles.TIGHT)
    assert answer.status == 0, answer.message
    return float(answer.x[-1])


def frozen_lp(x: Any, a: Any, y: Any, b: Any, stops: Any, alpha: float = 1.0, p: float = 2.0) -> float | None:
    """Return the greatest tau up to which mu stays, 1/(2 s_min): the least s for which J(mu) = F(mu, nu) has a dual.

    Variables phi on the stops, psi on supp nu, s. None if s_min = 0: mu stays for ever; 0.0 if mu is not on the stops.
    """
    (x, a), (y, b), stops = _carried(x, a), _carried(y, b), _rows(stops)
    at = _places(x, stops)
    if at is None:
        return 0.0
    k, m = len(stops), len(y)
    far, way = _power(stops, y, alpha), _power(x, stops, p)
    i, j = _optimal_pairs(_power(x, y, alpha), a, b)
    z, t = (grid.ravel() for grid in np.indices((k, m)))
    u, v = (grid.ravel() for grid in np.indices((len(x), k)))
    below, equal = _Rows(), _Rows()
    below.add(far.ravel(), (z, 1.0), (k + t, 1.0))
    below.add(np.zeros(way.size), (at[u], 1.0), (v, -1.0), (np.full(way.size, k + m), -way.ravel()))
    equal.add(_power(x, y, alpha)[i, j], (at[i], 1.0), (k + j, 1.0))
    equal.add(0.0, (np.array([k]), 1.0))  # potentials are given up to a constant
    s = _least_last(below, equal, k + m + 1)
    return None if s <= 1e-9 * far.max() / max(way.max(), 1e-300) else 1 / (2 * s)


def target_lp(x: Any, a: Any, y: Any, b: Any, stops: Any, alpha: float = 1.0, p: float = 2.0) -> float | None:
    """Return the least tau from which nu is reached at once: the least t/2 for which J(nu) = K(mu, nu)/t has a dual.

    Variables phi on supp mu, psi on the stops, t = 2 tau. None if nu is not on the stops: never.
    """
    (x, a), (y, b), stops = _carried(x, a), _carried(y, b), _rows(stops)
    at = _places(y, stops)
    if at is None:
        return None
    n, k = len(x), len(stops)
    way, far = _power(x, stops, p), _power(y, stops, alpha)
    i, j = _optimal_pairs(_power(x, y, p), a, b)
    u, z = (grid.ravel() for grid in np.indices((n, k)))
    t, v = (grid.ravel() for grid in np.indices((len(y), k)))
    below, equal = _Rows(), _Rows()
    below.add(way.ravel(), (u, 1.0), (n + z, 1.0))
    below.add(np.zeros(far.size), (n + at[t], 1.0), (n + v, -1.0), (np.full(far.size, n + k), -far.ravel()))
    equal.add(_power(x, y, p)[i, j], (i, 1.0), (n + at[j], 1.0))
    equal.add(0.0, (np.array([0]), 1.0))
    twice = _least_last(below, equal, n + k + 1)
    return 0.0 if twice <= 1e-9 * way.max() / max(far.max(), 1e-300) else twice / 2


class FirstStep(NamedTuple):
    """How much better than staying, and than going all the way, the step is: zero where that is what it does."""

    stay: float  # F(mu, nu) - V; inf if mu is off the stops
    go: float  # K(mu, nu)/2tau - V; inf if nu is off the stops


def first_step_lp(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0
) -> FirstStep:
    """Compare the least J with J(mu) and J(nu)."""
    (x, a), (y, b), stops = _carried(x, a), _carried(y, b), _rows(stops)
    least = oracles.three_layer_lp(x, a, y, b, stops, tau, alpha, p).value
    stay = np.inf if _places(x, stops) is None else oracles.power_transport(x, a, y, b, alpha) - least
    go = np.inf if _places(y, stops) is None else oracles.power_transport(x, a, y, b, p) / (2 * tau) - least
    return FirstStep(stay, go)


# ---- the staircase ---------------------------------------------------------------------------------------------------


def vertex_energies(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0
) -> tuple[float, float]:
    """Return K and F of one optimal vertex of the three-layer program."""
    answer = oracles.three_layer_lp(x, a, y, b, stops, tau, alpha, p)
    return (
        float((answer.gamma1 * _power(x, stops, p)).sum()),
        float((answer.gamma2 * _power(stops, y, alpha)).sum()),
    )


def value_slopes(
    x: Any, a: Any, y: Any, b: Any, stops: Any, alpha: float, p: float, s: float, off: float = 1e-5
) -> tuple[float, float]:
    """Return the one-sided slopes of V at s, (right, left) = (least K, greatest K), from steps at s(1 +- off).

    There the slope is K of a vertex; that V is straight from s to there is checked by its values. The smaller `off`,
    the less the solver's tolerance can tell two vertices apart: their J differ by off * s times the difference in K.
    """
    here = oracles.three_layer_lp(x, a, y, b, stops, 1 / (2 * s), alpha, p).value
    slopes = []
    for beside in (s * (1 + off), s * (1 - off)):
        K, F = vertex_energies(x, a, y, b, stops, 1 / (2 * beside), alpha, p)
        assert abs(s * K + F - here) <= 1e-9 * max(1.0, abs(here)), "a breakpoint within the step; take a smaller one"
        slopes.append(K)
    return slopes[0], slopes[1]


def end_corners(
    x: Any, a: Any, y: Any, b: Any, stops: Any, alpha: float = 1.0, p: float = 2.0
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (K, F) for tau -> 0 (least K, then least F) and for tau -> inf (least F, then least K).

    At both ends mass rests at the stops nearest to where it starts, or to where it should go.
    """
    (x, a), (y, b), stops = _carried(x, a), _carried(y, b), _rows(stops)
    way, far = _power(x, stops, p), _power(y, stops, alpha)
    near_x = way <= way.min(axis=1, keepdims=True) * (1 + 1e-12)
    near_y = far <= far.min(axis=1, keepdims=True) * (1 + 1e-12)
    left = np.where(near_x[:, None, :], far[None], np.inf).min(axis=2)
    gone = np.where(near_y[None], way[:, None, :], np.inf).min(axis=2)
    first = (float(way.min(axis=1) @ a), oracles.transport_lp(left, a, b))
    return first, (oracles.transport_lp(gone, a, b), float(far.min(axis=1) @ b))


class Envelope(NamedTuple):
    """Corners (P, 2) of (K, F), K rising, and the critical tau (P-1,) between them."""

    corners: np.ndarray
    taus: np.ndarray

    def value(self, tau: float) -> float:
        """Least K/2tau + F."""
        return float((self.corners @ [1 / (2 * tau), 1.0]).min())


def lower_envelope(points: Any, rtol: float = 1e-12) -> Envelope:
    """Lower left convex hull of points (K, F); corners that stand out by less than rtol are rounding."""
    points = np.unique(np.asarray(points, dtype=float), axis=0)
    size = np.maximum(np.abs(points).max(axis=0), 1e-300) * rtol
    hull: list[np.ndarray] = []
    for point in points:  # K rising
        while hull and point[1] <= hull[-1][1] + size[1] and point[0] <= hull[-1][0] + size[0]:
            hull.pop()  # as near, and no dearer
        if hull and point[1] >= hull[-1][1] - size[1]:
            continue  # further for nothing
        while len(hull) > 1 and _depth(hull[-2], hull[-1], point) <= 2 * size[1]:
            hull.pop()
        hull.append(point)
    corners = np.array(hull)
    step = np.diff(corners, axis=0)
    return Envelope(corners, -step[:, 0] / (2 * step[:, 1]))


def _depth(left: np.ndarray, middle: np.ndarray, right: np.ndarray) -> float:
    """By how much sK + F of the middle point is below the two others, where these agree."""
    s = (left[1] - right[1]) / (right[0] - left[0])
    return float(s * (left[0] - middle[0]) + left[1] - middle[1])


def breakpoints_bruteforce(x: Any, a: Any, y: Any, b: Any, stops: Any, alpha: float = 1.0, p: float = 2.0) -> Envelope:
    """All phases of a problem with few whole masses, by enumeration.

    Every unit of mass goes on its own: an optimal plan is a permutation, each pair of which stops at the best place.
    The points (K, F) of a permutation are a sum of convex staircases, one per pair; the corners are those of all.
    """
    units = [np.repeat(_rows(points), np.asarray(w).astype(int), axis=0) for points, w in ((x, a), (y, b))]
    assert len(units[0]) == len(units[1]) <= 7, "too many units of mass, or as many as not on the other side"
    way, far = _power(units[0], stops, p), _power(units[1], stops, alpha)
    pair = {
        (i, j): lower_envelope(np.column_stack([way[i], far[j]])) for i, j in product(range(len(way)), range(len(far)))
    }
    points = []
    for order in permutations(range(len(far))):
        chosen = [pair[i, j] for i, j in enumerate(order)]
        start = sum(one.corners[0] for one in chosen)
        steps = np.concatenate([np.diff(one.corners, axis=0) for one in chosen])
        steps = steps[np.argsort(np.concatenate([one.taus for one in chosen]))]
        points.append(start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)]))
    return lower_envelope(np.concatenate(points))


def line_critical_taus(mu: Any, nu: Any, h: float, alpha: float = 1.0, p: float = 2.0) -> np.ndarray:
    """All critical tau on a uniform line, p, alpha >= 1: those of each atom of the monotone plan by itself."""
    assert p >= 1 and alpha >= 1, "the monotone plan need not be optimal"
    start, end = np.cumsum(mu), np.cumsum(nu)
    breaks = np.unique(np.concatenate([[0.0], start, end]))
    breaks = breaks[np.concatenate([[True], np.diff(breaks) > 1e-12 * breaks[-1]])]
    middles = (breaks[1:] + breaks[:-1]) / 2
    cells = np.unique(np.abs(np.searchsorted(start, middles) - np.searchsorted(end, middles)))
    hops = [np.arange(n + 1) * h for n in cells]
    taus = np.sort(
        np.concatenate([[]] + [lower_envelope(np.column_stack([k**p, k[::-1] ** alpha])).taus for k in hops])
    )
    return taus[np.concatenate([[True], np.diff(taus) > 1e-9 * taus[1:]])] if len(taus) else taus


# ---- all minimisers --------------------------------------------------------------------------------------------------


def rho_range_lp(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest mass at every (distinct) stop over all minimisers."""
    face = _optimal_face(x, a, y, b, stops, tau, alpha, p)
    share = face.to_rho.toarray()
    lo = np.array([_solve(row, face.rows, face.right).fun if row.any() else 0.0 for row in share])
    hi = np.array([-_solve(-row, face.rows, face.right).fun if row.any() else 0.0 for row in share])
    return lo, hi


def rho_unique_lp(
    x: Any, a: Any, y: Any, b: Any, stops: Any, tau: float, alpha: float = 1.0, p: float = 2.0, rtol: float = 1e-8
) -> bool:
    """Whether there is one minimiser: no stop has a range of masses wider than rtol times the mass."""
    lo, hi = rho_range_lp(x, a, y, b, stops, tau, alpha, p)
    return bool(np.max(hi - lo) <= rtol * np.sum(a))


# ---- closed forms and geometry ---------------------------------------------------------------------------------------


def three_point_theorem(a: float, b: float, tau: float) -> list[int]:
    """Where the mass of {0, a, a+b}, all at 0 and bound for a+b, is after 0, 1, ... steps, until it rests.

    p = 2, alpha = 1: three numbers compared, a^2/2tau + b, (a+b)^2/2tau and a+b, then b^2/2tau and b.
    """
    assert abs(2 * tau / a - 1) > 1e-9 and abs(2 * tau / b - 1) > 1e-9 and abs(2 * tau / (2 * a + b) - 1) > 1e-9, "tie"
    if 2 * tau < a:
        return [0]
    if 2 * tau > 2 * a + b:
        return [0, 2]
    return [0, 1, 2] if 2 * tau > b else [0, 1]


def components_bruteforce(points: Any, tau: float, alpha: float = 1.0, p: float = 2.0) -> np.ndarray:
    """Label the components of the graph with edges |x-z|^p < 2 tau |x-z|^alpha; coinciding points are one stop."""
    points = _rows(points)
    labels = np.full(len(points), -1)
    for start in range(len(points)):
        if labels[start] >= 0:
            continue
        labels[start] = labels.max() + 1
        queue = [start]
        while queue:
            i = queue.pop()
            for j in range(len(points)):
                r = float(np.sqrt(((points[i] - points[j]) ** 2).sum()))
                if labels[j] < 0 and (r == 0 or r**p < 2 * tau * r**alpha):
                    labels[j] = labels[start]
                    queue.append(j)
    return labels


def hop_intervals_scan(r: float, p: float = 2.0) -> list[tuple[float, float]]:
    """All intervals of tau with r^p < 2 tau r^(1+tau), by scanning log tau for changes of sign and brentq."""

    def excess(log_tau: float) -> float:
        return float(np.log(2) + log_tau + (1 + np.exp(log_tau) - p) * np.log(r))

    grid = np.linspace(np.log(1e-15), np.log(1e9), 20001)
    sign = np.array([excess(t) for t in grid]) > 0
    roots = [
        float(np.exp(brentq(excess, grid[k], grid[k + 1], xtol=1e-15, rtol=1e-15)))
        for k in np.flatnonzero(sign[1:] != sign[:-1])
    ]
    ends = [*([0.0] if sign[0] else []), *roots, *([np.inf] if sign[-1] else [])]
    return list(zip(ends[::2], ends[1::2], strict=True))


def metric_movement(points: Any, p: float) -> bool:
    """Whether |x-z|^p obeys the triangle inequality on all triples."""
    points = _rows(points)
    cost = cdist(points, points) ** p
    n = len(points)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                if cost[i, k] > (cost[i, j] + cost[j, k]) * (1 + 1e-12):
                    return False
    return True


# ---- random problems -------------------------------------------------------------------------------------------------

KINDS = ("cloud", "two clouds", "own stops", "line", "grid")
EXPONENTS = [(p, alpha) for p in (2.0, 1.0) for alpha in (1.0, 0.5, 2.0)]


class Problem(NamedTuple):
    """Plain arrays for the oracles, and the arguments by which the package is told the same."""

    x: np.ndarray
    a: np.ndarray
    y: np.ndarray
    b: np.ndarray
    stops: np.ndarray  # distinct
    alpha: float
    p: float
    where: dict[str, Any]  # points, or source_points and target_points, stops; for a lattice shape and bounds

    @property
    def places(self) -> tuple[np.ndarray, ...]:
        return self.x, self.a, self.y, self.b, self.stops

    @property
    def data(self) -> tuple[Any, ...]:
        return *self.places, self.alpha, self.p

    @property
    def mass(self) -> float:
        return float(self.a.sum())

    @property
    def sizes(self) -> tuple[float, float]:
        """Bounds of K and of F."""
        both = np.concatenate([self.x, self.y, self.stops])
        far = max(cdist(both, both).max(), 1e-300)
        return far**self.p * self.mass, far**self.alpha * self.mass

    def merged(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Masses on the distinct stops of a measure on points."""
        near = cdist(points, self.stops)
        assert near.min(axis=1).max() <= SAME, "mass off the stops"
        return np.bincount(near.argmin(axis=1), weights, len(self.stops))


def random_problem(kind: str, seed: int, units: int | None = None, exponents: Any = None, most: int = 8) -> Problem:
    """Draw up to `most` points a side; masses some of which are zero, or whole and adding up to `units`."""
    rng = np.random.default_rng([KINDS.index(kind), seed, 5])
    p, alpha = exponents or EXPONENTS[rng.integers(len(EXPONENTS))]
    if kind in ("line", "grid"):
        shape = (int(rng.integers(4, most + 3)),) if kind == "line" else tuple(int(k) for k in rng.integers(2, 4, 2))
        bounds = [(0.0, (k - 1) / 4) for k in shape]  # as many ties as can be
        x = y = np.array(list(np.ndindex(*shape)), dtype=float) / 4
        where: dict[str, Any] = {"shape": shape, "bounds": bounds}
    else:
        d = int(rng.integers(1, 3))
        n, m = rng.integers(2, most + 1, 2)
        x = y = rng.normal(size=(n, d))
        where = {"points": x}
        if kind != "cloud":
            y = rng.normal(size=(m, d))
            where = {"source_points": x, "target_points": y}
    a, b = (_masses(rng, len(points), units) for points in (x, y))
    stops = x
    if kind == "own stops":
        on = (x, y[::3]) if seed % 3 == 0 else (x[::2], y) if seed % 3 == 1 else (x[::2], y[::3])
        where["stops"] = stops = np.concatenate([rng.normal(size=(rng.integers(1, 6), x.shape[1])), *on])
    elif kind == "two clouds":
        stops = np.concatenate([x[a > 0], y[b > 0]])
    return Problem(x, a, y, b, stops, alpha, p, where)


def _masses(rng: np.random.Generator, n: int, units: int | None) -> np.ndarray:
    if units is not None:
        return rng.multinomial(units, np.ones(n) / n).astype(float)
    weights = rng.random(n) * (rng.random(n) < 0.8)
    weights[rng.integers(n)] += 0.3
    return weights / weights.sum()


# ---- checks ----------------------------------------------------------------------------------------------------------


def assert_same_partition(labels: Any, others: Any) -> None:
    """Check that two labellings put the same things together."""
    labels, others = np.asarray(labels), np.asarray(others)
    assert labels.shape == others.shape, f"{labels.shape} labels against {others.shape}"
    together, too = (part[:, None] == part[None, :] for part in (labels, others))
    wrong = np.argwhere(together != too)
    assert len(wrong) == 0, f"{len(wrong)} pairs differ, first {wrong[0] if len(wrong) else ''}"


def assert_all_critical(
    taus: Any, x: Any, a: Any, y: Any, b: Any, stops: Any, alpha: float = 1.0, p: float = 2.0, rtol: float = 1e-9
) -> np.ndarray:
    """Prove by linear programs that a list of tau is the list of all breakpoints of V, and return all corners (P, 2).

    At each of them K has a range [lo, hi]; as V is concave, hi at one and lo at the next are equal exactly if there is
    none between; the first lo and the last hi are known from the ends.
    """
    taus = np.asarray(taus, dtype=float)
    assert np.all(np.diff(taus) > 0), "not sorted, or twice the same"
    first, last = end_corners(x, a, y, b, stops, alpha, p)
    size = rtol * max(_power(x, stops, p).max() * np.sum(a), 1e-300)
    ranges = [oracles.movement_range_lp(x, a, y, b, stops, tau, alpha, p) for tau in taus]
    lows, highs = [lo for lo, _ in ranges] + [last[0]], [first[0]] + [hi for _, hi in ranges]
    for k, (before, after) in enumerate(zip(highs, lows, strict=True)):
        assert abs(before - after) <= size, f"a critical tau is missing between {_neighbours(taus, k)}"
    for tau, (lo, hi) in zip(taus, ranges, strict=True):
        assert hi - lo > 10 * size, f"tau = {tau} is no breakpoint"
    value = [oracles.three_layer_lp(x, a, y, b, stops, tau, alpha, p).value for tau in taus]
    left = [v - K / (2 * tau) for v, K, tau in zip(value, highs, taus, strict=False)]
    return np.column_stack([highs, [*left, last[1]]])


def _neighbours(taus: np.ndarray, k: int) -> str:
    ends = [0.0, *taus.tolist(), np.inf]
    return f"{ends[k]} and {ends[k + 1]}"
