"""The transactions as the core banking system delivers them: fixed width, GB18030, with a control file and dirt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.categories import CATEGORIES, CODES, CREDITS, MERCHANTS, UNCLASSIFIED
from lingque.twin.days import day_number
from lingque.twin.extracts import Extract, Records
from lingque.twin.flaws import Flaw, FlawKind
from lingque.twin.ledger import Transactions
from lingque.twin.parameters import TwinParameters
from lingque.twin.part import Part

LAYOUT: dict[str, tuple[int, int]] = {
    "transaction_no": (1, 15),
    "account_no": (16, 19),
    "customer_no": (35, 8),
    "booked_on": (43, 8),
    "direction": (51, 1),
    "category": (52, 16),
    "amount": (68, 16),
    "balance": (84, 16),
    "memo": (100, 40),
}
"""Field → (first byte, from 1, and number of bytes) of a line; bytes of GB18030, not characters.

`booked_on` is YYYYMMDD; `direction` is C (credit) or D (debit); `amount` and `balance` are right-aligned with two
decimals; texts are left-aligned and filled up with spaces.
"""

BAD_KINDS = ("date", "balance", "customer", "repeated")
_FLAWS: dict[str, tuple[FlawKind, str]] = {
    "date": ("malformed", "booked_on"),
    "balance": ("malformed", "balance"),
    "customer": ("unknown", "customer_no"),
    "repeated": ("repeated", ""),
}
_LATE, _CORRECTED = 1, 2
_SEQUENCE = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """How many bad rows of each kind stand beside the clean ones of the history."""

    impossible_dates: int
    non_numeric_balances: int
    unknown_customers: int
    repeated_rows: int
    """Rows that stand in the file once more, identical in every byte."""

    @classmethod
    def of(cls, part: Part) -> Dirt:
        book = Book(part, day_number(part.block.parameters.as_of) - 1)
        kinds = Counter(book.bad_rows[0])
        return cls(
            impossible_dates=kinds["date"],
            non_numeric_balances=kinds["balance"],
            unknown_customers=kinds["customer"],
            repeated_rows=kinds["repeated"],
        )

    def __add__(self, other: Dirt) -> Dirt:
        return Dirt(**{name: getattr(self, name) + getattr(other, name) for name in Dirt.__dataclass_fields__})

    @property
    def total(self) -> int:
        return self.impossible_dates + self.non_numeric_balances + self.unknown_customers + self.repeated_rows


def _of_the_data_date(parameters: TwinParameters) -> tuple[str, ...]:
    """Kinds of the bad rows in its file, by block."""
    return (
        *("date",) * parameters.dirt_impossible_dates,
        *("balance",) * parameters.dirt_non_numeric_balances,
        *("customer",) * parameters.dirt_unknown_customers,
        *("repeated",) * parameters.dirt_repeated_rows,
    )


@dataclass(frozen=True, kw_only=True)
class Resent:
    """What the file that is sent again changes, by transaction number."""

    added: tuple[str, ...]
    """Came too late for the first file."""
    corrected: tuple[str, ...]
    """Had the category `unclassified` in the first file."""

    @classmethod
    def of(cls, part: Part) -> Resent:
        book = Book(part, day_number(part.block.parameters.as_of) - 1)
        late, corrected = book.late_and_corrected
        return cls(
            added=tuple(f"T{number:014d}" for number in book.numbers[late].tolist()),
            corrected=tuple(f"T{number:014d}" for number in book.numbers[corrected].tolist()),
        )


class Book:
    """The booked transactions of a part up to a day, by day."""

    def __init__(self, part: Part, last: int) -> None:
        booked = part.transactions
        order = np.argsort(booked.day, kind="stable")
        order = order[: np.searchsorted(booked.day[order], last + 1)]
        first = np.searchsorted(booked.account, np.arange(len(part.accounts.owner)))
        within = np.arange(len(booked.account)) - first[booked.account] + 1
        second = np.arange(len(part.accounts.owner)) >= part.block.customers
        own = 2 * (part.block.first + part.accounts.owner) + 1 + second
        self.rows: Transactions = booked.take(order)
        self.numbers: Int64s = own[self.rows.account] * _SEQUENCE + within[order]
        self.part = part
        self.history = int(np.searchsorted(self.rows.day, day_number(part.block.parameters.as_of)))
        """How many of them belong to the history."""

    @property
    def late_and_corrected(self) -> tuple[Int64s, Int64s]:
        """The last row of the history can be late: it is the last of its account, so no balance misses it."""
        places = np.arange(max(self.history - _LATE - _CORRECTED, 0), self.history)
        return places[-_LATE:], places[:-_LATE]

    @property
    def bad_rows(self) -> tuple[list[str], Int64s]:
        """What is wrong with each spoilt copy, and the row of the history that it is a copy of: so many of the data
        date, which are the same when it is sent again, and a share of the days before it."""
        parameters, random = self.part.block.parameters, self.part.block.stream("dirt")
        data_date = day_number(parameters.as_of) - 1
        begin = int(np.searchsorted(self.rows.day[: self.history], data_date))
        after = max(self.history - _LATE - _CORRECTED, 0)
        kinds = list(_of_the_data_date(parameters))
        low = min(begin, max(after - 1, 0))
        copied = random.integers(low, max(after, low + 1), len(kinds))
        more = int(random.binomial(begin, parameters.missing_share + parameters.malformed_share))
        kinds += [BAD_KINDS[one] for one in random.integers(0, len(BAD_KINDS), more).tolist()]
        return kinds, np.concatenate([copied, random.integers(0, max(begin, 1), more)])

    def records(self, *, resent: bool) -> Records:
        """With the bad rows and, unless the data date is sent again, without what came late."""
        late, corrected = self.late_and_corrected
        category = self.rows.category.copy()
        place = np.arange(len(self.rows.day))
        if not resent:
            category[corrected] = len(CATEGORIES)
            place = np.setdiff1d(place, late)
        kinds, copied = self.bad_rows
        at = np.sort(np.concatenate([place, copied]), kind="stable")
        spoilt: dict[int, tuple[str, int]] = {}
        for number, (kind, source) in enumerate(zip(kinds, copied.tolist(), strict=True)):
            position = int(np.searchsorted(at, source)) + 1
            while position in spoilt:
                position += 1
            spoilt[position] = (kind, number)
        rows = self.rows.take(at)
        shown = category[at]
        numbers = self.numbers[at]
        lines = _Lines(self.part)
        flaws = [
            Flaw(position=position, kind=_FLAWS[kind][0], detail=_FLAWS[kind][1])
            for position, (kind, _number) in spoilt.items()
        ]
        if resent:
            told: tuple[tuple[FlawKind, Int64s], ...] = (("late", late), ("corrected", corrected))
            flaws += [
                Flaw(position=int(np.searchsorted(at, source)), kind=kind, detail=f"T{int(self.numbers[source]):014d}")
                for kind, sources in told
                for source in sources.tolist()
            ]
        flaws.sort(key=lambda flaw: flaw.position)

        def content(where: Int64s, _day: int) -> bytes:
            return lines.of(rows, shown, numbers, where, spoilt)

        return Records(count=len(at), content=content, arrives=rows.day, amount=rows.amount, flaws=tuple(flaws))


class _Lines:
    """The texts that stand in lines of one part."""

    def __init__(self, part: Part) -> None:
        accounts = part.accounts
        owners = columns.padded(part.population.customer_no, LAYOUT["customer_no"][1])
        self._customer_no = owners[accounts.owner]
        self._account_no = columns.padded(accounts.account_no, LAYOUT["account_no"][1])
        names = (*CATEGORIES, UNCLASSIFIED)
        self._codes = columns.padded([CODES.get(name, name) for name in names], LAYOUT["category"][1])
        self._memos = columns.padded([memo for name in names for memo in MERCHANTS[name]], LAYOUT["memo"][1])
        self._memo_count = np.array([len(MERCHANTS[name]) for name in names])
        self._first_memo = np.cumsum(self._memo_count) - self._memo_count

    def of(
        self, rows: Transactions, category: Int64s, numbers: Int64s, where: Int64s, spoilt: dict[int, tuple[str, int]]
    ) -> bytes:
        account, day, shown = rows.account[where], rows.day[where], category[where]
        lines = columns.Lines(LAYOUT, len(where))
        field = lines.field("transaction_no")
        field[:, 0] = ord("T")
        columns.write_digits(field[:, 1:], numbers[where])
        lines.words("account_no", self._account_no, account)
        lines.words("customer_no", self._customer_no, account)
        lines.dates("booked_on", day)
        lines.field("direction")[:, 0] = np.where(rows.category[where] < len(CREDITS), ord("C"), ord("D"))
        lines.words("category", self._codes, shown)
        lines.amounts("amount", rows.amount[where])
        lines.amounts("balance", rows.balance[where])
        lines.words("memo", self._memos, self._first_memo[shown] + (account * 31 + day) % self._memo_count[shown])
        if len(where):
            for position, (kind, number) in spoilt.items():
                if where[0] <= position <= where[-1]:
                    _spoil(lines, position - int(where[0]), kind, number, fen=int(rows.balance[position]))
        return lines.bytes.tobytes()


def _spoil(lines: columns.Lines, row: int, kind: str, number: int, *, fen: int) -> None:
    if kind == "repeated":
        return
    # a number of its own, beyond those of its account
    lines.field("transaction_no")[row, -7:] = np.frombuffer(f"{9_000_000 + number:07d}".encode(), dtype=np.uint8)
    match kind:
        case "date":
            lines.field("booked_on")[row, -4:] = np.frombuffer(b"0230", dtype=np.uint8)
        case "balance":
            # not `amount`: a control file states its total, and a bank's own total is never of words
            wrong = f"{columns.yuan(fen)}元".encode("gb18030").rjust(LAYOUT["balance"][1])
            lines.field("balance")[row] = np.frombuffer(wrong, dtype=np.uint8)
        case _:
            lines.field("customer_no")[row] = np.frombuffer(f"X9{number:06d}".encode(), dtype=np.uint8)


EXTRACT = Extract(
    name="core_transactions",
    suffix="dat",
    records=lambda part, day: Book(part, day).records(resent=False),
    control=True,
)
AGAIN = Extract(
    name="core_transactions",
    suffix="dat",
    records=lambda part, day: Book(part, day).records(resent=True),
    control=True,
)
"""The same, sent again."""
