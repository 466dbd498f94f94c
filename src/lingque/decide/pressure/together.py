"""Single contacts of many threads, made durable together.

A database writes to the disk a few hundred times a second, whatever one writes. So who comes while others are being
written waits, and all who wait are then written in one transaction. The answer is given after its commit: what was
answered survives every later crash (SQLite writes with `synchronous = FULL`, PostgreSQL unless its server says
otherwise).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure.caps import Now
from lingque.decide.pressure.ledger import commit_each, keys_of, lock, release_each, reserve
from lingque.store.database import Database

MOST = 1_000
"""Of one transaction: other writers wait no longer than for so many."""

Act = Literal["reserve", "commit", "release"]


@dataclass(kw_only=True, eq=False)
class _Asked:
    act: Act
    contact: PlannedContact
    turn: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    answer: bool = False
    failed: BaseException | None = None


class SingleContacts:
    """The ledger for those who decide about one customer at a time; any number of threads may use it at once.

    A reservation lasts for `lasts` microseconds. `caps` gives those in force at the moment.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        calendar: BusinessCalendar,
        caps: Callable[[], Iterable[CapDefinition]],
        *,
        lasts: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._calendar = calendar
        self._caps = caps
        self._lasts = lasts
        self._waiting: deque[_Asked] = deque()
        self._changing = threading.Lock()
        self._led = False

    def reserve(self, contact: PlannedContact) -> bool:
        """True where it is reserved now, or was already; false where a cap refuses."""
        return self._ask("reserve", contact)

    def commit(self, contact: PlannedContact) -> bool:
        """Ask before the contact is made. True: it counts, make it. False: its reservation is no more, do not."""
        return self._ask("commit", contact)

    def release(self, contact: PlannedContact) -> None:
        """It will not be made."""
        self._ask("release", contact)

    def _ask(self, act: Act, contact: PlannedContact) -> bool:
        asked = _Asked(act=act, contact=contact)
        with self._changing:
            self._waiting.append(asked)
            leads = not self._led
            self._led = True
        if not leads:
            asked.turn.wait()
        if not asked.done:
            # nobody has written it: this thread writes for all who wait by now
            self._lead()
        if asked.failed is not None:
            raise asked.failed
        return asked.answer

    def _lead(self) -> None:
        """Write what waits, wake its threads, and let the first of those who came meanwhile lead next."""
        with self._changing:
            batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            with self._database.transaction() as connection:
                self._carry_out(connection, batch)
        except Exception as error:  # whatever it was, those who wait are told, and it goes on up
            for asked in batch:
                asked.failed = error
            raise
        finally:
            for asked in batch:
                asked.done = True
                asked.turn.set()
            with self._changing:
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].turn.set()

    def _carry_out(self, connection: Connection, batch: list[_Asked]) -> None:
        lock(connection, np.array([asked.contact.customer_id for asked in batch], dtype=np.int64))
        now = Now(instant=self._clock.now(), calendar=self._calendar)
        expires_at = Instant(now.instant + self._lasts)
        by_act = {act: [asked for asked in batch if asked.act == act] for act in ("reserve", "commit", "release")}
        wished = [asked.contact for asked in by_act["reserve"]]
        refused = set(reserve(connection, wished, caps=self._caps(), now=now, expires_at=expires_at))
        for asked in by_act["reserve"]:
            asked.answer = asked.contact not in refused
        if by_act["commit"]:
            keys = keys_of([asked.contact for asked in by_act["commit"]])
            for asked, made in zip(by_act["commit"], commit_each(connection, keys, now=now.instant), strict=True):
                asked.answer = bool(made)
        if by_act["release"]:
            release_each(connection, keys_of([asked.contact for asked in by_act["release"]]))
