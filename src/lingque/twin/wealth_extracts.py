"""What the wealth system delivers: holdings, the product catalogue and assessments of the attitude to risk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from lingque.twin import columns
from lingque.twin.assessments import GRADE_NAMES, Assessments
from lingque.twin.behaviour import Accounts
from lingque.twin.core_extracts import numbers
from lingque.twin.days import day_number
from lingque.twin.placements import Placements
from lingque.twin.population import Population
from lingque.twin.products import PRODUCTS, PostedRate


def holdings(population: Population, accounts: Accounts, placements: Placements, *, data_date: date) -> Iterator[bytes]:
    """All that were bought by the end of the data date, those redeemed since included."""
    last = day_number(data_date)
    bought = placements.take(np.flatnonzero(~placements.is_deposit & (placements.opened_day <= last)))
    held = bought.end_day > last  # `NEVER` is after every day
    return columns.parquet(
        {
            "holding_no": numbers("H", population, bought),
            "customer_no": columns.picked(population.customer_no, bought.owner),
            "account_no": columns.picked(accounts.account_no, bought.owner),
            "product_code": columns.picked([one.code for one in PRODUCTS], bought.product),
            "amount": columns.money(bought.amount),
            "bought_on": columns.days(bought.opened_day),
            "redeemed_on": columns.days(bought.end_day, missing=held),
            "status": columns.picked(("redeemed", "held"), held.astype(np.int64)),
        }
    )


def products(posted: tuple[PostedRate, ...]) -> Iterator[bytes]:
    return columns.csv(
        {
            "product_code": [PRODUCTS[one.product].code for one in posted],
            "name": [PRODUCTS[one.product].name for one in posted],
            "regime": [PRODUCTS[one.product].regime for one in posted],
            "risk_grade": [PRODUCTS[one.product].risk_grade for one in posted],
            "annual_rate": columns.rate(np.array([one.rate for one in posted], dtype=np.int64)),
            "valid_from": [one.valid_from for one in posted],
        }
    )


def risk_assessments(population: Population, assessments: Assessments) -> Iterator[bytes]:
    return columns.csv(
        {
            "customer_no": columns.picked(population.customer_no, assessments.customer),
            "grade": assessments.grade,
            "grade_name": columns.picked(GRADE_NAMES, assessments.grade - 1),
            "assessed_on": columns.days(assessments.assessed_day),
            "expires_on": columns.days(assessments.expires_day),
        },
        encoding="gb18030",
    )
