"""Identifiers of many customers in full: asked for, approved by somebody else, opened by who asked until it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path
from pydantic import BaseModel, Field, StrictBool, StringConstraints
from starlette.responses import Response

from lingque.catalog.definitions.shared import PurposeName
from lingque.core.clock import datetime_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.core.registries import Purpose
from lingque.entry.api.asking import no_body
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Comment, ReasonAnswer, Request
from lingque.flow.revealing import RevealShown, decide_reveals, open_reveals, request_reveals, show_reveals
from lingque.govern.reveals import LONGEST_DAYS, MOST_CUSTOMERS, IdentifierKind

router = guarded_router("customers")

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="number of the request")]
Why = Annotated[Comment, Field(min_length=5, max_length=200), StringConstraints(strip_whitespace=True)]
Surrogate = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,17}$|^[1-8][0-9]{18}$")]


class RevealsRequest(Request):
    """Whose identifiers, which, what for, why, and for how long."""

    customers: Annotated[list[Surrogate], Field(min_length=1, max_length=MOST_CUSTOMERS)]
    kind: IdentifierKind
    purpose: PurposeName = Field(description="leave is asked for it, customer by customer, when they are opened")
    reason: Why
    days: int = Field(ge=1, le=LONGEST_DAYS)


class RevealsDecision(Request):
    """A decision on the request with this digest."""

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="digest of the request that was looked at")
    approved: StrictBool
    comment: Comment = ""


class RevealsAnswer(BaseModel):
    """A request, without who is on its list."""

    number: int
    kind: IdentifierKind
    purpose: str
    reason: str
    digest: str
    customers: int
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    approved: bool | None = Field(description="the newest word on it; null: nobody has decided yet")
    decided_by: str | None

    @classmethod
    def of(cls, shown: RevealShown) -> Self:
        batch = shown.batch
        return cls(
            number=batch.batch_id,
            kind=batch.kind,
            purpose=batch.purpose.name.lower(),
            reason=batch.reason,
            digest=batch.digest,
            customers=batch.customers,
            requested_by=batch.requested_by,
            requested_at=datetime_of(batch.requested_at),
            expires_at=datetime_of(batch.expires_at),
            approved=None if shown.decision is None else shown.decision.approved,
            decided_by=None if shown.decision is None else shown.decision.by,
        )


class RevealsList(BaseModel):
    """The newest first."""

    requests: list[RevealsAnswer]


class ValueAnswer(BaseModel):
    """An identifier in full, or why not."""

    customer_id: str
    value: str | None
    refused: ReasonAnswer | None


class ValuesAnswer(BaseModel):
    """By surrogate."""

    values: list[ValueAnswer]


@router.get(
    "/reveals", operation_id="list_reveals", summary="Requests to see many identifiers", response_model=RevealsList
)
def get_reveals(workspace: Workspace, caller: Caller) -> RevealsList | Response:
    """One's own; everybody's for who approves them."""
    found = show_reveals(workspace.services, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return RevealsList(requests=[RevealsAnswer.of(one) for one in found])


@router.post(
    "/reveals",
    operation_id="request_reveals",
    summary="Ask to see identifiers of many customers",
    response_model=RevealsAnswer,
)
def post_reveals(body: RevealsRequest, workspace: Workspace, caller: Caller) -> RevealsAnswer | Response:
    """All of them must be within the caller's scope. Nothing is opened before somebody else has approved it."""
    with workspace.writing() as services:
        made = request_reveals(
            services,
            [CustomerId(int(one)) for one in body.customers],
            body.kind,
            caller,
            purpose=Purpose[body.purpose.upper()],
            reason=body.reason,
            days=body.days,
        )
    return (
        refusal_response(made)
        if isinstance(made, Refusal)
        else RevealsAnswer.of(RevealShown(batch=made, decision=None))
    )


@router.post(
    "/reveals/{number}/decisions",
    operation_id="decide_reveals",
    summary="Approve or reject a request to see many identifiers",
    response_model=RevealsAnswer,
)
def post_decision(
    number: Number, body: RevealsDecision, workspace: Workspace, caller: Caller
) -> RevealsAnswer | Response:
    with workspace.writing() as services:
        decided = decide_reveals(
            services, number, caller, digest=body.digest, approved=body.approved, comment=body.comment
        )
    return refusal_response(decided) if isinstance(decided, Refusal) else RevealsAnswer.of(decided)


@router.put(
    "/reveals/{number}/values",
    operation_id="open_reveals",
    summary="See the identifiers that were asked for",
    response_model=ValuesAnswer,
    dependencies=[Depends(no_body)],
)
def put_values(number: Number, workspace: Workspace, caller: Caller) -> ValuesAnswer | Response:
    """For who asked, once it is approved, until it ends. Every identifier is an entry of the audit trail, each time."""
    found = open_reveals(workspace.services, number, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return ValuesAnswer(
        values=[
            ValueAnswer(
                customer_id=str(one.customer_id),
                value=one.value if isinstance(one.value, str) else None,
                refused=ReasonAnswer.of(one.value.reason.for_customer) if isinstance(one.value, Refusal) else None,
            )
            for one in found
        ]
    )
