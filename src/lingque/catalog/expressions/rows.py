"""One row's expression, from sqlglot's tree to ours. What is not in the language is refused with the character."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Literal, cast, get_args

import sqlglot
from sqlglot import exp

from lingque.catalog.expressions import typing_rules as rules
from lingque.catalog.expressions.spans import parsed, span_of
from lingque.catalog.expressions.text import Text
from lingque.catalog.expressions.tree import (
    AggregateName,
    AmongAll,
    AsOf,
    Binary,
    Call,
    CallName,
    Case,
    Cast,
    Coalesce,
    Constant,
    Name,
    Node,
    OneOf,
    PopulationName,
    Shifted,
    Unary,
    fixed_day,
)
from lingque.catalog.expressions.types import (
    BOOLEAN,
    DATE,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    Kind,
    Type,
    money,
)
from lingque.core.errors import ExpressionError, nearest
from lingque.core.money import EXPONENTS, INT64_MAX, Money

Names = Mapping[str, Type]
_FAR_DAYS = (date(1900, 1, 1), date(2200, 1, 1))
"""Between them lies every day that a snapshot may be of."""

AGGREGATES: tuple[AggregateName, ...] = get_args(AggregateName)
MEASURES = (*AGGREGATES, "every", "count_periods", "trend", "not_followed")
"""What may be said of a customer's rows together."""
AS_OF = "as_of"
"""The day of the snapshot, in every expression."""

