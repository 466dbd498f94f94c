"""What the customers mean to do: their accounts, and the bookings they intend, without regard to money.

`lingque.twin.ledger` then decides what of it happens. Days are days since 1970-01-01, money is in fen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import ADULT, INCOME_KINDS, Population, day_number, months_later

CREDITS = ("opening", *INCOME_KINDS, "deposit_matured")
SPENDING = ("groceries", "dining", "travel", "housing", "education", "medical", "transfer_out")
CATEGORIES = (*CREDITS, *SPENDING, "term_deposit")
OPENING, DEPOSIT_MATURED, TRANSFER_OUT, TERM_DEPOSIT = map(
    CATEGORIES.index, ("opening", "deposit_matured", "transfer_out", "term_deposit")
)

THOUSAND_YUAN = 100_000
"""In fen: what term deposits are made in multiples of."""

# without published figures; made so that inflow exceeds spending and the surplus leaves as transfers
_SPENDING_SHARES = (0.22, 0.14, 0.06, 0.10, 0.07, 0.06, 0.35)
_SPENDING_TO_INCOME = np.array((0.15, 0.10, 0.60, 0.80, 0.60, 0.30, 0.0))
_TERMS, _TERM_SHARES = (3, 6, 12, 24, 36), (0.2, 0.2, 0.35, 0.15, 0.1)
_YEARS_OF_DEPOSITS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Accounts:
    """Current accounts; the first of them are everybody's main account, in the order of the customers."""

    account_no: tuple[str, ...]
    owner: Int64s
    opened_day: Int64s
    first_day: Int64s
    """Of its history: the later of its opening and the start of the history."""
    habitual: Int64s
    """What its owner likes to leave on it; above that, money is moved to other banks and wallets."""

    @classmethod
    def make(cls, parameters: TwinParameters, population: Population) -> Accounts:
        n = parameters.customers
        start, end = history_days(parameters)
        has_second = parameters.stream("second account").random(n) < parameters.second_account_share
        second = np.flatnonzero(has_second)
        owner = np.concatenate([np.arange(n), second])
        second_opened = parameters.stream("second account opened").integers(population.opened_day[second], end)
        opened = np.concatenate([population.opened_day, second_opened])
        share = np.concatenate([np.where(has_second, 0.75, 1.0), np.full(len(second), 0.25)])
        return cls(
            account_no=tuple(_account_no(number) for number in range(1, len(owner) + 1)),
            owner=owner,
            opened_day=opened,
            first_day=np.maximum(opened, start),
            habitual=np.rint(population.idle_balance[owner] * share).astype(np.int64),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Deposits:
    """Term deposits, meant or made, in the order of the owners; nobody opens two on one day."""

    owner: Int64s
    opened_day: Int64s
    amount: Int64s
    term_months: Int64s


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Intended bookings, sorted by account and day; equal days keep the order: opening, income, the rest.

    `amount` is the wish, and means nothing for transfers out and repayments, which the ledger works out.
    `deposit` points into `Deposits` or is −1.
    """

    account: Int64s
    day: Int64s
    category: Int64s
    amount: Int64s
    deposit: Int64s

    @classmethod
    def make(cls, parameters: TwinParameters, population: Population, accounts: Accounts, deposits: Deposits) -> Plan:
        parts = [
            _openings(parameters, accounts),
            _income(parameters, population),
            _repayments_and_openings_of(deposits),
            _spending(parameters, population, accounts),
        ]
        account, day, category, amount, deposit = map(np.concatenate, zip(*parts, strict=True))
        _, end = history_days(parameters)
        kept = np.flatnonzero((day >= accounts.first_day[account]) & (day < end))
        order = kept[np.lexsort((kept, day[kept], account[kept]))]
        return cls(
            account=account[order],
            day=day[order],
            category=category[order],
            amount=amount[order],
            deposit=deposit[order],
        )


_Columns = tuple[Int64s, Int64s, Int64s, Int64s, Int64s]


def history_days(parameters: TwinParameters) -> tuple[int, int]:
    """First day of the history, and the first day after it."""
    end = day_number(parameters.as_of)
    return int(months_later(np.array([end]), np.array([-parameters.months]))[0]), end


def plan_deposits(parameters: TwinParameters, population: Population) -> Deposits:
    """Adults' wishes over three years: mostly longer than the history, so that some mature in it."""
    random = parameters.stream("deposits")
    _, end = history_days(parameters)
    means = population.means
    rate = parameters.deposits_per_customer * (0.2 + 1.6 * means) * (population.age >= ADULT)
    owner = np.repeat(np.arange(parameters.customers), random.poisson(rate))
    opened = end - random.integers(1, _YEARS_OF_DEPOSITS * 365, len(owner))
    wish = population.idle_balance[owner] * random.uniform(0.3, 1.5, len(owner))
    term = random.choice(_TERMS, len(owner), p=_TERM_SHARES)
    of_age = months_later(population.birth_day[owner], np.full(len(owner), 12 * ADULT))
    possible = opened >= np.maximum(population.opened_day[owner], of_age)
    # the extracts number deposits by customer and day
    possible &= np.isin(np.arange(len(owner)), np.unique(owner * end + opened, return_index=True)[1])
    return Deposits(
        owner=owner[possible],
        opened_day=opened[possible],
        amount=np.maximum(wish.astype(np.int64) // THOUSAND_YUAN, 1)[possible] * THOUSAND_YUAN,
        term_months=term[possible],
    )


def _openings(parameters: TwinParameters, accounts: Accounts) -> _Columns:
    count = len(accounts.owner)
    swing = parameters.stream("opening balance").uniform(0.5, 1.5, count)
    # never nothing: an account without its first row would have no balance to start from
    amount = np.maximum(np.rint(accounts.habitual * swing), 100).astype(np.int64)
    return np.arange(count), accounts.first_day, np.full(count, OPENING), amount, np.full(count, -1)


def _income(parameters: TwinParameters, population: Population) -> _Columns:
    random = parameters.stream("payday")
    n = parameters.customers
    start, end = (np.datetime64(day, "D").astype("datetime64[M]") for day in history_days(parameters))
    month_starts = np.arange(start, end + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    payday = random.integers(5, 26, n)
    customer = np.repeat(np.arange(n), len(month_starts))
    day = (month_starts[None, :] + payday[:, None] - 1).ravel()
    wobble = random.lognormal(0.0, 0.03, len(day))
    amount = np.rint(population.income[customer] * wobble).astype(np.int64)
    category = CATEGORIES.index(INCOME_KINDS[0]) + population.income_kind[customer]
    return customer, day, category, amount, np.full(len(day), -1)


def _spending(parameters: TwinParameters, population: Population, accounts: Accounts) -> _Columns:
    random = parameters.stream("spending")
    n = parameters.customers
    start, end = history_days(parameters)
    customer = np.repeat(np.arange(n), random.poisson(parameters.spending_per_month * parameters.months, n))
    count = len(customer)
    second = np.full(n, -1)
    second[accounts.owner[n:]] = np.arange(n, len(accounts.owner))
    use_second = (second[customer] >= 0) & (random.random(count) < 0.2)
    kind = random.choice(len(SPENDING), count, p=_SPENDING_SHARES)
    scale = population.income[customer] * _SPENDING_TO_INCOME[kind]
    amount = np.rint(scale * random.lognormal(0.0, 0.5, count)).astype(np.int64)
    account = np.where(use_second, second[customer], customer)
    category = CATEGORIES.index(SPENDING[0]) + kind
    return account, random.integers(start, end, count), category, amount, np.full(count, -1)


def _repayments_and_openings_of(deposits: Deposits) -> _Columns:
    """From and to the main account. Those opened before the history lose their debit where days are cut."""
    count = len(deposits.owner)
    matures = months_later(deposits.opened_day, deposits.term_months)
    return (
        np.concatenate([deposits.owner, deposits.owner]),
        np.concatenate([matures, deposits.opened_day]),
        np.repeat([DEPOSIT_MATURED, TERM_DEPOSIT], count),
        np.concatenate([np.zeros(count, dtype=np.int64), deposits.amount]),
        np.tile(np.arange(count), 2),
    )


def _account_no(number: int) -> str:
    """19 digits: `6222`, the running number, and the check digit after Luhn (ISO/IEC 7812-1)."""
    payload = f"6222{number:014d}"
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in payload[-1::-2])
    plain = sum(int(digit) for digit in payload[-2::-2])
    return f"{payload}{-(doubled + plain) % 10}"
