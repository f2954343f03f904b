"""Runs on disk: whole or absent, the same id for the same parameters, nothing of this machine inside."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from datetime import datetime
from enum import Enum
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from disk import everything_in, fail_replace, same

from wrof import store
from wrof.errors import WrofError
from wrof.store import manifest

PARAMS = {"tau": 0.3, "alpha": "1+tau", "shape": (4, 3), "seed": 7, "select": None, "quick": True}
ARRAYS = {"rho": np.linspace(0, 1, 5), "index": np.arange(3)}


def texts(node):
    """All text in a nested JSON value, keys included."""
    if isinstance(node, dict):
        return [text for pair in node.items() for part in pair for text in texts(part)]
    if isinstance(node, list):
        return [text for part in node for text in texts(part)]
    return [node] if isinstance(node, str) else []


def absolute(text):
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()


# ---- the id ----


def test_run_id_is_the_hash_of_canonical_json():
    text = b'{"a":[1,2],"seed":7,"tau":0.1,"\\u03b1":"1+tau"}'
    expected = hashlib.sha256(text).hexdigest()[:12]
    assert store.run_id({"α": "1+tau", "tau": 0.1, "seed": 7, "a": (1, 2)}) == expected


def test_run_id_ignores_how_a_value_is_written():
    reference = store.run_id({"tau": 0.25, "n": 3, "x": [1, 2], "nested": {"a": 1, "b": 0}})
    for other in (
        {"nested": {"b": 0, "a": 1}, "x": (1, 2), "n": 3, "tau": 0.25},
        {"tau": np.float32(0.25), "n": np.int16(3), "x": np.array([1, 2]), "nested": {"a": 1.0, "b": -0.0}},
        {"tau": np.float64(0.25), "n": 3.0, "x": [1.0, np.uint8(2)], "nested": {"a": np.int64(1), "b": 0.0}},
    ):
        assert store.run_id(other) == reference


@pytest.mark.parametrize(
    "other",
    [np.nextafter(0.3, 1), "0.3", [0.3], {"tau": 0.3}, None, True, 0, 3],
    ids=repr,
)
def test_run_id_tells_values_apart(other):
    assert store.run_id({"tau": 0.3}) != store.run_id({"tau": other})


def test_run_id_tells_bool_from_number_and_missing_from_none():
    ids = {store.run_id(p) for p in ({"a": 1}, {"a": True}, {"a": "1"}, {"a": None}, {}, {"b": 1}, {"a": [1]})}
    assert len(ids) == 7


def test_run_id_takes_enums_by_value():
    class Colour(Enum):
        RED = "red"

    assert store.run_id({"c": Colour.RED}) == store.run_id({"c": "red"})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "params['x'] = nan"),
        (np.float64("inf"), "params['x'] = inf"),
        ([1, {"y": -np.inf}], "params['x'][1]['y'] = -inf"),
        ({1, 2}, "params['x'] is a set"),
        (b"raw", "params['x'] is a bytes"),
        (1j, "params['x'] is a complex"),
        (Path("a"), "PosixPath" if os.name == "posix" else "WindowsPath"),
        ({1: 2}, "keys that are not text: [1]"),
        ("/somewhere/a.png", "absolute path '/somewhere/a.png'"),
        ("C:\\a.png", "absolute path"),
        ({"/somewhere": 1}, "absolute path"),
    ],
    ids=repr,
)
def test_parameters_that_cannot_be_kept(value, says):
    with pytest.raises(WrofError) as caught:
        store.run_id({"x": value})
    assert says in str(caught.value)


# ---- a run, there and back ----


def test_round_trip(tmp_path):
    arrays = {
        "float": np.array([0.1, -0.0, np.nan, np.inf]),
        "single": np.float32(0.1),
        "whole": np.arange(-3, 3, dtype=np.int16),
        "truth": np.array([[True], [False]]),
        "text": np.array(["α", "1+τ"]),
        "empty": np.empty((0, 2)),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10)[::-3],
        "ρ after step 1": np.arange(4.0),
        "group/member": np.arange(2),
        "file": np.arange(2),  # a name numpy.savez cannot take
        "list": [[1, 2], [3, 4]],
    }
    path = store.save_run(tmp_path, "round_trip", PARAMS, arrays)
    assert path == tmp_path / "round_trip" / store.run_id(PARAMS)
    assert everything_in(path) == ["arrays.npz", "manifest.json"]
    run = store.load_run(path)
    assert run.path == path
    assert run.params == {**PARAMS, "shape": [4, 3]}
    assert list(run.arrays) == list(arrays)
    for name, array in arrays.items():
        assert same(run.arrays[name], np.asarray(array)), name
    with np.load(path / "arrays.npz", allow_pickle=False) as archive:  # it is an ordinary .npz
        assert same(archive["float"], arrays["float"])
    assert not same(np.array([0.0]), np.array([-0.0]))  # the helper can fail
    assert not same(np.arange(2), np.arange(2.0))


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    first = store.save_run(tmp_path / "a", "x", PARAMS, ARRAYS) / "arrays.npz"
    second = store.save_run(tmp_path / "b", "x", PARAMS, ARRAYS) / "arrays.npz"
    assert first.read_bytes() == second.read_bytes()


def test_no_arrays_and_no_parameters(tmp_path):
    run = store.load_run(store.save_run(tmp_path, "nothing", {}, {}))
    assert run.params == {} and run.arrays == {}


@pytest.mark.parametrize("name", ["zwei Münzen", "τ=0.3", "двоеточие", "v1.2"])
def test_unicode_names(tmp_path, name):
    path = store.save_run(tmp_path / "ergebnisse ρ", name, {"größe": "groß", "τ": 0.3}, {"ρ⁰": np.ones(2)})
    run = store.load_run(path)
    assert run.params == {"größe": "groß", "τ": 0.3} and list(run.arrays) == ["ρ⁰"]
    assert store.find_runs(tmp_path / "ergebnisse ρ", name) == [path]
    assert "größe" in (path / "manifest.json").read_text(encoding="utf-8")  # readable, not \u00f6


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "C:", "/root", "a\nb", "a\0b"], ids=repr)
def test_names_that_are_no_folder(tmp_path, name):
    with pytest.raises(WrofError, match="plain folder name"):
        store.save_run(tmp_path, name, PARAMS, ARRAYS)
    with pytest.raises(WrofError, match="plain folder name"):
        store.find_runs(tmp_path, name)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.array([None])}, "arrays['x'] holds Python objects"),
        ({"x": [[1], [1, 2]]}, "arrays['x'] is not a rectangular array"),
        ({"": np.ones(1)}, "the name ''"),
        ({1: np.ones(1)}, "the name 1"),
        ({"a\0b": np.ones(1)}, "the name 'a\\x00b'"),
    ],
)
def test_arrays_that_cannot_be_stored(tmp_path, arrays, says):
    with pytest.raises(WrofError) as caught:
        store.save_run(tmp_path, "x", PARAMS, arrays)
    assert says in str(caught.value)
    assert everything_in(tmp_path) == []


# ---- the manifest ----


def test_manifest_says_what_was_run(tmp_path):
    class Status(Enum):
        SOLVED = "certified"

    info = {"worst_gap": np.float64(1e-13), "statuses": [Status.SOLVED], "seconds": 0.5, "arrived": 32, "bad": np.nan}
    path = store.save_run(tmp_path, "steps", PARAMS, ARRAYS, info=info)
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest == store.load_run(path).manifest
    assert manifest["name"] == "steps"
    assert manifest["run_id"] == path.name
    assert manifest["worst_gap"] == 1e-13
    assert manifest["statuses"] == ["certified"]
    assert manifest["seconds"] == 0.5
    assert manifest["info"] == {"arrived": 32, "bad": "nan"}
    assert manifest["arrays"]["rho"] == {"shape": [5], "dtype": "<f8"}
    assert datetime.fromisoformat(manifest["created"]).utcoffset().total_seconds() == 0
    versions = manifest["versions"]
    assert list(versions) == ["python", "wrof", "numpy", "scipy", "POT", "numba", "matplotlib"]
    assert versions["python"] == ".".join(map(str, sys.version_info[:3])) and versions["numpy"] == np.__version__
    assert manifest["git"] is None or set(manifest["git"]) == {"commit", "dirty"}
    assert info["worst_gap"] == 1e-13  # the caller's mapping is left alone


def test_manifest_without_info(tmp_path):
    manifest = store.load_run(store.save_run(tmp_path, "x", PARAMS, ARRAYS)).manifest
    assert manifest["worst_gap"] is None and manifest["statuses"] == [] and manifest["seconds"] is None


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(manifest, "PACKAGES", ("numpy", "no-such-package"))
    assert manifest._versions()["no-such-package"] is None


def test_manifest_holds_no_absolute_path(tmp_path):
    path = store.save_run(tmp_path.resolve(), "x", PARAMS, ARRAYS, info={"note": "results/x"})
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    assert [text for text in texts(manifest) if absolute(text)] == []
    for place in (tmp_path, Path.cwd(), Path.home(), Path(store.__file__).parent, Path(sys.prefix)):
        assert str(place) not in (path / "manifest.json").read_text(encoding="utf-8")
    assert [t for t in texts({"a": ["/x", "b"], "C:\\y": 1}) if absolute(t)] == ["/x", "C:\\y"]  # the helper can fail


def test_absolute_paths_are_refused_in_info(tmp_path):
    with pytest.raises(WrofError, match=r"info\['file'\] is the absolute path"):
        store.save_run(tmp_path, "x", PARAMS, ARRAYS, info={"file": str(tmp_path.resolve())})
    assert everything_in(tmp_path) == []


def test_params_feed_back_in(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    for place in (path, path / "manifest.json", str(path)):
        assert store.run_id(store.params_from_manifest(place)) == path.name
    loose = tmp_path / "edited.json"
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    manifest["params"]["tau"] = 0.4
    loose.write_text(json.dumps(manifest), encoding="utf-8")
    assert store.params_from_manifest(loose)["tau"] == 0.4  # a hand-edited question is a fair question


# ---- the state of the checkout ----


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet")
    return root


def git(root, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit_file(root):
    (root / "code.py").write_text("x = 1\n")
    git(root, "add", "code.py")
    git(root, "commit", "--quiet", "-m", "first")
    return git(root, "rev-parse", "HEAD")


def test_git_state_clean_and_dirty(checkout):
    commit = commit_file(checkout)
    assert manifest._git_state(checkout) == {"commit": commit, "dirty": False}
    (checkout / "results").mkdir()
    (checkout / "results" / "manifest.json").write_text("{}")
    assert manifest._git_state(checkout) == {"commit": commit, "dirty": False}  # an outcome is not a change of the code
    (checkout / "code.py").write_text("x = 2\n")
    assert manifest._git_state(checkout) == {"commit": commit, "dirty": True}


def test_git_state_is_not_fooled_by_the_environment(checkout, tmp_path, monkeypatch):
    commit = commit_file(checkout)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as inside a hook
    assert manifest._git_state(checkout) == {"commit": commit, "dirty": False}


def test_git_state_is_null_without_a_repository_of_our_own(checkout, tmp_path, monkeypatch):
    assert manifest._git_state(checkout) is None  # no commit yet
    commit_file(checkout)
    installed = checkout / "venv" / "site-packages"
    installed.mkdir(parents=True)
    assert manifest._git_state(installed) is None  # somebody else's repository
    monkeypatch.setenv("PATH", str(tmp_path / "no programs here"))
    assert manifest._git_state(checkout) is None  # no git


# ---- crashes and rivals ----


@pytest.mark.parametrize("when", [0, 1])
def test_a_crash_before_the_rename_leaves_nothing(tmp_path, monkeypatch, when):
    fail_replace(monkeypatch, when)
    with pytest.raises(WrofError, match=r"cannot write .*the disk is gone"):
        store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    assert everything_in(tmp_path / "x") == []


@pytest.mark.parametrize("error", [OSError(errno.EIO, "the disk is gone"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("when", [0, 1])
def test_a_crash_while_replacing_keeps_the_old_run(tmp_path, monkeypatch, when, error):
    path = store.save_run(tmp_path, "x", PARAMS, {"a": np.zeros(2)})
    fail_replace(monkeypatch, when, error)
    with pytest.raises((WrofError, KeyboardInterrupt)):
        store.save_run(tmp_path, "x", PARAMS, {"a": np.ones(2)})
    assert everything_in(tmp_path / "x") == [path.name]
    assert store.load_run(path).arrays["a"].tolist() == [0, 0]


@pytest.mark.parametrize("part", ["write_npz", "sync", "_move_in"])
def test_a_crash_while_writing_leaves_nothing(tmp_path, monkeypatch, part):
    def crash(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, part, crash)
    with pytest.raises(WrofError, match="No space left"):
        store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    assert everything_in(tmp_path / "x") == []


def test_an_existing_run_is_replaced_with_all_that_was_drawn_from_it(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, {"a": np.zeros(2)})
    (path / "figure.png").write_bytes(b"old")
    assert store.save_run(tmp_path, "x", PARAMS, {"b": np.ones(3)}) == path
    assert everything_in(path) == ["arrays.npz", "manifest.json"]
    assert everything_in(tmp_path / "x") == [path.name]
    assert list(store.load_run(path).arrays) == ["b"]


@pytest.mark.parametrize("content", [[], ["notes.txt"], ["manifest.json"]])
def test_a_foreign_folder_is_left_alone(tmp_path, content):
    place = tmp_path / "x" / store.run_id(PARAMS)
    place.mkdir(parents=True)
    for name in content:
        (place / name).write_text("mine")
    with pytest.raises(WrofError, match="not a complete run; move it away"):
        store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    assert everything_in(place) == content
    assert everything_in(tmp_path / "x") == [place.name]


def test_a_file_in_the_way_is_left_alone(tmp_path):
    place = tmp_path / "x" / store.run_id(PARAMS)
    place.parent.mkdir()
    place.write_text("mine")
    with pytest.raises(WrofError, match="not a complete run"):
        store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    assert place.read_text() == "mine"
    (tmp_path / "y").write_text("mine")
    with pytest.raises(WrofError, match="cannot write"):
        store.save_run(tmp_path, "y", PARAMS, ARRAYS)


def test_a_rival_that_comes_in_between(tmp_path, monkeypatch):
    """Another writer finishes the same run just before our rename: ours comes last and is the one that stays."""
    rival = store.save_run(tmp_path / "rival", "x", PARAMS, {"a": np.zeros(2)})
    final = tmp_path / "x" / rival.name
    real, rivals = os.replace, [1, 1]

    def replace(source, target):
        if Path(target) == final and rivals and "rival" not in Path(source).parts:
            rivals.pop()
            shutil.copytree(rival, final)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    assert store.save_run(tmp_path, "x", PARAMS, {"a": np.ones(2)}) == final
    assert rivals == []
    assert everything_in(tmp_path / "x") == [final.name]
    assert store.load_run(final).arrays["a"].tolist() == [1, 1]


def test_rivals_without_end(tmp_path, monkeypatch):
    final = tmp_path / "x" / store.run_id(PARAMS)

    def replace(source, target):
        if Path(target) == final:
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        raise FileNotFoundError

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(WrofError, match="other writers"):
        store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    assert everything_in(tmp_path / "x") == []


def test_concurrent_writers_and_a_reader(tmp_path):
    """Six writers of one run and a reader: no one fails, what the reader finds is always whole."""
    path = tmp_path / "x" / store.run_id(PARAMS)
    gate, done, failures, seen = threading.Barrier(7), threading.Event(), [], []

    def write(value):
        gate.wait()
        for _ in range(8):
            try:
                assert store.save_run(tmp_path, "x", PARAMS, {"a": np.full(1000, value)}) == path
            except Exception as err:
                failures.append(err)

    def read():
        gate.wait()
        while not done.is_set():
            try:
                values = set(store.load_run(path).arrays["a"].tolist())
            except WrofError:
                continue  # absent for the moment between two renames
            seen.append(values)

    writers = [threading.Thread(target=write, args=(float(k),)) for k in range(6)]
    reader = threading.Thread(target=read)
    for thread in [*writers, reader]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert failures == []
    assert all(len(values) == 1 for values in seen)
    assert everything_in(tmp_path / "x") == [path.name]
    assert set(store.load_run(path).arrays["a"].tolist()) <= {float(k) for k in range(6)}


# ---- a run in a folder that is there ----


@pytest.fixture
def place(tmp_path):
    """A folder named by the run id, with a file that is not the run's and a picture that is."""
    folder = tmp_path / "x" / store.run_id(PARAMS)
    folder.mkdir(parents=True)
    (folder / "part.npz").write_bytes(b"mine")
    return folder


