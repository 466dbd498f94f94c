"""Who pays whom every month, as core banking knows it: payroll by employer (代发) and direct debits (代扣)."""

from __future__ import annotations

import numpy as np

from lingque.twin import columns
from lingque.twin.behaviour import mandates
from lingque.twin.categories import MANDATES
from lingque.twin.days import day_number
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.flaws import Weak
from lingque.twin.part import Part


def _payroll(part: Part, _day: int) -> Records:
    """Whose salary comes from which employer on the day of the data."""
    today = day_number(part.block.parameters.as_of)
    everybody = np.arange(part.block.customers)
    employer = part.habits.payroll.employer_on(part.population, everybody, np.full(part.block.customers, today))
    paid = np.flatnonzero((employer >= 0) & (part.population.churn_stage < 2))
    return Records.of(
        {
            "account_no": columns.picked(part.accounts.account_no, paid),
            "employer_no": columns.padded_numbers("W", employer[paid], 6),
        }
    )


def _debits(part: Part, _day: int) -> Records:
    parts = []
    for number in range(len(MANDATES)):
        customer, day, _bill = mandates(part.block, part.population, number)
        parts.append((customer, np.full(len(customer), number), day))
    customer, kind, day = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((kind, customer))
    return Records.of(
        {
            "account_no": columns.picked(part.accounts.account_no, customer[order]),
            "kind": columns.picked(MANDATES, kind[order]),
            "day_of_month": day[order],
        }
    )


EXTRACTS = (
    Extract(
        name="core_payroll",
        suffix="csv",
        records=_payroll,
        weak=(Weak(column="account_no"),),
        repeats=True,
        header=plain_header("account_no", "employer_no"),
    ),
    Extract(
        name="core_mandates",
        suffix="csv",
        records=_debits,
        weak=(Weak(column="day_of_month", malformed="32"), Weak(column="account_no")),
        repeats=True,
        header=plain_header("account_no", "kind", "day_of_month"),
    ),
)
