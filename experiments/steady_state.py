"""The published steady states belong to p = 1, α = ½, not to the exponents printed with them.

Three pictures of one step on K = 128 points of [0, 1] were published: (i) decreasing ramp → uniform, (ii) random →
decreasing ramp, (iii) random → uniform, each with a ρ₁ that is neither μ nor ν and stays for ever; the slides print
p = 2, α = 1.

Claim.
- p = 1, α = ½, τ = 0.3 gives these pictures: ρ₁ is within 2e-4 of every bar read off the charts, which is how well they
  can be read. In (i) ρ₁ = ν exactly on cells 41..86 and = μ elsewhere.
- It stays: ρ₂ = ρ₁ to 1e-12. With p <= 1 the movement cost |x − z|^p obeys the triangle inequality, so one step is
  idempotent: F(ρ₂) + K(ρ₁,ρ₂)/2τ >= F(ρ₂) + [K(μ,ρ₂) − K(μ,ρ₁)]/2τ >= F(ρ₁).
- p = 2, α = 1 gives none of them, at any τ and after any number of steps: ρ_k depends on k·round(τ/h) alone, so
  128 values of it are all there is, and each misses some bar by more than 2.5e-3.

(Whether the ramp ends at 0 or one bar above hardly shows; the bars fit the latter even better.)

Source: C. Davies, The WROF Problem and WGANs, slides, Toronto, 4 December 2023, and experiments/data/README.md.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param

import wrof
from wrof import plot, toys

PARAMS = {
    "K": Param(128, "points of [0, 1]; the published bars are compared for 128"),
    "tau": Param(0.3, "step size"),
    "p": Param(1.0, "exponent of the movement"),
    "alpha": Param(0.5, "exponent of the discrepancy"),
    "steps": Param(3, "steps to take"),
    "seed": Param(None, "seed of a random source instead of the published one"),
    "scan": Param(128, "how many hops round(τ/h) = 0, 1, ... of the printed exponents to try", quick=16),
}
CASES = {"i": "decreasing ramp → uniform", "ii": "random → decreasing ramp", "iii": "random → uniform"}
BARS = {"i": "ramp_to_uniform_rho1", "ii": "random_to_ramp_rho1"}  # of (iii) only the source was published
READ, SAME, MISS = 2e-4, 1e-12, 2.5e-3
PUBLISHED = {"K": 128, "tau": 0.3, "p": 1.0, "alpha": 0.5, "seed": None}


def problems(params: dict[str, Any]) -> dict[str, tuple[wrof.Measure, wrof.Measure]]:
    """Source and target of the three pictures."""
    K, seed = params["K"], params["seed"]
    if seed is None and K == 128:
        random = wrof.Grid(K).measure(_common.bars_from("random_source"), normalize=True)
    else:
        random = toys.random_weights(K, seed or 0)
    ramp, uniform = toys.ramp(K), toys.uniform(K)
    return {"i": (ramp, uniform), "ii": (random, ramp), "iii": (random, uniform)}


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the steps of the three pictures; with the printed exponents one step for every hop, and many of one cell."""
    arrays: dict[str, Any] = {}
    results = []
    exponents = {"p": params["p"], "alpha": params["alpha"]}
    hops = min(params["scan"], params["K"])
    for case, (mu, nu) in problems(params).items():
        flow = wrof.flow(mu, nu, params["tau"], params["steps"], **exponents)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wrof.WrofWarning)  # no hop: the frozen regime is part of the claim
            printed = [wrof.step(mu, nu, max(m, 0.4) * mu.space.h) for m in range(hops)]
        walk = wrof.flow(mu, nu, mu.space.h, hops - 1)
        single = {"printed_same_tau": wrof.step(mu, nu, params["tau"])}
        if case == "i":
            other = toys.ramp(params["K"], zero_end=False)
            single["rho_end_one"] = wrof.step(other, nu, params["tau"], **exponents)
        arrays |= {f"{case}/{name}": array for name, array in flow.arrays().items()}
        arrays |= {f"{case}/{name}": result.rho.weights for name, result in single.items()}
        arrays[f"{case}/printed"] = np.array([result.rho.weights for result in printed])
        arrays[f"{case}/walk"] = np.array([rho.weights for rho in walk.measures])
        if case in BARS and params["K"] == 128:
            arrays[f"{case}/bars"] = _common.bars_from(BARS[case])
        results += [*flow.results, *printed, *walk.results, *single.values()]
    return arrays, _common.notes(results)


