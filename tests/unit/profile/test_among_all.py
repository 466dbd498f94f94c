"""Where a customer stands among all: by sorting, and by the engine's window functions as the referee."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lingque.catalog.expressions.tree import AmongAll, Binary, Case, Constant, Name, Node, walk
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type
from lingque.profile.among_all import standing, without

KINDS: list[tuple[Type, pa.DataType, st.SearchStrategy[Any]]] = [
    (INTEGER, pa.int64(), st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)),
    (NUMBER, pa.float64(), st.sampled_from([-0.0, 0.0, 1.5]) | st.floats(allow_nan=False, allow_infinity=False)),
    (DATE, pa.date32(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    (TEXT, pa.string(), st.sampled_from(["", "a", "A", "ab", "中", "é"]) | st.text(max_size=3)),
    (TEXT, pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["b", "a", "中", "ab"])),
]


def compared(kind: Type, tiles: int) -> AmongAll:
    operand = Name(type=kind, position=0, name="x")
    if tiles:
        return AmongAll(type=INTEGER, position=0, function="ntile", operand=operand, tiles=tiles)
    return AmongAll(type=NUMBER, position=0, function="percent_rank", operand=operand, tiles=0)


SMALLER = "(rank() OVER (ORDER BY x NULLS LAST) - 1)"


def by_engine(values: pa.ChunkedArray, tiles: int) -> list[Any]:
    standing_sql = (
        f"CAST(1 + {tiles} * {SMALLER} // count(x) OVER () AS BIGINT)"
        if tiles
        else f"COALESCE(CAST({SMALLER} AS DOUBLE) / NULLIF(count(x) OVER () - 1, 0), 0)"
    )
    with duckdb.connect() as engine:
        engine.register("rows", pa.table({"place": range(len(values)), "x": values.cast(_plain(values.type))}))
        sql = f"SELECT CASE WHEN x IS NOT NULL THEN {standing_sql} END FROM rows ORDER BY place"
        return [value for (value,) in engine.execute(sql).fetchall()]


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


@given(data=st.data(), of=st.sampled_from(KINDS), tiles=st.sampled_from([0, 2, 3, 5, 10, 1000]))
def test_both_give_the_same(data: st.DataObject, of: tuple[Type, Any, Any], tiles: int) -> None:
    kind, stored, drawn = of
    lists = data.draw(st.lists(st.lists(st.none() | drawn, max_size=12), min_size=1, max_size=3))
    values = pa.chunked_array([pa.array(one, _plain(stored)).cast(stored) for one in lists], stored)
    assert standing(compared(kind, tiles), values).to_pylist() == by_engine(values, tiles)


@given(st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=9), st.sampled_from([2, 3, 5, 10]))
def test_a_tile_and_a_rank_are_what_the_reference_says(values: list[int | None], tiles: int) -> None:
    column = pa.chunked_array([pa.array(values, pa.int64())])
    known = [value for value in values if value is not None]
    smaller = [None if value is None else sum(other < value for other in known) for value in values]
    expected = [None if count is None else 1 + tiles * count // len(known) for count in smaller]
    assert standing(compared(INTEGER, tiles), column).to_pylist() == expected
    ranks = [None if count is None else count / max(len(known) - 1, 1) for count in smaller]
    assert standing(compared(NUMBER, 0), column).to_pylist() == ranks


def test_a_million_customers_fill_every_tile_equally() -> None:
    values = pa.chunked_array([pa.array(range(500_000, 1_000_000)), pa.array(range(500_000))])
    tiles = standing(compared(INTEGER, 5), values)
    assert [tiles.value_counts()[n]["counts"].as_py() for n in range(5)] == [200_000] * 5
    assert (tiles[0].as_py(), tiles[499_999].as_py(), tiles[500_000].as_py()) == (3, 5, 1)


def test_every_comparison_in_an_expression_is_answered_once_the_innermost_first() -> None:
    inner = compared(INTEGER, 5)
    outer = AmongAll(
        type=NUMBER, position=0, function="percent_rank", tiles=0,
        operand=Binary(type=INTEGER, position=0, operator="*", left=inner, right=inner),
    )  # fmt: skip
    zero = Constant(type=NUMBER, position=0, value=0.0)
    asked = Binary(type=BOOLEAN, position=0, operator="=", left=inner, right=zero)
    seen: list[AmongAll] = []

    def answered(node: AmongAll) -> Name:
        seen.append(node)
        return Name(type=node.type, position=0, name=f"c{len(seen)}")

    found: Node = without(Case(type=NUMBER, position=0, branches=((asked, outer),), otherwise=zero), answered)
    assert [one.function for one in seen] == ["ntile", "ntile", "ntile", "percent_rank"]
    assert not any(isinstance(part, AmongAll) for part in walk(found))
    assert [part.name for part in walk(found) if isinstance(part, Name)] == ["c1", "c4"]
    assert isinstance(seen[3].operand, Binary)
    assert isinstance(seen[3].operand.left, Name)
