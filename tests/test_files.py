"""Files that appear whole or not at all; nested values and results, there and back in one file."""

from __future__ import annotations

import os
from enum import Enum

import numpy as np
import pytest
from disk import everything_in, fail_replace, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wrof import files
from wrof.errors import WrofError

# ---- one file, written whole ----


def test_atomic_path_appears_only_when_done(tmp_path):
    final = tmp_path / "figure.v2.png"
    with files.atomic_path(final) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".png" and temporary != final
        temporary.write_bytes(b"whole")
        assert not final.exists()
    assert final.read_bytes() == b"whole"
    with files.atomic_path(str(final)) as temporary:
        temporary.write_bytes(b"newer")
    assert final.read_bytes() == b"newer"
    assert everything_in(tmp_path) == [final.name]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_atomic_path_cleans_up_after_an_error(tmp_path, error):
    final = tmp_path / "a.npz"
    final.write_bytes(b"old")
    with pytest.raises(type(error)), files.atomic_path(final) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert final.read_bytes() == b"old"
    assert everything_in(tmp_path) == ["a.npz"]


def test_atomic_path_cleans_up_when_the_rename_fails(tmp_path, monkeypatch):
    fail_replace(monkeypatch, 0)
    with (
        pytest.raises(WrofError, match=r"cannot write .*the disk is gone"),
        files.atomic_path(tmp_path / "a") as temporary,
    ):
        temporary.write_bytes(b"whole")
    assert everything_in(tmp_path) == []


def test_atomic_path_refuses_before_the_work(tmp_path):
    for place, says in (
        (tmp_path / "missing" / "a.png", "cannot write .*No such file"),
        (tmp_path, "it is a folder"),
        ("", "it is a folder"),
    ):
        with pytest.raises(WrofError, match=says), files.atomic_path(place):
            pytest.fail("the body must not run")
    assert everything_in(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX matter")
def test_atomic_path_gives_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    with files.atomic_path(tmp_path / "atomic") as temporary:
        temporary.write_text("")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ---- nested values ----

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
some_arrays = hnp.arrays(
    st.sampled_from([np.float64, np.int64, np.bool_, np.float32]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)
)
keys = st.text("abcρτ_ 1", min_size=1, max_size=4)
values = st.recursive(
    scalars | some_arrays,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


def equal(left, right):
    """Whether two nested values agree, types, bits and signs of zero included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return same(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    return left == right and repr(left) == repr(right)


def test_the_comparison_can_fail():
    for left, right in (
        ((1,), [1]),
        (1, 1.0),
        (0.0, -0.0),
        ({"a": 1}, {"a": 2}),
        (np.ones(1), np.ones(2)),
        ([1], [1, 1]),
    ):
        assert not equal(left, right)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text drawn builds a Unicode table
@given(tree=st.dictionaries(keys, values, max_size=4))
def test_pack_and_unpack(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("pack") / "tree.npz"
    assert files.pack(tree, path) == path
    assert equal(files.unpack(path), tree)


def test_pack_names_arrays_by_their_keys(tmp_path):
    files.pack({"plan": {"mass": np.ones(2)}, "steps": [np.zeros(1)], "ends": (np.nan, -np.inf)}, tmp_path / "a")
    assert everything_in(tmp_path) == ["a"]  # no suffix is added
    with np.load(tmp_path / "a", allow_pickle=False) as archive:
        assert set(archive.files) == {"plan/mass", "steps/0", "structure.json"}
    low, high = files.unpack(tmp_path / "a")["ends"]
    assert np.isnan(low) and high == -np.inf


def test_pack_turns_numpy_scalars_into_python_numbers(tmp_path):
    files.pack({"a": np.float32(0.5), "b": np.int8(3), "c": np.True_, "d": np.str_("x")}, tmp_path / "a.npz")
    assert equal(files.unpack(tmp_path / "a.npz"), {"a": 0.5, "b": 3, "c": True, "d": "x"})


class Shade(int, Enum):
    DARK = 1


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"a": {"b": object()}}, "cannot store a/b, a object"),
        ({"a": [1, {2}]}, "cannot store a/1, a set"),
        ({"a": Shade.DARK}, "cannot store a, a Shade"),
        ({"a": {1: 2}}, "cannot store the key 1 of a"),
        ({"$tuple": []}, "cannot store the key '$tuple' of the top"),
        ({"a/b": np.ones(1), "a": {"b": np.ones(1)}}, "two arrays under the name 'a/b'"),
        ({"a": np.array([None])}, "holds Python objects"),
    ],
)
def test_what_pack_refuses(tmp_path, tree, says):
    with pytest.raises(WrofError) as caught:
        files.pack(tree, tmp_path / "a.npz")
    assert says in str(caught.value)
    assert everything_in(tmp_path) == []


def test_what_unpack_refuses(tmp_path):
    with pytest.raises(WrofError, match=r"there is no file .*none\.npz"):
        files.unpack(tmp_path / "none.npz")
    with pytest.raises(WrofError, match="cannot read"):
        files.unpack(tmp_path)
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(WrofError, match=r"damaged or not a \.npz file"):
        files.unpack(tmp_path / "text.npz")
    np.savez(tmp_path / "foreign.npz", a=np.ones(2))
    with pytest.raises(WrofError, match=r"not written by wrof.*numpy\.load"):
        files.unpack(tmp_path / "foreign.npz")


@pytest.mark.parametrize(
    ("structure", "says"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": 1}', "is damaged"),
        ('{"format": 1, "tree": {"a": {"$array": "lost"}}}', "is damaged .*lost"),
        ('{"format": 2, "tree": {}}', "has format 2, this wrof reads 1"),
    ],
)
def test_structures_that_do_not_fit(tmp_path, structure, says):
    files.write_npz(tmp_path / "a.npz", {}, structure)
    with pytest.raises(WrofError, match=says):
        files.unpack(tmp_path / "a.npz")


# ---- results ----


class Outcome:
    """Stands for any result that turns itself into a dict and back."""

    def __init__(self, rho, value):
        self.rho, self.value = rho, value

    def to_dict(self):
        return {"rho": self.rho, "value": self.value}

    @classmethod
    def from_dict(cls, data):
        return cls(**data)


def test_save_and_load(tmp_path, monkeypatch):
    monkeypatch.setitem(files.KINDS, "Outcome", __name__)
    path = files.save(Outcome(np.arange(3.0), 0.1), tmp_path / "outcome.npz")
    again = files.load(path)
    assert type(again) is Outcome and again.value == 0.1 and same(again.rho, np.arange(3.0))


def test_save_takes_results_only(tmp_path):
    with pytest.raises(WrofError, match="save takes a StepResult or a Flow or a Phases, got a dict"):
        files.save({"rho": np.ones(2)}, tmp_path / "a.npz")
    impostor = type("Flow", (Outcome,), {})(1, 2)
    with pytest.raises(WrofError, match="got a Flow"):
        files.save(impostor, tmp_path / "a.npz")
    assert everything_in(tmp_path) == []


def test_load_takes_saved_results_only(tmp_path):
    with pytest.raises(WrofError, match="there is no file"):
        files.load(tmp_path / "a.npz")
    files.pack({"kind": "Sculpture", "data": {}}, tmp_path / "a.npz")
    with pytest.raises(WrofError, match="holds no StepResult and no Flow and no Phases"):
        files.load(tmp_path / "a.npz")
