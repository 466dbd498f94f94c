"""Judging consent: pure logic over a customer's statements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from lingque.core.clock import END_OF_TIME, Instant
from lingque.core.reasons import Reason
from lingque.core.registries import SENSITIVE, DataClass, Purpose

ALL_CLASSES = DataClass.union(DataClass)
NEVER = Instant(-(2**63))
"""The expiry of what was not granted: before every moment, those before 1970 too."""
ADULT_AGE = 18
"""Regulation on the protection of minors online, art. 24: no automated-decision marketing under 18."""

NO_CONSENT_NEEDED = frozenset({Purpose.SERVICE})
"""Service under the contract rests on PIPL art. 13(2), and carries no promotion."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A consent entry as the judge needs it."""

    given: bool
    classes: DataClass
    acted_at: Instant
    expires_at: Instant | None


def consent_reasons(statements: Iterable[Statement], asked: DataClass, moment: Instant) -> frozenset[Reason]:
    """Why the statements (in the order they were made) do not cover the ask; empty where they do.

    `PERSONAL` stands for the consent itself; each sensitive class needs to be named besides (PIPL art. 29).
    """
    granted: dict[DataClass, Instant] = {}  # class → expiry of the newest grant
    ever = DataClass(0)
    for statement in statements:
        if statement.acted_at > moment:
            continue
        for one in statement.classes or ALL_CLASSES:
            if statement.given:
                granted[one] = statement.expires_at if statement.expires_at is not None else END_OF_TIME
                ever |= one
            else:
                granted.pop(one, None)
    reasons: set[Reason] = set()
    if granted.get(DataClass.PERSONAL, NEVER) <= moment:
        if DataClass.PERSONAL in granted:
            reasons.add(Reason.CONSENT_EXPIRED)
        else:
            reasons.add(Reason.CONSENT_WITHDRAWN if DataClass.PERSONAL in ever else Reason.NO_CONSENT)
    if any(granted.get(one, NEVER) <= moment for one in asked & SENSITIVE):
        reasons.add(Reason.NO_CONSENT_FOR_DATA_CLASS)
    return frozenset(reasons)


def age_reason(birth_date: date | None, today: date, purpose: Purpose) -> Reason | None:
    """Marketing by automated decision is for adults of known age."""
    if purpose is not Purpose.MARKETING:
        return None
    if birth_date is None:
        return Reason.AGE_UNKNOWN
    # born on 29 February: of age on 1 March, as (month, day) compares
    age = today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
    return Reason.UNDER_AGE if age < ADULT_AGE else None
