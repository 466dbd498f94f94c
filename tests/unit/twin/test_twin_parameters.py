from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters

SHARES = [
    "second_account_share",
    "missing_email_share",
    "email_bounce_share",
    "consent_share",
    "financial_consent_share",
    "withdrawal_share",
    "sure_thing_share",
    "sleeping_dog_share",
    "sleeping_dog_harm",
]

BAD: list[tuple[str, Any]] = [
    ("seed", True),
    ("seed", "1"),
    ("seed", 1.0),
    ("seed", None),
    ("seed", -1),
    ("seed", 2**63),
    ("customers", 0),
    ("customers", 100_001),
    ("customers", True),
    ("customers", 10.0),
    ("months", 0),
    ("months", 37),
    ("as_of", "2026-06-01"),
    ("as_of", datetime(2026, 6, 1, tzinfo=UTC)),
    ("as_of", date(1999, 12, 31)),
    ("as_of", date(2100, 1, 1)),
    ("median_income", 499),
    ("median_idle_balance", 99),
    ("spending_per_month", -0.1),
    ("spending_per_month", 30.1),
    ("deposits_per_customer", 5.1),
    ("base_opening", 0.31),
    ("contact_effect", 0.51),
    ("contact_effect", float("nan")),
    ("contact_effect", float("inf")),
    ("contact_effect", False),
    ("contact_effect", "0.1"),
    ("dirt_impossible_dates", -1),
    ("dirt_non_numeric_amounts", 1001),
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
    assert {name for name, _ in BAD} == set(TwinParameters.__dataclass_fields__)


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("customers", [1, 40])
@pytest.mark.parametrize("as_of", [date(2000, 1, 1), date(2024, 2, 29), date(2099, 12, 31)])
def test_the_ends_of_the_ranges_make_a_bank_with_probabilities(share: int, customers: int, as_of: date) -> None:
    parameters = TwinParameters(
        seed=2**63 - 1,
        customers=customers,
        months=1,
        as_of=as_of,
        median_idle_balance=10_000_000,
        median_income=100_000,
        spending_per_month=30.0,
        deposits_per_customer=5.0,
        base_opening=0.3,
        contact_effect=0.5,
        **dict.fromkeys(SHARES, share),
    )
    twin = Twin.make(parameters)
    for p in (twin.population.p0, twin.population.p1):
        assert p.shape == (customers,)
        assert np.all((p >= 0) & (p <= 1))
    assert twin.ledger.transactions.balance.min() >= 0


def test_streams_of_subjects_are_repeatable_and_differ() -> None:
    parameters = TwinParameters(seed=7)
    once = parameters.stream("luck").random(4).tolist()
    assert once == parameters.stream("luck").random(4).tolist()
    assert once != parameters.stream("age").random(4).tolist()
    assert once != TwinParameters(seed=8).stream("luck").random(4).tolist()
