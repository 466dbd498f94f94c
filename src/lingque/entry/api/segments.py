"""Segments: counts as one types, the list, overlaps. Numbers only, never who."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.core.reasons import Refusal
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Day, Labelled, Request
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
