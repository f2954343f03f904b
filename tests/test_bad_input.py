"""Bad input gets one sentence: what, where, which value, and the cure. Nothing is changed, nothing half done."""

import contextlib
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wrof
from wrof import FREE, Grid, PointCloud, WrofError, WrofWarning
from wrof.solvers import simplex

GRID = Grid(4)
A, B = np.array([1.0, 0, 0, 0]), np.array([0, 0, 0.5, 0.5])
LINE = np.array([[0.0], [1.0], [2.0], [3.0]])
PLANE = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
NAN, INF = float("nan"), float("inf")

for shared in (A, B, LINE, PLANE):
    shared.setflags(write=False)


def sentence(call: Callable[[], Any], kind: type[Exception] = WrofError) -> str:
    """Return the message of the one error `call` raises: a single clean line, no second exception, no warning."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome = call()
    except Exception as err:
        noise = [str(w.message) for w in caught if w.category is not WrofWarning]
        assert type(err) is kind, f"{type(err).__name__}: {err}"
        text = str(err)
        assert "\n" not in text and text == text.strip(), f"more than a line: {text!r}"
        assert text.endswith((".", "?")) and not text.endswith(".."), f"not a sentence: {text!r}"
        assert "  " not in text and text.count("'") % 2 == 0, f"slipped: {text!r}"
        assert not noise, f"warnings besides: {noise}"
        chain = "".join(traceback.format_exception(err))
        assert chain.count("Traceback (most recent call last)") == 1, f"a chain of exceptions:\n{chain}"
        return text
    raise AssertionError(f"accepted: {outcome!r}")


def step(mu: Any = A, nu: Any = B, tau: Any = 0.3, **options: Any) -> Any:
    """Take a step on the grid of four points unless a place is given."""
    if not {"grid", "points", "source_points", "target_points"} & set(options):
        options["grid"] = GRID
    return wrof.step(mu, nu, tau, **options)


def flow(tau: Any = 0.3, steps: Any = 3, **options: Any) -> Any:
    """Take a flow from A to B on the grid of four points."""
    return wrof.flow(A, B, tau, steps, grid=GRID, **options)


# ---- the checker can fail -------------------------------------------------------------------------------------------


def raiser(err: Exception, context: bool = False) -> Callable[[], Any]:
    def call() -> Any:
        if context:
            try:
                raise KeyError("inner")
            except KeyError:
                raise err  # noqa: B904
        raise err

    return call


def noisy() -> None:
    warnings.warn("overflow in numpy", RuntimeWarning, stacklevel=1)
    raise WrofError("a clean sentence.")


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: 3, "accepted: 3"),
        (noisy, "warnings besides"),
        (raiser(ValueError("plain.")), "ValueError"),
        (raiser(WrofError("two\nlines.")), "more than a line"),
        (raiser(WrofError("no full stop")), "not a sentence"),
        (raiser(WrofError("numpy said: bad..")), "not a sentence"),
        (raiser(WrofError("two  blanks.")), "slipped"),
        (raiser(WrofError("an 'open quote.")), "slipped"),
        (raiser(WrofError("behind another."), context=True), "a chain"),
    ],
)
def test_the_checker_can_fail(call: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        sentence(call)


def test_the_checker_accepts() -> None:
    assert sentence(raiser(WrofError("tau must be > 0, got -1."))) == "tau must be > 0, got -1."


# ---- the table of bad input -----------------------------------------------------------------------------------------

SLIP = np.ones(20)
SLIP[[17, 18, 19]] = -0.02, -1, -3
HOLES = np.ones((6, 10))
HOLES[5, 9], HOLES[5, 8] = NAN, INF
FIRST_HOLE = np.ones((6, 10))
FIRST_HOLE[5, 9] = NAN

TABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "negative weights": (
        lambda: step(SLIP, np.ones(20), grid=20),
        r"source has 3 negative weights \(first: weights\[17\] = -0\.02\); "
        r"weights are masses: clip or check the input\.",
    ),
    "one negative weight": (
        lambda: step(A, [0, 1, 0, -2e-17]),
        r"target has 1 negative weight \(first: weights\[3\] = -2e-17\); weights are masses: clip or check the input\.",
    ),
    "negative weights of a picture": (
        lambda: step(-np.eye(3), np.eye(3), grid=(3, 3)),
        r"source has 3 negative weights \(first: weights\[0, 0\] = -1\); weights are masses: clip or check the input\.",
    ),
    "masses differ": (
        lambda: step([1.1, 0, 0, 0], [0, 0, 0, 1.0]),
        r"source has mass 1\.1, target 1(\.0)? \(difference 0\.1 > 1e-9( relative)?\); "
        r"pass normalize=True to rescale both\.",
    ),
    "masses differ a little": (
        lambda: step([1 + 2e-9, 0, 0, 0], [0, 0, 0, 1.0]),
        r"source has mass 1\.000000002, target 1(\.0)? \(difference 2e-09 > 1e-9( relative)?\); "
        r"pass normalize=True to rescale both\.",
    ),
    "non-finite weights": (
        lambda: step(np.ones((6, 10)), HOLES, grid=(6, 10)),
        r"target has 2 non-finite weights \(first: \[5, 8\] = inf\)\.",
    ),
    "a non-finite weight": (
        lambda: step(np.ones((6, 10)), FIRST_HOLE, grid=(6, 10)),
        r"target has 1 non-finite weight \(first: \[5, 9\] = nan\)\.",
    ),
    "tau": (lambda: step(tau=-0.1), r"tau must be finite and > 0, got -0\.1\."),
    "rows and weights": (
        lambda: step(np.ones(499), np.ones(500), points=np.zeros((500, 2))),
        r"points has 500 rows but weights has 499 entries\.",
    ),
    "a typo": (lambda: step(tua=0.3), r"unknown key 'tua'; did you mean 'tau'\?"),
}


@pytest.mark.parametrize("row", TABLE)
def test_table(row: str) -> None:
    call, pattern = TABLE[row]
    text = sentence(call)
    assert re.fullmatch(pattern, text), text


@pytest.mark.slow
def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """128 x 128 is 2.147 GB of costs; what the solve needs is measured: 5 to 6 times that."""
    monkeypatch.setattr(simplex, "free_bytes", lambda: 6.1e9)
    full = np.ones((128, 128))
    pattern = (
        r"128x128 = 16384 stops: a dense joint cost needs 2\.1 GB and the solve about 1[0-3] GB; 6\.1 GB are free\. "
        r"Use solver='multiscale', which needs none\."
    )
    text = sentence(lambda: step(full, full, grid=(128, 128), solver="simplex"))
    assert re.fullmatch(pattern, text), text
    flat = sentence(lambda: wrof.flow(full, full, 0.1, 3, grid=(128, 128), solver="simplex"))
    assert flat == text
    assert wrof.distance(full, full, 2, grid=(128, 128)) == 0  # which makes no matrix


def test_the_guard_counts_atoms_not_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two atoms on a huge grid, and any number of points on a line, need no dense matrix."""
    monkeypatch.setattr(simplex, "free_bytes", lambda: 1e6)
    few = np.zeros((128, 128))
    few[3, 4] = 1
    assert step(few, few[::-1], tau=0.004, grid=(128, 128)).status.ok
    line = np.ones(5000)
    assert step(line, line[::-1], grid=5000).solver == "monotone"
    cloud = np.random.default_rng(0).random((400, 2))
    assert "400 x 400 pairs" in sentence(lambda: step(np.ones(400), np.ones(400), points=cloud))


