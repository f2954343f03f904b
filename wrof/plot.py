"""Figures and animations of flows, drawn from named arrays as stored on disk. Nothing is solved here.

The arrays are those of `Flow.arrays`: on a line measures are bars (or stems, where points are not equally spaced), on a
grid of two dimensions images, elsewhere discs whose area is their mass. Three dimensions and more are seen along the
first two axes: masses on a grid are summed over the others. Figures are plain `matplotlib.figure.Figure` objects: no
pyplot, no display, no state left behind; the same arrays give the same file, byte for byte.

Colours: Okabe & Ito, *Color Universal Design*, 2008, safe for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .errors import WrofError
from .measure import Floats
from .store import AnyPath, atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

MU, RHO, NU = "#E69F00", "#0072B2", "#009E73"  # source, step, target, everywhere
OTHER, SKY, PURPLE, INK, PALE = "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#C8C8C8"

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "figure.titlesize": 11.0,
    "savefig.facecolor": "auto",
    "savefig.bbox": None,
    "text.usetex": False,
}
DPI = 130  # at 8 inches 1040 pixels, shown at about 800 in a README
GIF_DPI = 100
METADATA: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}  # no dates inside
BAR_LIMIT = 40  # up to so many bars stand apart; more of them touch
MAX_FRAMES = 150  # an animation of more steps leaves some out, evenly
CLOSE = 1e-9  # masses agree, relative to the greatest
STILL = 1e-12  # of J: what moves less than this is rounding
ARRIVED = 1e-10  # of the first J: what is missing less than this is rounding

Points = Floats
Atoms = tuple[Points, Floats]  # (n, d) points and (n,) weights


# ---- paper and files ------------------------------------------------------------------------------------------------


@contextmanager
def style() -> Iterator[None]:
    """Within this context Matplotlib draws in the house style, whatever the user's own settings are."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def figure(width: float = 8.0, height: float = 4.5, title: str | None = None, *, compressed: bool = False) -> Figure:
    """Return an empty figure, width x height in inches, laid out so that nothing overlaps.

    Parameters
    ----------
    width, height : inches; 8 are about 800 pixels in a README.
    title : one line that says what is to be seen.
    compressed : keep panels of fixed aspect close together.
    """
    from matplotlib.figure import Figure

    with style():
        fig = Figure(figsize=(width, height), dpi=DPI, layout="compressed" if compressed else "constrained")
        if title:
            fig.suptitle(title)
    return fig


def save(fig: Figure, path: AnyPath) -> Path:
    """Write a figure, whole or not at all; neither date nor version is put inside.

    Parameters
    ----------
    fig : Figure.
    path : file ending in .png or .pdf; its folder must exist. A file already there is replaced.

    Returns
    -------
    Path of the file.

    Raises
    ------
    WrofError
        If the ending is another, or the place cannot be written.
    """
    final = Path(path)
    if final.suffix.lower() not in METADATA:
        raise WrofError(f"cannot write {str(path)!r}: figures are {' or '.join(METADATA)} files.")
    with atomic_path(final) as temporary, style():
        smaller: Any = {"pil_kwargs": {"optimize": True}} if final.suffix.lower() == ".png" else {}
        fig.savefig(temporary, dpi=DPI, metadata=METADATA[final.suffix.lower()], **smaller)
    return final


# ---- what the arrays hold -------------------------------------------------------------------------------------------


class _Film(NamedTuple):
    """A stored flow, read for drawing: rho_0 = mu, rho_1, ... as `frames`, and nu."""

    kind: str  # "line", "image" or "cloud"
    frames: list[Atoms]
    target: Atoms
    stops: Points | None  # None: free
    extent: tuple[float, float, float, float]  # left, right, bottom, top

    @property
    def comparable(self) -> bool:
        """Whether all measures live on the same points, so that their masses can be compared point by point."""
        return all(np.array_equal(points, self.target[0]) for points, _ in (self.frames[0], self.frames[-1]))

    def scale(self, steps: Sequence[int], panel: float) -> _Scale:
        """Return the common scale of nu and the given steps, in panels `panel` inches wide."""
        top = max(float(weights.max()) for _, weights in [self.target, *(self.frames[k] for k in steps)])
        crowd = np.sqrt(min(1.0, 40 / max(len(self.frames[0][1]), len(self.target[1]))))
        return _Scale(top, crowd * (4.0 * panel) ** 2 / top)

    def height(self, panel: float) -> float:
        """Height in inches of a panel of the given width."""
        if self.kind == "line":
            return 1.9
        left, right, bottom, upper = self.extent
        return float(np.clip(panel * abs(upper - bottom) / (right - left), 0.5, 2.5 * panel))


