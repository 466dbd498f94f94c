"""What contact pressure costs: whole waves, single contacts, and how evenly writers come to write.

Set-wise: every customer is reserved for once per wave, against three caps, and the wave is committed. Together: a
contact each of 64 customers in one transaction, as decisions reserve that are asked for at once. The peer is the bare
database: the same rows written without being counted. `--postgres URL` measures a PostgreSQL server as well; it must
hold nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import insert, text

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Instant, instant_of
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure.caps import ContactKind, ContactState, Now
from lingque.decide.pressure.ledger import ContactKeys, Wanted, commit_each, reserve, reserve_each
from lingque.decide.tables import contact_ledger
from lingque.store.database import Database

START = instant_of(datetime(2026, 6, 1, 2, tzinfo=UTC))
DAY = 86_400_000_000
CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
DEFAULT_CUSTOMERS, FULL_CUSTOMERS = 200_000, 1_000_000
WAVES = 4
ROWS = 50_000
ASKED, GROUPS = 64, 200
WRITERS, FAIR_SECONDS = 16, 4.0
KIND = ContactKind(channel="sms", purpose=Purpose.MARKETING, topic="loans")


def cap(at_most: int, within: str, **fields: Any) -> CapDefinition:
    content = {"cap": "some", "label": {"zh": "上限", "en": "Cap"}, "at_most": at_most, "within": within}
    return CapDefinition.model_validate(content | fields)


CAPS = (cap(3, "7 days"), cap(6, "this month", topics=["loans"]), cap(1, "20 hours", channels=["sms"]))


def pressure(*, customers: int, postgres: str | None) -> dict[str, Any]:
    """The figures as `--help` of this module's command describes them."""
    with tempfile.TemporaryDirectory(prefix="lingque-pressure-") as folder:
        measured = {"sqlite": _measured(f"sqlite:///{Path(folder) / 'control.db'}", customers)}
    if postgres is not None:
        measured["postgresql"] = _measured(postgres, customers)
    return measured


def _measured(url: str, customers: int) -> dict[str, Any]:
    database = Database(url)
    try:
        database.migrate()
        ids = np.unique(np.random.default_rng(7).integers(1, 2**62, customers))
        bare = _bare(database, ids)
        waves, held = _waves(database, ids)
        together = _together(database, ids)
        return {"set_wise": waves, "bare": bare, "together": together, "held": held, "fair": _fair(url, ids)}
    finally:
        database.close()


def _bare(database: Database, ids: Int64s) -> float:
    """Rows a second of a wave that nobody counts; it is taken back."""
    began = time.perf_counter()
    for start in range(0, len(ids), ROWS):
        with database.transaction() as connection:
            rows = [
                {
                    "customer_id": one, "wave_id": 0, "step": 1, "channel": KIND.channel, "topic": KIND.topic,
                    "purpose": int(KIND.purpose), "state": int(ContactState.RESERVED), "at": START,
                    "expires_at": END_OF_TIME,
                }
                for one in ids[start : start + ROWS].tolist()
            ]  # fmt: skip
            connection.execute(insert(contact_ledger), rows)
    rate = len(ids) / (time.perf_counter() - began)
    with database.transaction() as connection:
        connection.execute(contact_ledger.delete())
    return rate


def _waves(database: Database, ids: Int64s) -> tuple[float, bool]:
    """Contacts reserved a second, and whether every cap did what it says."""
    seconds, expected = 0.0, True
    for wave in range(1, WAVES + 1):
        now = Now(instant=Instant(START + wave * DAY), calendar=CALENDAR)
        refused = 0
        for start in range(0, len(ids), ROWS):
            keys = ContactKeys(customer_ids=ids[start : start + ROWS], wave_ids=wave, steps=1)
            began = time.perf_counter()
            with database.transaction() as connection:
                refused += int(reserve_each(connection, Wanted(kind=KIND, keys=keys), caps=CAPS, now=now).sum())
            seconds += time.perf_counter() - began
            with database.transaction() as connection:
                commit_each(connection, keys, now=now.instant)
        expected &= refused == (len(ids) if wave > 3 else 0)
        if database.engine.dialect.name == "postgresql":
            # what its own housekeeping does after so many new rows
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("ANALYZE contact_ledger"))
    return WAVES * len(ids) / seconds, expected


