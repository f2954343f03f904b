"""Files that appear whole or not at all, and single results kept in one.

A single `StepResult` or `Flow` is kept by `save` and read by `load`. Nothing is pickled. Everything is written under a
hidden temporary name beside its place, then renamed.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import WrofError

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]
AnyPath: TypeAlias = str | os.PathLike[str]

FORMAT = 1  # of manifests and saved results; to be raised when an older reader would misread a new file
STRUCTURE = "structure.json"
KINDS = {
    "StepResult": "wrof.step",
    "Flow": "wrof.flow",
    "Phases": "wrof.phases.record",
}  # what `save` takes: class, and the module to find it in

_DAMAGED = (  # what the readers of zip, npy and JSON raise on content that is not what they expect
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


# ---- whole or absent ----


@contextmanager
def atomic_path(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on leaving, rename it to `path`, or remove it after an error.

    The temporary name keeps the suffix, so a writer that goes by it (a figure, a GIF) writes the right format.

    Parameters
    ----------
    path : where the file shall be; its folder must exist. A file already there is replaced.

    Yields
    ------
    Path to write to.

    Raises
    ------
    WrofError
        If the place cannot be written to; known before the body runs, where the system can tell.
    """
    final = Path(path)
    if not final.name or final.is_dir():
        raise WrofError(f"cannot write {str(path)!r}: it is a folder; give a file name.")
    temporary = beside(final)
    try:
        with writing(final):
            temporary.touch(exist_ok=False)
        yield temporary
        with writing(final):
            sync(temporary)
            os.replace(temporary, final)
            sync_folder(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


def beside(final: Path) -> Path:
    """Return a new hidden name in the folder of `final`."""
    return final.with_name(f".{final.stem}.{secrets.token_hex(4)}.tmp{final.suffix}")


@contextmanager
def writing(final: Path) -> Iterator[None]:
    """Turn what the system says when a write fails into one sentence."""
    try:
        yield
    except OSError as err:
        raise WrofError(
            f"cannot write {str(final)!r}: {err.strerror or err}; choose an existing, writable place with room."
        ) from err


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    with suppress(OSError):
        sync(folder)


# ---- arrays ----


def write_npz(path: Path, arrays: Arrays, structure: str | None = None) -> None:
    """Write a .npz without pickles; the same content gives the same bytes."""

    def entry(name: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name)  # dated 1980, whenever written
        info.compress_type = zipfile.ZIP_DEFLATED
        return info

    with zipfile.ZipFile(path, "w") as archive:
        if structure is not None:
            archive.writestr(entry(STRUCTURE), structure)
        for name, array in arrays.items():
            with archive.open(entry(f"{name}.npy"), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def read_npz(path: Path) -> tuple[Arrays, str]:
    """Return the arrays of a .npz and its structure entry, "" if it has none."""
    arrays: Arrays = {}
    structure = ""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as stream:
                    if name.endswith(".npy"):
                        arrays[name.removesuffix(".npy")] = np.lib.format.read_array(stream, allow_pickle=False)
                    elif name == STRUCTURE:
                        structure = stream.read().decode()
                    if stream.read():  # reading to the end is also what checks the checksum
                        raise ValueError(f"unexpected content in {name}")
    except FileNotFoundError:
        raise WrofError(f"there is no file {str(path)!r}; check the path.") from None
    except OSError as err:
        raise WrofError(f"cannot read {str(path)!r}: {err.strerror or err}.") from err
    except _DAMAGED as err:
        raise WrofError(f"{str(path)!r} is damaged or not a .npz file ({err}); write it again.") from err
    return arrays, structure


def as_arrays(arrays: Mapping[str, Any]) -> Arrays:
    """Return the values as arrays that can be stored under their names."""
    stored: Arrays = {}
    for name, value in arrays.items():
        if not (isinstance(name, str) and name and name.isprintable() and "\\" not in name):
            raise WrofError(f"arrays has the name {name!r}; a name must be printable text without backslash.")
        try:
            stored[name] = np.asarray(value)
        except ValueError as err:  # ragged nested lists
            raise WrofError(f"arrays[{name!r}] is not a rectangular array: {err}.") from None
        if stored[name].dtype.hasobject:
            raise WrofError(f"arrays[{name!r}] holds Python objects; only numbers, bools and text can be stored.")
    return stored


def require_format(header: Mapping[str, Any], file: Path) -> None:
    """Refuse what another version of the format wrote."""
    found = header.get("format")
    if found != FORMAT:
        raise WrofError(f"{str(file)!r} has format {found!r}, this wrof reads {FORMAT}; update wrof or run it again.")


# ---- single results ----


def save(obj: Any, path: AnyPath) -> Path:
    """Keep a result in one .npz file, without pickles.

    Parameters
    ----------
    obj : StepResult, Flow or Phases.
    path : where; written exactly there (no suffix is added). A file already there is replaced.

    Returns
    -------
    Path of the file.

    Raises
    ------
    WrofError
        If `obj` is something else, or the place cannot be written.
    """
    kind = type(obj).__name__
    if kind not in KINDS or getattr(importlib.import_module(KINDS[kind]), kind) is not type(obj):
        raise WrofError(f"save takes a {' or a '.join(KINDS)}, got a {kind}; wrof.store.save_run stores arrays.")
    return pack({"kind": kind, "data": obj.to_dict()}, path)


def load(path: AnyPath) -> Any:
    """Read what `save` wrote.

    Parameters
    ----------
    path : of the file.

    Returns
    -------
    StepResult, Flow or Phases with the content of what was saved.

    Raises
    ------
    WrofError
        If the file is missing, damaged, or was not written by `save`.
    """
    tree = unpack(path)
    kind = tree.get("kind")
    if kind not in KINDS:
        raise WrofError(f"{str(path)!r} holds no {' and no '.join(KINDS)}; load reads what save wrote.")
    return getattr(importlib.import_module(KINDS[kind]), kind).from_dict(tree["data"])


def pack(tree: Mapping[str, Any], path: AnyPath) -> Path:
    """Write nested dicts, lists and tuples of arrays, numbers, text, bools and None to one .npz file.

    Parameters
    ----------
    tree : the values; keys are text not starting with "$". Each array is an entry named by its keys: `plan/mass`.
    path : where; written exactly there.

    Returns
    -------
    Path of the file.

    Raises
    ------
    WrofError
        If a value is of another kind, or the place cannot be written.
    """
    arrays: Arrays = {}
    structure = json.dumps({"format": FORMAT, "tree": _fold(tree, "", arrays)}, ensure_ascii=False)
    with atomic_path(path) as temporary:
        write_npz(temporary, as_arrays(arrays), structure)
    return Path(path)


def unpack(path: AnyPath) -> dict[str, Any]:
    """Read what `pack` wrote.

    Parameters
    ----------
    path : of the file.

    Returns
    -------
    dict, equal to what was packed: tuples are tuples again, and NumPy scalars have become Python's.

    Raises
    ------
    WrofError
        If the file is missing, damaged, or was not written by `pack`.
    """
    file = Path(path)
    arrays, structure = read_npz(file)
    if not structure:
        raise WrofError(f"{str(path)!r} was not written by wrof: it has no {STRUCTURE}; read it with numpy.load.")
    try:
        header = json.loads(structure)
        require_format(header, file)
        return dict(_unfold(header["tree"], arrays))
    except WrofError:
        raise
    except _DAMAGED as err:
        raise WrofError(f"{str(path)!r} is damaged ({err}); write it again.") from err


def _fold(value: Any, at: str, arrays: Arrays) -> Any:
    """Return the JSON form of `value`, its arrays put aside under the path that leads to them."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key.startswith("$"):
                raise WrofError(
                    f"cannot store the key {key!r} of {at or 'the top'}: keys are text not starting with '$'."
                )
        return {key: _fold(item, f"{at}/{key}" if at else key, arrays) for key, item in value.items()}
    if type(value) is list:
        return [_fold(item, f"{at}/{k}", arrays) for k, item in enumerate(value)]
    if type(value) is tuple:
        return {"$tuple": _fold(list(value), at, arrays)}
    if isinstance(value, np.ndarray):
        if at in arrays:
            raise WrofError(f"cannot store two arrays under the name {at!r}: rename a key.")
        arrays[at] = value
        return {"$array": at}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise WrofError(f"cannot store {at}, a {type(value).__name__}: only arrays, numbers, text, bools and None.")


def _unfold(node: Any, arrays: Arrays) -> Any:
    if isinstance(node, list):
        return [_unfold(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    if "$array" in node:
        return arrays[node["$array"]]
    if "$tuple" in node:
        return tuple(_unfold(node["$tuple"], arrays))
    return {key: _unfold(item, arrays) for key, item in node.items()}
