"""A free step as a barycenter of two measures with costs |.|^2 / 2 tau and |.|: ours against POT's fixed point.

`ot.lp.free_support_barycenter_generic_costs` (Tanguy, Delon & Gozlan, 2024) iterates transport plans from a cloud to
both measures; it stops at a stationary point, which depends on where it starts.
"""

from __future__ import annotations

import statistics
import time
import warnings
from functools import partial
from typing import Any

import numpy as np
from _continuous import Floats, nearest, scattered
from scipy.spatial.distance import cdist

import wrof

Row = dict[str, Any]
TAU = 0.1
METHODS = {  # as POT calls them
    "true_fixed_point": "POT, fixed point",
    "L2_barycentric_proj": "POT, fixed point, projected plans",
}
STARTS = {"mu": ("source_points", "mu"), "nu": ("target_points", "nu")}
OURS = "ours"


def by_pot(question: dict[str, Floats], method: str, start: str) -> tuple[Floats, Floats]:
    """Points and masses of POT's answer, all of its settings as they come."""
    import ot

    x, y, a, b = (question[name] for name in ("source_points", "target_points", "mu", "nu"))
    places, masses = (question[name] for name in STARTS[start])
    costs = [lambda z, end: cdist(z, end, "sqeuclidean") / (2 * TAU), cdist]
    options: Any = {"clean_measure": True} if method == "true_fixed_point" else {}
    answer = ot.lp.free_support_barycenter_generic_costs(
        [x, y], [a, b], places, costs, lambda ends: nearest(TAU, *ends), a=masses, method=method, **options
    )
    return answer if method == "true_fixed_point" else (answer, masses)


def problem(n: int, seed: int) -> dict[str, Row]:
    """Seconds and J of every contestant on one problem."""
    question = scattered(n, seed)
    out: dict[str, Row] = {}
    calls: dict[str, Any] = {OURS: lambda: wrof.step(tau=TAU, stops=wrof.FREE, **question)}
    for method, name in METHODS.items():
        calls |= {f"{name}, from {start}": partial(by_pot, question, method, start) for start in STARTS}
    for who, call in calls.items():
        begun = time.perf_counter()
        answer = call()
        seconds = time.perf_counter() - begun
        if who == OURS:
            known = {"J": answer.value, "gap": answer.gap / answer.scale, "atoms": len(answer.rho.weights)}
            out[who] = {"seconds": seconds, **known}
            continue
        points, masses = answer
        rho = wrof.PointCloud(points).measure(masses)
        out[who] = {"seconds": seconds, "J": wrof.objective(rho, tau=TAU, **question), "atoms": len(masses)}
    return out


def contest(n: int, problems: int) -> list[Row]:
    """Medians over some problems; `excess` is J - ours relative to J, the least and the greatest of all problems."""
    warnings.simplefilter("ignore")  # POT on sums that are 1 up to rounding
    problem(n, problems)  # a first one is not counted
    runs = [problem(n, seed) for seed in range(problems)]
    rows = []
    for who in runs[0]:
        mine = [run[who] for run in runs]
        row = {key: statistics.median(each[key] for each in mine) for key in ("seconds", "atoms")}
        if who == OURS:
            row["gap"] = max((each["gap"] for each in mine), key=abs)
        else:
            excess = [run[who]["J"] / run[OURS]["J"] - 1 for run in runs]
            row["ratio"] = statistics.median(run[who]["seconds"] / run[OURS]["seconds"] for run in runs)
            row |= {"least": float(np.min(excess)), "excess": float(np.max(excess))}
        what = f"free step, tau = {TAU}, {n} and {n} points in the plane, random masses, {problems} problems"
        rows.append({"what": what, "who": who, **row})
    return rows
