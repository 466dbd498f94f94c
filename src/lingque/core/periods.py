"""Periods in which contacts are counted: rolling hours and days, and the calendar's days, weeks, months and years."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self

from lingque.core.clock import BusinessCalendar, Instant, Window, shift

HOUR = 3_600_000_000

CalendarPeriod = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, kw_only=True)
class RollingHours:
    """So many hours of 60 minutes: what was at `t` counts until `t + count` hours, not including it."""

    count: int

    def start(self, now: Instant, _calendar: BusinessCalendar) -> Instant:
        return Instant(now - self.count * HOUR + 1)

    def end(self, at: Instant, _calendar: BusinessCalendar) -> Instant:
        return Instant(at + self.count * HOUR)


@dataclass(frozen=True, kw_only=True)
class RollingDays:
    """A window of business days, months or years that ends with the present day."""

    window: Window

    def start(self, now: Instant, calendar: BusinessCalendar) -> Instant:
        return calendar.start_of(self._first(calendar.day_of(now)))

    def end(self, at: Instant, calendar: BusinessCalendar) -> Instant:
        day = calendar.day_of(at)
        # a month less than 31 March is a day of February: the last day that still sees `day` is not always a month on
        last = shift(day, count=self.window.count, unit=self.window.unit) - timedelta(days=1)
        while self._first(last + timedelta(days=1)) <= day:
            last += timedelta(days=1)
        return calendar.start_of(last + timedelta(days=1))

    def _first(self, day: date) -> date:
        return self.window.bounds(day + timedelta(days=1))[0]


@dataclass(frozen=True, kw_only=True)
class ThisPeriod:
    """The calendar's day, week (from Monday), month, quarter or year that holds the moment."""

    unit: CalendarPeriod

    def start(self, now: Instant, calendar: BusinessCalendar) -> Instant:
        return calendar.start_of(self._first(calendar.day_of(now)))

    def end(self, at: Instant, calendar: BusinessCalendar) -> Instant:
        first = self._first(calendar.day_of(at))
        days = {"day": 1, "week": 7}.get(self.unit)
        if days is not None:
            return calendar.start_of(first + timedelta(days=days))
        return calendar.start_of(shift(first, count=_MONTHS[self.unit], unit="month"))

    def _first(self, day: date) -> date:
        if self.unit == "day":
            return day
        if self.unit == "week":
            return day - timedelta(days=day.weekday())
        months = _MONTHS[self.unit]
        return date(day.year, (day.month - 1) // months * months + 1, 1)


@dataclass(frozen=True, kw_only=True)
class Period:
    """`start` gives the first instant of the period that holds `now`; it never goes back while `now` goes on.

    `end` gives the first instant whose period does not hold `at` any more.
    """

    text: str
    of: RollingHours | RollingDays | ThisPeriod

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `"24 hours"`, `"7 days"`, `"2 months"`, `"this week"`. Raises `ValueError` that says what is allowed."""
        words = " ".join(text.lower().split())
        if found := _THIS.fullmatch(words):
            return cls(text=words, of=ThisPeriod(unit=_CALENDAR[found["unit"]]))
        if found := _HOURS.fullmatch(words):
            if not 0 < int(found["count"]) <= _MOST_HOURS:
                raise ValueError(f"{text!r} is no period; hours go from 1 to {_MOST_HOURS}")
            return cls(text=words, of=RollingHours(count=int(found["count"])))
        try:
            window = Window.parse(text)
        except ValueError as error:
            raise ValueError(
                f"{error}; or '24 hours', 'this day', 'this week', 'this month', 'this quarter', 'this year'"
            ) from error
        if window.forward:
            raise ValueError("a cap looks back: write '7 days'")
        return cls(text=words, of=RollingDays(window=window))

    def start(self, now: Instant, calendar: BusinessCalendar) -> Instant:
        return self.of.start(now, calendar)

    def end(self, at: Instant, calendar: BusinessCalendar) -> Instant:
        return self.of.end(at, calendar)


_THIS = re.compile(r"this (?P<unit>day|week|month|quarter|year)")
_HOURS = re.compile(r"(?P<count>[0-9]{1,5}) ?(h|hours?)")
_MOST_HOURS = 87_600
_CALENDAR: dict[str, CalendarPeriod] = {
    "day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year",
}  # fmt: skip
_MONTHS: dict[CalendarPeriod, int] = {"month": 1, "quarter": 3, "year": 12}
