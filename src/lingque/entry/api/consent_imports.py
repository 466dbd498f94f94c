"""Consents that a file brought and that wait for a second person: how many of which sort, never whose."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Path, Query
from pydantic import BaseModel, Field, StrictBool
from starlette.responses import Response

from lingque.core.clock import datetime_of
from lingque.core.reasons import Refusal
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Comment, Labelled, Request
from lingque.flow.consent_imports import ImportShown, decide_import, show_import, show_imports
from lingque.govern.consent_imports import ConsentImport, Standing

router = guarded_router("consents")

Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="number of the import")]


class ImportDecision(Request):
    """A decision on the import with this digest."""

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="digest of the import that was looked at")
    approved: StrictBool
    comment: Comment = ""


class ImportAnswer(BaseModel):
    """A delivery's statements that wait, or what became of them."""

    number: int
    subject: str = Field(description="the delivery")
    digest: str
    statements: int
    state: Literal["waiting", "approved", "rejected"]
    submitted_by: str
    submitted_at: datetime
    decided_at: datetime | None
    recorded: int | None = Field(description="statements taken into the register; null while it waits")

    @classmethod
    def of(cls, one: ConsentImport) -> Self:
        return cls(
            number=one.import_id,
            subject=one.subject,
            digest=one.digest,
            statements=one.statements,
            state=one.state,
            submitted_by=one.submitted_by,
            submitted_at=datetime_of(one.submitted_at),
            decided_at=None if one.decided_at is None else datetime_of(one.decided_at),
            recorded=one.recorded,
        )


class ImportsAnswer(BaseModel):
    """The oldest first."""

    imports: list[ImportAnswer]


class SortAnswer(BaseModel):
    """How many statements are of one sort."""

    purpose: str
    channel: str
    standing: Standing
    label: Labelled
    statements: int


class ImportDetail(ImportAnswer):
    """An import with what it would change."""

    sorts: list[SortAnswer]

    @classmethod
    def shown(cls, one: ImportShown) -> Self:
        return cls(
            **ImportAnswer.of(one.what).model_dump(),
            sorts=[
                SortAnswer(
                    purpose=sort.purpose.name.lower(),
                    channel=sort.channel,
                    standing=sort.standing,
                    label=Labelled.of(sort.standing.label),
                    statements=sort.statements,
                )
                for sort in one.counts
            ],
        )


@router.get(
    "/consent-imports",
    operation_id="list_consent_imports",
    summary="Consents that wait for a second person",
    response_model=ImportsAnswer,
)
def get_imports(
    workspace: Workspace,
    caller: Caller,
    *,
    decided: Annotated[bool, Query(description="those that were decided on too")] = False,
) -> ImportsAnswer | Response:
    found = show_imports(workspace.services, caller, everything=decided)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return ImportsAnswer(imports=[ImportAnswer.of(one) for one in found])


@router.get(
    "/consent-imports/{number}",
    operation_id="get_consent_import",
    summary="What an import would change",
    response_model=ImportDetail,
)
def get_import(number: Number, workspace: Workspace, caller: Caller) -> ImportDetail | Response:
    shown = show_import(workspace.services, number, caller)
    return refusal_response(shown) if isinstance(shown, Refusal) else ImportDetail.shown(shown)


@router.post(
    "/consent-imports/{number}/decisions",
    operation_id="decide_consent_import",
    summary="Take exactly these statements into the register, or none",
    response_model=ImportAnswer,
)
def post_decision(
    number: Number, body: ImportDecision, workspace: Workspace, caller: Caller
) -> ImportAnswer | Response:
    """403 OWN_WORK for who loaded the file."""
    with workspace.writing() as services:
        decided = decide_import(
            services, number, caller, digest=body.digest, approved=body.approved, comment=body.comment
        )
    return refusal_response(decided) if isinstance(decided, Refusal) else ImportAnswer.of(decided)
