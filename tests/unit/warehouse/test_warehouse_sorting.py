"""Rows out of order are refused before they are written: whatever walks them later would be silently wrong."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lingque.core.errors import WarehouseError
from lingque.warehouse.tables import Slice, check_sorted

BIG = 2**62
keys = st.integers(0, 2) | st.integers(BIG, BIG + 2) | st.integers(-(2**63), 2**63 - 1)
Rows = list[tuple[int, int, int]]


def table(rows: Rows) -> pa.Table:
    return pa.table({name: pa.array([row[at] for row in rows], pa.int64()) for at, name in enumerate("abc")})


def is_accepted(rows: pa.Table, order: tuple[str, ...]) -> bool:
    try:
        check_sorted(rows, order, what="decisions/all")
    except WarehouseError:
        return False
    return True


def test_the_refusal_names_the_table_and_the_order() -> None:
    with pytest.raises(WarehouseError, match="rows of decisions/all are not ordered by b, a"):
        check_sorted(table([(1, 1, 1), (0, 1, 1)]), ("b", "a"), what="decisions/all")


@given(st.lists(st.tuples(keys, keys, keys), max_size=8), st.permutations("abc"), st.integers(1, 3))
@example([(0, 1, 0), (1, 0, 0)], ["a", "b", "c"], 2)
@example([(BIG + 1, 0, 0), (BIG, 0, 0)], ["a", "b", "c"], 1)
def test_accepted_is_exactly_what_python_calls_sorted(rows: Rows, order: list[str], length: int) -> None:
    chosen = tuple(order[:length])
    by = ["abc".index(name) for name in chosen]
    key = [tuple(row[at] for at in by) for row in rows]
    assert is_accepted(table(rows), chosen) == (key == sorted(key))
    assert is_accepted(table([row for _, row in sorted(zip(key, rows, strict=True))]), chosen)


def test_order_is_looked_at_across_chunks() -> None:
    rising, falling = table([(1, 0, 0), (2, 0, 0)]), table([(1, 5, 0)])
    assert is_accepted(pa.concat_tables([falling, rising]), ("a",))
    assert not is_accepted(pa.concat_tables([rising, falling]), ("a",))


def test_nothing_and_one_row_are_in_order() -> None:
    assert is_accepted(table([]), ("a", "b"))
    assert is_accepted(table([(3, 2, 1)]), ("a", "b"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("../x", "all"), ("t", "../all"), ("t", "A"), ("t", ""), ("t", ".hidden"), ("t", "a/b"), ("t", "a b")],
)
def test_a_slice_is_one_plain_folder(folder: str, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a folder name"):
        Slice(table=folder, name=name, order=("a",))


def test_days_and_words_name_slices() -> None:
    assert Slice(table="customer_tags", name="2026-06-01", order=("a",)).name == "2026-06-01"
