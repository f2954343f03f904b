"""Experiments: they run alone, hold their claims, notice when a claim fails, and never compute the same run twice."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripts import EXPERIMENTS, opened, quick_run, small_pictures

from wrof import SolverError, WrofError, store

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "results" / "reference"
FIGURES = {
    "two_point": ["two_point.png"],
    "steady_state": ["steady_state.png"],
    "translation": ["translation.gif", "translation.png"],
    "gaps": ["gaps.png"],
    "phase_diagram": [
        *(f"{scheme}_{what}.png" for scheme in ("printed", "plotted") for what in ("diagram", "pareto", "staircase")),
        "random_diagram.png",
        "lattice.png",
    ],
    "scales": ["arrival.png", "scales.png"],
    "alpha": ["alpha.png"],
    "refine": ["refine_line.png", "refine_square.png"],
    "pictures": ["pictures.gif", "pictures.png"],
    "continuum": ["continuum_line.png", "continuum_plane.png"],
    "dimension": ["dimension_samples.png", "dimension_step.png"],
    "explicit_implicit": ["explicit_excess.png", "explicit_rates.png"],
    "multiscale": ["multiscale_cloud.png", "multiscale_image.png", "multiscale_scales.png"],
    "rays": ["rays_crossings.png", "rays_parabola.png", "rays_ring.png"],
}
NAMES = list(FIGURES)
HEAVY = (
    "continuum",
    "dimension",
    "explicit_implicit",
    "multiscale",
    "rays",
)  # without compiled kernels they take minutes
EACH = [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in NAMES]


@pytest.fixture(scope="module")
def scripts():
    """The experiments, and what they share, as modules."""
    with opened([*NAMES, "_common"]) as modules:
        yield modules


@pytest.fixture(scope="module", autouse=True)
def small():
    """Small pictures are fast."""
    with small_pictures():
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


class Quick(dict):
    """Exit code, printed lines and stored run of an experiment's --quick, which runs when it is first asked for."""

    def __init__(self, scripts, out):
        super().__init__()
        self.scripts, self.out = scripts, out

    def __missing__(self, name):
        self[name] = quick_run(self.scripts["_common"], self.scripts[name], self.out)
        return self[name]


@pytest.fixture(scope="module")
def quick(scripts, out):
    return Quick(scripts, out)


def test_every_experiment_is_tested():
    assert sorted(path.stem for path in EXPERIMENTS.glob("[a-z]*.py")) == sorted(NAMES)


# ---- they hold ----


@pytest.mark.parametrize("name", EACH)
def test_quick(quick, scripts, name):
    code, printed, run = quick[name]
    assert code == 0
    assert "FAIL" not in printed and printed.count("  ok  ") >= 6
    assert run.manifest["statuses"] == ["OPTIMAL"] and run.manifest["worst_gap"] <= 1e-12
    params = scripts[name].PARAMS
    wanted = {key: p.default if p.quick is None else p.quick for key, p in params.items()}
    assert run.params == wanted
    assert sorted(p.name for p in run.path.iterdir()) == sorted([*FIGURES[name], "arrays.npz", "manifest.json"])


@pytest.mark.parametrize("name", EACH)
def test_a_second_run_computes_nothing_and_draws_the_same(quick, scripts, capsys, name):
    def compute(_):
        raise AssertionError("computed again")

    _, _, run = quick[name]
    before = {figure: (run.path / figure).read_bytes() for figure in FIGURES[name]}
    for figure in FIGURES[name]:
        (run.path / figure).unlink()
    lazy = replace(scripts[name].EXPERIMENT, compute=compute)
    options = ["--quick", "--out", str(run.path.parent.parent)]
    assert scripts["_common"].main(lazy, options) == 0
    assert f"{name}: reading " in capsys.readouterr().out
    assert {figure: (run.path / figure).read_bytes() for figure in FIGURES[name]} == before
    if name == "two_point":
        with pytest.raises(AssertionError, match="computed again"):
            scripts["_common"].main(lazy, [*options, "--force"])


