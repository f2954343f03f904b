"""What the benchmarks share: paired turns, peak memory, versions, and where the answers go."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def paired(contestants: dict[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Seconds of every contestant in every turn; a first turn is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def against(seconds: dict[str, list[float]], name: str, peers: list[str]) -> float:
    """Median over the turns of (fastest peer's time / time)."""
    fastest = min(peers, key=lambda peer: statistics.median(seconds[peer]))
    return statistics.median(b / a for a, b in zip(seconds[name], seconds[fastest], strict=True))


def memory() -> tuple[int, int]:
    """Bytes this process holds, and the most it has held.

    Where the system tells: getrusage counts what the parent held as the child's own.
    """
    try:
        text = Path("/proc/self/status").read_text()
        held, most = (int(text.split(name)[1].split()[0]) * 1024 for name in ("VmRSS:", "VmHWM:"))
    except (OSError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        held = most
    return held, most


def forget_peak() -> None:
    """Count the peak from what is held now, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions(names: Iterable[str]) -> dict[str, str]:
    """Of Python and the packages; a package that is missing says so."""
    out = {"python": platform.python_version()}
    for name in names:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            out[name] = "not installed"
    return out


def version_line(known: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in known.items()) + f"; {cores()} cores"


def save(out: Path, text: str, data: dict[str, object]) -> None:
    """Write table.md and table.json."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(text, encoding="utf-8")
    (out / "table.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
