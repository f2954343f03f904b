"""The sweep: the flows it is made of, what stays on disk whatever happens, and who finds out if that is falsified."""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from disk import everything_in, fail_replace

import wrof
from wrof import FREE, Grid, Measure, PointCloud, SolverError, WrofError, WrofWarning, files
from wrof.sweep import folder as disk
from wrof.sweep import pool
from wrof.sweep.question import Entry, Question
from wrof.sweep.result import total_variation

MODULE = importlib.import_module("wrof.sweep")  # the name wrof.sweep is the verb
NUMBERS = ("value", "movement", "discrepancy")

pytestmark = pytest.mark.filterwarnings("ignore:tau = :wrof.WrofWarning")


def two_clouds(n: int = 7, m: int = 6, d: int = 2, seed: int = 0) -> dict[str, Any]:
    """Random points with random masses that add up to 1."""
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    places = {"source_points": rng.random((n, d)), "target_points": rng.random((m, d))}
    return {"mu": a / a.sum(), "nu": b / b.sum(), **places}


def lattice(side: int = 5) -> dict[str, Any]:
    """Random masses on a square grid, most of them far from where they are bound for."""
    rng, tilt = np.random.default_rng(side), np.add.outer(np.arange(side), np.arange(side))
    grid = Grid((side, side))
    near, far = rng.random((side, side)) * (2 * side - 2 - tilt) ** 2, rng.random((side, side)) * tilt**2
    return {"mu": grid.measure(near, normalize=True), "nu": grid.measure(far, normalize=True)}


PROBLEMS: dict[str, Callable[[], dict[str, Any]]] = {
    "line": lambda: wrof.toys.random_to_ramp(12),
    "lattice": lattice,
    "clouds": two_clouds,
    "free": lambda: {**two_clouds(), "stops": FREE},
    "1+tau": lambda: {**two_clouds(seed=1), "alpha": "1+tau"},
    "min_norm": lambda: {**lattice(3), "select": "min_norm"},
    "p=1": lambda: {**two_clouds(seed=2), "p": 1.0, "alpha": 0.5, "solver": "simplex", "select": "eager"},
    "stops": lambda: {**two_clouds(seed=3), "stops": np.random.default_rng(3).random((9, 2)), "rtol": 1e-8},
}
TAUS = [0.05, 0.2, 0.3, 0.45]  # on the lattice: frozen, running, running, at the target after three steps
THREE = [0.0, 1.0, 3.0]  # 2 tau < 1: frozen; 2 tau < 2: to 1 and never on; 2 tau < 5: there in two steps; else in one


def three_points(taus: Any, steps: int = 4, **options: Any) -> Any:
    return wrof.sweep([1, 0, 0], [0, 0, 1], taus, steps, points=THREE, **options)


def same_numbers(sweep: Any, other: Any) -> bool:
    """Whether two sweeps tell the same, step by step, up to rounding."""
    if sweep.taus != other.taus or sweep.status != other.status:
        return False
    walks = [(sweep.flow(k), other.flow(k)) for k in range(len(sweep)) if sweep.status[k] == "ok"]
    return all(
        left.stopped == right.stopped
        and len(left.results) == len(right.results)
        and all(np.allclose(left.energies[name], right.energies[name], rtol=0, atol=1e-12) for name in NUMBERS)
        for left, right in walks
    )


def counting(monkeypatch: pytest.MonkeyPatch, fails: Any = (), error: Any = None) -> list[float]:
    """Let sweeps note the step sizes that are computed, in this process; those in `fails` raise."""
    computed: list[float] = []

    class Counting(Question):
        def flow(self, tau: float, init: Any = None) -> Any:
            computed.append(tau)
            if tau in fails:
                raise error or RuntimeError("no luck")
            return super().flow(tau)

    monkeypatch.setattr(MODULE, "Question", Counting)
    return computed


def tau_file(folder: Path, tau: float) -> Path:
    return folder / f"tau-{tau}.npz"


# ---- the flows of a sweep -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_flow_is_the_flow(name: str, tmp_path: Path) -> None:
    """One by one, in memory and on disk: the same J, K, F at every step, the same rho under min_norm."""
    problem = PROBLEMS[name]()
    for out in (None, tmp_path):
        done = wrof.sweep(taus=TAUS, steps=3, out=out, **problem)
        assert done.complete and done.status == ["ok"] * 4 and done.errors == {}
        for k, tau in enumerate(TAUS):
            walk, alone = done.flow(k), wrof.flow(tau=tau, steps=3, **problem)
            assert (walk.stopped, walk.regime, walk.settled_at) == (alone.stopped, alone.regime, alone.settled_at)
            for key in NUMBERS:
                np.testing.assert_allclose(walk.energies[key], alone.energies[key], rtol=0, atol=1e-12)
            np.testing.assert_array_equal(walk.energies["tau"], tau)
            if name == "min_norm":
                np.testing.assert_allclose(walk.rho.weights, alone.rho.weights, rtol=0, atol=1e-9)


def test_the_comparison_can_fail() -> None:
    """Another p, another number of steps, another step size is noticed."""
    one = wrof.sweep(taus=TAUS, steps=3, **lattice())
    assert same_numbers(one, wrof.sweep(taus=TAUS, steps=3, **lattice()))
    assert not same_numbers(one, wrof.sweep(taus=TAUS, steps=3, p=2.001, **lattice()))
    assert not same_numbers(one, wrof.sweep(taus=TAUS, steps=2, **lattice()))
    assert not same_numbers(one, wrof.sweep(taus=TAUS[:3], steps=3, **lattice()))
    assert not same_numbers(one, wrof.sweep(taus=[*TAUS[:3], 0.4501], steps=3, **lattice()))


def test_step_sizes_are_sorted_and_taken_once() -> None:
    done = three_points(np.array([3.0, 0.4, 1.2, 0.75, 0.4]))
    assert done.taus == list(done) == [0.4, 0.75, 1.2, 3.0] and len(done) == 4
    assert all(type(tau) is float for tau in done)
    assert done.flow(-1).regime == "target" and done.flow(0).regime == "frozen"
    assert repr(done) == "Sweep(4 step sizes in [0.4, 3]: 4 ok)"
    for k in (4, -5):
        with pytest.raises(WrofError, match=f"the sweep has 4 step sizes, there is no number {k}."):
            done.flow(k)


