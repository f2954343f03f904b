"""Where mass starts to move and where it arrives at once; hops over a distance; the 2tau-graph.

Expected values: linear programs (`oracles_phases`), bisection on the step, closed forms, published pictures.
"""

import itertools
import warnings

import numpy as np
import oracles
import oracles_phases as oracle
import pytest

import wrof
from wrof import Grid, PointCloud

EXPONENTS = [(2.0, 1.0), (1.0, 0.5), (2.0, 0.5), (1.0, 2.0), (2.0, 2.0), (0.5, 1.0), (3.0, 2.0)]
LINE = {"points": [[0.0], [1.0]]}


def arguments(problem):
    where = dict(problem.where)
    if "shape" in where:
        where = {"grid": Grid(where["shape"], bounds=where["bounds"])}
    return {**where, "alpha": problem.alpha, "p": problem.p}


def quietly(call, *args, **options):
    """Call what may warn that tau is below h/2, which is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)
        return call(*args, **options)


def dirac(n, k):
    return np.eye(n)[k]


def sides(mu, nu, tau, off=1e-8, **call):
    """Whether a step stays, and whether it arrives, just below tau, at it (lazily, eagerly), and just above."""
    asked = ((tau * (1 - off), "lazy"), (tau, "lazy"), (tau, "eager"), (tau * (1 + off), "lazy"))
    results = [quietly(wrof.step, mu, nu, t, select=select, **call) for t, select in asked]
    return [r.still for r in results], [r.arrived for r in results]


def assert_frozen_up_to(tau, mu, nu, **call):
    """The lazy step stays up to tau, that included; the eager one at tau goes, as every step beyond."""
    stays, _ = sides(mu, nu, tau, **call)
    assert stays == [True, True, False, False], f"tau = {tau}: stays below, lazily, eagerly, above: {stays}"


def assert_target_from(tau, mu, nu, **call):
    """The eager step at tau gives nu, as every step beyond; the lazy one at tau does not, as every step below."""
    _, arrives = sides(mu, nu, tau, **call)
    assert arrives == [False, False, True, True], f"tau = {tau}: arrives below, lazily, eagerly, above: {arrives}"


def bisect(holds_above, lo, hi):
    """Least tau from which something holds, to 1e-10 relative; it must hold at hi and not at lo."""
    assert holds_above(hi) and not holds_above(lo), "no change of sign"
    while hi / lo > 1 + 1e-10:
        tau = float(np.sqrt(lo * hi))
        lo, hi = (lo, tau) if holds_above(tau) else (tau, hi)
    return hi


def assert_agrees(found, expected):
    """The same Threshold to 1e-8, or neither."""
    assert (found is None) == (expected is None), f"{found}, not {expected}"
    assert found is None or (isinstance(found, wrof.Threshold) and isinstance(found, float)), type(found)
    assert found is None or abs(found - expected) <= 1e-8 * expected, f"{found}, not {expected}"


def check(problem, by_bisection=False):
    """Both thresholds against linear programs, the step beside them, and the first and last critical tau."""
    call = (problem.a, problem.b)
    frozen, target = (quietly(f, *call, **arguments(problem)) for f in (wrof.frozen_below, wrof.target_above))
    assert_agrees(frozen, oracle.frozen_lp(*problem.data))
    assert_agrees(target, oracle.target_lp(*problem.data))
    taus = wrof.critical_taus(*call, **arguments(problem))
    if frozen:
        assert (frozen.lazy, frozen.eager) == (True, False) and frozen == pytest.approx(taus[0], rel=1e-10)
        assert_frozen_up_to(float(frozen), *call, **arguments(problem))
    if target:
        assert (target.lazy, target.eager) == (False, True) and target == pytest.approx(taus[-1], rel=1e-10)
        assert_target_from(float(target), *call, **arguments(problem))
    if by_bisection:
        if frozen:
            edge = bisect(
                lambda t: not quietly(wrof.step, *call, t, **arguments(problem)).still, frozen / 9, frozen * 9
            )
            assert abs(edge - frozen) <= 1e-8 * frozen
        if target:
            edge = bisect(lambda t: quietly(wrof.step, *call, t, **arguments(problem)).arrived, target / 9, target * 9)
            assert abs(edge - target) <= 1e-8 * target
    return bool(frozen) + bool(target)


# ---- closed forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
@pytest.mark.parametrize("r", [0.3, 1.0, 2.0])
def test_two_points(r, p, alpha):
    """Both are r^(p - alpha)/2, whatever the masses and the scale of masses."""
    for mass, (a, b) in ((1.0, ([1, 0], [0, 1])), (1e-6, ([0.7, 0.3], [0.2, 0.8])), (1e6, ([0.5, 0.5], [0.4, 0.6]))):
        call = {"points": [[0.0], [r]], "alpha": alpha, "p": p}
        for find in (wrof.frozen_below, wrof.target_above):
            found = find(np.multiply(mass, a), np.multiply(mass, b), **call)
            assert found == pytest.approx(r ** (p - alpha) / 2, rel=1e-13)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 2.0), (0.3, 0.1)])
def test_three_points(a, b):
    """{0, a, a+b}: 2 tau = a and 2a + b."""
    toy = wrof.toys.three_point(a, b)
    assert wrof.frozen_below(**toy) == pytest.approx(a / 2, rel=1e-12)
    assert wrof.target_above(**toy) == pytest.approx(a + b / 2, rel=1e-12)


@pytest.mark.parametrize("h", [1.0, 0.25])
def test_lattice_dirac(h):
    """Half a cell, and four and a half, of five."""
    toy = wrof.toys.lattice_dirac(5, h)
    assert wrof.frozen_below(**toy) == pytest.approx(h / 2, rel=1e-13)
    assert wrof.target_above(**toy) == pytest.approx(4.5 * h, rel=1e-13)


def test_thresholds_that_do_not_exist():
    """Mu = nu; nowhere to go; nu off the stops; mu off the stops."""
    one, other = [1.0, 0.0], [0.0, 1.0]
    for mu, nu, stops, frozen, target in (
        (one, one, None, None, 0.0),
        (one, other, [[0.0]], None, None),
        (one, other, [[0.0], [-1.0]], None, None),
        (one, other, [[1.0]], 0.0, 0.0),
        (one, other, [[0.4]], 0.0, None),
        ([0.5, 0.5], other, [[0.0], [0.7]], 0.0, None),
    ):
        found = [find(mu, nu, **LINE, stops=stops) for find in (wrof.frozen_below, wrof.target_above)]
        assert found == [frozen, target], f"{mu}, {nu}, stops {stops}: {found}"
        assert all(t is None or isinstance(t, wrof.Threshold) for t in found)


def test_threshold_is_a_float():
    """It calculates as one, and says which selections attain it."""
    found = wrof.frozen_below(**wrof.toys.two_point(1.0))
    assert found * 2 == 1.0 and f"{found:.3f}" == "0.500" and np.asarray(found).dtype == float
    assert found.lazy is True and found.eager is False
    found = wrof.target_above(**wrof.toys.two_point(1.0))
    assert found.lazy is False and found.eager is True


@pytest.mark.slow
@pytest.mark.parametrize("K", [32, 128])
@pytest.mark.parametrize("zero_end", [True, False])
def test_published_scheme(K, zero_end):
    """p = 1, alpha = 1/2, decreasing ramp to uniform: frozen iff 2 tau <= sqrt(h), nu at once for tau > 1/2."""
    toy = wrof.toys.ramp_to_uniform(K, zero_end=zero_end)
    h = 1 / (K - 1)
    frozen, target = (find(**toy, p=1.0, alpha=0.5) for find in (wrof.frozen_below, wrof.target_above))
    assert frozen == pytest.approx(np.sqrt(h) / 2, rel=1e-12) and (frozen.lazy, frozen.eager) == (True, False)
    assert target == pytest.approx(0.5, rel=1e-12) and (target.lazy, target.eager) == (False, True)
    if K == 128:
        assert frozen == pytest.approx(0.04436783, abs=5e-9)


@pytest.mark.slow
@pytest.mark.parametrize("K", [128, 1000])
def test_long_lines(K):
    """p = 2, alpha = 1: half a cell, and half a cell less than the longest way."""
    toy = wrof.toys.ramp_to_uniform(K)
    h = 1 / (K - 1)
    way = 2 * oracle.line_critical_taus(toy["mu"].weights, toy["nu"].weights, h)[-1]
    assert wrof.frozen_below(**toy) == pytest.approx(h / 2, rel=1e-9)
    assert wrof.target_above(**toy) == pytest.approx(way / 2, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 2.0)])
def test_a_picture(p, alpha):
    """24 x 24 with all cells full: too large for the oracle; the step itself changes there."""
    rng = np.random.default_rng(4)
    grid = Grid((24, 24))
    a, b = rng.dirichlet(np.ones(576), 2)
    call = {"grid": grid, "p": p, "alpha": alpha}
    for find, name, expected in (
        (wrof.frozen_below, "still", [True, False]),
        (wrof.target_above, "arrived", [False, True]),
    ):
        tau = float(find(a, b, **call))
        beside = [quietly(wrof.step, a, b, tau * (1 + off), **call) for off in (-1e-9, 1e-9)]
        assert [getattr(result, name) for result in beside] == expected, f"{name}, tau = {tau}"


# ---- random problems -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_quick(kind, seed):
    check(oracle.random_problem(kind, seed), by_bisection=kind == "cloud" and seed == 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_random(kind):
    """Thirty of every kind, one in three by bisection too."""
    count = 0
    for seed in range(300, 330):
        try:
            count += check(oracle.random_problem(kind, seed, units=7 if seed % 2 else None), by_bisection=seed % 3 == 0)
        except (AssertionError, wrof.WrofError) as err:
            raise AssertionError(f"{kind}, {seed}: {err}") from err
    assert count >= (15 if kind == "own stops" else 40)


def test_every_solver():
    problem = oracle.random_problem("cloud", 2)
    for find in (wrof.frozen_below, wrof.target_above):
        found = {
            solver: find(problem.a, problem.b, **arguments(problem), solver=solver) for solver in ("lp", "simplex")
        }
        assert found["lp"] == pytest.approx(found["simplex"], rel=1e-9)


def test_the_checks_can_fail():
    call = ([1.0, 0, 0], [0.0, 0, 1])
    points = {"points": [[0.0], [1.0], [2.0]]}
    assert_frozen_up_to(0.5, *call, **points)
    assert_target_from(1.5, *call, **points)
    for off in (1e-7, -1e-7):
        with pytest.raises(AssertionError, match="stays below"):
            assert_frozen_up_to(0.5 * (1 + off), *call, **points)
        with pytest.raises(AssertionError, match="arrives below"):
            assert_target_from(1.5 * (1 + off), *call, **points)
    with pytest.raises(AssertionError, match="no change of sign"):
        bisect(lambda t: True, 1.0, 2.0)
    assert bisect(lambda t: t > 1.3, 1.0, 2.0) == pytest.approx(1.3, rel=1e-9)
    found = wrof.frozen_below(*call, **points)
    assert_agrees(found, 0.5)
    for one, other in ((found, 0.5 + 1e-8), (found, None), (None, 0.5), (0.5, 0.5)):
        with pytest.raises(AssertionError):
            assert_agrees(one, other)


# ---- one plus tau ----------------------------------------------------------------------------------------------------


def assert_intervals(found, expected, rtol=1e-9):
    assert isinstance(found, list) and len(found) == len(expected), f"{found}, not {expected}"
    for one, other in zip(found, expected, strict=True):
        assert len(one) == 2, f"{one} is no interval"
        np.testing.assert_allclose(one, other, rtol=rtol, atol=0, err_msg=f"{found}, not {expected}")


@pytest.mark.parametrize("r", [0.1, 0.5, 1 / 127, 0.9, 1.0, 2.0, 3.0])
def test_one_plus_tau_on_two_points(r):
    """r < 1 is re-entrant: mass moves between the two roots only. r >= 1: beyond the one."""
    roots = oracles.lambert_threshold(r)
    assert len(roots) == (2 if r < 1 else 1)
    toy = wrof.toys.two_point(r)
    moves = [(roots[0], roots[1] if r < 1 else np.inf)]
    stays = [(0.0, roots[0]), *([(roots[1], np.inf)] if r < 1 else [])]
    assert_intervals(wrof.frozen_below(**toy, alpha="1+tau"), stays)
    assert_intervals(wrof.target_above(**toy, alpha="1+tau"), moves)
    assert_intervals(wrof.hop_thresholds(r), moves)


def test_hop_thresholds_known_digits():
    """Both roots for r = 0.1 and 0.5; r = 2, 3; the last hop on the published line."""
    for r, expected, digits in (
        (0.1, (0.057014, 1.467654), 6),
        (0.5, (0.309907, 4.0), 6),
        (2.0, (0.641186, np.inf), 6),
        (3.0, (0.697277, np.inf), 6),
        (1 / 127, (0.0040143, 1.1766733), 7),
    ):
        ((lo, hi),) = wrof.hop_thresholds(r)
        assert round(lo, digits) == expected[0] and (hi == np.inf or round(hi, digits) == expected[1])


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_hop_thresholds_against_a_scan(p):
    """Any p; no interval where the two branches of Lambert's W do not meet."""
    for r in (1e-3, 0.1, 0.3, 0.47, 0.49, 0.8, 0.99, 1.0, 1.01, 2.0, 30.0):
        assert_intervals(wrof.hop_thresholds(r, p=p), oracle.hop_intervals_scan(r, p))
    edge = np.exp(-2 / np.e)
    assert wrof.hop_thresholds(edge * 0.999, p=1.0) == [] and len(wrof.hop_thresholds(edge * 1.001, p=1.0)) == 1


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
def test_hop_thresholds_for_a_number(p, alpha):
    """r^p < 2 tau r^alpha beyond r^(p - alpha)/2."""
    for r in (0.1, 1.0, 7.0):
        assert_intervals(wrof.hop_thresholds(r, p=p, alpha=alpha), [(r ** (p - alpha) / 2, np.inf)])


