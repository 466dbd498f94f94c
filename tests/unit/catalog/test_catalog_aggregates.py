"""Aggregate tags over a customer's rows: run as SQL, against plain Python."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
from aggregated import AT, BOUNDS, compute
from hypothesis import given, settings
from hypothesis import strategies as st

from expression_oracle import CNY, Meant, rounded_half_away
from lingque.catalog.expressions.types import BOOLEAN, INTEGER, NUMBER, Type
from made_up_tags import (
    CALENDAR,
    EXPRESSIONS,
    MOMENT,
    POPULATION,
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
