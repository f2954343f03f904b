"""The command line: `wrof`, or `python -m wrof`. It reads, asks the library, prints and stores; it never computes.

Numbers go to stdout, everything else to stderr. What is heavy is imported by the command that needs it, so that
`--help` is immediate.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import SolverError, WrofError, unknown

if TYPE_CHECKING:
    from .flow import Flow
    from .readers import Question
    from .result import StepResult

SPOKEN = (  # how the library names an option, how the command line does
    (r"\bnormalize=True", "--normalize"),
    (r"\b(select|solver)='(\w+)'", r"--\1 \2"),
    (r"\bmax_iter\b", "--max-iter"),
    (r"; throw=False returns it as it is", ""),
)

INPUTS = """\
inputs:
  TOY            name:key=value,key=value; `wrof toys` lists them
  SOURCE TARGET  two files, told apart by their suffix:
    .npy         weights: a list is a 1-D grid on [0, 1], a table a 2-D grid whose longest side is [0, 1]
    .npz         weights under the key 'weights', as above; with a key 'points', (n, d), they rest on these points
    .csv         bare numbers: a list or a table, as above; under a header line x,weight or x,y,weight or
                 x,y,z,weight: points with their weights
    others       pictures: brightness is mass, each picture is rescaled to mass 1, the target is resized to the source

output:
  Numbers go to stdout; progress, notes and warnings to stderr. --out results/mine stores the run in a folder of its
  own, results/mine/<run id>/, with manifest.json, arrays.npz, figure.png{gif}. The run id is a hash of
  the input and the options: a run with other options stands beside it, the same run again replaces it. What missed
  its certificate is stored but not drawn; an interrupted command stores nothing.

exit code: 0 done and certified, 1 a solver missed its certificate, 2 bad input, 130 interrupted

examples:
"""
STEP_EXAMPLES = """\
  wrof step two_point:r=2 --tau 1.5
  wrof step source.npy target.npy --normalize --tau 0.01 --p 1 --alpha 0.5
  wrof step a.png b.png --size 32 --tau 0.05 --out results/mine
"""
FLOW_EXAMPLES = """\
  wrof flow three_point:a=1,b=1 --tau 0.6 --steps 5
  wrof flow source.csv target.csv --tau 0.5*d1 --steps 30 --json
  wrof flow a.png b.png --size 48 --tau 0.02 --steps 20 --out results/mine
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : the words after `wrof`; default: those of the process.

    Returns
    -------
    int: 0 done, 1 a run failed, 2 bad input, 130 interrupted.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            args = _parse(argv)
            code: int = args.run(args)
            sys.stdout.flush()
            return code
        except SystemExit as end:  # --help and --version
            return int(end.code or 0)
        except WrofError as err:
            return _say(f"wrof: error: {_spoken(str(err))}", 2)
        except SolverError as err:
            return _say(f"wrof: failed: {_spoken(str(err))}", 1)
        except KeyboardInterrupt as stop:
            return _say(f"wrof: interrupted; {stop.args[0] if stop.args else 'nothing was written'}.", 130)
        except BrokenPipeError:  # the reader of a pipe, `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1


def _say(line: str, code: int = 0) -> int:
    print(" ".join(line.split()), file=sys.stderr)
    return code


def _spoken(text: str) -> str:
    for pattern, option in SPOKEN:
        text = re.sub(pattern, option, text)
    return text


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""  # over a progress bar, which is drawn again
    print(f"{start}warning: {_spoken(str(message))}", file=sys.stderr)


# ---- what can be asked ----------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one sentence, like all others."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise WrofError(f"{message}; see `{self.prog} --help`.")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    args, rest = _parser().parse_known_args(argv)
    for word in rest:
        if word.startswith("-"):
            options = [key.replace("_", "-") for key in vars(args) if key not in ("run", "inputs", "path")]
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
    for add in (_add_toys, _add_step, _add_flow, _add_show):
        add(commands)
    return parser


