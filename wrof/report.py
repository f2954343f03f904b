"""What the command line answers: results as numbers to read, as JSON, and as runs on disk with their pictures."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import files, plot, store
from .errors import WrofError
from .flow import ENERGIES, Flow
from .result import StepResult

LABELS = {
    "value": "J",
    "movement": "K",
    "discrepancy": "F",
    "dual": "lower bound",
    "moved": "mass moved",
    "statuses": "status",
}
COLUMNS = ("tau", "value", "movement", "discrepancy", "gap", "moved")  # of the table of a flow
FORMATS = {"gap": ".1e", "worst_gap": ".1e", "infeasibility": ".1e", "seconds": ".3g"}
MANY = 8  # of a longer list only the beginning is printed
ROWS = 24  # of a longer table the middle is left out
UNTOLD = ("format", "name", "run_id", "arrays", "versions", "git", "info", "certified")  # to JSON only
SAID = {"worst_gap": "gap", "statuses": "status"}  # what the second has already said
FIGURE, GIF = "figure.png", "flow.gif"

Report = dict[str, Any]


def one_step(result: StepResult) -> Flow:
    """Return the flow that consists of this step."""
    problem = result.problem
    return Flow([problem.source, result.rho], [result], problem.target, "max steps", problem.stops)


def of_step(result: StepResult) -> Report:
    """Return the numbers of a step."""
    names = ("tau", "value", "movement", "discrepancy", "moved", "dual", "gap", "infeasibility")
    numbers = {name: getattr(result, name) for name in names}
    return {**numbers, "status": result.status.value, **_certificate([result])}


def of_flow(walk: Flow) -> Report:
    """Return the numbers of a flow, the `energies` of every step first."""
    return {
        "energies": energies(walk.energies),
        "steps": len(walk.results),
        "stopped": walk.stopped,
        "regime": walk.regime,
        "settled_at": walk.settled_at,
        "worst_gap": max((result.gap for result in walk.results), default=0.0),
        "infeasibility": max((result.infeasibility for result in walk.results), default=0.0),
        "statuses": list(dict.fromkeys(result.status.value for result in walk.results)),
        **_certificate(walk.results),
    }


def _certificate(results: list[StepResult]) -> Report:
    told = {name: list(dict.fromkeys(getattr(result, name) for result in results)) for name in ("solver", "select")}
    return {
        "certified": all(result.status.ok for result in results),
        **{name: ", ".join(values) for name, values in told.items()},
    }


def energies(arrays: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the energies among the arrays of a run, a list each, if they are those of one flow."""
    found = {name: np.asarray(arrays[name]) for name in ENERGIES if name in arrays}
    steps = {array.shape for array in found.values()}
    return {name: array.tolist() for name, array in found.items()} if [len(s) for s in steps] == [1] else {}


# ---- on disk --------------------------------------------------------------------------------------------------------


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
    info = {name: value for name, value in report.items() if name != "energies"}
    info |= {
        "worst_gap": report.get("worst_gap", report.get("gap")),
        "statuses": report.get("statuses", [report.get("status")]),
    }
    return store.save_run(*place(out), params, arrays, info=info)


def find(path: Path) -> store.Run:
    """Load the run that is a folder, or the newest of a folder of runs."""
    folder = path.parent if path.is_file() else path
    if not (folder / store.MANIFEST).exists():
        whole = folder if folder.name not in ("", "..") else folder.resolve()
        folder = next(reversed(store.find_runs(whole.parent, whole.name)), folder)
    return store.load_run(folder)


def read(path: Path) -> tuple[Report, files.Arrays]:
    """Read a run, or what `wrof.save` wrote, as its report and arrays."""
    if path.is_file() and path.name not in (store.MANIFEST, store.ARRAYS):
        saved = files.load(path)
        walk = one_step(saved) if isinstance(saved, StepResult) else saved
        return (of_step(saved) if isinstance(saved, StepResult) else of_flow(saved)), walk.arrays()
    run = find(path)
    head = {"run": run.path.as_posix(), "created": None, "params": None, "energies": energies(run.arrays)}
    return {**head, **run.manifest["info"], **run.manifest, "energies": head["energies"]}, run.arrays


def illustrate(folder: Path, fps: int | None) -> None:
    """Draw a stored run into its folder: the figure, and with `fps` the animation."""
    arrays = store.load_run(folder).arrays
    draw(arrays, folder / FIGURE)
    if fps is not None:
        draw(arrays, folder / GIF, fps)


def draw(arrays: Mapping[str, Any], path: Path, fps: int = 8) -> None:
    """Draw the arrays of a flow to a file: a GIF is animated."""
    if path.suffix.lower() == ".gif":
        plot.flow_gif(arrays, path, fps=fps)
    else:
        single = np.size(arrays.get("value", ())) == 1
        plot.save(plot.triptych(arrays) if single else plot.flow_figure(arrays), path)


# ---- to read --------------------------------------------------------------------------------------------------------


def tell(report: Report, as_json: bool) -> None:
    """Print a report to stdout: one JSON object, or a line per number and a table of the steps."""
    if as_json:
        print(json.dumps(_finite(report), ensure_ascii=False, allow_nan=False))
        return
    for name, value in report.items():
        if name == "params":
            tell(value, False)
        elif name == "energies":
            if value and "value" not in report:  # a step has told its energies
                print(_table(value))
        elif name not in UNTOLD and SAID.get(name) not in report and value not in (None, [], ""):
            print(f"{LABELS.get(name, name.replace('_', ' ')):<15}{_text(name, value)}")


def _finite(value: Any) -> Any:
    """Write what JSON does not know, infinity and nan, as null."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:{FORMATS.get(name, '.12g')}}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(key, item)}" for key, item in value.items())
    if isinstance(value, list):
        items = [_text(name, item) for item in dict.fromkeys(map(str, value))]
        return ", ".join(items if len(items) <= MANY else [*items[:MANY], "..."])
    return str(value)


def _table(columns: Mapping[str, list[float]]) -> str:
    """Lay out the energies, a line per step; of many lines the middle is left out."""
    names = [name for name in COLUMNS if name in columns]
    lines = [["step", *(LABELS.get(name, name) for name in names)]]
    for k, row in enumerate(zip(*(columns[name] for name in names), strict=True), 1):
        lines.append([str(k), *(f"{value:{FORMATS.get(name, '.8g')}}" for name, value in zip(names, row, strict=True))])
    if len(lines) > ROWS:
        lines[ROWS // 2 : 1 - ROWS // 2] = [["..."] * len(lines[0])]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
