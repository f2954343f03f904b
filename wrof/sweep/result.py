"""A finished sweep: one flow per step size, in memory or on disk, as a table and as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import WrofError
from ..flow import Flow
from ..measure import Grid, Measure, PointCloud
from .folder import read_flow
from .question import Entry, Question
from .recheck import recheck

STATES = ("ok", "failed", "missing")
PER_STEP = ("value", "movement", "discrepancy", "gap")


@dataclass(frozen=True, eq=False)
class Sweep:
    """Flows for many step sizes, in rising order of tau; iterating gives the step sizes.

    Attributes
    ----------
    question : what the flows have in common: source, target, stops, settings.
    entries : one per step size. folder : where the flows are; None if they are in memory.
    """

    question: Question
    entries: tuple[Entry, ...]
    folder: Path | None = None

    @property
    def taus(self) -> list[float]:
        """Step sizes, rising."""
        return [entry.tau for entry in self.entries]

    @property
    def status(self) -> list[str]:
        """Per step size "ok", "failed", or "missing": not computed yet."""
        return [entry.status for entry in self.entries]

    @property
    def errors(self) -> dict[float, str]:
        """Why a flow failed, or its file cannot be used: a sentence by step size."""
        return {entry.tau: entry.error for entry in self.entries if entry.error}

    @property
    def complete(self) -> bool:
        """Whether there is a flow for every step size."""
        return all(entry.status == "ok" for entry in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[float]:
        return iter(self.taus)

    def flow(self, k: int) -> Flow:
        """Return the flow of the k-th step size, from memory or from its file.

        Raises
        ------
        WrofError
            If there is no k-th step size or no flow for it, or if its file is damaged.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            raise WrofError(f"a flow is called by its number, 0 to {len(self) - 1}, got {k!r}.")
        if not -len(self) <= k < len(self):
            raise WrofError(f"the sweep has {len(self)} step sizes, there is no number {k}.")
        entry = self.entries[k]
        if entry.status != "ok":
            why = "failed" if entry.status == "failed" else "is missing"
            cure = entry.error or "run the sweep again."
            raise WrofError(f"the flow with tau = {entry.tau!r} {why}: {cure}")
        if entry.flow is not None:
            return entry.flow
        assert self.folder is not None
        return read_flow(self.folder, self.question.fingerprint, entry.tau)

    def table(self) -> list[dict[str, Any]]:
        """Return the main numbers, a dict per step size.

        tau, status, regime ("" if not ok), settled_at (None while running), stopped, taken (steps), first_movement
        and first_discrepancy (K and F of the first step), last_discrepancy, worst_gap (nan if not ok).
        """
        return [self._row(k) for k in range(len(self))]

    def _row(self, k: int) -> dict[str, Any]:
        entry = self.entries[k]
        walk = self.flow(k) if entry.status == "ok" else None
        nan = float("nan")
        return {
            "tau": entry.tau,
            "status": entry.status,
            "regime": walk.regime if walk else "",
            "settled_at": walk.settled_at if walk else None,
            "stopped": walk.stopped if walk else "",
            "taken": len(walk.results) if walk else 0,
            "first_movement": walk.results[0].movement if walk else nan,
            "first_discrepancy": walk.results[0].discrepancy if walk else nan,
            "last_discrepancy": walk.results[-1].discrepancy if walk else nan,
            "worst_gap": max(result.gap for result in walk.results) if walk else nan,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return named arrays to store and to draw from; one flow is in memory at a time.

        T step sizes, S steps asked for. tau (T,); source (n,), source_points (n, d), target (m,), target_points
        (m, d); for finite stops points (k, d), and shape if they are a grid. status, error, regime, stopped (T,) text;
        settled_at (T,), -1 while running; taken (T,) steps. value, movement, discrepancy, gap (T, S): J, K, F, gap of
        step s + 1; once a flow has stopped, those of staying. distance (T, S + 1): total variation
        ||rho_s - nu||_1 / (2 mass). For finite stops rho_first, rho_last (T, k). p and alpha. Numbers are nan (counts
        -1 and 0) where there is no flow.
        """
        question, T, S = self.question, len(self), int(self.question.settings["steps"])
        finite = isinstance(question.stops, Grid | PointCloud)
        numbers = {name: np.full((T, S), np.nan) for name in PER_STEP}
        numbers["distance"] = np.full((T, S + 1), np.nan)
        if isinstance(question.stops, Grid | PointCloud):
            numbers |= {name: np.full((T, question.stops.size), np.nan) for name in ("rho_first", "rho_last")}
        taken, settled = np.zeros(T, dtype=np.int64), np.full(T, -1)
        text = {"regime": [""] * T, "stopped": [""] * T}
        for k in range(T):
            if self.entries[k].status != "ok":
                continue
            walk = self.flow(k)
            text["regime"][k], text["stopped"][k], taken[k] = walk.regime, walk.stopped, len(walk.results)
            settled[k] = -1 if walk.settled_at is None else walk.settled_at
            for name, row in (_steps(walk, S) | (_ends(walk) if finite else {})).items():
                numbers[name][k] = row
        told = {"status": self.status, "error": [entry.error for entry in self.entries], **text}
        return {
            **_asked(question, np.array(self.taus)),
            **{name: np.array(words, dtype=np.str_) for name, words in told.items()},
            "settled_at": settled,
            "taken": taken,
            **numbers,
        }

    def verify(self) -> list[dict[str, Any]]:
        """Check every stored step again, without solving.

        Marginals of the plan, the value recomputed from it, the lower bound recomputed from the stored potential over
        all pairs, rho as the plan leaves it, each step starting where the last one ended, and why the flow stopped.
        That the plan is the selected one among minimisers is not checked.

        Returns
        -------
        list of dict, one per step size: tau, ok (bool), steps (checked), says (what is wrong; "" if nothing).
        """
        return [recheck(self.question, tau, partial(self.flow, k)) for k, tau in enumerate(self)]

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.status.count(state)} {state}" for state in STATES if state in self.status)
        ends = f" in [{self.taus[0]:g}, {self.taus[-1]:g}]" if self.entries else ""
        return f"Sweep({len(self)} step sizes{ends}: {counts or 'none'})"


def _asked(question: Question, taus: np.ndarray) -> dict[str, np.ndarray]:
    out = {
        "tau": taus,
        "source": question.source.weights,
        "source_points": question.source.points,
        "target": question.target.weights,
        "target_points": question.target.points,
        "p": np.array(question.settings["p"]),
        "alpha": np.array(question.settings["alpha"]),
    }
    if isinstance(question.stops, Grid | PointCloud):
        out["points"] = question.stops.points
    if isinstance(question.stops, Grid):
        out["shape"] = np.array(question.stops.shape)
    return out


def _steps(walk: Flow, steps: int) -> dict[str, np.ndarray]:
    """Numbers per step; a flow that has stopped stays where it is."""
    energies, rest = walk.energies, steps - len(walk.results)
    last = walk.results[-1]
    stay = {"value": last.discrepancy, "movement": 0.0, "discrepancy": last.discrepancy, "gap": last.gap}
    out = {name: np.concatenate([energies[name], np.full(rest, stay[name])]) for name in PER_STEP}
    far = [total_variation(rho, walk.target) for rho in walk.measures]
    return {**out, "distance": np.array(far + far[-1:] * rest)}


def _ends(walk: Flow) -> dict[str, np.ndarray]:
    return {"rho_first": walk.measures[1].weights, "rho_last": walk.rho.weights}


def total_variation(rho: Measure, nu: Measure) -> float:
    """||rho - nu||_1 / (2 mass of rho): 0 if they are equal, 1 if they share no point.

    Points are the same place if their coordinates are equal, so the measures may live on different spaces.
    """
    if isinstance(rho.space, Grid) and rho.space == nu.space:
        apart = float(np.abs(rho.weights - nu.weights).sum())
    else:
        places = np.concatenate([rho.points, nu.points]) + 0.0  # one zero
        where = np.unique(places, axis=0, return_inverse=True)[1].ravel()
        apart = float(np.abs(np.bincount(where, np.concatenate([rho.weights, -nu.weights]))).sum())
    return apart / (2 * rho.mass)
