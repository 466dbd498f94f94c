"""What may be proposed, made ready to be judged: offers as columns of numbers, so that a policy looks at all of them at
once. Made once for many decisions; holds nothing of any customer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingque.catalog.definitions.offers import CoolDown, OfferDefinition
from lingque.catalog.model import Offer
from lingque.core.clock import Window, shift
from lingque.core.errors import AllocationError
from lingque.core.hashing import Float64s, Int64s
from lingque.decide.facts import Condition, day_number
from lingque.govern.contracts import Flags

NO_TAG = -1
Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class ChannelTerms:
    """A channel as a decision may use it. Amounts in minor units.

    `cost` of one contact; `response_factor` says how much stronger than the offer's response a contact on it works;
    fatigue is `fatigue` for every contact made lately (`Requests.recent`), or what the tag `fatigue_tag` says.
    """

    channel: str
    cost: int
    response_factor: float = 1.0
    fatigue: int = 0
    fatigue_tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An offer on a channel. `ask`, `reach` and `cap` say which rows of `Requests.permits`, of `.reachable` and
    `.recent`, and of `.capped` speak of it."""

    offer: Offer
    terms: ChannelTerms
    ask: int
    reach: int
    cap: int

    @property
    def channel(self) -> str:
        return self.terms.channel

    @property
    def cost(self) -> int:
        """Of one contact, in minor units."""
        return self.terms.cost


