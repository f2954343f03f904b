"""Many flows at once, by joblib: how many workers, what one does, and what happens when one dies."""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import SolverError, WrofError, WrofWarning
from ..measure import Grid, PointCloud
from ..problem import StepProblem
from ..result import StepResult
from ..solvers import choose, follows
from ..solvers.simplex import SOLVE_BYTES, free_bytes
from . import folder as disk
from .question import Entry, Question

TRIES = 3  # a step size whose workers died as often as this on a cluster is given up
DIED = "its worker died{}: killed, perhaps for want of memory; run the sweep again with fewer jobs."


def work(question: Question, tau: float, folder: Path | None, run: str = "") -> Entry:
    """Compute one flow and write its file; whatever fails is the answer, not an exception.

    A scheduler that starts lost tasks again names the `run`: then the attempts are counted.
    """
    if folder is None:
        return _compute(question, tau)
    found = disk.look(folder, question.fingerprint, tau)
    if found.status == "ok":  # another process has been here meanwhile
        return found
    try:
        if run and disk.begin(folder, tau, run) > TRIES:
            entry = Entry(tau, "failed", DIED.format(f" {TRIES} times"))
        else:
            entry = _compute(question, tau)
        disk.write(folder, question.fingerprint, entry)
        if run:
            disk.end(folder, tau, run)
    except Exception as err:  # no room on the disk, for one
        return _record(question, folder, Entry(tau, "failed", _sentence(err)))
    return replace(entry, flow=None)


_latest: dict[str, StepResult] = {}  # by question: the first step of the last flow of this process


def _compute(question: Question, tau: float) -> Entry:
    """Compute one flow, its first step from that of the step size before."""
    start = time.perf_counter()
    try:
        flow = question.flow(tau, _latest.get(question.fingerprint))
    except Exception as err:
        return Entry(tau, "failed", _sentence(err), time.perf_counter() - start)
    _latest.clear()
    if follows(flow.results[0]):
        _latest[question.fingerprint] = flow.results[0]
    return Entry(tau, "ok", "", time.perf_counter() - start, flow)


def _sentence(err: Exception) -> str:
    known = isinstance(err, WrofError | SolverError)
    return str(err) if known else f"{type(err).__name__}: {str(err) or 'no further word'}"


def _record(question: Question, folder: Path | None, entry: Entry) -> Entry:
    """Write the file of an entry, if that is possible."""
    if folder is not None:
        with suppress(Exception):
            disk.write(folder, question.fingerprint, entry)
    return entry


# ---- how many ----


def workers(question: Question, taus: list[float], jobs: int, memory: float | None) -> int | None:
    """Return joblib's n_jobs: as many as asked for and as fit into memory; None lets a cluster decide.

    joblib's own context is asked where jobs = 1; outside of one that means this process.
    """
    import joblib

    wanted = None if jobs == 1 else jobs
    if _cluster():
        return wanted
    count = min(int(joblib.effective_n_jobs(wanted)), len(taus))
    if count <= 1:
        return 1
    need, pairs = _bytes_of_a_flow(question, taus[0])
    room = free_bytes() if memory is None else memory
    fits = count if need * count <= room else max(1, int(room // need))
    if fits < count:
        warnings.warn(
            f"{fits} instead of {count} jobs at a time: the dense joint cost of {pairs} takes a job about "
            f"{need / 1e9:.2g} GB, and {room / 1e9:.2g} GB may be used; see memory.",
            WrofWarning,
            stacklevel=4,
        )
    return fits


def _cluster() -> bool:
    """Whether joblib's context names a backend that is not joblib's own, like dask: it knows its machines."""
    from joblib.parallel import get_active_backend

    return type(get_active_backend()[0]).__module__ != "joblib._parallel_backends"


def _bytes_of_a_flow(question: Question, tau: float) -> tuple[float, str]:
    """Memory that the greatest step is expected to take, 0 unless it is dense; and how many pairs it has."""
    source, target, stops, settings = question.source, question.target, question.stops, question.settings
    problem = StepProblem.build(source, target, tau, alpha=settings["alpha"], p=settings["p"], stops=stops)
    n, m, k = len(problem.a), len(problem.b), problem.stop_count
    # a step leaves at most n + m - 1 atoms, or one per stop; where mass may rest anywhere they hardly grow further
    n = max(n, min(k, n + (settings["steps"] - 1) * (m - 1))) if k else n + m - 1
    dense = choose(problem, settings["solver"])[0] == "simplex"
    lattice = isinstance(stops, Grid) and source.space == target.space == stops
    extra = 8.0 * k * m if isinstance(stops, PointCloud) or (k and not lattice) else 0.0
    return (float(SOLVE_BYTES) * n * m + extra if dense else 0.0), f"{n} x {m} pairs"


# ---- all of them ----


def run(question: Question, taus: list[float], folder: Path | None, n_jobs: int | None) -> Iterator[Entry]:
    """Yield the entries as they are done.

    When a worker process of joblib's pool dies, the pool is lost. Then those that can have been at work, the first
    2 * n_jobs that are left, are computed again one at a time, each alone in a fresh pool, so that one that kills its
    worker again is found out and recorded as failed; the rest goes on in parallel. On a cluster the scheduler starts
    lost tasks again; with a folder, those that kill their workers again and again are recorded as failed.
    """
    token = secrets.token_hex(4) if folder is not None and _cluster() else ""
    left = dict.fromkeys(taus)
    while left:
        try:
            for entry in _pool(question, list(left), folder, n_jobs, token):
                del left[entry.tau]
                yield entry
        except BrokenExecutor:
            for tau in list(left)[: 2 * (n_jobs or 1)]:
                del left[tau]
                yield _alone(question, tau, folder)


def _pool(
    question: Question, taus: list[float], folder: Path | None, n_jobs: int | None, token: str = ""
) -> Iterator[Entry]:
    import joblib

    # one at a time: of what is sent out in bundles, all is lost with one worker
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    outputs: Any = parallel(joblib.delayed(work)(question, tau, folder, token) for tau in taus)
    try:
        yield from outputs
    finally:
        with warnings.catch_warnings():  # that tasks are cancelled is what an interruption is for
            warnings.simplefilter("ignore", UserWarning)
            outputs.close()


def _alone(question: Question, tau: float, folder: Path | None) -> Entry:
    try:
        [entry] = _pool(question, [tau], folder, n_jobs=2)  # with one, joblib would compute it in this process
    except BrokenExecutor:
        entry = _record(question, folder, Entry(tau, "failed", DIED.format(", and again when it was alone")))
    return entry
