"""Rays of transport: for p = 1 mass moves along segments on which the potential falls with slope 1, and none cross.

The potential u of d₁ is 1-Lipschitz, and mass goes down its gradient, on maximal segments, the rays; where their upper
ends meet is the ridge of u. How far mass goes on its ray is left open: any pairing that keeps the mass of each ray is
as cheap, the monotone one among them.

Claim.
- Parabola y = x²: u, the distance to it, has the rays from (0, t² + ½) to (t, t²), of length ½ √(1 + 4t²), and the
  ridge x = 0, y ≥ ½; u(0, c) = c up to c = ½, √(c − ¼) above. Mass on these rays, sent to their feet: the plan's rays
  are these, d₁ = Σ mass u, and the plan's potential is u on each ray, up to a constant. What constants there can be,
  shortest paths tell: the finer the fan of rays, the less, in proportion to 1 / their number. (So the ray on the axis
  may go on above the ridge, at most to the next ray's end.) The c-transform continues the potential to all points;
- ring 2 ≤ |x| ≤ 3 → unit disk, both uniform: d₁ = 28/15, within 10⁻³ with 1500 points of equal area each. Points on
  common angles: the rays are the radii, and the monotone map on each is T(r) = √((r² − 4)/5);
- random points in general position: no two segments of a plan for p = 1 cross; those for p = 2 may, and here they do,
  and are longer in all.

Sources: Evans & Gangbo, Mem. Amer. Math. Soc. 653 (1999); Caffarelli, Feldman & McCann, J. Amer. Math. Soc. 15 (2002);
Milne, Wasserstein 1 Distance for Generative Models (2021).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param
from _rays import (
    crossings,
    crossings_figure,
    distances,
    foot_of,
    freedom,
    on_axis,
    parabola_figure,
    ring_figure,
    to_parabola,
)

import wrof
from wrof import transport

PARAMS = {
    "fan": Param(1.2, "greatest |t| of the feet (t, t²)"),
    "fewest": Param(3, "feet on either side in the coarsest fan"),
    "doublings": Param(5, "how often that number is doubled", quick=2),
    "along": Param(4, "points on each ray, and one more where it starts"),
    "points": Param(1500, "points of the ring, and of the disk, on spirals", quick=300),
    "angles": Param(75, "common angles, an odd number", quick=15),
    "radii": Param(20, "points of the ring, and of the disk, on each", quick=8),
    "n": Param(40, "atoms of μ, and of ν, of a random pair", quick=24),
    "clouds": Param(20, "random pairs", quick=4),
    "powers": Param([1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0], "p of their plans", quick=[1.0, 1.5, 2.0]),
    "seed": Param(0, "seed of everything random"),
}
SAME, POSITIVE = 1e-12, 1e-9
TOP = "t = 0: upper end above (0, ½), over t² of the next"
AREA, EXACT = 1e-3, 28 / 15
FINE = 3  # feet on either side, at least, where the bound of |φ − u| is taken to fall by a power
GRID = 48  # cells across the picture of the parabola
SHIFT = np.array([0.4, 0.2])  # of the square in which ν is, from that of μ


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Solve the fans, the rings and the random pairs."""
    if not 0 < params["fan"] <= 2 or params["angles"] % 2 == 0 or min(params["powers"]) <= 0:
        said = f"{params['fan']:g}, {params['angles']}, {min(params['powers']):g}"
        raise wrof.WrofError(f"fan must be in (0, 2], angles odd, powers > 0, got {said}.")
    tally: list[transport.TransportPlan] = []
    arrays = fans(params, tally) | spiral(params["points"], tally) | common_angles(params, tally) | pairs(params, tally)
    worst = max(abs(plan.gap) / plan.mu.mass for plan in tally)
    # a plan that is not certified is an error, not an answer
    return arrays, {"worst_gap": worst, "statuses": [wrof.Status.OPTIMAL.name], "plans_solved": len(tally)}


