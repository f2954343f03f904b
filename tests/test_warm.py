"""Steps that start from an earlier plan: the same J, K and F as without, whatever the plan was."""

import warnings
from importlib import import_module

import numpy as np
import pytest
from test_multiscale import PAIRS, draw, least

import wrof
from wrof._kernels import network as kernels
from wrof.cost import LatticePower
from wrof.solvers import multiscale
from wrof.solvers.multiscale import levels

warm = import_module("wrof.solvers.multiscale.warm")
SEEDS = range(120)


@pytest.fixture(autouse=True)
def _always_warm(monkeypatch):
    monkeypatch.setattr(multiscale, "ALIKE", 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)
        yield


def assert_same(one, other):
    """Two certified minimisers of one problem, both lazy."""
    dust = (
        1e-15 * one.problem.source.mass * one.problem.reach * (1 + 2 * one.tau)
    )  # where both have arrived, and nothing is left but that
    for name in ("value", "movement", "discrepancy"):
        assert abs(getattr(one, name) - getattr(other, name)) <= 1e-11 * max(one.scale, one.movement) + dust, name
    assert one.status.ok and other.status.ok


def neighbours(seed):
    """A lazy step, the same for a neighbouring step size, and the one that follows, each with what it starts from."""
    problem, rng = draw(seed, small=seed % 3 == 0), np.random.default_rng(seed)
    first = problem.step(select="lazy")
    near = 1.0 if first.problem.alpha > 5 else float(rng.choice([1.0, 1.01, 0.7, 3.0]))
    space, nu = first.problem.stops, first.problem.target
    exponents = {"p": problem.p, "alpha": problem.call["alpha"], "stops": space, "solver": "multiscale"}
    yield first.problem.source, nu, problem.tau * near, first, exponents
    if len(first.rho.space.points) > 1 or first.rho.space.dim > 0:
        yield first.rho, nu, problem.tau, first, exponents


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_optimum(seed):
    for mu, nu, tau, init, exponents in neighbours(seed):
        if exponents["alpha"] == "1+tau" and tau > 2:
            continue
        cold = wrof.step(mu, nu, tau, rtol=1e-12, **exponents)
        found = wrof.step(mu, nu, tau, rtol=1e-12, init=init, **exponents)
        assert_same(cold, found)
        assert found.stats["levels"] == 0 and cold.stats["levels"] > 0  # it did start from there


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 7, 13])
def test_the_basis_spans_and_feeds(seed):
    """n + m - 1 arcs without a cycle, flows that are no less than nothing, the marginals."""
    problem = draw(seed, small=True)
    done = problem.step(select="lazy")
    level = next(levels(done.problem.cost, done.problem.a, done.problem.b))
    start = wrof.step.__globals__["_start"](done.problem, done)
    network = warm.basis_of(level, start)
    i, j, flow, tick = network.basis()
    n, m = len(done.problem.a), len(done.problem.b)
    assert len(i) == n + m - 1
    root = list(range(n + m))

    def find(v):
        while root[v] != v:
            v = root[v]
        return v

    for u, v in zip(i, n + j, strict=True):
        assert find(u) != find(v)
        root[find(u)] = find(v)
    assert np.all((flow > 0) | ((flow == 0) & (tick > 0)))
    mass = done.problem.a.sum()
    np.testing.assert_allclose(np.bincount(i, flow, n), done.problem.a, rtol=0, atol=1e-13 * mass)
    np.testing.assert_allclose(np.bincount(j, flow, m), done.problem.b, rtol=0, atol=1e-13 * mass)
    assert np.array_equal(np.bincount(i, tick, n), np.ones(n))


@pytest.mark.slow
def test_gaussian_tails():
    """Masses over twenty orders of magnitude, a flow at every step size: no step loses its tree."""
    toy = wrof.toys.gaussians((20, 20))
    for tau in (0.02, 0.05, 0.1, 0.3):
        one, other = (wrof.flow(tau=tau, steps=6, solver=solver, **toy) for solver in ("multiscale", "simplex"))
        for mine, theirs in zip(one.results, other.results, strict=True):
            assert abs(mine.value - theirs.value) <= 1e-9 * theirs.scale


def test_another_start_is_no_harm():
    """A start with other masses has no plan for these: cold, and right."""
    one, other = draw(2, small=True), draw(12, small=True)
    if one.a.shape != other.a.shape:
        other = one
    first = one.step(select="lazy")
    mu = wrof.Measure(first.problem.source.space, np.roll(one.a, 1))
    again = wrof.step(
        mu, first.problem.target, one.tau, p=one.p, solver="multiscale", init=first, alpha=one.call["alpha"]
    )
    assert again.status.ok and again.stats["levels"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(24, 24), (7, 9, 6), (40, 3)])
@pytest.mark.parametrize(("p", "alpha"), [pair for pair in PAIRS if pair[1] != "1+tau" and pair[1] <= 1])
def test_offsets_out_of_reach_do_not_matter(shape, p, alpha, monkeypatch):
    """The scan of movements leaves out offsets that cost more than they can gain: not a digit changes."""
    rng = np.random.default_rng(1)
    grid = wrof.Grid(shape)
    mu, nu = (grid.measure(rng.random(shape), normalize=True) for _ in range(2))
    for tau in (0.01, 0.05, 0.5):
        short = wrof.step(mu, nu, tau, p=p, alpha=alpha, solver="multiscale")
        with monkeypatch.context() as patch:
            patch.setattr(LatticePower, "_reach", lambda self, tol: None)
            full = wrof.step(mu, nu, tau, p=p, alpha=alpha, solver="multiscale")
        assert (short.value, short.dual, short.movement) == (full.value, full.dual, full.movement)


