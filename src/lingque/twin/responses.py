"""What customers do with their money after `as_of`, as the bank did or did not contact them, and the truth of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from lingque.core.clock import Instant
from lingque.core.hashing import Float64s, Int64s
from lingque.core.money import Money
from lingque.twin.assessments import grades
from lingque.twin.blocks import Block
from lingque.twin.days import NEVER, day_at, day_number, midnight, months_later
from lingque.twin.needs import NEED_KINDS, Needs
from lingque.twin.placements import LEAVES_SHARE, LONGEST_THOUGHT, Departures, Placed, Placements
from lingque.twin.population import Population
from lingque.twin.products import (
    BY_RISK_GRADE,
    BY_TERM,
    IS_DEPOSIT,
    MONTHS,
    PRODUCTS,
    RENEWAL,
    WEALTH_R2,
    PostedRate,
    Regime,
)
from lingque.twin.responding.catalogue import CHANNEL_NAMES, CREATIVES, OFFER_NAMES, Channel
from lingque.twin.responding.chance import uniform
from lingque.twin.responding.contacts import NOT_YET, Contacts, position
from lingque.twin.responding.hearing import Fate
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responding.outcomes import Conversions

OUTCOME_DAYS = 60
"""Money is kept if it is placed here in `[as_of, as_of + 60 days)`. All that anybody decides, they decide then."""
FUTURE_DAYS = 62
"""How far the simulated bank goes on after `as_of`."""

_MATURITY, _IDLE = map(NEED_KINDS.index, ("deposit_maturity", "idle_money"))
_DEPOSIT = OFFER_NAMES.index("deposit_renewal")
_ASKED = np.full(len(OFFER_NAMES), -1)
_ASKED[[OFFER_NAMES.index(name) for name in ("deposit_renewal", "wealth_r2", "fund_r3", "fund_r4")]] = (
    RENEWAL,
    WEALTH_R2,
    BY_RISK_GRADE[3],
    BY_RISK_GRADE[4],
)
_HIGHEST_UNASKED = 3
_TERMS, _TERM_CHANCES = (3, 6, 12), (0.25, 0.55, 1.0)


@dataclass(frozen=True, kw_only=True)
class Contacted:
    """One contact that was sent: the bank knows to whom by the e-mail address or the telephone number."""

    address: str
    channel: Channel
    offer: str
    """One of `OFFERS`."""
    at: Instant
    creative: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What became of one contact. Instants are None for what has not happened."""

    fate: Fate
    settled_at: Instant | None
    noticed_at: Instant | None
    clicked_at: Instant | None
    opted_out_at: Instant | None
    complained_at: Instant | None


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
    """What became of every contact, and who placed money here from `as_of` to `until` (inclusive), contacted or not."""

    until: date
    answers: tuple[Answered, ...]
    """In the order of the contacts."""
    kept: tuple[Kept, ...]
    """By customer."""
    placements: Placements = field(repr=False, compare=False)
    """The same, and those decided after `until` but before the 60 days are over."""
    departures: Departures = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class TrueEffect:
    """Expected causal effect of contacts, averaged over exactly the `n` customers to whom they were sent."""

    n: int
    contacted: float
    """Mean probability to place money here within 60 days, given what they noticed of these contacts."""
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
class TrueChances:
    """One entry per customer in every field, in the order of the population."""

    customer_no: tuple[str, ...]
    contacted: Float64s
    """The probability to place money here within 60 days, given what the customer noticed of the contacts sent."""
    not_contacted: Float64s
    """The same without any contact."""
    assets_gained: Float64s
    """What the contacts add, expected, to the daily average of all that the customer has here over these 60 days, in
    fen: of money that falls due and is placed, part would have gone to another bank."""


