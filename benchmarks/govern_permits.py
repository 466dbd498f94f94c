"""The part of `benchmarks.govern` on permits.

The peer is the database alone: the same judge, for whom the statements of the one customer are read anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any, Protocol
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
SINGLES, READ = 2_000, 200
SETS = 5
ROWS = 50_000
MOST_MICROSECONDS = 50


class Figures(Protocol):
    """What `benchmarks.govern` notes figures down in."""

    rates: dict[str, float]
    checks: dict[str, bool]

    def timed(self, name: str, count: int) -> AbstractContextManager[None]: ...

    def peer(self, name: str, against: str, work: Callable[[], None], *, times: float = 1) -> None: ...

    def target(self, name: str, rate: float) -> None: ...


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


def permits(database: Database, figures: Figures, customers: int) -> None:
    """One permit from the picture, one after a withdrawal of a moment ago, and a set of everybody."""
    ids = _fill(database, customers)
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
        with figures.timed("permits: draw the picture", len(ids)):
            office.permit_set(connection, ids, ask)
        with figures.timed("permits: set", SETS * len(ids)):
            for _ in range(SETS):
                answer = office.permit_set(connection, ids, ask)
        with figures.timed("permits: one", SINGLES):
            one_by_one = [isinstance(office.permit(connection, n, ask), Permit) for n in some]
        unhurried = PermitOffice(FixedClock(NOW), BusinessCalendar(ZoneInfo("Asia/Shanghai")))
        unhurried._picture = _NeverDrawn()
        figures.peer(
            "one from the database", "permits: one", lambda: _each(unhurried, connection, some[:READ], ask),
            times=SINGLES // READ,
        )  # fmt: skip
    figures.target("permits: one", 1e6 / MOST_MICROSECONDS)
    figures.target("permits: set", 2_000_000)
    figures.checks["one by one as together"] = one_by_one == answer.allowed[:SINGLES].tolist()
    figures.checks["some are allowed and some are not"] = 0 < int(answer.allowed.sum()) < len(ids)
    who = some[one_by_one.index(True)]
    after, seen = _after_a_withdrawal(database, office, who, ask)
    figures.checks["a withdrawal of a moment ago is seen"] = seen
    figures.rates["permits: first after a withdrawal"] = 1 / max(after, 1e-9)


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
