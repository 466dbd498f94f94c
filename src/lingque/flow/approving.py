"""Two people beside the author look at a plan: one for the customers, one for the bank; and again at its pilot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from lingque.core.clock import Instant
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass
from lingque.engage.contracts import AskLeave, Decide, Plan, State
from lingque.engage.life_cycle import cannot_become
from lingque.engage.service import advance, newest_plan
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import trace
from lingque.govern.access import refused
from lingque.govern.approvals import Submission, decide_approval, newest_decision, not_approved
from lingque.govern.contracts import Action, Principal

Kind = Literal["review", "campaign", "pilot"]
"""What is decided: consumer-protection review, the plan itself, or what its pilot showed."""

_ACTION: dict[Kind, Action] = {
    "review": Action.REVIEW_CAMPAIGN,
    "campaign": Action.APPROVE_CAMPAIGN,
    "pilot": Action.APPROVE_CAMPAIGN,
}
_ACT: dict[Kind, str] = {"review": "review_campaign", "campaign": "approve_campaign", "pilot": "approve_pilot"}
_YES: dict[Kind, State] = {"review": "reviewed", "campaign": "approved", "pilot": "pilot_approved"}
_NO: dict[Kind, State] = {"review": "rejected", "campaign": "rejected", "pilot": "stopped"}


def review_campaign(
    services: Services,
    name: str,
    actor: Principal,
    *,
    digest: str,
    approved: bool = True,
    comment: str = "",
    on_behalf_of: str = "",
) -> Plan | Refusal:
    """Consumer-protection review (消保审查) of the newest plan, if it is the one that was looked at (`digest`)."""
    word = _Word(approved=approved, comment=comment, on_behalf_of=on_behalf_of)
    return _decide(services, name, "review", actor, digest=digest, word=word)


def approve_campaign(
    services: Services,
    name: str,
    actor: Principal,
    *,
    digest: str,
    approved: bool = True,
    comment: str = "",
    on_behalf_of: str = "",
) -> Plan | Refusal:
    """Decide on the newest plan, or on its pilot once that is done, if it is the one that was looked at (`digest`).

    Neither its planner, nor the campaign's owner, nor who reviewed it may. Against a pilot means to stop. Where the
    thresholds ask for a second approver, the plan stays as it is until both have said yes.
    """
    with services.database.reading() as connection:
        piloted = newest_plan(connection, name).state == "piloted"
    kind: Kind = "pilot" if piloted else "campaign"
    word = _Word(approved=approved, comment=comment, on_behalf_of=on_behalf_of)
    return _decide(services, name, kind, actor, digest=digest, word=word)


def approvers_of(services: Services, plan: Plan) -> int:
    """How many different people must approve the plan."""
    asked, leave, choice = services.thresholds, plan.stage(AskLeave), plan.stage(Decide)
    classes = DataClass.union(one for _, one in leave.data_classes)
    second = (
        choice.hold_out == 0
        or (asked.audience is not None and plan.forecast.audience > asked.audience)
        or (asked.cost is not None and plan.forecast.cost > asked.cost)
        or bool(classes & asked.data_classes)
    )
    return 2 if second else 1


@dataclass(frozen=True, kw_only=True)
class _Word:
    """What somebody says, and for whom besides themselves."""

    approved: bool
    comment: str
    on_behalf_of: str


def _decide(services: Services, name: str, kind: Kind, actor: Principal, *, digest: str, word: _Word) -> Plan | Refusal:
    owner = catalog_of(services).campaign(name).owner
    now = services.clock.now()
    state = _YES[kind] if word.approved else _NO[kind]
    with services.database.transaction() as connection:
        plan = newest_plan(connection, name)
        refusal = (
            (refused(actor, _ACTION[kind]) if not word.on_behalf_of else None)
            or _another(plan, digest)
            or (_not_reviewed(plan) if kind == "campaign" else None)
            or cannot_become(plan, state)
            or _record(connection, plan, owner, kind, actor, word, at=now)
        )
        if refusal is not None:
            trace(services, connection, refusal, actor, _ACT[kind], name)
            return refusal
        detail: dict[str, object] = {"digest": plan.digest, "comment": word.comment}
        services.audit.record(
            connection,
            actor=actor.user,
            act=_ACT[kind] if word.approved else f"reject_{kind}",
            subject=name,
            detail=detail | ({"on_behalf_of": word.on_behalf_of} if word.on_behalf_of else {}),
        )
        if word.approved and _awaits_more(services, connection, plan, kind):
            return plan
        return advance(connection, plan, state, by=actor.user, at=now, comment=word.comment)


def _awaits_more(services: Services, connection: Connection, plan: Plan, kind: Kind) -> bool:
    if kind == "review":
        return False
    lacking = not_approved(connection, _approved_digest(plan, kind), kind=kind, approvers=approvers_of(services, plan))
    return lacking is not None


def _approved_digest(plan: Plan, kind: Kind) -> str:
    # what a pilot showed is of this wave alone, whatever else was approved for every wave
    return plan.digest if kind == "pilot" else plan.approval_digest


def _record(
    connection: Connection,
    plan: Plan,
    owner: str,
    kind: Kind,
    actor: Principal,
    word: _Word,
    *,
    at: Instant,
) -> Refusal | None:
    authors = [plan.planned_by, owner]
    review = newest_decision(connection, kind="review", digest=plan.approval_digest)
    if kind != "review" and review is not None:
        authors.append(review.by)  # who reviewed for the customers does not approve for the bank
    submission = Submission(
        kind=kind,
        action=_ACTION[kind],
        subject=plan.campaign,
        digest=_approved_digest(plan, kind),
        authors=tuple(dict.fromkeys(authors)),
        organisation=plan.organisation,
    )
    return decide_approval(
        connection,
        submission,
        actor,
        approved=word.approved,
        comment=word.comment,
        at=at,
        on_behalf_of=word.on_behalf_of,
    )


def _not_reviewed(plan: Plan) -> Refusal | None:
    if plan.state not in ("simulated", "rejected"):
        return None
    detail = f"the plan of '{plan.campaign}' is {plan.state}; it is reviewed for consumer protection first"
    return Refusal(reason=Reason.NOT_REVIEWED, detail=detail)


def _another(plan: Plan, digest: str) -> Refusal | None:
    """Is the newest plan another than the one that was looked at?"""
    if plan.digest == digest:
        return None
    return Refusal(
        reason=Reason.CHANGED_SINCE_PLAN,
        detail=f"the newest plan of '{plan.campaign}' is {plan.digest[:12]}, not {digest[:12]}; look at it first",
    )
