"""The minimiser with the least sum of squares: a quadratic program on the graph of tight arcs.

min 1/2 sum rho_z^2 over flows source -> stop -> target, rho_z the flow through stop z. A primal-dual interior
point method (Mehrotra, SIAM J. Optim. 2, 1992; every Newton step is a graph Laplacian) finds which arcs carry
mass. Given these, optimality is linear: rho_z = a_P - b_Q, where P is the class of stops joined by common
targets, Q the class of stops joined by common sources, a and b are their potentials, and the mass of every
class is known. That system, solved directly, gives rho to rounding. What proves it is the bound
sum rho^2 <= min over all minimisers q of sum rho q, computed with the secondary transport problem.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from .errors import SolverError
from .face import Face, rebalance
from .measure import Floats, Ints

Bools = npt.NDArray[np.bool_]

ACCURACIES = (1e-10, 1e-13, 1e-16)  # complementarity at which the interior point is asked which arcs carry mass
PROVEN = 2e-15  # excess of sum rho^2 over its bound, relative, that ends the search: rounding
GOOD = 1e-9  # excess that is still returned: masses far below the others may have gone astray
ROUTED = 1e-12  # marginal error of the flow, relative to the mass
MAX_ITER = 200
NEAR = 1e-3  # least complementarity of an arc, relative to the mean


def least_norm(face: Face, stop_of: Ints) -> Floats:
    """Return the flow whose rho has the least sum of squares.

    Parameters
    ----------
    face : its arcs go source -> stop -> target.
    stop_of : (arcs,) the stop an arc leads into, -1 for arcs that leave one.
    """
    if face.is_forest:
        return face.minimise(np.zeros(len(stop_of)))  # there is one plan
    mass = float(face.supply[face.supply > 0].sum())
    best, least = None, np.inf
    for relative in (False, True):
        program = _Program(face, stop_of >= 0, relative)
        for accuracy in ACCURACIES:
            near = program.interior(accuracy)
            carries = np.where(near > program.slack(), near, 0.0)
            for rho, way in ((program.polish(carries > 0), carries), (program.through(near), near)):
                flow, error = rebalance(face, program.route(rho, way))
                left = program.through(flow)
                excess = float(1 - left @ program.through(face.minimise(program.tangent(left))) / (left @ left))
                if error <= ROUTED * mass and excess < least:
                    best, least = flow, excess
                if least <= PROVEN:
                    return flow
    if best is None or least > GOOD:
        raise SolverError("min_norm could not tell which arcs carry mass; use select='lazy'.")
    return best


class _Program:
    """Nodes are those of the face, then a second node for every stop; arcs are the face's, then stop to stop."""

    def __init__(self, face: Face, into: Bools, relative: bool) -> None:
        n = len(face.supply)
        self.face, self.into = face, into
        self.nodes, self.stop = np.unique(np.where(into, face.head, face.tail), return_inverse=True)
        k = len(self.nodes)
        self.tail = np.where(into, face.tail, n + self.stop)
        self.head = face.head
        self.unit = float(face.supply[face.supply > 0].mean())
        supply = np.concatenate([face.supply, np.zeros(k)]) / self.unit
        self.rows, self.supply = _ground(
            np.concatenate([self.tail, self.nodes]), np.concatenate([self.head, n + np.arange(k)]), supply
        )
        self.square = np.repeat([0.0, 1.0], [len(into), k])
        # `relative`: what an arc can carry, so that dust is judged in units of itself; otherwise all arcs alike
        ends = np.abs(face.supply[np.where(into, face.tail, face.head)]) / self.unit if relative else np.ones(len(into))
        self.size = np.concatenate([ends, np.bincount(self.stop[into], ends[into], k) if relative else np.ones(k)])
        self._state = self.size.copy(), np.zeros(len(self.supply)), np.ones(len(self.size))

    def through(self, flow: Floats) -> Floats:
        """rho of a flow."""
        return np.asarray(np.bincount(self.stop[self.into], flow[self.into], len(self.nodes)), dtype=np.float64)

    def tangent(self, rho: Floats) -> Floats:
        """Cost of the arcs whose total is sum rho q at the measure q that a flow leaves behind."""
        return np.where(self.into, rho[self.stop], 0.0)

    def interior(self, accuracy: float) -> Floats:
        """Flow near the optimum, a little of it on every arc; goes on from the last call."""
        x, y, s = self._state
        rows, q, size = self.rows, self.square, self.size
        for _ in range(MAX_ITER):
            mu = float(np.mean(x * s / size))
            primal, dual = self.supply - rows @ x, q * x - rows.T @ y - s
            if mu <= accuracy:  # what is missing in the marginals is put right later
                break
            weight = 1.0 / (q + s / x)
            matrix = (rows * weight) @ rows.T
            factor = _factor(matrix)
            dx, ds = _newton(factor, rows, weight, primal, dual, -x * s, x, s)[::2]
            far = min(_reach(x, dx), _reach(s, ds))
            centre = max((float(np.mean((x + far * dx) * (s + far * ds) / size)) / mu) ** 3, 1e-3)
            dx, dy, ds = _newton(factor, rows, weight, primal, dual, centre * mu * size - x * s, x, s)
            step = 0.999 * min(_reach(x, dx), _reach(s, ds))
            while step > 1e-8:  # stay near the central path, or the method can go in circles
                product = (x + step * dx) * (s + step * ds) / size
                if product.min() >= NEAR * product.mean():
                    break
                step *= 0.8
            if not step > 1e-8:
                break
            x, y, s = x + step * dx, y + step * dy, s + step * ds
        self._state = x, y, s
        return np.asarray(x[: len(self.into)] * self.unit)

    def slack(self) -> Floats:
        """Reduced costs that belong to the flow, in its unit: an arc carries mass where the flow is the greater."""
        return np.asarray((self._state[2] * self.size)[: len(self.into)] * self.unit)

    def polish(self, carries: Bools) -> Floats:
        """rho from the linear conditions of optimality, given the arcs that carry mass."""
        n, k = len(self.face.supply), len(self.nodes)
        arcs = sp.coo_array((np.ones(carries.sum()), (self.tail[carries], self.head[carries])), shape=(n + k, n + k))
        count, label = connected_components(arcs, directed=False)  # classes: a stop's two nodes are apart
        supply = np.bincount(label[:n], self.face.supply, count).astype(np.float64)
        b, a = label[self.nodes], label[n:]
        met = np.bincount(label[np.concatenate([self.tail[carries], self.head[carries]])], minlength=count) > 0
        z = np.flatnonzero(met[a] & met[b])
        rows, right = _ground(b[z], a[z], supply)
        level = splu((rows @ rows.T).tocsc()).solve(right) if len(right) else right
        rho = np.zeros(k)
        rho[z] = rows.T @ level
        return rho

    def route(self, rho: Floats, guess: Floats) -> Floats:
        """Return a flow with this rho on few of the arcs that carry mass."""
        used = guess > 0
        supply = np.concatenate([self.face.supply, rho])
        supply[self.nodes] -= rho
        tree = Face(self.tail[used], self.head[used], guess[used], supply, np.zeros(len(supply)))
        flow = np.zeros(len(guess))
        flow[used] = tree.minimise(np.zeros(used.sum()))
        return flow


