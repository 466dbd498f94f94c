"""One customer's story in one campaign: what was known, what was weighed, what became of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from lingque.catalog.model import Catalog
from lingque.core.clock import datetime_of
from lingque.core.errors import NotFoundError
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Status
from lingque.deliver.history import MessageFate
from lingque.entry.api.campaign_shapes import CampaignName, WaveQuery
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Amount, Labelled, ReasonAnswer
from lingque.flow.intake import catalog_of
from lingque.flow.story import Arm, Story, Weighed, story_of

router = guarded_router("decisions")

CustomerNumber = Annotated[
    int, Path(ge=1, le=2**63 - 1, description="the platform's own number of the customer, no number of the bank")
]


class TagValue(BaseModel):
    """A tag that the campaign looked at; null: not known. Money in minor units, a day as YYYY-MM-DD."""

    tag: str
    label: Labelled | None = Field(description="null where the tag is not in force any more")
    type: str | None
    value: bool | int | float | str | None


class CandidateAnswer(BaseModel):
    """An offer on a channel as it was weighed, with every reason against it."""

    offer: str
    channel: str
    arm: Arm
    reasons: list[ReasonAnswer]
    response: float = Field(description="probability that the customer responds")
    value_basis: str = Field(description="where the response comes from")
    cost: Amount
    value: Amount


class MessageAnswer(BaseModel):
    """Where a message stands, and since when."""

    channel: str
    offer: str
    status: Status
    reason: ReasonAnswer | None
    at: datetime

    @classmethod
    def of(cls, one: MessageFate) -> MessageAnswer:
        return cls(
            channel=one.channel,
            offer=one.offer,
            status=one.status,
            reason=None if one.reason is None else ReasonAnswer.of(one.reason),
            at=datetime_of(one.at),
        )


class StoryAnswer(BaseModel):
    """Why this customer, why this offer, why not another, and what came of it."""

    campaign: str
    digest: str
    customer_id: str = Field(description="a string: it has more digits than every reader of JSON keeps of a number")
    as_of: date
    decided_at: datetime
    tags: list[TagValue]
    candidates: list[CandidateAnswer] = Field(description="the most valuable first")
    messages: list[MessageAnswer]


@router.get(
    "/campaigns/{name}/decisions/{customer_id}",
    operation_id="get_decision",
    summary="What was decided for one customer in a wave, and why",
    response_model=StoryAnswer,
)
def get_decision(
    name: CampaignName, customer_id: CustomerNumber, workspace: Workspace, caller: Caller, wave: WaveQuery = None
) -> StoryAnswer | Response:
    """Whoever may not see compliance's reasons sees an exclusion list in their place."""
    try:
        story = story_of(workspace.services, name, CustomerId(customer_id), caller, wave=wave)
    except NotFoundError as error:
        if str(customer_id) not in error.what:
            raise
        # what was asked for may be somebody's telephone number: it is not repeated
        raise NotFoundError(
            f"nothing was decided for that customer in that wave of '{name}'",
            next_step="the customer is not in its segment, or the wave has not run yet",
        ) from None
    if isinstance(story, Refusal):
        return refusal_response(story)
    return _story(story, catalog_of(workspace.services))


def _story(story: Story, catalog: Catalog) -> StoryAnswer:
    return StoryAnswer(
        campaign=story.plan.campaign,
        digest=story.plan.digest,
        customer_id=str(story.customer_id),
        as_of=story.as_of,
        decided_at=datetime_of(story.decided_at),
        tags=[tag_value(name, value, catalog) for name, value in story.tags.items()],
        candidates=[_candidate(one, story.currency) for one in story.weighed],
        messages=[MessageAnswer.of(one) for one in story.messages],
    )


def tag_value(name: str, value: Any, catalog: Catalog) -> TagValue:
    """A tag with its label, where it is in force."""
    tag = catalog.tags.get(name)
    return TagValue(
        tag=name,
        label=None if tag is None else Labelled.of(tag.definition.label.label()),
        type=None if tag is None else str(tag.type),
        value=value.isoformat() if isinstance(value, date) else value,
    )


def _candidate(one: Weighed, currency: str) -> CandidateAnswer:
    return CandidateAnswer(
        offer=one.offer,
        channel=one.channel,
        arm=one.arm,
        reasons=[ReasonAnswer.of(reason) for reason in dict.fromkeys(one.reasons)],
        response=one.response,
        value_basis=one.value_basis,
        cost=Amount(minor=one.cost, currency=currency),
        value=Amount(minor=one.value, currency=currency),
    )
