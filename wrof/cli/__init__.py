"""The command line: `wrof`, or `python -m wrof`. It reads, asks the library, prints and stores; it never computes.

Numbers go to stdout, everything else to stderr. What is heavy is imported by the command that needs it, so that
`--help` is immediate.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from ..errors import SolverError, WrofError
from .parser import parse
from .speech import say, show_warning, spoken

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : the words after `wrof`; default: those of the process.

    Returns
    -------
    int: 0 done, 1 a run failed or is not what it claims to be, 2 bad input, 130 interrupted.
    """
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        try:
            args = parse(argv)
            code: int = args.run(args)
            sys.stdout.flush()
            return code
        except SystemExit as end:  # --help and --version
            return int(end.code or 0)
        except WrofError as err:
            return say(f"wrof: error: {spoken(str(err))}", 2)
        except SolverError as err:
            return say(f"wrof: failed: {spoken(str(err))}", 1)
        except KeyboardInterrupt as stop:
            return say(f"wrof: interrupted; {stop.args[0] if stop.args else 'nothing was written'}.", 130)
        except BrokenPipeError:  # the reader of a pipe, `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
