"""The typed tree of an expression. Made by `parse`, read by the compilers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lingque.catalog.expressions.types import Kind, Type
from lingque.core.clock import shift

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
class Call(Node):
    """A function of values of one row."""

    function: Literal["years_between"]
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments


AggregateName = Literal[
    "count", "count_distinct", "sum", "avg", "min", "max", "first", "last", "any", "share", "time_avg"
]


@dataclass(frozen=True, kw_only=True)
class Aggregate(Node):
    """One aggregate over the rows of one customer in a window. `operand` is None only for `count(*)`."""

    function: AggregateName
    operand: Node | None

    @property
    def parts(self) -> tuple[Node, ...]:
        return () if self.operand is None else (self.operand,)


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
