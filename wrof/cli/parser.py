"""What can be asked: commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..errors import WrofError, unknown
from . import many, single, stored, texts

HIDDEN = ("run", "inputs", "path")  # of what a command line is read into, what is no option
DEFAULT_RTOL = 1e-9


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one sentence, like all others."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise WrofError(f"{message}; see `{self.prog} --help`.")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the words of a command line; `run` is the function that answers."""
    args, rest = _parser().parse_known_args(argv)
    for word in rest:
        if word.startswith("-"):
            options = [key.replace("_", "-") for key in vars(args) if key not in HIDDEN]
            raise unknown("option", word.split("=")[0], ["--help", *(f"--{key}" for key in options)])
    if rest and "inputs" not in args:
        raise WrofError(f"'{rest[0]}' is one word too many; see `wrof --help`.")
    if rest:  # files between which options stand
        args.inputs += rest
    return args


def _parser() -> _Parser:
    parser = _Parser(
        prog="wrof",
        description="Minimizing-movement steps between discrete measures, solved exactly and certified.",
        epilog="`wrof COMMAND --help` explains a command. Try: wrof flow three_point:a=1,b=1 --tau 0.6 --steps 5",
    )
    parser.add_argument("--version", action="version", version=f"wrof {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_toys, _add_step, _add_flow, _add_sweep, _add_phases, _add_show, _add_plot, _add_verify):
        add(commands)
    return parser


def _add(commands: Any, name: str, about: str, epilog: str, run: Any) -> Any:
    sub = commands.add_parser(name, help=about, description=about, epilog=epilog)
    sub.set_defaults(run=run)
    return sub


# ---- what is computed -----------------------------------------------------------------------------------------------


def _add_toys(commands: Any) -> None:
    about = "List the built-in problems, with their parameters and defaults."
    sub = _add(commands, "toys", about, "example:\n  wrof toys", single.toys)
    sub.add_argument("--json", action="store_true", help="print one JSON object")


def _add_step(commands: Any) -> None:
    epilog = texts.INPUTS + texts.RUN.format(pictures="figure.png") + texts.STEP_EXAMPLES
    sub = _add(commands, "step", "Take one step from a source towards a target.", epilog, single.step)
    _add_problem(sub, "step size, a number > 0; a length for p = 2, alpha = 1")
    _add_solution(sub)
    out = _add_output(sub)
    out.add_argument("--ties", action="store_true", help="say whether rho is the only minimiser, and how far a tie is")


def _add_flow(commands: Any) -> None:
    epilog = texts.INPUTS + texts.RUN.format(pictures="figure.png and flow.gif") + texts.FLOW_EXAMPLES
    tau = (
        "step size: a number > 0 (a length for p = 2, alpha = 1); or 0.1,0.2,0.4, one per step; or 0.5*d1, this "
        "fraction of the distance d_1 that is left"
    )
    about = "Iterate the step until it settles, at most --steps times."
    sub = _add(commands, "flow", about, epilog, single.flow)
    problem = _add_problem(sub, tau)
    steps = "most steps to take (default: 20, or as many as --tau lists)"
    problem.add_argument("--steps", type=_number, metavar="N", help=steps)
    _add_solution(sub)
    out = _add_output(sub)
    out.add_argument("--fps", type=_number, default=8, metavar="X", help="frames per second of flow.gif (default: 8)")


def _add_sweep(commands: Any) -> None:
    about = "Compute a flow for each of many step sizes, in parallel; resumes where it was interrupted."
    sub = _add(commands, "sweep", about, texts.INPUTS + texts.SWEEP + texts.SWEEP_EXAMPLES, many.sweep)
    tau = (
        "step sizes: LO:HI:N, N of them equally spaced, both ends included; LO:HI:N:log, in equal ratios; or a list, "
        "0.1,0.2,0.4"
    )
    problem = _add_problem(sub, tau)
    problem.add_argument("--steps", type=_number, metavar="N", help="most steps of each flow (default: 20)")
    _add_solution(sub)
    work = sub.add_argument_group("the work")
    jobs = "worker processes, -1 for one per core (default: 1)"
    work.add_argument("-j", "--jobs", type=_number, default=1, metavar="N", help=jobs)
    memory = "what the workers may use together: bytes, or 500M, 4G (default: what is free)"
    work.add_argument("--memory", metavar="SIZE", help=memory)
    task = "take every N-th step size from the I-th on, for job arrays; the last to finish writes the summary"
    work.add_argument("--task", metavar="I/N", help=task)
    out = _add_output(sub, "keep the flows in DIR/<run id>/, and resume from there")
    critical = "compute the exact critical tau too, at most 400, and draw them over the sampled ones"
    out.add_argument("--critical", action="store_true", help=critical)


def _add_phases(commands: Any) -> None:
    about = "Find all critical step sizes exactly, and the phases between them."
    pictures = "staircase.png, pareto.png"
    epilog = texts.INPUTS + texts.RUN.format(pictures=pictures) + texts.PHASES_EXAMPLES
    sub = _add(commands, "phases", about, epilog, many.phases)
    tau = "also say what geometry tells of this step size: the regime of the flow, and the 2 tau-graph"
    _add_problem(sub, tau)
    how = sub.add_argument_group("the solution")
    _add_solver(how)
    limit = "stop at so many phases, the coarsest first (default: all)"
    how.add_argument("--max-phases", type=_number, metavar="N", help=limit)
    tol = "phases that lower J by less than this, relative, are not told apart (default: 1e-12)"
    how.add_argument("--tol", type=_number, default=1e-12, metavar="X", help=tol)
    _add_output(sub)


def _add_problem(sub: argparse.ArgumentParser, tau: str) -> Any:
    sub.add_argument("inputs", nargs="*", metavar="TOY | SOURCE TARGET", help="a toy or two files, see below")
    what = sub.add_argument_group("the problem")
    what.add_argument("--tau", metavar="TAU", help=tau)
    alpha = "exponent of the discrepancy, or 1+tau (default: that of a named problem, else 1)"
    what.add_argument("--alpha", type=_number, metavar="A", help=alpha)
    p = "exponent of the movement (default: that of a named problem, else 2)"
    what.add_argument("--p", type=_number, metavar="P", help=p)
    stops = (
        "where mass may rest: default (the toy's own, else the grid or the points both share, else union), union (of "
        "the two supports), free (anywhere)"
    )
    what.add_argument("--stops", default="default", metavar="WHERE", help=stops)
    what.add_argument("--normalize", action="store_true", help="rescale source and target to mass 1")
    what.add_argument("--size", type=_number, metavar="N", help="pictures: resize the longer side to N pixels")
    what.add_argument("--invert", action="store_true", help="pictures: darkness is mass")
    return what


def _add_solution(sub: argparse.ArgumentParser) -> None:
    how = sub.add_argument_group("the solution")
    _add_solver(how)
    select = "of several minimisers: lazy (least movement), eager (greatest), min_norm or vertex (default: lazy)"
    how.add_argument("--select", default="lazy", metavar="NAME", help=select)
    rtol = "relative gap allowed (default: 1e-9)"
    how.add_argument("--rtol", type=_number, default=DEFAULT_RTOL, metavar="X", help=rtol)
    how.add_argument("--max-iter", type=_number, metavar="N", help="iteration limit of the solver")


def _add_solver(how: Any) -> None:
    solver = "auto (picks and says which), monotone, simplex, multiscale or lp (default: auto)"
    how.add_argument("--solver", default="auto", metavar="NAME", help=solver)


def _add_output(
    sub: argparse.ArgumentParser, where: str = "store arrays, manifest and pictures in DIR/<run id>/"
) -> Any:
    out = sub.add_argument_group("the output")
    out.add_argument("--out", metavar="DIR", help=where)
    _add_json(out)
    out.add_argument("--quiet", action="store_true", help="no progress bar, no notes; warnings and errors remain")
    return out


def _add_json(sub: Any) -> None:
    sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else to stdout")


# ---- what is stored -------------------------------------------------------------------------------------------------


def _add_show(commands: Any) -> None:
    about = "Print a stored run or a saved result, or draw its figure again."
    sub = _add_path(commands, "show", about, texts.SHOW + texts.SHOW_EXAMPLES, stored.show)
    sub.add_argument("--figure", metavar="FILE", help="draw it from disk to a .png, .pdf or (animated) .gif file")


def _add_plot(commands: Any) -> None:
    about = "Draw stored arrays again, from disk."
    sub = _add_path(commands, "plot", about, texts.PLOT + texts.PLOT_EXAMPLES, stored.plot)
    what = "flow, animation; of a sweep phase-diagram, density; of phases staircase, pareto, hop-graph (default: all)"
    sub.add_argument("--what", metavar="NAME", help=what)
    sub.add_argument("--figure", metavar="FILE", help="a .png or .pdf file; an animation is a .gif file")
    sub.add_argument("--fps", type=_number, default=8, metavar="X", help="frames per second of a .gif (default: 8)")


def _add_verify(commands: Any) -> None:
    about = "Check stored certificates again, without solving."
    sub = _add_path(commands, "verify", about, texts.VERIFY + texts.VERIFY_EXAMPLES, stored.verify)
    rtol = "relative gap allowed to a saved step (default: 1e-9); all else says what it was held to"
    sub.add_argument("--rtol", type=_number, default=DEFAULT_RTOL, metavar="X", help=rtol)


def _add_path(commands: Any, name: str, about: str, epilog: str, run: Any) -> Any:
    sub = _add(commands, name, about, epilog, run)
    sub.add_argument("path", metavar="PATH", help="what was stored")
    _add_json(sub)
    return sub


def _number(text: str) -> int | float | str:
    """Read a number; leave anything else to the library, which knows what to say about it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.replace(" ", "")
