"""Contact pressure: one ledger of who is contacted how often, shared by all campaigns.

A contact is reserved in the transaction that decides it, committed when it is made, released when it is not. What is
committed counts on its day; what is reserved may still be made on any later day, so it counts until it is settled.
So no window ever holds more contacts than its cap allows, in whatever order contacts are reserved and made: of those in
a window, the one reserved last saw all the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, or_, select, text, update

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import BusinessCalendar, Clock, Window
from lingque.core.hashing import Int64s
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.tables import contact_ledger
from lingque.govern.contracts import Flags
from lingque.store.chunks import chunks

RESERVED, COMMITTED, RELEASED = "reserved", "committed", "released"
ASKED_SINGLY = 1_000
"""Beyond so many customers the ledger's counts are read whole."""


def capped(
    connection: Connection,
    customer_ids: Int64s,
    *,
    channel: str,
    purpose: Purpose,
    caps: Iterable[CapDefinition],
    day: date,
) -> Flags:
    """Per customer, in order: would one more contact on that day exceed a cap? One grouped query per cap."""
    flags: Flags = np.zeros(len(customer_ids), dtype=np.bool_)
    for cap in caps:
        if not _speaks_of(cap, channel, purpose):
            continue
        counts = _counts(connection, customer_ids.tolist(), cap, day, at_least=cap.at_most)
        full = np.fromiter(counts, dtype=np.int64, count=len(counts))
        flags |= np.isin(customer_ids, full) if cap.at_most else True
    return flags


def reserve(
    connection: Connection, contacts: Iterable[PlannedContact], *, caps: Iterable[CapDefinition], day: date
) -> list[PlannedContact]:
    """Reserve contacts in their order, in the caller's transaction, and return those that a cap refuses.

    Nobody else reserves until that transaction ends. A contact that is reserved or made already is left as it is; one
    that was released is judged anew. Contacts are written down without caps too: a cap defined later counts them.
    """
    _alone(connection)
    listed = list(contacts)
    before = _states(connection, {contact.wave_id for contact in listed})
    wanted = [contact for contact in listed if before.get(_key(contact), RELEASED) == RELEASED]
    customers = sorted({contact.customer_id for contact in wanted})
    running = [(cap, Counter(_counts(connection, customers, cap, day, at_least=1))) for cap in caps]
    refused: list[PlannedContact] = []
    kept: list[PlannedContact] = []
    for contact in wanted:
        mine = [(cap, counts) for cap, counts in running if _speaks_of(cap, contact.channel, contact.purpose)]
        if any(counts[contact.customer_id] >= cap.at_most for cap, counts in mine):
            refused.append(contact)
            continue
        for _, counts in mine:
            counts[contact.customer_id] += 1
        kept.append(contact)
    _write(connection, kept, before, day)
    return refused


def release_wave(connection: Connection, wave_id: int) -> int:
    """Release everything of the wave that has not been made, and return how many contacts that were."""
    return connection.execute(
        update(contact_ledger)
        .where(contact_ledger.c.wave_id == wave_id, contact_ledger.c.state == RESERVED)
        .values(state=RELEASED)
    ).rowcount


class ContactPressure:
    """Settles contacts one by one, for whoever makes them. A contact that was never reserved is left alone: it is
    older than the ledger."""

    def __init__(self, clock: Clock, calendar: BusinessCalendar) -> None:
        self._clock = clock
        self._calendar = calendar

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """It was made, or may have been: from now on it counts on the present day."""
        today = self._calendar.day_of(self._clock.now())
        day = contact_ledger.c.day
        connection.execute(
            update(contact_ledger)
            .where(_is(wave_id, customer_id, step), contact_ledger.c.state != COMMITTED)
            # a clock that was set back makes no contact older than its reservation
            .values(state=COMMITTED, day=case((day < today, today), else_=day))
        )

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """It will not be made: it counts no more. What was made stays made."""
        connection.execute(
            update(contact_ledger)
            .where(_is(wave_id, customer_id, step), contact_ledger.c.state == RESERVED)
            .values(state=RELEASED)
        )


def _alone(connection: Connection) -> None:
    """SQLite has one writer anyway; on PostgreSQL two could both count before either writes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {contact_ledger.name} IN SHARE ROW EXCLUSIVE MODE"))


def _speaks_of(cap: CapDefinition, channel: str, purpose: Purpose) -> bool:
    return Purpose[cap.purpose.upper()] is purpose and (not cap.channels or channel in cap.channels)


def _counts(
    connection: Connection, customers: Sequence[int], cap: CapDefinition, day: date, *, at_least: int
) -> dict[int, int]:
    """Contacts that count against the cap on that day, per customer who has that many.

    The window has no upper end: were the clock set back, contacts of days to come would count rather than be missed.
    """
    first, _ = Window.parse(cap.within).bounds(day + timedelta(days=1))
    counts = func.count().label("contacts")
    counting: list[ColumnElement[bool]] = [
        contact_ledger.c.purpose == int(Purpose[cap.purpose.upper()]),
        or_(
            contact_ledger.c.state == RESERVED,
            and_(contact_ledger.c.state == COMMITTED, contact_ledger.c.day >= first),
        ),
    ]
    if cap.channels:
        counting.append(contact_ledger.c.channel.in_(cap.channels))
    if len(customers) <= ASKED_SINGLY:
        counting.append(contact_ledger.c.customer_id.in_(customers))
    rows = connection.execute(
        select(contact_ledger.c.customer_id, counts)
        .where(*counting)
        .group_by(contact_ledger.c.customer_id)
        .having(counts >= at_least)
    )
    return {row.customer_id: row.contacts for row in rows}


def _states(connection: Connection, waves: set[int]) -> dict[tuple[int, int, int], str]:
    ledger = contact_ledger.c
    rows = connection.execute(
        select(ledger.wave_id, ledger.customer_id, ledger.step, ledger.state).where(ledger.wave_id.in_(waves))
    )
    return {(row.wave_id, row.customer_id, row.step): row.state for row in rows}


def _write(
    connection: Connection,
    contacts: Sequence[PlannedContact],
    before: Mapping[tuple[int, int, int], str],
    day: date,
) -> None:
    new: list[dict[str, Any]] = []
    for contact in contacts:
        values = {
            "channel": contact.channel,
            "purpose": int(contact.purpose),
            "state": RESERVED,
            "day": day,
        }
        if _key(contact) in before:
            connection.execute(update(contact_ledger).where(_is(*_key(contact))).values(values))
        else:
            wave, customer, step = _key(contact)
            new.append({"wave_id": wave, "customer_id": customer, "step": step, **values})
    for part in chunks(new, 50_000):
        connection.execute(insert(contact_ledger), list(part))


def _key(contact: PlannedContact) -> tuple[int, int, int]:
    return contact.wave_id, contact.customer_id, contact.step


def _is(wave_id: int, customer_id: int, step: int) -> ColumnElement[bool]:
    ledger = contact_ledger.c
    return and_(ledger.wave_id == wave_id, ledger.customer_id == customer_id, ledger.step == step)
