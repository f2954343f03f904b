"""All pairs of two sets of grid points, scanned line by line on all cores, without a matrix."""

from __future__ import annotations

import copy
from functools import cached_property, partial
from typing import Any

import numpy as np

from ._kernels import scan
from .blocks import SIDE, BlockScan
from .measure import Floats, Ints
from .threads import by_source, find_pairs, in_threads

BLOCKS = 5e6  # pairs from which a plane grid is scanned in blocks
FEW = 0.1  # part of the grid within reach, up to which it is scanned as it is


class LatticeScan:
    """Costs that depend on the offset |x - y| per axis, between the grid points x (n, d) and y (m, d).

    The table is mirrored along the last axis, so that the inner loop over a line of the grid is contiguous. On large
    plane grids, if costs rise with each |offset| and their (d,) `spacing` is told, most pairs need not be looked at.
    """

    def __init__(self, table: Floats, x: Ints, y: Ints, spacing: Floats | None = None) -> None:
        *leading, self.cells = table.shape
        self._all = np.array(table.shape, dtype=np.int64)
        self.rows = int(np.prod(leading))
        lines = table.reshape(self.rows, self.cells)
        self.mirrored = np.ascontiguousarray(np.concatenate([lines[:, :0:-1], lines], axis=1))
        self.strides = np.array([int(np.prod(leading[k + 1 :])) for k in range(len(leading))], dtype=np.int64)
        places = np.unravel_index(np.arange(self.rows), leading) if leading else ()
        self.index = np.stack(places, axis=1).astype(np.int64) if leading else np.zeros((self.rows, 0), dtype=np.int64)
        self.x, self.y = ((at[:, :-1] @ self.strides, at[:, -1]) for at in (x, y))
        self._pairs = float(self.rows * self.cells) * len(y)
        self.wanted = np.zeros(self.rows, dtype=np.bool_)
        self.wanted[self.x[0]] = True
        large = table.ndim == 2 and self._pairs >= BLOCKS
        self._blocks = BlockScan(table, self.mirrored, spacing) if large and spacing is not None else None

    def _spread(self, at: tuple[Ints, Ints], values: Any, empty: float) -> Floats:
        out = np.full((self.rows, self.cells), empty)
        out[at] = values
        return out

    def _narrow(self, reach: Ints | None) -> bool:
        """Whether the offsets within reach are so few that blocks do not pay."""
        return reach is not None and float(np.prod(2 * reach + 1.0)) <= FEW * self.rows * self.cells

    def least(self, rest: Floats, reach: Ints | None = None) -> Floats:
        """(n,) min over j of c_ij + rest_j, over offsets of at most (d,) `reach` cells if those are known to do."""
        given = self._spread(self.y, rest, np.inf)
        if self._blocks is not None and not self._narrow(reach):
            wanted = self._spread(self.x, 0.0, -np.inf)
            out = self._blocks.least(given, wanted, self._pairs)
            return np.asarray(out[self.x])
        out = np.full((self.rows, self.cells), np.inf)
        grid = (self.index, self.strides, self.mirrored, self.wanted, self._all if reach is None else reach)
        in_threads(self.rows, self._pairs, lambda lo, hi: scan.lattice_least(lo, hi, *grid, given, out))
        return np.asarray(out[self.x])

    @cached_property
    def _reversed(self) -> LatticeScan:
        other = copy.copy(self)
        other.x, other.y = self.y, self.x
        other.wanted = np.zeros(self.rows, dtype=np.bool_)
        other.wanted[other.x[0]] = True
        return other

    def back(self, rest: Floats, reach: Ints | None = None) -> Floats:
        """(m,) min over i of c_ij + rest_i, as in `least`."""
        return self._reversed.least(rest, reach)

    def below(self, bar: Floats, rest: Floats, reach: Ints | None = None) -> tuple[Ints, Ints]:
        """Pairs (i, j) with c_ij + rest_j <= bar_i, by rising i, as in `least`; a bar of -inf leaves its row out."""
        given, most = self._spread(self.y, rest, np.inf), self._spread(self.x, bar, -np.inf)
        if self._blocks is not None and not self._narrow(reach):
            kernel, lines, per = self._blocks.below(given, most), self._blocks.count[0], SIDE
        else:
            wanted = (most > -np.inf).any(axis=1)
            grid: Any = (self.index, self.strides, self.mirrored, wanted, self._all if reach is None else reach)
            kernel, lines, per = partial(_lattice_below, grid, given, most), self.rows, 1

        def room(lo: int, hi: int) -> int:
            return 16 * int(np.count_nonzero(most[lo * per : hi * per] > -np.inf)) + 1

        cells = find_pairs(lines, self._pairs, room, kernel)
        home = [np.full(self.rows * self.cells, -1) for _ in range(2)]
        for place, at in zip(home, (self.x, self.y), strict=True):
            place[at[0] * self.cells + at[1]] = np.arange(len(at[0]))
        return by_source(home[0][cells[0]], home[1][cells[1]])


def _lattice_below(grid: Any, given: Floats, most: Floats, lo: int, hi: int, i: Ints, j: Ints) -> int:
    return int(scan.lattice_below(lo, hi, *grid, given, most, i, j))  # type: ignore[call-arg]
