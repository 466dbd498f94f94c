"""The text of what is asked of one row.

Truth has three values, so a condition is two questions: is it true, is it false; a row for which it is neither is
unknown. A value is likewise two: what it is, and is it known. Whatever is asked twice is worked out once. A condition
on one column of texts is no code at all: it is asked once of each text that occurs (`Needs.tests`), and a row looks
the answer up.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date
from typing import Any

from lingque.catalog.expressions.tree import (
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
from lingque.catalog.expressions.types import BOOLEAN, Kind
from lingque.core.money import EXPONENTS
from lingque.profile.kernel.logic import FALSE, TRUE, both, chosen, either, negated
from lingque.profile.kernel.needs import Needs, UnsupportedError, shape, tested_column

_COMPARED = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_BADLY = {"+": "added_badly", "-": "taken_badly", "*": "multiplied_badly"}
_OF_DAYS = {"years_between": "full_years", "year": "year_of", "month": "month_of", "day": "day_of"}
_ROUNDED = {"round": "rounded", "floor": "np.floor", "ceil": "np.ceil"}
_INSIDE = "((-9223372036854775808.0 <= {0}) & ({0} < 9223372036854775808.0))"
_SOME_DAY = date(2000, 1, 1)


class RowCode:
    """Writes lines into a block of the kernel; `inside` opens a block within it that knows what the outer one did.

    `check` is the number under which an overflow of this block is told.
    """

    def __init__(self, needs: Needs, *, indent: int, outer: RowCode | None = None, check: int = 0) -> None:
        self.needs = needs
        self.indent = indent
        self.check = check
        self.lines: list[str] = []
        self._rarely: dict[str, list[str]] = {}
        self._outer = outer
        self._names: dict[Hashable, str] = {}

    def inside(self, *, check: int, asked: str) -> RowCode:
        """A block within this one; where nothing is asked, this one goes on to know what it did."""
        if asked:
            return RowCode(self.needs, indent=self.indent + 1, outer=self, check=check)
        inner = RowCode(self.needs, indent=self.indent, outer=self, check=check)
        inner._names = self._names
        return inner

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def rarely(self, condition: str, *lines: str) -> None:
        """Have these done where it is true, once for all that wait for it."""
        self._rarely.setdefault(condition, []).extend(lines)

    def finish(self) -> None:
        """Write what is rarely done."""
        for condition, lines in self._rarely.items():
            self.line(f"if {condition}:")
            for line in lines:
                self.line(f"    {line}")

    def kept(self, key: Hashable, text: str) -> str:
        """The variable that holds the expression, written where it is first asked for."""
        found = self.found(key)
        if found is None:
            if text in (TRUE, FALSE) or text.isidentifier():
                found = text
            else:
                found = self.needs.fresh()
                self.line(f"{found} = {text}")
            self._names[key] = found
        return found

    def named(self, key: Hashable) -> str:
        """A new variable for it, which the caller writes."""
        self._names[key] = self.needs.fresh()
        return self._names[key]

    def found(self, key: Hashable) -> str | None:
        """The variable that holds it, where it was written before."""
        return self._names.get(key) or (self._outer.found(key) if self._outer else None)

    # Conditions

    def true(self, node: Node) -> str:
        """Is the condition true of the row?"""
        key = ("true", shape(node))
        return self.found(key) or self.kept(key, self._truth(node, wanted=True))

    def false(self, node: Node) -> str:
        """Is it false?"""
        key = ("false", shape(node))
        return self.found(key) or self.kept(key, self._truth(node, wanted=False))

    def _truth(self, node: Node, *, wanted: bool) -> str:
        column = tested_column(node)
        if column is not None:
            text, test = self.needs.test(column, node)
            return f"(t{text}[np.uint32(c{text}[q]), {test}] == {1 if wanted else 0})"
        match node:
            case Constant():
                return TRUE if node.value is wanted else FALSE
            case Name():
                value, known = self.value(node), self.known(node)
                return both(known, f"({value} {'!=' if wanted else '=='} 0)")
            case Unary(operator="is null" | "is not null"):
                known = self.known(node.operand)
                return known if (node.operator == "is not null") is wanted else negated(known)
            case Binary() if node.operator in _COMPARED:
                return self._compared(node, wanted=wanted)
            case _:
                return self._truth_of_conditions(node, wanted=wanted)

    def _truth_of_conditions(self, node: Node, *, wanted: bool) -> str:
        ask, other = (self.true, self.false) if wanted else (self.false, self.true)
        match node:
            case Unary(operator="not"):
                return other(node.operand)
            case Binary(operator="and" | "or"):
                left, right = ask(node.left), ask(node.right)
                return both(left, right) if (node.operator == "and") is wanted else either(left, right)
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
        return self.found(key) or self.kept(key, self._value(node))

    def known(self, node: Node) -> str:
        """Is the value not null?"""
        key = ("known", shape(node))
        return self.found(key) or self.kept(key, self._known(node))

    def _value(self, node: Node) -> str:
        if node.type.kind is Kind.TEXT:
            raise UnsupportedError("a text that is more than a column")
        match node:
            case AsOf() | Shifted() | Constant() if fixed_day(node, _SOME_DAY) is not None:
                return f"days[{self.needs.day(node)}]"
            case Constant():
                return _literal(node.value)
            case Name():
                return self._column(node)
            case Binary() | Unary(operator="-") | Shifted():
                return self._calculated(node)
            case Case():
                return self._chosen(node)
            case Coalesce():
                return self._first(node)
            case _ if node.type.kind is Kind.BOOLEAN:
                return f"(1 if {self.true(node)} else 0)"
            case _:
                return self._called(node)

    def _called(self, node: Node) -> str:
        match node:
            case Call():
                return self._function(node)
            case Cast():
                return self._converted(node)
            case _:
                raise UnsupportedError(type(node).__name__.lower())

    def _function(self, node: Call) -> str:
        values = [self.value(one) for one in node.arguments]
        match node.function:
            case "least" | "greatest":
                return self._outermost(node)
            case "abs":
                if node.type.kind is not Kind.NUMBER:
                    self._refuse(self.known(node.arguments[0]), f"{values[0]} < -9223372036854775807")
                return f"abs({values[0]})"
            case "round" | "floor" | "ceil":
                return values[0] if node.type.kind is Kind.INTEGER else f"{_ROUNDED[node.function]}({values[0]})"
            case _:
                return f"{_OF_DAYS[node.function]}({', '.join(values)})"

    def _outermost(self, node: Call) -> str:
        """The least or the greatest of those that are known."""
        sign = "<" if node.function == "least" else ">"
        result, known = self._as(node, node.arguments[0]), self.known(node.arguments[0])
        for one in node.arguments[1:]:
            value, also = self._as(node, one), self.known(one)
            better = both(also, either(negated(known), f"({value} {sign} {result})"))
            result = self.kept(("outer", shape(node), shape(one)), chosen(better, value, result))
            known = either(known, also)
        return result

    def _converted(self, node: Cast) -> str:
        if node.operand.type.kind is Kind.TEXT:
            raise UnsupportedError("cast() of a text")
        value = self.value(node.operand)
        match node.operand.type.kind, node.type.kind:
            case Kind.NUMBER, Kind.INTEGER:
                # what does not fit is nothing; no number out of range may reach the conversion
                return f"(np.int64(np.trunc({value})) if {_INSIDE.format(value)} else 0)"
            case Kind.MONEY, Kind.NUMBER:
                return f"(float({value}) / {10.0 ** EXPONENTS[node.operand.type.currency]!r})"
            case Kind.INTEGER | Kind.BOOLEAN, Kind.NUMBER:
                return f"float({value})"
            case (Kind.BOOLEAN, Kind.INTEGER):
                return value
            case source, target if source is target:
                return value
            case _:
                raise UnsupportedError(f"cast() of a {node.operand.type.kind.value}")

    def _calculated(self, node: Node) -> str:
        match node:
            case Shifted(unit="day"):
                return f"({self.value(node.operand)} + {node.count})"
            case Unary(operator="-"):
                return self._negative(node)
            case Binary(operator="/"):
                return self._division(node)
            case Binary(operator="+" | "-" | "*"):
                return self._arithmetic(node)
            case _:
                return f"(1 if {self.true(node)} else 0)"

    def _known(self, node: Node) -> str:
        match node:
            case Constant():
                return FALSE if node.value is None else TRUE
            case Name():
                return self._column_known(node)
            case _ if node.type.kind is Kind.BOOLEAN:
                return either(self.true(node), self.false(node))
            case _:
                return self._known_of(node)

    def _known_of(self, node: Node) -> str:
        match node:
            case Case():
                result = self.known(node.otherwise)
                for when, then in reversed(node.branches):
                    result = chosen(self.true(when), self.known(then), result)
                return result
            case Coalesce() | Call(function="least" | "greatest"):
                result = FALSE
                for part in node.parts:
                    result = either(result, self.known(part))
                return result
            case Cast() if (node.operand.type.kind, node.type.kind) == (Kind.NUMBER, Kind.INTEGER):
                return both(self.known(node.operand), _INSIDE.format(self.value(node.operand)))
            case AsOf() | Shifted() | Unary() | Binary() | Call() | Cast():
                return self._parts_known(node)
            case _:
                raise UnsupportedError(type(node).__name__.lower())

    def _parts_known(self, node: Node) -> str:
        result = TRUE
        for part in node.parts:
            result = both(result, self.known(part))
        if isinstance(node, Binary) and node.operator == "/":
            result = both(result, f"({self.value(node.right)} != 0)")
        return result

    def _column_known(self, node: Name) -> str:
        if node.type.kind is Kind.TEXT:
            return self.true(Unary(operator="is not null", operand=node, type=BOOLEAN, position=node.position))
        place = self.needs.number(node)
        return f"(k{place}[q] != 0)" if node.name in self.needs.nullable else TRUE

    def _column(self, node: Name) -> str:
        place = self.needs.number(node)
        return f"x{place}[q]" if node.type.kind is Kind.NUMBER else f"np.int64(x{place}[q])"

    def _as(self, node: Node, part: Node) -> str:
        """A whole number beside numbers becomes one."""
        value = self.value(part)
        return f"float({value})" if node.type.kind is Kind.NUMBER and part.type.kind is not Kind.NUMBER else value

    def _first(self, node: Coalesce) -> str:
        result = self._as(node, node.choices[-1])
        for choice in reversed(node.choices[:-1]):
            result = f"({self._as(node, choice)} if {self.known(choice)} else {result})"
        return result

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
            return f"(float({left}) {node.operator} float({right}))"
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


def _literal(value: Any) -> str:
    match value:
        case None:
            return "0"
        case bool():
            return "1" if value else "0"
        case _:
            return "(-9223372036854775807 - 1)" if value == -(2**63) else f"({value!r})"
