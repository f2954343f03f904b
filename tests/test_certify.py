"""wrof.certify grades anyone's plan and potential; SolverError carries what was found; limits and their sentences."""

import pickle
import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import oracles
import ot
import pytest
from scipy import sparse
from scipy.optimize import linprog

import wrof
from wrof import FREE, Grid, Measure, PointCloud, SolverError, Status, WrofError

POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.5, 1.0], [3.0, 0.5]])
TAU = 0.6


def problem(seed=0, n=5):
    """Masses on five points (more: a random cloud), some zero, and the least J."""
    rng = np.random.default_rng(seed)
    points = POINTS if n == 5 else rng.normal(size=(n, 2))
    a, b = rng.random((2, n))
    a[2] = b[0] = 0.0
    a, b = a / a.sum(), b / b.sum()
    return points, a, b, oracles.three_layer_lp(points, a, points, b, points, TAU).value


def optimal(points, a, b):
    """Optimal plan (n, m) and psi (m,) of the transport problem with the brute-force joint cost, by HiGHS."""
    cost, near = oracles.joint_cost_bruteforce(points, points, points, TAU)
    n, m = cost.shape
    rows = sparse.vstack([sparse.kron(sparse.eye(n), np.ones((1, m))), sparse.kron(np.ones((1, n)), sparse.eye(m))])
    answer = linprog(cost.ravel(), A_eq=rows.tocsc(), b_eq=np.concatenate([a, b]), options=oracles.TIGHT)
    stops = np.array([[pair[0] for pair in row] for row in near])
    return answer.x.reshape(n, m), answer.eqlin.marginals[n:], stops


def certify(plan, psi=None, seed=0, **kwargs):
    points, a, b, _ = problem(seed)
    return wrof.certify(a, b, TAU, plan, psi, points=points, **kwargs)


def bound_by_brute_force(points, a, b, psi):
    """Sum phi mu + sum psi nu with phi = min over targets that carry mass of c - psi."""
    cost, _ = oracles.joint_cost_bruteforce(points, points[b > 0], points, TAU)
    return (cost - psi[b > 0]).min(axis=1) @ a + psi @ b


# ---- grades ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_an_optimal_plan(seed):
    """Value, bound, marginals, rho and the energies of HiGHS's plan and potential."""
    points, a, b, value = problem(seed)
    plan, psi, stops = optimal(points, a, b)
    result = certify(plan, psi, seed)
    assert result.status is Status.OPTIMAL and result.status.ok and result.solver == "given"
    assert result.value == pytest.approx(value, abs=1e-10) and result.dual == pytest.approx(value, abs=1e-10)
    assert -1e-12 <= result.gap <= 1e-10 and result.infeasibility <= 1e-10
    rho = np.zeros(5)
    np.add.at(rho, stops, plan)
    np.testing.assert_allclose(result.rho.weights, rho, rtol=0, atol=1e-15)
    np.testing.assert_allclose(result.plan.toarray(), plan, rtol=0, atol=1e-15)
    movement = oracles.power_transport(points, a, points, rho, 2)
    assert result.movement == pytest.approx(movement, abs=1e-9)
    assert result.discrepancy == pytest.approx(oracles.power_transport(points, rho, points, b, 1), abs=1e-9)


def test_forms_of_a_plan():
    """Dense, lists, sparse in all formats, a tuple of atoms, a Plan: one grade."""
    points, a, b, value = problem()
    plan, psi, stops = optimal(points, a, b)
    i, j = np.nonzero(plan)
    tuple_ = (i, j, stops[i, j], plan[i, j])
    own = wrof.step(a, b, TAU, points=points, solver="lp")
    forms = [plan, plan.tolist(), tuple_, tuple(map(list, tuple_)), own.plan, plan.astype(np.float32)]
    forms += [kind(plan) for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array, sparse.lil_array)]
    halves = (np.tile(i, 2), np.tile(j, 2), np.tile(stops[i, j], 2), np.tile(plan[i, j] / 2, 2))  # atoms may repeat
    for form in (*forms, halves):
        result = certify(form, psi, rtol=1e-6)
        assert result.status is Status.OPTIMAL
        assert result.value == pytest.approx(value, abs=1e-6 if form is forms[5] else 1e-10)
        assert result.dual == pytest.approx(value, abs=1e-10)
        assert result.rho.mass == pytest.approx(1, abs=1e-6)


