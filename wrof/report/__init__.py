"""What the command line answers: results as numbers to read, as JSON, as runs on disk with their pictures, checked."""

from .checks import verify
from .disk import keep, keep_sweep, known_critical, place, read, same, sweep_folder
from .figures import FIGURES, draw, fitting, illustrate, picture, usual
from .numbers import of_flow, of_phases, of_step, of_sweep, of_tau, of_ties, one_step, phase_arrays
from .text import tell

__all__ = [
    "FIGURES",
    "draw",
    "fitting",
    "illustrate",
    "keep",
    "keep_sweep",
    "known_critical",
    "of_flow",
    "of_phases",
    "of_step",
    "of_sweep",
    "of_tau",
    "of_ties",
    "one_step",
    "phase_arrays",
    "picture",
    "place",
    "read",
    "same",
    "sweep_folder",
    "tell",
    "usual",
    "verify",
]
