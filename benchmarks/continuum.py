"""Large lines, particles, barycenters and c-transforms: time, memory, and how near the continuum's formulas they are.

    python -m pip install -e ".[bench]"
    python benchmarks/continuum.py              # about ten minutes, 5 GB; writes results/benchmarks/continuum.*
    python benchmarks/continuum.py --quick      # half a minute

The contestants take turns on every problem, each run in a process of its own that has warmed up on a small problem of
the same kind; compile time is reported apart. Figures are medians over the turns, ratios medians of the ratios within
a turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _barycenters
import _tasks
from _common import cores, version_line, versions

from wrof.solvers.simplex import SOLVE_BYTES, free_bytes

Row = dict[str, Any]
PACKAGES = ("wrof", "numpy", "scipy", "POT", "numba")


@dataclass(frozen=True)
class Job:
    """A problem and who takes part: (name in the table, task), ours first.

    Attributes
    ----------
    size, quick : points, or points a side on a grid in the plane. scale : to what size the time is scaled, if it is.
    """

    what: str
    whos: tuple[tuple[str, str], ...]
    size: int
    quick: int
    bound: str = ""
    scale: int = 0


POT = "POT emd, dense"
JOBS = (
    Job("step, grid of {} points on a line", (("ours", "step, line, grid"),), 10**7, 10**4, "< 5 s"),
    Job("step, grid of {} points on a line", (("ours", "step, line, grid"),), 10**6, 10**3),
    Job("free step, {} points on a line", (("ours", "step, line, free"),), 10**6, 10**4),
    Job("free step, {} particles in 2-D", (("ours", "step, 2-D"), (POT, "step, 2-D, POT")), 10**4, 500),
    Job("free step, {} particles in 3-D", (("ours", "step, 3-D"), (POT, "step, 3-D, POT")), 10**4, 500),
    Job("plan, p = 1, {} particles in 2-D", (("ours", "plan"), (POT, "plan, POT")), 10**4, 500),
    Job("c-transform, p = 2, {0} x {0} grid", (("envelope", "c-transform, envelope"),), 1024, 64, "< 1 s"),
    Job(
        "c-transform, p = 2, {0} x {0} grid",
        (
            ("envelope", "c-transform, envelope"),
            ("lattice", "c-transform, lattice"),
            ("all pairs", "c-transform, dense"),
        ),
        128,
        32,
        scale=1024,
    ),
)
CONTESTS = {False: ((30, 10), (100, 10), (200, 10)), True: ((20, 2),)}  # points and problems of the barycenters, quick


def alone(task: str, size: int) -> Row:
    """Facts of one run in a process of its own."""
    command = [sys.executable, _tasks.__file__, task, str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def run(job: Job, size: int, turns: int, scale: int) -> list[Row]:
    """One row for every contestant."""
    runs: dict[str, list[Row]] = {who: [] for who, _ in job.whos}
    failed: dict[str, str] = {}
    for _ in range(turns):
        for who, task in job.whos:
            need = SOLVE_BYTES * float(size) ** 2
            if who == POT and need > free_bytes():
                failed[who] = f"needs about {need / 1e9:.2g} GB"
            else:
                runs[who].append(alone(task, size))
    rows: list[Row] = []
    for who, _ in job.whos:
        row: Row = {
            "what": job.what.format(size),
            "who": who,
            "size": size,
            "bound": job.bound if size == job.size else "",
        }
        row |= {"failed": failed[who]} if who in failed else summary(runs[who], runs[job.whos[0][0]])
        if scale and who == "all pairs":
            row |= {"scaled to": scale, "scaled": row["seconds"] * (scale / size) ** 4}
        rows.append(row)
        say(" | ".join(filter(None, cells(row))))
    return rows


def summary(mine: list[Row], first: list[Row]) -> Row:
    """Medians over the turns, the worst gap, and the ratios to the first contestant."""
    out: Row = {key: statistics.median(each[key] for each in mine) for key in ("seconds", "cpu", "bytes")}
    out["times"] = [each["seconds"] for each in mine]
    for key in ("gap", "off"):
        if key in mine[0]:
            out[key] = max((each[key] for each in mine), key=abs)
    if "value" in mine[0]:
        out["value"] = mine[0]["value"]
    if mine is not first:
        pairs = list(zip(mine, first, strict=True))
        out["ratio"] = statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)
        if "solve" in mine[0]:
            out["ratio of the solver alone"] = statistics.median(a["solve"] / b["seconds"] for a, b in pairs)
    return out


FIRST_USE = """
import json, time
from _tasks import TASKS, warm_up
def go():
    start = time.perf_counter()
    for name in TASKS:
        if "POT" not in name: warm_up(name)
    return time.perf_counter() - start
