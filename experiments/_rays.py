"""The parabola, crossings of segments counted exactly, and pictures for rays.py."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist

from wrof import plot

UNSURE = 4 * 2.0**-53  # Shewchuk 1997: a determinant beyond (3 + 16ε)ε of its two terms has the right sign, ε = 2⁻⁵³


# ---- the parabola ----


def foot_of(points: np.ndarray) -> np.ndarray:
    """Abscissa t of a nearest point of y = x²: the root of 2t³ + (1 − 2y)t − |x| that is largest, with the sign of x.

    Newton's steps from above it: the cubic is convex there and they descend; on the ridge t and −t are as near.
    """
    x, y = np.abs(points[:, 0]), points[:, 1]
    t = np.sqrt(np.maximum(y - 0.5, 0.0)) + np.cbrt(x / 2)
    for _ in range(80):
        slope = 6 * t**2 + 1 - 2 * y
        t = t - np.divide(2 * t**3 + (1 - 2 * y) * t - x, slope, out=np.zeros_like(t), where=slope > 0)
    return np.where(points[:, 0] < 0, -t, t)


def to_parabola(points: np.ndarray) -> np.ndarray:
    """Distance of points to the parabola."""
    t = foot_of(points)
    return np.asarray(np.hypot(points[:, 0] - t, points[:, 1] - t**2))


def on_axis(c: Any) -> Any:
    """u(0, c): c, and from the ridge on √(c − ¼)."""
    return np.where(c <= 0.5, c, np.sqrt(np.maximum(c - 0.25, 0.0)))


def freedom(x: np.ndarray, u: np.ndarray, pair: np.ndarray, feet: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest shift of optimal potentials over u, for each |t|, if there is none at the vertex.

    Points x, of which pair[k] tells |t|, and the feet of −t and t are tied together, so φ = u + c, −ψ = c, one c for
    each |t|; c(i) − c(j) ≤ |x − y| − u(x) for every x of i and y of j, and the shortest paths over these tell the rest.
    """
    count = len(feet) // 2
    slack, of = np.full((count + 1, count + 1), np.inf), np.abs(np.arange(-count, count + 1))
    np.minimum.at(slack, (pair[:, None] + 0 * of, of + 0 * pair[:, None]), cdist(x, feet) - u[:, None])
    np.fill_diagonal(slack, 0.0)
    paths = shortest_path(np.maximum(slack, 0.0))
    return -paths[0], paths[:, 0]


# ---- crossings ----


