"""The response model: P(outcome | offer, channel, creative, time, history), with both potential outcomes.

For an occasion o of customer i, `p₀ = pull(o) · stays(i)`. The contacts c that i noticed before deciding make it

    p₁ = pull(o) · clip(stays(i) + Σ meets(c, o) · [gain(c) · wording(i, c) · repeat^load(c) − fatigue(i) · load(c)]
                         · 2^(−age(c, o) / memory), 0, 0.97)

where `load` is what the contacts before c still weigh, and `age` the time from noticing c to deciding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import DAY, HOUR
from lingque.twin.needs import Needs
from lingque.twin.responding.catalogue import CHANNELS, MEETS, OFFERS
from lingque.twin.responding.contacts import NOT_YET, Contacts
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.hearing import Fate, Hearing, hear, load_left
from lingque.twin.responding.occasions import Occasions
from lingque.twin.responding.outcomes import Conversions, PotentialOutcomes, Responses, TrueEffect
from lingque.twin.responding.parameters import ResponseParameters

HIGHEST = 0.97
"""No contact makes anybody surer than that."""
_HEAVIEST = 3.0
"""More load than this takes no more away."""
_RELEVANT, _IRRELEVANT = 0.40, 0.03
"""Of those who notice a message: how many click, with an open need that the offer meets, and without."""
_UNTIL_CLICKED = HOUR // 20
_IS_MESSAGE = np.array([one.name not in ("ai_call", "rm_call") for one in CHANNELS])
COST = np.array([one.cost for one in CHANNELS])
"""By channel, in fen."""
_MARGIN, _FEE, _CONCESSION = (
    np.array([getattr(one, name) for one in OFFERS]) for name in ("margin", "fee", "concession")
)
_FAMILIES = sorted({one.family for one in OFFERS})
FAMILY = np.array([_FAMILIES.index(one.family) for one in OFFERS])
"""By offer: offers of one family stand in for one another."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResponseModel:
    """How the customers of a bank, or of a block of it, answer. Contacts name customers by their position in it."""

    parameters: ResponseParameters
    seed: int
    begins: int
    """Instant before which nothing can be sent."""
    dispositions: Dispositions
    """For tests only, like `occasions`: no bank could read them."""
    occasions: Occasions

    @classmethod
    def make(
        cls, parameters: ResponseParameters, dispositions: Dispositions, needs: Needs, *, seed: int, begins: int
    ) -> ResponseModel:
        """`begins`: instant; what was decided before it is over. A need of a customer who does not exist raises
        `ValueError`."""
        n = len(dispositions.number)
        strangers = int(((needs.customer < 0) | (needs.customer >= n)).sum())
        if strangers:
            raise ValueError(f"{strangers} of the {len(needs.customer)} needs are of no known customer; there are {n}")
        occasions = Occasions.make(needs, dispositions, seed=seed)
        return cls(
            parameters=parameters,
            seed=seed,
            begins=begins,
            dispositions=dispositions,
            occasions=occasions.take(occasions.decides >= begins),
        )

    def respond(self, contacts: Contacts, *, until: int) -> Responses:
        """What is known at the instant `until`, if exactly these contacts were sent since the bank began.

        To go on, ask again with the longer history. A contact to an unknown customer, by an unknown channel, about an
        unknown offer, or at an instant outside `[begins, until)` raises `ValueError`.
        """
        contacts.check(customers=len(self.dispositions.number), first=self.begins, last=until)
        order = _in_order(contacts)
        sent = contacts.take(order)
        hearing = self._hear(sent)
        heard = self._heard(sent, hearing)
        sold = np.flatnonzero((self.occasions.luck < heard.probability) & (self.occasions.decides < until))
        made_on = heard.taken[sold]
        conversions = self._conversions(sold, sent, made_on, order)
        conversion = np.full(len(sent), -1)
        asked = np.flatnonzero(conversions.contact >= 0)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        conversion[conversions.contact[asked[::-1]]] = asked[::-1]  # of several, the first
        known = hearing.settled_at < until

        def by(instants: Int64s) -> Int64s:
            return np.where(instants < until, instants, NOT_YET)[back]

        return Responses(
            until=until,
            fate=np.where(known, hearing.fate, Fate.PENDING)[back],
            settled_at=by(hearing.settled_at),
            noticed_at=by(hearing.noticed_at),
            clicked_at=by(_clicks(sent, hearing, heard)),
            opted_out_at=by(hearing.opted_out_at),
            complained_at=by(hearing.complained_at),
            conversion=conversion,
            conversions=conversions,
        )

    def potential_outcomes(self, contacts: Contacts) -> PotentialOutcomes:
        """Both outcomes of every occasion, in the order of `occasions`. Contacts as in `respond`, at any later time."""
        contacts.check(customers=len(self.dispositions.number), first=self.begins, last=NOT_YET)
        sent = contacts.take(_in_order(contacts))
        heard = self._heard(sent, self._hear(sent))
        occasions, without = self.occasions, self.unasked
        own = margins(occasions.own_offer, occasions.amount, conceded=np.zeros(len(without)))
        offered = np.where(heard.taken >= 0, sent.offer[heard.taken] if len(sent) else -1, occasions.own_offer)
        conceded: Float64s = np.where(heard.taken >= 0, self.parameters.generosity, 0.0)
        asked = margins(offered, occasions.amount, conceded=conceded)
        anyway = np.where((heard.taken >= 0) & (FAMILY[offered] == FAMILY[occasions.own_offer]), asked, own)
        kept, won = np.minimum(without, heard.probability), np.maximum(heard.probability - without, 0.0)
        return PotentialOutcomes(
            customer=occasions.customer,
            need=occasions.kind,
            decides=occasions.decides,
            amount=occasions.amount,
            contacted=heard.probability,
            not_contacted=without,
            margin_contacted=kept * anyway + won * asked,
            margin_not_contacted=without * own,
        )

    def true_effect(self, contacts: Contacts, *, until: int) -> TrueEffect:
        """Of these contacts, on what their customers decide and do before `until`. Contacts as in `respond`; none:
        `ValueError`."""
        if not len(contacts):
            raise ValueError("there is no effect over no customers; name at least one contact")
        responses = self.respond(contacts, until=until)
        both = self.potential_outcomes(contacts)
        counted = both.decides < until
        customers = np.unique(contacts.customer)
        opt_outs = int((responses.opted_out_at < NOT_YET).sum())
        complaints = int((responses.complained_at < NOT_YET).sum())
        # what was sent and is still under way is paid for; a call that was not made is not
        paid = contacts.channel[responses.fate != Fate.NOT_MADE]
        others = np.ones(len(self.dispositions.number), dtype=np.bool_)
        others[customers] = False
        counted &= ~others[both.customer]
        yuan = self.parameters.complaint_cost * complaints + self.parameters.opt_out_cost * opt_outs
        return TrueEffect(
            n=len(customers),
            contacted=float(both.contacted[counted].sum() / len(customers)),
            not_contacted=float(both.not_contacted[counted].sum() / len(customers)),
            margin=float((both.margin_contacted - both.margin_not_contacted)[counted].sum()),
            cost=float(COST[paid].sum() + 100 * yuan),
            opt_outs=opt_outs,
            complaints=complaints,
        )

    @cached_property
    def unasked(self) -> Float64s:
        """By occasion: the probability to buy here without any contact."""
        return self.occasions.pull * self.dispositions.stays[self.occasions.customer]

    def loads(self, contacts: Contacts, *, at: int) -> Float64s:
        """By customer: how much the contacts made so far weigh on one made at that instant."""
        sent = contacts.take(_in_order(contacts))
        return load_left(sent, self._hear(sent), at=at, n=len(self.dispositions.number), parameters=self.parameters)

    def _hear(self, sent: Contacts) -> Hearing:
        return hear(sent, self.dispositions, parameters=self.parameters, seed=self.seed)

    def _heard(self, sent: Contacts, hearing: Hearing) -> _Heard:
        """What contacts, ordered by customer and instant, come to on every occasion."""
        occasions, dispositions = self.occasions, self.dispositions
        contact, occasion = _pairs(sent, occasions, np.flatnonzero(hearing.noticed_at < NOT_YET))
        who, offer = sent.customer[contact], sent.offer[contact]
        meets = MEETS[occasions.kind[occasion], offer] * dispositions.may[who, offer]
        left = occasions.decides[occasion] - hearing.noticed_at[contact]
        matters = np.flatnonzero((meets > 0) & (left > 0))
        contact, occasion, who, offer = contact[matters], occasion[matters], who[matters], offer[matters]
        open_already = occasions.begins[occasion] <= hearing.noticed_at[contact]
        relevant = np.zeros(len(sent), dtype=np.bool_)
        relevant[contact[open_already]] = True

        load = hearing.load[contact]
        gain = first_gain(self.parameters, dispositions, sent.take(contact), load=load)
        gain *= meets[matters] * np.exp2(-left[matters] / (self.parameters.memory_days * DAY))
        added = np.zeros(len(occasions.customer))
        np.add.at(added, occasion, gain)
        taken = np.full(len(added), -1)
        strongest_last = np.lexsort((contact, gain, occasion))
        taken[occasion[strongest_last]] = contact[strongest_last]
        stays = dispositions.stays[occasions.customer]
        moved = occasions.pull * np.clip(stays + added, 0.0, HIGHEST)
        return _Heard(probability=np.where(taken >= 0, moved, self.unasked), taken=taken, relevant=relevant)

    def _conversions(self, sold: Int64s, sent: Contacts, made_on: Int64s, order: Int64s) -> Conversions:
        """What was offered is bought if that made the difference, or if it is in kind what the customer would have
        bought anyway; else what they would have bought anyway."""
        occasions = self.occasions
        own = occasions.own_offer[sold]
        offered = np.where(made_on >= 0, sent.offer[made_on] if len(sent) else -1, own)
        persuaded = occasions.luck[sold] >= self.unasked[sold]
        asked = (made_on >= 0) & (persuaded | (FAMILY[offered] == FAMILY[own]))
        offer, amount = np.where(asked, offered, own), occasions.amount[sold]
        return Conversions(
            customer=occasions.customer[sold],
            need=occasions.kind[sold],
            offer=offer,
            asked=asked,
            contact=np.where(asked, order[made_on] if len(sent) else -1, -1),
            at=occasions.decides[sold],
            amount=amount,
            margin=np.rint(margins(offer, amount, conceded=np.where(asked, self.parameters.generosity, 0.0))).astype(
                np.int64
            ),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Heard:
    probability: Float64s
    """By occasion, to buy here."""
    taken: Int64s
    """By occasion: the contact that did most of those noticed in time, or −1."""
    relevant: NDArray[np.bool_]
    """By contact: it was noticed while a need that it meets was open."""


def first_gain(
    parameters: ResponseParameters, dispositions: Dispositions, contacts: Contacts, *, load: Float64s
) -> Float64s:
    """What each contact adds where it meets the need and is not forgotten; `load` is what those before it weigh."""
    who = contacts.customer
    gain = dispositions.gain[who, contacts.channel, contacts.offer] * parameters.repeat_effect**load
    gain *= dispositions.wordings[who, contacts.creative]
    gain -= dispositions.fatigue[who] * np.minimum(load, _HEAVIEST)
    return np.asarray(gain, dtype=np.float64)


def _in_order(contacts: Contacts) -> Int64s:
    return np.lexsort((contacts.creative, contacts.offer, contacts.channel, contacts.at, contacts.customer))


def _clicks(sent: Contacts, hearing: Hearing, heard: _Heard) -> Int64s:
    likely = _IS_MESSAGE[sent.channel] * np.where(heard.relevant, _RELEVANT, _IRRELEVANT)
    where = np.flatnonzero((hearing.noticed_at < NOT_YET) & (hearing.curiosity < likely))
    clicked = np.full(len(sent), NOT_YET)
    clicked[where] = hearing.noticed_at[where] + _UNTIL_CLICKED
    return clicked


def _pairs(sent: Contacts, occasions: Occasions, noticed: Int64s) -> tuple[Int64s, Int64s]:
    """Every noticed contact with every occasion of its customer."""
    first = np.searchsorted(occasions.customer, sent.customer[noticed], side="left")
    count = np.searchsorted(occasions.customer, sent.customer[noticed], side="right") - first
    contact = np.repeat(noticed, count)
    nth = np.arange(len(contact)) - np.repeat(np.cumsum(count) - count, count)
    return contact, np.repeat(first, count) + nth


def margins(offer: Int64s, amount: Int64s, *, conceded: Float64s) -> Float64s:
    """What sales earn, in fen, where that share of the offer's concession is given."""
    return np.asarray(amount * (_MARGIN[offer] - conceded * _CONCESSION[offer]) + _FEE[offer], dtype=np.float64)
