"""The step on 240 random problems against the three-layer program, for every solver and selection that takes them.

d = 1, 2, 3; p = 1/2, 1, 2, 3; alpha = 1/2, 1, 1 + tau, 3/2, 2; on a grid, a cloud with repeated points, two clouds
whose union is the stops, and stops that share no point with either measure. Zero weights, single atoms, whole-number
masses.
"""

import warnings
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import oracles
import pytest
from scipy import sparse
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

import wrof

SOLVERS = ("auto", "simplex", "monotone", "lp")
SELECTIONS = ("lazy", "eager", "min_norm", "vertex")
POWERS = (0.5, 1.0, 2.0, 3.0)
ALPHAS = (0.5, 1.0, "1+tau", 1.5, 2.0)
KINDS = ("grid", "cloud", "two clouds", "own stops")
PROBLEMS = list(product((1, 2, 3), KINDS, POWERS, ALPHAS))
CHUNK = 20
QUICK = PROBLEMS[::13]  # every kind, dimension and exponent occurs

ATOL = 1e-9  # times the mass


@dataclass(frozen=True)
class Problem:
    """Plain arrays for the oracles, and what `wrof.step` is given."""

    x: np.ndarray
    a: np.ndarray
    y: np.ndarray
    b: np.ndarray
    stops: np.ndarray  # distinct
    tau: float
    alpha: float
    p: float
    call: dict

    @property
    def data(self):
        return (self.x, self.a, self.y, self.b, self.stops, self.tau, self.alpha, self.p)

    @property
    def mass(self):
        return self.a.sum()

    def merged(self, rho):
        """Masses of a Measure on the distinct stops."""
        near = cdist(rho.points, self.stops)
        assert near.min(axis=1).max() <= 1e-14, "rho has points that are no stops"
        return np.bincount(near.argmin(axis=1), rho.weights, len(self.stops))


def masses(rng, n, style, count=None):
    """Positive masses, some zero; whole numbers; or one atom. All add up to `count` if given."""
    if style == "whole":
        total = count or int(rng.integers(3, 3 * n + 3))
        return rng.multinomial(total, np.ones(n) / n).astype(float)
    if style == "atom":
        return np.eye(n)[rng.integers(n)]
    weights = rng.random(n) * (rng.random(n) < 0.75)
    weights[rng.integers(n)] += 0.5
    return weights / weights.sum()


def draw(d, kind, p, alpha):
    """One problem: its seed is its place in the list, its tau is near where mass starts or ceases to move."""
    seed = PROBLEMS.index((d, kind, p, alpha))
    rng = np.random.default_rng([seed, 7])
    style = ("plain", "whole", "plain", "whole", "atom")[rng.integers(5)]
    if kind == "grid":
        shape = tuple(rng.integers(2, (13, 5, 3)[d - 1], d))
        bounds = [(lo, lo + side) for lo, side in zip(rng.normal(size=d), rng.uniform(0.5, 2, d), strict=True)]
        if rng.random() < 0.5:  # as many ties as possible
            bounds = [(0.0, (k - 1) / 4) for k in shape]
        axes = [np.linspace(*ends, k) for ends, k in zip(bounds, shape, strict=True)]
        x = y = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
        call = {"grid": wrof.Grid(shape, bounds=bounds)}
    else:
        n, m = rng.integers(3, 9, 2)
        spread = rng.integers(0, 4, (n, d)) / 4 if style == "whole" else rng.normal(size=(n, d))
        x = y = np.concatenate([spread, spread[rng.integers(n, size=2)]])  # repeated points
        call = {"points": x}
        if kind != "cloud":
            y = np.concatenate([rng.normal(size=(m, d)), x[:1], rng.normal(size=(1, d))])
            call = {"source_points": x, "target_points": y}
    a = masses(rng, len(x), style)
    b = masses(rng, len(y), style, int(a.sum()))
    if kind == "own stops":
        call["stops"] = stops = rng.normal(size=(rng.integers(1, 9), d))
    elif kind == "two clouds":
        stops = np.concatenate([x[a > 0], y[b > 0]])
    else:
        stops = x
    way = np.median(cdist(x, y)[cdist(x, y) > 0])
    number = 1.2 if alpha == "1+tau" else alpha
    tau = float(way ** (p - number) / 2 * rng.uniform(0.3, 2))
    if kind == "grid" and rng.random() < 0.5:
        tau = 0.25 ** (p - number) / 2  # h to the next point: a tie wherever h = 1/4
    return Problem(
        x, a, y, b, np.unique(stops, axis=0), tau, 1 + tau if alpha == "1+tau" else alpha, p, {**call, "alpha": alpha}
    )


