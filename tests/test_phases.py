"""Critical tau and phases: V(s) = min sK + F is the lower envelope of all (K, F), and nothing is missed.

Expected values: closed forms, enumeration of all plans, and a proof by linear programs that a list of tau is complete
(`oracles_phases.assert_all_critical`).
"""

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import oracles
import oracles_phases as oracle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import wrof
from wrof import Grid

steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
CLOSE = 1e-9
EXPONENTS = [(2.0, 1.0), (1.0, 0.5), (2.0, 0.5), (1.0, 2.0), (2.0, 2.0), (0.5, 1.0), (3.0, 2.0)]


def arguments(problem):
    """Keyword arguments that tell the package of a problem."""
    where = dict(problem.where)
    if "shape" in where:
        where = {"grid": Grid(where["shape"], bounds=where["bounds"])}
    return {**where, "alpha": problem.alpha, "p": problem.p}


def phases(problem, **options):
    """`wrof.phases` of a problem; it has no reason to warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return wrof.phases(problem.a, problem.b, **arguments(problem), **options)


def critical_taus(problem, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return wrof.critical_taus(problem.a, problem.b, **arguments(problem), **options)


def step(problem, tau, **options):
    """`wrof.step` where tau below h/2 is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)
        return wrof.step(problem.a, problem.b, tau, **arguments(problem), **options)


def dirac(n, k):
    return np.eye(n)[k]


# ---- what phases must satisfy ----------------------------------------------------------------------------------------


def assert_order(found):
    """Intervals one after the other from 0 to inf; K rises, F falls, and slopes decrease: the front is convex."""
    ends = [phase.tau for phase in found]
    assert ends[0][0] == 0.0 and ends[-1][1] == np.inf, f"from {ends[0][0]} to {ends[-1][1]}"
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends)), "gaps between the phases"
    assert all(lo < hi for lo, hi in ends), "an empty phase"
    assert [hi for _, hi in ends[:-1]] == list(found.critical_taus), "critical_taus are not the ends of the phases"
    assert len(found) == len(found.front) and found.front.shape[1] == 2
    front = np.array([(phase.movement, phase.discrepancy) for phase in found])
    assert np.array_equal(front, found.front), "front is not (K, F) of the phases"
    rise = np.diff(front, axis=0)
    assert np.all(rise[:, 0] > 0) and np.all(rise[:, 1] < 0), "K does not rise, or F does not fall"
    np.testing.assert_allclose(-rise[:, 0] / rise[:, 1] / 2, found.critical_taus, rtol=1e-6, err_msg="no chords")


def assert_measures(problem, found):
    """Rho of every phase, and at its ends, has the K and F of the phase, by transport programs."""
    sizes = problem.sizes
    for k, phase in enumerate(found):
        for name in ("rho", "rho_eager", "rho_lazy"):
            rho = getattr(phase, name)
            if rho is None:
                continue
            weights = problem.merged(rho.points, rho.weights)
            z, weights = problem.stops[weights > 0], weights[weights > 0]
            weights = weights * (problem.mass / weights.sum())
            K = oracles.power_transport(problem.x, problem.a, z, weights, problem.p)
            F = oracles.power_transport(z, weights, problem.y, problem.b, problem.alpha)
            assert abs(K - phase.movement) <= CLOSE * sizes[0], f"{name} of phase {k}: K = {K}, not {phase.movement}"
            assert abs(F - phase.discrepancy) <= CLOSE * sizes[1], f"{name} of phase {k}: F = {F}"


def assert_value(problem, found):
    """`value` is the least J of the three-layer program, inside every phase and at its ends; `at` finds the phase."""
    for k, phase in enumerate(found):
        lo, hi = phase.tau
        inside = inner(lo, hi)
        for tau in [inside, *([hi] if hi < np.inf else [])]:
            least = oracles.three_layer_lp(*problem.places, tau, problem.alpha, problem.p).value
            size = problem.sizes[0] / (2 * tau) + problem.sizes[1]
            assert abs(found.value(tau) - least) <= CLOSE * size, f"V({tau}) = {found.value(tau)}, not {least}"
        assert found.at(inside).tau == phase.tau, f"phase {k} is not the one at {inside}"


