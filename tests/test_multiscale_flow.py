"""Multiscale transport: bounds at every scale, each step against the program as stated; features and details."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracles
import oracles_transport as independent
import pytest

import wrof
from wrof import FREE, Grid, PointCloud, WrofError

pytestmark = pytest.mark.filterwarnings("ignore::wrof.WrofWarning")  # frozen at the finest scales, as they must be


def clouds(n: int, m: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, d, n, m])
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, d)), a / a.sum(), rng.random((m, d)) + 0.4, b / b.sum()


def assert_scales(walk: Any, x: Any, a: Any, lam: float, scales: int, factor: float, extra: float = 0.0) -> None:
    """Shapes, lam_k = lam 2^-k, and both bounds for k >= 1; displacements from the plans, distances by POT."""
    assert len(walk.measures) == scales + 1 and len(walk.results) == scales
    lams = lam / 2.0 ** np.arange(1, scales + 1)
    np.testing.assert_array_equal(walk.lams, lams)
    assert walk.distances.shape == (scales + 1,) and walk.displacements.shape == (scales,)
    for k, (result, nu) in enumerate(zip(walk.results, walk.measures[1:], strict=True)):
        assert result.tau == lams[k] and result.status.ok
        np.testing.assert_array_equal(nu.weights, result.rho.weights)
        np.testing.assert_array_equal(nu.points, result.rho.points)
        way = np.linalg.norm(result.plan.displacement(), axis=1)
        assert walk.displacements[k] == pytest.approx(float(way.max()), rel=1e-12)
        assert way.max() <= (factor * lams[k] + extra) * (1 + 1e-12) + 1e-14, f"scale {k + 1} moves too far"
        assert walk.distances[k + 1] <= (factor * lams[k] + extra) * np.sum(a) * (1 + 1e-12) + 1e-13, f"nu_{k + 1}"
    for nu, found in zip(walk.measures, walk.distances, strict=True):
        assert found == pytest.approx(independent.power_distance(x, a, nu.points, nu.weights), rel=1e-9, abs=1e-12)


def assert_optimal(walk: Any, x: Any, a: Any, stops: Any, alpha: float = 1.0, p: float = 2.0) -> None:
    """Every step solves the program as stated, from mu towards the measure before."""
    for result, before in zip(walk.results, walk.measures, strict=False):
        if stops is None:
            least = independent.least_free(x, a, before.points, before.weights, result.tau, alpha, p)
        else:
            data = (x, a, before.points, before.weights, stops)
            least = oracles.three_layer_lp(*data, result.tau, alpha, p).value
        assert result.value == pytest.approx(least, rel=1e-9, abs=1e-9)


# ---- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_free_stops(d: int) -> None:
    """Displacement and d_1(mu, nu_k) <= lam_k; each step optimal; reached with equality where mass is far."""
    for seed in range(5):
        x, a, y, b = clouds(7, 6, d, seed)
        walk = wrof.multiscale_flow(a, b, 1.0, 5, source_points=x, target_points=y, stops=FREE)
        assert_scales(walk, x, a, 1.0, 5, 1.0)
        assert_optimal(walk, x, a, None)
        assert walk.displacements[-1] == pytest.approx(2.0**-5, rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_free_stops_one_pair(d: int) -> None:
    """delta_x to delta_y at distance r: nu_k lies min(lam_k, r) from x, towards y."""
    x, way = np.full((1, d), 0.3), np.array([2.0, -1.0, 2.0])[:d]
    way = way / np.linalg.norm(way)
    walk = wrof.multiscale_flow([2.0], [2.0], 4.0, 6, source_points=x, target_points=x + 0.7 * way, stops=FREE)
    for k, nu in enumerate(walk.measures):
        away = 0.7 if k == 0 else min(4.0 / 2**k, 0.7)
        np.testing.assert_allclose(nu.points, x + away * way, rtol=0, atol=1e-14)
        assert walk.distances[k] == pytest.approx(2 * away, rel=1e-12)


@pytest.mark.parametrize("shape", [(24,), (6, 6), (4, 5), (3, 3, 3)])
def test_grids(shape: tuple[int, ...]) -> None:
    """Stops that contain supp mu: no mass further than 2 lam_k, nor d_1; on a line lam_k + h/2."""
    for seed in range(3):
        rng = np.random.default_rng([seed, *shape])
        grid = Grid(shape)
        a, b = rng.random((2, grid.size)) * (rng.random((2, grid.size)) < 0.6) + 1e-3
        a, b = a / a.sum(), b / b.sum()
        walk = wrof.multiscale_flow(a.reshape(shape), b, 0.9, 5, grid=grid)
        assert_scales(walk, grid.points, a, 0.9, 5, 2.0)
        if len(shape) == 1:
            assert_scales(walk, grid.points, a, 0.9, 5, 1.0, grid.h / 2)
        if grid.size <= 27:
            assert_optimal(walk, grid.points, a, grid.points)
        assert walk.displacements[0] > 0, "nothing to see"


def test_long_lines() -> None:
    """K = 301, random weights: lam_k + h/2 at every scale, which 2 lam_k would not give for the larger ones."""
    grid = Grid(301)
    for seed in range(3):
        a, b = np.random.default_rng(seed).random((2, 301)) ** 4
        a[:100] *= 10
        walk = wrof.multiscale_flow(a, b, 0.7, 8, grid=grid, normalize=True)
        assert_scales(walk, grid.points, a / a.sum(), 0.7, 8, 1.0, grid.h / 2)
        np.testing.assert_array_less(0, walk.distances[:-1])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_clouds(d: int) -> None:
    """By default the union of the supports, shared or own; or any stops that contain supp mu."""
    for seed in range(4):
        x, a, y, b = clouds(7, 6, d, seed)
        where: dict[str, Any] = {"source_points": x, "target_points": y}
        walk = wrof.multiscale_flow(a, b, 1.5, 4, **where)
        assert_scales(walk, x, a, 1.5, 4, 2.0)
        assert_optimal(walk, x, a, np.vstack([x, y]))
        stops = np.vstack([x, np.random.default_rng(seed).random((20, d)) * 1.4])
        walk = wrof.multiscale_flow(a, b, 1.5, 4, stops=PointCloud(stops), **where)
        assert_scales(walk, x, a, 1.5, 4, 2.0)
        assert_optimal(walk, x, a, stops)
        both, zero = np.vstack([x, y]), np.zeros
        one = wrof.multiscale_flow(np.append(a, zero(6)), np.append(zero(7), b), 1.5, 4, points=both)
        np.testing.assert_allclose(one.distances, wrof.multiscale_flow(a, b, 1.5, 4, **where).distances, atol=1e-9)


def test_stops_without_the_source_break_the_bound() -> None:
    """Stops that do not contain supp mu: mass must leave, however small lam_k is. The checks can fail."""
    walk = wrof.multiscale_flow([1.0], [1.0], 0.5, 4, source_points=[0.0], target_points=[1.0], stops=[0.6, 1.0])
    assert walk.displacements[-1] == pytest.approx(0.6)
    with pytest.raises(AssertionError, match="scale"):
        assert_scales(walk, [0.0], np.ones(1), 0.5, 4, 2.0)
    free = wrof.multiscale_flow([1.0], [1.0], 1.0, 2, source_points=[0.0], target_points=[1.0], stops=FREE)
    with pytest.raises(AssertionError, match="scale"):
        assert_scales(free, [0.0], np.ones(1), 1.0, 2, 0.99)
    with pytest.raises(AssertionError):
        assert_optimal(free, [0.0], np.ones(1), np.array([[0.0], [1.0]]))


@pytest.mark.parametrize("mass", [1e-6, 7.0])
def test_mass_only_scales(mass: float) -> None:
    x, a, y, b = clouds(6, 5, 2, 3)
    where: dict[str, Any] = {"source_points": x, "target_points": y, "stops": FREE}
    one, many = (wrof.multiscale_flow(a * k, b * k, 1.0, 4, **where) for k in (1.0, mass))
    np.testing.assert_allclose(many.distances, one.distances * mass, rtol=1e-9)
    np.testing.assert_allclose(many.displacements, one.displacements, rtol=1e-9)


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 2.0), (1.0, 0.5), (3.0, 1.0), (2.0, 1.5)])
def test_other_exponents(p: float, alpha: float) -> None:
    """Every step optimal for the exponents asked for; select and solver reach the steps."""
    x, a, y, b = clouds(6, 5, 2, 8)
    where: dict[str, Any] = {"source_points": x, "target_points": y, "p": p, "alpha": alpha}
    walk = wrof.multiscale_flow(a, b, 1.0, 3, select="eager", solver="simplex", **where)
    assert_optimal(walk, x, a, np.vstack([x, y]), alpha, p)
    assert all((r.select, r.solver) == ("eager", "simplex") for r in walk.results)
    assert_optimal(wrof.multiscale_flow(a, b, 1.0, 3, stops=FREE, **where), x, a, None, alpha, p)


def test_it_ends_at_the_source() -> None:
    """nu_k -> mu: on FREE as 2^-k, on a grid mu itself as soon as lam_k is below h/2; and mu = nu stays."""
    x, a, y, b = clouds(5, 4, 2, 1)
    walk = wrof.multiscale_flow(a, b, 1.0, 30, source_points=x, target_points=y, stops=FREE)
    assert 0 < walk.distances[-1] <= 2.0**-30 * (1 + 1e-6)
    grid = Grid((5, 5))
    f, g = np.random.default_rng(0).random((2, 25))
    walk = wrof.multiscale_flow(f, g, 1.0, 6, grid=grid, normalize=True)
    assert walk.lams[-1] < grid.h / 2
    np.testing.assert_allclose(walk.measures[-1].weights, f / f.sum(), rtol=0, atol=1e-12)
    same = wrof.multiscale_flow(a, a, 1.0, 3, points=x, stops=FREE)
    assert np.all(same.distances <= 1e-14) and np.all(same.displacements <= 1e-14)


def test_nu_zero_is_the_target() -> None:
    x, a, y, b = clouds(5, 4, 2, 2)
    walk = wrof.multiscale_flow(a, b, 0.8, 2, source_points=x, target_points=y)
    np.testing.assert_array_equal(walk.measures[0].weights, b)
    assert walk.distances[0] == pytest.approx(independent.power_distance(x, a, y, b), rel=1e-9)
    first = wrof.step(a, b, 0.4, source_points=x, target_points=y)
    assert walk.results[0].value == pytest.approx(first.value, rel=1e-12)


# ---- features and details -------------------------------------------------------------------------------------------


def assert_split(result: Any, found: Any) -> None:
    """x + details + features = y for every atom; the features are those with something left."""
    plan = result.plan
    x, y, z = plan.mu.points[plan.source], plan.nu.points[plan.target], plan.stop_points()
    np.testing.assert_array_equal(found.mass, plan.mass)
    np.testing.assert_allclose(found.details, z - x, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.features, y - z, rtol=0, atol=1e-15)
    left = np.linalg.norm(y - z, axis=1)
    np.testing.assert_array_equal(found.is_feature, left > 1e-10)
    assert found.feature_mass == pytest.approx(plan.mass[left > 1e-10].sum(), rel=1e-14)


def test_the_check_of_features_can_fail() -> None:
    x, a, y, b = clouds(5, 4, 2, 0)
    result = wrof.step(a, b, 0.4, source_points=x, target_points=y, stops=FREE)
    found = wrof.features(result)
    assert_split(result, found)
    for spoil in (
        {"details": found.features, "features": found.details},
        {"mass": found.mass * 1.01},
        {"is_feature": ~found.is_feature},
        {"features": found.features + 1e-9},
    ):
        with pytest.raises(AssertionError):
            assert_split(result, replace(found, **spoil))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_features_of_free_steps(d: int) -> None:
    """p = 2, alpha = 1: details are min(tau, r) long, features r - tau; the two point the same way."""
    some = 0
    for seed in range(4):
        x, a, y, b = clouds(7, 6, d, seed)
        for tau in (0.05, 0.4, 3.0):
            result = wrof.step(a, b, tau, source_points=x, target_points=y, stops=FREE)
            found = wrof.features(result)
            assert_split(result, found)
            way = result.plan.nu.points[result.plan.target] - result.plan.mu.points[result.plan.source]
            r = np.linalg.norm(way, axis=1)
            np.testing.assert_allclose(np.linalg.norm(found.details, axis=1), np.minimum(tau, r), rtol=1e-12)
            np.testing.assert_allclose(
                np.linalg.norm(found.features, axis=1), np.maximum(r - tau, 0), rtol=1e-10, atol=1e-14
            )
            np.testing.assert_allclose(found.details + found.features, way, rtol=0, atol=1e-15)
            np.testing.assert_array_equal(found.is_feature, r > tau)
            some += found.is_feature.any() and not found.is_feature.all()
            if tau == 3.0:
                assert found.feature_mass == 0
    assert some, "never both kinds in one step"


def test_features_on_grids_and_scales() -> None:
    """Any step has a split; a multiscale flow one per scale."""
    grid = Grid((4, 5))
    a, b = np.random.default_rng(4).random((2, 20))
    walk = wrof.multiscale_flow(a, b, 1.2, 3, grid=grid, normalize=True)
    for result in walk.results:
        assert_split(result, wrof.features(result))
    far = wrof.step([1, 0, 0], [0, 0, 1], 10.0, grid=3)
    assert wrof.features(far).feature_mass == 0 and not wrof.features(far).is_feature.any()
    near = wrof.step([1, 0, 0], [0, 0, 1], 0.01, grid=3)
    assert wrof.features(near).feature_mass == 1 and np.all(wrof.features(near).details == 0)


@pytest.mark.parametrize("length", [1e-9, 1.0, 1e9])
def test_features_in_any_unit(length: float) -> None:
    """Which atoms are features does not depend on the unit of length."""
    x, a, y, b = clouds(6, 5, 2, 6)
    result = wrof.step(a, b, 0.6 * length, source_points=x * length, target_points=y * length, stops=FREE)
    found, plan = wrof.features(result), result.plan
    r = np.linalg.norm(y[plan.target] - x[plan.source], axis=1)
    np.testing.assert_array_equal(found.is_feature, r > 0.6)
    assert 0 < found.feature_mass < 1


# ---- errors ---------------------------------------------------------------------------------------------------------

LINE: dict[str, Any] = {"points": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 0.0, 2, **LINE), ("lam must be",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], [1.0, 0.5], 2, **LINE), ("lam must be",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 0, **LINE), ("scales must be",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, -1, **LINE), ("scales must be",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 1.5, **LINE), ("scales must be",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 2], 1.0, 2, **LINE), ("mass",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2), ("plain array",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2, tau=0.1, **LINE), ("tau",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2, p=0, **LINE), ("p must be",)),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2, solver="magic", **LINE), ("solver", "'magic'")),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2, select="best", **LINE), ("select", "'best'")),
        (lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2, rtol=0, **LINE), ("rtol",)),
        (
            lambda: wrof.multiscale_flow([1, 0], [0, 1], 1.0, 2, select="min_norm", stops=FREE, **LINE),
            ("min_norm", "FREE"),
        ),
        (lambda: wrof.features([1, 2]), ("StepResult", "list")),
        (lambda: wrof.features(wrof.transport.plan([1, 0], [0, 1], **LINE)), ("StepResult", "TransportPlan")),
    ],
)
def test_bad_input(call: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(WrofError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_ladder_that_goes_too_low() -> None:
    with pytest.raises(WrofError, match=r"lam = 1e-299 halved 5 times is below 1e-300"):
        wrof.multiscale_flow([1.0, 0.0], [0.0, 1.0], 1e-299, 5, points=[0.0, 1.0])
