"""The outbox: messages queued in the transaction that decided them, sent one by one, each with leave of its own.

A message is claimed (`sending`) in the transaction that judges its permit and opens its address; then it is sent;
then its fate is recorded. Whoever dies in between leaves `sending` behind, whose fate nobody knows: the next pump calls
it `unknown`, and queues it again only where the receiver honours the message's key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from lingque.core.clock import Clock
from lingque.core.errors import ChannelError
from lingque.core.hashing import digest_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.deliver.compose import Sender, compose
from lingque.deliver.contracts import Channel, Content, Fates, Message, Outgoing, Receipt, Status
from lingque.deliver.tables import contents, deliveries
from lingque.govern.contracts import Addresses, AuditTrail, OptOut, OptOutTokens, PermitAsk, Permits
from lingque.store.database import Database

MAX_ATTEMPTS = 3

Progress = Callable[[int], None]


def enqueue(connection: Connection, messages: Iterable[Outgoing], *, clock: Clock) -> int:
    """Queue messages in the caller's transaction and return how many. A key that is there already is a fault."""
    listed = list(messages)
    now = clock.now()
    for content in {entry.content for entry in listed}:
        if connection.execute(select(contents).where(contents.c.content_digest == _digest(content))).first() is None:
            connection.execute(
                insert(contents).values(
                    content_digest=_digest(content),
                    subject=content.subject,
                    body=content.body,
                    language=content.language,
                )
            )
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
            "content_digest": _digest(entry.content),
            "status": "queued",
            "attempts": 0,
            "reason": None,
            "note": "",
            "queued_at": now,
            "changed_at": now,
        }
        for entry in listed
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
    return len(rows)


def fates_of(connection: Connection, wave_id: int) -> Fates:
    """What became of a wave's messages so far."""
    rows = connection.execute(
        select(deliveries.c.status, deliveries.c.reason, func.count().label("messages"))
        .where(deliveries.c.wave_id == wave_id)
        .group_by(deliveries.c.status, deliveries.c.reason)
    ).all()
    by_status: dict[Status, int] = {}
    by_reason: dict[Reason, int] = {}
    for row in rows:
        by_status[row.status] = by_status.get(row.status, 0) + row.messages
        if row.reason is not None:
            reason = Reason(row.reason)
            by_reason[reason] = by_reason.get(reason, 0) + row.messages
    return Fates(by_status=by_status, by_reason=by_reason)


class Outbox:
    """Sends what is queued. Made by `bootstrap`; one process pumps at a time (the workspace's lock)."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        permits: Permits,
        addresses: Addresses,
        opt_outs: OptOutTokens,
        audit: AuditTrail,
        sender: Sender,
        clock: Clock,
    ) -> None:
        self._database = database
        self._channels = channels
        self._permits = permits
        self._addresses = addresses
        self._opt_outs = opt_outs
        self._audit = audit
        self._sender = sender
        self._clock = clock

    def pump(self, *, progress: Progress = lambda _done: None) -> int:
        """Bring every queued message to its fate and return how many were handled.

        Raises `ChannelError` where a channel cannot be used at all; the message in hand goes back to the queue.
        """
        self._settle_interrupted()
        handled = after = 0
        while (work := self._next(after)) is not None or after:
            if work is None:
                after = 0  # those put back for another attempt come after all others
                continue
            after = work.delivery_id
            self._handle(work)
            handled += 1
            progress(handled)
        return handled

    def _settle_interrupted(self) -> None:
        safe = [name for name, channel in self._channels.items() if channel.honours_key]
        with self._database.transaction() as connection:
            stuck = deliveries.c.status == "sending"
            connection.execute(
                update(deliveries)
                .where(stuck, deliveries.c.channel.in_(safe), deliveries.c.attempts < MAX_ATTEMPTS)
                .values(status="queued", changed_at=self._clock.now())
            )
            connection.execute(
                update(deliveries)
                .where(stuck)
                .values(status="unknown", reason=int(Reason.FATE_UNKNOWN), changed_at=self._clock.now())
            )

    def _next(self, after: int) -> Any:
        with self._database.reading() as connection:
            return connection.execute(
                select(deliveries)
                .where(
                    deliveries.c.status == "queued",
                    deliveries.c.channel.in_(list(self._channels)),
                    deliveries.c.delivery_id > after,
                )
                .order_by(deliveries.c.delivery_id)
                .limit(1)
            ).one_or_none()

    def _handle(self, work: Any) -> None:
        channel = self._channels[work.channel]
        with self._database.transaction() as connection:
            message = self._permitted(connection, work)
            if isinstance(message, Refusal):
                self._refuse(connection, work, message)
                return
            self._set(connection, work, "sending", attempts=work.attempts + 1)
        try:
            receipt = channel.send(message)
        except ChannelError:
            # raised before anything was sent; whatever else happens leaves `sending` behind, to be settled
            with self._database.transaction() as connection:
                self._set(connection, work, "queued", attempts=work.attempts)
            raise
        with self._database.transaction() as connection:
            self._record(connection, work, receipt, channel)

    def _permitted(self, connection: Connection, work: Any) -> Message | Refusal:
        """The message, with leave asked at this moment and the address opened for it; or why not."""
        purpose = Purpose(work.purpose)
        customer = CustomerId(work.customer_id)
        ask = PermitAsk(
            purpose=purpose,
            channel=work.channel,
            data_classes=DataClass(work.data_classes),
            moment=self._clock.now(),
        )
        permit = self._permits.permit(connection, customer, ask)
        if isinstance(permit, Refusal):
            return permit
        address = self._addresses.release(connection, permit)
        if isinstance(address, Refusal):
            return address
        row = connection.execute(select(contents).where(contents.c.content_digest == work.content_digest)).one()
        return compose(
            Content(subject=row.subject, body=row.body, language=row.language),
            address=address,
            key=work.message_key,
            token=self._opt_outs.token(OptOut(customer_id=customer, purpose=purpose, channel=work.channel)),
            sender=self._sender,
        )

    def _refuse(self, connection: Connection, work: Any, refusal: Refusal) -> None:
        self._set(connection, work, "refused", attempts=work.attempts, reason=refusal.reason)
        self._audit.record(
            connection,
            actor="lingque",
            act="refuse_send",
            subject=f"customer {work.customer_id}",
            detail={"message": work.message_key, "reason": refusal.reason.name},
        )

    def _record(self, connection: Connection, work: Any, receipt: Receipt, channel: Channel) -> None:
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
                status = "queued" if channel.honours_key and attempts < MAX_ATTEMPTS else "unknown"
        reason = None if status == "queued" else receipt.reason
        self._set(connection, work, status, attempts=attempts, reason=reason, note=receipt.note)

    def _set(
        self,
        connection: Connection,
        work: Any,
        status: Status,
        *,
        attempts: int,
        reason: Reason | None = None,
        note: str = "",
    ) -> None:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.delivery_id == work.delivery_id)
            .values(
                status=status,
                attempts=attempts,
                reason=None if reason is None else int(reason),
                note=note,
                changed_at=self._clock.now(),
            )
        )


def _digest(content: Content) -> str:
    return digest_of({"subject": content.subject, "body": content.body, "language": content.language})
