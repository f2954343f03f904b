"""Runs and results on disk, whole or absent.

A run is a folder `root/name/<run id>/` with `manifest.json` (what was asked, by which code, how well it was solved) and
`arrays.npz` (what came out). Its id is a hash of its parameters, so the same question has the same address. A single
`StepResult` or `Flow` is kept by `save` and read by `load`. Nothing is pickled. Everything is written under a hidden
temporary name beside its place, then renamed.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import importlib.metadata
import json
import math
import os
import platform
import secrets
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import WrofError

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]
AnyPath: TypeAlias = str | os.PathLike[str]

FORMAT = 1  # of manifests and saved results; to be raised when an older reader would misread a new file
MANIFEST, ARRAYS, STRUCTURE = "manifest.json", "arrays.npz", "structure.json"
KINDS = {"StepResult": "wrof.result", "Flow": "wrof.flow"}  # what `save` takes: class, and the module to find it in
PACKAGES = ("wrof", "numpy", "scipy", "POT", "numba", "matplotlib")

_IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)
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


# ---- files that appear whole ----


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
    temporary = _beside(final)
    try:
        with _writing(final):
            temporary.touch(exist_ok=False)
        yield temporary
        with _writing(final):
            _sync(temporary)
            os.replace(temporary, final)
            _sync_folder(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _beside(final: Path) -> Path:
    """Return a new hidden name in the folder of `final`."""
    return final.with_name(f".{final.stem}.{secrets.token_hex(4)}.tmp{final.suffix}")


@contextmanager
def _writing(final: Path) -> Iterator[None]:
    """Turn what the system says when a write fails into one sentence."""
    try:
        yield
    except OSError as err:
        raise WrofError(
            f"cannot write {str(final)!r}: {err.strerror or err}; choose an existing, writable place with room."
        ) from err


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system can
        _sync(folder)


def _write_npz(path: Path, arrays: Arrays, structure: str | None = None) -> None:
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


def _read_npz(path: Path) -> tuple[Arrays, str]:
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


def _as_arrays(arrays: Mapping[str, Any]) -> Arrays:
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


def _require_format(header: Mapping[str, Any], file: Path) -> None:
    found = header.get("format")
    if found != FORMAT:
        raise WrofError(f"{str(file)!r} has format {found!r}, this wrof reads {FORMAT}; update wrof or run it again.")


# ---- runs ----


@dataclass(frozen=True, eq=False)
class Run:
    """A complete run, as read from disk.

    Attributes
    ----------
    path : Path of its folder.
    params : dict, the resolved parameters, seed included; can be fed back in.
    arrays : dict of arrays by name.
    manifest : dict, everything `manifest.json` says.
    """

    path: Path
    params: dict[str, Any]
    arrays: Arrays
    manifest: dict[str, Any]


def run_id(params: Mapping[str, Any]) -> str:
    """Hash the resolved parameters of a run, seed included.

    Neither the order of keys matters, nor whether one is written 1 or 1.0, in Python or NumPy, in a list or a tuple.

    Parameters
    ----------
    params : text, finite numbers, bools, None, and lists, tuples, arrays and dicts of them, by name.

    Returns
    -------
    str, the first 12 hexadecimal digits of the SHA-256 of the canonical JSON text.

    Raises
    ------
    WrofError
        If a value is of another kind, not finite, or an absolute path.
    """
    canonical = _merge_equal_numbers(_plain(params, "params"))
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: Any, where: str, *, finite: bool = True) -> Any:
    """Return `value` in JSON's own types; non-finite numbers become text unless `finite` forbids them."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise WrofError(
                f"{where} has keys that are not text: {[key for key in value if not isinstance(key, str)]}."
            )
        return {
            _plain(key, f"a key of {where}"): _plain(item, f"{where}[{key!r}]", finite=finite)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{k}]", finite=finite) for k, item in enumerate(value)]
    if isinstance(value, str):
        if PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute():
            raise WrofError(
                f"{where} is the absolute path {value!r}, which means nothing on another machine; "
                "keep the file's name, and its content or a hash of it."
            )
        return str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        if finite:
            raise WrofError(f"{where} = {value}; a parameter must be finite (None can stand for 'no limit').")
        return str(float(value))
    if value is None or isinstance(value, bool | int):
        return value
    raise WrofError(
        f"{where} is a {type(value).__name__}; it must be text, a number, a bool, None, or lists and dicts of them."
    )


