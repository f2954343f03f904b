"""Explicit steps against implicit ones, against optimal transport by others, and along flows; floors on lattices."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import oracles
import oracles_transport as independent
import pytest

import wrof
from wrof import FREE, Grid, WrofError


def clouds(n: int, m: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two clouds in general position, no two weights alike, unit mass, no point shared."""
    rng = np.random.default_rng([seed, d, n, m])
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, d)), a / a.sum(), rng.random((m, d)) + 0.5, b / b.sum()


def explicit(x: Any, a: Any, y: Any, b: Any, tau: float, **options: Any) -> Any:
    return wrof.explicit_step(a, b, tau, source_points=x, target_points=y, **options)


def assert_explicit(step: Any, x: Any, a: Any, y: Any, b: Any, tau: float) -> None:
    """Every number of a step from scratch: plan, shortest arc, rho, energies, least J."""
    x, y, mass = independent.rows(x), independent.rows(y), float(np.sum(a))
    size = max(float(independent.powers(x, y).max()), tau) * mass
    plan = step.plan
    oracles.assert_plan((plan.source, plan.target, plan.mass), a, b)
    d1 = independent.power_distance(x, a, y, b)
    assert plan.value == pytest.approx(d1, abs=1e-9 * size) and step.d1 == pytest.approx(d1, abs=1e-9 * size), "d1"
    oracles.assert_dual_feasible(plan.phi, plan.psi, independent.powers(x, y))
    assert abs(plan.gap) <= 1e-9 * size
    left, _ = independent.apart(x, a, y, b)
    length = plan.length()
    assert plan.mass[length == 0].sum() == pytest.approx(mass - left.sum(), abs=1e-12 * mass), "shared mass stays"
    assert step.moved == pytest.approx(left.sum(), abs=1e-12 * mass), "moved"
    longest, _ = independent.longest_shortest_arc(x, a, y, b)
    assert step.shortest_arc == pytest.approx(longest, rel=1e-9), "shortest arc"
    moving = length > 0
    assert np.min(length[moving], initial=np.inf) == pytest.approx(step.shortest_arc, rel=1e-12), "not the plan's"
    goal = plan.x.copy()
    goal[moving] += tau * (plan.displacement()[moving] / length[moving][:, None])
    z, rho = step.rho.points, step.rho.weights
    assert independent.power_distance(z, rho, goal, plan.mass) <= 1e-11 * size, "rho is not where the plan leads"
    assert len(rho) == len(plan.mass) - step.merged and step.rho.mass == pytest.approx(mass, rel=1e-12)
    movement, after = independent.power_distance(x, a, z, rho, 2), independent.power_distance(z, rho, y, b)
    assert step.movement == pytest.approx(movement, abs=1e-9 * size * tau), "d_2^2(mu, rho)"
    assert step.d1_after == pytest.approx(after, abs=1e-9 * size), "d1 after"
    assert step.tau == tau and step.value == pytest.approx(movement / (2 * tau) + after, abs=1e-9 * size), "J"
    least = independent.least_free(x, a, y, b, tau)
    assert step.least == pytest.approx(least, abs=1e-9 * size), "least J"
    assert step.excess == pytest.approx(step.value - step.least, abs=1e-14 * size) and step.excess >= -1e-12 * size
    assert step.equals_wrof is bool(step.value - least <= 1e-10 * size), "equals_wrof"
    assert (
        d1 - tau * step.moved - 1e-11 * size <= after <= float(np.abs(length - tau * moving) @ plan.mass) + 1e-11 * size
    )


# ---- explicit = implicit up to the longest shortest arc -------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_equal_up_to_the_bound_and_dearer_beyond(d: int) -> None:
    """Generic clouds: J(explicit) = min J to 1e-12 while tau <= the longest shortest arc; an excess beyond it."""
    for seed in range(5):
        data = clouds(7, 6, d, seed)
        bound, _ = independent.longest_shortest_arc(*data)
        for part in (0.01, 0.5, 0.999, 1.0):
            step = explicit(*data, part * bound)
            assert_explicit(step, *data, part * bound)
            least = independent.least_free(*data, part * bound)
            assert abs(step.value - least) <= 1e-12 and abs(step.excess) <= 1e-12 and step.equals_wrof
            assert step.d1_after == pytest.approx(step.d1 - part * bound * step.moved, abs=1e-12)
        for part in (1.01, 1.5, 4.0):
            step = explicit(*data, part * bound)
            assert_explicit(step, *data, part * bound)
            assert step.excess > 1e-9 and not step.equals_wrof
            assert step.value - independent.least_free(*data, part * bound) > 1e-9


