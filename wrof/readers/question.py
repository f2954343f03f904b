"""What a command line asks, as the library takes it, checked before anything is computed."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, NamedTuple

from ..errors import WrofError, unknown
from ..measure import FREE, Measure, PointCloud, measures, positive_number
from . import words
from .inputs import Inputs, read

STOPS = ("default", "union", "free")
STEPS, MAX_FPS = 20, 50  # of a flow, if nothing is said; as many as a GIF can show
EXPONENTS = {"alpha": 1.0, "p": 2.0}
SOLUTION = ("solver", "select", "rtol", "max_iter")


class Question(NamedTuple):
    """A problem as asked.

    Attributes
    ----------
    source, target : Measure.
    tau : of `step`, `flow` or `sweep`; None where it may be left out and is.
    steps : how many, or None.
    options : the other arguments that step, flow, sweep and phases share: alpha, p, stops; but for phases also solver,
        select, rtol, max_iter.
    params : what a manifest says. notes : for the user.
    how : arguments of sweep or phases alone.
    """

    source: Measure
    target: Measure
    tau: Any
    steps: Any
    options: dict[str, Any]
    params: dict[str, Any]
    notes: list[str]
    how: dict[str, Any]


def read_question(args: Namespace) -> Question:
    """Read what `wrof step` or `wrof flow` is asked.

    Parameters
    ----------
    args : with inputs, tau, alpha, p, stops, normalize, size, invert, solver, select, rtol, max_iter; of a flow also
        steps and fps. alpha and p are None where the named problem or the default shall decide.

    Returns
    -------
    Question

    Raises
    ------
    WrofError
        If something is missing, unknown or cannot be read.
    """
    _require_tau(args.tau, "a step size, for example --tau 0.3")
    if "fps" in args:
        frames_per_second(args.fps)
    repeated = "steps" in args
    if repeated:
        tau, text, listed = words.tau_rule(args.tau)
    else:
        tau, listed = words.positive(args.tau, "tau"), None
        text = tau
    problem = _problem(args)
    params = {"command": "flow" if repeated else "step", **problem.params, "tau": text}
    if not repeated:
        return problem._replace(tau=tau, steps=1, params=params)
    steps = args.steps if args.steps is not None else listed or STEPS
    return problem._replace(tau=tau, steps=steps, params={**params, "steps": steps})


def read_sweep(args: Namespace) -> Question:
    """Read what `wrof sweep` is asked; its params, and so its run id, leave out the step sizes: more can be added.

    Parameters
    ----------
    args : as of a flow, without fps, and with jobs, task, memory, critical, out.

    Returns
    -------
    Question, tau the list of step sizes; how: jobs, task, memory, critical.

    Raises
    ------
    WrofError
        If something is missing, unknown or cannot be read.
    """
    _require_tau(args.tau, "a range of step sizes, for example --tau 0.01:0.6:40")
    taus = words.tau_range(args.tau)
    how = {"jobs": args.jobs, "task": words.share(args.task, args.out), "memory": words.memory(args.memory)}
    problem = _problem(args)
    options = problem.options
    if args.critical and (isinstance(options["alpha"], str) or options["stops"] is FREE):
        reason = "finitely many stops" if options["stops"] is FREE else f"a fixed alpha, not {options['alpha']}"
        raise WrofError(f"--critical needs {reason}: else there is no list of critical tau; drop it.")
    steps = STEPS if args.steps is None else args.steps
    params = {"command": "sweep", **problem.params, "steps": steps}
    return problem._replace(tau=taus, steps=steps, params=params, how={**how, "critical": args.critical})


def read_phases(args: Namespace) -> Question:
    """Read what `wrof phases` is asked.

    Parameters
    ----------
    args : with inputs, tau (or None), alpha, p, stops, normalize, size, invert, solver, tol, max_phases.

    Returns
    -------
    Question, tau a number or None; how: solver, tol, max_phases.

    Raises
    ------
    WrofError
        If something is unknown or cannot be read.
    """
    tau = None if args.tau is None else words.positive(args.tau, "tau")
    if args.max_phases is not None and not (isinstance(args.max_phases, int) and args.max_phases >= 2):
        raise WrofError(f"max_phases must be a whole number >= 2, got {args.max_phases!r}.")
    how = {"solver": args.solver, "tol": positive_number(args.tol, "tol"), "max_phases": args.max_phases}
    problem = _problem(args)
    if problem.options["stops"] is FREE:
        raise WrofError("--stops free has no critical tau, the least J is smooth there; use --stops default or union.")
    params = {"command": "phases", **problem.params, **how, "tau": tau}
    return problem._replace(tau=tau, params=params, how=how)


def _require_tau(text: str | None, what: str) -> None:
    if text is None:
        raise WrofError(f"--tau is missing; pass {what}.")


def frames_per_second(fps: Any) -> int:
    """Return the frames per second of an animation, or refuse them."""
    if not (isinstance(fps, int) and 1 <= fps <= MAX_FPS):
        raise WrofError(f"fps must be a whole number from 1 to {MAX_FPS}, got {fps!r}.")
    return fps


def _problem(args: Namespace) -> Question:
    """Read what all questions have in common: measures, exponents, stops and, where it is asked, the solution."""
    inputs = read(args.inputs, args.size, args.invert)
    source, target = measures(inputs.mu, inputs.nu, normalize=args.normalize)
    options = {name: _exponent(args, inputs, name) for name in EXPONENTS}
    options["p"] = positive_number(options["p"], "p")
    if "select" in args:
        options |= {key: getattr(args, key) for key in SOLUTION}
        options["rtol"] = positive_number(options["rtol"], "rtol")
        if isinstance(args.max_iter, str):
            raise WrofError(f"max_iter must be a whole number >= 1, got {args.max_iter!r}.")
    params = {**inputs.record, **options, "stops": args.stops, "normalize": args.normalize}
    options["stops"] = _stops(args.stops, inputs.stops, source, target)
    return Question(source, target, None, None, options, params, inputs.notes, {})


def _exponent(args: Namespace, inputs: Inputs, name: str) -> Any:
    given = getattr(args, name)
    return inputs.options.get(name, EXPONENTS[name]) if given is None else given


def _stops(where: str, own: Any, source: Measure, target: Measure) -> Any:
    if where == "union":
        points = [x for measure in (source, target) for x in measure.points[measure.support].tolist()]
        return PointCloud(sorted({tuple(x) for x in points}))
    if where not in STOPS:
        raise unknown("stops", where, STOPS)
    return FREE if where == "free" else own