@pytest.mark.parametrize("r", [0.1, 0.5, 2.0])
def test_one_plus_tau_is_what_the_step_does(r):
    """Beside every end, by steps."""
    ((lo, hi),) = wrof.hop_thresholds(r)
    toy = wrof.toys.two_point(r)
    for end, inside in ((lo, 1), *([(hi, -1)] if hi < np.inf else [])):
        for sign in (1, -1):
            result = quietly(wrof.step, **toy, tau=end * (1 + 1e-9 * sign), alpha="1+tau")
            assert (result.arrived, result.still) == ((True, False) if sign == inside else (False, True))


def inside(tau, intervals, but=1e-4):
    """Whether tau is in one of the intervals; None if it is within a part `but` of an end."""
    ends = np.array([end for pair in intervals for end in pair if 0 < end < np.inf])
    if len(ends) and np.abs(ends / tau - 1).min() < but:
        return None
    return any(lo < tau < hi for lo, hi in intervals)


def one_plus_tau_problem(seed):
    """Few points, most of them nearer than 1: (x, a, b, p). One atom to one or two, or all masses to all."""
    rng = np.random.default_rng([seed, 77])
    n, d = int(rng.integers(3, 6)), int(rng.integers(1, 3))
    x = rng.uniform(0, 1.4, (n, d)) if seed % 4 else np.array([[0.0], [0.5], [1.0]])
    n = len(x)
    if seed % 2:
        return x, dirac(n, 0), dirac(n, 1) if seed % 3 else (dirac(n, 1) + dirac(n, 2)) / 2, 2.0
    return x, *rng.dirichlet(np.ones(n), 2), float(rng.choice([1.0, 1.5, 2.0, 3.0]))


