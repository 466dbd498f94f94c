"""How needs arise: of deposits that mature, of money that lies idle, and of what happens to people."""

from __future__ import annotations

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.blocks import Block
from lingque.twin.days import NEVER
from lingque.twin.life import LOOKS_AHEAD_DAYS, LifeEvents, history_days
from lingque.twin.needs import NEED_KINDS, Needs
from lingque.twin.placements import LONGEST_THOUGHT, Placed
from lingque.twin.population import ADULT, Population

# event → need, first and last day relative to the event, size as a multiple of a month's income and of wealth
_OF_EVENTS: dict[str, tuple[str, int, int, float, float]] = {
    "renovation": ("renovation", -45, 60, 6.0, 0.0),
    "car_purchase": ("car", -60, 15, 14.0, 0.0),
    "home_purchase": ("home", -90, 30, 90.0, 0.0),
    "schooling": ("education", -30, 60, 2.5, 0.0),
    "child": ("education", 0, 180, 3.0, 0.0),
    "travel_abroad": ("travel", -40, 10, 1.5, 0.0),
    "illness": ("medical", 0, 60, 2.0, 0.0),
    "retirement": ("retirement", -90, 180, 0.0, 1.5),
    "cash_squeeze": ("cash_need", 0, 45, 2.0, 0.0),
    "moving_money": ("moving_money_away", 0, 60, 0.0, 1.0),
    "job_change": ("salary_start", 0, 90, 1.0, 0.0),
}
_IDLE_EVERY_DAYS = 180
_IDLE_DAYS = 60


def needs_of(block: Block, population: Population, events: LifeEvents, placed: Placed) -> Needs:
    """All of a block from the start of its history on, by customer, first day and kind."""
    start, today = history_days(block.parameters)
    until = today + LOOKS_AHEAD_DAYS
    parts = [
        _maturities(placed, start, until),
        _idle(block, population, start, until),
        *(_of_event(block, population, events, name) for name in _OF_EVENTS),
    ]
    customer, kind, begins, ends, size = map(np.concatenate, zip(*parts, strict=True))
    kept = np.flatnonzero((population.age[customer] >= ADULT) & (size > 0) & (ends > population.opened_day[customer]))
    order = kept[np.lexsort((kind[kept], begins[kept], customer[kept]))]
    return Needs(
        customer=customer[order], kind=kind[order], begins_day=begins[order], ends_day=ends[order], size=size[order]
    )


_Columns = tuple[Int64s, Int64s, Int64s, Int64s, Int64s]


def _maturities(placed: Placed, start: int, until: int) -> _Columns:
    """Somebody has decided about a deposit so many days after it matured, at the latest."""
    one = placed.placements
    where = np.flatnonzero(one.is_deposit & (one.end_day >= start) & (one.end_day < min(until, NEVER)))
    kind = np.full(len(where), NEED_KINDS.index("deposit_maturity"))
    return one.owner[where], kind, one.end_day[where], one.end_day[where] + LONGEST_THOUGHT, one.payout[where]


def _idle(block: Block, population: Population, start: int, until: int) -> _Columns:
    """Twice a year somebody thinks of the money on the account; a part of it can be placed."""
    random = block.stream("idle money")
    rounds = -(-(until - start) // _IDLE_EVERY_DAYS)
    customer = np.repeat(np.arange(block.customers), rounds)
    begins = start + np.tile(np.arange(rounds) * _IDLE_EVERY_DAYS, block.customers)
    begins = begins + random.integers(0, _IDLE_EVERY_DAYS, len(customer))
    size = (population.idle_balance[customer] * random.uniform(0.3, 0.8, len(customer))).astype(np.int64)
    return customer, np.full(len(customer), NEED_KINDS.index("idle_money")), begins, begins + _IDLE_DAYS, size


def _of_event(block: Block, population: Population, events: LifeEvents, name: str) -> _Columns:
    kind, first, last, incomes, wealths = _OF_EVENTS[name]
    customer, day = events.of(name)
    swing = block.stream(f"size of {name}").lognormal(0.0, 0.4, len(customer))
    typical = incomes * population.income[customer] + wealths * population.idle_balance[customer]
    size = (typical * swing).astype(np.int64)
    return customer, np.full(len(customer), NEED_KINDS.index(kind)), day + first, day + last, size
