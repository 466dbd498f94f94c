"""What the bank did before: campaigns whose audience somebody chose, not chance.

Managers and head office ask those who seem willing. What they sense (`Dispositions.warmth`) stands in no file and makes
customers buy by itself, so whoever compares those who were asked with those who were not, finds an effect that is not
there: the confounding cannot be adjusted away with anything that the bank knows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import DAY, HOUR
from lingque.twin.needs import NEED_KINDS
from lingque.twin.responding.catalogue import CHANNEL_NAMES, MEETS, OFFER_NAMES
from lingque.twin.responding.chance import uniform
from lingque.twin.responding.contacts import Contacts
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responding.parameters import ResponseParameters

CAMPAIGN_DAYS, OUTCOME_DAYS = 30, 60
_PROGRAMME = (
    ("deposit_renewal", "rm_call", "deposit_maturity"),
    ("wealth_r2", "sms", "deposit_maturity"),
    ("consumer_loan", "sms", None),
    ("deposit_renewal", "sms", "deposit_maturity"),
    ("credit_card", "app_push", None),
    ("wealth_r2", "rm_call", "deposit_maturity"),
)
"""Offer, channel, and the need by which the bank chose the audience; one a month, over and over."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PastCampaign:
    """Whom a campaign was about, and whom of them it chose. Positions of customers, in order."""

    offer: int
    channel: int
    at: int
    """Instant of its contacts."""
    audience: Int64s
    contacts: Contacts


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """One entry per customer of the audience of one campaign, in its order: what a bank learns from, and the truth."""

    customer: Int64s
    chosen: NDArray[np.bool_]
    bought: NDArray[np.bool_]
    """Whether they met, within 60 days and with any contacts, a need that the offer meets."""
    true_effect: Float64s
    """What the contact adds, or would have added, to the expected number of those purchases. No bank knows it."""


def past_campaigns(model: ResponseModel, *, until: int) -> tuple[PastCampaign, ...]:
    """One every 30 days, from the bank's beginning to the instant `until`, at ten in the morning."""
    starts = range(model.begins, until - 10 * HOUR, CAMPAIGN_DAYS * DAY)
    return tuple(_campaign(model, number, start + 10 * HOUR) for number, start in enumerate(starts))


def chosen_by_lot(model: ResponseModel) -> ResponseModel:
    """The same bank, had its past campaigns chosen by lot: every other outcome is the same."""
    return replace(model, parameters=replace(model.parameters, targeting_bias=0.0))


def sent_in(campaigns: tuple[PastCampaign, ...]) -> Contacts:
    """The contacts of all campaigns, one after the other."""
    sent = Contacts.none()
    for one in campaigns:
        sent = sent.and_then(one.contacts)
    return sent


def observed(model: ResponseModel, campaigns: tuple[PastCampaign, ...]) -> tuple[Observed, ...]:
    """What each campaign showed, all of them having been run."""
    return tuple(_observed(model, campaigns, number) for number in range(len(campaigns)))


def _observed(model: ResponseModel, campaigns: tuple[PastCampaign, ...], number: int) -> Observed:
    campaign, n = campaigns[number], len(model.dispositions.number)
    until = campaign.at + OUTCOME_DAYS * DAY
    before = tuple(one for one in campaigns if one.at < until)
    sales = model.respond(sent_in(before), until=until).conversions
    meets = MEETS[:, campaign.offer] > 0
    counted = meets[sales.need] & (sales.at > campaign.at)
    others = sent_in(tuple(one for one in before if one is not campaign))
    asked = Contacts.to(
        campaign.audience,
        channel=CHANNEL_NAMES[campaign.channel],
        offer=OFFER_NAMES[campaign.offer],
        at=campaign.at,
    )
    with_it, without = (model.potential_outcomes(one) for one in (others.and_then(asked), others))
    in_time = meets[without.need] & (without.decides > campaign.at) & (without.decides < until)
    added = np.where(in_time, with_it.contacted - without.contacted, 0.0)
    per_customer: Float64s = np.bincount(without.customer, weights=added, minlength=n).astype(np.float64)
    return Observed(
        customer=campaign.audience,
        chosen=np.isin(campaign.audience, campaign.contacts.customer),
        bought=np.isin(campaign.audience, sales.customer[counted]),
        true_effect=per_customer[campaign.audience],
    )


def _campaign(model: ResponseModel, number: int, at: int) -> PastCampaign:
    offer, channel, need = _PROGRAMME[number % len(_PROGRAMME)]
    audience = _audience(model, OFFER_NAMES.index(offer), at, need)
    chosen = audience[_chosen(model, number, audience)]
    return PastCampaign(
        offer=OFFER_NAMES.index(offer),
        channel=CHANNEL_NAMES.index(channel),
        at=at,
        audience=audience,
        contacts=Contacts.to(chosen, channel=channel, offer=offer, at=at),
    )


def _audience(model: ResponseModel, offer: int, at: int, need: str | None) -> Int64s:
    """All who may buy; of deposits that mature, those who decide within the next 30 days."""
    may = model.dispositions.may[:, offer].copy()
    if need is not None:
        due = model.occasions
        soon = (due.kind == NEED_KINDS.index(need)) & (due.decides > at) & (due.decides <= at + CAMPAIGN_DAYS * DAY)
        has = np.zeros(len(may), dtype=np.bool_)
        has[due.customer[soon]] = True
        may &= has
    return np.flatnonzero(may)


def chosen_probability(parameters: ResponseParameters, warmth: Float64s) -> Float64s:
    """The odds of a customer grow with warmth, by e to the bias from a middling one to the warmest."""
    share = min(max(parameters.targeting_share, 1e-9), 1 - 1e-9)
    leaning = parameters.targeting_bias * (2 * warmth - 1)
    probability: Float64s = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + leaning)))
    return probability


def _chosen(model: ResponseModel, number: int, audience: Int64s) -> Int64s:
    dispositions = model.dispositions
    probability = chosen_probability(model.parameters, dispositions.warmth[audience])
    who = dispositions.number[audience]
    return np.flatnonzero(uniform(model.seed, "past campaign", who, np.full(len(who), number)) < probability)
