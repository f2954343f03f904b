"""The commands sweep and phases: many step sizes, sampled and exact."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SolverError, WrofError
from .single import answer, ask
from .speech import bar_wanted, say, spoken

if TYPE_CHECKING:
    from ..readers import Question
    from ..sweep import Sweep

MOST_CRITICAL = 400  # phases that --critical looks for


# ---- sweep ----------------------------------------------------------------------------------------------------------


def sweep(args: argparse.Namespace) -> int:
    """Compute a flow per step size; with --out keep them, and summarise them when none is missing."""
    from .. import readers, report

    question = ask(args, readers.read_sweep)
    folder = None if args.out is None else report.sweep_folder(args.out, question.params)
    start = time.perf_counter()
    with _interruptible(folder, question.tau):
        mine, whole = _flows(question, folder, bar_wanted(args.quiet))
        arrays, failure = mine.arrays(), None
        if "missing" not in whole.status:
            critical, failure = _critical(question, folder, args.quiet)
            arrays |= critical
        told: dict[str, Any] = report.of_sweep(arrays) | {"seconds": time.perf_counter() - start}
        told["run"] = None if folder is None else folder.as_posix()
        report.tell(told | ({"params": question.params} if args.json else {"errors": {}}), args.json)
        sys.stdout.flush()
        if folder is not None and not _left(folder, whole, args.quiet):
            every = arrays if mine is whole else whole.arrays() | critical
            report.keep_sweep(folder, question.params, every, sum(entry.seconds for entry in whole.entries))
            report.illustrate(folder, again=False)
    failures = [f"{tau}: {error}" for tau, error in told["errors"].items()] + ([] if failure is None else [failure])
    for failure in failures:
        say(f"wrof: failed: {spoken(failure)}")
    return 1 if failures or not told["certified"] else 0


def _flows(question: Question, folder: Path | None, progress: bool) -> tuple[Sweep, Sweep]:
    """Compute what is left; return this command's share, and all that the folder has been asked for."""
    from ..sweep import Sweep, load_sweep, sweep
    from ..sweep.folder import taus_in

    how = {name: question.how[name] for name in ("jobs", "task", "memory")}
    source, target, options = question.source, question.target, question.options
    done = sweep(source, target, question.tau, question.steps, out=folder, progress=progress, **how, **options)
    i, n = question.how["task"] or (1, 1)
    mine = done if n == 1 else Sweep(done.question, done.entries[i - 1 :: n], done.folder)
    return mine, done if folder is None or taus_in(folder) == done.taus else load_sweep(folder)


def _critical(question: Question, folder: Path | None, quiet: bool) -> tuple[dict[str, Any], str | None]:
    """Return the critical tau, if they are asked for or known, and what went wrong."""
    from ..phases import phases
    from ..report import known_critical

    known = {} if folder is None else known_critical(folder)
    if known or not question.how["critical"]:
        return known, None
    options = {name: question.options[name] for name in ("alpha", "p", "stops", "solver")}
    try:
        bar = bar_wanted(quiet)
        found = phases(question.source, question.target, max_phases=MOST_CRITICAL, progress=bar, **options)
    except (SolverError, WrofError) as err:
        return {}, f"no critical tau: {err}"
    return {"critical": found.critical_taus}, None


def _left(folder: Path, whole: Sweep, quiet: bool) -> int:
    """Count the step sizes that are missing, and say who writes the summary."""
    missing = whole.status.count("missing")
    if missing and not quiet:
        say(
            f"note: '{folder}' still lacks {missing} of {len(whole)} step sizes; the command that computes the last of "
            "them writes arrays.npz, manifest.json and the figures."
        )
    return missing


@contextmanager
def _interruptible(folder: Path | None, taus: list[float]) -> Iterator[None]:
    """Say what an interruption leaves behind."""
    try:
        yield
    except KeyboardInterrupt:
        if folder is None:
            raise KeyboardInterrupt("nothing was written; with --out what is finished is kept") from None
        kept = sum((folder / f"tau-{tau!r}.npz").exists() for tau in set(taus))
        said = f"{kept} of {len(set(taus))} flows are kept in '{folder}'; the same command resumes"
        raise KeyboardInterrupt(said) from None


# ---- phases ---------------------------------------------------------------------------------------------------------


def phases(args: argparse.Namespace) -> int:
    """Find the thresholds and the phases; at a step size also what geometry says."""
    from .. import readers, report
    from ..phases import frozen_below, phases, target_above

    question = ask(args, readers.read_phases)
    mu, nu, options = question.source, question.target, question.options
    solver, limits = question.how["solver"], {name: question.how[name] for name in ("tol", "max_phases")}
    start = time.perf_counter()
    there, graph = ({}, {}) if question.tau is None else _geometry(question)
    ends = [find(mu, nu, solver=solver, **options) for find in (frozen_below, target_above)]
    found = None
    if not isinstance(options["alpha"], str):
        found = phases(mu, nu, solver=solver, progress=bar_wanted(args.quiet), **limits, **options)
    told = report.of_phases(ends, found) | there | {"seconds": time.perf_counter() - start}
    return answer(args, question, report.phase_arrays(mu, nu, options, ends, found) | graph, told, None)


def _geometry(question: Question) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the prediction and the 2 tau-graph at a step size, or why there are none; and the arrays of the graph."""
    from .. import report
    from ..phases import hop_graph, predict

    found: list[Any] = []
    for look in (predict, hop_graph):
        try:
            found.append(look(question.source, question.target, question.tau, **question.options))
        except WrofError as err:
            found.append(spoken(str(err)).rstrip("."))
    arrays = {} if isinstance(found[1], str) else found[1].arrays()
    return {"tau": question.tau, **report.of_tau(*found)}, arrays