def check_one_plus_tau(seed):
    """Membership at sixty tau by linear programs; one side of every end and the other by steps."""
    x, a, b, p = one_plus_tau_problem(seed)
    call = {"points": x, "alpha": "1+tau", "p": p}
    frozen, target = (quietly(find, a, b, **call) for find in (wrof.frozen_below, wrof.target_above))
    for intervals in (frozen, target):
        assert all(lo < hi for lo, hi in intervals), f"{intervals}"
        assert all(one[1] < other[0] for one, other in itertools.pairwise(intervals)), f"{intervals}"
    taus = np.concatenate([np.geomspace(0.03, 6.0, 60)] + [[t * 0.999, t * 1.001] for t in _ends(frozen + target)])
    for tau in taus:
        best = oracle.first_step_lp(x, a, x, b, x, tau, 1 + tau, p)
        for name, intervals, excess in (("frozen", frozen, best.stay), ("target", target, best.go)):
            member = inside(tau, intervals)
            assert member is None or member == (excess <= 1e-9), f"{name} at {tau}: {excess:.2g}, {intervals}"
    for name, intervals in (("still", frozen), ("arrived", target)):
        for lo, hi in intervals:
            beside = ((lo, -1, False), (lo, 1, True), (hi, -1, True), (hi, 1, False))
            for tau, expected in ((end * (1 + 1e-8 * side), member) for end, side, member in beside):
                if 1e-6 < tau < 40:
                    result = quietly(wrof.step, a, b, tau, **call)
                    assert getattr(result, name) == expected, f"{name} at {tau}: {intervals}"
    return len(frozen) + len(target)


