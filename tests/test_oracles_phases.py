"""Each oracle for phases and ties against a case worked out by hand or another oracle; each check made to fail."""

import numpy as np
import oracles
import oracles_phases as oracle
import pytest
from scipy.spatial.distance import cdist

SQUARE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
EXPONENTS = [(2.0, 1.0), (1.0, 0.5), (2.0, 0.5), (1.0, 2.0), (2.0, 2.0), (0.5, 1.0), (3.0, 2.0)]


def dirac(n: int, k: int) -> np.ndarray:
    return np.eye(n)[k]


def whole(rng: np.random.Generator, n: int, total: int) -> np.ndarray:
    return rng.multinomial(total, np.ones(n) / n).astype(float)


def small(seed: int) -> tuple:
    """Random problem with at most five units of mass: (x, a, y, b, stops, alpha, p)."""
    rng = np.random.default_rng([seed, 31])
    d, n, m, total = rng.integers(1, 3), *rng.integers(2, 5, 2), rng.integers(2, 6)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    stops = rng.normal(size=(4, d)) if seed % 3 == 0 else np.concatenate([x, y])
    p, alpha = EXPONENTS[rng.integers(len(EXPONENTS))]
    return x, whole(rng, n, total), y, whole(rng, m, total), stops, alpha, p


# ---- thresholds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
@pytest.mark.parametrize("r", [0.3, 1.0, 2.0])
def test_thresholds_of_two_points(r: float, p: float, alpha: float) -> None:
    """Mass stays up to r^(p - alpha)/2 and goes beyond, whatever the masses; zero weights change nothing."""
    x = [0.0, r, 7.0]
    for a, b in (([1.0, 0, 0], [0, 1.0, 0]), ([0.7, 0.3, 0], [0.2, 0.8, 0])):
        tau = r ** (p - alpha) / 2
        assert oracle.frozen_lp(x, a, x, b, x[:2], alpha, p) == pytest.approx(tau, rel=1e-10)
        assert oracle.target_lp(x, a, x, b, x[:2], alpha, p) == pytest.approx(tau, rel=1e-10)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 2.0), (0.3, 0.1)])
def test_thresholds_of_three_points(a: float, b: float) -> None:
    """{0, a, a+b}: frozen up to a/2, at the end at once from a + b/2."""
    x = [0.0, a, a + b]
    call = (x, dirac(3, 0), x, dirac(3, 2), x)
    assert oracle.frozen_lp(*call) == pytest.approx(a / 2, rel=1e-10)
    assert oracle.target_lp(*call) == pytest.approx(a + b / 2, rel=1e-10)


@pytest.mark.parametrize("h", [1.0, 0.25])
def test_thresholds_of_a_lattice(h: float) -> None:
    """Dirac 0 to Dirac 5h: half a cell, and four and a half."""
    x = np.arange(6) * h
    call = (x, dirac(6, 0), x, dirac(6, 5), x)
    assert oracle.frozen_lp(*call) == pytest.approx(h / 2, rel=1e-10)
    assert oracle.target_lp(*call) == pytest.approx(4.5 * h, rel=1e-10)


def test_thresholds_that_do_not_exist() -> None:
    """Mu = nu rests and has arrived for every tau; off the stops mass moves at once, or never arrives."""
    x = np.array([0.0, 1.0])
    one, other = dirac(2, 0), dirac(2, 1)
    assert oracle.frozen_lp(x, one, x, one, x) is None
    assert oracle.target_lp(x, one, x, one, x) == 0.0
    assert oracle.frozen_lp(x, one, x, other, [0.0]) is None  # nowhere else to go
    assert oracle.target_lp(x, one, x, other, [0.0]) is None  # nu is no stop
    assert oracle.frozen_lp(x, one, x, other, [1.0]) == 0.0  # mu is no stop
    assert oracle.target_lp(x, one, x, other, [1.0]) == 0.0  # the only stop
    assert oracle.frozen_lp([0.0], [1.0], [1.5], [1.0], [0.0, -1.0]) is None  # the other stop is worse


