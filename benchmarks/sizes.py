"""Time, memory and certified gap of one step against its size: ours, POT, LEMON and HiGHS.

    python -m pip install -e ".[bench]"
    python benchmarks/sizes.py                  # about twelve minutes on two cores; writes results/benchmarks
    python benchmarks/sizes.py --full           # 256 x 256 throughout, 512 x 512, clouds of 10^5: hours
    python benchmarks/sizes.py --quick          # under 40 seconds
    python benchmarks/sizes.py --only smooth    # the series whose names contain the word

The contestants take turns on every problem, each run in a process of its own with a time limit: one that exceeds its
limit, or is predicted to by the growth fitted so far, is not run at greater sizes, and is extrapolated there.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import _extra
import _figure
import _table
import _worker
import numpy as np
from _common import cores, save, versions
from _data import SERIES, Missing
from _growth import extrapolate, growth, predicted
from _peers import OURS, POT
from _plan import CENTRAL, MODES, PAIRED, PATIENCE, RATIOS, Mode, jobs, limit_of, slow, too_slow

Row = dict[str, Any]
PACKAGES = ("wrof", "numpy", "scipy", "POT", "numba", "pylmcf", "scikit-learn", "matplotlib")
TARGETS = {  # name, size -> to reach, on two cores
    ("grid", 64): ("64 x 64, white and smooth fields, all tau", "0.25 s"),
    ("grid", 128): ("128 x 128", "2 s"),
    ("grid", 256): ("256 x 256", "25 s, < 0.5 GB"),
    ("grid", 512): ("512 x 512", "300 s, < 1 GB"),
    ("cloud", 10_000): ("2-D cloud of 10^4", "2.5 s"),
    ("cloud", 50_000): ("2-D cloud of 5 * 10^4", "60 s"),
    ("cloud", 100_000): ("2-D cloud of 10^5", "300 s"),
}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run_series(context: Any, mode: Mode, name: str) -> list[Row]:
    """All rows of a series."""
    rows: list[Row] = []
    out: dict[str, str] = {}  # who is not run any more, and why
    for size, whos in jobs(mode, name):
        try:
            question = SERIES[name].make(size)
        except Missing as missing:
            say(f"{name} left out: {missing} is not installed")
            return []
        n = math.sqrt(math.prod(np.count_nonzero(question[side].weights) for side in ("mu", "nu")))
        del question
        for who in whos:
            guess = predicted([row for row in rows if row["who"] == who and "seconds" in row], "seconds", n)
            reason = too_slow(mode, who, guess)
            if reason is not None:
                out.setdefault(who, reason)
        runs = in_turns(context, mode, name, size, [who for who in whos if who not in out])
        for who in whos:
            row = {"series": name, "size": size, "n": n, "who": who}
            row |= summary(runs[who]) if who in runs else {"failed": out[who]}
            if "failed" in row:
                out[who] = row["failed"]
            rows.append(row)
            say(f"{name}, {SERIES[name].label(size)}, {who}: {row.get('failed') or _table.cell(row)}")
    extrapolate(rows)
    return rows


def in_turns(context: Any, mode: Mode, name: str, size: int, whos: list[str]) -> dict[str, list[Row]]:
    """Facts of every run of every contestant; one that is slow or fails runs once."""
    runs: dict[str, list[Row]] = {who: [] for who in whos}
    for _ in range(mode.turns):
        for who, mine in runs.items():
            if mine and mine[-1].get("seconds", math.inf) > slow(mode, name, who):
                continue
            mine.append(_worker.run(context, limit_of(mode, who), _worker.solve, name, who, size))
    return runs


def summary(runs: list[Row]) -> Row:
    """Medians over the turns, the worst gap."""
    failed = [run for run in runs if "failed" in run]
    if failed:
        return {key: value for key, value in failed[0].items() if key in ("failed", "exceeded")}
    median = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "cpu", "bytes")}
    worst = {key: max((run[key] for run in runs), key=abs) for key in ("gap", "infeasibility")}
    same = {key: runs[0][key] for key in ("value", "status", "rounds") if runs[0][key] is not None}
    times = [run["seconds"] for run in runs]
    return {**median, **worst, **same, "times": times, "solver times": [run["solve"] for run in runs]}


def ratios(rows: list[Row]) -> list[Row]:
    """Medians over the turns of POT's time over ours in the same turn."""
    found = {(row["series"], row["size"], row["who"]): row for row in rows if "times" in row}
    out = []
    for name in RATIOS:
        for size in PAIRED:
            mine, pot = found.get((name, size, OURS)), found.get((name, size, POT))
            if mine and pot:
                both = [
                    statistics.median(b / a for a, b in zip(mine["times"], pot[key], strict=False))
                    for key in ("times", "solver times")
                ]
                turns = min(len(mine["times"]), len(pot["times"]))
                out.append({"series": name, "size": size, "ratio": both[0], "solver": both[1], "turns": turns})
    return out


