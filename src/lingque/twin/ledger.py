"""What the bank books: it walks every account through its plan in order of time.

Days are days since 1970-01-01, money is in fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.behaviour import (
    CREDITS,
    DEPARTURE,
    DEPOSIT_MATURED,
    TERM_DEPOSIT,
    TOP_UP,
    TRANSFER_OUT,
    WEALTH_PURCHASE,
    Accounts,
    Plan,
)
from lingque.twin.days import NEVER

_HUNDRED_YUAN = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """Of each account, after some bookings."""

    balance: Int64s
    parked: Int64s
    """What of it came from a matured deposit and waits for a decision: transfers out leave it alone."""

    @classmethod
    def empty(cls, accounts: Accounts) -> Self:
        count = len(accounts.owner)
        return cls(balance=np.zeros(count, dtype=np.int64), parked=np.zeros(count, dtype=np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
class Transactions:
    """Booked transactions, by account and in the order in which they were booked."""

    account: Int64s
    day: Int64s
    category: Int64s
    """Position in `CATEGORIES`; the first `len(CREDITS)` are credits."""
    amount: Int64s
    balance: Int64s
    """Of the account, after this transaction."""

    def take(self, where: Int64s) -> Transactions:
        return Transactions(**{name: getattr(self, name)[where] for name in Transactions.__dataclass_fields__})

    def by_day(self) -> Transactions:
        """By day; those of one account keep their order."""
        return self.take(np.argsort(self.day, kind="stable"))

    def and_then(self, later: Transactions) -> Transactions:
        """These and later ones, by account."""
        joined = Transactions(
            **{
                name: np.concatenate([getattr(self, name), getattr(later, name)])
                for name in Transactions.__dataclass_fields__
            }
        )
        return joined.take(np.argsort(joined.account, kind="stable"))


@dataclass(frozen=True, kw_only=True, eq=False)
class BalanceSpans:
    """Closing balances, by account and day: the balance at the end of every day in `[start_day, end_day)`."""

    account: Int64s
    start_day: Int64s
    end_day: Int64s
    """`NEVER` where it still holds."""
    balance: Int64s

    @classmethod
    def of(cls, transactions: Transactions) -> BalanceSpans:
        """Neighbouring spans of one account differ in their balance."""
        account, day = transactions.account, transactions.day
        closing = np.flatnonzero(np.append((account[1:] != account[:-1]) | (day[1:] != day[:-1]), [True]))
        account, balance = account[closing], transactions.balance[closing]
        changed = np.ones(len(closing), dtype=np.bool_)
        changed[1:] = (account[1:] != account[:-1]) | (balance[1:] != balance[:-1])
        kept = closing[changed]
        account, start = transactions.account[kept], transactions.day[kept]
        end = np.full(len(kept), NEVER)
        end[:-1] = np.where(account[1:] == account[:-1], start[1:], NEVER)
        return cls(account=account, start_day=start, end_day=end, balance=transactions.balance[kept])


def book(plan: Plan, *, accounts: Accounts, standing: Standing) -> tuple[Transactions, Standing]:
    """What is booked of the plan, and how the accounts stand afterwards. No balance falls below zero.

    Takes the first booking of all accounts, then the second of all, and so on: as many steps as the busiest
    account has bookings, each on whole arrays.
    """
    balance, parked = standing.balance.copy(), standing.parked.copy()
    amount, after = plan.amount.copy(), np.zeros_like(plan.amount)
    first = np.searchsorted(plan.account, np.arange(len(balance)))
    counts = np.bincount(plan.account, minlength=len(balance))
    for step in range(int(counts.max(initial=0))):
        at = first[counts > step] + step
        account, category = plan.account[at], plan.category[at]
        have, aside = balance[account], parked[account]
        value = amount[at]

        spare = np.maximum(have - aside - accounts.habitual[account], 0)
        value = np.where(category == TRANSFER_OUT, spare // _HUNDRED_YUAN * _HUNDRED_YUAN, value)
        value = np.where(category == TOP_UP, np.maximum(value - have, 0), value)
        value = np.where(category == DEPARTURE, np.minimum(value, have), value)

        credit = category < len(CREDITS)
        value = np.where(credit | (value <= have), value, 0)
        decided = (category == TERM_DEPOSIT) | (category == WEALTH_PURCHASE) | (category == DEPARTURE)
        aside = np.where(category == DEPOSIT_MATURED, aside + value, np.where(decided, aside - value, aside))
        amount[at] = value
        after[at] = balance[account] = have + np.where(credit, value, -value)
        parked[account] = np.maximum(aside, 0)
    booked = np.flatnonzero(amount > 0)
    transactions = Transactions(
        account=plan.account[booked],
        day=plan.day[booked],
        category=plan.category[booked],
        amount=amount[booked],
        balance=after[booked],
    )
    return transactions, Standing(balance=balance, parked=parked)
