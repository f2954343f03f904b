"""Grid points as whole numbers: distances that do not depend on how coordinates round."""

from __future__ import annotations

import numpy as np

from ..measure import Floats, Grid, Ints


def euclid(v: Floats) -> Floats:
    """(k,) lengths of (k, d) vectors."""
    return np.abs(v[:, 0]) if v.shape[1] == 1 else np.sqrt((v**2).sum(axis=1))


def lattice_strides(grid: Grid) -> Ints:
    """C-order strides of the grid, in points."""
    return np.array([int(np.prod(grid.shape[k + 1 :])) for k in range(grid.dim)], dtype=np.int64)


def lattice_index(grid: Grid, flat: Ints) -> Ints:
    """(k, d) index per axis of flat indices."""
    return np.stack(np.unravel_index(flat, grid.shape), axis=1).astype(np.int64)


def lattice_distance(grid: Grid) -> Floats:
    """(n,) distance of every offset, in C order; multiples of the spacing, no coordinates involved."""
    return euclid(lattice_index(grid, np.arange(grid.size)) * np.array(grid.spacing))


def on_lattice(*spaces: object) -> Grid | None:
    """Return the one grid that all the spaces are, or None."""
    first = spaces[0]
    if isinstance(first, Grid) and all(s == first for s in spaces):
        return first
    return None
