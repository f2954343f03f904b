"""Which form of a cost fits."""

from __future__ import annotations

import numpy as np

from ..measure import FREE, Floats, Grid, Ints, PointCloud, Stops
from .free import FreeJoint
from .joint import TIE_GRID, CloudJoint, JointCost, LatticeJoint, LineJoint
from .lattice import lattice_distance, lattice_index, on_lattice
from .powers import Cost, LatticePower, LinePower, PointPower


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
