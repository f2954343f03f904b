"""Figures and animations of flows, drawn from named arrays as stored on disk. Nothing is solved here.

The arrays are those of `Flow.arrays`: on a line measures are bars (or stems, where points are not equally spaced), on a
grid of two dimensions images, elsewhere discs whose area is their mass. Three dimensions and more are seen along the
first two axes: masses on a grid are summed over the others. Figures are plain `matplotlib.figure.Figure` objects: no
pyplot, no display, no state left behind; the same arrays give the same file, byte for byte.
"""

from .animate import GIF_DPI, MAX_FRAMES, flow_gif
from .figures import flow_figure, steps_figure, triptych
from .film import ARRIVED, STILL, Atoms, Points, rho_name
from .panels import BAR_LIMIT, CLOSE, bars, compare, discs, energies
from .paper import DPI, INK, METADATA, MU, NU, OTHER, PALE, PURPLE, RHO, SKY, STYLE, figure, save, style

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
    "discs",
    "energies",
    "figure",
    "flow_figure",
    "flow_gif",
    "rho_name",
    "save",
    "steps_figure",
    "style",
    "triptych",
]
