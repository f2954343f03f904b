"""Transport costs: powers of the distance, and the joint cost of a step in its three forms.

The joint cost of moving mass from x towards y in one step,

    c(x, y) = min over stops z of |x - z|^p / 2 tau + |z - y|^alpha,

turns the step into a transport problem between two marginals (gluing lemma). Every cost here answers
the same questions: its shape, blocks of rows, given pairs, the c-transform both ways, and which pairs
are tight for given potentials. Only `dense` holds an n x m matrix.
"""

from .choice import joint_cost, power_cost, scanned_power
from .free import TIE_CLOUD, FreeJoint
from .joint import TIE_GRID, CloudJoint, JointCost, LatticeJoint, LineJoint
from .lattice import euclid, lattice_distance, lattice_index, lattice_strides, least_squares, on_lattice
from .powers import Cost, LatticePower, LinePower, PointPower

__all__ = [
    "TIE_CLOUD",
    "TIE_GRID",
    "CloudJoint",
    "Cost",
    "FreeJoint",
    "JointCost",
    "LatticeJoint",
    "LatticePower",
    "LineJoint",
    "LinePower",
    "PointPower",
    "euclid",
    "joint_cost",
    "lattice_distance",
    "lattice_index",
    "lattice_strides",
    "least_squares",
    "on_lattice",
    "power_cost",
    "scanned_power",
]
