"""Stored arrays of sweeps, phases and graphs, read with their shapes checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import WrofError, unknown
from ..measure import Floats
from .film import ARRIVED, STILL

WORDS = ("status", "regime")  # arrays of text; all others are numbers
STATUS = ("ok", "failed", "missing")
REGIMES = ("frozen", "steady", "target", "running")
OWNERS = {"sweep": "Sweep.arrays()", "phases": "Phases.arrays()", "graph": "HopGraph.arrays()"}
WIDE = 92  # letters of a title on one line of a figure 8 inches wide
SAME = ("p", "alpha", "source", "target", "source_points", "target_points", "points")


def read(arrays: Mapping[str, Any], kind: str, **shapes: str) -> dict[str, Any]:
    """Return named arrays, each of the given shape: a letter per axis, the same letter the same length.

    Parameters
    ----------
    arrays : of a `kind`.
    kind : "sweep", "phases" or "graph", for the error.
    shapes : name="T S", an array with two axes; name="", a single number; name="k 2" has two columns.

    Raises
    ------
    WrofError
        If an array is missing, is not numbers (or text, for `status` and `regime`), does not fit the others, or is not
        finite; numbers with an axis T may be nan, where a sweep has no result.
    """
    lengths: dict[str, tuple[int, str]] = {}
    out: dict[str, Any] = {}
    for name, shape in shapes.items():
        array = _array(arrays, kind, name)
        axes = shape.split()
        if array.ndim != len(axes):
            raise WrofError(f"arrays[{name!r}] has shape {array.shape}, it needs {len(axes)} axes ({shape or 'none'}).")
        for axis, length in zip(axes, array.shape, strict=True):
            known, where = (int(axis), "") if axis.isdigit() else lengths.setdefault(axis, (length, name))
            if length != known:
                other = f"arrays[{where!r}] has {known}" if where else f"it needs {known}"
                raise WrofError(f"arrays[{name!r}] has shape {array.shape}: {length} where {other}.")
        if axes[:1] != ["T"] and name != "tau_hi" and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise WrofError(f"arrays[{name!r}] must be finite, it has {array[~np.isfinite(array)].flat[0]:g}.")
        out[name] = array
    return out


def _array(arrays: Mapping[str, Any], kind: str, name: str) -> Any:
    if name not in arrays:
        raise WrofError(f"there is no array {name!r}; draw from the arrays of a {kind}, as {OWNERS[kind]} gives them.")
    array, text = np.asarray(arrays[name]), name in WORDS
    if array.dtype.kind not in ("UO" if text else "biuf"):
        raise WrofError(f"arrays[{name!r}] must be {'text' if text else 'numbers'}, it has dtype {array.dtype}.")
    return array.astype(str) if text else array.astype(np.float64)


def read_sweep(arrays: Mapping[str, Any], **shapes: str) -> dict[str, Any]:
    """Return `tau`, `status` and `regime` of a sweep, checked, `ok` (T,) bool, and what `shapes` asks for."""
    table = read(arrays, "sweep", tau="T", status="T", regime="T", **shapes)
    table["ok"] = table["status"] == "ok"
    if not len(table["tau"]):
        raise WrofError("arrays['tau'] is empty: there is nothing to draw.")
    require_rising(table["tau"], "arrays['tau']")
    for name, words, known in (("status", table["status"], STATUS), ("regime", table["regime"][table["ok"]], REGIMES)):
        for word in words:
            if word not in known:
                raise unknown(f"word in arrays['{name}']:", word, known)
    return table


def read_phases(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of phases, checked; `frozen` and `arrives` say whether the first is at μ, the last at ν."""
    names = ("tau_lo", "tau_hi", "movement", "discrepancy")
    table = read(arrays, "phases", **dict.fromkeys(names, "P"), critical="C", resolved="B")
    low, high, move, left = (table[name] for name in names)
    table["resolved"] = table["resolved"].astype(bool)
    if not len(low):
        raise WrofError("arrays['tau_lo'] is empty: there is no phase to draw.")
    if len(table["resolved"]) != len(low) - 1:
        raise WrofError(
            f"arrays['resolved'] has {len(table['resolved'])} entries for {len(low)} phases, not {len(low) - 1}."
        )
    if not (np.all(low < high) and np.all(high[:-1] <= low[1:])):
        raise WrofError("arrays['tau_lo'] and arrays['tau_hi'] must be intervals one after the other.")
    require_rising(table["critical"], "arrays['critical']")
    table["frozen"] = bool(move[0] <= STILL * move[-1])
    table["arrives"] = bool(left[-1] <= ARRIVED * left[0])
    return table


def require_numbers(sweep: Mapping[str, Any], name: str, where: Any) -> None:
    """Refuse nan in an array of a sweep at the places `where` a result is claimed."""
    wrong = where & ~np.isfinite(sweep[name])
    if wrong.any():
        i = int(np.argwhere(wrong)[0][0])
        raise WrofError(f"arrays[{name!r}] has no number at τ = {sweep['tau'][i]:g}, where arrays['status'] is 'ok'.")


def require_rising(tau: Floats, name: str) -> None:
    """Refuse step sizes that are not finite, positive and strictly rising."""
    wrong = ~(np.isfinite(tau) & (tau > 0))
    wrong[1:] |= ~(np.diff(tau) > 0)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise WrofError(f"{name} must be finite, > 0 and rising, got {tau[i]:g} at place {i}; sort and merge them.")


def require_same(sweep: Mapping[str, Any], phases: Mapping[str, Any]) -> None:
    """Refuse a sweep and phases of different problems: measures or exponents that both name and that differ."""
    for name in SAME:
        if name in sweep and name in phases:
            ours, theirs = np.asarray(sweep[name]), np.asarray(phases[name])
            if ours.shape != theirs.shape or ours.tolist() != theirs.tolist():
                raise WrofError(f"arrays[{name!r}] of the sweep is not that of the phases: these are two problems.")


def counts(sweep: Mapping[str, Any]) -> str:
    """Say how many step sizes of a sweep did what, as "of 40 τ: 3 frozen, 10 steady, 27 reach ν"."""
    words = {"frozen": "frozen", "steady": "steady", "target": "reach ν", "running": "still running"}
    found = {says: int(np.sum(sweep["ok"] & (sweep["regime"] == word))) for word, says in words.items()}
    found |= {word: int(np.sum(sweep["status"] == word)) for word in STATUS[1:]}
    return f"of {len(sweep['tau'])} τ: " + ", ".join(f"{count} {says}" for says, count in found.items() if count)


def exponents(arrays: Mapping[str, Any]) -> str:
    """Return "p = 2, α = 1: ", or nothing where they are not stored."""
    said = []
    for name, symbol in (("p", "p"), ("alpha", "α")):
        if name in arrays:
            value = np.asarray(arrays[name]).item()
            said.append(f"{symbol} = " + (value.replace("tau", "τ") if isinstance(value, str) else f"{value:g}"))
    return ", ".join(said) + ": " if said else ""


def caption(text: str) -> str:
    """Break a title too long for a figure 8 inches wide, after a semicolon or a comma if it has one."""
    if len(text) <= WIDE:
        return text
    cut = max(text.rfind("; ", 0, WIDE), 0) or max(text.rfind(", ", 0, WIDE), 0) or text.rfind(" ", 0, WIDE)
    return text[: cut + 1].rstrip() + "\n" + text[cut + 1 :].lstrip()
