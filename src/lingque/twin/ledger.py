"""What the bank books: it walks every account through its plan in order of time.

Days are days since 1970-01-01, money is in fen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.behaviour import (
    CREDITS,
    DEPOSIT_MATURED,
    TERM_DEPOSIT,
    THOUSAND_YUAN,
    TRANSFER_OUT,
    Accounts,
    Deposits,
    Plan,
    history_days,
    plan_deposits,
)
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population

RATES = {3: 65, 6: 85, 12: 95, 24: 105, 36: 125}
"""Term in months → annual rate in hundredths of a per cent: what the large state banks posted in May 2025.
One table for all years is a simplification; before, rates were higher."""

_RATE_OF_TERM = np.zeros(max(RATES) + 1, dtype=np.int64)
_RATE_OF_TERM[list(RATES)] = list(RATES.values())
_HUNDRED_YUAN = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Transactions:
    """Booked transactions by day; those of one account stand in the order in which they were booked."""

    account: Int64s
    day: Int64s
    category: Int64s
    """Index into `CATEGORIES`; the first `len(CREDITS)` are credits."""
    amount: Int64s
    balance: Int64s
    """Of the account, after this transaction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """The bank's books on the morning of `as_of`."""

    accounts: Accounts
    transactions: Transactions
    deposits: Deposits
    """Those that came about, matured ones included. What was opened before the history has no debit in it."""
    balance: Int64s
    """Of each customer, over all current accounts."""

    @classmethod
    def make(cls, parameters: TwinParameters, population: Population) -> Ledger:
        accounts = Accounts.make(parameters, population)
        plans = plan_deposits(parameters, population)
        plan = Plan.make(parameters, population, accounts, plans)
        start, _ = history_days(parameters)
        placed = np.where(plans.opened_day < start, plans.amount, 0)
        amount, after, closing = _book(plan, accounts=accounts, plans=plans, placed=placed)

        booked = np.flatnonzero(amount > 0)
        booked = booked[np.argsort(plan.day[booked], kind="stable")]
        opened = np.flatnonzero(placed > 0)
        balance = np.zeros(parameters.customers, dtype=np.int64)
        np.add.at(balance, accounts.owner, closing)
        return cls(
            accounts=accounts,
            transactions=Transactions(
                account=plan.account[booked],
                day=plan.day[booked],
                category=plan.category[booked],
                amount=amount[booked],
                balance=after[booked],
            ),
            deposits=Deposits(
                owner=plans.owner[opened],
                opened_day=plans.opened_day[opened],
                amount=placed[opened],
                term_months=plans.term_months[opened],
            ),
            balance=balance,
        )


def _book(plan: Plan, *, accounts: Accounts, plans: Deposits, placed: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Amount (0: not booked) and balance after it of each planned booking, and all closing balances.

    Takes the first booking of all accounts, then the second of all, and so on: as many steps as the busiest
    account has bookings, each on whole arrays. Fills in `placed`, the amount of each deposit that came about.
    """
    balance = np.zeros(len(accounts.owner), dtype=np.int64)
    amount, after = plan.amount.copy(), np.zeros_like(plan.amount)
    first = np.searchsorted(plan.account, np.arange(len(balance)))
    counts = np.bincount(plan.account, minlength=len(balance))
    for step in range(int(counts.max())):
        at = first[counts > step] + step
        account, category, deposit = plan.account[at], plan.category[at], plan.deposit[at]
        have = balance[account]
        value = amount[at]

        spare = np.maximum(have - accounts.habitual[account], 0)
        value = np.where(category == TRANSFER_OUT, spare // _HUNDRED_YUAN * _HUNDRED_YUAN, value)
        opens = category == TERM_DEPOSIT
        value = np.where(opens, np.minimum(value, have // THOUSAND_YUAN * THOUSAND_YUAN), value)
        repays = category == DEPOSIT_MATURED
        value[repays] = _repayment(placed[deposit[repays]], plans.term_months[deposit[repays]])

        credit = category < len(CREDITS)
        value = np.where(credit | (value <= have), value, 0)
        placed[deposit[opens]] = value[opens]
        amount[at] = value
        after[at] = balance[account] = have + np.where(credit, value, -value)
    return amount, after, balance


def _repayment(principal: Int64s, term_months: Int64s) -> Int64s:
    """With simple interest at maturity, cut to the fen."""
    return principal + principal * _RATE_OF_TERM[term_months] * term_months // (12 * 10_000)
