"""Instants, business days and windows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.clock import (
    BusinessCalendar,
    Complete,
    Ever,
    Instant,
    PeriodUnit,
    SystemClock,
    ToDate,
    Window,
    before,
    datetime_of,
    instant_of,
    parse_window,
    periods,
    shift,
)

HOUR = 3_600_000_000
SHANGHAI, PRAGUE = BusinessCalendar(ZoneInfo("Asia/Shanghai")), BusinessCalendar(ZoneInfo("Europe/Prague"))
# clocks that go forward at midnight (the day begins at one), and back at midnight (the first of two midnights counts)
SAO_PAULO, HAVANA = BusinessCalendar(ZoneInfo("America/Sao_Paulo")), BusinessCalendar(ZoneInfo("America/Havana"))
days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
calendars = st.sampled_from([SHANGHAI, PRAGUE, SAO_PAULO, HAVANA])
units = st.sampled_from(["day", "month", "year"])


@given(days, calendars)
def test_a_day_begins_on_itself_and_the_instant_before_belongs_to_the_day_before(
    day: date, calendar: BusinessCalendar
) -> None:
    start = calendar.start_of(day)
    assert calendar.day_of(start) == day
    assert calendar.day_of(Instant(start - 1)) == day - timedelta(days=1)


@given(days, calendars, st.floats(0, 1, exclude_max=True))
def test_every_instant_until_the_next_start_belongs_to_the_day(
    day: date, calendar: BusinessCalendar, share: float
) -> None:
    start, after = calendar.start_of(day), calendar.start_of(day + timedelta(days=1))
    assert calendar.day_of(Instant(start + int(share * (after - start)))) == day


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 28), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)],
)
def test_days_on_which_the_clocks_change_have_another_length(day: date, hours: int) -> None:
    assert PRAGUE.start_of(day + timedelta(days=1)) - PRAGUE.start_of(day) == hours * HOUR


def test_known_instants() -> None:
    assert SHANGHAI.start_of(date(1970, 1, 1)) == -8 * HOUR
    assert PRAGUE.start_of(date(2026, 7, 1)) == instant_of(datetime(2026, 6, 30, 22, tzinfo=UTC))
    assert PRAGUE.start_of(date(2026, 1, 1)) == instant_of(datetime(2025, 12, 31, 23, tzinfo=UTC))
    assert SAO_PAULO.start_of(date(2018, 11, 4)) == instant_of(datetime(2018, 11, 4, 3, tzinfo=UTC))
    assert HAVANA.start_of(date(2025, 11, 2)) == instant_of(datetime(2025, 11, 2, 4, tzinfo=UTC))


@given(st.integers(-(2**50), 2**52), st.integers(-14, 14))
def test_an_instant_is_exact_to_the_microsecond(microseconds: int, hours: int) -> None:
    moment = datetime_of(Instant(microseconds))
    assert moment - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(microseconds=microseconds)
    assert moment.utcoffset() == timedelta(0)
    assert instant_of(moment.astimezone(timezone(timedelta(hours=hours)))) == microseconds


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        instant_of(datetime(2026, 6, 1))  # noqa: DTZ001 - the point of the test


def test_the_machines_clock_gives_the_present() -> None:
    before = instant_of(datetime.now(UTC))
    now = SystemClock().now()
    assert before <= now <= before + HOUR


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("90 days", "90 days"),
        ("90d", "90 days"),
        ("1 day", "1 day"),
        ("3 months", "3 months"),
        ("3m", "3 months"),
        ("1 Month", "1 month"),
        ("1 year", "1 year"),
        ("2y", "2 years"),
        (" next 24 months ", "next 24 months"),
        ("NEXT  30 d", "next 30 days"),
        ("100 years", "100 years"),
    ],
)
def test_the_ways_to_write_a_window(text: str, shown: str) -> None:
    window = Window.parse(text)
    assert str(window) == shown
    assert Window.parse(shown) == window
    assert window.forward == shown.startswith("next")


@pytest.mark.parametrize(
    "text",
    ["", "3", "months", "0 days", "000 d", "-3 days", "3 weeks", "3 hours", "3.5 months", "last 3 months", "next",
     "3 months ago", "nextmonth", "三 months", "３ months", "3 days 4 months"],
)  # fmt: skip
def test_what_is_no_window_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is not a window; write '90 days'"):
        Window.parse(text)


@pytest.mark.parametrize("text", ["101 years", "1201 months", "40000 days", "99999 years"])
def test_a_window_that_no_calendar_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="100 years at most"):
        Window.parse(text)


@pytest.mark.parametrize(
    ("day", "count", "unit", "result"),
    [
        (date(2026, 3, 31), -1, "month", date(2026, 2, 28)),
        (date(2024, 3, 31), -1, "month", date(2024, 2, 29)),
        (date(2026, 1, 31), 1, "month", date(2026, 2, 28)),
        (date(2026, 5, 31), 1, "month", date(2026, 6, 30)),
        (date(2026, 2, 28), 1, "month", date(2026, 3, 28)),
        (date(2026, 1, 15), -1, "month", date(2025, 12, 15)),
        (date(2025, 12, 15), 1, "month", date(2026, 1, 15)),
        (date(2026, 1, 31), -13, "month", date(2024, 12, 31)),
        (date(2024, 2, 29), 1, "year", date(2025, 2, 28)),
        (date(2024, 2, 29), -4, "year", date(2020, 2, 29)),
        (date(2026, 3, 1), -1, "day", date(2026, 2, 28)),
        (date(2026, 12, 31), 1, "day", date(2027, 1, 1)),
    ],
)
def test_shifting_at_the_ends_of_months(day: date, count: int, unit: str, result: date) -> None:
    assert shift(day, count=count, unit=unit) == result


@given(days, st.integers(-600, 600))
def test_a_shift_by_months_lands_in_the_month_it_says(day: date, count: int) -> None:
    moved = shift(day, count=count, unit="month")
    assert (moved.year - day.year) * 12 + moved.month - day.month == count
    assert moved.day == day.day or (moved.day < day.day and (moved + timedelta(days=1)).day == 1)
    assert shift(day, count=count // 12, unit="year") == shift(day, count=count // 12 * 12, unit="month")


@given(days, days, st.integers(1, 36), units)
def test_a_later_day_never_shifts_to_an_earlier_one(one: date, other: date, count: int, unit: str) -> None:
    earlier, later = sorted((one, other))
    assert shift(earlier, count=-count, unit=unit) <= shift(later, count=-count, unit=unit)


def test_bounds_are_half_open_around_the_day() -> None:
    day = date(2026, 6, 1)
    assert Window.parse("3 months").bounds(day) == (date(2026, 3, 1), day)
    assert Window.parse("90 days").bounds(day) == (date(2026, 3, 3), day)
    assert Window.parse("next 30 days").bounds(day) == (day, date(2026, 7, 1))
    assert Window.parse("next 1 year").bounds(day) == (day, date(2027, 6, 1))


@given(days, st.integers(1, 60), units)
def test_what_was_and_what_comes_adjoin_without_an_event_in_both_or_in_neither(
    day: date, count: int, unit: str
) -> None:
    back = Window(count=count, unit=unit).bounds(day)
    forward = Window(count=count, unit=unit, forward=True).bounds(day)
    assert back[0] < back[1] == day == forward[0] < forward[1]


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 90), calendars)
def test_windows_that_follow_each_other_share_no_instant(day: date, count: int, calendar: BusinessCalendar) -> None:
    window = Window(count=count, unit="day")
    chain = [window.bounds(day + timedelta(days=count * step)) for step in range(4)]
    instants = [(calendar.start_of(first), calendar.start_of(after)) for first, after in chain]
    assert all(before[1] == after[0] for before, after in pairwise(instants))
    assert all(first < after for first, after in instants)


APRIL = date(2026, 4, 1)
"""The day before it is the last of March and of the first quarter."""


@pytest.mark.parametrize(
    ("text", "shown", "first", "after", "next_first", "next_after"),
    [
        ("this month", "this month", date(2026, 3, 1), APRIL, APRIL, date(2026, 4, 2)),
        ("This  Quarter", "this quarter", date(2026, 1, 1), APRIL, APRIL, date(2026, 4, 2)),
        ("this year", "this year", date(2026, 1, 1), APRIL, date(2026, 1, 1), date(2026, 4, 2)),
        ("last 1 calendar month", "last 1 calendar month", date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 1), APRIL),
        ("last 3 calendar months", "last 3 calendar months", date(2025, 12, 1), date(2026, 3, 1), date(2026, 1, 1),
         APRIL),
        ("last 2 calendar quarters", "last 2 calendar quarters", date(2025, 7, 1), date(2026, 1, 1), date(2025, 10, 1),
         APRIL),
        ("last 1 calendar years", "last 1 calendar year", date(2025, 1, 1), date(2026, 1, 1), date(2025, 1, 1),
         date(2026, 1, 1)),
        ("same month last year", "same month last year", date(2025, 3, 1), date(2025, 4, 1), date(2025, 4, 1),
         date(2025, 5, 1)),
        ("ever", "ever", date.min, APRIL, date.min, date(2026, 4, 2)),
        ("2 months", "2 months", date(2026, 2, 1), APRIL, date(2026, 2, 2), date(2026, 4, 2)),
        ("next 2 days", "next 2 days", APRIL, date(2026, 4, 3), date(2026, 4, 2), date(2026, 4, 4)),
    ],
)  # fmt: skip
def test_every_kind_of_window(
    text: str, shown: str, first: date, after: date, next_first: date, next_after: date
) -> None:
    window = parse_window(text)
    assert str(window) == shown
    assert parse_window(shown) == window
    assert window.bounds(APRIL) == (first, after)
    assert window.bounds(date(2026, 4, 2)) == (next_first, next_after)


@pytest.mark.parametrize(
    "text", ["last 3 months", "this week", "last 0 calendar months", "last 1201 calendar months", "last calendar month",
             "last year", "forever", "same month", ""],
)  # fmt: skip
def test_what_is_no_window_of_any_kind_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"'last 3 calendar months'|100 years at most"):
        parse_window(text)


rolling = st.builds(lambda count, unit, forward: Window(count=count, unit=unit, forward=forward), st.integers(1, 60),
                    units, st.booleans())  # fmt: skip
complete = st.builds(
    lambda count, unit: Complete(count=count, unit=unit),
    st.integers(1, 20),
    st.sampled_from(["month", "quarter", "year"]),
)


@given(days, rolling | complete)
def test_the_window_before_ends_where_the_window_begins(day: date, window: Window | Complete) -> None:
    first, after = window.bounds(day)
    earlier, end = before(window, day)
    assert end == first
    assert earlier < first < after
    count, unit = window.length
    if unit == "day":
        assert (end - earlier).days == (after - first).days == count


@given(days, rolling | complete, st.sampled_from(["day", "week", "month", "quarter", "year"]))
def test_the_periods_of_a_window_are_all_of_it_without_gap_newest_first(
    day: date, window: Window | Complete, unit: PeriodUnit
) -> None:
    count, of = window.length
    size = {"day": 1, "week": 7, "month": 1, "quarter": 3, "year": 12}[unit]
    if (of == "day") != (unit in ("day", "week")) or count % size:
        with pytest.raises(ValueError, match="is not a whole number of"):
            periods(window, unit, day)
        return
    found = periods(window, unit, day)
    assert all(later[0] == earlier[1] for later, earlier in pairwise(found))
    assert all(first < after for first, after in found)
    assert (found[-1][0], found[0][1]) == window.bounds(day)


@pytest.mark.parametrize("window", [ToDate(unit="month"), Ever()])
def test_a_window_of_no_fixed_length_has_none_before_it_and_no_periods(window: ToDate | Ever) -> None:
    with pytest.raises(ValueError, match="longer on one day than on another"):
        before(window, APRIL)
    with pytest.raises(ValueError, match="longer on one day than on another"):
        periods(window, "month", APRIL)


@given(calendars, st.integers(-60 * 366 * 86_400, 60 * 365 * 86_400))
def test_a_day_can_be_told_from_an_instant_by_arithmetic(calendar: BusinessCalendar, second: int) -> None:
    instant = Instant(second * 1_000_000)
    ahead = [offset for begins, offset in calendar.offsets(date(2030, 1, 1)) if begins <= instant][-1]
    assert date(1970, 1, 1) + timedelta(days=(instant + ahead) // 86_400_000_000) == calendar.day_of(instant)
