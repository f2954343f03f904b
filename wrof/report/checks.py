"""Whether what is stored is what it claims to be, found out without solving anything."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import files, store
from ..certify import certify
from ..errors import WrofError
from ..flow import Flow
from ..measure import FREE, Floats, Grid, Measure, PointCloud, Space, Stops
from ..phases import Phases
from ..result import Potentials, Status, StepResult
from ..sweep import Sweep, load_sweep
from ..sweep.question import Question
from ..sweep.recheck import SAME, recheck
from .disk import is_sweep, own_folder, same
from .numbers import one_step

PLAN = ("plan_source", "plan_target", "plan_stop", "plan_mass", *Potentials._fields)  # arrays of a step that is stored
RTOL = 1e-9  # of certificates that do not say what they were held to
NO_PLANS = "holds no plans that could be graded"


class Check(NamedTuple):
    """One thing that was looked at: where, whether it is right (None: there is nothing yet), and what was found."""

    item: str
    ok: bool | None
    says: str


def verify(path: Path, rtol: float = RTOL) -> Iterator[Check]:
    """Check what is stored at a path again: a sweep, a run, a folder of them, or what `wrof.save` wrote.

    Parameters
    ----------
    path : of a folder or file. rtol : relative gap that a saved step is held to; all else says what it was held to.

    Yields
    ------
    Check, one per step size of a sweep, one per run or saved step.

    Raises
    ------
    WrofError
        If there is nothing there that can be checked.
    """
    if not path.exists():
        raise WrofError(f"there is no file or folder '{path}'; check the path.")
    folder = own_folder(path)
    if folder is None:
        yield from _saved(path, rtol)
        return
    folders = [folder] if _known(folder) else _known_below(folder)
    if not folders:
        raise WrofError(f"'{path}' is no run, no sweep and no folder of them: there is nothing to verify.")
    for each in folders:
        yield from _sweep(each) if is_sweep(each) else _run(each)


def _known(folder: Path) -> bool:
    return is_sweep(folder) or (folder / store.MANIFEST).exists()


def _known_below(folder: Path) -> list[Path]:
    """Return the runs and sweeps at any depth below a folder; what is hidden is none."""
    seen = (path for path in sorted(folder.rglob("*/")) if not path.relative_to(folder).as_posix().startswith("."))
    return [path for path in seen if _known(path) and "/." not in path.relative_to(folder).as_posix()]


def _attempt(item: str, look: Callable[[], str]) -> Check:
    """Return what `look` says is right; what it raises is wrong."""
    try:
        return Check(item, True, look())
    except Exception as err:  # files of the right form can still hold anything
        return Check(item, False, str(err) if isinstance(err, WrofError) else f"it makes no sense ({err!r}).")


# ---- sweeps ---------------------------------------------------------------------------------------------------------


def _sweep(folder: Path) -> Iterator[Check]:
    """Check every flow, and that the arrays say what the flows do."""
    name = folder.as_posix()
    try:
        sweep = load_sweep(folder)
    except WrofError as err:
        yield Check(name, False, str(err))
        return
    for entry in sweep.entries:
        [row] = Sweep(sweep.question, (entry,), folder).verify()
        missing = entry.status == "missing" and not entry.error
        says = "not computed yet" if missing else entry.error or row["says"] or _steps(row["steps"])
        yield Check(f"{name} tau = {entry.tau!r}", None if missing else row["ok"], says)
    if (folder / store.MANIFEST).exists():
        yield _attempt(name, lambda: _summary(folder, sweep))


def _summary(folder: Path, sweep: Sweep) -> str:
    """Compare the arrays of a sweep with its flows, of those step sizes that the arrays are about."""
    arrays = store.load_run(folder).arrays
    about = set(arrays["tau"].tolist())
    part = Sweep(sweep.question, tuple(entry for entry in sweep.entries if entry.tau in about), folder)
    for key, fresh in part.arrays().items():
        if key not in arrays or not same(arrays[key], fresh):
            raise WrofError(f"{store.ARRAYS} holds another {key!r} than the flows; run the sweep again.")
    return f"{store.ARRAYS} says what the flows say"


def _steps(count: int) -> str:
    return f"{count} {'step' if count == 1 else 'steps'}, certified again"


# ---- single results -------------------------------------------------------------------------------------------------


def _saved(path: Path, rtol: float) -> Iterator[Check]:
    """Check every step of what `wrof.save` wrote."""
    name = path.as_posix()
    if _foreign(path):
        raise WrofError(f"'{path}' was not written by wrof.save: there is nothing to verify.")
    try:
        saved = files.load(path)
    except Exception as err:  # a file of the right form can still hold anything
        yield Check(name, False, str(err) if isinstance(err, WrofError) else f"it makes no sense ({err!r}).")
        return
    if isinstance(saved, Phases):
        yield Check(name, True, f"the file is whole; it {NO_PLANS}")
    elif isinstance(saved, StepResult):
        yield Check(name, *_step(saved, {}, rtol))
    else:
        yield from _flow(name, saved, rtol)


def _foreign(path: Path) -> bool:
    """Whether a file shows no sign of having been written by `wrof.save`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return files.STRUCTURE not in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        with path.open("rb") as stream:
            return stream.read(2) != b"PK"


