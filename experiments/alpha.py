"""The role of α, p = 2: what the two-point model says of it, where that fails on three points, and α = 1 + τ.

Two points r apart: mass jumps iff r²/2τ < r^α, so for τ > τ* = r^(2−α)/2; for α < 2 that is r < r* = (2τ)^(1/(2−α)).

Claim.
- All thresholds meet at r = 1, τ = ½, that of α = 1 + τ too. The rule of thumb "for r < 1 a larger α makes jumps
  harder, for r > 1 easier" is exact for two points: τ* rises with α for r < 1 and falls for r > 1.
- It fails where mass can stop in between, as for α > 1 hops pay that lead only part of the way. Stops {0, 3/10, 9/10},
  τ = 1/8: with α = 1 mass stays (9/10 < 24/25 for a hop), with α = 2 it hops (18/25 < 81/100 for staying). Stops
  {0, 3/5, 6/5}, τ = 2/5: with α = 1 it arrives in two steps, with α = 2 it is stuck at 3/5 (9/25 < 9/20 for the rest).
- α = 1 + τ, r < 1: mass jumps only for τ between the roots of r²/2τ = r^(1+τ), the branches of Lambert W at ½ r ln r:
  r = ½ for 0.3099 < τ < 4. For p = 2 there is always such a window: ½ r ln r ≥ −1/2e > −1/e; at τ = 1/|ln r| staying
  costs at least twice as much. For p = 1 only r > e^(−2/e) = 0.479 has one.
- A line of 128 points, α = 1 + τ: every atom of the monotone plan, n cells from its mate, hops k cells that minimise
  k²h²/2τ + ((n−k)h)^(1+τ). ν is reached iff the last cell pays, 0.0040143 < τ < 1.1766733; τ = 2 leaves 3 cells.

Source: C. Davies, The WROF Problem and WGANs, slides, Toronto, 4 December 2023.
"""

from __future__ import annotations

import sys
from typing import Any

import _common
import numpy as np
from _alpha import EXAMPLES, SAME, cells_left, draw, exact_path, exact_threshold, window
from _common import Claims, Experiment, Param
from translation import monotone_plan

import wrof
from wrof import toys

PARAMS = {
    "r": Param([0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0], "distances of the two points", quick=[0.5, 1.0, 2.0]),
    "alpha": Param([0.5, 1.0, 1.5, 2.0, 3.0], "exponents of the two points"),
    "K": Param(128, "points of the line"),
    "scan": Param(73, "step sizes on the line", quick=15),
    "steps": Param(200, "most steps to take on it"),
    "scan_alpha": Param(15, "exponents for each of the two examples", quick=4),
}
WINDOWS = {0.1: (0.057014, 1.467654), 0.5: (0.309907, 4.0)}  # α = 1 + τ
LAST_CELL = (0.0040143, 1.1766733)  # K = 128
CLOSE, NEAR = 1e-9, 1e-7


