"""Free stops: a joint cost of the distance alone."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .._kernels import radial
from ..clusters import CLUSTERS, ClusterScan
from ..measure import Floats, Ints
from .lattice import euclid
from .powers import Cost, LinePower, PointPower

TIE_CLOUD = (
    1e-12  # relative difference up to which stops in a cloud are tied: it inherits the rounding of the coordinates
)


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
