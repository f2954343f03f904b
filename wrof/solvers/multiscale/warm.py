"""Start from the plan of another problem: the same masses under other costs, or the next step of a flow."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from ...face import Face
from ...measure import Floats, Ints
from ...result import Start
from .levels import Level
from .tree import Network

ROUNDING = 1e-14  # slack of tight arcs, relative to the potentials


def basis_of(level: Level, start: Start) -> Network:
    """Return a feasible basis that contains the plan of a start, completed by arcs that its potential leaves tight."""
    a, b = level.source.mass, level.target.mass
    phi = level.least(-start.psi)
    near = level.below(phi + ROUNDING * max(np.ptp(phi), np.ptp(start.psi)), -start.psi)
    i, j, flow = _forest(start, phi, a, b)
    more_i, more_j = _links(level, i, j, near, phi, start.psi)
    flow = np.concatenate([flow, np.where(np.isin(more_j, j), 0.0, b[more_j])])
    i, j = np.concatenate([i, more_i]), np.concatenate([j, more_j])
    network = Network(len(a), len(b), i, j, level.costs(i, j), flow, np.zeros(len(i), dtype=np.int64))
    network.retick(level.source.tick, level.target.tick)
    return network


def _forest(start: Start, phi: Floats, a: Floats, b: Floats) -> tuple[Ints, Ints, Floats]:
    """Arcs of the plan without its cycles, with what they carry, all of it > 0."""
    n = len(a)
    face = Face(start.i, n + start.j, start.mass, np.concatenate([a, -b]), np.concatenate([-phi, start.psi]))
    arcs = face.parc[face.parc >= 0]
    arcs = arcs[face.flow[arcs] > 0]
    return start.i[arcs], start.j[arcs], face.flow[arcs]


def _links(level: Level, i: Ints, j: Ints, near: tuple[Ints, Ints], phi: Floats, psi: Floats) -> tuple[Ints, Ints]:
    """Arcs that make a forest a spanning tree.

    The perturbation flows from every source to target 0. So every piece but that of target 0 is left by one arc, from
    one of its sources, on the way there of least slack; a target without mass to speak of is entered by one.
    """
    n, m = len(phi), len(psi)
    graph = csr_array((np.ones(len(i)), (i, n + j)), shape=(n + m, n + m))
    count, piece = connected_components(graph, directed=False)
    of_i, of_j = piece[near[0]].astype(np.int64), piece[n + near[1]].astype(np.int64)
    slack = np.maximum(level.costs(*near) - phi[near[0]] - psi[near[1]], 0.0)
    order = np.lexsort((slack, of_j * count + of_i))
    code, first = np.unique((of_j * count + of_i)[order], return_index=True)
    best = order[first]  # the arc of least slack from one piece to another
    back = csr_array((slack[best] + 1e-300, (of_j[best], of_i[best])), shape=(count, count))
    _, onward = dijkstra(back, indices=piece[n], return_predecessors=True)
    known = np.flatnonzero(onward >= 0)
    arcs = best[np.searchsorted(code, onward[known].astype(np.int64) * count + known)]
    found = [(near[0][arcs], near[1][arcs])]
    lost = onward < 0
    lost[piece[n]] = False
    # pieces from which no way was found: straight to target 0, or from source 0 if they have no source
    sources = np.unique(piece[:n], return_index=True)
    out = sources[1][lost[sources[0]]]
    found.append((out, np.zeros(len(out), dtype=np.int64)))
    lost[sources[0]] = False
    alone = np.flatnonzero(lost[piece[n:]])
    from_i = np.zeros(m, dtype=np.int64)
    late = np.argsort(-slack, kind="stable")
    from_i[near[1][late]] = near[0][late]
    found.append((from_i[alone], alone))
    return tuple(np.concatenate(each) for each in zip(*found, strict=True))  # type: ignore[return-value]
