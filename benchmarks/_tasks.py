"""What the benchmark of the continuum runs: every task in a process of its own, warmed up on a small problem.

python benchmarks/_tasks.py "step, 2-D" 300      # prints its facts as one JSON object
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _common import forget_peak, memory
from _continuous import dilation, dilation_value, line_value
from _peers import certified, pot_dense
from scipy.spatial.distance import cdist

import wrof
from wrof.solvers.simplex import MAX_ITER

Facts = dict[str, Any]
TAU = 0.3  # of the steps in clouds; 0.05 on the line


class Run(NamedTuple):
    """What is timed, and what is to be read off its answer afterwards."""

    go: Callable[[], Any]
    look: Callable[[Any], Facts]


def _step_facts(result: wrof.StepResult, exact: float) -> Facts:
    return {"value": result.value, "gap": result.gap / result.scale, "off": result.value - exact}


def line(n: int, stops: Any = None) -> Run:
    """One step on a line: on a grid of n points, or between n scattered points and n others."""
    rng, tau = np.random.default_rng(n), 0.05
    if stops is None:
        points: Any = [wrof.Grid((n,))] * 2
        a, b = rng.random(n), rng.random(n) * np.linspace(0, 1, n)
    else:
        points = [wrof.PointCloud(rng.random(n)), wrof.PointCloud(rng.random(n) / 2 + 0.5)]
        a, b = rng.random((2, n))
    mu, nu = (space.measure(masses, normalize=True) for space, masses in zip(points, (a, b), strict=True))

    def look(result: wrof.StepResult) -> Facts:
        where = (part for each in (mu, nu) for part in (each.points[:, 0], each.weights))
        return _step_facts(result, line_value(*where, tau))

    return Run(lambda: wrof.step(mu, nu, tau, stops=stops), look)


def _balls(n: int, dim: int) -> Facts:
    x, y = dilation(n, dim)
    return {"mu": np.full(n, 1 / n), "nu": np.full(n, 1 / n), "source_points": x, "target_points": y}


def cloud(n: int, dim: int) -> Run:
    """One free step between n particles in a ball and n in a ball of twice the radius."""
    question = {**_balls(n, dim), "tau": TAU, "stops": wrof.FREE}
    return Run(lambda: wrof.step(**question), lambda result: _step_facts(result, dilation_value(dim, TAU)))


def cloud_by_pot(n: int, dim: int) -> Run:
    """POT's dense solver on the joint cost of the same step; its plan is certified afterwards."""
    balls = _balls(n, dim)
    mu, nu = (wrof.PointCloud(balls[f"{side}_points"]).measure(balls["mu"]) for side in ("source", "target"))
    question = {"mu": mu, "nu": nu, "tau": TAU, "stops": wrof.FREE}

    def look(answer: Any) -> Facts:
        return {**_step_facts(certified(question, answer), dilation_value(dim, TAU)), "solve": answer.solve}

    return Run(lambda: pot_dense(question, None), look)  # type: ignore[arg-type]


def plan(n: int) -> Run:
    """Return an optimal plan for p = 1 between the particles of `cloud` in the plane."""
    balls = _balls(n, 2)

    def look(found: Any) -> Facts:
        gap = found.gap / max(found.value, float(found.length().max()))
        return {"value": found.value, "gap": gap, "off": found.value - dilation_value(2, 0.0)}

    return Run(lambda: wrof.transport.plan(**balls), look)


def plan_by_pot(n: int) -> Run:
    """Return the plan of POT's dense solver, certified by a c-transform of its potential."""
    import ot

    balls = _balls(n, 2)
    x, y, a = balls["source_points"], balls["target_points"], balls["mu"]

    def look(answer: Any) -> Facts:
        found, log = answer
        i, j = np.nonzero(found)
        length = np.linalg.norm(x[i] - y[j], axis=1)
        value = float(length @ found[i, j])
        bound = float(a @ wrof.transport.c_transform(log["v"], 1.0, target=y, source=x) + a @ log["v"])
        gap = (value - bound) / max(value, float(length.max()))
        return {"value": value, "gap": gap, "off": value - dilation_value(2, 0.0)}

    return Run(lambda: ot.emd(a, a, cdist(x, y), numItermax=MAX_ITER, log=True, center_dual=False), look)


def envelope(n: int, method: str) -> Run:
    """Return the c-transform for p = 2 on an n x n grid of random values, held against all pairs on a part of it."""
    grid = wrof.Grid((n, n))
    psi = np.random.default_rng(n).random(grid.size)
    some = np.random.default_rng(0).choice(grid.size, min(grid.size, 100), replace=False)

    def look(phi: Any) -> Facts:
        pairs = [((grid.points - grid.points[k]) ** 2).sum(axis=1) - psi for k in some]
        return {"off": max(abs(phi[k] - each.min()) for k, each in zip(some, pairs, strict=True))}

    return Run(lambda: wrof.transport.c_transform(psi, 2.0, target=grid, method=method), look)


WARM = 300  # points of the warm-up; on grids in the plane 17 a side
TASKS: dict[str, Callable[[int], Run]] = {
    "step, line, grid": line,
    "step, line, free": partial(line, stops=wrof.FREE),
    "step, 2-D": partial(cloud, dim=2),
    "step, 2-D, POT": partial(cloud_by_pot, dim=2),
    "step, 3-D": partial(cloud, dim=3),
    "step, 3-D, POT": partial(cloud_by_pot, dim=3),
    "plan": plan,
    "plan, POT": plan_by_pot,
    "c-transform, envelope": partial(envelope, method="envelope"),
    "c-transform, lattice": partial(envelope, method="lattice"),
    "c-transform, dense": partial(envelope, method="dense"),
}


def warm_up(name: str) -> None:
    """Run the task on small problems, so that its kernels are compiled: below and beyond where solvers change."""
    for n in (17,) if "c-transform" in name else (WARM,) if "POT" in name else (WARM, 5 * WARM):
        TASKS[name](n).go()


def facts(name: str, n: int) -> Facts:
    """Seconds, peak memory above what was held before, and what the answer says."""
    warnings.simplefilter("ignore")  # POT warns of what the certificate tells
    warm_up(name)
    go, look = TASKS[name](n)
    forget_peak()
    held, cpu, start = memory()[0], time.process_time(), time.perf_counter()
    answer = go()
    spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "bytes": memory()[1] - held}
    return {**spent, **look(answer)}


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1], int(sys.argv[2]))))
