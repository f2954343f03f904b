"""Where mass may live: grids, clouds, and all of R^d; and how much of it is where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from ..errors import WrofError
from .arrays import Floats, Ints, Value, at, freeze, plural, real_array, require_finite


class Grid(Value):
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
        return np.asarray(freeze(np.stack([m.ravel() for m in mesh], axis=1)))

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


class PointCloud(Value):
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
        require_finite(array, name, "coordinates")
        if array.ndim == 1:
            array = array[:, None]
        self.points: Floats = freeze(array + 0.0)  # one zero: -0.0 and 0.0 are the same place

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


class Measure(Value):
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
        require_finite(array, name, "weights")
        self._require_shape(array, name)
        negative = np.argwhere(array < 0)
        if len(negative):
            first = at(array, negative[0])
            raise WrofError(
                f"{name} has {len(negative)} negative {plural('weight', len(negative))} (first: weights{first}); "
                "weights are masses: clip or check the input."
            )
        with np.errstate(over="ignore"):
            mass = float(array.sum())
        if not (np.isfinite(mass) and mass > 0):
            raise WrofError(f"{name} has total mass {mass:g}; it must be finite and > 0.")
        if normalize:
            array = array / mass
        self.weights: Floats = freeze(array.reshape(-1))
        self.mass: float = float(self.weights.sum())

    @classmethod
    def left_behind(cls, space: Space, weights: Floats) -> Measure:
        """Wrap the weights (n,) that a plan leaves behind; they are graded elsewhere, and may be all zero."""
        self = cls.__new__(cls)
        self.space, self.weights, self.mass = space, freeze(weights), float(weights.sum())
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
        return np.asarray(freeze(np.flatnonzero(self.weights)), dtype=np.int64)

    def __repr__(self) -> str:
        return f"Measure(mass {self.mass:g} on {len(self.support)} of {self.space!r})"
