"""The τ axis: linear or logarithmic, cells around sampled step sizes, exact critical step sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..measure import Floats
from .paper import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE_LIMIT = 60  # up to so many critical step sizes are lines across a panel; more are ticks at its top
DECADE = 10.0  # two or fewer step sizes stand on a logarithmic axis from this ratio on


def prefers_log(tau: Floats) -> bool:
    """Return whether rising step sizes are spaced more evenly on a logarithmic axis than on a linear one."""
    if len(tau) < 3:
        return bool(len(tau) and tau[-1] >= DECADE * tau[0])
    even = np.linspace(0, 1, len(tau))
    log, linear = (np.abs((x - x[0]) / (x[-1] - x[0]) - even).max() for x in (np.log(tau), tau))
    return bool(log < linear - 1e-9)


def cell_edges(tau: Floats, log: bool) -> Floats:
    """Return the T + 1 edges of cells around T rising step sizes: midpoints, geometric ones on a logarithmic axis."""
    place = np.log(tau) if log else tau
    if len(tau) == 1:
        half = np.log(1.1) if log else 0.1 * tau[0]
        ends = [place[0] - half, place[0] + half]
    else:
        inner = (place[1:] + place[:-1]) / 2
        ends = [2 * place[0] - inner[0], *inner, 2 * place[-1] - inner[-1]]
    return np.exp(ends) if log else np.maximum(ends, 0.0)


def position_edges(x: Floats) -> Floats:
    """Return the n + 1 edges of cells around n rising positions: midpoints."""
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5])
    inner = (x[1:] + x[:-1]) / 2
    return np.concatenate([[2 * x[0] - inner[0]], inner, [2 * x[-1] - inner[-1]]])


def tau_axis(ax: Axes, low: float, high: float, log: bool, *, label: bool = True) -> None:
    """Give a panel its τ axis from `low` to `high`, with plain numbers at its ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

    ax.set(xlim=(low, high), xlabel="τ" if label else "")
    if log:
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        decades = np.log10(high / low)
        if decades < 1:
            ax.xaxis.set_major_locator(MaxNLocator(6))
            ax.xaxis.set_minor_locator(NullLocator())
        else:
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades > 3 else (1.0, 2.0, 5.0), numticks=12))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())


def mark_critical(axes: Sequence[Axes], critical: Floats, low: float, high: float) -> Any:
    """Mark the critical step sizes between `low` and `high` in every panel; return what a legend can show, or None.

    A few are thin lines across the panels, black between white so that they show on any colour; more than 60 are
    ticks above the top edge.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import Normal, Stroke

    seen = critical[(critical >= low) & (critical <= high)]
    if not len(seen):
        return None
    across = len(seen) <= LINE_LIMIT
    for ax in axes:
        bottom, top = (0.0, 1.0) if across else (1.01, 1.05)
        lines = ax.vlines(
            seen, bottom, top, transform=ax.get_xaxis_transform(), colors=INK, linewidths=0.6, clip_on=across, zorder=4
        )
        if across:
            lines.set_path_effects([Stroke(linewidth=1.3, foreground="white", alpha=0.6), Normal()])
    return Line2D([], [], color=INK, lw=0.8, marker="|", ms=9, ls="none", label="exact critical τ")
