"""Results as plain numbers and sentences: what is printed, and what a manifest says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..flow import ENERGIES, Flow
from ..measure import Measure
from ..phases import HopGraph, Phases, Prediction, Threshold
from ..result import Status, StepResult

Report: TypeAlias = dict[str, Any]
Intervals: TypeAlias = list[tuple[float, float]]

ENDS = {"frozen": "stays at mu", "target": "reaches nu", "steady": "rests where it is neither"}


def one_step(result: StepResult) -> Flow:
    """Return the flow that consists of this step."""
    problem = result.problem
    return Flow([problem.source, result.rho], [result], problem.target, "max steps", problem.stops)


def of_step(result: StepResult) -> Report:
    """Return the numbers of a step."""
    names = ("tau", "value", "movement", "discrepancy", "moved", "dual", "gap", "infeasibility")
    numbers = {name: getattr(result, name) for name in names}
    return {**numbers, "status": result.status.value, **_certificate([result])}


def of_ties(result: StepResult) -> Report:
    """Return the tie report of a certified step."""
    ties = result.ties
    return {
        "unique": ties.unique,
        "movement_range": list(ties.movement_range),
        "tie_margin": ties.tie_margin,
        "ties": str(ties),
    }


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
    flow = [len(s) for s in steps] == [1] and "tau_lo" not in arrays
    return {name: array.tolist() for name, array in found.items()} if flow else {}


# ---- sweeps ----


def of_sweep(arrays: Mapping[str, Any]) -> Report:
    """Return the numbers of a sweep from its arrays: `taus`, a list per column of its table, first."""
    regimes, states = arrays["regime"].tolist(), arrays["status"].tolist()
    told: Report = {"taus": sweep_columns(arrays)}
    found = {word: regimes.count(word) for word in ("frozen", "steady", "target", "running") if word in regimes}
    told["regimes"] = found
    told["statuses"] = list(dict.fromkeys(states))
    told["worst_gap"] = max((gap for gap in told["taus"]["worst_gap"] if not math.isnan(gap)), default=None)
    told["certified"] = states.count("ok") == len(states)
    errors = zip(arrays["tau"].tolist(), arrays["error"].tolist(), strict=True)
    told["errors"] = {f"tau = {tau!r}": error for tau, error in errors if error}
    if "critical" in arrays:
        told["critical_taus"] = arrays["critical"].tolist()
    return told


def sweep_columns(arrays: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the columns of the table of a sweep, named as in `Sweep.table`; nan where there is no flow."""
    gap = arrays["gap"]
    worst = [float(np.max(row)) for row in gap] if gap.shape[1] else [math.nan] * len(gap)
    return {
        "tau": arrays["tau"].tolist(),
        "regime": arrays["regime"].tolist(),
        "settled_at": [None if k < 0 else k for k in arrays["settled_at"].tolist()],
        "stopped": arrays["stopped"].tolist(),
        "taken": arrays["taken"].tolist(),
        "first_movement": arrays["movement"][:, 0].tolist(),
        "first_discrepancy": arrays["discrepancy"][:, 0].tolist(),
        "last_discrepancy": arrays["discrepancy"][:, -1].tolist(),
        "worst_gap": worst,
        "status": arrays["status"].tolist(),
    }


# ---- phases ----


def of_phases(ends: Sequence[Any], found: Phases | None) -> Report:
    """Return the thresholds of mu and of nu, and the phases; for alpha = 1 + tau intervals, and `found` is None."""
    told: Report = {}
    frozen, target = ends
    if found is not None:
        told["phases"] = phase_columns(found.arrays())
    if found is None:
        told["frozen_for"], told["target_for"] = _intervals(frozen), _intervals(target)
    else:
        told["frozen_below"] = _threshold(frozen, "every tau: nothing ever moves", "mu has mass off the stops")
        told["target_above"] = _threshold(target, "no tau: nu has mass off the stops", "mu = nu")
    told["statuses"] = [Status.OPTIMAL.value]  # else there would be no answer
    if found is not None:
        told["count"] = len(found)
        told["critical_taus"] = found.critical_taus.tolist()
        told["complete"] = found.complete
        told["solves"], told["worst_gap"] = found.solves, found.worst_gap
    return told


def phase_columns(arrays: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the columns of the table of phases; `proven` is about the end `tau_hi`, and left out if all are."""
    columns = {name: arrays[name].tolist() for name in ("tau_lo", "tau_hi", "movement", "discrepancy")}
    proven = arrays["resolved"].tolist()
    return columns if all(proven) else {**columns, "proven": [*proven, None]}


def _threshold(value: Threshold | None, never: str, zero: str) -> Report:
    if value is None:
        return {"tau": None, "says": never}
    told = {"tau": float(value), "lazy": value.lazy, "eager": value.eager}
    if not value:
        return {**told, "says": f"0: {zero}"}
    lazily, eagerly = ("yes" if holds else "no" for holds in (value.lazy, value.eager))
    return {**told, "says": f"{float(value):.12g} (at it: lazily {lazily}, eagerly {eagerly})"}


def _intervals(intervals: Intervals) -> Report:
    words = []
    for low, high in intervals:
        start = f"from {low:.9g} " if low > 0 else ""
        words.append(start + (f"up to {high:.9g}" if math.isfinite(high) else "on"))
    said = "tau " + ", and ".join(words) if words else "no tau"
    every = intervals == [(0.0, math.inf)]
    return {"intervals": [list(pair) for pair in intervals], "says": "every tau" if every else said}


def phase_arrays(
    mu: Measure, nu: Measure, options: Report, ends: Sequence[Any], found: Phases | None
) -> dict[str, Any]:
    """Return the arrays of phases; for alpha = 1 + tau those of the intervals, (k, 2) each."""
    if found is not None:
        return found.arrays()
    named = {f"{name}_for": np.reshape(end, (-1, 2)) for name, end in zip(("frozen", "target"), ends, strict=True)}
    measures = {"source": mu.weights, "source_points": mu.points, "target": nu.weights, "target_points": nu.points}
    return {**named, **measures, "p": np.array(options["p"]), "alpha": np.array(options["alpha"])}


def of_tau(prediction: Prediction | str, graph: HopGraph | str) -> Report:
    """Return what geometry says of one step size: the prediction and the 2 tau-graph, or why there is none."""
    return {"prediction": _prediction(prediction), "graph": _graph(graph)}


def _prediction(found: Prediction | str) -> Report:
    if isinstance(found, str):
        return {"says": found}
    told = {"regimes": sorted(found.regimes), "settled_at": found.settled_at, "settled_by": found.settled_by}
    told["theorems"] = list(found.theorems)
    if not found.theorems:
        return {**told, "says": "no theorem says how the flow ends"}
    words = [said for word, said in ENDS.items() if word in found.regimes]
    said = "every regime is possible" if len(words) == len(ENDS) else "the flow " + " or ".join(words)
    if found.settled_at is not None:
        said += f"; it settles at step {found.settled_at}"
    elif found.settled_by is not None:
        said += f"; it settles at step {found.settled_by} or before"
    return {**told, "says": said}


def _graph(found: HopGraph | str) -> Report:
    if isinstance(found, str):
        return {"says": found}
    mass = float(found.source_mass.sum())
    locked = found.locked if found.locked > 1e-12 * mass else 0.0
    parts = f"{found.count} {'component' if found.count == 1 else 'components'} of {len(found.component)} stops"
    said = f"of the mass, {locked / mass:.6g} is locked in and can never arrive" if locked else "no mass is locked in"
    return {"components": found.count, "locked": locked, "says": f"{parts}; {said}"}
