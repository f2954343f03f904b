"""solver="multiscale" against POT's dense simplex on costs computed here: hundreds of problems with ties and gaps."""

import warnings
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise

import numpy as np
import ot
import pytest
from scipy.spatial.distance import cdist

import wrof
from wrof.clusters import nested_order
from wrof.problem import StepProblem
from wrof.solvers import multiscale

room = import_module("wrof.solvers.multiscale.levels")  # the package calls a function of it by the same name

PAIRS = [(2.0, 1.0), (1.0, 0.5), (2.0, "1+tau"), (0.5, 1.0), (2.0, 2.0), (3.0, 0.5), (1.5, 1.2), (1.0, 1.0), (0.5, 0.3)]
GRIDS = [
    (20, 20),
    (19, 21),
    (4, 33),
    (1, 40),
    (60, 1),
    (3, 4, 5),
    (7, 7, 7),
    (2, 1, 9),
    (16, 8),
    (1, 1),
    (2, 2),
    (11, 13),
]
STYLES = ("plain", "uniform", "whole", "sparse", "atom", "sparse whole")


@dataclass(frozen=True)
class Problem:
    """What `wrof.step` is given, and the costs of all pairs of points."""

    a: np.ndarray
    b: np.ndarray
    cost: np.ndarray
    tau: float
    p: float
    call: dict

    def step(self, **options):
        with warnings.catch_warnings():  # tau below h/2 is meant
            warnings.simplefilter("ignore", wrof.WrofWarning)
            options = {"solver": "multiscale", "select": "vertex", "rtol": 1e-12, **options}
            return wrof.step(self.a, self.b, self.tau, p=self.p, **self.call, **options)


