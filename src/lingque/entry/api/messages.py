"""Messages: what became of them, as those who carry them tell."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import Body
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from lingque.core.clock import instant_of
from lingque.core.reasons import Refusal
from lingque.deliver.receipts import Outcome, Statement
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Comment, ReasonAnswer, Request
from lingque.flow.receipts import ReceiptReport, take_receipts

router = guarded_router("messages")

MOST_RECEIPTS = 5_000
"""In one request."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _moment(value: object) -> datetime:
    # pydantic would read numbers as moments too, and take one without a time zone
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("a moment is written YYYY-MM-DDTHH:MM:SS with Z or an offset such as +08:00")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such moment") from None


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class ReceiptRequest(Request):
    """What happened to one message."""

    key: str = Field(pattern="^[!-~]{1,200}$", description="the key that the message was handed over with")
    outcome: Outcome
    at: Moment = Field(description="when it happened")
    note: Comment = Field(default="", description="kept under seal")


class ReceiptProblem(BaseModel):
    """Why a receipt did not count, or (WRONG_STATE) what about it somebody has to look at."""

    row: int = Field(description="its place in the array, from 1")
    field: str
    reason: ReasonAnswer


class ReceiptsAnswer(BaseModel):
    """What the receipts came to."""

    read: int
    counted: int = Field(description="new ones")
    repeated: int = Field(description="told before: they count once")
    outcomes: dict[Outcome, int]
    problems: list[ReceiptProblem]


@router.post(
    "/messages/receipts",
    operation_id="take_receipts",
    summary="Take receipts of single messages",
    response_model=ReceiptsAnswer,
)
def post_receipts(
    body: Annotated[list[ReceiptRequest], Body(min_length=1, max_length=MOST_RECEIPTS)],
    workspace: Workspace,
    caller: Caller,
) -> ReceiptsAnswer | Response:
    """What does not count is named by its place and does not stop the rest. Said twice, a receipt counts once."""
    statements = [
        Statement(row=row, key=one.key, outcome=one.outcome, at=instant_of(one.at), note=one.note)
        for row, one in enumerate(body, start=1)
    ]
    with workspace.writing() as services:
        report = take_receipts(services, statements, caller, origin=f"api of {caller.user}")
    return refusal_response(report) if isinstance(report, Refusal) else _answer(report)


def _answer(report: ReceiptReport) -> ReceiptsAnswer:
    return ReceiptsAnswer.model_validate(
        {
            "read": report.read,
            "counted": report.counted,
            "repeated": report.repeated,
            "outcomes": report.outcomes,
            "problems": [
                ReceiptProblem(row=problem.row, field=problem.field, reason=ReasonAnswer.of(problem.reason))
                for problem in report.problems
            ],
        }
    )
