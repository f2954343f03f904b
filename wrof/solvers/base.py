"""What every solver offers."""

from __future__ import annotations

from typing import Protocol

from ..problem import StepProblem
from ..result import Proposal, Start


class Solver(Protocol):
    """A solver of steps: stateless, so that one instance serves every problem.

    Attributes
    ----------
    selects : selections that its proposal already is, so that no secondary problem follows.
    follows : whether the steps of a flow, or of neighbouring step sizes, are faster one from the other.
    """

    selects: tuple[str, ...]
    follows: bool

    def refuses(self, problem: StepProblem) -> str | None:
        """Why it cannot take the problem, and what can; None if it can."""

    def propose(
        self, problem: StepProblem, *, farthest: bool, start: Start | None, max_iter: int | None, slack: float = 0.0
    ) -> Proposal:
        """Return a plan and a potential.

        Parameters
        ----------
        problem : StepProblem.
        farthest : among tied stops of a pair take the farthest from the source, not the nearest.
        start : a potential, and perhaps a plan, to start from, if it can use one.
        max_iter : limit on its own iterations.
        slack : part of J that the gap may be, if the solver can be faster for it; 0 asks for a minimiser.
        """
