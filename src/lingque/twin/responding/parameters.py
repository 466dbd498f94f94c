"""The numbers of the response model that may be turned. Assumed where no source is named: banks publish none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lingque.twin.ranges import Between, check_ranges

Share = Between(0.0, 1.0)
Effect = Between(0.0, 0.5)


@dataclass(frozen=True, kw_only=True)
class ResponseParameters:
    """A value of another type or outside its range raises `ValueError` that names it, what it is and what is allowed.

    Shares, probabilities and effects are fractions of 1; money is in whole CNY.
    """

    sure_thing_share: Annotated[float, Share] = 0.22
    """Customers who buy here in any case, nearly, when they need something: the loyal more often."""
    lost_cause_share: Annotated[float, Share] = 0.14
    """Customers who do not, nearly: those who look for the best rate more often."""
    sleeping_dog_share: Annotated[float, Share] = 0.07
    """The most easily annoyed, whom a contact puts off."""
    sleeping_dog_harm: Annotated[float, Share] = 0.30
    """Share of their own probability to buy that a call destroys in them; a message destroys less."""

    email_effect: Annotated[float, Effect] = 0.085
    """What one delivered contact adds, shortly before the decision, to the probability of an average customer who is
    none of these kinds, where the need is one that everybody meets at some bank (a deposit that matures)."""
    sms_effect: Annotated[float, Effect] = 0.10
    app_push_effect: Annotated[float, Effect] = 0.06
    wecom_effect: Annotated[float, Effect] = 0.12
    ai_call_effect: Annotated[float, Effect] = 0.08
    rm_call_effect: Annotated[float, Effect] = 0.24

    memory_days: Annotated[float, Between(1.0, 3650.0)] = 45.0
    """After so many days a contact has half its effect."""
    fatigue_days: Annotated[float, Between(0.1, 3650.0)] = 14.0
    """After so many days a contact weighs half as much on the next ones."""
    repeat_effect: Annotated[float, Share] = 0.3
    """What is left of the effect of a contact that comes right after a call or a text message."""
    fatigue_cost: Annotated[float, Share] = 0.04
    """What it takes away besides, of the most easily annoyed."""

    email_bounce_share: Annotated[float, Share] = 0.02
    """Of the addresses on file: how many no longer accept mail."""
    failed_share: Annotated[float, Share] = 0.03
    """Of text messages: how many do not arrive; of the other channels in proportion."""
    execution_share: Annotated[float, Share] = 0.80
    """Of the calls that relationship managers are to make: how many they make, by branch between 0.3 more and less."""

    opt_out_share: Annotated[float, Share] = 0.002
    """Text messages after which the average customer opts out of the channel; the annoyed, and who is asked often or
    at night, more often; other channels in proportion."""
    complaint_share: Annotated[float, Share] = 0.0002
    """Likewise, of complaints."""

    warmth_effect: Annotated[float, Share] = 0.30
    """The hidden confounder: how far apart the probabilities of the coldest and the warmest customer are."""
    targeting_bias: Annotated[float, Between(-5.0, 5.0)] = 1.5
    """How past campaigns chose: the logarithm of the odds of the warmest customer over those of a middling one. At 0
    they chose by lot."""
    targeting_share: Annotated[float, Share] = 0.3
    """Of those whom a past campaign was about: how many it chose."""

    generosity: Annotated[float, Between(0.0, 10.0)] = 1.0
    """How much of the catalogue's concessions customers get who buy on the terms of a contact: the bank's own choice,
    and nothing that moves them."""
    complaint_cost: Annotated[int, Between(0, 1_000_000)] = 200
    """What handling one complaint costs."""
    opt_out_cost: Annotated[int, Between(0, 1_000_000)] = 10
    """What a customer who can no longer be asked on a channel is worth less."""

    def __post_init__(self) -> None:
        check_ranges(self)
