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
    from . import toys, transport
    from .certify import certify
    from .errors import SolverError, WrofError, WrofWarning
    from .explicit import ExplicitFlow, ExplicitStep, explicit_flow, explicit_step
    from .files import load, save
    from .flow import Flow, FlowState, flow, fraction_of_d1, iter_flow
    from .hierarchy import Features, MultiscaleFlow, features, multiscale_flow
    from .measure import FREE, Grid, Measure, PointCloud
    from .minimisers import TieReport
    from .phases import (
        HopGraph,
        Phase,
        Phases,
        Prediction,
        Threshold,
        critical_taus,
        frozen_below,
        hop_graph,
        hop_thresholds,
        phases,
        predict,
        target_above,
    )
    from .result import Plan, Status, StepResult
    from .solvers import SOLVERS
    from .step import step, tie_report
    from .sweep import Sweep, load_sweep, sweep
    from .transport import distance, distance_power, objective

__version__ = "0.1.0"

_HOME = {
    "certify": "certify",
    "SolverError": "errors",
    "WrofError": "errors",
    "WrofWarning": "errors",
    "ExplicitFlow": "explicit",
    "ExplicitStep": "explicit",
    "explicit_flow": "explicit",
    "explicit_step": "explicit",
    "load": "files",
    "save": "files",
    "Flow": "flow",
    "FlowState": "flow",
    "flow": "flow",
    "fraction_of_d1": "flow",
    "iter_flow": "flow",
    "Features": "hierarchy",
    "MultiscaleFlow": "hierarchy",
    "features": "hierarchy",
    "multiscale_flow": "hierarchy",
    "FREE": "measure",
    "Grid": "measure",
    "Measure": "measure",
    "PointCloud": "measure",
    "HopGraph": "phases",
    "Phase": "phases",
    "Phases": "phases",
    "Prediction": "phases",
    "Threshold": "phases",
    "critical_taus": "phases",
    "frozen_below": "phases",
    "hop_graph": "phases",
    "hop_thresholds": "phases",
    "phases": "phases",
    "predict": "phases",
    "target_above": "phases",
    "Plan": "result",
    "Status": "result",
    "StepResult": "result",
    "SOLVERS": "solvers",
    "step": "step",
    "Sweep": "sweep",
    "load_sweep": "sweep",
    "sweep": "sweep",
    "tie_report": "step",
    "TieReport": "minimisers",
    "distance": "transport",
    "distance_power": "transport",
    "objective": "transport",
    "toys": "toys",
    "transport": "transport",
}
_ROOMS = ("toys", "transport")  # modules that users see as such
__all__ = [
    "FREE",
    "SOLVERS",
    "ExplicitFlow",
    "ExplicitStep",
    "Features",
    "Flow",
    "FlowState",
    "Grid",
    "HopGraph",
    "Measure",
    "MultiscaleFlow",
    "Phase",
    "Phases",
    "Plan",
    "PointCloud",
    "Prediction",
    "SolverError",
    "Status",
    "StepResult",
    "Sweep",
    "Threshold",
    "TieReport",
    "WrofError",
    "WrofWarning",
    "certify",
    "critical_taus",
    "distance",
    "distance_power",
    "explicit_flow",
    "explicit_step",
    "features",
    "flow",
    "fraction_of_d1",
    "frozen_below",
    "hop_graph",
    "hop_thresholds",
    "iter_flow",
    "load",
    "load_sweep",
    "multiscale_flow",
    "objective",
    "phases",
    "predict",
    "save",
    "step",
    "sweep",
    "target_above",
    "tie_report",
    "toys",
    "transport",
]


class _Package(ModuleType):
    """Importing the module wrof.step binds it to the name `step` here: keep the verb there instead."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOME.get(name) == name and name not in _ROOMS:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wrof' has no attribute '{name}'")
    module = importlib.import_module(f".{_HOME[name]}", __name__)
    value = module if name in _ROOMS else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
