"""What the stored arrays of the experiment `scales` say, and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

import wrof
from wrof import plot

SCHEMES: dict[str, tuple[float, float | str, str]] = {
    "printed": (2.0, 1.0, "p = 2, α = 1"),
    "grows": (2.0, "1+tau", "p = 2, α = 1 + τ"),
    "plotted": (1.0, 0.5, "p = 1, α = ½"),
}
SCALES = (0.01, 0.1, 1.0)
GROUND = "#e8e8e8"
FATES = {"arrives": plot.NU, "goes part of the way": plot.RHO, "stays": plot.MU}


def atoms(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    """Atoms of the first plans of a scheme: τ, α, way r that they want to go, hop, rest, and what it costs."""
    p, alpha, _ = SCHEMES[name]
    x, y = (arrays[f"{kind}_points"][arrays[f"{name}/{kind}"]] for kind in ("source", "target"))
    z = arrays["points"][arrays[f"{name}/stop"]]
    tau = arrays[f"{name}/tau"][arrays[f"{name}/step"]]
    power = 1 + tau if isinstance(alpha, str) else np.full(len(tau), alpha)
    out = {"tau": tau, "alpha": power, "mass": arrays[f"{name}/mass"], "r": np.linalg.norm(x - y, axis=1)}
    out |= {"hop": np.linalg.norm(x - z, axis=1), "rest": np.linalg.norm(z - y, axis=1)}
    out |= {"arrives": out["rest"] == 0, "stays": out["hop"] == 0}
    out["pays"] = out["r"] ** p / (2 * tau) < out["r"] ** power
    return out


def on_stops(arrays: dict[str, Any], kind: str) -> np.ndarray:
    """Masses of μ or ν at the stops."""
    place = cdist(arrays[f"{kind}_points"], arrays["points"]).argmin(axis=1)
    return np.bincount(place, arrays[kind], len(arrays["points"]))


def arrived(arrays: dict[str, Any], name: str, which: str) -> np.ndarray:
    """Mass that is where ν wants it, 1 − ‖ρ − ν‖₁/2, at every step size."""
    return 1 - np.abs(arrays[f"{name}/{which}"] - on_stops(arrays, "target")).sum(axis=1) / 2


def bounds(arrays: dict[str, Any], name: str) -> tuple[np.ndarray, float]:
    """Σ min(μ, ν) over components at every step size; how much a component's mass ever changes."""
    p, alpha, _ = SCHEMES[name]
    far, most, off = cdist(arrays["points"], arrays["points"]), [], 0.0
    ends, later = [on_stops(arrays, kind) for kind in ("source", "target")], (f"{name}/rho_first", f"{name}/rho_last")
    for k, tau in enumerate(arrays[f"{name}/tau"]):
        count, label = connected_components(far**p < 2 * tau * far ** float(alpha), directed=False)
        held, wanted, *kept = (np.bincount(label, w, count) for w in (*ends, *(arrays[key][k] for key in later)))
        most.append(np.minimum(held, wanted).sum())
        off = max(off, *(float(np.abs(mass - held).max()) for mass in kept))
    return np.array(most), off


# ---- figures ----


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the first step, scale by scale; what has arrived over τ, and 2τ-graphs below."""
    return [
        plot.save(draw_steps(params, arrays), folder / "scales.png"),
        plot.save(draw_arrivals(params, arrays), folder / "arrival.png"),
    ]


def draw_steps(params: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Mass against the distance it wants to go, coloured by what becomes of it; where jumps pay."""
    from matplotlib.patches import Patch

    columns = max(len(params[f"tau_{name}"]) for name in SCHEMES)
    fig = plot.figure(8.0, 6.4, "The first step: mass, by the distance it wants to go, and what becomes of it")
    with plot.style():
        axes = fig.subplots(3, columns, sharex=True, sharey=True, squeeze=False)
        for row, (name, (_, _, label)) in zip(axes, SCHEMES.items(), strict=True):
            of, taus = atoms(arrays, name), params[f"tau_{name}"]
            for ax, tau in zip(row, taus, strict=False):
                draw_fates(ax, of, name, tau)
            for ax in row[len(taus) :]:
                ax.remove()
            row[0].set_ylabel(f"{label}\nmass")
        for ax in axes[-1]:
            ax.set_xlabel("distance r it wants to go")
        keys = [Patch(color=color, label=fate) for fate, color in FATES.items()]
        keys.append(Patch(facecolor=GROUND, label="where a jump all the way pays"))
        fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.2)
    return fig


def jump_range(name: str, tau: float) -> tuple[float, float]:
    """Interval of distances whose jump pays, r^(p − α) < 2τ."""
    p, alpha, _ = SCHEMES[name]
    power = p - (1 + tau if isinstance(alpha, str) else alpha)
    if power == 0:
        return 0.0, np.inf if 2 * tau > 1 else 0.0
    end = float((2 * tau) ** (1 / power))
    return (0.0, end) if power > 0 else (end, np.inf)


