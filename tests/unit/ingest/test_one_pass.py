"""Rows judged while they are read are judged as those whose text was held first: the same rows, faults and errors."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_here import CALENDAR, Landing, source

from lingque.catalog.definitions import DataContract
from lingque.core.errors import LingqueError
from lingque.ingest.load import Counts, Load
from lingque.ingest.one_pass import converts_every_column
from lingque.ingest.quarantine import BadRow
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

CONTRACT = DataContract.model_validate(
    {
        "contract": "rows",
        "label": {"zh": "交易", "en": "Rows"},
        "kind": "event",
        "load": "daily",
        "columns": {
            "no": {"type": "text", "role": "key"},
            "customer": {"type": "text", "role": "party"},
            "on": {"type": "date", "role": "event_time"},
            "side": {"type": "text", "required": True, "allowed": ["in", "out"]},
            "amount": {"type": "money", "currency": "CNY", "required": True},
            "count": {"type": "integer"},
        },
    }
)
HEADER = "no,customer,on,side,amount,count"
ONE_PASS = 'SELECT _file, _row, no, customer, "on", side, amount, count FROM rows'
CAREFUL = f"{ONE_PASS} WHERE TRUE"
CSV = {"files": ["rows_{data_date}.csv"]}


@dataclass(frozen=True)
class Judged:
    """What came of a file."""

    counts: Counts
    bad: list[BadRow]
    good: list[dict[str, Any]]
    held_as_text: bool


def judged(content: bytes, mapping: str) -> Judged | str:
    """Or the words of the error."""
    with tempfile.TemporaryDirectory() as folder:
        landing = Landing(Path(folder) / "landing")
        landing.put("rows_20260601.csv", content)
        of = source(CSV, mapping_sql=mapping)
        with Session(DeltaTables(Path(folder)), memory_limit="256MB", threads=2) as session:
            load = Load(session, landing.delivery(of), CONTRACT, CALENDAR)
            try:
                load.read_and_check(salt="salt")
            except LingqueError as error:
                return str(error)
            load.keys_referred_to()
            counts = load.place({"customer": {"C1": 1, "C2": 2}})
            good = session.ask('SELECT * EXCLUDE (_row) FROM good ORDER BY _row_key, "on", amount').to_pylist()
            bad = load.bad_rows()
            return Judged(counts=counts, bad=bad, good=good, held_as_text=session.has("rows__0"))


def same(content: bytes) -> Judged:
    one, careful = judged(content, ONE_PASS), judged(content, CAREFUL)
    assert isinstance(one, Judged)
    assert isinstance(careful, Judged)
    assert not one.held_as_text
    assert careful.held_as_text
    assert (one.counts, one.bad, one.good) == (careful.counts, careful.bad, careful.good)
    return one


TEXTS = ("1", "2", "C1", "C2", "in", "out", "2026-05-31", "2026-02-30", "12.30", "7", "", " ", "\u3000in", '"a"')
characters = st.characters(codec="utf-8", exclude_characters='"\r\n,', exclude_categories=("Cc", "Cs"))
values = st.one_of(st.sampled_from(TEXTS), st.text(characters, max_size=4))
good_rows = st.tuples(
    st.integers(1, 9).map(str),
    st.sampled_from(["C1", "C2", "C3"]),
    st.just("2026-05-31"),
    st.sampled_from(["in", " out"]),
    st.sampled_from(["1.00", "1"]),
    st.just(""),
)


@settings(max_examples=15)
@given(st.lists(st.one_of(good_rows, st.tuples(*[values] * 6)), max_size=12))
def test_both_ways_judge_every_row_alike(rows: list[tuple[str, ...]]) -> None:
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) for row in rows]
    assert same("\n".join([HEADER, *quoted, ""]).encode()).counts.read == len(rows)


def test_rows_are_named_by_their_numbers_in_a_file_of_many_blocks() -> None:
    lines = [f"N{n},C1,{'2026-02-30' if n % 40_000 == 7 else '2026-05-31'},in,{n}.00,{n}" for n in range(130_000)]
    found = same("\n".join([HEADER, *lines]).encode())
    assert [bad.row for bad in found.bad] == [n + 1 for n in range(130_000) if n % 40_000 == 7]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no,customer\n1,2\n",
        f"{HEADER}\n1,C1,2026-05-31,in,1.00,1\n2,C1\n".encode(),
        f'{HEADER}\n1,"C1,2026-05-31,in,1.00,1\n'.encode(),
        f"{HEADER}\n1,C1,2026-05-31,in,1.00,1\n".encode() + b"2,C\xff,2026-05-31,in,1.00,1\n",
    ],
    ids=["empty", "other columns", "a short line", "an open quote", "broken encoding"],
)
def test_what_cannot_be_read_is_told_in_the_same_words(content: bytes) -> None:
    told = judged(content, ONE_PASS)
    assert isinstance(told, str)
    assert told == judged(content, CAREFUL)


@pytest.mark.parametrize(
    ("mapping", "possible"),
    [
        ("SELECT _file, _row, a, b FROM t", True),
        ("SELECT _FILE, _ROW, TRIM(a) AS x, CASE WHEN b = '1' THEN 'in' ELSE NULL END AS y FROM t", True),
        ("SELECT _file, _row, COALESCE(TRY_CAST(a AS INTEGER), 0) AS x, a || b AS y FROM t", True),
        ("SELECT _file, _row, a FROM t", False),  # nobody would see that b is broken
        ("SELECT _file, a, b FROM t", False),
        ("SELECT _file, _row + 1 AS _row, a, b FROM t", False),
        ("SELECT _file, _row AS line, a, b FROM t", False),
        ("SELECT * FROM t", False),
        ("SELECT DISTINCT _file, _row, a, b FROM t", False),
        ("SELECT _file, _row, a, b FROM t WHERE a <> ''", False),
        ("SELECT _file, _row, a, b FROM t ORDER BY a", False),
        ("SELECT _file, _row, a, b FROM t LIMIT 3", False),
        ("SELECT _file, _row, a, max(b) AS b FROM t GROUP BY ALL", False),
        ("SELECT _file, _row, a, lag(b) OVER () AS b FROM t", False),
        ("SELECT _file, _row, a, unnest([b, b]) AS b FROM t", False),
        ("SELECT _file, _row, a, random() AS x, b FROM t", False),
        ("SELECT _file, _row, a, (SELECT max(b) FROM t) AS b FROM t", False),
        ("SELECT _file, _row, a, b FROM t JOIN u USING (a)", False),
        ("SELECT _file, _row, a, b FROM t, u", False),
        ("SELECT _file, _row, a, b FROM t UNION ALL SELECT _file, _row, a, b FROM t", False),
        ("SELECT _file, _row, a, b FROM u", False),
        ("SELECT _file, _row, a, b FROM read_csv('t')", False),
        ("WITH t AS (SELECT 1) SELECT _file, _row, a, b FROM t", False),
        ("SELECT _file, _row, a, b FROM t; COPY (SELECT 1) TO 'x'", False),
        ("SELECT _file, _row, a, b FROM t USING SAMPLE 10%", False),
        ("SELECT 'what (", False),
    ],
)
def test_only_what_converts_each_line_on_its_own_is_done_in_one_pass(mapping: str, *, possible: bool) -> None:
    assert converts_every_column(mapping, "t", ["a", "b"]) is possible


def test_a_session_that_may_read_one_file_reads_no_other(tmp_path: Path) -> None:
    for name in ("one.csv", "other.csv"):
        (tmp_path / name).write_text("a\n1\n", encoding="utf-8")
    with Session(DeltaTables(tmp_path), memory_limit="256MB", threads=1) as session:
        session.seal(readable=[tmp_path / "one.csv"])
        session.seal(readable=[tmp_path / "other.csv"])  # what is sealed stays as it is
        assert session.ask(f"SELECT * FROM read_csv('{tmp_path / 'one.csv'}')").num_rows == 1
        with pytest.raises(duckdb.PermissionException):
            session.ask(f"SELECT * FROM read_csv('{tmp_path / 'other.csv'}')")