def _merge_equal_numbers(value: Any) -> Any:
    """Write 1.0 as 1 and -0.0 as 0, so that parameters that compare equal have one text."""
    if isinstance(value, dict):
        return {key: _merge_equal_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_merge_equal_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def save_run(
    root: AnyPath,
    name: str,
    params: Mapping[str, Any],
    arrays: Mapping[str, Any],
    *,
    info: Mapping[str, Any] | None = None,
) -> Path:
    """Write a run to `root/name/<run id>/`, whole or not at all.

    A complete run of the same id is replaced, figures beside it included: they were drawn from its arrays. Several
    writers of the same run do no harm: one of them is last.

    Parameters
    ----------
    root : folder of all runs, made if missing.
    name : of the experiment: one folder name.
    params : see `run_id`; these and nothing else decide the id.
    arrays : the outcome, by name: anything `numpy.asarray` turns into numbers, bools or text.
    info : what the manifest shall say besides: `worst_gap`, `statuses`, `seconds` have places of their own in it, all
        else goes under `info`. Same kinds of values as `params`; non-finite numbers are written as text.

    Returns
    -------
    Path of the run's folder.

    Raises
    ------
    WrofError
        If something cannot be stored, the place cannot be written, or a folder that is no run has the run's name.
    """
    stored = _as_arrays(arrays)
    manifest = _manifest(_folder_name(name), params, stored, info or {})
    final = Path(root) / name / str(manifest["run_id"])
    temporary = _beside(final)
    try:
        with _writing(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            _write_npz(temporary / ARRAYS, stored)
            text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
            (temporary / MANIFEST).write_text(text + "\n", encoding="utf-8")
            _sync(temporary / ARRAYS)
            _sync(temporary / MANIFEST)
            _sync_folder(temporary)
            _move_in(temporary, final)
            _sync_folder(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def _folder_name(name: str) -> str:
    if not name or not name.isprintable() or name.startswith(".") or set(name) & set('/\\:*?"<>|'):
        raise WrofError(f"run name {name!r} must be a plain folder name: no separators, not hidden, not empty.")
    return name


def _move_in(new: Path, final: Path) -> None:
    """Rename the folder `new` to `final`, where a complete run may stand and other writers may be at work."""
    for _ in range(1000):
        old = _beside(final)
        with suppress(FileNotFoundError):
            os.replace(final, old)
        try:
            if old.exists() and not _complete(old):
                raise WrofError(
                    f"{str(final)!r} exists and is not a complete run; move it away or choose another root."
                )
            os.replace(new, final)
        except BaseException as err:
            with suppress(OSError):  # put back what was there
                os.replace(old, final)
            if not (isinstance(err, OSError) and err.errno in _IN_THE_WAY):
                raise
        shutil.rmtree(old, ignore_errors=True)
        if not new.exists():
            return
    raise FileExistsError(errno.EEXIST, "other writers keep replacing it")


def _complete(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and (folder / ARRAYS).is_file()


def _manifest(name: str, params: Mapping[str, Any], arrays: Arrays, info: Mapping[str, Any]) -> dict[str, Any]:
    rest = _plain(info, "info", finite=False)
    return {
        "format": FORMAT,
        "name": name,
        "run_id": run_id(params),
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "params": _plain(params, "params"),
        "arrays": _describe(arrays),
        "worst_gap": rest.pop("worst_gap", None),
        "statuses": rest.pop("statuses", []),
        "seconds": rest.pop("seconds", None),
        "info": rest,
        "versions": _versions(),
        "git": _git_state(Path(__file__).resolve().parent.parent),
    }


def _describe(arrays: Arrays) -> dict[str, dict[str, Any]]:
    return {name: {"shape": list(array.shape), "dtype": array.dtype.str} for name, array in arrays.items()}


def _versions() -> dict[str, str | None]:
    """Return what is installed, from the packages' metadata: nothing is imported."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = None
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _git_state(checkout: Path) -> dict[str, Any] | None:
    """Return the commit and whether files other than results differ from it; None if this is no repository."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(checkout), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=True,
        ).stdout.strip()

    try:
        if not Path(git("rev-parse", "--show-toplevel")).samefile(checkout):
            return None  # installed inside someone else's repository
        commit = git("rev-parse", "--verify", "HEAD")
        dirty = git("status", "--porcelain", "--", ".", ":(exclude)results") != ""
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": dirty}


def load_run(path: AnyPath) -> Run:
    """Read a run and check that it is whole.

    Parameters
    ----------
    path : the run's folder.

    Returns
    -------
    Run

    Raises
    ------
    WrofError
        If there is no such folder, it is not a run, or its files are damaged or do not belong together.
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    arrays, _ = _read_npz(folder / ARRAYS)
    if _describe(arrays) != manifest["arrays"]:
        raise WrofError(f"{str(folder)!r} is damaged: {ARRAYS} does not hold what {MANIFEST} lists; run it again.")
    if run_id(manifest["params"]) != manifest["run_id"]:
        raise WrofError(f"{str(folder)!r} is damaged: its params do not give its run id; run it again.")
    return Run(folder, manifest["params"], arrays, manifest)


def params_from_manifest(path: AnyPath) -> dict[str, Any]:
    """Read the parameters of a run, to be fed back in; of its arrays nothing is needed.

    Parameters
    ----------
    path : a manifest, or the folder of a run.

    Returns
    -------
    dict, the parameters as stored: tuples have become lists.

    Raises
    ------
    WrofError
        If it cannot be read or is not the manifest of a run.
    """
    return dict(_read_manifest(Path(path))["params"])


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST if path.is_dir() else path
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        reason = f"it has no {MANIFEST}" if path.is_dir() else "there is no such file or folder"
        raise WrofError(f"{str(path)!r} is not a run: {reason}.") from None
    except OSError as err:
        raise WrofError(f"cannot read {str(file)!r}: {err.strerror or err}.") from err
    except ValueError as err:
        raise WrofError(f"{str(file)!r} is damaged or not a manifest ({err}); run it again.") from err
    known = isinstance(manifest, dict) and {"run_id", "created", "arrays"} <= manifest.keys()
    if not known or not isinstance(manifest.get("params"), dict):
        raise WrofError(f"{str(file)!r} is not the manifest of a run.")
    _require_format(manifest, file)
    return dict(manifest)


def find_runs(root: AnyPath, name: str) -> list[Path]:
    """List the complete runs of an experiment, oldest first.

    Parameters
    ----------
    root : folder of all runs.
    name : of the experiment.

    Returns
    -------
    list of Path, empty if there are none. Half-written, damaged and foreign folders are left out.

    Raises
    ------
    WrofError
        If `name` cannot be a folder's name.
    """
    folder = Path(root) / _folder_name(name)
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if _complete(path) and not path.name.startswith("."):
            with suppress(WrofError):
                found.append((str(_read_manifest(path)["created"]), path))
    return [path for _, path in sorted(found)]


# ---- single results ----


def save(obj: Any, path: AnyPath) -> Path:
    """Keep a result in one .npz file, without pickles.

    Parameters
    ----------
    obj : StepResult or Flow.
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
    if KINDS.get(kind) != type(obj).__module__:
        raise WrofError(f"save takes a {' or a '.join(KINDS)}, got a {kind}; save_run stores arrays.")
    return pack({"kind": kind, "data": obj.to_dict()}, path)


def load(path: AnyPath) -> Any:
    """Read what `save` wrote.

    Parameters
    ----------
    path : of the file.

    Returns
    -------
    StepResult or Flow, equal to what was saved.

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
        _write_npz(temporary, _as_arrays(arrays), structure)
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
    arrays, structure = _read_npz(file)
    if not structure:
        raise WrofError(f"{str(path)!r} was not written by wrof: it has no {STRUCTURE}; read it with numpy.load.")
    try:
        header = json.loads(structure)
        _require_format(header, file)
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
