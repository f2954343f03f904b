"""What every cost answers, and the powers of the distance."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from .._kernels import line, powers
from ..measure import Floats, Grid, Ints
from ..scans import LatticeScan
from ..threads import in_threads
from .lattice import euclid, lattice_strides, least_squares

NEARLY = 1e-9  # what offsets may cost more than they can gain and be looked at all the same, for rounding and ties
WORK = 10.0  # what an atom of a plan takes, in pairs of a scan
BLOCK = 1 << 17  # entries in a block of rows: 1 MiB, so that it stays in the processor's cache


class Cost:
    """A cost between n sources and m targets, known by blocks of rows."""

    def __init__(self, n: int, m: int) -> None:
        self.shape = (n, m)

    def rows(self, lo: int, hi: int) -> Floats:
        """(hi - lo, m) costs of the sources lo..hi-1, freshly allocated."""
        raise NotImplementedError("every cost fills its rows")

    def pairs(self, i: Ints, j: Ints) -> Floats:
        """(k,) costs of the pairs (i, j)."""
        raise NotImplementedError("every power names the cost of a pair")

    def blocks(self) -> Iterator[tuple[int, int, Floats]]:
        """Yield (lo, hi, rows) over all sources, a bounded number of entries at a time."""
        n, m = self.shape
        step = max(1, BLOCK // m)
        for lo in range(0, n, step):
            hi = min(n, lo + step)
            yield lo, hi, self.rows(lo, hi)

    def dense(self) -> Floats:
        """(n, m) matrix of all costs."""
        out = np.empty(self.shape)
        for lo, hi, rows in self.blocks():
            out[lo:hi] = rows
        return out

    def c_transform(self, psi: Floats) -> Floats:
        """phi(x) = min over y of c(x, y) - psi(y): the largest potential psi allows."""
        out = np.empty(self.shape[0])
        for lo, hi, rows in self.blocks():
            rows -= psi
            out[lo:hi] = rows.min(axis=1)
        return out

    def c_transform_back(self, phi: Floats) -> Floats:
        """psi(y) = min over x of c(x, y) - phi(x)."""
        out = np.full(self.shape[1], np.inf)
        for lo, hi, rows in self.blocks():
            rows -= phi[lo:hi, None]
            np.minimum(out, rows.min(axis=0), out=out)
        return out

    def tight(self, phi: Floats, psi: Floats, tol: float) -> tuple[Ints, Ints]:
        """Pairs (i, j) with c - phi - psi <= tol."""
        found = []
        for lo, hi, rows in self.blocks():
            rows -= psi
            i, j = np.nonzero(rows <= phi[lo:hi, None] + tol)
            found.append((i + lo, j))
        return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])


class PointPower(Cost):
    """coef |x - y|^q between two sets of points of R^d, (n, d) and (m, d)."""

    def __init__(self, x: Floats, y: Floats, coef: float, q: float) -> None:
        super().__init__(len(x), len(y))
        self.x, self.y, self.coef, self.q = x, y, coef, q

    def rows(self, lo: int, hi: int) -> Floats:
        out = np.empty((hi - lo, self.shape[1]))
        powers.power_rows(self.x[lo:hi], self.y, self.coef, self.q, out)
        return out

    def pairs(self, i: Ints, j: Ints) -> Floats:
        return np.asarray(self.coef * euclid(self.x[i] - self.y[j]) ** self.q)


class LatticePower(Cost):
    """A function of the offset |x - y| per axis, tabulated over a grid; x, y are (n, d) grid indices.

    `modulus` bounds what a psi that is transformed changes over an offset, psi(y + o) - psi(y) <= modulus[o], where y
    is the whole grid: offsets that cost more are left out. There a table of `square` |x - y|^2 takes envelopes instead;
    they round no worse than the table, as parabolas that meet are no further apart than that.
    """

    def __init__(
        self, x: Ints, y: Ints, grid: Grid, table: Floats, modulus: Floats | None = None, square: float | None = None
    ) -> None:
        super().__init__(len(x), len(y))
        self.x, self.y, self.strides, self.table = x, y, lattice_strides(grid), table
        self.grid, self._modulus, self._square = grid, modulus, square

    @property
    def full_table(self) -> Floats:
        """Cost by flat offset."""
        return self.table

    def _reach(self, tol: float) -> Ints | None:
        """Cells per axis within which costs exceed the modulus by no more than `tol`, and rounding."""
        if self._modulus is None:
            return None
        tol += NEARLY * float(self._modulus.max())
        near = (self.table - self._modulus <= tol).reshape(self.grid.shape)
        axes = range(near.ndim)
        return np.array(
            [np.flatnonzero(near.any(axis=tuple(k for k in axes if k != axis)))[-1] for axis in axes], dtype=np.int64
        )

    @cached_property
    def _scan(self) -> LatticeScan:
        return LatticeScan(self.table.reshape(self.grid.shape), self.x, self.y, np.array(self.grid.spacing))

    def c_transform(self, psi: Floats) -> Floats:
        if self._square is not None:
            return np.asarray(least_squares(self.grid, self._square, -psi)[self.x @ self.strides])
        return self._scan.least(-psi, self._reach(0.0))

    def c_transform_back(self, phi: Floats) -> Floats:
        return self._scan.back(-phi)

    def tight(self, phi: Floats, psi: Floats, tol: float) -> tuple[Ints, Ints]:
        return self._scan.below(phi + tol, -psi, self._reach(tol))

    def rows(self, lo: int, hi: int) -> Floats:
        out = np.empty((hi - lo, self.shape[1]))
        powers.lattice_rows(self.x[lo:hi], self.y, self.strides, self.table, out)
        return out

    def pairs(self, i: Ints, j: Ints) -> Floats:
        return np.asarray(self.table[np.abs(self.x[i] - self.y[j]) @ self.strides])


class LinePower(PointPower):
    """coef |x - y|^q on a line with q >= 1: Monge, so a c-transform takes O((n + m) log n).

    Coordinates are in `unit`s of length; alpha > 0 makes it the joint cost with free stops instead.
    """

    def __init__(self, x: Floats, y: Floats, unit: float, coef: float, q: float, alpha: float = 0.0) -> None:
        super().__init__(x, y, coef, q)
        self.unit, self.alpha = unit, alpha
        self._x, self._y = Sorted(x[:, 0]), Sorted(y[:, 0])

    def rows(self, lo: int, hi: int) -> Floats:
        return np.asarray(self.coef * (self.unit * np.abs(self.x[lo:hi] - self.y[:, 0])) ** self.q)

    def pairs(self, i: Ints, j: Ints) -> Floats:
        out = np.empty(len(i))
        how = (self.unit, self.coef, self.q)
        in_threads(
            len(i),
            WORK * len(i),
            lambda lo, hi: line.pair_powers(self.x[:, 0], self.y[:, 0], i[lo:hi], j[lo:hi], *how, out[lo:hi]),
        )
        return out

    def c_transform(self, psi: Floats) -> Floats:
        return self._transform(self._x, self._y, psi)

    def c_transform_back(self, phi: Floats) -> Floats:
        return self._transform(self._y, self._x, phi)

    def _transform(self, x: Sorted, y: Sorted, psi: Floats) -> Floats:
        out = np.empty(len(x.values))
        line.monge_transform(x.values, y.values, self.unit, psi[y.order], self.coef, self.q, self.alpha, out)
        result = np.empty_like(out)
        result[x.order] = out
        return result


class Sorted:
    """Values in rising order, with the order that sorts them (a slice if they came sorted)."""

    def __init__(self, values: Floats) -> None:
        rising = bool(np.all(values[1:] >= values[:-1]))
        self.order: slice | Ints = slice(None) if rising else np.argsort(values, kind="stable")
        self.values = np.ascontiguousarray(values[self.order])
