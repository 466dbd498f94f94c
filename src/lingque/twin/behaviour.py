"""What customers mean to do: their accounts, and the bookings they intend, without regard to money.

`lingque.twin.ledger` then decides what of it happens. Days are days since 1970-01-01, money is in fen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.days import NEVER, day_number, months_later
from lingque.twin.parameters import TwinParameters
from lingque.twin.placements import Departures, Placements
from lingque.twin.population import INCOME_KINDS, Population

# of one day, bookings are made in this order: money comes in before it is spent
CREDITS = ("opening", *INCOME_KINDS, "deposit_matured", "wealth_redeemed", "top_up")
SPENDING = ("groceries", "dining", "travel", "housing", "education", "medical", "transfer_out")
CATEGORIES = (*CREDITS, "term_deposit", "wealth_purchase", "departure", *SPENDING)
OPENING, DEPOSIT_MATURED, WEALTH_REDEEMED, TOP_UP, TERM_DEPOSIT, WEALTH_PURCHASE, DEPARTURE, TRANSFER_OUT = map(
    CATEGORIES.index,
    (
        *("opening", "deposit_matured", "wealth_redeemed", "top_up"),
        *("term_deposit", "wealth_purchase", "departure", "transfer_out"),
    ),
)

# without published figures; made so that inflow exceeds spending and the surplus leaves as transfers
_SPENDING_SHARES = (0.22, 0.14, 0.06, 0.10, 0.07, 0.06, 0.35)
_SPENDING_TO_INCOME = np.array((0.15, 0.10, 0.60, 0.80, 0.60, 0.30, 0.0))


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
class Plan:
    """Intended bookings, sorted by account, day and category.

    `amount` is the wish. It means nothing for `transfer_out`, which the ledger works out; of `top_up` it is what
    must be on the account afterwards, of `departure` what leaves at most.
    """

    account: Int64s
    day: Int64s
    category: Int64s
    amount: Int64s

    @classmethod
    def of_history(
        cls,
        parameters: TwinParameters,
        population: Population,
        accounts: Accounts,
        placements: Placements,
        departures: Departures,
    ) -> Plan:
        """From the opening balance of every account to the day before `as_of`."""
        start, end = history_days(parameters)
        return cls._between(
            start,
            end,
            accounts,
            [
                _openings(parameters, accounts),
                _income(parameters, population, start, end),
                *_of_placements(placements, departures),
                _spending(parameters, population, accounts, start, end, subject="spending"),
            ],
        )

    @classmethod
    def of_future(
        cls,
        parameters: TwinParameters,
        population: Population,
        accounts: Accounts,
        placements: Placements,
        departures: Departures,
        *,
        days: int,
    ) -> Plan:
        """So many days from `as_of`. `placements` are all, `departures` those of these days."""
        start = day_number(parameters.as_of)
        end = start + days
        return cls._between(
            start,
            end,
            accounts,
            [
                _income(parameters, population, start, end),
                *_of_placements(placements, departures),
                _spending(parameters, population, accounts, start, end, subject="spending afterwards"),
            ],
        )

    @classmethod
    def _between(cls, start: int, end: int, accounts: Accounts, parts: list[_Columns]) -> Plan:
        account, day, category, amount = map(np.concatenate, zip(*parts, strict=True))
        kept = np.flatnonzero((day >= np.maximum(accounts.first_day[account], start)) & (day < end))
        order = kept[np.lexsort((kept, category[kept], day[kept], account[kept]))]
        return cls(account=account[order], day=day[order], category=category[order], amount=amount[order])


_Columns = tuple[Int64s, Int64s, Int64s, Int64s]


def history_days(parameters: TwinParameters) -> tuple[int, int]:
    """First day of the history, and the first day after it."""
    end = day_number(parameters.as_of)
    return int(months_later(np.array([end]), np.array([-parameters.months]))[0]), end


def _openings(parameters: TwinParameters, accounts: Accounts) -> _Columns:
    count = len(accounts.owner)
    swing = parameters.stream("opening balance").uniform(0.5, 1.5, count)
    # never nothing: an account without its first row would have no balance to start from
    amount = np.maximum(np.rint(accounts.habitual * swing), 100).astype(np.int64)
    return np.arange(count), accounts.first_day, np.full(count, OPENING), amount


def _income(parameters: TwinParameters, population: Population, first: int, after: int) -> _Columns:
    n = parameters.customers
    payday = parameters.stream("payday").integers(5, 26, n)
    start, end = (np.datetime64(day, "D").astype("datetime64[M]") for day in (first, after))
    month_starts = np.arange(start, end + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
    customer = np.repeat(np.arange(n), len(month_starts))
    day = (month_starts[None, :] + payday[:, None] - 1).ravel()
    wobble = parameters.stream(f"pay from {first}").lognormal(0.0, 0.03, len(day))
    amount = np.rint(population.income[customer] * wobble).astype(np.int64)
    return customer, day, CATEGORIES.index(INCOME_KINDS[0]) + population.income_kind[customer], amount


def _spending(
    parameters: TwinParameters, population: Population, accounts: Accounts, start: int, end: int, *, subject: str
) -> _Columns:
    random = parameters.stream(subject)
    n = parameters.customers
    months = (end - start) * 12 / 365
    customer = np.repeat(np.arange(n), random.poisson(parameters.spending_per_month * months, n))
    count = len(customer)
    second = np.full(n, -1)
    second[accounts.owner[n:]] = np.arange(n, len(accounts.owner))
    use_second = (second[customer] >= 0) & (random.random(count) < 0.2)
    kind = random.choice(len(SPENDING), count, p=_SPENDING_SHARES)
    scale = population.income[customer] * _SPENDING_TO_INCOME[kind]
    amount = np.rint(scale * random.lognormal(0.0, 0.5, count)).astype(np.int64)
    account = np.where(use_second, second[customer], customer)
    return account, random.integers(start, end, count), CATEGORIES.index(SPENDING[0]) + kind, amount


def _of_placements(placements: Placements, departures: Departures) -> list[_Columns]:
    """From and to the main account. What the account lacks for a placement comes from another bank before it."""
    deposit = placements.is_deposit
    ended = np.flatnonzero(placements.end_day < NEVER)
    bought = np.where(deposit, TERM_DEPOSIT, WEALTH_PURCHASE)
    came_back = np.where(deposit, DEPOSIT_MATURED, WEALTH_REDEEMED)
    owner, opened, amount = placements.owner, placements.opened_day, placements.amount
    return [
        (owner[ended], placements.end_day[ended], came_back[ended], placements.payout[ended]),
        (owner, opened, np.full(len(owner), TOP_UP), amount),
        (owner, opened, bought, amount),
        (departures.owner, departures.day, np.full(len(departures.owner), DEPARTURE), departures.amount),
    ]


def _account_no(number: int) -> str:
    """19 digits: `6222`, the running number, and the check digit after Luhn (ISO/IEC 7812-1)."""
    payload = f"6222{number:014d}"
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in payload[-1::-2])
    plain = sum(int(digit) for digit in payload[-2::-2])
    return f"{payload}{-(doubled + plain) % 10}"
