"""What the command line is given, as the library takes it: toys and files as measures, words as numbers and stops."""

from .inputs import Inputs, read
from .problems import PROBLEMS, listing, toy_spec
from .question import STEPS, STOPS, Question, frames_per_second, read_phases, read_question, read_sweep

__all__ = [
    "PROBLEMS",
    "STEPS",
    "STOPS",
    "Inputs",
    "Question",
    "frames_per_second",
    "listing",
    "read",
    "read_phases",
    "read_question",
    "read_sweep",
    "toy_spec",
]