def needs_after(block: Block, population: Population, placed: Placed) -> Needs:
    """One of every customer: the deposit that matures, else the idle money that might be placed some time."""
    n = block.customers
    today = day_number(block.parameters.as_of)
    due = np.flatnonzero(placed.maturing >= 0)
    kind, begins = np.full(n, _IDLE), np.full(n, today)
    days = np.full(n, OUTCOME_DAYS - 2)
    size = (population.idle_balance * block.stream("idle money afterwards").uniform(0.3, 0.8, n)).astype(np.int64)
    kind[due], days[due] = _MATURITY, LONGEST_THOUGHT
    begins[due] = placed.placements.end_day[placed.maturing[due]]
    size[due] = placed.placements.payout[placed.maturing[due]]
    return Needs(customer=np.arange(n), kind=kind, begins_day=begins, ends_day=begins + days, size=size)


@dataclass(frozen=True, kw_only=True, eq=False)
class MoneyAfter:
    """The response model, told in deposits and wealth products."""

    model: ResponseModel
    population: Population
    placed: Placed
    posted: tuple[PostedRate, ...]
    today: int
    reached_by: Mapping[str, int]
    """E-mail address or telephone number → position of the customer."""

    def respond(self, contacts: Sequence[Contacted], *, until: date) -> Responses:
        """A contact that cannot be understood raises `ValueError`, without naming anybody."""
        sent = self._contacts(contacts, until)
        all_ = self.model.respond(sent, until=_end_of(self.today + FUTURE_DAYS - 1))
        so_far = self.model.respond(sent, until=_end_of(day_number(until)))
        sales = all_.conversions
        day = day_at(sales.at)
        product = self._products(sales)
        placements = Placements.of(
            self.posted,
            owner=sales.customer,
            product=product,
            opened=day,
            end=np.where(IS_DEPOSIT[product], months_later(day, MONTHS[product]), NEVER),
            amount=sales.amount,
        )
        known = np.flatnonzero(sales.at < so_far.until)
        return Responses(
            until=until,
            answers=tuple(
                Answered(fate=Fate(fate), **dict(zip(_MOMENTS, map(_happened, moments), strict=True)))
                for fate, *moments in zip(
                    so_far.fate.tolist(), *(getattr(so_far, name).tolist() for name in _MOMENTS), strict=True
                )
            ),
            kept=tuple(
                Kept(
                    customer_no=self.population.customer_no[customer],
                    decided_on=date(1970, 1, 1) + timedelta(days=decided),
                    regime=PRODUCTS[chosen].regime,
                    product_code=PRODUCTS[chosen].code,
                    amount=Money(minor=fen, currency="CNY"),
                )
                for customer, decided, chosen, fen in zip(
                    *(column[known].tolist() for column in (sales.customer, day, product, sales.amount)), strict=True
                )
            ),
            placements=placements,
            departures=self._departures(sales),
        )

    def true_effect(self, contacts: Sequence[Contacted]) -> TrueEffect:
        """Over exactly the customers of these contacts, each once; none raises `ValueError`."""
        sent = self._contacts(contacts, self._last_day)
        customers = np.unique(sent.customer)
        if not len(customers):
            raise ValueError("there is no effect over no customers; name at least one contact")
        both = self.model.potential_outcomes(sent)
        days_held = self.today + OUTCOME_DAYS - day_at(both.decides)
        counted = np.flatnonzero(np.isin(both.customer, customers) & (days_held > 0))
        average = both.amount * (days_held / OUTCOME_DAYS)
        return TrueEffect(
            n=len(customers),
            contacted=float(both.contacted[counted].sum() / len(customers)),
            not_contacted=float(both.not_contacted[counted].sum() / len(customers)),
            balance_contacted=float((both.contacted * average)[counted].sum() / len(customers)),
            balance_not_contacted=float((both.not_contacted * average)[counted].sum() / len(customers)),
        )

    def chances(self, contacts: Sequence[Contacted]) -> TrueChances:
        """Of everybody, if exactly these contacts are sent."""
        both = self.model.potential_outcomes(self._contacts(contacts, self._last_day))
        days_held = np.maximum(self.today + OUTCOME_DAYS - day_at(both.decides), 0)
        in_time = days_held > 0
        n = len(self.population.age)
        due = np.flatnonzero(both.need == _MATURITY)
        payout = self.placed.placements.payout[self.placed.maturing[both.customer[due]]]
        stays = LEAVES_SHARE * (both.contacted - both.not_contacted)[due] * payout * days_held[due] / OUTCOME_DAYS

        def any_of(probability: Float64s) -> Float64s:
            none = np.ones(n)
            np.multiply.at(none, both.customer, np.where(in_time, 1 - probability, 1.0))
            return np.asarray(1 - none, dtype=np.float64)

        return TrueChances(
            customer_no=self.population.customer_no,
            contacted=any_of(both.contacted),
            not_contacted=any_of(both.not_contacted),
            assets_gained=np.asarray(np.bincount(both.customer[due], weights=stays, minlength=n), dtype=np.float64),
        )

    def profit(self, contacts: Sequence[Contacted]) -> float:
        """True incremental profit of these contacts in fen: what they add to the margins of what is placed within 60
        days, less what they, complaints and opt-outs cost."""
        sent = self._contacts(contacts, self._last_day)
        return self.model.true_effect(sent, until=_end_of(self.today + OUTCOME_DAYS - 1)).profit

    @property
    def _last_day(self) -> date:
        return date(1970, 1, 1) + timedelta(days=self.today + FUTURE_DAYS - 1)

    def _contacts(self, contacts: Sequence[Contacted], until: date) -> Contacts:
        strangers = sum(one.address not in self.reached_by for one in contacts)
        if strangers:
            raise ValueError(f"{strangers} of the {len(contacts)} addresses belong to no customer of this bank")
        sent = Contacts(
            customer=_whole(self.reached_by[one.address] for one in contacts),
            channel=_whole(position(one.channel, CHANNEL_NAMES, "channel") for one in contacts),
            offer=_whole(position(one.offer, OFFER_NAMES, "offer") for one in contacts),
            creative=_whole(position(one.creative, CREATIVES, "creative") for one in contacts),
            at=_whole(one.at for one in contacts),
        )
        sent.check(customers=len(self.population.age), first=self.model.begins, last=_end_of(day_number(until)))
        return sent

    def _products(self, sales: Conversions) -> Int64s:
        """What was asked for; unasked, a deposit of a usual term, or a wealth product of the customer's own grade."""
        by_grade = np.array([BY_RISK_GRADE[grade] for grade in range(1, 6)])
        grade = np.minimum(grades(self.population)[sales.customer], _HIGHEST_UNASKED)
        luck = uniform(self.model.seed, "term", self.model.dispositions.number[sales.customer], sales.at)
        term = np.array([BY_TERM[months] for months in _TERMS])[np.searchsorted(_TERM_CHANCES, luck)]
        own = np.where(sales.offer == _DEPOSIT, term, by_grade[grade - 1])
        return np.where(sales.asked, _ASKED[sales.offer], own)

    def _departures(self, sales: Conversions) -> Departures:
        """Of money that fell due and is not placed here, some goes to another bank on the day of the decision."""
        occasions = self.model.occasions
        lost = np.flatnonzero((occasions.kind == _MATURITY) & ~np.isin(occasions.customer, sales.customer))
        owner = occasions.customer[lost]
        number = self.model.dispositions.number[owner]
        goes = uniform(self.model.seed, "leaves", number, occasions.decides[lost]) < LEAVES_SHARE
        return Departures(
            owner=owner[goes],
            day=day_at(occasions.decides[lost][goes]),
            amount=self.placed.placements.payout[self.placed.maturing[owner[goes]]],
        )


_MOMENTS = ("settled_at", "noticed_at", "clicked_at", "opted_out_at", "complained_at")


def _happened(instant: int) -> Instant | None:
    return Instant(instant) if instant < NOT_YET else None


def _end_of(day: int) -> int:
    """The first instant after that day."""
    return int(midnight(np.array(day + 1)))


def _whole(numbers: Iterable[int]) -> Int64s:
    return np.fromiter(numbers, dtype=np.int64)
