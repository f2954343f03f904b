"""Named problems, the measures they are made of, and the closed forms they are checked against.

A toy returns keyword arguments, ``wrof.step(tau=0.3, **wrof.toys.two_point(r=2.0))``: the Measures `mu` and `nu`, and
`stops` where the toy needs its own. Total mass is 1, except for pictures, whose mass is the user's. Random toys take a
`seed` for ``numpy.random.default_rng``. Lengths share one unit; statements are for p = 2, alpha = 1 and ties taken
lazily unless they say otherwise. Parameters that make no sense raise `WrofError`.

[D] C. Davies, *The WROF Problem and WGANs*, slides, Toronto, 4 December 2023.
[MN] Milne & Nachman, *An optimal transport analogue of the Rudin-Osher-Fatemi model and its corresponding multiscale
theory*, SIAM J. Math. Anal. 56(1), 2024.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np

from .errors import WrofError, unknown
from .measure import Floats, Grid, Measure, PointCloud, Space, measures, positive_number

Toy: TypeAlias = dict[str, Any]
Path: TypeAlias = str | os.PathLike[str]

TIE_RTOL = 1e-12  # two costs are a tie up to this relative difference


# ---- one measure ----------------------------------------------------------------------------------------------------


def dirac(space: Space, index: int) -> Measure:
    """Return unit mass at point `index` (C order) of a Grid or PointCloud."""
    if _count(index, "index", least=0) >= space.size:
        raise WrofError(f"index must be below the {space.size} points of {space!r}, got {index}.")
    return space.measure(np.arange(space.size) == index)


def uniform(K: int | Sequence[int] = 128) -> Measure:
    """Return equal masses on Grid(K), K points or a grid shape; longest side [0, 1]."""
    grid = Grid(K)
    return grid.measure(np.full(grid.size, 1.0), normalize=True)


def random_weights(K: int | Sequence[int] = 128, seed: int = 0) -> Measure:
    """Return masses on Grid(K) drawn uniformly from [0, 1), then normalised."""
    grid = Grid(K)
    return grid.measure(_rng(seed).random(grid.size), normalize=True)


def ramp(K: int = 128, increasing: bool = False, zero_end: bool = True) -> Measure:
    """Return a linear ramp on K points of [0, 1], decreasing unless asked: masses in proportion to K-1, ..., 1, 0.

    `zero_end=False`: to K, ..., 2, 1, which is what the bars of the published pictures [D] show.
    """
    weights = np.arange(_count(K, "K"), 0.0, -1.0) - (zero_end and K > 1)
    return Grid(K).measure(weights[::-1] if increasing else weights, normalize=True)


def cosine_bumps(K: int, centers: Sequence[float], width: float) -> Measure:
    """Return a sum of equal bumps 1 + cos(pi |x-c|/width), |x-c| < width, on K points of [0, 1]; zero elsewhere."""
    grid, width = Grid(_count(K, "K")), positive_number(width, "width")
    far = np.abs(grid.points - np.asarray(centers, dtype=float)) / width
    return Measure(grid, np.where(far < 1, 1 + np.cos(np.pi * far), 0.0).sum(axis=1), normalize=True, name="bumps")


def gaussian(grid: Grid, center: Sequence[float] | Floats, width: float) -> Measure:
    """Return masses proportional to exp(-|x-center|^2 / 2 width^2) on a grid of any dimension; center (d,)."""
    width, middle = positive_number(width, "width"), np.asarray(center, dtype=float)
    if middle.shape != (grid.dim,) or not np.isfinite(middle).all():
        raise WrofError(f"center of a Gaussian needs {grid.dim} finite coordinates, got {center!r}.")
    exponent = np.sum((grid.points - middle) ** 2, axis=1) / (2 * width**2)
    return grid.measure(np.exp(exponent.min() - exponent), normalize=True)  # the shift keeps far centers from underflow


def equal_masses(points: Any) -> Measure:
    """Return mass 1/n at each row of an (n, d) array."""
    space = PointCloud(points)
    return space.measure(np.full(space.size, 1 / space.size))


def image(
    path: Path, size: int | tuple[int, int] | None = None, normalize: bool = False, invert: bool = False
) -> Measure:
    """Read a picture file as a measure on the pixel grid (row, column): brightness, from 0 to 1, is mass.

    Parameters
    ----------
    path : file in any format Pillow reads. Colours become grey by luma; transparent pixels carry no mass.
    size : longer side in pixels, or (rows, columns); resized by area averages. Default: as it is.
    normalize : rescale to total mass 1.
    invert : darkness is mass instead, 1 - brightness.

    Returns
    -------
    Measure on Grid((rows, columns)): square pixels, the longer side [0, 1].

    Raises
    ------
    WrofError
        If the file cannot be read, or carries no mass.
    """
    grey = _read_grey(path, invert)
    rows, columns = grey.shape
    if size is not None:
        if isinstance(size, tuple) and len(size) == 2:
            rows, columns = (_count(side, "size") for side in size)
        else:
            scale = _count(size, "size") / max(rows, columns)
            rows, columns = (max(1, int(side * scale + 0.5)) for side in (rows, columns))
        if (rows, columns) != grey.shape:
            from PIL import Image

            picture = Image.fromarray(grey.astype(np.float32))
            grey = np.asarray(picture.resize((columns, rows), Image.Resampling.BOX), dtype=np.float64)
    return Measure(Grid((rows, columns)), grey, normalize=normalize, name=f"picture '{os.fspath(path)}'")


# ---- toys -----------------------------------------------------------------------------------------------------------


def two_point(r: float = 1.0) -> Toy:
    """Dirac at 0 to Dirac at r, stops {0, r}, the model that explains steady states [D]; see `two_point_exact`."""
    line = PointCloud([0.0, _distance(r)])
    return {"mu": dirac(line, 0), "nu": dirac(line, 1)}


def three_point(a: float = 1.0, b: float = 2.0) -> Toy:
    """Dirac at 0 to Dirac at a+b, stops {0, a, a+b}: the middle stop lets mass go in two hops; `three_point_exact`."""
    a, b = positive_number(a, "a"), positive_number(b, "b")
    line = PointCloud([0.0, a, a + b])
    return {"mu": dirac(line, 0), "nu": dirac(line, 2)}


def gap(a: float = 1.0, b: float = 2.0) -> Toy:
    """Halves at -a and 0 to halves at 0 and b, stops {-a, 0, b}: one gap is crossed, the other is not.

    Each half moves one stop to the right or not at all: the left one iff a < 2 tau, the right one iff b < 2 tau.
    For a < 2 tau <= b all mass piles up at 0, for ever: a steady state that is neither mu nor nu.
    """
    line = PointCloud([-positive_number(a, "a"), 0.0, positive_number(b, "b")])
    return {"mu": line.measure([0.5, 0.5, 0.0]), "nu": line.measure([0.0, 0.5, 0.5])}


def lattice_dirac(n: int = 5, h: float = 1.0) -> Toy:
    """Dirac at 0 to Dirac at n h on the lattice 0, h, ..., n h; critical tau at h/2, 3h/2, ..., (n - 1/2) h."""
    grid = Grid((_count(n, "n") + 1,), bounds=(0.0, n * positive_number(h, "h")))
    return {"mu": dirac(grid, 0), "nu": dirac(grid, n)}


def ramp_to_uniform(K: int = 128, zero_end: bool = True) -> Toy:
    """Decreasing `ramp` to uniform on K points of [0, 1]: the first published picture [D] (p = 1, alpha = 1/2)."""
    return {"mu": ramp(K, zero_end=zero_end), "nu": uniform(K)}


def random_to_ramp(K: int = 128, seed: int = 0, increasing: bool = False, zero_end: bool = True) -> Toy:
    """Random masses to a `ramp` on K points of [0, 1]: the second published picture [D] (p = 1, alpha = 1/2)."""
    return {"mu": random_weights(_count(K, "K"), seed), "nu": ramp(K, increasing, zero_end)}


def random_to_uniform(K: int = 128, seed: int = 0) -> Toy:
    """Random masses to uniform on K points of [0, 1]: the third published picture [D] (p = 1, alpha = 1/2)."""
    return {"mu": random_weights(_count(K, "K"), seed), "nu": uniform(K)}


def bumps(
    K: int = 128, source: tuple[float, ...] = (0.2, 0.4), target: tuple[float, ...] = (0.75,), width: float = 0.1
) -> Toy:
    """Smooth bumps of half-width `width` at the `source` positions to bumps at the `target` positions of [0, 1]."""
    return {"mu": cosine_bumps(K, source, width), "nu": cosine_bumps(K, target, width)}


def gaussians(
    shape: int | tuple[int, ...] = (32, 32),
    source: tuple[float, ...] | None = None,
    target: tuple[float, ...] | None = None,
    width: float = 0.1,
) -> Toy:
    """Gaussian to Gaussian on Grid(shape), any dimension; default centers: 1/4 and 3/4 along every axis."""
    grid = Grid(shape)
    sides = np.array([hi for _, hi in grid.bounds])
    return {
        "mu": gaussian(grid, sides / 4 if source is None else source, width),
        "nu": gaussian(grid, sides * 3 / 4 if target is None else target, width),
    }


def clusters(n: int = 8, k: int = 3, gap: float = 1.0, size: float = 0.5, dim: int = 2, seed: int = 0) -> Toy:
    """Random clusters in a row: inside a cluster mass can move, across a gap it should but may not.

    Parameters
    ----------
    n : source points, and again target points, in each of the k clusters.
    k : cubes [0, size]^dim along the first axis; those of neighbours are `gap` apart.
    gap, size : lengths. No mass leaves a cluster while 2 tau <= gap.
    dim : dimension. seed : of the positions.

    Returns
    -------
    mu, nu : cluster masses k : k-1 : ... : 1 and 1 : 2 : ... : k, equal within a cluster. stops : all 2nk points.
    """
    n, k, dim = _count(n, "n"), _count(k, "k"), _count(dim, "dim")
    gap, size = positive_number(gap, "gap"), positive_number(size, "size")
    points = _rng(seed).random((2, k, n, dim)) * size
    points[..., 0] += (gap + size) * np.arange(k)[:, None]
    points = points.reshape(2, k * n, dim)
    masses = np.repeat(np.arange(k, 0, -1.0), n)
    mu, nu = Measure(points[0], masses, normalize=True), Measure(points[1], masses[::-1], normalize=True)
    return {"mu": mu, "nu": nu, "stops": PointCloud(points.reshape(-1, dim))}


def scattered(n: int = 20, m: int = 20, dim: int = 2, seed: int = 0) -> Toy:
    """Random points in [0, 1]^dim, n source and m target, equal masses; stops left to their default, both clouds."""
    dim, rng = _count(dim, "dim"), _rng(seed)
    return {
        "mu": equal_masses(rng.random((_count(n, "n"), dim))),
        "nu": equal_masses(rng.random((_count(m, "m"), dim))),
    }


def moons(n: int = 50, noise: float = 0.05, seed: int = 0) -> Toy:
    """Two interlocked half circles, (cos t, sin t) to (1 - cos t, 1/2 - sin t), n points each, Gaussian `noise`."""
    t = np.pi * (np.arange(_count(n, "n")) + 0.5) / n
    scatter = _distance(noise, "noise") * _rng(seed).standard_normal((2, n, 2))
    upper, lower = np.stack([np.cos(t), np.sin(t)], axis=1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    return {"mu": equal_masses(upper + scatter[0]), "nu": equal_masses(lower + scatter[1])}


def rings(
    n: int = 60, source: tuple[float, float] = (2.0, 3.0), target: tuple[float, float] = (0.0, 1.0), seed: int = 0
) -> Toy:
    """Ring to ring in the plane, n equal-area points each, given as (inner, outer) radius.

    Point k sits at radius^2 = inner^2 + (outer^2 - inner^2)(k + 1/2)/n; its angle is random, but the same in both
    rings. If the rings do not overlap, d_1 is therefore exactly the mean difference of radii (28/15 as n grows, by
    default).
    """
    share, angle = (np.arange(_count(n, "n")) + 0.5) / n, 2 * np.pi * _rng(seed).random(n)
    pair = []
    for name, ring in (("source", source), ("target", target)):
        if len(ring) != 2 or not 0 <= ring[0] < ring[1] < np.inf:
            raise WrofError(f"{name} must be an inner and an outer radius, 0 <= inner < outer, got {ring!r}.")
        radius = np.sqrt(ring[0] ** 2 + (ring[1] ** 2 - ring[0] ** 2) * share)
        pair.append(equal_masses(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)))
    return {"mu": pair[0], "nu": pair[1]}


def images(source: Path, target: Path, size: int | None = None, normalize: bool = False, invert: bool = False) -> Toy:
    """Picture file to picture file, as in `image`; the target is resized to the shape of the source."""
    mu = image(source, size, normalize, invert)
    rows, columns = mu.array.shape
    return {"mu": mu, "nu": image(target, (rows, columns), normalize, invert)}


# ---- closed forms ---------------------------------------------------------------------------------------------------


class TwoPoint(NamedTuple):
    """Minimisers of the two-point toy: the masses left at 0 fill the interval `rho0` = (lo, hi); `value` is J."""

    rho0: tuple[float, float]
    value: float


def two_point_exact(r: float, tau: float, alpha: float | str = 1.0, p: float = 2.0) -> TwoPoint:
    """Solve the two-point toy: J(rho0) = (1 - rho0) r^p/2tau + rho0 r^alpha is least at an end [D].

    Parameters
    ----------
    r : distance >= 0. At r = 0 both points are one stop: J = 0 and every split of the mass is optimal, (0, 1).
    tau : step size > 0.
    alpha, p : exponents > 0; alpha may be "1+tau".

    Returns
    -------
    TwoPoint : (0, 0) if all mass moves, r^p/2tau < r^alpha; (1, 1) if none does; (0, 1) if the two agree to 1e-12.
    """
    r, tau, p = _distance(r), positive_number(tau, "tau"), positive_number(p, "p")
    power = 1 + tau if _is_one_plus_tau(alpha) else positive_number(alpha, "alpha")
    if r == 0:
        return TwoPoint((0.0, 1.0), 0.0)
    with np.errstate(over="ignore"):
        move, stay = float(np.float64(r) ** p / tau / 2), float(np.float64(r) ** power)
    excess = (p - power) * np.log(r) - np.log(2.0) - np.log(tau)  # log(move / stay), safe from overflow
    if abs(excess) <= TIE_RTOL:
        return TwoPoint((0.0, 1.0), stay)
    return TwoPoint((0.0, 0.0), move) if excess < 0 else TwoPoint((1.0, 1.0), stay)


def two_point_thresholds(r: float, alpha: float | str = 1.0, p: float = 2.0) -> Floats:
    """Return all tau, ascending, at which the two-point toy is tied: r^p/2tau = r^alpha.

    Fixed alpha: r^(p-alpha)/2; mass moves above it. "1+tau": tau e^(tau L) = r^(p-1)/2 with L = log r, hence
    tau = W(L r^(p-1)/2)/L. For r > 1 one root; r = 1: 1/2; r < 1: both real branches of W, mass moves only between
    them (two roots for p = 2), one root where they meet and none beyond, when mass moves for no tau.

    Parameters
    ----------
    r : distance > 0. alpha, p : exponents > 0; alpha may be "1+tau".
    """
    from scipy.special import lambertw

    r, p = positive_number(r, "r"), positive_number(p, "p")
    L, one = float(np.log(r)), _is_one_plus_tau(alpha)
    with np.errstate(all="ignore"):
        if not one or L == 0:
            power = p if one else positive_number(alpha, "alpha")
            roots = np.array([np.exp((p - power) * L) / 2])
        else:
            argument = L * np.exp((p - 1) * L) / 2
            if abs(1 + np.e * argument) <= TIE_RTOL:
                return np.array([-1 / L])  # the branches meet: W = -1
            if 1 + np.e * argument < 0:
                return np.empty(0)
            roots = np.real([lambertw(argument, branch) for branch in ((0,) if L > 0 else (0, -1))]) / L
    if not (np.isfinite(roots).all() and roots.min() > 0):
        raise WrofError(f"r = {r:g} with p = {p:g} puts a threshold beyond floating point; use r nearer to 1.")
    return np.sort(roots)


def three_point_exact(a: float, b: float, tau: float, steps: int) -> Floats:
    """Return the positions (steps+1,) of the mass in the three-point toy, start included.

    From 0 the mass stays if 2 tau <= a, goes to a if a < 2 tau <= 2a+b, and to a+b beyond. From a it goes on iff
    b < 2 tau. `a`, `b`, `tau` are lengths > 0.
    """
    a, b, reach = positive_number(a, "a"), positive_number(b, "b"), 2 * positive_number(tau, "tau")
    place = [0.0]
    for _ in range(_count(steps, "steps", least=0)):
        if place[-1] == 0.0:
            place.append(a + b if _below(2 * a + b, reach) else a if _below(a, reach) else 0.0)
        else:
            place.append(a + b if _below(b, reach) else place[-1])
    return np.array(place)


def line_quantile_flow(mu: Measure, nu: Measure, tau: float, steps: int) -> Floats:
    """Return the weights (steps+1, K) of rho_0 = mu, rho_1, ... on a uniform line.

    Every atom of the monotone plan moves m cells a step, m the integer nearest to tau/h (the lower at a half), until it
    arrives: Q_k = max(Q_mu - kmh, min(Q_nu, Q_mu + kmh)) in quantiles, that is, in distribution functions,
    F_k(x) = min(F_mu(x + kmh), max(F_nu(x), F_mu(x - kmh))). `mu`, `nu` share a 1-D Grid; `tau` is a length > 0.
    """
    mu, nu = measures(mu, nu)
    if not isinstance(mu.space, Grid) or mu.space != nu.space or mu.space.dim != 1 or mu.space.size < 2:
        raise WrofError("the quantile law needs source and target on the same 1-D Grid of two points or more.")
    K, cells = mu.space.size, positive_number(tau, "tau") / mu.space.h - 0.5
    m = int(np.ceil(min(cells - TIE_RTOL * (cells + 1), K)))  # the number of integers j >= 0 with j + 1/2 < tau/h
    start, end = np.cumsum(mu.weights), np.cumsum(nu.weights)
    shift = np.minimum(m * np.arange(_count(steps, "steps", least=0) + 1), K)[:, None]
    later = start[np.minimum(np.arange(K) + shift, K - 1)]
    earlier = np.concatenate([[0.0], start])[np.maximum(np.arange(1, K + 1) - shift, 0)]
    weights: Floats = np.diff(np.minimum(later, np.maximum(end, earlier)), axis=1, prepend=0.0)
    return weights


# ---- by name --------------------------------------------------------------------------------------------------------

_ALL: tuple[Callable[..., Toy], ...] = (
    two_point, three_point, gap, lattice_dirac, ramp_to_uniform, random_to_ramp, random_to_uniform, bumps, gaussians,
    clusters, scattered, moons, rings, images,
)  # fmt: skip
TOYS: dict[str, Callable[..., Toy]] = {toy.__name__: toy for toy in _ALL}


def get(name: str) -> Callable[..., Toy]:
    """Return the toy called `name`, written with hyphens or underscores."""
    key = name.strip().replace("-", "_")
    if key not in TOYS:
        raise unknown("toy", name, TOYS)
    return TOYS[key]


def build(spec: str) -> Toy:
    """Build a toy from one word, "two_point:r=2.0" or "random_to_ramp:K=64,seed=3,increasing=true".

    After the colon stand the toy's own parameters, separated by commas. Tuples are written with `x`: "shape=32x32",
    "source=0.2x0.4". A file name with a comma in it needs the function instead.

    Raises
    ------
    WrofError
        If the toy or a key is unknown, a key is missing, repeated or malformed, or a value has the wrong type.
    """
    name, _, rest = spec.partition(":")
    toy = get(name)
    name, hints, parameters = toy.__name__, get_type_hints(toy), inspect.signature(toy).parameters
    values: dict[str, Any] = {}
    for item in rest.split(",") if rest.strip() else ():
        key, equals, text = (part.strip() for part in item.partition("="))
        if not (key and equals and text):
            raise WrofError(f"cannot read '{item.strip()}' in '{spec}'; write {name}:key=value,key=value.")
        if key not in parameters:
            raise unknown("key", key, parameters)
        if key in values:
            raise WrofError(f"key '{key}' is given twice in '{spec}'; drop one.")
        values[key] = _parse(text, hints[key], key)
    missing = [key for key, one in parameters.items() if one.default is one.empty and key not in values]
    if missing:
        raise WrofError(f"toy '{name}' needs {' and '.join(missing)}; write {name}:{missing[0]}=value.")
    return toy(**values)


# ---- reading input --------------------------------------------------------------------------------------------------

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "an integer", float: "a number", bool: "true or false", tuple: "numbers joined by x", type(None): "none"}


def _parse(text: str, hint: Any, key: str) -> Any:
    """Read `text` as the first of the annotated types that takes it."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for kind in kinds:
        try:
            if kind is bool:
                return _WORDS[text.lower()]
            if kind is type(None):
                return {"none": None}[text.lower()]
            if get_origin(kind) is tuple:
                return tuple(get_args(kind)[0](part) for part in text.split("x"))
            return kind(text)
        except (KeyError, ValueError):
            continue
    wanted = " or ".join(_KINDS[get_origin(kind) or kind] for kind in kinds)
    raise WrofError(f"{key} must be {wanted}, got '{text}'.")