def test_beyond_the_bound_exactly() -> None:
    """One atom at distance 1: J = tau/2 + |1 - tau|, min J = 1/2tau for tau >= 1: excess (tau - 1)(3/2 - ...)."""
    for way in ([1.0], [0.6, -0.8]):
        for tau in (0.25, 1.0, 1.5, 3.0):
            step = explicit([np.zeros(len(way))], [1.0], [way], [1.0], tau)
            least = 1 - tau / 2 if tau <= 1 else 1 / (2 * tau)
            assert step.value == pytest.approx(tau / 2 + abs(1 - tau), rel=1e-14)
            assert step.least == pytest.approx(least, rel=1e-14)
            assert (step.shortest_arc, step.equals_wrof) == (pytest.approx(1.0, rel=1e-15), tau <= 1)
            np.testing.assert_allclose(step.rho.points, tau * np.array([way]), rtol=1e-15)


def test_grids_and_masses() -> None:
    """Ties everywhere, shared mass, any mass: every number from scratch, with all optimal plans on a lattice."""
    for seed, shape in enumerate([(6,), (3, 3), (3, 4), (2, 2, 3)] * 2):
        rng = np.random.default_rng(seed)
        grid = Grid(shape)
        a, b = rng.integers(0, 3, (2, grid.size)).astype(float)
        a[0] += 1
        b[-1] += 1
        b *= a.sum() / b.sum()
        for tau in (0.05, 0.4):
            step = wrof.explicit_step(a.reshape(shape), b, tau, grid=grid)
            assert_explicit(step, grid.points, a, grid.points, b, tau)


@pytest.mark.parametrize(("length", "mass"), [(1e-6, 1.0), (1e6, 1.0), (1.0, 1e-9), (1e3, 1e6)])
def test_units(length: float, mass: float) -> None:
    """Lengths and tau times a factor, masses times another: J times both."""
    x, a, y, b = clouds(6, 5, 2, 9)
    one = explicit(x, a, y, b, 0.5)
    assert one.excess > 1e-3
    other = explicit(x * length, a * mass, y * length, b * mass, 0.5 * length)
    assert_explicit(other, x * length, a * mass, y * length, b * mass, 0.5 * length)
    assert other.value == pytest.approx(one.value * length * mass, rel=1e-9)
    assert other.excess == pytest.approx(one.excess * length * mass, abs=1e-12 * length * mass)
    assert other.shortest_arc == pytest.approx(one.shortest_arc * length, rel=1e-9)


@pytest.mark.parametrize(
    "spoil",
    [
        {"shortest_arc": 0.1},
        {"tau": 0.3},
        {"merged": 1},
        {"rho": "elsewhere"},
        {"plan": "another"},
    ],
    ids=str,
)
def test_the_check_of_steps_can_fail(spoil: dict[str, Any]) -> None:
    data = clouds(6, 5, 2, 0)
    step = explicit(*data, 0.2)
    assert_explicit(step, *data, 0.2)
    if spoil.get("rho"):
        spoil = {"rho": wrof.PointCloud(step.rho.points + 1e-6).measure(step.rho.weights)}
    if spoil.get("plan"):
        spoil = {"plan": wrof.transport.plan(data[1], data[3], 2.0, source_points=data[0], target_points=data[2])}
    with pytest.raises(AssertionError):
        assert_explicit(replace(step, **spoil), *data, 0.2)


# ---- the longest shortest arc ---------------------------------------------------------------------------------------


def test_the_oracle_of_the_longest_shortest_arc() -> None:
    """0, 1 to 2, 4: both pairings cost 5; 0-2, 1-4 has shortest arc 2 and 0-4, 1-2 has 1. A fan: every arc forced."""
    x, y, half = np.array([[0.0], [1.0]]), np.array([[2.0], [4.0]]), np.full(2, 0.5)
    longest, plan = independent.longest_shortest_arc(x, half, y, half)
    assert longest == 2 and np.array_equal(plan > 0, np.eye(2, dtype=bool))
    assert independent.longest_shortest_arc(x, half, np.array([[2.0], [0.25]]), half)[0] == pytest.approx(0.25)
    assert independent.longest_shortest_arc(x, half, x, half)[0] == np.inf
    shared = np.array([[1.0], [5.0]])
    assert independent.longest_shortest_arc(x, half, shared, half)[0] == 5.0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_longest_shortest_arc_on_lattices(d: int) -> None:
    """Many optimal plans: against one linear program per threshold; on a line p = 1 leaves the most freedom."""
    differs = 0
    for seed in range(8):
        rng = np.random.default_rng([seed, d])
        x, y = (np.unique(rng.integers(0, 5, (7, d)).astype(float), axis=0) for _ in range(2))
        y = y + 5 * (seed % 2) * np.eye(d)[0]  # apart in a direction: chains of many ties
        a, b = rng.integers(1, 4, len(x)).astype(float), rng.integers(1, 4, len(y)).astype(float)
        a, b = a / a.sum(), b / b.sum()
        longest, _ = independent.longest_shortest_arc(x, a, y, b)
        step = explicit(x, a, y, b, 0.1)
        assert_explicit(step, x, a, y, b, 0.1)
        plain = wrof.transport.plan(*independent.apart(x, a, y, b), source_points=x, target_points=y)
        shortest = plain.length()[plain.length() > 0].min()
        assert shortest <= longest + 1e-9
        differs += shortest < longest - 1e-9
    assert differs or d != 2, "any plan would have done"


