"""What is done about bad data: correct a row, dismiss it, hold a delivery back, let it through."""

from __future__ import annotations

from datetime import date

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select, text
from tiny_bank import (
    CUSTOMERS,
    DATA_DATE,
    OTTO,
    Bank,
    audit_of,
    customers,
    email_of,
    load_all,
    rows_of,
    transactions,
)
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.reasons import Reason, Refusal
from lingque.entry.cli import app
from lingque.flow import apply
from lingque.flow.intake import catalog_of
from lingque.ingest.contracts import IngestReport
from lingque.ingest.corrections import correct, dismiss
from lingque.ingest.quality import quality_days, release
from lingque.ingest.quarantine import counted_quarantine, reveal
from lingque.ingest.tables import corrections, quarantine
from lingque.store.database import Database
from lingque.store.runs import runs

pytestmark = pytest.mark.any_database

SOURCE = "core_transactions"
NEXT_DAY = date(2026, 6, 2)
GOOD = transactions()[:20]
BAD = [("TXB1", *GOOD[0][1:3], "31.05.2026", *GOOD[0][4:]), ("TXB2", *GOOD[0][1:6], "secret", "1.00"), ("TXB3",) * 8]


ON_SQLITE = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)


class Care:
    """The commands, as an operator uses them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.services = application.services
        self._contract = catalog_of(self.services).contracts["transactions"]

    def load(self) -> IngestReport:
        report: IngestReport = next(one for one in load_all(self.services) if one.source == SOURCE)
        return report

    def open_rows(self) -> dict[int, int]:
        """Row number in the file: number in the quarantine."""
        asked = select(quarantine.c.row_number, quarantine.c.quarantine_id).where(
            quarantine.c.source == SOURCE, quarantine.c.superseded_by.is_(None)
        )
        with self.services.database.reading() as connection:
            return {row.row_number: row.quarantine_id for row in connection.execute(asked)}

    def correct(self, number: int, **values: str) -> None:
        with self.services.database.transaction() as connection:
            correct(
                connection,
                number,
                self._contract,
                values,
                notes=self._application.vault,
                audit=self.services.audit,
                actor="otto",
                at=self.services.clock.now(),
            )

    def dismiss(self, number: int) -> None:
        with self.services.database.transaction() as connection:
            at = self.services.clock.now()
            dismiss(connection, number, comment="a test", audit=self.services.audit, actor="otto", at=at)

    def reveal(self, number: int) -> dict[str, str]:
        with self.services.database.transaction() as connection:
            notes, audit = self._application.vault, self.services.audit
            return reveal(connection, number, self._contract, notes=notes, audit=audit, actor="otto")

    def release(self, day: date, source: str = SOURCE) -> None:
        with self.services.database.transaction() as connection:
            at = self.services.clock.now()
            release(connection, source, day, comment="known", audit=self.services.audit, actor="otto", at=at)


@pytest.fixture
def care(loaded: Application) -> Care:
    return Care(loaded)


def numbers(report: IngestReport) -> tuple[int, int, int, int]:
    assert report.read == report.accepted + report.repeated + report.quarantined + report.dismissed
    return report.read, report.accepted, report.quarantined, report.dismissed


def test_corrected_rows_come_in_once_and_dismissed_ones_stay_out(bank: Bank, care: Care) -> None:
    bank.deliver("transactions", [*GOOD, *BAD])
    assert numbers(care.load()) == (23, 20, 3, 0)
    open_rows = care.open_rows()
    assert sorted(open_rows) == [21, 22, 23]
    assert care.reveal(open_rows[22])["amount"] == "secret"
    (trace,) = audit_of(care.services, "reveal_quarantined_row")
    assert (trace.actor, trace.detail["row"]) == ("otto", 22)

    care.correct(open_rows[21], booked_on="2026-05-31")
    care.correct(open_rows[22], amount="still no number")
    care.dismiss(open_rows[23])
    assert numbers(care.load()) == (23, 21, 1, 1)
    assert len(rows_of(care.services, "transactions")) == 21
    assert care.load().already_done

    assert sorted(care.open_rows()) == [22]
    assert care.reveal(care.open_rows()[22])["amount"] == "still no number"
    with pytest.raises(ConflictError, match="is not open any more"):
        care.correct(open_rows[22], amount="1.00")
    care.correct(care.open_rows()[22], amount="1.00")
    assert numbers(care.load()) == (23, 22, 0, 1)
    assert care.open_rows() == {}

    with care.services.database.reading() as connection:
        kept = connection.execute(select(corrections)).all()
        every = counted_quarantine(connection, open_only=False)
        assert counted_quarantine(connection) == []
    assert {count.is_open for count in every} == {False}
    assert all(b"still no number" not in bytes(row.sealed_values or b"") for row in kept)
    assert "still no number" not in repr(audit_of(care.services))


@ON_SQLITE
def test_corrections_hold_for_the_file_they_were_made_on(bank: Bank, care: Care) -> None:
    bank.deliver("transactions", [*GOOD, BAD[0]])
    care.load()
    care.dismiss(care.open_rows()[21])
    assert numbers(care.load()) == (21, 20, 0, 1)
    bank.deliver("transactions", [*GOOD[1:], BAD[0], GOOD[0]])
    assert numbers(care.load()) == (21, 20, 1, 0)
    bank.deliver("transactions", [*GOOD, BAD[0]])
    assert numbers(care.load()) == (21, 20, 0, 1)


@ON_SQLITE
def test_the_last_word_on_a_row_counts_and_it_must_be_on_a_column(bank: Bank, care: Care) -> None:
    bank.deliver("transactions", [*GOOD, BAD[0]])
    care.load()
    number = care.open_rows()[21]
    with pytest.raises(NotFoundError, match="has no column 'booked'") as refused:
        care.correct(number, booked="2026-05-31")
    assert "booked_on" in refused.value.next_step
    with pytest.raises(NotFoundError, match="there is no quarantined row 999999"):
        care.dismiss(999_999)
    care.dismiss(number)
    care.correct(number, booked_on="?", category="gift")
    care.correct(number, booked_on="2026-05-31")
    assert numbers(care.load()) == (21, 21, 0, 0)
    assert "gift" in {row["category"] for row in rows_of(care.services, "transactions")}


def gate(bank: Bank, application: Application, contract: str) -> None:
    bank.replace_in("contracts", f"contract: {contract}\n", f"contract: {contract}\ngate: 90\n")
    assert not isinstance(apply(application.services, OTTO), Refusal)


def test_a_delivery_below_the_gate_is_held_until_it_is_released(bank: Bank, loaded: Application, care: Care) -> None:
    gate(bank, loaded, "transactions")
    care.load()
    bank.deliver("transactions", [(f"N{row[0]}", *row[1:]) for row in transactions()[:100]] + BAD, NEXT_DAY)
    (held,) = [report for report in load_all(care.services) if report.held]
    assert held.score == pytest.approx(100 * 100 / 103 * 100 / 200)
    assert {row["data_date"] for row in rows_of(care.services, "transactions")} == {DATA_DATE}
    assert len(care.open_rows()) == 3
    (again,) = [report for report in load_all(care.services) if report.held]
    assert (again.run_id, again.already_done, len(care.open_rows())) == (held.run_id, False, 3)

    with pytest.raises(NotFoundError, match=r"no delivery of 'core_transactions' for 2026-06-01 is held"):
        care.release(DATA_DATE)
    care.release(NEXT_DAY)
    assert audit_of(care.services, "release_delivery")[0].detail["comment"] == "known"
    (published,) = [report for report in load_all(care.services) if report.data_date == NEXT_DAY]
    assert (published.held, published.already_done, published.run_id) == (False, False, held.run_id)
    assert len(rows_of(care.services, "transactions")) == 2 * CUSTOMERS + 100
    assert len(care.open_rows()) == 3
    assert not [report for report in load_all(care.services) if not report.already_done]
    with care.services.database.reading() as connection:
        last = quality_days(connection, SOURCE)[-1]
    assert (last.data_date, last.held, last.released_by, last.fell) == (NEXT_DAY, False, "otto", True)


@ON_SQLITE
def test_a_better_file_is_published_without_anybody_s_word(bank: Bank, loaded: Application, care: Care) -> None:
    gate(bank, loaded, "transactions")
    bank.deliver("transactions", [*GOOD, *BAD], DATA_DATE)
    assert care.load().held
    assert len(rows_of(care.services, "transactions")) == 2 * CUSTOMERS
    bank.deliver("transactions", [*GOOD, GOOD[0]], DATA_DATE)
    assert not care.load().held
    assert len(rows_of(care.services, "transactions")) == 20


def test_a_held_delivery_of_customers_changes_nothing_in_the_vault(bank: Bank, loaded: Application) -> None:
    gate(bank, loaded, "customers")
    load_all(loaded.services)
    emptied = [(row[0], row[1], "", *row[3:]) for row in customers()]
    bank.deliver("customers", emptied, NEXT_DAY)
    (held,) = [report for report in load_all(loaded.services) if not report.already_done]
    assert held.held
    with loaded.services.database.reading() as connection:
        kinds = connection.execute(text("SELECT count(*) FROM vault_identifiers WHERE kind = 'email'")).scalar_one()
    assert kinds == CUSTOMERS - 1
    Care(loaded).release(NEXT_DAY, "core_customers")
    assert not any(report.held for report in load_all(loaded.services))
    with loaded.services.database.reading() as connection:
        kinds = connection.execute(text("SELECT count(*) FROM vault_identifiers WHERE kind = 'email'")).scalar_one()
    assert kinds == 0


@ON_SQLITE
def test_a_held_file_that_is_taken_back_leaves_what_was_there(bank: Bank, loaded: Application, care: Care) -> None:
    bank.deliver("transactions", [*transactions(), BAD[0]])
    gate(bank, loaded, "transactions")
    assert not care.load().held
    rows = care.open_rows()
    bank.deliver("transactions", [*GOOD, *BAD])
    bank.clock.advance(1)
    assert care.load().held
    assert len(care.open_rows()) == 3
    bank.deliver("transactions", [*transactions(), BAD[0]])
    bank.clock.advance(1)
    assert care.load().already_done
    assert care.open_rows() == rows
    with pytest.raises(NotFoundError, match="is held"):
        care.release(DATA_DATE)


@ON_SQLITE
def test_the_commands_show_count_correct_and_release(
    bank: Bank, loaded: Application, care: Care, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate(bank, loaded, "transactions")
    bank.deliver("transactions", [*GOOD, *BAD])
    assert care.load().held
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, user: str = "otto", code: int = 0) -> str:
        found = CliRunner().invoke(app, [*arguments, "--workspace", str(bank.folder), "--as", user])
        assert found.exit_code == code, found.output
        return found.output

    listed = run("quarantine", "list")
    assert "NOT_A_DATE" in listed
    assert Reason.NOT_MONEY.label.zh in listed
    assert "secret" not in listed
    row = str(care.open_rows()[22])
    assert "secret" in run("quarantine", "show", row)
    assert "secret" not in run("quarantine", "show", row, user="lan", code=3)
    assert audit_of(care.services, "refused_reveal_quarantined_row")
    run("quarantine", "correct", row, "amount=12.50", "balance=1")
    run("quarantine", "correct", row, "amount", code=2)
    run("quarantine", "dismiss", str(care.open_rows()[23]), "--comment", "a test")
    assert "未发布" in run("quality", "show")
    run("quality", "release", SOURCE, "--data-date", "2026-06-01", "--comment", "few", user="lan", code=3)
    run("quality", "release", SOURCE, "--data-date", "2026-06-01", "--comment", "few")
    assert numbers(care.load()) == (23, 21, 1, 1)
    assert "2026-06-01" in run("quality", "show", "--source", SOURCE, "--days", "3")
    assert "NOT_MONEY" in run("quarantine", "list", "--all", "--source", SOURCE, "--data-date", "2026-06-01")
    assert email_of(1) not in listed


def test_quarantine_of_an_earlier_version_can_be_worked_on(control_url: str) -> None:
    """The migration finds the digest of each row's file, and which rows a later run has judged anew."""
    database = Database(control_url)
    try:
        with database.transaction() as connection:
            config = Config()
            config.set_main_option("script_location", "lingque.store:migrations")
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            command.upgrade(config, "0003")
            for number, run in enumerate(("first", "second"), start=1):
                summary = {"content": {"files": [["t.csv", f"digest of {run}"]]}}
                connection.execute(
                    insert(runs).values(
                        run_id=run,
                        run_number=number,
                        kind="ingest",
                        subject=f"{SOURCE}/2026-06-01",
                        finished_at=number,
                        summary=summary,
                    )
                )
                connection.execute(
                    text(
                        "INSERT INTO quarantine (run_id, source, data_date, file_name, row_number, reasons, sealed_row)"
                        " VALUES (:run, :source, '2026-06-01', 't.csv', 1, '[]', :sealed)"
                    ),
                    {"run": run, "source": SOURCE, "sealed": b"x"},
                )
            command.upgrade(config, "head")
        with database.reading() as connection:
            rows = connection.execute(select(quarantine).order_by(quarantine.c.quarantine_id)).all()
        assert [(row.file_digest, row.superseded_by) for row in rows] == [
            ("digest of first", "second"),
            ("digest of second", None),
        ]
    finally:
        database.close()
