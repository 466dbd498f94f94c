"""Many processes that reserve, commit and release for the same customers at the same time, and are killed now and then.

Run as a program with one argument, JSON: `url`, `folder`, `processes`, `attempts` (of all together), `batch`,
`customers`, `kills`, `pause` (seconds between them), `seed`. Each process has a clock of its own that runs ahead, lags
and is set back. What a process was told to be committed it notes in a file of the folder, as (wave, customer).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.errors import BusyError
from lingque.core.hashing import Int64s
from lingque.core.registries import Purpose
from lingque.decide.pressure.caps import ContactKind, Now
from lingque.decide.pressure.ledger import ContactKeys, Wanted, commit_each, lock, release_each, reserve_each
from lingque.govern.contracts import Flags
from lingque.store.database import Database

CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
BEGIN = 1_780_000_000_000_000
HOUR = 3_600_000_000
SPAN = 24 * 90 * HOUR
"""How long the contacts take together by their clocks: three months."""
TOPICS = (None, "loans", "funds")
CHANNELS = ("sms", "email")


def cap(at_most: int, within: str, **fields: Any) -> CapDefinition:
    content = {"cap": "some", "label": {"zh": "上限", "en": "Cap"}, "at_most": at_most, "within": within}
    return CapDefinition.model_validate(content | fields)


CAPS = (
    cap(3, "7 days"),
    cap(1, "20 hours", channels=["sms"]),
    cap(6, "this month"),
    cap(2, "this week", topics=["loans"]),
)


def work(url: str, notes: Path, number: int, batches: int, size: int, customers: int, seed: int) -> None:
    """Reserve in batches; commit most of a batch in the next transaction, release some, let some expire."""
    chance = np.random.default_rng([seed, number, os.getpid()])
    database = Database(url)
    everybody = np.arange(1, customers + 1, dtype=np.int64) * 7_919
    with notes.open("ab", buffering=0) as file:
        for turn in range(batches):
            # a wave of its own for each batch of each life of the process
            wave = int(chance.integers(1, 2**62))
            present = BEGIN + SPAN * turn // batches + int(chance.integers(-30, 31)) * HOUR
            now = Now(instant=Instant(present), calendar=CALENDAR)
            ids = chance.choice(everybody, size, replace=False)
            kind = ContactKind(
                channel=CHANNELS[chance.integers(len(CHANNELS))],
                purpose=Purpose.MARKETING,
                topic=TOPICS[chance.integers(len(TOPICS))],
            )
            keys = ContactKeys(customer_ids=ids, wave_ids=wave, steps=1)
            wanted = Wanted(kind=kind, keys=keys, expires_at=Instant(present + HOUR))
            mine = ids[~patiently(database, lambda at, w=wanted, n=now: reserve_each(at, w, caps=CAPS, now=n))]
            # some are committed too late, and some by a clock that was set back
            settled = Instant(present + int(chance.choice([0, HOUR // 2, HOUR - 1, HOUR, -HOUR])))
            made, given_back = np.split(mine, [len(mine) * 9 // 10])
            kept, dropped = _keys(wave, made), _keys(wave, given_back)
            committed = made[patiently(database, lambda at, k=kept, d=dropped, n=settled: settle(at, k, d, n))]
            file.write(np.column_stack([np.full(len(committed), wave), committed]).astype(np.int64).tobytes())
            file.write(np.array([[-1, size]], dtype=np.int64).tobytes())
    database.close()


def settle(connection: Connection, kept: ContactKeys, dropped: ContactKeys, now: Instant) -> Flags:
    """Commit some and release others in one transaction."""
    lock(connection, np.concatenate([kept.customer_ids, dropped.customer_ids]))
    committed = commit_each(connection, kept, now=now)
    release_each(connection, dropped)
    return committed


def patiently(database: Database, act: Callable[[Connection], Flags]) -> Flags:
    """In one transaction; sixteen who share a slow machine may have to ask twice."""
    while True:
        try:
            with database.transaction() as connection:
                return act(connection)
        except BusyError:
            continue


def _keys(wave: int, ids: Int64s) -> ContactKeys:
    return ContactKeys(customer_ids=ids, wave_ids=wave, steps=1)


def main(job: dict[str, Any]) -> None:
    """Start the processes; kill one now and then and start another in its place."""
    chance = np.random.default_rng(job["seed"])
    batches = -(-job["attempts"] // (job["processes"] * job["batch"]))
    running: dict[int, int] = {}
    killed = 0

    def start(number: int) -> None:
        child = os.fork()
        if child:
            running[child] = number
            return
        notes = Path(job["folder"]) / f"notes-{number}"
        code = 1
        try:
            work(job["url"], notes, number, batches, job["batch"], job["customers"], job["seed"])
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)

    for number in range(job["processes"]):
        start(number)
    failed = 0
    while running:
        if killed < job["kills"]:
            time.sleep(float(chance.uniform(0.02, 2 * job["pause"])))
            os.kill(int(chance.choice(list(running))), signal.SIGKILL)
        child, status = os.wait()
        number = running.pop(child)
        if os.WIFSIGNALED(status):
            killed += 1
            start(number)
        failed += os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0
    sys.stdout.write(json.dumps({"killed": killed, "failed": failed}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
