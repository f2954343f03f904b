"""All pairs of two sets of grid points, scanned line by line on all cores, without a matrix."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from ._kernels import scan
from .blocks import SIDE, BlockScan
from .measure import Floats, Ints

BLOCKS = 5e6  # pairs from which a plane grid is scanned in blocks
FEW = 0.1  # part of the grid within reach, up to which it is scanned as it is
SMALL = 2e6  # pairs that are not worth a thread: a millisecond


def in_threads(count: int, pairs: float, work: Callable[[int, int], object]) -> None:
    """Share 0..count-1 among the cores, if there are `pairs` enough; the kernels let go of the interpreter."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or count < 2 or pairs < SMALL:
        work(0, count)
        return
    parts = np.linspace(0, count, min(count, 4 * cores) + 1).astype(int)
    pool = _pool(cores, os.getpid())
    running = [pool.submit(work, int(lo), int(hi)) for lo, hi in pairwise(parts)]
    try:
        for done in running:
            done.result()
    finally:  # interrupted: nobody may write into the caller's arrays any more
        for done in running:
            done.cancel()
        wait(running)


@lru_cache(maxsize=1)
def _pool(cores: int, process: int) -> ThreadPoolExecutor:
    """Threads that are kept, as starting them takes as long as a small scan; a forked process needs its own."""
    return ThreadPoolExecutor(cores, thread_name_prefix="wrof-scan")


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
            out = self._blocks.least(given, wanted, lambda count, work: in_threads(count, self._pairs, work))
            return np.asarray(out[self.x])
        out = np.full((self.rows, self.cells), np.inf)
        grid = (self.index, self.strides, self.mirrored, self.wanted, self._all if reach is None else reach)
        in_threads(self.rows, self._pairs, lambda lo, hi: scan.lattice_least(lo, hi, *grid, given, out))
        return np.asarray(out[self.x])

    def below(self, bar: Floats, rest: Floats, reach: Ints | None = None) -> tuple[Ints, Ints]:
        """Pairs (i, j) with c_ij + rest_j <= bar_i, by rising i, as in `least`; a bar of -inf leaves its row out."""
        given, most = self._spread(self.y, rest, np.inf), self._spread(self.x, bar, -np.inf)
        if self._blocks is not None and not self._narrow(reach):
            kernel, lines, per = self._blocks.below(given, most), self._blocks.count[0], SIDE
        else:
            wanted = (most > -np.inf).any(axis=1)
            grid: Any = (self.index, self.strides, self.mirrored, wanted, self._all if reach is None else reach)
            kernel, lines, per = partial(_lattice_below, grid, given, most), self.rows, 1
        found: dict[int, tuple[Ints, Ints]] = {}

        def work(lo: int, hi: int) -> None:
            room = 16 * int(np.count_nonzero(most[lo * per : hi * per] > -np.inf)) + 1
            while True:
                i, j = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
                count = kernel(lo, hi, i, j)
                if count <= room:
                    found[lo] = i[:count], j[:count]
                    return
                room = count

        in_threads(lines, self._pairs, work)
        home = [np.full(self.rows * self.cells, -1) for _ in range(2)]
        for place, at in zip(home, (self.x, self.y), strict=True):
            place[at[0] * self.cells + at[1]] = np.arange(len(at[0]))
        i, j = (home[k][np.concatenate([found[lo][k] for lo in sorted(found)])] for k in range(2))
        order = np.lexsort((j, i))
        return i[order], j[order]


def _lattice_below(grid: Any, given: Floats, most: Floats, lo: int, hi: int, i: Ints, j: Ints) -> int:
    return int(scan.lattice_below(lo, hi, *grid, given, most, i, j))  # type: ignore[call-arg]
