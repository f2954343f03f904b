"""The step where its answer is known: two and three points, the uniform line, free stops, small lattices.

Ties lazily and p = 2, alpha = 1 unless a test says otherwise. Formulas are those of the sources, written out here or in
`oracles`; only `wrof.step` and `wrof.flow` are under test.
"""

import warnings
from typing import Any

import numpy as np
import oracles
import pytest

import wrof
from wrof import FREE, Grid, PointCloud, WrofWarning

pytestmark = pytest.mark.filterwarnings("ignore::wrof.WrofWarning")

ROOTS = {
    2.0: [0.641186],
    3.0: [0.697277],
    0.1: [0.057014, 1.467654],
    0.5: [0.309907, 4.0],
}


def dirac_step(r: float, tau: float, mass: float = 1.0, **options: Any) -> Any:
    """Step from a Dirac at 0 to a Dirac at r, stops {0, r}."""
    return wrof.step([mass, 0.0], [0.0, mass], tau, points=[0.0, r], **options)


def assert_two_point(result: Any, r: float, tau: float, power: float, p: float, left: float, mass: float = 1.0) -> None:
    """Check rho, K, F and J of the two-point toy with the share `left` staying at 0."""
    np.testing.assert_allclose(result.rho.weights, mass * np.array([left, 1 - left]), rtol=0, atol=1e-12 * mass)
    assert result.movement == pytest.approx(mass * (1 - left) * r**p, rel=1e-12, abs=0)
    assert result.discrepancy == pytest.approx(mass * left * r**power, rel=1e-12, abs=0)
    value = mass * ((r**power - r**p / (2 * tau)) * left + r**p / (2 * tau))
    assert result.value == pytest.approx(value, rel=1e-12)
    assert abs(result.gap) <= 1e-12 * value


def cdf_distance(x: Any, a: Any, y: Any, b: Any) -> float:
    """d_1 on the line: the area between the two distribution functions."""
    places = np.concatenate([np.ravel(x), np.ravel(y)])
    masses = np.concatenate([a, -np.asarray(b)])
    order = np.argsort(places, kind="stable")
    return float(np.abs(np.cumsum(masses[order])[:-1]) @ np.diff(places[order]))


