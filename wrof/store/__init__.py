"""Runs on disk, whole or absent.

A run is a folder `root/name/<run id>/` with `manifest.json` (what was asked, by which code, how well it was solved) and
`arrays.npz` (what came out). Its id is a hash of its parameters, so the same question has the same address. It is
written under a hidden temporary name beside its place, then renamed. A run that grows in a folder of its own, a sweep,
gets its manifest there when all else is in place: a folder without one is no run.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WrofError
from ..files import AnyPath, Arrays, as_arrays, atomic_path, beside, read_npz, sync, sync_folder, write_npz, writing
from .manifest import DATE, MANIFEST, describe, load_manifest, make_manifest, params_from_manifest, run_id, sealed

__all__ = [
    "ARRAYS",
    "DATE",
    "MANIFEST",
    "Run",
    "find_runs",
    "load_manifest",
    "load_run",
    "params_from_manifest",
    "run_id",
    "save_run",
    "write_run",
]

ARRAYS = "arrays.npz"

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
    said = make_manifest(_folder_name(name), params, stored, info or {})
    final = Path(root) / name / str(said["run_id"])
    temporary = beside(final)
    try:
        with writing(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            write_npz(temporary / ARRAYS, stored)
            (temporary / MANIFEST).write_text(sealed(said, (temporary / ARRAYS).read_bytes()), encoding="utf-8")
            sync(temporary / ARRAYS)
            sync(temporary / MANIFEST)
            sync_folder(temporary)
            if not _same_arrays(temporary, final):
                _move_in(temporary, final)
            sync_folder(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def write_run(
    folder: AnyPath,
    params: Mapping[str, Any],
    arrays: Mapping[str, Any],
    *,
    info: Mapping[str, Any] | None = None,
    drawn: Iterable[str] = (),
) -> Path:
    """Make a run of a folder that is there and holds other files, which stay: arrays first, the manifest last.

    Several writers do no harm: when the last has finished, the manifest is that of the arrays.

    Parameters
    ----------
    folder : named by the run's id.
    params, arrays, info : as in `save_run`.
    drawn : names of files in it that were drawn from arrays; they are removed if the arrays change.

    Returns
    -------
    Path of the folder.

    Raises
    ------
    WrofError
        If the folder is missing or has another name, something cannot be stored, or the place cannot be written.
    """
    final, stored = Path(folder), as_arrays(arrays)
    said = make_manifest(_folder_name(final.resolve().parent.name), params, stored, info or {})
    if final.resolve().name != said["run_id"]:
        raise WrofError(f"{str(folder)!r} must be named by the run id of its parameters, {said['run_id']}.")
    if not final.is_dir():
        raise WrofError(f"there is no folder {str(folder)!r} to write the run into; make it first.")
    temporary = beside(final / ARRAYS)
    try:
        with writing(final):
            write_npz(temporary, stored)
        content = temporary.read_bytes()
    finally:
        temporary.unlink(missing_ok=True)
    for _ in range(1000):
        _write_over(final, content, said, drawn)
        with suppress(WrofError):
            load_run(final)
            return final  # or another writer came between arrays and manifest: once more
    raise WrofError(f"cannot write {str(folder)!r}: other writers keep replacing it.")


def _write_over(final: Path, content: bytes, said: Mapping[str, Any], drawn: Iterable[str]) -> None:
    """Write arrays, unless these are there, then the manifest; while the two do not agree there is none."""
    if not _complete(final) or (final / ARRAYS).read_bytes() != content:
        with writing(final):
            for name in (MANIFEST, *drawn):
                (final / name).unlink(missing_ok=True)
        with atomic_path(final / ARRAYS) as temporary:
            temporary.write_bytes(content)
    with atomic_path(final / MANIFEST) as temporary:
        temporary.write_text(sealed(said, content), encoding="utf-8")


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
    said = load_manifest(folder)
    arrays, _ = read_npz(folder / ARRAYS)
    digest = _digest(folder / ARRAYS)
    if describe(arrays) != said["arrays"] or said.get("sha256", digest) != digest:  # old ones have no hash
        raise WrofError(f"{str(folder)!r} is damaged: {ARRAYS} does not hold what {MANIFEST} lists; run it again.")
    if run_id(said["params"]) != said["run_id"]:
        raise WrofError(f"{str(folder)!r} is damaged: its params do not give its run id; run it again.")
    return Run(folder, said["params"], arrays, said)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as err:
        raise WrofError(f"cannot read {str(path)!r}: {err.strerror or err}.") from err


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
                found.append((str(load_manifest(path)["created"]), path))
    return [path for _, path in sorted(found)]
