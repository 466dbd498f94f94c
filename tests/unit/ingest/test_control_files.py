"""A delivery is complete when its control file is there, and is what the control file says, or nothing of it counts."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_here import DAY, Landing, source

from lingque.core.errors import SourceError
from lingque.ingest.control_files import check_control, exact_total
from lingque.ingest.files import deliveries, waiting_for
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables

ROWS = "no,amount\n1,0.10\n2,-5\n3, \n4,00.2\n5,\n"
FILE, CONTROL = "rows_20260601.csv", "rows_20260601.ok"
READ = {"files": ["rows_{data_date}.csv"]}


def controlled(**more: Any) -> Any:
    control = {"file": "rows_{data_date}.ok", "of": "rows", "totals": {"amount": "sum"}, **more}
    return source(READ, control=control)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("key_value", "rows=5\nsum = -4.70\n\n"),
        ("key_value", "\ufeffrows=5\r\nsum=-4.7\r\n"),
        ("json", '{"rows": 5, "sum": -4.70, "who": null}'),
        ("json", '{"rows": "5", "sum": "-4.7"}'),
        ("csv", "sum,rows\n-4.7,5\n"),
    ],
)
def test_a_delivery_that_agrees_is_read(form: str, content: str, landing: Landing) -> None:
    landing.put(FILE, ROWS)
    landing.put(CONTROL, content)
    assert len(landing.rows(controlled(format=form))) == 5


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rows=6\nsum=-4.7", f"{FILE} and {CONTROL} do not agree: rows must be 6, and is 5"),
        ("rows=5\nsum=-4.71", f"{FILE} and {CONTROL} do not agree: the total of 'amount' must be -4.71, and is -4.7"),
        ("rows=5", f"{CONTROL}: does not state 'sum'"),
        ("rows=five\nsum=1", f"{CONTROL}: what it states as 'rows' is not a number"),
        ("rows=NaN\nsum=1", f"{CONTROL}: what it states as 'rows' is not a number"),
        ("", f"{CONTROL}: does not state 'rows'"),
        (b"\xff\xfe", f"{CONTROL}: is not a control file of format key_value"),
    ],
)
def test_a_delivery_that_does_not_agree_is_refused_with_both_sides(
    content: str | bytes, told: str, landing: Landing
) -> None:
    landing.put(FILE, ROWS)
    landing.put(CONTROL, content)
    with pytest.raises(SourceError) as refused:
        landing.rows(controlled())
    assert refused.value.what == told
    assert refused.value.next_step


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_control_file_of_another_form_is_refused(form: str, landing: Landing) -> None:
    landing.put(FILE, ROWS)
    landing.put(CONTROL, "[1]\n2\n3")
    with pytest.raises(SourceError, match=f"is not a control file of format {form}"):
        landing.rows(controlled(format=form))


def test_a_total_over_what_is_no_number_or_not_there_names_row_or_column(landing: Landing) -> None:
    landing.put(FILE, ROWS + "6,secret\n")
    landing.put(CONTROL, "rows=6\nsum=1")
    with pytest.raises(SourceError, match=f"{FILE}: row 6 has no number in 'amount'") as refused:
        landing.rows(controlled())
    assert "secret" not in str(refused.value)
    with pytest.raises(SourceError, match=r"states a total of 'amuont', which .* does not have") as refused:
        landing.rows(controlled(totals={"amuont": "sum"}))
    assert "'amount'" in refused.value.next_step


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warehouse")


amounts = st.decimals(-(10**14), 10**14, places=4, allow_nan=False)


@settings(max_examples=15)
@given(values=st.lists(amounts, max_size=20))
def test_totals_are_exact(root: Path, values: list[Decimal]) -> None:
    with Session(DeltaTables(root), memory_limit="256MB", threads=1) as session:
        rows = ", ".join(f"('{value:f}', {n})" for n, value in enumerate(values, start=1)) or "(NULL, 0)"
        session.add_relation("rows", f"SELECT * FROM (VALUES {rows}) AS given(amount, _row)")
        assert exact_total(session, "rows", "amount", "file") == sum(values, Decimal(0))


def test_without_its_control_file_a_delivery_waits(landing: Landing) -> None:
    landing.put(FILE, ROWS)
    landing.put("rows_20260531.csv", ROWS)
    landing.put("rows_20260531.ok", "rows=5\nsum=-4.7")
    assert [found.data_date.day for found in deliveries(controlled(), landing.folder)] == [31]
    (waiting,) = waiting_for(controlled(), landing.folder)
    assert (waiting.source, waiting.data_date, waiting.missing) == ("core_rows", DAY, (CONTROL,))
    landing.put(CONTROL, "rows=5\nsum=-4.7")
    assert [found.data_date.day for found in deliveries(controlled(), landing.folder)] == [31, 1]
    assert waiting_for(controlled(), landing.folder) == []


def test_a_control_file_without_what_it_speaks_of_is_an_error(landing: Landing) -> None:
    landing.put(CONTROL, "rows=5\nsum=-4.7")
    with pytest.raises(SourceError, match=f"{FILE} is not in"):
        deliveries(controlled(), landing.folder)


def test_the_control_file_belongs_to_the_content(landing: Landing) -> None:
    landing.put(FILE, ROWS)
    landing.put(CONTROL, "rows=5\nsum=-4.7")
    before = landing.delivery(controlled()).content()
    os.utime(landing.folder / CONTROL, (0, 0))
    assert landing.delivery(controlled()).content() == before
    landing.put(CONTROL, "rows=5\nsum=-4.70")
    assert landing.delivery(controlled()).content() != before
    assert sorted(check[0] for check in before) == [FILE, CONTROL]


def test_a_source_without_control_is_not_held_to_one(landing: Landing) -> None:
    landing.put(FILE, ROWS)
    delivery = landing.delivery(source(READ))
    with Session(DeltaTables(landing.folder.parent), memory_limit="256MB", threads=1) as session:
        check_control(session, delivery)
    assert waiting_for(source(READ), landing.folder) == []
