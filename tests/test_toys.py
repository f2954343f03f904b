"""Toys against their definitions, closed forms against independent ones, and the sentences of their errors."""

import inspect
from pathlib import Path

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.distance import cdist

from wrof import toys
from wrof.errors import WrofError
from wrof.measure import Grid, Measure, PointCloud

CLOSE = {"rtol": 0, "atol": 1e-14}
DRAWN = [name for name in toys.TOYS if name != "images"]
SEEDED = [name for name in DRAWN if "seed" in inspect.signature(toys.TOYS[name]).parameters]


# ---- every toy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWN)
def test_every_toy_is_a_problem(name: str) -> None:
    """Unit masses, one dimension, source unlike target, keywords that `step` knows."""
    toy = toys.TOYS[name]()
    assert {"mu", "nu"} <= set(toy) <= {"mu", "nu", "stops"}
    mu, nu = toy["mu"], toy["nu"]
    assert mu.mass == pytest.approx(1, abs=1e-14) and nu.mass == pytest.approx(1, abs=1e-14)
    assert mu.space.dim == nu.space.dim == toy.get("stops", mu.space).dim
    assert mu.space != nu.space or np.abs(mu.weights - nu.weights).sum() > 0.1


def test_seeded_toys_are_the_expected_ones() -> None:
    """So that the next test cannot lose its cases."""
    assert SEEDED == ["random_to_ramp", "random_to_uniform", "clusters", "scattered", "moons", "rings"]


@pytest.mark.parametrize("name", SEEDED)
def test_the_seed_decides(name: str) -> None:
    """Same seed, same toy; another seed, another source; no seed, seed 0."""
    one, again, other, default = (toys.TOYS[name](**seed)["mu"] for seed in ({"seed": 3}, {"seed": 3}, {"seed": 4}, {}))
    assert one.space == again.space and np.array_equal(one.weights, again.weights)
    assert one.space != other.space or not np.array_equal(one.weights, other.weights)
    assert default.space == toys.TOYS[name](seed=0)["mu"].space


# ---- toys on the line -----------------------------------------------------------------------------------------------


def test_dirac_toys() -> None:
    """Points, masses and stops of the toys made of few atoms."""
    two, three, gap, lattice = (
        toys.two_point(2.0),
        toys.three_point(1.0, 3.0),
        toys.gap(1.0, 4.0),
        toys.lattice_dirac(4, 0.5),
    )
    assert two["mu"].space == two["nu"].space == PointCloud([[0.0], [2.0]])
    assert three["mu"].space == three["nu"].space == PointCloud([0.0, 1.0, 4.0])
    assert gap["mu"].space == gap["nu"].space == PointCloud([-1.0, 0.0, 4.0])
    assert lattice["mu"].space == lattice["nu"].space == Grid((5,), bounds=(0.0, 2.0))
    expected = [([1, 0], [0, 1]), ([1, 0, 0], [0, 0, 1]), ([0.5, 0.5, 0], [0, 0.5, 0.5]), (np.eye(5)[0], np.eye(5)[4])]
    for toy, (mu, nu) in zip((two, three, gap, lattice), expected, strict=True):
        assert np.array_equal(toy["mu"].weights, mu) and np.array_equal(toy["nu"].weights, nu)


def test_published_toys() -> None:
    """Ramp, uniform and random masses on [0, 1], both directions of the ramp, K = 1."""
    first, second, third = (
        toys.ramp_to_uniform(5),
        toys.random_to_ramp(5, seed=2, increasing=True),
        toys.random_to_uniform(5),
    )
    grid = Grid((5,), bounds=(0.0, 1.0))
    assert all(m.space == grid for toy in (first, second, third) for m in toy.values())
    np.testing.assert_allclose(first["mu"].weights, [0.4, 0.3, 0.2, 0.1, 0], **CLOSE)
    np.testing.assert_allclose(second["nu"].weights, [0, 0.1, 0.2, 0.3, 0.4], **CLOSE)
    np.testing.assert_allclose(first["nu"].weights, [0.2] * 5, **CLOSE)
    assert np.array_equal(third["nu"].weights, first["nu"].weights)
    draw = np.random.default_rng(2).random(5)
    np.testing.assert_allclose(second["mu"].weights, draw / draw.sum(), **CLOSE)
    assert np.array_equal(toys.random_to_ramp(5)["nu"].weights, first["mu"].weights)
    assert toys.ramp(1, increasing=True).weights.tolist() == [1.0]


