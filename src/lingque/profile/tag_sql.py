"""Tags as SQL: the referee of the tag kernel, and what serves until a kernel does.

Aggregate tags over one table that read it in one way become one statement; derived tags are layered over them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import aggregate_sql, average_over_days_sql, quote, row_sql
from lingque.catalog.expressions.tree import (
    Aggregate,
    Measure,
    NotFollowed,
    PerPeriod,
    Trend,
    of_nothing,
    walk,
)
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, DerivedTag, column_type
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Days, Instant, before, periods
from lingque.core.money import INT64_MAX

RAW = "_raw_"
FITS = "_fits_"
CUSTOMER = "_customer"
DAY = 86_400_000_000
_SQL_TYPES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.MONEY: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
}


@dataclass(frozen=True, kw_only=True)
class PointInTime:
    """What a computation may see: events up to `as_of`, known no later than `known_by`.

    Features have `known_by` at the beginning of `as_of`; only labels are computed later than they speak of.
    """

    as_of: date
    moment: Instant
    known_by: Instant


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Tags over one table that read it in one way: what happened (`events`), what holds on the day (`current`), or
    what held through a window (`intervals`)."""

    contract: DataContract
    how: Literal["events", "current", "intervals"]
    tags: tuple[AggregateTag, ...]

    @property
    def source(self) -> str:
        """The relation that is read. The names of contracts begin with a letter, so none is of this form."""
        return f"_{self.how}_{self.contract.contract}"

    @property
    def name(self) -> str:
        """The relation of the tags' raw values."""
        return f"_of{self.source}"


def readings_of(tags: Iterable[AggregateTag]) -> tuple[Reading, ...]:
    """The tags, put together by table and way of reading it, in the order of their first."""
    groups: dict[tuple[str, Literal["events", "current", "intervals"]], list[AggregateTag]] = {}
    for tag in tags:
        how: Literal["events", "current", "intervals"] = "events"
        if tag.contract.holds:
            how = "current" if tag.window is None else "intervals"
        groups.setdefault((tag.contract.contract, how), []).append(tag)
    return tuple(
        Reading(contract=members[0].contract, how=how, tags=tuple(members)) for (_, how), members in groups.items()
    )


def rows_sql(contract: DataContract, present: Collection[str]) -> str:
    """The rows of a table with every column that tags may read.

    A column that the contract gained after the last row was stored is null; so is `ended` in rows from before there
    were versions. `_key` is what a version is a version of.
    """
    wanted = {"row_key": "BIGINT", "party_id": "BIGINT", contract.time_column: "BIGINT", "known_at": "BIGINT"}
    if contract.holds:
        wanted["ended"] = "BOOLEAN"
    wanted |= {name: _SQL_TYPES[column_type(contract, name).kind] for name in contract.stored}
    columns = [
        quote(name) if name in present else f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in wanted.items()
    ]
    if contract.holds:
        key = "party_id" if contract.kind == "party" else contract.with_role("key")[0]
        columns.append(f"{quote(key)} AS _key")
    return f"SELECT {', '.join(columns)} FROM {quote(contract.contract)}"


def versions_sql(rows: str, statement: str) -> str:
    """A statement over `_versions`, with those rows as the versions."""
    return f"WITH _versions AS ({rows}) {statement}"


def aggregates_sql(reading: Reading, source: str, at: PointInTime, calendar: BusinessCalendar) -> str:
    """One row per customer with rows in `source`: `customer_id` and each tag's raw value as `_raw_<tag>`; where sums
    go into something else, `_fits_<tag>` says whether they fit into 64 bits."""
    measures = [_Measure(tag=tag, time=reading.contract.time_column, at=at, calendar=calendar) for tag in reading.tags]
    together = [column for measure in measures if not measure.is_apart for column in measure.columns()]
    apart = [(f"_{number}", measure) for number, measure in enumerate(measures) if measure.is_apart]
    columns = [quote(column) for measure in measures for column in measure.names]
    joins = [f"LEFT JOIN ({measure.query()}) AS {name} USING ({CUSTOMER})" for name, measure in apart]
    return f"""
WITH facts AS (
    SELECT facts.*, COALESCE(links.customer_id, facts.party_id) AS {CUSTOMER}
    FROM {source} AS facts LEFT JOIN links ON links.party_id = facts.party_id
    WHERE facts.known_at <= {at.known_by}
)
SELECT {", ".join([f"{CUSTOMER} AS customer_id", *columns])}
FROM (SELECT {", ".join([CUSTOMER, *together])} FROM facts GROUP BY {CUSTOMER}) AS together {" ".join(joins)}"""


