"""What waits in the queue, and what has to go on waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Select, func, select

from lingque.core.reasons import Reason, Refusal
from lingque.deliver.tables import deliveries

PAGE = 200

AllowedWave = Callable[[Connection, int], bool]
"""May messages of this wave go out at this moment? Asked in the transaction that claims them."""


class Gate:
    """What one pump has found that must wait: waves that may not send now, messages in quiet hours.

    A wave once found closed stays closed until the next pump, so that its messages are not looked at one by one.
    """

    def __init__(self, allowed: AllowedWave) -> None:
        self._allowed = allowed
        self.closed: set[int] = set()
        self.held: set[int] = set()

    def lets(self, connection: Connection, wave_id: int) -> bool:
        """May the wave send? Where not, the rest of this pump passes it over."""
        if wave_id not in self.closed and self._allowed(connection, wave_id):
            return True
        self.closed.add(wave_id)
        return False

    def holds(self, work: Any, refusal: Refusal) -> bool:
        """Is it only the hour that speaks against this message? Then it goes on waiting."""
        if refusal.reason is not Reason.QUIET_HOURS:
            return False
        self.held.add(work.delivery_id)
        return True

    def paused(self, connection: Connection, channels: Collection[str]) -> int:
        """How many messages wait behind the closed waves."""
        query = select(func.count()).where(
            deliveries.c.status == "queued",
            deliveries.c.channel.in_(list(channels)),
            deliveries.c.wave_id.in_(self.closed),
        )
        return connection.execute(query).scalar_one()


def queued(gate: Gate, channels: Collection[str], after: int) -> Select[Any]:
    """Messages in the order in which they were queued, behind that one, of waves that are not closed."""
    query = select(deliveries).where(
        deliveries.c.status == "queued", deliveries.c.channel.in_(list(channels)), deliveries.c.delivery_id > after
    )
    if gate.closed:
        query = query.where(deliveries.c.wave_id.not_in(gate.closed))
    return query.order_by(deliveries.c.delivery_id)


class Line:
    """The queue from its beginning, one message at a time; read a page at a time, so each may be stale."""

    def __init__(self, gate: Gate, channels: Collection[str]) -> None:
        self._gate = gate
        self._channels = list(channels)
        self._page: deque[Any] = deque()
        self._after = 0

    def next(self, connection: Connection) -> Any:
        """The next message whose wave may send at this moment; None at the end."""
        while True:
            while self._page:
                work = self._page.popleft()
                if self._gate.lets(connection, work.wave_id):
                    return work
            query = queued(self._gate, self._channels, self._after).limit(PAGE)
            self._page.extend(connection.execute(query))
            if not self._page:
                return None
            self._after = self._page[-1].delivery_id
