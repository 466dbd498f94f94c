"""Placements asked on behalf of somebody who is here: row → leave → decision → reservation → journal → answer.

Who asks at once is decided about together and written in one transaction; an answer is given after its commit. What
nobody may be looked at for, and what could not be found out in time, is answered with what the placement shows to
everybody: that path looks at nobody, and nothing of it is reserved or journalled.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from lingque.catalog.repository import load_catalog
from lingque.core.clock import Instant
from lingque.core.errors import LingqueError, NotFoundError
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId
from lingque.decide.allocation.prices import prices_in_force
from lingque.decide.contracts import Context, Left, Requests, limits_of
from lingque.decide.decision import decide
from lingque.decide.decisions import Decisions
from lingque.decide.facts import TagRows
from lingque.decide.journal import DecisionJournal
from lingque.decide.menu import Menu
from lingque.decide.pressure.caps import Now
from lingque.decide.pressure.ledger import ContactPressure, lock, reserve
from lingque.decide.stocks import OfferStocks, Promise, reserve_offers
from lingque.flow.placing import Place
from lingque.flow.proposing import Questions, offered, what_is_left
from lingque.flow.services import Services
from lingque.flow.settling import SettledTogether
from lingque.flow.showing import Answer, Part, Seat, Visit, blank, open_order, shown_to_everybody
from lingque.store.straight import rows_of

_MINUTE = 60_000_000
_ROUNDS = 3
"""How often somebody is decided about again whose reservation others overtook."""
_DOWN = (LingqueError, DBAPIError)
_NEWEST = "SELECT max(definition_id) FROM definitions"


class Asking:
    """Made once per process; used from one thread at a time. `numbers` names contacts, `timer` counts seconds."""

    def __init__(
        self,
        services: Services,
        *,
        numbers: Callable[[], int] = lambda: secrets.randbits(62) + 1,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._numbers = numbers
        self._timer = timer
        self._journal = DecisionJournal()
        self._ledger = SettledTogether(ContactPressure(services.clock), OfferStocks())
        self._ordered_at = -1
        self._version: int | None = None
        self._places: Mapping[str, Place] = {}

    def answer(self, visits: Sequence[Visit]) -> list[Answer | NotFoundError]:
        """One answer per visit, in order; `NotFoundError` for a placement that is not there.

        A visit whose time (`Visit.ends_at`, by the timer) is over before anything was written gets what is shown to
        everybody. Raises what is no part's failure but a fault.
        """
        now = self._services.clock.now()
        answers: dict[int, Answer | NotFoundError] = {}
        for round_ in _in_rounds(visits):
            found = self._answer([visits[place] for place in round_], now)
            answers.update(zip(round_, found, strict=True))
        return [answers[place] for place in range(len(visits))]

    def deadline_of(self, placements: Sequence[str]) -> int | None:
        """In how many milliseconds the most urgent of them answers; None where none of them is known yet."""
        stated = [self._places[name].placement.definition.deadline_ms for name in placements if name in self._places]
        return min(stated, default=None)

    def at_once(self, visit: Visit, part: Part) -> Answer | NotFoundError:
        """What is shown to everybody, from memory alone: for whom waiting took too long. `part`: what kept it."""
        if self._version is None:
            return blank(visit, part, self._services.clock.now())
        try:
            seats = self._seats(visit)
        except NotFoundError as error:
            return error
        for seat in seats:
            seat.fall_back(part)
        return self._answered(seats, self._services.clock.now())

    def _answer(self, visits: Sequence[Visit], now: Instant) -> list[Answer | NotFoundError]:
        """Of visits of different customers."""
        with ExitStack() as held:
            return self._answer_on(held, visits, now)

    def _answer_on(self, held: ExitStack, visits: Sequence[Visit], now: Instant) -> list[Answer | NotFoundError]:
        seated: list[list[Seat] | NotFoundError] = []
        own: Connection | None = None
        try:
            own = held.enter_context(self._services.database.connected())
            with self._services.database.reading(own) as connection:
                self._bring_up_to_date(connection, now)
                seated = self._all_seated(visits)
                self._choose(connection, self._looked_at(_known(seated), now), now)
        except _DOWN:
            if self._version is None:
                return [blank(visit, Part.DATABASE, now) for visit in visits]
            seated = seated or self._all_seated(visits)
            _fall_back(_waiting(_known(seated)), Part.DATABASE)
        self._keep(own, _known(seated), now)
        return [one if isinstance(one, NotFoundError) else self._answered(one, now) for one in seated]

    def _all_seated(self, visits: Sequence[Visit]) -> list[list[Seat] | NotFoundError]:
        seated: list[list[Seat] | NotFoundError] = []
        for visit in visits:
            try:
                seated.append(self._seats(visit))
            except NotFoundError as error:
                seated.append(error)
        return seated

    def _looked_at(self, seats: Sequence[Seat], now: Instant) -> list[Seat]:
        """Those for whom there is time and whose tags could be read."""
        self._in_time(seats)
        self._read_rows(_waiting(seats), now)
        return _waiting(seats)

    def _keep(self, own: Connection | None, seats: Sequence[Seat], now: Instant) -> None:
        """Reserve and write down what was chosen, on that connection."""
        self._in_time(seats)
        if not _waiting(seats):
            return
        try:
            with self._services.database.transaction(own) as connection:
                self._reserve_all(connection, _waiting(seats), now)
                numbers = self._write_down(connection, _waiting(seats))
        except _DOWN:
            _fall_back(_waiting(seats), Part.JOURNAL)
            return
        for seat in _waiting(seats):
            seat.journalled(numbers[seat])

    def _in_time(self, seats: Iterable[Seat]) -> None:
        moment = self._timer()
        _fall_back((seat for seat in seats if moment >= seat.visit.ends_at or seat.visit.given_up()), Part.DEADLINE)

    def _bring_up_to_date(self, connection: Connection, now: Instant) -> None:
        ((newest,),) = rows_of(connection, _NEWEST)
        if newest != self._version:
            catalog = load_catalog(connection)
            self._places = {name: Place.of(catalog, one) for name, one in catalog.placements.items()}
            self._version, self._ordered_at = newest, -1
        if now // _MINUTE != self._ordered_at:
            today = self._services.calendar.day_of(now)
            for place in self._places.values():
                place.order_open(open_order(connection, place, now), today)
            self._ordered_at = now // _MINUTE

    def _seats(self, visit: Visit) -> list[Seat]:
        missing = [name for name in visit.placements if name not in self._places]
        if missing:
            raise NotFoundError("there is no such placement", next_step="name one that was applied")
        return [Seat(visit, self._places[name], self._numbers()) for name in visit.placements]

    def _read_rows(self, seats: Sequence[Seat], now: Instant) -> None:
        by_place: defaultdict[str, list[Seat]] = defaultdict(list)
        for seat in seats:
            by_place[seat.place.name].append(seat)
        for group in by_place.values():
            tags = group[0].place.tags
            try:
                found = self._services.profile.rows_of({int(seat.customer) for seat in group}, now, tags)
            except LingqueError:  # it may concern some of them only
                for seat in group:
                    self._read_row(seat, now)
                continue
            for seat in group:
                seat.row = found.get(int(seat.customer)) or dict.fromkeys(tags)

    def _read_row(self, seat: Seat, now: Instant) -> None:
        """Somebody who is not known has the same tags as one of whom nothing is known, and takes the same way."""
        rows_of, customer, tags = self._services.profile.rows_of, int(seat.customer), seat.place.tags
        seat.row = dict.fromkeys(tags)
        try:
            seat.row = rows_of([customer], now, tags).get(customer, seat.row)
        except NotFoundError:
            try:
                there = customer in rows_of([customer], now, ())
            except NotFoundError:
                return
            if there:
                seat.fall_back(Part.PROFILE)  # the customer is there, and a tag is not: it was defined since
        except LingqueError:
            seat.fall_back(Part.PROFILE)

    def _choose(self, connection: Connection, seats: Sequence[Seat], now: Instant) -> None:
        """Fill every seat, position by position: first what leads name, then anything."""
        today = self._services.calendar.day_of(now)
        for seat in seats:
            seat.begin(seat.place.led(seat.row, today))
        while True:
            groups: defaultdict[tuple[str, frozenset[str]], list[Seat]] = defaultdict(list)
            for seat in seats:
                offers = seat.wants()
                if offers is not None:
                    groups[seat.place.name, offers].append(seat)
            if not groups:
                return
            for (_, offers), group in groups.items():
                decisions = self._decided(connection, group, offers, now)
                for row, seat in enumerate(group):
                    seat.take(decisions, row)

    def _decided(
        self, connection: Connection, seats: Sequence[Seat], offers: frozenset[str], now: Instant
    ) -> Decisions:
        place, services = seats[0].place, self._services
        menu = place.menu(offers)
        ids: Int64s = np.array([seat.customer for seat in seats], dtype=np.int64)
        questions = self._questions(connection, place, now)
        context = self._context(connection, seats, menu, now)
        recent = questions.recent(ids, (place.channel,), (place.plan,))
        requests = Requests(
            clock="asked",
            as_of=context.today,
            customer_ids=ids,
            facts=TagRows([seat.row for seat in seats]),
            permits=questions.permits_alike(ids, place.asks[: menu.asks], place.alike),
            # who is here is reached
            reachable=np.ones((menu.reaches, len(ids)), dtype=np.bool_),
            capped=questions.capped(ids, place.caps[: menu.caps]),
            recent=None if recent is None else recent[: menu.reaches],
            past=questions.past(ids, menu),
        )
        return decide(requests, menu, context, own=services.policies)

    def _questions(self, connection: Connection, place: Place, now: Instant) -> Questions:
        return Questions(
            services=self._services,
            connection=connection,
            catalog=place.catalog,
            segment=None,
            purpose=place.purpose,
            data_classes={},
            moment=now,
        )

    def _context(self, connection: Connection, seats: Sequence[Seat], menu: Menu, now: Instant) -> Context:
        definition = seats[0].place.placement.definition
        prices: Mapping[str, float] = {}
        if definition.prices is not None:
            published = prices_in_force(connection, definition.prices, at=now)
            if published is None:
                for seat in seats:
                    seat.miss(Part.PRICES)  # it decides as if nothing were scarce
            else:
                prices = published.rows
        limited = offered(menu)
        return Context(
            moment=now,
            today=self._services.calendar.day_of(now),
            hold_out=definition.hold_out,
            salt=f"placement/{definition.placement}",
            left=what_is_left(connection, limited) if limited else {},
            prices=prices,
        )

    def _reserve_all(self, connection: Connection, seats: Sequence[Seat], now: Instant) -> None:
        """Whom others overtook is decided about again, among what they left."""
        lock(connection, np.unique([seat.customer for seat in seats]))
        waiting = seats
        for _ in range(_ROUNDS):
            waiting = self._overtaken(connection, waiting, now)
            for seat in waiting:
                self._release(connection, seat)
            if not waiting:
                return
            self._choose(connection, waiting, now)
        for seat in waiting:
            seat.show_nothing()

    def _overtaken(self, connection: Connection, seats: Sequence[Seat], now: Instant) -> list[Seat]:
        """Reserve all that the seats show of their own, and return those of whom something is refused."""
        moment = Now(instant=now, calendar=self._services.calendar)
        by_end: defaultdict[Instant, list[Seat]] = defaultdict(list)
        for seat in seats:
            if seat.own:
                minutes = seat.place.placement.definition.reserve_minutes
                by_end[Instant(now + minutes * _MINUTE)].append(seat)
        failed: list[Seat] = []
        for expires_at, group in by_end.items():
            wanted = {contact: seat for seat in group for contact in seat.contacts()}
            caps = group[0].place.catalog.caps.values()
            refused = reserve(connection, wanted, caps=caps, now=moment, expires_at=expires_at)
            short = {wanted[contact] for contact in refused}
            failed += [seat for seat in group if seat in short or not _promised(connection, seat, expires_at, now)]
        return failed

    def _release(self, connection: Connection, seat: Seat) -> None:
        for contact in seat.contacts():
            self._ledger.release(connection, contact.wave_id, contact.customer_id, contact.step)

    def _write_down(self, connection: Connection, seats: Sequence[Seat]) -> dict[Seat, dict[int, int]]:
        """Per seat the journal's number of each decision, by its place among the seat's own."""
        made: dict[int, tuple[Decisions, list[tuple[Seat, int, int]]]] = {}
        for seat in seats:
            for number, (decisions, row) in enumerate(seat.decided):
                made.setdefault(id(decisions), (decisions, []))[1].append((seat, number, row))
        numbers: dict[Seat, dict[int, int]] = {seat: {} for seat in seats}
        for decisions, parts in made.values():
            tags: list[Mapping[str, Any]] = [{}] * len(decisions.requests)
            for seat, _, row in parts:
                tags[row] = seat.row
            place = parts[0][0].place
            rows = [row for _, _, row in parts]
            written = self._journal.write(
                connection, decisions, placement=place.name, closures=place.closures, tags=tags, rows=rows
            )
            for (seat, number, _), entry in zip(parts, written, strict=True):
                numbers[seat][number] = entry
        return numbers

    def _answered(self, seats: Sequence[Seat], now: Instant) -> Answer:
        tokens = self._services.slot_tokens
        return Answer(at=now, placements=tuple(seat.filled(shown_to_everybody(seat), tokens) for seat in seats))


def _promised(connection: Connection, seat: Seat, expires_at: Instant, now: Instant) -> bool:
    """Is there a piece of each thing that can run out? One seat after the other: of a set either all or none is
    reserved."""
    if all(limits_of(offer) == Left() for offer in seat.own_offers()):
        return True
    cost = seat.place.plan.contact_cost
    for contact, offer in zip(seat.contacts(), seat.own_offers(), strict=True):
        limits = limits_of(offer)
        if limits == Left():
            continue
        promise = Promise(
            wave_id=contact.wave_id,
            customer_id=contact.customer_id,
            step=contact.step,
            offer=offer.name,
            money=cost + offer.definition.minor(offer.definition.cost),
            expires_at=expires_at,
        )
        if reserve_offers(connection, [promise], limits={offer.name: limits}, now=now):
            return False
    return True


def _known(seated: Iterable[Sequence[Seat] | NotFoundError]) -> list[Seat]:
    """The seats of those who said who they are."""
    seats = [seat for one in seated if not isinstance(one, NotFoundError) for seat in one]
    return [seat for seat in seats if seat.visit.customer_id is not None]


def _waiting(seats: Iterable[Seat]) -> list[Seat]:
    """Those still to be decided about."""
    return [seat for seat in seats if not seat.fallen_back]


def _fall_back(seats: Iterable[Seat], part: Part) -> None:
    for seat in seats:
        seat.fall_back(part)


def _in_rounds(visits: Sequence[Visit]) -> list[list[int]]:
    """Places of visits such that no customer comes twice in a round: the second one sees what the first reserved."""
    rounds: list[list[int]] = []
    turns: dict[CustomerId | None, int] = {}
    for place, visit in enumerate(visits):
        turn = 0 if visit.customer_id is None else turns.get(visit.customer_id, 0)
        turns[visit.customer_id] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(place)
    return rounds