def _ground(tail: Ints, head: Ints, supply: Floats) -> tuple[sp.csc_array, Floats]:
    """Incidence rows and supplies of a graph's nodes, one node of each component and all lone nodes left out."""
    n, m = len(supply), len(tail)
    ones, arcs = np.ones(m), np.arange(m)
    rows = sp.coo_array((np.concatenate([ones, -ones]), (np.concatenate([tail, head]), np.tile(arcs, 2))), shape=(n, m))
    label = connected_components(sp.coo_array((ones, (tail, head)), shape=(n, n)), directed=False)[1]
    kept = np.delete(np.arange(n), np.unique(label, return_index=True)[1])
    return rows.tocsr()[kept].tocsc(), supply[kept]


def _factor(laplacian: sp.csc_array) -> Any:
    """LU factors of a grounded Laplacian; without pivoting they keep their accuracy when the weights spread far."""
    options = {"SymmetricMode": True}
    laplacian = laplacian + 1e-15 * sp.diags_array(laplacian.diagonal())  # or they cancel to zero
    return splu(laplacian.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)


def _newton(
    factor: Any, rows: sp.csc_array, weight: Floats, primal: Floats, dual: Floats, gap: Floats, x: Floats, s: Floats
) -> tuple[Floats, Floats, Floats]:
    """Newton step towards feasibility and x s = the wanted gap."""
    right = dual - gap / x
    dy = factor.solve(primal + rows @ (weight * right))
    dx = weight * (rows.T @ dy - right)
    miss = primal - rows @ dx
    for _ in range(3):  # the weights span many orders of magnitude: refine, or the marginals drift away
        more = factor.solve(miss)
        better = dx + weight * (rows.T @ more)
        left = primal - rows @ better
        if not np.abs(left).max() < 0.5 * np.abs(miss).max():
            break
        dx, dy, miss = better, dy + more, left
    return dx, dy, (gap - s * dx) / x


def _reach(value: Floats, way: Floats) -> float:
    """How far to go, at most 1, for value + reach * way to stay >= 0."""
    falls = way < 0
    return min(1.0, float(np.min(-value[falls] / way[falls], initial=np.inf)))
