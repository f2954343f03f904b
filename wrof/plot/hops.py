"""The 2τ-graph, drawn: what mass can hop between, and how much is locked in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import WrofError
from ..measure import Floats, Ints
from .paper import INK, MU, NU, OTHER, PALE, PURPLE, RHO, SKY, figure, style
from .tables import caption, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS, MARKERS = (RHO, MU, NU, PURPLE, SKY, OTHER), "os^"  # of components, by size; the markers tell repeats apart
ALONE = "#9a9a9a"  # a component of one stop
WORDY = 8  # up to so many excess masses are written out in words
LABELS = 30  # at most so many excess masses are written at all
LEVEL = 1e-9  # of the mass: less excess than this is none
INCHES = (6.9, 5.6)  # the panel at its largest
LINE, ROOM = 1.5, 0.45  # inches: height of the panel of stops on a line, and around the stops of the others
LETTER = (0.072, 0.18)  # inches: one letter of a label, with some room


def hop_graph(graph_arrays: Mapping[str, Any], *, title: str | None = None) -> Figure:
    """Draw the graph of the hops that can pay: stops coloured by component, a spanning forest, the mass locked in.

    The number at a component is the mass of μ minus the mass of ν in it: as no mass leaves a component, so much stays
    too much, or is missing, for ever. A stop that is a component alone is grey.

    Parameters
    ----------
    graph_arrays : of a graph, see `HopGraph.arrays`. Grids are drawn as pictures are, the first axis downwards; of
        more than two axes the first two are seen.
    title : default: τ, how many components, how much mass is locked in, and what is left out.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing or does not fit.
    """
    graph = _read_graph(graph_arrays)
    scene = _scene(graph["points"], "shape" in graph_arrays)
    excess = graph["source_mass"] - graph["target_mass"]
    labels = _labels(graph["component"], excess, float(graph["source_mass"].sum()))
    spots = _place(labels, scene, graph["component"], graph["edges"])
    fig = figure(8.0, scene.inches[1] + 1.3, title or caption(_said(graph, excess, len(labels) - len(spots))))
    with style():
        ax = fig.subplots()
        _edges(ax, scene, graph["edges"])
        _stops(ax, scene, graph["component"])
        for spot, text in spots:
            box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
            x, y = spot / scene.scale
            ax.text(x, y, text, ha="center", va="center", fontsize=8, color=INK, zorder=5, bbox=box)
        (left, bottom), (right, top) = scene.corners
        ax.set(xlim=(left, right), ylim=(top, bottom) if scene.downwards else (bottom, top), xlabel=scene.names[0])
        if scene.names[1]:
            ax.set(aspect="equal", ylabel=scene.names[1])
        else:
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
        ax.set_title("a colour is a component, a grey stop is alone; numbers: mass of μ less mass of ν")
    return fig


def _read_graph(arrays: Mapping[str, Any]) -> dict[str, Any]:
    masses = {"source_mass": "c", "target_mass": "c"}
    graph = read(arrays, "graph", points="k d", component="k", edges="e 2", tau="", **masses)
    for name, count in (("component", len(graph["source_mass"])), ("edges", len(graph["points"]))):
        graph[name] = graph[name].astype(np.int64)
        wrong = graph[name][(graph[name] < 0) | (graph[name] >= count)]
        if wrong.size:
            raise WrofError(f"arrays[{name!r}] must be numbers from 0 to {count - 1}, got {wrong[0]}.")
    if not graph["points"].size:
        raise WrofError("arrays['points'] is empty: there is no stop to draw.")
    empty = np.flatnonzero(np.bincount(graph["component"], minlength=len(graph["source_mass"])) == 0)
    if len(empty):
        raise WrofError(f"arrays['component'] gives no stop to component {empty[0]}, which arrays['source_mass'] has.")
    return graph


def _said(graph: Mapping[str, Any], excess: Floats, hidden: int) -> str:
    """Say how many components there are, how much is locked in, and what is not seen."""
    stops, count, mass = len(graph["points"]), len(excess), float(graph["source_mass"].sum())
    said = f"τ = {float(graph['tau']):.4g}: {count} {'component' if count == 1 else 'components'} of {stops} stops"
    locked = float(np.maximum(excess, 0).sum())
    said += f", {100 * locked / mass:.3g} % of the mass locked in" if locked > LEVEL * mass else ", no mass locked in"
    off = mass - float(graph["target_mass"].sum())
    said += f"; {100 * off / mass:.3g} % of ν is off the stops" if off > LEVEL * mass else ""
    if graph["points"].shape[1] > 2:
        said += "; seen along the other axes"
    return said + (f"; {hidden} numbers left out" if hidden else "")


# ---- where things are ----


class _Scene(NamedTuple):
    """Stops in the plane, the corners of what is seen, inches per unit of both axes, and the size in inches."""

    xy: Floats
    corners: Floats
    scale: Floats
    inches: Floats
    names: tuple[str, str]
    downwards: bool


def _scene(points: Floats, grid: bool) -> _Scene:
    if points.shape[1] == 1:
        xy = np.column_stack([points[:, 0], np.zeros(len(points))])
        span = float(np.ptp(xy[:, 0])) or 1.0
        scale, inches = np.array([(INCHES[0] - 2 * ROOM) / span, 1.0]), np.array([INCHES[0], LINE])
        names = ("x", "")
    else:
        xy = points[:, [1, 0]] if grid else points[:, :2]
        names = ("x₂", "x₁") if grid else ("x₁", "x₂")
        span = np.ptp(xy, axis=0)
        room = np.array(INCHES) - 2 * ROOM
        unit = float(np.min(np.divide(room, span, out=np.full(2, np.inf), where=span > 0)))
        scale = np.full(2, unit if np.isfinite(unit) else 1.0)
        inches = np.array([INCHES[0], max(span[1] * scale[0] + 2 * ROOM, 2 * ROOM)])
    middle = (xy.min(axis=0) + xy.max(axis=0)) / 2
    return _Scene(xy, middle + np.outer([-0.5, 0.5], inches / scale), scale, inches, names, grid and bool(names[1]))


def _labels(component: Ints, excess: Floats, mass: float) -> list[tuple[int, str]]:
    """Return component and text for the excess masses that are not nothing, the greatest first."""
    order = np.argsort(-np.abs(excess), kind="stable")
    some = [int(c) for c in order if abs(excess[c]) > LEVEL * mass]
    numbers = [f"{excess[c]:+.2g}".replace("-", "−") for c in some]
    if len(some) > WORDY:
        return list(zip(some, numbers, strict=True))
    return [(c, ("locked: " if excess[c] > 0 else "missing: ") + text) for c, text in zip(some, numbers, strict=True)]


def _place(labels: list[tuple[int, str]], scene: _Scene, component: Ints, edges: Ints) -> list[tuple[Floats, str]]:
    """Return where labels go, in inches: near their component, over little else, never one over another."""
    at = scene.xy * scene.scale
    along = np.linspace(0, 1, 9)[:, None, None]
    drawn = np.concatenate([at, (along * at[edges[:, 0]] + (1 - along) * at[edges[:, 1]]).reshape(-1, 2)])
    low, high = scene.corners * scene.scale
    placed: list[tuple[Floats, Floats]] = []
    out = []
    for c, text in labels[:LABELS]:
        half = np.array([LETTER[0] * len(text), LETTER[1]]) / 2
        best: tuple[int, Floats] | None = None
        for spot in _candidates(at[component == c], half, bool(scene.names[1])):
            inside = np.all(spot - half >= low) and np.all(spot + half <= high)
            if inside and not any(np.all(np.abs(spot - other) < half + size) for other, size in placed):
                covered = int(np.sum(np.all(np.abs(drawn - spot) < half + 0.05, axis=1)))
                if best is None or covered < best[0]:
                    best = covered, spot
        if best is not None:
            placed.append((best[1], half))
            out.append((best[1], text))
    return out


def _candidates(at: Floats, half: Floats, plane: bool) -> list[Floats]:
    """Return places for a label, in inches: around the centre of its stops, outside of them; on a line above them."""
    low, high, centre = at.min(axis=0), at.max(axis=0), at.mean(axis=0)
    if not plane:
        return [np.array([(low[0] + high[0]) / 2, 0.2 + 0.17 * level]) for level in range(3)]
    around = np.array([(x, y) for y in (1, -1, 0) for x in (0, 1, -1)], dtype=np.float64)
    near = [centre + way * (half + 0.08) for way in around]
    beside = [np.where(way > 0, high, np.where(way < 0, low, centre)) + way * (half + 0.08) for way in around]
    return [*near, *beside]


# ---- what is drawn ----


def _edges(ax: Axes, scene: _Scene, edges: Ints) -> None:
    """Draw the forest: straight, or as arcs where hops on a line pass over other stops."""
    from matplotlib.collections import LineCollection

    lines = scene.xy[edges]
    if not scene.names[1] and len(edges):
        rank = np.unique(scene.xy[:, 0], return_inverse=True)[1][edges]
        if np.abs(np.diff(rank, axis=1)).max() > 1:
            turn = np.linspace(0, np.pi, 25)
            middle, half = lines[..., 0].mean(axis=1)[:, None], np.diff(lines[..., 0], axis=1) / 2
            deep = -0.9 * (LINE / 2) * np.abs(half) / max(float(np.abs(half).max()), 1e-300)
            lines = np.stack([middle - half * np.cos(turn), deep * np.sin(turn)], axis=2)
    ax.add_collection(LineCollection(list(lines), colors=PALE, linewidths=0.9, zorder=1), autolim=False)


def _stops(ax: Axes, scene: _Scene, component: Ints) -> None:
    """Draw the stops, coloured by the rank of their component's size."""
    size = np.bincount(component)
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    alone, area = size[component] == 1, float(np.clip(36 * 100 / len(component), 3, 36))
    turn = rank[component] % (len(COLORS) * len(MARKERS))
    for r in np.unique(turn[~alone]):
        here = ~alone & (turn == r)
        color, marker = COLORS[r % len(COLORS)], MARKERS[r // len(COLORS)]
        x, y = scene.xy[here].T
        ax.scatter(x, y, s=area, color=color, marker=marker, linewidths=0, zorder=2)
    x, y = scene.xy[alone].T
    ax.scatter(x, y, s=0.7 * area, color=ALONE, linewidths=0, zorder=2)
