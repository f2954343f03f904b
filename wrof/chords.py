"""A concave piecewise linear function known by evaluations: its corners, found by chords.

V(s) = min over rho of s K(rho) + F(rho) at s = 1 / 2 tau is such a function: every minimiser is a line, slope K and
offset F, that touches V from above. Two lines that touch V cross at one s; either V touches them there, and s is a
corner, or a line found there lies below, and each half has the same question to answer (Eisner & Severance, J. ACM
23(4), 1976). Nothing here knows what K and F are.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

SAME = 1e-13  # slopes, and offsets, that agree to this part are one: both are sums of what is positive
DUST = 1e-15  # parts of J that rounding leaves where nothing should be
LEAST = 1e-290  # how far out corners are looked for, and its inverse
ROUNDS = 200  # of Newton's method, which ends after the number of corners between, in practice after a few


class Line(NamedTuple):
    """s -> slope * s + offset, and what it stands for."""

    slope: float
    offset: float
    owner: Any = None

    def at(self, s: float) -> float:
        """Value at s."""
        return self.slope * s + self.offset


class Touch(NamedTuple):
    """V at s: its value, what rounding may hide, and the lines of least and of greatest slope that touch it."""

    s: float
    value: float
    noise: float
    scale: float
    lazy: Line
    eager: Line


Evaluate: TypeAlias = Callable[[float], Touch]


def meeting(one: Line, other: Line) -> float:
    """Where two lines cross."""
    return (other.offset - one.offset) / (one.slope - other.slope)


def distinct(left: Line, right: Line) -> bool:
    """Whether the left line is truly steeper, and lower at 0."""
    return left.slope - right.slope > SAME * left.slope and right.offset - left.offset > SAME * right.offset


def corner(evaluate: Evaluate, line: Line, far: Line, to_right: bool) -> Line:
    """Neighbour of `line` where the segment on which it touches V ends, by Newton's method; they cross there.

    Parameters
    ----------
    evaluate : gives V at s. line : touches V somewhere. far : a line that touches V beyond the end that is sought.
    to_right : the end at the greater s.
    """
    s = meeting(line, far)
    for _ in range(ROUNDS):
        touch = evaluate(s)
        near = touch.eager if to_right else touch.lazy
        left, right = (line, near) if to_right else (near, line)
        if line.at(s) - touch.value <= touch.noise or not distinct(left, right):
            break
        closer = meeting(line, near)
        if not (closer < s if to_right else closer > s):
            break
        s, far = closer, near
    return far


@dataclass
class Piece:
    """A line that touches V on a segment, and the minimisers met at its ends, if they were."""

    line: Line
    at_left: Any = None
    at_right: Any = None

    def meet(self, line: Line, right: bool) -> None:
        """Keep the minimiser met at an end; if rounding hid this piece's there, any of the piece is one."""
        apart = distinct(line, self.line) or distinct(self.line, line)
        owner = self.line.owner if apart else line.owner
        if right:
            self.at_right = owner
        else:
            self.at_left = owner


@dataclass
class Corners:
    """Pieces of V from left (steepest) to right, and where neighbours meet.

    Attributes
    ----------
    pieces : list of Piece. places : s of the corner behind each but the last; None where V was not seen to touch both
        neighbours.
    """

    pieces: list[Piece]
    places: list[float | None] = field(default_factory=list)


def search(
    evaluate: Evaluate, first: Line, last: Line, tol: float, most: int | None, told: Callable[[int], object]
) -> Corners:
    """All corners of V between the line that touches it first and the one that does last, the coarsest first.

    Parameters
    ----------
    evaluate : gives V at s. first, last : its pieces at the least and at the greatest s.
    tol : a piece that lies less than tol * scale below the crossing of its neighbours is not told from them.
    most : take in no more pieces than these; None: all. told : called with their number after every evaluation.
    """
    pieces = [Piece(first)]
    if not distinct(first, last):
        return Corners(pieces)
    pieces.append(Piece(last))
    after = {0: 1}
    places: dict[int, float] = {}
    span, drop = first.slope - last.slope, last.offset - first.offset
    order = iter(range(1 << 62))
    queue: list[tuple[float, int, int, int]] = []

    def ask(left: int, right: int) -> None:
        a, b = pieces[left].line, pieces[right].line
        size = (a.slope - b.slope) / span * (b.offset - a.offset) / drop  # of the corner that may be cut off
        heapq.heappush(queue, (-size, next(order), left, right))

    ask(0, 1)
    while queue:
        *_, left, right = heapq.heappop(queue)
        a, b = pieces[left], pieces[right]
        touch = evaluate(meeting(a.line, b.line))
        found = list(_between(touch, a.line, b.line, tol))
        told(len(pieces))
        if found and most is not None and len(pieces) + len(found) > most:
            continue
        pieces += [Piece(line) for line in found]
        chain = [left, *range(len(pieces) - len(found), len(pieces)), right]
        for i, j in pairwise(chain):
            after[i] = j
        if len(found) != 1:  # V has a corner at s, between the two neighbours there
            i, j = chain[len(found) // 2], chain[len(found) // 2 + 1]
            places[i] = touch.s
            pieces[i].meet(touch.eager, right=True)
            pieces[j].meet(touch.lazy, right=False)
        if found:
            ask(left, chain[1])
            ask(chain[-2], right)
    way = list(_follow(after, 0))
    return Corners([pieces[i] for i in way], [places.get(i) for i in way[:-1]])


def _between(touch: Touch, left: Line, right: Line, tol: float) -> Iterator[Line]:
    """Lines at a crossing that lie below both its lines: none, one, or two."""
    if left.at(touch.s) - touch.value <= tol * touch.scale + touch.noise:
        return
    steep, flat = touch.eager, touch.lazy
    inside = [line for line in (steep, flat) if distinct(left, line) and distinct(line, right)]
    yield from inside if len(inside) < 2 or distinct(steep, flat) else inside[:1]


def _follow(after: dict[int, int], start: int) -> Iterator[int]:
    at: int | None = start
    while at is not None:
        yield at
        at = after.get(at)


def margin(evaluate: Evaluate, here: Touch, least_slope: float, least_offset: float) -> float:
    """Distance |s' / s - 1| in tau from s to the nearest corner: |tau' - tau| / tau; inf if there is none.

    Parameters
    ----------
    evaluate : gives V at s. here : V at s. least_slope, least_offset : of all lines; which end where they are reached.
    """
    steep, flat = here.eager, here.lazy
    if distinct(steep, flat):
        return 0.0
    ends = []
    slope, offset = (SAME * flat.slope + DUST * here.scale / here.s, SAME * steep.offset + DUST * here.scale)
    for to_right, more in ((True, flat.slope - least_slope > slope), (False, steep.offset - least_offset > offset)):
        if not more:
            continue
        line, s = (steep if to_right else flat), here.s
        factor = 4.0
        while LEAST < s < 1 / LEAST:
            s = min(s * factor, 1 / LEAST) if to_right else max(s / factor, LEAST)
            factor = min(factor**2, 1e100)
            touch = evaluate(s)
            far = touch.eager if to_right else touch.lazy
            if distinct(*((line, far) if to_right else (far, line))):
                ends.append(meeting(line, corner(evaluate, line, far, to_right)))
                break
    return float(min((abs(here.s / s - 1) for s in ends), default=np.inf))
