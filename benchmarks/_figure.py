"""The figure of the benchmark of sizes: time and memory against N, log-log, one panel per family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _data import FAMILIES, SERIES
from _peers import HIGHS, LAZY, LEMON, OURS, POT, POT_LAZY, ROUGH, SPARSE

from wrof import plot

Row = dict[str, Any]
COLORS = {
    OURS: plot.RHO,
    LAZY: plot.SKY,
    ROUGH: plot.INK,
    POT: plot.OTHER,
    SPARSE: plot.MU,
    POT_LAZY: plot.PURPLE,
    LEMON: plot.NU,
    HIGHS: plot.PALE,
}
MARKS = ("o", "s", "^", "D", "v", "P")
KEYS = {"seconds": "seconds", "bytes": "MB at the peak"}
LEAST = {"seconds": 0.0, "bytes": 1e6}  # peaks below are not told from what was held before
ACROSS = 3


def draw(rows: list[Row], path: Path) -> None:
    """Write the figure; open marks and dashes are extrapolated."""
    from matplotlib.lines import Line2D

    families = [name for name in FAMILIES if any(SERIES[row["series"]].family == name for row in rows)]
    across = min(ACROSS, len(families))
    with plot.style():
        deep = 2 * -(-len(families) // across)
        fig = plot.figure(3.5 * max(across, 2), 2.9 * deep + 0.9, "One certified step: time and memory against N")
        axes = fig.subplots(deep, across, sharex=True, squeeze=False)
        for at, family in enumerate(families):
            for k, key in enumerate(KEYS):
                _panel(axes[2 * (at // across) + k, at % across], rows, family, key)
        for ax in axes.flat:
            ax.set_visible(ax.has_data())
        for ax in axes[1::2].flat:
            ax.set_xlabel("N = (sources x targets)$^{1/2}$")
        there = [who for who in COLORS if any(row["who"] == who for row in rows)]
        lines = [Line2D([], [], color=COLORS[who], marker="o", markersize=4, label=who) for who in there]
        lines.append(
            Line2D([], [], color=plot.INK, ls=":", marker="o", mfc="white", markersize=4, label="extrapolated")
        )
        fig.legend(handles=lines, loc="outside lower center", ncols=3 if across == 1 else 5)
        plot.save(fig, path)


def _panel(ax: Any, rows: list[Row], family: str, key: str) -> None:
    unit = 1e-6 if key == "bytes" else 1.0
    names = [name for name, series in SERIES.items() if series.family == family]
    names = [name for name in names if any(row["series"] == name for row in rows)]
    for name, mark in zip(names, MARKS, strict=False):
        for who, color in COLORS.items():
            mine = sorted((r for r in rows if (r["series"], r["who"]) == (name, who)), key=lambda r: r["n"])
            known = [(r["n"], r[key] * unit) for r in mine if r.get(key, 0) > LEAST[key]]
            guess = [(r["n"], r[f"{key} extrapolated"] * unit) for r in mine if f"{key} extrapolated" in r]
            style = {"color": color, "marker": mark, "markersize": 3.5}
            if guess:
                ax.plot(*zip(*known[-1:], *guess, strict=True), lw=0.8, ls=":", mfc="white", **style)
            if known:
                ax.plot(*zip(*known, strict=True), lw=1.1, **style)
        if key == "seconds":
            ax.plot([], [], color=plot.INK, marker=mark, ls="", markersize=3.5, label=short(name))
    ax.set(xscale="log", yscale="log", ylabel=KEYS[key])
    ax.grid(which="major", color=plot.PALE, lw=0.4)
    if key == "seconds":
        ax.set_title(family)
        ax.legend(loc="upper left", fontsize=6.5, handletextpad=0.2, borderaxespad=0.2)
    ax.tick_params(labelbottom=True)


def short(name: str) -> str:
    """Leave out what the panel's title says."""
    for prefix in ("white field, ", "smooth field, ", "cloud, "):
        name = name.removeprefix(prefix)
    return name
