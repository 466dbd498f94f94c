"""Permits judged by a table that is written out here, for every combination, one by one and many at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.core.ids import CustomerId, PartyId
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import ConsentEntry, Permit, PermitAsk, Subject
from lingque.govern.permits import PermitOffice
from lingque.govern.quiet_hours import QuietHours
from lingque.store.database import Database
from lingque.testing import FixedClock

NOW = instant_of(datetime(2026, 6, 1, 2, 0, tzinfo=UTC))
YEAR = 365 * 86_400_000_000
FINANCIAL = DataClass.PERSONAL | DataClass.FINANCIAL

ASKED = {
    "no class": DataClass(0),
    "personal": DataClass.PERSONAL,
    "financial": FINANCIAL,
    "health": DataClass.PERSONAL | DataClass.HEALTH,
}
AGES = {"adult": date(1980, 1, 1), "17": date(2008, 6, 2), "18 today": date(2008, 6, 1), "unknown": None}

# consent state → asked → reasons against marketing by e-mail, age apart
NO, GONE, OVER, CLASS = (
    Reason.NO_CONSENT,
    Reason.CONSENT_WITHDRAWN,
    Reason.CONSENT_EXPIRED,
    Reason.NO_CONSENT_FOR_DATA_CLASS,
)
TABLE: dict[str, dict[str, set[Reason]]] = {
    "none": {"no class": {NO}, "personal": {NO}, "financial": {NO, CLASS}, "health": {NO, CLASS}},
    "personal only": {"no class": set(), "personal": set(), "financial": {CLASS}, "health": {CLASS}},
    "personal and financial": {"no class": set(), "personal": set(), "financial": set(), "health": {CLASS}},
    "withdrawn": {"no class": {GONE}, "personal": {GONE}, "financial": {GONE, CLASS}, "health": {GONE, CLASS}},
    "financial withdrawn": {"no class": set(), "personal": set(), "financial": {CLASS}, "health": {CLASS}},
    "given again": {"no class": set(), "personal": set(), "financial": set(), "health": {CLASS}},
    "expired": {"no class": {OVER}, "personal": {OVER}, "financial": {OVER, CLASS}, "health": {OVER, CLASS}},
    "other channel": {"no class": {NO}, "personal": {NO}, "financial": {NO, CLASS}, "health": {NO, CLASS}},
    "other purpose": {"no class": {NO}, "personal": {NO}, "financial": {NO, CLASS}, "health": {NO, CLASS}},
    "from tomorrow": {"no class": {NO}, "personal": {NO}, "financial": {NO, CLASS}, "health": {NO, CLASS}},
}
AGE_TABLE: dict[str, set[Reason]] = {
    "adult": set(),
    "17": {Reason.UNDER_AGE},
    "18 today": set(),
    "unknown": {Reason.AGE_UNKNOWN},
}


def entry(party: int, number: int, action: str = "give", **changed: object) -> ConsentEntry:
    values: dict[str, object] = {
        "party_id": PartyId(party),
        "purpose": Purpose.MARKETING,
        "channel": "email",
        "data_classes": FINANCIAL,
        "action": action,
        "acted_at": Instant(NOW - YEAR + number),
        "wording_version": "v1",
        "evidence": "form",
        "origin": f"{party}/{number}",
    }
    return ConsentEntry(**{**values, **changed})  # type: ignore[arg-type]


def statements(state: str, party: int) -> list[ConsentEntry]:
    match state:
        case "none":
            return []
        case "personal only":
            return [entry(party, 1, data_classes=DataClass.PERSONAL)]
        case "personal and financial":
            return [entry(party, 1)]
        case "withdrawn":
            return [entry(party, 1), entry(party, 2, "withdraw", data_classes=DataClass(0))]
        case "financial withdrawn":
            return [entry(party, 1), entry(party, 2, "withdraw", data_classes=DataClass.FINANCIAL)]
        case "given again":
            return [entry(party, 1), entry(party, 2, "withdraw", data_classes=DataClass(0)), entry(party, 3)]
        case "expired":
            return [entry(party, 1, expires_at=Instant(NOW))]
        case "other channel":
            return [entry(party, 1, channel="sms")]
        case "other purpose":
            return [entry(party, 1, purpose=Purpose.ANALYTICS)]
        case _:
            return [entry(party, 1, acted_at=Instant(NOW + 1))]


CELLS = dict(enumerate(product(TABLE, AGES), start=1))


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


@pytest.fixture
def office(database: Database) -> PermitOffice:
    office = PermitOffice(FixedClock(NOW), BusinessCalendar(ZoneInfo("Asia/Shanghai")))
    with database.transaction() as connection:
        office.record_subjects(
            connection,
            [
                Subject(party_id=PartyId(party), customer_id=CustomerId(party), birth_date=AGES[age])
                for party, (_, age) in CELLS.items()
            ],
        )
        office.record_consents(
            connection, [one for party, (state, _) in CELLS.items() for one in statements(state, party)]
        )
    return office


def ask(purpose: Purpose, asked: DataClass, moment: int = NOW) -> PermitAsk:
    return PermitAsk(purpose=purpose, channel="email", data_classes=asked, moment=Instant(moment))


def test_every_cell_of_the_table(database: Database, office: PermitOffice) -> None:
    customers = np.array(list(CELLS), dtype=np.int64)
    wrong: list[str] = []
    with database.reading() as connection:
        for purpose, asked in product((Purpose.MARKETING, Purpose.SERVICE), ASKED):
            question = ask(purpose, ASKED[asked])
            answer = office.permit_set(connection, customers, question)
            for position, (party, (state, age)) in enumerate(CELLS.items()):
                expected = TABLE[state][asked] | AGE_TABLE[age] if purpose is Purpose.MARKETING else set()
                many = {reason for reason, flags in answer.refusals.items() if flags[position]}
                one = office.permit(connection, CustomerId(party), question)
                told = (
                    {Reason[name] for name in one.detail.partition(": ")[2].split(", ")}
                    if isinstance(one, Refusal)
                    else set()
                )
                if not (many == told == expected and answer.allowed[position] == isinstance(one, Permit)):
                    wrong.append(f"{purpose.name} {state}, {asked}, {age}: {expected} ≠ {many} ≠ {one}")
    assert not wrong, "\n".join(wrong)


def test_a_customer_that_is_not_known_is_refused(database: Database, office: PermitOffice) -> None:
    question = ask(Purpose.SERVICE, DataClass(0))
    with database.reading() as connection:
        answer = office.permit_set(connection, np.array([1, 999_999], dtype=np.int64), question)
        one = office.permit(connection, CustomerId(999_999), question)
    assert answer.allowed.tolist() == [True, False]
    assert list(answer.refusals) == [Reason.UNKNOWN_CUSTOMER]
    assert isinstance(one, Refusal)
    assert one.reason is Reason.UNKNOWN_CUSTOMER


def test_a_customer_who_stands_in_the_list_twice_is_refused_twice(database: Database, office: PermitOffice) -> None:
    with database.reading() as connection:
        asked = np.array([1, 1, 999_999, 1], dtype=np.int64)  # 1: an adult who never said anything
        answer = office.permit_set(connection, asked, ask(Purpose.MARKETING, DataClass(0)))
    assert not answer.allowed.any()


def test_many_are_judged_like_few(database: Database, office: PermitOffice) -> None:
    """Beyond a thousand the register is read whole."""
    known = np.array(list(CELLS), dtype=np.int64)
    many = np.concatenate([known, np.arange(10_000, 11_500)])
    question = ask(Purpose.MARKETING, FINANCIAL)
    with database.reading() as connection:
        few = office.permit_set(connection, known, question)
        answer = office.permit_set(connection, many, question)
    assert answer.allowed[: len(known)].tolist() == few.allowed.tolist()
    assert not answer.allowed[len(known) :].any()


def test_nobody_asked_about_is_nobody_refused(database: Database, office: PermitOffice) -> None:
    with database.reading() as connection:
        answer = office.permit_set(connection, np.array([], dtype=np.int64), ask(Purpose.MARKETING, FINANCIAL))
    assert answer.allowed.tolist() == []


def test_a_withdrawal_of_a_moment_ago_is_seen(database: Database, office: PermitOffice) -> None:
    party = next(party for party, cell in CELLS.items() if cell == ("personal and financial", "adult"))
    question = ask(Purpose.MARKETING, FINANCIAL)
    with database.transaction() as connection:
        assert isinstance(office.permit(connection, CustomerId(party), question), Permit)
        office.record_consents(
            connection, [entry(party, 9, "withdraw", data_classes=DataClass(0), acted_at=Instant(NOW))]
        )
    with database.reading() as connection:
        refusal = office.permit(connection, CustomerId(party), question)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CONSENT_WITHDRAWN


def test_a_statement_imported_twice_is_recorded_once(database: Database, office: PermitOffice) -> None:
    with database.transaction() as connection:
        assert office.record_consents(connection, [entry(1, 50), entry(1, 50), entry(1, 51)]) == 2
        assert office.record_consents(connection, [entry(1, 50), entry(1, 52)]) == 1


def test_consent_at_a_past_moment_is_judged_as_it_was(database: Database, office: PermitOffice) -> None:
    party = next(party for party, cell in CELLS.items() if cell == ("withdrawn", "adult"))
    with database.reading() as connection:
        before = office.permit(connection, CustomerId(party), ask(Purpose.MARKETING, FINANCIAL, NOW - YEAR + 1))
    assert isinstance(before, Permit)


def test_at_night_nothing_is_sent_and_every_other_reason_comes_first(database: Database, office: PermitOffice) -> None:
    calendar = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
    night = QuietHours(calendar=calendar, begin=time(21), end=time(9))
    strict = PermitOffice(FixedClock(NOW), calendar, night)
    customers = {
        cell: next(party for party, found in CELLS.items() if found == cell)
        for cell in (("personal and financial", "adult"), ("withdrawn", "17"))
    }
    free, forbidden = customers.values()
    late = instant_of(datetime(2026, 6, 1, 22, 0, tzinfo=calendar.time_zone))
    morning = instant_of(datetime(2026, 6, 2, 9, 0, tzinfo=calendar.time_zone))

    def reasons(customer: int, moment: int, *, sending: bool, purpose: Purpose = Purpose.MARKETING) -> list[str]:
        question = dataclasses.replace(ask(purpose, FINANCIAL, moment), sending=sending)
        with database.reading() as connection:
            answer = strict.permit(connection, CustomerId(customer), question)
            many = strict.permit_set(connection, np.array([customer], dtype=np.int64), question)
        told = answer.detail.partition(": ")[2].split(", ") if isinstance(answer, Refusal) else []
        assert {reason.name for reason in many.refusals} == set(told)
        assert not isinstance(answer, Refusal) or answer.reason.name == told[0]
        return told

    assert reasons(free, late, sending=True) == ["QUIET_HOURS"]
    assert reasons(free, late, sending=False) == [], "a plan made at night is no fault"
    assert reasons(free, morning, sending=True) == []
    assert reasons(free, late, sending=True, purpose=Purpose.SERVICE) == []
    withdrawn = ["CONSENT_WITHDRAWN", "NO_CONSENT_FOR_DATA_CLASS", "UNDER_AGE"]
    assert reasons(forbidden, late, sending=True) == [*withdrawn, "QUIET_HOURS"]
    assert strict.next_open(late) == morning
    assert office.next_open(late) == late, "without settings there is no night"
