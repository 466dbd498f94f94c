"""Lists of customers: who is on which, since when, until when, and who said so.

A member is a party; a customer is on a list while any of its parties is. What the definition in force says decides what
a list does: a list without a definition does nothing. A list has two sorts of members that never touch each other:
those a person put on it, and those a delivery did, whom the next full delivery may take off again.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, insert, select, update

from lingque.catalog.definitions import ListDefinition
from lingque.catalog.repository import definitions
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Clock, Instant
from lingque.core.hashing import Int64s
from lingque.core.ids import CustomerId, PartyId
from lingque.govern.access import refused
from lingque.govern.contracts import Action, ListEntry, Principal, Surrogates
from lingque.govern.register import touch_parties
from lingque.govern.tables import list_members, subjects
from lingque.store.chunks import chunks

_NUMBER = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
_BY_DELIVERY = "lingque"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What a person uploads, and why: `(row of the file, source customer number)`, known to the vault under
    `namespace`."""

    rows: tuple[tuple[int, str], ...]
    namespace: str
    origin: str
    expires_on: date | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class MatchReport:
    """What became of each row: `rows = matched + unknown + repeated + invalid`.

    Rows are named by their number in the file, never by value. `already` counts those matched that were as wished
    before: on the list, or, taking off, not on it.
    """

    rows: int
    matched: int
    already: int
    unknown: tuple[int, ...]
    repeated: tuple[int, ...]
    invalid: tuple[int, ...]

    @property
    def changed(self) -> int:
        """Parties newly put on the list, or taken off."""
        return self.matched - self.already

    @property
    def all_unknown(self) -> bool:
        """Numbers, and nobody knows any of them: a file of another system, or of another bank."""
        return self.matched == 0 and bool(self.unknown)


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One act on a list: how many it put on, and how many of those are on it still."""

    list_name: str
    added_at: Instant
    added_by: str
    origin: str
    reason: str
    put_on: int
    still_on: int


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """How a party is to be on a list."""

    expires_at: Instant
    origin: str
    reason: str = ""


class CustomerLists:
    """Keeps the lists. Made by `bootstrap` or at the edge; holds no state."""

    def __init__(self, surrogates: Surrogates, clock: Clock, calendar: BusinessCalendar) -> None:
        self._surrogates = surrogates
        self._clock = clock
        self._calendar = calendar

    def upload(self, connection: Connection, definition: ListDefinition, entries: Upload, *, by: str) -> MatchReport:
        """Put the customers of the rows on the list. Whoever is on it already stays, with the new expiry."""
        by_row, report = match(self._surrogates, connection, entries)
        parties = set(by_row.values())
        now = self._clock.now()
        on = _parties_on(connection, definition.list, now)
        expires = self._expiry(definition, entries.expires_on, now)
        wish = _Wish(expires_at=expires, origin=entries.origin, reason=entries.reason)
        self._put(connection, definition.list, dict.fromkeys(parties, wish), delivered=False, by=by)
        touch_parties(connection, parties)
        return dataclasses.replace(report, already=len(parties & on))

    def put_customers(
        self,
        connection: Connection,
        definition: ListDefinition,
        customers: Iterable[int],
        *,
        origin: str,
        reason: str,
        expires_on: date | None,
        by: str,
    ) -> int:
        """Put customers on the list by their ids, and return how many were not on it. Whoever is no customer any more
        (erased meanwhile) is passed over."""
        now = self._clock.now()
        known: set[PartyId] = set()
        for part in chunks(sorted(customers)):
            found = connection.execute(select(subjects.c.party_id).where(subjects.c.party_id.in_(part)))
            known.update(PartyId(party) for party in found.scalars())
        wish = _Wish(expires_at=self._expiry(definition, expires_on, now), origin=origin, reason=reason)
        added = self._put(connection, definition.list, dict.fromkeys(known, wish), delivered=False, by=by)
        touch_parties(connection, known)
        return added

    def remove(self, connection: Connection, definition: ListDefinition, entries: Upload, *, by: str) -> MatchReport:
        """Take the customers of the rows off the list, however they got on it."""
        by_row, report = match(self._surrogates, connection, entries)
        parties = set(by_row.values())
        now = self._clock.now()
        rows = connection.execute(
            select(list_members.c.membership_id, list_members.c.party_id).where(*_on(definition.list, now))
        ).all()
        on = {PartyId(row.party_id) for row in rows}
        _end(connection, [row.membership_id for row in rows if row.party_id in parties], by=by, at=now)
        touch_parties(connection, parties & on)
        return dataclasses.replace(report, already=len(parties - on))

    def record_members(self, connection: Connection, entries: Iterable[ListEntry], *, replace: bool) -> int:
        """Take what a delivery says and return how many it put on anew.

        With `replace` it is, for the lists that it names, all that deliveries say: others they put on go off.
        """
        named: dict[str, list[ListEntry]] = defaultdict(list)
        for entry in entries:
            named[entry.list_name].append(entry)
        known = lists_in_force(connection)
        now = self._clock.now()
        added = 0
        for name, listed in named.items():
            wished = {
                entry.party_id: _Wish(
                    expires_at=self._expiry(known.get(name), entry.expires_on, now), origin=entry.origin
                )
                for entry in listed
            }
            if replace:
                touch_parties(connection, self._take_off_others(connection, name, wished, now))
            touch_parties(connection, wished)
            added += self._put(connection, name, wished, delivered=True, by=_BY_DELIVERY)
        return added

    def members(self, connection: Connection, list_name: str, *, at: Instant) -> Int64s:
        """Who is on the list at that moment: customer ids, in ascending order."""
        return members(connection, list_name, at=at)

    def _take_off_others(
        self, connection: Connection, name: str, wished: Mapping[PartyId, _Wish], now: Instant
    ) -> set[int]:
        """Which parties it took off."""
        rows = connection.execute(
            select(list_members.c.membership_id, list_members.c.party_id).where(
                *_on(name, now), list_members.c.delivered
            )
        )
        gone = {row.membership_id: row.party_id for row in rows if row.party_id not in wished}
        _end(connection, list(gone), by=_BY_DELIVERY, at=now)
        return set(gone.values())

    def _put(
        self,
        connection: Connection,
        name: str,
        wished: Mapping[PartyId, _Wish],
        *,
        delivered: bool,
        by: str,
    ) -> int:
        """Of the same sort, one membership with the expiry wished; how many parties had none before."""
        now = self._clock.now()
        present = {
            PartyId(row.party_id): row
            for row in connection.execute(
                select(list_members).where(*_on(name, now), list_members.c.delivered.is_(delivered))
            )
        }
        changed = [
            party
            for party, wish in wished.items()
            if party not in present or present[party].expires_at != wish.expires_at
        ]
        _end(connection, [present[party].membership_id for party in changed if party in present], by=by, at=now)
        rows = [
            {
                "list_name": name,
                "party_id": party,
                "delivered": delivered,
                "origin": wished[party].origin,
                "added_at": now,
                "added_by": by,
                "expires_at": wished[party].expires_at,
                "removed_at": END_OF_TIME,
                "removed_by": "",
                "reason": wished[party].reason,
            }
            for party in sorted(changed)  # not in the order of the file, which may be that of the source's keys
        ]
        if rows:
            connection.execute(insert(list_members), rows)
        return sum(party not in present for party in changed)

    def _expiry(self, definition: ListDefinition | None, expires_on: date | None, now: Instant) -> Instant:
        """The earlier of the day named and the list's own number of days from today."""
        ends = [] if expires_on is None else [expires_on]
        if definition is not None and definition.valid_days is not None:
            ends.append(self._calendar.day_of(now) + timedelta(days=definition.valid_days))
        return self._calendar.start_of(min(ends)) if ends else END_OF_TIME