@pytest.mark.parametrize("seed", range(40))
def test_thresholds_end_the_staircase(seed: int) -> None:
    """Where both measures rest on stops, they are the first and the last critical tau of the enumeration."""
    x, a, y, b, stops, alpha, p = small(seed)
    taus = oracle.breakpoints_bruteforce(x, a, y, b, stops, alpha, p).taus
    frozen, target = oracle.frozen_lp(x, a, y, b, stops, alpha, p), oracle.target_lp(x, a, y, b, stops, alpha, p)
    if seed % 3 == 0:
        assert frozen == 0.0 and target is None
    else:
        assert frozen == pytest.approx(taus[0], rel=1e-8) and target == pytest.approx(taus[-1], rel=1e-8)


@pytest.mark.parametrize("seed", range(1, 20, 3))
def test_first_step(seed: int) -> None:
    """Staying is least below the one threshold only, going all the way above the other only."""
    x, a, y, b, stops, alpha, p = small(seed)
    frozen, target = oracle.frozen_lp(x, a, y, b, stops, alpha, p), oracle.target_lp(x, a, y, b, stops, alpha, p)
    for tau in (frozen * 0.9, frozen * 1.1, target * 0.9, target * 1.1):
        found = oracle.first_step_lp(x, a, y, b, stops, tau, alpha, p)
        assert (found.stay <= 1e-9) == (tau <= frozen) and (found.go <= 1e-9) == (tau >= target), tau
    off = oracle.first_step_lp(x, a, y, b, stops + 0.1, frozen, alpha, p)
    assert np.isinf(off.stay) and np.isinf(off.go)


# ---- the staircase ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [1.0, 0.1])
def test_lattice_dirac_by_enumeration(h: float) -> None:
    """Dirac 0 to Dirac 5h: k cells cost k^2 h^2 / 2tau + (5-k) h."""
    x = np.arange(6) * h
    for mass in (1, 3):
        found = oracle.breakpoints_bruteforce(x, mass * dirac(6, 0), x, mass * dirac(6, 5), x)
        np.testing.assert_allclose(found.taus, np.arange(0.5, 5) * h, rtol=1e-12)
        np.testing.assert_allclose(found.corners[:, 0], mass * (np.arange(6) * h) ** 2, atol=1e-14)
        np.testing.assert_allclose(found.corners[:, 1], mass * np.arange(5, -1, -1) * h, atol=1e-14)


def test_envelope_by_hand() -> None:
    """Corners (0, 4), (1, 2), (3, 1); points above, on an edge, twice, beside by rounding, or dearer are none."""
    points = [(1, 2), (3, 1), (0, 4), (0.5, 3), (2, 2), (0, 4), (0, 5), (9, 1), (1 + 1e-15, 2 - 1e-15), (3 - 1e-15, 1)]
    found = oracle.lower_envelope(points)
    np.testing.assert_allclose(found.corners, [(0, 4), (1, 2), (3, 1)], atol=1e-14)
    np.testing.assert_allclose(found.taus, [0.25, 1.0])
    assert found.value(0.5) == 3.0 and found.value(0.1) == 4.0 and found.value(10.0) == pytest.approx(1.15)
    assert oracle.lower_envelope([(2.0, 3.0)]).taus.size == 0