def targets(rows: list[Row]) -> list[Row]:
    """What the figures to reach are about: ours on fields and in the plane."""
    out = []
    for (kind, size), (what, bound) in TARGETS.items():
        names = RATIOS if kind == "grid" else CENTRAL[2:]
        mine = [r for r in rows if r["who"] == OURS and r["size"] == size and r["series"] in names and "seconds" in r]
        if mine:
            times, most = [row["seconds"] for row in mine], max(row["bytes"] for row in mine)
            cpu = statistics.median(row["cpu"] for row in mine)
            middle = {"median": statistics.median(times), "greatest": max(times), "cpu": cpu, "bytes": most}
            out.append({"what": what, "bound": bound, "problems": len(mine), **middle})
    return out


def warm(context: Any, mode: Mode) -> list[Row]:
    """Flow steps and neighbouring step sizes against one cold step."""
    size, steps, taus = mode.warm
    where = f"{size} x {size}, {_extra.WARMED.split(',')[0]}"
    rows = []
    for task, count, what, bound in (
        (_extra.flow_steps, steps, f"{steps} flow steps at {where}, tau = h, against the first", "<= 3"),
        (_extra.many_taus, taus, f"{taus} tau from h to 1/2 at {where}, each from the last, against one cold", "<= 6"),
    ):
        runs = [_worker.run(context, mode.limit * PATIENCE[OURS], task, size, count) for _ in range(mode.turns)]
        failed = next((run for run in runs if "failed" in run), None)
        if failed is not None:
            rows.append({"what": what, "bound": bound, **failed})
            continue
        middle = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "first")}
        ratio = statistics.median(run["seconds"] / run["first"] for run in runs)
        rows.append({**runs[-1], **middle, "ratio": ratio, "what": what, "bound": bound})
        say(f"{what}: {ratio:.2f}")
    return rows


def crossings(context: Any, mode: Mode) -> list[Row]:
    """Pairs from which "multiscale" is faster than "simplex"; `wrof.solvers.CROSSOVER` rests on them."""
    rows = []
    for name in _extra.CROSSED:
        sizes = mode.duels if SERIES[name].grid else tuple(n * n for n in mode.duels)
        duels = [_worker.run(context, mode.limit, _extra.duel, name, size, mode.turns) for size in sizes]
        duels = [duel for duel in duels if "failed" not in duel]
        rows.append({"series": name, "crossing": _extra.crossing(duels), "duels": duels})
        say(f"{name}: 'multiscale' is faster from: {rows[-1]['crossing']}")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_const", dest="mode", const="quick", default="default")
    how.add_argument("--full", action="store_const", dest="mode", const="full")
    parser.add_argument("--only", default="", help="only the series whose names contain this, and no more")
    parser.add_argument("--limit", type=float, help="seconds a peer may take; ours three times as many")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    options = parser.parse_args()
    mode = MODES[options.mode]
    if options.limit:
        mode = replace(mode, limit=options.limit)
    context = _worker.prepare()
    start = time.perf_counter()
    _worker.run(context, None, _worker.warm_up)  # compiles what is not in the kernel cache
    say(f"warmed up in {time.perf_counter() - start:.1f} s")
    compiled: Row = {}
    if options.mode != "quick":
        with tempfile.TemporaryDirectory() as cache:
            compiled = _worker.first_use(cache)
    rows = [row for name in mode.series if options.only in name for row in run_series(context, mode, name)]
    data: dict[str, Any] = {"mode": options.mode, "cores": cores(), "versions": versions(PACKAGES), "rows": rows}
    data |= {"targets": targets(rows), "growth": growth(rows), "ratios": ratios(rows), "first use": compiled}
    if not options.only:
        data |= {"warm": warm(context, mode), "crossings": crossings(context, mode)}
    text = _table.text(data)
    print(text)
    save(options.out, text, data)
    _figure.draw(rows, options.out / "sizes.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