def dirac_line(stops: Any) -> dict[str, Any]:
    """Put unit mass at the first stop, bound for the last."""
    line = wrof.PointCloud([float(x) for x in stops])
    return {"mu": toys.dirac(line, 0), "nu": toys.dirac(line, line.size - 1)}


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Thresholds of two points; the two examples; the line."""
    if params["K"] < 3:
        raise wrof.WrofError(f"K must be at least 3, got {params['K']}.")
    results: list[Any] = []
    alphas, arrays = np.unique(params["alpha"]), two_points(params["r"], results)
    fixed = [[wrof.critical_taus(alpha=a, **toys.two_point(r))[0] for a in alphas] for r in params["r"]]
    arrays |= {"r": np.array(params["r"]), "alpha": alphas, "fixed": np.array(fixed)}
    for name, (stops, tau) in EXAMPLES.items():
        for alpha in (1, 2):
            flow = wrof.flow(tau=float(tau), steps=3, alpha=float(alpha), **dirac_line(stops))
            results += flow.results
            arrays[f"{name}/{alpha}/rho"] = np.array([m.weights for m in flow.measures])
            arrays[f"{name}/{alpha}/value"] = flow.energies["value"]
            arrays[f"{name}/{alpha}/regime"] = flow.regime
    arrays["scan_alpha"] = np.linspace(0.5, 4.0, params["scan_alpha"])
    arrays["freezes/tau"] = [
        wrof.frozen_below(alpha=a, **dirac_line(EXAMPLES["freezes"][0])) for a in arrays["scan_alpha"]
    ]
    arrays["arrives/tau"] = [least_tau_to_arrive(a, results) for a in arrays["scan_alpha"]]
    return arrays | on_the_line(params, results), _common.notes(results)


def two_points(distances: list[float], results: list[Any]) -> dict[str, Any]:
    """Windows of α = 1 + τ: by Lambert W, as regimes, and by steps on both sides of their ends."""
    table: dict[str, list[Any]] = {"lambert": [], "frozen": [], "target": [], "moved": []}
    for r in distances:
        toy = toys.two_point(r)
        (ends,) = wrof.hop_thresholds(r)
        frozen = [*wrof.frozen_below(alpha="1+tau", **toy), (np.inf, np.inf)]
        sides = [end * (1 + by) for end in ends for by in (-NEAR, NEAR) if np.isfinite(end)]
        steps = [wrof.step(tau=tau, alpha="1+tau", **toy) for tau in sides]
        table["lambert"].append(ends)
        table["frozen"].append((frozen[0][1], frozen[1][0]))
        table["target"].append(wrof.target_above(alpha="1+tau", **toy)[0])
        table["moved"].append([*(step.moved for step in steps), 1.0, 1.0][:4])
        results += steps
    short = np.geomspace(1e-6, 1.0, 400)[:-1]
    for p in (2, 1):
        table[f"windows/{p}"] = [(*wrof.hop_thresholds(r, p=p), (np.nan, np.nan))[0] for r in short]
    return {"short": short} | {key: np.array(rows) for key, rows in table.items()}


def least_tau_to_arrive(alpha: float, results: list[Any]) -> float:
    """Least τ at which the flow of the second example reaches ν, by bisection on flows."""
    toy, (lo, hi) = dirac_line(EXAMPLES["arrives"][0]), (0.01, 10.0)
    while hi / lo - 1 > CLOSE / 3:
        tau = np.sqrt(lo * hi)
        flow = wrof.flow(tau=tau, steps=3, alpha=alpha, **toy)
        lo, hi = (lo, tau) if flow.regime == "target" else (tau, hi)
        results += flow.results
    return float(hi)


def on_the_line(params: dict[str, Any], results: list[Any]) -> dict[str, Any]:
    """Flows with α = 1 + τ on the ramp, over τ, on both sides of the thresholds of the last cell, and at τ = 2."""
    toy, (ends,) = toys.ramp_to_uniform(params["K"]), wrof.hop_thresholds(1 / (params["K"] - 1))
    sides = [end * (1 + by) for end in ends for by in (-1e-5, 1e-5)]
    taus = np.unique(np.concatenate([np.geomspace(0.0025, 12.0, params["scan"]), sides, [2.0]]))
    flows = [wrof.flow(tau=tau, steps=params["steps"], alpha="1+tau", **toy) for tau in taus]
    results += [result for flow in flows for result in flow.results]
    return {
        "source": toy["mu"].weights,
        "target_masses": toy["nu"].weights,
        "line/tau": taus,
        "line/ends": np.array(ends),
        "line/rho": np.array([flow.rho.weights for flow in flows]),
        "line/regime": np.array([flow.regime for flow in flows]),
        "line/left": np.array([cells_to_go(flow.results[-1].plan, params["K"]) for flow in flows]),
    }


def cells_to_go(plan: Any, K: int) -> int:
    """Greatest distance, in cells, that a step leaves between an atom and its mate."""
    way = plan.stop_points() - plan.nu.points[plan.target]
    return round(float(np.abs(way[plan.mass > SAME]).max() * (K - 1)))


# ---- claims ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold what was computed against closed forms, fractions and the law of the line."""
    check_two_points(arrays, claims)
    check_windows(arrays, claims)
    check_examples(arrays, claims)
    check_line(params, arrays, claims)


def check_two_points(arrays: dict[str, Any], claims: Claims) -> None:
    """τ* of fixed exponents: r^(2−α)/2, rising or falling with α."""
    r, alpha, found = arrays["r"], arrays["alpha"], arrays["fixed"]
    off = float(np.abs(found / (r[:, None] ** (2 - alpha) / 2) - 1).max())
    claims.at_most(f"two points: {found.size} critical τ off r^(2−α)/2, relatively", off, SAME)
    slopes = np.diff(found, axis=1) * np.sign(1 - r)[:, None]
    claims.at_least("    r < 1: τ* rises with α, r > 1: it falls, by at least", slopes[r != 1].min(initial=1.0), SAME)
    meet = np.append(found[r == 1], arrays["lambert"][r == 1, 0])
    claims.at_most("    r = 1: largest |τ* − ½|, α = 1 + τ too", float(np.abs(meet - 0.5).max(initial=0.0)), CLOSE)


