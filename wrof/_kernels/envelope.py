"""Lower envelopes of parabolas: the c-transform of |x - y|^2 along one axis of a grid, in O(n).

Felzenszwalb & Huttenlocher, Distance transforms of sampled functions, Theory of Computing 8 (2012).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .types import Floats


@njit(cache=True, nogil=True)
def parabolas(lo: int, hi: int, square: float, values: Floats, out: Floats) -> None:
    """Fill out[l, x] = min over y of square (x - y)^2 + values[l, y] on the lines l = lo..hi-1; values may be inf."""
    n = values.shape[1]
    vertex = np.empty(n, np.int64)  # of the parabolas of the envelope, from left to right
    start = np.empty(n + 1)  # where each is the least
    for line in range(lo, hi):
        f = values[line]
        count = 0
        for y in range(n):
            if f[y] == np.inf:
                continue
            since = -np.inf
            while count > 0:
                v = vertex[count - 1]
                since = 0.5 * ((f[y] - f[v]) / (square * (y - v)) + y + v)
                if since > start[count - 1]:
                    break
                count -= 1
                since = -np.inf
            vertex[count], start[count] = y, since
            count += 1
        if count == 0:
            out[line] = np.inf
            continue
        start[count] = np.inf
        k = 0
        for x in range(n):
            while start[k + 1] < x:
                k += 1
            out[line, x] = square * (x - vertex[k]) ** 2 + f[vertex[k]]
