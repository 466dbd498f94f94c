"""Bad input as a person meets it: what is said, that nothing is lost, and that what is put right goes through.

Each case spoils a workspace that works, runs a command, and reads what it says. Afterwards everything that stood there
before is there word for word; every row that came is accounted for; and with the cause out of the way the same command
does what it was asked.
"""

from __future__ import annotations

import shutil
from typing import Any

import pyarrow.compute as pc
import pytest
from bad_deliveries import ALL, CASES, FILE, INGEST, NEXT_DAY, nothing, put_right_in_time
from commands import say
from readers_view import content, count_of_rows
from sqlalchemy import select
from tiny_bank import (
    CUSTOMERS,
    Bank,
    account_no,
    customer_no,
    email_of,
)

from lingque.ingest.quality import quality_days
from lingque.ingest.tables import quarantine

# what is told does not depend on where the control database is
pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)

SECRETS = [word for n in range(CUSTOMERS) for word in (email_of(n), customer_no(n), account_no(n))]


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