def solved(x: np.ndarray, a: Any, y: np.ndarray, b: Any, p: float, tally: list[Any]) -> transport.TransportPlan:
    """Return an optimal plan, kept account of. Masses are whole numbers, exact in all sums: no atom is rounding."""
    tally.append(transport.plan(wrof.Measure(x, a), wrof.Measure(y, b), p))
    return tally[-1]


# ---- the parabola ----


def sizes(params: dict[str, Any]) -> list[int]:
    """Feet on either side, from the coarsest fan to the finest."""
    return [params["fewest"] * 2**k for k in range(params["doublings"] + 1)]


def fans(params: dict[str, Any], tally: list[Any]) -> dict[str, Any]:
    """Every fan, and the potential continued to a grid inside."""
    most = params["fan"]
    across, up = np.linspace(-most, most, GRID + 1), np.linspace(0, most**2 + 0.5, GRID + 1)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    inside = (grid[:, 1] >= grid[:, 0] ** 2) & (np.abs(foot_of(grid)) <= most)
    arrays: dict[str, Any] = {"parabola/across": across, "parabola/up": up}
    for size in sizes(params):
        one = fan(most, size, params["along"], params["seed"])
        plan = solved(one["x"], one["mass"], one["feet"], one["home"], 1.0, tally)
        rays, vertex = transport.transport_rays(plan), plan.psi[size]
        order = np.argsort(rays.end[:, 0])
        one |= {"phi": plan.phi + vertex, "psi": plan.psi - vertex, "value": plan.value}
        one |= {"start": rays.start[order], "end": rays.end[order], "carried": rays.mass[order]}
        one["direction"] = np.hstack([plan.x, transport.transport_direction(plan), plan.y])
        field = np.full(len(grid), np.nan)
        field[inside] = transport.c_transform(one["psi"], 1.0, target=one["feet"], source=grid[inside])
        one["field"] = field.reshape(len(up), len(across))
        arrays |= {f"parabola/{size}/{name}": np.asarray(each) for name, each in one.items()}
    return arrays


def fan(most: float, size: int, along: int, seed: int) -> dict[str, Any]:
    """Points on the rays of 2 size + 1 feet and on the ridge, whose mass is halved between the feet on either side."""
    rng, steps = np.random.default_rng([seed, size]), np.arange(-size, size + 1)
    t = steps * most / size
    feet, tops = np.stack([t, t**2], axis=1), np.stack([0 * t, t**2 + 0.5], axis=1)
    share, mass = rng.uniform(0.05, 0.95, (len(t), along, 1)), rng.integers(2, 11, (len(t), along)).astype(float)
    ridge = 2.0 * rng.integers(1, 6, size + 1)
    home = mass.sum(axis=1) + np.concatenate([ridge[:0:-1] / 2, ridge[:1], ridge[1:] / 2])
    length = np.sqrt(1 + 4 * t**2) / 2
    return {
        "t": t,
        "feet": feet,
        "home": home,
        "x": np.concatenate([(feet[:, None] + share * (tops - feet)[:, None]).reshape(-1, 2), tops[size:]]),
        "mass": np.concatenate([mass.ravel(), ridge]),
        "u": np.concatenate([(share[:, :, 0] * length[:, None]).ravel(), length[size:]]),
        "pair": np.concatenate([np.repeat(np.abs(steps), along), steps[size:]]),
    }


# ---- ring to disk ----


def spiral(count: int, tally: list[Any]) -> dict[str, Any]:
    """Points of equal area on golden spirals, those of the disk turned by half a radian."""
    share, turn = (np.arange(count) + 0.5) / count, np.arange(count) * np.pi * (3 - 5**0.5)
    ends = [(np.sqrt(4 + 5 * share), turn), (np.sqrt(share), turn + 0.5)]
    x, y = (r[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) for r, angle in ends)
    plan = solved(x, np.ones(count), y, np.ones(count), 1.0, tally)
    return {"spiral/x": plan.x, "spiral/y": plan.y, "spiral/value": plan.value / count}