def test_table() -> None:
    """{0, 1, 3}: K and F by hand, K = |x - z|^2 and F = |z - y|."""
    rows = three_points([0.4, 0.75, 1.2, 3.0], steps=4).table()
    names = ("tau", "status", "regime", "settled_at", "stopped", "taken")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (0.4, "ok", "frozen", 0, "fixed point", 1),
        (0.75, "ok", "steady", 1, "fixed point", 2),
        (1.2, "ok", "target", 2, "target", 2),
        (3.0, "ok", "target", 1, "target", 1),
    ]
    ends = [(row["first_movement"], row["first_discrepancy"], row["last_discrepancy"]) for row in rows]
    np.testing.assert_allclose(ends, [(0, 3, 3), (1, 2, 2), (1, 2, 0), (9, 0, 0)], rtol=0, atol=1e-14)
    assert all(abs(row["worst_gap"]) < 1e-14 for row in rows)
    assert three_points([0.75], steps=1).table()[0]["settled_at"] is None  # running


# ---- arrays ---------------------------------------------------------------------------------------------------------


def test_arrays_hold_every_step_and_go_on_where_a_flow_has_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """{0, 1, 3}, mass 2, by hand; tau = 1.3 fails."""
    counting(monkeypatch, fails=[1.3])
    taus = [0.4, 0.75, 1.2, 1.3, 3.0]
    done = wrof.sweep([2, 0, 0], [0, 0, 2], taus, 4, points=THREE, out=tmp_path)
    nan = np.nan
    for sweep in (done, wrof.load_sweep(tmp_path)):
        found = sweep.arrays()
        assert found["tau"].tolist() == taus
        assert found["status"].tolist() == ["ok", "ok", "ok", "failed", "ok"]
        assert found["error"].tolist() == ["", "", "", "RuntimeError: no luck", ""]
        assert found["regime"].tolist() == ["frozen", "steady", "target", "", "target"]
        assert found["stopped"].tolist() == ["fixed point", "fixed point", "target", "", "target"]
        assert found["settled_at"].tolist() == [0, 1, 2, -1, 1]
        assert found["taken"].tolist() == [1, 2, 2, 0, 1]
        expected: dict[str, Any] = {
            "movement": [[0] * 4, [2, 0, 0, 0], [2, 8, 0, 0], [nan] * 4, [18, 0, 0, 0]],
            "discrepancy": [[6] * 4, [4] * 4, [4, 0, 0, 0], [nan] * 4, [0] * 4],
            "value": [[6] * 4, [2 / 1.5 + 4, 4, 4, 4], [2 / 2.4 + 4, 8 / 2.4, 0, 0], [nan] * 4, [3, 0, 0, 0]],
            "distance": [[1] * 5, [1] * 5, [1, 1, 0, 0, 0], [nan] * 5, [1, 0, 0, 0, 0]],
            "rho_first": [[2, 0, 0], [0, 2, 0], [0, 2, 0], [nan] * 3, [0, 0, 2]],
            "rho_last": [[2, 0, 0], [0, 2, 0], [0, 0, 2], [nan] * 3, [0, 0, 2]],
            "gap": [[0] * 4] * 3 + [[nan] * 4] + [[0] * 4],
            "source": [2, 0, 0],
            "target": [0, 0, 2],
            "points": np.array(THREE)[:, None],
            "source_points": np.array(THREE)[:, None],
            "target_points": np.array(THREE)[:, None],
        }
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-13, err_msg=name)
        assert found["p"].shape == found["alpha"].shape == () and found["p"] == 2 and found["alpha"] == 1
        assert "shape" not in found and not any(array.dtype.hasobject for array in found.values())


def test_a_running_flow_has_not_settled() -> None:
    found = three_points([0.75], steps=1).arrays()
    assert found["settled_at"].tolist() == [-1] and found["stopped"].tolist() == ["max steps"]
    assert found["value"].shape == (1, 1) and found["distance"].shape == (1, 2)


def test_arrays_of_grids_and_of_free_stops() -> None:
    found = wrof.sweep(taus=TAUS, steps=3, **lattice()).arrays()
    assert found["shape"].tolist() == [5, 5] and found["rho_last"].shape == (4, 25) and found["points"].shape == (25, 2)
    found = wrof.sweep(taus=TAUS, steps=3, stops=FREE, alpha="1+tau", **two_clouds()).arrays()
    assert str(found["alpha"]) == "1+tau" and found["source"].shape == (7,) and found["target_points"].shape == (6, 2)
    assert not {"points", "shape", "rho_first", "rho_last"} & set(found)
    assert found["distance"].shape == (4, 4)
    np.testing.assert_allclose(found["distance"][:, 0], 1, rtol=1e-14)  # no point in common


def test_arrays_can_be_stored(tmp_path: Path) -> None:
    """As a run, and read again."""
    found = wrof.sweep(taus=TAUS, steps=2, alpha="1+tau", **two_clouds()).arrays()
    np.savez(tmp_path / "arrays.npz", **found)
    with np.load(tmp_path / "arrays.npz") as stored:
        assert {name: stored[name].tolist() for name in stored} == {name: a.tolist() for name, a in found.items()}


def test_total_variation_matches_points_by_coordinates() -> None:
    line, cloud = Grid(3, (0, 2)), PointCloud([[2.0], [0.0], [5.0]])
    assert total_variation(line.measure([1, 2, 1]), line.measure([0, 2, 2])) == 0.25
    assert total_variation(line.measure([1, 2, 1]), cloud.measure([1, 1, 2])) == 0.5
    assert total_variation(cloud.measure([1, 1, 2]), line.measure([1, 2, 1])) == 0.5
    twice = Measure([[0.0], [-0.0], [1.0], [2.0]], [0.5, 0.5, 2, 1])  # a point that is there twice is one place
    assert total_variation(twice, line.measure([1, 2, 1])) == 0
    assert total_variation(line.measure([1, 0, 0]), PointCloud([[1e-17]]).measure([1])) == 1


# ---- on disk --------------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = counting(monkeypatch)
    first = wrof.sweep(taus=TAUS, steps=3, out=tmp_path, **lattice())
    assert computed == TAUS
    names = sorted(["sweep.json", "question.npz", *(f"tau-{tau}.npz" for tau in TAUS)])
    assert everything_in(tmp_path) == names
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in names}
    again = wrof.sweep(taus=TAUS[::-1], steps=3, out=str(tmp_path), **lattice())
    assert computed == TAUS and before == {name: (tmp_path / name).stat().st_mtime_ns for name in names}
    assert same_numbers(first, again) and first.table() == again.table()
    assert first.folder == again.folder == tmp_path
    assert all(entry.flow is None for entry in again.entries)  # flows stay on disk until they are used
    head = json.loads((tmp_path / "sweep.json").read_text(encoding="utf-8"))
    assert head["taus"] == TAUS and head["settings"]["select"] == "lazy" and head["settings"]["steps"] == 3
    assert str(tmp_path) not in json.dumps(head)


