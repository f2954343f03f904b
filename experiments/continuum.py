"""The lattice as a set of places where mass may rest: free stops are its limit, and how fast it gets there.

The same atoms, off every lattice, flow to the same atoms: with free stops, and with the points of a lattice of spacing
h as stops, h → 0 at fixed τ; p = 2, α = 1. On a line two arches of mass → one, in the plane a disc of mass → another.

Claim. J of a step is least on free stops, and never rises when a lattice is refined to one that contains it. With
b = h/2 on a line and h/√2 in the plane, the farthest that a point can be from a stop, m = round(τ/h), and s the
shortest way that is left to go after the free step,
- in flight J is larger, on a line by the mean of δ²/2τ ≤ h²/8τ if s ≥ h/2, δ the distance from the free stop to the
  lattice; in the plane by at most b²/2τ + b²/2(s − b). A slope of 2: at a minimum errors count squared;
- where mass arrives J is not smooth, and larger by up to h/2 + h²/2τ: a slope of 1;
- on a line W∞ between the flows, the largest distance of quantiles, is after k steps at most the greater of h and
  h/2 + (k − 1)|mh − τ|: the first step rounds, later ones drift by mh − τ;
- in the plane a stop is at most b√(1 + τ/(s − b)) from where the atom would go that has the same mate and free stops.
  W∞ between the flows is a few h on the way; it is more only where mates are others (of the same mates a free step
  takes no two atoms further apart);
- where nothing moves any more and τ > (2 + √5)b, all mass is within τ − b − √(τ² − 4τb) = b + 2b²/τ + ... of home.

Source: Milne & Nachman, SIAM J. Math. Anal. 56(1), 2024 (free stops).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _arches import SOURCES, TARGET, WIDTH, arch_quantile, couple
from _common import Claims, Experiment, Param
from _continuum import (
    COARSE,
    LATER,
    SHOWN,
    both_slopes,
    bottleneck,
    drift_bound,
    exact_arrival,
    exact_flight,
    flight_bound,
    line_figure,
    path_arrays,
    plane_figure,
    rest_bound,
    rise,
    shift,
    shift_bound,
    slope,
    walk,
)

import wrof

PARAMS = {
    "tau": Param(0.07, "step size on the line"),
    "tau_far": Param(0.8, "a step size on the line with which everything arrives at once"),
    "atoms": Param(150, "atoms of ν on the line, and twice as many of μ", quick=20),
    "halvings": Param(16, "the finest line has a spacing of 1 / 2 to this power", quick=9),
    "sizes": Param(40, "lines between the finest and the coarsest, besides spacings of 1 / power of 2", quick=6),
    "steps": Param(14, "most steps of a flow on the line"),
    "tau_plane": Param(0.07, "step size in the plane"),
    "n": Param(60, "atoms of μ, and of ν, in the plane", quick=16),
    "halvings_plane": Param(8, "the finest lattice in the plane has a spacing of 1 / 2 to this power", quick=6),
    "steps_plane": Param(20, "most steps of a flow in the plane"),
    "seed": Param(0, "seed of the clouds"),
}
SAME, READ, TIE = 1e-12, 1e-9, 1e-9


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let the same atoms flow on lattices of many spacings and on free stops."""
    check_params(params)
    tally: list[wrof.StepResult] = []
    arrays = compute_line(params, tally) | compute_plane(params, tally)
    return arrays, _common.notes(tally)


def check_params(params: dict[str, Any]) -> None:
    """Refuse step sizes for which an atom arrives too soon, or too late, and too few lattices."""
    if not 0 < params["tau"] <= 0.1 or not 0 < params["tau_plane"] <= 0.1:
        raise wrof.WrofError(f"tau and tau_plane must be in (0, 0.1], got {params['tau']:g}, {params['tau_plane']:g}.")
    if min(params["halvings"], params["halvings_plane"]) < 5:
        raise wrof.WrofError(f"at least 5 halvings tell a slope: {params['halvings']}, {params['halvings_plane']}.")
    if not params["tau_far"] >= 0.6:
        raise wrof.WrofError(f"tau_far must be >= 0.6, the longest way on the line, got {params['tau_far']:g}.")


# ---- on a line ----


def on_line(count: int) -> tuple[wrof.Measure, wrof.Measure]:
    """Equal atoms at quantiles of the arches of mass."""
    u, v = ((np.arange(n) + 0.5) / n for n in (2 * count, count))
    x = np.where(u < 0.5, arch_quantile(2 * u, SOURCES[0], WIDTH), arch_quantile(2 * u - 1, SOURCES[1], WIDTH))
    y = arch_quantile(v, TARGET, WIDTH)
    return wrof.Measure(x, np.full(len(u), 1 / len(u))), wrof.Measure(y, np.full(len(v), 1 / len(v)))


def line_grid(h: float) -> wrof.Grid:
    """Lattice of spacing h that covers [0, 1]."""
    n = int(np.ceil(1 / h - TIE)) + 1
    return wrof.Grid(n, bounds=(0.0, (n - 1) * h))