def inner(lo, hi):
    """A tau inside an interval."""
    if hi == np.inf:
        return 2 * lo if lo > 0 else 1.0
    return float(np.sqrt(lo * hi)) if lo > 0 else hi / 2


def assert_complete(problem, found):
    """No breakpoint is missing, none is too many, and all (K, F) are right: by linear programs."""
    corners = oracle.assert_all_critical(found.critical_taus, *problem.data)
    assert np.all(np.abs(found.front - corners) <= CLOSE * np.array(problem.sizes)), f"{found.front} not {corners}"


def assert_steps(problem, found, **options):
    """Steps inside a phase have its (K, F) to 1e-9, near its ends too; at an end, lazy is before, eager after."""
    sizes = problem.sizes
    for k, phase in enumerate(found):
        lo, hi = phase.tau
        wanted = {"inside": (inner(lo, hi), "lazy")}
        if hi > lo * (1 + 1e-5):
            wanted |= {"near lo": (lo * (1 + 1e-7), "eager"), "near hi": (hi * (1 - 1e-7), "lazy")}
        wanted |= {"at lo": (lo, "eager")} if sharp(found, k - 1) else {}
        wanted |= {"at hi": (hi, "lazy")} if sharp(found, k) else {}
        for place, (tau, select) in wanted.items():
            if not 0 < tau < np.inf:
                continue
            result = step(problem, tau, select=select, **options)
            off = np.abs([result.movement - phase.movement, result.discrepancy - phase.discrepancy])
            assert np.all(off <= CLOSE * np.array(sizes)), f"step {place} of phase {k}, tau = {tau}: off by {off}"


def sharp(found, k):
    """Whether rounding leaves critical tau number k a tie: not where a speck of mass makes K and F differ by little."""
    if not 0 <= k < len(found) - 1:
        return False
    before, after = ((phase.movement, phase.discrepancy) for phase in (found[k], found[k + 1]))
    return after[0] - before[0] > 0.02 * after[0] and before[1] - after[1] > 0.02 * before[1]


def check(problem, **options):
    """Everything, for one problem; return the number of critical tau."""
    found = phases(problem, **options)
    assert found.complete and found.resolved.shape == (len(found) - 1,) and found.resolved.all()
    assert np.array_equal(critical_taus(problem, **options), found.critical_taus)
    assert_order(found)
    assert_complete(problem, found)
    assert_measures(problem, found)
    assert_value(problem, found)
    assert_steps(problem, found)
    return len(found) - 1


def lattice(a, b, h=1.0, alpha=1.0, p=2.0):
    """Problem on a line of spacing h."""
    x = np.arange(len(a))[:, None] * h
    where = {"shape": (len(a),), "bounds": (0.0, (len(a) - 1) * h)}
    return oracle.Problem(x, np.asarray(a, float), x, np.asarray(b, float), x, alpha, p, where)


# ---- closed forms ----------------------------------------------------------------------------------------------------


