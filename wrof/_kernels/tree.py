"""Minimum-cost flow on a sparse graph from a feasible flow: a primal network simplex with a forest basis.

Used on tight faces, where a feasible flow is at hand and every arc may carry any mass. State, one
entry per node: `parent` (-1 at a root), `parc` (arc to the parent), `up` (that arc points to the
parent), children as doubly linked lists `child`, `after`, `before`, `depth`, and the potential `pi`
with cost = pi[head] - pi[tail] on every tree arc. Invariants: the forest spans each connected
component, so a cycle never leaves the forest; `flow` >= 0 everywhere; a nonbasic arc carries nothing
once `cancel` has run.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .types import Bools, Floats, Ints

TINY = 1e-14  # flows below this part of the greatest are rounding


@njit(cache=True)
def _find(root: Ints, v: int) -> int:
    while root[v] != v:
        root[v] = root[root[v]]
        v = root[v]
    return v


@njit(cache=True)
def spanning_forest(tail: Ints, head: Ints, order: Ints, n: int, basic: Bools) -> None:
    """Mark in `basic` the arcs of a spanning forest, taken greedily in the given order."""
    root = np.arange(n)
    for k in range(len(order)):
        e = order[k]
        u, v = _find(root, tail[e]), _find(root, head[e])
        basic[e] = u != v
        if u != v:
            root[u] = v


@njit(cache=True)
def hang(
    tail: Ints,
    head: Ints,
    basic: Bools,
    parent: Ints,
    parc: Ints,
    up: Bools,
    child: Ints,
    after: Ints,
    before: Ints,
    depth: Ints,
) -> None:
    """Build the rooted forest from its marked arcs."""
    n = len(parent)
    degree = np.zeros(n + 1, np.int64)
    for e in range(len(tail)):
        if basic[e]:
            degree[tail[e] + 1] += 1
            degree[head[e] + 1] += 1
    first = np.cumsum(degree)
    fill = first[:-1].copy()
    near = np.empty(first[-1], np.int64)
    for e in range(len(tail)):
        if basic[e]:
            near[fill[tail[e]]] = e
            fill[tail[e]] += 1
            near[fill[head[e]]] = e
            fill[head[e]] += 1
    parent[:] = -1
    parc[:] = -1
    child[:] = -1
    after[:] = -1
    before[:] = -1
    depth[:] = -1
    stack = np.empty(n, np.int64)
    for r in range(n):
        if depth[r] >= 0:
            continue
        depth[r] = 0
        stack[0] = r
        size = 1
        while size > 0:
            size -= 1
            v = stack[size]
            for k in range(first[v], first[v + 1]):
                e = near[k]
                w = head[e] if tail[e] == v else tail[e]
                if depth[w] < 0:
                    depth[w] = depth[v] + 1
                    _attach(w, v, e, tail, parent, parc, up, child, after, before)
                    stack[size] = w
                    size += 1


@njit(cache=True)
def _attach(
    w: int, v: int, e: int, tail: Ints, parent: Ints, parc: Ints, up: Bools, child: Ints, after: Ints, before: Ints
) -> None:
    parent[w] = v
    parc[w] = e
    up[w] = tail[e] == w
    after[w] = child[v]
    before[w] = -1
    if child[v] >= 0:
        before[child[v]] = w
    child[v] = w


@njit(cache=True)
def _detach(w: int, parent: Ints, child: Ints, after: Ints, before: Ints) -> None:
    v = parent[w]
    if before[w] >= 0:
        after[before[w]] = after[w]
    else:
        child[v] = after[w]
    if after[w] >= 0:
        before[after[w]] = before[w]


@njit(cache=True)
def _refresh(
    top: int,
    cost: Floats,
    parent: Ints,
    parc: Ints,
    up: Bools,
    child: Ints,
    after: Ints,
    depth: Ints,
    pi: Floats,
    stack: Ints,
) -> None:
    """Recompute depth and potential below `top` from its own."""
    stack[0] = top
    size = 1
    while size > 0:
        size -= 1
        v = stack[size]
        w = child[v]
        while w >= 0:
            depth[w] = depth[v] + 1
            pi[w] = pi[v] - cost[parc[w]] if up[w] else pi[v] + cost[parc[w]]
            stack[size] = w
            size += 1
            w = after[w]


@njit(cache=True)
def potentials(
    cost: Floats, parent: Ints, parc: Ints, up: Bools, child: Ints, after: Ints, depth: Ints, pi: Floats
) -> None:
    """Recompute all potentials top-down, keeping those of the roots."""
    stack = np.empty(len(parent), np.int64)
    for r in range(len(parent)):
        if parent[r] < 0:
            _refresh(r, cost, parent, parc, up, child, after, depth, pi, stack)


@njit(cache=True)
def _pivot(
    e: int,
    sense: int,
    bland: bool,
    tiny: float,
    tail: Ints,
    head: Ints,
    cost: Floats,
    flow: Floats,
    parent: Ints,
    parc: Ints,
    up: Bools,
    child: Ints,
    after: Ints,
    before: Ints,
    depth: Ints,
    pi: Floats,
    stack: Ints,
) -> float:
    """Push as much as possible along (sense +1) or against (-1) arc e; return the amount.

    The cycle goes over e and back through the forest. Of the arcs that block, the last one met is
    dropped, or under Bland's rule the one with the least index. Flows up to `tiny` are rounding and
    become zero, or they would pass for progress for ever.
    """
    u, v = (tail[e], head[e]) if sense > 0 else (head[e], tail[e])  # mass crosses e from u to v
    amount = np.inf if sense > 0 else flow[e]
    cut = -1  # node whose parent arc leaves the basis; -1: e itself
    below_v = False
    a, b = u, v
    while a != b:
        climb_v = depth[b] >= depth[a]
        w = b if climb_v else a
        drains = up[w] != climb_v  # on v's side mass goes up, on u's side down
        if drains:
            f = flow[parc[w]]
            tied = f == amount and cut >= 0
            if f < amount or (tied and (parc[w] < parc[cut] if bland else climb_v)):
                amount, cut, below_v = f, w, climb_v
        if climb_v:
            b = parent[b]
        else:
            a = parent[a]
    a, b = u, v
    while a != b:
        climb_v = depth[b] >= depth[a]
        w = b if climb_v else a
        if up[w] == climb_v:
            flow[parc[w]] += amount
        else:
            flow[parc[w]] -= amount
            if flow[parc[w]] <= tiny:
                flow[parc[w]] = 0.0
        if climb_v:
            b = parent[b]
        else:
            a = parent[a]
    flow[e] += sense * amount
    if cut < 0:
        return amount
    # Rehang: reverse the parent pointers from the inner end of e up to the cut.
    w, new, arc = (v, u, e) if below_v else (u, v, e)
    while True:
        old, old_arc = parent[w], parc[w]
        _detach(w, parent, child, after, before)
        _attach(w, new, arc, tail, parent, parc, up, child, after, before)
        if w == cut:
            break
        new, arc, w = w, old_arc, old
    top = v if below_v else u
    root = parent[top]
    depth[top] = depth[root] + 1
    pi[top] = pi[root] - cost[e] if up[top] else pi[root] + cost[e]
    _refresh(top, cost, parent, parc, up, child, after, depth, pi, stack)
    return amount


@njit(cache=True)
def cancel(
    basic: Bools,
    tail: Ints,
    head: Ints,
    cost: Floats,
    flow: Floats,
    parent: Ints,
    parc: Ints,
    up: Bools,
    child: Ints,
    after: Ints,
    before: Ints,
    depth: Ints,
    pi: Floats,
) -> None:
    """Bring every arc outside the forest to zero flow (all arcs of the face cost the same)."""
    stack = np.empty(len(parent), np.int64)
    tiny = TINY * np.max(flow)
    for e in range(len(tail)):
        if not basic[e] and flow[e] > 0.0:
            _pivot(e, -1, False, tiny, tail, head, cost, flow, parent, parc, up, child, after, before, depth, pi, stack)


@njit(cache=True)
def minimise(
    tol: float,
    max_iter: int,
    tail: Ints,
    head: Ints,
    cost: Floats,
    flow: Floats,
    parent: Ints,
    parc: Ints,
    up: Bools,
    child: Ints,
    after: Ints,
    before: Ints,
    depth: Ints,
    pi: Floats,
) -> int:
    """Pivot until no reduced cost is below -tol; return the pivots made, or -1 at the limit.

    Blocks of arcs are scanned in turn for their most negative one. After a long run of pivots that
    move nothing, Bland's rule takes over until one does, so the method ends.
    """
    m = len(tail)
    stack = np.empty(len(parent), np.int64)
    tiny = TINY * np.max(flow)
    flow[flow <= tiny] = 0.0
    block = max(16, int(np.sqrt(m)))
    at = 0
    idle = 0
    pivots = 0
    while True:
        bland = idle > len(parent) + 64
        worst = -tol
        enter = -1
        seen = 0
        e = 0 if bland else at
        while seen < m:
            rc = cost[e] + pi[tail[e]] - pi[head[e]]
            if rc < worst:
                worst = rc
                enter = e
            seen += 1
            e = e + 1 if e + 1 < m else 0
            if enter >= 0 and (bland or seen % block == 0):
                break
        at = e
        if enter < 0:
            return pivots
        if pivots == max_iter:
            return -1
        pivots += 1
        amount = _pivot(
            enter, 1, bland, tiny, tail, head, cost, flow, parent, parc, up, child, after, before, depth, pi, stack
        )
        idle = 0 if amount > 0.0 else idle + 1


@njit(cache=True)
def tree_flows(
    supply: Floats, tail: Ints, head: Ints, flow: Floats, parent: Ints, parc: Ints, up: Bools, child: Ints, after: Ints
) -> None:
    """Recompute the flows bottom-up from the forest: exact marginals up to one rounding per node."""
    n = len(parent)
    order = np.empty(n, np.int64)
    size = 0
    for r in range(n):
        if parent[r] < 0:
            order[size] = r
            k = size
            size += 1
            while k < size:
                w = child[order[k]]
                while w >= 0:
                    order[size] = w
                    size += 1
                    w = after[w]
                k += 1
    rest = supply.copy()
    flow[:] = 0.0
    for k in range(n - 1, -1, -1):
        v = order[k]
        if parent[v] >= 0:
            f = rest[v] if up[v] else -rest[v]
            flow[parc[v]] = max(f, 0.0)
            rest[parent[v]] += rest[v]


@njit(cache=True)
def on_cycles(tail: Ints, head: Ints, n: int, mark: Bools) -> None:
    """Mark the arcs that lie on a cycle of the undirected graph: all but its bridges.

    Every arc outside a spanning forest closes a cycle with the path between its ends; arcs already marked are
    contracted (`top`), so that none is walked twice.
    """
    m = len(tail)
    basic = np.zeros(m, np.bool_)
    spanning_forest(tail, head, np.arange(m), n, basic)
    parent, parc, child = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    after, before, depth = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    hang(tail, head, basic, parent, parc, np.zeros(n, np.bool_), child, after, before, depth)
    top = np.arange(n)
    for e in range(m):
        if basic[e]:
            continue
        mark[e] = True
        u, v = _find(top, tail[e]), _find(top, head[e])
        while u != v:
            if depth[u] < depth[v]:
                u, v = v, u
            mark[parc[u]] = True
            top[u] = parent[u]
            u = _find(top, u)
