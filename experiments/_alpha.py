"""Closed forms of the experiment `alpha`, and its figure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from translation import monotone_plan

from wrof import plot

EXAMPLES = {  # stops, mass at the first and bound for the last, and τ
    "freezes": ((Fraction(0), Fraction(3, 10), Fraction(9, 10)), Fraction(1, 8)),
    "arrives": ((Fraction(0), Fraction(3, 5), Fraction(6, 5)), Fraction(2, 5)),
}
SAME = 1e-12  # of the mass: less is rounding


def window(r: float, p: float = 2.0) -> tuple[float, float]:
    """Roots of r^p/2τ = r^(1+τ) by bisection, inf for the one that is not there, nan if there is none."""

    def gain(tau: float) -> float:
        return float(np.log(2 * tau) + (1 + tau - p) * np.log(r))

    top = -1 / np.log(r) if r < 1 else 1e3  # where the gain is greatest
    if gain(top) <= 0:
        return np.nan, np.nan
    roots = []
    for lo, hi in ((1e-12, top), (1e9, top)) if r < 1 else ((1e-12, top),):
        for _ in range(200):
            middle = np.sqrt(lo * hi)
            lo, hi = (lo, middle) if gain(middle) > 0 else (middle, hi)
        roots.append(float(hi))
    return roots[0], roots[1] if len(roots) > 1 else np.inf


def options(stops: Any, at: int, tau: Any, alpha: Any) -> list[tuple[Any, Any]]:
    """K/2τ and F of staying at a stop and of hopping to each of those behind it."""
    return [((z - stops[at]) ** 2 / (2 * tau), (stops[-1] - z) ** alpha) for z in stops[at:]]


def exact_path(name: str, alpha: int, steps: int) -> tuple[list[int], list[Fraction]]:
    """Return the stops that the mass is at, and J of each step, in fractions."""
    (stops, tau), path, values = EXAMPLES[name], [0], []
    for _ in range(steps):
        costs = [sum(each) for each in options(stops, path[-1], tau, alpha)]
        values.append(min(costs))
        path.append(path[-1] + costs.index(min(costs)))
    return path, values


def exact_threshold(name: str, alpha: Any) -> Any:
    """τ at which the first hop pays (first example), at which mass arrives (second)."""
    zero, a, r = (float(x) for x in EXAMPLES[name][0])
    hop, jump = (a - zero) ** 2 / (2 * (r**alpha - (r - a) ** alpha)), r ** (2 - alpha) / 2
    if name == "freezes":
        return np.minimum(hop, jump)
    rest, at_once = (r - a) ** (2 - alpha) / 2, (r**2 - a**2) / (2 * (r - a) ** alpha)
    return np.minimum(np.maximum(np.minimum(hop, jump), rest), np.maximum(jump, at_once))


def cells_left(K: int, tau: float) -> np.ndarray:
    """Cells at which an atom comes to rest, for one that starts n = 0, 1, ..., K − 1 cells from its mate."""
    n, h = np.arange(K), 1 / (K - 1)
    cost = (n[:, None] - n) ** 2 * h**2 / (2 * tau) + (n * h) ** (1 + tau)  # from n to m <= n
    after = np.where(n <= n[:, None], cost, np.inf)[:, ::-1].argmin(axis=1)  # the least hop, if several are best
    rest = K - 1 - after
    while np.any(rest[rest] != rest):
        rest = rest[rest]
    return rest


# ---- figure ----


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw thresholds of two points, the window of α = 1 + τ, the two examples, the line."""
    fig = plot.figure(8.0, 8.4, "The role of α, p = 2: dots are computed, lines and areas exact")
    with plot.style():
        upper, middle, lower = fig.subfigures(3, 1, height_ratios=(1.1, 1.0, 1.0))
        left, right = upper.subplots(1, 2)
        draw_thresholds(left, arrays)
        draw_window(right, arrays, 1 / (params["K"] - 1))
        draw_examples(*middle.subplots(1, 2, width_ratios=(6, 10)))
        left, right = lower.subplots(1, 2)
        draw_turns(left, arrays)
        draw_line(right, params, arrays)
    return [plot.save(fig, folder / "alpha.png")]