def _ends(intervals):
    return [end for pair in intervals for end in pair if 0 < end < 6]


@pytest.mark.parametrize("seed", range(3))
def test_one_plus_tau_on_a_few_points(seed):
    check_one_plus_tau(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(3, 43, 10))
def test_one_plus_tau_on_many_small_problems(start):
    count = 0
    for seed in range(start, start + 10):
        try:
            count += check_one_plus_tau(seed)
        except (AssertionError, wrof.WrofError) as err:
            raise AssertionError(f"{seed}: {err}") from err
    assert count >= 15


def test_one_plus_tau_without_thresholds():
    """Mu = nu always; nowhere to go: frozen for ever, never there; mu off the stops: never frozen."""
    one, other = [1.0, 0.0], [0.0, 1.0]
    for mu, nu, stops, frozen, target in (
        (one, one, None, [(0.0, np.inf)], [(0.0, np.inf)]),
        (one, other, [[0.0]], [(0.0, np.inf)], []),
        (one, other, [[1.0]], [], [(0.0, np.inf)]),
    ):
        call = {**LINE, "stops": stops, "alpha": "1+tau"}
        assert_intervals(wrof.frozen_below(mu, nu, **call), frozen)
        assert_intervals(wrof.target_above(mu, nu, **call), target)


def test_the_interval_checks_can_fail():
    assert inside(1.0, [(0.5, 2.0)]) and not inside(3.0, [(0.5, 2.0)]) and inside(2.0, [(0.5, 2.00001)]) is None
    for found in ([(0.5, 1.0)], [(0.5, 1.0, 2.0)], [(0.5 + 1e-6, np.inf)], [], [(0.0, 0.1), (0.5, np.inf)]):
        with pytest.raises(AssertionError):
            assert_intervals(found, [(0.5, np.inf)])