def masses(rng, n, style, total=None):
    """(n,) masses: zeros, equal ones, whole numbers, single atoms."""
    if style == "atom":
        return np.eye(n)[rng.integers(n)] * (total or 1.0)
    if style == "uniform":
        return np.full(n, (total or n) / n)
    if style == "whole":
        return rng.multinomial(total or 3 * n, np.ones(n) / n).astype(float)
    if style == "sparse whole":
        few = rng.choice(n, max(1, n // 8), replace=False)
        return np.bincount(few, rng.multinomial(total or 3 * n, np.ones(len(few)) / len(few)), n)
    weights = rng.random(n) * (rng.random(n) < (0.9 if style == "plain" else 0.15))
    weights[rng.integers(n)] += 0.5
    return weights * ((total or 1.0) / weights.sum())


def two_masses(rng, n, m):
    """Masses of one total, often of two kinds."""
    style = STYLES[rng.integers(len(STYLES))]
    other = STYLES[rng.integers(len(STYLES))] if rng.random() < 0.5 else style
    a = masses(rng, n, style)
    if "whole" in other:
        a = a if float(a.sum()).is_integer() else np.round(a * 1000) + np.eye(n)[0]
    b = masses(rng, m, other, float(a.sum()) if "whole" not in other else int(a.sum()))
    return a, b


def joint(x, y, stops, tau, p, alpha):
    """(n, m) least cost over the stops, one stop at a time."""
    out = np.full((len(x), len(y)), np.inf)
    for z in stops:
        np.minimum(
            out,
            (np.linalg.norm(x - z, axis=1) ** p / (2 * tau))[:, None] + np.linalg.norm(y - z, axis=1) ** alpha,
            out=out,
        )
    return out


def on_grid(rng, shape, p, alpha):
    grid = (
        wrof.Grid(shape)
        if rng.random() < 0.7
        else wrof.Grid(shape, bounds=tuple((0.0, 1.0 + k) for k in range(len(shape))))
    )
    if grid.size > 1:
        h, wide = grid.h or 1.0, float(np.ptp(grid.points, axis=0).max())
        way = float(rng.choice([h / 2, h, 1.5 * h, wide / 4, wide, 20 * wide]))
    else:
        way = 1.0
    number = 1.2 if alpha == "1+tau" else alpha
    tau = way ** (p - number) / 2 if rng.random() < 0.5 else way  # a tie, or any size
    tau = min(tau, 2.0) if alpha == "1+tau" else tau  # r^21 is beyond what any solver compares
    number = 1 + tau if alpha == "1+tau" else alpha
    a, b = two_masses(rng, grid.size, grid.size)
    cost = joint(grid.points, grid.points, grid.points, tau, p, number)
    return Problem(a, b, cost, tau, p, {"grid": grid, "alpha": alpha})


def free(rng, n, m, d, p, alpha):
    """Clouds with repeated points, or on a coarse lattice where distances tie."""
    x, y = (rng.normal(size=(k, d)) if rng.random() < 0.5 else rng.integers(0, 6, (k, d)) / 4 for k in (n, m))
    x, y = x[rng.integers(0, n, n)], y[rng.integers(0, m, m)]
    y[: m // 3] = x[rng.integers(0, n, m // 3)]
    tau = float(rng.choice([0.01, 0.125, 0.3, 1.0, 2.0 if alpha == "1+tau" else 50.0]))
    a, b = two_masses(rng, n, m)
    call = {"source_points": x, "target_points": y, "stops": wrof.FREE, "alpha": alpha}
    problem = StepProblem.build(
        wrof.Measure(wrof.PointCloud(x), np.ones(n)),
        wrof.Measure(wrof.PointCloud(y), np.full(m, n / m)),
        tau,
        alpha=alpha,
        p=p,
        stops=wrof.FREE,
    )
    r = cdist(x, y)
    cost = np.where(r <= tau, r**2 / (2 * tau), r - tau / 2) if (p, alpha) == (2.0, 1.0) else problem.cost.dense()
    return Problem(a, b, cost, tau, p, call)


def draw(seed, small=False):
    """Seeds 0, 1, ...: grids and clouds in turn, every pair of exponents."""
    rng = np.random.default_rng([seed, 3])
    p, alpha = PAIRS[seed // 2 % len(PAIRS)]
    if seed % 2:
        top = 14 if small else 400 if seed % 5 == 0 else 150
        n, m = (int(rng.integers(1, top + 1)) for _ in range(2))
        d = int(rng.integers(1, 4))
        return free(rng, n, m, d + (d == 1 and p >= 1), p, alpha)
    shape = ((3, 4), (2, 3, 2), (1, 5), (4, 2), (2, 1, 4))[seed // 2 % 5] if small else GRIDS[seed // 2 % len(GRIDS)]
    return on_grid(rng, shape, p, alpha)


def least(problem):
    """POT's value on the supports, from its plan."""
    i, j = np.flatnonzero(problem.a), np.flatnonzero(problem.b)
    cost = problem.cost[np.ix_(i, j)]
    a, b = problem.a[i], problem.b[j]
    scale = cost.max() or 1.0
    plan, log = ot.emd(a / a.sum(), b / b.sum(), cost / scale, numItermax=100_000_000, log=True)
    assert log["result_code"] == 1
    return float((plan * cost).sum() * a.sum())


def assert_exact(problem, result, value):
    """The value, the certificate by all pairs, the marginals, each of this problem and not of the package's word."""
    plan, mass = result.plan, problem.a.sum()
    of_pair = problem.cost[plan.source, plan.target]
    size = max(abs(value), mass * of_pair.max())
    assert result.solver == "multiscale" and result.status is wrof.Status.OPTIMAL
    assert abs(result.value - value) <= 1e-12 * size, f"value off by {(result.value - value) / size:.3g}"
    assert abs(float(of_pair @ plan.mass) - value) <= 1e-12 * size, "the plan costs something else"
    phi, psi, i, j = result.potentials
    assert np.array_equal(i, np.flatnonzero(problem.a)) and np.array_equal(j, np.flatnonzero(problem.b))
    reach = max(np.abs(phi).max(), np.abs(psi).max(), of_pair.max())
    slack = problem.cost[np.ix_(i, j)] - phi[:, None] - psi
    assert slack.min() >= -1e-13 * reach, f"potentials violate a pair by {slack.min() / reach:.3g}"
    bound = float(phi @ problem.a[i] + psi @ problem.b[j])
    assert abs(bound - value) <= 1e-12 * max(size, mass * reach), f"bound off by {(bound - value) / size:.3g}"
    sums = np.bincount(plan.source, plan.mass, len(problem.a)), np.bincount(plan.target, plan.mass, len(problem.b))
    for got, wanted in zip(sums, (problem.a, problem.b), strict=True):
        assert np.abs(got - wanted).max() <= 1e-13 * mass, "mass is lost"
    assert np.all(plan.mass > 0) and len(plan.mass) <= len(i) + len(j) - 1, "not a vertex"
    assert set(result.stats) >= {"pivots", "scans", "levels"} and result.stats["levels"] >= 1
    assert result.stats["scans"] >= result.stats["levels"], "a level was left without pricing all pairs"


def check(seed, small=False):
    problem = draw(seed, small)
    try:
        assert_exact(problem, problem.step(), least(problem))
    except (AssertionError, wrof.WrofError) as err:
        raise AssertionError(f"seed {seed}: {err}") from err


# ---- the optimum ----------------------------------------------------------------------------------------------------

QUICK, ALL, CHUNK = 40, 360, 30


@pytest.mark.slow
def test_the_problems_hold_what_was_asked():
    problems = [draw(seed) for seed in range(100)]
    assert max(max(q.cost.shape) for q in problems) >= 390
    assert sum(np.any(q.a == 0) for q in problems) > 40  # zero weights
    assert sum(np.count_nonzero(q.a) == 1 for q in problems) > 5  # single atoms
    assert sum(np.ptp(q.a) == 0 and len(q.a) > 5 for q in problems) > 5  # uniform
    assert sum(np.array_equal(q.a, np.round(q.a)) for q in problems) > 20  # whole
    free_ones = [q.call["source_points"] for q in problems if "grid" not in q.call]
    assert sum(len(np.unique(x, axis=0)) < len(x) for x in free_ones) > 40  # repeated points


@pytest.mark.parametrize("seed", range(QUICK))
def test_quick(seed, monkeypatch):
    """Few points, gathered down to 3, so that there are levels."""
    monkeypatch.setattr(room, "COARSEST", 3)
    check(seed, small=True)


@pytest.mark.slow
@pytest.mark.parametrize("lo", range(0, ALL, CHUNK))
def test_all(lo):
    for seed in range(lo, lo + CHUNK):
        check(seed)


@pytest.mark.slow
def test_all_with_many_levels(monkeypatch):
    """The same optimum when gathering goes on to one point, and with next to no list of neighbours."""
    monkeypatch.setattr(room, "COARSEST", 1)
    for seed in range(60):
        check(seed)
    monkeypatch.setattr(room, "NEAR", {1: 1, 2: 1, 3: 1})
    monkeypatch.setattr(multiscale, "START", 1)
    monkeypatch.setattr(multiscale, "CLOSE", 1e-6)
    monkeypatch.setattr(multiscale, "BEST", 1)
    for seed in range(60):
        check(seed)


@pytest.mark.parametrize(("shape", "place"), [((11, 11), (5, 5)), ((9, 4), (1, 1)), ((5, 5, 5), (2, 1, 2))])
def test_offsets_that_never_occur(shape, place, monkeypatch):
    """One atom inside a grid: gathered points lie at offsets further than any two points do."""
    monkeypatch.setattr(room, "COARSEST", 3)
    grid, size = wrof.Grid(shape), int(np.prod(shape))
    for swap in (False, True):
        a, b = np.ones(size), np.zeros(size)
        b[np.ravel_multi_index(place, shape)] = size
        cost = joint(grid.points, grid.points, grid.points, 0.3, 2.0, 1.0)
        problem = Problem(*((b, a) if swap else (a, b)), cost, 0.3, 2.0, {"grid": grid})
        built = StepProblem.build(grid.measure(problem.a), grid.measure(problem.b), 0.3, alpha=1.0, p=2.0, stops=None)
        for level in room.levels(built.cost, built.a, built.b):  # before solving: with infinite costs it might not end
            i, j = np.divmod(np.arange(len(level.source.mass) * len(level.target.mass)), len(level.target.mass))
            assert np.isfinite(level.costs(i, j)).all(), "an offset that never occurs is asked for"
        assert_exact(problem, problem.step(), least(problem))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        ("value", "value"),
        ("cost", "something else|violate"),
        ("psi", "violate|bound"),
        ("mass", "lost|something else"),
        ("stats", "pricing"),
    ],
)
def test_the_checks_can_fail(spoil, complaint):
    problem = draw(0, small=True)
    result, value = problem.step(), least(problem)
    assert_exact(problem, result, value)
    if spoil == "value":
        value += 1e-11
    elif spoil == "cost":
        problem.cost[result.plan.source[0], result.plan.target[0]] *= 0.9
    elif spoil == "psi":
        result.potentials.psi[0] += 1e-9
    elif spoil == "mass":
        result.plan.mass[0] *= 1 + 1e-9
    else:
        result.stats["scans"] = 0
    with pytest.raises(AssertionError, match=complaint):
        assert_exact(problem, result, value)


# ---- selections -----------------------------------------------------------------------------------------------------


def assert_selections(seed, small):
    """lazy and eager K, and min_norm's rho, are those that the dense simplex leads to."""
    problem = draw(seed, small)
    grid = "grid" in problem.call
    for select in ("lazy", "eager", *(["min_norm"] if grid else [])):
        ours, dense = (problem.step(select=select, solver=solver, rtol=1e-9) for solver in ("multiscale", "simplex"))
        assert ours.solver == "multiscale" and ours.select == select
        assert abs(ours.value - dense.value) <= 1e-12 * dense.scale, f"seed {seed}, {select}: J"
        size = max(1.0, dense.movement, 2 * problem.tau * dense.scale)
        assert abs(ours.movement - dense.movement) <= 1e-9 * size, f"seed {seed}, {select}: K"
        if select == "min_norm":
            off = np.abs(ours.rho.weights - dense.rho.weights).max()
            assert off <= 1e-9 * problem.a.sum(), f"seed {seed}: rho off by {off:.3g}"


@pytest.mark.parametrize("seed", range(0, 20, 2))
def test_selections_quick(seed, monkeypatch):
    monkeypatch.setattr(room, "COARSEST", 3)
    assert_selections(seed, small=True)


@pytest.mark.slow
@pytest.mark.parametrize("lo", range(0, 60, 20))
def test_selections(lo):
    for seed in range(lo, lo + 20):
        if max(draw(seed).cost.shape) <= 200:
            assert_selections(seed, small=False)


def test_lazy_and_eager_differ_at_a_threshold():
    """Two rows of a lattice at tau = h/2: K is 0 or all the mass times h^2; the comparison above is not vacuous."""
    grid = wrof.Grid((2, 12), bounds=((0.0, 1.0), (0.0, 11.0)))
    mu, nu = np.zeros((2, 12)), np.zeros((2, 12))
    mu[0], nu[1] = 1.0, 1.0
    found = [wrof.step(mu, nu, 0.5, grid=grid, solver="multiscale", select=s).movement for s in ("lazy", "eager")]
    assert found == pytest.approx([0.0, 12.0], abs=1e-12)


# ---- refusals, limits, threads --------------------------------------------------------------------------------------


def test_refusals():
    """A cloud of stops and a Monge line: why, and what takes them."""
    points = np.random.default_rng(0).random((5, 2))
    one = np.ones(5)
    with pytest.raises(
        wrof.WrofError, match=r"^'multiscale' needs stops.*on one grid, or stops=wrof.FREE; use 'simplex'\.$"
    ):
        wrof.step(one, one[::-1], 0.3, points=points, solver="multiscale")
    for grid in (wrof.Grid((5,)), wrof.Grid((5,), bounds=(3.0, 9.0))):
        with pytest.raises(
            wrof.WrofError, match=r"^'multiscale' leaves the line .* to 'monotone', which needs no search"
        ):
            wrof.step(one, one, 0.3, grid=grid, solver="multiscale")
    with pytest.raises(wrof.WrofError, match="'multiscale'"):
        wrof.step(one, one, 0.3, grid=wrof.Grid((5, 1)), stops=[[0.0, 0.0]], solver="multiscale")
    taken = wrof.step(one, one, 0.3, alpha=0.5, grid=wrof.Grid((5,)), solver="multiscale")
    assert taken.solver == "multiscale" and taken.value == pytest.approx(0.0, abs=1e-15)


def test_every_max_iter(monkeypatch):
    """Stopped after any number of pivots: an exception with the bounds so far, or a plan that is feasible."""
    monkeypatch.setattr(room, "COARSEST", 4)
    rng = np.random.default_rng(0)
    a, b = rng.random(24), rng.random(24)
    grid = wrof.Grid((4, 6))
    problem = Problem(a, b * (a.sum() / b.sum()), np.zeros((24, 24)), 0.2, 2.0, {"grid": grid, "alpha": 1.0})
    best = problem.step()
    total, stopped = best.stats["pivots"], 0
    assert total > 20
    for limit in range(1, total + 1):
        result = problem.step(max_iter=limit, throw=False)
        assert result.stats["pivots"] <= limit
        assert result.infeasibility <= 1e-13 and result.dual <= best.value + 1e-13 <= result.value + 2e-13
        if result.status is wrof.Status.OPTIMAL:
            assert result.value == pytest.approx(best.value, rel=1e-12)
            continue
        stopped += 1
        assert result.status is wrof.Status.ITERATION_LIMIT
        with pytest.raises(wrof.SolverError, match="iteration limit.*lower bound") as caught:
            problem.step(max_iter=limit)
        assert caught.value.result.value == result.value and caught.value.result.dual == result.dual
    assert stopped > total // 2
    again = problem.step(max_iter=total + 1)
    assert again.status is wrof.Status.OPTIMAL and again.stats == best.stats


@pytest.mark.parametrize("seed", [0, 1, 2, 13])
def test_the_number_of_threads_does_not_matter(seed, monkeypatch):
    """One core, two or five: the same plan and potentials, bit by bit."""
    problem, found = draw(seed, small=True), []
    monkeypatch.setattr(room, "COARSEST", 3)
    for cores in (1, 2, 5):
        monkeypatch.setattr("wrof.threads.os.sched_getaffinity", lambda pid, cores=cores: set(range(cores)))
        found.append(problem.step(select="lazy", rtol=1e-9))
    for other in found[1:]:
        assert other.stats == found[0].stats and other.value == found[0].value and other.dual == found[0].dual
        for name in ("source", "target", "stop", "mass"):
            np.testing.assert_array_equal(getattr(other.plan, name), getattr(found[0].plan, name))
        np.testing.assert_array_equal(other.potentials.psi, found[0].potentials.psi)


def test_again_is_the_same():
    """Stateless: the same call twice, with another in between, gives the same bits."""
    problem, between = draw(4, small=True), draw(7, small=True)
    one, _, two = problem.step(), between.step(), problem.step()
    np.testing.assert_array_equal(one.plan.mass, two.plan.mass)
    np.testing.assert_array_equal(one.potentials.phi, two.potentials.phi)


@pytest.mark.slow
@pytest.mark.parametrize("side", [12, 24])
def test_assignment_on_a_grid_ends(side):
    """Uniform masses everywhere and on a chessboard: nothing but degenerate pivots, and not many of them."""
    ones = np.ones((side, side))
    board = np.indices((side, side)).sum(axis=0) % 2.0
    for mu, nu in ((ones, ones), (board, board[:, ::-1]), (board, 1 - board)):
        for tau in (0.4 / side, 0.3):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", wrof.WrofWarning)
                result = wrof.step(mu, nu, tau, grid=wrof.Grid((side, side)), solver="multiscale")
            assert result.gap <= 1e-13 * result.problem.source.mass
            assert result.stats["pivots"] <= 60 * side**2, f"{result.stats}"


# ---- levels ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_rounding_prices_out_does_not_keep_it_busy():
    """In eight dimensions trees are deep: an arc priced out by rounding alone used to come back for ever."""
    x, y = np.random.default_rng(6).random((2, 2048, 8))
    mass = np.full(2048, 1 / 2048)
    result = wrof.step(mass, mass, 0.1, source_points=x, target_points=y, stops=wrof.FREE, solver="multiscale")
    assert result.status.ok and abs(result.gap) <= 1e-12 * result.scale


@pytest.mark.parametrize("seed", range(8))
def test_levels(seed, monkeypatch):
    """Every level carries all mass and all ticks, has fewer points than the finer one, and the coarsest is small."""
    monkeypatch.setattr(room, "COARSEST", 3)
    problem = draw(seed, small=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)
        done = problem.step().problem
        scales = list(room.levels(done.cost, done.a, done.b))
    for name, total in (("source", problem.a.sum()), ("target", problem.b.sum())):
        sides = [getattr(scale, name) for scale in scales]
        for side in sides:
            assert side.mass.sum() == pytest.approx(total, rel=1e-14) and np.all(side.mass > 0)
            assert side.tick.sum() == np.count_nonzero(problem.a)
        for fine, coarse in pairwise(sides):
            assert np.array_equal(np.unique(fine.up), np.arange(len(coarse.mass)))
            np.testing.assert_allclose(np.bincount(fine.up, fine.mass), coarse.mass, rtol=1e-14)
            assert np.array_equal(np.bincount(fine.up, fine.tick), coarse.tick)
        assert len(sides[-1].mass) <= 3


@pytest.mark.parametrize("n", [1, 2, 4, 5, 17, 64, 65])
@pytest.mark.parametrize("d", [1, 3])
def test_nested_order(n, d):
    """A permutation, also of points that coincide; along a line the blocks of four are runs."""
    rng = np.random.default_rng(n)
    for points in (rng.normal(size=(n, d)), np.zeros((n, d)), rng.integers(0, 2, (n, d)) + 0.0):
        order = nested_order(points)
        assert sorted(order) == list(range(n))
    along = np.arange(n)[:, None] + np.zeros((n, d))
    blocks = [set(some.tolist()) for some in np.split(nested_order(along[:, :1]), range(4, n, 4))]
    assert blocks == [set(range(k, min(k + 4, n))) for k in range(0, n, 4)]
