"""Bounds, ways and pictures for continuum.py: how far a flow on a lattice is from the one on free stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial.distance import cdist

import wrof
from wrof import plot

SHOWN = (1 / 1.4, 1 / 4, 1 / 10.45, 1 / 40.2)  # h/τ of the flows on the line that are shown step by step
COARSE = 16  # cells along a side of the square on which ways are shown
LATER = 5  # steps after which the flows are compared again
COLORS = (plot.OTHER, plot.MU, plot.RHO, plot.PURPLE)
TIE = 1e-9


# ---- numbers ----


def bottleneck(a: wrof.Measure, b: wrof.Measure, n: int) -> float:
    """W∞ of measures whose masses are whole multiples of 1/n: the least length up to which all n atoms find mates."""
    atoms = []
    for each in (a, b):
        count = np.rint(each.weights * n)
        if np.abs(count - each.weights * n).max() > TIE or count.sum() != n:
            raise wrof.WrofError(f"the masses are not multiples of 1/{n}: no bottleneck by matching.")
        atoms.append(np.repeat(each.points, count.astype(int), axis=0))
    far = cdist(*atoms)
    lengths = np.unique(far)
    low, high = 0, len(lengths) - 1
    while low < high:
        middle = (low + high) // 2
        mates = maximum_bipartite_matching(csr_array(far <= lengths[middle]), perm_type="column")
        low, high = (low, middle) if (mates >= 0).all() else (middle + 1, high)
    return float(lengths[low])


def slope(h: np.ndarray, error: np.ndarray, seen: np.ndarray) -> float:
    """Slope of a straight line through log error over log h; nan of less than two points."""
    return float(np.polyfit(np.log(h[seen]), np.log(error[seen]), 1)[0]) if np.sum(seen) > 1 else np.nan


def drift_bound(h: Any, tau: float, k: Any) -> Any:
    """Bound of W∞ on a line: the first step rounds by h/2, later ones by |mh − τ|, the last at home by h."""
    return np.maximum(h, h / 2 + (k - 1) * np.abs(np.ceil(tau / h - 0.5 - TIE) * h - tau))


def flight_bound(b: Any, s: float, tau: float) -> Any:
    """Bound of J(lattice) − J(free), all atoms in flight."""
    return b**2 / (2 * tau) + b**2 / (2 * (s - b))


def shift_bound(b: Any, s: float, tau: float) -> Any:
    """Bound of the way between the best stop of a lattice and the free one."""
    return b * np.sqrt(1 + tau / (s - b))


def rest_bound(b: Any, tau: float) -> Any:
    """Bound of the way from home of an atom at rest, τ > (2 + √5)b."""
    return tau - b - np.sqrt(tau**2 - 4 * tau * b)


def exact_flight(one: dict[str, Any], h: float, tau: float) -> float:
    """Mean of δ²/2τ, δ the distance of x ± τ from the lattice; mass of pieces between quantiles as stored."""
    place = one["start"] + tau * np.sign(one["home"] - one["start"])
    return float(np.mean((place - h * np.round(place / h)) ** 2) / (2 * tau))


def exact_arrival(one: dict[str, Any], h: float, tau: float) -> float:
    """Mean of what the better of the two stops beside home costs more than home."""
    x, y = one["start"], one["home"]
    beside = np.array([np.floor(y / h), np.ceil(y / h)]) * h
    costs = (beside - x) ** 2 / (2 * tau) + np.abs(beside - y)
    return float(np.mean(costs.min(axis=0) - (y - x) ** 2 / (2 * tau)))


def rise(h: np.ndarray, value: np.ndarray) -> float:
    """Return the greatest rise of J from a spacing of 1 / power of 2 to the next."""
    halved = np.flatnonzero(np.log2(h) % 1 == 0)
    return float(np.diff(value[halved[np.argsort(-h[halved])]]).max())


def both_slopes(h: np.ndarray, apart: np.ndarray, d1: np.ndarray, seen: np.ndarray) -> str:
    """Return two slopes as text."""
    return f"{slope(h, apart, seen):.3f}, {slope(h, d1, seen):.3f}"


# ---- ways ----


def walk(flow: wrof.Flow, mu: wrof.Measure) -> np.ndarray:
    """Pieces (k, 4) of way that the flow goes, from and to."""
    pieces = []
    for result in flow.results:
        start, stop = result.plan.mu.points[result.plan.source], result.plan.stop_points()
        pieces.append(np.unique(np.concatenate([start, stop], axis=1), axis=0))
    return np.concatenate(pieces)


def shift(result: wrof.StepResult) -> dict[str, float]:
    """How far stops are from the points τ on the way to the same mates; the shortest way that is left from there."""
    plan = result.plan
    way = plan.nu.points[plan.target] - plan.mu.points[plan.source]
    length = np.linalg.norm(way, axis=1)
    off = plan.displacement() - result.tau * way / length[:, None]
    return {"shift": np.linalg.norm(off, axis=1).max(), "left": length.min() - result.tau}


def path_arrays(flow: wrof.Flow, free: wrof.Flow, count: int) -> dict[str, Any]:
    """Where some quantiles are after every step."""
    u, out = (np.arange(5) + 0.5) / 5, {}
    longest = max(len(each.measures) for each in (flow, free))
    for name, each in (("lattice", flow), ("free", free)):
        places = []
        for rho in [*each.measures, *[each.rho] * (longest - len(each.measures))]:
            order = np.argsort(rho.points[:, 0], kind="stable")
            at = np.searchsorted(np.cumsum(rho.weights[order]), u - 0.25 / count)
            places.append(rho.points[order, 0][at])
        out[f"path/{name}"] = np.array(places)
    return out


# ---- pictures ----


def line_figure(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw J and distances against h, distances against k, and ways of quantiles."""
    tau, far = params["tau"], params["tau_far"]
    h, count = arrays["line/h"], len(SHOWN)
    order = np.argsort(h)
    fig = plot.figure(8.0, 6.6, f"Line, p = 2, α = 1, τ = {tau:g}: lattice stops tend to free stops as h → 0")
    with plot.style():
        axes = fig.subplots(2, 2)
        ax, fine = axes[0, 0], h[order]
        ax.plot(fine, fine / 2 + fine**2 / (2 * far), color=plot.OTHER, lw=0.8)
        excess(ax, h, arrays["line/far"] - arrays["line/free_far"], plot.OTHER, "s", f"arriving, τ = {far:g}")
        ax.plot(fine, fine**2 / (8 * tau), color=plot.RHO, lw=0.8)
        excess(ax, h, arrays["line/value"] - arrays["line/free_value"], plot.RHO, "o", f"in flight, τ = {tau:g}")
        ax.set(title="one step: J(lattice) − J(free); lines: bounds", ylabel="excess of J")
        ax.legend(loc="upper left", handlelength=1.0)
        distances(axes[0, 1], h, h / 2, arrays["line/apart"], arrays["line/d1"])
        steps(axes[1, 0], h[-count:], arrays["line/apart"][-count:], tau, bounded=True)
        axes[1, 0].set(title="the lattice drifts by |mh − τ| a step; lines: bounds", ylim=(0, 5.4))
        paths(axes[1, 1], tau, h[-count], arrays)
    return plot.save(fig, folder / "continuum_line.png")


