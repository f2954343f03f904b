"""Words of a command line as numbers: step sizes, shares of a sweep, memory."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..errors import WrofError, unknown
from ..measure import positive_number

SPACINGS = ("log",)
DIGITS = 12  # significant digits of the step sizes between the ends of a range, so that a finer range meets them again
UNITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def positive(text: str, name: str) -> float:
    """Read a word as a number > 0; what is no number is refused in the library's words."""
    try:
        return positive_number(float(text), name)
    except ValueError as err:
        if isinstance(err, WrofError):
            raise
        return positive_number(text, name)


def tau_rule(text: str) -> tuple[Any, Any, int | None]:
    """Read the tau of a flow: what `flow` takes, what a manifest says, and how many steps it lists."""
    parts = text.replace(" ", "").split("*")
    if len(parts) == 2 and "d1" in parts:
        from ..flow import fraction_of_d1

        parts.remove("d1")
        rule = fraction_of_d1(positive(parts[0], "the fraction of d1"))
        return rule, f"{rule.theta!r}*d1", None
    if ":" in text:
        raise WrofError(
            f"--tau {text} is a range of step sizes; a flow takes one, or a list: `wrof sweep` takes ranges."
        )
    if "," in text:
        taus = tau_list(text)
        return taus, taus, len(taus)
    tau = positive(text, "tau")
    return tau, tau, None


def tau_list(text: str) -> list[float]:
    """Read 0.1,0.2,0.4."""
    return [positive(part, f"tau[{k}]") for k, part in enumerate(text.replace(" ", "").split(","))]


def tau_range(text: str) -> list[float]:
    """Read the step sizes of a sweep: LO:HI:N, equally spaced, both ends included; LO:HI:N:log; or a list.

    Between the ends they are rounded to 12 significant digits.
    """
    if ":" not in text:
        return [positive(text, "tau")] if "," not in text else tau_list(text)
    parts = text.replace(" ", "").split(":")
    if len(parts) not in (3, 4):
        raise WrofError(f"--tau {text} is no range; write LO:HI:N or LO:HI:N:log, for example 0.01:0.6:40.")
    if parts[3:] and parts[3] not in SPACINGS:
        raise unknown("spacing", parts[3], SPACINGS)
    low, high = (_end(part, text) for part in parts[:2])
    if not 0 < low < high:
        cure = "step sizes are > 0" if low <= 0 else "write LO:HI:N with LO < HI"
        raise WrofError(f"--tau {text} runs from {low:g} to {high:g}; {cure}.")
    if not parts[2].isdecimal() or int(parts[2]) < 2:
        raise WrofError(
            f"--tau {text} asks for {parts[2] or 'no'} step sizes; a range takes a whole number of them, >= 2."
        )
    spaced = np.geomspace if parts[3:] else np.linspace
    inner = (float(f"{tau:.{DIGITS}g}") for tau in spaced(low, high, int(parts[2]))[1:-1])
    return sorted({low, *(min(max(tau, low), high) for tau in inner), high})


def _end(part: str, text: str) -> float:
    try:
        end = float(part)
    except ValueError:
        end = math.nan
    if not math.isfinite(end):
        raise WrofError(f"--tau {text} has {part!r} where a finite number should be; write LO:HI:N, like 0.01:0.6:40.")
    return end


def share(text: str | None, out: str | None) -> tuple[int, int] | None:
    """Read which of the step sizes a task of a job array takes: I/N, every N-th from the I-th on."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    task = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= task[0] <= task[1]:
        raise WrofError(f"--task must be I/N, whole numbers with 1 <= I <= N, like 3/8; got {text!r}.")
    if out is None:
        raise WrofError(
            f"--task {text} leaves the other step sizes to other tasks; give the folder they share, --out DIR."
        )
    return task


def memory(text: str | None) -> float | None:
    """Read a number of bytes: 500M, 4G; K, M, G and T are powers of 1000."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*([0-9.eE+]+)\s*([KMGT]?)B?\s*", text, re.IGNORECASE)
    try:
        size = float(found[1]) * UNITS[found[2].upper()] if found else 0.0
    except ValueError:
        size = 0.0
    if not 0 < size < math.inf:
        raise WrofError(f"--memory must be a number of bytes > 0, like 4G or 500M; got {text!r}.")
    return size
