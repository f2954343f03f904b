"""Exact transport from coarse to fine: a network simplex whose basis is refined, with every pair priced.

Gather points that lie together, solve, split every arc of the coarse tree over what it gathered (a basis of the finer
problem), look for better arcs near where the mass goes, and pivot; at last price *all* pairs by the c-transform of the
potential and let in what is left, until nothing is. No matrix anywhere: memory O(N). The joint cost only has to depend
on the offset: no theory of where mass can go is needed.

Sources: Mérigot (2011), Gerber & Maggioni (2017) and Schmitzer (2016) go from coarse to fine; the simplex is that of
`wrof._kernels.network`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._kernels import network as kernels
from ..._kernels import scan
from ...cost import Cost, FreeJoint, LatticeJoint
from ...measure import Floats, Ints
from ...problem import StepProblem
from ...result import Proposal, Start
from ...threads import in_threads
from .levels import Level, Side, levels
from .tree import NO_LIMIT, Network, northwest
from .warm import basis_of

IMAGES = 4  # arcs of the tree, those that carry most, around whose ends is looked
START, MORE = 16, 3  # arcs per node that are added at the start of a level, and when it is searched again
FEW = 1e-3  # part of the nodes with better arcs nearby below which all pairs are priced
AROUND = 9  # neighbours that are looked at again where something was found
ALIKE = 0.1  # part of the sources with better arcs than a start has up to which it is faster than to start cold
PROVEN = 0.9  # part of an allowed gap that is used up; the rest is a reserve for rounding
HOPE = 10.0  # times an allowed gap from which a second c-transform may close it
EASE = 2.0  # what arcs may be priced out by, if a gap is allowed, as part of it
PATIENCE, LOOSEN = 5, 10  # rounds in which the value does not fall before more slack is allowed, and how often doubled
IDLE = 20  # rounds without a pivot after which the rest is left to the certificate: arcs priced out by rounding alone
BEST = 6  # arcs from a source that are let in when all pairs have been priced
CLOSE = 0.8  # when all pairs are priced, arcs of a source are let in that come so near to its worst violation
PRICED = 2e-14  # slack that rounding leaves on the arcs of a tree, relative to the potentials and costs


class Bound(NamedTuple):
    """A lower bound, and potentials on all pairs that prove it; none as long as nothing is known."""

    value: float
    phi: Floats | None
    psi: Floats | None


NOTHING = Bound(-np.inf, None, None)


class Multiscale:
    """Grids of any dimension and free stops, where the joint cost depends on the offset alone."""

    selects: tuple[str, ...] = ("vertex",)
    follows = True

    def refuses(self, problem: StepProblem) -> str | None:
        """Refuse stops in a cloud, and a line whose cost is Monge."""
        if isinstance(problem.cost, FreeJoint | LatticeJoint):
            return None
        if problem.convex_line:
            return "'multiscale' leaves the line with p >= 1 and alpha >= 1 to 'monotone', which needs no search."
        return "'multiscale' needs stops, source and target on one grid, or stops=wrof.FREE; use 'simplex'."

    def propose(
        self, problem: StepProblem, *, farthest: bool, start: Start | None, max_iter: int | None, slack: float = 0.0
    ) -> Proposal:
        """Return the vertex that the simplex ends in."""
        limit = max_iter or NO_LIMIT
        if start is not None and len(start.mass):
            finest = next(levels(problem.cost, problem.a, problem.b))
            warm = basis_of(finest, start)
            better = _better(finest, warm)
            if better <= ALIKE * len(problem.a):
                pivots, scans, bound = _solve(finest, warm, limit, slack, None) if better else (0, 1, NOTHING)
                return _finish(problem.a, problem.b, warm, bound, pivots, scans, 0, limit)
        return transport(problem.cost, problem.a, problem.b, limit, slack)


def transport(cost: Cost, a: Floats, b: Floats, limit: int = NO_LIMIT, slack: float = 0.0) -> Proposal:
    """Solve a transport problem between masses a and b > 0; the cost is that of a lattice, or radial."""
    scales = list(levels(cost, a, b))
    network, bound, guess = _coarsest(scales[-1]), NOTHING, None
    pivots = rounds = 0
    for at in reversed(range(len(scales))):
        if at + 1 < len(scales):
            network, guess = _refined(scales[at], scales[at + 1], network, bound)
            bound = NOTHING
        if pivots < limit:  # once stopped, the basis is carried down to the finest level without pivots
            steps, priced, bound = _solve(scales[at], network, limit - pivots, slack, guess)
            pivots, rounds = pivots + steps, rounds + priced
    return _finish(a, b, network, bound, pivots, rounds, len(scales), limit)


def _finish(
    a: Floats, b: Floats, network: Network, bound: Bound, pivots: int, scans: int, count: int, limit: int
) -> Proposal:
    """Read the plan off the basis, and the potential, unless a better one is known."""
    network.settle(a, b)
    i, j, flow, _ = network.basis()
    used, sharp = flow > 0, bound.psi is None and pivots < limit
    psi = network.potentials[1] if bound.psi is None else bound.psi
    stats = {"pivots": pivots, "scans": scans, "levels": count}
    return Proposal(i[used], j[used], flow[used], psi, hit_limit=pivots >= limit, sharp=sharp, stats=stats)


def _coarsest(level: Level) -> Network:
    """Start from the north-west corner, with all arcs."""
    source, target = level.source, level.target
    n, m = len(source.mass), len(target.mass)
    i, j, flow, tick = northwest(source.mass, source.tick, target.mass, target.tick)
    network = Network(n, m, i, j, level.costs(i, j), flow, tick)
    every = np.divmod(np.arange(n * m), m)
    network.add(*every, level.costs(*every))
    return network


def _better(level: Level, network: Network) -> int:
    """Count the sources that have better arcs than those of the basis."""
    phi, psi = network.potentials
    return int(np.count_nonzero(phi - level.least(-psi) > _tolerance(network)))


def _refined(level: Level, coarse: Level, network: Network, bound: Bound) -> tuple[Network, Floats]:
    """Split the arcs of the coarse tree over the points they gathered, and add arcs near their ends.

    Returns the basis, and a guess of the potential on the target.
    """
    source, target = level.source, level.target
    i, j, flow, tick = network.basis()
    phi, psi = network.potentials
    if bound.phi is not None and bound.psi is not None:
        phi, psi = bound.phi, bound.psi
    seek_j, seek_i = _images(i, j, flow, len(phi)), _images(j, i, flow, len(psi))
    i, j, flow, tick = _split(source, i, j, flow, tick)
    j, i, flow, tick = _split(target, j, i, flow, tick)
    fine = Network(len(source.mass), len(target.mass), i, j, level.costs(i, j), flow, tick)
    guess = _upsampled(target, coarse.target, psi)
    fine.add(*_nearby(level, _below(seek_j, source, target), -guess, None, False))
    fine.add(*_nearby(level, _below(seek_i, target, source), -_upsampled(source, coarse.source, phi), None, True))
    return fine, guess


def _bound(level: Level, phi: Floats, psi: Floats, near: float) -> Bound:
    """Lower bound of a potential and its c-transform phi; if that may come `near`, of phi and its c-transform.

    Basis potentials are wrong by whole subtrees before the last pivots: that leaves a quarter of the gap they prove.
    """
    a, b = level.source.mass, level.target.mass
    if near < float(phi @ a + psi @ b):
        psi = level.back(-phi)
    return Bound(float(phi @ a + psi @ b), phi, psi)


def _upsampled(fine: Side, coarse: Side, potential: Floats) -> Floats:
    """Continue a coarse potential to the fine points, linearly: slopes by least squares over the neighbours."""
    near = coarse.near[:, :AROUND]
    near = np.where(near < 0, np.arange(len(near))[:, None], near)
    step = coarse.points[near] - coarse.points[:, None]
    rise = potential[near] - potential[:, None]
    square = np.einsum("nki,nkj->nij", step, step)
    square += 1e-9 * (np.trace(square, axis1=1, axis2=2)[:, None, None] + 1e-300) * np.eye(square.shape[1])
    slope = np.linalg.solve(square, np.einsum("nki,nk->ni", step, rise)[..., None])[..., 0]
    rest: Floats = ((fine.points - coarse.points[fine.up]) * slope[fine.up]).sum(axis=1)
    return np.asarray(potential[fine.up] + rest)


def _split(side: Side, own: Ints, other: Ints, flow: Floats, tick: Ints) -> tuple[Ints, Ints, Floats, Ints]:
    """Share the arcs of every coarse point of one side among the points it gathers; those come first."""
    parents = int(side.up.max()) + 1
    arcs = len(own) + len(side.up) - parents
    child, arc = np.argsort(side.up, kind="stable"), np.lexsort((other, own))
    first = [np.concatenate([[0], np.cumsum(np.bincount(each, minlength=parents))]) for each in (side.up, own)]
    new_own, new_other, new_tick = (np.empty(arcs, dtype=np.int64) for _ in range(3))
    new_flow = np.empty(arcs)
    given = (first[0], child, side.mass, side.tick, first[1], arc, other, flow, tick)
    count = kernels.share(*given, new_own, new_other, new_flow, new_tick)
    assert count == arcs, "the arcs of a point do not sum to its mass"
    return new_own, new_other, new_flow, new_tick


def _images(own: Ints, other: Ints, flow: Floats, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, IMAGES) where most of the mass of each point goes, and (count,) how many of them there are."""
    order = np.lexsort((-flow, own))
    degree = np.bincount(own, minlength=count)
    first = np.concatenate([[0], np.cumsum(degree)[:-1]])
    out = np.zeros((count, IMAGES), dtype=np.int32)
    for k in range(IMAGES):
        has = degree > k
        out[has, k] = other[order[first[has] + k]]
    return out, np.minimum(degree, IMAGES).astype(np.int32)


