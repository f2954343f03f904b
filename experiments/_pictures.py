"""Photographs as measures; what a plan does with their mass; panels."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

import wrof
from wrof import plot, toys
from wrof.plot.film import Scale, read_film, rho_name
from wrof.plot.panels import draw

SAMPLES = {  # name: file of Matplotlib's sample data, and what carries mass
    "portrait": ("grace_hopper.jpg", "dark"),  # Grace Hopper, a photograph, 512 x 600
    "scan": ("s1045.ima.gz", "bright"),  # a slice of a head by magnetic resonance, 256 x 256, 16 bit
    "present": ("Minduka_Present_Blue_Pack.png", "dark"),  # a drawing, 128 x 128
}
DENSE = 0.02  # this share of the points of μ or ν, the densest, is drawn in one tone, so that pale pictures are seen
TONES = 64  # that are drawn: small files
ARRIVED = 1e-12  # of the mass
MASSES = ("source", "target", "rho")


# ---- from photographs to measures ----


def photograph(name: str, size: int, mass: str, floor: float) -> tuple[wrof.Measure, dict[str, Any]]:
    """Read a photograph as a measure of mass 1 on size x size points of the unit square; and say where it is from.

    The largest centred square, as luminance from 0 to 1; darkness (1 - luminance) or brightness is mass; averages over
    areas; a share `floor` of the mass is spread evenly; the rest is rescaled, so that the mass is 1.
    """
    file, mass = (sample(name), SAMPLES[name][1]) if name in SAMPLES else (Path(name), mass)
    grey = slice_of_a_head(file) if name == "scan" else toys.image(file, invert=mass == "dark").array
    side = min(grey.shape)
    top, left = ((n - side) // 2 for n in grey.shape)
    average = averages(side, size)
    pixels = average @ grey[top : top + side, left : left + side] @ average.T
    total = float(pixels.sum())
    if not total > 0:
        raise wrof.WrofError(f"the square in the middle of '{name}' carries no mass; take another picture, or mass.")
    weights = (1 - floor) * pixels / total + floor / pixels.size
    says = {"name": name, "square": side, "mass": mass, "mean": total / pixels.size}
    says["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    return wrof.Grid((size, size)).measure(weights, normalize=True), says


def sample(name: str) -> Path:
    """Return where Matplotlib keeps a sample picture."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "sample_data" / SAMPLES[name][0]
    if not file.exists():
        raise wrof.WrofError(f"Matplotlib's sample data has no {file.name} here; name picture files of your own.")
    return file


def slice_of_a_head(file: Path) -> np.ndarray:
    """Brightness of the scan, from 0 to 1."""
    return np.frombuffer(gzip.decompress(file.read_bytes()), "<u2").reshape(256, 256) / 65535


def averages(n: int, size: int) -> np.ndarray:
    """(size, n) matrix: the share that pixel k of n has in area i of size; rows sum to 1."""
    edges, k = np.arange(size + 1) * (n / size), np.arange(n)
    overlap = np.minimum(edges[1:, None], k + 1) - np.maximum(edges[:-1, None], k)
    return np.clip(overlap, 0, None) * (size / n)


# ---- what a step does with the mass ----


def deeds(result: wrof.StepResult, h: float) -> dict[str, float]:
    """Sum up the atoms of a plan: x goes to z, bound for y; home is y.

    `furthest`: longest |x - z|. `stray`: largest |z - z*| - slack, z* where the atom would be on free stops.
    `rounding`: largest |z - z*|. `way`: mean of |x - z|. `rest`, `carried`, `laid`: mass that stays; that moves and is
    still not home; that moves home. `home`: mass that is there now. `carried_way`, `carried_K`: the part of `way` and
    of K that `carried` makes.
    """
    plan, tau, mass = result.plan, result.tau, result.plan.mass
    x, y, z = plan.mu.points[plan.source], plan.nu.points[plan.target], plan.stop_points()
    far = np.linalg.norm(y - x, axis=1)
    share = np.minimum(1.0, tau / np.where(far > 0, far, 1.0))
    off = np.linalg.norm(z - x - share[:, None] * (y - x), axis=1)
    hop = np.linalg.norm(z - x, axis=1)
    moves, home = plan.source != plan.stop, plan.stop == plan.target  # one grid for all three
    carried = moves & ~home
    return {
        "furthest": float(hop.max()),
        "rounding": float(off.max()),
        "stray": float((off - slack(np.maximum(far - tau, 0.0), tau, h)).max()),
        "way": float(hop @ mass),
        "rest": float(mass[~moves].sum()),
        "carried": float(mass[carried].sum()),
        "laid": float(mass[moves & home].sum()),
        "home": float(mass[home].sum()),
        "carried_way": float((hop * mass)[carried].sum()),
        "carried_K": float((hop**2 * mass)[carried].sum()),
    }


def slack(s: np.ndarray, tau: float, h: float) -> np.ndarray:
    """How far a stop on the lattice may be from the one on free stops, for an atom that has s left to go there.

    |x - z|^2/2 tau + |z - y| exceeds its least value, at z*, by at least |z - z*|^2/2 tau, and by s^2/2 tau at z = y;
    at the lattice point next to z*, at most d = h/sqrt 2 away, by at most d^2/2 tau + d^2/2(s - d).
    """
    d = h / 2**0.5
    rounded = d * np.sqrt(1 + tau / np.where(s > d, s - d, np.inf))
    return np.where(s > d, np.minimum(s, rounded), s)


