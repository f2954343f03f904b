"""Spaces and measures: coordinates against loops written out here, inputs that must not change, copies that are."""

import copy
import itertools
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wrof
from wrof import FREE, Grid, Measure, PointCloud

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def lattice(shape: tuple[int, ...], bounds: list[tuple[float, float]]) -> np.ndarray:
    """Coordinates in C order, the last axis fastest, one point at a time."""
    rows = []
    for index in itertools.product(*(range(k) for k in shape)):
        rows.append([lo + (hi - lo) * i / max(k - 1, 1) for i, k, (lo, hi) in zip(index, shape, bounds, strict=True)])
    return np.array(rows, dtype=float).reshape(-1, len(shape))


# ---- Grid -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "bounds", "spacing"),
    [
        ((128,), [(0, 1)], [1 / 127]),
        ((2,), [(0, 1)], [1.0]),
        ((1,), [(0, 0)], [0.0]),
        ((3, 5), [(0, 0.5), (0, 1)], [0.25, 0.25]),
        ((5, 3), [(0, 1), (0, 0.5)], [0.25, 0.25]),
        ((1, 5), [(0, 0), (0, 1)], [0.0, 0.25]),
        ((4, 1), [(0, 1), (0, 0)], [1 / 3, 0.0]),
        ((1, 1, 1), [(0, 0)] * 3, [0.0] * 3),
        ((2, 3, 4), [(0, 1 / 3), (0, 2 / 3), (0, 1)], [1 / 3] * 3),
        ((2, 1, 3, 2, 1), [(0, 0.5), (0, 0), (0, 1), (0, 0.5), (0, 0)], [0.5, 0, 0.5, 0.5, 0]),
    ],
)
def test_default_bounds(shape: tuple[int, ...], bounds: list[tuple[float, float]], spacing: list[float]) -> None:
    """Longest side [0, 1], equal spacing on every axis, an axis of one point at 0."""
    grid = Grid(shape)
    assert grid.shape == shape and grid.dim == len(shape) and grid.size == math.prod(shape)
    np.testing.assert_allclose(grid.bounds, bounds, rtol=1e-15, atol=0)
    np.testing.assert_allclose(grid.spacing, spacing, rtol=1e-15, atol=0)
    np.testing.assert_allclose(grid.points, lattice(shape, bounds), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("shape", "bounds"),
    [
        ((4,), [(-1.0, 2.0)]),
        ((3, 4), [(0.0, 1.0), (-2.0, 7.0)]),
        ((4, 1, 2), [(1e6, 1e6 + 3), (5.0, 5.0), (-1e-6, 1e-6)]),
        ((1, 3), [(5.0, 6.0), (0.0, 1.0)]),  # an axis of one point sits at its lower bound
        ((2, 2, 2, 3), [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 4.0)]),
    ],
)
def test_bounds_per_axis(shape: tuple[int, ...], bounds: list[tuple[float, float]]) -> None:
    """Anisotropic bounds: both ends of every axis are points, to the last digit."""
    grid = Grid(shape, bounds=bounds)
    wanted = [(hi - lo) / (k - 1) if k > 1 else 0.0 for k, (lo, hi) in zip(shape, bounds, strict=True)]
    np.testing.assert_allclose(grid.spacing, wanted, rtol=1e-15, atol=0)
    np.testing.assert_allclose(grid.points, lattice(shape, bounds), rtol=1e-15, atol=1e-21)
    for axis, (lo, hi) in enumerate(bounds):
        column = grid.points[:, axis]
        assert column.min() == lo and column.max() == (hi if shape[axis] > 1 else lo)


def test_one_pair_of_bounds_serves_every_axis() -> None:
    assert Grid((3, 5), bounds=(-1, 3)) == Grid((3, 5), bounds=[(-1, 3), (-1, 3)])
    assert Grid((3, 5), bounds=(-1, 3)).spacing == (2.0, 1.0)
    assert Grid((3,), bounds=(0, 2)) == Grid((3,), bounds=[(0, 2)])
    assert Grid((2, 2), bounds=[(0, 1), (2, 3)]) != Grid((2, 2), bounds=[(0, 2), (1, 3)])


