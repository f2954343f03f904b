"""Pictures for explicit_implicit.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wrof import plot

RULES = ("constant", "proportional", "decaying")
FLOORS = {"line": 0.5, "square": 0.5**0.5}  # θ d₁ / h up to which everything rests for sure: hops straight, diagonal
COLORS = (plot.OTHER, plot.RHO, plot.NU, plot.PURPLE, plot.MU)
NOTHING = 1e-12


def excess_figure(arrays: dict[str, Any], folder: Path) -> Path:
    """Draw the excess of J over τ for all pairs of clouds, and d₁ after one step for the first of them."""
    single, factors, (arc, d1) = arrays["single"], arrays["factors"], arrays["arcs"].T
    fig = plot.figure(8.0, 4.2, "One explicit step: equal to the implicit one up to the shortest arc, worse beyond")
    with plot.style():
        left, right = fig.subplots(1, 2)
        excess = np.where(single[:, :, 1] > NOTHING, single[:, :, 1], np.nan) / d1[:, None]
        left.plot(factors, excess.T, color=plot.PALE, lw=0.9)
        left.plot(factors, excess[0], "o-", color=plot.OTHER, ms=3, lw=0.9, label="one pair of clouds")
        left.plot(
            factors, single[0, :, 2] / d1[0], color=plot.INK, lw=0.8, ls="--", label="its bound, 2 Σ mass (τ − r)₊"
        )
        left.plot([], [], color=plot.PALE, label="other pairs")
        left.axvspan(factors[0], 1.0, color=plot.NU, alpha=0.15, lw=0)
        left.text(factors[0] * 1.1, 0.5, "equal\nto 1e-12", transform=left.get_xaxis_transform())
        left.set(xscale="log", yscale="log", xlabel="τ / shortest arc", ylabel="(J(explicit) − min J) / d₁")
        left.set_title("what the explicit step costs more")
        left.set(xlim=(factors[0], factors[-1]), ylim=(1e-7, 1e2))
        left.legend(loc="lower right", handlelength=1.4)
        tau, after, bound, implicit = (single[0, :, k] / d1[0] for k in (0, 3, 4, 5))
        right.plot(tau, bound, color=plot.INK, lw=0.8, ls="--", label="Σ mass |r − τ|")
        right.plot(tau, after, "o-", color=plot.OTHER, ms=3, lw=0.9, label="explicit")
        right.plot(tau, implicit, "o-", color=plot.RHO, ms=3, lw=0.9, label="implicit")
        right.axvspan(0, arc[0] / d1[0], color=plot.NU, alpha=0.15, lw=0)
        right.set(xlabel="τ / d₁", ylabel="d₁ after the step / d₁", title="how far it gets, one pair of clouds")
        right.set(xlim=(0, 2.5), ylim=(-0.03, 1.6))
        right.legend(loc="upper left", bbox_to_anchor=(0.18, 1.0), handlelength=1.4)
    return plot.save(fig, folder / "explicit_excess.png")


def rates_figure(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw d₁ of flows on free stops by three rules, of proportional steps on a lattice, and where these rest."""
    told = (f"τ = {params['tau']:g}", f"τ = {params['theta']:g} d₁", f"τ = {params['first']:g} · {params['decay']:g}ᵏ")
    fig = plot.figure(8.0, 6.8, "d₁ to the target, step by step: free stops, and the floor on lattices")
    with plot.style():
        axes = fig.subplots(2, 2)
        ax = axes[0, 0]
        for name, color, label in zip(RULES, COLORS, told, strict=False):
            for kind, style in (("explicit", "-"), ("implicit", "--")):
                d1 = arrays[f"{name}/{kind}"]
                text = label if kind == "explicit" else None
                ax.plot(np.where(d1 > NOTHING, d1, np.nan), style, color=color, lw=1.2, label=text)
        ax.plot([], [], "--", color=plot.INK, lw=1.0, label="implicit")
        ax.plot([], [], "-", color=plot.INK, lw=1.0, label="explicit")
        ax.set(
            yscale="log",
            ylim=(6e-4, None),
            xlabel="step k",
            ylabel="d₁(ρₖ, ν)",
            title="free stops",
        )
        ax.legend(loc="upper right", handlelength=1.6, ncols=2, columnspacing=1.0)
        walks(axes[0, 1], told, 1 / params["lattice"], params["theta"], arrays)
        for ax, (kind, widest) in zip(axes[1], FLOORS.items(), strict=True):
            floors(ax, kind, widest, params["thetas"], arrays[f"floor/{kind}"])
    return plot.save(fig, folder / "explicit_rates.png")


def walks(ax: Any, told: Sequence[str], h: float, theta: float, arrays: dict[str, Any]) -> None:
    """Draw d₁ of implicit steps on a line by every rule, and the floor of the proportional ones."""
    for name, color, label in zip(RULES, COLORS, told, strict=False):
        d1, tau = arrays[f"lattice/{name}"], arrays[f"lattice/{name}/tau"]
        ax.plot(np.where(d1 > NOTHING, d1, np.nan), color=color, lw=1.2, label=label)
        still = np.flatnonzero(tau <= h / 2)
        if len(still):
            ax.plot(still[0], d1[still[0]], "o", color=color, ms=4)
    ax.axhline(h / (2 * theta), color=plot.INK, lw=0.7, ls="--", label="h/2θ")
    ax.plot([], [], "o", color=plot.INK, ms=4, label="τ ≤ h/2 from here")
    ax.set(yscale="log", xlabel="step k", ylabel="d₁(ρₖ, ν)", title=f"implicit, line of h = 1/{1 / h:.0f}")
    ax.legend(loc="upper right", handlelength=1.4)


def floors(ax: Any, kind: str, widest: float, thetas: list[float], rows: np.ndarray) -> None:
    """Draw d₁ at rest against h, and its bounds."""
    for theta, color in zip(thetas, COLORS, strict=False):
        h, _, d1, steps, _ = rows[rows[:, 1] == theta].T
        moved = steps > 1
        ax.plot(h, h / (2 * theta), color=color, lw=0.8)
        if widest > 0.5:
            ax.plot(h, h * widest / theta, color=color, lw=0.8, ls=":")
        ax.plot(h[moved], d1[moved], "o", color=color, ms=4, label=f"θ = {theta:g}")
        ax.plot(h[~moved], d1[~moved], "x", color=color, ms=5)
    lines = "h/2θ" if widest == 0.5 else "h/2θ, h/√2θ (dotted)"
    ax.set(xscale="log", yscale="log", xlabel="h", ylabel="d₁ at rest", title=f"τ = θ d₁, {kind}: {lines}; ×: frozen")
    every = np.unique(rows[:, 0])
    ax.set_xticks(every, [f"1/{1 / each:.0f}" for each in every])
    ax.minorticks_off()
    ax.legend(loc="upper left", handlelength=1.0)