@pytest.mark.parametrize("seed", range(40))
def test_enumeration_is_the_value_function(seed: int) -> None:
    """The envelope is the least J of the three-layer program, at its critical tau, between and outside."""
    x, a, y, b, stops, alpha, p = small(seed)
    found = oracle.breakpoints_bruteforce(x, a, y, b, stops, alpha, p)
    ends = [found.taus[0] / 3, *found.taus, found.taus[-1] * 3] if len(found.taus) else [0.1, 1.0]
    for tau in (*ends, *np.sqrt(np.multiply(ends[1:], ends[:-1]))):
        value = oracles.three_layer_lp(x, a, y, b, stops, tau, alpha, p).value
        assert found.value(tau) == pytest.approx(value, rel=1e-10)
    for tau, low, high in zip(found.taus, found.corners[:-1, 0], found.corners[1:, 0], strict=True):
        np.testing.assert_allclose(oracles.movement_range_lp(x, a, y, b, stops, tau, alpha, p), (low, high), atol=1e-8)
        others = np.delete(found.taus, np.flatnonzero(found.taus == tau))
        off = np.abs(others / tau - 1).min(initial=3e-3) / 3  # the smaller, the less HiGHS can tell K apart
        slopes = oracle.value_slopes(x, a, y, b, stops, alpha, p, 1 / (2 * tau), off)
        np.testing.assert_allclose(slopes, (low, high), atol=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_the_proof_of_a_list_of_critical_taus(seed: int) -> None:
    """It accepts the enumeration and finds its corners; the ends are the first and the last of them."""
    x, a, y, b, stops, alpha, p = small(seed)
    found = oracle.breakpoints_bruteforce(x, a, y, b, stops, alpha, p)
    corners = oracle.assert_all_critical(found.taus, x, a, y, b, stops, alpha, p)
    np.testing.assert_allclose(corners, found.corners, atol=1e-8)
    np.testing.assert_allclose(oracle.end_corners(x, a, y, b, stops, alpha, p), found.corners[[0, -1]], atol=1e-9)


def test_the_proof_can_fail() -> None:
    """A critical tau left out, at the ends or between, off by 1e-6, one too many, out of order."""
    x = np.arange(6.0)
    call = (x, dirac(6, 0), x, dirac(6, 5), x)
    taus = np.arange(0.5, 5)
    oracle.assert_all_critical(taus, *call)
    for k in range(5):
        with pytest.raises(AssertionError, match="missing between"):
            oracle.assert_all_critical(np.delete(taus, k), *call)
    with pytest.raises(AssertionError, match="missing between|no breakpoint"):
        oracle.assert_all_critical(taus * (1 + 1e-6), *call)
    with pytest.raises(AssertionError, match="no breakpoint"):
        oracle.assert_all_critical([0.5, 1.0, 1.5, 2.5, 3.5, 4.5], *call)
    with pytest.raises(AssertionError, match="not sorted"):
        oracle.assert_all_critical(taus[::-1], *call)


def test_slopes_across_another_breakpoint_are_refused() -> None:
    x = np.arange(6.0)
    call = (x, dirac(6, 0), x, dirac(6, 5), x, 1.0, 2.0)
    assert oracle.value_slopes(*call, s=1 / 3) == pytest.approx((1.0, 4.0), abs=1e-12)
    with pytest.raises(AssertionError, match="a breakpoint within"):
        oracle.value_slopes(*call, s=1 / 3, off=0.7)


def test_enumeration_refuses_what_it_cannot_count() -> None:
    for a, b in (([9.0], [9.0]), ([2.0], [1.0])):
        with pytest.raises(AssertionError, match="units of mass"):
            oracle.breakpoints_bruteforce([0.0], a, [1.0], b, [0.0, 1.0])


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (2.0, 1.5), (2.0, 2.0), (1.0, 1.0), (1.0, 2.0), (3.0, 1.0)])
@pytest.mark.parametrize("seed", range(4))
def test_critical_taus_of_a_line(seed: int, p: float, alpha: float) -> None:
    """Atom by atom on the monotone plan: the same as all permutations."""
    rng = np.random.default_rng(seed)
    a, b, x = whole(rng, 6, 5), whole(rng, 6, 5), np.arange(6) / 4
    found = oracle.line_critical_taus(a, b, 0.25, alpha, p)
    np.testing.assert_allclose(found, oracle.breakpoints_bruteforce(x, a, x, b, x, alpha, p).taus, rtol=1e-10)


def test_critical_taus_of_a_line_by_hand() -> None:
    """p = 2, alpha = 1: half-integer cells up to the longest way; none for mu = nu; p = 1 = alpha: 1/2 only."""
    assert oracle.line_critical_taus([1, 0, 0, 1.0], [0, 1, 0, 1.0], 0.5).tolist() == [0.25]
    np.testing.assert_allclose(oracle.line_critical_taus(dirac(5, 4), dirac(5, 1), 1.0), [0.5, 1.5, 2.5])
    np.testing.assert_allclose(oracle.line_critical_taus(dirac(5, 4), dirac(5, 1), 1.0, 1.0, 1.0), [0.5])
    assert oracle.line_critical_taus(dirac(5, 4), dirac(5, 4), 1.0).size == 0
    with pytest.raises(AssertionError, match="monotone"):
        oracle.line_critical_taus(dirac(5, 4), dirac(5, 1), 1.0, 0.5)


# ---- all minimisers --------------------------------------------------------------------------------------------------


def test_rho_range_at_the_two_point_tie() -> None:
    """Any share of the excess may move, and only that."""
    lo, hi = oracle.rho_range_lp([0.0, 1.0], [0.75, 0.25], [0.0, 1.0], [0.5, 0.5], [0.0, 1.0, 9.0], 0.5)
    np.testing.assert_allclose(lo, [0.5, 0.25, 0], atol=1e-12)
    np.testing.assert_allclose(hi, [0.75, 0.5, 0], atol=1e-12)
    for tau, unique in ((0.5, False), (0.49, True), (0.51, True)):
        call = ([0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], tau)
        assert oracle.rho_unique_lp(*call) is unique


