"""The network simplex on parts of the tree: connected pieces of it are trees of their own.

Cut some arcs of the spanning tree. What is left are trees, each a basis of the transport problem between its own nodes
with what the cut arcs carry held fixed; arcs between nodes of one part may enter there. Pivots in a small tree are
fast, as they touch little, and parts know nothing of each other: they can be solved at the same time. Put together
again with the cut arcs they are a spanning tree that carries a feasible flow.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .network import run
from .types import Bools, Floats, Ints, Ints32


@njit(cache=True)
def cut(parent: Ints32, least: int, part: Ints32) -> int:
    """Give every node the number of its part; parts have `least` nodes or more, but perhaps that of the root.

    Nodes stand in preorder. Returns how many parts there are.
    """
    nodes = len(parent)
    own, top = np.ones(nodes, np.int32), np.zeros(nodes, np.bool_)
    for v in range(nodes - 1, 0, -1):
        top[v] = own[v] >= least
        if not top[v]:
            own[parent[v]] += own[v]
    part[0], count = 0, 1
    for v in range(1, nodes):
        if top[v]:
            part[v] = count
            count += 1
        else:
            part[v] = part[parent[v]]
    return count


@njit(cache=True)
def take_apart(
    parent: Ints32,
    part: Ints32,
    first: Ints,
    place: Ints32,
    links: tuple[Ints32, Ints32, Ints32, Ints32, Ints32],
) -> None:
    """Links of every part, counted from its first node: parent, thread, back, last, size.

    first (parts + 1,) : where the parts begin; place : where a node stands then. Preorder stays preorder.
    """
    new_parent, thread, back, last, size = links
    for v in range(len(parent)):
        k, start, end = place[v], first[part[v]], first[part[v] + 1]
        p = parent[v]
        new_parent[k] = place[p] - start if p >= 0 and part[p] == part[v] else -1
        here, count = k - start, end - start
        thread[k] = (here + 1) % count
        back[k] = (here + count - 1) % count
        size[k] = 1
    for c in range(len(first) - 1):
        start = first[c]
        for k in range(first[c + 1] - 1, start - 1, -1):
            last[k] = k - start + size[k] - 1
            if new_parent[k] >= 0:
                size[start + new_parent[k]] += size[k]


@njit(cache=True, nogil=True)
def run_parts(
    lo: int,
    hi: int,
    first: Ints,
    arc_first: Ints,
    tail: Ints32,
    head: Ints32,
    cost: Floats,
    block: int,
    tol: float,
    limit: int,
    links: tuple[Ints32, Ints32, Ints32, Ints32, Ints32],
    flow: Floats,
    tick: Ints32,
    pi: Floats,
    source: Bools,
) -> int:
    """Pivot in the parts lo..hi-1; tails and heads count from the first node of their part. Returns how often."""
    parent, thread, back, last, size = links
    pivots = 0
    for c in range(lo, hi):
        a, b = arc_first[c], arc_first[c + 1]
        s, e = first[c], first[c + 1]
        if a == b or e - s < 3:
            continue
        done, _, _ = run(  # the first node of a part is its root
            tail[a:b],
            head[a:b],
            cost[a:b],
            0,
            block,
            tol,
            limit,
            0,
            parent[s:e],
            thread[s:e],
            back[s:e],
            last[s:e],
            size[s:e],
            flow[s:e],
            tick[s:e],
            pi[s:e],
            source[s:e],
        )
        pivots += done
    return pivots
