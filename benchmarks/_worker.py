"""One run in a process of its own, with a time limit; the processes are forked from one that has warmed up.

Where the system cannot fork, every process warms up by itself. Kernels are compiled, or read from their cache, in the
warm-up; what that takes is reported apart.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from _common import forget_peak, memory
from _data import SERIES, Missing, Series
from _peers import CONTESTANTS, LAZY, OURS, built, certified

import wrof

Facts = dict[str, Any]
FORKED = "forkserver" in multiprocessing.get_all_start_methods()
WARM = {True: (8, 24, 40), False: (20, 300, 1500)}  # sizes of the warm-up on grids and in clouds: all, ours, ours
_warm = False


def warm_up() -> Facts:
    """Run every contestant on small problems of every series, once; return the seconds."""
    global _warm
    start = time.perf_counter()
    if not _warm:
        warnings.simplefilter("ignore", wrof.WrofWarning)  # on coarse grids a small tau moves nothing
        met = set()
        for series in SERIES.values():
            tiny, small, middle = WARM[series.grid]
            for who in CONTESTANTS:
                _try(series, who, small if who in (OURS, LAZY) else tiny)
            if series.family not in met:
                _try(series, OURS, middle)
            met.add(series.family)
        _warm = True
    return {"seconds": time.perf_counter() - start}


def _try(series: Series, who: str, size: int) -> None:
    try:
        question = series.make(size)
        certified(question, CONTESTANTS[who].run(question, series))
    except (Missing, wrof.WrofError):
        pass  # it will say so when it is asked


def solve(name: str, who: str, size: int) -> Facts:
    """Facts of one contestant on one problem."""
    series = SERIES[name]
    question = series.make(size)
    problem = built(question)
    n, m = len(problem.a), len(problem.b)
    facts: Facts = {"n": n, "m": m}
    reason = CONTESTANTS[who].too_large(float(n) * m)
    if reason is not None:
        return {**facts, "failed": reason}
    del problem
    forget_peak()
    held, cpu, start = memory()[0], time.process_time(), time.perf_counter()
    answer = CONTESTANTS[who].run(question, series)
    facts |= {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "bytes": memory()[1] - held}
    result = certified(question, answer)
    facts |= {"solve": answer.solve, "rounds": answer.rounds, "value": result.value, "status": result.status.name}
    return {**facts, "gap": result.gap / result.scale, "infeasibility": result.infeasibility}


def _serve(pipe: Connection, task: Any, arguments: tuple[Any, ...]) -> None:
    try:
        warm_up()
        pipe.send(task(*arguments))
    except (Missing, wrof.WrofError) as error:
        pipe.send({"failed": str(error) if isinstance(error, wrof.WrofError) else f"needs {error}"})
    except MemoryError:
        pipe.send({"failed": "out of memory"})


def prepare() -> Any:
    """Return how processes are started; the one they are forked from warms up now."""
    if not FORKED:
        return multiprocessing.get_context("spawn")
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["_warm"])
    return context


def run(context: Any, limit: float | None, task: Any, *arguments: Any) -> Facts:
    """Facts of a task in a process of its own; {"failed": why} if it exceeds the limit, refuses or dies."""
    mine, other = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(other, task, arguments))
    process.start()
    other.close()
    try:
        if mine.poll(limit):
            return dict(mine.recv())
        return {"failed": f"more than {limit:g} s", "exceeded": limit}
    except EOFError:
        process.join()
        return {"failed": f"died with exit code {process.exitcode}"}
    finally:
        process.kill()
        process.join()
        mine.close()


FIRST_USE = """
import json, time
from _data import SERIES
from _peers import CONTESTANTS, LAZY
def go():
    start = time.perf_counter()
    for name, size in (("white field, tau = 0.05", 40), ("cloud, 2-D, tau = 0.05", 1500)):
        CONTESTANTS[LAZY].run(SERIES[name].make(size), SERIES[name])
    return time.perf_counter() - start
print(json.dumps({"first": go(), "second": go()}))
"""


def first_use(cache: str) -> Facts:
    """Seconds of a first step on a grid and in a cloud, and of a second, where the kernel cache is empty."""
    where = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", FIRST_USE], check=True, capture_output=True, text=True, env=where)
    return dict(json.loads(done.stdout))
