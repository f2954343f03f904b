"""Figures of stored sweeps: which step sizes freeze, rest or arrive, and where the mass is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WrofError
from ..measure import Floats, Ints
from .paper import MU, NU, RHO, SKY, figure, style
from .tables import caption, counts, exponents, read_sweep, require_numbers, require_rising
from .taus import cell_edges, mark_critical, prefers_log, tau_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNKNOWN, AT_MU, MOVING, RESTING, AT_NU = range(-1, 4)  # what a cell (τ, k) of a phase diagram shows
CELLS = {
    AT_MU: ("ρ = μ", MU),
    MOVING: ("moving", SKY),
    RESTING: ("at rest, neither μ nor ν", RHO),
    AT_NU: ("ρ = ν", NU),
}
NO_RESULT: Any = {"facecolor": "#ececec", "edgecolor": "#7a7a7a", "hatch": "/////", "linewidth": 0.6}


def phase_diagram(
    sweep_arrays: Mapping[str, Any], critical: Any = None, *, title: str | None = None, log: bool | None = None
) -> Figure:
    """Draw a sweep over step size τ and step k: above, how far ρ_k is from ν; below, what it is doing.

    The distance is the total variation ||ρ_k - ν||_1 / 2 mass. A cell reaches half way to the next sampled step size
    (geometrically on a logarithmic axis); what lies between two samples is not known from the sweep, `critical` is.

    Parameters
    ----------
    sweep_arrays : of a sweep, see `Sweep.arrays`; tau (T,), distance (T, S + 1). Steps without a result are hatched.
    critical : (C,) exact critical step sizes, rising; up to 60 are drawn as lines, more as ticks.
    title : default: how many step sizes freeze, rest, arrive.
    log : logarithmic τ axis; default: whichever spaces the step sizes more evenly.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing, has a wrong shape, or contradicts another; if step sizes do not rise.
    """
    sweep = read_sweep(sweep_arrays, distance="T k", settled_at="T", taken="T")
    exact = _critical(critical)
    log = prefers_log(sweep["tau"]) if log is None else log
    edges, cells = cell_edges(sweep["tau"], log), regime_cells(sweep)
    require_numbers(sweep, "distance", cells != UNKNOWN)
    fig = figure(8.0, 5.6, title or caption(exponents(sweep_arrays) + counts(sweep)))
    with style():
        above, below = fig.subplots(2, 1, sharex=True, sharey=True)
        _distance_cells(fig, above, edges, np.where(cells == UNKNOWN, np.nan, sweep["distance"]))
        _regime_cells(below, edges, cells)
        marks = mark_critical([above, below], exact, edges[0], edges[-1])
        for ax in (above, below):
            hatch(ax, edges, _first_unknown(cells) - 0.5, cells.shape[1] - 0.5)
            tau_axis(ax, edges[0], edges[-1], log, label=ax is below)
            _step_axis(ax, cells.shape[1])
        above.set_title("distance of ρₖ to ν", pad=10)
        below.set_title("regime of ρₖ" + _outside(exact, edges, critical is not None), pad=10)
        _phase_legend(fig, cells, marks)
    return fig


def _critical(critical: Any) -> Floats:
    exact = np.asarray([] if critical is None else critical, dtype=np.float64).ravel()
    require_rising(exact, "critical")
    return exact


def _outside(exact: Floats, edges: Floats, given: bool) -> str:
    """Say what is not seen of the critical step sizes."""
    beyond = int(np.sum((exact < edges[0]) | (exact > edges[-1])))
    if beyond:
        return f" ({beyond} of {len(exact)} exact critical τ lie outside)"
    return " (there is no critical τ)" if given and not len(exact) else ""


def regime_cells(sweep: Mapping[str, Any]) -> Ints:
    """Return what ρ_k does at every (τ, k), (T, S + 1): UNKNOWN, AT_MU, MOVING, RESTING or AT_NU."""
    ok, regime, settled = sweep["ok"], sweep["regime"], sweep["settled_at"]
    wrong = ok & ((settled >= 0) == (regime == "running"))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise WrofError(
            f"arrays['settled_at'] is {settled[i]:g} at τ = {sweep['tau'][i]:g}, where arrays['regime'] is "
            f"{str(regime[i])!r}; one of them is wrong."
        )
    k = np.arange(sweep["distance"].shape[1])
    cells = np.full(sweep["distance"].shape, MOVING, dtype=np.int64)
    cells[:, 0] = AT_MU
    for word, code in (("frozen", AT_MU), ("steady", RESTING), ("target", AT_NU)):
        cells[(regime == word)[:, None] & (k >= settled[:, None])] = code
    cells[(regime == "running")[:, None] & (k > sweep["taken"][:, None])] = UNKNOWN
    cells[~ok] = UNKNOWN
    return cells


def _distance_cells(fig: Figure, ax: Axes, edges: Floats, distance: Floats) -> None:
    most = float(np.nanmax(distance, initial=0.0)) or 1.0
    mesh = _mesh(ax, edges, distance.T, cmap="viridis_r", vmin=0.0, vmax=most)
    fig.colorbar(mesh, ax=ax, label="‖ρₖ − ν‖₁ / 2 mass", aspect=15, pad=0.02)


def _regime_cells(ax: Axes, edges: Floats, cells: Ints) -> None:
    from matplotlib.colors import ListedColormap

    colors = ListedColormap([CELLS[code][1] for code in sorted(CELLS)])
    _mesh(ax, edges, np.where(cells == UNKNOWN, np.nan, cells).T, cmap=colors, vmin=-0.5, vmax=len(CELLS) - 0.5)


def _mesh(ax: Axes, edges: Floats, rows: Floats, **colors: Any) -> Any:
    """Draw rows k = 0, 1, ... of cells between `edges`; NaN is left empty."""
    steps = np.arange(len(rows) + 1) - 0.5
    return ax.pcolormesh(edges, steps, np.ma.masked_invalid(rows), rasterized=True, **colors)


def _first_unknown(cells: Ints) -> Ints:
    """Return the first step of every column from which nothing is known, S + 1 if all is."""
    unknown = np.append(cells == UNKNOWN, np.ones((len(cells), 1), dtype=bool), axis=1)
    return np.asarray(unknown.argmax(axis=1), dtype=np.int64)


def hatch(ax: Axes, edges: Floats, bottom: Any, top: float) -> None:
    """Hatch columns from `bottom` (T,) up to `top`, equal neighbours as one; an outline keeps the thinnest visible."""
    from matplotlib.patches import Rectangle

    starts = np.append(0, np.flatnonzero(np.diff(bottom)) + 1)
    for start, end in zip(starts, [*starts[1:], len(bottom)], strict=True):
        if bottom[start] < top:
            corner, width = (edges[start], bottom[start]), edges[end] - edges[start]
            ax.add_patch(Rectangle(corner, width, top - bottom[start], zorder=3, **NO_RESULT))


def _step_axis(ax: Axes, count: int) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set(ylim=(-0.5, count - 0.5), ylabel="step k")
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.spines[:].set_visible(True)


def _phase_legend(fig: Figure, cells: Ints, marks: Any) -> None:
    from matplotlib.patches import Patch

    keys: list[Any] = [Patch(color=color, label=label) for label, color in CELLS.values()]
    if (cells == UNKNOWN).any():
        keys.append(Patch(label="no result", **NO_RESULT))
    if marks is not None:
        keys.append(marks)
    fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.2, columnspacing=1.4)
