"""The two thresholds that every user asks for: below which tau nothing moves, above which tau nu is reached at once.

On finite stops with alpha fixed they are the first and the last corner of V(s) = min J, s = 1 / 2 tau: the ends of
the lines of mu and of nu. Newton's method on V finds each in a few certified steps. It solves the linear program

    s_min = max over rho of (F(mu, nu) - F(rho, nu)) / K(mu, rho),      tau_frozen = 1 / 2 s_min,

whose dual asks for potentials with phi(x) - phi(z) <= s |x - z|^p that are optimal for F(mu, nu): every step brings
a rho (a lower bound) and ends with potentials (an upper bound). For alpha = 1 + tau neither need be an interval.
"""

from __future__ import annotations

from typing import Any

from ..chords import corner, distinct
from .curve import OPTIONS, Curve, ask
from .powers import Intervals, intervals


class Threshold(float):
    """A critical step size, a float, that says what holds at the step size itself.

    Attributes
    ----------
    lazy, eager : whether the regime it bounds holds at it under select="lazy" and under select="eager".
    """

    lazy: bool
    eager: bool

    def __new__(cls, value: float, *, lazy: bool, eager: bool) -> Threshold:
        """Make it from its value."""
        self = super().__new__(cls, value)
        self.lazy, self.eager = lazy, eager
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, bool]]:
        return (float(self),), {"lazy": self.lazy, "eager": self.eager}


def frozen_below(
    mu: Any,
    nu: Any,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    **where: Any,
) -> Threshold | Intervals | None:
    """Greatest tau up to which no mass moves, for ever: the lazy step from mu is mu.

    tau_frozen = 1 / 2 s_min with s_min = max over rho of (F(mu, nu) - F(rho, nu)) / K(mu, rho).

    Parameters
    ----------
    mu, nu, alpha, p, stops, solver : as in `step`; the stops a Grid or a PointCloud.

    Returns
    -------
    Threshold, a float: frozen for tau < it; at it still frozen under "lazy", no longer under "eager". None if nothing
    moves at any tau. 0.0 if mu has mass off the stops, so that something moves at every tau.
    For alpha="1+tau" the list of (lo, hi), the intervals of tau in which nothing moves; see `target_above`.

    Raises
    ------
    WrofError, SolverError
        As in `phases`.

    Examples
    --------
    >>> import wrof
    >>> wrof.frozen_below(**wrof.toys.two_point(3.0))
    1.5
    """
    problem = ask(mu, nu, alpha, p, stops, OPTIONS, **where)
    if isinstance(alpha, str):
        return intervals(problem, solver, lambda result: result.still)
    curve = Curve(problem, solver)
    if curve.least[0] > 0:
        return Threshold(0.0, lazy=False, eager=False)
    line, far = curve.last(), curve.first()
    if not distinct(far, line):
        return None
    return Threshold(curve.tau_between(corner(curve, line, far, to_right=False), line), lazy=True, eager=False)


def target_above(
    mu: Any,
    nu: Any,
    *,
    alpha: float | str = 1.0,
    p: float = 2.0,
    stops: Any = None,
    solver: str = "auto",
    **where: Any,
) -> Threshold | Intervals | None:
    """Least tau above which the first step is nu.

    The end of the line K(mu, nu) / 2 tau, on which rho = nu minimises J, as V(1 / 2 tau) is concave.

    Parameters
    ----------
    mu, nu, alpha, p, stops, solver : as in `step`; the stops a Grid or a PointCloud.

    Returns
    -------
    Threshold, a float: rho_1 = nu for tau > it; at it so under "eager", not under "lazy". 0.0 if mu = nu. None if nu
    has mass off the stops, which is then never reached.
    For alpha="1+tau" the list of (lo, hi), the intervals of tau in which the lazy rho_1 is nu. They are sampled, at
    some 200 step sizes over all scales and between the thresholds of single hops (`hop_thresholds`), and their ends
    found by bisection, to about 1e-12; what lies between two samples and is not seen at either is missed. The last hi
    is inf if the regime lasts as far as anything can change, or as floating point holds the powers; a WrofWarning tells
    of step sizes in between that could not be decided.

    Raises
    ------
    WrofError, SolverError
        As in `phases`.

    Examples
    --------
    >>> import wrof
    >>> wrof.target_above(**wrof.toys.three_point(1.0, 2.0))
    2.0
    """
    problem = ask(mu, nu, alpha, p, stops, OPTIONS, **where)
    if isinstance(alpha, str):
        return intervals(problem, solver, lambda result: result.arrived)
    curve = Curve(problem, solver)
    if curve.least[1] > 0:
        return None
    line, far = curve.first(), curve.last()
    if not distinct(line, far):
        return Threshold(0.0, lazy=True, eager=True)
    return Threshold(curve.tau_between(line, corner(curve, line, far, to_right=True)), lazy=False, eager=True)