def draw_fates(ax: Any, of: dict[str, Any], name: str, tau: float) -> None:
    """Stacked histogram of the mass over log r."""
    edges = np.geomspace(4e-4, 2.5, 27)
    lo, hi = jump_range(name, tau)
    ax.axvspan(max(lo, edges[0]), min(hi, edges[-1]), color=GROUND, lw=0, zorder=0)
    here, base = of["tau"] == tau, np.zeros(len(edges) - 1)
    masks = (of["arrives"], ~of["arrives"] & ~of["stays"], of["stays"])
    for mask, color in zip(masks, FATES.values(), strict=True):
        top = base + np.histogram(of["r"][here & mask], edges, weights=of["mass"][here & mask])[0]
        ax.stairs(top, edges, baseline=base, fill=True, color=color, lw=0, zorder=2)
        base = top
    pays = f"r < {hi:.2g}" if lo == 0 else f"r > {lo:.2g}"
    ax.set(xscale="log", xlim=(edges[0], edges[-1]), title=f"τ = {tau:g}: pays for {pays}")
    ax.set_xticks(SCALES, ["1/100", "1/10", "1"])
    ax.minorticks_off()


def draw_arrivals(params: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Draw what has arrived over τ, per scheme; 2τ-graphs, each on the scale that it joins."""
    from matplotlib.lines import Line2D

    fig = plot.figure(8.0, 5.9, "What arrives, scale by scale, as τ grows; and why no more: components of 2τ-graphs")
    with plot.style():
        upper, lower = fig.subfigures(2, 1, height_ratios=(1.1, 1.0))
        axes = upper.subplots(1, 3, sharey=True)
        for ax, name in zip(axes, SCHEMES, strict=True):
            draw_arrival(ax, arrays, name)
        axes[0].set_ylabel("mass that has arrived")
        keys = [Line2D([], [], color=plot.INK, lw=0.9, label="most that components allow")]
        keys.append(Line2D([], [], color=plot.NU, label="at rest"))
        keys.append(Line2D([], [], color=plot.RHO, marker=".", ls="none", label="after one step"))
        keys.append(Line2D([], [], color=plot.PALE, lw=4, label="τ for which a jump of r pays"))
        upper.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.4)
        graphs = range(len(params["tau_graph"]))
        for ax, k in zip(lower.subplots(1, len(graphs), squeeze=False)[0], graphs, strict=True):
            draw_graph(ax, arrays, k, params["n"])
    return fig


def draw_arrival(ax: Any, arrays: dict[str, Any], name: str) -> None:
    """Mass that has arrived after one step and at rest, its bound, and the τ for which a jump of each scale pays."""
    p, alpha, label = SCHEMES[name]
    tau = arrays[f"{name}/tau"]
    for k, r in enumerate(SCALES):
        for lo, hi in wrof.hop_thresholds(r, p=p, alpha=alpha):
            ax.plot([lo, min(hi, tau[-1])], 2 * [1.09 + 0.09 * k], color=plot.PALE, lw=4, solid_capstyle="butt")
            ax.text(lo, 1.09 + 0.09 * k, f"r = {r:g} ", ha="right", va="center", fontsize=7.5)
    if not isinstance(alpha, str):
        ax.step(tau, bounds(arrays, name)[0], color=plot.INK, lw=0.9, where="post", zorder=3)
    ax.step(tau, arrived(arrays, name, "rho_last"), color=plot.NU, lw=2.2, where="post", zorder=1)
    ax.plot(tau, arrived(arrays, name, "rho_first"), ".", color=plot.RHO, ms=4, zorder=2)
    ax.set(xscale="log", xlabel="τ", title=label, xlim=(tau[0] / 1.2, tau[-1] * 1.2), ylim=(-0.04, 1.34))
    ax.set_xticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
    ax.set_yticks([0, 1 / 3, 2 / 3, 1], ["0", "1/3", "2/3", "1"])
    ax.minorticks_off()


def draw_graph(ax: Any, arrays: dict[str, Any], k: int, n: int) -> None:
    """Draw a 2τ-graph where it is of interest: one town, three, or all."""
    from matplotlib.collections import LineCollection

    reach, label, stops = 2 * arrays[f"graph/{k}/tau"], arrays[f"graph/{k}/component"], arrays["points"]
    view, towns = ("one town", 1) if reach < 0.02 else ("three towns", 3) if reach < 0.2 else ("all nine towns", 9)
    seen = np.concatenate([arrays[f"{kind}_points"][: towns * n] for kind in ("source", "target")])
    middle, half = (seen.max(axis=0) + seen.min(axis=0)) / 2, 0.56 * np.ptp(seen, axis=0).max()
    ax.add_collection(LineCollection(stops[arrays[f"graph/{k}/edges"]], colors=plot.PALE, linewidths=1.0, zorder=0))
    inside = np.all(np.abs(stops - middle) <= half, axis=1)
    rank = np.unique(label[inside], return_inverse=True)[1]
    colors = np.array([plot.RHO, plot.MU, plot.NU, plot.PURPLE, plot.SKY, plot.OTHER])[rank % 6]
    alone = np.bincount(label)[label[inside]] == 1
    ax.scatter(*stops[inside].T, 14, color=np.where(alone, "#9a9a9a", colors), linewidths=0, zorder=2)
    ax.set(xlim=middle[0] + half * np.array([-1, 1]), ylim=middle[1] + half * np.array([-1, 1]), aspect="equal")
    ax.set_title(f"2τ = {reach:g}: {label.max() + 1} components;\n{view} shown, {2 * half:.2g} wide")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
