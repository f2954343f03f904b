"""Named problems: a toy together with the exponents it is about."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import toys
from ..errors import unknown


class Named(NamedTuple):
    """A toy spec, the options of `step` that belong to it, and a line that says what it shows."""

    spec: str
    options: dict[str, Any]
    about: str


PROBLEMS = {
    "steady_state": Named(
        "ramp_to_uniform",
        {"p": 1.0, "alpha": 0.5},
        "the first published picture as it was computed: the first step stays for ever (tau = 0.3)",
    ),
    "translation": Named(
        "random_to_ramp:increasing=true",
        {"p": 2.0, "alpha": 1.0},
        "the exponents that were printed: every atom walks, the ends are in place at once (tau = 0.005)",
    ),
    "re_entrant": Named(
        "two_point:r=0.5",
        {"p": 2.0, "alpha": "1+tau"},
        "mass moves for 0.3099 < tau < 4 only: with a large tau it stays",
    ),
}


def resolve(spec: str) -> tuple[str, dict[str, Any]]:
    """Return the toy spec that a spec stands for, and the options that belong to it; keys that are given win."""
    name, _, rest = spec.partition(":")
    key = name.strip().replace("-", "_")
    if key not in PROBLEMS:
        if key not in toys.TOYS:
            raise unknown("toy", name, [*toys.TOYS, *PROBLEMS])
        return spec, {}
    toy, _, fixed = PROBLEMS[key].spec.partition(":")
    given = [item for item in rest.split(",") if item.strip()]
    keys = {item.partition("=")[0].strip() for item in given}
    given += [item for item in fixed.split(",") if item and item.partition("=")[0] not in keys]
    return (f"{toy}:{','.join(given)}" if given else toy), dict(PROBLEMS[key].options)


def listing() -> dict[str, str]:
    """Return all toys and named problems, as specs with all their parameters, and a line about each."""
    about = {toy_spec(toy): (toy.__doc__ or "").splitlines()[0] for toy in toys.TOYS.values()}
    for name, (spec, options, line) in PROBLEMS.items():
        toy, _, fixed = spec.partition(":")
        full = toy_spec(toys.get(toy), **dict(item.split("=") for item in fixed.split(",") if item))
        words = " ".join(
            f"--{key} {value if isinstance(value, str) else format(value, 'g')}" for key, value in options.items()
        )
        about[f"{name}:{full.partition(':')[2]}"] = f"{toy} with {words}: {line}"
    return about


def toy_spec(toy: Callable[..., Any], **given: str) -> str:
    """Write a toy with all its parameters, in the words of `toys.build`: the given ones, then the defaults."""
    pairs = []
    for key, parameter in inspect.signature(toy).parameters.items():
        default = "FILE" if parameter.default is parameter.empty else _word(parameter.default)
        pairs.append(f"{key}={given.get(key, default)}")
    return f"{toy.__name__}:{','.join(pairs)}"


def _word(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