def _below(images: tuple[np.ndarray, np.ndarray], own: Side, other: Side) -> tuple[np.ndarray, np.ndarray]:
    """Images of the fine points: one point of each coarse image of theirs."""
    one = np.zeros(int(other.up.max()) + 1, dtype=np.int32)
    one[other.up[::-1]] = np.arange(len(other.up) - 1, -1, -1)
    return one[images[0]][own.up], images[1][own.up]


def _nearby(
    level: Level,
    images: tuple[np.ndarray, np.ndarray],
    rest: Floats,
    bar: Floats | None,
    flip: bool,
    nodes: Ints | None = None,
) -> tuple[Ints, Ints, Floats]:
    """Arcs of least reduced cost near the images of some nodes, below the bar: (source, target, cost)."""
    nodes = np.arange(len(images[0])) if nodes is None else nodes
    best = START if bar is None else MORE
    near = (level.source if flip else level.target).near
    bar = np.full(len(images[0]), np.inf) if bar is None else bar
    parts: dict[int, tuple[Ints, Ints, Floats]] = {}

    def work(lo: int, hi: int) -> None:
        room = (hi - lo) * best
        out: Any = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64), np.empty(room)
        arcs = scan.nearby(level.form, flip, nodes[lo:hi], *images, near, rest, bar, best, *out)
        parts[lo] = out[0][:arcs], out[1][:arcs], out[2][:arcs]

    in_threads(len(nodes), float(len(nodes)) * IMAGES * near.shape[1], work)
    own, found, cost = (np.concatenate([parts[lo][k] for lo in sorted(parts)]) for k in range(3))
    return (found, own, cost) if flip else (own, found, cost)


