"""Free stops: the step against the program as stated, flows against what is proven about them, lattices as bounds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import oracles
import oracles_transport as independent
import pytest

import wrof
from wrof import FREE


def clouds(n: int, m: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two clouds of unit mass, no two weights alike."""
    rng = np.random.default_rng([seed, d, n, m])
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, d)), a / a.sum(), rng.random((m, d)) + 0.4, b / b.sum()


def free(x: Any, a: Any, y: Any, b: Any, tau: float, **options: Any) -> Any:
    return wrof.step(a, b, tau, source_points=x, target_points=y, stops=FREE, **options)


# ---- against the program as stated ----------------------------------------------------------------------------------

EXPONENTS = [(2.0, 1.0), (2.0, 2.0), (2.0, 1.2), (1.0, 1.5), (3.0, 1.0), (2.0, 0.5), (0.5, 1.0), (1.0, 0.5)]


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
def test_the_program_as_stated(d: int, p: float, alpha: float) -> None:
    """Candidates with the exact stops among them, and a cloud of others: equal to 1e-10, and rho is as good there."""
    for seed, tau in enumerate((0.05, 0.3, 2.0)):
        x, a, y, b = clouds(5, 4, d, seed)
        stops = independent.free_stops(x, y, tau, alpha, p)
        others = np.random.default_rng(seed).uniform(-0.1, 1.5, (40, d))
        stated = oracles.three_layer_lp(x, a, y, b, np.vstack([stops, others, x, y]), tau, alpha, p)
        result = free(x, a, y, b, tau, p=p, alpha=alpha)
        assert abs(result.value - stated.value) <= 1e-10, (result.value, stated.value)
        assert len(result.rho.weights) <= len(a) + len(b) - 1
        z, rho = result.rho.points, result.rho.weights
        there = oracles.power_transport(x, a, z, rho, p) / (2 * tau) + oracles.power_transport(z, rho, y, b, alpha)
        assert there == pytest.approx(stated.value, abs=1e-10), "J afresh at rho"


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_exact_stops_are_needed(d: int) -> None:
    """Moved by a hundredth, they cost more: the comparison above can fail."""
    x, a, y, b = clouds(5, 4, d, 0)
    stops = independent.free_stops(x, y, 0.3)
    off = oracles.three_layer_lp(x, a, y, b, stops + 0.01, 0.3).value
    assert free(x, a, y, b, 0.3).value < off - 1e-6


@pytest.mark.parametrize("d", [1, 2, 3])
def test_shared_and_repeated_points(d: int) -> None:
    """Points in both clouds, points written twice, points without mass: against the program as stated."""
    for seed in range(4):
        x, a, y, b = clouds(4, 3, d, seed)
        x, y = np.vstack([x, x[:1], y[:1]]), np.vstack([y, y[1:2], x[2:3]])
        a, b = np.append(a, [0.25, 0.5]), np.append(b, [0.75, 0.0])
        stops = np.unique(independent.free_stops(x, y, 0.2), axis=0)
        stated = oracles.three_layer_lp(x, a, y, b, stops, 0.2).value
        assert free(x, a, y, b, 0.2).value == pytest.approx(stated, abs=1e-10)


@pytest.mark.parametrize("d", [5, 50])
def test_many_dimensions(d: int) -> None:
    """The step depends on distances alone: points on a plane of R^d as in the plane; and against Huber's cost."""
    rng = np.random.default_rng(d)
    x, a, y, b = clouds(9, 8, 2, 3)
    frame = np.linalg.qr(rng.normal(size=(d, 2)))[0].T
    flat, deep = free(x, a, y, b, 0.3), free(x @ frame, a, y @ frame, b, 0.3)
    assert deep.value == pytest.approx(flat.value, rel=1e-13)
    assert deep.rho.points.shape[1] == d
    x, y = rng.normal(size=(9, d)), rng.normal(size=(8, d))
    tau = float(np.median(independent.powers(x, y)))
    assert free(x, a, y, b, tau).value == pytest.approx(independent.least_free(x, a, y, b, tau), rel=1e-12)


# ---- costs that are not convex along the segment --------------------------------------------------------------------


def dense_search(r: float, tau: float, alpha: float, p: float) -> tuple[float, float]:
    """Least s^p/2tau + (r-s)^alpha over 10001 points that crowd at both ends, and the lesser of both ends."""
    inner = np.concatenate([np.linspace(0, 1, 8001), np.geomspace(1e-16, 0.5, 1000)])
    s = r * np.unique(np.concatenate([inner, 1 - inner]))
    total = s**p / (2 * tau) + (r - s) ** alpha
    return float(total.min()), float(min(total[0], total[-1]))


