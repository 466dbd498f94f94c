"""What a kernel reads of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from lingque.catalog.expressions.tree import Aggregate, Name, Node, names_in, walk
from lingque.catalog.expressions.types import Kind


class UnsupportedError(Exception):
    """What is asked has no text; SQL must serve. The message says what it is."""


def shape(node: Any) -> Hashable:
    """What two nodes share that mean the same, wherever in their texts they stand."""
    if isinstance(node, Node):
        fields = (shape(getattr(node, one.name)) for one in dataclasses.fields(node) if one.name != "position")
        return (type(node).__name__, *fields)
    if isinstance(node, tuple):
        return tuple(shape(part) for part in node)
    return (type(node).__name__, node)


@dataclass(kw_only=True)
class Needs:
    """What a kernel reads of a table: the names of its arguments follow from the positions here.

    `numbers`: columns as they are; `tests`: per column of texts, the conditions asked of each text; `codes`: values
    that are told apart or ordered by a code; `days`: days that depend on the snapshot's only.
    """

    nullable: frozenset[str]
    numbers: list[Name] = field(default_factory=list)
    tests: dict[str, list[Node]] = field(default_factory=dict)
    codes: list[Node] = field(default_factory=list)
    days: list[Node] = field(default_factory=list)
    _variables: int = 0

    def fresh(self) -> str:
        """A name for a variable that has one type only, however many blocks there are."""
        self._variables += 1
        return f"v{self._variables}"

    def number(self, column: Name) -> int:
        return _place(self.numbers, column)

    def test(self, column: str, condition: Node) -> tuple[int, int]:
        """Which column of texts, and which of its conditions."""
        conditions = self.tests.setdefault(column, [])
        return list(self.tests).index(column), _place(conditions, condition)

    def code(self, value: Node) -> int:
        return _place(self.codes, value)

    def day(self, value: Node) -> int:
        return _place(self.days, value)


def _place(known: list[Any], node: Node) -> int:
    shapes = [shape(one) for one in known]
    if shape(node) not in shapes:
        known.append(node)
        return len(known) - 1
    return shapes.index(shape(node))


def tested_column(node: Node) -> str | None:
    """The one column of texts that a condition is about, where there is one and nothing else is asked."""
    names = [part for part in walk(node) if isinstance(part, Name)]
    if any(isinstance(part, Aggregate) for part in walk(node)):
        return None  # it is of many rows
    if node.type.kind is not Kind.BOOLEAN or isinstance(node, Name) or not names:
        return None
    return names[0].name if len(names_in(node)) == 1 and names[0].type.kind is Kind.TEXT else None
