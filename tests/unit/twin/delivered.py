"""Reading the extracts of the simulated bank back, as a bank's reader would."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet

from lingque.core.clock import Instant, instant_of
from lingque.twin.systems.transactions import LAYOUT

Rows = list[dict[str, str]]
NEEDED = (
    *("customer_no", "account_no", "client_no", "key"),
    *("opened_on", "maturity_date", "start_date", "acted_on", "expires_on"),
)
AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")


def fen(text: str) -> int:
    assert AMOUNT.fullmatch(text), text
    return int(text.replace(".", ""))


def csv_rows(path: Path, encoding: str = "utf-8") -> Rows:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


@cache
def fixed_width_rows(path: Path) -> Rows:
    """Cut by bytes, as the layout says; texts without the spaces around them. Read once for all tests."""
    cuts = [(name, slice(first - 1, first - 1 + size)) for name, (first, size) in LAYOUT.items()]
    return [
        {name: line[cut].strip().decode("gb18030") for name, cut in cuts}
        for line in path.read_bytes().split(b"\n")[:-1]
    ]


def control_file(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text(encoding="ascii").splitlines())


def clean(rows: Rows, customers: set[str]) -> Rows:
    """Without the bad rows, recognised by their content alone."""
    seen: set[str] = set()
    good = []
    for row in rows:
        if (
            row["customer_no"] in customers
            and not row["booked_on"].endswith("0230")
            and AMOUNT.fullmatch(row["balance"])
            and row["transaction_no"] not in seen
        ):
            good.append(row)
        seen.add(row["transaction_no"])
    return good


def readable(rows: Rows) -> Rows:
    """Each row once, without those that lack what they need or have a date that no calendar has."""
    found = {
        tuple(row.values()): row
        for row in rows
        if "2026-02-30" not in row.values() and all(row.get(name, "key") for name in NEEDED)
    }
    return list(found.values())


@dataclass(frozen=True, kw_only=True)
class Delivery:
    folder: Path

    def rows(self, table: str, day: str = "20260531") -> Rows:
        path = self.folder / f"{table}_{day}.csv"
        encoding = {"core_customers": "utf-8-sig", "wealth_risk_assessments": "gb18030"}.get(table, "utf-8")
        return readable(csv_rows(path, encoding))

    def holdings(self, day: str = "20260531") -> list[dict[str, Any]]:
        """Typed, each once, with the customer whose key of the wealth system they stand under."""
        customers = {row["key"]: row["customer_no"] for row in self.rows("core_cross_references", day)}
        table = pyarrow.parquet.read_table(self.folder / f"wealth_holdings_{day}.parquet")
        found = {row["holding_no"]: row for row in table.to_pylist() if row["client_no"] and row["bought_on"]}
        return [row | {"customer_no": customers[row["client_no"]]} for row in found.values()]

    def transactions(self, day: str = "20260531") -> Rows:
        return fixed_width_rows(self.folder / f"core_transactions_{day}.dat")


def morning(day: date) -> Instant:
    """Ten o'clock in China."""
    return instant_of(datetime.combine(day, time(10), tzinfo=ZoneInfo("Asia/Shanghai")))