_ARITHMETIC: dict[type[exp.Expr], Literal["+", "-", "*", "/"]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
}
_COMPARISON: dict[type[exp.Expr], Literal["=", "<>", "<", "<=", ">", ">="]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


class RowReader(Text):
    """Turns one sqlglot tree into ours. `among_all`: functions across customers are part of the language here."""

    def __init__(self, text: str, names: Names, *, among_all: bool = False) -> None:
        super().__init__(text)
        self.names = names
        self.among_all = among_all

    def read(self) -> Node:
        if not self.text.strip():
            raise ExpressionError("there is nothing here", text=self.text, next_step="write an expression, or 'true'")
        try:
            return self.node(parsed(self.text))
        except sqlglot.errors.ParseError as error:
            details = error.errors or [{}]
            raise ExpressionError(
                f"cannot be read: {details[0].get('description', 'it is not one expression')}",
                text=self.text,
                position=self.offset(details[0].get("line", 1), details[0].get("col", 1)),
            ) from error
        except sqlglot.errors.TokenError as error:
            quote = max(self.text.rfind("'"), self.text.rfind('"'), 0)
            raise ExpressionError("cannot be read: a quote is open", text=self.text, position=quote) from error
        except RecursionError as error:
            raise ExpressionError(
                "is nested too deeply", text=self.text, next_step="use several derived tags"
            ) from error

    def node(self, tree: exp.Expr) -> Node:
        for kinds, make in _READERS:
            if isinstance(tree, kinds):
                node = make(self, tree)
                # what the parser noted and nobody read would change the meaning in silence
                unread = sorted(key for key, value in tree.args.items() if value and key not in _READ)
                self.require(not unread, f"'{tree.key}' with '{', '.join(unread)}' is not part of the language", tree)
                return node
        raise self.error(f"'{tree.key}' is not part of the language", tree, next_step="see the expression reference")

    def name(self, tree: exp.Expr) -> Node:
        qualifier = tree.text("table")
        self.require(not qualifier, f"a name stands alone, without '{qualifier}.' before it", tree)
        if tree.name == AS_OF:
            return AsOf(type=DATE, position=self.position(tree))
        if tree.name not in self.names:
            raise self.error(f"there is no '{tree.name}' here", tree, next_step=nearest(tree.name, list(self.names)))
        return Name(type=self.names[tree.name], position=self.position(tree), name=tree.name)

    def literal(self, tree: exp.Expr) -> Node:
        position = self.position(tree)
        if tree.args.get("is_string"):
            return Constant(type=TEXT, position=position, value=str(tree.this))
        if str(tree.this).isdigit():
            self.require(int(tree.this) <= INT64_MAX, f"{tree.this} does not fit into 64 bits", tree)
            return Constant(type=INTEGER, position=position, value=int(tree.this))
        try:
            number = float(tree.this)
        except ValueError as error:
            raise self.error(f"'{tree.this}' is not a number", tree, next_step="write 0.5 or 5e-1") from error
        self.require(math.isfinite(number), f"{tree.this} is too large for a number", tree)
        return Constant(type=NUMBER, position=position, value=number)

    def boolean(self, tree: exp.Expr) -> Node:
        return Constant(type=BOOLEAN, position=self.position(tree), value=bool(tree.this))

    def null(self, tree: exp.Expr) -> Node:
        return Constant(type=NULL, position=self.position(tree), value=None)

    def cast(self, tree: exp.Expr) -> Node:
        """`date '2026-01-31'` is a day; anything else becomes what it can while the rows are read."""
        operand = tree.this
        target = _CASTS.get(tree.args["to"].this) if "to" in tree.args else DATE
        self.require(target is not None, "what is cast becomes integer, number, text or date, and nothing else", tree)
        if target == DATE and isinstance(operand, exp.Literal) and operand.is_string:
            try:
                return Constant(type=DATE, position=self.position(tree), value=rules.iso_day(operand.this))
            except ValueError as error:
                raise self.error(str(error), tree, next_step="write date '2026-01-31'") from error
        node = self.node(operand)
        problem = rules.not_cast(node.type, cast(Type, target))
        self.require(not problem, problem, node)
        return Cast(type=cast(Type, target), position=node.position, operand=node)

    def inner(self, tree: exp.Expr) -> Node:
        return self.node(tree.this)

    def unary(self, tree: exp.Expr) -> Node:
        operand = self.node(tree.this)
        if isinstance(tree, exp.Neg):
            self.require(operand.type.kind in rules.SIGNED, f"a {operand.type} has no negative", tree)
            return Unary(type=operand.type, position=operand.position, operator="-", operand=operand)
        self.require(operand.type.kind is Kind.BOOLEAN, f"'not' needs true or false, this is a {operand.type}", tree)
        return Unary(type=BOOLEAN, position=operand.position, operator="not", operand=operand)

    def is_null(self, tree: exp.Expr) -> Node:
        self.require(isinstance(tree.expression, exp.Null), "'is' goes with null only", tree)
        operand = self.node(tree.this)
        operator: Literal["is null", "is not null"] = "is not null" if tree.args.get("negate") else "is null"
        return Unary(type=BOOLEAN, position=operand.position, operator=operator, operand=operand)

    def logic(self, tree: exp.Expr) -> Node:
        left, right = self.node(tree.this), self.node(tree.expression)
        word: Literal["and", "or"] = "and" if isinstance(tree, exp.And) else "or"
        for side in (left, right):
            self.require(side.type.kind in rules.LOGICAL, f"'{word}' needs true or false, this is a {side.type}", side)
        return Binary(type=BOOLEAN, position=left.position, operator=word, left=left, right=right)

    def comparison(self, tree: exp.Expr) -> Node:
        left, right = self.node(tree.this), self.node(tree.expression)
        self.comparable(left, right)
        return Binary(type=BOOLEAN, position=left.position, operator=_COMPARISON[type(tree)], left=left, right=right)

    def arithmetic(self, tree: exp.Expr) -> Node:
        if isinstance(tree.expression, exp.Interval):
            return self.shifted(tree, tree.expression)
        left, right = self.node(tree.this), self.node(tree.expression)
        operator = _ARITHMETIC[type(tree)]
        result = rules.arithmetic(operator, left.type, right.type)
        if isinstance(result, str):
            raise self.error(result, right)
        return Binary(type=result, position=left.position, operator=operator, left=left, right=right)

    def shifted(self, tree: exp.Expr, span: exp.Interval) -> Node:
        day = self.node(tree.this)
        self.require(isinstance(tree, exp.Add | exp.Sub), "a span is added to a date or taken from it", span)
        self.require(day.type.kind is Kind.DATE, f"a span goes with a date, this is a {day.type}", day)
        found = span_of(span)
        if isinstance(found, str):
            raise self.error(found, span, next_step="write 30 days, 12 months or 2 years")
        count, unit = found
        shifted = Shifted(
            type=DATE,
            position=day.position,
            operand=day,
            count=count if isinstance(tree, exp.Add) else -count,
            unit=unit,
        )
        try:
            fixed = {fixed_day(shifted, probe) for probe in _FAR_DAYS} != {None}
        except (ValueError, OverflowError) as error:
            raise self.error("this leaves the calendar", span, next_step="write a smaller span") from error
        if unit != "day" and not fixed:
            raise self.error(
                f"{unit}s are added to as_of only, not to the dates of rows",
                span,
                next_step="write days here, or move the span to the other side: x > as_of - 12 months",
            )
        return shifted

    def span(self, tree: exp.Expr) -> Node:
        raise self.error("a span stands only after a date and + or -", tree, next_step="write as_of + 30 days")

    def case(self, tree: exp.Expr) -> Node:
        self.require(tree.this is None, "'case' is followed by 'when' and a condition", tree)
        branches = tuple((self.node(branch.this), self.node(branch.args["true"])) for branch in tree.args["ifs"])
        position = branches[0][0].position
        default = tree.args.get("default")
        otherwise = Constant(type=NULL, position=position, value=None) if default is None else self.node(default)
        for condition, _ in branches:
            kind = condition.type
            self.require(kind.kind in rules.LOGICAL, f"'when' needs true or false, this is a {kind}", condition)
        kind = self.common([*(value for _, value in branches), otherwise])
        return Case(type=kind, position=position, branches=branches, otherwise=otherwise)

    def function(self, tree: exp.Expr) -> Node:
        """A function of values of one row, by name."""
        name = tree.name.lower() if isinstance(tree, exp.Anonymous) else tree.key
        self.require(tree.args.get("to") is None, f"{name}() takes values only", tree)
        arguments = tuple(self.node(argument) for argument in tree.iter_expressions())
        position = self.position(tree)
        if name in ("least", "greatest"):
            kind = self.common(arguments)
            self.require(rules.is_ordered(kind), f"{name}() needs values with an order, this is a {kind}", arguments[0])
        else:
            wanted = 2 if name == "years_between" else 1
            what = "two dates" if wanted == 2 else "one value"
            self.require(len(arguments) == wanted, f"{name}() takes {what}, not {len(arguments)} values", tree)
            kind = self.type_of_call(name, arguments)
        return Call(type=kind, position=position, function=cast(CallName, name), arguments=arguments)

    def type_of_call(self, name: str, arguments: Sequence[Node]) -> Type:
        results = [rules.call(name, argument.type) for argument in arguments]
        for argument, result in zip(arguments, results, strict=True):
            if isinstance(result, str):
                raise self.error(result, argument)
        return cast(Type, results[0])

    def rank(self, tree: exp.Expr) -> Node:
        """`ntile(5, x)` and `percent_rank(x)`: a value among those of all customers."""
        name: Literal["ntile", "percent_rank"] = "percent_rank" if isinstance(tree, exp.PercentRank) else "ntile"
        self.require(
            self.among_all, f"{name}() looks at all customers, so it stands only in the value of a derived tag", tree
        )
        arguments = tree.expressions
        form = "ntile(5, x)" if name == "ntile" else "percent_rank(x)"
        self.require(len(arguments) == (2 if name == "ntile" else 1), f"write {form}", tree)
        tiles = arguments[0].name if name == "ntile" and isinstance(arguments[0], exp.Literal) else "0"
        most = 1000
        self.require(
            name != "ntile" or (tiles.isdigit() and 1 < int(tiles) <= most),
            f"ntile() takes how many tiles first, 2 to {most}: write ntile(5, x)", tree,
        )  # fmt: skip
        operand = self.node(arguments[-1])
        kind = operand.type
        self.require(rules.is_ordered(kind), f"{name}() needs values with an order, this is a {kind}", operand)
        return AmongAll(
            type=INTEGER if name == "ntile" else NUMBER, position=self.position(tree), function=name,
            operand=operand, tiles=int(tiles),
        )  # fmt: skip

    def like(self, tree: exp.Expr) -> Node:
        left, right = self.node(tree.this), self.node(tree.expression)
        for side in (left, right):
            self.require(side.type.kind is Kind.TEXT, f"'like' needs text, this is a {side.type}", side)
        like = Binary(type=BOOLEAN, position=left.position, operator="like", left=left, right=right)
        if tree.args.get("negate"):
            return Unary(type=BOOLEAN, position=left.position, operator="not", operand=like)
        return like

    def between(self, tree: exp.Expr) -> Node:
        self.require(not tree.args.get("symmetric"), "'between' takes the lower value first", tree)
        operand = self.node(tree.this)
        low, high = self.node(tree.args["low"]), self.node(tree.args["high"])
        self.comparable(operand, low)
        self.comparable(operand, high)
        at = operand.position
        above = Binary(type=BOOLEAN, position=at, operator=">=", left=operand, right=low)
        below = Binary(type=BOOLEAN, position=at, operator="<=", left=operand, right=high)
        return Binary(type=BOOLEAN, position=at, operator="and", left=above, right=below)

    def one_of(self, tree: exp.Expr) -> Node:
        self.require(bool(tree.expressions), "'in' needs a list of values", tree)
        operand = self.node(tree.this)
        choices = tuple(self.node(choice) for choice in tree.expressions)
        for choice in choices:
            self.require(isinstance(choice, Constant), "'in' takes plain values only", choice)
            self.comparable(operand, choice)
        self.common(choices)
        return OneOf(type=BOOLEAN, position=operand.position, operand=operand, choices=choices)

    def coalesce(self, tree: exp.Expr) -> Node:
        choices = tuple(self.node(choice) for choice in (tree.this, *tree.expressions))
        return Coalesce(type=self.common(choices), position=choices[0].position, choices=choices)

    def call(self, tree: exp.Expr) -> Node:
        name = tree.name.lower()
        if name.upper() in EXPONENTS:
            return self.money(tree, name.upper())
        if name in MEASURES:
            return self.measure(tree)
        if name == "ntile":
            return self.rank(tree)
        if name == "years_between":
            return self.function(tree)
        known = [*MEASURES, *get_args(CallName), *get_args(PopulationName), "coalesce", *map(str.lower, EXPONENTS)]
        raise self.error(f"there is no function '{name}'", tree, next_step=nearest(name, known))

    def measure(self, tree: exp.Expr) -> Node:
        raise self.error("an aggregate stands only in the value of an aggregate tag, and never inside another", tree)

    def money(self, tree: exp.Expr, currency: str) -> Node:
        literal = tree.expressions[0] if len(tree.expressions) == 1 else None
        if not isinstance(literal, exp.Literal) or literal.is_string:
            raise self.error(f"{currency.lower()}(…) takes one number, such as {currency.lower()}(50000)", tree)
        try:
            amount = Money.parse(str(literal.this), currency)
        except (ValueError, OverflowError) as error:
            raise self.error(str(error), literal) from error
        return Constant(type=money(currency), position=self.position(tree), value=amount.minor)


_CASTS = {
    exp.DataType.Type.INT: INTEGER,
    exp.DataType.Type.DOUBLE: NUMBER,  # `number` is one word more than the parser has: see `spans`
    exp.DataType.Type.TEXT: TEXT,
    exp.DataType.Type.DATE: DATE,
}
AGGREGATE_TREES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.First, exp.Last, exp.Any, exp.Stddev)
"""The aggregates for which the parser has a tree of its own."""
_READ = frozenset(
    {
        "this", "expression", "expressions", "low", "high", "to", "is_string", "negate", "big_int", "typed", "safe",
        "ifs", "default", "ignore_nulls",
    }
)  # fmt: skip
"""The parts of sqlglot's trees that are read here, or say nothing about the meaning."""

