"""All pairs of a plane lattice, scanned in blocks on all cores; blocks that provably hold nothing are left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ._kernels import blocks
from .measure import Floats, Ints
from .threads import in_threads

SIDE = 8  # cells
TURNS = 16  # directions of the second bound
SAFE = 1e-13  # margin of the second bound, relative to what is added up in it


class BlockScan:
    """Costs by offset on a plane grid, rising with each |offset|; `mirrored` as in `wrof.scans.LatticeScan`.

    For alpha = 1 a few per cent of the blocks are left to scan, whatever the data: c-transforms fall along transport
    rays as fast as costs rise, and blocks off the ray of each other are told apart by a bound along it.
    """

    def __init__(self, table: Floats, mirrored: Floats, spacing: Floats) -> None:
        self.table, self.mirrored, self.spacing = table, mirrored, np.asarray(spacing, dtype=np.float64)
        self.count = [-(-cells // SIDE) for cells in table.shape]
        angle = 2 * np.pi * np.arange(TURNS) / TURNS
        self._turns = np.stack([np.cos(angle), np.sin(angle)], axis=1)

    @cached_property
    def _line(self) -> tuple[float, float]:
        """(slope, drop) of a line below the costs: c >= slope r - drop, tight far out."""
        axis = int(np.argmax(self.table.shape))
        along = self.table[:, 0] if axis == 0 else self.table[0]
        slope = float(along[-1] - along[-2]) / self.spacing[axis] if self.spacing[axis] > 0 else 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            drop = float(np.max(slope * self._distance - self.table))
        return (slope, drop) if np.isfinite(slope) and np.isfinite(drop) else (0.0, 0.0)

    @cached_property
    def _distance(self) -> Floats:
        rows, cells = self.table.shape
        return np.asarray(np.hypot(*np.ix_(np.arange(rows) * self.spacing[0], np.arange(cells) * self.spacing[1])))

    @cached_property
    def _which(self) -> Ints:
        """Direction of every offset between blocks."""
        down, along = (np.arange(1 - n, n) * h for n, h in zip(self.count, self.spacing, strict=True))
        angle = np.arctan2(along[None, :], down[:, None])
        return np.asarray(np.round(angle * TURNS / (2 * np.pi)).astype(np.int64) % TURNS)

    def _given(self, rest: Floats) -> tuple[Any, ...]:
        """Return what both kernels are told about rest: (rows, cells), infinite where nothing is."""
        least, tilted = np.empty(self.count), np.empty((*self.count, TURNS))
        slope, drop = self._line
        blocks.low(rest, self.spacing, slope, SIDE, self._turns, least, tilted)
        size = float(np.max(np.abs(rest), initial=0.0, where=np.isfinite(rest)))
        drop += SAFE * (size + slope * float(self._distance[-1, -1]) + abs(drop))
        return self.spacing, slope, drop, self._turns, self._which, rest, least, tilted

    def least(self, rest: Floats, wanted: Floats, pairs: float) -> Floats:
        """(rows, cells) min over y of c + rest; infinite in blocks where `wanted`, 0 or -inf, wants nothing."""
        out = np.full(rest.shape, np.inf)
        given: Any = (SIDE, self.mirrored, wanted, *self._given(rest), out)
        in_threads(self.count[0], pairs, lambda lo, hi: blocks.block_least(lo, hi, *given))
        return out

    def below(self, rest: Floats, bar: Floats) -> Callable[..., int]:
        """Kernel of (lo, hi, own, found) that finds the pairs of flat cells with c + rest <= bar in rows of blocks."""
        given: Any = (SIDE, self.mirrored, bar, *self._given(rest))

        def work(lo: int, hi: int, own: Ints, found: Ints) -> int:
            return int(blocks.block_below(lo, hi, *given, own, found))  # type: ignore[call-arg]

        return work
