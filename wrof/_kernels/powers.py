"""Powers of distances between points, and offset tables on lattices."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .types import Floats, Ints


@njit(cache=True, inline="always")
def power(r: float, q: float) -> float:
    """r^q for r >= 0, with the common exponents spelled out."""
    if q == 1.0:
        return r
    if q == 2.0:
        return r * r
    if q == 0.5:
        return math.sqrt(r)
    return float(np.power(r, q))  # plain Python, as the kernels can be run too, would raise where it overflows


@njit(cache=True)
def power_rows(x: Floats, y: Floats, coef: float, q: float, out: Floats) -> None:
    """Fill out[i, j] = coef |x_i - y_j|^q."""
    d = x.shape[1]
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            if d == 1:
                r = abs(x[i, 0] - y[j, 0])
            else:
                s = 0.0
                for k in range(d):
                    s += (x[i, k] - y[j, k]) ** 2
                r = np.sqrt(s)
            out[i, j] = coef * power(r, q)


@njit(cache=True)
def lattice_rows(x: Ints, y: Ints, strides: Ints, table: Floats, out: Floats) -> None:
    """Fill out[i, j] = table[offset], offset = |x_i - y_j| per axis in C order; x, y integer."""
    d = x.shape[1]
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            o = 0
            for k in range(d):
                o += abs(x[i, k] - y[j, k]) * strides[k]
            out[i, j] = table[o]
