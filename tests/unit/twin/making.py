"""A tiny bank made as files."""

from __future__ import annotations

from pathlib import Path

from delivered import csv_rows, readable

from lingque.twin.parameters import TwinParameters

TINY = TwinParameters(seed=3, customers=400, months=4, dirt_repeated_rows=0, dirt_impossible_dates=0)
GB18030 = ("cards_holders", "loans_borrowers", "wealth_clients", "wealth_risk", "hospital_visits")


def truth_name(name: str, suffix: str = "csv") -> str:
    return f"{name}_20260531.{suffix}"


def all_rows(folder: Path, extract: str, suffix: str = "csv", encoding: str = "utf-8") -> list[dict[str, str]]:
    paths = sorted((folder / "landing").glob(f"{extract}_2*.{suffix}"))
    assert paths
    return readable([row for path in paths for row in csv_rows(path, encoding)])
