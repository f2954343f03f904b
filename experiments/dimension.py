"""One free step in many dimensions: it sees distances only; what dimension changes is how long they are, and how sure.

Free stops, p = 2, α = 1: the step is transport with the Huber cost c̃(r) = r²/2τ for r ≤ τ, else r − τ/2, so a plan of n
and m atoms is as large in R⁵⁰ as on a line. Measured on a translation, on one cloud turned into every R^d, on clouds of
the cube [0, 1]^d, and on pairs of samples of N points from it, more and more of them.

Claim.
- ν = μ shifted by v: J = c̃(|v|) and K = min(τ, |v|)², in every dimension; a cloud of the plane, turned into R^d, has
  the same J, K and F there; ρ has at most n + m − 1 atoms, and every gap is at most 1e-9 of J;
- independent clouds: Σ μ min c̃ ≤ J ≤ Σ μ ν c̃, and the two bounds meet as d grows: all distances tend to √(d/6). So
  mass arrives by and by as τ grows in low dimensions, in high ones all at once near τ = √(d/6);
- two samples of N points each are d₁ ~ N^(−1/2) apart for d = 1 (mean 4^N / (2(2N + 1) binom(2N, N))), √(log N / N) for
  d = 2, N^(−1/d) for d ≥ 3, always between the mean distance to the nearest point of the other sample and a sum over
  dyadic cubes. For d ≥ 5 it is a fixed multiple of that distance: where N is not large enough for the slope to be −1/d,
  as most points are near the boundary of the cube, both are equally steeper;
- J from one to the other is between c̃(d₁) and d₁. Once all ways are shorter than τ it is d₂²/2τ, which falls twice as
  fast (mean 1 / (6τ(N + 1)) for d = 1): noise is forgiven. In high dimensions that takes more points than one can have.

Sources: Ajtai, Komlós & Tusnády, Combinatorica 4 (1984); Fournier & Guillin, Probab. Theory Relat. Fields 162 (2015);
Milne & Nachman, SIAM J. Math. Anal. 56(1), 2024 (free stops).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import _common
import numpy as np
from _common import Claims, Experiment, Param
from _dimension import (
    dyadic_bound,
    exact_on_line,
    expected_slope,
    fit,
    huber,
    nearest_bound,
    samples_figure,
    step_figure,
    typical,
)
from scipy.spatial.distance import cdist

import wrof

PARAMS = {
    "dims": Param([1, 2, 3, 5, 8, 13, 20, 32, 50], "dimensions of the step", quick=[1, 2, 5, 20]),
    "n": Param(60, "atoms of μ, and four fifths as many of ν", quick=15),
    "theta": Param([0.5, 1.0, 1.5], "τ / √(d/6) of the steps that are shown"),
    "scan": Param(61, "step sizes at which mass that arrives is measured", quick=21),
    "sample_dims": Param([1, 2, 3, 5, 8], "dimensions of the samples", quick=[1, 2, 3, 5]),
    "least": Param(32, "points of the smallest samples", quick=16),
    "doublings": Param(6, "how often the number of points is doubled", quick=4),
    "pairs": Param(4096, "points in all samples of a size, but four pairs at least", quick=1024),
    "tau": Param(0.25, "step size between samples"),
    "seed": Param(0, "seed of everything random"),
}
SAME, GAP, ROUNDING = 1e-12, 1e-9, 1e-12
FEWEST, CHEAP = 4, {1: 8, 2: 3}  # pairs of samples of a size, at least; so many times more for these d
SLACK, NEAREST = 0.08, 0.03  # of slopes: from those of N → ∞, and from those of nearest points


def compute(params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the steps and draw the samples."""
    if not params["tau"] > 0 or not min(params["theta"]) > 0:
        raise wrof.WrofError(f"tau and theta must be > 0, got {params['tau']:g} and {min(params['theta']):g}.")
    if min(*params["dims"], *params["sample_dims"]) < 1:
        raise wrof.WrofError(f"dimensions must be >= 1, got {params['dims']} and {params['sample_dims']}.")
    tally: list[wrof.StepResult] = []
    arrays = exact_steps(params, tally) | cube_steps(params, tally) | samples(params, tally)
    return arrays, _common.notes(tally)


def free_step(mu: wrof.Measure, nu: wrof.Measure, tau: float, tally: list[wrof.StepResult]) -> wrof.StepResult:
    """One free step, kept account of."""
    tally.append(wrof.step(mu, nu, tau, stops=wrof.FREE))
    return tally[-1]


def masses(rng: np.random.Generator, n: int) -> np.ndarray:
    """Masses that differ, 1 in all."""
    each = 0.2 + rng.random(n)
    return np.asarray(each / each.sum())


def arrived(result: wrof.StepResult) -> float:
    """Mass whose stop is its mate."""
    plan = result.plan
    rest = np.linalg.norm(plan.nu.points[plan.target] - plan.stop_points(), axis=1)
    return float(plan.mass[rest <= ROUNDING].sum())


