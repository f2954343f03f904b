"""The published pictures of [D]: K = 128 points of [0, 1], and every number that is known about them.

[D] C. Davies, The WROF Problem and WGANs, slides and report, Toronto 2023 (repository Camdav/MAT1510). Ramps are built
here: linear, ending at 0. Digitised bars: `experiments/data`, good to 1.3e-4.
"""

from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import oracles
import pytest

import wrof

pytestmark = pytest.mark.filterwarnings("ignore::wrof.WrofWarning")

K = 128
H = 1 / 127
GRID = wrof.Grid(K)
DOWN = np.arange(127, -1, -1) / (127 * 64)  # linear, 2/128 to 0
UNIFORM = np.full(K, 1 / 128)
BAR = 2e-4  # a digitised bar plus its rounding
WRONG = {"p": 1.0, "alpha": 0.5}  # the exponents that were run; printed are p = 2, alpha = 1


def read(name: str) -> np.ndarray:
    """Return bar heights as read off a picture."""
    return oracles.read_published(name)


def random_source() -> np.ndarray:
    """Return the digitised random source, normalised."""
    bars = read("random_source")
    return bars / bars.sum()


# ---- exact arithmetic -----------------------------------------------------------------------------------------------


def exact(values: Any) -> list[Fraction]:
    """Numbers as fractions, normalised exactly; decimals as they are printed."""
    parts = [Fraction(repr(float(v))) for v in values]
    total = sum(parts)
    return [part / total for part in parts]


def exact_ramp() -> list[Fraction]:
    """Return the decreasing ramp 127 : 126 : ... : 0."""
    return [Fraction(k, 127 * 64) for k in range(127, -1, -1)]


def arrival(mu: list[Fraction], nu: list[Fraction], tau: Fraction) -> int:
    """Steps of p = 2, alpha = 1 until the last atom of the monotone plan is beside its mate, in exact arithmetic.

    m = round(tau/h) cells a step; two atoms are mates where their intervals of the distribution functions overlap.
    """
    cells = tau * 127 + Fraction(1, 2)
    m = cells.numerator // cells.denominator
    assert cells != m, "tau/h is a half-integer"
    start, end = [Fraction(0), *accumulate(mu)], [Fraction(0), *accumulate(nu)]
    assert start[-1] == end[-1] == 1
    i = j = far = 0
    while i < len(mu) and j < len(nu):
        if min(start[i + 1], end[j + 1]) > max(start[i], end[j]):
            far = max(far, abs(i - j))
        if start[i + 1] <= end[j + 1]:
            i += 1
        else:
            j += 1
    return -(-far // m)


def test_arrival_by_hand() -> None:
    """{1, 0, 0} to {0, 0, 1} is two cells; a mate next door is one; equal measures are there at step 0."""
    one, none = Fraction(1), Fraction(0)
    for tau, steps in ((Fraction(1, 127), 2), (Fraction(2, 127), 1), (Fraction(14, 1270), 2)):
        assert arrival([one, none, none], [none, none, one], tau) == steps
    half = Fraction(1, 2)
    assert arrival([half, half, none], [none, half, half], Fraction(1, 127)) == 1
    assert arrival([half, half], [half, half], Fraction(1, 127)) == 0
    with pytest.raises(AssertionError, match="half-integer"):
        arrival([one], [one], Fraction(1, 254))


def test_the_digitised_bars_are_what_they_were() -> None:
    """Sums and ends of the three files, so that a changed file does not pass for a changed code."""
    assert read("random_source").sum() == pytest.approx(0.937, abs=5e-4)
    assert read("random_to_ramp_rho1").sum() == pytest.approx(1, abs=5e-3)
    assert np.abs(read("ramp_to_uniform_rho1")[41:87] - 1 / 128).max() < BAR
    assert np.abs(read("ramp_to_uniform_rho1") - DOWN).max() > 1e-3


# ---- the scheme that was run: p = 1, alpha = 1/2 --------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["auto", "lp"])
def test_ramp_to_uniform(solver: str) -> None:
    """tau = 0.3: nu exactly on cells 41..86, mu elsewhere, for ever; and that is the published picture."""
    result = wrof.step(DOWN, UNIFORM, 0.3, grid=GRID, solver=solver, **WRONG)
    rho = result.rho.weights
    expected = DOWN.copy()
    expected[41:87] = 1 / 128
    np.testing.assert_allclose(rho, expected, rtol=0, atol=1e-12)
    assert np.abs(rho - DOWN).sum() == pytest.approx(0.065084, abs=5e-7)
    assert np.abs(rho - DOWN).sum() == pytest.approx(2 * 23**2 / 16256, abs=1e-12)
    assert np.abs(rho - UNIFORM).sum() == pytest.approx(0.438853, abs=5e-7)
    assert np.abs(rho - read("ramp_to_uniform_rho1")).max() <= BAR


@pytest.mark.parametrize("select", ["lazy", "eager", "min_norm"])
def test_the_published_steady_states_are_steady(select: str) -> None:
    """rho_2 = rho_1 to 1e-12 for the three pictures: |x - z| is a metric."""
    for source, target in ((DOWN, UNIFORM), (random_source(), DOWN), (random_source(), UNIFORM)):
        walk = wrof.flow(source, target, 0.3, 5, grid=GRID, select=select, **WRONG)
        assert (walk.stopped, walk.regime, walk.settled_at) == ("fixed point", "steady", 1)
        one, two = (m.weights for m in walk.measures[1:3])
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-12)
        assert np.abs(one - source).sum() > 0.01 and np.abs(one - target).sum() > 0.01


