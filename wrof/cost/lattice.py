"""Grid points as whole numbers: distances that do not depend on how coordinates round."""

from __future__ import annotations

from functools import partial

import numpy as np

from .._kernels import envelope
from ..measure import Floats, Grid, Ints
from ..threads import in_threads


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


def least_squares(grid: Grid, coef: float, rest: Floats) -> Floats:
    """(n,) min over y of coef |x - y|^2 + rest(y), x and y on the grid, by lower envelopes: O(n) per axis.

    Separable, as |x - y|^2 is a sum over the axes. `rest` may be infinite.
    """
    out = rest.reshape(grid.shape)
    for axis, (cells, h) in enumerate(zip(grid.shape, grid.spacing, strict=True)):
        if cells == 1:
            continue
        lines = np.ascontiguousarray(np.moveaxis(out, axis, -1))
        least = np.empty_like(lines)
        work = partial(_parabolas, coef * h * h, lines.reshape(-1, cells), least.reshape(-1, cells))
        in_threads(grid.size // cells, 16.0 * grid.size, work)
        out = np.moveaxis(least, -1, axis)
    return np.array(out, order="C").ravel()


def _parabolas(square: float, lines: Floats, least: Floats, lo: int, hi: int) -> None:
    envelope.parabolas(lo, hi, square, lines, least)
