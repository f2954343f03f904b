"""The solvers, one small file each. To add one: write its file, and its line below.

A solver says why it refuses a problem before it starts, and proposes a plan and a potential;
`wrof.certify` grades them.
"""

from __future__ import annotations

from ..errors import WrofError, unknown
from ..problem import StepProblem
from ..result import StepResult
from .base import Solver
from .lp import LP
from .monotone import Monotone
from .multiscale import Multiscale
from .simplex import Simplex

SOLVERS: dict[str, Solver] = {
    "monotone": Monotone(),  # any stops on a line, p >= 1 and alpha >= 1
    "simplex": Simplex(),  # POT's network simplex on the dense joint cost
    "multiscale": Multiscale(),  # grids and free stops, from coarse to fine, without a matrix
    "lp": LP(),  # the three-layer linear program, a reference
}
CROSSOVER = {True: 6e5, False: 1e5}  # pairs from which "multiscale" is faster, free stops or not; results/benchmarks


def _by_preference(problem: StepProblem) -> tuple[str, ...]:
    """Return what "auto" asks, in order."""
    if float(len(problem.a)) * len(problem.b) < CROSSOVER[problem.stop_points is None]:
        return "monotone", "simplex", "multiscale"
    return "monotone", "multiscale", "simplex"


def follows(result: StepResult) -> bool:
    """Whether the next step, or that of a neighbouring step size, is faster from this one."""
    return result.solver in SOLVERS and SOLVERS[result.solver].follows


def choose(problem: StepProblem, name: str) -> tuple[str, Solver]:
    """Return the solver called `name`, or for "auto" the first that takes the problem."""
    if name == "auto":
        for candidate in _by_preference(problem):
            if SOLVERS[candidate].refuses(problem) is None:
                return candidate, SOLVERS[candidate]
        raise WrofError(str(SOLVERS["simplex"].refuses(problem)))  # which refuses nothing but sizes
    if not isinstance(name, str) or name not in SOLVERS:
        raise unknown("solver", name, ["auto", *SOLVERS])
    reason = SOLVERS[name].refuses(problem)
    if reason is not None:
        raise WrofError(reason)
    return name, SOLVERS[name]
