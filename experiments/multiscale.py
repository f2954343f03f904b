"""Multiscale transport: a target approached from μ scale by scale, coarse features first kept, then given up.

ν₀ = ν, νₖ = argmin K(μ, ·)/2λₖ + F(·, νₖ₋₁), λₖ = λ 2^−k, p = 2, α = 1, after the hierarchical decomposition of
images in (BV, L²). Every step splits the way x → z → y of an atom in a *detail* x → z, which d₂ prices, and a *feature*
z → y, what is left of moves too long for the scale. Four cases: clouds in the plane with free stops, and with their own
points as stops; two arches → one on a line; a portrait → a scan of a head on a grid of pixels.

Claim. For unit mass, and stops that contain the support of μ,
- no mass of νₖ is further from where it was in μ than λₖ with free stops, λₖ + h/2 on a line, 2λₖ on others;
- free stops: details are min(λₖ, r) long, features r − λₖ, both straight towards the mate, r away;
- d₁(μ, νₖ) is at most the mean detail, so νₖ → μ, and K(μ, νₖ) ≤ 2λₖ d₁(μ, νₖ);
- on a grid νₖ = μ, exactly, as soon as λₖ ≤ h/2: there are as many scales as there are halvings down to h/2.

Sources: Milne & Nachman, SIAM J. Math. Anal. 56(1), 2024 (the multiscale theory); Tadmor, Nezzar & Vese, Multiscale
Model. Simul. 2(4), 2004.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _arches import on_line
from _common import Claims, Experiment, Param
from _multiscale import CASES, cloud_figure, image_figure, scales_figure
from _pictures import SAMPLES, photograph

import wrof

PARAMS = {
    "lam": Param(1.0, "λ₀; the first scale is half of it"),
    "scales": Param(8, "number of scales", quick=6),
    "n": Param(24, "atoms of μ in the plane, and three quarters as many of ν", quick=16),
    "cells": Param(100, "cells of the line", quick=30),
    "source": Param("portrait", f"{', '.join(SAMPLES)}, or a picture file"),
    "target": Param("scan", "the same"),
    "size": Param(64, "pixels along a side", quick=20),
    "seed": Param(0, "seed of the clouds"),
}
SAME, TIE = 1e-12, 1e-9


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Decompose all four transports."""
    if not params["lam"] > 0 or params["size"] < 2:
        raise wrof.WrofError(f"lam must be > 0 and size >= 2, got {params['lam']:g}, {params['size']}.")
    tally: list[wrof.StepResult] = []
    cloud = clouds(params["n"], params["seed"])
    line = [wrof.Measure(each.space, each.weights, normalize=True) for each in on_line(1 / params["cells"])]
    image = [photograph(params[role], params["size"], "dark", 0.0)[0] for role in ("source", "target")]
    cases = {"free": (cloud, wrof.FREE), "points": (cloud, None), "line": (line, None), "image": (image, None)}
    arrays: dict[str, Any] = {}
    for name, (pair, stops) in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wrof.WrofWarning)  # the finest scales move nothing on a grid
            result = wrof.multiscale_flow(*pair, params["lam"], params["scales"], stops=stops)
        tally += result.results
        arrays |= {f"{name}/{key}": array for key, array in numbers(result).items()}
        if name in ("line", "image"):
            arrays[f"{name}/source"] = pair[0].weights
            arrays[f"{name}/measures"] = np.array([each.weights for each in result.measures])
            arrays[f"{name}/h"] = pair[0].space.h
        if name == "free":
            arrays |= {"free/source": pair[0].points, "free/mass": pair[0].weights, **ways(result)}
    return arrays, _common.notes(tally)


