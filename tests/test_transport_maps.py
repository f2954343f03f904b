"""Maps from potentials, p > 1: Gaussians, powers on a line, and where a gradient tells the direction only."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import oracles_transport as independent
import pytest

from wrof import Grid, PointCloud, WrofError, transport

POWERS = (1.1, 1.5, 2.0, 3.0, 4.5)


# ---- Gaussians, p = 2 -----------------------------------------------------------------------------------------------


def covariance(d: int, rng: Any) -> np.ndarray:
    root = rng.normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


def affine(d: int, seed: int) -> independent.Affine:
    rng = np.random.default_rng([d, seed])
    return independent.gaussians(rng.normal(size=d), covariance(d, rng), rng.normal(size=d), covariance(d, rng))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_gaussian_oracle(d: int) -> None:
    """It takes one covariance to the other, is symmetric and positive, and its potential has the right gradient."""
    rng = np.random.default_rng(d)
    mean, cov, other_mean, other_cov = rng.normal(size=d), covariance(d, rng), rng.normal(size=d), covariance(d, rng)
    found = independent.gaussians(mean, cov, other_mean, other_cov)
    np.testing.assert_allclose(found.matrix @ cov @ found.matrix.T, other_cov, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.map(mean[None])[0], other_mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.matrix, found.matrix.T, rtol=0, atol=1e-10)
    assert np.linalg.eigvalsh(found.matrix).min() > 0
    x, step = rng.normal(size=(5, d)), 1e-5
    for axis in range(d):
        way = step * np.eye(d)[axis]
        slope = (found.potential(x + way) - found.potential(x - way)) / (2 * step)
        np.testing.assert_allclose(slope, 2 * (x - found.map(x))[:, axis], rtol=0, atol=1e-8)


@pytest.mark.parametrize("shape", [(3,), (17,), (4, 5), (3, 3, 3), (5, 4, 6)])
def test_gaussians(shape: tuple[int, ...]) -> None:
    """Quadratic potentials: finite differences of second order are exact, at the border as well."""
    d = len(shape)
    for seed, bounds in enumerate((None, [(-1.0 - k, 1.0 + 2 * k) for k in range(d)])):
        grid, gauss = Grid(shape, bounds=bounds), affine(d, seed)
        x = grid.points
        phi = gauss.potential(x)
        slope = 2 * (x - gauss.map(x))
        size = np.abs(phi).max() / grid.h * 1e-13 + 1e-12
        for given in (phi, phi.reshape(shape)):
            np.testing.assert_allclose(transport.gradient(given, grid), slope, rtol=0, atol=size)
            np.testing.assert_allclose(transport.monge_map(given, grid=grid), gauss.map(x), rtol=0, atol=size)
        np.testing.assert_allclose(transport.map_from_gradient(x, slope), gauss.map(x), rtol=1e-12, atol=1e-12)


def test_gaussian_clouds() -> None:
    """The discrete plan from a cloud to its image is the map, and the quadratic potential proves it."""
    for d in (1, 2, 3):
        gauss = affine(d, 7)
        x = np.random.default_rng(d).normal(size=(12, d))
        plan = transport.plan(np.ones(12), np.ones(12), 2.0, source_points=x, target_points=gauss.map(x))
        assert sorted(zip(plan.source, plan.target, strict=True)) == [(k, k) for k in range(12)]
        np.testing.assert_allclose(plan.barycentric_map(), gauss.map(x), rtol=0, atol=1e-12)
        phi = gauss.potential(x)
        psi = ((x - gauss.map(x)) ** 2).sum(axis=1) - phi
        assert (phi + psi).sum() == pytest.approx(plan.value, rel=1e-12)
        cost = independent.powers(x, gauss.map(x), 2.0)
        assert np.all(phi[:, None] + psi <= cost + 1e-12), "the quadratic potential is optimal, too"


# ---- x -> x^2 + 2, p = 3 --------------------------------------------------------------------------------------------


def cubic_potential(x: np.ndarray) -> np.ndarray:
    """phi with phi' = 3 |x - T| (x - T) = -3 (x^2 - x + 2)^2, T = x^2 + 2: the square multiplied out and integrated."""
    return -3 * (x**5 / 5 - x**4 / 2 + 5 * x**3 / 3 - 2 * x**2 + 4 * x)


