"""Toys by name, and built from one word."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..errors import WrofError, unknown
from .problems import TOYS, Toy

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "an integer", float: "a number", bool: "true or false", tuple: "numbers joined by x", type(None): "none"}


def get(name: str) -> Callable[..., Toy]:
    """Return the toy called `name`, written with hyphens or underscores."""
    key = name.strip().replace("-", "_")
    if key not in TOYS:
        raise unknown("toy", name, TOYS)
    return TOYS[key]


def build(spec: str) -> Toy:
    """Build a toy from one word, "two_point:r=2.0" or "random_to_ramp:K=64,seed=3,increasing=true".

    After the colon stand the toy's own parameters, separated by commas. Tuples are written with `x`: "shape=32x32",
    "source=0.2x0.4". A file name with a comma in it needs the function instead.

    Raises
    ------
    WrofError
        If the toy or a key is unknown, a key is missing, repeated or malformed, or a value has the wrong type.
    """
    name, _, rest = spec.partition(":")
    toy = get(name)
    name, hints, parameters = toy.__name__, get_type_hints(toy), inspect.signature(toy).parameters
    values: dict[str, Any] = {}
    for item in rest.split(",") if rest.strip() else ():
        key, equals, text = (part.strip() for part in item.partition("="))
        if not (key and equals and text):
            raise WrofError(f"cannot read '{item.strip()}' in '{spec}'; write {name}:key=value,key=value.")
        if key not in parameters:
            raise unknown("key", key, parameters)
        if key in values:
            raise WrofError(f"key '{key}' is given twice in '{spec}'; drop one.")
        values[key] = _parse(text, hints[key], key)
    missing = [key for key, one in parameters.items() if one.default is one.empty and key not in values]
    if missing:
        raise WrofError(f"toy '{name}' needs {' and '.join(missing)}; write {name}:{missing[0]}=value.")
    return toy(**values)


def _parse(text: str, hint: Any, key: str) -> Any:
    """Read `text` as the first of the annotated types that takes it."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for kind in kinds:
        try:
            if kind is bool:
                return _WORDS[text.lower()]
            if kind is type(None):
                return {"none": None}[text.lower()]
            if get_origin(kind) is tuple:
                return tuple(get_args(kind)[0](part) for part in text.split("x"))
            return kind(text)
        except (KeyError, ValueError):
            continue
    wanted = " or ".join(_KINDS[get_origin(kind) or kind] for kind in kinds)
    raise WrofError(f"{key} must be {wanted}, got '{text}'.")
