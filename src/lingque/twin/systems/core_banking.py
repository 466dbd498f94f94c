"""What the core banking system delivers: customers, accounts, deposits, balances and the tree of branches."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.days import day_number
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.ledger import BalanceSpans
from lingque.twin.organisation import BRANCHES, CITIES
from lingque.twin.part import Part
from lingque.twin.placements import Placements
from lingque.twin.population import OCCUPATIONS
from lingque.twin.products import PRODUCTS


def _customers(part: Part, _day: int) -> Records:
    population = part.population
    return Records.of(
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
            "document_no": population.document_no,
        }
    )


def _accounts(part: Part, _day: int) -> Records:
    accounts = part.accounts
    return Records.of(
        {
            "account_no": accounts.account_no,
            "customer_no": columns.picked(part.population.customer_no, accounts.owner),
            "kind": ["current"] * len(accounts.owner),
            "opened_on": columns.days(accounts.opened_day),
        }
    )


def _deposits(part: Part, day: int) -> Records:
    """All that were opened by the end of the day."""
    placements = part.placements
    held = placements.take(np.flatnonzero(placements.is_deposit & (placements.opened_day <= day)))
    return Records.of(
        {
            "deposit_no": numbers("D", part, held),
            "customer_no": columns.picked(part.population.customer_no, held.owner),
            "account_no": columns.picked(part.accounts.account_no, held.owner),
            "product_code": columns.picked([one.code for one in PRODUCTS], held.product),
            "amount": columns.money(held.amount),
            "opened_on": columns.days(held.opened_day),
            "maturity_date": columns.days(held.end_day),
            "annual_rate": columns.rate(held.rate),
            "status": columns.picked(("open", "matured"), (held.end_day <= day).astype(np.int64)),
        },
        amount=held.amount,
    )


def _balances(part: Part, day: int) -> Records:
    booked = part.transactions
    spans = BalanceSpans.of(
        booked if booked.day.max(initial=0) <= day else booked.take((booked.day <= day).nonzero()[0])
    )
    return Records.of(
        {
            "account_no": columns.picked(part.accounts.account_no, spans.account),
            "customer_no": columns.picked(part.population.customer_no, part.accounts.owner[spans.account]),
            "start_date": columns.days(spans.start_day),
            "end_date": columns.days(spans.end_day),
            "balance": columns.money(spans.balance),
        }
    )


def _organisations(part: Part, _day: int) -> Records:
    return Records.once(
        part,
        {
            "org_code": [one.code for one in BRANCHES.tree],
            "name": [one.name for one in BRANCHES.tree],
            "level": [one.level for one in BRANCHES.tree],
            "parent_code": [one.parent_code for one in BRANCHES.tree],
        },
    )


def _branches(part: Part, _day: int) -> Records:
    """Where they are; those that were merged into another one stand at the end."""
    gone = BRANCHES.merged
    code = [*BRANCHES.code, *(one.code for one in gone)]
    at: Int64s = np.array([*range(len(BRANCHES.code)), *(one.into for one in gone)], dtype=np.int64)
    closed = [part.block.parameters.as_of - timedelta(days=one.days_before) for one in gone]
    return Records.once(
        part,
        {
            "branch_code": code,
            "latitude": [f"{one:.2f}" for one in BRANCHES.latitude[at].tolist()],
            "longitude": [f"{one:.2f}" for one in BRANCHES.longitude[at].tolist()],
            "closed_on": ["" for _ in BRANCHES.code] + [one.isoformat() for one in closed],
            "merged_into": ["" for _ in BRANCHES.code] + [BRANCHES.code[one.into] for one in gone],
        },
    )


def _branch_moves(part: Part, _day: int) -> Records:
    """Customers whose branch was merged into their present one, and when."""
    moved = [np.flatnonzero(part.former_branch == number) for number in range(len(BRANCHES.merged))]
    who = np.concatenate(moved)
    which = np.repeat(np.arange(len(moved)), [len(one) for one in moved])
    today = day_number(part.block.parameters.as_of)
    on = today - np.array([one.days_before for one in BRANCHES.merged])[which]
    return Records.of(
        {
            "customer_no": columns.picked(part.population.customer_no, who),
            "from_branch": columns.picked([one.code for one in BRANCHES.merged], which),
            "to_branch": columns.picked(BRANCHES.code, part.population.branch[who]),
            "moved_on": columns.days(on),
        }
    )


def numbers(prefix: str, part: Part, placements: Placements) -> pa.Array:
    """Of deposits and holdings. By day and customer: nobody places twice on one day, so a number never depends on
    what others do."""
    customer = part.block.first + placements.owner + 1
    return columns.padded_numbers(prefix, columns.compact_days(placements.opened_day) * 10_000_000 + customer, 15)


EXTRACTS = (
    Extract(
        name="core_customers",
        suffix="csv",
        records=_customers,
        weak=(weak_day("opened_on"), Weak(column="customer_no")),
        repeats=True,
        header=plain_header(
            *("customer_no", "name", "phone", "email", "birth_date", "gender", "city", "branch_code"),
            *("opened_on", "occupation", "document_no"),
            encoding="utf-8-sig",
        ),
    ),
    Extract(
        name="core_accounts",
        suffix="csv",
        records=_accounts,
        weak=(weak_day("opened_on"), Weak(column="customer_no")),
        repeats=True,
        header=plain_header("account_no", "customer_no", "kind", "opened_on"),
    ),
    Extract(
        name="core_deposits",
        suffix="csv",
        records=_deposits,
        weak=(weak_day("maturity_date"), Weak(column="customer_no")),
        repeats=True,
        header=plain_header(
            *("deposit_no", "customer_no", "account_no", "product_code", "amount", "opened_on"),
            *("maturity_date", "annual_rate", "status"),
        ),
        control=True,
    ),
    Extract(
        name="core_balances",
        suffix="csv",
        records=_balances,
        weak=(weak_day("start_date"), Weak(column="account_no")),
        repeats=True,
        header=plain_header("account_no", "customer_no", "start_date", "end_date", "balance"),
    ),
    Extract(
        name="core_organisations",
        suffix="csv",
        records=_organisations,
        header=plain_header("org_code", "name", "level", "parent_code"),
    ),
    Extract(
        name="core_branches",
        suffix="csv",
        records=_branches,
        header=plain_header("branch_code", "latitude", "longitude", "closed_on", "merged_into"),
    ),
    Extract(
        name="core_branch_moves",
        suffix="csv",
        records=_branch_moves,
        weak=(weak_day("moved_on"), Weak(column="customer_no")),
        repeats=True,
        header=plain_header("customer_no", "from_branch", "to_branch", "moved_on"),
    ),
)
