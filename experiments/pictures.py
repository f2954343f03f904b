"""A photograph flows into another: translation and reshaping in the plane, exact, every step certified.

p = 2, α = 1 on size × size points of the unit square, spacing h. A portrait → a scan of a head, from Matplotlib's
sample data, or two picture files of one's own. A photograph becomes a measure: the largest square in its middle, as
luminance; darkness is mass (of the scan, brightness: its paper is black); averages over areas, one per point; all
divided by their sum: mass 1 on both sides, so how dark a photograph is as a whole is lost (and printed).

Claim. With F = d₁(·, ν), and K, an atom of the plan going from x to z, bound for its home y:
- Every step is proven optimal to 1e-12; masses stay 1; K/2τ ≤ F(ρₖ) − F(ρₖ₊₁) ≤ mean |x − z|; so Σ K ≤ 2τ F(μ).
- Reshaping: an atom at most τ from home is laid down there, in one step.
- Translation: one at τ + s from home is carried τ straight towards it, up to e(s) = min(s, δ√(1 + τ/(s − δ))), the
  second for s > δ = h/√2 (why: `_pictures.slack`). So where ways are parallel the source moves as it is, but for e.
- No atom hops further than 2τ; nor do the quantiles of row sums and column sums, seen without the plan.
- The centre of mass moves by at most √K and mean |x − z|; it is never further from that of ν than F(ρₖ).
- τ > h/√2: nothing but ν is at rest (why: phase_diagram.py).

The first steps show both at once: what is far from home still is the source, only elsewhere; what is near is the target
already. It does not stay so: most of it moves on in the next step, as many short hops are cheaper than a long one.

Sources: C. Davies, The WROF Problem and WGANs, final report (translation and reshaping, on a line); Milne & Nachman,
SIAM J. Math. Anal. 56(1), 2024 (free stops: atoms move min(τ, r)).
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param
from _pictures import SAMPLES, centres, deeds, draw_flow, lattice, photograph, shift, toned

import wrof
from wrof import plot

PARAMS = {
    "source": Param("portrait", f"{', '.join(SAMPLES)}, or a picture file"),
    "target": Param("scan", "the same"),
    "mass": Param("dark", "what carries mass in files of your own, dark or bright"),
    "floor": Param(0.0, "share of the mass that is spread evenly over each picture, 0 or more, less than 1"),
    "size": Param(128, "points along a side", quick=24),
    "tau": Param(0.05, "step size; the side of the square is 1", quick=0.1),
    "steps": Param(20, "most steps to take"),
}
SAME, OPTIMAL, TIE = 1e-12, 1e-12, 1e-9


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the photographs, and run the flow."""
    size, mass, floor = params["size"], params["mass"], params["floor"]
    if size < 2 or mass not in ("dark", "bright") or not 0 <= floor < 1:
        raise wrof.WrofError(
            f"size must be >= 2, mass dark or bright, floor in [0, 1), got {size}, {mass!r} and {floor:g}."
        )
    (mu, first), (nu, second) = (photograph(params[role], size, mass, floor) for role in ("source", "target"))
    h = mu.space.h
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wrof.WrofWarning)  # no hop: J of a step that is frozen is d₁(μ, ν)
        still = wrof.step(mu, nu, h / 4, rtol=OPTIMAL)
    flow = wrof.flow(mu, nu, params["tau"], params["steps"], rtol=OPTIMAL)
    told = [deeds(result, h) for result in flow.results]
    arrays = {name: array for name, array in flow.arrays().items() if not name.endswith("points")}
    arrays |= {f"plan/{name}": np.array([one[name] for one in told]) for name in told[0]}
    arrays |= {"scale": np.array([result.scale for result in flow.results]), "d1": still.value}
    arrays |= {"regime": flow.regime, "mean": np.array([first["mean"], second["mean"]])}
    return arrays, _common.notes([still, *flow.results]) | {"pictures": [first, second], "d1_gap": still.gap}


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold every step against what theory allows."""
    tau, h = params["tau"], 1 / (params["size"] - 1)
    grey = ", ".join(f"{mean:.4g}" for mean in arrays["mean"])
    claims.note("mean grey of source and target; rescaled: mass 1 each", grey)
    every = np.array([arrays["source"], *arrays["rho"], arrays["target"]])
    claims.at_most("largest |mass − 1| of μ, ρ₁, ..., ν", np.abs(every.sum(axis=1) - 1).max(), SAME)
    claims.at_least("    least mass of a point", every.min(), 0.0)
    certified = (np.abs(arrays["gap"]) / np.maximum(arrays["scale"], SAME)).max()
    claims.at_most(f"every one of {len(arrays['rho'])} steps certified: largest |gap| / scale", certified, OPTIMAL)
    check_energies(tau, arrays, claims)
    check_atoms(tau, h, arrays, claims)
    check_centres(tau, arrays, claims)
    check_end(tau, h, arrays, claims)


def check_energies(tau: float, arrays: dict[str, Any], claims: Claims) -> None:
    """F falls by at least what the step costs, and by at most the way that mass goes."""
    left, cost = np.array([arrays["d1"], *arrays["discrepancy"]]), arrays["movement"] / (2 * tau)
    claims.note("d₁(μ, ν)", f"{left[0]:.6g}")
    falls = left[:-1] - left[1:]
    claims.at_most("    largest rise of F in a step", -falls.min(), SAME)
    claims.at_most("    largest K/2τ − fall of F", (cost - falls).max(), SAME)
    claims.at_most("    largest fall of F − mean |x − z|", (falls - arrays["plan/way"]).max(), SAME)
    claims.note("    Σ K / 2τ d₁(μ, ν), at most 1", f"{cost.sum() / max(left[0], SAME):.3f}")


def check_atoms(tau: float, h: float, arrays: dict[str, Any], claims: Claims) -> None:
    """Mass near home is laid down there; mass far from home is carried by τ; nothing goes further than 2τ."""
    rest, laid, carried = (arrays[f"plan/{name}"] for name in ("rest", "laid", "carried"))
    claims.at_most("atoms: largest distance from free stop − e(s)", arrays["plan/stray"].max(), TIE)
    claims.at_most("    furthest hop / 2τ", arrays["plan/furthest"].max() / (2 * tau), 1 + TIE)
    claims.at_most("    mass: |stays + laid down + carried on − 1|", np.abs(rest + laid + carried - 1).max(), SAME)
    moves = [
        h * shift(one.sum(axis=axis), other.sum(axis=axis), SAME) - longest
        for one, other, longest in zip(
            pictures(arrays)[:-1], pictures(arrays)[1:], arrays["plan/furthest"], strict=True
        )
        for axis in (0, 1)
    ]
    claims.at_most("rows, columns: largest move of a quantile − furthest hop", max(moves), TIE)
    for k in range(len(rest)):
        claims.note(
            f"    step {k + 1}: stays, laid down (reshaping), carried on (translation)",
            f"{rest[k]:.4f}, {laid[k]:.4f}, {carried[k]:.4f}",
        )
    tell_moves(tau, h, arrays, claims)


def tell_moves(tau: float, h: float, arrays: dict[str, Any], claims: Claims) -> None:
    """Say how far translation and reshaping carry mass, and how much of the movement each is."""
    carried, laid, way = (arrays[f"plan/{name}"] for name in ("carried", "laid", "carried_way"))
    claims.note("    largest distance from free stop / h", f"{arrays['plan/rounding'].max() / h:.3g}")
    if not carried.sum() + laid.sum() > 0:
        return
    longest = f", furthest hop of all {arrays['plan/furthest'].max() / tau:.3g} τ"
    near = (arrays["plan/way"] - way).sum() / max(laid.sum(), SAME)
    claims.note("translation: mean hop", f"{way.sum() / max(carried.sum(), SAME) / tau:.3g} τ{longest}")
    claims.note("reshaping: mean hop", f"{near / tau:.3g} τ")
    claims.note("    translation's share of all mass that moves", f"{carried.sum() / (carried + laid).sum():.3f}")
    share = arrays["plan/carried_K"].sum() / arrays["movement"].sum()
    claims.note("    translation's share of Σ K", f"{share:.3f}")
    pushed = (arrays["plan/home"][:-1] - arrays["plan/rest"][1:]).max(initial=0.0)
    claims.note("    mass that was home and moves on in a step: greatest, at least", f"{pushed:.3f}")


def pictures(arrays: dict[str, Any]) -> np.ndarray:
    """Return the (steps + 1, rows, columns) masses of ρ₀ = μ, ρ₁, ..."""
    return np.array([arrays["source"], *arrays["rho"]]).reshape(-1, *arrays["shape"])


def check_centres(tau: float, arrays: dict[str, Any], claims: Claims) -> None:
    """Check that the centre of mass moves no further than the hops, in the mean, and is no further from ν's than F."""
    centre, points = centres(arrays), lattice(arrays)
    moves, left = np.linalg.norm(np.diff(centre, axis=0), axis=1), np.array([arrays["d1"], *arrays["discrepancy"]])
    off = np.linalg.norm(centre - arrays["target"] @ points, axis=1)
    claims.at_most("centre of mass: largest move − √K", (moves - arrays["movement"] ** 0.5).max(), SAME)
    claims.at_most("    largest move − mean |x − z|", (moves - arrays["plan/way"]).max(), SAME)
    claims.at_most("    largest distance from the centre of ν − F", (off - left).max(), SAME)
    whole = moves[0] ** 2 / arrays["movement"][0] if arrays["movement"][0] > 0 else 0.0
    claims.note("    first step: |move of the centre|² / K, 1 if all moves alike", f"{whole:.3f}")


