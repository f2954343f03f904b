"""The joint cost in its forms (lattice, cloud, line, free) against its definition by brute force."""

from itertools import product

import numpy as np
import oracles
import pytest
from scipy.spatial.distance import cdist

from wrof import FREE, Grid, PointCloud
from wrof import cost as room
from wrof.cost import joint_cost, power_cost
from wrof.problem import StepProblem

EXPONENTS = [(2.0, 1.0), (2.0, 1.5), (1.0, 1.0), (1.0, 0.5), (0.5, 2.0), (3.0, 0.5), (2.0, 2.0)]
GRIDS = [
    Grid((9,), bounds=(0.0, 1.0)),
    Grid((4, 5)),
    Grid((5, 3), bounds=((-1.0, 1.0), (0.0, 10.0))),  # anisotropic
    Grid((1, 6), bounds=((2.0, 2.0), (-3.0, 0.0))),
    Grid((3, 4, 2), bounds=((0.0, 1.0), (0.0, 0.3), (5.0, 6.0))),
    Grid((2, 3, 2, 3)),
    Grid((1,)),
    Grid((1, 1, 1)),
]


def grid_points(grid):
    """Coordinates without the package: index times spacing, from the corner 0."""
    index = np.array(list(np.ndindex(*grid.shape)), dtype=float)
    return index * [(hi - lo) / max(k - 1, 1) for k, (lo, hi) in zip(grid.shape, grid.bounds, strict=True)]


def draw(kind, d, rng):
    """Source, target, stops: spaces and their coordinates, and indices of points that carry mass."""
    n, m, s = rng.integers(3, 8, 3)
    x, y, z = (rng.normal(size=(k, d)) for k in (n, m, s))
    if kind == "shared":  # stops are all points, one of them twice
        x = np.concatenate([x, x[:1]])
        cloud = PointCloud(x)
        return cloud, cloud, cloud, np.unique(x, axis=0), np.arange(n), np.arange(n + 1)[::2]
    if kind == "lattice":  # many ties
        x, y, z = (np.unique(rng.integers(0, 4, (k, d)) / 4, axis=0) for k in (n, m, s))
    return PointCloud(x), PointCloud(y), PointCloud(z), z, np.arange(len(x)), np.arange(len(y))[::-1]


def build(source, i, target, j, stops, tau, p, alpha, points=None):
    points = stops.points if points is None and stops is not FREE else points
    return joint_cost(source, i, target, j, stops, points, 1 / (2 * tau), p, alpha)


def assert_cost(cost, expected, rng, rtol=1e-14):
    """dense, rows, pairs, both c-transforms and tight against the matrix of all costs."""
    n, m = expected.shape
    assert cost.shape == (n, m)
    dense = cost.dense()
    np.testing.assert_allclose(dense, expected, rtol=rtol, atol=0)
    lo, hi = sorted(rng.integers(0, n + 1, 2))
    np.testing.assert_allclose(cost.rows(lo, hi), expected[lo:hi], rtol=rtol, atol=0)
    i, j = rng.integers(0, n, 20), rng.integers(0, m, 20)
    np.testing.assert_allclose(cost.pairs(i, j), expected[i, j], rtol=rtol, atol=0)
    phi, psi = rng.normal(size=n), rng.normal(size=m)
    atol = 1e-13 * max(1.0, expected.max())
    np.testing.assert_allclose(cost.c_transform(psi), (expected - psi).min(axis=1), rtol=0, atol=atol)
    np.testing.assert_allclose(cost.c_transform_back(phi), (expected - phi[:, None]).min(axis=0), rtol=0, atol=atol)
    phi = (expected - psi).min(axis=1)
    for tol in (1e-9, 0.1, 1.0):
        slack = expected - phi[:, None] - psi
        assert np.abs(slack - tol).min() > 1e-12, "a pair at the tolerance: the test would prove nothing"
        found = cost.tight(phi, psi, tol)
        assert sorted(zip(*found, strict=True)) == sorted(zip(*np.nonzero(slack <= tol), strict=True))
    assert np.array_equal(dense, cost.dense()), "the cost changed by being asked"