def test_free_bytes_is_a_plausible_number() -> None:
    """So that the guard is not compared with nonsense: more than 1 MB, less than 100 TB, or unknown."""
    free = simplex.free_bytes()
    assert 1e6 < free < 1e14 or free == INF


def test_a_frozen_lattice_is_a_warning_not_an_error() -> None:
    """The row of the table that is a warning: exact text, once, and the answer comes."""
    mu, nu = np.linspace(1, 0, 128) / 64, np.full(128, 1 / 128)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = step(mu, nu, tau=0.003, grid=128)
    assert [str(w.message) for w in caught] == [
        "tau = 0.003 < h/2 = 0.003937: no mass can move on this grid; the frozen flow is a lattice effect."
    ] or [str(w.message) for w in caught] == [
        "tau = 0.003 < h/2 = 0.0039: no mass can move on this grid; the frozen flow is a lattice effect."
    ]
    assert caught[0].category is WrofWarning and result.movement == 0


@pytest.mark.parametrize(
    ("tau", "options"),
    [
        (0.004, {}),  # above h/2
        (0.003, {"stops": FREE}),  # no lattice
        (0.003, {"p": 1.0, "alpha": 0.5, "tau": 0.05}),  # 2 tau > sqrt(h)
        (0.003, {"p": 1.0, "alpha": 1.0, "tau": 0.6}),
    ],
)
def test_no_warning_where_mass_can_move(tau: float, options: dict[str, Any]) -> None:
    mu, nu = np.linspace(1, 0, 128) / 64, np.full(128, 1 / 128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = step(mu, nu, **{"tau": tau, "grid": 128, **options})
    assert result.movement > 0


def test_a_flow_warns_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wrof.flow(A, B, [0.1, 0.1, 0.1], 3, grid=GRID)
    assert len(caught) == 1 and "h/2" in str(caught[0].message)


# ---- numbers --------------------------------------------------------------------------------------------------------

NUMBERS: list[tuple[Any, str]] = [
    (0, "0"),
    (0.0, "0"),
    (-0.1, "-0.1"),
    (NAN, "nan"),
    (INF, "inf"),
    (-INF, "-inf"),
    (np.float32(-2), "-2"),
    ("two", "'two'"),
    ("0.3", "'0.3'"),  # text is not a number, not even this one
    (None, "None"),
    ([0.3], "[0.3]"),
    (np.array([0.3, 0.4]), "array([0.3, 0.4])"),
    (1j, "1j"),
]


@pytest.mark.parametrize(("value", "shown"), NUMBERS, ids=repr)
@pytest.mark.parametrize("name", ["tau", "p", "rtol"])
def test_senseless_numbers(name: str, value: Any, shown: str) -> None:
    assert sentence(lambda: step(**{name: value})) == f"{name} must be finite and > 0, got {shown}."


@pytest.mark.parametrize(("value", "shown"), [pair for pair in NUMBERS if not isinstance(pair[0], str)], ids=repr)
def test_senseless_alpha(value: Any, shown: str) -> None:
    assert sentence(lambda: step(alpha=value)) == f"alpha must be finite and > 0, got {shown}."


@pytest.mark.parametrize("alpha", ["2+tau", "1", "tau", "", "1+tau+tau", "one"])
def test_senseless_words_for_alpha(alpha: str) -> None:
    assert sentence(lambda: step(alpha=alpha)) == f"alpha must be a number > 0 or '1+tau', got {alpha!r}."


def test_tau_too_small_to_divide_by() -> None:
    assert "too small" in sentence(lambda: step(tau=1e-310))


@pytest.mark.parametrize("value", [0, -3, 2.5, NAN, INF, "many", [3]])
def test_senseless_max_iter(value: Any) -> None:
    assert re.fullmatch(r"max_iter must be a whole number >= 1, got .*\.", sentence(lambda: step(max_iter=value)))


@pytest.mark.parametrize("p", [0, -1, NAN, INF, "two", None])
@pytest.mark.parametrize("verb", [wrof.distance, wrof.distance_power])
def test_senseless_p_of_a_distance(verb: Callable[..., float], p: Any) -> None:
    shown = f"{p:g}" if isinstance(p, int | float) else repr(p)
    assert sentence(lambda: verb(A, B, p, grid=GRID)) == f"p must be finite and > 0, got {shown}."


@pytest.mark.parametrize("theta", [0, -0.1, NAN, INF, "half"])
def test_senseless_fractions(theta: Any) -> None:
    assert sentence(lambda: wrof.fraction_of_d1(theta)).startswith("theta must be finite and > 0, got ")


def test_a_rule_is_not_a_step_size() -> None:
    text = sentence(lambda: step(tau=wrof.fraction_of_d1(0.5)))
    assert text.startswith("tau must be finite and > 0")


# ---- names ----------------------------------------------------------------------------------------------------------

PLAN = np.outer(A, B)
TYPOS: dict[str, tuple[Callable[[], Any], str]] = {
    "step select": (lambda: step(slect="lazy"), "unknown key 'slect'; did you mean 'select'?"),
    "step alpha": (lambda: step(alfa=1), "unknown key 'alfa'; did you mean 'alpha'?"),
    "step place": (lambda: wrof.step(A, B, 0.3, gird=GRID), "unknown key 'gird'; did you mean 'grid'?"),
    "step normalise": (lambda: step(normalise=True), "unknown key 'normalise'; did you mean 'normalize'?"),
    "flow select": (lambda: flow(slect="lazy"), "unknown key 'slect'; did you mean 'select'?"),
    "flow callback": (lambda: flow(calback=print), "unknown key 'calback'; did you mean 'callback'?"),
    "iter_flow": (
        lambda: list(wrof.iter_flow(A, B, 0.3, 3, grid=GRID, slect="lazy")),
        "unknown key 'slect'; did you mean 'select'?",
    ),
    "distance": (lambda: wrof.distance(A, B, 1, pionts=LINE), "unknown key 'pionts'; did you mean 'points'?"),
    "distance_power": (lambda: wrof.distance_power(A, B, 1, grid=4, rtl=1), "unknown key 'rtl'; did you mean 'rtol'?"),
    "objective": (
        lambda: wrof.objective(A, A, B, 0.3, grid=GRID, alhpa=1),
        "unknown key 'alhpa'; did you mean 'alpha'?",
    ),
    "certify": (
        lambda: wrof.certify(A, B, 0.3, PLAN, grid=GRID, stps=LINE),
        "unknown key 'stps'; did you mean 'stops'?",
    ),
    "solver": (lambda: step(solver="simplx"), "unknown solver 'simplx'; did you mean 'simplex'?"),
    "solver of a flow": (lambda: flow(solver="monotne"), "unknown solver 'monotne'; did you mean 'monotone'?"),
    "solver far off": (
        lambda: step(solver="cplex9000"),
        "unknown solver 'cplex9000'; known: auto, monotone, simplex, multiscale, lp.",
    ),
    "no solver": (lambda: step(solver=None), "unknown solver 'None'; known: auto, monotone, simplex, multiscale, lp."),
    "select": (lambda: step(select="eagre"), "unknown select 'eagre'; did you mean 'eager'?"),
    "select of a flow": (lambda: flow(select="min-norm"), "unknown select 'min-norm'; did you mean 'min_norm'?"),
    "select far off": (lambda: step(select="xyz"), "unknown select 'xyz'; known: lazy, eager, min_norm, vertex."),
    "toy": (lambda: wrof.toys.build("two_pont"), "unknown toy 'two_pont'; did you mean 'two_point'?"),
    "key of a toy": (lambda: wrof.toys.build("bumps:widht=2"), "unknown key 'widht'; did you mean 'width'?"),
}


@pytest.mark.parametrize("case", TYPOS)
def test_typos(case: str) -> None:
    call, text = TYPOS[case]
    found = sentence(call)
    if "known: auto" in text:  # solvers may be added
        assert found.startswith(text.removesuffix("."))
    else:
        assert found == text


@pytest.mark.parametrize("name", ["solver", "select"])
@pytest.mark.parametrize("value", [["lp"], {"lp": 1}, 3, ("lazy",)])
def test_names_that_are_no_names(name: str, value: Any) -> None:
    """Whatever is passed for a name, the answer is the list of names, not a TypeError."""
    assert sentence(lambda: step(**{name: value})).startswith(f"unknown {name} '")


def test_an_unknown_toy_lists_the_known_ones() -> None:
    text = sentence(lambda: wrof.toys.get("zzz"))
    assert text.startswith("unknown toy 'zzz'; known: ") and all(name in text for name in wrof.toys.TOYS)


def test_an_unknown_key_lists_the_known_ones() -> None:
    text = sentence(lambda: step(zzzz=1))
    names = set(re.fullmatch(r"unknown key 'zzzz'; known: (.*)\.", text).group(1).split(", "))  # type: ignore[union-attr]
    assert {"grid", "points", "source_points", "target_points", "normalize", "alpha", "p", "stops", "select"} <= names


# ---- places and shapes ----------------------------------------------------------------------------------------------

ONE_PLACE = "{0} is a plain array: pass exactly one of grid=, points=, {0}_points=."
PLACES: dict[str, tuple[Callable[[], Any], str]] = {
    "nowhere": (lambda: wrof.step(A, B, 0.3), ONE_PLACE.format("source")),
    "grid and points": (lambda: step(grid=GRID, points=LINE), ONE_PLACE.format("source")),
    "points twice": (lambda: step(points=LINE, source_points=LINE), ONE_PLACE.format("source")),
    "target nowhere": (lambda: step(source_points=LINE), ONE_PLACE.format("target")),
    "target twice": (
        lambda: step(mu=GRID.measure(A), grid=GRID, target_points=LINE),
        ONE_PLACE.format("target"),
    ),
    "Measure and other points": (
        lambda: step(GRID.measure(A), GRID.measure(B), points=PLANE),
        "source is a Measure and knows its points: drop grid= and points=.",
    ),
    "Measure and another grid": (
        lambda: step(GRID.measure(A), GRID.measure(B), grid=5),
        "source is a Measure and knows its points: drop grid= and points=.",
    ),
    "Measure, its grid, and other points": (
        lambda: step(GRID.measure(A), GRID.measure(B), grid=GRID, points=PLANE),
        "source is a Measure and knows its points: drop grid= and points=.",
    ),
    "dimensions of the measures": (
        lambda: step(source_points=LINE, target_points=PLANE),
        "source lives in dimension 1, target in 2.",
    ),
    "dimensions of Measures": (
        lambda: wrof.step(GRID.measure(A), Grid((2, 2)).measure(B), 0.3),
        "source lives in dimension 1, target in 2.",
    ),
    "dimension of the stops": (lambda: step(stops=PLANE), "stops live in dimension 2, the measures in 1."),
    "dimension of a grid of stops": (
        lambda: step(points=PLANE, stops=Grid(4)),
        "stops live in dimension 1, the measures in 2.",
    ),
    "shape on a grid": (
        lambda: step(np.ones((3, 4)), np.ones((4, 3)), grid=(4, 3)),
        "source weights have shape (3, 4); a grid of shape (4, 3) takes that shape or (12,).",
    ),
    "length on a grid": (
        lambda: step(np.ones(12), np.ones(11), grid=(4, 3)),
        "target weights have shape (11,); a grid of shape (4, 3) takes that shape or (12,).",
    ),
    "a picture on a cloud": (
        lambda: step(np.ones((2, 2)), B, points=PLANE),
        "source weights have shape (2, 2); a point cloud takes one weight per point.",
    ),
    "a number for weights": (
        lambda: step(1.0, 1.0, points=PLANE),
        "source weights have shape (); a point cloud takes one weight per point.",
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_places_and_shapes(case: str) -> None:
    call, text = PLACES[case]
    assert sentence(call) == text


def test_measures_of_two_dimensions_clash_without_a_place() -> None:
    text = sentence(lambda: wrof.distance(GRID.measure(A), Grid((2, 2)).measure(B), 1))
    assert text == "source lives in dimension 1, target in 2."


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: step([], [], grid=GRID), "source"),
        (lambda: step([], [], points=[]), "points"),
        (lambda: step([], [], points=np.empty((0, 2))), r"got shape \(0, 2\)"),
        (lambda: step(A, B, points=np.empty((4, 0))), r"got shape \(4, 0\)"),
        (lambda: step(A, B, points=np.zeros((4, 1, 1))), r"got shape \(4, 1, 1\)"),
        (lambda: step(stops=[]), r"got shape \(0,\)"),
        (lambda: PointCloud(3.0), r"got shape \(\)"),
        (lambda: step(np.zeros(4), B), "source has total mass 0"),
        (lambda: step(A, np.zeros(4)), "target has total mass 0"),
        (lambda: step(np.zeros(4), np.zeros(4)), "source has total mass 0"),
        (lambda: step(np.zeros(4), B, normalize=True), "source has total mass 0"),
        (lambda: step([1e308, 1e308, 0, 0], B), "source has total mass inf"),
    ],
)
def test_empty_and_massless(call: Callable[[], Any], words: str) -> None:
    assert re.search(words, sentence(call))


