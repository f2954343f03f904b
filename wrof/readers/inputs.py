"""Source and target as they are named on a command line: a toy, a named problem, or two files."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import toys
from ..errors import WrofError
from ..measure import Grid, Measure, PointCloud
from .problems import PROBLEMS, resolve, toy_spec
from .tables import READERS, reading


@dataclass(frozen=True)
class Inputs:
    """A source and a target as they were given: nothing is rescaled here but pictures.

    Attributes
    ----------
    mu, nu : Measure.
    stops : the toy's own, or None.
    options : exponents that belong to a named problem; what is asked for explicitly wins.
    record : what identifies them, for a manifest: a toy with all its parameters, or files with their SHA-256.
    notes : sentences for the user.
    """

    mu: Measure
    nu: Measure
    stops: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(names: list[str], size: Any = None, invert: bool = False) -> Inputs:
    """Read a toy or a named problem, or a source and a target file.

    Parameters
    ----------
    names : [spec] as in `toys.build`, of a toy or of one of `PROBLEMS`, or [source, target]. Files: .npy, .npz and
        .csv hold weights, any other is a picture.
    size, invert : of pictures, as in `toys.image`; refused for anything else.

    Returns
    -------
    Inputs

    Raises
    ------
    WrofError
        If there are not one or two names, or one cannot be read as what it says it is.
    """
    if len(names) not in (1, 2):
        raise WrofError(f"got {len(names) or 'no'} inputs; give one toy, or two files: SOURCE TARGET.")
    inputs = _read_toy(names[0]) if len(names) == 1 else _read_files(names[0], names[1], size, invert)
    if (size is not None or invert) and "size" not in inputs.record:
        raise WrofError("--size and --invert are for picture files; drop them.")
    return inputs


# ---- toys -----------------------------------------------------------------------------------------------------------


def _read_toy(spec: str) -> Inputs:
    name = spec.partition(":")[0]
    if os.path.isfile(spec) or Path(name).suffix:
        raise WrofError(f"'{spec}' is one file; give two, SOURCE TARGET.")
    spec, options = resolve(spec)
    name, _, rest = spec.partition(":")
    parts = toys.build(spec)
    pairs = (item.partition("=") for item in rest.split(",") if item.strip())
    given = {key.strip(): value.strip() for key, _, value in pairs}
    record: dict[str, Any] = {"toy": toy_spec(toys.get(name), **given)}
    if toys.get(name) is toys.images:
        record["sha256"] = [_sha256(given[role]) for role in ("source", "target")]
    return Inputs(parts["mu"], parts["nu"], parts.get("stops"), options, record)


# ---- files ----------------------------------------------------------------------------------------------------------


def _read_files(source: str, target: str, size: Any, invert: bool) -> Inputs:
    mu = _read_file(source, "source", size, invert)
    both = _is_picture(source) and _is_picture(target)
    nu = _read_file(target, "target", mu.array.shape if both else size, invert)
    record: dict[str, Any] = {
        role: {"file": Path(name).name if Path(name).is_absolute() else name, "sha256": _sha256(name)}
        for role, name in (("source", source), ("target", target))
    }
    if _is_picture(source) or _is_picture(target):
        record |= {"size": size, "invert": invert}
    pair, notes = [], []
    for name, measure in ((source, mu), (target, nu)):
        if _is_picture(name):
            pixels = " x ".join(map(str, measure.array.shape))
            notes.append(f"picture '{name}': {pixels} pixels, mass {measure.mass:.6g} rescaled to 1.")
            measure = Measure(measure.space, measure.weights, normalize=True)
        pair.append(measure)
    if isinstance(mu.space, Grid) and isinstance(nu.space, Grid) and mu.space != nu.space:
        notes.append(
            f"source has shape {mu.array.shape}, target {nu.array.shape}: mass may rest on the points of both."
        )
    return Inputs(pair[0], pair[1], record=record, notes=notes)


def _read_file(name: str, role: str, size: Any, invert: bool) -> Measure:
    if not os.path.exists(name):
        known = name.partition(":")[0].replace("-", "_") in {*toys.TOYS, *PROBLEMS}
        hint = f"a toy stands alone: {name}" if known else "check the path"
        raise WrofError(f"there is no file '{name}'; {hint}.")
    if _is_picture(name):
        return toys.image(name, size, invert=invert)
    with reading(name):
        weights, points = READERS[Path(name).suffix.lower()](name)
    if points is None and (weights.ndim not in (1, 2) or not weights.size):
        raise WrofError(f"'{name}' holds weights of shape {weights.shape}; give a list, or a table for a 2-D grid.")
    try:
        return Measure(Grid(weights.shape) if points is None else PointCloud(points), weights, name=role)
    except WrofError as err:  # say whose points are meant
        raise WrofError(str(err) if str(err).startswith(role) else f"'{name}': {err}") from None


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() not in READERS


def _sha256(name: str) -> str:
    with open(name, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
