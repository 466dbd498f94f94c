"""Kernels give what the definitions mean: against plain Python, against SQL, and compiled as interpreted."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_runs import AT, Interpreted, table_of, walked

from lingque.catalog.model import AggregateTag
from lingque.core.errors import WarehouseError
from lingque.core.money import INT64_MAX
from lingque.profile.kernel.compiled import KernelCache
from lingque.profile.kernel.planning import plan_of
from lingque.profile.tag_sql import aggregates_sql, overflow_sql, readings_of, rows_sql, typed_sql
from made_up_tags import (
    CALENDAR,
    COLUMNS,
    LINKS,
    POPULATION,
    Facts,
    alike,
    facts_of,
    known_rows,
    made_up_tags,
    tags_of,
)

INTERPRETED = Interpreted()
COMPILED = KernelCache(Path(os.environ["LINGQUE_WAREHOUSE__KERNELS"]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(made=st.lists(made_up_tags(), min_size=1, max_size=5), facts=facts_of("event_time"), seed=st.integers(0, 99))
def test_a_kernel_gives_what_the_definitions_mean(made: list[Any], facts: Facts, seed: int) -> None:
    """Several tags at once: they share what is kept and must not disturb each other."""
    tags = tags_of("event", *(one.definition for one in made))
    for customer, values in walked(tags, facts, INTERPRETED, seed=seed).items():
        rows = known_rows(facts, customer)
        for tag, one in zip(tags, made, strict=True):
            if tag.name in values:
                assert alike(values[tag.name], one.meaning(rows)), (one, customer, rows)


def test_most_of_what_is_made_up_has_a_kernel() -> None:
    """Else the test above would show nothing."""
    listed = [*COMMON, *OF_TIME]
    plan = plan_of(tags_of("event", listed[0])[0].contract, tags_of("event", *listed))
    assert plan.by_sql == ()


WHERE = {"where": "(city like 'a%' or visits > 0) and not (amount = cny(0))"}
OPERANDS = ("visits", "amount", "city", "born", "active")
CHOICES = (
    "city = 'a'", "city = 'b'", "city in ('aa', 'c')", "city = 'a' and active", "city = 'b' and active",
    "active and city in ('c')", "city in ('a', 'b')",
)  # fmt: skip
"""At most one of the first three is true of a row, and of the next three; the last overlaps."""
COMMON = [
    *(
        {"value": f"{name}({of})", "window": "1 month"} | WHERE
        for name in ("count", "first", "last")
        for of in OPERANDS
    ),
    *({"value": f"count_distinct({of})", "window": "3 days"} for of in OPERANDS),
    *(
        {"value": f"{name}({of})", "window": w}
        for name in ("sum", "avg")
        for of in OPERANDS[:2]
        for w in ("1 day", "ever")
    ),
    *({"value": f"{name}({of})", "window": "6 months"} for name in ("min", "max") for of in OPERANDS[:4]),
    *({"value": f"top({of})", "window": "ever"} for of in OPERANDS[:4]),
    *({"value": f"{name}(active or visits > 1)", "window": "this quarter"} for name in ("any", "all", "share")),
    {"value": "sum(case when city = 'a' then amount * 2 else amount / 3 end)", "window": "same month last year"},
    {"value": "sum(years_between(born, as_of))", "window": "next 2 days"},
    {"value": "max(coalesce(visits, 7) + 1)", "window": "last 2 calendar months"},
    {"value": "last(coalesce(city, 'none'))", "window": "1 month"},
    {"value": "stddev(visits)", "window": "1 month"},
    {"value": "stddev(amount)", "window": "ever"} | WHERE,
    *({"value": f"top({of}, {weight})", "window": "3 days"} for of in OPERANDS[2:4] for weight in OPERANDS[:2]),
    {"value": "max(least(visits, 3) + greatest(abs(visits), 1))", "window": "1 month"},
    {"value": "sum(round(amount / cny(3)) + floor(visits * 0.5) - ceil(visits / 3))", "window": "1 month"},
    {"value": "min(cast(visits * 1.7 as integer) + cast(active as integer))", "window": "1 month"},
    {"value": "max(cast(amount as number))", "window": "1 month"},
    *(
        {"value": f"{name}(visits)", "where": where, "window": window}
        for name in ("sum", "count", "max")
        for where in CHOICES
        for window in ("3 days", "1 month")
    ),
]
OF_TIME = [
    {"value": "recency()", "window": "1 month"},
    {"value": "tenure()", "window": "ever"},
    {"value": "trend(sum(amount))", "window": "3 days"},
    {"value": "every(day, sum(visits) >= 0 and count(*) > 0)", "window": "3 days"},
    {"value": "count_periods(week, max(amount) > cny(0.01))", "window": "14 days"},
    {"value": "every(day, max(visits) > 0 or count_distinct(active) = 2)", "window": "3 days"},
    {"value": "not_followed(visits = 0, visits > 0, 2 days)", "window": "6 months"},
    {"value": "sum(amount)", "window": "since city = 'a'"},
    {"value": "count(*)", "window": "since visits > 1"},
]

LIVE = [
    one
    for one in (*COMMON, *OF_TIME)
    if not one["window"].startswith(("next", "since", "ever")) and "'none'" not in one["value"]
]
"""Those that may be live: the language refuses live tags over everything there ever was."""
OTHERS = [one for one in (*COMMON, *OF_TIME) if one not in LIVE]


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        yield connection


def by_sql(engine: duckdb.DuckDBPyConnection, tags: list[AggregateTag], facts: Facts) -> dict[int, dict[str, Any]]:
    engine.register("facts_of_bank", table_of([facts])[0])
    engine.register("links", pa.table({"party_id": list(LINKS), "customer_id": list(LINKS.values())}))
    engine.register("population", pa.table({"customer_id": POPULATION}))
    (reading,) = readings_of(tags)
    rows = f"({rows_sql(reading.contract, [*COLUMNS, 'party_id', 'event_time', 'known_at', 'row_key'])})"
    engine.execute(f'CREATE OR REPLACE TEMP TABLE "{reading.name}" AS {aggregates_sql(reading, rows, AT, CALENDAR)}')
    if any(engine.execute(overflow_sql(reading)).fetchall()[0]):
        raise OverflowError
    answer = engine.sql(typed_sql("population", [reading])).to_arrow_table().to_pylist()
    return {row["customer_id"]: row for row in answer}


@settings(max_examples=40)
@given(facts=facts_of("event_time"), seed=st.integers(0, 99))
def test_compiled_kernels_agree_with_sql(facts: Facts, seed: int, engine: duckdb.DuckDBPyConnection) -> None:
    for tags in (tags_of("event", *LIVE), tags_of("event", *OTHERS)):  # the first are compiled for live values as well
        expected = by_sql(engine, tags, facts)
        for customer, values in walked(tags, facts, COMPILED, seed=seed).items():
            for tag in tags:
                assert alike(values[tag.name], expected[customer][tag.name]), (tag.definition, customer)


AMOUNTS = st.sampled_from([INT64_MAX, -INT64_MAX, INT64_MAX // 2, -(INT64_MAX // 2), 1, -1, 0, None])


@settings(max_examples=60)
@given(amounts=st.lists(AMOUNTS, max_size=6))
def test_sums_are_exact_or_refused(amounts: list[int | None], engine: duckdb.DuckDBPyConnection) -> None:
    """A sum may leave 64 bits on its way and come back; only one that ends outside is refused, and names its tag."""
    facts = [row_of(amount=amount, row_key=number) for number, amount in enumerate(amounts)]
    tags = tags_of("event", {"value": "sum(amount)", "window": "1 day"}, {"value": "avg(amount)", "window": "1 day"})
    try:
        expected = by_sql(engine, tags, facts)
    except OverflowError:
        with pytest.raises(WarehouseError, match=r"tag 'tag_0' does not fit into 64 bits"):
            walked(tags, facts, COMPILED)
        return
    found = walked(tags, facts, COMPILED)
    assert all(found[1][tag.name] == expected[1][tag.name] for tag in tags)


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.fixed_dictionaries({"amount": AMOUNTS.map(lambda x: x or 7), "visits": st.none() | st.integers(0, 3)}),
        max_size=6,
    )
)
def test_what_is_added_without_a_question_is_what_sql_adds(
    rows: list[dict[str, Any]], engine: duckdb.DuckDBPyConnection
) -> None:
    """Sums of columns that are never null, where a condition is true of some rows, beyond 32 bits and beyond 64."""
    facts = [
        row_of(row_key=number, active=None if number == 3 else number % 2 == 0, **row)
        for number, row in enumerate(rows)
    ]
    listed = [
        {"value": value, "window": "1 day", "where": where}
        for value, where in (
            ("sum(amount)", "active"), ("avg(amount)", "visits > 1"), ("sum(amount)", "visits > 0 or active"),
            ("count(*)", "visits = 2"), ("count(visits)", "amount > cny(1)"), ("count(visits)", "not active"),
        )
    ]  # fmt: skip
    tags = never_null("amount", tags_of("event", *listed))
    assert any(" * v" in kernel.text for kernel in plan_of(tags[0].contract, tags).kernels)
    try:
        expected = by_sql(engine, tags, facts)
    except OverflowError:
        with pytest.raises(WarehouseError, match="does not fit into 64 bits"):
            walked(tags, facts, COMPILED)
        return
    found = walked(tags, facts, COMPILED)
    assert all(alike(found[1][tag.name], expected[1][tag.name]) for tag in tags)


def never_null(column: str, tags: list[AggregateTag]) -> list[AggregateTag]:
    """The tags over a table whose column is required."""
    contract = tags[0].contract
    columns = contract.columns | {column: contract.columns[column].model_copy(update={"required": True})}
    required = contract.model_copy(update={"columns": columns})
    return [dataclasses.replace(tag, contract=required) for tag in tags]


def row_of(**fields: Any) -> dict[str, Any]:
    """A row of yesterday."""
    plain = {"visits": 1, "amount": 100, "city": "a", "born": None, "active": True, "party_id": 1, "row_key": 0}
    return plain | {"event_time": AT.moment - 1, "known_at": AT.moment} | fields


@pytest.mark.parametrize("value", ["visits + visits", "visits * 2", "-visits - 2", "visits * visits"])
def test_a_calculation_that_does_not_fit_names_the_tag(value: str) -> None:
    tags = tags_of("event", {"value": f"max({value})", "window": "1 day"})
    walked(tags, [row_of(visits=2)], COMPILED)
    with pytest.raises(WarehouseError, match=r"tag 'tag_0' does not fit into 64 bits"):
        walked(tags, [row_of(visits=INT64_MAX)], COMPILED)


def test_what_has_no_kernel_is_left_to_sql_with_the_reason() -> None:
    definitions = [
        {"value": "stddev(visits / 3)", "window": "1 day"},
        {"value": "top(active)", "window": "1 day"},
        {"value": "max(cast(city as integer))", "window": "1 day"},
        {"value": "count(*)", "window": "1 day"},
    ]
    plan = plan_of(tags_of("event", definitions[0])[0].contract, tags_of("event", *definitions))
    assert [reason for _, reason in plan.by_sql] == [
        "stddev() of numbers, the last digits of which depend on the order of rows",
        "the commonest of true and false",
        "cast() of a text",
    ]
    assert [tag.name for kernel in plan.kernels for tag in kernel.tags] == ["tag_3"]


def test_a_changed_tag_changes_its_own_kernel_only() -> None:
    def digests(last: str) -> list[str]:
        definitions = [
            {"value": "count(*)", "where": f"visits > {number}", "window": f"{days} days"}
            for number in range(20)
            for days in (7, 30, 90, 180, 365)
        ]
        definitions[-1]["window"] = last
        tags = tags_of("event", *definitions)
        return [kernel.digest for kernel in plan_of(tags[0].contract, tags).kernels]

    before, after = digests("365 days"), digests("400 days")
    assert len(before) == len(after) == 2
    assert len(set(before) & set(after)) == 1