def takes(problem, solver):
    line = problem.x.shape[1] == 1 and problem.p >= 1 and problem.alpha >= 1
    return solver != "monotone" or line


def solve(problem, solver, select):
    with warnings.catch_warnings():  # tau below h/2 is meant
        warnings.simplefilter("ignore", wrof.WrofWarning)
        return wrof.step(problem.a, problem.b, problem.tau, p=problem.p, solver=solver, select=select, **problem.call)


# ---- what a result must satisfy ------------------------------------------------------------------------------------


def assert_result(problem, result, value, cost):
    """Value, gap, marginals, rho, and potentials against the least value and the joint cost (n, m) of an oracle."""
    mass = problem.mass
    assert abs(result.value - value) <= ATOL * mass, f"value off by {result.value - value:.3g}"
    assert -1e-12 * mass <= result.gap <= ATOL * mass, f"gap {result.gap:.3g}"
    assert result.status is wrof.Status.OPTIMAL and 0 <= result.infeasibility <= 1e-9
    split = result.movement / (2 * problem.tau) + result.discrepancy
    assert abs(split - result.value) <= 1e-14 * max(abs(split), mass), "value is not K/2tau + F"
    plan = result.plan
    oracles.assert_plan((plan.source, plan.target, plan.mass), problem.a, problem.b)
    assert np.all(plan.mass > 0), "empty atoms in the plan"
    places = plan.stop_points()
    moved = np.linalg.norm(places - problem.x[plan.source], axis=1) ** problem.p
    left = np.linalg.norm(problem.y[plan.target] - places, axis=1) ** problem.alpha
    assert abs(moved @ plan.mass - result.movement) <= 1e-12 * mass * max(1, moved.max()), "K is not the plan's"
    assert abs(left @ plan.mass - result.discrepancy) <= 1e-12 * mass * max(1, left.max()), "F is not the plan's"
    assert_same_masses(result.rho.points, result.rho.weights, places, plan.mass, 1e-14 * mass)
    phi, psi, i, j = result.potentials
    assert np.array_equal(i, np.flatnonzero(problem.a)) and np.array_equal(j, np.flatnonzero(problem.b))
    oracles.assert_dual_feasible(phi, psi, cost[np.ix_(i, j)], rtol=1e-12)
    assert abs(phi @ problem.a[i] + psi @ problem.b[j] - result.dual) <= 1e-12 * mass, "dual is not the potentials'"


def assert_same_masses(points, weights, others, mass, atol):
    """Two lists of atoms are one measure."""
    places, which = np.unique(np.concatenate([points, others]), axis=0, return_inverse=True)
    difference = np.bincount(which.ravel(), np.concatenate([weights, -np.asarray(mass)]), len(places))
    assert np.abs(difference).max() <= atol, f"masses differ by {np.abs(difference).max():.3g}"


def assert_objective(problem, result):
    """J at rho, found afresh by the package, is the value."""
    again = wrof.objective(
        result.rho,
        wrof.Measure(wrof.PointCloud(problem.x), problem.a),
        wrof.Measure(wrof.PointCloud(problem.y), problem.b),
        problem.tau,
        alpha=problem.alpha,
        p=problem.p,
    )
    assert abs(again - result.value) <= ATOL * problem.mass, f"objective(rho) off by {again - result.value:.3g}"


def assert_energies(problem, result):
    """K and F are those of rho, found afresh by two linear programs."""
    z, weights = result.rho.points, result.rho.weights * (problem.mass / result.rho.weights.sum())
    movement = oracles.power_transport(problem.x, problem.a, z, weights, problem.p)
    discrepancy = oracles.power_transport(z, weights, problem.y, problem.b, problem.alpha)
    assert abs(movement - result.movement) <= ATOL * problem.mass * max(1, 2 * problem.tau), "K(mu, rho) is less"
    assert abs(discrepancy - result.discrepancy) <= ATOL * problem.mass, "F(rho, nu) is less"


