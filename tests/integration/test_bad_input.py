"""Bad input as a person meets it: what is said, that nothing is lost, and that what is put right goes through.

Each case spoils a workspace that works, runs a command, and reads what it says. Afterwards everything that stood there
before is there word for word; every row that came is accounted for; and with the cause out of the way the same command
does what it was asked.
"""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from sqlalchemy import select
from tiny_bank import (
    AS_OF,
    CAMPAIGN,
    CUSTOMERS,
    HEADERS,
    HUA,
    LIN,
    Bank,
    account_no,
    customer_no,
    email_of,
    load_all,
    rows_of,
    transactions,
)

from lingque.bootstrap import LOCK_FILE
from lingque.core.errors import WarehouseError
from lingque.core.reasons import Refusal
from lingque.deliver.tables import deliveries
from lingque.engage.tables import campaign_states
from lingque.entry.cli import main
from lingque.flow import plan_campaign, review_campaign
from lingque.govern.tables import approvals, consents, subjects, vault_identifiers, vault_surrogates
from lingque.ingest.quality import quality_days
from lingque.ingest.tables import quarantine
from lingque.store.runs import published_versions
from lingque.store.workspace_lock import workspace_lock
from lingque.warehouse.engine import SCRATCH

# what is told does not depend on where the control database is
pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)

NEXT_DAY = date(2026, 6, 2)
ALL = 2 * CUSTOMERS
FILE = "transactions_20260602.csv"
INGEST = ("ingest", "--as", "otto")
APPLY = ("apply", "--as", "otto")
SECRETS = [word for n in range(CUSTOMERS) for word in (email_of(n), customer_no(n), account_no(n))]


def new_rows(count: int = 20) -> list[tuple[str, ...]]:
    """Transactions of the next day; the last of them in row `count`."""
    return [(f"N{row[0]}", *row[1:3], "2026-06-01", *row[4:]) for row in transactions()[:count]]


def lines_of(rows: list[tuple[str, ...]], *, delimiter: str = ",") -> str:
    return "".join(f"{delimiter.join(row)}\n" for row in (HEADERS["transactions"], *rows))


def spoiled(row: tuple[str, ...], **changed: str) -> tuple[str, ...]:
    return tuple({**dict(zip(HEADERS["transactions"], row, strict=True)), **changed}.values())


def delivering(*bad: tuple[str, ...]) -> Callable[[Bank], None]:
    """Nineteen good rows, and these."""
    return lambda bank: bank.deliver("transactions", [*new_rows(19), *bad], NEXT_DAY) and None


def delivering_text(content: str | bytes) -> Callable[[Bank], None]:
    return lambda bank: bank.deliver_text("transactions", content, NEXT_DAY) and None


def changing(name: str, old: str, new: str) -> Callable[[Bank], None]:
    return lambda bank: bank.replace_in(name, old, new)


def two_files_a_day(bank: Bank) -> None:
    pattern = '["transactions_{data_date}.csv"'
    bank.replace_in("sources", f"{pattern}]", f'{pattern}, "late_{{data_date}}.csv"]')
    (bank.folder / "landing" / "late_20260601.csv").write_text(lines_of([]), encoding="utf-8")
    say(bank, *APPLY)


def a_gate(bank: Bank) -> None:
    bank.replace_in("contracts", "contract: transactions\n", "contract: transactions\ngate: 90\n")
    say(bank, *APPLY)


def totals(bank: Bank) -> None:
    read = 'transactions: {files: ["transactions_{data_date}.csv"]}'
    control = '{file: "transactions_{data_date}.ok", of: transactions, totals: {amount: sum}}'
    bank.replace_in("sources", read, f"{read}\ncontrol: {control}")
    stated(bank, "20260601", rows=ALL, total=f"{CUSTOMERS * 10_500}.00")
    say(bank, *APPLY)


def stated(bank: Bank, day: str, *, rows: int, total: str) -> None:
    (bank.folder / "landing" / f"transactions_{day}.ok").write_text(f"rows={rows}\nsum={total}\n", encoding="utf-8")


def no_file_at_all(bank: Bank) -> None:
    (bank.folder / "landing" / "transactions_20260601.csv").unlink()


def without_a_column(bank: Bank) -> None:
    rows = [(*row[:6], row[7]) for row in new_rows()]
    header = [name for name in HEADERS["transactions"] if name != "amount"]
    bank.deliver_text("transactions", "".join(f"{','.join(row)}\n" for row in (header, *rows)), NEXT_DAY)


