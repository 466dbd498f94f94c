"""What the wealth system delivers: holdings, products, their values, and assessments of the attitude to risk."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.assessments import GRADE_NAMES, Assessments
from lingque.twin.extracts import Extract, Records, plain_header
from lingque.twin.flaws import Weak, weak_day
from lingque.twin.identities import Identities
from lingque.twin.life import history_days
from lingque.twin.part import Part
from lingque.twin.products import PRODUCTS, net_values, posted_rates
from lingque.twin.systems.core_banking import numbers


def _holdings(part: Part, day: int) -> Records:
    """All that were bought by the end of the day, those redeemed since included."""
    placements = part.placements
    bought = placements.take(np.flatnonzero(~placements.is_deposit & (placements.opened_day <= day)))
    held = bought.end_day > day  # `NEVER` is after every day
    known = Identities.make(part, "wealth", day)
    first, last = known.first_keys(), known.last_keys()
    # who has two keys buys under either
    client = [
        (last if number % 2 else first)[owner]
        for owner, number in zip(bought.owner.tolist(), bought.opened_day.tolist(), strict=True)
    ]
    table = pa.table(
        {
            "holding_no": numbers("H", part, bought),
            "client_no": client,
            "account_no": columns.picked(part.accounts.account_no, bought.owner),
            "product_code": columns.picked([one.code for one in PRODUCTS], bought.product),
            "amount": columns.money(bought.amount),
            "bought_on": columns.days(bought.opened_day),
            "redeemed_on": columns.days(bought.end_day, missing=held),
            "status": columns.picked(("redeemed", "held"), held.astype(np.int64)),
        }
    )

    def content(where: Int64s, _day: int) -> pa.Table:
        return table.take(pa.array(where))

    return Records(count=len(bought.owner), content=content)


def _products(part: Part, _day: int) -> Records:
    posted = posted_rates(part.block.parameters.as_of)
    return Records.once(
        part,
        {
            "product_code": [PRODUCTS[one.product].code for one in posted],
            "name": [PRODUCTS[one.product].name for one in posted],
            "regime": [PRODUCTS[one.product].regime for one in posted],
            "risk_grade": [PRODUCTS[one.product].risk_grade for one in posted],
            "annual_rate": columns.rate(np.array([one.rate for one in posted], dtype=np.int64)),
            "valid_from": [one.valid_from for one in posted],
        },
    )


def _net_values(part: Part, _day: int) -> Records:
    first, after = history_days(part.block.parameters)
    product, day, value = net_values(part.block.parameters.seed, first, after)
    if part.block.number:
        product, day, value = product[:0], day[:0], value[:0]
    return Records.of(
        {
            "product_code": columns.picked([one.code for one in PRODUCTS], product),
            "nav": [f"{one:.4f}" for one in value.tolist()],
            "nav_date": columns.days(day),
        },
        arrives=day,
    )


def _clients(part: Part, day: int) -> Records:
    """Who holds or held a product, or was assessed; in GB18030."""
    known = Identities.make(part, "wealth", day)
    return Records.of(
        {
            "client_no": known.key,
            "name": known.name,
            "document_no": known.document,
            "mobile": known.phone,
            "birth_date": columns.days(part.population.birth_day[known.customer]),
        },
        encoding="gb18030",
    )


def _risk_assessments(part: Part, day: int) -> Records:
    """Under the first key of those who have two."""
    assessments = Assessments.make(part.block, part.population)
    client = Identities.make(part, "wealth", day).first_keys()
    return Records.of(
        {
            "client_no": [client[one] for one in assessments.customer.tolist()],
            "grade": assessments.grade,
            "grade_name": columns.picked(GRADE_NAMES, assessments.grade - 1),
            "assessed_on": columns.days(assessments.assessed_day),
            "expires_on": columns.days(assessments.expires_day),
        },
        encoding="gb18030",
    )


def _links(part: Part, day: int) -> Records:
    """Core banking's list of whose each key of the wealth system is: the settlement account told it."""
    known = Identities.make(part, "wealth", day)
    return Records.of(
        {
            "system": ["wealth"] * len(known.key),
            "key": known.key,
            "customer_no": columns.picked(part.population.customer_no, known.customer),
        }
    )


EXTRACTS = (
    Extract(
        name="core_cross_references",
        suffix="csv",
        records=_links,
        header=plain_header("system", "key", "customer_no"),
    ),
    Extract(
        name="wealth_clients",
        suffix="csv",
        records=_clients,
        weak=(weak_day("birth_date"), Weak(column="client_no")),
        repeats=True,
        header=plain_header("client_no", "name", "document_no", "mobile", "birth_date"),
    ),
    Extract(
        name="wealth_holdings",
        suffix="parquet",
        records=_holdings,
        weak=(Weak(column="bought_on"), Weak(column="client_no")),
        repeats=True,
    ),
    Extract(
        name="wealth_products",
        suffix="csv",
        records=_products,
        header=plain_header("product_code", "name", "regime", "risk_grade", "annual_rate", "valid_from"),
    ),
    Extract(
        name="wealth_nav",
        suffix="csv",
        records=_net_values,
        header=plain_header("product_code", "nav", "nav_date"),
    ),
    Extract(
        name="wealth_risk_assessments",
        suffix="csv",
        records=_risk_assessments,
        weak=(weak_day("expires_on"), Weak(column="client_no")),
        repeats=True,
        header=plain_header("client_no", "grade", "grade_name", "assessed_on", "expires_on"),
    ),
)
