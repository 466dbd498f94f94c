"""Files of every form, tables and control files on the whole way in: what is not right is told, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_bank import (
    CUSTOMERS,
    HEADERS,
    OTTO,
    SETTINGS,
    Bank,
    accounts,
    customers,
    deliver_all,
    deposits,
    load_all,
    rows_of,
    transactions,
)

from lingque.bootstrap import Application
from lingque.core.errors import ConfigurationError, SourceError
from lingque.core.reasons import Refusal
from lingque.flow import apply, ingest
from lingque.flow.intake import catalog_of, incomplete
from lingque.ingest.lateness import late_sources
from lingque.store.runs import published_versions

# what is read does not depend on where the control database is
pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)

DAY_BEFORE = date(2026, 5, 31)
WIDTHS = (12, 30, 24, 10, 10, 10)


def define(bank: Bank, application: Application, contract: str, read: str, more: str = "") -> None:
    plain = f'{contract}: {{files: ["{contract}_{{data_date}}.csv"]}}'
    bank.replace_in("sources", plain, f"{contract}: {{{read}}}{more}")
    assert not isinstance(apply(application.services, OTTO), Refusal)


def in_other_forms(bank: Bank) -> None:
    landing = bank.folder / "landing"
    lines = [
        b"".join(value.encode("gb18030").ljust(width) for value, width in zip(row, WIDTHS, strict=True))
        for row in customers()
    ]
    (landing / "customers_20260601.txt").write_bytes(b"\r\n".join(lines))
    objects = [dict(zip(HEADERS["accounts"], row, strict=True)) for row in accounts()]
    (landing / "accounts_20260601.jsonl").write_text("\n".join(map(json.dumps, objects)), encoding="utf-8")
    columns = zip(HEADERS["transactions"], zip(*transactions(), strict=True), strict=True)
    pq.write_table(
        pa.table({name: list(values) for name, values in columns}), landing / "transactions_20260601.parquet"
    )
    (landing / "deposits_20260601.csv").write_text("|".join(deposits()[0]), encoding="gb18030")


def test_a_bank_that_delivers_in_every_form_is_loaded_like_any_other(defined_bank: Bank, defined: Application) -> None:
    starts = [1 + sum(WIDTHS[:n]) for n in range(len(WIDTHS))]
    cut = zip(HEADERS["customers"], starts, WIDTHS, strict=True)
    fields = ", ".join(f"{name}: [{start}, {width}]" for name, start, width in cut)
    forms = {
        "customers": 'files: ["customers_{data_date}.txt"], format: fixed_width, encoding: gb18030, '
        f"fields: {{{fields}}}",
        "accounts": 'files: ["accounts_{data_date}.jsonl"], format: jsonl',
        "transactions": 'files: ["transactions_{data_date}.parquet"], format: parquet',
        "deposits": 'files: ["deposits_{data_date}.csv"], encoding: gb18030, delimiter: "|", '
        f"columns: [{', '.join(HEADERS['deposits'])}]",
    }
    for contract, read in forms.items():
        define(defined_bank, defined, contract, read)
    deliver_all(defined_bank)
    in_other_forms(defined_bank)
    reports = {report.contract: (report.accepted, report.read) for report in load_all(defined.services)}
    assert {name: count for name, (count, read) in reports.items() if count == read} == {
        "customers": CUSTOMERS,
        "accounts": CUSTOMERS,
        "transactions": 2 * CUSTOMERS,
        "deposits": 1,
        "consents": reports["consents"][0],
    }
    assert {row["city"] for row in rows_of(defined.services, "customers")} == {"上海"}
    assert all(report.already_done for report in load_all(defined.services))
    assert not (defined_bank.folder / "data" / "reading").exists()


def broken_encoding(content: bytes) -> bytes:
    return content.replace("上海".encode("gb18030"), b"\xff\xff", 1)


def cut_short(content: bytes) -> bytes:
    return content[: content.rindex(b",")]


SPOILED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "gb18030": (broken_encoding, r"customers_20260601\.csv, line 2: bytes that are not of the encoding"),
    "cut short": (cut_short, r"customers_20260601\.csv, line \d+: the line does not have the columns"),
}


@pytest.mark.parametrize("way", SPOILED)
def test_a_spoiled_file_in_another_encoding_leaves_what_was_there(way: str, bank: Bank, loaded: Application) -> None:
    spoil, told = SPOILED[way]
    define(bank, loaded, "customers", 'files: ["customers_{data_date}.csv"], encoding: gb18030')
    lines = [",".join(row) for row in (HEADERS["customers"], *customers())]
    content = "\n".join(lines).encode("gb18030")
    bank.deliver_text("customers", spoil(content))
    with pytest.raises(SourceError, match=told):
        list(ingest(loaded.services, OTTO))
    assert len(rows_of(loaded.services, "customers")) == CUSTOMERS
    assert not (bank.folder / "data" / "reading").exists()
    bank.deliver_text("customers", content)
    assert load_all(loaded.services)[0].accepted == CUSTOMERS


CONTROL = (
    '\ncontrol: {file: "transactions_{data_date}.ok", of: transactions, totals: {amount: sum}}\nlate: {rule: wait}'
)


def test_a_delivery_waits_for_its_control_file_and_must_agree_with_it(defined_bank: Bank, defined: Application) -> None:
    services = defined.services
    define(defined_bank, defined, "transactions", 'files: ["transactions_{data_date}.csv"]', CONTROL)
    deliver_all(defined_bank)
    assert "transactions" not in [report.contract for report in load_all(services)]
    (waits,) = incomplete(services)
    assert (waits.source, waits.missing) == ("core_transactions", ("transactions_20260601.ok",))

    control = defined_bank.folder / "landing" / "transactions_20260601.ok"
    control.write_text(f"rows={2 * CUSTOMERS}\nsum=1\n", encoding="utf-8")
    with pytest.raises(SourceError, match=f"the total of 'amount' must be 1, and is {CUSTOMERS * 10_500}"):
        list(ingest(services, OTTO))
    with services.database.reading() as connection:
        assert "transactions" not in published_versions(connection)
        catalog_late = late_sources(connection, catalog_of(services), date(2026, 6, 2))
    assert [(late.source, late.needed, late.newest) for late in catalog_late] == [
        ("core_transactions", date(2026, 6, 1), None)
    ]

    control.write_text(f"rows={2 * CUSTOMERS}\nsum={CUSTOMERS * 10_500}.00\n", encoding="utf-8")
    assert len(load_all(services)) == 5
    assert incomplete(services) == []
    with services.database.reading() as connection:
        assert late_sources(connection, catalog_of(services), date(2026, 6, 2)) == []
        (late,) = late_sources(connection, catalog_of(services), date(2026, 6, 3))
    assert (late.needed, late.newest, late.rule) == (date(2026, 6, 2), date(2026, 6, 1), "wait")


@pytest.fixture
def core(postgres: Callable[[], Any]) -> Iterator[str]:
    """A database of the bank with the transactions of two days, and of the third, which is not over."""
    server = postgres()
    url = server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA ledger")
        typed = {"booked_on": "date", "amount": "numeric(18, 2)", "balance": "numeric(18, 2)"}
        columns = ", ".join(f"{name} {typed.get(name, 'text')}" for name in HEADERS["transactions"])
        connection.execute(f"CREATE TABLE ledger.transactions (data_date timestamptz, {columns})")
        with connection.cursor() as cursor:
            for day, rows in (("2026-05-31 00:00+08", transactions(10)), ("2026-06-01 12:00+08", transactions(1))):
                renamed = [(day, f"{day[:10]}/{row[0]}", *row[1:]) for row in rows]
                cursor.executemany(f"INSERT INTO ledger.transactions VALUES ({', '.join(['%s'] * 9)})", renamed)
    yield url
    server.drop(url)


def test_a_table_is_a_source_and_each_of_its_days_is_loaded_once(
    core: str, defined_bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_all(defined_bank)
    monkeypatch.setenv("LINGQUE_CONNECTIONS__CORE", core)
    table = "table: ledger.transactions, connection: core, date_column: data_date"
    with defined_bank.open() as application:
        define(defined_bank, application, "transactions", table)
        reports = [report for report in load_all(application.services) if report.contract == "transactions"]
        assert [(report.data_date, report.accepted, report.files) for report in reports] == [
            (DAY_BEFORE, 20, ("core/ledger.transactions",))
        ]
        amounts = {row["amount"] for row in rows_of(application.services, "transactions")}
        assert amounts == {1_000_000, 50_000}
        assert "transactions" not in {report.contract for report in load_all(application.services)}
        defined_bank.clock.advance(86_400_000_000)
        reports = [report for report in load_all(application.services) if report.contract == "transactions"]
        assert [(report.data_date, report.accepted) for report in reports] == [(date(2026, 6, 1), 2)]
        assert not (defined_bank.folder / "data" / "reading").exists()


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ("table: ledger.transactoins, connection: core, date_column: data_date", "cannot be read: UndefinedTable"),
        ("table: ledger.transactions, connection: core, date_column: amount", "'amount' is no column of type date"),
        ("table: ledger.transactions, connection: other, date_column: data_date", "there is no connection 'other'"),
        ("table: ledger.transactions, connection: closed, date_column: data_date", "cannot be read: OperationalError"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_without_its_password(
    read: str, told: str, core: str, defined_bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver_all(defined_bank)
    monkeypatch.setenv("LINGQUE_CONNECTIONS__CORE", core)
    monkeypatch.setenv("LINGQUE_CONNECTIONS__CLOSED", "postgresql://reader:hidden-word@127.0.0.1:1/core")
    with defined_bank.open() as application:
        define(defined_bank, application, "transactions", read)
        with pytest.raises((SourceError, ConfigurationError), match=told) as refused:
            list(ingest(application.services, OTTO))
        assert "hidden-word" not in repr(refused.value) + str(refused.value.__cause__)
        assert "hidden-word" not in repr(application.settings)


def test_settings_hold_connections_in_the_file_too(defined_bank: Bank) -> None:
    toml = f'{SETTINGS}\n[connections]\ncore = "postgresql://reader:hidden-word@core/ledger"\n'
    (defined_bank.folder / "lingque.toml").write_text(toml, encoding="utf-8")
    with defined_bank.open() as application:
        assert application.settings.connections["core"].get_secret_value().endswith("core/ledger")
