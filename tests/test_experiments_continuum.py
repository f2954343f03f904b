"""continuum, dimension, explicit_implicit, multiscale: each claim can fail; what they rest on, by brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scripts import opened, quick_run, small_pictures

import wrof

pytestmark = pytest.mark.slow
NAMES = ("continuum", "dimension", "explicit_implicit", "multiscale")
ROOMS = (*NAMES, "_common", "_continuum", "_dimension", "_explicit", "_multiscale")


@pytest.fixture(scope="module")
def scripts():
    """The experiments, and what they import, as modules; drawn small."""
    with small_pictures(), opened(ROOMS) as modules:
        yield modules


@pytest.fixture(scope="module")
def quick(scripts, tmp_path_factory):
    """Stored run of each experiment's --quick."""
    out = tmp_path_factory.mktemp("results")
    done = {name: quick_run(scripts["_common"], scripts[name], out) for name in NAMES}
    assert [code for code, _, _ in done.values()] == [0] * len(NAMES)
    return {name: run for name, (_, _, run) in done.items()}


# ---- the claims can fail ----

ALL = slice(None)
CORRUPT = [
    ("continuum", "line/value", 3, -1e-3, r"least J\(lattice\) − J\(free\)"),
    ("continuum", "line/far", 0, 1e-2, r"greatest rise of J"),
    ("continuum", "line/value", 5, 1e-10, r"off mean δ²/2τ"),
    ("continuum", "line/far", 5, 1e-10, r"off mean of the better stop"),
    ("continuum", "line/start", 2, 1e-3, r"off mean δ²/2τ"),
    ("continuum", "line/apart", (6, 2), 0.1, r"W∞ − max\(h"),
    ("continuum", "line/d1", (6, 2), 0.1, r"largest d₁ − W∞"),
    ("continuum", "line/rest", 0, 0.1, r"at rest: largest way from home"),
    ("continuum", "plane/value", 1, -1e-2, r"least J\(lattice\) − J\(free\)"),
    ("continuum", "plane/value", -1, 1e-2, r"greatest rise of J"),
    ("continuum", "plane/value", 1, 0.5, r"largest share of b²/2τ"),
    ("continuum", "plane/shift", 2, 0.1, r"largest way from stop to free stop"),
    ("continuum", "plane/d1", (2, 3), 0.5, r"largest d₁ − W∞"),
    ("continuum", "plane/rest", -1, 0.1, r"at rest: largest way from home"),
    ("dimension", "shifted", (2, 0, 0), 1e-9, r"J, K, mass that arrives off by"),
    ("dimension", "turned", (1, 2), 1e-9, r"J, K, F differ by"),
    ("dimension", "cube", (1, 0, 4), 1e3, r"atoms of ρ less"),
    ("dimension", "cube", (1, 0, 5), 1e-6, r"largest gap / J"),
    ("dimension", "cube", (1, 0, 0), -1.0, r"least J − Σ μ min"),
    ("dimension", "cube", (1, 0, 0), 9.0, r"least Σ μ ν"),
    ("dimension", "cube", (1, 0, 1), 9.0, r"largest K / τ²"),
    ("dimension", "cube", (3, 0, 2), -0.9, r"width of the bounds"),
    ("dimension", "arrives", (0, ALL), -0.5, r"its logarithm in d"),
    ("dimension", "arrives", (3, 0), 0.5, r"its logarithm in d"),
    ("dimension", "sample/above_low", (1, 1), -1.0, r"mean distance to the nearest"),
    ("dimension", "sample/below_high", (1, 1), -1.0, r"least dyadic sum"),
    ("dimension", "sample/above_jensen", (0, 1), -1.0, r"least J − c̃\(d₁\)"),
    ("dimension", "sample/below_d1", (0, 1), -1.0, r"least d₁ − J"),
    ("dimension", "sample/d1", (0, 1), 0.1, r"off the exact mean, in standard errors"),
    ("dimension", "sample/value", (0, 2), 0.1, r"mean J above 1/\(6τ"),
    ("dimension", "sample/d1", (2, 4), 0.2, r"d = 3: slope of log d₁"),
    ("dimension", "sample/low", (3, 4), 0.2, r"slope of the distance to the nearest point"),
    ("explicit_implicit", "single", (0, 0, 1), 1e-9, r"largest \|J\(explicit\) − min J\|"),
    ("explicit_implicit", "single", (0, 0, 6), -1.0, r"equals_wrof"),
    ("explicit_implicit", "single", (1, 0, 3), 1e-9, r"d₁ falls by τ: off by"),
    ("explicit_implicit", "single", (1, 0, 5), 1e-9, r"the implicit d₁ off"),
    ("explicit_implicit", "single", (1, -1, 1), -99.0, r"least \(J\(explicit\) − min J\)"),
    ("explicit_implicit", "single", (1, -1, 1), 99.0, r"2 Σ mass"),
    ("explicit_implicit", "single", (1, -1, 3), 99.0, r"largest d₁ after − Σ mass"),
    ("explicit_implicit", "constant/steps", (0, 0), 1e-9, r"d₁ falls by τ times what moves"),
    ("explicit_implicit", "constant/steps", (-1, 0), -0.9, r"least d₁ after − \(d₁ − τ\)"),
    ("explicit_implicit", "decaying/steps", (-1, 0), 0.9, r"largest d₁ after − Σ mass"),
    ("explicit_implicit", "constant/implicit", 1, 1e-9, r"implicit d₁ off the explicit one"),
    ("explicit_implicit", "decaying/implicit", -1, 1.0, r"implicit: largest d₁ after"),
    ("explicit_implicit", "constant/explicit", -3, -0.024, r"least d₁/τ of the last"),
    ("explicit_implicit", "constant/explicit", -3, 1.0, r"and largest"),
    ("explicit_implicit", "lattice/decaying/movement", -1, 1.0, r"movement K of these"),
    ("explicit_implicit", "lattice/proportional/movement", 0, -1.0, r"least K / h² of the others"),
    ("explicit_implicit", "floor/line", (0, 4), -1.0, r"on a line: flows at rest"),
    ("explicit_implicit", "floor/square", (2, 2), 1.0, r"largest θ d₁ / h at rest"),
    ("explicit_implicit", "floor/line", (-1, 2), -0.9, r"least d₁ − \(h/2θ − h\)"),
    ("multiscale", "free/displacement", 2, 1e-3, r"largest detail / λ"),
    ("multiscale", "line/displacement", 2, 0.1, r"largest detail / \(λ \+ h/2\)"),
    ("multiscale", "points/displacement", 2, 1.0, r"largest detail / 2λ"),
    ("multiscale", "image/d1", 2, 1.0, r"largest d₁\(μ, νₖ\) − mean detail"),
    ("multiscale", "free/movement", 2, 1.0, r"largest K − 2λ d₁"),
    ("multiscale", "free/discrepancy", 2, -1.0, r"largest d₁\(μ, νₖ₋₁\) − d₁"),
    ("multiscale", "line/gap", 2, 1e-6, r"largest gap"),
    ("multiscale", "image/measures", (-1, 7), 1e-6, r"there largest \|νₖ − μ\|"),
    ("multiscale", "way/z", (3, 0), 1e-6, r"min\(λ, r\)"),
    ("multiscale", "way/y", (ALL, 0), 1e-6, r"min\(λ, r\)|r − λ"),
]


