"""Two who reserve at the same time: never more contacts than the cap, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest
from sqlalchemy import func, select

from lingque.catalog.definitions import CapDefinition
from lingque.core.ids import CustomerId
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure import capped, reserve
from lingque.decide.tables import contact_ledger
from lingque.store.database import Database

DAY = date(2026, 6, 1)
TWICE = [
    CapDefinition.model_validate(
        {"cap": "twice", "label": {"zh": "两次", "en": "Twice"}, "at_most": 2, "within": "7 days"}
    )
]
CUSTOMERS = range(1, 21)


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
            select(contact_ledger.c.customer_id, func.count().label("n")).group_by(contact_ledger.c.customer_id)
        )
        return {row.customer_id: row.n for row in rows}


def test_who_comes_second_waits_and_sees_what_the_first_reserved(migrated_url: str, database: Database) -> None:
    other = Database(migrated_url)
    began, done = threading.Event(), threading.Event()
    refused: list[PlannedContact] = []

    def second() -> None:
        began.set()
        with other.transaction() as connection:
            refused.extend(reserve(connection, [*wave_of(2), *wave_of(3)], caps=TWICE, day=DAY))
        done.set()

    thread = threading.Thread(target=second)
    with database.transaction() as connection:
        assert reserve(connection, wave_of(1), caps=TWICE, day=DAY) == []
        thread.start()
        began.wait(10)
        assert not done.wait(0.3), "nobody reserves beside another"
    thread.join(30)
    other.close()
    assert refused == wave_of(3), "one of two was left for each"
    assert set(counts(database).values()) == {2}


def test_many_at_once_never_exceed_the_cap(migrated_url: str, database: Database) -> None:
    together = threading.Barrier(4)

    def worker(number: int) -> int:
        own = Database(migrated_url)
        together.wait(10)
        reserved = 0
        for turn in range(3):
            with own.transaction() as connection:
                wished = wave_of(10 * number + turn)
                reserved += len(wished) - len(reserve(connection, wished, caps=TWICE, day=DAY))
        own.close()
        return reserved

    with ThreadPoolExecutor(4) as pool:
        reserved = sum(pool.map(worker, range(1, 5)))
    assert counts(database) == dict.fromkeys(CUSTOMERS, 2)
    assert reserved == 2 * len(CUSTOMERS)


def test_what_a_transaction_takes_back_was_never_reserved(database: Database) -> None:
    def reserve_and_fail() -> None:
        with database.transaction() as connection:
            reserve(connection, wave_of(1), caps=TWICE, day=DAY)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        reserve_and_fail()
    ids = np.array(list(CUSTOMERS), dtype=np.int64)
    with database.reading() as connection:
        flags = capped(connection, ids, channel="email", purpose=Purpose.MARKETING, caps=TWICE, day=DAY)
    assert not flags.any()
