"""Made-up aggregate tags and rows, and what each tag means in plain Python: the oracle of every target.

`made_up_tags()` draws definitions over the events of `contract("event")`, `facts_of("event_time")` their rows. A
tag's meaning takes one customer's rows that are known, in the order of rows. Days are written out, so that the oracle
shares no arithmetic with what it judges.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from expression_oracle import (
    AND,
    CNY,
    COMPARISON,
    COMPARISONS,
    OR,
    Expressions,
    Meant,
    binary,
    conjunction,
    constant,
    disjunction,
    rounded_half_away,
    rows_of,
    strict,
)
from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import DataContract, TagDefinition
from lingque.catalog.definitions.shared import LabelText
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type
from lingque.catalog.model import AggregateTag
from lingque.catalog.yaml_files import Located
from lingque.core.clock import BusinessCalendar

CALENDAR = BusinessCalendar(ZoneInfo("Europe/Prague"))  # the windows below span the change of the clocks
AS_OF = date(2026, 4, 1)
MOMENT = CALENDAR.start_of(AS_OF)
LABEL = LabelText(zh="标签", en="Tag")
COLUMNS: dict[str, Type] = {"visits": INTEGER, "amount": CNY, "city": TEXT, "born": DATE, "active": BOOLEAN}
EXPRESSIONS = Expressions(COLUMNS, as_of=AS_OF)
LINKS = {2: 1}
"""Party 2 belongs to customer 1; every other party is its own customer. Customer 9 has no rows at all."""
POPULATION = (1, 3, 4, 9)

Facts = list[dict[str, Any]]
Days = tuple[date, date]


def _d(month: int, day: int, year: int = 2026) -> date:
    return date(year, month, day)


WINDOWS: dict[str, Days] = {
    "1 day": (_d(3, 31), AS_OF),
    "3 days": (_d(3, 29), AS_OF),
    "14 days": (_d(3, 18), AS_OF),
    "1 month": (_d(3, 1), AS_OF),
    "6 months": (_d(10, 1, 2025), AS_OF),
    "next 2 days": (AS_OF, _d(4, 3)),
    "this month": (_d(3, 1), AS_OF),
    "this quarter": (_d(1, 1), AS_OF),
    "last 2 calendar months": (_d(1, 1), _d(3, 1)),
    "same month last year": (_d(3, 1, 2025), _d(4, 1, 2025)),
    "ever": (date.min, AS_OF),
}
BEFORE: dict[str, Days] = {
    "1 day": (_d(3, 30), _d(3, 31)),
    "3 days": (_d(3, 26), _d(3, 29)),
    "1 month": (_d(2, 1), _d(3, 1)),
    "next 2 days": (_d(3, 30), AS_OF),
    "last 2 calendar months": (_d(11, 1, 2025), _d(1, 1)),
}
PERIODS: dict[tuple[str, str], list[Days]] = {
    ("3 days", "day"): [(_d(3, 29), _d(3, 30)), (_d(3, 30), _d(3, 31)), (_d(3, 31), AS_OF)],
    ("14 days", "week"): [(_d(3, 18), _d(3, 25)), (_d(3, 25), AS_OF)],
    ("1 month", "month"): [(_d(3, 1), AS_OF)],
    ("last 2 calendar months", "month"): [(_d(1, 1), _d(2, 1)), (_d(2, 1), _d(3, 1))],
    ("6 months", "quarter"): [(_d(10, 1, 2025), _d(1, 1)), (_d(1, 1), AS_OF)],
    ("next 2 days", "day"): [(AS_OF, _d(4, 2)), (_d(4, 2), _d(4, 3))],
}
_EDGES = sorted(
    {
        CALENDAR.start_of(day)
        for days in (*WINDOWS.values(), *BEFORE.values(), *(one for many in PERIODS.values() for one in many))
        for day in days if day > date.min
    }
)  # fmt: skip
instants = st.sampled_from(_EDGES).flatmap(lambda edge: st.sampled_from([edge - 1, edge, edge + 1]))
known = st.sampled_from([MOMENT - 2, MOMENT - 1, MOMENT, MOMENT + 1])


def contract(kind: str) -> DataContract:
    columns: dict[str, dict[str, str]] = {
        "no": {"type": "text", "role": "key"},
        "customer_no": {"type": "text", "role": "party"},
        "day": {"type": "date", "role": "event_time" if kind == "event" else "valid_from"},
        "visits": {"type": "integer"},
        "amount": {"type": "money", "currency": "CNY"},
        "city": {"type": "text"},
        "born": {"type": "date"},
        "active": {"type": "boolean"},
    }
    return DataContract.model_validate(
        {"contract": "facts_of_bank", "label": LABEL, "kind": kind, "load": "full", "columns": columns}
    )


def tags_of(kind: str, *definitions: dict[str, str]) -> list[AggregateTag]:
    """The tags `tag_0`, `tag_1` … over that kind of contract."""
    listed = [
        TagDefinition.model_validate(
            {"tag": f"tag_{number}", "label": LABEL, "family": "value", "from": "facts_of_bank"} | one
        )
        for number, one in enumerate(definitions)
    ]
    catalog = build_catalog([Located(definition=one, file="tags.yaml") for one in (contract(kind), *listed)])
    tags = [catalog.tag(one.tag) for one in listed]
    assert all(isinstance(tag, AggregateTag) for tag in tags)
    return tags  # type: ignore[return-value]


def facts_of(*times: str) -> st.SearchStrategy[Facts]:
    placed = {"party_id": st.integers(1, 4), **dict.fromkeys(times, instants), "known_at": known}
    rows = st.tuples(rows_of(COLUMNS), st.fixed_dictionaries(placed)).map(lambda pair: pair[0] | pair[1])
    # keys in no order, so that neither the table's order nor the order of arrival decides a tie
    return st.lists(rows, max_size=12).flatmap(
        lambda listed: st.permutations(range(len(listed))).map(
            lambda keys: [row | {"row_key": key} for row, key in zip(listed, keys, strict=True)]
        )
    )


def customer_of(row: dict[str, Any]) -> int:
    return LINKS.get(row["party_id"], row["party_id"])


def known_rows(facts: Facts, customer: int, *, time: str = "event_time") -> Facts:
    """One customer's rows that were known by the morning, in the order of rows."""
    mine = [row for row in facts if customer_of(row) == customer and row["known_at"] <= MOMENT]
    return sorted(mine, key=lambda row: (row[time], row["known_at"], row["row_key"]))


