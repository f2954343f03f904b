"""What was asked and by which code: the manifest of a run, and the id that its parameters give it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from ..errors import WrofError
from ..files import FORMAT, AnyPath, Arrays, require_format

MANIFEST = "manifest.json"
DATE = "%Y-%m-%dT%H:%M:%S.%fZ"
PACKAGES = ("wrof", "numpy", "scipy", "POT", "numba", "matplotlib")


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


def make_manifest(name: str, params: Mapping[str, Any], arrays: Arrays, info: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a manifest says but the hash of the file of arrays."""
    rest = _plain(info, "info", finite=False)
    return {
        "format": FORMAT,
        "name": name,
        "run_id": run_id(params),
        "created": datetime.now(UTC).strftime(DATE),
        "params": _plain(params, "params"),
        "arrays": describe(arrays),
        "worst_gap": rest.pop("worst_gap", None),
        "statuses": rest.pop("statuses", []),
        "seconds": rest.pop("seconds", None),
        "info": rest,
        "versions": _versions(),
        "git": _git_state(Path(__file__).resolve().parents[2]),
    }


def describe(arrays: Arrays) -> dict[str, dict[str, Any]]:
    """Return shape and dtype of each array."""
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


def sealed(said: Mapping[str, Any], content: bytes) -> str:
    """Return the text of a manifest, with the SHA-256 of the file of arrays it belongs to."""
    whole = {**said, "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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
    return dict(load_manifest(Path(path))["params"])


def load_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest, given by its own path or that of its run; of the arrays nothing is needed."""
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