def turns(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Sign of the turn a → b → c, row by row, exactly: in rational numbers wherever rounding could change it."""
    left, right = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]), (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    sign = np.sign(left - right).astype(int)
    for k in np.flatnonzero(np.abs(left - right) <= UNSURE * (np.abs(left) + np.abs(right))):
        (p, q), (r, s), (v, w) = ([Fraction(float(each)) for each in row] for row in (a[k], b[k], c[k]))
        exact = (r - p) * (w - q) - (s - q) * (v - p)
        sign[k] = (exact > 0) - (exact < 0)
    return sign


def crossings(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, int]:
    """Pairs (k, 2) of segments whose interiors cross; and of how many triples of their ends the points are in line."""
    i, j = np.triu_indices(len(start), 1)
    one = turns(start[i], end[i], start[j]), turns(start[i], end[i], end[j])
    other = turns(start[j], end[j], start[i]), turns(start[j], end[j], end[i])
    found = (one[0] * one[1] < 0) & (other[0] * other[1] < 0)
    in_line = sum(int((each == 0).sum()) for each in (*one, *other))
    return np.stack([i[found], j[found]], axis=1), in_line


def meeting_points(start: np.ndarray, end: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Where pairs of segments cross."""
    i, j = pairs.T
    way, other, off = end[i] - start[i], end[j] - start[j], start[j] - start[i]
    share = (off[:, 0] * other[:, 1] - off[:, 1] * other[:, 0]) / (way[:, 0] * other[:, 1] - way[:, 1] * other[:, 0])
    return np.asarray(start[i] + share[:, None] * way)


# ---- pictures ----


def segments(ax: Any, start: np.ndarray, end: np.ndarray, color: str, width: float, **more: Any) -> None:
    """Draw segments."""
    from matplotlib.collections import LineCollection

    ax.add_collection(LineCollection(np.stack([start, end], axis=1), colors=color, linewidths=width, **more))


def parabola_figure(params: dict[str, Any], sizes: list[int], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw the rays; the potential on the axis; how far it is from the distance."""
    shown = sizes[min(2, len(sizes) - 1)]
    one = {key.rpartition("/")[2]: each for key, each in arrays.items() if key.startswith(f"parabola/{shown}/")}
    fig = plot.figure(8.0, 5.0, "Rays to a parabola start on its ridge; the potential tends to the distance")
    with plot.style():
        spaces = fig.add_gridspec(2, 2, width_ratios=(1.25, 1))
        fan(fig.add_subplot(spaces[:, 0]), params["fan"], one)
        axis(fig.add_subplot(spaces[0, 1]), [shown, sizes[-1]] if sizes[-1] > shown else [shown], arrays)
        rates(fig.add_subplot(spaces[1, 1]), params["fan"], sizes, arrays)
    return plot.save(fig, folder / "rays_parabola.png")


def fan(ax: Any, most: float, one: dict[str, Any]) -> None:
    """Draw the rays as found, what they carry, and level sets of the distance, which end on the ridge."""
    t = np.linspace(-most, most, 201)
    for level in np.arange(0.1, np.sqrt(1 + 4 * most**2) / 2, 0.1):
        for side in (-1, 1):
            first = np.sqrt(max(level**2 - 0.25, 0.0))
            s = side * np.linspace(first, most, 60)
            share = level / np.sqrt(1 + 4 * s**2) * 2
            ax.plot(s * (1 - share), s**2 + share / 2, color=plot.SKY, lw=0.7, zorder=1)
    ax.plot(t, t**2, color=plot.NU, lw=1.4)
    ax.plot([0, 0], [0.5, most**2 + 0.5], color=plot.OTHER, lw=2.2, label="ridge")
    segments(ax, one["start"], one["end"], plot.INK, 0.7)
    ax.plot([], [], color=plot.INK, lw=0.7, label="rays")
    ax.plot([], [], color=plot.SKY, lw=0.7, label="u = 0.1, 0.2, …")
    unit = 2 / np.mean(one["mass"])
    ax.scatter(*one["x"].T, s=4 * unit * one["mass"], color=plot.MU, lw=0, zorder=3, label="μ")
    ax.scatter(*one["feet"].T, s=4 * unit * one["home"], color=plot.NU, lw=0, zorder=3, label="ν")
    ax.set(aspect="equal", xlabel="x", ylabel="y", title=f"{len(one['start'])} rays, areas are masses")
    ax.set(xlim=(-most - 0.06, most + 0.06), ylim=(-0.08, most**2 + 0.6))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), handlelength=1.4, ncols=5, columnspacing=1.0)


def axis(ax: Any, shown: list[int], arrays: dict[str, Any]) -> None:
    """Draw the potential of some fans on the axis."""
    c = np.linspace(0, arrays["parabola/up"][-1], 201)
    ax.plot(c, c, color=plot.PALE, lw=0.9, label="c")
    ax.plot(c, on_axis(c), color=plot.INK, lw=0.8, label="distance: c, then √(c − ¼)", zorder=3)
    for size, color, mark in zip(shown, (plot.MU, plot.RHO), ("o", "."), strict=False):
        x, phi = arrays[f"parabola/{size}/x"], arrays[f"parabola/{size}/phi"]
        there = x[:, 0] == 0
        ax.plot(x[there, 1], phi[there], mark, color=color, ms=3.5, label=f"potential, {2 * size + 1} rays")
    ax.axvline(0.5, color=plot.OTHER, lw=0.8, ls=":")
    ax.text(0.52, 0.04, "ridge", color=plot.OTHER, transform=ax.get_xaxis_transform())
    ax.set(xlabel="c", ylabel="u(0, c)", title="on the axis", xlim=(0, None), ylim=(0, 2.4))
    ax.legend(loc="upper left", handlelength=1.2)


def rates(ax: Any, most: float, sizes: list[int], arrays: dict[str, Any]) -> None:
    """Draw how far the potential is from the distance, at supports and between, against the number of rays."""
    found = np.array([distances(most, size, arrays) for size in sizes])
    rays = 2 * np.array(sizes) + 1
    for k, color, mark, size in ((0, plot.MU, "o", 5.5), (2, plot.RHO, "s", 2.5)):
        ax.plot(rays, found[:, k + 1], color=color, lw=0.8)
        name = "anywhere, by c-transform" if k else "at supports"
        ax.plot(rays, found[:, k], mark, color=color, ms=size, mew=0, label=name)
    ax.set(xscale="log", yscale="log", xlabel="rays", ylabel="largest |φ − u|", title="off the distance; lines: bounds")
    ax.set_xticks(rays, [str(each) for each in rays])
    ax.minorticks_off()
    ax.legend(loc="lower left", handlelength=1.0)


def distances(most: float, size: int, arrays: dict[str, Any]) -> list[float]:
    """Largest |φ − u| and its bound; the same of the c-transform."""
    one = {key.rpartition("/")[2]: each for key, each in arrays.items() if key.startswith(f"parabola/{size}/")}
    low, high = freedom(one["x"], one["u"], one["pair"], one["feet"])
    bound = max(high.max(), -low.min())
    grid = np.stack(np.meshgrid(arrays["parabola/across"], arrays["parabola/up"]), axis=-1).reshape(-1, 2)
    off = np.nanmax(np.abs(one["field"].ravel() - to_parabola(grid)))
    arc = most / size * np.sqrt(1 + 4 * most**2)
    return [np.abs(one["phi"] - one["u"]).max(), bound, off, bound + arc / 2]


def ring_figure(arrays: dict[str, Any], folder: Path) -> Path:
    """Draw the plan of many points, rays on common angles, and radii before and after."""
    fig = plot.figure(8.0, 3.3, "Ring to disk, p = 1: mass moves along radii, how far is left open")
    with plot.style():
        left, middle, right = fig.subplots(1, 3)
        x, y = arrays["spiral/x"], arrays["spiral/y"]
        some = slice(None, None, max(1, len(x) // 100))
        segments(left, x[some], y[some], plot.INK, 0.4, zorder=1)
        left.plot(*x[some].T, "o", color=plot.MU, ms=2.2, mew=0)
        left.plot(*y[some].T, "o", color=plot.NU, ms=2.2, mew=0)
        left.set_title(f"{len(x)} points each, {len(x[some])} shown")
        segments(middle, arrays["angles/start"], arrays["angles/end"], plot.PALE, 0.6, zorder=1)
        middle.plot(*arrays["angles/x"].T, "o", color=plot.MU, ms=1.4, mew=0)
        middle.plot(*arrays["angles/y"].T, "o", color=plot.NU, ms=1.4, mew=0)
        middle.set_title(f"{len(arrays['angles/start'])} rays on common angles")
        for ax in (left, middle):
            ax.set(aspect="equal", xlim=(-3.1, 3.1), ylim=(-3.1, 3.1), xticks=range(-3, 4), yticks=range(-3, 4))
        radii(right, arrays)
    return plot.save(fig, folder / "rays_ring.png")


def radii(ax: Any, arrays: dict[str, Any]) -> None:
    """Draw radii that mass comes from and goes to."""
    r = np.linspace(2, 3, 201)
    for name, color, size, label in (
        ("", plot.PALE, 1.8, "plan as solved"),
        ("monotone/", plot.RHO, 3.5, "monotone on rays"),
    ):
        ends = (np.linalg.norm(arrays[f"angles/{name}{end}"], axis=1) for end in ("x", "y"))
        ax.plot(*ends, "o", color=color, ms=size, mew=0, label=label)
    ax.plot(r, np.sqrt((r**2 - 4) / 5), color=plot.OTHER, lw=0.9, label="√((r² − 4)/5)")
    ax.set(xlabel="r, where mass comes from", ylabel="radius to which it goes", title="both plans cost the same")
    ax.set(ylim=(-0.02, 1.45), yticks=np.linspace(0, 1, 6), box_aspect=1)
    ax.legend(loc="upper left", handlelength=1.0)


def crossings_figure(powers: list[float], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw plans of the same points for p = 1 and p = 2, and how many segments cross against p."""
    fig = plot.figure(8.0, 3.6, "The same points: for p = 1 no two segments cross, for p = 2 some do")
    with plot.style():
        axes = fig.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
        for ax, p in zip(axes, (1.0, 2.0), strict=False):
            x, y = arrays["pair/x"], arrays["pair/y"][arrays["pair/mates"][powers.index(p)]]
            pairs = crossings(x, y)[0]
            segments(ax, x, y, plot.INK, 0.8, zorder=1)
            ax.plot(*x.T, "o", color=plot.MU, ms=3.5, mew=0, label="μ")
            ax.plot(*y.T, "o", color=plot.NU, ms=3.5, mew=0, label="ν")
            ax.plot(*meeting_points(x, y, pairs).T, "o", color=plot.OTHER, ms=5, mfc="none", mew=0.9, label="crossing")
            mean = np.linalg.norm(x - y, axis=1).mean()
            ax.set(aspect="equal", xlabel="x₁", title=f"p = {p:g}: {len(pairs)} crossings,\nmean length {mean:.5f}")
        axes[0].set_ylabel("x₂")
        fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=1.0)
        count, last = arrays["count"], axes[2]
        last.plot(powers, count.T, color=plot.PALE, lw=0.7)
        last.plot(powers, count[0], "o-", color=plot.OTHER, ms=3.5, lw=0.9, label="this pair of clouds")
        last.plot([], [], color=plot.PALE, lw=0.7, label="others")
        last.set(xlabel="p", ylabel="crossings", title="plans for other p", box_aspect=1)
        last.set_ylim(-0.02 * count.max(), 1.4 * count.max())
        last.legend(loc="upper left", handlelength=1.4)
    return plot.save(fig, folder / "rays_crossings.png")
