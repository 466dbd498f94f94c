"""The text of what is asked of one row.

Truth has three values, so a condition is two questions: is it true, is it false; a row for which it is neither is
unknown. A value is likewise two: what it is, and is it known. Whatever is asked twice is worked out once. A condition on
one column of texts is no code at all: it is asked once of each text that occurs (`Needs.tests`), and a row looks it up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from lingque.catalog.expressions.tree import (
    AsOf,
    Binary,
    Call,
    Case,
    Coalesce,
    Constant,
    Name,
    Node,
    OneOf,
    Shifted,
    Unary,
    fixed_day,
    names_in,
    walk,
)
from lingque.catalog.expressions.types import BOOLEAN, Kind

TRUE, FALSE = "True", "False"
_COMPARED = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_BADLY = {"+": "added_badly", "-": "taken_badly", "*": "multiplied_badly"}
_SOME_DAY = date(2000, 1, 1)
_PARTS_OF_DAY = {"year": "year_of", "month": "month_of", "day": "day_of"}


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

    `numbers`: columns as they are; `tests`: per column of texts, the conditions asked of each text; `codes`: values that
    are told apart or ordered by a code; `days`: days that depend on the snapshot's only.
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
    if node.type.kind is not Kind.BOOLEAN or isinstance(node, Name) or not names:
        return None
    return names[0].name if len(names_in(node)) == 1 and names[0].type.kind is Kind.TEXT else None


class RowCode:
    """Writes lines into a block of the kernel; `inside` opens a block within it that knows what the outer one did.

    `check` is the number under which an overflow of this block is told.
    """

    def __init__(self, needs: Needs, *, indent: int, outer: RowCode | None = None, check: int = 0) -> None:
        self.needs = needs
        self.indent = indent
        self.check = check
        self.lines: list[str] = []
        self._outer = outer
        self._names: dict[Hashable, str] = {}

    def inside(self, *, check: int) -> RowCode:
        return RowCode(self.needs, indent=self.indent + 1, outer=self, check=check)

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def kept(self, key: Hashable, text: str) -> str:
        """The variable that holds the expression, written where it is first asked for."""
        found = self._found(key)
        if found is None:
            if text in (TRUE, FALSE) or text.isidentifier():
                found = text
            else:
                found = self.needs.fresh()
                self.line(f"{found} = {text}")
            self._names[key] = found
        return found

    def _found(self, key: Hashable) -> str | None:
        return self._names.get(key) or (self._outer._found(key) if self._outer else None)

    # Conditions

    def true(self, node: Node) -> str:
        """Is the condition true of the row?"""
        key = ("true", shape(node))
        return self._found(key) or self.kept(key, self._truth(node, wanted=True))

    def false(self, node: Node) -> str:
        """Is it false?"""
        key = ("false", shape(node))
        return self._found(key) or self.kept(key, self._truth(node, wanted=False))

    def _truth(self, node: Node, *, wanted: bool) -> str:
        ask, other = (self.true, self.false) if wanted else (self.false, self.true)
        column = tested_column(node)
        if column is not None:
            text, test = self.needs.test(column, node)
            return f"t{text}[c{text}[r], {test}] == {1 if wanted else 0}"
        match node:
            case Constant(value=None):
                return FALSE
            case Constant():
                return TRUE if node.value is wanted else FALSE
            case Name():
                value, known = self.value(node), self.known(node)
                return both(known, f"({value} {'!=' if wanted else '=='} 0)")
            case Unary(operator="not"):
                return other(node.operand)
            case Unary(operator="is null" | "is not null"):
                known = self.known(node.operand)
                return known if (node.operator == "is not null") is wanted else negated(known)
            case Binary(operator="and" | "or"):
                left, right = ask(node.left), ask(node.right)
                return both(left, right) if (node.operator == "and") is wanted else either(left, right)
            case Binary() if node.operator in _COMPARED:
                return self._compared(node, wanted=wanted)
            case OneOf():
                return self._one_of(node, wanted=wanted)
            case Case():
                return self._chosen_truth(node, wanted=wanted)
            case Coalesce():
                return self._first_truth(node, wanted=wanted)
            case _:
                raise UnsupportedError(f"the condition {type(node).__name__.lower()}")

    def _compared(self, node: Binary, *, wanted: bool) -> str:
        if node.left.type.kind is Kind.BOOLEAN or node.right.type.kind is Kind.BOOLEAN:
            return self._same_truth(node, wanted=wanted)
        if Kind.NULL in (node.left.type.kind, node.right.type.kind):
            return FALSE
        left, right = self.value(node.left), self.value(node.right)
        known = both(self.known(node.left), self.known(node.right))
        comparison = f"({left} {_COMPARED[node.operator]} {right})"
        return both(known, comparison if wanted else f"(not {comparison})")

    def _same_truth(self, node: Binary, *, wanted: bool) -> str:
        if node.operator not in ("=", "<>"):
            raise UnsupportedError("an order of true and false")
        l1, l0, r1, r0 = self.true(node.left), self.false(node.left), self.true(node.right), self.false(node.right)
        if (node.operator == "=") is wanted:
            return either(both(l1, r1), both(l0, r0))
        return either(both(l1, r0), both(l0, r1))

    def _one_of(self, node: OneOf, *, wanted: bool) -> str:
        each = [
            Binary(operator="=", left=node.operand, right=choice, type=BOOLEAN, position=choice.position)
            for choice in node.choices
        ]
        parts = [self.true(one) if wanted else self.false(one) for one in each]
        joined = parts[0]
        for part in parts[1:]:
            joined = either(joined, part) if wanted else both(joined, part)
        return joined

    def _chosen_truth(self, node: Case, *, wanted: bool) -> str:
        ask = self.true if wanted else self.false
        result = ask(node.otherwise)
        for when, then in reversed(node.branches):
            result = chosen(self.true(when), ask(then), result)
        return result

    def _first_truth(self, node: Coalesce, *, wanted: bool) -> str:
        result = FALSE
        for choice in reversed(node.choices):
            true, false = self.true(choice), self.false(choice)
            result = either(true if wanted else false, both(negated(either(true, false)), result))
        return result

    # Values

    def value(self, node: Node) -> str:
        """What the value is; anything where it is not known."""
        key = ("value", shape(node))
        return self._found(key) or self.kept(key, self._value(node))

    def known(self, node: Node) -> str:
        """Is the value not null?"""
        key = ("known", shape(node))
        return self._found(key) or self.kept(key, self._known(node))

    def _value(self, node: Node) -> str:
        if node.type.kind is Kind.TEXT:
            raise UnsupportedError("a text that is more than a column")
        match node:
            case AsOf() | Shifted() if fixed_day(node, _SOME_DAY) is not None:
                return f"days[{self.needs.day(node)}]"
            case Constant(value=None):
                return "0"
            case Constant(type=t) if t.kind is Kind.DATE:
                return f"days[{self.needs.day(node)}]"
            case Constant(value=bool()):
                return "1" if node.value else "0"
            case Constant():
                return _literal(node.value)
            case Name():
                return self._column(node)
            case Shifted(unit="day"):
                return f"({self.value(node.operand)} + {node.count})"
            case Unary(operator="-"):
                return self._negative(node)
            case Binary(operator="/"):
                return self._division(node)
            case Binary(operator="+" | "-" | "*"):
                return self._arithmetic(node)
            case Case():
                return self._chosen(node)
            case Coalesce():
                result = self.value(node.choices[-1])
                for choice in reversed(node.choices[:-1]):
                    result = f"({self._as(node, choice)} if {self.known(choice)} else {result})"
                return result
            case Call(function="years_between"):
                first, second = (self.value(one) for one in node.arguments)
                return f"full_years({first}, {second})"
            case Call() if node.function in _PARTS_OF_DAY:
                return f"{_PARTS_OF_DAY[node.function]}({self.value(node.arguments[0])})"
            case _ if node.type.kind is Kind.BOOLEAN:
                return f"(1 if {self.true(node)} else 0)"
            case Call():
                raise UnsupportedError(f"{node.function}()")
            case _:
                raise UnsupportedError(type(node).__name__.lower())

    def _known(self, node: Node) -> str:
        match node:
            case Constant():
                return FALSE if node.value is None else TRUE
            case AsOf():
                return TRUE
            case Name() if node.type.kind is Kind.TEXT:
                test = Unary(operator="is not null", operand=node, type=BOOLEAN, position=node.position)
                return self.true(test)
            case Name():
                place = self.needs.number(node)
                return f"(k{place}[r] != 0)" if node.name in self.needs.nullable else TRUE
            case _ if node.type.kind is Kind.BOOLEAN and not isinstance(node, Unary | Name):
                return either(self.true(node), self.false(node))
            case Unary(operator="not"):
                return self.known(node.operand)
            case Unary(operator="is null" | "is not null"):
                return TRUE
            case Shifted() | Unary():
                return self.known(node.operand)
            case Binary(operator="/"):
                parts = both(self.known(node.left), self.known(node.right))
                return both(parts, f"({self.value(node.right)} != 0)")
            case Binary():
                return both(self.known(node.left), self.known(node.right))
            case Case():
                result = self.known(node.otherwise)
                for when, then in reversed(node.branches):
                    result = chosen(self.true(when), self.known(then), result)
                return result
            case Coalesce():
                result = FALSE
                for choice in node.choices:
                    result = either(result, self.known(choice))
                return result
            case Call() if node.function in ("years_between", *_PARTS_OF_DAY):
                result = TRUE
                for argument in node.arguments:
                    result = both(result, self.known(argument))
                return result
            case Call():
                raise UnsupportedError(f"{node.function}()")
            case _:
                raise UnsupportedError(type(node).__name__.lower())

    def _column(self, node: Name) -> str:
        place = self.needs.number(node)
        return f"x{place}[r]" if node.type.kind is Kind.NUMBER else f"np.int64(x{place}[r])"

    def _as(self, node: Node, part: Node) -> str:
        """A whole number beside numbers becomes one."""
        value = self.value(part)
        return f"float({value})" if node.type.kind is Kind.NUMBER and part.type.kind is not Kind.NUMBER else value

    def _chosen(self, node: Case) -> str:
        result = self._as(node, node.otherwise)
        for when, then in reversed(node.branches):
            result = f"({self._as(node, then)} if {self.true(when)} else {result})"
        return result

    def _negative(self, node: Unary) -> str:
        value = self.value(node.operand)
        if node.type.kind is not Kind.NUMBER:
            self._refuse(self.known(node.operand), f"{value} < -9223372036854775807")
        return f"(-{value})"

    def _arithmetic(self, node: Binary) -> str:
        left, right = self.value(node.left), self.value(node.right)
        if node.type.kind is Kind.NUMBER:
            value = self.kept(("raw", shape(node)), f"(float({left}) {node.operator} float({right}))")
            return value
        if node.left.type.kind is not Kind.DATE:
            known = both(self.known(node.left), self.known(node.right))
            self._refuse(known, f"{_BADLY[node.operator]}({left}, {right})")
        return f"({left} {node.operator} {right})"

    def _division(self, node: Binary) -> str:
        left, right = self.value(node.left), self.value(node.right)
        if node.type.kind is Kind.MONEY:
            known = both(self.known(node.left), self.known(node.right))
            self._refuse(known, f"({left} < -9223372036854775807) & ({right} == -1)")
            return f"(divided({left}, {right}) if {right} != 0 else 0)"
        return f"(float({left}) / float({right}) if {right} != 0 else 0.0)"

    def _refuse(self, known: str, badly: str) -> None:
        self.line(f"if {both(known, f'({badly})')}:")
        self.line(f"    failed[{self.check}] = 1")


def both(left: str, right: str) -> str:
    if FALSE in (left, right):
        return FALSE
    return right if left == TRUE else left if right == TRUE else f"({left} & {right})"


def either(left: str, right: str) -> str:
    if TRUE in (left, right):
        return TRUE
    return right if left == FALSE else left if right == FALSE else f"({left} | {right})"


def negated(text: str) -> str:
    return {TRUE: FALSE, FALSE: TRUE}.get(text, f"(not {text})")


def chosen(when: str, then: str, otherwise: str) -> str:
    if when in (TRUE, FALSE):
        return then if when == TRUE else otherwise
    return then if then == otherwise else f"({then} if {when} else {otherwise})"


def _literal(value: Any) -> str:
    if isinstance(value, float):
        return f"({value!r})"
    if value is not None and value == -(2**63):
        return "(-9223372036854775807 - 1)"
    return f"({value})"


