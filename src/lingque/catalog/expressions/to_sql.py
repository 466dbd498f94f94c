"""From a typed tree to SQL inside the linted subset. Values are inlined: they come from the tree, never from text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date

from lingque.catalog.expressions.tree import (
    Aggregate,
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
from lingque.catalog.expressions.types import Kind
from lingque.core.money import EXPONENTS

INT64 = "BIGINT"
INTEGER_TEXT = r"^[+-]?[0-9]{1,40}\z"
NUMBER_TEXT = r"^[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\z"
DAY_TEXT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
"""What a text may look like that is cast: the same in every target."""
_ENGINE_TYPES = {Kind.INTEGER: INT64, Kind.NUMBER: "DOUBLE", Kind.TEXT: "VARCHAR", Kind.DATE: "DATE"}
_PLAIN = {"count": "count", "avg": "avg", "min": "min", "max": "max", "any": "bool_or", "all": "bool_and"}
"""Aggregates that are one function of the engine."""


def row_sql(node: Node, *, as_of: date | None = None, aggregate: Callable[[Aggregate], str] | None = None) -> str:
    """SQL of a row expression. Every operation is bracketed, so that no precedence is left to an engine.

    `as_of` is the day of the snapshot; `TypeError` where the expression speaks of it and it is not given. `aggregate`
    writes the aggregates of a condition of periods.
    """
    return _Writer(as_of, aggregate).row(node)


def aggregate_sql(node: Aggregate, *, filter_sql: str, order_sql: str, as_of: date | None = None) -> str:
    """SQL of an aggregate over the rows for which `filter_sql` is true.

    `order_sql` is the total order by which `first` and `last` choose: the one stated tie rule. `time_avg` reads
    intervals and not rows: `average_over_days_sql`.
    """
    keep = f" FILTER (WHERE {filter_sql})"
    if node.operand is None:
        if node.function != "count":
            raise TypeError(f"{node.function}() reads the time of rows, not a value")
        return f"count(*){keep}"
    operand = row_sql(node.operand, as_of=as_of)
    # rows without a value are no news: they are passed over
    present = f" FILTER (WHERE {filter_sql} AND {operand} IS NOT NULL)"
    match node.function:
        case "count_distinct":
            return f"count(DISTINCT {operand}){keep}"
        case "sum":
            return f"COALESCE(sum({operand}){keep}, 0)"
        case "avg" if node.type.kind is Kind.MONEY:
            return _rounded_half_away(f"sum({operand}){keep}", f"count({operand}){keep}")
        case "stddev":
            return _deviation(node, operand, keep)
        case "first":
            return f"arg_min({operand}, {order_sql}){present}"
        case "last":
            return f"arg_max({operand}, {order_sql}){present}"
        case "share":
            true = f"count(*) FILTER (WHERE {filter_sql} AND {operand})"
            return f"(CAST({true} AS DOUBLE) / NULLIF(CAST(count(*){present} AS DOUBLE), 0))"
        case _:
            return f"{_PLAIN[node.function]}({operand}){keep}"


def average_over_days_sql(
    node: Aggregate, *, filter_sql: str, held_days_sql: str, days: int, as_of: date | None = None
) -> str:
    """SQL of `time_avg` over the intervals for which `filter_sql` is true: Σ value × days held ÷ `days`.

    `held_days_sql` is for how many whole days of the window an interval held. A day without a value counts as 0.
    What does not fit into 64 bits is not refused here.
    """
    if node.operand is None:
        raise TypeError("time_avg is of something")
    operand = row_sql(node.operand, as_of=as_of)
    keep = f" FILTER (WHERE {filter_sql})"
    if node.type.kind is Kind.MONEY:
        return _half_away(f"COALESCE(sum(CAST({operand} AS HUGEINT) * {held_days_sql}){keep}, 0)", str(days))
    return f"(COALESCE(sum(CAST({operand} AS DOUBLE) * {held_days_sql}){keep}, 0) / CAST({days} AS DOUBLE))"


def quote(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class _Writer:
    def __init__(self, as_of: date | None, aggregate: Callable[[Aggregate], str] | None) -> None:
        self.as_of = as_of
        self.aggregate = aggregate

    def row(self, node: Node) -> str:
        match node:
            case Constant():
                return _constant(node)
            case Name():
                return quote(node.name)
            case AsOf() | Shifted():
                return self.date(node)
            case Unary(operator="is null" | "is not null"):
                return f"({self.row(node.operand)} {node.operator.upper()})"
            case Unary():
                return f"({node.operator.upper()} {self.row(node.operand)})"
            case Binary():
                return self.binary(node)
            case OneOf():
                return f"({self.row(node.operand)} IN ({self.listed(node.choices)}))"
            case Coalesce():
                return f"COALESCE({self.listed(node.choices)})"
            case Case():
                branches = (f"WHEN {self.row(when)} THEN {self.row(then)}" for when, then in node.branches)
                return f"(CASE {' '.join(branches)} ELSE {self.row(node.otherwise)} END)"
            case _:
                return self.called(node)

    def called(self, node: Node) -> str:
        match node:
            case Call():
                return _call(node, [self.row(argument) for argument in node.arguments])
            case Cast():
                return _cast(node, self.row(node.operand))
            case Aggregate() if self.aggregate is not None:
                return self.aggregate(node)
            case _:
                raise TypeError(f"{type(node).__name__} is not a row expression")

    def listed(self, nodes: tuple[Node, ...]) -> str:
        return ", ".join(self.row(node) for node in nodes)

    def date(self, node: AsOf | Shifted) -> str:
        fixed = fixed_day(node, self.as_of)
        if fixed is not None:
            return f"DATE '{fixed.isoformat()}'"
        if isinstance(node, AsOf) or node.unit != "day":
            raise TypeError("the expression speaks of as_of, and no day was given")
        return f"({self.row(node.operand)} + ({node.count}))"

    def binary(self, node: Binary) -> str:
        left, right = self.row(node.left), self.row(node.right)
        if node.operator == "/":
            return _division(node, left, right)
        if node.left.type.kind is Kind.DATE and node.operator == "-":
            return f"CAST(({left} - {right}) AS {INT64})"
        return f"({left} {node.operator.upper()} {right})"


def _constant(node: Constant) -> str:
    match node.value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if node.value else "FALSE"
        case str() if node.type.kind is Kind.DATE:
            return f"DATE '{node.value}'"
        case str():
            return "'" + node.value.replace("'", "''") + "'"
        case float():
            return f"CAST({node.value!r} AS DOUBLE)"
        case _:
            return f"CAST({node.value} AS {INT64})"


def _division(node: Binary, left: str, right: str) -> str:
    """Division by zero is NULL. Money by a whole number stays money; everything else becomes a number."""
    if node.type.kind is Kind.MONEY:
        return _rounded_half_away(left, right)
    return f"(CAST({left} AS DOUBLE) / NULLIF(CAST({right} AS DOUBLE), 0))"


def _call(node: Call, arguments: list[str]) -> str:
    match node.function:
        case "years_between":
            return _years_between(*arguments)
        case "year" | "month" | "day":
            return f"CAST(EXTRACT({node.function.upper()} FROM {arguments[0]}) AS {INT64})"
        case "round" | "floor" | "ceil" if node.type.kind is Kind.INTEGER:
            return arguments[0]
        case "least" | "greatest" if node.type.kind is Kind.NUMBER:
            converted = ", ".join(f"CAST({argument} AS DOUBLE)" for argument in arguments)
            return f"{node.function.upper()}({converted})"
        case _:
            return f"{node.function.upper()}({', '.join(arguments)})"


def _cast(node: Cast, operand: str) -> str:
    """Texts are matched against a pattern first: engines differ in what else they take for a number or a day."""
    match node.operand.type.kind, node.type.kind:
        case Kind.TEXT, Kind.INTEGER:
            return f"(CASE WHEN regexp_matches({operand}, '{INTEGER_TEXT}') THEN TRY_CAST({operand} AS {INT64}) END)"
        case Kind.TEXT, Kind.NUMBER:
            number = f"TRY_CAST({operand} AS DOUBLE)"
            finite = f"abs({number}) <= CAST({sys.float_info.max!r} AS DOUBLE)"
            return f"(CASE WHEN regexp_matches({operand}, '{NUMBER_TEXT}') AND {finite} THEN {number} END)"
        case Kind.TEXT, Kind.DATE:
            day = f"regexp_matches({operand}, '{DAY_TEXT}') AND {operand} >= '0001'"
            return f"(CASE WHEN {day} THEN TRY_CAST({operand} AS DATE) END)"
        case Kind.NUMBER, Kind.INTEGER:
            return f"TRY_CAST(CASE WHEN {operand} < 0 THEN ceil({operand}) ELSE floor({operand}) END AS {INT64})"
        case Kind.MONEY, Kind.NUMBER:
            return f"(CAST({operand} AS DOUBLE) / CAST({10.0 ** EXPONENTS[node.operand.type.currency]} AS DOUBLE))"
        case _, target:
            return f"CAST({operand} AS {_ENGINE_TYPES[target]})"


def _deviation(node: Aggregate, operand: str, keep: str) -> str:
    """√((n·Σx² − (Σx)²) / (n·(n − 1))); of whole numbers and money from exact sums."""
    if node.operand is None or node.operand.type.kind is Kind.NUMBER:
        return f"stddev_samp({operand}){keep}"
    n = f"CAST(count({operand}){keep} AS HUGEINT)"
    total = f"CAST(sum({operand}){keep} AS HUGEINT)"
    squares = f"sum(CAST({operand} AS HUGEINT) * {operand}){keep}"
    spread = f"CAST({n} * {squares} - {total} * {total} AS DOUBLE)"
    value = f"sqrt({spread} / NULLIF(CAST({n} * ({n} - 1) AS DOUBLE), 0))"
    return f"CAST(floor({value} + 0.5) AS {INT64})" if node.type.kind is Kind.MONEY else value


def _years_between(first: str, second: str) -> str:
    """Full years: the difference of the years, less one where the day of the year has not come yet."""
    before = " < ".join(f"(EXTRACT(MONTH FROM {day}) * 100 + EXTRACT(DAY FROM {day}))" for day in (second, first))
    years = f"EXTRACT(YEAR FROM {second}) - EXTRACT(YEAR FROM {first})"
    return f"CAST(({years} - CASE WHEN {before} THEN 1 ELSE 0 END) AS {INT64})"


def _rounded_half_away(total: str, count: str) -> str:
    """Exact integer division, rounded half away from zero, without any float in between.

    `(2|t| + |c|) // (2|c|)` is |t|/|c| + ½ rounded down; the sign is put back after.
    """
    return f"CAST({_half_away(total, count)} AS {INT64})"


def _half_away(total: str, count: str) -> str:
    t, c = f"CAST({total} AS HUGEINT)", f"NULLIF(CAST({count} AS HUGEINT), 0)"
    return f"(sign({t}) * sign({c}) * ((2 * abs({t}) + abs({c})) // (2 * abs({c}))))"