def monotone_atoms(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(i, j, mass) of the monotone coupling of two weight vectors, from the breaks of their distribution functions."""
    start, end = np.cumsum(a), np.cumsum(b)
    breaks = np.unique(np.concatenate([[0.0], start, end]))
    middles, masses = (breaks[1:] + breaks[:-1]) / 2, np.diff(breaks)
    i = np.minimum(np.searchsorted(start, middles), np.flatnonzero(a)[-1])
    j = np.minimum(np.searchsorted(end, middles), np.flatnonzero(b)[-1])
    return i, j, masses


def random_pair(K: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random weight vectors of mass 1 with about a third of the cells empty."""
    rng = np.random.default_rng(seed)
    pair = rng.random((2, K)) * (rng.random((2, K)) < 0.7) + np.eye(K)[[0, K - 1]] * 0.1
    return pair[0] / pair[0].sum(), pair[1] / pair[1].sum()


# ---- the helpers can fail -------------------------------------------------------------------------------------------


def test_assert_two_point_can_fail() -> None:
    result = dirac_step(2.0, 4.0)
    assert_two_point(result, 2.0, 4.0, 1.0, 2.0, 0.0)
    for r, tau, power, p, left in ((2.0, 4.0, 1.0, 2.0, 1.0), (2.0, 4.1, 1.0, 2.0, 0.0), (2.0, 4.0, 1.0, 2.1, 0.0)):
        with pytest.raises(AssertionError):
            assert_two_point(result, r, tau, power, p, left)


def test_cdf_distance() -> None:
    assert cdf_distance([0, 1], [0.5, 0.5], [2, 3], [0.5, 0.5]) == 2
    assert cdf_distance([1, 0], [0.25, 0.75], [0, 1, 5], [0.75, 0.125, 0.125]) == 0.5
    assert cdf_distance([0.3], [1.0], [0.3], [1.0]) == 0
    assert cdf_distance([0.3], [1.0], [0.3 + 1e-9], [1.0]) == pytest.approx(1e-9, rel=1e-6)


def test_monotone_atoms() -> None:
    i, j, mass = monotone_atoms([0.5, 0, 0.5], [0.25, 0.75, 0])
    assert (i.tolist(), j.tolist(), mass.tolist()) == ([0, 0, 2], [0, 1, 1], [0.25, 0.25, 0.5])


# ---- two points -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 2.0, "1+tau"])
def test_two_points(alpha: Any, p: float) -> None:
    """Mass moves iff r^p/2tau < r^alpha, whatever the selection; any mass."""
    for r in (0.1, 0.5, 1.0, 2.0, 3.0):
        for tau in (0.031, 0.293, 0.314, 0.457, 0.71, 1.37, 3.1, 5.3):
            power = 1 + tau if alpha == "1+tau" else alpha
            move, stay = r**p / (2 * tau), r**power
            assert abs(move - stay) > 1e-6 * stay, "a tie slipped in"
            left = 0.0 if move < stay else 1.0
            assert oracles.two_point(r, tau, power, p)[0] == left
            for select, mass in (("lazy", 1.0), ("eager", 3.5)):
                result = dirac_step(r, tau, mass, alpha=alpha, p=p, select=select)
                assert_two_point(result, r, tau, power, p, left, mass)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("solver", ["auto", "simplex", "lp"])
def test_two_points_tied(alpha: float, p: float, solver: str) -> None:
    """2 tau = r^(p - alpha): every split is optimal; lazy keeps all, eager moves all, min_norm halves."""
    for r in (0.1, 0.7, 1.0, 3.0):
        tau = r ** (p - alpha) / 2
        for select, left in (("lazy", 1.0), ("eager", 0.0), ("min_norm", 0.5)):
            result = dirac_step(r, tau, 2.0, alpha=alpha, p=p, select=select, solver=solver)
            assert_two_point(result, r, tau, alpha, p, left, 2.0)
        free = dirac_step(r, tau, alpha=alpha, p=p, select="vertex", solver=solver)
        assert free.value == pytest.approx(r**alpha, rel=1e-12) and 0 <= free.movement <= r**p * (1 + 1e-12)


def test_two_points_near_the_tie() -> None:
    """A relative 1e-9 beside the threshold the answer is unique again, for every selection."""
    for r in (0.3, 1.0, 7.0):
        for side, left in ((1 - 1e-9, 1.0), (1 + 1e-9, 0.0)):
            for select in ("lazy", "eager", "min_norm", "vertex"):
                rho = dirac_step(r, r / 2 * side, select=select).rho.weights
                np.testing.assert_allclose(rho, [left, 1 - left], rtol=0, atol=1e-12)


def test_thresholds_of_one_plus_tau_have_the_known_digits() -> None:
    for r, digits in ROOTS.items():
        np.testing.assert_allclose(oracles.lambert_threshold(r), digits, rtol=0, atol=6e-7)


@pytest.mark.parametrize("r", ROOTS)
def test_two_points_with_alpha_one_plus_tau(r: float) -> None:
    """Mass moves above the lower root; for r < 1 only up to the upper one. Exactly at a root: a tie."""
    for k, root in enumerate(oracles.lambert_threshold(r)):
        below, above = (1.0, 0.0) if k == 0 else (0.0, 1.0)
        for side, left in ((1 - 1e-6, below), (1 + 1e-6, above), (0.9, below), (1.1, above)):
            tau = root * side
            for select in ("lazy", "eager", "min_norm"):
                result = dirac_step(r, tau, alpha="1+tau", select=select)
                assert_two_point(result, r, tau, 1 + tau, 2.0, left)
        for select, left in (("lazy", 1.0), ("eager", 0.0), ("min_norm", 0.5)):
            assert_two_point(dirac_step(r, root, alpha="1+tau", select=select), r, root, 1 + root, 2.0, left)


def test_too_large_a_step_may_freeze() -> None:
    """r = 1/2, alpha = 1 + tau moves only for 0.3099 < tau < 4."""
    regimes = [
        wrof.flow([1, 0], [0, 1], tau, 3, points=[0.0, 0.5], alpha="1+tau").regime
        for tau in (0.3, 0.32, 3.99, 4.01, 50)
    ]
    assert regimes == ["frozen", "target", "target", "frozen", "frozen"]


def test_two_points_at_no_distance() -> None:
    """r = 0: the two points are one stop, J = 0."""
    for select in ("lazy", "eager", "min_norm", "vertex"):
        result = wrof.step([1, 0], [0, 1], 0.3, points=[[1.0, 2], [1, 2]], select=select)
        assert result.value == result.movement == result.discrepancy == 0 and result.status.ok
        assert result.rho.weights.sum() == 1


# ---- three points ---------------------------------------------------------------------------------------------------


def three_points(a: float, b: float, tau: float, steps: int = 6, **options: Any) -> tuple[list[int], Any]:
    """Which of the stops 0, a, a + b holds the mass after every step of the flow."""
    walk = wrof.flow([1, 0, 0], [0, 0, 1], tau, steps, points=[0.0, a, a + b], **options)
    for rho in walk.measures:
        np.testing.assert_allclose(np.sort(rho.weights), [0, 0, 1], rtol=0, atol=1e-12)
    return [int(np.argmax(rho.weights)) for rho in walk.measures], walk


def test_three_points_named_cases() -> None:
    """{0, 1, 2} with 2 tau = 1.2 needs two steps; {0, 1, 3} with 2 tau = 1.5 stays at 1."""
    places, walk = three_points(1, 1, 0.6)
    assert places == [0, 1, 2] and (walk.stopped, walk.regime, walk.settled_at) == ("target", "target", 2)
    np.testing.assert_allclose(walk.energies["value"], [1 / 1.2 + 1, 1 / 1.2], rtol=1e-14)
    places, walk = three_points(1, 2, 0.75)
    assert places == [0, 1, 1] and (walk.stopped, walk.regime, walk.settled_at) == ("fixed point", "steady", 1)
    np.testing.assert_allclose(walk.energies["value"], [1 / 1.5 + 2, 2], rtol=1e-14)
    assert three_points(1, 2, 0.49)[0] == [0, 0] and three_points(1, 2, 2.01)[0] == [0, 2]


def test_three_points_flow_theorem() -> None:
    """Frozen for 2 tau < a; at a after one step for a < 2 tau < 2a + b, then nu iff 2 tau > b; nu at once beyond."""
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(100):
        a, b = rng.uniform(0.2, 3, 2)
        reach = rng.uniform(0, 1.2 * (2 * a + b))
        if reach < a:
            expected, regime = [0, 0], "frozen"
        elif reach < 2 * a + b:
            expected, regime = ([0, 1, 2], "target") if reach > b else ([0, 1, 1], "steady")
        else:
            expected, regime = [0, 2], "target"
        places, walk = three_points(a, b, reach / 2)
        assert (places, walk.regime) == (expected, regime), (a, b, reach)
        seen.add(tuple(expected))
    assert len(seen) == 4


def test_three_points_on_the_thresholds() -> None:
    """2 tau = a: lazy stays, eager goes to a. 2 tau = 2a + b: lazy goes to a, eager to the end. 2 tau = b likewise."""
    for a, b in ((1.0, 2.0), (0.3, 0.7), (1 / 3, 0.1)):
        assert three_points(a, b, a / 2)[0] == [0, 0]
        assert three_points(a, b, (2 * a + b) / 2, 1)[0] == [0, 1]
        assert three_points(a, b, (2 * a + b) / 2, 1, select="eager")[0] == [0, 2]
    assert three_points(1.0, 2.0, 0.5, 1, select="eager")[0] == [0, 1]
    assert three_points(1.0, 2.0, 1.0)[0] == [0, 1, 1]
    assert three_points(1.0, 2.0, 1.0, select="eager")[0] == [0, 1, 2]


# ---- the uniform line -----------------------------------------------------------------------------------------------


def assert_quantile_law(K: int, ratio: float, bounds: tuple[float, float], seed: int, steps: int) -> None:
    """Compare every step with Q_k = clip(Q_nu, Q_mu - kmh, Q_mu + kmh), also after the flow has stopped."""
    a, b = random_pair(K, seed)
    grid = Grid(K, bounds=bounds)
    tau = ratio * grid.h
    walk = wrof.flow(a, b, tau, steps, grid=grid)
    for k in range(steps + 1):
        rho = walk.measures[min(k, len(walk.results))].weights
        np.testing.assert_allclose(rho, oracles.quantile_flow_line(a, b, grid.h, tau, k), rtol=0, atol=1e-12)
    assert len(walk.results) == steps or walk.stopped == ("target" if ratio > 0.5 else "fixed point")


@pytest.mark.parametrize("ratio", [0.01, 0.49, 0.51, 0.9, 1.49, 1.51, 2.6, 7.3, 1000.3])
@pytest.mark.parametrize("K", [2, 3, 8, 33])
def test_quantile_law(K: int, ratio: float) -> None:
    """Every atom of the monotone plan moves round(tau/h) cells a step until it arrives."""
    assert_quantile_law(K, ratio, (0.0, 1.0), seed=K, steps=12)


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-0.3, 7.7), (1e6, 1e6 + 1), (0.0, 1e-6)])
@pytest.mark.parametrize("ratio", [0.3, 0.635, 1.2, 2.49, 13.8, 126.0, 500.0])
def test_quantile_law_on_long_lines(ratio: float, bounds: tuple[float, float]) -> None:
    """K = 128 and 1001, any bounds, all steps up to arrival and beyond."""
    assert_quantile_law(128, ratio, bounds, seed=5, steps=int(130 / max(1, round(ratio))) + 2)
    assert_quantile_law(1001, ratio, bounds, seed=6, steps=8)