def spacings(halvings: int, coarsest: float, sizes: int) -> np.ndarray:
    """Powers of 1/2 from 1/4 on, and spacings between them, evenly in their logarithm."""
    return np.unique(np.concatenate([0.5 ** np.arange(2, halvings + 1), np.geomspace(0.5**halvings, coarsest, sizes)]))


def compute_line(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Flows, and a step in which everything arrives, on every line."""
    (mu, nu), tau, far = on_line(params["atoms"]), params["tau"], params["tau_far"]
    free = wrof.flow(mu, nu, tau, params["steps"], stops=wrof.FREE)
    free_far = wrof.step(mu, nu, far, stops=wrof.FREE)
    tally += [*free.results, free_far]
    all_h = spacings(params["halvings"], 3 * tau, params["sizes"])
    rows = []
    for h in np.concatenate([all_h, tau * np.array(SHOWN)]):
        grid = line_grid(h)
        flow = wrof.flow(mu, nu, tau, params["steps"], stops=grid)
        arriving = wrof.step(mu, nu, far, stops=grid)
        tally += [*flow.results, arriving]
        rows.append({"h": h, **compared(flow, free, params["steps"], quantile_distance), "far": arriving.value})
        if h == tau * SHOWN[0]:
            paths = path_arrays(flow, free, 2 * params["atoms"])
    arrays = {f"line/{name}": np.array([row[name] for row in rows]) for name in rows[0]}
    way, mates = couple(mu, nu)
    arrays |= {"line/free_value": free.results[0].value, "line/free_far": free_far.value}
    return arrays | paths | {"line/start": way, "line/home": mates}


def quantile_distance(a: wrof.Measure, b: wrof.Measure) -> float:
    """W∞ on a line."""
    return float(np.abs(np.subtract(*couple(a, b))).max())


def compared(flow: wrof.Flow, free: wrof.Flow, steps: int, furthest: Any) -> dict[str, Any]:
    """How far the two flows are apart after 1, 2, ... steps; at rest, how far from home."""
    pairs = [[each.measures[min(k, len(each.results))] for each in (flow, free)] for k in range(1, steps + 1)]
    last = flow.results[-1]
    rest = last.plan.nu.points[last.plan.target] - last.plan.stop_points()
    return {
        "apart": [furthest(*pair) for pair in pairs],
        "d1": [wrof.distance(*pair) for pair in pairs],
        "value": flow.results[0].value,
        "settled": last.still,
        "rest": np.linalg.norm(rest, axis=1).max(),
    }


# ---- in the plane ----


def in_plane(n: int, seed: int) -> tuple[wrof.Measure, wrof.Measure]:
    """Two clouds of n equal atoms, uniform on discs that are 0.18 apart."""
    rng = np.random.default_rng(seed)
    out = []
    for center in ((0.25, 0.3), (0.75, 0.6)):
        angle, radius = 2 * np.pi * rng.random(n), 0.2 * np.sqrt(rng.random(n))
        points = np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)], axis=1)
        out.append(wrof.Measure(points, np.full(n, 1 / n)))
    return out[0], out[1]


def compute_plane(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Flows on every lattice, and with free stops."""
    (mu, nu), tau, steps = in_plane(params["n"], params["seed"]), params["tau_plane"], params["steps_plane"]
    free = wrof.flow(mu, nu, tau, steps, stops=wrof.FREE)
    tally += free.results
    plan = free.results[0].plan
    arrays: dict[str, Any] = {"plane/free_value": free.results[0].value, "source": mu.points, "target": nu.points}
    arrays["plane/shortest"] = np.linalg.norm(nu.points[plan.target] - plan.stop_points(), axis=1).min()
    rows = []
    halvings = range(3, params["halvings_plane"] + 1)
    for count in sorted([2**k for k in halvings] + [3 * 2 ** (k - 2) for k in halvings[1:]]):
        flow = wrof.flow(mu, nu, tau, steps, stops=wrof.Grid((count + 1, count + 1), bounds=(0.0, 1.0)))
        tally += flow.results
        row = compared(flow, free, steps, lambda a, b: bottleneck(a, b, params["n"]))
        rows.append({"h": 1 / count, **row, **shift(flow.results[0])})
        if count == COARSE:
            arrays["shown/lattice"] = walk(flow, mu)
    arrays["shown/free"] = walk(free, mu)
    return arrays | {f"plane/{name}": np.array([row[name] for row in rows]) for name in rows[0]}


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold what was measured against the bounds."""
    line, plane = (
        {key.removeprefix(name): array for key, array in arrays.items() if key.startswith(name)}
        for name in ("line/", "plane/")
    )
    check_line_value(params, line, claims)
    check_line_apart(params["tau"], line, claims)
    check_plane(params["tau_plane"], plane, claims)


def check_line_value(params: dict[str, Any], one: dict[str, Any], claims: Claims) -> None:
    """J of one step on lines, in flight and arriving."""
    h, tau, far = one["h"], params["tau"], params["tau_far"]
    way = one["home"] - one["start"]
    claims.note("lines: number, h/τ from, to", f"{len(h)}, {h.min() / tau:.3g}, {h.max() / tau:.3g}")
    excess, excess_far = one["value"] - one["free_value"], one["far"] - one["free_far"]
    claims.at_least("    least J(lattice) − J(free)", min(excess.min(), excess_far.min()), -SAME)
    rises = [rise(h, one[name]) for name in ("value", "far")]
    claims.at_most("    spacings that are halved: greatest rise of J", max(rises), SAME)
    flies = np.abs(way).min() - tau >= h / 2
    off = max(abs(excess[k] - exact_flight(one, h[k], tau)) for k in np.flatnonzero(flies))
    claims.at_most(f"    in flight, {flies.sum()} of them: J(lattice) − J(free) off mean δ²/2τ", off, SAME)
    claims.at_most("    largest share of h²/8τ", (excess / (h**2 / (8 * tau)))[flies].max(), 1.0 + READ)
    claims.near("    slope of log excess over log h", slope(h, excess, flies & (h < tau)), 2.0, 0.15)
    off = max(abs(excess_far[k] - exact_arrival(one, h[k], far)) for k in range(len(h)))
    claims.at_most(f"    arriving (τ = {far:g}): off mean of the better stop beside home", off, SAME)
    claims.at_most("    largest share of h/2 + h²/2τ", (excess_far / (h / 2 + h**2 / (2 * far))).max(), 1.0)
    claims.near("    slope of log excess over log h", slope(h, excess_far, h < tau), 1.0, 0.15)


def check_line_apart(tau: float, one: dict[str, Any], claims: Claims) -> None:
    """Distances between the flows on lines."""
    h, apart, d1 = one["h"], one["apart"], one["d1"]
    k = np.arange(1, apart.shape[1] + 1)
    over = apart - drift_bound(h[:, None], tau, k)
    claims.at_most(f"    k = 1..{k[-1]}: largest W∞ − max(h, h/2 + (k − 1)|mh − τ|)", over.max(), READ)
    claims.at_most("    largest d₁ − W∞", (d1 - apart).max(), SAME)
    fine = h < tau
    claims.near("    one step: slope of log W∞ over log h", slope(h, apart[:, 0], fine), 1.0, 0.15)
    claims.near("    one step: slope of log d₁ over log h", slope(h, d1[:, 0], fine), 1.0, 0.15)
    later = min(LATER, len(k))
    claims.note(f"    {later} steps: slopes of W∞, d₁", both_slopes(h, apart[:, later - 1], d1[:, later - 1], fine))
    rests = one["settled"] & (tau > (2 + 5**0.5) * h / 2)
    bound = rest_bound(h[rests] / 2, tau)
    claims.at_most(
        f"    {rests.sum()} at rest: largest way from home / bound", (one["rest"][rests] / bound).max(initial=0.0), 1.0
    )


def check_plane(tau: float, one: dict[str, Any], claims: Claims) -> None:
    """J, distances and rest in the plane."""
    h, apart, d1 = one["h"], one["apart"], one["d1"]
    b, s, excess = h / 2**0.5, float(one["shortest"]), one["value"] - one["free_value"]
    claims.note("plane: number of lattices, h/τ from, to", f"{len(h)}, {h.min() / tau:.3g}, {h.max() / tau:.3g}")
    claims.at_least("    least J(lattice) − J(free)", excess.min(), -SAME)
    claims.at_most("    spacings that are halved: greatest rise of J", rise(h, one["value"]), SAME)
    flies = s > b
    share = (excess[flies] / flight_bound(b[flies], s, tau)).max()
    claims.at_most(f"    in flight, {flies.sum()} of them: largest share of b²/2τ + b²/2(s − b)", share, 1.0)
    seen = h < 2 * tau
    claims.near("    slope of log excess over log h", slope(h, excess, seen), 2.0, 0.25)
    clear = one["left"] > b
    share = (one["shift"][clear] / shift_bound(b[clear], one["left"][clear], tau)).max()
    claims.at_most("    largest way from stop to free stop / b√(1 + τ/(s − b))", share, 1.0)
    claims.at_most("    largest d₁ − W∞", (d1 - apart).max(), SAME)
    claims.near("    one step: slope of log W∞ over log h", slope(h, apart[:, 0], seen), 1.0, 0.25)
    claims.near("    one step: slope of log d₁ over log h", slope(h, d1[:, 0], seen), 1.0, 0.25)
    later = min(LATER, apart.shape[1])
    claims.note(f"    {later} steps: slopes of W∞, d₁", both_slopes(h, apart[:, later - 1], d1[:, later - 1], seen))
    peak = (apart / h[:, None]).max(axis=1)
    claims.note("    largest W∞/h on the way, by lattice", ", ".join(f"{number:.3g}" for number in peak))
    rests = one["settled"].astype(bool) & (tau > (2 + 5**0.5) * b)
    share = (one["rest"][rests] / rest_bound(b[rests], tau)).max(initial=0.0)
    claims.at_most(f"    {rests.sum()} at rest: largest way from home / bound", share, 1.0)


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw errors on the line and in the plane against h and k, and the ways of the atoms."""
    return [line_figure(params, arrays, folder), plane_figure(params, arrays, folder)]


EXPERIMENT = Experiment("continuum", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