def test_the_published_ramp_ends_above_zero() -> None:
    """Its bars are the ramp 128, ..., 1 outside the cells 41..86 to 4e-5, and the ramp that ends in zero to 1.4e-4."""
    bars, away = oracles.read_published("ramp_to_uniform_rho1"), np.r_[0:41, 87:128]
    published, zero_end = toys.ramp_to_uniform(zero_end=False)["mu"].weights, toys.ramp_to_uniform()["mu"].weights
    assert np.abs(published - bars)[away].max() < 4e-5
    assert 1.2e-4 < np.abs(zero_end - bars)[away].max() < 1.4e-4
    np.testing.assert_allclose(published * 128 * 129 / 2, np.arange(128, 0, -1), rtol=1e-13)
    np.testing.assert_allclose(toys.random_to_ramp(3, zero_end=False)["nu"].weights, [1 / 2, 1 / 3, 1 / 6], **CLOSE)


def test_distances_to_the_steady_state_of_the_ramp() -> None:
    """rho_1 = nu on the cells 41..86 and mu elsewhere: known distances to both, for the ramp that ends in zero."""
    mu, nu = toys.ramp_to_uniform().values()
    rho = mu.weights.copy()
    rho[41:87] = nu.weights[41:87]
    assert np.abs(rho - mu.weights).sum() == pytest.approx(0.065084, abs=5e-7)
    assert np.abs(rho - nu.weights).sum() == pytest.approx(0.438853, abs=5e-7)


def test_bumps() -> None:
    """Symmetric around their centers, zero beyond their width, two equal ones on the left."""
    toy = toys.bumps(K=101, source=(0.25, 0.5), target=(0.75,), width=0.1)
    mu, nu, x = toy["mu"].weights, toy["nu"].weights, np.linspace(0, 1, 101)
    assert np.array_equal(nu > 1e-12, np.abs(x - 0.75) < 0.0999)
    assert nu[np.abs(x - 0.75) > 0.1001].tolist() == [0.0] * 80
    np.testing.assert_allclose(nu[75 - 9 : 75], nu[75 + 9 : 75 : -1], **CLOSE)
    assert nu[70] / nu[75] == pytest.approx(0.5, abs=1e-12)  # half height at half width
    np.testing.assert_allclose(mu[25 - 9 : 25 + 10], mu[50 - 9 : 50 + 10], **CLOSE)
    np.testing.assert_allclose(mu[25 - 9 : 25 + 10], nu[75 - 9 : 75 + 10] / 2, **CLOSE)


# ---- toys in the plane and beyond -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [64, (16, 32), (5, 6, 7)])
def test_gaussians(shape: int | tuple[int, ...]) -> None:
    """The logarithm of the masses is the parabola asked for, in any dimension."""
    toy = toys.gaussians(shape, width=0.2)
    sides = np.array([hi for _, hi in toy["mu"].space.bounds])
    for measure, center in ((toy["mu"], sides / 4), (toy["nu"], sides * 3 / 4)):
        height = np.log(measure.weights) + np.sum((measure.points - center) ** 2, axis=1) / (2 * 0.2**2)
        np.testing.assert_allclose(height, height[0], rtol=0, atol=1e-10)


def test_gaussian_far_from_its_grid() -> None:
    """A center from which every mass would underflow still gives a measure; one of the wrong dimension does not."""
    assert toys.gaussian(Grid((3, 3)), (9.0, 9.0), 0.05).weights.argmax() == 8
    with pytest.raises(WrofError, match="^center of a Gaussian needs 2 finite coordinates, got "):
        toys.gaussians(source=(0.1,))


def test_clusters() -> None:
    """Cubes in a row, at least a gap apart; the stops are all points; cluster masses 3:2:1 and 1:2:3."""
    toy = toys.clusters(n=4, k=3, gap=0.7, size=0.5, dim=3, seed=5)
    mu, nu = toy["mu"], toy["nu"]
    assert np.array_equal(toy["stops"].points, np.vstack([mu.points, nu.points]))
    label = np.repeat(np.arange(3), 4)
    distance = cdist(mu.points, nu.points)
    same = label[:, None] == label
    assert distance[same].max() <= 0.5 * np.sqrt(3) and distance[~same].min() >= 0.7
    np.testing.assert_allclose(np.bincount(label, mu.weights), np.array([3, 2, 1]) / 6, **CLOSE)
    np.testing.assert_allclose(np.bincount(label, nu.weights), np.array([1, 2, 3]) / 6, **CLOSE)


