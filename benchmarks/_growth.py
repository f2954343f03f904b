"""Growth with the size: exponents fitted on logarithms, and what they extrapolate to."""

from __future__ import annotations

from typing import Any

import numpy as np

Row = dict[str, Any]
FROM = 1000  # points from which the growth is fitted: 32 x 32
REACH = 16  # times the greatest N that was run, beyond which nothing is extrapolated
NOISE = 20e6  # bytes below which a peak says nothing


def fitted_rows(rows: list[Row], key: str) -> list[Row]:
    """Return the rows a fit uses: those from FROM points on; with fewer than two of them, the last two of all."""
    least = NOISE if key == "bytes" else 0.0
    known = sorted((row for row in rows if (row.get(key) or 0) > least), key=lambda row: row["n"])
    large = [row for row in known if row["n"] >= FROM]
    return large if len(large) > 1 else known[-2:]


def fit(rows: list[Row], key: str) -> tuple[float, float] | None:
    """Return (exponent, constant) of key = constant * N^exponent, from two sizes or more; N = sqrt(n m)."""
    used = fitted_rows(rows, key)
    if len({row["n"] for row in used}) < 2:
        return None
    x, y = np.log([[row["n"] for row in used], [row[key] for row in used]])
    slope, height = np.polyfit(x, y, 1)
    return float(slope), float(np.exp(height))


def predicted(rows: list[Row], key: str, n: float) -> float | None:
    """Return what the fit says of N = n; None without a fit."""
    fitted = fit(rows, key)
    return None if fitted is None else fitted[1] * n ** fitted[0]


def growth(rows: list[Row]) -> list[Row]:
    """Return the fitted exponents of every series and contestant, and its worst gap."""
    out = []
    for series, who in dict.fromkeys((row["series"], row["who"]) for row in rows):
        mine = [row for row in rows if (row["series"], row["who"]) == (series, who) and "seconds" in row]
        if not mine:
            continue
        used = fitted_rows(mine, "seconds")
        row = {"series": series, "who": who, "sizes fitted": [each["size"] for each in used]}
        row |= {"small": any(each["n"] < FROM for each in used), "gap": max(abs(each["gap"]) for each in mine)}
        for key in ("seconds", "bytes"):
            fitted = fit(mine, key)
            row[key] = None if fitted is None else fitted[0]
        out.append(row)
    return out


def extrapolate(rows: list[Row]) -> None:
    """Give the rows that were not run what the fit says, under names of its own."""
    for row in rows:
        mine = [r for r in rows if (r["series"], r["who"]) == (row["series"], row["who"]) and "seconds" in r]
        if "seconds" in row or not mine or row["n"] > REACH * max(r["n"] for r in mine):
            continue
        for key in ("seconds", "bytes"):
            guess = predicted(mine, key, row["n"])
            if guess is not None and (key == "bytes" or guess > row.get("exceeded", 0.0)):
                row[f"{key} extrapolated"] = guess
