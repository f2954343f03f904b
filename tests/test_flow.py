"""The flow: when it stops and what it calls that, what it records, how it survives disk, small and large units."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest

import wrof
from wrof import FREE, Grid, Measure, PointCloud

pytestmark = pytest.mark.filterwarnings("ignore::wrof.WrofWarning")

THREE = [0.0, 1.0, 3.0]  # 2 tau = 1.5: from 0 to 1, and never on to 3


def three_points(tau: Any, steps: int, **options: Any) -> Any:
    return wrof.flow([1, 0, 0], [0, 0, 1], tau, steps, points=THREE, **options)


def scattered(
    n: int = 7, m: int = 6, d: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Random points in the unit cube with random masses that add up to 1: x, a, y, b."""
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, d)), a / a.sum(), rng.random((m, d)), b / b.sum()


def scattered_flow(tau: Any, steps: int, length: float = 1.0, mass: float = 1.0, d: int = 2, **options: Any) -> Any:
    """Flow between `scattered` clouds, lengths and masses in other units."""
    x, a, y, b = scattered(d=d)
    where = {"source_points": x * length, "target_points": y * length}
    return wrof.flow(a * mass, b * mass, tau, steps, **where, **options)


def assert_recorded(walk: Any, tau: Any, alpha: float = 1.0, p: float = 2.0) -> None:
    """Check the energies against linear programs between the recorded measures, and the plans against both."""
    energies, steps = walk.energies, len(walk.results)
    nu = walk.target
    assert len(walk.measures) == steps + 1
    assert all(v.shape == (steps,) and v.dtype == float for v in energies.values())
    np.testing.assert_array_equal(energies["tau"], np.broadcast_to(tau, (steps,)))
    for k, (mu, rho, result) in enumerate(zip(walk.measures[:-1], walk.measures[1:], walk.results, strict=True)):
        movement = oracles.power_transport(mu.points, mu.weights, rho.points, rho.weights, p)
        discrepancy = oracles.power_transport(rho.points, rho.weights, nu.points, nu.weights, alpha)
        assert energies["movement"][k] == pytest.approx(movement, rel=1e-9, abs=1e-12)
        assert energies["discrepancy"][k] == pytest.approx(discrepancy, rel=1e-9, abs=1e-12)
        split = energies["movement"][k] / (2 * energies["tau"][k]) + energies["discrepancy"][k]
        assert energies["value"][k] == pytest.approx(split, rel=1e-13, abs=1e-15)
        assert energies["gap"][k] == energies["value"][k] - energies["dual"][k]
        assert abs(energies["gap"][k]) <= 1e-9 * max(1.0, energies["value"][k])
        oracles.assert_plan((result.plan.source, result.plan.target, result.plan.mass), mu.weights, nu.weights)
        assert result.rho is rho


def test_the_record_check_can_fail() -> None:
    """A flow recorded under other exponents, or another tau, is noticed."""
    walk = scattered_flow(0.2, 2)
    assert_recorded(walk, 0.2)
    for arguments in ((0.2, 1.001), (0.2, 1.0, 2.001), (0.2000001,)):
        with pytest.raises(AssertionError):
            assert_recorded(walk, *arguments)


# ---- regimes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "steps", "stopped", "regime", "settled_at", "taken"),
    [
        (0.4, 9, "fixed point", "frozen", 0, 1),
        (0.4, 1, "fixed point", "frozen", 0, 1),
        (0.75, 9, "fixed point", "steady", 1, 2),
        (0.75, 2, "fixed point", "steady", 1, 2),
        (0.75, 1, "max steps", "running", None, 1),  # nobody has looked yet whether it stays
        (1.2, 9, "target", "target", 2, 2),
        (1.2, 2, "target", "target", 2, 2),
        (1.2, 1, "max steps", "running", None, 1),
        (3.0, 9, "target", "target", 1, 1),
        (3.0, 0, "max steps", "running", None, 0),
    ],
)
def test_regimes(tau: float, steps: int, stopped: str, regime: str, settled_at: int | None, taken: int) -> None:
    """{0, 1, 3}: frozen for 2 tau < 1, at 1 for ever for 2 tau < 2, in two steps for 2 tau < 5, at once beyond."""
    walk = three_points(tau, steps)
    assert (walk.stopped, walk.regime, walk.settled_at) == (stopped, regime, settled_at)
    assert len(walk.results) == taken and walk.rho is walk.measures[-1]
    assert walk.measures[0].weights.tolist() == [1, 0, 0]


