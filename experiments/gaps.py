"""The printed scheme, p = 2, α = 1, has true steady states where there are gaps: mass stays within reach of 2τ.

Three cases: the toy {−a, 0, b}, where halves at −a and 0 are bound for 0 and b; two clusters, the heavy one left, bound
for the heavy one right; random points bound for others. Stops are the supports of μ and ν, and each case is run with τ
below, between and above its gaps.

Claim. With the 2τ-graph, whose edges join stops nearer than 2τ,
- no step moves mass out of a component of it, so a ρ whose components weigh something else than ν's never becomes ν;
- below, no two stops are joined: the flow is frozen, ρ = μ;
- between, the flow settles within a few steps on a ρ that is neither μ nor ν, and stays: the lazy step moves nothing;
- above, ν is reached.

Sources: C. Davies, The WROF Problem and WGANs, slides, Toronto, 4 December 2023 (two-point model); Milne & Nachman,
SIAM J. Math. Anal. 56(1), 2024.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import cdist, pdist

import wrof
from wrof import plot, toys

PARAMS = {
    "a": Param(1.0, "length of the gap that is crossed, < b"),
    "b": Param(2.0, "length of the gap that is not"),
    "tau_gap": Param([0.7, 1.1], "step sizes between and above the two gaps"),
    "tau_clusters": Param([0.19, 0.45], "step sizes between and above, for clusters that are 0.4 apart"),
    "tau_scattered": Param([0.1, 0.3], "step sizes between and above, for random points in the unit square"),
    "n": Param(20, "points of each random measure", quick=10),
    "steps": Param(60, "most steps to take"),
    "seed": Param(0, "seed of the positions"),
}
CASES = {"gap": "{−a, 0, b}", "clusters": "clusters", "scattered": "random points"}
COLUMNS = {
    "below": ("frozen", "τ below: nothing moves, ρ = μ"),
    "between": ("steady", "τ between: neither μ nor ν"),
    "above": ("target", "τ above: ρ = ν"),
}
SAME, GAP = 1e-12, 1e-9


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the nine flows; the least step size is 0.45 of the least distance of two stops."""
    n, seed = params["n"], params["seed"]
    problems = {
        "gap": toys.gap(params["a"], params["b"]),
        "clusters": toys.clusters((n + 1) // 2, 2, gap=0.4, size=0.6, seed=seed),
        "scattered": toys.scattered(n, n, seed=seed),
    }
    arrays: dict[str, Any] = {}
    results = []
    for case, toy in problems.items():
        least = pdist(np.unique(np.concatenate([toy["mu"].points, toy["nu"].points]), axis=0)).min()
        for column, tau in zip(COLUMNS, [0.45 * least, *params[f"tau_{case}"]], strict=True):
            flow = wrof.flow(tau=tau, steps=params["steps"], **toy)
            arrays |= {f"{case}/{column}/{name}": array for name, array in flow.arrays().items()}
            arrays[f"{case}/{column}/regime"] = flow.regime
            arrays[f"{case}/{column}/settled_at"] = -1 if flow.settled_at is None else flow.settled_at
            results += flow.results
    return arrays, _common.notes(results)


def panel(arrays: dict[str, Any], case: str, column: str) -> dict[str, Any]:
    """Return the arrays of one flow, with all measures on the stops and the 2τ-graph."""
    one = {name: arrays[f"{case}/{column}/{name}"] for name in FLOW}
    stops = one["points"]
    for name in ("source", "target"):
        place = cdist(one[f"{name}_points"], stops).argmin(axis=1)
        one[f"{name}_on_stops"] = np.bincount(place, one[name], len(stops))
    joined = cdist(stops, stops) < 2 * one["tau"][0]
    one["components"], one["component"] = connected_components(joined)
    one["tree"] = np.argwhere(minimum_spanning_tree(np.where(joined, cdist(stops, stops), 0.0)).toarray())
    one["settled_at"] = int(one["settled_at"])
    return one


FLOW = (
    *("source", "source_points", "target", "target_points", "points", "rho", "regime", "settled_at"),
    *("tau", "value", "gap", "movement", "discrepancy"),
)


def component_masses(one: dict[str, Any], weights: np.ndarray) -> np.ndarray:
    """Return the mass of every component of the 2τ-graph."""
    return np.bincount(one["component"], weights, one["components"])


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold the nine flows against what the 2τ-graph allows."""
    for case, name in CASES.items():
        for column, (regime, _) in COLUMNS.items():
            one = panel(arrays, case, column)
            mu, nu, rho = one["source_on_stops"], one["target_on_stops"], one["rho"]
            claims.equal(f"{name}, 2τ = {2 * one['tau'][0]:.4g}: regime", str(one["regime"]), regime)
            claims.note("    settled at step, of steps taken", f"{one['settled_at']}, {len(rho)}")
            claims.at_most("    every step certified: largest gap / J", (one["gap"] / one["value"]).max(), GAP)
            held = component_masses(one, mu)
            off = max(np.abs(component_masses(one, weights) - held).max() for weights in rho)
            claims.at_most(f"    {one['components']} components of the 2τ-graph keep their mass, to", off, SAME)
            last = one["settled_at"]
            if regime != "target":
                away = np.abs(held - component_masses(one, nu)).max()
                if case == "scattered" and regime == "steady":  # there, τ may be too small even within a component
                    claims.note("    they weigh something else in ν, by", f"{away:.3g}")
                else:
                    claims.at_least("    they weigh something else in ν, by", away, 1e-3)
                claims.at_most("    the last step moves nothing: K", one["movement"][-1], SAME)
            if regime == "frozen":
                claims.equal("    step it settles at", last, 0)
                claims.at_most("    largest |ρ − μ|", np.abs(rho[-1] - mu).max(), SAME)
            elif regime == "steady":
                claims.at_least("    ‖ρ − μ‖₁", np.abs(rho[-1] - mu).sum(), 1e-2)
                claims.at_least("    ‖ρ − ν‖₁", np.abs(rho[-1] - nu).sum(), 1e-2)
                claims.at_least("    F it is left with", one["discrepancy"][-1], 1e-2)
            else:
                claims.at_most("    largest |ρ − ν|", np.abs(rho[-1] - nu).max(), SAME)


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw where every flow ends."""
    fig = plot.figure(8.0, 7.6, "p = 2, α = 1 gets stuck at gaps wider than 2τ: true steady states")
    with plot.style():
        fig.get_layout_engine().set(h_pad=0.1)
        axes = fig.subplots(3, 3, height_ratios=(1.1, 1.0, 1.9))
        for row, case in zip(axes, CASES, strict=True):
            for ax, column in zip(row, COLUMNS, strict=True):
                one = panel(arrays, case, column)
                if case == "gap":
                    draw_line(ax, one)
                else:
                    draw_cloud(ax, one, 60.0 / max(arrays[f"{case}/{c}/rho"][-1].max() for c in COLUMNS))
                at = one["settled_at"]
                when = {"frozen": "frozen", "target": f"ν at step {at}", "steady": f"steady from step {at}"}
                title = f"2τ = {2 * one['tau'][0]:.3g}: {when[str(one['regime'])]}"
                head = f"{COLUMNS[column][1]}\n" if case == "gap" else ""
                ax.set_title(head + title)
            row[0].set_ylabel(f"{CASES[case]}\n" + ("mass" if case == "gap" else "x₂"))
            for ax in row[1:]:
                ax.tick_params(labelleft=False)
        legend(fig)
    return [plot.save(fig, folder / "gaps.png")]


def draw_line(ax: Any, one: dict[str, Any]) -> None:
    """Draw the toy on the line: stems, and below them what is joined in the 2τ-graph."""
    x = one["points"][:, 0]
    for i, j in one["tree"]:
        ax.plot(x[[i, j]], [-0.1, -0.1], color=plot.PALE, lw=1.5, marker="|", ms=5)
    plot.bars(ax, x, one["source_on_stops"], color=plot.MU, outline=True, stems=True)
    plot.bars(ax, x, one["target_on_stops"], color=plot.NU, outline=True, stems=True)
    plot.bars(ax, x, one["rho"][-1], color=plot.RHO, stems=True)
    ax.plot(x, 0 * x, ".", color=plot.PALE, ms=4, zorder=3)
    ax.set(xlabel="x", ylim=(-0.2, 1.15), xlim=(x.min() - 0.3, x.max() + 0.3))


def draw_cloud(ax: Any, one: dict[str, Any], area: float) -> None:
    """Draw a cloud: a spanning tree of each component of the 2τ-graph, μ and ν as circles, ρ as discs."""
    from matplotlib.collections import LineCollection

    stops = one["points"]
    ax.add_collection(LineCollection(stops[one["tree"]], colors=plot.PALE, linewidths=0.8, zorder=0))
    for name, color in (("source", plot.MU), ("target", plot.NU)):
        plot.discs(ax, one[f"{name}_points"], one[name], area=area, color=color, outline=True)
    plot.discs(ax, stops, one["rho"][-1], area=area, color=plot.RHO)
    low, high = stops.min(axis=0), stops.max(axis=0)
    pad = 0.08 * (high - low).max()
    ax.set(xlim=(low[0] - pad, high[0] + pad), ylim=(low[1] - pad, high[1] + pad), aspect="equal", xlabel="x₁")


def legend(fig: Any) -> None:
    """Explain the marks."""
    from matplotlib.lines import Line2D

    disc = {"marker": "o", "ls": "none"}
    keys = [Line2D([], [], color=c, mfc="none", label=t, **disc) for c, t in ((plot.MU, "μ"), (plot.NU, "ν"))]
    keys.append(Line2D([], [], color=plot.RHO, label="ρ at the end", **disc))
    keys.append(Line2D([], [], color=plot.PALE, lw=1.5, label="joined by hops shorter than 2τ"))
    fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.4)


EXPERIMENT = Experiment("gaps", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