def test_clusters_keep_their_mass() -> None:
    """2 tau just below the gap: every minimiser of the three-layer program moves, none across the gap."""
    toy = toys.clusters(n=3, k=2, gap=0.6, size=0.4, seed=1)
    mu, nu, label = toy["mu"], toy["nu"], np.tile(np.repeat([0, 1], 3), 2)
    rho = oracles.three_layer_lp(mu.points, mu.weights, nu.points, nu.weights, toy["stops"].points, 0.299).rho
    np.testing.assert_allclose(np.bincount(label, rho), [2 / 3, 1 / 3], rtol=0, atol=1e-9)
    assert rho[:6].sum() < 0.5  # most mass has left the source points
    far = oracles.three_layer_lp(mu.points, mu.weights, nu.points, nu.weights, toy["stops"].points, 9.0).rho
    np.testing.assert_allclose(np.bincount(label, far), [1 / 3, 2 / 3], rtol=0, atol=1e-9)


def test_clouds() -> None:
    """Shapes, equal masses, and the curves the moons lie on."""
    toy = toys.scattered(n=7, m=4, dim=3)
    assert toy["mu"].points.shape == (7, 3) and toy["nu"].points.shape == (4, 3) and "stops" not in toy
    assert np.array_equal(toy["nu"].weights, [0.25] * 4)
    moons = toys.moons(n=30, noise=0.0)
    upper, lower = moons["mu"].points, moons["nu"].points
    np.testing.assert_allclose(np.hypot(*upper.T), 1, **CLOSE)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, **CLOSE)
    assert upper[:, 1].min() > 0 and lower[:, 1].max() < 0.5
    noisy = toys.moons(n=2000, noise=0.1)["mu"].points - toys.moons(n=2000, noise=0.0)["mu"].points
    assert noisy.std() == pytest.approx(0.1, abs=0.01)


def test_rings() -> None:
    """Equal areas: radius^2 equally spaced; d_1 is the mean difference of radii and near 28/15."""
    toy = toys.rings(n=40, seed=2)
    x, y = toy["mu"].points, toy["nu"].points
    np.testing.assert_allclose(np.diff((x**2).sum(axis=1)), 5 / 40, rtol=0, atol=1e-13)
    assert ((x**2).sum(axis=1)[[0, -1]] - [4, 9]).tolist() == pytest.approx([5 / 80, -5 / 80])
    assert (y**2).sum(axis=1)[[0, -1]].tolist() == pytest.approx([1 / 80, 79 / 80])
    mean = (np.hypot(*x.T) - np.hypot(*y.T)).mean()
    assert oracles.power_transport(x, toy["mu"].weights, y, toy["nu"].weights, 1) == pytest.approx(mean, abs=1e-9)
    assert mean == pytest.approx(28 / 15, abs=1e-3)
    flat = toys.rings(n=5, source=(1.0, 2.0), target=(3.0, 4.0))["nu"].points
    assert 3 < np.hypot(*flat.T).min() and np.hypot(*flat.T).max() < 4
    with pytest.raises(WrofError, match="^target must be an inner and an outer radius"):
        toys.rings(target=(1.0, 1.0))


# ---- closed forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("r", "tau", "alpha", "p", "rho0", "value"),
    [
        (2.0, 0.5, 1.0, 2.0, (1, 1), 2.0),
        (2.0, 1.0, 1.0, 2.0, (0, 1), 2.0),
        (2.0, 4.0, 1.0, 2.0, (0, 0), 0.5),
        (1 / 127, 1 / 254, 1.0, 2.0, (0, 1), 1 / 127),
        (0.36, 0.3, 0.5, 1.0, (0, 1), 0.6),  # r = 4 tau^2
        (0.35, 0.3, 0.5, 1.0, (0, 0), 0.35 / 0.6),
        (0.5, 4.0, "1+tau", 2.0, (0, 1), 1 / 32),
        (0.5, 4.1, "1+tau", 2.0, (1, 1), 0.5**5.1),  # re-entrant: stays again
        (1e200, 1e-200, 1.0, 2.0, (1, 1), 1e200),  # r^2 overflows
        (0.0, 0.3, 1.0, 2.0, (0, 1), 0.0),
    ],
)
def test_two_point_exact(
    r: float, tau: float, alpha: float | str, p: float, rho0: tuple[float, float], value: float
) -> None:
    """Interval and value by hand, ties included."""
    found = toys.two_point_exact(r, tau, alpha, p)
    assert found.rho0 == rho0 and found.value == pytest.approx(value, rel=1e-14)


