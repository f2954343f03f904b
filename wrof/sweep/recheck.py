"""Whether stored flows are what they claim to be, found out without solving anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..certify import grade, price
from ..errors import WrofError
from ..flow import Flow
from ..measure import Ints, Measure
from ..problem import resolve_alpha
from ..result import Proposal, StepResult
from .question import Question

SAME = 1e-12  # two computations of one number differ by rounding; relative to its scale


def recheck(question: Question, tau: float, read: Callable[[], Flow]) -> dict[str, Any]:
    """Report on the flow with step size tau that `read` returns: tau, ok, steps, says."""
    steps, says = 0, ""
    try:
        walk = read()
        steps = len(walk.results)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            says = next(_faults(question, walk, tau), "")
    except WrofError as err:
        says = str(err)
    except Exception as err:  # a file of the right form can still hold anything
        says = f"the stored flow makes no sense ({type(err).__name__}: {err})."
    return {"tau": tau, "ok": not says, "steps": steps, "says": says}


def _faults(question: Question, walk: Flow, tau: float) -> Iterator[str]:
    if not (_equal(walk.measures[0], question.source) and _equal(walk.target, question.target)):
        yield "it starts elsewhere, or has another target, than the sweep."
    if walk.stops != question.stops:
        yield "its stops are not those of the sweep."
    for step, result in enumerate(walk.results, 1):
        for fault in _step_faults(question, result, tau):
            yield f"step {step}: {fault}"
        if not (_equal(result.problem.source, walk.measures[step - 1]) and _equal(result.rho, walk.measures[step])):
            yield f"step {step}: it does not start where the step before ended."
    if walk.stopped != _stop_reason(walk, question.settings["steps"]):
        yield f"it says that it stopped at {walk.stopped!r} after {len(walk.results)} steps; its plans say otherwise."


def _step_faults(question: Question, result: StepResult, tau: float) -> Iterator[str]:
    problem, settings = result.problem, question.settings
    asked = (tau, resolve_alpha(settings["alpha"], tau), settings["p"], settings["select"])
    if (problem.tau, problem.alpha, problem.p, result.select) != asked:
        yield "its tau, alpha, p or select are not those of the sweep."
    potentials = result.potentials
    if not (np.array_equal(potentials.source_index, problem.x) and np.array_equal(potentials.target_index, problem.y)):
        yield "its potentials do not belong to the supports of its measures."
    dual = price(problem, potentials.psi)
    fresh = grade(problem, _proposal(result), dual, settings["rtol"], result.solver, result.select)
    if not (fresh.status.ok and result.status.ok):
        status = fresh.status if result.status.ok else result.status
        yield f"{status.value} (value {fresh.value:.12g}, lower bound {fresh.dual:.12g})."
    tol = SAME * fresh.scale
    slack = {"value": tol, "discrepancy": tol, "movement": 2 * tau * tol, "dual": tol + 2 * dual.rounding}
    for name, allowed in {**slack, "scale": tol, "infeasibility": SAME}.items():
        if not abs(getattr(result, name) - getattr(fresh, name)) <= allowed:
            yield f"{name} is stored as {getattr(result, name):.15g}; recomputed it is {getattr(fresh, name):.15g}."
    size = np.max(np.abs(dual.phi)) + np.max(np.abs(dual.psi))
    off = np.concatenate([potentials.phi - dual.phi, potentials.psi - dual.psi])  # price centres psi
    if not np.all(np.abs(off) <= SAME * size):
        yield "phi is not the c-transform of psi, or they are shifted against each other."
    if not _equal(result.rho, fresh.rho, SAME * problem.source.mass):
        yield "rho is not what the plan leaves behind."


def _proposal(result: StepResult) -> Proposal:
    """Return plan and potential as a solver would propose them."""
    plan, problem = result.plan, result.problem
    atoms = {len(part) for part in (plan.source, plan.target, plan.stop, plan.mass)}
    if len(atoms) != 1 or not np.isfinite(plan.mass).all():
        raise WrofError("its plan is not a list of atoms with finite masses.")
    index = problem.stop_index
    stop = np.asarray(plan.stop) if index is None else _positions(plan.stop, index)
    i, j = _positions(plan.source, problem.x), _positions(plan.target, problem.y)
    return Proposal(i, j, plan.mass, result.potentials.psi, stop)


def _positions(wanted: Ints, index: Ints) -> Ints:
    """Positions of indices of points in a sorted list of them."""
    found = np.minimum(np.searchsorted(index, wanted), len(index) - 1)
    if not np.array_equal(index[found], wanted):
        raise WrofError("its plan uses points that carry no mass, or stops that do not exist.")
    return found


def _equal(left: Measure, right: Measure, slack: float = 0.0) -> bool:
    """Whether two measures agree, their masses up to `slack` in total."""
    return left.space == right.space and float(np.abs(left.weights - right.weights).sum()) <= slack


def _stop_reason(walk: Flow, steps: int) -> str:
    """Say why a flow with these plans has stopped; "" if it should have gone on, or stopped before."""
    ends = ["target" if r.arrived else "fixed point" if r.still else "" for r in walk.results]
    if not ends or any(ends[:-1]) or len(ends) > steps:
        return ""
    return ends[-1] or ("max steps" if len(ends) == steps else "")
