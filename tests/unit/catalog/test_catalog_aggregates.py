"""Aggregate tags over a customer's rows: run as SQL, against plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expression_oracle import CNY, Meant, rounded_half_away
from lingque.catalog.expressions.parse import parse_derived
from lingque.catalog.expressions.to_sql import row_sql
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type
from lingque.catalog.model import AggregateTag
from lingque.core.clock import Instant
from lingque.core.money import INT64_MAX
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
    EXPRESSIONS,
    LINKS,
    MOMENT,
    POPULATION,
    WINDOWS,
    Facts,
    MadeUpTag,
    aggregates,
    alike,
    customer_of,
    facts_of,
    instants,
    known_rows,
    made_up_tags,
    tags_of,
)

AT = PointInTime(as_of=AS_OF, moment=MOMENT, known_by=MOMENT)
BOUNDS = {name: WINDOWS[name] for name in ("1 day", "3 days", "1 month", "next 2 days")}
ARROW = {BOOLEAN: pa.bool_(), INTEGER: pa.int64(), CNY: pa.int64(), TEXT: pa.string(), DATE: pa.date32()}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        yield connection


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


def seen(facts: Facts, customer: int, where: Meant) -> Facts:
    rows = known_rows(facts, customer, time="valid_from")
    return [row for row in rows if where.meaning(row) is True]


@settings(max_examples=150)
@given(made=st.lists(made_up_tags(), min_size=1, max_size=3), facts=facts_of("event_time"))
def test_whatever_a_tag_says_of_events(made: list[MadeUpTag], facts: Facts, engine: duckdb.DuckDBPyConnection) -> None:
    answers = compute(engine, tags_of("event", *(one.definition for one in made)), facts)
    assert set(answers) == set(POPULATION)
    for number, tag in enumerate(made):
        for customer, values in answers.items():
            rows = known_rows(facts, customer)
            assert alike(values[number], tag.meaning(rows)), (tag, customer, rows)


def versions_of(times: st.SearchStrategy[int]) -> st.SearchStrategy[Facts]:
    """Versions of three keys, some of them the end of their key."""
    places = st.fixed_dictionaries(
        {"valid_from": times, "no": st.integers(1, 3), "ended": st.sampled_from([None, False, True])}
    )
    return facts_of().flatmap(
        lambda facts: st.lists(places, min_size=len(facts), max_size=len(facts)).map(
            lambda placed: [row | place for row, place in zip(facts, placed, strict=True)]
        )
    )


def holding(facts: Facts, moment: int) -> Facts:
    """Of each key the version that holds at the moment, as known by the morning."""
    found = []
    for key in {row["no"] for row in facts}:
        stated = [
            row for row in facts
            if row["no"] == key and row["valid_from"] <= moment and row["known_at"] <= AT.known_by
        ]  # fmt: skip
        newest = max(stated, key=lambda row: (row["valid_from"], row["known_at"], row["row_key"]), default=None)
        if newest is not None and not newest["ended"]:
            found.append(newest)
    return found


@settings(max_examples=50)
@given(
    # several at once: they share one statement and must not disturb each other
    made=st.lists(st.tuples(aggregates(), EXPRESSIONS.of(BOOLEAN, 1)), min_size=1, max_size=3),
    facts=versions_of(instants),
)
def test_aggregates_over_states_as_they_stand_on_the_day(
    made: list[tuple[Meant, Meant]], facts: Facts, engine: duckdb.DuckDBPyConnection
) -> None:
    tags = tags_of("state", *({"value": of.text, "where": where.text} for of, where in made))
    for customer, values in compute(engine, tags, facts).items():
        for value, (of, where) in zip(values, made, strict=True):
            # what held at the last instant before the day
            rows = seen(holding(facts, MOMENT - 1), customer, where)
            assert alike(value, of.meaning(rows)), (of, where, customer, rows)  # type: ignore[arg-type]


# few, so that versions often begin on one day; on 29 March the clocks change
DAYS = [date(2026, 2, 28), *(date(2026, 3, day) for day in (1, 15, 28, 29, 30, 31)), date(2026, 4, 1), date(2026, 4, 2)]


@settings(max_examples=30)
@given(
    data=st.data(),
    facts=versions_of(st.sampled_from(DAYS).map(CALENDAR.start_of)),
    window=st.sampled_from(list(BOUNDS)),
    kind=st.sampled_from([INTEGER, NUMBER, CNY]),
)
def test_an_average_over_time_is_the_average_of_what_held_on_each_day(
    data: st.DataObject, facts: Facts, window: str, kind: Type, engine: duckdb.DuckDBPyConnection
) -> None:
    operand, where = (
        data.draw(EXPRESSIONS.of(kind, 1), label="of"),
        data.draw(EXPRESSIONS.of(BOOLEAN, 1), label="where"),
    )
    definition = {"value": f"time_avg({operand.text})", "where": where.text, "window": window}
    held_now = {"value": "count(*)"}  # read beside it, from what holds on the day
    answers = compute(engine, tags_of("state", definition, held_now), facts)
    first, after = BOUNDS[window]
    days = [first + timedelta(days=n) for n in range((after - first).days)]
    for customer, (value, held) in answers.items():
        total: Any = 0
        for day in days:
            rows = seen(holding(facts, CALENDAR.start_of(day)), customer, where)
            total += sum(known for known in map(operand.meaning, rows) if known is not None)
        expected = rounded_half_away(total, len(days)) if kind == CNY else total / len(days)
        assert alike(value, expected), (definition, customer)
        assert held == len([row for row in holding(facts, MOMENT - 1) if customer_of(row) == customer])


def fact(**changes: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(COLUMNS)
    placed = {"party_id": 1, "event_time": MOMENT - 10, "known_at": MOMENT - 5, "row_key": 0, "no": 1}
    return nothing | placed | changes


@pytest.mark.parametrize(
    ("value", "nothing"),
    [("count(*)", 0), ("count(city)", 0), ("count(distinct city)", 0), ("sum(visits)", 0), ("sum(amount)", 0),
     ("sum(visits / 2)", 0.0), ("avg(amount)", None), ("avg(visits)", None), ("min(city)", None), ("max(born)", None),
     ("last(active)", None), ("first(city)", None), ("any(visits > 0)", None), ("share(active)", None)],
)  # fmt: skip
def test_over_no_rows_counts_and_sums_are_zero_and_everything_else_is_unknown(
    value: str, nothing: Any, engine: duckdb.DuckDBPyConnection
) -> None:
    tags = tags_of("event", {"value": value, "window": "1 day"}, {"value": value, "window": "1 day", "where": "false"})
    answers = compute(engine, tags, [fact(visits=1, amount=1, city="x", born=AS_OF, active=True)])
    assert answers[9] == (nothing, nothing)  # has no row in the table
    assert answers[1][1] == nothing  # has rows, and none of them counts
    assert answers[1][0] != nothing


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"event_time": MOMENT - 10}, {"event_time": MOMENT - 9}),
        ({"event_time": MOMENT - 9, "known_at": MOMENT - 3}, {"event_time": MOMENT - 9, "known_at": MOMENT - 2}),
        ({"row_key": 1}, {"row_key": 2}),
        ({"event_time": MOMENT - 10, "known_at": MOMENT, "row_key": 9}, {"event_time": MOMENT - 9, "row_key": 1}),
        ({"known_at": MOMENT - 3, "row_key": 9}, {"known_at": MOMENT - 2, "row_key": 1}),
    ],
)
def test_last_is_the_latest_then_the_last_known_then_the_greater_key(
    earlier: dict[str, Any], later: dict[str, Any], engine: duckdb.DuckDBPyConnection
) -> None:
    tags = tags_of("event", *({"value": f"{name}(city)", "window": "1 day"} for name in ("first", "last")))
    facts = [fact(city="later", **later), fact(city="earlier", **earlier)]
    assert compute(engine, tags, facts)[1] == ("earlier", "later")
    assert compute(engine, tags, facts[::-1])[1] == ("earlier", "later")


def test_last_passes_over_rows_without_a_value(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("event", {"value": "last(city)", "window": "1 day"})
    facts = [fact(city="known", row_key=1), fact(city=None, row_key=2, event_time=MOMENT - 1)]
    assert compute(engine, tags, facts)[1] == ("known",)


def test_an_event_of_the_day_itself_belongs_to_the_label_and_not_to_the_feature(
    engine: duckdb.DuckDBPyConnection,
) -> None:
    tags = tags_of("event", {"value": "count(*)", "window": "1 day"}, {"value": "count(*)", "window": "next 2 days"})
    late = PointInTime(as_of=AS_OF, moment=MOMENT, known_by=Instant(MOMENT + 10**15))
    facts = [
        fact(event_time=MOMENT - 1, row_key=1),
        fact(event_time=MOMENT, known_at=MOMENT + 10**12, row_key=2),
        fact(event_time=CALENDAR.start_of(date(2026, 4, 3)) - 1, known_at=MOMENT + 10**12, row_key=3),
        fact(event_time=CALENDAR.start_of(date(2026, 4, 3)), known_at=MOMENT + 10**12, row_key=4),
    ]
    assert compute(engine, tags, facts, late)[1] == (1, 2)
    assert compute(engine, tags, facts)[1] == (1, 0), "a feature sees nothing that was not known by the day"


def test_a_version_holds_until_the_next_of_its_key_and_not_after_its_end(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("state", {"value": "count(*)"}, {"value": "max(city)"}, {"value": "min(city)"})
    facts = [
        fact(no=1, city="replaced", valid_from=0, row_key=1),
        fact(no=1, city="now", valid_from=1, row_key=2),
        fact(no=1, city="not yet", valid_from=MOMENT, row_key=3),
        fact(no=1, city="not known yet", valid_from=2, known_at=MOMENT + 1, row_key=4),
        fact(no=2, city="closed", valid_from=0, row_key=5),
        fact(no=2, city="end", valid_from=MOMENT - 1, row_key=6),
    ]
    # rows of the first release do not know of an end
    assert compute(engine, tags, facts)[1] == (2, "now", "end")
    ends = [row | {"ended": row["city"] == "end" or None} for row in facts]
    assert compute(engine, tags, ends)[1] == (1, "now", "now")


def test_the_monthly_average_balance(engine: duckdb.DuckDBPyConnection) -> None:
    """月日均: 10.00 through all of March, 31.00 on another account from the 22nd: 10.00 + 31.00 × 10 / 31."""
    tags = tags_of("state", {"value": "time_avg(amount)", "window": "1 month"})
    facts = [
        fact(no=1, amount=1_000, valid_from=0, row_key=1),
        fact(no=2, amount=3_100, valid_from=CALENDAR.start_of(date(2026, 3, 22)), row_key=2),
    ]
    answers = compute(engine, tags, facts)
    assert answers[1] == (2_000,)
    assert answers[9] == (0,), "who has no account has no balance"


def test_of_two_versions_from_one_day_on_the_one_known_later_holds(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("state", {"value": "time_avg(visits)", "window": "1 day"}, {"value": "sum(visits)"})
    first = fact(no=1, visits=5, valid_from=0, known_at=MOMENT - 9, row_key=9)
    assert compute(engine, tags, [first, fact(no=1, visits=3, valid_from=0, known_at=MOMENT - 8)])[1] == (3.0, 3)
    ended = [row | {"ended": row["visits"] == 3} for row in (first, first | {"visits": 3, "row_key": 10})]
    assert compute(engine, tags, ended)[1] == (0.0, 0)


def test_an_average_over_time_that_looks_forward_is_a_label(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("state", {"value": "time_avg(amount)", "window": "next 2 days"})
    assert tags[0].looks_forward
    second = CALENDAR.start_of(date(2026, 4, 2))
    facts = [
        fact(no=1, amount=100, valid_from=0, row_key=1),
        fact(no=1, amount=300, valid_from=second, known_at=second, row_key=2),
    ]
    assert compute(engine, tags, facts)[1] == (100,), "nobody knew on the day"
    later = PointInTime(as_of=AS_OF, moment=MOMENT, known_by=second)
    assert compute(engine, tags, facts, later)[1] == (200,)


def test_the_average_of_money_is_exact_where_a_float_is_not(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("event", {"value": "avg(amount)", "window": "1 day"})
    amounts = [INT64_MAX, INT64_MAX - 1, INT64_MAX - 4]
    facts = [fact(amount=amount, row_key=key) for key, amount in enumerate(amounts)]
    assert compute(engine, tags, facts)[1] == (rounded_half_away(sum(amounts), 3),)
    for cents, average in [((1, 2), 2), ((-1, -2), -2), ((1, 0, 0), 0), ((1, 1, 0), 1)]:
        facts = [fact(amount=amount, row_key=key) for key, amount in enumerate(cents)]
        assert compute(engine, tags, facts)[1] == (average,)


def test_a_sum_that_does_not_fit_is_counted_and_never_wrapped(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("event", {"value": "sum(amount)", "window": "1 day"}, {"value": "max(visits)", "window": "1 day"})
    facts = [fact(amount=INT64_MAX, visits=1, row_key=1), fact(amount=1, visits=2, row_key=2)]
    with pytest.raises(AssertionError, match="overflow"):
        compute(engine, tags, facts)
    assert engine.execute(overflow_sql(*readings_of(tags))).fetchall() == [(1, 0)]


def on_days(*numbers: int) -> list[dict[str, Any]]:
    """Rows at the beginnings of days of March."""
    return [{"event_time": CALENDAR.start_of(date(2026, 3, day))} for day in numbers]


@pytest.mark.parametrize(
    ("value", "rows", "expected"),
    [
        ("stddev(visits)", [{"visits": 1}], None),
        ("stddev(visits)", [{"visits": 2}, {"visits": 4}, {}], 2**0.5),
        ("stddev(amount)", [{"amount": 100}, {"amount": 201}], 71),  # 71.4
        ("stddev(amount)", [{"amount": 10**15}, {"amount": 10**15 + 3}], 2),  # where a double is too coarse for squares
        ("top(city)", [{"city": "b"}, {"city": "a"}, {"city": "b"}, {"city": "a"}, {"city": "c"}], "a"),
        ("top(city)", [{"city": "京"}, {"city": "z"}], "z"),
        ("top(city, amount)", [{"city": "a", "amount": 5}, *[{"city": "b", "amount": 3}] * 2], "b"),
        ("top(city, amount)", [{"city": "a", "amount": -5}, {"city": "b"}], "b"),
        ("top(city, visits)", [{"visits": 3}], None),
        ("all(active)", [{"active": True}, {}], True),
        ("all(active)", [{"active": True}, {"active": False}], False),
        ("all(active)", [{}], None),
        ("recency()", [{}, {"event_time": CALENDAR.start_of(date(2026, 3, 30))}], 1),
        ("tenure()", [{}, {"event_time": CALENDAR.start_of(date(2026, 3, 29))}], 3),
        ("trend(sum(amount))", [{"amount": 30}, {"amount": 20} | on_days(27)[0]], 1.5),
        ("trend(sum(amount))", [{"amount": 30}], None),
        ("trend(count(*))", on_days(27), 0.0),
        ("every(day, count(*) > 0)", on_days(29, 30, 31), True),
        ("every(day, count(*) > 0)", on_days(29, 31), False),
        ("every(day, count(*) = 0)", [], False),
        ("count_periods(day, sum(visits) = 0)", [{"visits": 1}], 2),
        ("count_periods(day, max(visits) > 0)", [{"visits": 1}, {"event_time": MOMENT - 2 * 10**11}], 1),
        ("not_followed(active, not active, 1 day)", [{"active": True, "event_time": MOMENT - 86_400_000_000}], True),
        ("not_followed(active, not active, 1 day)", [{"active": True, "event_time": MOMENT - 86_399_999_999}], False),
        ("not_followed(active, active, 1 day)",
         [{"active": True, "event_time": MOMENT - 2 * 86_400_000_000 + at} for at in (0, 86_400_000_000)], True),
        ("not_followed(active, city = 'x', 1 day)",
         [{"active": True, "city": "x", "event_time": MOMENT - 2 * 86_400_000_000}], True),
        ("not_followed(active, city = 'x', 1 day)",
         [{"active": True, "event_time": MOMENT - 2 * 86_400_000_000},
          {"city": "x", "event_time": MOMENT - 86_400_000_000}], False),
        ("not_followed(active, city = 'x', 1 day)", [{"active": False}], False),
    ],
)  # fmt: skip
def test_known_answers_of_measures(
    value: str, rows: list[dict[str, Any]], expected: Any, engine: duckdb.DuckDBPyConnection
) -> None:
    tags = tags_of("event", {"value": value, "window": "3 days"})
    facts = [fact(**{"row_key": key} | row) for key, row in enumerate(rows)]
    answer = compute(engine, tags, facts)[1][0]
    assert answer == pytest.approx(expected, rel=1e-15) if isinstance(expected, float) else answer == expected
    assert type(answer) is type(expected)


def test_since_an_event_that_row_included_whatever_where_says(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of(
        "event",
        {"value": "sum(visits)", "window": "since city = 'salary'"},
        {"value": "sum(visits)", "window": "since city = 'salary'", "where": "city is null"},
        {"value": "count(*)", "window": "since city = 'never'"},
    )
    cities = ("salary", None, "salary", None, None)
    facts = [fact(city=city, visits=10**key, row_key=key) for key, city in enumerate(cities)]
    assert compute(engine, tags, facts)[1] == (11_100, 11_000, 0)


def test_days_since_the_first_version_of_what_holds(engine: duckdb.DuckDBPyConnection) -> None:
    tags = tags_of("state", {"value": "tenure()"}, {"value": "recency()"})
    facts = [
        fact(no=number, row_key=number, valid_from=CALENDAR.start_of(day))
        for number, day in enumerate([date(2020, 4, 1), date(2026, 3, 1)])
    ]
    assert compute(engine, tags, facts)[1] == (2191, 31)


@pytest.mark.parametrize("value", ["trend(sum(amount))", "every(day, sum(amount) > cny(1))"])
def test_a_sum_inside_another_measure_that_does_not_fit_is_counted(
    value: str, engine: duckdb.DuckDBPyConnection
) -> None:
    tags = tags_of("event", {"value": value, "window": "3 days"})
    facts = [fact(amount=INT64_MAX, row_key=1), fact(amount=1, row_key=2)]
    with pytest.raises(AssertionError, match="overflow"):
        compute(engine, tags, facts)
    assert engine.execute(overflow_sql(*readings_of(tags))).fetchall() == [(1,)]


@settings(max_examples=50)
@given(st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=9), st.sampled_from([2, 3, 5, 10]))
def test_where_a_value_stands_among_all(
    engine: duckdb.DuckDBPyConnection, values: list[int | None], tiles: int
) -> None:
    names = {"visits": INTEGER}
    tile, rank = (
        row_sql(parse_derived(text, names)) for text in (f"ntile({tiles}, visits)", "percent_rank(visits * 2)")
    )
    sql = f"SELECT {tile}, {rank} FROM everybody ORDER BY _at"
    assert breaches(sql) == []
    engine.register("everybody", pa.table({"visits": pa.array(values, pa.int64()), "_at": list(range(len(values)))}))
    known = [value for value in values if value is not None]
    expected: list[tuple[Any, ...]] = []
    for value in values:
        if value is None:
            expected.append((None, None))
            continue
        smaller = sum(other < value for other in known)
        expected.append((1 + tiles * smaller // len(known), smaller / (len(known) - 1) if len(known) > 1 else 0.0))
    assert engine.execute(sql).fetchall() == expected