def reference(arrays: dict[str, Any], case: str) -> np.ndarray:
    """Return the published bars; for (iii), whose middle picture cannot be read, ρ₁ of p = 1, α = ½."""
    return arrays.get(f"{case}/bars", arrays[f"{case}/rho"][0])


def misses(arrays: dict[str, Any], case: str) -> np.ndarray:
    """Largest deviation of any bar, for each hop of the printed exponents."""
    return np.abs(arrays[f"{case}/printed"] - reference(arrays, case)).max(axis=1)


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold the stored steps against the published pictures; they can only be met with the published parameters."""
    published = all(params[name] == value for name, value in PUBLISHED.items())
    for case, name in CASES.items():
        rho, mu, nu = arrays[f"{case}/rho"], arrays[f"{case}/source"], arrays[f"{case}/target"]
        if params["p"] <= 1:
            claims.at_most(f"({case}) {name}: largest |ρ₂ − ρ₁|", np.abs(rho[1:] - rho[0]).max(initial=0.0), SAME)
        if published:
            claims.at_least("    it is not μ: ‖ρ₁ − μ‖₁", np.abs(rho[0] - mu).sum(), 0.03)
            claims.at_least("    it is not ν: ‖ρ₁ − ν‖₁", np.abs(rho[0] - nu).sum(), 0.03)
            if case in BARS:
                off = np.abs(rho[0] - arrays[f"{case}/bars"]).max()
                claims.at_most("    largest deviation from the published bars", off, READ)
            tried = f"    p = 2, α = 1, hops 0..{len(arrays[f'{case}/printed']) - 1}: least largest deviation"
            claims.at_least(tried, misses(arrays, case).min(), MISS)
        one, many = arrays[f"{case}/printed"], arrays[f"{case}/walk"]
        off = np.abs(one[: len(many)] - many).max()
        claims.at_most(f"    its {len(many) - 1} steps of one cell are single steps of 1, 2, ... cells, to", off, SAME)
    if not published:
        claims.note("other parameters than the published ones:", "the pictures are not compared")
        return
    rho, mu, nu = arrays["i/rho"][0], arrays["i/source"], arrays["i/target"]
    there = np.flatnonzero(np.abs(rho - nu) <= 1e-15)
    claims.equal("(i) ρ₁ = ν on cells", (int(there[0]), int(there[-1]), len(there)), (41, 86, 46))
    claims.at_most("    ρ₁ = μ elsewhere: largest |ρ₁ − μ|", np.abs(np.delete(rho - mu, there)).max(), 1e-15)
    claims.near("    ‖ρ₁ − μ‖₁", np.abs(rho - mu).sum(), 0.065084, 5.1e-7)
    claims.near("    ‖ρ₁ − ν‖₁", np.abs(rho - nu).sum(), 0.438853, 5.1e-7)
    off = np.abs(arrays["i/rho_end_one"] - arrays["i/bars"]).max()
    claims.note("    with the ramp 128, 127, ..., 1 instead: deviation from the bars", f"{off:.3g}")


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the three triptychs, the printed exponents beside them, and why the former stay."""
    scheme = f"p = {params['p']:g}, α = {params['alpha']:g}, τ = {params['tau']:g}"
    one = "one step, it stays" if params["p"] <= 1 else "one step"
    heads = ("source μ", f"{one}\n{scheme}", "target ν", f"as printed\np = 2, α = 1, τ = {params['tau']:g}")
    fig = plot.figure(8.0, 8.4, "The published steady states belong to p = 1, α = ½, not to the printed p = 2, α = 1")
    with plot.style():
        rows = fig.subfigures(2, 1, height_ratios=(3, 1.05))
        axes = rows[0].subplots(3, 4, sharex=True, sharey=True)
        for row, case in zip(axes, CASES, strict=True):
            draw_case(row, arrays, case, params)
        for ax, head in zip(axes[0], heads, strict=True):
            ax.set_title(f"{head}\n{ax.get_title(loc='left')}".rstrip(), fontsize=8.5)
        legend(rows[0])
        left, right = rows[1].subplots(1, 2, width_ratios=(1.05, 1))
        draw_scan(left, arrays, params)
        explain(right)
    return [plot.save(fig, folder / "steady_state.png")]


