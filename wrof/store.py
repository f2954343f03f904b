"""Runs on disk, whole or absent.

A run is a folder `root/name/<run id>/` with `manifest.json` (what was asked, by which code, how well it was solved) and
`arrays.npz` (what came out). Its id is a hash of its parameters, so the same question has the same address. It is
written under a hidden temporary name beside its place, then renamed.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from .errors import WrofError
from .files import (
    FORMAT,
    AnyPath,
    Arrays,
    as_arrays,
    beside,
    read_npz,
    require_format,
    sync,
    sync_folder,
    write_npz,
    writing,
)

MANIFEST, ARRAYS = "manifest.json", "arrays.npz"
PACKAGES = ("wrof", "numpy", "scipy", "POT", "numba", "matplotlib")

_IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)


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

    A complete run of the same id is replaced: its manifest if the arrays are the same, else figures included, which
    were drawn from its arrays. Several writers of the same run do no harm: one of them is last.

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
    stored = as_arrays(arrays)
    manifest = _manifest(_folder_name(name), params, stored, info or {})
    final = Path(root) / name / str(manifest["run_id"])
    temporary = beside(final)
    try:
        with writing(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            write_npz(temporary / ARRAYS, stored)
            text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
            (temporary / MANIFEST).write_text(text + "\n", encoding="utf-8")
            sync(temporary / ARRAYS)
            sync(temporary / MANIFEST)
            sync_folder(temporary)
            if not _same_arrays(temporary, final):
                _move_in(temporary, final)
            sync_folder(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def _folder_name(name: str) -> str:
    if not name or not name.isprintable() or name.startswith(".") or set(name) & set('/\\:*?"<>|'):
        raise WrofError(f"run name {name!r} must be a plain folder name: no separators, not hidden, not empty.")
    return name


def _same_arrays(new: Path, final: Path) -> bool:
    """Renew the manifest of a run whose arrays are these: what was drawn from them stays true.

    False if there is no such run, or another writer takes it away meanwhile.
    """
    try:
        if not _complete(final) or (final / ARRAYS).read_bytes() != (new / ARRAYS).read_bytes():
            return False
        os.replace(new / MANIFEST, final / MANIFEST)
    except FileNotFoundError:
        return False
    return True


def _move_in(new: Path, final: Path) -> None:
    """Rename the folder `new` to `final`, where a complete run may stand and other writers may be at work."""
    for _ in range(1000):
        old = beside(final)
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
    arrays, _ = read_npz(folder / ARRAYS)
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
    require_format(manifest, file)
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