@pytest.mark.parametrize(("name", "array", "place", "by", "says"), CORRUPT)
def test_claims_can_fail(quick, scripts, name, array, place, by, says):
    run = quick[name]
    arrays = {**run.arrays, array: run.arrays[array].astype(float)}
    arrays[array][place] += by
    with pytest.raises(scripts["_common"].ClaimError, match=says):
        scripts[name].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_fails_untouched(quick, scripts, name, capsys):
    scripts[name].EXPERIMENT.check(quick[name].params, quick[name].arrays, scripts["_common"].Claims())
    assert "FAIL" not in capsys.readouterr().out


def test_an_implicit_flow_that_does_not_arrive_is_noticed(quick, scripts):
    run = quick["explicit_implicit"]
    arrays = {**run.arrays, "constant/stopped": np.array(["max steps", "max steps"])}
    with pytest.raises(scripts["_common"].ClaimError, match="ends at: max steps, not target"):
        scripts["explicit_implicit"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


@pytest.mark.parametrize("k", range(2))
def test_wrong_slopes_are_noticed(quick, scripts, k):
    """Errors of another power of h."""
    run, key = quick["continuum"], ("line/apart", "line/d1")[k]
    h = run.arrays["line/h"]
    arrays = {**run.arrays, key: run.arrays[key] * (h / h.max())[:, None] ** (0.5, 1.0)[k]}
    with pytest.raises(scripts["_common"].ClaimError, match=("slope of log W∞|largest d₁ − W∞", "slope of log d₁")[k]):
        scripts["continuum"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


# ---- what they rest on ----


def test_bottleneck_by_all_permutations(scripts):
    rng = np.random.default_rng(1)
    for n in (1, 4, 6):
        x, y = rng.random((2, n, 2))
        far = cdist(x, y)
        exact = min(max(far[i, j] for i, j in enumerate(order)) for order in permutations(range(n)))
        pair = [wrof.Measure(each, np.full(n, 1 / n)) for each in (x, y)]
        assert scripts["_continuum"].bottleneck(*pair, n) == exact
    heavy = wrof.Measure([[0.0, 0.0], [1.0, 0.0]], [0.75, 0.25])
    light = wrof.Measure([[0.0, 0.0], [3.0, 4.0]], [0.25, 0.75])
    assert scripts["_continuum"].bottleneck(heavy, light, 4) == 5.0
    with pytest.raises(wrof.WrofError, match="not multiples"):
        scripts["_continuum"].bottleneck(heavy, light, 5)


def test_drift_bound_of_single_atoms(scripts):
    """Walk one atom by brute force over all stops, off the lattice, on it and from both sides."""
    rng, tau = np.random.default_rng(2), 0.1
    worst = []
    for _ in range(300):
        h = tau * rng.uniform(0.1, 2.5)
        stops = h * np.arange(np.ceil(1 / h) + 1)
        x, y = rng.random(2)
        lattice, free = x, x
        for k in range(1, 9):
            cost = (stops - lattice) ** 2 / (2 * tau) + np.abs(stops - y)
            lattice, free = stops[np.argmin(cost)], free + np.clip(y - free, -tau, tau)
            worst.append(abs(lattice - free) / scripts["_continuum"].drift_bound(h, tau, k))
    assert 0.9 < max(worst) <= 1 + 1e-9


def test_rest_bound_of_single_atoms(scripts):
    """Where an atom in the plane is at rest, whatever its home: brute force over a lattice of spacing 1."""
    rng, b = np.random.default_rng(3), 0.5**0.5
    stops = np.stack(np.meshgrid(np.arange(-12, 13), np.arange(-12, 13)), axis=-1).reshape(-1, 2)
    for tau in (3.1, 4.0, 8.0):
        farthest = 0.0
        for home in rng.uniform(-6, 6, (2000, 2)):
            cost = (stops**2).sum(axis=1) / (2 * tau) + np.linalg.norm(stops - home, axis=1)
            if np.argmin(cost) == len(stops) // 2:
                farthest = max(farthest, float(np.linalg.norm(home)))
        assert 0.6 < farthest <= scripts["_continuum"].rest_bound(b, tau)


def test_bounds_of_the_step_in_the_plane(scripts):
    """Excess of J, and the way to the free stop, of the best stop on the lattice of spacing 1."""
    rng, b = np.random.default_rng(4), 0.5**0.5
    stops = np.stack(np.meshgrid(np.arange(-9, 10), np.arange(-9, 10)), axis=-1).reshape(-1, 2)
    shares = []
    for _ in range(2000):
        tau, s, x, angle = rng.uniform(0.8, 4), rng.uniform(0.75, 9), rng.random(2), 2 * np.pi * rng.random()
        way = np.array([np.cos(angle), np.sin(angle)])
        free, home = x + tau * way, x + (tau + s) * way
        cost = ((stops - x) ** 2).sum(axis=1) / (2 * tau) + np.linalg.norm(stops - home, axis=1)
        excess, off = cost.min() - tau / 2 - s, np.linalg.norm(stops[np.argmin(cost)] - free)
        bounds = scripts["_continuum"].flight_bound(b, s, tau), scripts["_continuum"].shift_bound(b, s, tau)
        shares.append((excess / bounds[0], off / bounds[1]))
    assert (np.array(shares).max(axis=0) <= 1).all() and (np.array(shares).max(axis=0) > 0.7).all()


def test_slope(scripts):
    h = np.array([0.1, 0.2, 0.4, 0.8])
    assert scripts["_continuum"].slope(h, 3 * h**1.5, h > 0) == pytest.approx(1.5)
    assert np.isnan(scripts["_continuum"].slope(h, h, h > 0.7))


def test_mean_distance_on_a_line(scripts):
    """N = 1: mean of |X − Y| is 1/3. Others by the integral of the mean of |F − G|, binomials counted out."""
    exact = scripts["_dimension"].exact_on_line
    assert exact(1) == pytest.approx(1 / 3)
    from scipy.stats import binom

    x, weights = np.polynomial.legendre.leggauss(40)
    for n in (2, 7, 20):
        k, mean = np.arange(n + 1), 0.0
        for point, weight in zip((x + 1) / 2, weights / 2, strict=True):
            p = binom.pmf(k, n, point)
            mean += weight * float(p @ np.abs(k[:, None] - k) @ p) / n
        assert exact(n) == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3, 8])