def test_repeated_points() -> None:
    """One place written twice, in either measure, and shared: mass in place counts as in place."""
    x, y = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 2.0], [1.0, 2.0]]
    a, b = np.array([0.5, 0.25, 0.25]), np.array([0.75, 0.125, 0.125])
    step = explicit(x, a, y, b, 0.5)
    assert step.moved == pytest.approx(0.25) and step.shortest_arc == pytest.approx(2.0)
    assert step.d1 == pytest.approx(0.5)
    assert step.rho.mass == pytest.approx(1.0)
    order = np.lexsort(step.rho.points.T)
    np.testing.assert_allclose(step.rho.points[order], [[0, 0], [1, 0.5]], rtol=0, atol=1e-15)
    np.testing.assert_allclose(step.rho.weights[order], [0.75, 0.25], rtol=1e-14)


# ---- shared mass ----------------------------------------------------------------------------------------------------


def test_shared_mass_stays_and_may_cost() -> None:
    """{0, 1} to {1, 2}, half each: 1 stays, 0 heads for 2; handing on (0 -> 1, 1 -> 2) would be cheaper by tau/4.

    d_1 falls by tau times the mass that moves all the same, up to the shortest arc 2.
    """
    for way in ([1.0], [0.6, 0.8]):
        x, y = (np.array([[s], [s + 1.0]]) * np.array(way) for s in (0.0, 1.0))
        half = np.full(2, 0.5)
        for tau in (0.2, 0.9):
            step = explicit(x, half, y, half, tau)
            assert_explicit(step, x, half, y, half, tau)
            assert (step.moved, step.shortest_arc) == (0.5, pytest.approx(2.0))
            assert step.d1_after == pytest.approx(1 - 0.5 * tau, rel=1e-12)
            assert step.excess == pytest.approx(tau / 4, rel=1e-9) and step.equals_wrof is False


def test_equal_measures() -> None:
    """Nothing moves: shortest arc inf, no excess, rho = mu, in any dimension and with points without mass."""
    for d in (1, 2, 3):
        x = np.random.default_rng(d).normal(size=(6, d))
        a = np.array([0.1, 0.2, 0.0, 0.3, 0.4, 0.0])
        step = wrof.explicit_step(a, a, 0.3, points=x)
        assert (step.moved, step.d1, step.shortest_arc) == (0, 0, np.inf)
        assert step.value <= 1e-14 and abs(step.excess) <= 1e-14 and step.equals_wrof is True
        assert independent.power_distance(step.rho.points, step.rho.weights, x, a) <= 1e-15


def test_atoms_split_with_their_plan() -> None:
    """One source, three targets apart: three atoms; two in line with each other: those are merged."""
    y = np.array([[3.0, 4.0], [6.0, 8.0], [-1.0, 0.0]])
    step = explicit([[0.0, 0.0]], [1.0], y, [0.25, 0.25, 0.5], 0.5)
    order = np.argsort(step.rho.points[:, 0])
    np.testing.assert_allclose(step.rho.points[order], [[-0.5, 0], [0.3, 0.4]], rtol=0, atol=1e-15)
    np.testing.assert_allclose(step.rho.weights[order], [0.5, 0.5], rtol=1e-14)
    assert step.merged == 1 and len(step.plan.mass) == 3


# ---- flows ----------------------------------------------------------------------------------------------------------


