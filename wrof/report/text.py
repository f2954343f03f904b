"""Reports to read: a line per number, a table per list of steps, step sizes or phases; or one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from .numbers import Report


class Table(NamedTuple):
    """How columns are laid out: what a line is ("": not counted), labels by column, whether all lines are printed."""

    line: str
    labels: dict[str, str]
    whole: bool = False


LABELS = {
    "value": "J",
    "movement": "K",
    "discrepancy": "F",
    "dual": "lower bound",
    "moved": "mass moved",
    "statuses": "status",
    "movement_range": "K of minimisers",
    "critical_taus": "critical tau",
    "frozen_for": "frozen for",
    "target_for": "rho_1 = nu for",
    "target_above": "rho_1 = nu above",
    "count": "phases",
    "graph": "2 tau-graph",
}
TABLES = {
    "energies": Table(
        "step", {name: LABELS.get(name, name) for name in ("tau", "value", "movement", "discrepancy", "gap", "moved")}
    ),
    "taus": Table(
        "",
        {
            "tau": "tau",
            "regime": "regime",
            "settled_at": "settled at",
            "taken": "steps",
            "first_movement": "first K",
            "first_discrepancy": "first F",
            "worst_gap": "worst gap",
            "status": "status",
        },
        whole=True,
    ),
    "phases": Table(
        "phase", {"tau_lo": "tau from", "tau_hi": "to", "movement": "K", "discrepancy": "F", "proven": "end proven"}
    ),
}
FORMATS = {"gap": ".1e", "worst_gap": ".1e", "infeasibility": ".1e", "seconds": ".3g"}
MANY = 8  # of a longer list only the beginning is printed
ROWS = 24  # of a longer table the middle is left out
WIDE = 18  # letters for labels
UNTOLD = ("format", "name", "run_id", "arrays", "sha256", "versions", "git", "info", "certified")  # to JSON only
SAID = {"worst_gap": "gap", "statuses": "status"}  # what the second has already said


def tell(report: Report, as_json: bool) -> None:
    """Print a report to stdout: one JSON object, or its tables and a line per number."""
    if as_json:
        print(json.dumps(_finite(report), ensure_ascii=False, allow_nan=False))
        return
    for name, value in report.items():
        if name == "params":
            tell(value or {}, False)
        elif name in TABLES and isinstance(value, dict):
            if value and "value" not in report:  # a step has told its energies
                print(_table(value, TABLES[name]))
        elif name == "errors":
            for tau, error in value.items():
                print(f"{'failed':<{WIDE}}{tau}: {error}")
        elif name not in UNTOLD and SAID.get(name) not in report and value not in (None, [], "", {}):
            print(f"{LABELS.get(name, name.replace('_', ' ')):<{WIDE}}{_text(name, value)}")
            for sentence in value.get("theorems", []) if isinstance(value, dict) else []:
                print(f"{'':<{WIDE}}by: {sentence}")


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
    if isinstance(value, dict) and "says" in value:
        return str(value["says"])
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(key, item)}" for key, item in value.items())
    if isinstance(value, list):
        if name == "movement_range":
            return " to ".join(_text(name, item) for item in value)
        items = list(dict.fromkeys(_text(name, item) for item in value))
        return ", ".join(items if len(items) <= MANY else [*items[:MANY], f"... ({len(value)} in all)"])
    return str(value)


def _table(columns: Mapping[str, list[Any]], how: Table) -> str:
    """Lay out columns, a line per entry; of many lines the middle is left out."""
    names = [name for name in how.labels if name in columns]
    lines = [[how.line, *(how.labels[name] for name in names)]]
    for k, row in enumerate(zip(*(columns[name] for name in names), strict=True), 1):
        lines.append([str(k), *(_cell(name, value) for name, value in zip(names, row, strict=True))])
    if len(lines) > ROWS and not how.whole:
        lines[ROWS // 2 : 1 - ROWS // 2] = [["..."] * len(lines[0])]
    if not how.line:
        lines = [line[1:] for line in lines]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def _cell(name: str, value: Any) -> str:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:{FORMATS.get(name, '.8g')}}" if isinstance(value, float) else _text(name, value)
