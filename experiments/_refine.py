"""Pictures for refine.py, and the bounds that are drawn into them."""

from __future__ import annotations

from typing import Any

import numpy as np
from _arches import continuum_cdf, levels

from wrof import plot

SHOWN = (1.2, 0.35)  # h/τ of the lines that are drawn
SHOWN_STEP = 3  # and after how many steps
NOTHING, TIE = 1e-12, 1e-9  # errors up to rounding are left out; half-integers are told up to this


def cells_a_step(h: Any, tau: float) -> Any:
    """Return round(τ/h), a half rounded down."""
    return np.ceil(tau / h - 0.5 - TIE)


def square_bound(h: Any, shortest: Any, tau: float) -> Any:
    """Bound of J(lattice) − J(free) on a square."""
    return h**2 / (4 * tau) + h**2 / (4 * (shortest - h / 2**0.5))


def draw_quantiles(ax: Any, tau: float, one: dict[str, Any]) -> None:
    """Draw W∞ against h, with bounds."""
    h, few = one["h"], (one["apart"].shape[1] + 1) // 2  # not all: in the end both are at ν
    for k, error, color, shape, name in (
        (few, one["apart"][:, few - 1], plot.OTHER, "s", f"from free stops, {few} steps"),
        (1, one["off"][:, 0], plot.PURPLE, "^", "from the continuum, 1 step"),
        (1, one["apart"][:, 0], plot.RHO, "o", "from free stops, 1 step"),
    ):
        ax.plot(h, (k + (shape == "^")) * h / 2, color=color, lw=0.8)
        ax.plot(h, np.where(error > NOTHING, error, np.nan), shape, color=color, ms=3, label=name)
    ax.axvline(2 * tau, color=plot.INK, lw=0.7, ls="--")
    ax.set(xscale="log", yscale="log", xlabel="h", ylabel="W∞")
    ax.set_title("distance of quantiles; lines: bounds kh/2, (k + 1)h/2")
    ax.legend(loc="upper left", handlelength=1.0)


def draw_excess(ax: Any, h: np.ndarray, excess: np.ndarray, bound: np.ndarray, name: str) -> None:
    """Draw J(lattice) − J(free) of the first step against h."""
    ax.plot(h, bound, color=plot.INK, lw=0.8, label=name)
    ax.plot(h, np.where(excess > NOTHING, excess, np.nan), "o", color=plot.RHO, ms=3, label="measured")
    ax.set(xscale="log", yscale="log", xlabel="h", title="one step: J(lattice) − J(free)")
    ax.legend(loc="upper left", handlelength=1.4)


def draw_arrivals(ax: Any, tau: float, one: dict[str, Any]) -> None:
    """Draw the step of arrival on lines against h/τ, and ⌈R/mh⌉ with R of the finest."""
    share, here = one["h"] / tau, cells_a_step(one["h"], tau) > 0
    fine = np.linspace(0.1, 1.999, 2000)
    longest = one["cells"][0] * one["h"][0] / tau  # R/τ of the finest
    ax.plot(fine, np.ceil(longest / cells_a_step(fine, 1.0) / fine), color=plot.PALE, lw=1.0, label="⌈R/mh⌉")
    ax.plot(share, one["free_arrival"], "x", color=plot.NU, ms=4, label="free stops")
    ax.plot(share[here], one["arrival"][here], "o", color=plot.RHO, ms=3, label="lattice")
    ax.axvspan(2.0, 2.45, color=plot.MU, alpha=0.25, lw=0)
    ax.text(2.04, 1.0, "frozen", rotation=90, va="bottom")
    ax.set(xlim=(0, 2.45), ylim=(0, None), xlabel="h / τ", ylabel="step of arrival at ν")
    ax.set_title("atoms walk mh a step instead of τ")
    ax.legend(loc="lower left", ncols=3, handlelength=1.2, columnspacing=1.0)


def draw_distributions(ax: Any, tau: float, arrays: dict[str, Any]) -> None:
    """Draw distribution functions after some steps, of two lattices and of the continuum."""
    x = np.linspace(0, 1, 1001)
    for n, color in enumerate((plot.OTHER, plot.SKY)):
        points, rho = arrays[f"shown/{n}/points"][:, 0], arrays[f"shown/{n}/rho"]
        ax.step(points, levels(rho), where="post", color=color, lw=1.1, label=f"h = {SHOWN[n]:g} τ")
    ax.plot(x, continuum_cdf(x, SHOWN_STEP * tau), color=plot.INK, lw=1.0, label="continuum")
    ax.set(xlabel="x", ylim=(-0.02, 1.05), title=f"mass up to x, after {SHOWN_STEP} steps")
    ax.legend(loc="lower right", handlelength=1.4)


def draw_left(ax: Any, tau: float, one: dict[str, Any]) -> None:
    """Draw how much of d₁ is left at the end, against h/τ."""
    done = one["free_regime"] != "running"
    ax.plot(one["h"][done] / tau, one["left"][done], "o", color=plot.RHO, ms=3)
    mark_window(ax)
    ax.set(xlabel="h / τ", ylabel="d₁(ρ, ν) / d₁(μ, ν) at the end", ylim=(-0.04, 1.1))
    ax.set_title("how far from home mass is stuck")


def draw_square_arrivals(ax: Any, tau: float, one: dict[str, Any]) -> None:
    """Draw the step of arrival on squares."""
    share, arrived = one["h"] / tau, one["regime"] == "target"
    done = one["free_regime"] != "running"
    ax.plot(share[done], one["free_arrival"][done], "x", color=plot.NU, ms=4, label="free stops")
    ax.plot(share[arrived], one["arrival"][arrived], "o", color=plot.RHO, ms=3, label="lattice")
    mark_window(ax)
    ax.set(
        xlabel="h / τ",
        ylabel="step of arrival at ν",
        ylim=(0, 20),
        yticks=range(0, 21, 4),
        title="ν is reached for h < √2τ",
    )
    ax.legend(loc="lower left", handlelength=1.2)


def mark_window(ax: Any) -> None:
    """Shade where mass is stuck and where all is frozen."""
    ax.axvspan(2**0.5, 2.0, color=plot.RHO, alpha=0.15, lw=0)
    ax.axvspan(2.0, 2.45, color=plot.MU, alpha=0.25, lw=0)
    ax.set_xlim(0, 2.45)
    for place, name in ((2**0.5, "stuck"), (2.0, "frozen")):
        ax.text(place + 0.03, 0.04, name, transform=ax.get_xaxis_transform(), va="bottom")


def draw_held(ax: Any, tau: float, one: dict[str, Any]) -> None:
    """Draw where mass rests for ever on one square."""
    where = one["points"]
    ax.plot(*where.T, ".", color=plot.PALE, ms=1.5, zorder=1)
    area = 90 / one["rho"].max()
    for name, color in (("source", plot.MU), ("target", plot.NU)):
        plot.discs(ax, where, one[name], area=area, color=color, outline=True, label="μ" if name == "source" else "ν")
    plot.discs(ax, where, one["rho"], area=area, color=plot.RHO, label="ρ, at rest")
    ax.set(aspect="equal", xlabel="x₁", ylabel="x₂", title=f"where it is stuck, h = {one['h'] / tau:.3g} τ")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
