"""h → 0 at fixed τ: the lattice flow of p = 2, α = 1 tends to the flow on free stops; where h is large it freezes.

On a line two arches of mass → one, on a square an arch → another; an arch has a cosine as its density, and a point of
the lattice has the mass of the cell around it. The same measures flow on the lattice and on free stops.

Claim. On a line, where atoms walk m = round(τ/h) cells a step (a half is rounded down), and τ on free stops:
- frozen iff h ≥ 2τ; otherwise ν is reached at step ⌈R/mh⌉, R the longest way of the monotone coupling;
- W∞, the largest distance of quantiles, is after k steps at most k|mh − τ| ≤ kh/2, as both have the quantiles of ν
  clipped to those of μ, ± kmh and ± kτ; between the lattice and the continuum (densities, free stops) h/2 more;
- J of one step is larger on the lattice, by (mh − τ)²/2τ ≤ h²/8τ per mass if all ways are longer than 2τ.
On a square:
- frozen if h ≥ 2τ; these measures get stuck if √2τ < h < 2τ, and reach ν if h < √2τ (why: phase_diagram.py);
- J of one step is larger on the lattice, by at most h²/4τ + h²/4(s − h/√2) per mass, s the shortest way that the free
  step leaves to go: rounding its stops to lattice points, δ ≤ h/√2 away, adds |δ|²/2τ + |δ|²/2(s − |δ|) at most.

Source: Milne & Nachman, SIAM J. Math. Anal. 56(1), 2024 (free stops).
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _arches import couple, from_continuum, on_line, on_square
from _common import Claims, Experiment, Param
from _refine import (
    SHOWN,
    SHOWN_STEP,
    cells_a_step,
    draw_arrivals,
    draw_distributions,
    draw_excess,
    draw_held,
    draw_left,
    draw_quantiles,
    draw_square_arrivals,
    square_bound,
)

import wrof
from wrof import plot

PARAMS = {
    "tau": Param(0.07, "step size on the line"),
    "points": Param(2**20, "cells of the finest line", quick=3_000),
    "sizes": Param(40, "lines between the coarsest and the finest, and as many coarse ones", quick=12),
    "steps": Param(8, "steps after which quantiles are compared"),
    "tau_plane": Param(0.05, "step size on the square"),
    "side": Param(100, "cells along the side of the finest square", quick=20),
    "squares": Param(32, "squares between the coarsest and the finest", quick=14),
}
MOST, FLOWS = 200, 64  # most steps of a flow; squares up to so many cells a side are let flow, finer ones take a step
SAME, READ, ROUNDING, TIE = 1e-12, 1e-9, 1e-13, 1e-9


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let measures flow on lattices of many spacings and on free stops."""
    tau, plane = params["tau"], params["tau_plane"]
    if not 0 < tau < 0.17 or not 0 < plane < 0.1:
        raise wrof.WrofError(f"tau must be in (0, 0.17) and tau_plane in (0, 0.1), got {tau:g} and {plane:g}.")
    tally: dict[str, Any] = {"worst_gap": 0.0, "statuses": set(), "solvers": set(), "steps_solved": 0}
    lines = [flow_line(h, params, tally) for h in spacings(1 / params["points"], tau, params["sizes"], 0.15)]
    squares = [flow_square(h, params, tally) for h in spacings(1 / params["side"], plane, params["squares"], 1.3)]
    arrays = {f"line/{name}": np.array([row[name] for row in lines]) for name in lines[0]}
    arrays |= {f"square/{name}": np.array([row[name] for row in squares]) for name in squares[0] if name != "rho"}
    for n, share in enumerate(SHOWN):
        mu, nu = on_line(share * tau)
        rho = run(mu, nu, tau, SHOWN_STEP, None, tally).rho
        arrays |= {f"shown/{n}/points": rho.points, f"shown/{n}/rho": rho.weights}
    held = next((row for row in squares if row["regime"] == "steady"), squares[-1])
    mu, nu = on_square(held["h"])
    arrays |= {"held/h": held["h"], "held/points": mu.points}
    arrays |= {"held/rho": held["rho"], "held/source": mu.weights, "held/target": nu.weights}
    return arrays, {name: sorted(said) if isinstance(said, set) else said for name, said in tally.items()}


def spacings(finest: float, tau: float, count: int, coarse: float) -> np.ndarray:
    """Spacings from the finest to one that freezes, evenly in their logarithm; from `coarse` τ on some more."""
    fine = np.geomspace(finest, 2.4 * tau, count)
    return np.unique(np.concatenate([fine, tau * np.linspace(coarse, 2.3, count)]))


