"""c-transforms of |x - y|^p between any two sets of points, by whatever is fastest and exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..cost import (
    Cost,
    LatticePower,
    PointPower,
    lattice_distance,
    lattice_index,
    least_squares,
    on_lattice,
    power_cost,
)
from ..errors import WrofError, unknown
from ..measure import Floats, Grid, Measure, PointCloud, Space, positive_number, real_array
from .solve import without_matrix

METHODS = ("auto", "dense", "lattice", "envelope", "sweep")


def c_transform(psi: Any, p: float = 1.0, *, target: Any, source: Any = None, method: str = "auto") -> Floats:
    """phi(x) = min over y of |x - y|^p - psi(y): the greatest phi with phi(x) + psi(y) <= |x - y|^p everywhere.

    Parameters
    ----------
    psi : (m,) or grid-shaped, values on the target; -inf leaves a point out.
    p : float > 0.
    target : Grid, PointCloud or (m, d) points, where psi lives.
    source : likewise (n, d), where phi is wanted; default: the target.
    method : "auto", or one of
        "dense": all pairs, a block of rows at a time;
        "lattice": both the same Grid, all pairs on all cores, those that provably do not count left out;
        "envelope": p = 2, both the same Grid: lower envelopes of parabolas axis by axis, O(n) each;
        "sweep": p = 1 on a line: a sweep to the right and one to the left, O((n + m) log (n + m)).

    Returns
    -------
    (n,) float, in length ** p.

    Raises
    ------
    WrofError
        If the method does not fit, psi does not match the points or is +inf or nan somewhere, or -inf everywhere.

    Notes
    -----
    Leclaire (2024), c-transforms; for p = 1 over the whole space phi is 1-Lipschitz and phi^c = -phi. Envelopes:
    Felzenszwalb & Huttenlocher, Theory of Computing 8 (2012).

    Examples
    --------
    >>> import wrof
    >>> wrof.transport.c_transform([0.0, 0.5], 2.0, target=[[0.0], [1.0]]).tolist()
    [0.0, -0.5]
    """
    there = as_space(target, "target")
    here = there if source is None else as_space(source, "source")
    if here.dim != there.dim:
        raise WrofError(f"source lives in dimension {here.dim}, target in {there.dim}; they must share one.")
    return transform(here, there, _values(psi, there), positive_number(p, "p"), method)


def as_space(value: Any, name: str) -> Space:
    """Return a Grid or PointCloud, made of (n, d) points if need be."""
    if isinstance(value, Measure):
        raise WrofError(f"{name} is a Measure; pass where it lives, its .space.")
    return value if isinstance(value, Grid | PointCloud) else PointCloud(value, name=name)


def _values(psi: Any, space: Space, name: str = "psi") -> Floats:
    values = _shaped(psi, space, name)
    bad = np.flatnonzero(np.isnan(values) | (values == np.inf))
    if len(bad):
        raise WrofError(
            f"{name}[{bad[0]}] is {values[bad[0]]:g}; a potential is finite, or -inf where it does not count."
        )
    if not np.isfinite(values).any():
        raise WrofError(f"{name} is -inf everywhere; a c-transform needs one point that counts.")
    return values


def finite_values(phi: Any, space: Space, name: str) -> Floats:
    """(n,) finite values on the points of a space."""
    values = _shaped(phi, space, name)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise WrofError(f"{name}[{bad[0]}] is {values[bad[0]]:g}; it must be finite.")
    return values


def _shaped(values: Any, space: Space, name: str) -> Floats:
    array = real_array(values, name)
    shapes = [(space.size,), *([space.shape] if isinstance(space, Grid) and space.dim > 1 else [])]
    if array.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise WrofError(f"{name} has shape {array.shape}; the points it lives on take {wanted}.")
    return array.ravel()


def transform(source: Space, target: Space, psi: Floats, p: float, method: str = "auto") -> Floats:
    """c-transform of values on the whole target, on the whole source; see `c_transform`."""
    grid = on_lattice(source, target)
    if method == "auto":
        envelopes = p == 2 and grid is not None
        method = "envelope" if envelopes else "sweep" if p == 1 and source.dim == 1 else "dense"
        if method == "dense":
            return _all_pairs(source, target, psi, p)
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if method == "envelope":
        _demand(p == 2 and grid is not None, method, "p = 2 and one Grid for source and target")
        assert grid is not None
        return least_squares(grid, 1.0, -psi)
    if method == "sweep":
        _demand(p == 1 and source.dim == 1, method, "p = 1 and points on a line")
        x, y = _places(source, target, grid)
        return _sweep(x[:, 0], y[:, 0], psi)
    if method == "lattice":
        _demand(grid is not None, method, "one Grid for source and target")
        assert grid is not None
        every = lattice_index(grid, np.arange(grid.size))
        return LatticePower(every, every, grid, lattice_distance(grid) ** p).c_transform(psi)
    return PointPower(*_places(source, target, grid), 1.0, p).c_transform(psi)


def _places(source: Space, target: Space, grid: Grid | None) -> tuple[Floats, Floats]:
    """Coordinates; on one grid counted from its corner, so that it does not matter how far away that is."""
    if grid is None:
        return source.points, target.points
    from_corner = lattice_index(grid, np.arange(grid.size)) * np.array(grid.spacing)
    return from_corner, from_corner


def _demand(fits: bool, method: str, what: str) -> None:
    if not fits:
        raise WrofError(f"method='{method}' needs {what}; use method='auto'.")


def _all_pairs(source: Space, target: Space, psi: Floats, p: float) -> Floats:
    """Let the cost between the points that count choose how; without a matrix if they are many."""
    counts = np.flatnonzero(psi > -np.inf)
    cost: Cost = power_cost(source, np.arange(source.size), target, counts, p)
    cost = without_matrix(cost) or cost
    return cost.c_transform(psi[counts])


def _sweep(x: Floats, y: Floats, psi: Floats) -> Floats:
    """Minimum over the points to the left and over those to the right, each by one running minimum."""
    order = np.argsort(y, kind="stable")
    y, low = y[order], -psi[order]
    from_left = np.concatenate([[np.inf], np.minimum.accumulate(low - y)])
    from_right = np.concatenate([np.minimum.accumulate((low + y)[::-1])[::-1], [np.inf]])
    left = np.searchsorted(y, x, side="right")
    return np.asarray(np.minimum(x + from_left[left], from_right[left] - x))


def is_c_concave(phi: Any, p: float = 1.0, *, source: Any, target: Any = None, rtol: float = 1e-9) -> bool:
    """Whether phi is its own double c-transform, phi^cc = phi, that is, a c-transform at all.

    Parameters
    ----------
    phi : (n,) or grid-shaped, values on the source.
    p : float > 0.
    source, target : as in `c_transform`; target defaults to the source.
    rtol : error allowed, relative to the greatest |phi| and |x - y|^p.

    Returns
    -------
    bool
    """
    here = as_space(source, "source")
    there = here if target is None else as_space(target, "target")
    values, power = finite_values(phi, here, "phi"), positive_number(p, "p")
    twice = transform(here, there, transform(there, here, values, power), power)
    both = np.concatenate([here.points, there.points])
    scale = max(float(np.max(np.abs(values))), float(np.linalg.norm(np.ptp(both, axis=0))) ** power)
    return bool(np.max(np.abs(twice - values)) <= positive_number(rtol, "rtol") * scale)
