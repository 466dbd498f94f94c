"""Offers, campaigns, and how often anybody may be contacted."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from lingque.catalog.definitions.shared import (
    ChannelName,
    Currency,
    Definition,
    LabelText,
    Name,
    PurposeName,
    WindowText,
)
from lingque.core.clock import Window
from lingque.core.labels import Language
from lingque.core.money import Money


class Creative(Definition):
    """The words of an offer on one channel in one language: a mail with its subject, a text message, or what a
    relationship manager says."""

    subject: str = Field(default="", max_length=200, pattern=r"^[^\r\n]*$")
    body: str = Field(min_length=1)


class Suitability(Definition):
    """What a risky product asks of the customer: risk-tolerance grade (1–5) and the day until which it holds."""

    risk_grade: int = Field(ge=1, le=5, description="R1 to R5; the higher of issuer's and seller's")
    tolerance: Name = Field(description="the tag that holds the customer's grade, 1 to 5")
    valid_until: Name = Field(description="the tag that holds the last day of the customer's assessment")
    age: Name | None = Field(default=None, description="the tag that holds the age; from 65 on nothing above R3")


class OfferDefinition(Definition):
    """Something that can be proposed. Amounts in major units of `currency`."""

    offer: Name
    label: LabelText
    regime: Literal["deposit", "loan", "wealth", "service"]
    suitability: Suitability | None = None
    valid_from: date
    valid_to: date = Field(description="the first day on which it is no longer offered")
    eligibility: str = "true"
    currency: Currency
    margin: Decimal = Field(description="expected profit of one conversion, before the cost of contact")
    response: float = Field(
        gt=0, lt=1, description="assumed probability of a conversion after contact; the log says so"
    )
    propensity: Name | None = Field(
        default=None, description="a tag between 0 and 1 that takes the place of 'response', customer by customer"
    )
    annual_rate: Decimal | None = Field(default=None, description="percent a year; shown in every loan creative")
    creatives: dict[ChannelName, dict[Language, Creative]] = Field(min_length=1)

    @model_validator(mode="after")
    def _lawful(self) -> Self:
        try:
            Money.parse(str(self.margin), self.currency)  # as many digits as the currency has, and no more
        except OverflowError as error:
            raise ValueError(str(error)) from error
        if self.valid_to <= self.valid_from:
            raise ValueError("valid_to must come after valid_from")
        for channel, languages in self.creatives.items():
            if not languages:
                raise ValueError(f"channel {channel} has no creative")
            for language, creative in languages.items():
                if (channel == "email") != bool(creative.subject):
                    raise ValueError(f"creatives.{channel}.{language}: a mail has a subject, and nothing else has one")
                if self.regime == "loan" and "{annual_rate}" not in creative.body:
                    raise ValueError(
                        f"creatives.{channel}.{language} of a loan must show {{annual_rate}}"
                        " (PBOC announcement 2021 No. 3)"
                    )
        if self.regime == "loan" and self.annual_rate is None:
            raise ValueError("a loan states its annual_rate (PBOC announcement 2021 No. 3)")
        if (self.regime == "wealth") != (self.suitability is not None):
            raise ValueError("a wealth product states its 'suitability', and nothing else does")
        return self


class ChannelUse(Definition):
    """A channel in a campaign."""

    contact_cost: Decimal = Field(default=Decimal(0), ge=0, description="of one contact, in the offers' currency")
    capacity: int | None = Field(default=None, ge=0, description="contacts it can make in one wave")
    response_factor: float = Field(
        default=1.0, gt=0, description="how much stronger than the offer's 'response' a contact on this channel works"
    )


class Pilot(Definition):
    """A share of the audience goes first; the rest waits until the pilot has been approved."""

    share: float = Field(gt=0, lt=1)


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
    task_days: int = Field(default=14, ge=1, description="days in which a contact made by people is to be done")
    hold_out: float = Field(
        default=0.2, ge=0, lt=1, description="share never contacted, to measure the effect; 0 takes two approvers"
    )
    pilot: Pilot | None = None
    schedule: Schedule | None = None
    outcome: Name = Field(description="a true-or-false tag that looks forward: what counts as success")
    also_measure: tuple[Name, ...] = Field(
        default=(), description="further tags that look forward, of amounts too: compared likewise"
    )


class CapDefinition(Definition):
    """How often one customer may be contacted, by all campaigns together."""

    cap: Name
    label: LabelText
    channels: tuple[ChannelName, ...] = Field(default=(), description="which channels count together; none named: all")
    purpose: PurposeName = "marketing"
    at_most: int = Field(ge=0)
    within: WindowText = Field(description="a span that ends with the day of the contact, such as '7 days'")

    @model_validator(mode="after")
    def _backward(self) -> Self:
        if Window.parse(self.within).forward:
            raise ValueError("a cap looks back: write '7 days'")
        return self
