"""Plans by which customers buy the same wealth product every month (每月申购, 定投), until they begin to leave.

The well-to-do have them. Each purchase becomes a holding of its own, which its owner redeems in time like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.assessments import grades
from lingque.twin.blocks import Block
from lingque.twin.days import day_number, months_later
from lingque.twin.population import ADULT, Population
from lingque.twin.products import BY_RISK_GRADE

_LONGEST_MONTHS = 30
_LAST_DAY = 28
"""Of the month, so that every month has the day."""
_RISKIEST = 3
"""A plan is in what can be bought without thinking about it every month: R3 at most."""
_YUAN = 100
_THOUSAND_YUAN = 1_000 * _YUAN


@dataclass(frozen=True, kw_only=True, eq=False)
class MonthlyPurchases:
    """One entry per purchase, by plan and day."""

    owner: Int64s
    """Position in the block."""
    product: Int64s
    """Position in `PRODUCTS`."""
    day: Int64s
    amount: Int64s
    """In fen; of one plan always the same."""

    @classmethod
    def make(cls, block: Block, population: Population) -> MonthlyPurchases:
        """Those before `as_of`, in one plan at most per customer."""
        random = block.stream("monthly purchase plans")
        n = block.customers
        possible = population.means**2 * ((population.age >= ADULT) & (population.occupation != 0))
        share = block.parameters.purchase_plan_share * n * possible / max(float(possible.sum()), 1e-9)
        signed, months = random.random(n) < share, random.integers(1, _LONGEST_MONTHS + 1, n)
        monthly_day = random.integers(1, _LAST_DAY + 1, n)
        swing = random.uniform(0.6, 1.5, n)
        grade = np.minimum(grades(population), _RISKIEST)
        grade = np.maximum(grade - random.integers(0, 2, n), 1)
        owner = np.repeat(np.flatnonzero(signed), months[signed])
        today = day_number(block.parameters.as_of)
        month = np.datetime64(today, "D").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        back = np.concatenate([np.zeros(0, np.int64), *(np.arange(count, -1, -1)[1:] for count in months[signed])])
        day = months_later(np.full(len(owner), month), -back) + monthly_day[owner] - 1
        by_grade = np.array([BY_RISK_GRADE[one] for one in range(1, _RISKIEST + 1)])
        wish = _YUAN * block.parameters.median_purchase_plan * population.wealth**0.7 * swing
        amount = np.maximum(wish.astype(np.int64) // _THOUSAND_YUAN, 1) * _THOUSAND_YUAN
        kept = np.flatnonzero((day < today) & (day < population.churn_day[owner]))
        owner = owner[kept]
        return cls(owner=owner, product=by_grade[grade[owner] - 1], day=day[kept], amount=amount[owner])