def common_angles(params: dict[str, Any], tally: list[Any]) -> dict[str, Any]:
    """Points on common angles, the rays, and the monotone map on them."""
    share, angle = (np.arange(params["radii"]) + 0.5) / params["radii"], np.arange(params["angles"]) / params["angles"]
    way = np.stack([np.cos(2 * np.pi * angle), np.sin(2 * np.pi * angle)], axis=1)
    x, y = ((r[:, None] * way[:, None]).reshape(-1, 2) for r in (np.sqrt(4 + 5 * share), np.sqrt(share)))
    plan = solved(x, np.ones(len(x)), y, np.ones(len(y)), 1.0, tally)
    rays = transport.transport_rays(plan)
    again = transport.ray_monotone_map(plan, rays)
    order = np.argsort(np.arctan2(*rays.start.T[::-1]) % (2 * np.pi - 1e-9))
    out = {"x": plan.x, "y": plan.y, "phi": plan.phi[plan.source], "start": rays.start[order], "end": rays.end[order]}
    out |= {"carried": rays.mass[order], "values": np.array([plan.value, again.value, again.dual]) / len(x)}
    out |= {"monotone/x": again.x, "monotone/y": again.y, "monotone/mass": again.mass}
    return {f"angles/{name}": each for name, each in out.items()}


# ---- random pairs ----


def powers(params: dict[str, Any]) -> list[float]:
    """p of the plans, 1 and 2 always among them."""
    return sorted({1.0, 2.0, *params["powers"]})


def pairs(params: dict[str, Any], tally: list[Any]) -> dict[str, Any]:
    """Plans of every pair for every p: crossings, triples in line, Σ |x − y| and Σ |x − y|²."""
    rng, n, rows = np.random.default_rng(params["seed"]), params["n"], []
    shown: dict[str, Any] = {}
    for _ in range(params["clouds"]):
        x, y = rng.random((n, 2)), rng.random((n, 2)) + SHIFT
        plans = [solved(x, np.ones(n), y, np.ones(n), p, tally) for p in powers(params)]
        shown = shown or {"pair/x": x, "pair/y": y, "pair/mates": np.array([mates(plan) for plan in plans])}
        told = [crossings(plan.x, plan.y) for plan in plans]
        lengths = [plan.length() for plan in plans]
        rows.append([[len(c), line, r.mean(), (r**2).mean()] for (c, line), r in zip(told, lengths, strict=True)])
    count, in_line, d1, d2 = np.moveaxis(np.array(rows), 2, 0)
    return shown | {"count": count.astype(int), "in_line": in_line.astype(int), "length": d1, "square": d2}


def mates(plan: transport.TransportPlan) -> np.ndarray:
    """Target of every source of a plan that splits none."""
    if len(plan.mass) != len(plan.mu.points):
        raise wrof.SolverError(f"{len(plan.mu.points)} atoms of mass 1 are split into {len(plan.mass)}.")
    return np.asarray(plan.target[np.argsort(plan.source)])


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold rays, potentials, the map and the crossings against what is exact."""
    check_distance(arrays[f"parabola/{sizes(params)[-1]}/x"], arrays[f"parabola/{sizes(params)[-1]}/u"], claims)
    check_fans(params, arrays, claims)
    check_rates(params, arrays, claims)
    check_ring({key.partition("/")[2]: arrays[key] for key in arrays if key.startswith("spiral/")}, claims)
    check_angles({key.partition("/")[2]: arrays[key] for key in arrays if key.startswith("angles/")}, params, claims)
    check_pairs(powers(params), arrays, claims)


def check_distance(x: np.ndarray, u: np.ndarray, claims: Claims) -> None:
    """Hold the distance by the cubic against its parts of rays, and on the axis."""
    c = np.linspace(0, 2, 201)
    off = np.abs(to_parabola(np.stack([0 * c, c], axis=1)) - on_axis(c)).max()
    claims.at_most("the cubic on the axis off c, √(c − ¼)", off, SAME)
    claims.at_most("    on rays, off their part", np.abs(to_parabola(x) - u).max(), SAME)


def check_fans(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold the rays of all fans, and the potential on them."""
    fans = [{key.rpartition("/")[2]: arrays[key] for key in arrays if f"/{size}/" in key} for size in sizes(params)]
    feet = ", ".join(str(len(one["t"])) for one in fans)
    claims.equal(f"fans of {feet} feet: rays", ", ".join(str(len(one["start"])) for one in fans), feet)
    errors = [ray_errors(one) | potential_errors(one) for one in fans]
    for what, bound in (*((each, SAME) for each in errors[0] if each != TOP), (TOP, 1.0 + POSITIVE)):
        claims.at_most(f"    {what}", max(each[what] for each in errors), bound)


