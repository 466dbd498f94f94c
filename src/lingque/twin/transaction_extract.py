"""The transactions as the core banking system delivers them: fixed width, GB18030, with a control file and dirt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.behaviour import CATEGORIES, CREDITS, Accounts
from lingque.twin.ledger import Transactions
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population

LAYOUT: dict[str, tuple[int, int]] = {
    "transaction_no": (1, 15),
    "account_no": (16, 19),
    "customer_no": (35, 7),
    "booked_on": (42, 8),
    "direction": (50, 1),
    "category": (51, 16),
    "amount": (67, 16),
    "balance": (83, 16),
    "memo": (99, 40),
}
"""Field → (first byte, from 1, and number of bytes) of a line; bytes of GB18030, not characters.

`booked_on` is YYYYMMDD; `direction` is C (credit) or D (debit); `amount` and `balance` are right-aligned with two
decimals; texts are left-aligned and filled up with spaces.
"""

_UNCLASSIFIED = "unclassified"
_MEMOS: dict[str, tuple[str, ...]] = {
    "opening": ("期初余额",),
    "salary": ("代发工资",),
    "pension": ("养老金发放",),
    "transfer_in": ("家人转入", "他行转入"),
    "deposit_matured": ("定期到期转活",),
    "wealth_redeemed": ("理财赎回",),
    "top_up": ("他行转入",),
    "term_deposit": ("转存定期",),
    "wealth_purchase": ("申购理财",),
    "departure": ("跨行转出",),
    "groceries": ("惠民超市", "社区生鲜店", "便利小铺", "菜篮子市场"),
    "dining": ("老街面馆", "江边火锅", "早安咖啡", "家常小炒"),
    "travel": ("铁路购票", "机票预订", "城市酒店"),
    "housing": ("物业费", "房租", "水电燃气代扣"),
    "education": ("培训学校", "书店", "学费"),
    "medical": ("市立医院", "药房"),
    "transfer_out": ("转账汇款", "转入电子钱包", "跨行转出"),
    _UNCLASSIFIED: ("待分类",),
}
_CODES = {"top_up": "transfer_in", "departure": "transfer_out"}
"""What the bank cannot tell apart bears one code."""

_LATE, _CORRECTED = 1, 2
_DAY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """How many bad rows of each kind the transaction extract holds beside its clean ones."""

    impossible_dates: int
    non_numeric_balances: int
    unknown_customers: int
    repeated_rows: int
    """Rows that stand in the file once more, identical in every byte."""

    @property
    def total(self) -> int:
        return self.impossible_dates + self.non_numeric_balances + self.unknown_customers + self.repeated_rows

    @property
    def kinds(self) -> tuple[str, ...]:
        return (
            *("date",) * self.impossible_dates,
            *("balance",) * self.non_numeric_balances,
            *("customer",) * self.unknown_customers,
            *("repeated",) * self.repeated_rows,
        )


@dataclass(frozen=True, kw_only=True)
class Resent:
    """What the file that is sent again changes, by transaction number."""

    added: tuple[str, ...]
    """Came too late for the first file."""
    corrected: tuple[str, ...]
    """Had the category `unclassified` in the first file."""


class TransactionFiles:
    """Files of transactions of one bank."""

    def __init__(self, parameters: TwinParameters, population: Population, accounts: Accounts) -> None:
        self._parameters = parameters
        owners = columns.padded(population.customer_no, LAYOUT["customer_no"][1])
        self._customer_no = owners[accounts.owner]
        self._account_no = columns.padded(accounts.account_no, LAYOUT["account_no"][1])
        names = (*CATEGORIES, _UNCLASSIFIED)
        self._codes = columns.padded([_CODES.get(name, name) for name in names], LAYOUT["category"][1])
        self._memos = columns.padded([memo for name in names for memo in _MEMOS[name]], LAYOUT["memo"][1])
        self._memo_count = np.array([len(_MEMOS[name]) for name in names])
        self._first_memo = np.cumsum(self._memo_count) - self._memo_count

    def history(
        self, transactions: Transactions, dirt: Dirt, *, data_date: date, resent: bool
    ) -> dict[str, Iterator[bytes]]:
        """The file of the whole history, as first sent or as sent again, and its control file."""
        late, corrected = _late_and_corrected(transactions)
        clean = transactions.by_day()
        place = np.arange(len(clean.day))
        numbers = _numbers(clean)
        if not resent:
            category = clean.category.copy()
            category[corrected] = len(CATEGORIES)
            clean = Transactions(
                account=clean.account, day=clean.day, category=category, amount=clean.amount, balance=clean.balance
            )
            place = np.setdiff1d(place, late)
        # spoilt copies of rows that are the same in both files
        random = self._parameters.stream("dirt")
        copied = random.integers(0, max(len(clean.day) - _LATE - _CORRECTED, 1), len(dirt.kinds))
        at = np.sort(np.concatenate([place, copied]), kind="stable")
        spoilt: dict[int, tuple[str, int]] = {}
        for number, (kind, source) in enumerate(zip(dirt.kinds, copied.tolist(), strict=True)):
            position = int(np.searchsorted(at, source)) + 1
            while position in spoilt:
                position += 1
            spoilt[position] = (kind, number)
        return self._files(clean.take(at), numbers[at], spoilt, data_date=data_date)

    def between(self, transactions: Transactions, *, first: int, data_date: date) -> dict[str, Iterator[bytes]]:
        """The file of the days from `first` to the data date, and its control file."""
        last = (data_date - date(1970, 1, 1)).days
        by_day = transactions.by_day()
        part = by_day.take(np.flatnonzero((by_day.day >= first) & (by_day.day <= last)))
        return self._files(part, _numbers(part), {}, data_date=data_date)

    def _files(
        self,
        rows: Transactions,
        numbers: Int64s,
        spoilt: dict[int, tuple[str, int]],
        *,
        data_date: date,
    ) -> dict[str, Iterator[bytes]]:
        name = f"core_transactions_{data_date:%Y%m%d}"
        ok = columns.control(
            file=f"{name}.dat",
            rows=len(rows.day),
            amount_total=columns.yuan(int(rows.amount.sum())),
            data_date=f"{data_date:%Y%m%d}",
        )
        return {f"{name}.dat": self._lines(rows, numbers, spoilt), f"{name}.ok": ok}

    def _lines(self, rows: Transactions, numbers: Int64s, spoilt: dict[int, tuple[str, int]]) -> Iterator[bytes]:
        for start in range(0, len(rows.day), columns.CHUNK):
            place = np.arange(start, min(start + columns.CHUNK, len(rows.day)))
            part = rows.take(place)
            lines = columns.Lines(LAYOUT, len(place))
            _write_numbers(lines, numbers[place])
            lines.words("account_no", self._account_no, part.account)
            lines.words("customer_no", self._customer_no, part.account)
            lines.dates("booked_on", part.day)
            lines.field("direction")[:, 0] = np.where(part.category < len(CREDITS), ord("C"), ord("D"))
            lines.words("category", self._codes, part.category)
            lines.amounts("amount", part.amount)
            lines.amounts("balance", part.balance)
            which = (part.account * 31 + part.day) % self._memo_count[part.category]
            lines.words("memo", self._memos, self._first_memo[part.category] + which)
            for position, (kind, number) in spoilt.items():
                if start <= position < start + len(place):
                    _spoil(lines, position - start, kind, number, fen=int(rows.balance[position]))
            yield lines.bytes.tobytes()


def resent(transactions: Transactions) -> Resent:
    late, corrected = _late_and_corrected(transactions)
    numbers = _numbers(transactions.by_day())
    return Resent(
        added=tuple(f"T{number}" for number in numbers[late].tolist()),
        corrected=tuple(f"T{number}" for number in numbers[corrected].tolist()),
    )


def _late_and_corrected(transactions: Transactions) -> tuple[Int64s, Int64s]:
    """Places by day. The last row of all can be late: it is the last of its account, so no balance misses it."""
    count = len(transactions.day)
    places = np.arange(max(count - _LATE - _CORRECTED, 0), count)
    return places[-_LATE:], places[:-_LATE]


def _numbers(by_day: Transactions) -> Int64s:
    """YYYYMMDD and the place within that day, from 1."""
    within = np.arange(len(by_day.day)) - np.searchsorted(by_day.day, by_day.day)
    numbers: Int64s = columns.compact_days(by_day.day) * _DAY + within + 1
    return numbers


def _write_numbers(lines: columns.Lines, numbers: Int64s) -> None:
    field = lines.field("transaction_no")
    field[:, 0] = ord("T")
    columns.write_digits(field[:, 1:], numbers)


def _spoil(lines: columns.Lines, row: int, kind: str, number: int, *, fen: int) -> None:
    if kind == "repeated":
        return
    # a number of its own, beyond those of its day
    lines.field("transaction_no")[row, -6:] = np.frombuffer(f"{900_000 + number:06d}".encode(), dtype=np.uint8)
    match kind:
        case "date":
            lines.field("booked_on")[row, -4:] = np.frombuffer(b"0230", dtype=np.uint8)
        case "balance":
            # not `amount`: a control file states its total, and a bank's own total is never of words
            wrong = f"{columns.yuan(fen)}元".encode("gb18030").rjust(LAYOUT["balance"][1])
            lines.field("balance")[row] = np.frombuffer(wrong, dtype=np.uint8)
        case _:
            lines.field("customer_no")[row] = np.frombuffer(f"C9{number:05d}".encode(), dtype=np.uint8)
