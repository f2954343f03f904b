"""What the flows of a sweep have in common, and how two such questions are told apart."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import WrofWarning
from ..flow import Flow, flow
from ..measure import Measure, Stops, space_from_dict
from ..result import StepResult

PLACES = ("source", "target", "stops")


@dataclass(frozen=True, eq=False)
class Entry:
    """How one step size stands: "ok", "failed" or "missing", and why; `flow` if it is kept in memory."""

    tau: float
    status: str = "missing"
    error: str = ""
    seconds: float = 0.0
    flow: Flow | None = None


@dataclass(frozen=True, eq=False)
class Question:
    """Everything but the step size: small, so that it can be sent to a worker.

    Attributes
    ----------
    settings : steps, alpha (a number or "1+tau"), p, solver, select, rtol, max_iter.
    """

    source: Measure
    target: Measure
    stops: Stops
    settings: dict[str, Any]

    def flow(self, tau: float, init: StepResult | None = None) -> Flow:
        """Compute the flow for one step size; the warnings of single flows are left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WrofWarning)
            return flow(self.source, self.target, tau, stops=self.stops, init=init, **self.settings)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of source, target and stops: bytes, dtype and shape of every array."""
        parts = (_measure(self.source), _measure(self.target), self.stops.to_dict())
        return {name: _sha(_canonical(part)) for name, part in zip(PLACES, parts, strict=True)}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        return _sha({**self.hashes, "settings": self.settings})

    def header(self) -> dict[str, Any]:
        """Plain values that say what is asked, and tell it from other questions."""
        said = {name: {"is": repr(getattr(self, name)), "sha256": self.hashes[name]} for name in PLACES}
        return {"fingerprint": self.fingerprint, "settings": self.settings, **said}

    def differences(self, header: dict[str, Any]) -> list[str]:
        """Say what of another question's `header` is different from this one."""
        theirs, ours = header["settings"], self.settings
        names = [name for name in {**ours, **theirs} if theirs.get(name) != ours.get(name)]
        settings = [f"{name} = {theirs.get(name)!r} instead of {ours.get(name)!r}" for name in names]
        return settings + [f"another {name}" for name in PLACES if header[name]["sha256"] != self.hashes[name]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values and arrays that `from_dict` reads."""
        return {
            "source": _measure(self.source),
            "target": _measure(self.target),
            "stops": self.stops.to_dict(),
            "settings": self.settings,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Question:
        """Inverse of `to_dict`."""
        source, target = (Measure(space_from_dict(data[k]["space"]), data[k]["weights"]) for k in ("source", "target"))
        return cls(source, target, space_from_dict(data["stops"]), data["settings"])


def _measure(measure: Measure) -> dict[str, Any]:
    return {"space": measure.space.to_dict(), "weights": measure.weights}


def _canonical(value: Any) -> Any:
    """Replace arrays by what identifies them."""
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    return value


def _sha(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