def test_step_sizes_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = counting(monkeypatch)
    wrof.sweep(taus=[0.2, 0.45], steps=3, out=tmp_path / "new" / "place", **lattice())
    more = wrof.sweep(taus=[1e-05, 0.2, 0.3], steps=3, out=tmp_path / "new" / "place", **lattice())
    assert computed == [0.2, 0.45, 1e-05, 0.3] and more.taus == [1e-05, 0.2, 0.3] and more.complete
    every = wrof.load_sweep(tmp_path / "new" / "place")
    assert every.taus == [1e-05, 0.2, 0.3, 0.45] and every.complete
    assert same_numbers(every, wrof.sweep(taus=every.taus, steps=3, **lattice()))


@contextlib.contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Nothing in a folder changes meanwhile."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    yield
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """One bit in the compressed bytes of an array."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 16
    path.write_bytes(raw)


def foreign(path: Path) -> None:
    """A good file of another sweep."""
    files.pack({**files.unpack(path), "fingerprint": "0" * 64}, path)


def hollow(path: Path) -> None:
    files.pack({**files.unpack(path), "flow": None}, path)


DAMAGE: dict[str, Any] = {
    "cut": (cut, "is damaged"),
    "flipped": (flip, "is damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
    "text": (lambda path: path.write_text("tau"), "is damaged"),
    "foreign": (foreign, "does not belong to this sweep; run the sweep again."),
    "hollow": (hollow, "is damaged; run the sweep again."),
    "another tau": (lambda path: path.write_bytes(tau_file(path.parent, 0.2).read_bytes()), "does not belong to"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_missing_and_computed_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, says = DAMAGE[name]
    whole = wrof.sweep(taus=TAUS, steps=2, out=tmp_path, **lattice())
    table = whole.table()
    spoil(tau_file(tmp_path, 0.3))
    found = wrof.load_sweep(tmp_path)
    assert found.status == ["ok", "ok", "missing", "ok"] and not found.complete
    assert list(found.errors) == [0.3] and says in found.errors[0.3]
    assert [row["regime"] for row in found.table()][2] == "" and np.isnan(found.arrays()["value"][2]).all()
    assert [report["ok"] for report in found.verify()] == [True, True, False, True]
    with pytest.raises(WrofError, match="the flow with tau = 0.3 is missing: "):
        found.flow(2)
    computed = counting(monkeypatch)
    assert wrof.sweep(taus=TAUS, steps=2, out=tmp_path, **lattice()).table() == table
    assert computed == [0.3]


def test_a_file_damaged_meanwhile_is_told(tmp_path: Path) -> None:
    done = three_points([0.4, 0.75], out=tmp_path)
    disk.write(tmp_path, done.question.fingerprint, Entry(0.75, "failed", "no luck."))
    with pytest.raises(WrofError, match="tau-0.75.npz' holds no flow: no luck."):
        done.flow(1)
    cut(tau_file(tmp_path, 0.75))
    with pytest.raises(WrofError, match="tau-0.75.npz' is damaged"):
        done.flow(1)


@pytest.mark.parametrize("error", [None, MemoryError(), SolverError("not proven optimal.", None)], ids=repr)
@pytest.mark.parametrize("stored", [True, False])
def test_what_fails_is_recorded_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, stored: bool
) -> None:
    """It does not stop the rest."""
    computed = counting(monkeypatch, fails=[0.2, 0.45], error=error)
    out = tmp_path if stored else None
    done = wrof.sweep(taus=TAUS, steps=2, out=out, **lattice())
    assert computed == TAUS and done.status == ["ok", "failed", "ok", "failed"] and not done.complete
    says = {"MemoryError": "MemoryError: no further word", "SolverError": "not proven optimal."}
    sentence = says.get(type(error).__name__, "RuntimeError: no luck")
    assert done.errors == {0.2: sentence, 0.45: sentence}
    with pytest.raises(WrofError) as caught:
        done.flow(1)
    assert str(caught.value) == f"the flow with tau = 0.2 failed: {sentence}"
    assert [row["status"] for row in done.table()] == done.status and np.isnan(done.table()[1]["worst_gap"])
    assert done.verify()[3] == {
        "tau": 0.45,
        "ok": False,
        "steps": 0,
        "says": f"the flow with tau = 0.45 failed: {sentence}",
    }
    if stored:
        assert wrof.load_sweep(tmp_path).errors == done.errors
        computed = counting(monkeypatch)
        assert wrof.sweep(taus=TAUS, steps=2, out=tmp_path, **lattice()).complete
        assert computed == [0.2, 0.45]


def test_a_solver_that_misses_its_certificate_is_recorded() -> None:
    """One pivot is not enough; a step size beyond floating point is that flow's own failure."""
    done = wrof.sweep(taus=TAUS, steps=2, solver="simplex", max_iter=1, **lattice())
    assert set(done.status) == {"failed"}
    assert all("raise max_iter" in sentence for sentence in done.errors.values()) and len(done.errors) == 4
    assert np.isnan(done.arrays()["distance"]).all()
    done = three_points([0.4, 1e301])
    assert done.status == ["ok", "failed"] and "tau = 1e+301 is too large" in done.errors[1e301]


