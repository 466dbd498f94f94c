"""What leave a customer gives, reckoned in plain Python from statements in words of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from lingque.core.clock import BusinessCalendar, Instant, instant_of
from lingque.core.reasons import Reason
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import (
    Grounds,
    PermitAsk,
)

NOW = instant_of(datetime(2026, 6, 1, 2, 0, tzinfo=UTC))


DAY = 86_400_000_000


CALENDAR = BusinessCalendar(ZoneInfo("Asia/Shanghai"))


TODAY = date(2026, 6, 1)


ALL = tuple(DataClass)
P, F, H = DataClass.PERSONAL, DataClass.FINANCIAL, DataClass.HEALTH


@dataclass(frozen=True)
class Said:
    """A statement in words of its own, so that the oracle shares nothing with the judge."""

    day: int
    give: bool
    classes: tuple[DataClass, ...] = ()
    purpose: Purpose = Purpose.MARKETING
    channel: str = "email"
    until: int | None = None
    guardian: bool = False


@dataclass(frozen=True)
class Person:
    born: date | None = date(1980, 1, 1)
    said: tuple[Said, ...] = ()
    machine: tuple[tuple[int, bool], ...] = ()
    tags: tuple[tuple[int, str, bool], ...] = ()
    lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bases:
    """Classes that need no separate consent for marketing, from a day until a day."""

    classes: tuple[DataClass, ...] = ()
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Asked:
    purpose: Purpose = Purpose.MARKETING
    channel: str = "email"
    classes: tuple[DataClass, ...] = ()
    day: int = 0
    automated: bool = True
    tags: tuple[str, ...] = ()

    @property
    def ask(self) -> PermitAsk:
        return PermitAsk(
            purpose=self.purpose,
            channel=self.channel,
            data_classes=DataClass.union(self.classes),
            moment=at(self.day),
            grounds=Grounds(automated=self.automated, tags=frozenset(self.tags)),
        )


def at(day: int) -> Instant:
    return Instant(NOW + day * DAY)


def age_on(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


NO_BASES = Bases()


def expected(person: Person, asked: Asked, bases: Bases = NO_BASES) -> set[Reason]:
    """The law as it reads."""
    if asked.purpose is Purpose.SERVICE:
        return set()
    reasons = of_consent(person, asked, bases)
    if asked.purpose is Purpose.MARKETING:
        reasons |= of_marketing(person, asked)
    for tag in asked.tags:
        told = [no for day, name, no in person.tags if name == tag and day <= asked.day]
        reasons |= {Reason.TAG_REFUSED} if told and told[-1] else set()
    if asked.day >= 0:  # put on today
        reasons |= {Reason.ON_EXCLUSION_LIST} if "open" in person.lists else set()
        reasons |= {Reason.COMPLIANCE_EXCLUSION} if "secret" in person.lists else set()
    return reasons


def of_consent(person: Person, asked: Asked, bases: Bases) -> set[Reason]:
    """Art. 13 to 15, 23, 29 and 31."""
    heard = [
        one
        for one in sorted(person.said, key=lambda one: one.day)
        if one.day <= asked.day and one.purpose is asked.purpose and one.channel == asked.channel
    ]

    def newest(about: DataClass) -> Said | None:
        words = [one for one in heard if not one.classes or about in one.classes]
        return words[-1] if words else None

    def holds(one: Said | None) -> bool:
        return one is not None and one.give and (one.until is None or asked.day < one.until)

    consent = newest(DataClass.PERSONAL)
    reasons: set[Reason] = set()
    if consent is not None and holds(consent):
        child = person.born is not None and age_on(person.born, day_of(asked)) < 14
        reasons |= {Reason.NO_GUARDIAN_CONSENT} if child and not consent.guardian else set()
    elif consent is not None and consent.give:
        reasons.add(Reason.CONSENT_EXPIRED)
    elif any(one.give and (not one.classes or DataClass.PERSONAL in one.classes) for one in heard):
        reasons.add(Reason.CONSENT_WITHDRAWN)
    else:
        reasons.add(Reason.NO_CONSENT)
    waived = bases.classes if asked.purpose is Purpose.MARKETING and bases.first <= asked.day < bases.last else ()
    plain = (DataClass.PERSONAL, DataClass.IDENTIFIER)
    if any(not holds(newest(one)) for one in asked.classes if one not in plain and one not in waived):
        reasons.add(Reason.NO_CONSENT_FOR_DATA_CLASS)
    return reasons


def of_marketing(person: Person, asked: Asked) -> set[Reason]:
    """Art. 24, and the regulation on minors."""
    reasons: set[Reason] = set()
    if person.born is None:
        reasons.add(Reason.AGE_UNKNOWN)
    elif asked.automated and age_on(person.born, day_of(asked)) < 18:
        reasons.add(Reason.UNDER_AGE)
    words = [no for day, no in person.machine if day <= asked.day]
    if asked.automated and words and words[-1]:
        reasons.add(Reason.AUTOMATED_DECISION_REFUSED)
    return reasons


def day_of(asked: Asked) -> date:
    return TODAY + timedelta(days=asked.day)


STATES: dict[str, tuple[Said, ...]] = {
    "nothing said": (),
    "personal": (Said(-9, True, (P,)),),
    "personal and financial": (Said(-9, True, (P, F)),),
    "everything": (Said(-9, True),),
    "withdrawn": (Said(-9, True), Said(-8, False)),
    "financial withdrawn": (Said(-9, True), Said(-8, False, (F,))),
    "given again": (Said(-9, True), Said(-8, False), Said(-7, True, (P,))),
    "expired": (Said(-9, True, until=0),),
    "expires tomorrow": (Said(-9, True, until=1),),
    "only financial": (Said(-9, True, (F,)),),
    "by the guardian": (Said(-9, True, guardian=True),),
    "the guardian's, then one's own": (Said(-9, True, guardian=True), Said(-8, True)),
    "from tomorrow": (Said(1, True),),
    "withdrawn from tomorrow": (Said(-9, True), Said(1, False)),
    "other channel": (Said(-9, True, channel="sms"),),
    "sharing with a partner": (Said(-9, True, (P, F), purpose=Purpose.SHARING, channel="partner_a"),),
    "analytics": (Said(-9, True, (P,), purpose=Purpose.ANALYTICS),),
}


AGES = (date(1980, 1, 1), date(2008, 6, 1), date(2008, 6, 2), date(2012, 6, 1), date(2012, 6, 2), None)


CLASSES = ((), (P,), (P, F), (P, H), (DataClass.IDENTIFIER,), ALL)


def everybody() -> list[Person]:
    people = [Person(born=born, said=said) for born, said in product(AGES, STATES.values())]
    agreed = STATES["everything"]
    people += [
        Person(said=agreed, machine=((-5, True),)),
        Person(said=agreed, machine=((-5, True), (-4, False))),
        Person(said=agreed, machine=((1, True),)),
        Person(said=agreed, tags=((-5, "wealthy", True),)),
        Person(said=agreed, tags=((-5, "wealthy", True), (-4, "wealthy", False), (-3, "car", True))),
        Person(said=agreed, lists=("open",)),
        Person(said=agreed, lists=("open", "secret")),
        Person(said=agreed, lists=("not defined",)),
        Person(born=date(2012, 6, 2), said=STATES["by the guardian"], machine=((-5, True),), lists=("secret",)),
    ]
    return people


def every_ask() -> list[Asked]:
    cells = product(Purpose, ("email", "sms", "partner_a"), CLASSES, (True, False))
    asks = [Asked(purpose=p, channel=c, classes=k, automated=a) for p, c, k, a in cells]
    asks += [Asked(classes=(P, F), day=day, tags=("wealthy", "car")) for day in (-20, -9, -8, -7, -5, -4, -1, 1, 2)]
    return asks