def _solve(level: Level, network: Network, limit: int, slack: float, guess: Floats | None) -> tuple[int, int, Bound]:
    """Pivot, search nearby, price all pairs, until no arc is left out, or the gap is that part of the value.

    Returns the pivots, the number of scans and, where a gap is allowed, the best lower bound.
    """
    pivots = scans = idle = stalled = 0
    lowest = np.inf
    mass = float(level.source.mass.sum())
    look: list[Ints | None] = [None, None]  # sources and targets to look around of; None: all
    bound, hope = NOTHING, 1 - HOPE * slack
    if slack and guess is not None:
        bound = _bound(level, level.least(-guess), guess, hope * network.value)
    # where a gap is allowed, parts of the tree may close it alone
    sizes = network.part_sizes() if slack and limit >= NO_LIMIT // 2 else iter(())
    while not slack or network.value - bound.value > PROVEN * slack * network.value:
        tol, size = _tolerance(network, stalled), next(sizes, None)
        if size is not None:
            done = network.in_parts(size, tol)
        else:
            done = network.optimise(tol, limit - pivots, max(tol, EASE * slack * network.value / mass))
        pivots, idle = pivots + done, 0 if done else idle + 1
        basis = network.basis()
        network.refresh(level.costs(*basis[:2]))
        if pivots >= limit or idle == IDLE:
            break
        stalled = 0 if network.value < lowest - tol * mass else stalled + 1
        lowest, tol = min(lowest, network.value), _tolerance(network, stalled)
        found = 0 if level.whole else _look_around(level, network, basis, tol, look)
        if found > FEW * network.nodes:
            continue
        scans += 1
        phi, psi = network.potentials
        least = level.least(-psi)
        if slack:
            bound = max(bound, _bound(level, least, psi, hope * network.value), key=lambda each: each.value)
        rows = np.flatnonzero(phi - least > tol)
        if len(rows):
            bar = np.full(len(phi), -np.inf)
            bar[rows] = least[rows] + CLOSE * (phi - least)[rows]  # least reduced cost of each row, and a little more
            network.add(*_fewer(*level.below(bar, -psi), level, psi))
            look[False] = _around(level.source, rows)
        elif not found:
            break
    return pivots, scans, bound