def test_a_full_disk_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second file cannot be written: that step size fails, and the record of it takes its place."""
    three_points([3.0], out=tmp_path)
    fail_replace(monkeypatch, 2)  # the list of step sizes, the first flow, the second flow
    done = three_points([0.4, 0.75, 1.2], out=tmp_path)
    assert done.status == ["ok", "failed", "ok"] and "the disk is gone" in done.errors[0.75]
    assert wrof.load_sweep(tmp_path).errors == done.errors
    assert not [name for name in everything_in(tmp_path) if name.startswith(".")]


def test_an_interruption_leaves_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = counting(monkeypatch, fails=[0.3], error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        wrof.sweep(taus=TAUS, steps=2, out=tmp_path, **lattice())
    assert computed == TAUS[:3]
    assert everything_in(tmp_path) == ["question.npz", "sweep.json", "tau-0.05.npz", "tau-0.2.npz"]
    assert wrof.load_sweep(tmp_path).status == ["ok", "ok", "missing", "missing"]
    computed = counting(monkeypatch)
    assert wrof.sweep(taus=TAUS, steps=2, out=tmp_path, **lattice()).complete and computed == TAUS[2:]


# ---- one folder, one question ---------------------------------------------------------------------------------------

OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "steps": ({"steps": 3}, "(steps = 2 instead of 3)"),
    "alpha": ({"alpha": 1.5}, "(alpha = 1.0 instead of 1.5)"),
    "alpha text": ({"alpha": "1+tau"}, "(alpha = 1.0 instead of '1+tau')"),
    "p": ({"p": 3}, "(p = 2.0 instead of 3.0)"),
    "solver": ({"solver": "simplex"}, "(solver = 'auto' instead of 'simplex')"),
    "select": ({"select": "eager"}, "(select = 'lazy' instead of 'eager')"),
    "rtol": ({"rtol": 1e-8}, "(rtol = 1e-09 instead of 1e-08)"),
    "max_iter": ({"max_iter": 10**6}, "(max_iter = None instead of 1000000)"),
    "source": ({"mu": [0, 1, 0]}, "(another source)"),
    "target": ({"nu": [0.5, 0, 0.5]}, "(another target)"),
    "stops": ({"stops": [0.0, 1.0, 2.0, 3.0]}, "(another stops)"),
    "points": ({"points": [0.0, 1.0, 3.5]}, "(another source, another target, another stops)"),
    "mass": ({"mu": [2, 0, 0], "nu": [0, 0, 2], "p": 1}, "(p = 2.0 instead of 1.0, another source, another target)"),
}


@pytest.mark.parametrize("name", OTHER)
def test_another_question_is_refused(name: str, tmp_path: Path) -> None:
    question = {"mu": [1, 0, 0], "nu": [0, 0, 1], "steps": 2, "points": THREE}
    wrof.sweep(taus=[0.4, 0.75], out=tmp_path, **question)
    change, says = OTHER[name]
    with untouched(tmp_path), pytest.raises(WrofError) as caught:
        wrof.sweep(taus=[0.4, 1.2], out=tmp_path, **{**question, **change})
    assert str(caught.value) == f"{str(tmp_path)!r} holds another sweep {says}; give another folder as out."


def test_the_same_question_in_other_words_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three_points([0.4], steps=2, out=tmp_path)
    computed = counting(monkeypatch)
    cloud = PointCloud(np.array(THREE)[:, None])
    mu, nu = cloud.measure(np.array([1, 0, 0], dtype=np.float32)), cloud.measure([0.0, 0.0, 1.0])
    words = {"alpha": np.int64(1), "p": np.float64(2), "stops": cloud, "rtol": 1e-9, "memory": 1e9, "jobs": np.int64(1)}
    assert wrof.sweep(mu, nu, (0.4,), np.int64(2), out=tmp_path, **words).complete and computed == []


def test_the_fingerprint_tells_dtype_and_shape() -> None:
    """Not only bytes: the same bytes as another array are another question."""
    line, square = Grid(4).measure([1, 0, 0, 1]), Grid((2, 2)).measure([1, 0, 0, 1])
    flat = (
        PointCloud([[0.0, 1.0], [2.0, 3.0]]).measure([1, 1]),
        PointCloud([[0.0], [1.0], [2.0], [3.0]]).measure([1] * 4),
    )
    settings = {"steps": 1}
    marks = [Question(mu, mu, mu.space, settings).hashes["source"] for mu in (line, square, *flat)]
    assert len(set(marks)) == 4
    assert (
        Question(line, line, line.space, {"steps": 2}).fingerprint
        != Question(line, line, line.space, settings).fingerprint
    )


def test_of_two_claims_the_first_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that find no sweep.json: the second is told what the first has written."""
    three_points([0.4], out=tmp_path)
    header = (tmp_path / "sweep.json").read_bytes()
    disk._claim(tmp_path / "sweep.json", "something else")
    assert (tmp_path / "sweep.json").read_bytes() == header
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no hard links here")))
    assert three_points([0.4], out=tmp_path / "plain").complete
    assert everything_in(tmp_path / "plain") == ["question.npz", "sweep.json", "tau-0.4.npz"]


def test_damage_to_the_folder_is_told(tmp_path: Path) -> None:
    three_points([0.4], out=tmp_path)
    with pytest.raises(WrofError, match=r"there is no sweep in .*: it has no sweep.json; check the path."):
        wrof.load_sweep(tmp_path / "elsewhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sweep.json").mkdir()
    with pytest.raises(WrofError, match="cannot read .*sweep.json': Is a directory."):
        wrof.load_sweep(tmp_path / "other")
    (tmp_path / "question.npz").unlink()
    with pytest.raises(WrofError, match="there is no file"):
        wrof.load_sweep(tmp_path)
    files.pack(
        {"kind": "question", **Question.to_dict(three_points([0.4], steps=3).question)}, tmp_path / "question.npz"
    )
    with pytest.raises(WrofError, match="does not belong to sweep.json; run the sweep again."):
        wrof.load_sweep(tmp_path)
    three_points([0.4], out=tmp_path)
    assert wrof.load_sweep(tmp_path).complete  # written again
    header = (tmp_path / "sweep.json").read_text()
    for text in (
        "{",
        "[]",
        "{}",
        header.replace('"format": 1', '"format": 99'),
        header.replace('"kind": "sweep"', '"kind": "run"'),
        header.replace('"fingerprint"', '"thumbprint"'),
        header.replace("sha256", "sha"),
    ):
        (tmp_path / "sweep.json").write_text(text)
        for call in (lambda: wrof.load_sweep(tmp_path), lambda: three_points([0.4], out=tmp_path)):
            with pytest.raises(WrofError, match=r"sweep.json' is damaged|has format (None|99)"):
                call()


def test_temporary_files_mean_nothing(tmp_path: Path) -> None:
    """Old ones are removed, recent ones may be somebody's; a stray file is left alone."""
    three_points([0.4], out=tmp_path)
    old = [
        ".tau-0.75.0a1b2c3d.tmp.npz",
        ".sweep.0a1b2c3d.tmp.json",
        ".question.0a1b2c3d.tmp.npz",
        ".tau-1.2.0a1b.begun",
    ]
    for name in (*old, ".keep", "tau-.npz", "tau-1.0.npz.bak", "tau-0.750.npz"):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".tau-0.75.recent00.tmp.npz").write_bytes(b"half")
    assert wrof.load_sweep(tmp_path).taus == [0.4]
    done = three_points([0.4, 0.75], out=tmp_path)
    assert done.complete and wrof.load_sweep(tmp_path).taus == [0.4, 0.75]
    kept = [".keep", ".tau-0.75.recent00.tmp.npz", "tau-.npz", "tau-0.750.npz", "tau-1.0.npz.bak"]
    assert everything_in(tmp_path) == sorted([*kept, "question.npz", "sweep.json", "tau-0.4.npz", "tau-0.75.npz"])


# ---- parts of a sweep -----------------------------------------------------------------------------------------------


def test_tasks_together_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taus = np.linspace(0.05, 0.5, 10)
    whole = wrof.sweep(taus=taus, steps=2, **lattice())
    seen: list[float] = []
    for i in (2, 3, 1):
        computed = counting(monkeypatch)
        part = wrof.sweep(taus=taus, steps=2, out=tmp_path, task=(i, 3), **lattice())
        assert computed == taus[i - 1 :: 3].tolist()
        seen += computed
        assert [tau for tau, status in zip(part, part.status, strict=True) if status == "ok"] == sorted(seen)
        assert part.complete == (len(seen) == 10) and len(part) == 10
        assert wrof.load_sweep(tmp_path).status == part.status  # the others are known, and missing
    assert same_numbers(whole, part) and same_numbers(whole, wrof.load_sweep(tmp_path))


