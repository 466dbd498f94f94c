"""From text to a typed tree. What is not in the language is refused with the character and a suggestion.

sqlglot reads the text; `rows` and `measures` decide what may be said and what type it has, and nothing after them
needs to look at the text again.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from lingque.catalog.expressions.measures import MeasureReader
from lingque.catalog.expressions.rows import AGGREGATES, AS_OF, Names, RowReader
from lingque.catalog.expressions.spans import parsed
from lingque.catalog.expressions.tree import Aggregate, Measure, Node, NotFollowed, PerPeriod, Trend
from lingque.catalog.expressions.types import Kind
from lingque.core.errors import ExpressionError


def parse_row_expression(text: str, names: Names) -> Node:
    """An expression over one row: a filter, an eligibility. Raises `ExpressionError`."""
    return RowReader(text, names).read()


def parse_derived(text: str, names: Names) -> Node:
    """An expression over one customer's tags, which may look at where the customer stands among all. Raises
    `ExpressionError`."""
    return RowReader(text, names, among_all=True).read()


def parse_condition(text: str, names: Names) -> Node:
    """A row expression that must be true or false. Raises `ExpressionError`."""
    node = parse_row_expression(text, names)
    if node.type.kind is not Kind.BOOLEAN:
        raise ExpressionError(
            f"this is a {node.type}, a condition must be true or false",
            text=text,
            next_step="compare it with something",
        )
    return node


def parse_measure(text: str, names: Names) -> Measure:
    """What is said of a customer's rows together, such as `sum(amount)`. Raises `ExpressionError`."""
    node = MeasureReader(text, names).read()
    if not isinstance(node, Aggregate | PerPeriod | Trend | NotFollowed):
        raise ExpressionError(
            "the value of an aggregate tag is one aggregate",
            text=text,
            next_step=f"use one of {', '.join(AGGREGATES)}; combine several in a derived tag",
        )
    return node


def columns_of(text: str) -> frozenset[str]:
    """The columns or tags that a text names, whether they exist or not; nothing where it cannot be read."""
    try:
        return frozenset(column.name for column in parsed(text).find_all(exp.Column)) - {AS_OF}
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError, RecursionError):
        return frozenset()  # reported with its place when the expression itself is read
