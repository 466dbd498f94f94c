"""Campaigns and their reports as the API shows them, and what it takes about them."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, WithJsonSchema

from lingque.catalog.definitions import CampaignDefinition
from lingque.catalog.definitions.shared import NAME
from lingque.catalog.model import Catalog
from lingque.core.money import Money
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Status
from lingque.engage.contracts import Decide, State
from lingque.entry.api.plan_shapes import PlanAnswer
from lingque.entry.api.shapes import Amount, ChannelAnswer, Labelled, ReasonCount, Request
from lingque.flow.reporting import CampaignReport
from lingque.measure.contracts import Effect, Profit, Proportion

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

CampaignName = Annotated[str, Path(pattern=NAME, description="name of the campaign")]


def _day(value: object) -> date:
    # pydantic would read numbers and instants as days too; a day has one spelling here
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("a day is written YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


# no control characters but line breaks and tabs: not every database takes them
Comment = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]


class PlanRequest(Request):
    """Plan over the snapshot of that day."""

    as_of: Day = Field(description="the snapshot's day")


class ApprovalRequest(Request):
    """A decision on the plan with this digest: on what was looked at, not on whatever is newest by now."""

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="digest of the plan that was looked at")
    approved: StrictBool
    comment: Comment = ""


class MoveRequest(Request):
    """What is to become of the newest plan."""

    move: Literal["pause", "resume", "stop", "close"]
    comment: Comment = ""


class CampaignSummary(BaseModel):
    """A campaign in a list."""

    name: str
    label: Labelled
    owner: str
    state: State | None = Field(description="of its newest plan; null where it has none")


class CampaignList(BaseModel):
    """All campaigns in force, by name."""

    campaigns: list[CampaignSummary]


class CampaignDefinitionAnswer(BaseModel):
    """A campaign as it is defined."""

    name: str
    label: Labelled
    owner: str
    purpose: str
    segment: str
    offers: list[str]
    channels: list[ChannelAnswer]
    language: str
    hold_out: float
    outcome: str


class CampaignDetail(BaseModel):
    """A campaign and its newest plan, where it has one."""

    definition: CampaignDefinitionAnswer
    plan: PlanAnswer | None


class GroupAnswer(BaseModel):
    """How many customers, and for how many of them the outcome came true."""

    units: int
    successes: int


class EffectAnswer(BaseModel):
    """Difference in the rate of the outcome, contacted minus held out, with a 95 % interval."""

    contacted: GroupAnswer
    held_out: GroupAnswer
    difference: float
    low: float
    high: float
    is_proven: bool


class ProfitAnswer(BaseModel):
    """Incremental profit, cost taken off, with the interval of the effect that it rests on."""

    cost: Amount
    expected: Amount
    low: Amount
    high: Amount


class NotJudged(BaseModel):
    """Why there is no effect to tell: never a neutral number in its place."""

    reason: str
    code: int
    label: Labelled
    detail: str


class ReportAnswer(BaseModel):
    """What a campaign did and what it changed: an effect, or why none can be told."""

    campaign: str
    digest: str
    state: State
    messages: dict[Status, int] = Field(description="messages by status")
    not_sent: list[ReasonCount] = Field(description="messages that were not sent, by reason")
    refusals: list[ReasonCount] = Field(description="customers whom no message was written for, by reason")
    effect: EffectAnswer | None
    profit: ProfitAnswer | None
    not_judged: NotJudged | None


def definition_answer(campaign: CampaignDefinition, catalog: Catalog) -> CampaignDefinitionAnswer:
    currency = catalog.offers[campaign.offers[0]].definition.currency
    return CampaignDefinitionAnswer(
        name=campaign.campaign,
        label=Labelled.of(campaign.label.label()),
        owner=campaign.owner,
        purpose=campaign.purpose,
        segment=campaign.segment,
        offers=list(campaign.offers),
        channels=[
            ChannelAnswer(
                channel=name,
                contact_cost=Amount(minor=Money.parse(str(use.contact_cost), currency).minor, currency=currency),
                capacity=use.capacity,
                response_factor=use.response_factor,
            )
            for name, use in campaign.channels.items()
        ],
        language=campaign.language,
        hold_out=campaign.hold_out,
        outcome=campaign.outcome,
    )


def report_answer(report: CampaignReport) -> ReportAnswer:
    choice: Decide = report.plan.stage(Decide)
    effect, profit = report.evaluation.effect, report.evaluation.profit
    return ReportAnswer(
        campaign=report.plan.campaign,
        digest=report.plan.digest,
        state=report.plan.state,
        messages=report.fates.by_status,
        not_sent=ReasonCount.listed(report.fates.by_reason),
        refusals=ReasonCount.listed(report.evaluation.refusals),
        effect=_effect(effect) if isinstance(effect, Effect) else None,
        profit=None if profit is None else _profit(profit, choice.currency),
        not_judged=_not_judged(effect) if isinstance(effect, Refusal) else None,
    )


def _effect(effect: Effect) -> EffectAnswer:
    return EffectAnswer(
        contacted=_group(effect.contacted),
        held_out=_group(effect.held_out),
        difference=effect.difference,
        low=effect.low,
        high=effect.high,
        is_proven=effect.is_proven,
    )


def _group(group: Proportion) -> GroupAnswer:
    return GroupAnswer(units=group.units, successes=group.successes)


def _profit(profit: Profit, currency: str) -> ProfitAnswer:
    return ProfitAnswer(
        cost=Amount(minor=profit.cost, currency=currency),
        expected=Amount(minor=profit.expected, currency=currency),
        low=Amount(minor=profit.low, currency=currency),
        high=Amount(minor=profit.high, currency=currency),
    )


def _not_judged(refusal: Refusal) -> NotJudged:
    reason: Reason = refusal.reason
    return NotJudged(reason=reason.name, code=int(reason), label=Labelled.of(reason.label), detail=refusal.detail)