def test_lattice_dirac():
    """Dirac 0 -> 5, h = 1: .5, 1.5, ..., 4.5, and k cells between."""
    problem = lattice(dirac(6, 0), dirac(6, 5))
    found = phases(problem)
    np.testing.assert_allclose(critical_taus(problem), [0.5, 1.5, 2.5, 3.5, 4.5], rtol=1e-15)
    assert found.front.tolist() == [[k**2, 5 - k] for k in range(6)]
    for k, phase in enumerate(found):
        np.testing.assert_array_equal(phase.rho.weights, dirac(6, k))
    check(problem)


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
@pytest.mark.parametrize("r", [0.3, 1.0, 2.0])
def test_two_points(r, p, alpha):
    """One critical tau, r^(p - alpha)/2, whatever the masses."""
    for a, b in (([1.0, 0], [0, 1.0]), ([0.7, 0.3], [0.2, 0.8])):
        taus = wrof.critical_taus(a, b, points=[[0.0], [r]], alpha=alpha, p=p)
        np.testing.assert_allclose(taus, [r ** (p - alpha) / 2], rtol=1e-14)
        found = wrof.phases(a, b, points=[[0.0], [r]], alpha=alpha, p=p)
        moved = b[1] - a[1]
        np.testing.assert_allclose(found.front, [[0, moved * r**alpha], [moved * r**p, 0]], rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 2.0), (0.3, 0.1)])
def test_three_points(a, b):
    """{0, a, a+b}: 2 tau = a and 2a + b, mass in the middle between."""
    found = wrof.phases(**wrof.toys.three_point(a, b))
    np.testing.assert_allclose(found.critical_taus, [a / 2, a + b / 2], rtol=1e-13)
    assert [np.flatnonzero(phase.rho.weights).tolist() for phase in found] == [[0], [1], [2]]


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (2.0, 1.5), (2.0, 2.0), (1.0, 1.0), (1.0, 2.0), (3.0, 1.0)])
@pytest.mark.parametrize("solver", ["auto", "simplex"])
def test_uniform_line(p, alpha, solver):
    """The critical tau of the atoms of the monotone plan."""
    rng = np.random.default_rng(int(10 * p + alpha))
    for size in (5, 12):
        a, b = rng.dirichlet(np.ones(size), 2) if size == 12 else rng.multinomial(6, np.ones(size) / size, 2)
        problem = lattice(a, b, 0.25, alpha, p)
        expected = oracle.line_critical_taus(problem.a, problem.b, 0.25, alpha, p)
        np.testing.assert_allclose(critical_taus(problem, solver=solver), expected, rtol=1e-10)


@pytest.mark.slow
def test_published_line():
    """K = 128, decreasing ramp to uniform, p = 2, alpha = 1: half-integer cells up to the longest way."""
    toy = wrof.toys.ramp_to_uniform(128)
    a, b = toy["mu"].weights, toy["nu"].weights
    expected = oracle.line_critical_taus(a, b, 1 / 127)
    assert 25 < len(expected) < 45
    np.testing.assert_allclose(wrof.critical_taus(**toy), expected, rtol=1e-9)


@pytest.mark.parametrize("kind", ["same", "one stop", "empty way"])
def test_one_phase(kind):
    """Mu = nu, one stop, no stop worth going to: no critical tau, one phase from 0 to inf."""
    one, other = [1.0, 0.0], [0.0, 1.0]
    mu, nu, stops, K, F = {
        "same": (one, one, None, 0.0, 0.0),
        "one stop": (one, other, [[3.0]], 9.0, 2.0),
        "empty way": (one, other, [[0.0], [-1.0]], 0.0, 1.0),
    }[kind]
    call = {"points": [[0.0], [1.0]], "stops": stops}
    taus, found = wrof.critical_taus(mu, nu, **call), wrof.phases(mu, nu, **call)
    assert taus.shape == (0,) and taus.dtype == float and len(found) == 1 and found.resolved.shape == (0,)
    assert found[0].tau == (0.0, np.inf) and found.complete
    assert (found[0].movement, found[0].discrepancy) == (K, F) and found.front.tolist() == [[K, F]]
    assert found[0].rho_eager is found[0].rho_lazy is found[0].rho and found[0].rho.mass == 1.0
    assert found.value(0.5) == pytest.approx(K + F, abs=1e-15) and found.at(7.0).tau == (0.0, np.inf)


