"""What the experiments share: parameters, one run per set of them on disk, claims that are checked aloud.

An experiment computes named arrays, checks its claim on them, and draws its figures; all but the computing works on the
arrays as stored, so a run that is already on disk is checked and drawn again, not computed again.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrof import SolverError, StepResult, WrofError, store
from wrof.errors import unknown

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Param:
    """A parameter: its default (whose type it keeps; None: a whole number or nothing), meaning, and --quick value."""

    default: Any
    meaning: str
    quick: Any = None


@dataclass(frozen=True)
class Experiment:
    """One script: `compute` gives arrays and notes from parameters, `check` and `draw` see only what is stored."""

    name: str
    doc: str
    params: dict[str, Param]
    compute: Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]
    check: Callable[[dict[str, Any], dict[str, Any], Claims], None]
    draw: Callable[[dict[str, Any], dict[str, Any], Path], list[Path]]


class ClaimError(AssertionError):
    """A number is not what the experiment claims."""


class Claims:
    """Checks a claim and prints it with its number and its bound; the first that fails ends the experiment."""

    def at_most(self, what: str, number: float, bound: float) -> None:
        """Claim number <= bound."""
        self._tell(what, f"{number:.3g} ≤ {bound:g}", bool(number <= bound))

    def at_least(self, what: str, number: float, bound: float) -> None:
        """Claim number >= bound."""
        self._tell(what, f"{number:.3g} ≥ {bound:g}", bool(number >= bound))

    def near(self, what: str, number: float, expected: float, tolerance: float) -> None:
        """Claim |number - expected| <= tolerance."""
        ok = bool(abs(number - expected) <= tolerance)
        self._tell(what, f"{number:.8g} = {expected:.8g} ± {tolerance:g}", ok)

    def equal(self, what: str, found: Any, expected: Any) -> None:
        """Claim found == expected."""
        self._tell(what, f"{found}" if found == expected else f"{found}, not {expected}", bool(found == expected))

    def note(self, what: str, number: str) -> None:
        """Print something measured that is not claimed."""
        print(f"        {what:<68} {number}")

    def _tell(self, what: str, comparison: str, ok: bool) -> None:
        print(f"  {'ok  ' if ok else 'FAIL'}  {what:<68} {comparison}")
        if not ok:
            raise ClaimError(f"the claim fails: {what}: {comparison.replace('≤', '>').replace('≥', '<')}.")


def bars_from(name: str) -> np.ndarray:
    """Read the bar heights of a published chart, `experiments/data/NAME.csv`."""
    return np.loadtxt(DATA / f"{name}.csv", delimiter=",")[:, 1]


def notes(results: Sequence[StepResult]) -> dict[str, Any]:
    """Say how well the steps were solved, for the manifest."""
    return {
        "worst_gap": max(abs(r.gap) for r in results),
        "statuses": sorted({r.status.name for r in results}),
        "solvers": sorted({r.solver for r in results}),
        "steps_solved": len(results),
    }


def main(experiment: Experiment, argv: Sequence[str] | None = None) -> int:
    """Run an experiment from the command line; return 0, 1 if a claim or a solver failed, 2 for bad input."""
    try:
        params, options = read_options(experiment, argv)
        path = run(experiment, params, options.out, options.force)
    except WrofError as err:
        print(f"{experiment.name}: {err}", file=sys.stderr)
        return 2
    except (ClaimError, SolverError) as err:
        print(f"{experiment.name}: {err}", file=sys.stderr)
        return 1
    print(f"{experiment.name}: everything is in {path}")
    return 0


def run(experiment: Experiment, params: dict[str, Any], out: str | Path, force: bool = False) -> Path:
    """Compute and store what is not on disk yet; check and draw what is on disk; return the run's folder."""
    path = Path(out) / experiment.name / store.run_id(params)
    stored = None
    if not force:
        with suppress(WrofError):  # absent or damaged
            stored = store.load_run(path)
    if stored is not None:
        print(f"{experiment.name}: reading {path} (--force computes it again)")
        experiment.check(stored.params, stored.arrays, Claims())
    else:
        print(f"{experiment.name}: computing")
        start = time.perf_counter()
        arrays, info = experiment.compute(params)
        info["seconds"] = round(time.perf_counter() - start, 3)
        experiment.check(params, arrays, Claims())
        stored = store.load_run(store.save_run(out, experiment.name, params, arrays, info=info))
    for figure in experiment.draw(stored.params, stored.arrays, stored.path):
        print(f"        drew {figure.name}, {figure.stat().st_size / 1024:.0f} KiB")
    return path


def read_options(experiment: Experiment, argv: Sequence[str] | None) -> tuple[dict[str, Any], argparse.Namespace]:
    """Resolve the parameters: defaults, then --quick, then --config, then options of their own."""
    parser = argparse.ArgumentParser(
        prog=f"{experiment.name}.py", description=experiment.doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, param in experiment.params.items():
        many = isinstance(param.default, list)
        kind = type(param.default[0] if many else 0 if param.default is None else param.default)
        default = "none" if param.default is None else param.default
        parser.add_argument(
            f"--{name}", type=kind, nargs="+" if many else None, help=f"{param.meaning} (default: {default})"
        )
    parser.add_argument("--quick", action="store_true", help="a smaller version that takes seconds")
    parser.add_argument("--config", metavar="FILE", help="parameters from a stored manifest.json or a .toml file")
    parser.add_argument("--out", default="results", metavar="FOLDER", help="where runs are kept (default: results)")
    parser.add_argument("--force", action="store_true", help="compute even if the run is on disk")
    options = parser.parse_args(argv)
    params = {name: param.default for name, param in experiment.params.items()}
    if options.quick:
        params |= {name: param.quick for name, param in experiment.params.items() if param.quick is not None}
    if options.config is not None:
        params |= _read_config(Path(options.config), experiment.params)
    params |= {name: getattr(options, name) for name in params if getattr(options, name) is not None}
    for name, value in params.items():
        least = 0 if name == "seed" else 1
        if isinstance(value, int) and value < least:
            raise WrofError(f"{name} must be a whole number >= {least}, got {value}.")
    return params, options


def _read_config(path: Path, known: dict[str, Param]) -> dict[str, Any]:
    if path.suffix == ".toml":
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as err:
            raise WrofError(f"cannot read {str(path)!r}: {err.strerror or err}.") from None
        except ValueError as err:
            raise WrofError(f"{str(path)!r} is not a TOML file: {err}.") from None
    else:
        values = store.params_from_manifest(path)
    for key, value in values.items():
        if key not in known:
            raise unknown("key", key, known)
        values[key] = _like(value, known[key].default, key)
    return values


def _like(value: Any, default: Any, key: str) -> Any:
    """Return a value read from a file as the type of its default."""
    if isinstance(default, list):
        if not isinstance(value, list) or not value:
            raise WrofError(f"{key} must be a list, got {value!r}.")
        return [_like(item, default[0], key) for item in value]
    if default is None:
        if value is None:
            return None
        default = 0
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, str) != isinstance(value, str) or not (number or isinstance(value, str)):
        raise WrofError(f"{key} must be {'text' if isinstance(default, str) else 'a number'}, got {value!r}.")
    if isinstance(default, int) and value != int(value):
        raise WrofError(f"{key} must be a whole number, got {value!r}.")
    return type(default)(value)
