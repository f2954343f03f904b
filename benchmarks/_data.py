"""The problems of the benchmark of sizes: families of measures and costs, the same ones at every size.

A series is a family with a cost; it makes a problem, the arguments of `wrof.step`, of any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wrof

Weights = np.ndarray
FINE = 1024  # side of the noise of which the fields show the long waves: a smooth field is the same at every size
DIGIT = 8  # side of scikit-learn's digits
TO_D1 = {"alpha": 1.0, "p": 1.0}  # with tau <= 1/2 the joint cost is |x - y|: staying never pays


class Missing(Exception):
    """A package or file that a series or contestant needs is not there."""


@dataclass(frozen=True)
class Series:
    """A family with a cost.

    Attributes
    ----------
    name, family : what it is called in the table, and in which panel it is drawn.
    make : size -> arguments of `wrof.step`. grid : the size is the side of a picture, else the number of points.
    metric : the joint cost as POT's lazy solver calls it, if it can.
    """

    name: str
    family: str
    make: Callable[[int], dict[str, Any]]
    grid: bool = True
    metric: str | None = None

    def label(self, size: int) -> str:
        return f"{size} x {size}" if self.grid else f"{size}"


def field(n: int, exponent: float, seed: int) -> Weights:
    """Return (n, n) exp of a standardized Gaussian random field, Fourier amplitudes |k|^-exponent, periodic."""
    fine = max(FINE, n)
    noise = np.fft.fftshift(np.fft.fft2(np.random.default_rng(seed).standard_normal((fine, fine))))
    lo = (fine - n) // 2
    wave = np.fft.fftshift(np.fft.fftfreq(n, 1 / n))
    length = np.hypot(wave[:, None], wave)
    amplitude = np.where(length > 0, np.maximum(length, 1.0) ** -exponent, 0.0)
    values = np.fft.ifft2(np.fft.ifftshift(noise[lo : lo + n, lo : lo + n] * amplitude)).real
    return np.exp((values - values.mean()) / values.std())


def fields(n: int, exponent: float) -> tuple[Weights, Weights]:
    return field(n, exponent, 1), field(n, exponent, 2)


def shapes(n: int) -> tuple[Weights, Weights]:
    """Return a disk, and a ring beside it; 0 or 1."""
    x, y = np.meshgrid(*[np.linspace(0, 1, n)] * 2, indexing="ij")
    ring = np.hypot(x - 0.6, y - 0.6)
    return (np.hypot(x - 0.3, y - 0.35) <= 0.22) * 1.0, ((ring >= 0.2) & (ring <= 0.32)) * 1.0


def photograph(n: int) -> tuple[Weights, Weights]:
    """Return Matplotlib's sample photograph in whole grey values 0..255, and the same turned by a right angle."""
    import matplotlib

    path = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    if not path.exists():
        raise Missing("Matplotlib's sample photograph")
    grey = np.rint(255 * wrof.toys.image(path, size=(n, n)).weights.reshape(n, n))
    return grey, np.rot90(grey)


def digits(n: int) -> tuple[Weights, Weights]:
    """Return scikit-learn's handwritten digits, 8 x 8 with values 0..16, laid side by side; and in another order."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise Missing("scikit-learn") from None
    side, rng = -(-n // DIGIT), np.random.default_rng(0)
    chosen = rng.choice(load_digits().images, side**2)
    orders = (np.arange(side**2), rng.permutation(side**2))
    tiles = (chosen[order].reshape(side, side, DIGIT, DIGIT).swapaxes(1, 2) for order in orders)
    mu, nu = (each.reshape(side * DIGIT, side * DIGIT)[:n, :n] for each in tiles)
    return mu, nu


def on_grid(
    n: int, measures: Callable[[int], tuple[Weights, Weights]], tau: float | None, **cost: Any
) -> dict[str, Any]:
    """Return a problem on an n x n grid of side 1; tau = None: the spacing."""
    grid = wrof.Grid((n, n))
    mu, nu = measures(n)
    whole = all(np.array_equal(each, np.rint(each)) for each in (mu, nu)) and mu.sum() == nu.sum()
    pair = (grid.measure(each, normalize=not whole) for each in (mu, nu))  # whole numbers stay so
    return {**dict(zip(("mu", "nu"), pair, strict=True)), "tau": tau or grid.spacing[0], **cost}


def in_cloud(n: int, dim: int, tau: float, **cost: Any) -> dict[str, Any]:
    """Return uniform points of random masses in the unit cube, a normal cloud as target, and free stops."""
    rng = np.random.default_rng([n, dim])
    points = rng.random((n, dim)), 0.5 + 0.15 * rng.standard_normal((n, dim))
    pair = (wrof.PointCloud(each).measure(rng.random(n), normalize=True) for each in points)
    return {**dict(zip(("mu", "nu"), pair, strict=True)), "tau": tau, "stops": wrof.FREE, **cost}


def _grid(name: str, family: str, measures: Any, tau: float | None, metric: str | None = None, **cost: Any) -> Series:
    return Series(name, family, partial(on_grid, measures=measures, tau=tau, **cost), metric=metric)


def _cloud(name: str, family: str, dim: int, tau: float, metric: str | None = None, **cost: Any) -> Series:
    return Series(name, family, partial(in_cloud, dim=dim, tau=tau, **cost), grid=False, metric=metric)


WHITE, SMOOTH = partial(fields, exponent=0.0), partial(fields, exponent=2.0)
_TAUS = {"tau = h": None, "tau = 0.05": 0.05, "tau = 0.5": 0.5}
_ALL = [
    *(_grid(f"white field, {text}", "white fields", WHITE, tau) for text, tau in _TAUS.items()),
    *(_grid(f"smooth field, {text}", "smooth fields", SMOOTH, tau) for text, tau in _TAUS.items()),
    _grid("smooth field, alpha = 1 + tau, tau = 0.3", "other costs", SMOOTH, 0.3, alpha="1+tau"),
    _grid("smooth field, p = 1, alpha = 1/2, tau = 0.3", "other costs", SMOOTH, 0.3, p=1.0, alpha=0.5),
    _grid("smooth field, p = alpha = 1", "other costs", SMOOTH, 0.25, "euclidean", **TO_D1),
    _grid("disk to ring, tau = 0.05", "pictures", shapes, 0.05),
    _grid("photograph 0..255, tau = 0.05", "pictures", photograph, 0.05),
    _grid("digits 0..16, tau = 0.05", "pictures", digits, 0.05),
    _cloud("cloud, 2-D, tau = 0.05", "clouds in the plane", 2, 0.05),
    _cloud("cloud, 2-D, p = alpha = 1", "clouds in the plane", 2, 0.25, "euclidean", **TO_D1),
    _cloud("cloud, 3-D, tau = 0.05", "clouds in 3-D and 10-D", 3, 0.05),
    _cloud("cloud, 10-D, tau = 0.5", "clouds in 3-D and 10-D", 10, 0.5),
]
SERIES = {series.name: series for series in _ALL}
FAMILIES = tuple(dict.fromkeys(series.family for series in _ALL))