# ---- three points on a line ------------------------------------------------------------------------------------------


def test_three_point_line():
    """300 random (a, b, tau): every rho of the flow, when it ends and how, is the theorem's."""
    rng = np.random.default_rng(11)
    seen = set()
    for _ in range(300):
        a, b = rng.uniform(0.05, 2, 2)
        tau = rng.choice([a / 2, b / 2, a + b / 2]) * rng.uniform(0.5, 1.5)
        way = tuple(oracle.three_point_theorem(a, b, tau))
        flow = quietly(wrof.flow, **wrof.toys.three_point(a, b), tau=tau, steps=9)
        for k, place in enumerate(way):
            np.testing.assert_array_equal(flow.measures[k].weights, dirac(3, place), err_msg=f"{a}, {b}, {tau}, {way}")
        assert flow.settled_at == len(way) - 1
        assert flow.regime == {0: "frozen", 1: "steady", 2: "target"}[way[-1]], f"{a}, {b}, {tau}"
        seen.add(way)
    assert seen == {(0,), (0, 1), (0, 1, 2), (0, 2)}


# ---- the 2tau-graph --------------------------------------------------------------------------------------------------


def graph_problem(seed, alpha=1.0, p=2.0):
    """Cloud whose 2tau-graph has several components; a tau that is no distance between two points."""
    rng = np.random.default_rng([seed, 41])
    n, d = int(rng.integers(6, 16)), int(rng.integers(1, 4))
    x = rng.uniform(0, 1, (n, d))
    a, b = rng.dirichlet(np.ones(n), 2)
    far = np.sort(np.linalg.norm(x[:, None] - x[None], axis=2)[np.triu_indices(n, 1)])
    few = int(rng.integers(1, n))  # edges: the shortest hops for p > alpha, the longest for p < alpha
    tau = float(far[few] * 1.0001 if p > alpha else far[-few] * 0.9999) ** (p - alpha) / 2
    return x, a, b, tau


