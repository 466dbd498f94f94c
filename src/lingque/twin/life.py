"""What happens to people: events with dates, of which their needs and their money follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import day_number, months_later
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import ADULT, RETIRED, Population

EVENT_KINDS = (
    "job_change",
    "marriage",
    "child",
    "home_purchase",
    "renovation",
    "car_purchase",
    "travel_abroad",
    "illness",
    "retirement",
    "moving_money",
    "schooling",
    "cash_squeeze",
)
LOOKS_AHEAD_DAYS = 400
"""Events are known to the twin so far after `as_of`: the story can go on for half a year and more."""

# a year and person, by age from 18, 25, 35, 45 and 60 on; assumed: no statistics exist for the customers of a bank
_AGES = (ADULT, 25, 35, 45, RETIRED)
_RATES: dict[str, tuple[float, ...]] = {
    "job_change": (0.25, 0.16, 0.08, 0.04, 0.0),
    "marriage": (0.04, 0.08, 0.015, 0.005, 0.003),
    "child": (0.02, 0.08, 0.03, 0.0, 0.0),
    "home_purchase": (0.01, 0.05, 0.035, 0.015, 0.005),
    "renovation": (0.005, 0.02, 0.025, 0.02, 0.012),
    "car_purchase": (0.02, 0.07, 0.06, 0.04, 0.01),
    "travel_abroad": (0.12, 0.18, 0.15, 0.12, 0.06),
    "illness": (0.02, 0.03, 0.04, 0.07, 0.16),
    "schooling": (0.03, 0.08, 0.22, 0.15, 0.0),
    "cash_squeeze": (0.14, 0.12, 0.09, 0.06, 0.03),
}
_BY_MEANS = frozenset({"home_purchase", "car_purchase", "travel_abroad"})
_RENOVATES_SHARE = 0.6
"""Of those who buy a home, within the half year after."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LifeEvents:
    """One entry per event, by customer and day."""

    customer: Int64s
    """Position in the block."""
    kind: Int64s
    """Position in `EVENT_KINDS`."""
    day: Int64s

    @classmethod
    def make(cls, block: Block, population: Population) -> LifeEvents:
        """From the start of the history to `LOOKS_AHEAD_DAYS` after `as_of`."""
        start, today = history_days(block.parameters)
        years = (today + LOOKS_AHEAD_DAYS - start) / 365
        band = np.searchsorted(_AGES, population.age, side="right") - 1
        parts: list[tuple[Int64s, Int64s, Int64s]] = []
        for kind, name in enumerate(EVENT_KINDS):
            if name == "retirement":
                parts.append(_retirements(population, kind, start, today))
                continue
            if name == "moving_money":
                leaves = (population.churn_day >= start) & (population.churn_day < today + LOOKS_AHEAD_DAYS)
                who = np.flatnonzero(leaves)
                parts.append((who, np.full(len(who), kind), population.churn_day[who]))
                continue
            rate = np.where(band >= 0, np.array(_RATES[name])[band], 0.0) * block.parameters.life_event_rate
            parts.append(_of_kind(block, population, kind, rate=rate * years, start=start, today=today))
        homes = parts[EVENT_KINDS.index("home_purchase")]
        random = block.stream("renovation of a new home")
        follows = np.flatnonzero(random.random(len(homes[0])) < _RENOVATES_SHARE)
        after = homes[2][follows] + random.integers(30, 180, len(follows))
        parts.append((homes[0][follows], np.full(len(follows), EVENT_KINDS.index("renovation")), after))
        customer, kinds, day = map(np.concatenate, zip(*parts, strict=True))
        order = np.lexsort((kinds, day, customer))
        return cls(customer=customer[order], kind=kinds[order], day=day[order])

    def of(self, name: str) -> tuple[Int64s, Int64s]:
        """Customers and days of the events of one kind."""
        where = self.kind == EVENT_KINDS.index(name)
        return self.customer[where], self.day[where]


def history_days(parameters: TwinParameters) -> tuple[int, int]:
    """First day of the history, and the first day after it."""
    end = day_number(parameters.as_of)
    return int(months_later(np.array([end]), np.array([-parameters.months]))[0]), end


def _of_kind(
    block: Block, population: Population, kind: int, *, rate: Float64s, start: int, today: int
) -> tuple[Int64s, Int64s, Int64s]:
    random = block.stream(f"life: {EVENT_KINDS[kind]}")
    if EVENT_KINDS[kind] in _BY_MEANS:
        rate = rate * 2 * population.means
    customer = np.repeat(np.arange(block.customers), random.poisson(rate))
    day = random.integers(start, today + LOOKS_AHEAD_DAYS, len(customer))
    return customer, np.full(len(customer), kind), day


def _retirements(population: Population, kind: int, start: int, today: int) -> tuple[Int64s, Int64s, Int64s]:
    """Everybody retires on the birthday: the way of China before 2025, when it began to be raised step by step."""
    day = months_later(population.birth_day, np.full(len(population.age), 12 * RETIRED))
    customer = np.flatnonzero((day >= start) & (day < today + LOOKS_AHEAD_DAYS) & (population.income_kind != 2))
    return customer, np.full(len(customer), kind), day[customer]