def run(mu: wrof.Measure, nu: wrof.Measure, tau: float, steps: int, stops: Any, tally: dict[str, Any]) -> wrof.Flow:
    """Run a flow, and keep account of how well its steps were solved."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)  # no hop: the frozen regime is part of the claim
        flow = wrof.flow(mu, nu, tau, steps, stops=stops)
    told = _common.notes(flow.results)
    tally["worst_gap"] = max(tally["worst_gap"], told["worst_gap"])
    tally["steps_solved"] += told["steps_solved"]
    for name in ("statuses", "solvers"):
        tally[name].update(told[name])
    return flow


def flow_line(h: float, params: dict[str, Any], tally: dict[str, Any]) -> dict[str, Any]:
    """Both flows on one line, and how far apart their quantiles are after 1, 2, ... steps."""
    tau, (mu, nu) = params["tau"], on_line(h)
    longest = np.abs(np.subtract(*couple(nu, mu))).max()
    lattice, free = (run(mu, nu, tau, MOST, stops, tally) for stops in (None, wrof.FREE))
    apart, off = [], []
    for k in range(1, params["steps"] + 1):
        pair = [flow.measures[min(k, len(flow.results))] for flow in (lattice, free)]
        apart.append(np.abs(np.subtract(*couple(*pair))).max())
        off.append(from_continuum(pair[0], k * tau))
    return {"h": h, "cells": round(longest / h), "apart": apart, "off": off, **compared(lattice, free)}


def compared(lattice: wrof.Flow, free: wrof.Flow) -> dict[str, Any]:
    """How the two flows begin and end; arrival −1: still running."""
    ends = [-1 if flow.settled_at is None else flow.settled_at for flow in (lattice, free)]
    names = ("regime", "arrival", "free_regime", "free_arrival", "value", "free_value")
    values = [flow.results[0].value for flow in (lattice, free)]
    return dict(zip(names, (lattice.regime, ends[0], free.regime, ends[1], *values), strict=True))


def flow_square(h: float, params: dict[str, Any], tally: dict[str, Any]) -> dict[str, Any]:
    """Both flows on one square; the finest take one step."""
    mu, nu = on_square(h)
    steps = MOST if mu.space.shape[0] <= FLOWS + 1 else 1
    lattice, free = (run(mu, nu, params["tau_plane"], steps, stops, tally) for stops in (None, wrof.FREE))
    plan = free.results[0].plan
    return {
        "h": h,
        **compared(lattice, free),
        "left": lattice.results[-1].discrepancy / wrof.distance_power(mu, nu, 1.0),
        "shortest": np.linalg.norm(nu.points[plan.target] - plan.stop_points(), axis=1).min(),
        "rho": lattice.rho.weights,
    }


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold what was measured against the bounds."""
    check_lines(params["tau"], part(arrays, "line"), claims)
    check_squares(params["tau_plane"], part(arrays, "square"), claims)