def check_windows(arrays: dict[str, Any], claims: Claims) -> None:
    """Where two points move with α = 1 + τ, against roots by bisection."""
    r, short = arrays["r"], arrays["short"]
    exact = np.array([window(x) for x in r])
    for key, name in (("lambert", "Lambert W"), ("frozen", "frozen_below"), ("target", "target_above")):
        claims.at_most(f"α = 1 + τ, {len(r)} windows by {name}: ends off, relatively", apart(arrays[key], exact), CLOSE)
    off = float(np.abs(arrays["moved"] - np.where(r[:, None] < 1, [0, 1, 1, 0], [0, 1, 1, 1])).max())
    claims.at_most(f"    steps at the ends · (1 ± {NEAR:g}): mass moved off 0, 1, 1, 0", off, SAME)
    for x in sorted(set(WINDOWS) & set(r.tolist())):
        for found, known in zip(arrays["lambert"][r == x][0], WINDOWS[x], strict=True):
            claims.near(f"    r = {x:g}: threshold", found, known, 5.1e-7)
    claims.at_least("    ½ r ln r + 1/e, r < 1: least", float((short * np.log(short) / 2).min() + np.exp(-1)), 0.0)
    dear = -2 / (np.e * short * np.log(short))  # cost of staying over cost of the jump
    claims.at_least("    τ = 1/|ln r|: staying costs more than the jump, times", float(dear.min()), 2 - SAME)
    for p, none in ((2, 0 * short), (1, short < np.exp(-2 / np.e))):
        found = arrays[f"windows/{p}"]
        has = ~np.isnan(found[:, 0])
        claims.equal(f"    p = {p}: of {len(short)} r < 1 without a window", int(np.sum(~has)), int(np.sum(none)))
        off = apart(found[has], np.array([window(x, p) for x in short[has]]))
        claims.at_most("        ends of the others off, relatively", off, CLOSE)


def apart(found: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest relative difference; inf and inf are the same."""
    with np.errstate(invalid="ignore"):
        return float(np.abs(np.where(found == exact, 0.0, found / exact - 1)).max())


def check_examples(arrays: dict[str, Any], claims: Claims) -> None:
    """Three stops: paths and values in fractions, thresholds in closed form."""
    ends = {"freezes": ("frozen", "steady"), "arrives": ("target", "steady")}
    for name, (stops, tau) in EXAMPLES.items():
        label = "{" + ", ".join(map(str, stops)) + "}"
        for alpha, regime in zip((1, 2), ends[name], strict=True):
            rho, value = arrays[f"{name}/{alpha}/rho"], arrays[f"{name}/{alpha}/value"]
            path, values = exact_path(name, alpha, len(value))
            claims.equal(f"{label}, τ = {tau}, α = {alpha}", str(arrays[f"{name}/{alpha}/regime"]), regime)
            said = ", ".join(str(stops[at]) for at in path)
            claims.at_most(f"    the mass is at {said}: ρ off, in fractions", np.abs(rho - np.eye(3)[path]).max(), SAME)
            said = ", ".join(map(str, values))
            claims.at_most(f"    J = {said}: off", np.abs(value - np.float64(values)).max(), SAME)
        off = apart(arrays[f"{name}/tau"], exact_threshold(name, arrays["scan_alpha"]))
        what = "moves" if name == "freezes" else "arrives"
        claims.at_most(f"    {len(arrays['scan_alpha'])} α: least τ for which mass {what}: off, relatively", off, CLOSE)


def check_line(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Where the atoms of the monotone plan come to rest, from μ and ν alone."""
    K, taus, ends = params["K"], arrays["line/tau"], arrays["line/ends"]
    h = 1 / (K - 1)
    claims.at_most(
        f"K = {K}: thresholds of the last cell off the roots, relatively", np.abs(ends / window(h) - 1).max(), CLOSE
    )
    if K == 128:
        for found, known in zip(ends, LAST_CELL, strict=True):
            claims.near("    threshold of the last cell", float(found), known, 5.1e-8)
    x, y, mass = monotone_plan(arrays["source"], arrays["target_masses"])
    ways, off, said = np.abs(y - x), 0.0, []
    for tau, rho in zip(taus, arrays["line/rho"], strict=True):
        rest = cells_left(K, tau)[ways]
        off = max(off, float(np.abs(np.bincount(y - np.sign(y - x) * rest, mass, K) - rho).max()))
        some = mass > SAME
        said.append(
            "target" if not rest[some].any() else "frozen" if np.array_equal(rest[some], ways[some]) else "steady"
        )
    claims.at_most("    ρ at rest: largest deviation from the law", off, SAME)
    claims.equal(
        f"    regimes of {len(taus)} flows other than by the law", int(np.sum(arrays["line/regime"] != said)), 0
    )
    reached, pays = arrays["line/regime"] == "target", (taus > ends[0]) & (taus < ends[1])
    claims.equal("    ν is reached, but the last cell does not pay, or the other way", int(np.sum(reached != pays)), 0)
    claims.note("    regimes, τ rising", ", ".join(name for k, name in enumerate(said) if name != (["", *said])[k]))
    left = 3 if K == 128 else int(cells_left(K, 2.0)[ways[mass > SAME]].max())
    claims.equal("    τ = 2: cells that are left, at most", int(arrays["line/left"][taus == 2][0]), left)


EXPERIMENT = Experiment("alpha", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