def assert_stops(cost, x, y, stops, tau, p, alpha, tie=1e-12):
    """Best stops of all pairs: among tied ones as near to x as possible, or as far; legs add up to the cost."""
    expected, near = oracles.joint_cost_bruteforce(x, y, stops, tau, alpha, p, tie=tie)
    i, j = (k.ravel() for k in np.indices(expected.shape))
    for farthest in (False, True):
        value, stop = cost.stops(i, j, farthest)
        np.testing.assert_allclose(value, expected.ravel(), rtol=1e-13, atol=0)
        for a, b, z in zip(i, j, stop, strict=True):
            assert z in near[a][b], f"pair {x[a]}, {y[b]}: {stops[z]} is not best"
            way = np.linalg.norm(stops[near[a][b]] - x[a], axis=1)
            wanted = way.max() if farthest else way.min()
            here = np.linalg.norm(stops[z] - x[a])
            assert abs(here - wanted) <= 1e-11 * wanted, f"pair {x[a]}, {y[b]}: went {here}, not {wanted}"
        move, disc = cost.legs(i, j, stop)
        np.testing.assert_allclose(move, np.linalg.norm(x[i] - stops[stop], axis=1) ** p / (2 * tau), rtol=1e-12)
        np.testing.assert_allclose(disc, np.linalg.norm(stops[stop] - y[j], axis=1) ** alpha, rtol=1e-12)
        np.testing.assert_allclose(move + disc, value, rtol=1e-12)


# ---- finite stops ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
@pytest.mark.parametrize("grid", GRIDS, ids=repr)
def test_stops_on_one_grid(grid, p, alpha):
    rng = np.random.default_rng(grid.size)
    points = grid_points(grid)
    i, j = (np.sort(rng.choice(grid.size, rng.integers(1, grid.size + 1), replace=False)) for _ in range(2))
    for tau in (0.05, 0.7, 20.0):
        cost = build(grid, i, grid, j, grid, tau, p, alpha)
        line = grid.dim == 1 and p >= 1 and alpha >= 1
        assert type(cost) is (room.LineJoint if line else room.LatticeJoint)
        expected, _ = oracles.joint_cost_bruteforce(points[i], points[j], points, tau, alpha, p)
        assert_cost(cost, expected, rng)
        assert_stops(cost, points[i], points[j], points, tau, p, alpha, tie=2e-14)


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["shared", "apart", "lattice"])
def test_stops_in_a_cloud(kind, d, p, alpha):
    """Stops that are the points, that share none with either measure, or where everything ties."""
    rng = np.random.default_rng(d)
    source, target, stops, distinct, i, j = draw(kind, d, rng)
    for tau in (0.05, 0.5, 20.0):
        cost = build(source, i, target, j, stops, tau, p, alpha, distinct)
        assert type(cost) is (room.LineJoint if d == 1 and p >= 1 and alpha >= 1 else room.CloudJoint)
        x, y = source.points[i], target.points[j]
        expected, _ = oracles.joint_cost_bruteforce(x, y, distinct, tau, alpha, p)
        assert_cost(cost, expected, rng)
        assert_stops(cost, x, y, distinct, tau, p, alpha)


@pytest.mark.parametrize("d", [1, 2])
def test_grid_and_cloud_mixed(d):
    """Measures on a grid with stops in a cloud, stops on another grid, and a cloud with stops on a grid."""
    rng = np.random.default_rng(d)
    grid, other = Grid((4,) * d), Grid((3,) * d, bounds=(-0.5, 1.5))
    cloud = PointCloud(rng.normal(size=(6, d)))
    for source, target, stops in product((grid, cloud), (grid, cloud), (grid, other, cloud)):
        i, j = np.arange(source.size), np.arange(target.size)
        for p, alpha in ((2.0, 1.0), (1.0, 0.5)):
            cost = build(source, i, target, j, stops, 0.2, p, alpha)
            expected, _ = oracles.joint_cost_bruteforce(source.points, target.points, stops.points, 0.2, alpha, p)
            assert_cost(cost, expected, rng, rtol=1e-13)
            assert_stops(cost, source.points, target.points, stops.points, 0.2, p, alpha)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("farthest", [False, True])
