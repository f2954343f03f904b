"""What every toy asks of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import WrofError


def count(value: Any, name: str, least: int = 1) -> int:
    """Return an integer >= `least`, or refuse the parameter `name`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        raise WrofError(f"{name} must be an integer >= {least}, got {value!r}.")
    return int(value)


def distance(value: Any, name: str = "r") -> float:
    """Return a finite number >= 0, or refuse the parameter `name`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0 <= number < np.inf:
        raise WrofError(f"{name} must be finite and >= 0, got {value!r}.")
    return number


def generator(seed: int) -> np.random.Generator:
    """Return the random numbers of a seed."""
    return np.random.default_rng(count(seed, "seed", least=0))
