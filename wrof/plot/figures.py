"""Figures of stored flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import WrofError
from .film import Film, read_film, rho_name, verdict
from .panels import draw, energies, legend, outer_labels
from .paper import figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


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
    film = read_film(arrays)
    _require_steps(film, [step])
    fig = figure(
        8.0,
        film.height(2.4) + (0.7 if film.kind == "image" else 1.2),
        title or verdict(arrays),
        compressed=film.kind != "line",
    )
    with style():
        _row(fig, film, (0, step, None), ["source μ", rho_name(step) if step else "ρ₀ = μ", "target ν"], 2.4)
    return fig


def _row(fig: Figure | SubFigure, film: Film, steps: Sequence[int | None], names: Sequence[str], panel: float) -> None:
    """Draw steps side by side on one scale, `None` for nu; mu and nu shine through what is between them."""
    axes = list(fig.subplots(1, len(steps), sharex=True, sharey=True))
    scale = film.scale([k for k in steps if k is not None], panel)
    for place, (ax, k, name) in enumerate(zip(axes, steps, names, strict=True)):
        draw(ax, film, k, scale, ghosts=0 < place < len(steps) - 1)
        ax.set_title(name)
    outer_labels(axes, len(steps), film)
    legend(fig, film, axes)


def _require_steps(film: Film, steps: Sequence[int]) -> None:
    last = len(film.frames) - 1
    for k in steps:
        if not 0 <= k <= last:
            raise WrofError(f"there is no step {k}: the stored flow has steps 0 to {last}.")


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
    film = read_film(arrays)
    _require_steps(film, steps)
    across = 2 if film.kind == "line" else min(len(steps), 4)
    down, panel = -(-len(steps) // across), 7.2 / across
    height = down * (film.height(panel) + 0.3) + (0.4 if film.kind == "image" else 0.8)
    fig = figure(8.0, height, title or verdict(arrays), compressed=film.kind != "line")
    with style():
        grid = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        axes, scale = list(grid[: len(steps)]), film.scale(steps, panel)
        for ax, k in zip(axes, steps, strict=True):
            draw(ax, film, k, scale)
            ax.set_title(f"{rho_name(k)} = μ" if k == 0 else rho_name(k))
        for ax in grid[len(steps) :]:
            ax.remove()
        outer_labels(axes, across, film)
        legend(fig, film, axes)
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
    film = read_film(arrays)
    last = len(film.frames) - 1
    steps = sorted({0, (last + 1) // 2, last})
    panel = 7.2 / (len(steps) + 1)
    above, below = film.height(panel) + (0.6 if film.kind == "image" else 1.2), 1.6
    fig = figure(8.0, above + below, title or verdict(arrays))
    with style():
        upper, lower = fig.subfigures(2, 1, height_ratios=(above, below), squeeze=False)[:, 0]
        _row(upper, film, [*steps, None], ["source μ", *map(rho_name, steps[1:]), "target ν"], panel)
        energies(lower.subplots(), arrays)
    return fig