def excess(ax: Any, h: np.ndarray, error: np.ndarray, color: str, shape: str, label: str) -> None:
    """Draw one excess of J against h, logarithmically."""
    ax.plot(h, np.where(error > 1e-15, error, np.nan), shape, color=color, ms=3, label=label)
    ax.set(xscale="log", yscale="log", xlabel="h")


def distances(ax: Any, h: np.ndarray, b: np.ndarray, apart: np.ndarray, d1: np.ndarray) -> None:
    """Draw W∞ and d₁ between the flows against h, after one step and later, and b."""
    later = min(LATER, apart.shape[1])
    for k, colors in ((1, (plot.RHO, plot.SKY)), (later, (plot.OTHER, plot.MU))):
        for error, color, shape, name in ((apart, colors[0], "o", "W∞"), (d1, colors[1], "^", "d₁")):
            ax.plot(h, error[:, k - 1], shape, color=color, ms=3, label=f"{name}, {k} step{'s' * (k > 1)}")
    factor = "h/2" if b[0] < 0.6 * h[0] else "h/√2"
    ax.plot(h[[h.argmin(), h.argmax()]], b[[h.argmin(), h.argmax()]], color=plot.INK, lw=0.8, label=factor, zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="h", ylabel="distance")
    ax.set_title("distance of the flows after the same steps")
    ax.legend(loc="upper left", handlelength=1.0)