def assert_graph(graph, x, a, b, tau, alpha=1.0, p=2.0):
    """Components by breadth-first search, their masses, the mass that is locked, and a spanning forest."""
    oracle.assert_same_partition(graph.component, oracle.components_bruteforce(x, tau, alpha, p))
    labels = np.asarray(graph.component)
    assert sorted(set(labels.tolist())) == list(range(graph.count)), "labels are not 0 .. count - 1"
    source, target = (np.bincount(labels, w, graph.count) for w in (a, b))
    np.testing.assert_allclose(graph.source_mass, source, rtol=0, atol=1e-14)
    np.testing.assert_allclose(graph.target_mass, target, rtol=0, atol=1e-14)
    assert abs(graph.locked - np.maximum(source - target, 0).sum()) <= 1e-14 * a.sum()
    out = graph.arrays()
    np.testing.assert_array_equal(out["points"], x)
    np.testing.assert_array_equal(out["component"], labels)
    edges = out["edges"]
    places = np.unique(x, axis=0, return_inverse=True)[1].ravel()
    assert edges.shape == (places.max() + 1 - graph.count, 2) and np.issubdtype(edges.dtype, np.integer), (
        "no spanning forest"
    )
    r = np.linalg.norm(x[edges[:, 0]] - x[edges[:, 1]], axis=1)
    assert np.all((r == 0) | (r**p < 2 * tau * r**alpha)), "an edge that is none"
    parent = places.copy()  # coinciding points are one to begin with
    for i, j in edges:
        parent[parent == parent[i]] = parent[j]
    oracle.assert_same_partition(parent, labels)
    np.testing.assert_array_equal(out["source_mass"], graph.source_mass)
    np.testing.assert_array_equal(out["target_mass"], graph.target_mass)
    assert out["tau"].shape == () and out["tau"] == tau


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 0.5), (0.5, 1.0), (3.0, 1.0)])
def test_hop_graph(p, alpha):
    """Random clouds, any exponents with alpha <= 1, long edges for p < alpha included."""
    counts = set()
    for seed in range(12):
        x, a, b, tau = graph_problem(seed, alpha, p)
        graph = quietly(wrof.hop_graph, a, b, tau, points=x, alpha=alpha, p=p)
        assert_graph(graph, x, a, b, tau, alpha, p)
        counts.add(graph.count)
    assert len(counts) > 3


def test_hop_graph_of_equal_exponents():
    """p = alpha: every hop pays from tau = 1/2 on, that not included; none before."""
    x, a, b, _ = graph_problem(0)
    for p in (0.5, 1.0):
        for tau, count in ((0.499, len(x)), (0.5, len(x)), (0.501, 1)):
            graph = quietly(wrof.hop_graph, a, b, tau, points=x, alpha=p, p=p)
            assert_graph(graph, x, a, b, tau, p, p)
            assert graph.count == count