def ray_errors(one: dict[str, Any]) -> dict[str, float]:
    """How far the rays of a fan are from what they are; the one on the axis may start higher."""
    t, most = one["t"], len(one["t"]) // 2
    tops, side = np.stack([0 * t, t**2 + 0.5], axis=1), t != 0
    length = np.linalg.norm(one["start"] - one["end"], axis=1)
    above = one["start"][most] - tops[most]
    _, way, y = np.hsplit(one["direction"], 3)
    normal = np.stack([2 * y[:, 0], -np.ones(len(y))], axis=1) / np.sqrt(1 + 4 * y[:, :1] ** 2)
    return {
        "lower ends off (t, t²)": np.abs(one["end"] - one["feet"]).max(),
        "upper ends off (0, t² + ½), t ≠ 0": np.abs(one["start"] - tops)[side].max(),
        "lengths off ½√(1 + 4t²), t ≠ 0": np.abs(length - np.sqrt(1 + 4 * t**2) / 2)[side].max(),
        "t = 0: upper end off the axis, or below (0, ½)": max(abs(above[0]), -above[1]),
        TOP: above[1] / t[most + 1] ** 2,
        "directions of the mass off (2t, −1)/√(1 + 4t²)": np.abs(way - normal).max(),
        "mass carried off that of the foot": np.abs(one["carried"] - one["home"]).max(),
    }


