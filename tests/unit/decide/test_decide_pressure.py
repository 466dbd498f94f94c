"""The ledger of contacts against an account on paper, in any order of acts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, create_engine, delete, select

from contact_account import Paper, PaperCap, PaperContact
from lingque.catalog.definitions import CapDefinition
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Instant
from lingque.core.ids import CustomerId
from lingque.core.periods import HOUR
from lingque.core.registries import Purpose
from lingque.decide.contracts import PlannedContact
from lingque.decide.pressure.caps import ContactKind, ContactState, Now
from lingque.decide.pressure.ledger import (
    PER_STATEMENT,
    ContactKeys,
    ContactPressure,
    Wanted,
    capped,
    commit_each,
    release_each,
    reserve,
    reserve_each,
    use_of,
)
from lingque.decide.tables import contact_ledger
from lingque.testing import FixedClock

CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
START = date(2026, 1, 28)
MAILS = ContactKind(channel="email", purpose=Purpose.MARKETING)


def cap(at_most: int, within: str, *channels: str, **fields: Any) -> CapDefinition:
    return CapDefinition.model_validate(
        {
            "cap": "some",
            "label": {"zh": "上限", "en": "Cap"},
            "channels": channels,
            "at_most": at_most,
            "within": within,
        }
        | fields
    )


def contact(
    wave: int,
    customer: int = 1,
    *,
    step: int = 1,
    channel: str = "email",
    purpose: Purpose = Purpose.MARKETING,
    topic: str | None = None,
) -> PlannedContact:
    return PlannedContact(
        wave_id=wave, customer_id=CustomerId(customer), step=step, channel=channel, purpose=purpose, topic=topic
    )


def now_on(day: date, hours: float = 0) -> Now:
    return Now(instant=Instant(CALENDAR.start_of(day) + int(hours * HOUR)), calendar=CALENDAR)


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


def keys(wave: int, *customers: int) -> ContactKeys:
    return ContactKeys(customer_ids=np.array(customers, dtype=np.int64), wave_ids=wave, steps=1)


def settle(day: date) -> ContactPressure:
    return ContactPressure(FixedClock(now_on(day).instant))


def is_capped(connection: Connection, caps: list[CapDefinition], day: date, kind: ContactKind = MAILS) -> bool:
    return bool(capped(connection, np.array([1], dtype=np.int64), kind, caps, now_on(day))[0])


@pytest.mark.parametrize(
    ("within", "last_day"),
    [("1 day", 0), ("7 days", 6), ("1 month", 30), ("2 months", 58), ("this week", 4), ("this month", 3)],
)
def test_a_period_ends_with_the_day_of_the_contact(connection: Connection, within: str, last_day: int) -> None:
    assert reserve(connection, [contact(1)], caps=[], now=now_on(START)) == []
    settle(START).commit(connection, 1, 1, 1)
    inside = [is_capped(connection, [cap(1, within)], START + timedelta(days=days)) for days in range(70)]
    assert inside == [days <= last_day for days in range(70)]


def test_caps_speak_of_their_channels_topics_and_purposes_only(connection: Connection) -> None:
    reserve(connection, [contact(1, channel="sms", topic="loans")], caps=[], now=now_on(START))
    texts = ContactKind(channel="sms", purpose=Purpose.MARKETING, topic="loans")
    assert is_capped(connection, [cap(1, "7 days")], START)
    assert is_capped(connection, [cap(1, "7 days", "sms", "email")], START), "counted together"
    assert not is_capped(connection, [cap(1, "7 days", "email")], START)
    assert not is_capped(connection, [cap(1, "7 days", "sms")], START)
    assert is_capped(connection, [cap(1, "7 days", "sms")], START, texts)
    assert is_capped(connection, [cap(1, "7 days", topics=["loans"])], START, texts)
    assert not is_capped(connection, [cap(1, "7 days", topics=["funds"])], START, texts)
    assert not is_capped(connection, [cap(1, "7 days", topics=["loans"])], START), "a mail on nothing stated"
    assert not is_capped(connection, [cap(1, "7 days", purpose="service")], START)
    assert is_capped(connection, [cap(9, "7 days"), cap(1, "1 day")], START), "each cap by itself"


def test_service_neither_counts_nor_is_held_back_unless_a_cap_names_it(connection: Connection) -> None:
    service = ContactKind(channel="email", purpose=Purpose.SERVICE)
    reserve(connection, [contact(1, purpose=Purpose.SERVICE)], caps=[], now=now_on(START))
    assert not is_capped(connection, [cap(1, "7 days")], START)
    assert not is_capped(connection, [cap(0, "7 days")], START, service)
    both = cap(1, "7 days", purpose=["service", "marketing"])
    assert is_capped(connection, [both], START)
    assert is_capped(connection, [both], START, service)


def test_a_cap_of_none_lets_nobody_be_contacted(connection: Connection) -> None:
    assert is_capped(connection, [cap(0, "7 days")], START)
    assert reserve(connection, [contact(1)], caps=[cap(0, "7 days")], now=now_on(START)) == [contact(1)]


def test_what_is_released_counts_no_more_and_what_was_made_stays(connection: Connection) -> None:
    caps = [cap(1, "7 days")]
    reserve(connection, [contact(1)], caps=caps, now=now_on(START))
    settle(START).release(connection, 1, 1, 1)
    assert not is_capped(connection, caps, START)
    assert reserve(connection, [contact(1)], caps=caps, now=now_on(START)) == [], "released is as if never reserved"
    settle(START).commit(connection, 1, 1, 1)
    settle(START).release(connection, 1, 1, 1)
    release_each(connection, keys(1, 1))
    assert is_capped(connection, caps, START)


def test_what_turns_out_to_have_been_made_counts_though_it_was_released(connection: Connection) -> None:
    reserve(connection, [contact(1)], caps=[], now=now_on(START))
    settle(START).release(connection, 1, 1, 1)
    settle(START).commit(connection, 1, 1, 1)
    assert is_capped(connection, [cap(1, "7 days")], START)


def test_what_is_reserved_counts_until_it_is_settled_and_then_at_its_instant(connection: Connection) -> None:
    """A message that was held over a long holiday must not meet another one on the day it goes out."""
    caps = [cap(1, "7 days")]
    reserve(connection, [contact(1)], caps=caps, now=now_on(START))
    later = START + timedelta(days=30)
    assert is_capped(connection, caps, later)
    settle(later).commit(connection, 1, 1, 1)
    assert is_capped(connection, caps, later + timedelta(days=6))
    assert not is_capped(connection, caps, later + timedelta(days=7))


def test_a_reservation_frees_itself_at_its_instant_and_can_then_not_be_committed(connection: Connection) -> None:
    caps = [cap(1, "24 hours")]
    until = now_on(START, 1).instant
    assert reserve(connection, [contact(1)], caps=caps, now=now_on(START), expires_at=until) == []
    just = Now(instant=Instant(until - 1), calendar=CALENDAR)
    assert reserve(connection, [contact(2)], caps=caps, now=just) == [contact(2)]
    assert not commit_each(connection, keys(1, 1), now=until).any()
    assert reserve(connection, [contact(2)], caps=caps, now=now_on(START, 1)) == []
    assert not commit_each(connection, keys(1, 1), now=just.instant).any(), "nor by a clock set back"
    assert commit_each(connection, keys(2, 1), now=until).all()
    assert commit_each(connection, keys(2, 1), now=until).all(), "said twice it is true twice"


def test_reserving_the_same_again_changes_nothing(connection: Connection) -> None:
    caps = [cap(1, "7 days")]
    assert reserve(connection, [contact(1)], caps=caps, now=now_on(START)) == []
    assert reserve(connection, [contact(1), contact(1)], caps=caps, now=now_on(START)) == []
    assert reserve(connection, [contact(2)], caps=caps, now=now_on(START)) == [contact(2)]


def test_several_contacts_of_one_customer_count_each_other_in_their_order(connection: Connection) -> None:
    steps = [contact(1, step=step, channel=channel) for step, channel in enumerate(["sms", "email", "sms"], start=1)]
    assert reserve(connection, steps, caps=[cap(2, "7 days")], now=now_on(START)) == steps[2:]
    texts = [contact(2, 2, step=3, channel="sms"), contact(2, 2, step=2, channel="sms"), contact(2, 2, step=1)]
    assert reserve(connection, texts, caps=[cap(1, "7 days", "sms")], now=now_on(START)) == [texts[1]]


def test_settling_what_was_never_reserved_changes_nothing(connection: Connection) -> None:
    settle(START).commit(connection, 5, 5, 1)
    settle(START).release(connection, 5, 5, 1)
    assert not commit_each(connection, keys(5, 5), now=Instant(0)).any()
    assert connection.execute(select(contact_ledger)).all() == []


def test_many_are_judged_like_few_and_answered_in_their_order(connection: Connection) -> None:
    customers = np.random.default_rng(7).permutation(np.arange(1, PER_STATEMENT + 30_001, dtype=np.int64))
    third = customers[customers % 3 == 0]
    first = Wanted(kind=MAILS, keys=keys(1, *third))
    assert not reserve_each(connection, first, caps=[], now=now_on(START)).any()
    flags = capped(connection, customers, MAILS, [cap(1, "7 days")], now_on(START))
    assert flags.tolist() == (customers % 3 == 0).tolist()
    again = Wanted(kind=MAILS, keys=keys(2, *customers))
    assert (reserve_each(connection, again, caps=[cap(1, "7 days")], now=now_on(START)) == flags).all()
    made = commit_each(connection, keys(2, *customers), now=now_on(START).instant)
    assert (made == ~flags).all()
    release_each(connection, keys(1, *third))
    assert (capped(connection, customers, MAILS, [cap(1, "7 days")], now_on(START)) == ~flags).all()


def test_a_full_cap_says_when_it_has_room_again(connection: Connection) -> None:
    hour, day = now_on(START, 1), now_on(START, 2)
    until = now_on(START, 5).instant
    reserve(connection, [contact(1)], caps=[], now=hour)
    commit_each(connection, keys(1, 1), now=hour.instant)
    reserve(connection, [contact(2)], caps=[], now=day, expires_at=until)
    caps = [cap(1, "24 hours"), cap(2, "24 hours"), cap(3, "24 hours"), cap(0, "7 days"), cap(1, "1 day", "sms")]
    uses = use_of(connection, CustomerId(1), MAILS, caps, day)
    assert [(use.used, use.full) for use in uses] == [(2, True), (2, True), (2, False), (2, True)]
    assert [use.frees_at for use in uses] == [hour.instant + 24 * HOUR, until, None, None]
    reserve(connection, [contact(3)], caps=[], now=day)
    (use,) = use_of(connection, CustomerId(1), MAILS, [cap(1, "24 hours")], day)
    assert use.frees_at is None, "that hangs on a reservation which does not expire"
    with_room = [is_capped(connection, caps[:1], START, MAILS), uses[0].full]
    assert with_room == [True, True]


PAPER_CAPS = [
    PaperCap(at_most=1, period=("hours", 5)),
    PaperCap(at_most=2, period=("days", 2), channels=("sms",)),
    PaperCap(at_most=3, period=("calendar", "week"), purposes=("marketing", "service")),
    PaperCap(at_most=4, period=("calendar", "month"), topics=("loans",)),
    PaperCap(at_most=2, period=("calendar", "day"), topics=("loans", "funds")),
]


def defined(paper: PaperCap) -> CapDefinition:
    kind, size = paper.period
    return cap(
        paper.at_most,
        f"this {size}" if kind == "calendar" else f"{size} {kind}",
        *paper.channels,
        topics=paper.topics,
        purpose=list(paper.purposes),
    )


class Pressure(RuleBasedStateMachine):
    """Acts on the ledger and on paper. The clock may be set back; caps may come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://")
        self.connection = self.engine.connect()
        contact_ledger.create(self.connection)
        self.waves = 0

    def teardown(self) -> None:
        self.connection.close()
        self.engine.dispose()

    @initialize(
        zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York"]),
        # around the night in which clocks change in Berlin, and the end of a quarter
        start=st.integers(1_774_600_000, 1_774_950_000),
    )
    def begin(self, zone: str, start: int) -> None:
        self.paper = Paper(zone=ZoneInfo(zone))
        self.calendar = BusinessCalendar(ZoneInfo(zone))
        self.instant = Instant(start * 1_000_000)
        self.latest = self.instant

    @property
    def now(self) -> Now:
        return Now(instant=self.instant, calendar=self.calendar)

    @rule(
        channel=st.sampled_from(["email", "sms"]),
        topic=st.sampled_from([None, "loans", "funds"]),
        purpose=st.sampled_from(["marketing", "marketing", "service"]),
        customers=st.sets(st.integers(1, 2), min_size=1),
        lasts=st.sampled_from([None, 1, 30, 300]),
    )
    def reserve(self, channel: str, topic: str | None, purpose: str, customers: set[int], lasts: int | None) -> None:
        self.waves += 1
        expires = END_OF_TIME if lasts is None else Instant(self.instant + lasts * 60_000_000)
        wished = [
            contact(self.waves, customer, channel=channel, topic=topic, purpose=Purpose[purpose.upper()])
            for customer in sorted(customers)
        ]
        kind = ContactKind(channel=channel, topic=topic, purpose=Purpose[purpose.upper()])
        caps = [defined(paper) for paper in PAPER_CAPS]
        ids = np.array(sorted(customers), dtype=np.int64)
        foretold = capped(self.connection, ids, kind, caps, self.now).tolist()
        uses = [
            any(use.full for use in use_of(self.connection, CustomerId(customer), kind, caps, self.now))
            for customer in sorted(customers)
        ]
        refused = reserve(self.connection, wished, caps=caps, now=self.now, expires_at=expires)
        expected = []
        for one in wished:
            entry = PaperContact(
                key=(one.customer_id, one.wave_id, one.step), channel=channel, topic=topic, purpose=purpose,
                reserved=self.instant, expires=expires,
            )  # fmt: skip
            mine = [paper for paper in PAPER_CAPS if paper.speaks_of(entry)]
            if any(self.paper.against(paper, entry, self.instant) >= paper.at_most for paper in mine):
                expected.append(one)
            else:
                self.paper.contacts[entry.key] = entry
        for other in self.paper.contacts.values():
            # whoever looks and finds it expired ends it for all
            if other.key[0] in customers and other.made is None and other.expires <= self.instant:
                other.ended = True
        assert refused == expected
        assert foretold == uses == [one in expected for one in wished]

    @precondition(lambda self: self.paper.contacts)
    @rule(data=st.data(), act=st.sampled_from(["commit", "commit", "release"]))
    def settle(self, data: st.DataObject, act: str) -> None:
        entry = self.paper.contacts[data.draw(st.sampled_from(sorted(self.paper.contacts)))]
        customer, wave, step = entry.key
        ids = ContactKeys(customer_ids=np.array([customer], dtype=np.int64), wave_ids=wave, steps=step)
        if act == "release":
            release_each(self.connection, ids)
            entry.ended = entry.made is None
            return
        committed = commit_each(self.connection, ids, now=self.instant)
        if entry.waits(self.instant):
            entry.made = max(entry.reserved, self.instant)
        assert committed.tolist() == [entry.made is not None]

    @rule(minutes=st.sampled_from([1, 20, 59, 60, 299, 300, 900, 1440, 4000]))
    def go_on(self, minutes: int) -> None:
        self.instant = Instant(self.instant + minutes * 60_000_000)

    @rule(minutes=st.sampled_from([1, 30, 400]))
    def set_back(self, minutes: int) -> None:
        self.instant = Instant(self.instant - minutes * 60_000_000)

    @invariant()
    def no_cap_is_exceeded(self) -> None:
        if hasattr(self, "paper"):
            assert all(self.paper.most(paper) <= paper.at_most for paper in PAPER_CAPS)
            made = select(contact_ledger.c.customer_id, contact_ledger.c.wave_id, contact_ledger.c.at).where(
                contact_ledger.c.state == ContactState.COMMITTED
            )
            assert {(row.customer_id, row.wave_id): row.at for row in self.connection.execute(made)} == {
                key[:2]: one.made for key, one in self.paper.contacts.items() if one.made is not None
            }


TestPressure = Pressure.TestCase
TestPressure.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_the_paper_itself_sees_an_excess() -> None:
    paper = Paper(zone=ZoneInfo("Asia/Shanghai"))
    for wave in (1, 2):
        entry = PaperContact(
            key=(1, wave, 1), channel="sms", topic=None, purpose="marketing", reserved=0, expires=9, made=wave
        )
        paper.contacts[entry.key] = entry
    assert paper.most(PAPER_CAPS[0]) == 2
