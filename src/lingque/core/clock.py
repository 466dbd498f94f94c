"""Time: instants are UTC microseconds in an int; days belong to the workspace's one business time zone.

SQL never converts time zones (engines differ): day boundaries are computed here and handed to it as integers.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NewType, Protocol, Self
from zoneinfo import ZoneInfo

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00Z."""

END_OF_TIME = Instant(2**63 - 1)
"""The end of an interval that is still open."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Where the present moment comes from; injected, so that tests and replays choose it."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        return instant_of(datetime.now(UTC))


def instant_of(moment: datetime) -> Instant:
    """Exact microseconds of an aware datetime; a naive one raises `ValueError`."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return Instant((moment - _EPOCH) // _MICROSECOND)


def datetime_of(instant: Instant) -> datetime:
    """The instant as an aware datetime in UTC, for showing and for the control database."""
    return _EPOCH + timedelta(microseconds=instant)


@dataclass(frozen=True)
class BusinessCalendar:
    """Days of the one business time zone of a workspace (a time zone with daylight saving is fine)."""

    time_zone: ZoneInfo

    def start_of(self, day: date) -> Instant:
        """The first instant of that business day."""
        return instant_of(datetime(day.year, day.month, day.day, tzinfo=self.time_zone))

    def instant_at(self, local: datetime) -> Instant:
        """The instant that a clock on the wall shows; a naive datetime. An hour that is shown twice is its first."""
        if local.tzinfo is not None:
            raise ValueError(f"{local.isoformat()} has a time zone of its own")
        return instant_of(local.replace(tzinfo=self.time_zone))

    def in_days(self, instant: Instant, days: int) -> Instant:
        """The end of the business day that comes so many days later."""
        return self.start_of(self.day_of(instant) + timedelta(days=days + 1))

    def day_of(self, instant: Instant) -> date:
        """The business day that holds the instant."""
        return datetime_of(instant).astimezone(self.time_zone).date()


@dataclass(frozen=True, kw_only=True)
class Window:
    """A rolling span of whole days, months or years that ends (or, looking forward, begins) at a snapshot's day.

    Backward `[as_of − span, as_of)`, forward `[as_of, as_of + span)`; both half open, so that two adjoining
    windows share no event.
    """

    count: int
    unit: Literal["day", "month", "year"]
    forward: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `"3 months"`, `"90d"`, `"next 24 months"`. Raises `ValueError` that says what is allowed."""
        found = _WINDOW.fullmatch(text.strip().lower())
        if not found or int(found["count"]) == 0:
            raise ValueError(f"{text!r} is not a window; write '90 days', '3 months', '1 year' or 'next 30 days'")
        unit: Literal["day", "month", "year"] = _UNITS[found["unit"][0]]
        if int(found["count"]) > _LONGEST[unit]:  # else the window of some day would begin before the calendar does
            raise ValueError(f"{text!r} is too long; a window spans 100 years at most")
        return cls(count=int(found["count"]), unit=unit, forward=bool(found["next"]))

    def bounds(self, as_of: date) -> tuple[date, date]:
        """First day inside and first day after, for a snapshot as of that day."""
        other = shift(as_of, count=self.count if self.forward else -self.count, unit=self.unit)
        return (as_of, other) if self.forward else (other, as_of)

    def __str__(self) -> str:
        plural = "s" if self.count != 1 else ""
        return f"{'next ' if self.forward else ''}{self.count} {self.unit}{plural}"


_WINDOW = re.compile(r"(?P<next>next\s+)?(?P<count>[0-9]{1,5})\s*(?P<unit>d|days?|m|months?|y|years?)")
_UNITS: dict[str, Literal["day", "month", "year"]] = {"d": "day", "m": "month", "y": "year"}
_LONGEST: dict[Literal["day", "month", "year"], int] = {"day": 36_525, "month": 1_200, "year": 100}


def shift(day: date, *, count: int, unit: Literal["day", "month", "year"]) -> date:
    """That many days, months or years later (or earlier).

    A day that the target month does not have becomes its last: 31 March − 1 month is 28 or 29 February.
    """
    if unit == "day":
        return day + timedelta(days=count)
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
