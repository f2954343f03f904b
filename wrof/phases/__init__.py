"""Critical step sizes and regimes: where the answer of a step changes, exactly, and how a flow will end.

On finite stops with alpha fixed, V(s) = min J at s = 1 / 2 tau is concave and piecewise linear with slope K: its
corners are all critical tau, its segments the phases (Davies, The WROF Problem and WGANs, slides, Toronto 2023, saw
three of them; there are many).
"""

from .graph import HopGraph, hop_graph
from .path import critical_taus, phases
from .powers import hop_thresholds
from .record import Phase, Phases
from .theorems import Prediction, predict
from .threshold import Threshold, frozen_below, target_above

__all__ = [
    "HopGraph",
    "Phase",
    "Phases",
    "Prediction",
    "Threshold",
    "critical_taus",
    "frozen_below",
    "hop_graph",
    "hop_thresholds",
    "phases",
    "predict",
    "target_above",
]
