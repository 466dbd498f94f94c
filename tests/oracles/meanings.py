"""A text of the expression language together with what it means, in plain Python, for a row."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from lingque.catalog.expressions.types import Type, money

CNY = money("CNY")


Row = dict[str, Any]


OR, AND, NOT, COMPARISON, SUM, PRODUCT, ATOM = range(7)
"""How strongly the outermost operation binds: brackets are written only where they are needed."""


@dataclass(frozen=True)
class Meant:
    """An expression: how it is written, what it means, and what type it has."""

    text: str
    meaning: Callable[[Row], Any]
    type: Type
    binds: int = ATOM

    def __repr__(self) -> str:
        return self.text

    def within(self, level: int) -> str:
        return self.text if self.binds >= level else f"({self.text})"


def rounded_half_away(total: int, count: int) -> int:
    exact = Fraction(total, count)
    size = int(abs(exact) + Fraction(1, 2))
    return size if exact >= 0 else -size


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """NULL in, NULL out."""
    return lambda *values: None if None in values else function(*values)


Truth = bool | None


def conjunction(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    return None if None in (left, right) else True


def disjunction(left: Truth, right: Truth) -> Truth:
    if left is True or right is True:
        return True
    return None if None in (left, right) else False


def one_of(value: Any, choices: list[Any]) -> bool | None:
    if value is None:
        return None
    if any(choice == value for choice in choices if choice is not None):
        return True
    return None if None in choices else False


def is_like(text: str, pattern: str) -> bool:
    wild = {"%": ".*", "_": "."}
    return re.fullmatch("".join(wild.get(c, re.escape(c)) for c in pattern), text, re.DOTALL) is not None


negation = strict(operator.not_)


COMPARISONS = {
    "=": operator.eq, "<>": operator.ne, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


def written(value: Any, kind: Type) -> str:
    """A plain value as the language writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case date():
            return f"date '{value}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case int() if kind == CNY:
            return f"cny({abs(value) // 100}.{abs(value) % 100:02})"
        case int():
            return str(abs(value))
        case _:
            return repr(abs(value))


def constant(value: Any, kind: Type) -> Meant:
    size = value if isinstance(value, bool | str | date | None) else abs(value)  # a sign is an operation of its own
    return Meant(written(value, kind), lambda _row: size, kind)


def column(name: str, kind: Type) -> Meant:
    return Meant(name, lambda row: row[name], kind)


def binary(text: str, function: Callable[..., Any], left: Meant, right: Meant, kind: Type, binds: int) -> Meant:
    """Left-associative, but a comparison stands in no other without brackets."""
    first = left.within(binds + 1 if binds == COMPARISON else binds)
    meaning = lambda row: function(left.meaning(row), right.meaning(row))  # noqa: E731 - a value, not a definition
    return Meant(f"{first} {text} {right.within(binds + 1)}", meaning, kind, binds)