def test_stops_at_repeated_points():
    """The second of two coinciding points is the same stop as the first."""
    points = [[0.0], [1.0], [1.0], [4.0]]
    for stop in (1, 2):
        plan = ([0], [3], [stop], [1.0])
        result = wrof.certify([1.0, 0, 0, 0], [0, 0, 0, 1.0], 0.75, plan, [0, 0, 0, 4.0], points=points)
        assert result.rho.weights.tolist() == [0, 1, 0, 0] and result.value == pytest.approx(1 / 1.5 + 3, rel=1e-15)


def test_stops_of_a_plan_are_taken_as_given():
    """A tuple that stops elsewhere than at the best place is graded by where it stops."""
    points, a, b, value = problem()
    plan, psi, _ = optimal(points, a, b)
    i, j = np.nonzero(plan)
    result = certify((i, j, np.full(len(i), 4), plan[i, j]), psi)
    move, left = np.linalg.norm(points[i] - points[4], axis=1), np.linalg.norm(points[j] - points[4], axis=1)
    assert result.value == pytest.approx((move**2 / (2 * TAU) + left) @ plan[i, j], rel=1e-13)
    assert result.status is Status.GAP and result.value > value + 0.1
    np.testing.assert_allclose(result.rho.weights, [0, 0, 0, 0, 1], atol=1e-12)


def test_a_suboptimal_plan():
    """The product coupling has exact marginals and perfect potentials beside it: only the gap tells."""
    points, a, b, value = problem()
    _, psi, _ = optimal(points, a, b)
    plan = np.outer(a, b)
    cost, _ = oracles.joint_cost_bruteforce(points, points, points, TAU)
    result = certify(plan, psi)
    assert result.value == pytest.approx((cost * plan).sum(), rel=1e-13)
    assert result.status is Status.GAP and not result.status.ok
    assert result.gap == pytest.approx((cost * plan).sum() - value, abs=1e-9) and result.gap > 0.01
    assert result.infeasibility <= 1e-15
    assert result.status.value.startswith("not proven optimal: the gap between value and lower bound exceeds rtol")


def test_wrong_marginals():
    """A plan for other measures may cost less than the bound; it is no plan."""
    points, a, b, value = problem()
    plan, psi, _ = optimal(points, a, b)
    short = certify(plan * 0.9, psi)
    assert short.status is Status.INFEASIBLE and short.infeasibility == pytest.approx(0.2, abs=1e-9)
    assert short.value < value and short.dual == pytest.approx(value, abs=1e-10)
    shifted = plan.copy()
    i, j = np.unravel_index(plan.argmax(), plan.shape)
    k = next(k for k in np.flatnonzero(b) if k != j)
    shifted[i, [j, k]] += [-1e-3, 1e-3]
    assert certify(shifted, psi).infeasibility == pytest.approx(2e-3, rel=1e-6)
    for off, status in ((1e-10, Status.OPTIMAL), (1e-8, Status.INFEASIBLE)):
        nudged = plan.copy()
        nudged[i, j] += off
        assert certify(nudged, psi).status is status


def test_negative_masses():
    """They are not dropped in silence: they count as marginal error."""
    points, a, b, _ = problem()
    plan, psi, _ = optimal(points, a, b)
    i, j = np.unravel_index(plan.argmax(), plan.shape)
    k = next(k for k in np.flatnonzero(b) if k != j and plan[i, k] == 0)
    plan[i, [j, k]] += [1e-3, -1e-3]
    result = certify(plan, psi)
    assert result.status is Status.INFEASIBLE
    assert result.infeasibility >= 1e-3 and np.all(result.plan.mass > 0)
    beside = optimal(points, a, b)[0]  # what is left without the negative atom is an optimal plan, but this is none
    beside[i, k] = -1e-3
    assert certify(beside, psi).status is Status.INFEASIBLE
    tiny = plan.copy()
    tiny[i, [j, k]] += [-1e-3 + 1e-15, 1e-3 - 1e-15]
    assert certify(tiny, psi).status is Status.OPTIMAL


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-3, 1.0, 1e6])
def test_any_potential_gives_a_valid_bound(size):
    """Below J for every psi, equal to the brute-force bound, and useless potentials prove little."""
    points, a, b, value = problem()
    plan, psi, _ = optimal(points, a, b)
    for seed in range(5):
        rough = psi + size * np.random.default_rng(seed).normal(size=5)
        result = certify(plan, rough)
        assert result.dual <= value + 1e-12 * max(1, size)
        assert result.dual == pytest.approx(bound_by_brute_force(points, a, b, rough), abs=1e-14 * max(1, size))
        cost, _ = oracles.joint_cost_bruteforce(points, points, points, TAU)
        phi, given, i, j = result.potentials
        oracles.assert_dual_feasible(phi, given, cost[np.ix_(i, j)], rtol=1e-15 * max(1, size))
        assert result.status is (Status.OPTIMAL if size <= 1e-12 else Status.GAP)