def typed_sql(source: str, readings: Sequence[Reading]) -> str:
    """The population with every aggregate tag typed; over no rows as the language says."""
    columns = [f"{_typed(tag)} AS {quote(tag.name)}" for reading in readings for tag in reading.tags]
    joins = [
        f"LEFT JOIN {quote(reading.name)} ON {quote(reading.name)}.customer_id = p.customer_id" for reading in readings
    ]
    return f"SELECT p.customer_id{''.join(', ' + column for column in columns)} FROM {source} AS p {' '.join(joins)}"


def overflow_sql(reading: Reading) -> str:
    """Per tag with whole numbers or money: how many customers' values do not fit into 64 bits."""
    counts = []
    for tag in reading.tags:
        raw = quote(RAW + tag.name)
        if _sums_within(tag.value):
            counts.append(f"count(*) FILTER (WHERE NOT {quote(FITS + tag.name)}) AS {quote(tag.name)}")
        elif tag.type.kind in (Kind.INTEGER, Kind.MONEY):
            unfit = f"{raw} IS NOT NULL AND TRY_CAST({raw} AS BIGINT) IS NULL"
            counts.append(f"count(*) FILTER (WHERE {unfit}) AS {quote(tag.name)}")
    return f"SELECT {', '.join(counts) or 'count(*) FILTER (WHERE FALSE) AS none'} FROM {quote(reading.name)}"


def members_sql(source: str, lists: Sequence[tuple[str, str]]) -> str:
    """A relation of customers with, per (tag, relation of members), whether the customer is one."""
    columns = [f", customer_id IN (SELECT customer_id FROM {quote(members)}) AS {quote(tag)}" for tag, members in lists]
    return f"SELECT *{''.join(columns)} FROM {source}"