class _Scale(NamedTuple):
    """What a mass looks like: `top` fills a panel (or is darkest), `area` square points of disc per mass."""

    top: float
    area: float


def _film(arrays: Mapping[str, Any]) -> _Film:
    """Read the arrays of a flow."""
    mu = _atoms(arrays, "source_points", "source")
    nu = _atoms(arrays, "target_points", "target")
    stops: Points | None = None
    if "rho" in arrays:
        stops = _get(arrays, "points")
        frames = [mu, *((stops, weights) for weights in _get(arrays, "rho"))]
        if any(len(points) != len(weights) for points, weights in frames):
            raise WrofError(f"arrays['rho'] has {frames[-1][1].size} masses a step for {len(stops)} points.")
    else:
        points, weights = _get(arrays, "rho_points"), _get(arrays, "rho_weights")
        cuts = np.asarray(_get(arrays, "rho_start"), dtype=np.int64)
        frames = [mu, *((points[a:b], weights[a:b]) for a, b in pairwise(cuts))]
    shape = tuple(int(k) for k in arrays.get("shape", ()))
    dim = mu[0].shape[1]
    if dim == 1:
        kind = "line"
    elif stops is not None and len(shape) == dim and all(np.array_equal(p, stops) for p, _ in (mu, nu)):
        kind = "image"
        frames = [_flat(points, weights, shape) for points, weights in frames]
        nu = _flat(*nu, shape)
    else:
        kind = "cloud"
        stops = None if stops is None else stops[:, :2]
        frames = [(points[:, :2], weights) for points, weights in frames]
        nu = (nu[0][:, :2], nu[1])
    seen = [nu, *frames] if stops is None else [nu, frames[0], frames[-1]]  # fixed stops: the rest is where these are
    return _Film(kind, frames, nu, stops, _extent(seen, kind))


def _get(arrays: Mapping[str, Any], name: str) -> Any:
    if name not in arrays:
        raise WrofError(f"there is no array {name!r}; draw from the arrays of a flow, as Flow.arrays() gives them.")
    return np.asarray(arrays[name], dtype=np.float64)


def _atoms(arrays: Mapping[str, Any], points: str, weights: str) -> Atoms:
    where, mass = _get(arrays, points), _get(arrays, weights)
    if where.ndim != 2 or mass.shape != (len(where),):
        raise WrofError(f"arrays[{weights!r}] has shape {mass.shape} for points of shape {where.shape}.")
    return where, mass


def _flat(points: Points, weights: Floats, shape: tuple[int, ...]) -> Atoms:
    """Return a measure on a grid as an image (rows, columns) on the first two axes, summed over the others."""
    rows, columns = shape[:2]
    grid = points.reshape(rows, columns, -1, points.shape[1])[:, :, 0, :2].reshape(-1, 2)
    return grid, weights.reshape(rows, columns, -1).sum(axis=2)


