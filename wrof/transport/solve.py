"""One transport problem solved and certified, whatever is asked of it afterwards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import ties
from ..certify import tidy
from ..cost import Cost, FreeJoint, LatticePower, LinePower, power_cost, scanned_power
from ..errors import SolverError
from ..measure import Floats, Ints, Measure
from ..problem import cost_across, matched
from ..result import Proposal
from ..solvers import multiscale
from ..solvers.monotone import staircase, staircase_potentials
from ..solvers.simplex import network_simplex

ENOUGH = 1e-12  # gap relative to the mass times the greatest cost on the plan up to which a potential is sharp
MANY = 2e5  # pairs from which no matrix is made


class Solved(NamedTuple):
    """A certified optimal plan between the supports: atoms (i, j, mass), potentials, value and lower bound."""

    cost: Cost
    i: Ints
    j: Ints
    mass: Floats
    phi: Floats
    psi: Floats
    value: float
    dual: float


def solve(source: Measure, target: Measure, p: float, rtol: float) -> Solved:
    """Return an optimal plan for |x - y|^p, or raise."""
    x, y = source.support, target.support
    reach = cost_across(source.points[x], target.points[y], p, f"p = {p:g}")
    a, b = source.weights[x], matched(target.weights[y], target.mass, source.mass)
    cost, answer, phi = _propose(power_cost(source.space, x, target.space, y, p), a, b, reach)
    answer = tidy(a, answer)
    each = cost.pairs(answer.i, answer.j)
    value, bound = float(each @ answer.mass), float(phi @ a + answer.psi @ b)
    rounding = 16 * np.finfo(float).eps * float(np.abs(phi) @ a + np.abs(answer.psi) @ b)
    heavy = answer.mass > rtol * source.mass  # or a speck that goes far would excuse any gap
    scale = max(value, source.mass * float(np.max(each, initial=0.0, where=heavy)))
    rows, columns = np.bincount(answer.i, answer.mass, len(a)), np.bincount(answer.j, answer.mass, len(b))
    error = np.abs(rows - a).sum() + np.abs(columns - target.weights[y]).sum()
    # marginals that are off by rounding, as in `certify.grade`
    off = float(np.abs(rows - a).sum() + np.abs(columns - b).sum())
    rounding += off * float(np.max(np.abs(answer.psi), initial=np.max(np.abs(phi))))
    if not (abs(value - bound) <= rtol * scale + rounding and error <= rtol * source.mass):
        raise SolverError(
            f"the transport is not certified: value {value:.12g}, lower bound {bound:.12g}, marginal error {error:.1e} "
            f"(rtol {rtol:g}); bring lengths and masses near 1, or pass a larger rtol."
        )
    return Solved(cost, answer.i, answer.j, answer.mass, phi, answer.psi, value, bound)


def without_matrix(cost: Cost) -> LatticePower | FreeJoint | None:
    """Return the cost in a form whose pairs are scanned, if it has one and they are many."""
    n, m = cost.shape
    return scanned_power(cost) if float(n) * m >= MANY else None


def _propose(cost: Cost, a: Floats, b: Floats, reach: float) -> tuple[Cost, Proposal, Floats]:
    """Choose by the size and the form of the cost; return the form that was used, and the potential of the sources."""
    if isinstance(cost, LinePower):
        i, j, mass = staircase(cost.x[:, 0], a, cost.y[:, 0], b)
        psi = staircase_potentials(i, j, cost.pairs(i, j), len(a), len(b))[1]
        return cost, Proposal(i, j, mass, psi), cost.c_transform(psi)
    if (scanned := without_matrix(cost)) is not None:
        return scanned, *_sharpened(scanned, a, b, multiscale.transport(scanned, a, b), reach)
    i, j, mass, psi, _ = network_simplex(cost, a, b)
    return cost, *_sharpened(cost, a, b, Proposal(i, j, mass, psi), reach)


def _sharpened(cost: Cost, a: Floats, b: Floats, answer: Proposal, reach: float) -> tuple[Proposal, Floats]:
    """Solve again on arcs that are nearly tight until the gap is rounding, as selections do.

    Solvers round by the greatest cost there is, `reach`; where clusters lie far apart, that of the plan is far less.
    """
    pairs = ties.Pairs(cost, a, b)
    for attempt in range(ties.MAX_SHARPEN):
        if attempt or answer.sharp:
            each, phi = cost.pairs(answer.i, answer.j), cost.c_transform(answer.psi)
            gap = float(each @ answer.mass) - float(phi @ a + answer.psi @ b)
            if gap <= ENOUGH * float(a.sum() * np.max(each, initial=0.0)):
                return answer, phi
        answer = ties.sharpen(pairs, answer, reach)
    return answer, cost.c_transform(answer.psi)
