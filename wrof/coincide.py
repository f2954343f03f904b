"""Points that coincide up to rounding."""

from __future__ import annotations

import numpy as np

from .measure import Floats, Ints

COINCIDE = 1e-12  # points that many steps lead to and that come so near each other, relative to their extent, are one
ROUNDED = 8  # units in the last place of the coordinates by which they may differ


def rounding(points: Floats) -> float:
    """Return the distance by which rounding of their coordinates may displace points."""
    return ROUNDED * float(np.finfo(float).eps) * float(np.max(np.abs(points)))


def near(points: Floats) -> float:
    """Distance up to which points are one that many steps lead to from these."""
    return max(COINCIDE * float(np.max(np.ptp(points, axis=0))), rounding(points))


def groups(points: Floats, tol: float) -> tuple[Ints, Ints]:
    """Group points that no coordinate tells apart: (k,) a point of each group, (n,) the group of every point.

    Along an axis, sorted values belong together while each is within `tol` of the one before; tol = 0: equal ones.
    Groups are in the order of their coordinates, first axis first.
    """
    which = np.zeros(len(points), dtype=np.int64)
    first = np.zeros(min(len(points), 1), dtype=np.int64)
    for axis in points.T:
        label = _runs(axis, tol)
        code = which * (label.max(initial=0) + 1) + label
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return first.astype(np.int64), which.astype(np.int64)


def _runs(values: Floats, tol: float) -> Ints:
    order = np.argsort(values, kind="stable")
    label = np.zeros(len(values), dtype=np.int64)
    label[order[1:]] = np.cumsum(np.diff(values[order]) > tol)
    return label