def _extent(measures: list[Atoms], kind: str) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of what is to be seen; an image is seen as a matrix is, its rows from the top."""
    every = np.concatenate([points for points, _ in measures])
    low, high = every.min(axis=0), every.max(axis=0)
    if kind == "line":
        width = _spacing(np.sort(measures[0][0][:, 0]))
        pad = (width / 2 if width else 0.02 * (high[0] - low[0])) + 0.02 * (high[0] - low[0]) or 0.5
        return low[0] - pad, high[0] + pad, 0.0, 1.0
    if kind == "image":
        rows, columns = measures[0][1].shape
        side = [(high[i] - low[i]) / (n - 1) if n > 1 else 0.0 for i, n in enumerate((rows, columns))]
        down, right = (s / 2 or max(side) / 2 or 0.5 for s in side)
        return low[1] - right, high[1] + right, high[0] + down, low[0] - down
    pad = 0.08 * float((high - low).max()) or 0.5
    return low[0] - pad, high[0] + pad, low[1] - pad, high[1] + pad


def _spacing(x: Floats) -> float:
    """Distance of equally spaced points in order, else 0."""
    width = np.diff(x)
    even = len(x) > 1 and width[0] > 0 and float(np.ptp(width)) <= 1e-6 * width[0]
    return float(width.mean()) if even else 0.0


def _verdict(arrays: Mapping[str, Any]) -> str:
    """Say what the stored energies say."""
    move, total, tau = (_get(arrays, name) for name in ("movement", "value", "tau"))
    left = _get(arrays, "discrepancy")
    still = move <= 2 * tau * STILL * total
    size = f", τ = {tau[0]:g}" if len(tau) and np.all(tau == tau[0]) else ""
    if not len(total):
        return "no step has been taken"
    if left[-1] <= ARRIVED * total[0]:
        last = int(np.max(np.flatnonzero(~still), initial=-1)) + 1
        return f"ν is reached at step {last}{size}" if last else f"μ = ν: nothing has to move{size}"
    if still.all():
        return f"frozen: no mass moves{size}"
    if still[-1]:
        last = int(np.flatnonzero(~still)[-1]) + 1
        return f"a steady state that is neither μ nor ν: {rho_name(last)} stays{size}"
    return f"{len(total)} {'step' if len(total) == 1 else 'steps'} on the way from μ to ν{size}"


def rho_name(k: int) -> str:
    """Return the name of step k: ρ₀, ρ₁, ..., ρ₁₀, ..."""
    return "ρ" + str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


# ---- panels ---------------------------------------------------------------------------------------------------------


def bars(
    ax: Axes,
    points: Any,
    weights: Any,
    *,
    color: str = RHO,
    label: str | None = None,
    outline: bool = False,
    stems: bool | None = None,
) -> None:
    """Draw a measure on a line into `ax`: bars where points are equally spaced, stems where they are not.

    Parameters
    ----------
    ax : Axes.
    points : (n,) or (n, 1), in any order.
    weights : (n,) masses; zeros are left out.
    color, label : as Matplotlib reads them.
    outline : only the outline of the bars (stems: hollow heads).
    stems : stems in any case, or never.
    """
    x, mass = np.asarray(points, dtype=np.float64).ravel(), np.asarray(weights, dtype=np.float64).ravel()
    order = np.argsort(x, kind="stable")
    x, mass = x[order], mass[order]
    width, has = _spacing(x), mass > 0
    face, line = ("none", 1.1) if outline else (color, 0.0)
    if stems or (stems is None and not width):
        count = np.count_nonzero(has)
        heads, line, size = count <= 4 * BAR_LIMIT, 2.0 if count <= 12 else 0.9, 5 if count <= 12 else 3
        if heads:
            ax.plot(x[has], mass[has], "o", color=color, mfc=face, ms=size + outline, label=label)
        if not (heads and outline):
            ax.vlines(x[has], 0, mass[has], colors=color, linewidth=line, label="" if heads else label or "")
    elif len(x) > BAR_LIMIT:
        edges = np.append(x - width / 2, x[-1] + width / 2)
        ax.stairs(mass, edges, fill=not outline, color=color, linewidth=line, label=label)
    else:
        ax.bar(x[has], mass[has], width=0.8 * (width or 1.0), color=face, edgecolor=color, linewidth=line, label=label)


def compare(ax: Axes, points: Any, rho: Any, mu: Any, nu: Any) -> None:
    """Draw rho into `ax` as bars coloured by what is as in mu, what is as in nu, and what is neither.

    Parameters
    ----------
    ax : Axes.
    points : (n,) or (n, 1) on a line.
    rho, mu, nu : (n,) masses there; equal means equal to 1e-9 of the greatest of mu and nu.
    """
    rho, mu, nu = (np.asarray(weights, dtype=np.float64).ravel() for weights in (rho, mu, nu))
    close = CLOSE * max(float(mu.max()), float(nu.max()))
    there, stayed = np.abs(rho - nu) <= close, np.abs(rho - mu) <= close
    for color, mask in ((NU, there), (MU, stayed & ~there), (RHO, ~stayed & ~there)):
        bars(ax, points, np.where(mask, rho, 0.0), color=color)


def discs(
    ax: Axes,
    points: Any,
    weights: Any,
    *,
    area: float,
    color: str = RHO,
    label: str | None = None,
    outline: bool = False,
) -> None:
    """Draw a measure in the plane into `ax`, as discs whose area is their mass.

    Parameters
    ----------
    ax : Axes.
    points : (n, 2).
    weights : (n,) masses.
    area : of the disc of mass 1, in square points (1/72 inch squared).
    color, label : as Matplotlib reads them.
    outline : circles instead.
    """
    where, size = np.asarray(points, dtype=np.float64), area * np.asarray(weights, dtype=np.float64)
    x, y, size = where[size > 0, 0], where[size > 0, 1], size[size > 0]
    if outline:
        ax.scatter(x, y, size, facecolors="none", edgecolors=color, linewidths=0.8, zorder=3, label=label)
    else:
        ax.scatter(x, y, size, color=color, linewidths=0, alpha=0.85, zorder=2, label=label)


def _draw(ax: Axes, film: _Film, k: int | None, scale: _Scale, *, ghosts: bool = True) -> None:
    """Draw step k of a film, or nu (k = None); `ghosts` lets mu and nu shine through."""
    points, weights = film.target if k is None else film.frames[k]
    left, right, bottom, upper = film.extent
    if film.kind == "image":
        ax.imshow(weights, cmap=_map(), vmin=0, vmax=scale.top, extent=film.extent, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(True)
    elif film.kind == "line":
        if k and film.comparable:
            compare(ax, points, weights, film.frames[0][1], film.target[1])
        else:
            color = {0: MU, None: NU}.get(k, RHO)
            bars(ax, points, weights, color=color, stems=True if film.stops is None and k else None)
        if ghosts:
            if not film.comparable:
                bars(ax, *film.frames[0], color=MU, outline=True)
            bars(ax, *film.target, color=NU, outline=True)
        ax.set(xlim=(left, right), ylim=(0, 1.08 * scale.top), xlabel="x")
    else:
        if ghosts:
            if film.stops is not None:
                ax.plot(*film.stops.T, ".", color=PALE, ms=2, zorder=1)
            for (where, mass), color in ((film.frames[0], MU), (film.target, NU)):
                discs(ax, where, mass, area=scale.area, color=color, outline=True)
        discs(ax, points, weights, area=scale.area, color={0: MU, None: NU}.get(k, RHO))
        ax.set(xlim=(left, right), ylim=(bottom, upper), aspect="equal", xlabel="x₁", ylabel="x₂")


def _map() -> Colormap:
    """Masses from none (paper) to much (ink), through the colour of rho; lightness falls all the way."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("mass", ["#ffffff", "#9fd0ee", RHO, "#00131f"])