exponent = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), exponent, exponent)
def test_two_point_exact_agrees_with_the_oracle(r: float, tau: float, alpha: float, p: float) -> None:
    """Any distance, step and exponents; and on top of the tie itself."""
    found = toys.two_point_exact(r, tau, alpha, p)
    lo, hi, value = oracles.two_point(r, tau, alpha, p)
    assert found.rho0 == (lo, hi) and found.value == pytest.approx(value, rel=1e-13)
    (critical,) = toys.two_point_thresholds(r, alpha, p)
    assert toys.two_point_exact(r, critical, alpha, p).rho0 == (0, 1)
    assert toys.two_point_exact(r, critical * (1 + 1e-9), alpha, p).rho0 == (0, 0)
    assert toys.two_point_exact(r, critical * (1 - 1e-9), alpha, p).rho0 == (1, 1)


def test_two_point_exact_is_what_the_linear_program_finds() -> None:
    """Value, and the interval through the range of K = (1 - rho0) r^p, at a tie and off it."""
    for tau in (0.7, 1.0, 1.3):
        toy, exact = toys.two_point(2.0), toys.two_point_exact(2.0, tau)
        problem = (toy["mu"].points, toy["mu"].weights, toy["nu"].points, toy["nu"].weights, toy["mu"].points, tau)
        assert oracles.three_layer_lp(*problem).value == pytest.approx(exact.value, abs=1e-12)
        movement = [4 * (1 - part) for part in reversed(exact.rho0)]
        np.testing.assert_allclose(oracles.movement_range_lp(*problem), movement, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("r", "roots"),
    [(2, [0.641186]), (3, [0.697277]), (1, [0.5]), (0.1, [0.057014, 1.467654]), (0.5, [0.309907, 4]), (1 / 127, None)],
)
def test_thresholds_of_one_plus_tau(r: float, roots: list[float] | None) -> None:
    """Known digits, the equation, the bisection, and which side mass moves on."""
    found = toys.two_point_thresholds(r, "1+tau")
    if roots:
        np.testing.assert_allclose(found, roots, rtol=0, atol=1e-6)
    np.testing.assert_allclose(r**2 / (2 * found), r ** (1 + found), rtol=1e-12, atol=0)
    np.testing.assert_allclose(found, oracles.lambert_threshold(r), rtol=1e-12)
    for which, root in enumerate(found):
        assert toys.two_point_exact(r, root * 0.999, "1+tau").rho0 == ((1, 1), (0, 0))[which]
        assert toys.two_point_exact(r, root * 1.001, "1+tau").rho0 == ((0, 0), (1, 1))[which]


def test_thresholds_with_other_exponents() -> None:
    """r^(p-alpha)/2; for p = 1 and 1+tau two roots, one where the branches meet (r = e^(-2/e)), none below."""
    np.testing.assert_allclose(toys.two_point_thresholds(3.0), [1.5], **CLOSE)
    np.testing.assert_allclose(toys.two_point_thresholds(4.0, 0.5, 1.0), [1.0], **CLOSE)
    np.testing.assert_allclose(toys.two_point_thresholds(7.0, 2.0, 2.0), [0.5], **CLOSE)
    np.testing.assert_allclose(toys.two_point_thresholds(0.5, "1+tau", 1.0), [1.0, 2.0], rtol=1e-12)  # 1/4, 1/8
    np.testing.assert_allclose(toys.two_point_thresholds(np.exp(-2 / np.e), "1+tau", 1.0), [np.e / 2], rtol=1e-12)
    assert toys.two_point_thresholds(0.47, "1+tau", 1.0).shape == (0,)
    assert {toys.two_point_exact(0.47, tau, "1+tau", 1.0).rho0 for tau in np.geomspace(0.01, 100, 500)} == {(1, 1)}
    with pytest.raises(WrofError, match="beyond floating point"):
        toys.two_point_thresholds(1e-200, "1+tau", 3.0)


