"""Who is there at a moment: asked without ranking everybody's versions, and the same as with."""

from __future__ import annotations

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lingque.profile.tag_sql import versions_sql
from lingque.warehouse.statements import statements

SQL = statements("lingque.profile")
ROW = st.tuples(st.integers(1, 4), st.integers(0, 4), st.integers(0, 4), st.sampled_from([None, False, True]))


@given(rows=st.lists(ROW, max_size=14), moment=st.integers(0, 5), known_by=st.integers(0, 5))
def test_who_is_present_has_a_version_that_holds(
    rows: list[tuple[int, int, int, bool | None]], moment: int, known_by: int
) -> None:
    names = ["_key", "valid_from", "known_at", "ended"]
    columns = zip(*rows, strict=True) if rows else [[], [], [], []]
    kinds = [pa.int64(), pa.int64(), pa.int64(), pa.bool_()]
    made = {name: pa.array(list(one), kind) for name, one, kind in zip(names, columns, kinds, strict=True)}
    parameters = {"moment": moment, "known_by": known_by}
    with duckdb.connect() as engine:
        engine.register("rows", pa.table(made | {"row_key": pa.array(range(len(rows)), pa.int64())}))
        found = {
            name: {row[0] for row in engine.execute(f"SELECT _key FROM ({sql})", parameters).fetchall()}
            for name in ("present", "current_versions")
            if (sql := versions_sql("SELECT * FROM rows", SQL[name].sql))
        }
    assert found["present"] == found["current_versions"]
