"""Points that coincide up to a tolerance."""

from __future__ import annotations

import numpy as np

from .measure import Floats, Ints


def groups(points: Floats, tol: float) -> tuple[Ints, Ints]:
    """Group points that no coordinate tells apart: (k,) a point of each group, (n,) the group of every point.

    Along an axis, sorted values belong together while each is within `tol` of the one before; tol = 0: equal ones.
    Groups are in the order of their coordinates, first axis first.
    """
    which = np.zeros(len(points), dtype=np.int64)
    first = np.zeros(1, dtype=np.int64)
    for axis in points.T:
        label = _runs(axis, tol)
        _, first, which = np.unique(which * (label.max() + 1) + label, return_index=True, return_inverse=True)
    return first.astype(np.int64), which.astype(np.int64)


def _runs(values: Floats, tol: float) -> Ints:
    order = np.argsort(values, kind="stable")
    label = np.empty(len(values), dtype=np.int64)
    label[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > tol)])
    return label