@pytest.mark.parametrize(
    ("p", "alpha"), [(2.0, 0.5), (0.5, 2.0), (3.0, 0.3), (0.3, 3.0), (1.5, 0.9), (0.9, 1.5), (0.5, 0.4), (1.0, 0.5)]
)
def test_both_branches_by_dense_search(p: float, alpha: float) -> None:
    """One source, 60 targets: no atom above the search, nor below by more than its mesh allows."""
    inside: list[bool] = []
    r = np.geomspace(0.02, 5, 60)
    y = r[:, None] * np.stack([np.cos(np.arange(60)), np.sin(np.arange(60))], axis=1)
    for tau in (0.05, 0.3, 1.0):
        plan = free(np.zeros((1, 2)), [60.0], y, np.ones(60), tau, p=p, alpha=alpha).plan
        stop = plan.stop_points()[np.argsort(plan.target)]
        cost = np.linalg.norm(stop, axis=1) ** p / (2 * tau) + np.linalg.norm(y - stop, axis=1) ** alpha
        for k in range(60):
            least, end = dense_search(r[k], tau, alpha, p)
            inside.append(least < end * (1 - 1e-4))
            assert cost[k] <= least * (1 + 1e-13), (tau, r[k])
            assert cost[k] >= least * (1 - 1e-6), (tau, r[k])
    assert 5 <= sum(inside) <= 175 or (p <= 1 and alpha <= 1), "one branch only"


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 0.5), (0.5, 2.0), (0.5, 0.5), (3.0, 1.5), (2.0, 1.0)])
@pytest.mark.parametrize("d", [2, 3])
def test_no_detour_pays(p: float, alpha: float, d: int) -> None:
    """Stops anywhere off the segment too: a random cloud of 4000 around it, and around both ends, never does better."""
    rng = np.random.default_rng([d, int(10 * p), int(10 * alpha)])
    for tau in (0.1, 0.5):
        y = rng.normal(size=(1, d))
        around = np.vstack(
            [rng.normal(size=(2000, d)), y + 0.02 * rng.normal(size=(1000, d)), 0.02 * rng.normal(size=(1000, d))]
        )
        cost = np.linalg.norm(around, axis=1) ** p / (2 * tau) + np.linalg.norm(around - y, axis=1) ** alpha
        assert free(np.zeros((1, d)), [1.0], y, [1.0], tau, p=p, alpha=alpha).value <= cost.min() * (1 + 1e-14)


def test_the_search_tells_branches_apart() -> None:
    """p = 2, alpha = 1/2, tau = 0.3: at 0.8 only a part of the way, at 0.5 all of it."""
    part, end = dense_search(0.8, 0.3, 0.5, 2.0)
    assert part == pytest.approx(oracles.free_move(0.8, 0.3, 0.5)[1], rel=1e-6)
    assert end == pytest.approx(np.sqrt(0.8), rel=1e-14) and part < 0.95 * end
    assert dense_search(0.5, 0.3, 0.5, 2.0) == pytest.approx((0.25 / 0.6,) * 2, rel=1e-14)


# ---- lattices as candidates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", ["lazy", "eager"])
@pytest.mark.parametrize(("d", "levels"), [(1, 7), (2, 4), (3, 3)])
def test_lattices_fall_to_the_free_value(d: int, levels: int, select: str) -> None:
    """Nested lattices of spacing h: never below, never rising, and at most d h^2 / 8 (1/tau + 1/rest) above.

    A stop moved by e, |e|^2 <= d h^2 / 4, costs at most |e|^2 / 2 tau + |e|^2 / 2 rest more, rest = r - tau the least
    way that is left to go; atoms that arrive lie on the lattice.
    """
    rng = np.random.default_rng(d)
    coarse = wrof.Grid((5,) * d, bounds=(0.0, 1.0))
    i, j = rng.choice(coarse.size, 5, replace=coarse.size < 9), rng.choice(coarse.size, 4, replace=False)
    x, y, a, b = coarse.points[i], coarse.points[j], np.full(5, 0.2), np.full(4, 0.25)
    tau = 0.23
    far = independent.powers(x, y)
    rest = (far - tau)[far > tau].min()
    value = free(x, a, y, b, tau, select=select).value
    assert value == pytest.approx(independent.least_free(x, a, y, b, tau), abs=1e-10)
    excess = []
    for level in range(levels):
        grid = wrof.Grid((4 * 2**level + 1,) * d, bounds=(0.0, 1.0))
        result = wrof.step(a, b, tau, source_points=x, target_points=y, stops=grid, select=select)
        excess.append(result.value - value)
        bound = d * grid.h**2 / 8 * (1 / tau + (1 / rest if d > 1 else 0))
        assert -1e-13 <= excess[-1] <= bound + 1e-13, f"h = {grid.h}"
    assert all(later <= earlier + 1e-13 for earlier, later in pairwise(excess))
    assert excess[0] > 1e-4 and excess[-1] < excess[0] / 4, "the coarsest lattice is good already"


