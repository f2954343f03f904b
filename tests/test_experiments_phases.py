"""phase_diagram and refine: each of their claims can fail; what they rest on, by brute force; other parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scripts import opened, quick_run, small_pictures

import wrof

pytestmark = pytest.mark.slow
NAMES = ("phase_diagram", "refine")
ROOMS = (*NAMES, "_common", "_arches", "_lattices", "_refine")


@pytest.fixture(scope="module")
def scripts():
    """The two experiments, and what they import, as modules; drawn small."""
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

LAST = slice(-1, None)
CORRUPT = [
    ("phase_diagram", "printed/phases/resolved", 0, False, r"every boundary proven"),
    ("phase_diagram", "plotted/sweep/status", 0, "failed", r"every flow solved"),
    ("phase_diagram", "random/sweep/movement", (7, 0), 1.0, r"24 first steps off the exact phase"),
    ("phase_diagram", "pairs/frozen_below", (), 0.1, r"frozen_below, the first critical τ"),
    ("phase_diagram", "random/target_above", (), 0.1, r"target_above, the last critical τ"),
    ("phase_diagram", "printed/sweep/regime", 0, "target", r"frozen but not below it"),
    ("phase_diagram", "plotted/sweep/settled_at", LAST, 2, r"ρ₁ = ν but not above"),
    ("phase_diagram", "printed/sweep/settled_at", 9, 30, r"of 24 predictions wrong"),
    ("phase_diagram", "random/allowed", (0, 0), False, r"predictions wrong"),
    ("phase_diagram", "printed/phases/critical", 4, 0.1, r"critical τ are \(m \+ ½\)h"),
    ("phase_diagram", "plotted/phases/critical", 4, 0.1, r"critical τ are √r/2"),
    ("phase_diagram", "plotted/sweep/movement", (5, 1), 1e-9, r"no second step moves"),
    ("phase_diagram", "pairs/stuck", (8, 0), 1e-9, r"stuck straight along an axis"),
    ("phase_diagram", "pairs/stuck", (8, 1), 0.4, r"the diagonal pairs are stuck"),
    ("phase_diagram", "random/payoff", 6, 1e-3, r"most that a hop would pay"),
    ("phase_diagram", "random/sweep/regime", 17, "running", r"not at ν in the end"),
    ("refine", "line/regime", LAST, "steady", r"frozen, of those with h ≥ 2τ"),
    ("refine", "line/regime", 0, "steady", r"ν reached, of the others"),
    ("refine", "line/arrival", 3, 7, r"not at step ⌈R/mh⌉"),
    ("refine", "line/apart", (6, 2), 0.1, r"W∞\(lattice, free\) − k\|mh − τ\|"),
    ("refine", "line/off", (6, 2), 0.1, r"W∞\(lattice, continuum\)"),
    ("refine", "line/value", 6, 0.1, r"least J\(lattice\) − J\(free\)"),
    ("refine", "line/value", 6, 1.0, r"largest deviation of it from"),
    ("refine", "square/regime", LAST, "steady", r"frozen, of those with h ≥ 2τ"),
    ("refine", "square/regime", 0, "steady", r"ν reached, of those with h < √2τ"),
    ("refine", "square/regime", 16, "target", r"at rest away from ν"),
    ("refine", "square/value", 3, 0.1, r"least J\(lattice\) − J\(free\)"),
    ("refine", "square/value", 3, 1.0, r"largest share of"),
]


@pytest.mark.parametrize(("name", "array", "place", "number", "says"), CORRUPT)
def test_claims_can_fail(quick, scripts, name, array, place, number, says):
    run = quick[name]
    arrays = dict(run.arrays)
    arrays[array] = np.array(arrays[array], dtype="U8" if isinstance(number, str) else None)
    arrays[array][place] = number
    with pytest.raises(scripts["_common"].ClaimError, match=says):
        scripts[name].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_fails_untouched(quick, scripts, name, capsys):
    scripts[name].EXPERIMENT.check(quick[name].params, quick[name].arrays, scripts["_common"].Claims())
    assert "FAIL" not in capsys.readouterr().out


def test_a_phase_that_is_not_seen_is_noticed(quick, scripts):
    """A staircase with a step left out no longer explains the sweep."""
    run = quick["phase_diagram"]
    arrays = dict(run.arrays)
    for key in ("tau_lo", "tau_hi", "movement", "discrepancy"):
        arrays[f"printed/phases/{key}"] = np.delete(arrays[f"printed/phases/{key}"], 3)
    with pytest.raises(scripts["_common"].ClaimError, match="off the exact phase"):
        scripts["phase_diagram"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


# ---- what they rest on ----


@pytest.mark.parametrize(("tau", "some"), [(0.5001, False), (0.7071, False), (0.70711, True), (1.3, True)])
def test_some_hop_pays_for_every_atom_iff_tau_exceeds_the_diagonal(tau, some):
    """Brute force on the unit lattice, all ways up to 12 cells."""
    side = np.arange(-14, 15)
    hops = np.array([(a, b) for a in side for b in side if (a, b) != (0, 0)])
    pays = []
    for way in [(a, b) for a in range(1, 13) for b in range(a + 1)]:
        gain = np.hypot(*way) - np.linalg.norm(np.array(way) - hops, axis=1)
        pays.append((gain - (hops**2).sum(axis=1) / (2 * tau)).max() > 0)
        assert pays[-1] or way[1] > 0  # along an axis one always does, for tau > 1/2
    assert all(pays) == some


def test_what_is_stuck(scripts):
    """Two atoms, one (1, 1) and one (2, 1) from home: no hop pays, the best by 0.5√2 − 1/2τ and so on."""
    grid = wrof.Grid((12, 12), bounds=(0.0, 11.0))
    mu, nu = np.zeros((2, 12, 12))
    mu[1, 1], mu[8, 8], nu[2, 2], nu[9, 10] = 0.75, 0.25, 0.75, 0.25
    tau = 0.55
    result = wrof.step(grid.measure(mu), grid.measure(nu), tau)
    assert result.still
    held, pays = scripts["_lattices"].stuck(result, grid.h)
    assert held.tolist() == [0, 0.75, 0.25, 0]
    assert pays == pytest.approx(5**0.5 - 2**0.5 - 1 / (2 * tau), abs=1e-14)
    gone = scripts["_lattices"].stuck(wrof.step(grid.measure(mu), grid.measure(nu), 9.0), grid.h)
    assert gone[0].tolist() == [0, 0, 0, 0] and gone[1] == 0


def test_quantiles(scripts):
    """Distances of quantiles against a dense table of them."""
    arches = scripts["_arches"]
    mu, nu = arches.on_line(0.04)
    u = (np.arange(200_000) + 0.5) / 200_000
    tables = [m.points[np.searchsorted(np.cumsum(m.weights), u), 0] for m in (mu, nu)]
    assert np.abs(np.subtract(*arches.couple(mu, nu))).max() == pytest.approx(np.abs(tables[0] - tables[1]).max())
    x = np.linspace(0, 1, 200_001)
    exact = np.interp(u, arches.continuum_cdf(x, 0.1), x)
    assert arches.from_continuum(mu, 0.1) == pytest.approx(np.abs(tables[0] - exact).max(), abs=2e-3)
    assert arches.from_continuum(mu, 0.0) <= 0.02 + 1e-9  # half a cell: the mass of a cell sits in its middle


# ---- other parameters ----


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("phase_diagram", ["--K", "33", "--size", "11", "--samples", "15", "--seed", "3"]),
        ("phase_diagram", ["--K", "20", "--size", "9", "--samples", "9", "--steps", "2"]),  # some are still running
        ("refine", ["--tau", "0.15", "--tau_plane", "0.09", "--points", "300", "--side", "15", "--sizes", "6"]),
        ("refine", ["--tau", "0.03", "--points", "500", "--side", "12", "--squares", "3", "--steps", "1"]),
    ],
)
def test_other_parameters(scripts, tmp_path, capsys, name, options):
    assert scripts["_common"].main(scripts[name].EXPERIMENT, [*options, "--out", str(tmp_path)]) == 0
    assert "FAIL" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("phase_diagram", ["--K", "2"], "K must be >= 3"),
        ("phase_diagram", ["--size", "7"], "size >= 8"),
        ("refine", ["--tau", "0.2"], "tau must be in"),
        ("refine", ["--tau_plane", "-1"], "tau_plane in"),
    ],
)
def test_parameters_out_of_range(scripts, tmp_path, capsys, name, options, says):
    assert scripts["_common"].main(scripts[name].EXPERIMENT, [*options, "--out", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err