def test_without_a_potential():
    """The trivial bound: every atom of mu towards the nearest of nu."""
    points, a, b, value = problem()
    plan, _, _ = optimal(points, a, b)
    result = certify(plan)
    assert result.dual == pytest.approx(bound_by_brute_force(points, a, b, np.zeros(5)), abs=1e-15)
    assert 0 <= result.dual < value and result.status is Status.GAP


def test_potentials_off_the_support_are_not_looked_at():
    points, a, b, _ = problem()
    plan, psi, _ = optimal(points, a, b)
    psi = psi.copy()
    psi[b == 0] = np.nan
    assert certify(plan, psi).status is Status.OPTIMAL


@pytest.mark.parametrize("d", [1, 2])
def test_free_stops(d):
    """Stops are coordinates: one atom goes min(tau, r); going further, or less far, is graded as such."""
    far = np.array([[3.0, 4.0]])[:, :d] if d == 2 else np.array([[5.0]])
    call = {"source_points": np.zeros((1, d)), "target_points": far, "stops": FREE}
    zero = np.zeros(1, dtype=int)
    for part, status in ((0.1, Status.OPTIMAL), (0.0, Status.GAP), (0.11, Status.GAP), (1.0, Status.GAP)):
        result = wrof.certify([2.0], [2.0], 0.5, (zero, zero, part * far, np.array([2.0])), [0.0], **call)
        assert result.value == pytest.approx(2 * ((5 * part) ** 2 / 1.0 + 5 * (1 - part)), rel=1e-14)
        assert result.dual == pytest.approx(2 * (5 - 0.25), rel=1e-14) and result.status is status
        np.testing.assert_allclose(result.rho.points, part * far, atol=1e-15)
        np.testing.assert_allclose(result.plan.displacement(), part * far, atol=1e-15)
    result = wrof.certify([2.0], [2.0], 0.5, [[2.0]], [0.0], **call)  # the best stop is found
    assert result.status is Status.OPTIMAL
    np.testing.assert_allclose(result.plan.stop, 0.1 * far, rtol=1e-14)
    again = wrof.certify([2.0], [2.0], 0.5, result.plan, [7.0], **call)
    assert again.status is Status.OPTIMAL and again.value == result.value


def test_all_solvers_pass_their_own_examination():
    """What `step` returns is graded the same by `certify`, on a grid, a line, a cloud and free stops."""
    rng = np.random.default_rng(1)
    for shape in ((7,), (3, 4)):
        grid = Grid(shape)
        a, b = (grid.measure(rng.random(grid.size), normalize=True) for _ in range(2))
        for solver, select, stops in product(("simplex", "lp", "auto"), ("lazy", "eager"), (None, FREE)):
            if stops is FREE and solver == "lp":
                continue
            result = wrof.step(a, b, 0.2, solver=solver, select=select, stops=stops)
            psi = np.zeros(grid.size)
            psi[result.potentials.target_index] = result.potentials.psi
            again = wrof.certify(a, b, 0.2, result.plan, psi, stops=stops)
            assert again.status is Status.OPTIMAL
            assert again.value == pytest.approx(result.value, rel=1e-14)
            assert again.dual == pytest.approx(result.dual, rel=1e-14)
            assert again.infeasibility == result.infeasibility
            np.testing.assert_allclose(again.rho.weights, result.rho.weights, rtol=0, atol=1e-15)


# ---- sentences for what cannot be graded ----------------------------------------------------------------------------

S, T, Z, M = [1], [1], [1], [1.0]


