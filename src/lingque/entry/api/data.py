"""What came in: the quality of the data day by day, and how many rows are in quarantine (their content never)."""

from __future__ import annotations

import dataclasses
from datetime import date
from itertools import groupby
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.entry.api.asking import denied
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.shapes import Comment, Day, Name, ReasonAnswer, Request
from lingque.govern.contracts import Action
from lingque.ingest.quality import QualityDay, quality_days, release
from lingque.ingest.quarantine import counted_quarantine

router = guarded_router("data")

SourceQuery = Annotated[Name | None, Query(description="only this source")]
DayQuery = Annotated[Day | None, Query(description="only this data date")]
DaysQuery = Annotated[int, Query(ge=1, le=366, description="how many data dates back, per source")]
RowsQuery = Annotated[
    Literal["open", "all"], Query(description="'all': with those that a later load has judged anew, too")
]


class ReleaseRequest(Request):
    """Let a delivery through that scored below its contract's gate."""

    source: Name
    data_date: Day = Field(description="the day the files speak of")
    comment: Annotated[Comment, Field(min_length=1)] = Field(
        description="why; no personal data, for the audit trail keeps it"
    )


class QualityAnswer(BaseModel):
    """The newest judgement on a source's data date."""

    source: str
    contract: str
    data_date: date
    score: float = Field(description="0 to 100: the product of the dimensions")
    dimensions: dict[str, float] = Field(description="0 to 1 each")
    read: int
    accepted: int
    repeated: int
    quarantined: int
    dismissed: int
    held: bool = Field(description="it scored below the gate, and nothing of it is published")
    released_by: str | None
    fell: bool = Field(description="by more than five points against the median before it")


class QualityList(BaseModel):
    """By source and then by date."""

    days: list[QualityAnswer]


class QuarantineAnswer(BaseModel):
    """How many rows of a source's day broke one rule. A row that broke several counts under each."""

    source: str
    data_date: date
    column: str
    reason: ReasonAnswer
    rows: int
    first_row: int = Field(description="the lowest of their numbers, by which the command line corrects them")
    is_open: bool = Field(description="no later load has judged them anew")


class QuarantineList(BaseModel):
    """By source, data date, column and reason."""

    counts: list[QuarantineAnswer]


@router.get(
    "/quality", operation_id="list_quality", summary="The quality of the data by day", response_model=QualityList
)
def get_quality(
    workspace: Workspace, caller: Caller, source: SourceQuery = None, days: DaysQuery = 14
) -> QualityList | Response:
    refusal = denied(workspace, caller, Action.INGEST, act="show_quality", subject=source or "all sources")
    if refusal is not None:
        return refusal
    with workspace.services.database.reading() as connection:
        found = quality_days(connection, source)
    by_source = groupby(found, key=lambda day: day.source)
    return QualityList(days=[_quality(day) for _, of_source in by_source for day in list(of_source)[-days:]])


@router.post(
    "/quality/releases",
    operation_id="release_delivery",
    summary="Let a held delivery through",
    response_model=QualityAnswer,
)
def post_release(body: ReleaseRequest, workspace: Workspace, caller: Caller) -> QualityAnswer | Response:
    """The next load publishes it, and only it. 404 where no delivery of that day is held."""
    subject = f"{body.source}/{body.data_date}"
    refusal = denied(workspace, caller, Action.INGEST, act="release_delivery", subject=subject)
    if refusal is not None:
        return refusal
    with workspace.writing() as services, services.database.transaction() as connection:
        released = release(
            connection,
            body.source,
            body.data_date,
            comment=body.comment,
            audit=services.audit,
            actor=caller.user,
            at=services.clock.now(),
        )
    return _quality(dataclasses.replace(released, released_by=caller.user))


@router.get(
    "/quarantine",
    operation_id="count_quarantine",
    summary="How many rows are in quarantine, and why",
    response_model=QuarantineList,
)
def get_quarantine(
    workspace: Workspace,
    caller: Caller,
    source: SourceQuery = None,
    data_date: DayQuery = None,
    rows: RowsQuery = "open",
) -> QuarantineList | Response:
    """Counts only: rows may hold identifiers, so they are looked at and corrected at the command line."""
    refusal = denied(workspace, caller, Action.INGEST, act="list_quarantine", subject=source or "all sources")
    if refusal is not None:
        return refusal
    with workspace.services.database.reading() as connection:
        counts = counted_quarantine(connection, source=source, data_date=data_date, open_only=rows == "open")
    return QuarantineList(
        counts=[
            QuarantineAnswer(
                source=count.source,
                data_date=count.data_date,
                column=count.column,
                reason=ReasonAnswer.of(count.reason),
                rows=count.rows,
                first_row=count.first_id,
                is_open=count.is_open,
            )
            for count in counts
        ]
    )


def _quality(day: QualityDay) -> QualityAnswer:
    return QualityAnswer(
        source=day.source,
        contract=day.contract,
        data_date=day.data_date,
        score=day.score,
        dimensions=day.dimensions,
        read=day.observed.read,
        accepted=day.observed.accepted,
        repeated=day.observed.repeated,
        quarantined=day.observed.quarantined,
        dismissed=day.observed.dismissed,
        held=day.held,
        released_by=day.released_by,
        fell=day.fell,
    )
