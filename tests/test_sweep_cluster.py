"""A sweep on a dask cluster, on this machine: workers are killed in mid-sweep, and nothing is lost."""

import contextlib
import importlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import wrof
from wrof.sweep import pool
from wrof.sweep.question import Question

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kill is a POSIX matter"),
    pytest.mark.filterwarnings("ignore:tau = :wrof.WrofWarning"),
]

TAUS = np.linspace(0.05, 0.5, 24).tolist()
NUMBERS = ("value", "movement", "discrepancy")


def lattice() -> dict[str, Any]:
    rng, grid = np.random.default_rng(6), wrof.Grid((6, 6))
    mu, nu = (grid.measure(rng.random(36), normalize=True) for _ in range(2))
    return {"mu": mu, "nu": nu, "steps": 3, "select": "min_norm"}


def slow_question(fatal: float | None = None) -> type[Question]:
    """Questions whose flows take a while; at one step size they kill the worker."""

    class Slow(Question):  # local, so that it reaches the workers by value
        def flow(self, tau: float, init: Any = None) -> Any:
            time.sleep(0.15)
            if tau == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().flow(tau)

    return Slow


@contextlib.contextmanager
def cluster() -> Iterator[Any]:
    """Two worker processes on this machine."""
    quiet = {"silence_logs": 50, "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=2, processes=True, threads_per_worker=1, **quiet) as place,
        distributed.Client(place) as client,
        joblib.parallel_config(backend="dask"),
    ):
        yield client


def kill_one(client: Any, out: Path, after: int, found: list[int]) -> None:
    """Kill a worker as soon as there are `after` files, and note how many there were."""
    pids = sorted(client.run(os.getpid).values())
    late = time.monotonic() + 60
    while len(list(out.glob("tau-*.npz"))) < after and time.monotonic() < late:
        time.sleep(0.005)
    os.kill(pids[0], signal.SIGKILL)
    found.append(len(list(out.glob("tau-*.npz"))))


def assert_same(done: Any, serial: Any) -> None:
    """J, K, F at every step, and rho, which min_norm makes unique."""
    assert done.complete and done.taus == serial.taus
    for k in range(len(serial)):
        walk, alone = done.flow(k), serial.flow(k)
        assert len(walk.results) == len(alone.results) and walk.stopped == alone.stopped
        for name in NUMBERS:
            np.testing.assert_allclose(walk.energies[name], alone.energies[name], rtol=0, atol=1e-12)
        for rho, other in zip(walk.measures, alone.measures, strict=True):
            np.testing.assert_allclose(rho.weights, other.weights, rtol=0, atol=1e-9)


def test_a_worker_is_killed_in_mid_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = wrof.sweep(taus=TAUS, **lattice())
    monkeypatch.setattr(importlib.import_module("wrof.sweep"), "Question", slow_question())
    out, found = tmp_path / "out", []
    with cluster() as client:
        killer = threading.Thread(target=kill_one, args=(client, out, 4, found))
        killer.start()
        done = wrof.sweep(taus=TAUS, out=out, **lattice())
        killer.join()
    assert 4 <= found[0] < len(TAUS) - 2  # in mid-sweep
    assert_same(done, serial)
    assert all(report["ok"] for report in wrof.load_sweep(out).verify())
    with pytest.raises(AssertionError):
        assert_same(done, wrof.sweep(taus=TAUS, **{**lattice(), "p": 2.001}))


def test_flows_come_back_from_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder; a worker is killed while they are at it."""
    serial = wrof.sweep(taus=TAUS, **lattice())
    monkeypatch.setattr(importlib.import_module("wrof.sweep"), "Question", slow_question())
    with cluster() as client:
        pids = sorted(client.run(os.getpid).values())
        killer = threading.Timer(1.0, os.kill, (pids[0], signal.SIGKILL))  # all of it takes two at least
        killer.start()
        done = wrof.sweep(taus=TAUS, **lattice())
        killer.join()
        assert pids[0] not in client.run(os.getpid).values()
    assert done.folder is None
    assert_same(done, serial)


def test_a_step_size_that_kills_every_worker_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is computed."""
    taus = TAUS[::4]
    monkeypatch.setattr(importlib.import_module("wrof.sweep"), "Question", slow_question(fatal=taus[2]))
    with cluster():
        done = wrof.sweep(taus=taus, out=tmp_path, **lattice())
    assert done.status == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert done.errors == wrof.load_sweep(tmp_path).errors == {taus[2]: pool.DIED.format(" 3 times")}
