"""The joint cost over finitely many stops, on a grid, in a cloud, on a line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from .._kernels import line, minplus
from ..measure import Floats, Grid, Ints
from ..threads import in_threads
from .free import TIE_CLOUD
from .lattice import lattice_distance, lattice_index, lattice_strides
from .powers import NEARLY, WORK, Cost, LatticePower, LinePower, PointPower, Sorted

TIE_GRID = 1e-14  # relative difference up to which stops of a grid are tied: distances are multiples of the spacing
MARKED = 100  # pairs per offset beyond which it is not asked whether an offset occurs


class JointCost(Cost):
    """The joint cost over finitely many stops: movement to a stop, then discrepancy from it."""

    def __init__(self, move: Cost, disc: Cost, tie: float) -> None:
        super().__init__(move.shape[0], disc.shape[1])
        self.move, self.disc, self.tie = move, disc, tie
        self._last: tuple[Floats, Floats, Floats] | None = None

    def c_transform(self, psi: Floats) -> Floats:
        """phi(x) = min over z of |x - z|^p / 2 tau + w(z), w(z) = min over y of |z - y|^alpha - psi(y)."""
        return self.c_transforms(psi)[1].copy()

    def c_transforms(self, psi: Floats) -> tuple[Floats, Floats]:
        """w and phi of `c_transform`; those of the last psi are kept, as a bound and its tight arcs ask in turn."""
        if self._last is None or not np.array_equal(self._last[0], psi):
            w = self.disc.c_transform(psi)
            self._last = psi.copy(), w, self.move.c_transform(-w)
        return self._last[1:]

    def c_transform_back(self, phi: Floats) -> Floats:
        return self.disc.c_transform_back(-self.move.c_transform_back(phi))

    def stops(self, i: Ints, j: Ints, farthest: bool = False) -> tuple[Floats, Ints]:
        """Cost of the pairs (i, j), and which stop: among tied ones the nearest to x (farthest)."""
        raise NotImplementedError("every joint cost names its stops")

    def pairs(self, i: Ints, j: Ints) -> Floats:
        return self.stops(i, j)[0]

    def legs(self, i: Ints, j: Ints, stop: Ints) -> tuple[Floats, Floats]:
        """|x - z|^p / 2 tau and |z - y|^alpha of atoms (i, j) that stop at `stop`."""
        return self.move.pairs(i, stop), self.disc.pairs(stop, j)


class LatticeJoint(JointCost):
    """Stops, source and target on one grid: a table over the offsets |x - y| per axis.

    Clipping z into the box spanned by x and y lowers both terms, so only the offset matters.
    """

    def __init__(self, grid: Grid, x: Ints, y: Ints, a: float, p: float, alpha: float) -> None:
        self.grid, self._shape = grid, np.array(grid.shape, dtype=np.int64)
        self._strides = lattice_strides(grid)
        distance, metric = lattice_distance(grid), alpha <= 1
        self._distance, move, disc = distance, a * distance**p, distance**alpha
        self.x, self.y = lattice_index(grid, x), lattice_index(grid, y)
        every = lattice_index(grid, np.arange(grid.size))
        super().__init__(
            # what is transformed has been transformed by the discrepancy
            LatticePower(self.x, every, grid, move, disc if metric else None, a if metric and p == 2 else None),
            LatticePower(every, self.y, grid, disc),
            TIE_GRID,
        )
        self._move_table, self._disc_table, self._metric = move, disc, metric

    @cached_property
    def table(self) -> Floats:
        """c by flat offset; infinite where no pair of the supports has that offset."""
        need = np.zeros(len(self._distance), dtype=np.bool_)
        if float(len(self.x)) * len(self.y) > MARKED * len(need):
            return self.full_table  # nearly every offset occurs, and looking at all pairs takes longer than all offsets
        minplus.mark_offsets(self.x, self.y, self._strides, need)
        return self._costs_of(need)

    @cached_property
    def full_table(self) -> Floats:
        """c by flat offset, whether a pair has it or not."""
        return self._costs_of(np.ones(len(self._distance), dtype=np.bool_))

    @cached_property
    def _most(self) -> Ints:
        """Cells of each line of offsets worth moving: for alpha <= 1 none gains more than the discrepancy it covers."""
        cells = self.grid.shape[-1]
        gain = (self._disc_table - self._move_table).reshape(-1, cells)
        if self._metric:
            near = gain >= -NEARLY * self._disc_table.max()
            return np.where(near.any(axis=1), cells - np.argmax(near[:, ::-1], axis=1), 0)
        return np.full(len(gain), cells)

    def _costs_of(self, need: np.ndarray) -> Floats:
        out = np.full(len(need), np.inf)
        given: Any = (self._shape, self._strides, self._move_table, self._disc_table, self._most, need, out)
        work = float(np.count_nonzero(need)) * float(self._most.sum())
        in_threads(len(need), work, lambda lo, hi: minplus.offset_table(lo, hi, *given))
        return out

    def rows(self, lo: int, hi: int) -> Floats:
        return LatticePower(self.x, self.y, self.grid, self.table).rows(lo, hi)

    def stops(self, i: Ints, j: Ints, farthest: bool = False) -> tuple[Floats, Ints]:
        x, step = self.x[i], self.y[j] - self.x[i]
        offsets, which = np.unique(np.abs(step) @ self._strides, return_inverse=True)
        best = np.empty(len(offsets), dtype=np.int64)
        minplus.offset_stops(
            self._shape,
            self._strides,
            self._move_table,
            self._disc_table,
            self._distance,
            self._most,
            offsets,
            farthest,
            self.tie,
            best,
        )
        k = best[which]
        cost = self._move_table[k] + self._disc_table[offsets[which] - k]
        hop = (k[:, None] // self._strides) % self._shape
        return cost, (x + np.sign(step) * hop) @ self._strides


class CloudJoint(JointCost):
    """Stops anywhere: a min-plus product of movement and discrepancy.

    Stops are visited by rising movement and dropped once their movement alone exceeds the cost found:
    exact for every p and alpha, and never beyond |x - z|^(p - alpha) <= 2 tau where x is a stop and
    alpha <= 1.
    """

    def __init__(self, stops: Floats, x: Floats, y: Floats, a: float, p: float, alpha: float) -> None:
        super().__init__(PointPower(x, stops, a, p), PointPower(stops, y, 1.0, alpha), TIE_CLOUD)
        self.points, self.x, self.y, self.exponents = stops, x, y, (a, p, alpha)

    def blocks(self) -> Iterator[tuple[int, int, Floats]]:
        disc = self.disc.dense()
        for lo, hi, move in self.move.blocks():
            out = np.empty((hi - lo, self.shape[1]))
            minplus.minplus_rows(move, np.argsort(move, axis=1, kind="stable"), disc, out)
            yield lo, hi, out

    def rows(self, lo: int, hi: int) -> Floats:
        return self.dense()[lo:hi]

    def stops(self, i: Ints, j: Ints, farthest: bool = False) -> tuple[Floats, Ints]:
        cost, stop = np.empty(len(i)), np.empty(len(i), dtype=np.int64)
        minplus.pair_stops(self.x[i], self.y[j], self.points, *self.exponents, farthest, self.tie, cost, stop)
        return cost, stop


class LineJoint(JointCost):
    """Stops on a line, p >= 1 and alpha >= 1: Monge, and the sum is convex in the stop."""

    def __init__(
        self,
        stops: Floats,
        x: Floats,
        y: Floats,
        a: float,
        p: float,
        alpha: float,
        unit: float = 1.0,
        tie: float = TIE_CLOUD,
    ) -> None:
        super().__init__(LinePower(x, stops, unit, a, p), LinePower(stops, y, unit, 1.0, alpha), tie)
        self.x, self.y, self.unit, self.exponents = x[:, 0], y[:, 0], unit, (a, p, alpha)
        self._stops = Sorted(stops[:, 0])

    def stops(self, i: Ints, j: Ints, farthest: bool = False) -> tuple[Floats, Ints]:
        cost, stop = np.empty(len(i)), np.empty(len(i), dtype=np.int64)
        how = (self._stops.values, self.unit, *self.exponents, farthest, self.tie)

        def work(lo: int, hi: int) -> None:
            line.line_stops(self.x[i[lo:hi]], self.y[j[lo:hi]], *how, cost[lo:hi], stop[lo:hi])

        in_threads(len(i), 10 * WORK * len(i), work)
        order = self._stops.order
        return cost, stop if isinstance(order, slice) else order[stop]

    def rows(self, lo: int, hi: int) -> Floats:
        i, j = np.divmod(np.arange((hi - lo) * self.shape[1]), self.shape[1])
        return self.stops(i + lo, j)[0].reshape(hi - lo, self.shape[1])
