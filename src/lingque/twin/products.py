"""What the bank sells: term deposits with the rates it posted, and wealth products with their risk grades."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.days import day_number

Regime = Literal["deposit", "wealth"]


@dataclass(frozen=True, kw_only=True)
class Product:
    """`risk_grade` is R1 to R5 as 1 to 5. `months` is the term of a deposit, 0 for what has none."""

    code: str
    name: str
    regime: Regime
    risk_grade: int
    months: int = 0
    rate: int = 0
    """Of a wealth product: the benchmark it is compared with, in hundredths of a per cent per year."""


def _deposit(code: str, name: str, months: int) -> Product:
    return Product(code=code, name=name, regime="deposit", risk_grade=1, months=months)


def _wealth(code: str, name: str, risk_grade: int, rate: int) -> Product:
    return Product(code=code, name=name, regime="wealth", risk_grade=risk_grade, rate=rate)


PRODUCTS = (
    _deposit("TD03M", "整存整取三个月", 3),
    _deposit("TD06M", "整存整取六个月", 6),
    _deposit("TD12M", "整存整取一年", 12),
    _deposit("TD24M", "整存整取二年", 24),
    _deposit("TD36M", "整存整取三年", 36),
    _deposit("TD12R", "到期承接专享一年", 12),
    _wealth("WM1A", "日日盈现金管理", 1, 150),
    _wealth("WM2A", "稳享固收", 2, 230),
    _wealth("WM3A", "固收增强", 3, 290),
    _wealth("WM4A", "多元配置混合", 4, 350),
    _wealth("WM5A", "权益进取", 5, 420),
)
RENEWAL, WEALTH_R2 = (next(n for n, one in enumerate(PRODUCTS) if one.code == code) for code in ("TD12R", "WM2A"))
MONTHS = np.array([one.months for one in PRODUCTS])
IS_DEPOSIT = np.array([one.regime == "deposit" for one in PRODUCTS])
BY_TERM = {one.months: number for number, one in enumerate(PRODUCTS) if one.months and number != RENEWAL}
BY_RISK_GRADE = {one.risk_grade: number for number, one in enumerate(PRODUCTS) if one.regime == "wealth"}

RENEWAL_BONUS = 20
"""What the renewal deposit pays above the posted rate of its term, in hundredths of a per cent."""

# what the large state banks posted for 3, 6, 12, 24 and 36 months, in hundredths of a per cent
_POSTED = (
    (date(1990, 1, 1), (125, 145, 165, 205, 245)),
    (date(2023, 9, 1), (125, 145, 155, 185, 220)),
    (date(2023, 12, 22), (115, 135, 145, 165, 195)),
    (date(2024, 7, 25), (105, 125, 135, 145, 175)),
    (date(2024, 10, 18), (80, 100, 110, 120, 150)),
    (date(2025, 5, 20), (65, 85, 95, 105, 125)),
)
_WEALTH_SINCE = date(2000, 1, 1)
_CAMPAIGN_DAYS = 31


@dataclass(frozen=True, kw_only=True)
class PostedRate:
    """The rate of a product (position in `PRODUCTS`) from a day on, in hundredths of a per cent per year."""

    product: int
    rate: int
    valid_from: date


def posted_rates(as_of: date) -> tuple[PostedRate, ...]:
    """All that were posted before `as_of`, by product and day; the renewal deposit began a month earlier."""
    known = [(since, rates) for since, rates in _POSTED if since < as_of]
    posted = [
        PostedRate(product=product, rate=rates[place], valid_from=since)
        for place, product in enumerate(BY_TERM.values())
        for since, rates in known
    ]
    twelve_months = known[-1][1][2]
    renewal_since = as_of - timedelta(days=_CAMPAIGN_DAYS)
    posted.append(PostedRate(product=RENEWAL, rate=twelve_months + RENEWAL_BONUS, valid_from=renewal_since))
    posted += [
        PostedRate(product=product, rate=PRODUCTS[product].rate, valid_from=min(_WEALTH_SINCE, renewal_since))
        for product in BY_RISK_GRADE.values()
    ]
    return tuple(posted)


def rate_on(posted: tuple[PostedRate, ...], product: Int64s, day: Int64s) -> Int64s:
    """The rate posted for each product on each day; before the first one, the first."""
    found = np.zeros(len(product), dtype=np.int64)
    seen: set[int] = set()
    for one in posted:
        applies = product == one.product
        if one.product in seen:
            applies &= day >= day_number(one.valid_from)
        found[applies] = one.rate
        seen.add(one.product)
    return found


def payout(amount: Int64s, rate: Int64s, opened_day: Int64s, end_day: Int64s) -> Int64s:
    """Principal with simple interest for the days held, 360 to the year, cut to the fen."""
    result: Int64s = amount + amount * rate * (end_day - opened_day) // (360 * 10_000)
    return result


_RISK_PER_YEAR = np.array([0.0, 0.0, 0.005, 0.02, 0.06, 0.15])
"""Volatility by risk grade; assumed."""


def net_values(seed: int, first: int, after: int) -> tuple[Int64s, Int64s, Float64s]:
    """Product, day and net value of one share of every wealth product on weekdays of `[first, after)`, by day.

    A value wanders around what its benchmark pays; all products of one bank began at 1.
    """
    days = np.arange(first, after)
    days = days[(days + 3) % 7 < 5]
    products = np.array(list(BY_RISK_GRADE.values()))
    random = np.random.default_rng([seed, zlib.crc32(b"net values")])
    yearly = np.array([PRODUCTS[one].rate for one in products.tolist()]) / 10_000
    risk = _RISK_PER_YEAR[list(BY_RISK_GRADE)]
    steps = yearly / 260 + risk / 260**0.5 * random.standard_normal((len(days), len(products)))
    values = np.exp(np.cumsum(steps, axis=0))
    return np.tile(products, len(days)), np.repeat(days, len(products)), values.ravel()
