"""Killed while filling what is looked up, and while computing many days: started again it comes to the same end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from killing import Workers, moments
from test_live_tags import LIVE, NAMES
from tiny_bank import AS_OF, CUSTOMERS, NOW, OTTO, Bank, account_no, customer_no, load_all, party_of, rows_of

from lingque.core.clock import instant_of
from lingque.flow import apply, run_tags
from lingque.flow.intake import make_ready
from lingque.flow.services import Services
from lingque.profile import filling
from lingque.profile.kernel import files

MOMENT = instant_of(NOW)
PROGRAM = Path(__file__).with_name("tags_process.py")
KILLED, DONE = -9, 0
LATEST = 60
"""More transactions than a fill has."""


@pytest.fixture(scope="module")
def tag_workers() -> Iterator[Workers]:
    made = Workers(PROGRAM)
    yield made
    made.close()


@pytest.fixture
def waiting(bank: Bank) -> Bank:
    """A bank with live tags whose newest day has not been taken in."""
    bank.define("live", LIVE)
    with bank.open() as application:
        services = application.services
        apply(services, OTTO)
        run_tags(services, AS_OF, OTTO)
        rows = [
            (f"N{n}", customer_no(n), account_no(n), "2026-05-30", "credit", "gift", "5.00", "5.00") for n in range(60)
        ]
        bank.deliver("transactions", rows, date(2026, 5, 31))
        load_all(services)
    return bank


def told(services: Services) -> dict[int, dict[str, Any]]:
    with services.database.reading() as connection:
        everybody = services.profile.tags_of(connection, AS_OF).column("customer_id").to_pylist()
    return {c: dict(row) for c, row in services.profile.answering.rows_of(everybody, MOMENT, NAMES).items()}


def fill_to(tag_workers: Workers, bank: Bank, moment: int) -> int:
    return tag_workers.do([str(bank.folder), os.environ["LINGQUE_CONTROL__URL"], "fill", moment])


def expected(bank: Bank) -> dict[int, dict[str, Any]]:
    with bank.open() as application:
        customers = {party_of(application, customer_no(n)): n for n in range(CUSTOMERS)}
    return {
        customer: {"salary_live": 1_000_000, "latest_live": 500 if n < 60 else 3_000_000 + 100 * n,
                   "bookings_live": 3 if n < 60 else 2, "saves_live": int(n == 0), "idle_live": n >= 60}
        for customer, n in customers.items()
    }  # fmt: skip


@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
@pytest.mark.parametrize("anew", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["following", "anew"])
def test_a_fill_that_is_killed_goes_on(waiting: Bank, tag_workers: Workers, anew: bool) -> None:
    """At the fifth transaction, then at the sixth of what is left, and so on: whoever looks meanwhile sees no half."""
    if anew:
        for path in (waiting.folder / "data" / "online").iterdir():
            path.unlink()
    outcomes = [fill_to(tag_workers, waiting, moment) for moment in (5, 6, LATEST * 2)]
    assert outcomes == [KILLED, KILLED, DONE]
    with waiting.open() as application:
        assert told(application.services) == expected(waiting)


@pytest.mark.slow
@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
@pytest.mark.parametrize("anew", [False, True], ids=["following", "anew"])
def test_a_fill_that_is_killed_at_any_moment_goes_on(waiting: Bank, tag_workers: Workers, anew: bool) -> None:
    wanted, online = expected(waiting), waiting.folder / "data" / "online"
    before = {} if anew else {path.name: path.read_bytes() for path in online.iterdir()}
    for moment in range(1, LATEST):
        for path in online.iterdir():
            path.unlink()
        for name, content in before.items():
            (online / name).write_bytes(content)
        killed = fill_to(tag_workers, waiting, moment)
        assert fill_to(tag_workers, waiting, 0) == DONE
        with waiting.open() as application:
            assert told(application.services) == wanted, moment
        if killed == DONE:
            break
    assert killed == DONE
    assert moment > 15


@pytest.mark.slow
@pytest.mark.parametrize("controls", ["sqlite"], indirect=True)
def test_two_processes_look_while_a_third_fills(waiting: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROWS_AT_ONCE", 40)
    monkeypatch.setattr(filling, "CUSTOMERS_AT_ONCE", 15)
    readers = [Workers(PROGRAM), Workers(PROGRAM)]
    ends: list[int] = []
    job = [str(waiting.folder), os.environ["LINGQUE_CONTROL__URL"], "look", CUSTOMERS]
    threads = [Thread(target=lambda one=one: ends.append(one.do(job))) for one in readers]
    for thread in threads:
        thread.start()
    while not (waiting.folder / "looked").exists() and any(thread.is_alive() for thread in threads):
        time.sleep(0.05)
    with waiting.open() as application:
        make_ready(application.services)
        assert told(application.services) == expected(waiting)
    (waiting.folder / "stop").touch()
    for thread, reader in zip(threads, readers, strict=True):
        thread.join()
        reader.close()
    assert ends == [DONE, DONE]


@pytest.mark.slow
def test_a_backfill_that_is_killed_goes_on(bank: Bank, tag_workers: Workers) -> None:
    days = 9
    job: list[str | int] = [str(bank.folder), os.environ["LINGQUE_CONTROL__URL"], "backfill", days - 1]
    for seconds in moments(6, 3.0):
        assert tag_workers.do(job, kill_after=seconds) in (KILLED, DONE)
        with bank.open() as application:
            counts: dict[date, int] = {}
            for row in rows_of(application.services, "customer_tags"):
                counts[row["as_of"]] = counts.get(row["as_of"], 0) + 1
            assert set(counts.values()) == {CUSTOMERS}, "no day is there in part"
    assert tag_workers.do(job) == DONE
    with bank.open() as application:
        found = {row["as_of"] for row in rows_of(application.services, "customer_tags")}
    assert found == {date(2026, 5, 12 + number) for number in range(days)} | {AS_OF}
