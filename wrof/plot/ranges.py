"""What all minimisers of a step have in common: the least and the greatest mass at every stop, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WrofError
from ..measure import Floats
from .film import spacing
from .panels import BAR_LIMIT, _map, bars, discs
from .paper import INK, OTHER, PALE, RHO, figure, style
from .tables import caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EQUAL = 1e-9  # of the greatest mass: a narrower range is a single value
SLACK = 1e-6  # of the greatest mass: rounding that lo <= rho <= hi may show
NAMES = ("least", "ρ", "greatest", "greatest − least")


def rho_ranges(lo: Any, hi: Any, rho: Any, points: Any, *, title: str | None = None) -> Figure:
    """Draw the least and the greatest mass per stop over all minimisers of a step, around the ρ that was selected.

    On a line ρ as bars with its ranges; in the plane four pictures: least, ρ, greatest, and what lies between.

    Parameters
    ----------
    lo, hi : (k,) least and greatest mass at every stop.
    rho : (k,) one minimiser.
    points : (k, d) stops, or (k,) on a line; a full regular lattice in C order is drawn as pictures are.
    title : default: how many masses are not unique, and by how much.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array does not fit, is not finite, or rho is not between lo and hi.
    """
    low, high, mass, where = _read_ranges(lo, hi, rho, points)
    axes = np.flatnonzero(np.ptp(where, axis=0) > 0)
    said = title or caption(_said(low, high, len(axes)))
    if len(axes) < 2:
        return _on_a_line(low, high, mass, where[:, max(axes, default=0)], said)
    return _in_the_plane([low, mass, high, high - low], where, said)


def _read_ranges(lo: Any, hi: Any, rho: Any, points: Any) -> tuple[Floats, Floats, Floats, Floats]:
    named = {name: np.asarray(a, dtype=np.float64) for name, a in (("lo", lo), ("hi", hi), ("rho", rho))}
    where = np.asarray(points, dtype=np.float64)
    where = where[:, None] if where.ndim == 1 else where
    if where.ndim != 2 or not where.size:
        raise WrofError(f"points must be (k, d) or (k,), k > 0, got shape {where.shape}.")
    for name, array in named.items():
        if array.shape != (len(where),):
            raise WrofError(f"{name} has shape {array.shape} for {len(where)} points.")
        if not np.isfinite(array).all():
            raise WrofError(f"{name} must be finite, got {array[~np.isfinite(array)][0]:g}.")
    low, high, mass = named.values()
    wrong = np.maximum(low - mass, mass - high) > SLACK * max(float(np.abs(high).max()), 1e-300)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise WrofError(f"rho[{i}] = {mass[i]:g} is not between lo[{i}] = {low[i]:g} and hi[{i}] = {high[i]:g}.")
    return low, high, mass, where


def _said(low: Floats, high: Floats, dim: int) -> str:
    wide = high - low > EQUAL * float(high.max())
    if not wide.any():
        said = f"every minimiser has the same mass at each of {len(low)} stops"
    else:
        said = f"{wide.sum()} of {len(low)} masses are not unique: minimisers differ by up to {(high - low).max():.3g}"
    return said + ("; seen along the other axes" if dim > 2 else "")


def _on_a_line(low: Floats, high: Floats, mass: Floats, x: Floats, title: str) -> Figure:
    """Draw rho as bars or stems, the ranges as error bars."""
    order = np.argsort(x, kind="stable")
    x, low, high, mass = x[order], low[order], high[order], mass[order]
    wide, width = high - low > EQUAL * float(high.max()), spacing(x)
    fig = figure(8.0, 3.4, title)
    with style():
        ax = fig.subplots()
        bars(ax, x, mass, color=RHO, label="ρ")
        if wide.any():
            reach = np.abs([low - mass, high - mass])[:, wide]
            cap, thick = 3 if len(x) <= BAR_LIMIT else 0, float(np.clip(200 / len(x), 0.7, 1.8))
            ax.errorbar(
                x[wide], mass[wide], reach, fmt="none", ecolor=OTHER, elinewidth=thick, capsize=cap, label="range"
            )
        pad = width or 0.03 * float(np.ptp(x)) or 1.0
        ax.set(xlim=(x[0] - pad, x[-1] + pad), ylim=(0, 1.06 * float(high.max()) or 1.0))
        ax.set(xlabel="x", ylabel="mass per stop")
        fig.legend(loc="outside lower center", ncols=2, handlelength=1.4)
    return fig


def _in_the_plane(masses: list[Floats], where: Floats, title: str) -> Figure:
    """Draw four panels, the last with a scale of its own."""
    shape = _lattice(where)
    seen = where[:, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    side = high - low
    tall = side[0] / side[1] if shape else side[1] / side[0]
    fig = figure(8.0, float(np.clip(1.7 * tall, 0.5, 4.5)) + (1.5 if shape else 1.1), title, compressed=True)
    with style():
        axes = list(fig.subplots(1, 4, sharex=True, sharey=True))
        top = float(masses[2].max()) or 1.0
        for ax, mass, name in zip(axes, masses, NAMES, strict=True):
            if shape:
                most = float(mass.max()) or 1.0 if ax is axes[-1] else top
                _picture(ax, mass, shape, (low, high), most)
            else:
                ax.plot(*seen.T, ".", color=PALE, ms=2, zorder=1)
                area = (4.0 * 1.7) ** 2 / top * np.sqrt(min(1.0, 40 / len(seen)))
                discs(ax, seen, mass, area=area, color=OTHER if ax is axes[-1] else RHO)
                pad = 0.08 * float(side.max())
                ax.set(xlim=(low[0] - pad, high[0] + pad), ylim=(low[1] - pad, high[1] + pad), aspect="equal")
                ax.set(xlabel="x₁", ylabel="x₂" if ax is axes[0] else "")
            ax.set_title(name, color=INK)
        if shape:
            fig.colorbar(axes[0].images[0], ax=axes[:3], location="bottom", aspect=40, label="mass per stop")
            fig.colorbar(axes[3].images[0], ax=axes[3], location="bottom", aspect=13, label="difference")
    return fig


def _lattice(where: Floats) -> tuple[int, int] | None:
    """Return rows and columns if the points are a full regular lattice in the plane, in C order."""
    if where.shape[1] != 2:
        return None
    rows, columns = (np.unique(axis) for axis in where.T)
    if len(rows) * len(columns) != len(where) or not (spacing(rows) and spacing(columns)):
        return None
    full = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=2).reshape(-1, 2)
    return (len(rows), len(columns)) if np.array_equal(full, where) else None


def _picture(ax: Any, mass: Floats, shape: tuple[int, int], ends: tuple[Floats, Floats], most: float) -> None:
    half = (ends[1] - ends[0]) / (np.array(shape) - 1) / 2
    low, high = ends[0] - half, ends[1] + half
    box = (low[1], high[1], high[0], low[0])
    ax.imshow(mass.reshape(shape), cmap=_map(), vmin=0, vmax=most, extent=box, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
