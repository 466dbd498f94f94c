"""From a typed tree to a Python function of one row, with SQL's three-valued logic: what one customer is asked by.

The function is generated text, compiled once; a call takes some hundred nanoseconds per operation. Values are Python's
own: money in minor units, days as `date`, unknown as None.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from lingque.catalog.expressions.to_sql import DAY_TEXT, INTEGER_TEXT, NUMBER_TEXT
from lingque.catalog.expressions.tree import (
    AsOf,
    Binary,
    Call,
    Case,
    Cast,
    Coalesce,
    Constant,
    Name,
    Node,
    OneOf,
    Shifted,
    Unary,
    fixed_day,
)
from lingque.catalog.expressions.types import Kind, Type
from lingque.core.clock import shift
from lingque.core.errors import WarehouseError
from lingque.core.money import EXPONENTS, INT64_MAX

RowFunction = Callable[[Mapping[str, Any], date], Any]
"""From the values by name and the day to the value. Raises `WarehouseError` where it does not fit into 64 bits."""

_DEEPEST = 40
"""Brackets within brackets: Python's own parser takes 200. What is deeper becomes a function of its own."""
_EXACT = (Kind.INTEGER, Kind.MONEY)


def row_function(node: Node) -> RowFunction:
    """The function of a row expression. `TypeError` where it needs more than one row."""
    writer = _Writer()
    body = writer.written(node)[0]
    lines = [*writer.functions, f"def value(row, as_of): return {body}"]
    namespace = dict(_NAMES)
    # the text is made from the tree alone: names and values stand in it as literals
    exec("\n".join(lines), namespace)  # noqa: S102 - said above
    made: RowFunction = namespace["value"]
    return made


