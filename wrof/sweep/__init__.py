"""Many step sizes: one flow each, in parallel, resumable, one file per step size."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import WrofError
from ..flow import iter_flow
from ..measure import Measure, measures, positive_number
from ..problem import resolve_stops
from . import folder as disk
from . import pool
from .question import Entry, Question
from .result import Sweep

__all__ = ["Sweep", "load_sweep", "sweep"]

OPTIONS = ("alpha", "p", "stops", "solver", "select", "rtol", "max_iter", "jobs", "out", "task", "memory", "progress")


def sweep(
    mu: Any,
    nu: Any,
    taus: Sequence[float],
    steps: int,
    *,
    jobs: int = 1,
    out: files.AnyPath | None = None,
    task: tuple[int, int] | None = None,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    select: str = "lazy",
    rtol: float = 1e-9,
    max_iter: int | None = None,
    memory: float | None = None,
    progress: bool = False,
    **where: Any,
) -> Sweep:
    """Compute one `flow` per step size tau: rho_0 = mu, rho_{k+1} in argmin K(rho_k, .) / 2 tau + F(., nu).

    With `out` each flow gets a file of its own, whole or absent. The same call resumes: what is there is not computed
    again, what failed is. A flow that fails, or whose worker dies, is recorded and does not stop the rest.

    Parameters
    ----------
    mu, nu : as in `step`.
    taus : floats > 0; sorted, and each taken once.
    steps : int >= 1, most steps of each flow.
    jobs : worker processes, -1 for one per core. With 1 all is done in this process, unless a context
        `joblib.parallel_config(...)` says otherwise; `joblib.parallel_config(backend="dask")` uses a dask cluster (its
        workers must see the folder `out`).
    out : folder for the flows, made if missing; it belongs to this problem and these options, step sizes can be added.
        Default: they are kept in memory.
    task : (i, n), 1 <= i <= n, takes every n-th step size from the i-th on, for job arrays; needs `out`.
    alpha, p, stops, solver, select, rtol, max_iter : as in `flow`.
    memory : bytes that the workers may use together (default: what is free now); fewer are started if need be. Not for
        clusters.
    progress : show a bar on stderr.
    **where : grid=, points=, source_points=, target_points=, normalize=, as in `step`.

    Returns
    -------
    Sweep

    Raises
    ------
    WrofError
        For bad input, before anything is computed, and if `out` belongs to another sweep. What goes wrong later is in
        the `errors` of the sweep.

    Notes
    -----
    On interruption what is finished stays on disk. Several processes may work in one folder. If a worker process is
    killed, those that can have been at work are computed again one at a time, and recorded as failed if they die again.
    On a cluster that is the scheduler's business; a step size whose workers died three times is recorded as failed, but
    only with `out`: without it joblib's dask backend waits for ever for one that is given up.

    Examples
    --------
    >>> import wrof
    >>> done = wrof.sweep(taus=[0.4, 0.75, 1.2], steps=9, **wrof.toys.three_point(1.0, 2.0))
    >>> [row["regime"] for row in done.table()]
    ['frozen', 'steady', 'target']
    """
    source, target = measures(mu, nu, ("taus", "steps", *OPTIONS), **where)
    options = {"alpha": alpha, "p": p, "solver": solver, "select": select, "rtol": rtol, "max_iter": max_iter}
    sizes = _step_sizes(taus)
    question = _question(source, target, sizes[0], stops, {"steps": steps, **options})
    jobs, memory = _jobs(jobs), None if memory is None else positive_number(memory, "memory")
    mine, folder = sizes[_share(task, out)], _folder(out)
    if folder is not None:
        disk.bind(folder, question, sizes)
    entries = _run(question, mine, folder, jobs, memory, progress)
    for tau in sizes:
        if tau not in entries:
            assert folder is not None
            entries[tau] = disk.look(folder, question.fingerprint, tau)
    return Sweep(question, tuple(entries[tau] for tau in sizes), folder)


def load_sweep(path: files.AnyPath) -> Sweep:
    """Read the sweep that is in a folder, finished or not.

    Parameters
    ----------
    path : the folder that was `out`.

    Returns
    -------
    Sweep over all step sizes that have been asked for there. Flows are read when they are used.

    Raises
    ------
    WrofError
        If there is no sweep in the folder, or it is damaged.
    """
    folder = _folder(path)
    assert folder is not None
    question = disk.read_question(folder)
    entries = tuple(disk.look(folder, question.fingerprint, tau) for tau in disk.taus_in(folder))
    return Sweep(question, entries, folder)


def _run(
    question: Question, taus: list[float], folder: Path | None, jobs: int, memory: float | None, progress: bool
) -> dict[float, Entry]:
    """Entries by step size: those that are in the folder, and the rest computed."""
    found = [] if folder is None else [disk.look(folder, question.fingerprint, tau) for tau in taus]
    entries = {entry.tau: entry for entry in found if entry.status == "ok"}
    left = [tau for tau in taus if tau not in entries]
    if not left:
        return entries
    from tqdm import tqdm

    outputs = pool.run(question, left, folder, pool.workers(question, left, jobs, memory))
    bar = tqdm(desc="sweep", total=len(taus), initial=len(entries), file=sys.stderr, disable=not progress)
    with bar, closing(outputs):  # type: ignore[type-var]
        for entry in outputs:
            entries[entry.tau] = _seen(folder, entry)
            bar.update()
    return entries


def _seen(folder: Path | None, entry: Entry) -> Entry:
    """Check that what a worker has written is to be seen from here."""
    if folder is None or entry.status != "ok" or disk.place(folder, entry.tau).exists():
        return entry
    return replace(
        entry, status="missing", error=f"its worker wrote to another {str(folder)!r}; give a folder all can see."
    )


# ---- what is asked for ----


def _question(source: Measure, target: Measure, tau: float, stops: Any, settings: dict[str, Any]) -> Question:
    """Check everything that can be known before the first step."""
    steps = settings["steps"]
    if not _is_count(steps):
        raise WrofError(f"steps must be a whole number >= 1, got {steps!r}.")
    space = resolve_stops(source, target, stops)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        iter_flow(source, target, tau, stops=space, **settings)  # checks, and takes no step
    for warning in caught:
        warnings.warn(warning.message, stacklevel=3)
    alpha, limit = settings["alpha"], settings["max_iter"]
    plain = {
        "steps": int(steps),
        "alpha": "1+tau" if isinstance(alpha, str) else float(alpha),
        "p": float(settings["p"]),
        "rtol": float(settings["rtol"]),
        "max_iter": None if limit is None else int(limit),
    }
    return Question(source, target, space, {**settings, **plain})


def _step_sizes(taus: Any) -> list[float]:
    try:
        given = list(taus)
    except TypeError:
        raise WrofError(f"taus must be a sequence of step sizes, got {taus!r}.") from None
    if not given:
        raise WrofError("taus is empty; give at least one step size.")
    return sorted({positive_number(tau, f"taus[{k}]") for k, tau in enumerate(given)})


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def _jobs(jobs: Any) -> int:
    if not (_is_count(jobs) or (isinstance(jobs, int | np.integer) and jobs == -1)):
        raise WrofError(f"jobs must be a whole number >= 1, or -1 for one per core, got {jobs!r}.")
    return int(jobs)


def _share(task: Any, out: Any) -> slice:
    """Which of the step sizes are this task's."""
    if task is None:
        return slice(None)
    if not (isinstance(task, tuple | list) and len(task) == 2 and all(map(_is_count, task)) and task[0] <= task[1]):
        raise WrofError(f"task must be (i, n), whole numbers with 1 <= i <= n, got {task!r}.")
    if out is None:
        raise WrofError(f"task = {tuple(task)} leaves the other step sizes to other processes: give a folder as out.")
    return slice(int(task[0]) - 1, None, int(task[1]))


def _folder(out: Any) -> Path | None:
    """Return the folder as an absolute path: workers may stand elsewhere."""
    if out is None:
        return None
    try:
        path = Path(os.fspath(out)).absolute()
    except TypeError:
        raise WrofError(f"out must be a folder, got {out!r}.") from None
    if path.exists() and not path.is_dir():
        raise WrofError(f"{str(path)!r} is a file; give a folder as out.")
    return path