def test_a_map_for_p_three() -> None:
    """With the exact gradient to rounding; by finite differences to second order in h; optimal, being monotone."""
    x = np.linspace(0.0, 1.0, 11)[:, None]
    exact = -3 * (x**2 - x + 2) ** 2
    np.testing.assert_allclose(transport.map_from_gradient(x, exact, 3.0), x**2 + 2, rtol=1e-15)
    errors = []
    for n in (51, 101, 201):
        grid = Grid(n, bounds=(0.0, 1.0))
        found = transport.monge_map(cubic_potential(grid.points[:, 0]), 3.0, grid=grid)
        errors.append(np.abs(found - grid.points**2 - 2).max())
    assert errors[-1] < 1e-4 and 3.5 < errors[0] / errors[1] < 4.5 and 3.5 < errors[1] / errors[2] < 4.5
    plan = transport.plan(np.ones(11), np.ones(11), 3.0, source_points=x, target_points=x**2 + 2)
    np.testing.assert_allclose(plan.barycentric_map(), x**2 + 2, rtol=1e-15)


def test_the_potential_for_p_three_is_c_concave() -> None:
    """phi + phi^c = |x - T(x)|^3 on the graph of the map: phi is the potential of that map and no other."""
    x = np.linspace(0.0, 1.0, 201)
    phi = cubic_potential(x)
    psi = transport.c_transform(phi, 3.0, source=x**2 + 2, target=x)
    np.testing.assert_allclose(phi + psi, np.abs(x - x**2 - 2) ** 3, rtol=0, atol=1e-12)
    assert transport.is_c_concave(phi, 3.0, source=x, target=x**2 + 2)