def a_total_that_is_wrong(bank: Bank) -> None:
    bank.deliver("transactions", new_rows(), NEXT_DAY)
    stated(bank, "20260602", rows=20, total="105000.01")


def put_right_in_time(bank: Bank) -> None:
    bank.deliver("transactions", new_rows(ALL), NEXT_DAY)
    stated(bank, "20260602", rows=ALL, total=f"{CUSTOMERS * 10_500}")
    (bank.folder / "landing" / "late_20260602.csv").write_text(lines_of([]), encoding="utf-8")


def planned_and_reviewed(bank: Bank) -> None:
    with bank.open() as application:
        plan = plan_campaign(application.services, CAMPAIGN, AS_OF, LIN)
        assert not isinstance(plan, Refusal)
        assert not isinstance(review_campaign(application.services, CAMPAIGN, HUA, digest=plan.digest), Refusal)


def nothing(_bank: Bank) -> None:
    """As it is."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """`told`: what the person needs to read. `bad`: of the rows that came, by row number, what is wrong with each."""

    prepare: Callable[[Bank], None] = nothing
    spoil: Callable[[Bank], None]
    told: tuple[str, ...]
    command: tuple[str, ...] = INGEST
    code: int = 1
    bad: dict[int, str] = field(default_factory=dict)
    held: bool = False
    then: tuple[str, ...] = ()


MAPPING = "mapping/transactions.sql"
BAD_DATE = spoiled(new_rows()[19], booked_on="31.05.2026")
TWICE = new_rows()[19]
TWICE_BUT_OTHER = spoiled(TWICE, amount="501.00")
STRANGER = spoiled(new_rows()[19], customer_no="KD2099-NOBODY")
NO_ACCOUNT = spoiled(new_rows()[19], account_no="6222999999")

CASES = {
    "missing file": Case(
        spoil=no_file_at_all,
        told=("source 'core_transactions'", "is named transactions_{data_date}.csv", "check the landing folder"),
    ),
    "missing file of two": Case(
        prepare=two_files_a_day,
        spoil=delivering(TWICE),
        told=("source 'core_transactions'", "late_20260602.csv is not in", "deliver the file and ingest again"),
    ),
    "wrong delimiter": Case(
        spoil=delivering_text(lines_of(new_rows(), delimiter=";")),
        told=(
            MAPPING,
            '"transaction_no"',
            "transaction_no;customer_no;account_no;booked_on",
            "is 'delimiter' wrong?",
        ),
    ),
    "broken encoding": Case(
        spoil=delivering_text(lines_of([*new_rows(19), spoiled(TWICE, category="工资")]).encode("gb18030")),
        told=(f"{FILE}, line 21: bytes that are not of the encoding", "state the right 'encoding'", "nothing of it"),
    ),
    "a wrong date": Case(
        spoil=delivering(BAD_DATE), code=0, bad={20: "booked_on: NOT_A_DATE"}, told=("booked_on: NOT_A_DATE × 1",)
    ),
    "duplicate keys": Case(
        spoil=delivering(TWICE, TWICE_BUT_OTHER),
        code=0,
        bad={20: "transaction_no: DUPLICATE_KEY", 21: "transaction_no: DUPLICATE_KEY"},
        told=("transaction_no: DUPLICATE_KEY × 2",),
    ),
    "unknown reference": Case(
        spoil=delivering(STRANGER, NO_ACCOUNT),
        code=0,
        bad={20: "customer_no: UNKNOWN_REFERENCE", 21: "account_no: UNKNOWN_REFERENCE"},
        told=("customer_no: UNKNOWN_REFERENCE × 1", "account_no: UNKNOWN_REFERENCE × 1"),
    ),
    "a column that disappeared": Case(
        spoil=without_a_column,
        told=(
            MAPPING,
            '"amount"',
            "the files have the columns transactions: transaction_no, customer_no",
            "Did a column disappear",
        ),
    ),
    "a column that changed its type": Case(
        prepare=a_gate,
        spoil=delivering_text(lines_of([spoiled(row, amount="壹万元整") for row in new_rows()])),
        code=0,
        bad=dict.fromkeys(range(1, 21), "amount: NOT_MONEY"),
        held=True,
        told=("amount: NOT_MONEY × 20", "QUALITY_BELOW_GATE 0.00"),
    ),
    "control total that does not agree": Case(
        prepare=totals,
        spoil=a_total_that_is_wrong,
        told=(
            f"{FILE} and transactions_20260602.ok do not agree",
            "the total of 'amount' must be 105000.01, and is 105000",
            "ask for both files again",
        ),
    ),
    "an unknown tag in a segment": Case(
        spoil=changing("tags", "value: latest_balance >=", "value: latest_balence >="),
        command=APPLY,
        told=(
            "definitions/tags.yaml:40: value: there is no 'latest_balence' here",
            "did you mean 'latest_balance'?",
            "nothing was applied",
        ),
    ),
    "a campaign for an unknown segment": Case(
        spoil=changing("campaigns", "segment: idle_money", "segment: idle_mony"),
        command=APPLY,
        told=("definitions/campaigns.yaml:21: segment: 'idle_mony' is no tag", "'idle_money'", "apply again"),
    ),
    "a cyclic tag": Case(
        spoil=changing("tags", "value: latest_balance >= cny(20000)", "value: idle_money and latest_balance > cny(1)"),
        command=APPLY,
        told=("definitions/tags.yaml:40: value: is built on itself: idle_money → idle_money", "apply again"),
    ),
    "a cycle of two tags": Case(
        spoil=changing(
            "tags",
            "value: latest_balance >= cny(20000)",
            "value: rich\n---\ntag: rich\nlabel: {zh: 富裕, en: Rich}\nfamily: value\nvalue: not idle_money",
        ),
        command=APPLY,
        told=("definitions/tags.yaml", "idle_money → rich → idle_money", "apply again"),
    ),
    "an expression with a type error": Case(
        spoil=changing("tags", "where: category = 'salary'", "where: category > 3"),
        command=APPLY,
        told=("definitions/tags.yaml:6: where: a text and a integer cannot be compared", "at «3»", "apply again"),
    ),
    "a campaign without a segment": Case(
        spoil=changing("campaigns", "segment: idle_money\n", ""),
        command=APPLY,
        told=("definitions/campaigns.yaml:18: segment: is missing", "it is required", "apply again"),
    ),
    "an approval by its own author": Case(
        prepare=planned_and_reviewed,
        spoil=nothing,
        command=("campaign", "approve", CAMPAIGN, "--as", "lan_too"),
        code=3,
        told=("OWN_WORK", "lan"),
        then=("campaign", "approve", CAMPAIGN, "--as", "min"),
    ),
}


def say(bank: Bank, *arguments: str, code: int = 0) -> None:
    """Run a command in this process; it ends with that code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lingque", *arguments, "--workspace", str(bank.folder)])
        patch.setenv("COLUMNS", "400")
        with pytest.raises(SystemExit) as ended:
            main()
    assert (ended.value.code or 0) == code