@pytest.mark.parametrize(
    "shape", [3, [3], (3,), np.int64(3), np.array(3), np.array([3]), np.array([3], dtype=np.uint8)]
)
def test_ways_to_say_shape(shape: Any) -> None:
    grid = Grid(shape)
    assert grid == Grid((3,)) and all(type(k) is int for k in grid.shape)
    assert np.array_equal(grid.points, [[0], [0.5], [1]])


def test_points_run_in_c_order() -> None:
    """A picture is (row, column): the column runs first, and weights of grid shape mean the same points."""
    grid = Grid((2, 3), bounds=[(0, 10), (0, 2)])
    assert grid.points.tolist() == [[0, 0], [0, 1], [0, 2], [10, 0], [10, 1], [10, 2]]
    picture = np.arange(6.0).reshape(2, 3)
    mu = grid.measure(picture)
    assert np.array_equal(mu.weights, [0, 1, 2, 3, 4, 5]) and np.array_equal(mu.array, picture)
    centre = mu.weights @ mu.points / mu.mass
    np.testing.assert_allclose(centre, [12 / 15 * 10, (1 + 4 + 2 * (2 + 5)) / 15], rtol=1e-15)


def test_least_spacing() -> None:
    assert Grid((3, 3), bounds=[(0, 1), (0, 4)]).h == 0.5
    assert Grid((1, 3), bounds=[(0, 0), (0, 4)]).h == 2.0
    assert Grid(1).h == 0.0


def test_grid_equality_and_hash() -> None:
    """Equal by shape and bounds, however they were said."""
    same = [
        Grid((3, 5)),
        Grid([3, 5]),
        Grid(np.array([3, 5]), bounds=[(0, 0.5), (0, 1)]),
        Grid((3, 5), ((0, 0.5), (0, 1))),
    ]
    assert len(set(same)) == 1 and all(a == b for a in same for b in same)
    others = [
        Grid((5, 3)),
        Grid((3, 5), bounds=(0, 1)),
        Grid(15),
        Grid((3, 5, 1)),
        PointCloud(same[0].points),
        "grid",
        None,
    ]
    for other in others:
        assert same[0] != other and other != same[0]
    assert len({*same, *others}) == 1 + len(others)


def test_grid_repr_reads_back() -> None:
    for grid in (Grid(4), Grid((3, 1, 2), bounds=[(0, 0.1), (7, 7), (-1, 1e-3)])):
        assert eval(repr(grid), {"Grid": Grid}) == grid  # the bounds of floats print to the last digit


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_spaces_pickle(protocol: int) -> None:
    for space in (Grid((3, 1, 2), bounds=[(0, 0.1), (7, 7), (-1, 1)]), PointCloud([[0.1, 0], [0.1, 0], [3, -1]])):
        _ = space.points  # cached on a grid
        back = pickle.loads(pickle.dumps(space, protocol))
        assert back == space and hash(back) == hash(space)
        assert np.array_equal(back.points, space.points)


# ---- PointCloud -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        ([0.0, 2.0, 1.0], [[0], [2], [1]]),
        (np.array([3, 1]), [[3], [1]]),
        (range(3), [[0], [1], [2]]),
        ([[1, 2]], [[1, 2]]),
        (np.eye(3, dtype=bool), np.eye(3)),
        (np.float32(0.1) * np.ones((2, 2), np.float32), np.full((2, 2), float(np.float32(0.1)))),
        (np.zeros((1, 1)), [[0]]),
        (np.arange(12.0).reshape(3, 4)[:, ::2], [[0, 2], [4, 6], [8, 10]]),
        (np.arange(6.0).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
    ],
)
def test_points_of_a_cloud(points: Any, wanted: Any) -> None:
    """Any real dtype and layout; a flat list is a line; order and repetitions are kept."""
    cloud = PointCloud(points)
    assert cloud.points.dtype == np.float64 and cloud.points.flags.c_contiguous
    assert np.array_equal(cloud.points, wanted)
    assert (cloud.size, cloud.dim) == np.shape(wanted)


