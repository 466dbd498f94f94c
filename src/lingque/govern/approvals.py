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
    """What is put before an approver, by whom, and who else answers for it."""

    kind: str
    subject: str
    digest: str
    authors: tuple[str, ...]


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
    not_allowed = refused(approver, Action.APPROVE_CAMPAIGN)
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


def not_approved(connection: Connection, digest: str) -> Refusal | None:
    """Why what has this digest may not run; nothing where its newest decision was yes."""
    newest = connection.execute(
        select(approvals).where(approvals.c.digest == digest).order_by(approvals.c.approval_id.desc())
    ).first()
    if newest is None:
        return Refusal(reason=Reason.NOT_APPROVED, detail="nobody has approved exactly this")
    if not newest.approved:
        return Refusal(reason=Reason.REJECTED, detail=f"{newest.decided_by}: {newest.comment or 'no comment'}")
    return None
