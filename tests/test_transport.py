"""Distances and the objective, against linear programs, distribution functions, SciPy, and their own laws."""

import re
from typing import Any

import numpy as np
import oracles
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

import wrof
from wrof import FREE, Grid, Measure, PointCloud, SolverError, WrofError
from wrof.solvers import simplex
from wrof.transport import solve as engine

POWERS = (0.5, 1.0, 1.5, 2.0, 3.0)
steady = settings(derandomize=True, deadline=None, max_examples=60, database=None)


def cloud(
    n: int, m: int, d: int, seed: int, lattice: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, a, y, b: two clouds with masses that add up to 1, some of them zero."""
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 4, (k, d)) / 2 if lattice else rng.random((k, d)) for k in (n, m))
    a, b = (rng.random(k) * (rng.random(k) < 0.8) + np.eye(k)[0] / 10 for k in (n, m))
    return x, a / a.sum(), y, b / b.sum()


def cdf_distance(x: Any, a: Any, y: Any, b: Any) -> float:
    """d_1 on the line: the area between the two distribution functions."""
    places, masses = np.concatenate([x, y]), np.concatenate([a, -np.asarray(b)])
    order = np.argsort(places, kind="stable")
    return float(np.abs(np.cumsum(masses[order])[:-1]) @ np.diff(places[order]))


def quantile_power(x: Any, a: Any, y: Any, b: Any, p: float) -> float:
    """d_p^p on the line, p >= 1: the integral of |Q_mu - Q_nu|^p over all levels."""
    x, y = np.asarray(x), np.asarray(y)
    i, j = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    start, end = np.cumsum(np.asarray(a)[i]), np.cumsum(np.asarray(b)[j])
    breaks = np.unique(np.concatenate([[0.0], start, end]))
    middles = (breaks[1:] + breaks[:-1]) / 2
    left = x[i][np.minimum(np.searchsorted(start, middles), len(x) - 1)]
    right = y[j][np.minimum(np.searchsorted(end, middles), len(y) - 1)]
    return float(np.abs(left - right) ** p @ np.diff(breaks))


def test_the_line_formulas_by_hand() -> None:
    """And with each other, and with a linear program."""
    assert cdf_distance([0, 1], [0.5, 0.5], [2, 3], [0.5, 0.5]) == 2
    assert quantile_power([1, 0], [0.5, 0.5], [2, 4], [0.5, 0.5], 2) == 0.5 * 4 + 0.5 * 9
    x, a, y, b = cloud(6, 5, 1, 0)
    for p in (1.0, 1.7, 3.0):
        assert quantile_power(x[:, 0], a, y[:, 0], b, p) == pytest.approx(
            oracles.power_transport(x, a, y, b, p), rel=1e-9
        )
    assert cdf_distance(x[:, 0], a, y[:, 0], b) == pytest.approx(quantile_power(x[:, 0], a, y[:, 0], b, 1), rel=1e-13)


# ---- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_clouds_against_the_linear_program(d: int, p: float) -> None:
    for seed in range(6):
        x, a, y, b = cloud(3 + seed, 7 - seed // 2, d, seed, lattice=seed % 2 == 0)
        expected = oracles.power_transport(x, a, y, b, p)
        power = wrof.distance_power(a, b, p, source_points=x, target_points=y)
        assert power == pytest.approx(expected, rel=1e-9, abs=1e-12)
        rooted = wrof.distance(a, b, p, source_points=x, target_points=y)
        assert rooted == pytest.approx(expected ** (1 / p) if p >= 1 else expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("shape", [(9,), (3, 4), (1, 5), (2, 3, 2), (2, 1, 2, 2)])
def test_grids_against_the_linear_program(shape: tuple[int, ...], p: float) -> None:
    """Also anisotropic ones, and as the clouds of their points."""
    for seed, bounds in enumerate((None, (0.0, 2.0))):
        grid = Grid(shape, bounds=bounds)
        a, b = np.random.default_rng(seed).random((2, grid.size)) * (
            np.random.default_rng(7).random((2, grid.size)) < 0.7
        )
        a, b = (a + 1e-3) / (a + 1e-3).sum(), b / b.sum()
        expected = oracles.power_transport(grid.points, a, grid.points, b, p)
        assert wrof.distance_power(a.reshape(shape), b, p, grid=grid) == pytest.approx(expected, rel=1e-9)
        assert wrof.distance_power(a, b, p, points=grid.points) == pytest.approx(expected, rel=1e-9)
        mixed = wrof.distance_power(grid.measure(a), Measure(grid.points, b), p)
        assert mixed == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [2, 17, 200])
def test_the_line_against_distribution_functions_and_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    for scale in (1.0, 1e-6, 1e6):
        x, y = rng.standard_normal(n) * scale, rng.standard_normal(n + 3) * scale
        a, b = rng.random(n), rng.random(n + 3)
        a, b = a / a.sum(), b / b.sum()
        where = {"source_points": x, "target_points": y}
        one = wrof.distance(a, b, 1, **where)
        assert one == pytest.approx(cdf_distance(x, a, y, b), rel=1e-12)
        assert one == pytest.approx(wasserstein_distance(x, y, a, b), rel=1e-12)
        for p in (1.5, 2.0, 3.0):
            assert wrof.distance_power(a, b, p, **where) == pytest.approx(quantile_power(x, a, y, b, p), rel=1e-12)


def test_a_long_line() -> None:
    """K = 2001 on a grid: exact, without a matrix."""
    a, b = np.random.default_rng(0).random((2, 2001))
    a, b = a / a.sum(), b / b.sum()
    line = np.linspace(0, 1, 2001)
    assert wrof.distance(a, b, 1, grid=2001) == pytest.approx(cdf_distance(line, a, line, b), rel=1e-12)
    assert wrof.distance_power(a, b, 2, grid=2001) == pytest.approx(quantile_power(line, a, line, b, 2), rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_translations(d: int) -> None:
    """d_p of a translation by v is |v| for every p >= 1, any mass of the points."""
    x, a, _, _ = cloud(8, 1, d, d)
    v = np.array([0.3, -0.4, 1.2])[:d]
    for p in (1.0, 1.5, 2.0, 3.0):
        found = wrof.distance(a, a, p, source_points=x, target_points=x + v)
        assert found == pytest.approx(float(np.linalg.norm(v)), rel=1e-9)
    weights = np.zeros((9, 9))
    weights[1:4, 2:5] = np.random.default_rng(1).random((3, 3))
    moved = np.roll(weights, (3, 4), axis=(0, 1))
    assert wrof.distance(weights, moved, 1, grid=(9, 9), normalize=True) == pytest.approx(5 / 8, rel=1e-9)


def test_diracs_in_closed_form() -> None:
    """Mass c at distance 5: c 5^p; rooted from p = 1 on, and mass comes under the root too."""
    points = [[0.0, 0], [3, 4]]
    for mass in (1.0, 0.25, 64.0):
        for p in POWERS:
            power = wrof.distance_power([mass, 0], [0, mass], p, points=points)
            assert power == pytest.approx(mass * 5**p, rel=1e-14)
            rooted = wrof.distance([mass, 0], [0, mass], p, points=points)
            assert rooted == pytest.approx((mass * 5**p) ** (1 / p) if p >= 1 else mass * 5**p, rel=1e-14)
    assert wrof.distance([1, 0], [0, 1], points=points) == 5  # p = 1 is the default


def test_below_one_it_is_not_rooted() -> None:
    """p = 1/2, {0, 1} to {2, 3}: mates cross, (sqrt 3 + 1)/2 and not its square."""
    where = {"source_points": [0.0, 1.0], "target_points": [2.0, 3.0]}
    for verb in (wrof.distance, wrof.distance_power):
        assert verb([0.5, 0.5], [0.5, 0.5], 0.5, **where) == pytest.approx((np.sqrt(3) + 1) / 2, rel=1e-14)


def test_rings() -> None:
    """Equal-area rings, paired by angle: d_1 is the mean difference of radii, 28/15 as n grows."""
    toy = wrof.toys.rings(n=150)
    radii = [np.sort(np.linalg.norm(m.points, axis=1)) for m in (toy["mu"], toy["nu"])]
    assert wrof.distance(toy["mu"], toy["nu"], 1) == pytest.approx(float(np.mean(radii[0] - radii[1])), rel=1e-9)
    assert wrof.distance(toy["mu"], toy["nu"], 1) == pytest.approx(28 / 15, abs=1e-3)


# ---- laws -----------------------------------------------------------------------------------------------------------


@steady
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from(POWERS), st.booleans())
def test_metric_axioms(seed: int, d: int, p: float, lattice: bool) -> None:
    """Zero from a measure to itself, symmetric, triangle inequality; scaled as lengths and masses are."""
    x, a, y, b = cloud(5, 4, d, seed, lattice)
    z, c, _, _ = cloud(6, 1, d, seed + 1, lattice)

    def distance(u: Any, f: Any, v: Any, g: Any) -> float:
        return wrof.distance(f, g, p, source_points=u, target_points=v)

    there = distance(x, a, y, b)
    assert distance(x, a, x, a) <= 1e-15 ** min(1.0, 1 / p) and there >= 0
    assert distance(y, b, x, a) == pytest.approx(there, rel=1e-9, abs=1e-12)
    assert distance(x, a, z, c) <= (there + distance(y, b, z, c)) * (1 + 1e-9) + 1e-12
    power = wrof.distance_power(a, b, p, source_points=x, target_points=y)
    scaled = wrof.distance_power(a * 7, b * 7, p, source_points=x * 3, target_points=y * 3)
    assert scaled == pytest.approx(7 * 3**p * power, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("mass", [1.0, 1e6, 1e-9])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_distance_to_itself(d: int, mass: float) -> None:
    """Exactly or up to rounding, for any weights and every p: never an uncertified answer."""
    for seed in range(25):
        x, a, _, _ = cloud(2 + seed % 7, 1, d, seed)
        for p in POWERS:
            assert 0 <= wrof.distance_power(a * mass, a * mass, p, points=x) <= 1e-15 * mass
    grid = np.random.default_rng(0).random((4, 4)) * mass
    assert 0 <= wrof.distance_power(grid, grid, 1, grid=(4, 4)) <= 1e-15 * mass


@pytest.mark.parametrize("length", [1e-6, 1e-9, 1e6])
@pytest.mark.parametrize("p", POWERS)
def test_units(p: float, length: float) -> None:
    """Tiny and large coordinates, light and heavy masses."""
    for d in (1, 2):
        x, a, y, b = cloud(7, 6, d, 3)
        expected = oracles.power_transport(x, a, y, b, p)
        for mass in (1.0, 1e6, 1e-9):
            where = {"source_points": x * length, "target_points": y * length}
            found = wrof.distance_power(a * mass, b * mass, p, **where)
            assert found == pytest.approx(expected * mass * length**p, rel=1e-9)


def test_zero_weights_and_order_change_nothing() -> None:
    x, a, y, b = cloud(6, 5, 2, 9)
    expected = wrof.distance(a, b, 2, source_points=x, target_points=y)
    mix = np.random.default_rng(0).permutation(6)
    far = np.vstack([x, [[1e3, -1e3]]])
    for result in (
        wrof.distance(a[mix], b, 2, source_points=x[mix], target_points=y),
        wrof.distance(np.append(a, 0), b, 2, source_points=far, target_points=y),
        wrof.distance(np.append(a / 2, a / 2), b, 2, source_points=np.vstack([x, x]), target_points=y),
    ):
        assert result == pytest.approx(expected, rel=1e-9)


# ---- the objective --------------------------------------------------------------------------------------------------


@steady
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from(POWERS), st.sampled_from([0.5, 1.0, 2.0, "1+tau"]))
def test_objective_at_any_rho(seed: int, d: int, p: float, alpha: Any) -> None:
    """J(rho) = K/2tau + F from two linear programs, for any rho anywhere; never below the step's value."""
    x, a, y, b = cloud(4, 5, d, seed)
    z, c, _, _ = cloud(6, 1, d, seed + 1)
    tau = 0.1 + seed % 7 / 5
    power = 1 + tau if alpha == "1+tau" else alpha
    expected = oracles.power_transport(x, a, z, c, p) / (2 * tau) + oracles.power_transport(z, c, y, b, power)
    rho = PointCloud(z).measure(c)
    where: dict[str, Any] = {"source_points": x, "target_points": y, "p": p, "alpha": alpha}
    found = wrof.objective(rho, a, b, tau, **where)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert wrof.step(a, b, tau, stops=z, **where).value <= found * (1 + 1e-9) + 1e-12
    assert wrof.step(a, b, tau, stops=FREE, **where).value <= found * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("select", ["lazy", "eager", "min_norm", "vertex"])
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, "1+tau"), (0.5, 2.0)])
def test_objective_at_the_step(select: str, p: float, alpha: Any) -> None:
    """J afresh at the returned rho is the value: on clouds, grids and FREE."""
    for seed in range(4):
        x, a, y, b = cloud(6, 5, 2, seed, lattice=seed % 2 == 0)
        problems: list[dict[str, Any]] = [{"source_points": x, "target_points": y}]
        if select != "min_norm":
            problems.append({"source_points": x, "target_points": y, "stops": FREE})
        for where in problems:
            result = wrof.step(a, b, 0.2, p=p, alpha=alpha, select=select, **where)
            place = {k: v for k, v in where.items() if k != "stops"}
            again = wrof.objective(result.rho, a, b, 0.2, p=p, alpha=alpha, **place)
            assert again == pytest.approx(result.value, rel=1e-9, abs=1e-12)
        mu, nu = np.random.default_rng(seed).random((2, 3, 3))
        result = wrof.step(mu, nu, 0.4, p=p, alpha=alpha, select=select, grid=(3, 3), normalize=True)
        again = wrof.objective(result.rho, mu / mu.sum(), nu / nu.sum(), 0.4, p=p, alpha=alpha, grid=(3, 3))
        assert again == pytest.approx(result.value, rel=1e-9, abs=1e-12)