def test_random_to_ramp() -> None:
    """The second published picture, bar by bar; the printed exponents miss it at every tau."""
    source = random_source()
    bars = read("random_to_ramp_rho1")
    rho = wrof.step(source, DOWN, 0.3, grid=GRID, **WRONG).rho.weights
    assert np.abs(rho - bars).max() <= BAR
    for tau in (0.003, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0):
        other = wrof.step(source, DOWN, tau, grid=GRID).rho.weights
        assert np.abs(other - bars).max() > 10 * BAR


def test_the_printed_exponents_miss_the_first_picture() -> None:
    bars = read("ramp_to_uniform_rho1")
    for tau in (0.003, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0):
        assert np.abs(wrof.step(DOWN, UNIFORM, tau, grid=GRID).rho.weights - bars).max() > 10 * BAR


def test_frozen_up_to_half_the_root_of_h() -> None:
    """p = 1, alpha = 1/2: frozen iff 2 tau <= sqrt(h), tau <= 0.04436783; at the threshold eager moves."""
    threshold = np.sqrt(H) / 2
    assert threshold == pytest.approx(0.04436783, abs=5e-9)
    for source, target, least in ((DOWN, UNIFORM, H / 16256), (random_source(), DOWN, 1e-4)):
        for tau, select, still in (
            (threshold * (1 - 1e-9), "eager", True),
            (threshold, "lazy", True),
            (threshold, "eager", False),
            (threshold * (1 + 1e-9), "lazy", False),
        ):
            result = wrof.step(source, target, tau, grid=GRID, select=select, **WRONG)
            if still:
                assert result.movement <= 1e-15
                np.testing.assert_allclose(result.rho.weights, source, rtol=0, atol=1e-15)
            else:
                assert result.movement >= least * (1 - 1e-9)  # ramp to uniform: only from cell 63 to 64


def test_the_target_beyond_one_half() -> None:
    """r/2tau < sqrt(r) up to r = 1 iff tau > 1/2: then rho_1 = nu; the longest ways stay short of it below."""
    for tau in (0.5 * (1 + 1e-9), 0.6, 3.0):
        rho = wrof.step(DOWN, UNIFORM, tau, grid=GRID, **WRONG).rho.weights
        np.testing.assert_allclose(rho, UNIFORM, rtol=0, atol=1e-12)
    ends = np.eye(K)[0], np.eye(K)[127]
    assert wrof.step(*ends, 0.5 * (1 + 1e-9), grid=GRID, **WRONG).rho.weights[127] == 1
    assert wrof.step(*ends, 0.5, grid=GRID, **WRONG).rho.weights[0] == 1
    assert np.abs(wrof.step(DOWN, UNIFORM, 0.4, grid=GRID, **WRONG).rho.weights - UNIFORM).sum() > 0.05


def test_mass_jumps_iff_it_has_not_far_to_go() -> None:
    """c = min(r/2tau, sqrt r): all the way iff r < 4 tau^2 = 0.36, otherwise not at all."""
    for source, target in ((DOWN, UNIFORM), (random_source(), DOWN)):
        plan = wrof.step(source, target, 0.3, grid=GRID, **WRONG).plan
        way, hop = np.abs(plan.source - plan.target) * H, np.abs(plan.stop - plan.source) * H
        heavy = plan.mass > 1e-15
        np.testing.assert_allclose(hop[heavy], np.where(way < 0.36, way, 0)[heavy], rtol=0, atol=1e-15)


# ---- the printed scheme: p = 2, alpha = 1 ---------------------------------------------------------------------------

ARRIVALS = [("0.00398", 33), ("0.012", 17), ("0.03", 9), ("0.1", 3), ("0.26", 1)]