def alike(answer: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(answer, float):
        return math.isclose(answer, expected, rel_tol=1e-12, abs_tol=1e-9)
    return bool(answer == expected)


def _deviation(values: Sequence[Any]) -> float | None:
    if len(values) < 2:
        return None
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    return math.sqrt(sum(((value - mean) ** 2 for value in exact), Fraction(0)) / (len(exact) - 1))


def _least_of_most(weights: Counter[Any]) -> Any:
    return min((value for value, weight in weights.items() if weight == max(weights.values())), default=None)


MEANINGS: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "sum": sum,
    "avg": lambda values: sum(values) / len(values) if values else None,
    "stddev": _deviation,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "first": lambda values: values[0] if values else None,
    "last": lambda values: values[-1] if values else None,
    "top": lambda values: _least_of_most(Counter(values)),
    "any": lambda values: any(values) if values else None,
    "all": lambda values: all(values) if values else None,
    "share": lambda values: sum(values) / len(values) if values else None,
}
_NUMERIC = [INTEGER, NUMBER, CNY]
_ANY = [*_NUMERIC, TEXT, DATE, BOOLEAN]
TAKES: dict[str, list[Type]] = {
    "count": _ANY, "count_distinct": _ANY, "sum": _NUMERIC, "avg": _NUMERIC, "stddev": _NUMERIC, "min": _ANY[:-1],
    "max": _ANY[:-1], "first": _ANY, "last": _ANY, "top": _ANY, "any": [BOOLEAN], "all": [BOOLEAN], "share": [BOOLEAN],
}  # fmt: skip


