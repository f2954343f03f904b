"""The command line: the numbers are the library's, bad input is one sentence, nothing is ever half-written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wrof
from wrof import cli, readers, store, toys
from wrof.cli import texts
from wrof.solvers import SOLVERS
from wrof.step import solve
from wrof.ties import SELECTIONS

ROOT = Path(wrof.__file__).resolve().parent.parent
HEAVY = ("ot", "matplotlib.pyplot", "numba", "scipy.optimize")


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
def solver(monkeypatch):
    """Replace what solves a step inside a flow."""

    def put(function):
        wrof.flow  # noqa: B018  loads the module, whose name is the function's
        monkeypatch.setattr(sys.modules["wrof.flow"], "solve", function)

    return put


def start(*words, **how):
    """Run a command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "wrof", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, **how)


def write_pictures(a="a.png", b="b.png"):
    y, x = np.mgrid[:9, :12]
    for name, row, column in ((a, 2, 2), (b, 6, 9)):
        Image.fromarray((255 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 6)).astype(np.uint8)).save(name)


def everything():
    return sorted(str(path) for path in Path().rglob("*"))


def only_run(root):
    (folder,) = Path(root).iterdir()
    return folder


# ---- toys, step, flow -----------------------------------------------------------------------------------------------


def test_toys_lists_each_toy_as_a_spec_that_builds_it(run):
    code, out, err = run("toys --json")
    told = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert [spec.partition(":")[0] for spec in told] == [*toys.TOYS, *readers.PROBLEMS]
    for spec in set(told) - {"images:source=FILE,target=FILE,size=none,normalize=false,invert=false"}:
        built, plain = readers.read([spec]), readers.read([spec.partition(":")[0]])
        for one, other in ((built.mu, plain.mu), (built.nu, plain.nu)):
            assert one.space == other.space and np.array_equal(one.weights, other.weights)
        assert (built.stops, built.options, built.record) == (plain.stops, plain.options, plain.record)
    assert told["lattice_dirac:n=5,h=1.0"].startswith("Dirac at 0 to Dirac at n h")
    code, out, err = run("toys")
    assert (code, err) == (0, "")
    assert out.splitlines()[::2] == list(told)


@pytest.mark.parametrize(("r", "tau"), [(2.0, 1.5), (2.0, 0.5), (0.5, 0.3)])
def test_step_on_two_points_tells_the_closed_form(ask, r, tau):
    told = ask(f"step two-point:r={r} --tau {tau}")
    stays, value = toys.two_point_exact(r, tau)
    assert told["value"] == pytest.approx(value, rel=1e-12)
    assert told["moved"] == 1 - stays[0] and stays[0] == stays[1]
    assert told["movement"] / (2 * tau) + told["discrepancy"] == pytest.approx(value, rel=1e-12)
    assert told["certified"] is True and told["status"] == wrof.Status.OPTIMAL.value
    assert 0 <= told["infeasibility"] <= 1e-9 and abs(told["gap"]) <= 1e-9
    assert told["params"]["toy"] == f"two_point:r={r}" and told["run"] is None


def test_step_prints_the_same_numbers_to_read(run, ask):
    line = "step random_to_ramp:K=16,seed=3 --tau 0.3 --p 1 --alpha 0.5 --solver lp --select eager"
    told, (code, out, err) = ask(line), run(line)
    rows = dict(re.split(r"\s{2,}", row, maxsplit=1) for row in out.splitlines())
    assert (code, err) == (0, "")
    assert rows["J"] == f"{told['value']:.12g}" and rows["K"] == f"{told['movement']:.12g}"
    assert rows["F"] == f"{told['discrepancy']:.12g}" and rows["status"] == told["status"]
    assert (rows["solver"], rows["select"]) == (told["solver"], told["select"]) == ("lp", "eager")
    assert {"gap", "infeasibility", "lower bound", "mass moved"} <= rows.keys()


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("--p 1 --alpha 0.5", {"p": 1.0, "alpha": 0.5}),
        ("--alpha 1+tau --solver simplex", {"alpha": "1+tau", "solver": "simplex"}),
        ("--alpha '1 + tau' --select vertex", {"alpha": "1+tau", "select": "vertex"}),
        ("--stops free", {"stops": wrof.FREE}),
        ("--select min_norm --rtol 1e-6", {"select": "min_norm", "rtol": 1e-6}),
    ],
)
def test_options_reach_the_library(ask, words, options):
    told = ask(f"step random_to_uniform:K=12,seed=1 --tau 0.2 {words}")
    result = wrof.step(tau=0.2, **toys.random_to_uniform(12, seed=1), **options)
    for name in ("value", "movement", "discrepancy", "dual", "solver", "select"):
        assert told[name] == getattr(result, name)


