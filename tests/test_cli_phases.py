"""The command line of sweeps and phases: closed forms, what stays on disk, what is redrawn and what is checked."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from disk import everything_in

import wrof
from wrof import cli, files, plot, readers, report, store, toys
from wrof.cli import texts
from wrof.readers import words
from wrof.sweep.question import Question

ROOT = Path(wrof.__file__).resolve().parent.parent
THREE = "sweep three_point:a=1,b=2 --tau 0.25,0.75,1.25,2.25 --steps 4"  # 2 tau <> a = 1, b = 2, 2a + b = 4
REGIMES = ["frozen", "steady", "target", "target"]
SETTLED = [0, 1, 2, 1]
SUMMARY = ["arrays.npz", "density.png", "manifest.json", "phase_diagram.png", "question.npz", "sweep.json"]


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Run a command line in this process; return exit code, stdout, stderr."""

    def call(line):
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def ask(run):
    """Run a command line that must succeed in silence; return the JSON object it prints, and nothing else."""

    def call(line):
        code, out, err = run(f"{line} --json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture
def computed(monkeypatch):
    """Note the step sizes that are computed; those named in `failing` fail, at `stop` the user interrupts."""
    seen = []
    real = Question.flow

    def flow(question, tau, init=None):
        seen.append(tau)
        if tau in computing["failing"]:
            raise wrof.SolverError("made to fail; throw=False returns it as it is")
        if tau == computing["stop"]:
            raise KeyboardInterrupt
        return real(question, tau)

    computing = {"seen": seen, "failing": [], "stop": None}
    monkeypatch.setattr(Question, "flow", flow)
    return computing


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """A finished sweep, a run of phases and a step, made once: runs/<id> each."""
    folder = tmp_path_factory.mktemp("kept")
    here = os.getcwd()
    os.chdir(folder)
    try:
        for line in (
            f"{THREE} --out sweeps --critical --quiet",
            "phases gap:a=1,b=2 --tau 0.8 --out phases --quiet",
            "step random_to_uniform:K=9 --tau 0.2 --out steps --quiet",
        ):
            assert cli.main(shlex.split(line)) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def copy(kept, tmp_path):
    """Copy what is kept into this test's folder; return the folder of the run."""

    def call(name):
        shutil.copytree(kept / name, tmp_path / name)
        return only_run(name)

    return call


def only_run(root):
    (folder,) = Path(root).iterdir()
    return folder


def rows_of(out):
    """Return the lines of a report after its table, label by label."""
    return dict(re.split(r"\s{2,}", row, maxsplit=1) for row in out.splitlines() if re.match(r"\S.*?\s{2,}\S", row))


def everything():
    return sorted(str(path) for path in Path().rglob("*"))


def falsify(path, change):
    """Change what wrof has written to a file, and write it again as wrof does."""
    tree = files.unpack(path)
    change(tree)
    files.pack(tree, path)


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "taus"),
    [
        ("0.1:0.5:5", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("0.1 : 0.5 : 5", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("0.01:100:5:log", [0.01, 0.1, 1.0, 10.0, 100.0]),
        ("0.1:0.2:2", [0.1, 0.2]),
        ("1e-3:1:2:log", [0.001, 1.0]),
        ("0.4,0.1,0.2", [0.4, 0.1, 0.2]),
        ("0.3", [0.3]),
    ],
)
def test_ranges_of_step_sizes(text, taus):
    assert words.tau_range(text) == taus  # exactly: 0.3, not 0.30000000000000004


def test_a_finer_range_meets_the_coarser_one():
    for spacing in ("", ":log"):
        coarse, fine = (words.tau_range(f"0.01:0.6:{n}{spacing}") for n in (40, 118))
        assert len(coarse) == 40 and len(fine) == 118
        assert set(coarse) < set(fine)
        exact = np.geomspace(0.01, 0.6, 118) if spacing else np.linspace(0.01, 0.6, 118)
        assert fine == pytest.approx(exact.tolist(), rel=1e-11)
        assert (fine[0], fine[-1]) == (0.01, 0.6)
    assert not set(np.geomspace(0.01, 0.6, 40)) < set(np.geomspace(0.01, 0.6, 118))  # why they are rounded


def test_memory_is_read_in_powers_of_1000():
    read = {text: words.memory(text) for text in ("4G", "500M", "1.5T", "2k", "1e9", "100", "3 GB", "7b")}
    assert read == {"4G": 4e9, "500M": 5e8, "1.5T": 1.5e12, "2k": 2e3, "1e9": 1e9, "100": 100, "3 GB": 3e9, "7b": 7}


def test_memory_and_jobs_reach_the_library(run, monkeypatch):
    seen = {}

    def sweep(*args, **options):
        seen.update(options, taus=args[2], steps=args[3])
        raise wrof.WrofError("seen")

    monkeypatch.setattr(importlib.import_module("wrof.sweep"), "sweep", sweep)
    line = "sweep bumps:K=8 --tau 1:2:2 --steps 7 -j 2 --memory 4G --task 2/3 --out runs --select eager --rtol 1e-6"
    assert run(line)[0] == 2
    assert (seen["taus"], seen["steps"], seen["jobs"], seen["memory"]) == ([1.0, 2.0], 7, 2, 4e9)
    assert (seen["task"], seen["select"], seen["rtol"], seen["progress"]) == ((2, 3), "eager", 1e-6, False)
    assert Path(seen["out"]).parent == Path("runs")
    run("sweep bumps:K=8 --tau 1:2:2 --jobs -1")
    assert (seen["jobs"], seen["memory"], seen["task"], seen["out"], seen["steps"]) == (-1, None, None, None, 20)


# ---- named problems -------------------------------------------------------------------------------------------------


def test_steady_state_is_the_plotted_problem(ask):
    told = ask("flow steady-state:K=16 --tau 0.3 --steps 3")
    walk = wrof.flow(tau=0.3, steps=3, p=1.0, alpha=0.5, **toys.ramp_to_uniform(16))
    assert told["energies"]["value"] == walk.energies["value"].tolist() and told["regime"] == "steady"
    for spelled in ("steady_state:K=16", "ramp_to_uniform:K=16 --p 1 --alpha 0.5"):
        assert ask(f"flow {spelled} --tau 0.3 --steps 3")["params"] == told["params"]
    assert told["params"]["toy"] == "ramp_to_uniform:K=16,zero_end=true"


def test_options_and_keys_win_over_a_named_problem(ask):
    told = ask("step steady-state:K=8,zero_end=false --tau 0.3 --p 2 --alpha 1")
    assert (told["params"]["p"], told["params"]["alpha"]) == (2.0, 1)
    assert told["params"]["toy"] == "ramp_to_uniform:K=8,zero_end=false"
    assert (
        ask("step translation:K=8 --tau 0.3")["params"]["toy"]
        == "random_to_ramp:K=8,seed=0,increasing=true,zero_end=true"
    )
    assert ask("step translation:K=8,increasing=no --tau 1")["params"]["toy"].split(",")[2] == "increasing=no"
    assert ask("step re-entrant --tau 1")["moved"] == 1 and ask("step re-entrant --tau 5")["moved"] == 0


def test_each_named_problem_is_listed_with_what_it_stands_for(run):
    told = json.loads(run("toys --json")[1])
    assert told["steady_state:K=128,zero_end=true"].startswith("ramp_to_uniform with --p 1 --alpha 0.5: the first")
    assert told["re_entrant:r=0.5"].startswith("two_point with --p 2 --alpha 1+tau: mass moves for 0.3099 < tau < 4")
    low, high = toys.two_point_thresholds(0.5, alpha="1+tau")
    assert (round(low, 4), high) == (0.3099, pytest.approx(4))


# ---- sweep ----------------------------------------------------------------------------------------------------------


def test_a_sweep_tells_the_closed_form_and_stores_nothing(run, ask):
    told = ask(THREE)["taus"]
    assert told["tau"] == [0.25, 0.75, 1.25, 2.25]
    assert (told["regime"], told["settled_at"], told["status"]) == (REGIMES, SETTLED, ["ok"] * 4)
    assert told["first_movement"] == [0, 1, 1, 9] and told["first_discrepancy"] == [3, 2, 2, 0]
    assert told["last_discrepancy"] == [3, 2, 0, 0] and max(told["worst_gap"]) <= 1e-9
    for tau, regime, settled in zip(told["tau"], REGIMES, SETTLED, strict=True):
        walk = toys.three_point_exact(1, 2, tau, 4)
        assert (walk[-1] == 3) == (regime == "target") and (walk[settled:] == walk[-1]).all()
    code, out, err = run(THREE)
    rows = [row.split() for row in out.splitlines()[:5]]
    assert (code, err) == (0, "") and rows[0][:2] == ["tau", "regime"] and rows[0][-1] == "status"
    assert [row[1] for row in rows[1:]] == REGIMES and [int(row[2]) for row in rows[1:]] == SETTLED
    assert rows_of(out)["regimes"] == "frozen 1, steady 1, target 2" and rows_of(out)["status"] == "ok"
    assert everything() == []


def test_a_long_table_of_a_sweep_is_printed_whole(run):
    out = run("sweep two_point --tau 0.1:2:60 --steps 1")[1].splitlines()
    assert [float(row.split()[0]) for row in out[1:61]] == pytest.approx(np.linspace(0.1, 2, 60), rel=1e-7)


def test_the_sweep_of_the_issue(ask):
    """As it is written there, on fewer points: frozen iff 2 tau <= sqrt(h), rho_1 = nu iff tau > 1/2."""
    warnings.simplefilter("ignore")
    told = ask("sweep steady-state:K=16 --tau 0.15:0.6:10 -j 1")
    frozen = math.sqrt(1 / 15) / 2
    expected = ["frozen" if tau <= frozen else "steady" if tau <= 0.5 else "target" for tau in told["taus"]["tau"]]
    assert told["taus"]["regime"] == expected and set(expected) == {"steady", "target"}
    assert set(told["taus"]["settled_at"]) == {1}  # one step is idempotent
    assert told["params"]["steps"] == readers.STEPS and "tau" not in told["params"]


def test_a_sweep_is_kept_as_a_run(ask, copy):
    folder = copy("sweeps")
    assert everything_in(folder) == sorted([*SUMMARY, *(f"tau-{tau}.npz" for tau in (0.25, 0.75, 1.25, 2.25))])
    kept = store.load_run(folder)
    done = wrof.load_sweep(folder)
    for name, array in done.arrays().items():
        assert report.same(kept.arrays[name], array), name
    assert kept.params == ask(THREE)["params"] and folder.name == store.run_id(kept.params)
    assert kept.arrays["critical"].tolist() == pytest.approx([0.5, 2.0])  # a/2, (2a+b)/2: from 0 in one step
    manifest = kept.manifest
    assert (manifest["statuses"], manifest["info"]["regimes"]) == (["ok"], {"frozen": 1, "steady": 1, "target": 2})
    assert manifest["worst_gap"] == done.arrays()["gap"].max() and manifest["seconds"] > 0
    assert manifest["versions"]["wrof"] == wrof.__version__ and manifest["info"]["step_sizes"] == 4


def test_the_same_sweep_again_computes_and_writes_nothing(ask, copy, computed):
    folder = copy("sweeps")
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    for more in ("", " -j 2", " --memory 1G", " --critical"):
        told = ask(f"{THREE} --out sweeps{more}")
        assert told["taus"]["regime"] == REGIMES and told["run"] == folder.as_posix()
        assert told["critical_taus"] == pytest.approx([0.5, 2.0])  # they are known, asked for or not
    assert computed["seen"] == []
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before
    assert len(ask(THREE)["taus"]["tau"]) == len(computed["seen"]) == 4  # the count can see


def test_more_step_sizes_join_the_sweep(ask, copy, computed):
    folder = copy("sweeps")
    diagram = (folder / "phase_diagram.png").read_bytes()
    told = ask(THREE.replace("0.25,0.75", "0.1,0.75") + " --out sweeps")
    assert told["taus"]["tau"] == [0.1, 0.75, 1.25, 2.25] and computed["seen"] == [0.1]
    kept = store.load_run(only_run("sweeps"))
    assert kept.arrays["tau"].tolist() == [0.1, 0.25, 0.75, 1.25, 2.25]
    assert kept.arrays["critical"].tolist() == pytest.approx([0.5, 2.0])
    assert (folder / "phase_diagram.png").read_bytes() != diagram
    assert ask(f"{THREE} --steps 5 --out sweeps")["run"] != folder.as_posix()  # another question, another folder


def test_pictures_that_are_gone_are_drawn_again(run, copy):
    folder = copy("sweeps")
    diagram = (folder / "phase_diagram.png").read_bytes()
    (folder / "phase_diagram.png").unlink()
    assert run(f"{THREE} --out sweeps")[0] == 0 and (folder / "phase_diagram.png").read_bytes() == diagram


def test_a_damaged_summary_is_written_again(ask, copy, computed):
    folder = copy("sweeps")
    (folder / "arrays.npz").write_bytes(b"half")
    assert ask("show sweeps")["taus"]["regime"] == REGIMES  # from the flows
    assert "critical_taus" not in ask(f"{THREE} --out sweeps") and computed["seen"] == []
    assert store.load_run(folder).arrays["regime"].tolist() == REGIMES and set(SUMMARY) < set(everything_in(folder))


def test_free_stops_have_no_density(run, ask):
    told = ask("sweep two_point:r=2 --tau 0.5,3 --stops free --steps 2 --out runs")
    assert told["taus"]["first_movement"] == pytest.approx([0.25, 4])  # min(tau, r) squared
    assert everything_in(only_run("runs")) == sorted({*SUMMARY, "tau-0.5.npz", "tau-3.0.npz"} - {"density.png"})
    assert run("plot runs")[1].splitlines() == [str(only_run("runs") / "phase_diagram.png")]


def test_alpha_may_be_one_plus_tau(ask):
    told = ask("sweep re-entrant --tau 0.2,1,5 --steps 2")
    assert told["taus"]["regime"] == ["frozen", "target", "frozen"]


def test_failed_step_sizes_are_listed_and_the_rest_is_kept(run, ask, computed):
    computed["failing"] = [0.75, 2.25]
    code, out, err = run(f"{THREE} --out runs")
    folder = only_run("runs")
    assert code == 1
    assert err.splitlines() == [f"wrof: failed: tau = {tau}: made to fail" for tau in (0.75, 2.25)]
    assert [row.split()[-1] for row in out.splitlines()[1:5]] == ["ok", "failed", "ok", "failed"]
    assert out.splitlines()[2].split() == ["0.75", "-", "-", "0", "-", "-", "-", "failed"]
    assert set(SUMMARY) < set(everything_in(folder)) and store.load_run(folder).manifest["statuses"] == ["ok", "failed"]
    assert "tau = 0.75: made to fail" in run("show runs")[1]
    told = json.loads(run(f"{THREE} --json")[1])
    assert told["errors"].keys() == {"tau = 0.75", "tau = 2.25"} and told["certified"] is False
    assert told["taus"]["worst_gap"][1] is None and told["taus"]["settled_at"][1] is None
    computed["failing"], computed["seen"][:] = [], []
    assert ask(f"{THREE} --out runs")["taus"]["regime"] == REGIMES
    assert computed["seen"] == [0.75, 2.25] and store.load_run(folder).manifest["statuses"] == ["ok"]


def test_an_interrupted_sweep_keeps_what_is_finished_and_resumes(run, ask, computed):
    computed["stop"] = 1.25
    code, out, err = run(f"{THREE} --out runs")
    folder = only_run("runs")
    assert (code, out) == (130, "")
    assert err == f"wrof: interrupted; 2 of 4 flows are kept in '{folder}'; the same command resumes.\n"
    assert everything_in(folder) == ["question.npz", "sweep.json", "tau-0.25.npz", "tau-0.75.npz"]
    code, out, err = run(THREE)
    assert (code, out) == (130, "") and everything_in(Path("runs")) == [folder.name]
    assert err == "wrof: interrupted; nothing was written; with --out what is finished is kept.\n"
    computed["stop"], computed["seen"][:] = None, []
    assert ask(f"{THREE} --out runs")["taus"]["regime"] == REGIMES and computed["seen"] == [1.25, 2.25]


def test_an_interrupt_while_drawing_loses_nothing(run, ask, computed, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(plot, "phase_diagram", interrupt)
        code, out, err = run(f"{THREE} --out runs")
    folder = only_run("runs")
    assert code == 130 and "target" in out
    assert err == f"wrof: interrupted; 4 of 4 flows are kept in '{folder}'; the same command resumes.\n"
    computed["seen"].clear()
    assert ask(f"{THREE} --out runs")["run"] == folder.as_posix() and computed["seen"] == []
    assert set(SUMMARY) < set(everything_in(folder))


# ---- tasks ----------------------------------------------------------------------------------------------------------


def test_the_last_task_writes_the_summary(run, copy, computed):
    whole = copy("sweeps")
    for i, mine in ((2, [0.75]), (3, [1.25]), (1, [0.25, 2.25])):
        computed["seen"].clear()
        code, out, err = run(f"{THREE} --out runs --task {i}/3")
        assert code == 0 and computed["seen"] == mine
        assert [float(row.split()[0]) for row in out.splitlines()[1 : len(mine) + 1]] == mine
        assert rows_of(out)["regimes"].count("target") == sum(tau > 1 for tau in mine)
        left = {2: 3, 3: 2, 1: 0}[i]
        assert ("arrays.npz" in everything_in(only_run("runs"))) == (left == 0)
        folder = only_run("runs")
        said = f"note: '{folder}' still lacks {left} of 4 step sizes; the command that computes the last of them writes"
        assert err.startswith(said) and err.count("\n") == 1 if left else err == ""
        assert run(f"{THREE} --out runs --task {i}/3 --quiet")[2] == ""
    assert folder.name == whole.name
    ours, theirs = store.load_run(folder).arrays, store.load_run(whole).arrays
    assert {*theirs} - {*ours} == {"critical"} and all(report.same(ours[name], theirs[name]) for name in ours)


def test_a_task_that_has_nothing_to_do(ask):
    told = ask("sweep two_point --tau 0.1,0.2 --steps 1 --out runs --task 3/3 --quiet")
    assert told["taus"]["tau"] == [] and told["certified"] is True


def test_two_tasks_at_once_leave_one_whole_summary(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    commands = [[sys.executable, "-m", "wrof", *shlex.split(f"{THREE} --out runs --task {i}/2")] for i in (1, 2)]
    tasks = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for command in commands]
    said = [task.communicate()[1] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    folder = only_run("runs")
    assert store.load_run(folder).arrays["regime"].tolist() == REGIMES
    assert everything_in(folder) == sorted([*SUMMARY, *(f"tau-{tau}.npz" for tau in (0.25, 0.75, 1.25, 2.25))])


# ---- phases ---------------------------------------------------------------------------------------------------------


def test_phases_of_the_lattice_dirac(run, ask):
    told = ask("phases lattice_dirac:n=5")
    critical = [0.5, 1.5, 2.5, 3.5, 4.5]
    assert told["critical_taus"] == pytest.approx(critical, rel=1e-12)
    assert told["phases"]["movement"] == pytest.approx([k * k for k in range(6)])
    assert told["phases"]["discrepancy"] == pytest.approx([5 - k for k in range(6)])
    assert told["phases"]["tau_lo"] == pytest.approx([0, *critical])
    assert told["phases"]["tau_hi"][-1] is None and told["phases"]["tau_hi"][:-1] == told["phases"]["tau_lo"][1:]
    assert (told["count"], told["complete"]) == (6, True) and told["worst_gap"] <= 1e-9
    for name, tau, lazy in (("frozen_below", 0.5, True), ("target_above", 4.5, False)):
        assert told[name]["tau"] == pytest.approx(tau, rel=1e-12)
        assert (told[name]["lazy"], told[name]["eager"]) == (lazy, not lazy)
    code, out, err = run("phases lattice_dirac:n=5")
    rows = [row.split() for row in out.splitlines()[:7]]
    assert (code, err) == (0, "") and rows[0] == ["phase", "tau", "from", "to", "K", "F"]
    assert rows[1] == ["1", "0", "0.5", "0", "5"] and rows[6] == ["6", "4.5", "inf", "25", "0"]
    said = rows_of(out)
    assert said["frozen below"] == "0.5 (at it: lazily yes, eagerly no)"
    assert said["rho_1 = nu above"] == "4.5 (at it: lazily no, eagerly yes)"
    assert said["phases"] == "6" and said["complete"] == "yes"


def test_a_long_table_of_phases_leaves_out_its_middle(run):
    out = run("phases lattice_dirac:n=40")[1].splitlines()
    table = [row.split()[0] for row in out[: out.index(next(row for row in out if row.startswith("frozen")))]]
    assert len(table) == 24 and table[1] == "1" and table[-1] == "41" and "..." in table


def test_thresholds_that_are_none(run, ask):
    np.savez("a.npz", weights=[1.0], points=[[0.0]])
    np.savez("b.npz", weights=[1.0], points=[[1.0]])
    line = "phases a.npz b.npz"
    assert ask(line)["frozen_below"]["tau"] == 0.5
    told = ask("phases a.npz a.npz")
    assert told["target_above"] == {"tau": 0, "lazy": True, "eager": True, "says": "0: mu = nu"}
    assert told["frozen_below"] == {"tau": None, "says": "every tau: nothing ever moves"}
    rows = rows_of(run("phases a.npz a.npz --tau 1")[1])
    assert rows["prediction"].startswith("the flow reaches nu; it settles at step 0")
    np.savez("c.npz", weights=[0.5, 0.5], points=[[0.0], [2.0]])
    np.savez("d.npz", weights=[0.5, 0.5], points=[[0.0], [1.0]])
    assert ask("phases c.npz d.npz --stops union")["target_above"]["tau"] == 0.5


def test_a_budget_is_told(run, ask):
    code, out, err = run("phases lattice_dirac:n=9 --max-phases 3")
    assert code == 0 and err.count("\n") == 1
    assert re.match(r"warning: stopped at --max-phases 3: of (\d) boundaries \1 were not searched", err)
    rows = [row.split() for row in out.splitlines()]
    count = int(rows_of(out)["phases"])
    assert rows[0][-2:] == ["end", "proven"] and [row[-1] for row in rows[1 : count + 1]] == ["no"] * (count - 1) + [
        "-"
    ]
    assert rows_of(out)["complete"] == "no" and rows_of(out)["frozen below"].startswith("0.5 ")


def test_one_plus_tau_has_intervals(run):
    low, high = toys.two_point_thresholds(0.5, alpha="1+tau")
    code, out, err = run("phases two_point:r=0.5 --alpha 1+tau --tau 1 --out runs --json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert np.ravel(told["frozen_for"]["intervals"])[:3].tolist() == pytest.approx([0, low, high], rel=1e-9)
    assert told["frozen_for"]["intervals"][1][1] is None  # to infinity
    assert told["target_for"]["intervals"] == [pytest.approx([low, high], rel=1e-9)]
    rows = rows_of(run("phases two_point:r=0.5 --alpha 1+tau")[1])
    assert rows["frozen for"] == f"tau up to {low:.9g}, and from {high:.9g} on"
    assert rows["rho_1 = nu for"] == f"tau from {low:.9g} up to {high:.9g}" and "phases" not in rows
    folder = only_run("runs")
    assert everything_in(folder) == ["arrays.npz", "manifest.json"]
    kept = store.load_run(folder)
    assert kept.arrays["target_for"] == pytest.approx(np.array([[low, high]])) and kept.params["alpha"] == "1+tau"
    assert "tau up to 0.3099" in run("show runs")[1]
    assert told["prediction"]["regimes"] == ["target"]
    assert told["graph"] == {"says": "the 2 tau-graph needs alpha <= 1, got 2: above, a short hop can gain any amount"}
    rows = rows_of(run("phases two_point:r=0.1 --alpha 1+tau --p 3")[1])
    assert (rows["frozen for"], rows["rho_1 = nu for"]) != ("no tau", "no tau")


def test_words_for_intervals():
    says = [report.numbers._intervals(pairs)["says"] for pairs in ([], [(0, math.inf)], [(0, 1.0), (2.0, 3.0)])]
    assert says == ["no tau", "every tau", "tau up to 1, and from 2 up to 3"]


def test_phases_are_kept_as_a_run(ask, copy):
    folder = copy("phases")
    assert everything_in(folder) == ["arrays.npz", "hop_graph.png", "manifest.json", "pareto.png", "staircase.png"]
    kept = store.load_run(folder)
    found = wrof.phases(**toys.gap(1.0, 2.0))
    for name, array in found.arrays().items():
        assert np.array_equal(kept.arrays[name], array), name
    for name, array in wrof.hop_graph(tau=0.8, **toys.gap(1.0, 2.0)).arrays().items():
        assert np.array_equal(kept.arrays[name], array), name
    assert kept.manifest["statuses"] == [wrof.Status.OPTIMAL.value]
    assert kept.manifest["info"]["frozen_below"]["tau"] == 0.5 and kept.params["tau"] == 0.8
    told = ask("phases gap:a=1,b=2 --tau 0.8 --out phases")
    assert only_run("phases") == folder and told["run"] == folder.as_posix()
    assert ask("phases gap:a=1,b=2 --out other")["run"] != told["run"]
    assert everything_in(only_run("other")) == ["arrays.npz", "manifest.json", "pareto.png", "staircase.png"]


def test_geometry_at_a_step_size(run, ask):
    told = ask("phases gap:a=1,b=2 --tau 0.8")
    assert (told["prediction"]["regimes"], told["prediction"]["settled_at"]) == (["steady"], 1)
    assert (told["graph"]["components"], told["graph"]["locked"]) == (2, 0.5)  # {-1, 0} and {2}: half the mass
    out = run("phases gap:a=1,b=2 --tau 0.8")[1]
    rows = rows_of(out)
    assert rows["prediction"] == "the flow rests where it is neither; it settles at step 1"
    assert len(re.findall(r"^ +by: \S", out, re.M)) == len(told["prediction"]["theorems"]) >= 1
    assert rows["2 tau-graph"] == "2 components of 3 stops; of the mass, 0.5 is locked in and can never arrive"
    assert ask("phases steady-state:K=8 --tau 0.4")["prediction"]["says"] == (
        "every regime is possible; it settles at step 1 or before"
    )
    rows = rows_of(run("phases moons:n=4 --tau 9 --stops union")[1])
    assert rows["2 tau-graph"] == "1 component of 8 stops; no mass is locked in"


def test_what_geometry_cannot_say_is_said(run):
    np.save("s.npy", [1.0, 0, 0, 0])
    np.save("t.npy", [0.0, 0, 0, 1])
    rows = rows_of(run("phases s.npy t.npy --alpha 2 --p 3 --tau 0.3")[1])
    assert rows["2 tau-graph"].startswith("the 2 tau-graph needs alpha <= 1, got 2")
    assert report.of_tau("why not", "nor that") == {"prediction": {"says": "why not"}, "graph": {"says": "nor that"}}


# ---- ties -----------------------------------------------------------------------------------------------------------


def test_ties_are_reported(run, ask):
    told = ask("step two_point:r=2 --tau 1 --ties")
    assert told["unique"] is False and told["movement_range"] == [0, 4] and told["tie_margin"] == 0
    assert told["ties"].startswith("threshold tie: tau = 1 is critical, K may be anything from 0 to 4;")
    rows = rows_of(run("step two_point:r=2 --tau 1 --ties")[1])
    assert rows["unique"] == "no" and rows["K of minimisers"] == "0 to 4" and rows["tie margin"] == "0"
    told = ask("step two_point:r=2 --tau 1.5 --ties")
    assert told["unique"] is True and told["movement_range"] == [4, 4]
    assert told["tie_margin"] == pytest.approx(1 / 3) and told["ties"].startswith("rho is the only minimiser")
    assert rows_of(run("step two_point:r=2 --tau 1.5 --ties")[1])["K of minimisers"] == "4 to 4"
    assert "unique" not in ask("step two_point:r=2 --tau 1")


def test_ties_do_not_change_the_run(run, ask):
    told = ask("step two_point:r=2 --tau 1 --ties --out runs")
    assert ask("step two_point:r=2 --tau 1 --out runs")["run"] == told["run"]
    assert ask("step two_point:r=2 --tau 1 --ties --out runs")["run"] == told["run"]
    assert store.load_run(told["run"]).manifest["info"]["ties"] == told["ties"]
    assert told["ties"] in run("show runs")[1]


def test_ties_of_a_step_that_is_not_certified(run):
    line = "step random_to_uniform:K=12 --p 0.5 --tau 1 --max-iter 1 --solver simplex --ties --json"
    code, out, _ = run(line)
    assert code == 1 and "unique" not in json.loads(out)


# ---- plot and show --------------------------------------------------------------------------------------------------

DRAWN = {
    "sweeps": ["phase_diagram.png", "density.png"],
    "phases": ["staircase.png", "pareto.png", "hop_graph.png"],
    "steps": ["figure.png"],
}


@pytest.mark.parametrize("name", DRAWN)
def test_plot_draws_all_that_fit_again(run, copy, name):
    folder = copy(name)
    before = {file: (folder / file).read_bytes() for file in DRAWN[name]}
    for file in DRAWN[name]:
        (folder / file).unlink()
    code, out, err = run(f"plot {name}")
    assert (code, err) == (0, "") and out.split() == [(folder / file).as_posix() for file in DRAWN[name]]
    assert {file: (folder / file).read_bytes() for file in DRAWN[name]} == before


def test_plot_draws_one_figure_to_a_file(run, ask, copy):
    copy("phases")
    assert run("plot phases --what pareto --figure front.pdf")[:2] == (0, "front.pdf\n")
    assert Path("front.pdf").read_bytes()[:4] == b"%PDF"
    before = everything()
    assert ask("plot phases --what hop-graph")["drawn"] == [(only_run("phases") / "hop_graph.png").as_posix()]
    assert everything() == before
    assert run("show phases --figure stairs.png")[0] == 0
    assert Path("stairs.png").read_bytes() == (only_run("phases") / "staircase.png").read_bytes()


def test_plot_draws_flows_and_what_was_saved(run):
    assert run("flow three_point:a=1,b=1 --tau 0.6 --steps 3 --out flows --fps 4 --quiet")[0] == 0
    folder = only_run("flows")
    drawn = {name: (folder / name).read_bytes() for name in ("figure.png", "flow.gif")}
    assert run("plot flows --fps 4")[1].split() == [(folder / name).as_posix() for name in drawn]
    assert {name: (folder / name).read_bytes() for name in drawn} == drawn
    assert run("plot flows --figure x.gif")[0] == run("plot flows --figure x.png")[0] == 0
    assert (
        Path("x.png").read_bytes() == drawn["figure.png"] and Path("x.gif").read_bytes() != drawn["flow.gif"]
    )  # 8 fps
    wrof.save(wrof.phases(**toys.gap()), "mine.npz")
    assert run("plot mine.npz")[1].split() == ["mine_staircase.png", "mine_pareto.png"]
    assert Path("mine_pareto.png").stat().st_size > 1000
    assert "tau from" in run("show mine.npz")[1]


def test_an_unfinished_sweep_is_shown_and_drawn_hatched(run, ask, monkeypatch):
    run(f"{THREE} --out runs --task 1/2 --quiet")
    folder = only_run("runs")
    for path in ("runs", folder, folder / "sweep.json", folder / "tau-0.25.npz"):
        told = ask(f"show {path}")
        assert told["taus"]["status"] == ["ok", "missing", "ok", "missing"] and told["run"] == folder.as_posix()
    assert told["unfinished"] == "2 of 4 step sizes are missing; the same command resumes"
    seen = []
    real = plot.phase_diagram
    monkeypatch.setattr(report.figures.plot, "phase_diagram", lambda arrays, c: seen.append(arrays) or real(arrays, c))
    code, out, err = run("plot runs")
    assert (code, err) == (0, "")
    assert [Path(path).name for path in out.split()] == ["phase_diagram.png", "density.png"]
    assert seen[0]["status"].tolist() == ["ok", "missing", "ok", "missing"]
    run(f"{THREE} --out runs --task 2/2 --quiet")
    assert "unfinished" not in ask("show runs")
    run(THREE.replace("2.25", "9") + " --out runs --task 1/4 --quiet")  # asks for more, and computes another part
    assert ask("show runs")["taus"]["status"] == ["ok"] * 4 + ["missing"]


def test_show_tells_sweeps_and_phases(run, ask, copy):
    copy("sweeps"), copy("phases")
    told = ask("show sweeps")
    assert told["taus"]["regime"] == REGIMES and told["taus"]["settled_at"] == SETTLED
    assert told["params"]["toy"] == "three_point:a=1,b=2"
    out = run("show sweeps")[1]
    assert "settled at" in out and "frozen 1, steady 1, target 2" in out
    told = ask("show phases")
    assert told["phases"]["movement"] == pytest.approx([0, 0.5, 2.5]) and told["energies"] == {}
    out = run("show phases")[1]
    assert "tau from" in out and "frozen below      0.5 (at it" in out and "by: " in out


def test_the_newest_is_shown_finished_or_not(run, ask):
    run("step two_point --tau 1 --out runs --quiet")
    run("sweep two_point --tau 1,2 --out runs --task 1/2 --quiet")
    header = next(Path("runs").glob("*/sweep.json"))
    assert ask("show runs")["taus"]["status"] == ["ok", "missing"]
    os.utime(header, (0, 0))
    assert ask("show runs")["value"] == 0.5


# ---- verify ---------------------------------------------------------------------------------------------------------


def test_a_sweep_is_verified(run, ask, copy):
    folder = copy("sweeps")
    code, out, err = run("verify sweeps")
    assert (code, err) == (0, "")
    expected = [
        f"tau = {tau}: {n}" for tau, n in ((0.25, "1 step"), (0.75, "2 steps"), (1.25, "2 steps"), (2.25, "1 step"))
    ]
    lines = [f"ok     {folder} {text}, certified again" for text in expected]
    assert out.splitlines() == [*lines, f"ok     {folder}: arrays.npz says what the flows say"]
    told = ask(f"verify {folder}")
    assert told["ok"] is True and len(told["items"]) == 5


FLOW_CHANGES = {
    "value": lambda step: step.update(value=step["value"] + 1e-6),
    "dual": lambda step: step.update(dual=step["dual"] - 1e-6),
    "plan": lambda step: step["plan"].update(mass=step["plan"]["mass"] * 0.999),
    "rho": lambda step: step["rho"].update(weights=np.roll(step["rho"]["weights"], 1)),
    "potential": lambda step: step["potentials"].update(phi=step["potentials"]["phi"] + 0.1),
    "tau": lambda step: step.update(tau=0.7),
    "status": lambda step: step.update(status="GAP"),
}


@pytest.mark.parametrize("name", FLOW_CHANGES)
def test_a_falsified_flow_is_found(run, copy, name):
    folder = copy("sweeps")
    falsify(folder / "tau-0.75.npz", lambda tree: FLOW_CHANGES[name](tree["flow"]["steps"][0]))
    code, out, err = run("verify sweeps")
    wrong = [line for line in out.splitlines() if not line.startswith("ok")]
    assert code == 1 and re.fullmatch(r"wrof: failed: of 5 things that were looked at [12] (is|are) wrong\.\n", err)
    assert wrong[0].startswith(f"WRONG  {folder} tau = 0.75: ") and len(out.splitlines()) == 5


def test_a_falsified_summary_is_found(run, copy):
    folder = copy("sweeps")
    kept = store.load_run(folder)
    false = {**kept.arrays, "discrepancy": kept.arrays["discrepancy"] * 2}
    store.write_run(folder, kept.params, false)
    code, out, err = run("verify sweeps")
    assert code == 1 and err == "wrof: failed: of 5 things that were looked at 1 is wrong.\n"
    assert out.splitlines()[-1] == (
        f"WRONG  {folder}: arrays.npz holds another 'discrepancy' than the flows; run the sweep again."
    )
    (folder / "arrays.npz").write_bytes((folder / "arrays.npz").read_bytes()[:-7])
    assert "WRONG" in run("verify sweeps")[1].splitlines()[-1]
    store.write_run(folder, kept.params, kept.arrays)
    (folder / "tau-0.25.npz").unlink()
    code, out, _ = run("verify sweeps")
    assert code == 1 and out.splitlines()[0] == f"open   {folder} tau = 0.25: not computed yet"
    (folder / "sweep.json").write_text("{")
    code, out, _ = run("verify sweeps")
    assert code == 1 and "sweep.json' is damaged" in out


def test_a_summary_of_fewer_step_sizes_is_not_wrong(run, ask, copy):
    folder = copy("sweeps")
    run(THREE.replace("0.25", "0.1,0.25,0.3") + " --out sweeps --task 1/3 --quiet")
    told = ask("verify sweeps")
    assert [item["ok"] for item in told["items"]] == [True, True, None, True, True, True, True]
    assert store.load_run(folder).arrays["tau"].tolist() == [0.25, 0.75, 1.25, 2.25]


def test_an_unfinished_sweep_is_not_wrong(run, ask):
    run(f"{THREE} --out runs --task 1/2 --quiet")
    told = ask("verify runs")
    assert [item["ok"] for item in told["items"]] == [True, None, True, None] and told["ok"] is True
    file = only_run("runs") / "tau-0.25.npz"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    code, out, _ = run("verify runs")
    assert code == 1 and out.startswith(f"WRONG  {only_run('runs')} tau = 0.25: ") and "is damaged" in out


STEPS = {
    "line": "step random_to_uniform:K=9 --tau 0.2",
    "image": "step gaussians:shape=4x5 --tau 0.2 --alpha 0.5",
    "cloud": "step scattered:n=5,m=4 --tau 0.3 --p 1 --select eager",
    "free": "step moons:n=4 --tau 0.3 --stops free --rtol 1e-7",
    "1+tau": "step clusters:n=3,k=2 --tau 0.3 --alpha 1+tau",
    "min_norm": "step gaussians:shape=3x3 --tau 0.5 --select min_norm",
    "union": "step lattice_dirac:n=4 --tau 3 --stops union",
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_rebuilt_and_graded(ask, name, monkeypatch):
    monkeypatch.setattr(report, "illustrate", lambda *_: [])
    folder = Path(ask(f"{STEPS[name]} --out runs --quiet")["run"])
    item = {"item": folder.as_posix(), "ok": True, "says": "certified again"}
    assert ask("verify runs") == {"ok": True, "items": [item]}


def times(factor):
    return lambda array: array * factor


ARRAY_CHANGES = {
    "value": times(1 + 1e-6),
    "dual": times(1 - 1e-6),
    "movement": times(1 + 1e-6),
    "plan_mass": times(0.999),
    "plan_stop": lambda array: array[::-1].copy(),
    "plan_target": lambda array: array + 100,
    "psi": lambda array: array + np.arange(len(array)) / 100,
    "phi": times(1.001),
    "rho": lambda array: array[:, ::-1].copy(),
    "source": lambda array: array[::-1].copy(),
    "target": lambda array: -array,
    "source_index": lambda array: array[:-1],
    "tau": lambda array: array + 1e-9,
    "gap": lambda array: array[:0],
    "moved": times(1 - 1e-9),
    "points": lambda array: array**1.01,
}


@pytest.mark.parametrize("name", ARRAY_CHANGES)
def test_a_falsified_step_is_found(run, copy, name):
    """Its manifest goes with the false arrays: only the mathematics can tell."""
    kept = store.load_run(copy("steps"))
    changed = {**kept.arrays, name: ARRAY_CHANGES[name](kept.arrays[name])}
    info = {**kept.manifest["info"], "statuses": kept.manifest["statuses"], "worst_gap": 0.0}
    store.save_run(".", "steps", kept.params, changed, info=info)
    assert store.load_run(kept.path).arrays.keys() == kept.arrays.keys()
    code, out, err = run("verify steps")
    assert code == 1 and out.startswith(f"WRONG  {kept.path}: ") and out.count("\n") == 1
    assert err == "wrof: failed: of 1 things that were looked at 1 is wrong.\n"


def test_saved_steps_and_flows_are_verified(run, ask):
    walk = wrof.flow(tau=0.6, steps=9, **toys.three_point(1.0, 1.0))
    listed = wrof.flow(tau=[0.6, 0.2, 0.6], steps=3, **toys.three_point(1.0, 1.0))
    fraction = wrof.flow(tau=wrof.fraction_of_d1(0.5), steps=3, alpha="1+tau", **toys.moons(4))
    counts = [len(each.results) for each in (walk, listed, fraction)]
    assert counts[0] == 2 and counts[1] == 3 and counts[2] >= 2
    every = (("walk", walk), ("list", listed), ("d1", fraction), ("one", walk.results[0]))
    for (name, saved), count in zip(every, [*counts, 1], strict=True):
        wrof.save(saved, f"{name}.npz")
        told = ask(f"verify {name}.npz")
        assert told["ok"] is True and len(told["items"]) == count
        assert {item["says"] for item in told["items"]} == {"certified again"}
    falsify("walk.npz", lambda tree: tree["data"]["steps"][1].update(value=7.0))
    code, out, _ = run("verify walk.npz")
    assert code == 1 and [line[:5] for line in out.splitlines()] == ["ok   ", "WRONG"]
    assert "walk.npz step 2: value is stored as 7; recomputed it is" in out
    falsify("one.npz", lambda tree: tree["data"]["plan"].update(mass=np.array([0.5])))
    assert run("verify one.npz")[0] == 1
    assert (listed.stopped, listed.results[-1].still) == ("max steps", False)
    falsify("list.npz", lambda tree: tree["data"].update(stopped="fixed point"))
    code, out, _ = run("verify list.npz")
    assert code == 1 and "it says that it stopped at" in out
    falsify("d1.npz", lambda tree: tree["data"].pop("target"))
    code, out, _ = run("verify d1.npz")
    assert code == 1 and out.startswith("WRONG  d1.npz: it makes no sense (KeyError(")
    whole = Path("one.npz").read_bytes()
    Path("one.npz").write_bytes(whole[: len(whole) // 2])
    code, out, _ = run("verify one.npz")
    assert code == 1 and "one.npz' is damaged" in out


def test_a_saved_step_is_held_to_what_is_asked(run):
    problem = toys.random_to_uniform(5)
    rough = wrof.certify(
        tau=1.0, plan=np.outer(*(problem[name].weights for name in ("mu", "nu"))), rtol=10.0, **problem
    )
    assert rough.status.ok and rough.gap > 1e-3
    wrof.save(rough, "rough.npz")
    assert run("verify rough.npz --rtol 10")[0] == 0
    code, out, _ = run("verify rough.npz")
    assert code == 1 and "not proven optimal" in out


def test_what_holds_no_plans_is_checked_as_far_as_it_goes(run, copy):
    folder = copy("phases")
    told = "its files are whole and belong together; it holds no plans that could be graded"
    assert run("verify phases")[:2] == (0, f"ok     {folder}: {told}\n")
    wrof.save(wrof.phases(**toys.gap()), "phases.npz")
    assert (
        run("verify phases.npz")[1] == "ok     phases.npz: the file is whole; it holds no plans that could be graded\n"
    )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["params"]["tau"] = 0.9
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    code, out, _ = run("verify phases")
    assert code == 1 and out.startswith(f"WRONG  {folder}: ") and "its params do not give its run id" in out


def test_a_folder_of_many_is_verified_whole(run, ask, copy):
    folders = [copy(name) for name in ("phases", "steps", "sweeps")]
    shutil.copytree(folders[0], ".hidden/run")
    Path("notes").mkdir()
    told = ask("verify .")
    assert {item["item"].split(" tau")[0] for item in told["items"]} == {folder.as_posix() for folder in folders}
    (folders[1] / "arrays.npz").unlink()
    code, out, err = run("verify .")
    assert code == 1 and f"WRONG  {folders[1]}: there is no file" in out
    assert err == "wrof: failed: of 7 things that were looked at 1 is wrong.\n"


# ---- what goes wrong ------------------------------------------------------------------------------------------------

BAD = """
sweep two_point                          | --tau is missing; pass a range of step sizes, for example --tau 0.01:0.6:40.
sweep two_point --tau 0.6:0.01:40        | --tau 0.6:0.01:40 runs from 0.6 to 0.01; write LO:HI:N with LO < HI.
sweep two_point --tau 0.3:0.3:4          | --tau 0.3:0.3:4 runs from 0.3 to 0.3; write LO:HI:N with LO < HI.
sweep two_point --tau 0:0.6:40           | --tau 0:0.6:40 runs from 0 to 0.6; step sizes are > 0.
sweep two_point --tau 0:0.6:40:log       | --tau 0:0.6:40:log runs from 0 to 0.6; step sizes are > 0.
sweep two_point --tau=-1:0.6:40:log      | --tau -1:0.6:40:log runs from -1 to 0.6; step sizes are > 0.
sweep two_point --tau 0.1:0.6:0          | --tau 0.1:0.6:0 asks for 0 step sizes; a range takes a whole number of them,
sweep two_point --tau 0.1:0.6:1          | asks for 1 step sizes; a range takes a whole number of them, >= 2.
sweep two_point --tau 0.1:0.6:2.5        | asks for 2.5 step sizes;
sweep two_point --tau 0.1:0.6:           | asks for no step sizes;
sweep two_point --tau 0.1:0.6            | --tau 0.1:0.6 is no range; write LO:HI:N or LO:HI:N:log, for example
sweep two_point --tau 0.1:0.6:4:log:2    | --tau 0.1:0.6:4:log:2 is no range; write
sweep two_point --tau 0.1:0.6:4:lgo      | unknown spacing 'lgo'; did you mean 'log'?
sweep two_point --tau a:0.6:4            | --tau a:0.6:4 has 'a' where a finite number should be; write LO:HI:N, like
sweep two_point --tau 0.1:inf:4          | --tau 0.1:inf:4 has 'inf' where a finite number should be;
sweep two_point --tau 0.1,x              | tau[1] must be finite and > 0, got 'x'.
sweep two_point --tau 0.5*d1             | tau must be finite and > 0, got '0.5*d1'.
sweep two_point --tau 1 --steps 0        | steps must be a whole number >= 1, got 0.
sweep two_point --tau 1 --steps many     | steps must be a whole number >= 1, got 'many'.
sweep two_point --tau 1 -j 0             | jobs must be a whole number >= 1, or -1 for one per core, got 0.
sweep two_point --tau 1 --jobs two       | jobs must be a whole number >= 1, or -1 for one per core, got 'two'.
sweep two_point --tau 1 --memory lots    | --memory must be a number of bytes > 0, like 4G or 500M; got 'lots'.
sweep two_point --tau 1 --memory 0       | --memory must be a number of bytes > 0, like 4G or 500M; got '0'.
sweep two_point --tau 1 --memory 1e+G    | --memory must be a number of bytes > 0, like 4G or 500M; got '1e+G'.
sweep two_point --tau 1 --memory 4X      | --memory must be a number of bytes > 0,
sweep two_point --tau 1 --task 0/2       | --task must be I/N, whole numbers with 1 <= I <= N, like 3/8; got '0/2'.
sweep two_point --tau 1 --task 3/2       | --task must be I/N, whole numbers with 1 <= I <= N, like 3/8; got '3/2'.
sweep two_point --tau 1 --task 2         | --task must be I/N,
sweep two_point --tau 1 --alpha 1+tau --critical  | --critical needs a fixed alpha, not 1+tau: else there is no list
sweep two_point --tau 1 --stops free --critical   | --critical needs finitely many stops: else there is no list
sweep two_point --tau 1 --select lasy    | unknown select 'lasy'; did you mean 'lazy'?
sweep two_point --tau 1 --sovler lp      | unknown option '--sovler'; did you mean '--solver'?
sweep two_point --tau 1 --max-iter 0     | --max-iter must be a whole number >= 1, got 0.
sweep steadystate --tau 1                | unknown toy 'steadystate'; did you mean 'steady_state'?
sweep steady-state gap --tau 1           | there is no file 'steady-state'; a toy stands alone: steady-state.
sweep steady-state:r=2 --tau 1           | unknown key 'r'; known: K, zero_end.
sweep two_point:r=0 --tau 1e-301         | tau = 1e-301 is too small: it must be between 1e-300 and 1e300.
phases                                   | got no inputs; give one toy, or two files: SOURCE TARGET.
phases two_point --tau 0                 | tau must be finite and > 0, got 0.
phases two_point --tau 0.1,0.2           | tau must be finite and > 0, got '0.1,0.2'.
phases two_point --max-phases 1          | --max-phases must be a whole number >= 2, got 1.
phases two_point --max-phases all        | --max-phases must be a whole number >= 2, got 'all'.
phases two_point --tol 0                 | tol must be finite and > 0, got 0.
phases two_point --stops free            | --stops free has no critical tau, the least J is smooth there; use
phases two_point --alpha 2+tau           | alpha must be a number > 0 or '1+tau', got '2+tau'.
phases two_point --solver simplx         | unknown solver 'simplx'; did you mean 'simplex'?
phases moons --solver monotone           | 'monotone' needs points on a line
phases two_point --select eager          | unknown option '--select'
flow two_point --tau 0.1:0.6:4           | --tau 0.1:0.6:4 is a range of step sizes; a flow takes one, or a list:
step two_point --tau 1 --stops free --ties        | --ties needs finitely many stops, these are FREE; drop it, or
plot                                     | arguments are required: PATH; see `wrof plot --help`
plot gone                                | 'gone' is not a run: there is no such file or folder.
plot folder                              | 'folder' is not a run: it has no manifest.json.
plot runs --what stair                   | unknown figure 'stair'; did you mean 'staircase'?
plot runs --what staircase               | these arrays do not make the figure 'staircase'; they make phase-diagram,
plot runs --figure x.png                 | 'x.png' is one file, and there are phase-diagram and density; say which
plot runs --figure x.gif                 | 'x.gif' cannot hold phase-diagram or density; give a .png or .pdf file.
plot runs --what density --figure x.gif  | 'x.gif' cannot hold density; give a .png or .pdf file.
plot runs --what density --figure x.jpg  | cannot write 'x.jpg': figures are .png or .pdf files.
plot runs --fps 99                       | fps must be a whole number from 1 to 50, got 99.
plot mine                                | 'mine' holds no arrays that wrof plot can draw; its experiment draws them.
verify                                   | arguments are required: PATH; see `wrof verify --help`
verify gone                              | there is no file or folder 'gone'; check the path.
verify folder                            | 'folder' is no run, no sweep and no folder of them: there is nothing to
verify words.txt                         | 'words.txt' was not written by wrof.save: there is nothing to verify.
verify other.npz                         | 'other.npz' was not written by wrof.save: there is nothing to verify.
verify runs --rtol 0                     | rtol must be finite and > 0, got 0.
"""


def test_bad_input_gets_one_sentence_and_leaves_nothing(run, capsys):
    assert run("sweep two_point --tau 1,2 --steps 1 --out runs --quiet")[0] == 0
    store.save_run(".", "mine", {"seed": 1}, {"a": np.ones(2)})
    Path("folder").mkdir()
    Path("words.txt").write_text("hello", encoding="utf-8")
    np.savez("other.npz", a=np.ones(2))
    before = everything()
    rows = [re.split(r" +\| ", row.strip(), maxsplit=1) for row in BAD.strip("\n").splitlines()]
    assert len(rows) > 60
    for line, sentence in rows:
        new = line.split()[0] in ("sweep", "phases", "flow", "step")
        code, out, err = run(f"{line} --out new --json" if new else line)
        assert (code, out) == (2, ""), line
        assert err.startswith("wrof: error: ") and err.count("\n") == 1, line
        assert sentence in err, f"{line}\n{err}"
        assert everything() == before, line


def test_a_task_needs_a_folder(run):
    code, out, err = run("sweep two_point --tau 1,2 --task 1/2")
    assert (code, out) == (2, "") and err == (
        "wrof: error: --task 1/2 leaves the other step sizes to other tasks; give the folder they share, --out DIR.\n"
    )


def test_a_folder_of_another_sweep_is_refused_in_our_words(run, copy):
    folder = copy("sweeps")
    run("sweep two_point --tau 1 --steps 1 --out other --quiet")
    shutil.copy(only_run("other") / "sweep.json", folder / "sweep.json")
    code, out, err = run(f"{THREE} --out sweeps")
    assert (code, out) == (2, "") and "holds another sweep (" in err and "give another folder with --out." in err


def test_critical_tau_that_fail_do_not_lose_the_sweep(run, monkeypatch):
    def fail(*_, **__):
        raise wrof.SolverError("no way; throw=False returns it as it is")

    monkeypatch.setattr(importlib.import_module("wrof.phases"), "phases", fail)
    code, out, err = run(f"{THREE} --out runs --critical")
    assert code == 1 and err == "wrof: failed: no critical tau: no way\n" and "steady" in out
    assert "critical" not in store.load_run(only_run("runs")).arrays
    assert (only_run("runs") / "phase_diagram.png").exists()


# ---- help -----------------------------------------------------------------------------------------------------------


def test_the_examples_of_the_help_run(run, copy, monkeypatch):
    rng = np.random.default_rng(0)
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(1, 255, (6, 6)).astype(np.uint8)).save(name)
    wrof.save(wrof.flow(tau=0.6, steps=2, **toys.three_point(1.0, 1.0)), "flow.npz")
    copy("sweeps")
    shutil.copytree("sweeps", "results/mine")
    monkeypatch.setattr(report, "illustrate", lambda *_, **__: [])
    stored = texts.SHOW_EXAMPLES + texts.PLOT_EXAMPLES + texts.VERIFY_EXAMPLES
    lines = [line.strip() for line in (stored + texts.SWEEP_EXAMPLES + texts.PHASES_EXAMPLES).splitlines()]
    assert len(lines) == 14
    for line in lines:
        short = re.sub(r":40\b|:60\b", ":3", re.sub(r"--size \d+", "--size 3", line.replace(" -j 2", "")))
        short = re.sub(r"steady-state(:K=32)?", "steady-state:K=8", short).removeprefix("wrof ")
        assert run(short)[0] == 0, line


@pytest.mark.slow
def test_workers_in_parallel(ask):
    one, two = (ask(f"sweep steady-state:K=24 --tau 0.2:0.6:6 -j {jobs}") for jobs in (1, 2))
    assert one["taus"] == two["taus"]
