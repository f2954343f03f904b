"""Optimal plans between two measures, with potentials on all points of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..cost import euclid
from ..measure import Floats, Ints, Measure, measures, positive_number
from .solve import Solved, solve
from .transforms import transform


class Potentials(NamedTuple):
    """phi (n,) and psi (m,) on all points of both spaces: phi(x) + psi(y) <= |x - y|^p for every pair."""

    phi: Floats
    psi: Floats


@dataclass(frozen=True)
class TransportPlan:
    """A certified optimal plan for the cost |x - y|^p, and potentials that prove it.

    Attributes
    ----------
    mu, nu : Measure. p : float.
    source, target : (k,) C-order indices into mu.points and nu.points. mass : (k,) float > 0.
    phi, psi : (n,), (m,) on all points of both spaces, also those without mass; phi(x) + psi(y) <= |x - y|^p.
    """

    mu: Measure
    nu: Measure
    p: float
    source: Ints
    target: Ints
    mass: Floats
    phi: Floats
    psi: Floats

    @property
    def x(self) -> Floats:
        """(k, d) coordinates that the atoms come from."""
        return self.mu.points[self.source]

    @property
    def y(self) -> Floats:
        """(k, d) coordinates that they go to."""
        return self.nu.points[self.target]

    def displacement(self) -> Floats:
        """(k, d) way of each atom, y - x."""
        return self.y - self.x

    def length(self) -> Floats:
        """(k,) distance each atom goes."""
        return euclid(self.displacement())

    @property
    def value(self) -> float:
        """Sum of mass |x - y|^p."""
        return float(self.length() ** self.p @ self.mass)

    @property
    def dual(self) -> float:
        """Sum of phi mu plus sum of psi nu: no plan is cheaper."""
        return float(self.phi @ self.mu.weights + self.psi @ self.nu.weights)

    @property
    def gap(self) -> float:
        """value - dual."""
        return self.value - self.dual

    @property
    def distance(self) -> float:
        """d_p: the value, rooted for p >= 1."""
        return self.value ** (1 / self.p) if self.p >= 1 else self.value

    def toarray(self) -> Floats:
        """(n, m) matrix of the coupling."""
        out = np.zeros((len(self.mu.weights), len(self.nu.weights)))
        np.add.at(out, (self.source, self.target), self.mass)
        return out

    def barycentric_map(self) -> Floats:
        """(n, d) mean of the targets of each source point; a point without mass stays."""
        out, total = self.mu.points.copy(), np.bincount(self.source, self.mass, len(self.mu.weights))
        some = total > 0
        for axis, y in enumerate(self.y.T):
            out[some, axis] = np.bincount(self.source, self.mass * y, len(total))[some] / total[some]
        return out

    def __repr__(self) -> str:
        return f"TransportPlan({len(self.mass)} atoms, p={self.p:g}, value={self.value:.12g}, gap={self.gap:.1e})"


def plan(mu: Any, nu: Any, p: float = 1.0, *, rtol: float = 1e-9, **where: Any) -> TransportPlan:
    """Return an optimal plan for min over couplings of sum mass |x - y|^p, with its proof.

    Parameters
    ----------
    mu, nu : Measure, or weights with grid=, points= or source_points=/target_points=; equal mass.
    p : float > 0. rtol : gap allowed, relative to max(value, mass * greatest cost on the plan).

    Returns
    -------
    TransportPlan

    Raises
    ------
    WrofError
        For bad input.
    SolverError
        If the certificate is missed.

    Examples
    --------
    >>> import wrof
    >>> wrof.transport.plan([1.0, 0.0], [0.5, 0.5], points=[[0.0], [2.0]]).value
    1.0
    """
    source, target = measures(mu, nu, ("p", "rtol"), **where)
    power = positive_number(p, "p")
    return of_solved(source, target, power, solve(source, target, power, positive_number(rtol, "rtol")))


def of_solved(source: Measure, target: Measure, p: float, solved: Solved) -> TransportPlan:
    """Lay out a solved problem, its potentials continued to the points without mass."""
    keep = solved.mass > 0
    i, j = source.support[solved.i[keep]], target.support[solved.j[keep]]
    return TransportPlan(source, target, p, i, j, solved.mass[keep], *_everywhere(source, target, p, solved))


def _everywhere(source: Measure, target: Measure, p: float, solved: Solved) -> tuple[Floats, Floats]:
    """phi on the rest of the source is the c-transform of psi, psi on the rest of the target then that of phi."""
    x, y = source.support, target.support
    phi, psi = np.full(source.space.size, -np.inf), np.full(target.space.size, -np.inf)
    phi[x], psi[y] = solved.phi, solved.psi
    if len(x) < len(phi):
        phi = np.where(phi > -np.inf, phi, transform(source.space, target.space, psi, p))
    if len(y) < len(psi):
        psi = np.where(psi > -np.inf, psi, transform(target.space, source.space, phi, p))
    return phi, psi


def potentials(mu: Any, nu: Any, p: float = 1.0, *, rtol: float = 1e-9, **where: Any) -> Potentials:
    """Optimal potentials on all points of both spaces: sup of sum phi mu + sum psi nu under phi + psi <= |x - y|^p.

    Parameters, errors: as in `plan`.

    Returns
    -------
    Potentials
        For p = 1, phi is 1-Lipschitz; where both measures share a space with all its points carrying mass, psi = -phi.
    """
    found = plan(mu, nu, p, rtol=rtol, **where)
    return Potentials(found.phi, found.psi)
