"""Wasserstein Rudin-Osher-Fatemi minimizing movements on discrete measures, exact and certified.

    rho_{k+1} in argmin over rho of K(rho_k, rho) / (2 tau) + F(rho, nu)

K is the movement (p = 2: d_2^2), F the discrepancy (alpha = 1: d_1; alpha = 1 + tau). Names load when first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import toys
    from .certify import certify
    from .errors import SolverError, WrofError, WrofWarning
    from .files import load, save
    from .flow import Flow, FlowState, flow, fraction_of_d1, iter_flow
    from .measure import FREE, Grid, Measure, PointCloud
    from .result import Plan, Status, StepResult
    from .solvers import SOLVERS
    from .step import step
    from .transport import distance, distance_power, objective

__version__ = "0.1.0"

_HOME = {
    "certify": "certify",
    "SolverError": "errors",
    "WrofError": "errors",
    "WrofWarning": "errors",
    "load": "files",
    "save": "files",
    "Flow": "flow",
    "FlowState": "flow",
    "flow": "flow",
    "fraction_of_d1": "flow",
    "iter_flow": "flow",
    "FREE": "measure",
    "Grid": "measure",
    "Measure": "measure",
    "PointCloud": "measure",
    "Plan": "result",
    "Status": "result",
    "StepResult": "result",
    "SOLVERS": "solvers",
    "step": "step",
    "distance": "transport",
    "distance_power": "transport",
    "objective": "transport",
    "toys": "toys",
}
__all__ = [
    "FREE",
    "SOLVERS",
    "Flow",
    "FlowState",
    "Grid",
    "Measure",
    "Plan",
    "PointCloud",
    "SolverError",
    "Status",
    "StepResult",
    "WrofError",
    "WrofWarning",
    "certify",
    "distance",
    "distance_power",
    "flow",
    "fraction_of_d1",
    "iter_flow",
    "load",
    "objective",
    "save",
    "step",
    "toys",
]


class _Package(ModuleType):
    """Importing the module wrof.step binds it to the name `step` here: keep the verb there instead."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOME.get(name) == name != "toys":
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wrof' has no attribute '{name}'")
    module = importlib.import_module(f".{_HOME[name]}", __name__)
    value = module if name == "toys" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
