"""What `deliver` keeps of a customer, for whoever answers the customer's request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from lingque.core.clock import Instant, datetime_of
from lingque.core.reasons import Reason
from lingque.deliver.tables import deliveries, receipts
from lingque.govern.contracts import Erased, Person


class DeliverRows:
    """Messages stay, by surrogate, as the evidence of what was sent; what was written about the customer goes."""

    def erase(self, connection: Connection, person: Person) -> Erased:
        mine = deliveries.c.customer_id.in_(person.ids)
        keys = select(deliveries.c.message_key).where(mine)
        notes = update(receipts).where(receipts.c.message_key.in_(keys), receipts.c.sealed_note.is_not(None))
        words = update(deliveries).where(mine, (deliveries.c.why != "") | (deliveries.c.note != ""))
        sent = select(func.count()).select_from(deliveries).where(mine)
        return Erased(
            gone={
                "receipts: notes": connection.execute(notes.values(sealed_note=None)).rowcount,
                "deliveries: words": connection.execute(words.values(why="", note="")).rowcount,
            },
            kept={"deliveries": int(connection.execute(sent).scalar_one())},
        )

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        rows = select(deliveries).where(deliveries.c.customer_id.in_(person.ids)).order_by(deliveries.c.delivery_id)
        return {
            "messages": [
                {
                    "offer": row.offer,
                    "channel": row.channel,
                    "status": row.status,
                    "queued_at": datetime_of(Instant(row.queued_at)).isoformat(),
                    "changed_at": datetime_of(Instant(row.changed_at)).isoformat(),
                    "reason": None if row.reason is None else Reason(row.reason).for_customer.label.en,
                    "why": row.why,
                }
                for row in connection.execute(rows)
            ]
        }