# ---- what is not an array of numbers --------------------------------------------------------------------------------

NOT_NUMBERS: dict[str, Any] = {
    "complex": A + 0j,
    "objects": np.array([1, None, 0, 0], dtype=object),
    "numbers as objects": np.array([1, 2, 0, 0], dtype=object),
    "text": ["1", "0", "0", "0"],
    "dates": np.array(["2023-12-04"] * 4, dtype="M8[D]"),
    "None": None,
    "a dict": {0: 1.0},
    "a set": {1.0, 2.0},
    "records": np.zeros(4, dtype=[("w", float)]),
}


@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_not_numbers(kind: str) -> None:
    """Weights, points and bounds alike; the sentence names the culprit."""
    value = NOT_NUMBERS[kind]
    for call, what in (
        (lambda: step(value, B), "source weights"),
        (lambda: step(A, value), "target weights"),
        (lambda: PointCloud(value), "points"),
        (lambda: Grid(2, bounds=value if value is not None else [None, None]), "grid bounds"),
    ):
        text = sentence(call)
        assert text.startswith(what) and "real numbers" in text, text


@pytest.mark.parametrize("ragged", [[[1, 0], [0]], [[1, 2], 3], [np.ones(2), np.ones(3)]], ids=str)
def test_ragged_lists(ragged: Any) -> None:
    """In our words, not NumPy's."""
    for call, what in (
        (lambda: step(ragged, B), "source weights"),
        (lambda: step(A, B, points=ragged), "points"),
        (lambda: step(A, B, stops=ragged), "points|stops"),
        (lambda: Grid((2, 2), bounds=ragged), "grid bounds"),
    ):
        text = sentence(call)
        assert re.match(f"({what}) ", text), text
        assert "rectangular" in text and "inhomogeneous" not in text, text


