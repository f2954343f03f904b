"""The tie report: is rho the only minimiser, how far does K range, how far is the next critical tau.

Expected values: linear programs over the face of all minimisers, one-sided slopes of V, enumeration of all plans.
"""

import re
import warnings

import numpy as np
import oracles
import oracles_phases as oracle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import wrof
from wrof import FREE, Grid

steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SELECTIONS = ("lazy", "eager", "min_norm", "vertex")
SQUARE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
WIDE = 1e-8  # part of the mass by which a stop's range shows, for the oracle


def arguments(problem):
    where = dict(problem.where)
    if "shape" in where:
        where = {"grid": Grid(where["shape"], bounds=where["bounds"])}
    return {**where, "alpha": problem.alpha, "p": problem.p}


def step(mu, nu, tau, **options):
    """`wrof.step` where tau below h/2 is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)
        return wrof.step(mu, nu, tau, **options)


def dirac(n, k):
    return np.eye(n)[k]


# ---- what a report must satisfy --------------------------------------------------------------------------------------


def assert_report(problem, tau, result, taus=None):
    """Ranges of K and rho, uniqueness, kind, text; the margin if all critical tau are given. Return the kind."""
    data = (*problem.places, tau, problem.alpha, problem.p)
    size = problem.sizes[0]
    lo, hi = oracles.movement_range_lp(*data)
    low, high = result.movement_range
    assert abs(low - lo) <= 1e-9 * size and abs(high - hi) <= 1e-9 * size, f"K from {low} to {high}, not {lo} to {hi}"
    least, most = oracle.rho_range_lp(*data)
    found = [problem.merged(result.rho.space.points, ends) for ends in result.rho_range()]
    for name, one, other in (("least", found[0], least), ("greatest", found[1], most)):
        off = np.abs(one - other).max()
        assert off <= 1e-8 * problem.mass, f"{name} masses off by {off:.2g}"
    rho = problem.merged(result.rho.points, result.rho.weights)
    assert np.all(found[0] <= rho + 1e-12 * problem.mass) and np.all(rho <= found[1] + 1e-12 * problem.mass)
    unique = bool(np.max(most - least) <= WIDE * problem.mass)
    assert result.unique is unique, f"unique = {result.unique}, widest range {np.max(most - least)}"
    kind = "threshold" if hi - lo > 1e-8 * size else "none" if unique else "plan"
    report = wrof.tie_report(result)
    assert report.kind == kind, f"kind {report.kind!r}, not {kind!r}"
    assert_text(report)
    if taus is not None:
        margin = np.abs(taus / tau - 1).min(initial=np.inf)
        assert result.tie_margin == pytest.approx(margin, rel=1e-6, abs=1e-11), f"margin {result.tie_margin}"
        assert (kind == "threshold") == (margin < 1e-11), f"margin {margin} for {kind!r}"
    return kind


def assert_text(report):
    """A sentence that names the kind and only that."""
    text = str(report)
    assert text and "\n" not in text, f"{text!r}"
    said = [kind for kind in ("threshold", "plan") if re.search(rf"\b{kind} tie", text)]
    assert said == ([] if report.kind == "none" else [report.kind]), f"{report.kind!r} said as {text!r}"


def assert_slopes(problem, tau, result, off=1e-5):
    """`movement_range` is the pair of one-sided slopes of V, to 1e-7."""
    slopes = oracle.value_slopes(*problem.data, s=1 / (2 * tau), off=off)
    gap = np.abs(np.subtract(result.movement_range, slopes)).max()
    assert gap <= 1e-7 * problem.sizes[0], f"{result.movement_range}, slopes {slopes}"


# ---- two points ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", SELECTIONS)
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 1.5), (3.0, 2.0)])
@pytest.mark.parametrize("r", [1.0, 0.3, 2.0])
def test_two_points_at_equality(select, p, alpha, r):
    """K in [0, r^p], any share may move, margin 0: whichever minimiser was chosen."""
    result = step([1.0, 0.0], [0.0, 1.0], r ** (p - alpha) / 2, points=[[0.0], [r]], p=p, alpha=alpha, select=select)
    np.testing.assert_allclose(result.movement_range, (0.0, r**p), rtol=1e-14, atol=1e-15)
    assert result.unique is False and result.tie_margin == 0.0
    lo, hi = result.rho_range()
    np.testing.assert_allclose(lo, [0, 0], atol=1e-15)
    np.testing.assert_allclose(hi, [1, 1], atol=1e-15)
    assert wrof.tie_report(result).kind == "threshold"


@pytest.mark.parametrize("off", [1e-3, -1e-3, 1e-6, -1e-6, 1e-9, -1e-9])
def test_two_points_beside_equality(off):
    """One minimiser; the margin is the distance."""
    tau = 0.5 * (1 + off)
    result = step([1.0, 0.0], [0.0, 1.0], tau, points=[[0.0], [1.0]])
    K = 1.0 if off > 0 else 0.0
    assert result.movement_range == (K, K) and result.unique is True
    assert result.tie_margin == pytest.approx(abs(0.5 / tau - 1), rel=1e-6)
    np.testing.assert_array_equal(result.rho_range(), [[1 - K, K]] * 2)
    assert wrof.tie_report(result).kind == "none"


@pytest.mark.parametrize("r", [0.1, 0.5, 2.0])
def test_one_plus_tau_holds_alpha_fixed(r):
    """At a root both are optimal; beside it the margin is to r^(1 - tau)/2, the threshold of that alpha."""
    for root in oracles.lambert_threshold(r):
        tied = step([1.0, 0.0], [0.0, 1.0], root, points=[[0.0], [r]], alpha="1+tau")
        np.testing.assert_allclose(tied.movement_range, (0.0, r**2), rtol=1e-9, atol=1e-15)
        assert tied.unique is False and tied.tie_margin <= 1e-11
        for tau in (root * 0.9, root * 1.3):
            result = step([1.0, 0.0], [0.0, 1.0], tau, points=[[0.0], [r]], alpha="1+tau")
            assert result.tie_margin == pytest.approx(abs(r ** (1 - tau) / 2 / tau - 1), rel=1e-9)


@pytest.mark.parametrize("mass", [1.0, 1e-6, 1e6])
def test_lattice(mass):
    """Dirac 0 -> 5: at 1.5 one or two cells, range 1 to 4; between 1.5 and 2.5 the margin is to the nearer."""
    toy = {"grid": Grid((6,), bounds=(0.0, 5.0))}
    a, b = mass * dirac(6, 0), mass * dirac(6, 5)
    tied = step(a, b, 1.5, **toy)
    np.testing.assert_allclose(tied.movement_range, (mass, 4 * mass), rtol=1e-14)
    assert tied.unique is False and tied.tie_margin == 0.0
    np.testing.assert_allclose(tied.rho_range(), [np.zeros(6), mass * (dirac(6, 1) + dirac(6, 2))], atol=1e-14 * mass)
    for tau, nearest in ((1.6, 1.5), (2.4, 2.5), (2.0, 1.5), (0.1, 0.5), (100.0, 4.5)):
        result = step(a, b, tau, **toy)
        assert result.tie_margin == pytest.approx(abs(nearest / tau - 1), rel=1e-12) and result.unique


def test_no_critical_tau_at_all():
    """Mu = nu, and one stop: the margin is inf, rho the only one."""
    same = step([0.5, 0.5], [0.5, 0.5], 0.3, points=[[0.0], [1.0]])
    one = step([0.5, 0.5], [1.0, 0.0], 0.3, points=[[0.0], [1.0]], stops=[[0.2]])
    for result in (same, one):
        assert result.tie_margin == np.inf and result.unique is True
        np.testing.assert_array_equal(result.rho_range(), [result.rho.weights] * 2)
    assert same.movement_range == (0.0, 0.0)
    assert one.movement_range == pytest.approx((0.5 * 0.04 + 0.5 * 0.64,) * 2, rel=1e-14)


# ---- plan ties -------------------------------------------------------------------------------------------------------


def test_two_plans_one_rho():
    """Opposite corners of a square to the other two: the plan is not unique, rho is."""
    result = step([1.0, 0, 0, 1], [0, 1.0, 1, 0], 0.7, points=SQUARE)
    assert result.unique is True and wrof.tie_report(result).kind == "none"
    assert result.movement_range == pytest.approx((2.0, 2.0), rel=1e-14)
    assert result.tie_margin == pytest.approx(1 - 0.5 / 0.7, rel=1e-9)


@pytest.mark.parametrize("select", SELECTIONS)
def test_two_lazy_measures_on_a_lattice(select):
    """3 x 3, corner to corner two hops away: left and right or up and down, K = 4 always."""
    a, b = 2 * (dirac(9, 0) + dirac(9, 8)), 2 * (dirac(9, 2) + dirac(9, 6))
    result = step(a, b, 0.7, grid=Grid((3, 3), bounds=(0.0, 2.0)), select=select)
    assert result.movement_range == pytest.approx((4.0, 4.0), rel=1e-14) and result.unique is False
    assert wrof.tie_report(result).kind == "plan" and result.tie_margin > 0.01
    lo, hi = result.rho_range()
    np.testing.assert_allclose(lo, np.zeros(9), atol=1e-14)
    np.testing.assert_allclose(hi, [0, 2, 0, 2, 0, 2, 0, 2, 0], atol=1e-14)


LATTICE_TAUS = [0.5, 0.6, 0.5**0.5, 0.9, 1.5]


def lattice(seed, shape=(3, 3), p=2.0, alpha=1.0):
    """Whole masses on a lattice of spacing 1: anywhere, or on the white squares of a board towards three heaps."""
    rng = np.random.default_rng([seed, 19])
    x = np.array(list(np.ndindex(*shape)), dtype=float)
    a = rng.integers(0, 3, len(x)) + np.eye(len(x))[0]
    b = rng.permutation(a)
    if seed % 4:
        a = np.where(x.sum(axis=1) % 2 == 0, rng.integers(1, 3, len(x)), 0.0)
        b = np.zeros(len(x))
        b[rng.choice(len(x), 3, replace=False)] = a.sum() / 3
    where = {"shape": shape, "bounds": [(0.0, k - 1.0) for k in shape]}
    return oracle.Problem(x, a, x, b, x, alpha, p, where)


@pytest.mark.parametrize("tau", LATTICE_TAUS[:3])
def test_lattices_quick(tau):
    problem = lattice(2)
    assert_report(problem, tau, step(problem.a, problem.b, tau, **arguments(problem)))


@pytest.mark.slow
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 2.0), (1.0, 1.0)])
def test_lattices(p, alpha):
    """Forty reports of every scheme: threshold ties, plan ties and none occur."""
    kinds = []
    for seed in range(8):
        problem = lattice(seed, ((3, 3), (2, 4), (3, 4))[seed % 3], p, alpha)
        for tau in LATTICE_TAUS:
            try:
                result = step(problem.a, problem.b, tau, **arguments(problem), select=SELECTIONS[seed % 4])
                kinds.append(assert_report(problem, tau, result))
            except AssertionError as err:
                raise AssertionError(f"{seed}, tau = {tau}: {err}") from err
    assert {"threshold", "none"} <= set(kinds), f"{kinds}"
    assert p == alpha == 1.0 or kinds.count("plan") >= 3, f"{kinds}"


# ---- random problems -------------------------------------------------------------------------------------------------


def check(kind, seed, units=None):
    """At critical tau, between them and outside: all of the report, and the slopes of V."""
    problem = oracle.random_problem(kind, seed, units=units, most=6)
    taus = np.asarray(wrof.critical_taus(problem.a, problem.b, **arguments(problem)))
    oracle.assert_all_critical(taus, *problem.data)
    ends = [taus[0] / 3, *taus, taus[-1] * 3] if len(taus) else [0.1, 0.5]
    chosen = [ends[0], np.sqrt(ends[0] * ends[1]), *np.asarray(taus)[:2], ends[-1]]
    count = 0
    for k, tau in enumerate(chosen):
        select = SELECTIONS[k % 4]
        result = step(problem.a, problem.b, tau, **arguments(problem), select=select)
        assert_report(problem, tau, result, taus)
        others = np.abs(taus / tau - 1)
        others = others[others > 1e-11]
        off = others.min(initial=3e-3) / 3
        if off > 1e-6:  # nearer ones are within the tolerance of the linear programs
            assert_slopes(problem, tau, result, off)
            count += 1
    return count


@pytest.mark.parametrize("kind", oracle.KINDS)
def test_quick(kind):
    assert check(kind, 1) > 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_random(kind):
    count = 0
    for seed in range(400, 415):
        try:
            count += check(kind, seed, units=6 if seed % 2 else None)
        except AssertionError as err:
            raise AssertionError(f"{kind}, {seed}: {err}") from err
    assert count >= 45


@pytest.mark.parametrize("solver", ["lp", "simplex", "monotone"])
def test_every_solver(solver):
    """The report does not depend on who solved."""
    problem = oracle.random_problem("line", 3, exponents=(2.0, 1.0))
    for tau in (0.125, 0.2, 0.375):  # h/2, between, 3h/2
        result = step(problem.a, problem.b, tau, **arguments(problem), solver=solver)
        assert result.solver == solver
        assert_report(problem, tau, result)


@steady
@given(
    st.sampled_from(oracle.KINDS),
    st.integers(0, 9999),
    st.sampled_from([0.05, 0.125, 0.25, 0.3, 0.5, 1.0]),
    st.sampled_from([None, 4]),
)
def test_rho_is_within_its_range(kind, seed, tau, units):
    """Laws that need no oracle: the range holds every selection, adds up, is a point iff unique; K likewise."""
    problem = oracle.random_problem(kind, seed, units=units, most=5)
    results = {s: step(problem.a, problem.b, tau, **arguments(problem), select=s) for s in ("lazy", "eager", "vertex")}
    lo, hi = results["lazy"].rho_range()
    low, high = results["lazy"].movement_range
    tiny = 1e-11 * problem.mass
    assert lo.shape == hi.shape == results["lazy"].rho.weights.shape
    assert np.all(lo >= 0) and lo.sum() <= problem.mass + tiny and hi.sum() >= problem.mass - tiny
    assert bool(np.all(hi - lo <= tiny)) == results["lazy"].unique
    for select, result in results.items():
        assert np.all(lo - tiny <= result.rho.weights) and np.all(result.rho.weights <= hi + tiny), select
        assert low - tiny * problem.sizes[0] <= result.movement <= high + tiny * problem.sizes[0]
        assert result.unique == results["lazy"].unique and result.tie_margin >= 0
    assert abs(results["lazy"].movement - low) <= 1e-10 * problem.sizes[0]
    assert abs(results["eager"].movement - high) <= 1e-10 * problem.sizes[0]


# ---- the check can fail ----------------------------------------------------------------------------------------------


class Spoiled:
    """A result with something else in the place of some of its report."""

    def __init__(self, result, **other):
        for name in ("movement_range", "unique", "tie_margin", "rho", "rho_range"):
            setattr(self, name, other.get(name, getattr(result, name)))


def test_the_check_can_fail(monkeypatch):
    problem = oracle.random_problem("cloud", 1)
    taus = wrof.critical_taus(problem.a, problem.b, **arguments(problem))
    report_of = wrof.tie_report
    for tau, kind in ((taus[0], "threshold"), (taus[0] * 0.7, "none")):
        result = step(problem.a, problem.b, tau, **arguments(problem))
        monkeypatch.setattr(wrof, "tie_report", lambda _, right=result: report_of(right))
        assert assert_report(problem, tau, Spoiled(result), taus) == kind
        low, high = result.movement_range
        lo, hi = result.rho_range()
        for match, other in (
            ("K from", {"movement_range": (low + 1e-7, high)}),
            ("K from", {"movement_range": (low, high + 1e-7)}),
            ("least masses", {"rho_range": lambda lo=lo, hi=hi: (lo - 1e-7, hi)}),
            ("greatest masses", {"rho_range": lambda lo=lo, hi=hi: (lo, hi + 1e-7)}),
            ("unique", {"unique": not result.unique}),
            ("margin", {"tie_margin": result.tie_margin + 1e-6}),
        ):
            with pytest.raises(AssertionError, match=match):
                assert_report(problem, tau, Spoiled(result, **other), taus)
        with pytest.raises(AssertionError, match="slopes"):
            assert_slopes(problem, tau, Spoiled(result, movement_range=(low + 1e-6, high)))
        assert_slopes(problem, tau, result)

    class Words(str):
        kind = "plan"

    assert_text(Words("a plan tie, nothing else"))
    for text in ("a threshold tie", "nothing", "both: plan tie, threshold tie", "", "plan tie\nand more"):
        with pytest.raises(AssertionError):
            assert_text(Words(text))


# ---- where there is no report ----------------------------------------------------------------------------------------


def test_numbering_of_the_user():
    """Stops named twice: all mass is at the first of them; rho_range is as long as rho, and in its order."""
    stops = [[1.0], [0.0], [1.0], [0.0], [7.0]]
    result = step([1.0], [1.0], 0.5, source_points=[[0.0]], target_points=[[1.0]], stops=stops)
    lo, hi = result.rho_range()
    np.testing.assert_array_equal(lo, np.zeros(5))
    np.testing.assert_array_equal(hi, [1, 1, 0, 0, 0])


@pytest.mark.slow
def test_rho_range_in_parallel():
    problem = lattice(2, (3, 4))
    result = step(problem.a, problem.b, 0.5, **arguments(problem))
    np.testing.assert_array_equal(result.rho_range(), result.rho_range(jobs=2))


def sentence(call):
    with pytest.raises(wrof.WrofError) as caught:
        call()
    text = str(caught.value)
    assert caught.type is wrof.WrofError and "\n" not in text and text.endswith("."), text
    return text


def test_free_stops_have_no_report():
    result = step([1.0, 0.0], [0.0, 1.0], 0.3, points=[[0.0], [1.0]], stops=FREE)
    for ask in (
        lambda: result.unique,
        lambda: result.movement_range,
        lambda: result.tie_margin,
        lambda: result.rho_range(),
        lambda: wrof.tie_report(result).unique,
    ):
        assert "FREE" in sentence(ask) or "finite" in sentence(ask)


def test_results_from_disk_and_graded_ones(tmp_path):
    """They report as those do that were just solved."""
    call = {"points": [[0.0], [1.0]]}
    result = step([1.0, 0.0], [0.0, 1.0], 0.5, **call)
    wrof.save(result, tmp_path / "result.npz")
    graded = wrof.certify([1.0, 0.0], [0.0, 1.0], 0.5, result.plan, result.potentials, **call)
    for other in (wrof.load(tmp_path / "result.npz"), graded):
        assert (other.unique, other.tie_margin) == (False, 0.0)
        assert other.movement_range == result.movement_range
        report = wrof.tie_report(other)
        assert (report.unique, report.tie_margin, report.kind) == (False, 0.0, "threshold")
        assert report.movement_range == pytest.approx((0.0, 1.0), abs=1e-15)
        np.testing.assert_allclose(report.rho_range(), [[0, 0], [1, 1]], atol=1e-15)
        assert str(report) == str(wrof.tie_report(result))


@pytest.mark.parametrize("other", [None, 3.0, "result", [1.0, 0.0]], ids=str)
def test_a_report_of_something_else(other):
    assert "StepResult" in sentence(lambda: wrof.tie_report(other))


@pytest.mark.parametrize("jobs", [0, 1.5, "two", None], ids=str)
def test_bad_jobs(jobs):
    result = step([1.0, 0.0], [0.0, 1.0], 0.5, points=[[0.0], [1.0]])
    assert "jobs" in sentence(lambda: result.rho_range(jobs=jobs))


def test_a_plan_that_is_not_optimal():
    """A report would speak of another minimiser: refused, or about the minimisers and not about the plan."""
    call = {"points": [[0.0], [1.0]]}
    bad = wrof.certify([1.0, 0.0], [0.0, 1.0], 0.9, ([0], [1], [0], [1.0]), None, **call)
    assert not bad.status.ok
    try:
        report = wrof.tie_report(bad)
        found = report.unique, report.movement_range
    except wrof.WrofError as err:
        assert str(err).endswith(".")
    else:
        assert found == (True, (1.0, 1.0))


def test_ties_survive_a_flow():
    """Every result of a flow has a report."""
    flow = wrof.flow(**wrof.toys.lattice_dirac(3), tau=0.6, steps=5)
    assert [r.unique for r in flow.results] == [True] * 3
    np.testing.assert_allclose([r.tie_margin for r in flow.results], 1 - 0.5 / 0.6, rtol=1e-12)
