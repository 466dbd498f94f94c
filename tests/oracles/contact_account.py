"""Contact pressure as one would keep it on paper: every contact ever made, and a count by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Key = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class PaperCap:
    """`period` is ("hours", n), ("days", n) or ("calendar", unit)."""

    at_most: int
    period: tuple[str, int | str]
    channels: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ("marketing",)

    def speaks_of(self, contact: PaperContact) -> bool:
        return (
            contact.purpose in self.purposes
            and (not self.channels or contact.channel in self.channels)
            and (not self.topics or contact.topic in self.topics)
        )

    def together(self, earlier: int, later: int, zone: ZoneInfo) -> bool:
        """Do two instants (microseconds) share a period that ends with the later one?"""
        kind, size = self.period
        if kind == "hours":
            return later - earlier < int(size) * 3_600_000_000
        first, last = _day(earlier, zone), _day(later, zone)
        if kind == "days":
            return (last - first).days < int(size)
        return _name(str(size), first) == _name(str(size), last)


@dataclass(kw_only=True)
class PaperContact:
    """`made` is when it was made (microseconds), None as long as it was not."""

    key: Key
    channel: str
    topic: str | None
    purpose: str
    reserved: int
    expires: int
    made: int | None = None
    ended: bool = False

    def waits(self, now: int) -> bool:
        return self.made is None and not self.ended and now < self.expires


@dataclass
class Paper:
    """One ledger on paper."""

    zone: ZoneInfo
    contacts: dict[Key, PaperContact] = field(default_factory=dict)

    def against(self, cap: PaperCap, like: PaperContact, now: int) -> int:
        """How many contacts of that customer count against the cap now."""
        return sum(
            other.key[0] == like.key[0]
            and cap.speaks_of(other)
            and (other.waits(now) or (other.made is not None and cap.together(min(other.made, now), now, self.zone)))
            for other in self.contacts.values()
        )

    def most(self, cap: PaperCap) -> int:
        """The most contacts that one customer was in fact given within any period of the cap."""
        made = [one for one in self.contacts.values() if one.made is not None and cap.speaks_of(one)]
        return max(
            (
                sum(
                    other.key[0] == last.key[0]
                    and other.made is not None
                    and last.made is not None
                    and other.made <= last.made
                    and cap.together(other.made, last.made, self.zone)
                    for other in made
                )
                for last in made
            ),
            default=0,
        )


def _day(instant: int, zone: ZoneInfo) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)).astimezone(zone).date()


def _name(unit: str, day: date) -> tuple[int, ...]:
    if unit == "week":
        return tuple(day.isocalendar()[:2])
    return {
        "day": (day.toordinal(),),
        "month": (day.year, day.month),
        "quarter": (day.year, (day.month - 1) // 3),
        "year": (day.year,),
    }[unit]
