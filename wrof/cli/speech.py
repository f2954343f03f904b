"""What is said on stderr: sentences, warnings, progress."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SPOKEN = (  # how the library names an option, how the command line does
    (r"\bnormalize=True", "--normalize"),
    (r"\b(select|solver)='(\w+)'", r"--\1 \2"),
    (r"\bmax_iter\b", "--max-iter"),
    (r"\bmax_phases( =)?", "--max-phases"),
    (r"; throw=False returns it as it is", ""),
    (r"\bas out\b", "with --out"),
    (r"; see memory\b", "; see --memory"),
)


def say(line: str, code: int = 0) -> int:
    """Print one line to stderr and return the exit code that goes with it."""
    print(" ".join(line.split()), file=sys.stderr)
    return code


def spoken(text: str) -> str:
    """Return a sentence of the library in the words of the command line."""
    for pattern, option in SPOKEN:
        text = re.sub(pattern, option, text)
    return text


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as one line; a stand-in for `warnings.showwarning`."""
    start = "\r\033[K" if sys.stderr.isatty() else ""  # over a progress bar, which is drawn again
    print(f"{start}warning: {spoken(str(message))}", file=sys.stderr)


@contextmanager
def progress(total: Any, quiet: bool) -> Iterator[Callable[[], object]]:
    """Show a bar on stderr; where that is no terminal, a line every ten seconds."""
    from tqdm import tqdm

    delay, pause = (0, 0.1) if sys.stderr.isatty() else (10, 10)
    known = total if isinstance(total, int) else None
    how = {"desc": "flow", "unit": "step", "file": sys.stderr, "leave": False, "delay": delay, "mininterval": pause}
    with tqdm(total=known, disable=quiet, **how) as bar:
        yield bar.update


def bar_wanted(quiet: bool) -> bool:
    """Whether the library shall draw its own progress bar: on a terminal."""
    return sys.stderr.isatty() and not quiet
