"""Where almost nothing moves: masses that differ by rounding, thresholds far away, slivers that are no atoms."""

from __future__ import annotations

import numpy as np
import pytest

import wrof
from wrof import WrofError


@pytest.mark.parametrize("size", [1e-16, 1e-14, 1e-13, 1e-12, 1e-10])
@pytest.mark.parametrize("exponents", [{}, {"p": 1.0, "alpha": 0.5}], ids=["printed", "plotted"])
@pytest.mark.filterwarnings("ignore::wrof.WrofWarning")
def test_almost_equal_measures_are_certified(size, exponents):
    """J is of the size of the noise, and a gap relative to it is rounding."""
    rng = np.random.default_rng(int(-np.log10(size)))
    for n in (2, 5, 40):
        target = rng.random(n)
        target /= target.sum()
        source = target * (1 + size * rng.standard_normal(n))
        result = wrof.step(source, target, 0.3, grid=wrof.Grid((n,)), **exponents)
        assert result.status.ok and 0 <= result.value <= 10 * size
        threshold = wrof.frozen_below(source, target, grid=wrof.Grid((n,)), **exponents)
        assert threshold is None or threshold > 0


def test_a_plan_that_moves_too_much_is_still_noticed():
    """What marginals off by rounding excuse is rounding."""
    call = {"points": [[0.0], [1.0], [2.0]]}
    mu, nu = [0.5, 0.0, 0.5], [0.5, 1e-13, 0.5 - 1e-13]
    best = wrof.step(mu, nu, 0.9, **call)
    detour = (np.array([0, 2, 2]), np.array([2, 0, 1]), np.array([2, 0, 1]), np.array([0.5 - 1e-13, 0.5, 1e-13]))
    bad = wrof.certify(mu, nu, 0.9, detour, best.potentials, **call)
    assert best.status.ok and not bad.status.ok


@pytest.mark.slow
def test_slivers_are_no_atoms():
    """100,000 slivers of rounding neither delay the arrival nor lock mass in."""
    n = 100_000
    found = wrof.predict(np.arange(n, 0, -1.0), np.ones(n), tau=0.01, grid=wrof.Grid((n,)), normalize=True)
    assert (found.regime, found.settled_at) == ("target", 25)  # the atoms at the ends have 1/4 to go, in steps of tau


def test_many_small_excesses_are_one_large():
    """Twenty pairs of stops, each with 5e-13 too much or too little: together more than a flow calls rounding."""
    points = np.ravel([[10.0 * i, 10.0 * i + 1] for i in range(20)])[:, None]
    mu = np.ravel([[1 / 20 + e, 0] for e in np.tile([5e-13, -5e-13], 10)])
    nu = np.ravel([[0, 1 / 20]] * 20)
    found = wrof.predict(mu, nu, tau=1.0, points=points)
    flow = wrof.flow(mu, nu, 1.0, 9, points=points)
    assert flow.regime in found.regimes


@pytest.mark.parametrize(("tau", "margin"), [(1e150, 1.0), (1e-160, 5e159)])
def test_critical_taus_far_away(tau, margin):
    result = wrof.step([1, 0], [0, 1], tau=tau, points=[[0.0], [1.0]])
    assert result.tie_margin == pytest.approx(margin, rel=1e-12)


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "tau-0.5.npz").write_text("precious")
    with pytest.raises(WrofError, match="holds 'tau-0.5.npz' and no sweep; give an empty or a new folder"):
        wrof.sweep(taus=[0.5], steps=2, out=tmp_path, **wrof.toys.two_point(2.0))
    assert (tmp_path / "tau-0.5.npz").read_text() == "precious"


def test_exponents_are_named_as_given():
    with pytest.raises(WrofError, match="alpha <= 1, got 1.3"):
        wrof.hop_graph([1, 0], [0, 1], tau=0.3, alpha="1+tau", points=[[0.0], [1.0]])
    with pytest.raises(WrofError, match=r"alpha must be a number > 0 or '1\+tau', got 'tau\+1'"):
        wrof.phases([1, 0], [0, 1], alpha="tau+1", points=[[0.0], [1.0]])