def part(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the arrays whose names begin with `name/`."""
    return {key[len(name) + 1 :]: array for key, array in arrays.items() if key.startswith(f"{name}/")}


def check_lines(tau: float, one: dict[str, Any], claims: Claims) -> None:
    """Regimes, arrivals, quantiles and J on lines."""
    h, regime = one["h"], one["regime"]
    m, k = cells_a_step(h, tau), np.arange(1, one["apart"].shape[1] + 1)
    frozen = m == 0
    claims.note("lines: number, h/τ from, to", f"{len(h)}, {h[0] / tau:.3g}, {h[-1] / tau:.3g}")
    claims.equal("    frozen, of those with h ≥ 2τ", int(np.sum(regime[frozen] == "frozen")), int(frozen.sum()))
    claims.equal("    ν reached, of the others", int(np.sum(regime[~frozen] == "target")), int((~frozen).sum()))
    expected = np.ceil(one["cells"][~frozen] / m[~frozen])
    claims.equal("    arrivals that are not at step ⌈R/mh⌉", int(np.sum(one["arrival"][~frozen] != expected)), 0)
    arrival, free = one["arrival"][~frozen], one["free_arrival"]
    claims.note(
        "    steps to arrive: least, most; free", f"{arrival.min()}, {arrival.max()}; {free.min()}..{free.max()}"
    )
    bound = k * np.abs(m * h - tau)[:, None]
    claims.at_most(f"    k = 1..{k[-1]}: largest W∞(lattice, free) − k|mh − τ|", (one["apart"] - bound).max(), SAME)
    claims.note(
        "    largest W∞ / (kh/2) of lines not frozen", f"{(2 * one['apart'] / k / h[:, None])[~frozen].max():.4g}"
    )
    off = one["off"] - bound - h[:, None] / 2
    claims.at_most("    largest W∞(lattice, continuum) − k|mh − τ| − h/2", off.max(), READ)
    finest = f"{one['apart'][0, 0]:.3g}, {one['off'][0, 0]:.3g} at h = {h[0]:.3g}"
    claims.note("    finest line, one step: W∞ from free, from the continuum", finest)
    excess = one["value"] - one["free_value"]
    claims.at_least("    one step: least J(lattice) − J(free)", excess.min(), -ROUNDING)
    claims.at_most(
        "    largest deviation of it from (mh − τ)²/2τ", np.abs(excess - (m * h - tau) ** 2 / 2 / tau).max(), ROUNDING
    )
    seen = ~frozen & (excess > 100 * ROUNDING)
    claims.note(
        "    slope of log W∞, log excess of J over log h",
        f"{slope(h, one['apart'][:, 0], seen)}, {slope(h, excess, seen)}",
    )


def slope(h: np.ndarray, error: np.ndarray, seen: np.ndarray) -> str:
    """Return the slope of a straight line through log error over log h."""
    return f"{np.polyfit(np.log(h[seen]), np.log(error[seen]), 1)[0]:.3g}" if seen.sum() > 1 else "none"


def check_squares(tau: float, one: dict[str, Any], claims: Claims) -> None:
    """Regimes and J on squares."""
    h, regime, flows = one["h"], one["regime"], one["free_regime"] != "running"
    claims.note("squares: number, h/τ from, to", f"{len(h)}, {h[0] / tau:.3g}, {h[-1] / tau:.3g}")
    fine, coarse = flows & (h < (1 - TIE) * 2**0.5 * tau), h >= (1 - TIE) * 2 * tau
    window = (h > (1 + TIE) * 2**0.5 * tau) & ~coarse
    claims.equal("    frozen, of those with h ≥ 2τ", int(np.sum(regime[coarse] == "frozen")), int(coarse.sum()))
    rests = np.isin(regime[window], ("frozen", "steady"))
    claims.equal("    at rest away from ν, of those with √2τ < h < 2τ", int(rests.sum()), int(window.sum()))
    claims.equal("    ν reached, of those with h < √2τ", int(np.sum(regime[fine] == "target")), int(fine.sum()))
    left = one["left"][window]
    claims.note("    d₁ left where stuck, of d₁(μ, ν): least, most", f"{left.min():.3g}, {left.max():.3g}")
    arrival, free = one["arrival"][fine], one["free_arrival"][flows]
    claims.note(
        "    steps to arrive: least, most; free", f"{arrival.min()}, {arrival.max()}; {free.min()}..{free.max()}"
    )
    excess, clear = one["value"] - one["free_value"], one["shortest"] > h / 2**0.5 * (1 + TIE)
    claims.at_least("    one step: least J(lattice) − J(free)", excess.min(), -ROUNDING)
    share = excess[clear] / square_bound(h, one["shortest"], tau)[clear]
    claims.at_most("    largest share of h²/4τ + h²/4(s − h/√2)", share.max(), 1.0)
    seen = h < tau
    claims.note("    slope of log excess of J over log h, h < τ", slope(h, excess, seen))


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the errors on lines and squares against h, and how the flows end against h/τ."""
    tau, lines = params["tau"], part(arrays, "line")
    fig = plot.figure(8.0, 6.4, f"Line, p = 2, α = 1, τ = {tau:g}: lattice and free stops, h → 0")
    with plot.style():
        axes = fig.subplots(2, 2)
        draw_quantiles(axes[0, 0], tau, lines)
        draw_excess(axes[0, 1], lines["h"], lines["value"] - lines["free_value"], lines["h"] ** 2 / (8 * tau), "h²/8τ")
        draw_arrivals(axes[1, 0], tau, lines)
        draw_distributions(axes[1, 1], tau, arrays)
    saved = [plot.save(fig, folder / "refine_line.png")]
    tau, squares = params["tau_plane"], part(arrays, "square")
    fig = plot.figure(8.0, 6.4, f"Square, p = 2, α = 1, τ = {tau:g}: stuck for √2τ < h < 2τ, frozen above")
    with plot.style():
        axes = fig.subplots(2, 2)
        draw_left(axes[0, 0], tau, squares)
        bound = square_bound(squares["h"], squares["shortest"], tau)
        draw_excess(axes[0, 1], squares["h"], squares["value"] - squares["free_value"], bound, "bound")
        draw_square_arrivals(axes[1, 0], tau, squares)
        draw_held(axes[1, 1], tau, part(arrays, "held"))
    return [*saved, plot.save(fig, folder / "refine_square.png")]


EXPERIMENT = Experiment("refine", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
