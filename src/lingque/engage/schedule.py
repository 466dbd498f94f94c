"""On which days a campaign that comes again is due. Pure."""

from __future__ import annotations

from datetime import date

from lingque.catalog.definitions.campaigns import Schedule
from lingque.core.clock import shift


def is_due(schedule: Schedule, day: date) -> bool:
    """Does a wave begin on that day?

    Every day, every seventh day after the first, or every month on the first one's day of the month (the month's last,
    where it has no such day); from `first` on and before `until`.
    """
    if not schedule.first <= day < schedule.until:
        return False
    match schedule.every:
        case "day":
            return True
        case "week":
            return (day - schedule.first).days % 7 == 0
        case "month":
            months = (day.year - schedule.first.year) * 12 + day.month - schedule.first.month
            return shift(schedule.first, count=months, unit="month") == day
