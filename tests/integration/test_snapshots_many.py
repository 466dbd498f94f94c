"""Snapshots of many days: backfill, drift, what is computed how; and rows that stand where they should not."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_bank import AS_OF, CUSTOMERS, OTTO, Bank, account_no, customer_no, load_all, transactions

from lingque.bootstrap import Application
from lingque.core.errors import NotFoundError, WarehouseError
from lingque.flow import apply, run_tags
from lingque.flow.intake import catalog_of
from lingque.flow.tags import backfill_tags, newest_snapshot
from lingque.profile import computing
from lingque.profile.contracts import SnapshotReport
from lingque.profile.explaining import explained
from lingque.profile.kernel import files
from lingque.store.runs import published_versions

pytestmark = pytest.mark.any_database

DAYS = (date(2026, 5, 30), AS_OF)


def reports(loaded: Application) -> list[SnapshotReport]:
    found = list(backfill_tags(loaded.services, *DAYS, OTTO))
    assert all(isinstance(one, SnapshotReport) for one in found)
    return found  # type: ignore[return-value]


def test_a_backfill_makes_each_day_once(loaded: Application) -> None:
    first = reports(loaded)
    assert [one.as_of.day for one in first] == [30, 31, 1]
    again = reports(loaded)
    assert [one.already_done for one in again] == [True, True, True]
    assert [one.run_id for one in again] == [one.run_id for one in first]
    newest = newest_snapshot(loaded.services)
    assert newest is not None
    assert newest.as_of == AS_OF


def test_a_backfill_of_no_day_is_refused(loaded: Application) -> None:
    with pytest.raises(NotFoundError, match="no day from 2026-06-02 to 2026-06-01"):
        list(backfill_tags(loaded.services, date(2026, 6, 2), AS_OF, OTTO))


PIECES = """
tag: fifth
label: {zh: 五分位, en: Fifth}
family: value
value: ntile(5, latest_balance)
---
tag: busy
label: {zh: 活跃五分位, en: How busy}
family: value
value: ntile(5, transactions_12m)
---
tag: mixed
label: {zh: 合并, en: Both}
family: value
value: ntile(5, transactions_12m * 2 + 1) * 10 + fifth
---
tag: twice
label: {zh: 两倍, en: Twice}
family: value
value: transactions_12m * 2
"""


@pytest.mark.parametrize("kept", [0, files.KEPT_BYTES])
def test_a_snapshot_in_small_pieces_is_the_same(
    kept: int, bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> list[dict[str, Any]]:
        run_tags(loaded.services, AS_OF, OTTO)
        with loaded.services.database.reading() as connection:
            return loaded.services.profile.tags_of(connection, AS_OF).sort_by("customer_id").to_pylist()

    whole = rows()
    bank.define("pieces", PIECES)
    apply(loaded.services, OTTO)
    monkeypatch.setattr(files, "ROWS_AT_ONCE", 20)
    monkeypatch.setattr(files, "KEPT_BYTES", kept)
    monkeypatch.setattr(computing, "ROWS_AT_ONCE", 7)
    pieces = rows()
    assert [{name: row[name] for name in whole[0]} for row in pieces] == whole
    assert all(row["twice"] == 2 * row["transactions_12m"] for row in pieces)
    assert {row["fifth"] for row in pieces} == {1, 2, 3, 4, 5}
    assert [row["mixed"] for row in pieces] == [row["busy"] * 10 + row["fifth"] for row in pieces]


def test_drift_is_nothing_where_nothing_changed_and_told_where_much_did(bank: Bank, loaded: Application) -> None:
    _, second, _ = reports(loaded)
    assert abs(second.drift["transactions_12m"]) < 0.01
    later = date(2026, 6, 2)
    rows = [(f"L{n}", customer_no(n), account_no(n), "2026-06-01", "credit", "fee", "7.00", "7.00") for n in range(60)]
    bank.deliver("transactions", rows, later)
    load_all(loaded.services)
    (changed,) = backfill_tags(loaded.services, later, later, OTTO)
    assert isinstance(changed, SnapshotReport)
    assert changed.drift["transactions_12m"] > 0.25
    assert abs(sum(changed.distributions["transactions_12m"].shares) - 1) < 1e-9


def test_a_tag_that_is_defined_anew_is_not_compared(bank: Bank, loaded: Application) -> None:
    before = date(2026, 5, 31)
    list(backfill_tags(loaded.services, before, before, OTTO))
    bank.replace_in("tags", "where: category = 'salary'", "where: category = 'rent'")
    apply(loaded.services, OTTO)
    (after,) = backfill_tags(loaded.services, AS_OF, AS_OF, OTTO)
    assert isinstance(after, SnapshotReport)
    assert "salary_3m" in after.distributions
    assert "salary_3m" not in after.drift
    assert "transactions_12m" in after.drift


def test_what_computes_a_tag_is_told(loaded: Application) -> None:
    catalog = catalog_of(loaded.services)
    salary = explained(catalog, "salary_3m")
    assert (salary.how, len(salary.digest)) == ("kernel", 32)
    assert explained(catalog, "accounts_held").how == "sql"
    assert explained(catalog, "idle_money").how == "derived"
    assert "salary_3m" in {*explained(catalog, "transactions_12m").together, "salary_3m"}


def broken(loaded: Application, order: list[tuple[str, str]], *, rows_per_group: int) -> None:
    """The transactions' file, as if something else had written it in another order."""
    services = loaded.services
    with services.database.reading() as connection:
        version = published_versions(connection)["transactions"]
    (path,) = services.tables.files("transactions", version)
    rows = pq.read_table(path)
    pq.write_table(rows.take(pa.compute.sort_indices(rows, order)), Path(path), row_group_size=rows_per_group)


