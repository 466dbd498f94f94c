"""Who the customers are: what the bank knows of them, and the traits it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lingque.core.hashing import Float64s, Int64s, mix64
from lingque.twin.blocks import Block
from lingque.twin.days import NEVER, day_number, months_later
from lingque.twin.documents import document_numbers
from lingque.twin.names import GIVEN, SURNAMES
from lingque.twin.organisation import BRANCHES, CITIES, CITY_SHARES

ADULT = 18
RETIRED = 60
INCOME_KINDS = ("salary", "pension", "transfer_in")
OCCUPATIONS = ("student", "employee", "civil_servant", "teacher", "self_employed", "retired", "other")
_STUDENT, _RETIRED, _OTHER = map(OCCUPATIONS.index, ("student", "retired", "other"))
_STUDENTS_TO_AGE = 23
LIFE_STAGES = ("student", "single", "couple", "young_family", "grown_family", "empty_nest", "retired")
CHURN_STAGES = ("active", "slackening", "leaving", "left")
CHURN_DAYS = (0, 60, 150)
"""How many days after it began each stage of leaving the bank begins."""
HABITS = ("email", "sms", "app_push", "wecom", "ai_call", "rm_call")
"""Ways to be told something, in the order of `Population.channel_habit`."""
CUSTOMERS_PER_EMPLOYER = 150

_NEVER_GIVEN_AGAIN = 50_000_000
"""A number that nobody has: that of a customer who does not exist."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """One entry per customer in every field. Days are days since 1970-01-01, money is in fen.

    From `wealth` on, the fields are traits that stand in no extract. `digital`, `loyalty`, `price_sensitivity`,
    `annoyance` and `risk_attitude` lie in [0, 1]; the last three are percentiles.
    """

    customer_no: tuple[str, ...]
    name: tuple[str, ...]
    document_no: tuple[str, ...]
    """Of an identity card; none is one that anybody could have."""
    phone: tuple[str, ...]
    """Empty where the bank has none on file; otherwise unique. None is a number that anybody could have."""
    email: tuple[str, ...]
    """Likewise."""
    city: Int64s
    """Position in `CITIES`."""
    branch: Int64s
    """Position in `BRANCHES.code`."""
    female: Int64s
    occupation: Int64s
    birth_day: Int64s
    age: Int64s
    opened_day: Int64s

    income: Int64s
    income_kind: Int64s
    """Position in `INCOME_KINDS`."""
    wealth: Float64s
    """1 at about the median; what anybody leaves on an account or places is in proportion to it."""
    idle_balance: Int64s
    means: Float64s
    """The pull of that money: 0 for none, 1/2 at the median, towards 1 for much."""
    digital: Float64s
    loyalty: Float64s
    price_sensitivity: Float64s
    annoyance: Float64s
    risk_attitude: Float64s
    life_stage: Int64s
    """Position in `LIFE_STAGES`."""
    household: Int64s
    """Number shared by customers who live together: the position in the bank of the first of them."""
    employer: Int64s
    """Number of who pays the salary; −1 without one."""
    channel_habit: Float64s
    """By customer and way of `HABITS`: how readily it is noticed, about 1 on average."""
    churn_day: Int64s
    """When the customer begins to leave the bank; `NEVER` for most."""
    churn_stage: Int64s
    """Position in `CHURN_STAGES`, on the morning of `as_of`."""

    @classmethod
    def make(cls, block: Block) -> Population:
        """The customers of one block."""
        n = block.customers
        today = day_number(block.parameters.as_of)
        age = np.floor(16 + 70 * block.stream("age").beta(1.4, 2.0, n)).astype(np.int64)
        birthday = block.stream("birthday").integers(0, 365, n)
        birth_day = months_later(np.full(n, today), -12 * age) - birthday
        female = block.stream("gender").integers(0, 2, n)
        income_kind, income = _incomes(block, age)
        luck_in_life = block.stream("wealth").lognormal(0.0, 0.8, n)
        wealth = luck_in_life * np.sqrt(income / (100 * block.parameters.median_income))
        city = block.stream("city").choice(len(CITIES), n, p=CITY_SHARES)
        tenure = block.stream("tenure").integers(30, 15 * 365, n)
        digital = block.stream("digital").random(n) * (0.6 + 0.4 * (86 - age) / 70)
        loyalty = 0.5 * tenure / (15 * 365) + 0.5 * block.stream("loyalty").random(n)
        means = wealth / (wealth + 1)
        branch = _branches(block, city)
        churn_day = _churn_days(block, loyalty)
        return cls(
            customer_no=tuple(f"C{number:07d}" for number in (block.positions + 1).tolist()),
            name=_names(block),
            document_no=document_numbers(block.positions, birth_day=birth_day, female=female),
            phone=_phones(block),
            email=_emails(block),
            city=city,
            branch=branch,
            female=female,
            occupation=_occupations(block, age, income_kind),
            birth_day=birth_day,
            age=age,
            opened_day=today - tenure,
            income=income,
            income_kind=income_kind,
            wealth=wealth,
            idle_balance=np.rint(100 * block.parameters.median_idle_balance * wealth).astype(np.int64),
            means=means,
            digital=digital,
            loyalty=loyalty,
            price_sensitivity=block.stream("price sensitivity").random(n),
            annoyance=block.stream("annoyance").random(n),
            risk_attitude=block.stream("risk attitude").random(n),
            life_stage=_life_stages(block, age),
            household=_households(block, branch, age),
            employer=np.where(income_kind == 0, employer_of(block), -1),
            channel_habit=_habits(block, digital, means),
            churn_day=churn_day,
            churn_stage=_stages_on(today, churn_day),
        )

    @classmethod
    def joined(cls, parts: Sequence[Population]) -> Population:
        """One population of those of consecutive blocks."""
        fields: dict[str, Any] = {}
        for name in cls.__dataclass_fields__:
            values = [getattr(part, name) for part in parts]
            fields[name] = sum(values, ()) if isinstance(values[0], tuple) else np.concatenate(values)
        return cls(**fields)


def _incomes(block: Block, age: Int64s) -> tuple[Int64s, Int64s]:
    """Kind and monthly amount. Everybody has some: an account without would soon be empty and silent."""
    n = block.customers
    employed = (age >= 20) & (age < RETIRED) & (block.stream("employment").random(n) < 0.85)
    kind = np.where(employed, 0, np.where(age >= RETIRED, 1, 2)).astype(np.int64)
    level = np.array([1.0, 0.55, 0.3])[kind] * block.parameters.median_income * 100
    return kind, np.rint(level * block.stream("income").lognormal(0.0, 0.5, n)).astype(np.int64)


def _occupations(block: Block, age: Int64s, income_kind: Int64s) -> Int64s:
    working = block.stream("occupation").choice((1, 2, 3, 4), len(age), p=(0.62, 0.1, 0.1, 0.18))
    not_working = np.where(age < _STUDENTS_TO_AGE, _STUDENT, _OTHER)
    kinds: Int64s = np.choose(income_kind, (working, np.full(len(age), _RETIRED), not_working))
    return kinds


def employer_of(block: Block) -> Int64s:
    """Where everybody of the block would work: a few large employers, and many small ones."""
    employers = block.parameters.customers // CUSTOMERS_PER_EMPLOYER + 5
    picked: Int64s = np.floor(employers * block.stream("employer").random(block.customers) ** 2).astype(np.int64)
    return picked


def payday_of(employer: Int64s) -> Int64s:
    """Day of the month, from 5 to 25: one for all whom an employer pays."""
    return (mix64(employer) % np.uint64(21)).astype(np.int64) + 5


def _life_stages(block: Block, age: Int64s) -> Int64s:
    """By age, with chance at the borders."""
    felt = age + block.stream("life stage").normal(0, 3, len(age))
    stage = np.searchsorted((22, 28, 32, 42, 54), felt, side="right").astype(np.int64)
    return np.where(age >= RETIRED, LIFE_STAGES.index("retired"), stage)


def _households(block: Block, branch: Int64s, age: Int64s) -> Int64s:
    """Neighbours of one branch live together in a third of all cases; nobody lives in two blocks."""
    random = block.stream("household")
    order = np.lexsort((random.random(len(age)), branch))
    joins = random.random(len(age)) < block.parameters.household_share
    joins[0] = False
    joins[1:] &= branch[order][1:] == branch[order][:-1]
    head = np.maximum.accumulate(np.where(joins, 0, np.arange(len(age))))
    household = np.empty(len(age), dtype=np.int64)
    household[order] = block.first + order[head]
    return household


def _habits(block: Block, digital: Float64s, means: Float64s) -> Float64s:
    leaning = np.stack(
        [
            0.4 + 1.4 * digital,
            1.2 - 0.45 * digital,
            0.2 + 1.8 * digital,
            0.6 + 0.9 * digital,
            1.2 - 0.45 * digital,
            0.7 + 0.6 * means,
        ],
        axis=1,
    )
    return np.asarray(leaning * block.stream("channel habits").uniform(0.7, 1.3, leaning.shape), dtype=np.float64)


def _churn_days(block: Block, loyalty: Float64s) -> Int64s:
    """The less loyal more often; over ten years, so that some have left long ago."""
    today = day_number(block.parameters.as_of)
    random = block.stream("churn")
    hazard = block.parameters.churn_per_year * (1.6 - 1.2 * loyalty) / 365
    days = random.exponential(1.0, len(loyalty)) / np.maximum(hazard, 1e-12)
    day = today - 3 * 365 + np.minimum(days, 10_000).astype(np.int64)
    return np.where(day < today + 3 * 365, day, NEVER)


def _stages_on(today: int, churn_day: Int64s) -> Int64s:
    return np.searchsorted(CHURN_DAYS, today - churn_day, side="right").astype(np.int64)


def _branches(block: Block, city: Int64s) -> Int64s:
    first = np.array([here[0] for here in BRANCHES.of_city])
    count = np.array([len(here) for here in BRANCHES.of_city])
    branch: Int64s = first[city] + block.stream("branch").integers(0, count[city])
    return branch


def _names(block: Block) -> tuple[str, ...]:
    random = block.stream("name")
    n = block.customers
    surnames = random.integers(0, len(SURNAMES), n).tolist()
    given = random.integers(0, len(GIVEN), (n, 2)).tolist()
    short = (random.random(n) < 0.2).tolist()
    return tuple(
        SURNAMES[s] + GIVEN[g[0]] + ("" if one else GIVEN[g[1]])
        for s, g, one in zip(surnames, given, short, strict=True)
    )


def _phones(block: Block) -> tuple[str, ...]:
    missing = block.stream("missing phone").random(block.customers) < block.parameters.missing_phone_share
    return tuple("" if absent else _phone(number) for number, absent in enumerate(missing.tolist(), block.first + 1))


def former_phone(number: int) -> str:
    """What the customer of that number gave up; nobody has it now."""
    return _phone(number + _NEVER_GIVEN_AGAIN)


def _phone(number: int) -> str:
    """No mobile number begins with 100; times 7919 so that neighbours do not look alike."""
    return f"100{number * 7919 % 100_000_000:08d}"


def _emails(block: Block) -> tuple[str, ...]:
    missing = block.stream("missing email").random(block.customers) < block.parameters.missing_email_share
    return tuple(
        "" if absent else f"c{number:07d}@customers.example"
        for number, absent in enumerate(missing.tolist(), block.first + 1)
    )