def potential_errors(one: dict[str, Any]) -> dict[str, float]:
    """How far d₁ is from Σ mass u, and the potential from u up to shifts that are allowed."""
    shift = -one["psi"][len(one["t"]) // 2 :]
    low, high = freedom(one["x"], one["u"], one["pair"], one["feet"])
    return {
        "d₁ / Σ mass u off 1": abs(one["value"] / (one["mass"] @ one["u"]) - 1),
        "φ − u, −ψ: off one constant for each |t|": constant(one, shift),
        "these constants beyond what shortest paths allow": max((shift - high).max(), (low - shift).max()),
    }


def constant(one: dict[str, Any], shift: np.ndarray) -> float:
    """By how much φ − u and −ψ are not the shift of their |t|."""
    feet = np.concatenate([shift[:0:-1], shift])
    return float(max(np.abs(one["phi"] - one["u"] - shift[one["pair"]]).max(), np.abs(-one["psi"] - feet).max()))


def check_rates(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold how the freedom of the potential falls, and its c-transform."""
    found = np.array([distances(params["fan"], size, arrays) for size in sizes(params)])
    claims.note("fans: largest |φ − u| at supports, by fan", ", ".join(f"{each:.2g}" for each in found[:, 0]))
    fine = np.array(sizes(params)) >= FINE
    if fine.sum() > 1:
        slope = np.polyfit(np.log(sizes(params))[fine], np.log(found[fine, 1]), 1)[0]
        claims.near("    slope of log of its bound over log of the number of rays", slope, -1.0, 0.15)
    claims.at_most(
        "    c-transform on a grid: largest share of bound + half an arc", (found[:, 2] / found[:, 3]).max(), 1.0
    )


def check_ring(one: dict[str, Any], claims: Claims) -> None:
    """Hold d₁ of points on spirals."""
    claims.near(f"ring → disk, {len(one['x'])} points each: d₁", float(one["value"]), EXACT, AREA)
    inwards = np.linalg.norm(one["x"], axis=1) - np.linalg.norm(one["y"], axis=1)
    claims.at_least(
        "    d₁ − Σ mass |x| − |y|: u = |x| is a potential of all", float(one["value"]) - inwards.mean(), -SAME
    )
    claims.near(
        "    the same from the plan's atoms",
        np.linalg.norm(one["x"] - one["y"], axis=1).mean(),
        float(one["value"]),
        SAME,
    )


def check_angles(one: dict[str, Any], params: dict[str, Any], claims: Claims) -> None:
    """Hold rays, potential and map on common angles."""
    radii, share = params["radii"], 0.5 / params["radii"]
    claims.equal("    common angles: rays", len(one["start"]), params["angles"])
    angle = 2 * np.pi * np.arange(params["angles"]) / params["angles"]
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ends = [one["start"] - np.sqrt(9 - 5 * share) * way, one["end"] - np.sqrt(share) * way]
    claims.at_most("    their ends off the outermost and the innermost point", np.abs(ends).max(), SAME)
    claims.at_most("    mass on each off that of its points", np.abs(one["carried"] - radii).max(), SAME)
    before, after = (np.linalg.norm(one[f"monotone/{end}"], axis=1) for end in ("x", "y"))
    claims.at_most("    monotone map off √((r² − 4)/5)", np.abs(after - np.sqrt((before**2 - 4) / 5)).max(), SAME)
    turned = np.abs(one["monotone/x"] / before[:, None] - one["monotone/y"] / after[:, None]).max()
    claims.at_most("    off the radius", turned, SAME)
    claims.at_most(
        "    its value off the plan's, and off the dual", np.abs(one["values"] - one["values"][0]).max(), SAME
    )
    r, s = (np.linalg.norm(one[end], axis=1) for end in ("x", "y"))
    claims.near("    that value, mean r − mean T(r)", one["values"][0], (r - np.sqrt((r**2 - 4) / 5)).mean(), SAME)
    claims.note(
        "    off 28/15; the plan as solved: largest |to − T(r)|",
        f"{one['values'][0] - EXACT:.2g}; {abs(s - np.sqrt((r**2 - 4) / 5)).max():.2g}",
    )


def check_pairs(each: list[float], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold the crossings, and that each plan is the shortest for its own p."""
    count, one, two = arrays["count"], each.index(1.0), each.index(2.0)
    claims.equal(f"{len(count)} random pairs, all p: triples of ends in line", int(arrays["in_line"].sum()), 0)
    claims.equal("    p = 1: crossings, all pairs", int(count[:, one].sum()), 0)
    claims.at_least("    p = 2: crossings, the pair shown", int(count[0, two]), 1)
    claims.note("        fewest, most of all pairs", f"{count[:, two].min()}, {count[:, two].max()}")
    ends = [arrays["pair/x"], arrays["pair/y"][arrays["pair/mates"][two]]]
    claims.equal("        the same from its segments, counted again", len(crossings(*ends)[0]), int(count[0, two]))
    shown = arrays["length"][0, [one, two]]
    claims.note("    mean |x − y| of the pair shown, p = 1, p = 2", f"{shown[0]:.6f}, {shown[1]:.6f}")
    longer = arrays["length"] - arrays["length"][:, one, None]
    claims.at_least("    least mean |x − y| over that for p = 1", longer.min(), -SAME)
    claims.at_least("        for p = 2 by at least", longer[:, two].min(), POSITIVE)
    claims.at_least(
        "    least mean |x − y|² over that for p = 2", (arrays["square"] - arrays["square"][:, two, None]).min(), -SAME
    )


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the parabola, the ring, and the random pair."""
    return [
        parabola_figure(params, sizes(params), arrays, folder),
        ring_figure(arrays, folder),
        crossings_figure(powers(params), arrays, folder),
    ]


EXPERIMENT = Experiment("rays", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