# ---- any p > 1 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_the_gradient_is_inverted(d: int, p: float) -> None:
    """grad phi = grad |.|^p at x - T for ways of all lengths from 1e-6 to 1e6, and none."""
    rng = np.random.default_rng([d, int(10 * p)])
    x = rng.normal(size=(40, d))
    way = rng.normal(size=(40, d))
    way *= np.append(np.geomspace(1e-6, 1e6, 39), 0.0)[:, None] / np.linalg.norm(way, axis=1, keepdims=True)
    found = transport.map_from_gradient(x, independent.power_gradient(way, p), p)
    np.testing.assert_allclose(x - found, way, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(found[-1], x[-1])


def test_the_gradient_oracle() -> None:
    """Against differences of |v|^p."""
    rng = np.random.default_rng(0)
    for d, p in product((1, 3), POWERS):
        v, way = rng.normal(size=(4, d)), rng.normal(size=(4, d))
        power = [np.linalg.norm(v + s * way, axis=1) ** p for s in (1e-6, -1e-6)]
        slope = (power[0] - power[1]) / 2e-6
        np.testing.assert_allclose((independent.power_gradient(v, p) * way).sum(axis=1), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_translations(d: int, p: float) -> None:
    """phi = x . grad |v|^p at v = -shift: T = x + shift, exactly by finite differences of a linear function."""
    shift = np.array([0.5, -1.0, 0.25])[:d]
    grid = Grid((4, 5, 3)[:d], bounds=(0.0, 2.0))
    phi = grid.points @ independent.power_gradient(-shift[None], p)[0]
    found = transport.monge_map(phi, p, grid=grid)
    np.testing.assert_allclose(found, grid.points + shift, rtol=0, atol=1e-12)
    np.testing.assert_allclose(transport.monge_map(phi * 0 + 3, p, grid=grid), grid.points, rtol=0, atol=0)


def test_short_axes() -> None:
    """An axis with two points has one difference, an axis with one has none and nothing moves along it."""
    grid = Grid((2, 1, 5), bounds=[(0.0, 0.5), (3.0, 3.0), (0.0, 2.0)])
    x = grid.points
    phi = 3 * x[:, 0] - 2 * x[:, 2] + x[:, 2] ** 2
    expected = np.stack([np.full(10, 3.0), np.zeros(10), -2 + 2 * x[:, 2]], axis=1)
    np.testing.assert_allclose(transport.gradient(phi, grid), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(transport.monge_map(phi, grid=grid), x - expected / 2, rtol=0, atol=1e-12)
    single = Grid((1, 1))
    np.testing.assert_array_equal(transport.monge_map([7.0], grid=single), single.points)


@pytest.mark.parametrize("d", [1, 2])
def test_potentials_of_plans_give_maps(d: int) -> None:
    """p = 2 from a density on a grid to its image under a smooth map: T from the plan's own phi, within two cells."""
    n = (201, 21)[d - 1]
    grid = Grid((n,) * d, bounds=(-1.0, 1.0))
    x = grid.points
    goal = 0.7 * x + 0.1 * x**3 + 0.2  # the gradient of a convex function
    plan = transport.plan(np.ones(len(x)), np.ones(len(x)), 2.0, source_points=x, target_points=goal)
    found = transport.monge_map(plan.phi, grid=grid)
    inner = np.all(np.abs(x) < 0.95, axis=1)
    assert np.abs(found - goal)[inner].max() <= 2 * grid.h
    assert np.abs(plan.barycentric_map() - goal).max() <= 1e-12


# ---- errors ---------------------------------------------------------------------------------------------------------

GRID = Grid((2, 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: transport.monge_map(np.zeros(6), 1.0, grid=GRID), ("p must be > 1", "transport_direction")),
        (lambda: transport.monge_map(np.zeros(6), 0.5, grid=GRID), ("p must be > 1", "transport_direction")),
        (lambda: transport.monge_map(np.zeros(6), 0, grid=GRID), ("p must be",)),
        (lambda: transport.monge_map(np.zeros(6), float("nan"), grid=GRID), ("p must be",)),
        (lambda: transport.monge_map(np.zeros(5), grid=GRID), ("phi", "shape", "(5,)", "(6,)")),
        (lambda: transport.monge_map(np.zeros((3, 2)), grid=GRID), ("phi", "shape", "(3, 2)", "(2, 3)")),
        (lambda: transport.monge_map(np.full(6, np.nan), grid=GRID), ("phi", "nan")),
        (lambda: transport.monge_map(np.full(6, -np.inf), grid=GRID), ("phi", "inf")),
        (lambda: transport.monge_map(np.zeros(2), grid=PointCloud([0.0, 1.0])), ("grid", "Grid", "PointCloud")),
        (lambda: transport.gradient(np.zeros(2), [0.0, 1.0]), ("grid", "Grid")),
        (lambda: transport.gradient(np.zeros(5), GRID), ("phi", "shape")),
        (lambda: transport.gradient(["a"] * 6, GRID), ("phi", "real")),
        (lambda: transport.map_from_gradient([[0.0]], [[1.0]], 1.0), ("p must be > 1", "transport_direction")),
        (lambda: transport.map_from_gradient([[0.0]], [[1.0, 2.0]]), ("gradient", "(1, 1)", "(1, 2)")),
        (lambda: transport.map_from_gradient([[0.0]], [[1.0], [2.0]]), ("gradient", "(1, 1)", "(2, 1)")),
        (lambda: transport.map_from_gradient([[0.0]], [[np.nan]]), ("gradient", "nan")),
        (lambda: transport.map_from_gradient([[np.inf]], [[0.0]]), ("points", "inf")),
        (lambda: transport.map_from_gradient([[0.0]], [[1e5]], 1.01), ("gradient", "p = 1.01")),  # 1e500
    ],
)
def test_bad_input(call: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(WrofError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_gradient_that_overflows() -> None:
    with pytest.raises(WrofError, match=r"gradient of phi, up to 1e\+308, overflows"):
        transport.gradient([1e308, -1e308, 0.0], Grid(3))
