"""Figures of stored phases: movement K and discrepancy F over the step size τ, and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..measure import Floats
from .paper import INK, MU, NU, OTHER, PALE, PURPLE, RHO, figure, style
from .tables import caption, exponents, read_phases, read_sweep, require_numbers, require_same
from .taus import LINE_LIMIT, cell_edges, prefers_log, tau_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SYMBOLS = {"movement": "K", "discrepancy": "F"}
DASHES: Any = (0, (3, 2))  # what is not proven
SLOPES = 5  # segments of the Pareto front that get their slope written beside them
ROOM = 0.2  # inches from one line of text to the next
BAND = 0.25  # how strong the colours of μ and ν shine behind the first and the last phase


def _said(arrays: Mapping[str, Any], phases: Mapping[str, Any]) -> str:
    """Say how many phases there are, and how many boundaries are not proven."""
    count, critical, dashed = len(phases["tau_lo"]), len(phases["critical"]), int(np.sum(~phases["resolved"]))
    said = f"{exponents(arrays)}{count} {'phase' if count == 1 else 'phases'}, {critical or 'no'} "
    if not dashed:
        return said + "critical τ"
    return said + f"proven critical τ; {dashed} {'boundary' if dashed == 1 else 'boundaries'} not proven (dashed)"


# ---- K and F over τ ----


def staircase(
    phases_arrays: Mapping[str, Any], sweep_arrays: Mapping[str, Any] | None = None, *, title: str | None = None
) -> Figure:
    """Draw movement K(τ) and discrepancy F(τ) of one step: exact steps between the critical step sizes.

    At a critical step size K and F may be anything between two phases: the lazy step takes the left ends, the eager
    one the right ends. The first phase is named frozen if K = 0 there, the last ρ = ν if F = 0 there.

    Parameters
    ----------
    phases_arrays : of phases, see `Phases.arrays`. Boundaries that are not resolved are dashed: between the phases
        on both sides there may be more.
    sweep_arrays : of a sweep of the same problem; the K and F of its first steps are drawn as dots.
    title : default: how many phases there are.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing or does not fit, or the sweep is of another problem.
    """
    phases, sweep = read_phases(phases_arrays), None
    said = _said(phases_arrays, phases)
    if sweep_arrays is not None:
        require_same(sweep_arrays, phases_arrays)
        sweep = read_sweep(sweep_arrays, movement="T S", discrepancy="T S")
        for name in SYMBOLS:
            require_numbers(sweep, name, sweep["ok"][:, None] & (np.arange(sweep[name].shape[1]) == 0))
        lost = int(np.sum(~sweep["ok"]))
        said += f"; {lost} sampled τ without a result" if lost else ""
    low, high, log = _tau_range(phases, sweep)
    fig = figure(8.0, 5.0, title or caption(said))
    with style():
        axes = list(fig.subplots(2, 1, sharex=True))
        for ax, name, color in zip(axes, ("movement", "discrepancy"), (OTHER, PURPLE), strict=True):
            _steps(ax, phases, phases[name], low, high, color)
            if sweep is not None and sweep[name].shape[1]:
                ax.plot(sweep["tau"], sweep[name][:, 0], ".", color=INK, ms=3.5, zorder=4, clip_on=False)
            top = float(phases[name].max()) or 1.0
            ax.set(ylim=(-0.04 * top, 1.06 * top), ylabel=f"{name} {SYMBOLS[name]}")
            tau_axis(ax, low, high, log, label=ax is axes[1])
        bands = _bands(phases, low, high)
        _name_ends(axes, bands, 10 if len(phases["critical"]) > LINE_LIMIT else 6)
        _legend(fig, phases, bands, sweep is not None)
    return fig


def _tau_range(phases: Mapping[str, Any], sweep: Mapping[str, Any] | None) -> tuple[float, float, bool]:
    """Return the ends of the τ axis, a bit beyond all boundaries and all samples, and whether it is logarithmic."""
    inner = np.unique(np.concatenate([phases["tau_hi"][:-1], phases["tau_lo"][1:]]))
    sampled = np.empty(0) if sweep is None else sweep["tau"]
    every = np.unique(np.concatenate([inner, sampled]))
    log = prefers_log(every)
    if not len(every):
        return 0.0, 1.0, False
    low, high = float(every[0]), float(every[-1])
    if log:
        beyond = max((high / low) ** 0.08, 1.15)
        return low / beyond, high * beyond, True
    return 0.0, high + max(0.08 * high, float(np.diff(cell_edges(every, False))[-1]) / 2), False


def _steps(ax: Axes, phases: Mapping[str, Any], y: Floats, low: float, high: float, color: str) -> None:
    """Draw a step function of the phases: solid where proven, dashed where not; the corners of a few are dots."""
    start, end = phases["tau_lo"].copy(), phases["tau_hi"].copy()
    start[0], end[-1] = low, high
    path = np.column_stack([start, y, end, y]).reshape(-1, 2)
    cuts = 2 * np.flatnonzero(~phases["resolved"]) + 2  # a gap in the line between two phases
    ax.plot(*np.insert(path, cuts, np.nan, axis=0).T, color=color, lw=1.4, zorder=2, solid_joinstyle="miter")
    bridges = [path[cut - 1 : cut + 1] for cut in cuts]
    if bridges:
        dashes = np.concatenate([np.vstack([bridge, [[np.nan, np.nan]]]) for bridge in bridges])
        ax.plot(*dashes.T, color=color, lw=1.0, ls=DASHES, zorder=2)
        if len(bridges) <= LINE_LIMIT:
            middle = [bridge[:, 0].mean() for bridge in bridges]
            ax.vlines(middle, 0, 1, transform=ax.get_xaxis_transform(), colors=INK, linewidths=0.7, ls=DASHES, zorder=1)
    inner = np.flatnonzero(phases["resolved"])
    if len(phases["critical"]) > LINE_LIMIT:
        marks = ax.get_xaxis_transform()
        ax.vlines(phases["critical"], 1.0, 1.04, transform=marks, colors=INK, linewidths=0.5, clip_on=False)
    else:
        ax.vlines(phases["critical"], 0, 1, transform=ax.get_xaxis_transform(), colors=PALE, linewidths=0.6, zorder=1)
        ax.plot(end[inner], y[inner], "o", color=color, ms=4, zorder=3)
        ax.plot(end[inner], y[inner + 1], "o", color=color, mfc="white", ms=4, zorder=3)


def _bands(phases: Mapping[str, Any], low: float, high: float) -> list[tuple[float, float, str, str, str]]:
    """Return the phases at μ and at ν: ends on the axis, symbol, sentence, colour."""
    first, last = float(phases["tau_hi"][0]), float(phases["tau_lo"][-1])
    if len(phases["tau_lo"]) == 1 and phases["frozen"] and phases["arrives"]:
        return [(low, high, "ρ = μ = ν", "μ = ν: nothing has to move", NU)]
    bands = []
    if phases["frozen"]:
        word = f" for τ < {first:.4g}" if phases["resolved"][:1].all() else f" up to some τ ≤ {first:.4g}"
        bands.append((low, min(first, high), "ρ = μ", "frozen: ρ = μ" + word * bool(np.isfinite(first)), MU))
    if phases["arrives"]:
        word = f" for τ > {last:.4g}" if phases["resolved"][-1:].all() else f" from some τ ≥ {last:.4g} on"
        bands.append((max(last, low), high, "ρ = ν", "ρ = ν" + word * (last > 0), NU))
    return bands


def _name_ends(axes: list[Axes], bands: list[tuple[float, float, str, str, str]], pad: float) -> None:
    """Shade the phases at μ and at ν, and say where they are above the panels."""
    for start, end, _, sentence, color in bands:
        for ax in axes:
            ax.axvspan(start, end, color=color, alpha=BAND, lw=0, zorder=0)
        axes[0].set_title(sentence, loc="right" if color == NU and len(bands) > 1 else "left", pad=pad)


def _legend(fig: Figure, phases: Mapping[str, Any], bands: list[Any], sampled: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    dot: dict[str, Any] = {"marker": "o", "ls": "none", "ms": 4, "color": "#606060"}
    keys: list[Any] = []
    if 0 < len(phases["critical"]) <= LINE_LIMIT:
        keys = [Line2D([], [], label="lazy step at a critical τ", **dot)]
        keys += [Line2D([], [], label="eager step there", mfc="white", **dot)]
    elif len(phases["critical"]):
        keys = [Line2D([], [], color=INK, marker="|", ms=8, ls="none", label="critical τ")]
    if not phases["resolved"].all():
        keys.append(Line2D([], [], color=INK, lw=0.8, ls=DASHES, label="not proven, phases may be missing"))
    if sampled:
        keys.append(Line2D([], [], color=INK, marker=".", ms=5, ls="none", label="sampled by the sweep"))
    keys += [Patch(color=color, alpha=BAND, lw=0, label=symbol) for _, _, symbol, _, color in bands]
    if keys:
        fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.4, columnspacing=1.4)


# ---- K against F ----


def pareto(phases_arrays: Mapping[str, Any], *, title: str | None = None) -> Figure:
    """Draw the Pareto front: least discrepancy F for a movement K, its corners the phases.

    The lower left hull of all (K(μ, ρ), F(ρ, ν)): J = K/2τ + F has a constant value along lines of slope -1/2τ, and
    the step of size τ is where such a line touches the front. A segment has the slope -1/2τ of a critical τ.

    Parameters
    ----------
    phases_arrays : of phases, see `Phases.arrays`. Segments that are not resolved are dashed: the front may lie below.
    title : default: how many phases there are.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing or does not fit.
    """
    phases = read_phases(phases_arrays)
    line = np.column_stack([phases["movement"], phases["discrepancy"]])
    fig = figure(8.0, 4.2, title or caption("Pareto front, " + _said(phases_arrays, phases)))
    with style():
        ax = fig.subplots()
        right, top = (float(most) or 1.0 for most in line.max(axis=0))
        ax.set(xlim=(-0.02 * right, 1.25 * right), ylim=(-0.03 * top, 1.08 * top))
        ax.set(xlabel="movement K(μ, ρ)", ylabel="discrepancy F(ρ, ν)")
        cuts = np.flatnonzero(~phases["resolved"])
        for n, i in enumerate(cuts):
            ax.plot(
                *line[i : i + 2].T, color=OTHER, lw=2.0, ls=DASHES, zorder=2, label="" if n else "not proven, may sag"
            )
        ax.plot(*np.insert(line, cuts + 1, np.nan, axis=0).T, color=RHO, lw=1.4, zorder=2)
        ax.plot(*line.T, "o", color=RHO, ms=4 if len(line) <= LINE_LIMIT else 2, zorder=3)
        if phases["resolved"].any():
            ax.set_title("each solid segment has the slope −1/2τ of a critical τ")
            _slopes(ax, phases, line, np.array([right / 5.5, top / 3.2]))
        _name_corners(ax, phases, line)
        if len(cuts):
            ax.legend(loc="upper right")
    return fig


def _slopes(ax: Axes, phases: Mapping[str, Any], line: Floats, inch: Floats) -> None:
    """Write the slope beside a few proven segments, evenly along the front, where there is room."""
    ways, middle = np.diff(line / inch, axis=0), (line[1:] + line[:-1]) / 2
    length = np.cumsum(np.hypot(*ways.T))
    share = (length - np.hypot(*ways.T) / 2) / length[-1]  # of the front before the middle of each segment
    wanted = (np.arange(SLOPES) + 0.5) / SLOPES
    last, tau = np.inf, phases["tau_hi"]
    for i in np.unique([np.argmin(np.abs(share - place)) for place in wanted]):
        if not phases["resolved"][i]:
            continue
        height = middle[i, 1] / inch[1]
        if last - height > ROOM and line[0, 1] / inch[1] - height > ROOM and height - line[-1, 1] / inch[1] > ROOM:
            text = f"τ = {tau[i]:.3g}, slope −{0.5 / tau[i]:.3g}"
            ax.annotate(text, middle[i], (8, 5), textcoords="offset points", fontsize=8)
            last = height


def _name_corners(ax: Axes, phases: Mapping[str, Any], line: Floats) -> None:
    """Name the corners where nothing moves and where nothing is left to move."""
    for low, _, symbol, _, color in _bands(phases, 0.0, np.inf):
        corner = line[0] if low == 0.0 else line[-1]
        ax.plot(*corner, "o", color=color, ms=8, zorder=4, clip_on=False)
        ax.annotate(symbol, corner, (8, 5), textcoords="offset points", fontsize=9, fontweight="bold")
