"""When messages wait, and when they may go out again."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.core.errors import ConfigurationError
from lingque.govern.quiet_hours import QuietHours
from lingque.settings import load_settings

SHANGHAI = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
MINUTE = 60_000_000
NIGHT = QuietHours(calendar=SHANGHAI, begin=time(21), end=time(9), days=frozenset({date(2026, 10, 1)}))


def at(text: str) -> Instant:
    return instant_of(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI.time_zone))


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-06-01T20:59:59", "2026-06-01T20:59:59"),
        ("2026-06-01T21:00:00", "2026-06-02T09:00:00"),
        ("2026-06-02T08:59:59", "2026-06-02T09:00:00"),
        ("2026-06-02T09:00:00", "2026-06-02T09:00:00"),
        ("2026-09-30T20:00:00", "2026-09-30T20:00:00"),
        ("2026-09-30T22:00:00", "2026-10-02T09:00:00"),  # the night leads into the holiday
        ("2026-10-01T12:00:00", "2026-10-02T09:00:00"),
    ],
)
def test_at_night_and_on_holidays_messages_wait_for_the_next_morning(moment: str, opens: str) -> None:
    assert NIGHT.next_open(at(moment)) == at(opens)
    assert NIGHT.quiet_at(at(moment)) == (moment != opens)


def test_hours_within_one_day_and_days_without_hours() -> None:
    noon = QuietHours(calendar=SHANGHAI, begin=time(12), end=time(14))
    assert noon.next_open(at("2026-06-01T13:00:00")) == at("2026-06-01T14:00:00")
    assert not noon.quiet_at(at("2026-06-01T11:59:59"))
    holiday = QuietHours(calendar=SHANGHAI, days=frozenset({date(2026, 6, 1)}))
    assert holiday.next_open(at("2026-06-01T13:00:00")) == at("2026-06-02T00:00:00")
    assert not holiday.quiet_at(at("2026-06-02T00:00:00"))


def test_without_settings_nothing_is_ever_quiet() -> None:
    assert not any(QuietHours(calendar=SHANGHAI).quiet_at(Instant(hour * 60 * MINUTE)) for hour in range(48))


@settings(max_examples=60)
@given(
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York"]),
    hours=st.tuples(st.integers(5, 23), st.integers(5, 23)),
    minutes=st.integers(0, 400 * 24 * 60),
    holidays=st.sets(st.integers(0, 400), max_size=8),
)
def test_what_opens_is_open_and_nothing_before_it_was(
    zone: str, hours: tuple[int, int], minutes: int, holidays: set[int]
) -> None:
    """Hours from five in the morning on, so that no change of the clocks falls into their ends."""
    start = date(2026, 1, 1)
    quiet = QuietHours(
        calendar=BusinessCalendar(ZoneInfo(zone)),
        begin=time(hours[0]),
        end=time(hours[1]),
        days=frozenset(start + timedelta(days=day) for day in holidays),
    )
    moment = Instant(instant_of(datetime(2026, 1, 1, tzinfo=UTC)) + minutes * MINUTE)
    opens = quiet.next_open(moment)
    assert opens >= moment
    assert not quiet.quiet_at(opens)
    waiting = range(moment, opens, max((opens - moment) // 50, 1))
    assert all(quiet.quiet_at(Instant(between)) for between in waiting)
    assert opens == moment or quiet.quiet_at(Instant(opens - 1))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('quiet_from = "9pm"', "contact.quiet_from"),
        ('quiet_to = "24:00"', "contact.quiet_to"),
        ('quiet_from = ""', "'contact': quiet_from and quiet_to"),
        ('quiet_from = "09:00"', "'contact': quiet_from and quiet_to"),
        ('quiet_days = ["1 October"]', "contact.quiet_days"),
    ],
)
def test_settings_that_say_no_time_are_refused_by_name(tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "lingque.toml").write_text(f"[contact]\n{lines}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_settings(tmp_path)


def test_settings_have_a_night_by_default_and_take_holidays(tmp_path: Path) -> None:
    (tmp_path / "lingque.toml").write_text("[contact]\nquiet_days = [2026-10-01]\n", encoding="utf-8")
    contact = load_settings(tmp_path).contact
    assert (contact.quiet_from, contact.quiet_to, contact.quiet_days) == ("21:00", "09:00", (date(2026, 10, 1),))
