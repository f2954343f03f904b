"""Where mass may live (`Grid`, `PointCloud`, `FREE`) and how much of it is where (`Measure`).

Everything a user passes in is validated here, once; the rest of the package trusts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import WrofError, unknown

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MASS_RTOL = 1e-9  # two measures count as equally heavy up to this relative difference


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


def _freeze(array: Any) -> Any:
    array.setflags(write=False)
    return array


class _Value:
    """Arrays of a value cannot be written to, after unpickling either."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for item in state.values():
            if isinstance(item, np.ndarray):
                _freeze(item)
        self.__dict__.update(state)


class Grid(_Value):
    """A regular grid in any dimension, both ends of every axis included.

    Parameters
    ----------
    shape : int or sequence of int, points per axis, each >= 1. A picture is (rows, columns).
    bounds : (lo, hi) for all axes, or one (lo, hi) per axis, in the length unit.
        Default: the longest side is [0, 1] and all axes share its spacing (square pixels).
        An axis with a single point sits at its `lo` and has spacing 0.

    Attributes
    ----------
    shape, bounds, spacing : tuples, one entry per axis.
    points : (n, d) float, C order: the last axis runs fastest.

    Raises
    ------
    WrofError
        If an axis is empty, or bounds are not finite and increasing.
    """

    def __init__(self, shape: int | Sequence[int], bounds: Any = None) -> None:
        try:
            counts = np.atleast_1d(np.asarray(shape))
        except ValueError:  # ragged nested lists
            counts = np.empty(0)
        if counts.dtype.kind not in "iu" or counts.ndim != 1 or counts.size == 0 or counts.min() < 1:
            raise WrofError(f"grid shape must be integers >= 1, got {shape!r}.")
        self.shape: tuple[int, ...] = tuple(int(k) for k in counts)
        self.bounds: tuple[tuple[float, float], ...] = self._read_bounds(bounds)
        self.spacing: tuple[float, ...] = tuple(
            (hi - lo) / (k - 1) if k > 1 else 0.0 for k, (lo, hi) in zip(self.shape, self.bounds, strict=True)
        )

    def _read_bounds(self, bounds: Any) -> tuple[tuple[float, float], ...]:
        if bounds is None:
            longest = max(max(self.shape) - 1, 1)
            return tuple((0.0, (k - 1) / longest) for k in self.shape)
        pairs = real_array(bounds, "grid bounds")
        if pairs.shape == (2,):
            pairs = np.tile(pairs, (len(self.shape), 1))
        if pairs.shape != (len(self.shape), 2):
            raise WrofError(
                f"grid bounds need one (lo, hi), or one per axis ({len(self.shape)}); got shape {pairs.shape}."
            )
        for axis, (lo, hi) in enumerate(pairs):
            rising = hi > lo or (self.shape[axis] == 1 and hi == lo)
            if not (np.isfinite(lo) and np.isfinite(hi) and rising):
                raise WrofError(f"grid bounds of axis {axis} must be finite with lo < hi, got ({lo:g}, {hi:g}).")
        return tuple((float(lo), float(hi)) for lo, hi in pairs)

    @property
    def size(self) -> int:
        """Number of points."""
        return int(np.prod(self.shape))

    @property
    def dim(self) -> int:
        """Dimension of the space the points live in."""
        return len(self.shape)

    @property
    def h(self) -> float:
        """Least positive spacing over the axes; 0 if there is a single point."""
        return min((s for s in self.spacing if s > 0), default=0.0)

    @cached_property
    def points(self) -> Floats:
        """(n, d) coordinates in C order."""
        axes = [np.linspace(lo, hi, k) for k, (lo, hi) in zip(self.shape, self.bounds, strict=True)]
        mesh = np.meshgrid(*axes, indexing="ij")
        return np.asarray(_freeze(np.stack([m.ravel() for m in mesh], axis=1)))

    def measure(self, weights: Any, *, normalize: bool = False) -> Measure:
        """Return the `Measure` on this grid with the given weights, flat or grid-shaped."""
        return Measure(self, weights, normalize=normalize)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `space_from_dict` reads."""
        return {"shape": self.shape, "bounds": self.bounds}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.shape == other.shape and self.bounds == other.bounds

    def __hash__(self) -> int:
        return hash((self.shape, self.bounds))

    def __repr__(self) -> str:
        return f"Grid({self.shape}, bounds={self.bounds})"


class PointCloud(_Value):
    """Finitely many points in R^d.

    Parameters
    ----------
    points : (n, d) float in the length unit; (n,) is read as n points on a line.
        Points that coincide are one stop.
    name : how error messages call them.

    Raises
    ------
    WrofError
        If there is no point, or a coordinate is not finite.
    """

    def __init__(self, points: Any, *, name: str = "points") -> None:
        array = real_array(points, name)
        if array.ndim not in (1, 2) or array.size == 0:
            raise WrofError(f"{name} must be an (n, d) array with n, d >= 1, got shape {array.shape}.")
        _require_finite(array, name, "coordinates")
        if array.ndim == 1:
            array = array[:, None]
        self.points: Floats = _freeze(array + 0.0)  # one zero: -0.0 and 0.0 are the same place

    @property
    def size(self) -> int:
        """Number of points, repeated ones included."""
        return int(self.points.shape[0])

    @property
    def dim(self) -> int:
        """Dimension of the space the points live in."""
        return int(self.points.shape[1])

    def measure(self, weights: Any, *, normalize: bool = False) -> Measure:
        """Return the `Measure` on this cloud with the given weights."""
        return Measure(self, weights, normalize=normalize)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `space_from_dict` reads."""
        return {"points": self.points}

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, PointCloud) and np.array_equal(self.points, other.points))

    def __hash__(self) -> int:
        return hash((self.points.shape, self.points.tobytes()))

    def __repr__(self) -> str:
        return f"PointCloud({self.size} points in R^{self.dim})"


