"""Batches: put together with leave for every message in them, handed over, and set right where leave is lost later.

The messages of a batch are claimed (`sending`, with the batch's id) in the transaction that judges each permit and
opens each address; then the batch is handed over; then one transaction says so. A batch found in `sending` is handed
over again under its id, with leave asked again for each message: one whose leave is gone is taken out, and the receiver
is told as well, for it may have taken the first version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.errors import ChannelError
from lingque.core.hashing import digest_of
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import (
    BY_PEOPLE,
    Batch,
    BatchChannel,
    Message,
    Recalled,
    Status,
)
from lingque.deliver.leave import Leave
from lingque.deliver.moves import Moves
from lingque.deliver.tables import batches, deliveries
from lingque.deliver.waiting import Gate, queued
from lingque.govern.contracts import AuditTrail
from lingque.store.chunks import chunks
from lingque.store.database import Database


@dataclass(frozen=True, kw_only=True)
class HandingOver:
    """The part of the outbox that works in batches."""

    database: Database
    channels: Mapping[str, BatchChannel]
    leave: Leave
    moves: Moves
    audit: AuditTrail
    clock: Clock
    calendar: BusinessCalendar
    size: int

    def pump(self, gate: Gate) -> Iterator[int]:
        """Bring every batch on; yields how many messages each step brought on. Raises `ChannelError`."""
        yield from self._hand_over_again(gate)
        yield self._judge_assigned()
        self._recall()
        for name in self.channels:
            yield from self._hand_over_new(name, gate)
        self._recall()

    def _hand_over_new(self, channel: str, gate: Gate) -> Iterator[int]:
        after = 0
        while True:
            with self.database.transaction() as connection:
                works = self._next(connection, channel, gate, after)
                if not works:
                    return
                after = works[-1].delivery_id
                batch, refused = self._claim(connection, channel, works, gate)
            if batch is not None:
                self._hand_over(batch, fresh=True)
                yield len(batch.messages)
            yield refused

    def _next(self, connection: Connection, channel: str, gate: Gate, after: int) -> list[Any]:
        """The next messages of the channel, as far as they are of one wave."""
        while True:
            query = queued(gate, [channel], after).limit(self.size).with_for_update()
            works = connection.execute(query).all()
            if not works:
                return []
            if gate.lets(connection, works[0].wave_id):
                _, first = next(groupby(works, key=attrgetter("wave_id")))
                return list(first)

    def _claim(self, connection: Connection, channel: str, works: list[Any], gate: Gate) -> tuple[Batch | None, int]:
        opened = self._open(connection, works)
        messages = [(work, message) for work, message in opened if isinstance(message, Message)]
        refused = 0
        for work, refusal in opened:
            if isinstance(refusal, Refusal) and not gate.holds(work, refusal):
                self._refuse(connection, work, refusal.reason)
                refused += 1
        if not messages:
            return None, refused
        batch = Batch(
            batch_id=_id_of(channel, works[0].wave_id, [work.message_key for work, _ in messages]),
            channel=channel,
            wave_id=works[0].wave_id,
            made_at=self.clock.now(),
            messages=tuple(message for _, message in messages),
        )
        connection.execute(
            insert(batches).values(
                batch_id=batch.batch_id,
                channel=channel,
                wave_id=batch.wave_id,
                made_at=batch.made_at,
                to_recall=False,
            )
        )
        for work, _ in messages:
            self.moves.move(connection, work, "sending", attempts=work.attempts + 1, batch_id=batch.batch_id)
        return batch, refused

    def _open(self, connection: Connection, works: Sequence[Any]) -> list[tuple[Any, Message | Refusal]]:
        """Each message, or why it may not go. All are looked at once more when they are open: to open a thousand
        takes a moment, in which somebody may have refused."""
        opened = list(zip(works, self.leave.messages(connection, works), strict=True))
        going = [work for work, message in opened if isinstance(message, Message)]
        lost = {work.delivery_id: reason for work, reason in self.leave.refusals(connection, going)}
        return [
            (work, Refusal(reason=lost[work.delivery_id], detail="") if work.delivery_id in lost else message)
            for work, message in opened
        ]

    def _hand_over(self, batch: Batch, *, fresh: bool) -> None:
        try:
            receipt = self.channels[batch.channel].hand_over(batch)
        except ChannelError:
            # what was never handed over before waits as if it had not been put together; what may have been, stays
            if fresh:
                self._put_back(batch)
            raise
        status: Status
        match receipt.outcome:
            case "sent":
                status = "assigned" if batch.channel in BY_PEOPLE else "handed_over"
            case "failed":
                status = "failed"
            case "again" | "unknown":
                return  # it stays `sending`: the next pump hands it over again under the same id
        with self.database.transaction() as connection:
            for work in connection.execute(_in_hand(batch.batch_id)).all():
                self.moves.move(
                    connection, work, status, reason=receipt.reason, note=receipt.note, batch_id=batch.batch_id
                )

    def _put_back(self, batch: Batch) -> None:
        with self.database.transaction() as connection:
            for work in connection.execute(_in_hand(batch.batch_id)).all():
                self.moves.move(connection, work, "queued", attempts=work.attempts - 1)
            left = select(deliveries.c.delivery_id).where(deliveries.c.batch_id == batch.batch_id)
            if connection.execute(left).first() is None:
                connection.execute(batches.delete().where(batches.c.batch_id == batch.batch_id))

    def _hand_over_again(self, gate: Gate) -> Iterator[int]:
        with self.database.reading() as connection:
            stuck = connection.execute(
                select(batches)
                .where(
                    batches.c.channel.in_(list(self.channels)),
                    batches.c.batch_id.in_(
                        select(deliveries.c.batch_id).where(
                            deliveries.c.status == "sending", deliveries.c.batch_id.is_not(None)
                        )
                    ),
                )
                .order_by(batches.c.batch_id)
            ).all()
        for row in stuck:
            with self.database.transaction() as connection:
                if not gate.lets(connection, row.wave_id):
                    continue
                opened = self._open(connection, connection.execute(_in_hand(row.batch_id)).all())
                if any(_held(message) for _, message in opened):
                    continue  # whether it was taken or not: handing it over now would disturb people at night
                for work, refusal in opened:
                    if isinstance(refusal, Refusal):
                        self._refuse(connection, work, refusal.reason)
            messages = tuple(message for _, message in opened if isinstance(message, Message))
            batch = Batch(
                batch_id=row.batch_id,
                channel=row.channel,
                wave_id=row.wave_id,
                made_at=Instant(row.made_at),
                messages=messages,
            )
            self._hand_over(batch, fresh=False)
            yield len(opened)

    def _judge_assigned(self) -> int:
        """Tasks that nobody has done yet die with the leave to do them, and expire after their last day.

        Who was to do it knows that day, so nothing is recalled; a statement that comes late still counts.
        """
        today = self.calendar.day_of(self.clock.now())
        ended = 0
        with self.database.reading() as connection:
            waiting = connection.execute(
                select(deliveries).where(
                    deliveries.c.status == "assigned", deliveries.c.channel.in_(list(self.channels))
                )
            ).all()
        for part in chunks(waiting, self.size):
            with self.database.transaction() as connection:
                for work, reason in self.leave.refusals(connection, part):
                    if self.moves.withdraw(connection, work, "cancelled", reason):
                        self._trace(connection, work, reason, "cancel_task")
                        ended += 1
                for work in part:
                    if work.due is not None and work.due < today:
                        late = Reason.NOT_DONE_IN_TIME
                        ended += self.moves.move(connection, work, "expired", reason=late, batch_id=work.batch_id)
        return ended

    def _recall(self) -> None:
        """Tell the receivers what has left their batches."""
        with self.database.reading() as connection:
            rows = connection.execute(
                select(batches)
                .where(batches.c.to_recall, batches.c.channel.in_(list(self.channels)))
                .order_by(batches.c.batch_id)
            ).all()
        for row in rows:
            with self.database.transaction() as connection:
                # cleared before the look: whoever takes out another one meanwhile sets it again
                this = batches.c.batch_id == row.batch_id
                connection.execute(update(batches).where(this).values(to_recall=False))
                gone = [
                    Recalled(key=w.message_key, route=w.route, at=Instant(w.changed_at))
                    for w in connection.execute(_taken_out(row.batch_id))
                ]
                self.channels[row.channel].recall(row.batch_id, gone)

    def _refuse(self, connection: Connection, work: Any, reason: Reason) -> None:
        self.moves.withdraw(connection, work, "refused", reason)
        self._trace(connection, work, reason, "refuse_send")

    def _trace(self, connection: Connection, work: Any, reason: Reason, act: str) -> None:
        self.audit.record(
            connection,
            actor="lingque",
            act=act,
            subject=f"customer {work.customer_id}",
            detail={"message": work.message_key, "reason": reason.name},
        )


def _id_of(channel: str, wave_id: int, keys: Collection[str]) -> str:
    return f"{channel}-{wave_id}-{digest_of(sorted(keys))[:16]}"


def _in_hand(batch_id: str) -> Select[Any]:
    return (
        select(deliveries)
        .where(deliveries.c.batch_id == batch_id, deliveries.c.status == "sending")
        .order_by(deliveries.c.delivery_id)
        .with_for_update()
    )


def _taken_out(batch_id: str) -> Select[Any]:
    return (
        select(deliveries)
        .where(deliveries.c.batch_id == batch_id, deliveries.c.status.in_(("cancelled", "refused")))
        .order_by(deliveries.c.delivery_id)
    )


def _held(outcome: Message | Refusal) -> bool:
    return isinstance(outcome, Refusal) and outcome.reason is Reason.QUIET_HOURS