def test_objective_at_the_ends() -> None:
    """J(mu) = F(mu, nu) and J(nu) = K(mu, nu)/2tau, rho as plain weights on the shared points or grid."""
    a, b, line = [0.5, 0.5, 0], [0, 0.25, 0.75], [0.0, 0.5, 1.0]
    discrepancy, movement = 0.25 * 0.5 + 0.25 * 1 + 0.5 * 0.5, 0.25 * 0.25 + 0.25 * 1 + 0.5 * 0.25
    for where in ({"points": line}, {"grid": 3}):
        assert wrof.objective(a, a, b, 0.3, **where) == pytest.approx(discrepancy, rel=1e-14)
        assert wrof.objective(b, a, b, 0.3, **where) == pytest.approx(movement / 0.6, rel=1e-14)
    assert wrof.objective([5, 5, 0], [10, 10, 0], [0, 1, 3], 0.3, grid=3, normalize=True) == pytest.approx(
        discrepancy, rel=1e-14
    )


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda: wrof.distance([1, 0], [0, 2], 1, grid=2), r"source has mass 1, target 2 .*normalize=True.*"),
        (lambda: wrof.distance([1, 0], [0, 1], 1), r"source is a plain array: pass exactly one of .*"),
        (lambda: wrof.distance([1, 0], [0, 1], 0, grid=2), r"p must be finite and > 0, got 0\."),
        (lambda: wrof.distance([1, 0], [0, 1], 1, grid=2, rtol=0), r"rtol must be finite and > 0, got 0\."),
        (
            lambda: wrof.distance([1, -1], [0, 1], 1, grid=2),
            r"source has 1 negative weight \(first: weights\[1\] = -1\).*",
        ),
        (lambda: wrof.distance([1], [1], 1, source_points=[0.0], target_points=[[0.0, 1]]), r".*dimension 1.* 2\."),
        (lambda: wrof.distance([1, 0], [0, 1], 1, grid=2, stops=FREE), r"unknown key 'stops'.*"),
        (lambda: wrof.objective([1, 0], [1, 0], [0, 1], -1, grid=2), r"tau must be finite and > 0, got -1\."),
        (lambda: wrof.objective([2, 0], [1, 0], [0, 1], 1, grid=2), r".*mass 1.* 2 .*"),
        (lambda: wrof.objective([1, 0, 0], [1, 0], [0, 1], 1, grid=2), r".*shape \(3,\).*"),
        (
            lambda: wrof.objective([1, 0], [1, 0], [0, 1], 1, grid=2, alpha="2+tau"),
            r"alpha must be a number .*'2\+tau'\.",
        ),
    ],
)
def test_bad_input(call: Any, pattern: str) -> None:
    with pytest.raises(WrofError) as caught:
        call()
    assert re.fullmatch(pattern, str(caught.value)), caught.value