def _count(value: Any, name: str, least: int = 1) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        raise WrofError(f"{name} must be an integer >= {least}, got {value!r}.")
    return int(value)


def _distance(value: Any, name: str = "r") -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0 <= number < np.inf:
        raise WrofError(f"{name} must be finite and >= 0, got {value!r}.")
    return number


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(_count(seed, "seed", least=0))


def _is_one_plus_tau(alpha: float | str) -> bool:
    if isinstance(alpha, str) and alpha != "1+tau":
        raise WrofError(f"alpha must be a number > 0 or '1+tau', got '{alpha}'.")
    return alpha == "1+tau"


def _below(small: float, large: float) -> bool:
    return large - small > TIE_RTOL * large


def _read_grey(path: Path, invert: bool) -> Floats:
    """Brightness (rows, columns), or darkness, from 0 to 1."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise WrofError("reading pictures needs Pillow; run `pip install pillow`.") from None
    try:
        with Image.open(path) as file:
            picture: Image.Image = ImageOps.exif_transpose(file)
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as err:
        reason = (err.strerror if isinstance(err, OSError) else None) or str(err)
        raise WrofError(f"cannot read picture '{os.fspath(path)}': {reason}.") from None
    if picture.mode[0] in "IF":  # 16-bit and float pictures: a detour through 8 bits would clip them
        white = 1.0 if picture.mode == "F" else 65535.0
    else:
        if picture.has_transparency_data:  # on paper that carries no mass
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white" if invert else "black")
            picture = Image.alpha_composite(paper, picture)
        picture, white = picture.convert("L"), 255.0
    grey = np.asarray(picture, dtype=np.float64) / white
    return 1 - grey if invert else grey