def test_bounds_of_samples_by_assignment(scripts, d):
    rng = np.random.default_rng(d)
    for n in (1, 5, 60):
        x, y = rng.random((2, n, d))
        far = cdist(x, y)
        exact = far[linear_sum_assignment(far)].mean()
        assert scripts["_dimension"].nearest_bound(x, y) <= exact + 1e-12
        assert exact <= scripts["_dimension"].dyadic_bound(x, y) + 1e-12 <= d**0.5 + 1e-9
    assert scripts["_dimension"].dyadic_bound(x, x) < 0.6 * d**0.5
    assert scripts["_dimension"].nearest_bound(x, x) == 0


def test_fit(scripts):
    size = np.array([10, 20, 40, 80])
    d1 = 2.0 * size**-0.4
    slope, error = scripts["_dimension"].fit(size, d1, 0.01 * d1, 3)
    assert slope == pytest.approx(-0.4) and 0 < error < 0.02
    assert scripts["_dimension"].fit(size, d1 * np.sqrt(np.log(size)), d1, 2)[0] == pytest.approx(-0.4)
    noisy = d1 * [1, 1, 1, 3]
    heavy, light = (scripts["_dimension"].fit(size, noisy, np.array([1, 1, 1, e]) * d1, 3)[0] for e in (1e-3, 1e3))
    assert light == pytest.approx(-0.4, abs=1e-3) and heavy > -0.2  # what is uncertain counts less