def test_a_damaged_run_is_computed_again(scripts, tmp_path, capsys):
    common, experiment = scripts["_common"], scripts["two_point"].EXPERIMENT
    options = ["--points", "3", "--cells", "2", "--r", "2", "--out", str(tmp_path)]
    assert common.main(experiment, options) == 0
    (path,) = store.find_runs(tmp_path, "two_point")
    (path / "arrays.npz").write_bytes(b"half")
    assert common.main(experiment, options) == 0
    assert capsys.readouterr().out.count("two_point: computing") == 2
    assert len(store.load_run(path).arrays["r"]) == 1


def test_a_script_runs_alone(tmp_path):
    """From anywhere, as a program, into `results` where it stands."""
    command = [sys.executable, str(EXPERIMENTS / "two_point.py"), "--quick"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    (path,) = store.find_runs(tmp_path / "results", "two_point")
    assert f"two_point: everything is in results/two_point/{path.name}" in run.stdout.replace("\\", "/")


@pytest.mark.parametrize("name", EACH)
def test_help_says_the_claim(monkeypatch, capsys, scripts, name):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXPERIMENTS / f"{name}.py"), run_name="__main__")
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert "Claim" in shown and "--quick" in shown and "--config" in shown


# ---- they can fail ----

CORRUPT = [
    ("two_point", "curves", (0, 0, 0, 0), 1e-11, r"J\(τ\): largest \|J − exact\|"),
    ("two_point", "curves", (1, 1, 3, 1), 0.5, r"J\(τ\): largest distance of ρ⁰"),
    ("two_point", "map", (1, 0, 0, 0), 1e-11, r"the map: largest \|J − exact\|"),
    ("two_point", "slice", (0, 1, 0), 1e-11, r"J\(r\): largest \|J − exact\|"),
    ("two_point", "ties", (6, 2), 1e-9, r"ties: largest \|r²/2τ − r\^α\|"),
    ("two_point", "tie_steps", (0, 1, 0), 1e-9, r"largest \|J − r\^α\|, whichever is selected"),
    ("two_point", "tie_steps", (0, 2, 1), 1e-9, r"ρ⁰ off 1, 0, ½"),
    ("two_point", "tie_steps", (1, 0, 2), 1e-9, r"K off 0, r²"),
    ("steady_state", "i/rho", (1, 50), 1e-11, r"\(i\) .* largest \|ρ₂ − ρ₁\|"),
    ("steady_state", "ii/bars", (3,), 5e-4, r"largest deviation from the published bars"),
    ("steady_state", "i/rho", (slice(None), 41), 1e-9, r"ρ₁ = ν on cells"),
    ("steady_state", "i/rho", (slice(None), 2), 1e-9, r"ρ₁ = μ elsewhere"),
    ("translation", "rho", (4, 60), 1e-11, r"largest \|ρₖ − law\|"),
    ("translation", "source", (7,), 1e-3, r"\|marginals − μ, ν\|"),
    ("translation", "discrepancy", (5,), 1.0, r"F never rises"),
    ("gaps", "clusters/between/gap", (0,), 1e-3, r"every step certified"),
    ("gaps", "gap/between/rho", (0, 2), 1e-9, r"components of the 2τ-graph keep their mass"),
    ("gaps", "scattered/between/movement", (-1,), 1e-6, r"the last step moves nothing"),
    ("gaps", "clusters/above/rho", (-1, slice(0, 2)), np.array([1e-9, -1e-9]), r"largest \|ρ − ν\|"),
    ("scales", "printed/rho_last", (-1, 0), 1e-9, r"components of the 2τ-graph keep their mass"),
    ("scales", "plotted/rho_last", (5, 0), 1e-9, r"components of the 2τ-graph keep their mass"),
    ("scales", "printed/worst", (), 1e-3, r"largest gap / J of the first step"),
    ("alpha", "fixed", (0, 0), 1e-6, r"15 critical τ off r\^\(2−α\)/2"),
    ("alpha", "lambert", (0, 0), 1e-6, r"windows by Lambert W: ends off"),
    ("alpha", "frozen", (0, 0), 1e-6, r"windows by frozen_below: ends off"),
    ("alpha", "target", (0, 0), 1e-6, r"windows by target_above: ends off"),
    ("alpha", "moved", (0, 2), -1.0, r"steps at the ends · .* mass moved off 0, 1, 1, 0"),
    ("alpha", "windows/1", (-1, 0), 1e-6, r"ends of the others off"),
    ("alpha", "freezes/2/rho", (1, 1), 1e-9, r"the mass is at 0, 3/10, 3/10: ρ off"),
    ("alpha", "arrives/1/value", (1,), 1e-9, r"J = 21/20, 9/20: off"),
    ("alpha", "line/rho", (3, 5), 1e-9, r"ρ at rest: largest deviation from the law"),
]