def test_hop_graph_by_hand():
    """Strictly less than 2 tau; coinciding points together; what is too much on the left never arrives."""
    x = np.array([[0.0], [1.0], [3.0], [4.0], [4.0]])
    a, b = np.array([0.5, 0.25, 0.25, 0, 0]), np.array([0, 0.25, 0.25, 0.25, 0.25])
    for tau, labels, locked in ((0.5, [0, 1, 2, 3, 3], 0.5), (0.75, [0, 0, 1, 1, 1], 0.5), (1.0, [0, 0, 1, 1, 1], 0.5)):
        graph = wrof.hop_graph(a, b, tau, points=x)
        oracle.assert_same_partition(graph.component, labels)
        assert graph.count == max(labels) + 1 and graph.locked == pytest.approx(locked, abs=1e-15)
    assert_graph(wrof.hop_graph(a, b, 0.75, points=x), x, a, b, 0.75)
    assert wrof.hop_graph(a, b, 1.01, points=x).count == 1 and wrof.hop_graph(a, b, 1.01, points=x).locked == 0


def test_hop_graph_of_a_grid():
    """Cells of an 5 x 4 grid: all alone up to h/2, all together beyond; arrays know the shape."""
    grid = Grid((5, 4), bounds=((0.0, 4.0), (0.0, 3.0)))
    a, b = np.random.default_rng(0).dirichlet(np.ones(20), 2)
    alone, together = (quietly(wrof.hop_graph, a, b, tau, grid=grid) for tau in (0.5, 0.501))
    assert (alone.count, together.count) == (20, 1)
    assert alone.locked == pytest.approx(np.maximum(a - b, 0).sum(), abs=1e-15) and together.locked <= 1e-15
    assert_graph(together, grid.points, a, b, 0.501)
    assert tuple(alone.arrays()["shape"]) == (5, 4) and alone.arrays()["edges"].shape == (0, 2)


def test_hop_graph_of_own_stops():
    """Stops without mass join components; two clouds give the union of their supports."""
    call = {"source_points": [[0.0], [5.0]], "target_points": [[2.0]]}
    graph = wrof.hop_graph([1.0, 0], [1.0], 0.6, **call, stops=[[0.0], [1.0], [2.0], [9.0]])
    oracle.assert_same_partition(graph.component, [0, 0, 0, 1])
    graph = wrof.hop_graph([1.0, 0], [1.0], 0.6, **call)
    assert graph.component.shape == (2,) and graph.count == 2 and graph.locked == 1.0


@pytest.mark.parametrize("select", ["lazy", "min_norm", "eager"])
def test_component_masses_are_conserved(select):
    """50 clouds, 5 steps: to 1e-14. No distance is 2 tau, so that the selection does not matter."""
    moved = 0
    for seed in range(50):
        x, a, b, tau = graph_problem(seed)
        graph = quietly(wrof.hop_graph, a, b, tau, points=x)
        flow = quietly(wrof.flow, a, b, tau, 5, points=x, select=select)
        for rho in flow.measures:
            masses = np.bincount(graph.component, rho.weights, graph.count)
            assert np.abs(masses - graph.source_mass).max() <= 1e-14, f"{seed}: mass left its component"
        left = np.abs(flow.rho.weights - b).sum() / 2
        assert left >= graph.locked - 1e-12, f"{seed}: locked mass arrived"
        moved += flow.results[0].moved > 1e-3 and graph.count > 1
    assert moved > 30


def test_connected_but_frozen():
    """{(0,0), (1,1), (2,0)}, 2 tau = 1.9: one component, and yet nothing moves."""
    x = [[0.0, 0], [1, 1], [2, 0]]
    graph = wrof.hop_graph([1.0, 0, 0], [0.0, 0, 1], 0.95, points=x)
    assert graph.count == 1 and graph.locked == 0.0
    assert wrof.flow([1.0, 0, 0], [0.0, 0, 1], 0.95, 5, points=x).regime == "frozen"
    assert wrof.frozen_below([1.0, 0, 0], [0.0, 0, 1], points=x) == pytest.approx(1.0, rel=1e-12)  # 4 = 2 tau 2
    assert wrof.target_above([1.0, 0, 0], [0.0, 0, 1], points=x) > 0.95


