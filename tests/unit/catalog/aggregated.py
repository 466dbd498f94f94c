"""Aggregate tags computed by DuckDB over made-up facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from expression_oracle import CNY
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, TEXT
from lingque.catalog.model import AggregateTag
from lingque.profile.tag_sql import (
    PointInTime,
    Reading,
    aggregates_sql,
    overflow_sql,
    readings_of,
    rows_sql,
    typed_sql,
    versions_sql,
)
from lingque.warehouse.statements import statements
from lingque.warehouse.subset import breaches
from made_up_tags import (
    AS_OF,
    CALENDAR,
    COLUMNS,
    LINKS,
    MOMENT,
    POPULATION,
    WINDOWS,
    Facts,
)

AT = PointInTime(as_of=AS_OF, moment=MOMENT, known_by=MOMENT)


BOUNDS = {name: WINDOWS[name] for name in ("1 day", "3 days", "1 month", "next 2 days")}


ARROW = {BOOLEAN: pa.bool_(), INTEGER: pa.int64(), CNY: pa.int64(), TEXT: pa.string(), DATE: pa.date32()}


def source_of(engine: duckdb.DuckDBPyConnection, reading: Reading, at: PointInTime) -> str:
    """What the tags read: the rows themselves, or what holds by them."""
    present = [row[0] for row in engine.execute("DESCRIBE facts_of_bank").fetchall()]
    rows = rows_sql(reading.contract, present)
    if reading.how == "events":
        return f"({rows})"
    moments = {"known_by": at.known_by} | ({"moment": at.moment} if reading.how == "current" else {})
    statement = {"current": "current_versions", "intervals": "intervals"}[reading.how]
    sql = versions_sql(rows, statements("lingque.profile")[statement].sql)
    assert breaches(sql) == []
    engine.execute(f'CREATE OR REPLACE TEMP TABLE "{reading.source}" AS {sql}', moments)
    return f'"{reading.source}"'


def compute(
    engine: duckdb.DuckDBPyConnection, tags: Sequence[AggregateTag], facts: Facts, at: PointInTime = AT
) -> dict[int, tuple[Any, ...]]:
    columns = {name: pa.array([row[name] for row in facts], ARROW[kind]) for name, kind in COLUMNS.items()}
    times = ("valid_from", "no") if tags[0].contract.holds else ("event_time",)
    for name in ("party_id", "known_at", "row_key", *times):
        columns[name] = pa.array([row[name] for row in facts], pa.int64())
    if any("ended" in row for row in facts):
        columns["ended"] = pa.array([row["ended"] for row in facts], pa.bool_())
    engine.register("facts_of_bank", pa.table(columns))
    engine.register("links", pa.table({"party_id": list(LINKS), "customer_id": list(LINKS.values())}))
    engine.register("population", pa.table({"customer_id": POPULATION}))
    readings = readings_of(tags)
    for reading in readings:
        raw = aggregates_sql(reading, source_of(engine, reading, at), at, CALENDAR)
        assert [*breaches(raw), *breaches(overflow_sql(reading))] == []
        engine.execute(f'CREATE OR REPLACE TEMP TABLE "{reading.name}" AS {raw}')
        assert not any(engine.execute(overflow_sql(reading)).fetchall()[0]), "overflow"
    typed = typed_sql("population", readings)
    assert breaches(typed) == []
    names = ", ".join(tag.name for tag in tags)
    return {row[0]: row[1:] for row in engine.execute(f"SELECT customer_id, {names} FROM ({typed})").fetchall()}