# ---- random problems -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_enumeration(kind, seed):
    """At most five units of mass: every permutation, every stop."""
    problem = oracle.random_problem(kind, seed, units=2 + seed, most=5)
    expected = oracle.breakpoints_bruteforce(*problem.data)
    found = phases(problem)
    np.testing.assert_allclose(found.critical_taus, expected.taus, rtol=1e-9)
    assert np.all(np.abs(found.front - expected.corners) <= 1e-10 * np.array(problem.sizes))


@pytest.mark.slow
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_more_enumeration(kind):
    for seed in range(10, 40):
        problem = oracle.random_problem(kind, seed, units=5, most=6)
        expected = oracle.breakpoints_bruteforce(*problem.data)
        found = phases(problem)
        np.testing.assert_allclose(found.critical_taus, expected.taus, rtol=1e-9, err_msg=f"{kind}, {seed}")


@pytest.mark.parametrize("kind", oracle.KINDS)
def test_quick(kind):
    """One of every kind, with masses that are not whole."""
    check(oracle.random_problem(kind, 0))


@pytest.mark.slow
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_random(kind):
    """Thirty of every kind: clouds, unions of two, stops of their own, lattices; every other one with whole masses."""
    count = 0
    for seed in range(100, 130):
        problem = oracle.random_problem(kind, seed, units=9 if seed % 2 else None)
        try:
            count += check(problem)
        except (AssertionError, wrof.WrofError) as err:
            raise AssertionError(f"{kind}, {seed}: {err}") from err
    assert count > 60


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["lp", "simplex"])
def test_every_solver(solver):
    for kind in oracle.KINDS:
        problem = oracle.random_problem(kind, 200)
        np.testing.assert_allclose(critical_taus(problem, solver=solver), critical_taus(problem), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (2.0, 2.0)])
def test_square_lattice(p, alpha):
    """4 x 4 with whole masses: as many plan ties as can be; the first critical tau is half a cell for p = 2."""
    rng = np.random.default_rng(8)
    x = np.array(list(np.ndindex(4, 4)), dtype=float)
    a, b = rng.multinomial(20, np.ones(16) / 16, 2).astype(float)
    where = {"shape": (4, 4), "bounds": (0.0, 3.0)}
    check(oracle.Problem(x, a, x, b, x, alpha, p, where))


# ---- the checks can fail ---------------------------------------------------------------------------------------------


class Spoiled:
    """Phases with something else in the place of some of them."""

    def __init__(self, found, **other):
        self.__dict__.update({name: getattr(found, name) for name in ("critical_taus", "front", "value", "at")})
        self.parts = list(found)
        self.__dict__.update(other)

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, k):
        return self.parts[k]


def changed(phase, **other):
    names = ("tau", "movement", "discrepancy", "rho", "rho_eager", "rho_lazy")
    return SimpleNamespace(**{name: getattr(phase, name) for name in names} | other)


def test_the_checks_can_fail():
    problem = lattice(dirac(6, 0), dirac(6, 5))
    found = phases(problem)
    parts = list(found)

    def spoiled(**other):
        return [parts[0], changed(parts[1], **other), *parts[2:]]

    for match, other, assertion in (
        ("gaps", {"parts": [*parts[:2], *parts[3:]]}, assert_order),
        ("from", {"parts": parts[1:]}, assert_order),
        ("not the ends", {"critical_taus": found.critical_taus[1:]}, assert_order),
        ("front is not", {"front": found.front + 1e-9}, assert_order),
        ("missing", {"critical_taus": found.critical_taus[1:], "front": found.front[1:]}, assert_complete),
        ("not", {"front": found.front * (1 + 1e-6)}, assert_complete),
        ("rho of phase 1", {"parts": spoiled(rho=parts[2].rho)}, assert_measures),
        ("rho_eager of phase 1", {"parts": spoiled(rho_eager=parts[0].rho)}, assert_measures),
        ("rho_lazy of phase 1", {"parts": spoiled(rho_lazy=parts[2].rho)}, assert_measures),
        ("V", {"value": lambda tau: found.value(tau) + 1e-7}, assert_value),
        ("is not the one", {"at": lambda tau: parts[0]}, assert_value),
        ("near hi of phase 1", {"parts": spoiled(tau=(0.5, 1.7))}, assert_steps),
        ("near lo of phase 1", {"parts": spoiled(tau=(0.4, 1.5))}, assert_steps),
    ):
        taken = [assertion] if assertion is assert_order else [lambda q, a=assertion: a(problem, q)]
        with pytest.raises(AssertionError, match=match):
            taken[0](Spoiled(found, **other))
        taken[0](Spoiled(found))