@pytest.mark.parametrize(
    ("a", "b", "tau", "places"),
    [
        (1.0, 1.0, 0.6, [0, 1, 2, 2]),
        (1.0, 2.0, 0.75, [0, 1, 1, 1]),
        (1.0, 2.0, 0.45, [0, 0, 0, 0]),
        (1.0, 2.0, 2.1, [0, 3, 3, 3]),
        (2.0, 1.0, 0.9, [0, 0, 0, 0]),
        (2.0, 1.0, 2.4, [0, 2, 3, 3]),
    ],
)
def test_three_point_exact(a: float, b: float, tau: float, places: list[float]) -> None:
    """By hand, and against the linear program iterated (no ties among these)."""
    exact = toys.three_point_exact(a, b, tau, 3)
    np.testing.assert_allclose(exact, places, **CLOSE)
    toy = toys.three_point(a, b)
    stops, rho = toy["mu"].points, toy["mu"].weights
    for place in exact[1:]:
        rho = oracles.three_layer_lp(stops, rho, stops, toy["nu"].weights, stops, tau).rho
        np.testing.assert_allclose(rho, np.isclose(stops[:, 0], place), rtol=0, atol=1e-9)


def test_three_point_ties_are_lazy() -> None:
    """2 tau = a stays, to rounding at least, 2 tau = 2a+b stops at a, 2 tau = b stays there."""
    assert 2 * ((0.1 + 0.2) / 2) > 0.3 and toys.three_point_exact(0.3, 0.1, (0.1 + 0.2) / 2, 1).tolist() == [0, 0]
    assert toys.three_point_exact(0.3, 0.1, 0.15, 2).tolist() == [0, 0, 0]
    assert toys.three_point_exact(0.3, 0.1, 0.35, 2).tolist() == pytest.approx([0, 0.3, 0.4])
    assert toys.three_point_exact(0.1, 0.3, 0.15, 2).tolist() == pytest.approx([0, 0.1, 0.1])
    assert toys.three_point_exact(0.1, 0.3, 0.15, 0).tolist() == [0]


@pytest.mark.parametrize(
    ("tau", "rho"),
    [(0.45, [0.5, 0.5, 0]), (0.75, [0, 1, 0]), (1.1, [0, 0.5, 0.5])],
    ids=["frozen", "piled up", "target"],
)
def test_gap_behaves_as_documented(tau: float, rho: list[float]) -> None:
    """a = 1, b = 2: frozen, all mass at 0 and staying there, target; the minimiser's K is unique each time."""
    toy = toys.gap(1.0, 2.0)
    stops, nu = toy["mu"].points, toy["nu"].weights
    found = oracles.three_layer_lp(stops, toy["mu"].weights, stops, nu, stops, tau).rho
    np.testing.assert_allclose(found, rho, rtol=0, atol=1e-9)
    again = oracles.three_layer_lp(stops, np.array(rho), stops, nu, stops, tau).rho
    np.testing.assert_allclose(again, rho, rtol=0, atol=1e-9)
    low, high = oracles.movement_range_lp(stops, toy["mu"].weights, stops, nu, stops, tau)
    assert low == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize("tau", [0.001, 0.0041, 0.012, 0.05, 0.3, 50.0])
@pytest.mark.parametrize("name", ["ramp_to_uniform", "random_to_ramp", "random_to_uniform", "bumps", "holes"])
def test_line_quantile_flow_agrees_with_the_oracle(name: str, tau: float) -> None:
    """Every step, non-negative, mass kept; 'holes' has empty cells at both ends and in the middle."""
    if name == "holes":
        grid, weights = Grid((60,), bounds=(-1.0, 2.0)), np.random.default_rng(7).random((2, 60))
        weights[:, [0, 5, 6, 30, 59]] = 0
        mu, nu = (grid.measure(w, normalize=True) for w in weights)
    else:
        toy = toys.TOYS[name]()
        mu, nu = toy["mu"], toy["nu"]
    flow = toys.line_quantile_flow(mu, nu, tau, 40)
    assert flow.shape == (41, mu.space.size) and flow.min() >= 0
    for k in (0, 1, 2, 13, 40):
        wanted = oracles.quantile_flow_line(mu.weights, nu.weights, mu.space.h, tau, k)
        np.testing.assert_allclose(flow[k], wanted, **CLOSE)