def test_stops_may_be_the_union_of_the_supports(ask):
    told = ask("step lattice_dirac:n=4 --tau 0.6 --stops union --solver simplex")
    assert told["moved"] == 0  # from 0 to 4 in one hop costs 16/1.2 > 4; on the lattice mass would move
    assert ask("step lattice_dirac:n=4 --tau 0.6")["moved"] == 1
    own = ask("flow clusters:n=3,k=2,dim=1 --tau 0.2 --steps 3")
    union = ask("flow clusters:n=3,k=2,dim=1 --tau 0.2 --steps 3 --stops union")
    assert own["energies"]["value"] == pytest.approx(union["energies"]["value"], rel=1e-12)  # its own are the union


def test_flow_on_three_points_tells_the_closed_form(ask):
    told = ask("flow three_point:a=1,b=1 --tau 0.6 --steps 9")
    assert told["energies"]["tau"] == [0.6, 0.6]
    assert told["energies"]["value"] == pytest.approx([1 / 1.2 + 1, 1 / 1.2], rel=1e-12)
    assert told["energies"]["movement"] == pytest.approx([1, 1]) and told["energies"]["discrepancy"] == [1, 0]
    assert (told["steps"], told["settled_at"], told["stopped"], told["regime"]) == (2, 2, "target", "target")
    assert told["params"]["steps"] == 9


def test_flow_prints_a_line_per_step(run):
    code, out, err = run("flow gap:a=1,b=2 --tau 0.8 --steps 9 --quiet")
    rows = out.splitlines()
    assert (code, err) == (0, "")
    assert rows[0].split() == ["step", "tau", "J", "K", "F", "gap", "mass", "moved"]
    assert [row.split()[0] for row in rows[1:3]] == ["1", "2"]
    assert float(rows[1].split()[2]) == pytest.approx(0.5 / 1.6 + 1.0)  # the left half comes, the right half is 2 off
    told = dict(re.split(r"\s{2,}", row, maxsplit=1) for row in rows[3:])
    assert told["regime"] == "steady" and told["settled at"] == "1" and told["stopped"] == "fixed point"


def test_a_long_table_leaves_out_its_middle(run):
    out = run("flow three_point --tau " + ",".join(["0.1"] * 40))[1].splitlines()
    steps = [row.split()[0] for row in out[: out.index(next(row for row in out if row.startswith("steps")))]]
    assert steps[0] == "step" and steps[1] == "1" and "..." in steps and steps[-1] == "40"
    assert len(steps) == 24


def test_tau_of_a_flow_is_a_number_a_list_or_a_fraction(ask):
    listed = ask("flow three_point:a=1,b=2 --tau 0.6,1.5")
    assert (listed["energies"]["tau"], listed["params"]["steps"]) == ([0.6, 1.5], 2)
    for text in ("0.5*d1", "d1*0.5", "'0.5 * d1'"):
        told = ask(f"flow three_point:a=1,b=1 --tau {text} --steps 2")
        assert told["energies"]["tau"] == [1.0, 0.5]  # d_1 is 2, then 1
        assert told["params"]["tau"] == "0.5*d1"
    assert ask("flow three_point:a=1,b=2 --tau 0.5*d1")["params"]["steps"] == 20


def test_options_may_stand_anywhere(ask):
    np.save("s.npy", [1.0, 0, 0])
    np.save("t.npy", [0.0, 0, 1])
    for line in ("s.npy t.npy --tau 1", "--tau 1 s.npy t.npy", "s.npy --tau 1 t.npy"):
        assert ask(f"flow {line} --steps 2")["params"]["source"]["file"] == "s.npy"


# ---- files ----------------------------------------------------------------------------------------------------------

WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4])
TABLE = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]) / 10
POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 2.0], [3.0, 1.0]])
BELOW = "\n".join(f"{x},{y},{w}" for (x, y), w in zip(POINTS, WEIGHTS, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "space", "weights"),
    [
        ("w.npy", WEIGHTS, wrof.Grid(4), WEIGHTS),
        ("w.NPY", WEIGHTS.astype(np.float32), wrof.Grid(4), WEIGHTS.astype(np.float32)),
        ("w.npy", TABLE, wrof.Grid((2, 3)), TABLE),
        ("w.npz", {"weights": TABLE}, wrof.Grid((2, 3)), TABLE),
        ("w.npz", {"weights": WEIGHTS, "points": POINTS}, wrof.PointCloud(POINTS), WEIGHTS),
        ("w.npz", {"weights": WEIGHTS, "points": POINTS[:, 0]}, wrof.PointCloud(POINTS[:, 0]), WEIGHTS),
        ("w.csv", "0.1\n0.2\n\n0.3\n0.4", wrof.Grid(4), WEIGHTS),
        ("w.csv", "0.1, 0.2, 0.3, 0.4\n", wrof.Grid(4), WEIGHTS),
        ("w.csv", "# masses\n.1,.2,0\n0,.3,.4\n", wrof.Grid((2, 3)), TABLE),
        ("w.csv", "weight\n0.1\n0.2\n0.3\n0.4", wrof.Grid(4), WEIGHTS),
        ("w.csv", f"x,y,weight\n{BELOW}", wrof.PointCloud(POINTS), WEIGHTS),
        ("w.csv", f"\ufeffX, Y, Weight\r\n{BELOW}\r\n", wrof.PointCloud(POINTS), WEIGHTS),
        ("w.csv", f"# x,y,weight\n{BELOW}", wrof.PointCloud(POINTS), WEIGHTS),  # as numpy.savetxt writes a header
        ("w.csv", f"# a comment\n#\n# y,x,weight\n{BELOW}", wrof.PointCloud(POINTS[:, ::-1]), WEIGHTS),
        ("w.csv", "weight,x\n1,0.5\n2,-1", wrof.PointCloud([0.5, -1.0]), [1, 2]),
        ("w.csv", "x,y,z,weight\n1,2,3,4", wrof.PointCloud([[1, 2, 3]]), [4]),
    ],
)
def test_files_are_read_as_they_say(name, content, space, weights):
    if isinstance(content, str):
        Path(name).write_text(content, encoding="utf-8", newline="")
    elif isinstance(content, dict):
        np.savez(name, **content)
    else:
        with open(name, "wb") as stream:
            np.save(stream, content)
    read = readers.read([name, name])
    assert read.mu.space == read.nu.space == space and read.notes == []
    assert np.array_equal(read.mu.weights, np.ravel(weights))
    digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()
    assert read.record == {role: {"file": name, "sha256": digest} for role in ("source", "target")}


def test_arrays_go_the_whole_way(ask, run):
    rng = np.random.default_rng(5)
    mu, nu = rng.random((3, 4)), rng.random((3, 4))
    np.save("mu.npy", mu)
    np.savetxt("nu.csv", nu, delimiter=",", fmt="%.17g")
    code, out, err = run("flow mu.npy nu.csv --tau 0.2 --steps 2")
    assert (code, out) == (2, "") and err.endswith("pass --normalize to rescale both.\n") and err.count("\n") == 1
    told = ask("flow mu.npy nu.csv --tau 0.2 --steps 2 --normalize")
    walk = wrof.flow(mu, nu, 0.2, 2, grid=wrof.Grid((3, 4)), normalize=True)
    assert told["energies"] == {name: values.tolist() for name, values in walk.energies.items()}


def test_two_grids_are_pointed_out(run):
    np.save("s.npy", np.ones(4))
    np.save("t.npy", np.full(2, 2.0))
    code, _, err = run("step s.npy t.npy --tau 1")
    assert code == 0
    assert err == "note: source has shape (4,), target (2,): mass may rest on the points of both.\n"
    assert run("step s.npy t.npy --tau 1 --quiet")[2] == ""


def test_pictures_make_arrays_manifest_figure_and_gif(run):
    write_pictures()
    code, out, err = run("flow a.png b.png --size 8 --tau 0.1 --steps 3 --out results/mine --fps 4")
    folder = only_run("results/mine")
    assert code == 0 and out.splitlines()[-1].split() == ["run", folder.as_posix()]
    assert sorted(path.name for path in folder.iterdir()) == ["arrays.npz", "figure.png", "flow.gif", "manifest.json"]
    masses = [toys.image(name, 8).mass for name in ("a.png", "b.png")]
    told = [f"picture '{n}.png': 6 x 8 pixels, mass {m:.6g} rescaled to 1." for n, m in zip("ab", masses, strict=True)]
    assert err.splitlines() == [f"note: {sentence}" for sentence in told]
    walk = wrof.flow(tau=0.1, steps=3, **toys.images("a.png", "b.png", size=8, normalize=True))
    kept = store.load_run(folder)
    assert kept.arrays.keys() == walk.arrays().keys()
    for name, array in walk.arrays().items():
        assert np.array_equal(kept.arrays[name], array), name
    assert kept.params["target"]["sha256"] == hashlib.sha256(Path("b.png").read_bytes()).hexdigest()
    assert kept.params["size"] == 8 and kept.params["invert"] is False and kept.params["steps"] == 3
    assert kept.manifest["worst_gap"] == walk.energies["gap"].max()
    assert kept.manifest["statuses"] == [wrof.Status.OPTIMAL.value] and kept.manifest["seconds"] > 0
    assert kept.manifest["info"]["regime"] == "running"
    with Image.open(folder / "figure.png") as figure, Image.open(folder / "flow.gif") as movie:
        assert figure.size[0] > 400 and movie.n_frames >= 4 and movie.info["duration"] >= 250
    figure = (folder / "figure.png").read_bytes()
    assert run("flow a.png b.png --size 8 --tau 0.1 --steps 3 --out results/mine --quiet")[2] == ""
    assert only_run("results/mine") == folder and (folder / "figure.png").read_bytes() == figure


