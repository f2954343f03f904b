"""Translation and reshaping: with p = 2, α = 1 on a uniform line the flow walks, cell by cell, all the way to ν.

K = 128 points of [0, 1], spacing h, random source → increasing ramp, τ = 0.005. There is no steady state in between.

Claim. Every atom of the monotone plan moves m = round(τ/h) cells a step until it is where it belongs, in quantiles

    Q_ρₖ = min(max(Q_ν, Q_μ − kmh), Q_μ + kmh),

to 1e-12 in every bar at every step: the centre is translated, the ends are reshaped first, and ν is reached after
as many steps as the longest way, in cells, holds m.

Source: C. Davies, The WROF Problem and WGANs, final report (repository Camdav/MAT1510), steps 0, 10, 20, 30.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param

import wrof
from wrof import plot, toys

PARAMS = {
    "K": Param(128, "points of [0, 1]"),
    "tau": Param(0.005, "step size", quick=0.02),
    "steps": Param(35, "most steps to take", quick=12),
    "seed": Param(None, "seed of a random source instead of the published one"),
}
SHOWN = (0, 10, 20, 30)
BOUND = 1e-12


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the flow."""
    K, seed = params["K"], params["seed"]
    if seed is None and K == 128:
        mu = wrof.Grid(K).measure(_common.bars_from("random_source"), normalize=True)
    else:
        mu = toys.random_weights(K, seed or 0)
    flow = wrof.flow(mu, toys.ramp(K, increasing=True), params["tau"], params["steps"])
    settled = {"stopped": flow.stopped, "settled_at": flow.settled_at}
    return flow.arrays(), _common.notes(flow.results) | settled


def monotone_plan(mu: np.ndarray, nu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells x, y and masses of the monotone plan: between two levels of F_μ or F_ν both quantiles are constant."""
    start, end = np.cumsum(mu), np.cumsum(nu)
    levels = np.unique(np.clip(np.concatenate([[0.0], start, end]), 0, min(start[-1], end[-1])))
    middle = (levels[1:] + levels[:-1]) / 2
    return np.searchsorted(start, middle), np.searchsorted(end, middle), np.diff(levels)


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold every step against the law of the quantiles, from the stored μ and ν alone."""
    mu, nu, rho = arrays["source"], arrays["target"], arrays["rho"]
    K, h = len(mu), 1 / (len(mu) - 1)
    m = int(np.ceil(params["tau"] / h - 0.5 - 1e-9))  # nearest, and the lower at a tie: lazy
    x, y, mass = monotone_plan(mu, nu)
    claims.at_most("the plan of the quantiles: |marginals − μ, ν|", plan_error(x, y, mass, mu, nu), BOUND)
    claims.note("cells that mass moves in a step, m = round(τ/h)", str(m))
    off = []
    for k, found in enumerate(rho, 1):
        place = np.clip(y, x - k * m, x + k * m)
        off.append(np.abs(np.bincount(place, mass, K) - found).max())
    claims.at_most(f"largest |ρₖ − law| of {len(off)} steps", max(off), BOUND)
    if m == 0:
        claims.equal("no cell in reach, τ < h/2: mass that moves", float(arrays["moved"].max()), 0.0)
        return
    longest = int(np.abs(x - y)[mass > BOUND].max())
    arrival = -(-longest // m)
    claims.note("longest way of a monotone atom, in cells", str(longest))
    if arrival <= params["steps"]:
        claims.equal("step of arrival: steps taken, longest way / m", (len(rho), arrival), (arrival, arrival))
        claims.at_most("    largest |ρ − ν| there", np.abs(rho[-1] - nu).max(), BOUND)
        claims.at_least("    largest |ρ − ν| a step before", np.abs([mu, *rho][-2] - nu).max(), 1e-6)
    rising = np.diff(arrays["discrepancy"]).max(initial=0.0)
    claims.at_most("F never rises: largest rise in a step", rising, BOUND)


def plan_error(x: Any, y: Any, mass: Any, mu: Any, nu: Any) -> float:
    """Return the largest error of a marginal."""
    K = len(mu)
    return float(max(np.abs(np.bincount(x, mass, K) - mu).max(), np.abs(np.bincount(y, mass, K) - nu).max()))


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw four steps, and all of them as an animation."""
    last = len(arrays["rho"])
    shown = SHOWN if last >= max(SHOWN) else sorted({0, last // 3, 2 * last // 3, last})
    done = np.abs(arrays["rho"][-1] - arrays["target"]).max() <= BOUND
    end = f"; ν is reached at step {last}" if done else ""
    title = f"τ = {params['tau']:g}: the centre is translated, the ends are reshaped{end}"
    figure = plot.steps_figure(arrays, shown, title=title)
    return [
        plot.save(figure, folder / "translation.png"),
        plot.flow_gif(arrays, folder / "translation.gif", fps=6, title=title),
    ]


EXPERIMENT = Experiment("translation", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
