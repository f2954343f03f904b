"""Time and memory of a step against what users have today; writes a table with versions.

    python -m pip install -e ".[bench]"
    python benchmarks/run.py                    # about ten minutes; --quick leaves out the 64 x 64 grid

Every comparison is paired: the contestants take turns in one run, the figures are medians over the turns,
and the ratio is the median of the ratios within a turn. Compile time is excluded and reported apart. Memory is the
peak of a process of its own, minus what it held before the solve.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import against, cores, paired, save, version_line, versions

import wrof

Row = dict[str, object]


def ramp_problem(k: int = 128) -> tuple[wrof.Measure, wrof.Measure]:
    toy = wrof.toys.random_to_ramp(K=k, seed=0)
    return toy["mu"], toy["nu"]


def by_cvxpy(mu: wrof.Measure, nu: wrof.Measure, tau: float) -> float:
    """Solve the formulation of Davies's notebook: two K x K plans that share rho."""
    import cvxpy as cp

    x = mu.points[:, 0]
    distance = np.abs(x[:, None] - x)
    g1, g2 = cp.Variable(distance.shape, nonneg=True), cp.Variable(distance.shape, nonneg=True)
    goal = cp.sum(cp.multiply(distance**2 / (2 * tau), g1)) + cp.sum(cp.multiply(distance, g2))
    rules = [
        cp.sum(g1, axis=1) == mu.weights,
        cp.sum(g2, axis=0) == nu.weights,
        cp.sum(g1, axis=0) == cp.sum(g2, axis=1),
    ]
    return float(cp.Problem(cp.Minimize(goal), rules).solve())


def line_128(turns: int) -> list[Row]:
    mu, nu = ramp_problem()
    tau = 0.05
    contestants: dict[str, Callable[[], object]] = {
        "monotone": lambda: wrof.step(mu, nu, tau, solver="monotone"),
        "simplex": lambda: wrof.step(mu, nu, tau, solver="simplex"),
        "three-layer LP, HiGHS": lambda: wrof.step(mu, nu, tau, solver="lp", select="vertex"),
        "two K x K plans, cvxpy": lambda: by_cvxpy(mu, nu, tau),
    }
    seconds = paired(contestants, turns)
    peers = list(contestants)[2:]
    return [
        {
            "what": f"one step, K = 128, tau = {tau}",
            "who": name,
            "seconds": statistics.median(times),
            "ratio": against(seconds, name, peers) if name not in peers else None,
            "bound": {"monotone": ">= 200", "simplex": ">= 50"}.get(name),
        }
        for name, times in seconds.items()
    ]


def translation(turns: int) -> list[Row]:
    toy = wrof.toys.random_to_ramp(K=128, seed=0, increasing=True)
    seconds = paired({"monotone": lambda: wrof.flow(tau=0.005, steps=35, **toy)}, turns)
    return [
        {
            "what": "35-step translation, K = 128",
            "who": "monotone",
            "seconds": statistics.median(seconds["monotone"]),
            "bound": "< 1 s",
        }
    ]


def critical(turns: int) -> list[Row]:
    toy = wrof.toys.ramp_to_uniform()
    contestants: dict[str, Callable[[], object]] = {
        "p = 2, alpha = 1": lambda: wrof.critical_taus(**toy),
        "p = 1, alpha = 1/2": lambda: wrof.critical_taus(p=1, alpha=0.5, **toy),
    }
    seconds = paired(contestants, turns)
    return [
        {
            "what": f"all {len(run())} critical tau, K = 128 ramp to uniform",  # type: ignore[arg-type]
            "who": who,
            "seconds": statistics.median(seconds[who]),
            "bound": "< 20 s" if who.startswith("p = 2") else None,
        }
        for who, run in contestants.items()
    ]