def _legend(fig: Figure | SubFigure, film: _Film, axes: Sequence[Axes]) -> None:
    """Explain the colours, once for the whole figure."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if film.kind == "image":
        fig.colorbar(axes[0].images[0], ax=list(axes), label="mass per point", aspect=15)
        return
    disc = {"marker": "o", "linestyle": "none", "mfc": "none"}
    stems = film.kind == "line" and not _spacing(np.sort(film.target[0][:, 0]))
    outline: dict[str, Any] = disc if stems or film.kind == "cloud" else {"lw": 1.1}
    if film.kind == "line" and film.comparable:
        parts = {"as in μ": MU, "neither": RHO, "as in ν": NU}
        keys: list[Any] = [Patch(color=color, label=label) for label, color in parts.items()]
    else:
        full = Line2D([], [], color=RHO, label="ρ", marker="o", linestyle="none")
        keys = [Line2D([], [], color=MU, label="μ", **outline), full]
    keys.append(Line2D([], [], color=NU, label="ν", **outline))
    if film.kind == "cloud" and film.stops is not None:
        keys.append(Line2D([], [], color=PALE, label="stop", marker=".", linestyle="none"))
    fig.legend(handles=keys, loc="outside lower center", ncols=len(keys), handlelength=1.2, columnspacing=1.6)


def energies(ax: Axes, arrays: Mapping[str, Any]) -> None:
    """Draw J, K/2τ and F of every step of a stored flow into `ax`.

    Parameters
    ----------
    ax : Axes.
    arrays : with `value`, `movement`, `discrepancy` and `tau`, one entry per step.
    """
    from matplotlib.ticker import MaxNLocator

    total, move, left, tau = (_get(arrays, name) for name in ("value", "movement", "discrepancy", "tau"))
    k = np.arange(1, len(total) + 1)
    mark = "o" if len(k) <= BAR_LIMIT else ""
    for y, color, label in ((total, INK, "J"), (left, PURPLE, "F"), (move / (2 * tau), OTHER, "K/2τ")):
        ax.plot(k, y, color=color, marker=mark, ms=3, label=label, clip_on=False)
    ax.set(xlabel="step k", ylabel="energy", ylim=(0, None), title="J = K/2τ + F")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)


# ---- figures --------------------------------------------------------------------------------------------------------


def triptych(arrays: Mapping[str, Any], step: int = 1, *, title: str | None = None) -> Figure:
    """Draw μ, ρ_k and ν of a stored flow, side by side on one scale.

    Parameters
    ----------
    arrays : of a flow, see `Flow.arrays`.
    step : k >= 0.
    title : default: what the stored energies say.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing or the flow has no such step.
    """
    film = _film(arrays)
    _require_steps(film, [step])
    names = {0: "source μ", step: rho_name(step), None: "target ν"}
    fig = figure(
        8.0,
        film.height(2.4) + (0.7 if film.kind == "image" else 1.2),
        title or _verdict(arrays),
        compressed=film.kind != "line",
    )
    with style():
        _row(fig, film, (0, step, None), list(names.values()) if step else ["source μ", "ρ₀ = μ", "target ν"], 2.4)
    return fig


def _row(fig: Figure | SubFigure, film: _Film, steps: Sequence[int | None], names: Sequence[str], panel: float) -> None:
    """Draw steps side by side on one scale, `None` for nu; mu and nu shine through what is between them."""
    axes = list(fig.subplots(1, len(steps), sharex=True, sharey=True))
    scale = film.scale([k for k in steps if k is not None], panel)
    for place, (ax, k, name) in enumerate(zip(axes, steps, names, strict=True)):
        _draw(ax, film, k, scale, ghosts=0 < place < len(steps) - 1)
        ax.set_title(name)
    _outer(axes, len(steps), film)
    _legend(fig, film, axes)


def steps_figure(
    arrays: Mapping[str, Any], steps: Sequence[int] = (0, 10, 20, 30), *, title: str | None = None
) -> Figure:
    """Draw some steps of a stored flow, two panels a row, on one scale.

    Parameters
    ----------
    arrays : of a flow, see `Flow.arrays`.
    steps : which ones, 0 for μ.
    title : default: what the stored energies say.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing, or the flow has fewer steps.
    """
    film = _film(arrays)
    _require_steps(film, steps)
    across = 2 if film.kind == "line" else min(len(steps), 4)
    down, panel = -(-len(steps) // across), 7.2 / across
    height = down * (film.height(panel) + 0.3) + (0.4 if film.kind == "image" else 0.8)
    fig = figure(8.0, height, title or _verdict(arrays), compressed=film.kind != "line")
    with style():
        grid = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        axes, scale = list(grid[: len(steps)]), film.scale(steps, panel)
        for ax, k in zip(axes, steps, strict=True):
            _draw(ax, film, k, scale)
            ax.set_title(f"{rho_name(k)} = μ" if k == 0 else rho_name(k))
        for ax in grid[len(steps) :]:
            ax.remove()
        _outer(axes, across, film)
        _legend(fig, film, axes)
    return fig


def flow_figure(arrays: Mapping[str, Any], *, title: str | None = None) -> Figure:
    """Draw a summary of any stored flow: μ, half way, the end, ν; below, the energies of every step.

    Parameters
    ----------
    arrays : of a flow, see `Flow.arrays`.
    title : default: what the stored energies say.

    Returns
    -------
    Figure, 8 inches wide.

    Raises
    ------
    WrofError
        If an array is missing.
    """
    film = _film(arrays)
    last = len(film.frames) - 1
    steps = sorted({0, (last + 1) // 2, last})
    panel = 7.2 / (len(steps) + 1)
    above, below = film.height(panel) + (0.6 if film.kind == "image" else 1.2), 1.6
    fig = figure(8.0, above + below, title or _verdict(arrays))
    with style():
        upper, lower = fig.subfigures(2, 1, height_ratios=(above, below), squeeze=False)[:, 0]
        _row(upper, film, [*steps, None], ["source μ", *map(rho_name, steps[1:]), "target ν"], panel)
        energies(lower.subplots(), arrays)
    return fig


def flow_gif(arrays: Mapping[str, Any], path: AnyPath, fps: int = 8, *, title: str | None = None) -> Path:
    """Animate a stored flow, one frame per step, the last held for a moment.

    Parameters
    ----------
    arrays : of a flow, see `Flow.arrays`; on a line, on a grid, clouds, FREE stops.
    path : file ending in .gif; its folder must exist. Written whole or not at all.
    fps : frames per second, 1 to 50. Of more than 150 steps some are left out, evenly.
    title : default: what the stored energies say.

    Returns
    -------
    Path of the file.

    Raises
    ------
    WrofError
        If an array is missing, fps is out of range, or the place cannot be written.
    """
    from matplotlib.animation import PillowWriter

    film, final = _film(arrays), Path(path)
    if final.suffix.lower() != ".gif":
        raise WrofError(f"cannot write {str(path)!r}: an animation is a .gif file.")
    if not 1 <= fps <= 50:
        raise WrofError(f"fps must be from 1 to 50, got {fps:g}.")
    last = len(film.frames) - 1
    shown = [int(k) for k in np.unique(np.linspace(0, last, min(last + 1, MAX_FRAMES)).round())]
    panel = 2.0 if film.kind == "image" else 6.5
    height = 2.3 if film.kind == "line" else min(film.height(panel), 4.5)
    width = 7.2 if film.kind != "cloud" else float(np.clip(1.0 + height * panel / film.height(panel), 5.0, 7.2))
    room = 0.7 if film.kind == "image" else 1.1
    fig = figure(width, height + room, title or _verdict(arrays), compressed=film.kind != "line")
    scale = film.scale(shown, min(panel, height))
    with atomic_path(final) as temporary, style():
        axes, moving = _stage(fig, film, scale)

        def show(k: int) -> None:
            moving.clear()
            _draw(moving, film, k, scale)
            moving.set_title(f"step {k}: {rho_name(k)}" + (" = μ" if k == 0 else ""))
            _outer(axes, len(axes), film)

        show(0)
        fig.draw_without_rendering()
        fig.set_layout_engine("none")  # laid out once, or the panel trembles
        writer = PillowWriter(fps=fps)
        writer.setup(fig, str(temporary), dpi=GIF_DPI)
        for k in shown:
            show(k)
            for _ in range(1 if k < last else 1 + round(1.5 * fps)):  # equal frames are merged into a longer one
                writer.grab_frame()
        writer.finish()
    return final


def _stage(fig: Figure, film: _Film, scale: _Scale) -> tuple[list[Axes], Axes]:
    """Panels of an animation, the fixed ones drawn, and the one that moves."""
    if film.kind != "image":
        ax = fig.subplots()
        _legend(fig, film, [ax])
        return [ax], ax
    axes = list(fig.subplots(1, 3, sharex=True, sharey=True))
    for ax, k, name in ((axes[0], 0, "source μ"), (axes[2], None, "target ν")):
        _draw(ax, film, k, scale)
        ax.set_title(name)
    _legend(fig, film, axes)
    return axes, axes[1]


def _require_steps(film: _Film, steps: Sequence[int]) -> None:
    last = len(film.frames) - 1
    for k in steps:
        if not 0 <= k <= last:
            raise WrofError(f"there is no step {k}: the stored flow has steps 0 to {last}.")


def _outer(axes: Sequence[Axes], across: int, film: _Film) -> None:
    """Keep axis labels at the outer panels only."""
    for place, ax in enumerate(axes):
        if film.kind == "line":
            ax.set_ylabel("mass per point" if place % across == 0 else "")
        elif place % across:
            ax.set_ylabel("")
        if place + across < len(axes):
            ax.set_xlabel("")
