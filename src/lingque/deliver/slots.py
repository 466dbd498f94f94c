"""What became of what a placement showed: one row per thing shown and kind of response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, SmallInteger, String, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from lingque.core.clock import Instant, datetime_of
from lingque.govern.contracts import Erased, Person
from lingque.store.schema import METADATA, InstantColumn

NOBODY = 0
"""In the place of a customer: somebody nobody knows."""


class Response(IntEnum):
    """What a channel tells of what it was given to show."""

    SHOWN = 1
    CLICKED = 2
    ACCEPTED = 3
    REFUSED = 4
    NOT_SHOWN = 5


slot_responses = Table(
    "slot_responses",
    METADATA,
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("response", SmallInteger, primary_key=True, autoincrement=False),
    Column("customer_id", BigInteger, nullable=False, index=True),
    Column("placement", String(64), nullable=False),
    Column("offer", String(64), nullable=False),
    Column("decision_id", String(64), nullable=False),
    Column("at", InstantColumn, nullable=False),
    Index("ix_slot_responses_placement_at", "placement", "at"),
)
_c = slot_responses.c


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One thing at one position (from 0). `contact_id` and `position` are its key in every ledger; `customer_id` is
    `NOBODY` where nobody was looked at for it."""

    contact_id: int
    position: int
    customer_id: int
    placement: str
    offer: str
    decision_id: str


def record_response(connection: Connection, shown: Shown, response: Response, *, at: Instant) -> bool:
    """Write it down, in the caller's transaction; false where it was told before."""
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {
        "contact_id": shown.contact_id,
        "position": shown.position,
        "response": int(response),
        "customer_id": shown.customer_id,
        "placement": shown.placement,
        "offer": shown.offer,
        "decision_id": shown.decision_id,
        "at": at,
    }
    told = upsert(slot_responses).values(row).on_conflict_do_nothing().returning(_c.contact_id)
    return connection.execute(told).first() is not None


def accepted_since(connection: Connection, placement: str, since: Instant) -> dict[str, int]:
    """How often each offer was accepted there. Says nothing of anybody."""
    counted = (
        select(_c.offer, func.count())
        .where(_c.placement == placement, _c.at >= since, _c.response == int(Response.ACCEPTED))
        .group_by(_c.offer)
    )
    return {row[0]: row[1] for row in connection.execute(counted)}


class SlotRows:
    """Responses go with the customer: who looked at what, and when, is about nobody else."""

    def erase(self, connection: Connection, person: Person) -> Erased:
        gone = connection.execute(delete(slot_responses).where(_c.customer_id.in_(person.ids))).rowcount
        return Erased(gone={"slot_responses": gone}, kept={})

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        rows = connection.execute(select(slot_responses).where(_c.customer_id.in_(person.ids)).order_by(_c.at))
        return {
            "shown_on_screens": [
                {
                    "placement": row.placement,
                    "offer": row.offer,
                    "response": Response(row.response).name.lower(),
                    "at": datetime_of(Instant(row.at)).isoformat(),
                }
                for row in rows
            ]
        }
