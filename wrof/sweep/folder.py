"""The folder of a sweep: one file per step size, each whole or absent, bound to one question.

`sweep.json` says what is asked, and for which step sizes so far; `question.npz` holds the measures and the stops;
`tau-0.3.npz` holds the flow with tau = 0.3, or why there is none. Hidden names are temporary and mean nothing.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import files
from ..errors import WrofError
from ..flow import Flow
from .question import PLACES, Entry, Question

HEADER, QUESTION = "sweep.json", "question.npz"
PACKAGES = ("wrof", "numpy", "scipy", "POT", "numba", "joblib")
OLD = 3600.0  # seconds: a temporary file is written to for a moment only, so one as old as this was left by a kill


# ---- the question ----


def bind(folder: Path, question: Question, taus: Iterable[float]) -> None:
    """Make the folder that of this question, or refuse if it belongs to another; add the step sizes to its list."""
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if foreign and not (folder / HEADER).exists():
        raise WrofError(f"{str(folder)!r} holds {foreign[0]!r} and no sweep; give an empty or a new folder as out.")
    head = {"format": files.FORMAT, "kind": "sweep", **question.header(), "versions": _versions(), "taus": list(taus)}
    if not (folder / HEADER).exists():
        _claim(folder / HEADER, _text(head))
    found = read_header(folder)
    if found["fingerprint"] != question.fingerprint:
        different = ", ".join(question.differences(found)) or "another fingerprint"
        raise WrofError(f"{str(folder)!r} holds another sweep ({different}); give another folder as out.")
    known = sorted({*found["taus"], *head["taus"]})
    if known != found["taus"]:
        with files.atomic_path(folder / HEADER) as temporary:
            temporary.write_text(_text({**found, "taus": known}), encoding="utf-8")
    if not _holds(folder, question.fingerprint):
        stored = {"kind": "question", "fingerprint": question.fingerprint, **question.to_dict()}
        files.pack(stored, folder / QUESTION)
    _sweep_out(folder)


def _text(head: dict[str, Any]) -> str:
    return json.dumps(head, indent=2, ensure_ascii=False) + "\n"


def _claim(path: Path, text: str) -> None:
    """Write a file unless there is one: of two processes the first stays."""
    temporary = files.beside(path)
    try:
        with files.writing(path):
            temporary.write_text(text, encoding="utf-8")
            files.sync(temporary)
            try:
                os.link(temporary, path)
            except FileExistsError:
                return
            except OSError:  # no hard links here
                os.replace(temporary, path)
            files.sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def read_header(folder: Path) -> dict[str, Any]:
    """Read `sweep.json`."""
    path = folder / HEADER
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
        files.require_format(head, path)
        whole = head["kind"] == "sweep" and all(head[name]["sha256"] for name in PLACES)
        if not (whole and head["fingerprint"] and dict(head["settings"]) and all(t > 0 for t in head["taus"])):
            raise ValueError("something is missing")
    except FileNotFoundError:
        raise WrofError(f"there is no sweep in {str(folder)!r}: it has no {HEADER}; check the path.") from None
    except OSError as err:
        raise WrofError(f"cannot read {str(path)!r}: {err.strerror or err}.") from None
    except WrofError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise WrofError(f"{str(path)!r} is damaged ({err}); run the sweep again in another folder.") from None
    return dict(head)


def read_question(folder: Path) -> Question:
    """Read `question.npz`."""
    fingerprint, tree = read_header(folder)["fingerprint"], files.unpack(folder / QUESTION)
    question = Question.from_dict(tree) if tree.get("kind") == "question" else None
    if question is None or question.fingerprint != fingerprint:
        raise WrofError(f"{str(folder / QUESTION)!r} does not belong to {HEADER}; run the sweep again.")
    return question


def _holds(folder: Path, fingerprint: str) -> bool:
    with suppress(WrofError):
        return bool(files.unpack(folder / QUESTION).get("fingerprint") == fingerprint)
    return False


def _sweep_out(folder: Path) -> None:
    """Remove what killed runs have left behind."""
    for path in folder.glob(".*"):
        with suppress(OSError):
            if re.match(r"\.(tau-|sweep\.|question\.)", path.name) and time.time() - path.stat().st_mtime > OLD:
                path.unlink()


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = None
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


# ---- one step size ----


def place(folder: Path, tau: float) -> Path:
    """Return the file of a step size."""
    return folder / f"tau-{tau!r}.npz"


def taus_in(folder: Path) -> list[float]:
    """Return the step sizes that have been asked for, and those that have a file."""
    found = set(read_header(folder)["taus"])
    for path in folder.glob("tau-*.npz"):
        with suppress(ValueError):
            tau = float(path.name.removeprefix("tau-").removesuffix(".npz"))
            found |= {tau} if place(folder, tau) == path else set()
    return sorted(found)


def write(folder: Path, fingerprint: str, entry: Entry) -> None:
    """Write the file of a step size."""
    kept = {name: getattr(entry, name) for name in ("tau", "status", "error", "seconds")}
    flow = None if entry.flow is None else entry.flow.to_dict()
    files.pack({"kind": "sweep", "fingerprint": fingerprint, **kept, "flow": flow}, place(folder, entry.tau))


def look(folder: Path, fingerprint: str, tau: float) -> Entry:
    """Return what the folder has for a step size, the flow itself left on disk; damaged is missing."""
    if not place(folder, tau).exists():
        return Entry(tau)
    try:
        tree = _read(folder, fingerprint, tau)
    except WrofError as err:
        return Entry(tau, error=str(err))
    return Entry(tau, tree["status"], tree["error"], tree["seconds"])


def read_flow(folder: Path, fingerprint: str, tau: float) -> Flow:
    """Read the flow of a step size."""
    tree = _read(folder, fingerprint, tau)
    if tree["flow"] is None:
        raise WrofError(f"{str(place(folder, tau))!r} holds no flow: {tree['error']}")
    return Flow.from_dict(tree["flow"])


def _read(folder: Path, fingerprint: str, tau: float) -> dict[str, Any]:
    path = place(folder, tau)
    tree = files.unpack(path)
    if tree.get("kind") != "sweep" or tree.get("fingerprint") != fingerprint or tree.get("tau") != tau:
        raise WrofError(f"{str(path)!r} does not belong to this sweep; run the sweep again.")
    status, flow = tree.get("status"), tree.get("flow")
    types = {"error": str, "seconds": float}
    whole = all(isinstance(tree.get(name), kind) for name, kind in types.items())
    if not (whole and (status, flow is None) in (("ok", False), ("failed", True))):
        raise WrofError(f"{str(path)!r} is damaged; run the sweep again.")
    return tree


# ---- workers that die ----


def begin(folder: Path, tau: float, run: str) -> int:
    """Count how often `run` has begun this step size, this time included."""
    with _begun(folder, tau, run).open("ab") as marks:
        marks.write(b".")
        return marks.tell()


def end(folder: Path, tau: float, run: str) -> None:
    """Forget the count."""
    _begun(folder, tau, run).unlink(missing_ok=True)


def _begun(folder: Path, tau: float, run: str) -> Path:
    return folder / f".tau-{tau!r}.{run}.begun"
