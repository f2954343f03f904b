"""rays: each of its claims can fail; what they rest on, by other programs; other parameters."""

from __future__ import annotations

import contextlib
import io
from fractions import Fraction

import numpy as np
import oracles_transport as independent
import pytest
from scipy.optimize import linprog
from scripts import opened, small_pictures

from wrof import SolverError, store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scripts():
    """The experiment, and what it imports, as modules; drawn small."""
    with small_pictures(), opened(("rays", "_common", "_rays")) as modules:
        yield modules


@pytest.fixture(scope="module")
def quick(scripts, tmp_path_factory):
    """Stored run of its --quick."""
    out = tmp_path_factory.mktemp("results")
    with contextlib.redirect_stdout(io.StringIO()):
        assert scripts["_common"].main(scripts["rays"].EXPERIMENT, ["--quick", "--out", str(out)]) == 0
    (path,) = store.find_runs(out, "rays")
    return store.load_run(path)


def check(scripts, run, arrays):
    scripts["rays"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


# ---- the claims can fail ----

CORRUPT = [
    ("parabola/12/u", 7, 1e-9, r"on rays, off their part"),
    ("parabola/6/end", (3, 1), 1e-9, r"lower ends off \(t, t²\)"),
    ("parabola/6/start", (3, 0), 1e-9, r"upper ends off \(0, t² \+ ½\)"),
    ("parabola/6/start", (6, 1), -1e-9, r"t = 0: upper end off the axis, or below"),
    ("parabola/6/start", (6, 1), 0.1, r"t = 0: upper end above \(0, ½\)"),
    ("parabola/6/direction", (4, 2), 1e-9, r"directions of the mass off"),
    ("parabola/6/carried", 2, 1e-9, r"mass carried off"),
    ("parabola/3/value", (), 1e-9, r"d₁ / Σ mass u off 1"),
    ("parabola/3/phi", 5, 1e-9, r"off one constant for each \|t\|"),
    ("parabola/3/psi", 0, 1e-9, r"off one constant for each \|t\|"),
    ("parabola/6/field", slice(None), 5.0, r"c-transform on a grid"),
    ("spiral/value", (), 2e-3, r"300 points each: d₁"),
    ("spiral/value", (), -2e-4, r"u = \|x\| is a potential of all"),
    ("spiral/x", 3, 1e-3, r"the same from the plan's atoms"),
    ("angles/start", (0, 0), 1e-9, r"their ends off"),
    ("angles/end", (0, 0), 1e-9, r"their ends off"),
    ("angles/carried", 1, 1e-9, r"mass on each"),
    ("angles/values", 1, 1e-9, r"its value off the plan's, and off the dual"),
    ("angles/values", slice(None), 1e-9, r"that value, mean r − mean T\(r\)"),
    ("in_line", (1, 1), 1, r"triples of ends in line"),
    ("count", (2, 0), 1, r"p = 1: crossings, all pairs"),
    ("count", (0, -1), -13, r"p = 2: crossings, the pair shown"),
    ("count", (0, -1), 1, r"counted again"),
    ("length", (1, 1), -1.0, r"least mean \|x − y\| over that for p = 1"),
    ("square", (1, 0), -1.0, r"least mean \|x − y\|² over that for p = 2"),
]


@pytest.mark.parametrize(("array", "place", "by", "says"), CORRUPT)
def test_claims_can_fail(quick, scripts, array, place, by, says):
    arrays = {key: np.array(each) for key, each in quick.arrays.items()}
    arrays[array][place] += by
    with pytest.raises(scripts["_common"].ClaimError, match=says):
        check(scripts, quick, arrays)


def test_nothing_fails_untouched(quick, scripts, capsys):
    check(scripts, quick, quick.arrays)
    assert "FAIL" not in capsys.readouterr().out


def test_a_ray_that_is_missing_is_noticed(quick, scripts):
    arrays = {**quick.arrays, "parabola/6/start": quick.arrays["parabola/6/start"][1:]}
    with pytest.raises(scripts["_common"].ClaimError, match="7, 12, 25, not 7, 13, 25"):
        check(scripts, quick, arrays)
    arrays = {**quick.arrays, "angles/start": quick.arrays["angles/start"][1:]}
    with pytest.raises(scripts["_common"].ClaimError, match="common angles: rays: 14, not 15"):
        check(scripts, quick, arrays)


def test_a_potential_out_of_its_freedom_is_noticed(quick, scripts):
    """One constant for a pair of rays, but too large a one: no potential."""
    arrays = {key: np.array(each) for key, each in quick.arrays.items()}
    arrays["parabola/6/phi"][arrays["parabola/6/pair"] == 4] += 1.0
    arrays["parabola/6/psi"][[2, 10]] -= 1.0
    with pytest.raises(scripts["_common"].ClaimError, match="beyond what shortest paths allow"):
        check(scripts, quick, arrays)


def test_another_map_is_noticed(quick, scripts):
    """Two targets of one ray swapped: as cheap, but not monotone. All turned about the centre: not on radii."""
    arrays = {key: np.array(each) for key, each in quick.arrays.items()}
    y = arrays["angles/monotone/y"]
    y[[0, 1]] = y[[1, 0]]
    with pytest.raises(scripts["_common"].ClaimError, match=r"monotone map off √\(\(r² − 4\)/5\)"):
        check(scripts, quick, arrays)
    arrays["angles/monotone/y"] = quick.arrays["angles/monotone/y"] @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    with pytest.raises(scripts["_common"].ClaimError, match="off the radius"):
        check(scripts, quick, arrays)


def test_a_plan_that_is_no_longer_is_noticed(quick, scripts):
    """If the plans for p = 2 were as short as those for p = 1, the claim would fail."""
    arrays = {**quick.arrays, "length": np.ones_like(quick.arrays["length"])}
    with pytest.raises(scripts["_common"].ClaimError, match="for p = 2 by at least"):
        check(scripts, quick, arrays)


# ---- what they rest on ----


def test_the_distance_to_the_parabola(scripts):
    """By all roots of the cubic: inside, outside, on the axis, on the parabola."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, 20)
    points = np.vstack(
        [rng.uniform(-3, 3, (300, 2)), [[0, c] for c in (-1, 0, 0.5, 0.7, 3)], np.stack([t, t**2], axis=1)]
    )
    known = independent.parabola(points)
    np.testing.assert_allclose(scripts["_rays"].to_parabola(points), known.distance, rtol=0, atol=1e-12)
    off_axis = points[:, 0] != 0
    np.testing.assert_allclose(scripts["_rays"].foot_of(points)[off_axis], known.t[off_axis], rtol=0, atol=1e-7)


def test_the_freedom_of_the_potential(scripts):
    """Greatest and least φ − u at every top of a small fan, by linear programs over all optimal potentials."""
    one = scripts["rays"].fan(1.2, 3, 2, 5)
    x, y, u = one["x"], one["feet"], one["u"]
    n, m = len(x), len(y)
    rows, right = [], []
    for i in range(n):
        for j in range(m):
            row = np.zeros(n + m)
            row[[i, n + j]] = 1
            rows.append(row)
            right.append(np.linalg.norm(x[i] - y[j]))
    optimal = np.append(one["mass"], one["home"])  # all whose sum is as large are optimal
    ends = []
    for k in range(4):
        for sign in (1, -1):
            goal = np.zeros(n + m)
            goal[n - 4 + k] = sign
            bounds = [(0, 0) if j == n + 3 else (None, None) for j in range(n + m)]
            found = linprog(goal, rows, right, optimal[None], [one["mass"] @ u], bounds)
            assert found.status == 0
            ends.append(sign * found.fun - u[n - 4 + k])
    low, high = scripts["_rays"].freedom(x, u, one["pair"], y)
    np.testing.assert_allclose(np.stack([low, high], axis=1), np.reshape(ends, (4, 2)), rtol=0, atol=1e-7)


def test_crossings(scripts):
    """By another program on random segments; on a lattice, where points are in line, by rational numbers."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        start, end = rng.random((2, 25, 2))
        found, in_line = scripts["_rays"].crossings(start, end)
        assert [tuple(pair) for pair in found.tolist()] == independent.crossings(start, end) and in_line == 0
        assert len(found) > 10
    start, end = rng.integers(0, 5, (2, 30, 2)).astype(float)
    found, in_line = scripts["_rays"].crossings(start, end)
    assert [tuple(pair) for pair in found.tolist()] == independent.crossings(start, end, tol=0.5)
    assert in_line > 0


def test_segments_that_touch_do_not_cross(scripts):
    start = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]])
    end = np.array([[2.0, 2.0], [1.0, 1.0], [2.0, 0.0], [1.5, 1.5]])
    pairs, in_line = scripts["_rays"].crossings(start, end)
    assert len(pairs) == 0 and in_line > 0
    pairs, in_line = scripts["_rays"].crossings(np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 0.0]]))
    assert pairs.tolist() == [[0, 1]] and in_line == 0
    at = scripts["_rays"].meeting_points(np.array([[0.0, 0.0], [0.0, 2.0]]), np.array([[3.0, 3.0], [2.0, 0.0]]), pairs)
    np.testing.assert_allclose(at, [[1.0, 1.0]], rtol=1e-15)