def test_cloud_equality_and_hash() -> None:
    """Equal by coordinates in order; minus zero is zero."""
    cloud = PointCloud([[0.0, 1.0], [2.0, 3.0]])
    same = [cloud, PointCloud([[0, 1], [2, 3]]), PointCloud(np.array([[-0.0, 1], [2, 3]])), PointCloud(cloud.points)]
    assert len(set(same)) == 1 and all(a == b for a in same for b in same)
    others = [
        PointCloud([[2.0, 3.0], [0.0, 1.0]]),
        PointCloud([0.0, 1, 2, 3]),
        PointCloud([[0.0, 1, 2, 3]]),
        [[0, 1], [2, 3]],
    ]
    for other in others:
        assert cloud != other and other != cloud
    assert cloud != PointCloud([[0.0, 1.0], [2.0, np.nextafter(3.0, 4.0)]])


def test_coinciding_points_keep_their_weights() -> None:
    mu = PointCloud([[1.0, 1], [0, 0], [1, 1]]).measure([1, 2, 3])
    assert mu.space.size == 3 and mu.mass == 6 and np.array_equal(mu.weights, [1, 2, 3])


# ---- FREE -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_free_is_one_object(protocol: int) -> None:
    assert pickle.loads(pickle.dumps(FREE, protocol)) is FREE
    assert pickle.loads(pickle.dumps({"stops": [FREE, FREE]}, protocol))["stops"] == [FREE, FREE]
    assert copy.copy(FREE) is FREE and copy.deepcopy([FREE])[0] is FREE
    assert repr(FREE) == "FREE" and wrof.FREE is FREE


# ---- Measure --------------------------------------------------------------------------------------------------------

EXPECTED = np.array([0.0, 1.0, 2.0, 1.0, 0.0, 1.0])


def read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