@pytest.mark.parametrize(
    ("plan", "psi", "sentence"),
    [
        (np.zeros((4, 5)), None, r"plan has shape \(4, 5\); the measures need \(5, 5\)"),
        (np.zeros(5), None, r"plan has shape \(5,\)"),
        (sparse.csr_array((5, 4)), None, r"plan has shape \(5, 4\)"),
        (np.full((5, 5), np.nan), None, "non-finite"),
        (np.full((5, 5), np.inf), None, "non-finite"),
        (np.full((5, 5), 1j), None, "real numbers"),
        (np.full((5, 5), "x"), None, "real numbers"),
        ((S, T, M), None, r"plan as a tuple is \(source, target, stop, mass\), got 3 entries"),
        ((S, T, Z, [0.5, 0.5]), None, r"plan has parts of lengths 1, 1, 1, 2; they must agree"),
        (([5], T, Z, M), None, r"plan source indices must be integers in \[0, 5\)"),
        (([-1], T, Z, M), None, r"plan source indices must be integers in \[0, 5\)"),
        ((S, [9], Z, M), None, r"plan target indices must be integers in \[0, 5\)"),
        ((S, T, [5], M), None, r"plan stop indices must be integers in \[0, 5\)"),
        ((S, T, [-1], M), None, r"plan stop indices must be integers in \[0, 5\)"),
        (([1.5], T, Z, M), None, "plan source indices must be integers"),
        ((S, T, [1.0], M), None, "plan stop indices must be integers"),
        (([2], T, Z, M), None, "plan moves mass at source point 2, which has weight 0"),
        ((S, [0], Z, M), None, "plan moves mass at target point 0, which has weight 0"),
        ((S, T, Z, [np.nan]), None, "non-finite"),
        (np.zeros((5, 5)), np.zeros(4), "potential has 4 entries, the target 5 points"),
        (np.zeros((5, 5)), np.full(5, np.inf), "potential is not finite on the support of the target"),
        (np.zeros((5, 5)), np.full(5, 1j), "real numbers"),
        (([[1]], [[1]], [[1]], [[1.0]]), None, "plan"),
        ((1, 1, 1, 1.0), None, "plan"),
        (5.0, None, "plan has shape"),
    ],
    ids=lambda value: str(value)[:30].replace("\n", " "),
)
def test_what_cannot_be_graded(plan, psi, sentence):
    with pytest.raises(WrofError, match=sentence) as caught:
        certify(plan, psi)
    assert str(caught.value).endswith((".", "'")) and "\n" not in str(caught.value)


@pytest.mark.parametrize("stop", [[[1.0]], [1.0, 2.0], [[np.nan, 0.0]], [[0.0, 0.0]] * 2, [["a", "b"]]], ids=str)
def test_free_stops_are_coordinates(stop):
    with pytest.raises(WrofError, match="plan stops|lengths|real numbers"):
        certify((S, T, stop, M), stops=FREE)


def test_an_empty_plan_is_graded():
    """No mass at all: not a plan, but no crash, in every form."""
    none = ([], [], [], [])
    for plan in (np.zeros((5, 5)), sparse.csr_array((5, 5)), none):
        try:
            result = certify(plan)
        except WrofError as err:
            assert "mass" in str(err)
        else:
            assert result.status is Status.INFEASIBLE and result.infeasibility == pytest.approx(2)


# ---- the exception and the limits ------------------------------------------------------------------------------------


def heavy(n=12, seed=0):
    grid = Grid((n, n))
    rng = np.random.default_rng(seed)
    return tuple(grid.measure(rng.random(n * n), normalize=True) for _ in range(2))


def test_the_iteration_limit_of_simplex():
    """One pivot on 12 x 12: an error that says so, with a result whose bound holds and whose numbers are honest."""
    mu, nu = heavy()
    value = wrof.step(mu, nu, 0.1, solver="lp").value
    with pytest.raises(SolverError, match="stopped at its iteration limit .*; raise max_iter") as caught:
        wrof.step(mu, nu, 0.1, solver="simplex", max_iter=1)
    result = caught.value.result
    assert isinstance(result, wrof.StepResult) and result.status is Status.ITERATION_LIMIT and not result.status.ok
    assert result.dual <= value
    quiet = wrof.step(mu, nu, 0.1, solver="simplex", max_iter=1, throw=False)
    assert quiet.status is Status.ITERATION_LIMIT and quiet.dual == result.dual
    for one in (result, quiet):
        rows = np.bincount(one.plan.source, one.plan.mass, 144)
        columns = np.bincount(one.plan.target, one.plan.mass, 144)
        error = np.abs(rows - mu.weights).sum() + np.abs(columns - nu.weights).sum()
        assert one.infeasibility == pytest.approx(error, rel=1e-12) and error > 1e-9
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and copy.result.value == result.value


@pytest.mark.parametrize("k", [1, 10, 100, 1000, 100_000])
def test_more_iterations_never_break_the_bound(k):
    """The bound stays below J, and once the plan is one its value is above."""
    mu, nu = heavy(6)
    value = wrof.step(mu, nu, 0.1, solver="lp").value
    result = wrof.step(mu, nu, 0.1, solver="simplex", max_iter=k, throw=False)
    assert result.dual <= value + 1e-12
    assert result.infeasibility > 1e-9 or result.value >= value - 1e-12
    assert result.status.ok == (k >= 1000)


