"""Plans, potentials, c-transforms and the two textbook programs, each against brute force or an independent program."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import oracles
import oracles_transport as independent
import pytest
from scipy import sparse

import wrof
from wrof import Grid, Measure, PointCloud, WrofError, transport

POWERS = (0.5, 1.0, 1.5, 2.0, 3.0)


def clouds(n: int, m: int, d: int, seed: int, lattice: bool = False) -> tuple[np.ndarray, ...]:
    """Two clouds of mass 1; on a lattice points repeat and coincide across the clouds; some weights are 0."""
    rng = np.random.default_rng([seed, d, n, m])
    x, y = ((rng.integers(0, 4, (k, d)) / 3).astype(float) if lattice else rng.normal(size=(k, d)) for k in (n, m))
    a, b = rng.random(n) * (rng.random(n) < 0.8), rng.random(m) * (rng.random(m) < 0.8)
    a[0] += 0.3
    b[-1] += 0.3
    return x, a / a.sum(), y, b / b.sum()


# ---- plans ----------------------------------------------------------------------------------------------------------


def assert_certified(plan: Any, x: Any, a: Any, y: Any, b: Any, p: float, value: float) -> None:
    """Marginals, value, potentials of all points, complementary slackness, and every derived quantity."""
    cost, size = independent.powers(x, y, p), max(float(independent.powers(x, y, p).max()), 1e-300)
    mass = float(np.sum(a))
    assert plan.p == p
    assert np.all(plan.mass > 0), "an atom without mass"
    oracles.assert_plan((plan.source, plan.target, plan.mass), a, b)
    assert abs(plan.value - value) <= 1e-9 * max(value, 1e-3 * size * mass), f"value {plan.value}, not {value}"
    oracles.assert_dual_feasible(plan.phi, plan.psi, cost)
    dual = float(np.dot(plan.phi, a) + np.dot(plan.psi, b))
    assert abs(plan.dual - dual) <= 1e-12 * size * mass and abs(plan.value - dual) <= 1e-9 * size * mass, "dual"
    assert abs(plan.gap - (plan.value - plan.dual)) <= 1e-13 * size * mass
    slack = cost[plan.source, plan.target] - plan.phi[plan.source] - plan.psi[plan.target]
    assert np.abs(slack).max() <= 1e-9 * size, f"phi + psi is not the cost of an atom: {np.abs(slack).max():.3g}"
    np.testing.assert_array_equal(plan.x, independent.rows(x)[plan.source])
    np.testing.assert_array_equal(plan.y, independent.rows(y)[plan.target])
    np.testing.assert_array_equal(plan.displacement(), plan.y - plan.x)
    np.testing.assert_allclose(plan.length() ** p, cost[plan.source, plan.target], rtol=1e-12, atol=1e-300)
    rooted = max(value, 0.0) ** (1 / p) if p >= 1 else value
    assert plan.distance == pytest.approx(rooted, rel=1e-8, abs=(1e-12 * size * mass) ** (1 / max(p, 1)))
    matrix = np.zeros(cost.shape)
    np.add.at(matrix, (plan.source, plan.target), plan.mass)
    np.testing.assert_array_equal(plan.toarray(), matrix)
    goal = np.array(independent.rows(x))
    some = matrix.sum(axis=1) > 0
    goal[some] = (matrix @ independent.rows(y))[some] / matrix.sum(axis=1)[some][:, None]
    np.testing.assert_allclose(plan.barycentric_map(), goal, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_plans_against_the_linear_program(d: int, p: float) -> None:
    """Primal = dual = HiGHS on clouds, repeated and shared points, weights of 0, one atom, any mass."""
    for seed, (n, m, lattice) in enumerate([(6, 5, False), (9, 4, True), (1, 6, False), (5, 1, True), (8, 8, True)]):
        x, a, y, b = clouds(n, m, d, seed, lattice)
        a, b = a * (1, 7.5, 1e-6)[seed % 3], b * (1, 7.5, 1e-6)[seed % 3]
        plan = transport.plan(a, b, p, source_points=x, target_points=y)
        assert_certified(plan, x, a, y, b, p, oracles.power_transport(x, a, y, b, p))


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("shape", [(1,), (11,), (4, 5), (1, 7), (3, 1, 4), (2, 3, 2)])
def test_plans_on_grids(shape: tuple[int, ...], p: float) -> None:
    """One grid for both, anisotropic too, with and without empty points; as the cloud of its points."""
    for seed, bounds in enumerate((None, [(-1.0, 1.0 + 2 * k) for k in range(len(shape))])):
        grid = Grid(shape, bounds=bounds)
        rng = np.random.default_rng(seed)
        a, b = rng.random((2, grid.size)) * (rng.random((2, grid.size)) < (0.6 if seed else 1.1)) + 1e-3 * (seed == 0)
        a[0] += 0.1
        b[-1] += 0.1
        a, b = a / a.sum(), b / b.sum()
        value = oracles.power_transport(grid.points, a, grid.points, b, p)
        assert_certified(transport.plan(a.reshape(shape), b, p, grid=grid), grid.points, a, grid.points, b, p, value)
        cloud = transport.plan(grid.measure(a), Measure(PointCloud(grid.points), b), p)
        assert_certified(cloud, grid.points, a, grid.points, b, p, value)


@pytest.mark.parametrize(
    "spoil",
    [
        {"mass": lambda v: v * 1.1},
        {"mass": lambda v: v - v.max()},
        {"phi": lambda v: v + 1e-3},
        {"phi": lambda v: v - 1e-3},
        {"psi": lambda v: np.where(np.arange(len(v)) == 1, v + 0.1, v)},
        {"target": lambda v: v[::-1].copy()},
    ],
    ids=["mass", "negative", "phi too great", "phi too small", "psi", "pairing"],
)
def test_the_check_of_plans_can_fail(spoil: dict[str, Any]) -> None:
    """Wrong masses, shifted potentials, another pairing; a value that is another problem's."""
    x, a, y, b = clouds(6, 5, 2, 0)
    plan = transport.plan(a, b, 1.0, source_points=x, target_points=y)
    value = oracles.power_transport(x, a, y, b, 1.0)
    assert_certified(plan, x, a, y, b, 1.0, value)
    wrong = replace(plan, **{name: change(getattr(plan, name)) for name, change in spoil.items()})
    for bad, goal in ((wrong, value), (plan, value * (1 + 1e-6))):
        with pytest.raises(AssertionError):
            assert_certified(bad, x, a, y, b, 1.0, goal)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_the_line_is_monotone(p: float) -> None:
    """p >= 1 on a line: the quantile formula, any order of the points; for p = 1 the distribution functions."""
    for seed in range(4):
        x, a, y, b = clouds(12, 9, 1, seed, lattice=seed == 3)
        s, t = np.argsort(x[:, 0], kind="stable"), np.argsort(y[:, 0], kind="stable")
        i, j, mass = independent.line_atoms(a[s], b[t])
        value = float((np.abs(x[s][i] - y[t][j])[:, 0] ** p) @ mass)
        plan = transport.plan(a, b, p, source_points=x, target_points=y)
        assert plan.value == pytest.approx(value, rel=1e-12, abs=1e-15)
        if p == 1:
            assert plan.value == pytest.approx(independent.cdf_distance(x, a, y, b), rel=1e-12)
        if p > 1 and seed < 3:  # strictly convex, distinct points: the only plan
            expected = np.zeros((12, 9))
            expected[s[i], t[j]] = mass
            np.testing.assert_allclose(plan.toarray(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_translation(d: int) -> None:
    """p >= 1: the whole cloud moves by v, distance |v|; for p > 1 every atom does."""
    x, a, _, _ = clouds(8, 1, d, d)
    v = np.array([0.3, -0.4, 1.2])[:d]
    for p in (1.0, 1.5, 2.0, 3.0):
        plan = transport.plan(a, a, p, source_points=x, target_points=x + v)
        assert plan.distance == pytest.approx(float(np.linalg.norm(v)), rel=1e-9)
        if p > 1:
            np.testing.assert_allclose(plan.displacement(), np.tile(v, (len(plan.mass), 1)), rtol=0, atol=1e-12)


def test_units_of_plans() -> None:
    """Tiny and huge lengths and masses, and far from the origin: certified all the same."""
    x, a, y, b = clouds(7, 6, 2, 3)
    for length, mass, shift in product((1e-9, 1e6), (1e-9, 1e6), (0.0, 100.0)):
        for p in (0.5, 1.0, 2.0):
            u, v = (x + shift) * length, (y + shift) * length
            plan = transport.plan(a * mass, b * mass, p, source_points=u, target_points=v)
            assert plan.value == pytest.approx(oracles.power_transport(x, a, y, b, p) * mass * length**p, rel=1e-9)
            assert abs(plan.gap) <= 1e-9 * plan.value


def test_equal_measures_stay() -> None:
    for d, p in product((1, 2, 3), POWERS):
        x, a, _, _ = clouds(7, 1, d, d)
        plan = transport.plan(a, a, p, points=x)
        assert plan.value <= 1e-14 and plan.distance <= 1e-14 ** (1 / max(p, 1)) and np.all(plan.length() <= 1e-12)


def test_verbs_agree() -> None:
    """distance, distance_power, objective live in the package and at the top; `potentials` are the plan's."""
    x, a, y, b = clouds(6, 5, 2, 4)
    where: dict[str, Any] = {"source_points": x, "target_points": y}
    for p in POWERS:
        expected = oracles.power_transport(x, a, y, b, p)
        assert transport.distance_power(a, b, p, **where) == pytest.approx(expected, rel=1e-9)
        assert transport.distance(a, b, p, **where) == wrof.distance(a, b, p, **where)
        assert transport.distance(a, b, p, **where) == pytest.approx(expected ** (1 / p) if p >= 1 else expected)
        phi, psi = transport.potentials(a, b, p, **where)
        oracles.assert_dual_feasible(phi, psi, independent.powers(x, y, p))
        assert phi @ a + psi @ b == pytest.approx(expected, rel=1e-9)
        found = transport.potentials(a, b, p, **where)
        assert found.phi is found[0] and found.psi is found[1]
    mu, nu = PointCloud(x).measure(a), PointCloud(y).measure(b)
    rho = transport.objective(mu, mu, nu, 0.3)
    assert rho == wrof.objective(mu, mu, nu, 0.3) == pytest.approx(oracles.power_transport(x, a, y, b, 1), rel=1e-9)
    assert transport.plan(mu, nu).mu is mu or np.array_equal(transport.plan(mu, nu).mu.weights, a)
    assert transport.plan(mu, nu).p == 1


def test_potentials_for_p_one() -> None:
    """One grid, all points with mass in both: phi is 1-Lipschitz and psi = -phi."""
    for shape in ((9,), (4, 5), (2, 3, 3)):
        grid = Grid(shape)
        a, b = np.random.default_rng(len(shape)).random((2, grid.size)) + 0.01
        phi, psi = transport.potentials(a, b, 1.0, grid=grid, normalize=True)
        np.testing.assert_allclose(psi, -phi, rtol=0, atol=1e-12)
        assert np.all(phi[:, None] - phi[None] <= independent.powers(grid.points, grid.points) + 1e-12)


def test_potentials_where_there_is_no_mass() -> None:
    """Two atoms on a wide grid: finite and feasible on all of its points, as tight as c-transforms are."""
    for p in POWERS:
        grid = Grid((7, 9))
        a, b = np.zeros((2, 63))
        a[[3, 60]], b[[20, 31]] = 0.5, 0.5
        phi, psi = transport.potentials(a, b, p, grid=grid)
        cost = independent.powers(grid.points, grid.points, p)
        assert np.all(np.isfinite(phi)) and np.all(np.isfinite(psi))
        oracles.assert_dual_feasible(phi, psi, cost, rtol=1e-12)
        slack = cost - phi[:, None] - psi[None]
        assert np.abs(slack.min(axis=0)).max() <= 1e-9, "some psi could be greater"


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
@pytest.mark.slow
def test_many_pairs(p: float) -> None:
    """More than 2e5 pairs, no matrix: grid and clouds, potentials feasible on all points."""
    rng = np.random.default_rng(int(2 * p))
    grid = Grid((19, 27))
    a, b = rng.random((2, 513)) * (rng.random((2, 513)) < 0.95)
    a, b = a / a.sum(), b / b.sum()
    x, y = rng.normal(size=(480, 2)), rng.normal(size=(450, 2))
    f, g = np.full(480, 1 / 480), np.full(450, 1 / 450)
    for args, where in (
        ((grid.points, a, grid.points, b), {"grid": grid}),
        ((x, f, y, g), {"source_points": x, "target_points": y}),
    ):
        plan = transport.plan(args[1], args[3], p, **where)
        assert_certified(plan, *args, p, independent.power_distance(*args, p))


# ---- p = 1 and p = 2 in the plane -----------------------------------------------------------------------------------


def test_plans_for_p_one_never_cross() -> None:
    """General position in the plane, 12 clouds, weights that split atoms; p = 2 on the same points sometimes does."""
    crossing = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x, y, a, b = rng.random((14, 2)), rng.random((13, 2)), rng.random(14) + 0.1, rng.random(13) + 0.1
        where: dict[str, Any] = {"source_points": x, "target_points": y, "normalize": True}
        one, two = (transport.plan(a, b, p, **where) for p in (1.0, 2.0))
        assert independent.crossings(one.x, one.y) == []
        crossing += len(independent.crossings(two.x, two.y))
    assert crossing > 0


def test_two_atoms_that_cross_for_p_two() -> None:
    """(0,0), (1,1) to (2,1), (5,-1): 5 + 20 < 26 + 1 keeps the crossing pairs; sqrt 5 + sqrt 20 > sqrt 26 + 1."""
    where: dict[str, Any] = {"source_points": [[0.0, 0], [1, 1]], "target_points": [[2.0, 1], [5, -1]]}
    for p, targets, value in ((2.0, [0, 1], 25.0), (1.0, [1, 0], np.sqrt(26) + 1)):
        plan = transport.plan([1.0, 1.0], [1.0, 1.0], p, **where)
        assert plan.target[np.argsort(plan.source)].tolist() == targets
        assert plan.value == pytest.approx(value, rel=1e-14)
        assert len(independent.crossings(plan.x, plan.y)) == (p == 2)


def test_crossings() -> None:
    """A cross, and segments that share an end, touch, overlap or pass by."""
    far = [[0.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 0.0]]
    assert independent.crossings(*far) == [(0, 1)]
    for start, end in (
        ([[0.0, 0], [0, 0]], [[1.0, 1], [1, 0]]),
        ([[0.0, 0], [1, 0]], [[2.0, 0], [1, 1]]),
        ([[0.0, 0], [1, 0]], [[2.0, 0], [3, 0]]),
        ([[0.0, 0], [0, 1]], [[1.0, 0], [1, 1]]),
    ):
        assert independent.crossings(start, end) == []


# ---- c-transforms ---------------------------------------------------------------------------------------------------

SHAPES = [
    (1,),
    (2,),
    (3,),
    (64,),
    (1, 1),
    (1, 9),
    (9, 1),
    (7, 5),
    (16, 17),
    (2, 3, 4),
    (1, 6, 1),
    (5, 1, 6),
    (3, 2, 2, 3),
]


def bounds_of(kind: str, d: int) -> Any:
    """Square cells, cells of different sides in every axis, tiny or huge ones, a box far from the origin."""
    return {
        "default": None,
        "anisotropic": [(-1.0 - k, 2.0 + 7 * k**2) for k in range(d)],
        "tiny": [(0.0, 1e-7)] * d,
        "huge": [(-1e8, 1e8)] * d,
        "far": [(1e4, 1e4 + 1.0)] * d,
    }[kind]


def values_of(kind: str, size: int, reach: float, rng: Any) -> np.ndarray:
    """Values on the scale of the costs, far beyond or far below it, tied, all but flat; a c-transform's own."""
    values = {
        "plain": rng.normal(size=size) * reach,
        "flat": np.zeros(size),
        "tied": rng.integers(-2, 3, size) * reach / 4,
        "steep": rng.normal(size=size) * reach * 1e9,
        "gentle": rng.normal(size=size) * reach * 1e-9,
        "lifted": 1e6 * reach + rng.normal(size=size) * reach,
        "one peak": np.where(np.arange(size) == size // 2, 1e12 * reach, 0.0),
        "holes": np.where(rng.random(size) < 0.5, -np.inf, rng.normal(size=size) * reach),
    }[kind]
    if not np.isfinite(values).any():
        values[size // 2] = 0.3 * reach
    return values


def lattice_costs(grid: Any, p: float) -> np.ndarray:
    """|x-y|^p from whole-number offsets times the spacing: good to the last digit far from the origin, too."""
    index = np.stack(np.unravel_index(np.arange(grid.size), grid.shape), axis=1)
    offsets = (index[:, None] - index[None]) * np.array(grid.spacing)
    return np.linalg.norm(offsets, axis=2) ** p


def assert_transform(found: Any, cost: Any, psi: Any, rtol: float = 1e-12) -> None:
    """Equal to the minimum over all pairs, relative to the greatest cost and the values that attain it."""
    slack = cost - psi
    expected = slack.min(axis=1)
    size = cost.max() + np.abs(expected)
    assert found.shape == expected.shape
    assert np.all(np.abs(found - expected) <= rtol * size), f"off by {(np.abs(found - expected) / size).max():.3g}"


def fits(method: str, p: float, d: int) -> bool:
    return {"envelope": p == 2, "sweep": p == 1 and d == 1}.get(method, True)


QUICK, LONG = ("plain", "holes"), ("flat", "tied", "steep", "gentle", "lifted", "one peak")


@pytest.mark.parametrize("kind", [*QUICK, *(pytest.param(kind, marks=pytest.mark.slow) for kind in LONG)])
def test_all_methods_on_grids(kind: str) -> None:
    """Every method that fits, thirteen shapes, five boxes, five powers: the minimum over all pairs."""
    rng = np.random.default_rng(len(kind))
    used = dict.fromkeys(("auto", "dense", "lattice", "envelope", "sweep"), 0)
    for shape, box in product(SHAPES, ("default", "anisotropic", "tiny", "huge", "far")):
        grid = Grid(shape, bounds=bounds_of(box, len(shape)))
        for p in POWERS:
            cost = lattice_costs(grid, p)
            psi = values_of(kind, grid.size, max(cost.max(), 1e-3), rng)
            for method in used:
                if fits(method, p, grid.dim):
                    found = transport.c_transform(psi.reshape(shape), p, target=grid, method=method)
                    # the coordinates of a box far away are themselves rounded
                    assert_transform(found, cost, psi, 1e-10 if box == "far" else 1e-12)
                    used[method] += 1
    assert min(used.values()) > 10, used


@pytest.mark.parametrize("kind", ["plain", "tied", "steep", "lifted", "holes"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_dense_between_any_points(kind: str, d: int) -> None:
    """Source and target of every type: clouds with repeated points, bare arrays, a grid at one end, two grids."""
    rng = np.random.default_rng(d)
    grid, other = Grid((4,) * d), Grid((3,) * d, bounds=(0.2, 1.7))
    x, y = rng.normal(size=(15, d)), np.repeat(rng.normal(size=(6, d)), 2, axis=0)
    ends = [(x, y), (PointCloud(x), y), (grid, y), (x, grid), (grid, other), (PointCloud(grid.points), grid), (y, None)]
    for (source, target), p in product(ends, POWERS):
        source, target = (y, y) if target is None else (source, target)
        here, there = (s if isinstance(s, np.ndarray) else s.points for s in (source, target))
        cost = independent.powers(here, there, p)
        psi = values_of(kind, len(there), float(cost.max()), rng)
        for method in ("auto", "dense", "sweep"):
            if fits(method, p, d):
                assert_transform(transport.c_transform(psi, p, target=target, source=source, method=method), cost, psi)


def test_flat_arrays_are_lines() -> None:
    """(k,) points are k points on a line, in any order."""
    x, y, psi = [0.3, -1.0, 2.0], [1.0, 0.0], [0.25, -0.5]
    expected = [min(abs(u - 1.0) - 0.25, abs(u) + 0.5) for u in x]
    for method in ("auto", "sweep", "dense"):
        np.testing.assert_allclose(transport.c_transform(psi, target=y, source=x, method=method), expected, rtol=1e-15)


@pytest.mark.slow
def test_a_fine_grid() -> None:
    """513 x 257 by envelopes: against separate brute force along each axis, exact because the cost is a sum."""
    grid = Grid((513, 257), bounds=[(0.0, 1.0), (-2.0, 3.0)])
    psi = np.random.default_rng(0).normal(size=grid.shape) * np.geomspace(1e-6, 10, 257)
    h, k = grid.spacing
    rows = ((np.arange(513)[:, None] - np.arange(513)) * h) ** 2
    columns = ((np.arange(257)[:, None] - np.arange(257)) * k) ** 2
    first = np.stack([(columns - row).min(axis=1) for row in psi])
    expected = np.stack([(rows + first[:, c]).min(axis=1) for c in range(257)], axis=1)
    found = transport.c_transform(psi, 2.0, target=grid)
    np.testing.assert_allclose(found.reshape(grid.shape), expected, rtol=0, atol=1e-12)


def test_the_check_of_transforms_can_fail() -> None:
    """Off by 1e-11 of the greatest cost, or by the second best."""
    grid = Grid((5, 4))
    cost, psi = lattice_costs(grid, 2.0), np.random.default_rng(0).normal(size=20)
    good = transport.c_transform(psi, 2.0, target=grid)
    assert_transform(good, cost, psi)
    second = np.partition(cost - psi, 1, axis=1)[:, 1]
    for bad in (good + 1e-10, second):
        with pytest.raises(AssertionError):
            assert_transform(bad, cost, psi)


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_laws_of_the_c_transform(d: int, p: float) -> None:
    """phi^cc >= phi, phi^ccc = phi^c, order reversed, constants pass through; on a cloud and on a grid."""
    for seed, grid in enumerate((None, Grid((5,) * d), Grid((4, 1, 3)[:d]))):
        rng = np.random.default_rng([d, seed])
        where = {"target": rng.normal(size=(13, d)) if grid is None else grid}
        size = 13 if grid is None else grid.size
        phi = rng.normal(size=size)
        once = transport.c_transform(phi, p, **where)
        twice = transport.c_transform(once, p, **where)
        thrice = transport.c_transform(twice, p, **where)
        assert np.all(twice >= phi - 1e-12) and np.abs(twice - phi).max() > 1e-3
        np.testing.assert_allclose(thrice, once, rtol=0, atol=1e-11)
        np.testing.assert_allclose(transport.c_transform(phi + 3, p, **where), once - 3, rtol=0, atol=1e-11)
        assert np.all(transport.c_transform(phi + rng.random(size), p, **where) <= once + 1e-12)
        assert transport.is_c_concave(once, p, source=where["target"])
        assert not transport.is_c_concave(phi, p, source=where["target"])


@pytest.mark.parametrize("d", [1, 2, 3])
def test_lipschitz_functions_for_p_one(d: int) -> None:
    """Over the whole space phi^c is 1-Lipschitz and, phi being 1-Lipschitz, -phi; over a subset only >= -phi."""
    rng = np.random.default_rng(d)
    points = rng.normal(size=(20, d))
    corners = rng.normal(size=(3, d))
    far = independent.powers(points, points)
    lipschitz = [
        points @ (np.ones(d) / np.sqrt(d)),
        independent.powers(points, corners).min(axis=1),
        0.5 * points[:, 0],
    ]
    for phi in lipschitz:
        assert np.all(np.abs(phi[:, None] - phi) <= far + 1e-12)
        np.testing.assert_allclose(transport.c_transform(phi, target=points), -phi, rtol=0, atol=1e-12)
        assert transport.is_c_concave(phi, source=points)
        part = transport.c_transform(phi[:7], target=points[:7], source=points)
        assert np.all(part >= -phi - 1e-12)
        np.testing.assert_allclose(part[:7], -phi[:7], rtol=0, atol=1e-12)
    assert np.abs(part[7:] + phi[7:]).max() > 1e-3, "a subset should lose something"
    rough = transport.c_transform(10 * rng.normal(size=20), target=points)
    assert np.all(np.abs(rough[:, None] - rough) <= far + 1e-12)


def test_potentials_of_plans_are_c_concave() -> None:
    """phi = psi^c and psi = phi^c wherever there is mass on all points; and phi + phi^c = c on every atom."""
    for d, p in product((1, 2, 3), POWERS):
        x, a, y, b = clouds(8, 7, d, 5)
        a, b = a + 0.01, b + 0.01
        plan = transport.plan(a, b, p, source_points=x, target_points=y, normalize=True)
        again = transport.c_transform(plan.phi, p, target=x, source=y)
        cost = independent.powers(x, y, p)
        np.testing.assert_allclose(
            plan.phi[plan.source] + again[plan.target], cost[plan.source, plan.target], rtol=0, atol=1e-9 * cost.max()
        )
        assert transport.is_c_concave(plan.phi, p, source=x, target=y)


def test_what_is_c_concave() -> None:
    """p = 2: phi is c-concave iff |x|^2 - phi is convex, all of the line being a target; here a wide part of it."""
    line, wide = Grid(41, bounds=(-1.0, 1.0)), Grid(801, bounds=(-10.0, 10.0))
    x = line.points[:, 0]
    for phi, answer in ((0.5 * x**2, True), (-3 * x**2, True), (1.5 * x**2, False), (np.sin(9 * x), False), (x, True)):
        assert transport.is_c_concave(phi, 2.0, source=line, target=wide, rtol=1e-5) is answer
    assert transport.is_c_concave(np.abs(x), 1.0, source=line) is True
    assert transport.is_c_concave(2 * np.abs(x), 1.0, source=line) is False


# ---- the oracles ----------------------------------------------------------------------------------------------------


def test_the_oracles_of_distances() -> None:
    """Worked out by hand: 0 and 1 to 2 and 4; and the network refuses what it cannot prove."""
    x, y, half = np.array([0.0, 1.0]), np.array([2.0, 4.0]), np.full(2, 0.5)
    assert independent.power_distance(x, half, y, half) == pytest.approx(2.5, rel=1e-14)
    assert independent.power_distance(x, half, y, half, 2.0) == pytest.approx(6.5, rel=1e-14)  # (4 + 9) / 2
    assert independent.cdf_distance(x, half, y, half) == pytest.approx(2.5, rel=1e-14)
    assert independent.lipschitz_dual([0.0, 1.0, 2.0, 4.0], [0.5, 0.5, -0.5, -0.5]) == pytest.approx(2.5, abs=1e-9)
    assert independent.lipschitz_dual([[3.0, 4.0]], [0.0]) == 0
    i, j, mass = independent.line_atoms([0.25, 0.75], [0.5, 0.5])
    assert (i.tolist(), j.tolist(), mass.tolist()) == ([0, 1, 1], [0, 0, 1], [0.25, 0.25, 0.5])
    with pytest.raises(AssertionError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        independent.network([[1.0, 2.0], [3.0, np.nan]], half, half)


# ---- the two programs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_kantorovich_rubinstein(d: int) -> None:
    """Its value is d_1, its u is 1-Lipschitz on the union of the supports and attains it; shared mass cancels."""
    for seed in range(4):
        x, a, y, b = clouds(6, 5, d, seed, lattice=seed % 2 == 1)
        found = transport.kantorovich_rubinstein(a, b, source_points=x, target_points=y)
        assert found.value == pytest.approx(oracles.power_transport(x, a, y, b, 1.0), abs=1e-9)
        both = np.vstack([x[a > 0], y[b > 0]])
        np.testing.assert_array_equal(np.unique(found.points, axis=0), np.unique(both, axis=0))
        assert len(found.points) == len(np.unique(both, axis=0)), "a point twice"
        far = independent.powers(found.points, found.points)
        assert np.all(found.u[:, None] - found.u <= far + 1e-9)
        net = np.zeros(len(found.points))
        for points, weights, sign in ((x, a, 1), (y, b, -1)):
            for z, w in zip(points, weights, strict=True):
                if w > 0:
                    net[np.flatnonzero(np.all(found.points == z, axis=1))[0]] += sign * w
        assert found.u @ net == pytest.approx(found.value, abs=1e-9)
        assert found.value == pytest.approx(independent.lipschitz_dual(found.points, net), abs=1e-9)
    value, u, points = transport.kantorovich_rubinstein([1.0], [1.0], points=[[1.0] * d])
    assert (value, len(u), points.shape) == (0, 1, (1, d))


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_the_program_of_the_slides(p: float) -> None:
    """A pi = b with one row per source, then one per target; columns are pairs in C order, entries 0 and 1."""
    x, a, y, b = clouds(3, 4, 2, 6)
    found = transport.transport_lp(a, b, p, source_points=x, target_points=y)
    assert sparse.issparse(found.matrix) and found.matrix.shape == (7, 12)
    expected = np.zeros((7, 12))
    for i, j in product(range(3), range(4)):
        expected[i, 4 * i + j] = expected[3 + j, 4 * i + j] = 1
    np.testing.assert_array_equal(found.matrix.toarray(), expected)
    np.testing.assert_allclose(found.right, np.concatenate([a, b]), rtol=1e-12)
    cost = independent.powers(x, y, p)
    np.testing.assert_allclose(np.ravel(found.cost), cost.ravel(), rtol=1e-14)
    assert found.plan.shape == (3, 4) and np.all(found.plan >= 0)
    np.testing.assert_allclose(found.matrix @ found.plan.ravel(), found.right, rtol=0, atol=1e-9)
    assert np.ravel(found.cost) @ found.plan.ravel() == pytest.approx(found.value, rel=1e-9)
    assert found.value == pytest.approx(oracles.power_transport(x, a, y, b, p), rel=1e-9)
    oracles.assert_dual_feasible(found.phi, found.psi, cost)
    assert found.phi @ a + found.psi @ b == pytest.approx(found.value, rel=1e-9)


def test_programs_on_grids() -> None:
    """Weights of a grid, any shape; points without mass have rows, too."""
    a, b = np.array([[0.5, 0.5, 0], [0, 0, 0]]), np.array([[0, 0, 0], [0, 0.5, 0.5]])
    found = transport.transport_lp(a, b, 1.0, grid=(2, 3))
    assert found.matrix.shape == (12, 36)
    assert found.value == pytest.approx(transport.kantorovich_rubinstein(a, b, grid=(2, 3)).value, abs=1e-9)
    assert found.value == pytest.approx(np.hypot(0.5, 0.5), abs=1e-9)


@pytest.mark.parametrize("mass", [1e-9, 1.0, 1e6])
@pytest.mark.parametrize("length", [1e-4, 1.0, 1e3])
def test_programs_in_any_unit(length: float, mass: float) -> None:
    """HiGHS measures with an absolute rule: values, plans and potentials are right in any unit all the same."""
    for seed, p in product(range(3), (1.0, 3.0)):
        x, a, y, b = clouds(14, 12, 2, seed, lattice=seed == 2)
        where: dict[str, Any] = {"source_points": x * length, "target_points": y * length}
        expected = oracles.power_transport(x, a, y, b, p) * length**p * mass
        found = transport.transport_lp(a * mass, b * mass, p, **where)
        cost = independent.powers(x * length, y * length, p)
        assert found.value == pytest.approx(expected, rel=1e-9)
        oracles.assert_plan(found.plan, a * mass, b * mass)
        oracles.assert_dual_feasible(found.phi, found.psi, cost)
        assert found.phi @ a * mass + found.psi @ b * mass == pytest.approx(expected, rel=1e-9)
        if p == 1:
            dual = transport.kantorovich_rubinstein(a * mass, b * mass, **where)
            assert dual.value == pytest.approx(expected, rel=1e-9)
            far = independent.powers(dual.points, dual.points)
            assert np.all(dual.u[:, None] - dual.u <= far + 1e-9 * far.max())


@pytest.mark.parametrize("seed", range(4))
def test_programs_with_weights_of_all_sizes(seed: int) -> None:
    """Weights from 1e-12 to 1: a program that has a solution is not called infeasible."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(50, 2)), rng.normal(size=(45, 2))
    a, b = rng.random(50) ** 8, rng.random(45) ** 8
    where: dict[str, Any] = {"source_points": x, "target_points": y, "normalize": True}
    expected = independent.power_distance(x, a / a.sum(), y, b / b.sum(), 3.0)
    assert transport.transport_lp(a, b, 3.0, **where).value == pytest.approx(expected, rel=1e-9)
    expected = independent.power_distance(x, a / a.sum(), y, b / b.sum())
    assert transport.kantorovich_rubinstein(a, b, **where).value == pytest.approx(expected, rel=1e-9)


# ---- errors ---------------------------------------------------------------------------------------------------------

LINE = [0.0, 1.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: transport.plan([1, 0], [0, 2], 1, points=LINE), ("mass",)),
        (lambda: transport.plan([1, 0], [0, 1], 0, points=LINE), ("p must be",)),
        (lambda: transport.plan([1, 0], [0, 1], -1, points=LINE), ("p must be",)),
        (lambda: transport.plan([1, 0], [0, 1], float("nan"), points=LINE), ("p must be",)),
        (lambda: transport.plan([1, 0], [0, 1], rtol=0, points=LINE), ("rtol",)),
        (lambda: transport.plan([1, 0], [0, 1], 1), ("plain array",)),
        (lambda: transport.plan([1, -1], [0, 1], 1, points=LINE), ("negative",)),
        (lambda: transport.plan([1, 0], [0, 1], 1, points=LINE, stops=wrof.FREE), ("stops",)),
        (lambda: transport.potentials([1, 0], [0, 2], 1, points=LINE), ("mass",)),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=[0.0, 1.0, 2.0]), ("psi", "shape", "(2,)", "3")),
        (lambda: transport.c_transform([[0.0, 1.0]], 1, target=Grid((2, 1))), ("psi", "shape", "(1, 2)")),
        (lambda: transport.c_transform([0.0, np.nan], 1, target=LINE), ("psi", "nan")),
        (lambda: transport.c_transform([0.0, np.inf], 1, target=LINE), ("psi", "inf")),
        (lambda: transport.c_transform([-np.inf, -np.inf], 1, target=LINE), ("psi", "inf")),
        (lambda: transport.c_transform([0.0, 1.0], 0, target=LINE), ("p must be",)),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=LINE, method="quick"), ("method", "'quick'", "envelope")),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=Grid(2), method="envelope"), ("'envelope'", "p = 2")),
        (lambda: transport.c_transform([0.0, 1.0], 2, target=LINE, method="envelope"), ("'envelope'", "Grid")),
        (
            lambda: transport.c_transform([0.0, 1.0], 2, target=Grid(2), source=Grid(3), method="envelope"),
            ("'envelope'", "Grid"),
        ),
        (lambda: transport.c_transform([0.0, 1.0], 2, target=Grid(2), method="sweep"), ("'sweep'", "p = 1")),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=Grid((2, 1)), method="sweep"), ("'sweep'", "line")),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=LINE, method="lattice"), ("'lattice'", "Grid")),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=LINE, source=[[0.0, 1.0]]), ("dimension",)),
        (lambda: transport.c_transform([0.0, 1.0], 1, target=[0.0, np.nan]), ("target",)),
        (lambda: transport.is_c_concave([0.0], 1, source=LINE), ("phi", "shape")),
        (lambda: transport.is_c_concave([0.0, np.inf], 1, source=LINE), ("phi", "inf")),
        (lambda: transport.is_c_concave([0.0, 1.0], 1, source=LINE, rtol=-1), ("rtol",)),
        (lambda: transport.transport_lp([1, 0], [0, 2], points=LINE), ("mass",)),
        (lambda: transport.transport_lp(np.ones(1000), np.ones(1000), grid=1000), ("large", "plan")),
        (lambda: transport.kantorovich_rubinstein([1, 0], [0, 2], points=LINE), ("mass",)),
        (lambda: transport.kantorovich_rubinstein(np.ones(3000), np.ones(3000), grid=3000), ("large", "potentials")),
    ],
)
def test_bad_input(call: Any, words: tuple[str, ...]) -> None:
    """One sentence that names what is wrong; and no warning from below."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(WrofError) as caught:
            call()
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert text.endswith("."), text


# ---- what is far apart, and goes not far ----------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("seed", range(6))
def test_clusters_far_apart(p: float, seed: int) -> None:
    """Small moves in clusters 1000 apart: solvers round by the greatest cost there is, the proof has to be finer."""
    rng = np.random.default_rng(seed)
    n = 10 if seed % 2 else 120
    x = rng.random((n, 2)) + [1000.0, 0.0] * rng.integers(0, 4, (n, 1))
    y = x + 0.01 * rng.standard_normal((n, 2))
    plan = transport.plan(np.ones(n), np.ones(n), p, source_points=x, target_points=y)
    least, order = 0.0, np.floor(x[:, 0] / 500)
    for cluster in np.unique(order):  # no mass changes cluster
        some = order == cluster
        weights = np.full(some.sum(), 1.0)
        least += independent.power_distance(x[some], weights, y[some], weights, p)
    assert plan.value == pytest.approx(least, rel=1e-6)


def test_a_measure_is_not_a_place() -> None:
    mu = PointCloud([0.0, 1.0]).measure([1.0, 1.0])
    with pytest.raises(WrofError, match=r"target is a Measure; pass where it lives, its \.space\."):
        transport.c_transform([0.0, 1.0], 1, target=mu)
