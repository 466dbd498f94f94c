"""Money that customers owe: mortgages, car loans and consumer loans, of which most follow events of life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import months_later
from lingque.twin.life import LifeEvents, history_days
from lingque.twin.population import ADULT, RETIRED, Population

LOAN_KINDS = ("mortgage", "car", "renovation", "consumer")
TERMS = np.array((300, 36, 60, 12))
RATES = np.array((310, 400, 360, 420))
"""In hundredths of a per cent per year; assumed, of the order of what was posted in 2025."""

_INCOMES = np.array((60.0, 12.0, 6.0, 2.0))
"""What is borrowed, in months of income."""
_BORROWS = {"home_purchase": (0, 0.5), "car_purchase": (1, 0.35), "renovation": (2, 0.2), "cash_squeeze": (3, 0.3)}
"""Event → position in `LOAN_KINDS`, and how often it leads to a loan of this bank."""
_OLD_MORTGAGE_SHARE = 0.18
_TEN_YEARS = 3650
_WHOLE = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Loans:
    """One entry per loan, by owner and day. Repaid in equal monthly sums (等额本息)."""

    owner: Int64s
    kind: Int64s
    """Position in `LOAN_KINDS`."""
    opened_day: Int64s
    amount: Int64s
    installment: Int64s

    @classmethod
    def make(cls, block: Block, population: Population, events: LifeEvents) -> Loans:
        """All that were or will be opened while the twin knows what happens to people."""
        parts = [_old_mortgages(block, population)]
        for event, (kind, share) in _BORROWS.items():
            customer, day = events.of(event)
            takes = block.stream(f"loan after {event}").random(len(customer)) < share
            parts.append((customer[takes], np.full(int(takes.sum()), kind), day[takes]))
        owner, kinds, opened = map(np.concatenate, zip(*parts, strict=True))
        of_age = (population.age[owner] >= ADULT) & (population.income_kind[owner] != 2)
        kept = np.flatnonzero(of_age & (opened > population.opened_day[owner]))
        order = kept[np.lexsort((kinds[kept], opened[kept], owner[kept]))]
        owner, kinds, opened = owner[order], kinds[order], opened[order]
        swing = block.stream("loan amount").uniform(0.6, 1.4, len(owner))
        amount = np.maximum(population.income[owner] * _INCOMES[kinds] * swing, _WHOLE).astype(np.int64)
        amount = amount // _WHOLE * _WHOLE
        return cls(
            owner=owner,
            kind=kinds,
            opened_day=opened,
            amount=amount,
            installment=installments(amount, rate=RATES[kinds], months=TERMS[kinds]),
        )

    def due(self, first: int, after: int) -> tuple[Int64s, Int64s]:
        """Position of the loan and day of every sum due in `[first, after)`."""
        months = TERMS[self.kind]
        nearest = np.maximum((first - self.opened_day) // 31 - 1, 0)
        count = (after - first) // 28 + 4
        loan = np.repeat(np.arange(len(self.owner)), count)
        nth = nearest[loan] + np.tile(np.arange(count), len(self.owner)) + 1
        day = months_later(self.opened_day[loan], nth)
        kept = np.flatnonzero((day >= first) & (day < after) & (nth <= months[loan]))
        return loan[kept], day[kept]

    def outstanding(self, on: int) -> Int64s:
        """Principal left on a day if every sum was paid when due; 0 before the loan and after it."""
        paid = (np.full(len(self.owner), on).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)) - (
            self.opened_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        )
        rate = RATES[self.kind] / 120_000
        left = self.amount * (1 + rate) ** paid - self.installment * ((1 + rate) ** paid - 1) / rate
        runs = (self.opened_day <= on) & (paid < TERMS[self.kind])
        result: Int64s = np.where(runs, np.maximum(np.rint(left), 0), 0).astype(np.int64)
        return result


def installments(amount: Int64s, *, rate: Int64s, months: Int64s) -> Int64s:
    """Equal monthly sums of an annuity, rounded to the fen; `rate` in hundredths of a per cent per year."""
    monthly: Float64s = rate / 120_000
    sums: Int64s = np.rint(amount * monthly / (1 - (1 + monthly) ** -months)).astype(np.int64)
    return sums


def _old_mortgages(block: Block, population: Population) -> tuple[Int64s, Int64s, Int64s]:
    random = block.stream("old mortgages")
    start, _ = history_days(block.parameters)
    able = (population.age >= 28) & (population.age < RETIRED - 5) & (population.income_kind == 0)
    owner = np.flatnonzero(able & (random.random(block.customers) < _OLD_MORTGAGE_SHARE * 2 * population.means))
    opened = start - random.integers(1, _TEN_YEARS, len(owner))
    return owner, np.zeros(len(owner), dtype=np.int64), opened
