"""The ledger of contacts against a plain account of who was contacted when, in any order of acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, delete, select

from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import BusinessCalendar, Instant, Window
from lingque.core.ids import CustomerId
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure import ASKED_SINGLY, ContactPressure, capped, release_wave, reserve
from lingque.decide.tables import contact_ledger
from lingque.testing import FixedClock

CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
START = date(2026, 1, 28)
DAY = 86_400_000_000


def cap(at_most: int, within: str, *channels: str, purpose: str = "marketing") -> CapDefinition:
    return CapDefinition.model_validate(
        {
            "cap": "some",
            "label": {"zh": "上限", "en": "Cap"},
            "channels": channels,
            "purpose": purpose,
            "at_most": at_most,
            "within": within,
        }
    )


def contact(
    wave: int, customer: int = 1, *, step: int = 1, channel: str = "email", purpose: Purpose = Purpose.MARKETING
) -> PlannedContact:
    return PlannedContact(wave_id=wave, customer_id=CustomerId(customer), step=step, channel=channel, purpose=purpose)


@pytest.fixture(scope="module")
def ledger() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        contact_ledger.create(connection)
        yield connection
    engine.dispose()


@pytest.fixture
def connection(ledger: Connection) -> Connection:
    ledger.execute(delete(contact_ledger))
    return ledger


def settle(day: date) -> ContactPressure:
    return ContactPressure(FixedClock(Instant(CALENDAR.start_of(day))), CALENDAR)


def is_capped(connection: Connection, caps: list[CapDefinition], day: date, *, channel: str = "email") -> bool:
    asked = np.array([1], dtype=np.int64)
    flags = capped(connection, asked, channel=channel, purpose=Purpose.MARKETING, caps=caps, day=day)
    return bool(flags[0])


@pytest.mark.parametrize(
    ("within", "last_day"),
    [("1 day", 0), ("7 days", 6), ("1 month", 30), ("2 months", 58)],  # until 27 February and 27 March
)
def test_a_window_ends_with_the_day_of_the_contact(connection: Connection, within: str, last_day: int) -> None:
    assert reserve(connection, [contact(1)], caps=[], day=START) == []
    settle(START).commit(connection, 1, 1, 1)
    inside = [is_capped(connection, [cap(1, within)], START + timedelta(days=days)) for days in range(70)]
    assert inside == [days <= last_day for days in range(70)]


def test_caps_speak_of_their_channels_and_purpose_only(connection: Connection) -> None:
    reserve(connection, [contact(1, channel="sms")], caps=[], day=START)
    assert is_capped(connection, [cap(1, "7 days")], START)
    assert is_capped(connection, [cap(1, "7 days", "sms", "email")], START), "counted together"
    assert not is_capped(connection, [cap(1, "7 days", "email")], START)
    assert not is_capped(connection, [cap(1, "7 days", "sms")], START, channel="email")
    assert is_capped(connection, [cap(1, "7 days", "sms")], START, channel="sms")
    assert not is_capped(connection, [cap(1, "7 days", purpose="service")], START)
    assert is_capped(connection, [cap(9, "7 days"), cap(1, "1 day")], START), "each cap by itself"


def test_a_cap_of_none_lets_nobody_be_contacted(connection: Connection) -> None:
    assert is_capped(connection, [cap(0, "7 days")], START)
    assert reserve(connection, [contact(1)], caps=[cap(0, "7 days")], day=START) == [contact(1)]


def test_what_is_released_counts_no_more_and_what_was_made_stays(connection: Connection) -> None:
    caps = [cap(1, "7 days")]
    reserve(connection, [contact(1)], caps=caps, day=START)
    settle(START).release(connection, 1, 1, 1)
    assert not is_capped(connection, caps, START)
    assert reserve(connection, [contact(1)], caps=caps, day=START) == [], "released is as if never reserved"
    settle(START).commit(connection, 1, 1, 1)
    settle(START).release(connection, 1, 1, 1)
    assert release_wave(connection, 1) == 0
    assert is_capped(connection, caps, START)


def test_a_wave_is_released_as_a_whole(connection: Connection) -> None:
    reserve(connection, [contact(1, 1), contact(1, 2), contact(2, 3)], caps=[], day=START)
    settle(START).commit(connection, 1, 1, 1)
    assert release_wave(connection, 1) == 1
    states = {row.customer_id: row.state for row in connection.execute(select(contact_ledger))}
    assert states == {1: "committed", 2: "released", 3: "reserved"}


def test_what_is_reserved_counts_until_it_is_settled_and_then_on_its_day(connection: Connection) -> None:
    """A message that was held over a long holiday must not meet another one on the day it goes out."""
    caps = [cap(1, "7 days")]
    reserve(connection, [contact(1)], caps=caps, day=START)
    later = START + timedelta(days=30)
    assert is_capped(connection, caps, later)
    settle(later).commit(connection, 1, 1, 1)
    assert is_capped(connection, caps, later + timedelta(days=6))
    assert not is_capped(connection, caps, later + timedelta(days=7))


def test_reserving_the_same_again_changes_nothing(connection: Connection) -> None:
    caps = [cap(1, "7 days")]
    assert reserve(connection, [contact(1)], caps=caps, day=START) == []
    assert reserve(connection, [contact(1)], caps=caps, day=START) == []
    assert reserve(connection, [contact(2)], caps=caps, day=START) == [contact(2)]


def test_several_contacts_of_one_customer_count_each_other(connection: Connection) -> None:
    steps = [contact(1, step=step) for step in (1, 2, 3)]
    assert reserve(connection, steps, caps=[cap(2, "7 days")], day=START) == steps[2:]


def test_settling_what_was_never_reserved_changes_nothing(connection: Connection) -> None:
    settle(START).commit(connection, 5, 5, 1)
    settle(START).release(connection, 5, 5, 1)
    assert connection.execute(select(contact_ledger)).all() == []


def test_many_are_judged_like_few(connection: Connection) -> None:
    customers = np.arange(1, 3 * ASKED_SINGLY, dtype=np.int64)
    rows = [contact(1, int(customer)) for customer in customers[::3]]
    reserve(connection, rows, caps=[], day=START)
    flags = capped(
        connection, customers, channel="email", purpose=Purpose.MARKETING, caps=[cap(1, "7 days")], day=START
    )
    assert flags.tolist() == ((customers - 1) % 3 == 0).tolist()


@dataclass
class Account:
    """Who was in fact contacted when, and what is still to come."""

    made: list[tuple[date, PlannedContact]] = field(default_factory=list)
    waiting: list[PlannedContact] = field(default_factory=list)

    def most(self, one: CapDefinition) -> int:
        """The most contacts that any window of the cap holds, of one customer."""
        counting = [
            (day, entry.customer_id) for day, entry in self.made if not one.channels or entry.channel in one.channels
        ]
        most = 0
        for last, customer in counting:
            first, _ = Window.parse(one.within).bounds(last + timedelta(days=1))
            most = max(most, sum(first <= day <= last and other == customer for day, other in counting))
        return most


CAPS = [cap(1, "1 day"), cap(2, "7 days"), cap(3, "1 month"), cap(1, "7 days", "sms")]
RESERVE = st.tuples(st.just("reserve"), st.sampled_from(["email", "sms"]))
SETTLE = st.tuples(st.sampled_from(["commit", "commit", "release"]), st.integers(0, 3))
PASS = st.tuples(st.just("pass"), st.integers(1, 8))
SET_BACK = st.tuples(st.just("pass"), st.integers(-8, -1))


@settings(max_examples=80)
@given(acts=st.lists(st.one_of(RESERVE, RESERVE, SETTLE, SETTLE, PASS, SET_BACK), min_size=8, max_size=24))
def test_no_order_of_reserving_and_sending_exceeds_a_cap(ledger: Connection, acts: list[tuple[str, Any]]) -> None:
    """Also where the clock is set back now and then."""
    ledger.execute(delete(contact_ledger))
    account, day = Account(), START
    for wave, (act, value) in enumerate(acts):
        if act == "reserve":
            wished = contact(wave, channel=value)
            if not reserve(ledger, [wished], caps=CAPS, day=day):
                account.waiting.append(wished)
        elif act == "pass":
            day += timedelta(days=value)
        elif account.waiting:
            entry = account.waiting.pop(value % len(account.waiting))
            if act == "release":
                settle(day).release(ledger, entry.wave_id, entry.customer_id, entry.step)
            else:
                settle(day).commit(ledger, entry.wave_id, entry.customer_id, entry.step)
                written = select(contact_ledger.c.day).where(contact_ledger.c.wave_id == entry.wave_id)
                account.made.append((ledger.execute(written).scalar_one(), entry))
    assert all(account.most(one) <= one.at_most for one in CAPS)


def test_the_account_itself_sees_an_excess() -> None:
    account = Account(made=[(START, contact(1)), (START, contact(2))])
    assert account.most(cap(1, "1 day")) == 2
