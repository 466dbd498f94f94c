"""The subset of SQL: what is outside is named, what we ship is inside."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from lingque.warehouse.statements import all_statements
from lingque.warehouse.subset import breaches


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT hash(a) FROM t", "hash()"),
        ("SELECT main.hash(a) FROM t", "hash()"),
        ("SELECT HASH(a) FROM t", "hash()"),
        ("SELECT date_diff('month', a, b) FROM t", "datediff()"),
        ("SELECT datediff('day', a, b) FROM t", "datediff()"),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t", "percentilecont()"),
        ("SELECT quantile_cont(a, 0.5) FROM t", "percentilecont()"),
        ("SELECT isodow(a) FROM t", "not in both engines"),
        ("SELECT extract(isodow FROM a) FROM t", "isodow"),
        ("SELECT mode(a) FROM t", "mode()"),
        ("SELECT a AT TIME ZONE 'Asia/Shanghai' FROM t", "AT TIME ZONE"),
        ("SELECT timezone('Asia/Shanghai', a) FROM t", "timezone()"),
        ("SELECT list_aggregate(a, 'sum') FROM t", "list_aggregate()"),
        ("SELECT list_aggr(a, 'sum') FROM t", "list_aggr()"),
        ("SELECT random()", "the same answer twice"),
        ("SELECT uuid()", "the same answer twice"),
        ("SELECT gen_random_uuid()", "the same answer twice"),
        ("SELECT * FROM t ORDER BY random()", "the same answer twice"),
        ("SELECT current_timestamp", "the clock is injected"),
        ("SELECT now()", "the clock is injected"),
        ("SELECT current_date", "the clock is injected"),
        ("SELECT today()", "the clock is injected"),
        ("SELECT current_time", "the clock is injected"),
        ("SELECT localtimestamp", "the clock is injected"),
        ("SELECT get_current_timestamp()", "the clock is injected"),
        ("SELECT * FROM read_csv('x')", "sources are read by lingque.ingest"),
        ("SELECT * FROM read_csv_auto('x')", "sources are read by lingque.ingest"),
        ("SELECT * FROM read_json('x')", "sources are read by lingque.ingest"),
        ("SELECT * FROM read_text('x')", "sources are read by lingque.ingest"),
        ("SELECT * FROM glob('*')", "sources are read by lingque.ingest"),
        ("SELECT * FROM read_parquet('x')", "not read by path"),
        ("SELECT * FROM parquet_scan('x')", "not read by path"),
        ("SELECT * FROM '/etc/passwd'", "not read by path"),
        ("SELECT * FROM 'customers.csv'", "not read by path"),
        ('SELECT * FROM "customers.parquet"', "not read by path"),
        ("SELECT * FROM a ASOF JOIN b ON a.t >= b.t", "ASOF JOIN"),
        ("INSERT INTO t SELECT 1", "not a single SELECT"),
        ("DROP TABLE t", "not a single SELECT"),
        ("COPY t TO 'x'", "not a single SELECT"),
        ("ATTACH 'x'", "not a single SELECT"),
        ("PRAGMA database_list", "not a single SELECT"),
        ("SELECT 1; DROP TABLE t", "not a single SELECT"),
        ("SELECT 1; SELECT 2", "not a single SELECT"),
        ("", "is not SQL"),
        ("SELECT FROM WHERE", "is not SQL"),
        ("SELECT 'open", "is not SQL"),
        ("SELECT (1", "is not SQL"),
    ],
)
def test_what_is_outside_is_named(sql: str, named: str) -> None:
    found = breaches(sql)
    assert len(found) == 1
    assert named in found[0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 UNION ALL SELECT {}",
        "WITH x AS (SELECT {} AS a) SELECT * FROM x",
        "SELECT * FROM (SELECT {} AS a) AS s",
        "SELECT a FROM t WHERE a IN (SELECT {})",
        "SELECT a FROM t GROUP BY a HAVING max({}) > 1",
        "SELECT CASE WHEN a THEN {} END FROM t",
        "SELECT row_number() OVER (ORDER BY {}) FROM t",
    ],
)
def test_it_is_found_wherever_it_hides(sql: str) -> None:
    assert breaches(sql.format("b")) == []
    assert len(breaches(sql.format("hash(b)"))) == 1
    assert len(breaches(sql.format("hash(b) + now()"))) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, sum(b) FILTER (WHERE c) FROM t GROUP BY a",
        "SELECT * FROM a LEFT JOIN b ON a.x = b.x",
        "SELECT 'hash(a); DROP TABLE t' AS text FROM t",
        'SELECT "now" FROM t -- hash(a)',
        "WITH 账户 AS (SELECT 1 AS a) SELECT a FROM 账户",
        "SELECT row_number() OVER (PARTITION BY a ORDER BY b) FROM t;",
    ],
)
def test_what_is_inside_is_left_alone(sql: str) -> None:
    assert breaches(sql) == []


@pytest.mark.parametrize(("name", "statement"), all_statements().items(), ids=all_statements().keys())
def test_every_template_is_inside_the_subset_and_another_engine_can_read_it(name: str, statement) -> None:
    assert breaches(statement.sql) == []
    assert statement.purpose
    (spark,) = sqlglot.transpile(
        statement.sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    assert (
        sqlglot.parse_one(spark, dialect="spark").named_selects
        == sqlglot.parse_one(statement.sql, dialect="duckdb").named_selects
    ), name


def test_the_list_of_templates_is_not_empty() -> None:
    assert {name.split(":")[0] for name in all_statements()} == {"lingque.ingest", "lingque.profile", "lingque.measure"}


@given(st.text(max_size=40))
def test_any_text_is_judged_and_none_is_a_crash(sql: str) -> None:
    assert isinstance(breaches(sql), list)