def steps(ax: Any, h: np.ndarray, apart: np.ndarray, tau: float, bounded: bool) -> None:
    """Draw W∞/h against the step, and on a line its bound."""
    from matplotlib.ticker import MaxNLocator

    k = np.arange(1, apart.shape[1] + 1)
    for each, row, color in zip(h, apart, COLORS, strict=False):
        if bounded:
            ax.plot(k, drift_bound(each, tau, k) / each, color=color, lw=0.7)
        ax.plot(k, row / each, "o" if bounded else "o-", color=color, ms=3.5, lw=0.9, label=f"τ/h = {tau / each:.4g}")
    ax.set(xlabel="step k", ylabel="W∞ / h", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper left", handlelength=1.2)


def paths(ax: Any, tau: float, h: float, arrays: dict[str, Any]) -> None:
    """Draw where some quantiles are after every step, on a coarse lattice and on free stops."""
    for name, color, mark, width in (("free", plot.INK, "", 1.0), ("lattice", plot.OTHER, "o", 0.0)):
        where = arrays[f"path/{name}"]
        label = "free stops" if name == "free" else f"lattice, τ/h = {tau / h:.4g}"
        drawn = ax.plot(where, marker=mark, color=color, ls="-" if width else "none", lw=width, ms=3.5)
        drawn[0].set_label(label)
    ax.set(xlabel="step k", ylabel="x", title="quantiles 0.1, 0.3, 0.5, 0.7, 0.9")
    ax.legend(loc="lower right", handlelength=1.2)


def plane_figure(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw J and distances against h, distances against k, and the ways of the atoms."""
    tau, h = params["tau_plane"], arrays["plane/h"]
    b, s = h / 2**0.5, float(arrays["plane/shortest"])
    fig = plot.figure(8.0, 6.6, f"Plane, p = 2, α = 1, τ = {tau:g}: lattice stops tend to free stops as h → 0")
    with plot.style():
        axes = fig.subplots(2, 2)
        bound = np.where(s > b, flight_bound(np.minimum(b, 0.999 * s), s, tau), np.nan)
        axes[0, 0].plot(h, bound, color=plot.INK, lw=0.8, label="bound")
        excess(axes[0, 0], h, arrays["plane/value"] - arrays["plane/free_value"], plot.RHO, "o", "measured")
        axes[0, 0].set(title="one step, in flight: J(lattice) − J(free)", ylabel="excess of J")
        axes[0, 0].legend(loc="upper left", handlelength=1.4)
        distances(axes[0, 1], h, b, arrays["plane/apart"], arrays["plane/d1"])
        steps(axes[1, 0], h[-7::2], arrays["plane/apart"][-7::2], tau, bounded=False)
        axes[1, 0].set_title("a few h on the way, more where mates are others")
        ways(axes[1, 1], tau, arrays)
    return plot.save(fig, folder / "continuum_plane.png")


def ways(ax: Any, tau: float, arrays: dict[str, Any]) -> None:
    """Draw the ways of the atoms on a coarse lattice and on free stops."""
    from matplotlib.collections import LineCollection

    for name, color, width in (("free", plot.PALE, 1.6), ("lattice", plot.OTHER, 0.7)):
        pieces = arrays[f"shown/{name}"].reshape(-1, 2, 2)
        ax.add_collection(LineCollection(pieces, colors=color, linewidths=width, zorder=1))
        ax.plot(
            [],
            [],
            color=color,
            lw=width,
            label="free stops" if name == "free" else f"lattice, τ/h = {COARSE * tau:.4g}",
        )
    ax.plot(*arrays["source"].T, "o", color=plot.MU, ms=3, label="μ")
    ax.plot(*arrays["target"].T, "o", color=plot.NU, ms=3, label="ν")
    ax.set(aspect="equal", xlabel="x₁", ylabel="x₂", title="ways of the atoms")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.06, 0.86))
    ax.legend(loc="lower right", handlelength=1.2)
