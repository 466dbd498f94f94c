"""Small shapes that many requests and answers share: days, comments, labels, amounts, reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from lingque.catalog.definitions.shared import NAME
from lingque.core.labels import Label
from lingque.core.reasons import Reason

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


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

Name = Annotated[str, Field(pattern=NAME)]
"""The name of something that is defined."""


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


class ReasonAnswer(BaseModel):
    """Why not."""

    reason: str
    code: int
    label: Labelled

    @classmethod
    def of(cls, reason: Reason) -> Self:
        return cls(reason=reason.name, code=int(reason), label=Labelled.of(reason.label))


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