def draw_case(row: Any, arrays: dict[str, Any], case: str, params: dict[str, Any]) -> None:
    """One triptych, and beside it what the printed exponents give."""
    x, mu, nu, rho = (arrays[f"{case}/{name}"] for name in ("points", "source", "target", "rho"))
    x = x[:, 0]
    published = arrays.get(f"{case}/bars")
    plot.bars(row[0], x, mu, color=plot.MU)
    plot.compare(row[1], x, rho[0], mu, nu)
    plot.bars(row[2], x, nu, color=plot.NU)
    same = arrays[f"{case}/printed_same_tau"]
    plot.compare(row[3], x, same, mu, nu)
    row[0].set_ylabel(f"({case}) {CASES[case].replace('decreasing ', '')}\nmass per point")
    for ax, weights in ((row[1], rho[0]), (row[3], same)):
        if published is not None:
            ax.plot(x, published, ".", ms=1.8, color=plot.INK)
            ax.set_title(f"off the dots by {np.abs(weights - published).max():.2g}", fontsize=8.5)
    if published is None:
        row[3].set_title(f"off ρ₁ of p = 1 by {np.abs(same - rho[0]).max():.2g}", fontsize=8.5)
    for ax in row:
        ax.set(xlim=(-0.02, 1.02), ylim=(0, None))
        if case == "iii":
            ax.set_xlabel("x")


def legend(fig: Any) -> None:
    """Explain the colours."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    keys: list[Any] = [
        Patch(color=color, label=label)
        for color, label in ((plot.MU, "as in μ"), (plot.RHO, "neither"), (plot.NU, "as in ν"))
    ]
    keys.append(Line2D([], [], color=plot.INK, marker=".", ls="none", label="bars as published"))
    fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.2)


def draw_scan(ax: Any, arrays: dict[str, Any], params: dict[str, Any]) -> None:
    """Draw what the printed exponents miss, against τ."""
    h = 1 / (params["K"] - 1)
    for case, color in zip(CASES, (plot.RHO, plot.OTHER, plot.PURPLE), strict=True):
        miss = misses(arrays, case)
        edges = np.concatenate([[h / 4], (np.arange(len(miss)) + 0.5) * h])
        ax.stairs(miss, edges, baseline=None, color=color, lw=1.2, label=f"({case}): {miss.min():.2g} at best")
        if f"{case}/bars" in arrays:
            off = np.abs(arrays[f"{case}/rho"][0] - arrays[f"{case}/bars"]).max()
            ax.plot(params["tau"], off, "D", ms=5, color=color)
    ax.axhline(READ, color=plot.INK, lw=0.8, ls="--")
    ax.text(h / 4, READ * 1.1, "how well the charts can be read", va="bottom")
    here = f"p = {params['p']:g}, α = {params['alpha']:g}, τ = {params['tau']:g}"
    ax.text(0.8 * params["tau"], 1.1e-4, here, ha="right", va="center")
    ax.set(xscale="log", yscale="log", xlabel="τ", ylabel="largest miss of a bar", ylim=(6e-5, 0.03))
    ax.set_title("p = 2, α = 1 misses at every τ")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.53), labelspacing=0.2, handlelength=1.2)


def explain(ax: Any) -> None:
    """Say why, inside the figure."""
    ax.axis("off")
    text = (
        "Why it stays. For p ≤ 1 the cost |x − z|^p obeys the\n"
        "triangle inequality, so a second step gains nothing:\n"
        "   F(ρ₂) + K(ρ₁,ρ₂)/2τ\n"
        "        ≥ F(ρ₂) + [K(μ,ρ₂) − K(μ,ρ₁)]/2τ ≥ F(ρ₁),\n"
        "whatever F is. For p = 1, α = ½ mass jumps all the way to\n"
        "its mate, at once, if that is nearer than 4τ², or never.\n"
        "\n"
        "For p = 2 two short hops cost less than one long one:\n"
        "the flow goes on, round(τ/h) cells a step, until it is ν\n"
        "(τ ≤ h/2: it never starts). As ρₖ depends on k·round(τ/h)\n"
        "alone, the panel on the left covers all steps at all τ."
    )
    ax.text(0.0, 1.0, text, va="top", fontsize=8.2, linespacing=1.35, transform=ax.transAxes)


EXPERIMENT = Experiment("steady_state", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