# ---- budget and tolerance --------------------------------------------------------------------------------------------


def cloud(seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(8, 2))
    return oracle.Problem(x, rng.dirichlet(np.ones(8)), x, rng.dirichlet(np.ones(8)), x, 1.0, 2.0, {"points": x})


@pytest.mark.parametrize("most", [2, 3, 5, 9])
def test_a_budget(most):
    """At most so many phases, each of them one of all; what is proven is so; it says that more may be there."""
    problem = cloud()
    everything = phases(problem)
    assert len(everything) > 9
    with pytest.warns(wrof.WrofWarning, match="max_phases"):
        found = wrof.phases(problem.a, problem.b, **arguments(problem), max_phases=most)
    assert 2 <= len(found) <= most and not found.complete and not found.resolved.all()
    assert_order_of_parts(found)
    for phase in found:
        off = np.abs(everything.front - [phase.movement, phase.discrepancy]) / problem.sizes
        assert off.max(axis=1).min() <= CLOSE, f"{phase} is none of all phases"
    proven = [phase.tau[1] for phase, done in zip(list(found)[:-1], found.resolved, strict=True) if done]
    for tau in proven:
        assert np.abs(everything.critical_taus / tau - 1).min() <= CLOSE
    with pytest.warns(wrof.WrofWarning, match="max_phases"):
        taus = wrof.critical_taus(problem.a, problem.b, **arguments(problem), max_phases=most)
    assert len(taus) < most and np.all(np.diff(taus) > 0)


def assert_order_of_parts(found):
    """K rises and F falls, intervals follow each other."""
    front = np.array([(phase.movement, phase.discrepancy) for phase in found])
    assert np.all(np.diff(front[:, 0]) > 0) and np.all(np.diff(front[:, 1]) < 0)
    ends = [phase.tau for phase in found]
    assert ends[0][0] == 0 and ends[-1][1] == np.inf
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))


def test_a_budget_finds_the_coarse_ones_first():
    """A long way and many short ones: with three phases, the jump of nearly all mass is there."""
    x = np.concatenate([[0.0, 10.0], 20 + np.arange(8) ** 1.5 / 10])
    a = np.array([1.0, 0, *np.full(8, 1e-3)])
    b = np.array([0.0, 1, *np.roll(np.linspace(0, 2e-3, 8), 3)])
    b[2:] *= a[2:].sum() / b[2:].sum()
    with pytest.warns(wrof.WrofWarning, match="max_phases"):
        found = wrof.phases(a, b, points=x[:, None], max_phases=3)
    assert len(wrof.phases(a, b, points=x[:, None])) > 5
    jump = np.diff(found.front[:, 0]).max()
    assert jump == pytest.approx(100.0, rel=1e-2)


def test_a_budget_that_is_enough():
    """No warning, nothing missing."""
    problem = lattice(dirac(6, 0), dirac(6, 5))
    for most in (7, 100):
        found = phases(problem, max_phases=most)
        assert found.complete and found.resolved.all() and len(found) == 6


def test_tolerance():
    """A corner that stands out by less than tol * scale is cut off: chords that cross at 2.5 are left."""
    problem = lattice(dirac(6, 0), dirac(6, 5))
    np.testing.assert_allclose(critical_taus(problem, tol=10.0), [2.5], rtol=1e-14)
    assert len(critical_taus(problem, tol=1e-6)) == 5


