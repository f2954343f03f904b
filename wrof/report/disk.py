"""Runs on disk: where they go, which one is meant, and what they say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import files, store
from ..errors import WrofError
from ..flow import Flow
from ..phases import Phases
from ..result import StepResult
from ..sweep import load_sweep
from ..sweep.folder import HEADER, taus_in
from .figures import FIGURES
from .numbers import Report, energies, of_flow, of_step, of_sweep, one_step, phase_columns

COLUMNS = ("energies", "taus", "phases")  # of a report that are among the arrays


class Stored(NamedTuple):
    """What is at a path, the folder of a run or a saved file: its arrays, and what they say."""

    arrays: files.Arrays
    report: Report
    path: Path

    def picture(self, name: str) -> Path:
        """Return where a figure goes: into the folder, or beside the file."""
        file = FIGURES[name].file if name in FIGURES else name
        return self.path / file if self.path.is_dir() else self.path.with_name(f"{self.path.stem}_{file}")


# ---- to disk --------------------------------------------------------------------------------------------------------


def place(out: str | Path) -> tuple[Path, str]:
    """Return root and name of the runs below a folder, for `store`; refuse what cannot be such a folder."""
    folder = Path(out)
    if folder.name in ("", ".."):
        folder = folder.resolve()
    store.find_runs(folder.parent, folder.name)
    nearest = next((path for path in (folder, *folder.parents) if os.path.exists(path)), Path())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise WrofError(f"cannot write to '{out}': '{nearest}' is not a folder one can write to.")
    return folder.parent, folder.name


def keep(out: str, params: Mapping[str, Any], arrays: Mapping[str, Any], report: Report) -> Path:
    """Store a run below the folder `out` and return its own folder."""
    return store.save_run(*place(out), params, arrays, info=_info(report))


def _info(report: Report) -> Report:
    info = {name: value for name, value in report.items() if name not in COLUMNS}
    return info | {
        "worst_gap": report.get("worst_gap", report.get("gap")),
        "statuses": report.get("statuses", [report.get("status")]),
    }


def sweep_folder(out: str, params: Mapping[str, Any]) -> Path:
    """Return the folder of a sweep below the folder `out`: the parameters leave out the step sizes."""
    root, name = place(out)
    return root / name / store.run_id(params)


def keep_sweep(folder: Path, params: Mapping[str, Any], arrays: files.Arrays, seconds: float) -> Path:
    """Make a run of the folder of a sweep, unless it is one with these arrays; pictures of others are removed."""
    with suppress(WrofError):
        known = store.load_run(folder).arrays
        if known.keys() == arrays.keys() and all(same(known[name], array) for name, array in arrays.items()):
            return folder
    told = {name: value for name, value in of_sweep(arrays).items() if name not in ("errors", "critical_taus")}
    info = _info({**told, "seconds": seconds, "step_sizes": len(arrays["tau"])})
    drawn = [picture.file for picture in FIGURES.values()]
    return store.write_run(folder, params, arrays, info=info, drawn=drawn)


def same(stored: Any, fresh: Any) -> bool:
    """Whether two arrays hold the same; nan is nan."""
    if stored.shape != fresh.shape or stored.dtype.kind != fresh.dtype.kind:
        return False
    return bool(np.all((stored == fresh) | ((stored != stored) & (fresh != fresh))))


# ---- from disk ------------------------------------------------------------------------------------------------------


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep, finished or not."""
    return (folder / HEADER).is_file()


def own_folder(path: Path) -> Path | None:
    """Return the folder of the run or sweep that a path is in or names; None if it is another file."""
    if not path.is_file():
        return path
    return path.parent if path.name in (store.MANIFEST, store.ARRAYS) or is_sweep(path.parent) else None


def find(folder: Path) -> Path:
    """Return the folder if it is a run or a sweep, else the newest of those in it; itself if there is none."""
    if is_sweep(folder) or (folder / store.MANIFEST).exists():
        return folder
    whole = folder if folder.name not in ("", "..") else folder.resolve()
    found = [(str(store.load_manifest(path)["created"]), path) for path in store.find_runs(whole.parent, whole.name)]
    for header in whole.glob(f"*/{HEADER}"):
        if not (header.parent / store.MANIFEST).exists():
            made = datetime.fromtimestamp(header.stat().st_mtime, UTC)
            found.append((made.strftime(store.DATE), header.parent))
    return max(found)[1] if found else folder


def read(path: Path) -> Stored:
    """Read a run, a sweep, or what `wrof.save` wrote."""
    folder = own_folder(path)
    if folder is None:
        return _saved(path)
    folder = find(folder)
    return read_sweep(folder) if is_sweep(folder) else _run(store.load_run(folder))


def read_sweep(folder: Path) -> Stored:
    """Read a sweep: its arrays if they are up to date, else all that is there."""
    run = None
    if (folder / store.MANIFEST).exists():
        with suppress(WrofError):
            run = store.load_run(folder)
    if run is not None and run.arrays["tau"].tolist() == taus_in(folder):
        return _run(run)
    found = load_sweep(folder)
    arrays = found.arrays() | known_critical(folder)
    lost = found.status.count("missing")
    state = f"{lost} of {len(found)} step sizes are missing" if lost else "its arrays are not up to date"
    head = {"run": folder.as_posix(), "unfinished": f"{state}; the same command resumes"}
    return Stored(arrays, {**head, "params": found.question.settings, **of_sweep(arrays)}, folder)


def known_critical(folder: Path) -> files.Arrays:
    """Return the critical tau that are stored in the folder of a sweep: they do not depend on its step sizes."""
    if not (folder / store.ARRAYS).exists():
        return {}
    with suppress(WrofError):
        arrays, _ = files.read_npz(folder / store.ARRAYS)
        return {name: array for name, array in arrays.items() if name == "critical"}
    return {}


def _run(run: store.Run) -> Stored:
    arrays = run.arrays
    columns: Report = {"energies": energies(arrays)}
    if "distance" in arrays and "settled_at" in arrays:
        columns |= {name: value for name, value in of_sweep(arrays).items() if name in ("taus", "errors")}
    if "tau_lo" in arrays:
        columns["phases"] = phase_columns(arrays)
    head = {"run": run.path.as_posix(), "created": None, "params": None, **columns}
    return Stored(arrays, {**head, **run.manifest["info"], **run.manifest, **columns}, run.path)


def _saved(path: Path) -> Stored:
    saved = files.load(path)
    if isinstance(saved, Phases):
        arrays = saved.arrays()
        told = {"phases": phase_columns(arrays), "critical_taus": saved.critical_taus.tolist(), "count": len(saved)}
        return Stored(arrays, told, path)
    walk: Flow = one_step(saved) if isinstance(saved, StepResult) else saved
    return Stored(walk.arrays(), of_step(saved) if isinstance(saved, StepResult) else of_flow(saved), path)
