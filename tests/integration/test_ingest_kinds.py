"""Every kind of table and value that banks deliver, through the whole of ingest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection
from tiny_bank import CUSTOMERS, OTTO, SOURCE, Bank, account_no, accounts, customer_no, customers, load_all, rows_of

from lingque.bootstrap import Application
from lingque.core.clock import instant_of
from lingque.flow import apply, ingest
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.govern.contracts import ListEntry
from lingque.ingest.files import deliveries
from lingque.store.runs import published_versions

pytestmark = pytest.mark.any_database

NEXT_DAY, THIRD_DAY = date(2026, 6, 2), date(2026, 6, 3)

CLICKS = """
contract: clicks
label: {zh: 点击, en: Clicks}
kind: event
load: daily
columns:
  click_no: {type: text, role: key}
  customer_no: {type: text, role: party}
  happened_at: {type: timestamp, role: event_time}
  told_at: {type: timestamp, role: known_at}
  score: {type: number, classes: [financial]}
---
contract: guests
label: {zh: 名单, en: Guests}
kind: list
load: delta
columns:
  entry: {type: text, role: key}
  customer_no: {type: text, role: party}
  list: {type: text}
  expires_on: {type: date}
---
"""
HEADERS = {
    "clicks": "click_no,customer_no,happened_at,told_at,score",
    "guests": "entry,customer_no,list,expires_on",
}


class Lists:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.taken: list[tuple[tuple[ListEntry, ...], bool]] = []

    def record_members(self, connection: Connection, entries: Iterable[ListEntry], *, replace: bool) -> int:
        assert connection.in_transaction()
        self.taken.append((tuple(entries), replace))
        return len(self.taken[-1][0])


@pytest.fixture
def clicking(defined_bank: Bank) -> Iterator[tuple[Bank, Application]]:
    """A bank with customers, whose other tables are the two above."""
    defined_bank.define("contracts", CLICKS + CONTRACTS_OF_CUSTOMERS)
    tables = {**HEADERS, "customers": ""}
    defined_bank.define("sources", "---".join(SOURCE.format(contract=table) for table in tables))
    for name in ("tags", "campaigns"):
        (defined_bank.folder / "definitions" / f"{name}.yaml").unlink()
    for table, header in HEADERS.items():
        defined_bank.map(table, f"SELECT _file, _row, {header} FROM {table}")
        defined_bank.deliver_text(table, header + "\n")
    columns = "_file, _row, customer_no, name, email AS phone, birth_date, city, opened_on"
    defined_bank.map("customers", f"SELECT {columns} FROM customers")
    with defined_bank.open() as application:
        application.services.ingest._lists = Lists()
        apply(application.services, OTTO)
        yield defined_bank, application


CONTRACTS_OF_CUSTOMERS = """
contract: customers
label: {zh: 客户, en: Customers}
kind: party
load: full
columns:
  customer_no: {type: text, role: key}
  name: {type: text, role: identifier, identifier: name}
  phone: {type: text, role: identifier, identifier: phone}
  birth_date: {type: date, classes: [personal]}
  city: {type: text, classes: [personal]}
  opened_on: {type: date, role: valid_from}
