"""How customers answer a message about the 3-month term deposit, and what is true about it on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from lingque.core.hashing import Float64s, Int64s
from lingque.core.money import Money
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population

OFFERED_TERM_MONTHS = 3
WINDOW_DAYS = 30
_SMALLEST_YUAN = 1000


@dataclass(frozen=True, kw_only=True)
class NewDeposit:
    """A term deposit opened between 1 and 30 days after the message."""

    customer_no: str
    opened_on: date
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Who opened a deposit within 30 days after `on`, reached or not, in the order of the customers."""

    on: date
    opened: tuple[NewDeposit, ...]


@dataclass(frozen=True, kw_only=True)
class TrueEffect:
    """Expected causal effect of the message, averaged over exactly `n` customers."""

    n: int
    contacted: float
    """Mean probability to open if every one of them is reached."""
    not_contacted: float
    """Mean probability to open if none of them is."""

    @property
    def effect(self) -> float:
        return self.contacted - self.not_contacted


@dataclass(frozen=True, kw_only=True, eq=False)
class Fates:
    """What chance holds ready for each customer; drawn once, so that only a message makes a difference.

    A customer opens a deposit when `luck` is below the probability that applies, p1 if reached and p0 if not.
    """

    luck: Float64s
    delay_days: Int64s
    amount: Int64s
    """In fen."""

    @classmethod
    def make(cls, parameters: TwinParameters, *, balance: Int64s) -> Fates:
        """`balance`: what each customer has on current accounts, in fen; a deposit takes a part of it."""
        n = parameters.customers
        share = parameters.stream("share of idle money placed").uniform(0.3, 0.9, n)
        # who has next to nothing here brings the smallest amount from another bank
        yuan = np.maximum((balance * share).astype(np.int64) // 100_000 * 1000, _SMALLEST_YUAN)
        return cls(
            luck=parameters.stream("luck").random(n),
            delay_days=parameters.stream("delay").integers(1, WINDOW_DAYS + 1, n),
            amount=100 * yuan,
        )

    def respond(self, population: Population, reached: NDArray[np.bool_], *, on: date) -> Responses:
        opens = np.flatnonzero(self.luck < np.where(reached, population.p1, population.p0))
        return Responses(
            on=on,
            opened=tuple(
                NewDeposit(
                    customer_no=population.customer_no[customer],
                    opened_on=on + timedelta(days=int(self.delay_days[customer])),
                    amount=Money(minor=int(self.amount[customer]), currency="CNY"),
                )
                for customer in opens.tolist()
            ),
        )


def true_effect(population: Population, customers: Sequence[int]) -> TrueEffect:
    """Over these positions in the population, each once. None at all raises `ValueError`."""
    if not customers:
        raise ValueError("there is no effect over no customers; name at least one")
    chosen = np.array(customers, dtype=np.int64)
    return TrueEffect(
        n=len(chosen),
        contacted=float(population.p1[chosen].mean()),
        not_contacted=float(population.p0[chosen].mean()),
    )