@pytest.mark.parametrize("where", [{"grid": 4}, {"grid": (2, 2)}, {"points": [[0.1, 0], [1, 0.3], [0, 1], [0.7, 0.9]]}])
@pytest.mark.parametrize("select", ["lazy", "eager", "min_norm", "vertex"])
def test_starting_at_the_target(where: dict[str, Any], select: str) -> None:
    """mu = nu: settled at 0, F = K = 0, and rho stays the target; FREE too."""
    for seed in range(5):
        nu = np.random.default_rng(seed).random(4)
        walk = wrof.flow(nu, nu, 0.3, 5, select=select, **where)
        assert (walk.stopped, walk.regime, walk.settled_at) == ("target", "target", 0)
        np.testing.assert_allclose(walk.rho.weights, nu, rtol=1e-14, atol=0)
        assert walk.energies["moved"].tolist() == [0]
        if select in ("lazy", "eager"):
            free = wrof.flow(nu, nu, 0.3, 5, select=select, stops=FREE, **where)
            assert (free.regime, free.settled_at) == ("target", 0)


def test_arrival_on_the_line() -> None:
    """The last atom arrives after max |i - j| / m steps: settled there, and running one step before."""
    a, b = np.linspace(1, 0, 33), np.linspace(0, 1, 33)
    a, b = a / a.sum(), b / b.sum()
    start, end = np.cumsum(a), np.cumsum(b)
    level = (np.unique(np.concatenate([[0], start, end]))[1:] + np.unique(np.concatenate([[0], start, end]))[:-1]) / 2
    far = np.abs(np.searchsorted(start, level) - np.minimum(np.searchsorted(end, level), 32)).max()
    for m in (1, 2, 5):
        steps = -(-far // m)
        walk = wrof.flow(a, b, m / 32, 50, grid=33)
        assert (walk.stopped, walk.settled_at, len(walk.results)) == ("target", steps, steps)
        assert wrof.flow(a, b, m / 32, int(steps) - 1, grid=33).regime == "running"


def test_steps_too_large_are_not_taken_for_the_target() -> None:
    """alpha = 1 + tau with tau = 5 freezes K = 128: F = h^6 = 2e-13 is small, yet no atom is where it should be."""
    a, b = np.append(np.ones(64), np.zeros(64)), np.append(np.append(0, np.ones(64)), np.zeros(63))
    assert (1 / 127) ** 2 / 10 > (1 / 127) ** 6  # one cell costs more to go than to stay short of
    walk = wrof.flow(a / 64, b / 64, 5.0, 5, grid=128, alpha="1+tau")
    assert (walk.regime, walk.settled_at) == ("frozen", 0)
    np.testing.assert_allclose(walk.rho.weights, a / 64, rtol=0, atol=1e-15)


def test_small_hops_are_not_taken_for_rest() -> None:
    """On 10^4 cells one cell is 1e-4 of the way and K/2tau 1e-8 of J: still a running flow; nor is 1e-6 of the mass."""
    grid = Grid(10001)
    walk = wrof.flow(np.eye(1, 10001)[0], np.eye(1, 10001, 10000)[0], 1.2 * grid.h, 3, grid=grid)
    assert walk.regime == "running" and [int(np.argmax(m.weights)) for m in walk.measures] == [0, 1, 2, 3]
    walk = wrof.flow([1 - 1e-6, 1e-6, 0], [1 - 1e-6, 0, 1e-6], 0.6, 9, points=[0.0, 1.0, 2.0])
    assert (walk.regime, walk.settled_at) == ("target", 1)
    np.testing.assert_allclose(walk.energies["moved"], [1e-6], rtol=1e-9)


def test_rounding_is_not_taken_for_movement() -> None:
    """Weights that agree up to a unit in the last place do not keep a steady flow running."""
    for seed in range(10):
        x, a, y, b = scattered(9, 9, seed=seed)
        walk = wrof.flow(a, b, 0.05, 60, source_points=x, target_points=y)
        assert walk.stopped in ("fixed point", "target"), seed


# ---- step sizes -----------------------------------------------------------------------------------------------------


def test_a_sequence_is_the_constant_that_goes_on() -> None:
    """The same measures, step by step, but never an early stop."""
    constant, sequence = three_points(0.75, 5), three_points([0.75] * 5, 5)
    assert (len(constant.results), len(sequence.results)) == (2, 5)
    assert (sequence.stopped, sequence.regime, sequence.settled_at) == ("max steps", "running", None)
    for k, rho in enumerate(sequence.measures):
        assert np.array_equal(rho.weights, constant.measures[min(k, 2)].weights)
    np.testing.assert_array_equal(sequence.energies["moved"], [1, 0, 0, 0, 0])
    assert_recorded(sequence, [0.75] * 5)


@pytest.mark.parametrize("tau", [[0.4, 0.75, 0.4, 1.2, 7.0], (0.4, 0.75, 0.4, 1.2), np.array([0.4, 0.75, 0.4, 1.2])])
def test_each_step_has_its_own_size(tau: Any) -> None:
    """Wait, go to 1, wait, go on to 3; what is beyond `steps` is not used."""
    walk = three_points(tau, 4)
    assert [int(np.argmax(m.weights)) for m in walk.measures] == [0, 0, 1, 1, 2]
    assert_recorded(walk, [0.4, 0.75, 0.4, 1.2])


def test_ways_to_say_a_constant() -> None:
    for tau in (0.75, np.float64(0.75), np.float32(0.75), np.array(0.75)):
        walk = three_points(tau, 5)
        assert walk.regime == "steady" and walk.energies["tau"].tolist() == [0.75, 0.75]
    assert three_points(3, np.int64(5)).regime == "target"


def test_a_sequence_that_has_reached_the_target_says_so() -> None:
    """nu is reached, and nothing leaves it for any later step size."""
    walk = three_points([3.0, 3.0, 0.4], 3)
    assert np.array_equal(walk.rho.weights, [0, 0, 1]) and walk.stopped == "max steps"
    assert (walk.regime, walk.settled_at) == ("target", 1)


@pytest.mark.parametrize("mass", [1.0, 250.0])
def test_fraction_of_d1(mass: float) -> None:
    """tau_k = theta d_1(rho_k, nu) / mass, d_1 from a linear program."""
    x, a, y, b = scattered(5, 4)
    options = {"source_points": x, "target_points": y, "stops": FREE}
    walk = wrof.flow(a * mass, b * mass, wrof.fraction_of_d1(0.4), 6, **options)
    assert len(walk.results) == 6
    for k, tau in enumerate(walk.energies["tau"]):
        rho = walk.measures[k]
        d1 = oracles.power_transport(rho.points, rho.weights / mass, y, b, 1.0)
        assert tau == pytest.approx(0.4 * d1, rel=1e-9)
    assert_recorded(walk, walk.energies["tau"])


def test_fraction_of_d1_halves_the_way() -> None:
    """One free atom, theta = 1/2: half of the rest at every step."""
    walk = wrof.flow([1, 0], [0, 1], wrof.fraction_of_d1(0.5), 20, points=[[0.0, 0], [3, 4]], stops=FREE)
    rest = [float(np.linalg.norm(m.points[m.support][0] - [3, 4])) for m in walk.measures]
    np.testing.assert_allclose(rest, 5 / 2.0 ** np.arange(21), rtol=1e-9)


def test_fraction_of_d1_stalls_on_a_lattice() -> None:
    """It stops moving once theta d_1 <= h/2, and not before."""
    a, b, grid = np.eye(41)[0], np.eye(41)[40], Grid(41)
    walk = wrof.flow(a, b, wrof.fraction_of_d1(0.1), 60, grid=grid)
    left = walk.energies["discrepancy"]
    assert left[-1] == pytest.approx(5 * grid.h, rel=1e-12)  # theta d_1 = h/2
    moving = walk.energies["moved"] > 0.5
    assert np.array_equal(moving, np.append(1.0, left[:-1]) * 0.1 > grid.h / 2 * (1 + 1e-9))


def test_fraction_of_d1_goes_on_at_the_target() -> None:
    """Once there, d_1 = 0: the flow has to go through its steps all the same, on any points."""
    for seed in range(8):
        x, a, y, b = scattered(5, 5, seed=seed)
        walk = wrof.flow(a, b, wrof.fraction_of_d1(30.0), 4, source_points=x, target_points=y)
        np.testing.assert_allclose(walk.energies["discrepancy"], 0, rtol=0, atol=1e-13)


# ---- generator and callback -----------------------------------------------------------------------------------------


def test_the_generator_yields_the_flow() -> None:
    walk = three_points(0.75, 9)
    states = list(wrof.iter_flow([1, 0, 0], [0, 0, 1], 0.75, 9, points=THREE))
    assert [s.k for s in states] == [1, 2]
    for state, rho, result in zip(states, walk.measures[1:], walk.results, strict=True):
        assert np.array_equal(state.rho.weights, rho.weights) and state.result.value == result.value
        assert state.rho is state.result.rho


def test_the_generator_without_steps_goes_on_until_it_settles() -> None:
    for tau, taken in ((0.4, 1), (0.75, 2), (1.2, 2), (3.0, 1)):
        states = list(wrof.iter_flow([1, 0, 0], [0, 0, 1], tau, points=THREE))
        assert len(states) == taken
    endless = wrof.iter_flow([1, 0], [0, 1], wrof.fraction_of_d1(0.1), points=[0.0, 1.0], stops=FREE)
    assert [next(endless).k for _ in range(30)] == list(range(1, 31))


def test_the_generator_can_be_left() -> None:
    states = wrof.iter_flow([1, 0, 0], [0, 0, 1], [1.2, 1.2, 1.2], 3, points=THREE)
    assert next(states).rho.weights.tolist() == [0, 1, 0]
    states.close()
    assert next(states, None) is None


def test_the_callback_sees_every_step() -> None:
    """In order, as it happens, with the very objects the flow keeps; what it returns does not matter."""
    seen: list[Any] = []

    def callback(state: Any) -> bool:
        seen.append(state)
        return False

    walk = three_points(1.2, 9, callback=callback)
    assert [s.k for s in seen] == [1, 2]
    assert all(s.result is r and s.rho is r.rho for s, r in zip(seen, walk.results, strict=True))
    assert three_points(1.2, 0, callback=callback).results == [] and len(seen) == 2


# ---- what is recorded -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", ["lazy", "eager", "min_norm", "vertex"])
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 2.0)])
def test_energies_on_a_cloud(select: str, p: float, alpha: float) -> None:
    walk = scattered_flow(0.12, 3, select=select, p=p, alpha=alpha)
    assert_recorded(walk, 0.12, alpha, p)