def test_reach_is_what_it_says():
    """p = 2, alpha = 1: r^2 / 2 tau <= r up to r = 2 tau; with the tolerance some cells more."""
    grid = wrof.Grid((11, 21), bounds=((0.0, 1.0), (0.0, 1.0)))
    cost = wrof.problem.StepProblem.build(
        grid.measure(np.ones((11, 21))), grid.measure(np.ones((11, 21))), 0.15, alpha=1.0, p=2.0, stops=None
    ).cost
    assert cost.move._reach(0.0).tolist() == [3, 6]
    assert cost.move._reach(10.0).tolist() == [10, 20]
    assert cost.disc._reach(0.0) is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_against_another_solver(seed):
    """The optimum of the step that follows, by POT."""
    problem = draw(2 * seed, small=True)
    first = problem.step(select="lazy")
    again = wrof.step(
        first.problem.source,
        first.problem.target,
        problem.tau,
        p=problem.p,
        alpha=problem.call["alpha"],
        stops=first.problem.stops,
        solver="multiscale",
        init=first,
    )
    assert abs(again.value - least(problem)) <= 1e-12 * again.scale


# ---- an allowed gap -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rtol", [1e-1, 1e-2, 1e-4])
def test_an_allowed_gap_is_kept(rtol):
    """The value is within the gap of the optimum, and the bound below it."""
    rng = np.random.default_rng(3)
    grid = wrof.Grid((48, 48))
    mu, nu = (grid.measure(np.exp(rng.normal(size=(48, 48))), normalize=True) for _ in range(2))
    exact = wrof.step(mu, nu, 0.05, solver="multiscale", select="vertex")
    rough = wrof.step(mu, nu, 0.05, solver="multiscale", select="vertex", rtol=rtol)
    assert rough.status.ok and rough.dual <= exact.value * (1 + 1e-12)
    assert exact.value * (1 - 1e-12) <= rough.value <= exact.value * (1 + rtol)
    assert rough.gap <= rtol * rough.value and rough.infeasibility <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_an_allowed_gap_on_free_stops_and_smooth_fields(seed):
    """Where the guess from the coarser level proves the gap at once, and where it takes all the pivots."""
    rng = np.random.default_rng(seed)
    if seed % 2:
        x, y = rng.normal(size=(2, 700, 2 + seed % 3))
        problem = {"source_points": x, "target_points": y, "stops": wrof.FREE}
        mu = nu = np.full(700, 1 / 700)
    else:
        mu, nu = (np.exp(np.cumsum(np.cumsum(rng.normal(size=(40, 33)), 0), 1) / 20) for _ in range(2))
        problem = {"grid": wrof.Grid((40, 33)), "normalize": True}
    exact = wrof.step(mu, nu, 0.05, **problem)
    for rtol in (0.3, 1e-2, 1e-3, 1e-5):
        rough = wrof.step(mu, nu, 0.05, solver="multiscale", select="vertex", rtol=rtol, **problem)
        assert rough.status.ok and rough.dual <= exact.value * (1 + 1e-12)
        assert exact.value * (1 - 1e-12) <= rough.value <= exact.value * (1 + rtol)
        assert rough.gap <= rtol * rough.value


@pytest.mark.slow
def test_a_selection_is_among_minimisers():
    """Lazy means least K of all minimisers: an allowed gap changes nothing."""
    toy = wrof.toys.gaussians((20, 20))
    one, other = (wrof.step(tau=0.1, solver="multiscale", rtol=rtol, **toy) for rtol in (1e-9, 1e-2))
    assert one.value == other.value and one.movement == other.movement


@pytest.mark.slow
def test_an_interrupt_is_heard(monkeypatch):
    """Ctrl-C between two rounds of pivots ends the step; the next one knows nothing of it."""
    toy = wrof.toys.gaussians((24, 24))
    expected = wrof.step(tau=0.1, solver="multiscale", **toy).value
    real, calls = kernels.run, []

    def run(*arguments):
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(kernels, "run", run)
    with pytest.raises(KeyboardInterrupt):
        wrof.step(tau=0.1, solver="multiscale", **toy)
    assert wrof.step(tau=0.1, solver="multiscale", **toy).value == expected


@pytest.mark.parametrize(
    ("shape", "before", "after", "same"),
    [
        ((8, 8), {"tau": 1e-9, "p": 2.0, "alpha": 2.0}, {"tau": 1e9, "p": 2.0, "alpha": 2.0}, False),
        ((4, 10), {"tau": 10.0, "p": 0.5, "alpha": 2.0}, {"tau": 1e4, "p": 0.5, "alpha": 2.0}, True),
    ],
)
def test_a_start_on_another_scale(shape, before, after, same):
    """Potentials of the start that are far greater than the new costs leave no trace in the new ones."""
    rng = np.random.default_rng(0)
    grid = wrof.Grid(shape)
    mu, nu = (grid.measure(rng.random(shape), normalize=True) for _ in range(2))
    problem = {"mu": mu, "nu": mu if same else nu, "solver": "multiscale", "select": "vertex"}
    cold = wrof.step(**problem, **after)
    found = wrof.step(**problem, **after, init=wrof.step(**problem, **before))
    assert found.status.ok and abs(found.value - cold.value) <= 1e-12 * cold.scale + 1e-18