def test_progress(capsys):
    """A bar goes to stderr, nothing to stdout, and the answer is the same."""
    problem = cloud()
    found = critical_taus(problem, progress=True)
    out = capsys.readouterr()
    assert out.out == "" and out.err != ""
    assert np.array_equal(found, critical_taus(problem))
    out = capsys.readouterr()
    assert out.out == out.err == ""


# ---- what Phases is --------------------------------------------------------------------------------------------------


def test_sequence():
    found = phases(lattice(dirac(4, 0), dirac(4, 3)))
    assert len(found) == 4 and [phase.tau for phase in found] == [found[k].tau for k in range(4)]
    assert found[-1].tau == found[3].tau
    with pytest.raises(IndexError):
        found[4]
    assert found.at(1.0).tau == (0.5, 1.5) and found.at(1e-9).tau == (0.0, 0.5) and found.at(1e9).tau == (2.5, np.inf)


@pytest.mark.parametrize("kind", oracle.KINDS)
def test_arrays(kind):
    """Names, shapes and contents; no array of objects."""
    problem = oracle.random_problem(kind, 7)
    found = phases(problem)
    out, P = found.arrays(), len(found)
    assert all(isinstance(value, np.ndarray) and value.dtype != object for value in out.values())
    np.testing.assert_array_equal(out["tau_lo"], [0.0, *found.critical_taus])
    np.testing.assert_array_equal(out["tau_hi"], [*found.critical_taus, np.inf])
    np.testing.assert_array_equal(np.column_stack([out["movement"], out["discrepancy"]]), found.front)
    np.testing.assert_array_equal(out["critical"], found.critical_taus)
    np.testing.assert_array_equal(out["resolved"], np.ones(P - 1, dtype=bool))
    np.testing.assert_array_equal(out["rho"], [phase.rho.weights for phase in found])
    assert out["rho"].shape == (P, len(out["points"])) and out["resolved"].dtype == bool
    np.testing.assert_array_equal(out["source"], problem.a)
    np.testing.assert_array_equal(out["target"], problem.b)
    for name, points in (("source_points", problem.x), ("target_points", problem.y)):
        np.testing.assert_allclose(out[name], points, rtol=0, atol=1e-15)
    assert {tuple(z) for z in np.round(out["points"], 12)} == {tuple(z) for z in np.round(problem.stops, 12)}
    assert ("shape" in out) == ("shape" in problem.where) and out["p"].shape == out["alpha"].shape == ()
    assert (out["p"], out["alpha"]) == (problem.p, problem.alpha)
    if "shape" in out:
        assert tuple(out["shape"]) == problem.where["shape"]


# ---- laws ------------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw):
    """Few points, on a lattice or not; exponents; whole masses or not."""
    kind, seed = draw(st.sampled_from(("cloud", "two clouds", "line", "grid"))), draw(st.integers(1000, 9999))
    return oracle.random_problem(kind, seed, units=draw(st.sampled_from([None, 4])), most=5)


def plain(problem, **changes):
    """Points of the problem as a cloud whose stops are named, changed."""
    changed = problem._replace(**changes)
    where = {"source_points": changed.x, "target_points": changed.y, "stops": changed.stops}
    return changed._replace(where=where)


@steady
@given(problems(), st.sampled_from([0.25, 3.0, 1024.0]))
def test_lengths(problem, size):
    """Lengths times c: tau times c^(p - alpha)."""
    p, alpha = problem.p, problem.alpha
    larger = plain(problem, x=problem.x * size, y=problem.y * size, stops=problem.stops * size)
    np.testing.assert_allclose(critical_taus(larger), critical_taus(problem) * size ** (p - alpha), rtol=1e-8)