def match(surrogates: Surrogates, connection: Connection, entries: Upload) -> tuple[dict[int, PartyId], MatchReport]:
    """The party of each row whose number is known (a repeated number is its first row's), and what became of all."""
    first: dict[str, int] = {}
    repeated: list[int] = []
    invalid: list[int] = []
    for row, text in entries.rows:
        number = text.strip()
        if not _NUMBER.fullmatch(number):
            invalid.append(row)
        elif number in first:
            repeated.append(row)
        else:
            first[number] = row
    found = surrogates.resolve(connection, namespace=entries.namespace, keys=first, mint=False)
    report = MatchReport(
        rows=len(entries.rows),
        matched=len(found),
        already=0,
        unknown=tuple(row for number, row in first.items() if number not in found),
        repeated=tuple(repeated),
        invalid=tuple(invalid),
    )
    return {first[number]: PartyId(surrogate) for number, surrogate in found.items()}, report


def members(connection: Connection, list_name: str, *, at: Instant) -> Int64s:
    """The customers on the list at that moment, each once, in order (n,)."""
    rows = connection.execute(
        select(subjects.c.customer_id)
        .join(list_members, list_members.c.party_id == subjects.c.party_id)
        .where(*_on(list_name, at))
        .distinct()
        .order_by(subjects.c.customer_id)
    )
    return np.fromiter(rows.scalars(), dtype=np.int64)


