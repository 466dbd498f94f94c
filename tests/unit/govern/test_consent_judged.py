"""Consent as a customer's statements add up to it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.core.clock import Instant
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.govern.consent import Statement, age_reason, consent_reasons

P, F, H = DataClass.PERSONAL, DataClass.FINANCIAL, DataClass.HEALTH
ALL = DataClass(0)


def give(classes: DataClass, at: int, expires: int | None = None) -> Statement:
    return Statement(
        given=True,
        classes=classes,
        acted_at=Instant(at),
        expires_at=None if expires is None else Instant(expires),
    )


def withdraw(classes: DataClass, at: int) -> Statement:
    return Statement(given=False, classes=classes, acted_at=Instant(at), expires_at=None)


NO, GONE, OLD, CLASS = (
    Reason.NO_CONSENT,
    Reason.CONSENT_WITHDRAWN,
    Reason.CONSENT_EXPIRED,
    Reason.NO_CONSENT_FOR_DATA_CLASS,
)


@pytest.mark.parametrize(
    ("statements", "asked", "reasons"),
    [
        ([], P, {NO}),
        ([], P | F, {NO, CLASS}),
        ([give(P, 1)], P, set()),
        ([give(P, 1)], F, {CLASS}),
        ([give(P | F, 1)], F, set()),
        ([give(P | F, 1)], F | H, {CLASS}),
        ([give(F, 1)], F, {NO}),  # a class without the consent itself
        ([give(ALL, 1)], F | H, set()),  # none named: all
        ([give(P | F, 1), withdraw(ALL, 2)], P, {GONE}),
        ([give(P | F, 1), withdraw(ALL, 2)], F, {GONE, CLASS}),
        ([give(P | F, 1), withdraw(F, 2)], P, set()),
        ([give(P | F, 1), withdraw(F, 2)], F, {CLASS}),
        ([give(P, 1), withdraw(ALL, 2), give(P, 3)], P, set()),
        ([give(P | F, 1), give(P, 2)], F, set()),  # giving less does not take away
        ([withdraw(ALL, 1)], P, {NO}),
        ([give(P, 1, expires=10)], P, {OLD}),  # the moment of expiry is already too late
        ([give(P, 1, expires=11)], P, set()),
        ([give(P, 1, expires=5), give(P, 2)], P, set()),
        ([give(P, 11)], P, {NO}),  # said after the moment
        ([give(P, 1), withdraw(ALL, 11)], P, set()),
        ([give(P, 10)], P, set()),  # said at the moment
    ],
)
def test_statements_add_up(statements: list[Statement], asked: DataClass, reasons: set[Reason]) -> None:
    assert consent_reasons(statements, asked, Instant(10)) == reasons


classes = st.integers(0, 255).map(DataClass)
said = st.lists(st.tuples(st.booleans(), classes), max_size=8)


def spoken(entries: list[tuple[bool, DataClass]]) -> list[Statement]:
    return [give(mask, at) if given_ else withdraw(mask, at) for at, (given_, mask) in enumerate(entries)]


@given(said, classes)
def test_after_withdrawing_everything_nothing_is_permitted(
    entries: list[tuple[bool, DataClass]], asked: DataClass
) -> None:
    statements = [*spoken(entries), withdraw(ALL, 50)]
    assert consent_reasons(statements, asked, Instant(100)) & {NO, GONE}


@given(said, classes, classes)
def test_giving_more_never_takes_permission_away(
    entries: list[tuple[bool, DataClass]], more: DataClass, asked: DataClass
) -> None:
    before = consent_reasons(spoken(entries), asked, Instant(100))
    after = consent_reasons([*spoken(entries), give(more, 50)], asked, Instant(100))
    assert not after or before, "what was permitted stays so"


@given(said, classes, classes)
def test_asking_for_less_is_never_harder(
    entries: list[tuple[bool, DataClass]], asked: DataClass, dropped: DataClass
) -> None:
    much = consent_reasons(spoken(entries), asked, Instant(100))
    little = consent_reasons(spoken(entries), asked & ~dropped, Instant(100))
    assert little <= much


@pytest.mark.parametrize(
    ("born", "today", "reason"),
    [
        (date(2008, 6, 2), date(2026, 6, 1), Reason.UNDER_AGE),
        (date(2008, 6, 1), date(2026, 6, 1), None),
        (date(2008, 2, 29), date(2026, 2, 28), Reason.UNDER_AGE),
        (date(2008, 2, 29), date(2026, 3, 1), None),
        (None, date(2026, 6, 1), Reason.AGE_UNKNOWN),
    ],
)
def test_marketing_is_for_adults_of_known_age(born: date | None, today: date, reason: Reason | None) -> None:
    assert age_reason(born, today, Purpose.MARKETING) is reason
    assert age_reason(born, today, Purpose.SERVICE) is None


@given(st.dates(date(1930, 1, 1), date(2030, 1, 1)), st.integers(0, 40_000))
def test_whoever_is_of_age_stays_so(born: date, days: int) -> None:
    today = min(born + timedelta(days=days), date(2100, 1, 1))
    if age_reason(born, today, Purpose.MARKETING) is None:
        assert age_reason(born, today + timedelta(days=400), Purpose.MARKETING) is None
