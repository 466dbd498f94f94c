"""What the loan system delivers: borrowers under its own key, their loans, and what they repaid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lingque.twin import columns
from lingque.twin.categories import POSITION
from lingque.twin.extracts import Extract, Records, arriving, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities
from lingque.twin.loans import LOAN_KINDS, RATES, TERMS
from lingque.twin.part import Part


def _borrowers(part: Part, day: int) -> Records:
    known = Identities.make(part, "loans", day)
    return Records.of(
        {
            "borrower_id": known.key,
            "name": known.name,
            "document_no": known.document,
            "mobile": known.phone,
            "birth_date": columns.days(part.population.birth_day[known.customer]),
        },
        encoding="gb18030",
    )


def _loans(part: Part, day: int) -> Records:
    """All that were opened by the day, with what is owed if every sum was paid when due."""
    loans = part.habits.loans
    where = np.flatnonzero(loans.opened_day <= day)
    key = Identities.make(part, "loans", day).first_keys()
    owner = loans.owner[where]
    return Records.of(
        {
            "loan_no": columns.padded_numbers("N", (part.block.first + owner + 1) * 1_000 + nth_of(part)[where], 12),
            "borrower_id": [key[one] for one in owner.tolist()],
            "kind": columns.picked(LOAN_KINDS, loans.kind[where]),
            "amount": columns.money(loans.amount[where]),
            "months": TERMS[loans.kind[where]],
            "annual_rate": columns.rate(RATES[loans.kind[where]]),
            "installment": columns.money(loans.installment[where]),
            "opened_on": columns.days(loans.opened_day[where]),
            "outstanding": columns.money(loans.outstanding(day)[where]),
        },
        amount=loans.amount[where],
    )


def nth_of(part: Part) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of each loan, which one of its owner's it is, from 0."""
    owner = part.habits.loans.owner
    return np.arange(len(owner)) - np.searchsorted(owner, owner)


def _repayments(part: Part, day: int) -> Records:
    """What was really taken from the accounts: a sum that an account lacked is missing."""
    booked = part.transactions
    where = np.flatnonzero((booked.category == POSITION["loan_repayment"]) & (booked.day <= day))
    where = where[np.argsort(booked.day[where], kind="stable")]
    arrival = arriving(part.block, "loan repayments", booked.day[where])
    where = where[arrival.where]
    told = Records.of(
        {
            "account_no": columns.picked(part.accounts.account_no, booked.account[where]),
            "paid_on": columns.days(booked.day[where]),
            "amount": columns.money(booked.amount[where]),
        },
        arrives=arrival.day,
        amount=booked.amount[where],
    )
    return replace(told, flaws=arrival.flaws)


EXTRACTS = (
    Extract(
        name="loans_borrowers",
        suffix="csv",
        records=_borrowers,
        weak=(weak_day("birth_date"), Weak(column="borrower_id")),
        repeats=True,
        header=plain_header("borrower_id", "name", "document_no", "mobile", "birth_date"),
    ),
    Extract(
        name="loans_loans",
        suffix="csv",
        records=_loans,
        weak=(weak_day("opened_on"), Weak(column="borrower_id")),
        repeats=True,
        header=plain_header(
            *("loan_no", "borrower_id", "kind", "amount", "months", "annual_rate", "installment"),
            *("opened_on", "outstanding"),
        ),
        control=True,
    ),
    Extract(
        name="loans_repayments",
        suffix="csv",
        records=_repayments,
        weak=(weak_day("paid_on"), Weak(column="account_no")),
        header=plain_header("account_no", "paid_on", "amount"),
        control=True,
    ),
)
