"""What is warm, and where the solvers cross: each task runs in a process of its own and returns its facts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _common import paired
from _data import SERIES

import wrof

Facts = dict[str, Any]
WARMED = "smooth field, tau = h"  # ten steps of a flow do not arrive
CROSSED = ("white field, tau = 0.05", "smooth field, tau = 0.05", "cloud, 2-D, tau = 0.05")


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def flow_steps(size: int, steps: int) -> Facts:
    """Seconds of a flow, and of a step alone that is its first."""
    question = SERIES[WARMED].make(size)
    first, _ = timed(lambda: wrof.step(**question, solver="multiscale"))
    whole, flow = timed(lambda: wrof.flow(**question, steps=steps, solver="multiscale"))
    gap = max(result.gap / result.scale for result in flow.results)
    return {"seconds": whole, "first": first, "steps": len(flow.results), "gap": gap, "stopped": flow.stopped}


def many_taus(size: int, count: int) -> Facts:
    """Seconds of a chain of step sizes from h to 1/2, each from the one before, and of every one cold."""
    question = SERIES[WARMED].make(size)
    chain, cold, gap = 0.0, [], 0.0
    init = None
    for tau in np.geomspace(question["tau"], 0.5, count):
        question["tau"] = float(tau)
        alone, _ = timed(lambda: wrof.step(**question, solver="multiscale"))
        start = init
        warm, init = timed(lambda: wrof.step(**question, solver="multiscale", init=start))  # noqa: B023, called at once
        cold.append(alone)
        chain, gap = chain + warm, max(gap, init.gap / init.scale)
    return {"seconds": chain, "first": statistics.median(cold), "cold": sum(cold), "steps": count, "gap": gap}


def duel(name: str, size: int, turns: int) -> Facts:
    """Seconds of "simplex" and of "multiscale" on one problem, in turns."""
    question = SERIES[name].make(size)
    runs = {
        solver: lambda solver=solver: wrof.step(**question, solver=solver, select="vertex")
        for solver in ("simplex", "multiscale")
    }
    seconds = paired(runs, turns)
    ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    support = [np.count_nonzero(question[side].weights) for side in ("mu", "nu")]
    return {"pairs": int(np.prod(support)), "ratio": ratio, **{k: statistics.median(v) for k, v in seconds.items()}}


def crossing(duels: list[Facts]) -> str:
    """Pairs from which "multiscale" stays ahead, interpolated on log scales, or what else is known."""
    if not duels:
        return "unknown"
    pairs, ratios = (np.log([duel[key] for duel in duels]) for key in ("pairs", "ratio"))
    behind = np.flatnonzero(ratios <= 0)
    if not len(behind):
        return f"below {np.exp(pairs[0]):.2g}"
    at = int(behind[-1])
    if at + 1 == len(ratios):
        return f"above {np.exp(pairs[-1]):.2g}"
    part = -ratios[at] / (ratios[at + 1] - ratios[at])
    return f"{np.exp(pairs[at] + part * (pairs[at + 1] - pairs[at])):.2g}"
