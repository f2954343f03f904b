"""Optimal transport between two measures: distances, plans, potentials, c-transforms, maps and transport rays.

The cost is |x - y|^p throughout, any p > 0, never rooted except in `distance`. Optimal potentials satisfy
phi(x) + psi(y) <= |x - y|^p everywhere, with equality wherever a plan carries mass.

Sources: A. Leclaire, GAN and WGAN Training, MVA Generative Modeling (2024); T. Milne, Wasserstein 1 Distance for
Generative Models (2021); Santambrogio, Optimal Transport for Applied Mathematicians (2015).
"""

from .distances import distance, distance_power, objective
from .maps import gradient, map_from_gradient, monge_map
from .plans import Potentials, TransportPlan, plan, potentials
from .programs import KantorovichRubinstein, TransportLP, kantorovich_rubinstein, transport_lp
from .rays import TransportRays, ray_monotone_map, transport_direction, transport_rays
from .transforms import c_transform, is_c_concave

__all__ = [
    "KantorovichRubinstein",
    "Potentials",
    "TransportLP",
    "TransportPlan",
    "TransportRays",
    "c_transform",
    "distance",
    "distance_power",
    "gradient",
    "is_c_concave",
    "kantorovich_rubinstein",
    "map_from_gradient",
    "monge_map",
    "objective",
    "plan",
    "potentials",
    "ray_monotone_map",
    "transport_direction",
    "transport_lp",
    "transport_rays",
]