def _look_around(level: Level, network: Network, basis: Any, tol: float, look: list[Ints | None]) -> int:
    """Let in better arcs near the images of the sources and of the targets to look around of; return how many."""
    (phi, psi), (i, j, flow, _) = network.potentials, basis
    found = 0
    for flip, own, other in ((False, phi, psi), (True, psi, phi)):
        ends = (j, i) if flip else (i, j)
        arcs = _nearby(level, _images(*ends, flow, len(own)), -other, own - tol, flip, look[flip])
        network.add(*arcs)
        found += len(arcs[0])
        look[flip] = _around(level.target if flip else level.source, arcs[1] if flip else arcs[0])
    return found


def _fewer(i: Ints, j: Ints, level: Level, psi: Floats) -> tuple[Ints, Ints, Floats]:
    """Arcs with their costs, no more than BEST from each source: more of the same would crowd out what differs."""
    cost = level.costs(i, j)
    order = np.lexsort((cost - psi[j], i))
    first = np.searchsorted(i[order], i[order])
    kept = order[np.arange(len(i)) - first < BEST]
    return i[kept], j[kept], cost[kept]


def _around(side: Side, nodes: Ints) -> Ints:
    """Return the nodes and those next to them."""
    near = side.near[nodes, :AROUND]
    return np.unique(near[near >= 0]).astype(np.int64)


def _tolerance(network: Network, stalled: int = 0) -> float:
    """Slack that rounding may leave; more, as long as pivots lead nowhere: potentials of deep trees round more."""
    phi, psi = network.potentials
    size = float(max(np.ptp(phi), np.ptp(psi), network.cost.max(initial=0.0)))  # costs are >= 0
    return PRICED * size * 2.0 ** min(max(stalled - PATIENCE, 0), LOOSEN)