@pytest.mark.parametrize(("name", "array", "place", "by", "says"), CORRUPT)
def test_claims_can_fail(quick, scripts, name, array, place, by, says):
    _, _, run = quick[name]
    arrays = {key: value.copy() for key, value in run.arrays.items()}
    arrays[array][place] += by
    with pytest.raises(scripts["_common"].ClaimError, match=says):
        scripts[name].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())
    scripts[name].EXPERIMENT.check(run.params, run.arrays, scripts["_common"].Claims())


def test_printed_exponents_would_be_noticed(quick, scripts):
    """If p = 2, α = 1 gave the published bars at some τ, the claim would fail."""
    _, _, run = quick["steady_state"]
    arrays = dict(run.arrays)
    arrays["i/printed"] = np.concatenate([arrays["i/printed"], arrays["i/rho"][:1]])
    with pytest.raises(scripts["_common"].ClaimError, match=r"p = 2, α = 1, hops 0\.\.16: least largest deviation"):
        scripts["steady_state"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


def test_a_wrong_regime_is_noticed(quick, scripts):
    _, _, run = quick["gaps"]
    arrays = {**run.arrays, "clusters/between/regime": np.array("target")}
    with pytest.raises(scripts["_common"].ClaimError, match="regime: target, not steady"):
        scripts["gaps"].EXPERIMENT.check(run.params, arrays, scripts["_common"].Claims())


def test_a_failed_claim_stores_nothing(scripts, tmp_path, capsys):
    common, experiment = scripts["_common"], scripts["two_point"].EXPERIMENT

    def wrong(params):
        arrays, info = experiment.compute(params)
        arrays["slice"][0, 0, 0] += 1e-3
        return arrays, info

    options = ["--quick", "--out", str(tmp_path)]
    assert common.main(replace(experiment, compute=wrong), options) == 1
    told = capsys.readouterr()
    assert "FAIL  J(r): largest |J − exact|" in told.out
    assert "two_point: the claim fails: J(r): largest |J − exact| of 42: 0.001 > 1e-12." in told.err
    assert list(tmp_path.rglob("*")) == []


def test_a_solver_that_fails(scripts, tmp_path, capsys):
    def fail(_):
        raise SolverError("not proven optimal")

    experiment = replace(scripts["gaps"].EXPERIMENT, compute=fail)
    assert scripts["_common"].main(experiment, ["--out", str(tmp_path)]) == 1
    assert "gaps: not proven optimal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("claim", "arguments"),
    [("at_most", (2.0, 1.0)), ("at_least", (1.0, 2.0)), ("near", (1.0, 2.0, 0.5)), ("equal", ("a", "b"))],
)
def test_each_kind_of_claim_can_fail(scripts, claim, arguments):
    claims = scripts["_common"].Claims()
    with pytest.raises(scripts["_common"].ClaimError, match="the claim fails: x: "):
        getattr(claims, claim)("x", *arguments)
    if claim != "equal":  # nothing holds of what is not a number
        with pytest.raises(scripts["_common"].ClaimError):
            getattr(claims, claim)("x", float("nan"), *arguments[1:])


# ---- other parameters ----


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("two_point", ["--r", "0.7", "4", "--tau", "1", "--points", "9", "--cells", "3"]),
        ("steady_state", ["--K", "24", "--seed", "3", "--p", "0.5", "--steps", "2", "--scan", "3"]),
        ("steady_state", ["--K", "24", "--p", "2", "--alpha", "1", "--tau", "0.1", "--steps", "1", "--scan", "2"]),
        ("translation", ["--K", "20", "--seed", "5", "--tau", "0.08", "--steps", "3"]),
        ("translation", ["--K", "21", "--seed", "5", "--tau", "0.075", "--steps", "9"]),
        ("gaps", ["--a", "0.5", "--b", "3", "--tau_gap", "1", "1.6", "--n", "7", "--seed", "4"]),
    ],
)
def test_other_parameters(scripts, tmp_path, capsys, name, options):
    assert scripts["_common"].main(scripts[name].EXPERIMENT, [*options, "--out", str(tmp_path)]) == 0
    assert "FAIL" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:tau = .* no mass can move")