def test_the_first_bad_entry_of_the_weights_wins_over_the_shape() -> None:
    assert "non-finite" in sentence(lambda: step([NAN] * 4, B))
    assert "points has" in sentence(lambda: step(points=[[0.0], [1], [NAN], [INF]]))


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ([[0.0, 1], [2, INF]], "points has 1 non-finite coordinate (first: [1, 1] = inf)."),
        ([[0.0, NAN], [2, INF]], "points has 2 non-finite coordinates (first: [0, 1] = nan)."),
    ],
)
def test_non_finite_points(points: Any, text: str) -> None:
    assert sentence(lambda: PointCloud(points)) == text


@pytest.mark.parametrize(
    "where",
    [
        {"source_points": [NAN, 0, 1, 2], "target_points": LINE},
        {"source_points": LINE, "target_points": [NAN, 0, 1, 2]},
    ],
)
def test_non_finite_points_say_whose(where: dict[str, Any]) -> None:
    """With two clouds, or stops besides, the sentence says which one is meant."""
    culprit = next(name for name, value in where.items() if value is not LINE)
    text = sentence(lambda: step(**where))
    assert culprit.split("_")[0] in text, text


def test_non_finite_stops_say_so() -> None:
    assert "stops" in sentence(lambda: step(stops=[0.0, NAN]))


