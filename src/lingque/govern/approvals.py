"""Maker and checker: what was approved is a digest, and only that runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from lingque.core.clock import Instant
from lingque.core.reasons import Reason, Refusal
from lingque.govern.access import person_of, principal_of, refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach
from lingque.govern.tables import approvals, delegations

LONGEST_DELEGATION = 93 * 86_400 * 1_000_000
"""A quarter, in microseconds: who is away for longer has a successor."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What is put before an approver, by whom, who else answers for it, and what the approver must be allowed to do:
    of an `organisation` with whom, of none with the whole bank's customers."""

    kind: str
    action: Action
    subject: str
    digest: str
    authors: tuple[str, ...]
    organisation: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What somebody decided, and why."""

    by: str
    approved: bool
    comment: str
    at: Instant


def decide_approval(
    connection: Connection,
    submission: Submission,
    approver: Principal,
    *,
    approved: bool,
    comment: str,
    at: Instant,
    on_behalf_of: str = "",
) -> Refusal | None:
    """Record the decision, or say why this person may not make it.

    The same human being under a second account is still the author; and who decides for somebody else (`on_behalf_of`)
    may decide no more than either of the two.
    """
    deciding = approver if not on_behalf_of else principal_of(connection, on_behalf_of)
    refusal = refused(deciding, submission.action) or beyond_reach(connection, deciding, submission.organisation)
    if refusal is None and on_behalf_of:
        refusal = _not_delegated(connection, deciding, approver, submission.action, at)
    if refusal is not None:
        return refusal
    for author in submission.authors:
        if person_of(connection, author) in {approver.person, deciding.person}:
            same = approver if person_of(connection, author) == approver.person else deciding
            return Refusal(reason=Reason.OWN_WORK, detail=f"{same.user} and the author {author} are the same person")
    connection.execute(
        insert(approvals).values(
            kind=submission.kind,
            subject=submission.subject,
            digest=submission.digest,
            submitted_by=submission.authors[0] if submission.authors else "",
            decided_by=approver.user,
            on_behalf_of=on_behalf_of,
            approved=approved,
            comment=comment,
            decided_at=at,
        )
    )
    return None


def newest_decision(connection: Connection, *, kind: str, digest: str) -> Decision | None:
    """The last decision of that kind on what has this digest, where there is one."""
    rows = _decisions(connection, kind=kind, digest=digest)
    if not rows:
        return None
    newest = rows[-1]
    return Decision(
        by=newest.decided_by, approved=newest.approved, comment=newest.comment, at=Instant(newest.decided_at)
    )


def not_approved(
    connection: Connection,
    digest: str,
    *,
    kind: str,
    otherwise: Reason = Reason.NOT_APPROVED,
    approvers: int = 1,
    barred: Iterable[str] = (),
) -> Refusal | None:
    """Why what has this digest may not go on; nothing where since the last no enough different people said yes.

    Who decided on somebody's behalf counts for both of them together, once. The yes of a person in `barred` does not
    count: what they are about to do with it is their own work.
    """
    rows = _decisions(connection, kind=kind, digest=digest)
    if not rows:
        return Refusal(reason=otherwise, detail="nobody has approved exactly this")
    if not rows[-1].approved:
        return Refusal(reason=Reason.REJECTED, detail=f"{rows[-1].decided_by}: {rows[-1].comment or 'no comment'}")
    given = 0
    heard = set(barred)
    for row in reversed(rows):
        if not row.approved:
            break
        people = {person_of(connection, user) for user in (row.decided_by, row.on_behalf_of) if user}
        if not people & heard:
            given += 1
            heard |= people
    if given >= approvers:
        return None
    return Refusal(
        reason=Reason.MORE_APPROVALS_NEEDED,
        detail=f"it takes {approvers} approvals by different people other than the author, and has {given}",
    )


def delegate(
    connection: Connection,
    giver: Principal,
    to_user: str,
    action: Action,
    *,
    begins_at: Instant,
    ends_at: Instant,
    at: Instant,
) -> Refusal | None:
    """Let somebody else decide in one's place for a time; or say why not. What one was given cannot be passed on."""
    refusal = refused(giver, Action.DELEGATE) or refused(giver, action)
    if refusal is not None:
        return refusal
    taker = principal_of(connection, to_user)
    if taker.person == giver.person:
        return Refusal(reason=Reason.OWN_WORK, detail=f"{giver.user} and {to_user} are the same person")
    if not begins_at < ends_at <= begins_at + LONGEST_DELEGATION or ends_at <= at:
        return Refusal(reason=Reason.NOT_DELEGATED, detail="a delegation has an end, after today, within a quarter")
    connection.execute(
        insert(delegations).values(
            from_user=giver.user,
            to_user=to_user,
            action=action.value,
            begins_at=begins_at,
            ends_at=ends_at,
            made_at=at,
        )
    )
    return None


def _not_delegated(
    connection: Connection, giver: Principal, taker: Principal, action: Action, at: Instant
) -> Refusal | None:
    found = connection.execute(
        select(delegations.c.delegation_id).where(
            delegations.c.from_user == giver.user,
            delegations.c.to_user == taker.user,
            delegations.c.action == action.value,
            delegations.c.begins_at <= at,
            delegations.c.ends_at > at,
        )
    ).first()
    if found is not None:
        return None
    detail = f"{giver.user} has not let {taker.user} {action.value} in their place today"
    return Refusal(reason=Reason.NOT_DELEGATED, detail=detail)


def _decisions(connection: Connection, *, kind: str, digest: str) -> list[Any]:
    """In the order in which they were made."""
    return list(
        connection.execute(
            select(approvals)
            .where(approvals.c.digest == digest, approvals.c.kind == kind)
            .order_by(approvals.c.approval_id)
        )
    )
