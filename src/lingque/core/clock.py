"""Time: instants are UTC microseconds in an int; days belong to the workspace's one business time zone.

SQL never converts time zones (engines differ): day boundaries are computed here and handed to it as integers.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, Literal, NewType, Protocol, Self
from zoneinfo import ZoneInfo

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00Z."""

END_OF_TIME = Instant(2**63 - 1)
"""The end of an interval that is still open."""

PeriodUnit = Literal["day", "week", "month", "quarter", "year"]
CalendarUnit = Literal["month", "quarter", "year"]
Length = tuple[int, Literal["day", "month"]]
Days = tuple[date, date]
"""First day inside, first day after."""

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

    def offsets(self, until: date) -> tuple[tuple[Instant, int], ...]:
        """From which instant on clocks on the wall run ahead of UTC by how many microseconds, from 1900 until that day.

        So that a day can be told from an instant by arithmetic: `day_of(t)` is day `(t + offset) // 86_400_000_000`
        since 1970-01-01. The first of them also holds for whatever lies before.
        """
        return _offsets(self.time_zone, until)


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

    @property
    def length(self) -> Length:
        return _length(self.count, self.unit)

    def bounds(self, as_of: date) -> Days:
        """First day inside and first day after, for a snapshot as of that day."""
        other = shift(as_of, count=self.count if self.forward else -self.count, unit=self.unit)
        return (as_of, other) if self.forward else (other, as_of)

    def __str__(self) -> str:
        return f"{'next ' if self.forward else ''}{_counted(self.count, self.unit)}"


@dataclass(frozen=True, kw_only=True)
class ToDate:
    """The current month, quarter or year up to the snapshot's day: the one that holds the day before it."""

    unit: CalendarUnit
    forward: ClassVar[bool] = False
    length: ClassVar[None] = None

    def bounds(self, as_of: date) -> Days:
        return _begin_of(self.unit, as_of - timedelta(days=1)), as_of

    def __str__(self) -> str:
        return f"this {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Complete:
    """That many complete months, quarters or years before the current one."""

    count: int
    unit: CalendarUnit
    forward: ClassVar[bool] = False

    @property
    def length(self) -> Length:
        return _length(self.count, self.unit)

    def bounds(self, as_of: date) -> Days:
        after = _begin_of(self.unit, as_of - timedelta(days=1))
        return shift(after, count=-self.length[0], unit="month"), after

    def __str__(self) -> str:
        return f"last {self.count} calendar {self.unit}{'s' if self.count != 1 else ''}"


@dataclass(frozen=True, kw_only=True)
class SameMonthLastYear:
    """The whole month that is a year before the current one."""

    forward: ClassVar[bool] = False
    length: ClassVar[tuple[int, Literal["month"]]] = (1, "month")

    def bounds(self, as_of: date) -> Days:
        first = shift(_begin_of("month", as_of - timedelta(days=1)), count=-1, unit="year")
        return first, shift(first, count=1, unit="month")

    def __str__(self) -> str:
        return "same month last year"


@dataclass(frozen=True, kw_only=True)
class Ever:
    """Everything before the snapshot's day."""

    forward: ClassVar[bool] = False
    length: ClassVar[None] = None

    def bounds(self, as_of: date) -> Days:
        return date.min, as_of

    def __str__(self) -> str:
        return "ever"


AnyWindow = Window | ToDate | Complete | SameMonthLastYear | Ever
"""Which days a tag looks at. `length` is how many days or months it always has; None where that varies."""


def parse_window(text: str) -> AnyWindow:
    """From a text as it is written in a definition. Raises `ValueError` that says what is allowed."""
    words = " ".join(text.lower().split())
    if words == "ever":
        return Ever()
    if words == "same month last year":
        return SameMonthLastYear()
    if found := _TO_DATE.fullmatch(words):
        return ToDate(unit=_CALENDAR_UNITS[found["unit"]])
    if found := _COMPLETE.fullmatch(words):
        unit, count = _CALENDAR_UNITS[found["unit"]], int(found["count"])
        if not 0 < count * _MONTHS[unit] <= _LONGEST["month"]:
            raise ValueError(f"{text!r} is too long; a window spans 100 years at most")
        return Complete(count=count, unit=unit)
    try:
        return Window.parse(text)
    except ValueError as error:
        if "is not a window" not in str(error):
            raise
        raise ValueError(
            f"{error}; or 'this month', 'last 3 calendar months' (quarter and year likewise), 'same month last year', "
            "'ever'"
        ) from error