def shift(one: np.ndarray, other: np.ndarray, crumb: float) -> int:
    """Largest difference of the quantiles of two measures on 0, 1, 2, ..., of equal mass; crumbs are left out."""
    first, second = np.cumsum(one), np.cumsum(other)
    levels = np.unique(np.concatenate([[0.0], first, second]))
    middle = ((levels[1:] + levels[:-1]) / 2)[np.diff(levels) > crumb]
    return int(np.abs(np.searchsorted(first, middle) - np.searchsorted(second, middle)).max(initial=0))


# ---- pictures ----


def lattice(arrays: dict[str, Any]) -> np.ndarray:
    """Return the points of the lattice, which are not stored."""
    return wrof.Grid(tuple(int(n) for n in arrays["shape"])).points


def toned(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return arrays to draw from: with their points, and with masses rounded to tones, up to the darkest."""
    points, top = lattice(arrays), darkest(arrays)
    cut = {name: np.rint(np.minimum(arrays[name] / top, 1) * TONES) * (top / TONES) for name in MASSES}
    return {**arrays, **cut, "points": points, "source_points": points, "target_points": points}


def darkest(arrays: dict[str, Any]) -> float:
    """Return the mass of a point from which on all are drawn in the darkest tone."""
    pair = np.array([arrays["source"], arrays["target"]])
    top = float(np.quantile(pair, 1 - DENSE, axis=1).max())
    return top if top > 0 else float(pair.max())


def draw_flow(arrays: dict[str, Any], title: str) -> Any:
    """Draw μ, up to six steps, ν; below, the energies, and what every step does with the mass."""
    film, last = read_film(toned(arrays)), len(arrays["rho"])
    arrived = bool(np.abs(arrays["rho"][-1] - arrays["target"]).sum() <= ARRIVED)
    shown = (0.75 if arrived else 1.0) * last * np.linspace(0, 1, 7) ** 1.2
    steps = sorted({int(k) for k in np.rint(shown)})
    names = ["μ, the source", *(rho_name(k) for k in steps[1:]), "ν, the target" + f" = {rho_name(last)}" * arrived]
    fig = plot.figure(8.0, 5.9, title)
    with plot.style():
        upper, lower = fig.subfigures(2, 1, height_ratios=(3.9, 2.0), squeeze=False)[:, 0]
        panels = list(upper.subplots(2, 4 if len(names) > 6 else 3).ravel())
        for ax, k, name in zip(panels, [*steps, None], names, strict=False):
            draw(ax, film, k, Scale(darkest(arrays), 0.0))
            ax.set_title(name)
        for ax in panels[len(names) :]:
            ax.remove()
        panels = panels[: len(names)]
        upper.colorbar(panels[0].images[0], ax=panels, label="mass per point", extend="max", aspect=25)
        left, right = lower.subplots(1, 2)
        draw_energies(left, arrays)
        draw_deeds(right, arrays)
    return fig


def draw_energies(ax: Any, arrays: dict[str, Any]) -> None:
    """Draw F before and after every step, what the step costs, and how far the centre is from ν's."""
    k, off = np.arange(len(arrays["rho"]) + 1), centres(arrays) - arrays["target"] @ lattice(arrays)
    ax.plot(k, [arrays["d1"], *arrays["discrepancy"]], "o-", ms=3, color=plot.PURPLE, label="F = d₁(ρₖ, ν)")
    ax.plot(k, np.linalg.norm(off, axis=1), ".-", color=plot.INK, lw=0.9, label="distance of centres, ρₖ and ν")
    ax.plot(k[1:], arrays["movement"] / (2 * arrays["tau"]), "s-", ms=3, color=plot.OTHER, label="K/2τ of step k")
    ax.set(xlabel="step k", ylabel="length", ylim=(0, None))
    ax.legend()


def centres(arrays: dict[str, Any]) -> np.ndarray:
    """Return the (steps + 1, 2) centres of mass of ρ₀ = μ, ρ₁, ..."""
    return np.array([arrays["source"], *arrays["rho"]]) @ lattice(arrays)


def draw_deeds(ax: Any, arrays: dict[str, Any]) -> None:
    """Draw how much mass every step carries on, lays down, leaves in place."""
    k, below = np.arange(1, len(arrays["rho"]) + 1), np.zeros(len(arrays["rho"]))
    kinds = {
        "rest": (plot.PALE, "stays"),
        "laid": (plot.NU, "laid down: reshaping"),
        "carried": (plot.RHO, "carried on: translation"),
    }
    for name, (color, label) in kinds.items():
        ax.bar(k, arrays[f"plan/{name}"], bottom=below, color=color, width=0.8, label=label)
        below = below + arrays[f"plan/{name}"]
    ax.set(xlabel="step k", ylabel="share of the mass", ylim=(0, 1), xlim=(0.4, len(k) + 0.6))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2, reverse=True)