def test_a_run_grows_in_its_folder(place):
    info = {"worst_gap": 1e-13, "statuses": ["ok"], "seconds": 2.0, "steps": 3}
    assert store.write_run(place, PARAMS, ARRAYS, info=info) == place
    assert everything_in(place) == ["arrays.npz", "manifest.json", "part.npz"]
    run = store.load_run(place)
    assert run.params == {**PARAMS, "shape": [4, 3]} and all(same(run.arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert (run.manifest["name"], run.manifest["run_id"]) == ("x", place.name)
    assert (run.manifest["worst_gap"], run.manifest["info"]) == (1e-13, {"steps": 3})
    other = store.load_run(store.save_run(place.parent.parent, "y", PARAMS, ARRAYS, info=info)).manifest
    assert {**other, "name": "x", "created": run.manifest["created"]} == run.manifest


def test_pictures_go_when_the_arrays_they_were_drawn_from_do(place):
    store.write_run(place, PARAMS, ARRAYS)
    for name in ("figure.png", "notes.png"):
        (place / name).write_bytes(b"drawn")
    store.write_run(place, PARAMS, ARRAYS, info={"again": True}, drawn=["figure.png"])
    assert everything_in(place) == ["arrays.npz", "figure.png", "manifest.json", "notes.png", "part.npz"]
    assert store.load_run(place).manifest["info"] == {"again": True}
    store.write_run(place, PARAMS, {"rho": np.ones(2)}, drawn=["figure.png"])
    assert everything_in(place) == ["arrays.npz", "manifest.json", "notes.png", "part.npz"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "the disk is gone"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("when", [0, 1])
def test_a_crash_while_it_grows_leaves_no_run_or_the_whole_of_it(place, monkeypatch, when, error):
    store.write_run(place, PARAMS, {"a": np.zeros(2)})
    with monkeypatch.context() as patch:
        fail_replace(patch, when, error)  # the arrays, the manifest
        with pytest.raises((WrofError, KeyboardInterrupt)):
            store.write_run(place, PARAMS, {"a": np.ones(2)})
    assert everything_in(place) == ["arrays.npz", "part.npz"]
    with pytest.raises(WrofError, match=r"it has no manifest\.json"):
        store.load_run(place)
    store.write_run(place, PARAMS, {"a": np.ones(2)})
    assert store.load_run(place).arrays["a"].tolist() == [1, 1]


def test_only_the_folder_of_the_run(place, tmp_path):
    with pytest.raises(WrofError, match=rf"must be named by the run id of its parameters, {place.name}"):
        store.write_run(tmp_path, PARAMS, ARRAYS)
    with pytest.raises(WrofError, match="there is no folder"):
        store.write_run(tmp_path / "y" / place.name, PARAMS, ARRAYS)
    with pytest.raises(WrofError, match="holds Python objects"):
        store.write_run(place, PARAMS, {"a": np.array([None])})
    assert everything_in(place) == ["part.npz"] and everything_in(tmp_path) == ["x"]


def test_a_rival_between_arrays_and_manifest(place, monkeypatch):
    """Another writer's arrays come after ours and before our manifest: ours are written again."""
    rival = store.save_run(place.parent.parent, "y", PARAMS, {"a": np.zeros(2)}) / "arrays.npz"
    real, rivals = os.replace, [1, 1]

    def replace(source, target):
        if Path(target) == place / "manifest.json" and rivals:
            rivals.pop()
            shutil.copy(rival, place / "arrays.npz")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    store.write_run(place, PARAMS, {"a": np.ones(2)})
    assert rivals == [] and store.load_run(place).arrays["a"].tolist() == [1, 1]


def test_writers_of_different_arrays_leave_one_whole_run(place):
    gate, failures = threading.Barrier(4), []

    def write(value):
        gate.wait()
        for _ in range(6):
            try:
                store.write_run(place, PARAMS, {"a": np.full(1000, value)}, drawn=["figure.png"])
            except Exception as err:
                failures.append(err)

    writers = [threading.Thread(target=write, args=(float(k),)) for k in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert failures == []
    assert len(set(store.load_run(place).arrays["a"].tolist())) == 1
    assert everything_in(place) == ["arrays.npz", "manifest.json", "part.npz"]


def test_writers_without_end(place, monkeypatch):
    real = os.replace

    def replace(source, target):
        real(source, target)
        if Path(target) == place / "manifest.json":
            (place / "arrays.npz").write_bytes(b"somebody else's")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(WrofError, match="other writers keep replacing it"):
        store.write_run(place, PARAMS, ARRAYS)


# ---- what is not a run ----


def spoil(path, change):
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_missing_and_half_runs(tmp_path):
    with pytest.raises(WrofError, match=r"nowhere' is not a run: there is no such file or folder"):
        store.load_run(tmp_path / "nowhere")
    with pytest.raises(WrofError, match=r"is not a run: it has no manifest\.json"):
        store.load_run(tmp_path)
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    (path / "arrays.npz").unlink()
    with pytest.raises(WrofError, match=r"no file .*arrays\.npz"):
        store.load_run(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "damaged or not a manifest"),
        ('{"params": ', "damaged or not a manifest"),
        ("[1, 2]", "is not the manifest of a run"),
        ('{"manifest_version": 3, "name": "an add-on"}', "is not the manifest of a run"),
        ('{"run_id": "0", "created": "", "arrays": {}, "params": [1]}', "is not the manifest of a run"),
        (
            '{"run_id": "0", "created": "", "arrays": {}, "params": {}, "format": 99}',
            "has format 99, this wrof reads 1",
        ),
    ],
)
def test_damaged_and_foreign_manifests(tmp_path, text, says):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    (path / "manifest.json").write_text(text, encoding="utf-8")
    for read in (store.load_run, store.params_from_manifest):
        with pytest.raises(WrofError) as caught:
            read(path)
        assert says in str(caught.value)
    assert store.find_runs(tmp_path, "x") == []


def test_a_manifest_that_is_no_text(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    (path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrofError, match="damaged or not a manifest"):
        store.load_run(path)
    (path / "manifest.json").unlink()
    (path / "manifest.json").mkdir()
    with pytest.raises(WrofError, match="cannot read"):
        store.load_run(path)


def test_arrays_that_go_while_they_are_read(tmp_path, monkeypatch):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    real = store.read_npz

    def read(file):
        arrays = real(file)
        file.unlink()
        return arrays

    monkeypatch.setattr(store, "read_npz", read)
    with pytest.raises(WrofError, match=r"cannot read .*arrays\.npz': No such file"):
        store.load_run(path)


def test_files_that_do_not_belong_together(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    other = store.save_run(tmp_path, "y", PARAMS, {"rho": np.ones(6)})
    shutil.copy(other / "arrays.npz", path / "arrays.npz")
    with pytest.raises(WrofError, match=r"arrays\.npz does not hold what manifest\.json lists"):
        store.load_run(path)


def test_arrays_of_the_same_shape_are_told_apart(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    digest = hashlib.sha256((path / "arrays.npz").read_bytes()).hexdigest()
    assert store.load_run(path).manifest["sha256"] == digest
    other = store.save_run(tmp_path, "y", PARAMS, {**ARRAYS, "rho": ARRAYS["rho"] + 1e-16})
    shutil.copy(other / "arrays.npz", path / "arrays.npz")
    with pytest.raises(WrofError, match=r"arrays\.npz does not hold what manifest\.json lists"):
        store.load_run(path)
    spoil(path, lambda manifest: manifest.pop("sha256"))  # as runs were written once
    assert same(store.load_run(path).arrays["rho"], ARRAYS["rho"] + 1e-16)


def test_parameters_changed_after_the_run(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    spoil(path, lambda manifest: manifest["params"].update(tau=0.4))
    with pytest.raises(WrofError, match="params do not give its run id"):
        store.load_run(path)


def test_no_flipped_byte_goes_unnoticed(tmp_path):
    """Each byte of a small archive flipped in turn: refused in a sentence, or (dates, attributes) harmless."""
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    sound = (path / "arrays.npz").read_bytes()
    refused = 0
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 0xFF
        (path / "arrays.npz").write_bytes(damaged)
        try:
            run = store.load_run(path)
        except WrofError:
            refused += 1
        else:
            assert list(run.arrays) == list(ARRAYS)
            assert all(same(run.arrays[name], ARRAYS[name]) for name in ARRAYS), position
    assert refused > len(sound) / 2


def test_no_truncation_goes_unnoticed(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    sound = (path / "arrays.npz").read_bytes()
    for length in range(0, len(sound), 7):
        (path / "arrays.npz").write_bytes(sound[:length])
        with pytest.raises(WrofError, match="damaged"):
            store.load_run(path)


def test_bytes_after_an_array_are_not_ignored(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, {"a": np.ones(2)})
    with zipfile.ZipFile(path / "arrays.npz") as archive:
        content = archive.read("a.npy")
    with zipfile.ZipFile(path / "arrays.npz", "w") as archive:
        archive.writestr("a.npy", content + b"more")
    with pytest.raises(WrofError, match=r"unexpected content in a\.npy"):
        store.load_run(path)


def test_pickles_are_not_opened(tmp_path):
    path = store.save_run(tmp_path, "x", PARAMS, ARRAYS)
    np.savez(path / "arrays.npz", rho=np.array([{"a": 1}], dtype=object))
    with pytest.raises(WrofError, match="damaged or not a"):
        store.load_run(path)


def test_find_runs(tmp_path):
    assert store.find_runs(tmp_path, "x") == []
    paths = [store.save_run(tmp_path, "x", {"seed": seed}, ARRAYS) for seed in (3, 1, 2)]
    store.save_run(tmp_path, "y", {"seed": 0}, ARRAYS)
    (tmp_path / "x" / "notes").mkdir()
    (tmp_path / "x" / "figure.png").write_bytes(b"")
    shutil.copytree(paths[0], tmp_path / "x" / ".abc.tmp")
    assert store.find_runs(tmp_path, "x") == paths  # in the order they were made
    assert store.find_runs(str(tmp_path), "x") == paths
