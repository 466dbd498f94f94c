"""Days as whole numbers since 1970-01-01, many at once."""

from __future__ import annotations

from datetime import date

import numpy as np

from lingque.core.hashing import Int64s


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def day_text(number: int) -> str:
    """`YYYY-MM-DD`."""
    return str(np.datetime64(number, "D"))


NEVER = day_number(date(9999, 12, 31))
"""The end of what has no end yet, as Chinese banks' interval tables (拉链表) write it."""


def months_later(days: Int64s, months: Int64s) -> Int64s:
    """`lingque.core.clock.shift` for many days at once: a day the month lacks becomes its last."""
    dates = days.astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    target = month + months.astype("timedelta64[M]")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    shifted: Int64s = np.minimum(target.astype("datetime64[D]") + (dates - month), last).astype(np.int64)
    return shifted


HOUR = 3_600_000_000
"""In microseconds, as instants are."""
DAY = 24 * HOUR
_EAST_OF_GREENWICH = 8 * HOUR  # China keeps one time, and no summer time since 1992


def midnight(days: Int64s) -> Int64s:
    """The instants (UTC microseconds) at which these days begin in China."""
    begins: Int64s = days * DAY - _EAST_OF_GREENWICH
    return begins


def day_at(instants: Int64s) -> Int64s:
    """The day in China at these instants."""
    day: Int64s = (instants + _EAST_OF_GREENWICH) // DAY
    return day


def hour_at(instants: Int64s) -> Int64s:
    """What a clock in China shows, in whole hours."""
    hour: Int64s = (instants + _EAST_OF_GREENWICH) % DAY // HOUR
    return hour
