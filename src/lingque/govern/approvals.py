"""Maker and checker: what was approved is a digest, and only that runs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from lingque.core.clock import Instant
from lingque.core.reasons import Reason, Refusal
from lingque.govern.access import principal_of, refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.tables import approvals


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What is put before an approver, by whom, who else answers for it, and what the approver must be allowed to do."""

    kind: str
    action: Action
    subject: str
    digest: str
    authors: tuple[str, ...]


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
) -> Refusal | None:
    """Record the decision, or say why this person may not make it.

    The same human being under a second account is still the author.
    """
    not_allowed = refused(approver, submission.action)
    if not_allowed is not None:
        return not_allowed
    for author in submission.authors:
        if principal_of(connection, author).person == approver.person:
            return Refusal(
                reason=Reason.OWN_WORK, detail=f"{approver.user} and the author {author} are the same person"
            )
    connection.execute(
        insert(approvals).values(
            kind=submission.kind,
            subject=submission.subject,
            digest=submission.digest,
            submitted_by=submission.authors[0],
            decided_by=approver.user,
            approved=approved,
            comment=comment,
            decided_at=at,
        )
    )
    return None


def newest_decision(connection: Connection, *, kind: str, digest: str) -> Decision | None:
    """The last decision of that kind on what has this digest, where there is one."""
    row = connection.execute(
        select(approvals)
        .where(approvals.c.digest == digest, approvals.c.kind == kind)
        .order_by(approvals.c.approval_id.desc())
    ).first()
    if row is None:
        return None
    return Decision(by=row.decided_by, approved=row.approved, comment=row.comment, at=Instant(row.decided_at))


def not_approved(
    connection: Connection, digest: str, *, kind: str, otherwise: Reason = Reason.NOT_APPROVED
) -> Refusal | None:
    """Why what has this digest may not go on; nothing where the newest decision of that kind was yes."""
    newest = newest_decision(connection, kind=kind, digest=digest)
    if newest is None:
        return Refusal(reason=otherwise, detail="nobody has approved exactly this")
    if not newest.approved:
        return Refusal(reason=Reason.REJECTED, detail=f"{newest.by}: {newest.comment or 'no comment'}")
    return None