print(json.dumps(go() - go()))
"""


def compile_time() -> float:
    """Seconds of the first use of everything here, less those of the second, where the kernel cache is empty."""
    with tempfile.TemporaryDirectory() as cache:
        where = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run(
            [sys.executable, "-c", FIRST_USE], check=True, stdout=subprocess.PIPE, text=True, env=where
        )
    return float(json.loads(done.stdout))


HEAD = """# Lines, particles, barycenters and c-transforms

Times are wall seconds of the whole answer, certificate included (POT: the cost matrix and the solve), medians over the
turns, compile time excluded; memory is the peak of a process of its own above what it held before. *Off*: value less
that of the continuum (quantiles on a line; particles of equal area in a ball, bound for one of twice the radius), or
the greatest error of a c-transform at 100 points. Steps and plans are certified, POT's afterwards.
"""


def table(rows: list[Row]) -> str:
    head = ["what", "who", "median", "memory", "against the first", "off", "worst relative gap", "to reach"]
    lines = [head, ["---"] * len(head), *map(cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(row: Row) -> list[str]:
    if "failed" in row:
        return [row["what"], row["who"], row["failed"], "", "", "", "", row["bound"]]
    ratio = f"{row['ratio']:.3g} times as long" if "ratio" in row else ""
    if "scaled" in row:
        ratio += f"; scaled to {row['scaled to']} x {row['scaled to']}: {row['scaled']:.3g} s"
    numbers = (f"{row[key]:.0e}" if key in row else "" for key in ("off", "gap"))
    return [row["what"], row["who"], f"{row['seconds']:.3g} s", size_of(row["bytes"]), ratio, *numbers, row["bound"]]


def contests(rows: list[Row]) -> str:
    """Barycenters: what the fixed point misses, and how long it takes."""
    head = ["what", "who", "median", "atoms left", "against ours", "J above ours, relative: least", "greatest"]
    body = []
    for row in rows:
        ratio = f"{row['ratio']:.3g} times as long" if "ratio" in row else ""
        excess = [f"{row[key]:.1e}" if key in row else "" for key in ("least", "excess")]
        body.append([row["what"], row["who"], f"{row['seconds']:.2g} s", f"{row['atoms']:.0f}", ratio, *excess])
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def size_of(value: float) -> str:
    return "< 1 MB" if value < 1e6 else f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.2f} GB"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def save(out: Path, text: str, data: Row) -> None:
    """Write continuum.md and continuum.json next to the tables of the other benchmarks."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "continuum.md").write_text(text, encoding="utf-8")
    (out / "continuum.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small problems, one turn")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    options = parser.parse_args()
    compiled = None if options.quick else compile_time()
    rows: list[Row] = []
    for job in JOBS:
        size, turns = (job.quick, 1) if options.quick else (job.size, 3)
        rows += run(job, size, turns, job.scale and (64 if options.quick else job.scale))
    duels = [row for n, problems in CONTESTS[options.quick] for row in _barycenters.contest(n, problems)]
    known = versions(PACKAGES)
    notes = [version_line(known)]
    if compiled is not None:
        notes.append(f"compiling the kernels used here, once per machine: {compiled:.0f} s, in no figure above")
    title = "## A free step as a barycenter of two measures, by `ot.lp.free_support_barycenter_generic_costs`\n"
    text = "\n".join([HEAD, table(rows), "", title, contests(duels), "", "; ".join(notes) + ".", ""])
    print(text)
    data = {"rows": rows, "barycenters": duels, "compile seconds": compiled, "versions": known, "cores": cores()}
    save(options.out, text, data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
