"""The files the bank's systems deliver: UTF-8, comma, a header row, `YYYY-MM-DD`, amounts as `1234.56`."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from lingque.core.hashing import Int64s
from lingque.twin.behaviour import CATEGORIES, CREDITS
from lingque.twin.consents import ConsentRecord
from lingque.twin.ledger import RATES, Ledger
from lingque.twin.parameters import TwinParameters
from lingque.twin.population import Population
from lingque.twin.responses import OFFERED_TERM_MONTHS, Responses

Row = tuple[str, ...]

CUSTOMERS: Row = ("customer_no", "name", "email", "birth_date", "city", "opened_on")
ACCOUNTS: Row = ("account_no", "customer_no", "kind", "opened_on")
TRANSACTIONS: Row = (
    *("transaction_no", "account_no", "customer_no", "booked_on"),
    *("direction", "category", "amount", "balance"),
)
DEPOSITS: Row = ("deposit_no", "customer_no", "opened_on", "amount", "term_months", "annual_rate")
CONSENTS: Row = (
    *("customer_no", "purpose", "channel", "data_classes"),
    *("action", "acted_on", "wording_version", "evidence"),
)

# bounds the text held at one time: a row as Python strings is ten times its bytes in the file
_CHUNK = 50_000


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """How many bad rows of each kind the transaction extract holds beside its clean ones."""

    impossible_dates: int
    non_numeric_amounts: int
    unknown_customers: int
    repeated_rows: int
    """Rows that stand in the file once more, identical in every column."""

    @property
    def total(self) -> int:
        return self.impossible_dates + self.non_numeric_amounts + self.unknown_customers + self.repeated_rows


def customer_rows(population: Population) -> Iterator[Row]:
    birth, opened = _dates(population.birth_day), _dates(population.opened_day)
    yield CUSTOMERS
    yield from zip(
        population.customer_no, population.name, population.email, birth, population.city, opened, strict=True
    )


def account_rows(population: Population, ledger: Ledger) -> Iterator[Row]:
    accounts = ledger.accounts
    yield ACCOUNTS
    for number, owner, opened in zip(
        accounts.account_no, accounts.owner.tolist(), _dates(accounts.opened_day), strict=True
    ):
        yield number, population.customer_no[owner], "current", opened


def transaction_rows(parameters: TwinParameters, population: Population, ledger: Ledger, dirt: Dirt) -> Iterator[Row]:
    """Clean rows by day and, strewn among them, bad ones: each a spoilt copy of the clean row it follows."""
    count = len(ledger.transactions.day)
    random = parameters.stream("dirt")
    kinds = (
        *("date",) * dirt.impossible_dates,
        *("amount",) * dirt.non_numeric_amounts,
        *("customer",) * dirt.unknown_customers,
        *("repeated",) * dirt.repeated_rows,
    )
    strewn: dict[int, list[tuple[str, int]]] = {}
    for number, kind in enumerate(kinds, count + 1):
        strewn.setdefault(int(random.integers(0, count)), []).append((kind, number))

    yield TRANSACTIONS
    for place, row in enumerate(_clean_transactions(population, ledger)):
        yield row
        for kind, number in strewn.get(place, ()):
            yield _spoilt(row, kind, number)


def deposit_rows(population: Population, ledger: Ledger) -> Iterator[Row]:
    deposits = ledger.deposits
    yield DEPOSITS
    for owner, opened, fen, term in zip(
        deposits.owner.tolist(),
        _dates(deposits.opened_day),
        deposits.amount.tolist(),
        deposits.term_months.tolist(),
        strict=True,
    ):
        yield _deposit_row(population.customer_no[owner], opened, fen, term)


def new_deposit_rows(responses: Responses) -> Iterator[Row]:
    yield DEPOSITS
    for one in responses.opened:
        yield _deposit_row(one.customer_no, one.opened_on.isoformat(), one.amount.minor, OFFERED_TERM_MONTHS)


def consent_rows(population: Population, consents: Iterable[ConsentRecord]) -> Iterator[Row]:
    yield CONSENTS
    for one in consents:
        acted_on = str(np.datetime64(one.acted_day, "D"))
        yield (
            *(population.customer_no[one.customer], "marketing", "email", "|".join(one.data_classes)),
            *(one.action, acted_on, one.wording_version, one.evidence),
        )


def file_name(source: str, day: date) -> str:
    return f"{source}_{day:%Y%m%d}.csv"


def publish(folder: Path, files: Mapping[str, Iterable[Row]]) -> list[Path]:
    """Writes all of them or none: nothing gets its name before everything is on disk.

    A name that is taken raises `FileExistsError`; what the disk refuses raises `OSError`.
    """
    for name in files:
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} exists already; the twin overwrites nothing")
    partial = {folder / f".{name}.partial": folder / name for name in files}
    try:
        for path, rows in zip(partial, files.values(), strict=True):
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
                file.flush()
                os.fsync(file.fileno())
        for path, final in partial.items():
            path.rename(final)
    except BaseException:
        # the final names were free when we began, so what bears them now is ours
        for path in (*partial, *partial.values()):
            with suppress(OSError):
                path.unlink()
        raise
    return list(partial.values())


def _clean_transactions(population: Population, ledger: Ledger) -> Iterator[Row]:
    booked, accounts = ledger.transactions, ledger.accounts
    owners = accounts.owner.tolist()
    for start in range(0, len(booked.day), _CHUNK):
        part = slice(start, start + _CHUNK)
        for number, account, day, category, amount, balance in zip(
            range(start + 1, start + _CHUNK + 1),
            booked.account[part].tolist(),
            _dates(booked.day[part]),
            booked.category[part].tolist(),
            booked.amount[part].tolist(),
            booked.balance[part].tolist(),
            strict=False,
        ):
            customer_no = population.customer_no[owners[account]]
            yield (
                *(f"T{number:09d}", accounts.account_no[account], customer_no, day),
                "credit" if category < len(CREDITS) else "debit",
                *(CATEGORIES[category], _yuan(amount), _yuan(balance)),
            )


def _spoilt(row: Row, kind: str, number: int) -> Row:
    if kind == "repeated":
        return row
    spoilt = dict(zip(TRANSACTIONS, row, strict=True)) | {"transaction_no": f"T{number:09d}"}
    match kind:
        case "date":
            spoilt["booked_on"] = f"{row[3][:4]}-02-30"
        case "amount":
            spoilt["amount"] = f"{row[6]}元"
        case _:
            spoilt["customer_no"] = f"C9{number % 100_000:05d}"
    return tuple(spoilt.values())


def _deposit_row(customer_no: str, opened_on: str, fen: int, term_months: int) -> Row:
    # by customer and day: nobody opens two on one day, so neither extract needs to know the other's numbers
    deposit_no = f"D{opened_on.replace('-', '')}{customer_no[1:]}"
    annual_rate = f"0.{RATES[term_months]:04d}"
    return deposit_no, customer_no, opened_on, _yuan(fen), str(term_months), annual_rate


def _dates(days: Int64s) -> list[str]:
    texts: list[str] = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    return texts


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
