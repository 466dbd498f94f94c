"""Imports of consents: looked at, then approved by another than who loaded the file; and only those then count."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.reasons import Reason, Refusal
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import refused
from lingque.govern.approvals import Submission, decide_approval
from lingque.govern.consent_imports import (
    ConsentImport,
    Counted,
    ImportState,
    all_imports,
    counted,
    find_import,
    waiting_import,
)
from lingque.govern.contracts import Action, Principal

_KIND = "consents"


@dataclass(frozen=True, kw_only=True)
class ImportShown:
    """An import, and how many of its statements are of which sort; of one that was decided on none wait any more."""

    what: ConsentImport
    counts: tuple[Counted, ...]


def show_imports(services: Services, actor: Principal, *, everything: bool = False) -> list[ConsentImport] | Refusal:
    """Those that wait, or all there were."""
    denied = refused(actor, Action.APPROVE_CONSENTS)
    if denied is not None:
        return traced(services, denied, actor, "read_consent_imports", "consent imports")
    with services.database.reading() as connection:
        return all_imports(connection, everything=everything)


def show_import(services: Services, number: int, actor: Principal) -> ImportShown | Refusal:
    """One of them with its counts, never who said what. Raises `NotFoundError`."""
    denied = refused(actor, Action.APPROVE_CONSENTS)
    if denied is not None:
        return traced(services, denied, actor, "read_consent_imports", f"consent import {number}")
    with services.database.reading() as connection:
        return ImportShown(what=find_import(connection, number), counts=tuple(counted(connection, number)))


def decide_import(
    services: Services, number: int, actor: Principal, *, digest: str, approved: bool = True, comment: str = ""
) -> ConsentImport | Refusal:
    """Record what was looked at (`digest`), or drop it; not who loaded it. Once: raises `ConflictError` otherwise."""
    subject, act = f"consent import {number}", "approve_consents" if approved else "reject_consents"
    with services.database.transaction() as connection:
        denied = refused(actor, Action.APPROVE_CONSENTS)
        if denied is not None:
            trace(services, connection, denied, actor, act, subject)
            return denied
        waiting = waiting_import(connection, number)
        submission = Submission(
            kind=_KIND,
            action=Action.APPROVE_CONSENTS,
            subject=str(number),
            digest=waiting.digest,
            authors=(waiting.submitted_by,),
        )
        refusal = (
            _another(waiting, digest)
            or (services.consent_imports.altered(connection, waiting) if approved else None)
            or decide_approval(
                connection, submission, actor, approved=approved, comment=comment, at=services.clock.now()
            )
        )
        if refusal is not None:
            trace(services, connection, refusal, actor, act, subject)
            return refusal
        recorded = services.consent_imports.record(connection, waiting) if approved else 0
        detail: dict[str, object] = {"digest": digest, "recorded": recorded, "comment": comment}
        services.audit.record(connection, actor=actor.user, act=act, subject=subject, detail=detail)
        state: ImportState = "approved" if approved else "rejected"
        return services.consent_imports.end(connection, waiting, state, recorded=recorded)


def _another(waiting: ConsentImport, digest: str) -> Refusal | None:
    if digest == waiting.digest:
        return None
    return Refusal(
        reason=Reason.CHANGED_SINCE_PLAN,
        detail=f"import {waiting.import_id} is {waiting.digest[:12]}, not {digest[:12]}; look at it first",
    )
