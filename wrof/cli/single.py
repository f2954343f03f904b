"""The commands toys, step and flow."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import SolverError
from .speech import progress, say, spoken

if TYPE_CHECKING:
    from ..flow import Flow
    from ..readers import Question
    from ..result import StepResult


def toys(args: argparse.Namespace) -> int:
    """List the toys and the named problems."""
    from .. import readers

    about = readers.listing()
    print(json.dumps(about) if args.json else "\n".join(f"{spec}\n    {told}" for spec, told in about.items()))
    return 0


def step(args: argparse.Namespace) -> int:
    """Take one step."""
    from .. import readers, report
    from ..step import step as take

    question = ask(args, readers.read_question)
    if args.ties:
        _require_ties(question)
    start = time.perf_counter()
    result = take(question.source, question.target, question.tau, throw=False, **question.options)
    told = report.of_step(result) | {"seconds": time.perf_counter() - start}
    if args.ties and result.status.ok:
        told |= report.of_ties(result)
    arrays = report.one_step(result).arrays() | result.potentials._asdict()
    arrays |= {f"plan_{name}": getattr(result.plan, name) for name in ("source", "target", "stop", "mass")}
    return answer(args, question, arrays, told, None if result.status.ok else result.status.value)


def _require_ties(question: Question) -> None:
    """Refuse what has no tie report before it is solved."""
    from ..problem import StepProblem
    from ..ties import check_size

    exponents = {name: question.options[name] for name in ("alpha", "p", "stops")}
    problem = StepProblem.build(question.source, question.target, question.tau, **exponents)
    check_size(problem, "--ties", "drop it, or compare --select lazy with --select eager")


def flow(args: argparse.Namespace) -> int:
    """Iterate the step."""
    from .. import readers, report

    question = ask(args, readers.read_question)
    start = time.perf_counter()
    walk, failure = _walk(question, args.quiet)
    told = report.of_flow(walk) | {"seconds": time.perf_counter() - start}
    if failure is not None:
        told["stopped"] = f"failed at step {len(walk.results)}"
    return answer(args, question, walk.arrays(), told, failure)


def _walk(question: Question, quiet: bool) -> tuple[Flow, str | None]:
    """Return the flow; if a step missed its certificate, all up to this one, and what went wrong."""
    from ..flow import Flow, FlowState, flow

    source, target, tau, steps, options, *_ = question
    done: list[StepResult] = []
    with progress(steps, quiet) as advance:

        def callback(state: FlowState) -> None:
            done.append(state.result)
            advance()

        try:
            return flow(source, target, tau, steps, callback=callback, **options), None
        except SolverError as err:
            done += [] if err.result is None else [err.result]
            stops = done[0].problem.stops if done else source.space
            return Flow([source, *(result.rho for result in done)], done, target, "max steps", stops), str(err)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"step {len(done) + 1} was not finished and nothing was written") from None


# ---- what all questions have in common ------------------------------------------------------------------------------


def ask(args: argparse.Namespace, read: Callable[[argparse.Namespace], Question]) -> Question:
    """Read and check everything that can be checked before anything is computed."""
    from .. import report

    if args.out is not None:
        report.place(args.out)
    question = read(args)
    for note in [] if args.quiet else question.notes:
        say(f"note: {note}")
    return question


def answer(
    args: argparse.Namespace, question: Question, arrays: dict[str, Any], told: dict[str, Any], failure: str | None
) -> int:
    """Store the run, print its numbers, draw it from disk if it is certified, and say how it went."""
    from .. import report

    path = None if args.out is None else report.keep(args.out, question.params, arrays, told)
    told["run"] = None if path is None else path.as_posix()
    report.tell(told | ({"params": question.params} if args.json else {}), args.json)
    sys.stdout.flush()
    if path is not None and failure is None:
        try:
            report.illustrate(path, getattr(args, "fps", None))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"'{path}' is whole but for its pictures: wrof plot draws them") from None
    return 0 if failure is None else say(f"wrof: failed: {spoken(failure)}", 1)
