"""Which contacts count against which cap, as conditions of SQL that both databases understand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.periods import Period
from lingque.core.registries import Purpose


class ContactState(IntEnum):
    """Where a contact stands in the ledger."""

    RESERVED = 1
    COMMITTED = 2
    RELEASED = 3


@dataclass(frozen=True, kw_only=True)
class ContactKind:
    """What caps look at in a contact."""

    channel: str
    purpose: Purpose
    topic: str | None = None


@dataclass(frozen=True, kw_only=True)
class Now:
    """The present, and the days it lies in."""

    instant: Instant
    calendar: BusinessCalendar


def caps_on(kind: ContactKind, caps: Iterable[CapDefinition]) -> tuple[CapDefinition, ...]:
    """The caps that a contact of that kind counts against."""
    return tuple(cap for cap in caps if speaks_of(cap, kind))


def speaks_of(cap: CapDefinition, kind: ContactKind) -> bool:
    """Does a contact of that kind count against the cap?"""
    return (
        kind.purpose in cap.purposes
        and (not cap.channels or kind.channel in cap.channels)
        and (not cap.topics or kind.topic in cap.topics)
    )


@lru_cache(maxsize=256)
def room(caps: tuple[CapDefinition, ...]) -> str:
    """Is there room for one more contact of customer `a.customer_id` under each of these caps? The values that it asks
    for are in `room_values`. One walk over the customer's contacts serves all caps."""
    if not caps:
        return "1 = 1"
    counts = " AND ".join(
        f"coalesce(sum(CASE WHEN {_counting(cap, number)} THEN 1 ELSE 0 END), 0) < :most_{number}"
        for number, cap in enumerate(caps)
    )
    return f"(SELECT {counts} FROM contact_ledger l WHERE l.customer_id = a.customer_id)"


def room_values(caps: Sequence[CapDefinition], now: Now) -> dict[str, Any]:
    """What `room` asks for."""
    if not caps:
        return {}
    values: dict[str, Any] = {"now": int(now.instant)}
    for number, cap in enumerate(caps):
        values[f"most_{number}"] = cap.at_most
        values[f"start_{number}"] = _start(cap.within, now)
    return values


@lru_cache(maxsize=256)  # a decision counts when it looks and again when it reserves, at the same moment
def _start(within: str, now: Now) -> Instant:
    return _period(within).start(now.instant, now.calendar)


@lru_cache(maxsize=256)
def _period(within: str) -> Period:
    return Period.parse(within)


def _counting(cap: CapDefinition, number: int) -> str:
    # the period has no upper end: were the clock set back, contacts of days to come would count rather than be missed
    terms = [
        f"(l.state = {ContactState.COMMITTED:d} AND l.at >= :start_{number}"
        f" OR l.state = {ContactState.RESERVED:d} AND l.expires_at > :now)",
        f"l.purpose IN ({', '.join(str(int(purpose)) for purpose in sorted(cap.purposes))})",
    ]
    if cap.channels:
        terms.append(f"l.channel IN ({_quoted(cap.channels)})")
    if cap.topics:
        terms.append(f"l.topic IN ({_quoted(cap.topics)})")
    return " AND ".join(terms)


def _quoted(names: Iterable[str]) -> str:
    # names of definitions have no quotes, and are quoted as if they could
    return ", ".join("'" + name.replace("'", "''").replace(":", "\\:") + "'" for name in names)