def test_the_graph_check_can_fail():
    x, a, b, tau = graph_problem(1)
    graph = wrof.hop_graph(a, b, tau, points=x)
    assert_graph(graph, x, a, b, tau)
    with pytest.raises(AssertionError):
        assert_graph(graph, x, a, b, tau * 1.5)
    with pytest.raises(AssertionError):
        assert_graph(graph, x, b, a, tau)
    with pytest.raises(AssertionError):
        assert_graph(wrof.hop_graph(a, b, tau * 1.5, points=x), x, a, b, tau)


# ---- bad input -------------------------------------------------------------------------------------------------------


def sentence(call, *args, **options):
    """Message of the one error a call raises: one line, one sentence at least."""
    with pytest.raises(wrof.WrofError) as caught:
        call(*args, **options)
    assert caught.type is wrof.WrofError, caught.type
    text = str(caught.value)
    assert "\n" not in text and text.endswith((".", "?")) and not text.endswith(".."), text
    return text


@pytest.mark.parametrize("find", [wrof.frozen_below, wrof.target_above], ids=["frozen_below", "target_above"])
@pytest.mark.parametrize("alpha", [1.0, "1+tau"])
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stops": wrof.FREE}, "FREE"),
        ({"p": -2.0}, "p must be"),
        ({"stops": [[0.0, 1.0]]}, "dimension"),
        ({"tau": 0.3}, "tau"),
        ({"stops": "free"}, "stops"),
    ],
    ids=str,
)
def test_bad_options(find, alpha, options, match):
    assert match in sentence(find, [1.0, 0.0], [0.0, 1.0], **LINE, alpha=alpha, **options)


@pytest.mark.parametrize("find", [wrof.frozen_below, wrof.target_above], ids=["frozen_below", "target_above"])
@pytest.mark.parametrize(
    "options", [{"alpha": "2+tau"}, {"alpha": -1}, {"alpha": None}, {"solver": "simples"}], ids=str
)
def test_bad_options_for_a_number(find, options):
    assert next(iter(options)) in sentence(find, [1.0, 0.0], [0.0, 1.0], **LINE, **options)


@pytest.mark.parametrize(
    ("tau", "options", "match"),
    [
        (0.0, {}, "tau"),
        (float("nan"), {}, "tau"),
        ("x", {}, "tau"),
        (0.3, {"alpha": 1.5}, "alpha"),
        (0.3, {"alpha": "1+tau"}, "alpha"),
        (0.3, {"stops": wrof.FREE}, "FREE"),
        (0.3, {"stops": [[1.0]]}, "stop"),
        (0.3, {"p": 0}, "p must be"),
        (0.3, {"select": "lazy"}, "select"),
    ],
    ids=str,
)
def test_bad_graph(tau, options, match):
    assert match in sentence(wrof.hop_graph, [1.0, 0.0], [0.0, 1.0], tau, **LINE, **options)


@pytest.mark.parametrize(
    ("r", "options", "match"),
    [
        (0.0, {}, "r"),
        (-1.0, {}, "r"),
        (float("nan"), {}, "r"),
        ("far", {}, "r"),
        (1.0, {"p": 0.0}, "p must be"),
        (1.0, {"alpha": 0.0}, "alpha"),
        (1.0, {"alpha": "tau"}, "alpha"),
    ],
    ids=str,
)
def test_bad_hop(r, options, match):
    assert match in sentence(wrof.hop_thresholds, r, **options)


def test_measures_as_measures():
    """A Measure of its own space, as everywhere."""
    cloud = PointCloud([[0.0], [1.0]])
    mu, nu = cloud.measure([1.0, 0.0]), cloud.measure([0.0, 1.0])
    assert wrof.frozen_below(mu, nu) == wrof.frozen_below([1.0, 0.0], [0.0, 1.0], **LINE) == 0.5
    assert wrof.hop_graph(mu, nu, 0.3).count == 2
