"""Daily files become one and nothing else changes: the same tags, and a day that is sent again is replaced as ever."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tiny_bank import (
    OTTO,
    PRINCIPALS,
    Bank,
    account_no,
    audit_of,
    customer_no,
    load_all,
    party_of,
    rows_of,
)
from typer.testing import CliRunner

from lingque.bootstrap import Application
from lingque.core.reasons import Refusal
from lingque.entry.cli import app
from lingque.flow import run_tags
from lingque.flow.compacting import Compacted, Vacuumed, compact_tables, vacuum_tables
from lingque.flow.services import Services
from lingque.store.runs import published_versions

pytestmark = pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
DAYS = (date(2026, 6, 2), date(2026, 6, 3), date(2026, 6, 4))
MORNING = date(2026, 6, 5)
DAY = 86_400_000_000


def bookings(day: date, amount: str, count: int = 30) -> list[tuple[str, ...]]:
    """Of the day, and late ones of May."""
    return [
        (f"{day:%d}{n}", customer_no(n), account_no(n), booked, "credit", "gift", amount, amount)
        for n in range(count)
        for booked in ("2026-05-15" if n % 3 == 0 else day.isoformat(),)
    ]


@pytest.fixture
def daily(bank: Bank, loaded: Application) -> Application:
    """The bank after three more days."""
    for day in DAYS:
        bank.deliver("transactions", bookings(day, "10.00"), day)
    load_all(loaded.services)
    return loaded


def tags(services: Services) -> list[dict[str, Any]]:
    assert not isinstance(run_tags(services, MORNING, OTTO), Refusal)
    with services.database.reading() as connection:
        return services.profile.tags_of(connection, MORNING).to_pylist()


def compacted(services: Services) -> list[Compacted]:
    return [one for one in compact_tables(services, OTTO) if isinstance(one, Compacted)]


def files(services: Services, table: str = "transactions") -> list[Path]:
    with services.database.reading() as connection:
        return services.tables.files(table, published_versions(connection)[table])


def rows(services: Services) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in rows_of(services, "transactions"))


def test_the_same_rows_in_one_file_give_the_same_tags(daily: Application) -> None:
    services = daily.services
    before, stored = tags(services), rows(services)
    (done,) = compacted(services)
    assert done == Compacted(table="transactions", rows=290, files_before=4, files=1)
    assert tags(services) == before
    assert rows(services) == stored
    assert compacted(services) == []
    assert [row.subject for row in audit_of(services, "compact")] == ["transactions"]


def test_a_day_that_is_sent_again_takes_the_place_of_its_rows(bank: Bank, daily: Application) -> None:
    services = daily.services
    compacted(services)
    bank.deliver("transactions", bookings(DAYS[1], "7.00", count=5), DAYS[1])
    load_all(services)
    amounts = [row["amount"] for row in rows_of(services, "transactions") if row["data_date"] == DAYS[1]]
    assert amounts == [700] * 5
    assert len(rows_of(services, "transactions")) == 200 + 30 + 5 + 30
    row = next(one for one in tags(services) if one["customer_id"] == party_of(daily, customer_no(7)))
    assert row["transactions_12m"] == 4
    (again,) = compacted(services)
    assert (again.rows, again.files) == (265, 1)


def test_a_new_day_leaves_what_was_put_together_as_it_is(bank: Bank, daily: Application) -> None:
    services = daily.services
    compacted(services)
    (base,) = files(services)
    bank.deliver("transactions", bookings(date(2026, 6, 6), "1.00"), date(2026, 6, 6))
    load_all(services)
    assert base in files(services)
    assert len(files(services)) == 2


def test_readers_are_not_disturbed_until_nobody_can_be_one(bank: Bank, daily: Application) -> None:
    services = daily.services
    old = files(services)
    compacted(services)
    kept = [one for one in vacuum_tables(services, OTTO, keep_days=7) if isinstance(one, Vacuumed)]
    assert all(path.exists() for path in old)
    assert {one.table for one in kept} >= {"transactions", "customer_tags"}
    bank.clock.advance(8 * DAY)
    gone = {one.table: one.files for one in vacuum_tables(services, OTTO, keep_days=7) if isinstance(one, Vacuumed)}
    assert gone["transactions"] == 4 + 1  # and the copy of what there was when tags were computed
    assert not any(path.exists() for path in old)
    assert len(rows_of(services, "transactions")) == 290


def test_one_that_died_before_it_was_published_is_done_again(
    daily: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = daily.services
    stored = rows(services)

    def dies(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("lingque.flow.compacting.finish_run", dies)
        with pytest.raises(SystemExit):
            compacted(services)
    assert (len(files(services)), rows(services)) == (4, stored)
    (done,) = compacted(services)
    assert (done.files_before, done.files, rows(services)) == (4, 1, stored)


def test_the_command_line(bank: Bank, daily: Application) -> None:
    run, place = CliRunner(), ["--workspace", str(bank.folder)]
    first = run.invoke(app, ["tables", "compact", "--as", "otto", *place])
    assert (first.exit_code, "290" in first.stdout) == (0, True)
    assert "各表均已整理" in run.invoke(app, ["tables", "compact", "--as", "otto", *place]).stdout
    assert "transactions" in run.invoke(app, ["tables", "vacuum", "--keep-days", "1", "--as", "otto", *place]).stdout
    for command in (["compact"], ["vacuum"]):
        assert run.invoke(app, ["tables", *command, "--as", "lan", *place]).exit_code == 3
    assert isinstance(next(iter(compact_tables(daily.services, PRINCIPALS["lan"]))), Refusal)