def clouds(n: int, seed: int) -> list[wrof.Measure]:
    """Points scattered over the unit square → points on two rings."""
    rng = np.random.default_rng(seed)
    m = max(2, n * 3 // 4)
    turn = 2 * np.pi * rng.random(m)
    near = np.arange(m) % 2
    center, radius = np.array([[0.3, 0.35], [0.75, 0.7]])[near], np.array([0.22, 0.14])[near]
    rings = center + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    masses = [0.3 + rng.random(k) for k in (n, m)]
    return [wrof.Measure(x, a / a.sum()) for x, a in zip((rng.random((n, 2)), rings), masses, strict=True)]


def numbers(result: wrof.MultiscaleFlow) -> dict[str, np.ndarray]:
    """Return what is known of every scale."""
    split, steps = result.features(), result.results
    return {
        "lams": result.lams,
        "displacement": result.displacements,
        "d1": result.distances,
        "movement": np.array([r.movement for r in steps]),
        "discrepancy": np.array([r.discrepancy for r in steps]),
        "gap": np.array([r.gap for r in steps]),
        "detail": np.array([each.mass @ np.linalg.norm(each.details, axis=1) for each in split]),
        "feature_mass": np.array([each.feature_mass for each in split]),
    }


def ways(result: wrof.MultiscaleFlow) -> dict[str, np.ndarray]:
    """Ways x → z → y of all atoms of all scales, and their masses."""
    plans = [r.plan for r in result.results]
    x = np.concatenate([plan.mu.points[plan.source] for plan in plans])
    y = np.concatenate([plan.nu.points[plan.target] for plan in plans])
    z = np.concatenate([plan.stop_points() for plan in plans])
    scale = np.repeat(np.arange(len(plans)), [len(plan.mass) for plan in plans])
    mass = np.concatenate([plan.mass for plan in plans])
    return {"way/x": x, "way/z": z, "way/y": y, "way/scale": scale, "way/mass": mass}


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold every case against the bounds of displacements, and grids against exact recovery."""
    for name, told in CASES.items():
        one = {key.partition("/")[2]: array for key, array in arrays.items() if key.startswith(f"{name}/")}
        check_case(name, told, one, claims)
        if name in ("line", "image"):
            check_recovery(one, claims)
    check_ways(arrays, arrays["free/lams"], claims)


def bound(name: str, lams: np.ndarray, h: Any) -> np.ndarray:
    """Longest detail at every scale."""
    return lams if name == "free" else lams + h / 2 if name == "line" else 2 * lams


def check_case(name: str, told: str, one: dict[str, Any], claims: Claims) -> None:
    """Displacements, distances and movement of one case."""
    lams, d1 = one["lams"], one["d1"]
    claims.note(f"{told}: λ from, to", f"{lams[0]:.3g}, {lams[-1]:.3g}")
    share = (one["displacement"] / bound(name, lams, one.get("h", 0.0))).max()
    what = {"free": "λ", "line": "(λ + h/2)"}.get(name, "2λ")
    claims.at_most(f"    largest detail / {what}", share, 1.0 + TIE)
    claims.at_most("    largest d₁(μ, νₖ) − mean detail", (d1[1:] - one["detail"]).max(), SAME)
    claims.at_most("    largest K − 2λ d₁(μ, νₖ)", (one["movement"] - 2 * lams * d1[1:]).max(), SAME)
    claims.at_most("    largest d₁(μ, νₖ₋₁) − d₁(μ, νₖ) − F", (d1[:-1] - d1[1:] - one["discrepancy"]).max(), SAME)
    claims.at_most("    largest gap", np.abs(one["gap"]).max(), SAME)
    claims.note("    mass with a feature, by scale", ", ".join(f"{each:.3g}" for each in one["feature_mass"]))
    claims.note("    d₁(μ, νₖ), k = 0, 1, ...", ", ".join(f"{each:.3g}" for each in d1))


def check_recovery(one: dict[str, Any], claims: Claims) -> None:
    """νₖ = μ once λₖ ≤ h/2."""
    still = one["lams"] <= float(one["h"]) / 2
    off = np.abs(one["measures"][1:][still] - one["source"]).max(initial=0.0)
    claims.at_least("    scales with λ ≤ h/2", still.sum(), 1)
    claims.at_most("    there largest |νₖ − μ|", off, SAME)


def check_ways(arrays: dict[str, Any], lams: np.ndarray, claims: Claims) -> None:
    """Details and features of free stops."""
    x, z, y = (arrays[f"way/{name}"] for name in "xzy")
    lam, r = lams[arrays["way/scale"]], np.linalg.norm(y - x, axis=1)
    detail, feature = (np.linalg.norm(each, axis=1) for each in (z - x, y - z))
    claims.at_most("free stops: largest | |z − x| − min(λ, r) |", np.abs(detail - np.minimum(lam, r)).max(), SAME)
    claims.at_most("    largest | |y − z| − (r − λ)₊ |", np.abs(feature - np.maximum(r - lam, 0.0)).max(), SAME)


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the ways in the plane, the pictures, and what is known of every scale."""
    return [cloud_figure(arrays, folder), image_figure(params, arrays, folder), scales_figure(arrays, folder)]


EXPERIMENT = Experiment("multiscale", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
