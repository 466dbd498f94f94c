"""Placements: where a customer who is here is shown something, and what may stand there."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from lingque.catalog.definitions.campaigns import Fatigue
from lingque.catalog.definitions.shared import Definition, LabelText, Name, PurposeName, SlotName
from lingque.core.labels import Language


class Lead(Definition):
    """Which offers come first, and for whom: by what the customer is, has done lately, or likes."""

    led_by: Literal["attribute", "behaviour", "preference"]
    when: str | None = Field(default=None, description="a condition over tags; of a behaviour, over events too")
    offers: tuple[Name, ...] = Field(default=(), description="those that come first where it holds")
    topic: Name | None = Field(
        default=None, description="of a preference: the text tag that names a topic; offers about it come first"
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.led_by == "preference":
            if self.topic is None or self.when is not None or self.offers:
                raise ValueError("a preference states its 'topic', and neither 'when' nor 'offers'")
        elif self.when is None or not self.offers or self.topic is not None:
            raise ValueError(f"what is led by {self.led_by} states 'when' and 'offers', and no 'topic'")
        return self


class Diversity(Definition):
    """No more than so many of a kind at once."""

    by: Literal["topic", "regime", "kind"]
    at_most: int = Field(default=1, ge=1)


class PlacementDefinition(Definition):
    """A place on a screen. Its offers are chosen for the customer; `open` is for everybody, whoever they are."""

    placement: Name
    label: LabelText
    channel: SlotName
    purpose: PurposeName = "marketing"
    offers: tuple[Name, ...] = Field(min_length=1)
    show: int = Field(default=1, ge=1, le=20, description="how many at once")
    leads: tuple[Lead, ...] = Field(default=(), description="the first that holds comes first; then the most valuable")
    diversity: Diversity | None = None
    open: tuple[Name, ...] = Field(
        default=(), description="shown without looking at the customer, in this order; they look at no tag"
    )
    open_by: Literal["order", "popularity"] = Field(
        default="order", description="popularity: what was accepted here most often in 30 days comes first"
    )
    language: Language = "zh"
    contact_cost: Decimal = Field(default=Decimal(0), ge=0, description="of one display, in the offers' currency")
    response_factor: float = Field(default=1.0, gt=0, description="how much stronger than the offer's 'response'")
    fatigue: Fatigue | None = None
    hold_out: float = Field(default=0.1, ge=0, lt=1, description="share that is shown 'open', to measure the effect")
    prices: Name | None = Field(default=None, description="the campaign whose newest shadow prices steer it")
    deadline_ms: int = Field(default=50, ge=1, le=10_000, description="after which it answers with what it has")
    reserve_minutes: int = Field(default=30, ge=1, le=1440, description="for how long what is shown is reserved")

    @model_validator(mode="after")
    def _once(self) -> Self:
        for field, names in (("offers", self.offers), ("open", self.open)):
            if len(set(names)) < len(names):
                raise ValueError(f"{field} names an offer twice")
        for lead in self.leads:
            strange = sorted(set(lead.offers) - set(self.offers))
            if strange:
                raise ValueError(f"a lead names '{strange[0]}', which is not among the offers")
        return self
