"""A stored flow, read for drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..errors import WrofError
from ..measure import Floats

STILL = 1e-12  # of J: what moves less than this is rounding
ARRIVED = 1e-10  # of the first J: what is missing less than this is rounding

Points = Floats
Atoms = tuple[Points, Floats]  # (n, d) points and (n,) weights


class Film(NamedTuple):
    """A stored flow, read for drawing: rho_0 = mu, rho_1, ... as `frames`, and nu."""

    kind: str  # "line", "image" or "cloud"
    frames: list[Atoms]
    target: Atoms
    stops: Points | None  # None: free
    extent: tuple[float, float, float, float]  # left, right, bottom, top

    @property
    def comparable(self) -> bool:
        """Whether all measures live on the same points, so that their masses can be compared point by point."""
        return all(np.array_equal(points, self.target[0]) for points, _ in (self.frames[0], self.frames[-1]))

    def scale(self, steps: Sequence[int], panel: float) -> Scale:
        """Return the common scale of nu and the given steps, in panels `panel` inches wide."""
        top = max(float(weights.max()) for _, weights in [self.target, *(self.frames[k] for k in steps)])
        crowd = np.sqrt(min(1.0, 40 / max(len(self.frames[0][1]), len(self.target[1]))))
        return Scale(top, crowd * (4.0 * panel) ** 2 / top)

    def height(self, panel: float) -> float:
        """Height in inches of a panel of the given width."""
        if self.kind == "line":
            return 1.9
        left, right, bottom, upper = self.extent
        return float(np.clip(panel * abs(upper - bottom) / (right - left), 0.5, 2.5 * panel))


class Scale(NamedTuple):
    """What a mass looks like: `top` fills a panel (or is darkest), `area` square points of disc per mass."""

    top: float
    area: float


def read_film(arrays: Mapping[str, Any]) -> Film:
    """Read the arrays of a flow."""
    mu = _atoms(arrays, "source_points", "source")
    nu = _atoms(arrays, "target_points", "target")
    stops: Points | None = None
    if "rho" in arrays:
        stops = get_array(arrays, "points")
        frames = [mu, *((stops, weights) for weights in get_array(arrays, "rho"))]
        if any(len(points) != len(weights) for points, weights in frames):
            raise WrofError(f"arrays['rho'] has {frames[-1][1].size} masses a step for {len(stops)} points.")
    else:
        points, weights = get_array(arrays, "rho_points"), get_array(arrays, "rho_weights")
        cuts = np.asarray(get_array(arrays, "rho_start"), dtype=np.int64)
        frames = [mu, *((points[a:b], weights[a:b]) for a, b in pairwise(cuts))]
    shape = tuple(int(k) for k in arrays.get("shape", ()))
    dim = mu[0].shape[1]
    if dim == 1:
        kind = "line"
    elif stops is not None and len(shape) == dim and all(np.array_equal(p, stops) for p, _ in (mu, nu)):
        kind = "image"
        frames = [_flat(points, weights, shape) for points, weights in frames]
        nu = _flat(*nu, shape)
    else:
        kind = "cloud"
        stops = None if stops is None else stops[:, :2]
        frames = [(points[:, :2], weights) for points, weights in frames]
        nu = (nu[0][:, :2], nu[1])
    seen = [nu, *frames] if stops is None else [nu, frames[0], frames[-1]]  # fixed stops: the rest is where these are
    return Film(kind, frames, nu, stops, _extent(seen, kind))


def get_array(arrays: Mapping[str, Any], name: str) -> Any:
    """Return a stored array as floats."""
    if name not in arrays:
        raise WrofError(f"there is no array {name!r}; draw from the arrays of a flow, as Flow.arrays() gives them.")
    return np.asarray(arrays[name], dtype=np.float64)


def _atoms(arrays: Mapping[str, Any], points: str, weights: str) -> Atoms:
    where, mass = get_array(arrays, points), get_array(arrays, weights)
    if where.ndim != 2 or mass.shape != (len(where),):
        raise WrofError(f"arrays[{weights!r}] has shape {mass.shape} for points of shape {where.shape}.")
    return where, mass


def _flat(points: Points, weights: Floats, shape: tuple[int, ...]) -> Atoms:
    """Return a measure on a grid as an image (rows, columns) on the first two axes, summed over the others."""
    rows, columns = shape[:2]
    grid = points.reshape(rows, columns, -1, points.shape[1])[:, :, 0, :2].reshape(-1, 2)
    return grid, weights.reshape(rows, columns, -1).sum(axis=2)


def _extent(measures: list[Atoms], kind: str) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of what is to be seen; an image is seen as a matrix is, its rows from the top."""
    every = np.concatenate([points for points, _ in measures])
    low, high = every.min(axis=0), every.max(axis=0)
    if kind == "line":
        width = spacing(np.sort(measures[0][0][:, 0]))
        pad = (width / 2 if width else 0.02 * (high[0] - low[0])) + 0.02 * (high[0] - low[0]) or 0.5
        return low[0] - pad, high[0] + pad, 0.0, 1.0
    if kind == "image":
        rows, columns = measures[0][1].shape
        side = [(high[i] - low[i]) / (n - 1) if n > 1 else 0.0 for i, n in enumerate((rows, columns))]
        down, right = (s / 2 or max(side) / 2 or 0.5 for s in side)
        return low[1] - right, high[1] + right, high[0] + down, low[0] - down
    pad = 0.08 * float((high - low).max()) or 0.5
    return low[0] - pad, high[0] + pad, low[1] - pad, high[1] + pad


def spacing(x: Floats) -> float:
    """Distance of equally spaced points in order, else 0."""
    width = np.diff(x)
    even = len(x) > 1 and width[0] > 0 and float(np.ptp(width)) <= 1e-6 * width[0]
    return float(width.mean()) if even else 0.0


def verdict(arrays: Mapping[str, Any]) -> str:
    """Say what the stored energies say."""
    move, total, tau = (get_array(arrays, name) for name in ("movement", "value", "tau"))
    left = get_array(arrays, "discrepancy")
    still = move <= 2 * tau * STILL * total
    size = f", τ = {tau[0]:g}" if len(tau) and np.all(tau == tau[0]) else ""
    if not len(total):
        return "no step has been taken"
    if left[-1] <= ARRIVED * total[0]:
        last = int(np.max(np.flatnonzero(~still), initial=-1)) + 1
        return f"ν is reached at step {last}{size}" if last else f"μ = ν: nothing has to move{size}"
    if still.all():
        return f"frozen: no mass moves{size}"
    if still[-1]:
        last = int(np.flatnonzero(~still)[-1]) + 1
        return f"a steady state that is neither μ nor ν: {rho_name(last)} stays{size}"
    return f"{len(total)} {'step' if len(total) == 1 else 'steps'} on the way from μ to ν{size}"


def rho_name(k: int) -> str:
    """Return the name of step k: ρ₀, ρ₁, ..., ρ₁₀, ..."""
    return "ρ" + str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
