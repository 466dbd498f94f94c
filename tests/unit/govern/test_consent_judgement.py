"""What a customer's statements amount to at a moment."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lingque.core.clock import Instant
from lingque.core.reasons import Reason
from lingque.core.registries import SENSITIVE, DataClass, Purpose
from lingque.govern.consent import Statement, age_reason, consent_reasons

ALL, P, F, H = DataClass(0), DataClass.PERSONAL, DataClass.FINANCIAL, DataClass.HEALTH
NO, WITHDRAWN, EXPIRED, CLASS = (
    Reason.NO_CONSENT, Reason.CONSENT_WITHDRAWN, Reason.CONSENT_EXPIRED, Reason.NO_CONSENT_FOR_DATA_CLASS
)  # fmt: skip


def give(at: int, classes: DataClass = ALL, until: int | None = None) -> Statement:
    expires = None if until is None else Instant(until)
    return Statement(given=True, classes=classes, acted_at=Instant(at), expires_at=expires)


def take(at: int, classes: DataClass = ALL) -> Statement:
    return Statement(given=False, classes=classes, acted_at=Instant(at), expires_at=None)


@pytest.mark.parametrize(
    ("statements", "asked", "reasons"),
    [
        # nothing said is no
        ([], P, {NO}),
        ([], DataClass(0), {NO}),
        ([], P | F, {NO, CLASS}),
        # all classes, none named
        ([give(1)], P, set()),
        ([give(1)], P | F | H | DataClass.MINOR, set()),
        ([give(1), take(2)], P, {WITHDRAWN}),
        ([give(1), take(2)], P | F, {WITHDRAWN, CLASS}),
        ([give(1), take(2), give(3)], P | F, set()),
        ([take(1)], P, {NO}),
        ([take(1), give(2)], P, set()),
        ([give(1), give(2), take(3)], P, {WITHDRAWN}),
        # each sensitive class is named besides
        ([give(1, P)], P, set()),
        ([give(1, P)], P | F, {CLASS}),
        ([give(1, P | F)], P | F, set()),
        ([give(1, P | F)], P | F | H, {CLASS}),
        ([give(1, P), give(2, F)], P | F, set()),
        ([give(1, F)], P | F, {NO}),
        ([give(1, F)], F, {NO}),
        ([give(1, P)], P | DataClass.IDENTIFIER, set()),
        # one class taken away leaves the others
        ([give(1), take(2, F)], P, set()),
        ([give(1), take(2, F)], P | F, {CLASS}),
        ([give(1), take(2, F)], P | H, set()),
        ([give(1), take(2, F), give(3, F)], P | F, set()),
        ([give(1), take(2, P)], P, {WITHDRAWN}),
        ([give(1), take(2, P)], F, {WITHDRAWN}),
        ([give(1, P), take(2, F)], P, set()),
        # what lies beyond the moment (100) has not been said yet
        ([give(101)], P, {NO}),
        ([give(100)], P, set()),
        ([give(1), take(101)], P, set()),
        ([give(1), take(100)], P, {WITHDRAWN}),
        # a consent ends at its expiry
        ([give(1, ALL, 101)], P | F, set()),
        ([give(1, ALL, 100)], P, {EXPIRED}),
        ([give(1, ALL, 100)], P | F, {EXPIRED, CLASS}),
        ([give(1, ALL, 99)], P, {EXPIRED}),
        ([give(1, P), give(2, F, 100)], P | F, {CLASS}),
        ([give(1, ALL, 50), give(60)], P | F, set()),
        ([give(1, ALL, 50), give(60, P)], P | F, {CLASS}),
        ([give(1), give(2, ALL, 50)], P, {EXPIRED}),
        ([give(1, ALL, 50), take(60)], P, {WITHDRAWN}),
    ],
)
def test_what_was_said_gives_these_reasons(statements: list[Statement], asked: DataClass, reasons: set[Reason]) -> None:
    assert consent_reasons(statements, asked, Instant(100)) == reasons


classes = st.sets(st.sampled_from(list(DataClass))).map(DataClass.union)
moments = st.integers(-50, 50).map(Instant)
said = st.lists(
    st.builds(Statement, given=st.booleans(), classes=classes, acted_at=moments, expires_at=st.none() | moments),
    max_size=6,
).map(lambda listed: sorted(listed, key=lambda one: one.acted_at))


@given(said, classes, moments)
def test_all_taken_back_at_last_is_never_permitted(statements: list[Statement], asked: DataClass, moment: int) -> None:
    last = take(max([moment - 1, *(one.acted_at for one in statements if one.acted_at <= moment)]))
    before = [one for one in statements if one.acted_at <= moment]
    reasons = consent_reasons([*before, last], asked, Instant(moment))
    assert len(reasons & {NO, WITHDRAWN}) == 1
    assert (CLASS in reasons) == bool(asked & SENSITIVE)


@given(said, classes, classes, moments, st.none() | st.integers(1, 50))
def test_giving_more_never_takes_permission_away_before_it_expires(
    statements: list[Statement], given_classes: DataClass, asked: DataClass, moment: int, lasting: int | None
) -> None:
    statements = [one for one in statements if one.acted_at <= moment]
    until = None if lasting is None else moment + lasting
    more = [*statements, give(moment, given_classes, until)]
    assert len(consent_reasons(more, asked, Instant(moment))) <= len(
        consent_reasons(statements, asked, Instant(moment))
    )
    assert consent_reasons([*more, give(moment, ALL, until)], asked, Instant(moment)) == set()


@given(said, classes, moments)
def test_what_is_said_later_changes_nothing_now(statements: list[Statement], asked: DataClass, moment: int) -> None:
    past = [one for one in statements if one.acted_at <= moment]
    assert consent_reasons(statements, asked, Instant(moment)) == consent_reasons(past, asked, Instant(moment))


@given(said, classes, classes, moments)
def test_asking_for_more_is_never_easier(
    statements: list[Statement], one: DataClass, other: DataClass, moment: int
) -> None:
    assert consent_reasons(statements, one, Instant(moment)) <= consent_reasons(
        statements, one | other, Instant(moment)
    )


@given(said, classes, moments)
def test_nobody_is_permitted_who_never_gave(statements: list[Statement], asked: DataClass, moment: int) -> None:
    assume(not any(one.given and (one.classes & P or not one.classes) for one in statements))
    assert NO in consent_reasons(statements, asked, Instant(moment))


@pytest.mark.parametrize(
    ("born", "today", "reason"),
    [
        (date(2008, 6, 15), date(2026, 6, 14), Reason.UNDER_AGE),
        (date(2008, 6, 15), date(2026, 6, 15), None),
        (date(2008, 6, 15), date(2026, 6, 16), None),
        (date(2008, 12, 31), date(2026, 12, 30), Reason.UNDER_AGE),
        (date(2008, 12, 31), date(2026, 12, 31), None),
        (date(2008, 1, 1), date(2025, 12, 31), Reason.UNDER_AGE),
        (date(2008, 2, 29), date(2026, 2, 28), Reason.UNDER_AGE),
        (date(2008, 2, 29), date(2026, 3, 1), None),
        (date(2008, 3, 1), date(2026, 2, 28), Reason.UNDER_AGE),
        (date(1990, 2, 28), date(2026, 2, 28), None),
        (date(2026, 6, 15), date(2026, 6, 15), Reason.UNDER_AGE),
        (date(2030, 6, 15), date(2026, 6, 15), Reason.UNDER_AGE),
        (None, date(2026, 6, 15), Reason.AGE_UNKNOWN),
    ],
)
def test_marketing_is_for_adults_of_known_age(born: date | None, today: date, reason: Reason | None) -> None:
    assert age_reason(born, today, Purpose.MARKETING) is reason


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.MARKETING])
def test_other_purposes_ask_for_no_age(purpose: Purpose) -> None:
    assert age_reason(None, date(2026, 6, 15), purpose) is None
    assert age_reason(date(2020, 1, 1), date(2026, 6, 15), purpose) is None


@given(st.dates(date(1920, 1, 1), date(2020, 1, 1)), st.integers(0, 40_000))
def test_who_is_of_age_stays_of_age(born: date, later: int) -> None:
    first = next(
        day
        for day in (date(born.year + 18, 1, 1) + timedelta(days=number) for number in range(366))
        if age_reason(born, day, Purpose.MARKETING) is None
    )
    turning = date(born.year + 18, 3, 1) if (born.month, born.day) == (2, 29) else born.replace(year=born.year + 18)
    leap = (born.month, born.day) == (2, 29) and (born.year + 18) % 4 == 0
    assert first == (date(born.year + 18, 2, 29) if leap else turning)
    assert age_reason(born, first + timedelta(days=later), Purpose.MARKETING) is None
