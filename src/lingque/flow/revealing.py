"""Identifiers of a list of customers: who asks, who approves, and every look by itself in the trail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.flow.customers import CHANNEL_OF
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import person_of, refused
from lingque.govern.approvals import Decision, Submission, decide_approval, newest_decision, not_approved
from lingque.govern.contracts import Action, AuditEntry, Grounds, Permit, PermitAsk, Principal
from lingque.govern.preferences import parties_of
from lingque.govern.reveals import (
    LONGEST_DAYS,
    MOST_CUSTOMERS,
    IdentifierKind,
    RevealBatch,
    all_batches,
    find_batch,
    members_of,
    request_batch,
)
from lingque.govern.scopes import outside_scope

_KIND = "reveals"


@dataclass(frozen=True, kw_only=True)
class RevealShown:
    """A request, and the newest word on it where there is one."""

    batch: RevealBatch
    decision: Decision | None


@dataclass(frozen=True, kw_only=True)
class Revealed:
    """A customer's identifier in full, or why not."""

    customer_id: CustomerId
    value: str | Refusal


def request_reveals(
    services: Services,
    customers: Sequence[CustomerId],
    kind: IdentifierKind,
    actor: Principal,
    *,
    purpose: Purpose,
    reason: str,
    days: int,
) -> RevealBatch | Refusal:
    """Ask to see the identifiers of these customers for so many days. All of them must be within the actor's scope."""
    act, subject = "request_reveals", f"{len(customers)} customers"
    refusal = refused(actor, Action.REVEAL_IDENTIFIER) or _unfit(customers, days)
    if refusal is None:
        with services.database.reading() as connection:
            refusal = _beyond(services, connection, customers, actor)
    if refusal is not None:
        return traced(services, refusal, actor, act, subject)
    now = services.clock.now()
    with services.database.transaction() as connection:
        batch = request_batch(
            connection,
            customers,
            kind=kind,
            purpose=purpose,
            reason=reason,
            by=actor.user,
            at=now,
            expires_at=services.calendar.in_days(now, days),
        )
        detail: dict[str, object] = {"digest": batch.digest, "customers": batch.customers, "reason": reason}
        services.audit.record(
            connection, actor=actor.user, act=act, subject=f"reveal request {batch.batch_id}", detail=detail
        )
    return batch


def show_reveals(services: Services, actor: Principal) -> list[RevealShown] | Refusal:
    """One's own requests; everybody's for whoever approves them. Never who is on a list."""
    approves = refused(actor, Action.APPROVE_REVEALS) is None
    denied = None if approves else refused(actor, Action.REVEAL_IDENTIFIER)
    if denied is not None:
        return traced(services, denied, actor, "read_reveal_requests", "reveal requests")
    with services.database.reading() as connection:
        return [
            RevealShown(batch=one, decision=newest_decision(connection, kind=_KIND, digest=one.digest))
            for one in all_batches(connection)
            if approves or person_of(connection, one.requested_by) == actor.person
        ]


def decide_reveals(
    services: Services, number: int, actor: Principal, *, digest: str, approved: bool = True, comment: str = ""
) -> RevealShown | Refusal:
    """Decide on a request, if it is the one that was looked at (`digest`); nobody on their own."""
    act, subject = "approve_reveals" if approved else "reject_reveals", f"reveal request {number}"
    with services.database.transaction() as connection:
        denied = refused(actor, Action.APPROVE_REVEALS)
        if denied is not None:
            trace(services, connection, denied, actor, act, subject)
            return denied
        batch = find_batch(connection, number)
        submission = Submission(
            kind=_KIND,
            action=Action.APPROVE_REVEALS,
            subject=str(number),
            digest=batch.digest,
            authors=(batch.requested_by,),
        )
        listed = members_of(connection, batch)
        refusal = _another(batch, digest) or (listed if isinstance(listed, Refusal) else None)
        refusal = refusal or decide_approval(
            connection, submission, actor, approved=approved, comment=comment, at=services.clock.now()
        )
        if refusal is not None:
            trace(services, connection, refusal, actor, act, subject)
            return refusal
        detail: dict[str, object] = {"digest": digest, "comment": comment}
        services.audit.record(connection, actor=actor.user, act=act, subject=subject, detail=detail)
        return RevealShown(batch=batch, decision=newest_decision(connection, kind=_KIND, digest=batch.digest))


