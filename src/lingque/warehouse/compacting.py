"""Many days of a table in one file, and what becomes of a day that is delivered again afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BASE = "base"
"""The slice that holds what was put together; each row says by its `data_date` whose delivery it was."""


@dataclass(frozen=True, kw_only=True)
class OfDays:
    """Rows that deliveries of these days brought."""

    days: tuple[date, ...]

    def columns(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name == "data_date"]

    def flags(self, rows: pa.Table) -> pa.ChunkedArray:
        return pc.is_in(rows.column("data_date"), value_set=pa.array(self.days, pa.date32()))


def days_in(names: Iterable[str]) -> tuple[date, ...]:
    """The slices that are called by a day."""
    found: list[date] = []
    for name in names:
        try:
            found.append(date.fromisoformat(name))
        except ValueError:
            continue  # all of a table, or what was put together
    return tuple(found)


def may_hold(path: Path, days: Sequence[date]) -> bool:
    """Do the statistics of the file allow that it has rows of these days? New days come after all that are in it."""
    metadata = pq.read_metadata(path)
    names = metadata.schema.to_arrow_schema().names
    if not days or "data_date" not in names:
        return False
    place = names.index("data_date")
    for number in range(metadata.num_row_groups):
        statistics = metadata.row_group(number).column(place).statistics
        if statistics is None or not statistics.has_min_max:
            return True
        if any(statistics.min <= day <= statistics.max for day in days):
            return True
    return False
