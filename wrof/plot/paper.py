"""Colours, style, paper and files.

Colours: Okabe & Ito, *Color Universal Design*, 2008, safe for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import WrofError
from ..files import AnyPath, atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
METADATA: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}  # no dates inside


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