COLORS = (plot.SKY, plot.RHO, plot.PURPLE, plot.MU, plot.OTHER)


def draw_thresholds(ax: Any, arrays: dict[str, Any]) -> None:
    """r*(τ) for each α: all cross at τ = ½, r = 1."""
    r = np.geomspace(0.03, 6.5, 400)
    for k, alpha in enumerate(arrays["alpha"]):
        color = COLORS[k % len(COLORS)]
        ax.plot(r ** (2 - alpha) / 2, r, color=color, lw=1.2, label=f"α = {alpha:g}")
        ax.plot(arrays["fixed"][:, k], arrays["r"], ".", color=color, ms=5)
    ends = np.array([window(x) for x in r])
    ax.plot(ends[:, 0], r, color=plot.NU, lw=2.0, label="α = 1 + τ")
    ax.plot(ends[r < 1, 1], r[r < 1], color=plot.NU, lw=2.0)
    for side in arrays["target"].T:
        ax.plot(side, arrays["r"], ".", color=plot.NU, ms=6)
    ax.plot(0.5, 1.0, "o", color=plot.INK, mfc="white", ms=7, zorder=4)
    ax.annotate("τ = ½, r = 1", (0.5, 1.0), (9, -3), textcoords="offset points", va="top")
    ax.legend(loc="upper left", labelspacing=0.25, handlelength=1.2)
    plane(ax, "Two points: mass jumps right of its line")


def plane(ax: Any, title: str) -> None:
    ax.set(xscale="log", yscale="log", xlabel="τ", ylabel="distance r", xlim=(0.009, 12), ylim=(0.03, 6.5), title=title)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_formatter("{x:g}")


def draw_window(ax: Any, arrays: dict[str, Any], h: float) -> None:
    """Where two points move with α = 1 + τ."""
    r = np.geomspace(0.004, 6.5, 500)
    lo, hi = np.array([window(x) for x in r]).T
    ax.fill_betweenx(r, lo, np.minimum(hi, 99.0), color="#cfe6f4", lw=0)
    ax.plot(lo, r, color=plot.NU, lw=1.6)
    ax.plot(hi[r < 1], r[r < 1], color=plot.NU, lw=1.6)
    for side in (arrays["frozen"][:, 0], arrays["frozen"][:, 1]):
        ax.plot(side, arrays["r"], ".", color=plot.NU, ms=6)
    for x, name, digits, left in ((0.5, "½", 4, 0.003), (h, f"1/{round(1 / h)}", 5, 0.006)):
        low, high = window(x)
        ax.plot([low, high], [x, x], color=plot.INK, lw=0.9, marker="|", ms=8)
        text = f"r = {name}: {low:.{digits}g} < τ < {high:.{digits}g}"
        ax.text(left, x * (1.0 if left < low else 1.1), text, va="center" if left < low else "bottom", fontsize=8)
    ax.text(1.4, 2.4, "moves", ha="center")
    ax.text(0.02, 2.4, "stays", ha="center")
    ax.text(5.0, 0.04, "stays\nagain", ha="center")
    plane(ax, "α = 1 + τ: for r < 1 a window of τ")
    ax.set(xlim=(0.0025, 12), ylim=(0.005, 6.5))


