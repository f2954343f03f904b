"""Named problems, the measures they are made of, and the closed forms they are checked against.

A toy returns keyword arguments, ``wrof.step(tau=0.3, **wrof.toys.two_point(r=2.0))``: the Measures `mu` and `nu`, and
`stops` where the toy needs its own. Total mass is 1, except for pictures, whose mass is the user's. Random toys take a
`seed` for ``numpy.random.default_rng``. Lengths share one unit; statements are for p = 2, alpha = 1 and ties taken
lazily unless they say otherwise. Parameters that make no sense raise `WrofError`.

[D] C. Davies, *The WROF Problem and WGANs*, slides, Toronto, 4 December 2023.
[MN] Milne & Nachman, *An optimal transport analogue of the Rudin-Osher-Fatemi model and its corresponding multiscale
theory*, SIAM J. Math. Anal. 56(1), 2024.
"""

from .exact import TIE_RTOL, TwoPoint, line_quantile_flow, three_point_exact, two_point_exact, two_point_thresholds
from .measures import cosine_bumps, dirac, equal_masses, gaussian, ramp, random_weights, uniform
from .pictures import Path, image
from .problems import (
    TOYS,
    Toy,
    bumps,
    clusters,
    gap,
    gaussians,
    images,
    lattice_dirac,
    moons,
    ramp_to_uniform,
    random_to_ramp,
    random_to_uniform,
    rings,
    scattered,
    three_point,
    two_point,
)
from .spec import build, get

__all__ = [
    "TIE_RTOL",
    "TOYS",
    "Path",
    "Toy",
    "TwoPoint",
    "build",
    "bumps",
    "clusters",
    "cosine_bumps",
    "dirac",
    "equal_masses",
    "gap",
    "gaussian",
    "gaussians",
    "get",
    "image",
    "images",
    "lattice_dirac",
    "line_quantile_flow",
    "moons",
    "ramp",
    "ramp_to_uniform",
    "random_to_ramp",
    "random_to_uniform",
    "random_weights",
    "rings",
    "scattered",
    "three_point",
    "three_point_exact",
    "two_point",
    "two_point_exact",
    "two_point_thresholds",
    "uniform",
]
