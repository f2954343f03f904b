"""Pictures for multiscale.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wrof import plot

CASES = {
    "free": "clouds, free stops",
    "points": "clouds, stops their points",
    "line": "arches on a line",
    "image": "photographs on a grid",
}
COLORS = (plot.RHO, plot.PURPLE, plot.NU, plot.OTHER)
BOUNDS = {"free": "λ", "points": "2λ", "line": "λ + h/2", "image": "2λ"}


def cloud_figure(arrays: dict[str, Any], folder: Path) -> Path:
    """Draw details and features of the clouds, scale by scale."""
    from matplotlib.lines import Line2D

    lams, scale = arrays["free/lams"], arrays["way/scale"]
    fig = plot.figure(
        8.0, 6.1, "Clouds, free stops: moves longer than λ leave a feature (so many % of the mass); ν₀ = ν → μ"
    )
    shown = range(min(6, len(lams)))
    with plot.style():
        for ax, k in zip(fig.subplots(2, 3, sharex=True, sharey=True).ravel(), shown, strict=False):
            here = scale == k
            draw_ways(ax, {key: arrays[f"way/{key}"][here] for key in ("x", "z", "y", "mass")})
            mass = arrays["free/feature_mass"][k]
            ax.set_title(f"k = {k + 1}, λ = 1/{1 / lams[k]:.4g}: {100 * mass:.0f} %")
            ax.set(aspect="equal", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        disc = {"marker": "o", "ls": "none"}
        keys = [
            Line2D([], [], color=plot.MU, mfc="none", label="μ", **disc),
            Line2D([], [], color=plot.RHO, lw=1.2, label="detail, x → z"),
            Line2D([], [], color=plot.RHO, label="νₖ", ms=4, **disc),
            Line2D([], [], color=plot.PALE, lw=1.2, label="feature, z → y"),
            Line2D([], [], color=plot.NU, mfc="none", label="νₖ₋₁", **disc),
        ]
        fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.4)
    return plot.save(fig, folder / "multiscale_cloud.png")


def draw_ways(ax: Any, way: dict[str, np.ndarray]) -> None:
    """Draw ways x → z → y of one scale."""
    from matplotlib.collections import LineCollection

    area = 18 / way["mass"].max()
    ends = np.stack([way["z"], way["y"]], axis=1), np.stack([way["x"], way["z"]], axis=1)
    for pieces, color, order in zip(ends, (plot.PALE, plot.RHO), (1, 2), strict=True):
        ax.add_collection(LineCollection(pieces, colors=color, linewidths=1.0, zorder=order))
    plot.discs(ax, way["x"], way["mass"], area=area, color=plot.MU, outline=True)
    plot.discs(ax, way["y"], way["mass"], area=area, color=plot.NU, outline=True)
    plot.discs(ax, way["z"], way["mass"], area=0.5 * area, color=plot.RHO)


def image_figure(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> Path:
    """Draw the photographs, from the target to the source."""
    size, lams, measures = params["size"], arrays["image/lams"], arrays["image/measures"]
    frames = [("ν₀ = ν", measures[0])]
    frames += [(f"k = {k}, λ = 1/{1 / lam:g}", ν) for k, (lam, ν) in enumerate(zip(lams, measures[1:], strict=True), 1)]
    frames = [*frames[: 9 if len(frames) > 9 else None], ("μ", arrays["image/source"])]
    rows = (len(frames) + 4) // 5
    fig = plot.figure(
        8.0,
        1.75 * rows + 0.4,
        "Photographs on a grid: the target approaches the source, scale by scale (dark: much mass)",
    )
    top = max(float(np.quantile(frame, 0.999)) for _, frame in frames[:1] + frames[-1:])
    with plot.style():
        axes = fig.subplots(rows, 5).ravel()
        for ax, (title, frame) in zip(axes, frames, strict=False):
            ax.imshow(frame.reshape(size, size), cmap="gray_r", vmin=0, vmax=top, interpolation="nearest")
            ax.set_title(title)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
        for ax in axes[len(frames) :]:
            ax.remove()
    return plot.save(fig, folder / "multiscale_image.png")


def scales_figure(arrays: dict[str, Any], folder: Path) -> Path:
    """Draw longest details, d₁ to μ, mass with features, and what each scale adds, against λ."""
    fig = plot.figure(8.0, 6.4, "Multiscale transport: what is known of every scale")
    with plot.style():
        axes = fig.subplots(2, 2)
        for (name, told), color in zip(CASES.items(), COLORS, strict=True):
            lams = arrays[f"{name}/lams"]
            detail, d1 = arrays[f"{name}/displacement"], arrays[f"{name}/d1"]
            axes[0, 0].plot(lams, detail / lams, "o-", color=color, ms=3.5, lw=0.9, label=f"{told} (≤ {BOUNDS[name]})")
            axes[0, 1].plot(lams, np.where(d1[1:] > 0, d1[1:], np.nan), "o-", color=color, ms=3.5, lw=0.9)
            axes[1, 0].plot(lams, arrays[f"{name}/feature_mass"], "o-", color=color, ms=3.5, lw=0.9)
            added = arrays[f"{name}/discrepancy"]
            axes[1, 1].plot(lams, np.where(added > 0, added, np.nan), "o-", color=color, ms=3.5, lw=0.9)
        ends = np.array([lams.min(), lams.max()])
        line = lams + arrays["line/h"] / 2
        for curve, style in ((1 + 0 * lams, "-"), (2 + 0 * lams, "-"), (line / lams, ":")):
            axes[0, 0].plot(lams, curve, color=plot.INK, lw=0.7, ls=style)
        axes[0, 1].plot(ends, ends, color=plot.INK, lw=0.7, label="λ")
        axes[0, 0].set(ylabel="longest detail / λ", ylim=(-0.1, 2.6), title="bounds: 1, 2; dotted: 1 + h/2λ")
        axes[0, 1].set(ylabel="d₁(μ, νₖ)", yscale="log", title="how far the target is still from μ")
        axes[1, 0].set(ylabel="mass", ylim=(-0.03, 1.05), title="mass that has a feature, z ≠ y")
        axes[1, 1].set(ylabel="F(νₖ, νₖ₋₁)", yscale="log", title="what each scale takes away")
        for ax in axes.ravel():
            ax.set(xscale="log", xlabel="λ")
            ax.set_xticks(lams, [f"1/{1 / lam:.4g}" for lam in lams])
            ax.minorticks_off()
            ax.invert_xaxis()
        axes[0, 1].legend(loc="lower left", handlelength=1.4)
        fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, handlelength=1.4)
    return plot.save(fig, folder / "multiscale_scales.png")
