"""What the core banking system delivers: customers, accounts, deposits, balances and the tree of branches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa

from lingque.twin import columns
from lingque.twin.behaviour import Accounts
from lingque.twin.days import day_number
from lingque.twin.ledger import BalanceSpans
from lingque.twin.organisation import BRANCHES, CITIES
from lingque.twin.placements import Placements
from lingque.twin.population import OCCUPATIONS, Population
from lingque.twin.products import PRODUCTS


def customers(population: Population) -> Iterator[bytes]:
    return columns.csv(
        {
            "customer_no": population.customer_no,
            "name": population.name,
            "phone": population.phone,
            "email": population.email,
            "birth_date": columns.days(population.birth_day),
            "gender": columns.picked(("M", "F"), population.female),
            "city": columns.picked(CITIES, population.city),
            "branch_code": columns.picked(BRANCHES.code, population.branch),
            "opened_on": columns.days(population.opened_day),
            "occupation": columns.picked(OCCUPATIONS, population.occupation),
        },
        encoding="utf-8-sig",
    )


def accounts(population: Population, accounts: Accounts) -> Iterator[bytes]:
    return columns.csv(
        {
            "account_no": accounts.account_no,
            "customer_no": columns.picked(population.customer_no, accounts.owner),
            "kind": ["current"] * len(accounts.owner),
            "opened_on": columns.days(accounts.opened_day),
        }
    )


def deposits(
    population: Population, accounts: Accounts, placements: Placements, *, data_date: date
) -> dict[str, Iterator[bytes]]:
    """All that were opened by the end of the data date, with their control file."""
    last = day_number(data_date)
    held = placements.take(np.flatnonzero(placements.is_deposit & (placements.opened_day <= last)))
    name = f"core_deposits_{data_date:%Y%m%d}"
    table = columns.csv(
        {
            "deposit_no": numbers("D", population, held),
            "customer_no": columns.picked(population.customer_no, held.owner),
            "account_no": columns.picked(accounts.account_no, held.owner),
            "product_code": columns.picked([one.code for one in PRODUCTS], held.product),
            "amount": columns.money(held.amount),
            "opened_on": columns.days(held.opened_day),
            "maturity_date": columns.days(held.end_day),
            "annual_rate": columns.rate(held.rate),
            "status": columns.picked(("open", "matured"), (held.end_day <= last).astype(np.int64)),
        }
    )
    total = columns.yuan(int(held.amount.sum()))
    ok = columns.control(file=f"{name}.csv", rows=len(held.owner), amount_total=total, data_date=f"{data_date:%Y%m%d}")
    return {f"{name}.csv": table, f"{name}.ok": ok}


def balances(population: Population, accounts: Accounts, spans: BalanceSpans) -> Iterator[bytes]:
    return columns.csv(
        {
            "account_no": columns.picked(accounts.account_no, spans.account),
            "customer_no": columns.picked(population.customer_no, accounts.owner[spans.account]),
            "start_date": columns.days(spans.start_day),
            "end_date": columns.days(spans.end_day),
            "balance": columns.money(spans.balance),
        }
    )


def organisations() -> Iterator[bytes]:
    return columns.csv(
        {
            "org_code": [one.code for one in BRANCHES.tree],
            "name": [one.name for one in BRANCHES.tree],
            "level": [one.level for one in BRANCHES.tree],
            "parent_code": [one.parent_code for one in BRANCHES.tree],
        }
    )


def numbers(prefix: str, population: Population, placements: Placements) -> pa.Array:
    """Of deposits and holdings. By day and customer: nobody places twice on one day, so a number never depends on
    what others do."""
    opened = columns.compact_days(placements.opened_day).tolist()
    return pa.array(
        [
            f"{prefix}{day}{population.customer_no[owner][1:]}"
            for day, owner in zip(opened, placements.owner.tolist(), strict=True)
        ]
    )
