"""Which figures stored arrays have, and drawing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import plot, store
from ..errors import WrofError, unknown

FPS = 8  # frames per second of an animation, if nothing is said


class Picture(NamedTuple):
    """A figure: the name of its file, the arrays it needs, and what draws it (None: an animation)."""

    file: str
    needs: tuple[str, ...]
    draw: Callable[[Mapping[str, Any]], Any] | None


def _flow(arrays: Mapping[str, Any]) -> Any:
    return plot.triptych(arrays) if np.size(arrays.get("value", ())) == 1 else plot.flow_figure(arrays)


def _phase_diagram(arrays: Mapping[str, Any]) -> Any:
    return plot.phase_diagram(arrays, arrays.get("critical"))


FLOW, SWEEP = ("value", "discrepancy", "tau", "source_points"), ("tau", "status", "regime", "distance", "settled_at")
FIGURES = {
    "flow": Picture("figure.png", FLOW, _flow),
    "animation": Picture("flow.gif", FLOW, None),
    "phase-diagram": Picture("phase_diagram.png", SWEEP, _phase_diagram),
    "density": Picture("density.png", (*SWEEP, "rho_first", "points"), plot.density_map),
    "staircase": Picture("staircase.png", ("tau_lo", "tau_hi", "critical", "resolved"), plot.staircase),
    "pareto": Picture("pareto.png", ("tau_lo", "tau_hi", "critical", "resolved"), plot.pareto),
    "hop-graph": Picture("hop_graph.png", ("component", "edges", "source_mass"), plot.hop_graph),
}


def fitting(arrays: Mapping[str, Any]) -> list[str]:
    """Return the names of the figures that can be drawn from arrays."""
    found = [name for name, picture in FIGURES.items() if all(need in arrays for need in picture.needs)]
    return [name for name in found if "phase-diagram" not in found or FIGURES[name].needs != FLOW]


def usual(arrays: Mapping[str, Any]) -> list[str]:
    """Return the names of the figures that are drawn unless one is asked for: no animation of a single step."""
    single = np.size(arrays.get("value", ())) <= 1
    return [name for name in fitting(arrays) if not (single and name == "animation")]


def picture(arrays: Mapping[str, Any], what: str, path: Path, fps: int = FPS) -> Path:
    """Draw one of `FIGURES` to a file.

    Parameters
    ----------
    arrays : as stored. what : key of `FIGURES`. path : of the file. fps : of an animation.

    Raises
    ------
    WrofError
        If there is no such figure, the arrays do not have it, or the file cannot be written.
    """
    if what not in FIGURES:
        raise unknown("figure", what, FIGURES)
    has, draw = fitting(arrays), FIGURES[what].draw
    if what not in has:
        raise WrofError(f"these arrays do not make the figure '{what}'; they make {', '.join(has) or 'none'}.")
    return plot.flow_gif(arrays, path, fps=fps) if draw is None else plot.save(draw(arrays), path)


def draw(arrays: Mapping[str, Any], path: Path) -> None:
    """Draw the main figure of stored arrays to a file; a GIF is the animation of a flow."""
    still = [name for name in fitting(arrays) if name != "animation"]
    if path.suffix.lower() == ".gif":
        plot.flow_gif(arrays, path, fps=FPS)
    elif still:
        picture(arrays, still[0], path)
    else:
        plot.save(_flow(arrays), path)  # which says what is missing


def illustrate(folder: Path, fps: int | None = None, *, again: bool = True) -> list[Path]:
    """Draw a stored run into its folder, from disk: its figures, and with `fps` the animation.

    Without `again` only those that are not there.
    """
    arrays, drawn = store.load_run(folder).arrays, []
    for name in fitting(arrays):
        path = folder / FIGURES[name].file
        if (name != "animation" or fps is not None) and (again or not path.exists()):
            drawn.append(picture(arrays, name, path, fps or FPS))
    return drawn
