"""What customers do with their money after `as_of`, as the bank did or did not contact them, and the truth of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.core.money import Money
from lingque.twin.attitudes import CHANNELS, OFFERS, Attitudes, Channel, Offer
from lingque.twin.blocks import Block
from lingque.twin.days import NEVER, day_number, months_later
from lingque.twin.placements import (
    LEAVES_SHARE,
    LONGEST_THOUGHT,
    Departures,
    Placed,
    Placements,
    unasked_product,
    whole_thousands,
)
from lingque.twin.population import ADULT, Population
from lingque.twin.products import IS_DEPOSIT, MONTHS, PRODUCTS, RENEWAL, WEALTH_R2, PostedRate, Regime

OUTCOME_DAYS = 60
"""Money is kept if it is placed here in `[as_of, as_of + 60 days)`. All that anybody decides, they decide then."""
FUTURE_DAYS = 62
"""How far the simulated bank goes on after `as_of`."""

_IDLE_PULL = 0.05
"""How much of the probability there is where no money falls due, for customers of middling means."""
_OFFERED = np.array((RENEWAL, WEALTH_R2))


@dataclass(frozen=True, kw_only=True)
class Contacted:
    """One contact that arrived: the bank knows whom by the e-mail address or the telephone number."""

    address: str
    channel: Channel
    offer: Offer
    on: date


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Money placed here after `as_of`, in a new term deposit or a wealth product."""

    customer_no: str
    decided_on: date
    regime: Regime
    product_code: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Who placed money here from `as_of` to `until` (inclusive), contacted or not, in the order of the customers."""

    until: date
    kept: tuple[Kept, ...]
    placements: Placements = field(repr=False, compare=False)
    """The same, and those decided after `until` but before the 60 days are over."""
    departures: Departures = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class TrueEffect:
    """Expected causal effect of contacts, averaged over exactly the `n` customers whom they reached."""

    n: int
    contacted: float
    """Mean probability to place money here within 60 days, given these contacts."""
    not_contacted: float
    """Likewise, without any."""
    balance_contacted: float
    """Mean expected balance of what is newly placed, in fen: its daily average over the 60 days from `as_of`."""
    balance_not_contacted: float

    @property
    def effect(self) -> float:
        return self.contacted - self.not_contacted

    @property
    def balance_effect(self) -> float:
        """In fen per customer."""
        return self.balance_contacted - self.balance_not_contacted


@dataclass(frozen=True, kw_only=True, eq=False)
class Reached:
    """Contacts by position of the customer, one entry each."""

    customer: Int64s
    channel: Int64s
    offer: Int64s
    day: Int64s

    @classmethod
    def of(cls, contacts: Sequence[Contacted], position: dict[str, int], *, first: date, last: date) -> Reached:
        """A contact that cannot be understood raises `ValueError`."""
        strangers = sum(one.address not in position for one in contacts)
        if strangers:
            raise ValueError(f"{strangers} of the {len(contacts)} addresses belong to no customer of this bank")
        for one in contacts:
            if one.channel not in CHANNELS or one.offer not in OFFERS:
                raise ValueError(
                    f"the customers understand no {one.channel!r} about {one.offer!r}; "
                    f"channels are {', '.join(CHANNELS)}, offers are {', '.join(OFFERS)}"
                )
            if not first <= one.on <= last:
                raise ValueError(f"a contact on {one.on} is not between {first} and {last}")
        return cls(
            customer=np.array([position[one.address] for one in contacts], dtype=np.int64),
            channel=np.array([CHANNELS.index(one.channel) for one in contacts], dtype=np.int64),
            offer=np.array([OFFERS.index(one.offer) for one in contacts], dtype=np.int64),
            day=np.array([day_number(one.on) for one in contacts], dtype=np.int64),
        )

    def take(self, where: NDArray[np.bool_]) -> Reached:
        return Reached(
            customer=self.customer[where], channel=self.channel[where], offer=self.offer[where], day=self.day[where]
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Fates:
    """What chance holds ready for each customer; drawn once, so that only contacts make a difference.

    Money is kept when `luck` is below the probability that applies. A contact counts if it comes before the day on
    which the customer decides. One entry per customer in every field.
    """

    luck: Float64s
    pull: Float64s
    """1 where money falls due, little where only idle money could be placed, 0 for children."""
    decision_day: Int64s
    amount: Int64s
    """What is placed if it is kept, in fen."""
    leaving: Int64s
    """What goes to another bank if it is not; 0 where it stays idle."""
    own_product: Int64s
    attitudes: Attitudes
    today: int

    @classmethod
    def make(cls, block: Block, population: Population, attitudes: Attitudes, placed: Placed) -> Fates:
        n = block.customers
        today = day_number(block.parameters.as_of)
        random = block.stream("fates")
        due = placed.maturing >= 0
        payout = np.where(due, placed.placements.payout[placed.maturing], 0) if due.any() else np.zeros(n, np.int64)
        matures = np.where(due, placed.placements.end_day[placed.maturing], 0) if due.any() else np.zeros(n, np.int64)
        thinks = random.integers(1, LONGEST_THOUGHT + 1, n)
        whenever = today + random.integers(1, OUTCOME_DAYS - 1, n)
        share = random.uniform(0.75, 1.0, n)
        spontaneous = population.idle_balance * random.uniform(0.3, 0.8, n)
        leaves = random.random(n) < LEAVES_SHARE
        taste = random.random(n)
        term = random.choice((3, 6, 12), n, p=(0.25, 0.3, 0.45))
        adult = population.age >= ADULT
        return cls(
            luck=random.random(n),
            pull=np.where(due, 1.0, _IDLE_PULL * 2 * population.means) * adult,
            decision_day=np.where(due, matures + thinks, whenever),
            amount=whole_thousands(np.where(due, payout * share, spontaneous)),
            leaving=np.where(due & leaves, payout, 0),
            own_product=unasked_product(attitudes, population, np.arange(n), taste=taste, term=term),
            attitudes=attitudes,
            today=today,
        )

    def probability(self, reached: Reached) -> Float64s:
        """Of everybody, to keep money here after these contacts."""
        heard = reached.take(reached.day < self.decision_day[reached.customer])
        return self.attitudes.after(heard.customer, heard.channel, heard.offer, pull=self.pull)

    def unasked(self) -> Float64s:
        """Of everybody, to keep money here without any contact."""
        return self.pull * self.attitudes.stays

    def respond(
        self, population: Population, posted: tuple[PostedRate, ...], reached: Reached, *, until: date
    ) -> Responses:
        heard = reached.take(reached.day < self.decision_day[reached.customer])
        keeps = self.luck < self.probability(reached)
        stays, gone = np.flatnonzero(keeps), np.flatnonzero(~keeps & (self.leaving > 0))
        product = self._products(heard)[stays]
        day = self.decision_day[stays]
        deposit = IS_DEPOSIT[product]
        placements = Placements.of(
            posted,
            owner=stays,
            product=product,
            opened=day,
            end=np.where(deposit, months_later(day, MONTHS[product]), NEVER),
            amount=self.amount[stays],
        )
        last = day_number(until)
        return Responses(
            until=until,
            kept=tuple(
                Kept(
                    customer_no=population.customer_no[customer],
                    decided_on=date(1970, 1, 1) + timedelta(days=decided),
                    regime=PRODUCTS[chosen].regime,
                    product_code=PRODUCTS[chosen].code,
                    amount=Money(minor=fen, currency="CNY"),
                )
                for customer, decided, chosen, fen in zip(
                    stays.tolist(), day.tolist(), product.tolist(), self.amount[stays].tolist(), strict=True
                )
                if decided <= last
            ),
            placements=placements,
            departures=Departures(owner=gone, day=self.decision_day[gone], amount=self.leaving[gone]),
        )

    def true_effect(self, reached: Reached) -> TrueEffect:
        customers = np.unique(reached.customer)
        if not len(customers):
            raise ValueError("there is no effect over no customers; name at least one contact")
        p1, p0 = self.probability(reached)[customers], self.unasked()[customers]
        days_held = self.today + OUTCOME_DAYS - self.decision_day[customers]
        average = self.amount[customers] * (days_held / OUTCOME_DAYS)
        return TrueEffect(
            n=len(customers),
            contacted=float(p1.mean()),
            not_contacted=float(p0.mean()),
            balance_contacted=float((p1 * average).mean()),
            balance_not_contacted=float((p0 * average).mean()),
        )

    def _products(self, heard: Reached) -> Int64s:
        """What each customer takes if they keep the money: what was offered if that made the difference, or if it
        is of the regime they would have chosen anyway; else what they would have chosen anyway."""
        product = self.own_product.copy()
        gain = self.attitudes.gain[heard.customer, heard.channel, heard.offer]
        # the strongest contact is written last
        order = np.lexsort((-heard.day, gain, heard.customer))
        offered = np.full(len(product), -1)
        offered[heard.customer[order]] = _OFFERED[heard.offer[order]]
        persuaded = self.luck >= self.unasked()
        takes = (offered >= 0) & (persuaded | (IS_DEPOSIT[offered] == IS_DEPOSIT[product]))
        product[takes] = offered[takes]
        return product
