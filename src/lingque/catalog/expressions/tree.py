"""The typed tree of an expression. Made by `parse`, read by the compilers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lingque.catalog.expressions.types import Kind, Type
from lingque.core.clock import PeriodUnit, shift

Value = bool | int | float | str | None


@dataclass(frozen=True, kw_only=True)
class Node:
    """Anything with a type; `position` is its first character in the text, for error messages."""

    type: Type
    position: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return ()


@dataclass(frozen=True, kw_only=True)
class Constant(Node):
    """A literal. Money in minor units, a date as its ISO text."""

    value: Value


@dataclass(frozen=True, kw_only=True)
class AsOf(Node):
    """The day of the snapshot: one date for all rows."""


@dataclass(frozen=True, kw_only=True)
class Shifted(Node):
    """A date that many units later (earlier where `count` is negative)."""

    operand: Node
    count: int
    unit: Literal["day", "month", "year"]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True, kw_only=True)
class Name(Node):
    """A column of the table, or a tag, whichever the expression is over."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Unary(Node):
    operator: Literal["not", "-", "is null", "is not null"]
    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)


@dataclass(frozen=True, kw_only=True)
class Binary(Node):
    operator: Literal["and", "or", "=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "like"]
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, kw_only=True)
class OneOf(Node):
    operand: Node
    choices: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand, *self.choices)


@dataclass(frozen=True, kw_only=True)
class Coalesce(Node):
    choices: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.choices


@dataclass(frozen=True, kw_only=True)
class Case(Node):
    """The value beside the first condition that is true, else `otherwise`."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (*(part for branch in self.branches for part in branch), self.otherwise)


@dataclass(frozen=True, kw_only=True)
class Cast(Node):
    """The operand as `type`; null where it cannot be. Money becomes a number of major units."""

    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)


CallName = Literal["years_between", "year", "month", "day", "abs", "round", "floor", "ceil", "least", "greatest"]


@dataclass(frozen=True, kw_only=True)
class Call(Node):
    """A function of values of one row."""

    function: CallName
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments


PopulationName = Literal["ntile", "percent_rank"]


@dataclass(frozen=True, kw_only=True)
class AmongAll(Node):
    """Where a customer's value stands among those of all customers: `tiles` is of `ntile` only, else 0."""

    function: PopulationName
    operand: Node
    tiles: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.operand,)


AggregateName = Literal[
    "count", "count_distinct", "sum", "avg", "stddev", "min", "max", "first", "last", "top", "any", "all", "share",
    "recency", "tenure", "time_avg",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Aggregate(Node):
    """One aggregate over the rows of one customer in a window.

    `operand` is None only for `count(*)`, `recency()` and `tenure()`; `weight` (whole numbers or money) is of
    `top(value, weight)` only.
    """

    function: AggregateName
    operand: Node | None
    weight: Node | None = None

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(part for part in (self.operand, self.weight) if part is not None)


@dataclass(frozen=True, kw_only=True)
class PerPeriod(Node):
    """Is the condition true in every period of the window, or in how many of them.

    The leaves of `condition` are aggregates, constants and `as_of`. Which periods: `Window.periods`. A period whose
    condition is unknown counts as one in which it is not true; a customer without any row in the window has none.
    """

    function: Literal["every", "count_periods"]
    unit: PeriodUnit
    condition: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.condition,)


@dataclass(frozen=True, kw_only=True)
class Trend(Node):
    """The value over the window ÷ the value over the window before it (`Window.before`): a number.

    Null where either is null or the earlier is 0.
    """

    of: Aggregate

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.of,)


@dataclass(frozen=True, kw_only=True)
class NotFollowed(Node):
    """Has some row with `first` true in the window no row with `then` true in the `days` × 24 hours after it?

    After it: later in the order of rows, and not later than those hours. Only rows of the window are looked at, and a
    row counts only once its hours are over at the window's end. Over no rows null.
    """

    first: Node
    then: Node
    days: int

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.first, self.then)


Measure = Aggregate | PerPeriod | Trend | NotFollowed
"""The value of an aggregate tag."""

_ZERO = frozenset({"count", "count_distinct", "sum", "time_avg", "count_periods"})


def of_nothing(measure: Measure) -> bool | int | None:
    """What a measure is over no rows."""
    match measure:
        case PerPeriod(function="every"):
            return False
        case Aggregate() | PerPeriod() if measure.function in _ZERO:
            return 0
        case _:
            return None


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for part in node.parts:
        yield from walk(part)


def names_in(node: Node) -> frozenset[str]:
    """Every column or tag the expression reads."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Name))


def fixed_day(node: Node, as_of: date | None) -> date | None:
    """The day, where it is the same for every row: a constant, `as_of` (if it is given), or either shifted."""
    match node:
        case AsOf():
            return as_of
        case Constant(value=str() as text, type=Type(kind=Kind.DATE)):
            return date.fromisoformat(text)
        case Shifted():
            day = fixed_day(node.operand, as_of)
            return None if day is None else shift(day, count=node.count, unit=node.unit)
        case _:
            return None
