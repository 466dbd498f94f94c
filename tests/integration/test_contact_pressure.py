"""Contacts reserved at the same time: never more than a cap allows, on both databases, whoever dies in between."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pressure_process import CAPS
from sqlalchemy import func, insert, select

from lingque.catalog.definitions import CapDefinition
from lingque.catalog.repository import definitions
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.ids import CustomerId
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure.aging import OldContacts
from lingque.decide.pressure.caps import ContactKind, ContactState, Now
from lingque.decide.pressure.ledger import ContactKeys, capped, commit_each, keys_of, lock, release_each, reserve
from lingque.decide.tables import contact_ledger
from lingque.store.database import Database
from lingque.testing import FixedClock

CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
NOW = Now(instant=Instant(1_780_300_000_000_000), calendar=CALENDAR)
DAY, HOUR = 86_400_000_000, 3_600_000_000
TWICE = [
    CapDefinition.model_validate(
        {"cap": "twice", "label": {"zh": "两次", "en": "Twice"}, "at_most": 2, "within": "7 days"}
    )
]
CUSTOMERS = range(1, 21)
PROGRAM = Path(__file__).with_name("pressure_process.py")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


def wave_of(wave: int) -> list[PlannedContact]:
    return [
        PlannedContact(wave_id=wave, customer_id=CustomerId(n), step=1, channel="email", purpose=Purpose.MARKETING)
        for n in CUSTOMERS
    ]


def counts(database: Database) -> dict[int, int]:
    with database.reading() as connection:
        rows = connection.execute(
            select(contact_ledger.c.customer_id, func.count().label("n"))
            .where(contact_ledger.c.state != ContactState.RELEASED)
            .group_by(contact_ledger.c.customer_id)
        )
        return {row.customer_id: row.n for row in rows}


def test_who_comes_second_waits_and_sees_what_the_first_reserved(migrated_url: str, database: Database) -> None:
    other = Database(migrated_url)
    began, done = threading.Event(), threading.Event()
    refused: list[PlannedContact] = []

    def second() -> None:
        began.set()
        with other.transaction() as connection:
            refused.extend(reserve(connection, [*wave_of(2), *wave_of(3)], caps=TWICE, now=NOW))
        done.set()

    thread = threading.Thread(target=second)
    with database.transaction() as connection:
        assert reserve(connection, wave_of(1), caps=TWICE, now=NOW) == []
        thread.start()
        began.wait(10)
        assert not done.wait(0.3), "nobody reserves for the same customers beside another"
    thread.join(30)
    other.close()
    assert refused == wave_of(3), "one of two was left for each"
    assert set(counts(database).values()) == {2}


def test_what_a_transaction_takes_back_was_never_reserved(database: Database) -> None:
    def reserve_and_fail() -> None:
        with database.transaction() as connection:
            reserve(connection, wave_of(1), caps=TWICE, now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        reserve_and_fail()
    ids = np.array(list(CUSTOMERS), dtype=np.int64)
    with database.reading() as connection:
        flags = capped(connection, ids, ContactKind(channel="email", purpose=Purpose.MARKETING), TWICE, NOW)
    assert not flags.any()


def test_contacts_of_several_waves_are_settled_together_by_their_keys(database: Database) -> None:
    ids = np.array([3, 1, 2, 1], dtype=np.int64)
    keys = ContactKeys(customer_ids=ids, wave_ids=np.array([7, 7, 8, 9]), steps=np.array([1, 2, 1, 1]))
    contacts = [
        PlannedContact(wave_id=w, customer_id=CustomerId(c), step=s, channel="sms", purpose=Purpose.MARKETING)
        for c, w, s in [(3, 7, 1), (1, 7, 2), (1, 9, 1)]
    ]
    until = Instant(NOW.instant + HOUR)
    with database.transaction() as connection:
        assert reserve(connection, contacts, caps=TWICE, now=NOW, expires_at=until) == []
        assert commit_each(connection, keys.at(np.array([0])), now=NOW.instant).tolist() == [True]
        release_each(connection, keys)
        assert commit_each(connection, keys, now=NOW.instant).tolist() == [True, False, False, False]
        assert reserve(connection, contacts, caps=TWICE, now=NOW, expires_at=until) == []
        assert commit_each(connection, keys, now=until).tolist() == [True, False, False, False]
    with database.transaction() as connection:
        later = Now(instant=until, calendar=CALENDAR)
        assert reserve(connection, [*wave_of(1), *wave_of(2)], caps=TWICE, now=later) == wave_of(2)[2:3]


def test_many_threads_that_ask_for_the_same_customers_never_exceed_the_cap(database: Database) -> None:
    until = Instant(NOW.instant + HOUR)

    def ask(number: int) -> tuple[int, int]:
        wanted = wave_of(number)
        with database.transaction() as connection:
            refused = reserve(connection, wanted, caps=TWICE, now=NOW, expires_at=until)
        got = [contact for contact in wanted if contact not in refused]
        if not got:
            return 0, 0
        with database.transaction() as connection:
            lock(connection, np.array([contact.customer_id for contact in got], dtype=np.int64))
            release_each(connection, keys_of(got[::2]))
            made = commit_each(connection, keys_of(got[1::2]), now=NOW.instant) if got[1:] else np.zeros(0)
        return int(made.sum()), len(got[1::2])

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(1, 25)))
    assert all(committed == asked for committed, asked in answers)
    with database.reading() as connection:
        made = select(func.count()).where(contact_ledger.c.state == ContactState.COMMITTED)
        assert connection.execute(made).scalar_one() == sum(committed for committed, _ in answers)
    assert max(counts(database).values()) <= 2


def test_what_no_cap_looks_back_on_may_be_forgotten(database: Database) -> None:
    """A cap of seven days is in force: what was made within them stays, whatever retention says."""
    clock = FixedClock(NOW.instant)
    old = OldContacts(clock)
    with database.transaction() as connection:
        connection.execute(
            insert(definitions).values(
                kind="cap", name="weekly", version=1, body=TWICE[0].model_dump(mode="json", exclude_none=True),
                digest="d", applied_at=0, applied_by="ada",
            )
        )  # fmt: skip
    made, given_up, open_ended, expired = (wave_of(number)[:1] for number in range(1, 5))
    with database.transaction() as connection:
        for wave in (made, given_up, open_ended):
            reserve(connection, wave, caps=(), now=NOW)
        reserve(connection, expired, caps=(), now=NOW, expires_at=Instant(NOW.instant + HOUR))
        commit_each(connection, keys_of(made), now=NOW.instant)
        release_each(connection, keys_of(given_up))

    def gone(days: int) -> int:
        """After so many days, by a rule that keeps nothing but the present day."""
        clock.advance(days * DAY)
        today = CALENDAR.start_of(CALENDAR.day_of(clock.now()))
        with database.transaction() as connection:
            counted = old.count(connection, today, CALENDAR)
            assert old.purge(connection, today, CALENDAR) == counted
            return counted

    assert gone(6) == 0
    assert gone(1) == 3
    assert gone(1_000) == 0, "what may still be made stays"


def attempt(database: Database, folder: Path, **job: int | float) -> None:
    """Let the processes do their work."""
    url = database.url
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), json.dumps(job | {"url": url, "folder": str(folder)})],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout) == {"killed": job["kills"], "failed": 0}, ran.stderr
    count_by_hand(database, folder, attempts=int(job["attempts"]))


def count_by_hand(database: Database, folder: Path, *, attempts: int) -> None:
    """Hold what the ledger says against what the processes were told, and against the caps."""
    noted = [np.fromfile(path, dtype=np.int64) for path in folder.glob("notes-*")]
    notes = np.concatenate([one[: len(one) // 2 * 2].reshape(-1, 2) for one in noted])
    with database.reading() as connection:
        rows = connection.execute(
            select(*(contact_ledger.c[n] for n in ("customer_id", "wave_id", "at", "channel", "topic"))).where(
                contact_ledger.c.state == ContactState.COMMITTED
            )
        ).all()
    assert notes[notes[:, 0] < 0, 1].sum() >= attempts
    # whoever was told so can rely on it, whatever was killed
    told = {(wave, customer) for wave, customer in notes[notes[:, 0] > 0].tolist()}
    assert told <= {(row.wave_id, row.customer_id) for row in rows}
    assert len(told) > attempts / 100
    customers = np.array([row.customer_id for row in rows])
    at = np.array([row.at for row in rows])
    channels = np.array([row.channel for row in rows])
    topics = np.array([row.topic or "" for row in rows])
    assert holds(customers, (at + 8 * HOUR) // DAY, 3, 7), CAPS[0]
    texts = channels == "sms"
    assert holds(customers[texts], at[texts], 1, 20 * HOUR), CAPS[1]
    months = (at + 8 * HOUR).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    assert holds(customers, months, 6, 1), CAPS[2]
    loans = topics == "loans"
    weeks = ((at[loans] + 8 * HOUR) // DAY + 3) // 7
    assert holds(customers[loans], weeks, 2, 1), CAPS[3]
    assert not holds(customers, (at + 8 * HOUR) // DAY, 2, 7), "the cap was reached: it was put to the test"


def holds(customers: np.ndarray, at: np.ndarray, at_most: int, span: int) -> bool:
    """Are there never more than so many of one customer within less than the span?"""
    order = np.lexsort((at, customers))
    customers, at = customers[order], at[order]
    near = (customers[at_most:] == customers[:-at_most]) & (at[at_most:] - at[:-at_most] < span)
    return not near.any()


def test_processes_that_are_killed_never_exceed_a_cap(database: Database, tmp_path: Path) -> None:
    job = {"processes": 4, "attempts": 30_000, "batch": 400, "customers": 700}
    attempt(database, tmp_path, **job, kills=5, pause=0.05, seed=1)


@pytest.mark.slow
def test_ten_million_attempts_by_sixteen_processes_never_exceed_a_cap(database: Database, tmp_path: Path) -> None:
    job = {"processes": 16, "attempts": 10_000_000, "batch": 4_000, "customers": 40_000}
    attempt(database, tmp_path, **job, kills=40, pause=0.5, seed=2)
