"""The language means what it says: random expressions, compiled and run, against plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expression_oracle import CNY, COLUMNS, Expressions, Meant, Row, is_like, rounded_half_away, rows_of
from lingque.catalog.expressions.parse import parse_condition, parse_derived, parse_measure, parse_row_expression
from lingque.catalog.expressions.to_python import row_function
from lingque.catalog.expressions.to_sql import quote, row_sql
from lingque.catalog.expressions.tree import names_in
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type
from lingque.core.errors import WarehouseError
from lingque.core.money import INT64_MAX
from lingque.warehouse.subset import breaches

AS_OF = date(2024, 3, 31)
EXPRESSIONS = Expressions(COLUMNS, as_of=AS_OF)
ARROW = {
    BOOLEAN: pa.bool_(),
    INTEGER: pa.int64(),
    NUMBER: pa.float64(),
    CNY: pa.int64(),
    TEXT: pa.string(),
    DATE: pa.date32(),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        yield connection


def ask(engine: duckdb.DuckDBPyConnection, text: str, rows: list[Row]) -> list[Any]:
    sql = f"SELECT {row_sql(parse_row_expression(text, COLUMNS), as_of=AS_OF)} AS value FROM rows ORDER BY _at"
    assert breaches(sql) == []
    columns = {name: pa.array([row[name] for row in rows], ARROW[kind]) for name, kind in COLUMNS.items()}
    engine.register("rows", pa.table({**columns, "_at": list(range(len(rows)))}))
    return [value for (value,) in engine.execute(sql).fetchall()]


def called(text: str, rows: list[Row]) -> list[Any]:
    """The same by the Python function of one row."""
    function = row_function(parse_row_expression(text, COLUMNS))
    return [function(row, AS_OF) for row in rows]


NOBODY: Row = dict.fromkeys(COLUMNS)
rows = st.lists(rows_of(COLUMNS), min_size=2, max_size=5)


OPERATIONS = [
    pytest.param(strategy, kind, id=f"{kind}: {name}")
    for kind in (BOOLEAN, INTEGER, NUMBER, CNY, TEXT, DATE)
    for name, strategy in EXPRESSIONS.operations(kind, 2).items()
]


@pytest.mark.parametrize(("strategy", "kind"), OPERATIONS)
@settings(max_examples=10)
@given(data=st.data(), rows=rows)
def test_an_operation_means_what_it_says(
    strategy: st.SearchStrategy[Meant],
    kind: Type,
    data: st.DataObject,
    rows: list[Row],
    engine: duckdb.DuckDBPyConnection,
) -> None:
    meant = data.draw(strategy, label="expression")
    node = parse_row_expression(meant.text, COLUMNS)
    assert node.type == kind
    expected = [meant.meaning(row) for row in rows]
    assert ask(engine, meant.text, rows) == expected
    assert called(meant.text, rows) == expected


@settings(max_examples=40)
@given(meant=EXPRESSIONS.of(BOOLEAN, 3))
def test_an_expression_reads_exactly_the_names_in_it(meant: Meant) -> None:
    seen: set[str] = set()

    class Watched(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            seen.add(name)
            return None

    meant.meaning(Watched())
    # the oracle may stop before it has looked at every name, but it never looks at one that is not written
    assert seen <= names_in(parse_condition(meant.text, COLUMNS)) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("text", "row", "value"),
    [
        ("visits = 1", {}, None),
        ("visits = null", {"visits": 1}, None),
        ("not (visits = 1)", {}, None),
        ("visits = 1 or true", {}, True),
        ("visits = 1 and false", {}, False),
        ("visits in (1, null)", {"visits": 2}, None),
        ("visits in (1, null)", {"visits": 1}, True),
        ("visits not in (1, null)", {"visits": 2}, None),
        ("visits between 1 and null", {"visits": 0}, False),
        ("visits is null", {}, True),
        ("visits is not null", {}, False),
        ("coalesce(visits, calls, 7)", {}, 7),
        ("coalesce(null, visits)", {"visits": 4}, 4),
        ("coalesce(visits, 0.5)", {}, 0.5),
        ("visits / 0", {"visits": 5}, None),
        ("visits / calls", {"visits": 5, "calls": 0}, None),
        ("rate / 0.0", {"rate": 5.0}, None),
        ("amount / 0", {"amount": 5}, None),
        ("amount / fee", {"amount": 5, "fee": 0}, None),
        ("visits / 2", {"visits": 5}, 2.5),
        ("amount / 2", {"amount": 5}, 3),
        ("amount / 2", {"amount": -5}, -3),
        ("amount / -2", {"amount": 5}, -3),
        ("amount / 3", {"amount": 100}, 33),
        ("amount / 3", {"amount": 200}, 67),
        ("amount / fee", {"amount": 1, "fee": 4}, 0.25),
        ("amount > cny(20000)", {"amount": 2_000_000}, False),
        ("amount >= cny(20000)", {"amount": 2_000_000}, True),
        ("amount > cny(0.05)", {"amount": 6}, True),
        ("1 + 2 * 3", {}, 7),
        ("(1 + 2) * 3", {}, 9),
        ("10 - 2 - 3", {}, 5),
        ("not false and false", {}, False),
        ("true or false and false", {}, True),
        ("not visits = 1", {"visits": 2}, True),
        ("city like 'a%'", {"city": "Abc"}, False),
        ("city like 'a_c'", {"city": "abc"}, True),
        ("city = 'it''s'", {"city": "it's"}, True),
        ("born < date '1990-01-02'", {"born": date(1990, 1, 1)}, True),
        ("visits IS NULL", {}, True),
        ("case when visits > 1 then 'many' when visits = 1 then 'one' end", {"visits": 1}, "one"),
        ("case when visits > 1 then 'many' when visits = 1 then 'one' end", {"visits": 0}, None),
        ("case when visits > 1 then 'many' else 'few' end", {}, "few"),
        ("case when visits > 1 then 1 else 0.5 end", {"visits": 2}, 1.0),
        ("as_of", {}, AS_OF),
        ("as_of - 1 month", {}, date(2024, 2, 29)),
        ("as_of - 1 month - 1 year", {}, date(2023, 2, 28)),
        ("as_of + 30 days", {}, date(2024, 4, 30)),
        ("date '2024-02-29' + 1 year", {}, date(2025, 2, 28)),
        ("born between as_of and as_of + 30 days", {"born": date(2024, 4, 30)}, True),
        ("born between as_of and as_of + 30 days", {"born": date(2024, 5, 1)}, False),
        ("born + 1 day", {"born": date(2023, 12, 31)}, date(2024, 1, 1)),
        ("born - 1 day", {}, None),
        ("as_of - born", {"born": date(2024, 3, 1)}, 30),
        ("years_between(born, as_of)", {"born": date(2000, 3, 31)}, 24),
        ("years_between(born, as_of)", {"born": date(2000, 4, 1)}, 23),
        ("years_between(date '2000-02-29', date '2001-02-28')", {}, 0),
        ("years_between(date '2000-02-29', date '2001-03-01')", {}, 1),
        ("years_between(born, as_of)", {}, None),
        ("year(born)", {"born": date(1990, 3, 31)}, 1990),
        ("month(born)", {"born": date(1990, 3, 31)}, 3),
        ("day(born)", {"born": date(1990, 3, 31)}, 31),
        ("month(born) = month(as_of)", {"born": date(1990, 3, 1)}, True),
        ("year(born)", {}, None),
        ("abs(visits)", {"visits": -3}, 3),
        ("abs(amount - fee)", {"amount": 5, "fee": 7}, 2),
        ("abs(rate)", {"rate": -0.5}, 0.5),
        ("round(rate)", {"rate": 2.5}, 3.0),
        ("round(rate)", {"rate": -2.5}, -3.0),
        ("round(rate)", {"rate": 0.49999999999999994}, 0.0),
        ("round(rate)", {"rate": 4503599627370497.5}, 4503599627370498.0),
        ("round(visits)", {"visits": 5}, 5),
        ("floor(rate)", {"rate": -0.5}, -1.0),
        ("floor(visits / 2)", {"visits": 5}, 2.0),
        ("ceil(rate)", {"rate": 0.5}, 1.0),
        ("ceil(rate)", {}, None),
        ("least(visits, calls)", {"visits": 3}, 3),
        ("least(visits, calls)", {"visits": 3, "calls": 2}, 2),
        ("least(visits, calls)", {}, None),
        ("greatest(visits, rate)", {"visits": 3, "rate": 0.5}, 3.0),
        ("greatest(city, 'B')", {"city": "ab"}, "ab"),
        ("greatest(city, segment)", {"city": "z", "segment": "京"}, "京"),
        ("cast(city as integer)", {"city": "-012"}, -12),
        ("cast(city as integer)", {"city": "+7"}, 7),
        ("cast(city as integer)", {"city": "7.5"}, None),
        ("cast(city as integer)", {"city": " 7"}, None),
        ("cast(city as integer)", {"city": "7\n"}, None),
        ("cast(city as integer)", {"city": "٣"}, None),
        ("cast(city as integer)", {"city": "9223372036854775807"}, INT64_MAX),
        ("cast(city as integer)", {"city": "9223372036854775808"}, None),
        ("cast(city as integer)", {"city": ""}, None),
        ("cast(city as number)", {"city": "-1.5e3"}, -1500.0),
        ("cast(city as number)", {"city": "0.1"}, 0.1),
        ("cast(city as number)", {"city": ".5"}, 0.5),
        ("cast(city as number)", {"city": "1e999"}, None),
        ("cast(city as number)", {"city": "nan"}, None),
        ("cast(city as number)", {"city": "Infinity"}, None),
        ("cast(city as number)", {"city": "0x10"}, None),
        ("cast(city as number)", {"city": "1_000"}, None),
        ("cast(amount as number)", {"amount": 12345}, 123.45),
        ("cast(visits as number)", {"visits": 2}, 2.0),
        ("cast(rate as integer)", {"rate": -2.75}, -2),
        ("cast(rate as integer)", {"rate": 2.75}, 2),
        ("cast(rate as integer)", {"rate": 1e19}, None),
        ("cast(rate as integer)", {"rate": -9223372036854775808.0}, -INT64_MAX - 1),
        ("cast(active as integer)", {"active": True}, 1),
        ("cast(active as text)", {"active": False}, "false"),
        ("cast(visits as text)", {"visits": -5}, "-5"),
        ("cast(born as text)", {"born": date(1990, 1, 2)}, "1990-01-02"),
        ("cast(city as date)", {"city": "1990-01-02"}, date(1990, 1, 2)),
        ("cast(city as date)", {"city": "1990-1-2"}, None),
        ("cast(city as date)", {"city": "1990-02-30"}, None),
        ("cast(city as date)", {"city": "0000-01-01"}, None),
        ("cast(city as date)", {"city": "19900102"}, None),
        ("cast(city as date)", {}, None),
    ],
)
def test_known_answers(text: str, row: Row, value: Any, engine: duckdb.DuckDBPyConnection) -> None:
    for target in (lambda rows: ask(engine, text, rows), lambda rows: called(text, rows)):
        (answer,) = target([NOBODY | row])
        assert answer == value
        assert type(answer) is type(value)


@settings(max_examples=30)
@given(st.integers(-INT64_MAX, INT64_MAX), st.integers(-1000, 1000).filter(bool))
@example(INT64_MAX, 2)
@example(-INT64_MAX, 2)
@example(INT64_MAX, -1)
def test_sharing_any_amount_is_exact(engine: duckdb.DuckDBPyConnection, minor: int, parts: int) -> None:
    row = NOBODY | {"amount": minor, "visits": parts}
    assert ask(engine, "amount / visits", [row]) == [rounded_half_away(minor, parts)]
    assert called("amount / visits", [row]) == [rounded_half_away(minor, parts)]


@settings(max_examples=30)
@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False))
@example(0.1)
@example(0.30000000000000004)
@example(1e-7)
@example(1.7976931348623157e308)
def test_a_number_written_is_the_number_computed_with(engine: duckdb.DuckDBPyConnection, number: float) -> None:
    (answer,) = ask(engine, f"0.0 + {number!r}", [NOBODY])
    assert answer == number or math.isclose(answer, number, rel_tol=1e-15)


@pytest.mark.parametrize("whole", [0, 1, INT64_MAX])
def test_a_whole_number_written_is_the_number_computed_with(whole: int, engine: duckdb.DuckDBPyConnection) -> None:
    assert ask(engine, str(whole), [NOBODY]) == [whole]


def test_the_day_is_needed_where_it_is_spoken_of() -> None:
    node = parse_row_expression("born > as_of - 12 months", COLUMNS)
    assert names_in(node) == {"born"}
    with pytest.raises(TypeError, match="no day was given"):
        row_sql(node)


def test_an_overflow_is_an_error_and_never_another_number(engine: duckdb.DuckDBPyConnection) -> None:
    for text in ("amount * 2", "-amount - amount", "case when amount > cny(0) then amount + amount end"):
        with pytest.raises(duckdb.OutOfRangeException):
            ask(engine, text, [NOBODY | {"amount": INT64_MAX}])
        with pytest.raises(WarehouseError, match="does not fit into 64 bits"):
            called(text, [NOBODY | {"amount": INT64_MAX}])
    lazy = "case when amount < cny(0) then amount * 2 else amount end"
    assert called(lazy, [NOBODY | {"amount": INT64_MAX}]) == [INT64_MAX]


def test_a_long_expression_is_no_deep_function() -> None:
    text = " or ".join(f"visits = {number}" for number in range(100))
    rows = [NOBODY | {"visits": number} for number in (0, 99, 100)] + [NOBODY]
    assert called(text, rows) == [True, True, False, None]


def test_one_row_says_nothing_of_all_customers_nor_of_many_rows() -> None:
    with pytest.raises(TypeError, match="not an expression over one row"):
        row_function(parse_derived("ntile(5, visits) = 5", COLUMNS))
    with pytest.raises(TypeError, match="not an expression over one row"):
        row_function(parse_measure("sum(visits)", COLUMNS))


# an engine's text holds no zero character
characters = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=30)
@given(characters, characters)
def test_no_text_leaves_its_quotes(engine: duckdb.DuckDBPyConnection, value: str, other: str) -> None:
    literal = "'" + value.replace("'", "''") + "'"
    row = NOBODY | {"city": value}
    assert ask(engine, f"city = {literal}", [row, row | {"city": other + "x" + value}]) == [True, False]


HOSTILE = [
    "'; DROP TABLE rows; --",
    "' OR 1 = 1 --",
    "\\'; DROP TABLE rows; --",
    "/* ' */",
    '"; DROP TABLE rows; --',
    "$$; DROP TABLE rows; $$",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_only_a_text(text: str, engine: duckdb.DuckDBPyConnection) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    expression = f"city = {literal} or city in ({literal}) or city like {literal}"
    assert ask(engine, expression, [NOBODY | {"city": text}, NOBODY | {"city": "x"}]) == [True, False]


@pytest.mark.parametrize("name", [*HOSTILE, 'a"b', '"', "select", "odd name", "名"])
def test_a_hostile_name_is_only_a_name(name: str, engine: duckdb.DuckDBPyConnection) -> None:
    written = '"' + name.replace('"', '""') + '"'
    sql = f"SELECT {row_sql(parse_row_expression(f'{written} + 1', {name: INTEGER}))} AS value FROM odd"
    assert breaches(sql) == []
    assert written == quote(name)
    engine.register("odd", pa.table({name: [41]}))
    assert engine.execute(sql).fetchall() == [(42,)]


def test_the_oracle_itself() -> None:
    assert [rounded_half_away(*pair) for pair in [(5, 2), (-5, 2), (5, -2), (4, 3), (5, 3), (0, 7)]] == [
        3,
        -3,
        -3,
        1,
        2,
        0,
    ]
    assert is_like("a.c", "a_c")
    assert not is_like("abc", "a.c")
    assert is_like("a\nb", "a%")