def test_turns_are_exact(scripts):
    """Points in line but for their last bits, where the determinant in floating point has the wrong sign."""
    bits = np.arange(16) * 2.0**-53
    a = np.array([[0.5 + i, 0.5 + j] for i in bits for j in bits])
    b, c = np.full_like(a, 12.0), np.full_like(a, 24.0)
    exact = [
        np.sign((Fraction(12) - Fraction(x)) * (24 - Fraction(y)) - (12 - Fraction(y)) * (Fraction(24) - Fraction(x)))
        for x, y in a.tolist()
    ]
    rounded = np.sign((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    assert np.any(rounded != exact)
    assert scripts["_rays"].turns(a, b, c).tolist() == [int(sign) for sign in exact]


# ---- other parameters ----


@pytest.mark.parametrize(
    "options",
    [
        ["--seed", "3", "--fan", "0.7", "--fewest", "2", "--along", "1", "--doublings", "3", "--angles", "7"],
        ["--seed", "8", "--fan", "2", "--doublings", "4", "--powers", "0.5", "3", "--points", "200"],
        ["--seed", "11", "--doublings", "3"],  # the ray on the axis goes on above the ridge
        ["--seed", "1", "--doublings", "1", "--fewest", "1", "--radii", "1", "--angles", "3", "--clouds", "1"],
    ],
)
def test_other_parameters(scripts, tmp_path, capsys, options):
    assert scripts["_common"].main(scripts["rays"].EXPERIMENT, ["--quick", *options, "--out", str(tmp_path)]) == 0
    assert "FAIL" not in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--fan", "3"], ["--fan", "0"], ["--angles", "8"], ["--powers", "1", "0"]])
def test_parameters_out_of_range(scripts, tmp_path, capsys, options):
    assert scripts["_common"].main(scripts["rays"].EXPERIMENT, [*options, "--out", str(tmp_path)]) == 2
    assert "fan must be in (0, 2], angles odd, powers > 0" in capsys.readouterr().err


def test_a_plan_that_splits_is_no_matching(scripts):
    plan = scripts["rays"].solved(np.array([[0.0], [1.0]]), [1, 1], np.array([[2.0], [5.0]]), [1.5, 0.5], 1.0, [])
    with pytest.raises(SolverError, match="2 atoms of mass 1 are split into 3"):
        scripts["rays"].mates(plan)
