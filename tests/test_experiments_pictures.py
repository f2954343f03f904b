"""pictures: photographs as measures, what a plan does with mass, by hand and brute force; each claim can fail."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scripts import opened, small_pictures

import wrof
from wrof import store

pytestmark = pytest.mark.slow
ROOMS = ("pictures", "_common", "_pictures")


@pytest.fixture(scope="module")
def scripts():
    """The experiment, and what it imports, as modules; drawn small."""
    with small_pictures(), opened(ROOMS) as modules:
        yield modules


@pytest.fixture(scope="module")
def quick(scripts, tmp_path_factory):
    """Printed lines and stored run of --quick."""
    out, printed = tmp_path_factory.mktemp("results"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert scripts["_common"].main(scripts["pictures"].EXPERIMENT, ["--quick", "--out", str(out)]) == 0
    (path,) = store.find_runs(out, "pictures")
    return printed.getvalue(), store.load_run(path)


def main(scripts, *options):
    return scripts["_common"].main(scripts["pictures"].EXPERIMENT, [str(option) for option in options])


# ---- it holds ----


def test_quick(quick):
    printed, run = quick
    assert "FAIL" not in printed and printed.count("  ok  ") >= 15
    assert run.manifest["statuses"] == ["OPTIMAL"] and run.manifest["worst_gap"] <= 1e-12
    assert sorted(p.name for p in run.path.iterdir()) == ["arrays.npz", "manifest.json", "pictures.gif", "pictures.png"]
    assert [one["name"] for one in run.manifest["info"]["pictures"]] == ["portrait", "scan"]
    assert str(run.arrays["regime"]) == "target" and 3 <= len(run.arrays["rho"]) <= 12


def test_one_frame_a_step(quick):
    _, run = quick
    with Image.open(run.path / "pictures.gif") as film:
        assert film.n_frames == len(run.arrays["rho"]) + 1


def test_a_second_run_computes_nothing_and_draws_the_same(quick, scripts, capsys):
    def compute(_):
        raise AssertionError("computed again")

    _, run = quick
    before = {name: (run.path / name).read_bytes() for name in ("pictures.gif", "pictures.png")}
    for name in before:
        (run.path / name).unlink()
    lazy = replace(scripts["pictures"].EXPERIMENT, compute=compute)
    assert scripts["_common"].main(lazy, ["--quick", "--out", str(run.path.parent.parent)]) == 0
    assert "pictures: reading " in capsys.readouterr().out
    assert {name: (run.path / name).read_bytes() for name in before} == before


# ---- the claims can fail ----

CORRUPT = [
    ("rho", (1, 100), 1e-9, r"largest \|mass − 1\|"),
    ("rho", (1, slice(0, 2)), np.array([1.0, -1.0]), r"least mass of a point"),
    ("gap", (2,), 1e-9, r"every one of \d+ steps certified"),
    ("discrepancy", (2,), 1.0, r"largest rise of F"),
    ("movement", (0,), 0.1, r"largest K/2τ − fall of F"),
    ("d1", (), 0.1, r"largest fall of F − mean \|x − z\|"),
    ("plan/stray", (0,), 1e-6, r"largest distance from free stop"),
    ("plan/furthest", (1,), 0.1, r"furthest hop / 2τ"),
    ("plan/laid", (1,), 1e-6, r"\|stays \+ laid down \+ carried on − 1\|"),
    ("plan/furthest", (0,), -0.1, r"largest move of a quantile"),
    ("movement", (0,), -0.0104, r"largest move − √K"),
    ("rho", (-1, slice(300, 302)), np.array([1e-11, -1e-11]), r"‖ρ − ν‖₁ at the end"),
]


@pytest.mark.parametrize(("array", "place", "by", "says"), CORRUPT)
def test_claims_can_fail(quick, scripts, array, place, by, says):
    _, run = quick
    arrays = {key: value.copy() for key, value in run.arrays.items()}
    arrays[array][place] += by
    with pytest.raises(scripts["_common"].ClaimError, match=says):
        scripts["pictures"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())
    scripts["pictures"].EXPERIMENT.check(run.params, run.arrays, scripts["_common"].Claims())


def test_energies_that_do_not_add_up_are_noticed(quick, scripts):
    """Σ K ≤ 2τ d₁(μ, ν), and the way of the centre, follow from other claims: seen alone."""
    _, run = quick
    claims, pictures, tau = scripts["_common"].Claims(), scripts["pictures"], run.params["tau"]
    arrays = {**run.arrays, "plan/way": run.arrays["plan/way"] / 100}
    with pytest.raises(scripts["_common"].ClaimError, match=r"largest move − mean \|x − z\|"):
        pictures.check_centres(tau, arrays, claims)
    arrays = {**run.arrays, "d1": run.arrays["d1"] / 100, "discrepancy": run.arrays["discrepancy"] / 100}
    with pytest.raises(scripts["_common"].ClaimError, match=r"largest distance from the centre of ν − F"):
        pictures.check_centres(tau, arrays, claims)


@pytest.mark.parametrize(("tau", "regime"), [(0.1, "steady"), (0.1, "frozen"), (0.02, "target"), (0.02, "running")])
def test_a_wrong_regime_is_noticed(quick, scripts, tau, regime):
    _, run = quick
    arrays = {**run.arrays, "regime": np.array(regime), "target": run.arrays["target"] * (1 + 1e-6 * (tau < 0.1))}
    with pytest.raises(scripts["_common"].ClaimError):
        scripts["pictures"].check_end(tau, 1 / 23, arrays, scripts["_common"].Claims())


# ---- photographs as measures ----


def test_averages_over_areas(scripts):
    averages = scripts["_pictures"].averages
    assert averages(3, 2) == pytest.approx(np.array([[2, 1, 0], [0, 1, 2]]) / 3, abs=1e-15)
    assert averages(2, 3) == pytest.approx(np.array([[2, 0], [1, 1], [0, 2]]) / 2, abs=1e-15)
    for n, size in ((5, 5), (600, 128), (7, 128)):
        fine = np.kron(np.eye(n), np.ones((1, size)))  # every pixel cut into `size` parts, every area n parts long
        exact = np.array([fine[:, i * n : (i + 1) * n].mean(axis=1) for i in range(size)])
        assert averages(n, size) == pytest.approx(exact, abs=1e-12)


GREY = np.array(
    [[9, 255, 0, 51, 9], [9, 102, 204, 153, 9]], dtype=np.uint8
)  # the square in the middle: 255 0 / 102 204


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with pictures, and the working directory."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(GREY[:, 1:4]).save("odd.png")
    Image.fromarray(GREY[:, 1:3]).save("square.png")
    Image.fromarray(np.kron([[255, 0, 255]], np.ones((2, 2))).astype(np.uint8)).save("hollow.png")
    Image.fromarray(np.zeros((3, 3), dtype=np.uint8)).save("black.png")
    Image.fromarray(np.arange(0, 240, 15, dtype=np.uint8).reshape(4, 4)).save("ramp.png")
    return tmp_path


@pytest.mark.parametrize("file", ["square.png", "odd.png"])
def test_a_photograph_becomes_a_measure(scripts, here, file):
    """Grey 1, 0 / 0.4, 0.8: bright sums to 2.2, dark to 1.8; of three columns the first two are in the middle."""
    photograph = scripts["_pictures"].photograph
    bright, says = photograph(file, 2, "bright", 0.0)
    assert bright.array == pytest.approx(np.array([[1, 0], [0.4, 0.8]]) / 2.2, abs=1e-15)
    assert bright.space == wrof.Grid((2, 2)) and bright.mass == pytest.approx(1, abs=1e-15)
    assert says["mean"] == pytest.approx(0.55, abs=1e-15) and says["square"] == 2
    dark, _ = photograph(file, 2, "dark", 0.0)
    assert dark.array == pytest.approx(np.array([[0, 1], [0.6, 0.2]]) / 1.8, abs=1e-15)
    floored, _ = photograph(file, 2, "dark", 0.2)
    assert floored.array == pytest.approx(0.8 * dark.array + 0.05, abs=1e-15)
    coarse, _ = photograph(file, 4, "bright", 0.0)
    assert coarse.array == pytest.approx(np.kron(bright.array, np.ones((2, 2))) / 4, abs=1e-15)


def test_samples(scripts):
    """What Matplotlib ships, upright: the scan is black at its left edge, the uniform darker than the flag."""
    photograph = scripts["_pictures"].photograph
    scan, said = photograph("scan", 64, "dark", 0.0)
    assert said["mass"] == "bright" and said["square"] == 256
    assert scan.array[:, 0].sum() < 1e-3 < 0.3 < scan.array[8:36, 16:52].sum()
    portrait, said = photograph("portrait", 64, "bright", 0.0)
    assert said["mass"] == "dark" and said["square"] == 512
    assert portrait.array[48:].sum() > 1.2 * portrait.array[:16].sum()
    assert portrait.array[:24, :16].sum() > 1.2 * portrait.array[:24, -16:].sum()  # the flag is on the left
    present, _ = photograph("present", 32, "dark", 0.0)
    assert present.array[:4, :4].sum() == 0 and present.array[20, 16] > 1 / 32**2


def test_samples_that_are_not_there(scripts, monkeypatch, tmp_path, capsys):
    import matplotlib

    monkeypatch.setattr(matplotlib, "get_data_path", lambda: str(tmp_path))
    assert main(scripts, "--quick", "--out", tmp_path / "out") == 2
    assert "Matplotlib's sample data has no grace_hopper.jpg here" in capsys.readouterr().err


# ---- what a step does with the mass ----


def test_deeds_by_hand(scripts):
    """τ = 3, h = 1: half goes 3 of 8 along an axis, a quarter goes home, one step, a quarter is home."""
    grid = wrof.Grid((20, 20), bounds=(0.0, 19.0))
    mu, nu = np.zeros((2, 20, 20))
    mu[0, 0], mu[9, 9], mu[19, 0] = 0.5, 0.25, 0.25
    nu[0, 8], nu[10, 9], nu[19, 0] = 0.5, 0.25, 0.25
    told = scripts["_pictures"].deeds(wrof.step(grid.measure(mu), grid.measure(nu), 3.0), 1.0)
    assert told == pytest.approx(
        {
            "furthest": 3, "stray": 0, "rounding": 0, "way": 1.75, "rest": 0.25, "carried": 0.5, "laid": 0.25,
            "home": 0.5, "carried_way": 1.5, "carried_K": 4.5,
        },
        abs=1e-12,
    )  # fmt: skip


def test_deeds_notice_a_stray_atom(scripts):
    """The same plan, graded with a smaller τ, strays."""
    grid = wrof.Grid((20, 20), bounds=(0.0, 19.0))
    mu, nu = np.zeros((2, 20, 20))
    mu[0, 0], nu[0, 15] = 1.0, 1.0
    result = wrof.step(grid.measure(mu), grid.measure(nu), 6.0)
    wrong = replace(result, problem=replace(result.problem, tau=3.0))
    assert scripts["_pictures"].deeds(result, 1.0)["stray"] <= 1e-12
    assert scripts["_pictures"].deeds(wrong, 1.0)["stray"] >= 1


@pytest.mark.parametrize(("tau", "nearly"), [(0.3, 0.4), (0.6, 0.5), (0.9, 0.7), (2.3, 0.7), (6.35, 0.7), (11.0, 0.7)])
def test_slack_by_brute_force(scripts, tau, nearly):
    """All ways up to 24 cells on the unit lattice: the best stops are as near to the free one as is claimed."""
    side = np.arange(0, 25)
    stops = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    share = []
    for home in stops[1:]:
        cost = (stops**2).sum(axis=1) / (2 * tau) + np.linalg.norm(stops - home, axis=1)
        far = np.linalg.norm(home)
        best = stops[cost <= cost.min() + 1e-12]
        off = np.linalg.norm(best - min(1.0, tau / far) * home, axis=1).max()
        bound = scripts["_pictures"].slack(np.array([max(far - tau, 0.0)]), tau, 1.0)[0]
        assert off <= bound + 1e-9
        if far - tau > 2:
            share.append(off / bound)
    assert max(share) > nearly


def test_shift_of_quantiles(scripts):
    shift = scripts["_pictures"].shift
    assert shift(np.array([1.0, 0, 0, 0]), np.array([0, 0, 0.5, 0.5]), 1e-12) == 3
    assert shift(np.array([0.5, 0.5, 0, 0]), np.array([0, 0.5, 0.5, 0]), 1e-12) == 1
    assert shift(np.array([0.5, 0.5, 0]), np.array([0.5 - 1e-15, 0.5, 1e-15]), 1e-12) == 0
    assert shift(np.array([0.5, 0.5, 0]), np.array([0.5 - 1e-9, 0.5, 1e-9]), 1e-12) == 1


# ---- other parameters ----


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--source", "ramp.png", "--target", "square.png", "--size", "6", "--tau", "0.3"], "target; "),
        (["--source", "scan", "--target", "present", "--size", "12", "--floor", "0.3", "--steps", "1"], "running; 1"),
        (
            ["--source", "ramp.png", "--target", "ramp.png", "--size", "5", "--tau", "0.3", "--mass", "bright"],
            "target; 1",
        ),
        (["--size", "12", "--tau", "0.055", "--steps", "40"], "steady; "),  # h/2 < τ < h/√2
    ],
)
def test_other_parameters(scripts, here, capsys, options, says):
    assert main(scripts, *options, "--out", "out") == 0
    told = capsys.readouterr().out
    assert "FAIL" not in told and says in told


@pytest.mark.filterwarnings("ignore:tau = .* no mass can move")
def test_a_step_that_is_too_small(scripts, here, capsys):
    assert main(scripts, "--size", "10", "--tau", "0.05", "--out", "out") == 0
    assert "frozen; 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--floor", "1"], "floor in [0, 1), got 24, 'dark' and 1."),
        (["--mass", "grey"], "mass dark or bright"),
        (["--size", "1"], "size must be >= 2"),
        (["--tau", "0"], "tau must be"),
        (["--source", "none.png"], "cannot read picture 'none.png'"),
        (["--target", "black.png", "--mass", "bright"], "picture 'black.png' has total mass 0"),
        (["--target", "hollow.png", "--mass", "bright"], "the square in the middle of 'hollow.png' carries no mass"),
    ],
)
def test_bad_parameters(scripts, here, capsys, options, says):
    assert main(scripts, "--quick", *options, "--out", "out") == 2
    assert says in capsys.readouterr().err
    assert not Path("out").exists()


def test_absolute_paths_are_refused(scripts, here, capsys):
    """A run can be made again elsewhere: its parameters name no place on this machine."""
    assert main(scripts, "--quick", "--source", here / "ramp.png", "--out", "out") == 2
    assert "absolute path" in capsys.readouterr().err