def check(problem, least=True):
    """Every solver and selection on one problem."""
    value = oracles.three_layer_lp(*problem.data).value
    cost, _ = oracles.joint_cost_bruteforce(problem.x, problem.y, problem.stops, problem.tau, problem.alpha, problem.p)
    ends = dict(zip(("lazy", "eager"), oracles.movement_range_lp(*problem.data), strict=True))
    slack = ATOL * problem.mass * (cdist(problem.x, problem.stops) ** problem.p).max()
    rho, results = {}, []
    for solver, select in product(SOLVERS, SELECTIONS):
        if not takes(problem, solver):
            with pytest.raises(wrof.WrofError, match=r"^'monotone' needs .*; use 'simplex'\.$"):
                solve(problem, solver, select)
            continue
        result = solve(problem, solver, select)
        assert_result(problem, result, value, cost)
        assert result.select == select and result.solver in (SOLVERS[1:] if solver == "auto" else (solver,))
        lo, hi = (ends[select],) * 2 if select in ends else ends.values()
        assert lo - slack <= result.movement <= hi + slack, f"{solver}, {select}: K = {result.movement}, not {lo}..{hi}"
        if solver == "lp":
            oracles.assert_plan(
                result.stats["movement_plan"].sum(axis=1)[:, None], problem.a[problem.a > 0], [problem.mass]
            )
            oracles.assert_plan(
                result.stats["discrepancy_plan"].sum(axis=0)[None], [problem.mass], problem.b[problem.b > 0]
            )
        if solver == "auto":
            assert_energies(problem, result)
        if select == "min_norm":
            rho[solver] = problem.merged(result.rho)
        results.append(result)
    for solver, other in rho.items():
        assert np.abs(other - rho["lp"]).max() <= 1e-8 * problem.mass, f"min_norm differs between lp and {solver}"
    if least:
        expected = oracles.min_norm_qp(*problem.data)
        assert np.abs(rho["lp"] - expected).max() <= 1e-7 * problem.mass, "min_norm is not the least"
    for result in results:
        assert_objective(problem, result)
    return rho["lp"]


def shuffled(problem, rng):
    """Order the points anew, or turn the grid around: the same problem, and which old stop each new one is."""
    grid = problem.call.get("grid")
    if grid is not None:
        return replace(problem, a=problem.a[::-1].copy(), b=problem.b[::-1].copy()), np.arange(grid.size)[::-1]
    i, j = rng.permutation(len(problem.x)), rng.permutation(len(problem.y))
    call = dict(problem.call)
    if "points" in call:
        j = i
        call["points"] = problem.x[i]
    else:
        call |= {"source_points": problem.x[i], "target_points": problem.y[j]}
    if "stops" in call:
        call["stops"] = call["stops"][rng.permutation(len(call["stops"]))]
    other = replace(problem, x=problem.x[i], a=problem.a[i], y=problem.y[j], b=problem.b[j], call=call)
    return other, np.arange(len(problem.stops))


# ---- finite stops ---------------------------------------------------------------------------------------------------


def test_the_list_holds_what_was_asked():
    assert len(PROBLEMS) == 240
    for drawn in (PROBLEMS, QUICK):
        assert [len({case[k] for case in drawn}) for k in range(4)] == [3, 4, 4, 5]
    problems = [draw(*case) for case in PROBLEMS]
    assert sum(np.any(q.a == 0) or np.any(q.b == 0) for q in problems) > 100  # zero weights
    assert sum(np.count_nonzero(q.a) == 1 for q in problems) > 20  # single atoms
    assert sum(np.array_equal(q.a, np.round(q.a)) and q.mass > 1 for q in problems) > 60  # whole numbers
    assert sum(len(np.unique(q.x, axis=0)) < len(q.x) for q in problems) > 100  # repeated points
    ranges = np.array([oracles.movement_range_lp(*q.data) for q in problems[:80]])
    assert np.count_nonzero(ranges[:, 1] > ranges[:, 0] + 1e-6) > 3  # threshold ties
    assert max(len(q.stops) for q in problems) <= 16


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_quick(case):
    problem = draw(*case)
    check(problem, least=len(problem.stops) <= 8)


