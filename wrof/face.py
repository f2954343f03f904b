"""A face of the optimal plans: the graph of tight arcs, with a feasible flow and a forest basis."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._kernels import tree
from .errors import SolverError
from .measure import Floats, Ints


class Face:
    """A graph of tight arcs with a feasible flow and a spanning forest."""

    def __init__(self, tail: Ints, head: Ints, flow: Floats, supply: Floats, pi: Floats) -> None:
        n, m = len(supply), len(tail)
        self.tail, self.head, self.flow, self.supply, self.pi = tail, head, flow.copy(), supply, pi.copy()
        basic, links, self.depth = _forest(tail, head, flow, n)
        self.parent, self.parc, self.up, self.child, self.after, self.before = links
        self._basis = (self.flow, *links, self.depth, self.pi)
        tree.cancel(basic, tail, head, np.zeros(m), *self._basis)

    @property
    def is_forest(self) -> bool:
        """Whether the arcs are all in the basis, so that there is one flow."""
        return len(self.tail) <= len(self.supply) - int(np.count_nonzero(self.parent < 0))

    def potentials(self, cost: Floats) -> Floats:
        """Return the potentials of the present basis for a cost, 0 at the roots."""
        pi = np.zeros(len(self.supply))
        tree.potentials(cost, self.parent, self.parc, self.up, self.child, self.after, self.depth, pi)
        return pi

    def minimise(self, cost: Floats, primary: bool = False) -> Floats:
        """Return the least-cost flow, starting from the last one; the basis stays for the next call.

        For the primary cost the potentials of the roots are kept, as they tie the components together.
        """
        links = (self.parent, self.parc, self.up, self.child, self.after)
        roots = self.parent < 0
        if not primary:
            self.pi[roots] = 0.0
        tree.potentials(cost, *links, self.depth, self.pi)
        if not self.is_forest:
            span, size = float(np.max(np.abs(cost))), float(np.max(np.abs(self.pi)))
            tol = 32 * np.finfo(float).eps * max(span, size)
            for _ in range(3):  # potentials drift by rounding: recompute, and look again
                pivots = tree.minimise(tol, 1000 * len(cost) + 100_000, self.tail, self.head, cost, *self._basis)
                if pivots < 0:
                    raise SolverError("the secondary transport problem did not finish; use select='vertex'.")
                tree.potentials(cost, *links, self.depth, self.pi)
                if pivots == 0:
                    break
        tree.tree_flows(self.supply, self.tail, self.head, self.flow, *links)
        return self.flow.copy()


def _forest(tail: Ints, head: Ints, flow: Floats, n: int) -> tuple[npt.NDArray[np.bool_], tuple[Any, ...], Ints]:
    """Hang a spanning forest of the arcs that carry most: its arcs, its links in the kernels' order, its depths."""
    basic = np.zeros(len(tail), dtype=np.bool_)
    tree.spanning_forest(tail, head, np.argsort(-flow, kind="stable"), n, basic)
    parent, parc, child, after, before, depth = np.full((6, n), -1, dtype=np.int64)
    links = (parent, parc, np.zeros(n, dtype=np.bool_), child, after, before)
    tree.hang(tail, head, basic, *links, depth)
    return basic, links, depth


def rebalance(face: Face, flow: Floats) -> tuple[Floats, float]:
    """Mend the marginals of a flow along the arcs that carry most; return it with the error that is left.

    The other arcs stay as they are. An error is left where an arc would have to carry less than nothing.
    """
    n, m = len(face.supply), len(flow)
    basic, links, _ = _forest(face.tail, face.head, flow, n)
    rest = np.where(basic, 0.0, flow)
    supply = face.supply - np.bincount(face.tail, rest, n) + np.bincount(face.head, rest, n)
    mended = np.empty(m)
    tree.tree_flows(supply, face.tail, face.head, mended, *links[:-1])
    flow = rest + mended
    missed = face.supply - np.bincount(face.tail, flow, n) + np.bincount(face.head, flow, n)
    return flow, float(np.abs(missed).sum())
