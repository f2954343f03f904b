"""A basis that persists: the spanning tree of the transport simplex, and the arcs that may enter it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..._kernels import network as kernels
from ..._kernels import parts
from ...measure import Floats, Ints
from ...threads import in_threads

BLOCK = 128  # arcs that are compared before one enters
AT_ONCE = 5000  # pivots between which an interrupt is heard
RENUMBER = 4  # nodes are put in the order of the tree every so many pivots per node
PART, GROW, PARTS = 1000, 4, 2  # nodes of the smallest parts, how they grow, how many parts are worth while
MANY = 0.02  # arcs priced out per node from which the tree is first taken apart
NO_LIMIT = 1 << 62
CROWD, KEPT = 36, 20  # arcs per node: above the first all but the best are dropped


class Network:
    """A transport problem on a growing list of arcs, with a feasible basis.

    Nodes are sources 0..n-1 and targets n..n+m-1; inside they are renumbered in the order of the tree, so that what is
    used together lies together.
    """

    def __init__(self, n: int, m: int, i: Ints, j: Ints, cost: Floats, flow: Floats, tick: Ints) -> None:
        nodes = n + m
        self.n, self.nodes, self.root, self._next = n, nodes, 0, 0
        self._links: Any = tuple(np.empty(nodes, dtype=np.int32) for _ in range(5))  # parent, thread, back, last, size
        self._flow, self._tick = np.zeros(nodes), np.zeros(nodes, dtype=np.int32)
        self._pi, self._source = np.zeros(nodes), np.arange(nodes) < n
        self._ident = np.arange(nodes, dtype=np.int32)  # which node stands at a place
        self.place = np.arange(nodes, dtype=np.int32)  # and where a node stands
        self.tail, self.head, self.cost = np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
        tail, head = i.astype(np.int32), (j + n).astype(np.int32)
        reached = kernels.hang(tail, head, cost, flow, tick.astype(np.int32), *self._state)
        assert reached == nodes, "the basis is no spanning tree"

    @property
    def _state(self) -> Any:
        return (*self._links, self._flow, self._tick, self._pi, self._source)

    @property
    def potentials(self) -> tuple[Floats, Floats]:
        """Phi and psi: phi_i + psi_j = c on the arcs of the tree."""
        pi = self._pi[self.place]
        return pi[: self.n].copy(), -pi[self.n :]

    @property
    def value(self) -> float:
        """Cost of the flow, from the potentials."""
        below = np.flatnonzero(self._links[0] >= 0)
        return float(_across(self._pi, self._source, below, self._links[0][below]) @ self._flow[below])

    def basis(self) -> tuple[Ints, Ints, Floats, Ints]:
        """Source, target, flow and tick of the arcs of the tree."""
        below = np.flatnonzero(self._links[0] >= 0)
        one, other = self._ident[below].astype(np.int64), self._ident[self._links[0][below]].astype(np.int64)
        up = one < self.n
        i, j = np.where(up, one, other), np.where(up, other, one) - self.n
        return i, j, self._flow[below], self._tick[below].astype(np.int64)

    def add(self, i: Ints, j: Ints, cost: Floats) -> None:
        """Add arcs in front; of too many, those of greatest reduced cost are dropped."""
        self.tail = np.concatenate([self.place[i], self.tail])
        self.head = np.concatenate([self.place[j + self.n], self.head])
        self.cost = np.concatenate([cost, self.cost])
        self._next = 0
        if len(self.tail) > CROWD * self.nodes:
            rest = self.cost - self._pi[self.tail] + self._pi[self.head]
            kept = np.sort(np.argpartition(rest, KEPT * self.nodes)[: KEPT * self.nodes])
            self.tail, self.head, self.cost = self.tail[kept], self.head[kept], self.cost[kept]

    def optimise(self, tol: float, limit: int, enough: float = 0.0) -> int:
        """Pivot until no arc of the list is priced out by more than tol, or `limit` times; return how often.

        More than `enough` will do where it takes pivots in the whole tree.
        """
        done = 0
        for least in self.part_sizes() if limit >= NO_LIMIT // 2 else ():  # parts do not know of each other's pivots
            if self._out(tol) <= MANY * self.nodes:
                break
            done += self.in_parts(least, tol)
        fresh = done - self.nodes
        while done < limit:
            if done - fresh >= self.nodes // RENUMBER:
                self._renumber()
                fresh = done
            some = min(limit - done, AT_ONCE)
            arcs: Any = (self.tail, self.head, self.cost)
            how: Any = (self._next, BLOCK, max(tol, enough), some, self.root)
            pivots, self.root, self._next = kernels.run(*arcs, *how, *self._state)
            done += pivots
            if pivots < some:
                break
        return done

    def _out(self, tol: float) -> int:
        """Count the arcs that are priced out."""
        return int(np.count_nonzero(self.cost - self._pi[self.tail] + self._pi[self.head] < -tol))

    def part_sizes(self) -> Iterator[int]:
        """Yield how large parts of the tree should be, one size after the other."""
        least = PART
        while PARTS * least <= self.nodes:
            yield least
            least *= GROW

    def in_parts(self, least: int, tol: float) -> int:
        """Pivot within parts of the tree of `least` nodes or more, all at once; return how often."""
        self._renumber()
        part = np.empty(self.nodes, dtype=np.int32)
        count = parts.cut(self._links[0], least, part)
        order = np.argsort(part, kind="stable")
        first = np.concatenate([[0], np.cumsum(np.bincount(part, minlength=count))])
        place = np.empty(self.nodes, dtype=np.int32)
        place[order] = np.arange(self.nodes, dtype=np.int32)
        tops = np.flatnonzero(part[1:] != part[self._links[0][1:]]) + 1  # the arcs above them are cut
        cut = place[tops], place[self._links[0][tops]], self._flow[tops], self._tick[tops]
        costs = _across(self._pi, self._source, tops, self._links[0][tops])
        links: Any = tuple(np.empty(self.nodes, dtype=np.int32) for _ in range(5))
        parts.take_apart(self._links[0], part, first, place, links)
        self._move(order, place)
        part = part[order]
        inside = np.flatnonzero(part[self.tail] == part[self.head])
        inside = inside[np.argsort(part[self.tail[inside]], kind="stable")]
        of = part[self.tail[inside]]
        arc_first = np.concatenate([[0], np.cumsum(np.bincount(of, minlength=count))])
        tail, head = ((each[inside] - first[of]).astype(np.int32) for each in (self.tail, self.head))
        arcs: Any = (arc_first, tail, head, self.cost[inside], BLOCK, tol, NO_LIMIT)
        state: Any = (links, self._flow, self._tick, self._pi, self._source)
        done: dict[int, int] = {}

        def work(lo: int, hi: int) -> None:
            done[lo] = parts.run_parts(lo, hi, first, *arcs, *state)

        in_threads(count, np.inf, work)
        self._put_together(np.repeat(first[:-1], np.diff(first)), links[0], (*cut, costs))
        return sum(done.values())

    def _put_together(self, start: Ints, parent: Any, cut: Any) -> None:
        """Hang the spanning tree of the parts' trees and the cut arcs."""
        below = np.flatnonzero(parent >= 0)
        above = (parent[below] + start[below]).astype(np.int32)
        one, other = np.concatenate([below.astype(np.int32), cut[0]]), np.concatenate([above, cut[1]])
        flow, tick = np.concatenate([self._flow[below], cut[2]]), np.concatenate([self._tick[below], cut[3]])
        cost = np.concatenate([_across(self._pi, self._source, below, above), cut[4]])
        up = self._source[one]
        tail, head = np.where(up, one, other), np.where(up, other, one)
        reached = kernels.hang(tail, head, cost, flow, tick, *self._state)
        assert reached == self.nodes, "the parts do not make a spanning tree"
        self.root, self._next = 0, 0

    def refresh(self, tree_cost: Floats) -> None:
        """Recompute the potentials from the root down; `tree_cost` as `basis` orders its arcs."""
        cost = np.zeros(self.nodes)
        cost[np.flatnonzero(self._links[0] >= 0)] = tree_cost
        parent, thread, *_ = self._links
        kernels.price_tree(self.root, cost, parent, thread, self._pi, self._source)

    def retick(self, a: Ints, b: Ints) -> None:
        """Compute the ticks from the leaves up; exact, as they are whole numbers."""
        self._tick = np.round(self._carried(a, b)).astype(np.int32)

    def settle(self, a: Floats, b: Floats) -> None:
        """Recompute the flows from the leaves up, so that no error of the pivots is left."""
        self._flow = self._carried(a, b)

    def _carried(self, a: Any, b: Any) -> Floats:
        """Return what the arcs of the tree carry, from the leaves up."""
        supply, out = np.concatenate([a, -b])[self._ident].astype(np.float64), np.zeros(self.nodes)
        kernels.recompute(self.root, supply, self._links[0], self._links[2], out, self._source)
        return out

    def _renumber(self) -> None:
        """Put the nodes in the order of the tree."""
        place = np.empty(self.nodes, dtype=np.int32)
        kernels.preorder(self.root, self._links[1], place)
        order = np.empty(self.nodes, dtype=np.int32)
        order[place] = np.arange(self.nodes, dtype=np.int32)
        for pointers in self._links[:4]:
            kernels.relabel(pointers, place)
        self._links = tuple(each[order] for each in self._links)
        self._move(order, place)
        self.root = 0

    def _move(self, order: Any, place: Any) -> None:
        """Put the nodes, but not their links, in another order."""
        for pointers in (self.tail, self.head):
            kernels.relabel(pointers, place)
        self._flow, self._tick, self._pi = self._flow[order], self._tick[order], self._pi[order]
        self._source, self._ident = self._source[order], self._ident[order]
        self.place[self._ident] = np.arange(self.nodes, dtype=np.int32)


def _across(pi: Floats, source: Any, one: Any, other: Any) -> Floats:
    """Costs of arcs of the tree, from the potentials at their ends."""
    return np.asarray(np.where(source[one], 1.0, -1.0) * (pi[one] - pi[other]))


def northwest(a: Floats, ta: Ints, b: Floats, tb: Ints) -> tuple[Ints, Ints, Floats, Ints]:
    """Return the north-west corner basis of two lists of (mass, tick): n + m - 1 arcs."""
    n, m = len(a), len(b)
    i, j, tick = (np.empty(n + m - 1, dtype=np.int64) for _ in range(3))
    flow = np.empty(n + m - 1)
    arcs = kernels.share(
        np.array([0, n]), np.arange(n), a, ta, np.array([0, m]), np.arange(m), np.arange(m), b, tb, i, j, flow, tick
    )
    assert arcs == n + m - 1
    return i, j, flow, tick
