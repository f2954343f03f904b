"""Weights, and points if they have any, in .npy, .npz and .csv files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import WrofError, unknown

Columns: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]  # weights, and points if they are not a grid

KEYS = ("weights", "points")
AXES, WEIGHT = ("x", "y", "z"), "weight"


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what the readers of files say into one sentence."""
    try:
        yield
    except WrofError as err:
        raise WrofError(f"'{name}': {err}") from None
    except UnicodeDecodeError:
        raise WrofError(f"'{name}' is not a text file.") from None
    except OSError as err:
        raise WrofError(f"cannot read '{name}': {err.strerror or err}.") from None
    except (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise WrofError(f"'{name}' is damaged or not a {Path(name).suffix} file of numbers.") from None


def _read_npy(name: str) -> Columns:
    with open(name, "rb") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False), None


def _read_npz(name: str) -> Columns:
    arrays = {}
    with zipfile.ZipFile(name) as archive:
        for entry in archive.namelist():
            key = entry.removesuffix(".npy")
            if key not in KEYS:
                raise unknown("key", key, KEYS)
            with archive.open(entry) as stream:
                arrays[key] = np.lib.format.read_array(stream, allow_pickle=False)
    if "weights" not in arrays:
        raise WrofError("there is no array 'weights'; add it, one mass per point.")
    return arrays["weights"], arrays.get("points")


def _read_csv(name: str) -> Columns:
    """Read columns x[,y[,z]],weight under a header line, or bare numbers: a list, or the rows of a 2-D grid."""
    rows: list[tuple[int, list[str]]] = []
    with open(name, encoding="utf-8-sig") as stream:
        for k, line in enumerate(stream, 1):
            cells = [cell.strip() for cell in line.lstrip("# ").split(",")]
            header_of_numpy = not rows and {cell.lower() for cell in cells} <= {*AXES, WEIGHT}
            if line.strip() and (header_of_numpy or not line.lstrip().startswith("#")):
                rows.append((k, cells))
    if not rows:
        raise WrofError("the file is empty.")
    header = [cell.lower() for cell in rows[0][1]] if _is_header(rows[0][1]) else None
    if header is not None:
        _check_header(header)
    table = np.array([_floats(k, cells, len(rows[0][1])) for k, cells in rows[header is not None :]])
    if not len(table):
        raise WrofError("there is nothing below the header.")
    if header is None:
        return (table.ravel() if 1 in table.shape else table), None
    weights = table[:, header.index(WEIGHT)]
    points = table[:, [header.index(axis) for axis in AXES if axis in header]]
    return weights, points if points.shape[1] else None


def _is_header(cells: list[str]) -> bool:
    """Whether a cell is a word: it begins with a letter, and is no way to write nan or infinity."""
    return any(cell[:1].isalpha() and cell.lower() not in ("nan", "inf", "infinity") for cell in cells)


def _check_header(header: list[str]) -> None:
    for column in header:
        if column not in (*AXES, WEIGHT):
            raise unknown("column", column, (*AXES, WEIGHT))
    axes = AXES[: len(header) - 1]
    if sorted(header) != sorted((*axes, WEIGHT)):
        raise WrofError(
            f"the columns are {','.join(header)}; they must be weight, x,weight, x,y,weight or x,y,z,weight."
        )


def _floats(line: int, cells: list[str], count: int) -> list[float]:
    if len(cells) != count:
        raise WrofError(
            f"the first line has {count} entries, line {line} has {len(cells)}; separate numbers by commas."
        )
    values = []
    for cell in cells:
        try:
            values.append(float(cell))
        except ValueError:
            raise WrofError(f"line {line} has '{cell}' where a number should be; separate numbers by commas.") from None
    return values


READERS: dict[str, Callable[[str], Columns]] = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv}
