"""Contacts that the ledger need not know any more."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from lingque.catalog.repository import load_catalog
from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.periods import Period
from lingque.decide.pressure.caps import ContactState
from lingque.decide.tables import contact_ledger


class OldContacts:
    """The ledger as rows that are kept for a time only. However short that time, a contact stays as long as the period
    of any cap in force looks back on it, and a reservation as long as it may still be made."""

    name = contact_ledger.name

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def count(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> int:
        """How many contacts were made, given up or expired before."""
        found = select(func.count()).select_from(contact_ledger).where(self._over(connection, before, calendar))
        return int(connection.execute(found).scalar_one())

    def purge(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> int:
        """Delete them; how many there were."""
        return connection.execute(delete(contact_ledger).where(self._over(connection, before, calendar))).rowcount

    def _over(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> ColumnElement[bool]:
        caps, now = load_catalog(connection).caps.values(), self._clock.now()
        limit = min([before, *(Period.parse(cap.within).start(now, calendar) for cap in caps)])
        row = contact_ledger.c
        return or_(
            and_(row.state != ContactState.RESERVED, row.at < limit),
            and_(row.state == ContactState.RESERVED, row.expires_at < limit),
        )