def _result(function: str, operand: Type) -> Type:
    if function in ("count", "count_distinct"):
        return INTEGER
    if function in ("any", "all"):
        return BOOLEAN
    return NUMBER if function == "share" or (function in ("avg", "stddev") and operand != CNY) else operand


def aggregated(function: str, operand: Meant, rows: Facts) -> Any:
    """The aggregate over rows in their order."""
    values = [value for value in map(operand.meaning, rows) if value is not None]
    if operand.type == CNY and values and function == "avg":
        return rounded_half_away(sum(values), len(values))
    found = MEANINGS[function](values)
    if operand.type == CNY and function == "stddev" and found is not None:
        return math.floor(found + 0.5)
    return found


def aggregates(functions: Sequence[str] = tuple(sorted(TAKES))) -> st.SearchStrategy[Meant]:
    """Aggregates of one operand: their meaning is of a list of rows."""

    def made(function: str) -> st.SearchStrategy[Meant]:
        operands = st.sampled_from(TAKES[function]).flatmap(lambda kind: EXPRESSIONS.of(kind, 1))
        return operands.map(
            lambda of: Meant(
                f"{function}({of.text})", lambda rows: aggregated(function, of, rows), _result(function, of.type)
            )
        )

    every_row = st.just(Meant("count(*)", len, INTEGER))
    return st.sampled_from(functions).flatmap(made) | every_row


def _weighted(value: Meant, weight: Meant) -> Meant:
    def meaning(rows: Any) -> Any:
        weights: Counter[Any] = Counter()
        for row in rows:
            if (chosen := value.meaning(row)) is not None:
                weights[chosen] += weight.meaning(row) or 0
        return _least_of_most(weights)

    return Meant(f"top({value.text}, {weight.text})", meaning, value.type)


def _day_of(instant: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(microseconds=instant)).astimezone(
        CALENDAR.time_zone
    ).date()  # fmt: skip


def _days_since(which: int) -> Callable[[Any], Any]:
    return lambda rows: (AS_OF - _day_of(rows[which]["event_time"])).days if rows else None


_OF_TIME = st.sampled_from(
    [Meant("recency()", _days_since(-1), INTEGER), Meant("tenure()", _days_since(0), INTEGER)]
)  # fmt: skip


@dataclass(frozen=True)
class MadeUpTag:
    """A definition, and its value over one customer's known rows in their order."""

    definition: dict[str, str]
    meaning: Callable[[Facts], Any]

    def __repr__(self) -> str:
        return repr(self.definition)


def within(rows: Facts, days: Days) -> Facts:
    first, after = (-(2**62) if day == date.min else CALENDAR.start_of(day) for day in days)
    return [row for row in rows if first <= row["event_time"] < after]


def since(rows: Facts, begins: Meant) -> Facts:
    before = [row for row in rows if row["event_time"] < MOMENT]
    found = [at for at, row in enumerate(before) if begins.meaning(row) is True]
    return before[found[-1] :] if found else []


@st.composite
def made_up_tags(draw: st.DrawFn) -> MadeUpTag:
    """One tag over events."""
    where = draw(EXPRESSIONS.of(BOOLEAN, 1))
    make = draw(st.sampled_from([_plain, _plain, _since, _per_period, _trend, _not_followed]))
    value, window, meaning = draw(make(where))
    return MadeUpTag({"value": value, "where": where.text, "window": window}, meaning)


def _of(rows: Facts, where: Meant) -> Facts:
    return [row for row in rows if where.meaning(row) is True]


def _single() -> st.SearchStrategy[Meant]:
    values = st.sampled_from(_ANY).flatmap(lambda kind: EXPRESSIONS.of(kind, 1))
    weights = st.sampled_from([INTEGER, CNY]).flatmap(lambda kind: EXPRESSIONS.of(kind, 1))
    return aggregates() | st.builds(_weighted, values, weights)


Made = tuple[str, str, Callable[[Facts], Any]]


