"""Counting on bits agrees with what a condition means, customer by customer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expression_oracle import CNY, COLUMNS, Expressions, Meant, Row, rows_of
from lingque.catalog.expressions.conditions import parts_of
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.to_python import row_function
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT
from lingque.core.errors import WarehouseError
from lingque.profile.bitmaps import MOST_VALUES, Bitmaps, build_bitmaps, count_bits, ids_of, pack, unpack
from lingque.profile.segments import OpenedSnapshot
from lingque.warehouse.engine import RowEngine

AS_OF = date(2024, 3, 31)
EXPRESSIONS = Expressions(COLUMNS, as_of=AS_OF)
ARROW = {
    BOOLEAN: pa.bool_(), INTEGER: pa.int64(), NUMBER: pa.float64(), CNY: pa.int64(), TEXT: pa.string(),
    DATE: pa.date32(),
}  # fmt: skip
NOBODY: Row = dict.fromkeys(COLUMNS)

Opening = Callable[[list[Row]], OpenedSnapshot]


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    numbers = itertools.count()

    ask = RowEngine(threads=2).ask

    def opened(rows: list[Row]) -> OpenedSnapshot:
        file = tmp_path / f"{next(numbers)}.parquet"
        columns = {name: pa.array([row[name] for row in rows], ARROW[kind]) for name, kind in COLUMNS.items()}
        ids = pa.array(range(1000, 1000 + len(rows)), pa.int64())
        pq.write_table(pa.table({"customer_id": ids, **columns}), file, row_group_size=7)
        build_bitmaps(file, file.with_suffix(".bits"))
        return OpenedSnapshot(file, Bitmaps(file.with_suffix(".bits")), AS_OF, ask)

    return opened


def true_of(snapshot: OpenedSnapshot, text: str) -> list[bool]:
    (members,) = snapshot.members([parse_condition(text, COLUMNS)])
    flags = unpack(members, snapshot.customers)
    assert count_bits(members) == np.count_nonzero(flags)  # no bit beyond the last customer
    return [bool(flag) for flag in flags]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(meant=EXPRESSIONS.of(BOOLEAN, 3), rows=st.lists(rows_of(COLUMNS), max_size=80))
def test_who_is_counted_is_for_whom_the_condition_is_true(opening: Opening, meant: Meant, rows: list[Row]) -> None:
    assert true_of(opening(rows), meant.text) == [meant.meaning(row) is True for row in rows]


ROWS = [
    NOBODY | {"active": active, "vip": vip, "city": city, "visits": visits}
    for active, vip, city, visits in itertools.product(
        (True, False, None), (True, False, None), ("a", "b", "c", None), (0, 5, None)
    )
]


@pytest.mark.parametrize(
    "text",
    [
        "active",
        "not active",
        "not (active and not vip)",
        "active or city = 'b'",
        "city <> 'b'",
        "city in ('a', 'c') and visits >= 5",
        "not (city in ('a', null))",
        "visits between 1 and 9",
        "visits is null or city is not null",
        "coalesce(active, true)",
        "not coalesce(active, false)",
        "city = 'z'",
        "true",
        "active and 1 = 2",
        "visits = null",
    ],
)
def test_conditions_on_tags_of_few_values_need_no_column(opening: Opening, text: str) -> None:
    snapshot = opening(ROWS)
    condition = parse_condition(text, COLUMNS)
    assert snapshot.is_indexed(condition)
    function = row_function(condition)
    assert true_of(snapshot, text) == [function(row, AS_OF) is True for row in ROWS]


def test_the_ids_of_a_segment_are_its_members_in_order(opening: Opening) -> None:
    snapshot = opening(ROWS)
    (members,) = snapshot.members([parse_condition("active", COLUMNS)])
    wanted = [1000 + place for place, row in enumerate(ROWS) if row["active"]]
    assert snapshot.ids(members).tolist() == wanted
    assert np.array_equal(snapshot.of_ids(np.array(wanted)), members)
    assert snapshot.rows(["city"], members).column("customer_id").to_pylist() == wanted


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=200))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sets_follow_the_algebra_of_sets(opening: Opening, flags: list[tuple[bool, bool, bool]]) -> None:
    rows = [NOBODY | {"active": a, "vip": b, "visits": int(c)} for a, b, c in flags]
    snapshot = opening(rows)
    texts = ["active", "vip", "visits = 1"]
    sets = [{place for place, flag in enumerate(flags) if flag[which]} for which in range(3)]
    members = snapshot.members([parse_condition(text, COLUMNS) for text in texts])
    assert snapshot.overlap(members) == [[len(one & other) for other in sets] for one in sets]
    assert snapshot.count(parse_condition("active and not (vip or visits = 1)", COLUMNS)) == len(
        sets[0] - (sets[1] | sets[2])
    )


def test_a_tag_of_many_values_has_no_bitmaps_and_is_counted_all_the_same(opening: Opening) -> None:
    snapshot = opening([NOBODY | {"visits": number, "calls": number % MOST_VALUES} for number in range(1000)])
    assert snapshot.bitmaps.values("visits") is None
    assert snapshot.bitmaps.values("calls") == tuple(range(MOST_VALUES))
    assert snapshot.count(parse_condition("visits >= 900 and calls < 64", COLUMNS)) == sum(
        number % MOST_VALUES < 64 for number in range(900, 1000)
    )


def test_bitmaps_that_are_cut_off_are_refused_with_what_to_do(tmp_path: Path, opening: Opening) -> None:
    snapshot = opening(ROWS)
    cut = tmp_path / "cut.bits"
    whole = snapshot.file.with_suffix(".bits").read_bytes()
    for length in (0, 5, 200, len(whole) - 8):
        cut.write_bytes(whole[:length])
        with pytest.raises(WarehouseError, match="delete the file"):
            Bitmaps(cut)


@given(st.lists(st.booleans(), max_size=300))
def test_flags_come_back_from_bits(flags: list[bool]) -> None:
    made = pack(np.array(flags, np.bool_))
    assert unpack(made, len(flags)).tolist() == flags
    assert count_bits(made) == sum(flags)


WORD = 2**64 - 1


@given(st.lists(st.sampled_from([0, WORD, 1, 1 << 63]) | st.integers(0, WORD), max_size=9), st.integers(0, 63))
def test_the_ids_are_those_whose_bits_are_set(words: list[int], short: int) -> None:
    customers = max(64 * len(words) - short, 0)
    flags = unpack(np.array(words, np.uint64), customers)
    ids = np.random.default_rng(5).integers(1, 2**63 - 1, customers)
    assert ids_of(pack(flags), ids).tolist() == ids[flags].tolist()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("active and visits > 3", ("active", "visits > 3")),
        ("active AND (vip or visits > 3)", ("active", "(vip or visits > 3)")),
        ("active and vip or visits > 3", ("active and vip or visits > 3",)),
        ("visits between 1 and 3 and active", ("visits between 1 and 3", "active")),
        ("case when active and vip then 1 end = 1 and vip", ("case when active and vip then 1 end = 1", "vip")),
        ("city = ' and ' and vip", ("city = ' and '", "vip")),
        ("not active and vip", ("not active", "vip")),
        ("active", ("active",)),
        ("city = 'open", ("city = 'open",)),
    ],
)  # fmt: skip
def test_a_condition_falls_into_parts_as_it_was_written(text: str, parts: tuple[str, ...]) -> None:
    assert parts_of(text) == parts


@settings(max_examples=40)
@given(one=EXPRESSIONS.of(BOOLEAN, 2), other=EXPRESSIONS.of(BOOLEAN, 2), row=rows_of(COLUMNS))
def test_the_parts_together_say_what_the_whole_says(one: Meant, other: Meant, row: Row) -> None:
    text = f"{one.within(2)} and {other.within(2)}"
    whole = row_function(parse_condition(text, COLUMNS))(row, AS_OF)
    of_parts = [row_function(parse_condition(part, COLUMNS))(row, AS_OF) for part in parts_of(text)]
    assert (whole is True) == all(part is True for part in of_parts)