def open_reveals(services: Services, number: int, actor: Principal) -> list[Revealed] | Refusal:
    """The identifiers, for who asked, once approved and until it ends. Scope, leave and trace are per customer."""
    act, subject = "open_reveals", f"reveal request {number}"
    denied = refused(actor, Action.REVEAL_IDENTIFIER)
    if denied is not None:
        return traced(services, denied, actor, act, subject)
    with services.database.reading() as connection:
        batch = find_batch(connection, number)
        listed = members_of(connection, batch)
        refusal = _closed(services, connection, batch, actor) or (listed if isinstance(listed, Refusal) else None)
        if refusal is None and not isinstance(listed, Refusal):
            outside = {one: _outside(services, connection, one, actor) for one in listed}
        else:
            outside = {}
    if refusal is not None:
        return traced(services, refusal, actor, act, subject)
    with services.database.transaction() as connection:
        found = list(_opened(services, connection, batch, outside))
        services.audit.record_all(
            connection,
            [
                AuditEntry(
                    actor=actor.user,
                    act="reveal_identifier",
                    subject=f"customer {one.customer_id}",
                    detail={"kind": batch.kind, "reason": batch.reason, "request": number},
                )
                for one in found
                if isinstance(one.value, str)
            ],
        )
        detail: dict[str, object] = {"customers": len(found), "seen": sum(isinstance(o.value, str) for o in found)}
        services.audit.record(connection, actor=actor.user, act=act, subject=subject, detail=detail)
    return found


def _opened(
    services: Services, connection: Connection, batch: RevealBatch, outside: dict[CustomerId, Refusal | None]
) -> Iterator[Revealed]:
    ask = PermitAsk(
        purpose=batch.purpose,
        channel=CHANNEL_OF[batch.kind],
        data_classes=DataClass(0),
        moment=services.clock.now(),
        grounds=Grounds(automated=False),
    )
    leave = {one: refusal or services.permits.permit(connection, one, ask) for one, refusal in outside.items()}
    permits = [one for one in leave.values() if isinstance(one, Permit)]
    release = services.addresses.release_names if batch.kind == "name" else services.addresses.release_all
    values = {permit.customer_id: value for permit, value in zip(permits, release(connection, permits), strict=True)}
    for customer, given in leave.items():
        yield Revealed(customer_id=customer, value=given if isinstance(given, Refusal) else values[customer])


def _closed(services: Services, connection: Connection, batch: RevealBatch, actor: Principal) -> Refusal | None:
    if person_of(connection, batch.requested_by) != actor.person:
        detail = f"{batch.requested_by} asked for reveal request {batch.batch_id}; it opens for nobody else"
        return Refusal(reason=Reason.ROLE_NOT_ALLOWED, detail=detail)
    if services.clock.now() >= batch.expires_at:
        return Refusal(
            reason=Reason.APPROVAL_EXPIRED, detail=f"reveal request {batch.batch_id} is over; make a new one"
        )
    return not_approved(connection, batch.digest, kind=_KIND)


def _beyond(
    services: Services, connection: Connection, customers: Sequence[CustomerId], actor: Principal
) -> Refusal | None:
    """The first reason against any of them. Which customer it is about is not told: numbers cannot be tried out."""
    return next((found for one in customers if (found := _outside(services, connection, one, actor))), None)


def _outside(services: Services, connection: Connection, customer: CustomerId, actor: Principal) -> Refusal | None:
    outside = outside_scope(connection, actor, customer, services.homes)
    if outside is not None or parties_of(connection, customer):
        return outside
    return Refusal(reason=Reason.UNKNOWN_CUSTOMER, detail="one of the customers is not there")


def _unfit(customers: Sequence[CustomerId], days: int) -> Refusal | None:
    if 1 <= len(set(customers)) <= MOST_CUSTOMERS and 1 <= days <= LONGEST_DAYS:
        return None
    detail = f"a request names 1 to {MOST_CUSTOMERS} customers, for 1 to {LONGEST_DAYS} days"
    return Refusal(reason=Reason.REQUEST_TOO_LARGE, detail=detail)


def _another(batch: RevealBatch, digest: str) -> Refusal | None:
    if digest == batch.digest:
        return None
    return Refusal(
        reason=Reason.CHANGED_SINCE_PLAN,
        detail=f"reveal request {batch.batch_id} is {batch.digest[:12]}, not {digest[:12]}; look at it first",
    )
