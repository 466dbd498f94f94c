"""What customers mean to do with their money: the bookings they intend, without regard to what they have.

`lingque.twin.ledger` then decides what of it happens. Days are days since 1970-01-01, money is in fen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Float64s, Int64s
from lingque.twin.accounts import Accounts
from lingque.twin.blocks import Block
from lingque.twin.cards import CardPurchases, Cards
from lingque.twin.categories import CATEGORIES, MANDATES, POSITION, SPENDING
from lingque.twin.days import NEVER
from lingque.twin.life import LifeEvents
from lingque.twin.loans import Loans
from lingque.twin.payroll import Payroll
from lingque.twin.placements import Departures, Placements
from lingque.twin.population import ADULT, CHURN_DAYS, Population
from lingque.twin.seasons import day_weights, drawn_days

# assumed; made so that inflow exceeds spending and the surplus leaves as transfers
_SHARES = (0.2, 0.15, 0.11, 0.16, 0.04, 0.01, 0.05, 0.02, 0.03, 0.01, 0.02, 0.003, 0.02, 0.177)
_TO_INCOME = np.array((0.02, 0.015, 0.005, 0.03, 0.05, 0.25, 0.03, 0.15, 0.06, 0.2, 0.05, 0.2, 0.04, 0.0))
_STAYS_ACTIVE = np.array((1.0, 0.55, 0.2, 0.02))
"""How much of their usual spending customers still do here in each stage of leaving."""
_MANDATE_SHARES = (0.6, 0.75, 0.12)
_MANDATE_TO_INCOME = np.array((0.03, 0.012, 0.2))
_SALARY_GOES_AFTER = 150
"""Days after a customer began to leave until the salary is paid elsewhere."""

# event → category, first and last day relative to the event, bookings on average, each in months of income
_OF_EVENTS: dict[str, tuple[str, int, int, float, float]] = {
    "renovation": ("home_improvement", 0, 75, 9.0, 0.35),
    "car_purchase": ("car", 5, 360, 10.0, 0.06),
    "travel_abroad": ("travel", -30, 12, 5.0, 0.2),
    "illness": ("medical", 0, 50, 5.0, 0.2),
    "schooling": ("education", 0, 40, 2.0, 0.6),
    "child": ("medical", -60, 60, 4.0, 0.12),
    "marriage": ("dining", -5, 5, 3.0, 0.5),
    "home_purchase": ("housing", 0, 30, 2.0, 0.4),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Habits:
    """What a plan is made of, for one block."""

    population: Population
    accounts: Accounts
    payroll: Payroll
    events: LifeEvents
    loans: Loans
    cards: Cards


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Intended bookings, sorted by account, day and category.

    `amount` is the wish. It means nothing for `transfer_out` and `interest`, which the ledger works out; of `top_up`
    it is what must be on the account afterwards, of `departure` what leaves at most.
    """

    account: Int64s
    day: Int64s
    category: Int64s
    amount: Int64s

    @classmethod
    def make(
        cls,
        block: Block,
        habits: Habits,
        placements: Placements,
        departures: Departures,
        purchases: CardPurchases,
        *,
        first: int,
        after: int,
        opens: bool,
    ) -> Plan:
        """Of the days `[first, after)`; `opens`: every account begins with its balance."""
        accounts, loans, population = habits.accounts, habits.loans, habits.population
        loan, due = loans.due(first, after)
        card, taken, owed = purchases.statements()
        sums = (loans.owner[loan], due, POSITION["loan_repayment"], loans.installment[loan])
        paid_out = np.flatnonzero(loans.kind > 0)  # a mortgage is paid to the seller
        parts = [
            *([_openings(block, accounts)] if opens else []),
            *habits.payroll.income(block, population, first, after, until=population.churn_day + _SALARY_GOES_AFTER),
            *_of_placements(placements, departures),
            _columns(*sums),
            _columns(
                loans.owner[paid_out], loans.opened_day[paid_out], POSITION["loan_payout"], loans.amount[paid_out]
            ),
            _columns(habits.cards.owner[card], taken, POSITION["card_repayment"], owed),
            _interest(accounts, first, after),
            *_mandates(block, population, first, after),
            _spending(block, population, accounts, first, after),
            *(_of_event(block, habits, name, first, after) for name in _OF_EVENTS),
        ]
        account, day, category, amount = map(np.concatenate, zip(*parts, strict=True))
        kept = np.flatnonzero((day >= np.maximum(accounts.first_day[account], first)) & (day < after))
        key = (account[kept] * 40_000 + day[kept]) * len(CATEGORIES) + category[kept]
        order = kept[np.argsort(key, kind="stable")]
        return cls(account=account[order], day=day[order], category=category[order], amount=amount[order])


_Columns = tuple[Int64s, Int64s, Int64s, Int64s]


def _columns(account: Int64s, day: Int64s, category: int, amount: Int64s) -> _Columns:
    return account, day, np.full(len(account), category), amount


def _openings(block: Block, accounts: Accounts) -> _Columns:
    swing = block.stream("opening balance").uniform(0.5, 1.5, len(accounts.owner))
    # never nothing: an account without its first row would have no balance to start from
    amount = np.maximum(np.rint(accounts.habitual * swing), 100).astype(np.int64)
    return _columns(np.arange(len(accounts.owner)), accounts.first_day, POSITION["opening"], amount)


