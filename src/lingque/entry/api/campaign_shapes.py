"""Campaigns as the API shows them, and what it takes about them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, Field, StrictBool

from lingque.catalog.definitions import CampaignDefinition
from lingque.catalog.definitions.shared import NAME
from lingque.catalog.model import Catalog
from lingque.core.money import Money
from lingque.engage.contracts import State
from lingque.entry.api.plan_shapes import PlanAnswer
from lingque.entry.api.shapes import Amount, ChannelAnswer, Comment, Day, Labelled, Request

CampaignName = Annotated[str, Path(pattern=NAME, description="name of the campaign")]
WaveQuery = Annotated[
    int | None, Query(ge=1, le=2**63 - 1, description="number of one of the campaign's waves; default: the newest")
]


class PlanRequest(Request):
    """Plan over the snapshot of that day."""

    as_of: Day = Field(description="the snapshot's day")


class ApprovalRequest(Request):
    """A decision on the plan with this digest: on what was looked at, not on whatever is newest by now."""

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="digest of the plan that was looked at")
    approved: StrictBool
    comment: Comment = ""
    on_behalf_of: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = Field(
        default="", description="the user in whose place, by their delegation; empty: on the caller's own"
    )


class MoveRequest(Request):
    """What is to become of every wave that can be moved so."""

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


class WaveSummary(BaseModel):
    """A wave in a list."""

    wave: int
    digest: str
    as_of: date
    state: State
    to_contact: int = Field(description="as forecast when it was planned")


class WaveList(BaseModel):
    """Every wave of a campaign, newest first."""

    waves: list[WaveSummary]


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