@pytest.mark.slow
@pytest.mark.parametrize("lo", range(0, len(PROBLEMS), CHUNK))
def test_all(lo):
    rng = np.random.default_rng(lo)
    for case in PROBLEMS[lo : lo + CHUNK]:
        problem = draw(*case)
        try:
            first = check(problem, least=len(problem.stops) <= 9)
            other, order = shuffled(problem, rng)
            again = other.merged(solve(other, "simplex", "min_norm").rho)
            assert np.abs(again - first[order]).max() <= 1e-8 * problem.mass, "min_norm depends on the order"
        except (AssertionError, wrof.SolverError, wrof.WrofError) as err:
            raise AssertionError(f"{case}: {err}") from err


# ---- free stops -----------------------------------------------------------------------------------------------------

FREE_PROBLEMS = list(product((1, 2, 3), POWERS, ALPHAS))


def draw_free(d, p, alpha):
    """Two small clouds, half of them with whole masses on a lattice, where distances and costs tie."""
    seed = FREE_PROBLEMS.index((d, p, alpha))
    rng = np.random.default_rng([seed, 11])
    style = ("plain", "whole")[seed % 2]
    n, m = rng.integers(1, 5, 2)
    x, y = (rng.integers(0, 3, (k, d)) / 2 if style == "whole" else rng.normal(size=(k, d)) for k in (n, m))
    a = masses(rng, n, style)
    b = masses(rng, m, style, int(a.sum()))
    number = 1.2 if alpha == "1+tau" else alpha
    tau = float(2.0 ** rng.integers(-1, 2) / 2) ** (p - number) / 2  # where 0 -> r = 1/4, 1/2, 1 ties
    call = {"source_points": x, "target_points": y, "stops": wrof.FREE, "alpha": alpha}
    return Problem(x, a, y, b, np.zeros((0, d)), tau, 1 + tau if alpha == "1+tau" else alpha, p, call)


def free_oracle(problem):
    """Cost (n, m), least value, and the least and greatest K over all minimisers, with all of space as stops."""
    tau, alpha, p = problem.tau, problem.alpha, problem.p
    far = cdist(problem.x, problem.y)
    cost, lo, hi = np.zeros((3, *far.shape))
    for pair in np.ndindex(far.shape):
        r = far[pair]
        if r == 0:
            continue
        best, cost[pair] = oracles.free_move(r, tau, alpha, p)
        tied = [s for s, c in ((best, 0.0), (0.0, r**alpha), (r, r**p / 2 / tau)) if c <= cost[pair] * (1 + 1e-12)]
        lo[pair], hi[pair] = min(tied) ** p, max(tied) ** p
    n, m = far.shape
    rows = sparse.vstack([sparse.kron(sparse.eye(n), np.ones((1, m))), sparse.kron(np.ones((1, n)), sparse.eye(m))])
    right = np.concatenate([problem.a, problem.b])
    first = linprog(cost.ravel(), A_eq=rows, b_eq=right, method="highs", options=oracles.TIGHT)
    face = np.flatnonzero(cost.ravel() - rows.T @ first.eqlin.marginals <= oracles.FACE * max(cost.max(), 1e-300))
    ends = [
        sign * linprog(sign * k.ravel()[face], A_eq=rows.tocsc()[:, face], b_eq=right, options=oracles.TIGHT).fun
        for sign, k in ((1, lo), (-1, hi))
    ]
    return cost, first.fun, ends


