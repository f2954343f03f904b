"""The minimiser with the least sum of squares: a quadratic program on the graph of tight arcs.

min 1/2 sum rho_z^2 over flows source -> stop -> target, rho_z the flow through stop z. A primal-dual interior
point method (Mehrotra, SIAM J. Optim. 2, 1992; every Newton step is a graph Laplacian) finds which arcs carry
mass. Given these, optimality is linear: rho_z = a_P - b_Q, where P is the class of stops joined by common
targets, Q the class of stops joined by common sources, a and b are their potentials, and the mass of every
class is known. That system, solved directly, gives rho to rounding. What proves it is the bound
sum rho^2 <= min over all minimisers q of sum rho q, computed with the secondary transport problem.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from .errors import WrofError
from .face import Face
from .measure import Floats, Ints

Bools = npt.NDArray[np.bool_]

ACCURACIES = (1e-10, 1e-13, 1e-16)  # complementarity at which the interior point is asked which arcs carry mass
PROOF = 1e-13  # excess of sum rho^2 over its bound, relative
ROUTED = 1e-11  # marginal error of the flow that carries rho, relative to the mass
MAX_ITER = 100


def least_norm(face: Face, stop_of: Ints) -> Floats:
    """Return the flow whose rho has the least sum of squares.

    Parameters
    ----------
    face : its arcs go source -> stop -> target.
    stop_of : (arcs,) the stop an arc leads into, -1 for arcs that leave one.
    """
    if face.is_forest:
        return face.minimise(np.zeros(len(stop_of)))  # there is one plan
    program = _Program(face, stop_of >= 0)
    mass = float(face.supply[face.supply > 0].sum())
    for accuracy in ACCURACIES:
        guess = program.interior(accuracy)
        rho = program.polish(guess > 0)
        flow, error = program.route(rho, guess)
        bound = float(rho @ program.through(face.minimise(program.tangent(rho))))
        if error <= ROUTED * mass and rho @ rho - bound <= PROOF * (rho @ rho):
            return flow
    raise WrofError("min_norm could not tell which arcs carry mass; use select='lazy'.")


class _Program:
    """Nodes are those of the face, then a second node for every stop; arcs are the face's, then stop to stop."""

    def __init__(self, face: Face, into: Bools) -> None:
        n = len(face.supply)
        self.face, self.into = face, into
        self.nodes, self.stop = np.unique(np.where(into, face.head, face.tail), return_inverse=True)
        k = len(self.nodes)
        self.tail = np.where(into, face.tail, n + self.stop)
        self.head = face.head
        self.unit = float(face.supply[face.supply > 0].mean())
        self.rows, self.supply = _ground(
            np.concatenate([self.tail, self.nodes]),
            np.concatenate([self.head, n + np.arange(k)]),
            np.concatenate([face.supply, np.zeros(k)]) / self.unit,
        )
        self.square = np.repeat([0.0, 1.0], [len(into), k])
        self._state = np.ones(len(self.square)), np.zeros(len(self.supply)), np.ones(len(self.square))

    def through(self, flow: Floats) -> Floats:
        """rho of a flow."""
        return np.asarray(np.bincount(self.stop[self.into], flow[self.into], len(self.nodes)), dtype=np.float64)

    def tangent(self, rho: Floats) -> Floats:
        """Cost of the arcs whose total is sum rho q at the measure q that a flow leaves behind."""
        return np.where(self.into, rho[self.stop], 0.0)

    def interior(self, accuracy: float) -> Floats:
        """Flow on the arcs near the optimum, 0 on those that carry nothing; goes on from the last call."""
        x, y, s = self._state
        rows, q, m = self.rows, self.square, len(self.square)
        for _ in range(MAX_ITER):
            mu = float(x @ s) / m
            primal, dual = self.supply - rows @ x, q * x - rows.T @ y - s
            if mu <= accuracy:  # what is missing in the marginals is put right later
                break
            weight = 1.0 / (q + s / x)
            matrix = (rows * weight) @ rows.T
            factor = splu((matrix + 1e-15 * sp.diags_array(matrix.diagonal())).tocsc())
            dx, ds = _newton(factor, rows, weight, primal, dual, -x * s, x, s)[::2]
            far = min(_reach(x, dx), _reach(s, ds))
            centre = (float((x + far * dx) @ (s + far * ds)) / m / mu) ** 3
            dx, dy, ds = _newton(factor, rows, weight, primal, dual, centre * mu - x * s - dx * ds, x, s)
            step = 0.9995 * min(_reach(x, dx), _reach(s, ds))
            if not step > 1e-8:
                break
            x, y, s = x + step * dx, y + step * dy, s + step * ds
        self._state = x, y, s
        return np.where(x > s, x, 0.0)[: len(self.into)] * self.unit

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

    def route(self, rho: Floats, guess: Floats) -> tuple[Floats, float]:
        """Return a flow on few arcs with this rho, and by how much it misses the marginals."""
        used = guess > 0
        supply = np.concatenate([self.face.supply, rho])
        supply[self.nodes] -= rho
        tree = Face(self.tail[used], self.head[used], guess[used], supply, np.zeros(len(supply)))
        flow = np.zeros(len(guess))
        flow[used] = tree.minimise(np.zeros(used.sum()))
        total = np.bincount(self.tail, flow, len(supply)) - np.bincount(self.head, flow, len(supply))
        return flow, float(np.abs(total - supply).sum())


def _ground(tail: Ints, head: Ints, supply: Floats) -> tuple[sp.csc_array, Floats]:
    """Incidence rows and supplies of a graph's nodes, one node of each component and all lone nodes left out."""
    n, m = len(supply), len(tail)
    ones, arcs = np.ones(m), np.arange(m)
    rows = sp.coo_array((np.concatenate([ones, -ones]), (np.concatenate([tail, head]), np.tile(arcs, 2))), shape=(n, m))
    label = connected_components(sp.coo_array((ones, (tail, head)), shape=(n, n)), directed=False)[1]
    kept = np.delete(np.arange(n), np.unique(label, return_index=True)[1])
    return rows.tocsr()[kept].tocsc(), supply[kept]


def _newton(
    factor: object, rows: sp.csc_array, weight: Floats, primal: Floats, dual: Floats, gap: Floats, x: Floats, s: Floats
) -> tuple[Floats, Floats, Floats]:
    """Newton step towards feasibility and x s = the wanted gap."""
    right = dual - gap / x
    dy = factor.solve(primal + rows @ (weight * right))  # type: ignore[attr-defined]
    dx = weight * (rows.T @ dy - right)
    miss = primal - rows @ dx
    for _ in range(3):  # the weights span many orders of magnitude: refine, or the marginals drift away
        more = factor.solve(miss)  # type: ignore[attr-defined]
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
