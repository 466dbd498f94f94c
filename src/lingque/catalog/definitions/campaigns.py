"""Campaigns, and how often anybody may be contacted."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from lingque.catalog.definitions.shared import (
    ChannelName,
    Definition,
    LabelText,
    Name,
    PeriodText,
    PurposeName,
    SlotName,
    WindowText,
    purposes_of,
)
from lingque.core.clock import Window
from lingque.core.labels import Language
from lingque.core.registries import Purpose


class Fatigue(Definition):
    """What one more contact costs in good will: stated per contact made lately, or learnt, as a tag of money."""

    per_contact: Decimal | None = Field(default=None, ge=0, description="for each contact on this channel 'within'")
    within: WindowText = "30 days"
    tag: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.per_contact is None) == (self.tag is None):
            raise ValueError("fatigue is stated 'per_contact' or learnt as a 'tag', one of them")
        if Window.parse(self.within).forward:
            raise ValueError("fatigue looks back: write '30 days'")
        return self


class ChannelUse(Definition):
    """A channel in a campaign."""

    contact_cost: Decimal = Field(default=Decimal(0), ge=0, description="of one contact, in the offers' currency")
    capacity: int | None = Field(default=None, ge=0, description="contacts it can make in one wave")
    minutes: int | None = Field(
        default=None, ge=1, description="that a contact takes of the time of whoever makes it; see 'hours'"
    )
    response_factor: float = Field(
        default=1.0, gt=0, description="how much stronger than the offer's 'response' a contact on this channel works"
    )
    fatigue: Fatigue | None = None


class Hours(Definition):
    """Working time of those who make contacts with their own customers, in one wave."""

    each: Decimal = Field(ge=0, description="hours of each of them")
    units: dict[str, Decimal] = Field(default={}, description="hours of some of them instead, by the tag's value")
    channels: tuple[ChannelName, ...] = Field(
        default=(), description="whose contacts take this time; none named: all whose contacts take 'minutes'"
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for unit, hours in self.units.items():
            if hours < 0:
                raise ValueError(f"units.{unit} is {hours}; hours are 0 or more")
        return self


class Pilot(Definition):
    """A share of the audience goes first; the rest waits until the pilot has been approved."""

    share: float = Field(gt=0, lt=1)


class Explore(Definition):
    """Chance on purpose: what it chooses is logged with how probable it was, so that other policies can be judged."""

    epsilon: float = Field(default=0.0, ge=0, lt=1, description="how often any offer that may be made, each alike")
    thompson: bool = Field(default=False, description="draw responses as uncertain as the offers' 'spread' says")
    draws: int = Field(default=64, ge=1, le=1024, description="of 'thompson': how many, for each customer")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.epsilon and not self.thompson:
            raise ValueError("exploration names an 'epsilon' above 0, 'thompson: true', or both")
        return self


class Schedule(Definition):
    """A campaign that comes again. Its approval covers every wave until `until`, as long as no definition changes."""

    every: Literal["day", "week", "month"]
    first: date
    until: date = Field(description="the first day on which no wave begins any more")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.until <= self.first:
            raise ValueError("until must come after first")
        return self


class CampaignDefinition(Definition):
    """Who (segment) × what (offers) × how (channels) × when (schedule) × proof (outcome against a hold-out)."""

    campaign: Name
    label: LabelText
    owner: Name = Field(description="the user who answers for it; may never approve it")
    organisation: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="code of the place whose customers alone it reaches, with all under it; empty: everybody",
    )
    purpose: PurposeName = "marketing"
    segment: Name
    offers: tuple[Name, ...] = Field(min_length=1)
    channels: dict[ChannelName, ChannelUse] = Field(min_length=1)
    language: Language = "zh"
    route_by: Name | None = Field(default=None, description="a tag that says to whom a contact made by people goes")
    hours: dict[Name, Hours] = Field(
        default={}, description="by a text tag of the customer that says whose time a contact takes"
    )
    task_days: int = Field(default=14, ge=1, description="days in which a contact made by people is to be done")
    hold_out: float = Field(
        default=0.2, ge=0, lt=1, description="share never contacted, to measure the effect; 0 takes two approvers"
    )
    exploration: Explore | None = None
    pilot: Pilot | None = None
    schedule: Schedule | None = None
    outcome: Name = Field(description="a true-or-false tag that looks forward: what counts as success")
    also_measure: tuple[Name, ...] = Field(
        default=(), description="further tags that look forward, of amounts too: compared likewise"
    )


class Part(Definition):
    """A campaign's own part in a programme."""

    budget: Decimal | None = Field(
        default=None, ge=0, description="what its contacts, and what they promise, may cost in all"
    )
    minimum: int = Field(default=0, ge=0, description="contacts that it makes at least, whatever others could earn")


class ProgrammeDefinition(Definition):
    """Campaigns that are planned together: they compete for the same customers, capacities and budgets, service
    before all others."""

    programme: Name
    label: LabelText
    campaigns: dict[Name, Part] = Field(min_length=2, description="a campaign is in one programme at most")
    contacts_per_customer: int = Field(
        default=1, ge=1, le=8, description="by all of them together, each campaign once and each offer once"
    )
    channels: dict[ChannelName, int] = Field(
        default={}, description="contacts that a channel can make for all of them together"
    )
    hours: dict[Name, Hours] = Field(
        default={}, description="that all of them share, by a text tag that says whose time a contact takes"
    )
    budget: Decimal | None = Field(default=None, ge=0, description="of all of them together")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for channel, capacity in self.channels.items():
            if capacity < 0:
                raise ValueError(f"channels.{channel} is {capacity}; a capacity is 0 or more")
        return self


class CapDefinition(Definition):
    """How often one customer may be contacted, by all campaigns together. Service messages neither count nor are held
    back, unless the cap names their purpose."""

    cap: Name
    label: LabelText
    channels: tuple[ChannelName | SlotName, ...] = Field(
        default=(), description="which channels count together; none named: all"
    )
    topics: tuple[Name, ...] = Field(default=(), description="which topics count together; none named: all")
    purpose: PurposeName | tuple[PurposeName, ...] = Field(
        default="marketing", description="the purpose whose contacts count, or several that count together"
    )
    at_most: int = Field(ge=0)
    within: PeriodText = Field(
        description="'24 hours', '7 days' or '2 months' that end with the contact; or 'this day', 'this week' (from"
        " Monday), 'this month', 'this quarter', 'this year'"
    )

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.purposes:
            raise ValueError("a cap counts contacts of at least one purpose")
        return self

    @property
    def purposes(self) -> frozenset[Purpose]:
        return purposes_of((self.purpose,) if isinstance(self.purpose, str) else self.purpose)