def exact_steps(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Shift by 1, with τ below and above; turn one plane cloud into every dimension."""
    rng = np.random.default_rng(params["seed"])
    n, m = params["n"], max(1, params["n"] * 4 // 5)
    plane, weights = rng.random((n + m, 2)), (masses(rng, n), masses(rng, m))
    shifted, turned = [], []
    for d in params["dims"]:
        x, way = rng.random((n, d)), rng.standard_normal(d)
        mu, nu = (wrof.Measure(points, weights[0]) for points in (x, x + way / np.linalg.norm(way)))
        steps = [free_step(mu, nu, tau, tally) for tau in (0.4, 1.3)]
        shifted.append([[r.value, r.movement, arrived(r), len(r.rho.weights)] for r in steps])
        if d > 1:
            frame = np.linalg.qr(rng.standard_normal((d, 2)))[0]
            points = plane @ frame.T
            pair = (wrof.Measure(points[:n], weights[0]), wrof.Measure(points[n:], weights[1]))
            result = free_step(*pair, params["tau"], tally)
            turned.append([result.value, result.movement, result.discrepancy])
    return {"shifted": np.array(shifted), "turned": np.array(turned).reshape(-1, 3)}


def cube_steps(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Clouds of the cube, with step sizes that grow as distances do; bounds of J."""
    rng = np.random.default_rng([params["seed"], 1])
    n, m = params["n"], max(1, params["n"] * 4 // 5)
    a, b = masses(rng, n), masses(rng, m)
    shown, arrives = [], []
    for d in params["dims"]:
        x, y = rng.random((n, d)), rng.random((m, d))
        mu, nu, far = wrof.Measure(x, a), wrof.Measure(y, b), cdist(x, y)
        rows = []
        for theta in params["theta"]:
            tau = theta * typical(d)
            r, cost = free_step(mu, nu, tau, tally), huber(far, tau)
            low = max(float(a @ cost.min(axis=1)), float(b @ cost.min(axis=0)))
            rows.append([r.value, r.movement, low, a @ cost @ b, len(r.rho.weights), r.gap / r.value, arrived(r)])
        shown.append(rows)
        arrives.append([arrived(free_step(mu, nu, t * typical(d), tally)) for t in thetas(params["scan"])])
    return {"cube": np.array(shown), "arrives": np.array(arrives)}


def thetas(count: int) -> np.ndarray:
    """Step sizes over √(d/6) at which mass that arrives is measured."""
    return np.linspace(0.05, 2.0, count)


def samples(params: dict[str, Any], tally: list[wrof.StepResult]) -> dict[str, Any]:
    """Distances between pairs of samples, and J of a step from one to the other: means, errors, worst of the bounds."""
    sizes = params["least"] * 2 ** np.arange(params["doublings"] + 1)
    rows = []
    for d in params["sample_dims"]:
        rng = np.random.default_rng([params["seed"], 2, d])
        for size in sizes:
            count = max(FEWEST, params["pairs"] * CHEAP.get(d, 1) // int(size))
            rows.append(summary([pair(rng.random((2, size, d)), params["tau"], tally) for _ in range(count)]))
    shape = (len(params["sample_dims"]), len(sizes))
    out = {f"sample/{name}": np.array([row[name] for row in rows]).reshape(shape) for name in rows[0]}
    return out | {"sample/size": sizes}


def pair(points: np.ndarray, tau: float, tally: list[wrof.StepResult]) -> list[float]:
    """d₁, J, and the bounds of both."""
    mu, nu = (wrof.Measure(each, np.full(len(each), 1 / len(each))) for each in points)
    d1, result = wrof.distance(mu, nu), free_step(mu, nu, tau, tally)
    return [d1, result.value, nearest_bound(*points), dyadic_bound(*points), arrived(result), huber(d1, tau)]


def summary(rows: list[list[float]]) -> dict[str, float]:
    """Means and standard errors over pairs, and by how much bounds are kept at least."""
    d1, value, low, high, there, jensen = np.array(rows).T
    root = len(d1) ** 0.5
    return {
        "d1": d1.mean(),
        "d1_error": d1.std(ddof=1) / root,
        "value": value.mean(),
        "value_error": value.std(ddof=1) / root,
        "low": low.mean(),
        "high": high.mean(),
        "arrives": there.mean(),
        "above_low": (d1 - low).min(),
        "below_high": (high - d1).min(),
        "above_jensen": (value - jensen).min(),
        "below_d1": (d1 - value).min(),
    }


# ---- what is claimed ----


def check(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold steps and samples against what is exact."""
    check_exact(params, arrays, claims)
    check_cube(params, arrays["cube"], arrays["arrives"], claims)
    check_samples(params, {key[7:]: each for key, each in arrays.items() if key.startswith("sample/")}, claims)


def check_exact(params: dict[str, Any], arrays: dict[str, Any], claims: Claims) -> None:
    """Hold translations and the cloud that is turned against what is exact."""
    dims, n = params["dims"], params["n"]
    shifted = arrays["shifted"]
    claims.note("dimensions of the step", ", ".join(str(d) for d in dims))
    for k, tau in enumerate((0.4, 1.3)):
        off = np.abs(shifted[:, k, :3] - [huber(1.0, tau), min(tau, 1.0) ** 2, tau > 1]).max()
        claims.at_most(f"    shifted by 1, τ = {tau:g}: J, K, mass that arrives off by", off, SAME)
    off = np.abs(arrays["turned"] - arrays["turned"][:1]).max(initial=0.0)
    claims.at_most("    one plane cloud in every dimension: J, K, F differ by", off, SAME)
    most = arrays["cube"][:, :, 4].max()
    claims.at_most("    atoms of ρ less n + m − 1", most - (n + max(1, n * 4 // 5) - 1), 0.0)
    claims.at_most("    largest gap / J", arrays["cube"][:, :, 5].max(), GAP)


def check_cube(params: dict[str, Any], cube: np.ndarray, arrives: np.ndarray, claims: Claims) -> None:
    """Bounds of J in the cube; how narrow they are in high dimensions; who arrives."""
    value, movement, low, high = (cube[:, :, k] for k in range(4))
    claims.at_least("    cube: least J − Σ μ min c̃", (value - low).min(), -SAME)
    claims.at_least("    cube: least Σ μ ν c̃ − J", (high - value).min(), -SAME)
    tau = np.outer(typical(np.array(params["dims"])), params["theta"])
    claims.at_most("    largest K / τ²", (movement / tau**2).max(), 1.0 + SAME)
    first, last = ((high - low) / high)[[0, -1]].max(axis=1)
    ends = f"d = {params['dims'][-1]}, of that in d = {params['dims'][0]}"
    claims.at_most(f"    width of the bounds over the upper one in {ends}", last / first, 0.7)
    fall = -np.diff(arrives, axis=1).min()
    claims.note("    mass that arrives: most that it falls where τ grows", f"{max(fall, 0.0):.3g}")
    wide = [width(row, params["scan"]) for row in arrives]
    told = ", ".join(f"{each:.2g}" for each in wide)
    claims.note("    τ at which 90 % arrive over that of 10 %, by dimension", told)
    claims.at_most(f"    its logarithm in {ends}", np.log(wide[-1]) / np.log(wide[0]), 0.7)


def width(arrives: np.ndarray, count: int) -> float:
    """Factor by which τ grows while the mass that arrives grows from 10 % to 90 %; nan if it does not."""
    theta = thetas(count)
    if arrives.max() < 0.9:
        return float("nan")
    return float(theta[np.argmax(arrives >= 0.9)] / theta[np.argmax(arrives >= 0.1)])


def check_samples(params: dict[str, Any], one: dict[str, Any], claims: Claims) -> None:
    """Rates of d₁ and J against N."""
    size, tau = one["size"], params["tau"]
    claims.at_least("samples: least d₁ − mean distance to the nearest", one["above_low"].min(), -SAME)
    claims.at_least("    least dyadic sum − d₁", one["below_high"].min(), -SAME)
    claims.at_least("    least J − c̃(d₁)", one["above_jensen"].min(), -SAME)
    claims.at_least("    least d₁ − J", one["below_d1"].min(), -SAME)
    for k, d in enumerate(params["sample_dims"]):
        if d == 1:
            off = np.abs(one["d1"][k] - [exact_on_line(int(n)) for n in size]) / one["d1_error"][k]
            claims.at_most("    d = 1: mean d₁ off the exact mean, in standard errors", off.max(), 4.0)
            over = (one["value"][k] - 1 / (6 * tau * (size + 1))) / one["value_error"][k]
            claims.at_most("    d = 1: mean J above 1/(6τ(N + 1)), in standard errors", over.max(), 4.0)
        found, error = fit(size, one["d1"][k], one["d1_error"][k], d)
        what = "d₁/√log N" if d == 2 else "d₁"
        claims.near(f"    d = {d}: slope of log {what} over log N (± {error:.2g})", found, expected_slope(d), SLACK)
        if d == 2:
            rises = size * one["d1"][k] ** 2
            claims.at_least(
                "        N d₁² of the largest over that of the smallest: log N shows", rises[-1] / rises[0], 1.1
            )
        if d > 2:
            nearest = float(np.polyfit(np.log(size), np.log(one["low"][k]), 1)[0])
            slack = NEAREST if d > 4 else SLACK
            claims.near("        slope of the distance to the nearest point", nearest, found, slack)
            ratio = one["d1"][k] / one["low"][k]
            claims.note("        d₁ over that distance", f"{ratio.min():.3f} to {ratio.max():.3f}")
        last = np.log(one["value"][k, -1] / one["value"][k, -2]) / np.log(size[-1] / size[-2])
        claims.note("        last slope of log J; mass that arrives", f"{last:.3f}; {one['arrives'][k, -1]:.3f}")


def draw(params: dict[str, Any], arrays: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the steps in the cube, and the samples."""
    theta = thetas(params["scan"])
    return [step_figure(params, arrays, theta, folder), samples_figure(params, arrays, folder)]


EXPERIMENT = Experiment("dimension", __doc__, PARAMS, compute, check, draw)

if __name__ == "__main__":
    sys.exit(_common.main(EXPERIMENT))