def _add_toys(commands: Any) -> None:
    about = "List the built-in problems, with their parameters and defaults."
    sub = commands.add_parser("toys", help=about, description=about, epilog="example:\n  wrof toys")
    sub.add_argument("--json", action="store_true", help="print one JSON object")
    sub.set_defaults(run=_toys)


def _add_step(commands: Any) -> None:
    about = "Take one step from a source towards a target."
    epilog = INPUTS.format(gif="") + STEP_EXAMPLES
    sub = commands.add_parser("step", help=about, description=about, epilog=epilog)
    _add_problem(sub, "step size, a number > 0; a length for p = 2, alpha = 1")
    sub.set_defaults(run=_step)


def _add_flow(commands: Any) -> None:
    about = "Iterate the step until it settles, at most --steps times."
    epilog = INPUTS.format(gif=" and flow.gif") + FLOW_EXAMPLES
    tau = (
        "step size: a number > 0 (a length for p = 2, alpha = 1); or 0.1,0.2,0.4, one per step; or 0.5*d1, this "
        "fraction of the distance d_1 that is left"
    )
    sub = commands.add_parser("flow", help=about, description=about, epilog=epilog)
    _add_problem(sub, tau)
    steps = "most steps to take (default: 20, or as many as --tau lists)"
    sub.add_argument("--steps", type=_number, metavar="N", help=steps)
    sub.add_argument("--fps", type=_number, default=8, metavar="X", help="frames per second of flow.gif (default: 8)")
    sub.set_defaults(run=_flow)


def _add_problem(sub: argparse.ArgumentParser, tau: str) -> None:
    sub.add_argument("inputs", nargs="*", metavar="TOY | SOURCE TARGET", help="a toy or two files, see below")
    what = sub.add_argument_group("the problem")
    what.add_argument("--tau", metavar="TAU", help=tau)
    alpha = "exponent of the discrepancy, or 1+tau (default: 1)"
    what.add_argument("--alpha", type=_number, default=1.0, metavar="A", help=alpha)
    what.add_argument("--p", type=_number, default=2.0, metavar="P", help="exponent of the movement (default: 2)")
    stops = (
        "where mass may rest: default (the toy's own, else the grid or the points both share, else union), union (of "
        "the two supports), free (anywhere)"
    )
    what.add_argument("--stops", default="default", metavar="WHERE", help=stops)
    what.add_argument("--normalize", action="store_true", help="rescale source and target to mass 1")
    what.add_argument("--size", type=_number, metavar="N", help="pictures: resize the longer side to N pixels")
    what.add_argument("--invert", action="store_true", help="pictures: darkness is mass")
    how = sub.add_argument_group("the solution")
    solver = "auto (picks and says which), monotone, simplex or lp (default: auto)"
    how.add_argument("--solver", default="auto", metavar="NAME", help=solver)
    select = "of several minimisers: lazy (least movement), eager (greatest), min_norm or vertex (default: lazy)"
    how.add_argument("--select", default="lazy", metavar="NAME", help=select)
    how.add_argument("--rtol", type=_number, default=1e-9, metavar="X", help="relative gap allowed (default: 1e-9)")
    how.add_argument("--max-iter", type=_number, metavar="N", help="iteration limit of the solver")
    out = sub.add_argument_group("the output")
    out.add_argument("--out", metavar="DIR", help="store arrays, manifest and pictures in DIR/<run id>/")
    out.add_argument("--json", action="store_true", help="print one JSON object and nothing else to stdout")
    out.add_argument("--quiet", action="store_true", help="no progress bar, no notes; warnings and errors remain")


def _add_show(commands: Any) -> None:
    about = "Print a stored run or a saved result, or draw its figure again."
    epilog = (
        "PATH is the folder of a run; a folder of runs, of which the newest is shown; or an .npz file of wrof.save.\n\n"
        "examples:\n  wrof show results/mine\n  wrof show results/mine --figure mine.pdf"
    )
    sub = commands.add_parser("show", help=about, description=about, epilog=epilog)
    sub.add_argument("path", metavar="PATH", help="what was stored")
    sub.add_argument("--figure", metavar="FILE", help="draw it from disk to a .png, .pdf or (animated) .gif file")
    sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else to stdout")
    sub.set_defaults(run=_show)