# ---- grids ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [0, -2, (3, 0), (), [], 2.5, "4", "ab", None, NAN, INF, [[3, 4]], (3, None), 1j, {}])
def test_senseless_shapes(shape: Any) -> None:
    assert sentence(lambda: Grid(shape)) == f"grid shape must be integers >= 1, got {shape!r}."


@pytest.mark.parametrize("shape", [0, 2.5, "4", INF])
def test_senseless_shapes_through_step(shape: Any) -> None:
    assert sentence(lambda: step(grid=shape)) == f"grid shape must be integers >= 1, got {shape!r}."


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((1, 0), "grid bounds of axis 0 must be finite with lo < hi, got (1, 0)."),
        ((2, 2), "grid bounds of axis 0 must be finite with lo < hi, got (2, 2)."),
        (((0, 1), (0, NAN)), "grid bounds of axis 1 must be finite with lo < hi, got (0, nan)."),
        (((0, 1), (-INF, 0)), "grid bounds of axis 1 must be finite with lo < hi, got (-inf, 0)."),
        ((0, 1, 2), "grid bounds need one (lo, hi), or one per axis (2); got shape (3,)."),
        (1.0, "grid bounds need one (lo, hi), or one per axis (2); got shape ()."),
        (((0, 1),) * 3, "grid bounds need one (lo, hi), or one per axis (2); got shape (3, 2)."),
    ],
)
def test_senseless_bounds(bounds: Any, text: str) -> None:
    assert sentence(lambda: Grid((3, 4), bounds=bounds)) == text