# ---- bad input ------------------------------------------------------------------------------------------------------

BAD: list[tuple[dict[str, Any], str]] = [
    ({"taus": []}, "taus is empty; give at least one step size."),
    ({"taus": 0.4}, "taus must be a sequence of step sizes, got 0.4."),
    ({"taus": [0.4, 0]}, "taus[1] must be finite and > 0, got 0."),
    ({"taus": [float("nan")]}, "taus[0] must be finite and > 0, got nan."),
    ({"taus": "0.4"}, "taus[0] must be finite and > 0, got '0'."),
    ({"taus": [1e-301]}, "tau = 1e-301 is too small: it must be between 1e-300 and 1e300."),
    ({"steps": 0}, "steps must be a whole number >= 1, got 0."),
    ({"steps": 2.0}, "steps must be a whole number >= 1, got 2.0."),
    ({"steps": None}, "steps must be a whole number >= 1, got None."),
    ({"steps": True}, "steps must be a whole number >= 1, got True."),
    ({"jobs": 0}, "jobs must be a whole number >= 1, or -1 for one per core, got 0."),
    ({"jobs": -2}, "jobs must be a whole number >= 1, or -1 for one per core, got -2."),
    ({"jobs": 1.5}, "jobs must be a whole number >= 1, or -1 for one per core, got 1.5."),
    ({"jobs": True}, "jobs must be a whole number >= 1, or -1 for one per core, got True."),
    ({"task": (1, 3)}, "task = (1, 3) leaves the other step sizes to other processes: give a folder as out."),
    ({"task": (0, 3)}, "task must be (i, n), whole numbers with 1 <= i <= n, got (0, 3)."),
    ({"task": (4, 3)}, "task must be (i, n), whole numbers with 1 <= i <= n, got (4, 3)."),
    ({"task": (1, 2, 3)}, "task must be (i, n), whole numbers with 1 <= i <= n, got (1, 2, 3)."),
    ({"task": 2}, "task must be (i, n), whole numbers with 1 <= i <= n, got 2."),
    ({"memory": 0}, "memory must be finite and > 0, got 0."),
    ({"memory": "much"}, "memory must be finite and > 0, got 'much'."),
    ({"out": 3}, "out must be a folder, got 3."),
    ({"alpha": "2+tau"}, "alpha must be a number > 0 or '1+tau', got '2+tau'."),
    ({"p": -1}, "p must be finite and > 0, got -1."),
    ({"select": "lasy"}, "unknown select 'lasy'; did you mean 'lazy'?"),
    ({"solver": "simples"}, "unknown solver 'simples'; did you mean 'simplex'?"),
    ({"rtol": 0}, "rtol must be finite and > 0, got 0."),
    ({"max_iter": 0}, "max_iter must be a whole number >= 1, got 0."),
    ({"mu": [1, 0]}, "points has 3 rows but weights has 2 entries."),
    ({"nu": [0, 0, 2]}, "source has mass 1, target 2 (difference 1 > 1e-9 relative); pass normalize=True to"),
    ({"stops": "everywhere"}, "stops must be a Grid, a PointCloud, (k, d) points or wrof.FREE, got 'everywhere'."),
    ({"stops": FREE, "select": "min_norm"}, "select='min_norm' needs finitely many stops, these are FREE;"),
    ({"solver": "lp", "stops": FREE}, "'lp' needs finitely many stops, these are FREE; use 'simplex'."),
    ({"job": 2}, "unknown key 'job'; did you mean 'jobs'?"),
]


@pytest.mark.parametrize(("bad", "says"), BAD, ids=[str(bad) for bad, _ in BAD])
def test_bad_input_is_told_before_anything_runs(
    bad: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = counting(monkeypatch)
    asked: dict[str, Any] = {"mu": [1, 0, 0], "nu": [0, 0, 1], "taus": [0.4, 1.2], "steps": 2, "points": THREE}
    asked["out"] = None if bad.get("task") == (1, 3) else tmp_path / "out"
    with pytest.raises(WrofError) as caught:
        wrof.sweep(**{**asked, **bad})
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)
    assert computed == [] and everything_in(tmp_path) == []


