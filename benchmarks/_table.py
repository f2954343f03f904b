"""The table of the benchmark of sizes, in Markdown."""

from __future__ import annotations

from typing import Any

from _common import version_line
from _data import FAMILIES, SERIES
from _peers import CONTESTANTS

Row = dict[str, Any]
HEAD = """# One step against its size: time, peak memory, certified gap

Times are wall seconds of the whole answer (ours: the step and its certificate; peers: the cost matrix and the solve),
medians over the turns, compile time excluded; memory is the peak of a process of its own above what it held before.
N = (sources x targets)^(1/2), points that carry mass. *Slanted*: not run, extrapolated from the fitted growth.
Peers are certified by `wrof.certify` of their plan and potential; LEMON counts in whole numbers (masses of 2^-50 of the
total, costs of 2^-36 of the greatest), which its gap and marginals show. CPU seconds, every turn and the reasons why
something was not run are in table.json.
"""


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2g} s" if value < 100 else f"{value:.0f} s" if value < 7200 else f"{value / 3600:.0f} h"


def size_of(value: float | None) -> str:
    if value is None:
        return ""
    return "< 1 MB" if value < 1e6 else f"{value / 1e6:.0f} MB" if value < 1e9 else f"{value / 1e9:.2g} GB"


def grid(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(row: Row | None) -> str:
    """What a contestant did on a problem."""
    if row is None:
        return ""
    if "seconds" in row:
        return f"{seconds(row['seconds'])}, {size_of(row['bytes'])}, {abs(row['gap']):.0e}"
    if "seconds extrapolated" not in row:
        return row["failed"]
    guess = [seconds(row["seconds extrapolated"]), size_of(row.get("bytes extrapolated"))]
    return f"*{', '.join(filter(None, guess))}*"


def by_family(rows: list[Row]) -> str:
    parts = []
    for family in FAMILIES:
        mine = [row for row in rows if SERIES[row["series"]].family == family]
        whos = [who for who in CONTESTANTS if any(row["who"] == who for row in mine)]
        if not mine:
            continue
        places = dict.fromkeys((row["series"], row["size"]) for row in mine)
        found = {(row["series"], row["size"], row["who"]): row for row in mine}
        body = []
        for series in dict.fromkeys(name for name, _ in places):
            for size in sorted(s for name, s in places if name == series):
                cells = [cell(found.get((series, size, who))) for who in whos]
                body.append([series, SERIES[series].label(size), *cells])
        parts.append(f"## {family[0].upper()}{family[1:]}: time, peak memory, relative gap\n")
        parts.append(grid(["problem", "size", *whos], body))
    return "\n".join(parts)


def of_growth(rows: list[Row]) -> str:
    def power(row: Row, key: str) -> str:
        text = "" if row[key] is None else f"N^{row[key]:.2f}"
        return f"({text})" if text and row["small"] else text

    head = ["problem", "who", "time", "memory", "fitted on sizes", "worst gap of all sizes"]
    body = [
        [row["series"], row["who"], power(row, "seconds"), power(row, "bytes"), _sizes(row), f"{row['gap']:.0e}"]
        for row in rows
    ]
    return "## Growth, from 1000 points on; (in brackets) between the last two sizes, below that\n\n" + grid(head, body)


def _sizes(row: Row) -> str:
    return ", ".join(map(str, row["sizes fitted"])) if row["seconds"] is not None else ""


def of_targets(rows: list[Row]) -> str:
    body = [
        [r["what"], *(seconds(r[key]) for key in ("median", "greatest", "cpu")), size_of(r["bytes"]), r["bound"]]
        for r in rows
    ]
    if not rows:
        return ""
    return grid(["ours", "median", "slowest", "median of CPU", "peak memory", "to reach"], body)


def of_ratios(rows: list[Row]) -> str:
    body = [
        [r["series"], SERIES[r["series"]].label(r["size"]), f"{r['ratio']:.1f}", f"{r['solver']:.1f}", str(r["turns"])]
        for r in rows
    ]
    head = ["problem", "size", "POT dense / ours", "POT's solver alone / ours", "turns"]
    return "## Against POT dense, in paired turns\n\n" + grid(head, body)


def of_warm(rows: list[Row]) -> str:
    body = []
    for r in rows:
        if "failed" in r:
            body.append([r["what"], r["failed"], "", "", "", r["bound"]])
            continue
        numbers = [seconds(r["seconds"]), seconds(r["first"]), f"{r['ratio']:.2f}", f"{r['gap']:.0e}"]
        body.append([r["what"], *numbers, r["bound"]])
    return "## Warm\n\n" + grid(["what", "all", "one cold", "ratio", "worst gap", "to reach"], body)


def of_crossings(rows: list[Row]) -> str:
    body = [
        [
            row["series"],
            row["crossing"],
            ", ".join(f"{duel['pairs']:.2g}: {duel['ratio']:.2f}" for duel in row["duels"]),
        ]
        for row in rows
    ]
    head = ["problem", "pairs from which 'multiscale' is faster", "pairs: simplex / multiscale"]
    return "## Where 'simplex' and 'multiscale' cross\n\n" + grid(head, body)


def text(data: dict[str, Any]) -> str:
    compiled = data["first use"]
    notes = [version_line(data["versions"])]
    if compiled:
        took = compiled["first"] - compiled["second"]
        notes.append(f"compiling the kernels of 'multiscale', once per machine: {took:.0f} s, in no figure above")
    notes.append("'ours' uses all cores in pricing, the peers one; CPU seconds are in table.json")
    parts = [HEAD, of_targets(data["targets"]), by_family(data["rows"]), of_growth(data["growth"])]
    more = {"ratios": of_ratios, "warm": of_warm, "crossings": of_crossings}
    parts += [write(data[key]) for key, write in more.items() if data.get(key)]
    return "\n".join(parts) + "\n" + "; ".join(notes) + ".\n"