def before(window: AnyWindow, as_of: date) -> Days:
    """The window of the same length just before. `ValueError` where the length varies."""
    count, unit = _fixed(window)
    first, after = window.bounds(as_of)
    if window.forward:
        return shift(first, count=-count, unit=unit), first
    return shift(after, count=-2 * count, unit=unit), first


def periods(window: AnyWindow, unit: PeriodUnit, as_of: date) -> tuple[Days, ...]:
    """The window's periods, newest first, each as first day and first day after.

    They are counted back from the window's end, `[end − k, end − (k − 1))`; those of a forward window on from the day.
    `ValueError` where the window is not always a whole number of them.
    """
    length, of = _fixed(window)
    size, step = _PERIODS[unit]
    if step != of or length % size:
        raise ValueError(f"'{window}' is not a whole number of {unit}s")
    first, after = window.bounds(as_of)
    start, sign = (first, 1) if window.forward else (after, -1)
    edges = [shift(start, count=sign * size * number, unit=step) for number in range(length // size + 1)]
    spans = [(min(pair), max(pair)) for pair in pairwise(edges)]
    return tuple(spans[::-1] if window.forward else spans)


def _fixed(window: AnyWindow) -> Length:
    if window.length is None:
        raise ValueError(f"'{window}' is longer on one day than on another")
    return window.length


def _length(count: int, unit: Literal["day", "month", "quarter", "year"]) -> Length:
    size, step = _PERIODS[unit]
    return count * size, step


def _begin_of(unit: CalendarUnit, day: date) -> date:
    months = _MONTHS[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'s' if count != 1 else ''}"


@lru_cache(maxsize=8)
def _offsets(time_zone: ZoneInfo, until: date) -> tuple[tuple[Instant, int], ...]:
    # the library tells no transitions: they are looked for day by day, then to the second
    def ahead(second: int) -> int:
        offset = datetime.fromtimestamp(second, UTC).astimezone(time_zone).utcoffset()
        return 0 if offset is None else offset // _MICROSECOND

    begin, end = (int((datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH).total_seconds())
                  for day in (date(1900, 1, 1), until + timedelta(days=2)))  # fmt: skip
    found = [(Instant(begin * 1_000_000), ahead(begin))]
    for later in range(begin + 86_400, end, 86_400):
        if ahead(later) == found[-1][1]:
            continue
        low, high = later - 86_400, later
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if ahead(middle) == found[-1][1] else (low, middle)
        found.append((Instant(high * 1_000_000), ahead(high)))
    return tuple(found)


_WINDOW = re.compile(r"(?P<next>next\s+)?(?P<count>[0-9]{1,5})\s*(?P<unit>d|days?|m|months?|y|years?)")
_UNITS: dict[str, Literal["day", "month", "year"]] = {"d": "day", "m": "month", "y": "year"}
_TO_DATE = re.compile(r"this (?P<unit>month|quarter|year)")
_COMPLETE = re.compile(r"last (?P<count>[0-9]{1,5}) calendar (?P<unit>month|quarter|year)s?")
_CALENDAR_UNITS: dict[str, CalendarUnit] = {"month": "month", "quarter": "quarter", "year": "year"}
_MONTHS: dict[CalendarUnit, int] = {"month": 1, "quarter": 3, "year": 12}
_PERIODS: dict[PeriodUnit, Length] = {
    "day": (1, "day"), "week": (7, "day"), "month": (1, "month"), "quarter": (3, "month"), "year": (12, "month"),
}  # fmt: skip
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
