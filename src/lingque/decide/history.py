"""What happened between offers and customers: the newest contact, refusal and purchase of each pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from lingque.core.hashing import Int64s
from lingque.decide.contracts import NO_PAST, Happening, Past
from lingque.decide.facts import day_number
from lingque.decide.offer_tables import offer_history, offer_reservations
from lingque.govern.contracts import Erased, Person
from lingque.store.chunks import chunks

_ASKED_SINGLY = 1_000
"""Beyond so many customers the history of the offers is read whole."""
_c = offer_history.c


@dataclass(frozen=True, kw_only=True)
class Happened:
    """Something between a customer and an offer on that day."""

    customer_id: int
    offer: str
    happening: Happening
    day: date


def record_happened(connection: Connection, entries: Iterable[Happened]) -> None:
    """Keep the newest of each kind, in the caller's transaction. Telling it again changes nothing."""
    newest: dict[tuple[int, str, int], date] = {}
    for one in entries:
        key = (one.customer_id, one.offer, int(one.happening))
        newest[key] = max(one.day, newest.get(key, one.day))
    rows = [
        {"customer_id": customer, "offer": offer, "happening": happening, "day": day}
        for (customer, offer, happening), day in sorted(newest.items())
    ]
    postgres = connection.dialect.name == "postgresql"
    for part in chunks(rows):
        told = (postgresql if postgres else sqlite).insert(offer_history)
        later = func.greatest(_c.day, told.excluded.day) if postgres else func.max(_c.day, told.excluded.day)
        keys = ["customer_id", "offer", "happening"]
        connection.execute(told.on_conflict_do_update(index_elements=keys, set_={"day": later}), list(part))


def happened_with(connection: Connection, customer_ids: Int64s, offers: Sequence[str]) -> list[Happened]:
    """The newest of each kind, between these offers and these customers (and others, where they are many)."""
    if not offers or not len(customer_ids):
        return []
    wanted = select(_c.customer_id, _c.offer, _c.happening, _c.day).where(_c.offer.in_(offers))
    if len(customer_ids) <= _ASKED_SINGLY:
        wanted = wanted.where(_c.customer_id.in_(customer_ids.tolist()))
    return [
        Happened(customer_id=row.customer_id, offer=row.offer, happening=Happening(row.happening), day=row.day)
        for row in connection.execute(wanted)
    ]


def past_of(customer_ids: Int64s, entries: Sequence[Happened], *, deposits: Set[str]) -> Past:
    """As a request has it; entries about others are left out. `deposits` names the offers that are deposits."""
    if not entries or not len(customer_ids):
        return NO_PAST
    names = tuple(dict.fromkeys(one.offer for one in entries))
    place = {name: number for number, name in enumerate(names)}
    who = np.array([one.customer_id for one in entries], dtype=np.int64)
    order = np.argsort(customer_ids, kind="stable")
    at = np.minimum(np.searchsorted(customer_ids, who, sorter=order), len(order) - 1)
    position = order[at]
    mine = np.flatnonzero(customer_ids[position] == who)
    mine = mine[np.argsort(position[mine], kind="stable")]
    return Past(
        offers=names,
        deposits=np.array([name in deposits for name in names], dtype=np.bool_),
        position=position[mine].astype(np.int64),
        offer=np.array([place[one.offer] for one in entries], dtype=np.int64)[mine],
        happening=np.array([one.happening for one in entries], dtype=np.int8)[mine],
        day=np.array([day_number(one.day) for one in entries], dtype=np.int64)[mine],
    )


class OfferRows:
    """What `decide` keeps of a customer and offers: it goes with the customer. The counters say nothing of anybody."""

    def erase(self, connection: Connection, person: Person) -> Erased:
        history = delete(offer_history).where(_c.customer_id.in_(person.ids))
        mine = offer_reservations.c.customer_id.in_(person.ids)
        # what is reserved still has to be used or freed, else the counter would hold it for ever
        settled = delete(offer_reservations).where(mine, offer_reservations.c.state != "reserved")
        open_ones = select(func.count()).select_from(offer_reservations).where(mine)
        return Erased(
            gone={
                "offer_history": connection.execute(history).rowcount,
                "offer_reservations": connection.execute(settled).rowcount,
            },
            kept={"offer_reservations": int(connection.execute(open_ones).scalar_one())},
        )

    def disclose(self, connection: Connection, person: Person) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        rows = connection.execute(select(offer_history).where(_c.customer_id.in_(person.ids)).order_by(_c.day))
        return {
            "offers": [
                {"offer": row.offer, "happened": Happening(row.happening).name.lower(), "on": row.day.isoformat()}
                for row in rows
            ]
        }
