"""What the bank found out about its customers' attitude to risk (C1 to C5), and until when that holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import day_number, months_later
from lingque.twin.population import ADULT, Population

GRADE_NAMES = ("保守型", "稳健型", "平衡型", "成长型", "进取型")
_LIMITS = (0.15, 0.45, 0.75, 0.92)
_VALID_MONTHS = 12
_OLDEST_DAYS = 430


@dataclass(frozen=True, kw_only=True, eq=False)
class Assessments:
    """The latest one of each customer who has one, in the order of the customers."""

    customer: Int64s
    grade: Int64s
    assessed_day: Int64s
    expires_day: Int64s
    """The first day on which it no longer holds."""

    @classmethod
    def make(cls, block: Block, population: Population) -> Assessments:
        today = day_number(block.parameters.as_of)
        assessed = block.stream("assessed").random(block.customers) < block.parameters.assessed_share
        customer = np.flatnonzero(assessed & (population.age >= ADULT))
        day = block.stream("assessed on").integers(today - _OLDEST_DAYS, today, block.customers)[customer]
        day = np.maximum(day, population.opened_day[customer])
        return cls(
            customer=customer,
            grade=grades(population)[customer],
            assessed_day=day,
            expires_day=months_later(day, np.full(len(day), _VALID_MONTHS)),
        )


def grades(population: Population) -> Int64s:
    """The grade everybody has or would be given."""
    return np.searchsorted(_LIMITS, population.risk_attitude, side="right").astype(np.int64) + 1
