"""Rows as they should not be: huge, late, from the future, without order; each has its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_runs import ANSWERS, AT, LINKED, table_of, walked
from test_kernel_values import COMPILED, row_of

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s
from lingque.profile.kernel.files import ROWS_AT_ONCE, TableFiles, ranges
from lingque.profile.kernel.planning import plan_of
from lingque.profile.kernel.segments import Links, Rows, segments_of
from lingque.profile.kernel.walking import Walker
from made_up_tags import CALENDAR, tags_of

DAY = 86_400_000_000
NOBODY = Links.of(np.empty(0, np.int64), np.empty(0, np.int64))
TAGS = tags_of(
    "event",
    {"value": "count(*)", "window": "3 days"},
    {"value": "count_distinct(city)", "window": "ever"},
    {"value": "last(visits)", "window": "3 days"},
    {"value": "avg(amount / visits)", "window": "3 days"},
)


def large(count: int, *, cities: int) -> pa.Table:
    """One customer with that many events, a millisecond apart."""
    numbers = np.arange(count, dtype=np.int64)
    text = pa.DictionaryArray.from_arrays(
        pa.array((numbers % cities).astype(np.int32)), pa.array([f"city {number}" for number in range(cities)])
    )
    return pa.table(
        {
            "visits": numbers, "amount": numbers, "city": text, "born": pa.nulls(count, pa.date32()),
            "active": pa.nulls(count, pa.bool_()), "party_id": np.ones(count, np.int64),
            "event_time": AT.moment - (count - numbers) * 1000, "known_at": np.full(count, AT.moment),
            "row_key": numbers,
        }
    )  # fmt: skip


def test_a_customer_with_five_million_events_and_a_million_categories() -> None:
    walker = Walker(plan=plan_of(TAGS[0].contract, TAGS), at=AT, calendar=CALENDAR, cache=COMPILED, answers=ANSWERS)
    (found,) = walker.walk(large(5_000_000, cities=1_000_000), NOBODY).to_pylist()
    assert (found["tag_0"], found["tag_1"], found["tag_2"]) == (5_000_000, 1_000_000, 4_999_999)


def test_division_by_zero_is_nothing() -> None:
    assert walked(TAGS, [row_of(visits=0)], COMPILED)[1]["tag_3"] is None


def test_events_of_the_future_are_not_counted() -> None:
    rows = [row_of(event_time=AT.moment + ahead, row_key=ahead) for ahead in (0, 1, DAY)]
    assert walked(TAGS, rows, COMPILED)[1]["tag_0"] == 0


def test_a_window_longer_than_the_history_holds_all_of_it() -> None:
    of = ("count(*)", "sum(visits)", "first(visits)", "count_periods(month, count(*) > 0)")
    tags = tags_of("event", *({"value": value, "window": "20 years"} for value in of))
    rows = [row_of(event_time=AT.moment - ago * DAY, row_key=ago, visits=ago) for ago in (1, 100)]
    found = walked(tags, rows, COMPILED)
    assert [found[1][tag.name] for tag in tags] == [2, 101, 100, 2]
    assert [found[3][tag.name] for tag in tags] == [0, 0, None, 0]


@given(buckets=st.integers(1, 40), rows=st.integers(0, 10**8), borders=st.lists(st.integers(0, 39), max_size=10))
def test_ranges_hold_every_bucket_once_and_end_at_borders_where_they_can(
    buckets: int, rows: int, borders: list[int]
) -> None:
    found = ranges(buckets, rows=rows, customers=0, borders=borders)
    assert [bucket for first, after in found for bucket in range(first, after)] == list(range(buckets))
    most = max(ROWS_AT_ONCE * buckets // max(rows, 1), 1)
    for first, after in found:
        assert 0 < after - first <= most
        assert after in (buckets, first + most, *borders)


def test_a_range_reads_whole_groups(tmp_path: Path) -> None:
    groups = [(0, 1, 1), (2,), (2, 3), (4, 4, 5)]
    table = pa.table({name: pa.array([], pa.int64()) for name in ("bucket", "known_at")})
    with pq.ParquetWriter(tmp_path / "a.parquet", table.schema) as writer:
        for group in groups:
            writer.write_table(pa.table({"bucket": group, "known_at": group}, table.schema))
    assert TableFiles("facts", [tmp_path / "a.parquet"], texts=[], buckets=8).borders == (0, 2, 4)


def test_no_rows_at_all_are_no_customers() -> None:
    table, _ = table_of([])
    walker = Walker(plan=plan_of(TAGS[0].contract, TAGS), at=AT, calendar=CALENDAR, cache=COMPILED, answers=ANSWERS)
    assert walker.walk(table, LINKED, parts=()).num_rows == 0


def test_a_party_out_of_the_order_of_time_is_refused() -> None:
    rows = rows_of(_of(1, 1), _of(2, 1), _of(0, 0), parts=(0,))
    with pytest.raises(WarehouseError, match="rows of sales are not in the order of time"):
        segments_of(rows, NOBODY, table="sales")


def test_another_file_begins_anew() -> None:
    rows = rows_of(_of(1, 1), _of(2, 1), _of(0, 0), parts=(0, 1))
    found = segments_of(rows, NOBODY, table="sales")
    assert (found.starts.tolist(), found.stops.tolist()) == ([0, 1], [1, 2])  # the newest first
    assert found.again.tolist() == []


@given(
    files=st.lists(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 5), st.integers(0, 2)), max_size=8), max_size=4)
)
def test_each_customer_s_rows_are_walked_from_the_newest_each_once(files: list[list[tuple[int, int, int]]]) -> None:
    links = Links.of(_of(2, 3), _of(1, 4))
    parts, party, time, known = [], [], [], []
    for rows in files:
        parts.append(len(party))
        for one in sorted(rows, key=lambda row: row[:2]):
            party.append(one[0])
            time.append(one[1])
            known.append(one[2])
    keys = np.arange(len(party), dtype=np.int64)
    rows_ = rows_of(_of(*party), _of(*time), _of(*known), parts=tuple(parts))
    found = segments_of(rows_, links, table="sales")
    place = np.concatenate([keys, found.again])
    walked_rows: list[int] = []
    for number, customer in enumerate(found.customers):
        mine: list[int] = []
        for segment in range(found.first[number], found.first[number + 1]):
            mine += place[found.starts[segment] : found.stops[segment]][::-1].tolist()
        assert {int(links.customers_of(_of(party[row]))[0]) for row in mine} == {int(customer)}
        order = [(time[row], known[row], row) for row in mine]
        assert order == sorted(order, reverse=True)
        walked_rows += mine
    assert sorted(walked_rows) == keys.tolist()


def _of(*values: int) -> Int64s:
    return np.array(values, np.int64)


def rows_of(party: Int64s, time: Int64s, known: Int64s, *, parts: tuple[int, ...]) -> Rows:
    others = {"known_at": known, "row_key": np.arange(len(party), dtype=np.int64)}
    return Rows(party=party, time=time, parts=parts, more=others.get)