SWEEP = """
import json, sys, time, numpy as np, wrof
jobs, out, solver = int(sys.argv[1]), sys.argv[2] or None, sys.argv[3]
toy, taus = wrof.toys.gaussians((32, 32)), np.linspace(0.02, 0.6, 40)
if out is None: wrof.step(tau=0.1, solver=solver, **toy)
start = time.perf_counter()
wrof.sweep(taus=taus, steps=3, jobs=jobs, out=out, solver=solver, **toy)
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


def sweeps(turns: int) -> list[Row]:
    """Forty step sizes with one and with two workers in turn, and the finished sweep again in a process of its own."""
    import tempfile

    def run(jobs: int, out: str, solver: str) -> float:
        command = [sys.executable, "-c", SWEEP, str(jobs), out, solver]
        start = time.perf_counter()
        inside = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]
        return time.perf_counter() - start if out else float(inside)

    what, rows = "sweep of 40 tau, 3 steps, Gaussians 32 x 32", []
    for solver in ("auto", "simplex"):
        seconds = [(run(1, "", solver), run(2, "", solver)) for _ in range(turns)]
        one, two = (statistics.median(column) for column in zip(*seconds, strict=True))
        speed = statistics.median(a / b for a, b in seconds)
        rows.append({"what": what, "who": f"{solver}, jobs = 1", "seconds": one})
        second = {"what": what, "who": f"{solver}, jobs = 2, workers started", "seconds": two}
        rows.append({**second, "speed": speed, "bound": ">= 1.7x"})
    with tempfile.TemporaryDirectory() as out:
        run(2, out, "auto")
        again = statistics.median(run(1, out, "auto") for _ in range(turns))
    again_row = {"what": "the finished sweep again, whole process", "who": "from disk", "seconds": again}
    return [*rows, {**again_row, "bound": "< 2 s"}]


def in_process(code: str) -> dict[str, float]:
    """Run a snippet in a process of its own; it prints one JSON object."""
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], check=True, capture_output=True, text=True, env=where
    )
    answer: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


PREAMBLE = """
import json, time
import numpy as np, ot, wrof
from _common import forget_peak, memory
def report(run):
    forget_peak()
    before, start = memory()[0], time.perf_counter()
    run()
    print(json.dumps({"seconds": time.perf_counter() - start, "bytes": memory()[1] - before, "total": memory()[1]}))
rng = np.random.default_rng(0)
"""

MILLION = """
small = wrof.Grid((64,)); wrof.step(np.ones(64), np.ones(64), 0.1, grid=small)
g = wrof.Grid((10**6,))
mu = g.measure(rng.random(10**6), normalize=True)
nu = g.measure(rng.random(10**6) * np.linspace(0, 1, 10**6), normalize=True)
report(lambda: wrof.step(mu, nu, 0.05))
"""

GRID_64 = """
def pair(n):
    g = wrof.Grid((n, n))
    return g.measure(rng.random((n, n)), normalize=True), g.measure(rng.random((n, n)), normalize=True)
def problem(n):
    from wrof.problem import StepProblem
    return StepProblem.build(*pair(n), 0.1, alpha=1.0, p=2.0, stops=None)
small = pair(8); ot.emd(small[0].weights, small[1].weights, np.ones((64, 64)))
for solver in ("simplex", "multiscale"):
    for how in ("vertex", "lazy"): wrof.step(*small, 0.1, solver=solver, select=how)
small = pair(40); wrof.step(*small, 0.1, solver="multiscale")
rng = np.random.default_rng(1)
"""
WROF_64 = GRID_64 + "mu, nu = pair(64)\nreport(lambda: wrof.step(mu, nu, 0.1, solver='{}', select='{}'))\n"
POT_64 = (
    GRID_64
    + """
