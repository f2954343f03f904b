"""The phase diagram of a step, exact: all critical τ, and a sampled sweep that finds nothing else.

On finite stops V(s) = min J at s = 1/2τ is piecewise linear: its corners are all critical τ, its pieces the phases,
each with one K and one F. Two problems on a line, decreasing ramp → uniform on K points with the printed exponents
p = 2, α = 1 and with those of the published pictures, p = 1, α = ½; two on a square lattice, p = 2, α = 1: pairs of
neighbours, half of them next to each other and half diagonal, and random masses → random masses.

Claim.
- Every (K, F) of a first step that a sweep over τ sees is that of the exact phase at its τ; frozen and ρ₁ = ν come and
  go at the first and the last critical τ; what a theorem predicts of a flow (`wrof.predict`) is what it does.
- p = 2, α = 1 on the line: the critical τ are (m + ½)h; every flow above h/2 ends at ν, none rests in between.
- p = 1, α = ½: they are √r/2, r the distances of the nested coupling; no second step moves; between the first and the
  last every flow rests where it is neither μ nor ν.
- On a square lattice of spacing h some hop pays for every atom that is not at home iff τ > h/√2. Let home be (a, b)
  cells away, a ≥ b. If a > b, one cell along a gains more than h/√2 and costs h²/2τ; if a = b, one diagonal cell gains
  √2h and costs h²/τ. So above h/√2 nothing but ν is at rest. For h/2 < τ ≤ h/√2 hops along an axis pay and the last
  diagonal one does not: no mass that is at rest has to go straight along an axis.
- The pairs have two critical τ, h/2 and h/√2; in between the diagonal half is stuck for ever. With random masses some
  mass is stuck at every sampled τ between h/2 and h/√2, and all of it reaches ν at every sampled τ above.

Sources: C. Davies, The WROF Problem and WGANs, slides, Toronto, 4 December 2023; Milne & Nachman, SIAM J. Math. Anal.
56(1), 2024.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param
from _lattices import DIAGONAL, draw_lattices, pairs, stuck

import wrof
from wrof import plot, toys

PARAMS = {
    "K": Param(128, "points of [0, 1]", quick=32),
    "size": Param(16, "points along a side of the lattice, 8 or more", quick=8),
    "samples": Param(60, "step sizes of each sweep", quick=24),
    "steps": Param(40, "most steps to take"),
    "seed": Param(0, "seed of the random masses"),
}
LINES = {"printed": {"p": 2.0, "alpha": 1.0}, "plotted": {"p": 1.0, "alpha": 0.5}}
NAMES = {
    "printed": "line, p = 2, α = 1",
    "plotted": "line, p = 1, α = ½",
    "pairs": "lattice, pairs of neighbours",
    "random": "lattice, random masses",
}
REGIMES = ("frozen", "steady", "target")
SAME, STAIRS, TIE = 1e-12, 1e-9, 1e-9


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the phases of the four problems, and sweep over step sizes from frozen to ν."""
    K, size, seed, count = (params[name] for name in ("K", "size", "seed", "samples"))
    if K < 3 or size < 8:
        raise wrof.WrofError(f"K must be >= 3 and size >= 8, got {K} and {size}.")
    line, (h, far) = toys.ramp_to_uniform(K), (1 / (K - 1), 1 / (size - 1))
    shape = (size, size)
    noise = {"mu": toys.random_weights(shape, seed), "nu": toys.random_weights(shape, seed + 1)}
    close = far * np.concatenate([np.linspace(0.42, 0.78, count - count // 3), np.linspace(0.8, 1.7, count // 3)])
    problems = {
        "printed": (line | LINES["printed"], np.geomspace(0.3 * h, 0.4, count)),
        "plotted": (line | LINES["plotted"], np.linspace(0.2 * h**0.5, 0.6, count)),
        "pairs": (pairs(size), close),
        "random": (noise, close),
    }
    arrays: dict[str, Any] = {}
    info: dict[str, Any] = {}
    for name, (problem, taus) in problems.items():
        found, info[name] = study(problem, taus, params["steps"])
        arrays |= {f"{name}/{key}": array for key, array in found.items()}
    parts = list(info.values())
    return arrays, {
        "worst_gap": max(part["worst_gap"] for part in parts),
        "statuses": sorted({status for part in parts for status in part["statuses"]}),
        "solvers": sorted({solver for part in parts for solver in part["solvers"]}),
        "steps_solved": sum(part["steps_solved"] for part in parts),
    }


def study(problem: dict[str, Any], taus: np.ndarray, steps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Phases, thresholds, sweep and predictions of one problem."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)  # no hop: the frozen regime is part of the claim
        phases, sweep = wrof.phases(**problem), wrof.sweep(taus=taus, steps=steps, **problem)
    told = [wrof.predict(tau=tau, **problem) for tau in sweep]
    flows = [sweep.flow(k) for k in range(len(sweep))]
    dropped = ("rho", "rho_last") if problem["mu"].space.dim == 1 else ("rho", "rho_first")
    arrays = {f"phases/{key}": array for key, array in phases.arrays().items() if key not in dropped}
    arrays |= {f"sweep/{key}": array for key, array in sweep.arrays().items() if key not in dropped}
    arrays |= {
        "frozen_below": float(wrof.frozen_below(**problem)),
        "target_above": float(wrof.target_above(**problem)),
        "allowed": np.array([[word in one.regimes for word in REGIMES] for one in told]),
        "settled_at": np.array([-1 if one.settled_at is None else one.settled_at for one in told]),
        "settled_by": np.array([-1 if one.settled_by is None else one.settled_by for one in told]),
    }
    if problem["mu"].space.dim == 2:
        left = [stuck(flow.results[-1], problem["mu"].space.h) for flow in flows]
        arrays |= {"stuck": np.array([one[0] for one in left]), "payoff": np.array([one[1] for one in left])}
    info = _common.notes([result for flow in flows for result in flow.results])
    return arrays, info | {"worst_gap": max(info["worst_gap"], phases.worst_gap)}


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold sweeps against phases, phases against closed forms, and lattices against what hops can pay."""
    for name in NAMES:
        one = part(arrays, name)
        check_sweep(NAMES[name], one, claims)
        if name == "printed":
            check_printed(one, claims)
        elif name == "plotted":
            check_plotted(one, claims)
        else:
            check_lattice(one, 1 / (params["size"] - 1), name == "pairs", claims)


def part(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the arrays whose names begin with `name/`."""
    return {key[len(name) + 1 :]: array for key, array in arrays.items() if key.startswith(f"{name}/")}


def check_sweep(name: str, one: dict[str, Any], claims: Claims) -> None:
    """Whatever the problem: the sampled first steps are phases, in their place."""
    phases, sweep, tau = part(one, "phases"), part(one, "sweep"), one["sweep/tau"]
    critical, regime, settled = phases["critical"], sweep["regime"], sweep["settled_at"]
    claims.equal(f"{name}: every boundary proven, every flow solved", proven(phases, sweep), (True, True))
    claims.note("    critical τ, from, to", f"{len(critical)}, {critical[0]:.6g}, {critical[-1]:.6g}")
    off, place = distance_to_stairs(phases, sweep)
    claims.at_most(f"    (K, F) of {len(tau)} first steps off the exact phase at their τ", off, STAIRS)
    claims.note("    phases the sweep sees", f"{len(np.unique(place))} of {len(critical) + 1}")
    claims.near("    frozen_below, the first critical τ", one["frozen_below"], critical[0], TIE * critical[0])
    claims.near("    target_above, the last critical τ", one["target_above"], critical[-1], TIE * critical[-1])
    clear = np.abs(tau[:, None] / critical - 1).min(axis=1) > TIE
    wrong = ((regime == "frozen") != (tau < critical[0])) & clear
    claims.equal("    sampled τ frozen but not below it, or below but not frozen", int(wrong.sum()), 0)
    wrong = ((regime == "target") & (settled == 1)) != (tau > critical[-1])
    claims.equal("    sampled τ with ρ₁ = ν but not above, or above but not", int((wrong & clear).sum()), 0)
    said = ~one["allowed"].all(axis=1) | (one["settled_by"] >= 0)
    claims.equal(f"    of {said.sum()} predictions wrong", int((mispredicted(one) & clear).sum()), 0)
    found = [f"{np.sum(regime == word)} {word}" for word in ("frozen", "steady", "target", "running")]
    claims.note("    regimes", ", ".join(text for text in found if text[0] != "0"))


def proven(phases: dict[str, Any], sweep: dict[str, Any]) -> tuple[bool, bool]:
    """Whether every boundary is proven, and whether every flow of the sweep is there."""
    return bool(phases["resolved"].all()), bool((sweep["status"] == "ok").all())


def mispredicted(one: dict[str, Any]) -> np.ndarray:
    """Which flows do what a theorem forbids; of those still running nothing is known."""
    regime, settled, by = one["sweep/regime"], one["sweep/settled_at"], one["settled_by"]
    wrong = ((regime[:, None] == REGIMES) & ~one["allowed"]).any(axis=1)
    wrong |= (one["settled_at"] >= 0) & (settled != one["settled_at"]) | (by >= 0) & (settled > by)
    return wrong & (regime != "running")


def distance_to_stairs(phases: dict[str, Any], sweep: dict[str, Any]) -> tuple[float, np.ndarray]:
    """Return the largest relative distance of (K, F) of a first step from the phase at its τ, and which phase that is.

    At a critical τ, to rounding, either neighbour will do.
    """
    front = np.stack([phases["movement"], phases["discrepancy"]], axis=1)
    found = np.stack([sweep["movement"][:, 0], sweep["discrepancy"][:, 0]], axis=1)
    tau = sweep["tau"][:, None]
    here = (tau >= phases["tau_lo"] * (1 - TIE)) & (tau <= phases["tau_hi"] * (1 + TIE))
    off = (np.abs(found[:, None] - front) / front.max(axis=0)).max(axis=2)
    off = np.where(here, off, np.inf)
    return float(off.min(axis=1).max()), off.argmin(axis=1)


def check_printed(one: dict[str, Any], claims: Claims) -> None:
    """Uniform line, p = 2, α = 1: every atom of the monotone coupling walks round(τ/h) cells a step."""
    phases, regime = part(one, "phases"), one["sweep/regime"]
    cells, mass = monotone_cells(phases["source"], phases["target"])
    h, m = np.diff(phases["points"][:2, 0])[0], np.arange(len(phases["movement"]))
    off = np.abs(phases["critical"] / h - (np.arange(cells.max()) + 0.5)).max()
    claims.at_most(f"    the {cells.max()} critical τ are (m + ½)h: largest deviation / h", off, STAIRS)
    walked = np.minimum(cells, m[:, None])
    exact = np.stack([mass * walked**2 * h**2, mass * (cells - walked) * h]).sum(axis=2)
    off = np.abs(exact - [phases["movement"], phases["discrepancy"]]).max()
    claims.at_most("    K and F of every phase against the closed form", off, SAME)
    claims.equal("    sampled τ that rest in between", int(np.sum(regime == "steady")), 0)


def monotone_cells(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many cells, and how much mass, the atoms of the monotone coupling have to go."""
    ends = [np.cumsum(weights) / weights.sum() for weights in (source, target)]
    cuts = np.unique(np.concatenate([[0.0], *ends]).clip(0, 1))
    mass, middle = np.diff(cuts), (cuts[1:] + cuts[:-1]) / 2
    x, y = (np.searchsorted(end, middle) for end in ends)
    real = mass > SAME
    return np.abs(x - y)[real], mass[real] * source.sum()


def check_plotted(one: dict[str, Any], claims: Claims) -> None:
    """Ramp → uniform, p = 1, α = ½: common mass stays, the rest is nested and jumps iff r < 4τ²."""
    phases, sweep = part(one, "phases"), part(one, "sweep")
    excess, x = phases["source"] - phases["target"], phases["points"][:, 0]
    left = np.flatnonzero(excess > SAME)
    r, mass = (x[::-1] - x)[left], excess[left]  # innermost last: the mate of each is its mirror image
    claims.at_most("    mates: |excess + its mirror image|", np.abs(excess + excess[::-1]).max(), SAME)
    off = np.abs(phases["critical"] - np.sort(r) ** 0.5 / 2).max()
    claims.at_most(f"    the {len(r)} critical τ are √r/2: largest deviation", off, STAIRS)
    jumped = r < np.append(0, np.sort(r))[:, None] + SAME
    exact = np.stack([np.where(jumped, mass * r, 0), np.where(jumped, 0, mass * r**0.5)]).sum(axis=2)
    off = np.abs(exact - [phases["movement"], phases["discrepancy"]]).max()
    claims.at_most("    K and F of every phase against the closed form", off, SAME)
    claims.at_most("    no second step moves: largest K", sweep["movement"][:, 1:].max(initial=0.0), SAME)
    between = (sweep["tau"] > one["frozen_below"]) & (sweep["tau"] < one["target_above"])
    claims.equal(
        "    sampled τ in between that rest, of", int(np.sum(sweep["regime"][between] == "steady")), between.sum()
    )


def check_lattice(one: dict[str, Any], h: float, exact: bool, claims: Claims) -> None:
    """p = 2, α = 1 on a square lattice: what rests, and how far from home."""
    tau, regime, held = one["sweep/tau"] / h, one["sweep/regime"], one["stuck"]
    window, above = (tau > 0.5 + TIE) & (tau < DIAGONAL - TIE), tau > DIAGONAL + TIE
    ended = int(np.sum(regime[above] != "target"))
    claims.equal(f"    of {above.sum()} sampled τ > h/√2 not at ν in the end", ended, 0)
    ended = int(np.sum(regime[window] == "target"))
    claims.equal(f"    of {window.sum()} with h/2 < τ < h/√2 at ν", ended, 0)
    claims.at_most("    there: mass stuck straight along an axis", held[window, 0].max(initial=0.0), SAME)
    rests = np.isin(regime, REGIMES[:2])
    claims.at_most("    at rest away from ν: most that a hop would pay / h", one["payoff"][rests].max() / h, STAIRS)
    share = held[window].sum(axis=1)
    claims.note("    mass stuck there, least and most", f"{share.min():.4g}, {share.max():.4g}")
    if exact:
        claims.equal("    number of critical τ", len(one["phases/critical"]), 2)
        off = np.abs(one["phases/critical"] / h - [0.5, DIAGONAL]).max()
        claims.at_most("    they are h/2 and h/√2: largest deviation / h", off, STAIRS)
        diagonal = one["phases/discrepancy"][1] / (DIAGONAL * 2 * h)
        claims.at_most("    the diagonal pairs are stuck: |mass − theirs|", np.abs(share - diagonal).max(), SAME)
        claims.note("    they weigh", f"{diagonal:.6g}")
    else:
        between = (one["phases/critical"] > (0.5 + TIE) * h) & (one["phases/critical"] < (DIAGONAL - TIE) * h)
        claims.note("    critical τ between h/2 and h/√2", f"{between.sum()}")
        nearest = np.abs(one["phases/critical"] / h - DIAGONAL).min()
        claims.note("    nearest critical τ to h/√2, off by / h", f"{nearest:.2g}")


# ---- figures ----


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw diagram, staircase and front of both lines; the lattices."""
    figures = {}
    for name in LINES:
        phases, sweep = part(arrays, f"{name}/phases"), part(arrays, f"{name}/sweep")
        figures[f"{name}_staircase"] = plot.staircase(phases, sweep)
        figures[f"{name}_pareto"] = plot.pareto(phases)
    for name in (*LINES, "random"):
        sweep = part(arrays, f"{name}/sweep")
        sweep["distance"] = sweep["distance"][:, : sweep["taken"].max() + 2]  # after that they all stay
        figures[f"{name}_diagram"] = plot.phase_diagram(sweep, arrays[f"{name}/phases/critical"])
    figures["lattice"] = draw_lattices(1 / (params["size"] - 1), arrays)
    return [plot.save(fig, folder / f"{name}.png") for name, fig in figures.items()]


EXPERIMENT = Experiment("phase_diagram", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
