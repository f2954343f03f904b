"""Where mass may live (`Grid`, `PointCloud`, `FREE`) and how much of it is where (`Measure`).

Everything a user passes in is validated here, once; the rest of the package trusts it.
"""

from .arrays import Floats, Ints, positive_number, real_array, require_finite
from .reading import MASS_RTOL, measures, same_size
from .spaces import FREE, Grid, Measure, PointCloud, Space, Stops, space_from_dict

__all__ = [
    "FREE",
    "MASS_RTOL",
    "Floats",
    "Grid",
    "Ints",
    "Measure",
    "PointCloud",
    "Space",
    "Stops",
    "measures",
    "positive_number",
    "real_array",
    "require_finite",
    "same_size",
    "space_from_dict",
]
