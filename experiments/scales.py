"""Movement is instant on small scales and forbidden on large ones, or all at once, or the other way round.

Clusters of clusters in the plane: towns of points 1/100 apart, in threes 1/10 apart, those in threes 1 apart. A third
of the mass is bound for its own town, a third for the next town, a third for the next three towns. Three schemes, each
run over all scales of τ: p = 2, α = 1 (printed), p = 2, α = 1 + τ, and p = 1, α = ½ (plotted). An atom of the plan
that wants to go a distance r jumps (arrives at once), hops (goes part of the way) or stays.

Claim. In every step, with no exception in mass,
- an atom arrives only if its jump pays, r^p/2τ < r^α, and stays only if it does not: r < 2τ; r < 4τ²; for α = 1 + τ the
  interval of τ between the roots by Lambert W, so r < (2τ)^(1/(1−τ)) for τ < 1, but r *greater* than that for τ > 1;
- p = 2, α = 1: no hop is as long as 2τ. p = 1, α = ½: nobody goes part of the way, and one step is all there is;
- α ≤ 1: components of the 2τ-graph keep their mass, so at most Σ min(μ, ν) over components ever arrives: scale by
  scale, a third each. With p = 1, α = ½ between the scales just that arrives, in one step;
- α = 1 + τ: mass that gains less than any hop costs, r^(1+τ) ≤ least²/2τ, stays: a large τ forbids the small scales.

Sources: C. Davies, The WROF Problem and WGANs, slides, Toronto, 4 December 2023 ("movement is instant on small scales
and forbidden on large scales"); Milne & Nachman, SIAM J. Math. Anal. 56(1), 2024.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param
from _scales import SCALES, SCHEMES, arrived, atoms, bounds, draw
from scipy.spatial.distance import pdist

import wrof

PARAMS = {
    "n": Param(6, "points of μ, and of ν, in each of the 9 towns", quick=4),
    "scan": Param(91, "step sizes, over all scales", quick=13),
    "tau_printed": Param([0.015, 0.2, 1.0], "step sizes that are shown, p = 2, α = 1"),
    "tau_grows": Param([0.015, 0.2, 8.0], "the same, α = 1 + τ"),
    "tau_plotted": Param([0.09, 0.3, 0.6], "the same, p = 1, α = ½"),
    "tau_graph": Param([0.0025, 0.015, 0.2], "step sizes whose 2τ-graphs are shown, p = 2, α = 1"),
    "steps": Param(60, "most steps to take"),
    "seed": Param(0, "seed of the positions"),
}
ENDS = (0.0, 0.03, 0.3, np.inf)  # between the scales
SAME, GAP = 1e-12, 1e-9
ATOMS = ("source", "target", "stop", "mass")


def clusters(n: int, seed: int) -> dict[str, Any]:
    """Nine towns, discs of diameter 2/100, in triangles of side 1/10 at the corners of one of side 1."""
    rng = np.random.default_rng(seed)
    turn = 2 * np.pi * np.arange(3) / 3
    wide, small = (np.stack([np.cos(turn + by), np.sin(turn + by)], axis=1) / np.sqrt(3) for by in (np.pi / 2, 0.0))
    towns = (wide[:, None] + SCALES[1] * small).reshape(9, 1, 2)
    angle, radius = 2 * np.pi * rng.random((2, 9, n)), SCALES[0] * np.sqrt(rng.random((2, 9, n)))
    points = towns + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    mass = np.full((2, 3, 3), 1 / 27)
    mass[0, :, 0] += 1 / 9  # to the next town
    mass[1, :, 1] += 1 / 9
    mass[0, 0, 2] += 1 / 3  # to the next three towns
    mass[1, 1, 2] += 1 / 3
    each = np.repeat(mass.reshape(2, 9) / n, n, axis=1)
    return {name: wrof.Measure(points[k].reshape(-1, 2), each[k]) for k, name in enumerate(("mu", "nu"))}


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the flow of every scheme and step size; keep the first plan, the first and the last ρ."""
    toy = clusters(params["n"], params["seed"])
    arrays: dict[str, Any] = {}
    results = []
    for name, (p, alpha, _) in SCHEMES.items():
        scan = np.geomspace(5e-4, 12.0, params["scan"])
        taus = np.unique(np.concatenate([scan, params[f"tau_{name}"]]))
        flows = [wrof.flow(tau=tau, steps=params["steps"], alpha=alpha, p=p, **toy) for tau in taus]
        first = [flow.results[0] for flow in flows]
        plans = [result.plan for result in first]
        arrays |= {f"{name}/{key}": np.concatenate([getattr(q, key) for q in plans]) for key in ATOMS}
        arrays |= {f"{name}/{key}": arrays[f"{name}/{key}"].astype(np.int16) for key in ATOMS[:3]}
        arrays |= {
            f"{name}/tau": taus,
            f"{name}/step": np.repeat(np.arange(len(taus)), [len(q.mass) for q in plans]).astype(np.int16),
            f"{name}/worst": max(r.gap / flow.results[0].value for flow in flows for r in flow.results),
            f"{name}/rho_first": np.array([flow.measures[1].weights for flow in flows]),
            f"{name}/rho_last": np.array([flow.rho.weights for flow in flows]),
            f"{name}/regime": np.array([flow.regime for flow in flows]),
        }
        results += [result for flow in flows for result in flow.results]
    for kind, measure in zip(("source", "target"), toy.values(), strict=True):
        arrays |= {kind: measure.weights, f"{kind}_points": measure.points}
    for k, tau in enumerate(params["tau_graph"]):
        graph = wrof.hop_graph(tau=tau, **toy).arrays()
        arrays |= {f"graph/{k}/{key}": graph[key] for key in ("tau", "component", "edges")}
    return arrays | {"points": results[0].problem.stop_points}, _common.notes(results)


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold every atom of every first step against the thresholds, and every end against the 2τ-graph."""
    least = float(pdist(arrays["points"]).min())
    for name, (_, alpha, label) in SCHEMES.items():
        of, mass = atoms(arrays, name), arrays[f"{name}/mass"]
        many = len(arrays[f"{name}/tau"])
        claims.at_most(f"{label}, {many} τ: largest gap / J of the first step", float(arrays[f"{name}/worst"]), GAP)
        claims.at_most(f"    of {len(mass)} atoms: mass that arrives, no jump paying", lost(of, "arrives", False), SAME)
        claims.at_most("    mass that stays though its jump pays", lost(of, "stays", True), SAME)
        if alpha == "1+tau":
            short = 2 * of["tau"] * of["r"] ** of["alpha"] <= least**2
            claims.at_least("    atoms with 2τ r^(1+τ) ≤ least², no hop paying", np.sum(short & (of["tau"] > 1)), 1)
            claims.at_most("    mass of these that moves", mass[short & ~of["stays"]].sum(), SAME)
        else:
            most, off = bounds(arrays, name)
            claims.at_most("    components of the 2τ-graph keep their mass, to", off, SAME)
            over = max(float((arrived(arrays, name, w) - most).max()) for w in ("rho_first", "rho_last"))
            claims.at_most("    arrived beyond Σ min(μ, ν) over components", over, SAME)
            full = int(np.sum(most - arrived(arrays, name, "rho_last") <= SAME))
            claims.note("    all that may arrive has arrived at rest, at so many τ", str(full))
        if name == "printed":
            claims.at_most("    longest hop / 2τ", float((of["hop"] / (2 * of["tau"])).max()), 1 - SAME)
        if name == "plotted":
            part = float(mass[~of["arrives"] & ~of["stays"]].sum())
            claims.at_most("    mass that goes part of the way", part, SAME)
            off = float(np.abs(arrays["plotted/rho_last"] - arrays["plotted/rho_first"]).max())
            claims.at_most("    one step is all: largest |ρ at rest − ρ₁|", off, SAME)
            check_thirds(arrays, claims)
        report(params, arrays, name, of, claims)


def lost(of: dict[str, Any], fate: str, pays: bool) -> float:
    """Mass with this fate whose jump pays, or does not."""
    return float(of["mass"][of[fate] & (of["pays"] == pays)].sum())


def check_thirds(arrays: dict[str, Any], claims: Claims) -> None:
    """Where 4τ² lies between two scales, as much has arrived as the components allow.

    √ is concave: rather than mass leaving a cluster that other mass enters, the first stays and the second goes on.
    """
    tau, got = arrays["plotted/tau"], arrived(arrays, "plotted", "rho_first")
    for k, (lo, hi) in enumerate(((0.02, 0.08), (0.14, 0.86), (1.2, np.inf)), 1):  # cluster < 4τ² < gap
        here = (4 * tau**2 > lo) & (4 * tau**2 < hi)
        off = float(np.abs(got[here] - k / 3).max(initial=0.0))
        claims.at_most(f"    {lo:g} < 4τ² < {hi:g}: |arrived − {k}/3| at {here.sum()} τ", off, SAME)


def report(params: dict[str, Any], arrays: dict[str, Any], name: str, of: dict[str, Any], claims: Claims) -> None:
    """Print what each scale does in the steps that are shown, and how the flow ends."""
    claims.note("    of the mass bound 1/100, 1/10, 1 away arrives (goes part of the way)", "at rest has arrived")
    for tau in params[f"tau_{name}"]:
        said = []
        for lo, hi in pairwise(ENDS):
            here = (of["tau"] == tau) & (of["r"] >= lo) & (of["r"] < hi)
            total = max(float(of["mass"][here].sum()), SAME)
            there, stays = (float(of["mass"][here & of[fate]].sum()) / total for fate in ("arrives", "stays"))
            said.append(f"{there:.0%} ({1 - there - stays:.0%})")
        k = int(np.flatnonzero(arrays[f"{name}/tau"] == tau)[0])
        end = f"{arrived(arrays, name, 'rho_last')[k]:.4f}, {arrays[f'{name}/regime'][k]}"
        claims.note(f"        τ = {tau:g}: {', '.join(said)}", end)


EXPERIMENT = Experiment("scales", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
