"""Simulated banks that the tests of this folder share, and reading their extracts back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from lingque.twin.bank import Twin
from lingque.twin.parameters import TwinParameters

Rows = list[dict[str, str]]
Read = Callable[[str], Rows]


@pytest.fixture(scope="session")
def twin() -> Twin:
    return Twin.make(TwinParameters())


@pytest.fixture(scope="session")
def folder(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twin") / "extracts"
    twin.write_extracts(folder)
    return folder


@pytest.fixture(scope="session")
def read(folder: Path) -> Read:
    """The rows of one source as a bank's reader would see them."""

    def rows_of(source: str) -> Rows:
        with (folder / f"{source}_20260601.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return rows_of


@pytest.fixture(scope="session")
def clean_transactions(read: Read) -> Rows:
    """Without the bad rows, recognised by their content alone."""
    customers = {row["customer_no"] for row in read("customers")}
    seen: set[str] = set()
    clean = []
    for row in read("transactions"):
        good = (
            row["customer_no"] in customers
            and not row["booked_on"].endswith("-02-30")
            and row["amount"].replace(".", "").isdigit()
            and row["transaction_no"] not in seen
        )
        seen.add(row["transaction_no"])
        if good:
            clean.append(row)
    return clean