# ---- flows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [-1, 1.0, 2.5, True, False, "3", None, NAN, [3], np.float64(2)])
def test_senseless_steps(steps: Any) -> None:
    assert sentence(lambda: flow(steps=steps)) == f"steps must be a whole number >= 0, got {steps!r}."


@pytest.mark.parametrize("steps", [-1, 1.0, 2.5, True, "3", [3]])
def test_senseless_steps_of_the_generator(steps: Any) -> None:
    """The generator knows the same numbers as the flow, and None besides."""
    text = sentence(lambda: list(wrof.iter_flow(A, B, 0.3, steps, grid=GRID)))
    assert text.startswith("steps must be a whole number >= 0") and repr(steps) in text


@pytest.mark.parametrize(
    ("tau", "text"),
    [
        ([0.3, 0.3], "tau has 2 entries for 3 steps; give one per step."),
        (np.array([0.3]), "tau has 1 entries for 3 steps; give one per step."),
        ([], "tau has 0 entries for 3 steps; give one per step."),
        ([0.3, -0.3, 0.3], "tau[1] must be finite and > 0, got -0.3."),
        ([0.3, 0.3, 0.3, NAN], "tau[3] must be finite and > 0, got nan."),
        ([0.3, "x", 0.3], "tau[1] must be finite and > 0, got 'x'."),
        ([[0.3, 0.3], [0.3, 0.3], [0.3, 0.3]], "tau[0] must be finite and > 0, got [0.3, 0.3]."),
        (-1, "tau must be finite and > 0, got -1."),
        ("abc", "tau must be finite and > 0, got 'abc'."),
        (None, "tau must be finite and > 0, got None."),
    ],
)
def test_senseless_step_sizes(tau: Any, text: str) -> None:
    """All entries are read before the first step is taken."""
    seen: list[Any] = []
    found = sentence(lambda: flow(tau=tau, callback=seen.append))
    assert found.replace("1 entry ", "1 entries ") == text and seen == []


def test_a_sequence_needs_an_end() -> None:
    assert sentence(lambda: list(wrof.iter_flow(A, B, [0.3], grid=GRID))).startswith("tau has 1 entr")


@pytest.mark.parametrize(
    "options", [{"alpha": -1}, {"p": 0}, {"rtol": -1}, {"select": "lzy"}, {"solver": "simplx"}, {"max_iter": 0}]
)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_flow_of_no_steps_is_checked_all_the_same(options: dict[str, Any], steps: int) -> None:
    assert next(iter(options)) in sentence(lambda: flow(steps=steps, **options))


