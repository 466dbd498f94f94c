"""Random expressions of the language with their meaning in plain Python: what every compiler is held to.

Each is a text together with a function from a row to a value. NULL is None; money is its minor units; the meaning is
written here from the language's description and shares nothing with the compilers.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Kind, Type
from meanings import (
    AND,
    ATOM,
    CNY,
    COMPARISON,
    COMPARISONS,
    NOT,
    OR,
    PRODUCT,
    SUM,
    Meant,
    Row,
    binary,
    column,
    conjunction,
    constant,
    disjunction,
    is_like,
    negation,
    one_of,
    rounded_half_away,
    strict,
)

COLUMNS: dict[str, Type] = {
    "visits": INTEGER,
    "calls": INTEGER,
    "rate": NUMBER,
    "amount": CNY,
    "fee": CNY,
    "city": TEXT,
    "segment": TEXT,
    "born": DATE,
    "active": BOOLEAN,
    "vip": BOOLEAN,
}
texts = st.text(alphabet="abA%_'\\ 京", max_size=4) | st.text(alphabet="0127+-.", max_size=4)
days = st.dates(date(1990, 1, 1), date(1990, 1, 6))
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    INTEGER: st.integers(-3, 3) | st.integers(-50, 50),
    NUMBER: st.integers(-200, 200).map(lambda quarters: quarters / 4),
    CNY: st.integers(-500, 500) | st.integers(-1_000_000, 1_000_000),
    TEXT: texts,
    DATE: days,
    BOOLEAN: st.booleans(),
}


def rows_of(columns: dict[str, Type]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({name: st.none() | VALUES[kind] for name, kind in columns.items()})


Strategy = st.SearchStrategy[Meant]


class Expressions:
    """Strategies of expressions of each type over named columns. `depth` bounds them, so that no number overflows."""

    def __init__(self, columns: dict[str, Type], *, as_of: date) -> None:
        self.columns = columns
        self.as_of = Meant("as_of", lambda _row: as_of, DATE)
        self.made: dict[tuple[Type, int], Strategy] = {}

    def of(self, kind: Type, depth: int) -> Strategy:
        if (kind, depth) not in self.made:  # each stands in many others
            named = [column(name, one) for name, one in self.columns.items() if one == kind]
            leaves = VALUES[kind].map(lambda value: constant(value, kind))
            named += [self.as_of] if kind == DATE else []
            leaves = st.sampled_from(named) | leaves if named else leaves
            operations = self.operations(kind, depth - 1).values() if depth else ()
            self.made[kind, depth] = st.one_of(leaves, *operations)
        return self.made[kind, depth]

    def operations(self, kind: Type, depth: int) -> dict[str, Strategy]:
        """Every operation that makes this type, by name, over operands of that depth."""
        of = {one.kind: self.of(one, depth) for one in VALUES}
        whole, number, amount = of[Kind.INTEGER], of[Kind.NUMBER], of[Kind.MONEY]
        made = {"coalesce": _coalesced(kind, self.of(kind, depth), whole)}
        made["case"] = _cases(kind, of[Kind.BOOLEAN], self.of(kind, depth), whole)
        if kind != BOOLEAN:
            made |= _extremes(kind, self.of(kind, depth))
        match kind.kind:
            case Kind.BOOLEAN:
                return made | _truths(of)
            case Kind.INTEGER:
                made |= {"-x": whole.map(_negative)} | _signs("+-*", whole, whole, kind)
                made |= _called(whole, kind, {"abs": abs, "floor": int, "round": int})
                made |= _called(of[Kind.DATE], kind, {"year": _year, "month": _month, "day": _day})
                made |= (
                    _cast("text", of[Kind.TEXT], kind, _whole)
                    | _cast("number", number, kind, int)
                    | _cast("boolean", of[Kind.BOOLEAN], kind, int)
                )
                dates = st.tuples(of[Kind.DATE], of[Kind.DATE])
                return made | {"days between": dates.map(_days_between), "years_between": dates.map(_years_between)}
            case Kind.NUMBER:
                made |= _signs("+-*/", number, number | whole, kind, " number")
                made |= _signs("+-*/", whole, number, kind, " whole")
                made |= _signs("/", whole, whole, kind) | _signs("/", amount, amount, kind, " money")
                made |= _called(number, kind, {"abs": abs, "round": _round, "floor": math.floor, "ceil": math.ceil})
                made |= _cast("whole", whole, kind, float) | _cast("money", amount, kind, lambda minor: minor / 100)
                return made | {"-x": number.map(_negative)}
            case Kind.MONEY:
                made |= _signs("+-", amount, amount, kind) | _signs("*", amount, whole, kind)
                made |= _signs("*", whole, amount, kind, " whole") | {"-x": amount.map(_negative)}
                made |= _called(amount, kind, {"abs": abs})
                return made | {"share": st.tuples(amount, whole).map(lambda pair: _share(*pair))}
            case Kind.DATE:
                spans = st.tuples(of[Kind.DATE], st.integers(0, 800), st.booleans())
                months = st.tuples(st.integers(0, 30), st.sampled_from(["month", "year"]), st.booleans())
                made |= {"days later": spans.map(lambda drawn: _days_later(*drawn))}
                return made | {"months later": months.map(lambda drawn: _months_later(self.as_of, *drawn))}
            case _:
                made |= _cast("whole", whole, kind, str) | _cast("date", of[Kind.DATE], kind, str)
                return made | _cast("boolean", of[Kind.BOOLEAN], kind, lambda value: str(value).lower())


def _truths(of: dict[Kind, Strategy]) -> dict[str, Strategy]:
    real = of[Kind.BOOLEAN]
    truth = real | st.just(constant(None, BOOLEAN))
    same = [st.tuples(one, one) for one in of.values()] + [st.tuples(of[Kind.INTEGER], of[Kind.NUMBER])]
    anything, text = st.one_of(*of.values()), of[Kind.TEXT]
    made = {
        "and": st.tuples(truth, truth).map(lambda p: binary("and", conjunction, *p, BOOLEAN, AND)),
        "or": st.tuples(truth, truth).map(lambda p: binary("or", disjunction, *p, BOOLEAN, OR)),
        "not": real.map(lambda p: Meant(f"not {p.within(NOT)}", lambda row: negation(p.meaning(row)), BOOLEAN, NOT)),
    }
    for sign in COMPARISONS:
        made[sign] = st.one_of(*same).map(lambda p, sign=sign: _compare(sign, *p))
    for positive in (True, False):
        word = "" if positive else "not "
        made[f"is {word}null"] = anything.map(lambda p, positive=positive: _is_null(p, positive))
        made[f"{word}like"] = st.tuples(text, text).map(lambda p, positive=positive: _like(*p, positive))
        ranged = [st.tuples(of[k], of[k], of[k]) for k in (Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DATE)]
        made[f"{word}between"] = st.one_of(*ranged).map(lambda p, positive=positive: _between(*p, positive))
        listed = [
            st.tuples(of[k.kind], st.lists(st.none() | values, min_size=1, max_size=3)) for k, values in VALUES.items()
        ]
        made[f"{word}in"] = st.one_of(*listed).map(lambda p, positive=positive: _in(*p, positive))
    return made


def _called(of: Strategy, kind: Type, functions: dict[str, Callable[..., Any]]) -> dict[str, Strategy]:
    def made(name: str, function: Callable[..., Any]) -> Strategy:
        return of.map(lambda one: Meant(f"{name}({one.text})", lambda row: strict(function)(one.meaning(row)), kind))

    return {name: made(name, function) for name, function in functions.items()}


def _cast(name: str, of: Strategy, kind: Type, function: Callable[..., Any]) -> dict[str, Strategy]:
    meant = of.map(
        lambda one: Meant(f"cast({one.text} as {kind.kind})", lambda row: strict(function)(one.meaning(row)), kind)
    )
    return {f"cast {name}": meant}


def _extremes(kind: Type, of: Strategy) -> dict[str, Strategy]:
    def made(name: str, choose: Callable[..., Any]) -> Strategy:
        def meant(choices: list[Meant]) -> Meant:
            def meaning(row: Row) -> Any:
                return choose((value for one in choices if (value := one.meaning(row)) is not None), default=None)

            return Meant(f"{name}({', '.join(one.text for one in choices)})", meaning, kind)

        return st.lists(of, min_size=1, max_size=3).map(meant)

    return {"least": made("least", min), "greatest": made("greatest", max)}


def _year(day: date) -> int:
    return day.year


def _month(day: date) -> int:
    return day.month


def _day(day: date) -> int:
    return day.day


def _round(number: float) -> float:
    return math.copysign(math.floor(Fraction(abs(number)) + Fraction(1, 2)), number)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[+-]?[0-9]+", text) else None


def _coalesced(kind: Type, one: Strategy, whole: Strategy) -> Strategy:
    choice = one | whole if kind == NUMBER else one  # a whole number among numbers becomes one
    rest = st.lists(choice | st.just(constant(None, kind)), max_size=2)
    return st.tuples(one, rest, st.integers(0, 2)).map(lambda drawn: _coalesce(kind, *drawn))


def _signs(signs: str, left: Strategy, right: Strategy, kind: Type, of: str = "") -> dict[str, Strategy]:
    pairs = st.tuples(left, right)
    return {f"{sign}{of}": pairs.map(lambda pair, sign=sign: _arithmetic(sign, *pair, kind)) for sign in signs}


def _coalesce(kind: Type, one: Meant, rest: list[Meant], at: int) -> Meant:
    choices = [*rest[:at], one, *rest[at:]]
    text = f"coalesce({', '.join(choice.text for choice in choices)})"
    convert = float if kind == NUMBER else lambda value: value

    def meaning(row: Row) -> Any:
        values = [choice.meaning(row) for choice in choices]
        return next((convert(value) for value in values if value is not None), None)

    return Meant(text, meaning, kind)


def _cases(kind: Type, condition: Strategy, value: Strategy, whole: Strategy) -> Strategy:
    other = value | whole if kind == NUMBER else value
    branches = st.lists(st.tuples(condition, other), min_size=1, max_size=2)
    # the value of the type itself is the last branch, so that whole numbers alone never make the type
    return st.tuples(branches, condition, value, st.none() | other).map(lambda drawn: _case(kind, *drawn))


def _case(kind: Type, branches: list[tuple[Meant, Meant]], last: Meant, value: Meant, otherwise: Meant | None) -> Meant:
    listed = [*branches, (last, value)]
    written = " ".join(f"when {when.text} then {then.text}" for when, then in listed)
    text = f"case {written}{f' else {otherwise.text}' if otherwise else ''} end"
    convert = float if kind == NUMBER else lambda found: found

    def meaning(row: Row) -> Any:
        chosen = next((then for when, then in listed if when.meaning(row) is True), otherwise)
        found = None if chosen is None else chosen.meaning(row)
        return None if found is None else convert(found)

    return Meant(text, meaning, kind)


def _days_between(pair: tuple[Meant, Meant]) -> Meant:
    return binary("-", strict(lambda one, other: (one - other).days), *pair, INTEGER, SUM)


def _years_between(pair: tuple[Meant, Meant]) -> Meant:
    """How old on the second day somebody born on the first is."""

    def birthdays(born: date, day: date) -> int:
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))

    one, other = pair
    return Meant(
        f"years_between({one.text}, {other.text})",
        lambda row: strict(birthdays)(one.meaning(row), other.meaning(row)),
        INTEGER,
    )


def _days_later(day: Meant, count: int, later: bool) -> Meant:
    moved = strict(lambda one: one + timedelta(days=count if later else -count))
    return Meant(
        f"{day.within(SUM)} {'+' if later else '-'} {count} days", lambda row: moved(day.meaning(row)), DATE, SUM
    )


def _months_later(day: Meant, count: int, unit: str, later: bool) -> Meant:
    """The same day of that month, or the last one it has."""
    months = (count if later else -count) * (12 if unit == "year" else 1)

    def moved(start: date) -> date:
        first = start.year * 12 + start.month - 1 + months
        last = (date((first + 1) // 12, (first + 1) % 12 + 1, 1) - timedelta(days=1)).day
        return date(first // 12, first % 12 + 1, min(start.day, last))

    sign = "+" if later else "-"
    return Meant(f"{day.text} {sign} {count} {unit}s", lambda row: moved(day.meaning(row)), DATE, SUM)


def _negative(one: Meant) -> Meant:
    return Meant(f"-{one.within(ATOM)}", lambda row: strict(operator.neg)(one.meaning(row)), one.type, ATOM - 1)


def _arithmetic(sign: str, left: Meant, right: Meant, kind: Type) -> Meant:
    plain = {"+": operator.add, "-": operator.sub, "*": operator.mul}
    divided = lambda x, y: None if y == 0 else x / y  # noqa: E731 - one of several operations
    return binary(sign, strict(plain.get(sign, divided)), left, right, kind, SUM if sign in "+-" else PRODUCT)


def _share(amount: Meant, count: Meant) -> Meant:
    share = strict(lambda total, parts: None if parts == 0 else rounded_half_away(total, parts))
    return binary("/", share, amount, count, CNY, PRODUCT)


def _compare(sign: str, left: Meant, right: Meant) -> Meant:
    return binary(sign, strict(COMPARISONS[sign]), left, right, BOOLEAN, COMPARISON)


def _is_null(one: Meant, is_null: bool) -> Meant:
    text = f"{one.within(SUM)} is {'' if is_null else 'not '}null"
    return Meant(text, lambda row: (one.meaning(row) is None) is is_null, BOOLEAN, COMPARISON)


def _like(left: Meant, right: Meant, positive: bool) -> Meant:
    function = strict(lambda text, pattern: is_like(text, pattern) is positive)
    return binary("like" if positive else "not like", function, left, right, BOOLEAN, COMPARISON)


def _between(one: Meant, low: Meant, high: Meant, positive: bool) -> Meant:
    def meaning(row: Row) -> bool | None:
        value = one.meaning(row)
        above = strict(operator.ge)(value, low.meaning(row))
        inside = conjunction(above, strict(operator.le)(value, high.meaning(row)))
        return inside if positive else negation(inside)

    word = "between" if positive else "not between"
    text = f"{one.within(SUM)} {word} {low.within(SUM)} and {high.within(SUM)}"
    return Meant(text, meaning, BOOLEAN, COMPARISON)


def _in(one: Meant, values: list[Any], positive: bool) -> Meant:
    listed = [constant(value, one.type) for value in values]
    plain = [choice.meaning({}) for choice in listed]

    def meaning(row: Row) -> bool | None:
        inside = one_of(one.meaning(row), plain)
        return inside if positive else negation(inside)

    text = f"{one.within(SUM)} {'in' if positive else 'not in'} ({', '.join(choice.text for choice in listed)})"
    return Meant(text, meaning, BOOLEAN, COMPARISON)
