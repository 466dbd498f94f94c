"""Segments: counts as one types, the list, overlaps, who came and went, who can be reached. Numbers only, never who."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.definitions.shared import NAME, PurposeName
from lingque.core.reasons import Refusal
from lingque.core.registries import Purpose
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Day, Labelled, Name, Request
from lingque.flow.reach import Reach, Waterfall, reach_of
from lingque.flow.segment_history import History, Move, segment_history
from lingque.flow.segments import Counted, Overlap, SegmentShown, count_segment, list_segments, overlap_of
from lingque.profile.segments import MOST_COMPARED

router = guarded_router("segments")

Condition = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]


class CountRequest(Request):
    """What to count."""

    expression: Condition = Field(description="a condition over tags, or the name of a segment")
    as_of: Day | None = Field(default=None, description="the day of the snapshot; null: the newest")


class PartAnswer(BaseModel):
    """One of the conditions between the outermost `and`s."""

    text: str
    alone: int = Field(description="customers for whom it is true")
    left: int = Field(description="customers for whom it and all before it are true")


class CountAnswer(BaseModel):
    """How many of the snapshot's customers make the condition true."""

    as_of: date
    customers: int
    count: int
    share: float
    parts: list[PartAnswer]
    data_classes: list[str]
    purposes: list[str]

    @classmethod
    def of(cls, found: Counted) -> CountAnswer:
        return cls(
            as_of=found.as_of,
            customers=found.customers,
            count=found.count,
            share=found.share,
            parts=[PartAnswer(text=part.text, alone=part.alone, left=part.left) for part in found.parts],
            data_classes=list(found.lineage.classes.names),
            purposes=sorted(purpose.name.lower() for purpose in found.lineage.purposes),
        )


class SegmentAnswer(BaseModel):
    """A true-or-false tag; `count` is null where it is defined anew since the snapshot."""

    name: str
    label: Labelled
    family: str
    count: int | None

    @classmethod
    def of(cls, shown: SegmentShown) -> SegmentAnswer:
        definition = shown.tag.definition
        label = Labelled.of(definition.label.label())
        return cls(name=shown.tag.name, label=label, family=definition.family, count=shown.count)


class SegmentList(BaseModel):
    """Every segment, with its count in the newest snapshot."""

    as_of: date
    segments: list[SegmentAnswer]


class OverlapRequest(Request):
    """What to compare."""

    expressions: Annotated[list[Condition], Field(min_length=1, max_length=MOST_COMPARED)]
    as_of: Day | None = Field(default=None, description="the day of the snapshot; null: the newest")


class OverlapAnswer(BaseModel):
    """Customers in common, two by two in the order of the request; on the diagonal the customers of each."""

    as_of: date
    customers: int
    matrix: list[list[int]]

    @classmethod
    def of(cls, found: Overlap) -> OverlapAnswer:
        return cls(as_of=found.as_of, customers=found.customers, matrix=[list(row) for row in found.matrix])


