"""What-ifs as the API asks and answers them."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from lingque.core.reasons import Reason
from lingque.engage.contracts import Forecast
from lingque.entry.api.shapes import Amount, ReasonCount
from lingque.flow.what_if import WhatIf


class WhatIfRequest(BaseModel):
    """Over which snapshot, and what would be otherwise."""

    as_of: date
    changes: dict[str, Any] = Field(
        min_length=1,
        description="from KIND.NAME.FIELD of a cap, an offer or a campaign to its new value; null takes it away",
        examples=[{"cap.weekly.at_most": 3, "campaign.spring.channels.sms.capacity": 500}],
    )


class Outlook(BaseModel):
    """What a plan would do."""

    to_contact: int
    to_hold_out: int
    expected_conversions: float
    expected_profit: Amount
    cost: Amount
    refusals: list[ReasonCount]


class WhatIfAnswer(BaseModel):
    """As it is, and as it would be."""

    campaign: str
    as_of: date
    now: Outlook
    then: Outlook


def what_if_answer(found: WhatIf) -> WhatIfAnswer:
    return WhatIfAnswer(campaign=found.campaign, as_of=found.as_of, now=_outlook(found.now), then=_outlook(found.then))


def _outlook(forecast: Forecast) -> Outlook:
    return Outlook(
        to_contact=forecast.to_contact,
        to_hold_out=forecast.to_hold_out,
        expected_conversions=forecast.expected_conversions,
        expected_profit=Amount(minor=forecast.expected_profit, currency=forecast.currency),
        cost=Amount(minor=forecast.cost, currency=forecast.currency),
        refusals=ReasonCount.listed({Reason[name]: count for name, count in forecast.refusals.items()}),
    )
