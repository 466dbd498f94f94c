"""Tags as SQL: the referee of the tag kernel, and what serves until a kernel does.

Aggregate tags over one table that read it in one way become one statement; derived tags are layered over them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import aggregate_sql, average_over_days_sql, quote, row_sql
from lingque.catalog.expressions.tree import Aggregate, of_nothing
from lingque.catalog.expressions.types import Kind, Type
from lingque.catalog.model import AggregateTag, DerivedTag, column_type
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Instant

RAW = "_raw_"
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
    """One row per customer with rows in `source`: `customer_id` and each tag's raw value as `_raw_<tag>`."""
    time = reading.contract.time_column
    order = f"({time}, known_at, row_key)"  # the tie rule of last(): latest, then last known, then the greater key
    columns = [f"{_value(tag, at, calendar, order)} AS {quote(RAW + tag.name)}" for tag in reading.tags]
    return f"""
SELECT COALESCE(links.customer_id, facts.party_id) AS customer_id,
    {", ".join(columns)}
FROM {source} AS facts LEFT JOIN links ON links.party_id = facts.party_id
WHERE facts.known_at <= {at.known_by}
GROUP BY COALESCE(links.customer_id, facts.party_id)"""


def typed_sql(source: str, readings: Sequence[Reading]) -> str:
    """The population with every aggregate tag typed; over no rows counts and sums are 0."""
    columns = [
        f"{_cast(RAW + tag.name, tag.type, zero=of_nothing(tag.value) == 0)} AS {quote(tag.name)}"
        for reading in readings
        for tag in reading.tags
    ]
    joins = [
        f"LEFT JOIN {quote(reading.name)} ON {quote(reading.name)}.customer_id = p.customer_id" for reading in readings
    ]
    return f"SELECT p.customer_id{''.join(', ' + column for column in columns)} FROM {source} AS p {' '.join(joins)}"


def overflow_sql(reading: Reading) -> str:
    """Per tag of whole numbers or money: how many customers' values do not fit into 64 bits."""
    counts = [
        f"count(*) FILTER (WHERE {quote(RAW + tag.name)} IS NOT NULL"
        f" AND TRY_CAST({quote(RAW + tag.name)} AS BIGINT) IS NULL) AS {quote(tag.name)}"
        for tag in reading.tags
        if tag.type.kind in (Kind.INTEGER, Kind.MONEY)
    ]
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


def _value(tag: AggregateTag, at: PointInTime, calendar: BusinessCalendar, order: str) -> str:
    condition = row_sql(tag.where, as_of=at.as_of)
    if not isinstance(tag.value, Aggregate):
        raise TypeError(f"tag '{tag.name}' is not an aggregate")
    if tag.window is None:  # what holds on the day: the relation has nothing else
        return aggregate_sql(tag.value, filter_sql=condition, order_sql=order, as_of=at.as_of)
    first, after = tag.window.bounds(at.as_of)
    begins, ends = calendar.start_of(first), calendar.start_of(after)
    if tag.contract.holds:
        inside = f"{condition} AND valid_from < {ends} AND COALESCE(held_until, {END_OF_TIME}) > {begins}"
        held = f"({_day_number('LEAST', f'COALESCE(held_until, {ends})', ends, begins)} - " + (
            f"{_day_number('GREATEST', 'valid_from', begins, begins)})"
        )
        return average_over_days_sql(
            tag.value, filter_sql=inside, held_days_sql=held, days=(after - first).days, as_of=at.as_of
        )
    inside = f"{condition} AND event_time >= {begins} AND event_time < {ends}"
    return aggregate_sql(tag.value, filter_sql=inside, order_sql=order, as_of=at.as_of)


def _day_number(cut: str, instant: str, edge: Instant, begins: Instant) -> str:
    """Which day of the window a beginning of a day is, from 0; what lies outside is cut to the edge.

    Where clocks change, a day has 23 or 25 hours: half a day is added before the division rounds down.
    """
    return f"(({cut}({instant}, {edge}) - {begins} + {DAY // 2}) // {DAY})"


def _cast(name: str, kind: Type, *, zero: bool) -> str:
    value = f"TRY_CAST({quote(name)} AS {_SQL_TYPES[kind.kind]})"
    return f"COALESCE({value}, 0)" if zero else value