def _together(database: Database, ids: Int64s) -> float:
    """Contacts a second, each durable when its transaction ends."""
    now = Now(instant=Instant(START + 50 * DAY), calendar=CALENDAR)
    began = time.perf_counter()
    for turn in range(GROUPS):
        group = ids[np.arange(turn * ASKED, (turn + 1) * ASKED) % len(ids)].tolist()
        with database.transaction() as connection:
            contacts = [_contact(1_000, CustomerId(one), turn) for one in group]
            reserve(connection, contacts, caps=CAPS, now=now, expires_at=Instant(now.instant + DAY))
    return GROUPS * ASKED / (time.perf_counter() - began)


def _contact(wave: int, customer: CustomerId, step: int) -> PlannedContact:
    return PlannedContact(
        wave_id=wave, customer_id=customer, step=step, channel=KIND.channel, purpose=KIND.purpose, topic=KIND.topic
    )


def _fair(url: str, ids: Int64s) -> dict[str, Any]:
    """How often each of many busy processes wrote, and the longest that one waited."""
    told: Queue[tuple[int, float]] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=_write, args=(url, ids[number::WRITERS], number, told))
        for number in range(WRITERS)
    ]
    for process in processes:
        process.start()
    written = [told.get() for _ in processes]
    for process in processes:
        process.join()
    counts = sorted(count for count, _ in written)
    return {
        "fewest": counts[0],
        "most": counts[-1],
        "longest_wait": round(max(wait for _, wait in written), 3),
    }


def _write(url: str, ids: Int64s, number: int, told: Queue[tuple[int, float]]) -> None:
    database = Database(url)
    now = Now(instant=Instant(START + 100 * DAY), calendar=CALENDAR)
    count, longest, end = 0, 0.0, time.perf_counter() + FAIR_SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        with database.transaction() as connection:
            longest = max(longest, time.perf_counter() - began)
            contact = _contact(2_000 + number, CustomerId(int(ids[count % len(ids)])), count)
            reserve(connection, [contact], caps=CAPS, now=now)
        count += 1
    database.close()
    told.put((count, longest))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=DEFAULT_CUSTOMERS, help="customers of a wave")
    parser.add_argument("--full", action="store_true", help=f"{FULL_CUSTOMERS:,} customers")
    parser.add_argument("--postgres", help="an empty database, such as postgresql://user@host/name")
    options = parser.parse_args()
    customers = FULL_CUSTOMERS if options.full else options.size
    began, cpu = time.perf_counter(), time.process_time()
    measured = pressure(customers=customers, postgres=options.postgres)
    for name, one in measured.items():
        print(f"{name}: {one['set_wise']:,.0f} reserved a second set-wise ({one['bare']:,.0f} bare rows),", end=" ")
        print(
            f"{one['together']:,.0f} as {ASKED} ask at once; {WRITERS} writers wrote"
            f" {one['fair']['fewest']}–{one['fair']['most']} times"
        )
    sqlite = measured["sqlite"]
    print(
        json.dumps(
            {
                "name": "pressure",
                "size": {"customers": customers, "waves": WAVES, "caps": len(CAPS)},
                "seconds": round(time.perf_counter() - began, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
                "peers": {"bare insert": round(WAVES * customers / sqlite["bare"], 3)},
                "ratios": {"bare insert": round(sqlite["set_wise"] / sqlite["bare"], 2)},
                "checks": {f"caps hold on {name}": one["held"] for name, one in measured.items()},
                "extra": measured,
            }
        )
    )


if __name__ == "__main__":
    main()
