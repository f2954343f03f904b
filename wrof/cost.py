"""Transport costs: powers of the distance, and the joint cost of a step in its three forms.

The joint cost of moving mass from x towards y in one step,

    c(x, y) = min over stops z of |x - z|^p / 2 tau + |z - y|^alpha,

turns the step into a transport problem between two marginals (gluing lemma). Every cost here answers
the same questions: its shape, blocks of rows, given pairs, the c-transform both ways, and which pairs
are tight for given potentials. Only `dense` holds an n x m matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ._kernels import line, minplus, powers, radial
from .clusters import CLUSTERS, ClusterScan
from .measure import FREE, Floats, Grid, Ints, PointCloud, Stops
from .scans import LatticeScan
from .threads import in_threads

# Stops whose costs agree to this relative tolerance are tied. On a grid distances are multiples of the
# spacing, good to a few roundings; in a cloud they inherit the rounding of the coordinates.
TIE_GRID = 1e-14
TIE_CLOUD = 1e-12
NEARLY = 1e-9  # what offsets may cost more than they can gain and be looked at all the same, for rounding and ties
MARKED = 100  # pairs per offset beyond which it is not asked whether an offset occurs
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
    is the whole grid: offsets that cost more are left out.
    """

    def __init__(self, x: Ints, y: Ints, grid: Grid, table: Floats, modulus: Floats | None = None) -> None:
        super().__init__(len(x), len(y))
        self.x, self.y, self.strides, self.table = x, y, lattice_strides(grid), table
        self.grid, self._modulus = grid, modulus

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
        self._x, self._y = _Sorted(x[:, 0]), _Sorted(y[:, 0])

    def rows(self, lo: int, hi: int) -> Floats:
        return self._power(self.x[lo:hi] - self.y[:, 0])

    def pairs(self, i: Ints, j: Ints) -> Floats:
        return self._power(self.x[i, 0] - self.y[j, 0])

    def _power(self, difference: Floats) -> Floats:
        return np.asarray(self.coef * (self.unit * np.abs(difference)) ** self.q)

    def c_transform(self, psi: Floats) -> Floats:
        return self._transform(self._x, self._y, psi)

    def c_transform_back(self, phi: Floats) -> Floats:
        return self._transform(self._y, self._x, phi)

    def _transform(self, x: _Sorted, y: _Sorted, psi: Floats) -> Floats:
        out = np.empty(len(x.values))
        line.monge_transform(x.values, y.values, self.unit, psi[y.order], self.coef, self.q, self.alpha, out)
        result = np.empty_like(out)
        result[x.order] = out
        return result


class _Sorted:
    """Values in rising order, with the order that sorts them (a slice if they came sorted)."""

    def __init__(self, values: Floats) -> None:
        rising = bool(np.all(values[1:] >= values[:-1]))
        self.order: slice | Ints = slice(None) if rising else np.argsort(values, kind="stable")
        self.values = np.ascontiguousarray(values[self.order])


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
        distance, self.disc_is_metric = lattice_distance(grid), alpha <= 1
        self._distance, move, disc = distance, a * distance**p, distance**alpha
        self.x, self.y = lattice_index(grid, x), lattice_index(grid, y)
        every = lattice_index(grid, np.arange(grid.size))
        super().__init__(
            # what is transformed has been transformed by the discrepancy
            LatticePower(self.x, every, grid, move, disc if self.disc_is_metric else None),
            LatticePower(every, self.y, grid, disc),
            TIE_GRID,
        )
        self._move_table, self._disc_table = move, disc

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
        if self.disc_is_metric:
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
        self._stops = _Sorted(stops[:, 0])

    def stops(self, i: Ints, j: Ints, farthest: bool = False) -> tuple[Floats, Ints]:
        cost, stop = np.empty(len(i)), np.empty(len(i), dtype=np.int64)
        line.line_stops(
            self.x[i], self.y[j], self._stops.values, self.unit, *self.exponents, farthest, self.tie, cost, stop
        )
        order = self._stops.order
        return cost, stop if isinstance(order, slice) else order[stop]

    def rows(self, lo: int, hi: int) -> Floats:
        i, j = np.divmod(np.arange((hi - lo) * self.shape[1]), self.shape[1])
        return self.stops(i + lo, j)[0].reshape(hi - lo, self.shape[1])


