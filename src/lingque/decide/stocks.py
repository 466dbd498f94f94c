"""What is left of an offer's stock and budget: reserved with the contact, then used or freed, exactly.

Always: pieces reserved and used together never exceed the stock, nor money the budget, in whatever order and by however
many processes contacts are reserved. It holds because one guarded UPDATE both asks and takes; there is no moment
between. A contact takes one piece, and the money of a contact and of a conversion: a promise counts as if it were kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lingque.core.clock import Instant
from lingque.decide.contracts import Left
from lingque.decide.offer_tables import offer_counters, offer_reservations
from lingque.store.chunks import chunks

RESERVED, USED, FREED = "reserved", "used", "freed"
_counters, _rows = offer_counters.c, offer_reservations.c


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A contact that takes a piece of an offer, and of its budget `money` (minor units); (wave, customer, step) is its
    key. One that `expires_at` a moment frees itself, if it was not used until then."""

    wave_id: int
    customer_id: int
    step: int
    offer: str
    money: int
    expires_at: Instant | None = None


def left_of_offers(connection: Connection, limits: Mapping[str, Left]) -> dict[str, Left]:
    """What of each offer's `limits` nobody has reserved or used; less than nothing where a limit was lowered since."""
    taken = {
        row.offer: row
        for row in connection.execute(select(offer_counters).where(_counters.offer.in_(list(limits)))).all()
    }
    left: dict[str, Left] = {}
    for offer, all_of_it in limits.items():
        row = taken.get(offer)
        pieces = 0 if row is None else row.pieces_reserved + row.pieces_used
        money = 0 if row is None else row.money_reserved + row.money_used
        left[offer] = Left(
            stock=None if all_of_it.stock is None else all_of_it.stock - pieces,
            budget=None if all_of_it.budget is None else all_of_it.budget - money,
        )
    return left


def reserve_offers(
    connection: Connection, promises: Iterable[Promise], *, limits: Mapping[str, Left], now: Instant
) -> list[Promise]:
    """Reserve promises in the caller's transaction, and return those for which too little is left.

    Of each offer either all are reserved or none. Offers without limits are passed over; what is reserved or used
    already is left as it is. Expired reservations are freed first. Offers are taken in the order of their names, so
    that two who reserve at once never wait for one another.
    """
    listed = [one for one in promises if limits.get(one.offer, Left()) != Left()]
    if not listed:
        return []
    free_expired(connection, now=now)
    before = _states(connection, {one.wave_id for one in listed})
    wanted = [one for one in listed if before.get(_key(one), FREED) == FREED]
    refused: list[Promise] = []
    for offer in sorted({one.offer for one in wanted}):
        mine = [one for one in wanted if one.offer == offer]
        if _took(connection, offer, pieces=len(mine), money=sum(one.money for one in mine), limits=limits[offer]):
            _write(connection, mine, before)
        else:
            refused += mine
    return refused


def free_expired(connection: Connection, *, now: Instant) -> int:
    """Free every reservation whose moment has passed, and return how many they were."""
    expired = and_(_rows.state == RESERVED, _rows.expires_at.is_not(None), _rows.expires_at <= now)
    return _settle_all(connection, expired, FREED)


class OfferStocks:
    """Settles promises one by one, for whoever makes the contacts. A contact that reserved nothing is passed over.

    What reserves again what was freed (`reserve_offers`) counts anew; what was used stays used.
    """

    def commit(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """The contact was made, or may have been."""
        _settle_all(connection, and_(_is(wave_id, customer_id, step), _rows.state == RESERVED), USED)

    def release(self, connection: Connection, wave_id: int, customer_id: int, step: int) -> None:
        """It will not be made. What was used stays used."""
        _settle_all(connection, and_(_is(wave_id, customer_id, step), _rows.state == RESERVED), FREED)


def _took(connection: Connection, offer: str, *, pieces: int, money: int, limits: Left) -> bool:
    """Take as much from the counter, if that leaves it within the limits."""
    nothing = {"pieces_reserved": 0, "pieces_used": 0, "money_reserved": 0, "money_used": 0}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(offer_counters).values(offer=offer, **nothing).on_conflict_do_nothing())
    within: list[ColumnElement[bool]] = [_counters.offer == offer]
    if limits.stock is not None:
        within.append(_counters.pieces_reserved + _counters.pieces_used + pieces <= limits.stock)
    if limits.budget is not None:
        within.append(_counters.money_reserved + _counters.money_used + money <= limits.budget)
    taken = update(offer_counters).where(*within)
    return (
        connection.execute(
            taken.values(
                pieces_reserved=_counters.pieces_reserved + pieces, money_reserved=_counters.money_reserved + money
            )
        ).rowcount
        == 1
    )


def _settle_all(connection: Connection, which: ColumnElement[bool], state: str) -> int:
    """Move reservations on, and the counters with them. Who moves a row counts it: nobody else sees it reserved."""
    moved = connection.execute(
        update(offer_reservations).where(which).values(state=state).returning(_rows.offer, _rows.money)
    ).all()
    pieces, money = Counter(row.offer for row in moved), Counter[str]()
    for row in moved:
        money[row.offer] += row.money
    for offer in sorted(pieces):
        change: dict[str, Any] = {
            "pieces_reserved": _counters.pieces_reserved - pieces[offer],
            "money_reserved": _counters.money_reserved - money[offer],
        }
        if state == USED:
            change |= {
                "pieces_used": _counters.pieces_used + pieces[offer],
                "money_used": _counters.money_used + money[offer],
            }
        connection.execute(update(offer_counters).where(_counters.offer == offer).values(change))
    return len(moved)


def _states(connection: Connection, waves: set[int]) -> dict[tuple[int, int, int], str]:
    rows = connection.execute(
        select(_rows.wave_id, _rows.customer_id, _rows.step, _rows.state).where(_rows.wave_id.in_(waves))
    )
    return {(row.wave_id, row.customer_id, row.step): row.state for row in rows}


def _write(connection: Connection, promises: Sequence[Promise], before: Mapping[tuple[int, int, int], str]) -> None:
    new: list[dict[str, Any]] = []
    for one in promises:
        values = {"offer": one.offer, "money": one.money, "state": RESERVED, "expires_at": one.expires_at}
        if _key(one) in before:
            connection.execute(update(offer_reservations).where(_is(*_key(one))).values(values))
        else:
            new.append({"wave_id": one.wave_id, "customer_id": one.customer_id, "step": one.step, **values})
    for part in chunks(new, 50_000):
        connection.execute(insert(offer_reservations), list(part))


def _key(promise: Promise) -> tuple[int, int, int]:
    return promise.wave_id, promise.customer_id, promise.step


def _is(wave_id: int, customer_id: int, step: int) -> ColumnElement[bool]:
    return and_(_rows.wave_id == wave_id, _rows.customer_id == customer_id, _rows.step == step)
