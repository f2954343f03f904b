"""What the command line is given, as the library takes it: toys and files as measures, words as numbers and stops."""

from __future__ import annotations

import hashlib
import inspect
import os
import zipfile
import zlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from . import toys
from .errors import WrofError, unknown
from .measure import FREE, Grid, Measure, PointCloud, measures, positive_number

Columns: TypeAlias = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]  # weights, and points if they are not a grid

STOPS = ("default", "union", "free")
KEYS = ("weights", "points")
AXES, WEIGHT = ("x", "y", "z"), "weight"
STEPS, MAX_FPS = 20, 50  # of a flow, if nothing is said; as many as a GIF can show


class Question(NamedTuple):
    """A problem as asked: what `step` and `flow` take, what a manifest says, and notes for the user."""

    source: Measure
    target: Measure
    tau: Any
    steps: Any
    options: dict[str, Any]
    params: dict[str, Any]
    notes: list[str]


def read_question(args: Namespace) -> Question:
    """Read and check what the words of a command line ask, before anything is computed.

    Parameters
    ----------
    args : with inputs, tau, alpha, p, stops, normalize, size, invert, solver, select, rtol, max_iter; of a flow also
        steps and fps.

    Returns
    -------
    Question

    Raises
    ------
    WrofError
        If something is missing, unknown or cannot be read.
    """
    if args.tau is None:
        raise WrofError("--tau is missing; pass a step size, for example --tau 0.3.")
    if "fps" in args and not (isinstance(args.fps, int) and 1 <= args.fps <= MAX_FPS):
        raise WrofError(f"fps must be a whole number from 1 to {MAX_FPS}, got {args.fps!r}.")
    repeated = "steps" in args
    tau, text, listed = _tau_rule(args.tau) if repeated else (_positive(args.tau, "tau"), args.tau, None)
    inputs = read(args.inputs, args.size, args.invert)
    source, target = measures(inputs.mu, inputs.nu, normalize=args.normalize)
    options = {key: getattr(args, key) for key in ("alpha", "p", "solver", "select", "rtol", "max_iter")}
    options |= {key: positive_number(options[key], key) for key in ("p", "rtol")}
    if isinstance(args.max_iter, str):
        raise WrofError(f"max_iter must be a whole number >= 1, got {args.max_iter!r}.")
    params = {
        "command": "flow" if repeated else "step",
        **inputs.record,
        "tau": text,
        **options,
        "stops": args.stops,
        "normalize": args.normalize,
    }
    options["stops"] = _stops(args.stops, inputs.stops, source, target)
    if not repeated:
        return Question(source, target, tau, 1, options, {**params, "tau": tau}, inputs.notes)
    steps = args.steps if args.steps is not None else listed or STEPS
    return Question(source, target, tau, steps, options, {**params, "steps": steps}, inputs.notes)


def _positive(text: str, name: str) -> float:
    """Read a word as a number > 0; what is no number is refused in the library's words."""
    try:
        return positive_number(float(text), name)
    except ValueError as err:
        if isinstance(err, WrofError):
            raise
        return positive_number(text, name)


def _tau_rule(text: str) -> tuple[Any, Any, int | None]:
    """Read the tau of a flow: what `flow` takes, what a manifest says, and how many steps it lists."""
    parts = text.replace(" ", "").split("*")
    if len(parts) == 2 and "d1" in parts:
        from .flow import fraction_of_d1

        parts.remove("d1")
        rule = fraction_of_d1(_positive(parts[0], "the fraction of d1"))
        return rule, f"{rule.theta!r}*d1", None
    if "," in text:
        taus = [_positive(part, f"tau[{k}]") for k, part in enumerate(text.split(","))]
        return taus, taus, len(taus)
    tau = _positive(text, "tau")
    return tau, tau, None


def _stops(where: str, own: Any, source: Measure, target: Measure) -> Any:
    if where == "union":
        points = [x for measure in (source, target) for x in measure.points[measure.support].tolist()]
        return PointCloud(sorted({tuple(x) for x in points}))
    if where not in STOPS:
        raise unknown("stops", where, STOPS)
    return FREE if where == "free" else own


# ---- inputs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """A source and a target as they were given: nothing is rescaled here but pictures.

    Attributes
    ----------
    mu, nu : Measure.
    stops : the toy's own, or None.
    record : what identifies them, for a manifest: a toy with all its parameters, or files with their SHA-256.
    notes : sentences for the user.
    """

    mu: Measure
    nu: Measure
    stops: Any = None
    record: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(names: list[str], size: Any = None, invert: bool = False) -> Inputs:
    """Read a toy spec, or a source and a target file.

    Parameters
    ----------
    names : [spec] as in `toys.build`, or [source, target]. Files: .npy, .npz and .csv hold weights, any other is a
        picture.
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


def toy_spec(toy: Callable[..., Any], **given: str) -> str:
    """Write a toy with all its parameters, in the words of `toys.build`: the given ones, then the defaults."""
    pairs = []
    for key, parameter in inspect.signature(toy).parameters.items():
        default = "FILE" if parameter.default is parameter.empty else _word(parameter.default)
        pairs.append(f"{key}={given.get(key, default)}")
    return f"{toy.__name__}:{','.join(pairs)}"


def _word(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _read_toy(spec: str) -> Inputs:
    name, _, rest = spec.partition(":")
    if os.path.isfile(spec) or Path(name).suffix:
        raise WrofError(f"'{spec}' is one file; give two, SOURCE TARGET.")
    parts = toys.build(spec)
    pairs = (item.partition("=") for item in rest.split(",") if item.strip())
    given = {key.strip(): value.strip() for key, _, value in pairs}
    record: dict[str, Any] = {"toy": toy_spec(toys.get(name), **given)}
    if toys.get(name) is toys.images:
        record["sha256"] = [_sha256(given[role]) for role in ("source", "target")]
    return Inputs(parts["mu"], parts["nu"], parts.get("stops"), record)


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
    return Inputs(pair[0], pair[1], None, record, notes)


def _read_file(name: str, role: str, size: Any, invert: bool) -> Measure:
    if not os.path.exists(name):
        hint = (
            f"a toy stands alone: {name}" if name.partition(":")[0].replace("-", "_") in toys.TOYS else "check the path"
        )
        raise WrofError(f"there is no file '{name}'; {hint}.")
    if _is_picture(name):
        return toys.image(name, size, invert=invert)
    with _reading(name):
        weights, points = _READERS[Path(name).suffix.lower()](name)
    if points is None and (weights.ndim not in (1, 2) or not weights.size):
        raise WrofError(f"'{name}' holds weights of shape {weights.shape}; give a list, or a table for a 2-D grid.")
    try:
        return Measure(Grid(weights.shape) if points is None else PointCloud(points), weights, name=role)
    except WrofError as err:  # say whose points are meant
        raise WrofError(str(err) if str(err).startswith(role) else f"'{name}': {err}") from None


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() not in _READERS


def _sha256(name: str) -> str:
    with open(name, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _reading(name: str) -> Iterator[None]:
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


_READERS: dict[str, Callable[[str], Columns]] = {".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv}