def _flow(name: str, walk: Flow, rtol: float) -> Iterator[Check]:
    """Check every step, each on its own as its step size may be too, and what the flow says of its end."""
    for k, result in enumerate(walk.results, 1):
        yield Check(f"{name} step {k}", *_step(result, walk.settings, rtol))
    ends = {_end(result) for result in walk.results[-1:]}
    if walk.stopped not in ends | {"max steps"}:
        says = f"it says that it stopped at {walk.stopped!r}; its last step does not."
        yield Check(name, False, says)


def _step(result: StepResult, settings: Mapping[str, Any], rtol: float) -> tuple[bool, str]:
    """Grade a step anew: whether it is right, and what is wrong or what was done."""
    problem = result.problem
    own = {"alpha": problem.alpha, "p": problem.p, "select": result.select, "rtol": rtol, "steps": 1}
    asked = {**own, **{key: value for key, value in settings.items() if key in own}}
    question = Question(problem.source, problem.target, problem.stops, asked)
    row = recheck(question, result.tau, lambda: replace(one_step(result), stopped=_end(result)))
    says = str(row["says"]).removeprefix("step 1: ")
    return bool(row["ok"]), says or "certified again"


def _end(result: StepResult) -> str:
    """Return how a flow ends that ends with this step."""
    return "target" if result.arrived else "fixed point" if result.still else "max steps"


# ---- runs -----------------------------------------------------------------------------------------------------------


def _run(folder: Path) -> Iterator[Check]:
    """Check that a run is whole; if it is a step, grade its plan."""

    def look() -> str:
        run = store.load_run(folder)
        if not set(PLAN) <= run.arrays.keys():
            return f"its files are whole and belong together; it {NO_PLANS}"
        result = _stored_step(run)
        right, says = _step(result, {}, run.params["rtol"])
        if not right:
            raise WrofError(says)
        for name, slack in (("tau", 0.0), ("gap", 0.0), ("moved", SAME * result.problem.source.mass)):
            [stored], fresh = run.arrays[name], getattr(result, name)
            if not abs(stored - fresh) <= slack:
                raise WrofError(f"{name} is stored as {stored:.15g}; recomputed it is {fresh:.15g}.")
        return says

    yield _attempt(folder.as_posix(), look)


def _stored_step(run: store.Run) -> StepResult:
    """Return the step that a run of `wrof step` has stored, with the problem rebuilt from its measures."""
    arrays, params, info = run.arrays, run.params, run.manifest["info"]
    stops: Stops = _space(arrays["points"], arrays) if "points" in arrays else FREE
    source, target = (Measure(_space(arrays[f"{name}_points"], arrays), arrays[name]) for name in ("source", "target"))
    plan = tuple(arrays[name] for name in PLAN[:4])
    potentials = Potentials(*(arrays[name] for name in Potentials._fields))
    asked = {name: params[name] for name in ("alpha", "p", "rtol")}
    fresh = certify(source, target, params["tau"], plan, potentials, stops=stops, **asked)
    if isinstance(stops, Grid | PointCloud):
        rho = Measure.left_behind(stops, arrays["rho"][0])
    else:
        rho = Measure.left_behind(PointCloud(arrays["rho_points"]), arrays["rho_weights"])
    numbers: dict[str, Any] = {name: float(arrays[name][0]) for name in ("value", "dual", "movement", "discrepancy")}
    status = Status(run.manifest["statuses"][0])
    return replace(fresh, rho=rho, potentials=potentials, status=status, infeasibility=info["infeasibility"], **numbers)


def _space(points: Floats, arrays: Mapping[str, Any]) -> Space:
    """Return the space of stored points: the grid of the stops, if they are its points."""
    if "shape" in arrays:
        ends = arrays["points"]
        grid = Grid([int(k) for k in arrays["shape"]], bounds=np.stack([ends.min(axis=0), ends.max(axis=0)], axis=1))
        if np.array_equal(grid.points, points):
            return grid
    return PointCloud(points)
