"""Who the customers are: what the bank knows of them, what it does not, and how each would answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.parameters import TwinParameters

ADULT = 18
RETIRED = 60
INCOME_KINDS = ("salary", "pension", "transfer_in")

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲芬燕彬凯浩宇欣怡梓涵子轩雨晨思佳嘉"
_CITIES = ("上海", "北京", "深圳", "广州", "杭州", "成都", "武汉", "南京", "西安", "长沙")
_CITY_SHARES = (0.18, 0.15, 0.12, 0.12, 0.10, 0.10, 0.08, 0.06, 0.05, 0.04)


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """One entry per customer in every field. Days are days since 1970-01-01, money is in fen.

    `digital`, `price_sensitivity` and `annoyance` lie in [0, 1); the last two are percentiles. `p0` and `p1`,
    the probabilities to open a term deposit within 30 days without and with a message, are in no extract.
    """

    customer_no: tuple[str, ...]
    name: tuple[str, ...]
    email: tuple[str, ...]
    """Empty where the bank has none on file; otherwise unique."""
    city: tuple[str, ...]
    birth_day: Int64s
    age: Int64s
    opened_day: Int64s
    income: Int64s
    income_kind: Int64s
    """Index into `INCOME_KINDS`."""
    idle_balance: Int64s
    means: Float64s
    """The pull of that idle money: 0 for none, 1/2 at the median, towards 1 for much."""
    digital: Float64s
    price_sensitivity: Float64s
    annoyance: Float64s
    p0: Float64s
    p1: Float64s

    @classmethod
    def make(cls, parameters: TwinParameters) -> Population:
        n = parameters.customers
        today = day_number(parameters.as_of)
        age = np.floor(16 + 70 * parameters.stream("age").beta(1.4, 2.0, n)).astype(np.int64)
        birthday = parameters.stream("birthday").integers(0, 365, n)
        income_kind, income = _incomes(parameters, age)
        wealth = parameters.stream("wealth").lognormal(0.0, 1.0, n)
        relative = wealth * np.sqrt(income / (100 * parameters.median_income))
        means = relative / (relative + 1)
        digital = parameters.stream("digital").random(n) * (0.6 + 0.4 * (86 - age) / 70)
        price_sensitivity = parameters.stream("price sensitivity").random(n)
        annoyance = parameters.stream("annoyance").random(n)
        p0, p1 = _probabilities(parameters, age, means, digital, price_sensitivity, annoyance)
        return cls(
            customer_no=tuple(f"C{number:06d}" for number in range(1, n + 1)),
            name=_names(parameters),
            email=_emails(parameters),
            city=tuple(parameters.stream("city").choice(_CITIES, n, p=_CITY_SHARES).tolist()),
            birth_day=months_later(np.full(n, today), -12 * age) - birthday,
            age=age,
            opened_day=today - parameters.stream("tenure").integers(30, 15 * 365, n),
            income=income,
            income_kind=income_kind,
            idle_balance=np.rint(100 * parameters.median_idle_balance * relative).astype(np.int64),
            means=means,
            digital=digital,
            price_sensitivity=price_sensitivity,
            annoyance=annoyance,
            p0=p0,
            p1=p1,
        )


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def months_later(days: Int64s, months: Int64s) -> Int64s:
    """`lingque.core.clock.shift` for many days at once: a day the month lacks becomes its last."""
    dates = days.astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    target = month + months.astype("timedelta64[M]")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    shifted: Int64s = np.minimum(target.astype("datetime64[D]") + (dates - month), last).astype(np.int64)
    return shifted


def _incomes(parameters: TwinParameters, age: Int64s) -> tuple[Int64s, Int64s]:
    """Kind and monthly amount. Everybody has some: an account without would soon be empty and silent."""
    n = parameters.customers
    employed = (age >= 20) & (age < RETIRED) & (parameters.stream("employment").random(n) < 0.85)
    kind = np.where(employed, 0, np.where(age >= RETIRED, 1, 2)).astype(np.int64)
    level = np.array([1.0, 0.55, 0.3])[kind] * parameters.median_income * 100
    return kind, np.rint(level * parameters.stream("income").lognormal(0.0, 0.5, n)).astype(np.int64)


def _probabilities(
    parameters: TwinParameters,
    age: Int64s,
    means: Float64s,
    digital: Float64s,
    price_sensitivity: Float64s,
    annoyance: Float64s,
) -> tuple[Float64s, Float64s]:
    """p0 and p1, see `Population`."""
    p0 = parameters.base_opening * (0.4 + 1.2 * means) * (0.5 + price_sensitivity)
    p1 = p0 + parameters.contact_effect * means * 2 * price_sensitivity * (0.6 + digital)

    put_off = annoyance >= 1 - parameters.sleeping_dog_share
    # they open unasked more often than others: where there is nothing to lose, harm could not be seen
    p0 = np.where(put_off, 0.08 + 0.08 * means, p0)
    p1 = np.where(put_off, p0 * (1 - parameters.sleeping_dog_harm), p1)

    decided = parameters.stream("decided").random(parameters.customers) < parameters.sure_thing_share
    p0 = np.where(decided, 0.45 + 0.3 * price_sensitivity, p0)
    p1 = np.where(decided, p0, p1)

    adult = age >= ADULT
    return np.where(adult, p0, 0.0), np.where(adult, np.minimum(p1, 0.95), 0.0)


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


def _emails(parameters: TwinParameters) -> tuple[str, ...]:
    missing = parameters.stream("missing email").random(parameters.customers) < parameters.missing_email_share
    return tuple(
        "" if absent else f"c{number:06d}@customers.example" for number, absent in enumerate(missing.tolist(), 1)
    )
