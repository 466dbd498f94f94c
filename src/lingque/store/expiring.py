"""Rows of the control plane that are kept for a time only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Date, Table, delete, func, select

from lingque.core.clock import BusinessCalendar, Instant


class Expiring(Protocol):
    """Rows of the control plane that are kept for a time only. `before` is the first instant that is kept."""

    @property
    def name(self) -> str: ...

    def count(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> int: ...

    def purge(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> int: ...


@dataclass(frozen=True, kw_only=True)
class ExpiringTable:
    """A table, and the column (an instant or a day) that says how old a row is."""

    table: Table
    column: str

    @property
    def name(self) -> str:
        return self.table.name

    def count(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> int:
        """How many rows are older."""
        found = select(func.count()).select_from(self.table).where(self._older(before, calendar))
        return int(connection.execute(found).scalar_one())

    def purge(self, connection: Connection, before: Instant, calendar: BusinessCalendar) -> int:
        """Delete them; how many there were."""
        return connection.execute(delete(self.table).where(self._older(before, calendar))).rowcount

    def _older(self, before: Instant, calendar: BusinessCalendar) -> ColumnElement[bool]:
        column = self.table.c[self.column]
        limit: Any = calendar.day_of(before) if isinstance(column.type, Date) else before
        older: ColumnElement[bool] = column < limit
        return older
