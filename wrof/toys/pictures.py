"""Picture files as measures."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np

from ..errors import WrofError
from ..measure import Floats, Grid, Measure
from .checks import count

Path: TypeAlias = str | os.PathLike[str]


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
            rows, columns = (count(side, "size") for side in size)
        else:
            scale = count(size, "size") / max(rows, columns)
            rows, columns = (max(1, int(side * scale + 0.5)) for side in (rows, columns))
        if (rows, columns) != grey.shape:
            from PIL import Image

            picture = Image.fromarray(grey.astype(np.float32))
            grey = np.asarray(picture.resize((columns, rows), Image.Resampling.BOX), dtype=np.float64)
    return Measure(Grid((rows, columns)), grey, normalize=normalize, name=f"picture '{os.fspath(path)}'")


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
