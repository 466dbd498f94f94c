"""Loading again: the same content once, changed content in its place, and a crash at any step completed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pkgutil import resolve_name
from typing import Any

import pytest
from killing import Workers, moments
from sqlalchemy import func, select
from tiny_bank import (
    CUSTOMERS,
    OTTO,
    Bank,
    accounts,
    audit_of,
    consent,
    customers,
    deliver_all,
    load_all,
    rows_of,
    transactions,
)
from tiny_bank import consents as consents_of_bank

from lingque.bootstrap import Application
from lingque.flow import apply, ingest
from lingque.govern.tables import consents, subjects, vault_identifiers, vault_surrogates
from lingque.ingest.tables import quarantine
from lingque.store.runs import runs

NEXT_DAY = date(2026, 6, 2)
TABLES = {"customers": CUSTOMERS, "accounts": CUSTOMERS, "transactions": 2 * CUSTOMERS, "deposits": 1}
BAD = ("TXBAD", "KD0000000", "6222", "2026-05-05", "credit", "salary", "1.00", "1.00")


class Stop(BaseException):
    """What a power cut looks like from inside."""


def counted(services: Any) -> dict[str, int]:
    with services.database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (consents, subjects, vault_identifiers, vault_surrogates, quarantine, runs)
        }


def content(services: Any) -> dict[str, list[tuple[Any, ...]]]:
    """What the tables hold, without what is random."""
    return {
        "customers": sorted(row["birth_date"] or date.max for row in rows_of(services, "customers")),
        "accounts": sorted(row["kind"] for row in rows_of(services, "accounts")),
        "transactions": sorted((row["category"], row["balance"]) for row in rows_of(services, "transactions")),
        "deposits": sorted(row["amount"] for row in rows_of(services, "deposits")),
    }


@pytest.fixture
def expected(bank: Bank) -> dict[str, Any]:
    """What a load without any trouble leaves behind."""
    with bank.open() as application:
        return {"content": content(application.services), "counted": counted(application.services)}


def test_the_same_content_again_is_reported_and_not_loaded(loaded: Application) -> None:
    before = counted(loaded.services), len(audit_of(loaded.services))
    reports = load_all(loaded.services)
    assert all(report.already_done for report in reports)
    assert (counted(loaded.services), len(audit_of(loaded.services))) == before


def test_changed_content_of_a_day_replaces_that_day_and_no_other(bank: Bank, loaded: Application) -> None:
    later = [(f"N{row[0]}", *row[1:3], "2026-06-01", *row[4:]) for row in transactions()]
    bank.deliver("transactions", later, NEXT_DAY)
    load_all(loaded.services)
    bank.deliver("transactions", later[:10], NEXT_DAY)
    reports = [report for report in load_all(loaded.services) if not report.already_done]
    assert [(report.contract, report.data_date, report.accepted) for report in reports] == [
        ("transactions", NEXT_DAY, 10)
    ]
    by_day = [row["data_date"] for row in rows_of(loaded.services, "transactions")]
    assert (by_day.count(date(2026, 6, 1)), by_day.count(NEXT_DAY)) == (2 * CUSTOMERS, 10)


def test_content_that_is_put_back_is_loaded_again(bank: Bank, loaded: Application) -> None:
    before = content(loaded.services)
    for rows in (transactions()[:6], transactions()):
        bank.deliver("transactions", rows)
        reports = [report for report in load_all(loaded.services) if not report.already_done]
        assert [report.accepted for report in reports] == [len(rows)]
        assert len(rows_of(loaded.services, "transactions")) == len(rows)
    assert content(loaded.services) == before


def test_a_row_that_comes_again_keeps_its_key_and_its_party(bank: Bank, loaded: Application) -> None:
    def keys() -> list[tuple[int, int]]:
        return sorted((row["row_key"], row["party_id"]) for row in rows_of(loaded.services, "transactions"))

    before = keys()
    bank.deliver("transactions", transactions()[2:])
    load_all(loaded.services)
    assert set(keys()) < set(before)


def test_an_older_delivery_of_a_whole_table_does_not_come_back(bank: Bank, loaded: Application) -> None:
    bank.deliver("accounts", accounts()[:5], NEXT_DAY)
    load_all(loaded.services)
    assert [row["ended"] for row in rows_of(loaded.services, "accounts")].count(True) == CUSTOMERS - 5
    assert all(report.already_done for report in load_all(loaded.services))


def test_changed_definitions_load_the_same_files_again(bank: Bank, loaded: Application) -> None:
    bank.replace_in("contracts", "allowed: [credit, debit]", "allowed: [credit]")
    apply(loaded.services, OTTO)
    reports = {report.contract: report for report in load_all(loaded.services)}
    assert reports["transactions"].reasons == {"direction: VALUE_NOT_ALLOWED": CUSTOMERS}
    assert len(rows_of(loaded.services, "transactions")) == CUSTOMERS


def test_a_column_that_was_added_to_a_contract_is_there_from_then_on(bank: Bank, loaded: Application) -> None:
    bank.replace_in("contracts", "  direction: {", "  shop: {type: text, classes: [financial]}\n  direction: {")
    sql = (bank.folder / "mapping" / "transactions.sql").read_text(encoding="utf-8")
    bank.map("transactions", sql.replace("direction", "'corner shop' AS shop, direction"))
    apply(loaded.services, OTTO)
    load_all(loaded.services)
    assert {row["shop"] for row in rows_of(loaded.services, "transactions")} == {"corner shop"}


Breaking = Callable[..., None]


def broken(target: str, *, after: bool) -> Breaking:
    """The process dies before or after that step, at the second time it comes to it (`at`, counted from 0)."""

    def put(patch: pytest.MonkeyPatch, *, at: int = 1, new_runs_only: bool = False) -> None:
        real = resolve_name(target)
        calls = iter(range(100))

        def dying(*args: Any, **kwargs: Any) -> Any:
            of_old_run = new_runs_only and kwargs.get("already_done", False)
            if of_old_run or next(calls) != at:
                return real(*args, **kwargs)
            if after:
                real(*args, **kwargs)
            raise Stop

        patch.setattr(target, dying)

    return put


STEPS = {
    "before the rows are committed": broken("lingque.warehouse.tables.DeltaTables.commit", after=False),
    "after the file is written": broken("lingque.warehouse.tables._write_file", after=True),
    "after the rows are committed": broken("lingque.warehouse.tables.DeltaTables.commit", after=True),
    "while the run is recorded": broken("lingque.ingest.service.finish_run", after=True),
    "after all is done": broken("lingque.ingest.service._report", after=False),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_is_completed_by_the_next_attempt(
    step: str, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    newcomer = ("KD9", "新来的", "new@mail.example", "1990-01-01", "上海", "2026-05-01")
    bank.deliver("customers", [*customers(), newcomer])
    bank.deliver("transactions", [*transactions()[:5], BAD, BAD], NEXT_DAY)
    bank.deliver("consents", [*consents_of_bank(), consent(9, "give", "2026-05-01", "personal")])
    with bank.open() as application:
        before = counted(application.services)
        with monkeypatch.context() as patch:
            STEPS[step](patch)
            with pytest.raises(Stop):
                list(ingest(application.services, OTTO))
    with bank.open() as application:
        load_all(application.services)
        assert {table: len(rows_of(application.services, table)) for table in TABLES} == {
            **TABLES,
            "customers": CUSTOMERS + 1,
            "transactions": 2 * CUSTOMERS + 5,
        }
        added = {
            "consents": 1,
            "subjects": 1,
            "vault_identifiers": 2,
            "vault_surrogates": 1,
            "quarantine": 2,
            "runs": 3,
        }
        assert counted(application.services) == {name: before[name] + more for name, more in added.items()}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_while_a_late_day_changes_several_slices_is_completed(
    step: str, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second commit is that of the accounts: its own slice and the one after it, both or neither."""
    bank.deliver("accounts", accounts()[1:], date(2026, 6, 3))
    with bank.open() as application:
        load_all(application.services)
        before = sorted(row["data_date"] for row in rows_of(application.services, "accounts"))
        bank.deliver("customers", customers()[1:], NEXT_DAY)
        bank.deliver("accounts", accounts()[2:], NEXT_DAY)
        with monkeypatch.context() as patch:
            STEPS[step](patch, at=2 if step == "after the file is written" else 1, new_runs_only=True)
            with pytest.raises(Stop):
                list(ingest(application.services, OTTO))
        seen = sorted(row["data_date"] for row in rows_of(application.services, "accounts"))
        assert seen in ([*before], sorted([*before, NEXT_DAY, NEXT_DAY]))
    with bank.open() as application:
        load_all(application.services)
        found = [row for row in rows_of(application.services, "accounts") if row["data_date"] > date(2026, 6, 1)]
        told = sorted((row["data_date"], row["ended"]) for row in found)
        assert told == [(NEXT_DAY, True), (NEXT_DAY, True), (date(2026, 6, 3), False)]
        assert all(report.already_done for report in load_all(application.services))


