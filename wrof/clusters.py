"""All pairs of two clouds, scanned in blocks on all cores; blocks that provably hold nothing are left out."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np

from ._kernels import clusters
from ._kernels.radial import radial
from .measure import Floats, Ints
from .threads import by_source, find_pairs, in_threads

SIDE, FAN = 64, 32  # points of a block, blocks of a group of them
SIDES = (SIDE, SIDE * FAN)
CLUSTERS = 5e6  # pairs from which blocks pay
LEAF = 4  # points whose order does not matter
TURNS = 32  # directions of the bound along rays, in the plane
SAFE = 1e-13  # its margin, relative to what is added up in it


class ClusterScan:
    """The free joint cost between the points x (n, d) and y (m, d); `exponents` are a, p, alpha."""

    def __init__(self, x: Floats, y: Floats, exponents: tuple[float, float, float]) -> None:
        self.orders = [nested_order(x), nested_order(y)]
        self._x, self._y = (np.ascontiguousarray(z[order].T) for z, order in zip((x, y), self.orders, strict=True))
        self._balls = [[_balls(each, side) for side in SIDES] for each in (self._x, self._y)]
        self._exponents: Any = tuple(map(float, exponents))
        plane = x.shape[1] == 2 and exponents[2] == 1.0
        angle = 2 * np.pi * np.arange(TURNS if plane else 0) / TURNS
        self._turns = np.stack([np.cos(angle), np.sin(angle)], axis=1) if plane else np.empty((0, x.shape[1]))
        both = np.concatenate([x, y])
        self._reach = float(np.sqrt(((both.max(axis=0) - both.min(axis=0)) ** 2).sum()))
        # for alpha = 1, c rises no faster than r: r - c is greatest far out
        a, p, alpha = self._exponents
        self._drop = self._reach - radial(self._reach, a, p, alpha, False, 0.0)[0] if plane else 0.0
        self._pairs = float(len(x)) * len(y)

    def _given(self, rest: Floats) -> Any:
        rest = np.ascontiguousarray(rest[self.orders[1]])
        fine, coarse = (self._lows(rest, side, *ball) for side, ball in zip(SIDES, self._balls[1], strict=True))
        size = (
            float(np.max(np.abs(rest), initial=0.0)) + float(np.max(np.abs(self._x))) + float(np.max(np.abs(self._y)))
        )
        drop = self._drop + SAFE * (size + self._reach)
        own = self._balls[0][0]
        return (SIDE, FAN, self._x, self._y, own, coarse, fine, *self._exponents, 1.0, drop, self._turns, rest)

    def _lows(self, rest: Floats, side: int, centre: Floats, radius: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Blocks of the targets as the kernels take them."""
        least, tilted = np.empty(len(radius)), np.empty((len(radius), len(self._turns)))
        clusters.low(self._y, rest, 1.0, side, self._turns, least, tilted)
        return centre, radius, least, tilted

    def least(self, rest: Floats) -> Floats:
        """(n,) min over j of c_ij + rest_j."""
        out = np.full(self._x.shape[1], np.inf)
        given: Any = (*self._given(rest), out)
        in_threads(len(self._balls[0][0][1]), self._pairs, lambda lo, hi: clusters.cluster_least(lo, hi, *given))
        back = np.empty_like(out)
        back[self.orders[0]] = out
        return back

    @cached_property
    def _reversed(self) -> ClusterScan:
        other = copy.copy(self)
        other.orders, other._balls = self.orders[::-1], self._balls[::-1]
        other._x, other._y = self._y, self._x
        return other

    def back(self, rest: Floats) -> Floats:
        """(m,) min over i of c_ij + rest_i."""
        return self._reversed.least(rest)

    def below(self, bar: Floats, rest: Floats) -> tuple[Ints, Ints]:
        """Pairs (i, j) with c_ij + rest_j <= bar_i, by rising i; a bar of -inf leaves its row out."""
        given: Any = (*self._given(rest), np.ascontiguousarray(bar[self.orders[0]]))

        def find(lo: int, hi: int, i: Ints, j: Ints) -> int:
            return int(clusters.cluster_below(lo, hi, *given, i, j))  # type: ignore[call-arg]

        count = len(self._balls[0][0][1])
        i, j = find_pairs(count, self._pairs, lambda lo, hi: 16 * SIDE * (hi - lo), find)
        return by_source(self.orders[0][i], self.orders[1][j])


def _balls(points: Floats, side: int) -> tuple[Floats, Floats]:
    count = -(-points.shape[1] // side)
    centre, radius = np.empty((count, len(points))), np.empty(count)
    clusters.balls(points, side, centre, radius)
    return centre, radius


def nested_order(points: Floats) -> Ints:
    """Order in which blocks of 1, 2, 4, ... lie together: halves across the longest side, again and again."""
    n = len(points)
    order, rank = np.arange(n), np.arange(n)
    size = 1 << (n - 1).bit_length()
    while size > LEAF:
        place, first, block = points[order], np.arange(0, n, size), rank // size
        sides = np.maximum.reduceat(place, first) - np.minimum.reduceat(place, first)
        along = place[rank, np.argmax(sides, axis=1)[block]]
        order = order[np.lexsort((along, block))]
        size //= 2
    return order
