"""Laws of the step and the flow on small random problems: none needs to know the answer.

Half of the problems sit on coarse lattices, where ties are the rule. J is compared always, K where it is canonical
(lazy, eager), rho only under min_norm. Examples are the same in every run.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import wrof
from wrof import FREE

pytestmark = pytest.mark.filterwarnings("ignore::wrof.WrofWarning")

steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=45,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

FINITE = ("lazy", "eager", "min_norm", "vertex")
CANONICAL = ("lazy", "eager")
TAUS = st.sampled_from([0.05, 0.125, 0.25, 0.3, 0.5, 0.75, 1.0, 2.0])
POWERS = st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])
CLOSE = 1e-11


@dataclass(frozen=True)
class Pair:
    """Two measures of mass 1 on the same points."""

    points: np.ndarray
    a: np.ndarray
    b: np.ndarray

    @property
    def size(self) -> float:
        """A length that bounds all distances, at least 1."""
        return float(max(1.0, np.linalg.norm(np.ptp(self.points, axis=0))))

    def step(self, tau: float, **options: Any) -> Any:
        return wrof.step(self.a, self.b, tau, points=self.points, **options)

    def flow(self, tau: Any, steps: int, **options: Any) -> Any:
        return wrof.flow(self.a, self.b, tau, steps, points=self.points, **options)

    def discrepancy(self, alpha: float) -> float:
        """F(mu, nu), by linear programming."""
        return oracles.power_transport(self.points, self.a, self.points, self.b, alpha)


@st.composite
def weights(draw: Any, n: int) -> np.ndarray:
    """n masses that add up to 1 but for rounding: often tied or zero, as often neither."""
    count = st.one_of(st.integers(0, 4), st.integers(0, 997))
    counts = draw(st.lists(count, min_size=n, max_size=n).filter(any))
    return np.array(counts, dtype=float) / sum(counts)


@st.composite
def pairs(draw: Any, dims: tuple[int, ...] = (1, 2, 3), most: int = 5, distinct: bool = False) -> Pair:
    """Points on a coarse lattice, or anywhere to three digits; two weight vectors."""
    d, n = draw(st.sampled_from(dims)), draw(st.integers(1, most))
    lattice = draw(st.booleans())
    number = st.integers(0, 3).map(lambda k: k / 2) if lattice else st.integers(0, 2000).map(lambda k: k / 1000)
    row = st.tuples(*[number] * d)
    rows = draw(st.lists(row, min_size=n, max_size=n, unique=distinct))
    return Pair(np.array(rows, dtype=float), draw(weights(n)), draw(weights(n)))


def assert_same(one: Any, other: Any, rho: bool = False, factor: float = 1.0) -> None:
    """Check J, and where canonical K and F, and rho if asked; `factor` times the first is the second."""
    scale = abs(factor) * max(1.0, one.value)
    assert abs(other.value - factor * one.value) <= CLOSE * scale, (one, other)
    if one.select in CANONICAL:
        assert abs(other.discrepancy - factor * one.discrepancy) <= CLOSE * scale, (one, other)
    if rho:
        np.testing.assert_allclose(other.rho.weights, factor * one.rho.weights, rtol=0, atol=1e-9 * abs(factor))


def test_assert_same_can_fail() -> None:
    """Another value, another K at the same value, another rho at the same K."""
    one, other = (wrof.step([1, 0], [0, 1], tau, points=[0.0, 1.0]) for tau in (0.9, 0.9 + 1e-9))
    with pytest.raises(AssertionError):
        assert_same(one, other)
    lazy, eager = (wrof.step([1, 0], [0, 1], 0.5, points=[0.0, 1.0], select=s) for s in CANONICAL)
    with pytest.raises(AssertionError):
        assert_same(lazy, eager)
    square = [[0.0, 0], [1, 0], [0, 1], [1, 1]]
    ways = [
        wrof.step([1, 0, 0, 0], [0, 0, 0, 1], 0.5, alpha=2.0, points=square, select=s) for s in ("lazy", "min_norm")
    ]
    with pytest.raises(AssertionError):
        assert_same(*ways, rho=True)


# ---- symmetries -----------------------------------------------------------------------------------------------------


@steady
@given(pairs(), TAUS, POWERS, POWERS, st.sampled_from([-3.0, 0.25, 1024.0]))
def test_translation(pair: Pair, tau: float, alpha: float, p: float, by: float) -> None:
    shift = by * np.arange(1, pair.points.shape[1] + 1)
    moved = Pair(pair.points + shift, pair.a, pair.b)
    for select in FINITE:
        one, other = (q.step(tau, alpha=alpha, p=p, select=select) for q in (pair, moved))
        assert abs(one.value - other.value) <= 1e-9 * max(1.0, one.value)
        if select in CANONICAL:
            assert abs(one.movement - other.movement) <= 1e-9 * max(1.0, one.movement)
        if select == "min_norm":
            np.testing.assert_allclose(other.rho.weights, one.rho.weights, rtol=0, atol=1e-9)


@steady
@given(pairs(), TAUS, st.sampled_from([1.0, 2.0, 0.5]), st.sampled_from([2.0, 1.0]))
def test_translation_with_free_stops(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """J, K and F stay, and so does rho but for the shift, if it is unique."""
    moved = Pair(pair.points + 16.0, pair.a, pair.b)
    for select in CANONICAL:
        one, other = (q.step(tau, alpha=alpha, p=p, stops=FREE, select=select) for q in (pair, moved))
        assert_same(one, other)


@steady
@given(pairs(), TAUS, POWERS, POWERS, st.randoms(use_true_random=False))
def test_relabelling(pair: Pair, tau: float, alpha: float, p: float, chance: Any) -> None:
    """The order of the points means nothing; under min_norm rho is permuted with them."""
    order = list(range(len(pair.a)))
    chance.shuffle(order)
    mixed = Pair(pair.points[order], pair.a[order], pair.b[order])
    assume(len(np.unique(pair.points, axis=0)) == len(order))
    for select in FINITE:
        one, other = (q.step(tau, alpha=alpha, p=p, select=select) for q in (pair, mixed))
        assert_same(one, other)
        if select == "min_norm":
            np.testing.assert_allclose(other.rho.weights, one.rho.weights[order], rtol=0, atol=1e-9)


@steady
@given(pairs(dims=(2, 3)), TAUS, POWERS, POWERS)
def test_reflections_and_swapped_axes(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """Isometries that are exact in floating point: axes reversed and mirrored."""
    turned = Pair(np.ascontiguousarray(-pair.points[:, ::-1]), pair.a, pair.b)
    for select in ("lazy", "eager", "min_norm"):
        one, other = (q.step(tau, alpha=alpha, p=p, select=select) for q in (pair, turned))
        assert_same(one, other, rho=select == "min_norm")


@steady
@given(pairs(dims=(1, 2)), TAUS, POWERS, POWERS)
def test_embedding(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """One more coordinate, the same for all points, changes nothing: the line agrees with the general case."""
    flat = np.column_stack([pair.points, np.full(len(pair.a), 0.75)])
    space = Pair(flat, pair.a, pair.b)
    for select in FINITE:
        one, other = (q.step(tau, alpha=alpha, p=p, select=select) for q in (pair, space))
        assert_same(one, other, rho=select == "min_norm")
    for select in CANONICAL:
        assert_same(*(q.step(tau, alpha=alpha, p=p, select=select, stops=FREE) for q in (pair, space)))


@steady
@given(pairs(), TAUS, st.sampled_from([2.0, 0.25, 3.0, 1 / 3, 1e-5, 1e5]))
def test_scaling_of_lengths(pair: Pair, tau: float, factor: float) -> None:
    """p = 2, alpha = 1: lengths and tau times the factor, J and F times it, K times its square."""
    large = Pair(pair.points * factor, pair.a, pair.b)
    for options in ({"select": "lazy"}, {"select": "eager"}, {"select": "min_norm"}, {"stops": FREE}):
        one, other = pair.step(tau, **options), large.step(tau * factor, **options)
        assert_same(one, other, factor=factor)
        if options.get("select") == "min_norm":
            np.testing.assert_allclose(other.rho.weights, one.rho.weights, rtol=0, atol=1e-9)


@steady
@given(pairs(), TAUS, POWERS, POWERS, st.sampled_from([2.0, 3.0, 1e-9, 1e6, 0.1]))
def test_scaling_of_exponents_and_masses(pair: Pair, tau: float, alpha: float, p: float, factor: float) -> None:
    """Masses times c: J, K, F and rho times c. Lengths times 2 with tau times 2^(p - alpha): J times 2^alpha."""
    heavy = Pair(pair.points, pair.a * factor, pair.b * factor)
    for select in ("lazy", "eager", "min_norm"):
        one, other = (q.step(tau, alpha=alpha, p=p, select=select) for q in (pair, heavy))
        assert_same(one, other, rho=select == "min_norm", factor=factor)
        long = Pair(pair.points * 2, pair.a, pair.b).step(tau * 2 ** (p - alpha), alpha=alpha, p=p, select=select)
        assert_same(one, long, factor=2**alpha)


@steady
@given(pairs(), TAUS, POWERS, POWERS)
def test_swapping_source_and_target(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """J(mu -> nu; tau, p, alpha) = J(nu -> mu; 1/4tau, alpha, p) / 2tau; the lazy one there is the eager one here."""
    one = pair.step(tau, alpha=alpha, p=p, select="lazy")
    other = Pair(pair.points, pair.b, pair.a).step(1 / (4 * tau), alpha=p, p=alpha, select="eager")
    assert abs(one.value - other.value / (2 * tau)) <= CLOSE * max(1.0, one.value)
    assert abs(one.movement - other.discrepancy) <= 1e-9 * max(1.0, one.movement)
    assert abs(one.discrepancy - other.movement) <= 1e-9 * max(1.0, one.discrepancy)
    least = pair.step(tau, alpha=alpha, p=p, select="min_norm").rho.weights
    back = Pair(pair.points, pair.b, pair.a).step(1 / (4 * tau), alpha=p, p=alpha, select="min_norm").rho.weights
    np.testing.assert_allclose(least, back, rtol=0, atol=1e-9)


# ---- atoms that change nothing --------------------------------------------------------------------------------------


@steady
@given(pairs(), st.lists(st.tuples(*[st.integers(-8, 8)] * 3), min_size=1, max_size=4), TAUS, POWERS, POWERS)
def test_atoms_without_weight_change_nothing(pair: Pair, extra: Any, tau: float, alpha: float, p: float) -> None:
    """At fixed stops; wherever they are, of either measure."""
    far = np.array(extra, dtype=float)[:, : pair.points.shape[1]] / 4
    stops = pair.points
    more = np.vstack([pair.points, far])
    none = np.zeros(len(far))
    a, b = np.append(pair.a, none), np.append(pair.b, none)
    for select in FINITE:
        options = {"alpha": alpha, "p": p, "stops": stops, "select": select}
        one = pair.step(tau, **options)
        for other in (
            wrof.step(a, b, tau, points=more, **options),
            wrof.step(a, pair.b, tau, source_points=more, target_points=pair.points, **options),
        ):
            assert_same(one, other)
            if select == "min_norm":
                np.testing.assert_allclose(other.rho.weights, one.rho.weights, rtol=0, atol=1e-9)
    default = wrof.step(a, pair.b, tau, source_points=more, target_points=pair.points, alpha=alpha, p=p)
    support = pair.points[(pair.a > 0) | (pair.b > 0)]
    assert_same(default, pair.step(tau, alpha=alpha, p=p, stops=support))  # two clouds: the union of the supports


@steady
@given(pairs(), TAUS, POWERS, POWERS)
def test_split_atoms_change_nothing(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """Every atom written twice at the same place, a third and two thirds: one stop, the same J, K and F."""
    twice = Pair(
        np.vstack([pair.points] * 2), np.append(pair.a / 3, 2 * pair.a / 3), np.append(0.75 * pair.b, 0.25 * pair.b)
    )
    for select in FINITE:
        one, other = (q.step(tau, alpha=alpha, p=p, select=select) for q in (pair, twice))
        assert_same(one, other)
    assert_same(*(q.step(tau, alpha=alpha, p=p, stops=FREE) for q in (pair, twice)))


@steady
@given(st.data())
def test_a_grid_is_the_cloud_of_its_points(data: Any) -> None:
    """J, K, F and the least-norm rho, in one to three dimensions, axes of one point included."""
    shape = data.draw(st.sampled_from([(1,), (2,), (5,), (2, 2), (2, 3), (1, 4), (3, 2), (2, 1, 2), (2, 2, 2)]))
    grid = wrof.Grid(shape, bounds=(0.0, 1.0) if data.draw(st.booleans()) else None)
    a, b = data.draw(weights(grid.size)), data.draw(weights(grid.size))
    tau, alpha, p = data.draw(TAUS), data.draw(POWERS), data.draw(POWERS)
    for select in FINITE:
        options = {"alpha": alpha, "p": p, "select": select}
        one, other = wrof.step(a, b, tau, grid=grid, **options), wrof.step(a, b, tau, points=grid.points, **options)
        assert_same(one, other, rho=select == "min_norm")


# ---- fixed points ---------------------------------------------------------------------------------------------------


@steady
@given(pairs(), TAUS, POWERS, POWERS, st.sampled_from([1.0, 1e6, 1e-9]))
def test_the_target_is_fixed(pair: Pair, tau: float, alpha: float, p: float, mass: float) -> None:
    """mu = nu: J = K = F = 0, for every selection, on the points and on FREE."""
    nu = pair.b * mass
    for options in (*({"select": s} for s in FINITE), {"stops": FREE}, {"stops": FREE, "select": "eager"}):
        result = wrof.step(nu, nu, tau, points=pair.points, alpha=alpha, p=p, **options)
        assert result.status.ok
        assert max(abs(result.value), result.movement, result.discrepancy) <= 1e-14 * mass
    walk = wrof.flow(nu, nu, tau, 3, points=pair.points, alpha=alpha, p=p)
    assert (walk.regime, walk.settled_at) == ("target", 0)


@steady
@given(pairs(), TAUS, POWERS, st.sampled_from([0.3, 0.5, 1.0]), st.sampled_from(["lazy", "eager", "min_norm"]))
def test_one_step_is_idempotent_for_a_metric(pair: Pair, tau: float, alpha: float, p: float, select: str) -> None:
    """p <= 1: |x - z|^p is a metric, so the second step moves nothing, for any alpha."""
    assert_idempotent(pair, tau, alpha, p, select)


def assert_idempotent(pair: Pair, tau: float, alpha: float, p: float, select: str) -> None:
    first = pair.step(tau, alpha=alpha, p=p, select=select)
    second = Pair(pair.points, first.rho.weights, pair.b).step(tau, alpha=alpha, p=p, select=select)
    assert second.movement <= 1e-12 * pair.size**p
    assert second.value == pytest.approx(first.discrepancy, rel=1e-10, abs=1e-12)
    distinct = len(np.unique(pair.points, axis=0)) == len(pair.points)
    if distinct:
        np.testing.assert_allclose(second.rho.weights, first.rho.weights, rtol=0, atol=1e-9)


def test_the_idempotence_check_can_fail() -> None:
    """p = 2 on a line is not a metric: {0, 1, 2} with 2 tau = 1.2 moves twice."""
    pair = Pair(np.array([[0.0], [1], [2]]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
    with pytest.raises(AssertionError):
        assert_idempotent(pair, 0.6, 1.0, 2.0, "lazy")
    assert_idempotent(pair, 0.6, 1.0, 1.0, "lazy")


def obtuse(points: np.ndarray) -> bool:
    """Whether some three of the points have an obtuse angle."""
    return any(
        (points[i] - points[j]) @ (points[k] - points[j]) < -1e-12
        for i, j, k in itertools.permutations(range(len(points)), 3)
    )


@steady
@given(st.data(), TAUS, POWERS, st.sampled_from(["lazy", "eager", "min_norm"]))
def test_one_step_is_idempotent_without_obtuse_angles(data: Any, tau: float, alpha: float, select: str) -> None:
    """p = 2 on the corners of a box, on acute simplices: |x - z|^2 obeys the triangle inequality there."""
    d = data.draw(st.integers(1, 3))
    if data.draw(st.booleans()):
        sides = np.array(data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.3]), min_size=d, max_size=d)))
        points = np.array(list(itertools.product([0.0, 1.0], repeat=d))) * sides
    else:
        noise = data.draw(st.lists(st.integers(-100, 100), min_size=d * (d + 1), max_size=d * (d + 1)))
        points = np.eye(d + 1)[:, :d] + np.append(np.zeros((d, d)), np.full((1, d), (1 - np.sqrt(1 + d)) / d), axis=0)
        points = points + np.reshape(noise, points.shape) / 2000
    assert not obtuse(points)
    pair = Pair(points, data.draw(weights(len(points))), data.draw(weights(len(points))))
    assert_idempotent(pair, tau, alpha, 2.0, select)


def test_obtuse() -> None:
    assert obtuse(np.array([[0.0], [1], [2]])) and obtuse(np.array([[0.0, 0], [1, 0.1], [2, 0]]))
    assert not obtuse(np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])) and not obtuse(np.array([[0.0], [1.0]]))


# ---- selections -----------------------------------------------------------------------------------------------------


@steady
@given(pairs(), TAUS, POWERS, POWERS)
def test_selections_share_j_and_order_k(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """One J for all; K least under lazy, greatest under eager; sum rho^2 least under min_norm."""
    results = {s: pair.step(tau, alpha=alpha, p=p, select=s) for s in FINITE}
    slack = 1e-9 * pair.size**p
    for result in results.values():
        assert result.value == pytest.approx(results["lazy"].value, rel=1e-11, abs=1e-13)
        assert results["lazy"].movement - slack <= result.movement <= results["eager"].movement + slack
        assert result.value == pytest.approx(result.movement / (2 * tau) + result.discrepancy, rel=1e-12, abs=1e-14)
    distinct = np.unique(pair.points, axis=0, return_inverse=True)[1].ravel()
    squares = {s: float(np.sum(np.bincount(distinct, r.rho.weights) ** 2)) for s, r in results.items()}
    assert all(squares["min_norm"] <= value + 1e-12 for value in squares.values())


@steady
@given(pairs(), st.lists(TAUS, min_size=2, max_size=2, unique=True).map(sorted), POWERS, POWERS)
def test_larger_steps_go_further(pair: Pair, taus: list[float], alpha: float, p: float) -> None:
    """For tau' > tau: J' <= J, K' >= K even from eager to lazy, F' <= F; J lies below its tangents in s = 1/2tau."""
    small, large = taus
    near, far = pair.step(small, alpha=alpha, p=p, select="eager"), pair.step(large, alpha=alpha, p=p, select="lazy")
    slack = 1e-10 * pair.size ** max(alpha, p)
    assert far.value <= near.value + slack
    assert far.movement >= near.movement - slack and far.discrepancy <= near.discrepancy + slack
    s, t = 1 / (2 * small), 1 / (2 * large)
    assert near.value <= far.value + far.movement * (s - t) + slack * s
    assert far.value <= near.value + near.movement * (t - s) + slack * s
    middle = pair.step(1 / (s + t), alpha=alpha, p=p)
    assert middle.value >= (near.value + far.value) / 2 - slack * s


@steady
@given(pairs(), TAUS, POWERS, POWERS)
def test_more_stops_cost_less(pair: Pair, tau: float, alpha: float, p: float) -> None:
    """FREE is the cheapest, and no step costs more than staying or going all the way."""
    finite, free = pair.step(tau, alpha=alpha, p=p), pair.step(tau, alpha=alpha, p=p, stops=FREE)
    assert free.value <= finite.value * (1 + 1e-12) + 1e-14
    stay = pair.discrepancy(alpha)
    go = oracles.power_transport(pair.points, pair.a, pair.points, pair.b, p) / (2 * tau)
    assert finite.value <= min(stay, go) * (1 + 1e-9) + 1e-12


# ---- along a flow ---------------------------------------------------------------------------------------------------


@steady
@given(pairs(), TAUS, POWERS, POWERS, st.sampled_from([*FINITE, "free"]))
def test_descent(pair: Pair, tau: float, alpha: float, p: float, select: str) -> None:
    """F never rises; J = K/2tau + F <= F before; the sum of all K is at most 2 tau F(mu, nu)."""
    options: dict[str, Any] = {"stops": FREE} if select == "free" else {"select": select}
    walk = pair.flow(tau, 5, alpha=alpha, p=p, **options)
    start = pair.discrepancy(alpha)
    energies = walk.energies
    before = np.append(start, energies["discrepancy"][:-1])
    slack = 1e-11 * pair.size**alpha
    assert np.all(energies["discrepancy"] <= before + slack)
    assert np.all(energies["value"] <= before + slack)
    assert energies["movement"].sum() <= 2 * tau * (start + 5 * slack)
    assert np.all(energies["movement"] >= 0) and np.all(energies["discrepancy"] >= 0)


@steady
@given(pairs(dims=(1, 2, 3)), st.sampled_from([0.03, 0.1, 0.3, 0.5, 1.0]), st.sampled_from(CANONICAL))
def test_free_flows_contract(pair: Pair, part: float, select: str) -> None:
    """FREE, p = 2, alpha = 1, tau <= R the diameter of both supports: F falls by the factor 1 - tau/2R at least."""
    used = pair.points[(pair.a > 0) | (pair.b > 0)]
    diameter = max((float(np.linalg.norm(x - y)) for x in used for y in used), default=0.0)
    assume(diameter > 0)
    tau = part * diameter
    walk = pair.flow(tau, 6, stops=FREE, select=select)
    after = walk.energies["discrepancy"]
    before = np.append(pair.discrepancy(1.0), after[:-1])
    assert np.all(after <= (1 - tau / (2 * diameter)) * before + 1e-12 * diameter)


@steady
@given(pairs(dims=(2,), most=6), st.sampled_from([0.2, 0.3, 0.45]), st.sampled_from([1.0, 0.5]))
def test_no_mass_leaves_its_component(pair: Pair, tau: float, alpha: float) -> None:
    """alpha <= 1, lazy: components of the graph of hops with |x - z|^(2 - alpha) < 2 tau keep their mass."""
    apart = np.linalg.norm(pair.points[:, None] - pair.points[None], axis=2)
    near = apart ** (2 - alpha) < 2 * tau * (1 - 1e-9)
    assume(np.all(np.abs(apart ** (2 - alpha) - 2 * tau) > 1e-9))
    for _ in range(len(near)):
        near = near @ near
    walk = pair.flow(tau, 4, alpha=alpha)
    for rho in walk.measures:
        for component in np.unique(near, axis=0):
            assert rho.weights[component].sum() == pytest.approx(pair.a[component].sum(), abs=1e-12)
