"""When nobody is disturbed: pure logic over the wall clock of the business time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from lingque.core.clock import BusinessCalendar, Instant, datetime_of, instant_of

MIDNIGHT = time(0)


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """From `begin` until just before `end` on every day (across midnight where `end` is earlier), and all of `days`.

    `begin` equal to `end` means no quiet hours, only quiet days.
    """

    calendar: BusinessCalendar
    begin: time = MIDNIGHT
    end: time = MIDNIGHT
    days: frozenset[date] = frozenset()

    def quiet_at(self, moment: Instant) -> bool:
        """Is this a moment at which nobody is disturbed?"""
        local = datetime_of(moment).astimezone(self.calendar.time_zone)
        return local.date() in self.days or self._in_hours(local.time())

    def next_open(self, moment: Instant) -> Instant:
        """The first moment, from this one on, that is not quiet: this one, the end of the hours, or a day's start."""
        if not self.quiet_at(moment):
            return moment
        day = self.calendar.day_of(moment)
        while True:
            for opens in sorted({MIDNIGHT, self.end}):
                at = instant_of(datetime.combine(day, opens, tzinfo=self.calendar.time_zone))
                if at > moment and not self.quiet_at(at):
                    return at
            day += timedelta(days=1)

    def _in_hours(self, wall: time) -> bool:
        if self.begin <= self.end:
            return self.begin <= wall < self.end
        return wall >= self.begin or wall < self.end
