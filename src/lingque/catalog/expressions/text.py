"""The text of an expression: where a part of it stands, and how it is refused."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from lingque.catalog.expressions import typing_rules as rules
from lingque.catalog.expressions.tree import Node
from lingque.catalog.expressions.types import NULL, Type
from lingque.core.errors import ExpressionError


class Text:
    """One text while it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.cursor = 0

    def comparable(self, left: Node, right: Node) -> None:
        problem = rules.not_comparable(left.type, right.type)
        if problem:
            raise self.error(problem, right)

    def common(self, choices: Sequence[Node]) -> Type:
        """The one type of all of them; the first that does not go with those before it is refused."""
        result: Type = NULL
        for choice in choices:
            found = rules.common(result, choice.type)
            if isinstance(found, str):
                raise self.error(found, choice)
            result = found
        return result

    def require(self, holds: bool, message: str, at: exp.Expr | Node) -> None:  # noqa: FBT001 - reads as a sentence
        if not holds:
            raise self.error(message, at)

    def error(self, message: str, at: exp.Expr | Node, *, next_step: str = "") -> ExpressionError:
        position = at.position if isinstance(at, Node) else self.position(at)
        return ExpressionError(message, text=self.text, position=position, next_step=next_step)

    def position(self, tree: exp.Expr) -> int:
        """The first character of the tree: the least that any token below it recorded."""
        starts = [node.meta["start"] for node in tree.walk() if "start" in node.meta]
        if starts:
            return int(min(starts))
        # sqlglot records no place for literals: find them in reading order
        for literal in tree.find_all(exp.Literal):
            found = self.text.find(str(literal.this), self.cursor)
            if found >= 0:
                self.cursor = found
                return found
        return self.cursor

    def offset(self, line: int, column: int) -> int:
        lines = self.text.splitlines(keepends=True) or [""]
        before = sum(len(part) for part in lines[: max(line - 1, 0)])
        return min(before + max(column - 1, 0), max(len(self.text) - 1, 0))
