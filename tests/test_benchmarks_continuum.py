"""The benchmark of the continuum: its closed forms, its arithmetic, and that its contestants answer one question."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracles_transport as independent
import pytest
from scipy.integrate import quad

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def rooms(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def uneven(points):
    """Greatest difference between share and volume, over parts of the unit ball cut out by spheres and planes."""
    dim, r = points.shape[1], np.linalg.norm(points, axis=1)
    assert r.max() <= 1
    off = [abs((r <= cut).mean() - cut**dim) for cut in np.linspace(0.1, 1, 10)]
    ways = np.random.default_rng(0).normal(size=(50, dim))
    return max(off + [abs((points @ way <= 0).mean() - 0.5) for way in ways])


@pytest.mark.parametrize("dim", [2, 3])
def test_particles_have_equal_volume(rooms, dim):
    from _continuous import ball, dilation

    for start in (0.0, 0.5):
        points = ball(4000, dim, start)
        assert uneven(points) < 4e-3
        assert len(np.unique(np.round(points, 9), axis=0)) == 4000
    x, y = dilation(4000, dim)
    assert uneven(x) < 4e-3 and uneven(y / 2) < 4e-3 and np.linalg.norm(y, axis=1).max() > 1.9
    assert np.linalg.norm(x[:, None] - y[None, :500], axis=2).min() > 0
    assert uneven(points * np.linalg.norm(points, axis=1, keepdims=True)) > 0.1  # too many near the centre
    assert uneven(np.abs(points)) > 0.1
    with pytest.raises(AssertionError):
        uneven(2 * points)


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_the_dilation_has_this_value(rooms, dim):
    from _continuous import dilation_value

    for tau in (0.05, 0.3, 1.0):
        exact = quad(lambda r, tau=tau: dim * r ** (dim - 1) * independent.huber(r, tau), 0, 1, points=[tau])[0]
        assert dilation_value(dim, tau) == pytest.approx(exact, rel=1e-10)
    assert dilation_value(dim, 0.0) == pytest.approx(quad(lambda r: dim * r**dim, 0, 1)[0], rel=1e-12)


def test_the_value_on_a_line(rooms):
    """Against the transport program with the joint cost; masses that are 0, and a total that is not 1."""
    from _continuous import line_value

    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y, a, b = rng.random(15), rng.random(12) + 0.3, rng.random(15), rng.random(12)
        a[3] = b[5] = 0.0
        a *= 3 / a.sum()
        b *= 3 / b.sum()
        exact = independent.least_free(x, a, y, b, 0.2)
        assert line_value(x, a, y, b, 0.2) == pytest.approx(exact, rel=1e-10)
        assert line_value(x, a, y, b, 0.3) < exact - 1e-3


def test_the_nearest_stop(rooms):
    """Best of many, as dear as the joint cost says, and where both ends are one."""
    from _continuous import nearest

    rng = np.random.default_rng(0)
    x, y, tau = rng.random((20, 2)), rng.random((20, 2)), 0.3
    y[0] = x[0]

    def price(z):
        return np.sum((x - z) ** 2, axis=1) / (2 * tau) + np.linalg.norm(z - y, axis=1)

    best = nearest(tau, x, y)
    expected = independent.huber(np.linalg.norm(x - y, axis=1), tau)
    np.testing.assert_allclose(price(best), expected, rtol=0, atol=1e-12)
    for _ in range(200):
        assert np.all(price(best + rng.normal(0, 0.1, x.shape)) > price(best) - 1e-12)


def test_summary_of_turns(rooms):
    from continuum import summary

    def turn(seconds, **also):
        return {"seconds": seconds, "cpu": 2 * seconds, "bytes": 5, **also}

    first = [turn(s, gap=g) for s, g in ((1.0, 1e-16), (2.0, -3e-16), (4.0, 0.0))]
    alone = summary(first, first)
    assert alone["seconds"] == 2.0 and alone["cpu"] == 4.0 and alone["gap"] == -3e-16 and "ratio" not in alone
    other = summary([turn(s, solve=s / 2) for s in (10.0, 10.0, 10.0)], first)
    assert other["ratio"] == 5.0 and other["ratio of the solver alone"] == 2.5  # of 10, 5, 2.5


def test_what_does_not_fit_into_memory_is_not_run(rooms, monkeypatch):
    import continuum

    monkeypatch.setattr(continuum, "free_bytes", lambda: 1e6)
    monkeypatch.setattr(continuum, "alone", lambda task, size: {"seconds": 1.0, "cpu": 1.0, "bytes": 0, "gap": 0.0})
    job = next(each for each in continuum.JOBS if len(each.whos) == 2)
    ours, pot = continuum.run(job, 10_000, 1, 0)
    assert ours["seconds"] == 1.0 and pot["failed"] == "needs about 4.1 GB"
    assert "| needs about 4.1 GB |" in continuum.table([ours, pot])


@pytest.mark.slow
def test_all_contestants_find_the_same_optimum(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "continuum.py"), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "continuum.json").read_text())
    rows, duels = data["rows"], data["barycenters"]
    steps = [row for row in rows if "value" in row]
    assert len(steps) == 9 and len(rows) == 13
    for row in steps:
        assert abs(row["gap"]) <= 1e-9
        assert abs(row["off"]) <= (1e-7 if "line" in row["what"] else 0.02)
        same = [each["value"] for each in steps if each["what"] == row["what"]]
        assert same == pytest.approx([row["value"]] * len(same), rel=1e-9)
    transforms = [row for row in rows if "c-transform" in row["what"]]
    assert len(transforms) == 4 and all(row["off"] <= 1e-12 for row in transforms)
    assert transforms[-1]["scaled"] == pytest.approx(16 * transforms[-1]["seconds"])
    peers = [row for row in duels if row["who"] != "ours"]
    assert len(peers) == 4 and min(row["least"] for row in peers) >= -1e-12
    assert max(row["excess"] for row in peers) > 1e-3
    text = (tmp_path / "continuum.md").read_text()
    assert text.count("\n| ") == len(rows) + len(duels) + 4