@steady
@given(problems(), st.sampled_from([1e-6, 0.3, 1e6]))
def test_masses(problem, size):
    """Masses times c: the same tau, K and F times c."""
    one, other = phases(problem), phases(problem._replace(a=problem.a * size, b=problem.b * size))
    np.testing.assert_allclose(other.critical_taus, one.critical_taus, rtol=1e-8)
    np.testing.assert_allclose(other.front, one.front * size, rtol=1e-9, atol=1e-12 * size * max(problem.sizes))


@steady
@given(problems(), st.randoms(use_true_random=False))
def test_relabelling(problem, chance):
    """The order of points and stops means nothing; a coordinate turned around neither; empty points change nothing."""
    i, j, k = (chance.sample(range(n), n) for n in map(len, (problem.x, problem.y, problem.stops)))
    far = np.full((1, problem.x.shape[1]), 3.21)
    other = plain(
        problem,
        x=np.concatenate([far, -problem.x[i]]),
        a=np.concatenate([[0.0], problem.a[i]]),
        y=-problem.y[j],
        b=problem.b[j],
        stops=-problem.stops[k],
    )
    np.testing.assert_allclose(critical_taus(other), critical_taus(problem), rtol=1e-8)


@steady
@given(problems())
def test_repeated_stops(problem):
    """A stop named twice is one, and no phase is there for it."""
    twice = plain(problem)
    twice.where["stops"] = np.concatenate([problem.stops, problem.stops[::-1]])
    np.testing.assert_allclose(critical_taus(twice), critical_taus(problem), rtol=1e-10)


@steady
@given(problems())
def test_more_stops_lower_value(problem):
    """V never rises when there are more places to rest."""
    rng = np.random.default_rng(0)
    more = plain(problem, stops=np.concatenate([problem.stops, rng.normal(size=(2, problem.x.shape[1]))]))
    few, many = phases(problem), phases(more)
    for tau in (0.03, 0.2, 0.5, 1.0, 5.0, *few.critical_taus, *many.critical_taus):
        assert many.value(tau) <= few.value(tau) * (1 + 1e-9) + 1e-12


# ---- bad input -------------------------------------------------------------------------------------------------------

LINE = {"points": [[0.0], [1.0]]}


@pytest.mark.parametrize("call", [wrof.critical_taus, wrof.phases], ids=["critical_taus", "phases"])
@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stops": wrof.FREE}, "FREE|stops"),
        ({"alpha": "1+tau"}, r"1\+tau"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"p": 0.0}, "^p "),
        ({"tol": -1e-9}, "tol"),
        ({"tol": float("nan")}, "tol"),
        ({"max_phases": 0}, "max_phases"),
        ({"max_phases": 2.5}, "max_phases"),
        ({"solver": "simples"}, "solver"),
        ({"stops": [[0.0, 1.0]]}, "dimension"),
        ({"tau": 0.3}, "tau"),
        ({"select": "lazy"}, "select"),
    ],
    ids=str,
)
def test_bad_options(call, options, match):
    """One sentence that names what is wrong."""
    with pytest.raises((wrof.WrofError, TypeError), match=match) as caught:
        call([1.0, 0.0], [0.0, 1.0], **LINE, **options)
    assert caught.type is wrof.WrofError, f"{caught.type.__name__}: {caught.value}"
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    ("mu", "nu"), [([1.0, 0], [0, 2.0]), ([1.0, -1], [0, 0.0]), ([np.nan, 1], [1, 0]), ([0.0, 0], [0.0, 0])], ids=str
)
def test_bad_measures(mu, nu):
    for call in (wrof.critical_taus, wrof.phases):
        with pytest.raises(wrof.WrofError):
            call(mu, nu, **LINE)


@pytest.mark.parametrize("tau", [0.0, -1.0, float("nan"), float("inf"), "x", None], ids=str)
def test_bad_tau(tau):
    found = wrof.phases([1.0, 0.0], [0.0, 1.0], **LINE)
    for ask in (found.at, found.value):
        with pytest.raises(wrof.WrofError, match="tau"):
            ask(tau)