def draw_options(ax: Any, name: str, groups: list[tuple[str, int, int]], top: float) -> None:
    """K/2τ and F of all that mass at a stop can do; the least is marked."""
    stops, tau = EXAMPLES[name]
    place, ticks = 0, []
    for label, alpha, at in groups:
        each = options(stops, at, tau, alpha)
        best = min(sum(pair) for pair in each)
        for (move, left), z in zip(each, stops[at:], strict=True):
            least = move + left == best
            ax.bar(place, float(move), 0.8, color=plot.OTHER, alpha=1.0 if least else 0.45)
            ax.bar(place, float(left), 0.8, bottom=float(move), color=plot.PURPLE, alpha=1.0 if least else 0.45)
            high = min(float(move + left), 0.9 * top)
            ax.text(
                place, high + 0.012 * top, str(move + left), ha="center", fontsize=8, weight="bold" if least else None
            )
            ticks.append((place, "stay" if z == stops[at] else str(z)))
            place += 1
        middle = place - (len(each) + 1) / 2
        ax.text(middle, 1.02 * top, label, ha="center", va="bottom", fontsize=8.5)
        place += 0.6
    ax.set_xticks(*zip(*ticks, strict=True), fontsize=7.5)
    ax.set_ylim(0, top)


def draw_examples(left: Any, right: Any) -> None:
    """Draw what the mass of both examples can do, step by step."""
    from matplotlib.patches import Patch

    draw_options(left, "freezes", [("α = 1", 1, 0), ("α = 2", 2, 0)], 1.25)
    left.set_title("0, 3/10, 9/10; τ = 1/8: only α = 2 moves", pad=18)
    left.set_ylabel("cost of staying, of hopping")
    groups = [("α = 1, first step", 1, 0), ("second", 1, 1), ("α = 2, first step", 2, 0), ("second", 2, 1)]
    draw_options(right, "arrives", groups, 2.1)
    right.set_title("0, 3/5, 6/5; τ = 2/5: only α = 1 arrives", pad=18)
    right.legend(
        handles=[Patch(color=plot.OTHER, label="K/2τ"), Patch(color=plot.PURPLE, label="F")], loc="upper right"
    )


def draw_turns(ax: Any, arrays: dict[str, Any]) -> None:
    """Thresholds of both examples against α, with and without the stop in between."""
    alpha = np.linspace(0.5, 4.0, 300)
    colors = {"freezes": plot.RHO, "arrives": plot.OTHER}
    for name, color in colors.items():
        stops = EXAMPLES[name][0]
        what = "first hop" if name == "freezes" else "arrival"
        ax.plot(alpha, float(stops[-1]) ** (2 - alpha) / 2, color=color, lw=1.0, ls="--", label=f"0, {stops[-1]}")
        ax.plot(alpha, exact_threshold(name, alpha), color=color, label=f"0, {stops[1]}, {stops[2]}: {what}")
        ax.plot(arrays["scan_alpha"], arrays[f"{name}/tau"], ".", color=color, ms=5)
    ax.set(xlabel="α", ylabel="least τ", ylim=(0, None), title="A stop in between turns the rule round")
    ax.legend(loc="upper left", labelspacing=0.25, handlelength=1.6)


def draw_line(ax: Any, params: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Cells that are left at rest on the line, and what two points would say."""
    K = params["K"]
    x, y, mass = monotone_plan(arrays["source"], arrays["target_masses"])
    ways, tau = np.unique(np.abs(y - x)[(mass > SAME) & (x != y)]), np.geomspace(0.0025, 12.0, 600)
    jumps = [max((n for n in ways if (n / (K - 1)) ** (1 - t) >= 2 * t), default=0) for t in tau]
    ax.plot(tau, jumps, color=plot.PALE, lw=2.0, label="if mass had to jump all the way")
    ax.plot(tau, [cells_left(K, t)[ways].max() for t in tau], color=plot.NU, lw=1.2, label="law of the hops")
    ax.plot(arrays["line/tau"], arrays["line/left"], ".", color=plot.RHO, ms=5, label="flows, at rest")
    ax.set(xscale="log", xlabel="τ", ylabel="greatest distance left, cells", title=f"α = 1 + τ, line of {K} points")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(loc="center", bbox_to_anchor=(0.47, 0.55), frameon=True, edgecolor="none", framealpha=1.0)
