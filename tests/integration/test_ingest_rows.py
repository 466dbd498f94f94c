"""Every row that comes in is accounted for; a bad one is named, with its reason, and kept under seal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from tiny_bank import (
    CUSTOMERS,
    Bank,
    account_no,
    accounts,
    consent,
    customer_no,
    customers,
    deliver_all,
    email_of,
    load_all,
    make_defined,
    rows_of,
    transactions,
)

from lingque.bootstrap import Application
from lingque.ingest.tables import quarantine

pytestmark = pytest.mark.any_database

SECRET = "secretive"
NEW = "KD9999"


def customer(n: int, **changed: str) -> tuple[str, ...]:
    row = {
        "customer_no": f"{NEW}{n:03}",
        "name": f"{SECRET} name {n}",
        "email": f"{SECRET}{n}@mail.example",
        "birth_date": "1990-01-01",
        "city": "北京",
        "opened_on": "2020-01-01",
    }
    return tuple({**row, **changed}.values())


def transaction(n: int, **changed: str) -> tuple[str, ...]:
    row = {
        "transaction_no": f"{NEW}T{n:03}",
        "customer_no": customer_no(1),
        "account_no": account_no(1),
        "booked_on": "2026-05-05",
        "direction": "credit",
        "category": "salary",
        "amount": "1.00",
        "balance": "2.00",
    }
    return tuple({**row, **changed}.values())


def deposit(n: int, **changed: str) -> tuple[str, ...]:
    row = {
        "deposit_no": f"{NEW}D{n:03}",
        "customer_no": customer_no(1),
        "opened_on": "2026-05-05",
        "amount": "1.00",
        "term_months": "3",
        "online": "true",
    }
    return tuple({**row, **changed}.values())


def statement(n: int, **changed: str) -> tuple[str, ...]:
    row = dict(
        zip(
            (
                "statement",
                "customer_no",
                "acted_on",
                "purpose",
                "channel",
                "data_classes",
                "action",
                "wording_version",
                "evidence",
            ),
            consent(1, "give", "2025-01-01", "personal"),
            strict=True,
        )
    )
    return tuple({**row, "statement": f"{NEW}S{n:03}", **changed}.values())


BAD_CUSTOMERS = [
    ({"customer_no": ""}, ["customer_no: MISSING_VALUE"]),
    ({"customer_no": "   "}, ["customer_no: MISSING_VALUE"]),
    ({"opened_on": ""}, ["opened_on: MISSING_VALUE"]),
    ({"opened_on": "2025-02-30"}, ["opened_on: NOT_A_DATE"]),
    ({"opened_on": "01.02.2025"}, ["opened_on: NOT_A_DATE"]),
    ({"opened_on": "2025-2-3"}, ["opened_on: NOT_A_DATE"]),
    ({"opened_on": "0000-01-01"}, ["opened_on: NOT_A_DATE"]),
    ({"opened_on": "9999-12-31"}, ["opened_on: NOT_A_DATE"]),
    ({"birth_date": "1990-13-01"}, ["birth_date: NOT_A_DATE"]),
    ({"birth_date": "0000-00-00"}, ["birth_date: NOT_A_DATE"]),
    ({"birth_date": "0000-05-05"}, ["birth_date: NOT_A_DATE"]),
    ({"email": "no-at-sign.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a@b.example\nBcc: all@bank.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a@b.example\r\nBcc: all@bank.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a@b.example\n"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "<a@b.example>"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a@b.example,c@d.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a\x0b@b.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a\x7f@b.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a\u2028@b.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"email": "a@b@c.example"}, ["email: NOT_AN_ADDRESS"]),
    ({"birth_date": "x", "email": "y", "opened_on": ""}, [
        "birth_date: NOT_A_DATE", "email: NOT_AN_ADDRESS", "opened_on: MISSING_VALUE",
    ]),
]  # fmt: skip

BAD_TRANSACTIONS = [
    ({"amount": ""}, ["amount: MISSING_VALUE"]),
    ({"amount": "1.234"}, ["amount: NOT_MONEY"]),
    ({"amount": "1e5"}, ["amount: NOT_MONEY"]),
    ({"amount": "NaN"}, ["amount: NOT_MONEY"]),
    ({"amount": "inf"}, ["amount: NOT_MONEY"]),
    ({"amount": "1,50"}, ["amount: NOT_MONEY"]),
    ({"amount": "1,000.00"}, ["amount: NOT_MONEY"]),
    ({"amount": "12345678901234567.00"}, ["amount: NOT_MONEY"]),
    ({"amount": "¥5"}, ["amount: NOT_MONEY"]),
    ({"amount": "٣"}, ["amount: NOT_MONEY"]),
    ({"amount": "--1"}, ["amount: NOT_MONEY"]),
    ({"direction": "sideways"}, ["direction: VALUE_NOT_ALLOWED"]),
    ({"direction": ""}, ["direction: MISSING_VALUE"]),
    ({"customer_no": "KD0000000"}, ["customer_no: UNKNOWN_REFERENCE"]),
    ({"account_no": "6222999"}, ["account_no: UNKNOWN_REFERENCE"]),
    ({"customer_no": "", "account_no": "6222999"}, ["account_no: UNKNOWN_REFERENCE", "customer_no: MISSING_VALUE"]),
]

GOOD_AMOUNTS = {
    "1": 100,
    "1.5": 150,
    "-1.50": -150,
    "+7.00": 700,
    "1.5000000000000000000000000": 150,
    "9999999999999999.99": 999999999999999999,
    " 3.00 ": 300,
    "-0.01": -1,
}

BAD_DEPOSITS = [
    ({"term_months": "3.0"}, ["term_months: NOT_AN_INTEGER"]),
    ({"term_months": "three"}, ["term_months: NOT_AN_INTEGER"]),
    ({"term_months": "99999999999999999999"}, ["term_months: NOT_AN_INTEGER"]),
    ({"term_months": "1e2"}, ["term_months: NOT_AN_INTEGER"]),
    ({"online": "maybe"}, ["online: NOT_A_BOOLEAN"]),
]

BAD_CONSENTS = [
    ({"purpose": "anything"}, ["purpose: VALUE_NOT_ALLOWED"]),
    ({"purpose": ""}, ["purpose: VALUE_NOT_ALLOWED"]),
    ({"action": "maybe"}, ["action: VALUE_NOT_ALLOWED"]),
    ({"channel": "E-Mail"}, ["channel: VALUE_NOT_ALLOWED"]),
    ({"data_classes": "personal,financial"}, ["data_classes: VALUE_NOT_ALLOWED"]),
    ({"data_classes": "gossip"}, ["data_classes: VALUE_NOT_ALLOWED"]),
    ({"evidence": ""}, ["evidence: VALUE_NOT_ALLOWED"]),
    ({"wording_version": "v" * 65}, ["wording_version: VALUE_NOT_ALLOWED"]),
    ({"acted_on": "2025-02-29"}, ["acted_on: NOT_A_DATE"]),
    ({"customer_no": "KD0000000"}, ["customer_no: UNKNOWN_REFERENCE"]),
]


def quarantined(application: Application, contract: str) -> list[Any]:
    with application.services.database.reading() as connection:
        return list(
            connection.execute(
                select(quarantine).where(quarantine.c.source == f"core_{contract}").order_by(quarantine.c.row_number)
            )
        )


def named(row: Any) -> list[str]:
    return sorted(f"{reason['column']}: {reason['reason']}" for reason in row.reasons)


def make_spoiled(folder: Path) -> None:
    """Good files with bad rows behind the good ones."""
    make_defined(folder)
    bank = Bank(folder=folder)
    deliver_all(bank)
    bad = [customer(n, **changed) for n, (changed, _) in enumerate(BAD_CUSTOMERS)]
    bank.deliver("customers", [*customers(), *bad])
    bad = [transaction(n, **changed) for n, (changed, _) in enumerate(BAD_TRANSACTIONS)]
    good = [transaction(500 + n, amount=amount) for n, amount in enumerate(GOOD_AMOUNTS)]
    bank.deliver("transactions", [*transactions(), *bad, *good])
    bank.deliver("deposits", [deposit(n, **changed) for n, (changed, _) in enumerate(BAD_DEPOSITS)])
    bad = [statement(n, **changed) for n, (changed, _) in enumerate(BAD_CONSENTS)]
    bank.deliver("consents", [statement(900), *bad])
    with bank.open() as application:
        load_all(application.services)


@pytest.fixture
def spoiled(controls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    bank = controls.workspace("spoiled", tmp_path / "spoiled", monkeypatch, make=make_spoiled)
    with bank.open() as application:
        yield application
    controls.drop(bank.control)


@pytest.fixture
def reports(spoiled: Application) -> dict[str, Any]:
    """What was reported then, and is again where the same files are loaded again."""
    return {report.contract: report for report in load_all(spoiled.services)}


def test_each_kind_of_bad_row_is_named_with_file_row_column_and_reason(spoiled: Application) -> None:
    expected = {
        "customers": (CUSTOMERS, BAD_CUSTOMERS),
        "transactions": (2 * CUSTOMERS, BAD_TRANSACTIONS),
        "deposits": (0, BAD_DEPOSITS),
        "consents": (1, BAD_CONSENTS),
    }
    for contract, (good_before, bad) in expected.items():
        found = {row.row_number: (row.file_name, named(row)) for row in quarantined(spoiled, contract)}
        assert found == {
            good_before + n + 1: (f"{contract}_20260601.csv", reasons) for n, (_, reasons) in enumerate(bad)
        }


def test_read_is_accepted_and_repeated_and_quarantined(reports: dict[str, Any]) -> None:
    for report in reports.values():
        assert report.read == report.accepted + report.repeated + report.quarantined
    counts = {name: (r.read, r.accepted, r.repeated, r.quarantined) for name, r in reports.items()}
    good = 2 * CUSTOMERS + len(GOOD_AMOUNTS)
    assert counts == {
        "customers": (CUSTOMERS + len(BAD_CUSTOMERS), CUSTOMERS, 0, len(BAD_CUSTOMERS)),
        "accounts": (CUSTOMERS, CUSTOMERS, 0, 0),
        "transactions": (good + len(BAD_TRANSACTIONS), good, 0, len(BAD_TRANSACTIONS)),
        "deposits": (len(BAD_DEPOSITS), 0, 0, len(BAD_DEPOSITS)),
        "consents": (1 + len(BAD_CONSENTS), 1, 0, len(BAD_CONSENTS)),
    }


def test_reasons_are_counted_by_column(reports: dict[str, Any]) -> None:
    assert reports["deposits"].reasons == {"online: NOT_A_BOOLEAN": 1, "term_months: NOT_AN_INTEGER": 4}


def test_only_good_rows_are_in_the_table_and_their_money_is_exact(spoiled: Application) -> None:
    amounts = sorted(row["amount"] for row in rows_of(spoiled.services, "transactions"))
    assert amounts == sorted([*GOOD_AMOUNTS.values(), *[1_000_000, 50_000] * CUSTOMERS])
    assert len(rows_of(spoiled.services, "customers")) == CUSTOMERS
    assert rows_of(spoiled.services, "deposits") == []


def test_a_quarantined_row_is_sealed_and_opens_with_the_key(spoiled: Application) -> None:
    rows = quarantined(spoiled, "customers")
    contents = [spoiled.vault.open_note(row.sealed_row) for row in rows]
    for n, content in enumerate(contents):
        assert f"{SECRET} name {n}" in content.split("\x1f")
    with spoiled.services.database.reading() as connection:
        everything = connection.execute(select(quarantine)).all()
    assert SECRET not in repr(everything)
    assert not any(SECRET.encode() in bytes(row.sealed_row) for row in everything)


def test_of_two_rows_with_one_key_and_two_contents_neither_is_believed(
    defined_bank: Bank, defined: Application
) -> None:
    deliver_all(defined_bank)
    rows = [*customers(), customer(1), customer(1, city="天津"), customer(1), customer(2), customer(2)]
    defined_bank.deliver("customers", rows)
    report = load_all(defined.services)[0]
    assert (report.accepted, report.repeated, report.quarantined) == (CUSTOMERS + 1, 1, 3)
    assert report.reasons == {"customer_no: DUPLICATE_KEY": 3}
    assert [row.row_number for row in quarantined(defined, "customers")] == [CUSTOMERS + n for n in (1, 2, 3)]


def test_a_bad_row_does_not_take_the_good_row_of_its_key_with_it(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    defined_bank.deliver("customers", [*customers(), customer(1, birth_date="?"), customer(1)])
    report = load_all(defined.services)[0]
    assert (report.accepted, report.repeated, report.quarantined) == (CUSTOMERS + 1, 0, 1)


def test_rows_that_stand_in_a_file_twice_count_once(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    defined_bank.deliver("transactions", [*transactions(), *transactions()])
    report = next(report for report in load_all(defined.services) if report.contract == "transactions")
    assert (report.read, report.accepted, report.repeated) == (4 * CUSTOMERS, 2 * CUSTOMERS, 2 * CUSTOMERS)
    assert len(rows_of(defined.services, "transactions")) == 2 * CUSTOMERS


def test_a_corrected_statement_of_consent_counts(defined_bank: Bank, defined: Application) -> None:
    """The same statement delivered with another content is a new word of the customer, never lost in silence."""
    deliver_all(defined_bank)
    defined_bank.deliver("consents", [statement(1, acted_on="2025-01-01")])
    load_all(defined.services)
    defined_bank.deliver("consents", [statement(1, acted_on="2025-01-01", action="withdraw")])
    load_all(defined.services)
    with defined.services.database.reading() as connection:
        given = connection.execute(text("SELECT given FROM consents ORDER BY consent_id")).scalars().all()
    assert [bool(one) for one in given] == [True, False]


def test_an_address_that_is_no_longer_delivered_is_forgotten(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    load_all(defined.services)
    gone = [(*row[:2], "" if row[2] == email_of(1) else row[2], *row[3:]) for row in customers()]
    defined_bank.deliver("customers", gone)
    before = identifiers(defined)
    load_all(defined.services)
    assert identifiers(defined) == {**before, "email": before["email"] - 1}


def identifiers(application: Application) -> dict[str, int]:
    with application.services.database.reading() as connection:
        rows = connection.execute(text("SELECT kind, count(*) AS n FROM vault_identifiers GROUP BY kind"))
        return {row.kind: row.n for row in rows}


def test_a_row_of_an_unknown_account_is_accepted_once_the_account_is_known(
    defined_bank: Bank, defined: Application
) -> None:
    deliver_all(defined_bank)
    defined_bank.deliver("accounts", accounts()[1:])
    reports = {report.contract: report for report in load_all(defined.services)}
    assert reports["transactions"].reasons == {"account_no: UNKNOWN_REFERENCE": 2}
