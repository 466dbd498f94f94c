"""Placements made ready to be asked: menus, questions of leave and words, worked out once per catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from lingque.catalog.expressions.to_python import RowFunction, row_function
from lingque.catalog.expressions.tree import names_in
from lingque.catalog.lineage import join, lineage_of_offer
from lingque.catalog.model import Catalog, Offer, Placement
from lingque.core.clock import Instant
from lingque.core.money import Money
from lingque.core.registries import Purpose
from lingque.decide.menu import Candidate, Menu
from lingque.engage.contracts import ChannelPlan
from lingque.flow.grounds import grounds_of, tags_under
from lingque.flow.proposing import Alike, Caps, alike_among, caps_of, terms_of
from lingque.govern.contracts import Grounds, PermitAsk

_MENUS_KEPT = 1_000
"""Of one placement: each thing shown before closes others and leaves another menu, and making one takes a
millisecond."""


@dataclass(frozen=True, kw_only=True)
class _Lead:
    function: RowFunction | None
    offers: frozenset[str]
    topic: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """A placement in force. `asks` have no moment yet; `tags` are all that choosing looks at."""

    catalog: Catalog
    placement: Placement
    purpose: Purpose
    plan: ChannelPlan
    candidates: tuple[Candidate, ...]
    asks: tuple[PermitAsk, ...]
    caps: tuple[Caps, ...]
    tags: tuple[str, ...]
    leads: tuple[_Lead, ...]
    open: tuple[Offer, ...]
    open_today: list[Offer] = field(default_factory=list)
    _menus: dict[frozenset[str], Menu] = field(default_factory=dict)
    _closed: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog, placement: Placement) -> Place:
        """Raises nothing: what was applied fits together."""
        definition = placement.definition
        purpose = Purpose[definition.purpose.upper()]
        plan = _channel_plan(catalog, placement)
        asks: dict[PermitAsk, int] = {}
        caps: dict[Caps, int] = {}
        candidates = [
            Candidate(
                offer=offer,
                terms=terms_of(plan),
                ask=asks.setdefault(_ask(catalog, placement, offer, purpose), len(asks)),
                reach=0,
                cap=caps.setdefault(caps_of(catalog, offer, definition.channel, purpose), len(caps)),
            )
            for offer in (catalog.offers[name] for name in definition.offers)
        ]
        menu = Menu(candidates)
        looked_at = {*menu.tags, *placement.led_by}
        looked_at |= frozenset[str]().union(*(names_in(one.eligibility) for one in menu.offers))
        return cls(
            catalog=catalog,
            placement=placement,
            purpose=purpose,
            plan=plan,
            candidates=tuple(candidates),
            asks=tuple(asks),
            caps=tuple(caps),
            tags=tuple(sorted(looked_at)),
            leads=tuple(
                _Lead(
                    function=None if one.condition is None else row_function(one.condition),
                    offers=one.offers,
                    topic=one.topic,
                )
                for one in placement.leads
            ),
            open=tuple(catalog.offers[name] for name in definition.open),
        )

    @property
    def name(self) -> str:
        return self.placement.name

    @property
    def channel(self) -> str:
        return self.placement.definition.channel

    @cached_property
    def offers(self) -> frozenset[str]:
        return frozenset(one.offer.name for one in self.candidates)

    @cached_property
    def closures(self) -> Mapping[str, str]:
        """Of each offer."""
        return {name: self.catalog.closures["offer", name] for name in self.offers}

    def order_open(self, accepted: Mapping[str, int], today: date) -> None:
        """Set `open_today`: what is valid on that day, the most often accepted first, then as listed."""
        valid = [one for one in self.open if one.definition.valid_from <= today < one.definition.valid_to]
        self.open_today[:] = sorted(valid, key=lambda offer: -accepted.get(offer.name, 0))

    def menu(self, offers: frozenset[str]) -> Menu:
        """With these offers only."""
        known = self._menus.get(offers)
        if known is None:
            if len(self._menus) >= _MENUS_KEPT:
                self._menus.clear()
            known = self._menus[offers] = Menu([one for one in self.candidates if one.offer.name in offers])
        return known

    @cached_property
    def alike(self) -> tuple[Alike, ...]:
        """Of `asks`."""
        return alike_among(self.asks)

    def led(self, row: Mapping[str, Any], today: date) -> list[frozenset[str]]:
        """The offers that come first for a customer with these tags, lead by lead; of all leads those that hold."""
        found: list[frozenset[str]] = []
        for lead in self.leads:
            if lead.function is not None:
                if lead.function(row, today) is True:
                    found.append(lead.offers)
            elif lead.topic is not None and row[lead.topic] is not None:
                wanted = row[lead.topic]
                found.append(frozenset(o.name for o in self._offers if o.definition.topic == wanted))
        return [one for one in found if one]

    def too_many(self, shown: tuple[str, ...]) -> frozenset[str]:
        """What may not follow: what is shown, what that excludes, and what would be one too many of its kind."""
        known = self._closed.get(shown)
        if known is None:
            if len(self._closed) >= _MENUS_KEPT:
                self._closed.clear()
            known = self._closed[shown] = self._too_many(shown) if shown else frozenset()
        return known

    def _too_many(self, shown: tuple[str, ...]) -> frozenset[str]:
        everything = {offer.name: offer.definition for offer in (*self._offers, *self.open)}
        closed = {other for name in shown for other in everything[name].excludes}
        closed |= {name for name, one in everything.items() if not set(shown).isdisjoint(one.excludes)}
        return frozenset(shown) | closed | self._full(shown)

    def _full(self, shown: tuple[str, ...]) -> set[str]:
        diversity = self.placement.definition.diversity
        if diversity is None:
            return set()
        kind_of = {offer.name: getattr(offer.definition, diversity.by) for offer in (*self._offers, *self.open)}
        counts: dict[str | None, int] = {}
        for name in shown:
            counts[kind_of[name]] = counts.get(kind_of[name], 0) + 1
        # without a topic an offer is like no other
        full = {kind for kind, count in counts.items() if kind is not None and count >= diversity.at_most}
        return {name for name, kind in kind_of.items() if kind in full}

    @cached_property
    def _offers(self) -> tuple[Offer, ...]:
        return tuple(one.offer for one in self.candidates)


def _ask(catalog: Catalog, placement: Placement, offer: Offer, purpose: Purpose) -> PermitAsk:
    """Where leads choose, they are part of what every choice rests on."""
    grounds = grounds_of(catalog, None, offer)
    if placement.leads:
        grounds = Grounds(automated=True, tags=grounds.tags | tags_under(catalog, placement.led_by))
    leads = [catalog.lineages[name] for name in placement.led_by]
    return PermitAsk(
        purpose=purpose,
        channel=placement.definition.channel,
        data_classes=join([*leads, lineage_of_offer(offer, catalog.lineages)]).classes,
        moment=Instant(0),
        grounds=grounds,
    )


def _channel_plan(catalog: Catalog, placement: Placement) -> ChannelPlan:
    definition = placement.definition
    currency = catalog.offers[definition.offers[0]].definition.currency
    fatigue = definition.fatigue
    stated = None if fatigue is None else fatigue.per_contact
    return ChannelPlan(
        channel=definition.channel,
        contact_cost=Money.parse(str(definition.contact_cost), currency).minor,
        capacity=None,
        response_factor=definition.response_factor,
        fatigue=0 if stated is None else Money.parse(str(stated), currency).minor,
        fatigue_within="" if fatigue is None or stated is None else fatigue.within,
        fatigue_tag=None if fatigue is None else fatigue.tag,
    )