def test_translation_on_a_grid_too_coarse(scripts, tmp_path, capsys):
    options = ["--K", "16", "--seed", "1", "--tau", "0.02", "--out", str(tmp_path)]
    assert scripts["_common"].main(scripts["translation"].EXPERIMENT, options) == 0
    assert "no cell in reach" in capsys.readouterr().out


def read(scripts, name, *options):
    return scripts["_common"].read_options(scripts[name].EXPERIMENT, options)[0]


def test_a_manifest_can_be_fed_back_in(quick, scripts, tmp_path):
    _, _, run = quick["translation"]
    assert read(scripts, "translation", "--config", str(run.path / "manifest.json")) == run.params
    assert read(scripts, "translation", "--config", str(run.path)) == run.params
    again = read(scripts, "translation", "--config", str(run.path), "--tau", "0.5")
    assert again == {**run.params, "tau": 0.5}  # options of their own come last


def test_a_toml_file_sets_parameters(scripts, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("tau = 1\nr = [2, 0.5]\npoints = 9.0\n", encoding="utf-8")
    params = read(scripts, "two_point", "--quick", "--config", str(file))
    assert params == {"tau": 1.0, "r": [2.0, 0.5], "points": 9, "cells": 8}
    assert isinstance(params["tau"], float) and isinstance(params["points"], int)
    file.write_text("seed = 3", encoding="utf-8")
    assert read(scripts, "translation", "--config", str(file))["seed"] == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tua = 0.1", "unknown key 'tua'; did you mean 'tau'?"),
        ("tau = 'a'", "tau must be a number, got 'a'."),
        ("tau = true", "tau must be a number, got True."),
        ("points = 1.5", "points must be a whole number, got 1.5."),
        ("points = 0", "points must be a whole number >= 1, got 0."),
        ("r = 2.0", "r must be a list, got 2.0."),
        ("r = ['a']", "r must be a number, got 'a'."),
        ("tau = ", "is not a TOML file"),
        ("r = [-1.0]", "r must be finite and > 0, got -1."),
    ],
)
def test_bad_parameters(scripts, tmp_path, capsys, text, says):
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    options = ["--config", str(file), "--out", str(tmp_path / "out")]
    assert scripts["_common"].main(scripts["two_point"].EXPERIMENT, options) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_config_files_that_are_none(scripts, tmp_path):
    with pytest.raises(WrofError, match=r"cannot read '.*none\.toml'"):
        read(scripts, "gaps", "--config", str(tmp_path / "none.toml"))
    with pytest.raises(WrofError, match="is not a run"):
        read(scripts, "gaps", "--config", str(tmp_path / "none.json"))
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(WrofError, match="not the manifest of a run"):
        read(scripts, "gaps", "--config", str(tmp_path))


# ---- the committed runs ----


@pytest.mark.parametrize("name", EACH)
def test_reference_runs_are_those_of_the_defaults(scripts, name, capsys):
    params = {key: p.default for key, p in scripts[name].PARAMS.items()}
    (path,) = (REFERENCE / name).iterdir()
    assert path.name == store.run_id(params), "regenerate it as results/README.md says"
    run = store.load_run(path)
    scripts[name].EXPERIMENT.check(run.params, run.arrays, scripts["_common"].Claims())
    assert "FAIL" not in capsys.readouterr().out
    assert sorted(p.name for p in path.iterdir()) == sorted([*FIGURES[name], "arrays.npz", "manifest.json"])
    sizes = {p.suffix: p.stat().st_size for p in path.iterdir()}
    assert sizes[".png"] <= 210 * 1024 and sizes[".npz"] <= 2**20 and sizes.get(".gif", 0) <= 2**20
    assert f"reference/{name}/{path.name}/" in (ROOT / "results" / "README.md").read_text(encoding="utf-8")


def test_reference_manifests_name_no_place_on_this_machine():
    texts = [path.read_text(encoding="utf-8") for path in REFERENCE.rglob("manifest.json")]
    assert len(texts) == len(NAMES)
    for text in texts:
        assert not re.search(r'"(/|[A-Za-z]:\\)', text)
        assert json.loads(text)["statuses"] == ["OPTIMAL"]
