"""Transport rays: for p = 1 mass moves along segments on which the potential falls with slope 1.

The potential u (phi on the source, -psi on the target) is 1-Lipschitz, and u(x) - u(y) = |x - y| wherever a plan
carries mass from x to y. Such segments are parts of maximal ones, the rays; two rays meet at their ends only, so an
optimal plan is a rearrangement of mass along each ray (Evans & Gangbo 1999; Caffarelli, Feldman & McCann 2002; Milne
2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..coincide import groups
from ..cost import euclid, power_cost
from ..errors import WrofError
from ..measure import Floats, Ints, positive_number
from ..solvers.monotone import staircase
from .plans import TransportPlan
from .solve import without_matrix


@dataclass(frozen=True)
class TransportRays:
    """Maximal segments through points of the supports on which u falls with slope 1 and along which mass moves.

    Attributes
    ----------
    start, end : (r, d), where u is greatest and least. mass : (r,) that the plan moves along each.
    atoms : (k,) ray of each atom of the plan, -1 where mass stays.
    """

    start: Floats
    end: Floats
    mass: Floats
    atoms: Ints

    @property
    def length(self) -> Floats:
        """(r,) lengths of the rays."""
        return euclid(self.end - self.start)

    @property
    def direction(self) -> Floats:
        """(r, d) unit vectors along which u falls."""
        return (self.end - self.start) / self.length[:, None]

    def __len__(self) -> int:
        return len(self.mass)

    def __repr__(self) -> str:
        return f"TransportRays({len(self)} rays, mass {self.mass.sum():g})"


def transport_direction(plan: TransportPlan) -> Floats:
    """Return the unit vector -grad u = (y - x) / |y - x| of each atom of a plan for p = 1; 0 where mass stays.

    For p = 1 a potential tells the direction in which mass moves and not how far: |grad u| = 1 wherever it does.

    Parameters
    ----------
    plan : TransportPlan with p = 1, of k atoms.

    Returns
    -------
    (k, d) float

    Raises
    ------
    WrofError
        If p is not 1.
    """
    _demand_p1(plan, "transport_direction")
    way, length = plan.displacement(), plan.length()[:, None]
    return np.divide(way, length, out=np.zeros_like(way), where=length > 0)


def transport_rays(plan: TransportPlan, *, tol: float = 1e-9) -> TransportRays:
    """Transport rays of an optimal plan for p = 1.

    Every pair with u(x) - u(y) = |x - y| is a piece of a ray, whether this plan uses it or not; pieces that share a
    point and a direction belong to one ray.

    Parameters
    ----------
    plan : TransportPlan with p = 1.
    tol : slack of such a pair relative to the greatest distance, and difference of directions, up to which they count.

    Returns
    -------
    TransportRays

    Raises
    ------
    WrofError
        If p is not 1.

    Examples
    --------
    >>> import wrof
    >>> plan = wrof.transport.plan([1, 1, 0, 0], [0, 0, 1, 1], points=[[0.0], [1.0], [2.0], [3.0]])
    >>> wrof.transport.transport_rays(plan).length.tolist()
    [3.0]
    """
    _demand_p1(plan, "transport_rays")
    tol = positive_number(tol, "tol")
    a, b, mass = _pieces(plan, tol)
    both = np.concatenate([plan.mu.points, plan.nu.points])
    first, place = groups(both, 0.0)
    points = both[first]
    tail, head = place[a], place[len(plan.mu.points) + b]
    way = points[head] - points[tail]
    length = euclid(way)
    tail, head, way = tail[length > 0], head[length > 0], (way / np.where(length > 0, length, 1.0)[:, None])[length > 0]
    ray = _joined(tail, head, groups(way, tol)[1])
    carried = np.bincount(ray, mass[length > 0], len(np.unique(ray))).astype(np.float64)
    used = np.flatnonzero(carried > 0)
    start, end = _ends(points, tail, head, way, ray)
    number = np.full(len(carried), -1)
    number[used] = np.arange(len(used))
    of_piece = np.full(len(a), -1)
    of_piece[length > 0] = number[ray]
    m = len(plan.nu.points)
    atoms = of_piece[np.searchsorted(a * m + b, plan.source * m + plan.target)]
    return TransportRays(points[start[used]], points[end[used]], carried[used], atoms)


def _demand_p1(plan: TransportPlan, what: str) -> None:
    if not isinstance(plan, TransportPlan):
        raise WrofError(f"plan must be a TransportPlan, got {type(plan).__name__}; wrof.transport.plan makes one.")
    if plan.p != 1:
        raise WrofError(f"{what} needs a plan for p = 1, this one is for p = {plan.p:g}.")


def _pieces(plan: TransportPlan, tol: float) -> tuple[Ints, Ints, Floats]:
    """Pairs (source, target) that are tight, and those of the plan, in order, with the mass they carry."""
    x, y, m = plan.mu.support, plan.nu.support, len(plan.nu.points)
    cost = power_cost(plan.mu.space, x, plan.nu.space, y, 1.0)
    cost = without_matrix(cost) or cost
    both = np.concatenate([plan.mu.points[x], plan.nu.points[y]])
    reach = float(np.linalg.norm(np.ptp(both, axis=0)))
    i, j = cost.tight(plan.phi[x], plan.psi[y], tol * reach)
    codes, which = np.unique(np.concatenate([x[i] * m + y[j], plan.source * m + plan.target]), return_inverse=True)
    mass = np.bincount(which[len(i) :], plan.mass, len(codes))
    return (codes // m).astype(np.int64), (codes % m).astype(np.int64), mass.astype(np.float64)


def _joined(tail: Ints, head: Ints, direction: Ints) -> Ints:
    """Return the ray of each piece: pieces meet at a hub for every point and direction at it."""
    pieces, kinds = len(tail), int(direction.max(initial=0)) + 1
    hubs, hub = np.unique(np.concatenate([tail, head]) * kinds + np.tile(direction, 2), return_inverse=True)
    ends = np.tile(np.arange(pieces), 2)
    size = pieces + len(hubs)
    graph = coo_array((np.ones(2 * pieces), (ends, pieces + hub)), shape=(size, size))
    return np.unique(connected_components(graph, directed=False)[1][:pieces], return_inverse=True)[1].astype(np.int64)


def _ends(points: Floats, tail: Ints, head: Ints, way: Floats, ray: Ints) -> tuple[Ints, Ints]:
    """Points of each ray that lie first and last in its direction."""
    count = int(ray.max(initial=-1)) + 1
    along = np.empty((count, points.shape[1]))
    along[ray] = way
    out = []
    for which, at in ((tail, -1), (head, 1)):
        order = np.lexsort((at * (points[which] * along[ray]).sum(axis=1), ray))
        last = np.searchsorted(ray[order], np.arange(count), side="right") - 1
        out.append(which[order[last]])
    return out[0], out[1]


def ray_monotone_map(plan: TransportPlan, rays: TransportRays | None = None) -> TransportPlan:
    """Balance the mass along each ray monotonically: what starts first arrives first.

    Of the optimal plans for p = 1 this is the one without crossings on a ray; any plan that keeps the mass of every ray
    is as cheap, and the same potentials prove it.

    Parameters
    ----------
    plan : TransportPlan with p = 1. rays : those of the plan, if they are known.

    Returns
    -------
    TransportPlan

    Notes
    -----
    Evans & Gangbo (1999); Caffarelli, Feldman & McCann, J. Amer. Math. Soc. 15 (2002); Santambrogio (2015), chapter 3.
    """
    _demand_p1(plan, "ray_monotone_map")
    rays = transport_rays(plan) if rays is None else rays
    if not isinstance(rays, TransportRays):
        raise WrofError(
            f"rays must be TransportRays, got {type(rays).__name__}; wrof.transport.transport_rays makes them."
        )
    if len(rays.atoms) != len(plan.mass):
        raise WrofError(f"rays are those of {len(rays.atoms)} atoms, the plan has {len(plan.mass)}; pass its own rays.")
    order = np.argsort(rays.atoms, kind="stable")
    cuts = np.searchsorted(rays.atoms[order], np.arange(len(rays) + 1))
    alone = order[: cuts[0]]
    parts = [(plan.source[alone], plan.target[alone], plan.mass[alone])]
    for k, way in enumerate(rays.direction):
        parts.append(_balanced(plan, order[cuts[k] : cuts[k + 1]], way))
    source, target, mass = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return replace(plan, source=source, target=target, mass=mass)


def _balanced(plan: TransportPlan, atoms: Ints, way: Floats) -> tuple[Ints, Ints, Floats]:
    """Monotone coupling of what some atoms carry, along a direction."""
    if len(atoms) == 1:
        return plan.source[atoms], plan.target[atoms], plan.mass[atoms]
    ends = []
    for which, points in ((plan.source, plan.mu.points), (plan.target, plan.nu.points)):
        each, of = np.unique(which[atoms], return_inverse=True)
        ends.append((each, points[each] @ way, np.bincount(of, plan.mass[atoms], len(each)).astype(float)))
    i, j, mass = staircase(ends[0][1], ends[0][2], ends[1][1], ends[1][2])
    kept = mass > 1e-15 * float(plan.mass[atoms].sum())  # what rounding of the sums leaves over
    return ends[0][0][i[kept]], ends[1][0][j[kept]], mass[kept]
