"""Values of tags that people or files gave: kept as they were given, and as of any moment again.

A value is given to a party; a customer has the newest of those of its parties. A newer value, or taking it back, hides
the older ones for good: when it expires, nothing comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Row, func, insert, select

from lingque.catalog.definitions import ManualValues
from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import ManualTag
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Instant
from lingque.core.hashing import Int64s
from lingque.core.ids import PartyId
from lingque.core.money import INT64_MAX, Money
from lingque.profile.tables import tag_values
from lingque.store.chunks import chunks

LONGEST_TEXT = 200
_ARROW = {
    Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.MONEY: pa.int64(), Kind.NUMBER: pa.float64(),
    Kind.TEXT: pa.string(), Kind.DATE: pa.date32(),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Given:
    """What one manual tag is as of a moment: `values[i]` of `customers[i]`, which ascend. Others have none."""

    customers: Int64s
    values: pa.Array

    def of(self, customers: Int64s) -> pa.Array:
        """The values of those customers, null where there is none."""
        if not len(self.customers):
            return pa.nulls(len(customers), self.values.type)
        at = np.minimum(np.searchsorted(self.customers, customers), len(self.customers) - 1)
        return self.values.take(pa.array(at, mask=self.customers[at] != customers))

    def digest(self) -> str:
        """Equal where the values are."""
        said = hashlib.sha256(self.customers.tobytes())
        said.update(repr(self.values.to_pylist()).encode())
        return said.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Giving:
    """Who gives values, when, where they come from, and until when they are good."""

    by: str
    at: Instant
    origin: str
    expires_at: Instant = END_OF_TIME


def stored(values: ManualValues, text: str) -> str:
    """A value as it is kept. `ValueError` says what it must be, and never what was found: it may be personal."""
    text = text.strip()
    match values.type:
        case "text":
            return _text(values, text)
        case "integer":
            return str(_whole(text))
        case "number":
            return _number(text)
        case "money":
            return _money(text, values.currency or "")
        case "date":
            return _day(text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise ValueError("must be true or false")
            return text.lower()


def give(connection: Connection, tag: str, values: Mapping[PartyId, str | None], giving: Giving) -> int:
    """Keep what is given (`stored`), or taken back (None). Returns of how many parties it changes anything.

    A party that has exactly that value already, with the same expiry, is passed over.
    """
    had = {
        PartyId(row.party_id): (row.value, row.expires_at)
        for row in _rows(connection, tag, giving.at)
        if row.value is not None and row.expires_at > giving.at
    }
    wished = {party: None if value is None else (value, giving.expires_at) for party, value in values.items()}
    fresh = {party: values[party] for party, wish in wished.items() if had.get(party) != wish}
    rows = [
        {
            "tag": tag, "party_id": int(party), "value": value, "origin": giving.origin, "given_at": giving.at,
            "given_by": giving.by, "expires_at": giving.expires_at,
        }
        for party, value in fresh.items()
    ]  # fmt: skip
    for some in chunks(rows):
        connection.execute(insert(tag_values), list(some))
    return len(fresh)


def expiry(values: ManualValues, until: date | None, now: Instant, calendar: BusinessCalendar) -> Instant:
    """The beginning of the day on which a value is no longer good: what is said or the definition's, the earlier."""
    days = [] if until is None else [until]
    if values.valid_days is not None:
        days.append(calendar.day_of(now) + timedelta(days=values.valid_days))
    return calendar.start_of(min(days)) if days else END_OF_TIME


def given(connection: Connection, tag: ManualTag, links: Mapping[int, int], *, at: Instant) -> Given:
    """The tag as of the moment: what had been given by then and has not expired. `links`: parties to customers."""
    newest: dict[int, tuple[int, str | None, Instant]] = {}
    for row in _rows(connection, tag.name, at):
        customer = links.get(row.party_id, row.party_id)
        if customer not in newest or row.value_id > newest[customer][0]:
            newest[customer] = (row.value_id, row.value, row.expires_at)
    good = {
        customer: value for customer, (_, value, expires) in sorted(newest.items())
        if value is not None and expires > at
    }  # fmt: skip
    kind = tag.type.kind
    return Given(
        customers=np.fromiter(good, dtype=np.int64, count=len(good)),
        values=pa.array([_read(kind, value) for value in good.values()], _ARROW[kind]),
    )


def _rows(connection: Connection, tag: str, at: Instant) -> Sequence[Row[int, int, str | None, int]]:
    """Of each party what was given last."""
    newest = (
        select(func.max(tag_values.c.value_id))
        .where(tag_values.c.tag == tag, tag_values.c.given_at <= at)
        .group_by(tag_values.c.party_id)
    )
    columns = (tag_values.c.value_id, tag_values.c.party_id, tag_values.c.value, tag_values.c.expires_at)
    return connection.execute(select(*columns).where(tag_values.c.value_id.in_(newest))).all()


def _text(values: ManualValues, text: str) -> str:
    if values.allowed and text not in values.allowed:
        raise ValueError(f"must be one of {', '.join(values.allowed)}")
    if not text or len(text) > LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"must be 1 to {LONGEST_TEXT} printable characters")
    return text


def _whole(text: str) -> int:
    try:
        whole = int(text) if text.isascii() and "_" not in text else None
    except ValueError:
        whole = None
    if whole is None or abs(whole) > INT64_MAX:
        raise ValueError("must be a whole number")
    return whole


def _number(text: str) -> str:
    try:
        number = float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise ValueError("must be a number")
    return repr(number)


def _money(text: str, currency: str) -> str:
    try:
        return str(Money.parse(text, currency).minor)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"must be an amount of {currency}, such as 700.00") from error


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError("must be a day, such as 2026-01-31") from error


def _read(kind: Kind, value: str) -> bool | int | float | str | date:
    match kind:
        case Kind.BOOLEAN:
            return value == "true"
        case Kind.INTEGER | Kind.MONEY:
            return int(value)
        case Kind.NUMBER:
            return float(value)
        case Kind.DATE:
            return date.fromisoformat(value)
        case _:
            return value
