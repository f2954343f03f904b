"""Work shared among the cores: the kernels let go of the interpreter."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise

import numpy as np

from .measure import Ints

SMALL = 2e6  # pairs that are not worth a thread: a millisecond


def in_threads(count: int, pairs: float, work: Callable[[int, int], object]) -> None:
    """Share 0..count-1 among the cores, if there are `pairs` enough."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or count < 2 or pairs < SMALL:
        work(0, count)
        return
    parts = np.linspace(0, count, min(count, 4 * cores) + 1).astype(int)
    pool = _pool(cores, os.getpid())
    running = [pool.submit(work, int(lo), int(hi)) for lo, hi in pairwise(parts)]
    try:
        for done in running:
            done.result()
    finally:  # interrupted: nobody may write into the caller's arrays any more
        for done in running:
            done.cancel()
        wait(running)


@lru_cache(maxsize=1)
def _pool(cores: int, process: int) -> ThreadPoolExecutor:
    """Threads that are kept, as starting them takes as long as a small scan; a forked process needs its own."""
    return ThreadPoolExecutor(cores, thread_name_prefix="wrof-scan")


def find_pairs(
    count: int, pairs: float, room: Callable[[int, int], int], find: Callable[[int, int, Ints, Ints], int]
) -> tuple[Ints, Ints]:
    """Collect what `find` finds in parts of 0..count-1, whatever it is.

    find : (lo, hi, i, j) -> how many pairs there are, also beyond the room of i and j; it is then asked again.
    room : (lo, hi) -> how many to expect.
    """
    found: dict[int, tuple[Ints, Ints]] = {}

    def work(lo: int, hi: int) -> None:
        size = room(lo, hi)
        while True:
            i, j = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
            known = find(lo, hi, i, j)
            if known <= size:
                found[lo] = i[:known], j[:known]
                return
            size = known

    in_threads(count, pairs, work)
    i, j = (np.concatenate([found[lo][k] for lo in sorted(found)]) for k in range(2))
    return i, j


def by_source(i: Ints, j: Ints) -> tuple[Ints, Ints]:
    """Put pairs in order, by i and then j."""
    order = np.lexsort((j, i))
    return i[order], j[order]
