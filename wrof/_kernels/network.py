"""A primal network simplex for transport on a growing list of arcs, with a tree that persists.

Arcs go from sources to targets. The spanning tree is held as

- `parent` (-1 at the root); `thread`, `back`: the circular preorder list, next and previous; `last`: the last node of
  the subtree in it; `size`: its number of nodes;
- `flow[v]`, `tick[v]`: what the arc between v and its parent carries; `pi[v]`: the potential, c = pi[source] -
  pi[target] on every arc of the tree; `source[v]`: which side v is on.

Flows are pairs (flow, tick), compared lexicographically: `tick` is the flow of an infinitesimal perturbation, one unit
at every source, bound for one target. It leaves no basis degenerate, so that the simplex cannot cycle, however many
masses are equal (Orden 1956; equivalent to strongly feasible trees, Cunningham 1976). The lists and their updates are
those of Barr, Glover & Klingman (1979) and of LEMON, but for one thing: it is the smaller side of the cut that moves,
so the root may change.

Invariants, between pivots: the preorder list starts anywhere and passes every subtree in one piece; all (flow, tick)
are positive; the arcs of the tree have reduced cost 0 up to rounding.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .types import Bools, Floats, Ints, Ints32


@njit(cache=True)
def hang(
    tail: Ints32,
    head: Ints32,
    cost: Floats,
    carried: Floats,
    ticks: Ints32,
    parent: Ints32,
    thread: Ints32,
    back: Ints32,
    last: Ints32,
    size: Ints32,
    flow: Floats,
    tick: Ints32,
    pi: Floats,
    source: Bools,
) -> int:
    """Hang the tree of the given arcs from node 0, whose potential stays; return how many nodes it reaches."""
    nodes = len(parent)
    first = np.zeros(nodes + 1, np.int64)
    for e in range(len(tail)):
        first[tail[e] + 1] += 1
        first[head[e] + 1] += 1
    first = np.cumsum(first)
    fill = first[:-1].copy()
    near = np.empty(2 * len(tail), np.int64)
    for e in range(len(tail)):
        near[fill[tail[e]]] = e
        fill[tail[e]] += 1
        near[fill[head[e]]] = e
        fill[head[e]] += 1
    order, stack = np.empty(nodes, np.int64), np.empty(nodes, np.int64)
    seen = np.zeros(nodes, np.bool_)
    stack[0], seen[0], parent[0] = 0, True, -1
    top, count = 1, 0
    while top > 0:
        top -= 1
        v = stack[top]
        order[count] = v
        count += 1
        for k in range(first[v], first[v + 1]):
            e = near[k]
            w = head[e] if tail[e] == v else tail[e]
            if seen[w]:
                continue
            seen[w] = True
            parent[w], flow[w], tick[w] = v, carried[e], ticks[e]
            pi[w] = pi[v] + cost[e] if source[w] else pi[v] - cost[e]
            stack[top] = w
            top += 1
    for k in range(count):
        v, after = order[k], order[(k + 1) % count]
        thread[v], back[after] = after, v
        size[v] = 1
    for k in range(count - 1, 0, -1):
        size[parent[order[k]]] += size[order[k]]
    for k in range(count):
        last[order[k]] = order[k + size[order[k]] - 1]
    return count


@njit(cache=True)
def run(
    tail: Ints32,
    head: Ints32,
    cost: Floats,
    start: int,
    block: int,
    tol: float,
    limit: int,
    root: int,
    parent: Ints32,
    thread: Ints32,
    back: Ints32,
    last: Ints32,
    size: Ints32,
    flow: Floats,
    tick: Ints32,
    pi: Floats,
    source: Bools,
) -> tuple[int, int, int]:
    """Pivot until no arc has a reduced cost below -tol, or `limit` times.

    The arcs are looked at in blocks, in a circle; the least of a block enters. Returns the number of pivots, the root,
    and the arc to go on from.
    """
    arcs = len(tail)
    pivots, looked, e = 0, 0, start
    while looked < arcs and pivots < limit:
        least, entering = -tol, -1
        stop = min(block, arcs - looked)
        for _ in range(stop):
            rest = cost[e] - pi[tail[e]] + pi[head[e]]
            if rest < least:
                least, entering = rest, e
            e = e + 1 if e + 1 < arcs else 0
        looked += stop
        if entering >= 0:
            root = pivot(
                tail[entering],
                head[entering],
                least,
                root,
                parent,
                thread,
                back,
                last,
                size,
                flow,
                tick,
                pi,
                source,
            )
            pivots += 1
            looked = 0
    return pivots, root, e


@njit(cache=True)
def pivot(
    i: int,
    j: int,
    rest: float,
    root: int,
    parent: Ints32,
    thread: Ints32,
    back: Ints32,
    last: Ints32,
    size: Ints32,
    flow: Floats,
    tick: Ints32,
    pi: Floats,
    source: Bools,
) -> int:
    """Bring the arc from source i to target j, of reduced cost `rest`, into the tree; return the root."""
    # the ways from i and from j to where they meet; mass is taken from arcs that leave a source on the way from i and
    # enter a target on the way from j, the arc that is emptied first leaves
    u, v, q, from_i = i, j, -1, True
    moved, ticked = np.inf, 0
    while u != v:
        up_u, up_v = size[u] <= size[v], size[v] <= size[u]
        if up_u:
            if source[u] and (flow[u] < moved or (flow[u] == moved and tick[u] < ticked)):
                moved, ticked, q, from_i = flow[u], tick[u], u, True
            u = parent[u]
        if up_v:
            if not source[v] and (flow[v] < moved or (flow[v] == moved and tick[v] < ticked)):
                moved, ticked, q, from_i = flow[v], tick[v], v, False
            v = parent[v]
    apex = u
    _carry(i, apex, moved, ticked, True, parent, flow, tick, source)
    _carry(j, apex, moved, ticked, False, parent, flow, tick, source)
    inner, outer = (i, j) if from_i else (j, i)
    count = size[q]
    small = 2 * count <= len(parent)
    _cut(q, apex if small else -1, parent, thread, back, last, size)
    if small:  # the subtree of q is hung below the outer end
        top, bottom, old, total = inner, outer, q, count
    else:  # the rest of the tree is hung below the inner end, and q becomes the root
        top, bottom, old, total = outer, inner, root, len(parent) - count
        root = q
        parent[q] = -1
    _reroot(top, old, total, parent, thread, back, last, size, flow, tick)
    parent[top], flow[top], tick[top] = bottom, moved, ticked
    _splice(top, bottom, apex if small else -1, parent, thread, back, last, size)
    _shift(top, total, rest if top == i else -rest, thread, pi)
    return root


@njit(cache=True)
def _carry(
    v: int, apex: int, moved: float, ticked: int, takes: bool, parent: Ints32, flow: Floats, tick: Ints32, source: Bools
) -> None:
    """Move (moved, ticked) along the cycle from v up to the apex; `takes`: arcs that leave a source lose it."""
    while v != apex:
        if source[v] == takes:
            flow[v] -= moved
            tick[v] -= ticked
        else:
            flow[v] += moved
            tick[v] += ticked
        v = parent[v]


@njit(cache=True)
def _cut(q: int, apex: int, parent: Ints32, thread: Ints32, back: Ints32, last: Ints32, size: Ints32) -> None:
    """Take the subtree of q out of the list, closing both to circles; sizes are mended below `apex`."""
    before, end, count = back[q], last[q], size[q]
    v = parent[q]
    while v >= 0 and last[v] == end:
        last[v] = before
        v = parent[v]
    v = parent[q]
    while v != apex:
        size[v] -= count
        v = parent[v]
    behind = thread[end]
    thread[before], back[behind] = behind, before
    thread[end], back[q] = q, end


@njit(cache=True)
def _splice(
    top: int, bottom: int, apex: int, parent: Ints32, thread: Ints32, back: Ints32, last: Ints32, size: Ints32
) -> None:
    """Hang the tree of `top`, whose list is a circle, below `bottom`; sizes are mended below `apex`."""
    end, count, follow = last[top], size[top], thread[bottom]
    thread[bottom], back[top] = top, bottom
    thread[end], back[follow] = follow, end
    v = bottom
    while v >= 0 and last[v] == bottom:
        last[v] = end
        v = parent[v]
    v = bottom
    while v != apex:
        size[v] += count
        v = parent[v]


@njit(cache=True)
def _reroot(
    top: int,
    old: int,
    total: int,
    parent: Ints32,
    thread: Ints32,
    back: Ints32,
    last: Ints32,
    size: Ints32,
    flow: Floats,
    tick: Ints32,
) -> None:
    """Turn the tree of `old`, whose list is a circle of `total` nodes, round: `top` becomes its root.

    Walks the stem from `top` to `old`; what a stem node has besides the branch of the one below goes to the end of the
    new list.
    """
    if top == old:
        return
    child, count, before, end, behind = top, size[top], back[top], last[top], thread[last[top]]
    carried, ticks, v, tail_end = flow[top], tick[top], parent[top], last[top]
    while child != old:
        its_end, its_count, its_before, above = last[v], size[v], back[v], parent[v]
        its_carried, its_ticks = flow[v], tick[v]
        beyond = behind if its_end == end else thread[its_end]
        if its_end != end:  # close the gap that the branch leaves
            thread[before], back[behind] = behind, before
            part_end = its_end
        else:
            part_end = before
        thread[tail_end], back[v] = v, tail_end
        tail_end = part_end
        parent[v], flow[v], tick[v], size[v] = child, carried, ticks, total - count
        carried, ticks = its_carried, its_ticks
        child, count, before, end, behind = v, its_count, its_before, its_end, beyond
        v = above
    thread[tail_end], back[top] = top, tail_end
    size[top] = total
    v = old
    while v != top:
        last[v] = tail_end
        v = parent[v]
    last[top] = tail_end


@njit(cache=True)
def _shift(top: int, total: int, by: float, thread: Ints32, pi: Floats) -> None:
    """Add to the potentials of a subtree. After renumbering most of it lies in order: say so, and it is fast."""
    v = top
    for _ in range(total):
        pi[v] += by
        after = thread[v]
        v = v + 1 if after == v + 1 else after


@njit(cache=True)
def preorder(root: int, thread: Ints32, place: Ints32) -> None:
    """Place of every node in the preorder list."""
    v = root
    for k in range(len(thread)):
        place[v] = k
        v = thread[v]


@njit(cache=True)
def recompute(
    root: int,
    supply: Floats,
    parent: Ints32,
    back: Ints32,
    flow: Floats,
    source: Bools,
) -> None:
    """Recompute the flows of the tree from the leaves up: no error of pivots is left.

    supply : masses of the sources > 0, of the targets < 0; used up.
    """
    v = back[root]
    while v != root:
        flow[v] = supply[v] if source[v] else -supply[v]
        supply[parent[v]] += supply[v]
        v = back[v]


@njit(cache=True)
def relabel(pointers: Ints32, place: Ints32) -> None:
    """Replace every node by its place; -1 stays."""
    for k in range(len(pointers)):
        if pointers[k] >= 0:
            pointers[k] = place[pointers[k]]


@njit(cache=True)
def price_tree(root: int, cost: Floats, parent: Ints32, thread: Ints32, pi: Floats, source: Bools) -> None:
    """Recompute the potentials from the root down, `cost[v]` that of the arc between v and its parent."""
    v = thread[root]
    while v != root:
        pi[v] = pi[parent[v]] + (cost[v] if source[v] else -cost[v])
        v = thread[v]


@njit(cache=True)
def share(
    own_first: Ints,
    own: Ints,
    mass: Floats,
    ticks: Ints,
    arc_first: Ints,
    arc: Ints,
    other: Ints,
    flow: Floats,
    tick: Ints,
    new_own: Ints,
    new_other: Ints,
    new_flow: Floats,
    new_tick: Ints,
) -> int:
    """Share the arcs of every parent among its children by the north-west corner rule; return how many arcs result.

    own_first, own : the children of each parent, with their mass and ticks. arc_first, arc : its arcs, with the node at
    the other end, flow and tick; for each parent both sum to the same. One index moves at a time, so that a tree stays
    a tree, arcs that carry nothing included.
    """
    count = 0
    for parent in range(len(own_first) - 1):
        c, e = own_first[parent], arc_first[parent]
        has, has_ticks = mass[own[c]], ticks[own[c]]
        takes, takes_ticks = flow[arc[e]], tick[arc[e]]
        while True:
            last_child, last_arc = c == own_first[parent + 1] - 1, e == arc_first[parent + 1] - 1
            new_own[count], new_other[count] = own[c], other[arc[e]]
            less = has < takes or (has == takes and has_ticks < takes_ticks)
            if last_arc or (less and not last_child):
                new_flow[count], new_tick[count] = has, has_ticks
                if last_child:
                    new_flow[count], new_tick[count] = takes, takes_ticks
            else:
                new_flow[count], new_tick[count] = takes, takes_ticks
            count += 1
            if last_child and last_arc:
                break
            if last_arc or (less and not last_child):
                takes, takes_ticks = max(takes - has, 0.0), takes_ticks - has_ticks
                c += 1
                has, has_ticks = mass[own[c]], ticks[own[c]]
            else:
                has, has_ticks = max(has - takes, 0.0), has_ticks - takes_ticks
                e += 1
                takes, takes_ticks = flow[arc[e]], tick[arc[e]]
    return count