class _Free:
    """All of R^d as stops: mass may rest anywhere."""

    def __repr__(self) -> str:
        return "FREE"

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `space_from_dict` reads."""
        return {}

    def __reduce__(self) -> str:
        return "FREE"  # pickles to the one instance


FREE = _Free()
Space: TypeAlias = Grid | PointCloud
Stops: TypeAlias = Grid | PointCloud | _Free


def space_from_dict(data: dict[str, Any]) -> Any:
    """Return the Grid, PointCloud or FREE that `to_dict` described."""
    if "shape" in data:
        return Grid(data["shape"], data["bounds"])
    return PointCloud(data["points"]) if "points" in data else FREE


class Measure(_Value):
    """Non-negative masses on the points of a space.

    Parameters
    ----------
    space : Grid or PointCloud (or an (n, d) array of points).
    weights : (n,) or, on a grid, grid-shaped; real, finite, >= 0, not all zero.
    normalize : rescale to total mass 1. Nothing is ever rescaled unless asked.
    name : how error messages call it.

    Attributes
    ----------
    space, points (n, d), weights (n,), mass (their sum).

    Raises
    ------
    WrofError
        If weights are negative, not finite, all zero, or do not match the points.
    """

    def __init__(self, space: Any, weights: Any, *, normalize: bool = False, name: str = "measure") -> None:
        self.space: Space = space if isinstance(space, Grid | PointCloud) else PointCloud(space)
        array = real_array(weights, f"{name} weights")
        _require_finite(array, name, "weights")
        self._require_shape(array, name)
        negative = np.argwhere(array < 0)
        if len(negative):
            first = _at(array, negative[0])
            raise WrofError(
                f"{name} has {len(negative)} negative {_plural('weight', len(negative))} (first: weights{first}); "
                "weights are masses: clip or check the input."
            )
        with np.errstate(over="ignore"):
            mass = float(array.sum())
        if not (np.isfinite(mass) and mass > 0):
            raise WrofError(f"{name} has total mass {mass:g}; it must be finite and > 0.")
        if normalize:
            array = array / mass
        self.weights: Floats = _freeze(array.reshape(-1))
        self.mass: float = float(self.weights.sum())

    @classmethod
    def left_behind(cls, space: Space, weights: Floats) -> Measure:
        """Wrap the weights (n,) that a plan leaves behind; they are graded elsewhere, and may be all zero."""
        self = cls.__new__(cls)
        self.space, self.weights, self.mass = space, _freeze(weights), float(weights.sum())
        return self

    def _require_shape(self, array: Floats, name: str) -> None:
        if array.size == 0:
            raise WrofError(f"{name} is empty: it has no weights; give one per point.")
        if isinstance(self.space, Grid):
            if array.shape not in ((self.space.size,), self.space.shape):
                raise WrofError(
                    f"{name} weights have shape {array.shape}; a grid of shape {self.space.shape} "
                    f"takes that shape or ({self.space.size},)."
                )
        elif array.ndim != 1:
            raise WrofError(f"{name} weights have shape {array.shape}; a point cloud takes one weight per point.")
        elif len(array) != self.space.size:
            raise WrofError(f"points has {self.space.size} rows but weights has {len(array)} entries.")

    @property
    def points(self) -> Floats:
        """(n, d) coordinates of the space."""
        return self.space.points

    @property
    def array(self) -> Floats:
        """The weights in the shape of the grid; flat on a cloud."""
        return self.weights.reshape(self.space.shape) if isinstance(self.space, Grid) else self.weights

    @cached_property
    def support(self) -> Ints:
        """Indices of the points that carry mass."""
        return np.asarray(_freeze(np.flatnonzero(self.weights)), dtype=np.int64)

    def __repr__(self) -> str:
        return f"Measure(mass {self.mass:g} on {len(self.support)} of {self.space!r})"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else noun + "s"


def _at(array: Floats, index: npt.NDArray[np.int64]) -> str:
    place = ", ".join(str(int(k)) for k in index)
    return f"[{place}] = {array[tuple(index)]:g}"


def _require_finite(array: Floats, name: str, what: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        noun = what if len(bad) > 1 else what.removesuffix("s")
        raise WrofError(f"{name} has {len(bad)} non-finite {noun} (first: {_at(array, bad[0])}).")


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
