"""What a source system delivers: files with records, cut by the day on which each record arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lingque.core.hashing import Int64s
from lingque.twin import columns
from lingque.twin.blocks import Block
from lingque.twin.part import Part

_LATEST = 3
"""Days by which a late record is late, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """Of one block, in the order in which they stand in the file."""

    count: int
    content: Callable[[Int64s, int], bytes | pa.Table]
    """Records at these positions, and the day of the file's data, to what stands in the file."""
    arrives: Int64s | None = None
    """The day in whose file each record stands, ascending; `None` where every file tells everything anew."""
    amount: Int64s | None = None
    """What the control file adds up, in fen."""

    @classmethod
    def of(
        cls,
        fields: dict[str, Any],
        *,
        arrives: Int64s | None = None,
        amount: Int64s | None = None,
        encoding: str = "utf-8",
        count: int | None = None,
    ) -> Records:
        """Rows of a CSV file. `fields`: name → one value for each row."""
        table = pa.table(fields)

        def content(where: Int64s, _day: int) -> bytes:
            part = table if len(where) == table.num_rows else table.take(pa.array(where))
            return columns.csv_rows(dict(zip(part.column_names, part.columns, strict=True)), encoding=encoding)

        return cls(count=table.num_rows if count is None else count, content=content, arrives=arrives, amount=amount)

    @classmethod
    def once(cls, part: Part, fields: dict[str, Any]) -> Records:
        """Rows about the bank and not about its customers: they stand in the file of the first block."""
        return cls.of(fields if part.block.number == 0 else {name: pa.array([], pa.string()) for name in fields})

    def between(self, first: int, last: int) -> Int64s:
        """Positions of what stands in the file of these days, both inclusive."""
        if self.arrives is None:
            return np.arange(self.count)
        begin, end = np.searchsorted(self.arrives, (first, last + 1))
        return np.arange(begin, end)


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Files of one kind: `<name>_<YYYYMMDD of the data>.<suffix>`."""

    name: str
    suffix: str
    records: Callable[[Part, int], Records]
    """Of a part, up to the end of a day."""
    header: Callable[[Part, int], bytes] = lambda _part, _day: b""
    """The first line, which may differ from day to day (schema drift)."""
    control: bool = False
    """Whether a control file (`.ok`) with rows and total comes with it."""

    @property
    def system(self) -> str:
        return self.name.split("_")[0]


def plain_header(*names: str, encoding: str = "utf-8") -> Callable[[Part, int], bytes]:
    line = columns.header(names, encoding=encoding)
    return lambda _part, _day: line


def arriving(block: Block, name: str, day: Int64s) -> tuple[Int64s, Int64s]:
    """Of records that happened on these days: their positions in the order in which they arrive, and the day in whose
    file each stands. Some arrive late, some stand in their file twice."""
    random = block.stream(f"arrival of {name}")
    late = random.random(len(day)) < block.parameters.late_share
    arrives = day + np.where(late, random.integers(1, _LATEST + 1, len(day)), 0)
    again = np.flatnonzero(random.random(len(day)) < block.parameters.repeated_share)
    where = np.concatenate([np.arange(len(day)), again])
    order = where[np.lexsort((where, arrives[where]))]
    return order, arrives[order]
