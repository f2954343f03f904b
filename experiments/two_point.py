"""The two-point model: movement is instant on small scales and forbidden on large ones, or the other way round.

Unit mass at 0, target at r, stops {0, r}, p = 2. With ρ⁰ the mass left at 0, J(ρ⁰) = (1 − ρ⁰) r²/2τ + ρ⁰ r^α.

Claim. The computed step is the closed form, J = min(r²/2τ, r^α), to 1e-12:
- α = 1: all mass moves iff r < 2τ;
- α = 1 + τ: all mass moves iff r²/2τ < r^(1+τ). For r > 1 that is τ > τ*, but for r < 1 a window of τ, re-entrant:
  r = 0.5 moves only for 0.309907 < τ < 4, r = 0.1 only for 0.057014 < τ < 1.467654;
- at a tie every ρ⁰ in [0, 1] is optimal: lazy leaves 1, eager 0, min_norm ½, and K runs from 0 to r².

Source: C. Davies, The WROF Problem and WGANs, slides, Toronto, 4 December 2023.
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
    "r": Param([0.1, 0.5, 1.0, 2.0, 3.0], "distances of the curves against τ"),
    "tau": Param(0.3, "step size of the curve against r"),
    "points": Param(61, "points on each curve", quick=21),
    "cells": Param(22, "dots along each side of the maps", quick=8),
}
ALPHAS = (1.0, "1+tau")
NAMES = ("α = 1", "α = 1 + τ")
SELECTIONS = {"lazy": 1.0, "eager": 0.0, "min_norm": 0.5}  # and the ρ⁰ each leaves at a tie
KNOWN = {0.1: (0.057014, 1.467654), 0.5: (0.309907, 4.0), 2.0: (0.641186,), 3.0: (0.697277,)}  # ties for α = 1 + τ
BOUND = 1e-12


def costs(r: Any, tau: Any, alpha: float | str) -> tuple[Any, Any]:
    """Return what it costs to move the unit mass and what it costs to leave it."""
    return np.square(r) / (2 * np.asarray(tau)), np.power(r, 1 + np.asarray(tau) if alpha == "1+tau" else alpha)


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Solve the step along curves against τ and r, on a map of both, and at every tie under three selections."""
    results = []

    def solve(r: float, tau: float, alpha: float | str, select: str = "lazy") -> tuple[float, float, float]:
        result = wrof.step(tau=tau, alpha=alpha, select=select, **toys.two_point(r))
        results.append(result)
        return result.value, result.rho.weights[0], result.movement

    def table(rs: Any, taus: Any) -> np.ndarray:
        """J and ρ⁰ at every alpha, r and τ: (2, len(rs), len(taus), 2)."""
        return np.array([[[solve(r, t, alpha)[:2] for t in taus] for r in rs] for alpha in ALPHAS])

    tau, r = np.geomspace(0.02, 8.0, params["points"]), np.array(params["r"])
    map_tau, map_r = np.geomspace(0.025, 6.5, params["cells"]), np.geomspace(0.055, 4.5, params["cells"])
    slice_r = np.linspace(0.05, 3.0, params["points"])
    ties = [(a, x, t) for a, alpha in enumerate(ALPHAS) for x in r for t in toys.two_point_thresholds(x, alpha)]
    chosen = [[solve(x, t, ALPHAS[a], select) for select in SELECTIONS] for a, x, t in ties]
    arrays = {
        "tau": tau,
        "r": r,
        "curves": table(r, tau),
        "map_tau": map_tau,
        "map_r": map_r,
        "map": table(map_r, map_tau),
        "slice_r": slice_r,
        "slice": table(slice_r, [params["tau"]])[:, :, 0],
        "ties": np.array(ties),  # (number, 3): index of alpha, r, τ
        "tie_steps": np.array(chosen),  # (number, 3, 3): per selection J, ρ⁰, K
    }
    return arrays, _common.notes(results)