def test_a_picture_may_be_dark_or_meet_an_array(ask, run):
    write_pictures()
    dark = ask("step a.png b.png --invert --tau 0.1 --quiet")
    assert dark["value"] == wrof.step(tau=0.1, **toys.images("a.png", "b.png", normalize=True, invert=True)).value
    np.save("flat.npy", np.full((9, 12), 1 / 108))
    code, _, err = run("step a.png flat.npy --tau 0.1")
    assert code == 0 and err.count("\n") == 1 and "a.png" in err


def test_the_run_id_is_that_of_the_question(run):
    np.save("s.npy", [1.0, 0])
    np.save("t.npy", [0.0, 1])
    line = "step s.npy t.npy --tau 1 --out runs --quiet"
    for again in (line, f"{line} --p 2.0", "step --quiet --out runs s.npy --tau 1.0 t.npy", f"{line} --json"):
        assert run(again)[0] == 0
    assert len(list(Path("runs").iterdir())) == 1
    assert run(f"{line} --p 1")[0] == run("flow s.npy t.npy --tau 1 --out runs --steps 1")[0] == 0
    assert len(list(Path("runs").iterdir())) == 3
    np.save("t.npy", [0.5, 0.5])  # the same name, another content
    assert run(line)[0] == 0
    assert len(list(Path("runs").iterdir())) == 4
    toy = "step random_to_ramp:K=8{} --tau 1 --out toys --quiet"
    assert run(toy.format(""))[0] == run(toy.format(",seed=0"))[0] == 0
    assert store.load_run(only_run("toys")).params["toy"] == "random_to_ramp:K=8,seed=0,increasing=false,zero_end=true"


