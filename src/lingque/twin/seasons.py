"""How days differ: weekends, month ends, holidays, shopping festivals, the start of school."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s
from lingque.twin.days import day_number

SPRING_FESTIVALS = (
    date(2015, 2, 19),
    date(2016, 2, 8),
    date(2017, 1, 28),
    date(2018, 2, 16),
    date(2019, 2, 5),
    date(2020, 1, 25),
    date(2021, 2, 12),
    date(2022, 2, 1),
    date(2023, 1, 22),
    date(2024, 2, 10),
    date(2025, 1, 29),
    date(2026, 2, 17),
    date(2027, 2, 6),
    date(2028, 1, 26),
    date(2029, 2, 13),
    date(2030, 2, 3),
    date(2031, 1, 23),
)
"""First days of the Chinese year, for all years that a bank's history and future can touch."""

_BEFORE_FESTIVAL, _AFTER_FESTIVAL = 15, 7


def day_weights(category: str, first: int, after: int) -> Float64s:
    """How much of a category is bought on each day in `[first, after)`, relative to a plain weekday."""
    days = np.arange(first, after)
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (dates - months).astype(np.int64) + 1
    weekend = (days + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    festivals = np.array([day_number(one) for one in SPRING_FESTIVALS])
    until = festivals[np.minimum(np.searchsorted(festivals, days), len(festivals) - 1)] - days
    since = days - festivals[np.maximum(np.searchsorted(festivals, days, side="right") - 1, 0)]
    weight = np.ones(len(days))
    for name, there in (
        ("weekend", weekend),
        ("before_festival", (until > 0) & (until <= _BEFORE_FESTIVAL)),
        ("festival", (since >= 0) & (since < _AFTER_FESTIVAL)),
        ("double_eleven", (month == 11) & (day <= 11)),
        ("june_18", (month == 6) & (day >= 12) & (day <= 18)),
        ("golden_week", ((month == 10) & (day <= 7)) | ((month == 5) & (day <= 5))),
        ("summer", (month == 7) | (month == 8)),
        ("school", ((month == 9) | (month == 2)) & (day >= 15 * (month == 2))),
        ("month_end", ((dates + np.timedelta64(3, "D")).astype("datetime64[M]") != months)),
    ):
        weight *= np.where(there, _factor(category, name), 1.0)
    return weight


# assumed, in the direction that everybody who looks at a Chinese bank's payments knows
_FACTORS: dict[str, dict[str, float]] = {
    "weekend": {"dining": 1.5, "clothing": 1.6, "entertainment": 1.8, "groceries": 1.2, "travel": 1.2},
    "before_festival": {"groceries": 1.9, "clothing": 1.8, "travel": 2.2, "online_shopping": 1.3, "transfer_out": 1.4},
    "festival": {"dining": 1.4, "entertainment": 1.7, "electronics": 0.4, "home_improvement": 0.1, "medical": 0.5},
    "double_eleven": {"online_shopping": 3.5, "electronics": 2.5, "clothing": 1.5},
    "june_18": {"online_shopping": 2.5, "electronics": 2.2},
    "golden_week": {"travel": 3.0, "dining": 1.3, "entertainment": 1.5, "home_improvement": 0.6},
    "summer": {"travel": 1.5, "education": 1.2},
    "school": {"education": 3.0},
    "month_end": {"transfer_out": 1.6, "housing": 1.5},
}


def _factor(category: str, when: str) -> float:
    return _FACTORS[when].get(category, 1.0)


def drawn_days(weights: Float64s, first: int, chance: Float64s) -> NDArray[np.int64]:
    """A day for each number in [0, 1), the weightier the likelier; `first` is the day of the first weight."""
    edges = np.cumsum(weights)
    found: NDArray[np.int64] = first + np.searchsorted(edges, chance * edges[-1], side="right")
    return found