def test_ties_do_not_depend_on_the_order_of_stops(d, farthest):
    """p = 2, alpha = 1 on a lattice with tau = h/2, 3h/2, h/sqrt 2: whatever the order of the stops."""
    rng = np.random.default_rng(d)
    points = np.array(list(np.ndindex(*(5, 4, 2)[:d]))) * 0.1
    i, j = (k.ravel() for k in np.indices((len(points),) * 2))
    for cells in (0.5, 1.5, 0.5 * np.sqrt(min(d, 2))):
        tau = cells * 0.1
        ways = []
        for order in (np.arange(len(points)), np.arange(len(points))[::-1], rng.permutation(len(points))):
            stops = PointCloud(points[order])
            cost = build(
                PointCloud(points),
                np.arange(len(points)),
                PointCloud(points),
                np.arange(len(points)),
                stops,
                tau,
                2.0,
                1.0,
            )
            stop = cost.stops(i, j, farthest)[1]
            ways.append(np.linalg.norm(stops.points[stop] - points[i], axis=1))
        np.testing.assert_allclose(ways[1], ways[0], rtol=0, atol=1e-14)
        np.testing.assert_allclose(ways[2], ways[0], rtol=0, atol=1e-14)
        _, near = oracles.joint_cost_bruteforce(points, points, points, tau)
        assert any(len(pair) > 1 for row in near for pair in row), "nothing ties: the test would prove nothing"


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e8])
@pytest.mark.parametrize("shape", [(12,), (4, 5)])
def test_half_steps_far_away(shape, shift):
    """On a grid tau = h/2, 3h/2, ... are ties wherever it lies and whatever its spacing: no coordinate is involved."""
    for h in (1.0, 0.1, 1 / 127):
        bounds = tuple((shift, shift + (k - 1) * h) for k in shape)
        grid = Grid(shape, bounds=bounds)
        every, step = np.arange(grid.size), grid.spacing[-1]
        last = np.full(1, shape[-1] - 1)  # along the last axis from 0
        for k in range(shape[-1] - 2):
            cost = build(grid, every, grid, every, grid, (k + 0.5) * step, 2.0, 1.0)
            found = [int(cost.stops(np.zeros(1, dtype=np.int64), last, farthest)[1][0]) for farthest in (False, True)]
            assert found == [k, k + 1]


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 1.5)])
def test_clouds_far_away(d, p, alpha):
    """Distances come from differences of coordinates: 1e8 away the cost is as good as the coordinates are."""
    rng = np.random.default_rng(d)
    x, y, stops = (rng.integers(-64, 64, (6, d)) / 64 for _ in range(3))
    near, _ = oracles.joint_cost_bruteforce(x, y, stops, 0.3, alpha, p)
    far = [PointCloud(z + 2.0**27) for z in (x, y, np.unique(stops, axis=0))]
    cost = build(far[0], np.arange(6), far[1], np.arange(6), far[2], 0.3, p, alpha)
    assert_cost(cost, near, rng)


@pytest.mark.parametrize("space", [Grid((1,)), Grid((1, 1)), PointCloud([[3.0]]), PointCloud([[1.0, 2.0]])], ids=repr)
def test_one_point(space):
    """Where there is one point everything stays."""
    one = np.zeros(1, dtype=np.int64)
    for p, alpha in ((2.0, 1.0), (1.0, 0.5)):
        cost = build(space, one, space, one, space, 0.3, p, alpha)
        assert cost.dense().tolist() == [[0.0]] and cost.c_transform(np.array([0.25])).tolist() == [-0.25]
        assert cost.c_transform_back(np.array([0.25])).tolist() == [-0.25]
        assert [part.tolist() for part in cost.stops(one, one)] == [[0.0], [0]]


