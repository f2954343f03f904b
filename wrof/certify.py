"""The one place where answers are graded: primal value, dual bound over all pairs, marginals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from .coincide import groups, rounding
from .errors import WrofError
from .measure import FREE, Floats, Grid, Ints, Measure, PointCloud, measures, real_array
from .problem import StepProblem
from .result import Plan, Potentials, Proposal, Status, StepResult

DUST = 1e-14  # atoms below this part of their source's mass are rounding


class Dual(NamedTuple):
    """Feasible potentials on the supports, the lower bound they prove, and its own rounding."""

    phi: Floats
    psi: Floats
    value: float
    rounding: float


def price(problem: StepProblem, psi: Floats) -> Dual:
    """Lower bound from any potential on the target support.

    phi = c-transform of psi is the largest potential with phi + psi <= c on *all* pairs, so
    sum phi mu + sum psi nu <= J(rho) for every rho, however psi was found.
    """
    psi = psi - (np.max(psi) + np.min(psi)) / 2  # potentials are given up to a constant: the least rounding
    phi = problem.cost.c_transform(psi)
    rounding = 16 * np.finfo(float).eps * float(np.abs(phi) @ problem.a + np.abs(psi) @ problem.b)
    return Dual(phi, psi, float(phi @ problem.a + psi @ problem.b), rounding)


def grade(problem: StepProblem, proposal: Proposal, dual: Dual, rtol: float, solver: str, select: str) -> StepResult:
    """Certify a proposal whose stops are known, and lay it out as a result."""
    negative = float(-proposal.mass[proposal.mass < 0].sum())
    proposal = _only(proposal, proposal.mass > 0)
    i, j, mass, stop, stats = proposal.i, proposal.j, proposal.mass, proposal.stop, proposal.stats
    if problem.stop_points is None and len(stop):
        stop, merged = _met(problem, stop)
        stats = {**stats, "merged": merged}
    move, disc = problem.cost.legs(i, j, stop)  # move is |x - z|^p / 2 tau
    share, discrepancy = float(move @ mass), float(disc @ mass)
    value = share + discrepancy
    rows, columns = np.bincount(i, mass, len(problem.a)), np.bincount(j, mass, len(problem.b))
    off = float(np.abs(rows - problem.a).sum())
    error = off + float(np.abs(columns - problem.target.weights[problem.y]).sum())
    # a plan whose marginals are off by rounding may be cheaper than any other by so much
    off += float(np.abs(columns - problem.b).sum())
    slack = off * float(np.max(np.abs(dual.psi), initial=np.max(np.abs(dual.phi), initial=0.0)))
    slack += _displaced(problem, move, disc, mass)
    infeasibility = (error + negative) / problem.source.mass
    heavy = mass > rtol * problem.source.mass  # or a speck that goes far would excuse any gap
    greatest = float(np.max(np.add(move, disc, out=move), initial=0.0, where=heavy))
    scale = max(abs(value), problem.source.mass * greatest)
    rho, place = _rest(problem, stop, mass)
    source, target = problem.source, problem.target
    plan = Plan(_at(problem.x, i, source), _at(problem.y, j, target), place, mass, source, target, problem.stops)
    return StepResult(
        problem=problem,
        rho=rho,
        value=value,
        dual=dual.value,
        infeasibility=infeasibility,
        scale=scale,
        status=_status(
            value, dual.value, infeasibility, rtol * scale + dual.rounding + slack, rtol, proposal.hit_limit
        ),
        solver=solver,
        select=select,
        movement=share * 2 * problem.tau,
        discrepancy=discrepancy,
        plan=plan,
        potentials=Potentials(dual.phi, dual.psi, problem.x, problem.y),
        stats=stats,
    )


def _status(value: float, dual: float, infeasibility: float, gap: float, rtol: float, hit_limit: bool) -> Status:
    if not (np.isfinite(value) and np.isfinite(dual) and np.isfinite(infeasibility)):
        return Status.NOT_FINITE
    if infeasibility > rtol:
        return Status.ITERATION_LIMIT if hit_limit else Status.INFEASIBLE
    if abs(value - dual) > gap:
        return Status.ITERATION_LIMIT if hit_limit else Status.GAP
    return Status.OPTIMAL


def _ends(problem: StepProblem) -> Floats:
    return np.concatenate([problem.source.points[problem.x], problem.target.points[problem.y]])


def _only(proposal: Proposal, keep: np.ndarray) -> Proposal:
    """Return the proposal with some of its atoms; itself if they are all."""
    if keep.all():
        return proposal
    stop = None if proposal.stop is None else proposal.stop[keep]
    return replace(proposal, i=proposal.i[keep], j=proposal.j[keep], mass=proposal.mass[keep], stop=stop)


def _at(support: Ints, which: Ints, measure: Measure) -> Ints:
    """Points of a measure by their place in its support."""
    return which if len(support) == len(measure.weights) else support[which]


def _displaced(problem: StepProblem, move: Floats, disc: Floats, mass: Floats) -> float:
    """Return what rounding of the coordinates of free stops may cost, for p, alpha >= 1: both ways grow by so much."""
    if problem.stop_points is not None or min(problem.p, problem.alpha) < 1:
        return 0.0
    by, a = rounding(_ends(problem)), 1 / (2 * problem.tau)
    s, t = (move / a) ** (1 / problem.p), disc ** (1 / problem.alpha)
    longer = a * (s + by) ** problem.p - move + (t + by) ** problem.alpha - disc
    return float(longer @ mass)


def _met(problem: StepProblem, stop: Floats) -> tuple[Floats, int]:
    """Let free atoms that coincide, up to rounding of their coordinates, rest at one place; count those that join.

    What that costs is in the value that is certified. Below exponent 1 a power has no bound on its slope: there only
    atoms in exactly one place are one.
    """
    first, which = groups(stop, rounding(_ends(problem)) if min(problem.p, problem.alpha) >= 1 else 0.0)
    return stop[first][which], len(stop) - len(first)


def _rest(problem: StepProblem, stop: Any, mass: Floats) -> tuple[Measure, Any]:
    """Return the measure the plan leaves behind, and its stops as the user counts them."""
    stops = problem.stops
    if isinstance(stops, Grid | PointCloud):
        assert problem.stop_index is not None
        place = stop if len(problem.stop_index) == stops.size else problem.stop_index[stop]
        return Measure.left_behind(stops, np.bincount(place, mass, stops.size).astype(np.float64, copy=False)), place
    if len(stop) == 0:  # a plan without mass; a cloud has at least one point
        return Measure.left_behind(PointCloud(problem.source.points[:1]), np.zeros(1)), stop
    first, which = groups(stop, 0.0)
    return Measure.left_behind(PointCloud(stop[first]), np.bincount(which, mass).astype(np.float64)), stop


def tidy(a: Floats, proposal: Proposal) -> Proposal:
    """Drop the dust that rounding leaves and give every source its exact mass back.

    A solver's sums leave atoms of 1e-17; in a flow they would multiply. What is dropped, at most DUST of a source's
    mass each, goes to its other atoms. `a` are the masses on the source support.
    """
    kept = _only(proposal, proposal.mass > DUST * a[proposal.i])
    total = np.bincount(kept.i, kept.mass, len(a))
    if np.abs(total - a).sum() > 1e-12 * a.sum():
        return proposal  # not rounding: to be graded as it is
    return replace(kept, mass=kept.mass * (a / np.where(total > 0, total, 1.0))[kept.i])


def with_stops(problem: StepProblem, proposal: Proposal, farthest: bool) -> Proposal:
    """Fill in the best stops of a proposal that names only pairs: tied ones nearest to x, or farthest."""
    if proposal.stop is not None:
        return proposal
    stop = problem.cost.stops(proposal.i, proposal.j, farthest)[1]
    return replace(proposal, stop=stop)


def certify(
    mu: Any,
    nu: Any,
    tau: float,
    plan: Any,
    potential: Any = None,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    rtol: float = 1e-9,
    **where: Any,
) -> StepResult:
    """Grade anyone's plan and potential for the step from mu towards nu.

    J of the plan from above; from below sum phi mu + sum psi nu with phi = c-transform of psi over all
    pairs, feasible whatever psi is.

    Parameters
    ----------
    mu, nu : Measure, or weights with grid=, points= or source_points=/target_points=.
    tau : float > 0. alpha : float > 0 or "1+tau". p : float > 0. stops : as in `step`.
    plan : (n, m) array or sparse matrix, a coupling of mu and nu (each pair then stops at its best
        place, nearest to the source among ties); or a `Plan`; or a tuple (source, target, stop, mass).
    potential : (m,) psi on all points of nu, in the unit of J, or a result's `potentials`; default 0, a trivial
        bound. Where nu has no mass its entries do not matter.
    rtol : what counts as certified, see `step`.

    Returns
    -------
    StepResult, whatever its status: of a plan that is off, `status` says what is wrong.

    Raises
    ------
    WrofError
        If shapes or indices do not fit, mass moves from or to a point that has none, or an entry is not finite.
    """
    source, target = measures(mu, nu, ("alpha", "p", "stops", "rtol"), **where)
    problem = StepProblem.build(source, target, tau, alpha=alpha, p=p, stops=stops)
    psi = np.zeros(len(target.weights))
    if isinstance(potential, Potentials):
        psi[_points(potential.target_index, len(psi))] = potential.psi
    elif potential is not None:
        psi = real_array(potential, "potential").ravel()
    if len(psi) != len(target.weights):
        raise WrofError(f"potential has {len(psi)} entries, the target {len(target.weights)} points.")
    if not np.isfinite(psi[problem.y]).all():
        raise WrofError("potential is not finite on the support of the target.")
    proposal = with_stops(problem, _read_plan(problem, plan, psi[problem.y]), farthest=False)
    return grade(problem, proposal, price(problem, proposal.psi), rtol, "given", "vertex")


def _read_plan(problem: StepProblem, plan: Any, psi: Floats) -> Proposal:
    n, m = len(problem.source.weights), len(problem.target.weights)
    stop: Any = None
    if isinstance(plan, Plan):
        i, j, stop, mass = plan.source, plan.target, plan.stop, plan.mass
    elif isinstance(plan, tuple):
        if len(plan) != 4:
            raise WrofError(f"plan as a tuple is (source, target, stop, mass), got {len(plan)} entries.")
        i, j, stop, mass = (np.asarray(part) for part in plan)
        if not i.ndim == j.ndim == mass.ndim == 1 <= stop.ndim:
            raise WrofError("plan as a tuple (source, target, stop, mass) holds lists of one entry per atom.")
        if not len(i) == len(j) == len(stop) == len(mass):
            raise WrofError(f"plan has parts of lengths {len(i)}, {len(j)}, {len(stop)}, {len(mass)}; they must agree.")
    else:
        matrix = plan if scipy.sparse.issparse(plan) else real_array(plan, "plan")
        if matrix.shape != (n, m):
            raise WrofError(f"plan has shape {matrix.shape}; the measures need ({n}, {m}).")
        i, j, mass = scipy.sparse.find(matrix)
    mass = real_array(mass, "plan masses")
    if not np.isfinite(mass).all():
        raise WrofError("plan has non-finite masses.")
    i, j = _positions(i, problem.x, n, "source"), _positions(j, problem.y, m, "target")
    if stop is not None and problem.stop_index is not None:
        stop = _distinct_stop(problem, stop)
    elif stop is not None:
        stop = real_array(stop, "plan stops")
        if stop.shape != (len(mass), problem.source.space.dim) or not np.isfinite(stop).all():
            raise WrofError(f"plan stops on {FREE} are finite coordinates of shape ({len(mass)}, d), got {stop.shape}.")
    return Proposal(i, j, mass, psi, stop)


def _points(index: Any, size: int) -> Any:
    if len(index) and index.max() >= size:
        raise WrofError(f"potential belongs to a target of more than {size} points.")
    return index


def _positions(index: Any, support: Any, size: int, name: str) -> Any:
    """Positions in the support of indices of points."""
    index = np.asarray(index)
    if index.size and (index.dtype.kind not in "iu" or index.min() < 0 or index.max() >= size):
        raise WrofError(f"plan {name} indices must be integers in [0, {size}).")
    position = np.full(size, -1)
    position[support] = np.arange(len(support))
    out = position[index.astype(np.int64)]
    if (out < 0).any():
        raise WrofError(f"plan moves mass at {name} point {int(index[out < 0][0])}, which has weight 0.")
    return out


def _distinct_stop(problem: StepProblem, stop: Any) -> Any:
    """Positions among the distinct stops of indices of stops, repeated points included."""
    points = problem.stops.points  # type: ignore[union-attr]
    stop = np.asarray(stop)
    if stop.size and (stop.dtype.kind not in "iu" or stop.min() < 0 or stop.max() >= len(points)):
        raise WrofError(f"plan stop indices must be integers in [0, {len(points)}).")
    distinct = problem.stop_points
    assert distinct is not None
    if len(distinct) == len(points):
        return stop.astype(np.int64)
    first = {tuple(z): k for k, z in enumerate(distinct)}
    return np.array([first[tuple(points[k])] for k in stop], dtype=np.int64)