def test_errors_of_a_callback_come_through() -> None:
    """The user's own exception, untouched, at once; no later step is taken."""
    mine, seen = KeyError("mine"), []

    def callback(state: Any) -> None:
        seen.append(state.k)
        if state.k == 2:
            raise mine

    with pytest.raises(KeyError) as caught:
        wrof.flow(A, B, [0.3] * 5, 5, grid=GRID, callback=callback)
    assert caught.value is mine and mine.__context__ is None and seen == [1, 2]


# ---- solvers and selections that cannot -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (
            lambda: step(points=PLANE, solver="monotone"),
            r"'monotone' needs points on a line, these are in dimension 2; use .*'simplex'\.",
        ),
        (
            lambda: step(p=0.5, solver="monotone"),
            r"'monotone' needs p >= 1 and alpha >= 1, got p = 0\.5, alpha = 1; use .*'simplex'\.",
        ),
        (
            lambda: step(alpha=0.9, solver="monotone"),
            r"'monotone' needs p >= 1 and alpha >= 1, got p = 2, alpha = 0\.9; use .*'simplex'\.",
        ),
        (
            lambda: step(stops=FREE, solver="lp"),
            r"'lp' needs finitely many stops, these are FREE; use .*'simplex'\.",
        ),
        (
            lambda: step(stops=FREE, select="min_norm"),
            r"select='min_norm' needs finitely many stops, these are FREE; use .*'lazy' or .*'eager'\.",
        ),
        (
            lambda: flow(stops=FREE, select="min_norm"),
            r"select='min_norm' needs finitely many stops, these are FREE; use .*'lazy' or .*'eager'\.",
        ),
        (lambda: step(init=3), r"init must be a StepResult, got int\."),
    ],
)
def test_refusals_say_what_can(call: Callable[[], Any], pattern: str) -> None:
    text = sentence(call)
    assert re.fullmatch(pattern, text), text


def test_lp_refuses_what_highs_cannot_take() -> None:
    full = np.ones((40, 40))
    text = sentence(lambda: step(full, full, grid=(40, 40), solver="lp"))
    assert re.fullmatch(r"'lp' would have 5120000 unknowns, more than \d+; use .*'simplex'\.", text)


def test_init_of_another_target() -> None:
    start = step()
    assert "another target" in sentence(lambda: step(nu=B[::-1], init=start))
    assert step(init=start).value == start.value


@pytest.mark.parametrize(
    "points",
    [[[0.0, 0], [1e200, 1]], [[0.0, 0], [1e160, 1e160]]],
)
@pytest.mark.parametrize("stops", [None, FREE])
def test_lengths_beyond_floating_point(points: Any, stops: Any) -> None:
    """Squares overflow: say so, and what to do."""
    with np.errstate(over="ignore"):  # kernels run as plain Python complain in passing
        text = sentence(lambda: wrof.step([1, 0], [0, 1], 0.3, points=points, stops=stops))
    assert "overflow" in text and "rescale the lengths" in text


# ---- certify --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (np.zeros((3, 3)), "plan has shape (3, 3); the measures need (4, 4)."),
        (np.full((4, 4), NAN), "plan has non-finite masses."),
        (np.ones((4, 4)), "plan moves mass at source point 1, which has weight 0."),
        (([0], [3], [0]), "plan as a tuple is (source, target, stop, mass), got 3 entries."),
        (([0], [3], [0, 1], [1.0]), "plan has parts of lengths 1, 1, 2, 1; they must agree."),
        (([0], [4], [0], [1.0]), "plan target indices must be integers in [0, 4)."),
        (([-1], [3], [0], [1.0]), "plan source indices must be integers in [0, 4)."),
        (([0.5], [3], [0], [1.0]), "plan source indices must be integers in [0, 4)."),
        (([0], [3], [4], [1.0]), "plan stop indices must be integers in [0, 4)."),
        (([0], [0], [0], [1.0]), "plan moves mass at target point 0, which has weight 0."),
    ],
)
def test_plans_that_do_not_fit(plan: Any, text: str) -> None:
    assert sentence(lambda: wrof.certify(A, B, 0.3, plan, grid=GRID)) == text


def test_potentials_that_do_not_fit() -> None:
    assert sentence(lambda: wrof.certify(A, B, 0.3, PLAN, [1.0], grid=GRID)) == (
        "potential has 1 entries, the target 4 points."
    )
    bad = [0, 0, 0, NAN]
    assert "not finite" in sentence(lambda: wrof.certify(A, B, 0.3, PLAN, bad, grid=GRID))


