"""The same problem at several scales: points that lie together are one, down to a few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ..._kernels import scan
from ...clusters import ClusterScan, nested_order
from ...cost import Cost, FreeJoint, LatticeJoint, LatticePower
from ...measure import Floats, Ints
from ...scans import LatticeScan

COARSEST = 64  # points of the coarsest level
GATHER = 4  # points of a cloud that become one on the next level
NEAR = {1: 9, 2: 49, 3: 93}  # neighbours that are looked at, by dimension; more dimensions as three
REACH = {1: 4, 2: 4, 3: 3}  # cells within which they lie on a grid
WHOLE = {2: 1e12}  # pairs of a grid up to which looking at all is faster than looking at those nearby, by dimension
WHOLE_GRID = 3e7  # of other grids
WHOLE_CLOUD = {1: 1e12, 2: 1e12, 3: 1e9}  # of clouds
WHOLE_HIGH = 1e6  # of clouds in more dimensions


@dataclass
class Side:
    """Points of one measure on one level: masses, ticks, coordinates, and where each goes on the next level.

    On a grid `cells` is its shape and `index` the (n, d) place of every point in it.
    """

    mass: Floats
    tick: Ints
    points: Floats
    up: Ints
    cells: Ints | None = None
    index: Ints | None = None

    @cached_property
    def near(self) -> np.ndarray:
        """(n, k) each point and its nearest neighbours; -1 where there are not so many."""
        count = NEAR[min(self.points.shape[1], 3)]
        if (
            self.cells is not None
            and self.index is not None
            and 2 * len(self.points) >= np.prod(self.cells, dtype=float)
        ):
            return _on_grid(self.points, self.index, self.cells, count)
        near = cKDTree(self.points).query(self.points, k=min(count, len(self.points)))[1].reshape(len(self.points), -1)
        return np.ascontiguousarray(near, dtype=np.int32)


@dataclass
class Level:
    """A scale.

    Attributes
    ----------
    source, target : Side. form : of the costs, for the kernels. least : (m,) rest -> (n,) min over j of c_ij + rest_j.
    back : (n,) rest -> (m,) min over i of c_ij + rest_i.
    below : (n,) bar, (m,) rest -> pairs (i, j) with c_ij + rest_j <= bar_i; those with a bar of -inf are left out.
    whole : all pairs are looked at as fast as those nearby.
    """

    source: Side
    target: Side
    form: tuple[Any, ...]
    least: Callable[[Floats], Floats]
    back: Callable[[Floats], Floats]
    below: Callable[[Floats, Floats], tuple[Ints, Ints]]
    whole: bool

    def costs(self, i: Ints, j: Ints) -> Floats:
        """Costs of given pairs."""
        out = np.empty(len(i))
        scan.pair_costs(self.form, i, j, out)
        return out


def levels(cost: Cost, a: Floats, b: Floats) -> Iterator[Level]:
    """Yield the levels of a transport problem, the finest first; the cost is that of a lattice, or radial."""
    tick = np.zeros(len(b), dtype=np.int64)
    tick[0] = len(a)  # the perturbation: one unit from every source to one target
    both = (a, np.ones(len(a), dtype=np.int64)), (b, tick)
    if isinstance(cost, LatticeJoint | LatticePower):
        return _of_grid(cost, *both)
    assert isinstance(cost, FreeJoint)
    return _of_cloud(cost, *both)


# ---- grids ----


def _of_grid(cost: LatticeJoint | LatticePower, *masses: tuple[Floats, Ints]) -> Iterator[Level]:
    shape, spacing = np.array(cost.grid.shape), np.array(cost.grid.spacing)
    table = cost.full_table.reshape(cost.grid.shape)
    index, weights, scale = [cost.x, cost.y], list(masses), 1
    while True:
        cells = -(-shape // scale)
        offsets = [np.minimum(np.arange(k) * scale, full - 1) for k, full in zip(cells, shape, strict=True)]
        small = table[np.ix_(*offsets)] if scale > 1 else table
        done = max(len(each) for each in index) <= COARSEST or scale >= shape.max()
        sides, above = [], []
        for place, (mass, tick) in zip(index, weights, strict=True):
            coarse = np.ravel_multi_index(tuple((place // 2).T), tuple(-(-cells // 2)))
            known, up = np.unique(coarse, return_inverse=True)
            centre = (place * scale + (scale - 1) / 2) * spacing
            sides.append(Side(mass, tick, centre, up.ravel(), cells, place))
            shrunk = np.stack(np.unravel_index(known, tuple(-(-cells // 2))), axis=1).astype(np.int64)
            above.append((shrunk, _gathered(up.ravel(), len(known), mass, tick)))
        scanned = LatticeScan(small, index[0], index[1], spacing * scale)
        few = _pairs(sides) <= WHOLE.get(len(shape), WHOLE_GRID)
        yield Level(sides[0], sides[1], _lattice_form(small, *index), scanned.least, scanned.back, scanned.below, few)
        if done:
            return
        index, weights, scale = [place for place, _ in above], [mass for _, mass in above], 2 * scale


def _gathered(up: Ints, count: int, mass: Floats, tick: Ints) -> tuple[Floats, Ints]:
    return np.bincount(up, mass, count).astype(np.float64), np.round(np.bincount(up, tick, count)).astype(np.int64)


def _lattice_form(table: Floats, x: Ints, y: Ints) -> tuple[Any, ...]:
    strides = np.array([int(np.prod(table.shape[k + 1 :])) for k in range(table.ndim)], dtype=np.int64)
    none = np.empty((0, 0))
    return np.ascontiguousarray(table).ravel(), x, y, strides, none, none, 0.0, 0.0, 0.0


# ---- clouds ----


def _of_cloud(cost: FreeJoint, *masses: tuple[Floats, Ints]) -> Iterator[Level]:
    points, weights = [cost.x, cost.y], list(masses)
    orders = [nested_order(each) for each in points]
    ranks = [np.argsort(order) for order in orders]
    while True:
        sides, above = [], []
        for place, rank, (mass, tick) in zip(points, ranks, weights, strict=True):
            up = rank // GATHER
            count = int(up.max()) + 1
            sides.append(Side(mass, tick, place, up))
            gathered = _gathered(up, count, mass, tick)
            centre = np.stack([np.bincount(up, mass * axis, count) for axis in place.T], axis=1) / gathered[0][:, None]
            above.append((centre, np.arange(count), gathered))
        form, few = _radial_form(cost, *points), _pairs(sides) <= WHOLE_CLOUD.get(points[0].shape[1], WHOLE_HIGH)
        scanned = ClusterScan(points[0], points[1], cost.exponents)
        yield Level(sides[0], sides[1], form, scanned.least, scanned.back, scanned.below, few)
        if max(len(each) for each in points) <= COARSEST:
            return
        points, ranks, weights = ([each[k] for each in above] for k in range(3))  # type: ignore[assignment]


def _radial_form(cost: FreeJoint, x: Floats, y: Floats) -> tuple[Any, ...]:
    none = np.empty((0, 0), dtype=np.int64)
    a, p, alpha = cost.exponents
    return np.empty(0), none, none, np.empty(0, dtype=np.int64), x, y, float(a), float(p), float(alpha)


# ---- both ----


def _on_grid(points: Floats, index: Ints, cells: Ints, count: int) -> np.ndarray:
    """Neighbours by their offset: nothing has to be searched where most of a grid is taken."""
    spacing = np.array([np.ptp(axis) / max(np.ptp(at), 1) for axis, at in zip(points.T, index.T, strict=True)])
    reach = REACH[min(len(cells), 3)]
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * len(cells), indexing="ij"), axis=-1)
    offsets = offsets.reshape(-1, len(cells))
    order = np.lexsort((np.arange(len(offsets)), ((offsets * spacing) ** 2).sum(axis=1)))
    home = np.full(tuple(cells + 2 * reach), -1, dtype=np.int32)  # a margin, in which nothing is
    home[tuple((index + reach).T)] = np.arange(len(index))
    strides = np.array(home.strides) // home.itemsize
    at = (index + reach) @ strides
    return np.asarray(home.ravel()[at[:, None] + offsets[order[:count]] @ strides])


def _pairs(sides: list[Side]) -> float:
    return float(len(sides[0].mass)) * len(sides[1].mass)
