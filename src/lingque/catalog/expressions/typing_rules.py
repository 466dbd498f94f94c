"""What may meet what, and what type comes out. Each rule returns the type, or the sentence that refuses."""

from __future__ import annotations

from datetime import date

from lingque.catalog.expressions.types import BOOLEAN, INTEGER, NUMBER, NUMERIC, Kind, Type

SIGNED = NUMERIC
LOGICAL = frozenset({Kind.BOOLEAN, Kind.NULL})
_ORDERED = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.MONEY, Kind.TEXT, Kind.DATE})


def not_comparable(left: Type, right: Type) -> str:
    """Why the two cannot be compared, or nothing."""
    if Kind.NULL in (left.kind, right.kind):
        return ""
    if left.kind is Kind.MONEY and right.kind is Kind.MONEY and left.currency != right.currency:
        return f"{left.currency} and {right.currency} cannot be compared; convert at a dated rate first"
    if Kind.MONEY in (left.kind, right.kind) and left.kind is not right.kind:
        currency = (left.currency or right.currency).lower()
        return f"money is compared with money; write {currency}(…) around the number"
    if left.kind in NUMERIC and right.kind in NUMERIC:
        return ""
    if left.kind is not right.kind:
        return f"a {left} and a {right} cannot be compared"
    return ""


def common(left: Type, right: Type) -> Type | str:
    """The type that holds values of both (a whole number beside a number becomes one), or why there is none."""
    problem = not_comparable(left, right)
    if problem:
        return problem
    widens = left.kind is Kind.NULL or (left.kind is Kind.INTEGER and right.kind is Kind.NUMBER)
    return right if widens else left


def arithmetic(operator: str, left: Type, right: Type) -> Type | str:
    """Money stays exact: it is added to money, multiplied by whole numbers, divided by whole numbers or money."""
    if operator == "-" and left.kind is right.kind is Kind.DATE:
        return INTEGER  # days
    for side in (left, right):
        if side.kind is Kind.DATE:
            return f"'{operator}' needs numbers, this is a date; write a span: as_of + 30 days"
        if side.kind not in NUMERIC:
            return f"'{operator}' needs numbers, this is a {side}"
    if Kind.MONEY in (left.kind, right.kind):
        return _with_money(operator, left, right)
    if operator == "/" or Kind.NUMBER in (left.kind, right.kind):
        return NUMBER
    return INTEGER


def _with_money(operator: str, left: Type, right: Type) -> Type | str:
    if left.kind is Kind.MONEY and right.kind is Kind.MONEY:
        if left.currency != right.currency:
            return f"{left.currency} and {right.currency} do not mix; convert at a dated rate first"
        if operator in "+-":
            return left
        return NUMBER if operator == "/" else "money times money means nothing"
    if operator == "*" and Kind.INTEGER in (left.kind, right.kind):
        return left if left.kind is Kind.MONEY else right
    if operator == "/" and left.kind is Kind.MONEY and right.kind is Kind.INTEGER:
        return left
    return f"{left} {operator} {right} would not be exact; money takes whole numbers only"


def aggregate(function: str, operand: Type) -> Type | str:
    """The type of an aggregate over operands of that type."""
    if function in ("count", "count_distinct"):
        return INTEGER
    if function in ("any", "all", "share"):
        if operand.kind is not Kind.BOOLEAN:
            return f"{function}() needs a condition, this is a {operand}"
        return NUMBER if function == "share" else BOOLEAN
    if function in ("sum", "avg", "stddev", "time_avg"):
        if operand.kind not in NUMERIC:
            return f"{function}() needs numbers, this is a {operand}"
        return NUMBER if function != "sum" and operand.kind is not Kind.MONEY else operand
    if operand.kind is Kind.NULL:
        return f"{function}() of null is always null"
    if function in ("min", "max") and operand.kind not in _ORDERED:
        return f"{function}() needs values with an order, this is a {operand}"
    return operand


def is_ordered(kind: Type) -> bool:
    return kind.kind in _ORDERED


def call(function: str, operand: Type) -> Type | str:
    """The type of a function of values of that type; those that take several kinds together stand elsewhere."""
    if function in ("years_between", "year", "month", "day"):
        return INTEGER if operand.kind is Kind.DATE else f"{function}() needs {_dates(function)}, this is a {operand}"
    if operand.kind not in NUMERIC:
        return f"{function}() needs numbers, this is a {operand}"
    if function != "abs" and operand.kind is Kind.MONEY:
        return f"{function}() needs numbers, this is a {operand}, which is exact; write cast(… as number) around it"
    return operand


def _dates(function: str) -> str:
    return "dates" if function == "years_between" else "a date"


def not_cast(operand: Type, target: Type) -> str:
    """Why nothing of that type can become one of the other, or nothing."""
    if operand.kind in _CASTS[target.kind]:
        return ""
    return f"a {operand} cannot become a {target}"


_CASTS = {
    Kind.INTEGER: {Kind.INTEGER, Kind.NUMBER, Kind.TEXT, Kind.BOOLEAN},
    Kind.NUMBER: {Kind.INTEGER, Kind.NUMBER, Kind.TEXT, Kind.MONEY},
    Kind.TEXT: {Kind.INTEGER, Kind.TEXT, Kind.DATE, Kind.BOOLEAN},  # engines write numbers differently
    Kind.DATE: {Kind.TEXT, Kind.DATE},
}


def iso_day(text: str) -> str:
    """The day as ISO text; `ValueError` where it is none."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"'{text}' is not a day") from error