@pytest.mark.parametrize("plan", [np.zeros((4, 4)), PLAN / 2, PLAN * 2, ([], [], [], []), ([0], [3], [0], [-1.0])])
def test_a_bad_plan_is_graded_not_refused(plan: Any) -> None:
    """The status says what is wrong; nothing is raised, not even for a plan that moves nothing at all."""
    result = wrof.certify(A, B, 0.3, plan, grid=GRID)
    assert not result.status.ok and result.infeasibility > 0.4


# ---- one-point spaces work ------------------------------------------------------------------------------------------

ONE_POINT: dict[str, dict[str, Any]] = {
    "grid": {"grid": 1},
    "plane grid": {"grid": (1, 1)},
    "cloud": {"points": [[3.0, 4.0]]},
    "two places": {"source_points": [[0.0, 0]], "target_points": [[0.0, 0]]},
    "twice the point": {"points": [[3.0, 4.0], [3.0, 4.0]]},
    "free": {"points": [[3.0, 4.0, 0.0]], "stops": FREE},
    "free line": {"points": [3.0], "stops": FREE},
}


@pytest.mark.parametrize("case", ONE_POINT)
@pytest.mark.parametrize(("p", "alpha"), [(2.0, 1.0), (1.0, 0.5), (0.5, 2.0), (2.0, "1+tau")])
def test_one_point_spaces_work(case: str, p: float, alpha: Any) -> None:
    """Nothing can move: J = 0, the regime is the target, settled at once, every distance is 0."""
    where = ONE_POINT[case]
    weights = [0.5, 0.25] if case == "twice the point" else [0.75]
    for select in ("lazy", "eager", "vertex", *(() if "stops" in where else ("min_norm",))):
        result = wrof.step(weights, weights, 0.3, alpha=alpha, p=p, select=select, **where)
        assert result.value == result.movement == result.discrepancy == 0 and result.status.ok
        assert result.rho.mass == 0.75
    walk = wrof.flow(weights, weights, 0.3, 5, alpha=alpha, p=p, **where)
    assert (walk.stopped, walk.regime, walk.settled_at) == ("target", "target", 0)
    place = {k: v for k, v in where.items() if k != "stops"}
    assert wrof.distance(weights, weights, p, **place) == 0


def test_a_single_stop_takes_all() -> None:
    """One stop between source and target: everything goes there whatever tau."""
    result = wrof.step([0.5, 0.5], [1.0], 0.01, source_points=[0.0, 1.0], target_points=[4.0], stops=[2.0])
    assert np.array_equal(result.rho.weights, [1.0])
    assert result.movement == pytest.approx(0.5 * 4 + 0.5 * 1, rel=1e-15) and result.discrepancy == 2.0


def test_an_axis_of_one_point() -> None:
    """A line drawn as a 1 x 5 picture is the line."""
    flat = step([1.0, 0, 0, 0, 0], [0, 0, 0, 0, 1.0], grid=5)
    for shape in ((1, 5), (5, 1)):
        drawn = step(np.eye(1, 5).reshape(shape), np.eye(1, 5, 4).reshape(shape), grid=shape)
        assert drawn.value == pytest.approx(flat.value, rel=1e-15)
        assert np.array_equal(drawn.rho.weights, flat.rho.weights)


# ---- nothing is changed ---------------------------------------------------------------------------------------------


def test_bad_input_changes_nothing() -> None:
    """All the calls above leave their arguments, shared by them, as they were."""
    kept = [SLIP.copy(), HOLES.copy(), FIRST_HOLE.copy(), PLAN.copy()]
    measure = GRID.measure(A)
    for table in (TABLE, TYPOS, PLACES):
        for call, _ in table.values():
            with contextlib.suppress(Exception):
                call()
    for select in ("lazy", "eager", "min_norm", "none"):
        with contextlib.suppress(WrofError):
            wrof.step(measure, B * 2, 0.3, normalize=True, grid=GRID, select=select)
    for array, before in zip((SLIP, HOLES, FIRST_HOLE, PLAN), kept, strict=True):
        assert np.array_equal(array, before, equal_nan=True)
    assert np.array_equal(measure.weights, A) and measure.mass == 1
    assert A.tolist() == [1, 0, 0, 0] and B.tolist() == [0, 0, 0.5, 0.5]


def test_a_cloud_of_many_stops_is_announced(monkeypatch):
    """The joint cost over stops in a cloud takes n x k x m terms: said before it is begun, with the way out."""
    step = sys.modules["wrof.step"]
    monkeypatch.setattr(step, "SLOW", 100.0)
    x, y = np.random.default_rng(0).random((2, 5, 2))
    with pytest.warns(wrof.WrofWarning, match=r"over 10 stops in a cloud is a product of 2\.5e\+02 terms.*wrof\.FREE"):
        wrof.step(np.ones(5), np.ones(5), 0.1, source_points=x, target_points=y)