def assert_arrives(source: np.ndarray, target: np.ndarray, tau: float, steps: int) -> Any:
    """Check that nu is reached after exactly `steps` steps, and that the flow says so."""
    walk = wrof.flow(source, target, tau, steps + 5, grid=GRID)
    assert (walk.stopped, walk.regime, walk.settled_at, len(walk.results)) == ("target", "target", steps, steps)
    np.testing.assert_allclose(walk.rho.weights, target, rtol=0, atol=1e-12)
    assert np.abs(walk.measures[steps - 1].weights - target).sum() > 1e-6
    return walk


@pytest.mark.parametrize(("tau", "steps"), ARRIVALS)
def test_ramp_to_uniform_arrives(tau: str, steps: int) -> None:
    """The known numbers of steps, which exact arithmetic confirms."""
    assert arrival(exact_ramp(), [Fraction(1, K)] * K, Fraction(tau)) == steps
    assert_arrives(DOWN, UNIFORM, float(tau), steps)


def test_assert_arrives_can_fail() -> None:
    for steps in (2, 4):
        with pytest.raises(AssertionError):
            assert_arrives(DOWN, UNIFORM, 0.1, steps)


def test_translation_and_reshaping() -> None:
    """random -> increasing ramp, tau = 0.005: arrival as in exact arithmetic, the quantile law at every step."""
    up = DOWN[::-1].copy()
    source = random_source()
    steps = arrival(exact(read("random_source")), exact_ramp()[::-1], Fraction("0.005"))
    assert steps == 31  # ORACLES says 32; the sources show steps 0, 10, 20, 30
    walk = assert_arrives(source, up, 0.005, steps)
    for k, rho in enumerate(walk.measures):
        np.testing.assert_allclose(rho.weights, oracles.quantile_flow_line(source, up, H, 0.005, k), rtol=0, atol=1e-12)
    # "translation and reshaping": by step 10 the ends are nu already, the centre is the source ten cells further right
    rho = walk.measures[10].weights
    np.testing.assert_allclose(rho[:10], up[:10], rtol=0, atol=1e-12)
    np.testing.assert_allclose(rho[115:], up[115:], rtol=0, atol=1e-12)
    np.testing.assert_allclose(rho[40:90], source[30:80], rtol=0, atol=1e-12)
    assert np.abs(rho - up)[40:90].max() > 1e-3


def test_the_printed_scheme_has_no_steady_state_in_between() -> None:
    """Uniform line: frozen for tau <= h/2, the target otherwise."""
    source = random_source()
    for tau, regime in ((H / 3, "frozen"), (H / 2, "frozen"), (0.51 * H, "target"), (1.7 * H, "target")):
        assert wrof.flow(source, UNIFORM, tau, 200, grid=GRID).regime == regime


# ---- alpha = 1 + tau ------------------------------------------------------------------------------------------------


def test_last_hop_thresholds() -> None:
    """An atom one cell away: h^2/2tau < h^(1+tau) only for 0.0040143 < tau < 1.1766733."""
    low, high = oracles.lambert_threshold(H)
    assert low == pytest.approx(0.0040143, abs=5e-8) and high == pytest.approx(1.1766733, abs=5e-8)
    one, two = np.eye(K)[60], np.eye(K)[61]
    for tau, cell in (
        (low * (1 - 1e-7), 60),
        (low * (1 + 1e-7), 61),
        (0.1, 61),
        (high * (1 - 1e-7), 61),
        (high * (1 + 1e-7), 60),
        (2.0, 60),
    ):
        assert wrof.step(one, two, tau, grid=GRID, alpha="1+tau").rho.weights[cell] == 1, tau


def test_too_large_a_step_leaves_atoms_stuck() -> None:
    """tau = 2, alpha = 3: whoever is within three cells of the mate stays there, and nobody else."""
    cells = np.arange(K)
    stuck = []
    for n in cells:
        hop = np.arange(n + 1)
        stuck.append(int(np.argmin((hop * H) ** 2 / 4 + ((n - hop) * H) ** 3)) == 0)
    assert np.flatnonzero(stuck).tolist() == [0, 1, 2, 3]
    walk = wrof.flow(DOWN, UNIFORM, 2.0, 60, grid=GRID, alpha="1+tau")
    assert walk.regime == "steady"
    plan = walk.results[-1].plan
    left = np.abs(plan.stop - plan.target)[plan.mass > 1e-13]
    assert left.max() == 3 and np.abs(walk.rho.weights - UNIFORM).sum() > 1e-3
    single = wrof.flow(np.eye(K)[10], np.eye(K)[13], 2.0, 5, grid=GRID, alpha="1+tau")
    assert single.regime == "frozen"
    four = wrof.flow(np.eye(K)[10], np.eye(K)[14], 2.0, 5, grid=GRID, alpha="1+tau")
    assert four.regime == "steady" and 11 <= int(np.argmax(four.rho.weights)) <= 13