@pytest.mark.parametrize("select", ["lazy", "eager"])
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 2.0), (2.0, 0.5)])
def test_energies_on_free_stops(select: str, p: float, alpha: float) -> None:
    walk = scattered_flow(0.12, 3, stops=FREE, select=select, p=p, alpha=alpha)
    assert_recorded(walk, 0.12, alpha, p)


def test_energies_on_a_grid() -> None:
    a, b = np.random.default_rng(0).random((2, 3, 4))
    walk = wrof.flow(a / a.sum(), b / b.sum(), 0.3, 4, grid=(3, 4), alpha="1+tau")
    assert_recorded(walk, 0.3, 1.3)


def test_moved_is_the_mass_that_moves() -> None:
    """Uniform line: what is not yet beside its mate. Three atoms of different mass with different ways to go."""
    walk = wrof.flow([0.5, 0.3, 0.2, 0, 0, 0], [0, 0.5, 0, 0.3, 0, 0.2], 1.0, 9, grid=Grid(6, bounds=(0, 5)))
    np.testing.assert_allclose(walk.energies["moved"], [1.0, 0.5, 0.2], rtol=1e-14)
    np.testing.assert_allclose(walk.energies["movement"], [1.0, 0.5, 0.2], rtol=1e-14)
    np.testing.assert_allclose(walk.energies["discrepancy"], [0.3 + 0.4, 0.2, 0], rtol=1e-14, atol=1e-15)


