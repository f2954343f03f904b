"""Numbers and arrays as users pass them in: real, finite, of the right shape, or refused in one sentence."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import WrofError

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def real_array(values: Any, name: str) -> Floats:
    """Return `values` as a fresh float64 array; refuse what is not real and numeric."""
    if np.ma.is_masked(values):
        raise WrofError(f"{name} has masked entries; fill or drop them first.")
    try:
        array = np.asarray(values)
    except ValueError:  # ragged nested lists
        raise WrofError(f"{name} must be a rectangular array of numbers; its rows have different lengths.") from None
    if array.dtype.kind not in "biuf":
        kind = f"{array.dtype}" if array.dtype.kind != "U" else "text"
        raise WrofError(f"{name} must be real numbers, got dtype {kind}.")
    return np.array(array, dtype=np.float64, order="C")


def positive_number(value: Any, name: str) -> float:
    """Return `value` as a float that is finite and > 0, or raise."""
    try:
        number = float("nan") if isinstance(value, str | bytes | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        plain = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        huge = isinstance(value, int) and abs(value) > 1e308
        given = "a number beyond floating point" if huge else f"{value:g}" if plain else repr(value)
        raise WrofError(f"{name} must be finite and > 0, got {given}.")
    return number


def freeze(array: Any) -> Any:
    """Return an array that cannot be written to any more."""
    array.setflags(write=False)
    return array


class Value:
    """Arrays of a value cannot be written to, after unpickling either."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for item in state.values():
            if isinstance(item, np.ndarray):
                freeze(item)
        self.__dict__.update(state)


def plural(noun: str, count: int) -> str:
    """Return the noun, with an s unless there is one."""
    return noun if count == 1 else noun + "s"


def at(array: Floats, index: npt.NDArray[np.int64]) -> str:
    """Return where an entry stands and what it is, as messages say it."""
    place = ", ".join(str(int(k)) for k in index)
    return f"[{place}] = {array[tuple(index)]:g}"


def require_finite(array: Floats, name: str, what: str) -> None:
    """Refuse nan and infinite entries, naming the first."""
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        noun = what if len(bad) > 1 else what.removesuffix("s")
        raise WrofError(f"{name} has {len(bad)} non-finite {noun} (first: {at(array, bad[0])}).")
