"""Periods of caps: where they begin, when what lies in them leaves them, and what is no period."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.core.periods import HOUR, Period

SHANGHAI = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
BERLIN = BusinessCalendar(ZoneInfo("Europe/Berlin"))
TEXTS = [
    "1 hour", "24 hours", "1 day", "7 days", "1 month", "3 months", "1 year", "this day", "this week", "this month",
    "this quarter", "this year",
]  # fmt: skip


def at(text: str, calendar: BusinessCalendar = SHANGHAI) -> Instant:
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=calendar.time_zone))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("this day", "2026-03-18", "2026-03-19"),
        ("1 day", "2026-03-18", "2026-03-19"),
        ("this week", "2026-03-16", "2026-03-23"),
        ("this month", "2026-03-01", "2026-04-01"),
        ("this quarter", "2026-01-01", "2026-04-01"),
        ("This  YEAR", "2026-01-01", "2027-01-01"),
        ("7 days", "2026-03-12", "2026-03-25"),
        ("1 month", "2026-02-19", "2026-04-18"),
    ],
)
def test_a_period_begins_and_ends_with_a_business_day(text: str, start: str, end: str) -> None:
    now = at("2026-03-18T15:30")
    period = Period.parse(text)
    assert period.start(now, SHANGHAI) == at(start)
    assert period.end(now, SHANGHAI) == at(end)


def test_hours_are_hours_also_where_a_day_has_23() -> None:
    now = at("2026-03-29T12:00", BERLIN)
    assert Period.parse("24 hours").start(now, BERLIN) == now - 24 * HOUR + 1
    assert Period.parse("24h").end(now, BERLIN) == now + 24 * HOUR
    assert Period.parse("this day").end(now, BERLIN) - Period.parse("this day").start(now, BERLIN) == 23 * HOUR


@settings(max_examples=150)
@given(
    text=st.sampled_from(TEXTS),
    then=st.integers(1_600_000_000, 1_800_000_000),
    later=st.integers(0, 40_000_000),
    calendar=st.sampled_from([SHANGHAI, BERLIN]),
)
def test_what_was_leaves_the_period_at_its_end_and_never_comes_back(
    text: str, then: int, later: int, calendar: BusinessCalendar
) -> None:
    period, was, now = Period.parse(text), Instant(then * 1_000_000), Instant((then + later) * 1_000_000)
    end = period.end(was, calendar)
    assert (period.start(now, calendar) <= was) == (now < end)
    assert period.start(was, calendar) <= was < end
    assert period.start(Instant(end - 1), calendar) <= was < period.start(end, calendar)
    assert period.start(was, calendar) <= period.start(now, calendar)


@pytest.mark.parametrize("text", ["", "7", "0 days", "next 7 days", "this hour", "week", "-1 day"])
def test_what_is_no_period_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="days"):
        Period.parse(text)


@pytest.mark.parametrize("text", ["0 hours", "99999 hours"])
def test_hours_have_an_end(text: str) -> None:
    with pytest.raises(ValueError, match="hours go from 1 to"):
        Period.parse(text)
