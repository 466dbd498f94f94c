"""What is said of a customer's rows together, from sqlglot's tree to ours."""

from __future__ import annotations

from typing import Literal, cast, get_args

from sqlglot import exp

from lingque.catalog.expressions import typing_rules as rules
from lingque.catalog.expressions.rows import Names, RowReader
from lingque.catalog.expressions.spans import span_of
from lingque.catalog.expressions.tree import Aggregate, AggregateName, AsOf, Node, NotFollowed, PerPeriod, Trend, walk
from lingque.catalog.expressions.types import BOOLEAN, INTEGER, NUMBER, NUMERIC, Kind
from lingque.core.clock import PeriodUnit
from lingque.core.errors import nearest

_OF_TIME = ("recency", "tenure")
_OF_A_WINDOW_ONLY = (*_OF_TIME, "top", "time_avg")
"""Aggregates that are asked of a whole window and never of a part of it."""
_NO_FOLLOWER_AFTER = 366
"""Days: what has not followed within a year is another question."""


class MeasureReader(RowReader):
    """Reads the value of an aggregate tag. `at` says where: in the `value` itself, in the `condition` of periods, over
    single `rows`."""

    def __init__(self, text: str, names: Names) -> None:
        super().__init__(text, names)
        self.at: Literal["value", "condition", "rows"] = "value"

    def name(self, tree: exp.Expr) -> Node:
        node = super().name(tree)
        self.require(
            self.at != "condition" or isinstance(node, AsOf),
            f"'{tree.name}' is of single rows; a condition of periods is of aggregates, such as sum(amount)",
            tree,
        )
        return node

    def measure(self, tree: exp.Expr) -> Node:
        name = tree.name.lower() if isinstance(tree, exp.Anonymous) else tree.key
        if self.at == "rows" or (self.at == "condition" and name not in get_args(AggregateName)):
            return super().measure(tree)
        match name:
            case "every" | "count_periods":
                return self.per_period(tree, name)
            case "trend":
                return self.trend(tree)
            case "not_followed":
                return self.not_followed(tree)
            case _:
                return self.aggregate(tree, name)

    def over_rows(self, tree: exp.Expr) -> Node:
        """Something inside an aggregate."""
        before, self.at = self.at, "rows"
        node = self.node(tree)
        self.at = before
        return node

    def condition_of_rows(self, tree: exp.Expr, name: str) -> Node:
        node = self.over_rows(tree)
        kind = node.type
        self.require(kind.kind is Kind.BOOLEAN, f"{name}() needs a condition, this is a {kind}", node)
        return node

    def aggregate(self, tree: exp.Expr, name: str) -> Node:
        arguments = list(tree.iter_expressions())
        if name in _OF_TIME:
            self.require(not arguments, f"{name}() takes nothing; say which rows in 'where'", tree)
            return Aggregate(
                type=INTEGER, position=self.position(tree), function=cast(AggregateName, name), operand=None
            )
        if name == "top" and len(arguments) == 2:
            return self.top(tree, *arguments)
        self.require(len(arguments) < 2, f"{name}() takes one thing to work on, not {len(arguments)}", tree)
        argument = arguments[0] if arguments else None
        if isinstance(tree, exp.Any):  # to the parser it is a word before brackets
            self.require(isinstance(argument, exp.Paren), "any() takes one condition", tree)
            argument = cast(exp.Paren, argument).this
        if isinstance(argument, exp.Distinct):
            self.require(name == "count" and len(argument.expressions) == 1, "only count takes distinct", tree)
            name, argument = "count_distinct", argument.expressions[0]
        position = self.position(tree)
        if isinstance(argument, exp.Star):
            self.require(name == "count", f"{name}(*) means nothing", tree)
            return Aggregate(type=INTEGER, position=position, function="count", operand=None)
        self.require(isinstance(argument, exp.Expr), f"{name}() needs something to work on", tree)
        operand = self.over_rows(cast(exp.Expr, argument))
        result = rules.aggregate(name, operand.type)
        if isinstance(result, str):
            raise self.error(result, operand)
        return Aggregate(type=result, position=position, function=cast(AggregateName, name), operand=operand)

    def top(self, tree: exp.Expr, value: exp.Expr, by: exp.Expr) -> Node:
        operand, weight = self.over_rows(value), self.over_rows(by)
        result = rules.aggregate("top", operand.type)
        if isinstance(result, str):
            raise self.error(result, operand)
        # ties are decided exactly, and sums of numbers depend on their order
        exact = weight.type.kind in (Kind.INTEGER, Kind.MONEY)
        self.require(exact, f"top() weighs by whole numbers or money, this is a {weight.type}", weight)
        return Aggregate(type=result, position=self.position(tree), function="top", operand=operand, weight=weight)

    def per_period(self, tree: exp.Expr, name: Literal["every", "count_periods"]) -> Node:
        units = get_args(PeriodUnit)
        form = f"write {name}(month, sum(amount) > 0)"
        self.require(len(tree.expressions) == 2, f"{name}() takes a period and a condition: {form}", tree)
        unit = tree.expressions[0].name.lower() if isinstance(tree.expressions[0], exp.Column) else ""
        if unit not in units:
            raise self.error(f"'{unit or tree.expressions[0].sql()}' is no period", tree.expressions[0],
                             next_step=nearest(unit, units) if unit else form)  # fmt: skip
        self.at = "condition"
        condition = self.node(tree.expressions[1])
        self.at = "value"
        kind = condition.type
        self.require(kind.kind is Kind.BOOLEAN, f"{name}() needs a condition, this is a {kind}", condition)
        aggregates = [part for part in walk(condition) if isinstance(part, Aggregate)]
        self.require(bool(aggregates), f"{name}() is about aggregates of each period: {form}", condition)
        for one in aggregates:
            self.require(
                one.function not in _OF_A_WINDOW_ONLY,
                f"{one.function}() is asked of a whole window, not of periods",
                one,
            )
        return PerPeriod(
            type=BOOLEAN if name == "every" else INTEGER,
            position=self.position(tree),
            function=name,
            unit=cast(PeriodUnit, unit),
            condition=condition,
        )

    def trend(self, tree: exp.Expr) -> Node:
        self.require(len(tree.expressions) == 1, "trend() takes one aggregate: write trend(sum(amount))", tree)
        self.at = "condition"
        of = self.node(tree.expressions[0])
        self.at = "value"
        if not isinstance(of, Aggregate):
            raise self.error("trend() is of one aggregate", of, next_step="write trend(sum(amount))")
        refused = (*_OF_TIME, "top")
        self.require(of.function not in refused, f"{of.function}() has no trend", of)
        self.require(of.type.kind in NUMERIC, f"trend() needs numbers, this is a {of.type}", of)
        return Trend(type=NUMBER, position=self.position(tree), of=of)

    def not_followed(self, tree: exp.Expr) -> Node:
        form = "not_followed(kind = 'view', kind = 'buy', 3 days)"
        self.require(len(tree.expressions) == 3, f"write {form}", tree)
        first, then = (self.condition_of_rows(one, "not_followed") for one in tree.expressions[:2])
        span = tree.expressions[2]
        found = span_of(span) if isinstance(span, exp.Interval) else "a span is missing"
        if isinstance(found, str) or found[1] != "day" or not 0 < found[0] <= _NO_FOLLOWER_AFTER:
            raise self.error(
                f"not_followed() takes 1 to {_NO_FOLLOWER_AFTER} days at the end", span, next_step=f"write {form}"
            )
        return NotFollowed(type=BOOLEAN, position=self.position(tree), first=first, then=then, days=found[0])