def content(bank: Bank) -> dict[str, Any]:
    """All that readers see, word for word: published versions and what they hold, and the registers."""
    registers = (subjects, consents, vault_identifiers, vault_surrogates, approvals, campaign_states, deliveries)
    with bank.open() as application:
        services = application.services
        with services.database.reading() as connection:
            held: dict[str, Any] = {
                table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in registers
            }
            versions = published_versions(connection)
        with services.session() as session:
            session.add_versions(versions)
            rows = {name: (version, session.ask(f'SELECT * FROM "{name}"')) for name, version in versions.items()}
        return held | rows


def count_of_rows(bank: Bank) -> int:
    """Of transactions, published."""
    with bank.open() as application:
        return len(rows_of(application.services, "transactions"))


def quarantined(bank: Bank) -> dict[int, str]:
    with bank.open() as application, application.services.database.reading() as connection:
        rows = connection.execute(select(quarantine).where(quarantine.c.superseded_by.is_(None))).all()
    assert {(row.source, row.data_date, row.file_name) for row in rows} <= {("core_transactions", NEXT_DAY, FILE)}
    return {row.row_number: "; ".join(f"{one['column']}: {one['reason']}" for one in row.reasons) for row in rows}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_told_and_nothing_is_lost(name: str, bank: Bank, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    case.prepare(bank)
    if case.prepare is not nothing and case.command == INGEST:
        say(bank, *INGEST)
    before = content(bank)
    kept = shutil.copytree(bank.folder, bank.folder.with_name("kept"), ignore=shutil.ignore_patterns("data"))
    case.spoil(bank)
    capsys.readouterr()

    say(bank, *case.command, code=case.code)
    said = " ".join("".join(capsys.readouterr()).split())
    for words in case.told:
        assert words in said
    assert not [word for word in SECRETS if word in said]
    after = content(bank)
    assert quarantined(bank) == case.bad
    if case.code or case.held:
        assert after == before
    else:
        assert_added(before, after, came=19 + len(case.bad), bad=len(case.bad))
    if case.held:
        assert_held(bank)

    shutil.copytree(kept, bank.folder, dirs_exist_ok=True)
    if case.command != INGEST:
        say(bank, *(case.then or case.command))
        return
    put_right_in_time(bank)
    say(bank, *INGEST)
    assert count_of_rows(bank) == 2 * ALL
    assert quarantined(bank) == {}


def assert_added(before: dict[str, Any], after: dict[str, Any], *, came: int, bad: int) -> None:
    """The good rows of the new day stand beside all that was there; nothing else changed."""
    (_, old), (_, new) = before.pop("transactions"), after.pop("transactions")
    assert new.filter(pc.field("data_date") != NEXT_DAY).equals(old)
    assert len(new) - len(old) == came - bad
    assert after == before


def assert_held(bank: Bank) -> None:
    with bank.open() as application, application.services.database.reading() as connection:
        last = quality_days(connection, "core_transactions")[-1]
    assert (last.data_date, last.held, last.score) == (NEXT_DAY, True, 0.0)


# --- a full disk, a second process: these take a process of their own -------------------------------------------------


def many_rows() -> list[tuple[str, ...]]:
    """So many that the file of the table is larger than everything else that a load writes."""
    chance = random.Random(6)  # noqa: S311 - any amounts will do, if only they do not compress
    row = new_rows(1)[0]
    amounts = (f"{chance.randrange(10**8)}.00" for _ in range(20_000))
    return [spoiled(row, transaction_no=f"M{n:06}", balance=amount) for n, amount in enumerate(amounts)]


def in_a_process(bank: Bank, *, largest_file: int) -> subprocess.CompletedProcess[str]:
    """`lingque ingest` where no file may grow beyond that: what a full disk is to whoever writes."""
    return subprocess.run(
        [sys.executable, "-m", "lingque", *INGEST, "--workspace", str(bank.folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "400"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY)),
    )


@pytest.mark.parametrize(
    ("largest_file", "told"),
    [(100_000, r"cannot write .*\.parquet: File too large"), (20_000, "the control database cannot be written: disk")],
    ids=["no room for the rows", "no room for the control database"],
)
def test_a_full_disk_is_told_and_nothing_is_lost(largest_file: int, told: str, bank: Bank) -> None:
    before = content(bank)
    bank.deliver("transactions", many_rows(), NEXT_DAY)
    done = in_a_process(bank, largest_file=largest_file)
    assert done.returncode == 1
    assert re.search(told, done.stderr)
    assert "make room or mend the rights, then run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert content(bank) == before
    assert not list((bank.folder / "data").rglob("*.half"))

    say(bank, *INGEST)
    assert not list((bank.folder / "data" / "warehouse" / SCRATCH).iterdir())
    assert count_of_rows(bank) == ALL + 20_000


def test_no_room_for_a_tables_log_is_told_and_nothing_is_lost(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thing that a load writes to the data plane."""
    before = content(bank)
    bank.deliver("transactions", new_rows(), NEXT_DAY)
    told = "Generic LocalFileSystem error\n  \x1b[31m↳\x1b[0m No space left on device (os error 28)\n"
    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", lambda *_a, **_k: (_ for _ in ()).throw(OSError(told)))
        with bank.open() as application, pytest.raises(WarehouseError, match="No space left on device") as stopped:
            load_all(application.services)
    assert "make room" in stopped.value.next_step
    assert "\x1b" not in stopped.value.what
    assert content(bank) == before
    say(bank, *INGEST)
    assert count_of_rows(bank) == ALL + 20


def test_a_second_process_is_turned_away_and_changes_nothing(bank: Bank) -> None:
    before = content(bank)
    bank.deliver("transactions", new_rows(), NEXT_DAY)
    with workspace_lock(bank.folder / LOCK_FILE):
        done = in_a_process(bank, largest_file=resource.RLIM_INFINITY)
    assert done.returncode == 1
    assert f"another process (id {os.getpid()}) is writing to this workspace" in done.stderr
    assert "wait until it has finished; nothing was changed" in done.stderr
    assert content(bank) == before
    say(bank, *INGEST)
    assert count_of_rows(bank) == ALL + 20
