"""Definitions are agreed on before they are applied, where the bank has it so, by another than who applies them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from lingque.catalog.differences import Difference
from lingque.catalog.repository import differences
from lingque.catalog.yaml_files import Located, read_definitions
from lingque.core.hashing import digest_of
from lingque.core.reasons import Reason, Refusal
from lingque.flow.services import Services
from lingque.flow.traces import trace
from lingque.govern.access import refused
from lingque.govern.approvals import Submission, decide_approval, not_approved
from lingque.govern.contracts import Action, Principal

_KIND = "definitions"


def digest_of_changes(found: Iterable[Difference]) -> str:
    """What an agreement speaks of: exactly these changes of what is in force now."""
    return digest_of([[one.kind, one.name, one.what, one.body] for one in found])


def approve_definitions(
    services: Services, actor: Principal, *, digest: str, approved: bool = True, comment: str = ""
) -> Refusal | None:
    """Decide on what applying the workspace's definitions would change, if it is what was looked at (`digest`).

    Raises `DefinitionError` where they cannot be applied at all.
    """
    located = read_definitions(services.folder)
    with services.database.transaction() as connection:
        submission = Submission(kind=_KIND, action=Action.APPROVE_DEFINITIONS, subject=_KIND, digest=digest, authors=())
        refusal = refused(actor, Action.APPROVE_DEFINITIONS)
        if refusal is None and digest != digest_of_changes(differences(connection, located)):
            refusal = Refusal(reason=Reason.CHANGED_SINCE_PLAN, detail="the changes are others by now; look at them")
        if refusal is None:
            at = services.clock.now()
            refusal = decide_approval(connection, submission, actor, approved=approved, comment=comment, at=at)
        if refusal is not None:
            trace(services, connection, refusal, actor, "approve_definitions", _KIND)
            return refusal
        services.audit.record(
            connection,
            actor=actor.user,
            act="approve_definitions" if approved else "reject_definitions",
            subject=_KIND,
            detail={"digest": digest, "comment": comment},
        )
    return None


def not_agreed_on(
    services: Services, connection: Connection, located: list[Located], actor: Principal
) -> Refusal | None:
    """Why the actor may not apply these definitions yet; nothing where the bank does not ask, or nothing changes."""
    if not services.thresholds.definitions:
        return None
    found = differences(connection, located)
    if not found:
        return None
    return not_approved(connection, digest_of_changes(found), kind=_KIND, barred=(actor.person,))