def test_line_quantile_flow_ties_are_lazy() -> None:
    """tau = (j + 1/2) h moves j cells, a hair more moves j + 1, however tau/h happens to be rounded."""
    for n, h in ((9, 1.0), (12, 0.1), (11, 0.3), (127, 1 / 127)):
        toy = toys.lattice_dirac(n, h)
        for j in range(9):
            for tau, cells in (((j + 0.5) * h, j), ((j + 0.5 + 1e-9) * h, j + 1)):
                rho = toys.line_quantile_flow(toy["mu"], toy["nu"], tau, 1)[1]
                assert rho.tolist() == np.eye(n + 1)[cells].tolist()


def test_line_quantile_flow_arrives() -> None:
    """From the published random source to the increasing ramp at tau = 0.005: on its way at step 30, there at 31."""
    ramp = toys.ramp(128, increasing=True)
    mu = ramp.space.measure(oracles.read_published("random_source"), normalize=True)
    left = np.abs(toys.line_quantile_flow(mu, ramp, 0.005, 31) - ramp.weights).sum(axis=1)
    assert left[30] > 1e-2 and left[31] < 1e-13


# ---- pictures -------------------------------------------------------------------------------------------------------

PIXELS = np.array([[0, 51, 102, 255], [255, 0, 0, 0], [10, 20, 30, 40]], dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    """Write pixels to a picture file."""
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path)
    return path


def test_picture_round_trip(tmp_path: Path) -> None:
    """Brightness over 255, darkness the rest, on square pixels; black carries exactly no mass."""
    path = save(tmp_path / "a.png", PIXELS)
    measure, dark = toys.image(path), toys.image(str(path), invert=True)
    assert measure.space == dark.space == Grid((3, 4)) and measure.space.spacing == pytest.approx((1 / 3, 1 / 3))
    np.testing.assert_allclose(measure.array, PIXELS / 255, **CLOSE)
    np.testing.assert_allclose(dark.array, 1 - PIXELS / 255, **CLOSE)
    assert (measure.array == 0).sum() == 4 and (dark.array == 0).sum() == 2
    assert toys.image(path, normalize=True).mass == pytest.approx(1, abs=1e-14)


def test_picture_formats(tmp_path: Path) -> None:
    """JPEG, colour, 16 bits, one bit, transparency, and a photograph that lies on its side."""
    flat = np.full((8, 16), 128, dtype=np.uint8)
    np.testing.assert_allclose(toys.image(save(tmp_path / "a.jpg", flat)).array, 128 / 255, atol=2 / 255)
    colour = np.zeros((1, 3, 3), dtype=np.uint8)
    colour[0, 0, 0] = colour[0, 1, 1] = colour[0, 2, 2] = 255
    np.testing.assert_allclose(toys.image(save(tmp_path / "c.png", colour)).array, [[0.299, 0.587, 0.114]], atol=3e-3)
    deep = np.array([[0, 1, 256], [257, 40000, 65535]], dtype=np.uint16)
    np.testing.assert_allclose(toys.image(save(tmp_path / "d.png", deep)).array, deep / 65535, **CLOSE)
    bits = toys.image(save(tmp_path / "b.png", np.array([[0, 255]], dtype=np.uint8), mode="1"))
    assert bits.array.tolist() == [[0, 1]]
    glass = np.array([[[255, 255, 255, 0], [255, 255, 255, 255], [0, 0, 0, 0], [0, 0, 0, 255]]], dtype=np.uint8)
    path = save(tmp_path / "g.png", glass)
    assert toys.image(path).array.tolist() == [[0, 1, 0, 0]]
    assert toys.image(path, invert=True).array.tolist() == [[0, 0, 0, 1]]
    picture = Image.fromarray(PIXELS)
    turned = picture.getexif()
    turned[0x0112] = 6  # orientation: rotate by a quarter
    picture.save(tmp_path / "e.png", exif=turned)
    assert np.array_equal(toys.image(tmp_path / "e.png").array, np.rot90(PIXELS, -1) / 255)