def test_repeated_points_are_one_stop():
    """The problem counts distinct stops, each by its first index; -0.0 is 0.0."""
    cloud = PointCloud([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [-0.0, 0.0], [2.0, 1.0]])
    problem = StepProblem.build(cloud.measure(np.ones(5)), cloud.measure(np.ones(5)), 0.3, alpha=1, p=2, stops=None)
    assert problem.stop_index.tolist() == [0, 1, 4] and problem.stop_count == 3
    assert problem.cost.shape == (5, 5) and problem.cost.disc.shape == (3, 5)
    flat = PointCloud([0.5, -0.0, 0.5, 0.0])
    problem = StepProblem.build(flat.measure(np.ones(4)), flat.measure(np.ones(4)), 0.3, alpha=1, p=2, stops=None)
    assert problem.stop_index.tolist() == [0, 1]


def test_blocks(monkeypatch):
    """A matrix in blocks of one row is the same matrix."""
    rng = np.random.default_rng(0)
    x, y, stops = (rng.normal(size=(k, 2)) for k in (7, 5, 6))
    cost = build(PointCloud(x), np.arange(7), PointCloud(y), np.arange(5), PointCloud(stops), 0.3, 2.0, 1.0)
    expected, _ = oracles.joint_cost_bruteforce(x, y, stops, 0.3)
    monkeypatch.setattr(room.powers, "BLOCK", 1)
    assert len(list(cost.blocks())) == 7
    assert_cost(cost, expected, rng)


