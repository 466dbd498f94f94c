"""Who the customers are: what the bank knows of them, and the traits it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import day_number, months_later
from lingque.twin.organisation import BRANCHES, CITIES, CITY_SHARES
from lingque.twin.parameters import TwinParameters

ADULT = 18
RETIRED = 60
INCOME_KINDS = ("salary", "pension", "transfer_in")
OCCUPATIONS = ("student", "employee", "civil_servant", "teacher", "self_employed", "retired", "other")
_STUDENT, _RETIRED, _OTHER = map(OCCUPATIONS.index, ("student", "retired", "other"))
_STUDENTS_TO_AGE = 23

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲芬燕彬凯浩宇欣怡梓涵子轩雨晨思佳嘉"


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """One entry per customer in every field. Days are days since 1970-01-01, money is in fen.

    From `wealth` on, the fields are traits that stand in no extract. `digital`, `loyalty`, `price_sensitivity`,
    `annoyance` and `risk_attitude` lie in [0, 1]; the last three are percentiles.
    """

    customer_no: tuple[str, ...]
    name: tuple[str, ...]
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

    @classmethod
    def make(cls, parameters: TwinParameters) -> Population:
        n = parameters.customers
        today = day_number(parameters.as_of)
        age = np.floor(16 + 70 * parameters.stream("age").beta(1.4, 2.0, n)).astype(np.int64)
        birthday = parameters.stream("birthday").integers(0, 365, n)
        income_kind, income = _incomes(parameters, age)
        luck_in_life = parameters.stream("wealth").lognormal(0.0, 0.8, n)
        wealth = luck_in_life * np.sqrt(income / (100 * parameters.median_income))
        city = parameters.stream("city").choice(len(CITIES), n, p=CITY_SHARES)
        tenure = parameters.stream("tenure").integers(30, 15 * 365, n)
        return cls(
            customer_no=tuple(f"C{number:06d}" for number in range(1, n + 1)),
            name=_names(parameters),
            phone=_phones(parameters),
            email=_emails(parameters),
            city=city,
            branch=_branches(parameters, city),
            female=parameters.stream("gender").integers(0, 2, n),
            occupation=_occupations(parameters, age, income_kind),
            birth_day=months_later(np.full(n, today), -12 * age) - birthday,
            age=age,
            opened_day=today - tenure,
            income=income,
            income_kind=income_kind,
            wealth=wealth,
            idle_balance=np.rint(100 * parameters.median_idle_balance * wealth).astype(np.int64),
            means=wealth / (wealth + 1),
            digital=parameters.stream("digital").random(n) * (0.6 + 0.4 * (86 - age) / 70),
            loyalty=0.5 * tenure / (15 * 365) + 0.5 * parameters.stream("loyalty").random(n),
            price_sensitivity=parameters.stream("price sensitivity").random(n),
            annoyance=parameters.stream("annoyance").random(n),
            risk_attitude=parameters.stream("risk attitude").random(n),
        )


def _incomes(parameters: TwinParameters, age: Int64s) -> tuple[Int64s, Int64s]:
    """Kind and monthly amount. Everybody has some: an account without would soon be empty and silent."""
    n = parameters.customers
    employed = (age >= 20) & (age < RETIRED) & (parameters.stream("employment").random(n) < 0.85)
    kind = np.where(employed, 0, np.where(age >= RETIRED, 1, 2)).astype(np.int64)
    level = np.array([1.0, 0.55, 0.3])[kind] * parameters.median_income * 100
    return kind, np.rint(level * parameters.stream("income").lognormal(0.0, 0.5, n)).astype(np.int64)


def _occupations(parameters: TwinParameters, age: Int64s, income_kind: Int64s) -> Int64s:
    working = parameters.stream("occupation").choice((1, 2, 3, 4), len(age), p=(0.62, 0.1, 0.1, 0.18))
    not_working = np.where(age < _STUDENTS_TO_AGE, _STUDENT, _OTHER)
    kinds: Int64s = np.choose(income_kind, (working, np.full(len(age), _RETIRED), not_working))
    return kinds


def _branches(parameters: TwinParameters, city: Int64s) -> Int64s:
    first = np.array([here[0] for here in BRANCHES.of_city])
    count = np.array([len(here) for here in BRANCHES.of_city])
    branch: Int64s = first[city] + parameters.stream("branch").integers(0, count[city])
    return branch


def _names(parameters: TwinParameters) -> tuple[str, ...]:
    random = parameters.stream("name")
    n = parameters.customers
    surnames = random.integers(0, len(_SURNAMES), n).tolist()
    given = random.integers(0, len(_GIVEN), (n, 2)).tolist()
    short = (random.random(n) < 0.2).tolist()
    return tuple(
        _SURNAMES[s] + _GIVEN[g[0]] + ("" if one else _GIVEN[g[1]])
        for s, g, one in zip(surnames, given, short, strict=True)
    )


def _phones(parameters: TwinParameters) -> tuple[str, ...]:
    missing = parameters.stream("missing phone").random(parameters.customers) < parameters.missing_phone_share
    # no mobile number begins with 100; times 7919 so that neighbours do not look alike
    return tuple(
        "" if absent else f"100{number * 7919 % 100_000_000:08d}" for number, absent in enumerate(missing.tolist(), 1)
    )


def _emails(parameters: TwinParameters) -> tuple[str, ...]:
    missing = parameters.stream("missing email").random(parameters.customers) < parameters.missing_email_share
    return tuple(
        "" if absent else f"c{number:06d}@customers.example" for number, absent in enumerate(missing.tolist(), 1)
    )