def check_free(problem):
    cost, value, ends = free_oracle(problem)
    for solver, select in product(("auto", "simplex", "monotone"), ("lazy", "eager", "vertex")):
        if not takes(problem, solver):
            continue
        result = solve(problem, solver, select)
        assert_result(problem, result, value, cost)
        assert result.rho.space.size <= np.count_nonzero(problem.a) + np.count_nonzero(problem.b) - 1
        slack = ATOL * problem.mass * cdist(problem.x, problem.y).max() ** problem.p
        lo, hi = {"lazy": ends[:1] * 2, "eager": ends[1:] * 2}.get(select, ends)
        assert lo - slack <= result.movement <= hi + slack, f"{solver}, {select}: K = {result.movement}, not {lo}..{hi}"
        assert_objective(problem, result)
    for solver, select in (("lp", "lazy"), ("simplex", "min_norm")):
        with pytest.raises(wrof.WrofError, match="finitely many stops, these are FREE"):
            solve(problem, solver, select)


@pytest.mark.parametrize("case", FREE_PROBLEMS[::7], ids=str)
def test_free_quick(case):
    check_free(draw_free(*case))


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2, 3])
def test_free_all(d):
    ties = 0
    for case in FREE_PROBLEMS:
        if case[0] == d:
            problem = draw_free(*case)
            try:
                check_free(problem)
            except (AssertionError, wrof.SolverError, wrof.WrofError) as err:
                raise AssertionError(f"{case}: {err}") from err
            lo, hi = free_oracle(problem)[2]
            ties += hi > lo + 1e-6
    assert ties >= 2, "no tie was drawn"


@pytest.mark.parametrize("wrong", [{"lazy": "eager"}, {"eager": "lazy"}], ids=str)
def test_the_check_of_free_stops_can_fail(monkeypatch, wrong):
    """p = alpha = 1, tau = 1/2: K is anything from 0 to 3/4."""
    call = {"source_points": [[0.0]], "target_points": [[0.75]], "stops": wrof.FREE, "alpha": 1.0}
    arrays = [np.array(part) for part in ([[0.0]], [2.0], [[0.75]], [2.0], np.zeros((0, 1)))]
    problem = Problem(*arrays, 0.5, 1.0, 1.0, call)
    np.testing.assert_allclose(free_oracle(problem)[2], [0, 1.5], rtol=0, atol=1e-12)
    check_free(problem)
    step = wrof.step
    monkeypatch.setattr(wrof, "step", lambda *args, select, **kw: step(*args, select=wrong.get(select, select), **kw))
    with pytest.raises(AssertionError, match=f"{next(iter(wrong))}: K"):
        check_free(problem)


# ---- what is easily forgotten ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stops", [None, wrof.FREE], ids=["finite", "free"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_equal_measures_stay(d, stops):
    """mu = nu is fixed, J = 0, and that is certified: every solver and selection, any exponents, any scale."""
    rng = np.random.default_rng(d)
    for p, alpha in product(POWERS, (0.5, 1.0, 1.5)):
        x, a = rng.normal(size=(8, d)) * 10.0 ** rng.integers(-3, 4), rng.random(8)
        problem = Problem(x, a, x, a, x, 0.3, alpha, p, {"points": x, "alpha": alpha, "stops": stops})
        for solver, select in product(SOLVERS, SELECTIONS):
            if takes(problem, solver) and (stops is None or (solver != "lp" and select != "min_norm")):
                result = solve(problem, solver, select)
                extent = (np.abs(x).max() * 4) ** p / 0.6 + (np.abs(x).max() * 4) ** alpha
                assert 0 <= result.value <= 1e-13 * a.sum() * extent and result.moved <= 1e-13 * a.sum()
        assert 0 <= wrof.distance_power(result.rho, result.rho, p) <= 1e-13 * a.sum() * extent


@pytest.mark.parametrize("solver", ["simplex", "monotone", "lp"])
@pytest.mark.parametrize("sign", [1, -1])
def test_masses_that_differ_within_what_is_allowed(sign, solver):
    """Masses equal to 1e-9 relative are equal: such input must not miss the certificate."""
    for seed, select in product(range(6), SELECTIONS):
        rng = np.random.default_rng(seed)
        x, (a, b) = rng.normal(size=(6, 1)), rng.random((2, 6))
        wrof.step(a, b * a.sum() / b.sum() * (1 + 9e-10 * sign), 0.4, points=x, solver=solver, select=select)