# ---- free stops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("p", "alpha"), [*EXPONENTS, (1.0, 2.0), (1.5, 1.2)])
def test_free_stops(d, p, alpha):
    """The infimal convolution of the two powers, and stops on the segment from x to y at the right distance."""
    rng = np.random.default_rng(d)
    x, y = rng.normal(size=(4, d)), rng.normal(size=(3, d))
    y[0] = x[1]
    for tau in (0.1, 0.8):
        cost = build(PointCloud(x), np.arange(4), PointCloud(y), np.arange(3), FREE, tau, p, alpha)
        pairs = list(product(range(4), range(3)))
        expected = np.zeros((4, 3))
        for pair in pairs:
            r = np.linalg.norm(x[pair[0]] - y[pair[1]])
            expected[pair] = oracles.free_move(r, tau, alpha, p)[1] if r > 0 else 0.0
        with np.errstate(divide="ignore"):
            assert_cost_free(cost, expected, rng)
        i, j = np.array(pairs).T
        value, stop = cost.stops(i, j)
        np.testing.assert_allclose(value, expected.ravel(), rtol=1e-14, atol=0)
        here, there = np.linalg.norm(stop - x[i], axis=1), np.linalg.norm(stop - y[j], axis=1)
        np.testing.assert_allclose(here + there, np.linalg.norm(x[i] - y[j], axis=1), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(here**p / (2 * tau) + there**alpha, expected.ravel(), rtol=1e-7)
        arrived = there <= 1e-12
        assert np.array_equal(stop[arrived], y[j][arrived]), "a stop at y is y to the last digit"
        move, disc = cost.legs(i, j, stop)
        np.testing.assert_allclose(move + disc, expected.ravel(), rtol=1e-7)


def assert_cost_free(cost, expected, rng):
    """As `assert_cost`, but free stops have no `pairs`: their stops are places."""
    i, j = (k.ravel() for k in np.indices(expected.shape))
    cost.pairs = lambda a, b: cost.stops(a, b)[0]
    np.testing.assert_allclose(cost.stops(i, j)[0], expected.ravel(), rtol=1e-14, atol=0)
    assert_cost(cost, expected, rng)


@pytest.mark.parametrize(("p", "alpha", "r"), [(1.0, 0.5, 0.25), (0.5, 1.0, 4.0), (1.0, 1.0, 3.0), (0.5, 0.5, 2.0)])
def test_free_ties(p, alpha, r):
    """At r^p / 2 tau = r^alpha: stay, or go all the way if asked for the farthest."""
    tau = r ** (p - alpha) / 2
    zero = np.zeros(1, dtype=np.int64)
    for way in (np.array([r]), r * np.array([0.6, 0.8]), r * np.array([1.0, 2.0, 2.0]) / 3):
        x, y = np.zeros((1, len(way))), way[None]
        cost = build(PointCloud(x), zero, PointCloud(y), zero, FREE, tau, p, alpha)
        for factor, near, far in ((1, x, y), (1 + 1e-9, y, y), (1 - 1e-9, x, x)):
            cost = build(PointCloud(x), zero, PointCloud(y), zero, FREE, tau * factor, p, alpha)
            assert np.array_equal(cost.stops(zero, zero)[1], near)
            assert np.array_equal(cost.stops(zero, zero, True)[1], far)


# ---- powers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.5, 1.0, 1.2, 2.0, 3.0])
def test_power_cost(q):
    """|x - y|^q on a grid, on a line in any order, between two clouds."""
    rng = np.random.default_rng(0)
    for d in (1, 2, 3):
        x, y = PointCloud(rng.normal(size=(6, d))), PointCloud(rng.normal(size=(5, d)))
        grid = Grid((4, 3, 2)[:d], bounds=((0.0, 1.0), (0.0, 5.0), (1.0, 1.5))[:d])
        for source, target in ((x, y), (grid, grid), (grid, y), (x, grid)):
            i, j = rng.permutation(source.size)[:5], rng.permutation(target.size)[:4]
            cost = power_cost(source, i, target, j, q)
            expected = cdist(source.points[i], target.points[j]) ** q
            np.testing.assert_allclose(cost.dense(), expected, rtol=1e-13, atol=0)
            assert_cost(cost, cost.dense(), rng)


# ---- each check can fail --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["rows", "pairs", "c_transform", "c_transform_back", "tight", "dense"])
def test_the_cost_check_can_fail(method, monkeypatch):
    """One entry, one pair or one potential that is off."""
    rng = np.random.default_rng(0)
    x = PointCloud(rng.normal(size=(5, 2)))
    cost = build(x, np.arange(5), x, np.arange(5), x, 0.3, 2.0, 1.0)
    expected, _ = oracles.joint_cost_bruteforce(x.points, x.points, x.points, 0.3)
    right = getattr(cost, method)

    def wrong(*args):
        if method == "tight":
            i, j = right(*args)
            return i[1:], j[1:]
        out = right(*args).copy()
        out.flat[-1] += 1e-11
        return out

    monkeypatch.setattr(cost, method, wrong)
    with pytest.raises(AssertionError):
        for seed in range(3):
            assert_cost(cost, expected, np.random.default_rng(seed))


@pytest.mark.parametrize(("swap", "complaint"), [("farthest", "went"), ("other", "not best"), ("legs", "Not equal")])
def test_the_stop_check_can_fail(swap, complaint, monkeypatch):
    """The wrong one of two tied stops, a stop that is not best, legs that do not belong."""
    x = np.array([[0.0], [2.0]])
    cost = build(PointCloud(x), np.arange(2), PointCloud(x), np.arange(2), PointCloud(x), 1.0, 2.0, 1.0)
    assert_stops(cost, x, x, x, 1.0, 2.0, 1.0)
    right = cost.stops
    if swap == "farthest":
        monkeypatch.setattr(cost, "stops", lambda i, j, farthest: right(i, j, not farthest))
    elif swap == "other":
        monkeypatch.setattr(cost, "stops", lambda i, j, farthest: (right(i, j)[0], 1 - right(i, j)[1]))
    else:
        monkeypatch.setattr(cost, "legs", lambda i, j, stop: (np.zeros(len(i)), right(i, j)[0]))
        monkeypatch.setattr(cost, "stops", lambda i, j, farthest: right(i, j, farthest))
    with pytest.raises(AssertionError, match=complaint):
        assert_stops(cost, x, x, x, 1.0, 2.0, 1.0)
