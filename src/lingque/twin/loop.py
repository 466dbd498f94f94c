"""The closed loop: policies choose whom to contact for six months, and the truth says what each was worth.

What any policy of a bank has to beat is here, and what none can reach. Policies see what a bank sees, but for two that
are told more on purpose: `best_response` foretells every response as well as can be, `greatest_effect` every effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.arising import needs_of
from lingque.twin.blocks import blocks_of
from lingque.twin.days import DAY, HOUR, day_number, midnight
from lingque.twin.life import LifeEvents
from lingque.twin.needs import Needs
from lingque.twin.organisation import managed_customers
from lingque.twin.parameters import TwinParameters
from lingque.twin.placing import place
from lingque.twin.population import Population
from lingque.twin.products import posted_rates
from lingque.twin.responding.catalogue import CHANNEL_NAMES, MEETS, OFFER_NAMES
from lingque.twin.responding.chance import uniform
from lingque.twin.responding.contacts import NOT_YET, Contacts
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.model import COST, FAMILY, HIGHEST, ResponseModel, margins
from lingque.twin.responding.outcomes import Responses, TrueEffect

ROUNDS, ROUND_DAYS = 13, 14
"""Six months: a policy chooses on every second Monday."""
AFTERWARDS_DAYS = 30
"""So long after the last round what customers do is still counted."""
CALLED_SHARE, TEXTED_SHARE = 0.02, 0.08
"""Of the customers, how many a choosing policy may have called and texted in a now."""
_AHEAD = 30 * DAY
_SMS, _CALL = map(CHANNEL_NAMES.index, ("sms", "rm_call"))
_MASS_OFFERS = ("deposit_renewal", "wealth_r2", "consumer_loan", "credit_card")


@dataclass(frozen=True, kw_only=True)
class Round:
    """What a policy has before it."""

    model: ResponseModel
    number: int
    at: int
    """Instant of the contacts of this now."""
    reachable: NDArray[np.bool_]
    """By customer and channel: of age, and has not opted out."""
    sent: Contacts
    """By this policy, in the rounds before."""
    responses: Responses
    """What the bank knows by now of these contacts, and all sales since the beginning."""


Policy = Callable[[Round], Contacts]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one policy, over all customers."""

    policy: str
    contacts: int
    contacts_by_round: tuple[int, ...]
    followed: int
    """Contacts whose customer bought something on the terms of the contact."""
    sales: int
    caused: float
    """Expected sales that would not have been made without the contacts; below zero where contacts prevented more."""
    opt_outs: int
    complaints: int
    profit: float
    """True incremental profit, in fen: expected over the customers' own chance."""


def respondents(parameters: TwinParameters) -> ResponseModel:
    """The customers of this bank from `as_of` on, with the needs of the year to come."""
    dispositions, needs, firsts = [], [], []
    for block in blocks_of(parameters):
        population = Population.make(block)
        theirs = Dispositions.make(
            parameters.responding,
            population,
            seed=parameters.seed,
            managed=managed_customers(parameters.managed_share, population.wealth),
            first=block.first,
        )
        placed = place(block, population, theirs, posted_rates(parameters.as_of))
        dispositions.append(theirs)
        needs.append(needs_of(block, population, LifeEvents.make(block, population), placed))
        firsts.append(block.first)
    return ResponseModel.make(
        parameters.responding,
        Dispositions.joined(dispositions),
        Needs.joined(needs, firsts),
        seed=parameters.seed,
        begins=int(midnight(np.array(day_number(parameters.as_of)))),
    )


def run(model: ResponseModel, name: str, policy: Policy) -> Result:
    """Six months under one policy."""
    sent = Contacts.none()
    for number in range(ROUNDS):
        at = model.begins + number * ROUND_DAYS * DAY + 10 * HOUR
        responses = model.respond(sent, until=at)
        of_age = np.asarray(model.dispositions.may.any(axis=1), dtype=np.bool_)
        reachable = of_age[:, None] & ~_opted_out(model, sent, responses)
        now = Round(model=model, number=number, at=at, reachable=reachable, sent=sent, responses=responses)
        sent = sent.and_then(policy(now))
    until = model.begins + (ROUNDS * ROUND_DAYS + AFTERWARDS_DAYS) * DAY
    truth = model.true_effect(sent, until=until) if len(sent) else _NO_EFFECT
    responses = model.respond(sent, until=until)
    starts = model.begins + np.arange(ROUNDS + 1) * ROUND_DAYS * DAY
    return Result(
        policy=name,
        contacts=len(sent),
        contacts_by_round=tuple(np.histogram(sent.at, starts)[0].tolist()),
        followed=int((responses.conversion >= 0).sum()),
        sales=len(responses.conversions),
        caused=truth.effect * truth.n,
        opt_outs=truth.opt_outs,
        complaints=truth.complaints,
        profit=truth.profit,
    )


def nobody(_now: Round) -> Contacts:
    return Contacts.none()


def mass_sms(now: Round) -> Contacts:
    """Everybody who may be texted gets the offer of the fortnight."""
    offer = _MASS_OFFERS[now.number % len(_MASS_OFFERS)]
    return Contacts.to(np.flatnonzero(now.reachable[:, _SMS]), channel="sms", offer=offer, at=now.at)