def test_stops_are_fixed_for_the_whole_flow() -> None:
    """Two spaces: the union of the two supports at the start, although later supports are smaller."""
    source, target = [[0.0, 0], [9, 9], [1, 0]], [[2.0, 0], [7, 7]]
    walk = wrof.flow([0.5, 0, 0.5], [1.0, 0], 0.6, 9, source_points=source, target_points=target)
    union = PointCloud([[0.0, 0], [1, 0], [2, 0]])
    assert all(sorted(map(tuple, m.points)) == sorted(map(tuple, union.points)) for m in walk.measures[1:])
    assert all(m.space == walk.measures[1].space for m in walk.measures[1:])
    assert all(r.problem.stops == walk.measures[1].space for r in walk.results)
    # first both hop one to the right, then 0 is empty and still a stop
    assert walk.regime == "target" and walk.settled_at == 2
    assert walk.measures[0].points.shape == (3, 2) and walk.measures[0].weights.tolist() == [0.5, 0, 0.5]
    where = {"source_points": source, "target_points": target}
    for state in wrof.iter_flow([0.5, 0, 0.5], [1.0, 0], 0.6, 9, **where):
        assert state.rho.space == walk.measures[1].space


def test_stops_of_a_shared_space_are_all_its_points() -> None:
    """The same cloud, or an equal one: also the points that carry nothing. Explicit stops win."""
    points = [0.0, 1.0, 2.0]
    for where in ({"points": points}, {"source_points": points, "target_points": points}):
        walk = wrof.flow([1, 0, 0], [0, 0, 1], 0.6, 5, **where)
        assert walk.settled_at == 2 and walk.rho.points.ravel().tolist() == points
    ends = wrof.flow([1, 0, 0], [0, 0, 1], 0.6, 5, points=points, stops=[0.0, 2.0])
    assert ends.regime == "frozen" and ends.rho.points.ravel().tolist() == [0, 2]
    grid = wrof.flow([1, 0, 0], [0, 0, 1], 0.6, 5, points=points, stops=Grid(5, bounds=(0, 2)))
    assert grid.regime == "target" and grid.rho.space == Grid(5, bounds=(0, 2)) and grid.settled_at == 4


