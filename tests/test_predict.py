"""Predictions from geometry: never contradicted by a flow run to its end, sharp where a theorem is, and say which."""

import re
import warnings

import numpy as np
import oracles
import oracles_phases as oracle
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import wrof
from wrof import Grid, PointCloud

steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
REGIMES = frozenset({"frozen", "target", "steady"})
EXPONENTS = [(2.0, 1.0), (1.0, 0.5), (2.0, 0.5), (1.0, 2.0), (2.0, 2.0), (0.5, 1.0), (3.0, 2.0), (2.0, "1+tau")]
LINE = {"points": [[0.0], [1.0]]}


def quietly(call, *args, **options):
    """Call what may warn that tau is below h/2, which is meant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)
        return call(*args, **options)


def dirac(n, k):
    return np.eye(n)[k]


# ---- what a prediction must satisfy ----------------------------------------------------------------------------------


def assert_sound(said, regime, settled_at):
    """It is one prediction in itself, and not contradicted by what happened."""
    assert isinstance(said.regimes, frozenset) and said.regimes and said.regimes <= REGIMES, f"{said.regimes}"
    assert isinstance(said.theorems, tuple) and all(isinstance(t, str) for t in said.theorems)
    for text in said.theorems:
        assert "\n" not in text and len(text) > 9, f"no sentence: {text!r}"
    claims = said.regimes != REGIMES or said.settled_at is not None or said.settled_by is not None
    assert said.theorems or not claims, f"{said} names no theorem"
    for number in (said.settled_at, said.settled_by):
        assert number is None or (isinstance(number, int) and number >= 0), f"{number!r}"
    if None not in (said.settled_at, said.settled_by):
        assert said.settled_at <= said.settled_by, f"settled at {said.settled_at}, by {said.settled_by}"
    assert regime in said.regimes, f"{regime!r} happened, {set(said.regimes)} said"
    assert said.settled_at in (None, settled_at), f"settled at {settled_at}, not {said.settled_at}"
    assert said.settled_by is None or settled_at <= said.settled_by, (
        f"settled at {settled_at}, not by {said.settled_by}"
    )


def run(mu, nu, tau, steps=400, solver="auto", **call):
    """Predict, run the lazy flow to its end, compare; return the prediction and the flow."""
    said = quietly(wrof.predict, mu, nu, tau, **call)
    flow = quietly(wrof.flow, mu, nu, tau, steps, solver=solver, **call)
    assert flow.regime != "running", "the flow did not end: the test proves nothing"
    try:
        assert_sound(said, flow.regime, flow.settled_at)
    except AssertionError as err:
        raise AssertionError(f"tau = {tau}, {call}: {err}") from err
    return said, flow


def assert_sharp(said, flow, word):
    """Nothing is left open, and a sentence with the word says why."""
    assert said.regimes == {flow.regime}, f"{set(said.regimes)} said, {flow.regime!r} is sure"
    assert said.settled_at == flow.settled_at, f"settled at {flow.settled_at} is sure, {said.settled_at} said"
    assert_named(said, word)


def assert_named(said, word):
    assert any(re.search(word, text, re.IGNORECASE) for text in said.theorems), f"{word!r} not in {said.theorems}"


def near(rng, scale):
    """A tau that is near where something of the given size happens."""
    return float(scale * rng.uniform(0.3, 2.5))


# ---- two points ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
def test_two_points(p, alpha):
    """Any distance, any masses: frozen or there at once, and known beforehand."""
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(12):
        r = float(rng.uniform(0.1, 3))
        ends = [(r ** (p - alpha) / 2)] if alpha != "1+tau" else oracles.lambert_threshold(r)
        a, b = rng.dirichlet(np.ones(2), 2)
        said, flow = run(a, b, near(rng, rng.choice(ends)), points=[[0.0], [r]], alpha=alpha, p=p)
        assert_sharp(said, flow, r"two.point|line")
        assert flow.settled_at == (1 if flow.regime == "target" else 0)
        seen.add(flow.regime)
    assert seen == {"frozen", "target"}


@pytest.mark.parametrize("r", [0.3, 1.0, 2.0])
def test_two_points_at_equality(r):
    """The lazy flow stays at the threshold itself."""
    said, flow = run([1.0, 0], [0, 1.0], r / 2, points=[[0.0], [r]])
    assert_sharp(said, flow, r"two.point")
    assert flow.regime == "frozen"


# ---- three points on a line ------------------------------------------------------------------------------------------


def test_three_points():
    """Dirac to Dirac past a stop: each of the four ways, and known beforehand."""
    rng = np.random.default_rng(2)
    seen = set()
    for _ in range(60):
        a, b = rng.uniform(0.05, 2, 2)
        tau = float(rng.choice([a / 2, b / 2, a + b / 2]) * rng.uniform(0.5, 1.5))
        way = oracle.three_point_theorem(a, b, tau)
        toy = wrof.toys.three_point(a, b)
        said, flow = run(toy["mu"], toy["nu"], tau)
        assert_sharp(said, flow, r"three.point")
        assert said.settled_at == len(way) - 1
        assert said.regimes == {{0: "frozen", 1: "steady", 2: "target"}[way[-1]]}
        seen.add(tuple(way))
    assert seen == {(0,), (0, 1), (0, 1, 2), (0, 2)}


@pytest.mark.parametrize(("p", "alpha"), EXPONENTS)
def test_three_points_with_any_masses(p, alpha):
    """On a line or not, all masses, other exponents, stops turned around: the theorem is not stretched."""
    rng = np.random.default_rng(3)
    for k in range(12):
        x = rng.uniform(0, 2, (3, 1 + k % 2))
        a, b = rng.dirichlet(np.ones(3), 2) if k % 3 else (dirac(3, k % 2), dirac(3, 2))
        run(a, b, near(rng, 0.5), points=x, alpha=alpha, p=p)


# ---- the uniform line ------------------------------------------------------------------------------------------------


def test_uniform_line():
    """p = 2, alpha = 1: frozen, or at nu after the longest way over round(tau/h) cells."""
    rng = np.random.default_rng(4)
    for _ in range(30):
        n, h = int(rng.integers(3, 20)), float(rng.uniform(0.1, 2))
        grid = Grid((n,), bounds=(0.0, h * (n - 1)))
        a, b = rng.dirichlet(np.ones(n), 2) if rng.random() < 0.5 else rng.multinomial(5, np.ones(n) / n, 2) + 0.0
        cells = rng.choice([0.2, 0.4, 0.6, 1.3, 1.7, 2.6])
        said, flow = run(a, b, cells * h, grid=grid)
        assert_sharp(said, flow, r"line")
        longest = len(oracle.line_critical_taus(a, b, h))
        expected = 0 if round(cells) == 0 else -(-longest // round(cells))
        assert said.settled_at == expected
        assert said.regimes == {"target" if expected or not longest else "frozen"}


@pytest.mark.slow
@pytest.mark.parametrize(("tau", "steps"), [(0.00398, 33), (0.012, 17), (0.03, 9), (0.1, 3), (0.26, 1)])
def test_published_line(tau, steps):
    """K = 128, decreasing ramp to uniform: the known number of steps, without taking one."""
    toy = wrof.toys.ramp_to_uniform(128)
    said = wrof.predict(toy["mu"], toy["nu"], tau)
    assert said.regimes == {"target"} and said.settled_at == steps
    flow = quietly(wrof.flow, toy["mu"], toy["nu"], tau, 40)
    assert_sound(said, flow.regime, flow.settled_at)


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.5), (2.0, 2.0), (1.0, 1.0), (3.0, 2.0), (1.0, 2.0), (2.0, "1+tau")])
def test_uniform_line_with_other_exponents(p, alpha):
    rng = np.random.default_rng(5)
    for _ in range(10):
        n, h = int(rng.integers(3, 12)), float(rng.uniform(0.2, 1.5))
        a, b = rng.dirichlet(np.ones(n), 2)
        run(a, b, near(rng, 0.7 * h), grid=Grid((n,), bounds=(0.0, h * (n - 1))), alpha=alpha, p=p)


@pytest.mark.parametrize("tau", [0.5, 1.5, 2.5])
def test_uniform_line_at_ties(tau):
    """Half-integer cells: the lazy flow takes the shorter hop."""
    a, b = dirac(8, 0), dirac(8, 7)
    run(a, b, tau, grid=Grid((8,), bounds=(0.0, 7.0)))


def test_uniform_line_whose_stops_are_others():
    """A line with a gap, one that is half as fine, stops off the measures: the law of the line is not theirs."""
    rng = np.random.default_rng(6)
    grid = Grid((9,), bounds=(0.0, 8.0))
    for stops in (PointCloud(np.delete(grid.points, 4, axis=0)), Grid((17,), bounds=(0.0, 8.0)), grid.points + 0.3):
        a, b = rng.dirichlet(np.ones(9), 2)
        if isinstance(stops, np.ndarray):
            with pytest.raises(wrof.WrofError, match="mu on the stops"):
                wrof.predict(a, b, 0.8, grid=grid, stops=stops)
            continue
        keep = np.isin(grid.points[:, 0], stops.points[:, 0])
        run(np.where(keep, a, 0) / a[keep].sum(), b, 0.8, grid=grid, stops=stops)


# ---- a metric movement cost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "alpha"), [(1.0, 1.0), (1.0, 0.5), (0.5, 1.0), (0.5, 0.5), (1.0, 2.0), (1.0, "1+tau")])
def test_metric_movement(p, alpha):
    """p <= 1: one step is all; that is said for clouds and grids alike."""
    rng = np.random.default_rng(7)
    moved = 0
    for k in range(8):
        n = int(rng.integers(4, 9))
        where = {"points": rng.normal(size=(n, 2))} if k % 2 else {"grid": Grid((n,))}
        a, b = rng.dirichlet(np.ones(n), 2)
        said, flow = run(a, b, near(rng, 0.5), **where, alpha=alpha, p=p)
        assert said.settled_by is not None and said.settled_by <= 1, f"{said}"
        assert_named(said, "metric|triangle")
        moved += flow.settled_at
    assert moved > 2


def test_metric_movement_of_squared_distances():
    """p = 2: points without an obtuse angle among them; one with an obtuse angle may take two steps."""
    rng = np.random.default_rng(8)
    for points in ([[0.0, 0], [1, 0], [0, 1], [1, 1]], np.eye(4), [[0.0, 0], [1, 1.5], [2, 0]]):
        assert oracle.metric_movement(points, 2.0)
        for _ in range(4):
            a, b = rng.dirichlet(np.ones(len(points)), 2)
            said, _ = run(a, b, near(rng, 0.6), points=points)
            assert said.settled_by is not None and said.settled_by <= 1
    flow = run([1.0, 0, 0], [0, 0, 1.0], 0.6, points=[[0.0, 0], [1, 0.01], [2, 0]])[1]
    assert flow.settled_at == 2  # the theorem would be wrong here


# ---- components ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (2.0, 0.5), (3.0, 1.0), (0.5, 1.0)])
def test_locked_mass(p, alpha):
    """Mass locked in a component of the 2tau-graph: nu is never reached. No edge at all: frozen."""
    rng = np.random.default_rng(9)
    locked = 0
    for _ in range(15):
        n = int(rng.integers(5, 12))
        x = rng.uniform(0, 1, (n, 2))
        a, b = rng.dirichlet(np.ones(n), 2)
        tau = near(rng, (0.15 if p > alpha else 1.0) ** (p - alpha) / 2)
        said, _ = run(a, b, tau, points=x, alpha=alpha, p=p)
        graph = wrof.hop_graph(a, b, tau, points=x, alpha=alpha, p=p)
        if graph.locked > 1e-9:
            assert "target" not in said.regimes, f"{said}, though {graph.locked} is locked"
            assert_named(said, "graph|component|gap|metric|triangle")
            locked += 1
        if graph.count == n:
            assert said.regimes == {"frozen"} and said.settled_at == 0
    assert locked > 4


@pytest.mark.parametrize("gap", [0.5, 1.0])
def test_clusters(gap):
    """No mass leaves a cluster while 2 tau <= gap."""
    for seed in range(6):
        toy = wrof.toys.clusters(n=4, k=3, gap=gap, size=0.3, seed=seed)
        said, flow = run(toy["mu"], toy["nu"], 0.45 * gap, stops=toy["stops"])
        assert "target" not in said.regimes and flow.regime != "target"
        assert_named(said, "graph|component|gap|cluster")
        run(toy["mu"], toy["nu"], 1.3 * gap, stops=toy["stops"])


def test_connected_but_frozen():
    """{(0,0), (1,1), (2,0)}, 2 tau = 1.9: one component; frozen must not be ruled out."""
    said, flow = run([1.0, 0, 0], [0.0, 0, 1], 0.95, points=[[0.0, 0], [1, 1], [2, 0]])
    assert flow.regime == "frozen" and "frozen" in said.regimes


# ---- every class -----------------------------------------------------------------------------------------------------


SOLVERS = ("auto", "simplex", "lp")


def on_stops(problem):
    """The problem with its source at stops only."""
    where = dict(problem.where)
    if "stops" in where:
        where["stops"] = np.concatenate([problem.stops, problem.x[problem.a > 0]])
    return problem._replace(where=where)


@pytest.mark.slow
@pytest.mark.parametrize("kind", oracle.KINDS)
def test_random(kind):
    """Sixty of every kind, any exponents, alpha = 1 + tau too, and any solver: 300 flows."""
    said_more = 0
    for seed in range(500, 560):
        problem = on_stops(oracle.random_problem(kind, seed, units=8 if seed % 2 else None, most=7))
        rng = np.random.default_rng(seed)
        alpha = "1+tau" if seed % 7 == 0 else problem.alpha
        where = dict(problem.where)
        if "shape" in where:
            where = {"grid": Grid(where["shape"], bounds=where["bounds"])}
        number = 1.5 if alpha == "1+tau" else alpha
        tau = near(rng, (0.25 if kind in ("line", "grid") else 0.8) ** (problem.p - number) / 2)
        said, _ = run(problem.a, problem.b, tau, **where, alpha=alpha, p=problem.p, solver=SOLVERS[seed % 3])
        said_more += said.regimes != REGIMES or said.settled_by is not None
    assert said_more >= 15


@steady
@given(
    st.sampled_from(oracle.KINDS),
    st.integers(0, 9999),
    st.sampled_from([0.05, 0.125, 0.2, 0.25, 0.5, 1.0, 3.0]),
    st.sampled_from(["1+tau", None]),
)
def test_never_contradicted(kind, seed, tau, alpha):
    """Ties on purpose: lattices of spacing 1/4 with tau = h/2, h, 2h."""
    problem = on_stops(oracle.random_problem(kind, seed, units=4 if seed % 2 else None, most=5))
    where = dict(problem.where)
    if "shape" in where:
        where = {"grid": Grid(where["shape"], bounds=where["bounds"])}
    for solver in SOLVERS[: 1 + seed % 2]:
        run(problem.a, problem.b, tau, **where, alpha=alpha or problem.alpha, p=problem.p, solver=solver)


@pytest.mark.parametrize(
    "where", [{"points": [[0.0], [1.0], [3.0]]}, {"grid": Grid(3)}, {"grid": Grid((3, 1))}], ids=str
)
@pytest.mark.parametrize("tau", [0.01, 1.0, 100.0])
def test_already_there(where, tau):
    """Mu = nu: at the target, settled from the start."""
    said, flow = run([0.2, 0.5, 0.3], [0.2, 0.5, 0.3], tau, **where)
    assert flow.settled_at == 0 and said.regimes == {"target"} and said.settled_at == 0


def test_mass_off_the_stops():
    """Mu off the stops: refused. Nu off the stops: never reached, so never said to be."""
    call = {"source_points": [[0.0], [1.0]], "target_points": [[2.0], [5.0]]}
    with pytest.raises(wrof.WrofError, match=r"mu on the stops.*\.$"):
        wrof.predict([0.5, 0.5], [0.5, 0.5], 0.6, **call, stops=[[0.5], [2.0], [5.0]])
    for tau in (0.1, 0.6, 5.0):
        run([0.5, 0.5], [0.5, 0.5], tau, **call, stops=[[0.0], [1.0], [2.2], [4.0]])


def test_one_stop():
    """Nowhere to go."""
    said, flow = run([1.0, 0.0], [0.0, 1.0], 0.5, **LINE, stops=[[0.0]])
    assert flow.regime == "frozen" and said.settled_at == 0 and "frozen" in said.regimes


def test_repeated_points():
    """A point named twice is one: two points, three points, a line."""
    said, flow = run([0.5, 0.5, 0], [0, 0, 1.0], 0.6, points=[[0.0], [0.0], [1.0]])
    assert flow.regime == "target" and flow.settled_at == 1
    assert said.settled_at in (None, 1)
    run([0.5, 0.5, 0, 0], [0, 0, 0, 1.0], 0.6, points=[[0.0], [0.0], [1.0], [2.0]])


# ---- the checks can fail ---------------------------------------------------------------------------------------------


class Said:
    """A prediction made up."""

    def __init__(self, regimes=REGIMES, settled_at=None, settled_by=None, theorems=("two points, say",)):
        self.regimes, self.settled_at, self.settled_by = frozenset(regimes), settled_at, settled_by
        self.theorems = theorems


def test_the_checks_can_fail():
    assert_sound(Said(), "steady", 3)
    assert_sound(Said(theorems=()), "steady", 3)
    assert_sound(Said({"steady"}, 3, 4), "steady", 3)
    for match, said in (
        ("happened", Said({"frozen", "target"})),
        ("settled at 3, not 2", Said(settled_at=2)),
        ("not by 2", Said(settled_by=2)),
        ("settled at 3, by 2", Said(settled_at=3, settled_by=2)),
        ("names no theorem", Said({"steady"}, theorems=())),
        ("names no theorem", Said(settled_by=7, theorems=())),
        ("no sentence", Said(theorems=("short",))),
        ("running", Said({"steady", "running"})),
        ("frozenset", Said(())),
        ("3.0", Said(settled_at=3.0)),
    ):
        with pytest.raises(AssertionError, match=match):
            assert_sound(said, "steady", 3)
    flow = wrof.flow([1.0, 0.0], [0.0, 1.0], 0.6, 5, **LINE)
    assert_sharp(Said({"target"}, 1), flow, "two.point")
    for said, word in ((Said({"target"}, 1), "three"), (Said(REGIMES, 1), "two"), (Said({"target"}), "two")):
        with pytest.raises(AssertionError):
            assert_sharp(said, flow, word)
    with pytest.raises(AssertionError, match="did not end"):
        run([1.0, 0, 0], [0, 0, 1.0], 0.6, steps=1, points=[[0.0], [1.0], [2.0]])


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "options", "match"),
    [
        (0.0, {}, "tau"),
        (-0.3, {}, "tau"),
        (float("inf"), {}, "tau"),
        (None, {}, "tau"),
        (0.3, {"alpha": "2+tau"}, "alpha"),
        (0.3, {"alpha": 0.0}, "alpha"),
        (0.3, {"p": float("nan")}, "p must be"),
        (0.3, {"stops": [[0.0, 0.0]]}, "dimension"),
        (0.3, {"solver": "simplex"}, "solver"),
    ],
    ids=str,
)
def test_bad_input(tau, options, match):
    with pytest.raises(wrof.WrofError, match=match) as caught:
        wrof.predict([1.0, 0.0], [0.0, 1.0], tau, **LINE, **options)
    text = str(caught.value)
    assert caught.type is wrof.WrofError and "\n" not in text and text.endswith((".", "?"))