def test_out_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for place, says in (
        (tmp_path / "file", "is a file; give a folder as out."),
        (tmp_path / "file" / "in", "cannot write"),
    ):
        with pytest.raises(WrofError, match=says):
            three_points([0.4], out=place)
    with pytest.raises(WrofError, match="is a file"):
        wrof.load_sweep(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.filterwarnings("always")
def test_one_warning_for_the_smallest_step_size() -> None:
    """Said to the caller, not once per flow."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wrof.sweep(taus=[0.1, 0.2, 3.0], steps=2, mu=[1.0, 0, 0], nu=[0, 0, 1.0], grid=3)
    assert [w.category for w in caught] == [WrofWarning] and "tau = 0.1 < h/2 = 0.25" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_progress_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three_points([0.4, 0.75], out=tmp_path)
    assert capsys.readouterr() == ("", "")
    three_points([0.4, 0.75, 1.2], out=tmp_path, progress=True)
    shown = capsys.readouterr()
    assert shown.out == "" and "sweep" in shown.err and "3/3" in shown.err and "2/3" in shown.err


# ---- verify ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_stored_verifies(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, on disk, and read again; nothing is solved."""
    problem = PROBLEMS[name]()
    in_memory = wrof.sweep(taus=TAUS, steps=3, **problem)
    on_disk = wrof.sweep(taus=TAUS, steps=3, out=tmp_path, **problem)

    def no_solving(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("this solves")

    for place in ("wrof.flow.solve", "wrof.step.solve", "wrof.ties.select"):
        module, _, attribute = place.rpartition(".")
        monkeypatch.setattr(importlib.import_module(module), attribute, no_solving)
    for sweep in (in_memory, on_disk, wrof.load_sweep(tmp_path)):
        taken = [len(sweep.flow(k).results) for k in range(4)]
        expected = zip(TAUS, taken, strict=True)
        assert sweep.verify() == [{"tau": tau, "ok": True, "steps": steps, "says": ""} for tau, steps in expected]


def shift(array: np.ndarray, by: float) -> np.ndarray:
    """Mass `by` from the fullest place to the next."""
    out, k = array.copy(), int(np.argmax(array))
    out[k] -= by
    out[(k + 1) % len(out)] += by
    return out


def more(array: np.ndarray, by: float) -> np.ndarray:
    return np.concatenate([array[:1] + by, array[1:]])


def suboptimal(step: dict[str, Any], flow: dict[str, Any]) -> None:
    """Replace the first step by an honest record of a worse plan, called optimal."""
    problem = {"grid": Grid(flow["stops"]["shape"], flow["stops"]["bounds"])}
    mu, nu = flow["source"]["weights"], flow["target"]["weights"]
    psi = np.zeros(len(nu))
    psi[step["potentials"]["target_index"]] = step["potentials"]["psi"]
    worse = wrof.certify(mu, nu, step["tau"], np.outer(mu, nu), psi, **problem)
    step.update({**worse.body(), "status": "OPTIMAL", "select": step["select"]})


FALSE: dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], Any], str]] = {
    "value": (lambda s, f: s.update(value=s["value"] + 1e-9), "step 1: value is stored as"),
    "dual": (lambda s, f: s.update(dual=s["dual"] + 1e-9), "step 1: dual is stored as"),
    "movement": (lambda s, f: s.update(movement=s["movement"] * 1.001), "step 1: movement is stored as"),
    "discrepancy": (lambda s, f: s.update(discrepancy=s["discrepancy"] - 1e-9), "step 1: discrepancy is stored as"),
    "infeasibility": (lambda s, f: s.update(infeasibility=1e-10), "step 1: infeasibility is stored as"),
    "scale": (lambda s, f: s.update(scale=s["scale"] * 2), "step 1: scale is stored as"),
    "not a number": (lambda s, f: s.update(value=float("nan")), "step 1: value is stored as nan"),
    "status": (lambda s, f: s.update(status="GAP"), "step 1: not proven optimal"),
    "rho": (lambda s, f: s["rho"].update(weights=shift(s["rho"]["weights"], 1e-9)), "step 1: rho is not what"),
    "potential": (lambda s, f: s["potentials"].update(psi=more(s["potentials"]["psi"], 1e-6)), "step 1: not proven"),
    "little potential": (
        lambda s, f: s["potentials"].update(psi=more(s["potentials"]["psi"], -1e-10)),
        "step 1: phi is not the c-transform",
    ),
    "phi": (lambda s, f: s["potentials"].update(phi=more(s["potentials"]["phi"], 1e-9)), "step 1: phi is not"),
    "index": (
        lambda s, f: s["potentials"].update(target_index=s["potentials"]["target_index"][::-1]),
        "step 1: its potentials do not belong",
    ),
    "marginals": (lambda s, f: s["plan"].update(mass=shift(s["plan"]["mass"], 1e-6)), "step 1: not a plan"),
    "too much": (lambda s, f: s["plan"].update(mass=s["plan"]["mass"] * 1.001), "step 1: not a plan"),
    "negative": (lambda s, f: s["plan"].update(mass=-s["plan"]["mass"]), "step 1: not a plan"),
    "infinite": (lambda s, f: s["plan"].update(mass=s["plan"]["mass"] * np.inf), "its plan is not a list of atoms"),
    "lengths": (lambda s, f: s["plan"].update(mass=s["plan"]["mass"][1:]), "its plan is not a list of atoms"),
    "stop": (lambda s, f: s["plan"].update(stop=np.roll(s["plan"]["stop"], 1)), "step 1: not proven optimal"),
    "no stop": (lambda s, f: s["plan"].update(stop=s["plan"]["stop"] + 99), "its plan uses points"),
    "no target": (lambda s, f: s["plan"].update(target=s["plan"]["target"] * 0 - 1), "its plan uses points"),
    "suboptimal": (suboptimal, "step 1: not proven optimal"),
    "tau": (lambda s, f: s.update(tau=0.2), "step 1: its tau, alpha, p or select"),
    "p": (lambda s, f: s.update(p=2.5), "step 1: its tau, alpha, p or select"),
    "alpha": (lambda s, f: s.update(alpha=1.5), "step 1: its tau, alpha, p or select"),
    "select": (lambda s, f: s.update(select="eager"), "step 1: its tau, alpha, p or select"),
    "source": (lambda s, f: f["source"].update(weights=shift(f["source"]["weights"], 1e-9)), "it starts elsewhere"),
    "target": (lambda s, f: f["target"].update(weights=shift(f["target"]["weights"], 1e-9)), "it starts elsewhere"),
    "stops": (lambda s, f: f["stops"].update(bounds=((0.0, 1.0), (0.0, 2.0))), "its stops are not those of the sweep."),
    "stopped": (lambda s, f: f.update(stopped="fixed point"), "it says that it stopped at 'fixed point' after 2 steps"),
    "no steps": (lambda s, f: f.update(steps=[]), "it says that it stopped at 'max steps' after 0 steps"),
    "step left out": (lambda s, f: f.update(steps=f["steps"][:1]), "it says that it stopped at 'max steps' after 1"),
    "step repeated": (lambda s, f: f.update(steps=[*f["steps"], f["steps"][1]]), "step 3: not a plan"),
    "steps swapped": (lambda s, f: f.update(steps=f["steps"][::-1]), "step 1: "),
    "nonsense": (lambda s, f: s["rho"].update(weights=-s["rho"]["weights"]), "measure has 24 negative weights"),
    "hole": (lambda s, f: s.pop("plan"), "the stored flow makes no sense (KeyError: 'plan')."),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_falsified_file_is_found_out(name: str, tmp_path: Path) -> None:
    """Edited with its checksums: only the mathematics tells."""
    falsify, says = FALSE[name]
    wrof.sweep(taus=[0.05, 0.3, 0.45], steps=2, out=tmp_path, **lattice())
    tree = files.unpack(tau_file(tmp_path, 0.3))
    files.pack(tree, tau_file(tmp_path, 0.3))
    assert all(report["ok"] for report in wrof.load_sweep(tmp_path).verify())  # rewriting alone is no offence
    falsify(tree["flow"]["steps"][0], tree["flow"])
    files.pack(tree, tau_file(tmp_path, 0.3))
    sweep = wrof.load_sweep(tmp_path)
    assert sweep.status == ["ok"] * 3
    reports = sweep.verify()
    assert [report["ok"] for report in reports] == [True, False, True]
    assert reports[1]["says"].startswith(says), reports[1]


def test_a_later_step_that_starts_elsewhere_is_found_out() -> None:
    """In memory nothing forces a step to start where the last one ended."""
    done = wrof.sweep(taus=[0.3], steps=2, **lattice())
    walk = done.flow(0)
    walk.measures[1] = walk.measures[0]
    assert done.verify()[0]["says"] == "step 1: it does not start where the step before ended."


@pytest.mark.parametrize("name", ["free", "clouds"])
def test_falsified_coordinates_are_found_out(name: str, tmp_path: Path) -> None:
    """On FREE the stops themselves are stored."""
    wrof.sweep(taus=[0.3], steps=2, out=tmp_path, **PROBLEMS[name]())
    tree = files.unpack(tau_file(tmp_path, 0.3))
    tree["flow"]["steps"][1]["plan"]["stop"] = tree["flow"]["steps"][1]["plan"]["stop"][::-1]
    files.pack(tree, tau_file(tmp_path, 0.3))
    assert wrof.load_sweep(tmp_path).verify()[0]["says"].startswith("step 2: ")


# ---- workers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("free", [1e12, 41.0 * 24 * 24 * 2.5])
def test_memory_caps_the_jobs(free: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dense 24 x 24 step takes 41 bytes a pair; the cap is what is free, or what is given."""
    question = wrof.sweep(taus=[0.3], steps=1, **lattice()).question
    monkeypatch.setattr(pool, "free_bytes", lambda: free)
    taus = [0.1, 0.2, 0.3, 0.4]
    fits = 4 if free == 1e12 else 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert pool.workers(question, taus, 4, None) == fits
        assert pool.workers(question, taus, 3, 41.0 * 24 * 24 * 3) == 3
        assert pool.workers(question, taus, 3, 5.0) == 1  # never below 1
        assert pool.workers(question, taus[:2], 8, 1e12) == 2  # no more than there is to do
    said = [str(w.message) for w in caught]
    assert len(said) == 1 + (fits == 2) and all(w.category is WrofWarning for w in caught)
    assert said[-1].startswith("1 instead of 3 jobs at a time: the dense joint cost of 24 x 24 pairs takes a job about")


def test_the_cap_is_told_to_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """One job is left: all is done in this process."""
    computed = counting(monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = wrof.sweep(taus=TAUS[1:], steps=1, jobs=2, memory=1e3, **lattice())
    assert done.complete and computed == TAUS[1:]
    assert [w.filename for w in caught] == [__file__] and "1 instead of 2 jobs at a time" in str(caught[0].message)


def test_a_cluster_decides_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    question = wrof.sweep(taus=[0.3], steps=1, **lattice()).question
    assert not pool._cluster()
    monkeypatch.setattr(pool, "_cluster", lambda: True)
    assert pool.workers(question, TAUS, 1, 1.0) is None and pool.workers(question, TAUS, 7, 1.0) == 7


def test_memory_of_other_problems() -> None:
    """Nothing on a line; a matrix more where stops are a cloud; what rho can grow to, not what mu is."""
    question = wrof.sweep(taus=[0.3], steps=1, **wrof.toys.random_to_ramp(12)).question
    assert pool._bytes_of_a_flow(question, 0.3)[0] == 0
    stops = np.random.default_rng(0).random((50, 2))
    for steps, most in ((1, 7), (2, 12), (9, 47), (99, 50)):  # 7 atoms at first, at most 6 - 1 more each step
        question = wrof.sweep(taus=[0.3], steps=1, stops=stops, **two_clouds()).question
        question.settings["steps"] = steps
        assert pool._bytes_of_a_flow(question, 0.3) == (41 * most * 6 + 8 * 50 * 6, f"{most} x 6 pairs")
    question = wrof.sweep(taus=[0.3], steps=1, stops=FREE, **two_clouds()).question
    assert pool._bytes_of_a_flow(question, 0.3)[0] == 41 * 12 * 6


def test_jobs_are_those_of_joblib_where_a_context_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """jobs=1: this thread, unless joblib.parallel_config names a backend."""
    threads: set[int] = set()

    class Noting(Question):
        def flow(self, tau: float, init: Any = None) -> Any:
            threads.add(threading.get_ident())
            time.sleep(0.05)
            return super().flow(tau)

    monkeypatch.setattr(MODULE, "Question", Noting)
    assert three_points([0.4, 0.75, 1.2, 3.0]).complete and threads == {threading.get_ident()}
    threads.clear()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        done = three_points([0.4, 0.75, 1.2, 3.0], out=tmp_path)
    assert len(threads) == 2 and threading.get_ident() not in threads
    assert done.complete and same_numbers(done, three_points([0.4, 0.75, 1.2, 3.0]))


def test_attempts_are_counted_where_a_scheduler_starts_lost_tasks_again(tmp_path: Path) -> None:
    """The fourth beginning of one run is refused and recorded; another run begins anew."""
    question = three_points([0.4], out=tmp_path).question
    for _ in range(pool.TRIES):
        disk.begin(tmp_path, 0.75, "run")
    assert pool.work(question, 1.2, tmp_path, "run").status == "ok"
    given_up = pool.work(question, 0.75, tmp_path, "run")
    assert given_up.status == "failed" and given_up.error.startswith("its worker died 3 times: killed")
    assert disk.look(tmp_path, question.fingerprint, 0.75).error == given_up.error
    assert pool.work(question, 0.75, tmp_path, "another").status == "ok"
    assert pool.work(question, 0.75, tmp_path, "run").status == "ok"  # it is there
    assert not [name for name in everything_in(tmp_path) if name.endswith("begun")]


def test_what_cannot_be_seen_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker on another machine that writes to a folder of the same name."""
    monkeypatch.setattr(disk, "write", lambda *_: None)
    done = three_points([0.4], out=tmp_path)
    assert done.status == ["missing"] and "give a folder all can see." in done.errors[0.4]


@pytest.mark.slow
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("jobs", [2, -1])
def test_worker_processes_give_the_same(tmp_path: Path, stored: bool, jobs: int) -> None:
    out = tmp_path if stored else None
    for name in ("lattice", "free", "min_norm"):
        problem = PROBLEMS[name]()
        done = wrof.sweep(taus=TAUS, steps=3, jobs=jobs, out=out and out / name, **problem)
        assert done.complete and same_numbers(done, wrof.sweep(taus=TAUS, steps=3, **problem))
        assert all(report["ok"] for report in done.verify())


@pytest.mark.parametrize("stored", [True, False])
def test_what_was_at_work_in_a_broken_pool_is_tried_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    """With one job the first two that are left; then the rest together again."""
    taus, pools = [0.4, 0.5, 0.75, 0.8, 1.2, 3.0], []

    def fragile(question: Any, some: list[float], folder: Any, n_jobs: int, token: str = "") -> Iterator[Any]:
        pools.append(some)
        for tau in some:
            if tau == 0.75:
                raise BrokenProcessPool("a worker died")
            yield pool.work(question, tau, folder)

    monkeypatch.setattr(pool, "_pool", fragile)
    done = three_points(taus, out=tmp_path if stored else None)
    assert pools == [taus, [0.75], [0.8], [1.2, 3.0]]
    assert done.status == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert done.errors == {0.75: pool.DIED.format(", and again when it was alone")}
    assert not stored or wrof.load_sweep(tmp_path).errors == done.errors


def deadly(monkeypatch: pytest.MonkeyPatch, fatal: float, scene: Path) -> None:
    """Let the workers of sweeps die at one step size; only once if there is a file `once` in the folder `scene`."""

    class Deadly(Question):  # local, so that it reaches the workers by value
        def flow(self, tau: float, init: Any = None) -> Any:
            time.sleep(0.1)
            if tau == fatal:
                with (scene / "deaths").open("a") as deaths:
                    deaths.write("x")
                if not (scene / "once").exists() or (scene / "deaths").stat().st_size == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().flow(tau)

    monkeypatch.setattr(MODULE, "Question", Deadly)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill is a POSIX matter")
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("once", [True, False])
def test_a_worker_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool, once: bool) -> None:
    """Killed once: nothing is lost. Killed again when alone: recorded, and nothing else is lost."""
    taus = np.linspace(0.05, 0.5, 12).tolist()
    whole = wrof.sweep(taus=taus, steps=2, **lattice())
    deadly(monkeypatch, taus[3], tmp_path)
    if once:
        (tmp_path / "once").touch()
    out = tmp_path / "out" if stored else None
    done = wrof.sweep(taus=taus, steps=2, jobs=2, out=out, **lattice())
    assert (tmp_path / "deaths").stat().st_size == 2
    assert done.status == ["ok" if once or tau != taus[3] else "failed" for tau in taus]
    if once:
        assert same_numbers(done, whole)
    else:
        assert done.errors == {taus[3]: pool.DIED.format(", and again when it was alone")}
    if stored:
        assert wrof.load_sweep(tmp_path / "out").errors == done.errors


# ---- processes that are killed, or meet -----------------------------------------------------------------------------

SCRIPT = """
import sys
import numpy as np
import wrof
problem = {"mu": wrof.toys.ramp(256), "nu": wrof.toys.ramp(256, increasing=True), "steps": 9}
taus = np.linspace(0.03, 0.06, int(sys.argv[2]))
"""
RUN = SCRIPT + "wrof.sweep(taus=taus, jobs=int(sys.argv[3]), out=sys.argv[1], **problem)"


def start(out: Path, count: int, jobs: int) -> "subprocess.Popen[str]":
    """Start a sweep as a process group of its own."""
    words = [sys.executable, "-c", RUN, str(out), str(count), str(jobs)]
    return subprocess.Popen(words, start_new_session=True, stderr=subprocess.PIPE, text=True)


def reference(count: int) -> Any:
    room: dict[str, Any] = {}
    exec(SCRIPT.replace("sys.argv[2]", str(count)), room)
    return wrof.sweep(taus=room["taus"], **room["problem"])


def assert_whole(folder: Path) -> int:
    """Check every visible file with Python's own readers; return the number of flows."""
    flows = 0
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.name == "sweep.json":
            assert json.loads(path.read_text())["kind"] == "sweep"
            continue
        assert path.name == "question.npz" or (path.name.startswith("tau-") and path.suffix == ".npz"), path.name
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            json.loads(archive.read("structure.json"))
        flows += path.name.startswith("tau-")
    return flows


@pytest.mark.parametrize(
    "spoil", [cut, lambda path: path.write_bytes(b""), lambda path: path.rename(path.with_suffix(".part"))]
)
def test_the_check_for_torn_files_can_fail(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    three_points([0.4, 0.75], out=tmp_path)
    assert assert_whole(tmp_path) == 2
    spoil(tau_file(tmp_path, 0.75))
    with pytest.raises((AssertionError, zipfile.BadZipFile, OSError)):
        assert_whole(tmp_path)


def assert_same_table(left: Any, right: Any) -> None:
    """Equal in words and counts, and in numbers up to rounding."""
    for one, other in zip(left.table(), right.table(), strict=True):
        words, numbers = ({k: v for k, v in one.items() if not isinstance(v, float)} for one in (one, other))
        assert words == numbers
        for name, value in one.items():
            if isinstance(value, float):
                assert other[name] == pytest.approx(value, rel=1e-12, abs=1e-13), name


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="process groups are a POSIX matter")
def test_killed_twenty_times(tmp_path: Path) -> None:
    """At random moments, between a few flows: nothing is torn, and the table is that of an uninterrupted sweep."""
    count, rng, in_mid_sweep = 160, np.random.default_rng(20), 0
    whole = reference(count)
    for _ in range(20):
        before = len(list(tmp_path.glob("tau-*.npz")))
        run = start(tmp_path, count, jobs=2)
        enough, late = before + int(rng.integers(0, 4)), time.monotonic() + 60
        while len(list(tmp_path.glob("tau-*.npz"))) < enough and run.poll() is None and time.monotonic() < late:
            time.sleep(0.002)
        time.sleep(float(rng.uniform(0, 0.05)))
        alive = run.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        said = run.communicate(timeout=60)[1]
        assert alive or before == count, said
        flows = assert_whole(tmp_path)
        in_mid_sweep += alive and before < flows < count
    assert in_mid_sweep >= 8
    left = len(list(tmp_path.glob("tau-*.npz")))
    mu, nu = whole.question.source, whole.question.target
    done = wrof.sweep(mu, nu, whole.taus, 9, out=tmp_path)
    assert left < count and done.complete and assert_whole(tmp_path) == count
    assert_same_table(done, whole)
    assert all(report["ok"] for report in done.verify())
    with pytest.raises(AssertionError):
        assert_same_table(done, wrof.sweep(mu, nu, whole.taus, 1))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are a POSIX matter")
def test_interrupted_from_the_keyboard(tmp_path: Path) -> None:
    """Ctrl-C to the whole group, with worker processes: it ends, as interrupted, and what is finished stays."""
    run = start(tmp_path, 400, jobs=2)
    while len(list(tmp_path.glob("tau-*.npz"))) < 5 and run.poll() is None:
        time.sleep(0.01)
    assert run.poll() is None
    os.killpg(run.pid, signal.SIGINT)
    said = run.communicate(timeout=30)[1]
    assert run.returncode in (1, -signal.SIGINT, 128 + signal.SIGINT) and "KeyboardInterrupt" in said
    time.sleep(0.2)
    flows = assert_whole(tmp_path)
    time.sleep(0.5)
    assert 5 <= flows < 400 and assert_whole(tmp_path) == flows  # nobody is at work any more
    assert wrof.load_sweep(tmp_path).status.count("ok") == flows


@pytest.mark.slow
def test_two_processes_in_one_folder(tmp_path: Path) -> None:
    """At once, from scratch: both end well, the folder is whole, and the numbers are those of one."""
    runs = [start(tmp_path, 40, jobs=1) for _ in range(2)]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert assert_whole(tmp_path) == 40 and not [name for name in everything_in(tmp_path) if name.startswith(".")]
    done = wrof.load_sweep(tmp_path)
    assert done.complete
    assert_same_table(done, reference(40))
