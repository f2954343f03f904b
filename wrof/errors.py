"""The one error, the one warning, and the error that carries an unfinished answer."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class WrofError(ValueError):
    """Bad input: one sentence that says what, where, which value, and the cure."""


class WrofWarning(UserWarning):
    """Something is legitimate but probably not what was meant."""


class SolverError(RuntimeError):
    """A solver's answer missed its certificate.

    Attributes
    ----------
    result : StepResult or None, the best answer found, graded as it is.
    """

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.args[0], self.result))


def unknown(what: str, value: object, known: Iterable[str]) -> WrofError:
    """Return the error for a name that is not one of `known`, with the nearest as a hint."""
    names = list(known)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(names) + "."
    return WrofError(f"unknown {what} '{value}'; {hint}")