_Make = Callable[[RowReader, exp.Expr], Node]
_READERS: tuple[tuple[tuple[type[exp.Expr], ...], _Make], ...] = (
    ((exp.Column,), lambda reader, tree: reader.name(tree)),
    ((exp.Literal,), RowReader.literal),
    ((exp.Boolean,), RowReader.boolean),
    ((exp.Null,), RowReader.null),
    ((exp.Paren,), RowReader.inner),
    ((exp.Not, exp.Neg), RowReader.unary),
    ((exp.Is,), RowReader.is_null),
    ((exp.And, exp.Or), RowReader.logic),
    (tuple(_COMPARISON), RowReader.comparison),
    (tuple(_ARITHMETIC), RowReader.arithmetic),
    ((exp.Like,), RowReader.like),
    ((exp.Between,), RowReader.between),
    ((exp.In,), RowReader.one_of),
    ((exp.Coalesce,), RowReader.coalesce),
    ((exp.Case,), RowReader.case),
    ((exp.Interval,), RowReader.span),
    ((exp.Cast, exp.Date, exp.DateStrToDate), RowReader.cast),
    (
        (exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Least, exp.Greatest, exp.Year, exp.Month, exp.Day),
        RowReader.function,
    ),
    ((exp.PercentRank,), RowReader.rank),
    (AGGREGATE_TREES, lambda reader, tree: reader.measure(tree)),
    ((exp.Anonymous,), RowReader.call),
)
