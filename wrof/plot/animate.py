"""Animations of stored flows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WrofError
from ..files import AnyPath, atomic_path
from .film import Film, Scale, read_film, rho_name, verdict
from .panels import draw, legend, outer_labels
from .paper import figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GIF_DPI = 100
MAX_FRAMES = 150  # an animation of more steps leaves some out, evenly


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

    film, final = read_film(arrays), Path(path)
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
    fig = figure(width, height + room, title or verdict(arrays), compressed=film.kind != "line")
    scale = film.scale(shown, min(panel, height))
    with atomic_path(final) as temporary, style():
        axes, moving = _stage(fig, film, scale)

        def show(k: int) -> None:
            moving.clear()
            draw(moving, film, k, scale)
            moving.set_title(f"step {k}: {rho_name(k)}" + (" = μ" if k == 0 else ""))
            outer_labels(axes, len(axes), film)

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


def _stage(fig: Figure, film: Film, scale: Scale) -> tuple[list[Axes], Axes]:
    """Panels of an animation, the fixed ones drawn, and the one that moves."""
    if film.kind != "image":
        ax = fig.subplots()
        legend(fig, film, [ax])
        return [ax], ax
    axes = list(fig.subplots(1, 3, sharex=True, sharey=True))
    for ax, k, name in ((axes[0], 0, "source μ"), (axes[2], None, "target ν")):
        draw(ax, film, k, scale)
        ax.set_title(name)
    legend(fig, film, axes)
    return axes, axes[1]
