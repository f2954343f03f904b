"""Wide ranges: specks of mass, long and short lengths, large powers. What cannot be computed is refused in words."""

import numpy as np
import pytest

import wrof


def test_rounding_of_masses_is_not_transported():
    """0.1 + 0.2 is not 0.3: the difference, 5e-17, must not cross a gap of 200 at the seventh power."""
    a, b = [0.1, 0.2, 0.7], [0.1 + 0.2, 0.7]
    assert b[0] != 0.3
    for flat in (True, False):
        source, target = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [1.0]])
        if not flat:
            source, target = (np.column_stack([x, np.zeros(len(x))]) for x in (source, target))
        assert wrof.distance(a, b, 7, source_points=source, target_points=target) <= 1e-12

    far = {"p": 7, "alpha": 1, "source_points": [[200.0], [0], [0]], "target_points": [[0.0]]}
    result = wrof.step([0.2, 0.7, 0.1], [1.0], 1e-3, stops=wrof.FREE, **far)
    assert wrof.objective(result.rho, [0.2, 0.7, 0.1], [1.0], 1e-3, **far) == pytest.approx(result.value, rel=1e-12)


def test_a_speck_that_goes_far_excuses_no_gap():
    """A needless swap of all mass is not optimal, whatever an atom of 1e-13 costs."""
    m = [0.5, 0.5, 1e-13]
    swap = np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 1e-13]])
    stay = np.diag(m)
    places = {"source_points": [0, 1, 1e8], "target_points": [0, 1, 2e8]}
    assert wrof.certify(m, m, 1e3, swap, **places).status is wrof.Status.GAP
    best = wrof.certify(m, m, 1e3, stay, **places)
    assert best.value < wrof.certify(m, m, 1e3, swap, **places).value / 10


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wrof.distance([1, 0], [0, 1], p=50, points=[[0.0], [1e-8]]), "power p = 50 underflow"),
        (lambda: wrof.distance([1, 0], [0, 1], p=400, points=[[0.1], [0]]), "power p = 400 underflow"),
        (lambda: wrof.step([1, 0], [0, 1], 1.0, p=50, alpha=2, points=[[0.0], [1e-8]]), "power p = 50 underflow"),
        (lambda: wrof.step([1, 0], [0, 1], 1.0, alpha=50, points=[[0.0], [1e-8]]), "power alpha = 50 underflow"),
        (lambda: wrof.distance([1, 0], [0, 1], points=[[1e-200, 0], [-1e-200, 0]]), "lengths up to 2e-200 underflow"),
        (lambda: wrof.step([1, 0], [0, 1], 0.3, points=[[1e308], [-1e308]]), "overflow; rescale"),
        (lambda: wrof.step([1, 0], [0, 1], 1e308, points=[0, 1.0]), "tau = 1e+308 is too large"),
        (lambda: wrof.step([1, 0], [0, 1], 10**400, points=[0, 1.0]), "tau must be finite and > 0"),
        (lambda: wrof.flow([1, 0], [0, 1], 0.6, 5, callback="x", points=[0, 1.0]), "callback must be a function"),
        (
            lambda: wrof.step(np.ma.masked_array([1.0, 5.0], mask=[0, 1]), [0, 1], 0.6, points=[0, 1.0]),
            "masked entries",
        ),
    ],
)
def test_what_cannot_be_computed_is_refused(call, words):
    with pytest.raises(wrof.WrofError, match=words.replace("+", r"\+")):
        call()


@pytest.mark.parametrize("tau", [700.0, 2100.0])
def test_large_tau_as_an_exponent(tau):
    """alpha = 1 + tau overflows over the distance, the movement does not: mass moves for r^2 / 2 tau."""
    result = wrof.step([1, 0], [0, 1], tau, alpha="1+tau", points=[[0.0, 0], [3, 1]])
    assert result.value == pytest.approx(10 / (2 * tau), rel=1e-14)


def test_a_fraction_of_d1_ends_where_nothing_moves():
    line = {"points": [0, 1.0]}
    stuck = wrof.flow([1, 0], [0, 1], wrof.fraction_of_d1(0.3), 50, **line)
    assert (stuck.regime, stuck.stopped, len(stuck.results)) == ("frozen", "fixed point", 1)
    there = wrof.flow([1, 0], [0, 1], wrof.fraction_of_d1(3), 50, **line)
    assert (there.regime, there.stopped, there.settled_at) == ("target", "target", 1)
    assert len(list(wrof.iter_flow([1, 0], [0, 1], wrof.fraction_of_d1(0.3), **line))) == 1


def test_potentials_of_a_result_can_be_certified():
    call = {"points": [[0.0], [1.0], [2.0]]}
    result = wrof.step([0.5, 0.5, 0.0], [0.0, 0.25, 0.75], 0.6, **call)
    graded = wrof.certify([0.5, 0.5, 0.0], [0.0, 0.25, 0.75], 0.6, result.plan, result.potentials, **call)
    assert graded.status.ok and graded.value == result.value


@pytest.mark.parametrize("solver", ["lp", "simplex"])
@pytest.mark.parametrize("far", [1e3, 1e6, 1e8])
def test_two_scales_are_certified(solver, far):
    """Two clusters far apart: costs up to far^2, of which a solver's tolerance is a part, and hops within a cluster."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, y = (rng.random((6, 2)) + far * rng.integers(0, 2, (6, 1)) for _ in range(2))
        a, b = rng.dirichlet(np.ones(6), 2)
        result = wrof.step(a, b, 0.5, source_points=x, target_points=y, solver=solver)
        assert result.status.ok and result.gap <= 1e-9 * result.scale