@router.get("/segments", operation_id="list_segments", summary="The segments", response_model=SegmentList)
def get_segments(workspace: Workspace, caller: Caller) -> SegmentList | Response:
    """404 where there is no snapshot yet."""
    found = list_segments(workspace.services, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    as_of, segments = found
    return SegmentList(as_of=as_of, segments=[SegmentAnswer.of(one) for one in segments])


@router.put(
    "/segments/count", operation_id="count_segment", summary="Count a condition as it is typed",
    response_model=CountAnswer,
)  # fmt: skip
def put_count(body: CountRequest, workspace: Workspace, caller: Caller) -> CountAnswer | Response:
    """A condition that cannot be read is 422 with the character; one over a tag that changed since the snapshot 409."""
    found = count_segment(workspace.services, body.expression, caller, as_of=body.as_of)
    return refusal_response(found) if isinstance(found, Refusal) else CountAnswer.of(found)


@router.put(
    "/segments/overlap", operation_id="compare_segments", summary="What segments have in common",
    response_model=OverlapAnswer,
)  # fmt: skip
def put_overlap(body: OverlapRequest, workspace: Workspace, caller: Caller) -> OverlapAnswer | Response:
    """Raises what a count does."""
    found = overlap_of(workspace.services, body.expressions, caller, as_of=body.as_of)
    return refusal_response(found) if isinstance(found, Refusal) else OverlapAnswer.of(found)


SegmentName = Annotated[str, Path(pattern=NAME, description="name of the segment")]
SinceQuery = Annotated[Day | None, Query(description="the first day; null: the earliest snapshot")]
UntilQuery = Annotated[Day | None, Query(description="the last day; null: the newest snapshot")]


class CauseAnswer(BaseModel):
    """A condition of the segment: for how many who entered it had not been true, and who left no longer is."""

    text: str
    entered: int
    left: int


class MoveAnswer(BaseModel):
    """From one stored snapshot to the next."""

    first: date
    then: date
    members: int
    entered: int
    left: int
    new: int = Field(description="of those who entered: were no customers before")
    gone: int = Field(description="of those who left: are customers no longer")
    causes: list[CauseAnswer]

    @classmethod
    def of(cls, move: Move) -> MoveAnswer:
        return cls(
            first=move.first,
            then=move.then,
            members=move.members,
            entered=move.entered,
            left=move.left,
            new=move.new,
            gone=move.gone,
            causes=[CauseAnswer(text=one.text, entered=one.entered, left=one.left) for one in move.causes],
        )


class HistoryAnswer(BaseModel):
    """Who came and who went, as numbers."""

    segment: str
    moves: list[MoveAnswer]
    unlike: list[date] = Field(description="days whose snapshot has the segment by another definition: passed over")

    @classmethod
    def of(cls, found: History) -> HistoryAnswer:
        moves = [MoveAnswer.of(move) for move in found.moves]
        return cls(segment=found.segment, moves=moves, unlike=list(found.unlike))


class ReachRequest(Request):
    """With what, and for what."""

    offers: Annotated[list[Name], Field(min_length=1, max_length=50)]
    as_of: Day | None = Field(default=None, description="the day of the snapshot; null: the newest")
    purpose: PurposeName = "marketing"
    route_by: Name | None = Field(default=None, description="the tag that says who makes the calls")


class StepAnswer(BaseModel):
    """How many are left after a step."""

    step: str
    label: Labelled
    left: int


class WaterfallAnswer(BaseModel):
    """Step by step; `channel` is null where any channel will do."""

    channel: str | None
    steps: list[StepAnswer]

    @classmethod
    def of(cls, found: Waterfall) -> WaterfallAnswer:
        return cls(
            channel=found.channel or None,
            steps=[StepAnswer(step=step.value, label=Labelled.of(step.label), left=left) for step, left in found.left],
        )


class ReachAnswer(BaseModel):
    """How many of a segment could be reached with one of the offers."""

    segment: str
    as_of: date
    customers: int = Field(description="in the snapshot")
    waterfalls: list[WaterfallAnswer] = Field(description="of any channel, then of each")

    @classmethod
    def of(cls, found: Reach) -> ReachAnswer:
        waterfalls = [WaterfallAnswer.of(one) for one in (found.any_channel, *found.channels)]
        return cls(segment=found.segment, as_of=found.as_of, customers=found.customers, waterfalls=waterfalls)


@router.get(
    "/segments/{name}/history", operation_id="get_segment_history", summary="Who entered and left a segment, and why",
    response_model=HistoryAnswer,
)  # fmt: skip
def get_history(
    name: SegmentName, workspace: Workspace, caller: Caller, since: SinceQuery = None, until: UntilQuery = None
) -> HistoryAnswer | Response:
    """404 where fewer than two snapshots have the segment as it is defined now."""
    found = segment_history(workspace.services, name, caller, since=since, until=until)
    return refusal_response(found) if isinstance(found, Refusal) else HistoryAnswer.of(found)


@router.put(
    "/segments/{name}/reach", operation_id="get_segment_reach", summary="How many of a segment could be reached",
    response_model=ReachAnswer,
)  # fmt: skip
def put_reach(name: SegmentName, body: ReachRequest, workspace: Workspace, caller: Caller) -> ReachAnswer | Response:
    """Asked of the judges that a plan asks, at this moment; nothing is written."""
    found = reach_of(
        workspace.services, name, body.offers, caller, as_of=body.as_of, purpose=Purpose[body.purpose.upper()],
        route_by=body.route_by,
    )  # fmt: skip
    return refusal_response(found) if isinstance(found, Refusal) else ReachAnswer.of(found)
