"""The simulated bank's offers and channels, as definitions of the platform."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from lingque.catalog.definitions import CapDefinition, OfferDefinition
from lingque.catalog.expressions.parse import parse_condition
from lingque.catalog.expressions.types import BOOLEAN
from lingque.catalog.model import Offer
from lingque.decide.menu import Candidate, ChannelTerms, Menu
from lingque.twin.responding.catalogue import CHANNELS, OFFERS
from lingque.twin.responding.contacts import position

USED = ("sms", "rm_call")
"""The channels that the other policies have."""
_COST: dict[str, int] = {one.name: one.cost for one in CHANNELS}
PAIRS = tuple((offer, channel) for offer in OFFERS for channel in USED)
"""An offer on a channel is an offer of its own: what a contact changes is told for each channel."""
OFFER_OF = np.array([OFFERS.index(offer) for offer, _ in PAIRS])
CHANNEL_OF = np.array([position(channel, tuple(one.name for one in CHANNELS), "channel") for _, channel in PAIRS])
MARGIN, FEE, CONCESSION = (
    np.array([getattr(one, name) for one in OFFERS], dtype=np.float64) for name in ("margin", "fee", "concession")
)
IS_LOAN = np.array([one.family == "loan" for one in OFFERS])
_ASSUMED_MARGIN, _ASSUMED_RESPONSE = "100", 0.001
"""What is assumed of an offer of which nothing is known yet."""
CAPS = (
    CapDefinition.model_validate(
        {"cap": "month", "label": {"zh": "四周两次", "en": "Twice in four weeks"}, "at_most": 2, "within": "28 days"}
    ),
)


def tag(role: str, pair: int) -> str:
    """The tag of that role for an offer on a channel."""
    offer, channel = PAIRS[pair]
    return f"{role}_{offer.name}_{channel}"


def menu(costs: dict[str, int]) -> Menu:
    """Every offer on every channel; `costs` of a contact by channel, in fen, with what opt-outs and complaints cost."""
    return Menu(
        [
            Candidate(
                offer=_offer(number),
                terms=ChannelTerms(channel=channel, cost=costs[channel]),
                ask=USED.index(channel),
                reach=USED.index(channel),
                cap=USED.index(channel),
            )
            for number, (_, channel) in enumerate(PAIRS)
        ]
    )


def contact_cost(channel: str) -> int:
    """Of the contact alone, in fen."""
    return _COST[channel]


def _offer(number: int) -> Offer:
    offer, channel = PAIRS[number]
    # its law is the same for every policy that it is compared with: of age, and no loans to students and the old
    eligibility = "of_age and borrows" if offer.family == "loan" else "of_age"
    content: dict[str, Any] = {
        "offer": f"{offer.name}_{channel}",
        "label": {"zh": offer.name, "en": offer.name},
        "regime": "service",
        "topic": offer.family,
        "valid_from": date(2018, 1, 1),
        "valid_to": date(2040, 1, 1),
        "eligibility": eligibility,
        "currency": "CNY",
        "margin": Decimal(_ASSUMED_MARGIN),
        "margin_tag": tag("margin", number),
        "cost_tag": tag("cost", number),
        "response": _ASSUMED_RESPONSE,
        "propensity": tag("propensity", number),
        "uplift": tag("uplift", number),
        "spread": tag("spread", number),
        "creatives": {channel: {"zh": {"body": offer.name}}},
    }
    return Offer(
        name=content["offer"],
        definition=OfferDefinition.model_validate(content),
        eligibility=parse_condition(eligibility, {"of_age": BOOLEAN, "borrows": BOOLEAN}),
    )