def test_picture_resizing(tmp_path: Path) -> None:
    """The longer side is `size`; shrinking by a whole factor averages; nothing turns negative."""
    path = save(tmp_path / "a.png", np.kron(PIXELS, np.ones((4, 4))).astype(np.uint8))
    small = toys.image(path, size=4)
    assert small.space == Grid((3, 4))
    np.testing.assert_allclose(small.array, PIXELS / 255, rtol=0, atol=1e-7)
    assert toys.image(path, size=2).array.shape == (2, 2)  # 1.5 rows round up
    assert toys.image(path, size=1).array.shape == (1, 1)
    assert toys.image(path, size=(5, 7), invert=True).array.shape == (5, 7)
    white = save(tmp_path / "w.png", np.pad(np.full((50, 50), 255, dtype=np.uint8), ((0, 0), (0, 1))))
    assert toys.image(white, size=7, invert=True).weights.min() == 0
    assert toys.image(path).array.shape == (12, 16)


def test_images(tmp_path: Path) -> None:
    """The target takes the shape of the source; masses stay the user's unless normalised."""
    source = save(tmp_path / "a.png", PIXELS)
    target = save(tmp_path / "b.png", np.full((20, 10), 255, dtype=np.uint8))
    toy = toys.images(source, target)
    assert set(toy) == {"mu", "nu"} and toy["mu"].space == toy["nu"].space == Grid((3, 4))
    assert toy["nu"].mass == pytest.approx(12, rel=1e-6) and toy["mu"].mass == pytest.approx(PIXELS.sum() / 255)
    toy = toys.build(f"images:source={source},target={target},size=8,normalize=true")
    assert toy["mu"].space == toy["nu"].space == Grid((6, 8))
    assert toy["mu"].mass == pytest.approx(1, abs=1e-12) and toy["nu"].mass == pytest.approx(1, abs=1e-12)
    dark = toys.images(source, source, invert=True)
    assert dark["mu"].mass == dark["nu"].mass == pytest.approx(12 - PIXELS.sum() / 255)


def test_picture_errors(tmp_path: Path) -> None:
    """Missing, not a picture, cut short, a folder, black, silly size: one sentence each."""
    (tmp_path / "text.png").write_text("no picture")
    whole = save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    black = save(tmp_path / "black.png", np.zeros((2, 2), dtype=np.uint8))
    for name, reason in (
        ("none.png", "No such file"),
        ("text.png", "cannot identify"),
        ("cut.png", "trunc"),
        ("", "Is a"),
    ):
        with pytest.raises(WrofError, match="^cannot read picture '") as caught:
            toys.image(tmp_path / name)
        assert reason in str(caught.value) and str(tmp_path / name) in str(caught.value)
    with pytest.raises(WrofError, match="^picture '.*black.png' has total mass 0"):
        toys.image(black)
    for size in (0, 2.5, True, (3, 0), (1, 2, 3)):
        with pytest.raises(WrofError, match="^size must be an integer >= 1, got "):
            toys.image(black, size=size, invert=True)


# ---- by name --------------------------------------------------------------------------------------------------------


def test_names() -> None:
    """The table holds every toy under its own name; hyphens will do."""
    wanted = "two_point three_point gap lattice_dirac ramp_to_uniform random_to_ramp random_to_uniform bumps gaussians"
    assert list(toys.TOYS) == [*wanted.split(), "clusters", "scattered", "moons", "rings", "images"]
    assert all(getattr(toys, name) is function for name, function in toys.TOYS.items())
    assert toys.get("random-to-ramp") is toys.get("random_to_ramp") is toys.random_to_ramp
    with pytest.raises(WrofError, match="^unknown toy 'tow-point'; did you mean 'two_point'\\?$"):
        toys.get("tow-point")


