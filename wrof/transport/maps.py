"""Optimal maps for p > 1, from the gradient of a potential."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cost import euclid
from ..errors import WrofError
from ..measure import Floats, Grid, positive_number, real_array, require_finite
from .transforms import finite_values


def gradient(phi: Any, grid: Grid) -> Floats:
    """Gradient of a function on a grid by finite differences of second order, one-sided at the ends.

    Parameters
    ----------
    phi : (n,) or grid-shaped. grid : Grid. An axis with two points has first order, one with a single point gives 0.

    Returns
    -------
    (n, d) float, phi's unit per length; exact for polynomials of degree 2 on axes of three points or more.
    """
    if not isinstance(grid, Grid):
        raise WrofError(f"grid must be a Grid, got {type(grid).__name__}; finite differences need one.")
    values = finite_values(phi, grid, "phi").reshape(grid.shape)
    out = np.zeros((grid.size, grid.dim))
    with np.errstate(over="ignore", invalid="ignore"):
        for axis, (cells, h) in enumerate(zip(grid.shape, grid.spacing, strict=True)):
            if cells > 1:
                out[:, axis] = np.gradient(values, h, axis=axis, edge_order=2 if cells > 2 else 1).ravel()
    if not np.isfinite(out).all():
        raise WrofError(
            f"the gradient of phi, up to {np.max(np.abs(values)):.3g}, overflows; rescale phi or the lengths."
        )
    return out


def monge_map(phi: Any, p: float = 2.0, *, grid: Grid) -> Floats:
    """T(x) = x - (grad |.|^p)^{-1}(grad phi(x)), the optimal map of a potential on a grid, for p > 1.

    Parameters
    ----------
    phi : (n,) or grid-shaped, a potential of the source measure for the cost |x - y|^p, as `plan(...).phi`.
    p : float > 1. For p = 2 the map is x - grad phi / 2.
    grid : Grid on which phi lives; its gradient is taken by finite differences.

    Returns
    -------
    (n, d) float, where the mass of each grid point goes.

    Raises
    ------
    WrofError
        For p <= 1: the gradient then gives the direction only, see `transport_direction`.

    Notes
    -----
    Leclaire (2024); Gangbo & McCann, The geometry of optimal transportation, Acta Math. 177 (1996).
    """
    return map_from_gradient(grid.points if isinstance(grid, Grid) else (), gradient(phi, grid), p)


def map_from_gradient(points: Any, gradient: Any, p: float = 2.0) -> Floats:
    """Return `monge_map` where the gradient of the potential is known: T = x - (|g| / p)^(1/(p-1)) g / |g|.

    Parameters
    ----------
    points : (n, d). gradient : (n, d) grad phi at the points, in length ** (p - 1). p : float > 1.

    Returns
    -------
    (n, d) float
    """
    power = positive_number(p, "p")
    if power <= 1:
        raise WrofError(
            f"p must be > 1 for a map, got {power:g}; for p = 1 use transport_direction and transport_rays."
        )
    x, g = real_array(points, "points"), real_array(gradient, "gradient")
    if x.ndim != 2 or g.shape != x.shape:
        raise WrofError(f"points and gradient must be (n, d) arrays of one shape, got {x.shape} and {g.shape}.")
    for name, values in (("points", x), ("gradient", g)):
        require_finite(values, name, "entries")
    size = euclid(g)
    with np.errstate(over="ignore"):
        far = (size / power) ** (1 / (power - 1))
    if not np.isfinite(far).all():
        raise WrofError(
            f"a gradient of {np.max(size):.3g} sends mass beyond floating point for p = {power:g}; rescale."
        )
    return x - np.divide(far, size, out=np.zeros_like(size), where=size > 0)[:, None] * g
