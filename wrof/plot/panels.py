"""What is drawn into one panel, and what panels share: a scale, a legend, the outer labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .film import Film, Scale, get_array, spacing
from .paper import INK, MU, NU, OTHER, PALE, PURPLE, RHO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

BAR_LIMIT = 40  # up to so many bars stand apart; more of them touch
CLOSE = 1e-9  # masses agree, relative to the greatest


def bars(
    ax: Axes,
    points: Any,
    weights: Any,
    *,
    color: str = RHO,
    label: str | None = None,
    outline: bool = False,
    stems: bool | None = None,
) -> None:
    """Draw a measure on a line into `ax`: bars where points are equally spaced, stems where they are not.

    Parameters
    ----------
    ax : Axes.
    points : (n,) or (n, 1), in any order.
    weights : (n,) masses; zeros are left out.
    color, label : as Matplotlib reads them.
    outline : only the outline of the bars (stems: hollow heads).
    stems : stems in any case, or never.
    """
    x, mass = np.asarray(points, dtype=np.float64).ravel(), np.asarray(weights, dtype=np.float64).ravel()
    order = np.argsort(x, kind="stable")
    x, mass = x[order], mass[order]
    width, has = spacing(x), mass > 0
    face, line = ("none", 1.1) if outline else (color, 0.0)
    if stems or (stems is None and not width):
        count = np.count_nonzero(has)
        heads, line, size = count <= 4 * BAR_LIMIT, 2.0 if count <= 12 else 0.9, 5 if count <= 12 else 3
        if heads:
            ax.plot(x[has], mass[has], "o", color=color, mfc=face, ms=size + outline, label=label)
        if not (heads and outline):
            ax.vlines(x[has], 0, mass[has], colors=color, linewidth=line, label="" if heads else label or "")
    elif len(x) > BAR_LIMIT:
        edges = np.append(x - width / 2, x[-1] + width / 2)
        ax.stairs(mass, edges, fill=not outline, color=color, linewidth=line, label=label)
    else:
        ax.bar(x[has], mass[has], width=0.8 * (width or 1.0), color=face, edgecolor=color, linewidth=line, label=label)


def compare(ax: Axes, points: Any, rho: Any, mu: Any, nu: Any) -> None:
    """Draw rho into `ax` as bars coloured by what is as in mu, what is as in nu, and what is neither.

    Parameters
    ----------
    ax : Axes.
    points : (n,) or (n, 1) on a line.
    rho, mu, nu : (n,) masses there; equal means equal to 1e-9 of the greatest of mu and nu.
    """
    rho, mu, nu = (np.asarray(weights, dtype=np.float64).ravel() for weights in (rho, mu, nu))
    close = CLOSE * max(float(mu.max()), float(nu.max()))
    there, stayed = np.abs(rho - nu) <= close, np.abs(rho - mu) <= close
    for color, mask in ((NU, there), (MU, stayed & ~there), (RHO, ~stayed & ~there)):
        bars(ax, points, np.where(mask, rho, 0.0), color=color)


def discs(
    ax: Axes,
    points: Any,
    weights: Any,
    *,
    area: float,
    color: str = RHO,
    label: str | None = None,
    outline: bool = False,
) -> None:
    """Draw a measure in the plane into `ax`, as discs whose area is their mass.

    Parameters
    ----------
    ax : Axes.
    points : (n, 2).
    weights : (n,) masses.
    area : of the disc of mass 1, in square points (1/72 inch squared).
    color, label : as Matplotlib reads them.
    outline : circles instead.
    """
    where, size = np.asarray(points, dtype=np.float64), area * np.asarray(weights, dtype=np.float64)
    x, y, size = where[size > 0, 0], where[size > 0, 1], size[size > 0]
    if outline:
        ax.scatter(x, y, size, facecolors="none", edgecolors=color, linewidths=0.8, zorder=3, label=label)
    else:
        ax.scatter(x, y, size, color=color, linewidths=0, alpha=0.85, zorder=2, label=label)


def energies(ax: Axes, arrays: Mapping[str, Any]) -> None:
    """Draw J, K/2τ and F of every step of a stored flow into `ax`.

    Parameters
    ----------
    ax : Axes.
    arrays : with `value`, `movement`, `discrepancy` and `tau`, one entry per step.
    """
    from matplotlib.ticker import MaxNLocator

    total, move, left, tau = (get_array(arrays, name) for name in ("value", "movement", "discrepancy", "tau"))
    k = np.arange(1, len(total) + 1)
    mark = "o" if len(k) <= BAR_LIMIT else ""
    for y, color, label in ((total, INK, "J"), (left, PURPLE, "F"), (move / (2 * tau), OTHER, "K/2τ")):
        ax.plot(k, y, color=color, marker=mark, ms=3, label=label, clip_on=False)
    ax.set(xlabel="step k", ylabel="energy", ylim=(0, None), title="J = K/2τ + F")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)


# ---- panels of a film ----


def draw(ax: Axes, film: Film, k: int | None, scale: Scale, *, ghosts: bool = True) -> None:
    """Draw step k of a film, or nu (k = None); `ghosts` lets mu and nu shine through."""
    points, weights = film.target if k is None else film.frames[k]
    left, right, bottom, upper = film.extent
    if film.kind == "image":
        ax.imshow(weights, cmap=_map(), vmin=0, vmax=scale.top, extent=film.extent, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
    elif film.kind == "line":
        if k and film.comparable:
            compare(ax, points, weights, film.frames[0][1], film.target[1])
        else:
            color = {0: MU, None: NU}.get(k, RHO)
            bars(ax, points, weights, color=color, stems=True if film.stops is None and k else None)
        if ghosts:
            if not film.comparable:
                bars(ax, *film.frames[0], color=MU, outline=True)
            bars(ax, *film.target, color=NU, outline=True)
        ax.set(xlim=(left, right), ylim=(0, 1.08 * scale.top), xlabel="x")
    else:
        if ghosts:
            if film.stops is not None:
                ax.plot(*film.stops.T, ".", color=PALE, ms=2, zorder=1)
            for (where, mass), color in ((film.frames[0], MU), (film.target, NU)):
                discs(ax, where, mass, area=scale.area, color=color, outline=True)
        discs(ax, points, weights, area=scale.area, color={0: MU, None: NU}.get(k, RHO))
        ax.set(xlim=(left, right), ylim=(bottom, upper), aspect="equal", xlabel="x₁", ylabel="x₂")


def _map() -> Colormap:
    """Masses from none (paper) to much (ink), through the colour of rho; lightness falls all the way."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("mass", ["#ffffff", "#9fd0ee", RHO, "#00131f"])


