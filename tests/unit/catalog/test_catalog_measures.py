"""Known answers of measures over events and states, small enough to see."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest
from aggregated import compute

from expression_oracle import rounded_half_away
from lingque.core.clock import Instant
from lingque.core.money import INT64_MAX
from lingque.profile.tag_sql import (
    PointInTime,
    overflow_sql,
    readings_of,
)
from made_up_tags import (
    AS_OF,
    CALENDAR,
    COLUMNS,
    MOMENT,
    tags_of,
)


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