def _interest(accounts: Accounts, first: int, after: int) -> _Columns:
    """Paid on the 21st of the last month of each quarter (结息)."""
    starts = month_starts(first, after)
    last_of_quarter = starts.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 3 == 2
    quarters = starts[last_of_quarter] + 20
    account = np.repeat(np.arange(len(accounts.owner)), len(quarters))
    day = np.tile(quarters, len(accounts.owner))
    return _columns(account, day, POSITION["interest"], np.zeros(len(account), dtype=np.int64))


def _mandates(block: Block, population: Population, first: int, after: int) -> list[_Columns]:
    """Bills that are taken from the main account on one day of each month (代扣)."""
    starts = month_starts(first, after)
    parts = []
    for number, name in enumerate(MANDATES):
        customer, monthly_day, bill = mandates(block, population, number)
        who = np.repeat(customer, len(starts))
        day = np.tile(starts, len(customer)) + np.repeat(monthly_day, len(starts)) - 1
        swing = block.stream(f"{name} from {first}").lognormal(0.0, 0.1, len(who))
        stays = day < population.churn_day[who] + CHURN_DAYS[-1]
        amount = np.rint(np.repeat(bill, len(starts)) * swing).astype(np.int64) * stays
        parts.append(_columns(who, day, POSITION[name], amount))
    return parts


def mandates(block: Block, population: Population, number: int) -> tuple[Int64s, Int64s, Int64s]:
    """Customers who gave the mandate (position in `MANDATES`), day of the month, and the usual bill."""
    random = block.stream(f"mandate for {MANDATES[number]}")
    signed = (random.random(block.customers) < _MANDATE_SHARES[number]) & (population.age >= ADULT)
    day = random.integers(3, 28, block.customers)
    bill = np.rint(population.income * _MANDATE_TO_INCOME[number]).astype(np.int64)
    where = np.flatnonzero(signed)
    return where, day[where], bill[where]


def month_starts(first: int, after: int) -> Int64s:
    """First days of all months that `[first, after)` touches."""
    start, end = (np.datetime64(day, "D").astype("datetime64[M]") for day in (first, after))
    return np.arange(start, end + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)


def _spending(block: Block, population: Population, accounts: Accounts, first: int, after: int) -> _Columns:
    random = block.stream(f"spending from {first}")
    months = (after - first) * 12 / 365
    appetite = 0.6 + 0.8 * random.random(block.customers)
    rate = block.parameters.spending_per_month * months * appetite
    customer = np.repeat(np.arange(block.customers), random.poisson(rate))
    count = len(customer)
    second = accounts.second[customer]
    account = np.where((second >= 0) & (random.random(count) < 0.2), second, customer)
    kind = drawn_kinds(random.random(count))
    day = np.empty(count, dtype=np.int64)
    for number, name in enumerate(SPENDING):
        where = np.flatnonzero(kind == number)
        day[where] = drawn_days(day_weights(name, first, after), first, random.random(len(where)))
    amount = population.income[customer] * _TO_INCOME[kind] * random.lognormal(0.0, 0.5, count)
    stage = np.searchsorted(CHURN_DAYS, day - population.churn_day[customer], side="right")
    kept = np.flatnonzero(random.random(count) < _STAYS_ACTIVE[stage])
    return account[kept], day[kept], POSITION[SPENDING[0]] + kind[kept], np.rint(amount[kept]).astype(np.int64)


def drawn_kinds(chance: Float64s) -> Int64s:
    edges = np.cumsum(_SHARES)
    return np.searchsorted(edges[:-1] / edges[-1], chance, side="right").astype(np.int64)


def _of_event(block: Block, habits: Habits, name: str, first: int, after: int) -> _Columns:
    """The same bookings whatever the days asked for: they begin with the history and go on after it."""
    category, begins, ends, mean, incomes = _OF_EVENTS[name]
    random = block.stream(f"bookings of {name}")
    customer, day = habits.events.of(name)
    count = random.poisson(mean, len(customer))
    who = np.repeat(customer, count)
    when = np.repeat(day, count) + random.integers(begins, ends + 1, len(who))
    amount = habits.population.income[who] * incomes * random.lognormal(0.0, 0.5, len(who))
    kept = np.flatnonzero((when >= first) & (when < after))
    return _columns(who[kept], when[kept], POSITION[category], np.rint(amount[kept]).astype(np.int64))


def _of_placements(placements: Placements, departures: Departures) -> list[_Columns]:
    """From and to the main account. What the account lacks for a placement comes from another bank before it."""
    deposit = placements.is_deposit
    ended = np.flatnonzero(placements.end_day < NEVER)
    bought = np.where(deposit, POSITION["term_deposit"], POSITION["wealth_purchase"])
    came_back = np.where(deposit, POSITION["deposit_matured"], POSITION["wealth_redeemed"])
    owner, opened, amount = placements.owner, placements.opened_day, placements.amount
    return [
        (owner[ended], placements.end_day[ended], came_back[ended], placements.payout[ended]),
        _columns(owner, opened, POSITION["top_up"], amount),
        (owner, opened, bought, amount),
        _columns(departures.owner, departures.day, POSITION["departure"], departures.amount),
    ]