def test_the_quantile_comparison_can_fail() -> None:
    """A law with another hop length is not what the flow does."""
    a, b = random_pair(8, 1)
    walk = wrof.flow(a, b, 1.2 / 7, 2, grid=8)
    assert np.abs(walk.rho.weights - oracles.quantile_flow_line(a, b, 1 / 7, 2.2 / 7, 2)).max() > 1e-3


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 1 / 3), (0.0, 3.7), (1e6, 1e6 + 1), (0.0, 1e-7)])
@pytest.mark.parametrize("K", [2, 3, 5, 12, 50])
def test_frozen_up_to_half_a_cell(K: int, bounds: tuple[float, float]) -> None:
    """tau <= h/2 and lazy: not an atom moves, exactly. At h/2 eager moves every atom one cell; beyond, both do."""
    a, b = random_pair(K, 7 * K)
    grid = Grid(K, bounds=bounds)
    h = grid.h
    one_cell = oracles.quantile_flow_line(a, b, h, h, 1)
    i, j, mass = monotone_atoms(a, b)
    assert np.abs(i - j) @ mass > 0.01  # there is something to do
    for tau in (h / 2, h / 2 * (1 - 1e-9), h / 4):
        still = wrof.step(a, b, tau, grid=grid)
        assert still.movement == 0
        np.testing.assert_allclose(still.rho.weights, a, rtol=1e-15, atol=0)
        assert wrof.flow(a, b, tau, 5, grid=grid).regime == "frozen"
    for tau, select in ((h / 2, "eager"), (h / 2 * (1 + 1e-9), "lazy"), (h / 2 * (1 + 1e-9), "eager")):
        moved = wrof.step(a, b, tau, grid=grid, select=select)
        np.testing.assert_allclose(moved.rho.weights, one_cell, rtol=0, atol=1e-12)
    assert wrof.step(a, b, h / 2 * (1 - 1e-9), grid=grid, select="eager").movement == 0