def check_end(tau: float, h: float, arrays: dict[str, Any], claims: Claims) -> None:
    """Above h/√2 nothing rests but ν."""
    regime, off = str(arrays["regime"]), np.abs(arrays["rho"][-1] - arrays["target"]).sum()
    claims.note("regime; steps taken; τ/h", f"{regime}; {len(arrays['rho'])}; {tau / h:.3g}")
    if tau > (1 + TIE) * h / 2**0.5:
        claims.equal("    τ > h/√2: at rest away from ν", regime in ("frozen", "steady"), False)
    if regime == "target":
        claims.at_most("    ‖ρ − ν‖₁ at the end", off, SAME)
    elif tau < (1 - TIE) * h / 2:
        claims.equal("    τ < h/2: regime", regime, "frozen")


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw μ, some steps, ν, what the steps do; and all of them as an animation."""
    end = f"; ν is reached at step {len(arrays['rho'])}" if str(arrays["regime"]) == "target" else ""
    title = f"τ = {params['tau']:g}: what is far is carried along, what is near is laid down{end}"
    return [
        plot.save(draw_flow(arrays, title), folder / "pictures.png"),
        plot.flow_gif(toned(arrays), folder / "pictures.gif", fps=2, title=title),
    ]


EXPERIMENT = Experiment("pictures", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