def memberships(connection: Connection, only: Iterable[int] | None, *, at: Instant) -> dict[int, set[str]]:
    """The lists of each customer who is on any at that moment; `only` limits it to those customers. One query."""
    query: Select[tuple[int, str]] = (
        select(subjects.c.customer_id, list_members.c.list_name)
        .join(list_members, list_members.c.party_id == subjects.c.party_id)
        .where(*_current(at))
    )
    if only is not None:
        query = query.where(subjects.c.customer_id.in_(list(only)))
    found: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(query):
        found[row.customer_id].add(row.list_name)
    return found


def lists_in_force(connection: Connection) -> dict[str, ListDefinition]:
    """Every list that is defined, by name. A definition changed or withdrawn counts from its next reading on."""
    newest = (
        select(func.max(definitions.c.definition_id)).where(definitions.c.kind == "list").group_by(definitions.c.name)
    )
    rows = connection.execute(select(definitions.c.body).where(definitions.c.definition_id.in_(newest))).scalars()
    read = [ListDefinition.model_validate(body) for body in rows if body is not None]
    return {definition.list: definition for definition in sorted(read, key=lambda one: one.list)}


def exclusions(connection: Connection, customer_id: CustomerId, *, at: Instant, viewer: Principal) -> list[str]:
    """The lists that keep the customer from being contacted, as far as the viewer may know: secret ones are left out
    for whoever may not see compliance's reasons."""
    sees_all = refused(viewer, Action.SEE_COMPLIANCE_REASONS) is None
    known = lists_in_force(connection)
    names = memberships(connection, [customer_id], at=at).get(customer_id, set())
    return sorted(
        name
        for name in names
        if name in known and known[name].effect == "exclude" and (sees_all or not known[name].secret)
    )


def history(connection: Connection, names: Iterable[str], *, at: Instant) -> list[Membership]:
    """What was put on these lists, act by act, newest first."""
    act = (
        list_members.c.list_name,
        list_members.c.added_at,
        list_members.c.added_by,
        list_members.c.origin,
        list_members.c.reason,
    )
    rows = connection.execute(
        select(
            *act,
            func.count().label("put_on"),
            func.sum(case((and_(*_current(at)), 1), else_=0)).label("still_on"),
        )
        .where(list_members.c.list_name.in_(list(names)))
        .group_by(*act)
        .order_by(list_members.c.list_name, list_members.c.added_at.desc(), list_members.c.origin)
    )
    return [
        Membership(
            list_name=row.list_name,
            added_at=Instant(row.added_at),
            added_by=row.added_by,
            origin=row.origin,
            reason=row.reason,
            put_on=row.put_on,
            still_on=int(row.still_on),
        )
        for row in rows
    ]


def _current(at: Instant) -> tuple[ColumnElement[bool], ...]:
    return (list_members.c.added_at <= at, list_members.c.removed_at > at, list_members.c.expires_at > at)


def _on(name: str, at: Instant) -> tuple[ColumnElement[bool], ...]:
    return (list_members.c.list_name == name, *_current(at))


def _parties_on(connection: Connection, name: str, at: Instant) -> set[PartyId]:
    return {
        PartyId(party) for party in connection.execute(select(list_members.c.party_id).where(*_on(name, at))).scalars()
    }


def _end(connection: Connection, ids: list[int], *, by: str, at: Instant) -> None:
    for part in chunks(ids):
        connection.execute(
            update(list_members).where(list_members.c.membership_id.in_(part)).values(removed_at=at, removed_by=by)
        )