@pytest.mark.parametrize("select", ["lazy", "eager"])
def test_half_integers_are_ties(select: str) -> None:
    """tau = (m + 1/2) h, written either way: lazy moves m cells, eager m + 1, neither beyond the mate."""
    K = 24
    a, b = random_pair(K, 4)
    grid = Grid(K)
    for m in (0, 1, 2, 5, 11, 40):
        cells = m if select == "lazy" else m + 1
        for tau in ((m + 0.5) * grid.h, (m + 0.5) / (K - 1), (2 * m + 1) / (2 * K - 2)):
            rho = wrof.step(a, b, tau, grid=grid, select=select).rho.weights
            expected = a if cells == 0 else oracles.quantile_flow_line(a, b, 1.0, cells, 1)
            np.testing.assert_allclose(rho, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", [1.0, 1.3, 2.0, 3.0, "1+tau"])
@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_hop_law_for_any_convex_exponents(alpha: Any, p: float) -> None:
    """Each monotone atom n cells from its mate hops the least (greatest) argmin of (kh)^p/2tau + ((n-k)h)^alpha."""
    for K, seed in ((6, 0), (17, 1), (30, 2)):
        a, b = random_pair(K, 10 * seed + K)
        i, j, mass = monotone_atoms(a, b)
        h = 2.0 / (K - 1)
        for tau in (0.02, 0.11, 0.37, 1.9):
            power = 1 + tau if alpha == "1+tau" else alpha
            for select in ("lazy", "eager"):
                hops = []
                for n in np.abs(j - i):
                    k = np.arange(n + 1)
                    cost = (k * h) ** p / (2 * tau) + ((n - k) * h) ** power
                    best = np.flatnonzero(cost <= cost.min() * (1 + 1e-13))
                    hops.append(best[0] if select == "lazy" else best[-1])
                stop = i + np.sign(j - i) * np.array(hops)
                result = wrof.step(a, b, tau, grid=Grid(K, bounds=(0, 2)), alpha=alpha, p=p, select=select)
                expected = np.bincount(stop, mass, K)
                np.testing.assert_allclose(result.rho.weights, expected, rtol=0, atol=1e-12)
                assert result.movement == pytest.approx(mass @ (np.array(hops) * h) ** p, rel=1e-12, abs=1e-15)


def test_the_line_is_the_same_drawn_as_a_cloud_or_in_space() -> None:
    """Grid, sorted cloud, shuffled cloud, and a straight line in space: J, K and F agree, lazily and eagerly."""
    K = 9
    a, b = random_pair(K, 3)
    line, mix = np.linspace(0, 1, K), np.random.default_rng(0).permutation(K)
    for tau in (0.5 / 8, 0.1, 1.5 / 8, 0.4):
        for select in ("lazy", "eager"):
            base = wrof.step(a, b, tau, grid=K, select=select)
            for result in (
                wrof.step(a, b, tau, points=line, select=select),
                wrof.step(a[mix], b[mix], tau, points=line[mix], select=select),
                wrof.step(a, b, tau, points=np.outer(line, [0.6, 0.0, 0.8]), select=select),
                wrof.step(a, b, tau, grid=(1, K, 1), select=select),
            ):
                found = [result.value, result.movement, result.discrepancy]
                np.testing.assert_allclose(found, [base.value, base.movement, base.discrepancy], rtol=0, atol=1e-12)


# ---- free stops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_free_line(scale: float) -> None:
    """Q_k = clip(Q_nu, Q_mu - k tau, Q_mu + k tau) at every step, for atoms anywhere on the line."""
    rng = np.random.default_rng(8)
    x, y = np.sort(rng.random(7)) * scale, np.sort(rng.random(5) + 0.3) * scale
    a, b = rng.random(7), rng.random(5)
    a, b = a / a.sum(), b / b.sum()
    i, j, mass = monotone_atoms(a, b)
    for tau in (0.07 * scale, 0.5 * scale):
        walk = wrof.flow(a, b, tau, 30, source_points=x, target_points=y, stops=FREE)
        for k, rho in enumerate(walk.measures):
            place = np.clip(y[j], x[i] - k * tau, x[i] + k * tau)
            assert cdf_distance(rho.points, rho.weights, place, mass) <= 1e-12 * scale
        assert walk.stopped == "target"
        assert len(walk.results) == int(np.ceil(np.abs(x[i] - y[j])[mass > 1e-14].max() / tau))


@pytest.mark.parametrize(
    ("alpha", "tau", "s", "atol"),
    [
        (1.2, 0.3, 0.332083, 5e-7),
        (1.5, 0.3, 0.36, 1e-12),
        (3.0, 0.3, 0.364022, 5e-7),
        (2.0, 0.3, 0.6 / 1.6, 1e-12),
        (1.0, 0.3, 0.3, 1e-12),
        (1.0, 1.7, 1.0, 0.0),
        ("1+tau", 1.0, 2 / 3, 1e-12),
    ],
)
@pytest.mark.parametrize("direction", [[1.0], [-1.0], [0.6, -0.8], [2 / 3, 1 / 3, -2 / 3]])
def test_one_free_atom(alpha: Any, tau: float, s: float, atol: float, direction: list[float]) -> None:
    """Unit mass at distance 1, p = 2: how far it goes, straight ahead in any dimension."""
    way = np.array([direction])
    start = np.full_like(way, 0.25)
    mu, nu = PointCloud(start).measure([1.0]), PointCloud(start + way).measure([1.0])
    result = wrof.step(mu, nu, tau, alpha=alpha, stops=FREE)
    power = 1 + tau if alpha == "1+tau" else alpha
    assert oracles.free_move(1.0, tau, power)[0] == pytest.approx(s, abs=max(atol, 1e-7))
    assert len(result.rho.weights) == 1
    moved = (result.rho.points - start)[0]
    np.testing.assert_allclose(moved, s * way[0], rtol=0, atol=atol + 4e-16)
    assert result.value == pytest.approx(oracles.free_move(1.0, tau, power)[1], rel=1e-14)


@pytest.mark.parametrize("r", [0.01, 0.3, 0.5, 0.6, 0.7, 0.8, 1.0, 2.0])
def test_a_free_atom_with_alpha_one_half(r: float) -> None:
    """p = 2, tau = 0.3: two branches compete; all the way at 1/2 and beyond, only part of it at 0.8."""
    s, cost = oracles.free_move(r, 0.3, 0.5)
    assert s == r if r <= 0.6 else s < 0.4 * r
    for points in ([[0.0], [r]], [[0.0, 0.0], [0.6 * r, 0.8 * r]]):
        for select in ("lazy", "eager"):
            result = wrof.step([1, 0], [0, 1], 0.3, alpha=0.5, points=points, stops=FREE, select=select)
            assert result.value == pytest.approx(cost, rel=1e-14)
            assert np.sqrt(result.movement) == pytest.approx(s, rel=1e-7)
            assert result.movement / 0.6 + result.discrepancy == pytest.approx(cost, rel=1e-14)


def test_where_the_branches_of_alpha_one_half_meet() -> None:
    """The distance up to which it pays to go all the way, by bisection of the brute force; a jump there."""
    low, high = 0.6, 0.7
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if oracles.free_move(middle, 0.3, 0.5)[0] == middle else (low, middle)
    below, above = (
        wrof.step([1, 0], [0, 1], 0.3, alpha=0.5, points=[0.0, r], stops=FREE) for r in (low - 1e-7, high + 1e-7)
    )
    assert below.discrepancy == 0 and above.movement < 0.1 < below.movement
    assert below.value == pytest.approx(above.value, abs=1e-6)


@pytest.mark.parametrize(("p", "alpha"), [(0.5, 0.5), (1.0, 0.5), (0.5, 1.0), (1.0, 1.0), (0.7, 0.3)])
def test_free_stops_with_concave_costs_are_two_points(p: float, alpha: float) -> None:
    """p, alpha <= 1: an end of the segment is best, all or nothing; at equality lazy stays, eager goes."""
    for r in (0.2, 1.0, 3.0):
        tie = r ** (p - alpha) / 2
        for tau, lazy, eager in ((tie * 0.99, 0, 0), (tie, 0, 1), (tie * 1.01, 1, 1)):
            for select, part in (("lazy", lazy), ("eager", eager)):
                result = wrof.step([1, 0], [0, 1], tau, alpha=alpha, p=p, points=[0.0, r], stops=FREE, select=select)
                assert result.movement == pytest.approx(part * r**p, rel=1e-14)
                assert result.discrepancy == pytest.approx((1 - part) * r**alpha, rel=1e-14)


def test_free_atoms_many_distances() -> None:
    """Random exponents and distances against the brute force; the source far from the origin."""
    rng = np.random.default_rng(12)
    for _ in range(60):
        p, alpha, tau = rng.uniform(0.3, 3.5), rng.uniform(0.3, 3.5), np.exp(rng.uniform(-3, 1.5))
        r = np.exp(rng.uniform(-3, 2))
        cost = oracles.free_move(r, tau, alpha, p)[1]
        way = rng.standard_normal(2)
        points = np.array([[5.0, -3.0], [5.0, -3.0] + r * way / np.linalg.norm(way)])
        result = wrof.step([2, 0], [0, 2], tau, alpha=alpha, p=p, points=points, stops=FREE)
        assert result.value == pytest.approx(2 * cost, rel=1e-12), (p, alpha, tau, r)


# ---- lattices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [1.0, 0.1, 1 / 3])
def test_lattice_dirac(h: float) -> None:
    """0 -> 5h: critical tau at h/2, 3h/2, ..., 9h/2, each worth one more cell; at them lazy below, eager above."""
    grid = Grid(6, bounds=(0, 5 * h))
    a, b = np.eye(6)[0], np.eye(6)[5]
    for k in range(5):
        tau = (k + 0.5) * h
        for size, select, cells in (
            (tau * (1 - 1e-9), "lazy", k),
            (tau * (1 - 1e-9), "eager", k),
            (tau, "lazy", k),
            (tau, "eager", k + 1),
            (tau * (1 + 1e-9), "lazy", k + 1),
            (tau * (1 + 1e-9), "eager", k + 1),
        ):
            result = wrof.step(a, b, size, grid=grid, select=select)
            assert np.array_equal(result.rho.weights, np.eye(6)[cells]), (k, select)
            assert result.movement == pytest.approx((cells * h) ** 2, rel=1e-14)
        halves = wrof.step(a, b, tau, grid=grid, select="min_norm").rho.weights
        np.testing.assert_allclose(halves, (np.eye(6)[k] + np.eye(6)[k + 1]) / 2, rtol=0, atol=1e-12)


def test_on_a_square_lattice_diagonal_hops_cost_more() -> None:
    """h/2 < tau < h/sqrt 2: mass moves along the axes and not across; beyond, both ways."""

    def end(b: tuple[int, int], tau: float) -> tuple[int, int]:
        a, target = np.zeros((3, 3)), np.zeros((3, 3))
        a[0, 0] = target[b] = 1
        rho = wrof.step(a, target, tau, grid=Grid((3, 3), bounds=(0, 2))).rho.array
        return tuple(int(k) for k in np.argwhere(rho > 0.5)[0])  # type: ignore[return-value]

    for tau in (0.51, 0.6, 0.7):
        assert end((0, 1), tau) == (0, 1) and end((1, 0), tau) == (1, 0)
        assert end((1, 1), tau) == (0, 0)
    assert end((1, 1), 0.71) == (1, 1)
    assert end((0, 1), 0.49) == (0, 0)
    assert end((0, 2), 0.6) == (0, 1) and end((0, 2), 1.51) == (0, 2)


def test_connected_but_frozen() -> None:
    """{(0,0), (1,1), (2,0)}, 2 tau = 1.9: the detour is within reach of every hop, and does not pay."""
    points = [[0.0, 0], [1, 1], [2, 0]]
    result = wrof.step([1, 0, 0], [0, 0, 1], 0.95, points=points)
    assert result.movement == 0 and result.value == pytest.approx(2, rel=1e-15)
    assert wrof.flow([1, 0, 0], [0, 0, 1], 0.95, 4, points=points).regime == "frozen"
    assert wrof.step([1, 0, 0], [0, 0, 1], 1.01, points=points).movement == pytest.approx(4, rel=1e-14)


def test_no_mass_crosses_a_gap() -> None:
    """Two clusters 1 apart, 2 tau < 1: each keeps its mass for ever, and inside a cluster mass does move."""
    rng = np.random.default_rng(2)
    points = np.concatenate([rng.random((6, 2)) * 0.3, rng.random((6, 2)) * 0.3 + [1.3, 0]])
    a, b = rng.random((2, 12))
    a[:6] *= 3
    a, b = a / a.sum(), b / b.sum()
    walk = wrof.flow(a, b, 0.49, 20, points=points)
    assert walk.regime == "steady" and walk.energies["movement"][0] > 1e-4
    for rho in walk.measures:
        assert rho.weights[:6].sum() == pytest.approx(a[:6].sum(), abs=1e-14)
    assert abs(wrof.flow(a, b, 2.0, 20, points=points).rho.weights[:6].sum() - a[:6].sum()) > 0.01


def test_the_frozen_warning_knows_the_threshold() -> None:
    """Warned below h/2 and silent at it; a warning is no reason to change the answer."""
    a, b = random_pair(5, 0)
    for tau, expected in ((0.124, 1), (0.125, 0), (0.126, 0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            wrof.step(a, b, tau, grid=5)
        assert sum(w.category is WrofWarning for w in caught) == expected == len(caught)
