"""Trust-the-critics against WROF: the explicit step, all mass τ along its ray, and the implicit one, none beyond home.

Explicit: ρ = (x − τ∇u)_# μ, u an exact critic, that is a Kantorovich potential for d₁(μ, ν). Implicit: the WROF step
with p = 2, α = 1, which on free stops moves an atom min(τ, r), r the distance of its mate. On clouds in the plane one
step of each, with τ from below to far above the shortest arc (of optimal plans the longest there is); then flows, with
constant, proportional (τ = θ d₁) and decaying steps, on free stops and on lattices.

Claim. For unit mass, all of it on the move,
- up to the shortest arc both are the same step: J(explicit) = min J, and d₁ falls by τ. Beyond, J(explicit) is larger,
  by at most 2 Σ mass (τ − r)₊, as what has less than τ to go overshoots by the rest;
- every explicit step has d₁ − τ ≤ d₁ after it ≤ Σ mass |r − τ|; every implicit one lowers d₁ to (1 − τ/2R) of it at
  most (free stops, τ ≤ R, the diameter of both supports);
- with constant τ the implicit flow arrives, and the explicit one ends to and fro, d₁ of the order of τ;
- with τ = θ d₁ both go by 1 − θ at first, slower once most mass is at home. Decaying steps end wherever their
  sum has brought them. On a lattice nothing moves once τ ≤ h/2: with τ = θ d₁ at h/2θ − h ≤ d₁ ≤ h/2θ on a line, h/√2θ
  on a square, if anything moved at all.

Sources: Milne, Bilocq & Nachman, Trust the Critics (2021); Milne & Nachman, SIAM J. Math. Anal. 56(1), 2024.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _arches import on_line, on_square
from _common import Claims, Experiment, Param
from _explicit import FLOORS, RULES, excess_figure, rates_figure

import wrof

PARAMS = {
    "clouds": Param(12, "pairs of clouds on which single steps are taken", quick=3),
    "n": Param(24, "atoms of μ of such a pair, and three quarters as many of ν", quick=10),
    "scan": Param(41, "step sizes on every pair", quick=9),
    "atoms": Param(40, "equal atoms of μ, and of ν, that flow", quick=12),
    "tau": Param(0.05, "constant step size"),
    "theta": Param(0.2, "proportional step size over d₁"),
    "decay": Param(0.78, "a decaying step over the one before"),
    "first": Param(0.12, "first of the decaying steps"),
    "steps": Param(60, "steps of each flow", quick=40),
    "lattice": Param(128, "cells of a line on which all three rules are tried", quick=48),
    "thetas": Param([0.05, 0.1, 0.2], "proportional steps on lattices"),
    "cells": Param([16, 32, 64, 128, 256, 512, 1024], "cells of lines", quick=[16, 64]),
    "sides": Param([10, 14, 20, 28, 40], "cells along the sides of squares", quick=[10, 14]),
    "most": Param(400, "most steps on a lattice"),
    "seed": Param(0, "seed of the clouds"),
}
SAME, POSITIVE = 1e-12, 1e-9
ENDS = (0.2, 20.0)  # of the step sizes, over the shortest arc
LATE = 10  # last steps of a flow that is to and fro


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take single steps, let clouds flow by three rules, and lattices by one."""
    if not 0 < params["decay"] < 1 or not 0 < max(params["thetas"]) < 0.5:
        raise wrof.WrofError(f"decay must be in (0, 1), thetas in (0, ½): {params['decay']:g}, {params['thetas']}.")
    tally: list[wrof.StepResult] = []
    arrays = single_steps(params, tally) | flows(params, tally) | lattice_flows(params, tally) | floors(params, tally)
    return arrays, _common.notes(tally)


def clouds(rng: np.random.Generator, n: int, m: int, equal: bool) -> tuple[wrof.Measure, wrof.Measure]:
    """Two clouds in squares that overlap a little."""
    points = rng.random((n, 2)) * 0.5, 0.4 + rng.random((m, 2)) * 0.6
    masses = [np.ones(k) if equal else 0.2 + rng.random(k) for k in (n, m)]
    mu, nu = (wrof.Measure(x, a / a.sum()) for x, a in zip(points, masses, strict=True))
    return mu, nu