@st.composite
def _plain(draw: st.DrawFn, where: Meant) -> Made:
    window = draw(st.sampled_from(sorted(WINDOWS)))
    of = draw(_single() | (st.nothing() if window.startswith("next") else _OF_TIME))
    return of.text, window, lambda rows: of.meaning(_of(within(rows, WINDOWS[window]), where))  # type: ignore[arg-type]


@st.composite
def _since(draw: st.DrawFn, where: Meant) -> Made:
    begins, of = draw(EXPRESSIONS.of(BOOLEAN, 1)), draw(_single() | _OF_TIME)
    return of.text, f"since {begins.text}", lambda rows: of.meaning(_of(since(rows, begins), where))  # type: ignore[arg-type]


_IN_PERIODS = ("all", "any", "avg", "count", "count_distinct", "first", "last", "max", "min", "share", "sum")


def _conditions() -> st.SearchStrategy[Meant]:
    def compared(of: Meant) -> st.SearchStrategy[Meant]:
        if of.type == BOOLEAN:
            return st.just(of)
        limit = {INTEGER: 1, NUMBER: 0.5, CNY: 100, TEXT: "a", DATE: date(1990, 1, 3)}[of.type]
        return st.sampled_from(sorted(COMPARISONS)).map(
            lambda sign: binary(sign, strict(COMPARISONS[sign]), of, constant(limit, of.type), BOOLEAN, COMPARISON)
        )

    one = aggregates(_IN_PERIODS).flatmap(compared)
    pairs = st.tuples(one, one)
    both = pairs.map(lambda pair: binary("and", conjunction, *pair, BOOLEAN, AND))
    either = pairs.map(lambda pair: binary("or", disjunction, *pair, BOOLEAN, OR))
    return one | both | either


@st.composite
def _per_period(draw: st.DrawFn, where: Meant) -> Made:
    function = draw(st.sampled_from(["every", "count_periods"]))
    window, unit = draw(st.sampled_from(sorted(PERIODS)))
    condition = draw(_conditions())

    def meaning(rows: Facts) -> Any:
        rows = _of(within(rows, WINDOWS[window]), where)
        met = [condition.meaning(within(rows, days)) is True for days in PERIODS[window, unit]]  # type: ignore[arg-type]
        if not rows:
            met = [False]
        return all(met) if function == "every" else sum(met)

    return f"{function}({unit}, {condition.text})", window, meaning


@st.composite
def _trend(draw: st.DrawFn, where: Meant) -> Made:
    window = draw(st.sampled_from(sorted(BEFORE)))
    of = draw(aggregates(("avg", "count", "count_distinct", "last", "max", "share", "stddev", "sum")).filter(
        lambda one: one.type in _NUMERIC
    ))  # fmt: skip

    def meaning(rows: Facts) -> Any:
        now, earlier = (of.meaning(_of(within(rows, days), where)) for days in (WINDOWS[window], BEFORE[window]))  # type: ignore[arg-type]
        return None if now is None or earlier is None or earlier == 0 else now / earlier

    return f"trend({of.text})", window, meaning


@st.composite
def _not_followed(draw: st.DrawFn, where: Meant) -> Made:
    first, then = draw(EXPRESSIONS.of(BOOLEAN, 1)), draw(EXPRESSIONS.of(BOOLEAN, 1))
    days = draw(st.sampled_from([1, 2, 31]))
    window = draw(st.sampled_from(sorted(WINDOWS)))
    span = days * 86_400_000_000
    end = CALENDAR.start_of(WINDOWS[window][1])

    def meaning(rows: Facts) -> Any:
        rows = _of(within(rows, WINDOWS[window]), where)
        if not rows:
            return None
        return any(
            first.meaning(row) is True
            and row["event_time"] + span <= end
            and not any(
                then.meaning(other) is True and other["event_time"] <= row["event_time"] + span
                for other in rows[at + 1 :]
            )
            for at, row in enumerate(rows)
        )

    return f"not_followed({first.text}, {then.text}, {days} days)", window, meaning
