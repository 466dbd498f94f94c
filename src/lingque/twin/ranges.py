"""Parameters with their ranges: a value of another type or outside its range is told by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Between:
    """The range of a parameter; both ends are allowed."""

    lowest: Any
    highest: Any


def check_ranges(parameters: object) -> None:
    """Check every field of a dataclass whose type is annotated with `Between`.

    A value of another type or outside its range raises `ValueError` that names the parameter, the value found and the
    range allowed.
    """
    for name, hint in get_type_hints(type(parameters), include_extras=True).items():
        for allowed in getattr(hint, "__metadata__", ()):
            _check(name, getattr(parameters, name), hint.__origin__, allowed)


def _check(name: str, found: object, kind: type, allowed: Between) -> None:
    # type() and not isinstance: True is an int and a datetime is a date, and neither is meant
    fits = type(found) in ((int, float) if kind is float else (kind,))
    # "not inside" instead of "outside": a NaN is neither
    if not fits or not allowed.lowest <= found <= allowed.highest:
        noun = {int: "a whole number", float: "a number", date: "a date"}[kind]
        raise ValueError(
            f"twin parameter {name} is {found!r}; allowed is {noun} from {allowed.lowest} to {allowed.highest}"
        )