def test_the_oracles_of_free_steps() -> None:
    """Huber's cost is that of the best place by brute force; quantile functions tell a shift of 1e-12."""
    for r in (0.0, 0.1, 0.3, 0.31, 2.0):
        expected = oracles.free_move(r, 0.3)[1] if r else 0.0
        assert independent.huber(r, 0.3) == pytest.approx(expected, rel=1e-12)
    x, a, y, b = clouds(4, 3, 2, 0)
    by_hand = oracles.transport_lp(independent.huber(independent.powers(x, y), 0.3), a, b)
    assert independent.least_free(x, a, y, b, 0.3) == pytest.approx(by_hand, abs=1e-10)
    assert independent.least_free(x, a, y, b, 0.3, 1.0, 2.0 + 1e-12) == pytest.approx(by_hand, abs=1e-9)
    line, mass = np.array([0.0, 1.0, 5.0]), np.array([0.2, 0.3, 0.5])
    assert independent.quantile_gap(line, mass, line[::-1], mass[::-1]) == 0
    assert independent.quantile_gap(line, mass, line * (1 + 2e-13), mass) == pytest.approx(1e-12, rel=1e-3)
    assert independent.quantile_gap(line, mass, line, [0.2, 0.31, 0.49]) == 4


# ---- flows ----------------------------------------------------------------------------------------------------------


def test_fifty_flows_contract() -> None:
    """alpha = 1, tau <= R: F(rho_k+1) <= (1 - tau/2R) F(rho_k) at every step, F by POT; and atoms within n + m - 1."""
    close = np.inf
    for seed in range(50):
        rng = np.random.default_rng(seed)
        d, n, m = (int(k) for k in (1 + seed % 3, rng.integers(2, 13), rng.integers(2, 13)))
        x, a, y, b = clouds(n, m, d, seed)
        if seed % 5 == 0:  # far apart: R is little more than every way
            y = y + 20
        size = float(independent.powers(np.vstack([x, y]), np.vstack([x, y])).max())
        tau = size * float(rng.choice([0.02, 0.1, 0.3, 1.0]))
        walk = wrof.flow(a, b, tau, 6, source_points=x, target_points=y, stops=FREE)
        assert all(r.status.ok for r in walk.results)
        left = [independent.power_distance(rho.points, rho.weights, y, b) for rho in walk.measures]
        for before, after in pairwise(left):
            assert after <= (1 - tau / (2 * size)) * before + 1e-12 * size, (seed, before, after)
            close = min(close, (1 - tau / (2 * size)) - after / before)
        for one, other in pairwise(walk.measures):
            assert len(other.weights) <= len(one.weights) + m - 1
            assert other.mass == pytest.approx(1.0, abs=1e-12)
    assert close < 0.15, "the bound was never nearly reached: too easy"


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e6, 0.0), (1e-6, 0.0), (1.0, 64.0)])
def test_a_hundred_steps_on_a_line(scale: float, shift: float) -> None:
    """Q_k = clip(Q_nu, Q_mu - k tau, Q_mu + k tau) to 1e-12 at every level of mass, 100 steps."""
    for seed in range(3):
        x, a, y, b = clouds(12, 9, 1, seed)
        x, y = np.sort(x, axis=0), np.sort(2 * y - 1, axis=0)
        i, j, mass = independent.line_atoms(a, b)
        x, y, tau = x * scale + shift, y * scale + shift, scale * np.abs(x[i] - y[j]).max() / 100.5
        walk = wrof.flow(a, b, tau, 100, source_points=x, target_points=y, stops=FREE)
        assert len(walk.results) == 100 and walk.stopped == "max steps"
        for k, rho in enumerate(walk.measures):
            place = np.clip(y[j], x[i] - k * tau, x[i] + k * tau)
            gap = independent.quantile_gap(rho.points, rho.weights, place, mass)
            assert gap <= 1e-12 * scale + 1e-14 * shift, f"step {k}: {gap:.3g}"


def test_the_line_is_a_flow_in_space() -> None:
    """The same line laid askew in R^3: 60 steps, places to 1e-12."""
    x, a, y, b = clouds(8, 6, 1, 5)
    x, y = np.sort(x, axis=0), np.sort(2 * y - 1, axis=0)
    i, j, mass = independent.line_atoms(a, b)
    way = np.array([[2.0, -1.0, 2.0]]) / 3
    tau = float(np.abs(x[i] - y[j]).max()) / 60.5
    walk = wrof.flow(a, b, tau, 60, source_points=x @ way, target_points=y @ way, stops=FREE)
    for k, rho in enumerate(walk.measures):
        along = rho.points @ way[0]
        assert np.abs(rho.points - along[:, None] * way).max() <= 1e-12, "left the line"
        place = np.clip(y[j], x[i] - k * tau, x[i] + k * tau)
        assert independent.quantile_gap(along, rho.weights, place, mass) <= 1e-12, k


