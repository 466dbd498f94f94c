"""What the mobile app logs: JSON lines, in local time, by who is logged in."""

from __future__ import annotations

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.extracts import Extract, Records, arriving
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.part import Part
from lingque.twin.sessions import EVENTS, Sessions

_EVENTS_OF_A_BLOCK = 10_000_000


def _events(part: Part, _day: int) -> Records:
    sessions = Sessions.make(part.block, part.population, part.needs, place="app")
    arrival = arriving(part.block, "app events", sessions.second // 86_400)

    def content(places: Int64s, _day: int) -> bytes:
        where = arrival.where[places]
        number = part.block.number * _EVENTS_OF_A_BLOCK + where + 1
        return columns.lines(
            '{"event_id": "',
            columns.padded_numbers("E", number, 10),
            '", "customer_no": "',
            columns.picked(part.population.customer_no, sessions.customer[where]),
            '", "at": "',
            columns.moments(sessions.second[where]),
            '", "event": "',
            columns.picked(EVENTS, sessions.event[where]),
            '"}',
        )

    return Records(count=len(arrival.where), content=content, arrives=arrival.day, flaws=arrival.flaws)


EXTRACTS = (
    Extract(
        name="app_events",
        suffix="jsonl",
        records=_events,
        weak=(
            weak_day("at", pattern='"at": "([^"]*)"'),
            Weak(column="customer_no", pattern='"customer_no": "([^"]*)"'),
        ),
    ),
)