LAYOUTS: dict[str, Callable[[], Any]] = {
    "list of ints": lambda: [0, 1, 2, 1, 0, 1],
    "list of lists": lambda: [[0, 1, 2], [1, 0, 1]],
    "tuple of floats": lambda: (0.0, 1.0, 2.0, 1.0, 0.0, 1.0),
    "mixed list": lambda: [0, 1.0, np.float32(2), True, False, np.int8(1)],
    "int64": lambda: EXPECTED.astype(np.int64),
    "uint8 picture": lambda: EXPECTED.astype(np.uint8).reshape(2, 3),
    "float16": lambda: EXPECTED.astype(np.float16),
    "float32": lambda: EXPECTED.astype(np.float32),
    "long double": lambda: EXPECTED.astype(np.longdouble),
    "big endian": lambda: EXPECTED.astype(">f8"),
    "big endian ints": lambda: EXPECTED.astype(">i2"),
    "Fortran order": lambda: np.asfortranarray(EXPECTED.reshape(2, 3)),
    "transposed": lambda: np.ascontiguousarray(EXPECTED.reshape(2, 3).T).T,
    "every other": lambda: np.repeat(EXPECTED, 2)[::2],
    "backwards": lambda: EXPECTED[::-1].copy()[::-1],
    "column of a table": lambda: np.stack([EXPECTED, EXPECTED + 7], axis=1)[:, 0],
    "read-only": lambda: read_only(EXPECTED.copy()),
    "read-only ints": lambda: read_only(EXPECTED.astype(np.int32)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_of_any_dtype_and_layout(layout: str) -> None:
    """Flat C-order float64 whatever comes in, the same on a cloud for what is flat."""
    given = LAYOUTS[layout]()
    before = copy.deepcopy(given)
    mu = Grid((2, 3)).measure(given)
    assert mu.weights.dtype == np.dtype(float) and mu.weights.dtype.isnative
    assert mu.weights.shape == (6,) and mu.weights.flags.c_contiguous
    assert np.array_equal(mu.weights, EXPECTED) and mu.mass == 5 and type(mu.mass) is float
    assert np.array_equal(mu.support, [1, 2, 3, 5])
    assert np.array_equal(given, before) and type(given) is type(before)
    if np.ndim(given) == 1:
        assert np.array_equal(Measure(np.arange(6), given).weights, EXPECTED)


def test_booleans_are_masses() -> None:
    """A mask is a measure: one unit where it is true."""
    mask = np.array([[True, False], [True, True]])
    mu = Grid((2, 2)).measure(mask)
    assert mu.mass == 3 and np.array_equal(mu.weights, [1, 0, 1, 1]) and mask.dtype == bool


def test_float32_is_widened_not_rounded() -> None:
    mu = Grid(2).measure(np.array([0.1, 0.9], dtype=np.float32))
    assert mu.weights[0] == float(np.float32(0.1)) != 0.1


def test_nothing_is_shared_with_the_input() -> None:
    """Later changes of the arrays that were passed in change no measure."""
    weights, points = np.array([1.0, 2.0]), np.array([[0.0, 0.0], [1.0, 1.0]])
    cloud = PointCloud(points)
    mu = cloud.measure(weights)
    scaled = cloud.measure(weights, normalize=True)
    weights[:] = 7
    points[:] = 7
    assert np.array_equal(mu.weights, [1, 2]) and np.array_equal(scaled.weights, [1 / 3, 2 / 3])
    assert np.array_equal(cloud.points, [[0, 0], [1, 1]]) and np.array_equal(mu.points, cloud.points)
    for kept in (mu.weights, scaled.weights):
        assert not np.shares_memory(kept, weights)
    assert not np.shares_memory(cloud.points, points)


def test_what_a_measure_hands_out_cannot_be_changed() -> None:
    """Weights, points, support and the picture are read-only: a measure is a value."""
    grid = Grid((2, 2))
    mu, cloud = grid.measure([1, 0, 2, 3]), PointCloud([0.0, 1.0])
    for array in (mu.weights, mu.points, mu.array, mu.support, grid.points, cloud.points):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    assert np.array_equal(mu.weights, [1, 0, 2, 3])


def test_read_only_inputs_pass_through_every_verb() -> None:
    """step, flow, distance, objective and certify take read-only, strided input and write to none of it."""
    wide = np.array([[0.5, 9], [0.25, 9], [0.25, 9]])
    a, b = read_only(wide)[:, 0], read_only(np.array([0, 0, 1.0]))
    points = read_only(np.array([[0.0, 1.0, 3.0]])).T
    saved = [np.array(v) for v in (a, b, points)]
    where: dict[str, Any] = {"points": points}
    for select in ("lazy", "eager", "min_norm", "vertex"):
        for solver in ("auto", "simplex", "lp"):
            result = wrof.step(a, b, 0.7, select=select, solver=solver, **where)
            assert not any(np.shares_memory(result.rho.weights, v) for v in (a, b))
    wrof.step(a, b, 0.7, stops=FREE, **where)
    wrof.flow(a, b, 0.7, 4, **where)
    wrof.distance(a, b, 2, **where)
    wrof.objective(b, a, b, 0.7, **where)
    wrof.certify(a, b, 0.7, read_only(np.outer(a, b)), read_only(np.zeros(3)), **where)
    for value, before in zip((a, b, points), saved, strict=True):
        assert np.array_equal(value, before)


def test_rho_of_a_frozen_step_is_a_copy() -> None:
    mu = Grid(5).measure([1, 2, 3, 4, 5], normalize=True)
    nu = Grid(5).measure([5, 4, 3, 2, 1], normalize=True)
    rho = wrof.step(mu, nu, 0.125).rho  # exactly h/2, lazily: nothing moves
    assert np.array_equal(rho.weights, mu.weights) and rho.space == mu.space
    assert not np.shares_memory(rho.weights, mu.weights)


@pytest.mark.parametrize("weights", [[1, 3], [0.1, 0.3], [1e-300, 3e-300], [1e300, 3e300], [1, 3.0000000001]])
def test_normalize(weights: list[float]) -> None:
    """To mass 1 on request, never otherwise."""
    plain, unit = Grid(2).measure(weights), Grid(2).measure(weights, normalize=True)
    assert plain.mass == weights[0] + weights[1] and np.array_equal(plain.weights, weights)
    assert abs(unit.mass - 1) <= 2e-16
    assert unit.weights[1] / unit.weights[0] == pytest.approx(weights[1] / weights[0], rel=1e-15)


def test_normalize_of_plain_arrays_rescales_both() -> None:
    result = wrof.step([1, 0], [0, 250], 5.0, points=[0.0, 1.0], normalize=True)
    assert result.value == pytest.approx(0.1, rel=1e-15) and result.rho.mass == 1


def test_normalize_of_measures_leaves_them_alone() -> None:
    grid = Grid(2)
    mu, nu = grid.measure([2, 0]), grid.measure([0, 3])
    result = wrof.step(mu, nu, 5.0, normalize=True)
    assert result.rho.mass == 1 and mu.mass == 2 and nu.mass == 3
    assert np.array_equal(mu.weights, [2, 0]) and np.array_equal(nu.weights, [0, 3])


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_grid_takes_flat_or_shaped_weights(shape: tuple[int, ...]) -> None:
    mu = Measure(Grid((2, 3)), np.arange(6.0).reshape(shape))
    assert mu.weights.shape == (6,) and mu.array.shape == (2, 3)


def test_array_of_a_cloud_is_flat() -> None:
    mu = Measure([[0.0, 0], [1, 1]], [1, 2])
    assert isinstance(mu.space, PointCloud) and mu.array.shape == (2,)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_measures_pickle(protocol: int) -> None:
    for mu in (Grid((2, 2)).measure([1, 0, 2, 0.1]), Measure([[0.0, 0.1], [1, 1]], [1, 1e-30])):
        _ = mu.support
        back = pickle.loads(pickle.dumps(mu, protocol))
        assert back.space == mu.space and back.mass == mu.mass
        assert np.array_equal(back.weights, mu.weights) and np.array_equal(back.support, mu.support)


def test_unpickled_values_are_still_values() -> None:
    """What could not be changed before the trip cannot be changed after it: hashes go by the content."""
    mu, cloud = pickle.loads(pickle.dumps((Grid(2).measure([1, 2]), PointCloud([0.0, 1.0]))))
    for array in (mu.weights, cloud.points):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5


def test_plain_arrays_are_measures_in_every_way_to_say_where() -> None:
    """grid=, points=, source_points=/target_points= and Measures give the same step."""
    a, b, line = [0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [[0.0], [0.5], [1.0]]
    grid = Grid(3)
    ways: list[tuple[Any, Any, dict[str, Any]]] = [
        (a, b, {"grid": grid}),
        (a, b, {"grid": 3}),
        (np.array(a), np.array(b), {"points": line}),
        (a, b, {"points": PointCloud(line)}),
        (a, b, {"source_points": line, "target_points": line}),
        (grid.measure(a), grid.measure(b), {}),
        (grid.measure(a), b, {"grid": grid}),
        (a, Measure(line, b), {"source_points": line}),
        (Measure(grid, a), Measure(line, b), {"stops": line}),
    ]
    for mu, nu, where in ways:
        result = wrof.step(mu, nu, 0.4, **where)
        # quarter 0 -> 1/2, quarter 0 -> 1, half 1/2 -> 1; tau/h = 0.8: one cell each
        assert result.value == pytest.approx(0.25 / 0.8 + 0.25 * 0.5, rel=1e-14)
        np.testing.assert_allclose(result.rho.weights, [0, 0.5, 0.5], rtol=0, atol=1e-15)