def legend(fig: Figure | SubFigure, film: Film, axes: Sequence[Axes]) -> None:
    """Explain the colours, once for the whole figure."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if film.kind == "image":
        fig.colorbar(axes[0].images[0], ax=list(axes), label="mass per point", aspect=15)
        return
    disc = {"marker": "o", "linestyle": "none", "mfc": "none"}
    stems = film.kind == "line" and not spacing(np.sort(film.target[0][:, 0]))
    outline: dict[str, Any] = disc if stems or film.kind == "cloud" else {"lw": 1.1}
    if film.kind == "line" and film.comparable:
        parts = {"as in μ": MU, "neither": RHO, "as in ν": NU}
        keys: list[Any] = [Patch(color=color, label=label) for label, color in parts.items()]
    else:
        full = Line2D([], [], color=RHO, label="ρ", marker="o", linestyle="none")
        keys = [Line2D([], [], color=MU, label="μ", **outline), full]
    keys.append(Line2D([], [], color=NU, label="ν", **outline))
    if film.kind == "cloud" and film.stops is not None:
        keys.append(Line2D([], [], color=PALE, label="stop", marker=".", linestyle="none"))
    fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.2, columnspacing=1.6)


def outer_labels(axes: Sequence[Axes], across: int, film: Film) -> None:
    """Keep axis labels at the outer panels only."""
    for place, ax in enumerate(axes):
        if film.kind == "line":
            ax.set_ylabel("mass per point" if place % across == 0 else "")
        elif place % across:
            ax.set_ylabel("")
        if place + across < len(axes):
            ax.set_xlabel("")