def test_arrays_of_a_finite_flow() -> None:
    walk = scattered_flow(0.2, 4)
    arrays, steps = walk.arrays(), len(walk.results)
    x, a, y, b = scattered()
    assert np.array_equal(arrays["source"], a) and np.array_equal(arrays["source_points"], x)
    assert np.array_equal(arrays["target"], b) and np.array_equal(arrays["target_points"], y)
    assert arrays["points"].shape == (13, 2) and arrays["rho"].shape == (steps, 13) and "shape" not in arrays
    for k, rho in enumerate(walk.measures[1:]):
        assert np.array_equal(arrays["rho"][k], rho.weights) and np.array_equal(arrays["points"], rho.points)
    for name, values in walk.energies.items():
        assert np.array_equal(arrays[name], values)
    assert all(isinstance(v, np.ndarray) and v.dtype != object for v in arrays.values())


def test_arrays_of_a_grid_flow_and_of_no_step() -> None:
    a, b = np.eye(6)[0].reshape(2, 3), np.eye(6)[5].reshape(2, 3)
    for steps in (0, 3):
        arrays = wrof.flow(a, b, [0.4] * steps, steps, grid=(2, 3)).arrays()
        assert arrays["shape"].tolist() == [2, 3] and arrays["rho"].shape == (steps, 6)
        assert arrays["points"].shape == (6, 2) and arrays["value"].shape == (steps,)


def test_arrays_of_a_free_flow() -> None:
    """All atoms one after the other, cut at rho_start."""
    walk = scattered_flow(0.1, 5, stops=FREE)
    arrays = walk.arrays()
    assert "rho" not in arrays and "points" not in arrays
    cuts = arrays["rho_start"]
    assert (
        cuts.dtype.kind == "i"
        and cuts.tolist() == np.cumsum([0, *(len(m.weights) for m in walk.measures[1:])]).tolist()
    )
    for k, rho in enumerate(walk.measures[1:]):
        assert np.array_equal(arrays["rho_weights"][cuts[k] : cuts[k + 1]], rho.weights)
        assert np.array_equal(arrays["rho_points"][cuts[k] : cuts[k + 1]], rho.points)


def test_arrays_of_a_free_flow_of_no_step() -> None:
    """The same names, nothing in them."""
    arrays = scattered_flow(0.1, 0, stops=FREE).arrays()
    assert arrays["rho_points"].shape == (0, 2) and arrays["rho_start"].tolist() == [0]


# ---- on disk --------------------------------------------------------------------------------------------------------

KINDS: dict[str, Any] = {
    "cloud": lambda: scattered_flow(0.2, 4),
    "free": lambda: scattered_flow(0.2, 3, stops=FREE, select="eager"),
    "grid": lambda: wrof.flow(np.eye(2, 3), np.eye(2, 3)[::-1], 0.3, 3, grid=(2, 3), alpha="1+tau", p=1.0),
    "line": lambda: wrof.flow([1, 2, 3], [3, 2, 1], [0.1, 0.6], 2, grid=3, solver="monotone"),
    "lp": lambda: three_points(0.75, 3, solver="lp", select="min_norm"),
    "fraction": lambda: three_points(wrof.fraction_of_d1(0.4), 2),
    "no step": lambda: three_points(0.75, 0),
    "no free step": lambda: scattered_flow(0.2, 0, stops=FREE),
}


