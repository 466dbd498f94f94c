"""Judging consent: pure logic over a customer's statements, one customer at a time.

`lingque.govern.judging` gives the same answers for many customers at once; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from lingque.core.clock import END_OF_TIME, Instant, shift
from lingque.core.reasons import Reason
from lingque.core.registries import SENSITIVE, DataClass, Purpose

ALL_CLASSES = DataClass.union(DataClass)
NEVER = Instant(-(2**63))
"""The expiry of what was not granted: before every moment, those before 1970 too."""
ADULT_AGE = 18
"""Regulation on the protection of minors online, art. 24: no automated-decision marketing under 18."""
GUARDIAN_AGE = 14
"""PIPL art. 31: under 14 the guardian consents."""

NO_CONSENT_NEEDED = frozenset({Purpose.SERVICE})
"""Service under the contract rests on PIPL art. 13(2), and carries no promotion."""
CONSENT_ALWAYS = frozenset({Purpose.MARKETING, Purpose.SHARING})
"""Purposes for which no other basis replaces the consent itself (Advertising Law art. 43; PIPL art. 23)."""

NOTHING = DataClass(0)

_ALL = int(ALL_CLASSES)
_PERSONAL = int(DataClass.PERSONAL)
_BITS = tuple(int(one) for one in DataClass)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A consent entry as the judge needs it. `by_guardian`: somebody who answers for the customer made it."""

    given: bool
    classes: DataClass
    acted_at: Instant
    expires_at: Instant | None
    by_guardian: bool = False


def consent_reasons(
    statements: Iterable[Statement],
    asked: DataClass,
    moment: Instant,
    *,
    under_guardian: bool = False,
    waived: DataClass = NOTHING,
) -> frozenset[Reason]:
    """Why the statements (in the order they were made) do not cover the ask; empty where they do.

    `PERSONAL` stands for the consent itself; each sensitive class needs to be named besides (PIPL art. 29). Of who is
    `under_guardian` only a guardian's consent counts. `waived` classes rest on another legal basis.
    """
    granted, ever = _granted(statement for statement in statements if statement.acted_at <= moment)
    reasons: set[Reason] = set()
    if not int(waived) & _PERSONAL:
        grant = granted.get(_PERSONAL)
        if grant is None:
            reasons.add(Reason.CONSENT_WITHDRAWN if ever else Reason.NO_CONSENT)
        elif grant.ends <= moment:
            reasons.add(Reason.CONSENT_EXPIRED)
        elif under_guardian and not grant.by_guardian:
            reasons.add(Reason.NO_GUARDIAN_CONSENT)
    separate = int(asked) & int(SENSITIVE) & ~int(waived)
    if any(bit not in granted or granted[bit].ends <= moment for bit in _BITS if separate & bit):
        reasons.add(Reason.NO_CONSENT_FOR_DATA_CLASS)
    return frozenset(reasons)


class _Grant(NamedTuple):
    ends: int
    by_guardian: bool


def _granted(statements: Iterable[Statement]) -> tuple[dict[int, _Grant], bool]:
    """The newest grant of each class that was not withdrawn since, and whether consent was ever given at all."""
    granted: dict[int, _Grant] = {}
    ever = False
    for statement in statements:
        # plain integers: a permit has microseconds, and sets of flags cost one each
        classes = int(statement.classes) or _ALL
        if statement.given:
            ends = END_OF_TIME if statement.expires_at is None else statement.expires_at
            grant = _Grant(ends=ends, by_guardian=statement.by_guardian)
            granted.update((bit, grant) for bit in _BITS if classes & bit)
            ever = ever or bool(classes & _PERSONAL)
        else:
            for bit in _BITS:
                if classes & bit:
                    granted.pop(bit, None)
    return granted, ever


def age_reason(birth_date: date | None, today: date, purpose: Purpose, *, automated: bool = True) -> Reason | None:
    """Marketing is for people of known age, and by automated decision for adults."""
    if purpose is not Purpose.MARKETING:
        return None
    if birth_date is None:
        return Reason.AGE_UNKNOWN
    return Reason.UNDER_AGE if automated and birth_date > born_by(today, ADULT_AGE) else None


@lru_cache(maxsize=8)  # asked for every permit, about a few days: a shift by years costs as much as half a permit
def born_by(today: date, age: int) -> date:
    """Whoever was born on that day or before is of that age today; who was born on 29 February, from 1 March on."""
    return shift(today, count=-age, unit="year")