def test_a_flow_of_one_atom() -> None:
    """0 to 1 by 0.3: 0.1 is left, then it overshoots to and fro; the implicit one stops at 1."""
    walk = wrof.explicit_flow([1.0], [1.0], 0.3, 7, source_points=[0.0], target_points=[1.0])
    np.testing.assert_allclose(walk.distances, [1, 0.7, 0.4, 0.1, 0.2, 0.1, 0.2, 0.1], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(walk.taus, np.full(7, 0.3))
    assert walk.stopped == "max steps" and len(walk.measures) == 8 and len(walk.steps) == 7
    np.testing.assert_allclose([m.points[0, 0] for m in walk.measures[:5]], [0, 0.3, 0.6, 0.9, 1.2], rtol=1e-14)


@pytest.mark.parametrize("way", [[1.0], [0.6, 0.8], [2 / 3, -1 / 3, 2 / 3], [-0.1, 0.3, 0.2]], ids=str)
@pytest.mark.parametrize("parts", [1, 3, 7, 10])
def test_a_flow_that_arrives(way: list[float], parts: int) -> None:
    """tau a whole part of the way: there after `parts` steps up to rounding, and that is the end of it."""
    start, end = np.full((1, len(way)), 0.1), 0.1 + np.array([way])
    tau = float(np.linalg.norm(way)) / parts
    walk = wrof.explicit_flow([1.0], [1.0], tau, 50, source_points=start, target_points=end)
    assert walk.stopped == "target" and len(walk.steps) == parts
    assert walk.distances[-1] <= 1e-12
    np.testing.assert_allclose(walk.distances, np.linspace(1, 0, parts + 1) * np.linalg.norm(way), rtol=0, atol=1e-12)


@pytest.mark.parametrize("theta", [0.25, 0.5, 1.0])
def test_fractions_of_d1(theta: float) -> None:
    """One atom: d_1 times 1 - theta a step; tau_k = theta d_1 / mass, heavy or not; theta = 1 is there at once."""
    for mass in (1.0, 5.0):
        walk = wrof.explicit_flow(
            [mass], [mass], wrof.fraction_of_d1(theta), 12, source_points=[[0.0, 0]], target_points=[[3.0, 4.0]]
        )
        steps = len(walk.steps)
        np.testing.assert_allclose(
            walk.distances, 5 * mass * (1 - theta) ** np.arange(steps + 1), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(walk.taus, theta * walk.distances[:-1] / mass, rtol=1e-12)
        assert (walk.stopped, steps) == (("target", 1) if theta == 1 else ("max steps", 12))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_flows_are_steps(d: int) -> None:
    """measures, steps, taus and distances belong together; every step from scratch; the callback sees all."""
    x, a, y, b = clouds(5, 4, d, 3)
    seen: list[Any] = []
    taus = [0.2, 0.1, 0.05, 0.3]
    walk = wrof.explicit_flow(a, b, taus, 4, source_points=x, target_points=y, callback=seen.append)
    assert len(seen) == 4 and np.array_equal(walk.taus, taus)
    for k, (before, step) in enumerate(zip(walk.measures, walk.steps, strict=False)):
        z, rho = before.points, before.weights
        assert_explicit(step, z, rho, y, b, taus[k])
        assert walk.distances[k] == pytest.approx(independent.power_distance(z, rho, y, b), abs=1e-12)
        after = walk.measures[k + 1]
        assert independent.power_distance(after.points, after.weights, step.rho.points, step.rho.weights) <= 1e-14
    last = walk.measures[-1]
    assert walk.distances[-1] == pytest.approx(independent.power_distance(last.points, last.weights, y, b), abs=1e-12)
    assert len(walk.distances) == 5


def test_small_steps_are_the_implicit_flow() -> None:
    """While no atom is nearer than tau both flows stay at one distance from nu, step by step."""
    x, a, y, b = clouds(6, 5, 2, 4)
    y = y + 2
    where: dict[str, Any] = {"source_points": x, "target_points": y}
    one, other = (
        flow(a, b, 0.1, 8, **where, **more) for flow, more in ((wrof.explicit_flow, {}), (wrof.flow, {"stops": FREE}))
    )
    assert all(step.shortest_arc > 0.1 and step.equals_wrof for step in one.steps)
    np.testing.assert_allclose(one.distances[1:], other.energies["discrepancy"], rtol=1e-12)
    np.testing.assert_allclose(np.diff(one.distances), -0.1, rtol=1e-10)


# ---- floors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [0.1, 0.3, 1.0])
@pytest.mark.parametrize(("shape", "most"), [((65,), 1 / 2), ((9, 9), 1 / np.sqrt(2)), ((4, 4, 4), np.sqrt(3) / 2)])
def test_the_floor_on_lattices(shape: tuple[int, ...], most: float, theta: float) -> None:
    """tau = theta d_1: a line stops where theta d_1 <= h/2, and no sooner; along diagonals at h/sqrt 2 at the latest.

    A hop of one cell along an axis that makes the angle t with the way left costs h^2/2tau and gains at most h cos t.
    """
    grid = Grid(shape)
    for seed in range(4):
        rng = np.random.default_rng([seed, len(shape)])
        a, b = rng.random((2, grid.size))
        a *= np.linspace(2, 0.1, grid.size)
        walk = wrof.flow(a, b, wrof.fraction_of_d1(theta), 600, grid=grid, normalize=True)
        left = independent.power_distance(grid.points, walk.rho.weights, grid.points, b / b.sum())
        assert walk.stopped in ("fixed point", "target")
        assert theta * left <= most * grid.h * (1 + 1e-9)
        taus = theta * np.array([r.discrepancy for r in walk.results])  # d_1 after each step, so the next tau
        if len(shape) == 1:
            assert np.all(taus[:-2] > grid.h / 2 * (1 - 1e-9)), "it went on below the floor"
    frozen = wrof.flow([1.0, 0, 0], [0, 1.0, 0], wrof.fraction_of_d1(0.49), 9, grid=3)
    assert frozen.regime == "frozen" and frozen.rho.weights[0] == 1, "d_1 = h: theta h <= h/2"
    moves = wrof.flow([1.0, 0, 0], [0, 1.0, 0], wrof.fraction_of_d1(0.51), 9, grid=3)
    assert moves.regime == "target"


def test_no_floor_on_free_stops() -> None:
    """The same measures, theta and steps that stop on a lattice fall far below its floor h/2 theta on FREE."""
    grid, theta = Grid(9), 0.5
    rng = np.random.default_rng(2)
    a, b = rng.random((2, 9))
    stuck = wrof.flow(a, b, wrof.fraction_of_d1(theta), 200, grid=grid, normalize=True)
    left = independent.power_distance(grid.points, stuck.rho.weights, grid.points, b / b.sum())
    assert stuck.stopped == "fixed point" and 1e-3 < left <= grid.h / (2 * theta)
    walk = wrof.flow(a, b, wrof.fraction_of_d1(theta), 200, grid=grid, normalize=True, stops=FREE)
    left = [independent.power_distance(m.points, m.weights, grid.points, b / b.sum()) for m in walk.measures]
    assert left[-1] <= 1e-6 * grid.h / (2 * theta)
    assert all(after <= before * (1 + 1e-12) + 1e-15 for before, after in pairwise(left))


# ---- errors ---------------------------------------------------------------------------------------------------------

LINE: dict[str, Any] = {"points": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wrof.explicit_step([1, 0], [0, 1], 0, **LINE), ("tau must be",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], "fast", **LINE), ("tau must be",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], [0.1], **LINE), ("tau must be",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], wrof.fraction_of_d1(0.5), **LINE), ("tau must be",)),
        (lambda: wrof.explicit_step([1, 0], [0, 2], 0.1, **LINE), ("mass",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], 0.1), ("plain array",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], 0.1, rtol=-1, **LINE), ("rtol",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], 0.1, stops=FREE, **LINE), ("stops",)),
        (lambda: wrof.explicit_step([1, 0], [0, 1], 0.1, alpha=2.0, **LINE), ("alpha",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], -0.1, 3, **LINE), ("tau must be",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], [0.1, 0.1], 3, **LINE), ("tau has 2 entries for 3",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], [0.1, 0.0], 2, **LINE), ("tau[1]",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], 0.1, -1, **LINE), ("steps must be",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], 0.1, 2.5, **LINE), ("steps must be",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], 0.1, None, **LINE), ("steps must be",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], 0.1, 2, callback=3, **LINE), ("callback",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 2], 0.1, 0, **LINE), ("mass",)),
        (lambda: wrof.explicit_flow([1, 0], [0, 1], -0.1, 0, **LINE), ("tau must be",)),
    ],
)
def test_bad_input(call: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(WrofError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), caught.value


def test_no_steps() -> None:
    walk = wrof.explicit_flow([1, 0], [0, 1], 0.1, 0, **LINE)
    assert (walk.steps, len(walk.measures), walk.taus.shape, walk.stopped) == ([], 1, (0,), "max steps")
    np.testing.assert_allclose(walk.distances, [1.0])
    still = wrof.explicit_flow([1, 0], [1, 0], 0.1, 5, **LINE)
    assert still.stopped == "target" and still.distances[-1] == 0