def test_a_manifest_names_files_without_their_folders(run, tmp_path):
    write_pictures()
    folder = shlex.quote(str(tmp_path))
    assert run(f"step {folder}/a.png {folder}/b.png --size 4 --tau 1 --out {folder}/out --quiet")[0] == 0
    text = (only_run("out") / "manifest.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert json.loads(text)["params"]["source"]["file"] == "a.png"


def test_a_step_stores_its_plan(run):
    assert run("step random_to_uniform:K=9 --tau 0.2 --out .")[0] == 0
    kept = store.load_run(next(path for path in Path().iterdir() if path.is_dir()))
    result = wrof.step(tau=0.2, **toys.random_to_uniform(9))
    assert np.array_equal(kept.arrays["plan_mass"], result.plan.mass)
    assert np.array_equal(kept.arrays["psi"], result.potentials.psi)
    assert np.array_equal(kept.arrays["rho"], [result.rho.weights])
    assert sorted(path.name for path in kept.path.iterdir()) == ["arrays.npz", "figure.png", "manifest.json"]


def test_a_toy_of_pictures_is_identified_by_their_content(run):
    write_pictures()
    line = "step images:source=a.png,target=b.png,size=4 --normalize --tau 1 --out runs --quiet"
    assert run(line)[0] == 0
    Image.new("L", (12, 9), 200).save("b.png")
    assert run(line)[0] == 0
    assert len(list(Path("runs").iterdir())) == 2


# ---- show -----------------------------------------------------------------------------------------------------------


def test_show_prints_and_redraws_a_run(run, ask):
    told = ask("flow bumps:K=16 --tau 0.1 --steps 3 --out runs")
    folder = only_run("runs")
    figure = (folder / "figure.png").read_bytes()
    for path in ("runs", "runs/", folder, folder / "manifest.json", folder / "arrays.npz"):
        seen = ask(f"show {path}")
        assert seen["energies"] == told["energies"] and seen["params"] == told["params"]
        assert seen["run"] == told["run"] == folder.as_posix()
    code, out, err = run("show runs --figure again.png")
    assert (code, err) == (0, "") and Path("again.png").read_bytes() == figure
    assert f"{told['energies']['value'][1]:.8g}" in out and "bumps:K=16,source=0.2x0.4" in out
    assert out.count("worst gap") == 1 and "optimal" in out
    assert run("show runs --figure again.gif")[0] == run("show runs --figure again.pdf")[0] == 0
    assert Path("again.gif").read_bytes() == (folder / "flow.gif").read_bytes()


def test_show_takes_the_newest_of_several_runs(run, ask):
    for tau in ("0.3", "0.2", "0.4"):
        run(f"step two_point --tau {tau} --out runs")
        time.sleep(0.002)
    assert ask("show runs")["params"]["tau"] == 0.4
    os.chdir("runs")
    assert ask("show .")["params"]["tau"] == 0.4
    out = run("show .")[1]
    assert re.search(r"^J +1$", out, re.M) and "step  tau" not in out


def test_show_reads_what_the_library_saved(run, ask):
    walk = wrof.flow(tau=0.6, steps=9, **toys.three_point(1.0, 1.0))
    wrof.save(walk, "walk.npz")
    wrof.save(walk.results[0], "one.npz")
    assert ask("show walk.npz")["settled_at"] == 2
    assert ask("show one.npz")["value"] == walk.results[0].value
    assert run("show one.npz --figure one.png")[0] == 0 and Path("one.png").stat().st_size > 1000


def test_show_takes_runs_of_experiments(run):
    info = {"seen": {"a": 1, "b": [0.5]}, "many": list(range(99)), "worst_gap": 1e-12, "statuses": ["fine", "fine"]}
    folder = store.save_run("runs", "mine", {"seed": 3, "taus": [0.1, 0.2]}, {"value": np.ones((2, 3))}, info=info)
    code, out, err = run(f"show {folder}")
    assert (code, err) == (0, "")
    rows = dict(re.split(r"\s{2,}", row, maxsplit=1) for row in out.splitlines())
    assert rows["taus"] == "0.1, 0.2" and rows["seen"] == "a 1, b 0.5" and rows["status"] == "fine"
    assert rows["many"].endswith("7, ... (99 in all)") and rows["worst gap"] == "1.0e-12"
    code, _, err = run(f"show {folder} --figure x.png")
    assert code == 2 and err.startswith("wrof: error: there is no array") and not Path("x.png").exists()


# ---- what goes wrong ------------------------------------------------------------------------------------------------

BAD = """
                                                       | see `wrof --help`
bogus                                                  | invalid choice: 'bogus'
toys more                                              | 'more' is one word too many
step two_point                                         | --tau is missing; pass a step size
step --tau 1                                           | got no inputs; give one toy, or two files: SOURCE TARGET.
step two_point --tua 0.5                               | unknown option '--tua'; did you mean '--tau'?
step two_point --tau 1 --xyz                           | unknown option '--xyz'; known: --help, --tau,
step two_point --tau=1 --sover=lp                      | unknown option '--sover'; did you mean '--solver'?
step two_point --tau                                   | argument --tau: expected one argument; see `wrof step --help`
step two_point --tau abc                               | tau must be finite and > 0, got 'abc'.
step two_point --tau -0.1                              | tau must be finite and > 0, got -0.1.
flow two_point --tau inf                               | tau must be finite and > 0, got inf.
flow two_point --tau 0.1,x                             | tau[1] must be finite and > 0, got 'x'.
flow two_point --tau 0.1,0.2 --steps 5                 | tau has 2 entries for 5 steps; give one per step.
flow two_point --tau 0*d1                              | the fraction of d1 must be finite and > 0, got 0.
flow two_point --tau 1 --steps 2.5                     | steps must be a whole number >= 0, got 2.5.
flow two_point --tau 1 --steps many                    | steps must be a whole number >= 0, got 'many'.
flow two_point --tau 1 --fps 0                         | fps must be a whole number from 1 to 50, got 0.
step tow_point --tau 1                                 | unknown toy 'tow_point'; did you mean 'two_point'?
step two_point:q=3 --tau 1                             | unknown key 'q'; known: r.
step two_point:r=x --tau 1                             | r must be a number, got 'x'.
step two_point gap --tau 1                             | there is no file 'two_point'; a toy stands alone: two_point.
step ok.npy --tau 1                                    | 'ok.npy' is one file; give two, SOURCE TARGET.
step gone.npy --tau 1                                  | 'gone.npy' is one file; give two, SOURCE TARGET.
step ok.npy ok.npy ok.npy --tau 1                      | got 3 inputs
step ok.npy gone.npy --tau 1                           | there is no file 'gone.npy'; check the path.
step gone.png a.png --tau 1                            | there is no file 'gone.png'; check the path.
step ok.npy heavy.npy --tau 1                          | relative); pass --normalize to rescale both.
step ok.npy table.npy --tau 1 --normalize              | source lives in dimension 1, target in 2.
step cube.npy cube.npy --tau 1                         | 'cube.npy' holds weights of shape (2, 2, 2);
step empty.npy ok.npy --tau 1                          | 'empty.npy' holds weights of shape (0,);
step negative.npy ok.npy --tau 1                       | source has 1 negative weight (first: weights[1] = -1); weights
step ok.npy nan.npy --tau 1                            | target has 1 non-finite weight (first: [1] = nan).
step zero.npy ok.npy --tau 1                           | source has total mass 0
step text.npy ok.npy --tau 1                           | must be real numbers
step objects.npy ok.npy --tau 1                        | 'objects.npy' is damaged or not a .npy file of numbers.
step fake.npy ok.npy --tau 1                           | 'fake.npy' is damaged or not a .npy file of numbers.
step fake.npz ok.npy --tau 1                           | 'fake.npz' is damaged or not a .npz file of numbers.
step typo.npz ok.npy --tau 1                           | 'typo.npz': unknown key 'wieghts'; did you mean 'weights'?
step alone.npz ok.npy --tau 1                          | 'alone.npz': there is no array 'weights'; add it
step uneven.npz ok.npy --tau 1                         | 'uneven.npz': points has 3 rows but weights has 2 entries.
step typo.csv ok.npy --tau 1                           | 'typo.csv': unknown column 'wieght'; did you mean 'weight'?
step skip.csv ok.npy --tau 1                           | 'skip.csv': the columns are y,weight; they must be
step ragged.csv ok.npy --tau 1                         | 'ragged.csv': the first line has 2 entries, line 3 has 1;
step word.csv ok.npy --tau 1                           | 'word.csv': line 2 has 'b' where a number should be;
step german.csv ok.npy --tau 1                         | 'german.csv': line 1 has '0.5;1' where a number should be;
step empty.csv ok.npy --tau 1                          | 'empty.csv': the file is empty.
step header.csv ok.npy --tau 1                         | 'header.csv': there is nothing below the header.
step binary.csv ok.npy --tau 1                         | 'binary.csv' is not a text file.
step folder.csv ok.npy --tau 1                         | cannot read 'folder.csv'
step fake.png a.png --tau 1                            | cannot read picture 'fake.png': cannot identify image file
step a.png folder --tau 1                              | cannot read picture 'folder'
step a.png black.png --tau 1                           | picture 'black.png' has total mass 0
step a.png a.png --tau 1 --size 0                      | size must be an integer >= 1, got 0.
step a.png a.png --tau 1 --size big                    | size must be an integer >= 1, got 'big'.
step ok.npy ok.npy --tau 1 --size 4                    | --size and --invert are for picture files; drop them.
step two_point --tau 1 --invert                        | --size and --invert are for picture files; drop them.
step two_point --tau 1 --solver simplx                 | unknown solver 'simplx'; did you mean 'simplex'?
step moons --tau 1 --solver monotone                   | 'monotone' needs points on a line
step two_point --tau 1 --select eagr                   | unknown select 'eagr'; did you mean 'eager'?
step two_point --tau 1 --select min_norm --stops free  | --select min_norm needs finitely many stops
step two_point --tau 1 --stops fre                     | unknown stops 'fre'; did you mean 'free'?
step two_point --tau 1 --alpha 0                       | alpha must be finite and > 0, got 0.
step two_point --tau 1 --alpha 2+tau                   | alpha must be a number > 0 or '1+tau', got '2+tau'.
step two_point --tau 1 --p -1                          | p must be finite and > 0, got -1.
step two_point --tau 1 --rtol x                        | rtol must be finite and > 0, got 'x'.
step two_point --tau 1 --max-iter 0                    | --max-iter must be a whole number >= 1, got 0.
step two_point --tau 1 --max-iter x                    | --max-iter must be a whole number >= 1, got 'x'.
step two_point --tau 1 --out ok.npy                    | cannot write to 'ok.npy': 'ok.npy' is not a folder
step two_point --tau 1 --out ok.npy/x                  | cannot write to 'ok.npy/x': 'ok.npy' is not a folder
step two_point --tau 1 --out .hidden                   | run name '.hidden' must be a plain folder name
show                                                   | arguments are required: PATH; see `wrof show --help`
show gone                                              | 'gone' is not a run: there is no such file or folder.
show folder                                            | 'folder' is not a run: it has no manifest.json.
show typo.npz                                          | 'typo.npz' was not written by wrof
show a.png                                             | 'a.png' is damaged or not a .npz file
show runs two                                          | 'two' is one word too many
show runs --figure x.jpg                               | cannot write 'x.jpg': figures are .png or .pdf files.
show runs --figure gone/x.png                          | cannot write 'gone/x.png'
"""


def write_bad_files():
    write_pictures()
    Image.new("L", (4, 3), 0).save("black.png")
    arrays = {
        "ok": np.ones(4), "heavy": np.full(4, 2.0), "table": np.ones((2, 2)), "cube": np.ones((2, 2, 2)), "empty": [],
        "negative": [1.0, -1.0], "nan": [1.0, np.nan], "zero": np.zeros(4), "text": ["a", "b"],
        "objects": np.array([1, None], dtype=object),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(name, array, allow_pickle=True)
    np.savez("typo", wieghts=np.ones(3))
    np.savez("alone", points=np.ones((3, 2)))
    np.savez("uneven", points=np.ones((3, 2)), weights=np.ones(2))
    texts = {
        "typo": "x,wieght\n0,1", "skip": "y,weight\n0,1", "ragged": "1,2\n3,4\n5", "word": "1,2\n3,b",
        "german": "0.5;1\n2;3", "empty": "\n", "header": "x,weight\n",
    }  # fmt: skip
    for name, text in texts.items():
        Path(f"{name}.csv").write_text(text, encoding="utf-8")
    Path("binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("fake.npy", "fake.npz", "fake.png"):
        Path(name).write_text("hello", encoding="utf-8")
    for folder in ("folder", "folder.csv"):
        Path(folder).mkdir()
    assert cli.main(shlex.split("step two_point --tau 1 --out runs")) == 0


def test_bad_input_gets_one_sentence_and_leaves_nothing(run, capsys):
    write_bad_files()
    capsys.readouterr()
    before = everything()
    rows = [[part.strip() for part in row.split(" | ")] for row in BAD.strip("\n").splitlines()]
    assert len(rows) > 75
    for line, sentence in rows:
        asked = line if "--out" in line or line[:4] not in ("step", "flow") else f"{line} --out new --json"
        code, out, err = run(asked)
        assert (code, out) == (2, ""), line
        assert err.startswith("wrof: error: ") and err.count("\n") == 1 and err.endswith("\n"), line
        assert sentence in err, f"{line}\n{err}"
        assert everything() == before, line


def test_a_missed_certificate_is_told_stored_and_fails(run):
    line = "random_to_uniform:K=12 --p 0.5 --tau 1 --max-iter 1 --solver simplex --json --quiet"
    for command in ("step", "flow"):
        code, out, err = run(f"{command} {line} --out {command}s")
        told = json.loads(out)
        assert code == 1 and err.count("\n") == 1
        assert err.startswith("wrof: failed: stopped at its iteration limit") and "raise --max-iter" in err
        assert told["certified"] is False and told["gap" if command == "step" else "worst_gap"] > 1e-9
        folder = only_run(f"{command}s")
        assert sorted(path.name for path in folder.iterdir()) == ["arrays.npz", "manifest.json"]
        assert store.load_run(folder).manifest["statuses"] == [wrof.Status.ITERATION_LIMIT.value]
    assert told["stopped"] == "failed at step 1" and told["regime"] == "running"
    assert "stopped at its iteration limit" in run("show flows")[1]


def test_a_flow_that_fails_later_keeps_its_steps(run, solver):
    def fail(problem, **options):
        result = solve(problem, **options)
        if problem.source.weights[0] == 0:
            raise wrof.SolverError("made to fail", result)
        return result

    solver(fail)
    code, out, err = run("flow three_point:a=1,b=1 --tau 0.6 --steps 5 --json")
    told = json.loads(out)
    assert (code, err) == (1, "wrof: failed: made to fail\n")
    assert told["stopped"] == "failed at step 2" and len(told["energies"]["value"]) == 2

    def bare(problem, **options):
        raise wrof.SolverError("no answer at all")

    solver(bare)
    code, out, err = run("flow three_point --tau 0.6 --steps 5")
    assert (code, err) == (1, "wrof: failed: no answer at all\n") and "failed at step 0" in out


def test_an_interrupted_flow_writes_nothing(run, solver):
    def interrupt(problem, **options):
        if problem.source.weights[0] == 0:
            raise KeyboardInterrupt
        return solve(problem, **options)

    solver(interrupt)
    code, out, err = run("flow three_point:a=1,b=1 --tau 0.6 --steps 5 --out runs")
    assert (code, out) == (130, "")
    assert err == "wrof: interrupted; step 2 was not finished and nothing was written.\n"
    assert everything() == []


def test_an_interrupt_before_or_after_the_flow(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(readers, "read_question", interrupt)
        assert run("step two_point --tau 1 --out runs") == (130, "", "wrof: interrupted; nothing was written.\n")
    assert everything() == []
    from wrof import plot

    monkeypatch.setattr(plot, "flow_gif", interrupt)
    code, out, err = run("flow three_point:a=1,b=1 --tau 0.6 --steps 2 --out runs")
    folder = only_run("runs")
    assert code == 130 and "target" in out and err.startswith(f"wrof: interrupted; '{folder}' is whole but for")
    assert store.load_run(folder).params["steps"] == 2 and not list(folder.glob(".*"))


def test_a_failure_outside_any_step_is_told(run, monkeypatch):
    def fail(*_, **__):
        raise wrof.SolverError("the distance is not certified")

    monkeypatch.setattr(readers, "read_question", fail)
    assert run("step two_point --tau 1") == (1, "", "wrof: failed: the distance is not certified\n")


# ---- stderr ---------------------------------------------------------------------------------------------------------


def test_warnings_are_one_line(run):
    for quiet in ("", " --quiet", " --json"):
        code, _, err = run("flow bumps:K=16 --tau 0.001 --steps 2" + quiet)
        assert code == 0 and err.count("\n") == 1
        assert err.startswith("warning: tau = 0.001 < h/2 = 0.03333: no mass can move on this grid")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("quiet", "terminal"), [(False, True), (True, True), (False, False)])
def test_progress_goes_to_a_terminal_unless_quiet(run, solver, monkeypatch, quiet, terminal):
    def slow(problem, **options):
        time.sleep(0.12)
        return solve(problem, **options)

    solver(slow)
    screen = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    code, out, _ = run("flow three_point:a=1,b=1 --tau 0.6 --steps 5" + " --quiet" * quiet)
    shown = screen.getvalue()
    assert code == 0 and "step/s" not in out and "s/step" not in out
    if quiet or not terminal:
        assert shown == ""
    else:
        assert "flow:" in shown and "| 1/5" in shown and "\n" not in shown


# ---- help, and the process ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", "toys", "step", "flow", "sweep", "phases", "show", "plot", "verify"])
def test_help_says_what_and_gives_an_example(run, command):
    code, out, err = run(f"{command} --help")
    assert (code, err) == (0, "") and out.startswith(f"usage: wrof {command}".strip())
    assert re.search(r"^ +wrof |Try: wrof ", out, re.M)
    assert max(map(len, out.splitlines())) <= 120


def test_help_knows_the_solvers_the_selections_and_the_stops(run):
    for command in ("step", "flow", "sweep"):
        out = " ".join(run(f"{command} --help")[1].split())
        said = {name: out.split(f"--{name} ", 2)[2].partition(" --")[0] for name in ("solver", "select", "stops")}
        assert all(re.search(rf"\b{name}\b", said["solver"]) for name in ("auto", *SOLVERS))
        assert all(re.search(rf"\b{name}\b", said["select"]) for name in SELECTIONS)
        assert all(re.search(rf"\b{name}\b", said["stops"]) for name in readers.STOPS)
        assert re.search(rf"default: {readers.STEPS}[,)]", out) or command == "step"


def test_the_examples_of_the_help_run(run):
    write_pictures()
    for name, end in (("source", 1), ("target", 0)):
        np.save(f"{name}.npy", np.linspace(end, 1 - end, 6) + 0.1)
        Path(f"{name}.csv").write_text(f"x,weight\n0,{0.2 + end / 2}\n1,{0.8 - end / 2}\n", encoding="utf-8")
    lines = [line.strip() for line in (texts.STEP_EXAMPLES + texts.FLOW_EXAMPLES).splitlines()]
    assert len(lines) == 7
    for line in lines:
        short = re.sub(r"--size \d+", "--size 6", line).removeprefix("wrof ")
        assert run(short)[0] == 0, line


COMMANDS = ("toys", "step", "flow", "sweep", "phases", "show", "plot", "verify")


@pytest.mark.parametrize("words", ["--help", *(f"{command} --help" for command in COMMANDS), "--version"])
def test_help_loads_nothing_heavy(words):
    code = f"""
import sys
from wrof.cli import main
assert main({words.split()!r}) == 0
sys.exit(" ".join(name for name in {HEAVY!r} if name in sys.modules) or 0)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_version(run):
    assert run("--version") == (0, f"wrof {wrof.__version__}\n", "")


def test_the_module_is_the_command():
    good, bad = start("step", "two_point:r=2", "--tau", "1.5", "--json"), start("step", "tow_point", "--tau", "1")
    assert (good.returncode, good.stderr) == (0, "") and json.loads(good.stdout)["value"] == pytest.approx(4 / 3)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "wrof: error: unknown toy 'tow_point'; did you mean 'two_point'?\n"


def test_a_closed_pipe_is_no_crash():
    ours, theirs = os.pipe()
    os.close(ours)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with os.fdopen(theirs, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "wrof", "toys"], stdout=pipe, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"")