def _number(text: str) -> int | float | str:
    """Read a number; leave anything else to the library, which knows what to say about it."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.replace(" ", "")


# ---- the commands ---------------------------------------------------------------------------------------------------


def _toys(args: argparse.Namespace) -> int:
    from . import readers, toys

    about = {readers.toy_spec(toy): (toy.__doc__ or "").splitlines()[0] for toy in toys.TOYS.values()}
    print(json.dumps(about) if args.json else "\n".join(f"{spec}\n    {told}" for spec, told in about.items()))
    return 0


def _step(args: argparse.Namespace) -> int:
    from . import report
    from .step import step

    question = _ask(args)
    start = time.perf_counter()
    result = step(question.source, question.target, question.tau, throw=False, **question.options)
    told = report.of_step(result) | {"seconds": time.perf_counter() - start}
    arrays = report.one_step(result).arrays() | result.potentials._asdict()
    arrays |= {f"plan_{name}": getattr(result.plan, name) for name in ("source", "target", "stop", "mass")}
    return _answer(args, question, arrays, told, None if result.status.ok else result.status.value)


def _flow(args: argparse.Namespace) -> int:
    from . import report

    question = _ask(args)
    start = time.perf_counter()
    walk, failure = _walk(question, args.quiet)
    told = report.of_flow(walk) | {"seconds": time.perf_counter() - start}
    if failure is not None:
        told["stopped"] = f"failed at step {len(walk.results)}"
    return _answer(args, question, walk.arrays(), told, failure)


def _show(args: argparse.Namespace) -> int:
    from . import report

    told, arrays = report.read(Path(args.path))
    if args.figure is not None:
        report.draw(arrays, Path(args.figure))
    report.tell(told, args.json)
    return 0


def _ask(args: argparse.Namespace) -> Question:
    """Read and check everything that can be checked before anything is computed."""
    from . import readers, report

    if args.out is not None:
        report.place(args.out)
    question = readers.read_question(args)
    for note in [] if args.quiet else question.notes:
        _say(f"note: {note}")
    return question


def _walk(question: Question, quiet: bool) -> tuple[Flow, str | None]:
    """Return the flow; if a step missed its certificate, all up to this one, and what went wrong."""
    from .flow import Flow, FlowState, flow

    source, target, tau, steps, options, *_ = question
    done: list[StepResult] = []
    with _progress(steps, quiet) as advance:

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


@contextmanager
def _progress(total: Any, quiet: bool) -> Iterator[Callable[[], object]]:
    """Show a bar on stderr; where that is no terminal, a line every ten seconds."""
    from tqdm import tqdm

    delay, pause = (0, 0.1) if sys.stderr.isatty() else (10, 10)
    known = total if isinstance(total, int) else None
    how = {"desc": "flow", "unit": "step", "file": sys.stderr, "leave": False, "delay": delay, "mininterval": pause}
    with tqdm(total=known, disable=quiet, **how) as bar:
        yield bar.update


def _answer(
    args: argparse.Namespace, question: Question, arrays: dict[str, Any], told: dict[str, Any], failure: str | None
) -> int:
    """Store the run, print its numbers, draw it from disk if it is certified, and say how it went."""
    from . import report

    path = None if args.out is None else report.keep(args.out, question.params, arrays, told)
    told["run"] = None if path is None else path.as_posix()
    report.tell(told | ({"params": question.params} if args.json else {}), args.json)
    sys.stdout.flush()
    if path is not None and failure is None:
        try:
            report.illustrate(path, getattr(args, "fps", None))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"'{path}' is whole but for its pictures: wrof show --figure draws them") from None
    return 0 if failure is None else _say(f"wrof: failed: {_spoken(failure)}", 1)