def test_padded(scripts):
    assert scripts["explicit_implicit"].padded([3, 1], 4).tolist() == [3, 1, 1, 1]
    assert scripts["explicit_implicit"].padded([3.0], 1).tolist() == [3.0]


# ---- other parameters ----

SMALL = {
    "continuum": ["--atoms", "9", "--halvings", "8", "--sizes", "4", "--n", "9", "--halvings_plane", "6"],
    "dimension": ["--n", "12", "--scan", "5", "--least", "16", "--doublings", "4", "--pairs", "512"],
    "explicit_implicit": ["--clouds", "2", "--n", "6", "--scan", "5", "--atoms", "8", "--cells", "20", "--sides", "8"],
    "multiscale": ["--n", "8", "--size", "12", "--cells", "14", "--scales", "6"],
}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("continuum", ["--tau", "0.09", "--tau_plane", "0.09", "--seed", "3", "--steps", "4", "--steps_plane", "5"]),
        ("dimension", ["--dims", "1", "3", "30", "--sample_dims", "1", "3", "--theta", "0.7", "--tau", "0.4"]),
        ("explicit_implicit", ["--seed", "5", "--tau", "0.08", "--theta", "0.1", "--thetas", "0.15", "--decay", "0.6"]),
        ("multiscale", ["--lam", "0.7", "--seed", "2"]),
    ],
)
def test_other_parameters(scripts, tmp_path, capsys, name, options):
    code = scripts["_common"].main(scripts[name].EXPERIMENT, [*SMALL[name], *options, "--out", str(tmp_path)])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert "FAIL" not in told.out


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("continuum", ["--tau", "0.2"], "tau and tau_plane must be in"),
        ("continuum", ["--tau_far", "0.3"], "tau_far must be"),
        ("continuum", ["--halvings_plane", "4"], "at least 5 halvings"),
        ("dimension", ["--tau", "-1"], "tau and theta must be > 0"),
        ("dimension", ["--dims", "0", "2"], "dimensions must be"),
        ("explicit_implicit", ["--decay", "1.5"], "decay must be in"),
        ("explicit_implicit", ["--thetas", "0.1", "0.7"], "thetas in"),
        ("multiscale", ["--lam", "0"], "lam must be > 0"),
        ("multiscale", ["--size", "1"], "size >= 2"),
    ],
)
def test_parameters_out_of_range(scripts, tmp_path, capsys, name, options, says):
    assert scripts["_common"].main(scripts[name].EXPERIMENT, [*options, "--out", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err