class _Writer:
    """Python text of nodes, each with how deep its brackets go."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self._numbers = itertools.count()

    def written(self, node: Node) -> tuple[str, int]:
        parts = {id(part): self.written(part) for part in node.parts}
        deepest = 1 + max((depth for _, depth in parts.values()), default=0)
        text = self.text(node, lambda part: parts[id(part)][0])
        if deepest < _DEEPEST:
            return text, deepest
        name = f"part_{next(self._numbers)}"
        self.functions.append(f"def {name}(row, as_of): return {text}")
        return f"{name}(row, as_of)", 1

    def text(self, node: Node, of: Callable[[Node], str]) -> str:
        match node:
            case Constant():
                return _constant(node.value, node.type)
            case Name():
                return f"row[{node.name!r}]"
            case AsOf():
                return "as_of"
            case Shifted():
                return self.shifted(node, of)
            case Binary(operator="and" | "or"):
                return self.logic(node, of)
            case Coalesce() | Case() | Call(function="least" | "greatest"):
                return self.chosen(node, of)
            case Unary() | Binary() | OneOf() | Cast() | Call():
                return self.of_known(node, of)
            case _:
                raise TypeError(f"{type(node).__name__} is not an expression over one row")

    def chosen(self, node: Coalesce | Case | Call, of: Callable[[Node], str]) -> str:
        """One of several values, as the type of all."""
        match node:
            case Coalesce():
                return self.first_known([_as(node.type, choice, of(choice)) for choice in node.choices])
            case Call():
                listed = ", ".join(_as(node.type, argument, of(argument)) for argument in node.arguments)
                return f"_{node.function}({listed})"
            case Case():
                branches = "".join(
                    f"{_as(node.type, then, of(then))} if {of(when)} is True else " for when, then in node.branches
                )
                return f"({branches}{_as(node.type, node.otherwise, of(node.otherwise))})"

    def variable(self) -> str:
        return f"v{next(self._numbers)}"

    def of_known(self, node: Node, of: Callable[[Node], str]) -> str:
        """Null where an operand is null, else an operation on the values."""
        if isinstance(node, Unary) and node.operator in ("is null", "is not null"):
            return f"(({self.variable()} := {of(node.operand)}) {node.operator.replace('null', 'None')})"
        operands = (node.operand,) if isinstance(node, OneOf) else node.parts
        values = [self.variable() for _ in operands]
        unknown = [f"({name} := {of(operand)}) is None" for name, operand in zip(values, operands, strict=True)]
        zero = isinstance(node, Binary) and node.operator == "/"
        conditions = " or ".join([*unknown, *([f"{values[1]} == 0"] if zero else [])])
        return f"(None if {conditions} else {_operation(node, values)})"

    def logic(self, node: Binary, of: Callable[[Node], str]) -> str:
        left, right = self.variable(), self.variable()
        ends = node.operator == "or"
        decided = f"({left} := {of(node.left)}) is {ends} or ({right} := {of(node.right)}) is {ends}"
        return f"({ends} if {decided} else None if {left} is None or {right} is None else {not ends})"

    def first_known(self, choices: list[str]) -> str:
        *before, last = choices
        text = ""
        for choice in before:
            name = self.variable()
            text += f"{name} if ({name} := {choice}) is not None else "
        return f"({text}{last})"

    def shifted(self, node: Shifted, of: Callable[[Node], str]) -> str:
        if node.unit == "day":
            name = self.variable()
            return f"(None if ({name} := {of(node.operand)}) is None else _days_later({name}, {node.count}))"
        fixed = fixed_day(node, None)
        if fixed is not None:
            return _written_day(fixed.isoformat())
        return f"_shift({of(node.operand)}, count={node.count}, unit={node.unit!r})"


def _written_day(iso: str) -> str:
    return f"_iso({iso!r})"


def _constant(value: object, kind: Type) -> str:
    return _written_day(str(value)) if kind.kind is Kind.DATE and value is not None else repr(value)


def _as(kind: Type, node: Node, text: str) -> str:
    """A whole number where numbers are expected is one."""
    return f"_number({text})" if kind.kind is Kind.NUMBER and node.type.kind is Kind.INTEGER else text


def _operation(node: Node, values: list[str]) -> str:
    match node:
        case Unary(operator="not"):
            return f"not {values[0]}"
        case Unary():
            return _checked(node.type, f"-{values[0]}")
        case OneOf():
            return _membership(node, values[0])
        case Cast():
            return _cast(node, values[0])
        case Call():
            return _checked(node.type, f"_{node.function}({', '.join(values)})")
        case Binary():
            return _binary(node, *values)
        case _:
            raise TypeError(f"{type(node).__name__} is no operation on values")


def _binary(node: Binary, left: str, right: str) -> str:
    match node.operator:
        case "like":
            return f"_like({left}, {right})"
        case "/" if node.type.kind is Kind.MONEY:
            return _checked(node.type, f"_half_away({left}, {right})")
        case "/":
            return _checked(node.type, f"float({left}) / float({right})")
        case "-" if node.left.type.kind is Kind.DATE:
            return f"({left} - {right}).days"
        case "+" | "-" | "*":
            return _checked(node.type, f"{left} {node.operator} {right}")
        case operator:
            left, right = _beside(left, node.left, node.right), _beside(right, node.right, node.left)
            return f"{left} {_COMPARISONS[operator]} {right}"


_COMPARISONS = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _beside(value: str, node: Node, other: Node) -> str:
    """Engines compare a whole number with a number as numbers."""
    mixed = node.type.kind is Kind.INTEGER and other.type.kind is Kind.NUMBER
    return f"float({value})" if mixed else value


def _membership(node: OneOf, value: str) -> str:
    choices = [choice for choice in node.choices if isinstance(choice, Constant)]
    known = [_constant(choice.value, choice.type) for choice in choices if choice.value is not None]
    otherwise = None if len(known) < len(choices) else False
    numbers = any(choice.type.kind is Kind.NUMBER for choice in choices)
    asked = f"float({value})" if numbers and node.operand.type.kind is Kind.INTEGER else value
    listed = ", ".join(known)
    return f"True if {asked} in ({listed}{',' if known else ''}) else {otherwise}"


def _cast(node: Cast, value: str) -> str:
    source, target = node.operand.type.kind, node.type.kind
    if source is Kind.MONEY:
        return f"float({value}) / {10.0 ** EXPONENTS[node.operand.type.currency]!r}"
    if source is target:
        return value
    if source is Kind.BOOLEAN and target is Kind.TEXT:
        return f"('true' if {value} else 'false')"
    return f"_to_{target.value}({value})"


def _checked(kind: Type, text: str) -> str:
    if kind.kind in _EXACT:
        return f"_fit({text})"
    return f"_finite({text})" if kind.kind is Kind.NUMBER else text


def _fit(value: int) -> int:
    if -INT64_MAX - 1 <= value <= INT64_MAX:
        return value
    raise _overflow()


def _finite(value: float) -> float:
    if math.isfinite(value):
        return value
    raise _overflow()


def _overflow() -> WarehouseError:
    return WarehouseError(
        "a value does not fit into 64 bits", next_step="look for a multiplication of large amounts in the expression"
    )


def _half_away(total: int, count: int) -> int:
    size = (2 * abs(total) + abs(count)) // (2 * abs(count))
    return size if (total < 0) == (count < 0) else -size


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(character, re.escape(character)) for character in text), re.DOTALL)


def _like(text: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


def _days_later(day: date, count: int) -> date:
    try:
        return day + timedelta(days=count)
    except OverflowError as error:
        raise WarehouseError("a day leaves the calendar", next_step="look for a wrong date in the data") from error


def _years_between(first: date, second: date) -> int:
    return second.year - first.year - ((second.month, second.day) < (first.month, first.day))


def _rounded(value: float) -> float:
    """Half away from zero, on the number itself: adding a half first would round twice."""
    whole = math.floor(abs(value))
    return math.copysign(whole + (abs(value) - whole >= 0.5), value)


def _round(value: float) -> float:
    return value if isinstance(value, int) else _rounded(value)


def _floor(value: float) -> float:
    return value if isinstance(value, int) else float(math.floor(value))


def _ceil(value: float) -> float:
    return value if isinstance(value, int) else float(math.ceil(value))


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def _greatest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)


_INTEGER_TEXT, _NUMBER_TEXT, _DAY_TEXT = (
    re.compile(text.removesuffix(r"\z")) for text in (INTEGER_TEXT, NUMBER_TEXT, DAY_TEXT)
)


def _to_integer(value: float | str) -> int | None:
    if isinstance(value, str) and not _INTEGER_TEXT.fullmatch(value):
        return None
    whole = int(value)
    return whole if -INT64_MAX - 1 <= whole <= INT64_MAX else None


def _to_number(value: int | str) -> float | None:
    if isinstance(value, str) and not _NUMBER_TEXT.fullmatch(value):
        return None
    number = float(value)
    return number if abs(number) <= sys.float_info.max else None


def _to_text(value: int | date) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _to_date(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if _DAY_TEXT.fullmatch(value) else None
    except ValueError:
        return None


_NAMES: dict[str, Any] = {
    "_abs": abs,
    "_ceil": _ceil,
    "_day": lambda day: day.day,
    "_days_later": _days_later,
    "_finite": _finite,
    "_fit": _fit,
    "_floor": _floor,
    "_greatest": _greatest,
    "_half_away": _half_away,
    "_iso": lru_cache(maxsize=1024)(date.fromisoformat),
    "_least": _least,
    "_like": _like,
    "_number": _number,
    "_round": _round,
    "_shift": shift,
    "_to_date": _to_date,
    "_to_integer": _to_integer,
    "_to_number": _to_number,
    "_to_text": _to_text,
    "_year": lambda day: day.year,
    "_month": lambda day: day.month,
    "_years_between": _years_between,
}
