"""Exact means, bounds and pictures for dimension.py."""

from __future__ import annotations

from math import comb, log
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from wrof import plot

COLORS = (plot.MU, plot.OTHER, plot.NU, plot.RHO, plot.PURPLE, plot.SKY, plot.INK)
LEAVES = 2**12  # cubes of the finest level of the dyadic bound, at most


# ---- numbers ----


def huber(r: Any, tau: float) -> Any:
    """Cost of the free step, r²/2τ for r ≤ τ, else r − τ/2."""
    return np.where(r <= tau, np.square(r) / (2 * tau), r - tau / 2)


def typical(d: Any) -> Any:
    """Root of the mean square of the distance of two points of the cube, √(d/6)."""
    return np.sqrt(d / 6)


def exact_on_line(n: int) -> float:
    """Mean of d₁ between two samples of n points of [0, 1].

    Of the 2n points in order, neighbours are 1 / (2n + 1) apart on average, and the two samples take turns as a random
    bridge does, whose mean area is n 4^n / (2 binom(2n, n)).
    """
    return float(4**n / (2 * (2 * n + 1) * comb(2 * n, n)))


def expected_slope(d: int) -> float:
    """Power of N with which d₁ falls, up to √log N for d = 2."""
    return -1 / max(d, 2)


def fit(size: np.ndarray, d1: np.ndarray, error: np.ndarray, d: int) -> tuple[float, float]:
    """Slope of log d₁ (for d = 2 of log d₁/√log N) over log N, and its standard error."""
    x, y = np.log(size), np.log(d1 / (np.sqrt(np.log(size)) if d == 2 else 1.0))
    weight = d1 / error
    centred = x - np.average(x, weights=weight**2)
    total = np.sum(weight**2 * centred**2)
    return float(np.sum(weight**2 * centred * y) / total), float(total**-0.5)


def nearest_bound(x: np.ndarray, y: np.ndarray) -> float:
    """Lower bound of d₁ of samples: the mean distance to the nearest point of the other one."""
    return float(max(cKDTree(b).query(a)[0].mean() for a, b in ((x, y), (y, x))))


def dyadic_bound(x: np.ndarray, y: np.ndarray) -> float:
    """Upper bound of d₁ of samples of the cube: in every dyadic cube, from small to large, match what can be matched.

    What is unmatched in the cubes of side 2^−k, u_k of the mass, and matched in those of side 2^(1−k), goes at most
    √d 2^(1−k); any depth gives a bound, the least is returned.
    """
    n, d = x.shape
    least, total, before = d**0.5, 0.0, 0.0
    for k in range(1, max(1, int(log(LEAVES, 2) / d)) + 1):
        cubes = np.floor(np.concatenate([x, y]) * 2**k).astype(np.int64)
        which = np.unique(cubes, axis=0, return_inverse=True)[1].ravel()
        unmatched = np.abs(np.bincount(which, np.repeat([1 / n, -1 / n], n))).sum() / 2
        total += (unmatched - before) * 2.0 ** (1 - k)
        before = unmatched
        least = min(least, d**0.5 * (total + (1 - unmatched) * 2.0**-k))
    return float(least)


# ---- pictures ----