def single_steps(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Explicit steps of many sizes on every pair of clouds."""
    rng, rows, arcs = np.random.default_rng(params["seed"]), [], []
    factors = np.unique(np.append(np.geomspace(*ENDS, params["scan"]), [1 - 1e-9, 1.02]))
    for _ in range(params["clouds"]):
        mu, nu = clouds(rng, params["n"], max(1, params["n"] * 3 // 4), equal=False)
        first = wrof.explicit_step(mu, nu, 1.0)
        length, mass = first.plan.length(), first.plan.mass
        arcs.append([first.shortest_arc, first.d1])
        for factor in factors:
            step = wrof.explicit_step(mu, nu, factor * first.shortest_arc)
            tally.append(wrof.step(mu, nu, step.tau, stops=wrof.FREE))
            bound = 2 * mass @ np.maximum(step.tau - length, 0.0)
            after = mass @ np.abs(length - step.tau)
            rows.append([step.tau, step.excess, bound, step.d1_after, after, tally[-1].discrepancy, step.equals_wrof])
    shape = (params["clouds"], len(factors), len(rows[0]))
    return {"single": np.array(rows, dtype=float).reshape(shape), "arcs": np.array(arcs), "factors": factors}


def rules(params: dict[str, Any]) -> dict[str, Any]:
    """Step sizes of the three rules."""
    decaying = [params["first"] * params["decay"] ** k for k in range(params["steps"])]
    return dict(zip(RULES, (params["tau"], wrof.fraction_of_d1(params["theta"]), decaying), strict=True))


def flows(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Explicit and implicit flows of one pair of clouds by every rule; a flow that has arrived stays."""
    mu, nu = clouds(np.random.default_rng([params["seed"], 1]), params["atoms"], params["atoms"], equal=True)
    arrays, count = {}, params["steps"]
    both = np.concatenate([mu.points, nu.points])
    arrays["diameter"] = np.linalg.norm(both[:, None] - both, axis=2).max()
    for name, tau in rules(params).items():
        explicit = wrof.explicit_flow(mu, nu, tau, count)
        implicit = wrof.flow(mu, nu, tau, count, stops=wrof.FREE)
        tally += implicit.results
        d1 = [wrof.distance(mu, nu), *(r.discrepancy for r in implicit.results)]
        arrays[f"{name}/explicit"] = padded(explicit.distances, count + 1)
        arrays[f"{name}/implicit"] = padded(d1, count + 1)
        arrays[f"{name}/taus"] = padded([r.tau for r in implicit.results], count)
        arrays[f"{name}/steps"] = np.array([told(step) for step in explicit.steps])
        arrays[f"{name}/stopped"] = np.array([explicit.stopped, implicit.stopped])
    return arrays


def told(step: wrof.ExplicitStep) -> list[float]:
    """d₁ after a step, its lower and its upper bound, and whether τ is within the shortest arc."""
    after = float(step.plan.mass @ np.abs(np.where(step.plan.length() > 0, step.plan.length() - step.tau, 0.0)))
    return [step.d1_after, step.d1 - step.tau * step.moved, after, float(step.tau <= step.shortest_arc)]


def padded(values: Any, count: int) -> np.ndarray:
    """Repeat the last of some values, so that there are `count`."""
    values = np.asarray(values, dtype=float)
    return np.append(values, np.full(count - len(values), values[-1]))


def floors(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Implicit flows with τ = θ d₁ on lattices, until nothing moves."""
    arrays: dict[str, Any] = {}
    for kind, sizes, make in (("line", params["cells"], on_line), ("square", params["sides"], on_square)):
        rows = []
        for cells in sizes:
            unit = normalised(make(1 / cells))
            for theta in params["thetas"]:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", wrof.WrofWarning)
                    flow = wrof.flow(*unit, wrof.fraction_of_d1(theta), params["most"])
                tally += flow.results
                last = flow.results[-1]
                rows.append([1 / cells, theta, last.discrepancy, len(flow.results), last.still])
        arrays[f"floor/{kind}"] = np.array(rows, dtype=float)
    return arrays


def normalised(pair: Any) -> list[wrof.Measure]:
    """Return both measures with mass 1."""
    return [wrof.Measure(each.space, each.weights, normalize=True) for each in pair]


def lattice_flows(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Implicit flows on a line by every rule."""
    arrays, unit = {}, normalised(on_line(1 / params["lattice"]))
    for name, tau in rules(params).items():
        flow = wrof.flow(*unit, tau, params["steps"])
        tally += flow.results
        d1 = [wrof.distance(*unit), *(r.discrepancy for r in flow.results)]
        arrays[f"lattice/{name}"] = padded(d1, params["steps"] + 1)
        arrays[f"lattice/{name}/tau"] = padded([r.tau for r in flow.results], params["steps"])
        arrays[f"lattice/{name}/movement"] = padded([r.movement for r in flow.results], params["steps"])
    return arrays


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold single steps, flows and floors against their bounds."""
    check_single(arrays["single"], arrays["arcs"], arrays["factors"], claims)
    for name in RULES:
        check_flow(name, {key.rpartition("/")[2]: arrays[key] for key in arrays if key.startswith(f"{name}/")}, claims)
        check_implicit(arrays[f"{name}/implicit"], arrays[f"{name}/taus"], float(arrays["diameter"]), claims)
    check_constant(params["tau"], arrays, claims)
    check_lattice(1 / params["lattice"], params["theta"], arrays, claims)
    for kind, widest in FLOORS.items():
        check_floor(kind, widest, arrays[f"floor/{kind}"], claims)


def check_single(single: np.ndarray, arcs: np.ndarray, factors: np.ndarray, claims: Claims) -> None:
    """Equal up to the shortest arc; the excess beyond."""
    tau, excess, bound, after, most, implicit, equal = np.moveaxis(single, 2, 0)
    d1, within = arcs[:, 1:], factors < 1
    many = f"{len(arcs)}, {len(factors)}; {arc_range(arcs)}"
    claims.note("pairs of clouds, step sizes on each; shortest arc / d₁", many)
    off = np.abs(excess[:, within]).max()
    claims.at_most("    τ within the shortest arc: largest |J(explicit) − min J|", off, SAME)
    claims.equal("    of these steps `equals_wrof`", int(equal[:, within].sum()), int(equal[:, within].size))
    claims.at_most("    d₁ falls by τ: off by", np.abs(d1 - tau - after)[:, within].max(), SAME)
    claims.at_most("    the implicit d₁ off the explicit one", np.abs(implicit - after)[:, within].max(), SAME)
    claims.at_least("    τ beyond it: least (J(explicit) − min J) / d₁", (excess / d1)[:, ~within].min(), POSITIVE)
    claims.at_most("    largest J(explicit) − min J − 2 Σ mass (τ − r)₊", (excess - bound).max(), SAME)
    claims.at_most("    largest d₁ after − Σ mass |r − τ|", (after - most).max(), SAME)


def arc_range(arcs: np.ndarray) -> str:
    """Least and greatest shortest arc over d₁, as text."""
    share = arcs[:, 0] / arcs[:, 1]
    return f"{share.min():.3g} to {share.max():.3g}"


def check_flow(name: str, one: dict[str, Any], claims: Claims) -> None:
    """Hold every explicit step against its bounds, and the implicit flow as long as both are the same."""
    after, least, most, within = one["steps"].T
    within = within > 0
    claims.note(f"τ {name}: explicit steps, of them within the shortest arc", f"{len(within)}, {within.sum()}")
    claims.at_most("    these: d₁ falls by τ times what moves, off by", np.abs(after - least)[within].max(), SAME)
    claims.at_least("    all: least d₁ after − (d₁ − τ)", (after - least).min(), -SAME)
    claims.at_most("    all: largest d₁ after − Σ mass |r − τ|", (after - most).max(), SAME)
    same = int(np.argmin(within)) if not within.all() else len(within)
    off = np.abs(one["explicit"] - one["implicit"])[: same + 1].max()
    claims.at_most(f"    first {same} steps: implicit d₁ off the explicit one", off, SAME)
    claims.note("    d₁ in the end: explicit, implicit", f"{one['explicit'][-1]:.3g}, {one['implicit'][-1]:.3g}")


def check_implicit(d1: np.ndarray, taus: np.ndarray, diameter: float, claims: Claims) -> None:
    """Hold the contraction of every implicit step."""
    here = taus <= diameter
    worst = (d1[1:] - (1 - taus / (2 * diameter)) * d1[:-1])[here].max()
    claims.at_most("    implicit: largest d₁ after − (1 − τ/2R) d₁", worst, SAME)


def check_constant(tau: float, arrays: dict[str, Any], claims: Claims) -> None:
    """Arrival, or to and fro."""
    late = arrays["constant/explicit"][-LATE:] / tau
    claims.equal("τ constant: the implicit flow ends at", str(arrays["constant/stopped"][1]), "target")
    claims.at_least(f"    explicit: least d₁/τ of the last {LATE} steps", late.min(), 0.05)
    claims.at_most("    and largest", late.max(), 1.0)


def check_lattice(h: float, theta: float, arrays: dict[str, Any], claims: Claims) -> None:
    """Hold what the three rules come to on a line."""
    for name in RULES:
        d1, tau, movement = (arrays[f"lattice/{name}{what}"] for what in ("", "/tau", "/movement"))
        still, home = tau <= h / 2, d1[:-1] <= SAME
        said = f"{still.sum()}, {d1[-1]:.3g}"
        claims.note(f"line of h = {h:.4g}, τ {name}: steps with τ ≤ h/2, d₁ in the end", said)
        claims.at_most("    movement K of these", movement[still].max(initial=0.0), SAME)
        claims.at_least("    least K / h² of the others, unless at home", (movement / h**2)[~still & ~home].min(), SAME)


def check_floor(kind: str, widest: float, rows: np.ndarray, claims: Claims) -> None:
    """Hold where proportional steps come to rest on lattices."""
    h, theta, d1, steps, still = rows.T
    moved = steps > 1
    claims.equal(f"τ = θ d₁ on a {kind}: flows at rest", int(still.sum()), len(rows))
    claims.at_most("    largest θ d₁ / h at rest", (theta * d1 / h).max(), widest + POSITIVE)
    low = (d1 - h / (2 * theta) + h)[moved].min()
    claims.at_least("    those that moved: least d₁ − (h/2θ − h)", low, -SAME)
    share = 2 * theta * d1 / h
    claims.note("    d₁ at rest over h/2θ: least, most", f"{share[moved].min():.3g}, {share[moved].max():.3g}")


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw single steps; flows and floors."""
    return [excess_figure(arrays, folder), rates_figure(params, arrays, folder)]


EXPERIMENT = Experiment("explicit_implicit", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