@pytest.mark.parametrize("mass", [1e-12, 1e-3, 7.0, 1e12])
def test_total_mass_only_scales(mass):
    """J, K, F and rho are proportional to the mass."""
    rng = np.random.default_rng(3)
    x, (a, b) = rng.normal(size=(7, 2)), rng.integers(1, 5, (2, 7)).astype(float)
    b *= a.sum() / b.sum()
    for solver, select in product(("simplex", "lp"), SELECTIONS):
        one, many = (wrof.step(a * k, b * k, 0.4, points=x, solver=solver, select=select) for k in (1.0, mass))
        assert many.value / mass == pytest.approx(one.value, rel=1e-9)
        if select != "vertex":
            assert many.movement / mass == pytest.approx(one.movement, rel=1e-9)
        if select == "min_norm":
            np.testing.assert_allclose(many.rho.weights / mass, one.rho.weights, rtol=0, atol=1e-8 * a.sum())


# ---- each check can fail --------------------------------------------------------------------------------------------

TIE = Problem(
    *(np.array(part) for part in ([[0.0], [2.0]], [1.0, 0.0], [[0.0], [2.0]], [0.0, 1.0], [[0.0], [2.0]])),
    1.0,
    1.0,
    2.0,
    {"points": [[0.0], [2.0]], "alpha": 1.0},
)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"value": 2 + 1e-8}, "value off"),
        ({"dual": 2 + 1e-11}, "gap"),
        ({"dual": 2 - 1e-8}, "gap"),
        ({"infeasibility": 1e-8}, "assert"),
        ({"status": wrof.Status.GAP}, "assert"),
        ({"movement": 1e-8}, "K/2tau"),
        ({"movement": 2.0, "discrepancy": 1.0}, "K is not"),
        ({"plan": ([0], [1], [0], [1 - 1e-8])}, "margin"),
        ({"plan": ([0], [0], [0], [1.0])}, "margin"),
        ({"plan": ([0], [1], [1], [1.0])}, "K is not"),
        ({"rho": [0.5, 0.5]}, "masses differ"),
        ({"potentials": ([1.0], [1.0 + 1e-8])}, "slack"),
        ({"potentials": ([0.0], [1.0])}, "dual is not"),
    ],
    ids=str,
)
def test_the_result_check_can_fail(change, complaint):
    result = solve(TIE, "simplex", "lazy")
    cost = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert_result(TIE, result, 2.0, cost)
    if "plan" in change:
        parts = dict(zip(("source", "target", "stop", "mass"), map(np.array, change["plan"]), strict=True))
        change = {"plan": replace(result.plan, **parts)}
    if "rho" in change:
        change = {"rho": wrof.Measure(result.rho.space, change["rho"])}
    if "potentials" in change:
        change = {"potentials": result.potentials._replace(phi=change["potentials"][0], psi=change["potentials"][1])}
        change["potentials"] = change["potentials"]._replace(
            **{k: np.array(change["potentials"]._asdict()[k]) for k in ("phi", "psi")}
        )
    with pytest.raises(AssertionError, match=complaint):
        assert_result(TIE, replace(result, **change), 2.0, cost)


def test_the_energy_checks_can_fail():
    """A result whose K, F or value belongs to another rho."""
    lazy, eager = (solve(TIE, "simplex", select) for select in ("lazy", "eager"))
    assert_energies(TIE, lazy)
    assert_objective(replace(TIE, tau=0.9), replace(lazy, value=2.0))
    for check_one, result, complaint in (
        (assert_energies, replace(lazy, rho=eager.rho), "K"),
        (assert_energies, replace(lazy, discrepancy=2.1), "F"),
        (assert_objective, replace(lazy, value=2 + 1e-8), "objective"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            check_one(TIE, result)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"lazy": "eager"}, "lazy: K"),
        ({"eager": "lazy"}, "eager: K"),
        ({"min_norm": "lazy"}, "min_norm is not the least"),
    ],
    ids=str,
)
def test_the_check_of_selections_can_fail(monkeypatch, wrong, complaint):
    """A step that selects something else is noticed."""
    check(TIE)
    step = wrof.step

    def other(*args, select, **kwargs):
        return replace(step(*args, select=wrong.get(select, select), **kwargs), select=select)

    monkeypatch.setattr(wrof, "step", other)
    with pytest.raises(AssertionError, match=complaint):
        check(TIE)
