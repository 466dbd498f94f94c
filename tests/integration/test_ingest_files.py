"""A file that cannot be read as its definition says is refused whole, by name and line, and none of it is repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from tiny_bank import (
    CUSTOMERS,
    HEADERS,
    OTTO,
    Bank,
    audit_of,
    customers,
    deliver_all,
    email_of,
    load_all,
    rows_of,
)

from lingque.bootstrap import Application
from lingque.core.errors import DefinitionError, LingqueError, SourceError
from lingque.flow import apply, ingest
from lingque.flow.intake import catalog_of
from lingque.store.runs import published_versions
from lingque.warehouse.engine import Session

pytestmark = pytest.mark.any_database

HEADER = ",".join(HEADERS["customers"])
LINES = [",".join(row) for row in customers()]


def text(*lines: str) -> str:
    return "\n".join([*lines, ""])


def missing(bank: Bank) -> None:
    (bank.folder / "landing" / "customers_20260601.csv").unlink()


def wrong_delimiter(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER, *LINES).replace(",", ";"))


def long_line(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER, *LINES[:40], LINES[40] + ",extra", *LINES[41:]))


def short_line(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER, *LINES[:40], LINES[40].rpartition(",")[0], *LINES[41:]))


def open_quote(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER, *LINES[:40], LINES[40].replace(",", ',"', 1), *LINES[41:]))


def broken_encoding(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER, *LINES).encode("gb18030"))


def lost_column(bank: Bank) -> None:
    rows = [(*row[:4], *row[5:]) for row in customers()]
    bank.deliver_text("customers", text(HEADER.replace(",city", ""), *[",".join(row) for row in rows]))


def no_header(bank: Bank) -> None:
    bank.deliver_text("customers", text(*LINES))


def short_header(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER.replace(",city", ""), *LINES))


def nothing_at_all(bank: Bank) -> None:
    bank.deliver_text("customers", "")


def header_twice(bank: Bank) -> None:
    bank.deliver_text("customers", text(HEADER.replace("city", "Name"), *LINES))


def not_a_day(bank: Bank) -> None:
    (bank.folder / "landing" / "customers_20260601.csv").rename(bank.folder / "landing" / "customers_20261301.csv")


SPOILED: dict[str, tuple[Callable[[Bank], None], str]] = {
    "missing": (missing, "no file in .* is named customers_"),
    "wrong delimiter": (wrong_delimiter, "customer_no"),
    "long line": (long_line, "customers_20260601.csv, line 42"),
    "short line": (short_line, "customers_20260601.csv, line 42"),
    "open quote": (open_quote, "customers_20260601.csv, line 42"),
    "broken encoding": (broken_encoding, "bytes that are not of the encoding"),
    "lost column": (lost_column, "city"),
    "no header": (no_header, "mapping/customers.sql"),
    "short header": (short_header, "customers_20260601.csv, line 2"),
    "nothing at all": (nothing_at_all, "does not even have a header"),
    "header twice": (header_twice, "names one column twice"),
    "no day": (not_a_day, "20261301 in the file's name is not a day"),
}


@pytest.mark.parametrize("way", SPOILED)
def test_a_spoiled_file_is_refused_whole_and_none_of_its_content_is_told(
    way: str, defined_bank: Bank, defined: Application, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    spoil, told = SPOILED[way]
    deliver_all(defined_bank)
    spoil(defined_bank)
    with pytest.raises(SourceError, match=told) as refused:
        list(ingest(defined.services, OTTO))
    assert refused.value.next_step
    said = f"{everything_said(refused.value)}\n{caplog.text}"
    for n in range(CUSTOMERS):
        assert f"client{n:03}" not in said
        assert f"丁戊{n:03}" not in said
        assert f"KD2026{n:05}" not in said
    with defined.services.database.reading() as connection:
        assert published_versions(connection) == {}
    assert audit_of(defined.services, "ingest") == []


def everything_said(error: BaseException | None) -> str:
    """The error and those it came from, as a log would show them."""
    parts: list[str] = []
    while error is not None:
        parts.append(f"{error} {getattr(error, 'next_step', '')}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(parts)


def test_a_column_that_disappeared_is_named_with_those_that_are_there(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    lost_column(defined_bank)
    with pytest.raises(SourceError) as refused:
        list(ingest(defined.services, OTTO))
    assert "mapping/customers.sql" in refused.value.what
    assert "city" in refused.value.what
    assert "customers: customer_no, name, email, birth_date, opened_on" in refused.value.next_step


def test_what_was_loaded_before_the_spoiled_file_stays(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    defined_bank.deliver_text("accounts", "account_no\n1,2\n")
    with pytest.raises(SourceError, match=r"accounts_20260601\.csv"):
        list(ingest(defined.services, OTTO))
    assert len(rows_of(defined.services, "customers")) == CUSTOMERS
    assert rows_of(defined.services, "accounts") == []


def test_a_file_of_a_header_alone_is_a_delivery_of_no_rows(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    defined_bank.deliver("deposits", [])
    report = next(report for report in load_all(defined.services) if report.contract == "deposits")
    assert (report.read, report.accepted, report.repeated, report.quarantined) == (0, 0, 0, 0)
    assert rows_of(defined.services, "deposits") == []


def test_several_files_of_one_pattern_are_one_delivery(defined_bank: Bank, defined: Application) -> None:
    defined_bank.replace_in("sources", "customers_{data_date}.csv", "customers*_{data_date}.csv")
    apply(defined.services, OTTO)
    deliver_all(defined_bank)
    landing = defined_bank.folder / "landing"
    (landing / "customers_20260601.csv").unlink()
    (landing / "customers_north_20260601.csv").write_text(text(HEADER, *LINES[:30]), encoding="utf-8")
    (landing / "customers_south_20260601.csv").write_text(text(HEADER, *LINES[25:]), encoding="utf-8")
    report = load_all(defined.services)[0]
    assert report.files == ("customers_north_20260601.csv", "customers_south_20260601.csv")
    assert (report.read, report.accepted, report.repeated) == (CUSTOMERS + 5, CUSTOMERS, 5)


def test_files_of_one_pattern_have_the_same_columns(defined_bank: Bank, defined: Application) -> None:
    defined_bank.replace_in("sources", "customers_{data_date}.csv", "customers*_{data_date}.csv")
    apply(defined.services, OTTO)
    deliver_all(defined_bank)
    short = ",".join(HEADER.split(",")[:-1])
    (defined_bank.folder / "landing" / "customers_z_20260601.csv").write_text(text(short), encoding="utf-8")
    with pytest.raises(SourceError, match=r"customers_z_20260601\.csv has other columns than"):
        load_all(defined.services)


def test_two_sources_of_one_table_are_refused(defined_bank: Bank, defined: Application) -> None:
    """Each would replace what the other delivered."""
    sources = defined_bank.folder / "definitions" / "sources.yaml"
    content = sources.read_text(encoding="utf-8")
    first = content.split("---")[0]
    again = first.replace("source: ", "source: another_", 1)
    sources.write_text(f"{content}---\n{again}", encoding="utf-8")
    with pytest.raises(DefinitionError, match="already"):
        apply(defined.services, OTTO)


def test_a_change_in_either_of_two_files_of_one_name_is_seen(defined_bank: Bank, defined: Application) -> None:
    defined_bank.replace_in("sources", "customers_{data_date}.csv", "*/customers_{data_date}.csv")
    apply(defined.services, OTTO)
    deliver_all(defined_bank)
    landing = defined_bank.folder / "landing"
    (landing / "customers_20260601.csv").unlink()
    for branch, lines in {"north": LINES[:30], "south": LINES[30:]}.items():
        (landing / branch).mkdir()
        (landing / branch / "customers_20260601.csv").write_text(text(HEADER, *lines), encoding="utf-8")
    assert load_all(defined.services)[0].accepted == CUSTOMERS
    for branch, lines in {"north": LINES[:29], "south": LINES[30:-1]}.items():
        (landing / branch / "customers_20260601.csv").write_text(text(HEADER, *lines), encoding="utf-8")
        assert not load_all(defined.services)[0].already_done
    assert len(rows_of(defined.services, "customers")) == CUSTOMERS - 2


def test_byte_order_mark_crlf_and_quoted_line_breaks_are_read(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    row = LINES[0].replace("上海", '"上海, ""浦东""\n新区"')
    content = "\ufeff" + "\r\n".join([HEADER, row, *LINES[1:], ""])
    defined_bank.deliver_text("customers", content)
    assert load_all(defined.services)[0].accepted == CUSTOMERS
    assert '上海, "浦东"\n新区' in {row["city"] for row in rows_of(defined.services, "customers")}


READING = [
    "read_csv('/etc/passwd')",
    "read_csv_auto('/etc/passwd')",
    "read_text('/etc/passwd')",
    "read_blob('/etc/passwd')",
    "read_parquet('/tmp/x.parquet')",
    "parquet_scan('/tmp/x.parquet')",
    "read_json('/etc/passwd')",
    "glob('/etc/*')",
    "sniff_csv('/etc/passwd')",
    "'/etc/passwd'",
    "'https://example.com/x.csv'",
    "duckdb_secrets()",
]


NO_QUESTION = ["COPY customers TO '/tmp/out.csv'", "SELECT 1; SELECT 2", "DELETE FROM customers"]


def test_a_mapping_that_reaches_for_a_file_is_refused_when_it_is_applied(
    defined_bank: Bank, defined: Application
) -> None:
    columns = ", ".join(f"'x' AS {name}" for name in HEADERS["customers"])
    reaching = [f"SELECT '' AS _file, 1 AS _row, {columns} FROM {relation} AS t" for relation in READING]
    for sql in [*reaching, *NO_QUESTION]:
        defined_bank.map("customers", sql)
        with pytest.raises(DefinitionError, match=r"mapping/customers\.sql"):
            apply(defined.services, OTTO)


def test_a_sealed_session_reads_and_writes_no_file_and_cannot_be_unsealed(
    defined_bank: Bank, defined: Application
) -> None:
    path = defined_bank.folder / "lingque.toml"
    out = defined_bank.folder / "out.csv"
    attempts = [
        f"SELECT * FROM read_text('{path}')",
        f"SELECT * FROM read_csv('{path}')",
        f"SELECT * FROM read_blob('{path}')",
        f"SELECT * FROM glob('{path.parent}/*')",
        f"SELECT * FROM '{path}'",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
        f"COPY (SELECT 1) TO '{out}'",
        f"ATTACH '{out}' AS other",
        f"EXPORT DATABASE '{out}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET lock_configuration",
    ]
    with Session(defined.services.tables, memory_limit="256MB", threads=1) as session:
        session.seal()
        for attempt in attempts:
            with pytest.raises(
                Exception, match=r"(?i)disabled|locked|permission|cannot|not allowed|failed|does not exist"
            ):
                session._connection.execute(attempt).fetchall()
        with pytest.raises(Exception, match=r"(?i)disabled|permission"):
            session.add_relation("x", f"SELECT * FROM read_text('{path}')")
    assert not out.exists()


def test_a_mapping_that_fails_on_a_value_does_not_repeat_the_value(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    columns = ", ".join(HEADERS["customers"][:5])
    sql = f"SELECT _file, _row, {columns}, CAST(email AS INTEGER) AS opened_on FROM customers"
    defined_bank.map("customers", sql)
    apply(defined.services, OTTO)
    with pytest.raises(SourceError, match=r"mapping/customers\.sql failed: ConversionException") as refused:
        list(ingest(defined.services, OTTO))
    assert email_of(0) not in everything_said(refused.value)


def test_files_without_a_definition_are_let_be(defined_bank: Bank, defined: Application) -> None:
    deliver_all(defined_bank)
    (defined_bank.folder / "landing" / "README.txt").write_text("not ours", encoding="utf-8")
    assert len(load_all(defined.services)) == len(catalog_of(defined.services).sources)


def test_every_error_here_is_one_that_a_person_can_act_on() -> None:
    assert issubclass(SourceError, LingqueError)
