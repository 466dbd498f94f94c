"""What permits cost: one from the picture in memory, after a withdrawal of a moment ago, and a set of everybody.

The peer is the database alone: the same judge, for whom the statements of the one customer are read anew.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, insert

from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId, PartyId
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import ConsentEntry, Grounds, Permit, PermitAsk
from lingque.govern.permits import PermitOffice
from lingque.govern.picture import CurrentPicture
from lingque.govern.register import touch
from lingque.govern.tables import automated_refusals, consents, subjects
from lingque.store.database import Database
from lingque.testing import FixedClock

NOW = instant_of(datetime(2026, 6, 1, 2, 0, tzinfo=UTC))
DEFAULT_CUSTOMERS, FULL_CUSTOMERS = 100_000, 2_000_000
SINGLES = 2_000
ROWS = 50_000


def permits(*, customers: int) -> dict[str, Any]:
    """The figures as `--help` of this module's command describes them."""
    with tempfile.TemporaryDirectory(prefix="lingque-permits-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'control.db'}")
        try:
            database.migrate()
            ids = _fill(database, customers)
            return _measured(database, ids)
        finally:
            database.close()


def _fill(database: Database, customers: int) -> Int64s:
    random = np.random.default_rng(7)
    ids = np.unique(random.integers(1, 2**63 - 1, customers))
    with database.transaction() as connection:
        for start in range(0, len(ids), ROWS):
            part = ids[start : start + ROWS].tolist()
            connection.execute(
                insert(subjects),
                [{"party_id": n, "customer_id": n, "birth_date": date(1950 + n % 60, 1 + n % 12, 1)} for n in part],
            )
            connection.execute(insert(consents), [row for n in part for row in _statements(n)])
            refusing = [n for n in part if n % 50 == 0]
            connection.execute(insert(automated_refusals), [_refusal(n) for n in refusing])
        touch(connection, None)
    return random.permutation(ids)


def _statements(n: int) -> list[dict[str, Any]]:
    """Two of each on average, a fifth of them withdrawn again."""
    rows = [_statement(n, 0, DataClass.PERSONAL | DataClass.FINANCIAL, given=True)]
    if n % 5 == 0:
        rows.append(_statement(n, 1, DataClass(0), given=False))
    if n % 5 != 1:
        rows.append(_statement(n, 2, DataClass.PERSONAL, given=True, channel="sms"))
    return rows


def _statement(n: int, number: int, classes: DataClass, *, given: bool, channel: str = "email") -> dict[str, Any]:
    return {
        "party_id": n,
        "purpose": int(Purpose.MARKETING),
        "channel": channel,
        "data_classes": int(classes),
        "given": given,
        "by_guardian": False,
        "acted_at": NOW - 10**9 + number,
        "expires_at": None,
        "wording_version": "v1",
        "evidence": "form",
        "origin": f"{n}/{number}",
        "recorded_at": NOW,
    }


def _refusal(n: int) -> dict[str, Any]:
    return {
        "party_id": n,
        "refused": True,
        "acted_at": NOW - 10**9,
        "wording_version": "v1",
        "evidence": "page",
        "recorded_at": NOW,
    }


def _measured(database: Database, ids: Int64s) -> dict[str, Any]:
    office = PermitOffice(FixedClock(NOW), BusinessCalendar(ZoneInfo("Asia/Shanghai")))
    ask = PermitAsk(
        purpose=Purpose.MARKETING,
        channel="email",
        data_classes=DataClass.PERSONAL | DataClass.FINANCIAL,
        moment=NOW,
        grounds=Grounds(tags=frozenset({"idle_balance"})),
    )
    some = [CustomerId(n) for n in ids[:SINGLES].tolist()]
    with database.reading() as connection:
        drawn = _seconds(lambda: office.permit_set(connection, ids, ask))
        together = min(_seconds(lambda: office.permit_set(connection, ids, ask)) for _ in range(5))
        single = min(_seconds(lambda: _each(office, connection, some, ask)) for _ in range(3)) / SINGLES
        answer = office.permit_set(connection, ids, ask)
        one_by_one = [isinstance(office.permit(connection, n, ask), Permit) for n in some]
        unhurried = PermitOffice(FixedClock(NOW), BusinessCalendar(ZoneInfo("Asia/Shanghai")))
        unhurried._picture = _NeverDrawn()
        read = _seconds(lambda: _each(unhurried, connection, some[:200], ask)) / 200
    agreeing = one_by_one == answer.allowed[:SINGLES].tolist()
    who = some[one_by_one.index(True)]
    after, seen = _after_a_withdrawal(database, office, who, ask)
    return {
        "customers": len(ids),
        "draw_seconds": drawn,
        "set_per_second": len(ids) / together,
        "single_microseconds": single * 1e6,
        "single_from_database_microseconds": read * 1e6,
        "first_after_withdrawal_microseconds": after * 1e6,
        "set_seconds": together,
        "checks": {
            "one by one as together": agreeing,
            "a withdrawal of a moment ago is seen": seen,
            "some are allowed and some are not": 0 < int(answer.allowed.sum()) < len(ids),
        },
    }


def _after_a_withdrawal(
    database: Database, office: PermitOffice, who: CustomerId, ask: PermitAsk
) -> tuple[float, bool]:
    gone = ConsentEntry(
        party_id=PartyId(who),
        purpose=ask.purpose,
        channel=ask.channel,
        data_classes=DataClass(0),
        action="withdraw",
        acted_at=Instant(NOW),
        wording_version="v1",
        evidence="page",
        origin="benchmark",
    )
    with database.transaction() as connection:
        office.record_consents(connection, [gone])
    with database.reading() as connection:
        begun = time.process_time()
        answer = office.permit(connection, who, ask)
        return time.process_time() - begun, not isinstance(answer, Permit)


def _each(office: PermitOffice, connection: Connection, customers: list[CustomerId], ask: PermitAsk) -> None:
    for customer in customers:
        office.permit(connection, customer, ask)


class _NeverDrawn(CurrentPicture):
    """The peer: every question is answered from the database."""

    def _brought_up(self, connection: Connection, version: int, definitions: int, *, few: bool) -> None:  # noqa: ARG002
        return None


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print the figures, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=DEFAULT_CUSTOMERS)
    parser.add_argument("--full", action="store_true", help=f"{FULL_CUSTOMERS:,} customers")
    arguments = parser.parse_args()
    customers = FULL_CUSTOMERS if arguments.full else arguments.customers
    begun, cpu = time.perf_counter(), time.process_time()
    found = permits(customers=customers)
    checks = found.pop("checks")
    for name, value in found.items():
        print(f"{name:40} {value:,.1f}" if isinstance(value, float) else f"{name:40} {value:,}")
    print(
        json.dumps(
            {
                "name": "permits",
                "size": {"customers": found["customers"]},
                "seconds": round(time.perf_counter() - begun, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
                "peers": {"one permit from the database": found["single_from_database_microseconds"] / 1e6},
                "ratios": {
                    "one permit from the database": round(
                        found["single_from_database_microseconds"] / found["single_microseconds"], 1
                    )
                },
                "checks": checks,
                "extra": {
                    "single_microseconds": round(found["single_microseconds"], 1),
                    "set_per_second": round(found["set_per_second"]),
                    "first_after_withdrawal_microseconds": round(found["first_after_withdrawal_microseconds"], 1),
                    "draw_seconds": round(found["draw_seconds"], 2),
                    "durability": "SQLite in WAL mode, synchronous=FULL",
                },
            }
        )
    )


if __name__ == "__main__":
    main()