class Menu:
    """Candidates, and what policies and value need of them as arrays: (o,) over offers, (c,) over candidates.

    A role such as `tolerance` is, per offer, the place of a tag among `tags`, or `NO_TAG`.
    Raises `AllocationError` where a candidate stands twice.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = tuple(candidates)
        self.offers = tuple({one.offer.name: one.offer for one in candidates}.values())
        self.names = tuple(offer.name for offer in self.offers)
        place = {name: number for number, name in enumerate(self.names)}
        self.offer_of: Indices = _indices(place[one.offer.name] for one in candidates)
        self.ask_of: Indices = _indices(one.ask for one in candidates)
        self.reach_of: Indices = _indices(one.reach for one in candidates)
        self.cap_of: Indices = _indices(one.cap for one in candidates)
        pairs = [(one.offer.name, one.channel) for one in candidates]
        if len(set(pairs)) < len(pairs):
            twice = next(pair for pair in pairs if pairs.count(pair) > 1)
            raise AllocationError(f"offer '{twice[0]}' stands twice on {twice[1]}", next_step="list each pair once")
        self._read_terms()
        self._read_offers()
        self._read_roles()
        self._read_relations(place)
        self._offered: tuple[date, Flags] | None = None

    def __len__(self) -> int:
        return len(self.candidates)

    @cached_property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.channel for one in self.candidates))

    @cached_property
    def channel_of(self) -> Indices:
        """(c,) into `channels`."""
        return _indices(self.channels.index(one.channel) for one in self.candidates)

    @cached_property
    def asks(self) -> int:
        """How many rows of permits its candidates speak of; likewise `reaches` and `caps`."""
        return int(self.ask_of.max(initial=-1)) + 1

    @cached_property
    def reaches(self) -> int:
        return int(self.reach_of.max(initial=-1)) + 1

    @cached_property
    def caps(self) -> int:
        return int(self.cap_of.max(initial=-1)) + 1

    @cached_property
    def every(self) -> Indices:
        """(c,) all candidates."""
        return np.arange(len(self))

    @cached_property
    def named(self) -> frozenset[str]:
        """The roles for which any offer, or candidate, names a tag."""
        return frozenset(
            role
            for role in ("propensity", "uplift", "anyway", "spread", "margin_by", "cost_by", "loss", "tired")
            if (getattr(self, role) >= 0).any()
        )

    @cached_property
    def costs_stated(self) -> bool:
        """Does a conversion of any offer cost something, or is it expected to lose?"""
        return bool(self.conversion_cost.any() or self.stated_loss.any())

    @cached_property
    def tires(self) -> bool:
        """Does any channel state what a contact made lately takes away?"""
        return bool(self.fatigue.any())

    def offered(self, today: date) -> Flags:
        """(o,) which offers are made on that day: from their first until the day before their last."""
        if self._offered is None or self._offered[0] != today:
            day = day_number(today)
            self._offered = (today, (self.valid_from <= day) & (day < self.valid_to))
        return self._offered[1]

    @cached_property
    def name_hashes(self) -> Int64s:
        """(o,) 64 bits of each offer's name."""
        digests = [hashlib.sha256(name.encode()).digest()[:8] for name in self.names]
        return np.array([int.from_bytes(one, "big", signed=True) for one in digests], dtype=np.int64)

    def _read_terms(self) -> None:
        terms = [one.terms for one in self.candidates]
        self.contact_cost: Int64s = np.array([one.cost for one in terms], dtype=np.int64)
        self.factor: Float64s = np.array([one.response_factor for one in terms], dtype=np.float64)
        self.fatigue: Int64s = np.array([one.fatigue for one in terms], dtype=np.int64)

    def _read_offers(self) -> None:
        of = [offer.definition for offer in self.offers]
        self.valid_from = _days(one.valid_from for one in of)
        self.valid_to = _days(one.valid_to for one in of)
        self.margin: Int64s = np.array([one.minor(one.margin) for one in of], dtype=np.int64)
        self.conversion_cost: Int64s = np.array([one.minor(one.cost) for one in of], dtype=np.int64)
        self.stated_loss: Int64s = np.array([one.minor(one.expected_loss or Decimal(0)) for one in of], dtype=np.int64)
        self.response: Float64s = np.array([one.response for one in of], dtype=np.float64)
        self.refuses_missing: Flags = np.array([one.missing_score == "refuse" for one in of], dtype=np.bool_)
        self.is_deposit: Flags = np.array([one.regime == "deposit" for one in of], dtype=np.bool_)
        self.is_benefit: Flags = np.array([one.kind == "benefit" for one in of], dtype=np.bool_)
        self.suited: Indices = _indices(number for number, one in enumerate(of) if one.suitability is not None)
        self.grade: Float64s = np.array([one.suitability.grade if one.suitability else 0 for one in of], dtype=float)
        self.covered: Indices = _indices(number for number, one in enumerate(of) if one.cover is not None)
        self.premium: Int64s = np.array(
            [one.minor(one.cover.premium) if one.cover else 0 for one in of], dtype=np.int64
        )
        self.scored_only: Indices = np.flatnonzero(self.refuses_missing)
        self.benefits: Indices = np.flatnonzero(self.is_benefit)
        self.lent: Indices = _indices(number for number, one in enumerate(of) if one.student is not None)
        self.stocked: Indices = _indices(number for number, one in enumerate(of) if one.stock is not None)
        self.budgeted: Indices = _indices(number for number, one in enumerate(of) if one.budget is not None)
        distinct: dict[Any, int] = {}
        self.condition_of: Indices = _indices(
            distinct.setdefault(one.eligibility, len(distinct)) for one in self.offers
        )
        self.conditions = tuple(Condition(node) for node in distinct)

    def _read_roles(self) -> None:
        self._tags: dict[str, int] = {}
        rules = [offer.definition.suitability for offer in self.offers]
        covers = [offer.definition.cover for offer in self.offers]
        of = [offer.definition for offer in self.offers]
        self.tolerance = self._role(rule.tolerance if rule else None for rule in rules)
        self.valid_until = self._role(rule.valid_until if rule else None for rule in rules)
        self.age = self._role(rule.age if rule else None for rule in rules)
        self.professional = self._role(rule.professional if rule else None for rule in rules)
        self.need = self._role(cover.need if cover else None for cover in covers)
        self.ability = self._role(cover.ability if cover else None for cover in covers)
        self.student = self._role(one.student for one in of)
        self.propensity = self._role(one.propensity for one in of)
        self.uplift = self._role(one.uplift for one in of)
        self.anyway = self._role(one.anyway for one in of)
        self.spread = self._role(one.spread for one in of)
        self.margin_by = self._role(one.margin_tag for one in of)
        self.cost_by = self._role(one.cost_tag for one in of)
        self.loss = self._role(one.expected_loss_tag for one in of)
        self.holding = self._role(one.holds for one in of)
        self.tired = self._role(one.terms.fatigue_tag for one in self.candidates)

    def _read_relations(self, place: dict[str, int]) -> None:
        """Pairs (offer, other): the other is on the menu, or a tag says who holds it."""
        beyond = sorted({name for offer in self.offers for name in offer.definition.related} - place.keys())
        self.beyond = tuple(beyond)
        """Offers that are named, and not on the menu; they follow those of the menu in `holders`."""
        place = place | {name: len(self.offers) + number for number, name in enumerate(beyond)}
        holdings = {name: tag for offer in self.offers for name, tag in offer.holdings.items()}
        self.holders = self._role(holdings.get(name) for name in (*self.names, *beyond))
        self.excludes = _pairs(self.offers, place, "excludes")
        self.needs = _pairs(self.offers, place, "needs")
        self.supersedes = [pair for pair in _pairs(self.offers, place, "supersedes") if pair[1] < len(self.offers)]
        # to exclude goes both ways
        self.excludes = sorted({*self.excludes, *((b, a) for a, b in self.excludes if b < len(self.offers))})
        self.tags = tuple(self._tags)
        """Every tag that is read as a number."""

    def _role(self, names: Iterable[str | None]) -> Indices:
        return _indices(NO_TAG if not name else self._tags.setdefault(name, len(self._tags)) for name in names)

    def cool_down_ends(self, today: date) -> dict[str, Float64s]:
        """(o,) per kind of event the first day on which one still counts, as a number; infinite where none does."""
        return {
            kind: np.array([_first_day(offer.definition, kind, today) for offer in self.offers], dtype=np.float64)
            for kind in ("contact", "refusal", "purchase")
        }

    @cached_property
    def looks_back_on(self) -> tuple[str, ...]:
        """The offers of which policies ask what happened between them and a customer."""
        cooling = [one.name for one in self.offers if one.definition.cool_down != CoolDown()]
        related = [(*self.names, *self.beyond)[other] for _, other in (*self.excludes, *self.needs)]
        return tuple(dict.fromkeys([*cooling, *related]))

    def place_of(self, name: str) -> int | None:
        """Which offer that is, one that is only named included; None of any other."""
        if name in self.names:
            return self.names.index(name)
        return len(self.names) + self.beyond.index(name) if name in self.beyond else None


def _first_day(definition: OfferDefinition, kind: str, today: date) -> float:
    window: str | None = getattr(definition.cool_down, kind)
    if window is None:
        return np.inf
    first, _ = Window.parse(window).bounds(shift(today, count=1, unit="day"))
    return float(day_number(first))


def _pairs(offers: Sequence[Offer], place: dict[str, int], field: str) -> list[tuple[int, int]]:
    return [
        (number, place[name])
        for number, offer in enumerate(offers)
        for name in getattr(offer.definition, field)
        if name in place
    ]


def _indices(numbers: Iterable[int]) -> Indices:
    return np.fromiter(numbers, dtype=np.intp)


def _days(days: Iterable[date]) -> Int64s:
    return np.fromiter((day_number(day) for day in days), dtype=np.int64)
