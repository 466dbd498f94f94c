"""From a typed tree to SQL inside the linted subset. Values are inlined: they come from the tree, never from text."""

from __future__ import annotations

from lingque.catalog.expressions.tree import Aggregate, Binary, Coalesce, Constant, Name, Node, OneOf, Unary
from lingque.catalog.expressions.types import Kind

INT64 = "BIGINT"


def row_sql(node: Node) -> str:
    """SQL of a row expression. Every operation is bracketed, so that no precedence is left to an engine."""
    match node:
        case Constant():
            return _constant(node)
        case Name():
            return quote(node.name)
        case Unary(operator="is null" | "is not null"):
            return f"({row_sql(node.operand)} {node.operator.upper()})"
        case Unary():
            return f"({node.operator.upper()} {row_sql(node.operand)})"
        case Binary(operator="/"):
            return _division(node)
        case Binary():
            return f"({row_sql(node.left)} {node.operator.upper()} {row_sql(node.right)})"
        case OneOf():
            return f"({row_sql(node.operand)} IN ({', '.join(row_sql(choice) for choice in node.choices)}))"
        case Coalesce():
            return f"COALESCE({', '.join(row_sql(choice) for choice in node.choices)})"
        case _:
            raise TypeError(f"{type(node).__name__} is not a row expression")


def aggregate_sql(node: Aggregate, *, filter_sql: str, order_sql: str) -> str:
    """SQL of an aggregate over the rows for which `filter_sql` is true.

    `order_sql` is the total order by which `last` chooses: the one stated tie rule.
    """
    keep = f" FILTER (WHERE {filter_sql})"
    if node.operand is None:
        return f"count(*){keep}"
    operand = row_sql(node.operand)
    match node.function:
        case "count":
            return f"count({operand}){keep}"
        case "count_distinct":
            return f"count(DISTINCT {operand}){keep}"
        case "sum":
            return f"COALESCE(sum({operand}){keep}, 0)"
        case "avg" if node.type.kind is Kind.MONEY:
            return _rounded_half_away(f"sum({operand}){keep}", f"count({operand}){keep}")
        case "last":
            # rows without a value are no news: the last known one stands
            present = f" FILTER (WHERE {filter_sql} AND {operand} IS NOT NULL)"
            return f"arg_max({operand}, {order_sql}){present}"
        case _:
            return f"{node.function}({operand}){keep}"


def quote(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


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


def _division(node: Binary) -> str:
    """Division by zero is NULL. Money by a whole number stays money; everything else becomes a number."""
    left, right = row_sql(node.left), row_sql(node.right)
    if node.type.kind is Kind.MONEY:
        return _rounded_half_away(left, right)
    return f"(CAST({left} AS DOUBLE) / NULLIF(CAST({right} AS DOUBLE), 0))"


def _rounded_half_away(total: str, count: str) -> str:
    """Exact integer division, rounded half away from zero, without any float in between.

    `(2|t| + |c|) // (2|c|)` is |t|/|c| + ½ rounded down; the sign is put back after.
    """
    t, c = f"CAST({total} AS HUGEINT)", f"NULLIF(CAST({count} AS HUGEINT), 0)"
    return f"CAST(sign({t}) * sign({c}) * ((2 * abs({t}) + abs({c})) // (2 * abs({c}))) AS {INT64})"
