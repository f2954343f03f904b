"""Where the mass is, over many step sizes: figures of stored sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import unknown
from ..measure import Floats, Ints
from .film import read_film
from .panels import BAR_LIMIT, _map, draw, legend, outer_labels
from .paper import PALE, figure, style
from .sweeps import hatch
from .tables import caption, exponents, read_sweep, require_numbers
from .taus import cell_edges, position_edges, prefers_log, tau_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHICH = {"rho_first": "ρ₁", "rho_last": "the last ρ"}
FEW = 9  # up to so many stops on a line are named at the axis
IMAGES = 6  # step sizes that a density map in the plane shows
ROWS = 400  # rows of a density map on a line; of more stops neighbours share one
SAME = 1e-9  # of the mass: densities that differ less look the same


def density_map(sweep_arrays: Mapping[str, Any], which: str = "rho_first", *, title: str | None = None) -> Figure:
    """Draw where the mass is after one step, or at the end, over the step size τ of a sweep.

    On a line one picture, τ to the right, the position upwards, μ and ν beside it; a row per stop. In the plane μ, ν
    and at most 6 step sizes between, of those that differ, evenly.

    Parameters
    ----------
    sweep_arrays : of a sweep on finite stops, see `Sweep.arrays`.
    which : "rho_first", ρ after one step, or "rho_last", after the last.
    title : default: what is drawn, and of how many step sizes.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If `which` is another, or an array is missing (on FREE there is no rho_first) or does not fit.
    """
    if which not in WHICH:
        raise unknown("density", which, WHICH)
    measures = {"source": "n", "source_points": "n d", "target": "m", "target_points": "m d"}
    sweep = read_sweep(sweep_arrays, **{which: "T s"}, points="s d", **measures)
    require_numbers(sweep, which, sweep["ok"][:, None])
    ends = np.concatenate([sweep[name] for name in ("points", "source_points", "target_points")])
    axes = np.flatnonzero(np.ptp(ends, axis=0) > 0)
    if len(axes) > 1:
        return _in_the_plane(sweep_arrays, sweep, which, title)
    lost = int(np.sum(~sweep["ok"]))
    said = f"{exponents(sweep_arrays)}{WHICH[which]} against τ" + (f"; no result at {lost} τ (hatched)" if lost else "")
    return _on_a_line(sweep, sweep[which], int(max(axes, default=0)), title or said)


# ---- on a line ----


def _on_a_line(sweep: Mapping[str, Any], rho: Floats, axis: int, title: str) -> Figure:
    from matplotlib.colors import Normalize, PowerNorm

    names = ("source", "points", "target")
    where = [sweep[name if name == "points" else f"{name}_points"][:, axis] for name in names]
    x = np.unique(np.concatenate(where))
    rows = [_rows(x, at, mass) for at, mass in zip(where, (sweep["source"], rho.T, sweep["target"]), strict=True)]
    y, starts, label = _positions(x)
    rows = [np.maximum.reduceat(mass, starts, axis=0) for mass in rows]
    top = max(float(np.nanmax(mass, initial=0.0)) for mass in rows)
    faint = np.nanmedian(np.concatenate([mass[mass > 0] for mass in rows])) < 0.1 * top
    norm = PowerNorm(0.5, 0, top) if faint else Normalize(0, top)
    log = prefers_log(sweep["tau"])
    edges, ends = cell_edges(sweep["tau"], log), np.array([0.0, 1.0])
    fig = figure(8.0, 4.2, caption(title))
    with style():
        axes = list(fig.subplots(1, 3, sharey=True, width_ratios=[1, 22, 1]))
        for ax, mass, columns, name in zip(axes, rows, (ends, edges, ends), ("μ", "", "ν"), strict=True):
            grid = np.ma.masked_invalid(mass.reshape(len(starts), -1))
            mesh = ax.pcolormesh(columns, y, grid, cmap=_map(), norm=norm, rasterized=True)
            if len(starts) <= BAR_LIMIT:
                ax.hlines(y[1:-1], *columns[[0, -1]], colors=PALE, linewidths=0.5)
            ax.set_title(name, loc="center")
            ax.spines[:].set_visible(True)
            ax.tick_params(left=ax is axes[0])
        for ax in axes[::2]:
            ax.set_xticks([])
        hatch(axes[1], edges, np.where(sweep["ok"], y[-1], y[0]), y[-1])
        tau_axis(axes[1], edges[0], edges[-1], log)
        axes[0].set_ylabel(label)
        _name_stops(axes[0], x, "order" in label)
        fig.colorbar(mesh, ax=axes, label="mass per stop", aspect=18, pad=0.02)
    return fig


def _rows(x: Floats, where: Floats, mass: Floats) -> Floats:
    """Return masses at the positions x (n, ...), of coinciding points together."""
    out = np.zeros((len(x), *mass.shape[1:]))
    np.add.at(out, np.searchsorted(x, where), mass)
    return out


def _positions(x: Floats) -> tuple[Floats, Ints, str]:
    """Return the edges of rows, the first position of each row, and what the axis shows.

    Positions too close to tell apart are drawn in order instead; of more than 400, neighbours share a row, which
    shows the greatest of their masses.
    """
    edges: Any = position_edges(x)
    label = "x"
    heights = np.diff(edges)
    if len(x) > 1 and heights.min() < min(0.3 * heights.mean(), (edges[-1] - edges[0]) / ROWS):
        edges, label = np.arange(len(x) + 1.0) - 0.5, "x, stops in order"
    share = -(-len(x) // ROWS)
    starts = np.arange(0, len(x), share)
    if share > 1:
        label += f" (greatest of {share} stops a row)"
    return np.append(edges[starts], edges[-1]), starts, label


def _name_stops(ax: Axes, x: Floats, ranked: bool) -> None:
    """Put the ticks at the stops if they are few or drawn in order."""
    if ranked or len(x) <= FEW:
        shown = np.unique(np.linspace(0, len(x) - 1, min(len(x), FEW)).round().astype(int))
        ax.set_yticks(shown if ranked else x[shown], [f"{x[i]:.3g}" for i in shown])


# ---- in the plane ----


def _in_the_plane(arrays: Mapping[str, Any], sweep: Mapping[str, Any], which: str, title: str | None) -> Figure:
    tau, every = sweep["tau"], runs_of_equal(sweep[which], sweep["ok"])
    runs = [every[i] for i in np.unique(np.linspace(0, len(every) - 1, min(len(every), IMAGES)).round().astype(int))]
    film = read_film({**arrays, "rho": sweep[which][[run[len(run) // 2] for run in runs]]})
    names = ["μ", *(f"τ = {tau[r[0]]:.3g}" + (f" to {tau[r[-1]]:.3g}" if len(r) > 1 else "") for r in runs), "ν"]
    across = len(names) if len(names) <= 4 else -(-len(names) // 2)
    down, panel = -(-len(names) // across), (6.6 if film.kind == "image" else 7.2) / across
    height = down * (film.height(panel) + 0.35) + (0.5 if film.kind == "image" else 0.9)
    fig = figure(8.0, height, title or _said(arrays, sweep, which, (len(runs), len(every)), film.kind), compressed=True)
    with style():
        grid = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        axes, scale = list(grid[: len(names)]), film.scale(range(len(film.frames)), panel)
        for ax, k, name in zip(axes, [*range(len(film.frames)), None], names, strict=True):
            draw(ax, film, k, scale)
            ax.set_title(name)
        for ax in grid[len(names) :]:
            ax.remove()
        outer_labels(axes, across, film)
        legend(fig, film, axes)
    return fig


def _said(arrays: Mapping[str, Any], sweep: Mapping[str, Any], which: str, shown: tuple[int, int], kind: str) -> str:
    """Say what a density map in the plane shows, and what it leaves out."""
    text = f"{exponents(arrays)}{WHICH[which]} at {shown[0]} of {len(sweep['tau'])} τ"
    if 0 < shown[0] == shown[1] < np.sum(sweep["ok"]):
        text += ", the others are the same"
    if sweep["points"].shape[1] > 2:
        text += ", summed over the other axes" if kind == "image" else ", seen along the other axes"
    lost = int(np.sum(~sweep["ok"]))
    return caption(text + (f"; no result at {lost}" if lost else ""))


def runs_of_equal(rho: Floats, ok: Any) -> list[Ints]:
    """Return runs of neighbouring rows of rho that are equal, as row numbers; rows without a result are left out."""
    known = np.flatnonzero(ok)
    if not len(known):
        return []
    change = np.abs(np.diff(rho[known], axis=0)).sum(axis=1) > SAME * rho[known[0]].sum()
    return np.split(known, np.flatnonzero(change) + 1)
