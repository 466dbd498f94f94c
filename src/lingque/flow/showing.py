"""What is shown on a placement, and how a seat is filled: one customer's place on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.model import Offer
from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.labels import Label, Language
from lingque.core.reasons import Reason
from lingque.decide.contracts import NOTHING, PlannedContact
from lingque.decide.decisions import Decisions
from lingque.decide.reason_bits import reasons_in
from lingque.deliver.slots import NOBODY, accepted_since
from lingque.engage.content import words_in
from lingque.flow.placing import Place
from lingque.govern.slot_tokens import SlotTokens

_POPULAR_WITHIN = 30 * 86_400_000_000


class Part(StrEnum):
    """What was down, or too slow, when a placement was asked."""

    DATABASE = "database"
    PROFILE = "profile"
    PRICES = "prices"
    JOURNAL = "journal"
    DEADLINE = "deadline"


class Why(StrEnum):
    """Why something was shown that was not chosen for the customer. Whether a customer is known is never said."""

    ANONYMOUS = "anonymous"
    NO_LEAVE = "no_leave"
    HELD_OUT = "held_out"
    NOTHING_FITS = "nothing_fits"
    PART_MISSING = "part_missing"


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Who is here and where. No customer: somebody nobody knows. `ends_at`, by the timer of `Asking`: answered by then.
    `explain`: the reasons against everything are wanted too. `given_up` says whether nobody waits any more."""

    customer_id: CustomerId | None
    placements: tuple[str, ...]
    ends_at: float
    language: Language | None = None
    explain: bool = False
    given_up: Callable[[], bool] = _never


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing to show. `personal`: chosen for the customer, by the decision `decision_id`."""

    offer: str
    label: Label
    subject: str
    body: str
    personal: bool
    decision_id: str
    token: str


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A placement's answer. `why` where nothing was chosen for the customer; `missing`: what had to be done without;
    `against`: per offer all that spoke against it, where it was asked for."""

    placement: str
    decision_id: str
    items: tuple[Item, ...]
    why: Why | None
    missing: tuple[Part, ...]
    against: Mapping[str, tuple[Reason, ...]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Of one visit, in the order of its placements."""

    at: Instant
    placements: tuple[Filled, ...]


@dataclass(eq=False)
class Seat:
    """A placement being filled for somebody. `decided` are all decisions made, each with the customer's row in it;
    `own` says which of them, by their places, show which offer."""

    visit: Visit
    place: Place
    contact_id: int
    row: Mapping[str, Any] = field(default_factory=dict)
    decided: list[tuple[Decisions, int]] = field(default_factory=list)
    own: dict[int, Offer] = field(default_factory=dict)
    missing: list[Part] = field(default_factory=list)
    fallen_back: bool = False
    _leads: Sequence[frozenset[str]] = ()
    _level: int = 0
    _done: bool = False
    _entries: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.customer = CustomerId(NOBODY) if self.visit.customer_id is None else self.visit.customer_id

    def miss(self, part: Part) -> None:
        """It goes on without that part."""
        if part not in self.missing:
            self.missing.append(part)

    def fall_back(self, part: Part) -> None:
        """Without that part nothing is chosen for the customer."""
        self.miss(part)
        self.fallen_back = True
        self.decided.clear()
        self.own.clear()

    def begin(self, leads: Sequence[frozenset[str]]) -> None:
        """From the first position."""
        self.decided.clear()
        self.own.clear()
        self._leads, self._level, self._done = leads, 0, False

    def wants(self) -> frozenset[str] | None:
        """Out of which offers the next position is to be filled; None where nothing more is."""
        while not self._done and len(self.own) < self.place.placement.definition.show:
            closed = self.place.too_many(self.shown_names())
            last = self._level >= len(self._leads)
            offers = self.place.offers if last else self._leads[self._level] & self.place.offers
            offers = offers - closed if closed else offers
            if offers:
                return offers
            if last:
                break
            self._level += 1
        self._done = True
        return None

    def take(self, decisions: Decisions, row: int) -> None:
        """What was decided out of what it wanted."""
        place = len(self.decided)
        self.decided.append((decisions, row))
        if decisions.chosen[row] == NOTHING:
            if self._level >= len(self._leads):
                self._done = True
            self._level += 1
        elif decisions.held_out[row]:
            self._done = True
        else:
            self.own[place] = decisions.menu.candidates[int(decisions.chosen[row])].offer
            self._level = 0

    def show_nothing(self) -> None:
        """Nothing of its own: what it chose was taken by others each time."""
        self.own.clear()

    def contacts(self) -> list[PlannedContact]:
        """What is to be reserved."""
        return [
            PlannedContact(
                # waves of campaigns have numbers above 0
                wave_id=-self.contact_id,
                customer_id=self.customer,
                step=position,
                channel=self.place.channel,
                purpose=self.place.purpose,
                topic=offer.definition.topic,
            )
            for position, offer in enumerate(self.own_offers())
        ]

    def journalled(self, entries: Mapping[int, int]) -> None:
        """Each decision's number, by its place in `decided`."""
        self._entries = entries

    def filled(self, extra: Sequence[Offer], tokens: SlotTokens) -> Filled:
        """What is shown: its own, then so much of what everybody is shown as there is room for."""
        open_id = f"open-{self.contact_id:016x}"
        shown = [(offer, self._id(place)) for place, offer in self.own.items()]
        shown += [(offer, open_id) for offer in extra]
        items = tuple(
            self._item(position, offer, decision_id, tokens, personal=position < len(self.own))
            for position, (offer, decision_id) in enumerate(shown)
        )
        last = self._id(len(self.decided) - 1) if self.decided else open_id
        return Filled(
            placement=self.place.name,
            decision_id=items[0].decision_id if self.own else last,
            items=items,
            why=self._why(),
            missing=tuple(self.missing),
            against=self._against() if self.visit.explain else {},
        )

    def shown_names(self) -> tuple[str, ...]:
        """What is shown of its own."""
        return tuple(offer.name for offer in self.own_offers())

    def own_offers(self) -> list[Offer]:
        return list(self.own.values())

    def _id(self, number: int) -> str:
        return f"asked-{self._entries[number]:024x}"

    def _item(self, position: int, offer: Offer, decision_id: str, tokens: SlotTokens, *, personal: bool) -> Item:
        wanted = (self.visit.language,) if self.visit.language is not None else ()
        definition = self.place.placement.definition
        subject, body = words_in(offer, self.place.channel, *wanted, definition.language)
        # what everybody sees is told of nobody
        whom = int(self.customer) if personal else NOBODY
        return Item(
            offer=offer.name,
            label=offer.label,
            subject=subject,
            body=body,
            personal=personal,
            decision_id=decision_id,
            token=tokens.token([self.contact_id, position, whom, self.place.name, offer.name, decision_id]),
        )

    def _why(self) -> Why | None:
        if self.own:
            return None
        if self.visit.customer_id is None:
            return Why.ANONYMOUS
        if self.fallen_back or not self.decided:
            return Why.PART_MISSING if self.fallen_back else Why.NOTHING_FITS
        decisions, row = self.decided[-1]
        if decisions.held_out[row]:
            return Why.HELD_OUT
        bits = decisions.reasons(None, slice(row, row + 1))[:, 0]
        no_leave = all(any(reason // 100 == 1 for reason in reasons_in(int(one))) for one in bits)
        return Why.NO_LEAVE if no_leave else Why.NOTHING_FITS

    def _against(self) -> Mapping[str, tuple[Reason, ...]]:
        found: dict[str, tuple[Reason, ...]] = {}
        for decisions, row in self.decided:
            bits = decisions.reasons(None, slice(row, row + 1))[:, 0]
            for candidate, one in zip(decisions.menu.candidates, np.atleast_1d(bits), strict=True):
                found[candidate.offer.name] = reasons_in(int(one))
        return found


def blank(visit: Visit, part: Part, at: Instant) -> Answer:
    """Nothing, where not even the definitions could be read yet."""
    nothing = [
        Filled(placement=name, decision_id="", items=(), why=Why.PART_MISSING, missing=(part,), against={})
        for name in visit.placements
    ]
    return Answer(at=at, placements=tuple(nothing))


def shown_to_everybody(seat: Seat) -> list[Offer]:
    """What fills up the seat: open offers that are valid today, not shown already, and not too many of a kind."""
    found: list[Offer] = []
    shown = seat.shown_names()
    for offer in seat.place.open_today:
        if len(shown) >= seat.place.placement.definition.show:
            break
        if offer.name not in seat.place.too_many(shown):
            found.append(offer)
            shown = (*shown, offer.name)
    return found


def open_order(connection: Connection, place: Place, now: Instant) -> Mapping[str, int]:
    """How popular each open offer is there, where that counts."""
    if place.placement.definition.open_by == "order" or not place.open:
        return {}
    return accepted_since(connection, place.name, Instant(now - _POPULAR_WITHIN))
