"""Tags as SQL: the referee of the tag kernel, and what serves until a kernel does.

All aggregate tags of one table become one statement; derived tags are layered over them in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lingque.catalog.expressions.to_sql import aggregate_sql, quote, row_sql
from lingque.catalog.expressions.types import Kind, Type
from lingque.catalog.model import AggregateTag, DerivedTag
from lingque.core.clock import BusinessCalendar, Instant

RAW = "_raw_"
_SQL_TYPES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.MONEY: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
}
EMPTY_IS_ZERO = frozenset({"count", "count_distinct", "sum"})


@dataclass(frozen=True, kw_only=True)
class PointInTime:
    """What a computation may see: events up to `as_of`, known no later than `known_by`.

    Features have `known_by` at the beginning of `as_of`; only labels are computed later than they speak of.
    """

    as_of: date
    moment: Instant
    known_by: Instant


def aggregates_sql(table: str, tags: Sequence[AggregateTag], at: PointInTime, calendar: BusinessCalendar) -> str:
    """One row per customer with rows in `table`: `customer_id` and each tag's raw value as `_raw_<tag>`."""
    time = tags[0].contract.time_column
    order = f"({time}, known_at, row_key)"  # the tie rule of last(): latest, then last known, then the greater key
    columns = [
        f"{aggregate_sql(tag.value, filter_sql=_rows_of(tag, at, calendar), order_sql=order)}"
        f" AS {quote(RAW + tag.name)}"
        for tag in tags
    ]
    return f"""
SELECT COALESCE(links.customer_id, facts.party_id) AS customer_id,
    {", ".join(columns)}
FROM {quote(table)} AS facts LEFT JOIN links ON links.party_id = facts.party_id
WHERE facts.known_at <= {at.known_by}
GROUP BY COALESCE(links.customer_id, facts.party_id)"""


def typed_sql(source: str, groups: Mapping[str, Sequence[AggregateTag]]) -> str:
    """The population with every aggregate tag typed; over no rows counts and sums are 0."""
    columns = [
        f"{_cast(RAW + tag.name, tag.type, zero=tag.value.function in EMPTY_IS_ZERO)} AS {quote(tag.name)}"
        for tags in groups.values()
        for tag in tags
    ]
    joins = [
        f"LEFT JOIN {quote('of_' + table)} ON {quote('of_' + table)}.customer_id = p.customer_id" for table in groups
    ]
    return f"SELECT p.customer_id{''.join(', ' + column for column in columns)} FROM {source} AS p {' '.join(joins)}"


def overflow_sql(table: str, tags: Sequence[AggregateTag]) -> str:
    """Per tag of whole numbers or money: how many customers' values do not fit into 64 bits."""
    counts = [
        f"count(*) FILTER (WHERE {quote(RAW + tag.name)} IS NOT NULL"
        f" AND TRY_CAST({quote(RAW + tag.name)} AS BIGINT) IS NULL) AS {quote(tag.name)}"
        for tag in tags
        if tag.type.kind in (Kind.INTEGER, Kind.MONEY)
    ]
    return f"SELECT {', '.join(counts) or 'count(*) FILTER (WHERE FALSE) AS none'} FROM {quote('of_' + table)}"


def layered_sql(source: str, tags: Sequence[DerivedTag]) -> str:
    """Derived tags over a relation of their inputs, each in a layer of its own so that it may use those before it."""
    sql = f"SELECT * FROM {source}"
    for tag in tags:
        value = f"CAST({row_sql(tag.value)} AS {_SQL_TYPES[tag.type.kind]})"
        sql = f"SELECT *, {value} AS {quote(tag.name)} FROM ({sql})"
    return sql


def _rows_of(tag: AggregateTag, at: PointInTime, calendar: BusinessCalendar) -> str:
    condition = row_sql(tag.where)
    if tag.window is None:  # a state: what holds at the last moment before the day
        return f"{condition} AND valid_from < {at.moment} AND valid_to >= {at.moment}"
    first, after = tag.window.bounds(at.as_of)
    return f"{condition} AND event_time >= {calendar.start_of(first)} AND event_time < {calendar.start_of(after)}"


def _cast(name: str, kind: Type, *, zero: bool) -> str:
    value = f"TRY_CAST({quote(name)} AS {_SQL_TYPES[kind.kind]})"
    return f"COALESCE({value}, 0)" if zero else value