@pytest.mark.parametrize("rho", [[2.0, 0.0], [1.0, -1.0], [float("nan"), 1.0]])
def test_a_bad_rho_is_called_rho(rho: Any) -> None:
    """There are three measures in an objective: the sentence says which one is bad."""
    with pytest.raises(WrofError, match="rho"):
        wrof.objective(rho, [1, 0], [0, 1], 1.0, points=[[0.0, 0], [1, 1]])


def test_rho_as_weights_needs_a_shared_place() -> None:
    """With two clouds, plain weights for rho belong nowhere; the sentence is about rho, not about the source."""
    with pytest.raises(WrofError, match="rho") as caught:
        wrof.objective([0.5, 0.5], [1, 0], [0, 1], 1.0, source_points=[0.0, 1.0], target_points=[0.0, 1.0])
    assert not str(caught.value).startswith("source is a plain array")


def test_no_matrix_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplex, "free_bytes", lambda: 1e6)
    full = np.ones((40, 40))
    assert wrof.distance(full, full, 1, grid=(40, 40)) == 0
    assert wrof.distance(np.ones(4000), np.ones(4000)[::-1], 1, grid=4000) == 0


def test_an_uncertified_distance_is_not_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A potential that proves nothing: an error that carries the numbers, not a value that is merely right."""
    monkeypatch.setattr(engine, "staircase_potentials", lambda i, j, cost, n, m: (np.zeros(n), np.zeros(m)))
    with pytest.raises(SolverError, match=r"value 1, lower bound 0\.75, "):
        wrof.distance([0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], 1, grid=Grid(4, bounds=(0, 1.5)))


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
def test_many_pairs_without_a_matrix(p, monkeypatch):
    """Grids and clouds, from coarse to fine as by POT on the matrix."""
    rng = np.random.default_rng(int(10 * p))
    grid = wrof.Grid((9, 14))
    mu, nu = (grid.measure(rng.random((9, 14)), normalize=True) for _ in range(2))
    x, y = rng.normal(size=(150, 2)), rng.normal(size=(120, 2))
    one, other = (wrof.Measure(wrof.PointCloud(z), np.full(len(z), 1 / len(z))) for z in (x, y))
    for source, target in ((mu, nu), (one, other)):
        cost = np.linalg.norm(source.points[:, None] - target.points, axis=2) ** p
        expected = ot.emd2(source.weights, target.weights, cost, numItermax=10_000_000)
        monkeypatch.setattr(engine, "MANY", 0.0)
        assert wrof.distance_power(source, target, p) == pytest.approx(expected, rel=1e-12)
