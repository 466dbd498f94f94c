"""A town of customers whose answers tests look at, and needs made up for it."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import blocks_of
from lingque.twin.days import DAY, day_number, midnight
from lingque.twin.needs import NEED_KINDS, Needs
from lingque.twin.organisation import managed_customers
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population
from lingque.twin.responding.dispositions import Dispositions
from lingque.twin.responding.model import ResponseModel
from lingque.twin.responding.parameters import ResponseParameters

FIRST_DAY = day_number(date(2026, 6, 1))
BEGINS = int(midnight(np.array(FIRST_DAY)))
END = BEGINS + 400 * DAY


@cache
def town(customers: int) -> Population:
    return Population.joined([Population.make(block) for block in blocks_of(TwinParameters(customers=customers))])


def needs_of(kind: str, customers: Int64s, *, begins: Int64s | int, days: int = 28, size: int = 10_000_000) -> Needs:
    count = len(customers)
    return Needs(
        customer=customers,
        kind=np.full(count, NEED_KINDS.index(kind)),
        begins_day=FIRST_DAY + np.broadcast_to(np.asarray(begins, dtype=np.int64), count),
        ends_day=FIRST_DAY + np.broadcast_to(np.asarray(begins, dtype=np.int64), count) + days,
        size=np.full(count, size),
    )


def any_needs(customers: int, *, each: int, days: int = 180) -> Needs:
    """So many of every customer, of any kind, at any time."""
    random = np.random.default_rng(5)
    count = customers * each
    begins = FIRST_DAY + random.integers(0, days, count)
    return Needs(
        customer=np.repeat(np.arange(customers), each),
        kind=random.integers(0, len(NEED_KINDS), count),
        begins_day=begins,
        ends_day=begins + random.integers(1, 60, count),
        size=random.integers(100_000, 50_000_000, count),
    )


def answering(customers: int, needs: Needs, *, seed: int = 1, **parameters: float) -> ResponseModel:
    people = town(customers)
    drawn = ResponseParameters(**parameters)  # type: ignore[arg-type]
    managed = managed_customers(TwinParameters().managed_share, people.wealth)
    dispositions = Dispositions.make(drawn, people, seed=seed, managed=managed)
    return ResponseModel.make(drawn, dispositions, needs, seed=seed, begins=BEGINS)