def step_figure(params: dict[str, Any], arrays: dict[str, Any], theta: np.ndarray, folder: Path) -> Path:
    """Draw J and its bounds, mass that arrives, K, and the number of atoms, against dimension."""
    dims, cube, n = np.array(params["dims"]), arrays["cube"], params["n"]
    fig = plot.figure(8.0, 6.4, "A free step between clouds of [0, 1]ᵈ: all distances tend to √(d/6)")
    with plot.style():
        axes = fig.subplots(2, 2)
        values(axes[0, 0], dims, params["theta"], cube)
        some = np.unique(np.linspace(0, len(dims) - 1, min(5, len(dims))).round().astype(int))
        for k, color in zip(some, COLORS, strict=False):
            axes[0, 1].plot(theta, arrays["arrives"][k], "-", color=color, label=f"d = {dims[k]}")
        axes[0, 1].axvline(1.0, color=plot.INK, lw=0.7, ls="--")
        axes[0, 1].set(xlabel="τ / √(d/6)", ylabel="mass that arrives", ylim=(-0.03, 1.05))
        axes[0, 1].set_title("by and by, or all at once")
        axes[0, 1].legend(loc="center right", handlelength=1.2)
        for k, (share, color) in enumerate(zip(params["theta"], COLORS, strict=False)):
            tau = share * typical(dims)
            label = f"τ = {share:g} √(d/6)"
            axes[1, 0].plot(dims, cube[:, k, 1] / tau**2, "o-", color=color, ms=3.5, lw=0.9, label=label)
            axes[1, 1].plot(dims, cube[:, k, 4], "o-", color=color, ms=3.5, lw=0.9, label=label)
        axes[1, 0].set(xlabel="dimension d", ylabel="K / τ²", ylim=(0, 1.05), title="movement; 1: all mass goes τ")
        most = n + max(1, n * 4 // 5) - 1
        axes[1, 1].axhline(most, color=plot.INK, lw=0.8, ls="--")
        axes[1, 1].text(dims[0], 1.02 * most, "n + m − 1", va="bottom")
        axes[1, 1].set(xlabel="dimension d", ylabel="atoms of ρ", ylim=(0, 1.15 * most))
        axes[1, 1].set_title(f"atoms; n = {n}, m = {max(1, n * 4 // 5)}")
        for ax in (axes[0, 0], axes[1, 0], axes[1, 1]):
            ax.set_xscale("log")
            ax.set_xticks(dims, [str(d) for d in dims])
            ax.minorticks_off()
        keys = axes[1, 0].get_legend_handles_labels()
        fig.legend(*keys, loc="outside lower center", ncols=len(params["theta"]), handlelength=1.4)
    return plot.save(fig, folder / "dimension_step.png")


def values(ax: Any, dims: np.ndarray, theta: list[float], cube: np.ndarray) -> None:
    """Draw J over √(d/6), its bounds as bands, and the limit."""
    for k, (share, color) in enumerate(zip(theta, COLORS, strict=False)):
        value, low, high = (cube[:, k, column] / typical(dims) for column in (0, 2, 3))
        ax.fill_between(dims, low, high, color=color, alpha=0.18, lw=0)
        ax.plot(dims, value, "o-", color=color, ms=3.5, lw=0.9, label=f"τ = {share:g} √(d/6)")
        ax.axhline(float(huber(1.0, share)), color=color, lw=0.7, ls="--")
    ax.set(xlabel="dimension d", ylabel="J / √(d/6)", ylim=(0, None))
    ax.set_title("J, its bounds (bands), and its limit (dashed)")


def samples_figure(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw d₁ and J between samples against their size."""
    size, tau = arrays["sample/size"], params["tau"]
    fig = plot.figure(8.0, 4.3, "Two samples of N points of [0, 1]ᵈ each: how far apart they are, and J of a step")
    with plot.style():
        left, right = fig.subplots(1, 2)
        for k, (d, color) in enumerate(zip(params["sample_dims"], COLORS, strict=False)):
            d1, error = arrays["sample/d1"][k], arrays["sample/d1_error"][k]
            found = fit(size, d1, error, d)[0]
            power = "−1/2, √log N" if d == 2 else f"−1/{max(d, 2)}"
            label = f"d = {d}: slope {found:.2f} ({power})".replace("-", "−")
            shape = size ** expected_slope(d) * (np.sqrt(np.log(size)) if d == 2 else 1.0)
            left.plot(size, shape * np.exp(np.mean(np.log(d1 / shape))), color=color, lw=0.8)
            left.plot(size, d1, "o", color=color, ms=3.5, label=label)
            right.plot(size, arrays["sample/value"][k], "o-", color=color, ms=3.5, lw=0.8, label=f"d = {d}")
        if 1 in params["sample_dims"]:
            right.plot(size, 1 / (6 * tau * (size + 1)), color=plot.INK, lw=0.8, ls="--", label="1/(6τ(N + 1))")
        for ax in (left, right):
            ax.set(xscale="log", yscale="log", xlabel="N")
        low, high = left.get_ylim()
        left.set(ylabel="mean d₁", title="d₁; lines: the power in brackets", ylim=(low / 5, high))
        left.legend(loc="lower left", handlelength=1.0)
        right.set(ylabel="mean J", title=f"J, τ = {tau:g}: twice as steep once ways are < τ")
        right.legend(loc="lower left", handlelength=1.4)
    return plot.save(fig, folder / "dimension_samples.png")
