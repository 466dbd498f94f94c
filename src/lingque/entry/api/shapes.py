"""Small shapes that many answers share: labels, amounts, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from lingque.core.labels import Label
from lingque.core.reasons import Reason


class Request(BaseModel):
    """What every body sent to us shares: an unknown field is an error, never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class ChannelAnswer(BaseModel):
    """A channel of a campaign."""

    channel: str
    contact_cost: Amount
    capacity: int | None = Field(description="contacts it can make in one wave; null: no limit")
    response_factor: float = Field(description="how much stronger than the offer's response a contact here works")


class Labelled(BaseModel):
    """A name in both languages."""

    zh: str
    en: str

    @classmethod
    def of(cls, label: Label) -> Self:
        return cls(zh=label.zh, en=label.en)


class Amount(BaseModel):
    """Money, exact: minor units and the currency that says how many make one."""

    minor: int = Field(description="in minor units: 12345 CNY is 123.45 yuan")
    currency: str


class ReasonCount(BaseModel):
    """How often something was refused for a reason."""

    reason: str
    code: int
    label: Labelled
    count: int

    @classmethod
    def listed(cls, counts: Mapping[Reason, int]) -> list[Self]:
        """Most frequent first."""
        return [
            cls(reason=reason.name, code=int(reason), label=Labelled.of(reason.label), count=count)
            for reason, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        ]