"""


def with_phones(*phones: str) -> list[tuple[str, ...]]:
    return [(*row[:2], phone, *row[3:]) for row, phone in zip(customers(len(phones)), phones, strict=True)]


def test_times_and_numbers_are_exact_or_named(clicking: tuple[Bank, Application]) -> None:
    bank, application = clicking
    bank.deliver("customers", with_phones("+86 138-0013-8000", "", "95555"))
    who = customer_no(0)
    good = [
        f"1,{who},2026-05-30 23:59:59.5,,1e-3",
        f"2,{who},2026-05-30T08:00,2026-06-05 12:30:00,-.5",
        f"3,{who},2026-05-31 00:00:00,,",
    ]
    bad = [
        f"4,{who},2026-05-30,,1",
        f"5,{who},2026-05-30 24:00:00,,1",
        f"6,{who},2026-02-30 10:00:00,,1",
        f"7,{who},2026-05-30 10:00:00+08,,NaN",
        f"8,{who},2026-05-30 10:00:00,soon,inf",
        f"9,{who},2026-05-30 10:00:00,,1_000",
        f"10,{who},2026-05-30 10:00:00,,1e999",
    ]
    bank.deliver_text("clicks", "\n".join([HEADERS["clicks"], *good, *bad, ""]))
    reports = {report.contract: report for report in list(ingest(application.services, OTTO))}
    assert reports["clicks"].reasons == {
        "happened_at: NOT_A_TIMESTAMP": 4, "score: NOT_A_NUMBER": 4, "told_at: NOT_A_TIMESTAMP": 1,
    }  # fmt: skip
    found = sorted(rows_of(application.services, "clicks"), key=lambda row: row["event_time"])

    def at(text: str) -> int:
        return instant_of(datetime.fromisoformat(f"{text}+08:00"))

    assert [(row["event_time"], row["known_at"], row["score"]) for row in found] == [
        (at("2026-05-30T08:00"), at("2026-06-05T12:30"), -0.5),
        (at("2026-05-30T23:59:59.500000"), at("2026-05-31T00:00"), 0.001),
        (at("2026-05-31T00:00"), at("2026-06-01T00:00"), None),
    ]


def test_telephone_numbers_are_kept_without_what_stands_between_their_digits(
    clicking: tuple[Bank, Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, application = clicking
    sealed: list[Any] = []
    monkeypatch.setattr(type(application.vault), "put", lambda _self, _connection, entries: sealed.extend(entries))
    wrong = ["1234", "0123456789012345", "+", "13800x38000", "138\t00138000"]
    bank.deliver("customers", with_phones("+86 138-0013-8000", "", "95555", *wrong))
    report = next(iter(ingest(application.services, OTTO)))
    assert not hasattr(report, "reason")
    assert report.reasons == {"phone: NOT_AN_ADDRESS": len(wrong)}
    assert sorted(str(value) for _, kind, value in sealed if kind == "phone") == ["+8613800138000", "95555", "None"]


def test_members_of_lists_go_to_their_register(clicking: tuple[Bank, Application]) -> None:
    bank, application = clicking
    bank.deliver("customers", with_phones("", "", ""))
    rows = [f"a,{customer_no(0)},vip,2026-12-31", f"b,{customer_no(1)},vip,", f"c,{customer_no(1)},No List,"]
    bank.deliver_text("guests", "\n".join([HEADERS["guests"], *rows, ""]))
    lists = Lists()
    application.services.ingest._lists = lists
    reports = load_all(application.services)
    assert reports[-1].reasons == {"list: VALUE_NOT_ALLOWED": 1}
    ((entries, replace_all),) = lists.taken
    assert not replace_all
    assert sorted((entry.list_name, entry.expires_on) for entry in entries if entry.expires_on) == [
        ("vip", date(2026, 12, 31))
    ]
    assert {entry.origin for entry in entries} == {reports[-1].run_id}
    assert "guests" not in versions_of(application.services)


def versions_of(services: Services) -> dict[str, int]:
    with services.database.reading() as connection:
        return published_versions(connection)


def test_what_is_referred_to_may_belong_to_nobody(defined_bank: Bank, defined: Application) -> None:
    """The catalog of this test says that accounts are a reference: no party, in the bucket of nobody."""
    defined_bank.deliver("accounts", accounts(2))
    defined_bank.deliver("customers", customers(2))
    services = defined.services
    catalog = catalog_of(services)
    columns = {name: column for name, column in catalog.contracts["accounts"].columns.items() if name != "customer_no"}
    reference = catalog.contracts["accounts"].model_copy(update={"kind": "reference", "columns": columns})
    changed = replace(catalog, contracts={**catalog.contracts, "accounts": reference})
    delivery = deliveries(catalog.sources["core_accounts"], services.landing)[0]
    services.ingest.load(changed, delivery, actor="otto")
    assert [(row["party_id"], row["customer_id"], row["kind"]) for row in rows_of(services, "accounts")] == [
        (0, 0, "current")
    ] * 2


def test_only_what_changed_is_kept_of_a_daily_full_file(bank: Bank, loaded: Application) -> None:
    changed = [(account_no(0), customer_no(0), "savings", "2020-01-02"), *accounts()[2:]]
    bank.deliver("accounts", changed, NEXT_DAY)
    load_all(loaded.services)
    new = [row for row in rows_of(loaded.services, "accounts") if row["data_date"] == NEXT_DAY]
    assert sorted((row["kind"], row["ended"]) for row in new) == [("current", True), ("savings", False)]
    assert {row["valid_from"] for row in new} == {loaded.services.calendar.start_of(NEXT_DAY)}
    assert len(rows_of(loaded.services, "accounts")) == CUSTOMERS + 2


def test_a_late_day_does_not_put_old_addresses_back(bank: Bank, loaded: Application) -> None:
    """An older file that comes late is history: what the vault holds is of the newest day."""
    put: list[int] = []
    real = type(loaded.vault).put
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(loaded.vault), "put", lambda *args: (put.append(1), real(*args)))
        bank.deliver("customers", customers(), THIRD_DAY)
        load_all(loaded.services)
        assert len(put) == 1
        bank.deliver("customers", customers()[1:], NEXT_DAY)
        load_all(loaded.services)
        assert len(put) == 1
    ended = [row["ended"] for row in rows_of(loaded.services, "customers") if row["data_date"] == NEXT_DAY]
    again = [row["ended"] for row in rows_of(loaded.services, "customers") if row["data_date"] == THIRD_DAY]
    assert (ended, again) == ([True], [False])


def test_intervals_that_overlap_are_not_believed(defined_bank: Bank, defined: Application) -> None:
    old = "opened_on: {type: date, role: valid_from}\n---\ncontract: transactions"
    new = old.replace("\n---", "\n  closed_on: {type: date, role: valid_to}\n---")
    defined_bank.replace_in("contracts", old, new)
    header = "account_no,customer_no,kind,opened_on,closed_on"
    defined_bank.map("accounts", f"SELECT _file, _row, {header} FROM accounts")
    apply(defined.services, OTTO)
    who = customer_no(0)
    rows = [
        f"A,{who},current,2020-01-01,2021-01-01", f"A,{who},savings,2021-01-01,9999-12-31",
        f"B,{who},current,2020-01-01,2021-01-01", f"B,{who},savings,2020-06-01,",
        f"C,{who},current,2020-01-01,2020-01-01", f"D,{who},current,2020-01-01,2020-02-01",
        f"D,{who},current,2020-01-01,2020-02-01",
    ]  # fmt: skip
    defined_bank.deliver_text("accounts", "\n".join([header, *rows, ""]))
    defined_bank.deliver("customers", customers())
    catalog = catalog_of(defined.services)
    for name in ("customers", "accounts"):
        (delivery,) = deliveries(catalog.sources[f"core_{name}"], defined.services.landing)
        report = defined.services.ingest.load(catalog, delivery, actor="otto")
    assert report.reasons == {"closed_on: VALUE_NOT_ALLOWED": 3}
    assert (report.accepted, report.repeated) == (3, 1)
    assert sorted((row["kind"], row["ended"]) for row in rows_of(defined.services, "accounts")) == [
        ("current", False), ("current", False), ("current", True), ("savings", False),
    ]  # fmt: skip
