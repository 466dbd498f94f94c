"""What the bank books: it walks every account through its plan in order of time.

Days are days since 1970-01-01, money is in fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit

from lingque.core.hashing import Int64s
from lingque.twin.accounts import Accounts
from lingque.twin.behaviour import Plan
from lingque.twin.categories import CREDITS, POSITION
from lingque.twin.days import NEVER

_HUNDRED_YUAN = 10_000
_CREDITS = len(CREDITS)
_INTEREST, _MATURED, _TOP_UP, _DEPARTURE, _TRANSFER_OUT, _DEPOSIT, _WEALTH = (
    POSITION[name]
    for name in (
        "interest",
        "deposit_matured",
        "top_up",
        "departure",
        "transfer_out",
        "term_deposit",
        "wealth_purchase",
    )
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """Of each account, after some bookings."""

    balance: Int64s
    parked: Int64s
    """What of it came from a matured deposit and waits for a decision: transfers out leave it alone."""
    fen_days: Int64s
    """Balance times days since interest was last paid, up to `day`."""
    day: Int64s

    @classmethod
    def empty(cls, accounts: Accounts) -> Self:
        return cls(**{name: np.zeros(len(accounts.owner), dtype=np.int64) for name in cls.__dataclass_fields__})


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


def book(plan: Plan, *, accounts: Accounts, standing: Standing, rate: int) -> tuple[Transactions, Standing]:
    """What is booked of the plan, and how the accounts stand afterwards. No balance falls below zero.

    `rate` is what current accounts pay, in hundredths of a per cent per year of 360 days.
    """
    after = Standing(**{name: getattr(standing, name).copy() for name in Standing.__dataclass_fields__})
    amount, balance = plan.amount.copy(), np.zeros_like(plan.amount)
    _walk(
        plan.account,
        plan.day,
        plan.category,
        amount,
        balance,
        accounts.habitual,
        after.balance,
        after.parked,
        after.fen_days,
        after.day,
        rate,
    )
    booked = np.flatnonzero(amount > 0)
    transactions = Transactions(
        account=plan.account[booked],
        day=plan.day[booked],
        category=plan.category[booked],
        amount=amount[booked],
        balance=balance[booked],
    )
    return transactions, after


@njit(cache=True)
def _walk(
    account: Int64s,
    day: Int64s,
    category: Int64s,
    amount: Int64s,
    after: Int64s,
    habitual: Int64s,
    balance: Int64s,
    parked: Int64s,
    fen_days: Int64s,
    since: Int64s,
    rate: int,
) -> None:
    """Turns wishes into what is booked (0 where nothing is), and fills the balances after each."""
    for row in range(len(account)):
        at, kind, value = account[row], category[row], amount[row]
        have = balance[at]
        if since[at]:
            fen_days[at] += have * (day[row] - since[at])
        since[at] = day[row]
        if kind == _INTEREST:
            value = fen_days[at] * rate // (360 * 10_000)
            fen_days[at] = 0
        elif kind == _TRANSFER_OUT:
            value = max(have - parked[at] - habitual[at], 0) // _HUNDRED_YUAN * _HUNDRED_YUAN
        elif kind == _TOP_UP:
            value = max(value - have, 0)
        elif kind == _DEPARTURE:
            value = min(value, have)
        credit = kind < _CREDITS
        if not credit and value > have:
            value = 0
        if kind == _MATURED:
            parked[at] += value
        elif kind in (_DEPOSIT, _WEALTH, _DEPARTURE):
            parked[at] = max(parked[at] - value, 0)
        balance[at] = have + value if credit else have - value
        amount[row] = value
        after[row] = balance[at]
