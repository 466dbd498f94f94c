"""Customers whose label is known to depend on what, so that learning can be held to it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, TEXT, Type, money
from lingque.predict.contracts import Day, Lesson

FEATURES: tuple[tuple[str, Type], ...] = (
    ("balance", money("CNY")),
    ("city", TEXT),
    ("employed", BOOLEAN),
    ("cards", INTEGER),
    ("since", DATE),
)
TRAINING = (date(2025, 1, 1), date(2025, 3, 1))
VALIDATION = date(2025, 6, 1)


def day(as_of: date, *, seed: int, customers: int = 800, signal: float = 1.0) -> Day:
    """The same customers on every day; a higher balance and living in Shanghai make the label likelier."""
    ids = np.random.default_rng(5).integers(1, 2**62, customers)
    numbers = np.random.default_rng(seed)
    balance = numbers.lognormal(10, 1, customers)
    city = numbers.choice(["北京", "上海", "广州"], customers)
    odds = -1.5 + signal * (np.log(balance) - 10 + (city == "上海"))
    return Day(
        as_of=as_of,
        rows=pa.table(
            {
                "customer_id": ids,
                "balance": pa.array((balance * 100).astype(np.int64), mask=numbers.random(customers) < 0.1),
                "city": city,
                "employed": numbers.random(customers) < 0.5,
                "cards": numbers.integers(0, 4, customers),
                "since": pa.array([date(2020, 1, 1 + n % 28) for n in range(customers)], pa.date32()),
                "label": numbers.random(customers) < 1 / (1 + np.exp(-odds)),
            }
        ),
    )


def lesson(
    *,
    signal: float = 1.0,
    customers: int = 800,
    overlapping: tuple[date, ...] = (),
    model: str = "buys",
    seed: int = 1,
) -> Lesson:
    return Lesson(
        model=model,
        target="label",
        features=FEATURES,
        training=tuple(day(d, seed=n, signal=signal, customers=customers) for n, d in enumerate(TRAINING)),
        validation=day(VALIDATION, seed=9, signal=signal, customers=customers),
        overlapping=overlapping,
        calibration="sigmoid",
        seed=seed,
    )
