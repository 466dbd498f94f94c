"""From what a campaign or a placement names to what the decision function asks: the menu, and what is known besides
tags of the customers it is about. All clocks ask by this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.definitions import CapDefinition
from lingque.catalog.model import Catalog, Offer
from lingque.core.clock import Instant, Window, shift
from lingque.core.hashing import Int64s
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.decide.contracts import NO_PAST, Happening, Left, Past, limits_of
from lingque.decide.history import Happened, happened_with, past_of
from lingque.decide.menu import Candidate, ChannelTerms, Menu
from lingque.decide.pressure.caps import ContactKind, Now, caps_on
from lingque.decide.pressure.ledger import full
from lingque.decide.stocks import left_of_offers
from lingque.deliver.history import offers_made
from lingque.engage.contracts import ChannelPlan
from lingque.engage.service import contacts_since
from lingque.flow.grounds import grounds_of
from lingque.flow.services import Services
from lingque.govern.contracts import Flags, Grounds, PermitAsk, PermitSet

FEW = 1_000
"""Beyond so many customers what happened with an offer is read whole."""


Caps = tuple[CapDefinition, ...]
"""All that a contact counts against."""


def caps_of(catalog: Catalog, offer: Offer, channel: str, purpose: Purpose) -> Caps:
    """A contact with that offer on that channel."""
    kind = ContactKind(channel=channel, topic=offer.definition.topic, purpose=purpose)
    return caps_on(kind, catalog.caps.values())


def _less(caps: Caps, beside: int) -> Caps:
    """What they leave room for, so many others being made."""
    if not beside:
        return caps
    return tuple(cap.model_copy(update={"at_most": cap.at_most - beside}) for cap in caps)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What the rows of a request speak of, in order, each once: questions of leave, channels, and the caps that count
    together."""

    asks: tuple[PermitAsk, ...]
    reaches: tuple[str, ...]
    caps: tuple[Caps, ...]


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Questions of leave that differ in nothing but tags: their rows, ascending, and one question with all the tags."""

    together: PermitAsk
    rows: tuple[int, ...]


def alike_among(asks: Sequence[PermitAsk]) -> tuple[Alike, ...]:
    """Every ask is in one of them."""
    groups: dict[PermitAsk, list[int]] = {}
    for row, ask in enumerate(asks):
        groups.setdefault(replace(ask, grounds=Grounds(automated=ask.grounds.automated)), []).append(row)
    return tuple(
        Alike(
            together=replace(
                ask,
                grounds=Grounds(
                    automated=ask.grounds.automated,
                    tags=frozenset[str]().union(*(asks[row].grounds.tags for row in rows)),
                ),
            ),
            rows=tuple(rows),
        )
        for ask, rows in groups.items()
    )


@dataclass(frozen=True, kw_only=True)
class Questions:
    """How everything but tags is asked. `segment` is what the customers were chosen by; None: by nothing."""

    services: Services
    connection: Connection
    catalog: Catalog
    segment: str | None
    purpose: Purpose
    data_classes: Mapping[str, DataClass]
    moment: Instant

    def ask(self, offer: Offer, channel: str) -> PermitAsk:
        return PermitAsk(
            purpose=self.purpose,
            channel=channel,
            data_classes=self.data_classes[offer.name],
            moment=self.moment,
            grounds=grounds_of(self.catalog, self.segment, offer),
        )

    def permits(self, ids: Int64s, asks: Sequence[PermitAsk]) -> list[PermitSet]:
        return self.services.permits.permit_sets(self.connection, ids, asks)

    def permits_alike(self, ids: Int64s, asks: Sequence[PermitAsk], alike: Iterable[Alike]) -> list[PermitSet]:
        """As `permits`, of asks with no moment yet: those alike are asked about once, as long as nobody refused any of
        their tags."""
        count = len(asks)
        kinds = [one for one in alike if one.rows[0] < count]
        answers = self.permits(ids, [replace(one.together, moment=self.moment) for one in kinds])
        found: dict[int, PermitSet] = {}
        for one, answer in zip(kinds, answers, strict=True):
            rows = [row for row in one.rows if row < count]
            if Reason.TAG_REFUSED in answer.refusals:
                each = self.permits(ids, [replace(asks[row], moment=self.moment) for row in rows])
                found.update(zip(rows, each, strict=True))
            else:
                found.update(dict.fromkeys(rows, answer))
        return [found[row] for row in range(count)]

    def reachable(self, ids: Int64s, channels: Sequence[str]) -> Flags:
        """(channels, n)"""
        addresses = self.services.addresses
        rows = [addresses.reachable(self.connection, ids, channel=channel) for channel in channels]
        return np.array(rows, dtype=np.bool_).reshape(len(channels), len(ids))

    def capped(self, ids: Int64s, each: Sequence[Caps], *, beside: int = 0) -> Flags:
        """(each, n): one contact more would be too many, so many others being made besides."""
        now = Now(instant=self.moment, calendar=self.services.calendar)
        rows = [full(self.connection, ids, _less(caps, beside), now) for caps in each]
        return np.array(rows, dtype=np.bool_).reshape(len(each), len(ids))

    def recent(self, ids: Int64s, channels: Sequence[str], terms: Sequence[ChannelPlan]) -> Int64s | None:
        """(channels, n) contacts that tire; None where no channel states that any do."""
        windows = {one.channel: one.fatigue_within for one in terms if one.fatigue}
        if not windows.keys() & set(channels):
            return None
        counts = np.zeros((len(channels), len(ids)), dtype=np.int64)
        calendar = self.services.calendar
        tomorrow = shift(calendar.day_of(self.moment), count=1, unit="day")
        for number, channel in enumerate(channels):
            if channel in windows:
                first, _ = Window.parse(windows[channel]).bounds(tomorrow)
                counts[number] = contacts_since(self.connection, ids, channel=channel, since=calendar.start_of(first))
        return counts

    def past(self, ids: Int64s, menu: Menu) -> Past:
        """What happened between these customers and the offers that policies look back on."""
        if not menu.looks_back_on and not len(menu.benefits):
            return NO_PAST
        deposits = {name for name, offer in self.catalog.offers.items() if offer.definition.regime == "deposit"}
        looked_at = list(dict.fromkeys([*menu.looks_back_on, *(sorted(deposits) if len(menu.benefits) else ())]))
        if not looked_at:
            return NO_PAST
        few = ids.tolist() if len(ids) <= FEW else None
        contacts = [
            Happened(
                customer_id=made.customer_id,
                offer=made.offer,
                happening=Happening.CONTACT,
                day=self.services.calendar.day_of(made.at),
            )
            for made in offers_made(self.connection, few, looked_at)
        ]
        return past_of(ids, [*contacts, *happened_with(self.connection, ids, looked_at)], deposits=deposits)


def menu_of(
    catalog: Catalog, offers: Sequence[str], channels: Sequence[ChannelPlan], questions: Questions
) -> tuple[Menu, Rows]:
    """Every offer on every channel for which it has words."""
    asks: dict[PermitAsk, int] = {}
    reaches: dict[str, int] = {}
    caps: dict[Caps, int] = {}
    candidates: list[Candidate] = []
    for name in offers:
        offer = catalog.offers[name]
        for plan in channels:
            if plan.channel not in offer.definition.creatives:
                continue
            candidates.append(
                Candidate(
                    offer=offer,
                    terms=terms_of(plan),
                    ask=asks.setdefault(questions.ask(offer, plan.channel), len(asks)),
                    reach=reaches.setdefault(plan.channel, len(reaches)),
                    cap=caps.setdefault(caps_of(catalog, offer, plan.channel, questions.purpose), len(caps)),
                )
            )
    return Menu(candidates), Rows(asks=tuple(asks), reaches=tuple(reaches), caps=tuple(caps))


def terms_of(plan: ChannelPlan) -> ChannelTerms:
    """A channel as a plan has it."""
    return ChannelTerms(
        channel=plan.channel,
        cost=plan.contact_cost,
        response_factor=plan.response_factor,
        fatigue=plan.fatigue,
        fatigue_tag=plan.fatigue_tag,
    )


def offered(menu: Menu) -> list[Offer]:
    """The offers of which there is not any number."""
    limited = sorted({*menu.stocked.tolist(), *menu.budgeted.tolist()})
    return [menu.offers[number] for number in limited]


def what_is_left(connection: Connection, offers: Iterable[Offer]) -> dict[str, Left]:
    """Of each, what nobody has reserved or used."""
    return left_of_offers(connection, {offer.name: limits_of(offer) for offer in offers})
