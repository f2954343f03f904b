"""Source and target as users give them: Measures, or weights and a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import WrofError, unknown
from .spaces import Grid, Measure, PointCloud, Space

MASS_RTOL = 1e-9  # two measures count as equally heavy up to this relative difference
PLACES = ("grid", "points", "source_points", "target_points")
WHERE = (*PLACES, "normalize")
NAMES = ("source", "target")


def measures(
    mu: Any, nu: Any, known: Sequence[str] = (), names: Sequence[str] = NAMES, **where: Any
) -> tuple[Measure, Measure]:
    """Read source and target from Measures or plain arrays, and check that they can be compared.

    Parameters
    ----------
    mu, nu : Measure, or weights that go with one of the keywords below.
    known : the caller's other keyword names, for the hint in an error message. names : what messages call the two.
    grid : Grid shared by both. points : (n, d), one cloud shared by both.
    source_points, target_points : (n, d) and (m, d), a cloud for each.
    normalize : rescale both to mass 1.

    Returns
    -------
    (Measure, Measure) of the same dimension and the same mass to 1e-9 relative.

    Raises
    ------
    WrofError
        If a place is missing or given twice, or dimension or mass differ.
    """
    for key in where:
        if key not in WHERE:
            raise unknown("key", key, [*WHERE, *known])
    normalize = where.get("normalize", False)
    if not isinstance(normalize, bool | np.bool_):
        raise WrofError(f"normalize must be True or False, got {normalize!r}.")
    given = {key: _space(where[key], key) for key in PLACES if where.get(key) is not None}
    source, target = (
        _measure(values, name, given, bool(normalize)) for name, values in zip(names, (mu, nu), strict=True)
    )
    same_size(source, target, names)
    return source, target


def _space(value: Any, key: str) -> Space:
    if isinstance(value, Grid | PointCloud):
        return value
    return Grid(value) if key == "grid" else PointCloud(value, name=key)


def _measure(values: Any, name: str, given: dict[str, Space], normalize: bool) -> Measure:
    """Return the Measure that is given, or the one of a plain array and its place."""
    keys = ("grid", "points", f"{name}_points" if f"{name}_points" in PLACES else "points")
    spaces = [given[key] for key in dict.fromkeys(keys) if key in given]
    if isinstance(values, Measure):
        if any(space != values.space for space in spaces):
            raise WrofError(f"{name} is a Measure and knows its points: drop grid= and points=.")
        return Measure(values.space, values.weights, normalize=True, name=name) if normalize else values
    if len(spaces) != 1:
        choices = ", ".join(f"{key}=" for key in dict.fromkeys(keys))
        raise WrofError(f"{name} is a plain array: pass exactly one of {choices}.")
    return Measure(spaces[0], values, normalize=normalize, name=name)


def same_size(source: Measure, target: Measure, names: Sequence[str]) -> None:
    """Refuse measures of different dimension or mass."""
    if source.space.dim != target.space.dim:
        raise WrofError(f"{names[0]} lives in dimension {source.space.dim}, {names[1]} in {target.space.dim}.")
    difference = abs(source.mass - target.mass)
    if difference > MASS_RTOL * max(source.mass, target.mass):
        raise WrofError(
            f"{names[0]} has mass {source.mass:.10g}, {names[1]} {target.mass:.10g} (difference "
            f"{difference:.2g} > 1e-9 relative); pass normalize=True to rescale both."
        )
