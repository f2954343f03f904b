"""The experiments as modules, and drawn small, for the tests of them."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wrof import store
from wrof.plot import animate, paper

EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"


@contextlib.contextmanager
def opened(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Import experiments and the files they share; afterwards they are forgotten."""
    sys.path.insert(0, str(EXPERIMENTS))
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(EXPERIMENTS))
        for path in EXPERIMENTS.glob("*.py"):
            sys.modules.pop(path.stem, None)


@contextlib.contextmanager
def small_pictures() -> Iterator[None]:
    """Small pictures are fast."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "DPI", 50)
        patch.setattr(animate, "GIF_DPI", 40)
        yield


def quick_run(common: Any, script: Any, out: Path) -> tuple[int, str, store.Run]:
    """Exit code, printed lines and stored run of an experiment's --quick."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = common.main(script.EXPERIMENT, ["--quick", "--out", str(out)])
    (path,) = store.find_runs(out, script.EXPERIMENT.name)
    return code, printed.getvalue(), store.load_run(path)