def residuals(found: np.ndarray, r: Any, tau: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return |J − exact| and the distance of ρ⁰ from the exact interval, for a table over alpha, r, τ."""
    off, away = [], []
    for alpha, block in zip(ALPHAS, found, strict=True):
        move, stay = costs(r, tau, alpha)
        off.append(np.abs(block[..., 0] - np.minimum(move, stay)))
        apart = np.abs(np.log(move / stay)) > BOUND  # at a tie any ρ⁰ will do
        away.append(np.abs(block[..., 1] - (stay <= move)) * apart)
    return np.array(off), np.array(away)


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold the stored numbers against the closed form."""
    tables = {
        "J(τ)": residuals(arrays["curves"], arrays["r"][:, None], arrays["tau"]),
        "the map": residuals(arrays["map"], arrays["map_r"][:, None], arrays["map_tau"]),
        "J(r)": residuals(arrays["slice"], arrays["slice_r"], params["tau"]),
    }
    for name, (off, away) in tables.items():
        claims.at_most(f"{name}: largest |J − exact| of {off.size}", off.max(), BOUND)
        claims.at_most(f"{name}: largest distance of ρ⁰ from the exact one", away.max(), BOUND)
    for a, name in enumerate(NAMES):
        here = arrays["ties"][:, 0] == a
        r, tau = arrays["ties"][here, 1:].T
        (value, left, moved), (move, stay) = arrays["tie_steps"][here].transpose(2, 0, 1), costs(r, tau, ALPHAS[a])
        claims.at_most(f"{name}, {len(r)} ties: largest |r²/2τ − r^α|", np.abs(move - stay).max(), BOUND)
        claims.at_most("    largest |J − r^α|, whichever is selected", np.abs(value - stay[:, None]).max(), BOUND)
        claims.at_most("    lazy, eager, min_norm: ρ⁰ off 1, 0, ½", np.abs(left - [*SELECTIONS.values()]).max(), BOUND)
        off = np.abs(moved[:, :2] - np.stack([0 * r, r**2], axis=1))
        claims.at_most("    lazy, eager: K off 0, r²", off.max(), BOUND)
    for r in sorted(set(KNOWN) & set(arrays["r"])):
        found = [tau for a, x, tau in arrays["ties"] if a == 1 and x == r]
        claims.equal(f"r = {r:g}, α = 1 + τ: number of thresholds", len(found), len(KNOWN[r]))
        for tau, known in zip(found, KNOWN[r], strict=True):
            claims.near(f"r = {r:g}, α = 1 + τ: threshold", tau, known, 5.1e-7)


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw maps, ρ⁰ at the ties, J against τ and r, and residuals."""
    title = "Two points: mass moves where r²/2τ < r^α; dots are computed, lines and areas exact"
    fig = plot.figure(8.0, 10.2, title)
    with plot.style():
        axes = fig.subplots(4, 2)
        shown = 0.5 if 0.5 in arrays["r"] else float(arrays["r"].min())
        for a in range(2):
            draw_map(axes[0, a], arrays, a, shown)
            draw_ties(axes[1, a], arrays, a, shown)
            draw_curves(axes[2, a], arrays, a)
        draw_slice(axes[3, 0], arrays, params["tau"])
        draw_residuals(axes[3, 1], arrays)
        for ax in axes.ravel()[[0, 1, 2, 3, 4, 5, 7]]:
            ax.xaxis.set_major_formatter("{x:g}")
            ax.set_xlim(0.018, 9.0)
        for ax in axes[0]:
            ax.yaxis.set_major_formatter("{x:g}")
    return [plot.save(fig, folder / "two_point.png")]


def draw_map(ax: Any, arrays: dict[str, Any], a: int, shown: float) -> None:
    """Where mass moves: areas exact, dots computed."""
    tau, r = np.geomspace(0.018, 9.0, 300), np.geomspace(0.045, 5.5, 300)
    move, stay = costs(r[:, None], tau, ALPHAS[a])
    ax.contourf(tau, r, np.log(stay / move), [-99, 0, 99], colors=["#fbe8c4", "#cfe6f4"])
    ax.contour(tau, r, np.log(stay / move), [0], colors=plot.INK, linewidths=1.0)
    t, x = np.meshgrid(arrays["map_tau"], arrays["map_r"])
    left = arrays["map"][a, :, :, 1] > 0.5
    for mask, color in ((left, plot.MU), (~left, plot.RHO)):
        ax.plot(t[mask], x[mask], ".", ms=2.5, color=color)
    ax.axhline(shown, color=plot.INK, lw=0.8, ls=":")
    paper = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 2}
    ax.text(0.024, 3.9, "stays, ρ⁰ = 1", va="top", bbox=paper)
    ax.text(6.5, 1.1, "moves, ρ⁰ = 0", ha="right", va="center", bbox=paper)
    if a == 1:
        ax.text(6.5, 0.06, "stays again", ha="right", bbox=paper)
    title = "large scales are forbidden" if a == 0 else "for r < 1 a large τ forbids as well"
    ax.set(xscale="log", yscale="log", xlabel="τ", ylabel="r", title=f"{NAMES[a]}: {title}")


def draw_ties(ax: Any, arrays: dict[str, Any], a: int, shown: float) -> None:
    """ρ⁰ against τ at one r, with the whole interval at its ties."""
    tau = np.geomspace(0.02, 8.0, 2000)
    move, stay = costs(shown, tau, ALPHAS[a])
    ax.plot(tau, np.where(stay <= move, 1.0, 0.0), color=plot.PALE, drawstyle="steps-post", zorder=1)
    k = int(np.flatnonzero(arrays["r"] == shown)[0])
    ax.plot(arrays["tau"], arrays["curves"][a, k, :, 1], ".", ms=4, color=plot.RHO, label="computed, lazy")
    at = [j for j, (b, r, _) in enumerate(arrays["ties"]) if b == a and r == shown]
    marks = {"lazy": ("^", plot.MU), "eager": ("v", plot.NU), "min_norm": ("D", plot.OTHER)}
    for m, (name, (mark, color)) in enumerate(marks.items()):
        found = [arrays["tie_steps"][j, m, 1] for j in at]
        ax.plot(arrays["ties"][at, 2], found, mark, ms=6, color=color, label=f"tie, {name}", zorder=3)
    where = " and ".join(f"{t:.6g}" for t in arrays["ties"][at, 2])
    title = f"r = {shown:g}: at τ = {where} any ρ⁰ is optimal"
    ax.set(xscale="log", xlabel="τ", ylabel="ρ⁰, mass left at 0", ylim=(-0.08, 1.08), title=title)
    if a == 0:
        ax.legend(loc="center right", handletextpad=0.3)


def draw_curves(ax: Any, arrays: dict[str, Any], a: int) -> None:
    """J against τ, one curve per r."""
    tau = np.geomspace(0.02, 8.0, 600)
    colors = (plot.RHO, plot.MU, plot.NU, plot.PURPLE, plot.OTHER, plot.SKY)
    for k, r in enumerate(arrays["r"]):
        color = colors[k % len(colors)]
        ax.plot(tau, np.minimum(*costs(r, tau, ALPHAS[a])), color=color, lw=1.0)
        ax.plot(arrays["tau"], arrays["curves"][a, k, :, 0], ".", ms=4, color=color, label=f"r = {r:g}")
    ax.set(xscale="log", yscale="log", xlabel="τ", ylabel="J", title=f"{NAMES[a]}: J = min(r²/2τ, r^α)")
    if a == 0:
        ax.legend(loc="lower left", handletextpad=0.2, labelspacing=0.2)


def draw_slice(ax: Any, arrays: dict[str, Any], tau: float) -> None:
    """J against r at one τ."""
    r = np.linspace(0.01, 3.1, 400)
    for a, color in enumerate((plot.RHO, plot.OTHER)):
        ax.plot(r, np.minimum(*costs(r, tau, ALPHAS[a])), color=color, lw=1.0)
        ax.plot(arrays["slice_r"], arrays["slice"][a, :, 0], ".", ms=4, color=color, label=NAMES[a])
    ax.set(xlabel="r", ylabel="J", xlim=(0, None), ylim=(0, None), title=f"J against r at τ = {tau:g}")
    ax.legend(loc="upper left", handletextpad=0.2)


def draw_residuals(ax: Any, arrays: dict[str, Any]) -> None:
    """How far J is from the closed form."""
    off, _ = residuals(arrays["curves"], arrays["r"][:, None], arrays["tau"])
    for a, color in enumerate((plot.RHO, plot.OTHER)):
        each = np.maximum(off[a], 1e-17)
        ax.plot(np.tile(arrays["tau"], len(each)), each.ravel(), ".", ms=3, color=color)
    ax.axhline(BOUND, color=plot.INK, lw=0.8, ls="--")
    ax.text(7.5, 0.5 * BOUND, "claimed: at most 1e-12", ha="right", va="top")
    title = f"|J − exact|: at most {off.max():.1e}"
    ax.set(xscale="log", yscale="log", xlabel="τ", ylabel="|J − exact|", ylim=(5e-18, 1e-11), title=title)
    ax.text(0.02, 1.3e-17, "no difference at all", va="bottom")


EXPERIMENT = Experiment("two_point", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