def same(one: Measure, other: Measure) -> bool:
    """Whether two measures are equal, bit by bit."""
    return one.space == other.space and np.array_equal(one.weights, other.weights)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("two_point", toys.two_point()),
        ("two-point:r=2.5e0", toys.two_point(2.5)),
        ("two_point:r=2", toys.two_point(2.0)),
        ("random_to_ramp:K=64,seed=3,increasing=true", toys.random_to_ramp(64, 3, True)),
        (" random-to-ramp : K = 64 , increasing = no ", toys.random_to_ramp(64)),
        ("gaussians:shape=8x6,source=0.1x0.2,target=none", toys.gaussians((8, 6), (0.1, 0.2))),
        ("gaussians:shape=9", toys.gaussians(9)),
        ("bumps:K=40,source=0.5,target=0.2x0.8,width=0.2", toys.bumps(40, (0.5,), (0.2, 0.8), 0.2)),
        ("rings:n=9,target=0x1.5", toys.rings(9, target=(0.0, 1.5))),
    ],
)
def test_build(spec: str, expected: toys.Toy) -> None:
    """One word gives the same toy as the call."""
    toy = toys.build(spec)
    assert toy.keys() == expected.keys() and same(toy["mu"], expected["mu"]) and same(toy["nu"], expected["nu"])


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("twopoint:r=1", "unknown toy 'twopoint'; did you mean 'two_point'?"),
        ("random_to_ramp:sede=3", "unknown key 'sede'; did you mean 'seed'?"),
        ("two_point:tau=3", "unknown key 'tau'; known: r."),
        ("two_point:r=abc", "r must be a number, got 'abc'."),
        ("two_point:r", "cannot read 'r' in 'two_point:r'; write two_point:key=value,key=value."),
        ("two-point:r=", "cannot read 'r=' in 'two-point:r='; write two_point:key=value,key=value."),
        ("two_point:r=1,", "cannot read '' in 'two_point:r=1,'; write two_point:key=value,key=value."),
        ("two_point:r=1,r=2", "key 'r' is given twice in 'two_point:r=1,r=2'; drop one."),
        ("two_point:r=nan", "r must be finite and >= 0, got nan."),
        ("two_point:r=-1", "r must be finite and >= 0, got -1.0."),
        ("ramp_to_uniform:K=1e2", "K must be an integer, got '1e2'."),
        ("ramp_to_uniform:K=0", "K must be an integer >= 1, got 0."),
        ("random_to_ramp:increasing=maybe", "increasing must be true or false, got 'maybe'."),
        ("gaussians:shape=8x", "shape must be an integer or numbers joined by x, got '8x'."),
        ("gaussians:source=a", "source must be numbers joined by x or none, got 'a'."),
        ("gaussians:shape=8x0", "grid shape must be integers >= 1, got (8, 0)."),
        ("images:source=a.png", "toy 'images' needs target; write images:target=value."),
        ("images", "toy 'images' needs source and target; write images:source=value."),
        ("scattered:seed=-1", "seed must be an integer >= 0, got -1."),
        ("moons:noise=-0.1", "noise must be finite and >= 0, got -0.1."),
    ],
)
def test_build_errors(spec: str, sentence: str) -> None:
    """What, where, value, cure."""
    with pytest.raises(WrofError) as caught:
        toys.build(spec)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: toys.ramp(True), "K must be an integer >= 1, got True."),
        (lambda: toys.random_weights(5, seed=0.5), "seed must be an integer >= 0, got 0.5."),
        (lambda: toys.three_point(1.0, 0.0), "b must be finite and > 0, got 0."),
        (lambda: toys.gap(-1.0), "a must be finite and > 0, got -1."),
        (lambda: toys.two_point("x"), "r must be finite and >= 0, got 'x'."),
        (lambda: toys.dirac(Grid((2, 2)), 4), "index must be below the 4 points of Grid((2, 2), "),
        (lambda: toys.cosine_bumps(9, (3.0,), 0.1), "bumps has total mass 0; it must be finite and > 0."),
        (lambda: toys.two_point_exact(1.0, 0.0), "tau must be finite and > 0, got 0."),
        (lambda: toys.two_point_exact(1.0, 1.0, "1+t"), "alpha must be a number > 0 or '1+tau', got '1+t'."),
        (lambda: toys.two_point_exact(1.0, 1.0, p=-1), "p must be finite and > 0, got -1."),
        (lambda: toys.two_point_thresholds(0.0), "r must be finite and > 0, got 0."),
        (lambda: toys.two_point_thresholds(1.0, 0.0), "alpha must be finite and > 0, got 0."),
        (lambda: toys.three_point_exact(1, 1, 1, -1), "steps must be an integer >= 0, got -1."),
        (
            lambda: toys.line_quantile_flow(**toys.gaussians(4), tau=1.0, steps=1.5),
            "steps must be an integer >= 0, got 1.5.",
        ),
        (
            lambda: toys.line_quantile_flow(**toys.gaussians((4, 4)), tau=1.0, steps=1),
            "the quantile law needs source and target on the same 1-D Grid of two points or more.",
        ),
    ],
)
def test_errors(call: object, sentence: str) -> None:
    """The sentences of the functions called directly."""
    with pytest.raises(WrofError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value).startswith(sentence)
