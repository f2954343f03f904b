"""Figures and animations of flows, sweeps and phases, drawn from named arrays as stored. Nothing is solved here.

The arrays are those of `Flow.arrays`, `Sweep.arrays`, `Phases.arrays` and `HopGraph.arrays`. On a line measures are
bars (or stems, where points are not equally spaced), on a grid of two dimensions images, elsewhere discs whose area is
their mass. Three dimensions and more are seen along the first two axes: masses on a grid are summed over the others.
Figures are plain `matplotlib.figure.Figure` objects: no pyplot, no display, no state left behind; the same arrays give
the same file, byte for byte.
"""

from .animate import GIF_DPI, MAX_FRAMES, flow_gif
from .densities import density_map
from .figures import flow_figure, steps_figure, triptych
from .film import ARRIVED, STILL, Atoms, Points, rho_name
from .hops import hop_graph
from .panels import BAR_LIMIT, CLOSE, bars, compare, discs, energies
from .paper import DPI, INK, METADATA, MU, NU, OTHER, PALE, PURPLE, RHO, SKY, STYLE, figure, save, style
from .phases import pareto, staircase
from .ranges import rho_ranges
from .sweeps import phase_diagram

__all__ = [
    "ARRIVED",
    "BAR_LIMIT",
    "CLOSE",
    "DPI",
    "GIF_DPI",
    "INK",
    "MAX_FRAMES",
    "METADATA",
    "MU",
    "NU",
    "OTHER",
    "PALE",
    "PURPLE",
    "RHO",
    "SKY",
    "STILL",
    "STYLE",
    "Atoms",
    "Points",
    "bars",
    "compare",
    "density_map",
    "discs",
    "energies",
    "figure",
    "flow_figure",
    "flow_gif",
    "hop_graph",
    "pareto",
    "phase_diagram",
    "rho_name",
    "rho_ranges",
    "save",
    "staircase",
    "steps_figure",
    "style",
    "triptych",
]
