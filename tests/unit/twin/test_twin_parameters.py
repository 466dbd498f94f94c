from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from delivered import morning

from lingque.twin.bank import Twin
from lingque.twin.blocks import Block
from lingque.twin.parameters import TwinParameters
from lingque.twin.responding.parameters import ResponseParameters
from lingque.twin.responses import Contacted

SHARES = [name for name in TwinParameters.__dataclass_fields__ if name.endswith("_share")]
ANSWERS = [name for name in ResponseParameters.__dataclass_fields__ if name.endswith(("_share", "_harm"))]
HALVES = [
    *(
        f"identity_{fault}_share"
        for fault in ("missing", "conflict", "duplicate", "shared", "old_phone", "name", "document")
    ),
    *(f"{fault}_share" for fault in ("late", "repeated", "missing", "malformed")),
]
EFFECTS = [name for name in ResponseParameters.__dataclass_fields__ if name.endswith("_effect")]

BAD: list[tuple[str, Any]] = [
    ("seed", True),
    ("seed", "1"),
    ("seed", 1.0),
    ("seed", None),
    ("seed", -1),
    ("seed", 2**63),
    ("customers", 0),
    ("customers", 1_000_001),
    ("customers", True),
    ("customers", 10.0),
    ("months", 0),
    ("months", 37),
    ("as_of", "2026-06-01"),
    ("as_of", datetime(2026, 6, 1, tzinfo=UTC)),
    ("as_of", date(2018, 6, 30)),
    ("as_of", date(2030, 7, 1)),
    ("log_months", 0),
    ("life_event_rate", 10.1),
    ("churn_per_year", 1.1),
    ("current_rate", -1),
    ("card_purchases_per_month", 60.1),
    *((name, 0.51) for name in HALVES),
    ("median_income", 499),
    ("median_idle_balance", 99),
    ("spending_per_month", -0.1),
    ("spending_per_month", 30.1),
    ("deposits_per_customer", 5.1),
    ("median_deposit", 999),
    ("wealth_per_customer", 5.1),
    ("median_purchase_plan", 999),
    ("dirt_impossible_dates", -1),
    ("dirt_non_numeric_balances", 1001),
    ("dirt_unknown_customers", 1.0),
    ("dirt_repeated_rows", True),
    *((share, -0.01) for share in SHARES),
    *((share, 1.01) for share in SHARES),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_parameter_is_refused_with_its_name_its_value_and_its_range(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"twin parameter {name} is ") as caught:
        TwinParameters(**{name: value})
    assert repr(value) in str(caught.value)
    assert "allowed is a" in str(caught.value)
    assert " from " in str(caught.value)


def test_every_parameter_has_a_refused_value_above() -> None:
    assert {name for name, _ in BAD} == set(TwinParameters.__dataclass_fields__) - {"responding"}


def test_how_customers_answer_is_a_group_of_its_own() -> None:
    with pytest.raises(ValueError, match=r"twin parameter responding is 0\.1; allowed are ResponseParameters"):
        TwinParameters(responding=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("customers", [1, 40])
@pytest.mark.parametrize("as_of", [date(2018, 7, 1), date(2024, 2, 29), date(2030, 6, 30)])
def test_the_ends_of_the_ranges_make_a_bank(share: int, customers: int, as_of: date, tmp_path: Path) -> None:
    parameters = TwinParameters(
        seed=2**63 - 1,
        customers=customers,
        months=1,
        as_of=as_of,
        median_idle_balance=10_000_000,
        median_deposit=10_000_000,
        median_income=100_000,
        spending_per_month=30.0,
        deposits_per_customer=5.0,
        wealth_per_customer=5.0,
        responding=ResponseParameters(**dict.fromkeys(ANSWERS, share), **dict.fromkeys(EFFECTS, share / 2)),
        **dict.fromkeys(SHARES, share) | dict.fromkeys(HALVES, share / 2),
    )
    twin = Twin.make(parameters)
    contacts = [
        Contacted(address=phone, channel="rm_call", offer="wealth_r2", at=morning(as_of))
        for phone in twin.population.phone
        if phone
    ]
    truth = [twin.true_effect(contacts)] if contacts else []
    assert all(0 <= p <= 1 for one in truth for p in (one.contacted, one.not_contacted))
    assert twin.parts[0].transactions.balance.min() >= 0
    twin.write_extracts(tmp_path / "landing")
    twin.write_followup(twin.respond(contacts, until=twin.last_day), tmp_path / "landing")


def test_streams_of_subjects_are_repeatable_and_differ() -> None:
    block = Block(parameters=TwinParameters(seed=7), number=0)
    once = block.stream("luck").random(4).tolist()
    assert once == block.stream("luck").random(4).tolist()
    assert once != block.stream("age").random(4).tolist()
    assert once != replace(block, number=1).stream("luck").random(4).tolist()
    assert once != replace(block, parameters=TwinParameters(seed=8)).stream("luck").random(4).tolist()