def test_everything_arrives() -> None:
    """alpha = 1: the whole target is reached, in the plane and in space."""
    for d, seed in product((2, 3), range(3)):
        x, a, y, b = clouds(6, 5, d, seed)
        walk = wrof.flow(a, b, 0.11, 200, source_points=x, target_points=y, stops=FREE)
        assert walk.regime == "target"
        assert independent.power_distance(walk.rho.points, walk.rho.weights, y, b) <= 1e-12


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.5), (2.0, 2.0), (2.0, "1+tau"), (1.0, 1.5), (3.0, 1.0), (2.0, 0.5)])
@pytest.mark.parametrize("d", [2, 3])
def test_flows_end_near_the_target(d: int, p: float, alpha: Any) -> None:
    """150 steps: every step certified, however small J has become; nu up to rounding, if p > 1 and alpha >= 1."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, y, a, b = rng.normal(size=(6, d)), rng.normal(size=(3, d)), np.full(6, 1 / 6), np.full(3, 1 / 3)
        walk = wrof.flow(a, b, 0.3, 150, p=p, alpha=alpha, source_points=x, target_points=y, stops=FREE)
        assert walk.regime in ("target", "steady") or (p <= 1 and walk.regime == "frozen"), (seed, walk)
        if p > 1 and alpha != 0.5:
            left = independent.power_distance(walk.rho.points, walk.rho.weights, y, b)
            assert left <= 1e-9, (seed, left)


# ---- atoms that meet ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [[1.0], [0.6, 0.8], [2 / 3, -1 / 3, 2 / 3]], ids=str)
def test_atoms_on_the_same_way_are_one(way: list[float]) -> None:
    """One source, targets in line at 1, 2 and 3: one atom until the first target is reached, then fewer."""
    start, end = np.zeros((1, len(way))), np.array([[1.0], [2.0], [3.0]]) * np.array(way)
    b = np.array([0.5, 0.25, 0.25])
    walk = wrof.flow([1.0], b, 0.3, 10, source_points=start, target_points=end, stops=FREE)
    for k, (rho, result) in enumerate(zip(walk.measures[1:], walk.results, strict=True), 1):
        place = np.minimum(np.arange(1, 4), 0.3 * k)
        distinct = len(np.unique(np.round(place, 9)))
        assert len(rho.weights) == distinct, k
        assert result.status.ok
        assert_counted(rho, result)
        assert independent.quantile_gap(rho.points @ np.array(way), rho.weights, place, b) <= 1e-12
    assert walk.regime == "target"


def test_the_count_of_merged_atoms_can_be_wrong() -> None:
    """The check notices a count that is missing, too small or too great, and a place that is no atom."""
    result = free([[0.0, 0.0]], [1.0], [[0.6, 0.8], [1.2, 1.6]], [0.5, 0.5], 0.3)
    assert_counted(result.rho, result)
    for stats in ({"merged": -1}, {"merged": 7}):
        with pytest.raises(AssertionError):
            assert_counted(result.rho, replace(result, stats=stats))
    with pytest.raises(AssertionError):
        assert_counted(wrof.PointCloud([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]).measure([0.2, 0.3, 0.5]), result)


def assert_counted(rho: Any, result: Any) -> None:
    """Places of the plan that are not atoms of rho are reported as merged."""
    places = np.unique(result.plan.stop_points(), axis=0)
    assert result.stats["merged"] >= len(places) - len(rho.weights) >= 0
    assert result.stats["merged"] <= len(result.plan.mass) - len(rho.weights)


def test_merged_atoms_are_certified() -> None:
    """Growth over a flow in the plane: coincident atoms are one, mass and J are those of the merged measure."""
    x, a, y, b = clouds(7, 6, 2, 1)
    walk = wrof.flow(a, b, 0.08, 25, source_points=x, target_points=y, stops=FREE)
    for before, rho, result in zip(walk.measures, walk.measures[1:], walk.results, strict=False):
        gaps = independent.powers(rho.points, rho.points)
        np.fill_diagonal(gaps, np.inf)
        assert gaps.min() > 1e-12, "two atoms within the stated tolerance"
        assert rho.mass == pytest.approx(1.0, abs=1e-12)
        assert_counted(rho, result)
        least = independent.least_free(before.points, before.weights, y, b, 0.08)
        there = independent.power_distance(before.points, before.weights, rho.points, rho.weights, 2) / 0.16
        there += independent.power_distance(rho.points, rho.weights, y, b)
        assert result.value == pytest.approx(least, rel=1e-9) and there == pytest.approx(least, rel=1e-9)