def test_rho_range_of_a_plan_tie() -> None:
    """Opposite corners of a square to the other two: two plans, one rho. On 3 x 3, two hops away: two of both."""
    a, b = np.array([1.0, 0, 0, 1]), np.array([0, 1.0, 1, 0])
    assert oracle.rho_unique_lp(SQUARE, a, SQUARE, b, SQUARE, 0.7)
    x = np.array(list(np.ndindex(3, 3)), dtype=float)
    a, b = dirac(9, 0) + dirac(9, 8), dirac(9, 2) + dirac(9, 6)
    lo, hi = oracle.rho_range_lp(x, a, x, b, x, 0.7)
    np.testing.assert_allclose(lo, np.zeros(9), atol=1e-9)
    np.testing.assert_allclose(hi, [0, 1, 0, 1, 0, 1, 0, 1, 0], atol=1e-9)
    assert np.ptp(oracles.movement_range_lp(x, a, x, b, x, 0.7)) < 1e-9  # K is the same for all


@pytest.mark.parametrize("seed", range(10))
def test_rho_range_holds_every_minimiser(seed: int) -> None:
    """Vertices beside a threshold tend to minimisers at it; their masses are in the range, and far from all equal."""
    x, a, y, b, stops, alpha, p = small(seed)
    taus = oracle.breakpoints_bruteforce(x, a, y, b, stops, alpha, p).taus
    for tau in taus[:2]:
        lo, hi = oracle.rho_range_lp(x, a, y, b, stops, tau, alpha, p)
        rho = [oracles.three_layer_lp(x, a, y, b, stops, t, alpha, p).rho for t in (tau * (1 - 1e-6), tau * (1 + 1e-6))]
        assert np.all(lo <= np.minimum(*rho) + 1e-8) and np.all(np.maximum(*rho) <= hi + 1e-8)
        assert np.abs(rho[1] - rho[0]).max() > 1e-3 and not oracle.rho_unique_lp(x, a, y, b, stops, tau, alpha, p)


# ---- closed forms and geometry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "tau", "way"), [(1, 1, 0.6, [0, 1, 2]), (1, 2, 0.75, [0, 1]), (1, 2, 0.4, [0]), (1, 2, 2.1, [0, 2])]
)
def test_three_point_theorem(a: float, b: float, tau: float, way: list[int]) -> None:
    assert oracle.three_point_theorem(a, b, tau) == way
    with pytest.raises(AssertionError, match="tie"):
        oracle.three_point_theorem(a, b, a / 2)


@pytest.mark.parametrize("seed", range(60))
def test_three_point_theorem_by_programs(seed: int) -> None:
    """Step by step with the three-layer program."""
    rng = np.random.default_rng(seed)
    (a, b), tau = rng.uniform(0.1, 2, 2), rng.uniform(0.05, 3)
    x = np.array([0.0, a, a + b])
    way = oracle.three_point_theorem(a, b, tau)
    for before, after in zip(way, [*way[1:], way[-1]], strict=True):
        rho = oracles.three_layer_lp(x, dirac(3, before), x, dirac(3, 2), x, tau).rho
        np.testing.assert_allclose(rho, dirac(3, after), atol=1e-9)


def test_components_by_hand() -> None:
    """Gaps of 1 and 2 on a line; strictly less than 2 tau; coinciding points belong together."""
    line = [0.0, 1.0, 3.0, 4.0, 4.0]
    for tau, expected in ((0.5, [0, 1, 2, 3, 3]), (0.51, [0, 0, 1, 1, 1]), (1.0, [0, 0, 1, 1, 1]), (1.01, [0] * 5)):
        assert oracle.components_bruteforce(line, tau).tolist() == expected
    assert oracle.components_bruteforce([[0.0, 0], [1, 1], [2, 0]], 0.95).tolist() == [0, 0, 0]
    # p = 1/2: |x-z|^(1/2) < 2 tau |x-z|, far points are neighbours
    assert oracle.components_bruteforce([0.0, 1.0, 7.0], 0.2, 1.0, 0.5).tolist() == [0, 1, 0]
    with pytest.raises(AssertionError, match="pairs differ"):
        oracle.assert_same_partition([0, 0, 1], [1, 0, 0])
    with pytest.raises(AssertionError, match="labels against"):
        oracle.assert_same_partition([0, 0], [1, 1, 1])
    oracle.assert_same_partition([0, 0, 1], [5, 5, 2])


