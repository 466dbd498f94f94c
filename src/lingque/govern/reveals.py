"""Identifiers of many customers in full: asked for with purpose, reason and end, approved as exactly that list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError
from lingque.core.hashing import digest_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import Purpose
from lingque.govern.tables import reveal_batches, reveal_members
from lingque.store.chunks import chunks

IdentifierKind = Literal["name", "phone", "email"]
MOST_CUSTOMERS = 1_000
LONGEST_DAYS = 31


@dataclass(frozen=True, kw_only=True)
class RevealBatch:
    """A request; `digest` speaks of the list, the kind, the purpose, the reason and the days together."""

    batch_id: int
    kind: IdentifierKind
    purpose: Purpose
    reason: str
    digest: str
    customers: int
    requested_by: str
    requested_at: Instant
    expires_at: Instant


def request_batch(
    connection: Connection,
    customers: Sequence[CustomerId],
    *,
    kind: IdentifierKind,
    purpose: Purpose,
    reason: str,
    by: str,
    at: Instant,
    expires_at: Instant,
) -> RevealBatch:
    """Keep the request for an approver to look at. Opens nothing."""
    listed = sorted(set(customers))
    made = connection.execute(
        insert(reveal_batches).values(
            kind=kind,
            purpose=int(purpose),
            reason=reason,
            digest=_digest(listed, kind=kind, purpose=purpose, reason=reason, by=by, at=at, expires_at=expires_at),
            customers=len(listed),
            requested_by=by,
            requested_at=at,
            expires_at=expires_at,
        )
    )
    (number,) = made.inserted_primary_key or (0,)
    for part in chunks(listed):
        connection.execute(insert(reveal_members), [{"batch_id": number, "customer_id": one} for one in part])
    return find_batch(connection, int(number))


def find_batch(connection: Connection, number: int) -> RevealBatch:
    """Raises `NotFoundError` where there is none."""
    row = connection.execute(select(reveal_batches).where(reveal_batches.c.batch_id == number)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no reveal request {number}", next_step="list them to see their numbers")
    return _batch(row)


def all_batches(connection: Connection) -> list[RevealBatch]:
    """Every request there was, the newest first."""
    rows = select(reveal_batches).order_by(reveal_batches.c.batch_id.desc())
    return [_batch(row) for row in connection.execute(rows)]


def members_of(connection: Connection, batch: RevealBatch) -> list[CustomerId] | Refusal:
    """Whom the request names; a refusal where that list is not the one that was asked for."""
    wanted = select(reveal_members.c.customer_id).where(reveal_members.c.batch_id == batch.batch_id)
    listed = [CustomerId(one) for one in connection.execute(wanted.order_by(reveal_members.c.customer_id)).scalars()]
    found = _digest(
        listed,
        kind=batch.kind,
        purpose=batch.purpose,
        reason=batch.reason,
        by=batch.requested_by,
        at=batch.requested_at,
        expires_at=batch.expires_at,
    )
    if found == batch.digest:
        return listed
    detail = f"reveal request {batch.batch_id} is not the one that was made; make a new one"
    return Refusal(reason=Reason.CHANGED_SINCE_PLAN, detail=detail)


def _digest(listed: Sequence[int], *, purpose: Purpose, **said: object) -> str:
    return digest_of({"customers": [int(one) for one in listed], "purpose": int(purpose), **said})


def _batch(row: Any) -> RevealBatch:
    return RevealBatch(
        batch_id=row.batch_id,
        kind=row.kind,
        purpose=Purpose(row.purpose),
        reason=row.reason,
        digest=row.digest,
        customers=row.customers,
        requested_by=row.requested_by,
        requested_at=Instant(row.requested_at),
        expires_at=Instant(row.expires_at),
    )