def test_what_a_crash_left_behind_is_not_seen_before_it_is_completed(
    bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(loaded.services)
    bank.deliver("transactions", [*transactions()[:3], BAD])
    with monkeypatch.context() as patch:
        patch.setattr("lingque.ingest.service.finish_run", lambda *_args, **_kwargs: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            list(ingest(loaded.services, OTTO))
    assert content(loaded.services) == before
    assert counted(loaded.services)["quarantine"] == 0
    load_all(loaded.services)
    assert len(rows_of(loaded.services, "transactions")) == 3
    assert counted(loaded.services)["quarantine"] == 1


def test_a_crash_and_then_another_content_leaves_only_the_other(
    bank: Bank, loaded: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.deliver("transactions", transactions()[:3])
    with monkeypatch.context() as patch:
        patch.setattr("lingque.ingest.service.finish_run", lambda *_args, **_kwargs: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            list(ingest(loaded.services, OTTO))
    bank.deliver("transactions", transactions()[3:5])
    load_all(loaded.services)
    assert len(rows_of(loaded.services, "transactions")) == 2


def test_a_load_that_is_killed_again_and_again_ends_exact(
    expected: dict[str, Any], controls: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    again = controls.workspace("defined", tmp_path / "again", monkeypatch)
    deliver_all(again)
    codes = [workers.work(again, kill_after=after) for after in moments(3, 0.6)]
    assert -9 in codes
    assert workers.work(again) == 0
    with again.open() as application:
        assert content(application.services) == expected["content"]
        left = counted(application.services)
        assert all(report.already_done for report in load_all(application.services))
    assert left == {**expected["counted"], "runs": expected["counted"]["runs"] - 1}
