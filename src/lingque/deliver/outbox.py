"""The outbox: messages queued in the transaction that decided them, sent with leave of their own.

A message is claimed (`sending`) in the transaction that judges its permit and opens its address; then it is sent;
then its fate is recorded, in the transaction that claims the next. Whoever dies in between leaves `sending` behind,
whose fate nobody knows: the next pump calls it `unknown`, and queues it again only where the receiver honours the
message's key. Batches are `lingque.deliver.handing_over`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select

from lingque.core.clock import BusinessCalendar, Clock
from lingque.core.errors import ChannelError, LingqueError
from lingque.core.hashing import digest_of
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.compose import Sender
from lingque.deliver.contracts import (
    BATCH_SIZE,
    COSTING,
    AnyChannel,
    BatchChannel,
    Channel,
    ContactLedger,
    Content,
    Fates,
    Message,
    Outgoing,
    Pumped,
    Receipt,
    Status,
)
from lingque.deliver.grounds import keep_grounds
from lingque.deliver.handing_over import HandingOver
from lingque.deliver.leave import Leave
from lingque.deliver.moves import Moves
from lingque.deliver.tables import contents, deliveries
from lingque.deliver.waiting import AllowedWave, Gate, Line
from lingque.govern.contracts import Addresses, AuditTrail, OptOutTokens, Permits
from lingque.store.database import Database

MAX_ATTEMPTS = 3

Progress = Callable[[int], None]


def enqueue(connection: Connection, messages: Iterable[Outgoing], *, clock: Clock) -> int:
    """Queue messages in the caller's transaction and return how many. A key that is there already is a fault."""
    listed = list(messages)
    now = clock.now()
    digests = {content: _digest(content) for content in {entry.content for entry in listed}}
    for content, digest in digests.items():
        if connection.execute(select(contents).where(contents.c.content_digest == digest)).first() is None:
            connection.execute(
                insert(contents).values(
                    content_digest=digest, subject=content.subject, body=content.body, language=content.language
                )
            )
    bases = {one: keep_grounds(connection, one) for one in {entry.grounds for entry in listed}}
    rows = [
        {
            "wave_id": entry.wave_id,
            "customer_id": entry.customer_id,
            "offer": entry.offer,
            "step": entry.step,
            "channel": entry.channel,
            "message_key": entry.key,
            "purpose": int(entry.purpose),
            "data_classes": int(entry.data_classes),
            "content_digest": digests[entry.content],
            "grounds_digest": bases[entry.grounds],
            "status": "queued",
            "attempts": 0,
            "reason": None,
            "note": "",
            "queued_at": now,
            "changed_at": now,
            "route": entry.route,
            "label": entry.label,
            "why": entry.why,
            "due": entry.due,
        }
        for entry in listed
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
    return len(rows)


def fates_of(connection: Connection, wave_id: int) -> Fates:
    """What became of a wave's messages so far."""
    rows = connection.execute(
        select(deliveries.c.channel, deliveries.c.status, deliveries.c.reason, func.count().label("messages"))
        .where(deliveries.c.wave_id == wave_id)
        .group_by(deliveries.c.channel, deliveries.c.status, deliveries.c.reason)
        .order_by(deliveries.c.channel, deliveries.c.status, deliveries.c.reason)
    ).all()
    by_status: dict[Status, int] = {}
    by_reason: dict[Reason, int] = {}
    by_channel: dict[str, dict[Status, int]] = {}
    for row in rows:
        of_channel = by_channel.setdefault(row.channel, {})
        of_channel[row.status] = of_channel.get(row.status, 0) + row.messages
        by_status[row.status] = by_status.get(row.status, 0) + row.messages
        if row.reason is not None:
            reason = Reason(row.reason)
            by_reason[reason] = by_reason.get(reason, 0) + row.messages
    return Fates(by_status=by_status, by_reason=by_reason, by_channel=by_channel)


def spent(connection: Connection, wave_id: int, cost: Mapping[str, int]) -> dict[str, int]:
    """What a wave's contacts have cost so far, per channel of `cost` (minor units a contact): see `COSTING`."""
    counts = fates_of(connection, wave_id).by_channel
    return {
        channel: unit * sum(count for status, count in counts.get(channel, {}).items() if status in COSTING)
        for channel, unit in cost.items()
    }


@dataclass(frozen=True, kw_only=True)
class _Claimed:
    """A message in hand: its row, and its words and address, which nobody keeps."""

    work: Any
    message: Message


class Outbox:
    """Sends what is queued. Made by `bootstrap`; one process pumps at a time (the workspace's lock)."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, AnyChannel],
        permits: Permits,
        addresses: Addresses,
        opt_outs: OptOutTokens,
        ledger: ContactLedger,
        audit: AuditTrail,
        sender: Sender,
        clock: Clock,
        calendar: BusinessCalendar,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._database = database
        self._channels: dict[str, Channel] = {
            name: channel for name, channel in channels.items() if not isinstance(channel, BatchChannel)
        }
        self._names = list(channels)
        self._leave = Leave(permits=permits, addresses=addresses, opt_outs=opt_outs, sender=sender, clock=clock)
        self._moves = Moves(ledger=ledger, clock=clock)
        self._audit = audit
        self._batches = HandingOver(
            database=database,
            channels={name: channel for name, channel in channels.items() if isinstance(channel, BatchChannel)},
            leave=self._leave,
            moves=self._moves,
            audit=audit,
            clock=clock,
            calendar=calendar,
            size=batch_size,
        )

    def pump(
        self, *, progress: Progress = lambda _done: None, allowed_wave: AllowedWave = lambda _connection, _wave: True
    ) -> Pumped:
        """Bring every queued message to its fate, but for those that quiet hours or their wave hold back.

        Raises `ChannelError` where a channel cannot be used at all; what was in hand goes back to the queue.
        """
        self._settle_interrupted()
        gate = Gate(allowed_wave)
        handled = 0
        for steps in (self._send_all(gate), self._batches.pump(gate)):
            for brought_on in steps:
                if brought_on:
                    handled += brought_on
                    progress(handled)
        with self._database.reading() as connection:
            return Pumped(handled=handled, held=len(gate.held), paused=gate.paused(connection, self._names))

    def cancel(self, connection: Connection, wave_id: int, reason: Reason) -> int:
        """Cancel whatever of the wave has not been done yet, and return how much that was.

        What stands in a batch is recalled by the next pump. A single message that is being sent at this moment, or
        was when a process died, is not touched: it may have gone out.
        """
        open_ones = deliveries.c.status.in_(("queued", "assigned")) | (
            (deliveries.c.status == "sending") & deliveries.c.batch_id.is_not(None)
        )
        works = connection.execute(
            select(deliveries).where(deliveries.c.wave_id == wave_id, open_ones).with_for_update()
        ).all()
        return sum(self._moves.withdraw(connection, work, "cancelled", reason) for work in works)

    def _settle_interrupted(self) -> None:
        """Single messages found in `sending`: to be sent again where that is safe, else of unknown fate."""
        with self._database.transaction() as connection:
            stuck = connection.execute(
                select(deliveries).where(deliveries.c.status == "sending", deliveries.c.batch_id.is_(None))
            ).all()
            for work in stuck:
                channel = self._channels.get(work.channel)
                if channel is not None and channel.honours_key and work.attempts < MAX_ATTEMPTS:
                    self._moves.move(connection, work, "queued")
                else:
                    self._moves.move(connection, work, "unknown", reason=Reason.FATE_UNKNOWN)

    def _send_all(self, gate: Gate) -> Iterator[int]:
        """Every message of the channels that send one at a time; yields as they are done.

        Those to be tried again come after all others, in a round of their own.
        """
        for _ in range(MAX_ATTEMPTS):
            again = yield from self._round(gate)
            if not again:
                return

    def _round(self, gate: Gate) -> Generator[int, None, bool]:
        line = Line(gate, self._channels)
        again = False
        sent: tuple[_Claimed, Receipt] | None = None
        while True:
            with self._database.transaction() as connection:
                if sent is not None:
                    again |= self._record(connection, sent[0].work, sent[1])
                turn = self._claim_next(connection, gate, line)
            done = 0 if sent is None else 1
            match turn:
                case None:
                    yield done
                    return again
                case LingqueError():
                    raise turn
                case "held":
                    sent = None
                case "refused":
                    sent = None
                    done += 1
                case _Claimed():
                    sent = turn, self._send(turn)
            yield done

    def _claim_next(
        self, connection: Connection, gate: Gate, line: Line
    ) -> _Claimed | Literal["refused", "held"] | LingqueError | None:
        """The next message, marked as being sent where it may go; None where there is none. An error is handed back,
        so that the caller's transaction keeps what became of the message before."""
        try:
            with connection.begin_nested():
                work = line.next(connection)
                return None if work is None else self._claim(connection, work, gate)
        except LingqueError as error:
            return error

    def _claim(self, connection: Connection, work: Any, gate: Gate) -> _Claimed | Literal["refused", "held"]:
        gate.held.discard(work.delivery_id)
        message = self._leave.message(connection, work)
        if isinstance(message, Message):
            # else it was cancelled since the page was read
            claimed = self._moves.move(connection, work, "sending", attempts=work.attempts + 1)
            return _Claimed(work=work, message=message) if claimed else "held"
        if gate.holds(work, message):
            return "held"
        self._refuse(connection, work, message)
        return "refused"

    def _send(self, claimed: _Claimed) -> Receipt:
        try:
            return self._channels[claimed.work.channel].send(claimed.message)
        except ChannelError:
            # raised before anything was sent; whatever else happens leaves `sending` behind, to be settled
            with self._database.transaction() as connection:
                self._moves.move(connection, claimed.work, "queued", was="sending")
            raise

    def _refuse(self, connection: Connection, work: Any, refusal: Refusal) -> None:
        if self._moves.move(connection, work, "refused", reason=refusal.reason):
            self._audit.record(
                connection,
                actor="lingque",
                act="refuse_send",
                subject=f"customer {work.customer_id}",
                detail={"message": work.message_key, "reason": refusal.reason.name},
            )

    def _record(self, connection: Connection, work: Any, receipt: Receipt) -> bool:
        """Write down what became of a send; True where it is to be tried again."""
        attempts = work.attempts + 1
        status: Status
        match receipt.outcome:
            case "sent":
                status = "sent"
            case "failed":
                status = "failed"
            case "again":
                status = "queued" if attempts < MAX_ATTEMPTS else "failed"
            case "unknown":
                honours_key = self._channels[work.channel].honours_key
                status = "queued" if honours_key and attempts < MAX_ATTEMPTS else "unknown"
        reason = None if status == "queued" else receipt.reason
        self._moves.move(connection, work, status, attempts=attempts, reason=reason, note=receipt.note, was="sending")
        return status == "queued"


def _digest(content: Content) -> str:
    return digest_of({"subject": content.subject, "body": content.body, "language": content.language})