def assert_equal_results(one: Any, other: Any) -> None:
    """Check every field of two StepResults, arrays bit by bit."""
    for name in ("value", "dual", "gap", "infeasibility", "status", "solver", "select", "movement", "discrepancy"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("tau", "moved", "still"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.problem.alpha == other.problem.alpha and one.problem.p == other.problem.p
    assert one.problem.stops == other.problem.stops
    assert (one.problem.stops is FREE) == (other.problem.stops is FREE)
    for mu, nu in ((one.rho, other.rho), (one.plan.mu, other.plan.mu), (one.plan.nu, other.plan.nu)):
        assert_equal_measures(mu, nu)
    for name in ("source", "target", "stop", "mass"):
        assert np.array_equal(getattr(one.plan, name), getattr(other.plan, name)), name
    for v, w in zip(one.potentials, other.potentials, strict=True):
        assert np.array_equal(v, w)
    assert np.array_equal(one.plan.displacement(), other.plan.displacement())
    assert one.stats.keys() == other.stats.keys() and repr(one) == repr(other)


def assert_equal_measures(mu: Measure, nu: Measure) -> None:
    assert mu.space == nu.space and type(mu.space) is type(nu.space) and mu.mass == nu.mass
    assert np.array_equal(mu.weights, nu.weights)


def assert_equal_flows(one: Any, other: Any) -> None:
    """Check everything that two Flows tell."""
    assert (one.stopped, one.regime, one.settled_at) == (other.stopped, other.regime, other.settled_at)
    assert one.settings == other.settings
    for mu, nu in zip([one.target, *one.measures], [other.target, *other.measures], strict=True):
        assert_equal_measures(mu, nu)
    for v, w in zip(one.results, other.results, strict=True):
        assert_equal_results(v, w)
    assert one.arrays().keys() == other.arrays().keys()
    for name, values in one.arrays().items():
        assert np.array_equal(values, other.arrays()[name]), name


def test_the_equality_checks_can_fail() -> None:
    one, other, third = (scattered_flow(tau, steps) for tau, steps in ((0.2, 2), (0.2000001, 2), (0.2, 1)))
    assert_equal_flows(one, one)
    for walk in (other, third):
        with pytest.raises((AssertionError, ValueError)):
            assert_equal_flows(one, walk)
    with pytest.raises(AssertionError):
        assert_equal_results(one.results[0], other.results[0])


@pytest.mark.parametrize("kind", KINDS)
def test_save_and_load(kind: str, tmp_path: Path) -> None:
    walk = KINDS[kind]()
    file = tmp_path / "walk.npz"
    wrof.save(walk, file)
    assert_equal_flows(walk, wrof.load(file))
    for result in walk.results[:1]:
        wrof.save(result, file)
        assert_equal_results(result, wrof.load(file))
    assert [f.name for f in tmp_path.iterdir()] == ["walk.npz"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickle(kind: str, protocol: int) -> None:
    """There and back, twice; a result that has been pickled can still be worked with."""
    walk = KINDS[kind]()
    back = pickle.loads(pickle.dumps(walk, protocol))
    assert_equal_flows(walk, back)
    assert_equal_flows(walk, pickle.loads(pickle.dumps(back, protocol)))
    for one, other in zip(walk.results[:1], back.results[:1], strict=True):
        again = wrof.step(other.plan.mu, other.plan.nu, other.tau, stops=other.problem.stops, init=other)
        assert again.status.ok and one.plan.toarray().sum() == other.plan.toarray().sum()


def test_pickle_in_another_process(tmp_path: Path) -> None:
    """A fresh interpreter that has imported nothing reads a flow and goes on with it."""
    walk = scattered_flow(0.2, 3, stops=FREE)
    (tmp_path / "walk.pickle").write_bytes(pickle.dumps({"flow": walk, "result": walk.results[0], "free": FREE}))
    code = """
import pickle, sys
data = pickle.load(open(sys.argv[1], "rb"))
import wrof
walk = data["flow"]
assert data["free"] is wrof.FREE and walk.results[0].problem.stops is wrof.FREE
assert data["result"].rho is walk.measures[1]
again = wrof.step(walk.measures[0], walk.target, walk.results[0].tau, stops=wrof.FREE)
print(repr(float(walk.energies["value"].sum())), walk.regime, repr(again.value))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "walk.pickle")]
    root = str(Path(wrof.__file__).resolve().parent.parent)
    run = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert run.returncode == 0, run.stderr
    total, regime, value = run.stdout.split()
    assert float(total) == walk.energies["value"].sum() and regime == walk.regime
    assert float(value) == pytest.approx(walk.results[0].value, rel=1e-14)


@pytest.mark.parametrize("stops", [None, FREE])
def test_results_do_not_keep_matrices(stops: Any) -> None:
    """n points give a result of the order of n, in memory and in a pickle: a long flow must not keep n x n per step."""
    n = 250
    rng = np.random.default_rng(0)
    result = wrof.step(rng.permutation(n) + 1.0, rng.permutation(n) + 1.0, 0.05, points=rng.random((n, 2)), stops=stops)
    assert len(pickle.dumps(result)) < 8 * n * n / 2


def test_settings_say_what_was_asked() -> None:
    settings = three_points(0.75, 2, alpha="1+tau", p=2.0, select="eager", rtol=1e-8).settings
    expected = {"alpha": "1+tau", "p": 2.0, "select": "eager", "rtol": 1e-8, "solver": "auto"}
    assert expected.items() <= settings.items()


# ---- free flows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("select", ["lazy", "eager", "vertex"])
def test_free_flows_keep_few_atoms_and_all_mass(d: int, select: str) -> None:
    """At most n_k + m - 1 atoms after a step, each at its own place; mass to 1e-14 over 50 steps."""
    x, a, y, b = scattered(12, 9, d, seed=3)
    walk = wrof.flow(a, b, [0.013] * 50, 50, source_points=x, target_points=y, stops=FREE, select=select)
    assert len(walk.results) == 50
    for before, after in zip(walk.measures, walk.measures[1:], strict=False):
        assert len(after.weights) <= len(before.support) + 9 - 1
        assert np.all(after.weights > 0) and len(np.unique(after.points, axis=0)) == len(after.points)
    masses = np.array([m.mass for m in walk.measures])
    np.testing.assert_allclose(masses, masses[0], rtol=1e-14, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 5, 6])
@pytest.mark.parametrize("select", ["lazy", "vertex"])
def test_free_flows_of_more_atoms_keep_all_mass(seed: int, select: str) -> None:
    """30 atoms to 30 over 50 steps, to 1e-14 of the mass."""
    x, a, y, b = scattered(30, 30, 2, seed)
    walk = wrof.flow(a, b, [0.013] * 50, 50, source_points=x, target_points=y, stops=FREE, select=select)
    masses = np.array([m.mass for m in walk.measures])
    np.testing.assert_allclose(masses, masses[0], rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    "where", [{"grid": (4, 5)}, {"points": np.random.default_rng(1).random((20, 3))}, {"grid": 20}]
)
def test_finite_flows_keep_all_mass(where: dict[str, Any]) -> None:
    a, b = np.random.default_rng(2).random((2, 20)) ** 3
    walk = wrof.flow(a / a.sum(), b / b.sum(), [0.07] * 50, 50, p=2.0, alpha=1.0, **where)
    masses = np.array([m.mass for m in walk.measures])
    np.testing.assert_allclose(masses, masses[0], rtol=1e-14, atol=0)
    assert np.all(walk.rho.weights >= 0)


@pytest.mark.parametrize("stops", [None, FREE])
@pytest.mark.parametrize("tau", [1e3, 1e9, 1e300])
def test_a_huge_step_arrives_at_once(stops: Any, tau: float) -> None:
    """alpha = 1, tau beyond every distance: rho_1 = nu, to the last digit of its places."""
    walk = scattered_flow(tau, 5, stops=stops)
    assert (walk.stopped, walk.settled_at) == ("target", 1)
    _, _, y, b = scattered()
    kept = walk.rho.weights > 0
    found = {tuple(z): w for z, w in zip(walk.rho.points[kept], walk.rho.weights[kept], strict=True)}
    assert found.keys() == {tuple(z) for z in y}
    np.testing.assert_allclose([found[tuple(z)] for z in y], b, rtol=1e-13)


def test_a_tiny_step_creeps() -> None:
    """FREE, alpha = 1: every atom moves tau, however small, and the flow does not call that rest."""
    x, a, y, b = scattered(4, 3)
    for tau in (1e-4, 1e-7):
        walk = wrof.flow(a, b, tau, 3, source_points=x, target_points=y, stops=FREE)
        assert walk.regime == "running"
        np.testing.assert_allclose(walk.energies["movement"], tau**2, rtol=1e-6)
        np.testing.assert_allclose(walk.energies["moved"], 1, rtol=1e-12)


def test_free_quadratic_flow() -> None:
    """p = alpha = 2: every atom keeps its mate and the rest shrinks by 1/(1 + 2 tau) a step."""
    start, end, tau = np.array([3.0, -4.0]), np.array([0.5, 2.0]), 0.35
    walk = wrof.flow([2.0], [2.0], tau, 12, alpha=2.0, source_points=[start], target_points=[end], stops=FREE)
    for k, rho in enumerate(walk.measures):
        np.testing.assert_allclose(rho.points[0], end + (start - end) / (1 + 2 * tau) ** k, rtol=0, atol=1e-13)


# ---- units ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("stops", [None, FREE])
@pytest.mark.parametrize("length", [1e-6, 1e-9, 1e-12, 1e6, 1e9])
def test_units_of_length(d: int, stops: Any, length: float) -> None:
    """Tiny and large coordinates: the same flow, energies in other units."""
    base = scattered_flow(0.07, 20, d=d, stops=stops)
    walk = scattered_flow(0.07 * length, 20, length, d=d, stops=stops)
    assert_scaled(base, walk, length, 1.0)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("stops", [None, FREE])
@pytest.mark.parametrize("mass", [1e6, 1e9, 1e12, 1e-9, 1e-15, 1e-30])
def test_units_of_mass(d: int, stops: Any, mass: float) -> None:
    """Heavy and light: the same flow with every mass in another unit."""
    base = scattered_flow(0.07, 20, d=d, stops=stops)
    walk = scattered_flow(0.07, 20, mass=mass, d=d, stops=stops)
    assert_scaled(base, walk, 1.0, mass)


def assert_scaled(base: Any, walk: Any, length: float, mass: float) -> None:
    """Check regime, arrival, energies and masses of a flow against the same one in other units."""
    assert (walk.stopped, walk.regime, walk.settled_at) == (base.stopped, base.regime, base.settled_at)
    for name, unit in (("value", length * mass), ("discrepancy", length * mass), ("movement", length**2 * mass)):
        np.testing.assert_allclose(
            walk.energies[name], base.energies[name] * unit, rtol=1e-9, atol=1e-12 * unit, err_msg=name
        )
    masses = np.array([m.mass for m in walk.measures])
    np.testing.assert_allclose(masses, mass, rtol=1e-14)


def test_assert_scaled_can_fail() -> None:
    base = scattered_flow(0.07, 20)
    assert_scaled(base, base, 1.0, 1.0)
    for unit in ((1 + 1e-8, 1.0), (1.0, 1 + 1e-8)):
        with pytest.raises(AssertionError):
            assert_scaled(base, base, *unit)


@pytest.mark.parametrize("stops", [None, FREE])
def test_far_from_the_origin(stops: Any) -> None:
    """Coordinates near 1e6: what the places lose to rounding, about 1e-10, is all that is lost."""
    x, a, y, b = scattered()
    base = scattered_flow(0.07, 20, stops=stops)
    walk = wrof.flow(a, b, 0.07, 20, source_points=x + 1e6, target_points=y + 1e6, stops=stops)
    assert (walk.stopped, walk.regime, walk.settled_at) == (base.stopped, base.regime, base.settled_at)
    for name in ("value", "discrepancy", "movement"):
        np.testing.assert_allclose(walk.energies[name], base.energies[name], rtol=0, atol=1e-8)


@pytest.mark.parametrize("solver", ["auto", "simplex", "lp", "monotone"])
@pytest.mark.parametrize("off", [9e-10, -9e-10, 1e-10])
@pytest.mark.parametrize("mass", [1.0, 1e4])
def test_masses_that_count_as_equal_are_equal_enough(solver: str, off: float, mass: float) -> None:
    """A difference that is let in (1e-9 relative) is no reason to fail later, nor does it grow along a flow."""
    a, b = np.array([0.3, 0.2, 0.5, 0]) * mass, np.array([0, 0.1, 0.5, 0.4]) * mass * (1 + off)
    for stops in (None, FREE) if solver in ("auto", "simplex") else (None,):
        walk = wrof.flow(a, b, 0.2, 12, grid=4, solver=solver, stops=stops)
        assert all(r.status.ok for r in walk.results) and walk.regime == "target"
        assert all(abs(m.mass - mass) <= 1e-9 * mass for m in walk.measures)