def test_the_iteration_limit_of_lp():
    """HiGHS gives no plan when it is stopped: as for every solver, a SolverError that says which limit it was."""
    mu, nu = heavy(6)
    with pytest.raises(SolverError, match="iteration limit"):
        wrof.step(mu, nu, 0.1, solver="lp", max_iter=1)
    assert wrof.step(mu, nu, 0.1, solver="lp", max_iter=1, throw=False).status is Status.ITERATION_LIMIT


def test_a_selection_is_not_skipped_at_the_iteration_limit():
    """A limit that is reached at an optimal plan: certified means selected too."""
    certified = 0
    grid = Grid((4, 4), bounds=(0.0, 3.0))
    for seed, k in product((153, 238, 243, 298), (10, 15, 20, 25, 30)):
        rng = np.random.default_rng(seed)
        a = rng.integers(0, 3, 16).astype(float)
        b = rng.permutation(a)
        for select in ("eager", "min_norm"):
            call = {"grid": grid, "select": select, "solver": "simplex"}
            result = wrof.step(a, b, 0.5, max_iter=k, throw=False, **call)
            if result.status.ok:
                certified += 1
                wanted = wrof.step(a, b, 0.5, **call).movement
                assert result.movement == pytest.approx(wanted, abs=1e-9), f"seed {seed}, {select}, max_iter {k}"
    assert certified > 0, "no limit met an optimal plan: the test would prove nothing"


def test_rtol():
    """A gap between two tolerances is certified under one and not under the other."""
    points, a, b, _ = problem()
    plan, psi, _ = optimal(points, a, b)
    psi = psi + 1e-6 * np.arange(5)
    gap = certify(plan, psi).gap
    scale = certify(plan, psi).scale
    assert 0 < gap < 1e-5
    assert certify(plan, psi, rtol=2 * gap / scale).status is Status.OPTIMAL
    assert certify(plan, psi, rtol=gap / scale / 2).status is Status.GAP
    mu, nu = heavy(6)
    for rtol in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(WrofError, match="rtol must be finite and > 0"):
            wrof.step(mu, nu, 0.1, rtol=rtol)


def test_pots_trap():
    """A transport plan that POT returns at a small limit looks perfect; the bound over all pairs tells."""
    mu, nu = heavy(12, 3)
    points = mu.points
    cost, _ = oracles.joint_cost_bruteforce(points, points, points, 0.1)
    value = ot.emd2(mu.weights, nu.weights, cost, numItermax=10**7)
    caught_one = False
    for limit in (300, 400, 600, 800, 1000, 1300, 1600, 2000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan, log = ot.emd(mu.weights, nu.weights, cost, numItermax=limit, log=True)
        oracle_gap = (plan * cost).sum() - value
        result = wrof.certify(mu, nu, 0.1, plan, log["v"])
        if np.abs(plan.sum(axis=1) - mu.weights).sum() > 1e-12:
            continue
        assert result.dual <= value + 1e-12
        assert result.gap >= oracle_gap - 1e-12
        if oracle_gap > 1e-6:
            caught_one = True
            assert result.infeasibility <= 1e-12 and result.status is Status.GAP
    assert caught_one, "POT was optimal whenever it was feasible: the test would prove nothing"


def test_forged_results_are_seen_through():
    """`certify` believes no field of a Plan but its atoms."""
    points, a, b, value = problem()
    result = wrof.step(a, b, TAU, points=points)
    psi = np.zeros(5)
    psi[result.potentials.target_index] = result.potentials.psi
    forged = replace(result.plan, mass=result.plan.mass * (1 - 1e-6))
    assert certify(forged, psi).status is Status.INFEASIBLE
    forged = replace(result.plan, stop=np.roll(result.plan.stop, 1))
    assert certify(forged, psi).value > value + 1e-3
    forged = replace(result.plan, mu=Measure(PointCloud(points + 1), a))
    assert certify(forged, psi).status is Status.OPTIMAL


def test_numbers_that_overflow():
    """A value that is not finite is no proof, and says so."""
    with np.errstate(over="ignore"):
        result = wrof.certify([1.0, 0.0], [0.0, 1.0], 1.0, [[0, 1], [0, 0]], points=[[0.0], [1e120]], alpha=3.0, p=3.0)
    assert result.status is Status.NOT_FINITE and not result.status.ok