def as_many_texts(now: Round, *, contacts: Sequence[int]) -> Contacts:
    """Mass texting of no more customers than another policy contacts, drawn by lot."""
    everybody = mass_sms(now)
    lot = uniform(now.model.seed, f"as many texts {now.number}", everybody.customer)
    return everybody.take(np.sort(np.argsort(lot)[: contacts[now.number]]))


def best_response(now: Round) -> Contacts:
    """Those who will most probably buy within a month if called, then texted; never mind whether they would anyway."""
    return _chosen(now, lambda foretold: foretold.response)


def greatest_effect(now: Round) -> Contacts:
    """Those whom a contact makes worth most more than it costs."""
    return _chosen(now, lambda foretold: foretold.profit)


POLICIES: dict[str, Policy] = {
    "nobody": nobody,
    "mass_sms": mass_sms,
    "best_response": best_response,
    "greatest_effect": greatest_effect,
}

_NO_EFFECT = TrueEffect(n=0, contacted=0.0, not_contacted=0.0, margin=0.0, cost=0.0, opt_outs=0, complaints=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Foretold:
    """What one more contact would do, by occasion that is decided within the month, and offer: expected over being
    noticed. −∞ where it cannot be made or says nothing."""

    customer: Int64s
    response: Float64s
    """Probability to buy, with the contact."""
    added: Float64s
    """What the contact adds to it."""
    profit: Float64s
    """What the contact adds, less what it costs, in fen."""


def foretell(now: Round, channel: int, *, tired: bool = False) -> Foretold:
    """As of a first contact; `tired`: as of one more after those that were sent, which tire, work on, and wear off."""
    model, everybody = now.model, now.model.dispositions
    soon = np.flatnonzero((model.occasions.decides > now.at) & (model.occasions.decides <= now.at + _AHEAD))
    occasions, without = model.occasions.take(soon), model.unasked[soon, None]
    who, offers = occasions.customer, np.arange(len(OFFER_NAMES))[None, :]
    meets = MEETS[occasions.kind] * everybody.may[who]
    noticed = everybody.attention[who, channel][:, None] * (
        model.parameters.execution_share if channel == _CALL else 1.0
    )
    gain = everybody.gain[who, channel]
    stays = everybody.stays[who][:, None]
    if tired:
        load = model.loads(now.sent, at=now.at)[who][:, None]
        gain = gain * model.parameters.repeat_effect**load - everybody.fatigue[who][:, None] * load
        left = (occasions.decides - now.at)[:, None] / (model.parameters.memory_days * DAY)
        gain = gain * np.exp2(-left)
        without = model.potential_outcomes(now.sent).contacted[soon, None]
        stays = without / np.maximum(occasions.pull, 1e-12)[:, None]
    moved = occasions.pull[:, None] * np.clip(stays + gain * meets, 0.0, HIGHEST)
    amount, own = occasions.amount[:, None], occasions.own_offer[:, None]
    asked = margins(offers, amount, conceded=np.full((1, 1), model.parameters.generosity))
    alone = margins(own, amount, conceded=np.zeros((1, 1)))
    anyway = np.where(FAMILY[offers] == FAMILY[own], asked, alone)
    with_it = np.minimum(without, moved) * anyway + np.maximum(moved - without, 0.0) * asked
    possible = (meets > 0) & now.reachable[who, channel][:, None]
    return Foretold(
        customer=who,
        response=np.where(possible, without + noticed * (moved - without), -np.inf),
        added=np.where(possible, noticed * (moved - without), -np.inf),
        profit=np.where(possible, noticed * (with_it - without * alone) - COST[channel], -np.inf),
    )


def _chosen(now: Round, worth: Callable[[Foretold], Float64s]) -> Contacts:
    """Calls to those for whom they are worth most, texts to the next; one contact to each, none worth less than 0."""
    n = len(now.reachable)
    taken = np.zeros(n, dtype=np.bool_)
    sent = Contacts.none()
    for channel, share in ((_CALL, CALLED_SHARE), (_SMS, TEXTED_SHARE)):
        foretold = foretell(now, channel)
        by_offer = worth(foretold)
        offer = by_offer.argmax(axis=1)
        value = by_offer[np.arange(len(offer)), offer]
        order = np.lexsort((foretold.customer, -value))
        order = order[(value[order] > 0) & ~taken[foretold.customer[order]]]
        first = np.sort(np.unique(foretold.customer[order], return_index=True)[1])
        best = order[first][: int(share * n)]
        taken[foretold.customer[best]] = True
        plain = Contacts.to(foretold.customer[best], channel=CHANNEL_NAMES[channel], offer=OFFER_NAMES[0], at=now.at)
        sent = sent.and_then(replace(plain, offer=offer[best]))
    return sent


def _opted_out(model: ResponseModel, sent: Contacts, responses: Responses) -> NDArray[np.bool_]:
    out = np.zeros((len(model.dispositions.number), len(CHANNEL_NAMES)), dtype=np.bool_)
    gone = np.flatnonzero(responses.opted_out_at < NOT_YET)
    out[sent.customer[gone], sent.channel[gone]] = True
    return out
