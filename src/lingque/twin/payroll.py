"""Who is paid by whom, and when: salaries by employer (代发), pensions, support from the family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block
from lingque.twin.categories import POSITION
from lingque.twin.days import NEVER, day_number
from lingque.twin.life import LifeEvents
from lingque.twin.population import CUSTOMERS_PER_EMPLOYER, INCOME_KINDS, Population, payday_of

PENSION_TO_SALARY = 0.55
_RAISE = 1.1
"""What a new employer pays more."""
_BONUS_SHARE, _BONUS_MONTH = 0.55, 1
"""Employees who are paid twice in January (年终奖)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Payroll:
    """Jobs: the latest change before `as_of` and the first one after it are the ones that count."""

    left_day: Int64s
    """By customer: when the job before the present one ended; 0 where there was none in the history."""
    left_employer: Int64s
    next_day: Int64s
    """When the present job ends; `NEVER` where that is not known."""
    next_employer: Int64s
    retires_day: Int64s
    """Up to this day a salary, from then on a pension; `NEVER` where neither changes."""

    @classmethod
    def make(cls, block: Block, population: Population, events: LifeEvents) -> Payroll:
        n = block.customers
        today = day_number(block.parameters.as_of)
        customer, day = events.of("job_change")
        left, following = np.zeros(n, dtype=np.int64), np.full(n, NEVER)
        np.maximum.at(left, customer[day < today], day[day < today])
        np.minimum.at(following, customer[day >= today], day[day >= today])
        retires = np.full(n, NEVER)
        who, when = events.of("retirement")
        retires[who] = when
        employers = block.parameters.customers // CUSTOMERS_PER_EMPLOYER + 5
        return cls(
            left_day=left,
            left_employer=(population.employer * 7 + 3) % employers,
            next_day=following,
            next_employer=(population.employer * 5 + 1) % employers,
            retires_day=retires,
        )

    def income(
        self, block: Block, population: Population, first: int, after: int, *, until: Int64s
    ) -> list[tuple[Int64s, Int64s, Int64s, Int64s]]:
        """Account, day, category and amount of what comes in during `[first, after)`; salaries stop at `until`."""
        n = block.customers
        own_day = block.stream("payday").integers(5, 26, n)
        start, end = (np.datetime64(day, "D").astype("datetime64[M]") for day in (first, after))
        months = np.arange(start, end + np.timedelta64(1, "M"))
        customer = np.repeat(np.arange(n), len(months))
        month = np.tile(months.astype("datetime64[D]").astype(np.int64), n)
        was_salary = (population.income_kind == 0) | (self.retires_day < NEVER)
        salary = was_salary[customer] & (month < self.retires_day[customer])
        employer = self.employer_on(population, customer, month)
        payday = np.where(salary & (employer >= 0), payday_of(employer), own_day[customer])
        day = month + payday - 1
        kind = np.where(salary, 0, np.where(self.retires_day[customer] < NEVER, 1, population.income_kind[customer]))
        bonus = block.stream("bonus").random(n) < _BONUS_SHARE
        in_january = np.tile(months.astype(np.int64) % 12 + 1 == _BONUS_MONTH, n)
        factor = self._level(population, customer, month, salary) * np.where(
            salary & bonus[customer] & in_january, 2, 1
        )
        wobble = block.stream(f"pay from {first}").lognormal(0.0, 0.03, len(day))
        amount = np.rint(population.income[customer] * factor * wobble).astype(np.int64)
        amount = np.where((kind == 0) & (day >= until[customer]), 0, amount)
        return [(customer, day, POSITION[INCOME_KINDS[0]] + kind, amount)]

    def employer_on(self, population: Population, customer: Int64s, day: Int64s) -> Int64s:
        present = population.employer[customer]
        past = day < self.left_day[customer]
        later = day >= self.next_day[customer]
        found = np.where(past, self.left_employer[customer], np.where(later, self.next_employer[customer], present))
        return np.where(present < 0, -1, found)

    def _level(self, population: Population, customer: Int64s, day: Int64s, salary: Int64s) -> Int64s:
        """Relative to `Population.income`, which is what comes in on `as_of`."""
        raised = np.where(day < self.left_day[customer], 1 / _RAISE, 1.0)
        raised = np.where(day >= self.next_day[customer], raised * _RAISE, raised)
        pensioner = population.income_kind[customer] == 1
        moved = np.where(salary & pensioner, 1 / PENSION_TO_SALARY, raised)
        return np.where(~salary & ~pensioner & (self.retires_day[customer] < NEVER), PENSION_TO_SALARY, moved)