def layered_sql(source: str, tags: Sequence[DerivedTag], *, as_of: date) -> str:
    """Derived tags over a relation of their inputs, each in a layer of its own so that it may use those before it."""
    sql = f"SELECT * FROM {source}"
    for tag in tags:
        value = f"CAST({row_sql(tag.value, as_of=as_of)} AS {_SQL_TYPES[tag.type.kind]})"
        sql = f"SELECT *, {value} AS {quote(tag.name)} FROM ({sql})"
    return sql


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """One tag over `facts`, where `time` is the column of the rows' time."""

    tag: AggregateTag
    time: str
    at: PointInTime
    calendar: BusinessCalendar

    @property
    def is_apart(self) -> bool:
        """Does it need a query of its own? Else it is columns beside those of other tags."""
        value = self.tag.value
        two_steps = isinstance(value, NotFollowed) or (isinstance(value, Aggregate) and value.function == "top")
        return two_steps or self.tag.since is not None

    @property
    def names(self) -> list[str]:
        return [RAW + self.tag.name, *([FITS + self.tag.name] if _sums_within(self.tag.value) else [])]

    @property
    def order(self) -> str:
        """The tie rule of last(): latest, then last known, then the greater key."""
        return f"({self.time}, known_at, row_key)"

    def columns(self) -> list[str]:
        """Over `facts` grouped by customer."""
        sums = _sums_within(self.tag.value)
        values = [self.value()]
        if sums:
            spans = self.spans()
            fits = [
                f"abs({self.aggregate(one, span)}) <= {INT64_MAX}"
                for one in sums for span in spans
            ]  # fmt: skip
            values.append(f"({' AND '.join(fits)})")
        return [f"{value} AS {quote(name)}" for value, name in zip(values, self.names, strict=True)]

    def query(self) -> str:
        """The customer and the columns."""
        value, rows = self.tag.value, self.rows()
        if isinstance(value, NotFollowed):
            return self.not_followed(value, rows)
        if isinstance(value, Aggregate) and value.function == "top":
            return self.top(value, rows)
        return f"SELECT {', '.join([CUSTOMER, *self.columns()])} FROM {rows} GROUP BY {CUSTOMER}"

    def rows(self) -> str:
        """The rows that the tag looks at, before its window and its condition."""
        if self.tag.since is None:
            return "facts"
        begins = f"CASE WHEN {row_sql(self.tag.since, as_of=self.at.as_of)} THEN 1 ELSE 0 END"
        return f"""(
    SELECT * FROM (
        SELECT *, max({begins}) OVER (PARTITION BY {CUSTOMER}) AS _begun, sum({begins}) OVER ({self.later}) AS _later
        FROM facts WHERE {self.time} < {self.at.moment}
    ) AS marked WHERE _begun = 1 AND COALESCE(_later, 0) = 0
) AS since"""

    def top(self, value: Aggregate, rows: str) -> str:
        """The most frequent value, or that of the greatest total weight; of several the smallest."""
        operand = "NULL" if value.operand is None else row_sql(value.operand, as_of=self.at.as_of)
        weight = "1" if value.weight is None else row_sql(value.weight, as_of=self.at.as_of)
        chosen = f"SELECT {CUSTOMER}, {operand} AS _x, {weight} AS _w FROM {rows} WHERE {self.inside(self.span)}"
        counted = f"""
    SELECT {CUSTOMER}, _x, COALESCE(sum(_w), 0) AS _n FROM ({chosen}) AS chosen
    WHERE _x IS NOT NULL GROUP BY {CUSTOMER}, _x"""
        return f"""
SELECT {CUSTOMER}, arg_min(_x, (-_n, _x)) AS {quote(RAW + self.tag.name)}
FROM ({counted}) AS counted GROUP BY {CUSTOMER}"""

    @property
    def later(self) -> str:
        """The rows after a row."""
        order = f"PARTITION BY {CUSTOMER} ORDER BY {self.time}, known_at, row_key"
        return f"{order} ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"

    def not_followed(self, value: NotFollowed, rows: str) -> str:
        first, then = (row_sql(part, as_of=self.at.as_of) for part in value.parts)
        over = f"{self.time} + {value.days * DAY}"
        _, after = self.span or (self.at.as_of, self.at.as_of)
        ends = self.calendar.start_of(after)
        marked = f"""
    SELECT {CUSTOMER}, COALESCE({first}, FALSE) AND {over} <= {ends} AS _first, {over} AS _over,
        min(CASE WHEN {then} THEN {self.time} END) OVER ({self.later}) AS _next
    FROM {rows} WHERE {self.inside(self.span)}"""
        return f"""
SELECT {CUSTOMER}, bool_or(_first AND COALESCE(_next > _over, TRUE)) AS {quote(RAW + self.tag.name)}
FROM ({marked}) AS marked GROUP BY {CUSTOMER}"""

    @property
    def span(self) -> Days | None:
        """The window's days; None of what holds on the day: the relation has nothing else."""
        return None if self.tag.window is None else self.tag.window.bounds(self.at.as_of)

    def spans(self) -> tuple[Days | None, ...]:
        """The window, or the parts of time that a measure compares."""
        value, window = self.tag.value, self.tag.window
        if window is not None and isinstance(value, PerPeriod):
            return periods(window, value.unit, self.at.as_of)
        if window is not None and isinstance(value, Trend):
            return self.span, before(window, self.at.as_of)
        return (self.span,)

    def value(self) -> str:
        value = self.tag.value
        match value:
            case Aggregate():
                return self.aggregate(value, self.span)
            case Trend():
                now, earlier = (f"CAST({self.aggregate(value.of, span)} AS DOUBLE)" for span in self.spans())
                return f"({now} / NULLIF({earlier}, 0))"
            case PerPeriod():
                return self.per_period(value)
            case _:
                raise TypeError(f"{type(value).__name__} is no column beside others")

    def per_period(self, value: PerPeriod) -> str:
        met = [
            "COALESCE("
            + row_sql(value.condition, as_of=self.at.as_of, aggregate=partial(self.aggregate, span=span))
            + ", FALSE)"
            for span in self.spans()
        ]  # fmt: skip
        none = f"count(*) FILTER (WHERE {self.inside(self.span)}) = 0"
        if value.function == "every":
            return f"(NOT {none} AND {' AND '.join(met)})"
        counted = " + ".join(f"CASE WHEN {one} THEN 1 ELSE 0 END" for one in met)
        return f"CASE WHEN {none} THEN 0 ELSE {counted} END"

    def aggregate(self, value: Aggregate, span: Days | None) -> str:
        inside = self.inside(span)
        if value.function in ("recency", "tenure"):
            return self.days_since(f"{'max' if value.function == 'recency' else 'min'}({self.time})", inside)
        if value.function == "time_avg" and span is not None:
            begins, ends = self.instants(span)
            held = f"({_day_number('LEAST', f'COALESCE(held_until, {ends})', ends, begins)} - " + (
                f"{_day_number('GREATEST', 'valid_from', begins, begins)})"
            )
            return average_over_days_sql(
                value, filter_sql=inside, held_days_sql=held, days=(span[1] - span[0]).days, as_of=self.at.as_of
            )
        return aggregate_sql(value, filter_sql=inside, order_sql=self.order, as_of=self.at.as_of)

    def inside(self, span: Days | None) -> str:
        """Which rows count."""
        condition = row_sql(self.tag.where, as_of=self.at.as_of)
        if span is None:
            return condition
        begins, ends = self.instants(span)
        if self.tag.contract.holds:
            return f"{condition} AND valid_from < {ends} AND COALESCE(held_until, {END_OF_TIME}) > {begins}"
        return f"{condition} AND {self.time} >= {begins} AND {self.time} < {ends}"

    def instants(self, span: Days) -> tuple[Instant, Instant]:
        return self.calendar.start_of(span[0]), self.calendar.start_of(span[1])

    def days_since(self, instant: str, inside: str) -> str:
        """Whole business days from the instant's day to `as_of`: 1 of yesterday."""
        chosen = f"{instant} FILTER (WHERE {inside})"
        offsets = self.calendar.offsets(self.at.as_of)
        ahead = " ".join(f"WHEN {chosen} >= {begins} THEN {offset}" for begins, offset in offsets[:0:-1])
        offset = f"CASE {ahead} ELSE {offsets[0][1]} END" if ahead else str(offsets[0][1])
        midnight = (self.at.as_of - date(1970, 1, 1)).days * DAY
        return f"(({midnight} - 1 - ({chosen} + {offset})) // {DAY} + 1)"


def _sums_within(value: Measure) -> list[Aggregate]:
    """The exact sums that go into something else, where nobody would see that they do not fit."""
    if isinstance(value, Aggregate):
        return []
    return [
        part for part in walk(value)
        if isinstance(part, Aggregate) and part.function == "sum" and part.type.kind in (Kind.INTEGER, Kind.MONEY)
    ]  # fmt: skip


def _day_number(cut: str, instant: str, edge: Instant, begins: Instant) -> str:
    """Which day of the window a beginning of a day is, from 0; what lies outside is cut to the edge.

    Where clocks change, a day has 23 or 25 hours: half a day is added before the division rounds down.
    """
    return f"(({cut}({instant}, {edge}) - {begins} + {DAY // 2}) // {DAY})"


def _typed(tag: AggregateTag) -> str:
    value = f"TRY_CAST({quote(RAW + tag.name)} AS {_SQL_TYPES[tag.type.kind]})"
    nothing = of_nothing(tag.value)
    return value if nothing is None else f"COALESCE({value}, {'FALSE' if nothing is False else nothing})"
