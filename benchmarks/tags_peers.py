"""The aggregates of `benchmarks.tags` by others, each in the best form that was found for it.

A tag of each form is computed by all of them: counts, sums, means, extremes and distinct counts over each window, sums
and counts per category. The last, first and most frequent values are left out: what there is favours them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import chdb
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.tags_definitions import WINDOWS, Made, measured
from lingque.core.clock import BusinessCalendar, shift

CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
LEFT_OUT = ("top(", "last(", "first(", "recency(", "tenure(", "share(")


def compared() -> list[Made]:
    """The tags that peers compute."""
    return [tag for tag in measured() if not tag.value.startswith(LEFT_OUT)]


def _begin(as_of: date, days: int) -> int:
    return CALENDAR.start_of(shift(as_of, count=-days, unit="day"))


def _plain(text: str) -> str:
    return text.replace("cny(500)", "50000") or "true"


def _buckets(paths: list[Path]) -> int:
    metadata = pq.read_metadata(paths[0])
    place = metadata.schema.to_arrow_schema().names.index("bucket")
    return 1 + max(metadata.row_group(group).column(place).statistics.max for group in range(metadata.num_row_groups))


def duckdb_by_age(paths: list[Path], as_of: date) -> pa.Table:
    """Grouped by customer and age band, then cumulated over bands; distinct by the last time an item was seen."""
    return _duckdb(paths, as_of, ["TRUE"])


def duckdb_by_bucket(paths: list[Path], as_of: date) -> pa.Table:
    """The same, every bucket by itself."""
    return _duckdb(paths, as_of, [f"bucket = {bucket}" for bucket in range(_buckets(paths))])


def _duckdb(paths: list[Path], as_of: date, parts: list[str]) -> pa.Table:
    end = CALENDAR.start_of(as_of)
    bands = " ".join(f"WHEN event_time >= {_begin(as_of, days)} THEN {days}" for days in WINDOWS)
    made: dict[tuple[str, str], str] = {}
    inner, outer = [], []
    for tag in compared():
        if tag.value.startswith("count_distinct"):
            begin = _begin(as_of, tag.days)
            outer.append(f"count(*) FILTER (WHERE last_seen >= {begin}) AS {tag.name}")
            continue
        function, _, operand = tag.value.rstrip(")").partition("(")
        for part in ("sum", "count") if function == "avg" else (function,):
            key = (f"{part}({operand})", tag.where)
            if key not in made:
                made[key] = f"p{len(made)}"
                inner.append(f"{part}({operand}) FILTER (WHERE {_plain(tag.where)}) AS {made[key]}")
    cumulated = []
    for tag in compared():
        if tag.value.startswith("count_distinct"):
            continue
        function, _, operand = tag.value.rstrip(")").partition("(")
        inside = f"FILTER (WHERE band <= {tag.days})"
        if function == "avg":
            total, count = (made[f"{part}({operand})", tag.where] for part in ("sum", "count"))
            value = f"round(sum({total}) {inside} / sum({count}) {inside}::DOUBLE)::BIGINT"
        else:
            over = "sum" if function in ("sum", "count") else function
            value = f"{over}({made[f'{function}({operand})', tag.where]}) {inside}"
            value = f"coalesce({value}, 0)::BIGINT" if over == "sum" else value
        cumulated.append(f"{value} AS {tag.name}")
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET memory_limit = '6GB'; SET preserve_insertion_order = false")
        connection.read_parquet([str(path) for path in paths]).create_view("transactions")
        found = []
        for part in parts:
            seen = f"event_time < {end} AND known_at <= {end} AND {part}"
            found.append(
                connection.sql(f"""
            WITH banded AS (
                SELECT party_id, CASE {bands} END AS band, {", ".join(inner)} FROM transactions
                WHERE {seen} AND event_time >= {_begin(as_of, max(WINDOWS))} GROUP BY ALL
            ), cumulated AS (SELECT party_id, {", ".join(cumulated)} FROM banded GROUP BY party_id
            ), items AS (
                SELECT party_id, merchant, max(event_time) AS last_seen FROM transactions WHERE {seen} GROUP BY ALL
            ), counted AS (SELECT party_id, {", ".join(outer)} FROM items GROUP BY party_id)
            SELECT * FROM cumulated JOIN counted USING (party_id)""").to_arrow_table()
            )
    return pa.concat_tables(found)


def polars_by_bucket(paths: list[Path], as_of: date) -> pa.Table:
    """Every bucket by itself; one filtered aggregate per tag."""
    end = CALENDAR.start_of(as_of)
    expressions = []
    for tag in compared():
        rows = (pl.col("event_time") >= _begin(as_of, tag.days)) & pl.sql_expr(_plain(tag.where))
        function, _, operand = tag.value.rstrip(")").partition("(")
        if function == "count":
            value = rows.sum().cast(pl.Int64)
        elif function == "count_distinct":
            value = pl.col(operand).filter(rows).n_unique().cast(pl.Int64)
        elif function == "avg":
            value = (pl.col(operand).filter(rows).mean() + 0.5).floor().cast(pl.Int64)
        else:
            value = getattr(pl.col(operand).filter(rows), function)()
        expressions.append(value.alias(tag.name))
    found = []
    scan = pl.scan_parquet([str(path) for path in paths])
    for bucket in range(_buckets(paths)):
        seen = (pl.col("bucket") == bucket) & (pl.col("event_time") < end) & (pl.col("known_at") <= end)
        longest = pl.col("event_time") >= _begin(as_of, max(WINDOWS))
        found.append(scan.filter(seen & longest).group_by("party_id").agg(expressions).collect())
    return pl.concat(found).to_arrow()


def clickhouse_by_bucket(paths: list[Path], as_of: date) -> pa.Table:
    """Every bucket by itself; one conditional aggregate per tag."""
    end = CALENDAR.start_of(as_of)
    columns = []
    for tag in compared():
        rows = f"event_time >= {_begin(as_of, tag.days)} AND {_plain(tag.where)}"
        function, _, operand = tag.value.rstrip(")").partition("(")
        match function:
            case "count":
                value = f"toInt64(countIf({rows}))"
            case "count_distinct":
                value = f"toInt64(uniqExactIf({operand}, {rows}))"
            case "avg":
                value = f"toInt64(floor(avgOrNullIf({operand}, {rows}) + 0.5))"
            case "sum":
                value = f"ifNull(sumIf({operand}, {rows}), 0)"
            case _:
                value = f"{function}OrNullIf({operand}, {rows})"
        columns.append(f"{value} AS {tag.name}")
    files = ",".join(str(path) for path in paths)
    source = f"file('{{{files}}}', Parquet)" if len(paths) > 1 else f"file('{files}', Parquet)"
    found = []
    for bucket in range(_buckets(paths)):
        seen = f"bucket = {bucket} AND event_time < {end} AND known_at <= {end}"
        longest = f"event_time >= {_begin(as_of, max(WINDOWS))}"
        sql = f"SELECT party_id, {', '.join(columns)} FROM {source} WHERE {seen} AND {longest} GROUP BY party_id"
        found.append(
            pa.ipc.open_file(pa.BufferReader(chdb.query(f"{sql} SETTINGS max_threads = 2", "Arrow").bytes())).read_all()
        )
    return pa.concat_tables(found)


PEERS: dict[str, Callable[[list[Path], date], pa.Table]] = {
    "duckdb": duckdb_by_age,
    "duckdb_by_bucket": duckdb_by_bucket,
    "polars": polars_by_bucket,
    "clickhouse": clickhouse_by_bucket,
}


def equal(ours: pa.Table, theirs: pa.Table) -> bool:
    """Has every customer with transactions the same values in both? Means may differ by a rounding of floats."""
    own = ours.select(["customer_id", *(tag.name for tag in compared())])
    rows: dict[str, Any] = {"own": own, "theirs": theirs}
    differences = " OR ".join(
        f"abs(own.{tag.name} - theirs.{tag.name}) > 1" if tag.value.startswith("avg")
        else f"own.{tag.name} IS DISTINCT FROM theirs.{tag.name}"
        for tag in compared()
    )  # fmt: skip
    with duckdb.connect() as connection:
        for name, table in rows.items():
            connection.register(name, table)
        statement = f"SELECT count(*) FROM own JOIN theirs ON customer_id = party_id WHERE {differences}"
        found = connection.sql(statement).fetchall()[0]
        matched = connection.sql("SELECT count(*) FROM own JOIN theirs ON customer_id = party_id").fetchall()[0]
    return found == (0,) and matched == (theirs.num_rows,) and theirs.num_rows > 0