state = problem(64)
a, b = state.a, state.b
report(lambda: ot.emd(a, b, state.cost.dense(), numItermax=10**8, log=True))
"""
)


def million(turns: int) -> list[Row]:
    runs = [in_process(MILLION) for _ in range(turns)]
    return [
        {
            "what": "one step, 10^6 points on a line, p = 2, alpha = 1",
            "who": "monotone",
            "seconds": statistics.median(r["seconds"] for r in runs),
            "bytes": statistics.median(r["bytes"] for r in runs),
            "bound": "< 1 s, < 1 GB",
        }
    ]


def grid_64(turns: int) -> list[Row]:
    code = {
        "multiscale, lazy": WROF_64.format("multiscale", "lazy"),
        "simplex, vertex": WROF_64.format("simplex", "vertex"),
        "simplex, lazy": WROF_64.format("simplex", "lazy"),
        "POT emd on the same cost": POT_64,
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in code}
    for _ in range(turns):
        for name, text in code.items():
            runs[name].append(in_process(text))
    peer = runs["POT emd on the same cost"]
    return [
        {
            "what": "one step, 64 x 64 grid, tau = 0.1, certified",
            "who": name,
            "seconds": statistics.median(r["seconds"] for r in mine),
            "bytes": statistics.median(r["bytes"] for r in mine),
            "time against POT": statistics.median(r["seconds"] / q["seconds"] for r, q in zip(mine, peer, strict=True)),
            "memory against POT": statistics.median(r["bytes"] / q["bytes"] for r, q in zip(mine, peer, strict=True)),
            "bound": "<= 1.5 of POT, both" if name == "simplex, vertex" else None,
        }
        for name, mine in runs.items()
    ]


def start_up(turns: int) -> list[Row]:
    command = [sys.executable, "-m", "wrof", "--help"]
    seconds = paired({"help": lambda: subprocess.run(command, check=True, capture_output=True)}, turns)
    return [
        {
            "what": "wrof --help, whole process",
            "who": "wrof",
            "seconds": statistics.median(seconds["help"]),
            "bound": "< 0.5 s",
        }
    ]


def compile_time() -> list[Row]:
    """First step of each solver in a process whose kernel cache is empty, against the second."""
    code = """
import json, time, numpy as np, wrof, ot
toy = wrof.toys.random_to_ramp(K=32)
first = time.perf_counter()
for name in ("monotone", "simplex", "lp"): wrof.step(tau=0.1, solver=name, **toy)
second = time.perf_counter()
for name in ("monotone", "simplex", "lp"): wrof.step(tau=0.1, solver=name, **toy)
print(json.dumps({"seconds": second - first - (time.perf_counter() - second)}))
"""
    import tempfile

    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
        )
    return [
        {
            "what": "compiling the kernels of all solvers, once per machine",
            "who": "numba",
            "seconds": json.loads(done.stdout)["seconds"],
        }
    ]


def table(rows: list[Row]) -> str:
    lines = ["| what | who | median | ratio | memory | to reach |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = row.get("ratio")
        text = f"{ratio:.0f}x faster than the faster peer" if isinstance(ratio, float) else ""
        if "speed" in row:
            text = f"{row['speed']:.2f}x faster than with one"
        if "time against POT" in row:
            text = f"{row['time against POT']:.2f} of POT's time, {row['memory against POT']:.2f} of its memory"
        memory = f"{float(row['bytes']) / 1e9:.2f} GB" if "bytes" in row else ""  # type: ignore[arg-type]
        lines.append(
            f"| {row['what']} | {row['who']} | {row['seconds']:.4g} s | {text} | {memory} | {row.get('bound') or ''} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer turns, no 64 x 64 grid")
    parser.add_argument("--out", type=Path, default=Path("results/reference/benchmarks"))
    options = parser.parse_args()
    turns = 3 if options.quick else 5
    rows = compile_time() + start_up(turns) + line_128(turns) + translation(turns) + million(turns)
    rows += critical(turns)
    if not options.quick:
        rows += sweeps(3) + grid_64(3)
    known = versions(("wrof", "numpy", "scipy", "POT", "numba", "cvxpy"))
    text = table(rows) + "\n\n" + version_line(known) + "\n"
    print(text)
    save(options.out, text, {"rows": rows, "versions": known, "cores": cores()})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