BACKWARDS = [("bucket", "descending"), ("customer_id", "ascending"), ("event_time", "ascending")]


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ([("bucket", "ascending"), ("customer_id", "ascending"), ("event_time", "descending")], "order of time"),
        (BACKWARDS, "order of buckets"),
    ],
)
def test_a_file_out_of_order_is_refused(
    order: list[tuple[str, str]], says: str, bank: Bank, loaded: Application
) -> None:
    deliver_one_more(bank, loaded)
    broken(loaded, order, rows_per_group=20)
    with pytest.raises(WarehouseError, match=says):
        list(backfill_tags(loaded.services, AS_OF, AS_OF, OTTO))


def test_buckets_in_no_order_within_a_group_are_read_rightly(bank: Bank, loaded: Application) -> None:
    """Nobody looks at the buckets of a group all of which is wanted, and nothing depends on them."""
    deliver_one_more(bank, loaded)
    reports(loaded)
    right = values(loaded)
    broken(loaded, BACKWARDS, rows_per_group=1_000_000)
    bank.replace_in("tags", "transactions_12m", "transactions_of_a_year")  # else nothing were computed
    apply(loaded.services, OTTO)
    reports(loaded)
    renamed = {row["customer_id"]: row["transactions_of_a_year"] for row in values(loaded)}
    assert renamed == {row["customer_id"]: row["transactions_12m"] for row in right}


def deliver_one_more(bank: Bank, loaded: Application) -> None:
    extra = ("EXTRA", customer_no(1), account_no(1), "2026-05-02", "credit", "fee", "1.00", "1.00")
    bank.deliver("transactions", [*transactions(), extra])
    load_all(loaded.services)


def values(loaded: Application) -> list[dict[str, Any]]:
    with loaded.services.database.reading() as connection:
        found: list[dict[str, Any]] = loaded.services.profile.tags_of(connection, AS_OF).to_pylist()
    return found


def test_a_table_without_rows_gives_nothing_to_everybody(bank: Bank, loaded: Application) -> None:
    bank.deliver("transactions", [])
    load_all(loaded.services)
    (report,) = backfill_tags(loaded.services, AS_OF, AS_OF, OTTO)
    assert isinstance(report, SnapshotReport)
    rows = values(loaded)
    assert len(rows) == CUSTOMERS
    assert {(row["salary_3m"], row["latest_balance"]) for row in rows} == {(0, None)}
