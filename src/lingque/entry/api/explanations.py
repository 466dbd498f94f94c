"""Why this and not that, and whether it would be decided so again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from lingque.core.clock import datetime_of, instant_of
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.entry.api.decisions import CustomerNumber
from lingque.entry.api.guarded import Caller, Workspace, guarded_router
from lingque.entry.api.problems import refusal_response
from lingque.entry.api.shapes import Amount, Labelled, ReasonAnswer
from lingque.flow.explaining import Explained, Option, explain_decision
from lingque.flow.replaying import replay_decision
from lingque.flow.story import Arm

router = guarded_router("decisions")


class AgainstAnswer(BaseModel):
    """A reason, and what would have to change; null: nothing can be done about it, or nobody may know what."""

    reason: ReasonAnswer
    needs: Labelled | None


class OptionAnswer(BaseModel):
    """An offer on a channel: value = response × margin − losses − fatigue − cost, and it had to exceed `price`."""

    offer: str
    label: Labelled
    channel: str
    arm: Arm
    response: float
    value_basis: str = Field(description="where the response comes from")
    margin: Amount
    losses: Amount
    fatigue: Amount
    cost: Amount
    value: Amount
    price: Amount
    propensity: float | None = Field(description="how probable the choice was, of what was chosen")
    against: list[AgainstAnswer]


class ExplainedAnswer(BaseModel):
    """The last decision about a customer up to a moment, the most valuable candidate first."""

    decision_id: str = Field(description="names the decision for a replay; empty where it cannot be made again")
    customer_id: str = Field(description="a string: it has more digits than every reader of JSON keeps of a number")
    campaign: str
    clock: str
    as_of: date
    decided_at: datetime
    options: list[OptionAnswer]


class DifferenceAnswer(BaseModel):
    """A candidate that came out otherwise, and in which column of the log."""

    customer_id: str
    offer: str
    channel: str
    column: str


class ReplayedAnswer(BaseModel):
    """Sameness is promised where `elsewhere` is empty."""

    decision_id: str
    campaign: str
    decisions: int
    same: bool
    differences: list[DifferenceAnswer] = Field(description="the first of them")
    elsewhere: list[str] = Field(description="in what code or machine differ from those that decided")


@router.get(
    "/customers/{customer_id}/decision",
    operation_id="explain_decision",
    summary="Why a customer got this offer and not that one, and what would have to change",
    response_model=ExplainedAnswer,
)
def get_explanation(
    customer_id: CustomerNumber,
    workspace: Workspace,
    caller: Caller,
    at: Annotated[AwareDatetime | None, Query(description="the moment; by default now")] = None,
    offer: Annotated[str | None, Query(max_length=64, description="of this offer only")] = None,
) -> ExplainedAnswer | Response:
    """Whoever may not see compliance's reasons sees an exclusion list in their place."""
    services = workspace.services
    moment = services.clock.now() if at is None else instant_of(at)
    found = explain_decision(services, CustomerId(customer_id), moment, caller, offer=offer)
    return refusal_response(found) if isinstance(found, Refusal) else _explained(found)


@router.get(
    "/decisions/{decision_id}/replay",
    operation_id="replay_decision",
    summary="A past decision made again from its log, and compared",
    response_model=ReplayedAnswer,
)
def get_replay(
    decision_id: Annotated[str, Path(pattern=r"^[a-z]+-[0-9a-f]{24}$")], workspace: Workspace, caller: Caller
) -> ReplayedAnswer | Response:
    """Runs no model and writes nothing."""
    found = replay_decision(workspace.services, decision_id, caller)
    if isinstance(found, Refusal):
        return refusal_response(found)
    return ReplayedAnswer(
        decision_id=found.decision_id,
        campaign=found.campaign,
        decisions=found.decisions,
        same=found.same,
        differences=[
            DifferenceAnswer(customer_id=str(one.customer_id), offer=one.offer, channel=one.channel, column=one.column)
            for one in found.differences
        ],
        elsewhere=list(found.elsewhere),
    )


def _explained(found: Explained) -> ExplainedAnswer:
    return ExplainedAnswer(
        decision_id=found.decision_id,
        customer_id=str(found.customer_id),
        campaign=found.campaign,
        clock=found.clock,
        as_of=found.as_of,
        decided_at=datetime_of(found.decided_at),
        options=[_option(one) for one in found.options],
    )


def _option(one: Option) -> OptionAnswer:
    def amount(minor: int) -> Amount:
        return Amount(minor=minor, currency=one.currency)

    return OptionAnswer(
        offer=one.offer,
        label=Labelled.of(one.label),
        channel=one.channel,
        arm=one.arm,
        response=one.response,
        value_basis=one.value_basis,
        margin=amount(one.margin),
        losses=amount(one.losses),
        fatigue=amount(one.fatigue),
        cost=amount(one.cost),
        value=amount(one.value),
        price=amount(one.price),
        propensity=one.propensity,
        against=[
            AgainstAnswer(
                reason=ReasonAnswer.of(each.reason), needs=None if each.needs is None else Labelled.of(each.needs)
            )
            for each in one.against
        ],
    )
