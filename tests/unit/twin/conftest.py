"""Simulated banks that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from delivered import Delivery, Rows, clean, morning
from making import TINY

from lingque.twin.bank import Twin
from lingque.twin.making import make_bank
from lingque.twin.parameters import TwinParameters
from lingque.twin.responses import Contacted

Contact = Callable[..., list[Contacted]]


@pytest.fixture(scope="session")
def twin() -> Twin:
    return Twin.make(TwinParameters(customers=1000, spending_per_month=1.5))


@pytest.fixture(scope="session")
def delivery(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    folder = tmp_path_factory.mktemp("twin") / "landing"
    twin.write_extracts(folder)
    return Delivery(folder=folder)


@pytest.fixture(scope="session")
def resent(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    folder = tmp_path_factory.mktemp("resent")
    twin.write_resent(folder)
    return Delivery(folder=folder)


@pytest.fixture(scope="session")
def history(delivery: Delivery, resent: Delivery) -> Rows:
    """All clean transactions up to the data date, as they are known after the second delivery."""
    return clean(resent.transactions(), {row["customer_no"] for row in delivery.rows("core_customers")})


@pytest.fixture(scope="session")
def by_phone(twin: Twin) -> Contact:
    """One contact by telephone of each of these customers (all who have a number, if none are named)."""

    def contacts(customers: Sequence[int] | None = None, **changes: object) -> list[Contacted]:
        chosen = range(len(twin.population.phone)) if customers is None else customers
        plain = Contacted(address="", channel="rm_call", offer="deposit_renewal", at=morning(twin.parameters.as_of))
        return [
            replace(plain, address=phone, **changes)  # type: ignore[arg-type]
            for phone in (twin.population.phone[customer] for customer in chosen)
            if phone
        ]

    return contacts


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "bank"
    make_bank(TINY, folder)
    return folder
