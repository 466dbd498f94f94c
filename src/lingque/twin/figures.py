"""What a banker would look at to judge whether a simulated bank could be real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.bank import Twin
from lingque.twin.categories import CATEGORIES, CODES, MANDATES, POSITION, SPENDING
from lingque.twin.days import day_number
from lingque.twin.ledger import BalanceSpans
from lingque.twin.life import history_days
from lingque.twin.needs import NEED_KINDS
from lingque.twin.population import CHURN_STAGES, LIFE_STAGES
from lingque.twin.seasons import SPRING_FESTIVALS
from lingque.twin.sessions import Sessions, log_start

SPENT = (*MANDATES, *SPENDING)
LOOKED_DAYS = 60
"""How many days on either side of a need visits to the app are counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Figures:
    """Money is in yuan."""

    customers: int
    transactions: int
    first_day: int
    ages: Int64s
    incomes: Float64s
    """Monthly, of everybody."""
    assets: Float64s
    """Of everybody: current accounts, deposits and wealth products on the data date."""
    life_stages: dict[str, int]
    churn_stages: dict[str, int]
    spent: dict[str, float]
    """By category as it is delivered, over the whole history."""
    bookings_by_day: Int64s
    shopping_by_day: Int64s
    """What is bought on the web."""
    festivals: tuple[int, ...]
    """Days of the history on which a Chinese year begins, counted from its first."""
    paydays: Int64s
    """Salaries by day of the month, from 1."""
    needs: dict[str, int]
    """Of the history, by kind."""
    visits_around_needs: Int64s
    """In the app, from `LOOKED_DAYS` before a deposit matures to as many days after, for those
    around which all of these days are logged."""

    @classmethod
    def of(cls, twin: Twin) -> Figures:
        first, after = history_days(twin.parameters)
        booked = [part.transactions for part in twin.parts]
        day = np.concatenate([one.day for one in booked]) - first
        category = np.concatenate([one.category for one in booked])
        amount = np.concatenate([one.amount for one in booked])
        months = np.concatenate([one.day for one in booked]).astype("datetime64[D]")
        of_month = (months - months.astype("datetime64[M]")).astype(np.int64) + 1
        people = twin.population
        needs = twin.needs
        in_history = (needs.begins_day >= first) & (needs.begins_day < after)
        sums = np.bincount(category, weights=amount, minlength=len(CATEGORIES)) / 100
        return cls(
            customers=len(people.age),
            transactions=len(day),
            first_day=first,
            ages=people.age,
            incomes=people.income / 100,
            assets=_assets(twin) / 100,
            life_stages=counted(LIFE_STAGES, people.life_stage),
            churn_stages=counted(CHURN_STAGES, people.churn_stage),
            spent={name: sum(float(sums[POSITION[one]]) for one in _told_as(name)) for name in SPENT},
            bookings_by_day=np.bincount(day, minlength=after - first),
            shopping_by_day=np.bincount(day[category == POSITION["online_shopping"]], minlength=after - first),
            festivals=tuple(day_number(one) - first for one in SPRING_FESTIVALS if first <= day_number(one) < after),
            paydays=np.bincount(of_month[category == POSITION["salary"]], minlength=32)[1:],
            needs=counted(NEED_KINDS, needs.kind[in_history]),
            visits_around_needs=_visits(twin),
        )


def _told_as(name: str) -> tuple[str, ...]:
    """What bears the code of a category: itself, and what the bank cannot tell from it."""
    return (name, *(other for other, code in CODES.items() if code == name))


def counted(names: tuple[str, ...], positions: Int64s) -> dict[str, int]:
    return dict(zip(names, np.bincount(positions, minlength=len(names)).tolist(), strict=True))


def _assets(twin: Twin) -> Int64s:
    last = day_number(twin.data_date)
    held = np.zeros(len(twin.population.age), dtype=np.int64)
    placed = twin.placed.placements
    runs = (placed.opened_day <= last) & (placed.end_day > last)
    np.add.at(held, placed.owner[runs], placed.amount[runs])
    for part in twin.parts:
        spans = BalanceSpans.of(part.transactions)
        now = spans.end_day > last
        np.add.at(held, part.block.first + part.accounts.owner[spans.account[now]], spans.balance[now])
    return held


def _visits(twin: Twin) -> Int64s:
    counted = np.zeros(2 * LOOKED_DAYS + 1, dtype=np.int64)
    for part in twin.parts:
        sessions = Sessions.make(part.block, part.population, part.needs, place="app")
        due = part.needs.kind == NEED_KINDS.index("deposit_maturity")
        due &= part.needs.begins_day >= log_start(part.block) + LOOKED_DAYS
        due &= part.needs.begins_day < day_number(twin.parameters.as_of) - LOOKED_DAYS
        begins = np.full(part.block.customers, -1)
        begins[part.needs.customer[due]] = part.needs.begins_day[due]
        seen = begins[sessions.customer] >= 0
        away = sessions.second[seen] // 86_400 - begins[sessions.customer[seen]]
        near = np.abs(away) <= LOOKED_DAYS
        counted += np.bincount(away[near] + LOOKED_DAYS, minlength=len(counted))
    return counted