class FreeJoint(Cost):
    """Free stops: a function of r = |x - y| alone, the infimal convolution of the two powers.

    p = 2, alpha = 1: the Huber function, r^2 / 2 tau up to r = tau and r - tau / 2 beyond.
    """

    tie = TIE_CLOUD

    def __init__(self, x: Floats, y: Floats, a: float, p: float, alpha: float) -> None:
        super().__init__(len(x), len(y))
        self.x, self.y, self.exponents = x, y, (a, p, alpha)
        convex_line = x.shape[1] == 1 and p >= 1 and alpha >= 1
        self._line = LinePower(x, y, 1.0, a, p, alpha) if convex_line else None

    def rows(self, lo: int, hi: int) -> Floats:
        r = PointPower(self.x[lo:hi], self.y, 1.0, 1.0).rows(0, hi - lo)
        return self._radial(r.ravel(), False)[0].reshape(r.shape)

    def _radial(self, r: Floats, farthest: bool) -> tuple[Floats, Floats]:
        cost, s = np.empty_like(r), np.empty_like(r)
        radial.radial_each(r, *self.exponents, farthest, self.tie, cost, s)
        return cost, s

    @cached_property
    def _scan(self) -> ClusterScan | None:
        """What scans all pairs, if they are many."""
        many = float(len(self.x)) * len(self.y) >= CLUSTERS
        return ClusterScan(self.x, self.y, self.exponents) if many else None

    def c_transform(self, psi: Floats) -> Floats:
        if self._line is not None:
            return self._line.c_transform(psi)
        return super().c_transform(psi) if self._scan is None else self._scan.least(-psi)

    def c_transform_back(self, phi: Floats) -> Floats:
        if self._line is not None:
            return self._line.c_transform_back(phi)
        return super().c_transform_back(phi) if self._scan is None else self._scan.back(-phi)

    def tight(self, phi: Floats, psi: Floats, tol: float) -> tuple[Ints, Ints]:
        return super().tight(phi, psi, tol) if self._scan is None else self._scan.below(phi + tol, -psi)

    def stops(self, i: Ints, j: Ints, farthest: bool = False) -> tuple[Floats, Floats]:
        """Cost of the pairs (i, j), and the (k, d) places where their mass stops."""
        x, y = self.x[i], self.y[j]
        r = euclid(y - x)
        cost, s = self._radial(r, farthest)
        part = np.divide(s, r, out=np.zeros_like(r), where=r > 0)[:, None]
        # weigh the nearer end, so that a stop at y is y to the last digit
        return cost, np.where(part <= 0.5, x + part * (y - x), y - (1 - part) * (y - x))

    def pairs(self, i: Ints, j: Ints) -> Floats:
        return self.stops(i, j)[0]

    def legs(self, i: Ints, j: Ints, stop: Floats) -> tuple[Floats, Floats]:
        """|x - z|^p / 2 tau and |z - y|^alpha of atoms (i, j) that stop at the coordinates `stop`."""
        a, p, alpha = self.exponents
        return a * euclid(self.x[i] - stop) ** p, euclid(stop - self.y[j]) ** alpha


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


def power_cost(source: Grid | PointCloud, x: Ints, target: Grid | PointCloud, y: Ints, q: float) -> Cost:
    """|x - y|^q between the points x of one space and y of another (indices)."""
    grid = on_lattice(source, target)
    if source.dim == 1 and q >= 1:
        if grid is not None:
            return LinePower(x[:, None].astype(float), y[:, None].astype(float), grid.spacing[0] or 1.0, 1.0, q)
        return LinePower(source.points[x], target.points[y], 1.0, 1.0, q)
    if grid is not None:
        table = lattice_distance(grid) ** q
        return LatticePower(lattice_index(grid, x), lattice_index(grid, y), grid, table)
    return PointPower(source.points[x], target.points[y], 1.0, q)


def scanned_power(cost: Cost) -> LatticePower | FreeJoint | None:
    """Return a power cost in a form whose pairs are scanned without a matrix; None for others.

    A power of the distance is the joint cost of a movement that is for ever too dear.
    """
    if isinstance(cost, PointPower) and not isinstance(cost, LinePower) and cost.coef == 1.0:
        return FreeJoint(cost.x, cost.y, np.inf, 1.0, cost.q)
    return cost if isinstance(cost, LatticePower) else None


def joint_cost(
    source: Grid | PointCloud,
    x: Ints,
    target: Grid | PointCloud,
    y: Ints,
    stops: Stops,
    stop_points: Floats | None,
    a: float,
    p: float,
    alpha: float,
) -> JointCost | FreeJoint:
    """Return the joint cost in the form that fits: free, line, lattice or cloud.

    Parameters
    ----------
    source, x : a space and the indices of its points that carry mass; target, y : likewise.
    stops : where mass may rest. stop_points : (k, d) distinct stops, None for FREE.
    a, p, alpha : c = min a |x - z|^p + |z - y|^alpha with a = 1/2 tau.
    """
    if stops is FREE or stop_points is None:
        return FreeJoint(source.points[x], target.points[y], a, p, alpha)
    grid = on_lattice(stops, source, target)
    if stop_points.shape[1] == 1 and p >= 1 and alpha >= 1:
        if grid is not None:
            index = np.arange(grid.size, dtype=float)[:, None]
            return LineJoint(index, index[x], index[y], a, p, alpha, grid.spacing[0] or 1.0, TIE_GRID)
        return LineJoint(stop_points, source.points[x], target.points[y], a, p, alpha)
    if grid is not None:
        return LatticeJoint(grid, x, y, a, p, alpha)
    return CloudJoint(stop_points, source.points[x], target.points[y], a, p, alpha)