@pytest.mark.parametrize("r", [0.1, 0.5, 0.9, 1 / 127, 1.0, 2.0, 3.0])
def test_hop_intervals(r: float) -> None:
    """For p = 2 the ends are the roots that bisection between known brackets gives."""
    (interval,) = oracle.hop_intervals_scan(r)
    expected = oracles.lambert_threshold(r)
    np.testing.assert_allclose(interval, [*expected, np.inf][:2], rtol=1e-12)


def test_hop_intervals_by_hand() -> None:
    """p = 1: never for r < exp(-2/e); p = 3, r = 2: 4 = 2 tau 2^tau at tau = 1. The published line: both digits."""
    edge = np.exp(-2 / np.e)
    assert oracle.hop_intervals_scan(edge * 0.999, 1.0) == [] and len(oracle.hop_intervals_scan(edge * 1.001, 1.0)) == 1
    assert oracle.hop_intervals_scan(2.0, 3.0) == [(pytest.approx(1.0, rel=1e-12), np.inf)]
    np.testing.assert_allclose(oracle.hop_intervals_scan(1 / 127), [(0.0040143, 1.1766733)], atol=5e-8)


@pytest.mark.parametrize(
    ("points", "p", "metric"),
    [
        ([0.0, 1.0, 2.0], 2.0, False),
        ([0.0, 1.0, 2.0], 1.0, True),
        ([0.0, 1.0, 5.0], 0.5, True),
        (SQUARE, 2.0, True),
        ([[0.0, 0], [1, 0.5], [2, 0]], 2.0, False),  # obtuse
        ([[0.0, 0], [1, 1.5], [2, 0]], 2.0, True),  # acute
        (np.eye(4), 2.0, True),
    ],
)
def test_metric_movement(points: list, p: float, metric: bool) -> None:
    assert oracle.metric_movement(points, p) is metric


def test_metric_movement_is_no_obtuse_angle() -> None:
    """p = 2: law of cosines, on random triangles."""
    rng = np.random.default_rng(3)
    seen = set()
    for points in rng.normal(size=(60, 3, 2)):
        i, j, k = cdist(points, points)[[0, 1, 2], [1, 2, 0]] ** 2
        acute = bool(max(i, j, k) <= (i + j + k) / 2)
        assert oracle.metric_movement(points, 2.0) is acute
        seen.add(acute)
    assert seen == {True, False}


# ---- random problems -------------------------------------------------------------------------------------------------


def test_random_problems_hold_what_was_asked() -> None:
    """Distinct stops, equal masses, zero weights, stops off both measures; the same for the same seed."""
    problems = [oracle.random_problem(kind, seed, seed % 2 * 5 or None) for kind in oracle.KINDS for seed in range(30)]
    for q in problems:
        assert len(np.unique(q.stops, axis=0)) == len(q.stops) and abs(q.a.sum() - q.b.sum()) < 1e-12 and q.mass > 0.99
        assert q.a.shape == (len(q.x),) and q.b.shape == (len(q.y),) and q.x.shape[1] == q.stops.shape[1]
    assert {(q.p, q.alpha) for q in problems} == set(oracle.EXPONENTS)
    assert sum(np.any(q.a == 0) or np.any(q.b == 0) for q in problems) > 50
    own = [q for q in problems if "stops" in q.where]
    assert len(own) == 30
    frozen, target = ([lp(*q.data) for q in own] for lp in (oracle.frozen_lp, oracle.target_lp))
    assert sum(t == 0.0 for t in frozen) >= 8 <= sum(t is None for t in target)
    assert sum(bool(t) for t in frozen) >= 8 <= sum(bool(t) for t in target)
    one, other = (oracle.random_problem("grid", 4) for _ in range(2))
    assert all(np.array_equal(u, v) for u, v in zip(one.places, other.places, strict=True))


def test_merged_masses() -> None:
    q = oracle.random_problem("cloud", 1)
    np.testing.assert_allclose(q.merged(np.concatenate([q.x, q.x]), np.concatenate([q.a, q.b])), q.a + q.b)
    with pytest.raises(AssertionError, match="mass off the stops"):
        q.merged(q.x + 0.1, q.a)
