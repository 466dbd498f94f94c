"""What customers may be offered, how they may be told, and which need each offer meets.

Figures are assumed: banks publish neither margins per product nor costs per contact. Their order of size is that of
Chinese retail banks around 2025 (net interest margins between one and two per cent a year).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lingque.twin.needs import NEED_KINDS

Channel = Literal["email", "sms", "app_push", "wecom", "ai_call", "rm_call"]
Family = Literal["deposit", "wealth", "fund", "insurance", "loan", "card", "service"]
Trait = Literal["price_sensitivity", "risk_attitude", "digital", "loyalty", "means"]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """`margin` is a fraction of the amount, `fee` in fen: what one sale earns over its life, after expected loss."""

    name: str
    family: Family
    meets: dict[str, float]
    """Kind of need → how well it meets it, in [0, 1]."""
    liked_by: Trait
    liking: float
    """How much more those like it who have all of the trait than those who have none; about 1 on average."""
    margin: float
    fee: int = 0
    concession: float = 0.0
    """Fraction of the amount that the offer costs more than what the customer would have taken without it."""


@dataclass(frozen=True, kw_only=True)
class ChannelNature:
    """Times are means, in hours; of what is exponential, cut at four times its mean."""

    name: Channel
    cost: int
    """Of one contact, in fen; a call that was not made costs nothing."""
    attention: float
    """Share of what is delivered that the average customer takes notice of: opens, reads, answers."""
    delivered_after: float
    noticed_after: float
    failing: float
    """How often it fails, by the failure of text messages."""
    weight: float
    """How much it weighs on the contacts after it, by the weight of a call."""
    nuisance: float
    """How often it leads to opting out and complaints, by text messages."""
    harm: float
    """How much it puts sleeping dogs off, by a call."""
    working_hours: bool = False
    """Made between nine and six, whenever it was asked for; the others go out at once, at night too."""


OFFERS = (
    Offer(
        name="deposit_renewal",
        family="deposit",
        meets={"deposit_maturity": 1.0, "idle_money": 1.0, "moving_money_away": 0.8},
        liked_by="price_sensitivity",
        liking=0.8,
        margin=0.010,
        concession=0.002,
    ),
    Offer(
        name="wealth_r2",
        family="wealth",
        meets={"deposit_maturity": 1.0, "idle_money": 1.0, "moving_money_away": 1.0},
        liked_by="risk_attitude",
        liking=1.2,
        margin=0.006,
    ),
    Offer(
        name="fund_r3",
        family="fund",
        meets={"deposit_maturity": 0.5, "idle_money": 0.7, "education": 0.2},
        liked_by="risk_attitude",
        liking=1.6,
        margin=0.009,
    ),
    Offer(
        name="fund_r4",
        family="fund",
        meets={"deposit_maturity": 0.3, "idle_money": 0.5},
        liked_by="risk_attitude",
        liking=1.9,
        margin=0.012,
    ),
    Offer(
        name="insurance",
        family="insurance",
        meets={"medical": 0.8, "retirement": 1.0, "education": 0.4},
        liked_by="loyalty",
        liking=0.8,
        margin=0.05,
    ),
    Offer(
        name="consumer_loan",
        family="loan",
        meets={"cash_need": 1.0, "education": 0.7, "medical": 0.6, "travel": 0.3},
        liked_by="price_sensitivity",
        liking=0.6,
        margin=0.022,
    ),
    Offer(name="car_loan", family="loan", meets={"car": 1.0}, liked_by="price_sensitivity", liking=0.8, margin=0.018),
    Offer(
        name="renovation_loan",
        family="loan",
        meets={"renovation": 1.0},
        liked_by="price_sensitivity",
        liking=0.8,
        margin=0.025,
    ),
    Offer(name="mortgage", family="loan", meets={"home": 1.0}, liked_by="price_sensitivity", liking=1.0, margin=0.012),
    Offer(
        name="credit_card",
        family="card",
        meets={"salary_start": 0.6, "travel": 0.6, "cash_need": 0.4},
        liked_by="digital",
        liking=0.8,
        margin=0.0,
        fee=15_000,
    ),
    Offer(
        name="instalment",
        family="card",
        meets={"cash_need": 0.7, "renovation": 0.5, "medical": 0.4, "travel": 0.4},
        liked_by="digital",
        liking=0.6,
        margin=0.03,
    ),
    Offer(
        name="payroll_switch",
        family="service",
        meets={"salary_start": 1.0, "moving_money_away": 0.5},
        liked_by="loyalty",
        liking=1.0,
        margin=0.0,
        fee=24_000,
    ),
    Offer(
        name="app_activation",
        family="service",
        meets={"salary_start": 0.5, "travel": 0.2, "moving_money_away": 0.3},
        liked_by="digital",
        liking=1.0,
        margin=0.0,
        fee=3_000,
    ),
    Offer(
        name="cross_border_card",
        family="card",
        meets={"travel": 1.0, "education": 0.3},
        liked_by="means",
        liking=1.0,
        margin=0.0,
        fee=9_000,
    ),
)

CHANNELS = (
    ChannelNature(
        name="email",
        cost=1,
        attention=0.4,
        delivered_after=0.02,
        noticed_after=8.0,
        failing=0.0,
        weight=0.4,
        nuisance=0.6,
        harm=0.5,
    ),
    ChannelNature(
        name="sms",
        cost=5,
        attention=0.7,
        delivered_after=0.02,
        noticed_after=1.0,
        failing=1.0,
        weight=1.0,
        nuisance=1.0,
        harm=0.7,
    ),
    ChannelNature(
        name="app_push",
        cost=1,
        attention=0.45,
        delivered_after=0.02,
        noticed_after=3.0,
        failing=2.0,
        weight=0.4,
        nuisance=1.0,
        harm=0.5,
    ),
    ChannelNature(
        name="wecom",
        cost=20,
        attention=0.6,
        delivered_after=4.0,
        noticed_after=3.0,
        failing=1.0,
        weight=0.7,
        nuisance=0.5,
        harm=0.7,
        working_hours=True,
    ),
    ChannelNature(
        name="ai_call",
        cost=40,
        attention=0.5,
        delivered_after=2.0,
        noticed_after=0.0,
        failing=3.0,
        weight=1.2,
        nuisance=2.5,
        harm=1.0,
        working_hours=True,
    ),
    ChannelNature(
        name="rm_call",
        cost=1_500,
        attention=0.75,
        delivered_after=24.0,
        noticed_after=0.0,
        failing=0.0,
        weight=1.0,
        nuisance=1.2,
        harm=1.0,
        working_hours=True,
    ),
)

CREATIVES = ("plain", "price", "service")
"""How an offer is worded: without emphasis, with its rate or price first, or with the bank's service first."""

CHANNEL_NAMES: tuple[str, ...] = tuple(one.name for one in CHANNELS)
OFFER_NAMES = tuple(one.name for one in OFFERS)
EMAIL, RM_CALL = CHANNEL_NAMES.index("email"), CHANNEL_NAMES.index("rm_call")

PULL = {
    "deposit_maturity": 1.0,
    "idle_money": 0.1,
    "renovation": 0.3,
    "car": 0.25,
    "home": 0.4,
    "education": 0.15,
    "travel": 0.2,
    "medical": 0.12,
    "retirement": 0.25,
    "cash_need": 0.25,
    "moving_money_away": 0.5,
    "salary_start": 0.45,
}
"""Kind of need → how much of a customer's probability there is: 1 where the money is here and something must be done
with it, little where other banks and doing nothing are as near."""

MEETS = np.array([[offer.meets.get(kind, 0.0) for offer in OFFERS] for kind in NEED_KINDS])
"""By kind of need and offer."""
